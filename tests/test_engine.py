"""Hold the engine to what its docstrings promise, and to what other scalar engines get wrong."""

import copy
import gc
import inspect
import io
import itertools
import linecache
import math
import operator
import os
import pickle
import random
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradnet import scalars
from microgradnet.engine import Value, graph, topological_order, zero_grad
from microgradnet.operations import NOT_COMPUTED, OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
NAN, INF = math.nan, math.inf


def bits(number: float) -> bytes:
    """Return the eight bytes of a float."""
    return struct.pack("<d", number)


@contextmanager
def without_collector():
    """Run a block with the garbage collector off, and nothing left over for it from before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def random_graph(rng: random.Random, size: int) -> tuple[list[Value], Value]:
    """Return leaves, and a bounded function of them: `size` operations that share operands."""
    leaves = [Value(rng.uniform(-2.0, 2.0), label=f"leaf {k}") for k in range(5)]
    nodes = list(leaves)
    for _ in range(size):
        x, y = rng.choice(nodes), rng.choice(nodes[-5:])
        nodes.append(rng.choice((x + y, x - y, x * y, y * 2.0)).tanh())
    return leaves, nodes[-1]


def chain(length: int) -> tuple[Value, Value]:
    """Return a leaf, and the end of a chain of that many operations on it."""
    x = z = Value(1.0)
    for _ in range(length):
        z = z * 1.0
    return x, z


# ---- backward --------------------------------------------------------------------------------


def test_the_example_of_micrograds_readme():
    """micrograd's README example prints its three numbers: 24.7041, 138.8338, 645.5773."""
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_graph_is_in_topological_order():
    """Every operand comes before its result, each Value once, and the root last."""
    rng = random.Random(1)
    for _ in range(20):
        _, root = random_graph(rng, 60)
        order = topological_order(root)
        position = {v: k for k, v in enumerate(order)}
        assert order[-1] is root
        assert len(position) == len(order)
        assert all(position[v] < position[z] for z in order for v in z.args)
        leaves, results = graph(root)
        assert leaves + results == order
        assert not any(v.args for v in leaves)
        assert all(z.args for z in results)


def test_order_of_a_leaf_is_the_leaf():
    """A leaf's graph is itself."""
    x = Value(1.0)
    assert topological_order(x) == [x]
    assert graph(x) == ([x], [])


def test_operands_keep_order_and_duplicates():
    """x * x has two edges, for the picture and for the chain rule; a leaf has none."""
    x, y = Value(3.0), Value(4.0)
    assert (x * x).args == (x, x)
    assert (y - x).args == (y, x)
    assert x.tanh().args == (x,)
    assert x.args == ()
    assert (x.op, (x * y).op, (-x).op, x.tanh().op, (2**x).op) == ("", "*", "neg", "tanh", "**")
    z = x * x
    z.backward()
    assert x.grad == 6.0


def test_fan():
    """A Value used by a thousand operations gets the sum of a thousand contributions."""
    x = Value(0.5)
    total = sum(x * k for k in range(1000))
    total.backward()
    assert x.grad == 499_500.0


def test_diamond():
    """Two paths that meet again add: (x * x) * (x + 1) at 3 has the slope 2 x (x + 1) + x x."""
    x = Value(3.0)
    (x * x * (x + 1.0)).backward()
    assert x.grad == 33.0


def test_many_diamonds_are_one_visit_a_node():
    """Fifty doublings are 2 ** 50 paths; the walk goes by nodes, and the gradient is exact."""
    x = z = Value(1.0)
    for _ in range(50):
        z = z + z
    z.backward()
    assert x.grad == 2.0**50


def test_backward_on_a_leaf():
    """The derivative of a leaf by itself is 1, and accumulates."""
    x = Value(7.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_interior_gradients_are_not_counted_twice():
    """x * x * x at 3, backward twice: 54, twice the gradient, and not 72."""
    x = Value(3.0)
    h = x * x
    y = h * x
    y.backward()
    assert (x.grad, h.grad, y.grad) == (27.0, 3.0, 1.0)
    y.backward()
    assert (x.grad, h.grad, y.grad) == (54.0, 3.0, 1.0)


def test_two_losses_share_an_interior_node():
    """Two losses on h = x * x add up in the leaf: 5 h and 2 h at 3 give 42."""
    x = Value(3.0)
    h = x * x
    (h * 5.0).backward()
    (h * 2.0).backward()
    assert x.grad == 42.0
    assert h.grad == 2.0


def test_backward_twice_doubles_to_the_bit():
    """A second backward() exactly doubles each leaf's gradient, and repeats the interior ones."""
    rng = random.Random(2)
    for _ in range(20):
        leaves, root = random_graph(rng, 80)
        root.backward()
        once = [v.grad for v in leaves]
        order = topological_order(root)
        between = [bits(z.grad) for z in order if z.args]
        root.backward()
        assert [bits(v.grad) for v in leaves] == [bits(2.0 * grad) for grad in once]
        assert [bits(z.grad) for z in order if z.args] == between


def test_gradients_accumulate_into_what_is_there():
    """backward() adds to a leaf's grad, also to one that was set by hand."""
    x = Value(3.0)
    x.grad = 100.0
    (x * 2.0).backward()
    assert x.grad == 102.0


# ---- no recursion, no cycles -----------------------------------------------------------------


def test_a_chain_of_a_million_operations():
    """A graph of a million operations in a row is made, differentiated and freed, no recursion."""
    with without_collector():
        x, z = chain(1_000_000)
        z.backward()
        assert x.grad == 1.0
        del x, z
        assert gc.collect() == 0


def test_a_deep_sum_and_a_wide_sum():
    """The sum of 10,000 losses is a chain of 10,000 additions: no RecursionError."""
    x = Value(2.0)
    losses = [x * x for _ in range(10_000)]
    sum(losses).backward()
    assert x.grad == 40_000.0


def test_a_dropped_graph_leaves_nothing_for_the_collector():
    """Fifty graphs, each differentiated and dropped, are freed by reference counts alone."""
    rng = random.Random(3)
    with without_collector():
        for _ in range(50):
            leaves, root = random_graph(rng, 50)
            root.backward()
            root.recompute()
        del leaves, root
        assert gc.collect() == 0


def test_a_failed_operation_leaves_nothing_for_the_collector():
    """An error that was handled keeps no graph alive."""
    with without_collector():
        for _ in range(20):
            x = Value(0.0)
            with suppress(ZeroDivisionError):
                (x.sqrt() + 1.0).backward()
            with suppress(ValueError):
                x.log()
        del x
        assert gc.collect() == 0


# ---- a failed backward changes nothing -------------------------------------------------------


def stale():
    """Return a graph in the middle of which a data was changed."""
    x, y = Value(3.0), Value(4.0)
    h = x * y
    root = (h + y).tanh()
    h.data = 5.0
    return root


FAILING = {
    "sqrt at 0": (ZeroDivisionError, lambda: (Value(0.0) * 2.0).sqrt() * 3.0 + Value(1.0)),
    "x ** 0.5 at 0": (ZeroDivisionError, lambda: ((Value(0.0) * 2.0) ** 0.5 + 1.0).tanh()),
    "x ** y at x < 0": (ValueError, lambda: (Value(-2.0) * 1.0) ** Value(3.0) + Value(4.0) * 2.0),
    "stale data": (RuntimeError, stale),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failed_backward_changes_no_gradient(name):
    """After an error every grad, interior ones too, is the very object that it was."""
    error, make = FAILING[name]
    root = make()
    order = topological_order(root)
    for k, v in enumerate(order[::2]):
        v.grad = 10.0 + k
    before = [v.grad for v in order]
    assert any(grad is NOT_COMPUTED for grad in before)
    with pytest.raises(error):
        root.backward()
    assert all(v.grad is grad for v, grad in zip(order, before, strict=True))


def test_an_interrupted_backward_changes_no_gradient(monkeypatch):
    """Control-C in the middle of backward() leaves every grad as it was; a second run is whole."""
    _, root = random_graph(random.Random(4), 40)
    root.backward()
    order = topological_order(root)
    before = [v.grad for v in order]
    calls = []

    def interrupted(z, pull=OPERATIONS["tanh"].pull):
        calls.append(z)
        if len(calls) == 20:
            raise KeyboardInterrupt
        pull(z)

    monkeypatch.setattr(OPERATIONS["tanh"], "pull", interrupted)
    with pytest.raises(KeyboardInterrupt):
        root.backward()
    monkeypatch.undo()
    assert len(calls) == 20
    assert all(v.grad is grad for v, grad in zip(order, before, strict=True))
    root.backward()
    for v, grad in zip(order, before, strict=True):
        assert v.grad == (grad if v.args else 2.0 * grad)


# ---- stale data ------------------------------------------------------------------------------


def test_data_of_a_leaf_changed_after_the_forward_pass():
    """y = x * x, x.data = 10: an error that names the node, and no mixture of old and new."""
    x = Value(3.0, label="width")
    y = x * x
    y.label = "area"
    x.data = 10.0
    with pytest.raises(RuntimeError, match="recompute") as caught:
        y.backward()
    for part in ("label='area'", "op='*'", "label='width'", "100.0", "9.0"):
        assert part in str(caught.value)
    assert x.grad is NOT_COMPUTED


@pytest.mark.parametrize("changed", ["middle", "root"])
def test_data_of_a_result_changed_after_the_forward_pass(changed):
    """The data of a result that was written over is an error that names it."""
    x = Value(3.0)
    h = x * 2.0
    h.label = "middle"
    z = h.tanh()
    z.label = "root"
    {"middle": h, "root": z}[changed].data = 0.5
    with pytest.raises(RuntimeError, match=rf"label='{changed}'"):
        z.backward()


@pytest.mark.parametrize(
    ("function", "data"),
    [(Value.log, -1.0), (Value.sqrt, -1.0), (lambda x: 1.0 / x, 0.0), (Value.exp, 1000.0)],
)
def test_changed_data_on_which_the_operation_fails(function, data):
    """Data changed to what the operation refuses is changed data too: the same RuntimeError."""
    x = Value(1.0)
    z = function(x)
    x.data = data
    with pytest.raises(RuntimeError, match="recompute"):
        z.backward()
    assert x.grad is NOT_COMPUTED


@pytest.mark.parametrize(("old", "new"), [(NAN, 3.0), (3.0, NAN)])
def test_data_changed_from_and_to_nan(old, new):
    """A nan that came or went is seen."""
    x = Value(old)
    z = x * 2.0
    x.data = new
    with pytest.raises(RuntimeError, match="recompute"):
        z.backward()


def test_nan_is_not_taken_for_changed_data():
    """A graph with a nan in it is differentiated, although nan != nan."""
    x, y = Value(NAN), Value(2.0)
    z = (x * y + 1.0).tanh() + y
    z.backward()
    assert math.isnan(z.data)
    assert math.isnan(x.grad)
    x = Value(NAN)
    (x * 2.0).backward()
    assert x.grad == 2.0


def test_data_put_back_is_not_stale():
    """Only the numbers count: data changed and put back is the forward pass that ran."""
    x = Value(3.0)
    z = x * x
    x.data = 10.0
    x.data = 3.0
    z.backward()
    assert x.grad == 6.0


# ---- recompute -------------------------------------------------------------------------------


def test_recompute_gives_the_bits_of_a_new_graph():
    """recompute() on new data is the graph built again, data and gradients, to the bit."""
    leaves, root = random_graph(random.Random(5), 60)
    twins, twin = random_graph(random.Random(5), 60)
    new = [random.Random(6).uniform(-2.0, 2.0) for _ in leaves]
    root.backward()
    for v, data in zip(leaves, new, strict=True):
        v.data = data
        v.grad = 0.0
    assert root.recompute() is root
    root.backward()
    copies = dict(zip(twins, map(Value, new), strict=True))
    for z in topological_order(twin):
        if z.args:
            copies[z] = z.rule(*(copies.get(v, v) for v in z.args))
    copies[twin].backward()
    assert bits(root.data) == bits(copies[twin].data)
    assert [bits(v.grad) for v in leaves] == [bits(copies[v].grad) for v in twins]


def test_recompute_forgets_interior_gradients():
    """After recompute() the interior grads are not computed; those of the leaves stay."""
    x = Value(3.0)
    h = x * x
    z = h + 1.0
    z.backward()
    x.data = 4.0
    z.recompute()
    assert (h.data, z.data, x.grad) == (16.0, 17.0, 6.0)
    assert h.grad is NOT_COMPUTED
    assert z.grad is NOT_COMPUTED


def test_a_failed_recompute_changes_nothing():
    """An operation that fails leaves every data and grad as before, and says where it was."""
    x = Value(3.0, label="x")
    h = x * 2.0
    h.label = "twice"
    z = h.log() + 1.0
    z.backward()
    order = topological_order(z)
    x.data = -1.0
    before = [(v.data, v.grad) for v in order]
    with pytest.raises(ValueError, match=r"domain|positive") as caught:
        z.recompute()
    assert "in log with twice = -2.0; " in caught.value.__notes__[0]
    for v, (data, grad) in zip(order, before, strict=True):
        assert v.data is data
        assert v.grad is grad


def test_a_division_that_fails_in_recompute_says_where():
    """The note is on an ArithmeticError too."""
    width = Value(3.0, label="width")
    z = 1.0 / width
    width.data = 0.0
    with pytest.raises(ZeroDivisionError) as caught:
        z.recompute()
    assert caught.value.__notes__ == [
        "in / with x = 1.0, width = 0.0; keep the denominator away from 0"
    ]


def test_recompute_of_a_leaf_is_the_leaf():
    """A leaf has nothing to compute: its data and grad stay."""
    x = Value(3.0)
    x.backward()
    assert x.recompute() is x
    assert (x.data, x.grad) == (3.0, 1.0)


# ---- the same bits ---------------------------------------------------------------------------

TRAINING = """
import random
from microgradnet.engine import Value, zero_grad
rng = random.Random(7)
weights = [Value(rng.uniform(-1.0, 1.0)) for _ in range(40)]
for step in range(20):
    nodes = list(weights)
    for _ in range(200):
        x, y = rng.choice(nodes), rng.choice(nodes)
        nodes.append((x * y + rng.choice(nodes)).tanh())
    loss = sum(nodes[-30:])
    zero_grad(weights)
    loss.backward()
    for w in weights:
        w.data -= 0.01 * w.grad
print(loss.data.hex(), *(w.grad.hex() for w in weights))
"""


def test_the_same_seed_gives_the_same_bits():
    """Two processes with different hash seeds train to the same bits: no set orders anything."""
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", TRAINING],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 41


def test_threads_give_the_serial_bits():
    """Four threads, each with a graph of its own, give what one thread gives."""

    def work(seed):
        leaves, root = random_graph(random.Random(seed), 400)
        root.backward()
        twin = pickle.loads(pickle.dumps(root))
        twin.backward()
        again = [bits(v.grad) for v in topological_order(twin) if v.label]
        return [bits(v.grad) for v in leaves], again, bits(root.data)

    serial = [work(seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(16))) == serial


# ---- what a Value takes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "data"),
    [(2, 2.0), (True, 1.0), (2.5, 2.5), (Fraction(1, 4), 0.25), (Decimal("0.5"), 0.5)],
)
def test_value_takes_real_numbers(number, data):
    """Value() takes any real number, and its data is a float."""
    x = Value(number)
    assert x.data == data
    assert x.data.__class__ is float
    assert (x * 2.0).data == (Value(2.0) * number).data == (number * Value(2.0)).data == 2.0 * data


@pytest.mark.parametrize("data", ["3", b"3", [1.0], (1.0,), {}, 1j, object(), Value(1.0)])
def test_value_takes_nothing_else(data):
    """Text, containers, complex numbers and Values are a TypeError that names the remedy."""
    remedy = "use it as it is" if isinstance(data, Value) else "convert it with float()"
    with pytest.raises(TypeError) as caught:
        Value(data)
    assert str(caught.value) == f"Value() takes a real number, not {data!r}; {remedy}"


def test_value_refuses_an_int_that_is_no_float():
    """An int past the floats is OverflowError, as float() says."""
    with pytest.raises(OverflowError):
        Value(10**400)


@pytest.mark.parametrize(
    "function", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
)
def test_numpy_scalars_work_from_both_sides(function):
    """A NumPy scalar is a number: the result is a Value that has it for an operand."""
    numpy = pytest.importorskip("numpy")
    for scalar in (numpy.float64(2.0), numpy.float32(2.0), numpy.int64(2), numpy.bool_(True)):
        number = float(scalar)
        x = Value(3.0)
        for z, expected in [
            (function(scalar, x), function(number, 3.0)),
            (function(x, scalar), function(3.0, number)),
        ]:
            assert z.__class__ is Value
            assert z.data.__class__ is float
            assert z.data == expected
            assert x in z.args
            z.backward()
    assert Value(numpy.float64(2.0)).data.__class__ is float


@pytest.mark.parametrize(
    "function", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
)
def test_numpy_arrays_are_a_type_error_from_both_sides(function):
    """An array, one without dimensions too, never gets into a Value, and a Value into none."""
    numpy = pytest.importorskip("numpy")
    for array in (numpy.array([1.0, 2.0]), numpy.array(1.0), numpy.array([]), numpy.eye(2)):
        with pytest.raises(TypeError, match="takes a real number"):
            function(Value(3.0), array)
        with pytest.raises(TypeError, match="takes a real number"):
            function(array, Value(3.0))
        with pytest.raises(TypeError, match="takes a real number"):
            Value(array)


def test_numpy_scalars_compare():
    """A NumPy scalar compares with a Value from both sides."""
    numpy = pytest.importorskip("numpy")
    two, three = numpy.float64(2.0), Value(3.0)
    assert two < three
    assert three > two
    assert not two >= three


# ---- as a float does -------------------------------------------------------------------------

COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge)
NUMBERS = (0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1, True, Fraction(1, 3), 10**400)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_are_those_of_floats(compare):
    """< <= > >= compare data, with a Value or a number on either side, nan and huge ints too."""
    for x in NUMBERS[:-1]:
        for y in NUMBERS:
            assert compare(Value(x), y) is compare(float(x), y)
            assert compare(y, Value(x)) is compare(y, float(x))
            if y != 10**400:
                assert compare(Value(x), Value(y)) is compare(float(x), float(y))


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("other", ["1", None, [1.0], 1j])
def test_comparison_with_no_number_is_a_type_error(compare, other):
    """A Value is not ordered with text, None, lists and complex numbers."""
    with pytest.raises(TypeError):
        compare(Value(1.0), other)
    with pytest.raises(TypeError):
        compare(other, Value(1.0))


def test_max_min_and_sorted_choose_values():
    """The built-in max, min and sorted return the Values themselves."""
    x, y, z = Value(1.0), Value(3.0), Value(2.0)
    assert max(x, y, z) is y
    assert min(x, y, z) is x
    assert sorted([x, y, z]) == [x, z, y]


@pytest.mark.parametrize("data", [0.0, -0.0, 1.0, -2.5, NAN, INF])
def test_bool_is_that_of_a_float(data):
    """A Value is false where its number is: Value(0.0) is."""
    assert bool(Value(data)) is bool(data)


@pytest.mark.parametrize("data", [2.5, -2.5, 3.5, 1e300, -0.0, 1234.5678])
def test_conversions_are_those_of_a_float(data):
    """float, int, round, abs, + and format give what they give on the number."""
    x = Value(data)
    assert bits(float(x)) == bits(data)
    assert int(x) == int(data)
    assert round(x) == round(data)
    assert round(x).__class__ is int
    assert bits(round(x, 1)) == bits(round(data, 1))
    assert bits(abs(x).data) == bits(abs(data))
    assert +x is x
    for spec in (".2f", ">12.3e", "+", "g"):
        assert format(x, spec) == format(data, spec)
    assert f"{x:.3f}" == f"{data:.3f}"


@pytest.mark.parametrize("convert", [int, round])
@pytest.mark.parametrize(("data", "error"), [(NAN, ValueError), (INF, OverflowError)])
def test_conversions_that_fail_as_on_a_float(convert, data, error):
    """int and round of nan and inf raise what they raise on the number."""
    with pytest.raises(error):
        convert(Value(data))


def test_equality_and_hash_are_identity():
    """== is identity, so that Values can be keys of a dict whose numbers are equal."""
    x, y = Value(2.0), Value(2.0)
    assert x == x
    assert x != y
    assert x != 2.0
    assert len({x, y, x}) == 2
    assert {x: "x", y: "y"}[y] == "y"
    number = hash(x)
    x.data = 3.0
    assert hash(x) == number


def test_label():
    """A label is given by position or by name, may be changed, and is empty otherwise."""
    assert Value(1.0).label == ""
    assert Value(1.0, "w").label == Value(1.0, label="w").label == "w"
    z = Value(1.0) + 1.0
    assert z.label == ""
    z.label = "sum"
    assert z.label == "sum"


@pytest.mark.parametrize("label", [3, b"w", ["w"]])
def test_a_label_is_a_text(label):
    """Anything else is a TypeError, and the label stays."""
    x = Value(1.0, label="w")
    told = re.escape(f"label takes a text, not {label!r}; convert it with str()")
    with pytest.raises(TypeError, match=told):
        x.label = label
    with pytest.raises(TypeError, match=told):
        Value(1.0, label)
    assert x.label == "w"


def test_repr_is_short_and_does_not_recurse():
    """A Value's repr is its own numbers, label and operation, however deep its graph is."""
    x = Value(2.0, label="x")
    assert repr(Value(2.0)) == "Value(data=2.0, grad=0.0)"
    assert repr(x) == str(x) == "Value(data=2.0, grad=0.0, label='x')"
    z = x * 3.0
    assert repr(z) == "Value(data=6.0, grad=0.0, op='*')"
    z.label = "z"
    assert repr(z) == "Value(data=6.0, grad=0.0, label='z', op='*')"
    _, z = chain(5_000)
    assert repr(z) == "Value(data=1.0, grad=0.0, op='*')"


def test_operations_with_a_number_of_their_own():
    """Without a second operand, leaky_relu has the slope 0.01 below 0, and elu tends to -1."""
    x = Value(-2.0)
    assert x.leaky_relu().data == -0.02
    assert x.elu().data == math.expm1(-2.0)


def test_maximum_and_minimum_choose_a_zero_as_on_numbers():
    """Of 0.0 and -0.0, and of nan, they give what the functions of floats give, to the bit."""
    for x, y in itertools.product((0.0, -0.0, 1.0, NAN), repeat=2):
        assert bits(Value(x).maximum(y).data) == bits(scalars.maximum(x, y))
        assert bits(Value(x).minimum(y).data) == bits(scalars.minimum(x, y))


class Weight(Value):
    """A Value of a class of its own."""


def test_a_subclass_of_value_takes_part_in_operations():
    """Its operations give Values that remember their operands in order."""
    x, y = Weight(2.0), Value(3.0)
    for z, data, args in [
        (x - y, -1.0, (x, y)),
        (y - x, 1.0, (y, x)),
        (x.exp(), math.exp(2.0), (x,)),
    ]:
        assert z.__class__ is Value
        assert (z.data, z.args) == (data, args)
    (3.0 * x - y).backward()
    assert (x.grad, y.grad) == (3.0, -1.0)


@pytest.mark.parametrize("name", ["gard", "Data", "value", "_backward", "name"])
def test_a_typo_in_an_attribute_is_an_error(name):
    """x.gard = 5 is AttributeError, to write as to read."""
    x = Value(1.0)
    with pytest.raises(AttributeError):
        setattr(x, name, 5.0)
    with pytest.raises(AttributeError):
        getattr(x, name)


def test_sum_has_no_node_for_its_start():
    """sum(values) starts from 0, and puts no constant 0 into the picture."""
    x, y = Value(1.0), Value(2.0)
    assert sum([x]) is x
    total = sum([x, y])
    assert total.args == (x, y)
    assert topological_order(total) == [x, y, total]


# ---- training by hand ------------------------------------------------------------------------


def test_subtracting_from_a_name_trains_nothing_and_the_docs_say_so():
    """p -= lr * p.grad makes p stand for a new Value; the class docstring says what to write."""
    p = w = Value(3.0)
    (p * p).backward()
    p -= 0.1 * p.grad
    assert p is not w
    assert w.data == 3.0
    w.data -= 0.1 * w.grad
    assert w.data == pytest.approx(2.4, rel=1e-15)
    assert "`p -= lr * p.grad`" in Value.__doc__
    assert "`p.data -= lr * p.grad`" in Value.__doc__


def test_inputs_keep_their_gradients_until_they_are_zeroed_and_the_docs_say_so():
    """The grad of an input grows with each backward(); zero_grad() takes any Values."""
    w, x = Value(2.0), Value(3.0)
    for _ in range(2):
        zero_grad([w])
        (w * x).backward()
    assert (w.grad, x.grad) == (3.0, 4.0)
    zero_grad(v for v in (w, x))
    assert w.grad is x.grad is NOT_COMPUTED
    assert "zero_grad" in Value.__doc__
    assert "inputs" in Value.__doc__


@pytest.mark.parametrize("other", [3.0, "w", None])
def test_zero_grad_takes_values(other):
    """Anything else among them is a TypeError, and no grad is touched."""
    x = Value(2.0)
    x.backward()
    with pytest.raises(TypeError, match=rf"^zero_grad\(\) takes Values, not {other!r}; "):
        zero_grad([x, other])
    assert x.grad == 1.0
    with pytest.raises(TypeError, match="takes a list of Values as values, not Value"):
        zero_grad(x)


# ---- copies ----------------------------------------------------------------------------------


def through_pickle(obj):
    """Return what pickle makes of an object."""
    return pickle.loads(pickle.dumps(obj))


COPIES = pytest.mark.parametrize("copied", [through_pickle, copy.deepcopy])


@COPIES
def test_a_copied_leaf_is_a_leaf(copied):
    """A copy has data, grad and label, and is another Value."""
    x = Value(3.0, label="x")
    x.grad = 2.0
    twin = copied(x)
    assert twin is not x
    assert (twin.data, twin.grad, twin.label, twin.args, twin.rule) == (3.0, 2.0, "x", (), None)


@COPIES
def test_a_copied_graph_is_whole_and_separate(copied):
    """A copy gives the bits of the original in backward(), and touches nothing of it."""
    leaves, root = random_graph(random.Random(8), 100)
    root.backward()
    expected = {v.label: bits(v.grad) for v in topological_order(root) if v.label}
    twin = copied(root)
    originals = topological_order(root)
    order = topological_order(twin)
    assert not set(order) & set(originals)
    for v, original in zip(order, originals, strict=True):
        assert (bits(v.data), bits(v.grad)) == (bits(original.data), bits(original.grad))
        assert v.rule is original.rule
        assert v.label == original.label
    zero_grad(order)
    twin.backward()
    assert {v.label: bits(v.grad) for v in order if v.label} == expected
    assert all(bits(v.grad) == expected.get(v.label, bits(v.grad)) for v in leaves)


@COPIES
def test_copies_tell_not_computed_from_zero(copied):
    """A gradient not computed is still that, by identity; a computed 0.0 is still computed."""
    x = Value(3.0)
    z = x * 0.0
    twin = copied(z)
    assert twin.grad is twin.x.grad is twin.y.grad is NOT_COMPUTED
    z.backward()
    assert x.grad == 0.0
    twin = copied(z)
    assert twin.x.grad == 0.0
    assert twin.x.grad is not NOT_COMPUTED


@COPIES
@pytest.mark.parametrize("first", ["interior", "root", "leaf"])
def test_values_copied_together_stay_shared(copied, first):
    """What two Values share, in a list or a dict, their copies share, in whatever order."""
    x = Value(3.0, label="x")
    h = x * x
    parts = {"interior": h, "root": h * 2.0, "leaf": x, "other": h.tanh()}
    names = sorted(parts, key=lambda name: name != first)
    for twins in (
        copied({name: parts[name] for name in names}),
        dict(zip(names, copied([parts[name] for name in names]), strict=True)),
    ):
        assert twins["root"].x is twins["other"].x is twins["interior"]
        assert twins["interior"].args == (twins["leaf"], twins["leaf"])
        twins["root"].backward()
        twins["other"].backward()
        assert twins["leaf"].grad != 0.0
    assert x.grad is NOT_COMPUTED


@COPIES
def test_a_deep_graph_can_be_copied(copied):
    """100,000 operations in a row are pickled and copied without recursion."""
    _, z = chain(100_000)
    twin = copied(z)
    assert len(topological_order(twin)) == 200_001
    twin.backward()
    assert twin.grad == 1.0


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol(protocol):
    """A graph goes through each protocol."""
    x = Value(3.0, label="x")
    twin = pickle.loads(pickle.dumps(x * x + 1.0, protocol))
    twin.backward()
    assert (twin.data, twin.x.x.grad) == (10.0, 6.0)


def test_the_pickler_in_python():
    """The pickler in Python (joblib and dill build on it) takes a graph deeper than its stack."""
    _, z = chain(3_000)
    stream = io.BytesIO()
    pickle._Pickler(stream).dump(z)
    twin = pickle.loads(stream.getvalue())
    assert len(topological_order(twin)) == 6_001


def test_a_shallow_copy_shares_its_operands():
    """copy.copy() makes one new Value, with the same operands and operation."""
    x, y = Value(3.0), Value(2.0)
    z = x * y
    z.label = "z"
    twin = copy.copy(z)
    assert twin is not z
    assert (twin.data, twin.label, twin.args, twin.rule) == (6.0, "z", (x, y), z.rule)
    assert twin.grad is NOT_COMPUTED
    twin.backward()
    assert (x.grad, y.grad, z.grad) == (2.0, 3.0, 0.0)


class Stubborn(str):
    """A label that cannot be copied."""

    def __deepcopy__(self, memo):
        raise NotImplementedError


def test_a_failed_copy_does_not_spoil_the_next():
    """While the error of a failed deepcopy is still held, a deep graph can be copied all the same.

    A notebook holds the last error, in sys.last_value.
    """
    h = Value(1.0) * 2.0
    h.label = Stubborn("h")
    with pytest.raises(NotImplementedError) as caught:
        copy.deepcopy(h * 3.0)
    _, z = chain(5_000)
    assert len(topological_order(copy.deepcopy(z))) == 10_001
    del caught


# ---- the generated text ----------------------------------------------------------------------


def test_a_debugger_can_show_the_method_of_an_operation():
    """inspect and linecache have the text that was made from the rule, forward and backward."""
    source = inspect.getsource(Value.tanh)
    assert source.startswith("def tanh(x):\n")
    assert "z.data = tanh(x.data)" in source
    code = Value.tanh.__code__
    assert linecache.getline(code.co_filename, code.co_firstlineno) == "def tanh(x):\n"
    linecache.checkcache()
    pull = inspect.getsource(OPERATIONS["tanh"].pull)
    assert pull.startswith("def pull(z):\n")
    assert "x.grad += g * (1.0 - z.data * z.data)" in pull


def test_a_traceback_shows_the_line_of_the_rule():
    """The frames of a failed operation have their text."""
    with pytest.raises(ZeroDivisionError) as caught:
        Value(1.0) / 0.0
    frame = caught.traceback[-1]
    assert str(frame.statement).strip() == "z.data = x.data / y.data"


# ---- random expressions, beside the obvious implementation ------------------------------------

UNARY = {  # value and derivative, written again
    "tanh": (math.tanh, lambda x: 1.0 / math.cosh(x) ** 2),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "neg": (operator.neg, lambda x: -1.0),
}
BINARY = {
    "add": (operator.add, lambda x, y: (1.0, 1.0)),
    "sub": (operator.sub, lambda x, y: (1.0, -1.0)),
    "mul": (operator.mul, lambda x, y: (y, x)),
}
ON_VALUES = {
    **{"tanh": Value.tanh, "sin": Value.sin, "cos": Value.cos, "neg": operator.neg},
    **{"add": operator.add, "sub": operator.sub, "mul": operator.mul},
}

LEAVES = st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=4)
LINES = st.tuples(st.sampled_from(sorted(ON_VALUES)), st.integers(0, 40), st.integers(0, 3))
PROGRAMS = st.lists(LINES, min_size=1, max_size=30)


def written_out(count, lines, leaves):
    """Return (operation, operand indices) a line, and its data; tanh where a number grows large.

    The operands are any earlier line, and one of the last four: deep, and shared.
    """
    program, data = [], list(leaves)
    for name, any_line, recent in lines:
        operands = (max(0, len(data) - 1 - recent), any_line % len(data))
        if name in BINARY and abs(BINARY[name][0](*(data[k] for k in operands))) > 50.0:
            name = "tanh"
        operands = operands if name in BINARY else operands[:1]
        function = (BINARY if name in BINARY else UNARY)[name][0]
        program.append((name, operands))
        data.append(function(*(data[k] for k in operands)))
    return program, data


@settings(max_examples=200)
@given(LEAVES, PROGRAMS)
def test_random_expressions_agree_with_the_sum_over_paths(leaves, lines):
    """The value is equal to the bit, and the gradient to the sum over all paths of products.

    1e-12 relative to the sum of the paths' magnitudes: 30 lines round each path about 60 times,
    and tanh's derivative, written here in another way, loses 1e-16 of 1.
    """
    program, data = written_out(len(leaves), lines, leaves)
    values = [Value(number) for number in leaves]
    for name, operands in program:
        values.append(ON_VALUES[name](*(values[k] for k in operands)))
    assert [bits(v.data) for v in values] == [bits(number) for number in data]

    @cache
    def paths(line, leaf):
        """Return the sum over the paths from a line down to a leaf, and that of magnitudes."""
        if line < len(leaves):
            return (1.0, 1.0) if line == leaf else (0.0, 0.0)
        name, operands = program[line - len(leaves)]
        at = [data[k] for k in operands]
        partials = BINARY[name][1](*at) if name in BINARY else (UNARY[name][1](*at),)
        total = magnitude = 0.0
        for partial, operand in zip(partials, operands, strict=True):
            below, size = paths(operand, leaf)
            total += partial * below
            magnitude += max(abs(partial), 1e-3) * size
        return total, magnitude

    values[-1].backward()
    for leaf in range(len(leaves)):
        total, magnitude = paths(len(data) - 1, leaf)
        assert abs(values[leaf].grad - total) <= 1e-12 * magnitude


def test_micrograd_s_names_show_the_graph():
    """Drawing code written for micrograd reads _prev and _op: they are args and op."""
    x = Value(2.0)
    y = x * x
    assert (y._prev, y._op) == ((x, x), "*")
    assert (x._prev, x._op) == ((), "")


class Parameter(Value):
    """A Value of a user's own, with more to it."""


def test_a_subclass_takes_default_operands_and_notes():
    """As a Value does."""
    for name in ("leaky_relu", "elu"):
        own, plain = Parameter(-1.0), Value(-1.0)
        getattr(own, name)().backward()
        getattr(plain, name)().backward()
        assert own.grad == plain.grad
    with pytest.raises(ValueError, match="math domain error") as caught:
        Parameter(0.0).log()
    assert caught.value.__notes__ == ["in log with x = 0.0; keep the operand above 0"]


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_a_subclass_comes_back_as_itself(again):
    """With its attributes, below a result too."""
    own = Parameter(2.0, "own")
    own.note = "mine"
    assert type(again(own)) is Parameter
    assert again(own).note == "mine"
    root = again(own * 3.0)
    assert (type(root.x), root.x.data, root.x.label) == (Parameter, 2.0, "own")


def test_none_for_a_number_is_told_by_its_likely_cause():
    """A function that ends without return gives None."""
    with pytest.raises(TypeError, match="takes a real number, not None; end the function with ret"):
        Value(None)
