"""Right answers to the exercises of lesson 6."""

from microgradnet import Value

RATE = 0.5


def network(w, b):
    """Return the error of Mazur's network."""
    hidden = [(w[k] * 0.05 + w[k + 1] * 0.10 + b[0]).sigmoid() for k in (0, 2)]
    out = [(w[k] * hidden[0] + w[k + 1] * hidden[1] + b[1]).sigmoid() for k in (4, 6)]
    return sum((t - o) ** 2 / 2 for t, o in zip((0.01, 0.99), out, strict=True))


weights = [Value(k / 100) for k in (15, 20, 25, 30, 40, 45, 50, 55)]
both = [Value(0.35), Value(0.60)]
network(weights, both).backward()
biases = [b.data - RATE * b.grad for b in both]

for v in [*weights, *both]:
    v.grad = 0.0
for _ in range(2):
    for w in weights:
        w.grad = 0.0
    network(weights, both).backward()
    for w in weights:
        w.data -= RATE * w.grad
w5 = weights[4].data


def delta(out, target, w, hidden):
    """Return dE/dnet of a hidden unit."""
    rows = zip(out, target, w, strict=True)
    arriving = sum((o - t) * o * (1 - o) * weight for o, t, weight in rows)
    return arriving * hidden * (1 - hidden)
