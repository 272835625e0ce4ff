"""Remember which line of user code made each Value.

>>> with record_lines():
...     x = Value(3.0)
...     y = x * x
>>> y.line.number, y.line.function
(3, '<module>')

Off, it costs nothing: the methods that make Values are as they are without it, since only the two
names that they call are exchanged when it goes on; and a line lies in the slot of the label.
"""

import linecache
import os
import sys
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from microgradnet import scalars
from microgradnet.engine import Label, Value
from microgradnet.errors import printable
from microgradnet.operations import RUNTIME

PACKAGE = str(Path(__file__).parent) + os.sep
GENERATED = scalars.__name__  # among whose names the texts of the operations run


class Line(NamedTuple):
    """A line of code: its file, its number from 1, and the function that it is in."""

    file: str
    number: int
    function: str

    @property
    def text(self) -> str:
        """The code itself, "" where it cannot be read."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        code = f": {self.text}" if self.text else ""
        return printable(f"{Path(self.file).name}:{self.number} in {self.function}{code}")


def user_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame outside this package, from a frame outwards."""
    inner: FrameType | None = frame
    while inner and (
        inner.f_code.co_filename.startswith(PACKAGE) or inner.f_globals.get("__name__") == GENERATED
    ):
        inner = inner.f_back
    return inner or frame


def warn(message: str) -> None:
    """Give a RuntimeWarning at the line of user code that led here."""
    frame = user_frame(sys._getframe(1))
    warnings.warn_explicit(message, RuntimeWarning, frame.f_code.co_filename, frame.f_lineno)


class record_lines:  # noqa: N801  a function to its users: record_lines(), or with record_lines():
    """From now on, let every new Value remember the line of user code that made it, in `v.line`.

    As a context manager, up to the end of the block; `record_lines(False)` ends it for good. It
    counts for all threads while any one of them has it on. A Value is then made in about five
    times the time, and a training step takes three times as long.
    """

    def __init__(self, on: bool = True) -> None:
        with _LOCK:
            if on:
                _ACTIVE.add(self)
            else:
                _ACTIVE.clear()
            _switch()

    def __enter__(self) -> "record_lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        with _LOCK:
            _ACTIVE.discard(self)
            _switch()


_LOCK = threading.Lock()
_INIT = Value.__init__
_ACTIVE: set[record_lines] = set()  # those that have it on


def _switch() -> None:
    RUNTIME["new"] = _new if _ACTIVE else object.__new__
    Value.__init__ = _init if _ACTIVE else _INIT  # type: ignore[method-assign]


def _new(cls: type[Value]) -> Value:
    z = object.__new__(cls)
    z._label = _label()
    return z


def _init(self: Value, *arguments: Any, **options: Any) -> None:
    _INIT(self, *arguments, **options)
    unnamed = _label()
    self._label = Label(self.label, unnamed.line) if self.label else unnamed


def _label() -> Label:
    frame = user_frame(sys._getframe(2))
    return _made(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@lru_cache(10_000)
def _made(file: str, number: int, function: str) -> Label:
    # One for all Values of a line of code: 500 bytes less for each of them.
    return Label("", Line(file, number, function))
