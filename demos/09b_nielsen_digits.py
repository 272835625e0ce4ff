"""Handwritten digits, read by thirty hidden neurons, and by better and better training.

    python demos/09b_nielsen_digits.py [--full] [--mnist DIR] [--check answers.py]

system: Michael Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1 to 3
takes: 25 s, with --full 70 s

The book's network.py and network2.py on digits of 8 by 8 pixels, 1,500 to train on and 297 to test;
its own counts are of MNIST. With `--mnist DIR`, a folder with MNIST's four files, 784-30-10 learns
those too: one epoch (2 minutes, 0.8 GB), or all 30 with --full.

ends with: all 27 figures reached
"""

import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory

from microgradnet import compile, data, fit, functional, load, losses, nn, optim, save
from microgradnet.figures import curves, weight_images
from microgradnet.lessons import run
from microgradnet.plotting import text_images
from microgradnet.training import correct

# %% 1. The digits
CLASSES = range(10)


def rows_of(points, digits):
    """Return (inputs, desired outputs): 1 for the digit, 0 for the nine others."""
    return [(x, data.one_hot(digit, 10)) for x, digit in zip(points, digits, strict=True)]


def scaled(points, top):
    """Return points with pixels from 0 to 1."""
    return [[p / top for p in point] for point in points]


def digits():
    """Return the rows to train on, and those to test on."""
    table = data.load("digits")
    rows = rows_of(scaled(table.points, 16.0), table.targets)
    return rows[:1500], rows[1500:]


def by_darkness(training, test):
    """Return how many of the test digits are right when told by their darkness alone."""
    mean = {}
    for digit in CLASSES:
        sums = [sum(x) for x, y in training if y[digit]]
        mean[digit] = sum(sums) / len(sums)
    right = 0
    for x, y in test:
        darkness = sum(x)
        nearest = min(CLASSES, key=lambda digit: abs(mean[digit] - darkness))
        right += y[nearest] == 1.0
    return right


def look(lesson, training, test):
    """Show some digits."""
    lesson.part("1. The digits", column="expected")
    print(text_images([x for x, _ in test[:4]], labels=[y.index(1.0) for _, y in test[:4]]))
    lesson.figure("digits to train on", 1500, len(training))
    lesson.figure("digits to test on", 297, len(test))


# %% 2. network.py: stochastic gradient descent
# The last layer gives z, so that the costs can be written without overflow; its output is
# a = sigma(z), and the largest z is the largest a.
def network(sizes, seed=0, large=False):
    """Return a network with random weights and biases, all normal.

    The biases have deviation 1; so have the weights of network.py (`large`), while network2.py
    divides them by the root of the number of inputs.
    """
    rng = random.Random(seed)
    model = nn.MLP(sizes[0], sizes[1:], activation="sigmoid", init="lecun", seed=rng)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = rng.gauss(0, 1)
            for w in neuron.w:
                w.data *= math.sqrt(len(neuron.w)) if large else 1.0
    return model


def quadratic(z, y):
    """Return C = |a - y|^2 / 2."""
    return functional.total((z_j.sigmoid() - y_j) ** 2 for z_j, y_j in zip(z, y, strict=True)) / 2


def cross_entropy(z, y):
    """Return C = - sum of y ln a + (1 - y) ln(1 - a)."""
    return functional.total(map(losses.binary_cross_entropy, z, y))


def evaluate(program, rows):
    """Return how many rows are classified rightly by the compiled model."""
    outputs = program.map((x,) for x, _ in rows)
    return sum(correct(z, y) for z, (_, y) in zip(outputs, rows, strict=True))


def tell(epoch, epochs, right, total):
    """Print some of the epochs, as network.py does all of them."""
    if epoch < 3 or epoch % 5 == 4 or epoch == epochs - 1:
        print(f"  Epoch {epoch}: {right} / {total}", flush=True)


def update_mini_batch(program, numbers, batch, eta):
    """Return the weights and biases after one step against the mean gradient of the batch."""
    _, nabla = program.sums(numbers, batch)
    return [w - eta / len(batch) * g for w, g in zip(numbers, nabla, strict=True)]


def SGD(lesson, model, training, epochs, size, eta, test):  # noqa: N802 - the book's name
    """Train as network.py does, by shuffled mini-batches; return what is right after each epoch."""
    program = compile(lambda x, y: quadratic(model(x), y), model.parameters())
    forward, rng, counts = compile(model), random.Random(0), []
    numbers = [p.data for p in model.parameters()]
    program.value_and_grad(numbers, *training[0])  # compiles it, which no progress is to count
    training = list(training)
    for epoch in range(epochs):
        rng.shuffle(training)
        batches = [training[k : k + size] for k in range(0, len(training), size)]
        for batch in lesson.progress(batches, "mini-batch"):
            numbers = update_mini_batch(program, numbers, batch, eta)
        for p, number in zip(model.parameters(), numbers, strict=True):
            p.data = number
        counts.append(evaluate(forward, test))
        tell(epoch, epochs, counts[-1], len(test))
    return counts


def first_network(lesson, training, test):
    """Train 64-30-10 as chapter 1 does, and with rates that are too small and too large."""
    lesson.part("2. network.py: 64-30-10, quadratic cost, mini-batches of 10, eta = 3")
    model = network([64, 30, 10], large=True)
    gradient_check(lesson, model, training[0])
    counts = SGD(lesson, model, training, 30, 10, 3.0, test)
    print("  the book, on MNIST:  Epoch 0: 9129 / 10000 ... Epoch 28: 9542 / 10000")
    lesson.claim("9 of 10 are right after 30 epochs", counts[-1] >= 0.9 * len(test))
    lesson.claim("the first epochs gain most", counts[4] - counts[0] > counts[-1] - counts[4])

    for eta, word in ((0.001, "small"), (100.0, "large")):
        print(f"\n  eta = {eta:g}")
        few = SGD(lesson, network([64, 30, 10], large=True), training, 3, 10, eta, test)
        lesson.claim(f"with a rate too {word} it learns nothing", max(few) < 0.2 * len(test))

    same_as_fit(lesson, training[:100])
    return counts


def same_as_fit(lesson, rows):
    """Show that fit(), which trains from here on, does the same."""
    one, other = (network([64, 30, 10], seed=1, large=True) for _ in range(2))
    program = compile(lambda x, y: quadratic(one(x), y), one.parameters())
    numbers = [p.data for p in one.parameters()]
    for k in range(0, len(rows), 10):
        numbers = update_mini_batch(program, numbers, rows[k : k + 10], 3.0)
    fit(other, quadratic, rows, optim.SGD(other.parameters(), lr=3.0), 1, 10, shuffle=False)
    apart = max(abs(w - p.data) for w, p in zip(numbers, other.parameters(), strict=True))
    lesson.claim(f"fit() moves all {len(numbers):,} parameters as this does", apart < 1e-12)
    print("  (but fit() shuffles the rows anew in each epoch, network.py shuffles on)")


def gradient_check(lesson, model, row):
    """Compare every derivative with a central difference, as a check of backpropagation."""
    program = compile(lambda x, y: quadratic(model(x), y), model.parameters())
    numbers = [p.data for p in model.parameters()]
    _, gradient = program.value_and_grad(numbers, *row)

    def cost(k, nudge):
        nudged = [*numbers[:k], numbers[k] + nudge, *numbers[k + 1 :]]
        return program.value_and_grad(nudged, *row)[0]

    epsilon = 1e-5
    found = [(cost(k, epsilon) - cost(k, -epsilon)) / (2 * epsilon) for k in range(len(numbers))]
    error = math.dist(gradient, found) / (math.hypot(*gradient) + math.hypot(*found))
    lesson.claim(f"the gradient check: relative error {error:.0e}, below 1e-7", error < 1e-7)


# %% 3. network2.py: cross-entropy, regularisation, better initial weights
def weights_of(model):
    """Return all weights of a network, without the biases."""
    return [w for layer in model.layers for neuron in layer.neurons for w in neuron.w]


def regularisation(model, lmbda, n):
    """Return lmbda / 2n sum of w^2 over the n training digits, as fit() takes a penalty."""
    return lambda _: lmbda / (2 * n) * functional.total(w**2 for w in weights_of(model))


def train(model, cost, training, test, eta, epochs, every=1, **options):
    """Train with fit(); return how many test digits are right, by the number of the epoch.

    They are counted after every so many epochs; epochs are numbered from 0, as in the book.
    """
    forward, counts = compile(model), {}

    def monitor(epoch):
        number = epoch.number - 1
        if number % every == 0 or epoch.number == epochs:
            counts[number] = evaluate(forward, test)
            tell(number, epochs, counts[number], len(test))

    optimizer = optim.SGD(model.parameters(), lr=eta)
    fit(model, cost, training, optimizer, epochs, 10, callbacks=monitor, **options)
    return counts


def better_cost(lesson, training, test, before):
    """Train with the cross-entropy, and compare it with the quadratic cost."""
    lesson.part("3. network2.py: the cross-entropy cost, eta = 0.5")
    model = network([64, 30, 10], large=True)
    counts = train(model, cross_entropy, training, test, 0.5, 30 if lesson.full else 20)
    print("  the book, on MNIST: 95.49 %")
    lesson.claim("it learns faster than the quadratic cost", counts[0] > before[0])
    lesson.claim("and as well", counts[max(counts)] >= 0.9 * len(test))
    series = {
        "cross-entropy, eta 0.5": (list(counts), list(counts.values())),
        "quadratic, eta 3": (range(len(before)), before),
    }
    lesson.picture("costs", lambda: curves(
        series, "Digits of the test set that are right, of 297", "epoch", "right"
    ))  # fmt: skip
    lesson.picture("weights", lambda: weight_images(model.layers[0], (8, 8)))
    return model


def overfitting(lesson, training, test):
    """Learn 100 digits by heart, with L2 regularisation, and stopped early."""
    lesson.part("4. Overfitting: 100 digits to learn from")
    few, epochs, found = training[:100], 400 if lesson.full else 100, {}
    for lmbda in (0.0, 0.05):
        print(f"  lambda = {lmbda:g}")
        model = network([64, 30, 10], seed=2, large=True)
        counts = train(
            model, cross_entropy, few, test, 0.5, epochs, every=epochs // 20,
            penalty=regularisation(model, lmbda, len(few)) if lmbda else None,
            progress="lines" if lesson.full else None,
        )  # fmt: skip
        size = sum(w.data**2 for w in weights_of(model))
        found[lmbda] = counts, evaluate(compile(model), few), size
        print(f"    known by heart: {found[lmbda][1]} / {len(few)}; sum of w^2: {size:,.0f}")
    print("  the book, 1,000 digits of MNIST: 82.27 %, and 87.1 % with lambda = 0.1")
    (plain, by_heart, long), (regular, _, short) = found.values()
    last = epochs - 1
    lesson.claim("it knows all 100 by heart", by_heart == len(few))
    lesson.claim("of the others it knows fewer than 85 %", plain[last] < 0.85 * len(test))
    lesson.claim("regularisation makes the weights smaller", short < long)
    lesson.claim("and helps with digits never seen", regular[last] > plain[last])
    series = {"lambda = 0": plain, "lambda = 0.05": regular}
    lesson.picture("overfitting", lambda: curves(
        {name: (list(counts), list(counts.values())) for name, counts in series.items()},
        "100 digits learned; of 297 others are right", "epoch", "right",
    ))  # fmt: skip
    shrink(lesson, training)
    stop_early(lesson, few, training[-100:], test)


def shrink(lesson, training):
    """Show that the gradient of the penalty makes the weights decay."""
    eta, lmbda, n = 0.5, 0.1, 10
    plain, regular = (network([64, 10], seed=3) for _ in range(2))
    decay = [eta * lmbda / n * w.data for w in weights_of(plain)]
    for model, strength in ((plain, 0.0), (regular, lmbda)):
        optimizer = optim.SGD(model.parameters(), lr=eta)
        penalty = regularisation(model, strength, n)
        fit(model, cross_entropy, training[:n], optimizer, 1, penalty=penalty)
    triples = zip(weights_of(plain), weights_of(regular), decay, strict=True)
    off = max(abs(w.data - v.data - d) for w, v, d in triples)
    lesson.claim("a step is w <- (1 - eta lambda / n) w - eta / m sum of dC0/dw", off < 1e-12)


def stop_early(lesson, few, validation, test):
    """Stop when the cost on 100 other digits has not fallen for ten epochs."""
    model = network([64, 30, 10], seed=2, large=True)
    history = fit(
        model, cross_entropy, few, optim.SGD(model.parameters(), lr=0.5), 400, 10,
        validation=validation, early_stopping=10,
    )  # fmt: skip
    best, right = history.best, evaluate(compile(model), test)
    print(f"\n  early stopping: {history.stopped}, after Epoch {len(history) - 1}")
    print(f"  kept is Epoch {best.number - 1}: {right} / {len(test)}")
    print("  (fit() waits for a lower cost, Nielsen for a higher accuracy: exercise 3)")
    lesson.claim("what is kept is the best, 10 epochs before", best.number == len(history) - 10)
    lesson.claim("and most of the 400 epochs are saved", len(history) < 200)


SATURATION = {True: ("22.4", math.sqrt(501)), False: ("1.22", math.sqrt(1.5))}


def initialisation(lesson, training, test):
    """Compare large and small initial weights, for 1,000 inputs and for 64."""
    lesson.part("5. Initial weights: the deviation of z, with 500 of 1,000 inputs at 1")
    rng = random.Random(0)
    saturated, off = {}, {}
    for large, (published, exact) in SATURATION.items():
        deviation = 1.0 if large else 1 / math.sqrt(1000)
        z = [rng.gauss(0, 1) + sum(rng.gauss(0, deviation) for _ in range(500)) for _ in range(500)]
        measured = math.sqrt(sum(v * v for v in z) / len(z))
        saturated[large] = sum(abs(v) > 5 for v in z) / len(z)
        off[large] = abs(measured / exact - 1)
        lesson.figure(f"{'large' if large else 'small'} weights", published, exact)
        print(f"    measured on 500 neurons: {measured:.3g}; |z| > 5: {saturated[large]:.0%}")
    lesson.claim("what is measured is as computed, to 10 %", max(off.values()) < 0.1)
    lesson.claim("most neurons of large weights are saturated", saturated[True] > 0.7)
    lesson.claim("hardly any of small weights is", saturated[False] < 0.01)

    print("\n  the digits, cross-entropy, eta = 0.1")
    square = sum(sum(p * p for p in x) for x, _ in training) / len(training)
    first = {}
    for large in (True, False):
        z = math.sqrt(1 + square / (1 if large else 64))
        print(f"  {'large' if large else 'small'} weights: z has the deviation {z:.1f}")
        model = network([64, 30, 10], large=large)
        first[large] = train(model, cross_entropy, training, test, 0.1, 3)[0]
    print("  the book, on MNIST: Epoch 0: 8643 with large weights, 9270 with small ones")
    lesson.claim(
        "with 64 inputs it is the other way round: z is not as large as with 1,000, and large "
        "weights start faster", first[True] > first[False],
    )  # fmt: skip


def one_layer(lesson, training, test):
    """Train without a hidden layer, on 500 digits: each neuron has a picture of its digit."""
    lesson.part("6. No hidden layer: 64-10, cross-entropy, 500 digits")
    model = network([64, 10])
    counts = train(model, cross_entropy, training[:500], test, 0.5, 5)
    lesson.claim("more than 3 of 4 are right after 5 epochs", counts[4] > 0.75 * len(test))
    lesson.picture("templates", lambda: weight_images(model.layers[0], (8, 8)))


def keep(lesson, model, test):
    """Save the network, in this project's file and as network2.py writes it, and load it."""
    lesson.part("7. Save and load")
    with TemporaryDirectory() as folder:
        save(model, Path(folder, "model.json"))
        same = load(Path(folder, "model.json"))
    lesson.claim("what is loaded has the same bits", same.state_dict() == model.state_dict())
    text = json.dumps({
        "sizes": model.sizes,
        "weights": [[[w.data for w in n.w] for n in layer.neurons] for layer in model.layers],
        "biases": [[[n.b.data] for n in layer.neurons] for layer in model.layers],
        "cost": "CrossEntropyCost",
    })  # fmt: skip
    found = json.loads(text)
    other = network(found["sizes"], seed=1)
    for layer, weights, biases in zip(other.layers, found["weights"], found["biases"], strict=True):
        for neuron, w, (b,) in zip(layer.neurons, weights, biases, strict=True):
            neuron.b.data = b
            for weight, number in zip(neuron.w, w, strict=True):
                weight.data = number
    z, again = (compile(m).map((x,) for x, _ in test[:10]) for m in (model, other))
    lesson.claim("nor does network2.py's JSON lose any", z == again)


def more(lesson, training, test):
    """Show how many digits it takes, and three learning rates: the long experiments."""
    lesson.part("8. More digits, and three rates")
    sizes = {}
    for size in (50, 100, 200, 400, 800, 1500):
        model = network([64, 30, 10])
        print(f"  {size} digits")
        sizes[size] = train(model, cross_entropy, training[:size], test, 0.5, 15, every=14)[14]
    lesson.claim("more digits to learn from are better", sizes[50] < sizes[200] < sizes[1500])
    lesson.picture("sizes", lambda: curves(
        {"64-30-10": (list(sizes), list(sizes.values()))},
        "Right of 297, by how many digits it learned from", "training digits", "right",
    ))  # fmt: skip
    costs = {}
    for eta in (0.025, 0.25, 2.5):
        model = network([64, 30, 10])
        optimizer = optim.SGD(model.parameters(), lr=eta)
        history = fit(model, cross_entropy, training, optimizer, 20, 10, progress="lines")
        costs[f"eta = {eta:g}"] = range(20), [epoch.loss for epoch in history]
    slow, middle, _ = (losses[-1] for _, losses in costs.values())
    lesson.claim("a rate of 0.25 comes further than one of 0.025", middle < slow)
    lesson.picture("rates", lambda: curves(
        costs, "The cost on the training digits, three rates", "epoch", "cost", log=True
    ))  # fmt: skip


# %% 4. MNIST: all of it where you have it, else the 1,000 images that are shipped
def mnist(lesson, folder):
    """Train 784-30-10 on the files in a folder, or 196-30-10 on 1,000 images of 14 by 14."""
    if folder:
        (points, targets), (test_points, test_targets) = data.load_mnist(folder)
        training = rows_of(points[:50_000], targets[:50_000])
        test = rows_of(test_points, test_targets)
    else:
        table = data.load("mnist1000")
        (points, targets), held_out = data.split(table.points, table.targets, test=0.2)
        training = rows_of(scaled(points, 255.0), targets)
        test = rows_of(scaled(held_out[0], 255.0), held_out[1])
    pixels, whole = len(training[0][0]), len(training) + len(test) == 60_000
    epochs = (30 if lesson.full else 1) if whole else 30 if lesson.full else 10
    lesson.part(f"MNIST: {pixels}-30-10, {len(training):,} images, quadratic cost, eta = 3")
    dark = by_darkness(training, test)
    print(f"  by average darkness {dark} of {len(test):,} are right (the book: 2225 of 10000)")
    if whole:
        lesson.figure("by average darkness", 2225, dark, tolerance=5)
        print("  the book: Epoch 0: 9129, 1: 9295, 2: 9348, 27: 9528, 28: 9542, 29: 9534")
    model = network([pixels, 30, 10], large=True)
    counts = SGD(lesson, model, training, epochs, 10, 3.0, test)
    lesson.claim("the network is better than that", counts[-1] > dark)
    if whole and lesson.full:
        lesson.claim("near the book's 95 %", abs(max(counts) / len(test) - 0.9542) < 0.01)
    side = math.isqrt(pixels)
    lesson.picture("mnist_weights", lambda: weight_images(model.layers[0], (side, side)))


# %% Exercises
def check_parameters(parameters):
    """parameters: how many weights and biases a 784-30-10 network has, as a number."""
    return None if parameters == 23_860 else f"not {parameters}; a bias for each neuron, too"


def check_shrunk(shrunk):
    """shrunk(w, gradient, eta, lmbda, n): the weight after a step of network2.py, where the
    gradient is the mean of dC0/dw over the mini-batch and n the number of training digits."""
    for w, gradient, right in ((2.0, 0.0, 1.98), (2.0, 0.5, 1.73), (0.0, -1.0, 0.5)):
        found = shrunk(w, gradient, 0.5, 10.0, 500)
        if abs(found - right) > 1e-12:
            return f"shrunk({w}, {gradient}, 0.5, 10.0, 500) is {right}, not {found}"
    return None


def check_stop(stop):
    """stop(accuracies, n): the epoch (from 0) after which no-improvement-in-n ends the training:
    the best accuracy is then n epochs old; None where that does not happen."""
    for accuracies, n, right in (
        ([1, 5, 4, 5, 3, 9, 9], 3, 4), ([1, 2, 3], 2, None), ([3, 3, 3, 8], 2, 2),
        ([7, 1, 8, 1, 1, 1], 3, 5),
    ):  # fmt: skip
        found = stop(accuracies, n)
        if found != right:
            return (
                f"stop({accuracies}, {n}) is {right}, not {found}; an equal one is no improvement"
            )
    return None


# %% All of it
def main(lesson):
    """Go through the three chapters."""
    training, test = digits()
    look(lesson, training, test)
    counts = first_network(lesson, training, test)
    model = better_cost(lesson, training, test, counts)
    overfitting(lesson, training, test)
    initialisation(lesson, training, test)
    one_layer(lesson, training, test)
    keep(lesson, model, test)
    if lesson.full:
        more(lesson, training, test)
    mnist(lesson, lesson.options["mnist"])


if __name__ == "__main__":
    run(
        main, [check_parameters, check_shrunk, check_stop],
        mnist="a folder with MNIST's four files, packed with gzip or not",
    )  # fmt: skip
