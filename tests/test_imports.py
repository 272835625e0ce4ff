"""Hold the order of the house: a module imports only from the floors above it."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import microgradnet

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(microgradnet.__file__).parent

ROOMS = """
    errors scalars operations engine calculus functional parameters nn losses bfgs optim checking
    naming lines tracing scheduling printing shapes generated compiling expressions stepping
    explaining collapsing networks drawing prompting recording debugging pages reading idx
    tables toys data pipeline exchanging saving history parallel training plotting canvas
    figures surfaces boundaries lessons course commands cli __main__
"""
FLOORS = re.findall(r"\w+", ROOMS)
# A Value shows itself, and a Value is stepped through: methods of `Value`, for the sake of
# whoever looks there, that open on a lower floor when they are called.
DOORS = {
    ("engine", "Value._repr_mimebundle_", "drawing"),
    ("engine", "Value.backward_steps", "stepping"),
}
INSIDE_FUNCTIONS = {"graphviz", "matplotlib", "torch", "tqdm"}
MODULES = [  # without the lessons, which a wheel has in the package
    path.relative_to(PACKAGE)
    for path in sorted(PACKAGE.rglob("*.py"))
    if PACKAGE / "_demos" not in path.parents
]


def imports(tree: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, str, bool]]:
    """Yield (what is imported, the qualified name of where, whether a function is around it).

    What only a type checker sees is left out.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, ".".join(inside), "()" in "".join(inside)
        elif isinstance(node, ast.ImportFrom):
            parts = ["microgradnet"] if node.level else []
            base = ".".join([*parts, *filter(None, [node.module])])
            for name in node.names:
                whole = f"{base}.{name.name}" if base == "microgradnet" else base
                yield whole, ".".join(inside), "()" in "".join(inside)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imports(ast.Module(node.orelse, []), inside)
        elif isinstance(node, ast.ClassDef):
            yield from imports(node, (*inside, node.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(node, (*inside, f"{node.name}()"))
        else:
            yield from imports(node, inside)


def faults(module: str, source: str) -> list[str]:
    """Return what a module of that name may not import."""
    found = []
    for imported, where, in_function in imports(ast.parse(source)):
        package, _, rest = imported.partition(".")
        place = where.replace("()", "") or "the module's own level"
        if package == "microgradnet":
            target = rest.partition(".")[0]
            if target not in FLOORS:
                found.append(f"{imported}, in {place}: name the module that it is defined in")
            elif (
                module != "__init__"
                and (module, place, target) not in DOORS
                and FLOORS.index(target) >= FLOORS.index(module)
            ):
                found.append(f"{imported}, in {place}: {target} is not above {module}")
        elif package in INSIDE_FUNCTIONS:
            if not in_function:
                found.append(f"{imported}, in {place}: import it inside the function that needs it")
        elif package not in sys.stdlib_module_names:
            found.append(f"{imported}, in {place}: neither the standard library nor an extra")
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_imports_only_from_the_floors_above(path):
    """Each module has its floor, and imports from those above it and the standard library."""
    assert path.stem in [*FLOORS, "__init__"], (
        f"{path} has no floor; add it to FLOORS in {__file__}, below all that it imports"
    )
    assert len(path.parts) == 1, f"the package is flat: move {path} to its top"
    assert faults(path.stem, (PACKAGE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine", "from microgradnet.operations import Op\nimport math"),
        ("engine", "from microgradnet import operations, scalars"),
        ("engine", "from . import operations"),
        ("engine", "from .operations import Op"),
        ("operations", "if TYPE_CHECKING:\n    from microgradnet.engine import Value"),
        (
            "engine",
            "class Value:\n def _repr_mimebundle_(self):\n  from microgradnet.drawing import draw",
        ),
        (
            "engine",
            "class Value:\n def backward_steps(self):\n  from microgradnet.stepping import steps",
        ),
        ("drawing", "def render():\n    import graphviz"),
        ("training", "def fit():\n    try:\n        from tqdm import tqdm\n    except E: pass"),
        ("__init__", "from microgradnet import cli, nn"),
    ],
)
def test_an_import_that_is_allowed(module, source):
    """The checker lets a higher floor, a door, and an extra inside a function pass."""
    assert faults(module, source) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("operations", "from microgradnet.engine import Value"),
        ("operations", "import microgradnet.engine"),
        ("operations", "from microgradnet import engine"),
        ("operations", "from .engine import Value"),
        ("operations", "from . import engine"),
        ("operations", "def later():\n    from microgradnet.engine import Value"),
        ("operations", "if TYPE_CHECKING:\n    pass\nelse:\n    import microgradnet.engine"),
        ("operations", "try:\n    import microgradnet.engine\nexcept ImportError:\n    pass"),
        ("engine", "class Value:\n    def draw(self):\n        import microgradnet.drawing"),
        ("engine", "def _repr_mimebundle_(v):\n    import microgradnet.drawing"),
        ("engine", "class Value:\n    def backward_steps(self):\n        import microgradnet.cli"),
        ("engine", "import microgradnet.engine"),
        ("nn", "from microgradnet import Value"),
        ("nn", "import microgradnet"),
        ("nn", "from microgradnet import *"),
        ("nn", "import numpy"),
        ("nn", "def convert():\n    import numpy"),
        ("drawing", "import graphviz"),
        ("training", "class Bar:\n    import tqdm"),
        ("plotting", "try:\n    from matplotlib import pyplot\nexcept ImportError:\n    pass"),
        ("__init__", "import torch"),
    ],
)
def test_an_import_that_is_refused(module, source):
    """The checker finds an import from below, of the package itself, and of other packages."""
    assert len(faults(module, source)) == 1


QUIET = """
import logging, random, sys, threading, warnings
before = random.getstate(), list(logging.root.handlers), logging.root.level
filters, hook, limit = list(warnings.filters), sys.excepthook, sys.getrecursionlimit()
display = sys.displayhook
import {modules}
assert (random.getstate(), list(logging.root.handlers), logging.root.level) == before
assert (warnings.filters, sys.excepthook, sys.getrecursionlimit()) == (filters, hook, limit)
assert sys.displayhook is display
assert threading.active_count() == 1
loaded = {{"graphviz", "tqdm", "matplotlib", "numpy", "torch"}} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.parametrize("modules", ["the package", "every module"])
def test_import_is_quiet(tmp_path, modules):
    """An import prints and writes nothing, loads no extra, and changes no setting."""
    names = ["microgradnet"]
    if modules == "every module":  # but __main__, which is there to run
        names += [f"microgradnet.{p.stem}" for p in MODULES if not p.stem.startswith("__")]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET.format(modules=", ".join(names))],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_public_names_exist():
    """Each name in __all__ is there, once, and a star import gives exactly these."""
    names = getattr(microgradnet, "__all__", None)
    if names is None:
        pytest.skip("microgradnet has no __all__ yet")
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(microgradnet, name)]
    assert missing == []
    given: dict[str, object] = {}
    exec("from microgradnet import *", given)
    assert set(given) - {"__builtins__"} == set(names)
