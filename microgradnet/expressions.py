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
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from microgradnet.engine import Value, topological_order
from microgradnet.naming import Names, printable
from microgradnet.operations import OPERATIONS

if TYPE_CHECKING:
    from microgradnet.stepping import Step

LONGEST = 10_000  # characters
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
OTHER_NAMES = {"max": "maximum", "min": "minimum", "pow": "power"}
# The operations that people write; the others are parts of derivatives.
HIDDEN = {"add", "sub", "mul", "div", "neg", "exponential", "constant_power", "slope", "identity"}
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
COMPARISONS: dict[type[ast.AST], Callable[..., bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
FIELDS = ("number", "local", "upstream", "contribution", "before", "after")


def expression(text: str, numbers: Mapping[str, float]) -> tuple[Value, dict[str, Value]]:
    """Return the Value of an expression, and name -> leaf for the variables that it uses.

    `numbers` gives each variable its number. Assignments before the last expression, separated by
    `;` or new lines, name what they compute: "n = x*w + b; tanh(n)". ValueError for anything that
    is not arithmetic, for an unknown name, and for a number that is not used.
    """
    leaves = {name: Value(x, label=name) for name, x in numbers.items()}
    known: dict[str, Any] = dict(leaves)
    result: Any = None
    for statement in _parsed(text).body:
        tree: ast.expr
        match statement:
            case ast.Expr(tree):
                result = _evaluated(tree, known, text)
            case ast.Assign([ast.Name(name)], tree):
                if name in known:
                    raise ValueError(f"a name is given once, but {name!r} twice; choose another")
                result = _evaluated(tree, known, text)
                result = _value(result)
                if result.label:
                    result = OPERATIONS["identity"](result)
                result.label = name
                known[name] = result
            case _:
                _refuse(statement, text)
    result = _value(result)
    used = set(topological_order(result))
    if unused := [name for name, v in leaves.items() if v not in used]:
        raise ValueError(f"every number is for a name in {text!r}, and {unused[0]!r} is in none")
    return result, leaves


class Condition:
    """A condition on a step: "nan", "inf", a name, or such as "abs(after) > 10 and number > 3".

    "nan" and "inf" hold where the contribution or the gradient after it is so, a name where a
    gradient reaches that Value. In a comparison stand number, local, upstream, contribution, before
    and after, with arithmetic, operations, `and`, `or` and `not`.
    """

    def __init__(self, text: str, names: Names) -> None:
        self.text = text.strip()
        self.value: Value | None = None
        self.tree: ast.expr | None = None
        try:
            self.value = names.find(self.text)
            return
        except KeyError as error:
            unknown = str(error.args[0])
        if self.text in ("nan", "inf"):
            return
        match _parsed(self.text).body:
            case [ast.Expr(ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()) as tree)]:
                self.tree = tree
                _evaluated(tree, dict.fromkeys(FIELDS, 1.0), self.text, conditions=True)
            case [ast.Expr(ast.Name() | ast.Attribute() | ast.Subscript())]:
                raise ValueError(f"{unknown}; or a condition, such as abs(after) > 10")
            case _:
                raise ValueError(
                    f"a condition is nan, inf, a name or a comparison, not {self.text!r}; "
                    "try abs(after) > 10"
                )

    def meets(self, step: "Step") -> bool:
        """Return whether the condition holds at a step; False where it cannot be computed."""
        if self.value is not None:
            return step.operand is self.value
        if self.tree is None:
            test = math.isnan if self.text == "nan" else math.isinf
            return test(step.contribution) or test(step.after)
        known = {name: getattr(step, name) for name in FIELDS}
        try:
            return bool(_evaluated(self.tree, known, self.text, conditions=True))
        except (ArithmeticError, ValueError):
            return False


def functions() -> list[str]:
    """Return the names of the functions that an expression may call."""
    shown = [name for name in OPERATIONS if name not in HIDDEN and not name.startswith("_")]
    return sorted([*shown, *OTHER_NAMES, "clip"])


# ---- parsing and evaluation ----------------------------------------------------------------------


def _parsed(text: str) -> ast.Module:
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, not {len(text)}")
    try:
        module = ast.parse(text.strip())
    except SyntaxError as error:
        where = f"at character {error.offset}" if error.offset else ""
        raise ValueError(f"{text!r} is no expression: {error.msg} {where}".rstrip()) from None
    except (RecursionError, MemoryError):
        raise ValueError(
            "an expression is nested less deep; name its parts: n = ...; ..."
        ) from None
    if not module.body:
        raise ValueError('an expression is needed, not ""; try "tanh(x*w + b)"')
    return module


def _evaluated(
    tree: ast.expr, known: Mapping[str, Any], text: str, conditions: bool = False
) -> Any:
    """Return the value of a tree, operands before results, without recursion."""
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
        results.append(_applied(node, values, known, text))
    return results[0]


def _operands(node: ast.expr, text: str, conditions: bool) -> list[ast.expr]:
    match node:
        case ast.Constant(int() | float() as x) if not isinstance(x, bool):
            return []
        case ast.Name():
            return []
        case ast.BinOp(left, op, right) if type(op) in OPERATORS or isinstance(op, ast.Pow):
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
    _refuse(node, text)


def _applied(node: ast.expr, values: list[Any], known: Mapping[str, Any], text: str) -> Any:
    match node:
        case ast.Constant(int() | float() as x):
            return _float(x)
        case ast.Name(name):
            return _found(name, known)
        case ast.BinOp(_, ast.Pow(), _):
            x, y = values
            if isinstance(x, Value):
                return x**y
            return y.__rpow__(x) if isinstance(y, Value) else OPERATIONS["power"](x, y)
        case ast.BinOp(_, op, _) | ast.UnaryOp(op, _) if type(op) in OPERATORS:
            return OPERATORS[type(op)](*values)
        case ast.Call(ast.Name(name)) | ast.Call(ast.Attribute(_, name)):
            return _called(name, values)
        case ast.Compare(_, ops, _):
            pairs = zip(ops, values, values[1:], strict=False)
            return all(COMPARISONS[type(op)](x, y) for op, x, y in pairs)
        case ast.BoolOp(op):
            return all(values) if isinstance(op, ast.And) else any(values)
    return not values[0]


def _called(name: str, values: list[Any]) -> Any:
    if name == "clip" and len(values) == 3:
        return OPERATIONS["minimum"](OPERATIONS["maximum"](values[0], values[1]), values[2])
    rule = OPERATIONS.get(OTHER_NAMES.get(name, name))
    if name not in functions():
        raise ValueError(
            f"no operation is called {printable(name)!r}; try {', '.join(functions())}"
        )
    least = len(rule.partials) - (rule.default is not None) if rule else 3
    most = len(rule.partials) if rule else 3
    if not rule or not least <= len(values) <= most:
        raise ValueError(f"{name}() takes {most} operands, not {len(values)}")
    return rule(*values)


def _found(name: str, known: Mapping[str, Any]) -> Any:
    if name in known:
        return known[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise ValueError(f"{name!r} has no number; give one, such as {name}=2")


def _float(x: float) -> float:
    try:
        return float(x)
    except OverflowError:
        raise ValueError("a number is at most 1.8e308; write it smaller") from None


def _value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value(x)


def _refuse(node: ast.AST, text: str) -> NoReturn:
    part = ast.get_source_segment(text.strip(), node) or text
    raise ValueError(
        f"an expression has numbers, names, + - * / ** and operations, not {part!r}; "
        "try tanh(x*w + b)"
    )
