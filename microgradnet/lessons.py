"""Write lessons that hold their figures to those of their source.

>>> def main(lesson):
...     lesson.part("1. The sigmoid")
...     lesson.figure("sigmoid(5)", "0.99331", 1.0 / (1.0 + 2.718281828459045 ** -5.0))
...     lesson.claim("it is nearly 1", 0.99 < 0.9933 < 1.0)
>>> run(main, arguments=[])
<BLANKLINE>
1. The sigmoid
                                          published              ours difference
  sigmoid(5)                                0.99331        0.99330715    2.9e-06
  holds: it is nearly 1
<BLANKLINE>
all 2 figures reached

A lesson is a script with a function main(lesson) and, at its end, `run(main, checks)`. It takes
--full for the long run, --out for the folder of its pictures, and --check for the exercises: each
check is a function named check_NAME that takes what the learner's file calls NAME, returns what is
wrong with it, or None where it is right, and says in its docstring what is asked.
"""

import argparse
import os
import re
import runpy
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from microgradnet.drawing import put, render
from microgradnet.engine import Value
from microgradnet.errors import explained, printable, wrong
from microgradnet.nn import Module
from microgradnet.prompting import Parser, ready_streams

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
Check = Callable[[Any], str | None]

WIDTH = 80  # columns of a terminal
SECONDS = 2.0  # between two lines of progress


class Lesson:
    """What a lesson's main() is given: it prints figures beside their published ones, and counts.

    `full` asks for the long run, `folder` is where pictures go, `options` has the lesson's own.
    """

    def __init__(self, full: bool, folder: Path, options: dict[str, str | None]) -> None:
        self.full = full
        self.folder = folder
        self.options = options
        self.reached = 0
        self.missed: list[str] = []
        self.written: list[Path] = []
        self.stopped = False  # by Ctrl-C, after which fit() returns what was reached
        self.lacking: dict[type, tuple[Exception, list[str]]] = {}  # why there are no pictures
        self._column = ""

    # ---- figures -------------------------------------------------------------------------------

    @explained
    def part(self, title: str, column: str = "published") -> None:
        """Begin a part; `column` says where its figures to reach come from."""
        self._go_on()
        print(f"\n{printable(title)}", flush=True)
        self._column = column

    @explained
    def say(self, text: str) -> None:
        """Print lines, each wrapped to the width of a terminal."""
        for line in text.splitlines():
            indent = line[: len(line) - len(line.lstrip())]
            _wrapped(line, "", indent + "    ")

    @explained
    def figure(
        self, name: str, published: Any, ours: Any, tolerance: float | None = None
    ) -> None:  # fmt: skip
        """Print a figure beside the published one, and count whether it is reached.

        `published` is a number; or its text as it was printed, and the tolerance is half a unit of
        its last digit; or a list of such, with a list of ours. Whole numbers are to be equal.
        """
        if isinstance(published, list | tuple):
            if not isinstance(ours, list | tuple) or len(ours) != len(published):
                raise wrong(name, f"{len(published)} figures, as published", ours, "give a list")
            for i, (one, our) in enumerate(zip(published, ours, strict=True)):
                self.figure(f"{name}[{i}]", one, our, tolerance)
            return
        if tolerance is None:
            tolerance = _half_a_unit(name, published)
        apart = abs(_number(name, published) - _number(name, ours))
        self._row(name, published, ours)
        self._count(name, apart <= tolerance)

    @explained
    def erratum(
        self, name: str, published: Any, ours: Any, correct: Any, why: str,
        tolerance: float | None = None,
    ) -> None:  # fmt: skip
        """Print a published figure that a correct program does not reach, and why.

        What counts is that ours is the correct one, and that the published one is another.
        """
        if tolerance is None:
            tolerance = _half_a_unit(name, correct)
        there, here, right = (_number(name, v) for v in (published, ours, correct))
        self._row(name, published, ours)
        _wrapped(f"not to be reached: {why}", "    ")
        self._count(name, abs(there - here) > tolerance and abs(right - here) <= tolerance)

    @explained
    def claim(self, text: str, holds: bool) -> None:
        """Print something that the source says, and count whether it holds."""
        self._go_on()
        _wrapped(f"{'holds' if holds else 'DOES NOT HOLD'}: {text}", "  ")
        self._count(text, bool(holds), told=True)

    def _row(self, name: str, published: Any, ours: Any) -> None:
        self._go_on()
        name = printable(name)
        if self._column:
            print(f"{self._column:>51}{'ours':>18}{'difference':>11}")
            self._column = ""
        exact = isinstance(published, int) and isinstance(ours, int)
        if exact:
            shown, apart = f"{ours:,}", "" if ours == published else f"{ours - published:+}"
        else:
            shown = f"{float(ours):.{min(_digits(published) + 3, 14)}g}"
            apart = f"{abs(float(ours) - float(published)):.1e}"
        text = published if isinstance(published, str) else f"{published:.12g}"
        columns = f" {text:>15} {shown:>17} {apart:>10}".rstrip()
        room = WIDTH - 2 - len(f" {text:>15} {shown:>17} {apart:>10}")
        if len(name) > room:
            print(f"  {name}")
            name = ""
        print(f"  {name:<{room}}{columns}", flush=True)

    def _go_on(self) -> None:
        if self.stopped:
            raise KeyboardInterrupt

    def _count(self, name: str, reached: bool, told: bool = False) -> None:
        if reached:
            self.reached += 1
        else:
            self.missed.append(name)
            if not told:
                print("    NOT REACHED")

    # ---- pictures, progress --------------------------------------------------------------------

    @explained
    def picture(
        self,
        name: str,
        picture: "Value | Module | Callable[[], Figure | bytes | str]",
        **options: Any,
    ) -> None:
        """Write a picture into the folder, or say at the end what it takes.

        A Value or model is drawn with the options of draw(); a function makes a matplotlib Figure,
        or the contents of the file. `name` has the suffix, but that of a Figure: it becomes two
        files.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if isinstance(picture, Value | Module):
                self.written.append(render(picture, path, **options))
                return
            if not callable(picture):
                rule = "a Value, a model, or a function that makes a picture"
                raise wrong(name, rule, picture, "write lambda: ...", TypeError)
            made = picture()
        except (ImportError, RuntimeError) as error:  # matplotlib or dot is missing
            self.lacking.setdefault(type(error), (error, []))[1].append(name)
            return
        if isinstance(made, str | bytes):
            put(path, made.encode() if isinstance(made, str) else made)
            self.written.append(path)
        else:
            from microgradnet.figures import write

            self.written += write(made, path)

    @explained
    def progress(self, items: Iterable[T], what: str = "step", total: int = 0) -> Iterator[T]:
        """Yield the items, and print every two seconds how far it is; `total` where it has no len.

        On a terminal one line is written over; elsewhere they follow each other, ever more rarely.
        """
        return self._told(iter(items), what, total or len(items))  # type: ignore[arg-type]

    def _told(self, items: Iterator[T], what: str, total: int) -> Iterator[T]:
        terminal = sys.stdout.isatty()
        start = told = time.perf_counter()
        pause = SECONDS
        for done, item in enumerate(items):
            now = time.perf_counter()
            if now - told > pause:
                told = now
                pause *= 1.0 if terminal else 1.5
                left = (now - start) / done * (total - done)
                line = f"  {what} {done:,} of {total:,}, {left:.0f} s left"
                print(f"\r{line:<60}" if terminal else line, end="" if terminal else "\n")
                sys.stdout.flush()
            yield item
        if terminal and told != start:
            print(f"\r{'':<60}\r", end="", flush=True)

    def end(self) -> None:
        """Print what was written, and that all figures are reached; else SystemExit says which."""
        print()
        for i, path in enumerate(self.written):
            print(f"{'' if i else 'pictures:':<11}{printable(str(path))}")
        for error, names in self.lacking.values():
            _wrapped(f"no pictures of {', '.join(names)}: {error}", "")
        if self.missed:
            total = self.reached + len(self.missed)
            missed = ", ".join(self.missed)
            sys.exit(f"{len(self.missed)} of {total} figures not reached: {missed}")
        print(f"all {self.reached} figures reached")


@explained
def run(
    main: Callable[[Lesson], None], checks: Sequence[Check] = (),
    arguments: Sequence[str] | None = None, **options: str,
) -> None:  # fmt: skip
    """Run a lesson as its command line asks; `options` are its own: name -> help.

    SystemExit where a figure is not reached, or an answer is wrong.
    """
    if not hasattr(main, "__code__"):
        raise wrong("run()", "a function main(lesson)", main, "write one", TypeError)
    file = Path(main.__code__.co_filename)
    if arguments is None:  # cells of a notebook have the command line of their kernel
        arguments = sys.argv[1:] if Path(sys.argv[0]).name == file.name else []
    ready_streams()
    parser = Parser(
        prog=file.name, description=main.__globals__.get("__doc__"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--full", action="store_true", help="the long run")
    add("--out", metavar="DIR", help=f"folder for the pictures (pictures/{file.stem})")
    add("--check", metavar="ANSWERS", nargs="?", const="", help="check the exercises' answers")
    for name, text in options.items():
        add(f"--{name}", help=text)
    chosen = vars(parser.parse_args(arguments))
    folder = Path(chosen["out"] or f"pictures/{file.stem}")
    lesson = Lesson(chosen["full"], folder, {name: chosen[name] for name in options})
    try:
        if chosen["check"] is not None:
            sys.exit(_checked(checks, chosen["check"]))
        with _noticed(lesson):
            main(lesson)
        if checks:
            print(f"\nexercises: {len(checks)}, told by --check, checked by --check answers.py")
        lesson.end()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _noticed(lesson: Lesson) -> Iterator[None]:
    # Ctrl-C ends a lesson, also where fit() takes it, and what follows has too few epochs.
    def interrupt(*_: object) -> None:
        lesson.stopped = True
        raise KeyboardInterrupt

    alone = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    here = alone and threading.current_thread() is threading.main_thread()
    if here:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        lesson._go_on()
        raise
    finally:
        if here:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    lesson._go_on()


def _checked(checks: Sequence[Check], file: str) -> int:
    try:
        return check(checks, file)
    except BrokenPipeError:
        raise
    except (Exception, SystemExit) as error:  # whatever the learner's file does
        text = f"{file} cannot be run: {type(error).__name__}: {error}"
        print(printable(text), file=sys.stderr)
        return 2


@explained
def check(checks: Sequence[Check], file: str = "") -> int:
    """Say which answers in a Python file are right, without one what is asked; return the status.

    The file is run. Its names that a check asks for are the answers; a wrong or missing one, or one
    that raises, makes the status 1.
    """
    answers = runpy.run_path(file) if file else {}
    wrong = 0
    for number, ask in enumerate(checks, 1):
        name = ask.__name__.removeprefix("check_")
        if not file:
            task = " ".join((ask.__doc__ or "").split())
            _wrapped(f"{number}. {task}", "", "   ")
            continue
        verdict: str | None = f"not there yet; define {name}"
        if name in answers:
            try:
                verdict = ask(answers[name])
            except (Exception, SystemExit) as error:  # of the learner's code it is the verdict
                verdict = f"it raises {type(error).__name__}: {error}"
        wrong += bool(verdict)
        _wrapped(f"{number}. {name}: {verdict or 'right'}", "", "   ")
    return int(wrong > 0)


# ---- what they are made of -----------------------------------------------------------------------


def _number(name: str, figure: Any) -> float:
    try:
        return float(figure)
    except (TypeError, ValueError):
        remedy = "write 0.5 or '0.5'"
        raise wrong(name, "a number, or its text", figure, remedy, TypeError) from None


def _half_a_unit(name: str, published: Any) -> float:
    if isinstance(published, int):
        return 0.0
    if not isinstance(published, str):
        rule = "a tolerance, or the text of the figure"
        raise wrong(name, rule, published, "give its text", TypeError)
    mantissa, _, exponent = published.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.500001 * 10.0 ** (int(exponent or 0) - decimals)


def _digits(published: Any) -> int:
    # The significant digits of a text; of a number 9.
    if not isinstance(published, str):
        return 9
    return len(re.sub(r"\D", "", published.lower().partition("e")[0]).lstrip("0")) or 1


def _wrapped(text: str, indent: str, rest: str = "") -> None:
    lines = textwrap.wrap(
        text and printable(text), WIDTH, initial_indent=indent, subsequent_indent=rest or indent
    )
    print("\n".join(lines), flush=True)
