"""Print graphs: text that can be read, names that cannot become code, and no work for nothing."""

import ast
import keyword
import random
import re

import pytest

from microgradnet import functional, nn
from microgradnet.calculus import gradient
from microgradnet.compiling import compile
from microgradnet.engine import Value, zero_grad
from microgradnet.operations import OPERATIONS, unary
from microgradnet.printing import Printer


def value_and_grad(f, parameters, *inputs):
    """Return the eager loss and gradients."""
    zero_grad(parameters)
    loss = f(*inputs)
    loss.backward()
    return loss.data, [p.grad for p in parameters]


def printed(f, parameters, *inputs):
    """Return the text of a loss's value_and_grad, after its numbers were held to the eager ones."""
    program = compile(f, parameters)
    numbers = [p.data for p in parameters]
    assert program.value_and_grad(numbers, *inputs) == value_and_grad(f, parameters, *inputs)
    return program.source


def body(text):
    """Return the lines of a program's function, without their indentation."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return [line.strip() for line in lines[start + 1 :]]


def statements(text):
    """Return the statements of a program's function, and those within them."""
    (function,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return [node for node in ast.walk(function) if isinstance(node, ast.stmt)][1:]


# ---- a text to read ------------------------------------------------------------------------------


def test_the_text_of_a_neuron():
    """The whole text of a small loss, as it is to be read."""
    w, b = Value(2.0, label="w"), Value(-1.0, label="b")
    text = printed(lambda x, y: ((w * x + b).tanh() - y) ** 2, [w, b], 0.5, 1.0)
    assert text.startswith("# '<lambda>', traced on inputs of the shape\n# [float * 2]\n")
    assert "from microgradnet.scalars import tanh" in text
    lines = body(text)
    assert lines[:3] == ["w, b = parameters", "x, y = inputs", "v = tanh(w * x + b)"]
    assert [line.partition("  # ")[2] for line in lines if "  # " in line] == ["w", "b"]


def test_one_assignment_a_line():
    """Every statement but return has a line of its own, and assigns once."""
    rng = random.Random(1)
    model = nn.MLP(3, [4, 4, 1], activation="relu", seed=rng)
    program = compile(lambda x: model(x) ** 2, model.parameters())
    program([0.5, -1.0, 2.0])
    program.over([([0.5, -1.0, 2.0],)])
    texts = program.source.split("\n\n\n# ")
    for text in program.source.replace("\n\n# '", "\0# '").split("\0"):
        simple = [s for s in statements(text) if isinstance(s, ast.Assign | ast.AugAssign)]
        lines = [s.lineno for s in simple]
        assert simple
        assert len({*lines}) == len(lines)
        known = {ast.Assign, ast.AugAssign, ast.If, ast.For, ast.Return}
        assert {type(s) for s in statements(text)} <= known
        assert max(map(len, text.splitlines())) < 400
    assert texts


def test_values_are_named_after_their_labels():
    """What the user has labelled has that name in the text, and its derivative d_ before it."""
    weight = Value(2.0, label="weight")

    def loss(x):
        product = weight * x
        product.label = "product"
        squashed = product.tanh()
        squashed.label = "squashed"
        return squashed * product + squashed

    text = printed(loss, [weight], 0.5)
    assert "product = weight * x" in body(text)
    assert "squashed = tanh(product)" in body(text)
    program = compile(loss, [weight])
    program.over([(0.5,)])
    assert any(line.startswith("d_weight += ") for line in body(program.source))


def test_a_network_has_the_names_of_its_paths():
    """Parameters of a model are named by their paths, so that a reader finds them."""
    model = nn.MLP(2, [2, 1], activation="tanh", seed=1)
    program = compile(lambda x: model(x), model.parameters())
    program([0.5, 1.0])
    for name in ("layers_0_neurons_1_w_0", "layers_1_neurons_0_b"):
        assert re.search(rf"\b{name}\b", program.source)


def test_inputs_are_named_after_the_arguments():
    """x and its places are x_0, x_1, ...; what is fixed has no name."""
    w = Value(2.0, "w")
    text = printed(lambda x, k, y: (w * x[0] + x[1][0]) * k - y, [w], [1.0, (2.0,)], 3, 0.5)
    (line,) = [line for line in body(text) if line.endswith(" = inputs")]
    names = re.findall(r"\w+", line)
    assert names == ["x_0", "x_1_0", "_", "y", "inputs"]


def test_the_header_says_what_was_traced():
    """The header has the function's name and the shape of the inputs, with the fixed values."""
    w = Value(2.0, "w")

    def my_loss(x, k):
        return w * x[0] * k

    text = printed(my_loss, [w], [1.0, 2.0, 3.0], 7)
    assert text.splitlines()[0] == "# 'my_loss', traced on inputs of the shape"
    assert text.splitlines()[1] == "# [[float * 3], 7]"


# ---- names that cannot become code ---------------------------------------------------------------

LABELS = [
    "w'); import os #", "a\nraise SystemExit", "a\rb", "\x0cx", "\u2028x",
    "größe", "β", "重み", "class",
    "None", "lambda", "match", "type", "_", "__", "", "1", "1w", "x_0", "x", "y", "v", "v_2", "d_v",
    "tanh", "sigmoid", "relu", "abs", "exp", "inf", "nan", "parameters", "inputs", "rows", "total",
    "gradient", "value_and_grad", "over", "step", "side", "microgradnet", "print", "import", "a b",
    "# a", '"""', "\\", "{x}", "%s", "w" * 300, "w" * 299 + "x", "p0", "d_p0", "__import__('os')",
    "self", "float", "__name__", "__builtins__", "é" * 50, "\0", "a=1;b", "w.0", "w[0]", "(w)",
]  # fmt: skip


@pytest.mark.parametrize("label", LABELS, ids=ascii)
def test_any_label(label):
    """A label of any kind, twice, on parameters and on results: a name, and the right bits."""
    p, q, r = Value(0.5, label), Value(-0.75, label), Value(2.0, "d_" + label)

    def loss(x, y):
        product = p * x[0] - q
        product.label = label
        squashed = product.tanh() * r + product.relu().exp()
        squashed.label = label
        return (squashed * squashed).sigmoid() + abs(product) * y * p

    program = compile(loss, [p, q, r])
    rows = [([0.5], 2.0), ([-3.0], 1.0)]
    for row in rows:
        expected = value_and_grad(loss, [p, q, r], *row)
        assert program.value_and_grad([v.data for v in (p, q, r)], *row) == expected
    assert program.over(rows) == sum(loss(*row).data for row in rows)
    for node in ast.walk(ast.parse(program.source)):
        if isinstance(node, ast.Name):
            assert re.fullmatch(r"[A-Za-z_]\w{0,79}", node.id, re.ASCII)
            assert not keyword.iskeyword(node.id)
    assert program.source.isascii()
    assert "import os" not in program.source


@pytest.mark.parametrize("label", ["relu", "half_square"])
def test_an_operation_of_the_users_own_and_a_label_of_its_name(label):
    """A partial may name any operation; a label of that name does not hide it."""
    unary("half_square", "0.5 * {x} * {x} * step({x})", "relu({x})")
    try:
        p = Value(2.0, label)
        text = printed(lambda x: OPERATIONS["half_square"](p * x) * p, [p], 3.0)
        assert "from microgradnet.functional import relu" in text
    finally:
        del OPERATIONS["half_square"]


def functions_of():
    """Return functions whose arguments have names that are taken, or that are no names."""
    w = Value(2.0, "w")
    return w, {
        "tanh": lambda tanh: w * tanh * tanh.tanh(),
        "rows": lambda rows, total: w * rows - total.exp(),
        "gradient": lambda gradient, parameters: w * gradient / parameters,
        "inputs": lambda inputs: (w * inputs).sin(),
        "_class": lambda _class, __class: w * _class - __class,
        "_": lambda _, __: w * _ / __,
        "_1": lambda _1: w * _1,
        "unicode": lambda α, x, β: w * α / x - β,
        "twice": lambda x_0, x: w * x_0 * x[0],
        "w": lambda w_2, v: (w * w_2 - v).tanh(),
        "star": lambda *x: w * x[0] - x[1],
        "keywords": lambda x, /, y=2.0: w * x - y,
    }


@pytest.mark.parametrize("name", functions_of()[1])
def test_any_names_of_arguments(name):
    """Arguments may have the names of operations, of the program's own variables, or no ASCII."""
    w, functions = functions_of()
    f = functions[name]
    count = 2 if name == "star" else f.__code__.co_argcount
    # As Values, since eager functions call their methods.
    row = [Value(0.5 + i) for i in range(count)]
    if name == "twice":
        row = [Value(0.5), [Value(1.5)]]
    expected = value_and_grad(f, [w], *row)
    program = compile(f, [w])
    assert program.value_and_grad([2.0], *row) == expected
    w.grad = 0.0
    assert (program.over([row, row]), [w.grad]) == (2 * expected[0], [2 * expected[1][0]])


def test_a_fixed_value_cannot_end_the_header():
    """The repr of a fixed value stands in a comment, and stays there."""

    class Evil:
        """A value whose repr is code."""

        def __repr__(self):
            return "x\nraise SystemExit(3)\r\x0craise SystemExit(4)"

    w = Value(2.0, "w")
    for fixed in (Evil(), "text\n'''\nraise SystemExit(5)", "\u2028", "x" * 10_000):
        text = printed(lambda x, _: w * x, [w], 3.0, fixed)
        assert all(line.startswith("#") for line in text.splitlines()[:2])
        assert len(text) < 1000


def test_a_function_of_any_name():
    """The function's own name is in the header and in the file's name, and never code."""
    w = Value(2.0, "w")

    def loss(x):
        return w * x

    for name in ("a\nraise SystemExit(3)", "../../etc/passwd", "", "\0", "ü" * 300, "l" * 300):
        loss.__name__ = name
        program = compile(loss, [w])
        assert program(3.0) == 6.0
        assert program.source.isascii()


# ---- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "neg", "elu", "sin", "identity", "abs"])
def test_a_chain_of_a_thousand(name):
    """Deep graphs of any operation stay within what Python can nest."""
    w = Value(1.5, "w")

    def loss(x):
        v = w * x
        for _ in range(1000):
            v = OPERATIONS[name](v)
        return v

    printed(loss, [w], 0.5)


def test_a_sum_of_a_thousand():
    """Wide sums, and a parameter used a thousand times, stay within what Python can nest."""
    w, b = Value(1.5, "w"), Value(0.5, "b")
    xs = [0.001 * i for i in range(1000)]
    printed(lambda x: functional.total((w * v + b) * w for v in x), [w, b], xs)
    printed(lambda x: functional.total((w * v - b).relu() for v in x), [w, b], xs)


def test_nested_maxima():
    """The largest of many, one maximum inside the other, has the right gradient."""
    rng = random.Random(2)
    ws = [Value(rng.gauss(0.0, 1.0), "w") for _ in range(40)]

    def loss(x):
        best = ws[0] * x
        for w in ws[1:]:
            best = best.maximum(w * x)
        return best

    for x in (1.0, -1.0, 0.0):
        printed(loss, ws, x)


@pytest.mark.parametrize("count", [1, 2, 9, 300, 1000])
def test_many_parameters(count):
    """One parameter or a thousand: the names are unpacked in lines that can be read."""
    ws = [Value(0.1 * i, f"weight.{i}") for i in range(count)]
    text = printed(lambda x: functional.total(w * x for w in ws).tanh(), ws, 0.5)
    unpacking = text[: text.index("= parameters")].splitlines()
    assert max(len(line) for line in unpacking if "weight_" in line) <= 100


def test_a_thousand_inputs():
    """A list of a thousand numbers is unpacked into a thousand names."""
    w = Value(0.5, "w")
    printed(lambda x: functional.total(w * v for v in x), [w], [0.5 + i for i in range(1000)])


# ---- no work for nothing -------------------------------------------------------------------------


def test_equal_expressions_are_computed_once():
    """What is written twice is computed once, also where the constants in it are equal."""
    w = Value(2.0, "w")
    text = printed(lambda x: (w * x + 0.5).tanh() * (w * x + 0.5).tanh() - w, [w], 0.5)
    assert text.count("tanh(") == 1


def test_constants_that_are_not_quite_equal_are_not_shared():
    """0.0 and -0.0 are two constants: the expressions of them are two."""
    w = Value(2.0, "w")
    text = printed(lambda x: (w * x * 0.0) / (w * x * -0.0 + 1.0), [w], 0.5)
    assert "* 0.0" in text
    assert "(-0.0)" in text or "* -0.0" in text


def test_what_is_used_once_stands_where_it_is_used():
    """No variable for what has one use and no part in the derivative."""
    w, b = Value(2.0, "w"), Value(1.0, "b")
    text = printed(lambda x: ((w * x + b) * 3.0 + x).tanh(), [w, b], 0.5)
    assert "loss = tanh((w * x + b) * 3.0 + x)" in body(text)


def test_inputs_have_no_gradient():
    """Derivatives by inputs, and by what depends on inputs alone, are not computed."""
    w = Value(2.0, "w")
    text = printed(lambda x: w * (x * x).exp().sin(), [w], Value(0.5))
    assert "cos(" not in text
    assert text.count("exp(") == 1
    assert "d_x" not in text


def test_a_factor_of_one_is_not_written():
    """Sums pass the gradient on as it is: no multiplication by 1.0."""
    w, b = Value(2.0, "w"), Value(1.0, "b")
    text = printed(lambda x: w + x - b, [w, b], 0.5)
    assert "*" not in "".join(body(text))
    assert body(text)[-3:-1] == ["1.0,  # w", "-1.0,  # b"]


@pytest.mark.parametrize(
    "kink",
    [lambda v: v.relu(), lambda v: v.maximum(0.0), lambda v: v.clip(0.0, 9.0), abs],
    ids=["relu", "maximum", "clip", "abs"],
)
def test_what_a_closed_gate_would_pass_stands_inside_an_if(kink):
    """A closed relu, maximum or clip costs one condition; abs has no gate."""
    w = Value(2.0, "w")
    program = compile(lambda x: kink((w * x).sin()), [w])
    for x in (0.5, -0.5):
        assert program.value_and_grad([2.0], x) == value_and_grad(
            lambda x: kink((w * x).sin()), [w], x
        )
    conditions = [s for s in statements(program.source) if isinstance(s, ast.If)]
    inside = "".join(ast.unparse(s) for s in conditions)
    assert ("cos(" in inside) is (kink is not abs)


def test_the_text_imports_what_it_calls_and_nothing_else():
    """The imports are the functions in the text: it is a module of its own."""
    w = Value(2.0, "w")
    text = printed(lambda x: (w * x).sigmoid().sqrt() * float("inf") + w * 0.0, [w], 0.5)
    tree = ast.parse(text)
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported == {"sigmoid", "sqrt", "inf"}
    assert imported <= names
    namespace = {}
    exec(text, namespace)
    assert namespace["value_and_grad"]([2.0], [0.5])[0] == float("inf")


def test_the_same_loss_has_the_same_text():
    """The text depends on the loss alone: not on addresses, sets or the order of tracing."""
    texts = set()
    for _ in range(3):
        model = nn.MLP(3, [4, 4, 2], activation="relu", seed=random.Random(3))
        program = compile(lambda x, m=model: (m(x)[0] * m(x)[1]).relu(), model.parameters())
        program([0.5, -1.0, 2.0])
        texts.add(program.source)
    assert len(texts) == 1


# ---- the printer itself --------------------------------------------------------------------------


def run(text, name, *arguments):
    """Run a function of a printed text."""
    namespace = {}
    exec(text, namespace)
    return namespace[name](*arguments)


def test_the_three_forms_of_a_graph():
    """once, over and value print the same graph: one example, a loop, and no gradient."""
    w, c, x = Value(2.0, "w"), Value(0.5, "c"), Value(3.0)
    printer = Printer((w * x).tanh() * c, [w], [x], "x,", [c])
    loss, (g,) = run(printer.once(), "value_and_grad", [0.25, 2.0], [1.5])
    assert run(printer.value(), "value", [0.25, 2.0], [1.5]) == loss
    sums = run(printer.over(), "over", [0.25, 2.0], [[1.5], (1.5,)], 1.0, [10.0])
    assert sums == (1.0 + loss + loss, [10.0 + g + g])
    assert printer.once() == printer.once()


def test_a_printed_derivative():
    """A graph made by gradient() is a graph like any other."""
    w, x = Value(2.0, "w"), Value(3.0, "x")
    (slope,) = gradient((w * x).sin(), [x])
    value, (g,) = run(Printer(slope, [w], [x], "x,").once(), "value_and_grad", [0.5], [2.0])
    w.data, x.data = 0.5, 2.0
    slope.recompute().backward()
    assert (value, g) == (slope.data, w.grad)
