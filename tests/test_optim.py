"""Optimisers: PyTorch's rules to 1e-12, schedules, clipping, BFGS, and what they refuse."""

import itertools
import math
import random
from decimal import Decimal
from fractions import Fraction

import pytest

from microgradnet import Value, compile, data, fit, losses, optim

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
        (lambda: optim.SGD([1.0], 0.1), TypeError, "leaf Values as parameters, not 1.0"),
        (lambda: optim.SGD([Value(1.0) * 2], 0.1), TypeError, "leaf Values"),
        (lambda: optim.SGD([Value(1.0)], -0.1), ValueError, "lr takes a number from 0 up"),
        (lambda: optim.SGD([Value(1.0)], math.nan), ValueError, "lr takes a number from 0 up"),
        (lambda: optim.SGD([Value(1.0)], 0.1, nesterov=True), ValueError, "momentum above 0"),
        (lambda: optim.Adam([Value(1.0)], betas=(0.9, 1.0)), ValueError, "betas takes two numbers"),
        (lambda: optim.clip_grad_norm([], -1.0), ValueError, "maximum takes a number"),
        (lambda: optim.BFGS([]), ValueError, "at least one parameter"),
        (lambda: optim.BFGS([Value(1.0)], math.nan), ValueError, "tolerance takes a number"),
    ],
)
def test_bad_settings_are_refused(make, error, message) -> None:
    """Each wrong setting is an error with the rule and what was given."""
    with pytest.raises(error, match=message):
        make()


# ---- BFGS ----------------------------------------------------------------------------------------


def rosenbrock():
    """Return the two coordinates where the search starts, and the function's closure."""
    x, y = Value(-1.2), Value(1.0)

    def closure():
        loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        loss.backward()
        return loss

    return [x, y], closure


def test_bfgs_finds_rosenbrock_s_minimum() -> None:
    """From (-1.2, 1) it is at (1, 1) to 1e-8 in under 60 steps, each to a lower loss."""
    parameters, closure = rosenbrock()
    found = optim.BFGS(parameters, tolerance=1e-8).minimise(closure)
    assert [p.data for p in parameters] == pytest.approx([1.0, 1.0], abs=1e-8)
    assert found[0] == (1 + 1.2) ** 2 + 100 * (1.0 - 1.2 * 1.2) ** 2
    assert len(found) - 1 < 60
    assert all(after < before for before, after in itertools.pairwise(found))


def test_bfgs_steps_are_those_of_minimise() -> None:
    """Calls of step() return the losses of minimise(), and leave the gradient of where they end."""
    parameters, closure = rosenbrock()
    expected = optim.BFGS(parameters).minimise(closure, steps=10)
    assert len(expected) == 11
    parameters, closure = rosenbrock()
    optimizer = optim.BFGS(parameters)
    assert [optimizer.step(closure) for _ in range(10)] == expected[1:]
    left = [p.grad for p in parameters]
    optimizer.zero_grad()
    assert closure().data == expected[-1]
    assert [p.grad for p in parameters] == left


@pytest.mark.parametrize("n", [1, 2, 10, 40])
def test_bfgs_minimises_a_quadratic(n) -> None:
    """Of x'Ax/2 - b'x with a random positive definite A it finds where Ax = b."""
    rng = random.Random(n)
    root = [[rng.gauss(0, 1) for _ in range(n)] for _ in range(n)]
    a = [[sum(r[i] * r[j] for r in root) + (i == j) for j in range(n)] for i in range(n)]
    b = [rng.gauss(0, 1) for _ in range(n)]
    x = [Value(rng.gauss(0, 1)) for _ in range(n)]
    program = compile(
        lambda: sum(x[i] * (0.5 * sum(a[i][j] * x[j] for j in range(n)) - b[i]) for i in range(n)),
        x,
    )
    optimizer = optim.BFGS(x, tolerance=1e-6)
    optimizer.minimise(program)
    for row, right in zip(a, b, strict=True):
        assert sum(v * p.data for v, p in zip(row, x, strict=True)) == pytest.approx(
            right, abs=1e-6
        )


def test_bfgs_keeps_the_secant_equation() -> None:
    """After each step the inverse Hessian takes the gradients' difference to the step itself."""
    parameters, closure = rosenbrock()
    optimizer = optim.BFGS(parameters)
    optimizer.step(closure)
    for _ in range(10):
        before = [(p.data, p.grad) for p in parameters]
        optimizer.step(closure)
        moves = [(p.data - x, p.grad - g) for p, (x, g) in zip(parameters, before, strict=True)]
        for row, (step, _) in zip(optimizer.inverse, moves, strict=True):
            found = sum(h * difference for h, (_, difference) in zip(row, moves, strict=True))
            assert found == pytest.approx(step, rel=1e-9)


def welch_labs():
    """Return Welch Labs' 2-3-1 network of sigmoids without biases: parameters, model and rows."""
    rng = data.LegacyRandom(0)
    first = [[Value(rng.randn()) for _ in range(3)] for _ in range(2)]
    second = [Value(rng.randn()) for _ in range(3)]

    def model(x):
        hidden = [sum(v * w[j] for v, w in zip(x, first, strict=True)).sigmoid() for j in range(3)]
        return sum(h * w for h, w in zip(hidden, second, strict=True)).sigmoid()

    rows = [([3 / 10, 5 / 5], 75 / 100), ([5 / 10, 1 / 5], 82 / 100), ([10 / 10, 2 / 5], 93 / 100)]
    return [*first[0], *first[1], *second], model, rows


def test_bfgs_trains_welch_labs_network() -> None:
    """Hours of sleep and study predict the score to 0.001, with a cost below 1e-6.

    The compiled program and the eager graph go there by the same bits.
    """
    found = []
    for compiled in (True, False):
        parameters, model, rows = welch_labs()

        def example(x, y, model=model):
            return 0.5 * (y - model(x)) ** 2

        program = compile(example, parameters)

        def eager(example=example, rows=rows):
            costs = [example(*row) for row in rows]
            for cost in costs:
                cost.backward()
            total = 0.0
            for cost in costs:
                total += cost.data
            return total

        closure = (lambda program=program, rows=rows: program.over(rows)) if compiled else eager
        found.append((optim.BFGS(parameters).minimise(closure), [p.data for p in parameters]))
        assert found[-1][0][-1] < 1e-6
        assert [model(x).data for x, _ in rows] == pytest.approx([y for _, y in rows], abs=0.001)
    assert found[0] == found[1]


def test_bfgs_stays_in_the_domain_of_its_closure() -> None:
    """Where a trial point is nan, infinite or overflows, the step shrinks; the minimum is found."""
    for fault in (math.nan, math.inf, -math.inf, OverflowError("too large")):
        x, met = Value(0.5), []

        def closure(x=x, fault=fault, met=met):
            if x.data >= 1.0:
                met.append(x.data)
                if isinstance(fault, Exception):
                    raise fault
                return fault
            loss = -100.0 * x - (1.0 - x).log()  # a barrier at 1; the minimum is at 0.99
            loss.backward()
            return loss

        optim.BFGS([x], tolerance=1e-8).minimise(closure)
        assert met
        assert x.data == pytest.approx(0.99, abs=1e-9)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, TypeError])
@pytest.mark.parametrize("call", [1, 2])
def test_bfgs_loses_nothing_where_the_closure_fails(error, call) -> None:
    """An error at the start or in the line search leaves all as before the step, and it goes on."""
    parameters, closure = rosenbrock()
    optimizer = optim.BFGS(parameters)
    optimizer.minimise(closure, steps=3)
    before = [(p.data, p.grad) for p in parameters]
    calls = itertools.count(1)

    def failing():
        loss = closure()
        if next(calls) == call:
            raise error("closed")
        return loss

    with pytest.raises(error, match="closed"):
        optimizer.step(failing)
    assert [(p.data, p.grad) for p in parameters] == before
    twins, their_closure = rosenbrock()
    undisturbed = optim.BFGS(twins)
    undisturbed.minimise(their_closure, steps=3)
    assert optimizer.inverse == undisturbed.inverse
    assert optimizer.step(failing) == undisturbed.step(their_closure)


def test_bfgs_ends_where_no_step_is_lower() -> None:
    """At a kink, or on a plane, it stays where it is, and says so by ending."""
    x = Value(0.0)

    def kink():
        loss = abs(x) + x * 0.5
        loss.backward()
        x.grad = 0.5  # a derivative that leads nowhere: the loss rises on both sides
        return loss

    assert optim.BFGS([x]).minimise(kink) == [0.0]
    assert (x.data, x.grad) == (0.0, 0.5)
    assert optim.BFGS([x]).minimise(lambda: 2.0) == [2.0]


def test_bfgs_learns_nothing_from_negative_curvature() -> None:
    """Where no point meets the Wolfe conditions, as on -x*x, the step counts and no update does."""
    x = Value(1.0)

    def falling():
        loss = -x * x
        loss.backward()
        return loss

    optimizer = optim.BFGS([x])
    assert optimizer.step(falling) < -1.0
    assert optimizer.inverse == []


def test_bfgs_refuses_a_closure_without_a_number() -> None:
    """A closure that returns nothing, or a start that is not finite, is an error with a remedy."""
    x = Value(1.0)
    with pytest.raises(TypeError, match="returns the loss, not None; end it with return loss"):
        optim.BFGS([x]).step(lambda: None)
    with pytest.raises(ValueError, match="start where loss and gradient are finite, not nan"):
        optim.BFGS([x]).step(lambda: math.nan)
    assert x.data == 1.0


def test_fit_refuses_bfgs() -> None:
    """fit() goes by batches, and names what to do instead."""
    weight = Value(1.0)
    with pytest.raises(TypeError, match=r"not BFGS\(.*\); call its minimise\(closure\)"):
        fit(
            lambda x: weight * x, losses.mean_squared_error, [(1.0, 2.0)],
            optim.BFGS([weight]), epochs=1,
        )  # fmt: skip
    assert weight.data == 1.0


class Number:
    """What is no float, and can be made one."""

    def __init__(self, number):
        self.number = number

    def __float__(self):
        return self.number


@pytest.mark.parametrize("number", [Value, Number, Fraction, Decimal])
def test_settings_are_numbers_of_any_kind_and_parameters_stay_floats(number):
    """A Value, or a float of another library, as a rate makes no such thing of a parameter."""
    half = number(0.5)
    for optimizer in (optim.Adam, optim.AdamW, optim.SGD):
        for rate in (half, lambda _: half):
            p = Value(1.0)
            p.grad = 1.0
            optimizer([p], rate, weight_decay=half).step()
            assert type(p.data) is float
    p.grad = 4.0
    optim.clip_grad_norm([p], half)
    assert (type(p.grad), p.grad < 0.5) == (float, True)
    optim.clip_grad_value([p], number(0.25))
    assert (type(p.grad), p.grad) == (float, 0.25)


def test_a_rate_that_is_no_number_is_a_type_error():
    """A schedule without return; nothing is moved."""
    p = Value(1.0)
    with pytest.raises(TypeError, match=r"lr takes a function .* a number, not None; end it"):
        optim.SGD([p], lambda step: None).step()
    assert p.data == 1.0


@pytest.mark.parametrize(
    ("start", "loss", "lowest"),
    [
        (0.0, lambda x: (x - 0.999) ** 2 - 1e-3 * (1 - x).log(), 0.97713),
        (1.0, lambda x: 2 * x + 1 / (x * x).sqrt(), 0.70711),
    ],
)
def test_bfgs_comes_back_from_where_the_loss_is_not_defined(start, loss, lowest):
    """A step that leaves the domain of log, or meets a pole, was too long."""
    x = Value(start)

    def closure():
        found = loss(x)
        found.backward()
        return found

    optim.BFGS([x], tolerance=1e-9).minimise(closure)
    assert x.data == pytest.approx(lowest, abs=1e-4)
