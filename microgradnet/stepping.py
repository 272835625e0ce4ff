"""Go through backpropagation one contribution at a time.

>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
>>> y = (x * w + b).tanh()
>>> y.label = "y"
>>> for step in y.backward_steps():
...     print(step)
   1  (x*w+b).grad += 0.42 * 1 = 0.42           -> 0.42      d(y)/d(x*w+b) = 1 - y ** 2
   2  (x*w).grad   += 1 * 0.42 = 0.42           -> 0.42      d(x*w+b)/d(x*w) = 1
   3  b.grad       += 1 * 0.42 = 0.42           -> 0.42      d(x*w+b)/d(b) = 1
   4  x.grad       += -3 * 0.42 = -1.26         -> -1.26     d(x*w)/d(x) = w
   5  w.grad       += 2 * 0.42 = 0.8399         -> 0.8399    d(x*w)/d(w) = x

A line reads: the gradient of `x*w` grows by the local derivative, times the gradient that arrives,
to what it is now. Every step is the chain rule once: `contribution = local * upstream`. It is the
walk of `Value.backward()`, with the same bits, told aloud; between two steps the `grad` of a Value
is what has reached it so far.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType

from microgradnet.engine import Value, annotate, changed, graph
from microgradnet.expressions import Condition
from microgradnet.lines import Line, user_frame
from microgradnet.naming import Names, bracketed, digits
from microgradnet.operations import NOT_COMPUTED, UNREACHED

# How a partial is written for people, where the rule's own text is written for the computer.
WRITTEN = {
    "1.0 - {z} * {z}": "1 - {z} ** 2",
    "power({x}, {y} - 1.0)": "{x} ** ({y} - 1)",
    "power({x}, {y})": "{x} ** {y}",
    "slope({x}, {y})": "{y} * {x} ** ({y} - 1)",
    "xlogy({z}, {x})": "{z} * log({x})",
    "step({x})": "({x} > 0)",
    "greater({x}, {y})": "({x} > {y})",
    "greater({y}, {x})": "({y} > {x})",
}
WIDTH = 100  # characters of a step's line; its formula has more where names are long


class Walk:
    """What the steps of one backward share: the names, and what uses which Value."""

    def __init__(self, root: Value, names: Mapping[str, object] | None) -> None:
        self.root = root
        self.leaves, self.results = graph(root)
        self.names = Names(root, names)

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
    contribution: float  # local * upstream; 0 where a gate is closed, whatever arrives
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
        text = self.node.rule.partials[self.index] or ""  # type: ignore[union-attr]
        for code, written in WRITTEN.items():
            text = text.replace(code, written)
        names = [bracketed(self.walk.names(v)) for v in (self.node, *self.node.args)]
        text = text.format(**dict(zip("zxy", names, strict=False)))
        return re.sub(r"(?<![\w.])(\d+)\.0(?![\w.])", r"\1", text)

    @property
    def why(self) -> str:
        """Why this node passes its gradient on now: everything that uses it has done so."""
        name = self.walk.names
        if self.node is self.walk.root:
            return f"{name(self.node)} is where backward() starts: its gradient by itself is 1"
        users = [name(v) for v in self.walk.uses[self.node]]
        return (
            f"{name(self.node)} is complete: {_listed(users)}, "
            f"{'which uses' if len(users) == 1 else 'all that use'} it, "
            f"{'has' if len(users) == 1 else 'have'} contributed"
        )

    def __str__(self) -> str:
        name = self.walk.names
        grown = f"{bracketed(name(self.operand))}.grad"
        product = f"{digits(self.local)} * {digits(self.upstream)} = {digits(self.contribution)}"
        line = (
            f"{self.number:>4}  {grown:<{name.width + 5}} += {product:<25} "
            f"-> {digits(self.after):<9} {self.formula}"
        )
        return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"

    def __repr__(self) -> str:
        name = self.walk.names
        return (
            f"Step({self.number}: {name(self.node)} -> {name(self.operand)}, local={self.local!r}, "
            f"upstream={self.upstream!r}, contribution={self.contribution!r}, "
            f"before={self.before!r}, after={self.after!r})"
        )


def backward_steps(
    root: Value, names: Mapping[str, object] | None = None, keep: bool = True
) -> Iterator[Step]:
    """Yield each contribution of `root.backward()`; see `Value.backward_steps`.

    A leaf's gradient from an earlier backward() is set aside and added at the end, once, as
    backward() does it. Where `keep` is false, every `grad` is in the end what it was.
    """
    walk = Walk(root, names)
    values = walk.leaves + walk.results
    earlier = [v.grad for v in values]
    number = 0
    z = root
    done = False
    try:
        for v in values:
            v.grad = NOT_COMPUTED
        root.grad = 1.0
        for z in reversed(walk.results):
            if z.grad is NOT_COMPUTED:
                continue
            changed(z)
            for i, v in enumerate(z.args):
                found = z.rule.local(z, i)  # type: ignore[union-attr]
                if found is None:
                    continue
                local, closed = found
                upstream, before = z.grad, v.grad
                number += 1
                contribution = 0.0 if closed else upstream * local
                if not closed:
                    v.grad = before + contribution
                yield Step(number, z, v, i, local, upstream, contribution, before, v.grad, walk)
        done = keep
    except (ArithmeticError, ValueError) as error:
        annotate(error, z, "the derivative of ")
        raise
    finally:
        for v, grad in zip(values, earlier, strict=True):
            if not done:
                v.grad = grad
            elif v.rule is None:
                v.grad += grad
            elif v.grad is NOT_COMPUTED:
                v.grad = UNREACHED


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
    with the step if it takes one. With `breakpoint`, or another function of a debugger, it stops in
    the frame that called watch(), where `step` is at hand.
    """
    frame = user_frame(sys._getframe(1))
    steps = backward_steps(root, dict(frame.f_locals) if names is None else names)
    hits = []
    meets = None
    for step in steps:
        meets = meets or _meets(when, step.walk)
        if meets(step):
            hits.append(step)
            _call(do, step, frame)
    return hits


def _meets(when: Callable[[Step], object] | str | Value, walk: Walk) -> Callable[[Step], object]:
    if isinstance(when, Value):
        return lambda step: step.operand is when
    if isinstance(when, str):
        return Condition(when, walk.names).meets
    if not callable(when):
        raise TypeError(
            f"watch() stops when a function of a step is true, not {when!r}; "
            "try lambda step: abs(step.after) > 10"
        )
    return when


def _call(do: Callable[..., object], step: Step, frame: FrameType) -> None:
    if do is not breakpoint:
        import inspect

        try:
            inspect.signature(do).bind(step)
        except TypeError:
            pass  # it takes no step
        else:
            do(step)
            return
    # A debugger stops in the frame that calls it. This one stands for the user's: his file, his
    # line, his names, and the step.
    exec(_stand_in(frame), frame.f_globals, {**frame.f_locals, "do": do, "step": step})


def _stand_in(frame: FrameType) -> CodeType:
    # Two statements: a debugger stops at the first new line after its call, which is the user's.
    line = frame.f_lineno
    text = "\n" * max(0, line - 2) + ("do()\nstep" if line > 1 else "do(); step")
    code = compile(text, frame.f_code.co_filename, "exec")
    return code.replace(co_name=frame.f_code.co_name, co_qualname=frame.f_code.co_qualname)
