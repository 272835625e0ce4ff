"""Name the Values of a graph: each its own name, one that can be printed, read and found again."""

import ast
import operator
import random
import re
from collections import Counter

import pytest

from microgradnet import nn
from microgradnet.calculus import gradient
from microgradnet.engine import Value, topological_order
from microgradnet.errors import printable
from microgradnet.expressions import expression
from microgradnet.naming import LONGEST, Names, bracketed, digits, named, slope_of_power
from microgradnet.operations import OPERATIONS


def names_of(root, names=None):
    """Return the names of a graph in topological order."""
    found = Names(root, names)
    return [found(v) for v in topological_order(root)]


# ---- one name each -------------------------------------------------------------------------------


def test_labels_variables_expressions_and_numbers():
    """A label comes first, then a variable, then what it is; a constant is its number."""
    x, w = Value(2.0, label="x"), Value(-3.0)
    h = x * w + 0.5
    y = h.tanh()
    assert names_of(y, {"w": w, "again": w, "x2": x, "h": h}) == [
        "x", "w", "0.5", "x*w", "h", "tanh(h)",
    ]  # fmt: skip
    assert names_of(y) == ["x", "-3", "0.5", "x*(-3)", "x*(-3)+0.5", "tanh(x*(-3)+0.5)"]


def test_equal_names_are_told_apart():
    """Of equal labels, variables or expressions the second gets _2, the third _3."""
    x, other, third = Value(2.0, label="x"), Value(3.0, label="x"), Value(4.0, label="x")
    y = (x * other) + third
    assert names_of(y) == ["x", "x_2", "x_3", "x*x_2", "x*x_2+x_3"]
    x = Value(2.0, label="x")
    assert names_of(x.exp() + x.exp()) == ["x", "exp(x)", "exp(x)_2", "exp(x)+(exp(x)_2)"]


def test_a_label_is_never_given_to_another():
    """What is told apart by a number does not take the name that another has as its label."""
    x, same, second = Value(2.0, label="x"), Value(3.0, label="x"), Value(4.0, label="x_2")
    assert names_of((x * same) * second)[:3] == ["x", "x_3", "x_2"]
    a = Value(2.0, label="a")
    z = a.exp()
    z.label = "v2"
    long = (a * 1.0 + a * 2.0 + a * 3.0 + a * 4.0) + z  # too long for an expression
    assert len(set(names_of(long))) == len(topological_order(long))
    b = Value(1.0, label="exp(a)")
    assert names_of(a.exp() * b) == ["a", "exp(a)", "exp(a)_2", "(exp(a)_2)*exp(a)"]


def test_every_name_is_unique_on_random_graphs():
    """All but constants have a name of their own, which is found again; labels collide often."""
    rng = random.Random(1)
    labels = ["", "x", "x_2", "v7", "v9", "x*x", "exp(x)", "x_2_2", " ", "a\nb"]
    for _ in range(200):
        nodes = [Value(rng.choice((1.0, 2.0)), rng.choice(labels)) for _ in range(4)]
        for _ in range(25):
            x, y = rng.choice(nodes), rng.choice(nodes)
            z = rng.choice((x + y, x * y, x.tanh(), x.sigmoid(), -x))
            z.label = rng.choice(labels) if rng.random() < 0.3 else ""
            nodes.append(z)
        root = nodes[-1]
        found = Names(root)
        values = [v for v in topological_order(root) if v.rule or v.label]
        names = [found(v) for v in values]
        assert len(set(names)) == len(names)
        assert all(name.isprintable() and name.strip() for name in names)
        assert all(found.find(name) is v for v, name in zip(values, names, strict=True))


def test_the_same_graph_gives_the_same_names():
    """Names depend on the graph alone."""

    def make():
        x = [Value(float(k), "x" if k % 2 else "") for k in range(6)]
        return sum(a * b for a in x for b in x).tanh()

    assert names_of(make()) == names_of(make())


def test_a_value_that_is_not_in_the_graph():
    """It is called by its label, its variable, its operation or its number."""
    x, y, z = Value(2.0, label="x"), Value(3.0), Value(4.5)
    names = Names(Value(1.0).tanh(), {"y": y})
    assert [names(v) for v in (x, y, z, z.exp())] == ["x", "y", "4.5", "exp"]


def test_names_are_those_of_a_value():
    """A list or a number has no graph."""
    for root in ([], 1.0, None):
        with pytest.raises(TypeError, match="a graph is that of a Value, not"):
            Names(root)


# ---- expressions as names ------------------------------------------------------------------------


def test_an_expression_is_a_name_up_to_24_characters():
    """Longer ones are numbered by their place."""
    x = Value(1.0, label="x" * 22)
    y = x * Value(2.0)  # 22 + 2 characters
    assert names_of(y)[-1] == "x" * 22 + "*2"
    assert len(names_of(y)[-1]) == LONGEST == 24
    z = x * Value(25.0)  # 25 characters
    assert names_of(z)[-1] == "v2"
    assert names_of(z.tanh())[-1] == "tanh(v2)"


READ = [
    lambda x, w: (x * w) * x, lambda x, w: x * (w * x), lambda x, w: (x + w) * x,
    lambda x, w: x - (w - x), lambda x, w: (x - w) - x, lambda x, w: x / (w / x),
    lambda x, w: (x / w) / x, lambda x, w: (x**2) ** 3, lambda x, w: (-x) ** 2,
    lambda x, w: -(x**2), lambda x, w: Value(-2.0) ** 2 * x, lambda x, w: x ** -2.0,
    lambda x, w: 2.0 ** x * w, lambda x, w: (x * w).tanh() ** 2, lambda x, w: x - -w,
    lambda x, w: -(x + w), lambda x, w: x * -1.5, lambda x, w: 1e-7 * x - 2e10,
    lambda x, w: x.maximum(w) * 2, lambda x, w: abs(x - w), lambda x, w: (-x).__neg__(),
    lambda x, w: (x + w) + (x * w), lambda x, w: x.exp() / (w.exp() + 1.0),
    lambda x, w: x + (w - x) * 0.0, lambda x, w: x.leaky_relu() * w,
    lambda x, w: x + (w + x), lambda x, w: x * (-w * w), lambda x, w: w - (-x * w),
    lambda x, w: -(x * w) / w, lambda x, w: x ** w ** x, lambda x, w: (x ** w) ** x,
    lambda x, w: (-(x**2)).exp(), lambda x, w: 3 * x**2 - x, lambda x, w: ((x**2).cos() - 1).sin(),
    lambda x, w: gradient(x**3, [x])[0] * w, lambda x, w: w / gradient(x**-2, [x])[0],
    lambda x, w: gradient(x**2, [x])[0] ** 2,
]  # fmt: skip


@pytest.mark.parametrize("make", READ)
def test_an_expression_reads_as_python(make):
    """Evaluated as Python, a name is the number of its Value: brackets stand where they must."""
    x, w = Value(0.75, label="x"), Value(1.25, label="w")
    root = make(x, w)
    names = Names(root)
    known = dict(OPERATIONS)
    for v in topological_order(root):
        if v.label:
            known[v.label] = v.data
        else:
            assert len(names(v)) <= LONGEST
            assert eval(names(v), known) == v.data


OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow)


def tree(rng, depth, letters):
    """Return a random expression: of short numbers, in which no variable comes twice."""
    if depth == 0 or rng.random() < 0.2:
        number = rng.choice((-2.0, -0.5, 0.25, 1.5, 3.0))
        return Value(number, next(letters) if rng.random() < 0.7 else "")
    x = tree(rng, depth - 1, letters)
    match rng.randrange(8):
        case 0:
            return -x
        case 1:
            return rng.choice((x.exp, x.sin, x.tanh))()
        case 2:
            return x ** rng.choice((2.0, 3.0, -1.0))
    return rng.choice(OPERATORS)(x, tree(rng, depth - 1, letters))


def test_names_and_formulas_are_read_back():
    """Read by `expression`, a name has the bits of its Value, and a formula the derivative.

    A formula may round in other places: 1 - z ** 2 for 1 - z * z. Left out are names that have a
    number to tell them apart, or in place of what is too long.
    """
    rng = random.Random(4)
    read = Counter()
    for _ in range(2000):
        try:
            root = tree(rng, 3, iter("abcdefgh"))
            steps = list(root.backward_steps())
        except (ArithmeticError, ValueError):
            continue
        names, order = Names(root), topological_order(root)
        numbers = {v.label: v.data for v in order if v.label}
        texts = [(names(v), v.data, 0.0) for v in order if not v.label]
        texts += [(step.formula.partition(" = ")[2], step.local, 1e-14) for step in steps]
        for text, number, tolerance in texts:
            if not re.search(r"#|_|v\d", text):
                used = {name: x for name, x in numbers.items() if re.search(rf"\b{name}\b", text)}
                found, _ = expression(text, used)
                assert found.data == pytest.approx(number, rel=tolerance, abs=0.0), text
                read.update(re.findall(r"\*\*|[-+*/(]", text))
    assert min(read[symbol] for symbol in ("+", "-", "*", "/", "**", "(")) > 300, read


@pytest.mark.parametrize("make", READ)
def test_no_brackets_are_needless(make):
    """Without a pair of brackets a name says something else; but of a sign, as in x*(-w)."""
    x, w = Value(0.75, label="x"), Value(1.25, label="w")
    for name in names_of(make(x, w)):
        for pair in re.finditer(r"(?<!\w)\((?!-)([^()]*)\)", name):
            without = name[: pair.start()] + pair[1] + name[pair.end() :]
            assert ast.dump(ast.parse(without)) != ast.dump(ast.parse(name)), name


def test_the_slope_of_a_power_is_written_out():
    """It is worked out for a number, which may be an expression itself."""
    x, n = Value(2.0, label="x"), Value(3.0, label="n")
    assert [names_of(x.slope(number))[-1] for number in (0.0, 1.0, 2.0, 3.0, -1.0, 0.5)] == [
        "slope(x, 0)", "slope(x, 1)", "2*x", "3*x**2", "-1*x**(-2)", "0.5*x**(-0.5)",
    ]  # fmt: skip
    assert names_of(x.slope(n))[-1] == "n*x**(n-1)"
    assert names_of(x.slope(Value(1.0) + 3.0) * 2.0)[-1] == "4*x**3*2"
    assert [slope_of_power(n, order=2) for n in (0.0, 1.0, 2.0, 3.0, 4.0)] == [
        "0", "0", "2", "6 * {x}", "12 * {x} ** 2",
    ]  # fmt: skip


def test_brackets():
    """One word, a number and a call are bare; anything else, and a sign, is in brackets."""
    bare = ["x", "x1w1", "layers.0.b", "x[0]", "d['k']", "2", "0.5", "tanh(x)", "nan", "max(a, b)"]
    bare += ["f(g(x))", "f((a+b)*(c+d))", f"f{'(' * 50_000}{')' * 50_000}"]
    assert [bracketed(name) for name in bare] == bare
    for name in [
        "x*w",
        "-x",
        "-2",
        "1e-07",
        "a b",
        "f(x)*g(y)",
        "f(g(x))+1",
        "f(x)_2",
        "f(x) g(y)",
        "x+w",
        "x*w_2",
        "",
    ]:
        assert bracketed(name) == f"({name})"


# ---- control characters --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("a\nb", r"a\nb"), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("\t", r"'\t'"), (" ", "' '"),
        ("\u202ecba", r"\u202ecba"), ("\ud800", r"\ud800"), ("a\u2028b", r"a\u2028b"),
        ("größe", "größe"), ("损失", "损失"), ("a b", "a b"), ("a\\n", "a\\n"),
    ],
)  # fmt: skip
def test_control_characters_are_escaped(label, name):
    """A label becomes one line that a terminal can show; other writing systems stay."""
    assert printable(label) == name
    x = Value(2.0, label=label)
    assert Names(x)(x) == name
    assert names_of(x.tanh(), {"y": x}) == [name, f"tanh({name})"]
    assert Names(x.tanh()).find(name) is x


def test_numbers_are_four_digits():
    """Constants are named by at most four significant digits; zero has no sign."""
    numbers = [0.0, -0.0, 1.0, -2.5, 1e-7, 123456.0, float("nan"), float("-inf"), 2 / 3]
    assert [digits(x) for x in numbers] == [
        "0", "0", "1", "-2.5", "1e-07", "1.235e+05", "nan", "-inf", "0.6667",
    ]  # fmt: skip
    assert digits(Value(0.125)) == "0.125"
    assert digits(7) == "7"


# ---- names of variables --------------------------------------------------------------------------


def test_parameters_are_named_by_their_path():
    """In names=locals(), a Module names its parameters, in order, also inside lists."""
    model = nn.MLP(2, [2, 1], seed=1)
    pair = [nn.Neuron(1, seed=2), {"inner": nn.Neuron(1, seed=3)}]
    for p in [*model.parameters(), *pair[0].parameters(), *pair[1]["inner"].parameters()]:
        p.label = ""
    found = named(locals())
    assert list(found.values()) == [
        *(f"model.{path}" for path, _ in model.named_parameters()),
        "pair[0].w.0", "pair[0].b", "pair[1]['inner'].w.0", "pair[1]['inner'].b",
    ]  # fmt: skip
    assert found[model.layers[0].neurons[1].w[0]] == "model.layers.0.neurons.1.w.0"
    y = model([1.0, 2.0])
    names = Names(y, {"model": model})
    weight = model.layers[0].neurons[1].w[0]
    assert names(weight) == "model.layers.0.neurons.1.w.0"
    assert names.find("model.layers.0.neurons.1.w.0") is weight


def test_labels_of_a_network_come_before_its_paths():
    """nn labels its parameters; that name is kept."""
    model = nn.MLP(2, [1], seed=1)
    y = model([1.0, 2.0])
    assert Names(y, {"model": model})(model.layers[0].neurons[0].b) == "layers.0.neurons.0.b"


def test_containers_are_named_by_place():
    """Lists, tuples and dicts in each other; what is no Value in them is passed over."""
    a, b, c, d = (Value(float(k)) for k in range(4))
    space = {"a": a, "xs": [a, (1.0, b)], "table": {"k": {3: c}}, "n": 5, "_d": d, "f": print}
    assert named(space) == {a: "a", b: "xs[1][1]", c: "table['k'][3]"}


def test_containers_that_contain_themselves():
    """Each is looked into once."""
    a = Value(1.0)
    loop = {"a": a}
    loop["again"] = [loop, (loop,)]
    assert named({"loop": loop}) == {a: "loop['a']"}


# ---- find ----------------------------------------------------------------------------------------


def test_find_takes_every_name():
    """Each name leads to its Value; of two constants of one number the second is 3#2."""
    x = Value(2.0, label="x")
    y = x * 3.0 + 3.0
    names = Names(y)
    order = topological_order(y)
    assert [names.find(names(v)) for v in order] == order
    assert "3#2" in map(names, order)
    assert names(y) == "x*3+3"


def test_a_name_that_is_not_there():
    """The error names what is like it, else the first eight."""
    x, weight = Value(2.0, label="x"), Value(3.0, label="weight")
    names = Names((x * weight).tanh())
    with pytest.raises(KeyError) as caught:
        names.find("wieght")
    assert caught.value.args[0] == (
        "a name of this graph is needed, not 'wieght'; try weight, x*weight, tanh(x*weight)"
    )
    with pytest.raises(KeyError) as caught:
        names.find("\x1b")
    assert caught.value.args[0] == (
        r"a name of this graph is needed, not '\x1b'; try x, weight, x*weight, tanh(x*weight)"
    )
    many = sum(Value(float(k), f"leaf {k}") for k in range(30))
    with pytest.raises(KeyError) as caught:
        Names(many).find("?")
    assert caught.value.args[0].count("leaf") == 8


def test_a_graph_of_100_000_operations():
    """A long chain is named without recursion."""
    x = z = Value(1.0, label="x")
    for _ in range(100_000):
        z = z + 1.0
    names = Names(z)
    assert names(x) == "x"
    assert names(z).startswith("v")
    assert names.find(names(z)) is z
