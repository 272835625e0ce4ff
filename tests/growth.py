"""Work whose time and memory should grow as its input does, and work that should leave nothing.

CASES are generator functions of a size. Each prepares, yields, and does the work when it is asked
for the next; what it made is alive until it is closed. SOAKS are generator functions that do one
round of work at each next(), for ever.
"""

import copy
import csv
import gc
import io
import os
import pickle
import random
import sys
import tempfile
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path

from microgradnet import data, functional, losses, nn, optim, saving
from microgradnet.calculus import gradient, jvp
from microgradnet.collapsing import planned
from microgradnet.compiling import compile
from microgradnet.debugging import Debugger
from microgradnet.drawing import draw, mimebundle
from microgradnet.engine import Value, topological_order
from microgradnet.explaining import anomaly, explain, what_if
from microgradnet.history import Epoch, History
from microgradnet.lessons import Lesson
from microgradnet.lines import record_lines
from microgradnet.naming import Names
from microgradnet.pages import page
from microgradnet.pipeline import Pipeline
from microgradnet.recording import Recording
from microgradnet.stepping import watch
from microgradnet.training import fit, majority

Case = Callable[[int], Iterator[object]]

# ---- graphs of a number of operations ------------------------------------------------------------


def chain(x: Value, size: int) -> Value:
    """Return sin(sin(... x)): each result is used once."""
    for _ in range(size):
        x = x.sin()
    return x


def fan(x: Value, size: int) -> Value:
    """Return x + x + ...: one Value is used by every result."""
    return functional.total([x] * (size + 1))


def diamonds(x: Value, size: int) -> Value:
    """Return x doubled and halved, again and again: to x there are 2 ** (size / 2) paths."""
    half = Value(0.5)
    for _ in range(size // 2):
        x = (x + x) * half
    return x


def layers(x: Value, size: int) -> Value:
    """Return the sum of the last of layers of 16: each a mean of two of the layer before.

    Each is used twice, but for the last.
    """
    half = Value(0.5)
    row = [x + float(i) for i in range(16)]
    for _ in range(size // 32 - 1):
        row = [(a + b) * half for a, b in zip(row, row[1:] + row[:1], strict=True)]
    return functional.total(row)


SHAPES = {"chain": chain, "fan": fan, "diamonds": diamonds, "layers": layers}

CASES: dict[str, Case] = {}
COST: dict[str, float] = {}  # microseconds for an operation or a row, about
LEAST = {
    "draw refused": 2000,  # less is drawn
    "page refused": 2000,
    "shown in a notebook": 1000,
}  # fmt: skip


def case(cost: float) -> Callable[[Case], Case]:
    """Register a case."""

    def register(made: Case) -> Case:
        name = made.__name__.replace("_", " ")
        CASES[name], COST[name] = made, cost
        return made

    return register


def on_graphs(cost: float) -> Callable[[Callable[[Value, Value], object]], object]:
    """Register a function of a leaf and a result as a case for each shape of a graph."""

    def register(work: Callable[[Value, Value], object]) -> object:
        for shape, make in SHAPES.items():

            def made(size: int, make: Callable[[Value, int], Value] = make) -> Iterator[object]:
                x = Value(0.5, "x")
                root = make(x, size)
                yield
                yield work(x, root)

            name = f"{work.__name__.replace('_', ' ')}, {shape}"
            CASES[name], COST[name] = made, cost
        return work

    return register


for _shape, _make in SHAPES.items():

    def _build(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        yield make(Value(0.5, "x"), size)

    def _free(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        root = make(Value(0.5, "x"), size)
        yield
        del root
        yield

    def _forward(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        yield jvp(lambda x: make(x, size), (0.5,), (1.0,))

    def _lines(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        with record_lines():
            root = make(Value(0.5, "x"), size)
        yield root

    def _loads(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        text = pickle.dumps(make(Value(0.5, "x"), size))
        yield
        yield pickle.loads(text)

    def _compile(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        w = Value(0.5, "w")
        program = compile(lambda x: make(w * x, size), [w])
        yield program, program(1.0)

    def _compile_loop(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        w = Value(0.5, "w")
        program = compile(lambda x: make((w * x).relu(), size), [w])
        yield program, program.over([(1.0,), (2.0,)])

    def _compile_value(size: int, make: Callable[[Value, int], Value] = _make) -> Iterator[object]:
        yield
        program = compile(lambda x: make(x, size))
        yield program, program(1.0)

    for _made, _cost in (
        (_build, 0.6), (_free, 0.2), (_forward, 8), (_lines, 5), (_loads, 3),
        (_compile, 80), (_compile_loop, 120), (_compile_value, 40),
    ):  # fmt: skip
        _name = f"{_made.__name__[1:].replace('_', ' ')}, {_shape}"
        CASES[_name], COST[_name] = _made, _cost


@on_graphs(0.8)
def order(x: Value, root: Value) -> object:
    return topological_order(root)


@on_graphs(1)
def backward(x: Value, root: Value) -> object:
    return root.backward()


@on_graphs(4)
def steps(x: Value, root: Value) -> object:
    return sum(1 for _ in root.backward_steps())


@on_graphs(1)
def steps_broken_off(x: Value, root: Value) -> object:
    for step in root.backward_steps():
        return step.number
    return None


@on_graphs(1.5)
def recompute(x: Value, root: Value) -> object:
    return root.recompute()


@on_graphs(3)
def gradient_once(x: Value, root: Value) -> object:
    return gradient(root, [x])


@on_graphs(20)
def gradient_of_gradient(x: Value, root: Value) -> object:
    return gradient(gradient(root, [x])[0] * x, [x])


@on_graphs(15)
def deepcopy(x: Value, root: Value) -> object:
    return copy.deepcopy(root)


@on_graphs(4)
def dumps(x: Value, root: Value) -> object:
    return pickle.dumps(root)


@on_graphs(10)
def names(x: Value, root: Value) -> object:
    return Names(root, {"x": x}).find("x")


@on_graphs(10)
def explained(x: Value, root: Value) -> object:
    return str(explain(root, x))


@on_graphs(8)
def what_if_it_changed(x: Value, root: Value) -> object:
    return what_if(root, x, 0.25)


@on_graphs(4)
def no_anomaly(x: Value, root: Value) -> object:
    return anomaly(root)


@on_graphs(25)
def watched(x: Value, root: Value) -> object:
    return watch(root, when="abs(after) > 1e300 and number > 3", do=print)


@on_graphs(2)
def draw_refused(x: Value, root: Value) -> object:
    with suppress(ValueError):
        return draw(root)
    return None


@on_graphs(1)
def page_refused(x: Value, root: Value) -> object:
    with suppress(ValueError):
        return page(root, os.path.join(tempfile.gettempdir(), "refused.html"))
    return None


@on_graphs(3)
def shown_in_a_notebook(x: Value, root: Value) -> object:
    return mimebundle(root)


@on_graphs(25)
def debugged(x: Value, root: Value) -> object:
    debugger = Debugger(Recording(root, {"x": x}), io.StringIO(), io.StringIO())
    debugger.introduce()
    last = len(debugger.steps)
    for line in (
        "step", "next", "until x", "back 3", f"goto {last // 2}", "list", "values", "v 2",
        "print x", "watch x", "break number > 1e9", "continue", "e x", "print nowhere", "where x",
    ):  # fmt: skip
        debugger.onecmd(line)
    return debugger.completedefault("v", "print v")


# ---- results, parameters, rows, epochs -----------------------------------------------------------


def sums(x: Value, count: int) -> list[Value]:
    """Return `count` results, each of which is made of the one before."""
    found = [x]
    for _ in range(count):
        found.append(found[-1] * 0.5 + 1.0)
    return found[1:]


@case(4000)
def jvp_of_many_outputs(size: int) -> Iterator[object]:
    yield
    yield jvp(lambda x: sums(x, size // 2), (1.0,), (1.0,))


@case(4000)
def compile_many_outputs(size: int) -> Iterator[object]:
    yield
    program = compile(lambda x: sums(x, size // 2))
    yield program, program(1.0)


@case(60)
def compile_many_parameters(size: int) -> Iterator[object]:
    yield
    model = nn.Neuron(size, "tanh", seed=0)
    program = compile(model, model.parameters())
    yield program, program([0.5] * size)


@case(60)
def compile_many_gates(size: int) -> Iterator[object]:
    yield
    model = nn.MLP(2, [size // 10, 1], "relu", seed=0)
    program = compile(model, model.parameters())
    yield program, program([0.5, 0.25])


@case(60)
def compile_deep_gates(size: int) -> Iterator[object]:
    yield
    w = Value(0.5, "w")

    def residual(x: Value) -> Value:
        for _ in range(size // 4):
            x = x + (x * w - 0.25).relu() * 0.125
        return x

    program = compile(residual, [w])
    yield program, program(1.0)


@case(25)
def tables_of_neurons(size: int) -> Iterator[object]:
    model = nn.MLP(4, [size // 20, 2], "tanh", seed=0)
    order = topological_order(functional.total(model([0.1, 0.2, 0.3, 0.4])))
    yield
    yield planned(order, "neuron"), planned(order, "layer")


@case(10)
def parameters_kept(size: int) -> Iterator[object]:
    model = nn.MLP(9, [size // 10], seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        yield
        saving.save(model, path)
        twin = saving.load(path)
        twin.load_state_dict(model.state_dict())
        yield twin


@case(2)
def optimizers(size: int) -> Iterator[object]:
    values = [Value(0.5) for _ in range(size)]
    yield
    kept = [optim.SGD(values, 0.1, momentum=0.9), optim.AdamW(values)]
    for optimizer in kept:
        optimizer.zero_grad()
        optimizer.step()
    yield kept


@case(8)
def softmax(size: int) -> Iterator[object]:
    values = [Value(float(i % 7)) for i in range(size)]
    yield
    yield functional.softmax(values), losses.cross_entropy(values, 1)


def people(size: int) -> str:
    """Return a CSV text of a number of rows."""
    rng, text = random.Random(0), io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["height", "weight", "age", "kind"])
    for _ in range(size):
        row = f"{rng.gauss(170, 10):.2f}", f"{rng.gauss(70, 9):.3f}", rng.randint(1, 90)
        writer.writerow([*row, rng.choice("xyz")])
    return text.getvalue()


@case(4)
def frame_read(size: int) -> Iterator[object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        path.write_text(people(size))
        yield
        yield data.read_frame(path)


@case(6)
def table_read(size: int) -> Iterator[object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.csv")
        path.write_text(people(size))
        yield
        yield data.read_csv(path)


@case(20)
def frame_encoded(size: int) -> Iterator[object]:
    rows = list(csv.reader(io.StringIO(people(size))))
    frame = data.Frame("people.csv", rows[0], rows[1:])
    yield
    points = data.Encoding.fit(frame, "kind").transform(frame)
    found = data.targets(frame, "kind"), data.targets(frame, "weight")
    yield data.split(points, found[0].values), data.Scaler.fit(points).transform(points)


@case(12)
def rows_answered(size: int) -> Iterator[object]:
    pipeline = Pipeline(None, nn.MLP(2, [3], seed=0), ["red", "green", "blue"], "colour")
    rows = [[0.5, float(i % 5)] for i in range(size)]
    yield
    yield pipeline.predict(rows), pipeline.probabilities(rows)


@case(30)
def majority_of_different_targets(size: int) -> Iterator[object]:
    yield
    yield majority(range(size))


@case(20)
def toys(size: int) -> Iterator[object]:
    yield
    yield data.moons(size, seed=0), data.blobs(size, seed=0), data.circles(size, seed=0)


def fitted(rows: int, epochs: int, **options: object) -> History:
    """Return the history of a training of a small network."""
    points = [([0.1 * (i % 9), 0.2 * (i % 7)], i % 2) for i in range(rows)]
    model = nn.MLP(2, [1], seed=0)
    with redirect_stdout(io.StringIO()):
        return fit(model, losses.binary_cross_entropy, points, epochs=epochs, **options)  # type: ignore[arg-type]


@case(20)
def fit_rows(size: int) -> Iterator[object]:
    yield
    yield fitted(size, 1, batch_size=10, validation=0.25)


@case(250)
def fit_rows_eagerly(size: int) -> Iterator[object]:
    yield
    yield fitted(size, 1, batch_size=10, compiled=False)


@case(60)
def fit_epochs(size: int) -> Iterator[object]:
    yield
    yield fitted(4, size, validation=0.5, progress="table", early_stopping=10**9)


@case(20)
def histories(size: int) -> Iterator[object]:
    epochs = [
        Epoch(i, 1.0 / i, 2.0 / i, {"accuracy": 0.5}, 0.01, 0.1, {"layers.0": 1.0, "layers.1": 2.0})
        for i in range(1, size + 1)
    ]
    yield
    history = History(epochs)
    with tempfile.TemporaryDirectory() as folder:
        history.to_csv(os.path.join(folder, "history.csv"))
    yield repr(history), history.best, history.seconds()


@case(30)
def lesson_figures(size: int) -> Iterator[object]:
    yield
    lesson = Lesson(False, Path(tempfile.gettempdir()), {})
    with redirect_stdout(io.StringIO()) as out:
        for i in range(size):
            lesson.figure(f"figure {i}", "0.5", 0.5)
    yield lesson, out


def every(size: int) -> list[Value]:
    """Return every Value of a chain, the first made first."""
    return [Value(0.5), *sums(Value(1.0), size // 2)]


@case(2)
def dumps_of_every_value_from_the_last(size: int) -> Iterator[object]:
    values = every(size)[::-1]
    yield
    yield pickle.dumps(values)


@case(2000)
def dumps_of_every_value_from_the_first(size: int) -> Iterator[object]:
    values = every(size)
    yield
    yield pickle.dumps(values)


LEFT = {  # why a case may be quadratic
    "jvp of many outputs": "each is walked from anew; make the outputs one by one",
    "compile many outputs": "each is walked from anew, once, when it is compiled",
    "majority of different targets": "it counts each of the classes, which are few",
    "dumps of every value from the first": (
        "a pickler does not tell what it has seen; put the results before what they are made of"
    ),
}

# ---- what it costs -------------------------------------------------------------------------------


def least(name: str, size: int) -> int:
    """Return a size for a case, where that has a least one."""
    return max(size, LEAST.get(name.partition(",")[0], 0))


def lines_run(made: Case, size: int) -> int:
    """Return how many lines of Python a case's work runs: the same on every machine."""
    count = 0

    def tell(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return tell

    work = made(size)
    next(work)
    before = sys.gettrace()
    sys.settrace(tell)  # type: ignore[arg-type]
    try:
        next(work, None)
    finally:
        sys.settrace(before)
    work.close()
    return count


def bytes_taken(made: Case, size: int) -> int:
    """Return the largest memory that a case's work has at a time, beyond what was there before."""
    work = made(size)
    next(work)
    gc.collect()
    tracemalloc.start()
    try:
        next(work, None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        work.close()


# ---- rounds that leave nothing -------------------------------------------------------------------

POINTS, TARGETS = data.moons(10, noise=0.1, seed=0)
ROWS = [(point, float(target)) for point, target in zip(POINTS, TARGETS, strict=True)]

SOAKS: dict[str, Callable[[], Iterator[None]]] = {}
ROUNDS: dict[str, float] = {}  # of a round, in steps of eager training: how long it takes
CYCLES: set[str] = set()  # those whose rounds need the collector: a program is compiled in each


def soak(length: float, cycles: bool = False) -> Callable[..., Callable[[], Iterator[None]]]:
    """Register a soak."""

    def register(made: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        name = made.__name__.replace("_", " ")
        SOAKS[name], ROUNDS[name] = made, length
        if cycles:
            CYCLES.add(name)
        return made

    return register


def network() -> nn.MLP:
    """Return a small network."""
    return nn.MLP(2, [4, 1], activation="tanh", seed=0)


def loss_of(model: nn.MLP, x: list[float], y: float) -> Value:
    """Return the loss of one row."""
    loss: Value = losses.binary_cross_entropy(model(x), y)
    return loss


@soak(1)
def eager_training() -> Iterator[None]:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    while True:
        optimizer.zero_grad()
        functional.mean(loss_of(model, x, y) for x, y in ROWS).backward()
        optimizer.step()
        yield


@soak(0.5)
def compiled_training() -> Iterator[None]:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    program = compile(lambda x, y: loss_of(model, x, y), model.parameters())
    while True:
        optimizer.zero_grad()
        program.over(ROWS)
        optimizer.step()
        yield


@soak(1)
def steps_left_half_way() -> Iterator[None]:
    model = network()
    while True:
        loss = loss_of(model, *ROWS[0])
        for step in loss.backward_steps(names=locals()):
            if step.number == 5:
                str(step)
                break
        walk = loss.backward_steps()
        next(walk)
        loss.backward()  # which ends the walk
        yield


@soak(1)
def failures() -> Iterator[None]:
    while True:
        x, y = Value(0.0), Value(1.0)
        z, stale = x.sqrt() * 2.0 + 1.0, y * 3.0
        y.data = 2.0
        for work in (z.backward, lambda z=z: list(z.backward_steps()), x.log, stale.backward):
            with suppress(ArithmeticError, ValueError, RuntimeError):
                work()
        anomaly(z)
        yield


@soak(1)
def questions() -> Iterator[None]:
    model = network()
    while True:
        loss = loss_of(model, *ROWS[0])
        w = model.parameters()[0]
        str(explain(loss, w))
        what_if(loss, w, 0.1)
        watch(loss, when="abs(after) > 0", do=str)
        with record_lines():
            str(list(loss_of(model, *ROWS[1]).backward_steps()))
        yield


@soak(2)
def pictures() -> Iterator[None]:
    model = network()
    while True:
        loss = loss_of(model, *ROWS[0])
        loss.backward()
        draw(loss, names={"loss": loss})
        draw(loss, collapse="layer")
        yield


@soak(2)
def copies() -> Iterator[None]:
    model = network()
    while True:
        loss = loss_of(model, *ROWS[0])
        copy.deepcopy((loss, model))
        pickle.loads(pickle.dumps((loss, model)))
        yield


@soak(1)
def derivatives() -> Iterator[None]:
    from microgradnet.calculus import grad, hessian, vjp

    while True:
        grad(grad(lambda x: (x * x).tanh()))(0.5)
        hessian(lambda v: v[0] ** 2 * v[1])([1.0, 2.0])
        jvp(lambda x: x * x, (1.0,), (1.0,))
        vjp(lambda x: x * x, 2.0)[1](1.0)
        yield


@soak(4)
def threads() -> Iterator[None]:
    def work() -> None:
        training = eager_training()
        next(training)
        training.close()

    while True:
        running = [threading.Thread(target=work) for _ in range(4)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        yield


@soak(10, cycles=True)
def compilations() -> Iterator[None]:
    w, number = Value(2.0, "w"), 0.0
    while True:
        number += 1.0
        compile(lambda x, number=number: w * x + number, [w])(3.0)  # type: ignore[misc]
        yield


@soak(20, cycles=True)
def failed_compilations() -> Iterator[None]:
    w = Value(2.0, "w")
    while True:
        program = compile(lambda x: 1.0 / (w * x), [w])
        with suppress(ZeroDivisionError):
            program(0.0)
        program(1.0)
        with suppress(ZeroDivisionError):
            program(0.0)
        with suppress(TypeError):
            compile(lambda x: w if x > 0.0 else x, [w])(1.0)
        yield


@soak(30, cycles=True)
def programs_of_many_variants() -> Iterator[None]:
    w = Value(2.0, "w")
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            program = compile(lambda x, k: w * x + k, [w])
            for k in range(66):
                program(3.0, k)
            pickle.loads(pickle.dumps(program))(3.0, 2)
        yield


@soak(30, cycles=True)
def trainings() -> Iterator[None]:
    while True:
        fit(network(), losses.binary_cross_entropy, ROWS, epochs=3, validation=0.2)
        yield
