"""Plan a program of a graph: what contributes to what, under which condition, with which names.

>>> w, x = Value(2.0, label="w"), Value(3.0)
>>> plan = Schedule([(w * x).relu()], [w], [x])
>>> [(edge.z.op, edge.v.op, edge.block.depth) for edges in plan.edges.values() for edge in edges]
[('*', '', 1), ('relu', '*', 1)]

The contributions are those of `backward`, in its order. What lies behind an inactive relu, max or
clip gets nothing, so it goes into a block of its own, under one condition.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from microgradnet.engine import Value, topological_order
from microgradnet.operations import GATES, OPERATIONS

NESTED = 80  # conditions within conditions: Python reads at most 100 indentations
DEAD = (None, "0.0")  # partials through which nothing flows
POWER, SLOPE = OPERATIONS["power"], OPERATIONS["constant_power"].partials[0]


class Edge(NamedTuple):
    """One contribution of backward: from a result to an operand, through a partial."""

    z: Value
    v: Value
    partial: str
    block: "Block"


class Block:
    """A run of statements under one condition: the whole, or what a kink may switch off."""

    def __init__(self, parent: "Block | None" = None, alone: bool = False) -> None:
        self.parent = parent
        self.alone = alone  # what its contributions lead to does not stand in it
        self.depth: int = parent.depth + 1 if parent else 0
        self.gate: Edge | None = None  # the kink that may switch it off, or
        self.reached: Value | None = None  # the sum that may have got nothing
        self.parts: list[Value | Block] = []  # results to pull back through, in backward's order
        self.leaves: list[Value] = []  # parameters whose gradient is complete at its end
        self.sums: list[Value] = []  # what the blocks within this one add to


class Schedule:
    """The plan of a program with these outputs: gradients, of the first, by the parameters.

    What is not among the parameters, the inputs and the captured leaves is a constant.
    """

    def __init__(
        self, outputs: Sequence[Value], parameters: Sequence[Value], inputs: Iterable[Value],
        captured: Iterable[Value] = (),
    ) -> None:  # fmt: skip
        self.outputs, self.parameters, self.inputs = outputs, parameters, {*inputs}
        self.leaves = {*parameters, *self.inputs, *captured}
        self._order()
        alone: set[tuple[Value, str]] = set()
        while self._find_edges(alone):
            pass
        self._find_names()

    def _order(self) -> None:
        order = dict.fromkeys(v for output in self.outputs for v in topological_order(output))
        self.results = [v for v in order if v.rule is not None]
        self.constants = {v: v.data for v in order if v.rule is None and v not in self.leaves}
        self.given = set(self.inputs)  # and what is made of them, and constants, alone
        for z in self.results:
            varying = {*z.args}.difference(self.constants)
            if varying and varying <= self.given:
                self.given.add(z)
        self.same: dict[Value, Value] = {}  # equal expressions share one variable
        known: dict[Any, Value] = {}
        for z in self.results:
            operands = [
                repr(self.constants[v]) if v in self.constants else self.same.get(v, v)
                for v in z.args
            ]
            self.same[z] = known.setdefault((z.rule, *operands), z)

    def _find_edges(self, alone: set[tuple[Value, str]]) -> bool:
        # Backward's contributions, in its order, each in the block that its gates put it in. True
        # where a sum over blocks would be added up in another order, and more blocks stay alone.
        active = set(self.parameters)
        for z in self.results:
            for v, partial in _operands(z):
                if v in active and partial not in DEAD:
                    active.add(z)
        self.root = Block()
        self.edges: dict[Value, list[Edge]] = {v: [] for v in self.parameters}  # into a Value
        self.pulls: dict[Value, list[Edge]] = {}  # out of a result
        self.home: dict[Value, Block] = {}

        def within(block: Block, z: Value, partial: str) -> Block:
            inner = Block(block, (z, partial) in alone or block.depth >= NESTED)
            block.parts.append(inner)
            return inner

        if self.parameters and self.outputs[0] in active:
            self.home[self.outputs[0]] = self.root
        for z in reversed(self.results):
            if z not in active or not (z in self.home or self.edges.get(z)):
                continue
            block = self.home[z] = self.home.get(z) or _common(self.edges[z])
            if any(edge.block is not block for edge in self.edges.get(z, ())):
                block = within(block, z, "")  # as in backward: what no gradient reaches
                block.reached = z  # passes none on
            block.parts.append(z)
            pulls = self.pulls[z] = []
            for v, partial in _operands(z):
                if z.rule is POWER and z.y in self.given:
                    partial = SLOPE  # as of a number, which an input is where it is not traced
                if v in active and partial not in DEAD:
                    inner = within(block, z, partial) if partial in GATES else block
                    edge = Edge(z, v, partial, inner)
                    if inner is not block:
                        inner.gate = edge
                    pulls.append(edge)
                    self.edges.setdefault(v, []).append(edge)
        self.summed: set[Value] = set()
        for v, edges in self.edges.items():
            home = self.home.setdefault(v, _common(edges) if edges else self.root)
            if any(edge.block is not home for edge in edges):
                self.summed.add(v)
                home.sums.append(v)
        for p in self.parameters:
            self.home[p].leaves.append(p)
        return bool(self.summed) and self._misplaced(alone)

    def _misplaced(self, alone: set[tuple[Value, str]]) -> bool:
        # Find the blocks that keep a sum from being added up in backward's order: their contents
        # come before what backward does in between. Alone, a block is at the place of its result.
        emitted: dict[Value, list[Edge]] = {v: [] for v in self.summed}
        for edge in self._emitted(self.root):
            if edge.v in emitted:
                emitted[edge.v].append(edge)
        reached, kinked = set(), set()
        for v, edges in emitted.items():
            for ours, theirs in zip(edges, self.edges[v], strict=True):
                for block in (ours.block, theirs.block) if ours is not theirs else ():
                    inside: Any = block
                    while inside is not self.home[v]:
                        if not inside.alone and inside.gate:
                            kinked.add((inside.gate.z, inside.gate.partial))
                        elif not inside.alone:
                            reached.add((inside.reached, ""))
                        inside = inside.parent
        alone |= reached or kinked
        return bool(reached or kinked)

    def _emitted(self, block: Block) -> Iterator[Edge]:
        if block.gate:
            yield block.gate
        for part in block.parts:
            if isinstance(part, Block):
                yield from self._emitted(part)
            else:
                yield from (edge for edge in self.pulls[part] if edge.block is block)

    def _find_names(self) -> None:
        # Named is what the text uses twice, and what backward's part mentions.
        # The loss comes before its gradient, so that an error in it is the first to show.
        uses = Counter({self.same.get(v, v): 2 if self.parameters else 1 for v in self.outputs})
        for z in self.results:
            if self.same[z] is z:
                source = z.rule.source  # type: ignore[union-attr]
                branches = " else " in source  # what stands in a branch is computed before it
                for letter, count in letters(source).items():
                    v = operand(z, letter)
                    uses[self.same.get(v, v)] += count + branches
        self.named = {v for v, count in uses.items() if count > 1}
        for z, edges in self.pulls.items():
            for edge in edges:
                for letter in letters(edge.partial):
                    v = operand(z, letter)
                    self.named.add(self.same.get(v, v))


def _operands(z: Value) -> Iterator[tuple[Value, str | None]]:
    rule: Any = z.rule
    return zip(z.args, rule.partials, strict=True)


@cache
def letters(template: str) -> dict[str, int]:
    """Return how often each of the letters x, y and z stands in the text of a rule."""
    counts = {letter: template.count(f"{{{letter}}}") for letter in "xyz"}
    return {letter: count for letter, count in counts.items() if count}


def operand(z: Value, letter: str) -> Value:
    """Return what a letter of a rule stands for."""
    v = z if letter == "z" else z.x if letter == "x" else z.y
    assert v is not None
    return v


def _common(edges: Sequence[Edge]) -> Block:
    # The innermost block around all contributions that is not alone.
    found: Any = edges[0].block
    for edge in edges:
        other: Any = edge.block
        while found is not other:
            if found.depth >= other.depth:
                found = found.parent
            else:
                other = other.parent
    while found.alone:
        found = found.parent
    block: Block = found
    return block
