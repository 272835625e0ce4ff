"""Compile a loss: trace it once, print it as Python, and run that many times faster.

>>> from microgradnet import losses, nn
>>> model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
>>> loss = lambda x, y: losses.mean_squared_error(model(x), y)
>>> program = compile(loss, model.parameters())
>>> program([0.5, -1.0], 1.0) == loss([0.5, -1.0], 1.0).data
True
>>> program.over([([0.5, -1.0], 1.0), ([0.25, 2.0], 0.0)])  # the sum, and its gradient
1.5065985219543147
>>> program.cache_info()
CacheInfo(programs=1, shapes=1)

What is a float (or a Value) among the inputs, also in nested lists and tuples, varies from call to
call. Everything else (int, str, bool, None: a class index, a token) is fixed, and gets a program of
its own. The numbers of parameters, and of other Values that the loss finds outside, are read at
each call. In PyTorch this is torch.compile; here the result is a file that can be read, and stepped
through in a debugger.
"""

import builtins
import hashlib
import itertools
import linecache
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from microgradnet.calculus import flatten
from microgradnet.engine import Value, topological_order
from microgradnet.printing import Printer
from microgradnet.tracing import trace, varies

MANY = 64  # programs of one function, past which something that varies is fixed by mistake


class CacheInfo(NamedTuple):
    """How many texts were compiled, for how many shapes and fixed values of the inputs."""

    programs: int
    shapes: int


def compile(f: Callable[..., Any], parameters: Iterable[Value] = ()) -> "Program":
    """Return the Program of f: of a loss with its parameters, or forward only without any.

    f takes numbers in nested lists and tuples, and fixed values; of a loss it gives one Value.
    """
    return Program(f, parameters)


class Program:
    """A function as compiled Python, traced anew for each shape and fixed value of its inputs.

    `program(*inputs)` returns the loss as a float, and adds its gradient to the parameters' `grad`,
    with the bits of `f(*inputs).backward()`; of a forward-only program it returns f's result as
    numbers. A Program can be pickled, and then runs the shapes that it has seen.
    """

    def __init__(self, f: Callable[..., Any], parameters: Iterable[Value] = ()) -> None:
        if not callable(f):
            raise TypeError(f"compile() takes a function, not {f!r}; write lambda x: ...")
        self.parameters = list(dict.fromkeys(parameters))
        for p in self.parameters:
            if not isinstance(p, Value) or p.rule is not None:
                raise TypeError(f"compile() takes leaf Values as parameters, not {p!r}")
        self._f: Callable[..., Any] | None = f
        self._name = getattr(f, "__name__", type(f).__name__)
        self._variants: dict[Hashable, _Variant] = {}

    def __call__(self, *inputs: Any) -> Any:
        variant = self._variant(inputs)
        if not self.parameters:
            return variant.run("value", variant.numbers([]), inputs)
        numbers = variant.numbers([p.data for p in self.parameters])
        loss, gradient = variant.run("value_and_grad", numbers, inputs)
        for p, g in zip(self.parameters, gradient, strict=True):
            p.grad += g
        return loss

    def value_and_grad(self, numbers: Sequence[float], *inputs: Any) -> tuple[float, list[float]]:
        """Return the loss and its gradient at parameters of these numbers; no Value is touched."""
        self._needs_parameters("value_and_grad")
        variant = self._variant(inputs)
        result: tuple[float, list[float]] = variant.run(
            "value_and_grad", variant.numbers(numbers), inputs
        )
        return result

    def over(self, rows: Iterable[Sequence[Any]]) -> float:
        """Return the sum of the losses of rows of inputs, and add their gradients to `grad`.

        The loop runs inside the compiled function. The bits are those of one call after another.
        """
        self._needs_parameters("over")
        numbers = [p.data for p in self.parameters]
        total, gradient = self.sums(numbers, rows, [p.grad for p in self.parameters])
        for p, g in zip(self.parameters, gradient, strict=True):
            p.grad = g
        return total

    def sums(
        self, numbers: Sequence[float], rows: Iterable[Sequence[Any]],
        gradient: Sequence[float] | None = None,
    ) -> tuple[float, list[float]]:  # fmt: skip
        """Return the sum of the losses of rows, and `gradient` (by default 0) plus theirs."""
        total = 0.0
        sums = [0.0] * len(self.parameters) if gradient is None else list(gradient)
        for _, group in itertools.groupby(map(tuple, rows), key=_key):
            same = list(group)
            variant = self._variant(same[0])
            total, sums = variant.run("over", variant.numbers(numbers), same, total, sums)
        return total, sums

    @property
    def source(self) -> str:
        """The text of the programs made so far; "" before the first call."""
        return "\n\n".join(variant.source for variant in self._variants.values())

    def cache_info(self) -> CacheInfo:
        """Return how many programs there are, and for how many shapes of the inputs."""
        count = sum(len(variant.functions) for variant in self._variants.values())
        return CacheInfo(count, len(self._variants))

    def __repr__(self) -> str:
        return f"Program({self._name}, {len(self.parameters)} parameters, {self.cache_info()})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_f": None}

    def _needs_parameters(self, what: str) -> None:
        if not self.parameters:
            raise ValueError(
                f"{what}() takes a program with parameters; use compile(f, parameters)"
            )

    def _variant(self, inputs: Sequence[Any]) -> "_Variant":
        key = _key(inputs)
        try:
            return self._variants[key]
        except KeyError:
            variant = self._variants[key] = self._traced(inputs)
            if len(self._variants) == MANY + 1:
                warnings.warn(
                    f"{self._name} has more than {MANY} programs, one for each int, str or shape "
                    "of its inputs; give what varies as floats",
                    RuntimeWarning, stacklevel=3,
                )  # fmt: skip
            return variant
        except TypeError:
            raise TypeError(
                "inputs are numbers in lists and tuples, or fixed values that can be hashed, "
                f"not {inputs!r}; make arrays lists"
            ) from None

    def _traced(self, inputs: Sequence[Any]) -> "_Variant":
        if self._f is None:
            raise ValueError(
                "a pickled Program runs the inputs whose shapes and fixed values it has seen, not "
                f"{inputs!r}; call it on such inputs before pickling"
            )
        expected = self._f(*inputs)  # also finds the Values that f did not make itself
        output, leaves = trace(self._f, inputs, self.parameters)
        outside = {
            v for o in flatten(expected) if isinstance(o, Value) for v in topological_order(o)
        }
        inside = dict.fromkeys(
            v for o in flatten(output) if isinstance(o, Value) for v in topological_order(o)
        )
        known = {*self.parameters, *leaves}
        captured = [v for v in inside if v.rule is None and v in outside and v not in known]
        if self.parameters and not isinstance(output, Value):
            raise TypeError(f"a loss gives one Value, not {output!r}; drop the parameters, or sum")
        pattern = _pattern(self._f, inputs)
        header = f"# {self._name!a}, traced on inputs of the shape\n# {_shape(inputs)!a}"
        printer = Printer(output, self.parameters, leaves, pattern, captured, header)
        variant = _Variant(printer, captured, self._name)
        self._check(variant, inputs, expected)
        return variant

    def _check(self, variant: "_Variant", inputs: Sequence[Any], expected: Any) -> None:
        # A loss that is not a function of its inputs alone (random numbers) shows at once.
        numbers = variant.numbers([p.data for p in self.parameters])
        if self.parameters:
            found = [variant.run("value_and_grad", numbers, inputs)[0]]
        else:
            found = list(flatten(variant.run("value", numbers, inputs)))
        for ours, theirs in zip(found, flatten(expected), strict=True):
            number = float(theirs)
            if ours != number and not (ours != ours and number != number):
                raise ValueError(
                    f"compile() takes a function of its inputs alone, and {self._name} gave "
                    f"{number!r}, then {ours!r}; give random numbers as inputs"
                )


class _Variant:
    """The program for one shape of inputs: its texts, made when first needed, and functions."""

    def __init__(self, printer: Printer, captured: list[Value], name: str) -> None:
        self.captured, self.name = captured, name
        self.printer: Printer | None = printer
        self.texts: dict[str, str] = {}
        self.functions: dict[str, Callable[..., Any]] = {}

    def numbers(self, numbers: Sequence[float]) -> Sequence[float]:
        """Return the numbers of the parameters, followed by those of the captured Values."""
        return [*numbers, *(v.data for v in self.captured)] if self.captured else numbers

    def run(self, kind: str, *arguments: Any) -> Any:
        """Run one of the functions: value, value_and_grad or over."""
        function = self.functions.get(kind) or self.made(kind)
        try:
            return function(*arguments)
        except (ArithmeticError, ValueError) as error:
            _explain(error, function)
            raise

    def made(self, kind: str) -> Callable[..., Any]:
        """Return a function, printed and compiled."""
        if kind not in self.texts:
            assert self.printer is not None
            printers = {"value": "value", "value_and_grad": "once", "over": "over"}
            self.texts[kind] = getattr(self.printer, printers[kind])()
        text = self.texts[kind]
        path = _written(text, self.name)
        namespace: dict[str, Any] = {"__name__": "microgradnet_program", "__file__": path}
        exec(builtins.compile(text, path, "exec"), namespace)
        function: Callable[..., Any] = namespace[kind]
        self.functions[kind] = function
        return function

    @property
    def source(self) -> str:
        """The texts of the functions that were made."""
        return "\n\n".join(self.texts.values())

    def __getstate__(self) -> dict[str, Any]:
        for kind in ("value_and_grad", "over"):  # the printer, with its graph, stays behind
            if self.printer and self.printer.parameters and kind not in self.texts:
                self.made(kind)
        return {**self.__dict__, "printer": None, "functions": {}}


def _key(item: Any) -> Hashable:
    # The shape of inputs: floats by their place alone, all else with its type and value.
    if isinstance(item, list | tuple):
        kinds = set(map(type, item))
        if kinds == {float}:
            return len(item)
        return tuple(map(_key, item))
    return None if varies(item) else (type(item), item)


def _shape(item: Any) -> Any:
    # The same to read: float in the place of what varies.
    if isinstance(item, list | tuple):
        return type(item)(map(_shape, item))
    return float if varies(item) else item


def _pattern(f: Callable[..., Any], inputs: Sequence[Any]) -> str:
    # How inputs are unpacked, named after the parameters of f: "(x_0, x_1), y, ".
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    if hasattr(f, "__self__"):
        names = names[1:]
    names += [f"input_{i}" for i in range(len(names), len(inputs))]

    def unpacked(item: Any, name: str) -> str:
        if isinstance(item, list | tuple):
            parts = (unpacked(part, f"{name}_{i}") for i, part in enumerate(item))
            return "(" + "".join(f"{part}, " for part in parts).removesuffix(" ") + ")"
        return name if varies(item) else "_"

    names = [re.sub(r"\W|^_+", "", name, flags=re.ASCII) or "x" for name in names]
    return (
        "".join(f"{unpacked(i, n)}, " for i, n in zip(inputs, names, strict=False)).strip() or "()"
    )


def _explain(error: BaseException, function: Callable[..., Any]) -> None:
    # Add the line of the program that failed, with the numbers in it.
    code = function.__code__
    step = error.__traceback__
    while step and step.tb_frame.f_code is not code:
        step = step.tb_next
    if step:
        line = linecache.getline(code.co_filename, step.tb_lineno).strip()
        known = step.tb_frame.f_locals
        words = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line.partition("=")[2] or line))
        numbers = ", ".join(f"{w} = {known[w]!r}" for w in words if isinstance(known.get(w), float))
        error.add_note(f"in {line!r} with {numbers} ({code.co_filename}, line {step.tb_lineno})")


def _written(text: str, name: str) -> str:
    # A real file of the user's own, so that debuggers show it and breakpoints hold.
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    safe = re.sub(r"\W", "", name, flags=re.ASCII) or "program"
    path = os.path.join(_folder(), f"{safe}_{digest}.py")
    try:
        handle, temporary = tempfile.mkstemp(dir=_folder(), suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        path = f"<{os.path.basename(path)}>"  # nowhere to write: in memory alone
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    return path


_FOLDERS: list[str] = []


def _folder() -> str:
    # One folder a process, 0700, removed at its end; programs in it are named by their text.
    if not _FOLDERS:
        _FOLDERS.append(tempfile.mkdtemp(prefix="microgradnet-"))
    return _FOLDERS[0]
