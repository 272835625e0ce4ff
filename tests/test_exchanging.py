"""to_torch and from_torch: PyTorch's outputs and gradients, and what has no counterpart."""

import doctest
import random
import sys

import pytest

from microgradnet import Value, exchanging, nn, saving
from microgradnet.exchanging import ACTIVATIONS, from_torch, to_torch
from microgradnet.pipeline import Pipeline

NEAR = {"rel": 1e-12, "abs": 1e-12}  # the order of additions differs: some roundings of 1e-16 each


@pytest.fixture
def torch():
    """Return PyTorch, where it is installed."""
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def inputs(width, scale=3.0, seed=0):
    """Return some rows of numbers."""
    rng = random.Random(seed)
    return [[rng.gauss(0.0, scale) for _ in range(width)] for _ in range(8)]


def spread(model, seed=1):
    """Return the model with all parameters drawn anew, biases too."""
    rng = random.Random(seed)
    for p in model.parameters():
        p.data = rng.gauss(0.0, 1.5)
    return model


def outputs_and_gradients(model, x):
    """Return a module's outputs, and the gradient of their sum by the parameters and inputs."""
    x = [Value(v) for v in x]
    outputs = model(x)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    model.zero_grad()
    sum(outputs).backward()
    return [v.data for v in outputs], [p.grad for p in model.parameters()], [v.grad for v in x]


def torch_outputs_and_gradients(torch, network, x):
    """Return the same of PyTorch, the gradients in the order of ours."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    network.zero_grad()
    outputs = network(x)
    outputs.sum().backward()
    gradients = []
    for linear in network:
        if isinstance(linear, torch.nn.Linear):
            for row, bias in zip(linear.weight.grad, linear.bias.grad, strict=True):
                gradients += [*row.tolist(), bias.item()]
    return outputs.tolist(), gradients, x.grad.tolist()


@pytest.mark.parametrize("output", ["linear", *ACTIVATIONS])
@pytest.mark.parametrize("activation", ["linear", *ACTIVATIONS])
def test_outputs_and_gradients_agree(activation, output, torch) -> None:
    """Of every activation: outputs, and gradients of parameters and inputs, to 1e-12."""
    model = spread(nn.MLP(3, [4, 2, 2], activation, output, seed=0))
    network = to_torch(model)
    for x in inputs(3):
        ours = outputs_and_gradients(model, x)
        theirs = torch_outputs_and_gradients(torch, network, x)
        for found, expected in zip(theirs, ours, strict=True):
            assert found == pytest.approx(expected, **NEAR)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_agree_far_out(activation, torch) -> None:
    """At 0, near it, and where a plain formula would overflow."""
    model = nn.Neuron(1, activation, seed=0)
    model.w[0].data = 1.0
    network = to_torch(model)
    for x in (
        0.0,
        -0.0,
        1e-9,
        -1e-9,
        19.0,
        21.0,
        39.9,
        40.1,
        -39.9,
        700.0,
        -700.0,
        1000.0,
        -1000.0,
    ):
        ours = outputs_and_gradients(model, [x])
        theirs = torch_outputs_and_gradients(torch, network, [x])
        for found, expected in zip(theirs, ours, strict=True):
            assert found == pytest.approx(expected, **NEAR)


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        (nn.MLP(3, [4, 1], seed=0), [(4, 3), (1, 4)]),
        (nn.MLP(3, [1], seed=0), [(1, 3)]),
        (nn.Layer(3, 2, "tanh", seed=0), [(2, 3)]),
        (nn.Neuron(3, "linear", seed=0), [(1, 3)]),
        (Pipeline(None, nn.MLP(3, [2], seed=0), ["a", "b"]), [(2, 3)]),
    ],
    ids=["mlp", "one layer", "layer", "neuron", "pipeline"],
)
def test_each_kind_becomes_a_sequential(model, shapes, torch) -> None:
    """Linear modules in float64, of the sizes of the layers; of a batch, a row for each row."""
    network = to_torch(model)
    assert type(network) is torch.nn.Sequential
    linears = [part for part in network if isinstance(part, torch.nn.Linear)]
    assert [tuple(linear.weight.shape) for linear in linears] == shapes
    assert {p.dtype for p in network.parameters()} == {torch.float64}
    batch = network(torch.tensor(inputs(3), dtype=torch.float64)).tolist()
    for x, row in zip(inputs(3), batch, strict=True):
        assert row == pytest.approx(outputs_and_gradients(model, x)[0], **NEAR)


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
@pytest.mark.parametrize("activation", ["linear", *ACTIVATIONS])
def test_there_and_back_is_the_same_model(activation, output, torch) -> None:
    """from_torch(to_torch(model)) has the architecture and the bits of the model."""
    model = spread(nn.MLP(2, [3, 1, 2], activation, output, seed=0))
    again = from_torch(to_torch(model))
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()


def test_dropout_goes_there_and_comes_back(torch) -> None:
    """Dropout stands before its Linear; after eval() the outputs agree, and it is left out."""
    model = spread(nn.MLP(3, [4, 2, 2], "tanh", seed=0, dropout=[0.2, 0.0, 0.5]))
    network = to_torch(model)
    kinds = ["Dropout", "Linear", "Tanh", "Linear", "Tanh", "Dropout", "Linear"]
    assert [type(part).__name__ for part in network] == kinds
    assert (network[0].p, network[5].p) == (0.2, 0.5)
    again = from_torch(network)
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()
    assert from_torch(network.eval()).dropout == [0.0, 0.0, 0.0]
    for x in inputs(3):
        ours = outputs_and_gradients(model, x)
        theirs = torch_outputs_and_gradients(torch, network, x)
        for found, expected in zip(theirs, ours, strict=True):
            assert found == pytest.approx(expected, **NEAR)


def test_a_trained_network_of_float32_is_taken_exactly(torch) -> None:
    """Each float32 is a float: the numbers are the same, and the outputs agree as float64's do."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.GELU(), torch.nn.Linear(5, 2))
    model = from_torch(network)
    assert repr(model) == "MLP(3, [5, 2], activation='gelu', output='linear')"
    numbers = []
    for linear in (network[0], network[2]):
        for row, bias in zip(linear.weight.tolist(), linear.bias.tolist(), strict=True):
            numbers += [*row, bias]
    assert list(model.state_dict().values()) == numbers
    for x in inputs(3):
        expected = network.double()(torch.tensor(x, dtype=torch.float64)).tolist()
        assert outputs_and_gradients(model, x)[0] == pytest.approx(expected, **NEAR)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats_are_taken_exactly(dtype, torch) -> None:
    """Half precision is a subset of float64 too."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 2, dtype=getattr(torch, dtype)))
    weights = network[0].weight.double().tolist()
    assert [[w.data for w in n.w] for n in from_torch(network).layers[0].neurons] == weights


def test_a_missing_bias_is_0(torch) -> None:
    """Linear(bias=False) has biases of 0."""
    model = from_torch(torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False)))
    assert [n.b.data for n in model.layers[0].neurons] == [0.0, 0.0]


def test_what_does_nothing_is_left_out(torch) -> None:
    """Flatten, Identity, Dropout after eval(), nested Sequentials and one module used twice."""
    linear, relu = torch.nn.Linear, torch.nn.ReLU()
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Sequential(linear(4, 3), relu), torch.nn.Dropout(0.5),
        linear(3, 3), torch.nn.Identity(), relu, torch.nn.Sequential(), linear(3, 2),
    ).eval()  # fmt: skip
    model = from_torch(network)
    assert repr(model) == "MLP(4, [3, 3, 2], activation='relu', output='linear')"
    expected = network.double()(torch.tensor(inputs(4), dtype=torch.float64)).tolist()
    for x, row in zip(inputs(4), expected, strict=True):
        assert outputs_and_gradients(model, x)[0] == pytest.approx(row, **NEAR)


def test_pytorchs_own_softplus_is_taken(torch) -> None:
    """Its default threshold of 20 is 2.1e-9 away from softplus there, and nearer elsewhere."""
    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Softplus()).double()
    torch.nn.init.ones_(network[0].weight)
    model = from_torch(network)
    assert model.output == "softplus"
    for x in (-30.0, 0.0, 19.9, 20.1, 50.0):
        found = network(torch.tensor([x], dtype=torch.float64)).item()
        assert model([x]).data == pytest.approx(found, rel=1e-15, abs=2.1e-9)


def own(part):
    """Return a Sequential of a Linear class of one's own."""

    class Own(part.Linear):
        def forward(self, x):
            return 2.0 * super().forward(x)

    return part.Sequential(Own(2, 2))


def twice(part):
    """Return a Sequential class of one's own."""

    class Twice(part.Sequential):
        def forward(self, x):
            return super().forward(super().forward(x))

    return Twice(part.Linear(2, 2))


def hooked(part):
    """Return a Sequential with a hook that changes what a Linear gives."""
    network = part.Sequential(part.Linear(2, 2))
    network[0].register_forward_hook(lambda module, x, y: 2.0 * y)
    return network


def normed(part):
    """Return a Sequential whose weights are computed anew in each call."""
    return part.Sequential(part.utils.spectral_norm(part.Linear(2, 2)))


def after_linear(*names, **settings):
    """Return what makes a Sequential of Linear(2, 2) and, after each, a module by its name."""

    def make(part):
        modules = [part.Sequential(part.Linear(2, 2), getattr(part, n)(**settings)) for n in names]
        return part.Sequential(*modules)

    return make


REFUSED = {
    "slope": (after_linear("LeakyReLU", negative_slope=0.2), r"=0.01\).*, not LeakyReLU\(.*0.2\)"),
    "alpha": (after_linear("ELU", alpha=0.5), r"ELU\(alpha=1.0\).*, not ELU\(alpha=0.5\)"),
    "gelu": (after_linear("GELU", approximate="tanh"), "approximate='none'.*, not GELU"),
    "beta": (after_linear("Softplus", beta=2), "beta=1.0.*, not Softplus"),
    "threshold": (after_linear("Softplus", threshold=1), "not Softplus"),
    "softmax": (after_linear("Softmax", dim=1), r"not Softmax\(dim=1\)"),
    "relu6": (after_linear("ReLU6"), "not ReLU6"),
    "norm": (after_linear("BatchNorm1d", num_features=2), "not BatchNorm1d"),
    "dropout": (after_linear("Dropout"), r"Dropout after eval\(\).*, not Dropout"),
    "certain dropout": (
        lambda part: part.Sequential(part.Dropout(1.0), part.Linear(2, 2)),
        r"one Dropout of p below 1, .*, not Dropout\(p=1.0",
    ),
    "dropout twice": (
        lambda part: part.Sequential(part.Dropout(0.2), part.Dropout(0.5), part.Linear(2, 2)),
        r"before each at most one Dropout .*, not Dropout\(p=0.2",
    ),
    "dropout before its activation": (
        lambda part: part.Sequential(
            part.Linear(2, 2), part.Dropout(0.2), part.ReLU(), part.Linear(2, 2)
        ),
        r"not Dropout\(p=0.2",
    ),
    "flatten": (after_linear("Flatten", start_dim=0), "not Flatten"),
    "first": (lambda part: part.Sequential(part.ReLU()), "after each at most one .*, not ReLU"),
    "two": (
        lambda part: part.Sequential(part.Linear(2, 2), part.ReLU(), part.Tanh()),
        "at most one .*, not Tanh",
    ),
    "own": (own, "takes Linear.*, not Own"),
    "twice": (twice, "takes Linear.*, not Twice"),
    "hook": (hooked, "none with hooks, not Linear"),
    "normed": (normed, "none with hooks, not Linear"),
    "sizes": (
        lambda part: part.Sequential(part.Linear(2, 3), part.Linear(2, 2)),
        "fit each other, not Sequential",
    ),
    "empty": (lambda part: part.Sequential(), "fit each other, not Sequential"),
    "mixed": (after_linear("ReLU", "Tanh", "ReLU"), "for all hidden layers, not relu, tanh"),
    "one without": (after_linear("ReLU", "Identity", "ReLU"), "hidden layers, not relu, linear"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_refused(make, message, torch) -> None:
    """Never another function in silence: the error names the module and what is supported."""
    with pytest.raises(ValueError, match=message) as caught:
        from_torch(make(torch.nn))
    assert "; " in str(caught.value)


def test_complex_weights_are_refused(torch) -> None:
    """A Value is real."""
    with pytest.raises(ValueError, match="takes Linear"):
        from_torch(torch.nn.Sequential(torch.nn.Linear(2, 2, dtype=torch.complex64)))


def test_only_a_sequential_is_taken(torch) -> None:
    """A module of another class computes who knows what."""
    with pytest.raises(TypeError, match=r"takes a torch.nn.Sequential, not Linear.*; make one"):
        from_torch(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("activation", ["sin", "exp", "abs", "step", "identity"])
def test_an_activation_that_pytorch_lacks_is_refused(activation, torch) -> None:
    """The error names it, and those that there are."""
    with pytest.raises(
        ValueError, match=f"linear, relu, leaky_relu, .*, not '{activation}'; train"
    ):
        to_torch(nn.MLP(2, [2, 1], activation, seed=0))


def test_only_models_as_their_class_makes_them_are_taken(torch) -> None:
    """A Module of one's own, or one with an exchanged part, would become another function."""
    model = nn.MLP(2, [2, 1], seed=0)
    model.layers[0].neurons[1].activation = "tanh"
    for other in (model, nn.Module(), type("Own", (nn.MLP,), {})(2, [1], seed=0)):
        with pytest.raises(TypeError, match=r"to_torch\(\) takes a Neuron, .*, not "):
            to_torch(other)


def test_pytorchs_random_numbers_are_left_alone(torch) -> None:
    """A program that seeds PyTorch goes on as if nothing had been converted."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    to_torch(nn.MLP(2, [2, 1], seed=0))
    assert torch.equal(torch.get_rng_state(), before)


def test_it_can_be_trained_there(torch) -> None:
    """The parameters are PyTorch's own: an optimiser of theirs moves them, and they come back."""
    network = to_torch(nn.MLP(2, [3, 1], "tanh", seed=0))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    (network(torch.ones(2, dtype=torch.float64)) ** 2).sum().backward()
    optimizer.step()
    model = from_torch(network)
    assert model.state_dict() != nn.MLP(2, [3, 1], "tanh", seed=0).state_dict()
    assert model.layers[0].neurons[0].w[1].data == network[0].weight[0, 1].item()


def test_the_modules_own_example_runs(torch) -> None:
    """The example in the docstring, which is skipped where PyTorch is not installed."""
    text = exchanging.__doc__.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, vars(exchanging), "exchanging", None, None)
    assert len(example.examples) == 3
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("convert", [to_torch, from_torch])
def test_without_pytorch_the_error_says_how_to_get_it(convert, monkeypatch) -> None:
    """ImportError with the command, also where PyTorch is installed but hidden here."""
    monkeypatch.setitem(sys.modules, "torch", None)
    message = rf"^{convert.__name__}\(\) takes PyTorch, which is missing; run pip install torch$"
    with pytest.raises(ImportError, match=message):
        convert(nn.MLP(2, [1], seed=0))


def test_saving_has_them_too() -> None:
    """They are found beside save() and load()."""
    assert (saving.to_torch, saving.from_torch) == (to_torch, from_torch)
