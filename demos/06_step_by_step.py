"""Backpropagation by hand, every number of it: two inputs, two hidden units, two outputs.

    python demos/06_step_by_step.py [--full] [--check answers.py]

system: Matt Mazur, "A Step by Step Backpropagation Example" (2015)
takes: 2 s

The post works one step of gradient descent with pencil and paper. Here its network is a graph of
Values, and each of its numbers is looked up there by the name that the post gives it.

ends with: all 62 figures reached
"""

from microgradnet import Value, compile, explain, gradient
from microgradnet.figures import curves
from microgradnet.lessons import run

INPUTS = (0.05, 0.10)
TARGETS = (0.01, 0.99)
WEIGHTS = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)  # w1 to w8
BIASES = (0.35, 0.60)  # b1 of the hidden units, b2 of the outputs: the post does not move them
RATE = 0.5


# %% 1. The network, as the post draws it
def leaves():
    """Return the weights and the biases, as leaves that can be trained."""
    weights = [Value(number, f"w{k}") for k, number in enumerate(WEIGHTS, 1)]
    biases = [Value(number, f"b{k}") for k, number in enumerate(BIASES, 1)]
    return weights, biases


def forward(weights, biases):
    """Return every Value of the network, by its name in the post."""
    w1, w2, w3, w4, w5, w6, w7, w8 = weights
    b1, b2 = biases
    i1, i2 = INPUTS
    t1, t2 = TARGETS

    net_h1 = w1 * i1 + w2 * i2 + b1
    net_h2 = w3 * i1 + w4 * i2 + b1
    out_h1 = net_h1.sigmoid()
    out_h2 = net_h2.sigmoid()

    net_o1 = w5 * out_h1 + w6 * out_h2 + b2
    net_o2 = w7 * out_h1 + w8 * out_h2 + b2
    out_o1 = net_o1.sigmoid()
    out_o2 = net_o2.sigmoid()

    E_o1 = 0.5 * (t1 - out_o1) ** 2  # noqa: N806 - the post's names
    E_o2 = 0.5 * (t2 - out_o2) ** 2  # noqa: N806
    E = E_o1 + E_o2  # noqa: N806
    return {name: v for name, v in locals().items() if isinstance(v, Value)}


# %% 2. What the post prints: "dA/dB" is the derivative of A by B
PRINTED = {
    "The forward pass": {
        "net_h1": "0.3775", "out_h1": "0.593269992", "out_h2": "0.596884378",
        "net_o1": "1.105905967", "out_o1": "0.751365070", "out_o2": "0.772928465",
        "E_o1": "0.274811083", "E_o2": "0.023560026", "E": "0.298371109",
    },
    "The backward pass: the output layer": {
        "dE/dout_o1": "0.741365070", "dout_o1/dnet_o1": "0.186815602",
        "dnet_o1/dw5": "0.593269992", "dE/dnet_o1": "0.138498562", "dE/dw5": "0.082167041",
    },
    "The backward pass: the hidden layer": {
        "dE_o1/dout_h1": "0.055399425", "dE_o2/dout_h1": "-0.019049119",
        "dE/dout_h1": "0.036350306", "dout_h1/dnet_h1": "0.241300709", "dE/dw1": "0.000438568",
    },
}  # fmt: skip
LEFT_OUT = {  # by the post, and computed apart from this project
    "net_h2": "0.3925", "net_o2": "1.224921404",
    "dE/dout_o2": "-0.217071535", "dout_o2/dnet_o2": "0.175510053", "dE/dnet_o2": "-0.038098237",
    "dE/dw6": "0.082667628", "dE/dw7": "-0.022602540", "dE/dw8": "-0.022740242",
    "dE/dnet_h1": "0.008771354689", "dE/dout_h2": "0.041370322649",
    "dE/dnet_h2": "0.009954254705", "dE/dw2": "0.000877135469", "dE/dw3": "0.000497712735",
    "dE/dw4": "0.000995425471", "dE/db1": "0.018725609395", "dE/db2": "0.100400325112",
}  # fmt: skip


def look_up(name, values):
    """Return the number that the post calls so: the data of a Value, or a derivative dA/dB."""
    if "/" not in name:
        return values[name].data
    output, operand = (values[part.removeprefix("d")] for part in name.split("/"))
    return gradient(output, [operand])[0].data


def first_pass(lesson):
    """Compare every number of the first forward and backward pass, and draw them."""
    values = forward(*leaves())
    for title, figures in PRINTED.items():
        lesson.part(title)
        for name, published in figures.items():
            lesson.figure(name, published, look_up(name, values), tolerance=5e-9)
    lesson.part("What the post leaves out", column="expected")
    for name, expected in LEFT_OUT.items():
        lesson.figure(name, expected, look_up(name, values))

    error = values["E"]
    error.backward()
    lesson.say("\nWhy dE/dw1 is so small: the chain rule along both paths, multiplied out")
    lesson.say(str(explain(error, values["w1"], names=values)))
    lesson.picture("network.svg", error, names=values)


# %% 3. One step against the gradient, and ten thousand
UPDATED = ["0.149780716", "0.19956143", "0.24975114", "0.29950229",
           "0.35891648", "0.408666186", "0.511301270", "0.561370121"]  # fmt: skip
ERRORS = {1: "0.291027774", 1000: "0.001114349", 10_000: "3.51018778e-05"}  # after so many steps
OUTPUTS = ["0.015913620", "0.984064274"]
LAST = ["0.378509988", "0.657019977", "0.477300706", "0.754601411",
        "-3.892977199", "-3.868416688", "2.861810949", "2.925688967"]  # fmt: skip


def descend(steps):
    """Yield (weights, error) before each step; a step moves all weights at once."""
    weights, biases = leaves()
    program = compile(lambda: forward(weights, biases)["E"], weights)
    numbers = list(WEIGHTS)
    for _ in range(steps + 1):
        error, gradients = program.value_and_grad(numbers)
        yield numbers, error
        numbers = [w - RATE * g for w, g in zip(numbers, gradients, strict=True)]


def descend_as_the_text(steps):
    """Return the weights after steps that move w5 to w8 first, and lead dE back along the new ones.

    What arrives at net_o1 and net_o2 is from before. For a given dE/dnet_o, the gradients of w1 to
    w4 are those of dE/dnet_o1 * net_o1 + dE/dnet_o2 * net_o2.
    """
    weights, biases = leaves()

    def arriving():
        values = forward(weights, biases)
        return gradient(values["E"], [*weights[4:], values["net_o1"], values["net_o2"]])

    def led_back(delta1, delta2):
        values = forward(weights, biases)
        return delta1 * values["net_o1"] + delta2 * values["net_o2"]

    first, second = compile(arriving), compile(led_back, weights)
    for _ in range(steps):
        *gradients, delta1, delta2 = first()
        for w, g in zip(weights[4:], gradients, strict=True):
            w.data -= RATE * g
        _, gradients = second.value_and_grad([w.data for w in weights], delta1, delta2)
        for w, g in zip(weights[:4], gradients[:4], strict=True):
            w.data -= RATE * g
    return [w.data for w in weights]


def outputs(numbers):
    """Return the numbers of the network with these weights."""
    weights, biases = leaves()
    for w, number in zip(weights, numbers, strict=True):
        w.data = number
    return {name: v.data for name, v in forward(weights, biases).items()}


def train(lesson):
    """Take all steps, in the right way and in that of the post's text, and compare."""
    path = list(descend(10_000))
    weights = path[-1][0]
    lesson.part("One step, all weights at once")
    for k, published in enumerate(UPDATED):
        lesson.figure(f"w{k + 1}", published, path[1][0][k])
    lesson.part("The error after many steps, as Mazur's own program prints it")
    for steps, published in ERRORS.items():
        lesson.figure(f"E after {steps:,}", published, path[steps][1])
    for k, published in enumerate(LAST):
        lesson.figure(f"w{k + 1} at the end", published, weights[k])
    for name, published in zip(("out_o1", "out_o2"), OUTPUTS, strict=True):
        lesson.figure(f"{name} at the end", published, outputs(weights)[name])

    lesson.part("The errors in the text of the post")
    why = "the text moves w5 to w8 first, and leads dE back to the hidden units along the new ones"
    lesson.erratum("E after 1", "0.291027924", path[1][1], ERRORS[1], why)
    lesson.erratum("E after 10,000", "0.000035085", path[-1][1], ERRORS[10_000], why)
    lesson.part("The same, in the order of the text")
    one, last = (outputs(descend_as_the_text(steps)) for steps in (1, 10_000))
    lesson.figure("E after 1", "0.291027924", one["E"])
    lesson.figure("E after 10,000", "0.000035085", last["E"])
    for name, published in (("out_o1", "0.015912196"), ("out_o2", "0.984065734")):
        lesson.figure(f"{name} at the end", published, last[name])

    errors = [error for _, error in path]
    lesson.picture("error", lambda: curves(
        {"E": (range(1, 10_001), errors[1:])}, "The error of Mazur's network", "step", "E", log=True
    ))  # fmt: skip


# %% Exercises
def check_w5(w5):
    """w5: the number that the post's w5 has after two steps."""
    right = list(descend(2))[2][0][4]
    return None if abs(w5 - right) < 1e-6 else f"not {w5}; after one step it is {UPDATED[4]}"


def check_delta(delta):
    """delta(out, target, w, hidden): with plain numbers, dE/dnet of a hidden unit with the output
    `hidden`, from lists of the outputs, their targets and the weights that lead to them."""
    values = outputs(WEIGHTS)
    out, hidden = [values["out_o1"], values["out_o2"]], values["out_h1"]
    found = delta(out, list(TARGETS), [WEIGHTS[4], WEIGHTS[6]], hidden)
    right = float(LEFT_OUT["dE/dnet_h1"])
    return None if abs(found - right) < 1e-9 else f"of h1 it is {right}, not {found}"


def check_biases(biases):
    """biases: [b1, b2] after one step that moves the biases too."""
    right = [b - RATE * float(LEFT_OUT[f"dE/db{k}"]) for k, b in enumerate(BIASES, 1)]
    off = max(abs(b - r) for b, r in zip(biases, right, strict=True))
    return None if off < 1e-6 else f"{biases} is off by {off:.2g}; b - rate * dE/db"


# %% All of it
def main(lesson):
    """Go through the post from its first number to its last."""
    first_pass(lesson)
    train(lesson)


if __name__ == "__main__":
    run(main, [check_w5, check_delta, check_biases])
