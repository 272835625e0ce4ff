"""Optimisers: PyTorch's rules to 1e-12, schedules, clipping, and what they refuse."""

import math
import random

import pytest

from microgradnet import Value, optim

CASES = {
    "sgd": (lambda p: optim.SGD(p, lr=0.05), lambda t, p: t.SGD(p, lr=0.05)),
    "momentum": (
        lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
        lambda t, p: t.SGD(p, lr=0.05, momentum=0.9),
    ),
    "nesterov": (
        lambda p: optim.SGD(p, lr=0.005, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda t, p: t.SGD(p, lr=0.005, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    "adam": (lambda p: optim.Adam(p, lr=0.02), lambda t, p: t.Adam(p, lr=0.02)),
    "adam_decay": (
        lambda p: optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        lambda t, p: t.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
    "adamw": (
        lambda p: optim.AdamW(p, lr=0.02, eps=1e-4),
        lambda t, p: t.AdamW(p, lr=0.02, eps=1e-4),
    ),
}


def _loss(p):
    # Curved, coupled and smooth, on Values and on tensors alike.
    return (p[0] - 1.5) ** 2 + 3.0 * (p[1] + p[0] * p[2]) ** 2 + (p[2] * p[2] + 1.0) ** 0.5


@pytest.mark.parametrize("case", CASES)
def test_100_steps_are_pytorch_s(case) -> None:
    """After each of 100 steps every parameter is PyTorch's to 1e-12."""
    torch = pytest.importorskip("torch")
    start = [random.Random(case).uniform(-2, 2) for _ in range(3)]
    ours = [Value(v) for v in start]
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in start]
    optimizer, reference = CASES[case][0](ours), CASES[case][1](torch.optim, theirs)
    for _ in range(100):
        for step, parameters in ((optimizer, ours), (reference, theirs)):
            step.zero_grad()
            _loss(parameters).backward()
            step.step()
        assert [p.data for p in ours] == pytest.approx([p.item() for p in theirs], abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_every_optimiser_goes_downhill(case) -> None:
    """200 steps from one start lower the loss, the same to the bit each time."""
    ends = []
    for _ in range(2):
        parameters = [Value(v) for v in (-1.0, 0.5, 1.0)]
        optimizer = CASES[case][0](parameters)
        start = _loss(parameters).data
        for _ in range(200):
            optimizer.zero_grad()
            _loss(parameters).backward()
            optimizer.step()
        ends.append([p.data for p in parameters])
        assert _loss(parameters).data < 0.5 * start
    assert ends[0] == ends[1]


def test_adam_corrects_its_bias() -> None:
    """The first step of Adam is lr in the direction against the gradient, whatever its size."""
    x = Value(1.0)
    optimizer = optim.Adam([x], lr=0.1, eps=0.0)
    x.grad = 1e-3
    optimizer.step()
    assert x.data == pytest.approx(0.9, rel=1e-15)


def test_the_learning_rate_may_be_a_function_of_the_step() -> None:
    """lr(0), lr(1), ... are the rates of the steps, as in micrograd's demo."""
    x = Value(0.0)
    optimizer = optim.SGD([x], lr=lambda step: 1.0 - 0.9 * step / 100)
    moves = []
    for _ in range(3):
        x.data, x.grad = 0.0, 1.0
        optimizer.step()
        moves.append(-x.data)
    assert moves == [1.0, 1.0 - 0.9 / 100, 1.0 - 0.9 * 2 / 100]


def test_a_shared_parameter_moves_once() -> None:
    """A parameter named twice takes one step, not two."""
    x = Value(1.0)
    optimizer = optim.SGD([x, x], lr=0.5)
    x.grad = 1.0
    optimizer.step()
    assert x.data == 0.5


def test_clip_grad_norm_scales_all_gradients_together() -> None:
    """A gradient of norm 5 is scaled to 1 and its direction kept; the norm before is returned."""
    values = [Value(0.0), Value(0.0)]
    values[0].grad, values[1].grad = 3.0, -4.0
    assert optim.clip_grad_norm(values, 1.0) == 5.0
    assert [v.grad for v in values] == pytest.approx([0.6, -0.8], rel=1e-6)
    assert optim.clip_grad_norm(values, 10.0) == pytest.approx(1.0)
    assert [v.grad for v in values] == pytest.approx([0.6, -0.8], rel=1e-6)


def test_clip_grad_norm_is_pytorch_s() -> None:
    """The scaled gradients are PyTorch's to 1e-15."""
    torch = pytest.importorskip("torch")
    ours, theirs = [], []
    for gradient in (3.0, -4.0, 0.5):
        ours.append(Value(0.0))
        ours[-1].grad = gradient
        theirs.append(torch.zeros((), dtype=torch.float64, requires_grad=True))
        theirs[-1].grad = torch.tensor(gradient, dtype=torch.float64)
    optim.clip_grad_norm(ours, 0.7)
    torch.nn.utils.clip_grad_norm_(theirs, 0.7)
    assert [v.grad for v in ours] == pytest.approx([t.grad.item() for t in theirs], rel=1e-15)


def test_clip_grad_value_bounds_each_gradient() -> None:
    """Each gradient is moved into the range alone; nan stays nan."""
    values = [Value(0.0) for _ in range(3)]
    for v, gradient in zip(values, (3.0, -0.5, -math.inf), strict=True):
        v.grad = gradient
    optim.clip_grad_value(values, 1.0)
    assert [v.grad for v in values] == [1.0, -0.5, -1.0]
    values[0].grad = math.nan
    optim.clip_grad_value(values, 1.0)
    assert math.isnan(values[0].grad)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([], 0.1), ValueError, "at least one parameter"),
        (lambda: optim.SGD([1.0], 0.1), TypeError, "leaf Values, not 1.0"),
        (lambda: optim.SGD([Value(1.0) * 2], 0.1), TypeError, "leaf Values"),
        (lambda: optim.SGD([Value(1.0)], -0.1), ValueError, "lr takes a number from 0 up"),
        (lambda: optim.SGD([Value(1.0)], math.nan), ValueError, "lr takes a number from 0 up"),
        (lambda: optim.SGD([Value(1.0)], 0.1, nesterov=True), ValueError, "momentum above 0"),
        (lambda: optim.Adam([Value(1.0)], betas=(0.9, 1.0)), ValueError, "betas are two numbers"),
        (lambda: optim.clip_grad_norm([], -1.0), ValueError, "maximum takes a number"),
    ],
)
def test_bad_settings_are_refused(make, error, message) -> None:
    """Each wrong setting is an error with the rule and what was given."""
    with pytest.raises(error, match=message):
        make()
