"""The README: every block runs, and prints what stands below it."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from microgradnet.operations import OPERATIONS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [
    (source, BLOCKS[i + 1][1] if BLOCKS[i + 1 : i + 2] and BLOCKS[i + 1][0] == "text" else "")
    for i, (kind, source) in enumerate(BLOCKS)
    if kind == "python" and BLOCKS[i + 1 : i + 2] and BLOCKS[i + 1][0] != "console"
]
# A session: "$ command", what is typed at a prompt, and what is printed; `script.py` is the Python
# block before it.
SESSIONS = [
    (BLOCKS[i - 1][1] if BLOCKS[i - 1][0] == "python" else "", session)
    for i, (kind, session) in enumerate(BLOCKS)
    if kind == "console"
]
PROMPT = re.compile(r"^\((?:Pdb|\d+/\d+)\) ", flags=re.MULTILINE)
COMMANDS = [
    source.splitlines()
    for kind, source in BLOCKS
    if kind == "sh" and source.startswith("python -m microgradnet")
]
ROUNDING = re.compile(r"\d\.\de[-+]\d\d")


@pytest.fixture
def _operations():
    before = dict(OPERATIONS)
    yield
    OPERATIONS.clear()
    OPERATIONS.update(before)


@pytest.mark.usefixtures("_operations")
@pytest.mark.parametrize(("source", "output"), PYTHON)
def test_a_block_runs_and_prints_what_it_says(source, output, tmp_path, monkeypatch) -> None:
    """A Python block prints the text block below it; tiny errors may differ between machines."""
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {"__name__": "readme"})
    tiny = ROUNDING
    assert tiny.sub("tiny", printed.getvalue()) == tiny.sub("tiny", output)


@pytest.mark.parametrize("commands", COMMANDS, ids=str)
def test_commands_run(commands, tmp_path) -> None:
    """The commands of a block end well, one after another, and wrote the files that they name."""
    for command in commands:
        words = [str(ROOT / w) if w.startswith("demos/") else w for w in shlex.split(command)[1:]]
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        _, _, names = done.stdout.partition("wrote ")
        if words[2] == "train":
            assert "pictures/network.svg" in names.replace("\\", "/")
        for name in names.splitlines():
            assert (tmp_path / name.strip().partition(":")[0]).stat().st_size > 500


@pytest.mark.parametrize(("source", "session"), SESSIONS)
def test_a_session_is_as_it_stands_there(source, session, tmp_path) -> None:
    """Typed at the prompt, the commands of a session give the lines that stand between them."""
    (tmp_path / "script.py").write_text(source, encoding="utf-8")
    command, _, rest = session.removeprefix("$ ").partition("\n")
    typed = [line[match.end() :] for line in rest.splitlines() if (match := PROMPT.match(line))]
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True,
        input="\n".join([*typed, ""]), check=True, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    printed = PROMPT.sub("", done.stdout.replace(f"{tmp_path.resolve()}{os.sep}", ""))
    shown = [line for line in rest.splitlines() if not PROMPT.match(line)]
    assert printed.splitlines() == shown


@pytest.mark.parametrize("picture", re.findall(r"\(demos/pictures/([^)]*\.svg)\)", README))
def test_a_picture_is_the_one_that_the_project_draws(picture, tmp_path, monkeypatch) -> None:
    """A picture in the README has the texts that its code block draws today."""
    monkeypatch.chdir(tmp_path)
    (source,) = (source for source, _ in PYTHON if f'"{picture}"' in source)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, {"__name__": "readme"})
    kept = (ROOT / "demos" / "pictures" / picture).read_text(encoding="utf-8")
    drawn = (tmp_path / picture).read_text(encoding="utf-8")
    texts = re.compile(r"<text[^>]*>([^<]*)</text>")
    assert sorted(texts.findall(kept)) == sorted(texts.findall(drawn))
