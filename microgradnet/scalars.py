"""Functions of floats from which the operations are made: `math`'s own, and what it lacks.

What overflows or turns complex when it is written plainly has its stable form here.

>>> sigmoid(-1000.0), softplus(1000.0), power(-2.0, 3.0)
(0.0, 1000.0, -8.0)
"""

import math
from math import cos, erfc, exp, expm1, log, sin, sqrt, tan, tanh  # noqa: F401

SQRT_HALF = math.sqrt(0.5)
INVERSE_SQRT_TAU = 1.0 / math.sqrt(math.tau)  # the normal density at 0
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e^-x) without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + exp(-x))
    z = exp(x)
    return z / (1.0 + z)


def softplus(x: float) -> float:
    """Return log(1 + e^x) without overflow."""
    if x > 0.0:
        return x + math.log1p(exp(-x))
    return math.log1p(exp(x))


def step(x: float) -> float:
    """Return 1 where x > 0, else 0."""
    return 1.0 if x > 0.0 else 0.0


def sign(x: float) -> float:
    """Return 1, -1 or 0 with the sign of x; nan for nan."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


def greater(x: float, y: float) -> float:
    """Return 1 where x > y, 0 where x < y, 0.5 at a tie; nan where either is nan."""
    return 1.0 if x > y else 0.0 if x < y else 0.5 if x == y else math.nan


def power(x: float, y: float) -> float:
    """Return x ** y; ValueError where that is complex."""
    z: float = x**y
    if z.__class__ is complex:
        raise ValueError(f"{x!r} ** {y!r} is not a real number")
    return z


def slope(x: float, y: float) -> float:
    """Return y * x ** (y - 1), the derivative of x ** y by x; 0 where y is 0, also at x = 0.

    At x = 0 it is 0 for the negative whole y too: there only higher derivatives of whole powers
    come, in which a factor before it is 0.
    """
    if y == 0.0 or (x == 0.0 and y < 0.0 and y == y // 1.0):
        return 0.0
    return y * power(x, y - 1.0)


def xlogy(x: float, y: float) -> float:
    """Return x * log(y); 0 where both are 0."""
    return 0.0 if x == 0.0 == y else x * log(y)
