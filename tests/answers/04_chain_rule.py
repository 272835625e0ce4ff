"""Right answers to the exercises of lesson 4."""

import math

from microgradnet import grad

links = [3 * math.sin(4.0) ** 2, math.cos(4.0), 4.0]


def slope(x):
    """Return the derivative of sin(ln(x²))."""
    return math.cos(math.log(x**2)) * (1 / x**2) * (2 * x)


def backwards(x):
    """Return what has the derivative 6x cos(3x²)."""
    return (3 * x**2).sin()


flat = 1.5  # near it: f'' = 0 at pi / 2
bend = grad(grad(lambda x: x.cos() ** 3))
for _ in range(5):
    flat -= bend(flat) / grad(bend)(flat)
