"""Measure how time and memory grow: graphs, programs, tables, histories; and long runs, for leaks.

nice -n 10 python tests/benchmarks/scale.py

Each case of tests/growth.py runs at three sizes, each 4 times the one before, and its time for an
operation (or row, or epoch) is to stay the same: from the first to the last it may become GROWTH
times as long, where quadratic work takes 16 times as long. So is its memory, at two sizes. It is
the time of the processor, with the collector on, the best of some runs where they are short. Then
some walks of --largest operations. Then each soak does many rounds in a process of its own, with
the collector on and off, and its memory is to stay the same to 1 MB. What is found is marked, and
the exit status is 1. `--only TEXT` takes the cases with a text in their names.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from growth import CASES, COST, CYCLES, LEFT, ROUNDS, SOAKS, bytes_taken, least  # noqa: E402

GROWTH = 5.0  # times as long for one, at 16 times as many: the memory itself becomes slower
BYTES = 1.25  # times as much memory for one, at 4 times as many
MEGABYTES = 1.0
HUGE = ("build", "free", "order", "backward", "steps broken off", "recompute", "draw refused")


def seconds(name: str, size: int, runs: int) -> float:
    """Return the least time of the processor that a case's work takes."""
    taken = []
    for _ in range(runs):
        gc.collect()
        work = CASES[name](size)
        next(work)
        start = time.process_time()
        next(work, None)
        taken.append(time.process_time() - start)
        work.close()
    return min(taken)


def measure(name: str, budget: float) -> bool:
    """Print a case's time and memory for one, at growing sizes; return whether they stay so."""
    first = least(name, max(500, min(40_000, int(budget * 1e6 / 16 / COST[name]))))
    sizes = [first, 4 * first, 16 * first]
    times = [seconds(name, size, 5 if size == first else 2) / size for size in sizes]
    small = least(name, min(2_000, first))
    memory = [bytes_taken(CASES[name], size) / size for size in (small, 4 * small)]
    longer = times[-1] / times[0] if times[0] > 0.0 else 1.0
    more = memory[1] / memory[0] if memory[0] > 8.0 else 1.0
    fine = longer <= GROWTH and more <= BYTES
    shown = " ".join(f"{1e6 * t:8.2f}" for t in times)
    mark = "" if fine else f"  left: {LEFT[name]}" if name in LEFT else "  FOUND"
    print(f"{name:38} {first:>7,} {shown} {longer:6.2f} {memory[0]:9,.0f} {memory[1]:9,.0f} "
          f"{more:6.2f}{mark}", flush=True)  # fmt: skip
    return fine or name in LEFT


def huge(name: str, size: int) -> None:
    """Print a case's time at one large size."""
    print(
        f"{name:38} {size:>9,}  {1e6 * seconds(name, size, 1) / size:6.2f} us for one", flush=True
    )


def resident() -> float:
    """Return the memory of this process in MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(name: str, rounds: int, collector: bool) -> None:
    """Print by how much the memory of this process grows: in blocks, and in MB."""
    work = SOAKS[name]()
    for _ in range(max(50, rounds // 10)):
        next(work)
    gc.collect()
    if not collector:
        gc.disable()
    for _ in range(max(50, rounds // 10)):  # which fills what the collector has emptied
        next(work)
    blocks, before = sys.getallocatedblocks(), resident()
    for _ in range(rounds):
        next(work)
    if collector:
        gc.collect()
    print(sys.getallocatedblocks() - blocks, resident() - before)


def soaked(name: str, steps: int, collector: bool) -> bool:
    """Print how a soak's memory grows, in a process of its own; return whether it stays so."""
    rounds = max(60, int(steps / ROUNDS[name]))
    command = [sys.executable, __file__, "--soak", name, "--steps", str(rounds)]
    output = subprocess.run(
        command + ["--collect"] * collector, capture_output=True, text=True, check=True
    ).stdout
    blocks, megabytes = map(float, output.split())
    fine = megabytes <= MEGABYTES
    print(f"{name:28} {rounds:>7,} rounds, collector {'on ' if collector else 'off'} "
          f"{blocks:>8,.0f} blocks {megabytes:7.2f} MB{'' if fine else '  FOUND'}",
          flush=True)  # fmt: skip
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for the largest size")
    parser.add_argument("--largest", type=int, default=5_000_000, help="operations; 0 for none")
    parser.add_argument("--steps", type=int, default=20_000, help="of eager training; 0 for none")
    parser.add_argument("--only", default="", help="the cases with this text in their names")
    parser.add_argument("--soak", help=argparse.SUPPRESS)
    parser.add_argument("--collect", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.soak:
        soak(chosen.soak, chosen.steps, chosen.collect)
        return 0
    start, count, found = time.perf_counter(), 0, 0
    print(f"{'case':38} {'size':>7} {'us for one, at 1, 4, 16 times':>26} {'growth':>6} "
          f"{'bytes, at 1, 4 times':>19} {'growth':>6}")  # fmt: skip
    for name in CASES:
        if chosen.only in name:
            count += 1
            found += not measure(name, chosen.budget)
    for name in CASES:
        if chosen.largest and chosen.only in name and name.partition(",")[0] in HUGE:
            huge(name, chosen.largest)
    for name in SOAKS:
        for collector in (True, False) if chosen.steps and chosen.only in name else ():
            if collector or name not in CYCLES:
                count += 1
                found += not soaked(name, chosen.steps, collector)
    took = time.perf_counter() - start
    print(f"{count} cases in {took:.0f} s: {found} found, Python {sys.version.split()[0]}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
