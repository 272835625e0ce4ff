"""Neurons, layers and MLPs: shapes, names, seeds, states, and micrograd's own demo."""

import copy
import pickle
import random

import pytest

from microgradnet import Value, nn
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
    from microgradnet.engine import graph

    leaves, _ = graph(MLP(2, [8, 1], seed=0)([1.0, 2.0]))
    assert len(leaves) == 8 * 3 + 9 + 2


def test_a_wide_neuron_has_no_recursion() -> None:
    """A neuron with 5,000 inputs runs forwards and backwards."""
    neuron = Neuron(5000, seed=0)
    neuron([1.0] * 5000).backward()
    assert nn.Neuron is Neuron
