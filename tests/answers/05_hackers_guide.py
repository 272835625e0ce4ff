"""Right answers to the exercises of lesson 5."""


def pull(score, label):
    """Return the force on the score."""
    return label if label * score < 1 else 0


def ninja(a, b, c, d):
    """Return the gradient of a / (b * c + d)."""
    q = b * c + d
    dq = -a / (q * q)
    return [1 / q, c * dq, b * dq, dq]


separator = [2.0, 0.0, -1.0]
