"""Right answers to the exercises of lesson 15."""

import math

modes = ["forwards", "backwards", "backwards"]


def hand(w, b, x, y):
    """Return dL/dw and dL/db: both have the factor -y / (1 + e^(y (w x + b)))."""
    slope = -y / (1 + math.exp(y * (w * x + b)))
    return [slope * x, slope]


def bend(f, x, h=1e-4):
    """Return (f(x + h) - 2 f(x) + f(x - h)) / h^2; best is near the fourth root of the rounding."""
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2
