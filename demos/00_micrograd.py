"""micrograd's README example and its demo, with one import changed.

    python demos/00_micrograd.py

system: github.com/karpathy/micrograd: its README and its demo.ipynb (2020)
takes: 8 s

ends with: step 99: accuracy 100.0 %
"""

import random

from microgradnet import data
from microgradnet.engine import Value  # was: from micrograd.engine import Value
from microgradnet.nn import MLP  # was: from micrograd.nn import MLP


# %% The README's example
def example():
    """Return g, dg/da and dg/db of the example, which micrograd prints to 4 digits."""
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return g.data, a.grad, b.grad


# %% The demo: two moons, the SVM's max-margin loss, L2 regularisation, a rate that falls
def demo(steps=100):
    """Yield (step, loss, accuracy in percent) of the notebook's training."""
    points, targets = data.moons(100, noise=0.1, seed=1337)  # np.random.seed(1337)
    signs = [2 * target - 1 for target in targets]  # -1 or 1
    random.seed(1337)
    model = MLP(2, [16, 16, 1])

    for k in range(steps):
        scores = [model([Value(x) for x in point]) for point in points]
        losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        right = [(s > 0) == (score.data > 0) for s, score in zip(signs, scores, strict=True)]

        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad

        yield k, total_loss.data, 100 * sum(right) / len(right)


def main():
    """Run both, and hold them to the figures that micrograd publishes."""
    figures = example()
    print("g, dg/da, dg/db:", *(f"{figure:.4f}" for figure in figures))
    assert [f"{figure:.4f}" for figure in figures] == ["24.7041", "138.8338", "645.5773"]

    for k, loss, accuracy in demo():
        if k == 0:
            assert abs(loss - 0.8958441028683222) < 1e-12  # the notebook's first line
            assert accuracy == 50.0
        if k % 10 == 0 or k == 99:
            print(f"step {k}: loss {loss:.6f}, accuracy {accuracy} %", flush=True)
    assert accuracy == 100.0
    print(f"step {k}: accuracy {accuracy} %")


if __name__ == "__main__":
    main()
