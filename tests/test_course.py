"""The course: its lessons are found, listed, indexed and run."""

import subprocess
import sys
from pathlib import Path

import pytest

from microgradnet import course
from microgradnet.cli import main

DEMOS = Path(__file__).parent.parent / "demos"


def test_every_lesson_is_in_the_catalogue() -> None:
    """Scripts and notebooks, in their order, each with all that the index says."""
    entries = course.catalogue()
    names = [entry.path.name for entry in entries]
    assert names == sorted(p.name for p in DEMOS.iterdir() if p.suffix in (".py", ".ipynb"))
    assert [entry for entry in entries if not (entry.title and entry.system and entry.takes)] == []


def test_the_index_is_that_of_the_docstrings() -> None:
    """demos/README.md has the table that course.index() makes."""
    text = (DEMOS / "README.md").read_text(encoding="utf-8")
    assert course.index() in text


def test_a_lesson_is_found_by_its_number() -> None:
    """With and without a leading zero, in either case."""
    assert course.find("6").path.name == course.find("06").path.name == "06_step_by_step.py"
    assert course.find("6B").number == "6b"
    assert course.find("0").path.name == "00_micrograd.py"


def test_a_lesson_is_found_by_a_word_of_its_own() -> None:
    """Of its source or its title; a word of several lessons, or of none, is told."""
    assert course.find("Mazur").number == "6"
    assert course.find("moons").number == "8"
    with pytest.raises(ValueError, match=r"not 'six'; take one of 0, 1, .*18"):
        course.find("six")
    with pytest.raises(ValueError, match=r"not 'network'; take one of .*16"):
        course.find("network")
    with pytest.raises(ValueError, match="not ''"):
        course.find("")


def test_the_list_fits_a_terminal(capsys) -> None:
    """`lessons` prints each with its number and title, 80 columns wide at most."""
    assert main(["lessons"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line[:4].strip() != "" for line in lines[2:]) == len(course.catalogue())


def test_a_lesson_is_run_with_its_options(capfd) -> None:
    """What follows the number goes to the lesson, and its exit status comes back."""
    assert main(["lessons", "6", "--check"]) == 0
    assert capfd.readouterr().out.startswith("1. ")
    assert main(["lessons", "6", "--nonsense"]) == 2
    assert main(["lessons", "99"]) == 2


def test_all_lessons_are_run_and_told(monkeypatch, capfd) -> None:
    """`lessons all` runs each, and ends with a line for each; a failure is the status."""
    statuses = iter([0, 3])
    entries = course.catalogue()[:2]
    monkeypatch.setattr(course, "catalogue", lambda: entries)
    monkeypatch.setattr(course, "start", lambda entry, arguments: next(statuses))
    assert main(["lessons", "all", "--full"]) == 1
    lines = capfd.readouterr().out.splitlines()[-2:]
    assert lines[0].endswith(entries[0].ends)
    assert lines[1].endswith("FAILED, exit status 3")


def test_a_lesson_goes_on_when_its_cells_are_run_in_a_notebook(tmp_path) -> None:
    """The command line of a kernel is not that of the lesson."""
    code = (
        f"import sys; sys.argv = ['ipykernel_launcher.py', '--f=/tmp/kernel.json']\n"
        f"__name__ = '__main__'\nexec(compile(open({str(DEMOS / '06_step_by_step.py')!r}).read(), "
        "'06_step_by_step.py', 'exec'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "figures reached" in done.stdout.splitlines()[-1]
