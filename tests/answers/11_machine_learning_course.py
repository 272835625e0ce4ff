"""Right answers to the exercises of demos/11_machine_learning_course.py."""

import math

second_exam = (25.161 - 0.20623 * 50) / 0.20147

xor = [[30, -20, -20], [-10, 20, 20], [-30, 20, 20]]  # AND(NAND, OR)


def gradient(theta, students):
    sums = [0.0] * len(theta)
    for x, y in students:
        z = sum(t * v for t, v in zip(theta, x, strict=True))
        error = 1.0 / (1.0 + math.exp(-z)) - y
        sums = [s + error * v for s, v in zip(sums, x, strict=True)]
    return [s / len(students) for s in sums]


def slope(f, x, epsilon):
    return (f(x + epsilon) - f(x - epsilon)) / (2 * epsilon)
