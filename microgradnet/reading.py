"""Read CSV files: as a table of numbers and classes, or as the text that is in them.

>>> frame = Frame("people.csv", ["sex", "age"], [["female", "29"], ["male", ""]])
>>> frame
<'people.csv': 2 rows of sex, age>
>>> frame.column("age"), frame.where(1, "age")
(['29', ''], "'people.csv', line 3, column 'age'")
"""

import math
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any, NamedTuple

from microgradnet.errors import explained, printable, show, wrong

MISSING = {"", "?", "NA", "N/A", "NaN", "nan"}
MANY_CLASSES = 20
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
LOOKED_AT = 100  # records, to find the delimiter
EXACT = 2.0**53
PACKED = b"\x1f\x8b"  # how files of gzip begin
SMALL, GROWTH = 4 << 20, 200  # bytes that a file may unpack to, or so many times its size
StrPath = str | os.PathLike[str]


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
            where = f"{show(self.path)}, column {show(self.target)}"
            raise wrong(where, "two classes or more", self.classes, "take another target")


@explained
def read_csv(path: StrPath, target: str | None = None) -> Table:
    """Return the table in a CSV file with a header: a column of classes, all others numbers.

    `target` names the column of classes, by default the last. Commas, UTF-8, also compressed with
    gzip; read_frame() takes more. OSError where the file cannot be read, else ValueError: one line
    that says where it is wrong.
    """
    file = show(os.fspath(path))
    records = _records(_raw(path, "read_csv"), file, ",")
    names = next(records, (1, []))[1]
    if len(names) < 2:
        remedy = "separate columns by commas" if names else "the file is empty"
        raise wrong(f"{file}, line 1", "two column names or more", names, remedy)
    check_names(names, f"{file}, line 1", "name the columns in the first line")
    target = names[-1] if target is None else target
    if target not in names:
        raise wrong(file, "one of its columns as target", target, f"take one of {show(names)}")
    points: list[list[float]] = []
    labels: list[str] = []
    for line, texts in _of_one_width(records, len(names), file, ",", "the header"):
        for name, text in zip(names, texts, strict=True):
            if text in MISSING or (name != target and not is_number(text)):
                where = f"{file}, line {line}, column {show(name)}"
                rule = "a value" if text in MISSING else "a finite number"
                raise wrong(where, rule, text, "correct it, or remove the line or the column")
        labels.append(texts.pop(names.index(target)))
        points.append([float(text) for text in texts])
    if not labels:
        raise wrong(file, "rows below the header", labels, "check the file")
    classes, numeric = few_classes(labels, file, target, names)
    features = [name for name in names if name != target]
    return Table(
        os.fspath(path), features, points, target, classes, indices_of(labels, classes, numeric)
    )


@dataclass(frozen=True, repr=False)
class Frame:
    """The text of a CSV file: the names of its columns, and the fields and the line of each row."""

    path: str
    names: list[str]
    rows: list[list[str]]
    lines: list[int] = field(default_factory=list)  # for messages; by default from 2 on

    @explained
    def __post_init__(self) -> None:
        if not self.lines:
            object.__setattr__(self, "lines", list(range(2, len(self.rows) + 2)))
        if len(self.lines) != len(self.rows):
            rule = f"a line for each of {len(self.rows)} rows"
            raise wrong(show(self.path), rule, len(self.lines), "leave lines out")
        texts_alone = {str}
        for texts in (self.names, *self.rows):
            if {*map(type, texts)} != texts_alone and not all(isinstance(t, str) for t in texts):
                rule = "texts as names and in rows"
                raise wrong(show(self.path), rule, texts, "make them such with str()")
        for row, texts in enumerate(self.rows):
            if len(texts) != len(self.names):
                where = f"{show(self.path)}, line {self.lines[row]}"
                rule = f"{len(self.names)} fields, one per name"
                raise wrong(where, rule, texts, "give '' where one is missing")

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<{show(self.path)}: {len(self.rows)} rows of {printable(', '.join(self.names))}>"

    @explained
    def position(self, name: str, remedy: str = "take one of these") -> int:
        """Return where the column stands, from 0; ValueError where there is none of that name."""
        if name not in self._positions:
            raise wrong(show(self.path), f"a column {show(name)}", self.names, remedy)
        return self._positions[name]

    def column(self, name: str) -> list[str]:
        """Return the fields of a column; ValueError where there is none of that name."""
        position = self.position(name)
        return [row[position] for row in self.rows]

    @explained
    def take(self, rows: Iterable[int]) -> "Frame":
        """Return the frame of some rows, by their numbers from 0: a part to train or test on."""
        chosen = [self._row(row) for row in rows]
        return Frame(
            self.path, self.names, [self.rows[i] for i in chosen], [self.lines[i] for i in chosen]
        )

    @explained
    def where(self, row: int, name: str) -> str:
        """Return the file, line and column of a field, as an error names them."""
        return f"{show(self.path)}, line {self.lines[self._row(row)]}, column {show(name)}"

    def _row(self, row: int) -> int:
        if not 0 <= row < len(self.rows):
            rule = f"numbers of rows from 0 to {len(self.rows) - 1}"
            raise wrong(show(self.path), rule, row, "take one of these")
        return row

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}


@explained
def read_frame(
    path: StrPath, header: bool | Sequence[str] = True, delimiter: str | None = None
) -> Frame:
    """Return the text of a CSV file: every column as text, without blanks around the fields.

    The first line names the columns, unless `header` is a list of names, or False: c0, c1 ...
    The delimiter is the one of comma, semicolon and tab that splits each of the first 100 records
    into equally many fields, two or more; else the first that splits the first record; else there
    is one column. UTF-8, also compressed with gzip; blank lines are skipped. OSError where the file
    cannot be read, else ValueError: one line that says where it is wrong.
    """
    file = show(os.fspath(path))
    raw = _raw(path, "read_frame")
    if delimiter is None:
        delimiter = _delimiter(raw, file)
    elif delimiter not in DELIMITERS:
        rule = "a comma, a semicolon or a tab as delimiter"
        raise wrong("read_frame()", rule, delimiter, "or None, to have it found")
    records = _records(raw, file, delimiter)
    first = next(records, None)
    if first is None:
        raise wrong(file, "a header and rows", [], "the file is empty")
    line, names = first
    like = "the header"
    if header is True:
        numbers = [name for name in names if is_number(name)]
        # A year is a name, and 81.92 is not: it is the first row of a file without names.
        if any(not name.isdecimal() for name in numbers) or (
            numbers and set(names) <= {*numbers, *MISSING}
        ):
            remedy = "take header=False (--no-header) where the file has no names"
            raise wrong(f"{file}, line {line}", "the names of the columns", names, remedy)
        check_names(names, f"{file}, line {line}", "name the columns, or take header=False")
    else:
        records, like = chain([first], records), f"line {line}"
        names = [f"c{number}" for number in range(len(names))]
        if header is not False:
            if isinstance(header, str) or not all(isinstance(name, str) for name in header):
                raise wrong("read_frame()", "a list of names as header", header, "or True, False")
            if len(header) != len(names):
                rule = f"a header of {len(names)} names, as line {line} has fields"
                raise wrong(file, rule, header, "name each column")
            names = list(header)
            check_names(names, "read_frame(), header=", "name each column once")
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, texts in _of_one_width(records, len(names), file, delimiter, like):
        rows.append(texts)
        lines.append(line)
    if not rows:
        raise wrong(file, "rows below the header", rows, "check the file")
    return Frame(os.fspath(path), names, rows, lines)


# ---- the text of a file ------------------------------------------------------------------------


def _raw(path: StrPath, reader: str) -> bytes:
    """Return the content of a file, unpacked, which is text in UTF-8."""
    import gzip
    import io
    import zlib

    file = show(os.fspath(path))
    try:
        with open(path, "rb") as stream:
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                raise wrong(
                    f"{reader}()", "a file or a pipe", os.fspath(path), "a device may have no end"
                )
            raw = stream.read()
        if raw.startswith(PACKED):
            raw = _unpacked(gzip.GzipFile(fileobj=io.BytesIO(raw)), file, len(raw))
        raw.decode("utf-8")  # at once, so that the error can say where; it is read in parts
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte, remedy = raw[error.start : error.end], "save the file as CSV in UTF-8"
        raise wrong(f"{file}, line {line}", "text in UTF-8", byte, remedy) from None
    except (OSError, EOFError, zlib.error) as error:
        kind = type(error) if isinstance(error, OSError) else ValueError
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{reader}() takes a readable file, not {file} ({reason}); check it") from None
    return raw


def _unpacked(stream: Any, file: str, size: int) -> bytes:
    parts, count = [], 0
    while part := stream.read(1 << 16):
        parts.append(part)
        count += len(part)
        check_growth(count, size, file)
    return b"".join(parts)


def check_growth(count: int, size: int, file: str) -> None:
    """Raise ValueError where a packed file of a size makes too much: so a few bytes fill memory."""
    if count > max(SMALL, GROWTH * size):
        rule = f"at most {GROWTH} times its {size} bytes when it is unpacked"
        raise ValueError(f"{file} takes {rule}, not {show(count)}; unpack it with gunzip before")


def _records(raw: bytes, file: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the fields, without blanks around them, of each record."""
    import csv
    import io

    line, text = 1, io.TextIOWrapper(io.BytesIO(raw), "utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for texts in reader:
            if len(texts) > 1 or "".join(texts).strip():
                yield line, [text.strip() for text in texts]
            line = reader.line_num + 1
    except csv.Error as error:
        reason = str(error).replace("\t", r"\t")  # the delimiter as it is
        rule = f"{file}, line {line} takes fields between {DELIMITERS[delimiter]}s, but {reason}"
        raise ValueError(f"{rule}; close each quote, and double a quote inside quotes") from None


def _delimiter(raw: bytes, file: str) -> str:
    """Return what separates the fields of a file, as read_frame() says."""
    counts: dict[str, list[int]] = {delimiter: [] for delimiter in DELIMITERS}
    for delimiter, found in counts.items():
        try:
            for _, texts in islice(_records(raw, file, delimiter), LOOKED_AT):
                found.append(len(texts))
        except ValueError:
            found.append(0)  # its quotes are wrong, with this delimiter
    fitting = [d for d, found in counts.items() if len(set(found)) == 1 and found[0] > 1]
    if len(fitting) > 1:
        rule = f"one delimiter, not {' or '.join(DELIMITERS[d] for d in fitting)}"
        raise ValueError(f"{file} takes {rule}; give the delimiter, or quote fields that have it")
    return next(iter(fitting), next((d for d, found in counts.items() if found[:1] > [1]), ","))


def _of_one_width(
    records: Iterable[tuple[int, list[str]]], width: int, file: str, delimiter: str, like: str
) -> Iterator[tuple[int, list[str]]]:
    for line, texts in records:
        if len(texts) != width:
            remedy = f"quote fields that have a {DELIMITERS[delimiter]} in them"
            if len(texts) < width:
                remedy = "add the missing ones, or remove the line"
            raise wrong(f"{file}, line {line}", f"{width} fields, as {like}", len(texts), remedy)
        yield line, texts


def check_names(names: Sequence[str], where: str, remedy: str) -> None:
    """Raise ValueError where a column has no name, or that of another."""
    counts = Counter(names)
    for number, name in enumerate(names, 1):
        if not name or counts[name] > 1:
            raise wrong(f"{where}, column {number}", "a name of its own", name, remedy)


# ---- what texts mean ---------------------------------------------------------------------------


def is_number(text: str) -> bool:
    """Return whether the text is a finite number, as CSV files have them."""
    try:
        return math.isfinite(float(text)) and "_" not in text  # only Python reads 1_000 as 1000
    except ValueError:
        return False


def classes_of(labels: Iterable[str]) -> tuple[list[str], bool]:
    """Return the different labels, sorted, and whether they are numbers: then by size."""
    once = dict.fromkeys(labels)
    numeric = all(map(is_number, once))
    spelling: dict[Any, str] = {}
    for label in once:
        spelling.setdefault(meaning(label, numeric), label)  # 1 and 1.0 are one class
    return [spelling[what] for what in sorted(spelling)], numeric


def meaning(label: str, numeric: bool) -> str | float:
    """Return what tells the label from others, by hash and by order."""
    if not numeric or not is_number(label):
        return label
    number = float(label)
    if abs(number) >= EXACT:  # where floats have no place for each whole number
        with suppress(ValueError):
            return int(label)
    return number


def few_classes(
    labels: list[str], file: str, target: str, names: list[str]
) -> tuple[list[str], bool]:
    """Return the classes of labels as classes_of(); ValueError where they are too many to be it."""
    classes, numeric = classes_of(labels)
    if len(classes) > max(MANY_CLASSES, len(labels) / 2):
        where = f"{file}, column {show(target)} as target"
        found = f"{len(classes)} in {len(labels)} rows, as a measurement or a name has"
        raise ValueError(f"{where} takes few classes, not {found}; take one of {show(names)}")
    return classes, numeric


def indices_of(labels: Sequence[str], classes: Sequence[str], numeric: bool) -> list[int]:
    """Return where each label stands in the classes, from 0."""
    index = {meaning(label, numeric): number for number, label in enumerate(classes)}
    return [index[meaning(label, numeric)] for label in labels]
