"""Collapse a graph for drawing: one table for each call of a neuron, or of a layer.

>>> from microgradnet import nn
>>> from microgradnet.engine import topological_order
>>> output = nn.MLP(2, [3, 1], seed=0)([1.0, 2.0])
>>> plan = planned(topological_order(output), "neuron")
>>> [box.title for box in plan.boxes if isinstance(box, Table)][-1], len(plan.boxes)
('layers.0.neurons.2', 6)
"""

from collections import Counter
from typing import NamedTuple, TypeAlias

from microgradnet.engine import Value

CARDS = 150  # with more Values than this, neurons and then layers are drawn as tables


class Table:
    """One call of a neuron or a layer: its parameters are rows, its other results are counted."""

    def __init__(self, title: str) -> None:
        self.title, self.ops = title, 0
        self.rows: dict[Value, str] = {}
        self.inputs: dict[Value, None] = {}
        self.outputs: dict[Value, None] = {}


Box: TypeAlias = Value | Table


class Plan(NamedTuple):
    """The Values of a graph in topological order, the tables that hide some, and what is drawn."""

    values: list[Value]
    home: dict[Value, Table]
    boxes: list[Box]


def planned(values: list[Value], collapse: str | None) -> Plan:
    """Return what is drawn of Values in topological order: see `drawing.draw` for `collapse`."""
    home = {} if collapse is None and len(values) <= CARDS else _neurons(values)
    plan = _placed(values, home)
    if home and (collapse == "layer" or (collapse is None and len(plan.boxes) > CARDS)):
        return _placed(values, _layers(home))
    return plan


def _placed(values: list[Value], home: dict[Value, Table]) -> Plan:
    # A parameter that is used outside its neuron too, as in a penalty, is a row and a card. A
    # hidden result that is used outside is an output.
    used = {values[-1]}
    if values[-1] in home:
        home[values[-1]].outputs[values[-1]] = None
    for z in values:
        table = home.get(z)
        for v in z.args:
            if table is None or v not in table.rows:
                used.add(v)
            if v in home and home[v] is not table:
                home[v].outputs[v] = None
    return Plan(values, home, list(dict.fromkeys(home.get(v, v) for v in values if v in used)))


def _neurons(values: list[Value]) -> dict[Value, Table]:
    """Return the table of each Value that one hides: a table for each call of a neuron.

    A result `layers.0.neurons.2` over leaves `layers.0.neurons.2.w.0`, ... is such a call. What the
    parameters go into is hidden, up to that result; what they are multiplied by is an input.
    """
    results = {z.label for z in values if z.rule and z.label}
    parameters = {v: scope for v in values if not v.rule and (scope := _scope(v.label, results))}
    scopes, owner = set(parameters.values()), dict(parameters)
    if not scopes:
        return {}
    for z in values:
        if z.label not in scopes:
            operands = sorted(z.args, key=lambda v: v not in parameters)
            if scope := next((owner[v] for v in operands if v in owner), ""):
                owner[z] = scope
    home: dict[Value, Table] = {}
    place = {v: i for i, v in enumerate(values)}
    for output in values:
        if output.label not in scopes or output.label not in map(owner.get, output.args):
            continue
        table = home[output] = Table(output.label)
        todo = [output]
        while todo:
            z = todo.pop()
            table.ops += 1
            for v in z.args:
                if owner.get(v) != output.label:
                    # A number such as the slope of leaky_relu is hidden too.
                    if v.rule or v.label or z.op == "*":
                        table.inputs[v] = None
                    else:
                        home[v] = table
                elif v in parameters:
                    table.rows[v] = v.label[len(output.label) + 1 :]
                elif v not in home:
                    home[v] = table
                    todo.append(v)
        table.rows = {v: table.rows[v] for v in sorted(table.rows, key=place.__getitem__)}
    return home


def _scope(label: str, results: set[str]) -> str:
    while label := label.rpartition(".")[0]:
        if label in results:
            break
    return label


def _layers(home: dict[Value, Table]) -> dict[Value, Table]:
    """Return the same with one table for the neurons of a layer that have the same inputs."""
    layers: dict[object, Table] = {}
    merged: dict[Table, Table] = {}
    calls: Counter[object] = Counter()
    for neuron in dict.fromkeys(home.values()):
        title, found, _ = neuron.title.rpartition(".neurons.")
        title = title or neuron.title
        call = neuron.title, frozenset(neuron.inputs)
        calls[call] += 1
        key = (title, call[1], calls[call]) if found else neuron
        table = merged[neuron] = layers.setdefault(key, Table(title))
        table.ops += neuron.ops
        short = len(title + found) if found else len(title) + 1
        table.rows |= {v: v.label[short:] for v in neuron.rows}
    return {v: merged[table] for v, table in home.items()}
