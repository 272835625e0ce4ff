"""Keep a model in a JSON file, whole and to the bit, and exchange it with PyTorch.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     file = os.path.join(folder, "model.json")
...     save(nn.Layer(2, 2, activation="tanh", seed=1), file)
...     with open(file, encoding="utf-8") as stream:
...         print("".join(line for line in stream if "checksum" not in line), end="")
...     load(file)
{
  "format": "microgradnet",
  "version": 1,
  "kind": "Layer",
  "architecture": {"nin": 2, "nout": 2, "activation": "tanh"},
  "parameters": {
    "neurons.0.w": [-0.7312715117751976, 0.6948674738744653],
    "neurons.0.b": 0.0,
    "neurons.1.w": [0.5275492379532281, -0.4898619485211566],
    "neurons.1.b": 0.0
  }
}
Layer(2, 2, activation='tanh')

A file is numbers and text, and nothing in it is run. Of a Pipeline it holds the encoding and the
classes too. Whoever changes one by hand takes out the line with its checksum, and is believed.
"""

import codecs
import errno
import hashlib
import json
import math
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from reprlib import repr as brief
from typing import Any

from microgradnet import nn
from microgradnet.engine import as_number
from microgradnet.errors import explained, printable, show
from microgradnet.exchanging import architecture, from_torch, to_torch
from microgradnet.pipeline import Pipeline
from microgradnet.tables import Encoding

__all__ = ["from_torch", "load", "save", "to_torch"]

VERSION = 1
# What makes a module again: its sizes, and its activations.
ARCHITECTURES: dict[type[nn.Module], list[str]] = {
    nn.Neuron: ["nin", "activation"],
    nn.Layer: ["nin", "nout", "activation"],
    nn.MLP: ["nin", "nouts", "activation", "output"],
}
OPTIONAL: dict[type[nn.Module], list[str]] = {nn.MLP: ["dropout"]}  # where it is not 0
KINDS: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (*ARCHITECTURES, Pipeline)}
PARTS = ["encoding", "classes", "target", "scale"]  # of a Pipeline, besides its model
WHOLE = "take a copy that is whole"
LARGEST = 2**53  # up to here a whole number is a float, to the bit


@explained
def save(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write a Neuron, Layer, MLP or Pipeline to a file, which `load` reads.

    The file is replaced in one step when the new one is whole on the disk: after a failure the old
    one is there. It keeps its permissions; where it is a symbolic link, the file that this leads to
    is replaced. Labels and gradients are not kept. TypeError for a Module of another class,
    ValueError for parameters that are not finite, OSError where nothing can be written.
    """
    text = _text(_document(model)) + "\n"
    with _explained(f"save() takes a file that can be written, not {show(os.fspath(path))}"):
        replaced(os.path.realpath(path), text.encode("utf-8", "backslashreplace"))


@explained
def load(path: str | os.PathLike[str]) -> Any:
    """Return the Neuron, Layer, MLP or Pipeline in a file of `save`, with the same bits.

    OSError where the file cannot be read; ValueError where it is no such file, is not whole, was
    changed, or is of a newer version.
    """
    name = show(os.fspath(path))
    with _explained(f"load() takes a file that can be read, not {name}"), open(path, "rb") as file:
        raw = file.read(100)
        if _begins(raw):  # what does not may be endless, as /dev/zero is
            raw += file.read()
    try:
        return _model(_parsed(raw))
    except RecursionError:
        reason, remedy = "it is nested too deep", WHOLE
    except ValueError as error:
        reason, remedy = (*error.args, WHOLE)[:2]  # an error with its own remedy has two
    reason = printable(reason)[:300]  # it may have names out of the file
    raise ValueError(f"load() takes a file of save(), not {name}: {reason}; {remedy}")


# ---- a model as text ---------------------------------------------------------------------------


def _document(model: nn.Module) -> dict[str, Any]:
    module: Any = model.model if type(model) is Pipeline else model
    found: dict[str, Any] = {"format": "microgradnet", "version": VERSION, "checksum": ""}
    found |= {"kind": type(model).__name__, "architecture": architecture(module, "save()")}
    if type(model) is Pipeline:
        encoding, *others = [getattr(model, part) for part in PARTS]
        Pipeline(encoding, module, *others)  # to check what was set since it was made
        found |= dict(zip(PARTS, [encoding and encoding.to_dict(), *others], strict=True))
    parameters = found["parameters"] = {}
    for path, number in module.state_dict().items():
        if not math.isfinite(number):
            rule = f"save() takes finite parameters, not {number!r} as {path}"
            raise ValueError(f"{rule}; train again, at a smaller learning rate")
        stem, _, last = path.rpartition(".")
        if last.isdecimal():  # the weights of a neuron make one list
            parameters.setdefault(stem, []).append(as_number(number))
        else:
            parameters[path] = as_number(number)
    return {**found, "checksum": _checksum(found)}


def _text(item: Any, depth: int = 0) -> str:
    # One line a neuron and one a column of an encoding; short things are not broken up.
    text = json.dumps(item, ensure_ascii=False, allow_nan=False)
    inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    if not any(isinstance(part, dict | list) for part in inner) or depth > 2 or len(text) < 80:
        return text
    lines = [_text(part, depth + 1) for part in inner]
    if isinstance(item, dict):
        keys = [json.dumps(key, ensure_ascii=False) for key in item]
        lines = [f"{key}: {line}" for key, line in zip(keys, lines, strict=True)]
    end = "\n" + "  " * depth
    return f"{text[0]}{end}  {f',{end}  '.join(lines)}{end}{text[-1]}"


def _checksum(document: dict[str, Any]) -> str:
    # Of the content, whatever its layout: line ends may change on the way.
    rest = {name: item for name, item in document.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def replaced(path: str, data: bytes) -> None:
    """Write a file in one step, or leave the old one; OSError for what is no regular file."""
    mode = os.stat(path).st_mode if os.path.lexists(path) else None
    if mode is not None:
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with open(path, "r+b"):  # an error where it is write-protected: its folder may not be
            mode = stat.S_IMODE(mode)
    part = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, mode)
        os.replace(part, path)
    finally:
        with suppress(OSError):
            os.unlink(part)


@contextmanager
def _explained(rule: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        explained = type(error)(f"{rule} ({error.strerror or error}); check it")
        explained.errno = error.errno
        raise explained from None


# ---- text as a model ---------------------------------------------------------------------------


def _begins(raw: bytes) -> bool:
    return raw.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")


def _parsed(raw: bytes) -> dict[str, Any]:
    if raw.startswith(b"\x1f\x8b"):
        raise ValueError("it is compressed", "decompress it with gunzip")
    if not _begins(raw):
        raise ValueError(f"it begins with {raw[:16]!r}, not with {{")
    try:
        document: dict[str, Any] = json.loads(
            raw.decode("utf-8-sig"), parse_float=_finite, parse_constant=_finite,
            object_pairs_hook=_unique,
        )  # fmt: skip
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8", "save it as text in UTF-8") from None
    return document


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"a number is finite, not {brief(text)}")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"a name stands there once, not {brief(name)} twice")
    return found


def _model(document: dict[str, Any]) -> Any:
    # Everything is checked; what is built is as large as the file.
    if document.get("format") != "microgradnet":
        raise ValueError(f"its format is {brief(document.get('format'))}", "look for another file")
    version, kind = document.get("version"), document.get("kind")
    if type(version) is not int or version < 1:
        raise ValueError(f"version takes a whole number from 1 up, not {brief(version)}")
    if version > VERSION:
        remedy = "upgrade, with pip install --upgrade microgradnet"
        raise ValueError(f"version {brief(version)} was written by a newer microgradnet", remedy)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind takes one of {', '.join(KINDS)}, not {brief(kind)}")
    parts = PARTS if kind == "Pipeline" else []
    names = ["format", "version", "checksum", "kind", "architecture", *parts, "parameters"]
    _check_names(kind, {"checksum": None, **document}, names)
    model = _module(nn.MLP if parts else KINDS[kind], document)
    if parts:
        encoding, classes, target, scale = (document[part] for part in parts)
        if not isinstance(classes, list | None):
            raise ValueError(f"classes takes a list of names, not {brief(classes)}")
        if not isinstance(scale, list) or any(type(number) is not float for number in scale):
            raise ValueError(f"scale takes floats, not {brief(scale)}")
        encoding = None if encoding is None else Encoding.from_dict(encoding)
        model = Pipeline(encoding, model, classes, target, scale)
    if document.get("checksum", checksum := _checksum(document)) != checksum:
        remedy = f"{WHOLE}, or take out the line with the checksum to load it as it is"
        raise ValueError(f"it was changed, its checksum is now {checksum}", remedy)
    return model


def _check_names(what: str, found: Any, names: list[str], optional: Sequence[str] = ()) -> None:
    if not isinstance(found, dict) or found.keys() - set(optional) != set(names):
        found = list(found) if isinstance(found, dict) else found
        raise ValueError(f"{what} takes {', '.join(names)}, not {brief(found)}")


def _module(kind: Any, document: dict[str, Any]) -> Any:
    found, parameters = document["architecture"], document["parameters"]
    _check_names("architecture", found, ARCHITECTURES[kind], OPTIONAL.get(kind, []))
    nouts = found.get("nouts", [found.get("nout", 1)])
    sizes = [found["nin"], *nouts] if isinstance(nouts, list) else []
    if len(sizes) < 2 or any(type(size) is not int or size < 1 for size in sizes):
        raise ValueError(f"sizes are whole numbers from 1 up, not those of {found}")
    if not isinstance(parameters, dict):
        raise ValueError(f"parameters takes names with numbers, not {brief(parameters)}")
    pairs: list[tuple[str, Any]] = []
    for path, item in parameters.items():
        if isinstance(item, list) and item:
            pairs += [(f"{path}.{i}", number) for i, number in enumerate(item)]
        else:
            pairs.append((path, item))
    state = _unique(pairs)
    for path, number in state.items():
        if type(number) is not float and (type(number) is not int or abs(number) > LARGEST):
            raise ValueError(f"{path} takes a number, not {brief(number)}")
    count = sum((nin + 1) * nout for nin, nout in pairwise(sizes))
    if len(state) != count:
        raise ValueError(f"{found} takes {count} parameters, not {len(state)}")
    module = kind(**found, seed=0)
    module.load_state_dict(state)
    return module
