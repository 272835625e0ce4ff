"""Change a module on purpose, in one place at a time, and count the changes that a test catches.

    python tests/benchmarks/mutate.py engine --count 130 --seed 1

A change is a comparison, an operator or a constant replaced, a condition negated, a statement
removed, None returned, a decorator dropped, two arguments swapped; in the texts of the rules as in
the code. Not changed are annotations, docstrings, and the words of messages. The tests run in a
copy of the checkout, on the changed module, until one fails; a change that makes them loop, or take
memory without end, is caught by the limits. Exit status 1 if fewer than 90 % are caught.
"""

import argparse
import ast
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from operator import setitem
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies  # noqa: F401
import mpmath  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ENOUGH = 0.9
# The tests that concern a module, beside its own and its doctests: those that fail fast first.
TESTS = {
    "engine": ["calculus", "functional", "lines", "stepping", "every_operation"],
    "calculus": ["functional", "checking", "engine"],
    "compiling": ["tracing", "printing"],
    "stepping": ["explaining", "debugging", "debuggers"],
}
AROUND = 40  # characters that are shown before and after what is changed
SECONDS = 300  # of the processor, for the tests as they are; with a change, three times their time
BYTES = 3 << 30

SWAPS: dict[type[ast.AST], list[type[Any]]] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.GtE: [ast.Gt, ast.Lt],
    ast.Gt: [ast.GtE, ast.LtE], ast.LtE: [ast.Lt, ast.Gt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.Mod: [ast.FloorDiv], ast.FloorDiv: [ast.Div],
    ast.And: [ast.Or], ast.Or: [ast.And],
}  # fmt: skip
NO_BEHAVIOUR = {"annotation", "returns", "exc", "format_spec"}
REMOVED = ast.Expr | ast.Assign | ast.AugAssign | ast.Raise | ast.Delete | ast.For | ast.Continue


class Change(NamedTuple):
    """A changed module: its text, the line of the original, and what stood and stands there."""

    text: str
    line: int
    before: str
    after: str


def changes(source: str) -> list[Change]:
    """Return every change of a module, in order, each once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found = {}
    for line, text in changed(tree):
        if text != original:
            found.setdefault(text, Change(text, line, *difference(original, text)))
    return list(found.values())


def changed(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, the text with something else in the place of one node)."""
    line = 1
    for put, node in places(tree):
        line = getattr(node, "lineno", line)
        for other in instead(node):
            put(other)
            yield line, ast.unparse(ast.fix_missing_locations(tree))
        put(node)


def places(parent: ast.AST) -> Iterator[tuple[Callable[[ast.AST], None], ast.AST]]:
    """Yield (what puts another node in its place, node) for all that has a behaviour."""
    for field, value in ast.iter_fields(parent):
        if field in NO_BEHAVIOUR:
            continue
        children = value if isinstance(value, list) else [value]
        for i, node in enumerate(children):
            if isinstance(node, ast.AST) and not _silent(node, parent):
                many = children is value
                put = partial(setitem, value, i) if many else partial(setattr, parent, field)
                yield put, node
                yield from places(node)


def _silent(node: ast.AST, parent: ast.AST) -> bool:
    # What only a reader or a type checker sees.
    match node:
        case ast.Expr(ast.Constant(str())) | ast.If(ast.Name("TYPE_CHECKING")):
            return True
        case ast.Constant(str()):
            return isinstance(parent, ast.JoinedStr)
    return False


def instead(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    match node:
        case ast.cmpop() | ast.operator() | ast.boolop() if type(node) in SWAPS:
            yield from (other() for other in SWAPS[type(node)])
        case ast.BinOp(left, ast.BitOr(), right):  # of types, and of dicts
            yield from (left, right)
        case ast.BoolOp(op, [first, *rest]):
            yield from (ast.BoolOp(op, rest), ast.BoolOp(op, [first, *rest[:-1]]))
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(str(value)):
            yield from map(ast.Constant, _texts(value))
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(_negated(test), body, orelse)
        case ast.If(test, body, orelse):
            yield ast.If(_negated(test), body, orelse)
        case ast.While(test, body, orelse):
            yield ast.While(_negated(test), body, orelse)
        case ast.Return(value) if value and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Call(function, [first, second, *rest], keywords):
            yield ast.Call(function, [second, first, *rest], keywords)
        case ast.FunctionDef(decorator_list=[_, *rest]) | ast.ClassDef(decorator_list=[_, *rest]):
            yield type(node)(**{**dict(ast.iter_fields(node)), "decorator_list": rest})
    if isinstance(node, REMOVED):
        yield ast.Pass()


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _texts(text: str) -> Iterator[str]:
    # A rule is changed as code is; a message, which has spaces, is not.
    rule = re.sub(r"\{([xyz])\}", r"\1", text)
    if rule != text or re.fullmatch(r"-?\d+\.\d+", text):
        with suppress(SyntaxError):
            for _, other in changed(ast.parse(rule, mode="eval")):
                other = re.sub(r"\b([xyz])\b", r"{\1}", other)
                yield f"({other})" if text.startswith("(") else other
    elif " " not in text:
        yield text + "?"


def difference(before: str, after: str) -> tuple[str, str]:
    """Return what two texts do not share, with some of the line around it."""
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    start = max(before.rfind("\n", 0, start) + 1, start - AROUND)
    rest = before[len(before) - end :].split("\n", 1)[0][:AROUND]
    parts = (text[start : len(text) - end] + rest for text in (before, after))
    ours, theirs = (" ".join(part.split()) for part in parts)
    return ours, theirs


def _shared(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(one), len(other)))


def tests_pass(checkout: Path, tests: list[str], seconds: int) -> bool:
    """Return whether the tests pass, in a process of their own, within seconds of its time."""
    child = os.fork()  # it has pytest already: most tests take less time than to import that
    if not child:
        os.setsid()
        os.chdir(checkout)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        signal.alarm(20 * seconds)  # where it waits, or other processes keep the machine
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        os._exit(pytest.main(["-x", "-p", "no:cacheprovider", *tests]))
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return status == 0


def main() -> int:
    """Change a module, and print the changes that no test catches."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("module", help="a module of the package, such as engine")
    parser.add_argument("--count", type=int, default=100, help="how many changes; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", help="changes by their number in the list")
    options = parser.parse_args()
    name = options.module
    path = Path("microgradnet", f"{name}.py")
    source = (ROOT / path).read_text()
    found = changes(source)
    chosen = range(len(found))
    if options.only:
        chosen = options.only
    elif 0 < options.count < len(found):
        chosen = sorted(random.Random(options.seed).sample(chosen, options.count))
    tests = [f"tests/test_{name}.py", str(path)]
    tests += [f"tests/test_{other}.py" for other in TESTS.get(name, [])]
    tests = [test for test in tests if (ROOT / test).exists()]
    print(f"{name}: {len(chosen)} of {len(found)} changes, seed {options.seed}: {' '.join(tests)}")
    left = 0
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder, "checkout")
        shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        sys.path.insert(0, str(checkout))
        os.environ |= {"PYTHONPATH": str(checkout), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        (checkout / path).write_text(ast.unparse(ast.parse(source)))
        if not tests_pass(checkout, tests, SECONDS):
            raise SystemExit("the tests fail on the module as it is")
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        # A file of bytecode tells its source by size and second: that of a change is not written.
        for file in (checkout / path).parent.glob(f"__pycache__/{name}.*"):
            file.unlink()
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        for number in chosen:
            (checkout / path).write_text(found[number].text)
            if tests_pass(checkout, tests, 10 + 3 * int(used)):
                left += 1
                _, line, before, after = found[number]
                print(f"{number}, line {line}: {before}\n    -> {after}", flush=True)
    caught = len(chosen) - left
    print(f"{name}: {caught} of {len(chosen)} caught, {caught / len(chosen):.1%}")
    return int(caught < ENOUGH * len(chosen))


if __name__ == "__main__":
    sys.exit(main())
