"""Draw curves, a training, the weights that it found and their results, as matplotlib Figures.

>>> from microgradnet.history import Epoch, History
>>> history = History([Epoch(k, 1.0 / k, 1.5 / k, {}, 0.1, 0.01, {}) for k in (1, 2, 4)])
>>> figure = loss_curves(history)
>>> [line.get_ydata().tolist() for line in figure.axes[0].lines[:2]]
[[1.0, 0.5, 0.25], [1.5, 0.75, 0.375]]
>>> write(figure, "loss")  # doctest: +SKIP
(PosixPath('loss.png'), PosixPath('loss.svg'))

For what holds of every Figure, see `canvas`. A notebook shows a Figure at the end of a cell once
`%matplotlib inline` has run.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgradnet.canvas import (
    COLOURS,
    GREY,
    INK,
    LONGEST,
    STYLES,
    Entry,
    add_legend,
    add_marks,
    add_names,
    cut,
    new_figure,
    write,
)
from microgradnet.errors import explained, show, wrong
from microgradnet.history import Epoch
from microgradnet.naming import digits
from microgradnet.nn import Module
from microgradnet.plotting import DECADES, Class, confusion, floats, shaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "confusion_matrix", "curves", "gradient_norms", "loss_curves", "weight_images", "write",
]  # fmt: skip

DARK_FIRST = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # of the colours
FEW = 30  # points: so few have a dot each
MANY = 100  # classes in a confusion matrix, at half an inch each
REMEDY = "give {name: (xs, ys)}"

Numbers = Sequence[SupportsFloat]
Curve = tuple[str, Sequence[float], Sequence[float]]  # its name, xs and ys
Style = tuple[Any, str]  # a colour and a line style


# ---- curves --------------------------------------------------------------------------------------


@explained
def curves(
    series: Mapping[str, tuple[Numbers, Numbers]], title: str = "", x: str = "x", y: str = "y",
    log: bool = False, marks: Mapping[str, tuple[SupportsFloat, SupportsFloat]] | None = None,
) -> "Figure":  # fmt: skip
    """Return the lines through several series of points, which are name: (xs, ys).

    `marks` are points, name: (x, y), each drawn as a dot with its name beside it. What is not
    finite leaves a gap, and is counted; so does on a logarithmic scale what is not above 0.
    ValueError without points, where a series has not as many ys as xs, or a mark has no place.

    >>> figure = curves({"x ** 2": ([0, 1, 2], [0, 1, 4])}, marks={"the vertex": (0, 0)})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['x ** 2']
    """
    drawn: list[Curve] = []
    for name, pair in series.items():
        if len(pair) != 2 or not 0 < len(pair[0]) == len(pair[1]):
            rule = "as many xs as ys for each name, one or more"
            found = " and ".join(str(len(v)) for v in pair) if len(pair) == 2 else show(pair)
            raise ValueError(f"curves() takes {rule}, not {found} for {show(name)}; {REMEDY}")
        xs, ys = (floats("curves()", numbers) for numbers in pair)
        drawn.append((cut(name), xs, ys))
    if not drawn:
        raise ValueError(f"curves() takes one series or more, not {show(series)}; {REMEDY}")
    log = log and any(0.0 < v < math.inf for _, _, ys in drawn for v in ys)
    dots = {name: tuple(floats("curves()", mark)) for name, mark in (marks or {}).items()}
    for name, dot in dots.items():
        if len(dot) != 2 or not all(map(math.isfinite, dot)) or (log and dot[1] <= 0.0):
            rule = "two finite numbers" + ", above 0 on a logarithmic scale" * log
            what = f"{show(dot)} for {show(name)}"
            raise ValueError(f"curves() takes marks at {rule}, not {what}; leave it out")

    figure = new_figure("curves()", 8.0, 4.5)
    axes = figure.subplots()
    entries = _curves(axes, drawn, _styles(len(drawn)), log)
    add_names(axes, title, x, y + " (log scale)" * log)
    add_legend(figure, entries)
    add_marks(axes, dots)
    return figure


def _styles(count: int) -> list[Style]:
    return [(COLOURS[DARK_FIRST[i % 10]], STYLES[i % 4]) for i in range(count)]


def _curves(axes: Any, curves: Sequence[Curve], styles: list[Style], log: bool) -> list[Entry]:
    entries = []
    for (name, xs, ys), (colour, style) in zip(curves, styles, strict=True):
        points = zip(xs, ys, strict=True)
        lost = [not (math.isfinite(x) and math.isfinite(y)) for x, y in points]
        low = [log and y <= 0.0 and not gone for y, gone in zip(ys, lost, strict=True)]
        gaps = zip(ys, lost, low, strict=True)
        shown = [math.nan if gone or below else y for y, gone, below in gaps]
        marker = "." if len(ys) <= FEW else ""
        (line,) = axes.plot(xs, shown, color=colour, linestyle=style, marker=marker)
        note = f", {low.count(True)} of {len(ys)} not above 0" * any(low)
        note += f", {lost.count(True)} of {len(ys)} not finite" * any(lost)
        entries.append((line, name + note))
    if log:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    return entries


# ---- a training ----------------------------------------------------------------------------------


@explained
def loss_curves(history: Sequence[Epoch]) -> "Figure":
    """Return the loss over the epochs, of training and validation rows, and below it the metrics.

    A dotted line marks the best epoch: that of the lowest validation loss, or loss without such.
    The scale is logarithmic where positive losses span more than two decades. What is not finite
    leaves a gap, and is counted. ValueError without epochs.
    """
    numbers = _numbers("loss_curves()", history)
    curves = [("loss, training rows", numbers, [epoch.loss for epoch in history])]
    rows = "training rows"
    if any(epoch.validation_loss is not None for epoch in history):
        rows = "validation rows"
        losses = (epoch.validation_loss for epoch in history)
        values = [math.nan if v is None else v for v in losses]
        curves.append((f"loss, {rows}", numbers, values))
    names = list(dict.fromkeys(name for epoch in history for name in epoch.metrics))
    metrics = [
        (f"{cut(name)}, {rows}", numbers, [epoch.metrics.get(name, math.nan) for epoch in history])
        for name in names
    ]

    figure = new_figure("loss_curves()", 8.0, 5.5 if metrics else 4.0)
    panels = figure.subplots(1 + bool(metrics), sharex=True, squeeze=False)[:, 0]
    styles = _styles(2 + len(metrics))
    finite = [v for _, _, values in curves for v in values if math.isfinite(v)]
    log = bool(finite) and 0.0 < min(finite) < max(finite) / DECADES
    entries = _curves(panels[0], curves, styles[: len(curves)], log)
    panels[0].set_ylabel("mean loss" + " (log scale)" * log)
    if metrics:
        entries += _curves(panels[1], metrics, styles[2:], False)
        panels[1].set_ylabel(cut(names[0]) if len(names) == 1 else "metrics", parse_math=False)
    _epochs_below(panels[-1])
    figure.align_ylabels(panels)
    watched = [epoch for epoch in history if math.isfinite(epoch.watched)]
    if watched:
        best = min(watched, key=lambda epoch: epoch.watched)
        lines = [axes.axvline(best.number, color=INK, linestyle=":") for axes in panels]
        name = f"best: epoch {best.number}, {digits(best.watched)}"
        entries.insert(len(curves), (lines[0], name))
    if reason := getattr(history, "stopped", ""):
        title = textwrap.fill(cut(f"stopped: {reason}", 4 * LONGEST), 2 * LONGEST)
        panels[0].set_title(title, fontsize="medium", parse_math=False)
    add_legend(figure, entries)
    return figure


@explained
def gradient_norms(history: Sequence[Epoch]) -> "Figure":
    """Return the norm of each layer's gradient over the epochs, to a logarithmic scale.

    The first layer is dark, the last light. A norm of 0 has no place on that scale, and one that is
    not finite on none: they leave a gap, and are counted. ValueError without epochs or norms.
    """
    numbers = _numbers("gradient_norms()", history)
    layers = list(dict.fromkeys(layer for epoch in history for layer in epoch.gradient_norms))
    if not layers:
        raise ValueError(
            "gradient_norms() takes epochs with the norms of layers, not {} in each; let fit() "
            "make the history"
        )
    curves = [
        (cut(layer), numbers, [epoch.gradient_norms.get(layer, math.nan) for epoch in history])
        for layer in layers
    ]
    log = any(0.0 < v < math.inf for _, _, values in curves for v in values)

    figure = new_figure("gradient_norms()", 8.0, 4.0)
    from matplotlib import colormaps

    shares = (0.85 * i / max(len(layers) - 1, 1) for i in range(len(layers)))
    styles = [(colormaps["viridis"](share), STYLES[i % 4]) for i, share in enumerate(shares)]
    axes = figure.subplots()
    add_legend(figure, _curves(axes, curves, styles, log))
    _epochs_below(axes)
    axes.set_ylabel("norm of the gradient" + " (log scale)" * log)
    return figure


def _numbers(what: str, history: Sequence[Epoch]) -> list[int]:
    if not history:
        raise ValueError(f"{what} takes one epoch or more, not {show(history)}; train first")
    return [epoch.number for epoch in history]


def _epochs_below(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


# ---- what was learned, and how good it is --------------------------------------------------------


@explained
def weight_images(
    neurons: Module | Sequence[Module | Sequence[SupportsFloat]],
    shape: tuple[int, int] = (8, 8),
) -> "Figure":
    """Return the weights of a layer's neurons as images of height * width pixels, in a grid.

    `neurons` is a Layer, a Neuron, or a sequence of Neurons or rows of weights. All have one scale:
    red is positive, blue negative, white 0, and both ends are as far from it. ValueError where a
    neuron has not as many weights.
    """
    what = "weight_images()"
    found: Any = getattr(neurons, "neurons", [neurons] if hasattr(neurons, "w") else neurons)
    if isinstance(found, Module):
        remedy = "take model.layers[0]"
        raise wrong(what, "a Layer or neurons", neurons, remedy, TypeError)
    weights: list[Any] = [getattr(neuron, "w", neuron) for neuron in found]
    images = shaped(what, weights, shape)
    end = max(abs(v) for image in images for row in image for v in row) or 1.0
    if not math.isfinite(4.0 * end):  # as wide as the scale of colours may become
        raise wrong(what, "weights of a smaller range", end, "divide them")
    height, width = shape[0] * 1.35, shape[1] * 1.1  # of an image with its number and the gap
    ideal = max(1, round(math.sqrt(1.4 * len(images) * height / width)))  # a landscape
    near = [count for count in (ideal, ideal + 1, ideal - 1) if count]
    columns = min(near, key=lambda count: -len(images) % count)  # with the fewest empty places
    right, bottom = columns * width, math.ceil(len(images) / columns) * height

    figure = new_figure(what, 1.6 + 5.4 * min(2.0, right / bottom), 6.0)
    axes = figure.subplots()
    for k, image in enumerate(images):
        x, y = k % columns * width, k // columns * height
        extent = (x, x + shape[1], y + shape[0], y)
        drawn = axes.imshow(
            image, cmap="RdBu_r", vmin=-end, vmax=end, extent=extent, interpolation="nearest"
        )
        xs, ys = [x, extent[1], extent[1], x, x], [y, y, extent[2], extent[2], y]
        axes.plot(xs, ys, color=GREY, linewidth=0.6)
        axes.text(x + shape[1] / 2.0, y - 0.06 * shape[0], str(k), ha="center", fontsize="small")
    axes.set(xlim=(-0.1 * shape[1], right), ylim=(bottom - 0.25 * shape[0], -0.35 * shape[0]))
    axes.axis("off")
    plural = "s" * (len(images) != 1)
    axes.set_title(f"weights of {len(images)} neuron{plural}: {shape[0]} by {shape[1]} inputs")
    figure.colorbar(drawn, ax=axes, label="weight", shrink=0.8)
    return figure


@explained
def confusion_matrix(
    targets: Sequence[Class], predictions: Sequence[Class], classes: Sequence[str]
) -> "Figure":
    """Return how many rows of each true class were predicted as each class, as a table in colours.

    The colour is the share of the true class, and that of the right ones, its recall, stands at the
    end of a row. For what is taken, see `plotting.confusion`; ValueError for more than 100 classes.
    """
    counts = confusion(targets, predictions, classes)
    n = len(counts)
    if n > MANY:
        raise ValueError(f"confusion_matrix() takes {MANY} classes or fewer, not {n}; group them")
    names = [cut(str(name)) for name in classes]
    right, total = sum(row[k] for k, row in enumerate(counts)), len(targets)
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    recalls = [f"{row[k]:.1%}" if any(row) else "no rows" for k, row in enumerate(shares)]

    cell = max(0.55, 2.4 / n)
    figure = new_figure("confusion_matrix()", 3.2 + cell * n, 2.0 + cell * n)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            colour = "#ffffff" if shares[i][j] > 0.5 else INK if count else GREY
            axes.text(j, i, str(count), ha="center", va="center", color=colour)
    turned = max(map(len, names)) * 0.09 > cell  # inches
    axes.set_yticks(range(n), names, parse_math=False)
    axes.set_xticks(
        range(n), names, parse_math=False, rotation=45 if turned else 0,
        ha="right" if turned else "center", rotation_mode="anchor",
    )  # fmt: skip
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"accuracy {right / total:.3f}: {right} of {total} right")
    edge = axes.secondary_yaxis("right")
    edge.set_yticks(range(n), recalls)
    edge.tick_params(length=0)
    edge.set_ylabel("recall: share of the true class", labelpad=8)
    return figure
