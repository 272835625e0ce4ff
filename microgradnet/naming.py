"""Give every Value of a graph a name: its label, a variable's, or the expression that it is.

>>> x, w = Value(2.0, label="x"), Value(-3.0)
>>> y = (x * w).tanh() + x * w
>>> names = Names(y, {"w": w})
>>> [names(v) for v in topological_order(y)]
['x', 'w', 'x*w', 'tanh(x*w)', 'x*w_2', 'tanh(x*w)+x*w_2']
>>> names.find("x*w_2").data
-6.0
"""

import re
from collections.abc import Mapping
from functools import cached_property

from microgradnet.engine import Value, topological_order
from microgradnet.nn import Module

LONGEST = 24  # characters of an expression that is used as a name
HOLDERS = (Value, Module, list, tuple, dict)
INFIX = ("+", "-", "*", "/", "**")
ATOM = re.compile(r"[\w#.\[\]']+|\w+\([^()]*\)")  # not -x: as a base, -x ** 2 is -(x ** 2)


class Names:
    """The names of the Values below a root, each its own.

    Constants are named by their number: three of 1 are 1, 1#2 and 1#3.
    """

    def __init__(self, root: Value, names: Mapping[str, object] | None = None) -> None:
        if not isinstance(root, Value):
            raise TypeError(f"a graph is that of a Value, not {root!r}; pass a result, as a loss")
        self.root, self.given = root, named(names or {})
        self._constants: set[Value] = set()

    def written(self, v: Value) -> str:
        """Return the name of an operand in a formula: a constant is its number there."""
        return self._shown(v, self._names)

    def of_its_own(self, v: Value) -> bool:
        """Return whether a Value has another name than its number."""
        return v in self._names and v not in self._constants

    def _shown(self, v: Value, names: Mapping[Value, str]) -> str:
        return digits(v) if v in self._constants else names[v]

    def __call__(self, v: Value) -> str:
        return self._names.get(v) or printable(v.label or self.given.get(v) or v.op or digits(v))

    def find(self, name: str) -> Value:
        """Return the Value of that name; KeyError, with names like it, where there is none."""
        if name not in self._values:
            from difflib import get_close_matches

            known = list(self._values)
            near = get_close_matches(name, known, cutoff=0.5) or known[:8]
            raise KeyError(f"a name of this graph is needed, not {name!r}; try {', '.join(near)}")
        return self._values[name]

    @cached_property
    def width(self) -> int:
        """The length of the longest name of an operand, 24 at the most."""
        below = [bracketed(name) for v, name in self._names.items() if v is not self.root]
        return min(LONGEST, max(map(len, below), default=0))

    @cached_property
    def _values(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for v, name in self._names.items():
            found.setdefault(name, v)
        return found

    @cached_property
    def _names(self) -> dict[Value, str]:
        names: dict[Value, str] = {}
        order = topological_order(self.root)
        taken = {v.label or self.given.get(v, "") for v in order}
        count: dict[str, int] = {}
        for i, v in enumerate(order):
            own = printable(v.label or self.given.get(v, "")) if v.label or v in self.given else ""
            mark = "_"
            if not own and v.rule is None:
                self._constants.add(v)
                mark = "#"
                own = digits(v)
            name = stem = own or _expression(v, [self._shown(x, names) for x in v.args]) or f"v{i}"
            while name in count or (name != own and name in taken):
                count[stem] = count.get(stem, 1) + 1
                name = f"{stem}{mark}{count[stem]}"
            count.setdefault(name, 1)
            names[v] = name
        return names


def named(names: Mapping[str, object]) -> dict[Value, str]:
    """Return Value -> name, from name -> object such as locals(); the first name wins.

    Values in lists, tuples and dicts are named by their place, parameters by their path in a
    Module; names that begin with `_` are left out.

    >>> x = [Value(1.0), Value(2.0)]
    >>> list(named({"x": x, "again": x[1], "d": {"k": Value(3.0)}}).values())
    ['x[0]', 'x[1]', "d['k']"]
    """
    if not isinstance(names, Mapping):
        raise TypeError(f"names takes name -> object, not {names!r}; try locals()")
    found: dict[Value, str] = {}
    # A container that a private name holds too is left out: a notebook's Out is also its _oh.
    seen = {id(item) for name, item in names.items() if name.startswith("_")}
    todo = [(name, item) for name, item in names.items() if not name.startswith("_")][::-1]
    while todo:
        name, item = todo.pop()
        if isinstance(item, Value):
            found.setdefault(item, name)
        elif isinstance(item, Module):
            for path, p in item.named_parameters():
                found.setdefault(p, f"{name}.{path}")
        elif isinstance(item, list | tuple | dict) and id(item) not in seen:
            seen.add(id(item))
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            parts = [pair for pair in pairs if isinstance(pair[1], HOLDERS)]
            todo += [(f"{name}[{key!r}]", part) for key, part in parts[::-1]]
    return found


def printable(text: str) -> str:
    r"""Return a text with its control characters as Python writes them, and never blank.

    >>> print(printable("a\x1b[2J"), printable(" "))
    a\x1b[2J ' '
    """
    text = text if text.strip() else repr(text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def digits(x: float | Value) -> str:
    """Return a number with at most four significant digits: 0.7071, 1e-07, nan."""
    return f"{float(x):z.4g}"


def bracketed(name: str) -> str:
    """Return a name as an operand of a formula: in brackets where it is not one word.

    >>> bracketed("x*w"), bracketed("-2"), bracketed("layers.0.b"), bracketed("tanh(x)")
    ('(x*w)', '(-2)', 'layers.0.b', 'tanh(x)')
    """
    return name if ATOM.fullmatch(name) else f"({name})"


def _expression(z: Value, parts: list[str]) -> str:
    # The operation on the names of its operands, "" where that is too long to be a name.
    if z.op in INFIX:
        loose = len(parts) == 2 and z.op == "+"
        text = z.op.join(part if loose else bracketed(part) for part in parts)
    elif z.rule and z.rule.name == "neg":
        text = f"-{bracketed(parts[0])}"
    else:
        text = f"{z.op}({', '.join(parts)})"
    return text if len(text) <= LONGEST else ""
