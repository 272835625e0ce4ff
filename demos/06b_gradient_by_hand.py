"""A gradient derived by hand, a slip in it that two checks find, and the networks after it.

    python demos/06b_gradient_by_hand.py [--full] [--check answers.py]

system: Per Harald Borgen's NeuralNetworkNoob, SimpleNeuralNetwork, TheanoNeuralNetwork (2016)
takes: 5 s, with --full 18 s

The article's author published the networks that he learnt on: three times the same question, who of
100 students is admitted after two exams. First he derives the gradient by himself, as Mazur does,
then in Trask's matrices, then he leaves it to a library. The first one has an h1 where an h2 should
be; the network learns all the same, and so nobody saw it.

ends with: all 50 figures reached
"""

from microgradnet import Value, compile, gradcheck, optim
from microgradnet.boundaries import decision_boundary
from microgradnet.data import LegacyRandom, load
from microgradnet.figures import curves
from microgradnet.functional import dot, sigmoid, total
from microgradnet.lessons import run
from microgradnet.plotting import text_map


# %% 1. The data: two exams, each scaled to [-1, 1]; 70 students to learn from, 30 to test
def scaled(column):
    """Return the column with its least number at -1, and its largest at 1."""
    low, high = min(column), max(column)
    return [2 * (v - low) / (high - low) - 1 for v in column]


EXAMS = load("exam_scores")
POINTS = list(zip(*map(scaled, zip(*EXAMS.points, strict=True)), strict=True))
STUDENTS = list(zip(POINTS, map(float, EXAMS.targets), strict=True))
TRAIN, TEST = STUDENTS[:70], STUDENTS[70:]
SEEDS = (0, 1, 2)  # his programs have none: each run begins elsewhere


# %% 2. NeuralNetworkNoob: Mazur's network, and its gradient by hand
NAMES = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"]


def forward(w, b, inputs):
    """Return out_h1, out_h2, out_o1 and out_o2, of numbers or of Values."""
    w1, w2, w3, w4, w5, w6, w7, w8 = w
    b1, b2 = b
    i1, i2 = inputs
    out_h1 = sigmoid(w1 * i1 + w2 * i2 + b1)
    out_h2 = sigmoid(w3 * i1 + w4 * i2 + b1)
    out_o1 = sigmoid(w5 * out_h1 + w6 * out_h2 + b2)
    out_o2 = sigmoid(w7 * out_h1 + w8 * out_h2 + b2)
    return out_h1, out_h2, out_o1, out_o2


def squared_error(w, b, inputs, target):
    """Return E, half the sum of the squared errors of the two outputs."""
    _, _, out_o1, out_o2 = forward(w, b, inputs)
    t1, t2 = target
    return 0.5 * (t1 - out_o1) ** 2 + 0.5 * (t2 - out_o2) ** 2


def by_hand(w, b, inputs, target, slip="h2"):
    """Return dE/dw1 to dE/dw8; the slip is in the line of h2, as his, or of h1, or in none ("")."""
    _, _, _, _, w5, w6, w7, w8 = w
    i1, i2 = inputs
    t1, t2 = target
    out_h1, out_h2, out_o1, out_o2 = forward(w, b, inputs)

    dE_net_o1 = (out_o1 - t1) * out_o1 * (1 - out_o1)  # noqa: N806 - dE/dnet_o1, in Mazur's names
    dE_net_o2 = (out_o2 - t2) * out_o2 * (1 - out_o2)  # noqa: N806

    # Both hidden units are heard in both outputs, so that their E comes back along two paths.
    dE1_out_h1, dE2_out_h1 = dE_net_o1 * w5, dE_net_o2 * w7  # noqa: N806
    dE1_out_h2, dE2_out_h2 = dE_net_o1 * w6, dE_net_o2 * w8  # noqa: N806
    dE_out_h1 = dE1_out_h1 + (dE2_out_h2 if slip == "h1" else dE2_out_h1)  # noqa: N806
    dE_out_h2 = dE1_out_h2 + (dE2_out_h1 if slip == "h2" else dE2_out_h2)  # noqa: N806

    dE_net_h1 = dE_out_h1 * out_h1 * (1 - out_h1)  # noqa: N806
    dE_net_h2 = dE_out_h2 * out_h2 * (1 - out_h2)  # noqa: N806
    return [
        dE_net_h1 * i1, dE_net_h1 * i2, dE_net_h2 * i1, dE_net_h2 * i2,
        dE_net_o1 * out_h1, dE_net_o1 * out_h2, dE_net_o2 * out_h1, dE_net_o2 * out_h2,
    ]  # fmt: skip


def wrong(found, right):
    """Return the names of the weights whose derivatives differ."""
    rows = zip(NAMES, found, right, strict=True)
    return [name for name, one, other in rows if abs(one - other) > 1e-9]


# %% 3. Two checks that find the slip
MAZUR = (  # his weights, biases, inputs and targets, of which the derivatives are known
    [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55], [0.35, 0.60], (0.05, 0.10), (0.01, 0.99),
)  # fmt: skip
DERIVATIVES = ["0.000438567734", "0.000877135469", "0.000497712735", "0.000995425471",
               "0.082167041", "0.082667628", "-0.022602540", "-0.022740242"]  # fmt: skip


def leaves(w):
    """Return the weights as Values."""
    return [Value(number, name) for number, name in zip(w, NAMES, strict=True)]


def first_network(seed):
    """Return eight weights and two biases as he draws them, and what draws."""
    random = LegacyRandom(seed)
    return [random.random() for _ in range(8)], [random.random() for _ in range(2)], random


def one_hot(admitted):
    """Return the targets of the two outputs: admitted, and not admitted."""
    return (1.0, 0.0) if admitted else (0.0, 1.0)


def on_mazurs_numbers(lesson):
    """Compare the gradient by hand with the known one, and the engine's with that of his line."""
    lesson.part("By hand on Mazur's numbers, without the slip", column="expected")
    right = by_hand(*MAZUR, slip="")
    for name, expected, ours in zip(NAMES, DERIVATIVES, right, strict=True):
        lesson.figure(f"dE/d{name}", expected, ours)

    lesson.part("With the slip, and by the engine", column="by his line")
    w, *others = MAZUR
    weights = leaves(w)
    squared_error(weights, *others).backward()
    slipped = by_hand(*MAZUR)
    why = "dE_out_h2 = dE1_out_h2 + dE2_out_h1 should end in dE2_out_h2"
    for k in (2, 3):
        ours = weights[k].grad
        lesson.erratum(f"dE/d{NAMES[k]}", f"{slipped[k]:.9f}", ours, DERIVATIVES[k], why)


def compare(w, b):
    """Return the weights that are wrong for any student, and for how many w3 has the wrong sign."""
    weights = leaves(w)
    program = compile(lambda x, t: squared_error(weights, b, x, t), weights)
    spoiled, turned = set(), 0
    for inputs, admitted in STUDENTS:
        target = one_hot(admitted)
        his = by_hand(w, b, inputs, target)
        _, right = program.value_and_grad(w, inputs, target)
        spoiled.update(wrong(his, right))
        turned += his[2] * right[2] < 0.0
    return spoiled, turned


def on_students(lesson):
    """Hold his gradient against finite differences, and against the engine's."""
    w, b, _ = first_network(seed=1)
    weights = leaves(w)
    inputs, admitted = STUDENTS[0]
    first = b, inputs, one_hot(admitted)

    def error(*w):
        return squared_error(w, *first)

    lesson.part("The first student: by hand, by the engine, and by differences (gradcheck)")
    by_him = gradcheck(error, weights, gradient=by_hand(w, *first))
    by_engine = gradcheck(error, weights)
    print(f"  {'':<8}{'by hand':>14}{'by engine':>14}{'differences':>14}")
    for his, ours in zip(by_him.derivatives, by_engine.derivatives, strict=True):
        numbers = "".join(f"{v:>14.8f}" for v in (his.analytic, ours.analytic, ours.numeric))
        print(f"  dE/d{his.name:<4}{numbers}{'' if his.agrees else '  <- wrong'}")
    found = [his.name for his in by_him.derivatives if not his.agrees]
    lesson.claim("his w3 and w4 disagree with the differences, no other", found == ["w3", "w4"])
    lesson.claim("all eight of the engine agree", bool(by_engine))
    biases = [Value(number, f"b{k}") for k, number in enumerate(b, 1)]
    exams = [Value(number, f"i{k}") for k, number in enumerate(inputs, 1)]
    graph = squared_error(weights, biases, exams, one_hot(admitted))
    graph.backward()
    lesson.picture("network.svg", graph, names={"E": graph})

    lesson.part("All 100 students: his gradient, checked by the engine's")
    spoiled, _ = compare(w, b)
    lesson.claim("it spoils w3 and w4, which lead to h2, and no other", spoiled == {"w3", "w4"})


def learn(seed, slip, steps=10_000):
    """Return E after every 1,000 steps, and the network; each step takes a student by random."""
    w, b, random = first_network(seed)
    errors = []
    for step in range(steps + 1):
        if step % 1000 == 0:
            mean = sum(squared_error(w, b, x, one_hot(y)) for x, y in TRAIN) / len(TRAIN)
            errors.append(mean)
        inputs, admitted = TRAIN[int(random.random() * len(TRAIN))]
        slopes = by_hand(w, b, inputs, one_hot(admitted), slip)
        w = [v - 0.1 * slope for v, slope in zip(w, slopes, strict=True)]
    return errors, w, b


def score_of_two(w, b):
    """Return how many of the 30 students to test are told right, by both outputs."""
    answers = [tuple(map(round, forward(w, b, x)[2:])) for x, _ in TEST]
    return sum(answer == one_hot(y) for answer, (_, y) in zip(answers, TEST, strict=True))


def nobody_saw_it(lesson):
    """Train with the slip and without it, on the same students in the same order."""
    lesson.part("Why nobody saw it: E while it learns, with the slip and without it (seed 1)")
    his, *his_network = learn(1, "h2")
    right, *right_network = learn(1, "")
    his_score, right_score = score_of_two(*his_network), score_of_two(*right_network)
    print(f"  {'step':>12}{'with':>12}{'without':>12}")
    for k in range(0, len(his), 2):
        print(f"  {k * 1000:>12,}{his[k]:>12.4f}{right[k]:>12.4f}")
    print(f"  {'score':>12}{his_score:>9}/30{right_score:>9}/30")
    lesson.claim("it learns all the same, to the same score", his_score == right_score >= 25)
    lesson.claim("but takes longer", his[4] > right[3] and his[3] > right[2])
    _, turned = compare(*his_network)
    print(f"  At its end dE/dw3 has the wrong sign for {turned} of 100 students.")
    lesson.claim("for most of them it pushes w3 uphill", turned > 50)
    steps = range(0, 11_000, 1000)
    lesson.picture("slip", lambda: curves(
        {"with the slip": (steps, his), "without it": (steps, right)},
        "NeuralNetworkNoob, seed 1", "step", "E, mean of 70 students",
    ))  # fmt: skip


# %% 4. SimpleNeuralNetwork: 2-3-1 without a bias, all students in each step, rate 1
def layer(x, weights):
    """Return sigmoid(x . weights): these have a row per input and a column per unit, as NumPy's."""
    return [dot(x, column).sigmoid() for column in zip(*weights, strict=True)]


def matrix(name, rows, columns, draw):
    """Return a matrix of Values, drawn row by row."""
    return [[Value(draw(), f"{name}[{i},{j}]") for j in range(columns)] for i in range(rows)]


class SimpleNetwork:
    """pernet.py: weights from -1 to 1; `half` is that of its loss, half the squared error."""

    def __init__(self, seed, half=0.5):
        random = LegacyRandom(seed)
        self.weights_0 = matrix("weights_0", 2, 3, lambda: 2 * random.random() - 1)
        self.weights_1 = matrix("weights_1", 3, 1, lambda: 2 * random.random() - 1)
        self.parameters = [w for row in self.weights_0 + self.weights_1 for w in row]
        self.answer = compile(self.forward)
        self.loss = compile(
            lambda: total(half * (y - self.forward(x)) ** 2 for x, y in TRAIN), self.parameters
        )

    def forward(self, x):
        """Return the output for one student."""
        l1 = layer(x, self.weights_0)
        return layer(l1, self.weights_1)[0]

    def train(self, steps, alpha=1.0, at=()):
        """Take steps; return the mean |error| before those of `at`, and the loss before each."""
        optimizer = optim.SGD(self.parameters, lr=alpha)
        errors, losses = {}, []
        for j in steps:
            if j in at:
                errors[j] = sum(abs(y - self.answer(x)) for x, y in TRAIN) / len(TRAIN)
            losses.append(self.loss())
            optimizer.step()
            optimizer.zero_grad()
        return errors, losses


def score(answer):
    """Return how many of the 30 students to test are told right."""
    return sum(round(answer(x)) == y for x, y in TEST)


SIMPLE = {  # mean |error| before step j: for seeds 0, 1, 2
    0: ("0.483372", "0.491705", "0.503687"), 1: ("0.517969", "0.512575", "0.510435"),
    10: ("0.156071", "0.168195", "0.182237"), 100: ("0.102072", "0.107464", "0.107281"),
    1000: ("0.085064", "0.085527"),
}  # fmt: skip
SWINGS = ("0.081296", "0.083725")  # seed 2, before steps 1,000 and 1,001
SIMPLE_SCORES = (25, 29, 29)


def simple(lesson):
    """Train the network of pernet.py from three seeds, and print what it prints."""
    steps = 80_001 if lesson.full else 20_001
    printed = range(0, steps, 10_000)
    networks = [SimpleNetwork(seed) for seed in SEEDS]
    runs = [
        network.train(
            lesson.progress(range(steps), f"seed {seed}, step"), at={*SIMPLE, 1001, *printed}
        )
        for seed, network in zip(SEEDS, networks, strict=True)
    ]
    scores = [score(network.answer) for network in networks]

    lesson.part("SimpleNeuralNetwork, as it prints: a column for each of the seeds 0, 1, 2")
    for j in printed:
        print("  Error:" + "".join(f"{errors[j]:>14.6f}" for errors, _ in runs))
    print("  ratio:" + "".join(f"{found / len(TEST):>14.4f}" for found in scores))
    lesson.part("Its mean error before a step", column="expected")
    for j, row in SIMPLE.items():
        for seed, expected in enumerate(row):
            lesson.figure(f"seed {seed}, step {j:,}", expected, runs[seed][0][j])
    swings = sorted(runs[2][0][j] for j in (1000, 1001))
    for name, expected, ours in zip(("lower", "higher"), SWINGS, swings, strict=True):
        lesson.figure(f"seed 2, the {name} of two", expected, ours, tolerance=2e-5)
    print("    (of steps 1,000 and 1,001: with rate 1 it swings across the valley there,")
    print("    and rounding decides on which side it is at step 1,000)")
    for seed, expected, found in zip(SEEDS, SIMPLE_SCORES, scores, strict=True):
        lesson.figure(f"seed {seed}: of 30, after {steps:,} steps", expected, found)

    lesson.part("What it has learnt (seed 2)")

    def classify(x):
        return round(networks[2].answer(x))

    print(text_map(classify, POINTS, EXAMS.targets, 60, 16, ["not admitted", "admitted"]))
    lesson.picture("simple_boundary", lambda: decision_boundary(
        lambda x: networks[2].answer(x), POINTS, EXAMS.targets, ["not admitted", "admitted"],
        ["exam 1, scaled", "exam 2, scaled"],
    ))  # fmt: skip
    every = range(0, steps, 50)
    lesson.picture("simple", lambda: curves(
        {f"seed {seed}": (every, [losses[j] / len(TRAIN) for j in every])
         for seed, (_, losses) in enumerate(runs)},
        "SimpleNeuralNetwork", "step", "loss, mean of 70 students", log=True,
    ))  # fmt: skip


# %% 5. TheanoNeuralNetwork: a library derives; 2-3-1 with biases, a step for each student, rate 0.1
class TheanoNetwork:
    """run.py: weights from 0 to 1, of which the last row of each layer is the biases."""

    def __init__(self, seed):
        random = LegacyRandom(seed)
        self.theta1 = matrix("theta1", 3, 3, random.random)
        self.theta2 = matrix("theta2", 4, 1, random.random)
        parameters = [w for row in self.theta1 + self.theta2 for w in row]
        self.answer = compile(self.forward)
        self.cost = compile(lambda x, y: (self.forward(x) - y) ** 2, parameters)
        self.optimizer = optim.SGD(parameters, lr=0.1)

    def forward(self, x):
        """Return the output for one student."""
        hid1 = layer([*x, 1.0], self.theta1)
        return layer([*hid1, 1.0], self.theta2)[0]

    def train(self):
        """Take a step for each student; return the cost of the last."""
        for x, y in TRAIN:
            cost = self.cost(x, y)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return cost


COSTS = {  # mean squared error after so many rounds: for seeds 0, 1, 2
    1: ("0.24673", "0.24294", "0.24023"), 10: ("0.17086", "0.17348", "0.17089"),
    100: ("0.063", "0.063", "0.063"),
}  # fmt: skip
THEANO_SCORES = {  # of 30, after so many rounds
    1: [24, 24, 24], 10: [28, 27, 27], 100: [25, 25, 25], 300: [27, 25, 27], 2000: [29, 30, 28],
}  # fmt: skip
TRAIN_SCORES = {1: 36, 10: 64, 100: 65, 300: 66, 2000: 70}  # of 70, for each seed


def theano(lesson):
    """Train the network of run.py from three seeds, and print what it prints."""
    rounds = 2000 if lesson.full else 300
    networks = [TheanoNetwork(seed) for seed in SEEDS]
    printed, found, costs, trained = {}, {}, {}, {}
    for i in lesson.progress(range(rounds), "round"):
        last = [network.train() for network in networks]
        if i % 500 == 0:
            printed[i] = last
        if i + 1 in THEANO_SCORES:
            answers = [network.answer for network in networks]
            found[i + 1] = list(map(score, answers))
            trained[i + 1] = [sum(round(f(x)) == y for x, y in TRAIN) for f in answers]
            costs[i + 1] = [sum((f(x) - y) ** 2 for x, y in TRAIN) / len(TRAIN) for f in answers]

    lesson.part("TheanoNeuralNetwork, as it prints: a column for each of the seeds 0, 1, 2")
    for last in printed.values():
        print("  cost:         " + "".join(f"{cost:>18.6f}" for cost in last))
    print("  Scored        " + "".join(f"{n:>8} out of 30" for n in found[rounds]))
    print("  Success rate: " + "".join(f"{n / len(TEST):>18.4f}" for n in found[rounds]))
    lesson.part("Its mean squared error, and its scores", column="expected")
    for i, row in COSTS.items():
        for seed, expected in enumerate(row):
            lesson.figure(f"seed {seed}, round {i}", expected, costs[i][seed])
    for i, of_30 in found.items():
        expected, of_70 = THEANO_SCORES[i], TRAIN_SCORES[i]
        same = of_30 == expected and trained[i] == [of_70] * len(SEEDS)
        lesson.claim(f"round {i:,}: {expected} of 30, each {of_70} of 70", same)


# %% Exercises
def check_spoiled(spoiled):
    """spoiled: the list of the weights that would be wrong, had he slipped in the line of dE_out_h1
    instead, and written dE2_out_h2 there."""
    right = wrong(by_hand(*MAZUR, slip="h1"), by_hand(*MAZUR, slip=""))
    if not isinstance(spoiled, list):
        return f'a list of names such as ["w3", "w4"], not {spoiled!r}'
    return None if sorted(spoiled) == right else "which weights does only h1 hear?"


def check_biases(biases):
    """biases(w, b, inputs, target): dE/db1 and dE/db2 by hand, in plain numbers; he left them out.
    All four are as in MAZUR. Remember that b1 reaches E through both hidden units."""
    w, numbers, inputs, target = MAZUR
    b = [Value(number) for number in numbers]
    squared_error(w, b, inputs, target).backward()
    found = list(biases(w, numbers, inputs, target))
    for k in (1, 0):
        if abs(found[k] - b[k].grad) > 1e-9:
            return f"dE/db{k + 1} is {b[k].grad:.9f}, not {found[k]}"
    return None


def check_alpha(alpha):
    """alpha: the rate at which SimpleNeuralNetwork would take the very same steps, had its loss no
    half: (y - output)²."""
    his, other = SimpleNetwork(0), SimpleNetwork(0, half=1.0)
    his.train(range(10))
    other.train(range(10), alpha)
    pairs = zip(his.parameters, other.parameters, strict=True)
    same = all(abs(one.data - two.data) < 1e-9 for one, two in pairs)
    return (
        None if same else f"at {alpha} the weights differ after 10 steps; how long is a gradient?"
    )


# %% All of it
def main(lesson):
    """Go through the three networks in the order of their making."""
    lesson.part("The first student's exams, scaled")
    for name, published, ours in zip(
        ("exam 1", "exam 2"), ("-0.86914432", "0.38930975"), POINTS[0], strict=True
    ):
        lesson.figure(name, published, ours)
    on_mazurs_numbers(lesson)
    on_students(lesson)
    nobody_saw_it(lesson)
    simple(lesson)
    theano(lesson)


if __name__ == "__main__":
    run(main, [check_spoiled, check_biases, check_alpha])
