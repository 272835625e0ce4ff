"""Make an operation from one line: its text on numbers, and one partial derivative per operand.

>>> from microgradnet.engine import Value
>>> cube = unary("cube", "{x} ** 3", "3.0 * {x} ** 2")
>>> x = Value(2.0)
>>> y = cube(x)
>>> y.backward()
>>> y.data, x.grad
(8.0, 12.0)
>>> del OPERATIONS["cube"]  # as it was

In a rule, `{x}` and `{y}` stand for the operands, `{z}` for the result. The text becomes the method
that records the operation and the function that pulls the gradient back through it; on Values, the
same text is differentiated again, pushed forward, drawn and printed. A partial therefore uses
operators and operations only: a kink is an operation too (relu's partial is `step`), since an `if`
would be frozen when the graph is printed.
"""

import linecache
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsFloat, TypeAlias

from microgradnet import scalars

if TYPE_CHECKING:
    from microgradnet.engine import Value

Operand: TypeAlias = SupportsFloat  # a Value, or a real number

OPERATIONS: dict[str, "Op"] = {}
# Two zeros that say something by identity, at no cost.
NOT_COMPUTED = float("0")  # no backward has come here yet
UNREACHED = float("0")  # a backward has come by, and no gradient reaches here

RUNTIME: dict[str, Any] = {  # what the generated methods see; the engine adds Value and its own
    **vars(scalars), "new": object.__new__, "NOT_COMPUTED": NOT_COMPUTED,
}  # fmt: skip

_METHOD = """\
def {name}({operands}):{lift}
    z = new(Value)
    z.x = x
    z.y = {y}
    z.rule = {name}_rule
    z.grad = NOT_COMPUTED
    try:
        z.data = {data}
    except Exception as error:
        if x.__class__ is not Value:
            return x.record({name}_rule, {operands})
        annotate(error, z, "")
        raise
    return z

def pull(z):
    x, y, g = z.x, z.y, z.grad
    if {data} != z.data:
        changed(z)
"""
_LIFT = """
    if y.__class__ is not Value:
        y = as_value(y)
        if y.__class__ is not Value:
            return y.record({name}_rule, x, y)"""


# The partials of kinks: where one is 0, no gradient passes (not even 0 * inf, which is nan).
GATES = ("step({x})", "greater({x}, {y})", "greater({y}, {x})")


class Op:
    """The record of one operation: its rule as text, and what is made of that text.

    Called on numbers it computes, called on Values it records:

    >>> from microgradnet.engine import Value
    >>> OPERATIONS["tanh"](0.5), OPERATIONS["tanh"](Value(0.5))
    (0.46211715726000974, Value(data=0.46211715726000974, grad=0.0, op='tanh'))
    """

    def __init__(
        self, name: str, source: str, *partials: str | None, symbol: str = "",
        default: float | None = None, remedy: str = "check the operands",
    ) -> None:  # fmt: skip
        if name in OPERATIONS:
            raise ValueError(
                f"an operation's name is its own, but {name!r} is taken; choose another"
            )
        self.name, self.source, self.partials = name, source, partials
        self.symbol, self.default, self.remedy = symbol or name, default, remedy
        self.method, self.pull = self._generate()
        OPERATIONS[name] = self

    def _generate(self) -> tuple[Callable[..., "Value"], Callable[["Value"], None]]:
        # Generated text costs 0.6 to 0.75 of closures over lambdas: three calls a node become one.
        # In linecache, so that a debugger that steps into an operation shows its rule.
        two = len(self.partials) == 2
        data = self.source.format(x="x.data", y="y.data")
        text = _METHOD.format(
            name=self.name, operands="x, y" if two else "x", y="y" if two else "None", data=data,
            lift=_LIFT.format(name=self.name) if two else "",
        )  # fmt: skip
        for operand, partial in zip("xy", self.partials, strict=False):
            if partial not in (None, "0.0"):
                local = partial.format(x="x.data", y="y.data", z="z.data")
                flow = {"1.0": "+= g", "-1.0": "-= g"}.get(local, f"+= g * ({local})")
                if partial in GATES:
                    text += f"    s = {local}\n    if s:\n    "
                    flow = "+= g * s"
                text += f"    {operand}.grad {flow}\n"
        filename = f"<operation {self.name}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        RUNTIME[f"{self.name}_rule"] = self
        RUNTIME.setdefault(self.name, self)  # for partials that name operations
        made: dict[str, Any] = {}
        exec(compile(text, filename, "exec"), RUNTIME, made)
        method = made[self.name]
        method.__module__, method.__qualname__ = "microgradnet.engine", f"Value.{self.name}"
        method.__doc__ = f"Return {self.source.format(x='x', y='y')}."
        method.__defaults__ = None if self.default is None else (self.default,)
        return method, made["pull"]

    @cached_property
    def value(self) -> Callable[..., float]:
        """Return the operation's value on numbers."""
        default = "" if self.default is None else f"={self.default!r}"
        operands = f"x, y{default}" if len(self.partials) == 2 else "x"
        text = self.source.format(x="x", y="y")
        function: Callable[..., float] = eval(f"lambda {operands}: {text}", vars(scalars))
        return function

    @cached_property
    def derivatives(self) -> tuple[Callable[..., Any] | None, ...]:
        """Return one function of (z, x, y) per operand: its partial, on numbers or on Values."""
        functions = vars(scalars) | OPERATIONS
        texts = (p and f"lambda z, x, y: {p.format(x='x', y='y', z='z')}" for p in self.partials)
        return tuple(eval(text, functions) if text else None for text in texts)

    def advice(self, error: BaseException) -> str:
        """Return the remedy for an error: that of the operation, but for a result too large."""
        if isinstance(error, OverflowError) and "below" not in self.remedy:
            return "make them smaller: a float ends at 1.8e308"
        return self.remedy

    def local(self, z: "Value", i: int) -> tuple[float, bool] | None:
        """Return the derivative of a result by its operand i, and whether it is a closed gate.

        None where the operand is a constant, such as n in x ** n. A closed gate, such as that of a
        relu below 0, passes nothing on, not even 0 * inf. ArithmeticError or ValueError where there
        is no derivative.
        """
        function = self.derivatives[i]
        if function is None:
            return None
        local = float(function(z.data, z.args[0].data, z.args[-1].data))
        return local, not local and self.partials[i] in (*GATES, "0.0")

    def __call__(self, *operands: Operand) -> Any:
        if not any(isinstance(operand, RUNTIME["Value"]) for operand in operands):
            return self.value(*map(RUNTIME["as_number"], operands))
        values = [RUNTIME["as_value"](operand) for operand in operands]
        for v in values:
            if v.__class__ is not RUNTIME["Value"]:
                return v.record(self, *values)
        return self.method(*values)

    def __repr__(self) -> str:
        return f"<operation {self.name}: {self.source.format(x='x', y='y')}>"

    def __reduce__(self) -> tuple[Callable[[str], "Op"], tuple[str]]:
        return operation, (self.name,)


def operation(name: str) -> Op:
    """Return the operation of that name."""
    return OPERATIONS[name]


def unary(name: str, source: str, partial: str, **details: Any) -> Callable[["Value"], "Value"]:
    """Return the method of an operation on one operand: its text, and its derivative."""
    return Op(name, source, partial, **details).method


def binary(
    name: str, source: str, by_x: str | None, by_y: str | None, **details: Any
) -> Callable[["Value", Operand], "Value"]:
    """Return the method of an operation on two operands: its text, and one partial for each.

    None for a partial makes that operand a constant, to which no gradient flows.
    """
    return Op(name, source, by_x, by_y, **details).method


def infix(
    name: str,
    source: str,
    by_x: str | None,
    by_y: str | None,
    start: int | None = None,
    **details: Any,
) -> tuple[Callable[["Value", Operand], "Value"], Callable[["Value", Operand], "Value"]]:
    """Return the methods of an operator: a Value on its left, and a number on its left.

    `start` is the int on the left that leaves the Value as it is, without a node: sum() starts
    from 0.
    """
    method = binary(name, source, by_x, by_y, **details)

    def reflected(y: "Value", x: Operand) -> "Value":
        return y if x.__class__ is int and x == start else method(RUNTIME["as_value"](x), y)

    return method, reflected
