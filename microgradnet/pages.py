"""Write a page that goes through a graph one step at a time: first forward, then backward.

>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(7.0, label="b")
>>> y = (x * w + b).tanh()
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     page(y, f"{folder}/steps.html", names={"y": y}).path.name
'steps.html'

The file needs no network and no library: open it from disk, project it, send it on. Its numbers are
those of `backward_steps`, and `steps.html#4` opens it at the fourth contribution. Graphviz places
the cards; what stands on them and what is said of a step is written here, and the script in
`stepper.js` shows it.
"""

import json
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from xml.etree import ElementTree

from microgradnet.drawing import (
    BLUE,
    LONGEST,
    PARAMETER,
    RED,
    SIGNS,
    check_parent,
    depth,
    largest,
    leaf_colour,
    put,
    run,
)
from microgradnet.engine import Value
from microgradnet.errors import explained, printable, wrong
from microgradnet.naming import INFIX, bracketed, digits
from microgradnet.stepping import Step, Walk

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1000  # cards: dot takes 1 to 2 s for them, and up to 7 s for 1500
HEIGHT = 680  # pixels of the page in a notebook
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
SVG = "{http://www.w3.org/2000/svg}"
TITLE, NUMBERS, PADDING = 25.0, 23.0, 8.0  # heights of a card's rows, and the space in a cell
LARGE, SMALL = 14.0 * 1.12, 13.0  # sizes of letters in a title, which are bold, and in a number
# Widths of letters by their size: those of DejaVu Sans, the widest of the common fonts.
WIDTHS = dict.fromkeys("iljtfrI.,:;'|!()[]- ", 0.42) | dict.fromkeys("mwMW@%=+…×−", 0.96)  # noqa: RUF001
OTHER = 0.64
INCH = 72.0
GRAPH = """rankdir=LR ranksep=0.5 nodesep=0.22 pad=0.14
node [shape=box fixedsize=true label=""]
edge [fontname=Arial fontsize=12 arrowsize=0.85]"""
COLOURS = {"pos": RED, "neg": BLUE}

WORDS = 9  # where the words stand in what is told of a contribution

Line: TypeAlias = list[str | int]  # what is said: a number stands for the name of that Value


class Page(os.PathLike[str]):
    """A page that was written: its `path`, and in a notebook the page itself."""

    def __init__(self, path: "Path", html: str) -> None:
        self.path, self.html = path, html

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Page({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" width="100%" '
            f'height="{HEIGHT}" frameborder="0" title="backpropagation step by step"></iframe>'
        )


@explained
def page(
    v: Value, filename: str | os.PathLike[str], names: Mapping[str, object] | None = None
) -> Page:
    """Write the graph below a Value as an HTML page to step through; return it as a `Page`.

    `names=locals()` names the Values without a label by the variables that hold them. No `grad` is
    changed, and a file that is there stays as it was until the page is whole. ValueError for more
    than 1000 Values, IsADirectoryError where the name is that of a folder, RuntimeError where
    Graphviz is missing.
    """
    from pathlib import Path

    if not isinstance(v, Value):
        raise wrong("page()", "a Value", v, "pass a result, such as a loss", TypeError)
    path = Path(filename)
    if path.is_dir():  # also for "", which is the folder that one is in
        rule, remedy = "the name of a file to write", "that is a folder; try 'steps.html'"
        raise wrong("page()", rule, os.fspath(filename), remedy, IsADirectoryError)
    check_parent("page()", path)
    walk = Walk(v, names)
    if (count := len(walk.values)) > LIMIT:
        raise ValueError(
            f"page() shows at most {LIMIT} Values, and this graph has {count}; take one example or "
            "a smaller network, or let draw() collapse it"
        )
    html = _html(walk, list(walk.steps(keep=False)))
    put(path, html.encode())
    return Page(path, html)


def _html(walk: Walk, steps: list[Step]) -> str:
    from base64 import b64encode
    from hashlib import sha256
    from importlib.resources import files

    here = files("microgradnet")
    text, style, script = (
        here.joinpath(f"stepper.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    # Nothing runs but the page's own script: not even a label, were one not escaped.
    rules = [POLICY]
    for kind, code in (("style", style), ("script", script)):
        digest = b64encode(sha256(code.encode()).digest()).decode()
        rules.append(f"{kind}-src 'sha256-{digest}'")
        text = text.replace(f"{{{{{kind}}}}}", code)
    data = json.dumps(_told(walk, steps) | _drawn(walk, steps), separators=(",", ":"))
    for c in "<>&":  # the rest is ASCII, in which JSON has nothing else that HTML would read
        data = data.replace(c, f"\\u{ord(c):04x}")
    return text.replace("{{policy}}", "; ".join(rules)).replace("{{data}}", data)


# ---- what is said --------------------------------------------------------------------------------


def _told(walk: Walk, steps: list[Step]) -> dict[str, object]:
    """Return what the script shows, for JSON."""
    name, values = walk.names, walk.values
    place = {v: i for i, v in enumerate(values)}
    # Colours and widths are full at the largest of an input or a parameter, as in `draw`.
    final = {walk.root: 1.0} | {step.operand: step.after for step in steps}
    near = {v for v in final if not v.rule and _titled(v, walk)}
    scale = largest(final[v] for v in near) or largest([1.0, *(step.after for step in steps)])
    widest = largest(step.contribution for step in steps if step.operand in near)
    widest = widest or largest(step.contribution for step in steps) or 1.0
    total, seen = Counter(step.operand for step in steps), Counter[Value]()
    backward: list[list[object]] = []
    for step in steps:
        seen[step.operand] += 1
        flow = step.contribution
        width = 2.5 * min(1.0, abs(flow) / widest) if math.isfinite(flow) else 0.0
        backward.append([
            place[step.node], place[step.operand], step.index,
            *map(digits, (step.local, step.upstream, flow, step.before, step.after)),
            step.formula.removeprefix(f"d({name(step.node)})/d({name(step.operand)}) = "),
            _happens(step, seen[step.operand], total[step.operand]),
            *_shade(step.after, scale), _sign(flow), round(1.5 + width, 1),
        ])  # fmt: skip
    # backward() gives them 0 in the end; a constant that nothing reaches shows its number only.
    unreached = [v for v in values if v not in final and _titled(v, walk)]
    if unreached:
        backward[-1][WORDS] = f"{backward[-1][WORDS]} {_left(unreached, walk)}"
    return {
        "names": [name(v) for v in values],
        "loose": [bracketed(name(v)) != name(v) for v in values],
        "unreached": [place[v] for v in unreached],
        "data": [digits(v) for v in values],
        "exact": [repr(v.data) for v in values],
        "lines": [printable(str(v.line)) if v.line else "" for v in values],
        "forward": [
            [place[z], [place[v] for v in z.args], _equation(z, walk, place), _is(z, walk)]
            for z in walk.results
        ],
        "root": [place[walk.root], *_shade(1.0, scale)],
        "backward": backward,
    }


def _titled(v: Value, walk: Walk) -> bool:
    # Whether a Value has a name; a constant has its number only.
    return bool(v.rule or v.label or v in walk.names.given)


def _equation(z: Value, walk: Walk, place: Mapping[Value, int]) -> Line:
    """Return what a result is, in names and in numbers: "x1w1 = x1 × w1 = 2 × -3 = -6"."""  # noqa: RUF002
    words: list[Line] = []
    numbers: list[Line] = []
    for i, v in enumerate(z.args):
        name, number = walk.names(v), digits(v)
        tight = (z.op in (*INFIX, "neg") and z.op != "+") or (i == 1 and name.startswith("-"))
        apart = tight and bracketed(name) != name
        words.append(["(", place[v], ")"] if apart else [place[v]])
        if number.startswith("-") and (z.op, i) in (("neg", 0), ("**", 0), ("+", 1), ("-", 1)):
            number = f"({number})"
        numbers.append([number])
    return [
        place[z], " = ", *_applied(z, words), " = ", *_applied(z, numbers), " = ", digits(z.data)
    ]  # fmt: skip


def _applied(z: Value, operands: list[Line]) -> Line:
    sign = SIGNS.get(z.op, printable(z.op))
    x, y = operands[0], operands[-1]
    if len(operands) == 1:
        return [sign, *x] if z.op == "neg" else [f"{sign}(", *x, ")"]
    return [*x, f" {sign} ", *y] if z.op in INFIX else [f"{sign}(", *x, ", ", *y, ")"]


def _is(z: Value, walk: Walk) -> str:
    """Return what a result is, in words: "o is tanh of n."."""
    x, y = walk.names(z.args[0]), walk.names(z.args[-1])
    what = {
        "+": f"the sum of {x} and {y}", "-": f"the difference of {x} and {y}",
        "*": f"the product of {x} and {y}", "/": f"the quotient of {x} and {y}",
        "**": f"{bracketed(x)} to the power of {y}", "neg": f"minus {bracketed(x)}",
        "abs": f"the absolute value of {x}", "sqrt": f"the square root of {x}",
        "maximum": f"the larger of {x} and {y}", "minimum": f"the smaller of {x} and {y}",
    }  # fmt: skip
    other = f"{printable(z.op)} of {x}" + f" and {y}" * (len(z.args) - 1)
    return f"{walk.names(z)} is {what.get(z.op, other)}."


def _happens(step: Step, nth: int, total: int) -> str:
    """Return why a step is next and what it does, in words."""
    name, op = step.walk.names(step.operand), step.operation
    passes = {
        "+": "A sum passes its gradient on as it is", "-": (
            "A difference passes its gradient on as it is",
            "A difference passes its gradient on, with the other sign",
        )[step.index], "*": "A product passes its gradient on, times the other factor",
        "neg": "A minus passes its gradient on, with the other sign",
        "/": (
            "A quotient passes its gradient on, divided by its denominator",
            "A quotient passes its gradient on, times its slope",
        )[step.index], "**": "A power passes its gradient on, times its slope",
        "abs": "An absolute value passes its gradient on, times the sign of its operand",
    }  # fmt: skip
    other = f"{printable(op)} passes its gradient on, times its slope"
    product = f"{digits(step.local)} × {digits(step.upstream)} = {digits(step.contribution)}"  # noqa: RUF001
    text = f"{step.why}. {passes.get(op, other)}: {name} gets {product}."
    if not step.local and not step.contribution:
        text += " The local derivative is 0 here, so nothing comes through."
    if total == 1:
        return text
    text += f" {name} is used {'twice' if total == 2 else f'{total} times'}: "
    first = f"its gradient is a sum of {total}, and this is the first"
    text += first if nth == 1 else f"this adds to the {digits(step.before)} that is there"
    return text + ("; it is complete." if nth == total else f"; {total - nth} to come.")


def _left(unreached: list[Value], walk: Walk) -> str:
    """Return which Values no gradient reaches, in words."""
    if len(unreached) == 1:
        return f"No gradient reaches {walk.names(unreached[0])}: its is 0."
    return f"No gradient reaches {len(unreached)} others: theirs is 0."


# ---- what is drawn -------------------------------------------------------------------------------


class _Card(NamedTuple):
    """What stands on a card, how high it is, and how wide its two cells are."""

    kind: str
    title: str
    op: str
    height: float
    data: float
    grad: float


def _card(v: Value, walk: Walk, gradients: set[str]) -> _Card:
    title = walk.names(v) if _titled(v, walk) else ""
    title = title[: LONGEST - 1] + "…" if len(title) > LONGEST else title
    op = f" = {SIGNS.get(v.op, printable(v.op))}" if v.rule else ""
    kind = "parameter" if leaf_colour(title) == PARAMETER else "input"
    data, grad = _width(digits(v), SMALL), 0.0
    if title or gradients:
        grad = max(_width(f"grad {text}", SMALL) for text in {"·", "0", *gradients})
    spare = max(0.0, _width(title + op, LARGE) - data - grad)
    share = spare * data / (data + grad)
    height = NUMBERS + (TITLE if title else 0.0)
    return _Card(
        "result" if v.rule else kind, title, op, height, data + share, grad + spare - share
    )


def _width(text: str, size: float) -> float:
    # Of a cell, in a common sans serif, rather too wide than too narrow.
    broad = (unicodedata.east_asian_width(c) in "WF" for c in text)
    letters = (1.0 if b else WIDTHS.get(c, OTHER) for c, b in zip(text, broad, strict=True))
    return size * sum(letters) + 2.0 * PADDING


def _drawn(walk: Walk, steps: list[Step]) -> dict[str, object]:
    """Return the cards and the edges of the picture, where Graphviz places them, for JSON."""
    values = walk.values
    texts: dict[Value, set[str]] = {walk.root: {"1"}}
    for step in steps:
        texts.setdefault(step.operand, set()).add(digits(step.after))
    cards = [_card(v, walk, texts.get(v, set())) for v in values]
    picture = ElementTree.fromstring(run(_dot(values, cards, steps), "svg"))
    graph, *groups = picture.iter(f"{SVG}g")
    boxes: dict[int, list[float]] = {}
    edges = []
    for group in groups:
        corners = next(group.iter(f"{SVG}polygon")).get("points", "")
        if group.get("class") == "node":
            i = int(group.findtext(f"{SVG}title", "")[1:])
            left, top = (min(map(float, re.split("[ ,]", corners)[k::2])) for k in (0, 1))
            boxes[i] = [left, top, round(cards[i].data + cards[i].grad, 1)]
        else:
            path = next(group.iter(f"{SVG}path")).get("d")
            label = [[t.get("x"), t.get("y"), t.text] for t in group.iter(f"{SVG}text")]
            edges.append([group.get("id"), path, corners, *label])
    return {
        "view": picture.get("viewBox"),
        "shift": [float(x) for x in graph.get("transform", "").split("(")[-1][:-1].split()],
        "rows": [TITLE, NUMBERS],
        "cards": [[*card[:4], round(card.data, 1), *boxes[i]] for i, card in enumerate(cards)],
        "edges": edges,
    }


def _dot(values: list[Value], cards: list[_Card], steps: list[Step]) -> str:
    # Sizes and numbers only: what is written on the cards never comes here.
    place = {v: i for i, v in enumerate(values)}
    local = {(step.node, step.index): digits(step.local) for step in steps}
    lines = ["digraph {", GRAPH]
    for i, card in enumerate(cards):
        width, height = (card.data + card.grad) / INCH, card.height / INCH
        lines.append(f"n{i} [width={width:.4f} height={height:.4f}]")
    for z in values:
        for i, v in enumerate(z.args):
            label = local.get((z, i), "")
            lines.append(f'n{place[v]} -> n{place[z]} [id="{place[z]}-{i}" label="{label}"]')
    return "\n".join([*lines, "}"])


def _sign(x: float) -> str:
    return ("pos" if x > 0.0 else "neg" if x < 0.0 else "zero") if math.isfinite(x) else "odd"


def _shade(grad: float, scale: float) -> tuple[str, float]:
    """Return the class of a gradient's cell, and how much of its colour it has."""
    sign = _sign(grad)
    if sign not in COLOURS:
        return sign, 1.0
    share = round(depth(grad, scale), 2)
    mixed = [(255.0 + (part - 255.0) * share) / 255.0 for part in COLOURS[sign]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mixed]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # White letters where they have more contrast than black ones: WCAG 2.1, relative luminance.
    return sign + " deep" * ((light + 0.05) ** 2 < 1.05 * 0.05), share
