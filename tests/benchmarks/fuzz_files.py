"""Damage CSV, model and IDX files by random, and read them: an answer, or one clear error.

python tests/benchmarks/fuzz_files.py --count 100000 --seed 0

A case is a file that the package ships or writes, of a few rows, which is cut, flipped, spliced,
packed, nested or blown up, up to four times over. What reads it gives an answer that holds together
(a model comes back from a file of its own as the same bytes, and whatever has a checksum is the
model that was saved), or an error that names the file: OSError or ValueError, one printable line.
Anything else is printed with the number of its case, and the exit status is 1; `--only NUMBER` runs
that case alone. The numbers make the cases, whatever ran before them.
"""

import argparse
import gzip
import hashlib
import itertools
import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from microgradnet import data, nn, reading, saving
from microgradnet.pipeline import Pipeline

LONGEST = 1200  # characters of a message; the file's name and two offenders may be 200 each
FACTOR, ROOM = 100, 1 << 21  # bytes of memory for each that a file has or may unpack to, and more
LARGE = 200_000  # bytes of a file that says what a byte takes
MEASURED = 20  # each so many cases the memory is measured: that takes several times as long
SLOWEST = 100_000  # bytes of a file read in a second: four million empty columns take half a minute

# ---- files that are whole ------------------------------------------------------------------------


def tables():
    """Return the shipped CSV files, cut to 40 rows, and some of other kinds."""
    files = {}
    for entry in data.catalogue():
        if ".csv" in entry.file:
            raw = data.path(entry.name).read_bytes()
            raw = gzip.decompress(raw) if entry.file.endswith(".gz") else raw
            files[entry.name] = b"".join(raw.splitlines(keepends=True)[:41])
    files["quoted"] = b'name;"a ""b"""\n"x;y";"1,5"\n"two\nlines";\n' * 3
    files["tabs"] = b"\xef\xbb\xbfa\tb\tkind\r\n1\t2\tyes\r\n3\t?\tno\r\n"
    return files


def models():
    """Return the bytes of a saved model of each kind."""
    titanic = data.read_frame(data.path("titanic"))
    encoding = data.Encoding.fit(titanic, "survived", missing="fill", drop=["passenger"])
    width = len(encoding.inputs)
    made = {
        "neuron": nn.Neuron(3, "gelu", seed=1),
        "layer": nn.Layer(2, 3, "silu", seed=2),
        "mlp": nn.MLP(3, [4, 1, 2], "elu", "sigmoid", seed=3),
        "dropout": nn.MLP(2, [3, 1], seed=3, dropout=[0.2, 0.5]),
        "classes": Pipeline(encoding, nn.MLP(width, [2], seed=1), ["no", "yes"], "survived"),
        "number": Pipeline(None, nn.MLP(2, [3, 1], seed=4), None, "y", (-0.1, 1e-300)),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.json")
        for kind, model in made.items():
            saving.save(model, file)
            made[kind] = file.read_bytes()
    return made


def arrays():
    """Return IDX files of each type of values."""
    files = {}
    for code, letter in {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}.items():
        header = bytes([0, 0, code, 2]) + struct.pack(">2I", 3, 4)
        files[f"type {code}"] = header + struct.pack(f">12{letter}", *range(12))
    return files


# ---- what is done to them ------------------------------------------------------------------------

TOKENS = [
    b"", b"\0", b'"', b'""', b"\n", b"\r", b"\r\n", b",", b";", b"\t", b" ", b"\xff", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xc3", "\u2028".encode(), "\ud800".encode(errors="surrogatepass"),
    b"\x1b[2J",
    b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"1e308", b"-1e-400", b"-0", b"0x10", b"1_000",
    b"9" * 400, b"9" * 5000, b"1." + b"0" * 5000, "٣".encode(), b"?", b"NA", b"true", b"null",
    b"[]", b"{}", b"[", b"{", b"}", b":", b"\\", b"\\u0000", b"x" * 3000, b"\x1f\x8b",
    b"[" * 100_000, b'{"a":' * 50_000, b"1\n" * 20_000, b"a,b\n" * 10_000, b"," * 20_000, b"[[],",
    b"[[]," * 20_000, b'"' * 20_001, b'{"a":1},' * 10_000, b'0\n"a"\n' + b"1\n" * 200_000,
    b"a,a\n" * 100_000, b"1,2\n" * 100_000, b"[" + b"[]," * 200_000, b"[" + b"0," * 200_000,
]  # fmt: skip
VALUES = [
    None, True, 0, -1, 1, 2, 10**9, 2**53 + 1, 10**400, 1e308, -0.0, 5e-324, 0.5, "", "relu",
    "x" * 5000, "\x1b[2J\n", "\ud800", [], {}, [[]], [1.0], [2, 1], ["a", "a"],
    {"columns": []}, {"w": [1.0]},
]  # fmt: skip


def cut(raw, rng, others):
    return raw[: rng.randrange(len(raw) + 1)]


def drop(raw, rng, others):
    start = rng.randrange(len(raw) + 1)
    return raw[:start] + raw[start + rng.choice([1, 2, 8, 50]) :]


def flip(raw, rng, others):
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 8])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def insert(raw, rng, others):
    start = rng.randrange(len(raw) + 1)
    return raw[:start] + rng.choice(TOKENS) + raw[start + rng.choice([0, 0, 1, 4]) :]


def splice(raw, rng, others):
    other = rng.choice(others)
    start, end = sorted(rng.randrange(len(other) + 1) for _ in range(2))
    place = rng.randrange(len(raw) + 1)
    return raw[:place] + other[start:end] + raw[place:]


def repeat(raw, rng, others):
    lines = raw.splitlines(keepends=True) or [b""]
    place = rng.choice([0, 0, rng.randrange(len(lines))])  # often the header
    again = lines[place] * rng.choice([1, 1, 2, 300])
    to = rng.randrange(len(lines) + 1)
    return b"".join([*lines[:to], again, *lines[to:]])


def shuffle(raw, rng, others):
    lines = raw.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def field(raw, rng, others):
    lines = raw.split(b"\n")
    place = rng.randrange(len(lines))
    fields = lines[place].split(b",")
    fields[rng.randrange(len(fields))] = rng.choice(TOKENS)
    return b"\n".join([*lines[:place], b",".join(fields), *lines[place + 1 :]])


def pack(raw, rng, others):
    packed = gzip.compress(raw, 1, mtime=0)
    return packed + rng.choice([b"", b"", packed, b"\0", b"more"])


def bomb(raw, rng, others):
    # Few bytes that are 100 MB; of an IDX file, as many as it promises.
    if rng.random() > 0.05:
        return pack(raw, rng, others)
    head = rng.choice([raw, bytes([0, 0, 8, 1]) + struct.pack(">I", 100 << 20), b"a,b\n", b"c\n"])
    return gzip.compress(head, 1, mtime=0) + rng.choice(BOMBS)


BOMBS = [  # of 100 MB
    gzip.compress(part * ((1 << 20) // len(part)), 9, mtime=0) * 100
    for part in (b"1", b"1\n", b"1,2\n", b"\0", b"[],")
]


def shape(raw, rng, others):
    # Another header of an IDX file.
    count = rng.choice([0, 1, 2, 3, 255])
    sizes = [rng.choice([0, 1, 3, 12, 2**31, 2**32 - 1]) for _ in range(count)]
    header = bytes([0, 0, rng.choice([8, 9, 10, 13, 14]), count])
    return header + struct.pack(f">{count}I", *sizes) + raw[12:]


def content(raw, rng, others):
    # A model file of other content; the checksum recomputed, taken out, or wrong.
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return insert(raw, rng, others)
    if not isinstance(document, dict):
        return insert(raw, rng, others)
    for _ in range(rng.choice([1, 1, 2])):
        place = document
        while place:
            names = list(place) if isinstance(place, dict) else range(len(place))
            name = rng.choice(names)
            if isinstance(place[name], dict | list) and place[name] and rng.random() < 0.7:
                place = place[name]
                continue
            how = rng.choice(["set", "set", "remove", "move"])
            if how == "set":
                place[name] = rng.choice(VALUES)
            elif how == "remove":
                del place[name]
            else:
                moved = place.pop(name)
                if isinstance(place, dict):
                    place[rng.choice([*place, "new"])] = moved
                else:
                    place.append(moved)
            break
    how = rng.choice(["recompute", "recompute", "remove", "leave"])
    if how == "remove":
        document.pop("checksum", None)
    if how == "recompute":
        rest = {name: item for name, item in document.items() if name != "checksum"}
        text = json.dumps(rest, sort_keys=True).encode()
        document["checksum"] = hashlib.sha256(text).hexdigest()
    return json.dumps(document).encode()


ANY = [cut, drop, flip, insert, splice, repeat, shuffle, pack, bomb]
CHANGES = {"csv": [*ANY, field, field], "model": [*ANY, content, content], "idx": [*ANY, shape]}
WHOLE = {"csv": tables(), "model": models(), "idx": arrays()}
SAVED = set(WHOLE["model"].values())


def case(seed, number):
    """Return the kind of file of a case, what was done to which one, and its bytes."""
    rng = random.Random(f"{seed}:{number}")
    kind = rng.choice(["csv", "csv", "model", "model", "idx"])
    name, raw = rng.choice(list(WHOLE[kind].items()))
    if kind == "csv":
        raw = b"".join(raw.splitlines(keepends=True)[: rng.choice([2, 4, 10, 41])])
    others = list(WHOLE[rng.choice([kind, kind, *WHOLE])].values())
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        change = rng.choice(CHANGES[kind])
        raw = change(raw, rng, others)[: 4 << 20]
        done.append(change.__name__)
    return kind, f"{name}: {', '.join(done)}", raw, rng


# ---- what reads them -----------------------------------------------------------------------------


def read_csv(file, rng):
    table = data.read_csv(file)
    assert len(table.points) == len(table.targets) > 0
    assert {len(point) for point in table.points} == {len(table.features)}
    assert set(table.targets) == set(range(len(table.classes)))


def read_frame(file, rng):
    header, delimiter = rng.choice([True, False]), rng.choice([None, None, ",", ";", "\t"])
    frame = data.read_frame(file, header, delimiter)
    assert len(frame) == len(frame.rows) == len(frame.lines) > 0
    assert {len(row) for row in frame.rows} == {len(frame.names)}
    target, missing = rng.choice(frame.names), rng.choice(["fill", "refuse"])
    found = data.targets(frame, target)
    assert len(found.values) == len(frame)
    encoding = data.Encoding.fit(frame, target, missing=missing)
    assert {len(row) for row in encoding.transform(frame)} == {len(encoding.inputs)}


def load(file, rng):
    model = saving.load(file)
    raw = file.read_bytes()
    saving.save(model, file)
    again = file.read_bytes()
    changed = b'"checksum"' not in raw
    if not changed and again not in SAVED:  # whose checksum was recomputed
        rest = {name: item for name, item in json.loads(raw).items() if name != "checksum"}
        text = json.dumps(rest, sort_keys=True).encode()
        assert json.loads(raw)["checksum"] == hashlib.sha256(text).hexdigest()
    saving.save(saving.load(file), file)
    assert file.read_bytes() == again


def read_idx(file, rng):
    shape, values = data.read_idx(file)
    count = 1
    for size in shape:
        count *= size
    assert len(values) == count


READERS = {"csv": [read_csv, read_frame, read_frame], "model": [load], "idx": [read_idx]}


@contextmanager
def limited(seconds):
    """Raise TimeoutError in a block that takes more of the processor, where that can be told."""

    def late(*_):
        raise TimeoutError(f"it takes more than {seconds} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(reader, file, rng):
    """Return "an answer", or the name of the error; AssertionError for an error that is unclear."""
    size = file.stat().st_size
    try:
        reader(file, rng)
        return "an answer"
    except (OSError, ValueError) as error:
        text = str(error)
        faults = {
            "it names no file": file.name not in text,
            "it is no plain error": not isinstance(error, OSError)
            and type(error) is not ValueError,
            "it took too long": isinstance(error, TimeoutError),
            "it is too long": len(text) > LONGEST,
            "it is no printable line": not text.isprintable(),
            "it has no remedy": "; " not in text,
        }
        if found := [fault for fault, holds in faults.items() if holds]:
            raise AssertionError(f"{', '.join(found)}: {text[:400]!r} of {size} bytes") from error
        return type(error).__name__


def run(count, seed=0, seconds=20.0, only=None, tell=print):
    """Run the cases; return how many gave what, the faults, and the most memory by a byte."""
    outcomes, faults, most = Counter(), [], 0.0
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(count) if only is None else [only]:
            kind, what, raw, rng = case(seed, number)
            file = Path(folder, {"csv": "t.csv", "model": "m.json", "idx": "i-ubyte"}[kind])
            file.write_bytes(raw)
            reader = rng.choice(READERS[kind])
            before = state()
            packed = raw.startswith(b"\x1f\x8b")
            measured = number % MEASURED == 0 or (packed and "bomb" in what and len(raw) > 100_000)
            if measured:
                tracemalloc.start()
            try:
                with limited(seconds + len(raw) / SLOWEST):
                    outcomes[reader.__name__, outcome(reader, file, rng)] += 1
                if state() != before:
                    raise AssertionError("it changed what all share")
                if measured:
                    peak = tracemalloc.get_traced_memory()[1]
                    size = max(len(raw), packed and max(reading.SMALL, reading.GROWTH * len(raw)))
                    most = max(most, peak / size) if size > LARGE else most
                    if peak > FACTOR * size + ROOM:
                        raise AssertionError(f"it took {peak:,} bytes for {len(raw):,}")
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                faults.append(f"case {number}, {reader.__name__} of {what}: {error!r:.600}")
                tell(faults[-1])
            finally:
                tracemalloc.stop()
            if number and number % 10_000 == 0:
                tell(f"{number:,} cases, {time.perf_counter() - start:.0f} s")
    return outcomes, faults, most


def state():
    """Return what is shared by all, and should be left alone."""
    import csv

    return (
        random.getstate(), list(warnings.filters), sys.getrecursionlimit(), csv.field_size_limit(),
        csv.list_dialects(), os.getcwd(),
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        help="of the processor, for a case; more for a large file",
    )
    parser.add_argument("--only", type=int, help="the number of one case")
    chosen = parser.parse_args()
    start = time.perf_counter()
    outcomes, faults, most = run(chosen.count, chosen.seed, chosen.seconds, chosen.only)
    for reader, same in itertools.groupby(sorted(outcomes), key=lambda pair: pair[0]):
        print(f"{reader}: " + ", ".join(f"{outcomes[pair]:,} {pair[1]}" for pair in same))
    print(f"at most {most:.0f} bytes of memory for a byte of files above {LARGE:,}")
    took = time.perf_counter() - start
    print(f"{sum(outcomes.values()):,} cases of seed {chosen.seed} in {took:.0f} s: "
          f"{len(faults)} faults, Python {sys.version.split()[0]}")  # fmt: skip
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
