"""What training costs: fit compiled beside eager, and networks of the size of digits and MNIST.

pip install -e ".[test]" && python -m pytest tests/benchmarks/bench_training.py
"""

import random
import statistics
import time

import networks

from microgradnet import data, losses, nn, optim
from microgradnet.training import fit


def test_fit_compiled_and_eager(side_by_side):
    """An epoch of 200 rows of digits 64-30-10 in batches of 10, with the update."""
    table = data.load("digits")
    rows = [([x / 16 for x in p], y) for p, y in zip(table.points, table.targets, strict=True)]

    def run(compiled):
        model = nn.MLP(64, [30, 10], activation="sigmoid", init="lecun", seed=0)
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        fit(
            model, losses.cross_entropy, rows[:200], optimizer, 10 if compiled else 1, 10,
            compiled=compiled, metrics={},
        )  # fmt: skip

    side_by_side(
        "fit: ten epochs of 200 digits, 64-30-10, compiling included", lambda: run(True),
        {"one epoch, eager": lambda: run(False)}, rounds=3,
    )  # fmt: skip


def test_digits(report):
    """30 epochs of 1,500 digits, cross-entropy, with 297 held out: time and accuracy."""
    table = data.load("digits")
    rows = [([x / 16 for x in p], y) for p, y in zip(table.points, table.targets, strict=True)]
    model = nn.MLP(64, [30, 10], activation="sigmoid", init="xavier", seed=0)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    start = time.perf_counter()
    history = fit(
        model, losses.cross_entropy, rows[:1500], optimizer, 30, 10, validation=rows[1500:]
    )
    report(
        "digits 64-30-10, 1,500 rows, 30 epochs in batches of 10",
        f"{time.perf_counter() - start:.1f} s, the program's making included",
        f"accuracy on 297 held-out rows {history[-1].metrics['accuracy']:.4f}",
    )


def test_mnist_shape(report):
    """784-30-10 in batches of 10 with the update, beside one straight-line float operation."""
    rng = random.Random(0)
    rows = [
        ([rng.random() if rng.random() < 0.2 else 0.0 for _ in range(784)], rng.randrange(10))
        for _ in range(600)
    ]
    model = nn.MLP(784, [30, 10], activation="sigmoid", init="lecun", seed=0)
    weights = len(model.parameters())
    straight, count = networks.straight_line()
    costs = []

    def measure(epoch):
        start = time.perf_counter()
        for _ in range(500):
            straight()
        operation = (time.perf_counter() - start) / 500 / count
        cost = epoch.seconds / len(rows) / weights
        costs.append((cost, operation, cost / operation))

    optimizer = optim.SGD(model.parameters(), lr=0.1)
    fit(model, losses.cross_entropy, rows, optimizer, 5, 10, metrics={}, callbacks=measure)
    cost, operation, ratio = (statistics.median(column) for column in zip(*costs[1:], strict=True))
    report(
        "784-30-10 in batches of 10, update included",
        f"{cost * 1e9:.1f} ns a weight and sample, where a float operation costs "
        f"{operation * 1e9:.1f} ns: {ratio:.1f} times that, {8 * ratio:.0f} ns where it costs 8",
    )
