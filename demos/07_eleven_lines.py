"""Eleven lines of Python that learn, how far each step should go, and where it breaks.

    python demos/07_eleven_lines.py [--full] [--check answers.py]

system: Andrew Trask, "A Neural Network in 11 lines of Python", parts 1 and 2 (2015)
takes: 7 s, with --full 22 s

Two and three layers of sigmoids, trained with the derivatives that the engine finds; then what the
post tries out with the rate alpha and the size of the hidden layer, its ball in a bucket, and the
error as a surface over two weights. By default the network of 32 hidden nodes takes 10,000 steps,
and with --full all the 50,000 of which the post prints the error.

ends with: all 80 figures reached
"""

from collections import Counter
from itertools import pairwise

from microgradnet import Value, compile
from microgradnet.data import LegacyRandom
from microgradnet.figures import curves
from microgradnet.functional import dot, mean, total
from microgradnet.lessons import run
from microgradnet.plotting import text_curve
from microgradnet.surfaces import surface

X = [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
FIRST_COLUMN = [0.0, 0.0, 1.0, 1.0]  # two layers can learn this
XOR = [0.0, 1.0, 1.0, 0.0]  # of the first two columns; this takes a hidden layer
TABLE = list(zip(X, XOR, strict=True))


# %% 1. The eleven lines; the two that worked out the deltas by hand are left to the engine
def eleven_lines(steps):
    """Return the four outputs after so many steps."""
    random = LegacyRandom(1)
    syn0 = [[Value(2 * random.random() - 1) for _ in range(4)] for _ in range(3)]
    syn1 = [Value(2 * random.random() - 1) for _ in range(4)]

    def l2(x):
        l1 = [dot(x, column).sigmoid() for column in zip(*syn0, strict=True)]
        return dot(l1, syn1).sigmoid()

    weights = [w for row in [*syn0, syn1] for w in row]
    descend = compile(lambda: total(0.5 * (y - l2(x)) ** 2 for x, y in TABLE), weights)
    for _ in range(steps):
        descend()  # adds each slope to the grad of its weight
        for w in weights:
            w.data, w.grad = w.data - w.grad, 0.0
    return [l2(x).data for x in X]


# %% 2. The same for any number of layers, with what the post measures on its way
def synapses(*sizes):
    """Return the weights between each two layers, drawn as after np.random.seed(1)."""
    random = LegacyRandom(1)
    return [
        [[Value(2 * random.random() - 1, f"syn{k}[{i},{j}]") for j in range(n)] for i in range(m)]
        for k, (m, n) in enumerate(pairwise(sizes))
    ]


def leaves(syn):
    """Return all weights in one list: row by row, syn0 before syn1."""
    return [w for matrix in syn for row in matrix for w in row]


def forward(layer, syn):
    """Return the output for one row of inputs."""
    for matrix in syn:
        layer = [dot(layer, column).sigmoid() for column in zip(*matrix, strict=True)]
    return layer[0]


def half_squares(syn, inputs, targets):
    """Return E, half the sum of the squared errors: its slopes are the post's deltas."""
    rows = zip(inputs, targets, strict=True)
    return total(0.5 * (forward(x, syn) - y) ** 2 for x, y in rows)


def train(syn, inputs, targets, steps, alpha=1.0, at=()):
    """Take steps of alpha down the slopes; the weights stay in syn.

    Return the outputs by the number of steps before them, for 0 and those of `at`; and how often
    the slope of each weight changed its sign.
    """
    weights = leaves(syn)
    slopes_at = compile(lambda: half_squares(syn, inputs, targets), weights).value_and_grad
    outputs_of = compile(lambda: [forward(x, syn) for x in inputs])
    numbers = [w.data for w in weights]
    outputs = {0: outputs_of()}
    changes, before = [0] * len(weights), None
    for j in steps:
        _, slopes = slopes_at(numbers)
        numbers = [w - alpha * slope for w, slope in zip(numbers, slopes, strict=True)]
        upwards = [slope < 0.0 for slope in slopes]
        if before and upwards != before:
            changes = [n + (a != b) for n, a, b in zip(changes, upwards, before, strict=True)]
        before = upwards
        if j + 1 in at:
            assign(numbers, weights)
            outputs[j + 1] = outputs_of()
    assign(numbers, weights)
    return outputs, changes


def assign(numbers, weights):
    """Put the numbers into the weights."""
    for w, number in zip(weights, numbers, strict=True):
        w.data = number


def error(outputs, targets):
    """Return the mean of |error|, which is what the post prints."""
    return mean(abs(out - y) for out, y in zip(outputs, targets, strict=True))


# %% 3. Part 1 of the post: two layers, and three
PRINTED = ["0.00966449", "0.00786506", "0.99358898", "0.99211957"]
TWO_FIRST = ["0.2689863987", "0.3637505753", "0.2376281737", "0.3262756985"]
TWO_WEIGHTS = ["9.672993028", "-0.207843499", "-4.629636688"]
TWO_ERRORS = {0: "0.5172082754", 10: "0.2986661019", 100: "0.0910435437", 1000: "0.0260702597",
              9999: "0.0079552494"}  # fmt: skip
SYN = ["-0.165955990595", "0.440648986884", "-0.999771250365", "-0.395334854736",
       "-0.706488218366", "-0.815322810462", "-0.627479577245", "-0.308878545914",
       "-0.206465051539", "0.077633468007", "-0.161610971193", "0.370439000794",
       "-0.591095500537", "0.756234872782", "-0.945224813604", "0.340935020357"]  # fmt: skip
THREE_ERRORS = {1: "0.4962957889438", 10: "0.4951740109247", 100: "0.4579323652102",
                1000: "0.0429846478107"}  # fmt: skip
THREE_OUTPUTS = ["0.00260572", "0.99672209", "0.99701711", "0.00386759"]


def two_layers(lesson):
    """Train the first network of the post, and draw its graph for one row."""
    syn = synapses(3, 1)
    inputs = [Value(x, f"x{k}") for k, x in enumerate(X[3])]
    graph = half_squares(syn, [inputs], [FIRST_COLUMN[3]])
    graph.backward()
    lesson.picture("two_layers.svg", graph, names={"E": graph})

    outputs, _ = train(syn, X, FIRST_COLUMN, range(10_000), at=TWO_ERRORS)
    lesson.part("Two layers: the output after training, in step 9,999")
    lesson.figure("l1", PRINTED, outputs[9999])
    lesson.part("On its way", column="expected")
    lesson.figure("l1 at first", TWO_FIRST, outputs[0])
    for j, expected in TWO_ERRORS.items():
        lesson.figure(f"mean |error|, step {j:,}", expected, error(outputs[j], FIRST_COLUMN))
    lesson.figure("syn0 at the end", TWO_WEIGHTS, [w.data for w in leaves(syn)])


def three_layers(lesson):
    """Run the eleven lines whole, and the first steps of the same network."""
    lesson.part("Three layers: the output of the eleven lines in step 59,999", "expected")
    lesson.figure("l2", THREE_OUTPUTS, eleven_lines(59_999))
    syn = synapses(3, 4, 1)
    off = max(abs(w.data - float(v)) for w, v in zip(leaves(syn), SYN, strict=True))
    lesson.claim("syn0 and syn1 are drawn as NumPy draws them, to 12 digits", off < 1e-12)
    outputs, _ = train(syn, X, XOR, range(1000), at=range(1001))
    for j, expected in THREE_ERRORS.items():
        name = f"mean |error| after {j:,}"
        lesson.figure(name, expected, error(outputs[j], XOR), tolerance=1e-10)
    curve = [error(outputs[j], XOR) for j in range(1, 1001)]
    print(text_curve(curve, 60, 8, "mean |error|"))


# %% 4. Part 2: the rate alpha, and the size of the hidden layer
ALPHAS = (0.001, 0.01, 0.1, 1, 10, 100, 1000)
EVERY = (10_000, 20_000, 30_000, 40_000, 50_000)
AT_FIRST = {4: "0.496410031903", 32: "0.496439922501"}
ERRORS = {  # hidden nodes -> alpha -> mean |error| after EVERY so many steps
    4: {
        0.001: "0.495164025493 0.493596043188 0.491606358559 0.489100166544 0.485977857846",
        0.01: "0.457431074442 0.359097202563 0.239358137159 0.143070659013 0.0985964298089",
        0.1: "0.0428880170001 0.0240989942285 0.0181106521468 0.0149876162722 0.0130144905381",
        1: "0.00858452565325 0.00578945986251 0.00462917677677 0.00395876528027 0.00351012256786",
        10: "0.00312938876301 0.00214459557985 0.00172397549956 0.00147821451229 0.00131274062834",
        100: "0.125476983855 0.125330333528 0.125267728765 0.12523107366 0.125206352756",
        1000: "0.5 0.5 0.5 0.5 0.5",
    },
    32: {
        0.001: "0.491049468129 0.484976307027 0.477830678793 0.46903846539 0.458029258565",
        0.01: "0.356379061648 0.146939845465 0.0880156127416 0.065147819275 0.0529658087026",
        0.1: "0.0305404908386 0.0190638725334 0.0147643907296 0.0123892429905 0.0108421669738",
        1: "0.00736052234249 0.00497251705039 0.00396863978159 0.00338641021983 0.00299625684932",
        10: "0.00224922117381 0.00153852153014 0.00123717718456 0.00106119569132 0.000942641990774",
        100: "0.5 0.5 0.5 0.5 0.5",
        1000: "0.5 0.5 0.5 0.5 0.5",
    },
}
# Where steps are so long that they jump about, what is rounded in the first of them decides where
# the last one ends: these rows come near to the published ones, and no more.
JUMPY = {(4, 100): 1e-8, (4, 1000): 1e-4, (32, 10): 5e-5, (32, 100): 1e-4, (32, 1000): 1e-4}
CHANGES = {  # of the sign of each slope in 60,000 steps: syn0 row by row, then syn1
    0.001: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1],
    0.01: [1, 1, 0, 0, 2, 0, 0, 2, 4, 2, 1, 1, 2, 1, 0, 1],
    0.1: [1, 1, 0, 0, 2, 0, 0, 2, 4, 2, 1, 1, 2, 1, 0, 1],
    1: [1, 1, 0, 0, 2, 0, 0, 2, 4, 2, 1, 1, 2, 1, 0, 1],
    10: [7, 19, 2, 6, 7, 2, 0, 22, 19, 26, 9, 17, 22, 15, 4, 15],
    100: [8, 7, 3, 2, 13, 8, 2, 4, 16, 13, 12, 8, 13, 11, 12, 10],
    1000: [3, 2, 4, 1, 1, 2, 2, 1, 6, 6, 4, 1, 7, 7, 7, 3],
}
WEIGHTS = ["4.6013571", "4.17197193", "-6.30956245", "-4.19745118",
           "-2.58413484", "-5.81447929", "-6.60793435", "-3.68396123",
           "0.97538679", "-2.02685775", "2.52949751", "5.84371739",
           "-6.96765763", "7.14101949", "-10.31917382", "7.86128405"]  # fmt: skip


def experiment(lesson, hidden, steps):
    """Train with each alpha; return {alpha: (mean |error| by steps, changes, weights)}."""
    found = {}
    every = range(0, steps + 1, 500)
    for alpha in ALPHAS:
        syn = synapses(3, hidden, 1)
        going = lesson.progress(range(steps), f"{hidden} hidden, alpha {alpha}, step")
        outputs, changes = train(syn, X, XOR, going, alpha, at=every)
        errors = {j: error(outs, XOR) for j, outs in outputs.items()}
        found[alpha] = errors, changes, [w.data for w in leaves(syn)]
    return found


def table(lesson, hidden, found, shown):
    """Compare the errors after so many steps as `shown` has."""
    lesson.figure("after 0", AT_FIRST[hidden], found[1][0][0])
    for alpha in ALPHAS:
        row = dict(zip(EVERY, ERRORS[hidden][alpha].split(), strict=True))
        tolerance = JUMPY.get((hidden, alpha), 1e-11)
        for j in shown:
            name = f"alpha {alpha}, after {j:,}"
            lesson.figure(name, row[j], found[alpha][0][j], tolerance)


def four_hidden(lesson):
    """Find the best alpha, and see by the changes of direction why it is that."""
    found = experiment(lesson, 4, 60_000)
    lesson.part("4 hidden nodes: the mean |error| with each alpha")
    table(lesson, 4, found, EVERY if lesson.full else (10_000, 50_000))
    last = {alpha: errors[50_000] for alpha, (errors, _, _) in found.items()}
    lesson.claim("10 is the best alpha", min(last, key=last.get) == 10)
    lesson.claim("0.001 hardly moves it", found[0.001][0][0] - last[0.001] < 0.02)
    lesson.claim("1,000 sits at 0.5", abs(last[1000] - 0.5) < 1e-9)
    lesson.picture("alphas", lambda: curves(
        {f"alpha {alpha}": (list(errors), list(errors.values()))
         for alpha, (errors, _, _) in found.items()},
        "4 hidden nodes", "step", "mean |error|", log=True,
    ))  # fmt: skip

    lesson.part("Alpha 1 after 60,000 steps: the weights, and how often their slopes turned round")
    _, changes, weights = found[1]
    for k in range(4):
        name = "syn1" if k == 3 else "syn0" if k == 0 else ""
        row = slice(4 * k, 4 * k + 4)
        numbers = "".join(f"{w:>14.8f}" for w in weights[row])
        print(f"  {name:<6}{numbers}   {''.join(f'{n:>3}' for n in changes[row])}")
    off = max(abs(w - float(v)) for w, v in zip(weights, WEIGHTS, strict=True))
    lesson.claim("the 16 weights are the published ones, to all their 8 decimals", off < 5.1e-9)
    lesson.part("How often the slopes of all 16 weights turned round in 60,000 steps")
    for alpha, published in CHANGES.items():
        lesson.figure(f"alpha {alpha}", sum(published), sum(found[alpha][1]))
    same = all(found[alpha][1] == published for alpha, published in CHANGES.items())
    lesson.claim("each of the 112 counts is the published one", same)
    turned = {alpha: sum(changes) for alpha, (_, changes, _) in found.items()}
    size = {alpha: max(map(abs, weights)) for alpha, (_, _, weights) in found.items()}
    lesson.claim("a tiny alpha: they almost never turned", turned[0.001] < 10)
    lesson.claim("the best alpha: a ton of times", max(turned, key=turned.get) == 10)
    lesson.claim("a huge one: a medium amount", turned[1] < turned[1000] < turned[10])
    lesson.claim("a tiny alpha, small weights; a huge one, huge weights: "
                 f"the largest are {size[0.001]:.1f} and {size[1000]:.0f}",
                 size[0.001] < 2 and size[1000] > 50)  # fmt: skip
    return min(last.values())


def many_hidden(lesson, best_of_four):
    """See whether 32 hidden nodes do better than 4."""
    found = experiment(lesson, 32, 50_000 if lesson.full else 10_000)
    lesson.part("32 hidden nodes")
    table(lesson, 32, found, EVERY if lesson.full else EVERY[:1])
    if lesson.full:
        best = min(errors[50_000] for errors, _, _ in found.values())
        lesson.claim(f"the best error is {best:.4f}, that of 4 nodes {best_of_four:.4f}",
                     best < 0.001 < best_of_four)  # fmt: skip
    else:
        ours, four = found[10][0][10_000], float(ERRORS[4][10].split()[0])
        lesson.claim(f"with alpha 10, {ours:.4f} is less than the {four:.4f} of 4", ours < four)


# %% 5. Part 2: the ball in the bucket, and the error as a surface
def roll(slopes_at, start, alpha, steps):
    """Return the places of a ball that goes alpha times the slope downhill at each step."""
    places = [start]
    for _ in range(steps):
        _, (slope,) = slopes_at(places[-1:])
        places.append(places[-1] - alpha * slope)
    return places


def bucket(shape):
    """Return what gives (height, [slope]) at [x]."""
    ball = Value(0.0, "x")
    return compile(lambda: shape(ball), [ball]).value_and_grad


def round_bucket(x):
    """Return the height of the bucket at x."""
    return x**2


def hilly_bucket(x):
    """Return the height of a bucket with hills in it."""
    return (x / 10) ** 2 - x.cos()


ROLLS = {0.1: "0.2147483648", 0.75: "0.001953125", 1.0: "2.0", 1.1: "12.3834728448"}


def ball_in_a_bucket(lesson):
    """Let a ball roll with four alphas, and a hundred balls between hills."""
    lesson.part("A ball in the bucket y = x², from x = 2: where it is after ten steps", "expected")
    slopes_at = bucket(round_bucket)
    paths = {alpha: roll(slopes_at, 2.0, alpha, 10) for alpha in ROLLS}
    for alpha, expected in ROLLS.items():
        lesson.figure(f"alpha {alpha}", expected, paths[alpha][-1], tolerance=1e-9)
    lesson.claim("alpha 0.1 goes down on one side", min(paths[0.1]) > 0.0)
    lesson.claim("alpha 0.75 overshoots, and settles", -1.5 < min(paths[0.75]) < 0.0)
    lesson.claim("alpha 1 swings from side to side for ever", set(paths[1.0]) == {2.0, -2.0})
    lesson.claim("alpha 1.1 lands higher each time: it diverges",
                 all(abs(b) > abs(a) for a, b in pairwise(paths[1.1])))  # fmt: skip
    xs = [k / 20 for k in range(-80, 81)]
    drawn = {"the bucket": (xs, [x**2 for x in xs])}
    for alpha in (0.1, 0.75, 1.1):
        path = [x for x in paths[alpha] if abs(x) < 4.0]
        drawn[f"alpha {alpha}"] = path, [x**2 for x in path]
    lesson.picture("bucket", lambda: curves(
        drawn, "A ball in a bucket", "x", "height", marks={"start": (2.0, 4.0)}
    ))  # fmt: skip

    random = LegacyRandom(1)
    slopes_at = bucket(hilly_bucket)
    starts = [30 * random.random() - 15 for _ in range(100)]
    ends = Counter(round(roll(slopes_at, x, 0.5, 200)[-1], 6) + 0.0 for x in starts)
    lesson.part("A hundred balls in a bucket with hills")
    for x, balls in sorted(ends.items()):
        print(f"  {balls:>4} end at {x:7.3f}")
    lesson.claim("they end up in only 5 positions", len(ends) == 5)
    xs = [k / 10 for k in range(-160, 161)]
    height = {x: slopes_at([x])[0] for x in (*xs, *ends)}
    lesson.picture("hills", lambda: curves(
        {"the bucket": (xs, [height[x] for x in xs])}, "Where a hundred balls end", "x", "height",
        marks={f"{balls} at {x:.1f}": (x, height[x]) for x, balls in ends.items()},
    ))  # fmt: skip


TWO_INPUTS = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
BALL_OUTPUTS = ["0.00505119", "0.00505119", "0.99494905", "0.99494905"]
BALL_WEIGHTS = ["5.283166181", "-5.283118157"]


def error_surface(lesson):
    """Train the network of two weights, and draw its way down the surface of its error."""
    syn = synapses(2, 1)
    weights = leaves(syn)
    slopes_at = compile(lambda: half_squares(syn, TWO_INPUTS, FIRST_COLUMN), weights).value_and_grad
    path = [[w.data for w in weights]]
    for _ in range(10_000):
        _, slopes = slopes_at(path[-1])
        path.append([w - slope for w, slope in zip(path[-1], slopes, strict=True)])
    assign(path[-2], weights)
    lesson.part("Two weights: the output in step 9,999, and the weights after it", "expected")
    lesson.figure("l1", BALL_OUTPUTS, [forward(x, syn).data for x in TWO_INPUTS])
    lesson.figure("syn0", BALL_WEIGHTS, path[-1])
    shown = [path[j] for j in (0, 1, 2, 5, 10, 20, 50, 100, 1000, 10_000)]
    lesson.picture("surface", lambda: surface(
        lambda w1, w2: slopes_at([w1, w2])[0], (-10, 10), (-10, 10), shown,
        "The error over the two weights, and 10,000 steps", "syn0[0,0]", "syn0[1,0]",
    ))  # fmt: skip


# %% Exercises
def check_network(network):
    """network(X, y, syn0, syn1, steps): the eleven lines again, from memory. From lists of floats
    (syn0 has 3 rows of 4, syn1 has 4) it makes the four outputs after so many steps with alpha 1,
    in plain Python or with Values. It is to reach the errors that the lesson has after 0, 1 and
    1,000 steps."""
    hints = {
        0: "before any step the output is sigmoid(l1 . syn1), where l1 is sigmoid(X . syn0)",
        1: "in one step, syn0 and syn1 both move along the slopes at the weights before it",
        1000: "all four rows go into every step, and steps start where the last one ended",
    }
    for steps, hint in hints.items():
        syn0, syn1 = synapses(3, 4, 1)
        rows = [[w.data for w in row] for row in syn0]
        found = network([[*x] for x in X], [*XOR], rows, [row[0].data for row in syn1], steps)
        ours, right = error(map(float, found), XOR), float({**THREE_ERRORS, 0: AT_FIRST[4]}[steps])
        if not abs(ours - right) < 1e-9:
            return f"after {steps} steps the mean |error| is {right}, not {ours}: {hint}"
    return None


def check_alpha(alpha):
    """alpha: a rate that is better than the post's best one. With 4 hidden nodes the mean |error|
    after 10,000 steps is to be below 0.002, where alpha 10 has 0.0031."""
    outputs, _ = train(synapses(3, 4, 1), X, XOR, range(10_000), alpha, at=[10_000])
    found = error(outputs[10_000], XOR)
    return None if found < 0.002 else f"with {alpha} it is {found:.6f}; look on both sides of it"


def check_swing(swing):
    """swing: the alpha with which a ball swings from side to side for ever in a bucket three times
    as steep, y = 3x². Predict it."""
    first, second = roll(bucket(lambda x: 3 * x**2), 1.0, swing, 2)[1:]
    if abs(first + 1) < 1e-9 and abs(second - 1) < 1e-9:
        return None
    return f"with {swing} a ball at 1 goes to {first:.4g} and {second:.4g}; the slope there is 6"


# %% All of it
def main(lesson):
    """Go through both parts of the post."""
    two_layers(lesson)
    three_layers(lesson)
    best = four_hidden(lesson)
    many_hidden(lesson, best)
    ball_in_a_bucket(lesson)
    error_surface(lesson)


if __name__ == "__main__":
    run(main, [check_network, check_alpha, check_swing])
