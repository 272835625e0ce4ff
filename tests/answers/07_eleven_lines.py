"""Right answers to the exercises of lesson 7."""

from math import exp

alpha = 25.0
swing = 1 / 3


def layer(x, syn):
    """Return the sigmoids of the sums that arrive; syn has a row per input."""
    sums = (sum(v * w for v, w in zip(x, column, strict=True)) for column in zip(*syn, strict=True))
    return [1 / (1 + exp(-z)) for z in sums]


def network(X, y, syn0, syn1, steps):  # noqa: N803
    """Return the outputs of the 3-4-1 network after so many steps."""
    for _ in range(steps):
        move0, move1 = [[0.0] * 4 for _ in syn0], [0.0] * 4
        for x, target in zip(X, y, strict=True):
            l1 = layer(x, syn0)
            (l2,) = layer(l1, [[w] for w in syn1])
            l2_delta = (target - l2) * l2 * (1 - l2)
            for k in range(4):
                l1_delta = l2_delta * syn1[k] * l1[k] * (1 - l1[k])
                move1[k] += l1[k] * l2_delta
                for i in range(3):
                    move0[i][k] += x[i] * l1_delta
        syn1 = [w + m for w, m in zip(syn1, move1, strict=True)]
        pairs = zip(syn0, move0, strict=True)
        syn0 = [[w + m for w, m in zip(*rows, strict=True)] for rows in pairs]
    return [layer(layer(x, syn0), [[w] for w in syn1])[0] for x in X]
