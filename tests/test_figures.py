"""Figures by matplotlib: what is in them, that nothing covers another, and their files."""

import hashlib
import itertools
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from microgradnet import Value, nn
from microgradnet.canvas import cut, spaced
from microgradnet.figures import (
    confusion_matrix,
    curves,
    gradient_norms,
    loss_curves,
    weight_images,
    write,
)
from microgradnet.history import Epoch, History

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra `plot`)")

ROOT = Path(__file__).resolve().parent.parent
NAN, INF = math.nan, math.inf
WEIRD = [
    "$x^2$",
    r"$\frac{",
    "_hidden",
    "100 %",
    "a\nb\x1b[31m\ud800",
    " ",
    "",
    "{brace} \\alpha",
    "a name that has no end, and more of it",
    "<b>&amp;",
]


def epochs(losses, validation=None, metrics=None, norms=None) -> History:
    """Return a history of these losses; None stands for no validation rows."""
    return History(
        Epoch(
            number,
            loss,
            validation[number - 1] if validation else None,
            {name: values[number - 1] for name, values in (metrics or {}).items()},
            0.5,
            0.1,
            {name: values[number - 1] for name, values in (norms or {}).items()},
        )
        for number, loss in enumerate(losses, 1)
    )


def names(figure) -> list[str]:
    """Return the texts of the legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def data(line) -> tuple[list[float], list[float]]:
    """Return what a line goes through."""
    return list(line.get_xdata()), list(line.get_ydata())


# ---- curves --------------------------------------------------------------------------------------


def test_curves_are_told_apart_by_colour_style_and_name() -> None:
    """Each has its own xs; anything that float() takes is a number."""
    series = {"square": ([0, 1, 2], [0, 1, 4]), "line": (range(2), [Value(3.0), 5.5])}
    figure = curves(series, "a title", "z", "f(z)")
    (axes,) = figure.axes
    assert [data(line) for line in axes.lines] == [
        ([0.0, 1.0, 2.0], [0.0, 1.0, 4.0]),
        ([0.0, 1.0], [3.0, 5.5]),
    ]
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert len({line.get_color() for line in axes.lines}) == 2
    assert names(figure) == ["square", "line"]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("a title", "z", "f(z)")
    assert axes.get_yscale() == "linear"
    assert curves(series).axes[0].get_title() == ""


def test_a_curve_has_gaps_and_says_how_many() -> None:
    """What is not finite, in x or y; of few points each has a dot, of many none."""
    xs = [1.0, 2.0, INF, 4.0]
    figure = curves({"gaps": (xs, [1.0, NAN, 3.0, 4.0]), "long": (range(40), range(40))})
    gaps, long = figure.axes[0].lines
    ys = data(gaps)[1]
    assert (ys[0], ys[3]) == (1.0, 4.0)
    assert all(math.isnan(y) for y in ys[1:3])
    assert names(figure) == ["gaps, 2 of 4 not finite", "long"]
    assert (gaps.get_marker(), long.get_marker()) == (".", "")


def test_a_logarithmic_scale_is_chosen_and_leaves_out_what_it_cannot_show() -> None:
    """0 and what is below are counted; where nothing is above 0, the scale stays linear."""
    figure = curves({"E": ([1, 2, 3, 4], [1.0, 0.0, -2.0, INF])}, y="loss", log=True)
    (axes,) = figure.axes
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "loss (log scale)")
    assert [y for y in data(axes.lines[0])[1] if not math.isnan(y)] == [1.0]
    assert names(figure) == ["E, 2 of 4 not above 0, 1 of 4 not finite"]
    below = curves({"E": ([1, 2], [0.0, -1.0])}, y="loss", log=True)
    assert (below.axes[0].get_yscale(), below.axes[0].get_ylabel()) == ("linear", "loss")
    assert names(below) == ["E"]


def sigmoid_with_marks():
    """Return the sigmoid with three points of it."""
    xs = spaced("the sigmoid", (-8.0, 8.0), 161)
    f = {x: 1.0 / (1.0 + math.exp(-x)) for x in [*xs, 5.0]}
    marks = {"(5, 0.993)": (5.0, f[5.0]), "the middle": (0.0, 0.5), "here too": (0.2, 0.5)}
    return curves({"sigmoid": (xs, [f[x] for x in xs])}, marks=marks), marks


def apart(box, x, y) -> float:
    """Return how many pixels a point is from a box."""
    return math.hypot(max(box.x0 - x, 0.0, x - box.x1), max(box.y0 - y, 0.0, y - box.y1))


def test_marks_are_dots_with_their_names_beside_them() -> None:
    """Inside of the axes, nearer to their dot than to any other, on no curve and no other name."""
    figure, marks = sigmoid_with_marks()
    (axes,) = figure.axes
    line, dots = axes.lines
    assert list(zip(*data(dots), strict=True)) == list(marks.values())
    assert (dots.get_marker(), dots.get_linestyle()) == ("o", "None")
    assert [text.get_text() for text in axes.texts] == list(marks)
    figure.canvas.draw()
    curve = line.get_path().transformed(line.get_transform())
    places = axes.transData.transform(list(marks.values()))
    boxes = [text.get_window_extent() for text in axes.texts]
    for box, (x, y) in zip(boxes, places, strict=True):
        assert not curve.intersects_bbox(box, filled=False)
        assert axes.bbox.contains(*box.min)
        assert axes.bbox.contains(*box.max)
        assert 0.0 < apart(box, x, y) < 15.0
        assert apart(box, x, y) == min(apart(box, *place) for place in places)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert names(figure) == ["sigmoid"]


def test_a_name_goes_further_away_where_nearer_it_would_cross_a_curve() -> None:
    """On tops and bottoms, and where curves cross, every name stands free."""
    xs = spaced("waves", (0.0, 6.25), 126)
    waves = {f.__name__: (xs, [f(x) for x in xs]) for f in (math.sin, math.cos)}
    peaks = {
        "top of the sine": (math.pi / 2, 1.0),
        "bottom of the cosine": (math.pi, -1.0),
        "they cross": (math.pi / 4, math.sin(math.pi / 4)),
    }
    xs = spaced("the sigmoid", (-6.0, 6.0), 121)
    flat = {f"({x}, y)": (x, 1.0 / (1.0 + math.exp(-x))) for x in (-5.0, 5.0)}
    sigmoid = {"sigmoid": (xs, [1.0 / (1.0 + math.exp(-x)) for x in xs])}
    for series, marks in ((waves, peaks), (sigmoid, flat)):
        (axes,) = curves(series, marks=marks).axes
        axes.figure.canvas.draw()
        lines = axes.lines[:-1]  # the last are the dots
        for text in axes.texts:
            box = text.get_window_extent()
            for line in lines:
                curve = line.get_path().transformed(line.get_transform())
                assert not curve.intersects_bbox(box, filled=False), text
            assert apart(box, *axes.transData.transform(text.xy)) < 50.0


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        ({}, {}, r"one series or more, not \{\}; give \{name: \(xs, ys\)\}"),
        ({"a": ([1, 2], [1])}, {}, r"as many xs as ys .*, not 2 and 1 for 'a'; give \{name"),
        ({"a": ([], [])}, {}, "one or more, not 0 and 0 for 'a'"),
        ({"a": [1.0, 2.0, 3.0]}, {}, r"not \[1\.0, 2\.0, 3\.0\] for 'a'"),
        (
            {"a": ([1], [1])},
            {"marks": {"b": (1, NAN)}},
            r"finite numbers, not \(1\.0, nan\) for 'b'",
        ),
        (
            {"a": ([1], [1])},
            {"marks": {"b": (1, 0)}, "log": True},
            "above 0 on a logarithmic scale",
        ),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(series, options, message) -> None:
    """The rule, what came, the remedy."""
    with pytest.raises(ValueError, match=rf"^curves\(\) takes .*{message}"):
        curves(series, **options)


# ---- losses and gradients ------------------------------------------------------------------------


def test_loss_curves_of_training_and_validation_rows() -> None:
    """A line for each, told apart by colour and style, and a mark at the lowest validation loss."""
    figure = loss_curves(epochs([4.0, 2.0, 1.0], [5.0, 2.5, 3.0]))
    (axes,) = figure.axes
    training, validation, best = axes.lines
    assert data(training) == ([1, 2, 3], [4.0, 2.0, 1.0])
    assert data(validation) == ([1, 2, 3], [5.0, 2.5, 3.0])
    assert list(best.get_xdata()) == [2, 2]
    assert names(figure) == ["loss, training rows", "loss, validation rows", "best: epoch 2, 2.5"]
    assert len({line.get_linestyle() for line in axes.lines}) == 3
    assert len({line.get_color() for line in axes.lines}) == 3
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "mean loss")
    assert axes.get_yscale() == "linear"


def test_the_best_epoch_without_validation_rows_has_the_lowest_loss() -> None:
    """The first of equal ones, as History.best."""
    history = epochs([4.0, 1.0, 2.0, 1.0])
    figure = loss_curves(history)
    assert names(figure) == ["loss, training rows", f"best: epoch {history.best.number}, 1"]
    assert list(figure.axes[0].lines[-1].get_xdata()) == [2, 2]


def test_losses_over_decades_have_a_logarithmic_scale() -> None:
    """Two curves share it; of a loss of 0 there is no logarithm."""
    axes = loss_curves(epochs([1.0, 0.5], [0.01, 0.001])).axes[0]
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "mean loss (log scale)")
    assert loss_curves(epochs([1.0, 0.0])).axes[0].get_yscale() == "linear"
    assert loss_curves(epochs([1.0, 0.01])).axes[0].get_yscale() == "linear"


def test_metrics_have_a_panel_below() -> None:
    """It names the one metric, or has all; the best epoch is marked there too."""
    figure = loss_curves(epochs([4.0, 2.0], [3.0, 5.0], {"accuracy": [0.5, 0.75]}))
    above, below = figure.axes
    assert data(below.lines[0]) == ([1, 2], [0.5, 0.75])
    assert list(below.lines[1].get_xdata()) == [1, 1]
    assert (above.get_xlabel(), below.get_xlabel()) == ("", "epoch")
    assert below.get_ylabel() == "accuracy"
    assert names(figure)[2:] == ["best: epoch 1, 3", "accuracy, validation rows"]
    figure = loss_curves(epochs([4.0, 2.0], None, {"mae": [1.0, 2.0], "r2": [0.5, 0.75]}))
    assert figure.axes[1].get_ylabel() == "metrics"
    assert names(figure)[2:] == ["mae, training rows", "r2, training rows"]


def test_why_the_training_stopped_is_the_title() -> None:
    """A slice of a history, which is a list, has none."""
    history = epochs([1.0, 2.0])
    history.stopped = "by $Ctrl-C$"
    assert loss_curves(history).axes[0].get_title() == "stopped: by $Ctrl-C$"
    assert loss_curves(history[:1]).axes[0].get_title() == ""


def test_what_is_not_finite_leaves_a_gap_and_is_counted() -> None:
    """A training that diverged can be looked at; the best epoch is among the finite ones."""
    figure = loss_curves(epochs([4.0, NAN, INF, 2.0]))
    ys = data(figure.axes[0].lines[0])[1]
    assert (ys[0], ys[3]) == (4.0, 2.0)
    assert all(math.isnan(y) for y in ys[1:3])
    assert names(figure) == ["loss, training rows, 2 of 4 not finite", "best: epoch 4, 2"]
    assert names(loss_curves(epochs([NAN]))) == ["loss, training rows, 1 of 1 not finite"]


def test_few_epochs_have_dots_and_whole_numbers_below() -> None:
    """One epoch would be no line at all; there is no epoch 1.5."""
    figure = loss_curves(epochs([2.0]))
    (axes,) = figure.axes
    assert axes.lines[0].get_marker() == "."
    figure.canvas.draw()
    low, high = axes.get_xlim()
    assert [x for x in axes.get_xticks() if low <= x <= high] == [1.0]
    assert loss_curves(epochs([1.0] * 100)).axes[0].lines[0].get_marker() == ""


def test_gradient_norms_of_each_layer() -> None:
    """To a logarithmic scale, from dark to light."""
    norms = {"layers.0": [1.0, 0.5], "layers.1": [10.0, 5.0], "layers.2": [3.0, 2.0]}
    figure = gradient_norms(epochs([1.0, 1.0], norms=norms))
    (axes,) = figure.axes
    assert [data(line) for line in axes.lines] == [([1, 2], ys) for ys in norms.values()]
    assert names(figure) == list(norms)
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "norm of the gradient (log scale)"
    light = [sum(line.get_color()[:3]) for line in axes.lines]
    assert light == sorted(set(light))


def test_a_norm_of_0_leaves_a_gap_and_is_counted() -> None:
    """A layer that learns nothing must not vanish silently from a logarithmic scale."""
    norms = {"dead": [0.0, 0.0], "part": [0.0, 2.0], "nan": [NAN, 1.0]}
    figure = gradient_norms(epochs([1.0, 1.0], norms=norms))
    assert names(figure) == [
        "dead, 2 of 2 not above 0",
        "part, 1 of 2 not above 0",
        "nan, 1 of 2 not finite",
    ]
    only = gradient_norms(epochs([1.0, 1.0], norms={"dead": [0.0, 0.0]}))
    assert only.axes[0].get_yscale() == "linear"
    assert data(only.axes[0].lines[0])[1] == [0.0, 0.0]


def test_many_layers_have_a_legend_of_several_columns() -> None:
    """The figure grows with them, so that the axes keep their room."""
    few, many = (
        gradient_norms(epochs([1.0], norms={f"layers.{i}": [1.0 + i] for i in range(count)}))
        for count in (4, 40)
    )
    for figure in (few, many):
        figure.canvas.draw()
    assert few.axes[0].bbox.width * 0.8 < many.axes[0].bbox.width
    assert_nothing_overlaps(many)


@pytest.mark.parametrize("function", [loss_curves, gradient_norms])
def test_no_epochs_are_refused(function) -> None:
    """The rule, what came, the remedy."""
    with pytest.raises(ValueError, match=rf"{function.__name__}\(\) takes one epoch .*train first"):
        function(History())


def test_epochs_without_gradient_norms_are_refused() -> None:
    """There is nothing to draw."""
    with pytest.raises(ValueError, match=r"epochs with the norms of layers, not \{\} in each"):
        gradient_norms(epochs([1.0]))


# ---- weights -------------------------------------------------------------------------------------


def test_weights_are_images_on_one_scale() -> None:
    """An image for each neuron, row by row; white is 0, and both ends are as far from it."""
    layer = nn.Layer(6, 5, seed=0)
    layer.neurons[3].w[1].data = -2.5
    figure = weight_images(layer, (2, 3))
    axes, bar = figure.axes
    shown = [image.get_array().tolist() for image in axes.images]
    numbers = [[w.data for w in neuron.w] for neuron in layer.neurons]
    assert shown == [[row[:3], row[3:]] for row in numbers]
    assert {image.get_clim() for image in axes.images} == {(-2.5, 2.5)}
    assert {image.get_cmap().name for image in axes.images} == {"RdBu_r"}
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2", "3", "4"]
    assert bar.get_ylabel() == "weight"
    assert axes.get_title() == "weights of 5 neurons: 2 by 3 inputs"


def test_images_of_weights_do_not_cover_each_other() -> None:
    """They stand in a grid, the first row of pixels above, and each pixel is a square."""
    images = weight_images([[1.0] * 12] * 7, (4, 3)).axes[0].images
    boxes = [image.get_extent() for image in images]
    for i, (left, right, bottom, top) in enumerate(boxes):
        assert (right - left, bottom - top) == (pytest.approx(3.0), pytest.approx(4.0))
        for other in boxes[:i]:
            apart = left > other[1] or right < other[0] or top > other[2] or bottom < other[3]
            assert apart
    tops = [box[3] for box in boxes]
    assert tops == sorted(tops)


def test_weights_of_one_neuron_and_of_rows() -> None:
    """A Neuron, a list of Neurons, a list of rows of numbers."""
    neuron = nn.Neuron(4, seed=0)
    row = [w.data for w in neuron.w]
    for given in (neuron, [neuron], [row], [neuron.w]):
        image = weight_images(given, (2, 2)).axes[0].images[0]
        assert image.get_array().ravel().tolist() == row


def test_weights_of_0_have_a_scale() -> None:
    """A layer before it learned anything is white."""
    assert weight_images([[0.0] * 4], (2, 2)).axes[0].images[0].get_clim() == (-1.0, 1.0)


def test_weights_of_another_shape_are_refused() -> None:
    """The default is that of the small digits; a whole model has several layers."""
    with pytest.raises(ValueError, match=r"8 \* 8 = 64 numbers, not 4 in row 0; give shape="):
        weight_images(nn.Layer(4, 2, seed=0))
    with pytest.raises(TypeError, match=r"not MLP\(4, .*take model.layers\[0\]"):
        weight_images(nn.MLP(4, [2, 1], seed=0), (2, 2))
    with pytest.raises(ValueError, match="finite numbers, not inf in row 1"):
        weight_images([[0.0, 0.0], [0.0, INF]], (1, 2))


# ---- confusion -----------------------------------------------------------------------------------


def test_a_confusion_matrix_has_counts_recalls_and_the_accuracy() -> None:
    """Rows are the true classes: three cats, of which two were seen as such."""
    figure = confusion_matrix([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], ["cat", "dog"])
    (axes,) = figure.axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "2", (1, 0): "1", (0, 1): "0", (1, 1): "2"}
    assert axes.images[0].get_array().tolist() == [[2 / 3, 1 / 3], [0.0, 1.0]]
    assert axes.images[0].get_clim() == (0.0, 1.0)
    assert axes.get_title() == "accuracy 0.800: 4 of 5 right"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog"]
    (edge,) = axes.child_axes
    assert [label.get_text() for label in edge.get_yticklabels()] == ["66.7%", "100.0%"]
    assert edge.get_ylabel() == "recall: share of the true class"


def test_counts_can_be_read_on_their_colour() -> None:
    """White on the dark cells, dark on the light ones."""
    axes = confusion_matrix([0] * 10, [0] * 9 + [1], ["a", "b"]).axes[0]
    colours = [text.get_color() for text in axes.texts]
    assert colours[0] == "#ffffff"
    assert len(set(colours[1:])) == 2
    assert "#ffffff" not in colours[1:]


def test_a_class_without_rows_has_no_recall() -> None:
    """0 of 0 is neither 0 nor 1."""
    (edge,) = confusion_matrix([0], [1], ["a", "b"]).axes[0].child_axes
    assert [label.get_text() for label in edge.get_yticklabels()] == ["0.0%", "no rows"]


def test_more_classes_than_can_be_read_are_refused() -> None:
    """A picture of 101 classes would be five feet wide."""
    with pytest.raises(ValueError, match="takes 100 classes or fewer, not 101; group them"):
        confusion_matrix([0], [0], [str(k) for k in range(101)])


# ---- names are data, and nothing covers another --------------------------------------------------


def assert_nothing_overlaps(figure) -> None:
    """Assert that all that is drawn is inside the picture, and the legend beside the axes."""
    figure.canvas.draw()
    dpi, (left, bottom, right, top) = figure.dpi, figure.bbox.extents
    box = figure.get_tightbbox()  # in inches
    assert box.x0 * dpi >= left - 1
    assert box.y0 * dpi >= bottom - 1
    assert box.x1 * dpi <= right + 1
    assert box.y1 * dpi <= top + 1
    for legend in figure.legends:
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_tightbbox())


def weird_figures() -> dict:
    """Return every figure with names that are hard to show."""
    metrics = {name: [0.5, 0.75] for name in WEIRD}
    history = epochs([1.0, 0.001], [1.5, 0.5], metrics, metrics)
    history.stopped = "$" + "a long reason " * 9
    every = list(range(len(WEIRD)))
    line = [0.0, 1.0], [0.0, 1.0]
    return {
        "curves": curves(
            dict.fromkeys(WEIRD, line),
            "$" + "a long title " * 9,
            "$x",
            "_y" * 40,
            marks={name: (k / 10, k / 10) for k, name in enumerate(WEIRD)},
        ),
        "losses": loss_curves(history),
        "one metric": loss_curves(epochs([1.0], None, {WEIRD[1]: [1.0]})),
        "norms": gradient_norms(history),
        "weights": weight_images([[float(k - 20), 1.0] for k in range(30)], (2, 1)),
        "confusion": confusion_matrix(every, every, WEIRD),
    }


@pytest.mark.parametrize(
    "kind", ["curves", "losses", "one metric", "norms", "weights", "confusion"]
)
def test_names_are_shown_as_they_are_written(kind, tmp_path) -> None:
    """No formula, no control character, nothing left out, nothing outside of the picture."""
    figure = weird_figures()[kind]
    assert_nothing_overlaps(figure)
    for text in figure.findobj(matplotlib.text.Text):
        assert text.get_text().replace("\n", "?").isprintable()
    shown = {text.get_text() for text in figure.findobj(matplotlib.text.Text)}
    wanted = {
        "curves": {*map(cut, WEIRD), "$x", cut("_y" * 40, 48)},
        "losses": {f"{cut(name)}, validation rows" for name in WEIRD},
        "one metric": {cut(WEIRD[1])},
        "norms": set(map(cut, WEIRD)),
        "weights": {str(k) for k in range(30)},
        "confusion": set(map(cut, WEIRD)),
    }
    assert wanted[kind] <= shown
    if kind == "curves":
        assert [text.get_text() for text in figure.axes[0].texts] == list(map(cut, WEIRD))
    write(figure, tmp_path / "figure")


def test_a_name_is_cut_and_escaped() -> None:
    """24 characters, the last of which says that there are more."""
    assert cut("a" * 24) == "a" * 24
    assert cut("a" * 25) == "a" * 23 + "…"
    assert cut("a\nb") == r"a\nb"


def test_the_names_of_ten_classes_do_not_cover_each_other() -> None:
    """Ticks below are turned where they would, and keep apart in their rows at the side."""
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse"]
    classes += ["a very long name of a ship", "truck"]
    figure = confusion_matrix(range(10), range(10), classes)
    figure.canvas.draw()
    (axes,) = figure.axes
    sides = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert not any(above.overlaps(below) for above, below in itertools.pairwise(sides))
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {45.0}
    short = confusion_matrix(range(10), range(10), [str(k) for k in range(10)]).axes[0]
    assert {label.get_rotation() for label in short.get_xticklabels()} == {0.0}


# ---- files ---------------------------------------------------------------------------------------


def test_write_makes_two_files_and_returns_them(tmp_path) -> None:
    """A dot in the name is no suffix; what was there is replaced."""
    (tmp_path / "loss.v1.png").write_text("old")
    png, svg = write(loss_curves(epochs([2.0, 1.0])), tmp_path / "loss.v1")
    assert (png, svg) == (tmp_path / "loss.v1.png", tmp_path / "loss.v1.svg")
    assert sorted(tmp_path.iterdir()) == [png, svg]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_text(encoding="utf-8").startswith("<?xml")


SCRIPT = """
import hashlib, sys, random
from pathlib import Path
from microgradnet import Value, nn
from microgradnet.boundaries import decision_boundary
from microgradnet.figures import *
from microgradnet.history import Epoch
from microgradnet.surfaces import surface
history = [Epoch(k, 1 / k, 2 / k, {"a": k}, k, 0.1, {"x": k, "y": 1}) for k in range(1, 9)]
figures = [
    loss_curves(history), gradient_norms(history), weight_images(nn.Layer(4, 3, seed=0), (2, 2)),
    confusion_matrix([0, 1, 1], [0, 1, 0], ["a", "b"]),
    decision_boundary(nn.MLP(2, [4, 3], seed=0), [[0, 0], [1, 2]], [0, 1], resolution=20),
    curves({"a": ([0, 1], [1, 2]), "b": ([0, 2], [2, 1])}, "t", marks={"c": (1, 2), "d": (2, 1)}),
    surface(lambda x, y: x * y + 2, (-1, 1), (-1, 1), [(0, 0), (1, 0.5)], resolution=20, log=True),
]
for i, figure in enumerate(figures):
    for path in write(figure, Path(sys.argv[1], str(i))):
        data = path.read_bytes()
        assert b"<dc:date>" not in data and b"Matplotlib" not in data, path
        print(path.name, hashlib.sha256(data).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
assert not {"tkinter", "PyQt6", "gi"} & set(sys.modules)
"""


def test_files_have_the_same_bytes_in_every_process(tmp_path) -> None:
    """No date, no random id, no order of a set; and neither pyplot nor a window is loaded."""
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        for seed in ("1", "2")
    ]
    assert [run.stderr for run in runs] == ["", ""]
    assert len(runs[0].stdout.splitlines()) == 14
    assert runs[0].stdout == runs[1].stdout


def test_a_figure_gives_the_same_bytes_again(tmp_path) -> None:
    """To draw it does not change it; and the global salt is as it was."""
    figure = loss_curves(epochs([2.0, 1.0], [3.0, 0.001], {"accuracy": [0.5, 1.0]}))
    before = dict(matplotlib.rcParams)
    first = [path.read_bytes() for path in write(figure, tmp_path / "a")]
    again = [path.read_bytes() for path in write(figure, tmp_path / "b")]
    assert first == again
    assert dict(matplotlib.rcParams) == before


def test_threads_draw_and_write_the_same(tmp_path) -> None:
    """Nothing is shared: each thread's file is that of one that draws alone."""

    def draw(number: int) -> list[str]:
        figure = loss_curves(epochs([2.0, 1.0 + number % 2], [3.0, 2.5]))
        paths = write(figure, tmp_path / str(number))
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]

    alone = [draw(0), draw(1)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == alone * 2
    assert matplotlib.rcParams["svg.hashsalt"] is None


def test_write_refuses_a_suffix_and_a_folder_that_is_missing(tmp_path) -> None:
    """The remedy is in the message."""
    figure = loss_curves(epochs([1.0]))
    with pytest.raises(ValueError, match=r"adds both, not 'loss\.png'; try 'loss'"):
        write(figure, "loss.png")
    with pytest.raises(
        FileNotFoundError, match=r"a path in a folder that is there, not .*; make it first"
    ):
        write(figure, tmp_path / "missing" / "loss")


def test_a_picture_that_fails_leaves_the_files_as_they_were(tmp_path, monkeypatch) -> None:
    """Both are drawn before either is written, and no part of one remains."""
    figure = loss_curves(epochs([1.0]))
    paths = write(figure, tmp_path / "loss")
    before = [path.read_bytes() for path in paths]
    save = figure.savefig

    def fail(*arguments, format, **options):
        if format == "svg":
            raise OSError("no room")
        save(*arguments, format=format, **options)

    figure.axes[0].set_title("another")
    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="no room"):
        write(figure, tmp_path / "loss")
    assert [path.read_bytes() for path in paths] == before
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert matplotlib.rcParams["svg.hashsalt"] is None
