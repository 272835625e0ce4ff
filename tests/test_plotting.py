"""Drawings in characters: loss curves, decision maps, confusion matrices and images."""

import math
import random
import sys

import pytest

from microgradnet.boundaries import decision_boundary
from microgradnet.figures import confusion_matrix, gradient_norms, loss_curves, weight_images
from microgradnet.history import Epoch
from microgradnet.nn import Layer
from microgradnet.plotting import (
    INK,
    confusion,
    shaped,
    text_confusion,
    text_curve,
    text_images,
    text_map,
)

NAN, INF = math.nan, math.inf


def plot(text) -> list[str]:
    """Return what lies right of the axis, filled up with blanks."""
    return [line.split("|", 1)[1] for line in text.splitlines() if "|" in line]


def test_a_falling_curve_falls() -> None:
    """From the left upper to the right lower corner, both labelled."""
    lines = text_curve([3.0, 2.0, 1.0], width=12, height=3).splitlines()
    assert lines == [
        "3 |''''",
        "  |    ----",
        "1 |        ____",
        "  +------------",
        "   1   step   3",
    ]


@pytest.mark.parametrize("n", [1, 2, 59, 60, 61, 5000])
@pytest.mark.parametrize("title", ["", "loss", "a long title " * 20])
def test_a_curve_is_as_wide_as_asked(n, title) -> None:
    """Nothing goes past the axis and the width, however many values there are."""
    rng = random.Random(n)
    text = text_curve([math.exp(9 * rng.random()) for _ in range(n)], 60, 10, title)
    axis = text.splitlines()[-2].index("+") + 1
    assert max(map(len, text.splitlines())) <= 60 + axis
    assert max(map(len, plot(text))) == 60
    assert len(plot(text)) == 10
    assert text.isascii()


def test_each_column_has_one_mark() -> None:
    """A curve is a function: of finite values no column stays empty."""
    rows = plot(text_curve([math.sin(i / 9) for i in range(200)]))
    for column in zip(*(row.ljust(60) for row in rows), strict=True):
        assert len("".join(column).strip()) == 1


def test_many_values_are_drawn_as_means() -> None:
    """Noise of 1 and -1 in turn has the mean 0 in every column."""
    rows = plot(text_curve([1.0, -1.0] * 600, width=60, height=3))
    assert rows == ["", "-" * 60, ""]


def test_a_constant_is_a_line_in_the_middle() -> None:
    """Its one label is the value."""
    text = text_curve([0.25] * 7, width=20, height=3)
    assert text.splitlines()[:3] == ["     |", "0.25 |" + "-" * 20, "     |"]


def test_values_over_decades_have_a_logarithmic_scale() -> None:
    """Equal factors are equal steps, and the heading says so."""
    text = text_curve([1000.0, 100.0, 10.0, 1.0], width=12, height=4, title="loss")
    assert text.splitlines()[0] == "loss   log scale"
    assert [len(row) for row in plot(text)] == [3, 6, 9, 12]
    assert "log" not in text_curve([1000.0, 100.0, 0.0])


def test_what_is_not_finite_leaves_a_gap_and_is_counted() -> None:
    """nan and infinite values are neither drawn nor silent."""
    text = text_curve([1.0, NAN, INF, 1.0], width=20, height=3)
    assert text.splitlines()[0] == "2 of 4 not finite"
    assert plot(text)[1] == "-----" + " " * 10 + "-----"


def test_a_curve_of_nan_alone_is_empty() -> None:
    """A training that failed at once can still be drawn."""
    assert set(plot(text_curve([NAN] * 5))) == {""}


@pytest.mark.parametrize("values", [[1e308, -1e308], [5e-324, 0.0], [1e308] * 200, [1e-320, 1.0]])
def test_a_curve_takes_the_ends_of_the_floats(values) -> None:
    """Differences and sums of the largest do not overflow."""
    assert "|" in text_curve(values)


def test_labels_tell_close_values_apart() -> None:
    """Four digits, and more where four look equal."""
    lines = text_curve([1.000001, 1.000002], height=3).splitlines()
    assert (lines[0].split()[0], lines[2].split()[0]) == ("1.000002", "1.000001")


def test_notes_are_kept_before_a_long_title() -> None:
    """The title gives way to what is said about the scale."""
    text = text_curve([1.0, 1000.0], width=30, height=3, title="x" * 99)
    assert text.splitlines()[0].endswith("x   log scale")


def test_a_title_is_one_printable_line() -> None:
    """Line ends and control characters cannot break the drawing."""
    title = text_curve([1.0, 2.0], title="a\nb \x1b[31m").splitlines()[0]
    assert title == "a b \\x1b[31m"


@pytest.mark.parametrize(
    ("values", "width", "height"), [([], 60, 10), ([1.0], 9, 10), ([1.0], 60, 2)]
)
def test_a_curve_refuses_no_values_and_no_room(values, width, height) -> None:
    """The rule is in the message."""
    with pytest.raises(ValueError, match=r"text_curve\(\) takes"):
        text_curve(values, width, height)


def test_a_map_shows_areas_and_points_where_they_are() -> None:
    """Class 1 above the diagonal; y grows upwards, x to the right."""
    text = text_map(lambda p: int(p[1] > p[0]), [[0.0, 1.0], [1.0, 0.0]], [1, 0], 10, 5)
    assert text.splitlines() == [
        " 1.05 |x::::::::.",
        "      |:::::::...",
        "      |:::::.....",
        "      |:::.......",
        "-0.05 |:........o",
        "      +----------",
        "       -0.05 1.05",
        "       o in . class 0   x in : class 1",
    ]


def test_a_map_names_classes() -> None:
    """Of the classes that occur, by point or area, the legend gives the name."""
    text = text_map(lambda p: 2, [[0.0, 0.0]], [0], classes=["cat", "cow", "d\x07g"])
    assert text.splitlines()[-1].strip().split("   ") == ["o in . cat", "* in - d\\x07g"]


def test_points_of_several_classes_in_one_place_are_marked() -> None:
    """Neither hides the other, and the legend explains the mark."""
    text = text_map(lambda p: 0, [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], [0, 1, 1])
    assert sum(row.count("#") for row in plot(text)) == 1
    assert text.endswith("# several")


def test_a_map_is_as_large_as_asked() -> None:
    """Every row has the full width, also with one point only."""
    for points in ([[3.0, 3.0]], [[1e17, 0.0], [1e17, 1e-9]]):
        rows = plot(text_map(lambda p: 0, points, [0] * len(points), 40, 12))
        assert [len(row) for row in rows] == [40] * 12
        assert sum(row.count("o") for row in rows) == len(points)


@pytest.mark.parametrize(
    ("points", "targets"),
    [([], []), ([[0.0, 0.0]], []), ([[0.0]], [0]), ([[0.0, NAN]], [0]), ([[0.0, 0.0]], [-1])],
)
def test_a_map_refuses_what_it_cannot_draw(points, targets) -> None:
    """No points, lengths that differ, not two features, nan, targets of -1 and 1."""
    with pytest.raises(ValueError, match=r"text_map\(\) takes"):
        text_map(lambda p: 0, points, targets)


def test_a_map_refuses_a_class_that_is_no_index() -> None:
    """A ninth class has no symbol."""
    with pytest.raises(ValueError, match="from 0 to 7, not 8; number the classes from 0"):
        text_map(lambda p: 8, [[0.0, 0.0]], [0])


def test_a_confusion_matrix_in_characters() -> None:
    """A row per true class, a column per predicted one, recalls and the accuracy."""
    text = text_confusion([0, 0, 0, 1, 2], [0, 0, 1, 1, 0], ["cat", "dog", "cow"])
    assert text.splitlines() == [
        "accuracy 0.600 (3 of 5); rows: the true class, columns: the predicted",
        "     cat  dog  cow  recall",
        "cat    2    1    .   0.667",
        "dog    .    1    .   1.000",
        "cow    1    .    .   0.000",
    ]


def test_a_class_that_no_row_has_gets_no_recall() -> None:
    """0 of 0 is neither 0 nor 1."""
    lines = text_confusion([0, 0], [0, 1], ["a", "b"]).splitlines()
    assert [line.split() for line in lines[2:]] == [["a", "1", "1", "0.500"], ["b", ".", ".", "-"]]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("longest", [1, 5, 12, 60])
@pytest.mark.parametrize("rows", [20, 99_998])
def test_a_confusion_matrix_fits_a_terminal(count, longest, rows) -> None:
    """80 columns are enough up to ten classes, and every line ends in the same one."""
    rng = random.Random(count)
    names = ["".join(rng.choices("abcdefgh", k=rng.randint(1, longest))) for _ in range(count)]
    targets = [0] * rows + list(range(count))
    lines = text_confusion(targets, targets, names).splitlines()
    assert len({len(line) for line in lines[1:]}) == 1
    assert max(map(len, lines)) <= 80
    assert len(lines) == 2 + count


def test_columns_are_numbered_where_names_have_no_room() -> None:
    """Names that begin alike would be the same when cut; rows carry the numbers too."""
    names = [f"category-{k}" for k in range(10)]
    lines = text_confusion([3], [7], names).splitlines()
    assert lines[1].split() == [*"0123456789", "recall"]
    assert [line.split()[:2] for line in lines[2:]] == [[str(k), names[k]] for k in range(10)]
    assert lines[5].split()[2:] == [*"......." , "1", ".", ".", "0.000"]  # fmt: skip


def test_broad_letters_take_two_columns() -> None:
    """The columns of a terminal stay below each other for Chinese names, and control characters."""
    lines = text_confusion([0, 1], [0, 1], ["\u732b", "d\x1bg"]).splitlines()
    assert lines[1] == "            \u732b  d\\x1bg  recall"
    assert lines[2] == "\u732b           1       .   1.000"
    assert lines[3] == "d\\x1bg       .       1   1.000"


def test_a_confusion_counts_indices_and_names() -> None:
    """predict() gives names where rows have indices; of equal names the first is meant."""
    assert confusion([0, "b", True], ["a", 1, "b"], ["a", "b"]) == [[1, 0], [0, 2]]
    assert confusion(["a"], ["a"], ["a", "a"]) == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([], [], "takes a prediction for each target, not 0 targets and 0 predictions"),
        ([0, 1], [0], "takes a prediction for each target, not 2 targets and 1 predictions"),
        ([2], [0], "from 0 to 1 or names of classes, not 2; give every class a name"),
        ([0], [-1], "names of classes, not -1"),
        ([0], ["c"], "names of classes, not 'c'"),
        ([0.0], [0], "names of classes, not 0.0"),
    ],
)
def test_a_confusion_refuses_what_it_cannot_count(targets, predictions, message) -> None:
    """Nothing, lengths that differ, and what is no class."""
    for function in (confusion, text_confusion, confusion_matrix):
        with pytest.raises(ValueError, match=message):
            function(targets, predictions, ["a", "b"])


def test_images_in_characters() -> None:
    """Each pixel is two characters; the least number is blank, the greatest the darkest."""
    text = text_images([list(range(10))], (2, 5))
    assert text.splitlines() == ["  ..::--==", "++**##%%@@"]
    assert "".join(text.split("\n"))[::2] == INK


def test_images_stand_side_by_side_as_they_have_room() -> None:
    """Five of 16 columns need 88 of 80: the fifth goes below; labels are cut to the image."""
    rows = [[float(k == i) for k in range(64)] for i in range(5)]
    lines = text_images(rows, labels=[0, 1, "a very long label of an image", 3, 4]).splitlines()
    assert lines[0] == "@@" + " " * 18 + "@@" + " " * 18 + "@@" + " " * 18 + "@@"
    assert lines[8].split("  ") == ["0", *[""] * 7, " 1", *[""] * 7, " a very long la..", "3"]
    assert lines[9] == ""
    assert lines[10].index("@@") == 8
    assert lines[18] == "4"
    assert len(text_images(rows, width=20).split("\n")) == 5 * 8 + 4


def test_images_have_one_scale_to_the_ends_of_the_floats() -> None:
    """The greatest number of all images is black; a constant one is blank."""
    assert text_images([[0, 2], [0, 1]], (1, 2)) == "  @@    =="
    assert text_images([[-1.7e308, 1.7e308]], (1, 2)) == "  @@"
    assert text_images([[3.0, 3.0]], (1, 2)) == ""


@pytest.mark.parametrize(
    ("rows", "shape", "message"),
    [
        ([], (1, 2), r"one row of numbers or more, not \[\]"),
        ([[1, 2], [1]], (1, 2), r"rows of 1 \* 2 = 2 numbers, not 1 in row 1; give shape=\(height"),
        ([[1, NAN]], (1, 2), "finite numbers, not nan in row 0"),
        ([[1, 2]], (2,), r"a shape of two whole numbers from 1 to 1000, not \(2,\)"),
        ([[]], (0, 1), r"not \(0, 1\)"),
    ],
)
def test_images_refuse_other_shapes(rows, shape, message) -> None:
    """The rule, the row and what is in it."""
    for function in (text_images, lambda *given: shaped("text_images()", *given)):
        with pytest.raises(ValueError, match=r"text_images\(\) takes .*" + message):
            function(rows, shape)


def test_images_refuse_labels_of_another_number() -> None:
    """Each image has its own, or none has."""
    with pytest.raises(ValueError, match="a label for each image, not 2"):
        text_images([[1.0]], (1, 1), labels=[1, 2])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: loss_curves([Epoch(1, 1.0, None, {}, 0.0, 0.1, {})]),
        lambda: gradient_norms([Epoch(1, 1.0, None, {}, 0.0, 0.1, {"layers.0": 1.0})]),
        lambda: weight_images(Layer(4, 1, seed=0), (2, 2)),
        lambda: confusion_matrix([0], [0], ["a"]),
        lambda: decision_boundary(lambda p: 0, [[0.0, 0.0]], [0]),
    ],
    ids=["loss_curves", "gradient_norms", "weight_images", "confusion_matrix", "decision_boundary"],
)
def test_figures_without_matplotlib_say_how_to_get_it(draw, monkeypatch, request) -> None:
    """The error names the function, the extra, and the drawings that need nothing."""
    for name in ["matplotlib", *(name for name in sys.modules if name.startswith("matplotlib."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as found:
        draw()
    message = str(found.value)
    assert message.startswith(f"{request.node.callspec.id}() takes matplotlib")
    assert 'pip install "microgradnet[plot]"' in message
    assert message.endswith("characters of microgradnet.plotting need nothing")
