"""Draw loss curves and decision maps in characters, for a terminal.

>>> print(text_curve([4.0, 3.0, 2.5, 2.2, 2.0], width=30, height=4, title="loss"))
loss
4 |''''''
  |      ______
  |            ______
2 |                  ------______
  +------------------------------
   1            step            5
"""

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import SupportsFloat, SupportsIndex

LEVELS = "_-'"  # the heights within one row, from below
DECADES = 100.0  # positive values that span more are drawn to a logarithmic scale
POINTS = "ox*+@%&$"  # of class 0, 1, ...
AREAS = ".:-'=,~;"
SEVERAL = "#"


def text_curve(
    values: Sequence[SupportsFloat], width: int = 60, height: int = 10, title: str = ""
) -> str:
    """Return a curve of values over their number, from 1, as lines of ASCII characters.

    The plot is `width` by `height` characters, to the right of an axis. Where there are more values
    than columns, a column shows the mean of its share; nan and infinite values are left out. The
    scale is logarithmic where positive values span more than two decades. ValueError of no values.
    """
    _check_size("text_curve()", width, height)
    numbers = [float(v) for v in values]
    if not numbers:
        raise ValueError("text_curve() takes one value or more, not []; train first")
    columns = [_mean(share) for share in _shares(numbers, width)]
    finite = [v for v in columns if v is not None]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    log = low > 0.0 and high / DECADES > low
    ends = _place(low, log), _place(high, log)

    top = height * len(LEVELS) - 1
    rows = [[" "] * width for _ in range(height)]
    for column, value in enumerate(columns):
        if value is not None:
            level = round(_share(_place(value, log), *ends) * top)
            rows[level // len(LEVELS)][column] = LEVELS[level % len(LEVELS)]
    marks = {}  # the value at the ends, and in the middle of rows between
    if finite:
        for row in range(0, height - 2, 3):
            share = (row * len(LEVELS) + 1) / top if row else 0.0
            place = ends[0] * (1.0 - share) + ends[1] * share
            marks[row] = 10.0**place if log else place * 2.0
        marks[height - 1] = high
    if low == high:
        marks = {round(0.5 * top) // len(LEVELS): low} if finite else {}
    labels = dict(zip(marks, _labels(list(marks.values())), strict=True))
    axis = max(map(len, labels.values()), default=0)

    omitted = sum(not math.isfinite(v) for v in numbers)
    notes = "   log scale" * log + f"   {omitted} of {len(numbers)} not finite" * (omitted > 0)
    room = width + axis + 2
    heading = _plain(" ".join(title.split()))[: max(room - len(notes), 0)] + notes
    lines = [heading.strip()[:room]] if heading else []
    for row in reversed(range(height)):
        lines.append(f"{labels.get(row, ''):>{axis}} |{''.join(rows[row])}".rstrip())
    lines.append(" " * axis + " +" + "-" * width)
    lines.append(" " * axis + "  " + _ends("1", "step", str(len(numbers)), width))
    return "\n".join(lines)


def text_map(
    classify: Callable[[list[float]], SupportsIndex],
    points: Sequence[Sequence[float]],
    targets: Sequence[SupportsIndex],
    width: int = 60,
    height: int = 24,
    classes: Sequence[str] = (),
) -> str:
    """Return a map of the class at each place of the plane, with the points upon it, as lines.

    `classify` takes [x, y] and gives a class index; `classes` are names for the legend. It is
    called `width * height` times, at the middle of each character. ValueError where points have not
    two finite coordinates, targets are not class indices, or there are no points.
    """
    _check_size("text_map()", width, height)
    if not points or len(points) != len(targets):
        found = f"{len(points)} points and {len(targets)} targets"
        raise ValueError(f"text_map() takes points and a target for each, not {found}")
    for point in points:
        if len(point) != 2 or not all(map(math.isfinite, point)):
            raise ValueError(
                f"text_map() takes points of two finite numbers, not {point!r}; choose two columns"
            )
    left, right = _range([point[0] for point in points])
    low, high = _range([point[1] for point in points])
    xs = [left + (right - left) * (column + 0.5) / width for column in range(width)]
    ys = [low + (high - low) * (row + 0.5) / height for row in range(height)]
    rows = [[AREAS[_class(classify([x, y]))] for x in xs] for y in ys]
    used = {AREAS.index(area) for row in rows for area in row}

    cells: dict[tuple[int, int], set[int]] = {}
    for (x, y), target in zip(points, targets, strict=True):
        row = min(int((y - low) / (high - low) * height), height - 1)
        column = min(int((x - left) / (right - left) * width), width - 1)
        cells.setdefault((row, column), set()).add(_class(target))
    for (row, column), here in cells.items():
        rows[row][column] = POINTS[min(here)] if len(here) == 1 else SEVERAL
    used |= set().union(*cells.values())

    names = {k: classes[k] if k < len(classes) else f"class {k}" for k in sorted(used)}
    legend = [f"{POINTS[k]} in {AREAS[k]} {_plain(name)}" for k, name in names.items()]
    legend += [f"{SEVERAL} several"] * any(len(here) > 1 for here in cells.values())
    (bottom, top), (first, last) = _labels([low, high]), _labels([left, right])
    axis = max(len(bottom), len(top))
    labels = {0: bottom, height - 1: top}
    lines = [f"{labels.get(row, ''):>{axis}} |{''.join(rows[row])}" for row in range(height)][::-1]
    lines.append(" " * axis + " +" + "-" * width)
    lines.append(" " * axis + "  " + _ends(first, "", last, width))
    lines.append(" " * axis + "  " + "   ".join(legend))
    return "\n".join(lines)


def _check_size(what: str, width: int, height: int) -> None:
    if width < 10 or height < 3:
        raise ValueError(f"{what} takes a size of 10 by 3 or more, not {width!r} by {height!r}")


def _shares(numbers: list[float], width: int) -> list[list[float]]:
    """Return the numbers of each column: one at least, so that few numbers make wide steps."""
    starts = [column * len(numbers) // width for column in range(width + 1)]
    return [numbers[i : max(i + 1, j)] for i, j in itertools.pairwise(starts)]


def _mean(numbers: list[float]) -> float | None:
    finite = [v for v in numbers if math.isfinite(v)]
    return math.fsum(v / len(finite) for v in finite) if finite else None


def _place(value: float, log: bool) -> float:
    return math.log10(value) if log else value / 2.0  # halves: their difference cannot overflow


def _share(place: float, low: float, high: float) -> float:
    return (place - low) / (high - low) if high > low else 0.5


def _range(numbers: list[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    margin = 0.05 * (high - low) or 0.05 * abs(low) or 1.0
    return low - margin, high + margin


def _class(index: SupportsIndex) -> int:
    k = operator.index(index)
    if not 0 <= k < len(POINTS):
        raise ValueError(
            f"text_map() takes class indices from 0 to {len(POINTS) - 1}, not {index!r}; "
            "number the classes from 0"
        )
    return k


def _labels(numbers: list[float]) -> list[str]:
    """Return numbers to 4 significant digits, or to more where they would look equal."""
    for digits in range(4, 18):
        texts = [f"{v:.{digits}g}" for v in numbers]
        if len(set(texts)) == len(set(numbers)):
            break
    return texts


def _ends(left: str, middle: str, right: str, width: int) -> str:
    """Return a line with texts at its ends, and one in the middle where it has room."""
    gap = width - len(left) - len(right)
    return left + (middle.center(gap) if len(middle) + 2 <= gap else " " * max(gap, 1)) + right


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
