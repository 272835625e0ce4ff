"""Draw a computation graph: the numbers and gradients in it, the local derivatives on its edges.

>>> from microgradnet.engine import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> [line.strip() for line in draw(y).source.splitlines() if "->" in line]  # doctest: +ELLIPSIS
['n0 -> n1 [label=3 color="#b2182b" id="n1-x" ...]', 'n0 -> n1 [label=3 color=... id="n1-y" ...]']

`render(y, "y.svg")` writes the picture. Everything up to the last section makes text, the same text
for the same graph; only `run` starts a program, Graphviz' `dot` or its stand-in `graphviz-pure`.
"""

import html
import math
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from microgradnet.engine import Value, topological_order
from microgradnet.operations import NOT_COMPUTED

CARDS = 150  # above this many Values, neurons and layers are drawn as tables
LIMIT = 1500  # above this many drawn nodes, nobody can read the picture and dot needs minutes
SHOWN = 500  # the same for a notebook, which draws without being asked
ROWS, OUTPUTS = 12, 4  # in a table; what is more becomes one row
LONGEST = 32  # characters of a label in the picture; all of it is in the tooltip

BLUE, RED = (33, 102, 172), (178, 24, 43)  # a negative gradient, a positive one
GREY, PALE, AMBER = "#8a8a8a", "#f7f7f7", "#ffd966"
INPUT, PARAMETER, SCOPE = "#dbe9f6", "#d9ead3", "#fff2cc"
SIGNS = {"*": "×", "-": "−", "neg": "−"}  # noqa: RUF001
PARAMETER_NAME = re.compile(r"(.*\.)?(w|b|weight|bias)(s|es)?_?\d*(\.\d+|\[\d+\])*", re.I | re.S)


def draw(
    v: Value, derivatives: bool = True, collapse: str | None = None,
    names: Mapping[str, object] | None = None,
) -> Any:  # fmt: skip
    """Return the graph below a Value as a graphviz.Digraph; its `source` is the DOT text.

    A Value is a card: its name and operation, data and gradient. `collapse="neuron"` makes one
    table of each call of a neuron, `"layer"` of each call of a layer; None does so as soon as there
    are more than 150 cards. Red is a positive gradient, blue a negative one; on an edge stands the
    local derivative, unless `derivatives` is false, and its width is the gradient that flows.
    `names=locals()` names the Values without a label by the variables that hold them. ValueError
    for more than 1,500 nodes.
    """
    if not isinstance(v, Value):
        raise TypeError(f"draw() takes a Value, not {v!r}; pass a result, such as a loss")
    if collapse not in (None, "neuron", "layer"):
        raise ValueError(f"collapse is None, 'neuron' or 'layer', not {collapse!r}; choose one")
    plan = _plan(topological_order(v), collapse)
    if len(plan.boxes) > LIMIT:
        remedy = "draw a part of it, such as one example"
        remedy += "" if collapse is None or collapse == "layer" else ", or pass collapse='layer'"
        raise ValueError(
            f"draw() draws at most {LIMIT} nodes, and this graph has {len(plan.boxes)}; {remedy}"
        )
    return _digraph(plan, derivatives, named(names or {}))


def named(names: Mapping[str, object]) -> dict[Value, str]:
    """Return Value -> name, from name -> object such as locals(); the first name wins.

    Values in lists, tuples and dicts are named by their place; names with a leading `_` are not
    used.

    >>> x = [Value(1.0), Value(2.0)]
    >>> list(named({"x": x, "again": x[1], "d": {"k": Value(3.0)}}).values())
    ['x[0]', 'x[1]', "d['k']"]
    """
    if not isinstance(names, Mapping):
        raise TypeError(f"names takes a mapping such as locals(), not {names!r}; try locals()")
    found: dict[Value, str] = {}
    # A container that a private name holds too is skipped: a notebook's Out is also its _oh.
    seen = {id(item) for name, item in names.items() if name.startswith("_")}
    todo = [(name, item) for name, item in names.items() if not name.startswith("_")][::-1]
    while todo:
        name, item = todo.pop()
        if isinstance(item, Value):
            found.setdefault(item, name)
        elif isinstance(item, list | tuple | dict) and id(item) not in seen:
            seen.add(id(item))
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            todo += [(f"{name}[{key!r}]", part) for key, part in pairs][::-1]
    return found


# ---- what is drawn: a card for a Value, a table for the Values of a neuron or a layer ----------


@dataclass(eq=False)
class Table:
    """One call of a neuron, or of a layer: its parameters are rows, what it hides is counted."""

    title: str
    rows: dict[Value, str] = field(default_factory=dict)
    members: list[Value] = field(default_factory=list)
    inputs: dict[Value, None] = field(default_factory=dict)
    outputs: dict[Value, None] = field(default_factory=dict)


Box: TypeAlias = Value | Table


class Plan(NamedTuple):
    """The Values of a graph in topological order, and the box that each is drawn in."""

    values: list[Value]
    home: dict[Value, Table]
    boxes: list[Box]


def _plan(values: list[Value], collapse: str | None) -> Plan:
    if collapse is None and len(values) <= CARDS:
        return _placed(values, [])
    neurons = _neurons(values)
    plan = _placed(values, neurons)
    if collapse == "layer" or (collapse is None and neurons and len(plan.boxes) > CARDS):
        return _placed(values, _layers(neurons))
    return plan


def _placed(values: list[Value], tables: list[Table]) -> Plan:
    # A parameter that is also used outside its neuron, as in a penalty, has a card as well.
    home = {v: table for table in tables for v in table.members}
    root = values[-1]
    outside = {root: None}
    for table in tables:
        table.outputs.clear()
    for z in values:
        for v in z.args:
            if z not in home or v not in home[z].rows:
                outside[v] = None
                if v in home and home[v] is not home.get(z):
                    home[v].outputs[v] = None
    if root in home:
        home[root].outputs[root] = None
    boxes: dict[Box, None] = {home.get(v, v): None for v in values if v in outside or v in home}
    return Plan(values, home, list(boxes))


def _neurons(values: list[Value]) -> list[Table]:
    """Return a table for each Value that is labelled as the parameters below it begin.

    A result labelled `layers.0.neurons.2` over the leaves `layers.0.neurons.2.w.0`, ... `.b`.
    """
    results = {z.label for z in values if z.rule and z.label}
    owner = {v: _scope(v.label, results) for v in values if not v.rule and "." in v.label}
    owner = {v: scope for v, scope in owner.items() if scope}
    scopes = set(owner.values())
    if not scopes:
        return []
    weights = set(owner)
    uses = defaultdict(list)
    for z in values:  # what a parameter goes into belongs to its neuron, up to the neuron's output
        for v in z.args:
            uses[v].append(z)
        if z.rule and z.label not in scopes:
            operands = sorted(z.args, key=lambda v: v not in weights)
            scope = next((owner[v] for v in operands if v in owner), "")
            if scope:
                owner[z] = scope
    tables: list[Table] = []
    home: dict[Value, Table] = {}
    for z in values:
        if z.label not in scopes or not any(owner.get(v) == z.label for v in z.args):
            continue
        table = Table(z.label)
        tables.append(table)
        home[z] = table
        todo = [z]
        while todo:
            v = todo.pop()
            table.members.append(v)
            for operand in v.args:
                mine = owner.get(operand) == z.label
                if mine and operand in weights:
                    table.rows[operand] = operand.label[len(z.label) + 1 :]
                elif mine and operand not in home:
                    home[operand] = table
                    todo.append(operand)
                elif home.get(operand) is not table:
                    table.inputs[operand] = None
        for v in list(table.inputs):  # a constant, as the slope of leaky_relu, is not an input
            constant = not v.rule and not v.label
            if constant and all(home.get(u) is table and not _weighs(u, weights) for u in uses[v]):
                del table.inputs[v]
                table.members.append(v)
    order = {v: i for i, v in enumerate(values)}
    for table in tables:
        table.rows = dict(sorted(table.rows.items(), key=lambda row: order[row[0]]))
    return tables


def _scope(label: str, results: set[str]) -> str:
    while label := label.rpartition(".")[0]:
        if label in results:
            return label
    return ""


def _weighs(z: Value, weights: set[Value]) -> bool:
    return z.op == "*" and any(v in weights for v in z.args)


def _layers(neurons: list[Table]) -> list[Table]:
    """Return the tables of one layer and the same inputs as one table."""
    tables: dict[object, Table] = {}
    calls: Counter[object] = Counter()
    for neuron in neurons:
        title, found, _ = neuron.title.rpartition(".neurons.")
        if not found:
            tables[neuron] = neuron
            continue
        inputs = frozenset(neuron.inputs)
        call = calls[neuron.title, inputs]
        calls[neuron.title, inputs] += 1
        table = tables.setdefault((title, inputs, call), Table(title))
        table.rows |= {v: v.label[len(title + found) :] for v in neuron.rows}
        table.members += neuron.members
    return list(tables.values())


# ---- DOT text ----------------------------------------------------------------------------------


def _digraph(plan: Plan, derivatives: bool, names: dict[Value, str]) -> Any:
    fonts = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "12"}
    digraph = _digraph_class()(
        "microgradnet",
        graph_attr={"rankdir": "LR", "bgcolor": "white", "ranksep": "0.6", "nodesep": "0.2"},
        node_attr={"shape": "plain", **fonts},
        edge_attr={**fonts, "fontsize": "10", "arrowsize": "0.7"},
    )
    ids: dict[Box, str] = {box: f"n{i}" for i, box in enumerate(plan.boxes)}
    grads = [abs(v.grad) for box in plan.boxes for v in _shown(box)]
    scale = max(filter(math.isfinite, grads), default=0.0)
    for box, key in ids.items():
        if isinstance(box, Table):
            label, tooltip = _table(box, scale, names), box.title
        else:
            label, tooltip = _card(box, scale, names), _exact(box, names)
        digraph.node(key, label, id=key, tooltip=_text(tooltip))
    edges = _edges(plan, ids)
    widest = max((abs(edge.flow) for edge in edges if math.isfinite(edge.flow)), default=0.0)
    for edge in edges:
        colour, width = GREY, 1.0
        if edge.flow and math.isfinite(edge.flow):
            colour = _hex(RED if edge.flow > 0 else BLUE)
            width += 3 * abs(edge.flow) / widest
        digraph.edge(
            edge.tail, edge.head, edge.label if derivatives and edge.label else None, id=edge.key,
            color=colour, penwidth=f"{width:.2f}", tooltip=edge.tooltip, labeltooltip=edge.tooltip,
        )  # fmt: skip
    return digraph


@cache
def _digraph_class() -> Any:
    import graphviz

    class Digraph(graphviz.Digraph):  # type: ignore[misc]
        """A graphviz.Digraph that notebooks show by graphviz-pure too, and as text without."""

        def _repr_mimebundle_(self, *_: object, **__: object) -> dict[str, str]:
            return _bundle(self.source, self.source)

    return Digraph


class Edge(NamedTuple):
    tail: str
    head: str
    key: str
    flow: float
    label: str
    tooltip: str


def _edges(plan: Plan, ids: dict[Box, str]) -> list[Edge]:
    # One for each operand of a card, one for each box that goes into a table.
    edges: dict[str, Edge] = {}
    for z in plan.values:
        head = plan.home.get(z, z)
        for i, v in enumerate(z.args):
            tail = plan.home.get(v, v)
            if tail is head or (isinstance(head, Table) and v in head.rows):
                continue
            local = _local(z, i)
            flow = z.grad * local if isinstance(local, float) else 0.0
            if head is z:
                key = f"{ids[head]}-{'xy'[i]}"
                label = _number(local) if isinstance(local, float) else local
                tooltip = f"local derivative {local if label else 'none: a constant'}"
            else:
                key, label, tooltip = f"{ids[tail]}-{ids[head]}", "", "summed over the operands"
                flow += edges[key].flow if key in edges else 0.0
            if z.grad is not NOT_COMPUTED:
                tooltip += f", gradient that flows {flow!r}"
            edges[key] = Edge(ids[tail], ids[head], key, flow, label, tooltip)
    return list(edges.values())


def _local(z: Value, i: int) -> float | str:
    # "" where no gradient flows, as to a constant exponent.
    derivative = z.rule.derivatives[i] if z.rule else None
    if derivative is None:
        return ""
    try:
        return float(derivative(z.data, z.args[0].data, z.args[-1].data))
    except (ArithmeticError, ValueError):
        return "undefined"


def _shown(box: Box) -> list[Value]:
    return [*box.rows, *box.outputs] if isinstance(box, Table) else [box]


def _card(v: Value, scale: float, names: dict[Value, str]) -> str:
    """Return the HTML-like label of a Value: name and operation over data and gradient."""
    name, op = v.label or names.get(v, ""), _grey(_text(SIGNS.get(v.op, v.op)))
    numbers = [_cell(_number(v.data)), _gradient(v.grad, scale)]
    if not name and not v.rule:
        constant = _cell(_number(v.data), PALE)
        return _html([[constant] if v.grad is NOT_COMPUTED else [constant, numbers[1]]])
    title = f"<B>{_text(name, LONGEST)}</B>" if name else op
    if v.rule:
        title += f" {_grey('=')} {op}" if name else ""
        return _html([[_cell(title, span=2)], numbers])
    colour = PARAMETER if PARAMETER_NAME.fullmatch(name) else INPUT
    return _html([[_cell(title, colour, span=2)], numbers])


def _table(table: Table, scale: float, names: dict[Value, str]) -> str:
    """Return the HTML-like label of a table: parameters and outputs with their gradients."""
    ops = sum(v.rule is not None for v in table.members)
    title = f"<B>{_text(table.title, LONGEST)}</B>  {_grey(f'{ops} ops')}"
    lines = [[_cell(title, SCOPE, span=2)]]
    rows, outputs = list(table.rows), list(table.outputs)
    for v in rows[:ROWS]:
        lines.append(_row(v, table.rows[v], PARAMETER, scale))
    if rows[ROWS:]:
        lines.append(_rest(rows[ROWS:], f"… {len(rows) - ROWS} more", PARAMETER, scale))
    if len(outputs) > OUTPUTS:
        lines.append(_rest(outputs, f"{len(outputs)} outputs", "white", scale))
        outputs = []
    for v in outputs:
        inside = v.label.removeprefix(table.title).removeprefix(".neurons.")
        name = f"out {inside}".strip() if inside != v.label else v.label or names.get(v, v.op)
        lines.append(_row(v, name, "white", scale))
    return _html(lines)


def _row(v: Value, name: str, colour: str, scale: float) -> list[str]:
    text = f"{_text(name, LONGEST)} {_number(v.data)}"
    return [_cell(text, colour, align="LEFT"), _gradient(v.grad, scale)]


def _rest(values: list[Value], text: str, colour: str, scale: float) -> list[str]:
    grads = [v.grad for v in values if v.grad is not NOT_COMPUTED]
    largest = max(grads, key=abs, default=NOT_COMPUTED)
    return [_cell(text, colour, align="LEFT"), _gradient(largest, scale, "max |grad|")]


def _gradient(grad: float, scale: float, word: str = "grad") -> str:
    if grad is NOT_COMPUTED:
        return _cell(_grey(f"{word} ·"))
    if not math.isfinite(grad):
        return _cell(f"{word} {_number(grad)}", AMBER)
    # The square root keeps small gradients apart from 0.
    depth = 0.75 * math.sqrt(abs(grad) / scale) if scale else 0.0
    mixed = [round(255 + (part - 255) * depth) for part in (RED if grad > 0 else BLUE)]
    light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]  # ITU-R BT.601
    text = f"{word} {_number(grad)}"
    return _cell(_font(text, "white") if light < 140 else text, _hex(mixed) if depth else PALE)


def _cell(text: str, colour: str = "white", span: int = 1, align: str = "CENTER") -> str:
    return f'<TD ALIGN="{align}" BGCOLOR="{colour}" COLSPAN="{span}">{text}</TD>'


def _html(rows: list[list[str]]) -> str:
    lines = "".join(f"<TR>{''.join(cells)}</TR>" for cells in rows)
    frame = 'BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="#555555"'
    return f"<<TABLE {frame}>{lines}</TABLE>>"


def _grey(text: str) -> str:
    return _font(text, GREY)


def _font(text: str, colour: str) -> str:
    return f'<FONT COLOR="{colour}">{text}</FONT>'


def _hex(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _number(x: float) -> str:
    return f"{x:z.4g}"


def _exact(v: Value, names: dict[Value, str]) -> str:
    name = v.label or names.get(v, "") or v.op or "constant"
    grad = "not computed: call backward()" if v.grad is NOT_COMPUTED else repr(v.grad)
    return f"{name} = {v.data!r}, grad {grad}"


def _text(text: str, longest: int | None = None) -> str:
    r"""Return a text as it shall be seen, in the form that DOT, HTML-like or not, takes as such.

    >>> print(_text("<b>"), _text("a\n"), _text("long label", longest=6))
    &lt;b&gt; a&#92;n long …
    """
    if longest and len(text) > longest:
        text = text[: longest - 1] + "…"
    if not text.isprintable() or not text.strip():
        text = repr(text)[1:-1] if text.strip() else repr(text)
    return html.escape(text).replace("\\", "&#92;")


# ---- the executable ----------------------------------------------------------------------------


def render(v: Value, filename: str | os.PathLike[str], **options: Any) -> Path:
    """Write the picture of a graph to a file, in the format of its suffix; return the path.

    `options` are those of `draw`. ".svg", ".png", ".pdf" and the others that Graphviz knows need
    its executable, ".dot" and ".gv" do not. RuntimeError where it is missing, or fails; the file is
    written only after it has succeeded.
    """
    path = Path(filename)
    kind = path.suffix[1:].lower()
    if not kind:
        raise ValueError(
            f"render() takes the format from the suffix, not {str(path)!r}; add .svg, .png or .dot"
        )
    source = draw(v, **options).source
    path.write_bytes(source.encode() if kind in ("dot", "gv") else run(source, kind))
    return path


def mimebundle(v: Value) -> dict[str, str]:
    """Return what a notebook shows for a Value: its repr, and its graph where that can be drawn."""
    try:
        plan = _plan(topological_order(v), None)
        if len(plan.boxes) <= SHOWN:
            return _bundle(_digraph(plan, True, {}).source, repr(v))
    except Exception:  # a display must not fail
        pass
    return {"text/plain": repr(v)}


def _bundle(source: str, text: str) -> dict[str, str]:
    try:
        return {"image/svg+xml": run(source, "svg", seconds=20.0).decode(), "text/plain": text}
    except (RuntimeError, OSError, subprocess.SubprocessError):
        return {"text/plain": text}


def executable() -> str:
    """Return the path of Graphviz' dot, or else of graphviz-pure; RuntimeError without both."""
    scripts = [
        os.path.dirname(sys.executable),
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    ]
    found = (
        shutil.which("dot")
        or shutil.which("graphviz-pure")
        or shutil.which("graphviz-pure", path=os.pathsep.join(scripts))
    )
    if not found:
        raise RuntimeError(
            "a picture needs Graphviz' dot, and there is none on PATH; run `pip install "
            "microgradnet[dot]`, or install Graphviz (apt, brew or winget install graphviz); "
            "draw(v).source is the DOT text without it"
        )
    return found


def run(source: str, kind: str, seconds: float | None = None) -> bytes:
    """Return a picture of the DOT text in a format of Graphviz; RuntimeError where that fails."""
    command = [executable(), f"-T{kind}"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=seconds)
    if done.returncode or not done.stdout:
        message = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}: {message}")
    return done.stdout
