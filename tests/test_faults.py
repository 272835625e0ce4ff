"""Whatever fails, at whatever moment: numbers, gradients and files are as before, or as after.

An operation is a function that makes, anew each time, what is to be done and what tells its state.
It is done once undisturbed, which gives the lines of the package that it runs, and then again and
again with an error at one of them. `python tests/benchmarks/interrupt.py` does so with real
signals, at times drawn by a seed.
"""

import contextlib
import gc
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

import microgradnet
from microgradnet import data, functional, generated, losses, nn, optim
from microgradnet.compiling import compile
from microgradnet.drawing import put, render
from microgradnet.engine import Value, topological_order
from microgradnet.history import Epoch, History
from microgradnet.saving import save
from microgradnet.training import fit

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = str(Path(microgradnet.__file__).parent)
SQUARED = losses.mean_squared_error
ROWS = [([0.5, -1.0], 1.0), ([0.25, 2.0], 0.0), ([1.0, 1.0], 1.0)]

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux limits and mounts")


# ---- an error at any line ----------------------------------------------------------------------


class Tracer:
    """Runs a function, notes the lines of the package that it runs, and may raise at one."""

    def __init__(self, at=0, error=KeyboardInterrupt, folder=PACKAGE):
        self.at, self.error, self.folder, self.lines = at, error, folder, []

    def run(self, call):
        """Return the error that came out of the call, or None."""
        outer = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        except self.error as error:
            return error
        finally:
            sys.settrace(outer)
        return None

    def _enter(self, frame, event, argument):
        file = frame.f_code.co_filename
        own = file.startswith((self.folder, "<operation ")) or "microgradnet-" in file
        return self._line if own or file == contextlib.__file__ else None

    def _line(self, frame, event, argument):
        if event == "line":
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
            if len(self.lines) == self.at:
                raise self.error
        return self._line


def places(lines, rng):
    """Return where to raise: at each line, the first time, the last, and one between them."""
    times = {}
    for number, line in enumerate(lines, 1):
        times.setdefault(line, []).append(number)
    return sorted({n for found in times.values() for n in (found[0], rng.choice(found), found[-1])})


def between(make, error=KeyboardInterrupt, seed=0, every=False, folder=PACKAGE):
    """Interrupt an operation at its lines; return how often, and where it was left between.

    What was left as before is done again, and has to end as if nothing had happened.
    """
    call, state = make()
    before = state()
    trace = Tracer(folder=folder)
    trace.run(call)
    after = state()
    assert after != before
    lines = trace.lines
    numbers = range(1, len(lines) + 1) if every else places(lines, random.Random(seed))
    faults, count = set(), 0
    for number in numbers:
        call, state = make()
        tracer = Tracer(number, error, folder)
        tracer.run(call)
        count += len(tracer.lines) >= number
        left = state()
        if left == before:
            call()
            left = state()
        if left != after:
            file, line = tracer.lines[number - 1]
            faults.add(f"{Path(file).name}, line {line}")
    assert count
    return count, sorted(faults)


def network(seed=1):
    """Return a small model."""
    return nn.MLP(2, [2, 1], activation="tanh", seed=seed)


def mean_loss(model):
    """Return the loss of the rows."""
    return functional.mean(SQUARED(model(x), y) for x, y in ROWS)


def told(parameters):
    """Return a function that tells every number and gradient, and that all is sound."""

    def state():
        assert {type(p) for p in parameters} == {Value}
        assert gc.isenabled()
        return [(p.data.hex(), p.grad.hex()) for p in parameters]

    return state


def remembered(optimizer):
    """Return a function that tells parameters, and what their optimizer remembers."""
    numbers = told(optimizer.parameters)

    def state():
        kept = {k: v for k, v in vars(optimizer).items() if k not in ("parameters", "lr")}
        return numbers(), repr(kept)

    return state


def backward():
    """A second backward() over a graph."""
    loss = mean_loss(network())
    loss.backward()
    values = topological_order(loss)
    return loss.backward, lambda: [v.grad.hex() for v in values]


def stepped(make_optimizer):
    """Return the operation of an optimizer's second step."""

    def make():
        model = network()
        mean_loss(model).backward()
        optimizer = make_optimizer(model.parameters())
        optimizer.step()
        return optimizer.step, remembered(optimizer)

    return make


def clipped(clip):
    """Return the operation that makes gradients smaller."""

    def make():
        model = network()
        mean_loss(model).backward()
        return lambda: clip(model.parameters(), 0.01), told(model.parameters())

    return make


def bfgs():
    """The second step of BFGS, with the curvature that it learned in the first."""
    x, y = Value(-1.2), Value(1.0)

    def closure():
        loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        loss.backward()
        return loss

    optimizer = optim.BFGS([x, y])
    optimizer.step(closure)
    return lambda: optimizer.step(closure), remembered(optimizer)


def over():
    """The gradient of all rows, by a program that is made."""
    model = network()
    program = compile(lambda x, y: SQUARED(model(x), y), model.parameters())
    program.over(ROWS)
    return lambda: program.over(ROWS), told(model.parameters())


def load_state_dict():
    """Another model's numbers."""
    model, state = network(), network(seed=2).state_dict()
    return lambda: model.load_state_dict(state), told(model.parameters())


OPERATIONS = {
    "backward": backward,
    "SGD.step": stepped(lambda ps: optim.SGD(ps, 0.1, 0.9, nesterov=True, weight_decay=0.1)),
    "Adam.step": stepped(lambda ps: optim.Adam(ps, 0.1, weight_decay=0.1)),
    "AdamW.step": stepped(lambda ps: optim.AdamW(ps, 0.1)),
    "clip_grad_norm": clipped(optim.clip_grad_norm),
    "clip_grad_value": clipped(optim.clip_grad_value),
    "BFGS.step": bfgs,
    "load_state_dict": load_state_dict,
    "Program.over": over,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_whole_or_was_not(name) -> None:
    """Ctrl-C at any line leaves numbers, gradients and memory as before, or as after."""
    count, faults = between(OPERATIONS[name])
    assert faults == []
    assert count >= 10


@pytest.mark.parametrize("error", [MemoryError, RecursionError, SystemExit])
def test_other_errors_are_as_ctrl_c(error) -> None:
    """So are errors that no program expects."""
    for name in ("backward", "Adam.step"):
        assert between(OPERATIONS[name], error)[1] == []


# ---- files -------------------------------------------------------------------------------------


def history(count):
    """Return a History of so many epochs."""
    return History(
        Epoch(i, 1 / i, 0.3, {"accuracy": 0.5}, 0.1, 0.1, {"a": 3.0}) for i in range(1, count + 1)
    )


WRITERS = {  # each writes one of two contents to a path
    "save": lambda path, which: save(nn.Neuron(2, seed=which), path),
    "render": lambda path, which: render(Value(which + 2.0) * 2, path.with_suffix(".dot")),
    "put": lambda path, which: put(path, b"text" * (9000 * which + 1)),
    "to_csv": lambda path, which: history(90 * which + 5).to_csv(path),
}


def written(name, folder):
    """Return the operation that replaces a file by another."""
    write, file = WRITERS[name], folder / "file"

    def make():
        write(file, 0)
        return lambda: write(file, 1), lambda: {
            f.name: f.read_bytes() for f in folder.iterdir() if f.suffix != ".part"
        }

    return make


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files left open
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_the_old_one_or_the_new(name, tmp_path, monkeypatch) -> None:
    """Ctrl-C at any line leaves one of the two, whole, and a later write is not in its way."""
    monkeypatch.setattr(os, "fsync", lambda file: None)  # it takes its time
    count, faults = between(written(name, tmp_path))
    assert faults == []
    assert count >= 10


@pytest.mark.skipif(os.name == "nt", reason="permissions, links and pipes are POSIX's")
def test_a_file_that_is_replaced_stays_what_it_is(tmp_path) -> None:
    """It keeps its permissions; a link still leads to it; a pipe is written to."""
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to("file")
    put(link, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    put(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert {f.name for f in tmp_path.iterdir()} == {"file", "link", "pipe"}
    assert pipe.is_fifo()


# ---- fit ---------------------------------------------------------------------------------------


class Remembering(optim.SGD):
    """An SGD that keeps what each of its steps began with."""

    def moved(self, numbers, gradients):
        self.seen = [*getattr(self, "seen", []), (numbers, self.velocity, gradients)]
        return super().moved(numbers, gradients)


def training(kind=optim.SGD, rows=ROWS, **options):
    """Return a model, its optimizer, and what trains them for two epochs of two steps."""
    model = network()
    mean_loss(model).backward()
    optimizer = kind(model.parameters(), 0.1, 0.9)
    options = {"batch_size": 2, "epochs": 2, "metrics": {}, **options}
    return model, optimizer, lambda: fit(model, SQUARED, rows, optimizer, **options)


def whole_steps(rows=ROWS, **options):
    """Return what model and optimizer are after 0, 1, 2 ... steps of a training."""
    model, optimizer, train = training(Remembering, rows, **options)
    gradients = [p.grad for p in model.parameters()]
    train()
    found = []
    for numbers, velocity, following in optimizer.seen:
        found.append((numbers, gradients, velocity))
        gradients = following
    found.append(([p.data for p in model.parameters()], gradients, optimizer.velocity))
    return found


def check_whole(model, optimizer, steps):
    """Check that numbers, gradients and velocity are those after as many steps as were taken."""
    numbers, gradients, velocity = steps[optimizer.steps]
    assert [p.data for p in model.parameters()] == numbers
    assert [p.grad for p in model.parameters()] == gradients
    assert optimizer.velocity == velocity
    assert {type(p) for p in model.parameters()} == {Value}


@pytest.mark.parametrize("compiled", [True, False])
def test_fit_stops_between_two_steps(compiled) -> None:
    """Ctrl-C at any line of fit: parameters, gradients and optimizer are those after some step."""
    steps = whole_steps(compiled=compiled)
    assert len(steps) == 5
    folder = os.path.join(PACKAGE, "training.py")
    tracer = Tracer(folder=folder)
    _, _, train = training(compiled=compiled)
    tracer.run(train)
    taken = set()
    for number in places(tracer.lines, random.Random(1)):
        model, optimizer, train = training(compiled=compiled)
        Tracer(number, folder=folder).run(train)
        check_whole(model, optimizer, steps)
        taken.add(optimizer.steps)
    assert taken == {0, 1, 2, 3, 4}


def fail_at(call, error):
    """Return a function that does nothing, and raises when it is called for the n-th time."""
    calls = iter(range(1, call))

    def function(*_):
        if next(calls, None) is None:
            raise error

    return function


class Failing(optim.SGD):
    """An SGD whose rule fails after it has remembered."""

    fail = staticmethod(lambda: None)

    def moved(self, numbers, gradients):
        new = super().moved(numbers, gradients)
        self.fail()
        return new


def first(fail, function):
    """Return a function that may fail before it does what it does."""

    def failing(*arguments):
        fail()
        return function(*arguments)

    return failing


SOURCES = {  # what a user's own call is in: fit's model, loss and options
    "model": lambda model, fail: (first(fail, model), SQUARED, {}),
    "loss": lambda model, fail: (model, first(fail, SQUARED), {}),
    "rule": lambda model, fail: (model, SQUARED, {}),
    "rate": lambda model, fail: (model, SQUARED, {}),
    "callback": lambda model, fail: (model, SQUARED, {"callbacks": lambda epoch: fail()}),
    "metric": lambda model, fail: (
        model, SQUARED, {"metrics": {"own": first(fail, lambda output, target: 0.0)}},
    ),
}  # fmt: skip
ERRORS = [
    KeyError("own"), ValueError("own"), ZeroDivisionError("own"), OSError("own"),
    StopIteration("own"), MemoryError(), RecursionError(), SystemExit(), GeneratorExit(),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("source", SOURCES)
def test_an_error_of_the_user_s_own_comes_out_of_fit(source, error) -> None:
    """It is raised as it is, from whichever call; the training is after a whole step."""
    steps = whole_steps(compiled=False)
    met = set()
    for call in range(1, 8):
        model, optimizer, _ = training(Failing)
        fail = fail_at(call, error)
        function, loss, options = SOURCES[source](model, fail)
        if source == "rule":
            optimizer.fail = fail
        if source == "rate":
            optimizer.lr = lambda step, fail=fail: (fail(), 0.1)[1]
        options = {"metrics": {}, **options, "batch_size": 2, "epochs": 2, "compiled": False}
        try:
            fit(function, loss, ROWS, optimizer, **options)
        except type(error) as caught:
            met.add((caught, optimizer.steps))
        check_whole(model, optimizer, steps)
    assert {caught for caught, _ in met} == {error}


# ---- programs and executors --------------------------------------------------------------------


def rows_that_end(error):
    """Yield a row, and raise."""
    yield ROWS[0]
    raise error


@pytest.mark.parametrize("error", [OSError("own"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_rows_that_cannot_be_read_change_nothing(error) -> None:
    """The error of an iterator comes out of over, sums, map, prepare and fit as it is."""
    model = network()
    program = compile(lambda x, y: SQUARED(model(x), y), model.parameters())
    forward = compile(lambda x, y: model(x))
    state = told(model.parameters())
    program.over(ROWS)
    before = state()
    numbers = [p.data for p in model.parameters()]
    optimizer = optim.SGD(model.parameters(), 0.1, 0.9)
    for read in (
        program.over, program.prepare, forward.map, lambda rows: program.sums(numbers, rows),
        lambda rows: fit(model, SQUARED, rows, optimizer),
        lambda rows: fit(model, SQUARED, ROWS, optimizer, validation=rows),
    ):  # fmt: skip
        with pytest.raises(type(error)) as caught:
            read(rows_that_end(error))
        assert caught.value is error
        assert state() == before
    assert optimizer.steps == 0


@pytest.mark.parametrize("error", [OSError("own"), KeyboardInterrupt(), RecursionError()], ids=repr)
def test_a_loss_that_fails_while_it_is_traced_leaves_its_parameters_alone(error) -> None:
    """Whichever call of it fails, the next finds Values with their numbers and gradients."""
    model = network()
    state = told(model.parameters())
    before = state()
    for call in (1, 2, 3):
        program = compile(
            first(fail_at(call, error), lambda x, y: SQUARED(model(x), y)), model.parameters()
        )
        with contextlib.suppress(type(error)):
            program.value_and_grad([p.data for p in model.parameters()], *ROWS[0])
        assert state() == before
    assert call == 3
    assert program.cache_info().shapes == 1  # two calls trace it, the second on traced Values


def test_a_row_that_fails_adds_nothing() -> None:
    """The third row divides by zero: the gradients of the two before it are not added."""
    w = Value(2.0)
    program = compile(lambda x: w / x, [w])
    rows = [(1.0,), (4.0,), (0.0,)]
    assert program.over(rows[:2]) == 2.5
    assert w.grad == 1.25
    with pytest.raises(ZeroDivisionError):
        program.over(rows)
    with pytest.raises(ZeroDivisionError):
        program(0.0)
    assert w.grad == 1.25


class Faulty(Executor):
    """An executor whose n-th submit, or n-th result, fails."""

    def __init__(self, error, on, after):
        self.error, self.on, self.left = error, on, after

    def submit(self, function, /, *arguments):
        self.left -= 1
        future = Future()
        if self.left < 0 and self.on == "submit":
            raise self.error
        if self.left < 0:
            future.set_exception(self.error)
        else:
            future.set_result(function(*arguments))
        return future


@pytest.mark.parametrize("on", ["submit", "result"])
@pytest.mark.parametrize("error", [OSError("own"), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_an_executor_that_fails_ends_fit_between_two_steps(on, error) -> None:
    """Its error comes out of fit, but for Ctrl-C, which ends it; a batch has two parts."""
    points, targets = data.moons(256, noise=0.1, seed=0)
    rows = list(zip(points, map(float, targets), strict=True))
    steps = whole_steps(rows, batch_size=128)
    for after in range(8):
        executor = Faulty(error, on, after)
        model, optimizer, train = training(optim.SGD, rows, batch_size=128, executor=executor)
        if isinstance(error, KeyboardInterrupt):
            assert train().stopped == "interrupted"
        else:
            with pytest.raises(type(error)) as caught:
                train()
            assert caught.value is error
        assert optimizer.steps == after // 2
        check_whole(model, optimizer, steps)


# ---- limits of the machine ---------------------------------------------------------------------


def test_a_stack_that_ends_is_an_error_like_another() -> None:
    """However much of Python's stack is left, backward and step are done, or were not."""
    limit = sys.getrecursionlimit()

    def depth():
        frame, deep = sys._getframe(1), 0
        while frame:
            frame, deep = frame.f_back, deep + 1
        return deep

    seen = set()
    for room in range(3, 40):
        model = network()
        loss = mean_loss(model)
        optimizer = optim.Adam(model.parameters(), 0.1)
        state = remembered(optimizer)
        for call in (loss.backward, optimizer.step):
            before = state()
            try:
                sys.setrecursionlimit(depth() + room)  # refused by some, where it is too low
                call()
            except RecursionError:
                failed = True
            else:
                failed = False
            finally:
                sys.setrecursionlimit(limit)
            seen.add(failed)
            assert (state() == before) == failed
            if failed:
                break
    assert seen == {True, False}


@linux
def test_memory_that_ends_is_an_error_like_another() -> None:
    """With ever more memory, backward over 40,000 Values fails whole, and in the end succeeds."""
    program = """
import resource
from microgradnet import Value
from microgradnet.engine import topological_order

x = Value(1.0)
y = x
for _ in range(40000):
    y = y * 1.0 + x
y.backward()
x.grad = 0.5
values = topological_order(y)
before = [v.grad for v in values]
pages = int(open("/proc/self/statm").read().split()[0])
failed = 0
for more in range(0, 16 << 20, 1 << 18):
    resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + more, resource.RLIM_INFINITY))
    try:
        y.backward()
    except MemoryError:
        failed += 1
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        assert all(v.grad is grad for v, grad in zip(values, before))
        continue
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    break
assert x.grad == 0.5 + 40001.0, x.grad
print(failed)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_without_a_temporary_folder_programs_are_in_memory(monkeypatch, tmp_path) -> None:
    """Where TMPDIR leads nowhere, and where the folder went away, they run as ever."""
    expected = [3.0, 4.0, 5.0]
    for missing in (tmp_path / "nowhere", tmp_path / "swept"):
        monkeypatch.setattr(generated, "_FOLDERS", {})
        monkeypatch.setattr(tempfile, "tempdir", str(missing))
        if missing.name == "swept":
            missing.mkdir()
            compile(lambda x: x + 1.0)(1.0)
            shutil.rmtree(missing)
        found = []
        for constant in (1.0, 2.0, 3.0):
            program = compile(lambda x, constant=constant: x + constant)
            found.append(program(2.0))
        assert found == expected
        with pytest.raises(ZeroDivisionError) as caught:
            compile(lambda x: 1.0 / x)(0.0)
        assert "keep the denominator away from 0" in caught.value.__notes__[0]


DISK = """
import subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from test_faults import WRITERS, compile

folder = Path(sys.argv[2])
tempfile.tempdir = str(folder)  # for programs too


def mount(*options):
    subprocess.run(["mount", *options, str(folder)], check=True)


def refused(write, path, reason):
    before = path.read_bytes()
    try:
        write(path, 1)
    except OSError as error:
        assert reason in str(error) and str(path) in str(error), error
    else:
        sys.exit(f"{write} wrote {path}")
    assert path.read_bytes() == before
    assert compile(lambda x: x + 1.0)(1.0) == 2.0


mount("-t", "tmpfs", "-o", "size=64k", "tmpfs")
for name, write in WRITERS.items():
    path = folder / f"{name}.dot"
    write(path, 0)
    there = {f for f in folder.iterdir() if f.is_file()}
    with open(folder / "rest", "wb", buffering=0) as rest:
        try:
            while True:
                rest.write(bytes(512))
        except OSError:
            pass
    refused(write, path, "No space left on device")
    (folder / "rest").unlink()
    assert {f for f in folder.iterdir() if f.is_file()} == there
    before = path.read_bytes()
    write(path, 1)
    assert path.read_bytes() != before
    write(path, 0)
mount("-o", "remount,ro")
for name, write in WRITERS.items():
    refused(write, folder / f"{name}.dot", "Read-only file system")
assert {f for f in folder.iterdir() if f.is_file()} == there
"""


def test_a_full_disk_and_one_that_cannot_be_written(tmp_path) -> None:
    """One clear error with the file's name; the old file is there, alone; programs run on."""
    alone = [shutil.which("unshare") or "unshare", "-rm"]
    mounted = [*alone, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("a disk of its own takes Linux, and the right to mount one")
    command = [*alone, sys.executable, "-c", DISK, str(ROOT / "tests"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked, to be killed")
def test_signals_at_random_times() -> None:
    """A small run of the command that sends them: no fault in training and in a file."""
    script = ROOT / "tests" / "benchmarks" / "interrupt.py"
    command = [sys.executable, script, "--count", "8", "--only", "a loop", "fit", "to_csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("no faults") == 4
