"""What a training was: its epochs, as numbers, as a table, as a file.

>>> history = History([
...     Epoch(1, 1.5, 1.25, {"accuracy": 0.5}, 0.01, 0.1, {"layers.0": 3.0, "layers.1": 4.0}),
...     Epoch(2, 0.75, 0.9, {"accuracy": 0.875}, 0.01, 0.1, {"layers.0": 1.0, "layers.1": 0.0}),
... ])
>>> history
  epoch    train loss    valid loss    train/val    valid acc  dur
-------  ------------  ------------  -----------  -----------  -----
      1       1.50000       1.25000      1.20000      0.50000  0.01s
      2       0.75000       0.90000      0.83333      0.87500  0.01s
>>> history.best.number, history[0].gradient_norm
(2, 5.0)

The table is nolearn's. `PROGRESS` has what fit() can print while it runs.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, overload

from microgradnet.drawing import put
from microgradnet.errors import explained, printable, wrong

CYAN, GREEN, PLAIN = "\x1b[36m", "\x1b[32m", "\x1b[0m"


class Epoch(NamedTuple):
    """What one pass over the data gave.

    `loss` is the mean over the rows, each before its batch's step; the validation loss (None
    without validation rows) and the metrics are of the parameters after the pass. The metrics are
    means over the validation rows, or without such over the training rows. `gradient_norms` has
    the norm of the last batch's gradient for each layer.
    """

    number: int
    loss: float
    validation_loss: float | None
    metrics: dict[str, float]
    seconds: float
    learning_rate: float
    gradient_norms: dict[str, float]

    @property
    def gradient_norm(self) -> float:
        """The norm of the last batch's gradient."""
        return math.hypot(*self.gradient_norms.values())

    @property
    def watched(self) -> float:
        """The validation loss, or without validation rows the loss."""
        return self.loss if self.validation_loss is None else self.validation_loss


class History(Sequence[Epoch]):
    """The epochs of one training, and why it `stopped` before the last: "" where it did not."""

    @explained
    def __init__(self, epochs: Iterable[Epoch] = (), stopped: str = "") -> None:
        self.epochs = list(epochs)
        if others := [epoch for epoch in self.epochs if not isinstance(epoch, Epoch)]:
            raise wrong("History()", "Epochs", others[0], "such as fit() makes", TypeError)
        self.stopped = stopped

    @overload
    def __getitem__(self, index: int) -> Epoch: ...

    @overload
    def __getitem__(self, index: slice) -> list[Epoch]: ...

    def __getitem__(self, index: int | slice) -> Epoch | list[Epoch]:
        return self.epochs[index]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def best(self) -> Epoch:
        """The epoch of the lowest validation loss, or loss; ValueError before any."""
        if not self.epochs:
            raise ValueError("best is one of the epochs, and there are none; train first")
        return min(self.epochs, key=lambda e: math.inf if math.isnan(e.watched) else e.watched)

    def seconds(self) -> float:
        """Return how long all epochs took."""
        return math.fsum(epoch.seconds for epoch in self.epochs)

    @explained
    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a line per epoch: every number with all its digits, nothing where there is none.

        A file that is there stays as it was until the new one is whole. Names are written as they
        are: a program for tables may take one that begins with =, +, - or @ for a formula.
        """
        import csv
        import io
        from pathlib import Path

        first = self.epochs[0] if self.epochs else Epoch(0, 0.0, None, {}, 0.0, 0.0, {})
        names = [f"gradient norm of {layer}" for layer in first.gradient_norms]
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(
            ["epoch", "loss", "validation loss", *first.metrics, "seconds", "learning rate",
             "gradient norm", *names]
        )  # fmt: skip
        for epoch in self.epochs:
            writer.writerow(
                [epoch.number, epoch.loss, epoch.validation_loss, *epoch.metrics.values(),
                 epoch.seconds, epoch.learning_rate, epoch.gradient_norm,
                 *epoch.gradient_norms.values()]
            )  # fmt: skip
        put(Path(path), text.getvalue().encode("utf-8", "backslashreplace"))

    def __repr__(self) -> str:
        lines = [line for epoch in self.epochs for line in table_lines(epoch)]
        reason = [f"stopped: {self.stopped}"] if self.stopped else []
        return "\n".join(lines + reason) or "History([])"


# ---- what is printed while it runs ---------------------------------------------------------------


def table_lines(epoch: Epoch, marks: tuple[bool, bool] = (False, False)) -> list[str]:
    """Return nolearn's lines for an epoch: with the heading for the first; best values marked."""
    valid = "valid" if epoch.validation_loss is not None else "train"
    titles = ["epoch", "train loss"]
    cells = [f"{epoch.number}", f"{epoch.loss:.5f}"]
    if epoch.validation_loss is not None:
        ratio = epoch.loss / epoch.validation_loss if epoch.validation_loss else math.nan
        titles += ["valid loss", "train/val"]
        cells += [f"{epoch.validation_loss:.5f}", f"{ratio:.5f}"]
    names = ("acc" if name == "accuracy" else printable(name) for name in epoch.metrics)
    titles += [f"{valid} {name}" for name in names]
    cells += [f"{number:.5f}" for number in epoch.metrics.values()]
    widths = [max(len(title) + 2, 7) for title in titles]
    texts = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
    for column, colour in enumerate((CYAN, GREEN), 1):
        if marks[column - 1]:
            texts[column] = f"{colour}{texts[column]}{PLAIN}"
    line = "  ".join([*texts, f"{epoch.seconds:.2f}s"])
    if epoch.number > 1:
        return [line]
    heading = "  ".join([f"{t:>{w}}" for t, w in zip(titles, widths, strict=True)] + ["dur"])
    return [heading, "  ".join(["-" * width for width in widths] + ["-----"]), line]


Report = Callable[[Epoch], None]


@contextmanager
def table(epochs: int) -> Iterator[Report]:
    """Yield a report that prints nolearn's table; a terminal shows the best values in colour."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    best = [math.inf, math.inf]

    def report(epoch: Epoch) -> None:
        numbers = (epoch.loss, epoch.validation_loss)
        marks = [number is not None and number < low for number, low in zip(numbers, best)]  # noqa: B905
        for column, number in enumerate(numbers):
            if marks[column] and number is not None:
                best[column] = number
        lines = table_lines(epoch, (colours and marks[0], colours and marks[1]))
        print("\n".join(lines), flush=True)

    yield report


@contextmanager
def lasagne(epochs: int) -> Iterator[Report]:
    """Yield a report that prints the lines of Lasagne's example."""

    def report(epoch: Epoch) -> None:
        print(f"Epoch {epoch.number} of {epochs} took {epoch.seconds:.3f}s")
        print(f"  training loss:\t\t{epoch.loss:.6f}")
        valid = "training"
        if epoch.validation_loss is not None:
            valid = "validation"
            print(f"  validation loss:\t\t{epoch.validation_loss:.6f}")
        for name, number in epoch.metrics.items():
            text = f"{100 * number:.2f} %" if name == "accuracy" else f"{number:.6f}"
            print(f"  {valid} {printable(name)}:\t\t{text}")
        sys.stdout.flush()

    yield report


@contextmanager
def lines(epochs: int) -> Iterator[Report]:
    """Yield a report that prints about ten lines in all, with the time that is left."""
    every, spent = max(1, epochs // 10), 0.0

    def report(epoch: Epoch) -> None:
        nonlocal spent
        spent += epoch.seconds
        if epoch.number % every and epoch.number not in (1, epochs):
            return
        left = spent / epoch.number * (epochs - epoch.number)
        number = f"{epoch.number:>{len(str(epochs))}}/{epochs}"
        print(f"epoch {number}   {_words(epoch)}   {left:.0f} s left", flush=True)

    yield report


@contextmanager
def bar(epochs: int) -> Iterator[Report]:
    """Yield a report that moves a bar of tqdm; lines where that, or a terminal, is missing."""
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not sys.stderr.isatty():
        with lines(epochs) as report:
            yield report
        return
    with tqdm(total=epochs, unit="epoch", leave=False, dynamic_ncols=True) as shown:

        def advance(epoch: Epoch) -> None:
            shown.set_postfix_str(_words(epoch))
            shown.update()

        yield advance


@contextmanager
def silence(epochs: int) -> Iterator[Report]:
    """Yield a report that says nothing."""
    yield lambda epoch: None


PROGRESS: dict[str | None, Callable[[int], Any]] = {
    None: silence, "table": table, "lasagne": lasagne, "lines": lines, "bar": bar,
}  # fmt: skip


def _words(epoch: Epoch) -> str:
    pairs = [("loss", f"{epoch.loss:<8.4f}")]
    if epoch.validation_loss is not None:
        pairs.append(("valid loss", f"{epoch.validation_loss:<8.4f}"))
    pairs += [(printable(name), f"{number:.3f}") for name, number in epoch.metrics.items()]
    return "   ".join(f"{name} {text}" for name, text in pairs)
