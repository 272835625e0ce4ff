"""Check what is to be trained: parameters are leaf Values, each once.

>>> x, y = Value(1.0, "x"), Value(2.0, "y")
>>> [p.label for p in leaves("an optimizer", [x, y, x])]
['x', 'y']
"""

from collections.abc import Iterable

from microgradnet.engine import Value


def leaves(who: str, parameters: Iterable[Value], least: int = 1) -> list[Value]:
    """Return the parameters, each once; TypeError for what is none, ValueError for too few."""
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{who} takes parameters, not {parameters!r}; see parameters()")
    found = list(dict.fromkeys(parameters))
    if len(found) < least:
        raise ValueError(f"{who} takes at least one parameter, not []; see parameters()")
    for p in found:
        if not isinstance(p, Value) or p.rule is not None:
            raise TypeError(f"{who} takes leaf Values as parameters, not {p!r}; see parameters()")
    return found


def not_negative(**numbers: float) -> None:
    """Raise ValueError, with its name, for a number that is below 0 or nan."""
    for name, number in numbers.items():
        if not number >= 0.0:
            raise ValueError(f"{name} takes a number from 0 up, not {number!r}")
