"""Read CSV files, make toy data, and split, scale and batch it, in lists of floats.

>>> points, targets = moons(200, noise=0.2, seed=0)
>>> points[0], targets[0]
([0.7434611761955393, 0.46465632837724596], 0)
>>> (points, targets), (test_points, test_targets) = split(points, targets, test=0.25)
>>> len(points), len(test_points), test_targets.count(1)
(150, 50, 25)
>>> scaler = Scaler.fit(points)
>>> test_points = scaler.transform(test_points)
>>> [len(batch) for batch in batches(points, 64, random.Random(0))]
[64, 64, 22]
"""

import math
import os
import random
from collections.abc import Callable, Hashable, Iterator, MutableSequence, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
Part = tuple[list[T], list[H]]
Rows = Sequence[Sequence[float]]

MISSING = {"", "?", "NA", "N/A", "NaN", "nan"}
MANY_CLASSES = 20


class Table(NamedTuple):
    """What a CSV file holds: a point and a class index per row."""

    path: str
    features: list[str]  # the names of the columns of `points`
    points: list[list[float]]
    target: str  # the name of the column of classes
    classes: list[str]  # sorted: numbers by size, else text
    targets: list[int]  # indices into `classes`

    def check_trainable(self) -> None:
        """Raise ValueError where there is nothing to tell apart: fewer than two classes."""
        if len(self.classes) < 2:
            where = f"{_show(self.path)}, column {_show(self.target)}"
            raise _wrong(where, "two classes or more", self.classes, "take another target")


def read_csv(path: str | os.PathLike[str], target: str | None = None) -> Table:
    """Return the table in a CSV file with a header: a column of classes, all others numbers.

    `target` names the column of classes, by default the last. UTF-8, also compressed with gzip.
    OSError where the file cannot be read, else ValueError: one line that says where it is wrong.
    """
    file = _show(os.fspath(path))
    records = _records(path)
    _, names = next(records, (1, []))
    target = _target(names, target, file)
    points: list[list[float]] = []
    labels: list[str] = []
    for line, fields in records:
        where = f"{file}, line {line}"
        if len(fields) != len(names):
            rule = f"{len(names)} fields, as the header"
            raise _wrong(where, rule, len(fields), "quote fields that have a comma in them")
        for name, field in zip(names, fields, strict=True):
            if field in MISSING or (name != target and not _is_number(field)):
                rule = "a value" if field in MISSING else "a finite number"
                remedy = "correct it, or remove the line or the column"
                raise _wrong(f"{where}, column {_show(name)}", rule, field, remedy)
        labels.append(fields.pop(names.index(target)))
        points.append([float(field) for field in fields])
    if not labels:
        raise _wrong(file, "rows below the header", labels, "check the file")

    key: Callable[[str], Any] = float if all(map(_is_number, labels)) else str
    spelling = {key(label): label for label in reversed(labels)}  # 1 and 1.0 are one class
    index = {number: k for k, number in enumerate(sorted(spelling))}
    if len(index) > max(MANY_CLASSES, len(labels) / 2):
        where = f"{file}, column {_show(target)} as target"
        found = f"{len(index)} in {len(labels)} rows, as a measurement or a name has"
        raise ValueError(f"{where} takes few classes, not {found}; take one of {_show(names)}")
    features = [name for name in names if name != target]
    classes, targets = [spelling[number] for number in index], [index[key(v)] for v in labels]
    return Table(os.fspath(path), features, points, target, classes, targets)


def _records(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the fields, without blanks around them, of each record."""
    import csv
    import gzip
    import io
    import zlib

    file, line, raw = _show(os.fspath(path)), 1, b""
    try:
        with open(path, "rb") as stream:
            raw = stream.read()
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        text = io.StringIO(raw.decode("utf-8-sig"), newline="")
        reader = csv.reader(text, skipinitialspace=True, strict=True)
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield line, [field.strip() for field in fields]
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte, remedy = raw[error.start : error.end], "save the file as CSV in UTF-8"
        raise _wrong(f"{file}, line {line}", "text in UTF-8", byte, remedy) from None
    except csv.Error as error:
        rule = f"{file}, line {line} takes fields between commas, but {error}"
        raise ValueError(f"{rule}; close each quote, and double a quote inside quotes") from None
    except (OSError, EOFError, zlib.error) as error:
        kind = type(error) if isinstance(error, OSError) else ValueError
        reason = getattr(error, "strerror", None) or error
        raise kind(f"read_csv() takes a readable file, not {file} ({reason}); check it") from None


def _target(names: list[str], target: str | None, file: str) -> str:
    """Return the name of the target; ValueError where the header has no such, or is wrong."""
    if len(names) < 2:
        remedy = "separate columns by commas" if names else "the file is empty"
        raise _wrong(f"{file}, line 1", "two column names or more", names, remedy)
    for number, name in enumerate(names, 1):
        if not name or names.count(name) > 1:
            cell = f"{file}, line 1, column {number}"
            raise _wrong(cell, "a name of its own", name, "name the columns in the first line")
    if target is not None and target not in names:
        raise _wrong(file, "one of its columns as target", target, f"take one of {_show(names)}")
    return names[-1] if target is None else target


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field)) and "_" not in field  # only Python reads 1_000 as 1000
    except ValueError:
        return False


def _show(what: object) -> str:
    text = repr(what)
    return text if len(text) <= 200 else text[:197] + "..."


def _wrong(where: str, rule: str, offender: object, remedy: str) -> ValueError:
    return ValueError(f"{where} takes {rule}, not {_show(offender)}; {remedy}")


class LegacyRandom(random.Random):
    """NumPy's legacy random numbers, bit for bit: `np.random.seed(seed)` and what follows.

    random(), randn() and shuffle() are NumPy's; the rest comes from random.Random.

    >>> LegacyRandom(0).randn(), LegacyRandom(0).random()
    (1.764052345967664, 0.5488135039273248)
    """

    def __init__(self, seed: int) -> None:
        if not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ValueError(f"LegacyRandom() takes a seed from 0 to 2**32 - 1, not {seed!r}")
        super().__init__()
        state = [seed]
        for i in range(1, 624):  # init_genrand of Matsumoto and Nishimura, 2002
            state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
        self.setstate((3, (*state, 624), None))
        self._spare: float | None = None

    def randn(self) -> float:
        """Return the next of np.random.randn(): normal, by Marsaglia's polar method."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        square = 0.0
        while not 0.0 < square < 1.0:
            first, second = 2.0 * self.random() - 1.0, 2.0 * self.random() - 1.0
            square = first * first + second * second
        factor = math.sqrt(-2.0 * math.log(square) / square)
        self._spare = factor * first
        return factor * second

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Shuffle a list in place as np.random.shuffle() does."""
        for i in range(len(x) - 1, 0, -1):
            while (j := self.getrandbits(32) & ((1 << i.bit_length()) - 1)) > i:
                pass
            x[i], x[j] = x[j], x[i]


def moons(n: int = 100, noise: float = 0.1, seed: int | LegacyRandom = 0) -> Part[list[float], int]:
    """Return n points [x, y] on two half circles that interlock, and the circle of each, 0 or 1.

    They are those of scikit-learn's make_moons(n, noise=noise, random_state=seed), to 1e-15.
    ValueError below two points, or where the noise is negative or not finite.
    """
    if not isinstance(n, int) or n < 2:
        raise ValueError(f"moons() takes two points or more, not {n!r}")
    if not 0.0 <= noise < math.inf:
        raise ValueError(f"moons() takes a noise of 0 or more, not {noise!r}")
    rng = seed if isinstance(seed, LegacyRandom) else LegacyRandom(seed)
    points = [[math.cos(angle), math.sin(angle)] for angle in _angles(n // 2)]
    points += [[1.0 - math.cos(a), 1.0 - math.sin(a) - 0.5] for a in _angles(n - n // 2)]
    order = list(range(n))
    rng.shuffle(order)
    points = [[v + noise * rng.randn() for v in points[i]] for i in order]
    return points, [int(i >= n // 2) for i in order]


def _angles(n: int) -> list[float]:
    step = math.pi / max(n - 1, 1)
    return [i * step for i in range(max(n - 1, 1))] + [math.pi] * (n > 1)


def split(
    points: Sequence[T], targets: Sequence[H], test: float = 0.25, seed: int = 0
) -> tuple[Part[T, H], Part[T, H]]:
    """Return (points, targets) to train on, and (points, targets) to test on.

    The test part is the share `test` of all rows and, about, of each class; a class of two rows or
    more is in both parts where they have room. Rows keep their order. ValueError where the lengths
    differ, or a part would be empty.
    """
    n = len(points)
    if n != len(targets):
        raise ValueError(f"split() takes a target per point, not {len(targets)} for {n} points")
    count = round(test * n) if 0.0 < test < 1.0 else 0
    if not 0 < count < n:
        rule = f"a share between 0 and 1 that leaves some of {n} rows for each part"
        raise _wrong("split()", rule, test, "take one nearer to 0.5, or more rows")
    order = list(range(n))
    random.Random(seed).shuffle(order)
    classes: dict[H, list[int]] = {}
    for i in order:
        classes.setdefault(targets[i], []).append(i)
    # Each row's rank within its class, from 0 to 1: the lowest ranks of all make the test part.
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
    def fit(cls, rows: Rows) -> "Scaler":
        """Return the scaler of the columns' means and population deviations (1 of a constant)."""
        if len(widths := set(map(len, rows))) != 1:
            raise ValueError(f"Scaler.fit() takes rows of one width, not of {sorted(widths)!r}")
        scaler = cls([], [])
        for number, column in enumerate(zip(*rows, strict=True)):
            if not all(map(math.isfinite, column)):
                raise ValueError(f"Scaler.fit() takes finite numbers, but not so column {number}")
            constant = min(column) == max(column)  # for the mean of three 0.1 is not 0.1
            mean = column[0] if constant else math.fsum(column) / len(column)
            deviation = math.hypot(*(v - mean for v in column)) / math.sqrt(len(column))
            scaler.means.append(mean)
            scaler.deviations.append(deviation or 1.0)
        return scaler

    def transform(self, rows: Rows) -> list[list[float]]:
        """Return the rows standardised: (v - mean) / deviation."""
        return [[(v - mean) / scale for v, mean, scale in self._zip(row)] for row in rows]

    def inverse(self, rows: Rows) -> list[list[float]]:
        """Return standardised rows as they were: v * deviation + mean."""
        return [[v * scale + mean for v, mean, scale in self._zip(row)] for row in rows]

    def _zip(self, row: Sequence[float]) -> Iterator[tuple[float, float, float]]:
        if len(row) != len(self.means):
            raise ValueError(f"this Scaler takes rows of {len(self.means)} numbers, not {row!r}")
        return zip(row, self.means, self.deviations, strict=True)


def batches(data: Sequence[T], size: int, rng: random.Random) -> Iterator[list[T]]:
    """Yield all data once, shuffled by `rng`, in lists of `size`; the last may be shorter."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"batches() takes a size of 1 or more, not {size!r}")
    shuffled = list(data)
    rng.shuffle(shuffled)
    return (shuffled[start : start + size] for start in range(0, len(shuffled), size))
