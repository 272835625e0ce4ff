"""Print a graph as straight-line Python that computes its value and its gradient.

>>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
>>> print(Printer((w * x).tanh(), [w], [x], "x").once())
from microgradnet.scalars import tanh
<BLANKLINE>
<BLANKLINE>
def value_and_grad(parameters, inputs):
    w, = parameters
    x = inputs
    loss = tanh(w * x)
    return loss, [
        (1.0 - loss * loss) * x,  # w
    ]
<BLANKLINE>

The text does what `backward` does, operation for operation, so it gives the same bits. A gradient
is one expression, the sum over its consumers in backward's order; what is used once stands where it
is used; and what an inactive relu, max or clip would pass on stands inside an `if`.
"""

import ast
import itertools
import keyword
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from microgradnet import scalars
from microgradnet.calculus import flatten, rebuild
from microgradnet.engine import Value, as_value
from microgradnet.operations import OPERATIONS
from microgradnet.scheduling import Block, Edge, Schedule, letters, operand

DEPTH = 60  # operations nested in one expression: Python's compiler recurses into them
FAST = 250  # variables that Python reaches in one instruction
RESERVED = {
    "UNREACHED",
    "parameters",
    "inputs",
    "rows",
    "total",
    "gradient",
    "inf",
    "nan",
    "abs",
    *vars(scalars),
}
WORD = re.compile(r"[A-Za-z_]\w*")
FAILING = re.compile(r"/|\*\*|\w\(")  # a quotient, a power, a call: what can raise
CALL = re.compile(r"\w+\(\{x\}(, \{y\})?\)")

# How strongly an expression binds. An infix operation: what its operands need, and what it gives.
OTHER, ADDITION, PRODUCT, ATOM = 0, 1, 2, 3
INFIX = {
    "add": (ADDITION, PRODUCT, ADDITION), "sub": (ADDITION, PRODUCT, ADDITION),
    "mul": (PRODUCT, ATOM, PRODUCT), "div": (PRODUCT, ATOM, PRODUCT),
}  # fmt: skip


class Text(NamedTuple):
    """An expression: its text, how strongly it binds, and how deep it is nested."""

    text: str
    binding: int = ATOM
    depth: int = 0

    def within(self, least: int) -> str:
        """Return the text as an operand, in parentheses where it binds less."""
        return self.text if self.binding >= least else f"({self.text})"

    def atom(self) -> bool:
        """Return whether it is a name or a number, which may stand anywhere at no cost."""
        return self.depth == 0


class Printer:
    """The text of a graph: `once` for one example, `over` for a loop, `value` without a gradient.

    `pattern` is how inputs are unpacked into the variables of `inputs`, in order. `captured` are
    other leaves whose numbers are read at each call; all leaves else are constants.
    """

    def __init__(
        self, output: Any, parameters: Sequence[Value], inputs: Sequence[Value], pattern: str,
        captured: Sequence[Value] = (), header: str = "",
    ) -> None:  # fmt: skip
        self.output, self.outputs = output, [as_value(v) for v in flatten(output)]
        self.pattern, self.header = pattern, header
        self.parameters, self.captured = list(parameters), list(captured)
        names = (name for name in WORD.findall(pattern) if name != "_")
        self.inputs = dict(zip(inputs, names, strict=True))
        self.plan = Schedule(self.outputs, self.parameters, self.inputs, self.captured)

    # ---- expressions ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self.taken = {*RESERVED, *OPERATIONS, *self.inputs.values()}
        self.counts: Counter[str] = Counter()
        self.inner: list[str] = []  # variables other than parameters, inputs and their gradients
        self.used: set[str] = set()  # what the text imports
        self.texts = {v: Text(name) for v, name in self.inputs.items()}
        for index, v in enumerate([*self.parameters, *self.captured]):
            self.texts[v] = Text(self._name(v.label or f"p{index}"))
        self.gradients: dict[Value, Text] = {}
        self.factors: dict[Edge, Text] = {}  # the variables of gates that are not 0 or 1 alone
        self.parts: dict[Block, list[tuple[str, list[Value]]]] = {}

    def _name(self, label: str) -> str:
        return variable(label, "v", self.taken, self.counts)

    def _text(self, v: Value) -> Text:
        if v in self.plan.constants:
            number = repr(float(self.plan.constants[v]))  # NumPy's floats show themselves otherwise
            self.used.update({"inf", "nan"} & {number.lstrip("-")})
            return Text(number, PRODUCT if number[0] == "-" else ATOM)
        return self.texts[self.plan.same.get(v, v)]

    def _filled(self, template: str, z: Value, least: int = ATOM) -> str:
        # A rule's text with the operands in it; what it calls is imported.
        self.used.update(_calls(template))
        texts = {k: self._text(operand(z, k)).within(least) for k in letters(template)}
        return template.format(**texts)

    def _expression(self, z: Value) -> Text:
        rule: Any = z.rule
        texts = [self._text(v) for v in z.args]
        depth = 1 + max(text.depth for text in texts)
        if rule.source == "{x}":
            return texts[0]
        if rule.name in INFIX:
            left, right, binding = INFIX[rule.name]
            operator = f" {rule.symbol} "
            return Text(texts[0].within(left) + operator + texts[1].within(right), binding, depth)
        if rule.name == "constant_power" and (exponent := self._whole(z)):
            return Text(f"{texts[0].within(ATOM)} ** {exponent}", ATOM, depth)
        call = CALL.fullmatch(rule.source)
        text = self._filled(rule.source, z, OTHER if call else ATOM)
        return Text(text, ATOM if call or text[0] == "(" == rule.source[0] else OTHER, depth)

    def _whole(self, z: Value) -> float | None:
        # A constant exponent of 2, 3, ...: the power is real, and needs no function.
        exponent = self.plan.constants.get(z.args[1], 0.0)
        return exponent if 2.0 <= exponent <= 64.0 and exponent % 1.0 == 0.0 else None

    def _forward(self) -> list[str]:
        lines = []
        for z in self.plan.results:
            if self.plan.same[z] is z:
                text = self._expression(z)
                if not text.atom() and (z in self.plan.named or text.depth >= DEPTH):
                    loss = self.parameters and z is self.plan.same.get(self.outputs[0])
                    name = self._name(z.label or ("loss" if loss else "v"))
                    self.inner.append(name)
                    lines.append(f"{name} = {text.text}")
                    text = Text(name)
                self.texts[z] = text
        return lines

    def _contribution(self, edge: Edge) -> Text:
        g, partial = self.gradients[edge.z], edge.partial
        if partial == "1.0":
            return g
        if partial == "-1.0":
            return _times(Text("-1.0"), g)
        if edge.block.gate is edge:
            return g if partial == "step({x})" else _times(g, self.factors[edge])
        if partial in ("{x}", "{y}", "{z}"):
            return _times(g, self._text(operand(edge.z, partial[1])))
        if partial == "slope({x}, {y})" and (exponent := self._whole(edge.z)):
            base = self._text(edge.z.args[0]).within(ATOM)
            return _times(
                g, Text(f"{exponent} * {base}" + f" ** {exponent - 1}" * (exponent > 2), PRODUCT, 1)
            )
        local = self._filled(partial, edge.z)
        return _times(g, Text(local, ATOM if CALL.fullmatch(partial) else OTHER, 1))

    def _sum(self, v: Value, lines: list[str]) -> Text:
        # The gradient as one expression; a long one in several lines, added in the same order.
        total: Text | None = Text("1.0") if v is self.outputs[0] else None
        for edge in self.plan.edges.get(v, ()):
            part = self._contribution(edge)
            if total is None:
                total = part
            else:
                depth = 1 + max(total.depth, part.depth)
                total = Text(f"{total.within(ADDITION)} + {part.within(PRODUCT)}", ADDITION, depth)
            if total.depth >= DEPTH:
                total = self._kept(total, v, lines)
        return total or Text("0.0")

    def _kept(self, text: Text, v: Value, lines: list[str]) -> Text:
        of = self._text(v).text if self._text(v).atom() else ""
        name = self._name(f"d_{of}" if WORD.fullmatch(of) else "d")
        self.inner.append(name)
        lines.append(f"{name} = {text.text}")
        return Text(name)

    # ---- statements ----------------------------------------------------------------------------

    def _backward(self, block: Block, looping: bool) -> list[str]:
        lines: list[str] = []
        for v in block.sums:
            if v.rule is not None or looping:
                nothing = "UNREACHED" if v.rule else "0.0"
                self.used.add(nothing)
                self.gradients[v] = self._kept(Text(nothing), v, lines)
        lines += self._scatter([block.gate] if block.gate else [])
        for part in block.parts:
            if isinstance(part, Block):
                lines += self._branch(part, looping)
            else:
                lines += self._pull(part, block)
        for p in block.leaves:
            name = self.names[p]
            if p in self.plan.summed:
                if looping:
                    lines.append(f"{name} += {self.gradients[p].text}")
            elif looping and (self.plan.edges[p] or p is self.outputs[0]):
                lines.append(f"{name} += {self._sum(p, lines).text}")
        if not looping:
            for name, parameters in self.parts.get(block, ()):
                texts = [(self._sum(p, lines).text, self.texts[p].text) for p in parameters]
                lines += [f"{name} = [", *(f"    {text},  # {p}" for text, p in texts), "]"]
        return lines

    def _pull(self, z: Value, block: Block) -> list[str]:
        lines: list[str] = []
        pulls = self.plan.pulls[z]
        if z not in self.plan.summed:
            total = self._sum(z, lines)
            # As in backward, a closed gate hides no error of what comes before it.
            hidden = pulls[0].block is not block and FAILING.search(total.text)
            if (len(pulls) > 1 or hidden) and not total.atom():
                total = self._kept(total, z, lines)
            self.gradients[z] = total
        return lines + self._scatter([edge for edge in pulls if edge.block is block])

    def _scatter(self, edges: Sequence[Edge]) -> list[str]:
        lines = []
        for edge in edges:
            if edge.v in self.plan.summed:
                target = self.gradients.get(edge.v) or Text(self.names[edge.v])
                lines.append(f"{target.text} += {self._contribution(edge).text}")
        return lines

    def _branch(self, block: Block, looping: bool) -> list[str]:
        edge: Any = block.gate
        lines = []
        if block.reached is not None:
            condition = f"{self.gradients[block.reached].text} is not UNREACHED"
        elif edge.partial == "step({x})":
            condition = f"{self._text(edge.z.x).within(ATOM)} > 0.0"
        else:
            condition = self._name("side")
            lines.append(f"{condition} = {self._filled(edge.partial, edge.z)}")
            self.factors[edge] = Text(condition)
        body = self._backward(block, looping)
        return [*lines, f"if {condition}:", *("    " + line for line in body)] if body else []

    # ---- programs ------------------------------------------------------------------------------

    def once(self) -> str:
        """Return the text of value_and_grad(parameters, inputs) -> loss, list of gradients."""
        self._begin()
        self.names = {p: self._name(f"d_{self.texts[p].text}") for p in self.parameters}
        body = [*self._unpacked("parameters"), f"{self.pattern} = inputs", *self._forward()]
        body += [f"{self.names[p]} = 0.0" for p in self.parameters if p in self.plan.summed]
        # Neighbours whose gradients one block computes are a list in it: no variable for each.
        groups = [
            (block, list(group)) for block, group in itertools.groupby(self.parameters, self._place)
        ]
        pieces = []
        for block, parameters in groups:
            name = self._name("part") if block else ""
            pieces.append(name)
            if block:
                self.parts.setdefault(block, []).append((name, parameters))
                body.append(f"{name} = (0.0,) * {len(parameters)}")
        body += self._backward(self.plan.root, looping=False)
        result = []
        for name, (_, parameters) in zip(pieces, groups, strict=True):
            for p in () if name else parameters:
                text = self.names[p] if p in self.plan.summed else self._sum(p, body).text
                result.append(f"    {text},  # {self.texts[p].text}")
            result += [f"    *{name},"] if name else []
        body.append(f"return {self._text(self.outputs[0]).text}, [")
        return self._program("value_and_grad(parameters, inputs)", [*body, *result, "]"])

    def _place(self, p: Value) -> Block | None:
        # The block within the root's that computes a parameter's gradient.
        home = self.plan.home[p]
        return None if home is self.plan.root or p in self.plan.summed else home

    def over(self) -> str:
        """Return the text of over(parameters, rows, total, gradient) -> the sums over the rows."""
        self._begin()
        self.names = {p: self._name(f"d_{self.texts[p].text}") for p in self.parameters}
        names = [self.names[p] for p in self.parameters]
        loop = [*self._forward(), *self._backward(self.plan.root, looping=True)]
        loop.append(f"total += {self._text(self.outputs[0]).text}")
        body = [*self._unpacked("parameters"), *_wrapped(names, "gradient")]
        body += [f"for {self.pattern} in rows:", *("    " + line for line in loop)]
        body += ["return total, [", *(f"    {name}," for name in names), "]"]
        return self._program("over(parameters, rows, total, gradient)", body)

    def value(self) -> str:
        """Return the text of value(parameters, inputs) -> the result, in its own shape."""
        _refuse_unwritable(self.output)
        self._begin()
        body = [*self._unpacked("parameters"), f"{self.pattern} = inputs", *self._forward()]
        names = rebuild(self.output, (Bare(self._text(v).text) for v in self.outputs))
        return self._program("value(parameters, inputs)", [*body, f"return {names!r}"])

    def _unpacked(self, source: str) -> list[str]:
        return _wrapped([self.texts[v].text for v in [*self.parameters, *self.captured]], source)

    def _program(self, signature: str, body: Sequence[str]) -> str:
        imports = []
        if special := sorted(self.used & {"inf", "nan"}):
            imports.append(f"from math import {', '.join(special)}")
        if "UNREACHED" in self.used:
            imports.append("from microgradnet.operations import UNREACHED")
        if functions := sorted(self.used & {*vars(scalars)} - {"inf", "nan"}):
            imports.append(f"from microgradnet.scalars import {', '.join(functions)}")
        if operations := sorted(self.used & {*OPERATIONS} - {*vars(scalars), "abs"}):
            imports.append(f"from microgradnet.functional import {', '.join(operations)}")
        lines = [*self.header.splitlines(), *imports, *[""] * 2 * bool(imports or self.header)]
        lines.append(f"def {signature}:")
        if len(self.taken) > FAST and self.inner:
            # Measured: 6 to 12 % faster, since further variables take two instructions each.
            lines.append("    if False:  # what is used most comes first: it is faster there")
            lines += [f"        {name} = 0.0" for name in self.inner[:FAST]]
        lines += ["    " + line for line in body]
        return "\n".join(lines) + "\n"


class Bare(str):
    """A text that shows itself without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _refuse_unwritable(output: Any) -> None:
    # A result is printed: its lists, tuples and dicts have to be what their text says.
    remedy = "give lists, tuples and dicts of text or numbers, and make others of the result"
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        raise TypeError(f"a compiled function gives no {type(output).__name__}; {remedy}")
    if isinstance(output, Mapping):
        for key in output:
            try:
                written = ast.literal_eval(repr(key)) == key
            except (ValueError, SyntaxError):
                written = False
            if not written:
                raise TypeError(f"a compiled function gives no dict with a key {key!r}; {remedy}")
        output = list(output.values())
    for part in output if isinstance(output, list | tuple) else ():
        _refuse_unwritable(part)


@cache
def _calls(template: str) -> frozenset[str]:
    # The names in the text of a rule.
    return frozenset(WORD.findall(re.sub(r"\{.\}", "", template)))


def _times(x: Text, y: Text) -> Text:
    if x.text == "1.0":
        return y
    if y.text == "1.0":
        return x
    if x.text == "-1.0":
        return Text(f"-{y.within(ATOM)}", PRODUCT, y.depth + 1)
    depth = 1 + max(x.depth, y.depth)
    return Text(f"{x.within(PRODUCT)} * {y.within(ATOM)}", PRODUCT, depth)


def variable(label: str, first: str, taken: set[str], counts: Counter[str]) -> str:
    """Return a new variable named after a label, which can never become code, and take its name.

    `first` goes before what does not begin with a letter; `counts` says where numbering stands.
    """
    base = re.sub(r"[^0-9A-Za-z_]", "_", label)[:60].strip("_")
    base = base if base[:1].isalpha() else f"{first}{base}"
    name = base
    while name in taken or keyword.iskeyword(name):
        counts[base] += 1
        name = f"{base}_{counts[base] + 1}"
    taken.add(name)
    return name


def listed(names: Sequence[str]) -> str:
    """Return names as the target of an assignment: `a, b`, but `a,` where there is only one."""
    return ", ".join(names) + "," * (len(names) == 1)


def _wrapped(names: Sequence[str], source: str) -> list[str]:
    # Names, unpacked from a list, in lines that can be read.
    lines, line = [], ""
    for name in names:
        if len(line) + len(name) > 80:
            lines.append(line)
            line = ""
        line += f"{name}, "
    if not lines:
        return [f"{listed(names)} = {source}"] if line else []
    return ["(", *(f"    {line.strip()}" for line in (*lines, line)), f") = {source}"]
