"""gradcheck: right gradients pass, wrong ones are found, kinks are named, inputs are put back."""

import math

import pytest

from microgradnet import Value, losses, nn
from microgradnet.checking import gradcheck


def test_a_right_gradient_passes() -> None:
    """Smooth functions of several inputs agree to 1e-9."""
    report = gradcheck(lambda x, y: (x * y).tanh() + (y / x).exp(), [1.5, -0.5], tolerance=1e-9)
    assert report
    assert [d.name for d in report.derivatives] == ["0", "1"]


def test_a_wrong_gradient_is_found_and_marked() -> None:
    """A gradient derived by hand with one wrong sign fails in its line only."""
    report = gradcheck(lambda x, y: x * y, [2.0, 3.0], gradient=[3.0, -2.0])
    assert not report
    assert [d.agrees for d in report.derivatives] == [True, False]
    assert "1 of 2 derivatives disagree" in str(report)
    assert [line.endswith("<- wrong") for line in str(report).splitlines()[2:]] == [False, True]


def test_a_kink_is_named() -> None:
    """relu at 0 has two slopes: what lies between passes with a word, what lies outside fails."""
    assert "(a kink: each side has its own slope)" in str(gradcheck(lambda x: x.relu(), [0.0]))
    assert gradcheck(abs, [0.0])
    assert not gradcheck(lambda x: x.relu(), [0.0], gradient=[1.5])


def test_nan_agrees_with_nothing() -> None:
    """A gradient that is nan is wrong."""
    assert not gradcheck(lambda x: x * 2, [1.0], gradient=[math.nan])


def test_parameters_are_nudged_and_put_back() -> None:
    """Leaf Values are checked where they stand, by label, and end with their data and grad."""
    model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    model.layers[0].neurons[0].b.grad = 7.0
    before = [(p.data, p.grad) for p in model.parameters()]
    report = gradcheck(
        lambda *_: losses.mean_squared_error(model([0.3, -0.2]), 0.7), model.parameters()
    )
    assert report
    assert report.derivatives[0].name == "layers.0.neurons.0.w.0"
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_an_error_in_the_function_puts_the_inputs_back() -> None:
    """A function that fails half-way leaves data and grad as they were."""
    x = Value(0.0, label="x")
    with pytest.raises(ValueError, match=r"domain|positive"):
        gradcheck(lambda x: (x + 1e-9).log(), [x])
    assert (x.data, x.grad) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("f", "inputs", "error", "message"),
    [
        (lambda x: 3.0, [1.0], TypeError, "returns a Value, not 3.0"),
        (lambda x: x * 2, ["1"], TypeError, "real number, not '1'"),
        (lambda x: x * 2, [Value(1.0) * 2], TypeError, "numbers or leaf Values"),
    ],
)
def test_bad_input_is_refused(f, inputs, error, message) -> None:
    """A function or an input of the wrong kind is a TypeError with the rule."""
    with pytest.raises(error, match=message):
        gradcheck(f, inputs)


def test_a_gradient_of_the_wrong_length_is_refused() -> None:
    """The gradient by hand has one number per input."""
    with pytest.raises(ValueError, match="takes 1 numbers, not 2"):
        gradcheck(lambda x: x, [1.0], gradient=[1.0, 2.0])
