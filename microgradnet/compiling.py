"""Compile a loss: trace it once, print it as Python, and run that many times faster.

>>> from microgradnet import losses, nn
>>> model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
>>> loss = lambda x, y: losses.mean_squared_error(model(x), y)
>>> program = compile(loss, model.parameters())
>>> program([0.5, -1.0], 1.0) == loss([0.5, -1.0], 1.0).data
True
>>> program.over([([0.5, -1.0], 1.0), ([0.25, 2.0], 0.0)])  # the sum, and its gradient
0.8997182777714224
>>> program.cache_info()
CacheInfo(programs=2, shapes=1)

What is a float (or a Value) among the inputs, also in nested lists and tuples, varies from call to
call. Everything else (int, str, bool, None: a class index, a token) is fixed, and gets a program of
its own. The numbers of parameters, and of other Values that the loss finds outside, are read at
each call. In PyTorch this is torch.compile; here the result is a file that can be read, and stepped
through in a debugger.

Threads can share a program. While one of them traces, for inputs of a new shape, the parameters
have no numbers: programs wait for it, and nothing else may use or pickle them meanwhile.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import copy
from itertools import zip_longest
from typing import Any, NamedTuple

from microgradnet import shapes
from microgradnet.calculus import check_function, flatten, is_recording, rebuild
from microgradnet.engine import Value, assign, check_gradients, end_walks, topological_order
from microgradnet.errors import explained, printable, show
from microgradnet.generated import annotate, loaded
from microgradnet.lines import warn
from microgradnet.parameters import leaves
from microgradnet.printing import Printer
from microgradnet.tracing import LOCK, alone, trace, varies

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
        check_function("compile()", f)
        self.parameters = leaves("compile()", parameters, least=0)
        self._f: Callable[..., Any] | None = f
        self._name = printable(str(getattr(f, "__name__", type(f).__name__)))
        self._variants: dict[Hashable, _Variant] = {}

    def __call__(self, *inputs: Any) -> Any:
        variant, inputs = self._variant(inputs)
        if not self.parameters:
            return variant.run("value", variant.numbers([]), inputs)
        numbers = variant.numbers(_data(self.parameters))
        loss, gradient = variant.run("value_and_grad", numbers, inputs)
        end_walks(self.parameters)
        pairs = zip(self.parameters, gradient, strict=True)
        try:
            for p, g in pairs:
                p.grad += g
        except TypeError:
            check_gradients(self._name, self.parameters)
            raise
        except BaseException:  # Ctrl-C, which comes between two pairs: it adds the others before
            for p, g in pairs:
                p.grad += g
            raise
        return loss

    @explained
    def value_and_grad(self, numbers: Sequence[float], *inputs: Any) -> tuple[float, list[float]]:
        """Return the loss and its gradient at parameters of these numbers; no Value is touched."""
        self._needs_parameters("value_and_grad")
        numbers = self._one_each(numbers)
        variant, inputs = self._variant(inputs)
        result: tuple[float, list[float]] = variant.run(
            "value_and_grad", variant.numbers(numbers), inputs
        )
        return result

    def over(self, rows: "Iterable[Sequence[Any]] | Rows") -> float:
        """Return the sum of the losses of rows of inputs, and add their gradients to `grad`.

        The loop runs inside the compiled function. The bits are those of one call after another.
        After an error, or Ctrl-C, no gradient is changed.
        """
        self._needs_parameters("over")
        end_walks(self.parameters)
        numbers = _data(self.parameters)
        before = [p.grad for p in self.parameters]
        try:
            total, gradient = self.sums(numbers, rows, before)
        except TypeError:
            check_gradients(self._name, self.parameters)
            raise
        try:
            for p, g in zip(self.parameters, gradient, strict=True):
                p.grad = g
        except BaseException:  # Ctrl-C: all of them, or none
            assign(self.parameters, grad=before)
            raise
        return total

    @explained
    def sums(
        self, numbers: Sequence[float], rows: "Iterable[Sequence[Any]] | Rows",
        gradient: Sequence[float] | None = None,
    ) -> tuple[float, list[float]]:  # fmt: skip
        """Return the sum of the losses of rows, and `gradient` (by default 0) plus theirs."""
        total, numbers = 0.0, self._one_each(numbers)
        sums = [0.0] * len(self.parameters) if gradient is None else self._one_each(gradient)
        prepared = rows if isinstance(rows, Rows) else self.prepare(rows)
        if prepared.program is not self:
            raise ValueError(f"{self!r} takes rows that it has prepared, not {show(prepared)}")
        for variant, same in prepared.groups:
            total, sums = variant.run("over", variant.numbers(numbers), same, total, sums)
        return total, sums

    @explained
    def prepare(self, rows: Iterable[Sequence[Any]]) -> "Rows":
        """Return rows for over() and sums() that take the same ones time and again.

        What each needs is looked up once, which takes a fifth to two thirds of the time of a small
        network: an int, such as a class, has a program of its own. Do not change them afterwards.
        """
        rows, groups = list(map(_row, rows)), []
        keys = list(map(shapes.key, rows))
        start, end = 0, len(rows)
        alike = not keys or keys.count(keys[0]) == end
        while start < len(rows):  # one group for neighbours of one shape
            key = keys[start]
            variant, first = self._variant(rows[start], key)
            if not alike:
                end = next((i for i in range(start, len(rows)) if keys[i] != key), len(rows))
            same = rows[start:end]
            groups.append((variant, same if first is same[0] else list(map(shapes.plain, same))))
            start = end
        return Rows(self, groups)

    @explained
    def map(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the results of a forward-only program on rows of inputs.

        They are those of one call after another; but the numbers of the Values that it finds
        outside, such as a model's parameters, are read once, which halves the time of a small
        network.
        """
        if self.parameters:
            raise ValueError("map() takes a program without parameters; use compile(f)")
        numbers: dict[_Variant, Sequence[float]] = {}
        results = []
        for row in map(_row, rows):
            variant, inputs = self._variant(row)
            if variant not in numbers:
                numbers[variant] = variant.numbers([])
            results.append(variant.run("value", numbers[variant], inputs))
        return results

    @property
    def source(self) -> str:
        """The text of the programs made so far; "" before the first call."""
        return "\n\n".join(variant.source for variant in list(self._variants.values()))

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

    def _one_each(self, numbers: Sequence[float]) -> list[float]:
        if len(numbers) != len(self.parameters):
            raise ValueError(
                f"{self._name} has {len(self.parameters)} parameters, not {len(numbers)}; "
                "give one number for each"
            )
        return numbers if isinstance(numbers, list) else [float(number) for number in numbers]

    def _variant(self, inputs: Sequence[Any], key: Hashable = None) -> "tuple[_Variant, Any]":
        # The program for these inputs, and the inputs with a plain float for each that varies.
        key = key or shapes.key(inputs)
        try:
            return self._variants[key], inputs
        except KeyError:
            pass
        except TypeError:
            raise TypeError(
                "inputs are numbers in lists and tuples, or fixed values that can be hashed, "
                f"not {show(inputs)}; make arrays lists"
            ) from None
        self._refuse_parameters(inputs)
        plain, given = shapes.plain(inputs), key
        key = shapes.key(plain)
        if key == given:
            plain = inputs  # as it is: over() need not copy its rows
        if key not in self._variants:
            with alone():
                if key not in self._variants:  # still, where another thread was here
                    self._variants[key] = self._traced(inputs, plain)
            if len(self._variants) == MANY + 1:
                warn(
                    f"{self._name} has more than {MANY} programs, one for each int, str or shape "
                    "of its inputs; give what varies as floats"
                )
        return self._variants[key], plain

    def _refuse_parameters(self, inputs: Sequence[Any]) -> None:
        parameters = set(self.parameters)
        for v in flatten(list(inputs)):
            if not isinstance(v, Value):
                continue
            if is_recording():
                raise ValueError(
                    f"a compiled function is no part of a derivative, but {v!r} is given to one "
                    "within grad(), jvp() or another; give them the function itself"
                )
            if not parameters.isdisjoint(topological_order(v)):
                raise ValueError(
                    f"no gradient flows into the inputs, but {v!r} is made of parameters; let the "
                    "loss make it, or give its number"
                )

    def _traced(self, inputs: Sequence[Any], plain: Sequence[Any]) -> "_Variant":
        if self._f is None:
            raise ValueError(
                "a copied or pickled Program runs the inputs whose shapes and fixed values it has "
                f"seen, not {show(inputs)}; call it on such inputs before"
            )
        given = (
            Value(v) if varies(v) and not isinstance(v, Value) else v for v in flatten(list(inputs))
        )
        # As Values, like the traced ones; this also finds the Values that f did not make itself.
        expected = self._f(*rebuild(list(inputs), given))
        outside = _everything(expected)
        met: list[Value] = []
        for _ in range(2):  # the second time a branch on what f met outside is an error too
            output, leaves = trace(self._f, inputs, [*self.parameters, *met])
            inside = _everything(output)
            known = {*self.parameters, *leaves}
            met = [v for v in inside if v in outside and v not in known]
            if not met:
                break
        captured = [v for v in met if v.rule is None]
        if self.parameters and not isinstance(output, Value):
            raise TypeError(
                f"a loss gives one Value, not {show(output)}; drop the parameters, or sum"
            )
        header = f"# {self._name!a}, traced on inputs of the shape\n# {shapes.shape(inputs)}"
        pattern = shapes.pattern(self._f, inputs)
        printer = Printer(output, self.parameters, leaves, pattern, captured, header)
        variant = _Variant(printer, captured, self._name)
        self._check(variant, plain, expected)
        return variant

    def _check(self, variant: "_Variant", inputs: Sequence[Any], expected: Any) -> None:
        # A loss that is not a function of its inputs alone (random numbers) shows at once.
        numbers = variant.numbers([p.data for p in self.parameters])
        if self.parameters:
            found = [variant.run("value_and_grad", numbers, inputs)[0]]
        else:
            found = list(flatten(variant.run("value", numbers, inputs)))
        for ours, number in zip_longest(found, map(float, flatten(expected))):
            if ours != number and not (ours != ours and number != number):
                raise ValueError(
                    f"compile() takes a function of its inputs alone, and {self._name} gave "
                    f"{number!r}, then {ours!r}; give random numbers as inputs"
                )


class Rows(NamedTuple):
    """Rows of inputs that a program has prepared: its variants, and the rows that each runs."""

    program: Program
    groups: "list[tuple[_Variant, list[Any]]]"

    def __repr__(self) -> str:
        return f"Rows({sum(len(same) for _, same in self.groups)} of {self.program!r})"


class _Variant:
    """The program for one shape of inputs: its texts, made when first needed, and functions."""

    def __init__(self, printer: Printer, captured: list[Value], name: str) -> None:
        self.captured, self.name = captured, name
        self.printer: Printer | None = printer
        self.texts: dict[str, str] = {}
        self.functions: dict[str, Callable[..., Any]] = {}

    def numbers(self, numbers: Sequence[float]) -> Sequence[float]:
        """Return the numbers of the parameters, followed by those of the captured Values."""
        return [*numbers, *_data(self.captured)] if self.captured else numbers

    def run(self, kind: str, *arguments: Any) -> Any:
        """Run one of the functions: value, value_and_grad or over."""
        function = self.functions.get(kind) or self.made(kind)
        try:
            return function(*arguments)
        except (ArithmeticError, ValueError) as error:
            annotate(error, function)
            raise

    def made(self, kind: str) -> Callable[..., Any]:
        """Return a function, printed and compiled."""
        if kind not in self.texts:
            printers = {"value": "value", "value_and_grad": "once", "over": "over"}
            # A printer of its own: two threads may want two texts at once.
            self.texts[kind] = getattr(copy(self.printer), printers[kind])()
        function = self.functions[kind] = loaded(self.texts[kind], kind, self.name)
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


def _row(row: Sequence[Any]) -> Sequence[Any]:
    return row if isinstance(row, list | tuple) else tuple(row)  # as of a table of NumPy


def _data(values: Sequence[Value]) -> list[float]:
    # Where a thread traces them, another one waits: meanwhile they have no numbers.
    try:
        return [v.data for v in values]
    except TypeError:
        with LOCK:
            return [v.data for v in values]


def _everything(tree: Any) -> dict[Value, None]:
    # Every Value that a result is made of, in order.
    return dict.fromkeys(
        v for root in flatten(tree) if isinstance(root, Value) for v in topological_order(root)
    )
