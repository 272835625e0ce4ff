"""Train a model on rows of data.

>>> from microgradnet import losses, nn, optim
>>> rows = [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
>>> model = nn.MLP(2, [8, 2], activation="tanh", seed=0)
>>> optimizer = optim.Adam(model.parameters(), lr=0.1)
>>> history = fit(model, losses.cross_entropy, rows, optimizer, epochs=50)
>>> accuracy(model, rows), history[-1].loss < 0.05
(1.0, True)
"""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from microgradnet.data import batches
from microgradnet.engine import Value
from microgradnet.optim import Optimizer

Row = tuple[Sequence[Any], Any]


class Epoch(NamedTuple):
    """What one pass over the data gave: means over its rows, each before its batch's step."""

    number: int
    loss: float
    accuracy: float
    seconds: float


def fit(
    model: Callable[[Any], Any], loss: Callable[[Any, Any], Value], rows: Sequence[Row],
    optimizer: Optimizer, epochs: int = 100, batch_size: int | None = None, seed: int = 0,
    report: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:  # fmt: skip
    """Return the epochs of training: each moves the parameters once per batch of shuffled rows.

    A row is (inputs, target); loss(model(inputs), target) is a Value, and a step follows the mean
    of its gradients over the batch (by default all rows). `report` is called after every epoch.
    Ctrl-C ends the training, and what was reached is returned. ValueError where the loss is not
    finite, since no step can mend it.
    """
    if not rows:
        raise ValueError("fit() takes at least one row, not []; check what was selected")
    rng = random.Random(seed)
    history: list[Epoch] = []
    start = time.perf_counter()
    try:
        for number in range(1, epochs + 1):
            total, correct = 0.0, 0
            for batch in batches(rows, batch_size or len(rows), rng):
                optimizer.zero_grad()
                for inputs, target in batch:
                    outputs = model(inputs)
                    value = loss(outputs, target)
                    value.backward()
                    total += value.data
                    correct += predicted(outputs) == target
                if not math.isfinite(total):
                    raise ValueError(
                        f"the loss is {total} in epoch {number}; take a smaller learning rate"
                    )
                for p in optimizer.parameters:
                    p.grad /= len(batch)
                optimizer.step()
            seconds = time.perf_counter() - start
            history.append(Epoch(number, total / len(rows), correct / len(rows), seconds))
            if report:
                report(history[-1])
    except KeyboardInterrupt:
        pass  # a wish, not a fault: the caller sees fewer epochs
    return history


def predicted(outputs: Any) -> int:
    """Return the class that outputs stand for: the largest of a list, the sign of one logit."""
    if isinstance(outputs, list):
        return max(range(len(outputs)), key=outputs.__getitem__)
    return int(outputs > 0)


def accuracy(model: Callable[[Any], Any], rows: Sequence[Row]) -> float:
    """Return the share of rows whose class index is predicted; ValueError of no rows."""
    if not rows:
        raise ValueError("accuracy() takes at least one row, not []")
    right: int = sum(predicted(model(inputs)) == target for inputs, target in rows)
    return right / len(rows)


@contextmanager
def progress(epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """Yield a report for fit(): a bar on a terminal that has tqdm, else about ten lines."""
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not sys.stderr.isatty():
        yield _lines(epochs)
        return
    with tqdm(total=epochs, unit="epoch", leave=False, dynamic_ncols=True) as bar:

        def advance(epoch: Epoch) -> None:
            bar.set_postfix(loss=f"{epoch.loss:.4f}", accuracy=f"{epoch.accuracy:.3f}")
            bar.update()

        yield advance


def _lines(epochs: int) -> Callable[[Epoch], None]:
    every = max(1, epochs // 10)

    def line(epoch: Epoch) -> None:
        if epoch.number % every == 0 or epoch.number in (1, epochs):
            left = epoch.seconds / epoch.number * (epochs - epoch.number)
            print(
                f"epoch {epoch.number:>{len(str(epochs))}}/{epochs}   loss {epoch.loss:<8.4f}"
                f"   accuracy {epoch.accuracy:.3f}   {left:.0f} s left",
                flush=True,
            )

    return line


def majority(targets: Sequence[Any]) -> float:
    """Return the accuracy of always predicting the most frequent class; ValueError of no rows."""
    if not targets:
        raise ValueError("majority() takes at least one target, not []")
    return max(targets.count(target) for target in set(targets)) / len(targets)
