"""Batches shared among processes, beside this process alone, and beside what the machine allows.

pip install -e ".[bench]" && python -m pytest tests/benchmarks/bench_parallel.py
"""

import gc
import multiprocessing
import operator
import pickle
import random
import statistics
import time
from array import array
from concurrent.futures import ProcessPoolExecutor

import pytest

from microgradnet import functional, losses, nn, parallel
from microgradnet.compiling import compile
from microgradnet.parallel import Gradients, part_sums, parts

SIZES = (784, 30, 10)  # MNIST's, with random pixels: what is computed is the same
BATCHES = (10, 64, 128, 256, 500, 1000)
ROUNDS = 7
GAIN = 1.05  # below, two processes are no faster than noise


def cross_entropy(logits, target):
    """Return the cross-entropy of logits and a distribution, here one-hot."""
    return -functional.dot(functional.log_softmax(logits), target)


def bare(digest, count):
    """Return the time of a batch of the rows that a worker has, with nothing sent."""
    work = parallel._RECEIVED[digest]
    numbers = [0.01] * len(work.program.parameters)
    start = time.perf_counter()
    work.program.sums(numbers, work.rows[:count])
    return time.perf_counter() - start


def timed(run, *arguments):
    """Return the seconds of one run, without what others left for the collector."""
    gc.collect()
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


@pytest.mark.parametrize("loss", [losses.mean_squared_error, cross_entropy])
def test_batches(report, loss):
    """Gradients of batches of MNIST's shape: here, by one process, by two, and two with no talk."""
    rng = random.Random(1)
    model = nn.MLP(SIZES[0], SIZES[1:], activation="sigmoid", seed=rng, init="xavier")
    program = compile(lambda x, y: loss(model(x), y), model.parameters())
    rows = [
        ([rng.random() for _ in range(784)], [float(k == i % 10) for k in range(10)])
        for i in range(2000)
    ]
    numbers = [p.data for p in program.parameters]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as one, ProcessPoolExecutor(2, context) as two:
        systems = [Gradients(program, rows, executor) for executor in (None, one, two)]
        results = [
            gradients.sums(numbers, range(1000)) for _ in range(3) for gradients in systems
        ]  # fmt: skip
        assert results == results[:1] * len(results)
        digest = systems[-1]._work.digest

        def halves(chosen):
            futures = [two.submit(bare, digest, len(chosen) // 2) for _ in range(2)]
            for future in futures:
                future.result()

        runs = [*((lambda chosen, g=g: g.sums(numbers, chosen)) for g in systems), halves]
        lines = [
            f"{'batch':>6} {'parts':>5} {'alone':>9} {'1 process':>10} {'2 processes':>12} "
            f"{'1 process':>10} {'2 processes':>12} {'with no talk':>13}"
        ]
        gains = {}
        for size in BATCHES:
            rounds = []
            for _ in range(ROUNDS):
                chosen = rng.sample(range(len(rows)), size)
                rounds.append([timed(run, chosen) for run in runs])
            alone, single, double, _ = map(statistics.median, zip(*rounds, strict=True))
            ratios = [statistics.median(r[0] / r[k] for r in rounds) for k in (1, 2, 3)]
            gains[size] = ratios[1]
            lines.append(
                f"{size:>6} {len(parts(size)):>5} {alone * 1e3:>6.1f} ms {single * 1e3:>7.1f} ms "
                f"{double * 1e3:>9.1f} ms {ratios[0]:>8.2f} x {ratios[1]:>10.2f} x "
                f"{ratios[2]:>11.2f} x"
            )
    paying = [size for size in BATCHES if all(gains[s] > GAIN for s in BATCHES if s >= size)]
    lines.append(f"two processes pay from batches of {paying[0] if paying else 'none'}")
    name = "-".join(map(str, SIZES))
    report(f"Gradients of batches, {name}, {loss.__name__}: times, and speed", *lines)


def test_what_a_part_costs(report):
    """The work around one part of 125 rows: in this process, and in a worker."""
    rng = random.Random(2)
    model = nn.MLP(SIZES[0], SIZES[1:], activation="sigmoid", seed=rng, init="xavier")
    parameters = model.parameters()
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), parameters)
    rows = [([rng.random() for _ in range(784)], [0.0] * 10) for _ in range(125)]
    numbers = [p.data for p in parameters]
    Gradients(program, rows).sums(numbers, range(125))
    work = Gradients(program, rows)._prepared()
    doubles, places = array("d", numbers), list(range(125))
    task = (work.digest, doubles, array("d"), places, None)
    result = part_sums(*task)
    gradient = list(result[1])
    pickled = pickle.dumps(task), pickle.dumps(result)
    steps = {
        "sending it": lambda: pickle.dumps(task),
        "its result": lambda: pickle.loads(pickled[1]),
        "adding it": lambda: list(map(operator.add, gradient, result[1])),
        "worker: receiving it": lambda: pickle.loads(pickled[0]),
        "worker: numbers": lambda: doubles.tolist(),
        "worker: its gradient": lambda: pickle.dumps(array("d", gradient)),
        "worker: the sums": lambda: program.sums(numbers, rows),
    }
    medians = {name: statistics.median(timed(f) for _ in range(15)) for name, f in steps.items()}
    medians["naming the rows, once"] = timed(lambda: Gradients(program, rows)._prepared().digest)
    report(
        "What a part of 125 rows costs",
        *(f"{name:<24} {seconds * 1e3:>8.2f} ms" for name, seconds in medians.items()),
    )
