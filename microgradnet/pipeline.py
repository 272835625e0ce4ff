"""Keep together what turns rows of a CSV file into answers: encoding, model and classes.

>>> pipeline = Pipeline(None, nn.MLP(2, [3], seed=0), ["red", "green", "blue"], "colour")
>>> pipeline.predict([[0.5, -1.0], [1.0, 0.5]])
['green', 'red']
"""

import math
import random
from collections.abc import Sequence
from reprlib import repr as brief
from typing import Any

from microgradnet import functional, nn
from microgradnet.compiling import Program, compile
from microgradnet.engine import as_number
from microgradnet.errors import explained, show, wrong
from microgradnet.operations import Operand
from microgradnet.scalars import sigmoid
from microgradnet.tables import Encoding, Frame
from microgradnet.tracing import LOCK

Rows = Sequence[Sequence[float]]

FEW = 50  # rows: to compile costs what 25 to 50 cost (4-8-3: 200, 10 ms); then 1/10 to 1/40 each


class Pipeline(nn.Module):
    """Answers for the rows of a CSV file: what a training gives, and what can be saved whole.

    `encoding` makes numbers of columns; with None the rows are numbers already. `model` has one
    output per class, or one logit for two; without `classes` its one output is the answer. `target`
    names the column that is predicted; `scale` is the (mean, deviation) by which a number as target
    was standardised. ValueError where they do not fit each other.
    """

    @explained
    def __init__(
        self, encoding: Encoding | None, model: nn.MLP, classes: Sequence[str] | None = None,
        target: str = "target", scale: Sequence[float] = (0.0, 1.0),
    ) -> None:  # fmt: skip
        if not isinstance(encoding, Encoding | None) or not isinstance(model, nn.MLP):
            rule = f"an Encoding or None, then an nn.MLP, not {show(encoding)} and {show(model)}"
            raise TypeError(f"Pipeline() takes {rule}; give these")
        if not isinstance(target, str) or not target:
            raise ValueError(f"target takes the name of a column, not {show(target)}; name it")
        self.encoding, self.model, self.target = encoding, model, target
        self.classes = None if classes is None else _names(classes, model.sizes[-1])
        self.scale = _scale(scale)
        if classes is None and model.sizes[-1] != 1:
            raise ValueError(f"model takes 1 output without classes, not {show(model)}; name them")
        if classes is not None and self.scale != (0.0, 1.0):
            rule = f"scale is for a number as target, not {show(scale)} of classes"
            raise ValueError(f"{rule}; drop it")
        if encoding is not None and len(encoding.inputs) != model.sizes[0]:
            rule = f"the {len(encoding.inputs)} inputs of the encoding"
            raise wrong("model", rule, model, f"make it for {brief(encoding.inputs)}")
        self._program: Program | None = None
        self._answered = 0  # rows, by which a program becomes worth its while

    @explained
    def __call__(self, x: Sequence[Operand], masks: Sequence[Operand] | None = None) -> Any:
        """Return the model's outputs, as Values, for one row that is encoded already."""
        return self.model(x) if masks is None else self.model(x, masks)

    @explained
    def masks(self, rng: random.Random) -> list[float]:
        """Return the masks of the model's dropout for one row; see MLP."""
        return self.model.masks(rng)

    @explained
    def predict(self, rows: Frame | Rows) -> list[Any]:
        """Return the answer for each row: the name of its most probable class, or a number.

        With an encoding it takes a Frame, else rows of numbers. ValueError where they do not fit,
        or the model's outputs are not finite.
        """
        outputs = self._finite(rows)
        if self.classes is None:
            mean, deviation = self.scale
            return [output * deviation + mean for (output,) in outputs]
        if self.model.sizes[-1] == 1:
            return [self.classes[logit > 0.0] for (logit,) in outputs]
        return [self.classes[max(range(len(row)), key=row.__getitem__)] for row in outputs]

    @explained
    def probabilities(self, rows: Frame | Rows) -> list[list[float]]:
        """Return the probabilities of the classes, in their order, for each row; see `predict`."""
        if self.classes is None:
            raise ValueError(f"probabilities() takes classes, and {self!r} has none; use predict()")
        outputs = self._finite(rows)
        if self.model.sizes[-1] == 1:
            return [[sigmoid(-logit), sigmoid(logit)] for (logit,) in outputs]
        # The same bits, of 10 classes in 4 us instead of 39; to compile that takes 2 ms.
        many = len(outputs) > 2 * FEW
        return list(map(compile(functional.softmax) if many else functional.softmax, outputs))

    @explained
    def outputs(self, rows: Frame | Rows) -> list[list[float]]:
        """Return the model's outputs for each row: logits, or one number, standardised.

        They have the bits of `pipeline(row)`, but of many rows a compiled program gives them: once
        there is one, the numbers of parameters may change, but not which Values they are.
        """
        encoded, one = self._encoded(rows), self.model.sizes[-1] == 1
        self._answered += len(encoded)
        if self._program is None and self._answered > FEW:
            self._program = compile(self.model)
        program = self._program
        if program:
            found: list[Any] = program.map((x,) for x in encoded)
        else:
            with LOCK:  # another thread may be compiling the model
                found = list(map(self.model, encoded))
        return [[float(output)] if one else list(map(float, output)) for output in found]

    def _encoded(self, rows: Frame | Rows) -> list[list[float]]:
        if isinstance(rows, Frame):
            if self.encoding is None:
                raise wrong(repr(self), "rows of numbers", rows, "fit an Encoding", TypeError)
            return self.encoding.transform(rows)
        if self.encoding is not None:
            raise TypeError(f"{self!r} takes a Frame, not {brief(rows)}; use read_frame()")
        return [_numbers(row, self.model.sizes[0], place) for place, row in enumerate(rows)]

    def _finite(self, rows: Frame | Rows) -> list[list[float]]:
        outputs = self.outputs(rows)
        for place, row in enumerate(outputs):
            if not all(map(math.isfinite, row)):
                rule = f"row {place} takes an answer of finite outputs, not {brief(row)}"
                raise ValueError(f"{rule}; check the row and the model's parameters")
        return outputs

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_program": None}  # a copy compiles its own

    def __repr__(self) -> str:
        answer = "" if self.classes is None else f", classes={brief(self.classes)}"
        return f"Pipeline({self.model!r}, target={self.target!r}{answer})"


def _numbers(row: Sequence[float], width: int, place: int) -> list[float]:
    rule = f"row {place} takes {width} numbers, not "
    try:
        numbers = row if set(map(type, row)) == {float} else [as_number(v) for v in row]
    except TypeError:
        raise TypeError(f"{rule}{brief(row)}; give rows such as [[0.5, 1.0]]") from None
    if len(numbers) != width:
        raise ValueError(f"{rule}{len(numbers)}: {brief(row)}; give the columns of the training")
    return list(numbers)


def _names(classes: Sequence[str], width: int) -> list[str]:
    names = [] if isinstance(classes, str) else list(classes)
    if not all(isinstance(name, str) for name in names) or not 1 < len(names) == len(set(names)):
        raise ValueError(f"classes takes different names, 2 or more, not {brief(classes)}; or None")
    if width != len(names) and (width, len(names)) != (1, 2):
        rule = f"model takes an output for each of {brief(names)}, not {width}"
        raise ValueError(f"{rule}; make it for {len(names)} classes")
    return names


def _scale(scale: Sequence[float]) -> tuple[float, float]:
    numbers = tuple(map(as_number, scale))
    if len(numbers) != 2 or not 0.0 < numbers[1] < math.inf or not math.isfinite(numbers[0]):
        raise wrong("scale", "a mean and a deviation above 0", scale, "check them")
    return numbers
