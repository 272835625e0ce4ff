"""Draw a function of two numbers as a surface seen from above, with a path of points upon it.

>>> path = [(2.0 * 0.6**k, 0.2**k) for k in range(5)]
>>> figure = surface(lambda x, y: x**2 + 2.0 * y**2, (-3, 3), (-2, 2), path, resolution=20)
>>> [text.get_text() for text in figure.legends[0].get_texts()]
['path of 5 points', 'first: (2, 1)', 'last: (0.2592, 0.0016)']

For what holds of every Figure, see `canvas`; its `write()` makes files of it.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgradnet.canvas import INK, add_legend, add_names, new_figure, spaced
from microgradnet.naming import digits
from microgradnet.plotting import limits
from microgradnet.reading import wrong

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = 20  # at most, as they are round numbers
TICKS = 8  # at most, beside the bar of colours

Pair = Sequence[SupportsFloat]


def surface(
    f: Callable[[float, float], SupportsFloat], xlim: Pair, ylim: Pair,
    path: Sequence[Pair] = (), title: str = "", x: str = "x", y: str = "y",
    resolution: int = 60, log: bool = False,
) -> "Figure":  # fmt: skip
    """Return the heights of f(x, y) between the limits as filled contours, and a path upon them.

    `f` takes two floats, and is called `resolution ** 2` times. A height that is not finite leaves
    a hole, and so does on a logarithmic scale one that is not above 0. `path` has points (x, y),
    such as those of gradient descent; how many are outside of the limits is counted. ValueError
    where limits do not rise, a point is no pair, or there is no height to draw.
    """
    what = "surface()"
    ends = [tuple(map(float, pair)) for pair in (xlim, ylim)]
    for pair in ends:
        if len(pair) != 2 or not -math.inf < pair[0] < pair[1] < math.inf:
            raise wrong(what, "limits (low, high) that rise", pair, "give the ends of the axes")
    points = [tuple(map(float, point)) for point in path]
    for point in points:
        if len(point) != 2:
            raise wrong(what, "a path of points (x, y)", point, "choose two parameters")
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
    bar.set_label("height" + " (log scale)" * log)
    axes.set(xlim=ends[0], ylim=ends[1])
    add_names(axes, title, x, y)
    if points:
        _add_path(axes, points, ends)
    return figure


def _height(v: float, log: bool) -> float:
    seen = math.isfinite(v) and (v > 0.0 or not log)
    return (math.log10(v) if log else v) if seen else math.nan


def _add_path(axes: Any, points: list[tuple[float, ...]], ends: list[tuple[float, ...]]) -> None:
    from matplotlib.patheffects import withStroke

    outside = sum(
        not all(low <= v <= high for v, (low, high) in zip(point, ends, strict=True))
        for point in points
    )
    edge = [withStroke(linewidth=3, foreground=INK)]  # to be seen on every colour
    (line,) = axes.plot(*zip(*points, strict=True), ".-", color="#ffffff", path_effects=edge)
    length = f"path of {len(points)} point" + "s" * (len(points) != 1)
    entries = [(line, length + f", {outside} outside" * (outside > 0))]
    for name, mark, size, point in (("first", "s", 8, points[0]), ("last", "*", 14, points[-1])):
        (dot,) = axes.plot(*point, mark, color="#ffffff", markeredgecolor=INK, markersize=size)
        entries.append((dot, f"{name}: ({', '.join(map(digits, point))})"))
    add_legend(axes.figure, entries)
