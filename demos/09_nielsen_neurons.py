"""Neurons that decide, that saturate, that stack up to any function, and that starve when deep.

    python demos/09_nielsen_neurons.py [--full] [--check answers.py]

system: Michael Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1, 3, 4 and 5
takes: 5 s, with --full 90 s

The experiments of the book that need no images: perceptrons as logic gates, one neuron that learns
slowly because it is badly wrong, bumps that add up to any curve, and the vanishing gradient. The
digits are in lesson 9b.

ends with: all 77 figures reached
"""

import math
import random
import textwrap
from itertools import pairwise, product

from microgradnet import Value, compile, explain, fit, functional, grad, gradient, losses, nn, optim
from microgradnet.data import load, one_hot
from microgradnet.figures import curves
from microgradnet.lessons import run
from microgradnet.surfaces import surface

# %% 1. Perceptrons: weigh the evidence, and decide
CORNERS = list(product((0, 1), repeat=2))  # 00, 01, 10, 11


def perceptron(w, b, x):
    """Return 1 where w . x + b is above 0, else 0."""
    return int(functional.step(functional.dot(w, x) + b))


def festival(weather, company, station, threshold):
    """Return whether to go to the cheese festival: the weather weighs most."""
    return perceptron((6, 2, 2), -threshold, (weather, company, station))


def nand(x1, x2):
    """Return not (x1 and x2): from these gates alone any computer can be built."""
    return perceptron((-2, -2), 3, (x1, x2))


def half_adder(x1, x2):
    """Return the sum bit and the carry bit of x1 + x2."""
    both = nand(x1, x2)
    return nand(nand(x1, both), nand(x2, both)), nand(both, both)


SIGMOID_NAND = ["0.9526", "0.7311", "0.7311", "0.2689"]


def decide(lesson):
    """Print what perceptrons compute, and what becomes of NAND when the step is a sigmoid."""
    lesson.part("1. Perceptrons", column="expected")
    choices = list(product((0, 1), repeat=3))
    lesson.claim(
        "with threshold 5 only the weather decides",
        all(festival(*x, threshold=5) == x[0] for x in choices),
    )
    lesson.claim(
        "with threshold 3 good company and a near station together do as well",
        all(festival(*x, threshold=3) == (x[0] or (x[1] and x[2])) for x in choices),
    )
    print("\n  x1 x2   NAND   sum  carry")
    for x in CORNERS:
        print("  {:2} {:2} {:6} {:5} {:6}".format(*x, nand(*x), *half_adder(*x)))
    lesson.claim("NAND is 1, 1, 1, 0", [nand(*x) for x in CORNERS] == [1, 1, 1, 0])
    lesson.claim(
        "five NANDs add two bits",
        all(s + 2 * carry == sum(x) for x in CORNERS for s, carry in [half_adder(*x)]),
    )
    smooth = [functional.sigmoid(functional.dot((-2, -2), x) + 3) for x in CORNERS]
    for x, expected, ours in zip(CORNERS, SIGMOID_NAND, smooth, strict=True):
        lesson.figure("the sigmoid neuron NAND of {} {}".format(*x), expected, ours)
    sharp = [functional.sigmoid(100 * (functional.dot((-2, -2), x) + 3)) for x in CORNERS]
    lesson.claim(
        "times 100, weights and bias make it a perceptron again",
        all(abs(a - nand(*x)) < 1e-40 for a, x in zip(sharp, CORNERS, strict=True)),
    )


# %% 2. One neuron: input 1, desired output 0. Is it quick to learn when it is badly wrong?
INPUT = 1.0
STARTS = {"0.6/0.9": (0.6, 0.9), "2/2": (2.0, 2.0)}  # w and b: bad, and worse
COSTS = {  # of the output a, where 0 is desired
    "quadratic": lambda a: a**2 / 2,
    "cross-entropy": lambda a: -(1 - a).log(),
}
EPOCHS = 300


def learn(cost, start, eta, as_drawn=False):
    """Return (w, b, output, cost) before each epoch, and after the last.

    As drawn in the book w and b move by dC/da, the rate of the output, not by their own.
    """

    def neuron(w, b):
        a = (w * INPUT + b).sigmoid()
        C = COSTS[cost](a)  # noqa: N806 - the book's name
        return [a, C, *gradient(C, [a, a] if as_drawn else [w, b])]

    program = compile(neuron)
    w, b = start
    path = []
    for _ in range(EPOCHS + 1):
        a, C, dw, db = program(w, b)  # noqa: N806
        path.append((w, b, a, C))
        w, b = w - eta * dw, b - eta * db
    return path


READ = {  # the outputs that the book's figures show, at (cost, start) after so many epochs
    ("quadratic", "0.6/0.9"): {0: "0.82", 300: "0.09"},
    ("quadratic", "2/2"): {0: "0.98", 300: "0.20"},
}
OUTPUTS = {  # computed apart from this project, all with eta = 0.15
    ("quadratic", "0.6/0.9"): {
        0: "0.817574", 50: "0.387010", 100: "0.210996", 200: "0.123747", 300: "0.093956",
    },
    ("quadratic", "2/2"): {
        0: "0.982014", 50: "0.975933", 100: "0.964131", 200: "0.788736", 250: "0.357212",
        300: "0.202848",
    },
    ("cross-entropy", "0.6/0.9"): {50: "0.079215", 300: "0.011638"},
    ("cross-entropy", "2/2"): {50: "0.098504", 300: "0.012009"},
}  # fmt: skip
WEIGHTS = {  # after 300 epochs on the quadratic cost
    "0.6/0.9": ("-1.283132", "-0.983132"), "2/2": ("-0.684293", "-0.684293"),
}  # fmt: skip
FIRST_STEPS = {  # of w, divided by eta for the cross-entropy: there it is the output itself
    ("quadratic", "0.6/0.9"): "0.018291", ("quadratic", "2/2"): "0.002602",
    ("cross-entropy", "0.6/0.9"): "0.8176", ("cross-entropy", "2/2"): "0.9820",
}  # fmt: skip
ETA = 0.15


def saturate(lesson):
    """Train the neuron on both costs from both starts, and compare."""
    paths = {(cost, start): learn(cost, STARTS[start], ETA) for cost, start in OUTPUTS}
    lesson.part("2. The saturating neuron: its output, from w/b, as the book's figures show it")
    for (cost, start), figures in READ.items():
        for epoch, published in figures.items():
            name = f"{cost} {start}, epoch {epoch}"
            lesson.figure(name, published, paths[cost, start][epoch][2])
    lesson.part("The same, to more digits", column="expected")
    for (cost, start), figures in OUTPUTS.items():
        for epoch, expected in figures.items():
            name = f"{cost} {start}, epoch {epoch}"
            lesson.figure(name, expected, paths[cost, start][epoch][2])
    for start, pair in WEIGHTS.items():
        for k, expected in enumerate(pair):
            lesson.figure(
                f"{'wb'[k]} from {start}, epoch 300", expected, paths["quadratic", start][-1][k]
            )

    lesson.part("The first step of w", column="expected")
    steps = {}
    for (cost, start), expected in FIRST_STEPS.items():
        before, after = paths[cost, start][:2]
        steps[cost, start] = (before[0] - after[0]) / (1.0 if cost == "quadratic" else ETA)
        unit = "" if cost == "quadratic" else " / eta"
        lesson.figure(f"{cost} {start}{unit}", expected, steps[cost, start])
    bad, worse = STARTS
    lesson.claim(
        "the quadratic cost learns slowest where it is most wrong",
        steps["quadratic", worse] < steps["quadratic", bad],
    )
    lesson.claim(
        "the cross-entropy learns fastest where it is most wrong",
        steps["cross-entropy", worse] > steps["cross-entropy", bad],
    )
    slow = paths["quadratic", worse]
    lesson.claim(
        "from 2/2 the first 150 epochs on the quadratic cost are slow, the next are not",
        slow[0][2] - slow[150][2] < 0.1 < 0.5 < slow[150][2] - slow[300][2],
    )
    read_off(lesson)

    w, b = Value(2.0, "w"), Value(2.0, "b")
    z = w * INPUT + b
    a = z.sigmoid()
    C = COSTS["quadratic"](a)  # noqa: N806
    print("\nWhy it is slow: sigma'(z) stands in the product, and is small where a is near 1")
    print(explain(C, w, names={"w": w, "z": z, "a": a, "C": C}))
    C.backward()
    lesson.picture("neuron.svg", C, names={"b": b, "z": z, "a": a, "C": C})
    for cost in COSTS:
        lesson.picture(cost, lambda cost=cost: curves(
            {f"w/b = {start}": (range(EPOCHS + 1), [row[3] for row in paths[cost, start]])
             for start in STARTS},
            f"A saturated neuron on the {cost} cost", "epoch", "cost",
        ))  # fmt: skip


# ---- the learning rate in the text, and the one in the figure ----------------------------------
DRAWN = {  # the output as the book draws it, computed apart from this project
    "0.6/0.9": {50: "0.4933", 100: "0.2987", 300: "0.0404"},
    "2/2": {50: "0.5857", 300: "0.0479"},
}


def read_off(lesson):
    """Show that the book's cross-entropy figures are not what its learning rate gives."""
    bad, worse = STARTS
    true = {start: learn("cross-entropy", STARTS[start], 0.005)[-1] for start in STARTS}
    drawn = {start: learn("cross-entropy", STARTS[start], 0.005, True) for start in STARTS}
    lesson.part("The cross-entropy with the eta = 0.005 of the text, after 300 epochs")
    lesson.erratum(
        f"output from {bad}", "0.04", true[bad][2], "0.417679",
        "the figure was drawn with the rate of the output, dC/da = 1/(1 - a), for w and b: the "
        "factor sigma'(z) is left out",
    )  # fmt: skip
    lesson.part("As drawn: w and b move by 0.005 / (1 - a)", column="read off")
    for k, published in enumerate(("-1.73", "-1.43", "0.040")):
        name = ("w", "b", "output")[k]
        lesson.figure(f"{name} from {bad}, epoch 300", published, drawn[bad][-1][k])
    lesson.part("Both, to more digits", column="expected")
    lesson.figure(f"true {bad}, epoch 300", "0.417679", true[bad][2])
    lesson.figure(f"true {worse}, epoch 300", "0.779587", true[worse][2])
    for start, figures in DRAWN.items():
        for epoch, expected in figures.items():
            lesson.figure(f"drawn {start}, epoch {epoch}", expected, drawn[start][epoch][2])
    lesson.figure(f"w drawn {bad}, epoch 300", "-1.7343", drawn[bad][-1][0])
    lesson.figure(f"b drawn {bad}, epoch 300", "-1.4343", drawn[bad][-1][1])


# %% 3. Any function: a steep sigmoid is a step, two steps are a bump, and bumps are a curve
STEPS = {(8, -4): "0.5", (100, -40): "0.4", (999, -400): "0.4004"}  # (w, b) -> s = -b / w
DEVIATIONS = {5: "0.0916", 10: "0.0554", 20: "0.0230", 50: "0.0086"}  # pairs -> mean |deviation|
XS = [k / 1000 for k in range(1001)]


def f(x):
    """Return what the network is to compute: the book's "complicated, wiggly function"."""
    return 0.2 + 0.4 * x**2 + 0.3 * x * math.sin(15 * x) + 0.05 * math.cos(50 * x)


def bumps(steps, heights, w):
    """Return a network of pairs of hidden neurons, each a bump of a height between two steps.

    Its output is linear: the book's "weighted output from the hidden layer".
    """
    model = nn.MLP(1, [2 * len(heights), 1], activation="sigmoid", seed=0)
    hidden, (out,) = model.layers[0].neurons, model.layers[1].neurons
    for k, (pair, height) in enumerate(zip(pairwise(steps), heights, strict=True)):
        for i, s, h in ((2 * k, pair[0], height), (2 * k + 1, pair[1], -height)):
            hidden[i].w[0].data, hidden[i].b.data = w, -w * s
            out.w[i].data = h
    return model


def lookup(pairs, w):
    """Return the network of bumps as high as f in their middles: a table of f.

    The outermost steps lie outside, so that the first and the last bump stand whole at 0 and 1.
    """
    inner = [k / pairs for k in range(1, pairs)]
    return bumps([-0.01, *inner, 1.01], [f((k + 0.5) / pairs) for k in range(pairs)], w)


def outputs(model):
    """Return what the network computes at all XS."""
    return compile(model).map(([x],) for x in XS)


def deviation(model):
    """Return its mean distance from f."""
    return math.fsum(abs(y - f(x)) for x, y in zip(XS, outputs(model), strict=True)) / len(XS)


def tower(x, y):
    """Return the book's tower over two inputs: two bumps of height 10, held against 3/2 of it."""
    h = 10.0

    def bump(v, left, right):
        return functional.sigmoid(300 * (v - left)) - functional.sigmoid(300 * (v - right))

    return functional.sigmoid(h * bump(x, 0.3, 0.7) + h * bump(y, 0.3, 0.7) - 1.5 * h)


def build(lesson):
    """Build f from bumps by hand, then let gradient descent place them."""
    lesson.part("3. Any function: steps and bumps")
    for (w, b), published in STEPS.items():
        lesson.figure(f"w = {w}, b = {b}: a step at", published, -b / w)
    halves = [functional.sigmoid(w * (-b / w) + b) for w, b in STEPS]
    lesson.claim("there the neurons give 1/2", all(abs(a - 0.5) < 1e-12 for a in halves))
    model = bumps([0.4, 0.6], [0.8], 1000.0)
    ys = dict(zip(XS, outputs(model), strict=True))
    lesson.claim(
        "two neurons with weights 0.8 and -0.8 are a bump of height 0.8 from 0.4 to 0.6",
        all(abs(y - 0.8 * (0.4 < x < 0.6)) < 1e-3
            for x, y in ys.items() if min(abs(x - 0.4), abs(x - 0.6)) > 0.01),
    )  # fmt: skip
    lesson.part("The function, and the network's mean deviation from it", column="expected")
    for x, expected in ((0.0, "0.25"), (0.5, "0.49026014"), (1.0, "0.84333465")):
        lesson.figure(f"f({x:g})", expected, f(x))
    tables = {pairs: lookup(pairs, 2000.0 if pairs == 50 else 1000.0) for pairs in DEVIATIONS}
    found = {pairs: deviation(table) for pairs, table in tables.items()}
    for pairs, expected in DEVIATIONS.items():
        lesson.figure(f"{pairs} pairs of hidden neurons", expected, found[pairs])
    lesson.claim("more neurons come nearer", all(a > b for a, b in pairwise(found.values())))

    model = lookup(5, 50.0)  # softer: the gradient of a hard step is 0 nearly everywhere
    placed = deviation(model)
    rows = [([x], f(x)) for x in XS[::10]]
    program = compile(lambda x, y: losses.mean_squared_error(model(x), y), model.parameters())

    def closure():
        model.zero_grad()
        return program.over(rows)

    optim.BFGS(model.parameters()).minimise(closure, steps=100)
    trained = deviation(model)
    print(f"\n  5 pairs, placed by hand with w = 50: {placed:.4f}; trained: {trained:.4f}")
    lesson.claim("training makes it less than half", trained < placed / 2)
    clear = [v for v in XS[::20] if min(abs(v - 0.3), abs(v - 0.7)) > 0.015]  # of the walls
    lesson.claim(
        "with two inputs, four neurons and a threshold are a tower: 1 on a square, 0 elsewhere",
        all(
            abs(tower(x, y) - (0.3 < x < 0.7 and 0.3 < y < 0.7)) < 0.01
            for x, y in product(clear, repeat=2)
        ),
    )
    series = {"f": (XS, list(map(f, XS))), "5 pairs, trained": (XS, outputs(model))}
    series |= {f"{pairs} pairs": (XS, outputs(tables[pairs])) for pairs in (5, 20)}
    lesson.picture("universality", lambda: curves(series, "Bumps add up to any function", "x", "y"))
    lesson.picture("tower", lambda: surface(
        tower, (0, 1), (0, 1), title="A tower of four hidden neurons"
    ))  # fmt: skip


# %% 4. Deep networks: the gradient vanishes on its way back
NORMS = {  # hidden layers of 30 -> the book's lengths of their dC/db, on 1,000 MNIST images
    2: (0.07, 0.31), 3: (0.012, 0.060, 0.283), 4: (0.003, 0.017, 0.070, 0.285),
}  # fmt: skip


def chain(w, b, a0):
    """Return [z1, a1, z2, a2, ...] of neurons one after another."""
    values, a = [], a0
    for weight, bias in zip(w, b, strict=True):
        z = weight * a + bias
        a = z.sigmoid()
        values += [z, a]
    return values


def bound(w):
    """Return how wide a range of inputs can be where |w sigma'(w a + b)| is 1 or more (eq. 123)."""
    return 2 / w * functional.log(w * (1 + functional.sqrt(1 - 4 / w)) / 2 - 1)


def deep(hidden, seed):
    """Return a network of so many hidden layers, initialised as network2.py does."""
    rng = random.Random(seed)
    model = nn.MLP(64, [30] * hidden + [10], activation="sigmoid", init="lecun", seed=rng)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = rng.gauss(0, 1)
    return model


def cross_entropy(z, y):
    """Return the book's cost: a sum over the output neurons sigma(z)."""
    return functional.total(map(losses.binary_cross_entropy, z, y))


def speeds(model):
    """Return the lengths of dC/db for the hidden layers, of the grads as they are."""
    return [math.hypot(*(n.b.grad for n in layer.neurons)) for layer in model.layers[:-1]]


def first_speeds(model, rows):
    """Return the speeds before any training, of the mean cost of all rows."""
    biases = [n.b for layer in model.layers for n in layer.neurons]
    compile(lambda x, y: cross_entropy(model(x), y), biases).over(rows)
    return [speed / len(rows) for speed in speeds(model)]


def vanish(lesson):
    """Follow the gradient back through chains and through layers."""
    lesson.part("4. Four neurons, one after another")
    one_chain(lesson)
    lesson.part("The width of the range where a neuron does not shrink the gradient")
    w = 6.0
    for _ in range(20):  # Newton's method: where is the slope of the bound 0?
        w -= grad(bound)(w) / grad(grad(bound))(w)
    lesson.figure("at the best weight", "6.9", w)
    lesson.figure("its bound", "0.45", bound(w))
    lesson.part("The same, to more digits", column="expected")
    lesson.figure("at the best weight", "6.894", w)
    lesson.figure("its bound", "0.447743", bound(w))

    print("\nThe speed of learning of each hidden layer, the length of dC/db, at the start:")
    print("the book's on MNIST, 784 pixels; ours on 1,000 digits of 64 pixels")
    table = load("digits")
    rows = [
        ([p / 16 for p in point], one_hot(digit, 10))
        for point, digit in zip(table.points[:1000], table.targets[:1000], strict=True)
    ]
    found = {hidden: first_speeds(deep(hidden, seed=0), rows) for hidden in NORMS}
    for hidden, published in NORMS.items():
        for whose, numbers in (("the book's", published), ("ours", found[hidden])):
            listed = "  ".join(f"{number:.3f}" for number in numbers)
            print(f"  {hidden} hidden layers, {whose:<11} {listed}")
    lesson.claim(
        "in each of these networks earlier layers learn more slowly",
        all(first < second for ours in found.values() for first, second in pairwise(ours)),
    )

    rows = rows if lesson.full else rows[:100]
    model, history = deep(2, seed=0), []
    fit(
        model, cross_entropy, rows, optim.SGD(model.parameters(), lr=0.1),
        epochs=500 if lesson.full else 100, callbacks=lambda epoch: history.append(speeds(model)),
        progress="lines" if lesson.full else None,
    )  # fmt: skip
    lesson.claim(
        f"through all {len(history)} epochs of training the first layer learns more slowly",
        all(first < second for first, second in history),
    )
    lesson.picture("vanishing", lambda: curves(
        {f"hidden layer {k + 1}": (range(1, len(history) + 1), [row[k] for row in history])
         for k in range(2)},
        "The speed of learning of two hidden layers", "epoch", "|dC/db|", log=True,
    ))  # fmt: skip


def one_chain(lesson):
    """Multiply out dC/db1 of the simplest deep network; let it explode, too."""
    rng = random.Random(0)
    w = [Value(rng.gauss(0, 1), f"w{k}") for k in range(1, 5)]
    b = [Value(rng.gauss(0, 1), f"b{k}") for k in range(1, 5)]
    values = chain(w, b, 1.0)
    for k, v in enumerate(values):
        v.label = f"{'za'[k % 2]}{k // 2 + 1}"
    C = values[-1] ** 2 / 2  # noqa: N806
    C.label = "C"
    print(textwrap.fill(str(explain(C, b[0])), 80, subsequent_indent="    "))
    slopes = [grad(functional.sigmoid)(z.data) for z in values[::2]]
    later = [weight.data for weight in w[1:]]
    lesson.claim(
        "dC/db1 is sigma'(z1) w2 sigma'(z2) w3 sigma'(z3) w4 sigma'(z4) dC/da4",
        math.isclose(gradient(C, [b[0]])[0].data, math.prod([*slopes, *later, values[-1].data])),
    )
    C.backward()
    lesson.picture("chain.svg", C)

    program = compile(lambda *wb: [
        abs(g) for g in gradient(chain(wb[:4], wb[4:], 1.0)[-1], wb[4:])
    ])  # fmt: skip
    trials = [program(*(rng.gauss(0, 1) for _ in range(8))) for _ in range(1000)]
    share = sum(d[0] < d[2] / 16 for d in trials) / len(trials)
    print(f"\n  of 1,000 chains with random weights, {share:.0%} have dC/db1 < dC/db3 / 16")
    lesson.claim("dC/db1 is usually a factor of 16 or more smaller than dC/db3", share > 0.5)

    big, a, biases = 100.0, 1.0, []
    for _ in range(4):  # the bias makes every z 0, and so every sigma'(z) 1/4
        biases.append(-big * a)
        a = 0.5
    slopes = program(*[big] * 4, *biases)
    lesson.figure("w = 100, z = 0: dC/db1 / dC/db2", 25.0, slopes[0] / slopes[1], 1e-9)
    lesson.claim("and so on: it explodes", all(
        math.isclose(x, 25 * y) for x, y in pairwise(slopes)
    ))  # fmt: skip


# %% Exercises
def check_xor(xor):
    """xor(x1, x2): from NAND gates alone, 1 where one of two bits is 1; write your own nand."""
    for x in CORNERS:
        if xor(*x) != sum(x) % 2:
            return f"of {x} it is to be {sum(x) % 2}, not {xor(*x)}; the half adder has it in it"
    return None


def check_bits(bits):
    """bits: (weights, biases) of four sigmoid neurons that write a digit in binary, the highest bit
    first: four lists of ten weights, and four biases. Their ten inputs are outputs of the old
    layer: 0.99 or more for the right digit, 0.01 or less for the others."""
    weights, biases = bits
    for digit in range(10):
        x = [0.99 if k == digit else 0.01 for k in range(10)]
        found = [functional.dot(w, x) + b > 0 for w, b in zip(weights, biases, strict=True)]
        if found != [bool(digit >> k & 1) for k in (3, 2, 1, 0)]:
            return (
                f"{digit} comes out as {[int(bit) for bit in found]}; which digits have that bit?"
            )
    return None


def check_identity(identity):
    """identity: (w1, b, w2) of a hidden neuron that does nothing: w2 (sigma(w1 x + b) - 1/2) is
    x - 1/2, to 0.001, for all x from 0 to 1 (the next bias takes up the constants)."""
    w1, b, w2 = identity
    off = max(abs(w2 * (functional.sigmoid(w1 * x + b) - 0.5) - (x - 0.5)) for x in XS)
    return None if off < 1e-3 else f"off by {off:.2g}; take w1 small, and see sigma'(0)"


def check_bump(bump):
    """bump(x, s1, s2, h): of plain numbers, with two sigmoid neurons of weight 1000, a bump."""
    for x, expected in ((0.3, 0.0), (0.5, 0.7), (0.9, 0.0), (0.4, 0.35)):
        if abs(bump(x, 0.4, 0.6, 0.7) - expected) > 1e-9:
            return f"bump({x}, 0.4, 0.6, 0.7) is {expected}, not {bump(x, 0.4, 0.6, 0.7)}"
    return None


# %% All of it
def main(lesson):
    """Go through the four chapters."""
    decide(lesson)
    saturate(lesson)
    build(lesson)
    vanish(lesson)


if __name__ == "__main__":
    run(main, [check_xor, check_bits, check_identity, check_bump])
