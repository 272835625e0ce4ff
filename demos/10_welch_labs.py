"""How many hours to sleep and to study: a network trained, checked, kept from overfitting.

    python demos/10_welch_labs.py [--check answers.py]

system: Stephen Welch, "Neural Networks Demystified" (Welch Labs, 2014)
takes: 2 s

The seven parts of the film: data, forward, gradient descent, backpropagation, gradient checking,
training by BFGS, overfitting. Its own runs start from weights that nobody knows; these start from
seed 0 of NumPy, so that they come out the same every time.

ends with: all 29 figures reached
"""

import math

from microgradnet import Value, compile, data, gradcheck, nn, optim
from microgradnet.figures import curves
from microgradnet.functional import dot, sigmoid, total
from microgradnet.lessons import run
from microgradnet.plotting import text_curve
from microgradnet.surfaces import surface

# %% 1. Part 1: hours of sleep and of study, and the score of the test
TRAIN = [((3, 5), 75), ((5, 1), 82), ((10, 2), 93)]
MOST = (10, 5)  # hours; both inputs are divided by the most that there is, and the score by 100


def scaled(tests, most=MOST):
    """Return rows (x, y) of numbers from 0 to 1."""
    return [
        ([hours / top for hours, top in zip(row, most, strict=True)], score / 100)
        for row, score in tests
    ]


# %% 2. Part 2: forward
WEIGHTS = [
    1.7640523460, 0.4001572084, 0.9787379841, 2.2408931992, 1.8675579902, -0.9772778799,  # W1
    0.9500884175, -0.1513572083, -0.1032188518,  # W2
]  # fmt: skip
FIRST = ["0.6739991541", "0.6446156414", "0.6696858329"]  # yHat with these weights


class NeuralNetwork(nn.Module):
    """Two inputs, three hidden units and one output, each a sigmoid, without biases."""

    def __init__(self, seed=0):
        randn = data.LegacyRandom(seed).randn
        self.W1 = [[Value(randn(), f"W1[{i}][{j}]") for j in range(3)] for i in range(2)]
        self.W2 = [Value(randn(), f"W2[{j}]") for j in range(3)]

    def forward(self, x):
        """Return the activity and the activation of each layer."""
        z2 = [dot(x, column) for column in zip(*self.W1, strict=True)]
        a2 = [sigmoid(z) for z in z2]
        z3 = dot(a2, self.W2)
        yHat = sigmoid(z3)  # noqa: N806 - the film's name
        return z2, a2, z3, yHat

    def __call__(self, x):
        return self.forward(x)[-1]


def cost(network, share=1.0, strength=0.0):
    """Return the program of what one test adds to J; J is the sum over all.

    J = sum (y - yHat)^2 / 2, of which part 7 takes the mean, by a `share` of 1 / N for each test,
    and adds `strength` / 2 times the sum of the squared weights.
    """
    weights = network.parameters()

    def of_a_test(x, y):
        squares = total(w * w for w in weights)
        return share * (0.5 * (y - network(x)) ** 2 + 0.5 * strength * squares)

    return compile(of_a_test, weights)


def numbers_of(network):
    """Return the weights of a network, W1 before W2, as numbers."""
    return [w.data for w in network.parameters()]


def forward(lesson):
    """Compare the sigmoid, the first weights and what they predict; draw one prediction."""
    lesson.part("Part 2: forward")
    for z, published in ((-1.0, "0.26894142"), (0.0, "0.5"), (1.0, "0.7310585786")):
        lesson.figure(f"sigmoid({z:g})", published, sigmoid(z))
    network, rows = NeuralNetwork(), scaled(TRAIN)
    lesson.part("With the weights of seed 0", column="expected")
    off = math.dist(WEIGHTS, numbers_of(network))
    lesson.figure("its nine weights, how far off", 0.0, off, 1e-9)
    for (x, _), expected, ((sleep, study), score) in zip(rows, FIRST, TRAIN, strict=True):
        name = f"yHat, {sleep} h sleep, {study} h study, {score} %"
        lesson.figure(name, expected, network(x).data)

    x, y = [Value(0.3, "sleep"), Value(1.0, "study")], 0.75
    z2, a2, z3, yHat = network.forward(x)  # noqa: N806
    J = 0.5 * (y - yHat) ** 2  # noqa: N806
    J.backward()
    lesson.picture("forward.svg", J, names=locals())


# %% 3. Part 3: try everything
YEARS = 1268391679350583.5  # for nine weights, at the film's 0.04 s for a thousand of one


def brute_force(lesson):
    """Try a thousand values of one weight, and count how long all nine would take."""
    network, rows = NeuralNetwork(), scaled(TRAIN)
    program, weights = cost(network), numbers_of(network)
    tried = [-5 + 10 * k / 999 for k in range(1000)]
    found = [program.sums([*weights[:6], w, *weights[7:]], rows) for w in tried]
    costs = [J for J, _ in found]
    slopes = [gradient[6] for _, gradient in found]
    best = costs.index(min(costs))

    lesson.part("Part 3: a thousand values of W2[0], and of all nine weights")
    lesson.claim(
        f"J is lowest at {tried[best]:.2f}, with {costs[best]:.6f}, and there its derivative "
        "changes its sign: it says to which side to go, without trying",
        slopes[best - 1] < 0.0 < slopes[best + 1],
    )
    lesson.figure("years for 1000 ** 9 costs", YEARS, 0.04 * 1000**8 / (3600 * 24 * 365), 0.5)
    lesson.picture("brute_force", lambda: curves(
        {"J": (tried, costs)}, "A thousand values of one weight", "W2[0]", "J",
        marks={"lowest": (tried[best], costs[best])},
    ))  # fmt: skip


# %% 4. Part 4: uphill and downhill
SCALAR = 3.0
HILL = {"J": "0.0521496337", "J uphill": "0.1493795231", "J downhill from there": "0.0132781643"}


def backpropagation(lesson):
    """Take one step along the gradient, and one against that which is found there."""
    network, rows = NeuralNetwork(), scaled(TRAIN)
    program, weights = cost(network), numbers_of(network)
    costs = []
    for direction in (SCALAR, -SCALAR, 0.0):
        J, gradient = program.sums(weights, rows)  # noqa: N806
        costs.append(J)
        weights = [w + direction * g for w, g in zip(weights, gradient, strict=True)]
    lesson.part("Part 4: weights + 3 dJdW, then weights - 3 dJdW", column="expected")
    for (name, expected), J in zip(HILL.items(), costs, strict=True):  # noqa: N806
        lesson.figure(name, expected, J)
    lesson.claim("with the gradient J rises, against it it falls", costs[2] < costs[0] < costs[1])


# %% 5. Part 5: check the gradient
SQUARED = "2.9999999999996696"
EPSILON = 1e-4


def slope(f, x):
    """Return the slope of f at x, from a little below to a little above."""
    return (f(x + EPSILON) - f(x - EPSILON)) / (2 * EPSILON)


def numerical_gradient(f, numbers):
    """Return the slope of f by each of the numbers."""
    return [
        slope(lambda v, k=k: f([*numbers[:k], v, *numbers[k + 1 :]]), number)
        for k, number in enumerate(numbers)
    ]


def gradient_checking(lesson):
    """Nudge each weight, and hold what J does against what backpropagation says."""
    network, rows = NeuralNetwork(), scaled(TRAIN)
    program, weights = cost(network), numbers_of(network)
    lesson.part("Part 5: gradient checking")
    lesson.figure("the slope of x ** 2 at 1.5", SQUARED, slope(lambda x: x**2, 1.5))
    gradient = program.sums(weights, rows)[1]
    nudged = numerical_gradient(lambda numbers: program.sums(numbers, rows)[0], weights)
    apart = math.dist(gradient, nudged) / math.dist(gradient, [-g for g in nudged])
    lesson.claim(
        f"norm(grad - numgrad) / norm(grad + numgrad) is {apart:.1e}, below 1e-8", apart < 1e-8
    )
    report = gradcheck(
        lambda *_: total(0.5 * (y - network(x)) ** 2 for x, y in rows), network.parameters()
    )
    lesson.claim("the library's own check, weight by weight, says the same", bool(report))
    print(report)


# %% 6. Part 6: training
SEEDS = (0, 1, 2, 42)


def train(program, rows):
    """Train by BFGS; return J and the weights before the first step and after each.

    It stops where J is level, or after 200 steps.
    """
    optimizer = optim.BFGS(program.parameters, tolerance=1e-7)

    def here():
        numbers = [w.data for w in program.parameters]
        return program.sums(numbers, rows)[0], numbers

    path = [here()]
    while len(path) <= 200 and len(optimizer.minimise(lambda: program.over(rows), steps=1)) > 1:
        path.append(here())
    return path


def contours(score):
    """Return the picture of a score for all hours, and the three tests in it."""
    return surface(
        score, (0, 10), (0, 5), title="The predicted score, and the three tests",
        x="hours of sleep", y="hours of study", z="score in %",
        marks={f"{reached} %": hours for hours, reached in TRAIN},
    )  # fmt: skip


def training(lesson):
    """Train on the three tests, and predict the score for any hours."""
    rows = scaled(TRAIN)
    network = NeuralNetwork()
    costs = [J for J, _ in train(cost(network), rows)]
    ends = [train(cost(NeuralNetwork(seed)), rows)[-1][0] for seed in SEEDS]
    lesson.part(f"Part 6: training, here in {len(costs) - 1} steps of BFGS; there it took 57")
    lesson.figure("J", "0.000000", costs[-1])
    listed = ", ".join(map(str, SEEDS))
    lesson.claim(f"from each of the seeds {listed} J ends below 1e-9", max(ends) < 1e-9)
    lesson.part("What it predicts, within 0.001", column="scored")
    for (x, y), ((sleep, study), _) in zip(rows, TRAIN, strict=True):
        lesson.figure(f"yHat, {sleep} h sleep, {study} h study", y, network(x).data, 0.001)
    print(f"\n{text_curve(costs, height=7, title='J')}")

    predict = compile(network)
    score = lambda sleep, study: 100 * predict([sleep / 10, study / 5])  # noqa: E731
    print("\nThe predicted score in %; to the right 0 to 10 hours of sleep")
    for study in range(5, -1, -1):
        print(f"  {study} h study" + "".join(f"{score(sleep, study):6.0f}" for sleep in range(11)))
    lesson.picture("training", lambda: curves(
        {"J": (range(len(costs)), costs)}, "Training by BFGS", "step", "J", log=True
    ))  # fmt: skip
    lesson.picture("scores", lambda: contours(score))


# %% 7. Part 7: overfitting, and how to prevent it
MORE = [*TRAIN, ((6, 1.5), 70)]
TESTS = [((4, 5.5), 70), ((4.5, 1), 89), ((9, 2.5), 85), ((6, 2), 75)]
LAMBDA = 0.0001
REGULARISED = "0.002618"  # the J that the film reaches
MEANS = "0.002109", "0.002700"  # of J alone, without the weights: for training, and for testing


def train_more(strength, seed=0):
    """Train on the four tests as train() does, with J of part 7."""
    rows = scaled(MORE)
    return train(cost(NeuralNetwork(seed), 1 / len(rows), strength), rows)


def size(numbers):
    """Return the sum of the squares."""
    return sum(w * w for w in numbers)


def overfitting(lesson):
    """Train with and without a penalty on large weights, and test both on other nights."""
    rows, tests = scaled(MORE), scaled(TESTS)
    plain = cost(NeuralNetwork())
    mean = lambda numbers, some: plain.sums(numbers, some)[0] / len(some)  # noqa: E731
    free, kept = train_more(0.0), train_more(LAMBDA)
    ends = [train_more(LAMBDA, seed)[-1][0] for seed in range(6)]

    lesson.part("Part 7: the lowest J with lambda = 0.0001")
    lesson.figure("J", REGULARISED, kept[-1][0], tolerance=5e-6)
    apart = [J for J in ends if abs(J - float(REGULARISED)) > 5e-6]
    others = ", ".join(f"{J:.6f}" for J in apart)
    lesson.claim(f"5 or more of 6 seeds end there; the others at {others or '-'}", len(apart) <= 1)
    curve = {
        f"{what}{name}": [mean(numbers, some) for _, numbers in path]
        for name, path in (("", free), (", lambda", kept))
        for what, some in (("training", rows), ("testing", tests))
    }
    free_train, free_test, kept_train, kept_test = (means[-1] for means in curve.values())
    lesson.part("Its parts, from seed 0", column="expected")
    lesson.figure("mean cost, training", MEANS[0], kept_train, tolerance=2e-5)
    lesson.figure("mean cost, testing", MEANS[1], kept_test, tolerance=2e-5)

    sizes = [size(path[-1][1]) for path in (free, kept)]
    gaps = free_test - free_train, kept_test - kept_train
    mistaken = mean(kept[-1][1], scaled(TESTS, most=(1, 1)))
    lesson.part("What lambda does, from seed 0")
    lesson.claim(
        f"the test cost falls from {free_test:.6f} to {kept_test:.6f}", kept_test < free_test
    )
    lesson.claim(
        f"it is {gaps[0]:.6f} above the training cost without lambda, {gaps[1]:.6f} with it",
        gaps[1] < gaps[0],
    )
    lesson.claim(
        f"the sum of squared weights falls to less than a tenth, from {sizes[0]:.0f} to "
        f"{sizes[1]:.1f}",
        10 * sizes[1] < sizes[0],
    )
    lesson.claim(
        "the film's notebook divides the hours of the tests by the most of hours that are "
        f"divided already, so by 1: with that the test cost here would be "
        f"{mistaken:.6f}, not {kept_test:.6f}",
        mistaken > 2 * kept_test,
    )
    lesson.picture("overfitting", lambda: curves(
        {name: (range(len(means)), means) for name, means in curve.items()},
        "The mean cost, with and without lambda = 0.0001", "step", "mean cost",
    ))  # fmt: skip


# %% Exercises
def check_sigmoid_prime(sigmoid_prime):
    """sigmoid_prime(z): the derivative of the sigmoid at the number z, written by hand."""
    for z in (-2.0, 0.0, 0.7):
        right, found = slope(sigmoid, z), sigmoid_prime(z)
        if abs(found - right) > 1e-7:
            return f"at {z} a nudge says {right:.6f}, not {found}"
    return None


def check_gradient_w2(gradient_w2):
    """gradient_w2(y, yHat, a2): with plain numbers, dJ/dW2 of one test, the list of three that the
    film writes as a2 times delta3, where J = (y - yHat)^2 / 2 and yHat is the sigmoid of a2 W2."""
    network = NeuralNetwork()
    x, y = scaled(TRAIN)[0]
    _, a2, _, yHat = network.forward(x)  # noqa: N806
    (0.5 * (y - yHat) ** 2).backward()
    found = gradient_w2(y, yHat.data, [a.data for a in a2])
    for k, (one, w) in enumerate(zip(found, network.W2, strict=True)):
        if abs(one - w.grad) > 1e-9:
            return f"by W2[{k}] it is {w.grad:.9f}, not {one}; the slope is yHat * (1 - yHat)"
    return None


def check_strength(strength):
    """strength: a lambda with which the sum of squared weights in part 7 ends between 6 and 8."""
    found = size(train_more(strength)[-1][1])
    return None if 6.0 < found < 8.0 else f"with {strength} it ends at {found:.2f}"


# %% All of it
def main(lesson):
    """Go through the seven parts."""
    forward(lesson)
    brute_force(lesson)
    backpropagation(lesson)
    gradient_checking(lesson)
    training(lesson)
    overfitting(lesson)


if __name__ == "__main__":
    run(main, [check_sigmoid_prime, check_gradient_w2, check_strength])
