"""Turn the columns of a CSV file into the numbers that a model takes, and remember how.

>>> frame = Frame("people.csv", ["sex", "age"], [["male", "20"], ["female", ""], ["male", "40"]])
>>> encoding = Encoding.fit(frame, missing="fill")
>>> encoding.inputs
['sex=female', 'age']
>>> encoding.transform(frame)
[[0.0, -1.224744871391589], [1.0, 0.0], [0.0, 1.224744871391589]]
"""

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

from microgradnet.errors import explained, show, wrong
from microgradnet.reading import (
    MANY_CLASSES,
    MISSING,
    Frame,
    Table,
    check_names,
    classes_of,
    few_classes,
    indices_of,
    is_number,
    meaning,
    read_csv,
    read_frame,
)

__all__ = [
    "Column", "Encoding", "Frame", "Table", "Targets", "moments", "read_csv", "read_frame",
    "targets",
]  # fmt: skip

AS_NUMBER = "write it like 1234.5"
FITTED = "take the column from Encoding.fit()"


class Targets(NamedTuple):
    """What a model is to predict: a class or a number per row."""

    kind: str  # "class" or "number"
    classes: list[str] | None  # sorted: numbers by size, else text; None of numbers
    values: list[Any]  # indices into `classes`, or floats


@explained
def targets(
    frame: Frame, name: str, kind: str | None = None, classes: Sequence[str] | None = None
) -> Targets:
    """Return the column as targets of a `kind`, "class" or "number".

    By default text is classes, and so are whole numbers of few different values: at most 20, each
    twice on average (or two in all). Other numbers are numbers. `classes` are those of a model that
    was trained: their indices, and no others, are given. ValueError: file, line, column.
    """
    if kind not in (None, "class", "number"):
        raise wrong("targets()", "'class' or 'number' as kind", kind, "or None, to be decided")
    labels = frame.column(name)
    _refuse(frame, name, MISSING.__contains__, "a value", "correct it, or remove the line")
    if isinstance(classes, str):
        raise wrong("targets()", "a list of names as classes", classes, "write ['a', 'b']")
    if classes is not None:
        numeric = all(map(is_number, classes))
        known = {meaning(label, numeric) for label in classes}
        rule = f"one of the classes {show(list(classes))}"
        remedy = "correct it, or train with rows of this class"
        _refuse(frame, name, lambda label: meaning(label, numeric) not in known, rule, remedy)
        return Targets("class", list(classes), indices_of(labels, classes, numeric))
    if kind is None:
        different, numeric = classes_of(labels)
        few = len(different) <= min(MANY_CLASSES, max(2.0, len(labels) / 2))
        whole = numeric and all(float(label).is_integer() for label in different)
        meant = numeric or _are_meant_as_numbers(labels, len(different) > MANY_CLASSES)
        kind = "number" if meant and not (few and whole) else "class"
    if kind == "number":
        _refuse(frame, name, _is_text, "a finite number", f"{AS_NUMBER}, or remove the line")
        return Targets("number", None, [float(label) for label in labels])
    different, numeric = few_classes(labels, show(frame.path), name, frame.names)
    return Targets("class", different, indices_of(labels, different, numeric))


@dataclass(frozen=True)
class Column:
    """How a column becomes inputs: a number is standardised, a category is 1.0 among 0.0s."""

    name: str
    kind: str  # "number" or "category"
    fill: float | str | None = None  # stands for a missing value; None: it is refused
    categories: list[str] = field(default_factory=list)
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError where the parts do not fit each other: they may come from a file."""
        where = f"Column {show(self.name)}"
        if not isinstance(self.name, str) or not self.name:
            raise wrong("Column()", "a name", self.name, FITTED)
        if self.kind not in ("number", "category"):
            raise wrong(where, "'number' or 'category' as kind", self.kind, FITTED)
        texts: list[Any] = self.categories if isinstance(self.categories, list) else [None]
        if (
            not all(isinstance(text, str) and text not in MISSING for text in texts)
            or (self.kind == "category") != (len(texts) > 0)
            or len(classes_of(texts)[0]) < len(texts)
        ):
            raise wrong(where, "different categories, or none of a number", texts, FITTED)
        if not (_is_real(self.mean) and _is_real(self.deviation) and self.deviation > 0):
            both = self.mean, self.deviation
            raise wrong(where, "a finite mean and a deviation above 0", both, FITTED)
        fits = _is_real(self.fill) if self.kind == "number" else self.fill in texts
        if self.fill is not None and not fits:
            raise wrong(where, "None, a number or a category as fill", self.fill, FITTED)

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs: one of a number, one of two categories, else one of each."""
        if self.kind == "number":
            return [self.name]
        shown = self.categories[:1] if len(self.categories) == 2 else self.categories
        return [f"{self.name}={category}" for category in shown]

    @explained
    def encode(self, text: str) -> tuple[float, ...]:
        """Return the inputs of one field; ValueError where it is nothing that was trained on."""
        where = f"column {show(self.name)}"
        if text in MISSING:
            if self.fill is None:
                raise wrong(
                    where, "a value", text, "correct it, or train with missing values filled"
                )
            text = str(self.fill)
        if self.kind == "category":
            inputs = self._codes.get(meaning(text, self._numeric))
            if inputs is None:
                rule = f"one of the categories trained on, {show(self.categories)}"
                filled = f", or leave it empty, for {show(self.fill)}" if self.fill else ""
                remedy = f"correct it{filled}, train with rows that have it, or drop the column"
                raise wrong(where, rule, text, remedy)
            return inputs
        if is_number(text) and math.isfinite(x := (float(text) - self.mean) / self.deviation):
            return (x,)
        raise wrong(where, "a finite number", text, AS_NUMBER)

    @cached_property
    def _numeric(self) -> bool:
        return all(map(is_number, self.categories))

    @cached_property
    def _codes(self) -> dict[str | float, tuple[float, ...]]:
        count = len(self.inputs)
        return {
            meaning(category, self._numeric): tuple(float(k == i) for i in range(count))
            for k, category in enumerate(self.categories)
        }


PARTS = [part.name for part in fields(Column)]


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become the inputs of a model, as remembered from training rows."""

    columns: list[Column]

    @explained
    def __post_init__(self) -> None:
        if not self.columns:
            raise wrong("Encoding()", "a column or more", [], "drop fewer")
        check_names([column.name for column in self.columns], "Encoding()", "name each once")

    @classmethod
    @explained
    def fit(
        cls, frame: Frame, target: str | None = None, drop: Collection[str] = (),
        missing: str = "refuse", standardise: bool = True, categories: Collection[str] = (),
    ) -> "Encoding":  # fmt: skip
        """Return the encoding of all columns but the target and those to drop.

        A column of finite numbers is one input, standardised by their mean and the population's
        deviation (1 of a constant, which becomes 0); of nothing but 0 and 1 it stays as it is.
        A column of text, or one named in `categories`, is an input per category, in sorted order:
        1.0 for the row's own, 0.0 for others; of two categories the first alone. More than 20 are
        refused, unless it is in `categories`.

        A missing value (an empty field, ?, NA, N/A, NaN, nan) is refused, or with missing="fill"
        replaced by the median or the most frequent category (of several the first in order). A
        category that is new later is refused in both cases, for zeros could mean another one: an
        empty field has it filled. ValueError with file, line and column.
        """
        if missing not in ("refuse", "fill"):
            raise wrong("Encoding.fit()", "'refuse' or 'fill' as missing", missing, "choose one")
        for what, given in (("drop", drop), ("categories", categories)):
            if isinstance(given, str):
                rule = f"a list of names as {what}"
                raise wrong("Encoding.fit()", rule, given, f"write [{given!r:.40}]")
        aside = {*drop} if target is None else {*drop, target}
        for name in (*aside, *categories):
            frame.position(name)
        names = [name for name in frame.names if name not in aside]
        if not names:
            rule = "a column besides the target and those dropped"
            raise wrong(show(frame.path), rule, frame.names, "drop fewer")
        asked = set(categories)
        return cls([
            _column(frame, name, missing == "fill", standardise, name in asked) for name in names
        ])  # fmt: skip

    @property
    def inputs(self) -> list[str]:
        """The names of the model's inputs, such as "age" and "sex=female"."""
        return [name for column in self.columns for name in column.inputs]

    @explained
    def transform(self, frame: Frame) -> list[list[float]]:
        """Return the inputs of each row, its columns found by name, others ignored.

        ValueError with file, line and column where a field is nothing that was trained on.
        """
        columns: list[list[float]] = []
        for column in self.columns:
            frame.position(column.name, "name the columns as in training")
            texts = frame.column(column.name)
            known: dict[str, tuple[float, ...]] = {}
            for text in dict.fromkeys(texts):  # each once: 5 times faster on digits, 2 on spam7
                try:
                    known[text] = column.encode(text)
                except ValueError as error:
                    where = f"{show(frame.path)}, line {frame.lines[texts.index(text)]}"
                    raise ValueError(f"{where}, {error}") from None
            for k in range(len(column.inputs)):
                value = {text: inputs[k] for text, inputs in known.items()}
                columns.append([value[text] for text in texts])
        return [list(point) for point in zip(*columns, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding in what JSON holds, every float exact; from_dict() reads it."""
        columns = [{part: getattr(column, part) for part in PARTS} for column in self.columns]
        return {"columns": columns}

    @classmethod
    def from_dict(cls, data: Any) -> "Encoding":
        """Return the encoding that to_dict() gave; ValueError where it cannot be one."""
        columns = data.get("columns") if isinstance(data, dict) else None
        if not isinstance(columns, list) or not all(
            isinstance(column, dict) and set(column) == set(PARTS) for column in columns
        ):
            raise wrong("Encoding.from_dict()", "what to_dict() gave", data, "save it again")
        return cls([Column(**column) for column in columns])


def _column(frame: Frame, name: str, fills: bool, standardise: bool, asked: bool) -> Column:
    texts, where = frame.column(name), f"{show(frame.path)}, column {show(name)}"
    if not fills:
        remedy = "correct it, drop the column, or fill missing values (--fill, missing='fill')"
        _refuse(frame, name, MISSING.__contains__, "a value", remedy)
    present = [text for text in texts if text not in MISSING]
    if not present:
        raise wrong(where, "a value in some row", texts, "drop the column")
    categories, numeric = classes_of(present)
    if asked or not numeric:
        many = len(categories) > MANY_CLASSES
        if not asked and _are_meant_as_numbers(present, many):
            remedy = f"{AS_NUMBER}, drop the column, or name it in categories"
            _refuse(frame, name, _is_text, "a finite number", remedy)
        if not asked and many:
            found = f"{len(categories)} in {len(present)} rows"
            remedy = "drop the column, or name it in categories"
            raise ValueError(
                f"{where} takes {MANY_CLASSES} categories at most, not {found}; {remedy}"
            )
        counts = Counter(meaning(text, numeric) for text in present)
        usual = max(categories, key=lambda category: counts[meaning(category, numeric)])
        return Column(name, "category", usual if fills else None, categories)
    numbers = sorted(map(float, present))
    low, high = numbers[(len(numbers) - 1) // 2], numbers[len(numbers) // 2]
    median = low if low == high else low / 2.0 + high / 2.0  # for low + high may overflow
    mean, deviation = 0.0, 1.0
    if standardise and set(numbers) != {0.0, 1.0}:
        mean, deviation = moments([median if text in MISSING else float(text) for text in texts])
    if not math.isfinite(deviation):
        raise wrong(where, "numbers of a smaller range", present, "divide them, or drop the column")
    return Column(name, "number", median if fills else None, [], mean, deviation)


def moments(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the population's standard deviation, or 1 where all numbers are one.

    The deviation is inf where one of both leaves the range of floats.
    """
    if min(numbers) == max(numbers):  # for the rounded mean of three 0.1 is not 0.1
        return numbers[0], 1.0
    try:
        mean = math.fsum(numbers) / len(numbers)
    except OverflowError:
        return math.inf, math.inf
    return mean, math.hypot(*(v - mean for v in numbers)) / math.sqrt(len(numbers)) or 1.0


# ---- what texts mean ---------------------------------------------------------------------------


def _is_text(text: str) -> bool:
    return text not in MISSING and not is_number(text)


def _are_meant_as_numbers(texts: Sequence[str], many: bool) -> bool:
    """Return whether these are numbers but for a stray text, or have commas for points."""
    count = sum(is_number(text.replace(",", ".", 1)) for text in texts)
    return count == len(texts) or (many and count > len(texts) / 2)


def _is_real(v: object) -> bool:  # a number of JSON; its integers may be larger than any float
    return isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= sys.float_info.max


def _refuse(
    frame: Frame, name: str, refused: Callable[[str], bool], rule: str, remedy: str
) -> None:
    """Raise ValueError at the first field of a column that is refused."""
    for row, text in enumerate(frame.column(name)):
        if refused(text):
            raise wrong(frame.where(row, name), rule, text, remedy)
