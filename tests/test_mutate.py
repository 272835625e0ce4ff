"""The command that changes a module on purpose: what it changes, and that the tests are asked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="its limits are those of Unix")
ROOT = Path(__file__).resolve().parent.parent
COMMAND = ROOT / "tests" / "benchmarks" / "mutate.py"


@pytest.fixture(scope="module")
def mutate(module_of):
    """Return the command as a module."""
    return module_of(COMMAND)


CHANGES = {  # a line, and all that may stand in its place
    "z = x < y": {"z = x <= y", "z = x >= y", "pass"},
    "f(x, -y)": {"f(-y, x)", "f(x, y)", "pass"},
    "a = b or c": {"a = b and c", "a = b", "a = c", "pass"},
    "n += 1": {"n -= 1", "n += 2", "n += 0", "pass"},
    "return x": {"return None"},
    "return None": set(),
    "s: str = 'key'": {"s: str = 'key?'"},
    "raise ValueError(f'{x} is not {1 + 1}')": {"pass"},
    "'''A docstring.'''": set(),
    "d['a message']": {"pass"},
    "d['({x} * 1.0)']": {
        "pass", "d['({x} / 1.0)']", "d['({x} * 2.0)']", "d['({x} * 0.0)']",
    },
    "@a\ndef f(): return": {"def f():\n    return"},
}  # fmt: skip


@pytest.mark.parametrize("line", CHANGES)
def test_what_is_changed(mutate, line) -> None:
    """Code and the texts of rules; no annotation, no docstring, no message."""
    assert {change.text for change in mutate.changes(line)} == CHANGES[line]


def test_a_change_is_told_by_its_line_and_what_stands_there(mutate) -> None:
    """The line is that of the source, and of a long line there is what surrounds the change."""
    source = f"x = 1\n\n\ny = [{'0' * 60}, x is None, {'0' * 60}]"
    [change] = [c for c in mutate.changes(source) if "is not" in c.text]
    assert change.line == 4
    assert "x is None" in change.before
    assert "x is not None" in change.after
    assert len(change.before) < 100


@pytest.mark.skipif(not (ROOT / "microgradnet").exists(), reason="it changes a checkout")
def test_a_run_leaves_the_checkout_as_it_was() -> None:
    """Two changes of a small module are tried in a copy, and told."""
    source = ROOT / "microgradnet" / "functional.py"
    before = source.read_bytes()
    command = [sys.executable, "-B", COMMAND, "functional", "--count", "2", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode in (0, 1), done.stderr) == (True, "")
    assert re.search(r"functional: [012] of 2 caught, [\d.]+%\n$", done.stdout)
    assert source.read_bytes() == before
