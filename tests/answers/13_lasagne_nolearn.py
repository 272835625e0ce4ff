"""Right answers to the exercises of lesson 13."""

import math

parameters = (784 + 1) * 800 + (800 + 1) * 800 + (800 + 1) * 10
first_step = 0.1


def dropout(xs, p, numbers):
    """Return the xs with some left out, and the others larger."""
    return [0.0 if number < p else x / (1 - p) for x, number in zip(xs, numbers, strict=True)]


def deviation(w, x, p):
    """Return the deviation of a neuron under dropout of its inputs."""
    return math.sqrt(sum((a * b) ** 2 * p / (1 - p) for a, b in zip(w, x, strict=True)))
