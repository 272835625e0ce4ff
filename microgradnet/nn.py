"""Build networks of neurons.

>>> model = MLP(2, [4, 1], activation="tanh", seed=1)
>>> print(model)
MLP(2, [4, 1], activation='tanh', output='linear'): 17 parameters
  layers.0  Layer(2, 4, activation='tanh'): 12 parameters
  layers.1  Layer(4, 1, activation='linear'): 5 parameters
>>> model([1.0, -2.0])
Value(data=0.15519430533963327, grad=0.0, label='layers.1.neurons.0', op='+')
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from microgradnet.engine import Value, as_number, as_value, assign, zero_grad
from microgradnet.errors import explained, show, wrong
from microgradnet.operations import OPERATIONS, Operand

Seed = int | random.Random | None

# A name -> one weight of a neuron with `nin` inputs in a layer of `nout`; biases start at 0.
INITIALISATIONS: dict[str, Callable[[Any, int, int], float]] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),  # micrograd
    "lecun": lambda rng, nin, nout: rng.gauss(0, math.sqrt(1 / nin)),  # LeCun et al., 1998
    "xavier": lambda rng, nin, nout: (  # Glorot and Bengio, 2010
        rng.uniform(-1, 1) * math.sqrt(6 / (nin + nout))
    ),
    "he": lambda rng, nin, nout: rng.gauss(0, math.sqrt(2 / nin)),  # He et al., 2015
}


WIDEST = 10_000_000  # inputs, or units, of a layer: their weights take gigabytes


class Module:
    """A part of a model: it finds the parameters in its attributes, and in lists and dicts there.

    Every leaf Value, and every parameter of a Module, that can be reached so is a parameter.
    """

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield (path, parameter), such as ("layers.0.neurons.2.w.1", Value), each Value once."""
        seen, paths = set(), set()
        for path, found in _contents(vars(self), ""):
            if isinstance(found, Value) and found.rule is None and found not in seen:
                if path in paths:
                    rule = "parameters with a path each"
                    raise wrong(repr(self), rule, path, "give two keys other names")
                seen.add(found)
                paths.add(path)
                yield path, found

    def parameters(self) -> list[Value]:
        """Return the parameters in the order of named_parameters()."""
        return [p for _, p in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the grad of every parameter to 0: backward() adds to what is there.

        The grad of inputs is not touched: see `engine.zero_grad`.
        """
        zero_grad(self.parameters())

    def state_dict(self) -> dict[str, float]:
        """Return path -> number for every parameter."""
        return {path: p.data for path, p in self.named_parameters()}

    @explained
    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter from path -> number; after an error nothing has changed."""
        named = dict(self.named_parameters())
        missing = [path for path in named if path not in state]
        unknown = [path for path in state if path not in named]
        if missing or unknown:
            raise ValueError(
                f"load_state_dict() takes the parameters of this model; missing: "
                f"{_some(missing)}; not in the model: {_some(unknown)}; see state_dict()"
            )
        assign(list(named.values()), data=[as_number(state[path]) for path in named])

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __str__(self) -> str:
        parts = [
            (path, part)
            for path, part in _contents(vars(self), "", deep=False)
            if isinstance(part, Module)
        ]
        width = max((len(path) for path, _ in parts), default=0)
        lines = [f"  {path:<{width}}  {part.summary()}" for path, part in parts]
        return "\n".join([self.summary(), *lines])

    def summary(self) -> str:
        """Return one line: what it is, and how many parameters it has."""
        count = len(self.parameters())
        return f"{self!r}: {count:,} parameter{'s' * (count != 1)}"


def _contents(
    found: Any, path: str, deep: bool = True, above: tuple[Any, ...] = ()
) -> Iterator[tuple[str, Any]]:
    # Depth first, in the order of writing; recursion is as deep as the modules are nested.
    yield path, found
    inside = vars(found) if isinstance(found, Module) and (deep or not path) else found
    if isinstance(inside, Mapping):
        items = [(str(key), item) for key, item in inside.items()]
    elif isinstance(inside, list | tuple):
        items = [(str(index), item) for index, item in enumerate(inside)]
    else:
        return
    if any(inside is outer for outer in above):
        return  # a child that knows its parent
    for name, item in items:
        yield from _contents(item, f"{path}.{name}" if path else name, deep, (*above, inside))


class Neuron(Module):
    """activation(b + w0 * x0 + w1 * x1 + ...), a function of `nin` numbers or Values.

    `activation` names an operation of one operand, or is "linear"; `init` names an entry of
    INITIALISATIONS. The weights come from `seed`, an int or a random.Random; by default from the
    module `random`, so that random.seed() holds, as in micrograd.
    """

    @explained
    def __init__(
        self, nin: int, activation: str = "relu", *, init: str = "uniform", seed: Seed = None,
        nout: int = 1, name: str = "neuron",
    ) -> None:  # fmt: skip
        _check_size("nin", nin)
        _check_size("nout", nout)
        self.activation = _chosen("activation", activation, ["linear", *activations()])
        weight = INITIALISATIONS[_chosen("init", init, INITIALISATIONS)]
        rng = _random(seed)
        self.w = [Value(weight(rng, nin, nout), f"{name}.w.{i}") for i in range(nin)]
        self.b = Value(0.0, f"{name}.b")
        self.name = name

    def __call__(self, x: Sequence[Operand]) -> Value:
        _check_count(self, len(self.w), x)
        z = self.b
        for weight, operand in zip(self.w, x, strict=True):
            z = z + weight * operand
        if self.activation != "linear":
            z = OPERATIONS[self.activation](z)
        z.label = self.name
        return z

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, activation={self.activation!r})"


class Layer(Module):
    """`nout` neurons side by side: a function from `nin` numbers or Values to a list of Values."""

    @explained
    def __init__(
        self, nin: int, nout: int, activation: str = "relu", *, init: str = "uniform",
        seed: Seed = None, name: str = "layer",
    ) -> None:  # fmt: skip
        _check_size("nout", nout)
        rng = _random(seed)
        self.neurons = [
            Neuron(nin, activation, init=init, seed=rng, nout=nout, name=f"{name}.neurons.{i}")
            for i in range(nout)
        ]

    def __call__(self, x: Sequence[Operand]) -> list[Value]:
        _check_count(self, len(self.neurons[0].w), x)
        x = [as_value(operand) for operand in x]  # a number becomes one leaf, not one a neuron
        return [neuron(x) for neuron in self.neurons]

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Layer({len(first.w)}, {len(self.neurons)}, activation={first.activation!r})"


class MLP(Module):
    """A multilayer perceptron: layers of the widths `nouts`, the last with `output` as activation.

    Called on `nin` numbers or Values it gives a list of Values, or the one Value of a last layer
    of width 1. For `activation`, `init` and `seed` see Neuron.

    `dropout` is the share of the units of each hidden layer that training leaves out, or a sequence
    with a share for the input of each layer (Srivastava et al., 2014). There is no mode to switch:
    `model(x)` leaves out none, `model(x, masks)` those whose mask is 0, and `fit` draws masks for
    each row. A Module of one's own that holds an MLP passes both on.

    >>> model = MLP(2, [4, 1], dropout=0.5, seed=1)
    >>> masks = model.masks(random.Random(0))
    >>> masks, model([1.0, -2.0]).data, model([1.0, -2.0], masks).data
    ([2.0, 2.0, 0.0, 0.0], -1.2922762061695752, -2.8436367107649345)
    """

    @explained
    def __init__(
        self, nin: int, nouts: Sequence[int], activation: str = "relu", output: str = "linear",
        seed: Seed = None, init: str = "uniform", dropout: float | Sequence[float] = 0.0,
    ) -> None:  # fmt: skip
        if not isinstance(nouts, Sequence) or not nouts:
            raise ValueError(
                f"nouts takes the widths of the layers, not {show(nouts)}; try [16, 1]"
            )
        _chosen("activation", activation, ["linear", *activations()])
        rng = _random(seed)
        self.sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [
            Layer(
                self.sizes[i], self.sizes[i + 1], output if i == last else activation,
                init=init, seed=rng, name=f"layers.{i}",
            )
            for i in range(len(nouts))
        ]  # fmt: skip
        self.activation = activation
        self.output = output
        self.dropout = _shares(dropout, len(nouts))  # of the input of each layer

    def __call__(self, x: Sequence[Operand], masks: Sequence[Operand] | None = None) -> Any:
        _check_count(self, self.sizes[0], x)
        if masks is not None:
            return self._masked(x, masks)
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def _masked(self, x: Sequence[Any], masks: Sequence[Operand]) -> Any:
        count = sum(size for size, share in zip(self.sizes, self.dropout, strict=False) if share)
        _check_count(self, count, masks, "masks", "draw them with masks(rng)")
        factors = iter(masks)
        for layer, share in zip(self.layers, self.dropout, strict=True):
            if share:
                x = [operand * next(factors) for operand in x]
            x = layer(x)
        return x[0] if len(x) == 1 else x

    @explained
    def masks(self, rng: random.Random) -> list[float]:
        """Return one example's factors of the units that may be left out, in order: none, or all.

        With a share of p a unit has 0.0 with probability p, else 1 / (1 - p), so that what it adds
        to the next layer is as large as without masks, in the mean.
        """
        return [
            0.0 if rng.random() < share else 1.0 / (1.0 - share)
            for size, share in zip(self.sizes, self.dropout, strict=False)
            if share
            for _ in range(size)
        ]

    def __repr__(self) -> str:
        nin, *nouts = self.sizes
        dropout = f", dropout={self.dropout}" if any(self.dropout) else ""
        activations = f"activation={self.activation!r}, output={self.output!r}"
        return f"MLP({nin}, {nouts}, {activations}{dropout})"


def activations() -> list[str]:
    """Return the names of the operations that a layer may end in, beside "linear"."""
    return [name for name, op in OPERATIONS.items() if len(op.partials) == 1 or op.default]


def _random(seed: Seed) -> Any:
    return random if seed is None else seed if hasattr(seed, "gauss") else random.Random(seed)


def _chosen(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise ValueError(f"{what} is one of {', '.join(names)}, not {show(name)}; choose one")
    return name


def _check_count(
    module: Module, count: int, given: Any, what: str = "inputs", remedy: str = "give one for each"
) -> None:
    if not hasattr(given, "__len__") or isinstance(given, type):
        raise wrong(repr(module), f"a list of {count} {what}", given, remedy, TypeError)
    if len(given) != count:
        raise ValueError(f"{module!r} takes {count} {what}, not {len(given)}; {remedy}")


def _check_size(what: str, size: Any) -> None:
    if not isinstance(size, int) or not 1 <= size <= WIDEST:
        rule = f"a whole number from 1 to {WIDEST:,}"
        raise wrong(what, rule, size, "the number of inputs or units")


def _shares(dropout: Any, count: int) -> list[float]:
    # A share for the input of each layer; one number is for all hidden layers.
    single = isinstance(dropout, int | float)
    shares = [0.0] + [dropout] * (count - 1) if single else dropout
    if not isinstance(shares, Sequence) or isinstance(shares, str) or len(shares) != count:
        rule = f"dropout takes a share, or a sequence of {count}, one for the input of each layer"
        raise ValueError(f"{rule}, not {show(dropout)}; try 0.5")
    for share in [dropout] if single else shares:
        if not isinstance(share, int | float) or not 0.0 <= share < 1.0:
            rule = f"dropout takes shares from 0 to below 1, not {show(share)}"
            raise ValueError(f"{rule}; 0 leaves out no unit, 0.5 half of them")
    return [float(share) for share in shares]


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(map(show, paths[:3])) + more or "none"
