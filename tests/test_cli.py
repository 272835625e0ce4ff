"""The command line, as a person would use it: train, look at the output, make mistakes."""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microgradnet.cli import main
from microgradnet.debugging import debug
from microgradnet.expressions import expression

IRIS = Path(__file__).parent.parent / "demos" / "data" / "iris.csv"
COMMAND = [sys.executable, "-m", "microgradnet"]


def run(*words, cwd, **options):
    """Return the finished process of a command in a folder."""
    return subprocess.run([*COMMAND, *words], cwd=cwd, capture_output=True, text=True, **options)


def test_iris_is_learnt_and_drawn(tmp_path) -> None:
    """The main job: at least 0.93 on held-out rows, beside the majority, and two pictures named."""
    done = run("train", str(IRIS), "--epochs", "40", cwd=tmp_path, check=True)
    held_out = re.search(r"held-out rows\s+([\d.]+)\s+([\d.]+)", done.stdout)
    assert float(held_out[1]) >= 0.93
    assert float(held_out[2]) == pytest.approx(13 / 38, abs=1e-3)
    assert re.search(r"epoch +4/40   loss [\d.]+ +accuracy [\d.]+   \d+ s left", done.stdout)
    written = [line.removeprefix("wrote ").strip() for line in done.stdout.splitlines()]
    for name in ("history.csv", "network.svg", "neuron.svg"):
        assert str(Path("pictures", name)) in written
        assert (tmp_path / "pictures" / name).stat().st_size > 500
    network = (tmp_path / "pictures" / "network.svg").read_text(encoding="utf-8")
    neuron = (tmp_path / "pictures" / "neuron.svg").read_text(encoding="utf-8")
    assert all(f"layers.{i}<" in network for i in range(3))
    assert "petal_length" in neuron
    assert "grad" in neuron


def test_two_features_are_mapped(tmp_path) -> None:
    """Without a file the moons are trained on, and their map stands in the terminal."""
    done = run("train", "--epochs", "2", "--hidden", "4", cwd=tmp_path, check=True)
    assert re.search(r"^loss", done.stdout, re.MULTILINE)
    assert re.search(r" epoch +2$", done.stdout, re.MULTILINE)
    assert "upper" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_same_seed_prints_the_same(tmp_path) -> None:
    """Two runs of one seed differ in nothing but the time left; another seed differs."""
    words = ("train", "--epochs", "2", "--hidden", "3", "--seed")
    outputs = [
        re.sub(r"\d+ s left", "", run(*words, seed, cwd=tmp_path, check=True).stdout)
        for seed in ("5", "5", "6")
    ]
    assert outputs[0] == outputs[1] != outputs[2]


FAULTS = {
    "no such file": (None, [], r"'data.csv' \(No such file"),
    "empty": ("", [], r"'data.csv' takes a header and rows, .*the file is empty"),
    "header only": ("a,b\n", [], r"takes rows below the header"),
    "no such column": (
        "a,b\n1,x\n2,y\n", ["--target", "c"], r"a column 'c', not \['a', 'b'\]; take one of",
    ),
    "text": (
        "a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(40)) + "ten,1\n", [],
        r"line 42, column 'a' takes a finite number, not 'ten'",
    ),
    "missing": (
        "a,b\n" + "1,x\n,y\n" * 8, [],
        r"line \d+, column 'a' takes a value, not ''; correct it, drop .* \(--fill",
    ),
    "numbers for names": ("1,2\n3,4\n", [], r"takes the names of the columns, .*--no-header"),
    "one class": ("a,b\n1,x\n2,x\n", [], r"takes two classes or more, not \['x'\]"),
    "too few rows": ("a,b\n1,x\n2,y\n", ["--test", "0.1"], r"takes a share between 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_gets_one_line(fault, tmp_path, monkeypatch, capsys) -> None:
    """Bad input ends with status 2 and one line: file, line, column, remedy; no stack trace."""
    content, words, message = FAULTS[fault]
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("data.csv").write_text(content, encoding="utf-8")
    assert main(["train", "data.csv", *words]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err
    assert "; " in printed.err
    assert not Path("pictures").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--hidden", "a"],
        ["--hidden", "0"],
        ["--epochs", "0"],
        ["--batch", "-1"],
        ["--lr", "x"],
        ["--test", "0"],
        ["--kind", "word"],
        ["--activation", "none"],
        ["--dropout", "1"],
        ["--progress", "loud"],
    ],
)
def test_bad_options_are_refused(words, capsys) -> None:
    """An option that makes no sense is status 2 with its name."""
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words])
    assert stopped.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_help_has_examples(capsys) -> None:
    """--help shows commands that can be copied."""
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m microgradnet train iris.csv" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent as Ctrl-C does on POSIX")
def test_ctrl_c_stops_with_what_was_reached(tmp_path) -> None:
    """Ctrl-C in the training ends it, and the result so far is told and drawn; status 130."""
    process = subprocess.Popen(
        [*COMMAND, "train", "--epochs", "100000", "--hidden", "4"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    while "epoch" not in process.stdout.readline():
        pass  # until the training has begun
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert re.search(r"stopped after \d+ of 100000 epochs", output)
    assert "held-out rows" in output
    assert "Traceback" not in errors
    assert (tmp_path / "pictures" / "network.svg").exists()


def test_without_graphviz_the_dot_text_is_left(tmp_path) -> None:
    """Where nothing can draw, one line says what to install, and the DOT text is written."""
    code = (
        "import shutil, sysconfig, sys; shutil.which = lambda *_, **__: None;"
        "sysconfig.get_path = lambda *_, **__: '/nowhere'; sys.executable = '/nowhere/python';"
        "from microgradnet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--epochs", "1", "--hidden", "2"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "pictures" / "network.dot").read_text(encoding="utf-8").startswith("digraph")


def test_a_closed_pipe_is_no_fault(tmp_path) -> None:
    """`... | head -1` ends without a stack trace."""
    process = subprocess.Popen(
        [*COMMAND, "train", "--epochs", "3", "--hidden", "2"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


def test_many_classes_have_no_map_but_a_result(tmp_path, monkeypatch, capsys) -> None:
    """More classes than the map has symbols: the training ends well, without a map."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i % 15},{i % 7},{i % 15}\n" for i in range(120))
    Path("many.csv").write_text("a,b,c\n" + rows, encoding="utf-8")
    assert main(["train", "many.csv", "--epochs", "1", "--hidden", "2"]) == 0
    assert "held-out rows" in capsys.readouterr().out


def test_a_file_in_the_folder_s_place_is_told_before_training(tmp_path, capsys) -> None:
    """--out that names a file is one line, before any epoch."""
    taken = tmp_path / "out.txt"
    taken.write_text("kept", encoding="utf-8")
    assert main(["train", "--out", str(taken)]) == 2
    printed = capsys.readouterr()
    assert "--out takes a folder" in printed.err
    assert "epoch" not in printed.out
    assert taken.read_text(encoding="utf-8") == "kept"


def test_a_wide_network_is_drawn_by_layer(tmp_path, monkeypatch) -> None:
    """More neurons than a picture holds become tables of layers."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--epochs", "1", "--hidden", "1600", "--batch", "200"]) == 0
    network = Path("pictures", "network.svg").read_text(encoding="utf-8")
    assert ">layers.0<" in network


# ---- step and graph ------------------------------------------------------------------------------

NEURON = "x1w1 = x1*w1; x2w2 = x2*w2; s = x1w1 + x2w2; n = s + b; o = tanh(n)"
NEURON_NUMBERS = ["x1=2", "x2=0", "w1=-3", "w2=1", "b=6.8813735870195432"]
NEURON_STEPS = """\
   1  n.grad    += 0.5 * 1 = 0.5        -> 0.5      d(o)/d(n) = 1 - o ** 2
   2  s.grad    += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(s) = 1
   3  b.grad    += 1 * 0.5 = 0.5        -> 0.5      d(n)/d(b) = 1
   4  x1w1.grad += 1 * 0.5 = 0.5        -> 0.5      d(s)/d(x1w1) = 1
   5  x2w2.grad += 1 * 0.5 = 0.5        -> 0.5      d(s)/d(x2w2) = 1
   6  x2.grad   += 1 * 0.5 = 0.5        -> 0.5      d(x2w2)/d(x2) = w2
   7  w2.grad   += 0 * 0.5 = 0          -> 0        d(x2w2)/d(w2) = x2
   8  x1.grad   += -3 * 0.5 = -1.5      -> -1.5     d(x1w1)/d(x1) = w1
   9  w1.grad   += 2 * 0.5 = 1          -> 1        d(x1w1)/d(w1) = x1
"""


def test_every_step_of_an_expression_is_printed(capsys):
    """step --all prints each contribution of Karpathy's neuron, in 80 columns."""
    assert main(["step", NEURON, *NEURON_NUMBERS, "--all"]) == 0
    assert capsys.readouterr().out == NEURON_STEPS
    assert max(map(len, NEURON_STEPS.splitlines())) <= 80


@pytest.mark.parametrize("words", [["3"], ["x", "x=3"], ["2**3 + 1"]])
def test_a_leaf_says_that_it_has_no_steps(words, capsys):
    """step --all of what backward() has nothing to do for prints the line of the prompt."""
    assert main(["step", *words, "--all"]) == 0
    line = "no steps: it is a leaf, whose gradient by itself is 1\n"
    assert capsys.readouterr().out == line
    debug(expression(words[0], {"x": 3.0} if words[1:] else {})[0], {}, io.StringIO("s\n"))
    assert capsys.readouterr().out.endswith(f"      {line}")


def test_a_result_too_large_is_told_so(capsys):
    """An overflow is no fault of the base: the remedy is smaller numbers, of names and plain."""
    for text in ("x**2", "x + 1e200**2"):
        assert main(["step", text, "x=1e200"]) == 2
        error = capsys.readouterr().err
        assert "out of range; in ** with x = 1e+200, y = 2.0; " in error
        assert "smaller" in error
        assert "base" not in error


@pytest.mark.parametrize("suffix", ["xyz", "docx"])
def test_a_format_that_nobody_draws_is_refused(suffix, tmp_path, monkeypatch, capsys):
    """Status 2 and one short line; nothing is written, not even DOT text."""
    monkeypatch.chdir(tmp_path)
    assert main(["graph", "x*x", "x=3", "-o", f"a.{suffix}"]) == 2
    printed = capsys.readouterr()
    assert printed.err == (f"microgradnet: Graphviz draws no format {suffix!r}; try .svg or .png\n")
    assert (printed.out, list(tmp_path.iterdir())) == ("", [])


def test_step_opens_a_prompt(tmp_path):
    """Commands from a pipe move through the expression, and the end of the pipe is the end."""
    done = run("step", "x*w + b", "x=2", "w=-3", "b=7", cwd=tmp_path, input="s\np x\nu w\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "x*w+b = 1: 5 values, 4 steps of backward(); no grad is changed\n"
    )
    assert "x.grad = ·, not computed yet: to come from step 3" in done.stdout
    assert "   4  w.grad     += 2 * 1 = 2 " in done.stdout


def test_step_writes_a_page(tmp_path, monkeypatch, capsys):
    """--html writes the page, and opens no prompt."""
    monkeypatch.chdir(tmp_path)
    assert main(["step", NEURON, *NEURON_NUMBERS, "--html", "steps.html"]) == 0
    assert capsys.readouterr().out == "wrote steps.html\n"
    assert "<html" in Path("steps.html").read_text(encoding="utf-8")
    assert main(["step", "x*x", "x=3", "--all", "--html", "steps.html"]) == 0
    assert capsys.readouterr().out.count("x.grad += 3 * 1") == 2


def test_graph_draws_an_expression(tmp_path, monkeypatch, capsys):
    """graph.svg, or another file; with the gradients of a backward, or without."""
    monkeypatch.chdir(tmp_path)
    words = ["graph", NEURON, *NEURON_NUMBERS]
    assert main(words) == main([*words, "-o", "n.dot"]) == 0
    assert main([*words, "--no-backward", "--out", "plain.dot"]) == 0
    assert capsys.readouterr().out == "wrote graph.svg\nwrote n.dot\nwrote plain.dot\n"
    assert "x1w1" in Path("graph.svg").read_text(encoding="utf-8")
    graph, plain = (Path(name).read_text(encoding="utf-8") for name in ("n.dot", "plain.dot"))
    assert "grad -1.5<" in graph
    assert (plain.count("grad ·<"), graph.count("grad ·<")) == (10, 0)


@pytest.mark.parametrize("text", ["-x", "-x*2", "-log(sigmoid(x))", "-(x + 1)**2 - x", "-.5*x"])
@pytest.mark.parametrize("command", [["step", "--all"], ["graph", "-o", "graph.dot"]])
def test_an_expression_may_begin_with_a_minus(command, text, tmp_path, monkeypatch, capsys):
    """It is no option, wherever it stands."""
    monkeypatch.chdir(tmp_path)
    assert main([*command[:1], text, "x=0.5", *command[1:]]) == 0
    assert main([*command, text, "x=-.5e0"]) == 0
    assert capsys.readouterr().out


STEP_FAULTS = {
    "no number": (["x=two"], r"x takes a number, not 'two'; try x=2"),
    "no name": (["2=x"], r"a number is given as NAME=NUMBER, not '2=x'; try x=2"),
    "no equals sign": (["x"], r"a number is given as NAME=NUMBER, not 'x'; try x=2"),
    "nothing after it": (["x="], r"a number is given as NAME=NUMBER, not 'x='; try x=2"),
    "twice": (["x=1", "x=2"], r"a name is given one number, but 'x' two; leave one out"),
    "missing": ([], r"a name takes a number, and 'x' has none; give one, such as x=2"),
    "unused": (["x=1", "y=2"], r"computed from, not to 'y'; leave it out"),
    "zero": (["x=0"], r"float division by zero; in / with .*; keep the denominator away from 0"),
}
BAD_EXPRESSIONS = {
    "__import__('os').system('touch made')": "an expression has numbers, names",
    "open('made', 'w')": "an expression has numbers, names",
    "().__class__": "an expression has numbers, names",
    "(lambda: 1)()": "an expression has numbers, names",
    "[i for i in x]": "an expression has numbers, names",
    "f'{x}'": "an expression has numbers, names",
    "(y := 2)": "an expression has numbers, names",
    "9**9**9": r"Numerical result out of range; in \*\* with x = 9\.0",
    "9" * 5000: "an expression is arithmetic",
    "(" * 10_000 + "x" + ")" * 10_000: "at most 10,000 characters, not 20,001; shorten it",
    "-" * 9000 + "x": "nested less deep",
    "x +": "an expression is arithmetic, not 'x \\+'",
    "'\\d'": "an expression has numbers, names",
    "": "an expression is needed, not ''; try",
    "\ud800": "an expression is text",
}


@pytest.mark.parametrize("command", ["step", "graph"])
@pytest.mark.parametrize("fault", STEP_FAULTS)
def test_bad_numbers_get_one_line(command, fault, tmp_path, monkeypatch, capsys):
    """Status 2, and one line: the rule, the offender, the remedy; nothing is written."""
    words, message = STEP_FAULTS[fault]
    monkeypatch.chdir(tmp_path)
    assert main([command, "1/x", *words]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err
    assert (printed.out, list(tmp_path.iterdir())) == ("", [])


@pytest.mark.parametrize("command", ["step", "graph"])
@pytest.mark.parametrize("text", BAD_EXPRESSIONS, ids=lambda text: ascii(text[:20]))
def test_bad_expressions_get_one_line(command, text, tmp_path, monkeypatch, capsys):
    """Nothing that is not arithmetic is run, hangs, or ends in a stack trace."""
    monkeypatch.chdir(tmp_path)
    assert main([command, *["--"] * text.startswith("--"), text, "x=2"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert re.search(BAD_EXPRESSIONS[text], printed.err), printed.err
    assert "; " in printed.err
    assert (printed.out, list(tmp_path.iterdir())) == ("", [])


def test_a_null_byte_is_refused(capsys):
    """It cannot come from a shell, but main() can be called."""
    assert main(["step", "x\0", "x=2"]) == 2
    assert r"not 'x\x00'" in capsys.readouterr().err


def test_a_derivative_that_does_not_exist_is_told(capsys):
    """The steps before it are printed, then one line names the operation."""
    assert main(["step", "sqrt(x) * 2", "x=0", "--all"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("   1  sqrt(x).grad += 2 * 1 = 2")
    assert printed.err == (
        "microgradnet: float division by zero; in the derivative of sqrt with x = 0.0; "
        "keep the operand above 0\n"
    )


@pytest.mark.parametrize("command", ["step", "graph"])
def test_the_examples_of_help_work(command, tmp_path, monkeypatch, capsys):
    """Each command in the help can be copied, and ends well."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("s\nq\n"))
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    examples = [
        shlex.split(line)[3:]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("  python -m microgradnet ")
    ]
    assert len(examples) >= 3
    for words in examples:
        assert main(words) == 0
    assert list(tmp_path.iterdir()) or command == "step"


def test_step_and_graph_without_graphviz(tmp_path):
    """graph leaves the DOT text and ends well; a page cannot be, and one line says why."""
    code = (
        "import shutil, sysconfig, sys; shutil.which = lambda *_, **__: None;"
        "from microgradnet.cli import main; sys.exit(main(sys.argv[1:]))"
    )

    def without(*words):
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True
        )

    done = without("graph", "x*x", "x=3")
    assert (done.returncode, done.stdout) == (0, "wrote graph.dot\n")
    assert done.stderr.count("\n") == 1
    assert "pip install" in done.stderr
    assert (tmp_path / "graph.dot").read_text(encoding="utf-8").startswith("digraph")
    done = without("step", "x*x", "x=3", "--html", "steps.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "pip install" in done.stderr


def test_names_that_the_output_cannot_show(tmp_path):
    """A Greek name, where the output is ASCII, is written as Python writes it."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run("step", "\u03b1*x", "\u03b1=2", "x=3", "--all", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03b1.grad += 3 * 1 = 3" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="its shell closes no streams so")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(tmp_path, closed) -> None:
    """`>&-` prints nothing, and an error goes nowhere else."""
    for words, status in (("version", 0), ("step x*w x=1 w=2 --all", 0), ("predict a b", 2)):
        line = f"{shlex.join(COMMAND)} {words} {closed}"
        done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status, done
        assert "Traceback" not in done.stderr
        assert "microgradnet:" not in done.stdout


def test_what_was_typed_is_shown_as_text(capsys) -> None:
    """The parser's own errors too."""
    with pytest.raises(SystemExit):
        main(["predict", "a", "b", "x\x1b]0;t\a"])
    assert "\x1b" not in capsys.readouterr().err


def test_a_stream_that_lacks_a_character_has_its_code(tmp_path) -> None:
    """As on a console of another alphabet."""
    done = subprocess.run(
        [*COMMAND, "data"], cwd=tmp_path, capture_output=True, text=True, encoding="latin-1",
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=True,
    )  # fmt: skip
    assert "\\u2026" in done.stdout
    assert "iris" in done.stdout
