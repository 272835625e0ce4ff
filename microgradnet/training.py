"""Train a model on rows of data.

>>> from microgradnet import losses, nn, optim
>>> rows = [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
>>> model = nn.MLP(2, [8, 2], activation="tanh", seed=0)
>>> history = fit(model, losses.cross_entropy, rows, optim.Adam(model.parameters(), lr=0.1), 50)
>>> history[-1].loss < 0.05, history[-1].metrics
(True, {'accuracy': 1.0})
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from microgradnet import losses, nn
from microgradnet.compiling import compile
from microgradnet.data import one_hot, split
from microgradnet.engine import Value, as_value, assign
from microgradnet.errors import explained, is_real, show, wrong
from microgradnet.explaining import anomaly
from microgradnet.history import PROGRESS, Epoch, History
from microgradnet.optim import Adam, Optimizer
from microgradnet.parallel import Gradients, parts

Row = tuple[Any, Any]
Loss = Callable[[Any, Any], Value]
Metric = Callable[[Any, Any], float]

CLASSIFY = (losses.cross_entropy, losses.binary_cross_entropy, losses.hinge)


class EarlyStopping(NamedTuple):
    """Stop when the watched loss was not lowered for `patience` epochs; `restore` the best ones.

    Watched is the validation loss, or without validation rows the loss. It counts as lowered where
    it is less than the lowest minus `margin`.
    """

    patience: int
    margin: float = 0.0
    restore: bool = True


@explained
def fit(
    model: Callable[..., Any],
    loss: Loss,
    rows: Iterable[Row],
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    seed: int = 0,
    *,
    validation: Iterable[Row] | float | None = None,
    metrics: Mapping[str, Metric] | Sequence[str] | None = None,
    penalty: Callable[[list[Value]], Value] | None = None,
    compiled: bool = True,
    shuffle: bool = True,
    early_stopping: EarlyStopping | int | None = None,
    callbacks: Callable[[Epoch], object] | Sequence[Callable[[Epoch], object]] = (),
    progress: str | None = None,
    executor: Any = None,
    workers: int | None = None,
) -> History:
    """Train on (inputs, target) rows; return the History of the epochs.

    Each step moves the parameters once per batch (by default all rows) of the rows, shuffled by
    `seed`: the optimizer (by default Adam with lr=0.01) follows the mean gradient of
    loss(model(inputs), target), plus that of `penalty(parameters)` where one is given. A model with
    dropout is called with masks, drawn anew by `seed` for every row and epoch, and so the loss of
    an epoch is that under masks; validation and metrics are without.

    `validation` is rows, or the share of the rows to hold out. `metrics` maps names to functions of
    (outputs, target), or names "accuracy", which a classification loss has by default.
    `early_stopping` is a number of epochs without progress, or an EarlyStopping. A callback is
    called with each Epoch, and ends the training by returning True. `progress` prints "table"
    (nolearn's), "lasagne", "lines", or a "bar". With an `executor` of concurrent.futures, or a
    number of `workers` (processes), the parts of each batch are computed there, with the same bits:
    see `parallel`.

    The loss is compiled, and gives the bits of the eager loss; `compiled=False` is for models that
    decide anew for every row. Ctrl-C ends the training, and what was reached is returned. A loss or
    gradient that is not finite is a ValueError with the report of `anomaly`, and the parameters are
    those before that step. However it ends, by any error too, the parameters, their gradients and
    the optimizer are those after the last step that was whole, and the History has whole epochs.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("fit() takes at least one row, not []; check what was selected")
    if progress not in PROGRESS:
        names = ", ".join(map(repr, PROGRESS))
        raise ValueError(f"progress is one of {names}, not {show(progress)}; choose one")
    for name, number in (("epochs", epochs), ("batch_size", batch_size), ("workers", workers)):
        if number is not None and not _is_count(number):
            raise wrong("fit()", f"{name} of 1 or more", number, "give a whole number")
    if not compiled and (executor is not None or workers is not None):
        raise ValueError("an executor or workers run compiled programs; use compiled=True")
    if not isinstance(validation, Iterable | float | None) or isinstance(validation, str):
        rule = "rows, or a share of them, as validation"
        raise wrong("fit()", rule, validation, "such as 0.2", TypeError)
    if isinstance(validation, float):
        strata = [y for _, y in rows] if loss in CLASSIFY else [0] * len(rows)
        (kept, _), (held_out, _) = split(rows, strata, test=validation, seed=seed)
        rows, validation = kept, held_out
    training = _Training(model, loss, rows, optimizer, penalty, compiled)
    measure = _Measure(training, rows, None if validation is None else list(validation), metrics)
    stopping = _Stopping(early_stopping)
    report_to = [callbacks] if callable(callbacks) else list(callbacks)
    if others := [report for report in report_to if not callable(report)]:
        raise wrong("fit()", "functions as callbacks", others[0], "such as print", TypeError)
    order, rng = list(range(len(rows))), random.Random(seed)
    history = History()
    try:
        with training.gradients(executor, workers) as gradients, PROGRESS[progress](epochs) as tell:
            for number in range(1, epochs + 1):
                start = time.perf_counter()
                shuffled = list(order)
                if shuffle:
                    rng.shuffle(shuffled)
                mean = training.epoch(gradients, shuffled, batch_size or len(rows), number, rng)
                validation_loss, measured = measure()
                epoch = Epoch(
                    number, mean, validation_loss, measured, time.perf_counter() - start,
                    training.rate, training.norms(),
                )  # fmt: skip
                history.epochs.append(epoch)
                tell(epoch)
                asked = [report(epoch) for report in report_to]
                if any(answer is True for answer in asked):
                    history.stopped = "by a callback"
                elif stopping.met(epoch, training.numbers):
                    history.stopped = f"no progress in {stopping.rule.patience} epochs"
                if history.stopped:
                    break
    except KeyboardInterrupt:  # a wish, not a fault
        history.stopped = "interrupted"
    finally:
        if stopping.best is not None and stopping.rule.restore:
            training.numbers = stopping.best
        training.write()
    return history


class _Training:
    """The parameters' numbers on their way, and how one pass over the rows moves them."""

    def __init__(
        self, model: Any, loss: Loss, rows: list[Row], optimizer: Optimizer | None,
        penalty: Callable[[list[Value]], Value] | None, compiled: bool,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.rows, self.compiled = model, loss, rows, compiled
        if not isinstance(optimizer, Optimizer | None):
            rule = "fit() takes an optimizer whose steps need gradients alone, such as optim.Adam"
            raise TypeError(
                f"{rule}, not {show(optimizer)}; call its minimise(closure), if it has one"
            )
        if optimizer is None and not hasattr(model, "parameters"):
            raise TypeError(
                f"fit() takes a Module, not {show(model)}, or an optimizer with parameters"
            )
        self.optimizer = optimizer or Adam(model.parameters(), lr=0.01)
        self.parameters = self.optimizer.parameters
        self.numbers = [p.data for p in self.parameters]
        self.gradient = [p.grad for p in self.parameters]
        self.rate = 0.0
        masks = getattr(model, "masks", None)
        drops = callable(masks) and masks(random.Random(0))
        self.masks = masks if drops else None  # what draws those of one row
        paths = {p: path for path, p in getattr(model, "named_parameters", list)()}
        self.layers: dict[str, list[int]] = {}  # the places of each layer's parameters
        for place, p in enumerate(self.parameters):
            name = _layer(paths[p]) if p in paths else "parameters"
            self.layers.setdefault(name, []).append(place)
        self.penalty = penalty and compile(lambda: penalty(self.parameters), self.parameters)

    def example(self, inputs: Any, target: Any, masks: Sequence[float] | None = None) -> Value:
        """Return the loss of one row."""
        outputs = self.model(inputs) if masks is None else self.model(inputs, masks)
        return self.loss(outputs, target)

    def gradients(self, executor: Any, workers: int | None) -> Any:
        """Return what gives the sum of losses and gradients over rows."""
        if self.masks and (executor is not None or workers is not None):
            rule = (
                "an executor or workers get the rows once, and dropout masks them anew each epoch"
            )
            raise ValueError(f"{rule}; train {self.model!r} without workers")
        if not self.compiled:
            return nullcontext(self)
        outputs = self.model(self.rows[0][0])
        rows = [(_floats(self.model, x, i), y) for i, (x, y) in enumerate(self.rows)]
        if self.loss in (*CLASSIFY, losses.mean_squared_error):
            # An int is fixed in a program, and each class would have one of its own. The loss sees
            # each once as it is, to refuse what it must.
            kinds = int | float if self.loss in CLASSIFY else int
            seen: set[Any] = {y for _, y in rows if isinstance(y, kinds)}
            for target in seen:
                self.loss(outputs, target)
            rows = [(x, _target(self.loss, y, outputs)) for x, y in rows]
        program = compile(self.example, self.parameters)
        return Gradients(program, rows, executor, workers)

    def sums(self, numbers: list[float], batch: Sequence[int]) -> tuple[float, list[float]]:
        """Return the sum of losses and gradients over rows, eagerly."""
        self.write()
        total, sums = 0.0, [0.0] * len(self.parameters)
        for part in parts(len(batch)):
            for p in self.parameters:
                p.grad = 0.0
            subtotal = 0.0
            for i in part:
                value = self.example(*self.rows[batch[i]])
                value.backward()
                subtotal += value.data
            total += subtotal
            sums = [g + p.grad for g, p in zip(sums, self.parameters, strict=True)]
        return total, sums

    def epoch(
        self, gradients: Any, order: list[int], size: int, number: int, rng: random.Random
    ) -> float:
        """Move the numbers once per batch of rows in an order; return the mean loss."""
        total = 0.0
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            if self.masks:
                for i in batch:
                    masks = self.masks(rng)
                    for rows in (self.rows, gradients.rows):  # one and the same where it is eager
                        rows[i] = (*rows[i][:2], masks)
            try:
                value, gradient = gradients.sums(self.numbers, batch)
            except (ArithmeticError, ValueError) as error:
                if not getattr(error, "__notes__", None):
                    raise  # not from an operation
                raise self._fault("the loss", number, batch) from error
            for what, found in (("the loss", value), ("the gradient", sum(gradient))):
                if not math.isfinite(found):
                    raise self._fault(what, number, batch)
            total += value
            count = float(len(batch))  # dividing by an int takes twice the time
            gradient = [g / count for g in gradient]
            if self.penalty:
                _, more = self.penalty.value_and_grad(self.numbers)
                gradient = [g + m for g, m in zip(gradient, more, strict=True)]
                if not math.isfinite(sum(gradient)):
                    raise self._fault("the gradient of the penalty", number)
            before, rate = vars(self.optimizer).copy(), self.optimizer.rate()
            try:
                numbers = self.optimizer.moved(self.numbers, gradient)
                if not math.isfinite(sum(numbers)):
                    raise self._fault("a parameter after the step", number)
                self.optimizer.steps += 1
                self.rate, self.gradient, self.numbers = rate, gradient, numbers
            except BaseException:  # of a step that was not taken, the optimizer remembers nothing
                vars(self.optimizer).update(before)
                raise
        self.write()
        return total / len(order)

    def write(self) -> None:
        """Give the parameters the numbers, and their mean gradient of the last batch."""
        assign(self.parameters, data=self.numbers, grad=self.gradient)

    def norms(self) -> dict[str, float]:
        """Return the norm of the last gradient for each layer."""
        return {
            name: math.hypot(*(self.gradient[i] for i in places))
            for name, places in self.layers.items()
        }

    def _fault(self, what: str, number: int, batch: Sequence[int] = ()) -> ValueError:
        # The first row of the batch with something that is not finite, or cannot be computed.
        self.write()
        text = f"{what} is not finite in epoch {number}; take a smaller learning rate"
        for i in batch:
            try:
                found: object = anomaly(self.example(*self.rows[i]))
            except (ArithmeticError, ValueError) as error:
                found = "\n  ".join(
                    [f"in the forward pass, {error}", *getattr(error, "__notes__", [])]
                )
            if found:
                return ValueError(f"{text}\nrow {i} of the rows, {found}")
        return ValueError(text)


class _Measure:
    """The mean loss and metrics over rows, with the parameters as they are."""

    def __init__(
        self, training: _Training, rows: list[Row], validation: list[Row] | None,
        metrics: Mapping[str, Metric] | Sequence[str] | None,
    ) -> None:  # fmt: skip
        rows = rows if validation is None else validation
        if not rows:
            raise ValueError(
                "fit() takes at least one validation row, not []; check what was selected"
            )
        if metrics is None:
            metrics = ["accuracy"] if training.loss in CLASSIFY else []
        metrics = [metrics] if isinstance(metrics, str) else metrics
        if not isinstance(metrics, Mapping):
            if unknown := [name for name in metrics if name != "accuracy"]:
                rule = "metrics as a dict of functions, or ['accuracy']"
                raise wrong("fit()", rule, unknown[0], "try {name: function}")
            metrics = dict.fromkeys(metrics, correct)
        if others := [metric for metric in metrics.values() if not callable(metric)]:
            raise wrong("fit()", "functions as metrics", others[0], "try {name: function}")
        self.loss, self.metrics, self.held_out = training.loss, metrics, validation is not None
        self.model = training.model
        self.program = compile(self.model) if training.compiled else None
        self.rows = [(_floats(training.model, x, i), y) for i, (x, y) in enumerate(rows)]

    def __call__(self) -> tuple[float | None, dict[str, float]]:
        if not self.held_out and not self.metrics:
            return None, {}
        total, sums = 0.0, dict.fromkeys(self.metrics, 0.0)
        found = self.program.map((x,) for x, _ in self.rows) if self.program else None
        for i, (x, y) in enumerate(self.rows):
            outputs = found[i] if found else self.model(x)
            if self.held_out:
                several = isinstance(outputs, list)
                values = [as_value(v) for v in outputs] if several else as_value(outputs)
                total += float(self.loss(values, y))
            for name, metric in self.metrics.items():
                sums[name] += float(metric(outputs, y))
        count = len(self.rows)
        means = {name: number / count for name, number in sums.items()}
        return total / count if self.held_out else None, means


class _Stopping:
    """When early stopping is met, and the numbers of the best epoch."""

    def __init__(self, rule: EarlyStopping | int | None) -> None:
        self.on = rule is not None
        if rule is None:
            rule = 1
        self.rule = rule if isinstance(rule, EarlyStopping) else EarlyStopping(rule)
        if not _is_count(self.rule.patience):
            need = "early_stopping after epochs from 1 up"
            raise wrong("fit()", need, self.rule.patience, "try 5")
        self.best: list[float] | None = None
        self.lowest, self.passed, self.since = math.inf, math.inf, 0

    def met(self, epoch: Epoch, numbers: list[float]) -> bool:
        """Return whether there was no progress for long enough, and remember the best numbers."""
        if not self.on:
            return False
        self.since += 1
        if self.best is None or epoch.watched < self.lowest:
            self.best, self.lowest = numbers, epoch.watched
        if epoch.watched < self.passed - self.rule.margin or self.passed == math.inf:
            self.passed, self.since = epoch.watched, 0
        return self.since >= self.rule.patience


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _floats(model: Any, inputs: Any, place: int) -> Any:
    # The inputs of a network vary, also where they are written as ints.
    if not isinstance(model, nn.MLP | nn.Layer | nn.Neuron):
        return inputs
    if not hasattr(inputs, "__iter__"):
        rule = f"(inputs, target) as row {place}"
        raise wrong("fit()", rule, inputs, "put the inputs into a list", TypeError)
    if set(map(type, inputs)) == {float}:
        return list(inputs)
    if others := [x for x in inputs if not is_real(x)]:
        rule = f"numbers as inputs of row {place}"
        raise wrong("fit()", rule, others[0], "encode what is no number", TypeError)
    return [float(x) if isinstance(x, int) else x for x in inputs]


def _target(loss: Loss, target: Any, outputs: Any) -> Any:
    if loss is losses.cross_entropy and isinstance(target, int):
        return one_hot(target, len(outputs))
    several = isinstance(target, list | tuple)
    if others := [y for y in (target if several else [target]) if not is_real(y)]:
        rule = "numbers as targets for this loss"
        raise wrong("fit()", rule, others[0], "give a class its number", TypeError)
    return [float(y) for y in target] if several else float(target)


def _layer(path: str) -> str:
    head, _, rest = path.partition(".")
    number, dot, _ = rest.partition(".")
    return f"{head}.{number}" if dot and number.isdecimal() else head


def predicted(outputs: Any) -> int:
    """Return the class that outputs stand for: the largest of a list, the sign of one logit."""
    several = isinstance(outputs, list | tuple)
    found = outputs if several else [outputs]
    if not found or not all(map(is_real, found)):
        rule = "a number, or a list of one for each class"
        raise wrong("predicted()", rule, outputs, "call the model on one row", TypeError)
    if several:
        return max(range(len(outputs)), key=outputs.__getitem__)
    return int(outputs > 0)


def correct(outputs: Any, target: Any) -> bool:
    """Return whether outputs stand for a target: a class index, 0 or 1, -1 or +1, or one-hot."""
    if isinstance(outputs, list | tuple):
        several = isinstance(target, list | tuple)
        return predicted(outputs) == (predicted(target) if several else target)
    if not is_real(target):
        raise wrong("correct()", "a class index as target", target, "give its number", TypeError)
    return predicted(outputs) == int(target > 0)


@explained
def accuracy(model: Callable[[Any], Any], rows: Sequence[Row]) -> float:
    """Return the share of rows whose target is predicted; ValueError of no rows."""
    if not rows:
        raise ValueError("accuracy() takes at least one row, not []; check what was selected")
    return sum(correct(model(inputs), target) for inputs, target in rows) / len(rows)


@explained
def majority(targets: Sequence[Hashable]) -> float:
    """Return the accuracy of always predicting the most frequent class; ValueError of no rows."""
    if not targets:
        raise ValueError("majority() takes at least one target, not []; check what was selected")
    return max(Counter(targets).values()) / len(targets)
