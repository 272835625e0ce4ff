"""Run a function on Values that have no number, to see which operations it is made of.

>>> x = Value(2.0, label="x")
>>> output, (weight,) = trace(lambda w: w * x + 1.0, (3.0,), [x])
>>> output.op, [v.op for v in output.args], output.args[0].args == (weight, x)
('+', ['*', ''], True)
"""

import gc
import linecache
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import starmap
from typing import Any

from microgradnet.calculus import flatten, rebuild, recording
from microgradnet.engine import Value, as_value
from microgradnet.errors import is_real
from microgradnet.lines import user_frame
from microgradnet.operations import NOT_COMPUTED, OPERATIONS, Op

LOCK = threading.RLock()  # parameters are of another class while one thread traces
if hasattr(os, "register_at_fork"):  # no process begins with a lock that nobody will open
    os.register_at_fork(
        before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release
    )


def record(rule: Op, operands: Sequence[Any]) -> Value:
    """Return the result of a rule as a Value without a number."""
    if len(operands) < len(rule.partials):
        operands = (*operands, rule.default)
    z = object.__new__(Traced)
    z.x = as_value(operands[0])
    z.y = as_value(operands[1]) if len(operands) == 2 else None
    z.rule = rule
    z.grad = NOT_COMPUTED
    return z


def _recorder(rule: Op) -> Callable[..., Value]:
    return lambda *operands: record(rule, operands)


def _refused(what: str, remedy: str) -> Callable[..., Any]:
    def refuse(self: Value, *_: Any) -> Any:
        frame = user_frame(sys._getframe(1))
        file, line = frame.f_code.co_filename, frame.f_lineno
        code = linecache.getline(file, line).strip()
        raise TypeError(
            f"a traced Value has no number, and {what} would be fixed for ever: "
            f'"{code}" ({file}, line {line}); {remedy}'
        )

    return refuse


_COMPARED = "write maximum(), minimum(), clip(), relu() or step(), or give an int, which is fixed"
_EQUATION = _refused("an equation", _COMPARED)
_NUMBER = "keep it a Value: v.exp() for math.exp(v), and so on"


class Traced(Value):
    """A Value whose number is not known yet: it records operations, and refuses to be a number."""

    __slots__ = ()
    data = property(_refused("its data", _NUMBER), _refused("its data", _NUMBER))
    __lt__ = __le__ = __gt__ = __ge__ = _refused("a comparison", _COMPARED)
    __bool__ = _refused("a branch", _COMPARED)
    __float__ = __int__ = __round__ = _refused("a number of it", _NUMBER)
    __format__ = __str__ = _refused("its text", "print it outside the compiled function")
    __hash__ = Value.__hash__

    def __eq__(self, other: object) -> bool:
        if is_real(other) and not isinstance(other, Value):
            _EQUATION(self)
        return self is other

    def __repr__(self) -> str:
        return f"Traced(label={self.label!r}, op={self.op!r})"

    def record(self, rule: Op, *operands: Value) -> Value:
        """Return the result of a rule on operands, of which this is one."""
        return record(rule, operands)


for _name, _method in list(vars(Value).items()):  # each operation's method, by whatever name
    _rule = OPERATIONS.get(getattr(_method, "__name__", ""))
    if _rule is not None and _rule.method is _method:
        setattr(Traced, _name, _recorder(_rule))


def trace(
    f: Callable[..., Any], inputs: Sequence[Any], parameters: Sequence[Value]
) -> tuple[Any, list[Value]]:
    """Return f's result on traced Values, and those that stand for the floats among the inputs.

    The parameters record too while f runs: a branch on one is an error, as on an input. TypeError
    where f asks a traced Value for its number, with the line that does.
    """
    leaves: list[Value] = [object.__new__(Traced) for v in flatten(list(inputs)) if varies(v)]
    for v in leaves:
        v.x = v.y = v.rule = None
        v.grad = NOT_COMPUTED
    remaining = iter(leaves)
    arguments = rebuild(
        list(inputs), iter([next(remaining) if varies(v) else v for v in flatten(list(inputs))])
    )
    plain = [p for p in parameters if p.__class__ is Value]
    # In one step, in C: Ctrl-C, which may come at any moment, leaves none of them traced.
    back = starmap(setattr, [(p, "__class__", Value) for p in plain])
    with LOCK, recording():
        try:
            for p in plain:
                p.__class__ = Traced
            return f(*arguments), leaves
        finally:
            deque(back, maxlen=0)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the lock of tracing, with the collector off, while a `with` block makes a program.

    Measured: the collector would visit the growing graph again and again, for 30 % of the time.
    """
    with LOCK:
        enabled = gc.isenabled()
        try:
            gc.disable()
            yield
        finally:
            if enabled:
                gc.enable()


def varies(leaf: Any) -> bool:
    """Return whether an input varies from call to call, as floats and Values do."""
    return isinstance(leaf, (float, Value))
