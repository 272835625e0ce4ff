"""A table's way through the command line: train, save, evaluate, predict, submit."""

import csv
import os
import re
import subprocess
import sys

import pytest

from microgradnet import data, load
from microgradnet.cli import main
from microgradnet.tables import Frame


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(path, rows, names="id,colour,size,weight"):
    """Write a CSV file."""
    path.write_text("\n".join([names, *rows, ""]), encoding="utf-8")


def fruit(count, start=0):
    """Return rows of two kinds that size and colour tell apart, some with a size missing."""
    rows = []
    for i in range(start, start + count):
        kind = i % 2
        size = "" if i % 17 == 5 else f"{3.0 + 4 * kind + 0.1 * (i % 5):.1f}"
        rows.append(f"{i},{'red' if i % 3 else 'green'},{size},{0.5 + kind:.1f}")
    return rows


@pytest.mark.usefixtures("_here")
def test_a_submission_is_made_from_a_training(tmp_path, capsys) -> None:
    """Train with text, missing values and an id; predict other rows; the file has both columns."""
    answers = [f"{row},{'big' if i % 2 else 'small'}" for i, row in enumerate(fruit(80))]
    table(tmp_path / "train.csv", answers, "id,colour,size,weight,kind")
    table(tmp_path / "test.csv", fruit(18, start=100))
    words = ["--drop", "id", "--fill", "--hidden", "4", "--epochs", "40", "--save", "m.json"]
    assert main(["train", "train.csv", *words]) == 0
    trained = capsys.readouterr().out
    assert re.search(r"held-out rows +1\.000 +0\.500", trained)
    assert load("m.json").encoding.inputs == ["colour=green", "size", "weight"]

    assert main(["predict", "m.json", "test.csv", "--id", "id", "-o", "out.csv"]) == 0
    assert capsys.readouterr().out == "wrote out.csv: 18 rows of id,kind\n"
    with open("out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "kind"]
    assert rows[1:] == [[str(i), "big" if i % 2 else "small"] for i in range(100, 118)]

    assert main(["evaluate", "m.json", "train.csv"]) == 0
    assert re.search(r"train.csv +1\.000 +0\.500", capsys.readouterr().out)


@pytest.mark.usefixtures("_here")
def test_predictions_go_into_a_pipe(tmp_path, capsys) -> None:
    """Without -o the lines are all that is printed; probabilities add up to 1."""
    assert main(["train", "--epochs", "2", "--hidden", "3", "--save", "moons.json"]) == 0
    table(tmp_path / "new.csv", ["0.5,0.25", "1.0,-0.5"], "x,y")
    capsys.readouterr()
    assert main(["predict", "moons.json", "new.csv", "--probabilities"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert list(rows[0]) == ["moon", "p(upper)", "p(lower)"]
    for row in rows:
        shares = {name: float(row[f"p({name})"]) for name in ("upper", "lower")}
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
        assert row["moon"] == max(shares, key=shares.get)


@pytest.mark.usefixtures("_here")
def test_a_saved_model_answers_with_the_same_bits(tmp_path) -> None:
    """What predict reads from the file gives what the training's model gave, digit by digit."""
    assert main(["train", "iris", "--epochs", "3", "--hidden", "5", "--save", "iris.json"]) == 0
    first = load("iris.json")
    frame = data.read_frame(data.path("iris"))
    assert main(["train", "iris", "--epochs", "3", "--hidden", "5", "--save", "again.json"]) == 0
    assert first.outputs(frame) == load("again.json").outputs(frame)
    assert (tmp_path / "iris.json").read_bytes() == (tmp_path / "again.json").read_bytes()


@pytest.mark.usefixtures("_here")
def test_a_number_is_predicted_too(tmp_path, capsys) -> None:
    """A target of measurements makes a regression: root mean squared errors beside the mean's."""
    rows = [f"{i},{3 * i + 0.5}" for i in range(60)]
    table(tmp_path / "line.csv", rows, "x,y")
    words = ["--hidden", "", "--epochs", "60", "--lr", "0.1", "--save", "line.json"]
    assert main(["train", "line.csv", *words]) == 0
    found = re.search(r"held-out rows +([\d.e-]+) +([\d.]+)", capsys.readouterr().out)
    assert float(found[1]) < 0.5 < 30 < float(found[2])
    table(tmp_path / "new.csv", ["100"], "x")
    assert main(["predict", "line.json", "new.csv"]) == 0
    assert float(capsys.readouterr().out.split()[1]) == pytest.approx(300.5, rel=0.01)


@pytest.mark.usefixtures("_here")
def test_training_stops_early(capsys) -> None:
    """--patience watches a part of the rows, and the table of --progress shows it."""
    words = ["--epochs", "500", "--hidden", "4", "--patience", "3", "--progress", "table"]
    assert main(["train", *words]) == 0
    printed = capsys.readouterr().out
    assert "  epoch    train loss    valid loss    train/val    valid acc  dur" in printed
    assert re.search(r"stopped after \d+ of 500 epochs: no progress in 3 epochs", printed)


@pytest.mark.usefixtures("_here")
def test_pictures_of_the_training_are_written(tmp_path) -> None:
    """With matplotlib there are loss, gradients, confusion and boundary, each as PNG and SVG."""
    pytest.importorskip("matplotlib")
    assert main(["train", "--epochs", "2", "--hidden", "3"]) == 0
    for name in ("loss", "gradients", "confusion", "boundary"):
        assert (tmp_path / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "pictures" / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.usefixtures("_here")
def test_without_matplotlib_a_word_says_how_to_get_more(monkeypatch, capsys) -> None:
    """The training ends well, with its drawings in characters."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert main(["train", "--epochs", "1", "--hidden", "2"]) == 0
    printed = capsys.readouterr().out
    assert 'pip install "microgradnet[plot]"' in printed
    assert "layers.0" in printed
    assert "\nloss\n" in printed


def test_the_catalogue_is_listed(capsys) -> None:
    """Every data set has a line; one of them shows licence, source and first rows."""
    assert main(["data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == [e.name for e in data.catalogue()]
    assert max(map(len, lines)) <= 80
    assert main(["data", "titanic"]) == 0
    shown = capsys.readouterr().out
    assert "licence" in shown
    assert "  passenger,survived,sex,age,class\n  1,1,female,29.0,1st\n" in shown


@pytest.mark.usefixtures("_here")
def test_a_data_set_is_copied(tmp_path, capsys) -> None:
    """-o leaves the file, to look at and to train on."""
    assert main(["data", "iris", "-o", "mine.csv"]) == 0
    assert (tmp_path / "mine.csv").read_bytes() == data.path("iris").read_bytes()


def test_the_version_names_what_is_there(capsys) -> None:
    """One line for the package, one for each optional package."""
    assert main(["version"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert re.match(r"microgradnet \d+\.\d+\.\d+, Python 3\.", first)
    assert any(line.split() == ["tqdm", "found"] for line in others) == bool(
        __import__("importlib.util").util.find_spec("tqdm")
    )


FAULTS = {
    "no model": (["predict", "none.json", "new.csv"], "none.json"),
    "a model without a table": (["evaluate", "neuron.json", "iris"], "save a Pipeline"),
    "a column that is not there": (["predict", "iris.json", "new.csv"], "sepal_length"),
    "no such id": (["predict", "iris.json", "iris", "--id", "no"], "a column 'no'"),
    "header of another length": (["predict", "iris.json", "iris", "--header", "a,b"], "1 names"),
    "no such data set": (["data", "nothing"], "take one of them"),
    "nothing to predict": (["train", "names"], "has nothing to predict; take one of iris"),
    "no folder to save in": (["train", "iris", "--save", "no/m.json"], "--save takes a file in"),
    "no folder to write in": (
        ["predict", "iris.json", "iris", "-o", "no/a.csv"],
        "-o takes a file",
    ),
    "a target alone": (["train", "--target", "x"], "--target takes a file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_mistakes_get_one_line(fault, tmp_path, monkeypatch, capsys) -> None:
    """Status 2 and a line that names what is wrong; nothing is written."""
    from microgradnet import nn, save
    from microgradnet.pipeline import Pipeline
    from microgradnet.tables import Encoding

    monkeypatch.chdir(tmp_path)
    table(tmp_path / "new.csv", ["1,2"], "a,b")
    save(nn.MLP(2, [1], seed=0), "neuron.json")
    frame = data.read_frame(data.path("iris"))
    encoding = Encoding.fit(frame, "species")
    classes = ["setosa", "versicolor", "virginica"]
    save(Pipeline(encoding, nn.MLP(4, [3], seed=0), classes, "species"), "iris.json")
    before = sorted({*os.listdir(), *(["pictures"] if "--save" in FAULTS[fault][0] else [])})
    words, message = FAULTS[fault]
    assert main(words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert sorted(os.listdir()) == before


@pytest.mark.usefixtures("_here")
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    """An error in the middle of predict -o keeps the answers that were there."""
    assert main(["train", "iris", "--epochs", "1", "--hidden", "2", "--save", "m.json"]) == 0
    (tmp_path / "out.csv").write_text("kept", encoding="utf-8")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    assert main(["predict", "m.json", "iris", "-o", "out.csv"]) == 2
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "kept"
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.mark.usefixtures("_here")
def test_a_link_is_written_through_and_a_pipe_is_not_replaced(tmp_path, capsys) -> None:
    """predict -o keeps a link and the mode of the file behind it, and refuses what is no file."""
    assert main(["train", "iris", "--epochs", "1", "--hidden", "2", "--save", "m.json"]) == 0
    real = tmp_path / "real.csv"
    real.write_text("old", encoding="utf-8")
    real.chmod(0o600)
    (tmp_path / "link.csv").symlink_to(real)
    assert main(["predict", "m.json", "iris", "-o", "link.csv"]) == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert real.read_text(encoding="utf-8").startswith("species\n")
    assert real.stat().st_mode & 0o777 == 0o600
    os.mkfifo(tmp_path / "pipe")
    assert main(["predict", "m.json", "iris", "-o", "pipe"]) == 2
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.usefixtures("_here")
def test_the_row_number_of_a_data_set_is_no_input(capsys) -> None:
    """Its own columns to drop are dropped, whatever else is chosen."""
    words = ["--fill", "--epochs", "1", "--hidden", "2", "--target", "survived", "--drop", "sex"]
    assert main(["train", "titanic", *words, "--save", "m.json"]) == 0
    assert load("m.json").encoding.inputs == ["age", "class=1st", "class=2nd", "class=3rd"]


@pytest.mark.usefixtures("_here")
def test_a_file_comes_before_a_data_set_of_that_name(tmp_path, capsys) -> None:
    """A file called iris is the user's, with a target of its own."""
    table(tmp_path / "iris", fruit(40), "id,colour,size,weight")
    words = ["--fill", "--epochs", "1", "--hidden", "2", "--save", "m.json", "--kind", "class"]
    assert main(["train", "iris", *words]) == 0
    assert load("m.json").target == "weight"


def test_titanic_by_the_command_line(tmp_path) -> None:
    """891 passengers to train on, 418 to submit: better than 0.74, beside always-no at 0.62."""
    frame = data.read_frame(data.path("titanic"))
    order = data.permutation(len(frame), 0)

    def write(part: Frame, name: str, columns: slice) -> None:
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([row[columns] for row in (part.names, *part.rows)])

    write(frame.take(order[:891]), "train.csv", slice(None))
    held_out = frame.take(order[891:])
    command = [sys.executable, "-m", "microgradnet"]
    words = "--target survived --drop passenger --fill --hidden 8 --epochs 30 --save model.json"
    trained = subprocess.run(
        [*command, "train", "train.csv", *words.split()], cwd=tmp_path, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert float(re.search(r"held-out rows +([\d.]+)", trained.stdout)[1]) >= 0.74
    without = Frame(
        held_out.path, [n for n in held_out.names if n != "survived"],
        [[x for x, n in zip(row, held_out.names, strict=True) if n != "survived"]
         for row in held_out.rows],
    )  # fmt: skip
    write(without, "test.csv", slice(None))
    subprocess.run(
        [*command, "predict", "model.json", "test.csv", "--id", "passenger", "-o", "submission.csv",
         "--header", "PassengerId,Survived"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    with open(tmp_path / "submission.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["PassengerId", "Survived"]
    assert len(rows) == 419
    assert {answer for _, answer in rows[1:]} == {"0", "1"}
    right = sum(a[1] == b for a, b in zip(rows[1:], held_out.column("survived"), strict=True))
    assert right / 418 >= 0.74


@pytest.mark.usefixtures("_here")
def test_a_model_is_saved_before_all_else(tmp_path, capsys) -> None:
    """Where the history cannot be written, the model is there."""
    (tmp_path / "pictures" / "history.csv").mkdir(parents=True)
    assert main(["train", "iris", "--epochs", "1", "--hidden", "2", "--save", "m.json"]) == 2
    assert main(["evaluate", "m.json", "iris"]) == 0


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("path", ["", os.devnull, ".", "none/m.json"])
def test_a_model_goes_into_a_file_or_nothing_is_trained(path, capsys) -> None:
    """An empty name, a device, a folder and a missing one are told before the work."""
    assert main(["train", "iris", "--epochs", "1", "--hidden", "2", "--save", path]) == 2
    printed = capsys.readouterr()
    assert "--save takes a file in a folder that is there" in printed.err
    assert printed.out == ""
