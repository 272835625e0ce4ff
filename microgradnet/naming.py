"""Give every Value of a graph a name: its label, a variable's, or the expression that it is.

>>> x, w = Value(2.0, label="x"), Value(-3.0)
>>> y = (x * w).tanh() + x * w
>>> names = Names(y, {"w": w})
>>> [names(v) for v in topological_order(y)]
['x', 'w', 'x*w', 'tanh(x*w)', 'x*w_2', 'tanh(x*w)+(x*w_2)']
>>> names.find("x*w_2").data
-6.0
"""

import re
from collections.abc import Mapping
from functools import cached_property

from microgradnet.engine import Value, topological_order
from microgradnet.errors import printable, show, wrong
from microgradnet.nn import Module

LONGEST = 24  # characters of an expression that is used as a name
HOLDERS = (Value, Module, list, tuple, dict)
INFIX = ("+", "-", "*", "/", "**")
ATOM = re.compile(r"[\w#.\[\]']+")  # not -x: as a base, -x ** 2 is -(x ** 2)

# How tightly the parts of a text hold together: those of a label that is no word not at all.
LOOSE, SUM, PRODUCT, POWER, WORD = range(5)
TIGHT = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "**": POWER}
# How tightly those of an operand must, by what stands before its place, and by what after it:
# x-y-z, but x-(y-z). What is alone in brackets is as it is.
ALONE = dict.fromkeys(["", "(", ")", ","], LOOSE)
BEFORE = ALONE | dict.fromkeys("<>=", SUM) | dict.fromkeys("+-", PRODUCT)
BEFORE |= dict.fromkeys(["*", "/", "**"], POWER)
AFTER = ALONE | dict.fromkeys("<>=+-", SUM) | dict.fromkeys("*/", PRODUCT)  # and ** a WORD
PLACE = re.compile(r"(?:(\*\*|\S|^)( ?))\{(\w)\}(?= ?(\*\*|\S|$))")


class Names:
    """The names of the Values below a root, each its own.

    Constants are named by their number: three of 1 are 1, 1#2 and 1#3.
    """

    def __init__(self, root: Value, names: Mapping[str, object] | None = None) -> None:
        if not isinstance(root, Value):
            raise TypeError(
                f"a graph is that of a Value, not {show(root)}; pass a result, as a loss"
            )
        self.root, self.given = root, named(names or {})
        self._constants: set[Value] = set()
        self._tight: dict[Value, int] = {}

    def formula(self, template: str, z: Value) -> str:
        """Return a template with names for {z}, a result, and {x} and {y}, its operands.

        A constant is its number there. What would be read otherwise is in brackets, nothing else.
        """
        return self._filled(template, z, self._names)

    def has_name(self, v: Value) -> bool:
        """Return whether a Value has a label, or is a variable's."""
        return bool(v.label) or v in self.given

    def _filled(self, template: str, z: Value, names: Mapping[Value, str]) -> str:
        values = dict(zip("zxy", (z, *z.args), strict=False))

        def fill(place: re.Match[str]) -> str:
            before, space, letter, after = place.groups()
            v = values[letter]
            name = digits(v) if v in self._constants else names[v]
            needed = max(BEFORE.get(before, WORD), AFTER.get(after, WORD))
            signed = name.startswith("-") and before not in ALONE
            loose = signed or self._tight[v] < needed
            return before + space + (f"({name})" if loose else name)

        return PLACE.sub(fill, template)

    def _template(self, z: Value) -> tuple[str, int]:
        # A result as its operation on {x} and {y}, and how tightly the parts of that hold together.
        rule = z.rule.name if z.rule else ""
        if rule == "slope":  # as 3*x**2; of x**1 and x**0 it is a number, which is no name
            n = z.args[1]
            text = "{y} * {x} ** ({y} - 1)" if self.has_name(n) else slope_of_power(n.data)
            if "{x}" in text:
                return text.replace(" ", ""), PRODUCT
        if rule == "neg":
            return "-{x}", PRODUCT
        if z.op in INFIX and len(z.args) == 2:
            return f"{{x}}{z.op}{{y}}", TIGHT[z.op]
        return f"{z.op}({', '.join(['{x}', '{y}'][: len(z.args)])})", WORD

    def __call__(self, v: Value) -> str:
        return self._names.get(v) or printable(v.label or self.given.get(v) or v.op or digits(v))

    def find(self, name: str) -> Value:
        """Return the Value of that name; KeyError, with names like it, where there is none."""
        if name not in self._values:
            from difflib import get_close_matches

            known = list(self._values)
            near = get_close_matches(name, known, cutoff=0.5) or known[:8]
            raise KeyError(
                f"a name of this graph is needed, not {show(name)}; try {', '.join(near)}"
            )
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
            mark, expression, tight = "_", "", LOOSE
            if not own and v.rule is None:
                self._constants.add(v)
                mark = "#"
                own = digits(v)
                self._tight[v] = PRODUCT if own.startswith("-") else WORD
            elif not own:
                template, tight = self._template(v)
                expression = self._filled(template, v, names)
            fits = len(expression) <= LONGEST
            name = stem = own or (expression if fits else f"v{i}")
            while name in count or (name != own and name in taken):
                count[stem] = count.get(stem, 1) + 1
                name = f"{stem}{mark}{count[stem]}"
            count.setdefault(name, 1)
            names[v] = name
            if v not in self._constants:
                tight = tight if name == expression else LOOSE
                self._tight[v] = WORD if _is_word(name) else tight
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
        raise wrong("names", "name -> object", names, "try locals()", TypeError)
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


def digits(x: float | Value) -> str:
    """Return a number with at most four significant digits: 0.7071, 1e-07, nan."""
    return f"{float(x):z.4g}"


def bracketed(name: str) -> str:
    """Return a name as an operand of a formula: in brackets where it is not one word.

    >>> bracketed("x*w"), bracketed("-2"), bracketed("layers.0.b"), bracketed("tanh((x+1)*w)")
    ('(x*w)', '(-2)', 'layers.0.b', 'tanh((x+1)*w)')
    """
    return name if _is_word(name) else f"({name})"


def _is_word(name: str) -> bool:
    # One word or number, or one call of a function.
    outside, depth = [], 0
    for letter in name:
        depth += letter == "("
        if depth == 0:
            outside.append(letter)  # with a ")" that closes nothing
        depth -= letter == ")" and depth > 0
    is_atom = depth == 0 and ATOM.fullmatch("".join(outside)) is not None
    return is_atom and (name.endswith(")") or len(outside) == len(name))


def slope_of_power(n: float, order: int = 1) -> str:
    """Return the derivative of x ** n, a number n, or the second: "3 * {x} ** 2", "6 * {x}"."""
    factor, n = (n, n - 1.0) if order == 1 else (n * (n - 1.0), n - 2.0)
    if not factor or not n:
        return digits(factor)
    power = {1.0: ""}.get(n, f" ** {bracketed(digits(n))}")
    return f"{digits(factor)} * {{x}}{power}"
