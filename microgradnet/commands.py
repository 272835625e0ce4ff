"""What the command line does with tables: train a model, predict, evaluate, list the data sets.

Each function takes the options of its command, prints what it did, and returns the exit status.
"""

import argparse
import csv
import io
import math
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from microgradnet import data, losses, nn, optim
from microgradnet.compiling import compile
from microgradnet.data import Encoding, Frame, split
from microgradnet.drawing import put, render
from microgradnet.engine import Value
from microgradnet.errors import printable
from microgradnet.history import History
from microgradnet.pipeline import Pipeline
from microgradnet.plotting import POINTS, text_confusion, text_curve, text_map
from microgradnet.reading import MISSING
from microgradnet.saving import load, replaced, save
from microgradnet.tables import Targets, moments, targets
from microgradnet.training import Row, fit, majority, predicted

MOONS = "two moons"
WIDE = 12  # neurons in a layer, which are drawn one by one up to here
CONFUSING = 12  # classes that a confusion matrix in characters has room for


def train(options: argparse.Namespace) -> int:
    """Train a model on a table, say how good it is on rows that it has not seen, and draw it."""
    frame, target, answers = _table(options)
    strata = answers.values if answers.classes else [0] * len(frame)
    (rows, _), (test_rows, _) = split(range(len(frame)), strata, options.test, options.seed)
    encoding = Encoding.fit(
        frame.take(rows), target, options.drop, "fill" if options.fill else "refuse",
        categories=[name for name in options.categories if name != target],
    )  # fmt: skip
    scale = (0.0, 1.0)
    if not answers.classes:
        scale = moments([answers.values[i] for i in rows])
    numbers = [v if answers.classes else (v - scale[0]) / scale[1] for v in answers.values]
    points = encoding.transform(frame)
    width = len(answers.classes or [0])
    model = nn.MLP(
        len(encoding.inputs), [*options.hidden, width], activation=options.activation, init="he",
        seed=options.seed, dropout=options.dropout,
    )  # fmt: skip
    pipeline = Pipeline(encoding, model, answers.classes, target, scale)
    optimizer = optim.Adam(model.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    folder = _folder(options.out)
    if options.save is not None:
        _check_folder("--save", Path(options.save))
    print(f"{printable(frame.path)}: {len(rows)} rows to train on, {len(test_rows)} held out")
    print(f"{model}\n")
    history = fit(
        model, _loss(pipeline),
        [(points[i], numbers[i]) for i in rows], optimizer, options.epochs, options.batch,
        options.seed, validation=options.validation or (0.2 if options.patience else None),
        early_stopping=options.patience, progress=options.progress, workers=options.workers,
    )  # fmt: skip
    if history.stopped:
        print(f"\nstopped after {len(history)} of {options.epochs} epochs: {history.stopped}")
    if not history:
        return 130
    if options.save is not None:  # before all that could go wrong with what follows
        save(pipeline, options.save)

    print("\n" + text_curve([e.loss for e in history], title="loss", number="epoch"))
    plane = _plane(pipeline, frame)
    if plane:
        classify, points_there = plane
        print(
            "\n" + text_map(classify, points_there, answers.values, classes=pipeline.classes or [])
        )
    print()
    parts = [("training rows", frame.take(rows)), ("held-out rows", frame.take(test_rows))]
    expected, found = _score(pipeline, parts)
    written = [folder / "history.csv"]
    history.to_csv(written[0])
    if options.save is not None:
        written.append(Path(options.save))
    worst = max(
        ((points[i], numbers[i]) for i in test_rows),
        key=lambda row: _loss(pipeline)(model(row[0]), row[1]).data,
    )
    written += _pictures(pipeline, worst, folder)
    written += _figures(pipeline, history, (expected, found), plane, answers.values, folder)
    print("wrote " + "\n      ".join(printable(str(path)) for path in written))
    return 130 if history.stopped == "interrupted" else 0


def predict(options: argparse.Namespace) -> int:
    """Write a CSV file of predictions: a line per row, with the columns that identify it."""
    pipeline = _loaded(options.model)
    frame = _read(options)
    kept = [frame.column(name) for name in options.id]
    header = [*options.id, pipeline.target or "prediction"]
    columns: list[Sequence[Any]] = [*kept, pipeline.predict(frame)]
    if options.probabilities:
        if pipeline.classes is None:
            raise ValueError("--probabilities takes a model of classes, and this predicts a number")
        header += [f"p({name})" for name in pipeline.classes]
        columns += list(zip(*pipeline.probabilities(frame), strict=True))
    if options.header is not None:
        if len(options.header) != len(header):
            raise ValueError(f"--header takes {len(header)} names, not {options.header!r}")
        header = options.header
    lines = [header, *zip(*columns, strict=True)]
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(lines)
    if options.output is None:
        text = made.getvalue()
        if sys.stdout.isatty():  # which would obey a control character in a cell
            text = "".join(f"{printable(line)}\n" for line in text[:-1].split("\n"))
        sys.stdout.write(text)
        return 0
    path = Path(options.output).resolve()  # of a link, the file that it leads to
    _check_folder("-o", path)
    replaced(str(path), made.getvalue().encode())
    names = printable(",".join(header))
    print(f"wrote {printable(options.output)}: {len(frame)} rows of {names}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Say how good a model is on a table that has its target."""
    _score(_loaded(options.model), [(options.file, _read(options))])
    return 0


def datasets(options: argparse.Namespace) -> int:
    """List the data sets at hand, or show one, or copy it."""
    if options.name is None:
        print(f"{'name':<15}{'rows':>6}{'columns':>9}  {'to predict':<12}what it is")
        for each in data.catalogue():
            what = textwrap.shorten(each.description, 36, placeholder=" …")
            print(f"{each.name:<15}{each.rows:>6}{each.columns:>9}  {each.target or '-':<12}{what}")
        print("\ndata NAME shows one; train NAME trains on it; data NAME -o FILE copies it")
        return 0
    entry, path = data.dataset(options.name), data.path(options.name)
    if options.output:
        put(Path(options.output), path.read_bytes())
        print(f"wrote {printable(options.output)}")
        return 0
    print(f"{entry.name}: {entry.description}")
    for title, text in (("file", path), ("rows", entry.rows), ("to predict", entry.target or "-"),
                        ("source", entry.source), ("licence", entry.licence)):  # fmt: skip
        print(f"  {title:<11}{text}")
    if entry.task == "classification":
        frame = data.read_frame(path)
        print()
        shown = [frame.names, *frame.rows[:5]]
        for line in shown:
            text = ",".join(line)
            print("  " + (text if len(text) <= 76 else text[:75] + "…"))
    return 0


def version(options: argparse.Namespace) -> int:
    """Print the version, that of Python, and which optional packages are there."""
    import importlib.util
    from importlib import metadata

    from microgradnet.drawing import executable

    try:
        drawn = executable()
    except RuntimeError:
        drawn = "none"
    number = sys.version.split()[0]
    print(f"microgradnet {metadata.version('microgradnet')}, Python {number}, dot: {drawn}")
    for name in ("matplotlib", "tqdm", "distributed", "torch"):
        print(f"  {name:<12}{'found' if importlib.util.find_spec(name) else 'not installed'}")
    return 0


# ---- tables and models -------------------------------------------------------------------------


def _table(options: argparse.Namespace) -> tuple[Frame, str, Targets]:
    if options.file is None:
        if options.target is not None:
            raise ValueError(f"--target takes a file with it, not {options.target!r} alone")
        points, moon = data.moons(200, noise=0.1, seed=options.seed)
        names = ("upper", "lower")
        rows = [[*map(repr, x), names[y]] for x, y in zip(points, moon, strict=True)]
        frame = Frame(MOONS, ["x", "y", "moon"], rows)
        return frame, "moon", targets(frame, "moon", classes=names)
    frame = _read(options)
    target = options.target or frame.names[-1]
    entry = None if os.path.exists(options.file) else _entry(options.file)
    if entry:
        if entry.task != "classification":
            known = ", ".join(e.name for e in data.catalogue() if e.target)
            raise ValueError(f"{entry.name!r} has nothing to predict; take one of {known}")
        target = options.target or entry.target
        options.drop = [*options.drop, *(name for name in entry.drop if name != target)]
    answers = targets(frame, target, options.kind)
    if answers.classes and len(answers.classes) < 2:
        raise ValueError(
            f"{printable(frame.path)}, column {target!r} takes two classes or more, "
            f"not {answers.classes!r}; take another target"
        )
    return frame, target, answers


def _read(options: argparse.Namespace) -> Frame:
    # A file, or the name of a data set at hand where there is no such file.
    path: str | os.PathLike[str] = options.file
    if not os.path.exists(path) and _entry(options.file):
        path = data.path(options.file)
    return data.read_frame(path, header=not options.no_header)


def _entry(name: str) -> data.Dataset | None:
    return next((entry for entry in data.catalogue() if entry.name == name), None)


def _loaded(path: str) -> Pipeline:
    model = load(path)
    if not isinstance(model, Pipeline):
        raise ValueError(
            f"{path!r} holds {model!r}, without what turns a table into its inputs; "
            "save a Pipeline, as train --save does"
        )
    return model


def _loss(pipeline: Pipeline) -> Callable[[Any, Any], Any]:
    return losses.cross_entropy if pipeline.classes else losses.mean_squared_error


def _score(pipeline: Pipeline, parts: list[tuple[str, Frame]]) -> tuple[list[Any], list[Any]]:
    """Say how good a model is on some tables; return what is true and predicted in the last."""
    width = max([16, *(len(name) for name, _ in parts)])
    heading = ("accuracy", "majority") if pipeline.classes else ("RMSE", "mean")
    gap = 8 if pipeline.classes else 10
    print(f"{heading[0]:<{width + 2}}{'model':<{gap}}{heading[1]}")
    expected: list[Any] = []
    found: list[Any] = []
    for name, frame in parts:
        expected = targets(
            frame, pipeline.target, None if pipeline.classes else "number", pipeline.classes
        ).values
        found = pipeline.predict(frame)
        if pipeline.classes:
            expected = [pipeline.classes[i] for i in expected]
            right = sum(a == b for a, b in zip(expected, found, strict=True)) / len(expected)
            print(f"  {printable(name):<{width}}{right:.3f}   {majority(expected):.3f}")
        else:
            mean = pipeline.scale[0]
            model, baseline = (
                math.sqrt(math.fsum((a - b) ** 2 for a, b in pairs) / len(expected))
                for pairs in (zip(expected, found, strict=True), ((a, mean) for a in expected))
            )
            print(f"  {printable(name):<{width}}{model:<10.4g}{baseline:.4g}")
    if pipeline.classes and 2 < len(pipeline.classes) <= CONFUSING:
        print(f"\n{text_confusion(expected, found, pipeline.classes)}")
    return expected, found


Plane = tuple[Callable[[Sequence[float]], int], list[list[float]]]


def _plane(pipeline: Pipeline, frame: Frame) -> Plane | None:
    """Return the class at a point and the points of a table, in its units; None of other inputs.

    That is where the inputs are two columns of numbers, and the classes few. What is missing is
    filled.
    """
    columns = pipeline.encoding.columns if pipeline.encoding else []
    if not pipeline.classes or len(pipeline.classes) > len(POINTS):
        return None
    if [column.kind for column in columns] != ["number", "number"]:
        return None
    program = compile(pipeline.model)

    def classify(point: Sequence[float]) -> int:
        pairs = zip(point, columns, strict=True)
        return predicted(program([(x - c.mean) / c.deviation for x, c in pairs]))

    filled = (
        [float(column.fill or 0.0) if text in MISSING else float(text) for text in texts]
        for column, texts in ((column, frame.column(column.name)) for column in columns)
    )
    return classify, [list(point) for point in zip(*filled, strict=True)]


# ---- pictures ----------------------------------------------------------------------------------


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out takes a folder, not {name!r} ({error.strerror})") from None
    return folder


def _check_folder(option: str, path: Path) -> None:
    # Before the work: at its end it would be lost.
    if not os.access(path.parent, os.W_OK) or (path.exists() and not path.is_file()):
        rule = f"{option} takes a file in a folder that is there, not {str(path)!r}"
        raise ValueError(f"{rule}; make the folder first")


def _pictures(pipeline: Pipeline, row: Row, folder: Path) -> list[Path]:
    """Draw one example's loss and gradients: the network, and the neuron that feels it most.

    The neuron stands alone, with the gradients of its own output, so that they can be checked.
    """
    model = pipeline.model
    names = pipeline.encoding.inputs if pipeline.encoding else []
    loss = _loss(pipeline)(model(_labelled(row, names)), row[1])
    loss.label = "loss"
    model.zero_grad()
    loss.backward()
    wide = max(model.sizes[1:]) > WIDE
    written = [picture(loss, folder / "network.svg", "layer" if wide else "neuron")]
    neuron = max(model.layers[0].neurons, key=lambda neuron: abs(neuron.b.grad))
    if len(neuron.w) > 40:
        return written  # too many inputs to be read
    model.zero_grad()
    output = neuron(_labelled(row, names))
    output.backward()
    return [*written, picture(output, folder / "neuron.svg", None)]


def _labelled(row: Row, names: list[str]) -> list[Value]:
    return [Value(v, label=name) for v, name in zip(row[0], names, strict=True)]


def picture(value: Value, path: Path, collapse: str | None) -> Path:
    """Draw a graph: by layer where neurons are too many, as DOT text where nothing can draw it."""
    try:
        try:
            return render(value, path, collapse=collapse)
        except ValueError:
            collapse = "layer"
            return render(value, path, collapse=collapse)
    except RuntimeError as error:
        print(f"microgradnet: {error}", file=sys.stderr)
        path = path.with_suffix(".dot")
        return render(value, path, collapse=collapse)


def _figures(
    pipeline: Pipeline, history: History, scored: tuple[list[Any], list[Any]],
    plane: Plane | None, answers: list[Any], folder: Path,
) -> list[Path]:  # fmt: skip
    """Plot the training, where matplotlib is installed."""
    from microgradnet import boundaries, figures

    try:
        made = {"loss": figures.loss_curves(history), "gradients": figures.gradient_norms(history)}
    except ImportError:
        print('more pictures, of loss, gradients and classes: pip install "microgradnet[plot]"')
        return []
    classes = pipeline.classes
    inputs = pipeline.encoding.inputs if pipeline.encoding else []
    if classes and len(classes) <= CONFUSING:
        made["confusion"] = figures.confusion_matrix(*scored, classes)
    if plane:
        made["boundary"] = boundaries.decision_boundary(*plane, answers, classes, inputs)
    side = math.isqrt(len(inputs))
    if side >= 6 and side * side == len(inputs):
        made["weights"] = figures.weight_images(pipeline.model.layers[0], (side, side))
    return [path for name, each in made.items() for path in figures.write(each, folder / name)]
