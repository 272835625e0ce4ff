"""Check what is to be trained: parameters are leaf Values, each once.

>>> x, y = Value(1.0, "x"), Value(2.0, "y")
>>> [p.label for p in leaves("an optimizer", [x, y, x])]
['x', 'y']
"""

from collections.abc import Iterable
from typing import Any

from microgradnet.engine import Value
from microgradnet.errors import is_real, show, wrong


def leaves(who: str, parameters: Iterable[Value], least: int = 1) -> list[Value]:
    """Return the parameters, each once; TypeError for what is no leaf, ValueError for too few."""
    found = list(dict.fromkeys(values(who, parameters)))
    if len(found) < least:
        raise ValueError(f"{who} takes at least one parameter, not []; see parameters()")
    for p in found:
        if p.rule is not None:
            raise wrong(who, "leaf Values as parameters", p, "see parameters()", TypeError)
    return found


def values(who: str, parameters: Iterable[Value]) -> list[Value]:
    """Return the parameters as a list; TypeError for what is no Value."""
    several = hasattr(parameters, "__iter__") and not isinstance(parameters, type)
    found: list[Any] = list(parameters) if several else []
    others = [p for p in found if not isinstance(p, Value)] if several else [parameters]
    if others:
        raise wrong(who, "leaf Values as parameters", others[0], "see parameters()", TypeError)
    return found


def not_negative(**numbers: float) -> None:
    """Raise ValueError, with its name, for a number below 0 or nan; TypeError for what is none."""
    for name, number in numbers.items():
        if not is_real(number):
            raise TypeError(f"{name} takes a number, not {show(number)}; convert it with float()")
        if not float(number) >= 0.0:
            raise wrong(name, "a number from 0 up", number, "take 0 or more")
