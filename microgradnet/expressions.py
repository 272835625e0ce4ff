"""Read an expression of numbers and operations, such as "tanh(x*w + b)", without running Python.

>>> o, variables = expression("n = x*w + b; o = tanh(n)", {"x": 2.0, "w": -3.0, "b": 7.0})
>>> o
Value(data=0.7615941559557649, grad=0.0, label='o', op='tanh')
>>> sorted(variables)
['b', 'w', 'x']

The text is parsed, and what is not a number, a name, an operator or an operation is refused: there
is nothing in it that could do anything else.
"""

import ast
import math
import operator
import re
import threading
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from microgradnet.engine import Value, topological_order
from microgradnet.errors import wrong
from microgradnet.naming import Names
from microgradnet.operations import OPERATIONS

if TYPE_CHECKING:
    from microgradnet.stepping import Step

LONGEST = 10_000  # characters
SHOWN = 60  # of them in a message
NUMBERS = ("nan", "inf")  # as conditions; in conditions also as NaN, Inf
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
OTHER_NAMES = {"max": "maximum", "min": "minimum", "pow": "power"}
# The operations that people write; the others are parts of derivatives.
HIDDEN = {"add", "sub", "mul", "div", "neg", "exponential", "constant_power", "slope", "identity"}
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.USub: "neg",
    ast.UAdd: "", ast.Pow: "power",
}  # fmt: skip
COMPARISONS: dict[type[ast.AST], Callable[..., bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
# What is read, and an example of it: an expression, or where `conditions` are let in, one of them.
KINDS = {False: ("an expression", "tanh(x*w + b)"), True: ("a condition", "abs(after) > 10")}
FIELDS = ("number", "local", "upstream", "contribution", "before", "after")
PREFIX = re.compile(rf"(?<![\w.])step\.(?=(?:{'|'.join(FIELDS)})\b)")  # of a field, as in Python
GRADIENTS = ("grad", "gradient")  # people write for `after`
EQUALS = re.compile("(?<![<>=!])=(?!=)")  # that is one alone
QUIET = threading.Lock()  # what warnings are shown is a global setting of Python


def expression(text: str, numbers: Mapping[str, float]) -> tuple[Value, dict[str, Value]]:
    """Return the Value of an expression, and name -> leaf for the variables that it uses.

    `numbers` gives each variable its number. Assignments before the last expression, separated by
    `;` or new lines, name what they compute: "n = x*w + b; tanh(n)". ValueError for anything that
    is not arithmetic, for an unknown name, and for a number that is not used; ArithmeticError or
    ValueError, as of floats, where it cannot be computed.
    """
    if not isinstance(text, str):
        raise wrong("expression()", "a text", text, "such as 'x*w + b'", TypeError)
    if not isinstance(numbers, Mapping):
        raise wrong("expression()", "name -> number", numbers, "such as {'x': 2.0}", TypeError)
    # Python reads names in one form of Unicode, in which the micro sign is the Greek letter.
    given = ((unicodedata.normalize("NFKC", name), x) for name, x in numbers.items())
    leaves = {name: Value(x, label=name) for name, x in given}
    known: dict[str, Any] = dict(leaves)
    body = _parsed(text).body
    for statement in body:
        tree: ast.expr
        match statement:
            case ast.Expr(tree) if statement is body[-1]:
                result = _value(_evaluated(tree, known, text))
            case ast.Expr(tree):
                part = _shown(_segment(tree, text))
                raise ValueError(f"every part before the last has a name, not {part}; try n = ...")
            case ast.Assign([ast.Name(name)], tree):
                if name in known:
                    raise ValueError(f"a name is given once, but {name!r} twice; choose another")
                result = _value(_evaluated(tree, known, text))
                if result.label:
                    result = OPERATIONS["identity"](result)
                result.label = name
                known[name] = result
            case _:
                _refuse(statement, text)
    used = set(topological_order(result))
    if unused := [name for name, v in leaves.items() if v not in used]:
        raise ValueError(
            f"a number is given to what the result is computed from, not to {unused[0]!r}; "
            "leave it out"
        )
    return result, leaves


class Condition:
    """A condition on a step: "nan", "inf", a name, or such as "abs(after) > 10 and number > 3".

    "nan" and "inf" hold where the contribution or the gradient after it is so, a name where a
    gradient reaches that Value. In a comparison stand number, local, upstream, contribution, before
    and after, or step.number and so on, with arithmetic, operations, `and`, `or` and `not`.
    """

    def __init__(self, text: str, names: Names) -> None:
        self.text = text.strip()
        self.value: Value | None = None
        self.tree: ast.expr | None = None
        if self.text in NUMBERS:
            return
        try:
            self.value = names.find(self.text)
            return
        except KeyError as error:
            unknown = str(error.args[0])
        if self.text.lower() in NUMBERS:
            return
        text = PREFIX.sub("", self.text)
        match _parsed(text, conditions=True).body:
            case [ast.Expr(ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()) as tree)]:
                # On nan everything can be computed that there is: what raises is the condition.
                _evaluated(tree, dict.fromkeys(FIELDS, math.nan), text, conditions=True)
                self.tree = tree
            case [ast.Expr(ast.Name() | ast.Attribute() | ast.Subscript())]:
                raise ValueError(f"{unknown}; or a condition, such as {KINDS[True][1]}")
            case body:
                example = _compared(text) if isinstance(body[0], ast.Assign) else KINDS[True][1]
                raise ValueError(
                    "a condition is nan, inf, a name or a comparison, "
                    f"not {_shown(self.text)}; try {example}"
                )

    def meets(self, step: "Step") -> bool:
        """Return whether the condition holds at a step; what cannot be computed there is nan."""
        if self.value is not None:
            return step.operand is self.value
        if self.tree is None:
            test = math.isnan if self.text.lower() == "nan" else math.isinf
            return test(step.contribution) or test(step.after)
        known = {name: getattr(step, name) for name in FIELDS}
        return bool(_evaluated(self.tree, known, self.text, conditions=True, failed=math.nan))


def functions() -> list[str]:
    """Return the names of the functions that an expression may call."""
    shown = [name for name in OPERATIONS if name not in HIDDEN and not name.startswith("_")]
    return sorted([*shown, *OTHER_NAMES, "clip"])


# ---- parsing and evaluation ----------------------------------------------------------------------


def _parsed(text: str, conditions: bool = False) -> ast.Module:
    kind, example = KINDS[conditions]
    if len(text) > LONGEST:
        raise ValueError(
            f"{kind} has at most {LONGEST:,} characters, not {len(text):,}; shorten it"
        )
    try:
        with QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about what is refused below
            module = ast.parse(text.strip())
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        what = error.msg.partition(";")[0]
        if conditions and ("==" in what or "assign" in what):
            example = _compared(text)
        raise ValueError(
            f"{kind} is arithmetic, not {_shown(text)} ({what}{where}); try {example}"
        ) from None
    except ValueError:  # half of a surrogate pair; in 3.11.0 also a null byte
        raise ValueError(f"{kind} is text, not {_shown(text)}; try {example}") from None
    except (RecursionError, MemoryError):
        raise ValueError(
            f"{kind} is nested less deep than {_shown(text)}; name its parts: n = ...; ..."
        ) from None
    if not module.body:
        raise ValueError(f"{kind} is needed, not {_shown(text)}; try {example}")
    return module


def _evaluated(
    tree: ast.expr, known: Mapping[str, Any], text: str, conditions: bool = False,
    failed: float | None = None,
) -> Any:  # fmt: skip
    """Return the value of a tree, operands before results, without recursion.

    `failed` is the result of what cannot be computed; None raises.
    """
    results: list[Any] = []
    todo: list[tuple[ast.expr, bool]] = [(tree, False)]
    while todo:
        node, ready = todo.pop()
        operands = _operands(node, text, conditions)
        if not ready:
            todo.append((node, True))
            todo += [(operand, False) for operand in operands[::-1]]
            continue
        values = results[len(results) - len(operands) :]
        del results[len(results) - len(operands) :]
        try:
            results.append(_applied(node, values, known, conditions))
        except (ArithmeticError, ValueError):
            if failed is None:
                raise
            results.append(failed)
    return results[0]


def _operands(node: ast.expr, text: str, conditions: bool) -> list[ast.expr]:
    match node:
        case ast.Constant(int() | float() as x) if not isinstance(x, bool):
            return []
        case ast.Name():
            return []
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return [left, right]
        case ast.UnaryOp(op, operand) if type(op) in OPERATORS:
            return [operand]
        case ast.Call(ast.Name(), arguments, []):
            return arguments
        case ast.Call(ast.Attribute(operand), arguments, []):
            return [operand, *arguments]
        case ast.Compare(left, ops, right) if conditions and all(
            type(op) in COMPARISONS for op in ops
        ):
            return [left, *right]
        case ast.BoolOp(_, parts) if conditions:
            return parts
        case ast.UnaryOp(ast.Not(), operand) if conditions:
            return [operand]
    _refuse(node, text, conditions)


def _applied(node: ast.expr, values: list[Any], known: Mapping[str, Any], conditions: bool) -> Any:
    match node:
        case ast.Constant(int() | float() as x):
            return _float(x)
        case ast.Name(name):
            return _found(name, known, conditions)
        case ast.UnaryOp(ast.Not()):
            return not values[0]
        case ast.UnaryOp(ast.UAdd()):
            return values[0]
        case ast.BinOp(_, ast.Pow(), _) if len({isinstance(v, Value) for v in values}) == 2:
            left = isinstance(values[0], Value)  # the number on the other side is a constant
            return _computed("constant_power" if left else "exponential", values)
        case ast.BinOp(_, op, _) | ast.UnaryOp(op, _):
            return _computed(OPERATORS[type(op)], values)
        case ast.Call(ast.Name(name)) | ast.Call(ast.Attribute(_, name)):
            return _called(name, values)
        case ast.Compare(_, ops, _):
            pairs = zip(ops, values, values[1:], strict=False)
            return all(COMPARISONS[type(op)](x, y) for op, x, y in pairs)
    return (all if isinstance(node.op, ast.And) else any)(values)  # type: ignore[attr-defined]


def _called(name: str, values: list[Any]) -> Any:
    if name not in functions():
        from difflib import get_close_matches

        near = get_close_matches(name, functions()) or functions()
        raise ValueError(f"no operation is called {_shown(name)}; try {', '.join(near)}")
    if name == "clip" and len(values) == 3:
        return _computed("minimum", [_computed("maximum", values[:2]), values[2]])
    rule = OPERATIONS.get(OTHER_NAMES.get(name, name))
    most = len(rule.partials) if rule else 3
    if not rule or not most - (rule.default is not None) <= len(values) <= most:
        raise ValueError(
            f"{name}() takes {most} operand{'s' * (most > 1)}, not {len(values)}; "
            f"try {name}({', '.join('xyz'[:most])})"
        )
    return _computed(rule.name, values)


def _computed(name: str, values: list[Any]) -> Any:
    rule = OPERATIONS[name]
    try:
        return rule(*values)
    except (ArithmeticError, ValueError):
        if any(isinstance(v, Value) for v in values):
            raise
    return rule(*map(Value, values))  # fails too, with the operation and operands in its note


def _found(name: str, known: Mapping[str, Any], conditions: bool) -> Any:
    if name in known:
        return known[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    if conditions:
        if name.lower() in NUMBERS:
            return CONSTANTS[name.lower()]
        from difflib import get_close_matches

        near = get_close_matches(name, FIELDS, 1)
        example = f"{near[0]} > 10" if near else KINDS[True][1]
        example = "after, the gradient after the step" if name in GRADIENTS else example
        raise ValueError(
            f"a condition compares {', '.join(FIELDS)}, not {_shown(name)}; try {example}"
        )
    shown = _shown(name)
    raise ValueError(f"a name takes a number, and {shown} has none; give one, such as {name:.40}=2")


def _float(x: float) -> float:
    try:
        return float(x)
    except OverflowError:
        raise ValueError("a number is at most 1.8e308; write it smaller") from None


def _value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value(x)


def _segment(node: ast.AST, text: str) -> str:
    return ast.get_source_segment(text.strip(), node) or text


def _compared(text: str) -> str:
    """Return a condition with == for =, as an example; where it is too long, another."""
    return EQUALS.sub("==", text) if len(text) <= SHOWN and text.isprintable() else KINDS[True][1]


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def _refuse(node: ast.AST, text: str, conditions: bool = False) -> NoReturn:
    part = _shown(_segment(node, text))
    kind, example = KINDS[conditions]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        example = "x ** 2"
    if conditions and isinstance(node, ast.Attribute) and node.attr in GRADIENTS:
        example = "after, the gradient after the step"
    raise ValueError(
        f"{kind} has numbers, names, + - * / ** and operations, not {part}; try {example}"
    )
