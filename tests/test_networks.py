"""The picture of a network: its DOT text, from which every place and number can be read."""

import itertools
import math
import os
import re
import shutil
import sys
from xml.etree import ElementTree

import pytest

from microgradnet import drawing, losses, nn
from microgradnet.drawing import draw, render
from microgradnet.engine import Value
from microgradnet.networks import (
    CIRCLES,
    COLUMNS,
    NEGATIVE,
    NOTHING,
    POSITIVE,
    columns_of,
    draw_network,
)
from microgradnet.operations import NOT_COMPUTED

NODE = re.compile(r'^\t"?([\w. ]+?)"? \[(.*)\]$', re.MULTILINE | re.DOTALL)
EDGE = re.compile(r"^\t([\d.]+) -> ([\d.]+) \[(.*)\]$", re.MULTILINE)
RADIUS = 0.4  # inches


def attributes(text):
    """Return the attributes of a statement: name -> text."""
    pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s\]]+)', text)
    return {name: value.strip('"') for name, value in pairs}


def nodes(digraph):
    """Return id -> attributes, of circles and texts."""
    found = {}
    for line in digraph.body:
        if " -> " not in line and (match := NODE.match(line.rstrip("\n"))):
            found[match[1]] = attributes(match[2])
    return {key: value for key, value in found.items() if "pos" in value}


def circles(digraph):
    """Return id -> attributes of the circles."""
    return {key: value for key, value in nodes(digraph).items() if "fillcolor" in value}


def lines(digraph):
    """Return (tail, head) -> attributes."""
    return {(tail, head): attributes(text) for tail, head, text in EDGE.findall(digraph.source)}


def place(node):
    """Return where a circle or text is, in inches."""
    x, y = node["pos"].rstrip("!").split(",")
    return float(x), float(y)


# ---- circles and lines ---------------------------------------------------------------------------


def test_a_circle_a_unit_and_a_line_a_weight():
    """Three columns in three colours under their titles, each line from one to the next."""
    digraph = draw_network(nn.MLP(2, [4, 2], seed=1))
    found = circles(digraph)
    for c, size in enumerate((2, 4, 2)):
        fills = [node["fillcolor"] for key, node in found.items() if key.startswith(f"{c}.")]
        assert fills == [COLUMNS[c][1]] * size
    titles = [nodes(digraph)[f"title {c}"]["label"] for c in range(3)]
    assert titles == ["input", "hidden", "output"]
    assert set(lines(digraph)) == {
        (f"{c}.{i}", f"{c + 1}.{k}")
        for c, (above, below) in enumerate(((2, 4), (4, 2)))
        for i in range(above)
        for k in range(below)
    }
    assert {node["label"] for node in found.values()} == {""}


def test_a_line_shows_the_sign_and_the_size_of_its_weight():
    """The largest is 4 points wide, one of 0 is half a point and grey."""
    model = nn.Layer(2, 2, seed=0)
    for neuron, weights in zip(model.neurons, ((-2.0, 1.0), (0.0, -0.5)), strict=True):
        for w, number in zip(neuron.w, weights, strict=True):
            w.data = number
    found = {
        ends: (line["color"], float(line["penwidth"]), line["tooltip"])
        for ends, line in lines(draw_network(model)).items()
    }
    assert found == {
        ("0.0", "1.0"): (NEGATIVE, 4.0, "-2.0"),
        ("0.1", "1.0"): (POSITIVE, 2.25, "1.0"),
        ("0.0", "1.1"): (NOTHING, 0.5, "0.0"),
        ("0.1", "1.1"): (NEGATIVE, 1.38, "-0.5"),
    }


@pytest.mark.parametrize(("number", "colour"), [(math.nan, NOTHING), (math.inf, POSITIVE)])
def test_a_weight_that_is_not_finite_is_wide(number, colour):
    """It does not make the others thin."""
    neuron = nn.Neuron(2, seed=0)
    neuron.w[0].data, neuron.w[1].data = number, 0.25
    first, second = lines(draw_network(neuron)).values()
    assert (first["color"], first["penwidth"]) == (colour, "4.00")
    assert (second["color"], second["penwidth"]) == (POSITIVE, "4.00")


def test_layers_and_neurons_have_a_picture_too():
    """An input and an output column, and nothing hidden between them."""
    for model, sizes in ((nn.Layer(3, 2, seed=0), (3, 2)), (nn.Neuron(3, seed=0), (3, 1))):
        digraph = draw_network(model)
        fills = [node["fillcolor"] for node in circles(digraph).values()]
        assert fills == [COLUMNS[0][1]] * sizes[0] + [COLUMNS[2][1]] * sizes[1]
        assert len(lines(digraph)) == sizes[0] * sizes[1]


def test_the_same_model_gives_the_same_text():
    """And nothing of it is changed."""
    model = nn.MLP(3, [4, 2], seed=6)
    assert draw_network(model).source == draw_network(model).source
    assert all(p.grad is NOT_COMPUTED for p in model.parameters())


# ---- numbers -------------------------------------------------------------------------------------


def test_the_columns_of_an_input_are_what_the_model_computes():
    """The inputs, the outputs of each layer, and as the last the bits of model(x)."""
    x = [1.0, Value(-0.5), 2]
    model = nn.MLP(3, [4, 2], seed=6)
    first, hidden, last = columns_of(model, x)
    assert [v.data for v in first] == [1.0, -0.5, 2.0]
    assert first[1] is x[1]
    assert [v.data for v in hidden] == [v.data for v in model.layers[0](x)]
    assert [v.data for v in last] == [v.data for v in model(x)]
    assert [v.data for v in columns_of(model.layers[0], x)[1]] == [v.data for v in hidden]
    (neuron,) = columns_of(model.layers[0].neurons[0], x)[1]
    assert neuron.data == hidden[0].data


def test_numbers_stand_in_the_circles_as_far_as_they_are_known():
    """With three digits; the tooltip has them all."""
    model = nn.MLP(3, [4, 2], seed=6)
    columns = columns_of(model, [1.0, -0.5, 2.0])
    for known in range(4):
        found = circles(draw_network(model, columns[:known]))
        for c, column in enumerate(columns):
            for k, v in enumerate(column):
                node = found[f"{c}.{k}"]
                assert node["label"] == (f"{v.data:z.3g}" if c < known else "")
                assert node.get("tooltip") == (repr(v.data) if c < known else None)


def test_a_number_fits_into_its_circle():
    """The small are not 0, and what is long has small letters."""
    model = nn.Layer(4, 1, seed=0)
    found = circles(draw_network(model, columns_of(model, [1e-7, -0.0, -123456.0, 0.12345])))
    shown = [(found[f"0.{k}"]["label"], found[f"0.{k}"].get("fontsize")) for k in range(4)]
    assert shown == [("1e-07", None), ("0", None), ("-1.23e+05", "9"), ("0.123", None)]


def test_gradients_stand_there_where_they_have_arrived():
    """Before, circles are empty and lines grey; a gradient of 0 that has arrived is a 0."""
    model = nn.MLP(2, [2, 1], seed=3)
    columns = columns_of(model, [1.0, -1.0])
    before = draw_network(model, columns, gradients=True)
    assert {node["label"] for node in circles(before).values()} == {""}
    thin = {"color": NOTHING, "penwidth": "0.50", "tooltip": "not computed"}
    assert all(line == thin for line in lines(before).values())
    losses.mean_squared_error(columns[-1], [1.0]).backward()
    after = draw_network(model, columns, gradients=True)
    for c, column in enumerate(columns):
        for k, v in enumerate(column):
            assert circles(after)[f"{c}.{k}"]["label"] == f"{v.grad:z.3g}"
    for k, w in enumerate(model.layers[1].neurons[0].w):
        line = lines(after)[f"1.{k}", "2.0"]
        assert line["tooltip"] == repr(w.grad)
        assert line["color"] == (POSITIVE if w.grad > 0 else NEGATIVE if w.grad < 0 else NOTHING)


# ---- large networks ------------------------------------------------------------------------------


def test_of_a_large_column_the_first_and_the_last_are_drawn():
    """Up to 16 all are; of 64 there are 8, how many more, and 8."""
    found = nodes(draw_network(nn.MLP(64, [30, CIRCLES, 10], seed=0)))
    shown = {c: [key for key in found if key.startswith(f"{c}.")] for c in range(4)}
    assert shown[0] == [f"0.{k}" for k in (*range(8), *range(56, 64))]
    assert shown[1] == [f"1.{k}" for k in (*range(8), *range(22, 30))]
    assert [len(shown[c]) for c in (2, 3)] == [CIRCLES, 10]
    assert found["more 0"]["label"].endswith("48 more")
    assert found["more 1"]["label"].endswith("14 more")
    assert {"more 2", "more 3"}.isdisjoint(found)


@pytest.mark.parametrize(
    "sizes", [[1, 1], [3, 4, 2], [2, 16, 16, 1], [16, 1], [17, 9], [784, 30, 10]], ids=str
)
def test_nothing_overlaps(sizes):
    """Circles and texts are apart, and no line runs over one that it does not join."""
    digraph = draw_network(nn.MLP(sizes[0], sizes[1:], seed=0))
    places = {key: place(node) for key, node in nodes(digraph).items()}
    for one, other in itertools.combinations(places.values(), 2):
        assert math.dist(one, other) > 2 * RADIUS
    for tail, head in lines(digraph):
        (x, y), (x2, y2) = places[tail], places[head]
        length = math.hypot(x2 - x, y2 - y)
        for key, (a, b) in places.items():
            along = ((a - x) * (x2 - x) + (b - y) * (y2 - y)) / length
            if key not in (tail, head) and 0.0 < along < length:
                assert abs((a - x) * (y2 - y) - (b - y) * (x2 - x)) / length > RADIUS, (tail, head)


def test_many_lines_are_thin_and_have_no_heads():
    """Up to 100 have them."""
    few, many = (draw_network(nn.Layer(10, n, seed=0)) for n in (10, 11))
    widths = [max(float(line["penwidth"]) for line in lines(d).values()) for d in (few, many)]
    assert widths == [4.0, 2.5]
    assert ["arrowhead=none" in d.source for d in (few, many)] == [False, True]


def test_too_many_lines_are_refused():
    """The error says how many there are, and what to draw."""
    model = nn.MLP(16, [16] * 12, seed=0)
    with pytest.raises(
        ValueError, match=r"at most 3000 lines, .* there are 3072; draw some of its"
    ):
        draw_network(model)
    assert len(lines(draw_network(nn.MLP(1000, [1000, 2], seed=0)))) == 16 * 16 + 16 * 2


# ---- what cannot be drawn ------------------------------------------------------------------------


class Pair(nn.Module):
    """A model of one's own, that holds an MLP."""

    def __init__(self):
        self.scale = 2.0
        self.inner = nn.MLP(2, [1], seed=0)


def test_another_module_has_no_picture():
    """The error says what has one, and what in it can be drawn."""
    with pytest.raises(
        TypeError, match=r"a Neuron has a picture, but not Pair\(\); draw its inner"
    ):
        draw_network(Pair())
    with pytest.raises(TypeError, match=r"not Module\(\); draw a result of it, which is a Value"):
        columns_of(nn.Module(), [1.0])


def test_inputs_and_columns_of_another_size_are_refused():
    """Both sizes are told."""
    model = nn.MLP(3, [4, 2], seed=0)
    with pytest.raises(ValueError, match=r"MLP\(3, \[4, 2\].* takes 3 inputs, not 2; give"):
        draw(model, x=[1.0, 2.0])
    columns = columns_of(model, [1.0, 2.0, 3.0])
    for wrong, found in (([[], columns[1]], r"\[0, 4\]"), ([*columns, []], r"\[3, 4, 2, 0\]")):
        with pytest.raises(ValueError, match=rf"sizes \[3, 4, 2\], .* not {found}; see columns_of"):
            draw_network(model, wrong)


# ---- draw() and render() -------------------------------------------------------------------------


def test_draw_takes_a_model():
    """It gives the text of draw_network, with the numbers of an input where there is one."""
    model = nn.MLP(3, [4, 2], seed=6)
    assert draw(model).body == draw_network(model).body
    x = [1.0, -0.5, 2.0]
    assert draw(model, x=x).body == draw_network(model, columns_of(model, x)).body


@pytest.mark.parametrize(
    "options", [{"derivatives": False}, {"collapse": "layer"}, {"names": {"a": 1}}], ids=str
)
def test_options_of_graphs_are_refused_for_models(options):
    """And x for a Value: nothing is passed over in silence."""
    with pytest.raises(TypeError, match=r"x alone beside MLP\(.*\), not derivatives, collapse or"):
        draw(nn.MLP(1, [1]), **options)
    with pytest.raises(TypeError, match=r"x is the input of a model, and beside Value\(.*leave it"):
        draw(Value(1.0), x=[1.0])


@pytest.mark.parametrize("name", ["dot", "graphviz-pure"])
def test_each_executable_draws_circles_where_they_are_placed(name, tmp_path, monkeypatch):
    """The circles of the picture are in columns, in the order of the units."""
    beside = os.pathsep.join((os.environ["PATH"], os.path.dirname(sys.executable)))
    program = shutil.which(name, path=beside)
    if not program:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setattr(drawing, "executable", lambda: program)
    path = render(nn.MLP(3, [4, 2], seed=6), tmp_path / "net.svg", x=[1.0, -0.5, 2.0])
    svg = "{http://www.w3.org/2000/svg}"
    at = {}
    for group in ElementTree.parse(path).getroot().iter(f"{svg}g"):
        ellipse = group.find(f".//{svg}ellipse")
        if group.get("class") == "node" and ellipse is not None:
            at[group.find(f"{svg}title").text] = float(ellipse.get("cx")), float(ellipse.get("cy"))
    assert len(at) == 3 + 4 + 2
    for c, size in enumerate((3, 4, 2)):
        xs, ys = zip(*(at[f"{c}.{k}"] for k in range(size)), strict=True)
        assert max(xs) - min(xs) < 0.1
        assert sorted(ys) == list(ys)
    assert at["0.0"][0] < at["1.0"][0] < at["2.0"][0]
