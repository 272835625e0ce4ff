r"""Make a prompt: commands of one letter or a word, and one line about whatever is wrong.

>>> import io
>>> class Counter(Prompt):
...     LETTERS = {"a": "add", "h": "help", "q": "quit"}
...     total = 0
...
...     def do_add(self, number):
...         "add N: add a number to the total"
...         self.total += int(number)
...         self.say(f"total {self.total}")
>>> Counter(io.StringIO("a 2\nadd 3\nadd x\nb\nhelp\n")).run()
total 2
total 5
invalid literal for int() with base 10: 'x'
a command is needed, not 'b'; h lists them
  a  add N            add a number to the total
  h  help [COMMAND]   show all commands, or all about one
  q  quit             leave, as Ctrl-C and the end of the input do

It is a `cmd.Cmd`: the methods `do_...` are the commands, their docstrings the help.
"""

import argparse
import cmd
import inspect
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, ClassVar, NoReturn

from microgradnet.errors import printable


class Prompt(cmd.Cmd):
    """Commands from a terminal, a pipe or a file-like `stdin`, until its end, Ctrl-C or quit."""

    LETTERS: ClassVar[Mapping[str, str]] = {}  # letter -> command, as help lists them
    REPEATED: ClassVar[Sequence[str]] = ()  # the commands that an empty line repeats
    NAMED: ClassVar[Sequence[str]] = ()  # the commands that take one of `names`
    repeated = ""  # the line that an empty line stands for

    def __init__(self, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None

    def run(self) -> None:
        """Take commands until the end."""
        try:
            self.cmdloop()
        except KeyboardInterrupt:
            self.say("")

    def place(self) -> str:
        """Return what the prompt says."""
        return ""

    def names(self) -> Iterable[str]:
        """Return what the Tab key completes after the commands that take a name."""
        return ()

    def unknown(self, line: str) -> None:
        """Take a line that begins with no command."""
        raise ValueError(f"a command is needed, not {line!r}; h lists them")

    def do_help(self, name: str) -> None:
        """help [COMMAND]: show all commands, or all about one"""
        if name:
            command = getattr(self, f"do_{self.LETTERS.get(name, name)}", None)
            if not command:
                raise ValueError(f"help takes a command, not {name!r}; try help alone")
            self.say(*(inspect.getdoc(command) or "").splitlines())
            return
        for letter, word in self.LETTERS.items():
            text = inspect.getdoc(getattr(self, f"do_{word}")) or f"{word}: "
            usage, _, what = text.splitlines()[0].partition(": ")
            self.say(self.cut(f"  {letter}  {usage:<16} {what}"))

    def do_quit(self, _: str) -> bool:
        """quit: leave, as Ctrl-C and the end of the input do"""
        return True

    # ---- reading ---------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """What stands before the cursor; nothing where nobody types."""
        # A notebook and an editor have an input() of their own.
        typed = self.stdin.isatty() or (self.use_rawinput and not inspect.isbuiltin(input))
        return self.place() if typed else ""

    def onecmd(self, line: str) -> bool:
        """Run one command, and say in one line what is wrong with it; return whether to leave."""
        if line == "EOF":  # the end of the input, as cmd.Cmd says it
            self.say(*[""] * bool(self.prompt))
            return True
        line = line.strip() or self.repeated
        word, _, rest = (f"help {line[1:]}" if line.startswith("?") else line).partition(" ")
        word = self.LETTERS.get(word, word)
        command: Callable[[str], bool | None] | None = getattr(self, f"do_{word}", None)
        try:
            if command:
                stop = bool(command(rest.strip()))
                self.repeated = line if word in self.REPEATED else self.repeated
                return stop
            if line:
                self.unknown(line)
        except KeyError as error:
            self.say(str(error.args[0]))
        except (ArithmeticError, ValueError, RuntimeError, OSError) as error:
            self.say(told(error))
        return False

    def completenames(self, text: str, *_: object) -> list[str]:
        """Return the commands that begin so, for the Tab key."""
        return [f"{word} " for word in self.LETTERS.values() if word.startswith(text)]

    def completedefault(self, *ignored: object) -> list[str]:
        """Return the names that begin so, after a command that takes one."""
        text, line = str(ignored[0]), str(ignored[1])
        word, _, typed = line.lstrip().partition(" ")
        if self.LETTERS.get(word, word) not in self.NAMED:
            return []
        before = len(typed) - len(text)  # readline completes what is after a `*` or a bracket
        return [name[before:] for name in dict.fromkeys(self.names()) if name.startswith(typed)]

    # ---- writing ---------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """The width of the terminal, 0 where the output is none: then nothing is cut."""
        return shutil.get_terminal_size().columns if self.stdout.isatty() else 0

    def cut(self, line: str) -> str:
        """Return a line cut to the terminal."""
        width = self.width
        return line if not width or len(line) <= width else line[: width - 1] + "…"

    def say(self, *lines: str) -> None:
        """Print lines, in several where the terminal is narrow, and as its encoding allows."""
        encoding, width = getattr(self.stdout, "encoding", None) or "utf-8", self.width
        for line in lines:
            if len(line) > width > 0:
                indent = " " * (len(line) - len(line.lstrip()) + 2)
                line = textwrap.fill(line, width, subsequent_indent=indent)
            self.stdout.write(_encodable(line, encoding) + "\n")


def _encodable(line: str, encoding: str) -> str:
    """Return a line with what the encoding has not in ASCII."""
    for mark, plain in (("…", "..."), ("·", "-")):
        if not mark.encode(encoding, "ignore"):
            line = line.replace(mark, plain)
    return line.encode(encoding, "backslashreplace").decode(encoding)


def told(error: BaseException) -> str:
    """Return an error and its notes in one line."""
    overflow = isinstance(error, OverflowError) and len(error.args) == 2  # (34, "Numerical ...")
    parts = [str(error.args[1] if overflow else error), *getattr(error, "__notes__", [])]
    return "; ".join(printable(" ".join(part.split())) for part in parts if part.strip())


class Parser(argparse.ArgumentParser):
    """A parser of command lines whose errors show what was typed as text."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def ready_streams() -> None:
    """Let this process print: where a stream is closed, and where it lacks a character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
