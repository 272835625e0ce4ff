"""Right answers to the exercises of lesson 6b."""

from math import exp

spoiled = ["w1", "w2"]

alpha = 0.5


def sigmoid(z):
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + exp(-z))


def biases(w, b, inputs, target):
    """Return dE/db1 and dE/db2 of Mazur's network."""
    i1, i2 = inputs
    hidden = [sigmoid(w[k] * i1 + w[k + 1] * i2 + b[0]) for k in (0, 2)]
    out = [sigmoid(w[k] * hidden[0] + w[k + 1] * hidden[1] + b[1]) for k in (4, 6)]
    d1, d2 = ((o - t) * o * (1 - o) for o, t in zip(out, target, strict=True))
    arriving = [d1 * w[4] + d2 * w[6], d1 * w[5] + d2 * w[7]]
    return sum(a * h * (1 - h) for a, h in zip(arriving, hidden, strict=True)), d1 + d2
