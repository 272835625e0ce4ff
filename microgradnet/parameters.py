"""Check what is to be trained: parameters are leaf Values, each once.

>>> x, y = Value(1.0, "x"), Value(2.0, "y")
>>> [p.label for p in leaves("an optimizer", [x, y, x])]
['x', 'y']
"""

from collections.abc import Iterable

from microgradnet.engine import Value
from microgradnet.errors import is_real, show, wrong


def leaves(who: str, parameters: Iterable[Value], least: int = 1) -> list[Value]:
    """Return the parameters, each once; TypeError for what is none, ValueError for too few."""
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{who} takes parameters, not {show(parameters)}; see parameters()")
    found = list(dict.fromkeys(parameters))
    if len(found) < least:
        raise ValueError(f"{who} takes at least one parameter, not []; see parameters()")
    for p in found:
        if not isinstance(p, Value) or p.rule is not None:
            raise wrong(who, "leaf Values as parameters", p, "see parameters()", TypeError)
    return found


def not_negative(**numbers: float) -> None:
    """Raise ValueError, with its name, for a number below 0 or nan; TypeError for what is none."""
    for name, number in numbers.items():
        if not is_real(number):
            raise TypeError(f"{name} takes a number, not {show(number)}; convert it with float()")
        if not number >= 0.0:
            raise wrong(name, "a number from 0 up", number, "take 0 or more")
