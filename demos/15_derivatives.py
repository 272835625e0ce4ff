"""Five ways to a derivative, side by side: how exact each is, how fast, and when it pays.

    python demos/15_derivatives.py [--check answers.py]

system: Per Harald Borgen, "Learning How To Code Neural Networks" (2015): the libraries
takes: 3 s

"Libraries that calculate the derivatives for you": what are they worth? Here the networks of the
course are differentiated by hand, by a nudge of each number, by a nudge into the complex plane, by
backward(), and compiled. All are held to a derivative of 34 digits, which is computed too.

ends with: all 37 figures reached
"""

import cmath
import decimal
import math
import time
from decimal import Decimal
from typing import Any, NamedTuple

from microgradnet import Value, compile, data, gradient, jvp, scalars
from microgradnet.calculus import flatten, rebuild
from microgradnet.engine import topological_order
from microgradnet.figures import curves
from microgradnet.lessons import run


# %% 1. Functions of four kinds of numbers, so that each system is written down once
def decimal_cos(x):
    """Return the cosine by its series; enough terms for |x| < 10."""
    term = result = Decimal(1)
    for k in range(2, 100, 2):
        term *= -x * x / (k * (k - 1))
        result += term
    return result


def decimal_sin(x):
    """Return the sine by its series, that of the cosine a step further."""
    term = result = x
    for k in range(3, 101, 2):
        term *= -x * x / (k * (k - 1))
        result += term
    return result


def logistic(x):
    """Return the sigmoid of a complex number or a Decimal."""
    return 1 / (1 + exp(-x))


def of_any(name, of_complex, of_decimal):
    """Return an operation as a function of a Value, a float, a complex number or a Decimal."""
    method = getattr(Value, name)
    functions = {float: getattr(scalars, name), complex: of_complex, Decimal: of_decimal}

    def function(x):
        return method(x) if isinstance(x, Value) else functions[type(x)](x)

    return function


exp = of_any("exp", cmath.exp, Decimal.exp)
log = of_any("log", cmath.log, Decimal.ln)
sqrt = of_any("sqrt", cmath.sqrt, Decimal.sqrt)
cos = of_any("cos", cmath.cos, decimal_cos)
sin = of_any("sin", cmath.sin, decimal_sin)
sigmoid = of_any("sigmoid", logistic, logistic)
tanh = of_any("tanh", cmath.tanh, lambda x: 2 * logistic(2 * x) - 1)


def dot(xs, ys):
    """Return the sum of the products."""
    return sum(x * y for x, y in zip(xs, ys, strict=True))


def columns(numbers, width):
    """Return the columns of a matrix that is given row by row."""
    return [numbers[k::width] for k in range(width)]


# %% 2. The systems, and their derivatives by hand
class System(NamedTuple):
    """A loss, the sum of loss(p, *row) over rows, at parameters p; by_hand(p, *row) derives it."""

    loss: Any
    by_hand: Any
    p: list
    rows: list


# The article's neuron: s' = s (1 - s).
def neuron(p, x1, x2):
    """Return its output."""
    w1, w2, b = p
    return sigmoid(x1 * w1 + x2 * w2 + b)


def neuron_by_hand(p, x1, x2):
    """Return ds/dw1, ds/dw2, ds/db."""
    s = neuron(p, x1, x2)
    slope = s * (1 - s)
    return [slope * x1, slope * x2, slope]


# Logistic regression on exam scores, Borgen's and Ng's: dJ/dtheta = sum (h - y) x / m.
def cost(theta, x, y, m, strength):
    """Return what one row adds to the cost; `strength` is lambda, and theta0 is not shrunk."""
    h = sigmoid(dot(theta, x))
    penalty = strength * dot(theta[1:], theta[1:]) / (2 * m) if strength else 0
    return (-y * log(h) - (1 - y) * log(1 - h) + penalty) / m


def cost_by_hand(theta, x, y, m, strength):
    """Return the derivatives of that."""
    h = sigmoid(dot(theta, x))
    shrunk = [0.0, *theta[1:]]
    return [((h - y) * v + strength * t / m) / m for v, t in zip(x, shrunk, strict=True)]


# Mazur's network, and Borgen's NeuralNetworkNoob, in which an h1 stands for an h2.
def mazur(p, inputs, biases, targets):
    """Return E, half the sum of the squared errors."""
    *_, outputs = mazur_forward(p, inputs, biases)
    return sum((t - out) ** 2 for t, out in zip(targets, outputs, strict=True)) / 2


def mazur_forward(p, inputs, biases):
    """Return the outputs of the hidden units, and those of the output units."""
    hidden = [sigmoid(dot(p[k : k + 2], inputs) + biases[0]) for k in (0, 2)]
    return hidden, [sigmoid(dot(p[k : k + 2], hidden) + biases[1]) for k in (4, 6)]


def mazur_by_hand(p, inputs, biases, targets, slip=False):
    """Return dE/dw1 to dE/dw8."""
    hidden, outputs = mazur_forward(p, inputs, biases)
    delta1, delta2 = ((o - t) * o * (1 - o) for o, t in zip(outputs, targets, strict=True))
    arriving = [delta1 * p[4] + delta2 * p[6], delta1 * p[5] + delta2 * p[6 if slip else 7]]
    deltas = [g * h * (1 - h) for g, h in zip(arriving, hidden, strict=True)]
    upper = [delta * h for delta in (delta1, delta2) for h in hidden]
    return [delta * i for delta in deltas for i in inputs] + upper


def borgen_by_hand(p, inputs, biases, targets):
    """Return the same as NeuralNetworkNoob has it, dE2_WRT_out_h1 for dE2_WRT_out_h2."""
    return mazur_by_hand(p, inputs, biases, targets, slip=True)


# Karpathy's circuit: every gate multiplies what pulls at it by its local slope.
def circuit(p):
    """Return sig(a * x + b * y + c)."""
    a, b, c, x, y = p
    return sigmoid(a * x + b * y + c)


def circuit_by_hand(p):
    """Return the pulls on a, b, c, x and y."""
    a, b, _, x, y = p
    s = circuit(p)
    pull = s * (1 - s)
    return [pull * x, pull * y, pull, pull * a, pull * b]


# Trask's eleven lines: l2_delta, l1_error, l1_delta.
def trask(p, x, y):
    """Return half the squared error of one row; syn0 is 3 by 4, syn1 4 by 1."""
    return (trask_forward(p, x)[1] - y) ** 2 / 2


def trask_forward(p, x):
    """Return l1 and l2."""
    l1 = [sigmoid(dot(x, column)) for column in columns(p[:12], 4)]
    return l1, sigmoid(dot(l1, p[12:]))


def trask_by_hand(p, x, y):
    """Return the derivatives by syn0 and syn1."""
    l1, l2 = trask_forward(p, x)
    l2_delta = (l2 - y) * l2 * (1 - l2)
    l1_delta = [l2_delta * w * h * (1 - h) for w, h in zip(p[12:], l1, strict=True)]
    return [v * delta for v in x for delta in l1_delta] + [h * l2_delta for h in l1]


# WildML's loss: delta3 = probs - y, delta2 = (1 - tanh^2) * delta3 W2'.
def wildml(p, x, y):
    """Return what one of the 200 points adds; y is 1 for its class, 0 for the other."""
    W1, _, W2, _ = wildml_parts(p)  # noqa: N806 - the post's names
    probs = wildml_forward(p, x)[1]
    penalty = (dot(W1, W1) + dot(W2, W2)) / (2 * 100 * 200)  # lambda is 1 / 100
    return penalty - dot(y, map(log, probs))


def wildml_parts(p):
    """Return W1, b1, W2 and b2, the matrices row by row."""
    return p[:6], p[6:9], p[9:15], p[15:]


def wildml_forward(p, x):
    """Return a1 and the probabilities of the two classes."""
    W1, b1, W2, b2 = wildml_parts(p)  # noqa: N806
    a1 = [tanh(dot(x, w) + b) for w, b in zip(columns(W1, 3), b1, strict=True)]
    scores = [exp(dot(a1, w) + b) for w, b in zip(columns(W2, 2), b2, strict=True)]
    return a1, [score / sum(scores) for score in scores]


def wildml_by_hand(p, x, y):
    """Return the derivatives by W1, b1, W2 and b2."""
    W1, _, W2, _ = wildml_parts(p)  # noqa: N806
    a1, probs = wildml_forward(p, x)
    delta3 = [prob - t for prob, t in zip(probs, y, strict=True)]
    delta2 = [(1 - a * a) * dot(delta3, W2[2 * k : 2 * k + 2]) for k, a in enumerate(a1)]
    dW1 = [v * d for v in x for d in delta2]  # noqa: N806
    dW2 = [a * d for a in a1 for d in delta3]  # noqa: N806
    shrink = 1 / (100 * 200)
    dW1 = [d + shrink * w for d, w in zip(dW1, W1, strict=True)]  # noqa: N806
    dW2 = [d + shrink * w for d, w in zip(dW2, W2, strict=True)]  # noqa: N806
    return [*dW1, *delta2, *dW2, *delta3]


# Nielsen's neuron, which starts badly wrong: sigma'(z) is small, and it learns slowly.
def saturated(p, x, y):
    """Return C = (y - a)^2 / 2."""
    w, b = p
    return (y - sigmoid(w * x + b)) ** 2 / 2


def saturated_by_hand(p, x, y):
    """Return dC/dw and dC/db."""
    w, b = p
    a = sigmoid(w * x + b)
    slope = (a - y) * a * (1 - a)
    return [slope * x, slope]


# Welch's network of three hidden units: delta3 = -(y - yHat) f'(z3), delta2 = delta3 W2' f'(z2).
def welch(p, x, y):
    """Return what one test adds to J; W1 is 2 by 3, W2 3 by 1."""
    return (y - welch_forward(p, x)[1]) ** 2 / 2


def welch_forward(p, x):
    """Return a2 and yHat."""
    a2 = [sigmoid(dot(x, column)) for column in columns(p[:6], 3)]
    return a2, sigmoid(dot(a2, p[6:]))


def welch_by_hand(p, x, y):
    """Return dJ/dW1 and dJ/dW2."""
    a2, y_hat = welch_forward(p, x)
    delta3 = -(y - y_hat) * y_hat * (1 - y_hat)
    delta2 = [delta3 * w * a * (1 - a) for w, a in zip(p[6:], a2, strict=True)]
    return [v * delta for v in x for delta in delta2] + [a * delta3 for a in a2]


# Khan Academy's chains.
def chain(p):
    """Return (sin x²)³."""
    (x,) = p
    return sin(x * x) ** 3


def chain_by_hand(p):
    """Return 3 (sin x²)² cos(x²) 2x."""
    (x,) = p
    return [3 * sin(x * x) ** 2 * cos(x * x) * 2 * x]


def root(p):
    """Return √(3x² - x)."""
    (x,) = p
    return sqrt(3 * x * x - x)


def root_by_hand(p):
    """Return (6x - 1) / (2 √(3x² - x))."""
    (x,) = p
    return [(6 * x - 1) / (2 * sqrt(3 * x * x - x))]


# %% 3. Their numbers
MAZUR = [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]
SLIP = "Borgen, with a slip"
MAZUR_ROW = [[0.05, 0.10], [0.35, 0.60], [0.01, 0.99]]  # inputs, biases, targets


def exam_rows():
    """Return Borgen's 100 students: two scores from -1 to 1, admitted or not, m and lambda."""
    table = data.load("exam_scores")
    ends = [(min(column), max(column)) for column in zip(*table.points, strict=True)]
    return [
        [[2 * (v - a) / (b - a) - 1 for v, (a, b) in zip(x, ends, strict=True)], float(y), 100, 0]
        for x, y in zip(table.points, table.targets, strict=True)
    ]


def ng_rows():
    """Return the five rows with which the course tests lrCostFunction."""
    return [[[1.0, k / 10, (k + 5) / 10, (k + 10) / 10], float(k % 2), 5, 3] for k in range(1, 6)]


def moon_rows():
    """Return the 200 points, each with a 1 in the place of its class."""
    points, classes = data.moons(200, noise=0.2, seed=0)
    return [[list(x), [1.0 - y, float(y)]] for x, y in zip(points, classes, strict=True)]


def moon_weights():
    """Return W1, b1, W2 and b2 as the post begins."""
    randn = data.LegacyRandom(0).randn
    W1 = [randn() / math.sqrt(2) for _ in range(6)]  # noqa: N806
    W2 = [randn() / math.sqrt(3) for _ in range(6)]  # noqa: N806
    return [*W1, *[0.0] * 3, *W2, *[0.0] * 2]


def systems():
    """Return name -> System."""
    random = data.LegacyRandom(1).random
    syn = [2 * random() - 1 for _ in range(16)]  # syn0, then syn1
    bits = [[[0.0, 0.0, 1.0], 0.0], [[0.0, 1.0, 1.0], 1.0],
            [[1.0, 0.0, 1.0], 1.0], [[1.0, 1.0, 1.0], 0.0]]  # fmt: skip
    randn = data.LegacyRandom(0).randn
    W = [randn() for _ in range(9)]  # noqa: N806 - W1, then W2
    hours = [[[0.3, 1.0], 0.75], [[0.5, 0.2], 0.82], [[1.0, 0.4], 0.93]]
    return {
        "the article's neuron": System(neuron, neuron_by_hand, [7.0, 3.0, -2.0], [[1.0, 0.0]]),
        "logistic regression": System(cost, cost_by_hand, [0.0, 0.0], exam_rows()),
        "Mazur": System(mazur, mazur_by_hand, MAZUR, [MAZUR_ROW]),
        SLIP: System(mazur, borgen_by_hand, MAZUR, [MAZUR_ROW]),
        "Karpathy's circuit": System(circuit, circuit_by_hand, [1.0, 2.0, -3.0, -1.0, 3.0], [[]]),
        "Trask, 3-4-1": System(trask, trask_by_hand, syn, bits),
        "WildML, 200 points": System(wildml, wildml_by_hand, moon_weights(), moon_rows()),
        "Nielsen's neuron": System(saturated, saturated_by_hand, [2.0, 2.0], [[1.0, 0.0]]),
        "Welch Labs, 2-3-1": System(welch, welch_by_hand, W, hours),
        "Ng, regularised": System(cost, cost_by_hand, [-2.0, -1.0, 1.0, 2.0], ng_rows()),
        "Khan, (sin x²)³": System(chain, chain_by_hand, [1.0], [[]]),
        "Khan, √(3x² - x)": System(root, root_by_hand, [1.0], [[]]),
    }


# %% 4. The ways
def by_hand(system):
    """Return the gradient by the formulas."""
    found = [system.by_hand(system.p, *row) for row in system.rows]
    return [sum(parts) for parts in zip(*found, strict=True)]


def at(system, p):
    """Return the loss at other parameters."""
    return sum(system.loss(p, *row) for row in system.rows)


def nudged(system, h=6e-6):
    """Return the gradient by central differences: (f(p + h) - f(p - h)) / 2h, for each number.

    Section 7 shows why h is what it is.
    """
    p = system.p
    return [
        (at(system, [*p[:k], v + h, *p[k + 1 :]]) - at(system, [*p[:k], v - h, *p[k + 1 :]]))
        / (2 * h)
        for k, v in enumerate(p)
    ]


def exact(system):
    """Return the gradient by the same nudges, but of numbers of 34 digits: it has some 20 of them.

    The floats are taken as they are: Decimal(0.1) is 0.1000000000000000055511151231257827...
    """
    with decimal.localcontext(prec=34):
        numbers = [system.p, system.rows]
        exactly = rebuild(
            numbers, (Decimal(v) if isinstance(v, float) else v for v in flatten(numbers))
        )
        return nudged(System(system.loss, None, *exactly), h=Decimal("1e-11"))


def complex_step(system, h=1e-100):
    """Return the gradient by nudges along the imaginary axis: the imaginary part of f(p + ih) / h.

    Nothing is subtracted, and so nothing cancels, however small h is.
    """
    p = system.p
    steps = ([*p[:k], complex(v, h), *p[k + 1 :]] for k, v in enumerate(p))
    return [at(system, numbers).imag / h for numbers in steps]


def backward(system):
    """Return the gradient that backward() adds up, row by row."""
    p = list(map(Value, system.p))
    for row in system.rows:
        system.loss(p, *row).backward()
    return [v.grad for v in p]


def compiled(system):
    """Return the function that computes the gradient, compiled."""
    p = list(map(Value, system.p))
    program = compile(lambda *row: system.loss(p, *row), p)
    return lambda system: program.sums(system.p, system.rows)[1]


# %% 5. Side by side
WAYS = ["by hand", "nudged", "complex", "backward", "compiled"]


def off(found, right):
    """Return the largest error, as a share of the largest derivative."""
    return float(
        max(abs(Decimal(f) - r) for f, r in zip(found, right, strict=True)) / max(map(abs, right))
    )


def wrong_places(found, right):
    """Return which derivatives are wrong by more than rounding."""
    pairs = enumerate(zip(found, right, strict=True))
    return [k for k, (f, r) in pairs if abs(Decimal(f) - r) > 1e-9]


def timed(f, system, least=0.01):
    """Return f(system), and how many seconds it takes: the fastest of calls for `least` seconds."""
    fastest, end = math.inf, time.perf_counter() + least
    while (start := time.perf_counter()) < end or fastest == math.inf:
        found = f(system)
        fastest = min(fastest, time.perf_counter() - start)
    return found, fastest


def side_by_side(lesson, all_systems, right):
    """Print the errors and the times of all ways."""
    lesson.part("The largest error of each way, as a share of the largest derivative")
    print(f"  {'':<22}{'inputs':>6}" + "".join(f"{way:>10}" for way in WAYS))
    errors, times, same = {}, {}, []
    for name, system in all_systems.items():
        functions = [by_hand, nudged, complex_step, backward, compiled(system)]
        functions[-1](system)  # compiled at the first call
        found, times[name] = zip(*(timed(f, system) for f in functions), strict=True)
        errors[name] = dict(zip(WAYS, (off(g, right[name]) for g in found), strict=True))
        same.append(found[3] == found[4])
        shown = "".join(f"{error:>10.0e}" for error in errors[name].values())
        print(f"  {name:<22}{len(system.p):>6}{shown}", flush=True)

    lesson.claim(
        "backward() is right to 13 digits or more, and so are correct formulas and complex steps",
        all(row[way] < 1e-13 for row in errors.values() for way in WAYS[2:])
        and all(row["by hand"] < 1e-13 for name, row in errors.items() if name != SLIP),
    )
    lesson.claim("what is compiled has the bits of backward()", all(same))
    lesson.claim(
        "a nudge has 8 to 12 digits", all(1e-12 < row["nudged"] < 1e-8 for row in errors.values())
    )
    wrong, slip = wrong_places(by_hand(all_systems[SLIP]), right[SLIP]), errors[SLIP]
    lesson.claim(
        "the slip spoils dE/dw3 and dE/dw4, and a nudge is enough to see it",
        wrong == [2, 3] and slip["by hand"] > 1e6 * slip["nudged"],
    )
    name = "the article's neuron"
    w1, _, b = all_systems[name].p
    stable = [sigmoid(w1 + b) * sigmoid(-w1 - b)]
    lesson.claim(
        "the article's neuron loses two digits in 1 - s, as s is 0.993 there; with sigmoid(-net) "
        "in its place it has them all",
        off(stable, right[name][:1]) < 1e-15 < errors[name]["by hand"],
    )

    lesson.part("Microseconds that it took here")
    print(f"  {'':<22}{'inputs':>6}" + "".join(f"{way:>10}" for way in WAYS))
    for name, row in times.items():
        shown = "".join(f"{seconds * 1e6:>10.0f}" for seconds in row)
        print(f"  {name:<22}{len(all_systems[name].p):>6}{shown}")


# %% 6. The derivatives that the sources print
def as_printed(lesson, all_systems, right):
    """Hold the exact derivatives to those that are known."""
    lesson.part("The derivatives of 34 digits, beside those that were published")
    lesson.figure("Mazur: dE/dw5", "0.082167041", right["Mazur"][4])
    lesson.figure("Mazur: dE/dw1", "0.000438568", right["Mazur"][0])
    pulls = ["-0.105", "0.315", "0.105", "0.105", "0.210"]
    for name, published, ours in zip("abcxy", pulls, right["Karpathy's circuit"], strict=True):
        lesson.figure(f"Karpathy: the pull on {name}", published, ours)
    ng = ["0.146561", "-0.548558", "0.724722", "1.398003"]
    lesson.figure("Ng: dJ/dtheta", ng, right["Ng, regularised"])

    lesson.part("And beside those that were computed apart", column="expected")
    lesson.figure("the neuron, by w1", "0.006648056671", right["the article's neuron"][0])
    for name, expected, ours in zip(
        ("exam 1", "exam 2"), ("-0.15808968977", "-0.14030982200"), right["logistic regression"],
        strict=True,
    ):  # fmt: skip
        lesson.figure(f"logistic regression, {name}", expected, ours)
    lesson.figure("Mazur: dE/dw4", "0.000995425471", right["Mazur"][3])
    lesson.figure("WildML: dW1[0][0]", "12.9097101561", right["WildML, 200 points"][0])
    lesson.figure("WildML: db1[2]", "0.1524858340", right["WildML, 200 points"][8])
    lesson.figure(
        "WildML: db2", ["7.9090668669", "-7.9090668669"], right["WildML, 200 points"][15:]
    )
    slow = float(right["Nielsen's neuron"][0]) * 0.15
    lesson.figure("Nielsen: first step, w = b = 2", "0.002602", slow)
    lesson.figure("Khan: (sin x²)³ at 1", "2.295442203703", right["Khan, (sin x²)³"][0])
    lesson.figure("Khan: √(3x² - x) at 1", "1.767766952966", right["Khan, √(3x² - x)"][0])
    syn = all_systems["Trask, 3-4-1"]
    after = [v - float(g) for v, g in zip(syn.p, right["Trask, 3-4-1"], strict=True)]
    mean = sum(abs(y - trask_forward(after, x)[1]) for x, y in syn.rows) / 4
    lesson.figure("Trask: mean error after a step", "0.4962957889438", mean)
    tests = all_systems["Welch Labs, 2-3-1"]
    up = [v + 3 * float(g) for v, g in zip(tests.p, right["Welch Labs, 2-3-1"], strict=True)]
    lesson.figure("Welch: J at W + 3 dJdW", "0.14937952", at(tests, up))


# %% 7. How small a nudge?
STEPS = range(1, 17)  # h = 10 ** -k


def one_side(f, x, h):
    """Return (f(x + h) - f(x)) / h."""
    return (f(x + h) - f(x)) / h


def both_sides(f, x, h):
    """Return (f(x + h) - f(x - h)) / 2h."""
    return (f(x + h) - f(x - h)) / (2 * h)


def along_i(f, x, h):
    """Return the imaginary part of f(x + ih) / h."""
    return f(complex(x, h)).imag / h


def how_small(lesson, right):
    """Nudge (sin x²)³ at x = 1 by smaller and smaller steps."""
    f = lambda x: chain([x])  # noqa: E731
    with decimal.localcontext(prec=34):
        (slope,) = chain_by_hand([Decimal(1)])
    ways = {"one side": one_side, "both sides": both_sides, "complex": along_i}
    errors = {
        name: [off([way(f, 1.0, 10.0**-k)], [slope]) for k in STEPS] for name, way in ways.items()
    }
    with decimal.localcontext(prec=34):
        digits = [both_sides(f, Decimal(1), Decimal(10) ** -k) for k in STEPS]
    errors["both, 34 digits"] = [off([v], [slope]) for v in digits]
    lesson.part("The error of a nudge by h: (sin x²)³ at x = 1")
    print(f"  {'h':<6}" + "".join(f"{name:>18}" for name in errors))
    for i, k in enumerate(STEPS):
        if k % 2 == 0:
            row = (values[i] for values in errors.values())
            print(f"  1e-{k:<3}" + "".join(f"{error:>18.0e}" for error in row))

    one, both, imaginary, long = errors.values()
    best = [1 + values.index(min(values)) for values in (one, both, long)]
    lesson.claim(
        f"a nudge to one side is best at 1e-{best[0]}, near the root of the rounding, 1.5e-8; to "
        f"both sides at 1e-{best[1]}, near its third root, 6e-6",
        7 <= best[0] <= 9 and 5 <= best[1] <= 6,
    )
    lesson.claim(
        "until then a tenth of h makes a tenth of the error, or with both sides a hundredth",
        9.0 < one[2] / one[3] < 11.0 and 95.0 < both[1] / both[2] < 105.0,
    )
    lesson.claim(
        "then the error grows: the numbers that are subtracted differ in fewer and fewer digits",
        one[-2] > 1e3 * min(one) and both[-2] > 1e6 * min(both),
    )
    lesson.claim(
        "a nudge along the imaginary axis subtracts nothing: it is exact from 1e-8 on",
        max(imaginary[7:]) < 1e-15,
    )
    lesson.claim(
        f"with 34 digits it is best at 1e-{best[2]}, and has 20 of them: the measure of all ways "
        "here was made so, and the formula by hand, in 34 digits, agrees",
        11 <= best[2] <= 12
        and min(long) < 1e-20
        and off(right["Khan, (sin x²)³"], [slope]) < 1e-20,
    )
    kept = {  # what is exact has no place on a logarithmic scale
        name: [(-k, e) for k, e in zip(STEPS, values, strict=True) if e > 0.0]
        for name, values in errors.items()
    }
    lesson.picture("nudge", lambda: curves(
        {name: tuple(zip(*pairs, strict=True)) for name, pairs in kept.items()},
        "How small a nudge? (sin x²)³ at x = 1", "log10 of the step h", "error", log=True,
    ))  # fmt: skip

    x = Value(-2.0)
    abs(x).backward()
    found = along_i(abs, -2.0, 1e-100)
    lesson.claim(
        f"but it takes no corner, as that of |x|: at -2 it says {found:g}, backward() {x.grad:g}",
        x.grad == -1.0 != found,
    )


# %% 8. Forwards or backwards?
PASSES = ["nudges", "forwards", "backwards"]


def network(x, m):
    """Return m outputs of a network with four hidden units; its weights are some numbers."""
    weights = [[math.cos(i + 3 * k) for i in range(len(x))] for k in range(4)]
    hidden = [tanh(dot(x, row)) for row in weights]
    return [tanh(dot(hidden, [math.sin(k + 2 * j) for k in range(4)])) for j in range(m)]


def operations(results):
    """Return how many operations it takes to compute some Values."""
    return len({z for v in results for z in topological_order(v) if z.rule})


def count(n, m):
    """Return the operations of one pass, and those for all m * n derivatives in three ways."""
    f = lambda x: network(x, m)  # noqa: E731
    x = [Value(0.1 * k) for k in range(n)]
    once = operations(f(x))
    forwards = []
    for k in range(n):  # a pass for each input gives the derivatives of all outputs by it
        direction = [float(i == k) for i in range(n)]
        forwards += jvp(f, (x,), (direction,))[1]
    outputs = f(x)
    backwards = [g for y in outputs for g in gradient(y, x)]  # a pass for each output
    return once, [2 * n * once, operations(forwards), operations(backwards)]


def forwards_or_backwards(lesson):
    """Count the operations for many inputs, and for many outputs."""
    counts = {shape: count(*shape) for shape in ((1, 32), (8, 8), (32, 1))}
    lesson.part("Operations for all derivatives of a network with n inputs and m outputs")
    print(f"  {'n':>4}{'m':>4}{'one pass':>12}" + "".join(f"{way:>12}" for way in PASSES))
    for (n, m), (once, row) in counts.items():
        print(f"  {n:>4}{m:>4}{once:>12,}" + "".join(f"{v:>12,}" for v in row))
    (_, many_outputs), _, (once, many_inputs) = counts.values()
    lesson.claim(
        "with one input and many outputs, forward mode (jvp) is cheaper than backward()",
        many_outputs[1] < many_outputs[2],
    )
    lesson.claim(
        "with many inputs and one output, the case of a loss, backward() is: all derivatives cost "
        f"{many_inputs[2] / once:.1f} passes, nudges {many_inputs[0] // once}",
        many_inputs[2] < 3 * once and many_inputs[0] == 64 * once < many_inputs[1],
    )
    ns = range(2, 31, 4)
    growing = list(zip(*(count(n, 1)[1] for n in ns), strict=True))
    lesson.picture("operations", lambda: curves(
        {way: (ns, row) for way, row in zip(PASSES, growing, strict=True)},
        "All derivatives of one output", "inputs", "operations",
    ))  # fmt: skip


# %% Exercises
def check_hand(hand):
    """hand(w, b, x, y): with plain numbers, the derivatives by w and b, a list, of the loss
    log(1 + e^(-y (w x + b))): logistic regression with targets of -1 and +1."""
    for w, b, x, y in ((0.5, -1.0, 2.0, 1.0), (-1.5, 0.25, 3.0, -1.0)):
        p = [Value(w), Value(b)]
        log(1 + exp(-y * (p[0] * x + p[1]))).backward()
        found, right = hand(w, b, x, y), [v.grad for v in p]
        if len(found) != 2 or wrong_places(found, list(map(Decimal, right))):
            return f"at {(w, b, x, y)} backward() finds {right}, not {found}; first e^... by w"
    return None


def check_bend(bend):
    """bend(f, x): the second derivative of f at x by nudges, right to 6 digits, for an f that takes
    plain numbers and computes with the module math. Which h serves?"""
    for x in (0.5, 1.0, 2.0):
        s, c = math.sin(x), math.cos(x)
        found, right = bend(lambda x: math.exp(math.sin(x)), x), (c * c - s) * math.exp(s)
        if not abs(found - right) < 1e-6 * abs(right):
            return f"of e^(sin x) at {x} it is {right:.9f}, not {found}; the slope of the slope"
    return None


def check_modes(modes):
    """modes: "forwards" or "backwards", whichever takes fewer operations, for networks with
    (n, m) = (1, 20), (20, 1) and (20, 2): a list of three."""
    for mode, shape in zip(modes, ((1, 20), (20, 1), (20, 2)), strict=True):
        _, (_, forwards, backwards) = count(*shape)
        if mode != ("forwards" if forwards < backwards else "backwards"):
            return f"for {shape} forwards takes {forwards:,}, backwards {backwards:,}"
    return None


# %% All of it
def main(lesson):
    """Derive everything in every way."""
    all_systems = systems()
    right = {name: exact(system) for name, system in all_systems.items()}
    side_by_side(lesson, all_systems, right)
    as_printed(lesson, all_systems, right)
    how_small(lesson, right)
    forwards_or_backwards(lesson)


if __name__ == "__main__":
    run(main, [check_hand, check_bend, check_modes])
