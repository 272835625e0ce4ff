"""The demos: each runs alone from another folder, and ends with the line that it promises."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = sorted((Path(__file__).parent.parent / "demos").glob("*.py"))


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_demo_reaches_its_figures(demo, tmp_path) -> None:
    """A demo asserts its published figures, and its last line is the one in its docstring."""
    docstring = ast.get_docstring(ast.parse(demo.read_text(encoding="utf-8"))) or ""
    promised = docstring.rpartition("ends with: ")[2]
    done = subprocess.run(
        [sys.executable, str(demo)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == promised
