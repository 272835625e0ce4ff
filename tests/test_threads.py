"""Eight threads at once, which Python changes between as often as it can: they do not notice."""

import gc
import linecache
import pickle
import random
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from microgradnet import (
    compile,
    draw,
    explain,
    fit,
    grad,
    gradcheck,
    hessian,
    load,
    losses,
    nn,
    optim,
    record_lines,
    save,
)
from microgradnet.engine import OPEN_WALKS, Value
from microgradnet.expressions import expression
from microgradnet.printing import Printer
from microgradnet.stepping import backward_steps
from microgradnet.tracing import Traced

THREADS = range(8)
ROWS = [([0.1 * i, 0.05 * i * i - 0.2 * i], i % 2) for i in range(6)]


@pytest.fixture(autouse=True)
def _shaken():
    """Let Python change threads every microsecond."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable) -> list:
    """Return what each of eight threads that start together makes of its number."""
    start = threading.Barrier(len(THREADS), timeout=60)

    def begin(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(len(THREADS)) as pool:
        return list(pool.map(begin, THREADS))


def network(number: int) -> nn.MLP:
    """Return a small network, another for each number."""
    return nn.MLP(2, [4, 2], activation="tanh", seed=number)


def trained(number: int, folder: Path) -> list:
    """Return the epochs and the bits of a training."""
    model = network(number)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    history = fit(model, losses.cross_entropy, ROWS, optimizer, 3, batch_size=2, seed=number)
    return [[epoch.loss for epoch in history], model.state_dict()]


def stepped(number: int, folder: Path) -> list:
    """Return what the steps of a backward say, and what is left."""
    model = network(number)
    loss = losses.cross_entropy(model(ROWS[1][0]), 1)
    told = [f"{step} {step.why} {step!r}" for step in backward_steps(loss)]
    return [told, [p.grad for p in model.parameters()], str(explain(loss, model.parameters()[0]))]


def lined(number: int, folder: Path) -> list:
    """Return the lines that made Values, which is one line here, and their gradients."""
    model = network(number)
    with record_lines():
        loss = losses.cross_entropy(model(ROWS[2][0]), 0)
    loss.backward()
    return [loss.line, [p.grad for p in model.parameters()]]


def compiled(number: int, folder: Path) -> list:
    """Return the text of a program, its sums, and those of a pickled copy."""
    model = network(number)
    program = compile(lambda x, y: losses.cross_entropy(model(x), y), model.parameters())
    total = program.over(ROWS)
    copy = pickle.loads(pickle.dumps(program))
    sums = copy.sums([p.data for p in model.parameters()], ROWS)
    return [total, [p.grad for p in model.parameters()], sums, program.source]


def drawn(number: int, folder: Path) -> list:
    """Return the DOT text of a graph with its gradients, of its collapsed form and of a model."""
    model = network(number)
    loss = losses.cross_entropy(model(ROWS[3][0]), 1)
    loss.backward()
    return [draw(loss).source, draw(loss, collapse="layer").source]


def kept(number: int, folder: Path) -> list:
    """Return the model that was saved, and the bytes of its file."""
    file = folder / f"{number}.json"
    save(network(number), file)
    return [load(file).state_dict(), file.read_bytes()]


def differentiated(number: int, folder: Path) -> list:
    """Return second and third derivatives, and a report of gradcheck."""
    f = lambda x: (x * (number + 1)).tanh() * x**3  # noqa: E731
    second = hessian(lambda v: v[0] ** 2 * v[1] * number)([2.0, 3.0])
    return [grad(grad(grad(f)))(0.5), second, str(gradcheck(f, [0.5]))]


def read(number: int, folder: Path) -> list:
    """Return the value of an expression, and what is said of another with a warning in it."""
    v, _ = expression("n = x*w; tanh(n)", {"x": 0.25, "w": float(number)})
    with pytest.raises(ValueError, match="an expression has numbers") as refused:
        expression("1if x else 2", {"x": 2.0})
    return [v.data, str(refused.value)]


def surroundings() -> list:
    """Return what is global: of Python, and of the package."""
    return [
        gc.isenabled(), list(warnings.filters), warnings.showwarning, sys.gettrace(),
        random.getstate(), list(OPEN_WALKS), Value.__init__, Value(1.0).line,
        threading.active_count(), grad(lambda x: x * x)(3.0),
    ]  # fmt: skip


WORKS = [trained, stepped, lined, compiled, drawn, kept, differentiated, read]


@pytest.mark.parametrize("shift", [0, 1], ids=["the same", "each another"])
def test_eight_threads_do_everything_at_once(shift, tmp_path):
    """Train, step, record, compile, draw, save, differentiate: the bits are the serial ones."""

    def work(number):
        works = WORKS[number * shift :] + WORKS[: number * shift]
        found = [each(number, tmp_path) for each in works]
        return found[len(WORKS) - number * shift :] + found[: len(WORKS) - number * shift]

    serial = [work(number) for number in THREADS]
    before = surroundings()
    assert at_once(work) == serial
    assert surroundings() == before


def test_one_program_in_eight_threads():
    """It is printed, run and read by all of them, at shapes that are new and old."""
    model = network(0)
    parameters = model.parameters()
    numbers = [p.data for p in parameters]

    def loss(xs, scale):
        return sum(losses.cross_entropy(model(x), 1) for x in xs) * scale

    def work(number, program):
        found = []
        for count in (1, 2, 3, 4):
            rows = [([x for x, _ in ROWS[:count]], 0.5 + number)] * 2
            if number % 2:
                found.append(program.sums(numbers, rows))
            found.append(program.value_and_grad(numbers, *rows[0]))
            assert "def value_and_grad" in program.source
        return found

    serial = [work(number, compile(loss, parameters)) for number in THREADS]
    for _ in range(3):
        program = compile(loss, parameters)
        assert at_once(lambda number: work(number, program)) == serial  # noqa: B023
        assert program.cache_info() == (8, 4)


def test_a_program_waits_while_another_thread_traces():
    """Parameters have no numbers while a loss of theirs is traced: a program waits for them."""
    model = network(1)
    program = compile(model)
    expected = program(ROWS[0][0])
    tracing, go = threading.Event(), threading.Event()

    def slow(x):
        if isinstance(model.parameters()[0], Traced):
            tracing.set()
            assert go.wait(60)
        return sum(model([x, x]))

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(compile(slow), 0.5)
        assert tracing.wait(60)
        asked = pool.submit(program, ROWS[0][0])
        wait([asked], timeout=0.2)  # it is waiting, or wrong, by then
        go.set()
        assert (asked.result(60), other.result(60)) == (expected, sum(model([0.5, 0.5])).data)


def test_two_texts_of_one_program_are_printed_apart(monkeypatch):
    """Two threads that print at once, each to its middle before the other ends, share nothing."""
    loss = lambda x: (weight * x).tanh() ** 2  # noqa: E731
    weight = Value(0.5, label="weight")
    serial = compile(loss, [weight])
    expected = [serial.value_and_grad([0.5], 1.0), serial.sums([0.5], [(1.0,)] * 2)]
    program = compile(loss, [weight])
    variant, wanted = (p._variant((1.0,))[0] for p in (program, serial))
    variant.texts.clear()  # as a pickled one that was never called
    variant.functions.clear()
    both, forward = threading.Barrier(2, timeout=60), Printer._forward

    def together(printer):
        both.wait()
        lines = forward(printer)
        both.wait()
        return lines

    monkeypatch.setattr(Printer, "_forward", together)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(program.value_and_grad, [0.5], 1.0)
        other = pool.submit(program.sums, [0.5], [(1.0,)] * 2)
        assert [one.result(60), other.result(60)] == expected
    assert variant.texts == wanted.texts


def test_expressions_leave_the_warnings_as_they_are():
    """What Python warns of in an expression is not shown, and everything else is, as before."""
    before = list(warnings.filters)

    def work(number):
        return [read(number, Path())[0] for _ in range(100)]

    assert at_once(work) == [[read(number, Path())[0]] * 100 for number in THREADS]
    assert warnings.filters == before


def test_the_files_of_programs_come_and_go():
    """Equal texts share a file, which is there for as long as one of the threads has a program."""
    loss = lambda x: (weight * x).tanh()  # noqa: E731
    weight = Value(0.5, label="weight")
    programs = [compile(loss, [weight])]
    programs[0](1.0)

    def file(program):
        [variant] = program._variants.values()
        return variant.functions["value_and_grad"].__code__.co_filename

    def work(number):
        for _ in range(50):
            program = compile(loss, [weight])
            program.value_and_grad([0.5], 1.0)
            assert file(program) == file(programs[0])
            del program
        return Path(file(programs[0])).read_text(encoding="utf-8")

    assert at_once(work) == [programs[0].source] * len(THREADS)
    path = file(programs[0])
    assert linecache.getlines(path)
    programs.clear()
    assert not Path(path).exists()
    assert path not in linecache.cache
