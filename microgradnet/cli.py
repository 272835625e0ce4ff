"""Use microgradnet from a terminal: train on a table, step through an expression, draw it.

>>> main(["step", "x*w", "x=2", "w=-3", "--all"])
   1  x.grad += -3 * 1 = -3               -> -3        d(x*w)/d(x) = w
   2  w.grad += 2 * 1 = 2                 -> 2         d(x*w)/d(w) = x
0
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from microgradnet import losses, nn, optim
from microgradnet.data import Scaler, Table, moons, read_csv, split
from microgradnet.debugging import debug
from microgradnet.drawing import draw, render
from microgradnet.engine import Value
from microgradnet.expressions import expression
from microgradnet.plotting import POINTS, text_curve, text_map
from microgradnet.prompting import Prompt, told
from microgradnet.training import Row, accuracy, fit, majority, predicted, progress

EXAMPLES = """\
examples:
  python -m microgradnet train                          two interlocking moons, generated
  python -m microgradnet train iris.csv                 the last column is the class
  python -m microgradnet train iris.csv --target species --hidden 8,8 --epochs 50
"""
STEPPED = """\
examples:
  python -m microgradnet step "tanh(x*w + b)" x=2 w=-3 b=7
  python -m microgradnet step "n = x*w + b; o = tanh(n)" x=2 w=-3 b=7 --all
  python -m microgradnet step "-log(sigmoid(x))" x=0.5 --html steps.html
"""
DRAWN = """\
examples:
  python -m microgradnet graph "tanh(x*w + b)" x=2 w=-3 b=7
  python -m microgradnet graph "n = x*w + b; o = tanh(n)" x=2 w=-3 b=7 -o neuron.png
  python -m microgradnet graph "x**2 + 3*x" x=-1.5 --no-backward
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, 2 for bad input, 130 where Ctrl-C ended it."""
    options = _parser().parse_args(_spaced(sys.argv[1:] if arguments is None else arguments))
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, ArithmeticError, OSError) as error:
        print(f"microgradnet: {told(error)}", file=sys.stderr)
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


def step(options: argparse.Namespace) -> int:
    """Step through the backpropagation of an expression: at a prompt, as lines, or on a page."""
    root = _expression(options)
    if options.html is not None:
        from microgradnet.pages import page

        try:
            page(root, options.html)
        except RuntimeError as error:  # Graphviz is missing
            raise OSError(str(error)) from None
        print(f"wrote {options.html}")
    if options.all:
        prompt = Prompt()
        for line in root.backward_steps():
            prompt.say(str(line))
    elif options.html is None:
        debug(root, {})
    return 0


def graph(options: argparse.Namespace) -> int:
    """Draw an expression, with its gradients."""
    root = _expression(options)
    if options.backward:
        root.backward()
    print(f"wrote {_picture(root, Path(options.out), None)}")
    return 0


def _expression(options: argparse.Namespace) -> Value:
    numbers: dict[str, float] = {}
    for word in options.numbers:
        name, _, text = word.partition("=")
        if not name.isidentifier() or not text:
            raise ValueError(f"a number is given as NAME=NUMBER, not {word!r}; try x=2")
        if name in numbers:
            raise ValueError(f"a name is given one number, but {name!r} two; leave one out")
        try:
            numbers[name] = float(text)
        except ValueError:
            raise ValueError(f"{name} takes a number, not {text!r}; try {name}=2") from None
    return expression(options.expression, numbers)[0]


def _spaced(words: Sequence[str]) -> list[str]:
    # argparse takes an expression that begins with a minus for an option, but not after a space.
    if not words or words[0] not in ("step", "graph"):
        return list(words)
    option = re.compile("--|-h$|-o" if words[0] == "graph" else "--|-h$")
    return [f" {word}" if word[:1] == "-" and not option.match(word) else word for word in words]


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

    for run, what, examples in (
        (step, "step through the backpropagation of an expression", STEPPED),
        (graph, "draw an expression with its gradients", DRAWN),
    ):
        command = commands.add_parser(
            run.__name__, help=what, epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.set_defaults(run=run)
        add = command.add_argument
        add("expression", metavar="EXPRESSION", help='such as "n = x*w + b; tanh(n)"')
        add("numbers", nargs="*", metavar="NAME=NUMBER", help="a number for each name")
        if run is step:
            add("--all", action="store_true", help="print every step, without a prompt")
            add("--html", metavar="FILE", help="write the steps as a page for the browser")
        else:
            add("-o", "--out", default="graph.svg", metavar="FILE", help="the picture (graph.svg)")
            add("--no-backward", dest="backward", action="store_false", help="without gradients")
    return parser
