"""Drawing: the DOT text says what the graph is, and Graphviz makes a file of it."""

import copy
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from microgradnet import drawing, nn
from microgradnet.drawing import draw, executable, mimebundle, render
from microgradnet.engine import Value
from microgradnet.naming import named
from microgradnet.operations import NOT_COMPUTED, OPERATIONS, UNREACHED

SVG = "{http://www.w3.org/2000/svg}"
WEIRD = {
    "record": "w<1>|b",
    "html": "<b>bold</b>",
    "table": "</TD></TR></TABLE>>",
    "quotes": "say \"hi\" and 'bye'",
    "newlines": "one\ntwo\r\n",
    "backslash": "ends in \\",
    "escapes": "\\N \\G \\n \\\\ \\E",
    "entity": "&amp; &lt; &#92;",
    "injection": '"]; n9 [label="x"]; //',
    "control": "\x00\x1b[31m\x7f\u202e",
    "surrogate": "\ud800",
    "blank": "   ",
    "unicode": "θ₁ 重み",
    "script": "<script>alert(1)</script>",
    "named like a parameter": "w.0",
}


def _found():
    try:
        return executable()
    except RuntimeError:
        return ""


needs_graphviz = pytest.mark.skipif(not _found(), reason="neither dot nor graphviz-pure is here")


def nodes(digraph):
    """Return node id -> the words in it, from DOT text."""
    found = re.findall(r"^\t(n\d+) \[label=<(.*?)> id=n\d+", digraph.source, re.M)
    return {
        key: " ".join(re.sub(r"</?(B|FONT)\b[^>]*>", "", text).split())
        for key, label in found
        for text in [re.sub(r"<(/?T[^>]*)>", " ", label)]
    }


def edges(digraph):
    """Return (tail, head, attributes) for each edge of DOT text."""
    found = re.findall(r"^\t(n\d+) -> (n\d+) \[(.*)\]$", digraph.source, re.M)
    return [
        (tail, head, {name: text.strip('"') for name, text in _attributes(words)})
        for tail, head, words in found
    ]


def _attributes(words):
    return re.findall(r'(\w+)=("[^"]*"|\S+)', words)


def widths(digraph):
    """Return the width of each edge."""
    return [float(words["penwidth"]) for _, _, words in edges(digraph)]


def backgrounds(digraph, word):
    """Return the colours of the cells whose text holds a word."""
    cells = re.findall(r'BGCOLOR="([^"]*)" COLSPAN="\d">(.*?)</TD>', digraph.source)
    return [colour for colour, text in cells if word in text]


def tooltips(digraph):
    """Return the tooltip of each node."""
    return re.findall(r'^\tn\d+ \[.* tooltip="(.*)"\]$', digraph.source, re.M)


def square():
    """Return x * x at 3 after backward."""
    x = Value(3.0, label="x")
    y = x * x
    y.label = "y"
    y.backward()
    return y


def network(count=1, widths=(3, 1), **options):
    """Return the sum of a small network's outputs for some examples, after backward."""
    model = nn.MLP(2, list(widths), activation="tanh", seed=1, **options)
    loss = Value(0.5, label="start")
    for i in range(count):
        loss = loss + model([Value(1.0 + i, label=f"x{i}"), Value(-2.0, label=f"y{i}")])
    loss.label = "loss"
    loss.backward()
    return loss


def svg(source):
    """Return the root of an SVG picture that is well-formed XML."""
    return ElementTree.fromstring(drawing.run(source, "svg"))


def texts(root):
    """Return what is written in an SVG picture."""
    return [element.text for element in root.iter(f"{SVG}text")]


# ---- cards ---------------------------------------------------------------------------------------


def test_the_dot_text_of_a_small_graph() -> None:
    """A graph has one DOT text: nodes in topological order, two edges for x * x."""
    table = '<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="#555555"><TR>'
    cell = '<TD ALIGN="CENTER" BGCOLOR="{}" COLSPAN="{}">{}</TD>'.format
    name_x = cell("#dbe9f6", 2, "<B>x</B>")
    name_y = cell("white", 2, '<B>y</B> <FONT COLOR="#757575">= ×</FONT>')  # noqa: RUF001
    white = '<FONT COLOR="white">grad 6</FONT>'
    data_x = cell("white", 1, "3") + cell("#c55260", 1, white)
    data_y = cell("white", 1, "9") + cell("#e5b1b8", 1, "grad 1")
    flow = "local derivative 3, gradient that flows 3.0"
    edge = f'color="#b2182b" id="n1-{{}}" labeltooltip="{flow}" penwidth=3.00 tooltip="{flow}"'
    assert draw(square()).source.splitlines() == [
        "digraph microgradnet {",
        "\tgraph [bgcolor=white nodesep=0.2 rankdir=LR ranksep=0.6]",
        "\tnode [fontname=Arial fontsize=12 shape=plain]",
        "\tedge [arrowsize=0.7 fontname=Arial fontsize=10]",
        f"\tn0 [label={table}{name_x}</TR><TR>{data_x}</TR></TABLE>> id=n0 "
        'tooltip="x = 3.0, grad 6.0"]',
        f"\tn1 [label={table}{name_y}</TR><TR>{data_y}</TR></TABLE>> id=n1 "
        'tooltip="y = 9.0, grad 1.0"]',
        f"\tn0 -> n1 [label=3 {edge.format('x')}]",
        f"\tn0 -> n1 [label=3 {edge.format('y')}]",
        "}",
    ]


def test_the_same_graph_gives_the_same_text() -> None:
    """The text depends on the graph alone, not on addresses: a copy gives the same."""
    loss = network(2)
    assert draw(loss).source == draw(loss).source == draw(copy.deepcopy(loss)).source


def test_a_card_says_name_operation_data_and_gradient() -> None:
    """Name = operation over data and gradient, with four significant digits."""
    x = Value(1.23456789, label="x")
    y = x.tanh()
    y.label = "y"
    y.backward()
    assert list(nodes(draw(y)).values()) == ["x 1.235 grad 0.2878", "y = tanh 0.8439 grad 1"]


def test_the_local_derivative_stands_on_the_edge() -> None:
    """Each edge has the operation's derivative by that operand, with four significant digits."""
    y = Value(2.0, label="x") / Value(3.0, label="y")
    found = [(tail, head, words["label"]) for tail, head, words in edges(draw(y))]
    assert found == [("n0", "n2", "0.3333"), ("n1", "n2", "-0.2222")]


def test_derivatives_can_be_left_out() -> None:
    """derivatives=False leaves the edges and takes the labels away."""
    found = edges(draw(square(), derivatives=False))
    assert len(found) == 2
    assert all("label" not in words for _, _, words in found)


def test_an_edge_is_as_wide_as_its_flow_and_coloured_by_its_sign() -> None:
    """The largest flow is the widest; red is positive, blue negative, grey nothing."""
    x, y, w = Value(-1.0), Value(4.0), Value(0.0)
    z = x * y + w * 0.0
    z.backward()
    found = {words["id"]: words for _, _, words in edges(draw(z, names={"x": x, "y": y, "w": w}))}
    blue = [words["id"] for words in found.values() if words["color"] == "#2166ac"]
    grey = [words["id"] for words in found.values() if words["color"] == "#757575"]
    assert len(blue) == 1
    assert len(grey) == 2
    assert sorted({float(words["penwidth"]) for words in found.values()}) == [1.0, 1.5, 3.0]


def test_before_backward_gradients_are_not_computed() -> None:
    """Without a backward a card says "grad ·" in grey, its tooltip what to call; never 0."""
    y = Value(3.0, label="x") * 2.0
    assert "grad 0" not in draw(y).source
    assert '<FONT COLOR="#757575">grad ·</FONT>' in draw(y).source
    assert tooltips(draw(y))[0] == "x = 3.0, grad not computed: call backward()"
    assert all(words["color"] == "#757575" for _, _, words in edges(draw(y)))


def test_a_gradient_of_zero_is_computed() -> None:
    """UNREACHED and 0.0 are shown as 0, NOT_COMPUTED is not, though all three are equal."""
    cards = []
    for grad in (NOT_COMPUTED, UNREACHED, 0.0):
        x = Value(3.0, label="x")
        x.grad = grad
        cards += nodes(draw(x)).values()
    assert cards == ["x 3 grad ·", "x 3 grad 0", "x 3 grad 0"]


def test_small_numbers_are_not_zero() -> None:
    """1e-7 and 0 differ as data and as gradients, and -0.0 is 0."""
    x, y = Value(1e-7, label="x"), Value(-0.0, label="y")
    x.grad, y.grad = 1e-7, -0.0
    cards = [nodes(draw(v))["n0"] for v in (x, y)]
    assert cards == ["x 1e-07 grad 1e-07", "y 0 grad 0"]


@pytest.mark.parametrize("grad", [float("inf"), float("-inf"), float("nan")])
def test_a_gradient_that_is_not_finite_is_marked(grad) -> None:
    """inf and nan stand on amber, and the colours of the others do not suffer."""
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    z = x * y
    x.grad, y.grad, z.grad = grad, 2.0, 1.0
    assert f"grad {grad:g}" in draw(z).source
    assert backgrounds(draw(z), f"grad {grad:g}") == ["#ffd966"]
    assert backgrounds(draw(z), "grad 2") == ["#c55260"]


def test_constants_are_pale() -> None:
    """A leaf without a name is one pale cell with its number."""
    y = Value(3.0, label="x") ** 2
    assert nodes(draw(y))["n1"] == "2"
    assert backgrounds(draw(y), "2")[0] == "#f7f7f7"


def test_a_constant_operand_has_no_derivative() -> None:
    """The exponent of x ** 2 is a constant: its edge has no label, and says why."""
    y = Value(3.0, label="x") ** 2
    y.backward()
    by_exponent = edges(draw(y))[1][2]
    assert "label" not in by_exponent
    assert by_exponent["tooltip"] == "a constant: no gradient flows"


def test_a_derivative_that_does_not_exist_is_undefined() -> None:
    """sqrt at 0 is drawn, with "undefined" on its edge."""
    y = Value(0.0, label="x").sqrt()
    assert [words["label"] for _, _, words in edges(draw(y))] == ["undefined"]


def test_every_operation_can_be_drawn() -> None:
    """Each operation has an edge for each operand, with a derivative or as a constant."""
    for op in OPERATIONS.values():
        operands = [Value(0.5, label="x"), Value(0.25, label="y")][: len(op.partials)]
        assert len(edges(draw(op(*operands)))) == len(operands)


def test_a_closed_gate_lets_nothing_through() -> None:
    """relu below 0 stops even an infinite gradient, as in backward."""
    y = Value(-1.0, label="x").relu()
    y.grad = float("inf")
    assert edges(draw(y))[0][2]["tooltip"] == "local derivative 0, gradient that flows 0.0"


def test_a_leaf_alone_is_one_card() -> None:
    """A Value without operands is drawn too."""
    assert nodes(draw(Value(3.0, label="x"))) == {"n0": "x 3 grad ·"}


def test_a_loss_does_not_drown_small_gradients() -> None:
    """Colours are full at the largest gradient of a leaf, though the result's is far larger."""
    w = Value(2.0, label="w")
    loss = (w * 1e-5).tanh()
    loss.label = "loss"
    loss.backward()
    assert backgrounds(draw(loss), "grad 1e-05")[0] == "#c55260"


# ---- labels are data -----------------------------------------------------------------------------


@pytest.mark.parametrize("label", WEIRD.values(), ids=WEIRD)
def test_a_label_cannot_leave_its_place(label) -> None:
    """Whatever a label holds, the text has its two nodes and two edges, each on its line."""
    x = Value(3.0, label=label)
    y = x * x
    y.label = label
    lines = draw(y).source.splitlines()
    assert [line.split()[0] for line in lines[4:]] == ["n0", "n1", "n0", "n0", "}"]
    assert all(len(re.findall(r'(?<!\\)"', line)) % 2 == 0 for line in lines)


@needs_graphviz
@pytest.mark.parametrize("label", WEIRD.values(), ids=WEIRD)
@pytest.mark.parametrize("by_name", [False, True], ids=["label", "name"])
def test_a_label_is_seen_as_it_is(label, by_name) -> None:
    """A label reads as typed in card and tooltip; what cannot be shown is escaped as in Python."""
    x = Value(3.0, label="" if by_name else label)
    root = svg(draw(x, names={label: x} if by_name else None).source)
    seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in label)
    seen = seen if seen.strip() else repr(seen)
    assert texts(root)[0].replace("\xa0", " ") == seen
    whole = "".join(c if c.isprintable() else repr(c)[1:-1] for c in label)
    links = [a.get("{http://www.w3.org/1999/xlink}title") for a in root.iter(f"{SVG}a")]
    assert [link.replace("\xa0", " ") for link in links] == [
        f"{whole} = 3.0, grad not computed: call backward()"
    ]
    assert [title.text for title in root.iter(f"{SVG}title")] == ["microgradnet", "n0"]
    assert not list(root.iter(f"{SVG}script"))


def test_a_long_label_is_cut() -> None:
    """Of 300 characters 31 are in the card, with an ellipsis; the tooltip has all."""
    digraph = draw(Value(3.0, label="a" * 300))
    assert nodes(digraph)["n0"].split()[0] == "a" * 31 + "…"
    assert "a" * 300 in tooltips(digraph)[0]


# ---- names ---------------------------------------------------------------------------------------


def test_names_label_what_has_no_label() -> None:
    """Variables name the Values that they hold; a label comes first, and nothing is changed."""
    x, y = Value(1.0), Value(2.0, label="mine")
    z = x * y
    cards = list(nodes(draw(z, names=locals())).values())
    assert cards == ["x 1 grad ·", "mine 2 grad ·", "z = × 2 grad ·"]  # noqa: RUF001
    assert (x.label, z.label) == ("", "")


def test_lists_and_dicts_name_by_place() -> None:
    """A Value in a list, a tuple or a dict is named by where it is, however deep."""
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    found = named({"xs": [a, "text", (b,)], "model": {"w": {"first": c}}})
    assert found == {a: "xs[0]", b: "xs[2][0]", c: "model['w']['first']"}


def test_the_first_name_wins_and_private_names_are_left_out() -> None:
    """Of two names the first is used; `_`, `_3` and what they hold are a notebook's own."""
    a, b = Value(1.0), Value(2.0)
    history = [b]
    assert named({"_": a, "x": a, "y": a, "_oh": history, "Out": history}) == {a: "x"}


def test_a_list_in_itself_is_walked_once() -> None:
    """A list that holds itself, and a hundred thousand nested lists, end."""
    a = Value(1.0)
    loop: list[object] = [a]
    loop.append(loop)
    deep: object = a
    for _ in range(1000):
        deep = [deep]
    assert named({"loop": loop})[a] == "loop[0]"
    assert named({"deep": deep})[a] == "deep" + "[0]" * 1000


def test_names_that_are_no_mapping_are_refused() -> None:
    """A list of names is a TypeError that says what to pass."""
    with pytest.raises(TypeError, match=r"names takes name -> object, not \['x'\]; try locals"):
        draw(Value(1.0), names=["x"])


# ---- networks ------------------------------------------------------------------------------------


def test_a_neuron_is_one_table() -> None:
    """collapse="neuron": a table for each neuron, with its parameters, its output, its ops."""
    cards = list(nodes(draw(network(), collapse="neuron")).values())
    tables = [card for card in cards if "ops" in card]
    assert sorted(table.split()[0] for table in tables) == [
        *("layers.0.neurons.0", "layers.0.neurons.1", "layers.0.neurons.2", "layers.1.neurons.0"),
    ]
    assert re.fullmatch(
        r"layers.0.neurons.0 5 ops b 0 grad \S+ w.0 \S+ grad \S+ w.1 \S+ grad \S+ out \S+ grad \S+",
        tables[0],
    )
    assert len(cards) == 2 + 4 + 2  # inputs, neurons; what is of no neuron: start, loss


def test_a_layer_is_one_table() -> None:
    """collapse="layer": the neurons of a layer with the same inputs make one table."""
    tables = [c for c in nodes(draw(network(), collapse="layer")).values() if "ops" in c]
    assert [table.split()[:3] for table in tables] == [
        ["layers.0", "15", "ops"], ["layers.1", "6", "ops"],
    ]  # fmt: skip
    assert "2.w.1" in tables[0]
    assert "out 2" in tables[0]


@pytest.mark.parametrize(("collapse", "tables"), [("neuron", 8), ("layer", 4)])
def test_two_examples_have_two_tables(collapse, tables) -> None:
    """Each call of a neuron, or of a layer, has its own table."""
    cards = nodes(draw(network(2), collapse=collapse)).values()
    assert sum("ops" in card for card in cards) == tables


def test_a_chain_through_one_layer_has_a_table_each_time() -> None:
    """A layer that is fed with its own output, as in a recurrent network, is two calls."""
    layer = nn.Layer(2, 2, activation="tanh", seed=1, name="cell")
    out = layer(layer([Value(1.0, label="x"), Value(2.0, label="y")]))
    cards = nodes(draw(out[0] + out[1], collapse="layer")).values()
    assert [card.split()[:3] for card in cards if "ops" in card] == [["cell", "10", "ops"]] * 2


def test_an_edge_into_a_table_is_the_sum_of_the_flows() -> None:
    """One edge goes from an input into a table; it carries all that flows between the two."""
    neuron = nn.Neuron(2, activation="linear", seed=1, name="net.neurons.0")
    x = Value(2.0, label="x")
    z = neuron([x, x])
    z.backward()
    (edge,) = edges(draw(z, collapse="neuron"))
    assert edge[:2] == ("n0", "n1")
    assert edge[2]["tooltip"] == f"all uses, gradient that flows {x.grad!r}"
    assert "label" not in edge[2]


def test_rows_are_limited() -> None:
    """Past 12 parameters and 4 outputs one row says how many, and the largest gradient."""
    loss = network(widths=(6, 1))
    table = next(c for c in nodes(draw(loss, collapse="layer")).values() if "layers.0" in c)
    assert table.count("grad ") == 12
    assert re.search(r"… 6 more max \|grad\| [\d.]+ 6 outputs max \|grad\| [\d.]+$", table)


def test_a_table_before_backward_has_no_gradients() -> None:
    """Rows, and the row of what is more, say "grad ·" before a backward."""
    model = nn.MLP(2, [6, 1], seed=1)
    source = draw(model([1.0, 2.0]), collapse="layer").source
    assert "grad ·" in source
    assert "max |grad| ·" in source
    assert not re.search(r"grad\|? -?\d", source)


def test_a_penalty_keeps_its_cards() -> None:
    """A parameter that is used outside its neuron is a row of the table and a card."""
    neuron = nn.Neuron(1, activation="linear", seed=1, name="net.neurons.0")
    z = neuron([Value(2.0, label="x")]) + neuron.w[0] ** 2
    cards = list(nodes(draw(z, collapse="neuron")).values())
    assert sum(card.startswith("net.neurons.0.w.0") for card in cards) == 1
    assert sum("ops" in card for card in cards) == 1


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", "linear"])
def test_the_constants_of_an_activation_are_hidden(activation) -> None:
    """The slope of leaky_relu is part of its neuron, not an input of it."""
    neuron = nn.Neuron(1, activation=activation, seed=1, name="net.neurons.0")
    assert len(nodes(draw(neuron([Value(2.0, label="x")]), collapse="neuron"))) == 2


def test_neurons_are_found_by_labels_alone() -> None:
    """Any result whose label begins the labels of leaves below it is a table, cut where long."""
    w, b = Value(2.0, label="mine.w"), Value(1.0, label="mine.b")
    z = w * Value(3.0, label="x") + b
    z.label = "mine"
    cards = list(nodes(draw(z, collapse="neuron")).values())
    assert cards == ["x 3 grad ·", "mine 2 ops w 2 grad · b 1 grad · out 7 grad ·"]


def test_without_neurons_nothing_is_collapsed() -> None:
    """Values of no neuron stay cards, whatever is asked."""
    for collapse in ("neuron", "layer"):
        assert draw(square(), collapse=collapse).source == draw(square()).source


@pytest.mark.parametrize(
    ("count", "kind"), [(1, "cards"), (10, "neurons"), (30, "layers")], ids=["1", "10", "30"]
)
def test_large_graphs_are_collapsed_by_themselves(count, kind) -> None:
    """Up to 150 cards are drawn; then neurons are tables, and where these are too many, layers."""
    text = " ".join(nodes(draw(network(count))).values())
    assert ("ops" in text) == (kind != "cards")
    assert ("layers.0.neurons.1 5 ops" in text) == (kind == "neurons")
    assert ("layers.0 15 ops" in text) == (kind == "layers")


def test_a_trained_network_has_colours() -> None:
    """Beside a loss with gradient 1, gradients of 1e-5 in neurons have colours and wide arrows."""
    model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    loss = (model([Value(1.0, label="x"), Value(2.0, label="y")]) * 1e-5).tanh()
    loss.backward()
    digraph = draw(loss, collapse="neuron")
    assert "#c55260" in digraph.source or "#5992c1" in digraph.source
    assert sum(width > 1.5 for width in widths(digraph)) > 3


# ---- limits and mistakes -------------------------------------------------------------------------


def test_too_many_nodes_are_refused() -> None:
    """More than 1,500 nodes is a ValueError: the rule, the number, the way out."""
    x = Value(1.0)
    for _ in range(1500):
        x = x.tanh()
    with pytest.raises(
        ValueError, match=r"at most 1500 nodes, and this graph has 1501; draw a part of it"
    ):
        draw(x)
    assert len(nodes(draw(x.args[0]))) == 1500


def test_too_many_neurons_name_the_layers_as_a_way_out() -> None:
    """Where collapse="neuron" is too much, the message names collapse='layer'."""
    with pytest.raises(ValueError, match="or pass collapse='layer'"):
        draw(network(260), collapse="neuron")


def test_a_chain_of_a_million_is_refused() -> None:
    """No recursion: a million nodes are counted and refused; in a notebook they are text."""
    x = Value(0.0)
    for _ in range(1_000_000):
        x = x + 1.0
    with pytest.raises(ValueError, match="this graph has 2000001"):
        draw(x)


@pytest.mark.parametrize("collapse", ["neurons", "", 1, True])
def test_a_bad_collapse_is_refused(collapse) -> None:
    """collapse is None, "neuron" or "layer"; the message has what was passed."""
    with pytest.raises(ValueError, match=rf"None, 'neuron' or 'layer', not {collapse!r}; take one"):
        draw(Value(1.0), collapse=collapse)


@pytest.mark.parametrize("v", [3.0, None, "x", [Value(1.0)]])
def test_what_is_no_value_is_refused(v, tmp_path) -> None:
    """draw and render take a Value; the message has what was passed, and nothing is written."""
    with pytest.raises(
        TypeError, match=rf"a Value or an MLP, not {re.escape(repr(v))}; pass a res"
    ):
        draw(v)
    with pytest.raises(TypeError, match="takes a Value"):
        render(v, tmp_path / "g.svg")
    assert list(tmp_path.iterdir()) == []


# ---- files ---------------------------------------------------------------------------------------


@pytest.fixture
def _no_graphviz(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)


@needs_graphviz
def test_render_writes_svg(tmp_path) -> None:
    """The SVG has a group for each node and edge, by title and id; the path is returned."""
    path = render(square(), str(tmp_path / "y.svg"))
    assert path == tmp_path / "y.svg"
    groups = {
        group.get("id"): group.find(f"{SVG}title").text
        for group in ElementTree.parse(path).iter(f"{SVG}g")
        if group.get("class") in ("node", "edge")
    }
    assert groups == {"n0": "n0", "n1": "n1", "n1-x": "n0->n1", "n1-y": "n0->n1"}


@needs_graphviz
@pytest.mark.parametrize(("suffix", "magic"), [("PNG", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_suffix_is_the_format(suffix, magic, tmp_path) -> None:
    """Upper or lower case, the suffix says what is written."""
    try:
        path = render(square(), tmp_path / f"y.{suffix}")
    except ValueError as error:
        pytest.skip(f"this Graphviz writes no {suffix}: {error}")
    assert path.read_bytes().startswith(magic)


@pytest.mark.usefixtures("_no_graphviz")
@pytest.mark.parametrize("suffix", ["dot", "gv"])
def test_dot_text_needs_no_executable(suffix, tmp_path) -> None:
    """.dot and .gv are the text itself, in UTF-8, with the options of draw."""
    path = render(square(), tmp_path / f"y.{suffix}", derivatives=False)
    assert path.read_text(encoding="utf-8") == draw(square(), derivatives=False).source


def test_a_file_without_suffix_is_refused(tmp_path) -> None:
    """Without a suffix there is no format: ValueError."""
    with pytest.raises(ValueError, match=r"the format from the suffix, not '.*graph'; add .svg"):
        render(square(), tmp_path / "graph")


def test_a_folder_that_is_missing_is_named(tmp_path) -> None:
    """Where the folder is missing, the message names it and says to make it."""
    with pytest.raises(FileNotFoundError, match=r"not '.*nowhere'; make it first"):
        render(square(), tmp_path / "nowhere" / "y.dot")


def test_a_failed_picture_leaves_the_old_one(tmp_path, monkeypatch) -> None:
    """When Graphviz fails, the file is as it was, and nothing lies beside it."""
    path = tmp_path / "y.svg"
    path.write_text("old")

    def fail(*_):
        raise RuntimeError("no picture")

    monkeypatch.setattr(drawing, "run", fail)
    with pytest.raises(RuntimeError, match="no picture"):
        render(square(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    """When the disk is full, the file is as it was, and nothing lies beside it."""
    path = tmp_path / "y.dot"
    path.write_text("old")

    def fail(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        render(square(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@needs_graphviz
def test_an_unknown_format_is_one_line(tmp_path) -> None:
    """A suffix that Graphviz does not know is a ValueError of one short line."""
    with pytest.raises(
        ValueError, match=r"^Graphviz draws no format 'nonsense'; try .svg or .png$"
    ):
        render(square(), tmp_path / "y.nonsense")
    assert list(tmp_path.iterdir()) == []


# ---- the executable ------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["dot", "graphviz-pure"])
def test_dot_comes_before_its_stand_in(there, monkeypatch) -> None:
    """`dot` on PATH is taken first, and graphviz-pure on PATH without it."""
    found = ["dot", "graphviz-pure"][["dot", "graphviz-pure"].index(there) :]
    monkeypatch.setattr(
        shutil, "which", lambda name, **where: f"/bin/{name}" if name in found else None
    )
    assert executable() == f"/bin/{there}"


@pytest.mark.parametrize("place", ["beside Python", "scripts"])
def test_graphviz_pure_is_found_off_the_path(place, tmp_path, monkeypatch) -> None:
    """graphviz-pure is found beside the interpreter and in sysconfig's scripts, PATH or not."""
    script = tmp_path / ("graphviz-pure.exe" if os.name == "nt" else "graphviz-pure")
    script.write_text("")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    here, nowhere = str(tmp_path), str(tmp_path / "nowhere")
    monkeypatch.setattr(sys, "executable", f"{here if place == 'beside Python' else nowhere}/py")
    scripts = here if place == "scripts" else nowhere
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: scripts)
    assert Path(executable()) == script


@pytest.mark.usefixtures("_no_graphviz")
def test_without_graphviz_both_remedies_are_named(tmp_path) -> None:
    """Where neither executable is there, one line names both ways to get one."""
    with pytest.raises(RuntimeError, match="install Graphviz") as failed:
        render(square(), tmp_path / "y.svg")
    assert 'pip install "microgradnet[dot]"' in str(failed.value)
    assert "\n" not in str(failed.value)


def test_an_unknown_interpreter_is_no_fault(monkeypatch, tmp_path) -> None:
    """Where sys.executable is None (Python is embedded), the current folder is not searched."""
    (tmp_path / "graphviz-pure").write_text("")
    (tmp_path / "graphviz-pure").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", None)
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path / "nowhere"))
    with pytest.raises(RuntimeError, match="none on PATH"):
        executable()


# ---- notebooks -----------------------------------------------------------------------------------


@needs_graphviz
def test_a_value_shows_its_graph() -> None:
    """In a notebook a Value is its picture, and its repr as text."""
    y = square()
    shown = y._repr_mimebundle_()
    assert shown["text/plain"] == repr(y)
    assert ElementTree.fromstring(shown["image/svg+xml"]).tag == f"{SVG}svg"


@pytest.mark.usefixtures("_no_graphviz")
def test_without_graphviz_a_value_is_text() -> None:
    """Without an executable a notebook gets the repr, and of a Digraph the DOT text."""
    y = square()
    assert mimebundle(y) == {"text/plain": repr(y)}
    assert draw(y)._repr_mimebundle_() == {"text/plain": draw(y).source}


def test_a_graph_too_large_is_text() -> None:
    """More than 500 nodes are not drawn unasked."""
    x = Value(1.0)
    for _ in range(600):
        x = x.tanh()
    assert mimebundle(x) == {"text/plain": repr(x)}


@pytest.mark.parametrize(
    "error", [OSError("gone"), subprocess.TimeoutExpired("dot", 5.0), RuntimeError("failed")]
)
def test_showing_never_fails(error, monkeypatch) -> None:
    """Whatever Graphviz does, a Value is shown as text."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    y = square()
    assert mimebundle(y) == {"text/plain": repr(y)}


# ---- the import ----------------------------------------------------------------------------------


def test_importing_drawing_is_cheap() -> None:
    """What only a drawing needs is imported when something is drawn."""
    late = {"dataclasses", "html", "inspect", "pathlib", "shutil", "subprocess", "sysconfig"}
    code = (
        "import sys; before = set(sys.modules); import microgradnet.engine;"
        "lazy = set(sys.modules); from microgradnet import drawing;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "microgradnet.drawing" in done.stdout.split()
    assert late.isdisjoint(done.stdout.split()), late & set(done.stdout.split())
