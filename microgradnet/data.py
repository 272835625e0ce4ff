"""Load data sets, read CSV files, make toy data; split, scale and batch them: lists of floats.

>>> table = load("iris")
>>> table.classes, table.points[0], table.targets[0]
(['setosa', 'versicolor', 'virginica'], [5.1, 3.5, 1.4, 0.2], 0)
>>> (points, targets), (test_points, test_targets) = split(table.points, table.targets, test=0.2)
>>> len(points), len(test_points), test_targets.count(1)
(120, 30, 10)
>>> scaler = Scaler.fit(points)
>>> test_points = scaler.transform(test_points)
>>> [len(batch) for batch in batches(points, 50, random.Random(0))]
[50, 50, 20]

What tables.py, idx.py and toys.py have, for CSV files, MNIST and toy data, can be taken from here.
"""

import json
import math
import random
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from microgradnet.errors import explained, show, wrong
from microgradnet.idx import Idx, load_mnist, read_idx
from microgradnet.tables import (
    Column,
    Encoding,
    Frame,
    Table,
    Targets,
    moments,
    read_csv,
    read_frame,
    targets,
)
from microgradnet.toys import LegacyRandom, blobs, circles, moons, permutation, spiral, xor

__all__ = [
    "Column", "Dataset", "Encoding", "Frame", "Idx", "LegacyRandom", "Scaler", "Table", "Targets",
    "batches", "blobs", "catalogue", "circles", "dataset", "folder", "load", "load_mnist", "moons",
    "one_hot", "path", "permutation", "read_csv", "read_frame", "read_idx", "spiral", "split",
    "targets", "xor",
]  # fmt: skip

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
Part = tuple[list[T], list[H]]
Rows = Sequence[Sequence[float]]


# ---- the data sets at hand ---------------------------------------------------------------------


class Dataset(NamedTuple):
    """A file that lies at hand: what is in it, whose it is, and what may be done with it."""

    name: str
    file: str
    rows: int
    columns: int
    target: str  # the column to predict; "" where there is none
    task: str  # "classification", "text" or "weights"
    description: str
    source: str
    licence: str
    drop: list[str]  # columns that are no inputs: numbers of rows


def demos() -> Path:
    """Return where the lessons and their data lie: in the installed package, or beside it."""
    here = Path(__file__).resolve().parent
    places = [here / "_demos", here.parent / "demos"]
    for place in places:
        if (place / "data" / "catalogue.json").is_file():
            return place
    raise FileNotFoundError(
        f"the lessons and data are in neither of {show([*map(str, places)])}; "
        "install microgradnet again"
    )


def folder() -> Path:
    """Return where the data sets lie: data in the folder of the lessons."""
    return demos() / "data"


def catalogue() -> list[Dataset]:
    """Return the data sets that lie at hand, as demos/data/catalogue.json lists them."""
    text = (folder() / "catalogue.json").read_text(encoding="utf-8")
    return [Dataset(**entry) for entry in json.loads(text)]


def path(name: str) -> Path:
    """Return the file of a data set; ValueError where there is none of that name."""
    return folder() / dataset(name).file


@explained
def load(name: str) -> Table:
    """Return a data set as points and class indices, not scaled; ValueError where it has none.

    Text becomes inputs and missing values are filled as by Encoding.fit(missing="fill"), from all
    rows: to leave the rows to test on out of it, fit an Encoding on read_frame(path(name)).
    """
    entry = dataset(name)
    if entry.task != "classification":
        remedy = f"read the file data.path({name!r})"
        raise wrong("load()", "a data set of points and classes", name, remedy)
    frame = read_frame(path(name))
    encoding = Encoding.fit(frame, entry.target, entry.drop, missing="fill", standardise=False)
    found = targets(frame, entry.target, "class")
    return Table(
        frame.path, encoding.inputs, encoding.transform(frame), entry.target,
        found.classes or [], found.values,
    )  # fmt: skip


@explained
def dataset(name: str) -> Dataset:
    """Return what the catalogue says of a data set; ValueError where there is none of that name."""
    datasets = {entry.name: entry for entry in catalogue()}
    if name not in datasets:
        raise ValueError(f"data has {', '.join(datasets)}, not {show(name)}; take one of them")
    return datasets[name]


# ---- split, scale, batch -----------------------------------------------------------------------


@explained
def split(
    points: Sequence[T], targets: Sequence[H], test: float = 0.25, seed: int = 0,
    stratify: bool = True,
) -> tuple[Part[T, H], Part[T, H]]:  # fmt: skip
    """Return (points, targets) to train on, and (points, targets) to test on, by random.

    The test part is the share `test` of all rows. It is stratified: it has about this share of each
    class, and a class of two rows or more is in both parts where they have room. Where the targets
    are numbers, not classes, give stratify=False. Rows keep their order. ValueError where the
    lengths differ, or a part would be empty.
    """
    n = len(points)
    if n != len(targets):
        rule = f"split() takes a target per point, not {len(targets)} for {n} points"
        raise ValueError(f"{rule}; take both from one table")
    count = round(test * n) if 0.0 < test < 1.0 else 0
    if not 0 < count < n:
        rule = f"a share between 0 and 1 that leaves some of {n} rows for each part"
        raise wrong("split()", rule, test, "take one nearer to 0.5, or more rows")
    order = list(range(n))
    random.Random(seed).shuffle(order)
    if stratify:
        classes: dict[H, list[int]] = {}
        for i in order:
            classes.setdefault(targets[i], []).append(i)
        # Each row's rank within its class, from 0 to 1: the lowest of all make the test part.
        rank: dict[int, float] = {}
        for rows in classes.values():
            rank |= {i: (k + 0.5) / len(rows) for k, i in enumerate(rows)}
            rank |= {rows[0]: 0.0} | {rows[-1]: 1.0}
        order.sort(key=rank.__getitem__)
    parts = sorted(order[count:]), sorted(order[:count])
    train, tested = (([points[i] for i in part], [targets[i] for i in part]) for part in parts)
    return train, tested


class Scaler(NamedTuple):
    """A remembered standardisation: each column to mean 0 and standard deviation 1.

    >>> scaler = Scaler.fit([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler
    Scaler(means=[2.0, 7.0], deviations=[1.0, 1.0])
    >>> scaler.transform([[5.0, 8.0]]), scaler.inverse([[3.0, 1.0]])
    ([[3.0, 1.0]], [[5.0, 8.0]])
    """

    means: list[float]
    deviations: list[float]

    @classmethod
    @explained
    def fit(cls, rows: Rows) -> "Scaler":
        """Return the scaler of the columns' means and population deviations (1 of a constant)."""
        if len(widths := set(map(len, rows))) != 1:
            raise wrong("Scaler.fit()", "rows of one width", sorted(widths), "fill up the others")
        scaler = cls([], [])
        for number, column in enumerate(zip(*rows, strict=True)):
            if not all(map(math.isfinite, column)):
                rule = f"finite numbers in column {number}"
                raise wrong("Scaler.fit()", rule, column, "correct them, or drop the column")
            mean, deviation = moments(column)
            if not math.isfinite(deviation):
                rule = "numbers of a smaller range"
                raise wrong("Scaler.fit()", rule, column, f"divide column {number}")
            scaler.means.append(mean)
            scaler.deviations.append(deviation)
        return scaler

    @explained
    def transform(self, rows: Rows) -> list[list[float]]:
        """Return the rows standardised: (v - mean) / deviation."""
        return [[(v - mean) / scale for v, mean, scale in self._zip(row)] for row in rows]

    @explained
    def inverse(self, rows: Rows) -> list[list[float]]:
        """Return standardised rows as they were: v * deviation + mean."""
        return [[v * scale + mean for v, mean, scale in self._zip(row)] for row in rows]

    def _zip(self, row: Sequence[float]) -> Iterator[tuple[float, float, float]]:
        if len(row) != len(self.means):
            rule = f"rows of {len(self.means)} numbers"
            raise wrong("this Scaler", rule, row, "give the columns that it was fitted on")
        return zip(row, self.means, self.deviations, strict=True)


@explained
def batches(data: Sequence[T], size: int, rng: random.Random) -> Iterator[list[T]]:
    """Yield all data once, shuffled by `rng`, in lists of `size`; the last may be shorter."""
    if not isinstance(size, int) or size < 1:
        raise wrong("batches()", "a size of 1 or more", size, "try 32")
    shuffled = list(data)
    rng.shuffle(shuffled)
    return (shuffled[start : start + size] for start in range(0, len(shuffled), size))


@explained
def one_hot(index: int, count: int) -> list[float]:
    """Return `count` numbers, 1.0 at the index and 0.0 elsewhere; ValueError where it is outside.

    >>> one_hot(2, 4)
    [0.0, 0.0, 1.0, 0.0]
    """
    if not isinstance(index, int) or not isinstance(count, int) or not 0 <= index < count:
        rule = f"an index from 0 to below the count {show(count)}"
        raise wrong("one_hot()", rule, index, "count the classes from 0")
    found = [0.0] * count
    found[index] = 1.0
    return found
