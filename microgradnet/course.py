"""Find the lessons at hand, list them and run them.

>>> lesson = find("6")
>>> lesson.path.name, lesson.system
('06_step_by_step.py', 'Matt Mazur, "A Step by Step Backpropagation Example" (2015)')
"""

import ast
import json
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from microgradnet.data import demos
from microgradnet.errors import explained, printable, show
from microgradnet.lessons import WIDTH


class Entry(NamedTuple):
    """What the docstring of a lesson says of it; a notebook's title is its first heading."""

    number: str  # "6", "6b"
    title: str
    system: str
    takes: str
    ends: str  # the last line that it prints; "" of a notebook
    path: Path


def catalogue() -> list[Entry]:
    """Return the lessons in their order."""
    paths = [path for path in demos().glob("[0-9]*_*") if path.suffix in (".py", ".ipynb")]
    return [_entry(path) for path in sorted(paths)]


@explained
def find(wanted: str) -> Entry:
    """Return the lesson of a number such as "6", "06" or "6b", or of a word of its source or title.

    ValueError where there is none, or several.

    >>> find("trask").number
    '7'
    """
    entries = catalogue()
    number = wanted.lower().lstrip("0") or "0"
    found = [e for e in entries if e.number == number]
    found = found or [e for e in entries if wanted.lower() in f"{e.title} {e.system}".lower()]
    if len(found) != 1 or not wanted:
        told = ", ".join(e.number for e in found or entries)
        rule = f"a lesson is told by its number or a word of its own, not {show(wanted)}"
        raise ValueError(f"{rule}; take one of {told}")
    return found[0]


def listing() -> str:
    """Return the lessons as lines for a terminal: number, title, how long each takes."""
    lines = ["the course; run a lesson by its number: python -m microgradnet lessons 6", ""]
    for e in catalogue():
        takes = e.takes.partition(",")[0]
        rest, *more = textwrap.wrap(e.title, WIDTH - 6 - 6) or [""]
        lines.append(f"{e.number:>4}  {rest:<{WIDTH - 12}}{takes:>6}".rstrip())
        lines += [f"      {line}" for line in more]
    return "\n".join(lines)


def index() -> str:
    """Return the table of the lessons in Markdown, as demos/README.md has it."""
    lines = ["| lesson | what you will see | system | takes | ends with |", "|---|---|---|---|---|"]
    for e in catalogue():
        cells = [f"[{e.number}]({e.path.name})", e.title, e.system, e.takes, e.ends]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@explained
def start(entry: Entry, arguments: Sequence[str]) -> int:
    """Run a lesson in a process of its own; return its exit status."""
    if entry.path.suffix == ".ipynb":
        print(f"a notebook: open it in Jupyter or VS Code: {entry.path}")
        return 0
    sys.stdout.flush()
    return subprocess.run([sys.executable, str(entry.path), *arguments]).returncode


def start_all(arguments: Sequence[str]) -> int:
    """Run every lesson, and say at the end which reached all their figures; 1 if one did not."""
    took, failed = [], 0
    for entry in catalogue():
        print(f"\n==== lesson {entry.number}: {entry.title}", flush=True)
        begin = time.perf_counter()
        status = start(entry, arguments)
        failed += status != 0
        verdict = f"FAILED, exit status {status}" if status else entry.ends
        took.append(f"{entry.number:>4}  {time.perf_counter() - begin:>5.1f} s  {verdict}")
    print("\n" + "\n".join(took))
    return int(failed > 0)


def _entry(path: Path) -> Entry:
    number = path.stem.partition("_")[0].lstrip("0") or "0"
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        notebook = json.loads(source)
        text = "".join(notebook["cells"][0]["source"]).lstrip("# ")
        said = notebook["metadata"]["lesson"]
    else:
        text = ast.get_docstring(ast.parse(source)) or ""
        said = {key: _said(text, key) for key in ("system", "takes", "ends with")}
    title = text.partition("\n")[0].rstrip(".")
    parts = (title, said["system"], said["takes"], said.get("ends with", ""))
    title, system, takes, ends = (part and printable(part) for part in parts)
    return Entry(number, title, system, takes, ends, path)


def _said(text: str, key: str) -> str:
    # "key: some text", up to an empty line or the next key.
    found = re.search(rf"^{key}: (.*?)(?=\n\n|\n[a-z ]+: |\Z)", text, re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
