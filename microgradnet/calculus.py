"""Differentiate functions: to any order, by one argument or many, backwards or forwards.

>>> grad(lambda x: x**3)(2.0), grad(grad(lambda x: x**3))(2.0)
(12.0, 12.0)
>>> hessian(lambda v: v[0] ** 2 * v[1])([2.0, 3.0])
[[6.0, 4.0], [4.0, 0.0]]
>>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
(6.0, 3.0)

Arguments and results are numbers, or nested lists, tuples and dicts of numbers. Numbers go in and
numbers come out; give Values, and Values come out that can be differentiated again. The rules are
those of `backward`, applied to Values, and the whole formula is recorded: what a closed gate (that
of a relu below 0) keeps from `backward` stands in it, times 0. An infinity or an error there shows.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from microgradnet.engine import Value, annotate, as_value, topological_order
from microgradnet.errors import explained, show, wrong
from microgradnet.operations import OPERATIONS

Tree: TypeAlias = Any  # a number or Value, or nested lists, tuples and dicts of them


@explained
def gradient(output: Value, inputs: Iterable[Value]) -> list[Value]:
    """Return the derivative of a Value by each input, as Values: they can be differentiated again.

    Value(0.0) stands for an input that the output does not depend on. No `grad` is touched.
    TypeError for what is no Value.
    """
    inputs = list(inputs)
    for v in (output, *inputs):
        if not isinstance(v, Value):
            raise wrong("gradient()", "Values", v, "for numbers there is grad()", TypeError)
    order = topological_order(output)
    needed = _dependents(order, inputs)
    gradients: dict[Value, Value] = {}
    for z in reversed(order):
        if z.rule is not None and (z in gradients or z is output):
            for v, part in _parts(z, gradients.get(z), needed):
                gradients[v] = gradients[v] + part if v in gradients else part
    gradients.setdefault(output, Value(1.0))
    return [gradients[v] if v in gradients else Value(0.0) for v in inputs]


def _dependents(order: list[Value], inputs: Iterable[Value]) -> set[Value]:
    # What depends on the inputs: derivatives flow through nothing else.
    needed = set(inputs)
    for z in order:
        if z.x in needed or z.y in needed:
            needed.add(z)
    return needed


def _parts(z: Value, g: Value | None, wanted: Any) -> Iterator[tuple[Value, Value]]:
    # Each wanted operand of z, and its part of the derivative: g times the local one. None for g
    # is exactly 1, and a factor of exactly 1 makes no node.
    rule: Any = z.rule
    for v, partial, derivative in zip(z.args, rule.partials, rule.derivatives, strict=True):
        if v in wanted and partial not in (None, "0.0"):
            if partial in ("1.0", "-1.0"):
                part = Value(1.0) if g is None else g
                yield v, part if partial == "1.0" else -part
            else:
                try:
                    local = as_value(derivative(z, z.x, z.y))
                except (ArithmeticError, ValueError) as error:
                    annotate(error, z, "the derivative of ")
                    raise
                yield v, local if g is None else g * local


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Tree]:
    """Return the function that gives the gradient of f by argument `argnums`.

    Its result has the shape of that argument; of several argnums it is a tuple. TypeError where f
    does not give one number.
    """
    both = value_and_grad(f, argnums)

    def gradient_of(*args: Tree) -> Tree:
        return both(*args)[1]

    return gradient_of


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Tree]]:
    """Return the function that gives f's value and its gradient by argument `argnums`: see grad."""

    check_function("grad() or value_and_grad()", f)

    def both(*args: Tree) -> tuple[Any, Tree]:
        with _differentiating(args) as finish:
            fresh, inputs, shape = _fresh(args, argnums)
            output = _one_number(f(*fresh), "grad() and value_and_grad()")
            gradients = iter(gradient(output, inputs))
            return finish(output), finish(rebuild(shape, gradients))

    return both


def jacobian(f: Callable[..., Tree], argnums: int | Sequence[int] = 0) -> Callable[..., Tree]:
    """Return the function that gives the gradient, by `argnums`, of every number that f gives.

    Its result has the shape of f's result, with a gradient in the place of each number: rows are
    outputs, columns inputs.
    """

    check_function("jacobian()", f)

    def rows(*args: Tree) -> Tree:
        with _differentiating(args) as finish:
            fresh, inputs, shape = _fresh(args, argnums)
            result = _values(f(*fresh))
            gradients = (
                rebuild(shape, iter(gradient(output, inputs))) for output in flatten(result)
            )
            return finish(rebuild(result, gradients))

    return rows


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Tree]:
    """Return the function that gives the second derivatives of f by argument `argnums`."""
    return jacobian(grad(f, argnums), argnums)


@explained
def jvp(f: Callable[..., Tree], primals: Sequence[Tree], tangents: Sequence[Tree]) -> Any:
    """Return f(*primals) and its derivative in the direction of the tangents: forward mode.

    `tangents` has the shape of `primals`, else a ValueError. The same partials as in backward,
    pushed forward.
    """
    check_function("jvp()", f)
    with _differentiating((primals, tangents)) as finish:
        fresh, inputs, _ = _fresh(primals, range(len(primals)))
        directions = _matching(tangents, primals, "jvp() takes a tangent for each number")
        moves = dict(zip(inputs, map(as_value, directions), strict=True))
        result = _values(f(*fresh))
        moved = _push(list(flatten(result)), moves)
        return finish(result), finish(rebuild(result, iter(moved)))


def _push(outputs: list[Value], tangents: dict[Value, Value]) -> list[Value]:
    pushed: set[Value] = set()
    for output in outputs:
        for z in topological_order(output):
            if z.rule is not None and z not in pushed:
                pushed.add(z)
                for v, local in _parts(z, None, tangents):
                    part = tangents[v] * local
                    tangents[z] = tangents[z] + part if z in tangents else part
    return [tangents[z] if z in tangents else Value(0.0) for z in outputs]


def vjp(f: Callable[..., Tree], *primals: Tree) -> tuple[Tree, Callable[[Tree], tuple[Tree, ...]]]:
    """Return f(*primals), and the function from the result's cotangents to the primals'.

    The cotangents have the shape of the result, else a ValueError.
    """
    check_function("vjp()", f)
    with _differentiating(primals) as finish:
        fresh, inputs, shape = _fresh(primals, range(len(primals)))
        result = _values(f(*fresh))
        value = finish(result)

    def pull(cotangents: Tree) -> tuple[Tree, ...]:
        weights = _matching(cotangents, result, "vjp() takes a cotangent for each number")
        with _differentiating((primals, cotangents)) as finish:
            total: Any = Value(0.0)
            for weight, output in zip(weights, flatten(result), strict=True):
                total = total + weight * output
            pulled: tuple[Tree, ...] = finish(rebuild(shape, iter(gradient(total, inputs))))
            return pulled

    return value, pull


def hvp(f: Callable[..., Any], primals: Sequence[Tree], tangents: Sequence[Tree]) -> Tree:
    """Return the product of the Hessian of f, by its first argument, with a direction.

    Forward mode over backward mode: no Hessian is built.
    """
    return jvp(grad(f), primals, tangents)[1]


# ---- numbers in, numbers out -------------------------------------------------------------------


class _Depth(threading.local):
    depth = 0


_DEPTH = _Depth()


@contextmanager
def _differentiating(args: Tree) -> Iterator[Callable[[Tree], Tree]]:
    # Yield what makes results of Values: inside another derivative (or a trace), or of Values,
    # they stay Values, since somebody may differentiate them.
    keep = is_recording() or any(isinstance(v, Value) for v in flatten(args))
    with recording():
        yield (lambda tree: tree) if keep else _numbers


@contextmanager
def recording() -> Iterator[None]:
    """Keep the results of the functions here as Values while a `with` block runs."""
    _DEPTH.depth += 1
    try:
        yield
    finally:
        _DEPTH.depth -= 1


def is_recording() -> bool:
    """Return whether results are kept as Values here, to be differentiated."""
    return _DEPTH.depth > 0


def check_function(who: str, f: object) -> None:
    """Raise TypeError, for `who`, where f is no function."""
    if not callable(f):
        raise wrong(who, "a function", f, "write lambda x: ...", TypeError)


def _numbers(tree: Tree) -> Tree:
    return rebuild(tree, (v.data if isinstance(v, Value) else v for v in flatten(tree)))


def _fresh(
    args: Sequence[Tree], argnums: int | Iterable[int]
) -> tuple[list[Tree], list[Value], Tree]:
    # The arguments with fresh Values for those that are differentiated by, these Values, and the
    # shape of the result. A Value gets a node of its own: two derivatives by one Value, one inside
    # the other, must not take each other's variable for theirs.
    numbers = list(argnums) if isinstance(argnums, Iterable) else [argnums]
    for number in numbers:
        if not isinstance(number, int) or not -len(args) <= number < len(args):
            rule = f"places of {len(args)} arguments"
            raise wrong("argnums", rule, number, "they count from 0, or from -1 backwards")
    if len({number % len(args) for number in numbers}) < len(numbers):
        raise wrong("argnums", "each place once", argnums, "leave one out")
    chosen = [args[number] for number in numbers]
    inputs = [
        OPERATIONS["identity"](v) if isinstance(v, Value) else Value(v) for v in flatten(chosen)
    ]
    fresh = list(args)
    for number, tree in zip(numbers, rebuild(chosen, iter(inputs)), strict=True):
        fresh[number] = tree
    return fresh, inputs, chosen[0] if isinstance(argnums, int) else tuple(chosen)


def _one_number(output: Any, who: str) -> Value:
    if isinstance(output, list | tuple | Mapping):
        raise TypeError(
            f"{who} take a function that gives one number, not {show(output)}; see jacobian"
        )
    return as_value(output)


def _values(tree: Tree) -> Tree:
    return rebuild(tree, iter([as_value(v) for v in flatten(tree)]))


def _matching(tree: Tree, shape: Tree, rule: str) -> Iterator[Any]:
    # The leaves of a tree, in the order of the shape that it must have: dicts go by their keys.
    pairs: Iterable[tuple[Tree, Tree]]
    if isinstance(tree, Mapping) and isinstance(shape, Mapping) and tree.keys() == shape.keys():
        pairs = ((tree[key], shape[key]) for key in shape)
    elif all(isinstance(part, list | tuple) for part in (tree, shape)) and len(tree) == len(shape):
        pairs = zip(tree, shape, strict=True)
    elif any(isinstance(part, list | tuple | Mapping) for part in (tree, shape)):
        wanted, found = show(shape), show(tree)
        raise ValueError(f"{rule}: the shape of {wanted}, not {found}; give lists where it has")
    else:
        yield tree
        return
    for item, part in pairs:
        yield from _matching(item, part, rule)


def flatten(tree: Tree) -> Iterator[Any]:
    """Yield the leaves of nested lists, tuples and dicts, in order."""
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from flatten(item)
    elif isinstance(tree, Mapping):
        yield from flatten(list(tree.values()))
    else:
        yield tree


def rebuild(shape: Tree, leaves: Iterator[Any]) -> Tree:
    """Return leaves in the nested lists, tuples and dicts of a shape."""
    if isinstance(shape, list | tuple):
        items = [rebuild(item, leaves) for item in shape]
        if hasattr(shape, "_fields"):
            return type(shape)(*items)
        return items if isinstance(shape, list) else tuple(items)
    if isinstance(shape, Mapping):
        return {key: rebuild(item, leaves) for key, item in shape.items()}
    return next(leaves)
