"""Lessons: figures beside their published ones, pictures, progress, exercises."""

import subprocess
import sys

import pytest

from microgradnet import Value, lessons
from microgradnet.lessons import Lesson, check, run


@pytest.fixture
def lesson(tmp_path) -> Lesson:
    """A lesson that writes its pictures below tmp_path."""
    return Lesson(full=False, folder=tmp_path / "pictures" / "here", options={})


@pytest.mark.parametrize(
    ("published", "ours", "reached"),
    [
        ("0.5", 0.5499, True),
        ("0.5", 0.5501, False),
        ("-0.19", -0.194, True),
        ("3.51e-05", 3.514e-05, True),
        ("3.51e-05", 3.516e-05, False),
        ("12", 12.4, True),
        (12, 12, True),
        (12, 13, False),
        ("0.5", float("nan"), False),
        ("1.0", float("inf"), False),
    ],
)
def test_a_printed_figure_is_reached_to_half_a_unit_of_its_last_digit(
    lesson, published, ours, reached, capsys
) -> None:
    """A text has the tolerance of its digits; a whole number none; nan reaches nothing."""
    lesson.figure("x", published, ours)
    assert (lesson.reached, lesson.missed) == ((1, []) if reached else (0, ["x"]))
    assert ("NOT REACHED" in capsys.readouterr().out) is not reached


def test_a_number_takes_a_tolerance(lesson) -> None:
    """Of a float nobody knows how many of its digits were printed."""
    lesson.figure("x", 0.25, 0.2500009, tolerance=1e-6)
    assert lesson.reached == 1
    with pytest.raises(TypeError, match=r"x takes a tolerance.*not 0\.25"):
        lesson.figure("x", 0.25, 0.25)


def test_lists_are_compared_number_by_number(lesson) -> None:
    """Each has its row and its index; two lengths are an error."""
    lesson.figure("w", ["0.1", "0.2"], [0.1, 0.3])
    assert (lesson.reached, lesson.missed) == (1, ["w[1]"])
    with pytest.raises(ValueError, match="w takes 2 figures"):
        lesson.figure("w", ["0.1", "0.2"], [0.1])


@pytest.mark.parametrize(
    ("ours", "reached"), [(0.291027774, True), (0.291027924, False), (0.3, False)]
)
def test_an_erratum_counts_where_ours_is_the_correct_one(lesson, ours, reached, capsys) -> None:
    """Reached are neither the published wrong figure nor a third one."""
    lesson.erratum("E", "0.291027924", ours, "0.291027774", "the order of the text")
    assert bool(lesson.reached) is reached
    assert "not to be reached: the order of the text" in capsys.readouterr().out


def test_lines_are_said_as_they_are(lesson, capsys) -> None:
    """An empty line stays empty; a long one is wrapped, and its rest is indented by four more."""
    lesson.say("\nfirst\n  " + "word " * 20)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["", "first"]
    assert [line[:7] for line in lines[2:]] == ["  word ", "      w"]


def test_no_line_is_wider_than_a_terminal(lesson, capsys) -> None:
    """Long names have a line of their own; long texts are wrapped; control characters shown."""
    lesson.part("A part")
    lesson.figure("a name that is much longer than the room that there is", "0.123456789", 0.1234)
    lesson.figure("ten digits", "-0.165955990595", -0.16595599059485195)
    lesson.claim("word " * 40 + "\x1b[31m", True)
    lesson.erratum("E", "0.2", 0.1, "0.1", "because " * 30)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "\x1b" not in printed


def test_a_lesson_fails_where_a_figure_is_not_reached(lesson, capsys) -> None:
    """The last word says which, and the exit status is not 0."""
    lesson.claim("one is one", True)
    lesson.claim("one is two", False)
    lesson.figure("x", "1.0", 2.0)
    with pytest.raises(SystemExit) as stopped:
        lesson.end()
    assert stopped.value.code == "2 of 3 figures not reached: one is two, x"
    assert "DOES NOT HOLD: one is two" in capsys.readouterr().out


def test_pictures_are_written_into_the_folder(lesson, capsys) -> None:
    """A Value is drawn, text and bytes are written as they are, and all are listed at the end."""
    lesson.picture("graph.dot", Value(1.0, "x") * 2.0, names={})
    lesson.picture("a.txt", lambda: "text")
    lesson.picture("b.bin", lambda: b"bytes")
    assert (lesson.folder / "graph.dot").read_text(encoding="utf-8").startswith("digraph")
    assert (lesson.folder / "a.txt").read_text() == "text"
    assert (lesson.folder / "b.bin").read_bytes() == b"bytes"
    lesson.end()
    assert all(str(path) in capsys.readouterr().out for path in lesson.written[:1])
    assert len(lesson.written) == 3


def test_a_picture_that_takes_what_is_missing_is_told(lesson, capsys) -> None:
    """Without matplotlib or dot the lesson goes on, and says at the end what to install, once."""

    def missing(error):
        raise error

    lesson.picture("loss", lambda: missing(ImportError('pip install "microgradnet[plot]"')))
    lesson.picture("map", lambda: missing(ImportError("the same")))
    lesson.picture("g.svg", lambda: missing(RuntimeError("a picture takes dot")))
    lesson.end()
    assert capsys.readouterr().out.splitlines()[1:-1] == [
        'no pictures of loss, map: pip install "microgradnet[plot]"',
        "no pictures of g.svg: a picture takes dot",
    ]
    assert lesson.written == []


def test_progress_is_told_every_two_seconds(lesson, capsys, monkeypatch) -> None:
    """It gives every item, and says how far it is and how long it will take."""
    clock = iter(range(100))  # a second an item
    monkeypatch.setattr(lessons.time, "perf_counter", lambda: float(next(clock)))
    assert list(lesson.progress(range(7), "step")) == list(range(7))
    assert list(lesson.progress(iter("ab"), total=2)) == ["a", "b"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["  step 2 of 7, 8 s left", "  step 6 of 7, 1 s left"]


def test_the_command_line_chooses(tmp_path, capsys) -> None:
    """--full, --out and a lesson's own options arrive."""
    seen = []

    def main(lesson):
        seen.append((lesson.full, lesson.folder, lesson.options))

    run(main, arguments=["--full", "--out", str(tmp_path), "--mnist", "here"], mnist="a folder")
    run(main, arguments=[])
    assert seen[0] == (True, tmp_path, {"mnist": "here"})
    assert seen[1][0] is False
    assert seen[1][1].as_posix() == "pictures/test_lessons"
    assert capsys.readouterr().out.count("all 0 figures reached") == 2


def check_double(double):
    """double(x): twice a number."""
    return None if double(2) == 4 else f"double(2) is 4, not {double(2)}"


def check_pi(pi):
    """pi: to two digits."""
    return None if abs(pi - 3.14) < 0.005 else "a little over 3"


@pytest.mark.parametrize(
    ("answers", "said", "status"),
    [
        ("double = lambda x: x + x\npi = 3.1416", ["1. double: right", "2. pi: right"], 0),
        ("double = lambda x: 3", ["double(2) is 4, not 3", "pi: not there yet; define pi"], 1),
        ("double = 3\npi = 3", ["double: it raises TypeError", "2. pi: a little over 3"], 1),
    ],
)
def test_answers_are_checked(tmp_path, capsys, answers, said, status) -> None:
    """Each is right, or is told what is wrong with it, whatever it raises."""
    file = tmp_path / "answers.py"
    file.write_text(answers, encoding="utf-8")
    assert check([check_double, check_pi], str(file)) == status
    printed = capsys.readouterr().out
    assert all(text in printed for text in said)


def test_without_answers_the_exercises_are_told(capsys) -> None:
    """--check alone prints what is asked."""
    with pytest.raises(SystemExit) as stopped:
        run(lambda lesson: None, [check_double, check_pi], arguments=["--check"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == "1. double(x): twice a number.\n2. pi: to two digits.\n"


def test_a_reader_who_has_seen_enough_ends_a_lesson(tmp_path) -> None:
    """A closed pipe is no fault, and no traceback."""
    file = tmp_path / "lesson.py"
    file.write_text(
        "from microgradnet.lessons import run\n"
        "def main(lesson):\n    for k in range(10_000): lesson.say(f'line {k}')\n"
        "run(main)\n",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as lesson:
        assert lesson.stdout.readline() == "line 0\n"
        lesson.stdout.close()
        assert lesson.stderr.read() == ""
    assert lesson.returncode == 0


def test_ctrl_c_ends_a_lesson_whose_training_takes_it(tmp_path) -> None:
    """fit() returns what was reached; the lesson, which would miss its figures, says stopped."""
    file = tmp_path / "lesson.py"
    file.write_text(
        "import os, signal\n"
        "from microgradnet import fit, losses, nn\n"
        "from microgradnet.lessons import run\n"
        "def main(lesson):\n"
        "    model, rows = nn.MLP(1, [1], seed=0), [([1.0], 1.0)]\n"
        "    def stop(epoch): os.kill(os.getpid(), signal.SIGINT)\n"
        "    history = fit(model, losses.mean_squared_error, rows, callbacks=stop)\n"
        "    assert history.stopped == 'interrupted'\n"
        "    lesson.figure('epochs', 100, len(history))\n"
        "run(main)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nstopped\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "FileNotFoundError"), ("x = (", "SyntaxError"), ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit", "SystemExit"), ("import sys; sys.exit()", "SystemExit"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_run_are_told_in_a_line(text, told, tmp_path, capsys) -> None:
    """And are not right."""
    file = tmp_path / "answers.py"
    if text is not None:
        file.write_text(text)

    def check_it(it):
        """Define it."""

    with pytest.raises(SystemExit) as ended:
        lessons.run(lambda lesson: None, [check_it], ["--check", str(file)])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"{file} cannot be run: {told}: ")
    assert printed.err.count("\n") == 1


def test_an_answer_that_exits_is_wrong(tmp_path, capsys) -> None:
    """As one that raises."""
    file = tmp_path / "answers.py"
    file.write_text("def it(): raise SystemExit(0)")

    def check_it(it):
        """Define it."""
        return it()

    assert lessons.check([check_it], str(file)) == 1
    assert "it raises SystemExit: 0" in capsys.readouterr().out
