"""A scalar autograd engine in pure Python, to import, to look at and to step through.

>>> from microgradnet import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0
"""

from microgradnet import data, functional, losses, nn, optim
from microgradnet.checking import gradcheck
from microgradnet.drawing import draw, render
from microgradnet.engine import Value, zero_grad
from microgradnet.training import fit

__all__ = [
    "Value", "data", "draw", "fit", "functional", "gradcheck", "losses", "nn", "optim", "render",
    "zero_grad",
]  # fmt: skip
