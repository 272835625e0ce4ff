"""Run generated text as a file of its own: a debugger shows it, and its errors say what failed.

>>> f = loaded("def f(x):\\n    return 1.0 / x\\n", "f")
>>> f(4.0)
0.25
>>> try:
...     f(0.0)
... except ZeroDivisionError as error:
...     annotate(error, f)
...     print(error.__notes__[0].partition("; in ")[0])
in / with 1.0 = 1.0, x = 0.0; keep the denominator away from 0
"""

import ast
import builtins
import hashlib
import itertools
import linecache
import os
import re
import shutil
import stat
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from microgradnet.operations import OPERATIONS


def loaded(text: str, name: str, title: str = "program") -> Callable[..., Any]:
    """Return the function of that name in a text, which becomes a file named after the title."""
    path = _written(text, title)
    namespace: dict[str, Any] = {"__name__": "microgradnet_program", "__file__": path}
    namespace["__text__"] = text
    try:
        exec(builtins.compile(text, path, "exec"), namespace)
    except MemoryError as error:
        count = text.count("\n")
        error.add_note(
            f"Python compiles what the memory has room for, not the {count:,} lines of {title!r}; "
            "trace one example, and give the rows to over(), instead of unrolling them"
        )
        raise
    function: Callable[..., Any] = namespace.pop(name)  # no cycle: it goes without the collector
    weakref.finalize(function.__code__, _forget, path).atexit = False
    return function


OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "constant_power",
}


def annotate(error: BaseException, function: Callable[..., Any]) -> None:
    """Add to an error in a generated function: the operation, operands, remedy and line."""
    step = error.__traceback__
    while step and step.tb_frame.f_code is not function.__code__:
        step = step.tb_next
    if step is None:
        return
    frame, file = step.tb_frame, function.__code__.co_filename
    # The text that runs: the file may be another's by now, and a part of the line is run below.
    line = frame.f_globals["__text__"].splitlines()[step.tb_lineno - 1]
    note = f"in {line.strip()!r} ({file}, line {step.tb_lineno})"
    places = itertools.islice(function.__code__.co_positions(), step.tb_lasti // 2, None)
    first, last, start, end = next(places)  # of the instruction; None with -X no_debug_ranges
    operands: list[ast.expr] = []
    if start is not None and first == last:
        match ast.parse(line[start:end].strip()).body[0]:
            case ast.Expr(ast.Call(func=ast.Name(id=name), args=operands)) if name in OPERATIONS:
                rule = OPERATIONS[name]
            case ast.Expr(ast.BinOp(left=x, op=operator, right=y)):
                rule, operands = OPERATIONS[OPERATORS[type(operator)]], [x, y]
    if operands:
        texts = map(ast.unparse, operands)
        numbers = (f"{t} = {eval(t, frame.f_globals, frame.f_locals)!r}" for t in texts)
        note = f"in {rule.symbol} with {', '.join(numbers)}; {rule.advice(error)}; {note}"
    error.add_note(note)


def _written(text: str, name: str) -> str:
    # A real file of the user's own, so that debuggers show it and breakpoints hold.
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    safe = re.sub(r"\W", "", name, flags=re.ASCII)[:60] or "program"
    file = f"{safe}_{digest}.py"
    with _lock():
        try:
            folder = _folder()
            path = os.path.join(folder, file)
            handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(temporary, path)
        except OSError:
            path = f"<{file}>"  # nowhere to write: in memory alone
        _USES[path] += 1
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    return path


_LOCKS: dict[int, threading.RLock] = {}  # by process: a fork would copy one that is held
_USES: Counter[str] = Counter()  # how many functions there are of a file


def _lock() -> threading.RLock:
    return _LOCKS.setdefault(os.getpid(), threading.RLock())


def _forget(path: str) -> None:
    # The last function of a text is gone, also from tracebacks: so is its file, of this process.
    with _lock():
        _USES[path] -= 1
        if _USES[path] < 1:
            del _USES[path]
            linecache.cache.pop(path, None)
            folder = os.path.dirname(path)
            if folder == _FOLDERS.get(os.getpid()) and _is_ours(folder):
                with suppress(OSError):
                    os.unlink(path)


_FOLDERS: dict[int, str] = {}


def _folder() -> str:
    # One folder a process, 0700, removed at its end; programs in it are named by their text.
    process = os.getpid()
    folder = _FOLDERS.get(process)
    if folder is None or not _is_ours(folder):
        from multiprocessing.util import Finalize  # as atexit, and in forked workers too

        folder = _FOLDERS[process] = tempfile.mkdtemp(prefix="microgradnet-")
        Finalize(None, _remove, (folder,), exitpriority=0)
    return folder


def _remove(folder: str) -> None:
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: str) -> bool:
    # Where somebody cleans up /tmp meanwhile, its name is free for anything of anybody.
    with suppress(OSError):
        found = os.lstat(folder)
        if os.name == "posix" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
            return False
        return stat.S_ISDIR(found.st_mode)
    return False
