"""fit: means, batches, seeds, validation, stopping, dropout, the same bits compiled and eager."""

import math
import random

import pytest

from microgradnet import Value, data, losses, nn, optim
from microgradnet.pipeline import Pipeline
from microgradnet.training import (
    EarlyStopping,
    accuracy,
    correct,
    fit,
    majority,
    predicted,
)

ROWS = [([0.0, 1.0], 0), ([1.0, 0.0], 1), ([1.0, 1.0], 1), ([0.0, 0.0], 0), ([0.5, 2.0], 0)]


def model_and_optimizer(lr=0.1):
    """Return a small classifier of two inputs and its optimiser."""
    model = nn.MLP(2, [3, 2], activation="tanh", seed=1)
    return model, optim.SGD(model.parameters(), lr=lr)


def bits(history):
    """Return all of a history but the time that it took."""
    return [(e.loss, e.validation_loss, e.metrics, e.gradient_norms) for e in history]


def test_a_batch_step_follows_the_mean_gradient() -> None:
    """One epoch of one batch moves the parameters against the gradient of the mean loss."""
    model, optimizer = model_and_optimizer()
    twin, _ = model_and_optimizer()
    mean = sum(losses.cross_entropy(twin(x), y) for x, y in ROWS) / len(ROWS)
    mean.backward()
    expected = [p.data - 0.1 * p.grad for p in twin.parameters()]
    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=1)
    assert [p.data for p in model.parameters()] == pytest.approx(expected, rel=1e-12)
    assert [p.grad for p in model.parameters()] == pytest.approx(
        [p.grad for p in twin.parameters()], rel=1e-12
    )
    assert history[0].loss == pytest.approx(mean.data, rel=1e-12)
    assert history[0].learning_rate == 0.1


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_loss_is_the_mean_over_rows(size) -> None:
    """The epoch's loss is right too where the batch does not divide the rows or exceeds them."""
    model, optimizer = model_and_optimizer(lr=0.0)
    expected = sum(losses.cross_entropy(model(x), y).data for x, y in ROWS) / len(ROWS)
    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=1, batch_size=size)
    assert history[0].loss == pytest.approx(expected, rel=1e-12)
    assert history[0].metrics == {"accuracy": accuracy(model, ROWS)}


LOSSES = {
    "cross_entropy": (losses.cross_entropy, 2, lambda y: y),
    "hinge": (losses.hinge, 1, lambda y: 2 * y - 1),
    "binary_cross_entropy": (losses.binary_cross_entropy, 1, lambda y: y),
    "mean_squared_error": (losses.mean_squared_error, 1, lambda y: 0.1 * y),
    "of one's own": (lambda out, y: (out - y) ** 2, 1, lambda y: y),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("batch_size", [7, 150])
def test_compiled_and_eager_training_have_the_same_bits(name, batch_size) -> None:
    """All numbers agree, with a penalty, in small batches and in those that are divided."""
    loss, width, target = LOSSES[name]
    points, targets = data.moons(200, noise=0.2, seed=1)
    rows = [(x, target(y)) for x, y in zip(points, targets, strict=True)]
    found = []
    for compiled in (True, False):
        model = nn.MLP(2, [4, width], seed=3)
        history = fit(
            model, loss, rows, optim.Adam(model.parameters(), lr=0.05), 2, batch_size,
            validation=0.2, compiled=compiled,
            penalty=lambda parameters: 0.001 * sum(p * p for p in parameters),
        )  # fmt: skip
        found.append((model.state_dict(), bits(history), [p.grad for p in model.parameters()]))
    assert found[0] == found[1]


def test_a_penalty_adds_its_gradient_to_each_step() -> None:
    """With no slope in the loss, 0.5 * w^2 shrinks every weight by the learning rate."""
    model, optimizer = model_and_optimizer(lr=0.25)
    before = [p.data for p in model.parameters()]
    fit(
        model, lambda out, y: out[0] * 0.0, ROWS, optimizer, epochs=1,
        penalty=lambda parameters: 0.5 * sum(p * p for p in parameters),
    )  # fmt: skip
    assert [p.data for p in model.parameters()] == pytest.approx([0.75 * w for w in before])


def test_int_inputs_and_classes_make_one_program(recwarn) -> None:
    """Rows written as ints vary as floats do: a hundred of them compile once, without a warning."""
    rows = [([i, i % 7], i % 10) for i in range(100)]
    model = nn.MLP(2, [3, 10], seed=0)
    fit(model, losses.cross_entropy, rows, epochs=1, batch_size=10)
    assert not recwarn.list


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    """Two trainings of one seed agree in every number; the order of rows is the seed's."""
    ends = []
    for seed in (3, 3, 4):
        model, optimizer = model_and_optimizer()
        history = fit(model, losses.cross_entropy, ROWS, optimizer, 5, 2, seed)
        ends.append((model.state_dict(), bits(history)))
    assert ends[0] == ends[1] != ends[2]


def test_unshuffled_rows_keep_their_order() -> None:
    """Without shuffling the seed plays no part."""
    ends = []
    for seed in (3, 4):
        model, optimizer = model_and_optimizer()
        fit(model, losses.cross_entropy, ROWS, optimizer, 3, 2, seed, shuffle=False)
        ends.append(model.state_dict())
    assert ends[0] == ends[1]


def test_validation_is_of_the_rows_that_are_given() -> None:
    """Loss and metrics are means over them, with the parameters after the epoch."""
    model, optimizer = model_and_optimizer()
    held_out = [([0.2, 0.3], 1), ([0.9, -1.0], 0), ([2.0, 1.0], 1)]
    metric = {"first": lambda outputs, target: outputs[0] + target}
    history = fit(
        model, losses.cross_entropy, ROWS, optimizer, 2, validation=held_out, metrics=metric
    )
    loss = sum(losses.cross_entropy(model(x), y).data for x, y in held_out) / 3
    assert history[-1].validation_loss == pytest.approx(loss, rel=1e-12)
    first = sum(model(x)[0].data + y for x, y in held_out) / 3
    assert history[-1].metrics == {"first": pytest.approx(first, rel=1e-12)}


def test_a_share_is_held_out_by_the_seed() -> None:
    """validation=0.2 of ten rows trains on eight, with both classes in both parts."""
    seen = []
    rows = [([float(i), 1.0], i % 2) for i in range(10)]
    model = nn.MLP(2, [2], seed=0)

    def loss(outputs, target):
        return losses.cross_entropy(outputs, target)

    fit(
        lambda x: seen.append(x[0]) or model(x), loss, rows, optim.SGD(model.parameters(), 0.1), 1,
        validation=0.2, compiled=False, metrics={},
    )  # fmt: skip
    assert len(seen) == 10
    assert len(set(seen)) == 10
    assert {int(x) % 2 for x in seen[8:]} == {0, 1}


def test_early_stopping_restores_the_best() -> None:
    """When the validation loss grows for two epochs, the parameters of its lowest come back."""
    model = nn.MLP(1, [1], activation="linear", seed=0)
    states = []
    rising = [([1.0], -100.0)]  # what is learned from the rows makes this worse
    history = fit(
        model, losses.mean_squared_error, [([1.0], 5.0)], optim.SGD(model.parameters(), 0.01), 50,
        validation=rising, early_stopping=2,
        callbacks=lambda epoch: states.append(model.state_dict()),
    )  # fmt: skip
    assert len(history) == 3
    assert history.stopped == "no progress in 2 epochs"
    assert history.best.number == 1
    assert model.state_dict() == states[0]


def test_early_stopping_may_leave_the_last() -> None:
    """restore=False keeps what was reached; a margin asks for more than a hair's progress."""
    model = nn.MLP(1, [1], activation="linear", seed=0)
    states = []
    history = fit(
        model, losses.mean_squared_error, [([1.0], 5.0)], optim.SGD(model.parameters(), 1e-6), 50,
        early_stopping=EarlyStopping(3, margin=0.1, restore=False),
        callbacks=[lambda epoch: states.append(model.state_dict())],
    )  # fmt: skip
    assert len(history) == 4
    assert model.state_dict() == states[-1]


def test_a_callback_may_stop() -> None:
    """One that returns True ends the training; all of them see the last epoch."""
    model, optimizer = model_and_optimizer()
    seen = []
    history = fit(
        model, losses.cross_entropy, ROWS, optimizer, 10,
        callbacks=[lambda epoch: epoch.number == 2, lambda epoch: seen.append(epoch.number)],
    )  # fmt: skip
    assert history.stopped == "by a callback"
    assert seen == [1, 2]


def test_ctrl_c_returns_what_was_reached() -> None:
    """A KeyboardInterrupt ends the training; the epochs before it are returned."""
    model, optimizer = model_and_optimizer()

    def interrupt(epoch):
        if epoch.number == 3:
            raise KeyboardInterrupt

    history = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=10, callbacks=interrupt)
    assert [epoch.number for epoch in history] == [1, 2, 3]
    assert history.stopped == "interrupted"


@pytest.mark.parametrize("compiled", [True, False])
def test_a_loss_that_is_not_finite_stops_the_training(compiled) -> None:
    """A nan loss is an error with the first bad operation, before it reaches the parameters."""
    model, optimizer = model_and_optimizer()
    before = model.state_dict()

    def loss(outputs, target):
        return outputs[0] * 1e308 * 1e10 * target

    with pytest.raises(ValueError, match="epoch 1; take a smaller") as caught:
        fit(model, loss, [([0.5, 1.0], 3.0)], optimizer, 2, compiled=compiled)
    assert "row 0 of the rows, in the forward pass" in str(caught.value)
    assert "operation  *" in str(caught.value)
    assert model.state_dict() == before


def test_a_gradient_that_is_not_finite_stops_the_training() -> None:
    """The loss is finite, its slope is not: the parameters stay."""
    model, optimizer = model_and_optimizer()
    before = model.state_dict()
    with pytest.raises(ValueError, match="the gradient is not finite in epoch 1") as caught:
        fit(model, lambda out, y: out[0] * 1e308 * 10.0 * y, [([0.5, 1.0], 3.0)], optimizer)
    assert "in the backward pass" in str(caught.value)
    assert model.state_dict() == before


def test_an_error_in_a_callback_leaves_the_epoch_done() -> None:
    """The error is the caller's; the parameters are those after the epoch."""
    model, optimizer = model_and_optimizer()
    twin, twin_optimizer = model_and_optimizer()
    fit(twin, losses.cross_entropy, ROWS, twin_optimizer, epochs=1)

    def fail(epoch):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(model, losses.cross_entropy, ROWS, optimizer, epochs=5, callbacks=fail)
    assert model.state_dict() == twin.state_dict()


def test_without_an_optimizer_adam_is_taken() -> None:
    """Adam with lr=0.01 moves the parameters of a Module."""
    model, _ = model_and_optimizer()
    twin, _ = model_and_optimizer()
    fit(model, losses.cross_entropy, ROWS, epochs=3)
    fit(twin, losses.cross_entropy, ROWS, optim.Adam(twin.parameters(), lr=0.01), epochs=3)
    assert model.state_dict() == twin.state_dict()


def test_training_goes_on_where_it_stopped() -> None:
    """Twice five epochs with one optimiser are ten, where rows are not shuffled."""
    ends = []
    for epochs in ([10], [5, 5]):
        model = nn.MLP(2, [3, 2], seed=1)
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        for count in epochs:
            fit(model, losses.cross_entropy, ROWS, optimizer, count, 2, shuffle=False)
        ends.append(model.state_dict())
    assert ends[0] == ends[1]


def test_norms_are_by_layer() -> None:
    """The last batch's gradient, layer by layer; a Neuron has its weights and its bias."""
    model, optimizer = model_and_optimizer()
    (epoch,) = fit(model, losses.cross_entropy, ROWS, optimizer, epochs=1)
    for i, layer in enumerate(model.layers):
        expected = math.hypot(*(p.grad for p in layer.parameters()))
        assert epoch.gradient_norms[f"layers.{i}"] == pytest.approx(expected, rel=1e-12)
    neuron = nn.Neuron(2, "linear", seed=0)
    (epoch,) = fit(neuron, losses.mean_squared_error, ROWS, epochs=1)
    assert list(epoch.gradient_norms) == ["w", "b"]


FAULTS = {
    "no rows": ({"rows": []}, "takes at least one row"),
    "no validation rows": ({"validation": []}, "at least one validation row"),
    "unknown progress": ({"progress": "loud"}, "progress is one of None, 'table'"),
    "batch of none": ({"batch_size": 0}, "batch_size of 1 or more, not 0"),
    "patience of none": ({"early_stopping": 0}, "epochs from 1 up, not 0"),
    "unknown metric": ({"metrics": ["f1"]}, "not 'f1'"),
    "eager executor": ({"executor": object(), "compiled": False}, "compiled=True"),
    "class that is not there": ({"rows": [([0.0, 1.0], 2)]}, "class index from 0 to 1, not 2"),
    "wrong width": ({"rows": [([0.0], 1)]}, "takes 2 inputs, not 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_refused_before_anything_moves(fault) -> None:
    """Rule, offender, remedy; the parameters are as before."""
    changed, message = FAULTS[fault]
    model, optimizer = model_and_optimizer()
    before = model.state_dict()
    arguments = {"rows": ROWS, "optimizer": optimizer, "epochs": 1} | changed
    with pytest.raises(ValueError, match=message):
        fit(model, losses.cross_entropy, **arguments)
    assert model.state_dict() == before


def test_a_target_that_the_loss_refuses_is_refused_compiled_too() -> None:
    """hinge takes -1 and +1: a 0 is an error, not a wrong gradient."""
    model = nn.MLP(2, [1], seed=0)
    with pytest.raises(ValueError, match=r"targets -1 and \+1, not 0"):
        fit(model, losses.hinge, [([0.0, 1.0], 1), ([1.0, 0.0], 0)], epochs=1)


def test_predictions_of_lists_and_of_one_logit() -> None:
    """The largest output decides, or the sign of the only one."""
    assert predicted([Value(1.0), Value(3.0), Value(2.0)]) == 1
    assert [predicted(Value(v)) for v in (-1.0, 0.0, 0.5)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("outputs", "target", "expected"),
    [([0.1, 0.9], 1, True), ([0.1, 0.9], 0, False), ([0.1, 0.9], [0.0, 1.0], True),
     (0.5, 1, True), (0.5, 0, False), (-0.5, -1, True), (-0.5, 0, True), (-0.5, 1, False)],
)  # fmt: skip
def test_correct_takes_each_kind_of_target(outputs, target, expected) -> None:
    """A class index, a one-hot list, 0 and 1, -1 and +1."""
    assert correct(outputs, target) is expected


def test_majority_is_the_share_of_the_most_frequent() -> None:
    """Of 0, 1, 1 always saying 1 is right in two thirds."""
    assert majority([0, 1, 1]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("call", [lambda: majority([]), lambda: accuracy(lambda x: x, [])])
def test_nothing_is_refused(call) -> None:
    """No rows are an error that says so."""
    with pytest.raises(ValueError, match="at least one"):
        call()


def test_random_rows_train_to_what_they_hold() -> None:
    """A line is found from 100 points on it."""
    rng = random.Random(0)
    rows = [([x], 3.0 * x - 1.0) for x in (rng.uniform(-1, 1) for _ in range(100))]
    model = nn.MLP(1, [1], seed=0)
    fit(model, losses.mean_squared_error, rows, optim.SGD(model.parameters(), 0.1), 100, 10)
    assert [p.data for p in model.parameters()] == pytest.approx([3.0, -1.0], abs=1e-6)


def test_an_overflow_is_told_as_a_loss_that_is_not_finite() -> None:
    """A rate too large makes squares overflow: row, operation and remedy; the last good numbers."""
    rows = [([float(i)], 3.0 * i + 1.0) for i in range(-20, 20)]
    for compiled in (True, False):
        model = nn.MLP(1, [8, 1], seed=0)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        with pytest.raises(ValueError, match=r"take a smaller learning rate") as caught:
            fit(model, losses.mean_squared_error, rows, optimizer, 400, 10, compiled=compiled)
        assert "of the rows, in the" in str(caught.value)
        assert all(math.isfinite(p.data) for p in model.parameters())


def test_a_penalty_that_is_not_finite_moves_nothing() -> None:
    """It is named, and the parameters are those before that step."""
    model, optimizer = model_and_optimizer()
    before = model.state_dict()
    with pytest.raises(ValueError, match="the gradient of the penalty is not finite in epoch 1"):
        fit(
            model, losses.cross_entropy, ROWS, optimizer,
            penalty=lambda parameters: sum(p * p * 1e200 for p in parameters) * 1e200,
        )  # fmt: skip
    assert model.state_dict() == before


def test_a_step_out_of_the_floats_is_not_taken() -> None:
    """A learning rate of 1e308 would make parameters infinite."""
    model, _ = model_and_optimizer()
    before = model.state_dict()
    with pytest.raises(ValueError, match="a parameter after the step is not finite"):
        fit(
            model, lambda out, y: out[0] * 1e10, ROWS, optim.SGD(model.parameters(), lr=1e308),
        )  # fmt: skip
    assert model.state_dict() == before


def test_the_lowest_comes_back_whatever_the_margin() -> None:
    """A margin decides when to stop; the best epoch of the history is what is restored."""
    points, targets = data.moons(120, noise=0.2, seed=0)
    rows = list(zip(points, targets, strict=True))
    model = nn.MLP(2, [4, 2], activation="tanh", seed=0)
    states = []
    history = fit(
        model, losses.cross_entropy, rows, optim.SGD(model.parameters(), 0.3), 60, 16,
        validation=0.25, early_stopping=EarlyStopping(5, 0.05),
        callbacks=lambda epoch: states.append(model.state_dict()),
    )  # fmt: skip
    assert history.stopped
    assert model.state_dict() == states[history.best.number - 1]


@pytest.mark.parametrize(
    ("option", "kind"),
    [({"validation": 1}, TypeError), ({"validation": "x"}, TypeError),
     ({"epochs": "3"}, ValueError), ({"early_stopping": True}, ValueError),
     ({"workers": 1.5}, ValueError),
     ({"workers": 2, "compiled": False}, ValueError)],
)  # fmt: skip
def test_options_of_another_kind_are_refused(option, kind) -> None:
    """A word on what is taken, instead of what Python makes of it."""
    model, optimizer = model_and_optimizer()
    with pytest.raises(kind, match=r"not |use compiled"):
        fit(model, losses.cross_entropy, ROWS, **{"optimizer": optimizer} | option)


# ---- dropout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [7, 150])
def test_with_dropout_compiled_and_eager_training_have_the_same_bits(batch_size) -> None:
    """All numbers agree, of a network and of a pipeline that holds it; another seed's do not."""
    points, targets = data.moons(150, noise=0.2, seed=1)
    rows = list(zip(points, targets, strict=True))
    found = []
    for compiled, held, seed in ((True, 0, 3), (False, 0, 3), (True, 1, 3), (True, 0, 4)):
        network = nn.MLP(2, [4, 2], seed=3, dropout=[0.1, 0.5])
        model = Pipeline(None, network, ["outer", "inner"]) if held else network
        history = fit(
            model, losses.cross_entropy, rows, optim.Adam(network.parameters(), lr=0.05), 2,
            batch_size, seed, validation=rows[:20], compiled=compiled,
        )  # fmt: skip
        measured = [(e.loss, e.validation_loss, e.metrics) for e in history]
        found.append((network.state_dict(), measured))
    assert found[0] == found[1] == found[2] != found[3]


def test_masks_are_drawn_for_every_row_and_epoch() -> None:
    """From one random.Random(seed), which shuffles the rows of an epoch first."""
    seen = []

    class Told(nn.MLP):
        def __call__(self, x, masks=None):
            if masks is not None:
                seen.append((x, masks))
            return super().__call__(x, masks)

    model = Told(2, [3, 2], seed=1, dropout=0.5)
    fit(model, losses.cross_entropy, ROWS, epochs=3, batch_size=2, seed=7, compiled=False)
    rng, expected = random.Random(7), []
    for _ in range(3):
        order = list(range(len(ROWS)))
        rng.shuffle(order)
        expected += [(ROWS[i][0], model.masks(rng)) for i in order]
    assert seen == expected


def test_the_loss_of_an_epoch_is_under_masks_and_what_is_measured_is_not() -> None:
    """With a learning rate of 0: each loss is the mean of its rows, as they were called."""
    model = nn.MLP(2, [3, 2], seed=1, dropout=0.5)
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    epoch = fit(
        model, losses.cross_entropy, ROWS, optimizer, 1, validation=ROWS, shuffle=False, seed=5
    )[0]
    rng = random.Random(5)
    masked = [losses.cross_entropy(model(x, model.masks(rng)), y).data for x, y in ROWS]
    plain = [losses.cross_entropy(model(x), y).data for x, y in ROWS]
    assert epoch.loss == pytest.approx(sum(masked) / len(ROWS), rel=1e-12)
    assert epoch.validation_loss == pytest.approx(sum(plain) / len(ROWS), rel=1e-12)
    assert epoch.metrics == {"accuracy": accuracy(model, ROWS)}


def test_without_dropout_a_model_trains_as_one_that_has_no_masks() -> None:
    """No random number is drawn, so the bits are those of the bare function."""
    found = []
    for bare in (True, False):
        model = nn.MLP(2, [3, 2], seed=1, dropout=0.0)
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        history = fit(
            (lambda x, model=model: model(x)) if bare else model, losses.cross_entropy,
            [([float(x) for x in xs], y) for xs, y in ROWS], optimizer, 5, 2,
        )  # fmt: skip
        found.append((model.state_dict(), [e.loss for e in history]))
    assert found[0] == found[1]


def test_a_fault_under_masks_names_its_row() -> None:
    """The report computes the row again with the masks that it had."""
    model = nn.MLP(1, [1, 1], "linear", seed=1, dropout=0.5)
    for p in model.parameters():
        p.data = 1e200
    rows = [([0.0], 0.0), ([1e200], 0.0)]
    with pytest.raises(ValueError, match=r"epoch \d+; take a smaller .*\nrow [01] of the rows, "):
        fit(model, losses.mean_squared_error, rows, epochs=10, batch_size=1)


@pytest.mark.parametrize("how", [{"workers": 2}, {"executor": object()}])
def test_dropout_and_workers_are_refused(how) -> None:
    """The rows are sent once, and masks change: the error says so, and what to leave out."""
    model = nn.MLP(2, [3, 2], seed=1, dropout=0.5)
    with pytest.raises(ValueError, match=r"dropout masks them anew .*; train MLP.* without w"):
        fit(model, losses.cross_entropy, ROWS, **how)


def test_one_hot_targets_are_lists_or_tuples() -> None:
    """Both have the accuracy of the class."""
    assert [correct([1.0, 2.0], target) for target in ((0, 1), [0, 1], 1)] == [True] * 3
    assert [correct((1.0, 2.0), target) for target in ((1, 0), [1, 0], 0)] == [False] * 3
