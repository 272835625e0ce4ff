"""Draw a function of two numbers as a surface seen from above, with a path of points upon it.

>>> path = [(2.0 * 0.6**k, 0.2**k) for k in range(5)]
>>> figure = surface(lambda x, y: x**2 + 2.0 * y**2, (-3, 3), (-2, 2), path, resolution=20)
>>> [text.get_text() for text in figure.legends[0].get_texts()]
['path of 5 points', 'first: (2, 1)', 'last: (0.2592, 0.0016)']

For what holds of every Figure, see `canvas`; its `write()` makes files of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgradnet.canvas import (
    INK,
    LONGEST,
    add_legend,
    add_marks,
    add_names,
    cut,
    new_figure,
    spaced,
)
from microgradnet.errors import explained, wrong
from microgradnet.naming import digits
from microgradnet.plotting import floats, limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = 20  # at most, as they are round numbers
TICKS = 8  # at most, beside the bar of colours

Pair = Sequence[SupportsFloat]


@explained
def surface(
    f: Callable[[float, float], SupportsFloat], xlim: Pair, ylim: Pair,
    path: Sequence[Pair] = (), title: str = "", x: str = "x", y: str = "y",
    resolution: int = 60, log: bool = False, z: str = "height",
    marks: Mapping[str, Pair] | None = None,
) -> "Figure":  # fmt: skip
    """Return the heights of f(x, y) between the limits as filled contours, and a path upon them.

    `f` takes two floats, and is called `resolution ** 2` times. A height that is not finite leaves
    a hole, and so does on a logarithmic scale one that is not above 0. `path` has points (x, y),
    such as those of gradient descent; how many are outside of the limits is counted. `marks` are
    points between the limits, name: (x, y), each a dot with its name beside it. `z` is what the
    height is. ValueError where limits do not rise, a point is no pair, a mark is outside of them,
    or there is no height to draw.
    """
    what = "surface()"
    ends = [tuple(floats(what, pair)) for pair in (xlim, ylim)]
    for pair in ends:
        if len(pair) != 2 or not -math.inf < pair[0] < pair[1] < math.inf:
            raise wrong(what, "limits (low, high) that rise", pair, "give the ends of the axes")
    points = [tuple(floats(what, point)) for point in path]
    for point in points:
        if len(point) != 2:
            raise wrong(what, "a path of points (x, y)", point, "choose two parameters")
    dots = {name: tuple(floats(what, dot)) for name, dot in (marks or {}).items()}
    for name, dot in dots.items():
        if len(dot) != 2 or not _within(dot, ends):
            raise wrong(what, "marks (x, y) between the limits", {name: dot}, "move them")
    xs, ys = (spaced(what, (low, high), resolution) for low, high in ends)
    figure = new_figure(what, 8.5 if points else 6.5, 5.0)
    heights = [[_height(float(f(a, b)), log) for a in xs] for b in ys]
    known = [v for row in heights for v in row if not math.isnan(v)]
    if not known:
        rule = "a function that is finite" + " and above 0" * log + " between the limits"
        raise wrong(what, rule, f, "choose others")

    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots()
    levels: Any = LEVELS if min(known) < max(known) else limits(known)
    contours = axes.contourf(xs, ys, heights, levels, cmap="viridis")
    label = (lambda v, _: digits(10.0**v)) if log else None
    ticks = MaxNLocator(TICKS, steps=[1, 2, 5, 10])
    bar = figure.colorbar(contours, ax=axes, ticks=ticks, format=label)
    bar.set_label((z and cut(z, 2 * LONGEST)) + " (log scale)" * log, parse_math=False)
    axes.set(xlim=ends[0], ylim=ends[1])
    add_names(axes, title, x, y)
    if points:
        _add_path(axes, points, ends)
    add_marks(axes, dots)
    return figure


def _within(point: Sequence[float], ends: Sequence[Sequence[float]]) -> bool:
    return all(low <= v <= high for v, (low, high) in zip(point, ends, strict=True))


def _height(v: float, log: bool) -> float:
    seen = math.isfinite(v) and (v > 0.0 or not log)
    return (math.log10(v) if log else v) if seen else math.nan


def _add_path(axes: Any, points: list[tuple[float, ...]], ends: list[tuple[float, ...]]) -> None:
    from matplotlib.patheffects import withStroke

    outside = sum(not _within(point, ends) for point in points)
    edge = [withStroke(linewidth=3, foreground=INK)]  # to be seen on every colour
    (line,) = axes.plot(*zip(*points, strict=True), ".-", color="#ffffff", path_effects=edge)
    length = f"path of {len(points)} point" + "s" * (len(points) != 1)
    entries = [(line, length + f", {outside} outside" * (outside > 0))]
    for name, mark, size, point in (("first", "s", 8, points[0]), ("last", "*", 14, points[-1])):
        (dot,) = axes.plot(*point, mark, color="#ffffff", markeredgecolor=INK, markersize=size)
        dot.set_clip_on(not _within(point, ends))  # on the frame it is whole
        entries.append((dot, f"{name}: ({', '.join(map(digits, point))})"))
    add_legend(axes.figure, entries)
