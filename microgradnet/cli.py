"""Use microgradnet from a terminal: train on a table and use the model, step, draw.

>>> main(["step", "x*w", "x=2", "w=-3", "--all"])
   1  x.grad += -3 * 1 = -3          -> -3       d(x*w)/d(x) = w
   2  w.grad += 2 * 1 = 2            -> 2        d(x*w)/d(w) = x
0
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from microgradnet import commands, course
from microgradnet.debugging import debug
from microgradnet.engine import Value
from microgradnet.errors import printable
from microgradnet.expressions import expression
from microgradnet.history import PROGRESS
from microgradnet.nn import activations
from microgradnet.prompting import Parser, Prompt, ready_streams, told
from microgradnet.recording import LEAF

EXAMPLES = """\
examples:
  python -m microgradnet train                          two interlocking moons, generated
  python -m microgradnet train iris.csv                 the last column is predicted
  python -m microgradnet train iris.csv --target species --hidden 8,8 --epochs 50
  python -m microgradnet train people.csv --target survived --drop id,name --fill --save model.json
"""
PREDICTED = """\
examples:
  python -m microgradnet predict model.json new.csv > answers.csv
  python -m microgradnet predict model.json test.csv --id PassengerId -o submission.csv
"""
EVALUATED = """\
examples:
  python -m microgradnet evaluate model.json held_out.csv
"""
LISTED = """\
examples:
  python -m microgradnet data                           what is at hand
  python -m microgradnet data titanic                   licence, source and first rows
  python -m microgradnet data titanic -o titanic.csv    a copy
  python -m microgradnet train titanic --fill           to train on it
"""
TAUGHT = """\
examples:
  python -m microgradnet lessons                        the list
  python -m microgradnet lessons 6                      run lesson 6
  python -m microgradnet lessons 6 --full               its long run
  python -m microgradnet lessons 6 --check              its exercises
  python -m microgradnet lessons 6 --check answers.py   are these answers right?
  python -m microgradnet lessons all                    run them all
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
    """Run one command; return the exit status: 0, 2 for bad input, 130 where Ctrl-C ended it.

    It is 141 where the reader of a pipe went away, as of a program that the signal ends.
    """
    ready_streams()
    options = _parser().parse_args(_spaced(sys.argv[1:] if arguments is None else arguments))
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, ArithmeticError, OSError) as error:
        print(f"microgradnet: {told(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("microgradnet: stopped", file=sys.stderr)
        return 130


def step(options: argparse.Namespace) -> int:
    """Step through the backpropagation of an expression: at a prompt, as lines, or on a page."""
    root = _expression(options)
    if options.html is not None:
        from microgradnet.pages import page

        try:
            page(root, options.html)
        except RuntimeError as error:  # Graphviz is missing
            raise OSError(str(error)) from None
        print(f"wrote {printable(options.html)}")
    if options.all:
        prompt = Prompt()
        for line in root.backward_steps():
            prompt.say(str(line))
        if not root.rule:
            prompt.say(LEAF)
    elif options.html is None:
        debug(root, {})
    return 0


def graph(options: argparse.Namespace) -> int:
    """Draw an expression, with its gradients."""
    root = _expression(options)
    if options.backward:
        root.backward()
    print(f"wrote {printable(str(commands.picture(root, Path(options.out), None)))}")
    return 0


def lessons(options: argparse.Namespace) -> int:
    """List the lessons, or run one, or all."""
    if options.number is None:
        print(course.listing())
        return 0
    if options.number != "all":
        return course.start(course.find(options.number), options.rest)
    return course.start_all(options.rest)


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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"takes a share between 0 and 1, not {text!r}")
    return share


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m microgradnet", description=__doc__.splitlines()[0], epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], what: str, examples: str = "") -> Any:
        made = parsers.add_parser(
            name, help=what, description=what, epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        made.set_defaults(run=run)
        return made.add_argument

    def table(add: Any, **file: Any) -> None:
        add("file", help="CSV file with a header, or a data set's name", **file)
        add(
            "--no-header",
            action="store_true",
            help="the file has no header: c0, c1 ...; of a model, its training's columns by place",
        )

    add = command("train", commands.train, "train on a CSV file, keep the model, draw it", EXAMPLES)
    table(add, nargs="?")
    add("--target", metavar="COLUMN", help="the column to predict (the last)")
    add("--kind", choices=["class", "number"], help="what it is (by its values)")
    add("--drop", type=_names, default=[], metavar="A,B", help="columns that are no inputs")
    add("--categories", type=_names, default=[], metavar="A,B", help="numbers that are categories")
    add("--fill", action="store_true", help="fill missing values: median, or most frequent")
    add("--hidden", type=_sizes, default=[16, 16], metavar="16,16", help="widths of hidden layers")
    add("--activation", choices=["linear", *activations()], default="relu", metavar="NAME",
        help="of the hidden layers: relu (taken), tanh, sigmoid, ...")  # fmt: skip
    add("--epochs", type=_count, default=100, metavar="N", help="passes over the rows (100)")
    add("--batch", type=_count, default=16, metavar="N", help="rows a step (16)")
    add("--lr", type=float, default=0.01, metavar="RATE", help="learning rate of Adam (0.01)")
    add("--dropout", type=_share, default=0.0, metavar="SHARE",
        help="of the hidden units that a step leaves out (0)")  # fmt: skip
    add("--weight-decay", type=float, default=0.0, metavar="RATE", help="L2 penalty (0)")
    add("--test", type=_share, default=0.25, metavar="SHARE", help="share held out (0.25)")
    add("--validation", type=_share, metavar="SHARE",
        help="share of the rest to watch the loss on (0.2 with --patience, else none)")  # fmt: skip
    add("--patience", type=_count, metavar="N", help="stop after N epochs without progress")
    add("--workers", type=_count, metavar="N", help="processes, for batches from 128 rows up")
    add("--progress", choices=[name for name in PROGRESS if name], default="bar",
        help="what is shown meanwhile (bar; without a terminal, lines)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="the seed of everything random (0)")
    add("--out", default="pictures", metavar="DIR", help="folder for the drawings (pictures)")
    add("--save", metavar="FILE", help="keep the model, for predict and evaluate")

    add = command("predict", commands.predict, "write a model's answers for a CSV file", PREDICTED)
    add("model", help="file that train --save wrote")
    table(add)
    add("-o", "--output", metavar="FILE", help="the CSV file to write (standard output)")
    add("--id", type=_names, default=[], metavar="A,B", help="columns to put before the answer")
    add("--probabilities", action="store_true", help="with the probability of each class")
    add("--header", type=_names, metavar="A,B", help="other names for the columns")

    add = command("evaluate", commands.evaluate, "score a model on a CSV file", EVALUATED)
    add("model", help="file that train --save wrote")
    table(add)

    add = command("data", commands.datasets, "list, show or copy the data sets at hand", LISTED)
    add("name", nargs="?", help="one of them")
    add("-o", "--output", metavar="FILE", help="copy it there")

    add = command("lessons", lessons, "list the lessons of the course, and run them", TAUGHT)
    add("number", nargs="?", help='of a lesson, such as 6 or 6b, a word such as trask, or "all"')
    add("rest", nargs=argparse.REMAINDER, metavar="...", help="options for the lesson")

    for run, what, examples in (
        (step, "step through the backpropagation of an expression", STEPPED),
        (graph, "draw an expression with its gradients", DRAWN),
    ):
        add = command(run.__name__, run, what, examples)
        add("expression", metavar="EXPRESSION", help='such as "n = x*w + b; tanh(n)"')
        add("numbers", nargs="*", metavar="NAME=NUMBER", help="a number for each name")
        if run is step:
            add("--all", action="store_true", help="print every step, without a prompt")
            add("--html", metavar="FILE", help="write the steps as a page for the browser")
        else:
            add("-o", "--out", default="graph.svg", metavar="FILE", help="the picture (graph.svg)")
            add("--no-backward", dest="backward", action="store_false", help="without gradients")

    command("version", commands.version, "print the version, and what is installed beside it")
    return parser
