"""Draw a computation graph, its numbers, gradients and local derivatives; or a model's network.

>>> from microgradnet.engine import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> [line.split()[:4] for line in draw(y).source.splitlines() if "->" in line]
[['n0', '->', 'n1', '[label=3'], ['n0', '->', 'n1', '[label=3']]

`render(y, "y.svg")` writes the picture, and a notebook shows it for `y` by itself. The same graph
gives the same DOT text; only `run`, at the end, starts a program: Graphviz' `dot`, or its stand-in
`graphviz-pure`.
"""

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradnet.collapsing import Box, Plan, Table, planned
from microgradnet.engine import Value, topological_order
from microgradnet.errors import explained, printable, show, wrong
from microgradnet.naming import digits, named
from microgradnet.networks import columns_of, draw_network
from microgradnet.nn import Module
from microgradnet.operations import NOT_COMPUTED, Operand

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1500  # nodes in a picture: nobody can read more, and dot may need minutes
QUICK = "-Gnslimit=5"  # a Value that is used 140 times is drawn in 8 s instead of 100
PATIENCE = 120.0  # seconds: a hundred Values, each used here and there, may take dot minutes
SHOWN, SECONDS = 500, 5.0  # nodes and time in a notebook, which draws without being asked
ROWS, OUTPUTS = 12, 4  # in a table: what is more becomes one row
LONGEST = 32  # characters of a label in the picture; the tooltip has them all

BLUE, RED = (33, 102, 172), (178, 24, 43)  # a negative gradient, a positive one
GREY, PALE, AMBER = "#757575", "#f7f7f7", "#ffd966"
INPUT, PARAMETER, SCOPE = "#dbe9f6", "#d9ead3", "#fff2cc"
SIGNS = {"*": "×", "-": "−", "neg": "−"}  # noqa: RUF001
FRAME = 'BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="#555555"'


def draw(
    v: Value | Module, derivatives: bool = True, collapse: str | None = None,
    names: Mapping[str, object] | None = None, x: Sequence[Operand] | None = None,
) -> Any:  # fmt: skip
    """Return the graph below a Value as a graphviz.Digraph; its `source` is the DOT text.

    A Value is a card: name and operation over data and gradient, "grad ·" before any backward().
    Red is a positive gradient, blue a negative one. On an edge stands the local derivative, unless
    `derivatives` is false; its colour and width are the gradient that flows.

    `collapse="neuron"` makes one table of each call of a neuron, `"layer"` of each call of a layer;
    None does so where there are more than 150 cards. `names=locals()` names the Values without a
    label by the variables that hold them. ValueError for more than 1500 nodes.

    An MLP, a Layer or a Neuron is drawn as columns of circles, with a line for each weight, by
    `networks.draw_network`; of an input `x` the circles have the numbers.
    """
    if isinstance(v, Module):
        if not derivatives or collapse or names:
            rule = f"draw() takes x alone beside {v!r}, not derivatives, collapse or names"
            raise TypeError(f"{rule}; draw a result of it for these")
        columns = [] if x is None else columns_of(v, x)
        return draw_network(v, columns, into=_digraph_class()("microgradnet"))
    if not isinstance(v, Value):
        raise wrong("draw()", "a Value or an MLP", v, "pass a result, such as a loss", TypeError)
    if x is not None:
        raise TypeError(f"x is the input of a model, and beside {v!r} there is none; leave it out")
    if collapse not in (None, "neuron", "layer"):
        raise ValueError(f"collapse is None, 'neuron' or 'layer', not {show(collapse)}; take one")
    plan = planned(topological_order(v), collapse)
    if len(plan.boxes) > LIMIT:
        remedy = " or pass collapse='layer'" if collapse == "neuron" else ""
        raise ValueError(
            f"draw() draws at most {LIMIT} nodes, and this graph has {len(plan.boxes)}; "
            f"draw a part of it, such as one example{remedy}"
        )
    return _digraph(plan, derivatives, named(names or {}))


# ---- DOT text ----------------------------------------------------------------------------------


class Edge(NamedTuple):
    """An arrow: between which nodes, its own id, the gradient that flows, its texts."""

    tail: Box
    head: Box
    key: str
    flow: float
    label: str
    tooltip: str


def _digraph(plan: Plan, derivatives: bool, names: dict[Value, str]) -> Any:
    fonts = {"fontname": "Arial", "fontsize": "12"}
    digraph = _digraph_class()(
        "microgradnet",
        graph_attr={"rankdir": "LR", "bgcolor": "white", "ranksep": "0.6", "nodesep": "0.2"},
        node_attr={"shape": "plain", **fonts},
        edge_attr={**fonts, "fontsize": "10", "arrowsize": "0.7"},
    )
    ids = {box: f"n{i}" for i, box in enumerate(plan.boxes)}
    # Colours and widths are full at the largest gradient of an input, a parameter or a neuron: that
    # of a loss is 1, and beside it all of a trained network would be white.
    near = [v for box in ids if isinstance(box, Table) for v in [*box.rows, *box.outputs]]
    near += [v for v in ids if isinstance(v, Value) and not v.rule and (v.label or v in names)]
    scale = largest(v.grad for v in near) or largest(v.grad for v in plan.values)
    for box, key in ids.items():
        drawn = _table(box, names, scale) if isinstance(box, Table) else _card(box, names, scale)
        label, shown = drawn
        tooltip = "&#10;".join(_exact(v, names) for v in shown)
        digraph.node(key, label, id=key, tooltip=tooltip)
    edges = _edges(plan, ids)
    ends = {plan.home.get(v, v) for v in near}
    widest = largest(e.flow for e in edges if e.tail in ends) or largest(e.flow for e in edges)
    for edge in edges:
        colour, width = GREY, 1.0
        if edge.flow and math.isfinite(edge.flow):
            colour = _hex(RED if edge.flow > 0.0 else BLUE)
            width += 2.0 * min(1.0, abs(edge.flow) / widest)
        digraph.edge(
            ids[edge.tail], ids[edge.head], edge.label if derivatives and edge.label else None,
            id=edge.key, color=colour, penwidth=f"{width:.2f}", tooltip=edge.tooltip,
            labeltooltip=edge.tooltip,
        )  # fmt: skip
    return digraph


@cache
def _digraph_class() -> Any:
    import graphviz

    class Digraph(graphviz.Digraph):  # type: ignore[misc]
        """A graphviz.Digraph that a notebook shows by graphviz-pure too, or else as its text."""

        def _repr_mimebundle_(self, *_: object, **__: object) -> dict[str, str]:
            return _bundle(self.source, self.source)

    return Digraph


def _edges(plan: Plan, ids: dict[Box, str]) -> list[Edge]:
    # One for each operand of a card; one for each node that goes into a table, with the sum.
    edges: dict[str, Edge] = {}
    for z in plan.values:
        head = plan.home.get(z, z)
        for i, v in enumerate(z.args):
            tail = plan.home.get(v, v)
            if tail is head or (isinstance(head, Table) and v in head.rows):
                continue
            label, flow = _local(z, i)
            key, tooltip = f"{ids[head]}-{'xy'[i]}", "a constant: no gradient flows"
            if isinstance(head, Table):
                key, label, tooltip = f"{ids[tail]}-{ids[head]}", "", "all uses"
                flow += edges[key].flow if key in edges else 0.0
            elif label:
                tooltip = f"local derivative {label}"
            if z.grad is not NOT_COMPUTED and (label or isinstance(head, Table)):
                tooltip += f", gradient that flows {flow!r}"
            edges[key] = Edge(tail, head, key, flow, label, tooltip)
    return list(edges.values())


def _local(z: Value, i: int) -> tuple[str, float]:
    # The local derivative by an operand, "" by a constant such as n in x ** n; and what flows.
    try:
        found = z.rule.local(z, i) if z.rule else None
    except (ArithmeticError, ValueError):
        return "undefined", 0.0
    if found is None:
        return "", 0.0
    local, closed = found
    # In the middle of a walk nothing has flowed yet to an operand without a gradient.
    still = closed or z.args[i].grad is NOT_COMPUTED
    return digits(local), 0.0 if still else z.grad * local


def _card(v: Value, names: Mapping[Value, str], scale: float) -> tuple[str, list[Value]]:
    """Return a Value as an HTML-like label: name and operation over data and gradient."""
    name, op = v.label or names.get(v, ""), _text(SIGNS.get(v.op, v.op))
    numbers = _cell(digits(v.data)) + _gradient([v], scale)
    if not name and not v.rule:
        constant = _cell(digits(v.data), PALE)
        return _html(constant + _gradient([v], scale) if v.grad else constant), [v]
    title = f"<B>{_text(name, LONGEST)}</B>" if name else op
    if name and v.rule:
        title += " " + _font(f"= {op}", GREY)
    return _html(_cell(title, "white" if v.rule else leaf_colour(name), 2), numbers), [v]


def _table(table: Table, names: Mapping[Value, str], scale: float) -> tuple[str, list[Value]]:
    """Return a table as an HTML-like label: parameters and outputs, with their gradients."""
    title = f"<B>{_text(table.title, LONGEST)}</B>  {_font(f'{table.ops} ops', GREY)}"
    lines, shown = [_cell(title, SCOPE, 2)], []
    for values, colour, whole, rest in (
        (list(table.rows), PARAMETER, ROWS, "… {} more"),
        (list(table.outputs), "white", OUTPUTS * (len(table.outputs) <= OUTPUTS), "{} outputs"),
    ):
        shown += values[:whole]
        for v in values[:whole]:
            inside = v.label.removeprefix(table.title).removeprefix(".neurons.")
            name = f"out {inside}" if inside != v.label else v.label or names.get(v) or v.op
            text = f"{_text(table.rows.get(v, name).strip(), LONGEST)} {digits(v.data)}"
            lines.append(_cell(text, colour, align="LEFT") + _gradient([v], scale))
        if more := values[whole:]:
            text = _cell(rest.format(len(more)), colour, align="LEFT")
            lines.append(text + _gradient(more, scale, "max |grad|"))
    return _html(*lines), shown


def _gradient(values: Sequence[Value], scale: float, word: str = "grad") -> str:
    """Return a cell with the largest gradient, coloured by its sign and its share of a scale."""
    grads = [v.grad for v in values if v.grad is not NOT_COMPUTED]
    if not grads:
        return _cell(_font(f"{word} ·", GREY))
    grad = max(grads, key=lambda grad: (grad != grad, abs(grad)))
    text = f"{word} {digits(grad if word == 'grad' else abs(grad))}"
    if not grad or not math.isfinite(grad):
        return _cell(text, AMBER if grad else PALE)
    share = depth(grad, scale)
    mixed = [round(255 + (part - 255) * share) for part in (RED if grad > 0.0 else BLUE)]
    light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]  # luma, ITU-R BT.601
    return _cell(_font(text, "white") if light < 140 else text, _hex(mixed))


def leaf_colour(name: str) -> str:
    """Return the colour of an input, or of a parameter: that is w, b1, layers.0.neurons.2.w.1."""
    stem = name.rstrip("0123456789.[]_").rpartition(".")[2].lower()
    return PARAMETER if stem in ("w", "b", "weight", "weights", "bias", "biases") else INPUT


def depth(grad: float, scale: float) -> float:
    """Return how much of its colour a gradient's cell has, so that the smallest is not white."""
    return 0.05 + 0.7 * math.sqrt(min(1.0, abs(grad) / scale))


def _cell(text: str, colour: str = "white", span: int = 1, align: str = "CENTER") -> str:
    return f'<TD ALIGN="{align}" BGCOLOR="{colour}" COLSPAN="{span}">{text}</TD>'


def _html(*rows: str) -> str:
    return f"<<TABLE {FRAME}>{''.join(f'<TR>{cells}</TR>' for cells in rows)}</TABLE>>"


def _font(text: str, colour: str) -> str:
    return f'<FONT COLOR="{colour}">{text}</FONT>'


def _hex(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def largest(numbers: Iterable[float]) -> float:
    """Return the largest of some numbers by size, 0 where none is finite."""
    return max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)


def _exact(v: Value, names: Mapping[Value, str]) -> str:
    grad = "not computed: call backward()" if v.grad is NOT_COMPUTED else repr(v.grad)
    name = v.label or names.get(v) or v.op or "constant"
    return _text(f"{name} = {v.data!r}, grad {grad}", escapes=2)


def _text(text: str, longest: int = 10_000, escapes: int = 1) -> str:
    r"""Return a text in the form that DOT shows as that text, in an HTML-like label.

    Control characters are shown as in Python. Graphviz replaces \N and its kin, in labels once and
    in tooltips twice.

    >>> print(_text("<b>"), _text("a\n"), _text("a long label", longest=6))
    &lt;b&gt; a&#92;&#92;n a lon…
    """
    from html import escape

    text = printable(text)
    text = text[: longest - 1] + "…" if len(text) > longest else text
    return escape(text).replace("\\", "&#92;" * 2**escapes)


# ---- the executable ----------------------------------------------------------------------------


@explained
def render(v: Value | Module, filename: str | os.PathLike[str], **options: Any) -> "Path":
    """Write the picture of a graph or a model, in the format of a suffix; return the file's path.

    `options` are those of `draw`. ".dot" and ".gv" are its text; ".svg", ".png", ".pdf" and the
    others that Graphviz knows need its executable: RuntimeError where that is missing, or fails.
    ValueError for a suffix that it does not know. A file that is there stays as it was until the
    picture is whole.
    """
    from pathlib import Path

    path = Path(filename)
    kind = path.suffix[1:].lower()
    if not kind:
        raise wrong("render()", "the format from the suffix", str(path), "add .svg, .png or .dot")
    if path.is_dir():
        rule, remedy = "the name of a file to write", "that is a folder; choose another name"
        raise wrong("render()", rule, str(path), remedy, IsADirectoryError)
    check_parent("render()", path)
    source = draw(v, **options).source
    picture = source.encode() if kind in ("dot", "gv") else run(source, kind)
    put(path, picture)
    return path


def check_parent(what: str, path: "Path") -> None:
    """Raise FileNotFoundError where the folder that a file is to lie in is missing."""
    if not path.parent.is_dir():
        rule = "a path in a folder that is there"
        raise wrong(what, rule, str(path.parent), "make it first", FileNotFoundError)


def put(path: "Path", data: bytes) -> None:
    """Write a file; one that is there stays as it was until the new one is whole.

    It keeps its permissions; of a symbolic link, it is the file that this leads to. What is no
    file, such as a pipe, is written to. OSError, with the path, where nothing can be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = type(path)(os.path.realpath(path))
    part = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        part.write_bytes(data)
        if path.exists():
            with path.open("r+b"):  # an error where it is write-protected: its folder may not be
                part.chmod(path.stat().st_mode)
        part.replace(path)
    except OSError as error:
        if error.errno:
            error.filename = str(path)  # not that of the part
        raise
    finally:
        with suppress(OSError):  # it was not made, or has its name by now
            part.unlink()


def mimebundle(v: Value) -> dict[str, str]:
    """Return what a notebook shows for a Value: its repr, and its graph where that can be drawn."""
    try:
        plan = planned(topological_order(v), None)
        if len(plan.boxes) <= SHOWN:
            return _bundle(_digraph(plan, True, {}).source, repr(v))
    except Exception:  # whatever is in the graph, to show it must not fail
        pass
    return {"text/plain": repr(v)}


def _bundle(source: str, text: str) -> dict[str, str]:
    from subprocess import SubprocessError

    try:
        return {"image/svg+xml": run(source, "svg", SECONDS).decode(), "text/plain": text}
    except (RuntimeError, OSError, SubprocessError):
        return {"text/plain": text}


def executable() -> str:
    """Return the path of Graphviz' dot, else of graphviz-pure; RuntimeError where neither is."""
    import shutil
    import sysconfig

    user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))
    folders = [os.path.dirname(sys.executable or ""), sysconfig.get_path("scripts"), user]
    beside = os.pathsep.join(filter(None, folders))
    found = shutil.which("dot") or shutil.which("graphviz-pure")
    found = found or shutil.which("graphviz-pure", path=beside)
    if not found:
        raise RuntimeError(
            "a picture takes Graphviz' dot, and there is none on PATH; install Graphviz by apt, "
            'brew or winget, or run pip install "microgradnet[dot]"; a .dot file needs neither'
        )
    return found


def run(source: str, kind: str, seconds: float = PATIENCE) -> bytes:
    """Return the picture of a DOT text in one of Graphviz' formats; RuntimeError where it fails.

    So it does where it takes longer than some seconds; ValueError for a format that it does not
    know.
    """
    import subprocess

    command = [executable(), f"-T{kind}"]
    try:
        done = subprocess.run(
            [*command, QUICK], input=source.encode(), capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        rule = f"{' '.join(command)} draws no picture in {seconds:.0f} s"
        raise RuntimeError(f"{rule}; draw a part of it, or take .dot") from None
    if done.returncode or not done.stdout:
        message = printable(" ".join(done.stderr.decode(errors="replace").split()))
        if "not recognized" in message:
            raise ValueError(f"Graphviz draws no format {kind!r}; try .svg or .png")
        raise RuntimeError(f"{' '.join(command)} draws no picture: {message}; try .svg or .png")
    return done.stdout
