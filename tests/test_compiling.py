"""Compile losses: the bits of the eager graph, at every call, or an error that says why not."""

import builtins
import copy
import inspect
import linecache
import math
import multiprocessing
import os
import pickle
import random
import stat
import struct
import subprocess
import sys
import tempfile
from array import array
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction

import pytest

from microgradnet import functional, losses, nn, optim
from microgradnet.calculus import grad, gradient, hessian, jvp
from microgradnet.compiling import MANY, CacheInfo, Program, compile
from microgradnet.engine import Value, zero_grad
from microgradnet.operations import OPERATIONS

ACTIVATIONS = ["linear", *(n for n, op in OPERATIONS.items() if len(op.partials) == 1)]
# Of a number of either sign that is not whole: these have no value, or no derivative.
UNSAFE = {"log", "sqrt"}


def bits(number):
    """Return the eight bytes of a float: they tell -0.0 from 0.0, and every nan is the same."""
    assert number.__class__ is float, f"{number!r} is a {type(number).__name__}, not a float"
    return struct.pack("<d", math.nan if math.isnan(number) else number)


def outcome(run, parameters, start=0.0):
    """Return the bits of a run's result and of the grads after it, or the type of its error."""
    for p in parameters:
        p.grad = start
    try:
        result = run()
    except (ArithmeticError, ValueError) as error:
        assert [p.grad for p in parameters] == [start] * len(parameters)
        return type(error)
    return [bits(result), *(bits(p.grad) for p in parameters)]


def eager(loss, *inputs):
    """Run a loss as it is, with its backward, and return its number."""
    result = loss(*inputs)
    result.backward()
    return result.data


def in_turn(loss, rows):
    """Run a loss as it is on one row after another, and return the sum."""
    total = 0.0
    for row in rows:
        total += eager(loss, *row)
    return total


def agree(loss, parameters, rows, program=None, start=0.0):
    """Assert that the compiled loss has the eager bits, in calls and in a loop; return it."""
    program = program or compile(loss, parameters)
    for row in rows:
        expected = outcome(lambda row=row: eager(loss, *row), parameters, start)
        assert outcome(lambda row=row: program(*row), parameters, start) == expected
        if isinstance(expected, list) and start == 0.0:
            number, gradients = program.value_and_grad([p.data for p in parameters], *row)
            assert bits(number) == expected[0]
            assert [g + 0.0 for g in gradients] == [p.grad for p in parameters] or any(
                math.isnan(g) for g in gradients
            )
    expected = outcome(lambda: in_turn(loss, rows), parameters, start)
    assert outcome(lambda: program.over(rows), parameters, start) == expected
    return program


def points(rng, count, size):
    """Return rows of one list of numbers."""
    return [([rng.gauss(0.0, 1.0) for _ in range(size)],) for _ in range(count)]


# ---- the bits of networks and losses -------------------------------------------------------------


@pytest.mark.parametrize("output", ["linear", "tanh"])
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name not in UNSAFE])
def test_a_network_of_any_activation(activation, output):
    """Compiled networks have the eager bits, call by call and in a loop."""
    rng = random.Random(f"{activation} {output}")
    model = nn.MLP(3, [4, 3, 1], activation=activation, output=output, seed=rng)
    rows = [(x, rng.gauss(0.0, 1.0)) for (x,) in points(rng, 6, 3)]
    agree(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters(), rows)


@pytest.mark.parametrize("activation", sorted(UNSAFE))
def test_a_network_of_log_or_sqrt(activation):
    """Where the eager network raises, the compiled one raises the same; else the same bits."""
    rng = random.Random(activation)
    model = nn.MLP(2, [2, 1], activation=activation, seed=rng)
    loss = lambda x: model(x)  # noqa: E731
    rows = points(rng, 60, 2)
    outcomes = [outcome(lambda row=row: eager(loss, *row), model.parameters()) for row in rows]
    good = [row for row, result in zip(rows, outcomes, strict=True) if isinstance(result, list)]
    assert good
    assert len(good) < len(rows)
    program = agree(loss, model.parameters(), good)
    for row, expected in zip(rows, outcomes, strict=True):
        assert outcome(lambda row=row: program(*row), model.parameters()) == expected


def test_cross_entropy_with_a_class_index():
    """An int class index is fixed: one program each, with the eager bits."""
    rng = random.Random(1)
    model = nn.MLP(4, [5, 3], activation="relu", seed=rng)
    rows = [(x, rng.randrange(3)) for (x,) in points(rng, 12, 4)]
    program = agree(lambda x, k: losses.cross_entropy(model(x), k), model.parameters(), rows)
    assert program.cache_info().shapes == 3


def test_hinge_and_an_l2_penalty_over_all_parameters():
    """The max-margin loss with weight decay inside it has the eager bits."""
    rng = random.Random(2)
    model = nn.MLP(2, [8, 8, 1], activation="relu", seed=rng)

    def loss(x, y):
        penalty = functional.total(p * p for p in model.parameters())
        return losses.hinge(model(x), y) + 1e-4 * penalty

    rows = [(x, rng.choice([-1, 1])) for (x,) in points(rng, 12, 2)]
    agree(loss, model.parameters(), rows)
    agree(loss, model.parameters(), rows, start=0.375)


@pytest.mark.parametrize("order", [1, 2])
def test_a_loss_that_contains_a_derivative(order):
    """A gradient inside the loss (as for a physics-informed network) is compiled with it."""
    rng = random.Random(order)
    model = nn.MLP(1, [4, 1], activation="tanh", seed=rng)

    def loss(x):
        x = x if isinstance(x, Value) else Value(x)
        u = model([x])
        for _ in range(order):
            (u,) = gradient(u, [x])
        return (u + model([x])) ** 2

    agree(loss, model.parameters(), [(rng.gauss(0.0, 1.0),) for _ in range(5)])


def test_a_loss_that_contains_grad_jvp_and_hessian():
    """Functions of calculus are compiled as they are: of Values they give Values."""
    weight, bias = Value(0.75, "weight"), Value(-0.25, "bias")

    def loss(x):
        x = x if isinstance(x, Value) else Value(x)
        slope = grad(lambda t: (weight * t + bias).tanh())(x)
        _, moved = jvp(lambda t: (weight * t).sin(), (x,), (bias,))
        curvature = hessian(lambda v: (weight * v[0]).exp() * v[1])([x, bias])
        return slope * moved + curvature[0][1]

    rng = random.Random(3)
    agree(loss, [weight, bias], [(rng.gauss(0.0, 1.0),) for _ in range(5)])


def test_a_network_for_mnist():
    """784-30-10 sigmoid units under a cross-entropy: compiled, with the eager bits."""
    rng = random.Random(4)
    model = nn.MLP(784, [30, 10], activation="sigmoid", output="linear", seed=rng, init="xavier")
    parameters = model.parameters()
    row = ([rng.random() for _ in range(784)], 7)
    loss = lambda x, k: losses.cross_entropy(model(x), k)  # noqa: E731
    expected = outcome(lambda: eager(loss, *row), parameters)
    program = compile(loss, parameters)
    assert outcome(lambda: program(*row), parameters) == expected


# ---- kinks ---------------------------------------------------------------------------------------


def nested(weights, x):
    """Return relus of relus of the same parameters, in blocks within blocks."""
    a, b, c = weights
    inner = (a * x[0] + b).relu()
    outer = (inner * a - (b * x[1]).relu() * c).relu()
    return (outer * b + inner).relu() * a + outer * c + (a * c).relu()


def chain(weights, x):
    """Return a relu of a relu of ..., a hundred deep, with the parameters all along."""
    a, b, c = weights
    value = a * x[0]
    for i in range(100):
        value = (value * 0.99 + (b, c, a)[i % 3] * 0.01 * x[1]).relu()
    return value


def bare_chain(weights, x):
    """Return a hundred relus of one product."""
    value = weights[0] * x[0] + weights[1] * x[1] - weights[2]
    for _ in range(100):
        value = value.relu()
    return value


def tied(weights, x):
    """Return a network whose two layers have the same weights."""
    a, b, c = weights
    hidden = [(a * x[0] + b * x[1]).relu(), (b * x[0] + c * x[1]).relu()]
    again = [(a * hidden[0] + b * hidden[1]).relu(), (b * hidden[0] + c * hidden[1]).relu()]
    return again[0] - again[1] + (a - c).relu()


def both_sides(weights, x):
    """Return a maximum with gates on both operands, and on the same one twice."""
    a, b, c = weights
    left, right = (a * x[0]).relu(), (b * x[1]).relu()
    same = left.maximum(left)
    return left.maximum(right) * c + same.maximum(right * a).minimum(c) + right.minimum(b)


def clipped(weights, x):
    """Return clips with parameters as bounds, one within the other."""
    a, b, c = weights
    inner = (a * x[0] + b).clip(-0.5, c)
    return (inner * x[1]).clip(a, b) * c + inner.clip(-0.25, 0.25) * a


def ties(weights, x):
    """Return maxima and minima at a tie, where each operand gets a half."""
    a, b, c = weights
    first = a * x[0]
    return first.maximum(x[0] * a) * b + (a * 1.0).minimum(a) * c + (b - b).maximum(c - c)


def at_zero(weights, x):
    """Return kinks exactly at 0, where the derivative is by decree."""
    a, b, c = weights
    zero = a * x[0] - a * x[0]
    return (
        zero.relu() * b + abs(zero) * c + zero.maximum(0.0) * a + (zero * b).clip(0.0, 1.0)
        + zero.leaky_relu() + zero.elu() * c + zero.sign() + zero.step() * b
    )  # fmt: skip


def shared(weights, x):
    """Return a sum of many gated blocks that all add to the same parameters, and to a sum."""
    a, b, c = weights
    middle = (a * b).tanh()
    parts = [(middle * x[i % 2] * (i - 3) + c).relu() * (a if i % 2 else b) for i in range(8)]
    return functional.total(parts) + (parts[0] - parts[3]).relu() * middle


def abs_and_hinges(weights, x):
    """Return losses of the kind of hinge, huber and pinball."""
    a, b, c = weights
    error = a * x[0] + b * x[1] - c
    huber = error.clip(-1.0, 1.0) * (error - 0.5 * error.clip(-1.0, 1.0))
    pinball = (0.25 * error).maximum(-0.75 * error)
    return losses.hinge(error, 1) + losses.hinge(error, -1) + huber + pinball + abs(error)


KINKED = [
    nested, chain, bare_chain, tied, both_sides, clipped, ties, at_zero, shared, abs_and_hinges,
]  # fmt: skip


@pytest.mark.parametrize("function", KINKED, ids=lambda f: f.__name__)
def test_kinks(function):
    """Open, closed and at the edge, nested and shared: gates pass what backward passes."""
    rng = random.Random(function.__name__)
    weights = [Value(0.0, name) for name in "abc"]
    program = None
    for _ in range(12):
        for v in weights:
            v.data = rng.choice([rng.gauss(0.0, 1.0), 0.0, 1.0, -1.0, 0.5])
        rows = [([rng.choice([rng.gauss(0.0, 1.0), 0.0, 1.0]) for _ in "xy"],) for _ in range(5)]
        loss = lambda x: function(weights, x)  # noqa: E731
        program = agree(loss, weights, rows, program)
        agree(loss, weights, rows, program, start=rng.gauss(0.0, 1.0))


def test_a_closed_gate_stops_an_infinite_gradient():
    """Through a closed relu flows nothing, not even inf * 0, in a block of its own."""
    w = Value(-1.0, "w")
    agree(lambda x: (w * x).relu() * 1e200 * 1e200 + w, [w], [(1.0,), (2.0,)])


@pytest.mark.parametrize("name", ["nested past the limit", "switched off"])
def test_a_closed_gate_without_a_block_stops_an_infinite_gradient(name):
    """Through a closed relu flows nothing, also where its block was given up."""
    w = Value(-1.0, "w")

    def loss(x):
        value = (w * x).relu()
        if name == "switched off":
            return (value * 1e200 * 1e200).maximum((w * x).relu())
        for _ in range(16):
            value = (value + 1.0).relu()
        return value * 1e200 * 1e200

    agree(loss, [w], [(1.0,)])


def test_what_no_open_gate_reaches_has_no_derivative():
    """Backward skips what no gradient reaches, so a derivative that does not exist is no error."""
    w = Value(2.0, "w")

    def loss(x):
        root = (w * x).sqrt() - 1.0  # its derivative at 0 is infinite
        return root.relu() + (root * 2.0).relu()

    program = agree(loss, [w], [(1.0,), (2.0,)])
    agree(loss, [w], [(0.0,)], program)


# ---- random graphs -------------------------------------------------------------------------------


def above(v):
    """Return a smooth positive stand-in for a Value."""
    return v.softplus() + 0.5


SMOOTH = {  # of any two Values, each moved into the operation's domain
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x.tanh() * y,
    "div": lambda x, y: x / above(y),
    "neg": lambda x, y: -x,
    "power": lambda x, y: above(x) ** y.tanh(),
    "exponential": lambda x, y: 2.0 ** y.tanh(),
    "constant_power": lambda x, y: x.tanh() ** 3 + above(y) ** -1.5,
    "slope": lambda x, y: x.slope(2.0),
    "xlogy": lambda x, y: x.tanh().xlogy(above(y)),
    "exp": lambda x, y: x.tanh().exp(),
    "expm1": lambda x, y: x.tanh().expm1(),
    "log": lambda x, y: above(x).log(),
    "sqrt": lambda x, y: above(x).sqrt(),
    "sin": lambda x, y: x.sin(),
    "cos": lambda x, y: x.cos(),
    "tan": lambda x, y: x.tanh().tan(),
    "erfc": lambda x, y: x.erfc(),
    "tanh": lambda x, y: x.tanh(),
    "sigmoid": lambda x, y: x.sigmoid(),
    "softplus": lambda x, y: x.softplus(),
    "gelu": lambda x, y: x.gelu(),
    "silu": lambda x, y: x.silu(),
    "detach": lambda x, y: x.detach() * y.tanh(),
    "identity": lambda x, y: OPERATIONS["identity"](x),
}
KINKS = {
    "abs": lambda x, y: abs(x),
    "relu": lambda x, y: x.relu(),
    "leaky_relu": lambda x, y: x.leaky_relu(),
    "elu": lambda x, y: x.elu(y),
    "maximum": lambda x, y: x.maximum(y),
    "minimum": lambda x, y: x.minimum(y),
    "clip": lambda x, y: x.clip(-0.5, y),
    "greater": lambda x, y: OPERATIONS["greater"](x, y),
    "step": lambda x, y: x.step(),
    "sign": lambda x, y: x.sign(),
}
PLAIN = {name: SMOOTH[name] for name in ("add", "sub", "mul", "neg", "tanh")}
GATED = {name: KINKS[name] for name in ("relu", "maximum", "minimum", "clip", "abs")}


def test_random_graphs_can_have_every_operation():
    """The table of random graphs has a row for each operation."""
    assert {*SMOOTH, *KINKS} - {"clip"} == {*OPERATIONS}


def random_loss(rng, rows, size):
    """Return a random function of numbers, and the parameters in it."""
    parameters = [Value(rng.gauss(0.0, 1.0), f"p{i}") for i in range(3)]
    names = list(rows)
    # Early Values again and again: shared. Later ones in turn: deep.
    plan = [(rng.choice(names), rng.random() ** 0.5, rng.random()) for _ in range(size)]
    ends = rng.randint(1, 4)

    def loss(x, y):
        values = [*parameters, x * parameters[0], y + parameters[1], x - parameters[2]]
        for name, first, second in plan:
            x, y = values[int(first * len(values))], values[int(second * len(values))]
            values.append(rows[name](x, y))
        return functional.total(values[-ends:])

    return loss, parameters


@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("kind", ["every operation", "many kinks"])
def test_random_graphs(kind, part):
    """300 random graphs over all operations have the eager bits at random and special points."""
    rng = random.Random(f"{kind} {part}")
    for _ in range(15):
        table = SMOOTH | KINKS if kind == "every operation" else PLAIN | GATED | GATED
        loss, parameters = random_loss(rng, table, rng.randint(2, 30))
        rows = [tuple(rng.choice([rng.gauss(0, 1), 0.0, -0.0, 1.0]) for _ in "xy") for _ in "abc"]
        program = agree(loss, parameters, rows)
        for p in parameters:
            p.data = rng.choice([rng.gauss(0.0, 1.0), 0.0, -0.0, 1.0, -1.0])
        agree(loss, parameters, rows, program, start=rng.choice([0.0, rng.gauss(0.0, 1.0)]))


# ---- calls ---------------------------------------------------------------------------------------


def line(weight, bias):
    """Return the loss of a line through one point."""
    return lambda x, y: (weight * x + bias - y) ** 2


def two():
    """Return a weight and a bias."""
    return Value(0.75, "weight"), Value(-0.5, "bias")


def test_a_call_returns_a_float_and_adds_to_grads():
    """Each call adds one gradient, as backward does, and returns the loss as a float."""
    weight, bias = two()
    program = compile(line(weight, bias), [weight, bias])
    assert isinstance(program, Program)
    first = program(2.0, 1.5)
    once = weight.grad, bias.grad
    assert (first.__class__, first) == (float, (0.75 * 2.0 - 0.5 - 1.5) ** 2)
    assert once == (-2.0, -1.0)
    assert program(2.0, 1.5) == first
    assert (weight.grad, bias.grad) == (2.0 * once[0], 2.0 * once[1])


def test_parameters_are_read_at_each_call():
    """An optimiser's changes of data count at the next call, without another program."""
    weight, bias = two()
    loss = line(weight, bias)
    program = compile(loss, [weight, bias])
    rng = random.Random(5)
    for _ in range(5):
        agree(loss, [weight, bias], [(1.5, 0.25)], program)
        weight.data, bias.data = rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)
    assert program.cache_info().shapes == 1


def test_value_and_grad_touches_no_value():
    """The raw form takes numbers in place of the parameters, which keep their data and grad."""
    weight, bias = two()
    weight.grad = 3.0
    program = compile(line(weight, bias), [weight, bias])
    assert program.value_and_grad([2.0, 1.0], 3.0, 5.0) == (4.0, [12.0, 4.0])
    assert program.value_and_grad((2.0, 1.0), 3.0, 5.0) == (4.0, [12.0, 4.0])
    assert (weight.data, weight.grad, bias.data, bias.grad) == (0.75, 3.0, -0.5, 0.0)


@pytest.mark.parametrize("numbers", [(3, Fraction(2)), array("i", [3, 2])])
def test_numbers_of_parameters_become_floats(numbers):
    """The raw forms take any sequence of numbers, such as an array of ints, and give floats."""
    weight, bias = two()
    program = compile(lambda: weight * bias, [weight, bias])
    for loss, slopes in (program.value_and_grad(numbers), program.sums(numbers, [()], numbers)):
        assert {type(number) for number in (loss, *slopes)} == {float}
        assert loss == 6.0


def test_over_adds_to_grads_that_are_there():
    """over() starts from the grads that are there, and adds row by row."""
    rng = random.Random(6)
    weight, bias = two()
    rows = [(rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)) for _ in range(20)]
    for start in (0.0, 0.1, -1e16, 1e300):
        agree(line(weight, bias), [weight, bias], rows, start=start)


def test_over_of_mixed_rows():
    """Rows of several shapes and fixed values run in their order, whatever program each needs."""
    rng = random.Random(7)
    weight, bias = two()

    def loss(x, k):
        return functional.total((weight * v + bias).tanh() * float(k + 1) for v in x)

    rows = [
        ([rng.gauss(0.0, 1.0) for _ in range(rng.randint(1, 3))], rng.randrange(3))
        for _ in range(30)
    ]
    agree(loss, [weight, bias], rows, start=0.3)


@pytest.mark.parametrize("make", [iter, lambda rows: (row for row in rows), tuple, list])
def test_over_takes_any_iterable(make):
    """Rows can come from a generator, which is read once."""
    weight, bias = two()
    program = compile(line(weight, bias), [weight, bias])
    rows = [(1.0, 2.0), (0.5, -1.0), [0.25, 3.0]]
    expected = outcome(lambda: in_turn(line(weight, bias), rows), [weight, bias])
    assert outcome(lambda: program.over(make(rows)), [weight, bias]) == expected
    assert outcome(lambda: program.over(zip(*zip(*rows, strict=True), strict=True)),
                   [weight, bias]) == expected  # fmt: skip


def test_over_no_rows():
    """The sum over no rows is 0.0, and leaves the grads."""
    weight, bias = two()
    weight.grad = 3.0
    program = compile(line(weight, bias), [weight, bias])
    assert bits(program.over([])) == bits(0.0)
    assert (weight.grad, bias.grad) == (3.0, 0.0)
    assert program.cache_info() == CacheInfo(programs=0, shapes=0)


def test_prepared_rows_have_the_bits_of_the_rows():
    """over() and sums() take them time and again, whatever their shapes; of another program not."""
    model = nn.MLP(2, [3, 2], activation="tanh", seed=1)
    f = lambda x, y: losses.cross_entropy(model(x), y)  # noqa: E731
    rows = [((0.1 * i, Fraction(i, 7)), i % 2) for i in range(9)]
    program = compile(f, model.parameters())
    prepared = program.prepare(iter(rows))
    numbers = [p.data for p in model.parameters()]
    for _ in range(2):
        assert program.sums(numbers, prepared) == program.sums(numbers, rows)
        assert program.over(prepared) == program.over(rows)
        numbers = [1.5 * number for number in numbers]
    assert repr(prepared).startswith("Rows(9 of Program(")
    with pytest.raises(ValueError, match="takes rows that it has prepared, not Rows"):
        compile(f, model.parameters()).sums(numbers, prepared)


def test_sums_is_over_on_numbers():
    """sums() gives what over() adds, of any numbers, and touches no Value."""
    weight, bias = two()
    program = compile(line(weight, bias), [weight, bias])
    rows = [(3.0, 5.0), (3.0, 5.0)]
    assert program.sums([2.0, 1.0], rows) == (8.0, [24.0, 8.0])
    assert program.sums([2.0, 1.0], rows, [1.0, 2.0]) == (8.0, [25.0, 10.0])
    assert (weight.grad, bias.grad) == (0.0, 0.0)


def test_a_parameter_that_the_loss_does_not_use():
    """Its gradient is 0.0, and it takes no part in the program."""
    weight, unused = Value(2.0, "weight"), Value(3.0, "unused")
    program = compile(lambda x: weight * x, [unused, weight, unused])
    assert program.parameters == [unused, weight]
    assert program.value_and_grad([3.0, 2.0], 5.0) == (10.0, [0.0, 5.0])
    agree(lambda x: weight * x, [unused, weight], [(5.0,), (0.5,)], start=2.0)


def test_a_loss_that_is_a_parameter_or_a_constant():
    """The smallest graphs compile: a parameter, an input, a constant, no inputs at all."""
    weight = Value(2.0, "weight")
    assert compile(lambda: weight, [weight]).value_and_grad([2.0]) == (2.0, [1.0])
    assert compile(lambda: weight * weight, [weight]).value_and_grad([3.0]) == (9.0, [6.0])
    assert compile(lambda x: x * 1.0, [weight]).value_and_grad([2.0], 3.0) == (3.0, [0.0])
    assert compile(lambda: Value(5.0), [weight]).value_and_grad([2.0]) == (5.0, [0.0])
    assert compile(lambda: weight * 3.0, [weight]).over([(), ()]) == 12.0
    assert weight.grad == 6.0


# ---- what varies, and what is fixed --------------------------------------------------------------


def test_floats_vary_in_nested_lists_and_tuples():
    """Floats anywhere in lists and tuples vary: one program for all of a shape."""
    rng = random.Random(8)
    weight, bias = two()

    def loss(point, rest):
        (a, b), (c, (d,)) = point
        return ((weight * a + b) * c - d * bias + rest[0]) ** 2

    numbers = [[rng.gauss(0.0, 1.0) for _ in range(5)] for _ in range(8)]
    rows = [(((a, b), [c, (d,)]), [e]) for a, b, c, d, e in numbers]
    program = agree(loss, [weight, bias], rows)
    assert program.cache_info() == CacheInfo(programs=2, shapes=1)


@pytest.mark.parametrize("kind", ["Value", "subclass", "numpy.float64"])
def test_other_floats_vary_as_floats_do(kind):
    """A Value or an instance of a subclass of float among the inputs is its number."""

    class Metres(float):
        """A float with a unit."""

    if kind == "numpy.float64":
        make = pytest.importorskip("numpy").float64
    else:
        make = {"Value": Value, "subclass": Metres}[kind]
    weight, bias = two()

    def loss(x):
        return (weight * x[0] + bias / x[1]) ** 2

    program = compile(loss, [weight, bias])
    for x in ([make(0.5), make(3.0)], [0.25, make(2.0)], [0.125, 4.0], (make(0.5), 0.25)):
        plain = [float(v) for v in x]
        expected = outcome(lambda plain=plain: eager(loss, plain), [weight, bias])
        assert outcome(lambda x=x: program(x), [weight, bias]) == expected
        assert outcome(lambda x=x: program.over([(x,)]), [weight, bias]) == expected
    assert program.cache_info().shapes == 1
    with pytest.raises(ZeroDivisionError):  # NumPy's own division would give inf, and warn
        program([make(1.0), make(0.0)])


def test_a_parameter_among_the_inputs_is_an_error():
    """No gradient flows into an input, so a Value made of parameters is refused there."""
    weight = Value(2.0, "weight")
    program = compile(lambda x: x * x, [weight])
    for given in (weight, weight * 3.0):
        with pytest.raises(ValueError, match="no gradient flows into the inputs, but Value"):
            program([given] if given is weight else given)
    assert program(Value(3.0)) == 9.0


def test_fixed_values_have_programs_of_their_own():
    """int, str, bool, None, Fraction: each value is fixed, and may steer the loss."""
    weight = Value(2.0, "weight")
    seen = []

    def loss(x, how):
        seen.append(how)
        return weight * x * (3.0 if how == "triple" else 0.5 if how is None else how)

    program = compile(loss, [weight])
    for how, expected in (("triple", 3.0), (None, 0.5), (2, 2.0), (Fraction(1, 4), 0.25)):
        assert program(1.0, how) == 2.0 * expected
        runs = len(seen)
        assert program(1.5, how) == 3.0 * expected
        assert len(seen) == runs  # the second call runs the program alone
    assert program.cache_info().shapes == 4


def test_true_and_1_and_a_float_1_are_three_inputs():
    """Values of different types are different, though they are equal."""
    weight = Value(2.0, "weight")
    program = compile(lambda x: weight * (10.0 if x is True else x), [weight])
    assert [program(x) for x in (True, 1, 1.0, 1.5, True)] == [20.0, 2.0, 2.0, 3.0, 20.0]
    assert program.cache_info().shapes == 3


def test_each_shape_has_its_program():
    """Lists of two lengths are two shapes: two programs, both kept."""
    weight = Value(2.0, "weight")
    program = compile(lambda x: functional.total(weight * v for v in x), [weight])
    assert [program(x) for x in ([1.0], [1.0, 2.0], [3.0], (3.0, 4.0))] == [2.0, 6.0, 6.0, 14.0]
    assert program.cache_info() == CacheInfo(programs=2, shapes=2)
    assert program.source.count("def value_and_grad(") == 2
    builtins.compile(program.source, "both", "exec")  # they are one text of Python
    assert repr(program) == "Program(<lambda>, 1 parameters, CacheInfo(programs=2, shapes=2))"


@pytest.mark.parametrize(
    "run",
    [
        lambda program, k: program(k),
        lambda program, k: program.value_and_grad([2.0], k)[0],
        lambda program, k: program.over([(k,)]),
        lambda program, k: program.sums([2.0], [(k,)])[0],
        lambda program, k: program.over(program.prepare([(k,)])),
    ],
)
def test_many_programs_warn_once(run):
    """Past 64 programs a warning, at the user's line, says that what is fixed may vary, once."""
    weight = Value(2.0, "weight")
    program = compile(lambda k: weight * k, [weight])
    for k in range(MANY):
        program(k)
    message = "more than 64 programs.*give what varies as floats"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        run(program, MANY)
    line = run.__code__.co_firstlineno
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]
    assert run(program, MANY + 1) == 2.0 * (MANY + 1)  # a second warning would be an error here


@pytest.mark.parametrize("fixed", [{"a": 1.0}, {1.0}, bytearray(b"x")], ids=repr)
def test_a_fixed_value_that_cannot_be_hashed_is_a_type_error(fixed):
    """What can be no key is refused, by name, with what to give instead."""
    weight = Value(2.0, "weight")
    program = compile(lambda x, _: weight * x, [weight])
    with pytest.raises(
        TypeError, match=r"fixed values that can be hashed, not .*make arrays lists"
    ):
        program(1.0, fixed)
    with pytest.raises(TypeError, match="fixed values that can be hashed"):
        program.over([(1.0, fixed)])
    assert weight.grad == 0.0


def test_a_function_is_made_once():
    """Calls and loops that come later run the functions of the first."""
    program, rows = small_program()
    program(*rows[0])
    made = functions(program)
    program(*rows[0])
    program.over(rows)
    assert functions(program) == made


def test_captured_values_are_read_at_each_call():
    """A Value found outside, not a parameter, counts with the number it has at the call."""
    weight, rate = Value(2.0, "weight"), Value(0.5, "rate")
    double = rate * 2.0
    loss = lambda x: (weight * x * rate + double) ** 2  # noqa: E731
    program = compile(loss, [weight])
    for number in (0.5, -1.5, 4.0):
        rate.data = number
        double.recompute()
        agree(loss, [weight], [(1.0,), (0.25,)], program)
    assert program.cache_info().shapes == 1


def test_compiled_calls_leave_captured_grads():
    """The gradient goes to the parameters alone."""
    weight, rate = Value(2.0, "weight"), Value(0.5, "rate")
    program = compile(lambda x: weight * x * rate, [weight])
    program(1.0)
    program.over([(1.0,), (2.0,)])
    assert (weight.grad, rate.grad) == (2.0, 0.0)


def test_constants_are_part_of_the_text():
    """Numbers in the loss stand in the program, to the last bit."""
    weight = Value(2.0, "weight")
    loss = lambda x: (weight * x + 0.1) * -1e-300 + weight * 1e400 - -0.0  # noqa: E731
    program = agree(loss, [weight], [(1.0,), (-3.0,)])
    assert all(text in program.source for text in ("0.1", "-1e-300", "inf"))


@pytest.mark.parametrize("number", [5e-324, 1e308, -0.0, math.inf, -math.inf, math.nan, 1 / 3])
def test_any_constant_and_any_input(number):
    """Every float, also inf, nan and -0.0, can be a constant, an input or a parameter."""
    weight = Value(0.5, "weight")
    loss = lambda x: (weight + number) * x - number * weight + number  # noqa: E731
    program = agree(loss, [weight], [(1.0,)])
    agree(loss, [weight], [(number,)], program)
    weight.data = number
    agree(loss, [weight], [(1.0,), (number,)], program)


# ---- what is refused -----------------------------------------------------------------------------


def test_a_loss_that_draws_random_numbers_is_a_value_error():
    """The first call compares program and loss: random numbers belong among the inputs."""
    rng = random.Random(9)
    weight = Value(2.0, "weight")
    weight.grad = 3.0
    program = compile(lambda x: weight * x * rng.random(), [weight])
    with pytest.raises(ValueError, match="a function of its inputs alone, and <lambda> gave"):
        program(1.0)
    assert weight.grad == 3.0
    with pytest.raises(ValueError, match=r"gave 1\.0, then None; give random numbers as inputs"):
        compile(lambda x, left=[1, 2]: [x] * left.pop())(1.0)
    for numbers, told in (([1.0, math.nan], "nan, then 1.0"), ([math.nan, 1.0], "1.0, then nan")):
        with pytest.raises(ValueError, match=f"gave {told}; give random numbers as inputs"):
            compile(numbers.pop)()
    assert program.cache_info().shapes == 0
    assert compile(lambda x, mask: weight * x * mask, [weight])(1.0, rng.random()) > 0.0


@pytest.mark.parametrize(
    ("f", "parameters", "message"),
    [
        (3, [], "takes a function, not 3; write lambda x"),
        (abs, [1.0], "takes leaf Values as parameters, not 1.0"),
        (abs, [Value(1.0) * 2.0], "takes leaf Values as parameters, not Value"),
    ],
)
def test_what_compile_takes(f, parameters, message):
    """A function and leaf Values: anything else is a TypeError that shows it."""
    with pytest.raises(TypeError, match=message):
        compile(f, parameters)


@pytest.mark.parametrize("result", [[Value(1.0)], 2.0, None], ids=repr)
def test_a_loss_gives_one_value(result):
    """With parameters, the function is a loss: a list or a number has no gradient."""
    weight = Value(2.0, "weight")
    with pytest.raises(TypeError, match="a loss gives one Value, not"):
        compile(lambda x: result, [weight])(1.0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_numbers_for_other_parameters_are_a_value_error(count):
    """value_and_grad and sums take one number for each parameter, and say both counts."""
    weight, bias = two()
    captured = Value(1.0)
    program = compile(lambda x: weight * x + bias * captured, [weight, bias])
    program(1.0)
    with pytest.raises(ValueError, match=f"has 2 parameters, not {count}; give one number for"):
        program.value_and_grad([1.0] * count, 1.0)
    with pytest.raises(ValueError, match=f"has 2 parameters, not {count}"):
        program.sums([1.0] * count, [(1.0,)])
    with pytest.raises(ValueError, match=f"has 2 parameters, not {count}"):
        program.sums([1.0] * 2, [(1.0,)], [0.0] * count)


def test_a_program_without_parameters_has_no_gradient():
    """over, sums and value_and_grad need parameters, and say so."""
    program = compile(lambda x: x * 2.0)
    for call in (lambda: program.over([(1.0,)]), lambda: program.value_and_grad([], 1.0)):
        with pytest.raises(ValueError, match="takes a program with parameters"):
            call()


# ---- forward only --------------------------------------------------------------------------------


@pytest.mark.parametrize("nouts", [[3, 1], [3, 2]], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid"])
def test_a_model_forward_only(activation, nouts):
    """compile(model) gives a number, or a list of them, with the eager bits, and leaves grads."""
    rng = random.Random(f"{activation} {nouts}")
    model = nn.MLP(2, nouts, activation=activation, seed=rng)
    programs = compile(model), compile(model.__call__)
    for (x,) in points(rng, 5, 2):
        expected = model(x)
        numbers = [v.data for v in expected] if isinstance(expected, list) else expected.data
        for program in programs:
            found = program(x)
            assert found == numbers
            assert type(found) is type(numbers)
        for p in model.parameters():
            p.data += 0.125  # a captured Value
    assert all(p.grad == 0.0 for p in model.parameters())
    assert repr(programs[0]).startswith("Program(MLP, 0 parameters")


def test_results_have_the_shape_of_the_function():
    """Nested lists, tuples and dicts come back as they are, numbers for Values."""
    scale = Value(2.0)
    program = compile(lambda x, y: [x * scale, (y, {"sum": x + y, "one": 1.0}), []])
    assert program(3.0, 4.0) == [6.0, (4.0, {"sum": 7.0, "one": 1.0}), []]
    scale.data = 5.0
    assert program(1.0, 0.5) == [5.0, (0.5, {"sum": 1.5, "one": 1.0}), []]


def test_functional_and_losses_forward_only():
    """The package's functions of several numbers compile: softmax gives its list."""
    program = compile(lambda x: functional.softmax(x))
    x = [0.25, -1.0, 3.0]
    assert program(x) == [v.data for v in functional.softmax([Value(v) for v in x])]


# ---- errors inside a program ---------------------------------------------------------------------

FAILURES = {  # a loss, where it is traced, where it fails, and what the note says
    "log": (lambda w, x: (w * x).log(), 1.0, -1.0, "in log with ", "keep the operand above 0"),
    "sqrt": (lambda w, x: (w * x).sqrt(), 1.0, -1.0, "in sqrt with ", "above 0"),
    "division": (
        lambda w, x: (w / x).tanh(),
        1.0,
        0.0,
        "in / with w = 2.0, x = 0.0",
        "away from 0",
    ),
    "overflow": (lambda w, x: (w * x).exp() * w, 1.0, 1e3, "in exp with ", "below 709"),
    "power": (lambda w, x: ((w * x) ** 0.5).tanh(), 1.0, -1.0, "in ** with ", "above 0"),
    "power_of_zero": (lambda w, x: (w * x) ** -1, 1.0, 0.0, "in ** with ", "base above 0"),
    "big_power": (lambda w, x: ((w * x) ** 3).tanh(), 1.0, 1e300, "in ** with ", "1.8e308"),
    "derivative": (lambda w, x: (w * x).sqrt() + w, 1.0, 0.0, "in / with 0.5 = 0.5, ", "from 0"),
    "slope": (lambda w, x: (w * x) ** 0.5 + w, 1.0, 0.0, "in slope with ", "keep the base above"),
    "logarithm_of_base": (lambda w, x: (w * x) ** w, 1.0, -1.0, "in xlogy with ", "above 0"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_has_the_eager_type_and_names_the_operation(name):
    """The exception is the eager one; its note has operation, operands, remedy, line; no grad."""
    f, good, bad, note, remedy = FAILURES[name]
    weight = Value(2.0, "w")
    loss = lambda x: f(weight, x)  # noqa: E731
    program = agree(loss, [weight], [(good,), (good,)])
    expected = outcome(lambda: eager(loss, bad), [weight], start=3.0)
    assert issubclass(expected, (ArithmeticError, ValueError))
    for call in (
        lambda: program(bad),
        lambda: program.value_and_grad([2.0], bad),
        lambda: program.over([(good,), (bad,), (good,)]),
    ):
        weight.grad = 3.0
        with pytest.raises(expected) as caught:
            call()
        assert type(caught.value) is expected
        (text,) = caught.value.__notes__
        assert note in text
        assert remedy in text
        file, number = text.rsplit("(", 1)[1].rstrip(")").split(", line ")
        assert linecache.getline(file, int(number)).strip() in text
        assert weight.grad == 3.0


def test_an_error_on_the_first_call_is_the_eager_one():
    """Where the loss itself fails, its own error comes through, with its own note."""
    weight = Value(2.0, "w")
    program = compile(lambda x: weight / x, [weight])
    with pytest.raises(ZeroDivisionError) as caught:
        program(0.0)
    assert caught.value.__notes__ == [
        "in / with w = 2.0, y = 0.0; keep the denominator away from 0"
    ]
    assert program(4.0) == 0.5  # and nothing is left of it


def test_the_loss_fails_before_its_derivative_does():
    """At log(0) the loss fails with ValueError, before its derivative would with 1 / 0."""
    weight = Value(2.0, "w")
    loss = lambda x: (weight * x + weight).log()  # noqa: E731
    program = agree(loss, [weight], [(1.0,)])
    expected = outcome(lambda: eager(loss, -1.0), [weight])
    assert expected is ValueError
    assert outcome(lambda: program(-1.0), [weight]) == expected
    assert outcome(lambda: program.over([(-1.0,)]), [weight]) == expected


def test_an_error_without_columns_still_names_the_line():
    """Under -X no_debug_ranges the note has the line alone."""
    code = (
        "from microgradnet.compiling import compile\n"
        "from microgradnet.engine import Value\n"
        "w = Value(2.0, 'w')\n"
        "program = compile(lambda x: (w * x).log(), [w])\n"
        "program(1.0)\n"
        "try:\n    program(-1.0)\n"
        "except ValueError as error:\n    print(error.__notes__[0])\n"
    )
    assert "log(" in python(code, "-X", "no_debug_ranges")


# ---- copies and processes ------------------------------------------------------------------------


def small_program():
    """Return a compiled network with two programs, and its rows."""
    rng = random.Random(10)
    model = nn.MLP(3, [4, 2], activation="relu", seed=rng)
    rows = [(x, i % 2) for i, (x,) in enumerate(points(rng, 6, 3))]
    program = compile(lambda x, k: losses.cross_entropy(model(x), k), model.parameters())
    program.over(rows)
    zero_grad(program.parameters)
    return program, rows


COPIES = {
    "pickle": lambda program: pickle.loads(pickle.dumps(program)),
    "deepcopy": copy.deepcopy,
    "pickle_twice": lambda program: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(program)))),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_runs_what_the_program_has_seen(how):
    """A copy has parameters of its own, and the same bits, in calls and in loops."""
    program, rows = small_program()
    twin = COPIES[how](program)
    assert not {*twin.parameters} & {*program.parameters}
    for row in rows:
        expected = outcome(lambda row=row: program(*row), program.parameters)
        assert outcome(lambda row=row: twin(*row), twin.parameters) == expected
    expected = outcome(lambda: program.over(rows), program.parameters)
    zero_grad(twin.parameters)
    zero_grad(program.parameters)
    assert outcome(lambda: twin.over(rows), twin.parameters) == expected
    assert all(p.grad == 0.0 for p in program.parameters)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_refuses_what_the_program_has_not_seen(how):
    """The function does not travel, so an unseen shape is a ValueError that says what to do."""
    twin = COPIES[how](small_program()[0])
    with pytest.raises(ValueError, match=r"shapes and fixed values it has seen, not.*call it"):
        twin([1.0, 2.0, 3.0, 4.0], 0)


def test_a_copy_runs_the_forms_that_the_program_has_not_run():
    """A program that only made calls runs loops after pickling, and the other way round."""
    weight, bias = two()
    called = compile(line(weight, bias), [weight, bias])
    called(1.0, 2.0)
    looped = compile(line(weight, bias), [weight, bias])
    looped.over([(1.0, 2.0)])
    results = [
        (copy.deepcopy(program).sums([2.0, 1.0], [(3.0, 5.0)]),
         copy.deepcopy(program).value_and_grad([2.0, 1.0], 3.0, 5.0))
        for program in (called, looped)
    ]  # fmt: skip
    assert results == [((4.0, [12.0, 4.0]), (4.0, [12.0, 4.0]))] * 2


def test_captured_values_are_copied_with_the_program():
    """A copy has the captured Values' numbers, and parameters that are shared stay shared."""
    weight, rate = Value(2.0, "weight"), Value(0.5, "rate")
    program = compile(lambda x: weight * x * rate, [weight])
    program(1.0)
    twin, same, held = copy.deepcopy((program, weight, rate))
    assert twin.parameters == [same]
    held.data = 4.0
    assert (twin(1.0), program(1.0)) == (8.0, 1.0)


def test_forward_only_programs_can_be_pickled():
    """A compiled model without its graph gives the same numbers."""
    model = nn.MLP(2, [3, 2], seed=1)
    program = compile(model)
    expected = program([0.5, 0.25])
    assert pickle.loads(pickle.dumps(program))([0.5, 0.25]) == expected


def test_a_pool_of_processes_runs_a_program():
    """Workers that start afresh give the parent's numbers, to the bit."""
    program, rows = small_program()
    numbers = [p.data for p in program.parameters]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(program.value_and_grad, numbers, *row) for row in rows]
        sums = pool.submit(program.sums, numbers, rows).result(60.0)
        found = [future.result(60.0) for future in futures]
    assert found == [program.value_and_grad(numbers, *row) for row in rows]
    assert sums == program.sums(numbers, rows)


# ---- the file ------------------------------------------------------------------------------------


def functions(program):
    """Return the compiled functions of a program."""
    return [f for variant in program._variants.values() for f in variant.functions.values()]


def python(code, *options, **environment):
    """Return what a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", code], capture_output=True, text=True,
        timeout=60, env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_text_is_a_real_file_of_the_users_own():
    """Each function's file exists, outside site-packages, in a private folder, in linecache."""
    program, _ = small_program()
    for function in functions(program):
        file = function.__code__.co_filename
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        assert text in program.source
        assert inspect.getsource(function) in text
        assert inspect.getsourcefile(function) == file
        assert linecache.getlines(file) == text.splitlines(keepends=True)
        assert "site-packages" not in file
        assert stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(file).st_mode) & 0o077 == 0


SMALL = """
from microgradnet.compiling import compile
from microgradnet.engine import Value
w = Value(2.0, label="w")
program = compile(lambda x: (w * x).tanh(), [w])
program(0.5)
[variant] = program._variants.values()
file = variant.functions["value_and_grad"].__code__.co_filename
"""


def test_the_file_of_a_text_has_one_name_and_goes_with_the_process():
    """The same text has the same name in every process, which removes its folder when it ends."""
    files = [python(SMALL + "print(file)") for _ in "ab"]
    assert len({os.path.basename(file) for file in files}) == 1
    assert len({os.path.dirname(file) for file in files}) == 2
    assert not any(os.path.exists(os.path.dirname(file)) for file in files)


def test_the_folder_goes_after_an_exception_too():
    """A process that ends with an error removes its folder."""
    done = subprocess.run(
        [sys.executable, "-c", SMALL + "print(file, flush=True)\n1 / 0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert done.stdout.strip()
    assert not os.path.exists(os.path.dirname(done.stdout.strip()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_folder_of_its_own():
    """A forked worker writes to its own folder and removes it, never its parent's."""
    code = SMALL + (
        "import multiprocessing, os\n"
        "def work(queue):\n"
        "    other = compile(lambda x: (w * x).sin(), [w])\n"
        "    other(0.5)\n"
        "    [v] = other._variants.values()\n"
        "    queue.put(v.functions['value_and_grad'].__code__.co_filename)\n"
        "context = multiprocessing.get_context('fork')\n"
        "queue = context.SimpleQueue()\n"
        "worker = context.Process(target=work, args=(queue,))\n"
        "worker.start()\n"
        "theirs = queue.get()\n"
        "worker.join()\n"
        "print(os.path.dirname(theirs) != os.path.dirname(file), os.path.exists(file),\n"
        "      os.path.exists(os.path.dirname(theirs)))\n"
    )
    assert python(code) == "True True False"


def test_without_a_temporary_folder_the_text_stays_in_memory():
    """Where nothing can be written, programs run, and their text is in linecache alone."""
    code = (
        "import inspect, tempfile\ntempfile.tempdir = '/nowhere/at/all'\n" + SMALL + "print(file, "
        "'tanh(w * x)' in inspect.getsource(variant.functions['value_and_grad']))"
    )
    file, shown = python(code).rsplit(" ", 1)
    assert file.startswith("<lambda_")
    assert file.endswith(".py>")
    assert shown == "True"


def test_a_missing_or_removed_temporary_folder(tmp_path):
    """A TMPDIR that is not there, or that goes in the meantime, is no error."""
    assert python(SMALL + "print(program(0.5))", TMPDIR=str(tmp_path / "missing"))
    gone = (
        "import os, shutil\n"
        "shutil.rmtree(os.path.dirname(file))\n"
        "other = compile(lambda x: (w * x).sin(), [w])\n"
        "print(other(0.0))\n"
    )
    assert python(SMALL + gone, TMPDIR=str(tmp_path)) == "0.0"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere"
)
def test_a_read_only_temporary_folder(tmp_path):
    """A temporary folder where nothing can be written leaves the text in memory."""
    tmp_path.chmod(0o500)
    code = f"import tempfile\ntempfile.tempdir = {str(tmp_path)!r}\n" + SMALL + "print(file)"
    assert python(code).startswith("<lambda_")


def test_a_folder_that_cannot_be_written(monkeypatch):
    """An OSError of the file system leaves the text in memory, and the program runs."""

    def refuse(*_, **__):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    weight = Value(2.0, "weight")
    program = compile(lambda x: weight * x + 0.4375, [weight])
    assert program(1.0) == 2.4375
    (function,) = functions(program)
    assert function.__code__.co_filename.startswith("<lambda_")
    assert "0.4375" in inspect.getsource(function)


def test_map_gives_what_one_call_after_another_gives() -> None:
    """The results of all rows, of several shapes, with the parameters' numbers of this moment."""
    model = nn.MLP(2, [3, 2], activation="tanh", seed=1)
    program = compile(lambda x, k=0: [v * k for v in model(x)])
    rows = [([0.5, -1.0], 2), ([1.5, 0.25],), ([0.125, 4.0], 2), ([0.0, 1.0], 3)]
    for _ in range(2):
        assert program.map(rows) == [program(*row) for row in rows]
        for p in model.parameters():
            p.data += 0.5
    assert program.map(iter([])) == []


def test_map_is_of_forward_programs() -> None:
    """A program with parameters is a loss: its sum is over()."""
    w = Value(1.0)
    with pytest.raises(ValueError, match="without parameters"):
        compile(lambda x: w * x, [w]).map([(1.0,)])


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f: grad(f)(3.0),
        lambda f: hessian(f)(3.0),
        lambda f: jvp(f, [3.0], [1.0]),
        lambda f: grad(grad(f))(3.0),
    ],
)
def test_a_program_is_no_part_of_a_derivative(derivative):
    """It gives numbers: the derivative would be 0, and is refused; that of the function is not."""
    program = compile(lambda x: x * x)
    assert program(3.0) == 9.0
    with pytest.raises(ValueError, match=r"no part of a derivative.*give them the function itself"):
        derivative(program)
    assert program(Value(3.0)) == 9.0
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert grad(lambda x: x * program(2.0))(3.0) == 4.0


def test_fields_of_a_row_have_an_order():
    """Two named tuples of one length have a program each."""
    first, second = namedtuple("First", "a b"), namedtuple("Second", "b a")
    weight = Value(1.0)
    program = compile(lambda row: weight * row.a, [weight])
    assert program(first(1.0, 2.0)) == 1.0
    assert program(second(1.0, 2.0)) == 2.0


def test_rows_are_those_of_any_table():
    """A row that is no list is made one, as those of an array."""

    class Row:
        def __iter__(self):
            return iter((2.0, 1.0))

    weight = Value(3.0)
    program = compile(lambda x, y: (weight * x - y) ** 2, [weight])
    assert program.over([Row(), Row()]) == program.over([(2.0, 1.0)] * 2) == 50.0
    assert compile(lambda x, y: weight * x + y).map([Row()]) == [7.0]


@pytest.mark.parametrize(
    "run",
    [
        lambda loss, w: compile(lambda: loss(), [w])(),
        lambda loss, w: compile(lambda _: loss(), [w]).over([(1.0,)]),
        lambda loss, w: loss().backward(),
        lambda loss, w: optim.SGD([w], 0.1).step(),
        lambda loss, w: optim.Adam([w], 0.1).step(),
    ],
)
def test_no_gradient_to_add_to_is_a_type_error(run):
    """PyTorch's p.grad = None says what to do, and moves nothing."""
    weight = Value(2.0)
    weight.grad = None
    with pytest.raises(TypeError, match=r"takes numbers to add gradients to, not None; call zero_"):
        run(lambda: weight * weight, weight)
    assert (weight.data, weight.grad) == (2.0, None)


@pytest.mark.parametrize("x", [1.0, 0.5, 2.0, 3.0])
@pytest.mark.parametrize("w", [0.0, -0.0, -2.0, 1.5])
def test_an_exponent_made_of_inputs_is_a_number(w, x):
    """As where nothing is traced: 0 ** 0 has the slope 0, and an error is the same error."""

    def outcome(run):
        weight.grad = 0.0
        try:
            return run(), weight.grad
        except (ArithmeticError, ValueError) as error:
            return type(error), weight.grad

    def eager():
        loss = weight ** ((x - 1.0) * 2.0)
        loss.backward()
        return loss.data

    weight = Value(w)
    program = compile(lambda x: weight ** ((x - 1.0) * 2.0), [weight])
    assert repr(outcome(lambda: program(x))) == repr(outcome(eager))
