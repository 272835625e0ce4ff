"""The eager engine: a training step beside its peers, memory, long chains, and import time."""

import gc
import itertools
import linecache
import random
import statistics
import subprocess
import sys
import time
import tracemalloc

import tuple_engine

from microgradnet import Value, data, engine, nn
from microgradnet.operations import OPERATIONS, RUNTIME

try:
    import micrograd.engine as micrograd
except ImportError:
    micrograd = None

POINTS, TARGETS = data.moons(100, noise=0.1, seed=1337)


def training_step(value):
    """Return one full step of MLP(2, [16, 16, 1]) on 100 moons, for an engine's Value class."""
    rng = random.Random(1337)
    sizes = (2, 16, 16, 1)
    layers = [
        [([value(rng.uniform(-1, 1)) for _ in range(nin)], value(0.0)) for _ in range(nout)]
        for nin, nout in itertools.pairwise(sizes)
    ]
    parameters = [p for layer in layers for w, b in layer for p in (*w, b)]

    def model(x):
        for index, layer in enumerate(layers):
            outputs = []
            for w, b in layer:
                z = b
                for weight, operand in zip(w, x, strict=True):
                    z = z + weight * operand
                outputs.append(z if index == 2 else z.relu())
            x = outputs
        return x[0]

    def step():
        total = None
        for point, target in zip(POINTS, TARGETS, strict=True):
            score = model([value(number) for number in point])
            loss = (score * (1.0 - 2.0 * target) + 1.0).relu()
            total = loss if total is None else total + loss
        mean = total * (1.0 / len(POINTS))
        for p in parameters:
            p.grad = 0.0
        mean.backward()
        for p in parameters:
            p.data -= 0.05 * p.grad
        return mean.data

    return step


def test_training_step(side_by_side):
    """A full eager step: forward, backward, update; collector on."""
    assert gc.isenabled()
    side_by_side(
        "MLP 2-16-16-1, 100 points, one full eager step",
        training_step(Value),
        {
            "tuple of local gradients": training_step(tuple_engine.Value),
            "micrograd": training_step(micrograd.Value) if micrograd else None,
        },
        rounds=5,
        iterations=4,
    )


def test_stale_data_detection(side_by_side, monkeypatch):
    """What it costs that backward computes every operation again and compares."""
    step = training_step(Value)

    def unchecked():
        pulls = {op: op.pull for op in OPERATIONS.values()}
        for op in pulls:
            op.pull = without_check[op]
        try:
            step()
        finally:
            for op, pull in pulls.items():
                op.pull = pull

    without_check = {op: _pull_without_check(op) for op in OPERATIONS.values()}
    side_by_side(
        "The same step without the detection of changed data", step, {"unchecked": unchecked},
        rounds=25,
    )  # fmt: skip


def _pull_without_check(op):
    text = "".join(linecache.getlines(f"<operation {op.name}>"))
    lines = text[text.index("def pull") :].splitlines()
    made = {}
    exec("\n".join([*lines[:2], *lines[4:]]), RUNTIME, made)
    return made["pull"]


def test_memory(report):
    """Bytes a node, of a graph that is held, before and after backward."""
    model = nn.MLP(2, [16, 16, 1], seed=1)
    gc.collect()
    tracemalloc.start()
    losses = [model(point) for point in POINTS]
    total = sum(losses)
    forward = tracemalloc.get_traced_memory()[0]
    total.backward()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    nodes = sum(map(len, engine.graph(total)))
    report(
        f"Memory of a graph of {nodes:,} nodes",
        f"after the forward pass    {forward / nodes:6.0f} bytes a node",
        f"after backward            {after / nodes:6.0f} bytes a node",
        f"at the peak of backward   {peak / nodes:6.0f} bytes a node",
    )


def test_long_chains(report):
    """A chain forwards, backwards and freed: seconds, and time a node at two lengths."""
    per_node = {}
    for length in (10_000, 1_000_000):
        seconds = []
        for _ in range(30 if length < 100_000 else 3):
            start = time.perf_counter()
            z = Value(1.0)
            for index in range(length // 2):
                z = z * 0.5 + 1.0 if index else z + 1.0
            z.backward()
            del z
            seconds.append(time.perf_counter() - start)
        per_node[length] = statistics.median(seconds) / length
    report(
        "Chains of operations, forwards, backwards and freed",
        *(f"{n:>9,}   {t * n:6.3f} s   {t * 1e9:5.0f} ns a node" for n, t in per_node.items()),
        f"at a million a node costs {per_node[1_000_000] / per_node[10_000]:.2f} times that",
    )


def test_growth_without_the_collector(report):
    """50 training steps with the collector disabled: bytes kept, and objects left for it."""
    step = training_step(Value)
    step()
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            step()
        growth = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        left = gc.collect()
    finally:
        gc.enable()
    report(
        "50 training steps with the collector disabled",
        f"growth {growth:,} bytes; objects left for the collector: {left}",
    )


def test_import_time(report):
    """The import in a fresh interpreter, less the interpreter's own start."""
    code = (
        "import time; t = time.perf_counter(); import microgradnet; "
        "print(time.perf_counter() - t); import sys; assert 'graphviz' not in sys.modules"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(11)
    ]
    report("import microgradnet", f"median {statistics.median(runs) * 1e3:.1f} ms")
