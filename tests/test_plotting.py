"""Drawings in characters: loss curves and decision maps."""

import math
import random

import pytest

from microgradnet.plotting import text_curve, text_map

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
    assert title == "a b ?[31m"


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
    assert text.splitlines()[-1].strip().split("   ") == ["o in . cat", "* in - d?g"]


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
