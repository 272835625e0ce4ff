"""Networks as stacks of layers: dropout, Lasagne's training log and nolearn's table.

    python demos/13_lasagne_nolearn.py [--full] [--check answers.py]

system: Lasagne's tutorial and examples/mnist.py, nolearn's NeuralNet (2015)
takes: 8 s, with --full 40 s

Two libraries on top of Theano, which derived the gradients for them. Their faces are written here,
in a few lines each, over the network and the training loop of this library. They learned on 60,000
digits of 28 x 28 pixels with 800 units a layer; scalars learn on 1,797 digits of 8 x 8 with 40.

ends with: all 30 figures reached
"""

import io
import itertools
import math
import random
from contextlib import redirect_stdout
from functools import cached_property
from typing import NamedTuple

from microgradnet import Value, compile, data, fit, functional, losses, nn, optim
from microgradnet.figures import curves, loss_curves, weight_images
from microgradnet.history import PROGRESS, Epoch, table_lines
from microgradnet.lessons import run
from microgradnet.plotting import text_curve, text_images
from microgradnet.training import accuracy, predicted

# %% 1. Lasagne: a layer knows the one that comes into it, and so the last one is the network
rectify, linear, softmax = "relu", "linear", "softmax"  # lasagne.nonlinearities


class InputLayer:
    """Rows of numbers: shape is (None, how many), where None stands for any count of rows."""

    incoming = None

    def __init__(self, shape, name="input"):
        self.num_units, self.name = shape[1], name


class DropoutLayer:
    """Leaves out each unit with probability p while the network trains."""

    def __init__(self, incoming, p=0.5, name="dropout"):
        self.incoming, self.p, self.num_units, self.name = incoming, p, incoming.num_units, name


class DenseLayer:
    """Units that each take all that comes in."""

    def __init__(self, incoming, num_units, nonlinearity=rectify, name="dense"):
        self.incoming, self.num_units, self.name = incoming, num_units, name
        self.nonlinearity = nonlinearity

    @cached_property
    def mlp(self):
        """The network that ends here. Its outputs are those before a softmax, as losses take them.

        Weights are drawn as Lasagne does by default, "GlorotUniform" (Glorot is Xavier's name).
        """
        layers = get_all_layers(self)
        dense = [layer for layer in layers if isinstance(layer, DenseLayer)]
        (activation,) = {layer.nonlinearity for layer in dense[:-1]} or {linear}  # one for all
        return nn.MLP(
            layers[0].num_units, [layer.num_units for layer in dense], activation,
            linear if self.nonlinearity == softmax else self.nonlinearity, seed=0, init="xavier",
            dropout=[getattr(layer.incoming, "p", 0.0) for layer in dense],
        )  # fmt: skip


def get_all_layers(layer):
    """Return the layers from the input to this one."""
    return [] if layer is None else [*get_all_layers(layer.incoming), layer]


def get_all_params(layer):
    """Return all weights and biases of the network that ends here."""
    return layer.mlp.parameters()


RNG = random.Random(0)  # as lasagne.random has one


def get_output(layer, x, deterministic=False):
    """Return what the network gives for a row: with units left out, or with all of them."""
    outputs = layer.mlp(x) if deterministic else layer.mlp(x, layer.mlp.masks(RNG))
    return functional.softmax(outputs) if layer.nonlinearity == softmax else outputs


def build_mlp(sizes=(64, 40, 40, 10)):
    """Return the network of Lasagne's example, line by line, but for its size."""
    nin, first, second, classes = sizes
    l_in = InputLayer(shape=(None, nin))
    l_in_drop = DropoutLayer(l_in, p=0.2)
    l_hid1 = DenseLayer(l_in_drop, num_units=first, nonlinearity=rectify)
    l_hid1_drop = DropoutLayer(l_hid1, p=0.5)
    l_hid2 = DenseLayer(l_hid1_drop, num_units=second, nonlinearity=rectify)
    l_hid2_drop = DropoutLayer(l_hid2, p=0.5)
    return DenseLayer(l_hid2_drop, num_units=classes, nonlinearity=softmax)


# %% 2. lasagne.updates: how a parameter moves; Theano computed the gradients, here Values do
def sgd(params, learning_rate):
    """Stochastic gradient descent: see sgd_step."""
    return optim.SGD(params, learning_rate)


def momentum(params, learning_rate, momentum=0.9):
    """The same with a velocity that is kept: see momentum_step."""
    return optim.SGD(params, learning_rate, momentum)


def nesterov_momentum(params, learning_rate, momentum=0.9):
    """The same, looking ahead: see nesterov_step."""
    return optim.SGD(params, learning_rate, momentum, nesterov=True)


def adam(params, learning_rate=0.001, beta1=0.9, beta2=0.999):
    """Adam (Kingma and Ba, 2015): see adam_step."""
    return optim.Adam(params, learning_rate, (beta1, beta2))


# The same by the formulas of Lasagne's documentation, for one number p with the gradient g: each
# returns p and what it remembers after step t.
RATE, MU, BETA1, BETA2 = 0.1, 0.9, 0.9, 0.999


def sgd_step(p, kept, g, t):
    return p - RATE * g, kept


def momentum_step(p, velocity, g, t):
    velocity = MU * velocity - RATE * g
    return p + velocity, velocity


def nesterov_step(p, velocity, g, t):
    velocity = MU * velocity - RATE * g
    return p + MU * velocity - RATE * g, velocity


def adam_step(p, moments, g, t):
    m, v = moments or (0.0, 0.0)
    m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g**2
    rate = RATE * math.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    return p - rate * m / math.sqrt(v), (m, v)


BY_HAND = {sgd: sgd_step, momentum: momentum_step, nesterov_momentum: nesterov_step,
           adam: adam_step}  # fmt: skip


def move(lesson, steps=5):
    """Let each update and its formula take p from 1 down the loss p * p."""
    lesson.part(f"lasagne.updates: p after {steps} steps on p * p from 1", column="by formula")
    for update, formula in BY_HAND.items():
        p, number, kept = Value(1.0, "p"), 1.0, 0.0
        optimizer = update([p], learning_rate=RATE)
        for t in range(1, steps + 1):
            optimizer.zero_grad()
            (p * p).backward()
            optimizer.step()
            number, kept = formula(number, kept, 2 * number, t)
        lesson.figure(update.__name__, number, p.data, tolerance=1e-7)


# %% 3. Dropout: what the masks do, and what they leave as it is
P = 0.2  # of the pixels
PIXELS = data.load("digits")
ROWS = [([v / 16 for v in x], y) for x, y in zip(PIXELS.points, PIXELS.targets, strict=True)]


def all_masks(model):
    """Yield (masks, probability) for every way to leave units out."""
    shares = [
        share
        for size, share in zip(model.sizes, model.dropout, strict=False)
        for _ in range(size if share else 0)
    ]
    for kept in itertools.product((False, True), repeat=len(shares)):
        pairs = list(zip(kept, shares, strict=True))
        masks = [1.0 / (1.0 - share) if keep else 0.0 for keep, share in pairs]
        yield masks, math.prod(1.0 - share if keep else share for keep, share in pairs)


def moments(model, x):
    """Return the mean and the standard deviation of the output over all masks."""
    outputs = [(model(x, masks).data, chance) for masks, chance in all_masks(model)]
    mean = sum(output * chance for output, chance in outputs)
    variance = sum((output - mean) ** 2 * chance for output, chance in outputs)
    return mean, math.sqrt(variance)


def see(lesson):
    """Leave out pixels of a digit, as the network of section 4 gets it."""
    image = ROWS[0][0]
    network = nn.MLP(64, [10], dropout=[P], seed=0)
    rng = random.Random(0)
    drawn = [network.masks(rng) for _ in range(3)]
    seen = [[v * mask for v, mask in zip(image, masks, strict=True)] for masks in drawn]
    print()
    lesson.say(
        "A digit, and how a network sees it in three epochs: each pixel is left out with "
        f"probability {P}, and else 1 / (1 - {P}) = {1 / (1 - P)} times as dark"
    )
    print(text_images([image, *seen], labels=["whole", "epoch 1", "epoch 2", "epoch 3"]))


def average(lesson):
    """Take the mean of the output over all masks: it is what the network gives without."""
    x = [1.0, -2.0, 0.5, 3.0]
    neuron = nn.MLP(4, [1], dropout=[0.5], seed=1)
    before = nn.MLP(2, [4, 1], "tanh", dropout=[0.5, 0.0], seed=1)  # tanh comes after the masks
    after = nn.MLP(2, [4, 1], "tanh", dropout=[0.0, 0.5], seed=1)
    mean, deviation = moments(neuron, x)
    lesson.part("Dropout: the mean over all masks, each with its probability", column="no mask")
    lesson.figure("a neuron, half of its 4 inputs", neuron(x).data, mean, tolerance=1e-12)
    right, (mean, _) = after(x[:2]).data, moments(after, x[:2])
    lesson.figure("2-4-1, half of its hidden units", right, mean, tolerance=1e-12)
    off = abs(moments(before, x[:2])[0] - before(x[:2]).data)
    lesson.claim(f"where a tanh comes after the masks, both differ, here by {off:.2f}", off > 0.01)

    weights = neuron.layers[0].neurons[0].w
    # The variance of a mask that is 0 or 2 is 1, so each input adds (w * v) ** 2.
    spread = math.sqrt(sum((w.data * v) ** 2 for w, v in zip(weights, x, strict=True)))
    lesson.part("The masks add noise, not bias: the deviation of the neuron", column="expected")
    lesson.figure("sqrt of the sum of (w * x) ** 2", spread, deviation, tolerance=1e-12)
    lesson.say(
        "  So the trained network is asked with all its units: one answer in the place of the "
        "mean over all networks that can be drawn from it."
    )


def learn(lesson):
    """Send gradients through masks."""
    network = nn.MLP(2, [4, 1], "tanh", dropout=0.5, seed=1)
    masks = network.masks(random.Random(0))
    labelled = [Value(mask, f"mask{k}") for k, mask in enumerate(masks)]
    output = network([Value(1.0, "x0"), Value(-2.0, "x1")], labelled)
    output.backward()
    units = zip(masks, network.layers[0].neurons, strict=True)
    learning = [(mask, any(p.grad for p in unit.parameters())) for mask, unit in units]
    lesson.claim(
        f"with the masks {masks} the weights of the units with 0 have a gradient of 0, and learn "
        "nothing from this row; the others do",
        {*learning} == {(0.0, False), (2.0, True)},
    )
    lesson.picture("dropout.svg", output, collapse="neuron")


# %% 4. Lasagne's example: train with dropout, and print its log
PRINTED = """\
Epoch 1 of 500 took 1.858s
  training loss:\t\t1.233348
  validation loss:\t\t0.405868
  validation accuracy:\t\t88.78 %
"""
LOG = [(1.233348, 0.405868), (0.571644, 0.310221), (0.471582, 0.265931), (0.412204, 0.238558)]
TRAIN, VALIDATION, TEST = ROWS[:1200], ROWS[1200:1500], ROWS[1500:]


def falling(numbers):
    """Return whether each number is below the one before."""
    return all(b < a for a, b in itertools.pairwise(numbers))


def lasagne(lesson):
    """Train the network of the example on the digits at hand."""
    with redirect_stdout(io.StringIO()) as printed, PROGRESS["lasagne"](500) as tell:
        tell(Epoch(1, *LOG[0], {"accuracy": 0.8878}, 1.858, 0.01, {}))
    lesson.part("Lasagne's example: its log")
    lesson.claim(
        "the first epoch of the tutorial's log is printed alike", printed.getvalue() == PRINTED
    )

    sizes, epochs = ((64, 80, 80, 10), 30) if lesson.full else ((64, 40, 40, 10), 8)
    network = build_mlp(sizes)
    params = get_all_params(network)
    units = ", ".join(map(str, sizes))
    print(f"\nStarting training: {units} units, {len(params):,} parameters")
    updates = nesterov_momentum(params, learning_rate=0.01, momentum=0.9)
    history = fit(
        network.mlp, losses.cross_entropy, TRAIN, updates, epochs, 10, validation=VALIDATION,
        progress="lasagne",
    )  # fmt: skip
    outputs = compile(network.mlp)
    test = functional.mean(losses.cross_entropy(outputs(x), y) for x, y in TEST)
    right = accuracy(outputs, TEST)
    print("Final results:")
    print(f"  test loss:\t\t\t{test:.6f}")
    print(f"  test accuracy:\t\t{100 * right:.2f} %")

    first = history[:4]
    lesson.claim(
        "the training loss falls in each of the first 4 epochs, as in the tutorial's log",
        falling([e.loss for e in first]) and falling([loss for loss, _ in LOG]),
    )
    lesson.claim(
        "so does the validation loss, here and there",
        falling([e.validation_loss for e in first]) and falling([loss for _, loss in LOG]),
    )
    lesson.claim(
        "in all of these the training loss is above the validation loss, here and there: it is the "
        "loss under masks, and before the epoch's steps",
        all(e.loss > e.validation_loss for e in first) and all(a > b for a, b in LOG),
    )
    lesson.claim("more than 80 % of the test digits are recognised", right > 0.8)
    if lesson.full:
        last = history[-1].metrics["accuracy"]
        lesson.claim(
            f"and at the end {100 * last:.2f} % of the validation digits, which is more than the "
            "93.05 % of the tutorial's fourth epoch",
            last > 0.9305,
        )
    x, y = TEST[0]
    lesson.claim(
        "get_output gives another answer each time, and the same one if it is deterministic",
        get_output(network, x)[y].data != get_output(network, x)[y].data
        and get_output(network, x, deterministic=True)[y].data
        == get_output(network, x, deterministic=True)[y].data,
    )
    lesson.picture("lasagne", lambda: loss_curves(history))


# %% 5. nolearn: the same as an estimator of scikit-learn, with fit and predict
class TrainSplit(NamedTuple):
    """How many of the rows are held out, to validate on."""

    eval_size: float


HELD_OUT = TrainSplit(eval_size=0.2)


class NeuralNet:
    """A network with its training: layers are (class, its arguments), from the input on.

    What begins with update_ goes to the update. What ends with _ is there after fit().
    """

    def __init__(
        self, layers, max_epochs=10, update=nesterov_momentum, train_split=HELD_OUT,
        batch_size=10, verbose=1, **update_options,
    ):  # fmt: skip
        self.layers, self.max_epochs, self.update = layers, max_epochs, update
        self.train_split, self.batch_size, self.verbose = train_split, batch_size, verbose
        options = update_options.items()
        self.update_options = {k.removeprefix("update_"): v for k, v in options}

    def initialize(self):
        """Make the layers, each on top of the one before."""
        (first, options), *others = self.layers
        self.network_ = first(**options)
        for kind, options in others:
            self.network_ = kind(self.network_, **options)
        return self

    def layer_information(self):
        """Return what is printed before the training."""
        layers = get_all_layers(self.network_)
        names = [layer.name for layer in layers]
        sizes = [str(layer.num_units) for layer in layers]
        count = len(get_all_params(self.network_))
        wide, deep = max(map(len, ["name", *names])), max(map(len, ["size", *sizes]))
        lines = [f"  #  {'name':<{wide}}  {'size':>{deep}}", f"---  {'-' * wide}  {'-' * deep}"]
        for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
            lines.append(f"{k:>3}  {name:<{wide}}  {size:>{deep}}")
        head = f"# Neural Network with {count} learnable parameters\n\n## Layer information\n\n"
        return head + "\n".join(lines)

    def fit(self, X, y):  # noqa: N803 - scikit-learn's name
        """Train on rows X and their classes y."""
        self.initialize()
        if self.verbose:
            print(f"{self.layer_information()}\n")
        optimizer = self.update(get_all_params(self.network_), **self.update_options)
        self.history = fit(
            self.network_.mlp, losses.cross_entropy, zip(X, y, strict=True), optimizer,
            self.max_epochs, self.batch_size, validation=self.train_split.eval_size,
            progress="table" if self.verbose else None,
        )  # fmt: skip
        self.train_history_ = [
            {"epoch": e.number, "train_loss": e.loss, "valid_loss": e.validation_loss,
             "valid_accuracy": e.metrics["accuracy"], "dur": e.seconds}
            for e in self.history
        ]  # fmt: skip
        return self

    def predict_proba(self, X):  # noqa: N803
        """Return the probabilities of the classes for each row."""
        outputs = compile(self.network_.mlp)
        return [functional.softmax(outputs(x)) for x in X]

    def predict(self, X):  # noqa: N803
        """Return the most probable class of each row."""
        return [predicted(probabilities) for probabilities in self.predict_proba(X)]

    def score(self, X, y):  # noqa: N803
        """Return the share of the rows whose class is predicted."""
        pairs = zip(self.predict(X), y, strict=True)
        return sum(guess == right for guess, right in pairs) / len(y)


PUBLISHED = {1: (2.49039, 1.47864, "1.68424"), 10: (0.60635, 0.57576, "1.05313")}  # of a larger net
HEADING = ["epoch", "train loss", "valid loss", "train/val", "valid acc", "dur"]


def nolearn(lesson):
    """Train a network with one hidden layer, and ask it."""
    lesson.part("nolearn's table: its ratio of train loss to valid loss")
    for number, (loss, validation, ratio) in PUBLISHED.items():
        row = table_lines(Epoch(number, loss, validation, {"accuracy": 0.93246}, 0.38, 0.01, {}))
        lesson.figure(f"train/val in epoch {number}", ratio, float(row[-1].split()[3]))

    net = NeuralNet(
        layers=[
            (InputLayer, {"name": "input", "shape": (None, 64)}),
            (DenseLayer, {"name": "hidden", "num_units": 30}),
            (DenseLayer, {"name": "output", "num_units": 10, "nonlinearity": softmax}),
        ],
        max_epochs=10,
        update=nesterov_momentum,
        update_learning_rate=0.02,
        update_momentum=0.9,
        train_split=TrainSplit(eval_size=0.25),
        verbose=1,
    )
    X, y = zip(*ROWS[:1500], strict=True)  # noqa: N806
    X_test, y_test = zip(*ROWS[1500:], strict=True)  # noqa: N806
    print()
    net.fit(X, y)

    lesson.part("A network of 64, 30 and 10 units", column="expected")
    lesson.figure("learnable parameters", 2260, len(get_all_params(net.network_)))
    heading = [title.strip() for title in table_lines(net.history[0])[0].split("  ") if title]
    lesson.claim(f"the columns are nolearn's: {', '.join(HEADING)}", heading == HEADING)
    score = net.score(X_test, y_test)
    lesson.claim(
        f"score: {score:.3f} of the 297 digits held out are recognised, at least 0.9", score >= 0.9
    )
    last = net.train_history_[-1]["valid_accuracy"]
    lesson.claim(
        f"of the digits held out from among those that it learns from it is more: {last:.3f}",
        last > score,
    )
    sums = [sum(probabilities) for probabilities in net.predict_proba(X_test)]
    lesson.claim("the ten probabilities add up to 1", max(abs(v - 1.0) for v in sums) < 1e-12)

    answers = zip(X_test, y_test, net.predict(X_test), strict=True)
    wrong = [(x, f"{y}, not a {guess}") for x, y, guess in answers if guess != y]
    images, labels = zip(*wrong[:4], strict=True)
    print(f"\n{text_images(images, labels=labels)}")
    lesson.picture("nolearn", lambda: loss_curves(net.history))
    lesson.picture("weights", lambda: weight_images(net.network_.mlp.layers[0]))


# %% 6. Iris: a network without a hidden layer, softmax regression
CROSS_ENTROPY = {0: "1.0986122887", 1: "0.7278569690", 100: "0.1733316642"}  # after so many steps
ACCURACY = {0: "0.3333", 1: "0.8067", 10: "0.8667", 100: "0.9533", 1000: "0.9733"}


def iris(lesson):
    """Descend from weights of 0, with all 150 flowers in each step."""
    table = data.load("iris")
    points = data.Scaler.fit(table.points).transform(table.points)
    rows = list(zip(points, table.targets, strict=True))
    network = DenseLayer(InputLayer(shape=(None, 4)), num_units=3, nonlinearity=softmax)
    for p in get_all_params(network):
        p.data = 0.0
    shares = [accuracy(network.mlp, rows)]
    history = fit(network.mlp, losses.cross_entropy, rows, sgd(get_all_params(network), 0.5), 1001)
    shares += [epoch.metrics["accuracy"] for epoch in history]
    errors = [epoch.loss for epoch in history]  # before the step of each epoch
    lesson.part("Iris: softmax regression on four standardised measures", column="expected")
    for step, expected in CROSS_ENTROPY.items():
        name = "cross-entropy at first, ln 3" if step == 0 else f"after step {step}"
        lesson.figure(name, expected, errors[step])
    for step, expected in ACCURACY.items():
        lesson.figure(f"accuracy after step {step:,}", expected, shares[step])
    print("\n" + text_curve(errors, height=8, title="cross-entropy of the 150 flowers"))
    lesson.picture("iris", lambda: curves(
        {"cross-entropy": (range(101), errors[:101]), "accuracy": (range(101), shares[:101])},
        "Softmax regression on iris", "step", "mean over 150 flowers",
    ))  # fmt: skip


# %% Exercises
def check_parameters(count):
    """parameters: how many learnable parameters has build_mlp() with Lasagne's own sizes, 784, 800,
    800 and 10?"""
    sizes = (784, 800, 800, 10)
    right = sum((nin + 1) * nout for nin, nout in itertools.pairwise(sizes))
    if count == right:
        return None
    return f"not {count!r}: each unit has a weight for each input and a bias, dropout has none"


def check_dropout(dropout):
    """dropout(xs, p, numbers): the list of xs after dropout with the share p, where the number of
    each x, from 0 to 1, decides: below p it is left out."""
    found = list(dropout([1.0, -2.0, 3.0, 4.0], 0.2, [0.1, 0.9, 0.5, 0.19]))
    if [v == 0.0 for v in found] != [True, False, False, True]:
        return f"of 0.1, 0.9, 0.5, 0.19 the first and last are below 0.2, but it gives {found}"
    if math.dist(found, [0.0, -2.5, 3.75, 0.0]) > 1e-9:
        return f"{found}: what is kept grows, so that the mean over many draws is x"
    return None


def check_deviation(deviation):
    """deviation(w, x, p): the standard deviation of w0 * x0 + w1 * x1 + ... over the masks of
    dropout with the share p on the inputs."""
    for w, x, p in (([1.0, -0.5, 2.0], [0.5, 1.0, -1.0], 0.5), ([3.0, 1.0], [1.0, 2.0], 0.2)):
        model = nn.MLP(len(w), [1], dropout=[p], seed=0)
        for weight, number in zip(model.layers[0].neurons[0].w, w, strict=True):
            weight.data = number
        right, found = moments(model, x)[1], deviation(w, x, p)
        if abs(found - right) > 1e-9:
            return (
                f"with w = {w}, x = {x}, p = {p} it is {right:.6f}, not {found}; which variance "
                "has a mask that is 0 with probability p, and else 1 / (1 - p)?"
            )
    return None


def check_first_step(distance):
    """first_step: how far Adam moves a parameter in its first step, with learning_rate=0.1, where
    the gradient is 1,000."""
    p = Value(1.0, "p")
    (1000.0 * p).backward()
    adam([p], learning_rate=0.1).step()
    off = abs(distance - (1.0 - p.data))
    return None if off < 1e-6 else f"not {distance}; put t = 1 into the formula, for any g"


# %% All of it
def main(lesson):
    """Go from one neuron with dropout to a trained network, twice, and to the flowers."""
    move(lesson)
    see(lesson)
    average(lesson)
    learn(lesson)
    lasagne(lesson)
    nolearn(lesson)
    iris(lesson)


if __name__ == "__main__":
    run(main, [check_parameters, check_dropout, check_deviation, check_first_step])
