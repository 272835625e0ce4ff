"""A GPT, whole: the network behind ChatGPT at its smallest, trained to invent first names.

    python demos/17_gpt.py [--eager] [--steps 300] [--seed 42] [--samples 10]

system: Andrej Karpathy's microgpt (2026)
takes: 5 s

The size and the settings are those of Karpathy's microgpt (2026): one layer, an embedding of 16
numbers, four heads, 4,192 parameters. It learns to predict the next character of 5,163 names. To
guess among 27 characters costs log(27) = 3.30 a character; to know how frequent each is, 2.81.

ends with: step 300: mean loss of the last 100 names: 2.41
"""

import argparse
import random
import time
from pathlib import Path

from microgradnet import Value, compile, functional, nn, optim

NAMES = Path(__file__).parent / "data" / "names.txt"

EMBEDDING = 16  # numbers that stand for one character
HEADS = 4  # each attends with a quarter of them
BLOCK = 16  # positions that the model can see

# %% Tokens: a letter is its number, and 26 (BOS) marks where a name begins and where it ends
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOS = len(LETTERS)
TOKENS = len(LETTERS) + 1


def tokens(name):
    """Return the tokens of a name: BOS, its letters, BOS."""
    return [BOS, *map(LETTERS.index, name), BOS]


def one_hot(token, height=1.0):
    """Return 27 floats: `height` at the token, 0 elsewhere; all 0 for the token None."""
    return [height if k == token else 0.0 for k in range(TOKENS)]


# Tokens go in as one-hot rows of floats: ints are fixed when a loss is compiled, at 1.4 s a name.
# "emma" then takes 1.2 ms a step for 1.0, and the bits are the same: what is not chosen adds 0. So
# do rows of zeros past a name's end, and one program serves all lengths: 300 steps take 5 s, where
# one program a length takes 27 s, most of it to make eight programs, and the eager graph 24 s.
def example(name, positions):
    """Return what the model sees and what it should predict at each position, as one-hot rows.

    The predictions have the height 1/n at the n positions of the name, and 0 past its end.
    """
    sequence = tokens(name)
    count = len(sequence) - 1
    padding = [None] * (positions - count)
    seen = [one_hot(token) for token in sequence[:-1] + padding]
    wanted = [one_hot(token, 1 / count) for token in sequence[1:] + padding]
    return seen, wanted


# %% The model
def matrix(rng, outputs, inputs, label):
    """Return rows of random weights, one row an output."""
    return [
        [Value(rng.gauss(0, 0.08), f"{label}.{i}.{j}") for j in range(inputs)]
        for i in range(outputs)
    ]


def linear(weights, x):
    """Return the product of a matrix and a vector: a layer without biases."""
    return [functional.dot(row, x) for row in weights]


def rmsnorm(x):
    """Return the vector scaled to a mean square of 1."""
    scale = (functional.dot(x, x) / len(x) + 1e-5) ** -0.5
    return [element * scale for element in x]


def added(xs, ys):
    """Return the sum of two vectors."""
    return [x + y for x, y in zip(xs, ys, strict=True)]


class GPT(nn.Module):
    """A decoder of one layer: attention, then a perceptron, each added to what came in."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.token_embedding = matrix(rng, EMBEDDING, TOKENS, "wte")  # a column a token
        self.position_embedding = matrix(rng, BLOCK, EMBEDDING, "wpe")  # a row a position
        self.query = matrix(rng, EMBEDDING, EMBEDDING, "wq")
        self.key = matrix(rng, EMBEDDING, EMBEDDING, "wk")
        self.value = matrix(rng, EMBEDDING, EMBEDDING, "wv")
        self.output = matrix(rng, EMBEDDING, EMBEDDING, "wo")
        self.widen = matrix(rng, 4 * EMBEDDING, EMBEDDING, "fc1")
        self.narrow = matrix(rng, EMBEDDING, 4 * EMBEDDING, "fc2")
        self.head = matrix(rng, TOKENS, EMBEDDING, "lm_head")

    def __call__(self, token, keys, values):
        """Return the logits of the token that follows; `keys` and `values` remember the past."""
        position = len(keys)
        x = added(linear(self.token_embedding, token), self.position_embedding[position])
        x = rmsnorm(x)
        x = added(x, self.attention(rmsnorm(x), keys, values))
        x = added(x, self.perceptron(rmsnorm(x)))
        return linear(self.head, x)

    def attention(self, x, keys, values):
        """Return what this position takes from those before it, and from itself."""
        query = linear(self.query, x)
        keys.append(linear(self.key, x))
        values.append(linear(self.value, x))
        size = EMBEDDING // HEADS
        mixed = []
        for start in range(0, EMBEDDING, size):
            part = slice(start, start + size)
            scores = [functional.dot(query[part], key[part]) / size**0.5 for key in keys]
            weights = functional.softmax(scores)
            for i in range(start, start + size):
                mixed.append(functional.dot(weights, [value[i] for value in values]))
        return linear(self.output, mixed)

    def perceptron(self, x):
        """Return the vector after a hidden layer of ReLUs, four times as wide."""
        hidden = [functional.relu(element) for element in linear(self.widen, x)]
        return linear(self.narrow, hidden)

    def loss(self, seen, wanted):
        """Return the mean of -log(probability of the character that follows)."""
        keys, values = [], []
        parts = []
        for token, target in zip(seen, wanted, strict=True):
            logits = self(token, keys, values)
            parts.append(functional.dot(functional.log_softmax(logits), target))
        return -functional.total(parts)


# %% Training: one name a step, Adam, and a rate that falls to 0
def train(model, names, steps, eager=False):
    """Yield (step, loss) for each step; the bits are the same, eager or compiled."""
    parameters = model.parameters()
    rate = 0.01
    optimizer = optim.Adam(parameters, lambda step: rate * (1 - step / steps), betas=(0.85, 0.99))
    run = backpropagated(model.loss) if eager else compile(model.loss, parameters)
    chosen = [names[step % len(names)] for step in range(steps)]
    longest = max(map(len, chosen)) + 1
    for step, name in enumerate(chosen, 1):
        optimizer.zero_grad()
        loss = run(*example(name, len(name) + 1 if eager else longest))
        optimizer.step()
        yield step, loss


def backpropagated(loss):
    """Return the function that does on the eager graph what a compiled loss does."""

    def run(*inputs):
        value = loss(*inputs)
        value.backward()
        return value.data

    return run


# %% Sampling: ask for the next character, draw it, and go on until the name ends
def sample(model, rng, temperature=0.5):
    """Return a new name; a lower temperature takes likelier characters."""
    keys, values = [], []
    name, token = "", BOS
    while len(name) < BLOCK:
        logits = model(one_hot(token), keys, values)
        weights = functional.softmax([logit.data / temperature for logit in logits])
        token = rng.choices(range(TOKENS), weights)[0]
        if token == BOS:
            break
        name += LETTERS[token]
    return name


# %% All of it
def main():
    """Train on the names, print new ones, and hold the loss to its figure."""
    parser = argparse.ArgumentParser(description="Train a character-level GPT on first names.")
    parser.add_argument("--eager", action="store_true", help="do not compile the loss")
    parser.add_argument("--steps", type=int, default=300, help="names to train on, one a step")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--samples", type=int, default=10, help="new names at the end")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps takes a whole number from 1 up, not {options.steps}")

    rng = random.Random(options.seed)
    names = NAMES.read_text(encoding="ascii").split()
    rng.shuffle(names)
    model = GPT(options.seed)
    count = len(model.parameters())
    assert count == 4192
    print(f"{len(names):,} names, {count:,} parameters", flush=True)

    start = time.perf_counter()
    losses = []
    for step, loss in train(model, names, options.steps, options.eager):
        losses.append(loss)
        if step == 1:
            first = time.perf_counter()
            program = "" if options.eager else ", its program included"
            print(f"step 1: loss {loss:.4f}, {first - start:.1f} s{program}", flush=True)
        elif step % max(1, options.steps // 12) == 0:
            left = (time.perf_counter() - first) / (step - 1) * (options.steps - step)
            recent = functional.mean(losses[-25:])
            print(f"step {step}: mean loss {recent:.4f}, {left:.0f} s left", flush=True)
    print(f"trained in {time.perf_counter() - start:.1f} s")

    for _ in range(options.samples):
        print("  " + sample(model, rng))
    last = losses[-100:]
    late = functional.mean(last)
    if options.steps >= 300:
        assert late < 2.5
    print(f"step {step}: mean loss of the last {len(last)} names: {late:.2f}")


if __name__ == "__main__":
    main()

# %% Exercises
# 1. Train for 3,000 steps (half a minute). Which of the new names are in names.txt?
# 2. Sample at the temperatures 0.1 and 2.0. What goes wrong at each end, and why?
# 3. Count how often each character follows each other one, and predict from these 27 x 27 counts:
#    that costs 2.35 a character. After how many steps is the GPT better, and what does it see
#    that the counts do not?
# 4. Take the positions away (an embedding of zeros). Why does attention alone not know that a
#    letter came first?
