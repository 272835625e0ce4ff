"""fit, accuracy and the baselines: averages, batches, seeds, interruption."""

import math

import pytest

from microgradnet import Value, losses, nn, optim
from microgradnet.training import Epoch, accuracy, fit, majority, predicted, progress

ROWS = [([0.0, 1.0], 0), ([1.0, 0.0], 1), ([1.0, 1.0], 1), ([0.0, 0.0], 0), ([0.5, 2.0], 0)]


def model_and_optimizer(lr=0.1):
    """Return a small classifier of two inputs and its optimiser."""
    model = nn.MLP(2, [3, 2], activation="tanh", seed=1)
    return model, optim.SGD(model.parameters(), lr=lr)


def test_a_batch_step_follows_the_mean_gradient() -> None:
    """One epoch of one batch moves the parameters against the gradient of the mean loss."""
    model, optimizer = model_and_optimizer()
    twin, _ = model_and_optimizer()
    mean = sum(losses.cross_entropy(twin(x), y) for x, y in ROWS) / len(ROWS)
    mean.backward()
    expected = [p.data - 0.1 * p.grad for p in twin.parameters()]
    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=1)
    assert [p.data for p in model.parameters()] == pytest.approx(expected, rel=1e-12)
    assert history[0].loss == pytest.approx(mean.data, rel=1e-12)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_loss_is_the_mean_over_rows(size) -> None:
    """The epoch's loss is right too where the batch does not divide the rows or exceeds them."""
    model, optimizer = model_and_optimizer(lr=0.0)
    expected = sum(losses.cross_entropy(model(x), y).data for x, y in ROWS) / len(ROWS)
    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=1, batch_size=size)
    assert history[0].loss == pytest.approx(expected, rel=1e-12)
    assert history[0].accuracy == accuracy(model, ROWS)


def test_the_same_seed_gives_the_same_bits() -> None:
    """Two trainings of one seed end with the same parameters."""
    ends = []
    for _ in range(2):
        model, optimizer = model_and_optimizer()
        fit(model, losses.cross_entropy, ROWS, optimizer, epochs=5, batch_size=2, seed=3)
        ends.append(model.state_dict())
    assert ends[0] == ends[1]


def test_ctrl_c_returns_what_was_reached() -> None:
    """A KeyboardInterrupt ends the training; the epochs before it are returned."""
    model, optimizer = model_and_optimizer()

    def interrupt(epoch):
        if epoch.number == 3:
            raise KeyboardInterrupt

    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=10, report=interrupt)
    assert [epoch.number for epoch in history] == [1, 2, 3]


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    """A nan loss is an error with a remedy, before it reaches the parameters."""
    model, optimizer = model_and_optimizer()
    before = model.state_dict()
    with pytest.raises(ValueError, match="the loss is nan in epoch 1; take a smaller"):
        fit(model, lambda outputs, y: outputs[0] * math.nan, ROWS, optimizer, epochs=2)
    assert model.state_dict() == before


def test_predictions_of_lists_and_of_one_logit() -> None:
    """The largest output decides, or the sign of the only one."""
    assert predicted([Value(1.0), Value(3.0), Value(2.0)]) == 1
    assert [predicted(Value(v)) for v in (-1.0, 0.0, 0.5)] == [0, 0, 1]


def test_majority_is_the_share_of_the_most_frequent() -> None:
    """Of 0, 1, 1 always saying 1 is right in two thirds."""
    assert majority([0, 1, 1]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "call",
    [lambda: majority([]), lambda: accuracy(lambda x: x, []),
     lambda: fit(lambda x: x, losses.cross_entropy, [], model_and_optimizer()[1])],
)  # fmt: skip
def test_nothing_is_refused(call) -> None:
    """No rows are an error that says so."""
    with pytest.raises(ValueError, match="at least one"):
        call()


def test_progress_prints_about_ten_lines(capsys) -> None:
    """Without a terminal, the first epoch and each tenth are told, with the time left."""
    with progress(50) as report:
        for number in range(1, 51):
            report(Epoch(number, 0.5, 0.75, number * 2.0))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[1] == "epoch  5/50   loss 0.5000     accuracy 0.750   90 s left"
