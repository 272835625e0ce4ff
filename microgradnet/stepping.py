"""Go through backpropagation one contribution at a time.

>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
>>> y = (x * w + b).tanh()
>>> y.label = "y"
>>> for step in y.backward_steps():
...     print(step)
   1  (x*w+b).grad += 0.42 * 1 = 0.42      -> 0.42     d(y)/d(x*w+b) = 1 - y ** 2
   2  (x*w).grad   += 1 * 0.42 = 0.42      -> 0.42     d(x*w+b)/d(x*w) = 1
   3  b.grad       += 1 * 0.42 = 0.42      -> 0.42     d(x*w+b)/d(b) = 1
   4  x.grad       += -3 * 0.42 = -1.26    -> -1.26    d(x*w)/d(x) = w
   5  w.grad       += 2 * 0.42 = 0.8399    -> 0.8399   d(x*w)/d(w) = x

A line reads: the gradient of `x*w` grows by the local derivative, times the gradient that arrives,
to what it is now. Every step is the chain rule once: `contribution = local * upstream`. It is the
walk of `Value.backward()`, with the same bits, told aloud; between two steps the `grad` of a Value
is what has reached it so far.
"""

import re
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType

from microgradnet.engine import OPEN_WALKS, Value, annotate, assign, changed, end_walks, graph
from microgradnet.errors import show
from microgradnet.expressions import Condition
from microgradnet.lines import Line, user_frame
from microgradnet.naming import Names, bracketed, digits, slope_of_power
from microgradnet.operations import NOT_COMPUTED, UNREACHED

# How a partial is written for people, where the rule's own text is written for the computer.
WRITTEN: dict[str | None, str] = {
    "1.0 - {z} * {z}": "1 - {z} ** 2",
    "{y} * power({x}, {y} - 1.0)": "{y} * {x} ** ({y} - 1)",
    "slope({x}, {y})": "{y} * {x} ** ({y} - 1)",
    "{y} * slope({x}, {y} - 1.0)": "{y} * ({y} - 1) * {x} ** ({y} - 2)",
    "xlogy({z}, {x})": "{z} * log({x})",
    "greater({x}, {y})": "({x} > {y})",
    "greater({y}, {x})": "({y} > {x})",
}
# Which derivative of a power it is: by an exponent that is a number it is worked out.
ORDERS: dict[str | None, int] = {"slope({x}, {y})": 1, "{y} * slope({x}, {y} - 1.0)": 2}
# What is written where those do not hold, at an edge: see the table in engine.py.
EDGES: dict[str | None, tuple[Callable[[float, float], bool], str]] = {
    "greater({x}, {y})": (lambda x, y: x == y, "({x} == {y}) / 2"),
    "greater({y}, {x})": (lambda x, y: x == y, "({x} == {y}) / 2"),
    "slope({x}, {y})": (lambda x, y: x == 0.0 >= y, "0"),
    "{y} * slope({x}, {y} - 1.0)": (lambda x, y: x == 0.0 and y <= 1.0, "0"),
    "xlogy({z}, {x})": (lambda x, y: x == 0.0, "0"),
}
WIDTH = 100  # characters of a step's line; its formula has more where names are long


class Walk:
    """One backward on its way: what its steps share, and how every `grad` was before it."""

    def __init__(self, root: Value, names: Mapping[str, object] | None) -> None:
        self.root = root
        self.names = Names(root, names)
        self.leaves, self.results = graph(root)
        self.values = self.leaves + self.results
        self.passed: set[Value] = set()  # the results that have passed their gradient on
        self.ended = False  # by another backward over its Values

    def steps(self, keep: bool = True) -> "Generator[Step, None, None]":
        """Yield the contributions, each `grad` growing meanwhile; see `backward_steps` for `keep`.

        A walk that keeps its gradients ends those left open over these Values. One that does not,
        such as that of explain(), leaves all as it was, and may be within another.
        """
        if keep:
            end_walks(self.values)
        self.earlier = [v.grad for v in self.values]
        number = 0
        done = False
        try:
            if keep:
                OPEN_WALKS.append(self)
            for v in self.values:
                v.grad = NOT_COMPUTED
            self.root.grad = 1.0
            for z in reversed(self.results):
                if z.grad is NOT_COMPUTED:
                    continue
                changed(z)
                self.passed.add(z)
                for i, v in enumerate(z.args):
                    try:
                        found = z.rule.local(z, i)  # type: ignore[union-attr]
                    except (ArithmeticError, ValueError) as error:
                        annotate(error, z, "the derivative of ")
                        raise
                    if found is None:
                        continue
                    local, closed = found
                    upstream, before = z.grad, v.grad
                    number += 1
                    contribution = 0.0 if closed else upstream * local
                    if not closed:
                        v.grad = before + contribution
                    yield Step(
                        number, z, v, i, local, upstream, closed, contribution, before, v.grad, self
                    )
                    self.check()
            if keep:
                self.finish(done=True)
                done = True
        finally:
            if not done:
                self.finish(done=False)

    def finish(self, done: bool) -> None:
        """Leave the gradients that backward() leaves; or where it is not done, those before it."""
        if self.ended:
            return
        if self in OPEN_WALKS:
            OPEN_WALKS.remove(self)
        grads = self.earlier
        if done:
            grads = [v.grad + before for v, before in zip(self.leaves, grads, strict=False)]
            now = [v.grad for v in self.results]
            grads += [UNREACHED if grad is NOT_COMPUTED else grad for grad in now]
        assign(self.values, grad=grads)

    def end(self) -> None:
        """Give way to another backward over these Values: restore what was, and go no further."""
        self.finish(done=False)
        self.ended = True

    def check(self) -> None:
        """Raise RuntimeError where another backward has ended this one."""
        if self.ended:
            raise RuntimeError(
                f"one backward at a time goes over a Value, but another began below "
                f"{self.names(self.root)!r}; finish this one before, or close() it"
            )

    @cached_property
    def uses(self) -> dict[Value, list[Value]]:
        """Value -> the results that it is an operand of."""
        uses: dict[Value, list[Value]] = {}
        for z in self.results:
            for v in dict.fromkeys(z.args):
                uses.setdefault(v, []).append(z)
        return uses


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step:
    """One contribution: the chain rule, once, from a result `node` to its `operand`."""

    number: int
    node: Value
    operand: Value
    index: int  # which operand: 0 or 1
    local: float  # the derivative of the node by this operand
    upstream: float  # the gradient of the node, which is complete
    closed: bool  # a gate, such as a relu below 0, that lets nothing through, not even infinity
    contribution: float  # local * upstream; 0 where a gate is closed
    before: float  # the operand's gradient before this contribution, and after it
    after: float
    walk: Walk

    @property
    def operation(self) -> str:
        """The symbol of the node's operation, such as "*"."""
        return self.node.op

    @property
    def line(self) -> Line | None:
        """The line of code that made the node; None where record_lines() was not on."""
        return self.node.line

    @property
    def formula(self) -> str:
        """The local derivative with the operands' names: "d(x1w1)/d(w1) = x1"."""
        name = self.walk.names
        return f"d({name(self.node)})/d({name(self.operand)}) = {self._partial()}"

    def _partial(self) -> str:
        code, operands = self.node.rule.partials[self.index], self.node.args  # type: ignore[union-attr]
        x, y = operands[0].data, operands[-1].data
        at_edge, at_the_edge = EDGES.get(code, (None, ""))
        if at_edge and at_edge(x, y):
            text = at_the_edge
        elif code in ORDERS and not self.walk.names.has_name(operands[1]):
            text = slope_of_power(y, ORDERS[code])
        else:
            text = WRITTEN.get(code, code or "").replace("step({x})", "({x} > 0)")
            text = re.sub(r"(?<![\w.])(\d+)\.0(?![\w.])", r"\1", text)
        return self.walk.names.formula(text, self.node)

    @property
    def why(self) -> str:
        """Why this node passes its gradient on now: everything that uses it has done so."""
        name = self.walk.names
        if self.node is self.walk.root:
            return f"{name(self.node)} is where backward() starts: its gradient by itself is 1"
        users: list[str] = []
        skipped: list[str] = []
        for v in self.walk.uses[self.node]:
            (users if v in self.walk.passed else skipped).append(name(v))
        return (
            f"{name(self.node)} is complete: {_listed(users)}, "
            f"{'which uses' if len(users) == 1 else 'all that use'} it, "
            f"{'has' if len(users) == 1 else 'have'} contributed"
            + (f"; to {_listed(skipped)} no gradient came" if skipped else "")
        )

    def __str__(self) -> str:
        name = self.walk.names
        grown = f"{bracketed(name(self.operand))}.grad"
        line = (
            f"{self.number:>4}  {grown:<{name.width + 5}} += {self._product:<20} "
            f"-> {digits(self.after):<8} "
        )
        if len(line + self.formula) <= WIDTH:
            return line + self.formula
        line += f"local = {self._partial()}"  # what is between long names says enough
        return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"

    @property
    def _product(self) -> str:
        return f"{digits(self.local)} * {digits(self.upstream)} = {digits(self.contribution)}"

    def __repr__(self) -> str:
        name = self.walk.names
        return (
            f"Step({self.number}: {name(self.node)} -> {name(self.operand)}, {self._product}, "
            f"grad {digits(self.after)})"
        )


def backward_steps(
    root: Value, names: Mapping[str, object] | None = None, keep: bool = True
) -> Generator[Step, None, None]:
    """Return an iterator over the contributions of `root.backward()`; see `Value.backward_steps`.

    A leaf's gradient from an earlier backward() is set aside and added at the end, once, as
    backward() does it. Where `keep` is false, every `grad` is in the end what it was.
    """
    return Walk(root, names).steps(keep)


def _listed(names: list[str], longest: int = 3) -> str:
    more = f" and {len(names) - longest} more" if len(names) > longest else ""
    return ", ".join(names[:longest]) + more


# ---- stopping in a debugger ----------------------------------------------------------------------


def watch(
    root: Value,
    when: Callable[[Step], object] | str | Value = "nan",
    do: Callable[..., object] = breakpoint,
    names: Mapping[str, object] | None = None,
) -> list[Step]:
    """Run backward() and, at each step where `when` is true, `do`; return those steps.

    `when` is a function of a step, a Value (stop where a gradient reaches it), or a condition in
    words, such as "nan", "abs(after) > 10" or "w1": see `expressions.Condition`. `do` is called
    with the step if it needs one. With `breakpoint`, or another function of a debugger, it stops in
    the frame that called watch(), where `step` is at hand. After an error every `grad` is what it
    was.
    """
    if not callable(do):
        raise TypeError(f"watch() calls a function at each hit, not {show(do)}; try do=print")
    frame = user_frame(sys._getframe(1))
    walk = Walk(root, dict(frame.f_locals) if names is None else names)
    meets = _meets(when, walk)
    hits = []
    with closing(walk.steps()) as steps:
        for step in steps:
            if meets(step):
                hits.append(step)
                _call(do, step, frame)
    return hits


def _meets(when: Callable[[Step], object] | str | Value, walk: Walk) -> Callable[[Step], object]:
    if isinstance(when, Value):
        if when is walk.root or when not in walk.values:
            why = "backward() starts from it" if when is walk.root else "it is not below the result"
            raise ValueError(
                f"watch() stops where a gradient reaches a Value, but none reaches {when!r}: {why}"
                "; choose one on the way down"
            )
        return lambda step: step.operand is when
    if isinstance(when, str):
        return Condition(when, walk.names).meets
    if not callable(when):
        raise TypeError(
            f"watch() stops when a function of a step is true, not {show(when)}; "
            "try lambda step: abs(step.after) > 10"
        )
    return when


def _call(do: Callable[..., object], step: Step, frame: FrameType) -> None:
    if do is not breakpoint and _needs_one(do):
        do(step)
        return
    # A debugger stops in the frame that calls it. This one stands for the user's: his file, his
    # line, his names, and the step.
    names = {**frame.f_locals, "step": step, "__do__": do}
    exec(_stand_in(frame), frame.f_globals, names)


def _needs_one(do: Callable[..., object]) -> bool:
    # pdb.set_trace() takes options, IPython's a frame: a step is for what must be given something.
    from inspect import signature

    try:
        parameters = list(signature(do).parameters.values())[:1]
    except ValueError:  # a builtin that does not say what it takes
        return True
    return any(p.kind <= p.VAR_POSITIONAL and p.default is p.empty for p in parameters)


def _stand_in(frame: FrameType) -> CodeType:
    # A debugger stops at the next instruction after its call (pdb from 3.13 on), or at the next
    # line that begins. Here both are the name on the user's line, after the call on the line below.
    text = "\n" * (frame.f_lineno - 1) + "__do__ = (\n__do__())"
    code = compile(text, frame.f_code.co_filename, "exec")
    return code.replace(co_name=frame.f_code.co_name, co_qualname=frame.f_code.co_qualname)
