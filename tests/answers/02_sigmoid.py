"""Right answers to the exercises of lesson 2."""

from math import exp, log


def stable(z):
    """Return the sigmoid without a large number."""
    return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))


def slope_of(s):
    """Return the derivative where the sigmoid is s."""
    return s * (1 - s)


def logit(p):
    """Return where the sigmoid is p."""
    return log(p / (1 - p))
