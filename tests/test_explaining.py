"""Ask for reasons: paths that add up to the gradient, predictions, and the first nan."""

import copy
import gc
import itertools
import math
import random
import struct

import pytest

from microgradnet import nn
from microgradnet.engine import Value, graph, topological_order
from microgradnet.explaining import LINES, PATHS, anomaly, explain, what_if
from microgradnet.lines import record_lines
from microgradnet.operations import NOT_COMPUTED, OPERATIONS, UNREACHED

NAN, INF = math.nan, math.inf
FAILURES = (ArithmeticError, ValueError)


def bits(number):
    """Return the eight bytes of a float: they tell -0.0 from 0.0."""
    return struct.pack("<d", number)


def random_graph(rng, size):
    """Return leaves, and a root of that many operations on them, with shared operands."""
    leaves = [Value(rng.choice((rng.gauss(0.0, 1.0), 1.0, 0.0)), f"p{k}") for k in range(3)]
    nodes = list(leaves)
    rules = [op for name, op in OPERATIONS.items() if name not in ("exponential", "greater")]
    while len(nodes) < size:
        rule = rng.choice(rules)
        operands = [rng.choice(nodes[-4:]), rng.choice(nodes)][: len(rule.partials)]
        try:
            z = rule(*operands)
        except FAILURES:
            continue
        if abs(z.data) < 1e3:
            nodes.append(z)
    return leaves, nodes[-1]


def diamonds(count):
    """Return a leaf, and the end of a chain of x = x + x: 2 ** count paths, and that gradient."""
    x = z = Value(1.0, label="x")
    for _ in range(count):
        z = z + z
    return x, z


# ---- explain: the sum over paths -----------------------------------------------------------------


def test_products_along_the_paths_add_up_to_the_gradient():
    """On random small graphs the paths' products sum to the grad of backward(), to 1e-12.

    The sum is in another order than in backward(), and may cancel: hence the absolute part, a share
    of the largest product.
    """
    rng = random.Random(1)
    listed = longest = 0
    for _ in range(400):
        _, root = random_graph(rng, 12)
        try:
            root.backward()
        except FAILURES:
            continue
        for target in topological_order(root):
            found = explain(root, target)
            assert found.root is root
            assert found.target is target
            assert bits(found.gradient) == bits(explain(root, target).gradient)
            if target.rule or target is root:
                assert bits(found.gradient) == bits(target.grad)
            if not found.paths:
                continue
            products = [product for _, _, product in found.paths]
            assert found.gradient == pytest.approx(
                math.fsum(products), rel=1e-12, abs=1e-12 * max(map(abs, products))
            )
            assert len(found.paths) == found.count
            listed += 1
            for values, factors, product in found.paths:
                assert (values[0], values[-1]) == (root, target)
                assert len(factors) == len(values) - 1
                assert all(v in z.args for z, v in itertools.pairwise(values))
                assert product in (0.0, math.prod(factors))
                longest = max(longest, len(factors))
    assert listed > 500
    assert longest >= 6


def test_each_path_is_listed_once_in_order():
    """The neuron of the front page, and a leaf that is reached in three ways."""
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
    y = (x * w + b).tanh()
    y.label = "y"
    assert str(explain(y, w)) == (
        "d(y)/d(w) = 0.8399486832280523\n  y <- x*w+b <- x*w <- w: 0.42 * 1 * 2 = 0.8399"
    )
    h = x * x
    z = h * x
    h.label, z.label = "h", "z"
    assert repr(explain(z, x)) == (
        "d(z)/d(x) = 12.0, the sum over 3 paths\n"
        "  z <- x: 4 = 4\n"
        "  z <- h <- x: 2 * 2 = 4\n"
        "  z <- h <- x: 2 * 2 = 4"
    )
    paths = explain(z, x).paths
    assert {tuple(values) for values, _, _ in paths} == {(z, x), (z, h, x)}


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda x: x * x, 2),
        (lambda x: x * x * x, 3),
        (lambda x: (x + 1.0) * (x - 1.0), 2),
        (lambda x: x**2, 1),
        (lambda x: (x * x) * (x * x), 4),
        (lambda x: sum(x * k for k in range(1, 21)), 20),
    ],
    ids=["x*x", "x*x*x", "sum times difference", "x**2", "square of a square", "a fan of twenty"],
)
def test_paths_are_counted_with_their_multiplicity(make, count):
    """Both edges of x * x are paths of their own."""
    x = Value(3.0, label="x")
    found = explain(make(x), x)
    assert found.count == len(found.paths) == count


def test_a_leaf_that_is_reached_by_one_path_more_than_are_listed():
    """20 paths are listed, 21 are not; the count is there in both cases."""
    x = Value(3.0, label="x")
    y = sum(x * k for k in range(1, PATHS + 2))
    y.label = "y"
    found = explain(y, x)
    assert found.paths == []
    assert found.count == PATHS + 1 == 21
    head, *lines = str(found).splitlines()
    assert head == (
        "d(y)/d(x) = 231.0, over 21 paths, too many to list: what flows along each edge"
    )
    assert len(lines) == LINES + 1 == 41
    assert lines[-1] == "      and 21 smaller contributions"  # of 20 additions and 21 products


def test_2_to_the_60_paths_are_counted_at_once():
    """Sixty doublings: the exact gradient, the number of paths, and the largest contributions."""
    x, z = diamonds(60)
    found = explain(z, x)
    assert found.gradient == 2.0**60
    assert found.count == 2**60
    assert found.paths == []
    head, *lines = str(found).splitlines()
    assert head.startswith("d(v58+v58+(v58+v58))/d(x) = 1.152921504606847e+18, over ")
    assert f"over {2**60:,} paths, too many to list" in head
    assert len(lines) == LINES + 1
    numbers = [int(line.split()[0]) for line in lines[:-1]]
    assert numbers == list(range(81, 121))  # the largest, in the order of backward()
    assert lines[-2].split()[1:7] == ["x.grad", "+=", "1", "*", "5.765e+17", "="]
    assert lines[-1] == "      and 80 smaller contributions"


def test_a_count_of_paths_that_python_refuses_to_print():
    """2 ** 15,000 paths have more than 4,300 digits: the text gives the power of ten."""
    x = z = Value(0.0, label="x")
    for _ in range(15_000):
        z = (z + z) * 0.5
    found = explain(z, x)
    assert found.gradient == 1.0
    assert found.count == 2**15_000
    assert ", over about 10^4515 paths, too many to list" in str(found)


def test_a_path_of_100_000_operations():
    """A long path is followed without recursion, and its text too."""
    x = z = Value(1.0, label="x")
    for _ in range(100_000):
        z = z * 1.0
    found = explain(z, x)
    [(values, factors, product)] = found.paths
    assert (len(values), len(factors), product) == (100_001, 100_000, 1.0)
    assert len(str(found).splitlines()) == 2


def test_a_leaf_that_is_not_below():
    """A Value from elsewhere has the derivative 0, and the text says why."""
    y = Value(2.0, label="x").tanh()
    y.label = "y"
    other = Value(3.0, label="other")
    found = explain(y, other)
    assert (found.gradient, found.count, found.paths) == (0.0, 0, [])
    assert str(found) == "d(y)/d(other) = 0.0: y was not computed from it"


def test_the_root_itself():
    """A Value's derivative by itself is 1, of a result and of a leaf."""
    x = Value(2.0, label="x")
    y = x.tanh()
    y.label = "y"
    assert str(explain(y, y)) == "d(y)/d(y) = 1.0, as that of every Value by itself"
    assert str(explain(x, x)) == "d(x)/d(x) = 1.0, as that of every Value by itself"


def test_behind_a_closed_gate():
    """Where a relu is closed, the text names it: the gradient is 0 because of that."""
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    h = w * x
    h.label = "h"
    y = h.relu() + x
    y.label = "y"
    found = explain(y, w)
    assert (found.gradient, found.paths) == (0.0, [])
    assert str(found) == (
        "d(y)/d(w) = 0.0: no gradient comes through\n  closed: d(relu(h))/d(h) = (h > 0) = 0"
    )
    assert str(explain(y, h)) == "d(y)/d(h) = 0.0\n  y <- relu(h) <- h: 1 * 0 = 0"


def test_behind_a_detach():
    """A detach lets nothing through, and is named."""
    w = Value(-3.0, label="w")
    y = (w * 2.0).detach() * 3.0
    assert str(explain(y, w)) == (
        "d(detach(w*2)*3)/d(w) = 0.0: no gradient comes through\n"
        "  closed: d(detach(w*2))/d(w*2) = 0"
    )


def test_a_closed_gate_in_the_middle_of_a_path_stops_infinity():
    """A path through a closed relu counts 0, though its other factors are infinite."""
    x = Value(-2.0, label="x")
    h = x * 1.0
    y = (h.relu() * 1e200) * 1e200 + h
    found = explain(y, x)
    assert found.gradient == 1.0
    assert sorted(product for _, _, product in found.paths) == [0.0, 1.0]
    [factors] = [factors for _, factors, product in found.paths if product == 0.0]
    assert math.isnan(math.prod(factors))


def test_a_factor_of_zero_that_is_no_gate_keeps_infinity():
    """0 * inf is nan in backward(), and so it is in the path."""
    x, zero = Value(1.0, label="x"), Value(0.0)
    y = (x * zero).tanh() * 1e200 * 1e200
    found = explain(y, x)
    assert math.isnan(found.gradient)
    [(_, _, product)] = found.paths
    assert math.isnan(product)


def test_nan_is_among_the_contributions_that_are_shown():
    """Of more than forty edges those with nan come first, then the largest."""
    x, z = diamonds(25)
    y = x * Value(0.0)
    z = z + (y * 1e200) * 1e200
    text = str(explain(z, x))
    assert "over 33,554,433 paths" in text
    assert " = nan " in text


def test_names_of_variables():
    """Without labels, locals() names the Values."""
    x, w = Value(2.0), Value(-3.0)
    y = x * w
    assert str(explain(y, w, names=locals())) == "d(y)/d(w) = 2.0\n  y <- w: 2 = 2"


def test_a_parameter_of_a_network():
    """A weight of the first layer: as many paths as there are ways through open neurons."""
    model = nn.MLP(2, [3, 3, 1], activation="tanh", seed=1)
    y = model([0.5, -1.0])
    y.backward()
    p = model.parameters()[0]
    found = explain(y, p)
    assert found.count == 3
    assert bits(found.gradient) == bits(p.grad)
    assert str(found).count("layers.0.neurons.0.w.0") == 4


@pytest.mark.parametrize("arguments", [(3.0, 4.0), (Value(1.0), "x"), ([], Value(1.0))], ids=str)
def test_what_is_no_value_is_refused(arguments):
    """Text, numbers and lists are a TypeError that says what is taken."""
    with pytest.raises(TypeError, match="takes a result and a Value below it, not"):
        explain(*arguments)
    with pytest.raises(TypeError):
        what_if(*arguments, 0.1)


# ---- nothing is changed --------------------------------------------------------------------------


def asked(root, target):
    """Ask every question about a result, with its texts."""
    return [str(explain(root, target)), str(what_if(root, target, 0.25)), str(anomaly(root))]


def test_no_question_changes_anything():
    """Grads stay the objects that they were, data too, whatever is asked or raised."""
    rng = random.Random(2)
    answered = failed = 0
    for _ in range(200):
        _, root = random_graph(rng, 14)
        values = topological_order(root)
        for v in values:
            v.grad = rng.choice((NOT_COMPUTED, UNREACHED, -0.0, rng.gauss(0.0, 1.0)))
        before = [(v.grad, v.data, v.label) for v in values]
        try:
            asked(root, rng.choice(values))
            answered += 1
        except FAILURES as error:
            failed += 1
            del error
        for v, (grad, data, label) in zip(values, before, strict=True):
            assert v.grad is grad
            assert v.data is data
            assert v.label is label
    assert answered > 100
    assert failed > 5


def test_answers_leave_nothing_for_the_collector():
    """Explanations, predictions and reports are freed by reference counts alone."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            x = Value(0.5, label="x")
            answers = asked((x * x).tanh() + x, x)
            hit = anomaly((x * 1e200) * 1e200)
            assert str(hit)
            del answers, hit, x
        assert gc.collect() == 0
    finally:
        gc.enable()


# ---- what_if -------------------------------------------------------------------------------------


def test_predicted_and_actual():
    """x ** 3 at 2, by 0.5: the gradient of 12 predicts 14, and what happens is 15.625."""
    x = Value(2.0, label="x")
    y = x**3
    y.label = "y"
    found = what_if(y, x, 0.5)
    assert (found.root, found.target, found.start, found.change) == ("y", "x", 2.0, 0.5)
    assert (found.gradient, found.before, found.predicted, found.actual) == (
        12.0,
        8.0,
        14.0,
        15.625,
    )
    assert (
        str(found)
        == repr(found)
        == (
            "x: 2 -> 2.5, by 0.5\n"
            "  the gradient predicts  y: 8 -> 14, by 6\n"
            "  what happens           y: 8 -> 15.62, by 7.625"
        )
    )


def test_actual_is_the_graph_built_again():
    """On random graphs, of leaves and of results alike, to the bit."""
    rng = random.Random(3)
    compared = 0
    for _ in range(300):
        seed = rng.random()
        leaves, root = random_graph(random.Random(seed), 12)
        target = rng.choice(leaves)
        change = rng.choice((0.1, -0.5, 1e-6))
        try:
            found = what_if(root, target, change)
        except FAILURES:
            continue
        assert found.predicted == root.data + found.gradient * change
        again = copy.deepcopy(root)
        places = [i for i, v in enumerate(topological_order(root)) if v is target]
        for i in places:
            topological_order(again)[i].data += change
        again.recompute()
        assert bits(found.actual) == bits(again.data)
        compared += found.actual != root.data
    assert compared > 50


def test_a_result_in_the_middle_as_the_target():
    """Of a result what it was computed from stays, and what is above follows."""
    x = Value(2.0, label="x")
    h = x * 3.0
    h.label = "h"
    y = h * h + x
    found = what_if(y, h, 1.0)
    assert (found.start, found.before) == (6.0, 38.0)
    assert (found.gradient, found.predicted, found.actual) == (12.0, 50.0, 51.0)


def test_the_root_as_the_target():
    """A change of the result itself is that change."""
    y = Value(2.0).tanh()
    found = what_if(y, y, 0.5)
    assert found.actual == found.predicted == y.data + 0.5


def test_a_target_that_is_not_below():
    """What the result was not computed from changes nothing."""
    y = Value(2.0).tanh()
    found = what_if(y, Value(1.0, label="other"), 5.0)
    assert found.actual == found.predicted == found.before == y.data


def test_through_a_closed_relu_the_prediction_is_nothing():
    """The gradient says 0, and a large change says otherwise."""
    x = Value(-1.0, label="x")
    y = (x * 2.0).relu() * 3.0
    assert (what_if(y, x, 0.1).predicted, what_if(y, x, 0.1).actual) == (0.0, 0.0)
    assert (what_if(y, x, 2.0).predicted, what_if(y, x, 2.0).actual) == (0.0, 6.0)


def test_a_change_that_cannot_be_computed():
    """The logarithm of what becomes negative: Python's error, with the number that it would be."""
    x = Value(2.0, label="x")
    y = (x - 1.0).log()
    with pytest.raises(ValueError, match=r"math domain error|positive") as caught:
        what_if(y, x, -5.0)
    [note] = caught.value.__notes__
    assert note == "in what_if(), log with x-1 = -4.0; keep the operand above 0"
    assert (x.data, x.grad) == (2.0, 0.0)


def test_a_change_that_is_no_number():
    """A Value or text is a TypeError, and nothing was computed with it."""
    x = Value(2.0, label="x")
    for change in (Value(1.0), "1", None, [1.0]):
        with pytest.raises(TypeError, match="takes a number as change, not"):
            what_if(x * x, x, change)


# ---- anomaly -------------------------------------------------------------------------------------


def test_nothing_to_report():
    """Where all is finite, there is None: on a leaf, on a neuron, at the edge of a relu."""
    x = Value(-2.0, label="x")
    assert anomaly(x) is None
    assert anomaly((x * 3.0).tanh()) is None
    assert anomaly((x + 2.0).relu() * 1e300) is None


def test_the_first_infinity_of_the_forward_pass():
    """The operation, its operands with their names, the remedy; not what followed from it."""
    x = Value(1e200, label="x")
    big = x * x
    big.label = "big"
    y = (big - big) * 0.0 + 1.0
    found = anomaly(y)
    assert (found.where, found.node, found.number) == ("forward", big, INF)
    assert (
        str(found)
        == repr(found)
        == found.report
        == (
            "in the forward pass, big is inf\n"
            "  operation  * with x = 1e+200, x = 1e+200\n"
            "  remedy     check the operands"
        )
    )


def test_infinity_that_is_hidden_by_the_result():
    """inf - inf is reported at the first inf, also where the result is finite again."""
    x = Value(1e200, label="x")
    y = (x * x).tanh() + 1.0
    assert y.data == 2.0
    found = anomaly(y)
    assert (found.where, found.number) == ("forward", INF)
    assert found.node.op == "*"


def test_the_operands_of_the_first_anomaly_are_fine():
    """On random graphs with large numbers: all operands of what is reported are finite."""
    rng = random.Random(4)
    reported = 0
    for _ in range(200):
        nodes = [Value(rng.choice((1e150, -1e155, 1e155, 1.5)), f"p{k}") for k in range(4)]
        for _ in range(12):
            x, y = rng.choice(nodes), rng.choice(nodes[-4:])
            nodes.append(rng.choice((x * y, x * y, x + y, x - y)))
        found = anomaly(nodes[-1])
        if found and found.where == "forward":
            reported += 1
            assert not math.isfinite(found.node.data)
            assert all(math.isfinite(v.data) for v in found.node.args)
        elif found is None:
            assert all(math.isfinite(v.data) for v in topological_order(nodes[-1]))
    assert reported > 50


@pytest.mark.parametrize("data", [NAN, INF, -INF])
def test_a_leaf_that_came_so(data):
    """A nan among the data is the first: the report says that it came from outside."""
    x, w = Value(data, label="x"), Value(2.0, label="w")
    found = anomaly((w * 3.0) * x)
    assert found.node is x
    assert str(found) == (
        f"in the forward pass, x is {data!r}\n"
        "  operation  none: it is a leaf, and came so from outside\n"
        "  remedy     check the data and the parameters before the pass"
    )


def test_a_gradient_that_overflows():
    """The forward pass is fine, and on the way back 1e200 * 1e200 is infinite."""
    x = Value(1e-300, label="x")
    h = x * 1e200
    h.label = "h"
    y = h * 1e200
    y.label = "y"
    found = anomaly(y)
    assert (found.where, found.node, found.number) == ("backward", h, INF)
    assert str(found) == (
        "in the backward pass, the gradient of x is inf: 0.0 + 1e+200 * 1e+200, "
        "with d(h)/d(x) = 1e+200\n"
        "  operation  * with x = 1e-300, 1e+200\n"
        "  remedy     check the operands"
    )


def test_infinities_that_add_up_to_nan_are_reported_at_the_first():
    """inf - inf in a gradient: the first inf is reported, not the nan."""
    x = Value(1e-300, label="x")
    y = x * 1e200 * 1e200 - x * 1e200 * 1e200
    found = anomaly(y)
    assert found.where == "backward"
    assert math.isinf(found.number)
    assert math.isfinite(found.node.grad)


def test_a_derivative_that_does_not_exist():
    """The root of 0: Python's error, where it is, and the remedy; nothing is raised."""
    x = Value(0.0, label="x")
    y = x.sqrt() * 3.0
    found = anomaly(y)
    assert (found.where, found.node) == ("backward", y.args[0])
    assert math.isnan(found.number)
    first, *others = str(found).splitlines()
    assert first.startswith("in the backward pass, no derivative of sqrt(x): ")
    assert others == ["  operation  sqrt with x = 0.0", "  remedy     keep the operand above 0"]


def test_of_two_roots_of_zero_the_one_that_a_gradient_reaches():
    """Behind a closed relu a derivative that does not exist is no fault: the other one is."""
    a, b = Value(0.0, label="a"), Value(0.0, label="b")
    for y in (b.sqrt() + a.sqrt().relu(), a.sqrt().relu() + b.sqrt()):
        found = anomaly(y)
        assert found.node.args == (b,)
    assert anomaly(a.sqrt().relu() * 2.0) is None


def test_the_line_that_made_it():
    """Where lines were recorded, the report has the file, the number, the function, the code."""
    with record_lines():
        x = Value(1e200, label="x")
        y = x * x  # the culprit
    number = test_the_line_that_made_it.__code__.co_firstlineno + 4
    lines = str(anomaly(y)).splitlines()
    assert lines[2] == (
        f"  line       test_explaining.py:{number} in test_the_line_that_made_it: "
        "y = x * x  # the culprit"
    )


def test_stale_data_is_no_anomaly():
    """Data that was changed since the forward pass is the error that it is in backward()."""
    x = Value(3.0)
    y = x * x
    x.data = 4.0
    for question in (anomaly, lambda root: explain(root, x), lambda root: what_if(root, x, 1.0)):
        with pytest.raises(RuntimeError, match="recompute"):
            question(y)


def test_anomaly_of_what_is_no_value():
    """A list of outputs is refused: a result is one Value."""
    with pytest.raises(TypeError, match=r"a Value, not \[1.0\]; pass a result"):
        anomaly([1.0])


def test_graphs_with_a_leaf_alone():
    """graph() of a leaf has no results; each question has an answer."""
    x = Value(2.0, label="x")
    assert graph(x) == ([x], [])
    assert [text.splitlines()[0] for text in asked(x, x)] == [
        "d(x)/d(x) = 1.0, as that of every Value by itself", "x: 2 -> 2.25, by 0.25", "None",
    ]  # fmt: skip


def test_closed_ways_are_named_beside_the_open_ones():
    """Of two ways one is behind a closed relu: the other is a line, and the gate another."""
    x = Value(-1.0, "x")
    h1, h2 = (x * 2.0).relu(), (x * -2.0).relu()
    found = explain(h1 * 0.5 + h2 * 0.25, x)
    assert found.gradient == -0.5
    assert str(found).splitlines()[-1] == "  closed: d(relu(x*2))/d(x*2) = (x*2 > 0) = 0"
    assert len(str(found).splitlines()) == 3
