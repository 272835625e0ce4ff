"""Record the steps of a backward once, and say what stands where after any number of them.

>>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
>>> y = x * w + x
>>> recording = Recording(y)
>>> [recording.gradient(x, at) for at in range(len(recording.steps) + 1)]
[None, None, 1.0, -2.0, -2.0]
>>> recording.state(x, 2)
'x.grad = 1.0 so far, from step 2; more to come from step 3'
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from microgradnet.engine import Value
from microgradnet.errors import printable
from microgradnet.naming import INFIX, bracketed, digits
from microgradnet.operations import NOT_COMPUTED
from microgradnet.prompting import told
from microgradnet.stepping import Step, Walk

LEAF = "no steps: it is a leaf, whose gradient by itself is 1"
OPERATIONS_SHOWN, ROWS = 16, 40  # in the summary; in a page of the table of values


class Recording:
    """The steps of `root.backward()`, and the gradients after the first `at` of them.

    `fault` says why no step comes after the last, where a derivative does not exist.
    """

    def __init__(self, root: Value, names: Mapping[str, object] | None = None) -> None:
        walk = Walk(root, names)
        self.root, self.given, self.name, self.values = root, names, walk.names, walk.values
        self.steps: list[Step] = []
        self.fault = ""
        try:
            for step in walk.steps(keep=False):
                self.steps.append(step)
        except (ArithmeticError, ValueError) as error:
            self.fault = told(error)
        self._into: dict[Value, list[Step]] = {}
        for step in self.steps:
            self._into.setdefault(step.operand, []).append(step)

    def gradient(self, v: Value, at: int) -> float | None:
        """Return what has reached a Value, None where nothing has and more may come."""
        into = self._into.get(v, [])
        done = bisect_right(into, at, key=lambda step: step.number)
        if done:
            return into[done - 1].after + 0.0  # which makes of NOT_COMPUTED a 0
        if v is self.root:
            return 1.0
        return 0.0 if at == len(self.steps) and not self.fault else None

    @contextmanager
    def standing(self, at: int) -> Iterator[None]:
        """Let every Value have the `grad` that it has there, for as long as the block lasts."""
        before = [v.grad for v in self.values]
        try:
            for v in self.values:
                grad = self.gradient(v, at)
                v.grad = NOT_COMPUTED if grad is None else grad
            yield
        finally:
            for v, grad in zip(self.values, before, strict=True):
                v.grad = grad

    # ---- in words --------------------------------------------------------------------------------

    def summary(self) -> list[str]:
        """Return what is stepped through: a head line, the leaves with a name, the operations."""
        leaves = [v for v in self.values if not v.rule and self.name(v) != digits(v)]
        results = [v for v in self.values if v.rule]
        lines = [
            f"{self.name(self.root)} = {digits(self.root)}: {_counted(self.values, 'value')}, "
            f"{_counted(self.steps, 'step')} of backward(); no grad is changed"
        ]
        if len(leaves) + len(results) > 2 * OPERATIONS_SHOWN or len(results) > OPERATIONS_SHOWN:
            pages = f", {ROWS} to a page" * (len(results) > ROWS)
            what = "v shows them with their numbers" + pages
            return [*lines, f"  {_counted(results, 'operation')}; {what}"]
        if leaves:
            lines.append("  " + ", ".join(f"{self.name(v)} = {digits(v)}" for v in leaves))
        width = max((len(self.name(v)) for v in results), default=0)
        for v in results:
            name = self.name(v)
            lines.append(f"  {name:<{width}}{self.equation(v).removeprefix(name)}")
        return lines

    def equation(self, v: Value, exact: bool = False) -> str:
        """Return how a Value was computed: "n = s + b = 0.8814"; exactly, with all its numbers."""
        parts = [self.name(v)]
        if v.rule:
            written = self.name.formula(_template(v), v)
            bare = str.maketrans("", "", " ()")  # where the name says it already
            parts += [written] if written.translate(bare) != parts[0].translate(bare) else []
            parts += [_in_numbers(v)] if exact else []
        return " = ".join([*parts, repr(v.data) if exact else digits(v)])

    def state(self, v: Value, at: int) -> str:
        """Return the gradient of a Value in words: what has come, from which steps, what will."""
        numbers = [step.number for step in self._into.get(v, [])]
        done, left = [n for n in numbers if n <= at], [n for n in numbers if n > at]
        grad = self.gradient(v, at)
        head = f"{bracketed(self.name(v))}.grad = {'·' if grad is None else repr(grad)}"
        if v is self.root:
            return f"{head}: backward() starts here"
        if not numbers:
            return f"{head}, not computed: no step comes here" if grad is None else (
                f"{head}: no step comes here, as no gradient flows to it"
            )  # fmt: skip
        if not done:
            return f"{head}, not computed yet: to come from {listed(left)}"
        if left or self.fault:
            more = f"; more to come from {listed(left)}" if left else ""
            return f"{head} so far, from {listed(done)}{more}"
        return f"{head}, complete: from {listed(done)}"

    def table(self, at: int, part: str = "", page: int = 1) -> list[str]:
        """Return a line for each Value with a part in its name: value, gradient, how computed.

        Where they need several pages, what was computed comes before the leaves. ValueError where
        no name has that part, and where there is no such page.
        """
        rows = [("name", "value", "grad", "computed as")]
        found = [v for v in self.values if part in self.name(v)]
        pages = -(-len(found) // ROWS)
        if not found:
            raise ValueError(f"values takes a part of a name, not {part!r}; try values alone")
        if not 1 <= page <= pages:
            words = f"{part} {pages}".strip()
            raise ValueError(f"values has pages from 1 to {pages}, not {page}; try values {words}")
        if pages > 1:
            found.sort(key=lambda v: not v.rule)
        for v in found[(page - 1) * ROWS : page * ROWS]:
            grad = self.gradient(v, at)
            written = self.name.formula(_template(v), v) if v.rule else ""
            rows.append((self.name(v), digits(v), "·" if grad is None else digits(grad), written))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            lines.append(("  " + "  ".join(cells)).rstrip())
        if pages > 1:
            words = f"v {printable(part) + ' ' if part else ''}{page % pages + 1}"
            which = "next" if page < pages else "first"
            lines.append(
                f"  page {page} of {pages}, of {len(found):,} values; {words}: the {which}"
            )
        return lines


def listed(numbers: Sequence[int], longest: int = 5) -> str:
    """Return step numbers in words: "steps 3, 4"."""
    more = f" and {len(numbers) - longest} more" if len(numbers) > longest else ""
    return f"step{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:longest]))}{more}"


def _counted(things: Sequence[object], what: str) -> str:
    return f"{len(things):,} {what}{'s' * (len(things) != 1)}"


def _template(z: Value) -> str:
    if z.op in INFIX and len(z.args) == 2:
        return f"{{x}} {z.op} {{y}}"
    letters = ", ".join(["{x}", "{y}"][: len(z.args)])
    return f"-{letters}" if z.rule and z.rule.name == "neg" else f"{z.op}({letters})"


def _in_numbers(z: Value) -> str:
    # A minus needs brackets but at the start; there too as a base, and after another minus.
    x, *others = map(digits, z.args)
    template = _template(z)
    signed = z.op == "**" or template.startswith("-")
    tight = z.op in INFIX
    return template.format(
        x=bracketed(x) if signed else x, y=next((bracketed(y) if tight else y for y in others), "")
    )
