"""Trace functions: a loss that asks a Value for its number is refused, and nothing is left behind.

Each way to ask is tried on an input, on a parameter, on a Value found outside, and on a result.
"""

import inspect
import math
import operator
import os
import signal
import sys
import threading
import time

import pytest

from microgradnet import functional
from microgradnet.compiling import compile
from microgradnet.engine import Value
from microgradnet.tracing import Traced, trace, varies

COMPARISON, BRANCH = "a comparison", "a branch"
DATA, NUMBER, TEXT = "its data", "a number of it", "its text"

ASKS = {  # a way to ask a Value for its number, and what the error calls it
    "above": (lambda v: v if v > 0 else -v, COMPARISON),
    "at_least": (lambda v: v if v >= 0.0 else -v, COMPARISON),
    "below": (lambda v: v if v < 0 else -v, COMPARISON),
    "at_most": (lambda v: v if v <= 0.0 else -v, COMPARISON),
    "number_on_the_left": (lambda v: v if operator.lt(0.0, v) else -v, COMPARISON),
    "between": (lambda v: v if 0.0 < v < 1.0 else -v, COMPARISON),
    "max": (lambda v: max([v, v * 2.0]), COMPARISON),
    "min": (lambda v: min(v, 0.0), COMPARISON),
    "sorted": (lambda v: sorted([v, -v])[0], COMPARISON),
    "bool": (lambda v: v if bool(v) else -v, BRANCH),
    "if": (lambda v: v if v else -v, BRANCH),
    "not": (lambda v: v * float(not v), BRANCH),
    "or": (lambda v: v or v * 2.0, BRANCH),
    "float": (lambda v: v * float(v), NUMBER),
    "int": (lambda v: v * int(v), NUMBER),
    "round": (lambda v: v * round(v), NUMBER),
    "round_to": (lambda v: v * round(v, 2), NUMBER),
    "math_exp": (lambda v: v * math.exp(v), NUMBER),
    "math_isnan": (lambda v: -v if math.isnan(v) else v, NUMBER),
    "value": (lambda v: v * Value(v.data), DATA),
    "data": (lambda v: v * v.data, DATA),
    "format": (lambda v: v * float(f"{v:.2f}"), TEXT),
    "backward": (lambda v: (v * 2.0).backward() or v, DATA),
    "recompute": (lambda v: (v * 2.0).recompute(), DATA),
}


def where_from(source, ask):
    """Return a loss that asks a Value from there, and the parameters of the loss."""
    weight, outside = Value(0.5, "weight"), Value(0.25, "outside")
    losses = {
        "input": lambda x: ask(x * 1.0 if isinstance(x, float) else x) * weight,
        "parameter": lambda x: ask(weight) * x,
        "result": lambda x: ask((weight * x).tanh()),
        "outside": lambda x: ask(outside) * weight * outside * x,
    }
    return losses[source], [weight]


@pytest.mark.parametrize("source", ["input", "parameter", "result", "outside"])
@pytest.mark.parametrize(("ask", "what"), ASKS.values(), ids=ASKS)
def test_a_number_of_a_traced_value_is_a_type_error(source, ask, what):
    """Whoever asks, and from whatever Value: TypeError, never a frozen branch."""
    loss, parameters = where_from(source, ask)
    parameters[0].grad = 7.0
    program = compile(loss, parameters)
    given = Value(0.75) if source == "input" else 0.75
    with pytest.raises(TypeError, match=f"a traced Value has no number, and {what} would be fixed"):
        program(given)
    assert [type(p) for p in parameters] == [Value]
    assert parameters[0].data == 0.5
    assert program.cache_info() == (0, 0)
    (parameters[0] * 2.0).backward()  # and it is an ordinary Value again
    assert parameters[0].grad == 7.0 + 2.0 or what == DATA


def clipped_by_hand(x, weight):
    """Return a clipped product, in plain Python."""
    product = weight * x
    if product > 1.0:
        product = product * 0.0 + 1.0
    return product


def test_the_error_names_the_line_and_the_operation_to_use():
    """The message has the user's code, file and line, and the operations that do the same."""
    weight = Value(0.5)
    with pytest.raises(TypeError) as caught:
        compile(lambda x: clipped_by_hand(x, weight), [weight])(3.0)
    lines, first = inspect.getsourcelines(clipped_by_hand)
    line = first + next(i for i, text in enumerate(lines) if "if " in text)
    assert f'"if product > 1.0:" ({__file__}, line {line})' in str(caught.value)
    assert "maximum(), minimum(), clip(), relu() or step()" in str(caught.value)


def test_the_error_passes_over_the_package():
    """Where a function of the package asks, the line is the one of the user who called it."""
    weight = Value(0.5)

    def loss(x):
        product = (weight * x).recompute()
        return product

    expected = inspect.getsourcelines(loss)[1] + 1
    with pytest.raises(TypeError, match="has no number") as caught:
        trace(loss, (1.0,), [weight])
    assert f'"product = (weight * x).recompute()" ({__file__}, line {expected})' in str(
        caught.value
    )


def test_a_value_of_a_traced_value_says_to_use_it_as_it_is():
    """Value(v) takes no Value, traced or not."""
    with pytest.raises(TypeError, match=r"takes a real number, not Traced.*; use it as it is"):
        trace(lambda x: Value(x), (1.0,), [])


def test_data_cannot_be_set_while_tracing():
    """A loss that writes to its parameters' data is refused, and writes nothing."""
    weight = Value(0.5)

    def loss(x):
        weight.data = 3.0
        return weight * x

    with pytest.raises(TypeError, match="its data would be fixed"):
        trace(loss, (1.0,), [weight])
    assert weight.data == 0.5


@pytest.mark.parametrize("error", [KeyError, ZeroDivisionError, KeyboardInterrupt])
def test_parameters_are_themselves_after_an_exception(error):
    """Any exception in the function passes through, and the parameters are plain Values again."""
    weight, bias = Value(0.5, "w"), Value(1.5, "b")
    weight.grad = 3.0

    def loss(x):
        assert [type(v) for v in (weight, bias, x)] == [Traced] * 3
        raise error("stop")

    with pytest.raises(error, match="stop"):
        trace(loss, (1.0,), [weight, bias])
    assert [type(v) for v in (weight, bias)] == [Value] * 2
    assert (weight.data, weight.grad, bias.data, bias.grad) == (0.5, 3.0, 1.5, 0.0)


def test_floats_become_values_in_their_places():
    """Floats in nested lists and tuples become traced Values, and all else is what it was."""
    seen = []
    token = object()
    output, leaves = trace(
        lambda *inputs: seen.append(inputs) or Value(0.0),
        ([0.5, (1, 2.5, "text")], None, True, token, Value(3.0)),
        [],
    )
    (nested, none, true, same, value), *_ = seen
    assert leaves == [nested[0], nested[1][1], value]
    assert all(type(v) is Traced for v in leaves)
    assert (type(nested), type(nested[1]), nested[1][0], nested[1][2]) == (list, tuple, 1, "text")
    assert (none, true, same) == (None, True, token)
    assert output.data == 0.0


def test_every_operation_records():
    """Each operation, as a method and as a function, gives a traced Value of that operation."""
    seen = []

    def all_of_them(x, y):
        seen.extend([abs(x), -x, x + y, x - y, x * y, x / y, x**y, x**2, 2**x, 1 - x, 1 / x])
        seen.extend([x.tanh(), x.leaky_relu(), x.elu(2.0), x.clip(0, y), 3 + x, 3 * x])
        seen.extend([functional.tanh(x), functional.maximum(1.0, x), functional.maximum(x, 1)])
        return seen[0]

    trace(all_of_them, (0.5, 2.0), [])
    assert [type(v) for v in seen] == [Traced] * len(seen)
    assert " ".join(v.op for v in seen[:11]) == "abs neg + - * / ** ** ** - /"
    assert seen[12].y.data == 0.01


def test_unary_plus_sum_and_repr_need_no_number():
    """sum() starts from 0 without a node, + is nothing, repr() shows that there is none."""
    output, (x, y) = trace(lambda x, y: sum([+x, y]), (1.0, 2.0), [])
    assert output.args == (x, y)
    assert repr(output) == "Traced(label='', op='+')"


def test_equality_is_identity_as_outside():
    """== of two Values does not ask for a number: it is identity, on a traced one as on any."""
    output, (x,) = trace(lambda x: x if x == x and x != Value(1.0) else None, (1.0,), [])
    assert output is x


@pytest.mark.parametrize(
    ("leaf", "does"),
    [(1.0, True), (Value(1.0), True), (1, False), (True, False), ("1.0", False), (None, False)],
    ids=repr,
)
def test_floats_and_values_vary(leaf, does):
    """Floats and Values vary, and everything else is fixed."""
    assert varies(leaf) is does


def test_a_trace_within_a_trace():
    """A loss that compiles another one inside is traced as if it were written out."""
    weight = Value(0.5)

    def outer(x):
        output, (inner,) = trace(lambda y: y * weight, (2.0,), [weight])
        assert type(weight) is Traced  # still
        assert output.args == (inner, weight)
        return weight * x

    trace(outer, (1.0,), [weight])
    assert type(weight) is Value


def test_threads_compile_one_after_the_other():
    """Losses that share parameters can be compiled in several threads at once."""
    weight = Value(0.5)
    results, errors = {}, []
    start = threading.Barrier(8)

    def work(number):
        def loss(x):
            product = weight * x
            for _ in range(300):
                product = product * 1.0
            return product * number

        try:
            start.wait(10.0)
            results[number] = compile(loss, [weight]).value_and_grad([0.5], 2.0)
        except Exception as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(float(i),)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
    assert results == {float(i): (float(i), [2.0 * i]) for i in range(8)}
    assert type(weight) is Value


def test_an_equation_with_a_number_would_be_fixed() -> None:
    """== is identity, and so False of every number: in a trace it is a branch on one."""
    w = Value(3.0)
    for wrong in (
        lambda x: w * x if x == 1.0 else w,
        lambda x: w * x if x != 1.0 else w,
        lambda x: w * x if x in (1.0, 2.0) else w,
        lambda x: w * x if w == 3.0 else w,
    ):
        with pytest.raises(TypeError, match=r"an equation would be fixed for ever.*give an int"):
            compile(wrong, [w])(2.0)
    assert compile(lambda x: w * x if x is not w and x != w else w, [w])(2.0) == 6.0
    assert compile(lambda x: {x: w * x}[x], [w])(2.0) == 6.0
    with pytest.raises(TypeError, match="its text would be fixed for ever"):
        compile(lambda x: w * len(str(x)), [w])(2.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_waits_for_a_trace() -> None:
    """A process forked while another thread traces has the lock, and parameters with numbers."""
    w, begun = Value(3.0), threading.Event()

    def slow(x):
        begun.set()
        time.sleep(0.2)
        return w * x

    thread = threading.Thread(target=compile(slow, [w]), args=(2.0,))
    thread.start()
    begun.wait()
    process = os.fork()
    if not process:
        signal.alarm(30)
        os._exit(0 if compile(lambda x: w * x, [w])(2.0) == 6.0 else 1)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
