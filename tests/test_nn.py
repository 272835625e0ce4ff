"""Neurons, layers and MLPs: shapes, names, seeds, states, and micrograd's own demo."""

import copy
import itertools
import math
import pickle
import random

import pytest

from microgradnet import Value, compile, nn
from microgradnet.engine import graph
from microgradnet.nn import MLP, Layer, Module, Neuron


def test_a_neuron_is_its_formula() -> None:
    """A neuron computes activation(b + w0 x0 + w1 x1), in that order."""
    neuron = Neuron(2, "tanh", seed=3)
    x = [0.5, -1.5]
    expected = neuron.b.data + neuron.w[0].data * x[0] + neuron.w[1].data * x[1]
    assert neuron(x).data == Value(expected).tanh().data


def test_width_decides_what_a_model_gives() -> None:
    """A last layer of width 1 gives one Value, a wider one a list; a Layer always a list."""
    assert isinstance(MLP(2, [3, 1], seed=0)([1, 2]), Value)
    assert len(MLP(2, [3, 2], seed=0)([1, 2])) == 2
    assert len(Layer(2, 1, seed=0)([1, 2])) == 1


def test_a_hidden_layer_of_width_one_works() -> None:
    """A layer of width 1 in the middle passes a list on."""
    assert len(MLP(2, [1, 3], seed=0)([1.0, 2.0])) == 3


@pytest.mark.parametrize(
    ("model", "inputs", "sizes"),
    [
        (MLP(3, [2, 1], seed=0), [1, 2], ("3", "2")),
        (Neuron(3, seed=0), [], ("3", "0")),
        (Layer(1, 2, seed=0), [1, 2], ("1", "2")),
    ],
)
def test_a_wrong_input_size_names_both_sizes(model, inputs, sizes) -> None:
    """Too few or too many inputs are an error that says how many there should be."""
    with pytest.raises(ValueError, match=f"takes {sizes[0]} inputs, not {sizes[1]}"):
        model(inputs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(2, []), "nouts takes the widths"),
        (lambda: MLP(2, 3), "nouts takes the widths"),
        (lambda: MLP(0, [1]), "nin takes a whole number"),
        (lambda: Layer(2, 0), "nout takes a whole number"),
        (lambda: Neuron(2, "rleu"), "activation is one of linear, .*relu.*not 'rleu'"),
        (lambda: Neuron(2, init="magic"), "init is one of uniform, lecun, xavier, he"),
        (lambda: MLP(2, [2, 1], dropout=1.0), "shares from 0 to below 1, not 1.0; 0 leaves"),
        (lambda: MLP(2, [1], dropout=-0.1), "shares from 0 to below 1, not -0.1"),
        (lambda: MLP(2, [2, 1], dropout=float("nan")), "shares from 0 to below 1, not nan"),
        (lambda: MLP(2, [2, 1], dropout=[0.2, "0.5"]), "shares from 0 to below 1, not '0.5'"),
        (lambda: MLP(2, [2, 1], dropout=[0.5]), r"sequence of 2, .* each layer, not \[0.5\]; try"),
        (lambda: MLP(2, [2, 1], dropout="ab"), "a share, or a sequence of 2, .*not 'ab'"),
        (lambda: MLP(2, [2, 1], dropout=None), "a share, or a sequence of 2, .*not None"),
        (lambda: MLP(2, [3, 1], dropout=0.5)([1, 2], [2.0]), r"takes 3 masks, not 1; .*masks\(rng"),
        (lambda: MLP(2, [3, 1], dropout=0.5)([1, 2], []), "takes 3 masks, not 0"),
        (lambda: MLP(2, [3, 1])([1, 2], [1.0]), "takes 0 masks, not 1"),
    ],
)
def test_a_wrong_shape_or_name_is_refused(make, message) -> None:
    """Sizes are whole numbers from 1 up; names are those that exist, and the error lists them."""
    with pytest.raises(ValueError, match=message):
        make()


def test_parameters_have_paths() -> None:
    """named_parameters() gives the path by attributes and indices, which is also the label."""
    model = MLP(3, [4, 2], seed=0)
    named = dict(model.named_parameters())
    assert list(named)[:4] == [f"layers.0.neurons.0.{p}" for p in ("w.0", "w.1", "w.2", "b")]
    assert named["layers.1.neurons.1.w.3"] is model.layers[1].neurons[1].w[3]
    assert all(path == p.label for path, p in named.items())
    assert len(named) == len(model.parameters()) == 4 * 4 + 2 * 5


def test_a_module_of_ones_own_finds_its_parameters() -> None:
    """Values in attributes, lists, dicts and modules are parameters, each once; results are not."""

    class Own(Module):
        def __init__(self):
            self.scale = Value(2.0)
            self.tied = [self.scale, {"bias": Value(1.0)}]
            self.body = MLP(1, [1], seed=0)
            self.cache = self.scale * 2

    assert [path for path, _ in Own().named_parameters()] == [
        "scale", "tied.1.bias", "body.layers.0.neurons.0.w.0", "body.layers.0.neurons.0.b",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_weights_and_layers_differ() -> None:
    """A seed fixes every weight; two layers of one shape do not repeat each other."""
    one, two = MLP(2, [2, 2, 2], seed=7), MLP(2, [2, 2, 2], seed=7)
    assert one.state_dict() == two.state_dict() != MLP(2, [2, 2, 2], seed=8).state_dict()
    weights = [[w.data for n in layer.neurons for w in n.w] for layer in one.layers]
    assert weights[0] != weights[1] != weights[2]


def test_without_a_seed_the_module_random_decides() -> None:
    """random.seed() holds, as for micrograd's users: uniform(-1, 1) per weight, biases 0."""
    random.seed(1337)
    model = MLP(2, [2, 1])
    rng = random.Random(1337)
    assert [w.data for layer in model.layers for n in layer.neurons for w in n.w] == [
        rng.uniform(-1, 1) for _ in range(6)
    ]
    assert all(n.b.data == 0.0 for layer in model.layers for n in layer.neurons)


@pytest.mark.parametrize(
    ("init", "variance"),
    [("uniform", 1 / 3), ("lecun", 1 / 50), ("xavier", 2 / 150), ("he", 2 / 50)],
)
def test_initialisations_have_their_variance(init, variance) -> None:
    """Each named initialisation draws weights of mean 0 and its variance (5,000 weights: 5 %)."""
    weights = [w.data for n in Layer(50, 100, init=init, seed=1).neurons for w in n.w]
    mean = sum(weights) / len(weights)
    assert abs(mean) < 4 * (variance / len(weights)) ** 0.5
    assert sum(w * w for w in weights) / len(weights) == pytest.approx(variance, rel=0.08)


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu", "leaky_relu", "elu", "gelu"])
def test_every_activation_trains(activation) -> None:
    """Each activation by name gives an output whose gradient reaches the first weight."""
    model = MLP(2, [4, 1], activation=activation, seed=2)
    model([0.5, 0.25]).backward()
    assert any(w.grad for n in model.layers[0].neurons for w in n.w)


def test_a_state_goes_from_model_to_model() -> None:
    """load_state_dict() of state_dict() makes a model that answers alike, to the bit."""
    one, two = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=2)
    two.load_state_dict(one.state_dict())
    assert one([0.1, 0.2]).data == two([0.1, 0.2]).data


@pytest.mark.parametrize("fault", ["missing", "unknown", "text"])
def test_a_wrong_state_changes_nothing(fault) -> None:
    """A missing, unknown or unreadable entry is an error, and the model is as before."""
    model = MLP(2, [2, 1], seed=1)
    before = model.state_dict()
    state = dict.fromkeys(before, 9.0)
    if fault == "missing":
        del state["layers.1.neurons.0.b"]
    elif fault == "unknown":
        state["layers.9.w"] = 1.0
    else:
        state["layers.1.neurons.0.b"] = "1.0"
    with pytest.raises((ValueError, TypeError), match=r"layers\.|'1.0'"):
        model.load_state_dict(state)
    assert model.state_dict() == before


def test_zero_grad_clears_every_parameter() -> None:
    """zero_grad() sets each parameter's grad to 0, so the next backward starts afresh."""
    model = MLP(2, [2, 1], seed=1)
    model([1.0, 2.0]).backward()
    once = [p.grad for p in model.parameters()]
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {0.0}
    model([1.0, 2.0]).backward()
    assert [p.grad for p in model.parameters()] == once


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_model_is_whole_and_separate(copied) -> None:
    """Pickle and deepcopy give a model with the same answers and its own gradients."""
    model = MLP(2, [3, 1], activation="tanh", seed=1)
    twin = copied(model)
    assert twin([1.0, 2.0]).data == model([1.0, 2.0]).data
    twin([1.0, 2.0]).backward()
    assert any(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())


def test_print_says_sizes_and_counts() -> None:
    """print(model) shows each layer with its size, activation and number of parameters."""
    assert str(MLP(2, [16, 16, 1], seed=0)).splitlines() == [
        "MLP(2, [16, 16, 1], activation='relu', output='linear'): 337 parameters",
        "  layers.0  Layer(2, 16, activation='relu'): 48 parameters",
        "  layers.1  Layer(16, 16, activation='relu'): 272 parameters",
        "  layers.2  Layer(16, 1, activation='linear'): 17 parameters",
    ]
    assert str(Neuron(1)) == "Neuron(1, activation='relu'): 2 parameters"


def test_numbers_become_one_leaf_each() -> None:
    """An input number is one Value, shared by the neurons, not one for every weight."""
    leaves, _ = graph(MLP(2, [8, 1], seed=0)([1.0, 2.0]))
    assert len(leaves) == 8 * 3 + 9 + 2


def test_a_wide_neuron_has_no_recursion() -> None:
    """A neuron with 5,000 inputs runs forwards and backwards."""
    neuron = Neuron(5000, seed=0)
    neuron([1.0] * 5000).backward()
    assert nn.Neuron is Neuron


# ---- dropout -----------------------------------------------------------------------------------


def test_dropout_is_a_share_for_the_hidden_layers_or_one_for_each_input() -> None:
    """One number leaves the inputs alone; a sequence begins with them."""
    assert MLP(4, [3, 2, 1], seed=0).dropout == [0.0, 0.0, 0.0]
    assert MLP(4, [3, 2, 1], dropout=0.5, seed=0).dropout == [0.0, 0.5, 0.5]
    assert MLP(4, [3, 2, 1], dropout=(0.2, 0, 0.5), seed=0).dropout == [0.2, 0.0, 0.5]
    assert MLP(4, [1], dropout=[0.2], seed=0).dropout == [0.2]


def test_masks_are_in_the_order_of_the_units() -> None:
    """Inputs first, then the units of the hidden layers; none where the share is 0."""
    model = MLP(4, [3, 5, 2], dropout=[0.5, 0.0, 0.75], seed=0)
    masks = model.masks(random.Random(0))
    assert len(masks) == 4 + 5
    assert set(masks[:4]) <= {0.0, 2.0}
    assert set(masks[4:]) <= {0.0, 4.0}
    assert masks == model.masks(random.Random(0)) != model.masks(random.Random(1))
    assert MLP(4, [3, 1], seed=0).masks(random.Random(0)) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_masks_drop_their_share(share) -> None:
    """Of 10,000 units the share is 0, to four standard deviations; the others are 1 / (1 - p)."""
    model = MLP(1, [100, 1], dropout=share, seed=0)
    rng = random.Random(1)
    masks = [mask for _ in range(100) for mask in model.masks(rng)]
    deviation = math.sqrt(share * (1 - share) / len(masks))
    assert masks.count(0.0) / len(masks) == pytest.approx(share, abs=4 * deviation)
    assert masks.count(1 / (1 - share)) == len(masks) - masks.count(0.0)


def test_masks_multiply_the_units() -> None:
    """model(x, masks) is the formula with each unit times its mask."""
    model = MLP(2, [2, 1], "tanh", dropout=[0.5, 0.2], seed=3)
    x, masks = [0.5, -1.5], [2.0, 0.0, 0.0, 1.25]
    hidden, output = model.layers
    units = [unit.data * mask for unit, mask in zip(hidden([1.0, -0.0]), masks[2:], strict=True)]
    assert model(x, masks).data == output(units)[0].data


def test_the_mean_over_all_masks_is_the_answer_without() -> None:
    """Of a linear network exactly: masks times probabilities, in numbers of few bits."""
    rng = random.Random(0)
    model = MLP(2, [3, 1], "linear", dropout=[0.5, 0.75], seed=0)
    for p in model.parameters():
        p.data = rng.randrange(-16, 16) / 8
    shares = [0.5] * 2 + [0.75] * 3
    units = [[(0.0, share), (1 / (1 - share), 1 - share)] for share in shares]
    x, mean, total = [0.75, -1.25], 0.0, 0.0
    for drawn in itertools.product(*units):
        probability = math.prod(likely for _, likely in drawn)
        mean += probability * model(x, [mask for mask, _ in drawn]).data
        total += probability
    assert total == 1.0
    assert mean == model(x).data != 0.0


def test_units_left_out_have_gradients_of_0() -> None:
    """Neither the weights into a unit that is left out move, nor those that lead on from it."""
    model = MLP(3, [3, 2], "tanh", dropout=[0.5, 0.5], seed=1)
    first, second, third = model.layers[0].neurons
    sum(model([1.0, 2.0, -1.0], [2.0, 0.0, 2.0, 2.0, 0.0, 2.0])).backward()
    assert {p.grad for p in second.parameters()} == {0.0}
    for neuron in (first, third):
        assert [p.grad != 0.0 for p in (*neuron.w, neuron.b)] == [True, False, True, True]
    for neuron in model.layers[1].neurons:
        assert [p.grad != 0.0 for p in (*neuron.w, neuron.b)] == [True, False, True, True]


def test_without_masks_dropout_changes_nothing() -> None:
    """The graph, the bits and the labels are those of a network without dropout."""
    found = []
    for dropout in (0.0, [0.2, 0.5]):
        model = MLP(2, [4, 1], seed=1, dropout=dropout)
        leaves, results = graph(model([1.0, -2.0]))
        found.append([(v.data, v.op, v.label) for v in (*leaves, *results)])
    assert found[0] == found[1]


def test_compiled_masks_vary() -> None:
    """One program takes all masks, and gives the bits of the eager model."""
    model = MLP(2, [4, 1], "tanh", dropout=0.5, seed=1)
    program, rng = compile(model), random.Random(0)
    for _ in range(10):
        masks = model.masks(rng)
        assert program([1.0, -2.0], masks) == model([1.0, -2.0], masks).data
    assert program.cache_info().shapes == 1


def test_print_shows_dropout() -> None:
    """The shares stand in the repr, where there are any."""
    assert (
        repr(MLP(2, [4, 1], dropout=0.5, seed=0))
        == "MLP(2, [4, 1], activation='relu', output='linear', dropout=[0.0, 0.5])"
    )
    assert "dropout" not in str(MLP(2, [4, 1], seed=0))


def test_two_parameters_of_one_path_are_refused():
    """One of them would be lost in a saved model."""

    class Table(Module):
        def __init__(self):
            self.entries = {1: Value(3.0), "1": Value(4.0)}

    with pytest.raises(ValueError, match=r"Table\(\) takes parameters with a path each.*entries.1"):
        Table().state_dict()


def test_a_part_may_know_the_whole():
    """A child with its parent is walked through once."""

    class Part(Module):
        def __init__(self, whole=None):
            self.whole, self.w = whole, Value(1.0)
            self.parts = [] if whole else [Part(self), Part(self)]

    assert [path for path, _ in Part().named_parameters()] == ["w", "parts.0.w", "parts.1.w"]
