"""Draw loss curves, decision maps, confusion matrices and images in characters, for a terminal.

>>> print(text_curve([4.0, 3.0, 2.5, 2.2, 2.0], width=30, height=4, title="loss"))
loss
4 |''''''
  |      ______
  |            ______
2 |                  ------______
  +------------------------------
   1            step            5

They need nothing but this package; the same as pictures, by matplotlib, are in `figures`.
"""

import itertools
import math
import operator
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import SupportsFloat, SupportsIndex

from microgradnet.errors import explained, printable, show, wrong
from microgradnet.functional import operands

LEVELS = "_-'"  # the heights within one row, from below
DECADES = 100.0  # positive values that span more are drawn to a logarithmic scale
POINTS = "ox*+@%&$"  # of class 0, 1, ...
AREAS = ".:-'=,~;"
SEVERAL = "#"
INK = " .:-=+*#%@"  # from the least number to the greatest
COLUMNS = 80  # of a terminal
LARGEST = 1000  # columns or rows of a drawing, classes of a table


@explained
def text_curve(
    values: Sequence[SupportsFloat], width: int = 60, height: int = 10, title: str = "",
    number: str = "step",
) -> str:  # fmt: skip
    """Return a curve of values over their `number`, from 1, as lines of ASCII characters.

    The plot is `width` by `height` characters, to the right of an axis. Where there are more values
    than columns, a column shows the mean of its share; nan and infinite values are left out. The
    scale is logarithmic where positive values span more than two decades. ValueError of no values.
    """
    _check_size("text_curve()", width, height)
    numbers = floats("text_curve()", values)
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
    heading = printable(" ".join(title.split())) if title.strip() else ""
    heading = heading[: max(room - len(notes), 0)] + notes
    lines = [heading.strip()[:room]] if heading else []
    for row in reversed(range(height)):
        lines.append(f"{labels.get(row, ''):>{axis}} |{''.join(rows[row])}".rstrip())
    lines.append(" " * axis + " +" + "-" * width)
    unit = printable(number) if number != "" else ""
    lines.append(" " * axis + "  " + _ends("1", unit, str(len(numbers)), width))
    return "\n".join(lines)


@explained
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
    check_points("text_map()", points, targets, classes)
    left, right = limits([point[0] for point in points])
    low, high = limits([point[1] for point in points])
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
    legend = [f"{POINTS[k]} in {AREAS[k]} {printable(name)}" for k, name in names.items()]
    legend += [f"{SEVERAL} several"] * any(len(here) > 1 for here in cells.values())
    (bottom, top), (first, last) = _labels([low, high]), _labels([left, right])
    axis = max(len(bottom), len(top))
    labels = {0: bottom, height - 1: top}
    lines = [f"{labels.get(row, ''):>{axis}} |{''.join(rows[row])}" for row in range(height)][::-1]
    lines.append(" " * axis + " +" + "-" * width)
    lines.append(" " * axis + "  " + _ends(first, "", last, width))
    lines.append(" " * axis + "  " + "   ".join(legend))
    return "\n".join(lines)


Class = SupportsIndex | str  # an index into the names of the classes, or one of them


@explained
def text_confusion(
    targets: Sequence[Class], predictions: Sequence[Class], classes: Sequence[str]
) -> str:
    """Return the confusion matrix as lines: a row per true class, a column per predicted one.

    The lines have at most 80 columns up to 10 classes (and counts below 100,000): names are cut in
    rows, and columns are numbered where their names have no room. For what is taken, see
    `confusion`.

    >>> print(text_confusion([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], ["cat", "dog"]))
    accuracy 0.800 (4 of 5); rows: the true class, columns: the predicted
         cat  dog  recall
    cat    2    1   0.667
    dog    .    2   1.000
    """
    counts = confusion(targets, predictions, classes)
    names = [printable(str(name)) for name in classes]
    digits = max(len(str(count)) for row in counts for count in row)
    ends = 12, len("  recall")  # at the left, where there are many columns, and at the right
    room = (COLUMNS - sum(ends)) // len(names) - 2
    heads = names
    if max(map(_width, names)) > max(room, digits):
        heads = [str(k) for k in range(len(names))]
        names = [f"{k} {name}" for k, name in enumerate(names)]
    column = max(digits, *map(_width, heads)) + (2 if room >= digits else 1)
    side = max(COLUMNS - ends[1] - column * len(names), ends[0])
    side = min(side, max(map(_width, names)))

    total, right = len(targets), sum(row[k] for k, row in enumerate(counts))
    rule = "rows: the true class, columns: the predicted"
    lines = [f"accuracy {right / total:.3f} ({right} of {total}); {rule}"]
    lines.append(" " * side + "".join(_fit(head, -column) for head in heads) + "  recall")
    for k, (name, row) in enumerate(zip(names, counts, strict=True)):
        cells = "".join(f"{count or '.':>{column}}" for count in row)
        recall = f"{row[k] / sum(row):.3f}" if any(row) else "-"
        lines.append(f"{_fit(name, side)}{cells}{recall:>8}")
    return "\n".join(lines)


@explained
def confusion(
    targets: Sequence[Class], predictions: Sequence[Class], classes: Sequence[str]
) -> list[list[int]]:
    """Return how many rows of each true class (a list each) were predicted as each class.

    Targets and predictions are indices into `classes`, or names from it. ValueError where there are
    none, their lengths differ, or one is not such.

    >>> confusion([0, 0, 1], ["cat", "dog", "dog"], ["cat", "dog"])
    [[1, 1], [0, 1]]
    """
    if not targets or len(targets) != len(predictions):
        found = f"{len(targets)} targets and {len(predictions)} predictions"
        rule = f"a confusion matrix takes a prediction for each target, not {found}"
        raise ValueError(f"{rule}; give as many of both")
    if isinstance(classes, str) or not 0 < len(classes) <= LARGEST:
        remedy = "write ['a', 'b'], or group them"
        raise wrong("a confusion matrix", f"1 to {LARGEST} names of classes", classes, remedy)
    index = {name: k for k, name in reversed(list(enumerate(classes)))}
    counts = [[0] * len(classes) for _ in classes]
    for target, prediction in zip(targets, predictions, strict=True):
        row, column = (_index(given, index, len(classes)) for given in (target, prediction))
        counts[row][column] += 1
    return counts


@explained
def text_images(
    rows: Sequence[Sequence[SupportsFloat]], shape: tuple[int, int] = (8, 8),
    labels: Sequence[object] = (), width: int = COLUMNS,
) -> str:  # fmt: skip
    """Return rows of height * width numbers as images side by side, each pixel two characters wide.

    The darkest character is the greatest number of all rows, the blank the least. `labels` are
    written below, one for each image. ValueError where a row has not as many finite numbers.

    >>> print(text_images([[0, 9, 9, 0], [0, 3, 6, 9]], (2, 2), labels=[1, 7]))
      @@    --
    @@    **@@
    1     7
    """
    images = shaped("text_images()", rows, shape)
    if labels and len(labels) != len(images):
        remedy = f"give {len(images)}, or none"
        raise wrong("text_images()", "a label for each image", len(labels), remedy)
    low, high = (f(v for image in images for line in image for v in line) for f in (min, max))
    size = 2 * shape[1]
    beside = max((width + 2) // (size + 2), 1)
    lines: list[str] = []
    for start in range(0, len(images), beside):
        for parts in zip(*images[start : start + beside], strict=True):
            lines.append("  ".join("".join(_ink(v, low, high) for v in part) for part in parts))
        texts = [printable(str(label)) for label in labels[start : start + beside]]
        lines += ["  ".join(_fit(text, size) for text in texts)] * bool(texts) + [""]
    return "\n".join(line.rstrip() for line in lines[:-1])


# ---- what is taken, and how it is written --------------------------------------------------------


def check_points(
    what: str, points: Sequence[Sequence[float]], targets: Sequence[SupportsIndex],
    classes: Sequence[str] | None,
) -> None:  # fmt: skip
    """Raise ValueError but for points of two finite coordinates, with targets; and for a text."""
    if isinstance(classes, str):
        raise wrong(what, "a list of names as classes", classes, "write ['a', 'b']")
    if not points or len(points) != len(targets):
        found = f"{len(points)} points and {len(targets)} targets"
        raise ValueError(f"{what} takes points and a target for each, not {found}; give as many")
    for point in points:
        if len(point) != 2 or not all(map(math.isfinite, point)):
            raise ValueError(
                f"{what} takes points of two finite numbers, not {show(point)}; choose two columns"
            )


def shaped(
    what: str, rows: Sequence[Sequence[SupportsFloat]], shape: tuple[int, int]
) -> list[list[list[float]]]:
    """Return each row of height * width numbers as that many lists; ValueError of other rows."""
    if len(shape) != 2 or not all(isinstance(v, int) and 0 < v <= LARGEST for v in shape):
        raise wrong(what, f"a shape of two whole numbers from 1 to {LARGEST}", shape, "try (8, 8)")
    height, width = shape
    if not rows:
        raise ValueError(f"{what} takes one row of numbers or more, not []; check the selection")
    images = []
    for number, row in enumerate(rows):
        if len(row) != height * width:
            rule = f"rows of {height} * {width} = {height * width} numbers"
            remedy = "give shape=(height, width)"
            raise ValueError(f"{what} takes {rule}, not {len(row)} in row {number}; {remedy}")
        pixels = floats(what, row)
        if not all(map(math.isfinite, pixels)):
            offender = next(v for v in pixels if not math.isfinite(v))
            found = f"{show(offender)} in row {number}"
            raise ValueError(f"{what} takes finite numbers, not {found}; leave the row out")
        images.append([pixels[width * i : width * (i + 1)] for i in range(height)])
    return images


def class_index(what: str, index: SupportsIndex, count: int) -> int:
    """Return a class index below a count; ValueError of another, TypeError of what is none."""
    if not hasattr(index, "__index__"):
        remedy = "number the classes from 0"
        raise wrong(what, "class indices, which are whole numbers", index, remedy, TypeError)
    k = operator.index(index)
    if not 0 <= k < count:
        raise ValueError(
            f"{what} takes class indices from 0 to {count - 1}, not {show(index)}; "
            "number the classes from 0"
        )
    return k


def floats(what: str, numbers: Iterable[SupportsFloat]) -> list[float]:
    """Return numbers and Values as floats; TypeError, for `what`, of anything else."""
    return [float(v) for v in operands(what, numbers)]


def limits(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis on which numbers lie: theirs, and a margin."""
    low, high = min(numbers), max(numbers)
    margin = 0.05 * (high - low) or 0.05 * abs(low) or 1.0
    return low - margin, high + margin


def _check_size(what: str, width: int, height: int) -> None:
    if not (10 <= width <= LARGEST and 3 <= height <= LARGEST):
        found = f"{show(width)} by {show(height)}"
        rule = f"a size of 10 by 3 or more, and of {LARGEST} by {LARGEST} or less"
        raise ValueError(f"{what} takes {rule}, not {found}; leave it out, for 60 columns")


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


def _class(index: SupportsIndex) -> int:
    return class_index("text_map()", index, len(POINTS))


def _index(given: Class, index: dict[str, int], count: int) -> int:
    try:
        k = index[given] if isinstance(given, str) else operator.index(given)
    except (KeyError, TypeError):
        k = -1
    if not 0 <= k < count:
        raise ValueError(
            f"a confusion matrix takes class indices from 0 to {count - 1} or names of classes, "
            f"not {show(given)}; give every class a name"
        )
    return k


def _ink(v: float, low: float, high: float) -> str:
    share = _share(v / 2.0, low / 2.0, high / 2.0) if high > low else 0.0
    return 2 * INK[round(share * (len(INK) - 1))]


def _width(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def _fit(text: str, width: int) -> str:
    # Cut, and filled up with blanks: to the right of the text, or for a negative width to the left.
    cut = text[: abs(width) + 1]  # a longer one is cut anyway, at once
    while _width(cut) > abs(width):
        cut = cut.removesuffix("..")[:-1] + ".."
    blanks = " " * (abs(width) - _width(cut))
    return cut + blanks if width > 0 else blanks + cut


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
