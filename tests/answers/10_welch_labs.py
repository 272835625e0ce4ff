"""Right answers to the exercises of demos/10_welch_labs.py."""

import math

strength = 0.0002


def sigmoid_prime(z):
    return math.exp(-z) / (1 + math.exp(-z)) ** 2


def gradient_w2(y, yHat, a2):  # noqa: N803 - the film's name
    delta3 = -(y - yHat) * yHat * (1 - yHat)
    return [a * delta3 for a in a2]
