"""The eager engine: a training step beside its peers, memory, long chains, and import time."""

import gc
import linecache
import statistics
import subprocess
import sys
import time
import tracemalloc

import tuple_engine
from networks import POINTS, eager_step

from microgradnet import Value, engine, nn
from microgradnet.operations import OPERATIONS, RUNTIME

try:
    import micrograd.engine as micrograd
except ImportError:
    micrograd = None


def test_training_step(side_by_side):
    """A full eager step: forward, backward, update; collector on."""
    assert gc.isenabled()
    side_by_side(
        "MLP 2-16-16-1, 100 points, one full eager step",
        eager_step(Value),
        {
            "tuple of local gradients": eager_step(tuple_engine.Value),
            "micrograd": eager_step(micrograd.Value) if micrograd else None,
        },
        rounds=5,
        iterations=4,
    )


def test_stale_data_detection(side_by_side, monkeypatch):
    """What it costs that backward computes every operation again and compares."""
    step = eager_step(Value)

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
    step = eager_step(Value)
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
