"""Hold the steps to the bits of backward(), to the chain rule, and to leaving nothing behind."""

import copy
import gc
import io
import itertools
import math
import random
import struct
import sys
from collections import Counter, deque
from contextlib import contextmanager, redirect_stdout, suppress

import pytest

from microgradnet import drawing, optim, scalars
from microgradnet.calculus import gradient
from microgradnet.compiling import compile
from microgradnet.engine import OPEN_WALKS, Value, graph, topological_order, zero_grad
from microgradnet.explaining import anomaly, explain, what_if
from microgradnet.lines import record_lines
from microgradnet.operations import NOT_COMPUTED, OPERATIONS, RUNTIME, UNREACHED, unary
from microgradnet.stepping import WIDTH, Step, backward_steps, watch

NAN, INF = math.nan, math.inf
FAILURES = (ArithmeticError, ValueError)


def bits(number):
    """Return the eight bytes of a float: they tell -0.0 from 0.0, and every nan is the same."""
    assert number.__class__ is float, f"{number!r} is a {type(number).__name__}, not a float"
    return struct.pack("<d", NAN if math.isnan(number) else number)


def state(values):
    """Return what can be known of gradients: their bits, and which of the two zeros each is."""
    return [(bits(v.grad), v.grad is NOT_COMPUTED, v.grad is UNREACHED) for v in values]


def drained(root, **options):
    """Go through all steps of a backward and return them."""
    return list(backward_steps(root, **options))


def until_a_failure(root):
    """Yield the steps up to the first derivative that does not exist."""
    with suppress(*FAILURES):
        yield from root.backward_steps()


def outcome(run, values):
    """Return the gradients after a run, or the type and the notes of its error."""
    before = [v.grad for v in values]
    try:
        run()
    except FAILURES as error:
        assert all(v.grad is grad for v, grad in zip(values, before, strict=True))
        return type(error), error.__notes__
    return state(values)


def a_number(rng):
    """Draw a number: an ordinary one, a whole one for ties and edges, a zero, or an extreme one."""
    whole, zero = float(rng.randint(-2, 3)), rng.choice((0.0, -0.0))
    kinds = (
        rng.gauss(0.0, 1.0),
        rng.uniform(0.1, 2.0),
        whole,
        zero,
        rng.choice((1e200, -1e-200, INF, NAN)),
    )
    return rng.choices(kinds, (8, 8, 6, 1, 1))[0]


def random_graph(rng, size):
    """Return a root of that many operations of every kind, where they have a value.

    Operands are shared, and often twice the same; now and then comes a relu that is closed, with
    an infinite gradient behind it. What nothing uses is added up.
    """
    nodes = [Value(a_number(rng), label=rng.choice(("", "p"))) for _ in range(6)]
    used = set()
    while len(nodes) < size:
        rule = OPERATIONS[rng.choice(list(OPERATIONS))]
        x = rng.choice(nodes[-8:])
        y = x if rng.random() < 0.15 else rng.choice(nodes)
        try:
            if rng.random() < 0.03:
                z = (x.minimum(0.0).relu() * 1e200) * 1e200
            else:
                z = rule(x, y) if len(rule.partials) == 2 else rule(x)
        except FAILURES:
            continue
        if abs(z.data) < 1e100 or rng.random() < 0.3:
            nodes.append(z)
            used.update(z.args)
    root, *others = [v for v in nodes if v not in used]
    for v in others:
        root = root + v
    return root


def a_chain(length):
    """Return a leaf, and the end of a chain of that many operations on it."""
    x = z = Value(1.0)
    for _ in range(length):
        z = z * 1.0
    return x, z


@contextmanager
def without_collector():
    """Run a block with the garbage collector off, and nothing left over for it from before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def neuron():
    """Return the Values of Karpathy's neuron by name, as in his lecture; the last is its output."""
    x1, x2, w1, w2 = (Value(x) for x in (2.0, 0.0, -3.0, 1.0))
    b = Value(6.8813735870195432)
    x1w1, x2w2 = x1 * w1, x2 * w2
    x1w1x2w2 = x1w1 + x2w2
    n = x1w1x2w2 + b
    o = n.tanh()
    found = {name: v for name, v in locals().items() if isinstance(v, Value)}
    for name, v in found.items():
        v.label = name
    return found


# ---- the bits of backward ------------------------------------------------------------------------


def test_drained_steps_are_backward_to_the_bit():
    """On 1,000 random graphs of every operation every grad is that of backward(), twice in a row.

    Leaves hold gradients from before, or one of the two zeros. Where backward() fails, the steps
    fail with the same error and notes. The counts show that what is hard has come up.
    """
    rng = random.Random(1)
    seen = Counter()
    for _ in range(1000):
        root = random_graph(rng, rng.randint(8, 36))
        leaves, results = graph(root)
        values = leaves + results
        for v in values:
            v.grad = rng.choice((NOT_COMPUTED, UNREACHED, rng.gauss(0.0, 1.0), -0.0, 1.0))
        earlier = [v.grad for v in values]
        expected = [outcome(root.backward, values) for _ in range(2)]
        for v, grad in zip(values, earlier, strict=True):
            v.grad = grad
        assert [outcome(lambda root=root: drained(root), values) for _ in range(2)] == expected

        seen["failed" if isinstance(expected[0], tuple) else "done"] += 1
        if isinstance(expected[0], list):
            seen.update(z.rule.name for z in results if z.grad is not UNREACHED)
            seen["twice the same"] += any(len({*z.args}) < len(z.args) for z in results)
            seen["unreached"] += any(z.grad is UNREACHED for z in results)
            seen["nan"] += any(math.isnan(v.grad) for v in values)
            seen["inf"] += any(math.isinf(v.grad) for v in values)
    assert all(seen[name] >= 50 for name in OPERATIONS), seen
    special = ("done", "failed", "twice the same", "unreached", "nan", "inf")
    assert all(seen[what] >= 15 for what in special), seen


def test_every_step_is_the_chain_rule_once():
    """A contribution is local * upstream, or 0 at a closed gate, and is added to what was there."""
    rng = random.Random(2)
    seen = Counter()
    for _ in range(300):
        for number, step in enumerate(until_a_failure(random_graph(rng, 30)), start=1):
            assert step.number == number
            assert step.operand is step.node.args[step.index]
            assert step.operation == step.node.op
            assert bits(step.upstream) == bits(step.node.grad)
            assert bits(step.after) == bits(step.operand.grad)
            if step.closed:
                assert step.local == 0.0
                assert bits(step.contribution) == bits(0.0)
                assert step.after is step.before
            else:
                assert bits(step.contribution) == bits(step.local * step.upstream)
                assert bits(step.after) == bits(step.before + step.contribution)
            seen["closed to infinity"] += step.closed and not math.isfinite(step.upstream)
            seen["tie"] += step.local == 0.5 and step.operation in ("maximum", "minimum")
            seen["-0.0"] += bits(step.contribution) == bits(-0.0)
            seen["nan"] += math.isnan(step.contribution)
    assert min(seen[what] for what in ("closed to infinity", "tie", "-0.0", "nan")) >= 10, seen


def test_a_value_passes_its_gradient_on_when_all_that_use_it_have_contributed():
    """Before a node's first step, each result that uses it was told, unless none reaches that."""
    rng = random.Random(3)
    checked = 0
    for _ in range(200):
        root = random_graph(rng, 30)
        uses = {}
        for z in graph(root)[1]:
            for v in z.args:
                uses.setdefault(v, set()).add(z)
        told = set()
        for step in until_a_failure(root):
            if step.node not in told:
                reached = {z for z in uses.get(step.node, ()) if z.grad is not NOT_COMPUTED}
                assert reached <= told
                checked += len(reached)
            told.add(step.node)
    assert checked > 1000


def test_a_leaf_by_itself_has_no_steps():
    """The backward of a leaf has nothing to tell, and adds 1 to what is there."""
    x = Value(7.0)
    x.grad = 2.0
    assert drained(x) == []
    assert x.grad == 3.0


def test_constants_of_an_operation_get_no_step():
    """In x ** 2 no gradient flows to the 2: one step, not two."""
    x = Value(3.0, label="x")
    steps = drained(x**2)
    assert [(s.operand, s.local, s.index) for s in steps] == [(x, 6.0, 0)]


def test_a_value_used_twice_by_one_operation_has_two_steps():
    """x * x at 3 tells both contributions of 3, which add up to 6."""
    x = Value(3.0, label="x")
    told = [(s.index, s.before, s.contribution, s.after) for s in drained(x * x)]
    assert told == [(0, 0.0, 3.0, 3.0), (1, 3.0, 3.0, 6.0)]


# ---- between the steps, and left half-way --------------------------------------------------------


def test_between_steps_a_grad_is_what_has_reached_it():
    """The grads in the loop are the sums so far, without those of an earlier backward()."""
    x = Value(3.0)
    h = x * x
    y = h * x
    y.backward()
    seen = [(x.grad, h.grad, y.grad) for _ in y.backward_steps()]
    assert seen == [(0.0, 3.0, 1.0), (9.0, 3.0, 1.0), (18.0, 3.0, 1.0), (27.0, 3.0, 1.0)]
    assert (x.grad, h.grad, y.grad) == (54.0, 3.0, 1.0)


def test_a_picture_in_the_middle_shows_what_has_been_reached():
    """Cards say "grad ·" up to their first contribution, and then the sum so far."""
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    y = (x * w).tanh()
    y.backward()
    shown = []
    for _ in y.backward_steps():
        source = drawing.draw(y).source
        shown.append(source.count("grad ·"))
        assert source.count(">grad ") + source.count("grad -") > 0
    assert shown == [2, 1, 0]


def leave_by_break(root, number):
    """Break out of the loop over the steps."""
    for step in root.backward_steps():
        if step.number == number:
            break


def leave_by_exception(root, number):
    """Let an exception end the loop, and look at what is left while its traceback is at hand."""
    values = topological_order(root)
    before = [v.grad for v in values]

    def loop():
        for step in root.backward_steps():
            if step.number == number:
                raise KeyError(number)

    with pytest.raises(KeyError) as caught:
        loop()
    assert all(v.grad is grad for v, grad in zip(values, before, strict=True))
    del caught


def leave_by_close(root, number):
    """Close the iterator."""
    steps = root.backward_steps()
    for _ in range(number):
        next(steps)
    steps.close()


def leave_by_throw(root, number):
    """Throw an error into the iterator: it comes out again as it is."""
    steps = root.backward_steps()
    for _ in range(number):
        next(steps)
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        steps.throw(error)
    assert caught.value is error
    assert not hasattr(error, "__notes__")  # it was not in a derivative


def leave_by_dropping(root, number):
    """Forget the iterator."""
    steps = root.backward_steps()
    for _ in range(number):
        next(steps)
    del steps


def leave_by_stale_data(root, number):
    """Change a leaf's data in the loop: the next result that uses it is a RuntimeError."""
    (x, *_), _ = graph(root)
    data = x.data

    def loop():
        for step in root.backward_steps():
            if step.number == number:
                x.data += 1.0

    with pytest.raises(RuntimeError, match="recompute"):
        loop()
    x.data = data


def leave_by_what_watch_does(root, number):
    """Let what watch() calls fail, and look at what is left while the traceback is at hand."""
    values = topological_order(root)
    before = [v.grad for v in values]

    def fail(step):
        raise KeyError(step.number)

    with pytest.raises(KeyError) as caught:
        watch(root, when=lambda step: step.number == number, do=fail)
    assert all(v.grad is grad for v, grad in zip(values, before, strict=True))
    del caught


def leave_by_what_watch_asks(root, number):
    """Let the condition of watch() fail."""
    with pytest.raises(ZeroDivisionError):
        watch(root, when=lambda step: 1 / (step.number - number), do=lambda step: None)


def leave_after_peeping(root, number):
    """Go through all steps without keeping what they have done."""
    assert len(drained(root, keep=False)) > number


WAYS = [
    leave_by_break, leave_by_exception, leave_by_close, leave_by_throw, leave_by_dropping,
    leave_by_stale_data, leave_by_what_watch_does, leave_by_what_watch_asks, leave_after_peeping,
]  # fmt: skip


@pytest.mark.parametrize("leave", WAYS, ids=lambda way: way.__name__)
def test_left_half_way_every_grad_is_what_it_was(leave):
    """After a walk that was not finished every grad is the very object that it was before."""
    rng = random.Random(4)
    x, w, b = (Value(rng.gauss(0.0, 1.0)) for _ in range(3))
    h = (x * w + b).tanh()
    root = (h * h + x * b).exp() * w
    values = topological_order(root)
    for number in (1, 2, 5, 9):
        for grads in ((NOT_COMPUTED, UNREACHED, -0.0), (1.5, NOT_COMPUTED), (NAN, 3.0)):
            for i, v in enumerate(values):
                v.grad = grads[i % len(grads)]
            before = [v.grad for v in values]
            with without_collector():
                leave(root, number)
                assert all(v.grad is grad for v, grad in zip(values, before, strict=True))
    root.backward()  # nothing of it is left for the next one
    after = state(values)
    for v, grad in zip(values, before, strict=True):
        v.grad = grad
    drained(root)
    assert state(values) == after


FAILING = {
    "sqrt at 0": (ZeroDivisionError, "sqrt with x = 0.0; ", lambda x: (x - x).sqrt() * 3.0 + x),
    "x ** 0.5 at 0": (ZeroDivisionError, "** with x = 0.0, y = 0.5", lambda x: (x - x) ** 0.5 + x),
    "x ** y at x < 0": (ValueError, "** with x = -2.0, y = 3.0", lambda x: (-x) ** Value(3.0) * x),
}


@pytest.mark.parametrize("name", FAILING)
def test_an_error_in_a_derivative_changes_no_gradient(name):
    """The steps up to it are told; then every grad is what it was, and one note says where."""
    error, note, make = FAILING[name]
    x = Value(2.0)
    root = make(x)
    values = topological_order(root)
    for i, v in enumerate(values):
        v.grad = (NOT_COMPUTED, 1.5, UNREACHED)[i % 3]
    before = [v.grad for v in values]
    told = []
    with pytest.raises(error) as caught:
        told.extend(root.backward_steps())
    assert all(v.grad is grad for v, grad in zip(values, before, strict=True))
    [found] = caught.value.__notes__
    assert found.startswith(f"in the derivative of {note}")
    assert told
    with pytest.raises(error) as by_backward:
        root.backward()
    assert by_backward.value.__notes__ == [found]


def test_stale_data_is_told_before_anything_is_passed_on():
    """Data that was changed since the forward pass is an error with the node, at its turn."""
    x = Value(3.0, label="width")
    y = x * x
    y.label = "area"
    x.data = 10.0
    with pytest.raises(RuntimeError, match=r"area.*width.*recompute"):
        next(y.backward_steps())
    assert x.grad is NOT_COMPUTED


def test_steps_of_what_is_no_value_are_refused():
    """Of a list, or with names that are none, the call itself fails: no step is needed."""
    with pytest.raises(TypeError, match=r"a Value, not \[\]; pass a result"):
        backward_steps([])
    with pytest.raises(TypeError, match=r"names takes name -> object, not \['x'\]"):
        Value(1.0).tanh().backward_steps(["x"])


# ---- no recursion, no cycles ---------------------------------------------------------------------


def test_a_long_chain_is_stepped_through_and_freed():
    """100,000 operations in a row: no recursion, and nothing for the collector, also half-way."""

    def alive():
        return sum(isinstance(found, Value | Step) for found in gc.get_objects())

    with without_collector():
        others = alive()
        x, z = a_chain(100_000)
        uses = sys.getrefcount(x)
        count = sum(1 for _ in z.backward_steps())
        assert count == 200_000
        assert x.grad == 1.0
        steps = z.backward_steps()
        step = next(steps)
        assert step.formula.startswith("d(")
        assert step.why.endswith("by itself is 1")
        assert str(step)
        del steps, step
        assert sys.getrefcount(x) == uses
        assert x.grad == 1.0
        del x, z
        assert alive() == others
        assert gc.collect() == 0


def test_dropped_steps_and_watches_leave_nothing_for_the_collector():
    """Walks left half-way, walks that fail and watches are freed by reference counts alone."""
    rng = random.Random(5)
    with without_collector():
        for _ in range(20):
            root = random_graph(rng, 20)
            steps = root.backward_steps()
            step = next(steps, None)
            assert step is None or (str(step) and step.why)
            del steps, step
            with suppress(*FAILURES):
                watch(root, when="abs(after) > 1", do=lambda step: None)
        del root
        assert gc.collect() == 0


# ---- in words ------------------------------------------------------------------------------------


NEURON = """\
   1  n.grad        += 0.5 * 1 = 0.5        -> 0.5      d(o)/d(n) = 1 - o ** 2
   2  x1w1x2w2.grad += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(x1w1x2w2) = 1
   3  b.grad        += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(b) = 1
   4  x1w1.grad     += 1 * 0.5 = 0.5        -> 0.5      d(x1w1x2w2)/d(x1w1) = 1
   5  x2w2.grad     += 1 * 0.5 = 0.5        -> 0.5      d(x1w1x2w2)/d(x2w2) = 1
   6  x2.grad       += 1 * 0.5 = 0.5        -> 0.5      d(x2w2)/d(x2) = w2
   7  w2.grad       += 0 * 0.5 = 0          -> 0        d(x2w2)/d(w2) = x2
   8  x1.grad       += -3 * 0.5 = -1.5      -> -1.5     d(x1w1)/d(x1) = w1
   9  w1.grad       += 2 * 0.5 = 1          -> 1        d(x1w1)/d(w1) = x1
"""


def test_the_neuron_of_the_lecture_in_columns():
    """Printed in a loop, the steps are one line each, in columns."""
    o = neuron()["o"]
    printed = io.StringIO()
    with redirect_stdout(printed):
        for step in o.backward_steps():
            print(step)
    assert printed.getvalue() == NEURON


def test_names_come_from_labels_or_from_the_variables():
    """Labelled or named by locals(), the neuron's steps read the same."""
    found = neuron()
    labelled = [str(s) for s in drained(found["o"], keep=False)]
    for v in found.values():
        v.label = ""
    assert [str(s) for s in drained(found["o"], names=found)] == labelled


def test_repr_is_short():
    """repr() is one line with the names and the product, as a watch window has room for."""
    found = neuron()
    step = drained(found["o"])[-1]
    upstream = 1.0 - found["o"].data ** 2
    assert repr(step) == "Step(9: x1w1 -> w1, 2 * 0.5 = 1, grad 1)"
    assert step.upstream == upstream


def test_why_a_node_passes_on():
    """The root is where it starts; any other is complete by those that use it."""
    x = Value(0.5, label="x")
    h = x * 3.0
    h.label = "h"
    parts = [h.exp(), h.sin(), h.cos(), h.tanh(), h.sigmoid()]
    for k, v in enumerate(parts):
        v.label = f"p{k}"
    y = sum(parts)
    y.label = "y"
    why = {step.node: step.why for step in y.backward_steps()}
    assert why[y] == "y is where backward() starts: its gradient by itself is 1"
    assert why[parts[4]] == "p4 is complete: y, which uses it, has contributed"
    assert why[h] == "h is complete: p0, p1, p2 and 2 more, all that use it, have contributed"


@pytest.mark.parametrize(
    ("count", "users"), [(2, "p0, p1"), (3, "p0, p1, p2"), (4, "p0, p1, p2 and 1 more")]
)
def test_why_lists_three_users(count, users):
    """Three results that use a node are listed, and those beyond are counted."""
    h = Value(0.5, "x") * 3.0
    h.label = "h"
    parts = [h.exp() for _ in range(count)]
    for k, v in enumerate(parts):
        v.label = f"p{k}"
    why = {step.node: step.why for step in sum(parts).backward_steps()}
    assert why[h] == f"h is complete: {users}, all that use it, have contributed"


def test_why_names_what_never_contributes():
    """A result behind a closed relu uses the node too, but no gradient comes to it."""
    x = Value(-2.0, label="x")
    h = x * 1.0
    behind = h * 2.0
    h.label, behind.label = "h", "behind"
    y = behind.relu() + h
    why = {step.node: step.why for step in y.backward_steps()}
    assert behind not in why
    assert why[h] == (
        "h is complete: relu(behind)+h, which uses it, has contributed; to behind no gradient came"
    )


def test_long_names_are_cut():
    """A line has 100 characters at the most; the formula itself has them all."""
    x, w = Value(2.0, label="x" * 150), Value(3.0, label="w" * 150)
    step = drained(x * w)[1]
    assert len(str(step)) == WIDTH == 100
    assert str(step).endswith("…")
    assert step.formula == f"d(v2)/d({w.label}) = {x.label}"


@pytest.mark.parametrize(
    ("length", "width", "end"),
    [
        (13, 100, " d(xxxxxxxxxxxxx*w)/d(xxxxxxxxxxxxx) = w"),
        (14, 71, "  local = w"),
        (43, 100, "  local = w"),
        (44, 100, "  local =…"),
    ],
)
def test_a_line_of_100_characters_is_whole(length, width, end):
    """Where it would have one more, the formula's left side goes; where it still has, its end."""
    step = next((Value(2.0, "x" * length) * Value(3.0, "w")).backward_steps())
    assert str(step).endswith(end)
    assert len(str(step)) == width


@pytest.mark.parametrize("label", ["a\nb", "a\x1b[2Jb", "a\u2028b", "a\rb", " "])
def test_a_step_is_one_line_whatever_the_label(label):
    """Control characters and line ends in a label are written out."""
    step = drained(Value(2.0, label=label) * 3.0)[0]
    for text in (str(step), repr(step), step.formula, step.why):
        assert len(text.splitlines()) == 1
        assert text.isprintable()


def test_the_line_of_a_step():
    """It is the one that made the node; without record_lines() there is none."""
    assert [s.line for s in drained(Value(2.0).tanh())] == [None]
    with record_lines():
        y = Value(2.0).tanh()
    [line] = [s.line for s in drained(y)]
    assert (line.file, line.text) == (__file__, "y = Value(2.0).tanh()")


def test_a_step_cannot_be_changed_by_accident():
    """A step tells what was; to write into it is an error."""
    [step] = drained(Value(2.0).tanh())
    with pytest.raises(AttributeError):
        step.contribution = 1.0
    assert step == step
    assert step != copy.copy(step)


# ---- formulas ------------------------------------------------------------------------------------


NUMBERS = (-2.0, -0.5, 0.0, 0.75, 2.0, 3.0)


def pairs(name):
    """Return operands on which an operation has a value: all pairs of NUMBERS, ties included."""
    rule = OPERATIONS[name]
    found = []
    for numbers in itertools.product(NUMBERS, repeat=len(rule.partials)):
        with suppress(*FAILURES):
            found.append(rule(*map(Value, numbers, "ab")))
    return found


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_formula_of_every_operation_is_its_local_derivative(name):
    """Read as Python, with the names standing for the data, the formula gives step.local."""
    compared = 0
    for z in pairs(name):
        z.label = "o"
        numbers = {v.label: v.data for v in (z, *z.args)}
        for step in until_a_failure(z):
            head, _, text = step.formula.partition(" = ")
            assert head == f"d(o)/d({step.operand.label})"
            found = eval(text, vars(scalars) | numbers)
            # Written for people, a formula rounds in other places: 1 - o ** 2 for 1 - o * o.
            assert found == pytest.approx(step.local, rel=1e-14, abs=1e-15), (text, numbers)
            compared += 1
    assert compared >= 3


FORMULAS = {
    "add": ("1", "1"), "sub": ("1", "-1"), "mul": ("b", "a"), "div": ("1 / b", "-o / b"),
    "neg": ("-1",), "abs": ("sign(a)",), "power": ("b * a ** (b - 1)", "o * log(a)"),
    "constant_power": ("b * a ** (b - 1)",), "slope": ("b * (b - 1) * a ** (b - 2)",),
    "exponential": ("o * log(a)",), "exp": ("o",), "log": ("1 / a",), "sqrt": ("0.5 / o",),
    "sin": ("cos(a)",), "tan": ("1 + o * o",), "tanh": ("1 - o ** 2",), "sigmoid": ("o * (1 - o)",),
    "relu": ("(a > 0)",), "maximum": ("(a > b)", "(b > a)"), "minimum": ("(b > a)", "(a > b)"),
    "softplus": ("sigmoid(a)",), "detach": ("0",), "identity": ("1",),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_as_they_are_taught(name):
    """The formulas of the operations that people learn first, by their text."""
    operands = [Value(0.5, label="a"), Value(0.25, label="b")]
    z = OPERATIONS[name](*operands[: len(OPERATIONS[name].partials)])
    z.label = "o"
    assert tuple(s.formula.partition(" = ")[2] for s in drained(z)) == FORMULAS[name]


def test_formulas_at_an_edge():
    """At a tie, at x ** 0 and at 0 ** y the formula is what the derivative is by decree."""
    a, b, zero = Value(2.0, label="a"), Value(2.0, label="b"), Value(0.0, label="zero")
    assert [s.formula for s in drained(a.maximum(b))] == [
        "d(maximum(a, b))/d(a) = (a == b) / 2", "d(maximum(a, b))/d(b) = (a == b) / 2",
    ]  # fmt: skip
    assert drained(zero**0)[0].formula == "d(zero**0)/d(zero) = 0"
    assert drained(zero**b)[1].formula == "d(zero**b)/d(b) = 0"
    one = Value(1.0, label="one")
    assert drained(zero.slope(one))[0].formula == "d(one*zero**(one-1))/d(zero) = 0"


def test_formulas_of_powers_are_worked_out():
    """Where the exponent is a number, so are the first and the second derivative."""
    x = Value(2.0, label="x")
    found = []
    for n in (0, 1, 2, 3, -1, 0.5):
        y = x**n
        found.append([drained(v)[0].formula.partition(" = ")[2] for v in (y, *gradient(y, [x]))])
    assert found == [
        ["0", "0"], ["1", "0"], ["2 * x", "2"], ["3 * x ** 2", "6 * x"],
        ["-1 * x ** (-2)", "2 * x ** (-3)"], ["0.5 * x ** (-0.5)", "-0.25 * x ** (-1.5)"],
    ]  # fmt: skip


def test_formulas_of_operands_without_a_label():
    """An operand is named by what it is, in brackets where Python needs them, and only there."""
    x, w = Value(0.5, label="x"), Value(-2.0, label="w")
    assert [s.formula.partition(" = ")[2] for s in drained((x**2).sin())] == ["cos(x**2)", "2 * x"]
    formulas = {s.formula: s.local for s in drained((x * w - 1.0) ** 2 + (-x) ** 3 * -2.0)}
    found = {text.partition(" = ")[2]: local for text, local in formulas.items()}
    assert {"2 * (x*w-1)", "3 * (-x) ** 2", "(-x)**3", "w", "x"} <= set(found)
    for text, local in found.items():
        assert eval(text, {"x": x.data, "w": w.data}) == local


def test_a_negative_base_is_in_brackets():
    """-2 ** 2 is -4 in Python, and so a base of -2 is written (-2)."""
    [step] = drained(Value(-2.0) ** 3)
    assert step.formula == "d((-2)**3)/d(-2) = 3 * (-2) ** 2"
    assert eval(step.formula.partition(" = ")[2]) == step.local == 12.0


def test_numbers_of_a_rule_keep_their_digits():
    """The 1.0 of a rule is written 1; 1.05 and 2.01 stay."""
    scaled = unary("test_scaled", "1.05 * {x}", "1.05 + 0.0 * ({x} + 1.0 - 2.01)")
    [step] = drained(scaled(Value(2.0, label="x")))
    del OPERATIONS["test_scaled"], RUNTIME["test_scaled"], RUNTIME["test_scaled_rule"]
    assert step.formula.endswith(" = 1.05 + 0 * (x + 1 - 2.01)")


def test_numbers_in_labels_stay():
    """The 1.0 of a rule is written 1, and one in a label stays."""
    [step] = drained(Value(2.0, label="run 1.0").log())
    assert step.formula == "d(log(run 1.0))/d(run 1.0) = 1 / (run 1.0)"


# ---- watch ---------------------------------------------------------------------------------------


def test_watch_is_backward_that_returns_its_hits():
    """The steps where the condition holds come back, and every grad is that of backward()."""
    found = neuron()
    o, values = found["o"], topological_order(found["o"])
    o.backward()
    expected = state(values)
    for v in values:
        v.grad = NOT_COMPUTED
    called = []
    hits = watch(o, when=lambda step: step.local == 1.0, do=called.append)
    assert [s.number for s in hits] == [2, 3, 4, 5, 6]
    assert called == hits
    assert state(values) == expected


CONDITIONS = [
    ("w1", [9]), ("x1w1x2w2", [2]), ("number > 7", [8, 9]), ("abs(contribution) > 0.9", [8, 9]),
    ("after < 0 or number == 1", [1, 8]), ("nan", []), ("inf", []),
]  # fmt: skip


@pytest.mark.parametrize(("when", "numbers"), CONDITIONS, ids=[when for when, _ in CONDITIONS])
def test_watch_takes_a_condition_in_words(when, numbers):
    """A name, a comparison, nan and inf."""
    assert [s.number for s in watch(neuron()["o"], when=when, do=lambda step: None)] == numbers


def test_watch_takes_a_value():
    """It stops where a gradient reaches that Value, each time."""
    x = Value(3.0)
    assert [s.after for s in watch(x * x, when=x, do=lambda step: None)] == [3.0, 6.0]


def test_watch_stops_at_nan_by_itself():
    """Without a condition each nan is a hit: here 0 * inf, beside 1 * inf, which is none."""
    x, zero = Value(1.0, label="x"), Value(0.0, label="zero")
    y = (x * zero).tanh() * 1e200 * 1e200
    [hit] = watch(y, do=lambda step: None)
    assert hit.operand is x
    assert (hit.local, hit.upstream) == (0.0, INF)
    assert math.isnan(x.grad)
    assert zero.grad == INF


def test_watch_names_values_by_the_variables_where_it_is_called():
    """Without names, those of the caller's variables can be used in conditions, and are shown."""
    width, height = Value(2.0), Value(3.0)
    area = width * height
    [hit] = watch(area, when="height", do=lambda step: None)
    assert hit.formula == "d(area)/d(height) = width"
    [hit] = watch(area, when="h", do=lambda step: None, names={"h": height, "w": width})
    assert hit.formula == "d(w*h)/d(h) = w"


def test_what_watch_does_gets_the_step_if_it_needs_one():
    """Functions of a step, of anything, of nothing, of options, and one that does not say it."""
    x = Value(3.0, label="x")
    y = x.tanh()
    called = []

    def options(frame=None, *rest, header=None):
        called.append((frame, header))

    watch(y, when=x, do=lambda: called.append("nothing"))
    watch(y, when=x, do=options)
    [hit] = watch(y, when=x, do=called.append)
    assert called == ["nothing", (None, None), hit]
    queue = deque()  # up to Python 3.12 inspect knows nothing of what its append() takes
    assert watch(y, when=x, do=queue.append) == list(queue)
    printed = io.StringIO()
    with redirect_stdout(printed):
        [hit] = watch(y, when=x, do=print)
    assert printed.getvalue() == f"{hit}\n"


def test_watch_calls_the_hook_of_breakpoint(monkeypatch):
    """By default it is breakpoint(): in the caller's function, at his line, with his names."""
    seen = []

    def hook():
        frame = sys._getframe(1)
        code = frame.f_code
        seen.append((code.co_filename, code.co_name, frame.f_locals["secret"]))
        seen.append(frame.f_locals["step"])

    monkeypatch.setattr(sys, "breakpointhook", hook)
    secret, do = 42, "mine"
    x = Value(3.0)
    [hit] = watch(x.tanh(), when=x)
    here = sys._getframe().f_code
    assert seen == [(here.co_filename, here.co_name, secret), hit]
    assert do == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"when": 3}, r"when a function of a step is true, not 3; try lambda step"),
        ({"when": None}, r"not None"),
        ({"do": "print"}, r"calls a function at each hit, not 'print'; try do=print"),
    ],
    ids=str,
)
def test_what_watch_does_not_take(options, message):
    """It is refused before anything has happened, on a leaf too."""
    for root in (Value(1.0), Value(1.0).tanh()):
        root.grad = 2.0
        with pytest.raises(TypeError, match=message):
            watch(root, **options)
        assert root.grad == 2.0


@pytest.mark.parametrize("when", ["w9", "after >", "open('f')", "after + 1", ""])
def test_conditions_that_are_none(when):
    """A name that is none and what is no comparison are a ValueError, and change nothing."""
    found = neuron()
    with pytest.raises(ValueError, match=r"abs\(after\) > 10"):
        watch(found["o"], when=when, do=print)
    assert all(v.grad is NOT_COMPUTED for v in found.values())


# ---- walks that are left open --------------------------------------------------------------------


def held(count=2):
    """Return a graph of three leaves, and a walk over it that was left after some steps."""
    x, w, b = Value(2.0, "x"), Value(3.0, "w"), Value(1.0, "b")
    y = x * w + b
    steps = y.backward_steps()
    for _ in range(count):
        next(steps)
    return (x, w, b), y, steps


def test_backward_ends_a_walk_that_is_held():
    """The gradients are those of one backward, also when the held walk is dropped afterwards."""
    leaves, y, steps = held()
    y.backward()
    assert [v.grad for v in leaves] == [3.0, 2.0, 1.0]
    del steps
    assert [v.grad for v in leaves] == [3.0, 2.0, 1.0]


def test_another_walk_ends_one_that_is_held():
    """A loop over the steps again, as a notebook's cell that is run twice, starts afresh."""
    leaves, y, steps = held()
    assert len(list(y.backward_steps())) == 4
    steps.close()
    assert [v.grad for v in leaves] == [3.0, 2.0, 1.0]


def test_a_walk_that_was_ended_says_so():
    """It cannot go on, and its error names the result and the remedy."""
    _, y, steps = held()
    y.backward()
    with pytest.raises(RuntimeError, match=r"one backward at a time .* close"):
        next(steps)
    assert list(steps) == []


def test_a_held_walk_over_other_values_goes_on():
    """Two graphs without a Value in common are walked in turn."""
    leaves, _, steps = held()
    others, _, more = held()
    Value(2.0).exp().backward()
    assert len(list(steps)) == len(list(more)) == 2
    assert [v.grad for v in leaves] == [v.grad for v in others] == [3.0, 2.0, 1.0]


def test_to_explain_within_a_walk_does_not_end_it():
    """explain(), what_if() and anomaly() look only, and the loop goes on with its gradients."""
    leaves, y, _ = held(0)
    numbers = []
    for step in y.backward_steps():
        numbers.append(step.number)
        before = [v.grad for v in leaves]
        assert explain(y, leaves[0]).gradient == 3.0
        assert what_if(y, leaves[1], 0.5).actual == 8.0
        assert anomaly(y) is None
        assert [v.grad for v in leaves] == before
    assert numbers == [1, 2, 3, 4]
    assert [v.grad for v in leaves] == [3.0, 2.0, 1.0]


def test_nothing_is_left_open_after_a_walk():
    """Drained, closed, dropped or failed, a walk leaves the register."""
    _, y, steps = held()
    steps.close()
    list(y.backward_steps())
    _, _, dropped = held()
    del dropped
    root = Value(0.0).sqrt()
    with pytest.raises(ZeroDivisionError):
        list(root.backward_steps())
    assert OPEN_WALKS == []


WHY = {"root": r"backward\(\) starts from it", "another": "it is not below the result"}


@pytest.mark.parametrize("which", WHY)
def test_watch_refuses_a_value_that_no_gradient_reaches(which):
    """The result itself, and a Value that is not below it, would never stop it."""
    w = Value(3.0, "w")
    loss = (w * 2.0 - 5.0) ** 2
    with pytest.raises(ValueError, match=rf"reaches .*: {WHY[which]}"):
        watch(loss, when=loss if which == "root" else w - 0.1)
    assert w.grad == 0.0


@pytest.mark.parametrize(
    "act",
    [
        lambda w, loss: zero_grad([w]),
        lambda w, loss: optim.SGD([w], 0.1).zero_grad(),
        lambda w, loss: optim.SGD([w], 0.1).step(),
        lambda w, loss: optim.clip_grad_norm([w], 1.0),
        lambda w, loss: optim.clip_grad_value([w], 1.0),
        lambda w, loss: loss.recompute(),
        lambda w, loss: compile(lambda x: w * x, [w])(7.0),
        lambda w, loss: compile(lambda x: w * x, [w]).over([(7.0,)]),
    ],
)
def test_who_changes_gradients_ends_a_walk_that_was_left_open(act):
    """Gradients are first as they were before it; closed afterwards, it brings nothing back."""

    def made(walked):
        w = Value(2.0)
        loss = (w * 3.0 - 1.0) ** 2
        loss.backward()
        steps = loss.backward_steps()
        if walked:
            next(steps)
        act(w, loss)
        steps.close()
        loss.recompute().backward()
        return w.data, w.grad

    assert made(walked=True) == made(walked=False)
    assert OPEN_WALKS == []
