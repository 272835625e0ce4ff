"""Give every public function what it does not take: it says so in one line, and changes nothing.

What is tried, and which of it may have an answer, stands in `good_calls`.
"""

import contextlib
import decimal
import importlib
import inspect
import io
import os
import random
import re
import signal
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest
from good_calls import BAD, CALLS, Arg, Array, Broken, BrokenError, Long, Unshown

import microgradnet
from microgradnet import course, stepping
from microgradnet.engine import Value
from microgradnet.operations import OPERATIONS

KINS = (TypeError, ValueError, ArithmeticError, LookupError, OSError)  # and what comes of them
LONGEST = 500  # characters of a message

# ---- what is public ------------------------------------------------------------------------------

MODULES = "nn optim losses functional data training pipeline saving history plotting figures"
MODULES += (
    " boundaries surfaces idx lessons course stepping explaining checking expressions compiling"
)
SPECIAL = ("__call__", "__getitem__")
# Records that functions of the package make, what they give each other, and what runs lessons.
OTHERS = {
    "Value.record", "explaining.Anomaly", "explaining.Explanation", "explaining.WhatIf",
    "expressions.Condition", "expressions.Condition.meets", "history.bar", "history.lasagne",
    "history.lines", "history.silence", "history.table", "history.table_lines", "lessons.Lesson",
    "optim.Adam.decayed", "optim.Adam.moved", "optim.AdamW.decayed", "optim.Optimizer.moved",
    "optim.SGD.moved", "plotting.check_points", "plotting.class_index", "plotting.floats",
    "plotting.limits", "plotting.shaped", "stepping.Step", "stepping.Walk", "stepping.Walk.finish",
    "stepping.Walk.steps", "compiling.Program", "course.start", "course.start_all",
    "functional.operands",
}  # fmt: skip


def public() -> list[str]:
    """Return the names of what takes arguments, as CALLS has them: "module.function"."""
    found: dict[Any, str] = {}

    def add(name: str, thing: Any) -> None:
        if inspect.isclass(thing):
            if "__init__" in vars(thing) and takes(thing):
                found.setdefault(thing, name)
            for key, method in vars(thing).items():
                bare = getattr(method, "__func__", method)
                if (
                    (key in SPECIAL or key[0] != "_")
                    and inspect.isfunction(bare)
                    and takes(bare, 1)
                ):
                    found.setdefault(bare, f"{name}.{key}")
        elif callable(thing) and takes(thing):
            found.setdefault(thing, name)

    for name in microgradnet.__all__:
        add(name, getattr(microgradnet, name))
    for module in map(importlib.import_module, [f"microgradnet.{m}" for m in MODULES.split()]):
        short = module.__name__.rpartition(".")[2]
        own = [
            n for n, o in vars(module).items() if getattr(o, "__module__", "") == module.__name__
        ]
        for name in getattr(module, "__all__", own):
            if name[0] != "_":
                add(f"{short}.{name}", getattr(module, name))
    return list(found.values())


def takes(thing: Any, least: int = 0) -> bool:
    return len(inspect.signature(thing).parameters) > least


def test_whatever_is_public_is_tried() -> None:
    """A new function has an entry in the table, and an entry has its function."""
    operations = {f"functional.{name}" for name in OPERATIONS}
    assert {*public(), *operations} - OTHERS == set(CALLS)
    assert set(public()) >= OTHERS


# ---- trying --------------------------------------------------------------------------------------


def placed(good: Any, bad: Any, depth: int) -> Any:
    """Return a good list with something bad in the place of its last item, that many lists deep."""
    if depth == 0:
        return bad
    if isinstance(good, dict):
        key = list(good)[-1]
        return good | {key: placed(good[key], bad, depth - 1)}
    items = [*good[:-1], placed(good[-1], bad, depth - 1)]
    return tuple(items) if isinstance(good, tuple) else items


def tries(name: str):
    """Yield each try: the argument, how deep, what of the bad; and whether an answer is right."""
    for argument, given in CALLS[name]()[1].items():
        if isinstance(given, Arg):
            for depth, takes_ in enumerate([given.takes, *given.items]):
                for label in BAD:
                    yield argument, depth, label, label in takes_


def world(arguments: Any) -> Any:
    """Return what must stay: numbers and gradients of arguments, files, what Python shares."""
    found, todo, seen = [], [arguments], {}
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, Broken | Unshown | Long | Array):
            continue
        seen[id(item)] = item  # kept alive, as its id is
        if isinstance(item, Value):
            found.append(f"{item.data!r} {item.grad!r} {item.label}")  # nan is nan here
            todo += [item.x, item.y]
        elif isinstance(item, list | tuple | set):
            found.append(len(item))
            todo += list(item)
        elif isinstance(item, dict):
            found.append(list(map(str, item)))
            todo += list(item.values())
        elif isinstance(item, str | bytes | int | float):
            found.append(item if isinstance(item, int) else repr(item))
        elif isinstance(item, random.Random):
            found.append(item.getstate())
        elif type(item).__module__.startswith("microgradnet") and hasattr(item, "__dict__"):
            todo.append({k: v for k, v in vars(item).items() if k[0] != "_"})
        elif isinstance(item, types.MethodType):
            todo.append(item.__self__)
    files = {
        Path(folder, name): Path(folder, name).read_bytes()
        for folder, _, names in os.walk(".")
        for name in names
    }
    return (
        found, files, random.getstate(), list(warnings.filters), str(decimal.getcontext()),
        os.getcwd(), len(stepping.OPEN_WALKS), sys.getrecursionlimit(), list(OPERATIONS),
        signal.getsignal(signal.SIGINT),
        [vars(Value)[name] is slot for name, slot in SLOTS.items()],
    )  # fmt: skip


SLOTS = {name: vars(Value)[name] for name in Value.__slots__}  # a class is no Value, but has them


def faults(name: str, argument: str, bad: Any, error: BaseException) -> list[str]:
    """Return what is wrong with an error: its kind, its length, or what it does not say."""
    if type(error) is BrokenError:
        return []
    if not isinstance(error, KINS):
        return [f"{type(error).__name__} is no kin"]
    text, notes = str(error), getattr(error, "__notes__", [])
    if PYTHONS.fullmatch(text) or (
        type(error).__module__ == "builtins" and text.startswith("[Errno ")
    ):
        return []  # as of float(10**400), and of a file: it is named
    found = []
    whole = "\n".join([text, *notes])
    words = {argument, *name.split(".")} - {"__call__"}
    has_rule = re.search("( not | no | has none).*; ", whole)
    if not has_rule and not any(word in whole for word in words):
        found.append("it names neither function nor argument")
    if not re.search("[0-9'\\[<({]|None|True|nan|inf", text):
        found.append("it has not what was given")
    if max(map(len, [text, *notes])) > LONGEST:
        found.append(f"it is long: {len(text)}")
    if not all(line.isprintable() for line in [*text.splitlines(), *notes]):
        found.append("it has control characters")
    if "; " not in whole:
        found.append("it has no remedy")
    return found


# What floats and Python say, and so what a Value, an operation or a function of the user's does.
PYTHONS = re.compile(
    "int too large to convert to float|cannot fit 'int' into an index-sized integer|"
    "math (domain|range) error|.*Numerical result out of range.*|.*division by zero|"
    ".* is not a real number|.* cannot be raised to a negative power|list ind.*|"
    r".*\(\) (missing|takes) \d .*positional arguments?.*"
)


def tried(name: str) -> list[str]:
    """Return what is wrong with the answers to bad input of one function."""
    wrong = []
    for argument, depth, label, right in tries(name):
        function, arguments = CALLS[name]()
        good = {k: v.good if isinstance(v, Arg) else v for k, v in arguments.items()}
        bad = BAD[label]()
        given = good | {argument: placed(good[argument], bad, depth)}
        before = world((good, function))
        what = f"{name}({argument}{'[...]' * depth}={label})"
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                answer = function(**given)
        except Exception as error:
            own = right and label in ("function", "class")  # the user's, which fail as they do
            found = [] if own else faults(name, argument, bad, error)
            if not own and world((good, function)) != before:
                found.append("it changed something")
            told = f"{type(error).__name__}: {error!s:.300}"
        else:
            found = [] if right else ["an answer"]
            told = f"{type(answer).__name__}"
        wrong += [f"{what}: {', '.join(found)}: {told}"] * bool(found)
    return wrong


@pytest.fixture(scope="module")
def lessons_at_hand():
    """Return the lessons: to find them anew for every try takes too long."""
    return course.catalogue()


@pytest.mark.parametrize("name", CALLS)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(
    name, lessons_at_hand, tmp_path, monkeypatch
) -> None:
    """An error says where, what was given and the remedy; or there is a right answer."""
    if "torch" in name:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(course, "catalogue", lambda: lessons_at_hand)
    assert tried(name) == []
