"""Ask why a gradient is what it is, what it predicts, and where it went wrong.

>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
>>> y = (x * w + b).tanh()
>>> y.label = "y"
>>> explain(y, w)
d(y)/d(w) = 0.8399486832280523
  y <- x*w+b <- x*w <- w: 0.42 * 1 * 2 = 0.8399
>>> what_if(y, w, 0.1)
w: -3 -> -2.9, by 0.1
  the gradient predicts  y: 0.7616 -> 0.8456, by 0.08399
  what happens           y: 0.7616 -> 0.8337, by 0.07206
>>> print(anomaly(y))
None
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from microgradnet.engine import Value, graph
from microgradnet.errors import is_real, wrong
from microgradnet.naming import Names, digits
from microgradnet.stepping import Step, Walk

PATHS = 20  # with more paths than this, what flows along each edge is shown
LINES = 40  # edges: those with the largest contributions


def explain(root: Value, target: Value, names: Mapping[str, object] | None = None) -> "Explanation":
    """Return the derivative of a result by a Value below it, as the chain rule with numbers.

    One line per path; where there are more than 20, the contributions edge by edge. No `grad` is
    changed. `names=locals()` names the Values without a label.
    """
    for v in (root, target):
        if not isinstance(v, Value):
            rule = "a result and a Value below it"
            raise wrong("explain()", rule, v, "such as a loss and a weight", TypeError)
    return Explanation(root, target, names)


class Explanation:
    """The chain rule from a result down to a Value; its text has a line per path.

    `gradient` is what backward() gives. `paths` are (the Values from result to target, the local
    derivatives between them, their product); `count` of them there are, also where `paths` is empty
    because they are too many to list.
    """

    def __init__(self, root: Value, target: Value, names: Mapping[str, object] | None) -> None:
        walk = Walk(root, names)
        self.root, self.target, self.names = root, target, walk.names
        self._results = walk.results
        steps = list(walk.steps(keep=False))
        self._closed = [s for s in steps if s.closed]
        above = {target}  # what a contribution passes through on its way to the target
        for s in reversed(steps):
            if s.operand in above:
                above.add(s.node)
        self.steps = [s for s in steps if s.operand in above]
        self.gradient = next(
            (s.after for s in reversed(self.steps) if s.operand is target), float(root is target)
        )
        # The paths from the root to each Value; forgotten when they have gone on, since of a long
        # graph each number has thousands of digits.
        count = Counter([root])
        for node, onwards in groupby(self.steps, key=lambda s: s.node):
            here = count.pop(node)
            for s in onwards:
                count[s.operand] += here
        self.count = count[target]
        self.paths = list(self._followed()) if self.steps and self.count <= PATHS else []

    def _followed(self) -> Iterator[tuple[list[Value], list[float], float]]:
        into: dict[Value, list[Step]] = {}
        for s in self.steps:
            into.setdefault(s.operand, []).append(s)
        todo = [[s] for s in into[self.target][::-1]]
        while todo:
            path = todo.pop()  # from the target up
            while path[-1].node is not self.root:
                first, *others = into[path[-1].node]
                todo += [[*path, s] for s in others[::-1]]
                path.append(first)
            path.reverse()
            factors = [s.local for s in path]
            product = 0.0 if any(s.closed for s in path) else math.prod(factors)
            yield [self.root, *(s.operand for s in path)], factors, product

    def __str__(self) -> str:
        name = self.names
        head = f"d({name(self.root)})/d({name(self.target)}) = {self.gradient!r}"
        if not self.steps:
            return head + self._nothing()
        if not self.paths:
            shown = sorted(self.steps, key=_size, reverse=True)[:LINES]
            more, count = len(self.steps) - len(shown), _counted(self.count)
            return "\n".join([
                f"{head}, over {count} paths, too many to list: what flows along each edge",
                *(str(s) for s in sorted(shown, key=lambda s: s.number)),
                *([f"      and {more:,} smaller contributions"] if more else []),
            ])  # fmt: skip
        lines = [head + (f", the sum over {self.count} paths" if self.count > 1 else "")]
        for values, factors, product in self.paths:
            path = " <- ".join(map(name, values))
            lines.append(f"  {path}: {' * '.join(map(digits, factors))} = {digits(product)}")
        return "\n".join([*lines, *self._gates()])

    def _nothing(self) -> str:
        if self.root is self.target:
            return ", as that of every Value by itself"
        if self.root not in self._leads():
            return f": {self.names(self.root)} was not computed from it"
        return ": no gradient comes through" + "".join(f"\n{line}" for line in self._gates())

    def _leads(self) -> set[Value]:
        # The target, and all that was computed from it.
        leads = {self.target}
        for z in self._results:
            if not leads.isdisjoint(z.args):
                leads.add(z)
        return leads

    def _gates(self) -> list[str]:
        # The closed gates on other ways to the target.
        leads, shown = self._leads(), set(self.steps)
        closed = [s for s in self._closed if s.operand in leads and s not in shown]
        lines = [f"  closed: {s.formula.removesuffix(' = 0')} = 0" for s in closed[:PATHS]]
        return [*lines, f"  and {len(closed) - PATHS} more"] if len(closed) > PATHS else lines

    __repr__ = __str__


def _size(step: Step) -> float:
    return math.inf if math.isnan(step.contribution) else abs(step.contribution)


def _counted(count: int) -> str:
    # Doublings give numbers that Python refuses to print: more than 4,300 digits.
    return f"{count:,}" if count < 10**30 else f"about 10^{math.log10(count):.0f}"


@dataclass(frozen=True, repr=False)
class WhatIf:
    """What a change of one Value does to a result: predicted by the gradient, and in fact."""

    root: str
    target: str
    start: float
    change: float
    gradient: float
    before: float
    predicted: float
    actual: float

    def __str__(self) -> str:
        width = len(self.root)
        lines = [
            f"{self.target}: {digits(self.start)} -> {digits(self.start + self.change)}, "
            f"by {digits(self.change)}"
        ]
        for what, after in (
            ("the gradient predicts", self.predicted),
            ("what happens", self.actual),
        ):
            lines.append(
                f"  {what:<22} {self.root:<{width}}: {digits(self.before)} -> {digits(after)}, "
                f"by {digits(after - self.before)}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def what_if(
    root: Value, target: Value, change: float, names: Mapping[str, object] | None = None
) -> WhatIf:
    """Return what a result becomes if a Value below it changes: as its gradient says, and really.

    Nothing is changed: the graph is computed again beside the Values. ArithmeticError or ValueError
    where it cannot be.
    """
    if isinstance(change, Value) or not is_real(change):
        raise wrong("what_if()", "a number as change", change, "such as 0.1", TypeError)
    change = float(change)
    explanation = explain(root, target, names)
    gradient, name = explanation.gradient, explanation.names
    numbers = {target: target.data + change}
    for z in graph(root)[1]:
        if z not in numbers:
            operands = [numbers.get(v, v.data) for v in z.args]
            try:
                numbers[z] = z.rule.value(*operands)  # type: ignore[union-attr]
            except (ArithmeticError, ValueError) as error:
                applied = _applied(z, operands, name)
                error.add_note(f"in what_if(), {applied}; {z.rule.advice(error)}")  # type: ignore[union-attr]
                raise
    actual = numbers.get(root, root.data)
    predicted = root.data + gradient * change
    return WhatIf(
        name(root), name(target), target.data, change, gradient, root.data, predicted, actual
    )


@dataclass(frozen=True, eq=False, repr=False)
class Anomaly:
    """The first number that is not finite: in which pass, at which Value, and the report."""

    where: str  # "forward" or "backward"
    node: Value
    number: float
    report: str

    def __str__(self) -> str:
        return self.report

    __repr__ = __str__


def anomaly(root: Value, names: Mapping[str, object] | None = None) -> Anomaly | None:
    """Return the first nan or infinity below a result, forward or else backward, or None.

    Its text says which operation, on which operands, on which line (where record_lines() was on),
    and what to do. A derivative that does not exist is reported too. No `grad` is changed.
    """
    walk = Walk(root, names)
    name = walk.names
    for v in walk.values:
        if not math.isfinite(v.data):
            return _report("forward", v, v.data, f"{name(v)} is {v.data!r}", name)
    reached = {root}
    try:
        for s in walk.steps(keep=False):
            if not s.closed:
                reached.add(s.operand)
            if not math.isfinite(s.after):
                what = (
                    f"the gradient of {name(s.operand)} is {s.after!r}: {s.before!r} + "
                    f"{s.local!r} * {s.upstream!r}, with {s.formula}"
                )
                return _report("backward", s.node, s.after, what, name)
    except (ArithmeticError, ValueError) as error:
        for z in reversed(walk.results):
            if z in reached and _underivable(z):
                what = f"no derivative of {name(z)}: {error}"
                return _report("backward", z, math.nan, what, name)
        raise
    return None


def _underivable(z: Value) -> bool:
    try:
        for i in range(len(z.args)):
            z.rule.local(z, i)  # type: ignore[union-attr]
    except (ArithmeticError, ValueError):
        return True
    return False


def _applied(z: Value, numbers: Iterable[float], name: Names) -> str:
    named = [(name(v), x) for v, x in zip(z.args, numbers, strict=True)]
    operands = [repr(x) if text == digits(x) else f"{text} = {x!r}" for text, x in named]
    return f"{z.op} with {', '.join(operands)}"


def _report(where: str, z: Value, number: float, what: str, name: Names) -> Anomaly:
    lines = [f"in the {where} pass, {what}"]
    if z.rule:
        lines.append(f"  operation  {_applied(z, [v.data for v in z.args], name)}")
    else:
        lines.append("  operation  none: it is a leaf, and came so from outside")
    if z.line:
        lines.append(f"  line       {z.line}")
    remedy = z.rule.remedy if z.rule else "check the data and the parameters before the pass"
    lines.append(f"  remedy     {remedy}")
    return Anomaly(where, z, number, "\n".join(lines))
