"""Logistic regression from scratch, against scikit-learn's: who is admitted, by two exams?

    python demos/03_logistic_regression.py [--check answers.py]

system: github.com/perborgen/LogisticRegression: logistic.py, its data.csv (2015)
takes: 2 s

Borgen's program of his own: 100 students, two exam scores, gradient descent on the cost. Its README
prints no figures, so those here were computed apart; who won is told in his words. Then the same
with what his program lacks: a bias, and a test on unseen students.

ends with: all 48 figures reached
"""

import math

from microgradnet import Value, compile, data, functional, gradcheck, optim
from microgradnet.boundaries import decision_boundary
from microgradnet.figures import curves
from microgradnet.lessons import run
from microgradnet.plotting import text_map

ALPHA = 0.1  # his learning rate
ITERATIONS = 1000


# %% 1. The data: two exam scores of 100 students, scaled to the range from -1 to 1
TABLE = data.load("exam_scores")
LOWEST = [min(column) for column in zip(*TABLE.points, strict=True)]
HIGHEST = [max(column) for column in zip(*TABLE.points, strict=True)]


def scale(scores):
    """Return the two scores so that the lowest of all is -1 and the highest 1."""
    ends = zip(scores, LOWEST, HIGHEST, strict=True)
    return [2 * (score - low) / (high - low) - 1 for score, low, high in ends]


ROWS = [(scale(x), float(y)) for x, y in zip(TABLE.points, TABLE.targets, strict=True)]
BIASED = [([*x, 1.0], y) for x, y in ROWS]  # a third input, always 1: its theta is a bias


def describe(lesson):
    """Compare the data with his."""
    lesson.part("The data")
    lesson.figure("the first row, scaled", ["-0.86914432", "0.38930975"], ROWS[0][0])
    lesson.part("The students, and their scores", column="expected")
    lesson.figure("students", 100, len(ROWS))
    lesson.figure("admitted", 60, sum(TABLE.targets))
    lesson.figure("lowest scores", ["30.05882245", "30.60326323"], LOWEST)
    lesson.figure("highest scores", ["99.8278578", "98.86943574"], HIGHEST)


# %% 2. Hypothesis, cost and gradient descent, by his names
def hypothesis(theta, x):
    """Return the probability of being admitted: the sigmoid of theta * x."""
    return functional.sigmoid(functional.dot(theta, x))


def cost_function(theta, x, y):
    """Return the cost of one student: -log(h) if admitted, else -log(1 - h)."""
    h = hypothesis(theta, x)
    return -y * functional.log(h) - (1 - y) * functional.log(1 - h)


def gradient_descent(rows, alpha=ALPHA, iterations=ITERATIONS):
    """Yield (theta, cost, gradient), from theta = 0 on, each the mean of all rows."""
    m = len(rows)
    leaves = [Value(0.0, f"theta{j}") for j in range(len(rows[0][0]))]
    program = compile(lambda x, y: cost_function(leaves, x, y), leaves)
    theta = [0.0] * len(leaves)
    for _ in range(iterations + 1):
        cost, gradient = program.sums(theta, rows)
        gradient = [g / m for g in gradient]
        yield theta, cost / m, gradient
        theta = [t - alpha * g for t, g in zip(theta, gradient, strict=True)]


def derivative(rows, theta):
    """Return his cost_function_derivative: the mean of (h - y) * x, derived by hand."""
    errors = [hypothesis(theta, x) - y for x, y in rows]
    columns = zip(*(x for x, _ in rows), strict=True)
    return [functional.dot(errors, column) / len(rows) for column in columns]


PRINTED = {  # after iteration: cost, theta
    0: ("0.6886958175", ["0.0158089690", "0.0140309822"]),
    100: ("0.4504392833", ["1.1446039324", "1.0303833235"]),
    500: ("0.2995143683", ["2.8487364478", "2.6081556789"]),
    900: ("0.2730601259", ["3.5887887163", "3.3041402118"]),
    999: ("0.2697096179", ["3.7211635664", "3.4291747571"]),
}


def train(lesson):
    """Descend as he does; return theta at the end."""
    path = list(gradient_descent(ROWS))
    lesson.part("Before the first step", column="expected")
    lesson.figure("cost: ln 2, as a coin's", "0.6931471806", path[0][1])
    lesson.figure("gradient", ["-0.15808968977", "-0.14030982200"], path[0][2])
    theta = path[-1][0]
    report = gradcheck(
        lambda *leaves: functional.mean(cost_function(leaves, x, y) for x, y in ROWS),
        theta, gradient=derivative(ROWS, theta),
    )  # fmt: skip
    lesson.claim("finite differences confirm the derivative that he found by hand", bool(report))

    lesson.part("What his program prints on its way", column="expected")
    for iteration, (cost, thetas) in PRINTED.items():
        lesson.figure(f"cost at {iteration}", cost, path[iteration + 1][1], tolerance=1e-9)
        lesson.figure("theta", thetas, path[iteration + 1][0], tolerance=1e-9)
    lesson.picture("cost", lambda: curves(
        {"cost": (range(len(path)), [cost for _, cost, _ in path])},
        "Gradient descent on 100 students", "iteration", "mean cost",
    ))  # fmt: skip

    m = len(ROWS)
    const = -1 // m  # what -1/m is in Python 2
    sum_of_errors = -m * path[1][1]
    lesson.part("The program as it lies there", column="it prints")
    lesson.erratum(
        "cost at 0", const * sum_of_errors, path[1][1], PRINTED[0][0],
        "it is Python 2, which rounds its -1/m down to -1, and so the mean is a sum",
    )  # fmt: skip
    print("  Python 3 has no xrange, and the last line, which trains, is commented out.")
    return theta


# %% 3. Who wins: "Your score" against "Scikits score"
def score(theta, rows):
    """Return the share of rows where the hypothesis, rounded, is the answer."""
    return sum(round(hypothesis(theta, x)) == y for x, y in rows) / len(rows)


def scikit(rows):
    """Return theta as scikit-learn's LogisticRegression() finds it, the bias last.

    It minimises the sum of the costs and half the squares of theta, without the bias.
    """
    theta = [Value(0.0, f"theta{j}") for j in range(3)]
    cost = compile(lambda x, y: cost_function(theta, x, y), theta)
    penalty = compile(lambda: 0.5 * (theta[0] ** 2 + theta[1] ** 2), theta)
    optim.BFGS(theta).minimise(lambda: cost.over(rows) + penalty())
    return [t.data for t in theta]


def split(rows, seed):
    """Return rows to train on and to test on, as train_test_split(test_size=0.33) has them."""
    order = data.permutation(len(rows), seed)
    count = math.ceil(0.33 * len(rows))
    return [rows[i] for i in order[count:]], [rows[i] for i in order[:count]]


def last(rows, alpha=ALPHA):
    """Return theta after all iterations."""
    *_, (theta, _, _) = gradient_descent(rows, alpha)
    return theta


def declare_winner(mine, scikits):
    """Return what his program says of two scores."""
    return "You won!" if mine > scikits else "Its a tie!" if mine == scikits else "Scikit won.. :("


SCORES = {  # the seed of the split -> scikit-learn's score, his, and with a bias and unseen rows
    0: (".9091", ".8788", ".9091"), 1: (".9091", ".8182", ".8788"),
    2: (".9091", ".8788", ".9091"), 42: (".8485", ".7576", ".8485"),
}  # fmt: skip


def compare(lesson, theta):
    """Let his theta, and a better one, play against scikit-learn's."""
    everything = scikit(BIASED)
    lesson.part("All 100 students, trained on and tested on", column="expected")
    lesson.figure("his score, without a bias", "0.86", score(theta, ROWS))
    lesson.figure("scikit-learn's score", "0.89", score(everything, BIASED))
    lesson.figure("its theta and its bias", ["2.8100", "2.5878", "0.5553"], everything)
    middle = [(low + high) / 2 for low, high in zip(LOWEST, HIGHEST, strict=True)]
    lesson.claim(
        "the middle of both scales is (0, 0), and there no theta moves it from 0.5 without a bias",
        max(map(abs, scale(middle))) < 1e-12,
    )

    lesson.part("33 students to test on, by four seeds", column="expected")
    said = []
    for seed, expected in SCORES.items():
        known, unseen = split(BIASED, seed)
        without_bias = [(x[:2], y) for x, y in unseen]
        mine, fair = score(theta, without_bias), score(last(known), unseen)
        scikits = score(scikit(known), unseen)
        said.append((declare_winner(mine, scikits), declare_winner(fair, scikits)))
        lesson.figure(f"seed {seed}: Scikits score", expected[0], scikits)
        lesson.figure("  Your score, as he has it", expected[1], mine)
        lesson.figure("  with a bias, on unseen rows", expected[2], fair)
        print("    {}  with a bias: {}".format(*said[-1]))
    lesson.claim(
        "his theta always loses, though it was trained on the students of the test as well",
        all(his == "Scikit won.. :(" for his, _ in said),
    )
    lesson.claim(
        "with a bias, and trained on the other 67 alone, it is a tie three times of four",
        [fair for _, fair in said].count("Its a tie!") == 3,
    )


# %% 4. Pictures: the students, and the border at a hypothesis of 0.5
CLASSES = ["not admitted", "admitted"]
FEATURES = ["Exam 1 score", "Exam 2 score"]


def pictures(lesson, theta):
    """Draw his border, and the one that a bias has moved."""
    biased = last(BIASED)

    def plain(scores):
        return hypothesis(theta, scale(scores))

    def moved(scores):
        return hypothesis(biased, [*scale(scores), 1.0])

    print("\nThe students, and his border")
    print(text_map(
        lambda scores: round(plain(scores)), TABLE.points, TABLE.targets, 60, 20, CLASSES
    ))  # fmt: skip
    for name, classify in (("boundary", plain), ("boundary-with-bias", moved)):
        lesson.picture(name, lambda classify=classify: decision_boundary(
            classify, TABLE.points, TABLE.targets, CLASSES, FEATURES
        ))  # fmt: skip


# %% Exercises
def check_cost(cost):
    """cost(h, y): the cost of a student, in plain Python, of the hypothesis h and the answer y."""
    for h, y in ((0.9, 1.0), (0.9, 0.0), (0.25, 1.0)):
        right = -math.log(h if y else 1.0 - h)
        if not math.isclose(cost(h, y), right):
            return f"of h = {h} and y = {y:g} it is {right:.6f}, not {cost(h, y)}"
    return None


def check_alpha(alpha):
    """alpha: a learning rate with which 1,000 iterations bring the cost, without a bias, below
    0.25; it is 0.2697 with 0.1."""
    *_, (_, cost, _) = gradient_descent(ROWS, alpha)
    return None if cost < 0.25 else f"with {alpha} it is {cost:.4f}"


def check_chance(chance):
    """chance: of a student with the scores 45 and 85, after 1,000 iterations with a bias on all 100
    students, to 3 decimals."""
    right = hypothesis(last(BIASED), [*scale([45.0, 85.0]), 1.0])
    return None if abs(chance - right) < 1e-3 else f"not {chance}; scale the scores, add the 1"


# %% All of it
def main(lesson):
    """Train as he does, and compare with scikit-learn as he does."""
    describe(lesson)
    theta = train(lesson)
    compare(lesson, theta)
    pictures(lesson, theta)


if __name__ == "__main__":
    run(main, [check_cost, check_alpha, check_chance])
