"""Draw what a classifier makes of the plane of two features, as a matplotlib Figure.

>>> points, targets = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.5]], [0, 1, 1]
>>> figure = decision_boundary(lambda point: int(point[0] > 1.5), points, targets)
>>> [text.get_text() for text in figure.legends[0].get_texts()]
['class 0', 'class 1', 'wrong: 1 of 3']

For what holds of every Figure, see `canvas`; its `write()` makes files of it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from microgradnet.canvas import COLOURS, INK, add_legend, add_names, cut, new_figure, spaced
from microgradnet.compiling import Program, compile
from microgradnet.engine import Value
from microgradnet.errors import explained, is_real, wrong
from microgradnet.nn import Module
from microgradnet.pipeline import Pipeline
from microgradnet.plotting import check_points, class_index, limits
from microgradnet.reading import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHO = "decision_boundary()"
MARKERS = "os^DvPX*<>"  # of class 0, 1, ...
TINY = 1e-12  # how far ahead the first of equal classes is

Answer = int | float | list[float]  # the index of a class, a probability of class 1, scores


@explained
def decision_boundary(
    classify: Callable[[list[float]], Any], points: Sequence[Sequence[float]],
    targets: Sequence[SupportsIndex], classes: Sequence[str] | None = None,
    features: Sequence[str] | None = None, resolution: int = 100, title: str = "",
) -> "Figure":  # fmt: skip
    """Return the region of each class in the plane of two features, with the points upon it.

    `classify` takes [x, y], and is

    - a Pipeline of classes and two columns, which also gives their names; the points are in the
      units of the file;
    - a model or Program, of which the largest of several numbers is the class, and of one number
      the sign (above 0 is class 1; a model that ends in a sigmoid gives the probability of it);
    - a function that gives a class index, or a list of numbers of which the largest is the class;
    - of two classes, a function that gives the probability of class 1, a float from 0 to 1. Then
      the picture is that surface.

    Borders are smooth where there are scores or probabilities, and have steps between indices.
    There are `resolution ** 2` calls. A model is compiled for them; put a compiled one into a
    function too, or it takes several times as long: `program = compile(model)`, and then
    `lambda point: program(scaler.transform([point])[0])`. A point that is classified wrong has a
    ring. ValueError for more than ten classes, and where points, targets or answers are not such.
    """
    check_points(WHO, points, targets, classes)
    if isinstance(classify, Pipeline):
        classes = classes or classify.classes
        if classify.encoding is not None:
            features = features or [column.name for column in classify.encoding.columns]
    axis = ["x", "y"] if features is None else list(features)
    if len(axis) != 2:
        raise wrong(WHO, "the names of two features", features, "name both columns")
    places = [[float(x), float(y)] for x, y in points]
    ends = [limits(column) for column in zip(*places, strict=True)]
    xs, ys = (spaced(WHO, end, resolution) for end in ends)
    true = [_class(target) for target in targets]
    figure = new_figure(WHO, 8.0, 5.0)
    answers = _answers(classify, [*places, *([x, y] for y in ys for x in xs)])
    scores = _scores(answers, true)
    found = [row.index(max(row)) for row in scores]
    used = sorted({*true, *map(_class, set(found))})
    names = [cut(str(name)) for name in classes or ()]
    names += [f"class {k}" for k in range(len(names), len(scores[0]))]

    axes = figure.subplots()
    surface = any(isinstance(answer, float) for answer in answers)
    image = _plane(axes, xs, ys, scores[len(places) :], surface)
    if surface:
        figure.colorbar(image, ax=axes).set_label(f"probability of {names[1]}", parse_math=False)
    entries = []
    for k in used:
        here = [place for place, target in zip(places, true, strict=True) if target == k]
        (drawn,) = axes.plot(
            [x for x, _ in here], [y for _, y in here], MARKERS[k], color=COLOURS[k], markersize=6,
            markeredgecolor=INK, markeredgewidth=0.6,
        )  # fmt: skip
        entries.append((drawn, names[k]))
    pairs = zip(places, true, found[: len(places)], strict=True)
    missed = [place for place, target, k in pairs if target != k]
    (drawn,) = axes.plot(
        [x for x, _ in missed], [y for _, y in missed], "o", markersize=11, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=1.5,
    )  # fmt: skip
    entries.append((drawn, f"wrong: {len(missed)} of {len(places)}"))
    add_legend(figure, entries)
    axes.set(xlim=ends[0], ylim=ends[1])
    add_names(axes, title, *axis)
    return figure


def _answers(classify: Any, places: list[list[float]]) -> list[Answer]:
    # At each place an index (int), a probability (float), or scores; of a logit z they are [0, z].
    if isinstance(classify, Pipeline):
        return _piped(classify, places)
    logit = isinstance(classify, Module | Program)
    if isinstance(classify, Module):
        f: Any = classify
        logit = getattr(_single(f(places[0])), "op", "") != "sigmoid"
        classify = compile(f)
    answers: list[Answer] = []
    for place in places:
        answer, signed = _single(classify(place)), logit
        if isinstance(answer, Value):
            signed = answer.op != "sigmoid"
        if isinstance(answer, list | tuple):
            answers.append([float(v) for v in answer])
        elif hasattr(answer, "__index__"):
            answers.append(_class(answer))
        elif is_real(answer):
            answers.append([0.0, float(answer)] if signed else float(answer))
        else:
            raise wrong(WHO, "a function that gives a class", answer, "end it with return")
    return answers


def _piped(pipeline: Pipeline, places: list[list[float]]) -> list[Answer]:
    if pipeline.classes is None:
        raise wrong(WHO, "a Pipeline of classes", pipeline, "draw curves of numbers")
    rows: Any = places
    if pipeline.encoding is not None:
        texts = [[repr(x), repr(y)] for x, y in places]
        rows = Frame("points", [column.name for column in pipeline.encoding.columns], texts)
    return [[0.0, *row] if len(row) == 1 else row for row in pipeline.outputs(rows)]


def _single(answer: Any) -> Any:
    return answer[0] if isinstance(answer, list | tuple) and len(answer) == 1 else answer


def _scores(answers: list[Answer], true: list[int]) -> list[list[float]]:
    # As many scores at each place: of indices 0 and 1, of a probability p [1 - p, p].
    count = max([1, *true, *(k for k in answers if isinstance(k, int))]) + 1
    scores = []
    for answer in answers:
        if isinstance(answer, int):
            scores.append([float(k == answer) for k in range(count)])
        elif isinstance(answer, list):
            scores.append(answer)
        elif 0.0 <= answer <= 1.0:
            scores.append([1.0 - answer, answer])
        else:
            remedy = "give the class index, such as int(score > 0), or the sigmoid of a logit"
            raise wrong(WHO, "a probability from 0 to 1", answer, remedy)
        row = scores[-1]
        if len(row) != len(scores[0]) or len(row) <= max(true) or not all(map(math.isfinite, row)):
            rule = (
                "answers of one kind: indices, probabilities of class 1 of two, or a finite score "
                "for each class"
            )
            remedy = "check the model, and that targets are below the number of its outputs"
            raise wrong(WHO, rule, answer, remedy)
    return scores


def _class(index: SupportsIndex) -> int:
    return class_index(WHO, index, len(MARKERS))


def _plane(
    axes: Any, xs: list[float], ys: list[float], scores: list[list[float]], surface: bool
) -> Any:
    # Each place in the colour of its class, or of its probability; and the borders. The areas
    # between contours are smooth, and the image below fills what is left where three classes meet.
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    def grid(numbers: Iterable[float]) -> list[list[float]]:
        flat = list(numbers)
        return [flat[i : i + len(xs)] for i in range(0, len(flat), len(xs))]

    tints = [_tint(colour) for colour in COLOURS]
    halves = (xs[1] - xs[0]) / 2.0, (ys[1] - ys[0]) / 2.0
    extent = (xs[0] - halves[0], xs[-1] + halves[0], ys[0] - halves[1], ys[-1] + halves[1])
    where = {"extent": extent, "origin": "lower", "aspect": "auto"}
    border = {"colors": INK, "linewidths": 1.0}
    if surface:
        shades = LinearSegmentedColormap.from_list("", [tints[0], "#ffffff", tints[1]])
        values = grid(p for _, p in scores)
        if min(map(min, values)) < 0.5 < max(map(max, values)):
            axes.contour(xs, ys, values, [0.5], **border)
        return axes.imshow(values, shades, interpolation="bilinear", vmin=0.0, vmax=1.0, **where)
    found = [row.index(max(row)) for row in scores]
    ends = {"vmin": -0.5, "vmax": len(tints) - 0.5}
    image = axes.imshow(
        grid(found), ListedColormap(tints), interpolation="nearest", **ends, **where
    )
    for k in sorted(set(found)) if len(set(found)) > 1 else ():
        margins = grid(_margin(row, k) for row in scores)
        axes.contourf(xs, ys, margins, [0.0, max(map(max, margins)) + 1.0], colors=[tints[k]])
        axes.contour(xs, ys, margins, [0.0], **border)
    return image


def _margin(row: list[float], k: int) -> float:
    # How far class k is ahead: above 0 where it is the class, the first of equal ones, else below.
    ahead = row[k] - max(row[:k] + row[k + 1 :])
    return ahead or (TINY if row.index(max(row)) == k else -TINY)


def _tint(colour: str) -> str:
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(0.4 * part + 0.6 * 255):02x}" for part in parts)
