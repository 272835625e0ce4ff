"""Record scalar operations in a graph, and backpropagate derivatives through it.

>>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
>>> y = (x * w + 7.0).tanh()
>>> y.backward()
>>> y, x.grad, w.grad
(Value(data=0.7615941559557649, grad=1.0, op='tanh'), -1.2599230248420783, 0.8399486832280523)

Each operation is one line in the body of `Value`: its name, its text on numbers, and one partial
derivative per operand, in the letters `{x}`, `{y}` for the operands and `{z}` for the result.

**At an edge** the derivative is, as in PyTorch unless said otherwise:

    relu, leaky_relu, elu   at 0            the left one: 0, slope, alpha
    abs, sign               at 0            0
    maximum, minimum        at a tie        1/2 for each operand, and so for clip (PyTorch: 1)
    step, sign, greater     everywhere      0
    x ** n, a number n      at 0, n = 0     0 (and 0 ** 0 is 1)
    x ** n, sqrt            at 0, n < 1     infinite: ZeroDivisionError (PyTorch: inf)
    x ** y, a Value y       at x = 0        by y: 0 for y > 0; by x: as x ** n, but y = 0 an error
                            at x < 0        by y: ValueError (PyTorch: nan); make y a number
"""

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

from microgradnet.errors import explained, is_real, printable, wrong
from microgradnet.operations import (
    NOT_COMPUTED,
    RUNTIME,
    UNREACHED,
    Op,
    Operand,
    binary,
    infix,
    unary,
)

if TYPE_CHECKING:
    from microgradnet.lines import Line
    from microgradnet.stepping import Step


class Label(str):
    """A label that has, beside its text, the line of code that made the Value."""

    line: "Line"

    def __new__(cls, text: str, line: "Line") -> "Label":
        label = super().__new__(cls, text)
        label.line = line
        return label


class Value:
    """A number that remembers the operation and the operands it came from.

    `Value(data, label="")` takes one real number; anything else is a TypeError. Results, and the
    exceptions, are those of the float inside, with a note that names the operation.

    `backward()` adds into `grad`, as in PyTorch: set it to 0 between steps with `zero_grad`, and
    the grad of inputs and targets too where you read it. `p -= lr * p.grad` only makes the name p
    stand for another Value: write `p.data -= lr * p.grad`, or use an optimiser.
    """

    __slots__ = {  # noqa: RUF023
        "data": "the number",
        "grad": "the derivative, by this Value, of the one that backward() was called on",
        "_label": "its name, with the line of code that made it where record_lines() was on",
        "x": "the first operand, None on a leaf",
        "y": "the second operand, None where there is none",
        "rule": "the Op that made it, None on a leaf",
    }
    __array_ufunc__ = None  # NumPy: leave the operators to us
    data: float
    grad: float
    _label: str
    x: "Value | None"
    y: "Value | None"
    rule: Op | None

    def __init__(self, data: float | SupportsFloat, label: str = "") -> None:
        self.data = data if data.__class__ is float else as_number(data)
        self.grad = NOT_COMPUTED
        if label:
            self.label = label
        self.x = self.y = self.rule = None

    @property
    def op(self) -> str:
        """The operation's symbol: "+", "*", "tanh", ...; "" on a leaf."""
        return self.rule.symbol if self.rule else ""

    @property
    def args(self) -> "tuple[Value, ...]":
        """The operands in order, `(x, x)` for `x * x`; () on a leaf."""
        if self.x is None:
            return ()
        return (self.x,) if self.y is None else (self.x, self.y)

    # Most Values have no label, and none has a line but where record_lines() was on: in one slot
    # that stays empty they cost no time, and no memory.
    @property
    def label(self) -> str:
        """Its name in pictures and messages."""
        label = getattr(self, "_label", "")
        return str(label) if label.__class__ is Label else label

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise wrong("label", "a text", label, "convert it with str()", TypeError)
        self._label = Label(label, self.line) if self.line else label

    @property
    def line(self) -> "Line | None":
        """The line of user code that made it; None where record_lines() was not on."""
        return getattr(getattr(self, "_label", None), "line", None)

    _prev, _op = args, op  # micrograd's names for them, as in its drawing code

    # ---- the operations: name, value, partial by x, partial by y ------------------------------

    # fmt: off
    __add__, __radd__ = infix("add", "{x} + {y}", "1.0", "1.0", symbol="+", start=0)
    __sub__, __rsub__ = infix("sub", "{x} - {y}", "1.0", "-1.0", symbol="-")
    __mul__, __rmul__ = infix("mul", "{x} * {y}", "{y}", "{x}", symbol="*")
    __truediv__, __rtruediv__ = infix("div", "{x} / {y}", "1.0 / {y}", "-{z} / {y}", symbol="/",
                                      remedy="keep the denominator away from 0")
    __neg__ = unary("neg", "-{x}", "-1.0")
    __abs__ = unary("abs", "abs({x})", "sign({x})")

    power = binary("power", "power({x}, {y})", "{y} * power({x}, {y} - 1.0)", "xlogy({z}, {x})",
                   symbol="**", remedy="keep the base above 0, or write the exponent as a number")
    exponential, __rpow__ = infix("exponential", "power({x}, {y})", None, "xlogy({z}, {x})",
                                  symbol="**", remedy="keep the base above 0")
    constant_power = binary("constant_power", "power({x}, {y})", "slope({x}, {y})", None,
                            symbol="**", remedy="keep the base above 0, or use a whole exponent")
    slope = binary("slope", "slope({x}, {y})", "{y} * slope({x}, {y} - 1.0)", None,
                   remedy="keep the base above 0, or use a whole exponent")
    xlogy = binary("xlogy", "xlogy({x}, {y})", "log({y})", "{x} / {y}",
                   remedy="keep the second operand above 0")

    exp = unary("exp", "exp({x})", "{z}", remedy="keep the operand below 709")
    expm1 = unary("expm1", "expm1({x})", "exp({x})", remedy="keep the operand below 709")
    log = unary("log", "log({x})", "1.0 / {x}", remedy="keep the operand above 0")
    sqrt = unary("sqrt", "sqrt({x})", "0.5 / {z}", remedy="keep the operand above 0")
    sin = unary("sin", "sin({x})", "cos({x})")
    cos = unary("cos", "cos({x})", "-sin({x})")
    tan = unary("tan", "tan({x})", "1.0 + {z} * {z}")
    erfc = unary("erfc", "erfc({x})", "-TWO_OVER_SQRT_PI * exp(-{x} * {x})")

    tanh = unary("tanh", "tanh({x})", "1.0 - {z} * {z}")
    sigmoid = unary("sigmoid", "sigmoid({x})", "{z} * (1.0 - {z})")
    relu = unary("relu", "(0.0 if {x} <= 0.0 else {x})", "step({x})")
    leaky_relu = binary("leaky_relu", "({x} if {x} > 0.0 else {x} * {y})",
                        "step({x}) + {y} * (1.0 - step({x}))", "minimum({x}, 0.0)", default=0.01)
    elu = binary("elu", "({x} if {x} > 0.0 else {y} * expm1({x}))",
                 "step({x}) + {y} * exp(minimum({x}, 0.0)) * (1.0 - step({x}))",
                 "expm1(minimum({x}, 0.0))", default=1.0)
    softplus = unary("softplus", "softplus({x})", "sigmoid({x})")
    gelu = unary("gelu", "0.5 * {x} * erfc(-SQRT_HALF * {x})",
                 "0.5 * erfc(-SQRT_HALF * {x}) + INVERSE_SQRT_TAU * {x} * exp(-0.5 * {x} * {x})")
    silu = unary("silu", "{x} * sigmoid({x})", "sigmoid({x}) + {z} * sigmoid(-{x})")

    maximum = binary("maximum", "({x} if {x} > {y} or {x} != {x} else {y})",
                     "greater({x}, {y})", "greater({y}, {x})")
    minimum = binary("minimum", "({x} if {x} < {y} or {x} != {x} else {y})",
                     "greater({y}, {x})", "greater({x}, {y})")
    greater = binary("greater", "greater({x}, {y})", "0.0", "0.0")
    step = unary("step", "step({x})", "0.0")
    sign = unary("sign", "sign({x})", "0.0")
    detach = unary("detach", "{x}", "0.0")
    identity = unary("identity", "{x}", "1.0")
    # fmt: on

    def __pow__(self, y: Operand) -> "Value":
        """Return x ** y; a number on either side is a constant, to which no gradient flows."""
        return self.power(y) if isinstance(y, Value) else self.constant_power(y)

    def __pos__(self) -> "Value":
        return self

    def clip(self, low: Operand, high: Operand) -> "Value":
        """Return the Value itself between the bounds, and the nearer bound outside them."""
        return self.maximum(low).minimum(high)

    def record(self, rule: Op, *operands: "Value") -> "Value":
        """Return the result of a rule on operands, of which this one is of a subclass of Value."""
        if len(operands) < len(rule.partials):
            operands = (*operands, Value(rule.default))  # type: ignore[arg-type]
        z = object.__new__(Value)
        z.x, z.y = operands if len(operands) == 2 else (operands[0], None)
        z.rule, z.grad = rule, NOT_COMPUTED
        try:
            z.data = rule.value(*[v.data for v in operands])
        except (ArithmeticError, ValueError) as error:
            annotate(error, z, "")
            raise
        return z

    # ---- backward ------------------------------------------------------------------------------

    def backward(self) -> None:
        """Add the derivative of this Value by each leaf to the leaf's `grad`.

        The `grad` of the Values between is computed afresh. RuntimeError where a `data` was changed
        since the forward pass; ArithmeticError or ValueError where a derivative does not exist.
        After an error every `grad` is what it was before. Threads that share leaves take turns.
        """
        leaves, results = graph(self)
        if OPEN_WALKS:
            end_walks(leaves + results)
        before = [v.grad for v in leaves], [v.grad for v in results]
        z = self
        try:
            for v in leaves:
                v.grad = 0.0
            for v in results:
                v.grad = UNREACHED
            self.grad = 1.0
            # The chain rule, one operation at a time, each after everything that uses its result:
            # only then is its own gradient complete.
            for z in reversed(results):
                if z.grad is not UNREACHED:
                    z.rule.pull(z)  # type: ignore[union-attr]
            for v, grad in zip(leaves, before[0], strict=True):
                v.grad += grad
        except BaseException as error:
            for values, grads in zip((leaves, results), before, strict=True):
                for v, grad in zip(values, grads, strict=True):
                    v.grad = grad
            if isinstance(error, ArithmeticError | ValueError):
                changed(z)
                annotate(error, z, "the derivative of ")
            if isinstance(error, TypeError):
                check_gradients("backward()", leaves)
            raise

    def backward_steps(self, names: Mapping[str, object] | None = None) -> "Iterator[Step]":
        """Yield each contribution of `backward()`, one at a time: see `stepping.Step`.

        Drained, it has done what `backward()` does; left half-way, it changes no `grad`.
        `names=locals()` names the Values without a label by the variables that hold them.
        """
        from microgradnet.stepping import backward_steps

        return backward_steps(self, names)

    def recompute(self) -> "Value":
        """Run the recorded graph forward again on the data that its leaves have now; return self.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 4.0
        >>> y.recompute().data
        16.0
        """
        leaves, results = graph(self)
        if OPEN_WALKS:
            end_walks(leaves + results)
        before = [z.data for z in results], [z.grad for z in results]
        z = self
        try:
            for z in results:
                z.data = z.rule.value(*[v.data for v in z.args])  # type: ignore[union-attr]
            forget(results)
        except BaseException as error:
            if isinstance(error, ArithmeticError | ValueError):
                annotate(error, z, "")
            assign(results, data=before[0], grad=before[1])
            raise
        return self

    # ---- as a float does -----------------------------------------------------------------------

    def __lt__(self, other: Operand) -> bool:
        return bool(self.data < number(other))

    def __le__(self, other: Operand) -> bool:
        return bool(self.data <= number(other))

    def __gt__(self, other: Operand) -> bool:
        return bool(self.data > number(other))

    def __ge__(self, other: Operand) -> bool:
        return bool(self.data >= number(other))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __round__(self, digits: int | None = None) -> float:
        return round(self.data, digits)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        names = (("label", self.label), ("op", self.op))
        text = "".join(f", {name}={text!r}" for name, text in names if text)
        return f"Value(data={self.data!r}, grad={self.grad!r}{text})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from microgradnet.drawing import mimebundle

        return mimebundle(self)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        ancestors = _Ancestors(self) if self.rule and self not in _COPYING.active else None
        grad = None if self.grad is NOT_COMPUTED else self.grad
        more = getattr(self, "__dict__", {})  # of a subclass
        state = (ancestors, self.data, grad, self.label, self.x, self.y, self.rule, more)
        return object.__new__, (type(self),), state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.data, grad, self.label, self.x, self.y, self.rule, more = state
        self.grad = NOT_COMPUTED if grad is None else grad
        if more:
            vars(self).update(more)


class _Ancestors:
    """What a Value came from, handed to pickle and deepcopy before it: neither need recurse."""

    def __init__(self, root: Value) -> None:
        self.root = root

    def __reduce__(self) -> tuple[type[list[Value]], tuple[()], None, Iterator[Value]]:
        return list, (), None, self._in_order()

    def _in_order(self) -> Iterator[Value]:
        order = topological_order(self.root)[:-1]
        _COPYING.active = set(order)
        try:
            yield from order
        finally:
            _COPYING.active = set()


class _Copying(threading.local):
    def __init__(self) -> None:
        self.active: set[Value] = set()


_COPYING = _Copying()


OPEN_WALKS: list[Any] = []  # those of backward_steps() that are neither drained nor left


def end_walks(values: Sequence[Value]) -> None:
    """End the walks that were left open over some of these Values: their `grad` is half-way."""
    for walk in list(OPEN_WALKS):
        if not set(walk.values).isdisjoint(values):
            walk.end()


def as_number(data: Any) -> float:
    """Return a real number as a float; TypeError for anything else."""
    if isinstance(data, Value) or not is_real(data):
        remedy = "use it as it is" if isinstance(data, Value) else "convert it with float()"
        remedy = "end the function with return" if data is None else remedy
        raise wrong("Value()", "a real number", data, remedy, TypeError)
    return float(data)


def as_value(operand: Operand) -> Value:
    """Return a Value as it is, and a number as a new leaf."""
    return operand if isinstance(operand, Value) else Value(operand)


def number(operand: Any) -> Any:
    """Return a Value's data, and anything else as it is."""
    return operand.data if isinstance(operand, Value) else operand


def check_gradients(who: str, values: Iterable[Value]) -> None:
    """Raise TypeError, for `who`, where a `grad` is no number: None, as in PyTorch, is none."""
    for v in values:
        if not is_real(v.grad):
            rule = "numbers to add gradients to"
            raise wrong(who, rule, v.grad, "call zero_grad()", TypeError)


@explained
def zero_grad(values: Iterable[Value]) -> None:
    """Set the grad of every Value to 0, as before any backward; TypeError for what is none."""
    values = list(values)
    if others := [v for v in values if not isinstance(v, Value)]:
        raise wrong("zero_grad()", "Values", others[0], "see parameters()", TypeError)
    forget(values)


def forget(values: Sequence[Value]) -> None:
    """Set the grad of Values to 0; Ctrl-C comes before it, or after."""
    end_walks(values)
    try:
        for v in values:
            v.grad = NOT_COMPUTED
    except BaseException:
        for v in values:
            v.grad = NOT_COMPUTED
        raise


def assign(values: Sequence[Value], **attributes: Sequence[object]) -> None:
    """Set attributes of all Values in one step of Python: Ctrl-C comes before it, or after.

    >>> x, y = Value(1.0), Value(2.0)
    >>> assign([x, y], data=[3.0, 4.0], grad=[5.0, 6.0])
    >>> y
    Value(data=4.0, grad=6.0)

    A loop may be interrupted in its middle, a call of a function in C cannot; it takes twice as
    long. No memory is asked for on the way.
    """
    changes = [
        zip(values, [name] * len(values), numbers, strict=True)
        for name, numbers in attributes.items()
    ]
    deque(itertools.starmap(setattr, itertools.chain.from_iterable(changes)), maxlen=0)


def graph(root: Value) -> tuple[list[Value], list[Value]]:
    """Return the leaves below a Value, and the results of operations, operands before results."""
    if root.rule is None:
        return [root], []
    leaves: list[Value] = []
    results: list[Value] = []
    seen, path = {root}, [root]
    while path:  # depth first, without recursion: `path` is where a recursive walk would stand
        z = path[-1]
        for v in (z.x, z.y):
            if v is not None and v not in seen:
                seen.add(v)
                if v.rule is None:
                    leaves.append(v)
                else:
                    path.append(v)
                    break
        else:
            results.append(path.pop())
    return leaves, results


def topological_order(root: Value) -> list[Value]:
    """Return every Value that a Value came from, and itself last: operands before results."""
    leaves, results = graph(root)
    return leaves + results


def changed(z: Value) -> None:
    """Raise RuntimeError, unless the operands of `z` still give its data (nan gives nan)."""
    try:
        now = z.rule.value(*[v.data for v in z.args])  # type: ignore[union-attr]
        if now == z.data or (now != now and z.data != z.data):
            return
        found = repr(now)
    except (ArithmeticError, ValueError) as error:
        found = repr(error)  # its text alone: the error would hold this frame, and itself
    raise RuntimeError(
        f"backward() needs the data of the forward pass, but the operands of {z!r} now give "
        f"{found}: {', '.join(map(repr, z.args))}; call recompute() first, or build it again"
    )


def annotate(error: BaseException, z: Value, what: str) -> None:
    """Add a note to an error: the operation, its operands, and the remedy."""
    operands = (
        f"{printable(v.label or letter)} = {v.data!r}"
        for letter, v in zip("xy", z.args, strict=False)
    )
    remedy = z.rule.advice(error)  # type: ignore[union-attr]
    error.add_note(f"in {what}{z.op} with {', '.join(operands)}; {remedy}")


RUNTIME.update(
    Value=Value, as_number=as_number, as_value=as_value, changed=changed, annotate=annotate
)
