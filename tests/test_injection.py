"""Whoever writes a label, a name or a file gets text on the page, and nothing more, nowhere.

What is shown of a hostile text is what is shown of the harmless one that it is displayed as: `\\n`
of a line break, in characters. So nothing is compared with a picture of what should be; wherever
the two differ, something got out of its place.
"""

import ast
import contextlib
import csv
import io
import json
import os
import pickle
import random
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hostile import HOSTILE

from microgradnet import (
    anomaly,
    compile,
    course,
    debug,
    draw,
    explain,
    nn,
    record_lines,
    save,
    what_if,
)
from microgradnet.cli import main
from microgradnet.data import Encoding, Frame
from microgradnet.drawing import executable, run
from microgradnet.engine import Value
from microgradnet.errors import printable
from microgradnet.history import PROGRESS, Epoch, History
from microgradnet.lessons import Lesson
from microgradnet.pages import page
from microgradnet.pipeline import Pipeline
from microgradnet.plotting import text_confusion, text_images, text_map
from microgradnet.prompting import told
from microgradnet.stepping import backward_steps

SVG = "{http://www.w3.org/2000/svg}"
posix = pytest.mark.skipif(os.name != "posix", reason="users, links and pipes of another system")


def _found():
    try:
        return executable()
    except RuntimeError:
        return ""


needs_graphviz = pytest.mark.skipif(not _found(), reason="neither dot nor graphviz-pure is here")


def clean(text: str) -> bool:
    """Return whether a terminal would show a text, and do nothing else."""
    return all(c in "\n\t" or c.isprintable() for c in text)


# ---- a terminal ----------------------------------------------------------------------------------


def neuron(label: str, other: str) -> tuple[Value, Value, dict[str, Value]]:
    """Return a neuron, its input, and the names of two Values without a label."""
    x, w, b = Value(2.0, label=label), Value(-3.0), Value(7.0)
    y = (x * w + b).tanh()
    return y, x, {other: w, "y": y}


def steps(label: str, other: str) -> Iterator[str]:
    """Yield all that a step says of itself."""
    y, _, names = neuron(label, other)
    for step in backward_steps(y, names):
        yield from (str(step), repr(step), step.why, step.formula)


def explanations(label: str, other: str) -> Iterator[str]:
    """Yield the explanations of a gradient, of a change, and of infinities."""
    y, x, names = neuron(label, other)
    yield str(explain(y, x, names))
    yield str(what_if(y, x, 0.1, names))
    yield str(anomaly(x * float("inf"), names))
    x.data = 0.0
    yield str(anomaly(x.recompute().sqrt() * names[other], names))


def prompts(label: str, other: str) -> Iterator[str]:
    """Yield what the prompt prints on all its commands."""
    y, _, names = neuron(label, other)
    name, out = printable(label), io.StringIO()
    commands = ["s", "n", "l", "v", "p", f"w {name}", f"B {name}", f"p {name}", f"e {name}", "W"]
    commands += [f"W {name}", "c", "b", f"v {name}", name, "D 1", "w -1", f"u {name}", "g 0"]
    debug(y, names, io.StringIO("\n".join(commands)), out)
    yield out.getvalue()


def errors(label: str, other: str) -> Iterator[str]:
    """Yield an error in one line, as the command line and the prompt tell it."""
    with pytest.raises(ValueError, match=r"domain|expected") as failed:
        Value(-1.0, label=label).log()
    yield told(failed.value)


def trainings(label: str, other: str) -> Iterator[str]:
    """Yield a training with metrics and layers of these names: its table, and what it prints."""
    epoch = Epoch(1, 0.5, 0.25, {label: 0.5, "accuracy": 0.5}, 0.1, 0.1, {other: 0.1})
    epochs = [epoch, epoch._replace(number=2)]
    yield repr(History(epochs))
    for progress in PROGRESS.values():
        with contextlib.redirect_stdout(io.StringIO()) as out, progress(2) as tell:
            for each in epochs:
                tell(each)
        yield out.getvalue()


def plots(label: str, other: str) -> Iterator[str]:
    """Yield drawings in characters, with classes and labels of these names."""
    classes, points = [label, other], [[0.0, 1.0], [1.0, 0.0]]
    yield text_map(lambda point: point[0] > 0.5, points, [0, 1], classes=classes)
    yield text_confusion([0, 1], [0, 1], classes)
    yield text_images([[0, 1], [1, 0]], (1, 2), labels=classes)


def programs(label: str, other: str) -> Iterator[str]:
    """Yield what a program of this name says of itself, and of numbers that it cannot take."""
    loss = lambda x: weight * x  # noqa: E731
    loss.__name__, weight = label, Value(2.0, label=other)
    program = compile(loss, [weight])
    yield repr(program)
    with pytest.raises(ValueError, match="parameters, not 2") as refused:
        program.value_and_grad([1.0, 2.0], 0.5)
    yield str(refused.value)


@pytest.mark.parametrize("shown", [
    steps, explanations, prompts, errors, trainings, plots, programs,
])  # fmt: skip
def test_a_terminal_shows_a_text_as_text(shown: Callable):
    """No control sequence and no line of its own: it reads as the harmless text that it is."""
    for label in HOSTILE.values():
        harmless = printable(label), printable(f"{label}2")
        found = list(shown(label, f"{label}2"))
        assert all(map(clean, found))
        if shown is not errors:  # in one line each blank is one
            assert found == list(shown(*harmless))
        assert sum(text.count("\n") for text in found) >= 0


def notes(label: str, folder: Path) -> str:
    """Return the note of an error, as Python prints it."""
    with pytest.raises(ValueError, match=r"domain|expected") as failed:
        Value(-1.0, label=label).log()
    return failed.value.__notes__[0]


def frames(label: str, folder: Path) -> str:
    """Return what a prompt shows for a table with a column of that name."""
    return repr(Frame("table.csv", [label], [["1"]]))


def figures(label: str, folder: Path) -> str:
    """Return what a lesson prints of a figure of that name."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        Lesson(False, folder, {}).figure(label, "0.5", 0.5)
    return out.getvalue()


def titles(label: str, folder: Path) -> str:
    """Return the list of lessons with one whose title is that, as far as it is one line."""
    title = label.replace("\n", "").replace("\ud800", "")[:40]
    (folder / "01_lesson.py").write_text(repr(f"{title}.\n\nsystem: it\ntakes: 1 s"), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "demos", lambda: folder)
        return course.listing()


def files(label: str, folder: Path) -> str:
    """Return what `graph` says of the file that it wrote."""
    name = re.sub("[/\0]", "", label)[:100].encode("utf-8", "ignore").decode()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["graph", "x", "x=1", "-o", f"{folder / name}.dot"]) == 0
    return out.getvalue()


@pytest.mark.parametrize("shown", [notes, frames, figures, titles, files])
def test_a_name_is_no_line_of_its_own(shown, tmp_path):
    """Names of Values, columns, figures, lessons and files are told in a line, and harmless."""
    plain = shown("plain", tmp_path).count("\n")
    for text in TEXTS:
        found = shown(text, tmp_path)
        assert clean(found)
        assert found.count("\n") <= plain + (shown in (figures, titles))  # a long one goes above


def test_the_line_that_made_a_value_is_one_line():
    """Whatever the function is called that a Value was made in, its line is told in one."""
    for label in HOSTILE.values():
        make = lambda x: x * 2.0  # noqa: E731
        with contextlib.suppress(UnicodeEncodeError, ValueError):  # Python has no such names
            make.__code__ = make.__code__.replace(co_name=label)
        with record_lines():
            y = make(Value(2.0, label="x"))
        y.label = "y"
        assert str(y.line).isprintable()
        out = io.StringIO()
        debug(y, {}, io.StringIO("where"), out)
        assert clean(out.getvalue())
        assert y.line.function == make.__code__.co_name


def test_what_is_typed_at_the_prompt_comes_back_in_one_line():
    """A command that is none, or takes no such name, is told in one harmless line."""
    words = ["", "p ", "u ", "B ", "w ", "D ", "g ", "s ", "n ", "l ", "v ", "e ", "W ", "h "]
    for label in HOSTILE.values():
        typed = "".join(label.split("\n")).replace("\r", "").strip() or "?"
        for word in words:
            out = io.StringIO()
            debug(Value(2.0, label="x") * 3.0, {}, io.StringIO(f"{word}{typed}x\n"), out)
            told_of_it = out.getvalue().partition("Enter is one step on\n")[2]
            assert clean(told_of_it)
            assert told_of_it.count("\n") == 1, told_of_it


# ---- pictures and pages --------------------------------------------------------------------------


def skeleton(source: str) -> str:
    """Return DOT text without the texts, and their colours, as Graphviz reads it.

    A text is in quotes; or within tags, which have to be XML, and stay.
    """

    def bare(found: re.Match) -> str:
        if found[0][0] == '"':
            return '""'
        tags = ElementTree.tostring(ElementTree.fromstring(found[0][1:-1]), encoding="unicode")
        return re.sub(r'BGCOLOR="#\w+"|(?<=>)[^<]*', "", tags)

    return re.sub(r'"(?:[^"\\]|\\.)*"|<<TABLE.*?</TABLE>>', bare, source, flags=re.DOTALL)


TEXTS = list(HOSTILE.values())
SOLID = [text for text in TEXTS if text.strip()]  # a blank one is in quotes where it is alone
HARMLESS = list(map(printable, SOLID))
PLAIN = [f"text{i}" for i in range(len(SOLID))]


def cards(texts: list[str]) -> Value:
    """Return a graph with these texts as labels of its leaves, and in those of its results."""
    total = Value(1.0)
    for text in texts:
        total = total * Value(1.5, label=text)
        total.label = f"{text}z"
    total.backward()
    return total


def tables(texts: list[str]) -> Value:
    """Return the result of a network whose weights and inputs are called so."""
    model = nn.MLP(len(texts), [2, 1], seed=1)
    for i, text in enumerate(texts):
        model.layers[0].neurons[i % 2].w[i].label += f".{text}"
    # An input called as a parameter is one, in a table: by labels it is known.
    inputs = [Value(1.0, label="x" if ".neurons." in text else text) for text in texts]
    result = model(inputs)
    result.backward()
    return result


@pytest.mark.parametrize(
    ("make", "collapse"), [(cards, None), (tables, "neuron"), (tables, "layer")]
)
def test_dot_text_holds_its_texts(make, collapse):
    """Labels on cards and in tables change texts alone, and are what they are displayed as."""
    source, harmless, plain = (
        draw(make(texts), collapse=collapse).source for texts in (SOLID, HARMLESS, PLAIN)
    )
    assert skeleton(source) == skeleton(plain)
    assert source == harmless
    assert clean(source)


def test_names_of_variables_are_texts_too():
    """What names= has for a Value is shown as a label is."""
    source, plain = (
        draw(sum(leaves.values()), names=leaves).source
        for texts in (SOLID, PLAIN)
        for leaves in [{f"n{text}": Value(1.0) for text in texts}]
    )
    assert skeleton(source) == skeleton(plain)


def test_a_network_has_no_texts():
    """The picture of a model has numbers only: labels of parameters and inputs change nothing."""
    named, plain = nn.MLP(3, [4, 2], seed=0), nn.MLP(3, [4, 2], seed=0)
    for p, text in zip(named.parameters(), TEXTS, strict=False):
        p.label = text
    x = [Value(1.0, label=text) for text in TEXTS[:3]]
    assert draw(named, x=x).source == draw(plain, x=[1.0] * 3).source


@needs_graphviz
def test_graphviz_draws_texts_as_texts():
    """The SVG of them all is XML with no element but those of harmless ones, in the same order."""
    pictures = []
    for texts in (SOLID, PLAIN):
        picture = ElementTree.fromstring(run(draw(cards(texts)).source, "svg"))
        pictures.append([(e.tag, sorted(e.keys())) for e in picture.iter()])
        shown = {e.text.replace("\xa0", " ") for e in picture.iter(f"{SVG}text") if e.text}
        assert all(map(clean, shown))
    assert pictures[0] == pictures[1]
    assert not {tag for tag, _ in pictures[0]} & {f"{SVG}script", f"{SVG}image"}


@needs_graphviz
def test_a_page_holds_its_texts(tmp_path):
    """All of them together are data in the page, in ASCII; the rest of it is that of any page."""
    found = [page(cards(texts), tmp_path / "page.html").html for texts in (SOLID, HARMLESS, PLAIN)]
    data = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)
    told = data.search(found[0])[2]
    assert told.isascii()
    assert not set("<>&") & set(told)
    assert set(HARMLESS) <= set(json.loads(told)["names"])
    assert [data.sub(r"\1\3", text) for text in found] == [data.sub(r"\1\3", found[2])] * 3
    assert found[0] == found[1]


DRAWN = (
    "script", "comment", "cdata", "entity", "maths", "hidden", "percent", "newlines", "ansi",
    "null", "surrogate", "direction",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
def test_matplotlib_draws_texts_as_texts(tmp_path):
    """A figure, PNG and SVG, with many of them in its legend is that of the harmless texts."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra `plot`)")
    from microgradnet.figures import loss_curves, write

    tried = [HOSTILE[kind] for kind in DRAWN]
    pictures = []
    for name, texts in (("hostile", tried), ("harmless", list(map(printable, tried)))):
        metrics = dict.fromkeys(texts, 0.5)
        epochs = [Epoch(number, 0.5, 0.25, metrics, 0.1, 0.1, {}) for number in (1, 2)]
        paths = write(loss_curves(History(epochs)), tmp_path / name)
        pictures.append([path.read_bytes() for path in paths])
        tags = {element.tag for element in ElementTree.parse(paths[1]).iter()}
        assert not tags & {f"{SVG}script", f"{SVG}image", f"{SVG}a", f"{SVG}foreignObject"}
    assert pictures[0] == pictures[1]


# ---- generated Python ----------------------------------------------------------------------------


def program_of(text: str) -> tuple:
    """Return a program with a text for every name that it may have, and what it gave."""
    a, b, c = (Value(number, label=text) for number in (2.0, 3.0, 4.0))

    def loss(first, second, fixed):
        p = a * first[0] + b
        q = p.tanh() * second + c * 2.0
        p.label = q.label = text
        return (p * q).relu()

    loss.__name__ = text
    names = tuple(f"{text}{i}" for i in range(3))
    with contextlib.suppress(UnicodeEncodeError, ValueError):  # Python has no such names
        code = loss.__code__
        loss.__code__ = code.replace(co_varnames=(*names, *code.co_varnames[3:]), co_name=text)
    program = compile(loss, [a, b])
    inputs = ([0.5, 1.0], 0.25, text)
    found = [program(*inputs), program.over([inputs] * 2), a.grad, b.grad]
    assert program(*inputs) == loss(*inputs).data
    forward = compile(lambda x: {text: [a * x]})
    assert forward(2.0) == {text: [4.0]}
    return program, inputs, found, program.source + forward.source


def comments(source: str) -> int:
    """Return how many comments Python reads."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def test_a_program_is_the_same_whatever_its_names_are(tmp_path, monkeypatch):
    """Labels, parameters, functions and fixed inputs become names or comments: nothing runs."""
    monkeypatch.chdir(tmp_path)
    _, _, expected, plain = program_of("plain")
    for text in HOSTILE.values():
        program, inputs, found, source = program_of(text)
        assert found == expected
        assert clean(source)
        assert [type(node) for node in ast.walk(ast.parse(source))] == [
            type(node) for node in ast.walk(ast.parse(plain.replace("'plain'", repr(text))))
        ]
        assert comments(source) == comments(plain)
        files = [f.__code__.co_filename for v in program._variants.values()
                 for f in v.functions.values()]  # fmt: skip
        assert all(re.fullmatch(r"\w{1,60}_[0-9a-f]{16}\.py", Path(file).name) for file in files)
        assert all(Path(file).is_file() for file in files)
        numbers = [2.0, 3.0]
        copy = pickle.loads(pickle.dumps(program))
        assert copy.value_and_grad(numbers, *inputs) == program.value_and_grad(numbers, *inputs)
    assert list(tmp_path.iterdir()) == []


class Shown(float):
    """A number that shows itself as code, as NumPy's do."""

    def __repr__(self) -> str:
        return "__import__('os').mkdir('made')"


def test_a_number_is_printed_as_a_number(tmp_path, monkeypatch):
    """A constant whose type shows itself in its own way is the float that it is."""
    monkeypatch.chdir(tmp_path)

    def f(x):
        scale = Value(0.0)
        scale.data = Shown(2.0)
        return x * scale

    assert compile(f)(3.0) == 6.0
    assert list(tmp_path.iterdir()) == []


# ---- the command line, and its files -------------------------------------------------------------

# What a CSV file can hold: text in UTF-8, without blanks around it.
FIELDS = list(
    dict.fromkeys(text.strip() for text in TEXTS if text.strip() and "\ud800" not in text)
)


def written(path: Path, lines: list[list[str]]) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """Return a CSV file whose columns, categories and classes have hostile names."""
    rng = random.Random(0)
    columns, categories, classes = FIELDS[::3], FIELDS[1::3], FIELDS[2::3][:8]
    rows = [
        [*(f"{rng.random():.3f}" for _ in columns), categories[i % len(categories)],
         classes[i % len(classes)]] for i in range(96)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("table") / "table.csv"
    return written(path, [[*columns, "category", "class"], *rows])


def test_a_table_of_hostile_names_is_learnt(table, tmp_path, monkeypatch, capsys):
    """train, evaluate and predict show and draw its names as texts, and answer with the classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # its pictures are tried by themselves
    words = ["--epochs", "1", "--hidden", "2", "--save", "model.json", "--progress", "table"]
    assert main(["train", str(table), "--categories", "category", *words]) == 0
    assert main(["evaluate", "model.json", str(table)]) == 0
    assert main(["predict", "model.json", str(table), "--id", "category", "-o", "out.csv"]) == 0
    printed = capsys.readouterr()
    assert clean(printed.out)
    assert clean(printed.err)
    for picture in (tmp_path / "pictures").glob("*.svg"):
        tags = {element.tag for element in ElementTree.parse(picture).iter()}
        assert f"{SVG}script" not in tags
    with table.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    with open("out.csv", newline="", encoding="utf-8") as file:
        header, *answers = csv.reader(file)
    assert header == ["category", "class"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["predict", "model.json", str(table), "--id", "category"]) == 0
    assert clean(capsys.readouterr().out)
    assert [answer[0] for answer in answers] == [row[-2] for row in rows]
    assert {answer[1] for answer in answers} <= {row[-1] for row in rows}


BAD = [
    ["train", "{}"], ["train", "TABLE", "--target", "{}!"], ["train", "TABLE", "--drop", "{}!"],
    ["train", "TABLE", "--hidden", "{}"], ["train", "TABLE", "--test", "{}"],
    ["predict", "{}", "TABLE"], ["evaluate", "{}", "TABLE"], ["data", "{}!"],
    ["step", "{}"], ["step", "x", "x={}"], ["step", "x", "{}!"], ["graph", "x*{}!", "x=1"],
    ["graph", "x", "x=1", "--out", "there/is/no/{}.dot"], ["{}!"],
]  # fmt: skip


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_an_error_is_told_in_harmless_lines(words, table, tmp_path, monkeypatch, capsys):
    """Whatever is given for a file, an option or an expression: status 2, and no way out of it."""
    monkeypatch.chdir(tmp_path)
    for text in TEXTS:
        given = [word.replace("{}", text).replace("TABLE", str(table)) for word in words]
        with contextlib.suppress(SystemExit):  # so argparse ends
            assert main(given) == 2
        printed = capsys.readouterr()
        assert clean(printed.out)
        assert clean(printed.err), given
    assert list(tmp_path.iterdir()) == []


def test_csv_files_keep_what_is_in_them(tmp_path):
    """A History writes its names as they are, also those that a spreadsheet takes for a formula."""
    names = [text for text in TEXTS if "\ud800" not in text]
    epochs = [Epoch(1, 0.5, None, dict.fromkeys(TEXTS, 0.25), 0.1, 0.1, dict.fromkeys(TEXTS, 0.5))]
    History(epochs).to_csv(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert len(header) == len(row) == 2 * len(TEXTS) + 6
    assert [name for name in header if name in TEXTS] == names
    assert row[3 : 3 + len(TEXTS)] == ["0.25"] * len(TEXTS)


# ---- what is loaded ------------------------------------------------------------------------------

AUDITED = """
import json, sys

def hook(event, arguments):
    if watched and event not in allowed:
        raise SystemExit(f"{event} {arguments!r}"[:300])

def watch(work, *events):
    global watched, allowed
    for watched in (False, True):  # the first time what is imported late is imported
        allowed = set(events)
        work()
    watched = False

watched, allowed = False, set()
sys.addaudithook(hook)
"""


def python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    """Return what a fresh Python prints."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONOPTIMIZE"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


LOADED = (
    AUDITED
    + """
from microgradnet.saving import load
whole, *broken = sys.argv[1:]

def work():
    load(whole)
    for file in broken:
        try:
            load(file)
        except ValueError as error:
            assert str(error).isprintable(), error
        else:
            raise SystemExit("it was loaded: " + file)

watch(work, "open")
print(json.dumps([repr(load(whole).classes), load(whole).target]))
"""
)


def test_a_model_file_does_nothing(tmp_path):
    """To load one opens it, and that is all: whatever stands in it for a name, a kind or a number.

    Python's audit would see an import, compiled text, a file to write, a process, a connection.
    """
    columns = [text for text in FIELDS if text not in ("", "class")]
    frame = Frame("table", [*columns, "one"], [["1.0"] * len(columns) + [t] for t in FIELDS])
    encoding = Encoding.fit(frame, categories=["one"])
    model = nn.MLP(len(encoding.inputs), [2, len(TEXTS)], seed=0)
    save(Pipeline(encoding, model, TEXTS, TEXTS[0]), tmp_path / "whole.json")
    document = json.loads((tmp_path / "whole.json").read_text(encoding="utf-8"))
    del document["checksum"]
    broken = []
    for number, text in enumerate(TEXTS):
        for place in ("kind", "architecture", "encoding", text):
            file = tmp_path / f"{number} {len(broken)}.json"
            file.write_text(json.dumps({**document, place: text}), encoding="utf-8")
            broken.append(str(file))
    told = json.loads(python(LOADED, str(tmp_path / "whole.json"), *broken))
    assert told == [repr(TEXTS), TEXTS[0]]


KEEPING = ("builtins.object", "builtins.getattr", "builtins.str")  # of object: its __new__


class Checked(pickle.Unpickler):
    """An Unpickler that finds the classes of the package, and what they are kept by."""

    def find_class(self, module: str, name: str) -> object:
        assert module.startswith("microgradnet.") or f"{module}.{name}" in KEEPING, name
        return super().find_class(module, name)


def test_a_pickled_program_names_nothing_but_its_classes():
    """Its labels and inputs are texts in the pickle; what it asks for is of the package."""
    for text in HOSTILE.values():
        program, inputs, _, _ = program_of(text)
        copy = Checked(io.BytesIO(pickle.dumps(program))).load()
        assert [p.label for p in copy.parameters] == [text, text]
        assert copy(*inputs) == program(*inputs)


# ---- expressions ---------------------------------------------------------------------------------

NAMES = [f"v{i}" for i in range(600)]
TOWERS = {
    "power": "9**9**9", "powers": "x**9**9**9", "many powers": "x" + "**x" * 3333,
    "hexadecimal": "0x" + "f" * 9990, "decimal": "9" * 9999, "digits": "9" * 4300,
    "exponent": "1e" + "9" * 9990, "parentheses": "(" * 4999 + "x" + ")" * 4999,
    "minus": "-" * 9999 + "x", "not": "not " * 2400 + "x", "sum": "x" + "+x" * 4999,
    "product": "x" + "*x" * 900, "methods": "x" + ".tanh()" * 1400, "calls": "max(" * 1999 + "x",
    "arguments": "max(" + "x," * 4990 + "x)", "attributes": "x" + ".a" * 4999,
    "name": "tan" * 3333 + "(x)", "comparisons": "x" + "<x" * 4999, "and": "x" + " and x" * 1600,
    "doubled": ";".join(f"{b}={a}+{a}" for a, b in pairwise(["x", *NAMES])) + ";v599",
    "squared": ";".join(f"{b}={a}*{a}" for a, b in pairwise(["x", *NAMES])) + ";v599",
    "statements": "x;" * 4999 + "x", "lines": "x\n" * 4999, "f-string": "f'" + "{x}" * 3000 + "'",
    "nested f-string": "f'{" * 3000, "lists": "[" * 9999, "lambda": "lambda:" * 1400 + "x",
    "if": "x if x else " * 800 + "x", "comment": "#" * 9999, "continued": "x\\\n" * 3333,
    "ligatures": "\ufb03" * 9999, "warnings": "1if " * 2000 + "x", "quotes": '"""' * 3333,
}  # fmt: skip
READ = """
from pathlib import Path
from microgradnet.debugging import debug
from microgradnet.engine import Value
from microgradnet.expressions import Condition, expression
from microgradnet.naming import Names
from microgradnet.operations import OPERATIONS
from microgradnet.prompting import told
from microgradnet.stepping import backward_steps

for rule in OPERATIONS.values():
    rule.value, rule.derivatives  # made at their first use
root = Value(1.0, "y") * Value(1.0, "w")

def read(text):
    try:
        found, _ = expression(text, {"x": 1.0001})
        for step in backward_steps(found):
            str(step), step.why
    except (ValueError, ArithmeticError) as error:
        assert told(error).isprintable()
    try:
        condition = Condition(text, Names(root))
        for step in backward_steps(root):
            condition.meets(step)
    except ValueError as error:
        assert told(error).isprintable()
"""
RUN = (
    AUDITED
    + READ
    + """
texts = json.loads(Path(sys.argv[1]).read_text())
watch(lambda: [read(text) for text in texts], "compile")  # to parse it: exec would be another
"""
)
LIMITED = (
    READ
    + """
import json, resource, sys, time
for name, text in json.loads(Path(sys.argv[1]).read_text()):
    print(name, file=sys.stderr, flush=True)
    spent = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (spent + 4, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    read(text)
"""
)


def test_an_expression_is_read_and_nothing_else(tmp_path):
    """Python's audit sees the parsing of each, and then no import, no file, and nothing run."""
    (tmp_path / "texts.json").write_text(
        json.dumps([*TEXTS, *(text[:99] for text in TOWERS.values())])
    )
    python(RUN, "texts.json", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["texts.json"]


@posix
def test_an_expression_ends(tmp_path):
    """Each is answered or refused, steps and all, before the system would end it: in seconds."""
    (tmp_path / "texts.json").write_text(json.dumps(list(TOWERS.items())))
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "texts.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.splitlines()[-1:]
    assert done.stderr.splitlines() == list(TOWERS)


# ---- generated files -----------------------------------------------------------------------------

PLANTED = """
import os, shutil, stat, sys
from pathlib import Path
from microgradnet.compiling import compile
from microgradnet.engine import Value
from microgradnet.generated import _FOLDERS

weight = Value(2.0, label="weight")

def made(number=1.0):
    program = compile(lambda x: (weight * x).tanh() * number, [weight])
    assert program(0.5) == (weight * 0.5).tanh().data * number
    [variant] = program._variants.values()
    return program, Path(variant.functions["value_and_grad"].__code__.co_filename)

def private(path):
    found = path.parent.lstat()
    assert stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid(), oct(found.st_mode)
    assert not found.st_mode & 0o077 and not path.lstat().st_mode & 0o077
    assert stat.S_ISREG(path.lstat().st_mode) and "weight" in path.read_text()

victim = Path("victim")
victim.mkdir(mode=0o700)
(victim / "kept").write_text("kept")
program, path = made()
private(path)
"""


def plant(code: str, tmp_path: Path) -> str:
    """Run code after a program was made; return what it prints. What is not ours is as it was."""
    printed = python(PLANTED + code, cwd=tmp_path)
    assert [path.name for path in (tmp_path / "victim").iterdir()] == ["kept"]
    assert (tmp_path / "victim/kept").read_text() == "kept"
    return printed


FOLDERS = {
    "nothing": "pass",
    "a link": "folder.symlink_to(victim.resolve())",
    "a file": "folder.write_text('')",
    "a pipe": "os.mkfifo(folder)",
    "an open folder": "folder.mkdir(); folder.chmod(0o777)",
    "another's folder": "folder.mkdir(mode=0o700); os.chown(folder, 65534, 65534)",
}


@posix
@pytest.mark.parametrize("planted", FOLDERS)
def test_a_folder_that_is_no_more_ours_is_left(planted, tmp_path):
    """Where the folder goes, and something of its name comes, programs get a private one again.

    What came stays as it is, also when the process ends, which does not wait for a pipe.
    """
    if "chown" in FOLDERS[planted] and os.getuid():
        pytest.skip("only root can make a folder another's")
    code = f"""
folder = path.parent
shutil.rmtree(folder)
{FOLDERS[planted]}
other, file = made(3.0)
assert file.parent != folder
private(file)
assert program(0.25) == (weight * 0.25).tanh().data  # as before
print(folder, file.parent)
"""
    folder, private = map(Path, plant(code, tmp_path).split())
    assert not private.exists()
    assert os.path.lexists(folder) == (planted != "nothing")
    if folder.is_dir() and not folder.is_symlink():
        folder.rmdir()  # it is empty
    else:
        folder.unlink(missing_ok=True)


@posix
@pytest.mark.parametrize("planted", [
    "file.symlink_to((victim / 'kept').resolve())", "os.mkfifo(file)", "file.mkdir()",
    "file.symlink_to(file)", "os.link(victim / 'kept', file)",
])  # fmt: skip
def test_a_file_in_the_place_of_a_program_is_not_followed(planted, tmp_path):
    """A link, a pipe or a folder of the very name is replaced, or the text stays in memory."""
    plant(f"""
other, file = made(3.0)
del other
assert not file.exists()
{planted}
other, found = made(3.0)
if found == file:
    private(file)
else:
    assert str(found) == "<" + file.name + ">" and file.is_dir()
""", tmp_path)  # fmt: skip


def test_the_text_that_failed_is_the_one_that_ran(tmp_path):
    """An error's note comes from the program, not from what has become of its file since."""
    plant(
        """
import linecache
quotient = compile(lambda x: 1.0 / (weight * x), [weight])
quotient(0.5)
for variant in quotient._variants.values():
    [function] = variant.functions.values()
file = Path(function.__code__.co_filename)
file.write_text(file.read_text().replace("1.0", "9.0"))
linecache.clearcache()
try:
    quotient(0.0)
except ZeroDivisionError as error:
    assert "in / with 1.0 = 1.0, v = 0.0; " in error.__notes__[0], error.__notes__
else:
    raise AssertionError("0 is no denominator")
""",
        tmp_path,
    )


EIGHT = (
    PLANTED
    + """
import multiprocessing
context = multiprocessing.get_context("fork")
start = context.Barrier(8)

def work(number):
    start.wait(60)
    _, file = made(3.0)
    private(file)
    Path(f"answer {number}").write_text(f"{file}\\n{file.read_text()}")

workers = [context.Process(target=work, args=(number,)) for number in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
    assert worker.exitcode == 0
answers = [Path(f"answer {number}").read_text().partition("\\n") for number in range(8)]
folders = {Path(file).parent for file, _, _ in answers}
assert len(folders) == 8 and path.parent not in folders
assert len({(Path(file).name, text) for file, _, text in answers}) == 1
assert not any(folder.exists() for folder in folders) and path.exists()
print(path.parent)
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_eight_processes_compile_the_same_at_once(tmp_path):
    """Each has its file, with the same name and text, in a folder of its own that goes with it."""
    folder = Path(python(EIGHT, cwd=tmp_path).strip())
    assert not folder.exists()
