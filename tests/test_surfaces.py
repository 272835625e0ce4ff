"""Surfaces: the heights of a function of two numbers, and the path upon them."""

import math

import pytest

from microgradnet.canvas import write
from microgradnet.engine import Value
from microgradnet.surfaces import surface

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra `plot`)")

ENDS = (-2.0, 2.0), (-1.0, 3.0)


def names(figure) -> list[str]:
    """Return the texts of the legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def between(figure, x: float, y: float) -> list[tuple[float, float]]:
    """Return the levels around the height at a place; none in a hole."""
    (contours,) = figure.axes[0].collections
    lows, highs = contours.levels[:-1], contours.levels[1:]
    areas = zip(lows, highs, contours.get_paths(), strict=True)
    return [(low, high) for low, high, area in areas if area.contains_point((x, y))]


def test_heights_are_where_they_are() -> None:
    """x to the right, y upwards; each place is between the levels around its height."""
    figure = surface(lambda x, y: x + 10.0 * y, *ENDS)
    for x, y in ((-1.9, -0.8), (1.9, -0.8), (-1.9, 2.8), (0.1, 1.1)):
        ((low, high),) = between(figure, x, y)
        assert low <= x + 10.0 * y <= high
    axes, bar = figure.axes
    assert (axes.get_xlim(), axes.get_ylim()) == ENDS
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("x", "y", "")
    assert bar.get_ylabel() == "height"
    assert figure.legends == []


def test_the_function_is_asked_for_floats_at_every_place() -> None:
    """resolution ** 2 times, from end to end; a Value is a height as well."""
    asked = []

    def f(x, y):
        asked.append((x, y))
        return Value(x) * y

    surface(f, (0, 2), (1, 3), resolution=3)
    assert asked == [(float(x), float(y)) for y in (1, 2, 3) for x in (0, 1, 2)]
    assert {type(v) for place in asked for v in place} == {float}


def test_a_logarithmic_scale_has_the_heights_beside_its_bar() -> None:
    """Levels are of the logarithm, the numbers are the heights themselves."""
    figure = surface(lambda x, y: 10.0 ** (x + y), *ENDS, log=True)
    ((low, high),) = between(figure, 1.25, 2.5)
    assert low <= 3.75 <= high
    figure.canvas.draw()
    bar = figure.axes[1]
    assert bar.get_ylabel() == "height (log scale)"
    pairs = zip(bar.get_yticks(), bar.get_yticklabels(), strict=True)
    ticks = {tick: label.get_text() for tick, label in pairs}
    assert {-2.0: "0.01", 0.0: "1", 2.0: "100"}.items() <= ticks.items()


def test_what_has_no_height_is_a_hole() -> None:
    """nan and infinities; to a logarithmic scale also 0 and what is below."""

    def f(x, y):
        return math.nan if x < -1.0 else math.inf if x > 1.0 else x

    figure = surface(f, *ENDS)
    assert [len(between(figure, x, 1.0)) for x in (-1.5, 0.55, 1.5)] == [0, 1, 0]
    figure = surface(f, *ENDS, log=True)
    assert [len(between(figure, x, 1.0)) for x in (-1.5, -0.55, 0.55, 1.5)] == [0, 0, 1, 0]


def test_a_plain_has_one_colour(tmp_path) -> None:
    """There is no difference to make levels of."""
    for log in (False, True):
        figure = surface(lambda x, y: 3.0, *ENDS, log=log)
        ((low, high),) = between(figure, 0.5, 0.5)
        assert low < (math.log10(3.0) if log else 3.0) < high
        write(figure, tmp_path / "plain")


def test_a_path_is_a_line_with_its_ends_marked() -> None:
    """Where it began and where it ended, in numbers too."""
    path = [(-1.5, 2.0), (0.0, 1), [0.25, Value(0.125)]]
    figure = surface(lambda x, y: x * y, *ENDS, path)
    line, first, last = figure.axes[0].lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == (
        [-1.5, 0.0, 0.25],
        [2.0, 1.0, 0.125],
    )
    assert (*first.get_xdata(), *first.get_ydata()) == (-1.5, 2.0)
    assert (*last.get_xdata(), *last.get_ydata()) == (0.25, 0.125)
    assert first.get_marker() != last.get_marker()
    assert names(figure) == ["path of 3 points", "first: (-1.5, 2)", "last: (0.25, 0.125)"]
    assert names(surface(lambda x, y: x, *ENDS, [(0, 0)]))[0] == "path of 1 point"


def test_a_path_may_leave_the_picture(tmp_path) -> None:
    """A descent that diverges does: its points are counted, and the axes stay."""
    path = [(0.0, 0.0), (-2.0, 3.0), (5.0, 0.0), (math.nan, 0.0), (1e300, -1e300), (-math.inf, 1)]
    figure = surface(lambda x, y: x, *ENDS, path)
    assert names(figure)[0] == "path of 6 points, 4 outside"
    assert names(figure)[2] == "last: (-inf, 1)"
    write(figure, tmp_path / "path")
    assert (figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) == ENDS


def test_marks_are_dots_with_their_names_beside_them(tmp_path) -> None:
    """Those on the frame are whole, as are the ends of a path there; all names are inside."""
    marks = {"corner": (2, -1), "edge": (-2.0, Value(0.5)), "middle": (0, 1)}
    figure = surface(lambda x, y: x * y, *ENDS, [(-2, 3), (9, 9)], marks=marks)
    figure.canvas.draw()
    axes = figure.axes[0]
    *_, first, last, dots = axes.lines
    pairs = list(zip(dots.get_xdata(), dots.get_ydata(), strict=True))
    assert pairs == [(2.0, -1.0), (-2.0, 0.5), (0.0, 1.0)]
    assert [line.get_clip_on() for line in (first, last, dots)] == [False, True, False]
    assert [text.get_text() for text in axes.texts] == list(marks)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max) for box in boxes)
    write(figure, tmp_path / "marks")


def test_the_height_has_a_name() -> None:
    """It stands at the bar, as it is written."""
    for log, name in ((False, "$J_"), (True, "$J_ (log scale)")):
        bar = surface(lambda x, y: 2.0, *ENDS, z="$J_", log=log).axes[1]
        assert bar.get_ylabel() == name
        assert not bar.yaxis.label.get_parse_math()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"xlim": (1.0, 1.0)},
            r"limits \(low, high\) that rise, not \(1\.0, 1\.0\); give the ends",
        ),
        ({"ylim": (2, -2)}, r"not \(2\.0, -2\.0\)"),
        ({"ylim": (0.0, math.inf)}, r"not \(0\.0, inf\)"),
        ({"xlim": (math.nan, 0.0)}, r"not \(nan, 0\.0\)"),
        ({"xlim": (0, 1, 2)}, r"not \(0\.0, 1\.0, 2\.0\)"),
        ({"path": [(0, 0), (1, 2, 3)]}, r"a path of points \(x, y\), not \(1\.0, 2\.0, 3\.0\)"),
        ({"marks": {"a": (0, 2)}}, r"marks \(x, y\) between the limits, not .*'a'.*; move them"),
        ({"marks": {"a": (0, math.nan)}}, r"marks \(x, y\) between the limits"),
        ({"marks": {"a": (0, 1, 2)}}, r"marks \(x, y\) between the limits"),
        ({"resolution": 1}, "a resolution from 2 to 2000, not 1; try 100"),
        ({"f": lambda x, y: math.nan}, r"a function that is finite between the limits, not <func"),
        ({"f": lambda x, y: -1.0, "log": True}, "finite and above 0 between the limits"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message) -> None:
    """The rule, what came, the remedy."""
    given = {"f": lambda x, y: x, "xlim": (0, 1), "ylim": (0, 1)} | options
    with pytest.raises(ValueError, match=rf"^surface\(\) takes .*{message}"):
        surface(**given)


def test_names_are_shown_as_they_are_written(tmp_path) -> None:
    """No formula, no control character; the legend is beside the axes and the bar."""
    figure = surface(
        lambda x, y: x, *ENDS, [(0, 0), (1, 1)], r"$\frac{" + "a long title " * 9, "_x$^", "y\x1b"
    )
    figure.canvas.draw()
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("_x$^", r"y\x1b")
    assert axes.get_title().startswith(r"$\frac{a long")
    box = figure.get_tightbbox()
    assert 0.0 <= box.x0 < box.x1 <= figure.get_size_inches()[0]
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(each.get_tightbbox()) for each in figure.axes)
    write(figure, tmp_path / "figure")
