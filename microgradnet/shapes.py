"""Describe inputs: what varies from call to call, what is fixed, and the variables they go into.

>>> key([1.0, 2.0]) == key([3.0, 4.0]), key(1) == key(2), shape(([1.0, 2.0], 3))
(True, False, '[[float * 2], 3]')
>>> pattern(lambda x, y: x, ([1.0, 2.0], 3))
'(x_0, x_1), _'
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from microgradnet.calculus import flatten, rebuild
from microgradnet.operations import OPERATIONS
from microgradnet.printing import RESERVED, listed, variable
from microgradnet.tracing import varies

FLOATS = {float}


def key(item: Any) -> Hashable:
    """Return the shape of inputs: floats by their place alone, all else with type and value."""
    # What varies and is no plain float has a key that no program has: it is made one first.
    kind = item.__class__
    if kind is float:
        return None
    if kind is int or kind is str:  # most of what is fixed, sooner found
        return kind, item
    if kind is list or kind is tuple or isinstance(item, (list, tuple)):
        found = len(item) if set(map(type, item)) == FLOATS else tuple(map(key, item))
        return found if kind is list or kind is tuple else (kind, found)  # fields have an order
    return (kind,) if varies(item) else (kind, item)


def plain(inputs: Sequence[Any]) -> Any:
    """Return inputs with the floats of Values, and of subclasses of float."""
    inputs = tuple(inputs)
    return rebuild(inputs, iter([float(v) if varies(v) else v for v in flatten(inputs)]))


def shape(item: Any) -> str:
    """Return the shape of inputs to read, as a part of one line that is safe in a comment."""
    if isinstance(item, (list, tuple)):
        parts = [
            f"{part} * {count}" if count > 1 else part
            for part, same in itertools.groupby(map(shape, item))
            for count in [len(list(same))]
        ]
        return f"[{', '.join(parts)}]"
    return "float" if varies(item) else re.sub("[^ -~]", "?", ascii(item))[:80]


def pattern(f: Callable[..., Any], inputs: Sequence[Any]) -> str:
    """Return how inputs are unpacked, named after the parameters of f: "(x_0, x_1), y"."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    if hasattr(f, "__self__"):
        names = names[1:]
    names += [f"input_{i}" for i in range(len(names), len(inputs))]
    taken, counts = {*RESERVED, *OPERATIONS}, Counter[str]()

    def unpacked(item: Any, name: str) -> str:
        if isinstance(item, list | tuple):
            return f"({listed([unpacked(part, f'{name}_{i}') for i, part in enumerate(item)])})"
        return variable(name, "x", taken, counts) if varies(item) else "_"

    return listed([unpacked(i, n) for i, n in zip(inputs, names, strict=False)]) or "()"
