"""Decision boundaries: the regions of the classes, the points upon them, and which are wrong."""

import math

import pytest

from microgradnet import data, losses, nn, optim
from microgradnet.boundaries import MARKERS, decision_boundary
from microgradnet.canvas import COLOURS, cut, write
from microgradnet.compiling import compile
from microgradnet.pipeline import Pipeline
from microgradnet.reading import Frame
from microgradnet.tables import Encoding

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra `plot`)")

POINTS, TARGETS = data.moons(60, noise=0.1, seed=1)
CORNERS = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]]


class Counted(nn.MLP):
    """An MLP that counts its calls."""

    calls = 0

    def __call__(self, x):
        self.calls += 1
        return super().__call__(x)


def names(figure) -> list[str]:
    """Return the texts of the legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def pixels(figure) -> list[list[float]]:
    """Return the image of the regions, or of the surface: row by row from below."""
    return figure.axes[0].images[0].get_array().tolist()


def filled(figure) -> list:
    """Return the areas between contours, one for each class that is somewhere."""
    found = figure.axes[0].collections
    return [contours for contours in found if getattr(contours, "filled", False)]


def colour(contours) -> str:
    """Return the colour of an area."""
    return matplotlib.colors.to_hex(contours.get_facecolor()[0])


def tint(k) -> str:
    """Return the light colour of a class: two fifths of its own, the rest white."""
    parts = matplotlib.colors.to_rgb(COLOURS[k])
    return matplotlib.colors.to_hex([0.4 * part + 0.6 for part in parts])


def test_regions_are_where_the_classes_are() -> None:
    """x to the right, y upwards; the area of a class, smooth, has its light colour."""
    figure = decision_boundary(
        lambda p: int(p[0] > 1.2) + 2 * int(p[1] > 0.7), CORNERS, [0, 1, 2, 3], resolution=40
    )
    rows = pixels(figure)
    assert (rows[0][0], rows[0][-1], rows[-1][0], rows[-1][-1]) == (0, 1, 2, 3)
    areas = filled(figure)
    assert [colour(area) for area in areas] == [tint(k) for k in range(4)]
    for x, y in ([0.1, 0.1], [1.9, 0.1], [0.1, 0.9], [1.9, 0.9], [1.1, 0.6], [1.3, 0.8]):
        inside = [area.get_paths()[0].contains_point((x, y)) for area in areas]
        assert inside.index(True) == int(x > 1.2) + 2 * int(y > 0.7)
        assert inside.count(True) == 1


def test_points_have_the_colour_and_mark_of_their_class() -> None:
    """Each class is one set of marks, by its target and not by its region."""
    figure = decision_boundary(lambda p: 0, CORNERS, [0, 2, 2, 0], resolution=5)
    first, second, wrong = figure.axes[0].lines
    assert (list(first.get_xdata()), list(first.get_ydata())) == ([0.0, 2.0], [0.0, 1.0])
    assert (list(second.get_xdata()), list(second.get_ydata())) == ([2.0, 0.0], [0.0, 1.0])
    assert (first.get_marker(), second.get_marker()) == (MARKERS[0], MARKERS[2])
    assert (first.get_color(), second.get_color()) == (COLOURS[0], COLOURS[2])
    assert names(figure) == ["class 0", "class 2", "wrong: 2 of 4"]
    assert (list(wrong.get_xdata()), list(wrong.get_ydata())) == ([2.0, 0.0], [0.0, 1.0])


def test_a_class_without_points_is_in_the_legend() -> None:
    """A region has to have a name."""
    figure = decision_boundary(lambda p: int(p[0] > 1), CORNERS, [0] * 4, ["no"], resolution=9)
    assert names(figure) == ["no", "class 1", "wrong: 2 of 4"]


def test_axes_have_the_names_and_ends_of_the_features() -> None:
    """The points, and a margin of five per cent."""
    axes = decision_boundary(lambda p: 0, CORNERS, [0] * 4, features=["age", "$fare$"]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("age", "$fare$")
    assert axes.get_xlim() == pytest.approx((-0.1, 2.1))
    assert axes.get_ylim() == pytest.approx((-0.05, 1.05))
    axes = decision_boundary(lambda p: 0, CORNERS, [0] * 4).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_scores_have_smooth_borders() -> None:
    """Of lists the largest is the class; the border lies between the places that were asked."""
    figure = decision_boundary(lambda p: [0.3, p[0] - 0.5], CORNERS, [0, 1, 0, 1], resolution=6)
    lines = [c for c in figure.axes[0].collections if not getattr(c, "filled", True)]
    xs = [x for contours in lines for path in contours.get_paths() for x, _ in path.vertices]
    assert xs
    assert xs == pytest.approx([0.8] * len(xs))
    assert names(figure)[-1] == "wrong: 0 of 4"


def test_equal_scores_are_of_the_first_class() -> None:
    """A model that has learned nothing has one region, and no border."""
    figure = decision_boundary(lambda p: [1.0, 1.0, 0.0], CORNERS, [0] * 4, resolution=5)
    assert {v for row in pixels(figure) for v in row} == {0}
    assert len(figure.axes[0].collections) == 0
    tied = decision_boundary(lambda p: [0.0, max(p[0] - 1, 0.0)], CORNERS, [0, 1] * 2, resolution=9)
    assert pixels(tied)[0] == [0] * 5 + [1] * 4
    here = [area.get_paths()[0].contains_point((0.5, 0.5)) for area in filled(tied)]
    assert here == [True, False]


@pytest.mark.parametrize("width", [1, 3])
def test_a_model_is_compiled_and_gives_what_its_values_give(width) -> None:
    """Of one number the sign is the class, of several the largest; the model is called rarely."""
    model = Counted(2, [5, width], activation="tanh", seed=4)

    def classify(point) -> int:
        outputs = model(point)
        return int(outputs > 0) if width == 1 else max(range(width), key=outputs.__getitem__)

    expected = decision_boundary(classify, POINTS, TARGETS, resolution=15)
    model.calls = 0
    figure = decision_boundary(model, POINTS, TARGETS, resolution=15)
    assert 0 < model.calls < 10
    assert pixels(figure) == pixels(expected)
    assert len({v for row in pixels(figure) for v in row}) > 1
    assert names(figure) == names(expected)
    program = compile(model)
    assert pixels(decision_boundary(program, POINTS, TARGETS, resolution=15)) == pixels(expected)
    values = decision_boundary(lambda point: model(point), POINTS, TARGETS, resolution=15)
    assert pixels(values) == pixels(expected)


def test_a_model_that_ends_in_a_sigmoid_gives_its_probability() -> None:
    """Above 0 it always is: its sign would be class 1 everywhere."""
    model = nn.MLP(2, [4, 1], activation="tanh", output="sigmoid", seed=4)
    for classify in (model, lambda point: model(point), lambda point: [model(point)]):
        figure = decision_boundary(classify, CORNERS, [0, 1, 0, 1], resolution=4)
        values = pixels(figure)
        assert values[0][0] == model([-0.1, -0.05]).data
        assert figure.axes[1].get_ylabel() == "probability of class 1"


@pytest.mark.parametrize("width", [1, 2])
def test_a_pipeline_takes_points_in_the_units_of_the_file(width) -> None:
    """It encodes them, as in predict(), and gives the names of the classes and the columns."""
    frame = Frame("file", ["age", "fare"], [["20", "100.5"], ["40", "300"], ["60", "200"]])
    model = nn.MLP(2, [4, width], activation="tanh", seed=2)
    pipeline = Pipeline(Encoding.fit(frame), model, ["no", "yes"])
    points = [[20, 100.5], [40, 300], [60, 200]]
    predicted = [pipeline.classes.index(name) for name in pipeline.predict(frame)]
    assert set(predicted) == {0, 1}
    figure = decision_boundary(pipeline, points, predicted, resolution=8)
    assert names(figure) == ["no", "yes", "wrong: 0 of 3"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("age", "fare")
    own = decision_boundary(pipeline, points, predicted, ["a", "b"], ["c", "d"], resolution=8)
    assert names(own)[:2] == ["a", "b"]
    assert own.axes[0].get_xlabel() == "c"
    plain = decision_boundary(Pipeline(None, model, ["a", "b"]), CORNERS, [0] * 4, resolution=8)
    assert pixels(plain) == pixels(decision_boundary(model, CORNERS, [0] * 4, resolution=8))


def test_a_pipeline_of_numbers_or_of_three_columns_is_refused() -> None:
    """The one has no boundary, the other no plane."""
    with pytest.raises(ValueError, match=r"takes a Pipeline of classes, not Pipeline\("):
        decision_boundary(Pipeline(None, nn.MLP(2, [1], seed=0)), CORNERS, [0] * 4)
    frame = Frame("file", ["a", "b", "c"], [["1", "2", "3"], ["2", "3", "4"]])
    pipeline = Pipeline(Encoding.fit(frame), nn.MLP(3, [2], seed=0), ["no", "yes"])
    with pytest.raises(ValueError, match=r"the names of two features, not \['a', 'b', 'c'\]"):
        decision_boundary(pipeline, CORNERS, [0] * 4)


def test_a_probability_is_a_surface_with_a_border_at_one_half() -> None:
    """From the colour of class 0 over white to that of class 1; the bar says of which it is."""
    figure = decision_boundary(
        lambda p: p[0] / 4.0 + 0.25, CORNERS, [0, 1, 0, 1], ["cold", "$hot$"], resolution=3
    )
    row = [-0.1 / 4 + 0.25, 0.5, 2.1 / 4 + 0.25]
    assert [pytest.approx(row)] * 3 == pixels(figure)
    assert figure.axes[0].images[0].get_clim() == (0.0, 1.0)
    assert figure.axes[1].get_ylabel() == "probability of $hot$"
    (border,) = figure.axes[0].collections
    xs = [x for path in border.get_paths() for x, _ in path.vertices]
    assert xs
    assert xs == pytest.approx([1.0] * len(xs))
    assert names(figure) == ["cold", "$hot$", "wrong: 0 of 4"]


def test_a_probability_that_is_certain_everywhere_has_no_border() -> None:
    """Contours of nothing would be a warning."""
    figure = decision_boundary(lambda p: 1.0, CORNERS, [1] * 4, resolution=3)
    assert len(figure.axes[0].collections) == 0
    assert names(figure) == ["class 1", "wrong: 0 of 4"]


def test_ten_classes_have_colours_and_marks_of_their_own() -> None:
    """And no more."""
    points = [[float(k), 0.0] for k in range(10)]
    figure = decision_boundary(lambda p: min(max(round(p[0]), 0), 9), points, list(range(10)))
    marks = {(line.get_marker(), line.get_color()) for line in figure.axes[0].lines[:10]}
    assert len({mark for mark, _ in marks}) == len({colour for _, colour in marks}) == 10
    with pytest.raises(ValueError, match="from 0 to 9, not 10; number the classes from 0"):
        decision_boundary(lambda p: 10, points, [0] * 10)


def test_whole_numbers_as_points_are_floats_for_the_model() -> None:
    """A compiled model would fix an int, and make a program for each."""
    model = nn.MLP(2, [3, 2], seed=0)
    figure = decision_boundary(model, [[0, 0], [2, 1]], [0, 1], resolution=3)
    expected = decision_boundary(model, [[0.0, 0.0], [2.0, 1.0]], [0, 1], resolution=3)
    assert pixels(figure) == pixels(expected)


def test_a_trained_model_is_right_in_its_picture() -> None:
    """Moons: the points that are classified wrong are those with a ring."""
    model = nn.MLP(2, [8, 2], activation="tanh", seed=0)
    loss = compile(lambda x, y: losses.cross_entropy(model(x), y), model.parameters())
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    rows = list(zip(POINTS, TARGETS, strict=True))
    for _ in range(60):
        optimizer.zero_grad()
        loss.over(rows)
        optimizer.step()
    figure = decision_boundary(model, POINTS, TARGETS, ["upper", "lower"], resolution=30)
    wrong = [p for p, t in rows if max((0, 1), key=model(p).__getitem__) != t]
    assert len(wrong) < 10
    ring = figure.axes[0].lines[-1]
    assert list(zip(ring.get_xdata(), ring.get_ydata(), strict=True)) == [(x, y) for x, y in wrong]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": []}, "points and a target for each, not 0 points and 4 targets"),
        ({"targets": [0]}, "not 4 points and 1 targets"),
        ({"points": [[1.0]] * 4}, r"two finite numbers, not \[1\.0\]; choose two columns"),
        ({"points": [[1.0, math.nan]] * 4}, "two finite numbers"),
        ({"targets": [-1, 1, 1, 1]}, "from 0 to 9, not -1; number the classes from 0"),
        ({"features": ["a"]}, r"names of two features, not \['a'\]"),
        ({"resolution": 1}, "a resolution from 2 to 2000, not 1; try 100"),
        ({"resolution": 9.5}, "not 9.5"),
        ({"classify": lambda p: 2.5}, r"probability from 0 to 1, not 2\.5; give the class index"),
        ({"classify": lambda p: math.nan}, "probability from 0 to 1, not nan"),
        ({"classify": lambda p: [0.0, math.inf]}, r"answers of one kind: .*, not \[0\.0, inf\]"),
        ({"classify": lambda p: [0.0] * (2 + (p[0] > 1))}, "answers of one kind"),
        ({"targets": [0, 1, 2, 0], "classify": lambda p: [1.0, 0.0]}, "below the number of its"),
        ({"targets": [0, 1, 2, 0], "classify": lambda p: 0.5}, "answers of one kind"),
        ({"classify": nn.MLP(4, [2], seed=0)}, "takes 4 inputs, not 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message) -> None:
    """The rule, what came, the remedy."""
    given = {"classify": lambda p: 0, "points": CORNERS, "targets": [0, 1, 1, 0], "resolution": 4}
    with pytest.raises(ValueError, match=message):
        decision_boundary(**given | options)


def test_names_are_shown_as_they_are_written(tmp_path) -> None:
    """No formula, no control character, nothing left out, and the legend beside the axes."""
    weird = ["$x^2$", r"$\frac{", "_hidden", "a\nb\x1b[31m", "a name that has no end, and more"]
    points = [[float(k), 1.0] for k in range(5)]
    for classify in (lambda p: min(max(round(p[0]), 0), 4), lambda p: 0.5):
        count = 5 if classify([1.0, 1.0]) == 1 else 2
        figure = decision_boundary(
            classify, points[:count], list(range(count)), weird, [r"$\frac{", "_y\x1b"], 20
        )
        figure.canvas.draw()
        axes = figure.axes[0]
        assert names(figure)[:count] == [cut(name) for name in weird[:count]]
        assert (axes.get_xlabel(), axes.get_ylabel()) == (r"$\frac{", r"_y\x1b")
        legend = figure.legends[0].get_window_extent()
        assert not any(legend.overlaps(axes.get_tightbbox()) for axes in figure.axes)
        write(figure, tmp_path / "figure")
