"""Remember which line of user code made each Value.

>>> with record_lines():
...     x = Value(3.0)
...     y = x * x
>>> y.line.number, y.line.function
(3, '<module>')

Off, it costs no time: the methods that make Values are not asked; only the two names that they call
are exchanged when it goes on.
"""

import linecache
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from microgradnet.engine import Value
from microgradnet.operations import RUNTIME

PACKAGE = str(Path(__file__).parent)


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
        return f"{Path(self.file).name}:{self.number} in {self.function}: {self.text}".rstrip(": ")


def user_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame outside this package, from a frame outwards."""
    inner: FrameType | None = frame
    while inner and inner.f_code.co_filename.startswith((PACKAGE, "<operation ")):
        inner = inner.f_back
    return inner or frame


class record_lines:  # noqa: N801  a function to its users: record_lines(), or with record_lines():
    """From now on, let every new Value remember the line of user code that made it, in `v.line`.

    As a context manager, up to the end of the block; `record_lines(False)` ends it for good. It
    counts for all threads while any one of them has it on. A Value is then made in about three
    times the time.
    """

    def __init__(self, on: bool = True) -> None:
        _switch(1 if on else -_active)

    def __enter__(self) -> "record_lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        _switch(-1)


_LOCK = threading.Lock()
_INIT = Value.__init__
_active = 0  # how many have it on


def _switch(by: int) -> None:
    global _active
    with _LOCK:
        _active = max(0, _active + by)
        RUNTIME["new"] = _new if _active else object.__new__
        Value.__init__ = _init if _active else _INIT  # type: ignore[method-assign]


def _new(cls: type[Value]) -> Value:
    z = object.__new__(cls)
    z._line = _line()
    return z


def _init(self: Value, *arguments: Any, **options: Any) -> None:
    _INIT(self, *arguments, **options)
    self._line = _line()


def _line() -> Line:
    frame = user_frame(sys._getframe(2))
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
