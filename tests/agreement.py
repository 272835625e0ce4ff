"""Hold a random graph to one answer: however it is run, in the mathematics, and in PyTorch.

A check takes a graph and yields a Finding for each thing that does not agree; CHECKS are all.
Where bits are compared every nan is the same, and where nothing is said of zeros -0.0 is not 0.0.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import mpmath
from bounds import DIGITS, LOST, Ball, Balls, smooth, truth
from graphs import FORMS, INF, NAN, Graph
from mpmath import mp, mpf

from microgradnet.calculus import grad, gradient, hessian, hvp, jvp, vjp
from microgradnet.compiling import Program, compile
from microgradnet.engine import Value, topological_order
from microgradnet.functional import total
from microgradnet.operations import GATES

FAILURES = (ArithmeticError, ValueError)


class Finding(NamedTuple):
    """What does not agree: its kind, and both answers."""

    kind: str
    text: str


class Tally(Counter[str]):
    """How often what was compared; and by kind, the largest error in units of its bound."""

    def __init__(self) -> None:
        super().__init__()
        self.ratios: dict[str, float] = {}


def bits(number: float) -> bytes:
    """Return the eight bytes of a float: they tell -0.0 from 0.0, and every nan is the same."""
    assert number.__class__ is float, f"{number!r} is a {type(number).__name__}, not a float"
    return struct.pack("<d", NAN if math.isnan(number) else number)


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two lists of floats have the same bits, or two errors are of one type."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return list(map(bits, ours)) == list(map(bits, theirs))
    return ours is theirs


def run(function: Callable[[], list[float]]) -> Any:
    """Return the numbers of a function, with 0.0 for -0.0, or the type of its error."""
    try:
        return [number + 0.0 for number in function()]
    except FAILURES as error:
        return type(error)


def outcome(function: Callable[[], Any], values: Sequence[Value], start: float = 0.0) -> Any:
    """Return a function's number, if any, and the grads after it; or the type of its error.

    Before it every grad is `start`; an error must leave it so.
    """
    for v in values:
        v.grad = start
    try:
        number = function()
    except FAILURES as error:
        if any(v.grad is not start for v in values):
            raise AssertionError(f"{error!r} changed a gradient") from error
        return type(error)
    return [*([] if number is None else [number]), *(v.grad for v in values)]


def eager(f: Callable[..., Value], *inputs: Any) -> float:
    """Run a function and its backward, and return its number."""
    result = f(*inputs)
    result.backward()
    return result.data


def drain(root: Value) -> None:
    """Run backward() one step at a time."""
    for _ in root.backward_steps():
        pass


# ---- bits ----------------------------------------------------------------------------------------


class Point(NamedTuple):
    """Numbers for the leaves, and for what stands beside Values in the lines."""

    leaves: tuple[float, ...]
    numbers: tuple[Any, ...]

    def set(self, leaves: Sequence[Value]) -> None:
        """Give leaves their numbers."""
        for v, number in zip(leaves, self.leaves, strict=True):
            v.data = number


CHANGES: list[Callable[[float], float]] = [
    lambda x: x, lambda x: NAN, lambda x: -x, lambda x: 0.0, lambda x: 1.0, lambda x: -0.0,
    lambda x: INF, lambda x: x / 3.0, lambda x: 1e200 * x,
]  # fmt: skip


def points(graph: Graph) -> list[Point]:
    """Return the graph's own numbers, and others: floats change, other numbers are fixed."""
    return [
        Point(
            tuple(map(change, graph.leaves)),
            tuple(change(n) if n.__class__ is float else n for n in graph.numbers),
        )
        for change in CHANGES
    ]


def built(graph: Graph, point: Point) -> Value | None:
    """Return the result of a graph at a point; None where it has none."""
    try:
        return graph(list(map(Value, point.leaves)), point.numbers)
    except FAILURES:
        return None


def stepped(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """backward_steps(), drained, leaves every grad that backward() leaves, or has its error."""
    for point in points(graph)[:3]:
        root = built(graph, point)
        for start in (0.0, 0.1) if root else ():
            values = topological_order(root)
            expected = outcome(root.backward, values, start)
            ours = outcome(lambda root=root: drain(root), values, start)
            yield from compared("stepped", expected, ours, tally, point)


def compiled(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """A program has the eager bits, and raises where the eager graph does."""
    leaves = graph.fresh()
    program = Program(lambda: graph(leaves), leaves)
    rows = [(point, ()) for point in points(graph)]
    yield from _program("compiled", program, rows, lambda _: failures(graph, leaves), tally)
    if program.cache_info().shapes:
        rows[0][0].set(leaves)
        yield from _rows("compiled", program, [(), ()], tally)


def of_inputs(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """A program whose inputs are the numbers beside Values has the eager bits, and its errors."""
    # x.power(n) makes a Value of a number, and x ** n does not: of an input that cannot be seen.
    forms = {line.form for line in graph.lines}
    floats = [line.n for line in graph.lines if "n" in line.letters() and line.n.__class__ is float]
    if floats and forms.isdisjoint(("power(x, n)", "x.power(n)")):
        leaves = graph.fresh()
        program = Program(lambda *numbers: graph(leaves, numbers), leaves)
        rows = [(point, point.numbers) for point in points(graph)]
        failing = lambda row: failures(graph, leaves, row)  # noqa: E731
        yield from _program("of inputs", program, rows, failing, tally)
        if program.cache_info().shapes:
            rows[0][0].set(leaves)
            yield from _rows("of inputs", program, [row for _, row in rows[:5]], tally)


def second(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """A sum of derivatives is compiled with the bits of its own backward(), and its errors."""
    leaves = graph.fresh()
    made: list[Value] = []

    def slopes() -> Value:
        parts = gradient(graph(leaves), leaves)
        made.append(total(part * (k + 0.5) for k, part in enumerate(parts)))
        return made[-1]

    def failing(_: Any) -> Any:
        return needed(next(root for root in made if root.__class__ is Value), leaves)

    rows = [(point, ()) for point in points(graph)]
    yield from _program("second", Program(slopes, leaves), rows, failing, tally)


def _program(
    kind: str, program: Program, rows: list[tuple[Point, Any]], failing: Callable[[Any], Any],
    tally: Tally,
) -> Iterator[Finding]:  # fmt: skip
    leaves, f = program.parameters, program._f
    assert f is not None
    expected = []
    for point, row in rows:
        point.set(leaves)
        expected.append(outcome(lambda row=row: eager(f, *row), leaves))
        if isinstance(expected[-1], list) and not program.cache_info().shapes:
            ours = outcome(lambda row=row: program(*row), leaves)  # it is traced here
            yield from compared(kind, expected[-1], ours, tally, point)
    if not program.cache_info().shapes:
        tally[f"{kind}: an error at every point"] += 1
        return
    for (point, row), theirs in zip(rows, expected, strict=True):
        point.set(leaves)
        ours = outcome(lambda row=row: program(*row), leaves)
        numbers = [v.data for v in leaves]
        raw = run(lambda row=row, numbers=numbers: _flat(program.value_and_grad(numbers, *row)))
        if not isinstance(theirs, list) and ours is not theirs:
            theirs = allowed(ours, failing(row), kind, tally)
        yield from compared(kind, theirs, ours, tally, point)
        yield from compared(f"{kind}, value_and_grad()", plain(theirs), raw, tally, point)


def plain(found: Any) -> Any:
    """Return an outcome with 0.0 for -0.0."""
    return [number + 0.0 for number in found] if isinstance(found, list) else found


def _flat(result: tuple[float, list[float]]) -> list[float]:
    return [result[0], *result[1]]


def _rows(kind: str, program: Program, rows: list[Any], tally: Tally) -> Iterator[Finding]:
    leaves, f = program.parameters, program._f
    assert f is not None

    def in_turn(rows: list[Any]) -> float:
        result = 0.0
        for row in rows:
            result += eager(f, *row)
        return result

    fine, bad = [], []
    for row in rows:
        found = outcome(lambda row=row: in_turn([row]), leaves)
        (fine if isinstance(found, list) else bad).append(row)
    numbers = [v.data for v in leaves]
    for start in (0.0, 0.1):
        expected = outcome(lambda: in_turn(fine), leaves, start)
        ours = outcome(lambda: program.over(fine), leaves, start)
        yield from compared(f"{kind}, over()", expected, ours, tally, fine)
        starts = [start] * len(leaves)
        raw = run(lambda starts=starts: _flat(program.sums(numbers, fine, starts)))
        yield from compared(f"{kind}, sums()", plain(expected), raw, tally, fine)
    for row in bad:  # over() raises where a call raises, and leaves what was
        expected = outcome(lambda row=row: program(*row), leaves, 0.1)
        if not isinstance(expected, list):
            ours = outcome(lambda row=row: program.over([*fine, row]), leaves, 0.1)
            yield from compared(f"{kind}, over()", expected, ours, tally, row)


def again(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """gradient(), grad() and vjp() have the bits of backward(), and its errors.

    They record the whole formula: what lies behind a closed gate is part of it, so that where
    that is nan, or fails, so does the whole.
    """
    for point in points(graph)[:5]:
        root = built(graph, point)
        if root is not None:
            yield from _again(graph, point, tally)


def _again(graph: Graph, point: Point, tally: Tally) -> Iterator[Finding]:
    leaves, numbers = list(map(Value, point.leaves)), list(point.leaves)

    def f(values: list[Value]) -> Value:
        return graph(values, point.numbers)

    root = f(leaves)
    theirs = run(lambda: outcome_of_backward(root, leaves))
    runs: dict[str, Callable[[], list[float]]] = {
        "gradient()": lambda: [g.data for g in gradient(root, leaves)],
        "grad()": lambda: grad(f)(numbers),
        "vjp()": lambda: vjp(f, numbers)[1](1.0)[0],
    }
    for kind, function in runs.items():
        ours, expected = run(function), theirs
        if not same(expected, ours) and not isinstance(expected, list):
            possible = needed(root, leaves, dead=())
            possible = possible[1:] if isinstance(possible, list) else possible
            expected = allowed(ours, possible, kind, tally)
        spoilt = not isinstance(ours, list) or any(map(math.isnan, ours))
        if not same(expected, ours) and spoilt and closed(root):
            tally[f"{kind}: nan or an error behind a closed gate"] += 1
        else:
            yield from compared(kind, expected, ours, tally, point)


def outcome_of_backward(root: Value, leaves: Sequence[Value]) -> list[float]:
    """Return the gradients that backward() gives."""
    for v in leaves:
        v.grad = 0.0
    root.backward()
    return [v.grad for v in leaves]


def forward(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """A forward-only program of grad() gives the numbers of grad(), or raises as it does."""
    f = grad(lambda v: graph(v))
    leaves = graph.fresh()
    program = compile(lambda *v: f(list(v)))
    roots = None
    for point in points(graph):
        expected = run(lambda point=point: f(list(point.leaves)))
        if roots is None and isinstance(expected, list):
            point.set(leaves)
            roots = gradient(graph(leaves), leaves)
        if roots is not None:
            ours = run(lambda point=point: program(*point.leaves))
            if not isinstance(expected, list) and expected is not ours:
                point.set(leaves)
                expected = allowed(ours, forwards(roots), "grad(), compiled", tally)
            yield from compared("grad(), compiled", expected, ours, tally, point)


def compared(kind: str, theirs: Any, ours: Any, tally: Tally, at: Any) -> Iterator[Finding]:
    """Yield a Finding unless both outcomes are the same."""
    tally[kind] += 1
    if not same(ours, theirs):
        yield Finding(kind, f"{theirs} expected, found {ours}, at {at}")


# ---- errors --------------------------------------------------------------------------------------

# A program does what its result needs: it computes no Value, and no derivative, that no gradient
# of a parameter is made of. So where an eager graph raises because of one that is not needed (the
# derivative of 0 ** y by the number 0), it does not; and where two fail, either may be the first.


def allowed(ours: Any, possible: Any, kind: str, tally: Tally) -> Any:
    """Return the right outcome where the eager one is an error: any possible error, or none."""
    if isinstance(possible, set):
        if isinstance(ours, type) and ours in possible:
            tally[f"{kind}: another one of several errors first"] += 1
            return ours
        return possible
    tally[f"{kind}: no error, since what fails is not needed"] += 1
    return possible


def failures(graph: Graph, leaves: list[Value], numbers: Any = None) -> Any:
    """Return the types of all errors in a graph, or where there are none, what `needed` gives."""
    values: list[Value | None] = list(leaves)
    found = set()
    for line, n in zip(graph.lines, numbers or graph.numbers, strict=True):
        z = None
        if None not in {values[k] for k in line.uses()}:
            try:
                z = FORMS[line.form](values[line.x], values[line.y], n)
            except FAILURES as error:
                found.add(type(error))
        values.append(z)
    return found or needed(values[-1], leaves)


def forwards(roots: Sequence[Value]) -> Any:
    """Compute recorded graphs on the data that their leaves have now: numbers, or the errors."""
    found, failed = set(), set()
    for z in (z for root in roots for z in topological_order(root) if z.rule is not None):
        if not failed.isdisjoint(z.args):
            failed.add(z)
        else:
            try:
                z.data = z.rule.value(*(v.data for v in z.args))
            except FAILURES as error:
                failed.add(z)
                found.add(type(error))
    return found or [root.data + 0.0 for root in roots]


def needed(root: Value | None, parameters: Sequence[Value], dead: Any = (None, "0.0")) -> Any:
    """Return what backward() gives if it computes what the parameters need: or all its errors."""
    assert root is not None
    loss = forwards([root])
    if isinstance(loss, set):
        return loss
    order = topological_order(root)
    active, found = set(parameters), set()
    for z in order:
        for v, partial in zip(z.args, z.rule.partials if z.rule else (), strict=True):
            if v in active and partial not in dead:
                active.add(z)
    grads = {root: 1.0}
    for z in reversed(order):
        for i, v in enumerate(z.args if z in grads else ()):
            if v in active and z.rule.partials[i] not in (None, "0.0"):
                local, shut = NAN, False
                try:
                    local, shut = z.rule.local(z, i)
                except FAILURES as error:
                    found.add(type(error))
                if not shut:
                    grads[v] = grads.get(v, 0.0) + grads[z] * local
    return found or [root.data, *(grads.get(v, 0.0) + 0.0 for v in parameters)]


def closed(root: Value) -> bool:
    """Return whether a graph has a closed gate, such as that of a relu below 0."""
    return any(
        partial in GATES and not z.rule.derivatives[i](z.data, z.args[0].data, z.args[-1].data)
        for z in topological_order(root)
        if z.rule is not None
        for i, partial in enumerate(z.rule.partials)
    )


# ---- the mathematics -----------------------------------------------------------------------------


def within(
    kind: str, number: float, exact: Any, ball: Ball, tally: Tally, more: Any = 0
) -> Iterator[Finding]:
    """Yield a Finding unless a float is as near to an exact number as its ball says."""
    if ball is LOST:
        tally[f"{kind}: no bound"] += 1
        return
    tally[kind] += 1
    error = abs(mpf(number) - exact) if math.isfinite(number) else mpf("inf")
    bound = ball.radius + more
    if error:
        ratio = float(error / bound) if bound else INF
        tally.ratios[kind] = max(tally.ratios.get(kind, 0.0), ratio)
        if ratio > 1.0:
            text = f"{number!r}, but {mp.nstr(exact, 20)}, within {mp.nstr(bound, 3)}"
            yield Finding(kind, f"{text}: {ratio:.3g} of it")


def mathematics(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """Value, gradient and derivative in a direction are those of mpmath, within the bound.

    jvp() multiplies along a path the other way round: its bits are others, so it has its own bound.
    """
    with mpmath.workdps(DIGITS):
        leaves = graph.fresh()
        try:
            root = graph(leaves)
            root.backward()
            slopes = gradient(root, leaves)
            exact, gradients = truth(root, leaves)
        except FAILURES:
            tally["without a derivative, or infinite"] += 1
            return
        balls = Balls()
        yield from within("value", root.data, exact, balls[root], tally)
        for v, slope, true in zip(leaves, slopes, gradients, strict=True):
            yield from within("gradient", v.grad, true, balls[slope], tally)
        directions = [1.0, -0.5, 3.0, 0.25][: len(leaves)]
        try:
            _, moved = jvp(lambda *v: graph(list(v)), leaves, directions)
        except FAILURES:  # it goes forwards, also to where no gradient comes from
            tally["jvp(): an error where backward() does not come"] += 1
            return
        true = sum(mpf(d) * g for d, g in zip(directions, gradients, strict=True))
        # What mpmath rounded on the way back, which may be another way, is 2^-116 of the bound.
        small = sum(abs(d) * balls[s].radius for d, s in zip(directions, slopes, strict=True))
        ball = balls[moved] if small < INF else LOST
        yield from within("jvp()", moved.data, true, ball, tally, small * mpf(2) ** -100)


def curvature(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """Second derivatives, in every mix of modes, are those of mpmath, and a Hessian symmetric."""
    if len(graph.lines) > 12:
        return
    with mpmath.workdps(DIGITS):
        leaves = graph.fresh()
        f = lambda v: graph(list(v))  # noqa: E731
        directions = [1.0, -0.5, 3.0, 0.25][: len(leaves)]
        try:
            root = graph(leaves)
            truth(root, leaves)
            rows = hessian(f)(leaves)
            columns = hvp(f, (leaves,), (directions,))
            moved = jvp(f, (leaves,), (directions,))[1]
            turned = gradient(moved, leaves)  # reverse over forward
            plain = hessian(f)(list(graph.leaves)), hvp(f, (list(graph.leaves),), (directions,))
        except FAILURES:
            tally["without second derivatives"] += 1
            return
        yield from compared(
            "hessian(), hvp()", _numbers(rows, columns), _numbers(*plain), tally, "numbers"
        )
        balls = Balls()
        exact = _curved(root, leaves, directions)
        if exact is None:
            tally["second derivatives at an edge"] += 1
            return
        for i, row in enumerate(rows):
            for j, entry in enumerate(row[:i]):
                if LOST not in (balls[entry], balls[rows[j][i]]):
                    other, more = mpf(rows[j][i].data), balls[rows[j][i]].radius
                    yield from within("symmetry", entry.data, other, balls[entry], tally, more)
        for k, row in enumerate(rows):
            product = sum(mpf(d) * entry.data for d, entry in zip(directions, row, strict=True))
            radius = sum(abs(d) * balls[e].radius for d, e in zip(directions, row, strict=True))
            for kind, entry in (("hvp()", columns[k]), ("reverse over forward", turned[k])):
                ball, (true, wrong) = balls[entry], exact[k]
                if wrong < 1e-20 * abs(true) + mpf(10) ** -50:
                    small = wrong + abs(true) * mpf(10) ** -45  # what mpmath rounds
                    yield from within(kind, entry.data, true, ball, tally, small)
                if radius < INF:
                    both = f"hessian(), {kind}"
                    yield from within(both, entry.data, product, ball, tally, radius)


def _numbers(*trees: Any) -> list[float]:
    return [
        (v.data if isinstance(v, Value) else v) + 0.0
        for rows, column in [trees]
        for part in (*rows, column)
        for v in part
    ]


def _curved(root: Value, leaves: list[Value], directions: list[float]) -> Any:
    # The exact Hessian times the directions: a central difference of exact gradients, where the
    # function is smooth, with what it changes from one step to another: its own error is less.
    # The steps are short beside what the largest number makes of them, as 10**308 * x**2 does.
    if not smooth(root, leaves):
        return None
    size = int(math.log10(1.0 + max(abs(v.data) for v in topological_order(root))))
    with mpmath.workdps(10 * DIGITS + 5 * size):
        found = []
        for step in (mpf(10) ** -(60 + size), mpf(10) ** -(70 + 2 * size)):
            ends = []
            for side in (step, -step):
                at = {v: mpf(v.data) + side * d for v, d in zip(leaves, directions, strict=True)}
                try:
                    ends.append(truth(root, leaves, at)[1])
                except FAILURES:
                    return None
            found.append([(up - down) / (2 * step) for up, down in zip(*ends, strict=True)])
        return [(fine, abs(fine - rough)) for rough, fine in zip(*found, strict=True)]


# ---- PyTorch -------------------------------------------------------------------------------------


def operations(torch: Any) -> dict[str, Callable[..., Any]]:
    """Return each operation on PyTorch's float64 tensors."""

    def expm1(x: Any) -> Any:
        # PyTorch's derivative is z + 1, which loses its digits below 0.
        value, slope = torch.expm1(x), torch.exp(x)
        return torch.where(slope.isinf(), value, value.detach() + (slope - slope.detach()))

    def elu(x: Any, y: Any) -> Any:
        return torch.where(x > 0, x, y * expm1(torch.clamp(x, max=0.0)))

    def step(x: Any) -> Any:
        return (x > 0).double()

    def sign(x: Any) -> Any:
        return torch.where(x.isnan(), NAN, torch.sign(x))  # PyTorch's of nan is 0

    def greater(x: Any, y: Any) -> Any:
        found = torch.where(x == y, 0.5, (x > y).double())
        return torch.where(x.isnan() | y.isnan(), NAN, found)

    def xlogy(x: Any, y: Any) -> Any:
        # PyTorch's is 0 at x = 0 for every y, ours at y = 0 alone: else it is what it says.
        return torch.xlogy(x, y) if x == 0 == y else x * torch.log(y)

    def slope(x: Any, y: Any) -> Any:
        n = y.item()
        decreed = n == 0.0 or (x.item() == 0.0 and n < 0.0 and n.is_integer())
        return 0.0 * y.detach() if decreed else n * torch.pow(x, y.detach() - 1.0)

    return {
        "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg,
        "abs": torch.abs, "power": torch.pow, "exponential": lambda x, y: torch.pow(x.item(), y),
        # Of an exponent 0.5 that is no tensor PyTorch takes the root: nan at -inf, where ** is inf.
        "constant_power": lambda x, y: torch.pow(x, y.detach()),
        "slope": slope,
        "xlogy": xlogy, "exp": torch.exp, "expm1": expm1, "log": torch.log,
        "sqrt": torch.sqrt, "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
        "erfc": torch.erfc, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu,
        "leaky_relu": lambda x, y: torch.where(x > 0, x, x * y), "elu": elu,
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "gelu": lambda x: 0.5 * x * torch.erfc(-math.sqrt(0.5) * x),
        "silu": lambda x: x * torch.sigmoid(x), "maximum": torch.maximum,
        "minimum": torch.minimum, "greater": greater, "step": step, "sign": sign,
        "detach": lambda x: x.detach(), "identity": lambda x: x,
    }  # fmt: skip


def pytorch(graph: Graph, tally: Tally) -> Iterator[Finding]:
    """PyTorch's value and gradients are ours, within SLACK times the bound, or both not finite."""
    import torch

    leaves = graph.fresh()
    try:
        root = graph(leaves)
    except FAILURES:
        return
    order, tensors = topological_order(root), {}
    table = operations(torch)
    for z in order:
        if z.rule is None:
            tensors[z] = torch.tensor(z.data, dtype=torch.float64, requires_grad=True)
        else:
            tensors[z] = table[z.rule.name](*(tensors[v] for v in z.args))
    theirs = tensors[root]
    if theirs.requires_grad:
        theirs.backward()
    slopes = [t.grad.item() if t.grad is not None else 0.0 for t in map(tensors.get, leaves)]
    try:
        root.backward()
        recorded = gradient(root, leaves)
    except FAILURES:
        finite = all(t.grad is None or t.grad.isfinite() for t in tensors.values() if t.is_leaf)
        tally[f"PyTorch: {'finite' if finite else 'inf or nan'} where we raise"] += 1
        return
    balls = Balls(loose=True)
    pairs = [(root.data, theirs.item(), balls[root])]
    pairs += [(v.grad, g, balls[r]) for v, g, r in zip(leaves, slopes, recorded, strict=True)]
    with mpmath.workdps(DIGITS):
        for kind, (ours, found, ball) in zip(
            ["value", *["gradient"] * len(leaves)], pairs, strict=True
        ):
            if ball is LOST or not math.isfinite(found):
                alike = same([ours], [found]) or (math.isfinite(ours) and math.isfinite(found))
                tally[f"PyTorch, {kind}: not finite, {'alike' if alike else 'different'}"] += 1
                if kind == "value" and not alike:
                    yield Finding("PyTorch, value", f"{ours!r}, but {found!r}")
            else:
                wide = Ball(ball.exact, SLACK * ball.radius)
                yield from within(f"PyTorch, {kind}", found, mpf(ours), wide, tally)


SLACK = 8

CHECKS = [stepped, compiled, of_inputs, second, again, forward, mathematics, curvature]
