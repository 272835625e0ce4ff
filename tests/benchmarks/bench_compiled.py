"""Compiled programs beside their peers, and beside CPython's own limit.

pip install -e ".[bench]" && python -m pytest tests/benchmarks/bench_compiled.py
"""

import ast
import importlib
import random
import statistics
import time
import tracemalloc
from functools import partial

import gpts
import networks
import pytest
import tuple_engine
from networks import ROWS

from microgradnet import Value, losses, nn
from microgradnet.compiling import compile


def optional(name):
    """Return a module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def network(activation, sizes=networks.SIZES):
    """Return an MLP with the weights that all systems have."""
    model = nn.MLP(sizes[0], sizes[1:], activation=activation, seed=0)
    numbers = [w for layer in networks.weights(sizes) for row in layer for w in row]
    for p, number in zip(model.parameters(), numbers, strict=True):
        p.data = number
    return model


def test_full_step(side_by_side):
    """100 points, hinge loss, gradients and update of MLP 2-16-16-1 with ReLU."""
    model = network("relu")
    parameters = model.parameters()
    program = compile(lambda x, y: losses.hinge(model(x), y), parameters)

    def step():
        for p in parameters:
            p.grad = 0.0
        total = program.over(ROWS)
        rate = 0.05 / len(ROWS)
        for p in parameters:
            p.data -= rate * p.grad
        return total / len(ROWS)

    micrograd = optional("micrograd.engine")
    steps = {
        "microgradnet, eager": networks.eager_step(Value),
        "tuple of local gradients": networks.eager_step(tuple_engine.Value),
        "micrograd": networks.eager_step(micrograd.Value) if micrograd else None,
        "list loops by hand": networks.list_loops()[1],
    }
    first = step()
    for name, peer in steps.items():
        assert peer is None or abs(peer() - first) < 1e-12, name
    # Four steps in turn: who leaves cycles pays for them in the steps that follow.
    side_by_side(
        "1. MLP 2-16-16-1, 100 points, one full step with update", step, steps,
        rounds=7, iterations=4,
    )  # fmt: skip


def once(activation, sizes=networks.SIZES):
    """Return a program for one example, a call of its raw form, and the example."""
    model = network(activation, sizes)
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    rng = random.Random(5)
    numbers = [p.data for p in model.parameters()]
    x = ROWS[3][0] if sizes[0] == 2 else [rng.random() for _ in range(sizes[0])]
    y = 1.0 if sizes[-1] == 1 else [rng.random() for _ in range(sizes[-1])]
    program.value_and_grad(numbers, x, y)
    return program, lambda: program.value_and_grad(numbers, x, y), (x, y)


@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_one_example(side_by_side, kind):
    """Loss and gradients of one example at a time, the mean over 100 of them."""
    model = network(kind)
    loss = losses.hinge if kind == "relu" else losses.mean_squared_error
    program = compile(lambda x, y: loss(model(x), y), model.parameters())
    numbers = [p.data for p in model.parameters()]
    calls = {"microgradnet, Values": program}
    if kind == "relu":
        calls["list loops by hand"] = networks.list_loops()[0]
    for name, module, make in (
        ("NumPy by hand", "numpy", networks.once_numpy),
        ("PyTorch, eager", "torch", networks.once_torch),
        ("JAX, jitted", "jax", networks.once_jax),
        ("CasADi, SX function", "casadi", networks.once_casadi),
        ("HIPS autograd", "autograd", networks.once_autograd),
    ):
        found = optional(module)
        calls[name] = make(found, kind) if found else None
    for name, call in calls.items():
        for x, y in ROWS[:5] if call else ():
            result = call(x, y)
            found = float(result if isinstance(result, float) else result[0])
            assert abs(found - loss(model(x), y).data) < 1e-9, name

    def all_rows(call):
        def run():
            for x, y in ROWS:
                call(x, y)

        return run

    side_by_side(
        f"2. MLP 2-16-16-1, loss and gradients of 100 examples one by one: {kind}",
        all_rows(lambda x, y: program.value_and_grad(numbers, x, y)),
        {name: call and all_rows(call) for name, call in calls.items()}, rounds=15,
    )  # fmt: skip


def test_gpt(side_by_side):
    """Forward and backward of the one-layer GPT on "emma", five tokens."""
    model = gpts.demo.GPT(42)
    parameters = model.parameters()
    program = compile(model.loss, parameters)
    inputs = gpts.demo.example("emma", 5)
    numbers = [p.data for p in parameters]
    loss, _ = program.value_and_grad(numbers, *inputs)

    def eager():
        model.zero_grad()
        value = model.loss(*inputs)
        value.backward()
        return value.data

    torch = optional("torch")
    peers = {
        "microgradnet, Values": lambda: program(*inputs),
        "microgradnet, eager": eager,
        "tuple of local gradients": gpts.scalar_step(tuple_engine.Value, model, "emma"),
        "PyTorch, vectorised": gpts.torch_step(torch, model, "emma") if torch else None,
    }
    for name, peer in peers.items():
        found = peer() if peer else loss
        assert abs((found[0] if isinstance(found, tuple) else found) - loss) < 1e-9, name
    side_by_side(
        '3. GPT with 4,192 parameters, forward and backward on "emma"',
        lambda: program.value_and_grad(numbers, *inputs), peers, rounds=9, iterations=4,
    )  # fmt: skip


def test_digits(side_by_side):
    """A sample of digits 64-30-10, beside one example of 2-16-16-1: tanh in both."""
    program, _, _ = once("tanh", (64, 30, 10))
    rng = random.Random(6)
    rows = [
        ([rng.random() for _ in range(64)], [rng.random() for _ in range(10)]) for _ in range(10)
    ]
    numbers = [p.data for p in program.parameters]
    _, small, _ = once("tanh")

    def ten_times():
        for _ in range(10):
            small()

    side_by_side(
        "4. digits 64-30-10 with tanh, ten samples; ten examples of 2-16-16-1",
        lambda: program.sums(numbers, rows), {"2-16-16-1": ten_times}, rounds=15, iterations=20,
    )  # fmt: skip


def test_growth(report):
    """How time and memory grow with the network, eager and compiled."""
    lines = [
        f"{'network':>12} {'parameters':>10} {'trace+print+compile':>20} {'compiled':>10} "
        f"{'eager':>10} {'a parameter':>12} {'program':>10}"
    ]
    for sizes in ((2, 2, 1), (2, 16, 16, 1), (64, 30, 10), (196, 30, 10), (784, 30, 10)):
        tracemalloc.start()
        program, _, (x, y) = once("tanh", sizes)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        start = time.perf_counter()
        program, run, _ = once("tanh", sizes)
        making = time.perf_counter() - start
        compiled = _median(run)
        model = network("tanh", sizes)
        eager = _median(partial(_eager, model, x, y), 3)
        count = len(program.parameters)
        lines.append(
            f"{'-'.join(map(str, sizes)):>12} {count:>10,} {making:>18.2f} s "
            f"{compiled * 1e6:>7.0f} us {eager * 1e3:>7.2f} ms "
            f"{compiled / count * 1e9:>9.1f} ns {size / 1e6:>7.1f} MB"
        )
    lines.append("")
    model = network("tanh")
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    for count in (1, 10, 100, 1000):
        rows = (ROWS * 10)[:count]
        program.over(rows)
        seconds = _median(partial(program.over, rows)) / count
        lines.append(f"a batch of {count:>4}: {seconds * 1e6:6.1f} us a row")
    report("5. Growth with the network, and with the batch", *lines)


def _eager(model, x, y):
    losses.mean_squared_error(model(x), y).backward()


def _median(run, rounds=9):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def test_limit(report):
    """The operations in the generated text, times what one costs in straight-line code."""
    model = network("tanh")
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())
    numbers = [p.data for p in model.parameters()]
    program.sums(numbers, ROWS)
    text = program.source
    tree = ast.parse(text).body[-1]
    loop = next(node for node in ast.walk(tree) if isinstance(node, ast.For))
    floats = sum(isinstance(n, (ast.BinOp, ast.UnaryOp, ast.AugAssign)) for n in ast.walk(loop))
    calls = sum(isinstance(n, ast.Call) for n in ast.walk(loop))
    straight, count = networks.straight_line()
    tanh = _tanh_calls()
    ratios = []
    for _ in range(30):
        one = _median(straight, 30) / count
        call = _median(tanh, 30) / 1000
        row = _median(lambda: program.sums(numbers, ROWS), 3) / len(ROWS)
        ratios.append((row / (floats * one + calls * call), row, one))
    ratio, row, one = (statistics.median(column) for column in zip(*ratios, strict=True))
    report(
        "6. CPython's limit: MLP 2-16-16-1 with tanh, a row of 100",
        f"{floats} float operations at {one * 1e9:.1f} ns, {calls} calls of tanh",
        f"a row takes {row * 1e6:.1f} us, {ratio:.2f} times the limit",
    )


def _tanh_calls():
    namespace = {}
    lines = ["from math import tanh", "def run(x):", *["    x = tanh(x)"] * 1000, "    return x"]
    exec("\n".join(lines), namespace)
    return lambda: namespace["run"](0.5)
