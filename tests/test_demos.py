"""The lessons: each runs alone from another folder, and ends with the line that it promises."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = sorted((Path(__file__).parent.parent / "demos").glob("*.py"))
ANSWERS = Path(__file__).parent / "answers"
EXAMINED = [demo for demo in DEMOS if "def check_" in demo.read_text(encoding="utf-8")]


def run(demo, folder, *options, status=0):
    """Return what a lesson prints, run in a folder; its exit status is to be `status`."""
    done = subprocess.run(
        [sys.executable, str(demo), *options], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_lesson_reaches_its_figures(demo, tmp_path) -> None:
    """It asserts its published figures, its last line is promised, and no line is too wide."""
    docstring = ast.get_docstring(ast.parse(demo.read_text(encoding="utf-8"))) or ""
    promised = docstring.rpartition("ends with: ")[2]
    lines = run(demo, tmp_path).splitlines()
    assert lines[-1] == promised
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("demo", EXAMINED, ids=lambda demo: demo.stem)
def test_the_exercises_know_right_answers(demo, tmp_path) -> None:
    """Every exercise is told, and solved by the answers that lie in tests/answers."""
    count = demo.read_text(encoding="utf-8").count("def check_")
    told = run(demo, tmp_path, "--check")
    checked = run(demo, tmp_path, "--check", str(ANSWERS / demo.name))
    assert sum(line[:1].isdigit() for line in told.splitlines()) == count
    assert [line.rpartition(": ")[2] for line in checked.splitlines()] == ["right"] * count


WRONG = [None, 0.0, "", [], lambda *x, **y: None, lambda *x, **y: 0.0, lambda *x, **y: []]


@pytest.mark.parametrize("demo", EXAMINED, ids=lambda demo: demo.stem)
def test_the_exercises_know_wrong_answers(demo) -> None:
    """Nothing that says nothing is taken for right."""
    checks = {k: v for k, v in runpy.run_path(str(demo)).items() if k.startswith("check_")}
    assert [(k, wrong) for k, ask in checks.items() for wrong in WRONG if right(ask, wrong)] == []


def right(ask, answer) -> bool:
    """Return whether a check takes an answer for right; one that raises is wrong."""
    try:
        return not ask(answer)
    except Exception:
        return False


def test_a_lesson_takes_only_the_required_package(tmp_path) -> None:
    """Without matplotlib and dot it says what its pictures take, and reaches its figures."""
    code = (
        "import runpy, shutil, sys, sysconfig; sys.modules['matplotlib'] = None;"
        "shutil.which = lambda *_, **__: None; sysconfig.get_path = lambda *_, **__: '/nowhere';"
        "sys.executable = '/nowhere/python'; sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    demo = next(demo for demo in DEMOS if demo.stem.startswith("06_"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(demo)], cwd=tmp_path, capture_output=True, text=True
    )
    assert "no pictures of error: " in done.stdout
    assert "no pictures of network.svg: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("all "), done.stderr
