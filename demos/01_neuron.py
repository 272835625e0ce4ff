"""One neuron, by hand and trained: it tells spam from ham in thousands of real messages.

    python demos/01_neuron.py [--text "BUY NOW cheap pills"] [--full] [--check answers.py]

system: Per Harald Borgen, "Learning How To Code Neural Networks" (2015), step 1
takes: 2 s, with --full 4 s

The article's first picture is a neuron with two inputs, which could be a spam filter. Here it is a
graph of Values that reads real texts; then gradient descent finds better weights. With --text it
judges a message of yours, and that alone.

ends with: all 41 figures reached
"""

import math
import re
import textwrap
from collections import Counter

from microgradnet import Value, compile, data, explain, functional, losses
from microgradnet.drawing import run as dot
from microgradnet.errors import printable
from microgradnet.lessons import run
from microgradnet.plotting import text_confusion

WEIGHTS = (7.0, 3.0)  # the blue numbers of the article's picture
BIAS = -2.0  # the brown one


# %% 1. The article's neuron: multiply by the weights, add the bias, squash
def neuron(x1, x2):
    """Return every Value of the neuron, by its name."""
    x1, x2 = Value(x1, "x1"), Value(x2, "x2")
    w1, w2 = Value(WEIGHTS[0], "w1"), Value(WEIGHTS[1], "w2")
    b = Value(BIAS, "b")
    net = x1 * w1 + x2 * w2 + b
    output = net.sigmoid()
    return {name: v for name, v in locals().items() if isinstance(v, Value)}


def label(output):
    """Return what the neuron says: 1, rounded, is spam."""
    return "spam" if output >= 0.5 else "ham"


OUTPUTS = {  # x1, x2 -> the sum, its sigmoid, and what that says
    (0, 0): (-2, "0.1192029220", "ham"),
    (0, 1): (1, "0.7310585786", "spam"),
    (1, 0): (5, "0.9933071491", "spam"),
    (1, 1): (8, "0.9996646499", "spam"),
}
SLOPES = {  # of the output at (1, 0), by each input and parameter
    "w1": "0.006648056671", "w2": "0", "b": "0.006648056671",
    "x1": "0.046536396696", "x2": "0.019944170012",
}  # fmt: skip
PICTURE = """digraph {{
    rankdir=LR
    node [shape=circle fontname=Arial fontsize=24]
    edge [fontname=Arial fontsize=24]
    x1 [label="{x1:g}" fontcolor=green4]
    x2 [label="{x2:g}" fontcolor=green4]
    b [label="{b:g}" fontcolor=brown]
    neuron [label="{net:g}" fontcolor=red width=1.5]
    output [label="{output:.4f}" shape=none]
    x1 -> neuron [label="{w1:g}" fontcolor=blue]
    x2 -> neuron [label="{w2:g}" fontcolor=blue]
    b -> neuron
    neuron -> output [label="sigmoid" fontsize=14]
}}"""


def by_hand(lesson):
    """Compute the article's example, forwards and backwards, and draw it twice."""
    values = neuron(1, 0)
    lesson.part("The article's neuron: 1 * 7 + 0 * 3 - 2")
    lesson.figure("the sum", 5, values["net"].data)
    lesson.figure("its sigmoid, rounded", 1, round(values["output"].data))

    lesson.part("Its outputs for all inputs", column="expected")
    for (x1, x2), (net, output, says) in OUTPUTS.items():
        found = neuron(x1, x2)
        lesson.figure(f"the sum of ({x1}, {x2})", net, found["net"].data)
        lesson.figure(f"its sigmoid: {says}", output, found["output"].data)
    agree = (label(neuron(*x)["output"].data) == says for x, (_, _, says) in OUTPUTS.items())
    lesson.claim("each feature alone is enough for spam", all(agree))

    values["output"].backward()
    lesson.part("The derivatives of the output at (1, 0)", column="expected")
    for name, slope in SLOPES.items():
        lesson.figure(f"by {name}", slope, values[name].grad, tolerance=1e-12)
    print("\nWhy w1 hardly matters: at 5 the sigmoid is almost flat")
    print(explain(values["output"], values["w1"], names=values))
    lesson.picture("neuron.svg", lambda: dot(PICTURE.format(**values), "svg"))
    lesson.picture("graph.svg", values["output"], names=values)


# %% 2. From a text to two numbers
def features(text):
    """Return 1 or 0 twice: more than one CAPITALISED WORD? is "viagra" in it?"""
    capitalised = re.findall(r"\b[A-Z]{2,}\b", text)
    return int(len(capitalised) > 1), int("viagra" in text.lower())


MESSAGES = {  # text -> its features, and what the neuron makes of them
    "BUY NOW cheap pills": ((1, 0), "spam"),
    "see you at lunch": ((0, 0), "ham"),
    "cheap Viagra, no prescription": ((0, 1), "spam"),
    "VIAGRA, TODAY ONLY": ((1, 1), "spam"),
    "I am in the USA": ((0, 0), "ham"),  # one word in capitals is not more than one
    "HAPPY BIRTHDAY, grandma": ((1, 0), "spam"),  # wrong: the filter knows no birthdays
}


def read(text):
    """Print what the neuron makes of a text; return its features and the answer."""
    x = features(text)
    output = neuron(*x)["output"].data
    print(f"  {printable(text)[:43]:<44}{x}  {output:.4f}  {label(output)}")
    return x, label(output)


def filter_texts(lesson):
    """Let the neuron read some messages."""
    lesson.part("From a text to two numbers to an answer")
    answers = [read(text) for text in MESSAGES]
    lesson.claim(
        "two features tell this much; the birthday is a false alarm",
        answers == list(MESSAGES.values()),
    )


def judge(lesson, text):
    """Let the neuron read a message of the user's, and show the sum."""
    print()
    (x1, x2), _ = read(text)
    lesson.part("The same by hand", column="by hand")
    net = 7 * x1 + 3 * x2 - 2
    values = neuron(x1, x2)
    lesson.figure(f"7 * {x1} + 3 * {x2} - 2", net, values["net"].data)
    lesson.figure("the sigmoid of it", 1 / (1 + math.exp(-net)), values["output"].data, 1e-12)


# %% 3. Training: the weights start at 0, and walk against the gradient
def logit(parameters, inputs):
    """Return bias + weights * inputs; its sigmoid is the probability of spam."""
    bias, *weights = parameters
    return bias + functional.dot(weights, inputs)


def train(rows, steps):
    """Return (bias, weights ...) after steps on the mean loss of all rows, with a rate of 1.

    A row is (inputs, target, how often it occurs): equal messages are computed once.
    """
    parameters = [Value(0.0) for _ in range(1 + len(rows[0][0]))]

    def loss(inputs, target, count):
        return count * losses.binary_cross_entropy(logit(parameters, inputs), target)

    program = compile(loss, parameters)
    total = sum(count for _, _, count in rows)
    numbers = [0.0] * len(parameters)
    for _ in steps:
        _, gradient = program.sums(numbers, rows)
        numbers = [w - g / total for w, g in zip(numbers, gradient, strict=True)]
    return numbers


def counted(inputs, targets):
    """Return rows (inputs, target, how often both occur), all floats."""
    counts = Counter(zip(map(tuple, inputs), targets, strict=True))
    return [(x, float(y), float(count)) for (x, y), count in counts.items()]


def accuracy(parameters, rows):
    """Return the share of the rows that are on the right side of 0."""
    right = sum(count for x, y, count in rows if (logit(parameters, x) >= 0.0) == (y == 1.0))
    return right / sum(count for _, _, count in rows)


# %% 4. Real text messages: 5,572, of which only numbers lie here
def text_messages(lesson):
    """Try the article's neuron on real messages, and train one on the same two features."""
    table = data.load("sms_features")
    x = [(float(words > 1), float(viagra)) for words, viagra, _ in table.points]
    spam = table.targets
    rows = counted(x, spam)
    counts = {(bits, y): int(count) for bits, y, count in rows}
    lesson.part("5,572 real text messages, by their two features", column="expected")
    lesson.figure("messages", 5572, len(spam))
    lesson.figure("spam", 747, sum(spam))
    lesson.figure("ham with (0, 0)", 4607, counts[(0.0, 0.0), 0.0])
    lesson.figure("ham with (1, 0)", 218, counts[(1.0, 0.0), 0.0])
    lesson.figure("spam with (0, 0)", 365, counts[(0.0, 0.0), 1.0])
    lesson.figure("spam with (1, 0)", 382, counts[(1.0, 0.0), 1.0])
    lesson.figure('with "viagra"', 0, int(sum(viagra for _, viagra in x)))

    article = [BIAS, *WEIGHTS]
    bias, w1, w2 = trained = train(rows, range(3000))
    lesson.part("The filter's accuracy", column="expected")
    lesson.figure("all is ham", "0.865937", accuracy([-1.0, 0.0, 0.0], rows))
    lesson.figure("the article's neuron", "0.895370", accuracy(article, rows))
    lesson.figure("a trained neuron", "0.895370", accuracy(trained, rows))
    lesson.figure("its w1", "3.0964", w1)
    lesson.figure("its w2", "0.0", w2)
    lesson.figure("its bias", "-2.5354", bias)
    lesson.claim("w2 stays where it began: no message has the word", w2 == 0.0)
    said = [logit(trained, bits) >= 0.0 for bits in x]
    lesson.claim(
        "training finds other weights than the article's, and the same answers",
        said == [logit(article, bits) >= 0.0 for bits in x],
    )
    print(textwrap.indent(text_confusion(spam, said, ["ham", "spam"]), "  "))


# %% 5. Real e-mails: six numbers for each, and the same neuron with six inputs
EPSILON = (1.0, 0.1, 0.1, 0.1, 0.1, 0.1)  # added before the logarithm: many numbers are 0


def e_mails(lesson):
    """Train on 3,000 e-mails, test on 1,601 others; then on two features for all of them."""
    table = data.load("spam7")
    spam = [float(y) for y in table.targets]
    lesson.part("4,601 real e-mails: accuracy", column="expected")
    lesson.figure("spam among them", 1813, int(sum(spam)))
    lesson.figure("all is ham", "0.605955", 1.0 - sum(spam) / len(spam))

    points = [[math.log(v + e) for v, e in zip(p, EPSILON, strict=True)] for p in table.points]
    order = data.permutation(len(points))
    scaler = data.Scaler.fit([points[i] for i in order[:3000]])
    rows = [(x, y, 1.0) for x, y in zip(scaler.transform(points), spam, strict=True)]
    seen, unseen = ([rows[i] for i in part] for part in (order[:3000], order[3000:]))
    steps = 500 if lesson.full else 200  # the last 300 change nothing that is shown
    parameters = train(seen, lesson.progress(range(steps), "step"))
    lesson.figure("six inputs: 3,000 trained on", "0.8653", accuracy(parameters, seen))
    lesson.figure("six inputs: 1,601 others", "0.8713", accuracy(parameters, unseen))

    bits = [
        (float(capitals > 95), float(money > 0 or n000 > 0))
        for capitals, _, _, money, n000, _ in table.points
    ]
    rows = counted(bits, spam)
    bias, w1, w2 = parameters = train(rows, range(1000))
    lesson.figure("two features: all e-mails", "0.782873", accuracy(parameters, rows))
    lesson.figure("more than 95 capitals: weight", "1.0321", w1)
    lesson.figure('"money" or "000": weight', "2.7661", w2)
    lesson.figure("bias", "-1.5734", bias)
    lesson.claim("money says more than capitals do", w2 > w1 > 0.0)


# %% Exercises
def check_output(output):
    """output: what the article's neuron gives for (0, 1) when its bias is -4, to 3 decimals."""
    right = 1 / (1 + math.exp(1))
    return None if abs(output - right) < 1e-3 else f"not {output}; first the sum, then the sigmoid"


def check_bias(bias):
    """bias: one with which the weights 7 and 3 say spam only where both features are 1."""
    sums = {x: WEIGHTS[0] * x[0] + WEIGHTS[1] * x[1] + bias for x in OUTPUTS}
    wrong = [x for x, net in sums.items() if (net >= 0.0) != (x == (1, 1))]
    return f"with {bias} the sum of {wrong[0]} is {sums[wrong[0]]:g}" if wrong else None


def check_neuron_of(neuron_of):
    """neuron_of(inputs, weights, bias): the output of a neuron with as many inputs as it is given,
    in plain Python, without this package."""
    for inputs, weights, bias in (
        ([1, 0], [7, 3], -2),
        ([0.5, -1, 2], [1, 2, 3], 0.25),
        ([], [], 1),
    ):
        net = bias + sum(x * w for x, w in zip(inputs, weights, strict=True))
        found, right = neuron_of(inputs, weights, bias), 1 / (1 + math.exp(-net))
        if not math.isclose(found, right, rel_tol=1e-9):
            return f"of {inputs}, {weights}, {bias} it is {found}; the sum is {net:g}"
    return None


def check_slopes(slopes):
    """slopes(x1, x2): the derivatives of the article's output by w1, w2 and b, a list, by the chain
    rule; the sigmoid s has the slope s * (1 - s)."""
    for x in OUTPUTS:
        values = neuron(*x)
        values["output"].backward()
        right = [values[name].grad for name in ("w1", "w2", "b")]
        found = slopes(*x)
        close = (math.isclose(*pair, abs_tol=1e-9) for pair in zip(found, right, strict=True))
        if not all(close):
            return f"at {x} backward() finds {right[2]:.9f} by b; yours are {found}"
    return None


# %% All of it
def main(lesson):
    """Go from the article's picture to a filter of real mail."""
    if lesson.options["text"] is not None:
        judge(lesson, lesson.options["text"])
        return
    by_hand(lesson)
    filter_texts(lesson)
    text_messages(lesson)
    e_mails(lesson)


if __name__ == "__main__":
    checks = [check_output, check_bias, check_neuron_of, check_slopes]
    run(main, checks, text="a message to judge, in quotes")
