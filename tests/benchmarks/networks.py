"""The networks that are measured, as each system's users would write them."""

import itertools
import math
import random

from microgradnet import data

SIZES = (2, 16, 16, 1)
POINTS, TARGETS = data.moons(100, noise=0.1, seed=1337)
ROWS = [(point, 2.0 * target - 1.0) for point, target in zip(POINTS, TARGETS, strict=True)]


def weights(sizes=SIZES, seed=1337):
    """Return a matrix with a bias at each row's end, per layer: uniform weights, biases 0."""
    rng = random.Random(seed)
    return [
        [[rng.uniform(-1, 1) for _ in range(nin)] + [0.0] for _ in range(nout)]
        for nin, nout in itertools.pairwise(sizes)
    ]


def eager_step(value):
    """Return one full step on 100 points for an engine's Value class: hinge loss and update."""
    layers = [[[value(w) for w in row] for row in layer] for layer in weights()]
    parameters = [w for layer in layers for row in layer for w in row]

    def model(x):
        for index, layer in enumerate(layers):
            outputs = []
            for *row, b in layer:
                z = b
                for w, operand in zip(row, x, strict=True):
                    z = z + w * operand
                outputs.append(z if index == 2 else z.relu())
            x = outputs
        return x[0]

    def step():
        total = None
        for point, target in ROWS:
            score = model([value(number) for number in point])
            loss = (score * -target + 1.0).relu()
            total = loss if total is None else total + loss
        mean = total * (1.0 / len(ROWS))
        for p in parameters:
            p.grad = 0.0
        mean.backward()
        for p in parameters:
            p.data -= 0.05 * p.grad
        return mean.data

    return step


def list_loops():
    """Return the gradients of one row, and a full step, by hand: lists, inactive ReLUs skipped."""
    first, second, (last,) = layers = weights()
    sums = [[[0.0] * len(row) for row in layer] for layer in layers]

    def row_gradient(point, target):
        x0, x1 = point
        h1 = [max(0.0, w[2] + w[0] * x0 + w[1] * x1) for w in first]
        h2 = []
        for w in second:
            z = w[16]
            for k in range(16):
                z += w[k] * h1[k]
            h2.append(z if z > 0.0 else 0.0)
        score = last[16]
        for k in range(16):
            score += last[k] * h2[k]
        loss = 1.0 - target * score
        if loss <= 0.0:
            return 0.0
        g3 = sums[2][0]
        g3[16] -= target
        d1 = [0.0] * 16
        for k in range(16):
            if h2[k] > 0.0:
                g3[k] -= target * h2[k]
                d = -target * last[k]
                w, g = second[k], sums[1][k]
                g[16] += d
                for i in range(16):
                    if h1[i] > 0.0:
                        g[i] += d * h1[i]
                        d1[i] += d * w[i]
        for i in range(16):
            if h1[i] > 0.0:
                d, g = d1[i], sums[0][i]
                g[0] += d * x0
                g[1] += d * x1
                g[2] += d
        return loss

    def step():
        for layer in sums:
            for g in layer:
                g[:] = [0.0] * len(g)
        total = sum(row_gradient(point, target) for point, target in ROWS)
        rate = 0.05 / len(ROWS)
        for layer, gradients in zip(layers, sums, strict=True):
            for row, g in zip(layer, gradients, strict=True):
                for k, slope in enumerate(g):
                    row[k] -= rate * slope
        return total / len(ROWS)

    return row_gradient, step


# ---- one example: loss and gradients, by each system's users' own means ------------------------
# Each returns a function of (point, target); kind is "relu" (with the hinge loss) or "tanh" (with
# the squared error).


def once_numpy(numpy, kind):
    """Return gradients written by hand in NumPy."""
    layers = [numpy.array(layer) for layer in weights()]

    def run(point, target):
        w1, w2, w3 = layers
        x = numpy.array(point)
        z1 = w1[:, :-1] @ x + w1[:, -1]
        h1 = numpy.tanh(z1) if kind == "tanh" else numpy.maximum(z1, 0.0)
        z2 = w2[:, :-1] @ h1 + w2[:, -1]
        h2 = numpy.tanh(z2) if kind == "tanh" else numpy.maximum(z2, 0.0)
        score = float(w3[0, :-1] @ h2 + w3[0, -1])
        if kind == "tanh":
            loss, d3 = (score - target) ** 2, 2.0 * (score - target)
        else:
            loss = max(0.0, 1.0 - target * score)
            d3 = -target if loss > 0.0 else 0.0
        d2 = d3 * w3[0, :-1] * (1.0 - h2 * h2 if kind == "tanh" else h2 > 0.0)
        d1 = (d2 @ w2[:, :-1]) * (1.0 - h1 * h1 if kind == "tanh" else h1 > 0.0)
        return loss, d3 * h2, d3, numpy.outer(d2, h1), d2, numpy.outer(d1, x), d1

    return run


def once_torch(torch, kind):
    """Return gradients of PyTorch, eager, double precision, one thread."""
    torch.set_num_threads(1)
    layers = [torch.tensor(layer, dtype=torch.float64) for layer in weights()]
    parameters = []
    for layer in layers:
        parameters += [
            layer[:, :-1].clone().requires_grad_(),
            layer[:, -1].clone().requires_grad_(),
        ]
    activation = torch.tanh if kind == "tanh" else torch.relu

    def run(point, target):
        w1, b1, w2, b2, w3, b3 = parameters
        h = activation(w1 @ torch.tensor(point, dtype=torch.float64) + b1)
        h = activation(w2 @ h + b2)
        score = w3 @ h + b3
        loss = (score - target).square() if kind == "tanh" else torch.relu(1.0 - target * score)
        return loss.item(), torch.autograd.grad(loss.sum(), parameters)

    return run


def _array_loss(numpy, kind):
    def loss(layers, x, target):
        h = x
        for index, (w, b) in enumerate(layers):
            h = numpy.dot(w, h) + b
            if index < 2:
                h = numpy.tanh(h) if kind == "tanh" else numpy.maximum(h, 0.0)
        return (h[0] - target) ** 2 if kind == "tanh" else numpy.maximum(0.0, 1.0 - target * h[0])

    return loss


def _pairs(asarray):
    return [
        (asarray([row[:-1] for row in layer]), asarray([row[-1] for row in layer]))
        for layer in weights()
    ]


def once_jax(jax, kind):
    """Return gradients of JAX, jitted, double precision, on the CPU."""
    jax.config.update("jax_enable_x64", True)
    layers = _pairs(jax.numpy.array)
    both = jax.jit(jax.value_and_grad(_array_loss(jax.numpy, kind)))
    import numpy

    return lambda x, y: jax.block_until_ready(both(layers, numpy.array(x), y))


def once_autograd(autograd, kind):
    """Return gradients of HIPS autograd."""
    import autograd.numpy as numpy

    layers = _pairs(numpy.array)
    both = autograd.value_and_grad(_array_loss(numpy, kind))
    return lambda x, y: both(layers, numpy.array(x), y)


def once_casadi(casadi, kind):
    """Return gradients of a CasADi SX function, in its virtual machine."""
    rows = [row for layer in weights() for row in layer]
    symbols = casadi.SX.sym("w", sum(map(len, rows)))
    x, y = casadi.SX.sym("x", 2), casadi.SX.sym("y")
    h, place = [x[0], x[1]], 0
    for index, layer in enumerate(weights()):
        outputs = []
        for row in layer:
            w = symbols[place : place + len(row)]
            place += len(row)
            z = w[len(h)] + sum(w[i] * operand for i, operand in enumerate(h))
            if index < 2:
                z = casadi.tanh(z) if kind == "tanh" else casadi.fmax(z, 0.0)
            outputs.append(z)
        h = outputs
    loss = (h[0] - y) ** 2 if kind == "tanh" else casadi.fmax(0.0, 1.0 - y * h[0])
    function = casadi.Function("f", [symbols, x, y], [loss, casadi.gradient(loss, symbols)])
    numbers = [w for row in rows for w in row]
    return lambda point, target: function(numbers, point, target)


def straight_line(count=1000, seed=3):
    """Return a function of straight-line float operations, and how many it has."""
    rng = random.Random(seed)
    names = "abcdefgh"
    lines = ["def run(a, b, c, d, e, f, g, h):"]
    for _ in range(count // 2):
        z, x, y, w = (rng.choice(names) for _ in range(4))
        lines.append(f"    {z} = {x} * {y} - {w}")
    lines.append("    return a")
    namespace = {}
    exec("\n".join(lines), namespace)
    numbers = [math.sin(k + 1.0) * 0.5 for k in range(8)]
    return lambda: namespace["run"](*numbers), count
