"""Right answers to the exercises of lesson 12."""

state = 5.0


def square(a, b):
    """Return a**2 + b**2 + 2 * a * b, number by number."""
    return [v**2 + w**2 + 2 * v * w for v, w in zip(a, b, strict=True)]


def rop(x, W, V):  # noqa: N803 - the tutorial's names
    """Return x V: x W is linear in W."""
    return [sum(a * b for a, b in zip(x, column, strict=True)) for column in zip(*V, strict=True)]


def read(x):
    """Return what is read off its text."""
    return x * (x + 1).tanh() - x**2
