"""Draw a training, the weights that it found and how good they are, as matplotlib Figures.

>>> from microgradnet.history import Epoch, History
>>> history = History([Epoch(k, 1.0 / k, 1.5 / k, {}, 0.1, 0.01, {}) for k in (1, 2, 4)])
>>> figure = loss_curves(history)
>>> [line.get_ydata().tolist() for line in figure.axes[0].lines[:2]]
[[1.0, 0.5, 0.25], [1.5, 0.75, 0.375]]
>>> write(figure, "loss")  # doctest: +SKIP
(PosixPath('loss.png'), PosixPath('loss.svg'))

They take matplotlib: pip install "microgradnet[plot]". They are made without pyplot: nothing global
changes, no window opens, and each can be made in a thread of its own. A notebook shows a Figure at
the end of a cell once `%matplotlib inline` has run. Names are data: what looks like a formula stays
as it is written, control characters are shown as in Python, and a long name is cut.
"""

import math
import os
import textwrap
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microgradnet.drawing import check_parent, put
from microgradnet.history import Epoch
from microgradnet.naming import digits, printable
from microgradnet.nn import Module
from microgradnet.plotting import DECADES, Class, confusion, shaped

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

# Ten colours that the colour-blind tell apart too: Petroff, 2021, arXiv:2107.02270.
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
STYLES = ("-", "--", "-.", ":")
INK, GREY = "#202020", "#757575"
LONGEST = 24  # characters of a name
LINES = 18  # of a legend, before it has two columns
FEW = 30  # epochs: so few have a dot each
MANY = 100  # classes in a confusion matrix, at half an inch each
SALTING = threading.Lock()  # the salt of an SVG's ids is a global setting of matplotlib

Curve = tuple[str, list[float]]  # its name, and its values
Style = tuple[Any, str]  # a colour and a line style
Entry = tuple[Any, str]  # of a legend: what was drawn, and its name


# ---- a training ----------------------------------------------------------------------------------


def loss_curves(history: Sequence[Epoch]) -> "Figure":
    """Return the loss over the epochs, of training and validation rows, and below it the metrics.

    A dotted line marks the best epoch: that of the lowest validation loss, or loss without such.
    The scale is logarithmic where positive losses span more than two decades. What is not finite
    leaves a gap, and is counted. ValueError without epochs.
    """
    numbers = _numbers("loss_curves()", history)
    curves = [("loss, training rows", [epoch.loss for epoch in history])]
    rows = "training rows"
    if any(epoch.validation_loss is not None for epoch in history):
        rows = "validation rows"
        losses = (epoch.validation_loss for epoch in history)
        curves.append((f"loss, {rows}", [math.nan if v is None else v for v in losses]))
    names = list(dict.fromkeys(name for epoch in history for name in epoch.metrics))
    metrics = [
        (f"{cut(name)}, {rows}", [epoch.metrics.get(name, math.nan) for epoch in history])
        for name in names
    ]

    figure = new_figure("loss_curves()", 8.0, 5.5 if metrics else 4.0)
    panels = figure.subplots(1 + bool(metrics), sharex=True, squeeze=False)[:, 0]
    order = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # dark colours first
    styles = [(COLOURS[order[i % 10]], STYLES[i % 4]) for i in range(2 + len(metrics))]
    finite = [v for _, values in curves for v in values if math.isfinite(v)]
    log = bool(finite) and 0.0 < min(finite) < max(finite) / DECADES
    entries = _curves(panels[0], numbers, curves, styles[: len(curves)], log)
    panels[0].set_ylabel("mean loss" + " (log scale)" * log)
    if metrics:
        entries += _curves(panels[1], numbers, metrics, styles[2:], False)
        panels[1].set_ylabel(cut(names[0]) if len(names) == 1 else "metrics", parse_math=False)
    panels[-1].set_xlabel("epoch")
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
        (cut(layer), [epoch.gradient_norms.get(layer, math.nan) for epoch in history])
        for layer in layers
    ]
    log = any(0.0 < v < math.inf for _, values in curves for v in values)

    figure = new_figure("gradient_norms()", 8.0, 4.0)
    from matplotlib import colormaps

    shares = (0.85 * i / max(len(layers) - 1, 1) for i in range(len(layers)))
    styles = [(colormaps["viridis"](share), STYLES[i % 4]) for i, share in enumerate(shares)]
    axes = figure.subplots()
    add_legend(figure, _curves(axes, numbers, curves, styles, log))
    axes.set_xlabel("epoch")
    axes.set_ylabel("norm of the gradient" + " (log scale)" * log)
    return figure


def _numbers(what: str, history: Sequence[Epoch]) -> list[int]:
    if not history:
        raise ValueError(f"{what} takes one epoch or more, not {history!r}; train first")
    return [epoch.number for epoch in history]


def _curves(
    axes: Any, numbers: list[int], curves: list[Curve], styles: list[Style], log: bool
) -> list[Entry]:  # fmt: skip
    entries = []
    for (name, values), (colour, style) in zip(curves, styles, strict=True):
        shown = [v if math.isfinite(v) and (v > 0.0 or not log) else math.nan for v in values]
        marker = "." if len(numbers) <= FEW else ""
        (line,) = axes.plot(numbers, shown, color=colour, linestyle=style, marker=marker)
        zeros, lost = values.count(0.0) * log, sum(not math.isfinite(v) for v in values)
        note = f", {zeros} of {len(values)} are 0" * (zeros > 0)
        note += f", {lost} of {len(values)} not finite" * (lost > 0)
        entries.append((line, name + note))
    if log:
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    return entries


# ---- what was learned, and how good it is --------------------------------------------------------


def weight_images(neurons: Any, shape: tuple[int, int] = (8, 8)) -> "Figure":
    """Return the weights of a layer's neurons as images of height * width pixels, in a grid.

    `neurons` is a Layer, a Neuron, or a sequence of Neurons or rows of weights. All have one scale:
    red is positive, blue negative, white 0, and both ends are as far from it. ValueError where a
    neuron has not as many weights.
    """
    what = "weight_images()"
    found = getattr(neurons, "neurons", [neurons] if hasattr(neurons, "w") else neurons)
    if isinstance(found, Module):
        raise TypeError(f"{what} takes a Layer or neurons, not {neurons!r}; take model.layers[0]")
    images = shaped(what, [getattr(neuron, "w", neuron) for neuron in found], shape)
    end = max(abs(v) for image in images for row in image for v in row) or 1.0
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


# ---- matplotlib ----------------------------------------------------------------------------------


def write(figure: "Figure", path: str | os.PathLike[str]) -> "tuple[Path, Path]":
    """Write a Figure to `path` with ".png" and ".svg" at its end; return both paths.

    The same Figure gives the same bytes: there is no date in them, nor a random id. Files that are
    there stay as they were until both pictures are whole.
    """
    from pathlib import Path

    path = Path(path)
    if path.suffix.lower() in (".png", ".svg"):
        raise ValueError(
            f"write() takes a path without .png and .svg, and adds both, not {str(path)!r}; "
            f"try {str(path.with_suffix(''))!r}"
        )
    check_parent("write()", path)
    pictures = _pictures(figure)
    png, svg = (path.with_name(path.name + suffix) for suffix in (".png", ".svg"))
    for target, picture in zip((png, svg), pictures, strict=True):
        put(target, picture)
    return png, svg


def _pictures(figure: "Figure") -> tuple[bytes, bytes]:
    # The layout, found anew at each drawing, may differ in a last bit, and an id with it: round it.
    from io import BytesIO

    from matplotlib import rcParams

    png, svg = BytesIO(), BytesIO()
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes in figure.axes:
            left, bottom, *size = (round(v, 6) for v in axes.get_position(original=True).bounds)
            axes.set_position((left, bottom, size[0], size[1]))
            axes.set_in_layout(True)
    try:
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
        with SALTING:
            salt = rcParams["svg.hashsalt"]
            rcParams["svg.hashsalt"] = "microgradnet"
            try:
                figure.savefig(svg, format="svg", metadata={"Creator": None, "Date": None})
            finally:
                rcParams["svg.hashsalt"] = salt
    finally:
        if engine is not None:
            figure.set_layout_engine(engine)
    return png.getvalue(), svg.getvalue()


def new_figure(what: str, width: float, height: float) -> "Figure":
    """Return an empty Figure of a size in inches; ImportError, for `what`, without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{what} takes matplotlib, and there is none ({error}); run pip install "
            '"microgradnet[plot]"; the drawings in characters of microgradnet.plotting need nothing'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # neither pyplot nor a backend of a window: it draws into memory
    return figure


def add_legend(figure: Any, entries: list[Entry]) -> None:
    """Add a legend beside the axes, where it covers nothing."""
    handles, names = zip(*entries, strict=True)
    columns = 1 + (len(names) - 1) // LINES
    width, height = figure.get_size_inches()
    figure.set_size_inches(width + 2.5 * (columns - 1), height)
    legend = figure.legend(
        handles, ["-"] * len(names), loc="outside right upper", ncols=columns, frameon=False
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)  # afterwards: a name as _x would be left out


def cut(name: str, length: int = LONGEST) -> str:
    """Return a name as it is shown: printable, and no longer than that."""
    text = printable(name)
    return text if len(text) <= length else text[: length - 1] + "…"
