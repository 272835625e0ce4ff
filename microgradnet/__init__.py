"""A scalar autograd engine in pure Python, to import, to look at and to step through.

>>> from microgradnet import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0
"""

from microgradnet import functional, losses, nn, optim
from microgradnet.engine import Value, zero_grad

__all__ = ["Value", "functional", "losses", "nn", "optim", "zero_grad"]
