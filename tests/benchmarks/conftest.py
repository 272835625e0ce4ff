"""Measure systems side by side: peers run in turn with ours, round by round, in one process.

    python -m pytest tests/benchmarks/bench_*.py

prints one table: system, what it did, median, and the median of its ratio to ours, pair by pair.
A system that is not installed is named and left out. What one system leaves for the collector is
collected before the next is timed, so that nobody pays for another's cycles.
"""

import gc
import platform
import statistics
import time

import pytest

_TABLES = []


@pytest.fixture
def side_by_side(benchmark, request):
    """Return a function that times `ours` under pytest-benchmark, with each peer in every round."""

    def measure(what, ours, peers, rounds=7, iterations=1):
        times = {name: [] for name, run in peers.items() if run}

        def others():
            for name, run in peers.items():
                if run:
                    gc.collect()
                    start = time.perf_counter()
                    for _ in range(iterations):
                        run()
                    times[name].append((time.perf_counter() - start) / iterations)
            gc.collect()

        kept = []

        def timed():
            start = time.perf_counter()
            for _ in range(iterations):
                ours()
            kept.append((time.perf_counter() - start) / iterations)

        others()  # a warm-up that is not counted
        timed()
        for series in (kept, *times.values()):
            series.clear()
        benchmark.pedantic(timed, setup=others, rounds=rounds, iterations=1)
        rows = [("microgradnet", statistics.median(kept), 1.0)]
        rows += [
            (
                name,
                statistics.median(series),
                statistics.median(theirs / mine for theirs, mine in zip(series, kept, strict=True)),
            )
            for name, series in times.items()
        ]
        missing = [name for name, run in peers.items() if not run]
        benchmark.extra_info["ratios"] = {name: ratio for name, _, ratio in rows}
        _TABLES.append((what, rows, missing))
        return {name: ratio for name, _, ratio in rows}

    return measure


@pytest.fixture
def report():
    """Return a function that puts lines of other figures into the table."""

    def add(what, *lines):
        _TABLES.append((what, list(lines), []))

    return add


def pytest_terminal_summary(terminalreporter):
    """Print what was measured."""
    write = terminalreporter.write_line
    write("")
    write(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    for what, rows, missing in _TABLES:
        write("")
        write(what)
        for row in rows:
            if isinstance(row, str):
                write(f"  {row}")
            else:
                name, seconds, ratio = row
                write(f"  {name:<34} {_readable(seconds):>10}   {ratio:>8.2f} x")
        for name in missing:
            write(f"  {name:<34} not installed")


def _readable(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"
