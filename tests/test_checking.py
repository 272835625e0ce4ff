"""gradcheck: right derivatives pass, wrong ones are found, kinks are named, inputs are put back."""

import math
import random

import pytest

from microgradnet import Value, losses, nn
from microgradnet.calculus import grad
from microgradnet.checking import gradcheck
from microgradnet.operations import OPERATIONS, RUNTIME, binary, unary


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
    assert "1 of 2 derivatives differs" in str(report)
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


def test_a_function_that_returns_its_input_is_checked() -> None:
    """What f gives is read before the input is nudged again, also where it is the input itself."""
    assert [d.numeric for d in gradcheck(lambda x: x, [1.0], order=2).derivatives] == [1.0, 0.0]
    assert gradcheck(lambda x, y: x * y, [2.0, 3.0], order=2)


# ---- nested inputs -----------------------------------------------------------------------------


def test_nested_inputs_are_named_by_their_places() -> None:
    """f gets the structure that it is given, and each number has a line, by place or by label."""

    def f(v, scale, p):
        assert type(v) is list
        assert type(v[1]) is tuple
        return v[0] * v[1][0] * scale * p["w"]

    report = gradcheck(f, [[2.0, (3.0,)], 5.0, {"w": Value(7.0, label="weight")}], order=2)
    assert report
    names = ["0[0]", "0[1][0]", "1", "weight"]
    assert [d.name for d in report.derivatives[:4]] == names
    assert [d.analytic for d in report.derivatives[:4]] == [105.0, 70.0, 42.0, 30.0]


def test_a_nested_gradient_by_hand() -> None:
    """A gradient by hand may be nested as the inputs are."""
    assert gradcheck(lambda v: v[0] * v[1], [[2.0, 3.0]], gradient=[[3.0, 2.0]])
    assert not gradcheck(lambda v: v[0] * v[1], [[2.0, 3.0]], gradient=[[2.0, 3.0]])


def test_inputs_that_are_no_list_are_refused() -> None:
    """A number alone is a TypeError that shows the list to write."""
    with pytest.raises(TypeError, match=r"a list of inputs, not 2.0; write \[2.0\]"):
        gradcheck(lambda x: x, 2.0)


# ---- second derivatives ------------------------------------------------------------------------


def test_second_derivatives_follow_the_first() -> None:
    """By every two inputs, in order: of x y y at (2, 3) they are 0, 2 y, 2 y, 2 x."""
    report = gradcheck(lambda x, y: x * y * y, [Value(2.0, label="x"), Value(3.0, "y")], order=2)
    assert report
    assert [(d.name, d.analytic) for d in report.derivatives] == [
        *[("x", 9.0), ("y", 12.0)],
        *[("x, x", 0.0), ("x, y", 6.0), ("y, x", 6.0), ("y, y", 4.0)],
    ]
    assert str(report).splitlines()[5].startswith("  x, y ")


def test_second_derivatives_of_random_networks_pass() -> None:
    """The loss of a small smooth network agrees by every two parameters, and all is put back."""
    rng = random.Random(11)
    model = nn.MLP(2, [2, 1], activation="tanh", seed=1)
    parameters = model.parameters()
    for p in parameters:
        p.data, p.grad = rng.uniform(-1.0, 1.0), rng.random()
    before = [(p.data, p.grad) for p in parameters]
    report = gradcheck(
        lambda *_: losses.mean_squared_error(model([0.3, -0.2]), 0.7), parameters, order=2
    )
    assert report
    assert len(report.derivatives) == len(parameters) * (len(parameters) + 1)
    assert [(p.data, p.grad) for p in parameters] == before


@pytest.fixture
def wrong():
    """Name an operation that a test defines, and forget it afterwards."""
    yield "test_wrong"
    del OPERATIONS["test_wrong"], RUNTIME["test_wrong"], RUNTIME["test_wrong_rule"]


def test_a_wrong_second_derivative_is_found(wrong) -> None:
    """A rule with the right first derivative and a wrong second one fails in that line only."""
    report = gradcheck(unary(wrong, "{x} * {x}", "2.0 * detach({x})"), [3.0], order=2)
    assert [(d.name, d.analytic, d.agrees) for d in report.derivatives] == [
        ("0", 6.0, True),
        ("0, 0", 0.0, False),
    ]
    assert "1 of 2 derivatives differs" in str(report)


def test_a_wrong_first_derivative_is_differentiated_as_it_is(wrong) -> None:
    """Second derivatives are compared with the analytic first: what is wrong has one line."""
    report = gradcheck(binary(wrong, "{x} * {y}", "{y}", "2.0 * {x}"), [3.0, 5.0], order=2)
    assert [d.agrees for d in report.derivatives] == [True, False, True, True, True, True]
    assert [d.numeric for d in report.derivatives[3:5]] == pytest.approx([1.0, 2.0])


def test_a_kink_of_the_first_derivative_is_named() -> None:
    """The slope of relu jumps at 0, so there is no second derivative: both lines say so."""
    report = gradcheck(lambda x: x.relu(), [0.0], order=2)
    assert [(d.kink, d.agrees) for d in report.derivatives] == [(True, True), (True, True)]


def test_a_gradient_by_hand_stands_for_the_first_derivatives_only() -> None:
    """The second derivatives are those of f, whatever the first are said to be."""
    report = gradcheck(lambda x: x**3, [2.0], gradient=[7.0], order=2)
    assert [(d.analytic, d.agrees) for d in report.derivatives] == [(7.0, False), (12.0, True)]


def test_a_derivative_inside_the_function_is_checked() -> None:
    """grad() of a number gives a Value inside f: it is differentiated again, by what f is given."""
    assert gradcheck(lambda x: grad(lambda y: x * x * y * y)(3.0), [2.0], order=2)


def test_an_error_in_a_second_derivative_puts_the_inputs_back() -> None:
    """Where the second derivative does not exist the error comes through, and data is as before."""
    x = Value(0.0, label="x")
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: abs(x) ** 1.5, [x], order=2)
    assert (x.data, x.grad) == (0.0, 0.0)


@pytest.mark.parametrize("order", [0, 3, "2", None])
def test_another_order_is_refused(order) -> None:
    """Orders 1 and 2 are checked; what to do for more stands in the message."""
    with pytest.raises(ValueError, match=r"order takes 1 or 2, not .*grad\(f\)"):
        gradcheck(lambda x: x, [1.0], order=order)


def test_a_third_order_is_checked_through_grad() -> None:
    """The remedy works: grad(f) to order 2 has the second and third derivatives of f."""
    report = gradcheck(grad(lambda x: x**4), [2.0], order=2)
    assert report
    assert [d.analytic for d in report.derivatives] == [48.0, 48.0]


def test_a_curve_is_no_kink() -> None:
    """A wrong slope of a strongly curved function is wrong: its two sides come together."""
    assert gradcheck(lambda x: x.log(), [1e-5])
    assert not gradcheck(lambda x: x.log(), [1e-5], gradient=[1.3e5])
    assert not gradcheck(lambda x: 1 / x, [1e-3], gradient=[-1.004e6])
    assert gradcheck(lambda x: abs(x), [1e-3])
