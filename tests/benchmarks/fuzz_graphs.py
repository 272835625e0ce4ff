"""Build random graphs, and hold each to one answer: eager, stepped, compiled, in the mathematics.

python tests/benchmarks/fuzz_graphs.py --count 100000 --seed 1

A graph has any operations in any form, on any numbers: see tests/graphs.py. What is compared, to
the bit or within an error bound that is computed for the very graph, is in tests/agreement.py: each
graph goes through the checks of ALWAYS, and one of those IN_TURN. What does not agree is made
smaller and printed as Python, with the number of its graph, and the exit status is 1; `--only
NUMBER` runs that graph alone, through all checks. The seed and the numbers make the graphs,
whatever ran before them.
"""

import argparse
import importlib.util
import multiprocessing
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import agreement
import graphs

ALWAYS = [agreement.stepped, agreement.compiled, agreement.again, agreement.mathematics]
IN_TURN = [agreement.of_inputs, agreement.second, agreement.forward, agreement.curvature]
if importlib.util.find_spec("torch"):
    IN_TURN.append(agreement.pytorch)
CHUNK = 500  # graphs, after which a process tells what it found
SHOWN = 3  # counterexamples of a kind that a process makes smaller


def case(seed, number):
    """Return a graph by its number."""
    return graphs.random_graph(random.Random(f"{seed}:{number}"))


def found(check, graph, tally):
    """Return what a check finds, also where it fails itself."""
    try:
        return list(check(graph, tally))
    except Exception as error:
        return [agreement.Finding(f"{check.__name__}: {type(error).__name__}", f"{error!r:.300}")]


def run(seed, numbers, every=False):
    """Return what was compared, the findings by kind, what to print of them, and what was run."""
    tally, kinds, texts = agreement.Tally(), Counter(), []
    sizes = Counter()
    for number in numbers:
        graph = case(seed, number)
        sizes["graphs"] += 1
        sizes["operations"] += len(graph.lines)
        sizes["most"] = max(sizes["most"], len(graph.lines))
        in_turn = IN_TURN if every else [IN_TURN[number % len(IN_TURN)]]
        for check in [*ALWAYS, *in_turn]:
            for finding in found(check, graph, tally):
                kinds[finding.kind] += 1
                if kinds[finding.kind] <= SHOWN:
                    texts.append(told(number, check, graph, finding.kind))
    return Counter(tally), tally.ratios, kinds, texts, sizes


def told(number, check, graph, kind):
    """Return a smallest graph with a finding of a kind, as Python, and the finding."""

    def same(graph):
        found_here = found(check, graph, agreement.Tally())
        return next((finding for finding in found_here if finding.kind == kind), None)

    smallest = graphs.shrunk(graph, same)
    return f"graph {number}, {kind}: {same(smallest).text}\n{smallest}"


def _chunk(arguments):
    return run(*arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one graph")
    chosen = parser.parse_args()
    start = time.perf_counter()
    if chosen.only is not None:
        print(case(chosen.seed, chosen.only))
        results = iter([run(chosen.seed, [chosen.only], every=True)])
    else:
        chunks = [
            (chosen.seed, range(first, min(first + CHUNK, chosen.count)))
            for first in range(0, chosen.count, CHUNK)
        ]
        pool = multiprocessing.Pool(chosen.processes)
        results = pool.imap(_chunk, chunks)
    tally, ratios, kinds, sizes = Counter(), {}, Counter(), Counter()
    for compared, worst, findings, texts, counts in results:
        tally += compared
        kinds += findings
        most = max(sizes["most"], counts["most"])
        sizes += counts
        sizes["most"] = most
        for kind, ratio in worst.items():
            ratios[kind] = max(ratios.get(kind, 0.0), ratio)
        for text in texts:
            print(f"\n{text}\n", flush=True)
        if sizes["graphs"] % 10_000 == 0:
            took = time.perf_counter() - start
            print(f"{sizes['graphs']:,} graphs, {took:.0f} s", file=sys.stderr, flush=True)
    for kind, count in sorted(tally.items()):
        ratio = f", at most {ratios[kind]:.3f} of the bound" if kind in ratios else ""
        print(f"{count:>12,}  {kind}{ratio}")
    took = time.perf_counter() - start
    print(
        f"{sizes['graphs']:,} graphs of seed {chosen.seed}, {sizes['operations']:,} operations, "
        f"{sizes['most']} in the largest, in {took:.0f} s, Python {sys.version.split()[0]}: "
        f"{sum(kinds.values())} mismatches"
    )
    for kind, count in sorted(kinds.items()):
        print(f"{count:>12,}  {kind}")
    return int(bool(kinds))


if __name__ == "__main__":
    sys.exit(main())
