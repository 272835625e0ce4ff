"""The command line, as a person would use it: train, look at the output, make mistakes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microgradnet.cli import main

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
    assert done.stdout.splitlines()[-2:] == [
        f"wrote {Path('pictures', 'network.svg')}",
        f"      {Path('pictures', 'neuron.svg')}",
    ]
    network = (tmp_path / "pictures" / "network.svg").read_text(encoding="utf-8")
    neuron = (tmp_path / "pictures" / "neuron.svg").read_text(encoding="utf-8")
    assert all(f"layers.0.neurons.{i}" in network for i in range(16))
    assert "petal_length" in neuron
    assert "grad" in neuron


def test_two_features_are_mapped(tmp_path) -> None:
    """Without a file the moons are trained on, and their map stands in the terminal."""
    done = run("train", "--epochs", "2", "--hidden", "4", cwd=tmp_path, check=True)
    assert "loss over the epochs" in done.stdout
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
    "empty": ("", [], r"'data.csv', line 1 takes .*the file is empty"),
    "header only": ("a,b\n", [], r"takes rows below the header"),
    "no such column": ("a,b\n1,x\n2,y\n", ["--target", "c"], r"not 'c'; take one of"),
    "text": ("a,b\n1,x\nten,y\n", [], r"line 3, column 'a' takes a finite number, not 'ten'"),
    "missing": ("a,b\n1,x\n,y\n", [], r"line 3, column 'a' takes a value, not ''"),
    "one class": ("a,b\n1,x\n2,x\n", [], r"takes two classes or more, not \['x'\]"),
    "too few rows": ("a,b\n1,x\n2,y\n", ["--test", "0"], r"takes a share between 0 and 1"),
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
    [["--hidden", "a"], ["--hidden", "0"], ["--epochs", "0"], ["--batch", "-1"], ["--lr", "x"]],
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
    process.wait(timeout=60)
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
