"""Make matplotlib Figures without pyplot, with a legend beside the axes, and write them to files.

>>> cut("a name that is too long for a legend"), spaced("f()", (0.0, 2.0), 5)
('a name that is too long…', [0.0, 0.5, 1.0, 1.5, 2.0])

They take matplotlib: pip install "microgradnet[plot]". Nothing global changes, no window opens, and
each can be made in a thread of its own. Names are data: what looks like a formula stays as it is
written, control characters are shown as in Python, and a long name is cut.
"""

import math
import os
import textwrap
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from microgradnet.drawing import check_parent, put
from microgradnet.errors import explained, printable, wrong

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

# Ten colours that the colour-blind tell apart too: Petroff, 2021, arXiv:2107.02270.
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
STYLES = ("-", "--", "-.", ":")
INK, GREY = "#202020", "#757575"
LONGEST = 24  # characters of a name
FINEST = 2_000  # places along an axis: a picture has no more to show
NEAR = 8  # pixels from a name: so near, and nearer than its own dot, is no other
LINE = 2  # pixels from the middle of a line to where it ends
LINES = 18  # of a legend, before it has two columns
SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))  # right, up
AWAY = (1.0, 2.4, 4.0)  # how far a name is from its dot, where nearer it covers something
SALTING = threading.Lock()  # the salt of an SVG's ids is a global setting of matplotlib

Entry = tuple[Any, str]  # of a legend: what was drawn, and its name


@explained
def write(figure: "Figure", path: str | os.PathLike[str]) -> "tuple[Path, Path]":
    """Write a Figure to `path` with ".png" and ".svg" at its end; return both paths.

    The same Figure gives the same bytes: there is no date in them, nor a random id. Files that are
    there stay as they were until both pictures are whole.
    """
    from pathlib import Path

    if not hasattr(figure, "savefig"):
        raise wrong("write()", "a Figure", figure, "such as loss_curves(history)", TypeError)
    path = Path(path)
    if not path.name:
        raise wrong("write()", "the path of a file", str(path), "such as 'loss'")
    if path.suffix.lower() in (".png", ".svg"):
        raise ValueError(
            f"write() takes a path without .png and .svg, and adds both, not {str(path)!r}; "
            f"try {str(path.with_suffix(''))!r}"
        )
    check_parent("write()", path)
    pictures = _pictures(figure)
    png, svg = (path.with_name(path.name + suffix) for suffix in (".png", ".svg"))
    for target, picture in zip((png, svg), pictures, strict=True):
        put(target, picture)
    return png, svg


def _pictures(figure: "Figure") -> tuple[bytes, bytes]:
    # The layout, found anew at each drawing, may differ in a last bit, and an id with it: round it.
    from io import BytesIO

    from matplotlib import rcParams

    png, svg = BytesIO(), BytesIO()
    engine = figure.get_layout_engine()
    try:
        if engine is not None:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            for axes in figure.axes:
                left, bottom, *size = (round(v, 6) for v in axes.get_position(original=True).bounds)
                axes.set_position((left, bottom, size[0], size[1]))
                axes.set_in_layout(True)
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
        with SALTING:
            salt = rcParams["svg.hashsalt"]
            rcParams["svg.hashsalt"] = "microgradnet"
            try:
                figure.savefig(svg, format="svg", metadata={"Creator": None, "Date": None})
            finally:
                rcParams["svg.hashsalt"] = salt
    finally:
        if engine is not None:
            figure.set_layout_engine(engine)
    return png.getvalue(), svg.getvalue()


def new_figure(what: str, width: float, height: float) -> "Figure":
    """Return an empty Figure of a size in inches; ImportError, for `what`, without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{what} takes matplotlib, and there is none ({error}); run pip install "
            '"microgradnet[plot]"; the drawings in characters of microgradnet.plotting need nothing'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # neither pyplot nor a backend of a window: it draws into memory
    return figure


def add_legend(figure: Any, entries: list[Entry]) -> None:
    """Add a legend beside the axes, where it covers nothing."""
    handles, names = zip(*entries, strict=True)
    columns = 1 + (len(names) - 1) // LINES
    width, height = figure.get_size_inches()
    figure.set_size_inches(width + 2.5 * (columns - 1), height)
    legend = figure.legend(
        handles, ["-"] * len(names), loc="outside right upper", ncols=columns, frameon=False
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)  # afterwards: a name as _x would be left out


def add_names(axes: Any, title: str, x: str, y: str) -> None:
    """Add a title, wrapped where it is long, and the names of both axes; of "" there is none."""
    heading = textwrap.fill(cut(title, 4 * LONGEST), 2 * LONGEST)
    axes.set_title(title and heading, parse_math=False)
    axes.set_xlabel(x and cut(x, 2 * LONGEST), parse_math=False)
    axes.set_ylabel(y and cut(y, 2 * LONGEST), parse_math=False)


def add_marks(axes: Any, marks: Mapping[str, Sequence[float]]) -> None:
    """Add a dot at each point, with its name beside it, where it covers least of what is drawn."""
    if not marks:
        return
    from matplotlib.patheffects import withStroke

    lines = list(axes.lines)
    # To be seen on every colour light is around them. All are within the axes: a dot on the frame
    # is not cut in half, and the layout has no room to find.
    look: dict[str, Any] = {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}
    look["in_layout"] = False
    axes.plot(
        *zip(*marks.values(), strict=True), "o", color=INK, markersize=5, clip_on=False, **look
    )
    texts = [
        axes.annotate(cut(name), dot, (0, 0), textcoords="offset points", parse_math=False, **look)
        for name, dot in marks.items()
    ]
    axes.figure.draw_without_rendering()  # only then it is known where everything is
    dots = axes.transData.transform(list(marks.values()))
    paths = [line.get_path().transformed(line.get_transform()) for line in lines]
    boxes: list[Any] = []  # of the names that have their place

    def covers(k: int, away: float, right: int, up: int) -> tuple[bool, int, int]:
        text = texts[k]
        text.xyann = (7 * right * away, 5 * up * away)
        text.set(ha=("center", "left", "right")[right], va=("center", "bottom", "top")[up])
        box = text.get_window_extent()
        inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
        apart = [_apart(box, *dot) for dot in dots]
        taken = sum(v < max(NEAR, apart[k]) for v in apart[:k] + apart[k + 1 :])
        wide = box.padded(LINE)
        crossed = sum(path.intersects_bbox(wide, filled=False) for path in paths)
        return not inside, taken + box.count_overlaps(boxes), crossed

    for k, text in enumerate(texts):
        places = [(away, *side) for away in AWAY for side in SIDES]
        covers(k, *min(places, key=lambda place: covers(k, *place)))
        boxes.append(text.get_window_extent())


def _apart(box: Any, x: float, y: float) -> float:
    return math.hypot(max(box.x0 - x, 0.0, x - box.x1), max(box.y0 - y, 0.0, y - box.y1))


def cut(name: str, length: int = LONGEST) -> str:
    """Return a name as it is shown: printable, and no longer than that."""
    text = printable(name)
    return text if len(text) <= length else text[: length - 1] + "…"


def spaced(what: str, ends: tuple[float, float], count: int) -> list[float]:
    """Return `count` places from one end of an axis to the other; ValueError, for `what`, of 1."""
    if not isinstance(count, int) or not 2 <= count <= FINEST:
        raise wrong(what, f"a resolution from 2 to {FINEST}", count, "try 100")
    shares = [i / (count - 1) for i in range(count)]
    return [ends[0] * (1.0 - share) + ends[1] * share for share in shares]
