"""Use microgradnet from a terminal: `python -m microgradnet train FILE.csv`.

>>> main(["train", "nowhere.csv"])
2
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from microgradnet import losses, nn, optim
from microgradnet.data import Scaler, Table, moons, read_csv, split
from microgradnet.drawing import draw, render
from microgradnet.engine import Value
from microgradnet.plotting import POINTS, text_curve, text_map
from microgradnet.training import Row, accuracy, fit, majority, predicted, progress

EXAMPLES = """\
examples:
  python -m microgradnet train                          two interlocking moons, generated
  python -m microgradnet train iris.csv                 the last column is the class
  python -m microgradnet train iris.csv --target species --hidden 8,8 --epochs 50
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, 2 for bad input, 130 where Ctrl-C ended it."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, ArithmeticError, OSError) as error:
        print(f"microgradnet: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("microgradnet: stopped", file=sys.stderr)
        return 130


def train(options: argparse.Namespace) -> int:
    """Train a classifier on a table, say how good it is, and draw it."""
    table = _table(options)
    (points, targets), (test_points, test_targets) = split(
        table.points, table.targets, options.test, options.seed
    )
    scaler = Scaler.fit(points)
    rows: list[Row] = list(zip(scaler.transform(points), targets, strict=True))
    test_rows: list[Row] = list(zip(scaler.transform(test_points), test_targets, strict=True))

    sizes = [*options.hidden, len(table.classes)]
    model = nn.MLP(len(table.features), sizes, init="he", seed=options.seed)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    folder = _folder(options.out)
    print(f"{table.path}: {len(rows)} rows to train on, {len(test_rows)} held out\n{model}\n")
    with progress(options.epochs) as report:
        history = fit(
            model, losses.cross_entropy, rows, optimizer, options.epochs, options.batch,
            options.seed, report,
        )  # fmt: skip
    stopped = len(history) < options.epochs
    if stopped:
        print(f"\nstopped after {len(history)} of {options.epochs} epochs")
    if not history:
        return 130

    print("\n" + text_curve([epoch.loss for epoch in history], title="loss over the epochs"))
    if len(table.features) == 2 and len(table.classes) <= len(POINTS):

        def classify(point: Sequence[float]) -> int:
            return predicted(model(scaler.transform([point])[0]))

        print("\n" + text_map(classify, table.points, table.targets, classes=table.classes))
    print(f"\n{'accuracy':<18}model   majority")
    for name, part in (("training rows", rows), ("held-out rows", test_rows)):
        baseline = majority([target for _, target in part])
        print(f"  {name:<16}{accuracy(model, part):.3f}   {baseline:.3f}")
    worst = max(test_rows, key=lambda row: losses.cross_entropy(model(row[0]), row[1]).data)
    written = _pictures(model, table.features, worst, folder)
    print("\nthe held-out row with the largest loss, drawn:")
    print("wrote " + "\n      ".join(map(str, written)))
    return 130 if stopped else 0


def _table(options: argparse.Namespace) -> Table:
    if options.file is None:
        if options.target is not None:
            raise ValueError(f"--target takes a file with it, not {options.target!r} alone")
        points, targets = moons(200, noise=0.1, seed=options.seed)
        return Table("two moons", ["x", "y"], points, "moon", ["upper", "lower"], targets)
    table = read_csv(options.file, options.target)
    table.check_trainable()
    return table


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out takes a folder, not {name!r} ({error.strerror})") from None
    return folder


def _pictures(model: nn.MLP, features: list[str], row: Row, folder: Path) -> list[Path]:
    """Draw one example's loss and gradients: the network, and the neuron that feels it most.

    The neuron stands alone, with the gradients of its own output, so that they can be checked.
    """
    loss = losses.cross_entropy(model(_labelled(row, features)), row[1])
    loss.label = "loss"
    model.zero_grad()
    loss.backward()
    written = [_picture(loss, folder / "network.svg", "neuron")]
    neuron = max(model.layers[0].neurons, key=lambda neuron: abs(neuron.b.grad))
    model.zero_grad()
    output = neuron(_labelled(row, features))
    output.backward()
    return [*written, _picture(output, folder / "neuron.svg", None)]


def _labelled(row: Row, features: list[str]) -> list[Value]:
    return [Value(v, label=name) for v, name in zip(row[0], features, strict=True)]


def _picture(value: Value, path: Path, collapse: str | None) -> Path:
    # As SVG, by layer where the neurons are too many; the DOT text where nothing can draw it.
    try:
        try:
            return render(value, path, collapse=collapse)
        except ValueError:
            collapse = "layer"
            return render(value, path, collapse=collapse)
    except RuntimeError as error:
        print(f"microgradnet: {error}", file=sys.stderr)
        path = path.with_suffix(".dot")
        path.write_text(draw(value, collapse=collapse).source, encoding="utf-8")
        return path


def _sizes(text: str) -> list[int]:
    sizes = text.split(",") if text else []
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise argparse.ArgumentTypeError(f"takes widths from 1 up, such as 16,16, not {text!r}")
    return [int(size) for size in sizes]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1 up, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m microgradnet", description=__doc__.splitlines()[0], epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "train", help="train a classifier on a CSV file and draw it", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.set_defaults(run=train)
    add = command.add_argument
    add("file", nargs="?", help="CSV file with a header: numbers and a class; default: two moons")
    add("--target", metavar="COLUMN", help="the column of classes (default: the last)")
    add("--hidden", type=_sizes, default=[16, 16], metavar="16,16", help="widths of hidden layers")
    add("--epochs", type=_count, default=100, metavar="N", help="passes over the rows (100)")
    add("--batch", type=_count, default=16, metavar="N", help="rows a step (16)")
    add("--lr", type=float, default=0.01, metavar="RATE", help="learning rate of Adam (0.01)")
    add("--test", type=float, default=0.25, metavar="SHARE", help="share held out (0.25)")
    add("--seed", type=int, default=0, metavar="N", help="the seed of everything random (0)")
    add("--out", default="pictures", metavar="DIR", help="folder for the drawings (pictures)")
    return parser
