"""Draw a network as everyone knows it: columns of circles, and a line for each weight.

>>> model = MLP(3, [4, 2], seed=6)
>>> columns = columns_of(model, [1.0, -0.5, 2.0])
>>> for column in columns:
...     print(" ".join(f"{v:.3f}" for v in column))
1.000 -0.500 2.000
0.205 0.674 0.000 1.975
0.697 -0.980
>>> draw_network(model, columns).source.count("->")
20

`microgradnet.draw` and `render` take a model too, and draw it so.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from microgradnet.engine import Value, as_value
from microgradnet.nn import MLP, Layer, Module, Neuron
from microgradnet.operations import NOT_COMPUTED, Operand

COLUMNS = [("input", "#f8cecc"), ("hidden", "#dae8fc"), ("output", "#d5e8d4")]  # red, blue, green
POSITIVE, NEGATIVE, NOTHING = "#b2182b", "#2166ac", "#bbbbbb"  # the colours of a line
CIRCLES, LINES = 16, 3000  # at most: of a column, where there are more, the first and the last
APART, ABOVE = 2.6, 1.1  # inches between columns, at least, and between the circles of one
FLAT = 0.5  # of the height is between columns: there no line runs over a circle
LONGEST = 6  # characters of a number in a circle, or they are smaller
FEW = 100  # lines are thick, and have arrowheads; more would hide each other


def draw_network(
    model: Module, columns: Sequence[Sequence[Operand]] = (), gradients: bool = False,
    into: Any = None,
) -> Any:  # fmt: skip
    """Return an MLP, a Layer or a Neuron as a graphviz.Digraph: a circle a unit, a line a weight.

    A line is as wide as its weight is large, red above 0 and blue below. `columns` are lists of
    Values, those of the inputs and of each layer, as far as they are known: they stand in the
    circles. With `gradients` circles and lines have the gradients of their Values, and are empty,
    or thin and grey, where none has arrived. Of a column of more than 16 the first 8 and the last 8
    are drawn. It is drawn `into` a Digraph where one is given.

    TypeError for another Module; ValueError where columns do not fit, or for more than 3000 lines.
    """
    layers = _layers(model)
    sizes = [len(layers[0][0].w), *map(len, layers)]
    known = [[as_value(v) for v in column] for column in columns]
    found = [len(column) for column in known]
    if found != sizes[: len(found)]:
        rule = f"columns of the sizes {sizes}, or the first of them"
        raise ValueError(f"draw_network() takes {rule}, not {found}; see columns_of()")
    rows = [_rows(size) for size in sizes]
    lines = {
        (f"{c}.{i}", f"{c + 1}.{k}"): _number(layers[c][k].w[i], gradients)
        for c in range(len(layers))
        for k in rows[c + 1]
        for i in rows[c]
        if i is not None and k is not None
    }
    if len(lines) > LINES:
        raise ValueError(
            f"draw_network() draws at most {LINES} lines, and of {model!r} there are {len(lines)}; "
            "draw some of its layers, such as model.layers[0]"
        )

    if into is None:
        import graphviz

        into = graphviz.Digraph("network")
    into.attr(
        layout="neato", splines="line", bgcolor="white", size="16,9", outputorder="edgesfirst"
    )
    into.attr("node", shape="circle", style="filled", fixedsize="true", width="0.8")
    into.attr("node", fontname="Arial", fontsize="13")
    height = max(map(len, rows)) * ABOVE
    for c, (size, places) in enumerate(zip(sizes, rows, strict=True)):
        x = c * max(APART, FLAT * height)
        title, fill = COLUMNS[(c > 0) + (c == len(layers))]
        _text(into, f"title {c}", title, x, height / 2 + 0.3)
        for row, k in enumerate(places):
            y = ((len(places) - 1) / 2 - row) * ABOVE
            if k is None:
                _text(into, f"more {c}", f"...\n{size - CIRCLES} more", x, y)
            else:
                n = _number(known[c][k], gradients) if c < len(known) else None
                _circle(into, f"{c}.{k}", n, x, y, fill)
    _lines(into, lines)
    return into


def columns_of(model: Module, x: Sequence[Operand]) -> list[list[Value]]:
    """Return the Values of the columns for an input: of the input itself, and of each layer.

    They are what `model(x)` is computed from. ValueError where the input has another size.
    """
    layers = _layers(model)
    size = len(layers[0][0].w)
    if len(x) != size:
        raise ValueError(f"{model!r} takes {size} inputs, not {len(x)}; give a number for each")
    columns = [[as_value(operand) for operand in x]]
    for neurons in layers:
        columns.append([neuron(columns[-1]) for neuron in neurons])
    return columns


def _layers(model: Module) -> list[list[Neuron]]:
    match model:
        case MLP():
            return [layer.neurons for layer in model.layers]
        case Layer():
            return [model.neurons]
        case Neuron():
            return [[model]]
    parts = [name for name, part in vars(model).items() if isinstance(part, MLP | Layer | Neuron)]
    remedy = f"draw its {parts[0]}" if parts else "draw a result of it, which is a Value"
    raise TypeError(f"an MLP, a Layer or a Neuron has a picture, but not {model!r}; {remedy}")


def _rows(size: int) -> list[int | None]:
    # The units that are drawn, from above; None is what stands for those between.
    if size <= CIRCLES:
        return list(range(size))
    half = CIRCLES // 2
    return [*range(half), None, *range(size - half, size)]


def _number(v: Value, gradients: bool) -> float | None:
    # What a circle or a line shows of a Value: None where no gradient has arrived.
    return v.data if not gradients else None if v.grad is NOT_COMPUTED else v.grad


def _text(digraph: Any, key: str, text: str, x: float, y: float) -> None:
    digraph.node(key, text, pos=f"{x:.2f},{y:.2f}!", shape="plaintext", style="", width="1")


def _circle(digraph: Any, key: str, n: float | None, x: float, y: float, fill: str) -> None:
    text = "" if n is None else f"{n:z.3g}"
    more = {} if n is None else {"tooltip": repr(n)}
    if len(text) > LONGEST:
        more["fontsize"] = "9"
    digraph.node(key, text, pos=f"{x:.2f},{y:.2f}!", fillcolor=fill, **more)


def _lines(digraph: Any, lines: Mapping[tuple[str, str], float | None]) -> None:
    few = len(lines) <= FEW
    digraph.attr("edge", arrowsize="0.6", arrowhead="normal" if few else "none")
    largest = max((abs(n) for n in lines.values() if n and math.isfinite(n)), default=1.0)
    for (tail, head), n in lines.items():
        told = "not computed" if n is None else repr(n)
        n = n or 0.0
        colour = POSITIVE if n > 0.0 else NEGATIVE if n < 0.0 else NOTHING
        width = 0.5 + (3.5 if few else 2.0) * min(1.0, abs(n) / largest)
        digraph.edge(tail, head, color=colour, penwidth=f"{width:.2f}", tooltip=told)
