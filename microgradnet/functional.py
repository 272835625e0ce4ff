"""Compute with numbers or Values: every operation as a function, and functions of several.

>>> from microgradnet import functional
>>> functional.tanh(0.5), functional.maximum(2.0, 3.0)
(0.46211715726000974, 3.0)
>>> functional.softmax([1000.0, 1000.0])
[0.5, 0.5]

The functions of operations (`tanh`, `exp`, `log`, `relu`, ...) are the records of
`microgradnet.operations` themselves: of numbers they give a number, of Values a Value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from microgradnet.engine import Value
from microgradnet.operations import OPERATIONS, Op, Operand


def __getattr__(name: str) -> Op:
    try:
        return OPERATIONS[name]
    except KeyError:
        raise AttributeError(
            f"functional has the operations and its own functions, not {name!r}; see dir()"
        ) from None


def __dir__() -> list[str]:
    return sorted([*globals(), *OPERATIONS])


def total(values: Iterable[Operand]) -> Any:
    """Return the sum, added from left to right; Value(0.0) of nothing."""
    iterator = iter(values)
    result: Any = next(iterator, None)
    if result is None:
        return Value(0.0)
    for value in iterator:
        result = result + value
    return result


def mean(values: Iterable[Operand]) -> Any:
    """Return the arithmetic mean; ValueError of nothing."""
    values = list(values)
    if not values:
        raise ValueError("mean() takes at least one value, not []; check what was selected")
    return total(values) / len(values)


def dot(xs: Sequence[Operand], ys: Sequence[Operand]) -> Any:
    """Return the sum of the products of two sequences of one length; ValueError of two."""
    if len(xs) != len(ys):
        raise ValueError(f"dot() takes two sequences of one length, not {len(xs)} and {len(ys)}")
    return total(x * y for x, y in zip(xs, ys, strict=True))  # type: ignore[operator]


def logsumexp(values: Iterable[Operand]) -> Any:
    """Return log(e^v1 + e^v2 + ...) without overflow; ValueError of nothing."""
    shifted, top = _shifted(values)
    return top + OPERATIONS["log"](total(map(OPERATIONS["exp"], shifted)))


def softmax(values: Iterable[Operand]) -> list[Any]:
    """Return e^v / (e^v1 + e^v2 + ...) for each v, without overflow; ValueError of nothing."""
    shifted, _ = _shifted(values)
    weights = [OPERATIONS["exp"](value) for value in shifted]
    scale = total(weights)
    return [weight / scale for weight in weights]


def log_softmax(values: Iterable[Operand]) -> list[Any]:
    """Return the logarithm of softmax for each value, exact also where softmax is 0."""
    shifted, _ = _shifted(values)
    log_scale = OPERATIONS["log"](total(map(OPERATIONS["exp"], shifted)))
    return [value - log_scale for value in shifted]


def _shifted(values: Iterable[Operand]) -> tuple[list[Any], Any]:
    # The shift cancels in the result, and so does its derivative: no gradient through `top`.
    values = list(values)
    if not values:
        raise ValueError("softmax and logsumexp take at least one value, not []")
    top: Any = values[0]
    for value in values[1:]:
        top = OPERATIONS["maximum"](top, value)
    top = OPERATIONS["detach"](top)
    return [value - top for value in values], top
