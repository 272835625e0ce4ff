"""Losses: their formulas, their stable forms, their gradients, and the targets they refuse."""

import math

import pytest

from microgradnet import Value, functional, losses
from microgradnet.checking import gradcheck


def test_mean_squared_error_is_the_mean_of_squares() -> None:
    """Over outputs (1, 2) and targets (0, 4) the mean square is (1 + 4) / 2."""
    assert losses.mean_squared_error([Value(1.0), Value(2.0)], [0.0, 4.0]).data == 2.5
    assert losses.mean_squared_error(Value(3.0), 1.0).data == 4.0


def test_mean_squared_error_needs_a_target_each() -> None:
    """Two lengths are an error that says both."""
    with pytest.raises(ValueError, match="not 1 for 2"):
        losses.mean_squared_error([Value(1.0), Value(2.0)], [0.0])


@pytest.mark.parametrize(
    ("score", "target", "loss", "slope"),
    [(0.25, 1, 0.75, -1.0), (0.25, -1, 1.25, 1.0), (2.0, 1, 0.0, 0.0), (-2.0, -1, 0.0, 0.0)],
)
def test_hinge_is_the_margin_missed(score, target, loss, slope) -> None:
    """max(0, 1 - target score), with slope -target inside the margin and 0 outside."""
    x = Value(score)
    value = losses.hinge(x, target)
    value.backward()
    assert (value.data, x.grad) == (loss, slope)


@pytest.mark.parametrize("target", [0, 2, 0.5, True - 1])
def test_hinge_refuses_targets_of_zero_and_one(target) -> None:
    """0/1 targets given for -1/+1 are an error with the remedy, not a silent half."""
    with pytest.raises(ValueError, match=r"-1 and \+1, not .*2 \* target - 1"):
        losses.hinge(Value(0.1), target)


@pytest.mark.parametrize("logit", [-1000.0, -30.0, -0.5, 0.0, 2.0, 30.0, 1000.0])
@pytest.mark.parametrize("target", [0, 1, 0.25])
def test_binary_cross_entropy_never_overflows(logit, target) -> None:
    """The loss is -log p of the target, and its slope sigmoid(logit) - target, at any logit."""
    x = Value(logit)
    loss = losses.binary_cross_entropy(x, target)
    loss.backward()
    assert x.grad == pytest.approx(functional.sigmoid(logit) - target, abs=1e-15)
    tail = math.log1p(math.exp(-abs(logit)))
    against = target * max(-logit, 0.0) + (1 - target) * max(logit, 0.0)
    assert loss.data == pytest.approx(against + tail, rel=1e-15)


def test_binary_cross_entropy_refuses_minus_one() -> None:
    """A target of -1 is an error with the remedy."""
    with pytest.raises(ValueError, match=r"from 0 to 1, not -1; of -1 and \+1"):
        losses.binary_cross_entropy(Value(0.1), -1)


def test_cross_entropy_is_stable_and_exact() -> None:
    """At logits of 1,000 the loss is 1,000 or 0, and equal logits give log n."""
    assert losses.cross_entropy([Value(1000.0), Value(0.0)], 1).data == 1000.0
    assert losses.cross_entropy([Value(1000.0), Value(0.0)], 0).data == 0.0
    assert losses.cross_entropy([Value(1e8)] * 4, 2).data == math.log(4)


def test_cross_entropy_slope_is_softmax_minus_target() -> None:
    """The gradient by the logits is softmax - onehot(target)."""
    logits = [Value(v) for v in (0.5, -1.0, 2.0)]
    losses.cross_entropy(logits, 2).backward()
    expected = functional.softmax([0.5, -1.0, 2.0])
    expected[2] -= 1
    assert [v.grad for v in logits] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("index", "error"), [(3, ValueError), (-1, ValueError), (1.0, TypeError)])
def test_cross_entropy_refuses_an_index_that_is_not_there(index, error) -> None:
    """A class index is a whole number from 0 to the number of logits - 1."""
    with pytest.raises(error):
        losses.cross_entropy([Value(0.0)] * 3, index)


def test_every_loss_has_the_gradient_of_its_value() -> None:
    """Finite differences agree with each loss, away from kinks."""
    assert gradcheck(lambda a, b: losses.cross_entropy([a, b, a * b], 1), [0.3, -0.8])
    assert gradcheck(lambda a: losses.binary_cross_entropy(a, 0.3), [1.7])
    assert gradcheck(lambda a, b: losses.mean_squared_error([a, b], [1.0, 2.0]), [0.3, -0.8])
    assert gradcheck(lambda a: losses.hinge(a, -1), [0.3])


def test_cross_entropy_takes_probabilities() -> None:
    """One-hot is the class index, to the bit; others are the mean under them."""
    logits = [0.5, -1.0, 2.0]
    for index in range(3):
        ours, theirs = [Value(v) for v in logits], [Value(v) for v in logits]
        hot = [float(i == index) for i in range(3)]
        one, other = losses.cross_entropy(ours, hot), losses.cross_entropy(theirs, index)
        one.backward()
        other.backward()
        assert (one.data, [v.grad for v in ours]) == (other.data, [v.grad for v in theirs])
    mixed = losses.cross_entropy([Value(v) for v in logits], [0.25, 0.75, 0.0])
    parts = [losses.cross_entropy([Value(v) for v in logits], i).data for i in (0, 1)]
    assert mixed.data == pytest.approx(0.25 * parts[0] + 0.75 * parts[1], rel=1e-14)


def test_cross_entropy_refuses_probabilities_of_another_length() -> None:
    """One for each class."""
    with pytest.raises(ValueError, match="not 2 for 3"):
        losses.cross_entropy([Value(0.0)] * 3, [0.5, 0.5])
