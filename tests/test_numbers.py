"""Hold random graphs of every operation to one answer, and their rounding errors to a bound.

The graphs are those of `graphs`, the bound is derived in `bounds`, what is compared is in
`agreement`. tests/benchmarks/fuzz_graphs.py does the same on 100,000 graphs.
"""

import math
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import agreement
import mpmath
import pytest
from agreement import CHECKS, Tally
from bounds import BALLS, LOST, MATHEMATICS, ULPS, Ball, Balls, U, truth
from graphs import FORMS, Graph, Line, graphs, random_graph, shrunk
from hypothesis import HealthCheck, find, given, settings
from mpmath import mp, mpf

from microgradnet.calculus import gradient
from microgradnet.engine import Value, topological_order
from microgradnet.operations import OPERATIONS, RUNTIME

FUZZ = Path(__file__).parent / "benchmarks" / "fuzz_graphs.py"
QUIET = settings(suppress_health_check=list(HealthCheck))


def findings(check, graph):
    """Return what a check finds in a graph, as text."""
    return [f"{finding.kind}: {finding.text}\n{graph}" for finding in check(graph, Tally())]


def lines(leaves, *texts, n=0.0):
    """Return a graph by its leaves, and for each line its form and the places of x and y."""
    return Graph(leaves, tuple(Line(form, x, y, n) for form, x, y in texts))


# ---- random graphs -------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_random_graphs_have_one_answer(check):
    """Eager, stepped, compiled, differentiated again, in mpmath: bits, or within the bound."""

    @settings(QUIET, max_examples=40)
    @given(graphs())
    def agree(graph):
        assert not findings(check, graph)

    agree()


def test_random_graphs_agree_with_pytorch():
    """PyTorch's values and gradients are ours, within the bound times SLACK."""
    pytest.importorskip("torch")
    rng = random.Random("PyTorch")
    for _ in range(200):
        assert not findings(agreement.pytorch, random_graph(rng))


def test_every_operation_has_a_form_and_a_row():
    """Random graphs have every operation; the bound and the mathematics have a row for each."""
    assert set(BALLS) == set(MATHEMATICS) == set(OPERATIONS)
    leaves = [Value(0.5), Value(0.75)]
    roots = [form(*leaves, 0.25) for form in FORMS.values()]
    assert {v.rule.name for z in roots for v in topological_order(z) if v.rule} == set(OPERATIONS)
    rng = random.Random(0)
    seen = {line.form for _ in range(1500) for line in random_graph(rng).lines}
    assert seen == set(FORMS)


def test_every_operation_has_a_row_for_pytorch():
    """The table of PyTorch's operations has every operation."""
    torch = pytest.importorskip("torch")
    assert set(agreement.operations(torch)) == set(OPERATIONS)


def test_random_graphs_are_deep_shared_and_of_all_numbers():
    """Up to 200 operations; Values that are used often; inf, nan, -0.0, subnormals, all kinds."""
    rng = random.Random(1)
    found = [random_graph(rng) for _ in range(2000)]
    assert max(len(graph.lines) for graph in found) > 150
    uses = [[k for line in graph.lines for k in line.uses()] for graph in found]
    assert max(places.count(k) for places in uses for k in set(places)) > 10
    numbers = [n for graph in found for n in (*graph.leaves, *graph.numbers)]
    assert {type(n) for n in numbers} == {float, int, bool, Fraction}
    floats = {str(n) for n in numbers if type(n) is float}
    assert {"inf", "-inf", "nan", "-0.0", "5e-324"} <= floats


# ---- a wrong operation is found, and shown by a small graph --------------------------------------

FAULTS = {  # a function that is used by rules, and what stands in its place
    "tanh": lambda x: math.tanh(x) * (1.0 + 2e-15),
    "sin": lambda x: math.sin(x) + 1e-15,
    "log": lambda x: math.log(x) * (1.0 - 1e-15),
    "erfc": lambda x: math.erfc(x) * (1.0 + 3e-15),
    "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)) if abs(x) < 700.0 else 0.5,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_few_units_in_the_last_place_are_found_and_shown_small(name, monkeypatch):
    """An operation that is wrong by 1e-15, or far out alone, is found; the example has 3 lines."""
    monkeypatch.setitem(RUNTIME, name, FAULTS[name])
    rng = random.Random(name)
    wrong = lambda graph: findings(agreement.mathematics, graph)  # noqa: E731
    graph = next(graph for _ in range(5000) if wrong(graph := random_graph(rng)))
    smallest = shrunk(graph, wrong)
    assert len(smallest.lines) <= 3
    monkeypatch.undo()
    assert not wrong(smallest)


def test_a_wrong_derivative_is_found_by_hypothesis_and_shown_small(monkeypatch):
    """hypothesis, which makes the same graphs, shrinks to one operation of a leaf or two."""
    monkeypatch.setitem(MATHEMATICS, "sin", (mp.sin, lambda x: mp.cos(x) * (1 + mpf(10) ** -15)))
    wrong = lambda graph: findings(agreement.mathematics, graph)  # noqa: E731
    smallest = find(graphs(), wrong, settings=settings(QUIET, max_examples=5000))
    assert len(smallest.lines) <= 2
    assert any("sin" in line.form for line in smallest.lines)


def test_a_graph_shows_itself_as_python():
    """What is printed of a graph builds it."""
    rng = random.Random(3)
    for _ in range(200):
        graph = random_graph(rng)
        names = {**OPERATIONS, "abs": abs, "Value": Value, "Fraction": Fraction}
        try:
            expected = graph(graph.fresh()).data
        except (ArithmeticError, ValueError) as error:
            with pytest.raises(type(error)):
                exec(str(graph), names)
            continue
        exec(str(graph), names)
        found = names[f"v{len(graph.leaves) + len(graph.lines) - 1}"].data
        assert agreement.bits(found) == agreement.bits(expected)


# ---- the bound -----------------------------------------------------------------------------------


def test_the_bound_of_a_sum_and_of_a_product():
    """One rounding: u of the result. Two: both, and what the first does to the second."""
    x, y = Value(0.1), Value(0.7)
    balls = Balls()
    assert balls[x].radius == 0
    for z, exact in (
        (x + y, Fraction(x.data) + Fraction(y.data)),
        (x * y, Fraction(x.data) * Fraction(y.data)),
    ):
        assert Fraction(float(balls[z].exact)) == Fraction(float(exact))
        assert balls[z].radius == pytest.approx(U * exact, rel=1e-15)
    z = (x + y) * y
    first = balls[z.x]
    assert balls[z].radius == pytest.approx(first.radius * y.data + U * balls[z].exact, rel=1e-15)
    assert balls[Value(3.0) - Value(0.5)].radius == 0  # exact, so not rounded


def test_the_bound_is_lost_where_nothing_can_be_said():
    """A quotient by what may be 0, a logarithm of it, a pole, an overflow: no claim."""
    zero = Value(0.1) * 3.0 - Value(0.30000000000000004)
    for z in (1.0 / (zero + 1e-300), (zero + 5e-324).log(), Value(1e200) * 1e150, Value(math.inf)):
        assert Balls()[z] is LOST
    assert Balls()[Value(1e308) * 1.5].radius < U * 1e309


POSITIVE = ("log", "sqrt", "power", "exponential", "xlogy", "constant_power", "slope")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_exact_function_stays_within_the_bound(name):
    """Wherever in their balls the operands are, the exact result is within the ball of the result.

    Radii are up to 3, so that branches are crossed, and poles.
    """
    rng = random.Random(name)
    count = len(OPERATIONS[name].partials)
    claimed = 0
    with mpmath.workdps(50):
        for _ in range(150):
            operands = [
                Ball(mpf(rng.choice((rng.gauss(0.0, 2.0), float(rng.randint(-2, 2))))),
                     mpf(rng.choice((0.0, 10.0 ** rng.uniform(-18.0, 0.5)))))
                for _ in range(count)
            ]  # fmt: skip
            if name in POSITIVE:
                operands = [Ball(abs(x.exact) + 0.1, x.radius) for x in operands]
            ball = BALLS[name](*operands)
            if ball is LOST:
                continue
            claimed += 1
            for _ in range(10):
                at = [
                    x.exact + x.radius * rng.choice((-1, 1, rng.uniform(-1, 1))) for x in operands
                ]
                true = MATHEMATICS[name][0](*at)
                assert abs(true - ball.exact) <= ball.radius * (1 + mpf(10) ** -30), (operands, at)
    assert claimed > 40


@pytest.mark.parametrize("name", sorted(ULPS.keys() & OPERATIONS.keys()))
def test_the_c_library_is_as_good_as_the_bound_says(name):
    """Each function is wrong by no more than ULPS on 400 numbers of all magnitudes."""
    rng = random.Random(name)
    with mpmath.workdps(50):
        for _ in range(400):
            x = rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(-12.0, 2.5)
            ball = BALLS[name](Ball(mpf(x), mpf(0)))
            if ball is not LOST:
                assert abs(mpf(OPERATIONS[name].value(x)) - ball.exact) <= ball.radius, x


def test_truth_is_a_derivative():
    """The textbook's formulas for partials are the derivatives of those for values."""
    rng = random.Random(5)
    with mpmath.workdps(100):
        step = mpf(10) ** -30
        for name, (value, *partials) in MATHEMATICS.items():
            if name in ("exponential", "constant_power", "slope", "detach"):
                partials = [p for p in partials if name == "slope" and p is partials[0]]
            for _ in range(5):
                at = [mpf(rng.uniform(0.2, 2.0)) * (1 if name in POSITIVE else rng.choice((-1, 1)))
                      for _ in OPERATIONS[name].partials]  # fmt: skip
                for i, partial in enumerate(partials):
                    up, down = [
                        [x + d * step * (k == i) for k, x in enumerate(at)] for d in (1, -1)
                    ]
                    slope = (value(*up) - value(*down)) / (2 * step)
                    assert abs(slope - partial(*at)) < 1e-25, (name, i, at)


def test_a_long_ill_conditioned_graph_is_within_its_bound():
    """x - sin(x), 20 times over, at 1e-3: few digits are left, and the bound says how many."""
    x = Value(1e-3)
    z = x
    for _ in range(20):
        z = (z * 1e3 - (z * 1e3).sin()) * 1e-3
    z.backward()
    balls = Balls()
    [slope] = gradient(z, [x])
    with mpmath.workdps(50):
        exact, [true] = truth(z, [x])
        assert abs(z.data - exact) <= balls[z].radius
        assert abs(x.grad - true) <= balls[slope].radius


# ---- what was found ------------------------------------------------------------------------------

FOUND = {
    # The gate of a maximum, within which no block can stand: what is behind it is not reached.
    "nan behind a gate without a block": (
        agreement.of_inputs,
        Graph(
            (0.0, 0.0),
            (Line("minimum(x, n)", 0, 0, 0.0), Line("x.maximum(y)", 1, 2, 0.0),
             Line("relu(x)", 3, 0, 0.0), Line("maximum(x, y)", 4, 0, 0.0)),
        ),
    ),
    # The same, where behind it is a derivative that does not exist: in calls and in over().
    "an error behind a gate without a block": (
        agreement.compiled,
        lines((0.0,), ("power(x, y)", 0, 0), ("minimum(x, y)", 1, 0)),
    ),
    # What stands in one branch of a rule alone is computed before it, and raises.
    "an operand in a branch": (
        agreement.of_inputs,
        Graph(
            (0.0,),
            (Line("div(n, x)", 0, 0, 0.0), Line("constant_power(n, x)", 1, 0, 0.0),
             Line("leaky_relu(n, x)", 2, 0, 1.0)),
        ),
    ),
    # A closed relu keeps nothing from what comes before it in backward.
    "a derivative before a gate": (
        agreement.compiled, lines((0.0,), ("relu(x)", 0, 0), ("x.sqrt()", 1, 0)),
    ),
    # x ** n of an input n, at 0 ** 0: as of the number that it is.
    "an exponent that is an input": (agreement.of_inputs, lines((0.0,), ("x ** n", 0, 0))),
}  # fmt: skip


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_stays_mended(what):
    """Smallest graphs on which compiled programs did not do what the eager graph does."""
    check, graph = FOUND[what]
    assert not findings(check, graph)


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_tells_what_it_tried():
    """A short run compares everything, and ends with how much it was, and status 0."""
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--count", "20", "--seed", "1"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 graphs of seed 1, " in done.stdout
    assert ": 0 mismatches" in done.stdout
    assert " of the bound" in done.stdout


def test_the_command_shows_what_it_found(monkeypatch):
    """A mismatch is counted by its kind, and printed as a small graph with its number."""
    monkeypatch.syspath_prepend(str(FUZZ.parent))
    import fuzz_graphs

    monkeypatch.setitem(RUNTIME, "tanh", FAULTS["tanh"])
    monkeypatch.setattr(fuzz_graphs, "ALWAYS", [])
    monkeypatch.setattr(fuzz_graphs, "IN_TURN", [agreement.mathematics])
    numbers = (n for n in range(500) if "tanh" in str(fuzz_graphs.case(1, n)))
    tally, _, kinds, texts, sizes = fuzz_graphs.run(1, [next(numbers) for _ in range(20)])
    assert sizes["graphs"] == 20
    assert tally["value"] > 0
    assert kinds["value"] > 0
    assert texts[0].startswith("graph ")
    assert "tanh" in texts[0]
