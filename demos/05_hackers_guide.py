"""Circuits that are tugged at: from one multiply gate to a network, as a hacker sees it.

    python demos/05_hackers_guide.py [--check answers.py]

system: Andrej Karpathy, "Hacker's guide to Neural Networks" (2014)
takes: 4 s

The guide forgets about equations and asks of a circuit: how should its inputs change so that its
output grows? By trying at random; by nudging each; by the chain rule. Then the same machinery
separates six points, with a line and with a network.

ends with: all 81 figures reached
"""

import math
import random
from inspect import signature

from microgradnet import Value, compile, functional, gradcheck, gradient, losses, nn
from microgradnet.boundaries import decision_boundary
from microgradnet.figures import curves
from microgradnet.lessons import run
from microgradnet.plotting import text_map
from microgradnet.surfaces import surface


# %% 1. One gate: three strategies to make x * y larger, from (-2, 3)
def gate(x, y):
    """Return x * y: forwardMultiplyGate in the guide."""
    return x * y


def random_local_search(seed, tweak_amount=0.01):
    """Return the best (out, x, y) of 100 random tweaks."""
    uniform = random.Random(seed).random
    tries = []
    for _ in range(100):
        x = -2 + tweak_amount * (uniform() * 2 - 1)
        y = 3 + tweak_amount * (uniform() * 2 - 1)
        tries.append((gate(x, y), x, y))
    return max(tries)


def numerical_gradient(f, inputs, h=0.0001):
    """Return how much f changes for each input that is nudged by h, divided by h."""
    out = f(*inputs)
    nudged = ([v + h * (i == k) for i, v in enumerate(inputs)] for k in range(len(inputs)))
    return [(f(*numbers) - out) / h for numbers in nudged]


def respond(values, step_size=0.01):
    """Let each Value follow its gradient a little."""
    for v in values:
        v.data += step_size * v.grad


def one_gate(lesson):
    """Tweak at random, nudge, and differentiate."""
    lesson.part("Strategy 1: random local search")
    best = [random_local_search(seed)[0] for seed in range(100)]
    corner = gate(-2 + 0.01, 3 - 0.01)
    print(f"  100 searches of 100 tries find {min(best):.4f} to {max(best):.4f}; Karpathy -5.9588")
    lesson.claim("each of them finds more than -6", min(best) > -6.0)
    lesson.claim(f"none finds {corner:.4f}, the best that there is", max(best) < corner)

    lesson.part("Strategy 2: the numerical gradient, two nudges by h = 0.0001")
    lesson.figure("out", -6, gate(-2, 3))
    lesson.figure("out for x + h", "-5.9997", gate(-2 + 0.0001, 3))
    lesson.figure("out for y + h", "-6.0002", gate(-2, 3 + 0.0001))
    slopes = numerical_gradient(gate, [-2, 3])
    lesson.figure("x_derivative", "3.0", slopes[0], 1e-9)
    lesson.figure("y_derivative", "-2.0", slopes[1], 1e-9)

    lesson.part("Strategy 3: the analytic gradient, by backward()")
    x, y = Value(-2.0, "x"), Value(3.0, "y")
    out = gate(x, y)
    out.backward()
    lesson.figure("x_gradient", "3.0", x.grad, 1e-9)
    lesson.figure("y_gradient", "-2.0", y.grad, 1e-9)
    respond([x, y])
    why = "a slip in a comment: x + 0.01 * 3; the guide itself has -1.97 for strategy 2"
    lesson.erratum("x after the step", "-2.03", x.data, "-1.97", why)
    lesson.figure("y after the step", "2.98", y.data)
    lesson.figure("out after the step", "-5.87", out.recompute().data)
    path = [(-2.0, 3.0)]
    for _ in range(20):
        x, y = path[-1]
        path.append((x + 0.01 * y, y + 0.01 * x))
    title = "x * y, and 20 steps along its gradient"
    lesson.picture("one_gate", lambda: surface(gate, (-2.2, -1.2), (2.4, 3.2), path, title))
    return [("x * y after the step", "-5.8706", out.data)]


# %% 2. Two gates: f = (x + y) * z
def two_gates(lesson):
    """Lead the gradient through a second gate, and step along it."""
    lesson.part("f = (x + y) * z: every gate multiplies what pulls at it by its local slope")
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    q = x + y
    f = q * z
    q.label, f.label = "q", "f"
    f.backward()
    for name, published, ours in (
        ("q", 3, q.data), ("f", -12, f.data), ("df/dq", -4, q.grad),
        ("df/dx", -4, x.grad), ("df/dy", -4, y.grad), ("df/dz", 3, z.grad),
    ):  # fmt: skip
        lesson.figure(name, published, ours, 1e-9)
    slopes = numerical_gradient(lambda x, y, z: (x + y) * z, [-2, 5, -4])
    off = max(abs(s - v.grad) for s, v in zip(slopes, (x, y, z), strict=True))
    lesson.claim("the numerical gradient is [-4, -4, 3] too. Phew!", off < 1e-9)
    lesson.picture("two_gates.svg", f)
    respond([x, y, z])
    f.recompute()
    for name, published, v in (
        ("x after the step", "-2.04", x), ("y", "4.96", y), ("z", "-3.97", z), ("q", "2.92", q),
        ("f", "-11.59", f),
    ):  # fmt: skip
        lesson.figure(name, published, v.data)
    return [("(x + y) * z after the step", "-11.5924", f.data)]


# %% 3. A neuron: s = sig(a * x + b * y + c)
def sig(x):
    """Return the sigmoid as the guide writes it, of a number or a Value, out of four gates."""
    return 1 / (1 + functional.exp(-x))


def forward_neuron(a, b, c, x, y):
    """Return the output of the neuron, in one sigmoid gate."""
    return functional.sigmoid(a * x + b * y + c)


NEURON = {  # what backward() leaves in the inputs: as the guide prints it, and to ten digits
    "a": ("-0.105", "-0.1049935854"), "b": ("0.315", "0.3149807562"),
    "c": ("0.105", "0.1049935854"), "x": ("0.105", "0.1049935854"),
    "y": ("0.210", "0.2099871708"),
}  # fmt: skip


def neuron(lesson):
    """Backpropagate through a neuron, step, and check."""
    lesson.part("The sigmoid")
    cut = "the guide cuts digits off where it could round"
    lesson.erratum("sig(-5)", "0.006", functional.sigmoid(-5), "0.007", cut)
    for x, published in ((0, "0.5"), (5, "0.993")):
        lesson.figure(f"sig({x})", published, functional.sigmoid(x))
    lesson.figure("its slope where its output is 0.7", "0.21", 0.7 * (1 - 0.7))

    lesson.part("The neuron, at a = 1, b = 2, c = -3, x = -1, y = 3")
    inputs = [Value(v, k) for k, v in zip("abcxy", (1.0, 2.0, -3.0, -1.0, 3.0), strict=True)]
    s = forward_neuron(*inputs)
    s.label = "s"
    s.backward()
    exact = [("sig(3)", "0.9525741268", functional.sigmoid(3)), ("s", "0.8807970780", s.data)]
    lesson.figure("s", "0.8808", s.data)
    for v in inputs:
        lesson.figure(f"{v.label}.grad", NEURON[v.label][0], v.grad)
        exact.append((f"{v.label}.grad", NEURON[v.label][1], v.grad))
    lesson.picture("neuron.svg", s)
    numbers = [v.data for v in inputs]
    slopes = numerical_gradient(forward_neuron, numbers)
    off = max(abs(slope - v.grad) for slope, v in zip(slopes, inputs, strict=True))
    lesson.claim("the numerical gradient gives the same three decimals", off < 5e-4)
    checked = gradcheck(lambda a, b, c, x, y: sig(a * x + b * y + c), numbers)
    lesson.claim("a sigmoid made of its gates, exp, + and /, passes gradcheck too", bool(checked))
    (net,) = s.args
    why = "dq = q * (1 - q) * df takes the input of the sigmoid for its output: f * (1 - f) * df"
    lesson.erratum("dq, in two steps", str(net.data * (1 - net.data)), net.grad, "0.105", why)
    respond(inputs)
    lesson.erratum("s after the step", "0.8825", s.recompute().data, "0.8826", cut)
    return [*exact, ("s after the step", "0.8825501816", s.data)]


def to_ten_digits(lesson, rows):
    """Compare what the guide rounds."""
    lesson.part("What the guide rounds, to ten digits", column="expected")
    for name, expected, ours in rows:
        lesson.figure(name, expected, ours, 1e-9)


# %% 4. Becoming a backprop ninja: the rules that the guide derives by hand, with dx = 1
PATTERNS = {
    "x = a * b: da = b, db = a": (lambda a, b: a * b, lambda a, b: (b, a)),
    "x = a + b: da = db = 1": (lambda a, b: a + b, lambda a, b: (1, 1)),
    "x = a + b + c: da = db = dc = 1": (lambda a, b, c: a + b + c, lambda a, b, c: (1, 1, 1)),
    "x = a * b + c: da = b, db = a, dc = 1": (
        lambda a, b, c: a * b + c,
        lambda a, b, c: (b, a, 1),
    ),
    "x = a * a: da = 2 * a": (lambda a: a * a, lambda a: (2 * a,)),
    "x = a*a + b*b + c*c: da = 2 * a, db = 2 * b, dc = 2 * c": (
        lambda a, b, c: a * a + b * b + c * c,
        lambda a, b, c: (2 * a, 2 * b, 2 * c),
    ),
    "x = ((a * b + c) * d)²: gate by gate": (
        lambda a, b, c, d: ((a * b + c) * d) ** 2,
        lambda a, b, c, d: square(a, b, c, d),
    ),
    "x = 1.0 / a: da = -1.0 / (a * a)": (lambda a: 1.0 / a, lambda a: (-1.0 / (a * a),)),
    "x = (a + b) / (c + d): gate by gate": (
        lambda a, b, c, d: (a + b) / (c + d),
        lambda a, b, c, d: quotient(a, b, c, d),
    ),
    "x = max(a, b): da = a > b, db = b > a": (functional.maximum, lambda a, b: (a > b, b > a)),
    "x = max(a, 0): da = a > 0": (functional.relu, lambda a: (a > 0,)),
}


def square(a, b, c, d):
    """Return da, db, dc, dd of ((a * b + c) * d)²."""
    x1 = a * b + c
    x2 = x1 * d
    dx2 = 2 * x2
    dd = x1 * dx2
    dx1 = d * dx2
    return b * dx1, a * dx1, dx1, dd


def quotient(a, b, c, d):
    """Return da, db, dc, dd of (a + b) / (c + d), which is x1 * x3, with x3 = 1 / x2."""
    x1 = a + b
    x2 = c + d
    x3 = 1.0 / x2
    dx1 = x3
    dx3 = x1
    dx2 = -1.0 / (x2 * x2) * dx3
    return dx1, dx1, dx2, dx2


def patterns(lesson):
    """Hold each rule to backward() at 100 random places."""
    lesson.part("Patterns: the rules by hand are those of backward(), at 100 random places")
    uniform = random.Random(1).uniform
    for text, (circuit, rule) in PATTERNS.items():
        off = 0.0
        for _ in range(100):
            values = [Value(uniform(-3, 3)) for _ in signature(rule).parameters]
            circuit(*values).backward()
            wanted = rule(*(v.data for v in values))
            for v, right in zip(values, wanted, strict=True):
                off = max(off, abs(v.grad - right) / max(1.0, abs(right)))
        lesson.claim(text, off < 1e-9)


# %% 5. A Support Vector Machine: six points, and a force on each
POINTS = [(1.2, 0.7), (-0.3, -0.5), (3.0, 0.1), (-0.1, -1.0), (-1.0, 1.1), (2.1, -3.0)]
LABELS = [1, -1, 1, -1, -1, 1]
START = [1.0, -2.0, -1.0]  # a, b, c
ITERATIONS = 400
PRINTED = [  # the training accuracy at iteration 0, 25, 50, ...
    "0.3333333333333333", "0.3333333333333333", "0.5", "0.5", "0.3333333333333333", "0.5", "0.5",
    "0.5", "0.5", "0.6666666666666666", "0.6666666666666666", "0.8333333333333334", "1", "1", "1",
    "1",
]  # fmt: skip


def svm_loss(parameters):
    """Return the loss whose gradient is the guide's force: the hinge, and the spring on a and b."""
    a, b, c = parameters
    return lambda x, y, label, spring: (
        losses.hinge(a * x + b * y + c, label) + 0.5 * spring * (a * a + b * b)
    )


def by_forces(start, picks):
    """Return a, b, c after the steps of the guide's own listing, without any machinery."""
    a, b, c = start
    for i in picks:
        (x, y), label = POINTS[i], LABELS[i]
        score = a * x + b * y + c
        pull = 0.0
        if label == 1 and score < 1:
            pull = 1
        if label == -1 and score > -1:
            pull = -1
        a += 0.01 * (x * pull - a)
        b += 0.01 * (y * pull - b)
        c += 0.01 * (1 * pull)
    return [a, b, c]


def descend(program, numbers, picks, spring):
    """Yield the parameters after each step on one point, down the gradient of the loss."""
    for i in picks:
        _, slopes = program.value_and_grad(numbers, *POINTS[i], float(LABELS[i]), spring)
        numbers = [n - 0.01 * g for n, g in zip(numbers, slopes, strict=True)]
        yield numbers


def picked(uniform, count):
    """Return random places of points, as Math.floor(Math.random() * data.length)."""
    return [math.floor(uniform() * len(POINTS)) for _ in range(count)]


def right(score):
    """Return how many of the six points have the sign of their label."""
    return sum(
        (score(x, y) > 0) == (label > 0) for (x, y), label in zip(POINTS, LABELS, strict=True)
    )


def line(numbers):
    """Return the score of a line a * x + b * y + c."""
    a, b, c = numbers
    return lambda x, y: a * x + b * y + c


def costs(lesson):
    """Compute the cost function that ends the guide, on its three points."""
    lesson.part("The cost function: w = (0.1, 0.2, 0.3), alpha = 0.1")
    w = [Value(0.1), Value(0.2), Value(0.3)]
    examples = [((1.2, 0.7), 1, "0.440"), ((-0.3, 0.5), -1, "1.370"), ((3, 2.5), 1, "0.000")]
    found = []
    for k, ((x, y), label, published) in enumerate(examples):
        found.append(losses.hinge(w[0] * x + w[1] * y + w[2], label))
        lesson.figure(f"cost for example {k}", published, found[-1].data)
    spring = 0.1 * (w[0] * w[0] + w[1] * w[1])
    lesson.figure("regularization cost", "0.005", spring.data)
    lesson.figure("total cost", "1.815", (functional.total(found) + spring).data)


def svm(lesson):
    """Pull the line into place, as often as it takes to see what usually happens."""
    lesson.part("The SVM: the first scores, at a = 1, b = -2, c = -1")
    lesson.figure("score of (1.2, 0.7)", "-1.2", line(START)(1.2, 0.7))
    lesson.figure("score of (-0.3, 0.5)", "-2.3", line(START)(-0.3, 0.5))
    parameters = [Value(number, name) for name, number in zip("abc", START, strict=True)]
    program = compile(svm_loss(parameters), parameters)
    _, slopes = program.value_and_grad(START, 1.2, 0.7, 1.0, 0.0)
    pulls = [-g for g in slopes]
    _, slopes = program.value_and_grad(START, -0.3, 0.5, -1.0, 1.0)
    for name, published, ours in (
        ("pull of (1.2, 0.7) on the score", 1, pulls[2]),
        ("pull of the spring on a", -1, -slopes[0]), ("on b", 2, -slopes[1]),
    ):  # fmt: skip
        lesson.figure(name, published, ours, 1e-9)
    picks = picked(random.Random(0).random, ITERATIONS)
    steps = list(descend(program, START, picks, 1.0))
    off = max(abs(p - q) for p, q in zip(steps[-1], by_forces(START, picks), strict=True))
    lesson.claim("forces or loss function: 400 steps lead to the same a, b, c", off < 1e-9)

    lesson.part("Its training log, every 25 iterations: how many of the 6 points are right")
    ours = [right(line(numbers)) / 6 for numbers in steps[::25]]
    for name, log in (("printed", map(float, PRINTED)), ("ours", ours)):
        print(f"  {name:<8}" + "".join(f" {6 * v:.0f}/6" for v in log))
    firsts = {right(line(next(descend(program, START, [i], 1.0)))) for i in range(6)}
    lesson.claim("whichever point comes first, 4 of 6 are right after it", firsts == {4})
    why = "the listing has 4 of 6 right after its first step: the log is of another run"
    lesson.erratum("accuracy at iteration 0", PRINTED[0], ours[0], 4 / 6, why, 1e-9)

    lesson.part("200 runs from other random points: how many end with all 6 right", "expected")
    for spring, expected in ((1.0, 13), (0.1, 185)):
        ends = []
        for seed in range(200):
            picks = picked(random.Random(seed).random, ITERATIONS)
            *_, numbers = descend(program, START, picks, spring)
            ends.append(right(line(numbers)))
        lesson.figure(f"with a spring of {spring:g}", expected, ends.count(6))
        lesson.claim("all others have 5", ends.count(5) + ends.count(6) == 200)
    print("  The log ends with 6 of 6: its spring of 1 pulls too hard for that to be usual.")

    series = {"as printed": (range(0, 400, 25), list(map(float, PRINTED)))}
    for spring in (1.0, 0.1):
        path = list(descend(program, START, picks, spring))
        accuracies = [right(line(numbers)) / 6 for numbers in path]
        series[f"ours, spring {spring:g}"] = (range(400), accuracies)
    lesson.picture("svm_log", lambda: curves(series, "The SVM learns", "iteration", "accuracy"))
    score = line(path[-1])
    lesson.picture("svm", lambda: plane(lambda point: [0.0, score(*point)]))


def plane(classify):
    """Return the picture of what a line or a network makes of the plane."""
    targets = [int(label > 0) for label in LABELS]
    return decision_boundary(classify, POINTS, targets, ["-1", "+1"])


# %% 6. The same with a network: three ReLU units
def net_loss(model):
    """Return the loss of the network: the hinge, and a spring on every weight, on no bias."""
    weights = [w for layer in model.layers for neuron in layer.neurons for w in neuron.w]

    def loss(x, y, label, spring):
        pull = functional.total(w * w for w in weights)
        return losses.hinge(model([x, y]), label) + 0.5 * spring * pull

    return loss


def by_hand(numbers, x, y, label):
    """Return the thirteen pulls of the guide's listing, spring included: "wow this is tedious"."""
    a1, b1, c1, a2, b2, c2, a3, b3, c3, a4, b4, c4, d4 = numbers
    n1 = max(0, a1 * x + b1 * y + c1)
    n2 = max(0, a2 * x + b2 * y + c2)
    n3 = max(0, a3 * x + b3 * y + c3)
    score = a4 * n1 + b4 * n2 + c4 * n3 + d4
    pull = 1.0 if label == 1 and score < 1 else -1.0 if label == -1 and score > -1 else 0.0
    dn1, dn2, dn3 = (w * pull if n else 0.0 for w, n in ((a4, n1), (b4, n2), (c4, n3)))
    return [
        x * dn1 - a1, y * dn1 - b1, dn1,
        x * dn2 - a2, y * dn2 - b2, dn2,
        x * dn3 - a3, y * dn3 - b3, dn3,
        n1 * pull - a4, n2 * pull - b4, n3 * pull - c4, pull,
    ]  # fmt: skip


def trained(model, program, seed, spring, count):
    """Return how many points are right in the end, from random parameters between -1/2 and 1/2."""
    uniform = random.Random(seed).random
    start = [uniform() - 0.5 for _ in program.parameters]
    *_, numbers = descend(program, start, picked(uniform, count), spring)
    for p, number in zip(program.parameters, numbers, strict=True):
        p.data = number
    return right(lambda x, y: model([x, y]))


def network(lesson):
    """Train the network; the thirteen derivatives by hand agree with the graph's."""
    lesson.part("The 2-layer network with 3 hidden neurons")
    model = nn.MLP(2, [3, 1], seed=0)  # relu(a1 x + b1 y + c1), ...; a4 n1 + b4 n2 + c4 n3 + d4
    lesson.figure("parameters, a1 to d4", 13, len(model.parameters()))
    program = compile(net_loss(model), model.parameters())
    off = 0.0
    for seed in range(100):
        uniform = random.Random(seed).random
        numbers = [uniform() - 0.5 for _ in range(13)]
        for (x, y), label in zip(POINTS, LABELS, strict=True):
            _, slopes = program.value_and_grad(numbers, x, y, float(label), 1.0)
            pulls = by_hand(numbers, x, y, label)
            off = max(off, *(abs(g + p) for g, p in zip(slopes, pulls, strict=True)))
    lesson.claim("the thirteen pulls by hand are those of the graph, from 100 starts", off < 1e-9)

    ends = {}
    for spring, count in ((1.0, 400), (0.1, 400), (0.1, 2000)):
        runs = [trained(model, program, seed, spring, count) for seed in range(40)]
        ends[spring, count] = runs.count(6)
        print(f"  spring {spring:3g}, {count:>5,} iterations: all 6 right in {runs.count(6)} of 40")
    lesson.claim("the guide's spring of 1 pulls most networks flat", ends[1.0, 400] < 10)
    lesson.claim("with 0.1 and patience every network learns all points", ends[0.1, 2000] == 40)
    places = [(Value(i / 5), Value(k / 5)) for i in range(-10, 21) for k in range(-20, 11)]
    slopes = {tuple(round(g.data, 9) for g in gradient(model(xy), xy)) for xy in places}
    lesson.claim(f"a line has one slope, the last network {len(slopes)}: it bends", len(slopes) > 1)
    print(text_map(lambda point: int(model(point) > 0), POINTS, [int(v > 0) for v in LABELS],
                   height=12, classes=["-1", "+1"]))  # fmt: skip
    lesson.picture("network", lambda: plane(model))


# %% Exercises
def check_pull(pull):
    """pull(score, label): the SVM's force specification: +1, -1 or 0 on the score."""
    for score, label in ((0.5, 1), (-3.0, 1), (1.5, 1), (0.5, -1), (-0.5, -1), (-1.5, -1)):
        wanted = -slope_of_hinge(score, label)
        if pull(score, label) != wanted:
            return f"at score {score} and label {label} it is {wanted:g}, not {pull(score, label)}"
    return None


def slope_of_hinge(score, label):
    """Return the derivative of the hinge loss by the score."""
    v = Value(score)
    losses.hinge(v, label).backward()
    return v.grad


def check_ninja(ninja):
    """ninja(a, b, c, d): the list [da, db, dc, dd] of x = a / (b * c + d), by hand."""
    for numbers in ((1.0, 2.0, 3.0, 4.0), (-2.0, 0.5, 3.0, -1.0)):
        values = [Value(number, name) for name, number in zip("abcd", numbers, strict=True)]
        a, b, c, d = values
        (a / (b * c + d)).backward()
        for v, found in zip(values, ninja(*numbers), strict=True):
            if not abs(found - v.grad) < 1e-9:
                return f"at {numbers} d{v.label} is {v.grad:.6g}, not {found}; name b * c + d first"
    return None


def check_separator(separator):
    """separator: [a, b, c] of a line that needs no pull: all six points are right by 1 or more."""
    score = line(separator)
    for (x, y), label in zip(POINTS, LABELS, strict=True):
        if not label * score(x, y) >= 1.0:
            return f"({x}, {y}) is to have {label:+} or more of it, not {score(x, y):.3g}"
    return None


# %% All of it
def main(lesson):
    """Go from one gate to a network."""
    to_ten_digits(lesson, [*one_gate(lesson), *two_gates(lesson), *neuron(lesson)])
    patterns(lesson)
    costs(lesson)
    svm(lesson)
    network(lesson)


if __name__ == "__main__":
    run(main, [check_pull, check_ninja, check_separator])
