"""Remember the line that made each Value: the user's, in any thread, and at no cost when off."""

import builtins
import copy
import importlib.util
import inspect
import linecache
import pickle
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType

import pytest

from microgradnet import functional, losses, nn
from microgradnet.calculus import grad, gradient
from microgradnet.compiling import compile
from microgradnet.engine import Value, topological_order
from microgradnet.lines import PACKAGE, Line, record_lines, user_frame
from microgradnet.operations import OPERATIONS, RUNTIME

ORIGINAL = Value.__init__


@pytest.fixture(autouse=True)
def off():
    """Begin and end each test with nothing recorded, and with the methods as they were."""
    assert is_off()
    yield
    record_lines(False)
    assert is_off()


def is_off():
    """Return whether the two names that Values are made by are the original ones."""
    return (
        RUNTIME["new"] is object.__new__
        and Value.__init__ is ORIGINAL
        and isinstance(ORIGINAL, FunctionType)
        and ORIGINAL.__module__ == "microgradnet.engine"
        and Value(1.0).line is None
        and Value(1.0).tanh().line is None
    )


def marked(function, mark):
    """Return the number of the line of a function that a comment marks."""
    lines, first = inspect.getsourcelines(function)
    [number] = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(f"# {mark}")]
    return number


# ---- on and off ----------------------------------------------------------------------------------


def test_a_block():
    """Values that are made in the block have their line, those before and after have none."""
    before = Value(1.0)
    with record_lines():
        x = Value(2.0)  # leaf
        y = x * x  # result
    after = x * y
    me = test_a_block
    assert before.line is after.line is None
    assert x.line == (__file__, marked(me, "leaf"), "test_a_block")
    assert y.line == Line(__file__, marked(me, "result"), "test_a_block")
    assert y.line.text == "y = x * x  # result"
    assert str(y.line) == (f"test_lines.py:{y.line.number} in test_a_block: y = x * x  # result")


def test_a_call_lasts_until_it_is_ended():
    """record_lines() stays on; record_lines(False) ends it, and again is no fault."""
    record_lines()
    assert Value(1.0).line
    assert (Value(1.0) * 2.0).line
    record_lines(False)
    assert is_off()
    record_lines(False)
    assert is_off()


def test_blocks_in_blocks():
    """An inner block's end leaves the outer one on."""
    with record_lines():
        with record_lines():
            assert Value(1.0).line
        assert Value(1.0).line
        assert Value(1.0).exp().line
    assert is_off()


def test_a_block_within_a_call():
    """A block's end leaves on what a call has begun."""
    record_lines()
    with record_lines():
        pass
    assert Value(1.0).line


def test_ended_within_a_block():
    """record_lines(False) ends the blocks around it; what begins afterwards is its own."""
    with record_lines():
        record_lines(False)
        assert is_off()
        record_lines()
    assert Value(1.0).line  # the block's end ends the block alone
    with record_lines(False):
        assert is_off()
        record_lines()
    assert Value(1.0).line


def test_an_exception_ends_a_block():
    """A block that fails is off, and the exception goes on."""
    with pytest.raises(ZeroDivisionError), record_lines():
        _ = Value(1.0) / 0.0
    assert is_off()


def test_many_blocks_one_after_another():
    """Off is as it was, however often it went on."""
    for _ in range(100):
        with record_lines():
            assert Value(1.0).line
        assert is_off()


# ---- whose line ----------------------------------------------------------------------------------


def test_every_operation_has_the_line_of_its_caller():
    """As a method, as a function, as an operator from both sides; constants as their result."""
    me = test_every_operation_has_the_line_of_its_caller
    with record_lines():
        for rule in OPERATIONS.values():
            operands = [Value(0.75), Value(0.5)][: len(rule.partials)]
            made = [rule(*operands), rule.method(*operands)]  # operation
            assert {v.line.number for v in made} == {marked(me, "operation")}
        x = Value(2.0)
        made = [x + 1, 1 - x, 2**x, x**2, -x, abs(x), x / x, x.clip(0, 1), 3 * x]  # operators
        for v in made:
            for each in {*topological_order(v)} - {x}:
                assert each.line == (__file__, marked(me, "operators"), me.__name__)


def test_through_the_package_it_is_the_users_line():
    """Of what functional, nn, losses and calculus make, the user's call is the line."""
    me = test_through_the_package_it_is_the_users_line
    model = nn.MLP(2, [3, 2], seed=1)
    x = Value(0.5)

    def cube(v):
        return v**3  # cube

    with record_lines():
        logits = model([x, 1.0])  # network
        loss = losses.cross_entropy(logits, 1)  # loss
        mean = functional.mean([x, x, loss])  # mean
        (slope,) = gradient(mean, [x])  # gradient
        made = nn.MLP(2, [2, 1], seed=2)  # parameters
        third = grad(cube)(x)  # derivative
    known = {x, *model.parameters()}
    for values, mark in (
        (logits, "network"), ([loss], "loss"), ([mean], "mean"), ([slope], "gradient"),
    ):  # fmt: skip
        for v in {v for each in values for v in topological_order(each)} - known:
            assert v.line == (__file__, marked(me, mark), me.__name__)
            known.add(v)
    assert {p.line.number for p in made.parameters()} == {marked(me, "parameters")}
    lines = {(v.line.number, v.line.function) for v in {*topological_order(third)} - {x}}
    assert lines <= {(marked(me, "derivative"), me.__name__), (marked(me, "cube"), "cube")}
    assert third.line


def test_a_file_beside_the_package_is_the_users():
    """A folder whose name begins as the package's does is not the package."""
    beside = PACKAGE.rstrip("/\\") + "_of_mine.py"
    code = "def here(frame):\n    import sys\n    return frame(sys._getframe(0))\n"
    space = {}
    exec(builtins.compile(code, beside, "exec"), space)
    assert space["here"](user_frame).f_code.co_filename == beside


def test_the_line_of_a_helper_is_the_innermost_of_the_user():
    """In a function of the user's the line is there, not where that is called."""
    me = test_the_line_of_a_helper_is_the_innermost_of_the_user

    def helper(v):
        return v.tanh()  # helper

    with record_lines():
        y = helper(Value(1.0))
    assert y.line == (__file__, marked(me, "helper"), "helper")


def test_a_loop_of_sum_and_of_a_comprehension():
    """sum() and comprehensions are the user's line too."""
    me = test_a_loop_of_sum_and_of_a_comprehension
    x = Value(2.0)
    with record_lines():
        total = sum(v * 2.0 for v in [x, x, x])  # sum
        listed = [v.exp() for v in [x]]  # comprehension
    for v in {*topological_order(total)} - {x}:
        assert v.line.number == marked(me, "sum")
    assert listed[0].line.number == marked(me, "comprehension")


def test_text_of_a_line_that_cannot_be_read():
    """Code from nowhere has no text, and its line is shown without."""
    space = {"Value": Value}
    with record_lines():
        exec("\n\nv = Value(1.0)", space)
    line = space["v"].line
    assert line == ("<string>", 3, "<module>")
    assert line.text == ""
    assert str(line) == "<string>:3 in <module>"


def test_text_of_a_line_that_ends_in_a_colon():
    """The code is shown whole."""
    linecache.cache["colon.py"] = (1, None, ["if v > 0:\n"], "colon.py")
    assert str(Line("colon.py", 1, "f")) == "colon.py:1 in f: if v > 0:"
    del linecache.cache["colon.py"]


# ---- threads -------------------------------------------------------------------------------------


def test_it_counts_for_all_threads():
    """A Value that is made in another thread has its line, until the block ends."""
    started, ended, found = threading.Event(), threading.Event(), []

    def elsewhere():
        found.append(Value(1.0))  # while on
        started.set()
        assert ended.wait(20)
        found.append(Value(1.0))

    with record_lines():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        assert started.wait(20)
    ended.set()
    thread.join()
    on, off = found
    assert on.line == (__file__, marked(test_it_counts_for_all_threads, "while on"), "elsewhere")
    assert off.line is None


def test_it_stays_on_while_any_thread_has_it_on():
    """Of two overlapping blocks in two threads the first's end leaves the second's on."""
    inside, leave, found = threading.Event(), threading.Event(), []

    def elsewhere():
        with record_lines():
            inside.set()
            assert leave.wait(20)
            found.append(Value(1.0).line)

    with record_lines():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        assert inside.wait(20)
    assert Value(1.0).line
    leave.set()
    thread.join()
    assert found[0].function == "elsewhere"
    assert is_off()


def test_eight_threads_each_with_its_own_functions(tmp_path):
    """Each finds its own file, line and function, while blocks open and close all over."""
    functions = []
    for k in range(8):
        path = tmp_path / f"worker_{k}.py"
        code = f"def forward_{k}(x):\n    v = Value(x)\n    return v, (v * x).tanh() + v\n"
        path.write_text("from microgradnet.engine import Value\n" + "#\n" * k + code)
        spec = importlib.util.spec_from_file_location(f"worker_{k}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        functions.append(getattr(module, f"forward_{k}"))
    start = threading.Barrier(8)

    def work(k):
        start.wait(20)
        wrong = []
        for _ in range(200):
            with record_lines():
                leaf, result = functions[k](0.5)
            file = str(tmp_path / f"worker_{k}.py")
            if leaf.line != (file, 3 + k, f"forward_{k}"):
                wrong.append(leaf.line)
            made = {*topological_order(result)} - {leaf}
            wrong += [v.line for v in made if v.line != (file, 4 + k, f"forward_{k}")]
        return wrong

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert [wrong for wrong in pool.map(work, range(8)) if wrong] == []
    finally:
        sys.setswitchinterval(interval)
    assert is_off()


# ---- everything else goes on as before -----------------------------------------------------------


class Labelled(Value):
    """A Value of a subclass, with an argument of its own."""

    __slots__ = ("unit",)

    def __init__(self, data, unit):
        super().__init__(data)  # in the subclass
        self.unit = unit


def test_subclasses():
    """A Value of a subclass is made as before, and so are its results."""
    with record_lines():
        v = Labelled(3.0, unit="m")
        z = v * 2.0  # result
    assert (v.unit, v.data, z.data) == ("m", 3.0, 6.0)
    assert v.line.number == marked(Labelled.__init__, "in the subclass")
    assert z.line.number == marked(test_subclasses, "result")
    z.backward()
    assert v.grad == 2.0


def test_the_same_bits():
    """Forward and backward, and errors with their notes, are the same as without."""

    def run():
        rng = random.Random(1)
        model = nn.MLP(2, [4, 1], seed=rng)
        loss = model([rng.gauss(0, 1), 2.0]) ** 2
        loss.backward()
        with pytest.raises(ValueError, match=r"math domain|positive") as caught:
            Value(-1.0).log()
        return loss.data, [p.grad for p in model.parameters()], caught.value.__notes__

    without = run()
    with record_lines():
        assert run() == without


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_copies(copied):
    """A copy is made as before, on or off; it was made by no line of the user's."""
    with record_lines():
        x = Value(3.0, label="x")
        y = x * x
        again = copied(y)
        assert again.line is None
    for v in (again, copied(y)):
        assert (v.data, v.op, v.line) == (9.0, "*", None)
        assert [a.label for a in v.args] == ["x", "x"]


def test_compile():
    """A program that is traced while lines are recorded is the same text, with the same bits."""
    w = Value(0.5, "w")

    def loss(x):
        return (w * x).tanh() ** 2

    without = compile(loss, [w])
    expected = without(0.25)
    with record_lines():
        program = compile(loss, [w])
        assert program(0.25) == expected
        assert program.source == without.source
        with pytest.raises(TypeError, match=r"if x > 0") as caught:
            compile(lambda x: x if x > 0 else -x, [w])(1.0)  # if x > 0
    assert f"line {marked(test_compile, 'if x > 0')}" in str(caught.value)


def test_arguments_of_a_value_are_checked_as_before():
    """Wrong arguments are the same errors, and labels by position or by name work."""
    with record_lines():
        with pytest.raises(TypeError, match="takes a real number, not 'abc'"):
            Value("abc")
        with pytest.raises(TypeError):
            Value(1.0, "a", "b")
        assert Value(1.0, "a").label == Value(1.0, label="a").label == "a"
