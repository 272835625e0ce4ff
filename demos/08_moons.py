"""Two moons and a network from scratch: how many hidden units, and why losses may differ.

    python demos/08_moons.py [--full] [--check answers.py]

system: Denny Britz (WildML), "Implementing a Neural Network from Scratch in Python" (2015)
takes: 16 s, with --full 110 s

The post trains 2-h-2 networks by 20,000 passes of batch gradient descent. Here the loss of one
point is written down, compiled, and its gradient summed over the 200 points inside of the program.
From the thousandth pass on, the post's rate is too high: its losses are found again all the same.

ends with: all 67 figures reached
"""

import math
import time
from collections import deque

from microgradnet import Value, compile, data, functional, gradient, losses, nn, optim
from microgradnet.boundaries import decision_boundary
from microgradnet.figures import curves
from microgradnet.lessons import run
from microgradnet.plotting import text_map
from microgradnet.training import accuracy, predicted

X, Y = data.moons(200, noise=0.2, seed=0)  # np.random.seed(0); make_moons(200, noise=0.20)
POINTS = list(zip(X, Y, strict=True))
ROWS = [(*x, 1.0 - y, float(y)) for x, y in POINTS]  # x1, x2, and y1, y2: 1 for the true class
FRESH = list(zip(*data.moons(1000, noise=0.2, seed=1), strict=True))  # never trained on
EPSILON = 0.01  # the post's names: the learning rate,
REG_LAMBDA = 0.01  # and the strength of the regularisation
PASSES = 20_000


# %% 1. The points
def look(lesson):
    """Compare the points with those that the post's two lines of NumPy and scikit-learn give."""
    lesson.part("200 points on two moons", column="expected")
    lesson.figure("X[0]", [0.7434611761955393, 0.46465632837724596], X[0], tolerance=1e-15)
    lesson.figure("X[1]", [1.6575566177861694, -0.6320315690978895], X[1], tolerance=1e-15)
    lesson.claim("X[0] is on the upper moon, X[1] and X[2] are on the lower", Y[:3] == [0, 1, 1])
    means = [sum(column) / len(X) for column in zip(*X, strict=True)]
    lesson.figure("mean of X", ["0.48592345", "0.25886688"], means)
    lesson.figure("points of class 1", 100, sum(Y))


# %% 2. A straight line first: logistic regression
def logistic_regression(lesson):
    """Find the most probable line, and see that no line will do."""
    unit = nn.Neuron(2, "linear", seed=0)
    program = compile(
        lambda x1, x2, y: losses.binary_cross_entropy(unit([x1, x2]), y), unit.parameters()
    )
    rows = [(*x, float(y)) for x, y in POINTS]
    optim.BFGS(unit.parameters()).minimise(lambda: program.over(rows))
    right = accuracy(unit, POINTS)

    lesson.part("Logistic regression", column="expected")
    # The post's LogisticRegressionCV also shrinks the weights a little: one point more is right.
    lesson.figure("accuracy", "0.85", right, tolerance=0.01)
    lesson.claim("the line gets more than one point in eight wrong", right < 7 / 8)
    print(text_map(lambda x: unit(x) > 0, X, Y, height=12))
    lesson.picture("logistic_regression", lambda: boundary(unit, "Logistic Regression"))


def boundary(model, title):
    """Return the picture of what a model makes of the plane, as the post's."""
    return decision_boundary(model, X, Y, features=["x1", "x2"], title=title)


# %% 3. The network: z1 = x W1 + b1, a1 = tanh(z1), z2 = a1 W2 + b2, and the softmax of z2
def network(h):
    """Return the post's network with h hidden units, as np.random.seed(0) begins it."""
    model = nn.MLP(2, [h, 2], activation="tanh")
    rng = data.LegacyRandom(0)
    for layer, nin in zip(model.layers, (2, h), strict=True):
        for i in range(nin):  # W1 and W2 are drawn row by row; a column is a neuron's
            for neuron in layer.neurons:
                neuron.w[i].data = rng.randn() / math.sqrt(nin)
    return model


def of_one_point(model):
    """Return the post's loss of one point, - sum of y log(yhat), as a function."""
    return lambda x1, x2, y1, y2: losses.cross_entropy(model([x1, x2]), [y1, y2])


def matrices(model, numbers):
    """Return W1, b1, W2, b2, from numbers in the order of the parameters."""
    number = dict(zip(model.parameters(), numbers, strict=True))
    for layer in model.layers:
        columns = [[number[w] for w in neuron.w] for neuron in layer.neurons]
        yield list(zip(*columns, strict=True))  # a row for each input
        yield [number[neuron.b] for neuron in layer.neurons]


# %% 4. Batch gradient descent: what the post's build_model() does
def descend(model, passes):
    """Yield (loss, numbers, their gradient) before each pass, and after the last.

    What goes down is the sum of the losses and REG_LAMBDA / 2 times that of the squared weights;
    what the post prints is that, divided by the number of points.
    """
    parameters = model.parameters()
    program = compile(of_one_point(model), parameters)
    rows = program.prepare(ROWS)
    weights = {w for layer in model.layers for neuron in layer.neurons for w in neuron.w}
    decay = [REG_LAMBDA if p in weights else 0.0 for p in parameters]  # biases are left alone
    numbers = [p.data for p in parameters]
    for _ in range(passes + 1):
        pull = [d * w for d, w in zip(decay, numbers, strict=True)]
        total, slope = program.sums(numbers, rows, pull)  # the sum of gradients begins at pull
        total += sum(p * w for p, w in zip(pull, numbers, strict=True)) / 2.0
        yield total / len(ROWS), numbers, slope
        numbers = [w - EPSILON * g for w, g in zip(numbers, slope, strict=True)]


FIRST_WEIGHTS = [  # W1, then W2, row by row
    1.2473733762, 0.2829538756, 0.6920722656, 1.5845507771, 1.3205629191, -0.6910398160,
    0.5485338036, -0.0873861250, -0.0595934319, 0.2370591556, 0.0831635946, 0.8396252007,
]  # fmt: skip
FIRST_GRADIENT = {
    "dW1[0]": ["12.9097101561", "-11.2035940457", "-8.0983126727"],
    "dW1[1]": ["-8.0069896206", "4.6148362115", "11.9516073839"],
    "db1": ["6.5160272144", "-4.8931706438", "0.1524858340"],
    "db2": ["7.9090668669", "-7.9090668669"],
}


def first_gradient(lesson):
    """Compare the network with 3 hidden units before any step, and draw its loss of one point."""
    model = network(3)
    loss, numbers, slope = next(descend(model, 0))
    W1, _, W2, _ = matrices(model, numbers)  # noqa: N806 - the post's names
    dW1, db1, _, db2 = matrices(model, slope)  # noqa: N806
    drawn = [w for row in (*W1, *W2) for w in row]
    lesson.part("The network with 3 hidden units, before any step", column="expected")
    off = max(abs(a - b) for a, b in zip(drawn, FIRST_WEIGHTS, strict=True))
    lesson.figure("W1 and W2, the largest difference", 0.0, off, tolerance=1e-10)
    lesson.figure("loss", "0.5839404777", loss)
    for (name, expected), ours in zip(FIRST_GRADIENT.items(), (*dW1, db1, db2), strict=True):
        lesson.figure(name, expected, ours)

    loss_of = of_one_point(model)
    for row in ROWS:
        loss_of(*row).backward()
    eager = [p.grad for p in model.parameters()]
    _, compiled = compile(loss_of, model.parameters()).sums(numbers, ROWS)
    lesson.claim("200 times backward() is the compiled gradient, bit for bit", eager == compiled)

    names = ("x1", "x2", "y1", "y2")
    first = loss_of(*(Value(number, name) for number, name in zip(ROWS[0], names, strict=True)))
    model.zero_grad()
    first.backward()
    lesson.picture("network.svg", first, collapse="neuron")


# %% 5. All passes
EARLY = {1: "0.378749", 2: "0.350494", 5: "0.316529", 10: "0.305166", 100: "0.143704"}


def build_model(lesson, h, passes, keep=None):
    """Return (loss, numbers, gradient) before each pass and after the last: of the last `keep`."""
    path = descend(network(h), passes)
    return list(deque(lesson.progress(path, f"h = {h}: pass", passes + 1), maxlen=keep))


def all_passes(lesson):
    """Train the network with 3 hidden units as the post does, and return its path."""
    start = time.process_time()
    path = build_model(lesson, 3, PASSES)
    seconds = time.process_time() - start
    print(f"\n{PASSES:,} passes over {len(ROWS)} points: {seconds:.0f} s")
    found = [loss for loss, _, _ in path]

    lesson.part('3 hidden units: "Loss after iteration i"')
    lesson.figure("iteration 0", "0.432387", found[1])
    lesson.figure("iteration 1000", "0.068947", found[1001])
    lesson.part("and between the two", column="expected")
    for i, expected in EARLY.items():
        lesson.figure(f"iteration {i}", expected, found[i + 1])
    return path


# %% 6. The edge of stability: the post's end, 0.071316, is one of two
LATER = {3000: 0.071218, 4000: 0.071253, 5000: 0.071278, 10_000: 0.071314, 13_000: 0.071316,
         19_000: 0.071316}  # fmt: skip


def nearest(number, path, i):
    """Return the loss after iteration i, or after the next: what is nearer to the number."""
    return min((path[i + 1][0], path[i + 2][0]), key=lambda loss: abs(loss - number))


def curvature(numbers, turns=40):
    """Return the largest second derivative of the sum of the losses, over all directions.

    The gradient of (gradient . v) is the Hessian times v; again and again, v turns to where the
    curvature is largest (the power method).
    """
    model = network(3)
    parameters, loss_of = model.parameters(), of_one_point(model)
    v = [Value(1.0) for _ in parameters]
    program = compile(
        lambda *row: functional.dot(gradient(loss_of(*row), parameters), v), parameters
    )
    rows = program.prepare(ROWS)
    for _ in range(turns):
        length = math.hypot(*(x.data for x in v))
        for x in v:
            x.data /= length
        _, product = program.sums(numbers, rows)
        largest = sum(x.data * y for x, y in zip(v, product, strict=True))
        for x, y in zip(v, product, strict=True):
            x.data = y
    return largest


def higher_first(path):
    """Return whether the loss after iteration 3000 is the higher of the two that alternate."""
    return path[3001][0] > path[3002][0]


def nudged(path):
    """Return the nudge of one weight that shifts the cycle, and the path that it leads to."""
    for nudge in (k * 1e-9 for k in range(1, 31)):  # about one in three does
        model = network(3)
        model.layers[0].neurons[0].w[0].data += nudge
        other = list(descend(model, 3002))
        if higher_first(other) != higher_first(path):
            break
    return nudge, other


def edge(lesson, path):
    """Find the post's later losses: from pass 2300 on two alternate, and 1e-9 decides which."""
    lesson.part("The loss after iteration i, or after the next one: they alternate")
    for i, published in LATER.items():
        ours = nearest(published, path, i)
        lesson.figure(f"iteration {i:,}", published, ours, tolerance=1e-5)
    lesson.part("The two in the end", column="expected")
    lesson.figure("the lower", "0.070758", min(path[-1][0], path[-2][0]), tolerance=1e-5)
    lesson.figure("the higher", "0.071316", max(path[-1][0], path[-2][0]), tolerance=1e-5)

    lesson.part("Why: in a valley of curvature c, a step multiplies the error by 1 - epsilon c")
    middle = [(a + b) / 2.0 for a, b in zip(path[-1][1], path[-2][1], strict=True)]
    early, late, end = (curvature(numbers) for numbers in (path[300][1], path[1000][1], middle))
    for name, c in (("pass 300", early), ("pass 1000", late), ("the end", end)):
        print(f"  at {name:<9} c = {c:.1f}, times {1.0 - EPSILON * c:.3f}")
    limit = 2.0 / EPSILON
    lesson.claim(f"the error dies out at first, then c passes {limit:.0f}, and it grows",
                 early < limit < late)  # fmt: skip
    lesson.claim(f"in the end c is {limit:.0f} to half a percent: to and fro, for ever",
                 abs(end - limit) < 1.0)  # fmt: skip

    nudge, other = nudged(path)
    apart = [math.dist(a[1], b[1]) for a, b in zip(path, other, strict=False)]
    lesson.claim(f"{nudge:.0e} more in one weight, and two runs end a pass apart: after iteration "
                 f"3000 the loss is {path[3001][0]:.6f} in one, {other[3001][0]:.6f} in the other",
                 higher_first(path) != higher_first(other))  # fmt: skip
    lesson.claim("for 1000 passes they agree to 7 digits", max(apart[:1001]) < 1e-7)
    lesson.claim(f"after 2000, amid the chaos, it is {path[2001][0]:.6f} in one, "
                 f"{other[2001][0]:.6f} in the other, and 0.068936 in the post",
                 abs(path[2001][0] - other[2001][0]) > 1e-6)  # fmt: skip
    lesson.picture("nudge", lambda: curves(
        {"distance": (range(len(apart)), apart)}, f"Two runs that begin {nudge:.0e} apart",
        "pass", "distance between the weights", log=True,
    ))  # fmt: skip
    even, odd = range(2300, 6000, 2), range(2301, 6000, 2)
    lesson.picture("two_losses", lambda: curves(
        {"even passes": (even, [path[i][0] for i in even]),
         "odd passes": (odd, [path[i][0] for i in odd])},
        "The losses of 3 hidden units alternate", "pass", "loss",
        marks={f"the post: {loss}": (i + 1, loss) for i, loss in LATER.items() if i < 6000},
    ))  # fmt: skip


# %% 7. How many hidden units
BEFORE = {1: "0.622770", 2: "1.050597", 3: "0.583940", 4: "0.597553", 5: "0.812088",
          20: "0.588881", 50: "0.514904"}  # fmt: skip
RIGHT = {1: (0.865, 0.864), 2: (0.835, 0.815), 3: (0.975, 0.959), 4: (0.99, 0.953),
         5: (0.99, 0.959), 20: (0.99, 0.943), 50: (0.99, 0.945)}  # fmt: skip
SETTLED = {1: 0.333421, 5: 0.039037, 20: 0.030774, 50: 0.031028}  # after iteration 19,000
WANDERING = (2, 4)  # the valley is so narrow that these are thrown out of it for ever


def typical(h, path):
    """Return the network with the median loss of a path's end: the last pass may be a bad one."""
    model = network(h)
    _, numbers, _ = sorted(path)[len(path) // 2]
    for p, number in zip(model.parameters(), numbers, strict=True):
        p.data = number
    return model


def sizes(lesson, path):
    """Train the other sizes; compare losses and accuracies, and draw what each makes of the plane.

    The accuracies of all 20,000 passes are there, to 0.03, after the first 1000.
    """
    passes = PASSES if lesson.full else 1000
    keep = 1001 if lesson.full else 101
    paths = {h: build_model(lesson, h, passes, keep) if h != 3 else path[-keep:] for h in BEFORE}
    lesson.part("The loss before training", column="expected")
    for h, expected in BEFORE.items():
        lesson.figure(f"h = {h}", expected, next(descend(network(h), 0))[0])
    if lesson.full:
        lesson.part("The loss after iteration 19,000, or the next", column="expected")
        for h, expected in SETTLED.items():
            ours = nearest(expected, paths[h], -1001)  # paths end after iteration 19,999
            lesson.figure(f"h = {h}", expected, ours, tolerance=2e-6)
        for h in WANDERING:
            last = [loss for loss, _, _ in paths[h]]
            lesson.claim(f"h = {h} wanders: its last 1000 losses are from {min(last):.3f} "
                         f"to {max(last):.3f}", max(last) - min(last) > 0.005)  # fmt: skip

    note = "" if lesson.full else f" ({PASSES:,} where h = 3)"
    lesson.part(f"Accuracy after {passes:,} passes{note}", column="expected")
    models = {h: typical(h, paths[h]) for h in BEFORE}
    programs = {h: compile(model) for h, model in models.items()}
    found = {h: (accuracy(f, POINTS), accuracy(f, FRESH)) for h, f in programs.items()}
    for h, (train, fresh) in found.items():
        lesson.figure(f"h = {h}, on the 200 points", RIGHT[h][0], train, tolerance=0.03)
        lesson.figure(f"h = {h}, on 1000 fresh ones", RIGHT[h][1], fresh, tolerance=0.03)
    lesson.claim("1 or 2 hidden units are too few for the moons: at most 0.88",
                 max(found[h][0] for h in (1, 2)) <= 0.88)  # fmt: skip
    lesson.claim("3 follow both, and so do more: at least 0.97",
                 min(train for h, (train, _) in found.items() if h > 2) >= 0.97)  # fmt: skip
    if lesson.full:
        lesson.claim("20 and 50 memorise: better than 3 on the points, worse on fresh ones",
                     all(found[h][0] > found[3][0] and found[h][1] < found[3][1]
                         for h in (20, 50)))  # fmt: skip
    for h in (2, 3, 50) if lesson.full else (2, 3):
        print(f"\nh = {h}")
        print(text_map(lambda x, f=programs[h]: predicted(f(x)), X, Y, height=12))
    for h, model in models.items():
        title = f"Hidden Layer size {h}"
        lesson.picture(f"hidden_{h}", lambda model=model, title=title: boundary(model, title))


# %% Exercises
def check_size(size):
    """size(h): how many numbers the network with h hidden units has to learn."""
    for h in (3, 50):
        right = len(network(h).parameters())
        if size(h) != right:
            return f"h = {h} has {right}, not {size(h)}: W1 is 2 by h, W2 h by 2; and the biases"
    return None


def check_delta3(delta3):
    """delta3(z2, y): with plain numbers, the derivatives of one point's loss by the two z2, where y
    is the index of the true class. The post has it in two lines: softmax, and 1 less at y."""
    for numbers, y in (([0.3, -1.2], 0), ([-2.0, 0.5], 1)):
        z2 = [Value(number) for number in numbers]
        right = [v.data for v in gradient(losses.cross_entropy(z2, y), z2)]
        found = delta3(numbers, y)
        if len(found) != 2 or math.dist(found, right) > 1e-9:
            return f"of z2 = {numbers} and y = {y} it is {right}, not {found}"
    return None


def check_delta2(delta2):
    """delta2(arriving, a): with plain numbers, the derivative by z1 of a hidden unit where
    `arriving` is that by its output a. The post's units are tanh: make yours sigmoid, the first
    thing that changes when you try another activation function."""
    for number, arriving in ((0.4, 2.0), (-1.5, -0.3)):
        z1 = Value(number)
        a = z1.sigmoid()
        right = arriving * gradient(a, [z1])[0].data
        found = delta2(arriving, a.data)
        if abs(found - right) > 1e-9:
            return f"where {arriving} arrives and a is {a:.6f}, it is {right:.6f}, not {found}"
    return None


def check_growth(growth):
    """growth(c, epsilon, steps): how many times as far from the bottom one is after so many steps
    of gradient descent with the rate epsilon in a valley c x^2 / 2. Of 206.6, 0.01 and 100 it says
    what becomes of 1e-9 in a hundred passes."""
    for c, epsilon, steps in ((206.6, 0.01, 100), (172.7, 0.01, 7)):
        x = Value(1.0)
        slope = compile(lambda c=c, x=x: c * x * x / 2.0, [x])
        for _ in range(steps):
            x.data -= epsilon * slope.value_and_grad([x.data])[1][0]
        right, found = abs(x.data), growth(c, epsilon, steps)
        if abs(found - right) > 1e-6 * right:
            return f"of {c}, {epsilon} and {steps} it is {right:.6g}, not {found}"
    return None


# %% All of it
def main(lesson):
    """Go through the post in its own order; the edge of stability is between its losses."""
    look(lesson)
    logistic_regression(lesson)
    first_gradient(lesson)
    path = all_passes(lesson)
    edge(lesson, path)
    sizes(lesson, path)


if __name__ == "__main__":
    run(main, [check_size, check_delta3, check_delta2, check_growth])
