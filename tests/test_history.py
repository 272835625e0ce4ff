"""History: the table, the lines, the file, the best epoch."""

import csv
import math

import pytest

from microgradnet.history import CYAN, GREEN, PROGRESS, Epoch, History, table_lines


def epoch(number, loss=0.5, validation=None, metrics=None, seconds=0.25):
    """Return an epoch of two layers."""
    norms = {"layers.0": 3.0, "layers.1": 4.0}
    return Epoch(number, loss, validation, metrics or {}, seconds, 0.1, norms)


def test_a_history_is_a_sequence_of_epochs() -> None:
    """It has a length, items, slices and iteration, as a list has."""
    history = History([epoch(1), epoch(2), epoch(3)])
    assert len(history) == 3
    assert history[-1].number == 3
    assert [e.number for e in history] == [1, 2, 3]
    assert [e.number for e in history[1:]] == [2, 3]


def test_the_gradient_norm_is_that_of_all_layers() -> None:
    """Norms 3 and 4 make 5."""
    assert epoch(1).gradient_norm == 5.0


def test_the_best_epoch_has_the_lowest_validation_loss() -> None:
    """The validation loss decides where there is one, else the loss."""
    assert History([epoch(1, 1.0, 0.5), epoch(2, 0.1, 0.7)]).best.number == 1
    assert History([epoch(1, 1.0), epoch(2, 0.1)]).best.number == 2


def test_no_epoch_is_the_best_of_none() -> None:
    """Before any epoch there is no best, and the error says what to do."""
    with pytest.raises(ValueError, match="train first"):
        _ = History().best


def test_the_table_is_that_of_nolearn() -> None:
    """Heading, rule and columns are nolearn's, digit by digit as in its notebook."""
    first = Epoch(1, 2.49039, 1.47864, {"accuracy": 0.93246}, 9.98, 0.01, {})
    tenth = Epoch(10, 0.60635, 0.57576, {"accuracy": 0.95}, 9.98, 0.01, {})
    assert table_lines(first) == [
        "  epoch    train loss    valid loss    train/val    valid acc  dur",
        "-------  ------------  ------------  -----------  -----------  -----",
        "      1       2.49039       1.47864      1.68424      0.93246  9.98s",
    ]
    assert table_lines(tenth) == [
        "     10       0.60635       0.57576      1.05313      0.95000  9.98s"
    ]


def test_without_validation_the_table_has_fewer_columns() -> None:
    """Metrics are then of the training rows, and say so."""
    assert table_lines(epoch(1, 0.5, None, {"accuracy": 0.75})) == [
        "  epoch    train loss    train acc  dur",
        "-------  ------------  -----------  -----",
        "      1       0.50000      0.75000  0.25s",
    ]


def test_columns_are_as_wide_as_their_titles() -> None:
    """A metric with a long name keeps the lines aligned."""
    heading, rule, line = table_lines(epoch(1, 0.5, 0.25, {"mean absolute error": 0.75}))
    assert heading.index("dur") == line.index("0.25s")
    assert [len(part) for part in rule.split("  ")][-2] == len("  valid mean absolute error")


def test_a_loss_of_zero_has_no_ratio() -> None:
    """train / validation is nan where the validation loss is 0."""
    assert "nan" in table_lines(epoch(2, 0.5, 0.0))[0]


def test_a_terminal_shows_the_best_values_in_colour(capsys, monkeypatch) -> None:
    """Lowest so far: cyan for the train loss, green for the validation loss, as in nolearn."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with PROGRESS["table"](3) as report:
        for number, (loss, validation) in enumerate([(1.0, 1.0), (0.5, 2.0), (0.7, 0.9)], 1):
            report(epoch(number, loss, validation))
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [(CYAN in line, GREEN in line) for line in lines] == [
        (True, True), (True, False), (False, True),
    ]  # fmt: skip


@pytest.mark.parametrize("terminal", [True, False])
def test_no_colour_where_it_is_not_wanted(capsys, monkeypatch, terminal) -> None:
    """A pipe, or NO_COLOR, gives plain text."""
    monkeypatch.setenv("NO_COLOR", "1" if terminal else "")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    with PROGRESS["table"](1) as report:
        report(epoch(1, 1.0, 1.0))
    assert "\x1b" not in capsys.readouterr().out


def test_the_lines_are_those_of_lasagne(capsys) -> None:
    """Its example prints losses to six digits after tabs, and the accuracy in per cent."""
    with PROGRESS["lasagne"](500) as report:
        report(Epoch(1, 1.233348, 0.405868, {"accuracy": 0.8878}, 1.858, 0.01, {}))
    assert capsys.readouterr().out == (
        "Epoch 1 of 500 took 1.858s\n"
        "  training loss:\t\t1.233348\n"
        "  validation loss:\t\t0.405868\n"
        "  validation accuracy:\t\t88.78 %\n"
    )


def test_about_ten_lines_tell_the_time_left(capsys) -> None:
    """The first epoch and each tenth are told, with the seconds that are left."""
    with PROGRESS["lines"](50) as report:
        for number in range(1, 51):
            report(epoch(number, 0.5, None, {"accuracy": 0.75}, seconds=2.0))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[1] == "epoch  5/50   loss 0.5000     accuracy 0.750   90 s left"


def test_a_bar_needs_a_terminal(capsys, monkeypatch) -> None:
    """Where there is none, or no tqdm, lines are printed."""
    with PROGRESS["bar"](1) as report:
        report(epoch(1))
    assert capsys.readouterr().out == "epoch 1/1   loss 0.5000     0 s left\n"
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with PROGRESS["bar"](1) as report:
        report(epoch(1))
    assert "0 s left" in capsys.readouterr().out


def test_a_bar_moves(capsys, monkeypatch) -> None:
    """On a terminal that has tqdm the bar shows the loss, and nothing goes to stdout."""
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with PROGRESS["bar"](2) as report:
        report(epoch(1, 0.5, 0.25))
        report(epoch(2, 0.125, 0.25))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "valid loss 0.2500" in captured.err


def test_csv_keeps_every_digit(tmp_path) -> None:
    """A line per epoch; numbers round-trip; nothing stands where there is no validation."""
    history = History(
        [epoch(1, 0.1 + 0.2, None, {"accuracy": 1 / 3}), epoch(2, math.pi, 0.5, {"accuracy": 1.0})]
    )
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["loss"]) == 0.1 + 0.2
    assert rows[0]["validation loss"] == ""
    assert float(rows[0]["accuracy"]) == 1 / 3
    assert float(rows[1]["gradient norm of layers.1"]) == 4.0
    assert list(rows[0])[:2] == ["epoch", "loss"]


def test_the_repr_is_the_table_and_why_it_stopped() -> None:
    """In a prompt a History shows its epochs; an empty one says that it is."""
    assert repr(History([epoch(1)], "by a callback")).splitlines()[-1] == "stopped: by a callback"
    assert repr(History()) == "History([])"
