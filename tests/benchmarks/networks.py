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


def tanh_once_numpy(numpy, point, target):
    """Return loss and gradients of one example, tanh and squared error, written in NumPy."""
    layers = [numpy.array(layer) for layer in weights()]
    x = numpy.array(point)

    def run():
        w1, w2, w3 = layers
        h1 = numpy.tanh(w1[:, :-1] @ x + w1[:, -1])
        h2 = numpy.tanh(w2[:, :-1] @ h1 + w2[:, -1])
        error = float(w3[0, :-1] @ h2 + w3[0, -1]) - target
        d3 = 2.0 * error
        d2 = d3 * w3[0, :-1] * (1.0 - h2 * h2)
        d1 = (d2 @ w2[:, :-1]) * (1.0 - h1 * h1)
        return error * error, d3 * h2, d3, numpy.outer(d2, h1), d2, numpy.outer(d1, x), d1

    return run


def tanh_once_torch(torch, point, target):
    """Return loss and gradients of one example in PyTorch, eager, double precision."""
    torch.set_num_threads(1)
    layers = [torch.tensor(layer, dtype=torch.float64) for layer in weights()]
    parameters = []
    for layer in layers:
        parameters += [
            layer[:, :-1].clone().requires_grad_(),
            layer[:, -1].clone().requires_grad_(),
        ]
    x = torch.tensor(point, dtype=torch.float64)

    def run():
        w1, b1, w2, b2, w3, b3 = parameters
        h = torch.tanh(w1 @ x + b1)
        h = torch.tanh(w2 @ h + b2)
        loss = ((w3 @ h + b3) - target).square().sum()
        return loss, torch.autograd.grad(loss, parameters)

    return run


def _tanh_loss(numpy, layers, x, target):
    h = x
    for index, (w, b) in enumerate(layers):
        z = numpy.dot(w, h) + b
        h = z if index == len(layers) - 1 else numpy.tanh(z)
    return (h[0] - target) ** 2


def _pairs(asarray):
    return [
        (asarray([row[:-1] for row in layer]), asarray([row[-1] for row in layer]))
        for layer in weights()
    ]


def tanh_once_jax(jax, point, target):
    """Return loss and gradients of one example in JAX, jitted, double precision, on the CPU."""
    jax.config.update("jax_enable_x64", True)
    layers = _pairs(jax.numpy.array)
    x = jax.numpy.array(point)
    compiled = jax.jit(jax.value_and_grad(lambda p, x, y: _tanh_loss(jax.numpy, p, x, y)))
    return lambda: jax.block_until_ready(compiled(layers, x, target))


def tanh_once_autograd(autograd, point, target):
    """Return loss and gradients of one example in HIPS autograd."""
    import autograd.numpy as numpy

    layers = _pairs(numpy.array)
    x = numpy.array(point)
    both = autograd.value_and_grad(lambda p: _tanh_loss(numpy, p, x, target))
    return lambda: both(layers)


def tanh_once_casadi(casadi, point, target):
    """Return loss and gradients of one example as a CasADi SX function, in its virtual machine."""
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
            outputs.append(z if index == 2 else casadi.tanh(z))
        h = outputs
    loss = (h[0] - y) ** 2
    function = casadi.Function("f", [symbols, x, y], [loss, casadi.gradient(loss, symbols)])
    numbers = casadi.DM([w for row in rows for w in row])
    inputs = casadi.DM(list(point))
    return lambda: function(numbers, inputs, target)


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
