"""Send Ctrl-C and SIGKILL at random times, and look whether anything is left half done.

python tests/benchmarks/interrupt.py --count 50 --seed 0

A process trains, draws, or writes one of two contents to a file, again and again, and tells when it
begins; a time later that the seed draws it gets the signal. After Ctrl-C the parameters, gradients
and optimizer have to be those after some whole step; after either signal the file is one of the
two, beside it lies at most a hidden part, and a next run goes as ever. What is not so is printed,
and the exit status is 1. `--lines` raises at every line of what tests/test_faults.py tries some of.
"""

import argparse
import contextlib
import gc
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import test_faults as tried

from microgradnet import cli, data, figures, functional, nn, optim
from microgradnet.compiling import compile
from microgradnet.drawing import render
from microgradnet.engine import Value
from microgradnet.pages import page
from microgradnet.pipeline import Pipeline
from microgradnet.saving import save
from microgradnet.tracing import trace

DEMOS = Path(__file__).parent.parent.parent / "demos"
EPOCHS, SIZE = 40, 5

# ---- what is interrupted -------------------------------------------------------------------------


@cache
def rows():
    """Return 40 rows to train on."""
    points, targets = data.moons(40, noise=0.1, seed=0)
    return list(zip(points, map(float, targets), strict=True))


@cache
def steps(compiled):
    """Return what model and optimizer are after each step of the training."""
    return tried.whole_steps(rows(), epochs=EPOCHS, batch_size=SIZE, compiled=compiled)


def training(compiled, folder):
    """Return a training with fit, and the check that it ended between two steps."""
    states = steps(compiled)
    model, optimizer, train = tried.training(
        optim.SGD, rows(), epochs=EPOCHS, batch_size=SIZE, compiled=compiled
    )
    return train, lambda: tried.check_whole(model, optimizer, states)


def loop(folder):
    """Return a loop of a learner's own, and the check that each of its three calls was whole."""
    states = []

    def run(optimizer, model, told):
        for _ in range(8):
            optimizer.zero_grad()
            tried.mean_loss(model).backward()
            told(optimizer, model)
            optimizer.step()

    def remember(optimizer, model):
        gradient = [p.grad for p in model.parameters()]
        states.append((model.state_dict(), repr(optimizer.velocity), gradient))

    def made():
        model = tried.network()
        return optim.SGD(model.parameters(), 0.1, 0.9), model

    optimizer, model = made()
    run(optimizer, model, remember)
    remember(optimizer, model)
    optimizer, model = made()

    def whole():
        numbers, velocity, gradient = states[optimizer.steps]
        assert (model.state_dict(), repr(optimizer.velocity)) == (numbers, velocity)
        found = [p.grad for p in model.parameters()]
        before = states[max(0, optimizer.steps - 1)][2]  # until zero_grad() is done
        assert found in (gradient, [0.0] * len(found), before)

    return lambda: run(optimizer, model, lambda *_: None), whole


def bfgs(folder):
    """Return a minimisation, and the check that it ended between two steps."""

    def made():
        x, y = Value(-1.2), Value(1.0)

        def closure():
            loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
            loss.backward()
            return loss

        return optim.BFGS([x, y]), closure

    def state(optimizer):
        return repr([(p.data, p.grad) for p in optimizer.parameters] + optimizer.inverse)

    optimizer, closure = made()
    states = {state(optimizer)}
    for _ in range(50):
        optimizer.step(closure)
        states.add(state(optimizer))
    optimizer, closure = made()

    def run():
        for _ in range(50):
            optimizer.step(closure)

    def whole():
        assert state(optimizer) in states

    return run, whole


def calls(folder):
    """Return a loop of calls of a program, and the check that all gradients are of as many."""
    weights = [Value(0.5) for _ in range(300)]
    program = compile(lambda x: functional.total([w * x for w in weights]), weights)

    def run():
        for _ in range(1_000):
            program(1.0)

    def whole():
        assert {p.grad for p in weights} == {weights[0].grad}

    return run, whole


@cache
def parameters():
    """Return very many parameters."""
    return [Value(1.0) for _ in range(100_000)]


def tracing(folder):
    """Return what traces a loss, and the check that it leaves its parameters as they were."""
    x = parameters()[0]

    def whole():
        assert {type(p) for p in parameters()} == {Value}
        assert gc.isenabled()

    return lambda: trace(lambda y: x * y, [0.5], parameters()), whole


def neuron(which):
    """Return the output of a small neuron."""
    return nn.Neuron(3, "tanh", seed=which)([0.5, -1.0, 2.0])


@cache
def models():
    """Return a folder with two models of the flowers."""
    frame = data.read_frame(data.path("iris"))
    encoding = data.Encoding.fit(frame, "species")
    classes = sorted(set(frame.column("species")))
    folder = tempfile.TemporaryDirectory()
    for which in (0, 1):
        model = nn.MLP(len(encoding.inputs), [3], seed=which)
        save(Pipeline(encoding, model, classes, "species"), Path(folder.name, f"{which}.json"))
    return folder


def predict(path, which):
    """Write predictions, as the command does."""
    model = Path(models().name, f"{which}.json")
    words = ["predict", str(model), "iris", "--probabilities", "-o", str(path)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = cli.main(words)
    if status == 130:  # it says that it was stopped
        raise KeyboardInterrupt
    assert status == 0, said.getvalue()


WRITERS = {
    **tried.WRITERS,
    "predict -o": predict,
    "page": lambda path, which: page(neuron(which), path),
    "render .svg": lambda path, which: render(neuron(which), path.with_suffix(".svg")),
    "figures.write": lambda path, which: figures.write(
        figures.loss_curves(tried.history(which + 3)), path
    ),
}


@cache
def contents(name):
    """Return what each file is after writing one and the other."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for which in (0, 1):
            WRITERS[name](Path(folder, "file"), which)
            found.append({f.name: f.read_bytes() for f in Path(folder).iterdir()})
    return found


def writing(name, folder):
    """Return what writes both contents in turn, and the check that one of them is there."""
    first, second = contents(name)
    write, path = WRITERS[name], Path(folder, "file")
    write(path, 0)

    def call():
        for which in (1, 0):
            write(path, which)

    def whole():
        files = [f for f in Path(folder).iterdir() if f.suffix != ".part"]
        assert {f.name for f in files} == set(first), files
        for f in files:
            assert f.read_bytes() in (first[f.name], second[f.name]), f
        call()  # a next run

    return call, whole


KILLED = {name: partial(writing, name) for name in WRITERS}
INTERRUPTED = {
    "a loop": loop, "fit": partial(training, True), "fit, eager": partial(training, False),
    "a program": calls, "BFGS": bfgs, "trace": tracing, **KILLED,
}  # fmt: skip


# ---- who is interrupted --------------------------------------------------------------------------


def serve(kind, name, count):
    """Do an activity, round after round, and tell its process and how it was left."""
    hit = []

    def interrupted(*_):
        hit.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)
    make = INTERRUPTED[name]
    with tempfile.TemporaryDirectory() as folder:
        call, _ = make(folder)
        start = time.perf_counter()
        call()
        print(json.dumps(time.perf_counter() - start), flush=True)
        for _ in range(count):
            call, whole = make(folder)
            hit.clear()
            if kind == "SIGKILL":
                process = os.fork()
                if not process:
                    while True:
                        call()
                print(process, flush=True)
                _, status = os.waitpid(process, 0)
                assert os.WIFSIGNALED(status), status
            else:
                with contextlib.suppress(KeyboardInterrupt):
                    print(os.getpid(), flush=True)
                    call()
                    while not hit:
                        time.sleep(0.001)
            try:
                whole()
            except Exception as error:
                print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
            else:
                print(json.dumps(""), flush=True)


def attack(kind, name, count, rng):
    """Send a signal to a process that does an activity, so many times; return the faults."""
    command = [sys.executable, __file__, "--serve", kind, name, "--count", str(count)]
    faults = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        told = iter(server.stdout)
        seconds = json.loads(next(told))
        for _ in range(count):
            process = int(next(told))
            time.sleep(rng.uniform(0.0, 1.1 * seconds))
            os.kill(process, getattr(signal, kind))
            faults += filter(None, [json.loads(next(told))])
    return faults


def lesson(path, rng):
    """Run a lesson, press Ctrl-C, and return what is wrong with what it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(path), "--out", folder]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        process.stdout.readline()  # it has begun
        time.sleep(rng.uniform(0.0, 2.0))
        process.send_signal(signal.SIGINT)
        output = process.communicate()[0]
        if process.returncode not in (0, 130, -signal.SIGINT) or "Traceback" in output:
            return [f"{path.name}: status {process.returncode}, {output[-300:]}"]
        return [
            f"{f.name} is not whole" for f in Path(folder).rglob("*.*")
            if f.suffix in (".svg", ".png", ".html")
            and not f.read_bytes().rstrip().endswith((b"</svg>", b"IEND\xaeB`\x82", b"</html>"))
        ]  # fmt: skip


def every_line():
    """Raise at every line of what the tests try; yield name, count and faults."""
    operations = dict(tried.OPERATIONS)
    with tempfile.TemporaryDirectory() as folder:
        operations |= {name: tried.written(name, Path(folder)) for name in tried.WRITERS}
        for name, make in operations.items():
            for error in (KeyboardInterrupt, MemoryError, RecursionError):
                yield f"{name}, {error.__name__}", *tried.between(make, error, every=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=50, help="signals for each activity (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="activities, such as fit and save")
    parser.add_argument("--lessons", action="store_true", help="Ctrl-C to every lesson too")
    parser.add_argument("--lines", action="store_true", help="raise at every line instead")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve, options.count)
        return 0
    found = []

    def tell(what, count, faults):
        found.extend(faults)
        print(f"{what:<40}{count:>7} times  {len(faults) or 'no'} faults", flush=True)
        for fault in sorted(set(faults)):
            print(f"  {fault}")

    if options.lines:
        for result in every_line():
            tell(*result)
        return int(bool(found))
    for kind, activities in (("SIGINT", INTERRUPTED), ("SIGKILL", KILLED)):
        for name in activities:
            if name in (options.only or activities):
                rng = random.Random(f"{options.seed} {kind} {name}")
                faults = attack(kind, name, options.count, rng)
                tell(f"{kind} in {name}", options.count, faults)
    if options.lessons:
        rng = random.Random(options.seed)
        own = [path for path in DEMOS.glob("[0-9]*.py") if "lessons" in path.read_text("utf-8")]
        for path in sorted(own):  # the others are scripts as people write them
            faults = [fault for _ in range(options.count) for fault in lesson(path, rng)]
            tell(f"SIGINT in {path.name}", options.count, faults)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
