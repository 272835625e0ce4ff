"""Random graphs of every operation, in every form in which it can be written.

A Graph is data: the numbers of its leaves, and a line for each operation. It can be built on any
Values, shows itself as the Python that builds it, and becomes smaller while it still fails. The
random choices are those of any random.Random: of hypothesis too, which then shrinks them.
"""

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import strategies as st

from microgradnet.engine import Value
from microgradnet.operations import OPERATIONS

NAN, INF = math.nan, math.inf
LETTER = re.compile(r"\b[xyn]\b")


def forms() -> dict[str, Callable[..., Value]]:
    """Return the forms of all operations: x and y are Values, n is a number."""
    texts = ["-x", "+x", "abs(x)", "x.clip(n, y)", "x.clip(-1, n)"]
    for symbol in ("+", "-", "*", "/", "**"):
        texts += [f"x {symbol} y", f"x {symbol} n", f"n {symbol} x"]
    for name, op in OPERATIONS.items():
        method = hasattr(Value, name)
        if len(op.partials) == 1:
            texts += [f"{name}(x)"] + [f"x.{name}()"] * method
        else:
            texts += [f"{name}({pair})" for pair in ("x, y", "x, n", "n, x")]
            texts += [f"x.{name}(y)", f"x.{name}(n)"] * method
            texts += [f"x.{name}()"] * (method and op.default is not None)
    names = {**OPERATIONS, "abs": abs}
    return {text: eval(f"lambda x, y, n: {text}", names) for text in dict.fromkeys(texts)}


FORMS = forms()
OPERATORS = [form for form in FORMS if "(" not in form]
PLAIN = ["x + y", "x - y", "x * y", "x * n", "x + n", "-x", "x.tanh()", "x.sin()", "x.sigmoid()"]
KINKS = [
    form for form in FORMS
    if any(name in form for name in ("relu", "abs", "max", "min", "clip", "step", "greater"))
]  # fmt: skip
PALETTES = [list(FORMS)] * 4 + [OPERATORS, PLAIN, KINKS, PLAIN + KINKS]

SIMPLE = (0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -0.0)
EXTREME = (
    *(INF, -INF, NAN, 5e-324, -5e-324, 1e-310, 2.0**-1022, -1e-308, 1e-300, -1e-160, 1e160),
    *(1e300, 1e308, -1e308, 1.7976931348623157e308, 709.5, -745.2, 37.5, -37.5, 1e16, -1e16, 1e-8),
)
OTHERS = (
    *(0, 1, -1, 2, 3, -2, 2**53 + 1, 10**300, True, False),
    *(Fraction(1, 3), Fraction(-5, 2), Fraction(1, 10**320)),
)
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)


class Line(NamedTuple):
    """One operation: its form, the places of its operands, and the number in it."""

    form: str
    x: int
    y: int
    n: Any

    def uses(self) -> set[int]:
        """Return the places that it uses."""
        return {self.x, self.y} if "y" in self.letters() else {self.x}

    def letters(self) -> str:
        """Return which of the letters x, y and n stand in its form."""
        return "".join(LETTER.findall(self.form))

    def text(self) -> str:
        """Return it as Python."""
        places = {"x": f"v{self.x}", "y": f"v{self.y}", "n": f"({number(self.n)})"}
        return LETTER.sub(lambda letter: places[letter[0]], self.form)


class Graph(NamedTuple):
    """The numbers of the leaves, and the operations on them; the last is the result."""

    leaves: tuple[float, ...]
    lines: tuple[Line, ...]

    def __call__(self, values: list[Value], numbers: tuple[Any, ...] | None = None) -> Value:
        """Return the result on these leaves, and with other numbers beside them."""
        values = list(values)
        for line, n in zip(self.lines, numbers or self.numbers, strict=True):
            values.append(FORMS[line.form](values[line.x], values[line.y], n))
        return values[-1]

    @property
    def numbers(self) -> tuple[Any, ...]:
        """The number in each line."""
        return tuple(line.n for line in self.lines)

    def fresh(self) -> list[Value]:
        """Return new leaves."""
        return [Value(number) for number in self.leaves]

    def __str__(self) -> str:
        lines = [f"v{k} = Value({number(x)})" for k, x in enumerate(self.leaves)]
        lines += [f"v{k} = {line.text()}" for k, line in enumerate(self.lines, len(self.leaves))]
        return "\n".join(lines)

    def used(self) -> "Graph":
        """Return the graph without what its result does not use."""
        count = len(self.leaves)
        used, keep = {count + len(self.lines) - 1}, []
        for k in reversed(range(count + len(self.lines))):
            if k in used:
                keep.append(k)
                used |= self.lines[k - count].uses() if k >= count else set()
        place = {k: i for i, k in enumerate(reversed(keep))}
        lines = [
            line._replace(x=place[line.x], y=place.get(line.y, place[line.x]))
            for k, line in enumerate(self.lines, count)
            if k in place
        ]
        return Graph(tuple(x for k, x in enumerate(self.leaves) if k in place), tuple(lines))

    def simpler(self) -> Iterator["Graph"]:
        """Yield graphs with a line left out, an operand sooner come by, or a simple number."""
        count = len(self.leaves)
        if self.lines:
            yield self._replace(lines=self.lines[:-1]).used()
        for k, line in enumerate(self.lines):
            for instead in sorted(line.uses()):
                if k < len(self.lines) - 1:
                    yield self._without(count + k, instead)
            for operand in sorted(line.uses()):
                for leaf in range(min(count, operand)):
                    lines = list(self.lines)
                    lines[k] = line._replace(
                        x=leaf if line.x == operand else line.x,
                        y=leaf if line.y == operand else line.y,
                    )
                    yield self._replace(lines=tuple(lines)).used()
        for k, leaf in enumerate(self.leaves):
            for number in _simpler(leaf):
                yield self._replace(leaves=(*self.leaves[:k], number, *self.leaves[k + 1 :]))
        for k, line in enumerate(self.lines):
            for number in _simpler(line.n):
                lines = [*self.lines[:k], line._replace(n=number), *self.lines[k + 1 :]]
                yield self._replace(lines=tuple(lines))

    def _without(self, gone: int, instead: int) -> "Graph":
        def place(k: int) -> int:
            return instead if k == gone else k - (k > gone)

        lines = [
            line._replace(x=place(line.x), y=place(line.y))
            for k, line in enumerate(self.lines, len(self.leaves))
            if k != gone
        ]
        return self._replace(lines=tuple(lines)).used()


def shrunk(graph: Graph, fails: Callable[[Graph], bool]) -> Graph:
    """Return a graph that fails too, of which nothing simpler does."""
    smaller: Graph | None = graph
    while smaller is not None:
        graph = smaller
        smaller = next((g for g in graph.simpler() if fails(g)), None)
    return graph


def random_graph(rng: Any) -> Graph:
    """Return a random graph: a tame one, one of any numbers, or one that may raise.

    In a tame one every result is below a million; in one of any numbers nothing raises.
    """
    kind = rng.choice(("tame", "tame", "any", "any", "raising"))
    forms = rng.choice(PALETTES)
    size = rng.choice(SIZES) if rng.random() < 0.97 else rng.randint(50, 200)
    leaves = [random_number(rng, kind) for _ in range(rng.randint(1, 4))]
    values, lines = [Value(leaf) for leaf in leaves], []
    for _ in range(2 * size):
        if len(lines) == size:
            break
        # Mostly the one before, and so deep; else, and beside it, an early one: often shared.
        deep = rng.random() < (0.8 if size < 50 else 0.99)
        x = len(values) - 1 if deep else rng.randrange(len(values))
        y = int(rng.random() ** 3 * len(values))
        line = Line(rng.choice(forms), x, y, 0.0)
        if "n" in line.letters():
            line = line._replace(n=random_constant(rng, kind))
        try:
            z = FORMS[line.form](values[x], values[y], line.n)
        except (ArithmeticError, ValueError):
            if kind != "raising":
                continue
            z = Value(1.0)  # it goes on, as at another point
        if kind == "tame" and not abs(z.data) < 1e6:
            continue
        values.append(z)
        lines.append(line)
    return Graph(tuple(leaves), tuple(lines)).used()


def random_number(rng: Any, kind: str) -> float:
    """Return a random float: an ordinary one, or where any is allowed, a special one too."""
    which = rng.random()
    if which < 0.4:
        return float(rng.gauss(0.0, 1.5))
    if which < 0.7:
        return float(rng.choice(SIMPLE))
    if which < 0.85 or kind == "tame":
        return float(rng.choice((-1, 1)) * 10.0 ** rng.uniform(-6, 3))
    if which < 0.95:
        return float(rng.choice(EXTREME))
    return float(rng.choice((-1, 1)) * 10.0 ** rng.uniform(-320, 308))


def random_constant(rng: Any, kind: str) -> Any:
    """Return a random number to stand beside a Value: a float, an int, a bool or a Fraction."""
    return rng.choice(OTHERS) if rng.random() < 0.4 else random_number(rng, kind)


def graphs() -> st.SearchStrategy[Graph]:
    """Return hypothesis's strategy for random graphs."""
    return st.builds(random_graph, st.randoms(use_true_random=False))


def number(n: Any) -> str:
    """Return a number as Python."""
    return f'float("{n}")' if n.__class__ is float and not math.isfinite(n) else repr(n)


def _simpler(n: Any) -> Iterator[float]:
    rank = SIMPLE.index(n) if n.__class__ is float and n in SIMPLE else len(SIMPLE)
    if str(n) == "-0.0":
        rank = len(SIMPLE) - 1
    yield from SIMPLE[:rank]
