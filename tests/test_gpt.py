"""The GPT of demos/17_gpt.py: its size, its bits, and its parts."""

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from microgradnet.checking import gradcheck
from microgradnet.compiling import compile
from microgradnet.engine import Value

DEMO = Path(__file__).parent.parent / "demos" / "17_gpt.py"


@pytest.fixture(scope="module")
def demo(module_of):
    """Return the demo as a module."""
    return module_of(DEMO)


def bits(model):
    """Return every parameter of a model, exactly."""
    return [p.data.hex() for p in model.parameters()]


def test_microgpt_has_4192_parameters(demo) -> None:
    """Of 27 tokens: 2 * 27 * 16 + 16 * 16 + 4 * 16 * 16 + 2 * 4 * 16 * 16."""
    assert len(demo.GPT(seed=0).parameters()) == 4192


def test_training_has_the_same_bits_eager_and_compiled(demo) -> None:
    """Three steps, on names of three lengths: the program pads two of them, the graph none."""
    names = ["ava", "emma", "jo"]
    eager, compiled, untrained = (demo.GPT(seed=1) for _ in range(3))
    assert list(demo.train(eager, names, 3, eager=True)) == list(demo.train(compiled, names, 3))
    assert bits(eager) == bits(compiled)
    assert bits(eager) != bits(untrained)


def test_one_program_serves_every_length(demo) -> None:
    """The rows of a token are floats, so neither letters nor length are fixed in the text."""
    model = demo.GPT(seed=1)
    program = compile(model.loss, model.parameters())
    for name in ("al", "bob", "c"):
        program(*demo.example(name, 4))
    assert program.cache_info().programs == 1


def test_an_embedding_is_looked_up_exactly(demo) -> None:
    """The product with a one-hot row is the column of the token, to the bit."""
    table = demo.GPT(seed=2).token_embedding
    for token in (0, 12, demo.BOS):
        found = demo.linear(table, demo.one_hot(token))
        assert [v.data for v in found] == [row[token].data for row in table]


def test_padding_adds_nothing_to_loss_or_gradient(demo) -> None:
    """The zeros past the end of a name change no bit of the loss and of any gradient."""
    model = demo.GPT(seed=3)
    results = []
    for positions in (3, 5):
        model.zero_grad()
        loss = model.loss(*demo.example("al", positions))
        loss.backward()
        results.append((loss.data, [p.grad for p in model.parameters()]))
    assert results[0] == results[1]


def test_the_loss_is_the_mean_cost_of_the_characters_that_follow(demo) -> None:
    """It is microgpt's own: -log of the softmax at each next token, divided by their number."""
    model = demo.GPT(seed=4)
    sequence = demo.tokens("eve")
    keys, values, costs = [], [], []
    for token, following in pairwise(sequence):
        logits = [v.data for v in model(demo.one_hot(token), keys, values)]
        scale = sum(map(math.exp, logits))
        costs.append(-math.log(math.exp(logits[following]) / scale))
    loss = model.loss(*demo.example("eve", 4))
    assert loss.data == pytest.approx(sum(costs) / 4, rel=1e-13)  # another order of the same sums


def test_a_position_does_not_see_the_ones_after_it(demo) -> None:
    """The logits at BOS are the same, whatever follows."""
    model = demo.GPT(seed=5)
    first = []
    for name in ("al", "zoe"):
        keys, values = [], []
        rows = [model(demo.one_hot(token), keys, values) for token in demo.tokens(name)]
        first.append([v.data for v in rows[0]])
    assert first[0] == first[1]


def test_rmsnorm_gives_a_mean_square_of_1_and_the_right_derivative(demo) -> None:
    """The 1e-5 in it, which keeps it finite at 0, moves the mean square by 1e-5 at the most."""
    rng = random.Random(6)
    x = [Value(rng.uniform(1, 2)) for _ in range(5)]
    assert sum(v.data**2 for v in demo.rmsnorm(x)) / 5 == pytest.approx(1.0, abs=1e-5)
    assert gradcheck(lambda *x: demo.rmsnorm(x)[0] * 2.0, tuple(v.data for v in x))


def test_a_sample_is_drawn_from_the_seed(demo) -> None:
    """The same seed draws the same name, of letters, and no longer than the block."""
    model = demo.GPT(seed=7)
    names = [demo.sample(model, random.Random(8)) for _ in range(2)]
    assert names[0] == names[1]
    assert set(names[0]) <= set(demo.LETTERS)
    assert len(names[0]) <= demo.BLOCK


def test_the_names_are_what_the_readme_of_the_data_says(demo) -> None:
    """5,163 different names of lower-case letters, each with its end within the block."""
    names = demo.NAMES.read_text(encoding="ascii").split()
    assert len(names) == len(set(names)) == 5163
    assert set("".join(names)) == set(demo.LETTERS)
    assert max(map(len, names)) < demo.BLOCK
