"""The picture of a neural network that everyone knows, while its numbers flow through it.

    python demos/16_wikipedia.py [--check answers.py]

system: Wikipedia, "Artificial neural network": the picture in three colours, by Glosser.ca (2013)
takes: 1 s

Three red circles, four blue, two green, and a line from each to each of the next column. Here it is
drawn from a model: the circles fill while it computes, and fill again from the right while the
gradients flow back. A line is as wide as its weight is large, red above 0 and blue below.

ends with: all 22 figures reached
"""

from microgradnet import draw, drawing, losses, nn, optim
from microgradnet.functional import dot
from microgradnet.lessons import run
from microgradnet.naming import digits
from microgradnet.networks import COLUMNS, columns_of, draw_network
from microgradnet.operations import NOT_COMPUTED
from microgradnet.stepping import backward_steps

INPUTS = [1.0, -0.5, 2.0]
TARGETS = [1.0, 0.0]


def network():
    """Return the network of the picture: 3 inputs, 4 hidden units with ReLU, 2 outputs."""
    return nn.MLP(3, [4, 2], seed=6)


# %% 1. A model as circles and lines
def the_picture(lesson):
    """Count the circles and the lines of the picture."""
    model = network()
    source = draw(model).source
    lesson.part("Circles and lines", column="Wikipedia")
    for (title, fill), published in zip(COLUMNS, (3, 4, 2), strict=True):
        lesson.figure(f"{title} circles", published, source.count(f'fillcolor="{fill}"'))
    lesson.part("What follows from that", column="expected")
    lesson.figure("lines", 3 * 4 + 4 * 2, source.count("->"))
    lesson.figure("numbers to learn, with the biases", 26, len(model.parameters()))


# %% 2. The numbers, by hand
def by_hand(model):
    """Return the numbers of the circles, and their gradients, by the formulas of a textbook.

    E is the mean of (output - target) ** 2 over the two outputs, so dE/d(output) is their
    difference. A hidden unit passes a gradient on only where its output is above 0.
    """
    (w1, b1), (w2, b2) = [
        ([[w.data for w in n.w] for n in layer.neurons], [n.b.data for n in layer.neurons])
        for layer in model.layers
    ]
    hidden = [max(0.0, b + dot(ws, INPUTS)) for ws, b in zip(w1, b1, strict=True)]
    outputs = [b + dot(ws, hidden) for ws, b in zip(w2, b2, strict=True)]
    d_outputs = [out - target for out, target in zip(outputs, TARGETS, strict=True)]
    d_hidden = [dot(ws, d_outputs) for ws in zip(*w2, strict=True)]
    passed = [d if h > 0.0 else 0.0 for h, d in zip(hidden, d_hidden, strict=True)]
    d_inputs = [dot(ws, passed) for ws in zip(*w1, strict=True)]
    return [INPUTS, hidden, outputs], [d_inputs, d_hidden, d_outputs]


# %% 3. Forwards and backwards, a picture at each stop
def put(lesson, name, model, columns, gradients=False):
    """Write the picture as it is now, and print what is in its circles."""
    digraph = draw_network(model, columns, gradients)
    texts = []
    for values in columns:
        numbers = [v.grad if gradients else v.data for v in values]
        texts.append("".join(f"{'.':>7}" if n is NOT_COMPUTED else f"{n:z7.3f}" for n in numbers))
    print(f"  {name:<11}" + " |".join(texts))
    lesson.picture(f"{name}.svg", lambda: drawing.run(digraph.source, "svg"))


def flow(lesson):
    """Let the numbers flow to the right, and the gradients to the left."""
    model = network()
    lesson.part("Forwards: a layer takes what the layer before it has made")
    columns = columns_of(model, INPUTS)
    for known, name in enumerate(("1_inputs", "2_hidden", "3_outputs"), 1):
        put(lesson, name, model, columns[:known])

    lesson.part("Backwards: a stop wherever a column has all of its gradients, the inputs last")
    error = losses.mean_squared_error(columns[-1], TARGETS)
    ahead = list(backward_steps(error, keep=False))
    stops = {max(step.number for step in ahead if step.operand in values) for values in columns}
    names = iter(("4_outputs", "5_hidden", "6_inputs"))
    for step in error.backward_steps():
        if step.number in stops:
            put(lesson, next(names), model, columns, gradients=True)

    numbers, gradients = by_hand(model)
    lesson.part("The circles, and the same by hand", column="by hand")
    for c, (title, _) in enumerate(COLUMNS):
        for k, v in enumerate(columns[c]):
            if c > 0:
                lesson.figure(f"{title} {k}", numbers[c][k], v.data, 1e-12)
            lesson.figure(f"{title} {k}, dE/d", gradients[c][k], v.grad, 1e-12)

    closed = [k for k, h in enumerate(columns[1]) if h.data == 0.0]
    weights = [w for k in closed for w in model.layers[0].neurons[k].w]
    still = len(closed) == 1 and not any(w.grad for w in weights)
    lesson.claim("hidden 2 is closed: the three lines that lead to it carry no gradient", still)
    return model


def learn(lesson, model):
    """Descend from there, and draw what has become of the lines."""
    lesson.part("After 100 steps of gradient descent")
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        losses.mean_squared_error(model(INPUTS), TARGETS).backward()
        optimizer.step()
    columns = columns_of(model, INPUTS)
    put(lesson, "7_trained", model, columns)
    off = max(abs(v.data - target) for v, target in zip(columns[-1], TARGETS, strict=True))
    lesson.claim("the outputs are the targets, 1 and 0", off < 1e-9)


# %% Exercises
def check_lines(lines):
    """lines(sizes): how many lines the picture of a network has, such as 20 for [3, 4, 2]."""
    for sizes in ([3, 4, 2], [2, 16, 16, 1], [5, 1]):
        model = nn.MLP(sizes[0], sizes[1:])
        right = draw(model).source.count("->")
        if lines(sizes) != right:
            return f"of {sizes} there are {right}, not {lines(sizes)}"
    return None


def check_biases(biases):
    """biases(sizes): how many numbers such a network learns that are no lines."""
    for sizes in ([3, 4, 2], [2, 16, 16, 1], [5, 1]):
        model = nn.MLP(sizes[0], sizes[1:])
        right = len(model.parameters()) - draw(model).source.count("->")
        if biases(sizes) != right:
            return f"of {sizes} there are {right}, not {biases(sizes)}; which circles have one?"
    return None


def check_inputs(inputs):
    """inputs: three numbers for which hidden 2 is the only hidden unit of network() above 0."""
    hidden = [v.data for v in network().layers[0](list(inputs))]
    if [k for k, h in enumerate(hidden) if h] == [2]:
        return None
    return f"the hidden units give {', '.join(map(digits, hidden))}; which lines are red?"


# %% All of it
def main(lesson):
    """Draw the picture, let numbers and gradients flow through it, and train it."""
    the_picture(lesson)
    learn(lesson, flow(lesson))


if __name__ == "__main__":
    run(main, [check_lines, check_biases, check_inputs])
