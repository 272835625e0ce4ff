"""A scalar autograd engine in pure Python, to import, to look at and to step through.

>>> from microgradnet import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0

The engine is imported at once, all else when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from microgradnet.engine import Value, zero_grad

if TYPE_CHECKING:
    from microgradnet import data, functional, losses, nn, optim
    from microgradnet.calculus import (
        grad,
        gradient,
        hessian,
        hvp,
        jacobian,
        jvp,
        value_and_grad,
        vjp,
    )
    from microgradnet.checking import gradcheck
    from microgradnet.compiling import compile
    from microgradnet.debugging import debug
    from microgradnet.drawing import draw, render
    from microgradnet.explaining import anomaly, explain, what_if
    from microgradnet.lines import record_lines
    from microgradnet.pages import page
    from microgradnet.saving import load, save
    from microgradnet.stepping import watch
    from microgradnet.training import fit

__all__ = [
    "Value", "anomaly", "compile", "data", "debug", "draw", "explain", "fit", "functional", "grad",
    "gradcheck", "gradient", "hessian", "hvp", "jacobian", "jvp", "load", "losses", "nn", "optim",
    "page", "record_lines", "render", "save", "value_and_grad", "vjp", "watch", "what_if",
    "zero_grad",
]  # fmt: skip

_MODULES = {
    "calculus": ("grad", "gradient", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
    "checking": ("gradcheck",),
    "compiling": ("compile",),
    "debugging": ("debug",),
    "drawing": ("draw", "render"),
    "explaining": ("anomaly", "explain", "what_if"),
    "lines": ("record_lines",),
    "pages": ("page",),
    "saving": ("load", "save"),
    "stepping": ("watch",),
    "training": ("fit",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"microgradnet has {', '.join(__all__)}, not {name!r}")
    module = importlib.import_module(f"microgradnet.{_HOMES.get(name, name)}")
    found = getattr(module, name) if name in _HOMES else module
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
