"""Compute with numbers or Values: every operation as a function, and functions of several.

>>> from microgradnet import functional
>>> functional.tanh(0.5), functional.maximum(2.0, 3.0)
(0.46211715726000974, 3.0)
>>> functional.softmax([1000.0, 1000.0])
[0.5, 0.5]

The functions of operations (`tanh`, `exp`, `log`, `relu`, ...) are the records of
`microgradnet.operations` themselves: of numbers they give a number, of Values a Value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microgradnet.engine import Value
from microgradnet.errors import is_real, show, wrong
from microgradnet.operations import OPERATIONS, Op, Operand


def __getattr__(name: str) -> Op:
    try:
        return OPERATIONS[name]
    except KeyError:
        raise AttributeError(
            f"functional has the operations and its own functions, not {show(name)}; see dir()"
        ) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *OPERATIONS])


def total(values: Iterable[Operand]) -> Any:
    """Return the sum, added from left to right; Value(0.0) of nothing."""
    return _sum(operands("total()", values))


def _sum(values: Iterable[Any]) -> Any:
    iterator = iter(values)
    result = next(iterator, None)
    if result is None:
        return Value(0.0)
    for value in iterator:
        result = result + value
    return result


def mean(values: Iterable[Operand]) -> Any:
    """Return the arithmetic mean; ValueError of nothing."""
    values = operands("mean()", values)
    if not values:
        raise ValueError("mean() takes at least one value, not []; check what was selected")
    return _sum(values) / len(values)


def dot(xs: Sequence[Operand], ys: Sequence[Operand]) -> Any:
    """Return the sum of the products of two sequences of one length; ValueError of two."""
    xs, ys = operands("dot()", xs), operands("dot()", ys)
    if len(xs) != len(ys):
        rule = f"dot() takes two sequences of one length, not {len(xs)} and {len(ys)}"
        raise ValueError(f"{rule}; give as many of both")
    return _sum(x * y for x, y in zip(xs, ys, strict=True))


def logsumexp(values: Iterable[Operand]) -> Any:
    """Return log(e^v1 + e^v2 + ...) without overflow; ValueError of nothing."""
    shifted, top = _shifted("logsumexp()", values)
    return top + OPERATIONS["log"](_sum(map(OPERATIONS["exp"], shifted)))


def clip(x: Operand, low: Operand, high: Operand) -> Any:
    """Return x between the bounds, and the nearer bound outside them."""
    return OPERATIONS["minimum"](OPERATIONS["maximum"](x, low), high)


def softmax(values: Iterable[Operand]) -> list[Any]:
    """Return e^v / (e^v1 + e^v2 + ...) for each v, without overflow; ValueError of nothing."""
    shifted, _ = _shifted("softmax()", values)
    weights = [OPERATIONS["exp"](value) for value in shifted]
    scale = _sum(weights)
    return [weight / scale for weight in weights]


def log_softmax(values: Iterable[Operand]) -> list[Any]:
    """Return the logarithm of softmax for each value, exact also where softmax is 0."""
    shifted, _ = _shifted("log_softmax()", values)
    log_scale = OPERATIONS["log"](_sum(map(OPERATIONS["exp"], shifted)))
    return [value - log_scale for value in shifted]


def operands(who: str, values: Iterable[Operand]) -> list[Any]:
    """Return numbers and Values as a list; TypeError, for `who`, of anything else."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise wrong(who, "a list of numbers or Values", values, "write [...]", TypeError)
    found = list(values)
    for v in found:
        if not is_real(v):
            raise wrong(who, "numbers or Values", v, "convert it with float()", TypeError)
    return found


def _shifted(who: str, values: Iterable[Operand]) -> tuple[list[Any], Any]:
    # The shift cancels in the result, and so does its derivative: no gradient through `top`.
    values = operands(who, values)
    if not values:
        raise ValueError(f"{who} takes at least one value, not []; check what was selected")
    top: Any = values[0]
    for value in values[1:]:
        top = OPERATIONS["maximum"](top, value)
    top = OPERATIONS["detach"](top)
    return [value - top for value in values], top
