"""Good calls of all that is public, what bad input is given to it, and which of that is right."""

import io
import random
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import microgradnet
from microgradnet import (
    boundaries,
    course,
    data,
    expressions,
    figures,
    functional,
    idx,
    lessons,
    losses,
    nn,
    optim,
    plotting,
    saving,
    stepping,
    surfaces,
    training,
)
from microgradnet.checking import gradcheck
from microgradnet.compiling import compile
from microgradnet.engine import Value
from microgradnet.history import Epoch, History
from microgradnet.operations import OPERATIONS
from microgradnet.pipeline import Pipeline

pytest.importorskip("matplotlib")

# ---- what is given in each argument's place ------------------------------------------------------


class BrokenError(Exception):
    """What an object of the user's raises: it is his, and comes to him as it is."""


class Broken:
    """An object that has a length and items, and raises when it is asked."""

    def _raise(self, *_):
        raise BrokenError("it is broken")

    __len__ = __iter__ = __getitem__ = __contains__ = _raise


class Unshown:
    """An object whose repr raises."""

    def __repr__(self):
        raise BrokenError("it has no repr")


class Long:
    """An object with a long repr."""

    def __repr__(self):
        return "Long(" + "long " * 1_000 + ")"


class Array:
    """What an array of NumPy looks like."""

    shape, dtype, ndim = (2,), "float64", 1

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return [0.5, 1.5][i]

    def __array__(self, *_, **__):
        raise BrokenError("it is no array")

    def __float__(self):
        raise TypeError("only length-1 arrays can be converted to Python scalars")

    def __repr__(self):
        return "array([0.5, 1.5])"


BAD: dict[str, Callable[[], Any]] = {
    "none": lambda: None, "true": lambda: True, "zero": lambda: 0, "minus": lambda: -1,
    "two": lambda: 2, "many": lambda: 10**400, "most": lambda: 10**5000, "half": lambda: 0.5,
    "below": lambda: -0.5, "nan": lambda: float("nan"), "inf": lambda: float("inf"),
    "huge": lambda: 1e308, "complex": lambda: 1j,
    "text": lambda: "abc", "digits": lambda: "3", "blank": lambda: "",
    "escape": lambda: "\x1b[2J\n", "long text": lambda: "x" * 5_000, "bytes": lambda: b"ab",
    "empty": lambda: [], "list of none": lambda: [None], "texts": lambda: ["a", "b"],
    "numbers": lambda: [1.0, 2.0], "rows": lambda: [[1.0, 2.0]],
    "long list": lambda: [0.5] * 2_000, "dict": lambda: {"a": 1.0}, "no dict": dict,
    "set": lambda: {1.0},
    "value": lambda: Value(2.0), "array": Array, "broken": Broken, "unshown": Unshown, "long": Long,
    "function": lambda: lambda *arguments: None, "class": lambda: Value,
}  # fmt: skip

NUMBER = {"true", "zero", "minus", "two", "half", "below", "nan", "inf", "huge"}
FINITE = NUMBER - {"nan", "inf"}
POSITIVE = FINITE - {"zero", "minus", "below"}
OPERAND = NUMBER | {"value"}
FROM_0 = NUMBER - {"minus", "below", "nan"} | {"value", "many", "most"}
RATE = FROM_0 | {"function", "class"}  # of steps
WHOLE = {"true", "zero", "minus", "two", "many", "most"}
COUNT = {"two"}
TEXT = {"text", "digits", "blank", "escape", "long text"}
WORDS = TEXT - {"blank"}
FLAG = ANY = set(BAD)  # of a flag, its truth is asked, and of what is passed on, nothing
HASHED = set(BAD) - {
    "empty",
    "list of none",
    "texts",
    "numbers",
    "rows",
    "long list",
    "dict",
    "no dict",
    "set",
}
NONE = {"none"}
NAMES = {"none", "zero", "dict", "empty", "blank", "no dict"}  # of variables, beside the labels
FUNCTION = {"function"}
EMPTY = {"empty", "blank", "no dict"}
PAIR = {"numbers", "array", "bytes"}  # of numbers: a text of bytes is one
LISTS = PAIR | {"long list", "set"}
THINGS = EMPTY | LISTS | TEXT | {"texts", "rows", "list of none", "dict"}  # whatever has items
VALUES = {"value"}
ROW = {"numbers", "bytes", "array"}  # of two inputs
SEED = WHOLE | NONE | TEXT | {"bytes", "half", "below", "nan", "inf", "huge"}  # as random.Random


class Arg(NamedTuple):
    """A good argument; what of the bad may have an answer in its place, and in its items'."""

    good: Any
    takes: Set[str] = frozenset()
    items: tuple[Set[str], ...] = ()


Call = tuple[Callable[..., Any], dict[str, Any]]


def call(function: Callable[..., Any], **arguments: Any) -> Call:
    """Return a good call; an argument that is no Arg is not tried."""
    return function, arguments


# ---- good calls of everything that is public -----------------------------------------------------

POINTS = [[0.0, 0.5], [1.0, -0.5], [0.25, 2.0], [0.75, 0.125]]
TARGETS = [0, 1, 1, 0]
TABLE = "u,v,kind\n0,0.5,a\n1,-0.5,b\n0.25,2,b\n0.75,0.125,a\n"


def model():
    return nn.MLP(2, [2, 2], "tanh", seed=0, dropout=[0.0, 0.5])


def graph():
    """Return a result and a leaf below it, with gradients."""
    x, w = Value(2.0, "x"), Value(-3.0, "w")
    y = (x * w).tanh()
    y.backward()
    return y, w


def leaves():
    """Return two leaves with gradients."""
    made = [Value(1.0, "a"), Value(2.0, "b")]
    for v in made:
        v.grad = 0.5
    return made


def program(parameters=True):
    """Return a program of a squared error, or of a plain product."""
    w = Value(2.0, "w")
    if parameters:
        return compile(lambda x, y: (w * x - y) ** 2, [w])
    return compile(lambda x, y: OPERATIONS["mul"](x, y))


def frame():
    Path("t.csv").write_text(TABLE)
    return data.read_frame("t.csv")


def encoding():
    return data.Encoding.fit(frame(), "kind")


def pipeline(encoded=True):
    return Pipeline(encoding() if encoded else None, nn.MLP(2, [1], seed=0), ["a", "b"], "kind")


def history():
    return History([Epoch(1, 1.0, None, {}, 0.1, 0.01, {"layers.0": 0.5})])


def rows():
    return [([0.5, 1.0], 0), ([1.0, 0.5], 1)]


def file(name, content=b"old"):
    Path(name).write_bytes(content)
    return name


def unary(x):
    return x * x


def square(x, y=1.0):
    multiply = OPERATIONS["mul"]  # as that refuses what is no operand
    return multiply(multiply(x, x), y)


NOISE = Arg(0.5, {"zero", "two", "half", "huge", "true"})
TOY_SEED = Arg(0, {"zero", "two", "true"})
TITLE = Arg("a title", TEXT)


def saved():
    saving.save(nn.Neuron(1, seed=0), "m.json")
    return "m.json"


def lesson():
    return lessons.Lesson(False, Path("pictures"), {})


def played(lesson):
    lesson.claim("it holds", True)


def check_it(it):
    """Define it as 1."""
    return None if it == 1 else "it is not 1"


def mnist():
    for images, labels in idx.FILES:
        Path(images).write_bytes(
            bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(784)
        )
        Path(labels).write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    return "."


def confused(function):
    classes = Arg(["a", "b"], {"texts"}, (ANY,))
    index = {"zero", "true"}
    return call(
        function,
        targets=Arg([0, 1], {"texts"}, (index,)),
        predictions=Arg(["a", 1], {"texts"}, (index,)),
        classes=classes,
    )


def explained(**more):
    y, w = graph()
    function = microgradnet.what_if if more else microgradnet.explain
    return call(
        function, root=Arg(y, VALUES), target=Arg(w, VALUES), names=Arg(None, NAMES), **more
    )


def descent():
    x = Value(3.0)

    def closure():
        loss = (x - 1.0) ** 2
        loss.backward()
        return loss

    return optim.BFGS([x]), closure


def fitted():
    made = nn.MLP(2, [1], seed=0)
    return call(
        training.fit,
        model=Arg(made),
        loss=Arg(losses.hinge),
        rows=Arg(
            [([0.5, 1.0], 1), ([1.0, 0.5], -1)] * 4, set(), (set(), {"true", "minus", "value"})
        ),
        optimizer=Arg(optim.SGD(made.parameters(), lr=0.1), NONE),
        epochs=Arg(2, {"two", "many", "most"}),
        batch_size=Arg(8, {"none", "two", "many", "most"}),
        seed=Arg(0, SEED),
        validation=Arg(0.25, {"none", "half"}),
        metrics=Arg(["accuracy"], {"none", "empty", "no dict"}),
        penalty=Arg(None, EMPTY | {"none", "zero"}),
        compiled=Arg(True, FLAG),
        shuffle=Arg(True, FLAG),
        early_stopping=Arg(2, {"none", "two", "many", "most"}),
        callbacks=Arg((), EMPTY | {"function", "class"}),
        progress=Arg(None, NONE),
        executor=Arg(None, {"none", "function", "class"}),
        workers=Arg(1, {"none", "two", "many", "most"}),
    )


CALLS: dict[str, Callable[[], Call]] = {
    # ---- the engine, calculus, functions
    "Value": lambda: call(
        Value, data=Arg(1.0, NUMBER), label=Arg("x", TEXT | {"none", "zero", "empty", "no dict"})
    ),
    "Value.backward_steps": lambda: call(
        lambda names: list(graph()[0].backward_steps(names)), names=Arg(None, NAMES)
    ),
    **{
        f"Value.{name}": lambda name=name: call(getattr(Value(0.5), name), y=Arg(0.5, OPERAND))
        for name, op in OPERATIONS.items()
        if len(op.partials) == 2 and hasattr(Value, name)
    },
    "Value.clip": lambda: call(Value(1.0).clip, low=Arg(0.0, OPERAND), high=Arg(2.0, OPERAND)),
    "zero_grad": lambda: call(
        microgradnet.zero_grad, values=Arg(leaves(), EMPTY | VALUES, (VALUES,))
    ),
    "gradient": lambda: call(
        microgradnet.gradient,
        output=Arg(graph()[0], VALUES),
        inputs=Arg(leaves(), EMPTY, (VALUES,)),
    ),
    "grad": lambda: call(
        lambda f, argnums, x: microgradnet.grad(f, argnums)(x, 2.0),
        f=Arg(square),
        argnums=Arg(0, EMPTY | {"zero", "true", "minus"}),
        x=Arg(2.0, OPERAND),
    ),
    "value_and_grad": lambda: call(
        lambda f, argnums, x: microgradnet.value_and_grad(f, argnums)(x, 2.0),
        f=Arg(square),
        argnums=Arg([0], EMPTY | {"zero", "true", "minus"}, ({"zero", "true", "minus"},)),
        x=Arg(2.0, OPERAND),
    ),
    "jacobian": lambda: call(
        lambda f, argnums, x: microgradnet.jacobian(f, argnums)(x, 2.0),
        f=Arg(square),
        argnums=Arg(0, EMPTY | {"zero", "true", "minus"}),
        x=Arg(2.0, OPERAND),
    ),
    "hessian": lambda: call(
        lambda f, argnums, x: microgradnet.hessian(f, argnums)(x, 2.0),
        f=Arg(square),
        argnums=Arg(0, EMPTY | {"zero", "true", "minus"}),
        x=Arg(2.0, OPERAND),
    ),
    "jvp": lambda: call(
        microgradnet.jvp,
        f=Arg(square),
        primals=Arg([2.0, 3.0], PAIR, (OPERAND,)),
        tangents=Arg([1.0, 0.0], PAIR, (OPERAND,)),
    ),
    "hvp": lambda: call(
        microgradnet.hvp,
        f=Arg(square),
        primals=Arg([2.0, 3.0], PAIR, (OPERAND,)),
        tangents=Arg([1.0, 0.0], PAIR, (OPERAND,)),
    ),
    "vjp": lambda: call(
        lambda f, x, g: microgradnet.vjp(f, x, 2.0)[1](g),
        f=Arg(square),
        x=Arg(2.0, OPERAND),
        g=Arg(1.0, OPERAND),
    ),
    "gradcheck": lambda: call(
        gradcheck,
        f=Arg(square),
        inputs=Arg([2.0, 3.0], PAIR, (OPERAND,)),
        tolerance=Arg(1e-6, NUMBER - {"nan", "minus", "below"} | {"value"}),
        gradient=Arg([12.0, 4.0], PAIR | NONE | {"rows"}, (OPERAND | {"dict"},)),
        order=Arg(2, {"true", "two"}),
    ),
    "functional.clip": lambda: call(
        functional.clip, x=Arg(0.5, OPERAND), low=Arg(0.0, OPERAND), high=Arg(1.0, OPERAND)
    ),
    "functional.total": lambda: call(
        functional.total, values=Arg([1.0, 2.0], {*EMPTY, *LISTS}, (OPERAND,))
    ),
    "functional.mean": lambda: call(functional.mean, values=Arg([1.0, 2.0], LISTS, (OPERAND,))),
    "functional.dot": lambda: call(
        functional.dot, xs=Arg([1.0, 2.0], PAIR, (OPERAND,)), ys=Arg([1.0, 2.0], PAIR, (OPERAND,))
    ),
    "functional.logsumexp": lambda: call(
        functional.logsumexp, values=Arg([1.0, 2.0], LISTS, (OPERAND,))
    ),
    "functional.softmax": lambda: call(
        functional.softmax, values=Arg([1.0, 2.0], LISTS, (OPERAND,))
    ),
    "functional.log_softmax": lambda: call(
        functional.log_softmax, values=Arg([1.0, 2.0], LISTS, (OPERAND,))
    ),
    **{
        f"functional.{name}": lambda op=op: call(
            lambda **given: op(*given.values()),
            **{x: Arg(0.5, OPERAND) for x, _ in zip("xy", op.partials, strict=False)},
        )
        for name, op in OPERATIONS.items()
    },
    "losses.mean_squared_error": lambda: call(
        losses.mean_squared_error,
        prediction=Arg([1.0, 2.0], PAIR, (OPERAND,)),
        target=Arg([1.0, 2.0], PAIR, (OPERAND,)),
    ),
    "losses.hinge": lambda: call(
        losses.hinge, score=Arg(0.5, OPERAND), target=Arg(-1, {"true", "minus", "value"})
    ),
    "losses.binary_cross_entropy": lambda: call(
        losses.binary_cross_entropy,
        logit=Arg(0.5, OPERAND),
        target=Arg(1, {"true", "zero", "half", "value"}),
    ),
    "losses.cross_entropy": lambda: call(
        losses.cross_entropy,
        logits=Arg([0.5, 1.0], PAIR | {"long list"}, (OPERAND,)),
        target=Arg(1, {"true", "zero", "numbers"}),
    ),
    # ---- networks, optimisers, programs
    "nn.Module.load_state_dict": lambda: call(
        nn.Neuron(1, seed=0).load_state_dict, state=Arg({"w.0": 1.0, "b": 0.0}, set(), (NUMBER,))
    ),
    "nn.Neuron": lambda: call(
        nn.Neuron,
        nin=Arg(2, {"true", "two"}),
        activation=Arg("relu"),
        init=Arg("he"),
        seed=Arg(0, SEED),
        nout=Arg(1, {"true", "two"}),
        name=Arg("n", ANY),
    ),
    "nn.Neuron.__call__": lambda: call(nn.Neuron(2, seed=0), x=Arg([1.0, 2.0], PAIR, (OPERAND,))),
    "nn.Layer": lambda: call(
        nn.Layer,
        nin=Arg(2, {"true", "two"}),
        nout=Arg(2, {"true", "two"}),
        activation=Arg("relu"),
        init=Arg("he"),
        seed=Arg(0, SEED),
        name=Arg("n", ANY),
    ),
    "nn.Layer.__call__": lambda: call(nn.Layer(2, 2, seed=0), x=Arg([1.0, 2.0], PAIR, (OPERAND,))),
    "nn.MLP": lambda: call(
        nn.MLP,
        nin=Arg(2, {"true", "two"}),
        nouts=Arg([2, 1], {"bytes"}, ({"true", "two"},)),
        activation=Arg("relu"),
        output=Arg("relu"),
        seed=Arg(0, SEED),
        init=Arg("he"),
        dropout=Arg([0.0, 0.5], {"zero", "half"}, ({"zero", "half"},)),
    ),
    "nn.MLP.__call__": lambda: call(
        model(),
        x=Arg([1.0, 2.0], PAIR, (OPERAND,)),
        masks=Arg([0.0, 2.0], PAIR | NONE, (OPERAND,)),
    ),
    "nn.MLP.masks": lambda: call(model().masks, rng=Arg(random.Random(0))),
    "optim.Optimizer": lambda: call(
        optim.Optimizer,
        parameters=Arg(leaves(), set(), (VALUES,)),
        lr=Arg(0.1, RATE),
        weight_decay=Arg(0.0, FROM_0),
    ),
    "optim.SGD": lambda: call(
        optim.SGD,
        parameters=Arg(leaves(), set(), (VALUES,)),
        lr=Arg(0.1, RATE),
        momentum=Arg(0.5, FROM_0),
        nesterov=Arg(True, FLAG),
        weight_decay=Arg(0.0, FROM_0),
    ),
    "optim.Adam": lambda: call(
        optim.Adam,
        parameters=Arg(leaves(), set(), (VALUES,)),
        lr=Arg(0.1, RATE),
        betas=Arg((0.9, 0.999), set(), ({"zero", "half"},)),
        eps=Arg(1e-8, FROM_0),
        weight_decay=Arg(0.0, FROM_0),
    ),
    "optim.AdamW": lambda: call(
        optim.AdamW,
        parameters=Arg(leaves(), set(), (VALUES,)),
        lr=Arg(0.1, RATE),
        betas=Arg((0.9, 0.999), set(), ({"zero", "half"},)),
        eps=Arg(1e-8, FROM_0),
        weight_decay=Arg(0.0, FROM_0),
    ),
    "optim.BFGS": lambda: call(
        optim.BFGS, parameters=Arg(leaves(), set(), (VALUES,)), tolerance=Arg(1e-5, FROM_0)
    ),
    "optim.BFGS.minimise": lambda: call(
        lambda closure, steps: descent()[0].minimise(closure, steps),
        closure=Arg(descent()[1], {"class"}),
        steps=Arg(3, {"zero", "two", "true", "many", "most", "half", "inf", "huge", "value"}),
    ),
    "optim.BFGS.step": lambda: call(
        lambda closure: descent()[0].step(closure), closure=Arg(descent()[1], {"class"})
    ),
    "optim.clip_grad_norm": lambda: call(
        optim.clip_grad_norm,
        parameters=Arg(leaves(), EMPTY, (VALUES,)),
        maximum=Arg(0.1, FROM_0),
    ),
    "optim.clip_grad_value": lambda: call(
        optim.clip_grad_value,
        parameters=Arg(leaves(), EMPTY, (VALUES,)),
        maximum=Arg(0.1, FROM_0),
    ),
    "compile": lambda: call(
        compile, f=Arg(square, FUNCTION | {"class"}), parameters=Arg(leaves(), EMPTY, (VALUES,))
    ),
    "compiling.Program.__call__": lambda: call(
        lambda x, y: program()(x, y), x=Arg(0.5, OPERAND), y=Arg(1.0, OPERAND)
    ),
    "compiling.Program.value_and_grad": lambda: call(
        lambda numbers, x: program().value_and_grad(numbers, x, 1.0),
        numbers=Arg([0.5], {"set", "digits"}, (OPERAND | {"complex"},)),
        x=Arg(0.5, OPERAND),
    ),
    "compiling.Program.over": lambda: call(
        program().over, rows=Arg([(0.5, 1.0)], EMPTY | {"rows"}, (ROW, OPERAND))
    ),
    "compiling.Program.sums": lambda: call(
        program().sums,
        numbers=Arg([0.5], {"set", "digits"}, (OPERAND | {"complex"},)),
        rows=Arg([(0.5, 1.0)], EMPTY | {"rows"}, (ROW, OPERAND)),
        gradient=Arg([0.0], {"none", "set", "digits"}, (OPERAND | {"complex"},)),
    ),
    "compiling.Program.prepare": lambda: call(
        program().prepare, rows=Arg([(0.5, 1.0)], EMPTY | {"rows"}, (ROW, OPERAND))
    ),
    "compiling.Program.map": lambda: call(
        program(False).map, rows=Arg([(0.5, 1.0)], EMPTY | {"rows"}, (ROW, OPERAND))
    ),
    # ---- data
    "data.read_csv": lambda: call(
        data.read_csv, path=Arg(file("t.csv", TABLE.encode())), target=Arg("kind", NONE)
    ),
    "data.read_frame": lambda: call(
        data.read_frame,
        path=Arg(file("t.csv", TABLE.encode())),
        header=Arg(["p", "q", "r"], {"true"}, (WORDS,)),
        delimiter=Arg(",", NONE),
    ),
    "data.Frame": lambda: call(
        data.Frame,
        path=Arg("t.csv", ANY),
        names=Arg(["a", "b"], {"texts"}, (TEXT,)),
        rows=Arg([["1", "2"], ["3", "x"]], EMPTY, ({"texts"}, TEXT)),
        lines=Arg([2, 3], EMPTY | PAIR | {"none", "zero", "texts"}, (ANY,)),
    ),
    "data.Frame.position": lambda: call(frame().position, name=Arg("u")),
    "data.Frame.column": lambda: call(frame().column, name=Arg("u")),
    "data.Frame.take": lambda: call(
        frame().take, rows=Arg([0, 1], EMPTY, ({"zero", "true", "two", "minus"},))
    ),
    "data.Frame.where": lambda: call(
        frame().where, row=Arg(1, {"zero", "true", "two", "minus"}), name=Arg("u", ANY)
    ),
    "data.targets": lambda: call(
        data.targets,
        frame=Arg(frame()),
        name=Arg("kind"),
        kind=Arg("class", NONE),
        classes=Arg(["a", "b"], {"none", "texts"}, (TEXT,)),
    ),
    "data.Column": lambda: call(
        data.Column,
        name=Arg("a", WORDS),
        kind=Arg("category"),
        fill=Arg("u", NONE),
        categories=Arg(["u", "v"], set(), (WORDS,)),
        mean=Arg(0.0, FINITE),
        deviation=Arg(1.0, POSITIVE),
    ),
    "data.Column.encode": lambda: call(
        data.Column("a", "category", None, ["u", "v"]).encode, text=Arg("u")
    ),
    "data.Encoding": lambda: call(data.Encoding, columns=Arg([data.Column("a", "number")])),
    "data.Encoding.fit": lambda: call(
        data.Encoding.fit,
        frame=Arg(frame()),
        target=Arg("kind", NONE),
        drop=Arg(["u"], EMPTY, (set(),)),
        missing=Arg("fill"),
        standardise=Arg(True, FLAG),
        categories=Arg(["v"], EMPTY, (set(),)),
    ),
    "data.Encoding.transform": lambda: call(encoding().transform, frame=Arg(frame())),
    "data.Encoding.from_dict": lambda: call(
        data.Encoding.from_dict, data=Arg(encoding().to_dict())
    ),
    "data.Scaler.fit": lambda: call(
        data.Scaler.fit, rows=Arg(POINTS, {"rows"}, (PAIR, FINITE | VALUES))
    ),
    "data.Scaler.transform": lambda: call(
        data.Scaler([0.0, 0.0], [1.0, 1.0]).transform,
        rows=Arg(POINTS, EMPTY | {"rows"}, (PAIR, OPERAND | {"complex"})),
    ),
    "data.Scaler.inverse": lambda: call(
        data.Scaler([0.0, 0.0], [1.0, 1.0]).inverse,
        rows=Arg(POINTS, EMPTY | {"rows"}, (PAIR, OPERAND | {"complex"})),
    ),
    "data.dataset": lambda: call(data.dataset, name=Arg("iris")),
    "data.path": lambda: call(data.path, name=Arg("iris")),
    "data.load": lambda: call(data.load, name=Arg("iris")),
    "data.split": lambda: call(
        data.split,
        points=Arg(POINTS, set(), (ANY,)),
        targets=Arg(TARGETS, set(), (HASHED,)),
        test=Arg(0.25, {"half"}),
        seed=Arg(0, SEED),
        stratify=Arg(True, FLAG),
    ),
    "data.batches": lambda: call(
        lambda data_, size, rng: list(data.batches(data_, size, rng)),
        data_=Arg([1, 2, 3], THINGS, (ANY,)),
        size=Arg(2, {"true", "two", "many", "most"}),
        rng=Arg(random.Random(0)),
    ),
    "data.one_hot": lambda: call(
        data.one_hot, index=Arg(1, {"zero", "true"}), count=Arg(2, {"two"})
    ),
    "data.LegacyRandom": lambda: call(data.LegacyRandom, seed=Arg(0, {"zero", "true", "two"})),
    "data.LegacyRandom.shuffle": lambda: call(
        data.LegacyRandom(0).shuffle, x=Arg([1, 2, 3], THINGS, (ANY,))
    ),
    "data.permutation": lambda: call(data.permutation, n=Arg(3, {"zero", "two"}), seed=TOY_SEED),
    "data.moons": lambda: call(data.moons, n=Arg(4, COUNT), noise=NOISE, seed=TOY_SEED),
    "data.circles": lambda: call(
        data.circles, n=Arg(4, COUNT), noise=NOISE, factor=Arg(0.5, {"zero", "half"}), seed=TOY_SEED
    ),
    "data.spiral": lambda: call(
        data.spiral, n=Arg(4, COUNT), classes=Arg(2, COUNT), noise=NOISE, seed=TOY_SEED
    ),
    "data.blobs": lambda: call(
        data.blobs,
        n=Arg(4, COUNT),
        centers=Arg([[0.0, 1.0], [1.0, 2.0]], {"two", "true", "rows"}, (PAIR, FINITE)),
        noise=NOISE,
        seed=TOY_SEED,
    ),
    "data.xor": lambda: call(data.xor, n=Arg(4), noise=NOISE, seed=TOY_SEED),
    "data.read_idx": lambda: call(data.read_idx, path=Arg(file("i", b"\0\0\x08\1\0\0\0\2\1\2"))),
    "data.load_mnist": lambda: call(data.load_mnist, folder=Arg(mnist(), {"blank"})),
    # ---- training
    "fit": lambda: fitted(),
    "training.accuracy": lambda: call(
        training.accuracy,
        model=Arg(nn.MLP(2, [2], seed=0), set()),
        rows=Arg(rows(), set(), (set(),)),
    ),
    "training.correct": lambda: call(
        training.correct,
        outputs=Arg(
            [0.5, 1.0],
            OPERAND | {"many", "most", "numbers", "long list"},
            (OPERAND | {"many", "most"},),
        ),
        target=Arg(1, ANY),
    ),
    "training.predicted": lambda: call(
        training.predicted,
        outputs=Arg(
            [0.5, 1.0],
            OPERAND | {"many", "most", "numbers", "long list"},
            (OPERAND | {"many", "most"},),
        ),
    ),
    "training.majority": lambda: call(
        training.majority,
        targets=Arg([0, 1, 1], LISTS | WORDS | {"texts", "list of none", "dict"}, (HASHED,)),
    ),
    "pipeline.Pipeline": lambda: call(
        Pipeline,
        encoding=Arg(encoding(), NONE),
        model=Arg(nn.MLP(2, [1], seed=0)),
        classes=Arg(["a", "b"], {"none", "texts"}, (TEXT,)),
        target=Arg("kind", WORDS),
        scale=Arg((0.0, 1.0), set(), (POSITIVE,)),
    ),
    "pipeline.Pipeline.__call__": lambda: call(
        pipeline(), x=Arg([1.0, 2.0], PAIR, (OPERAND,)), masks=Arg(None, {"none", *EMPTY})
    ),
    "pipeline.Pipeline.masks": lambda: call(pipeline().masks, rng=Arg(random.Random(0), FLAG)),
    "pipeline.Pipeline.predict": lambda: call(
        pipeline(False).predict, rows=Arg(POINTS, EMPTY | {"rows"}, (PAIR, NUMBER - {"nan", "inf"}))
    ),
    "pipeline.Pipeline.probabilities": lambda: call(pipeline().probabilities, rows=Arg(frame())),
    "pipeline.Pipeline.outputs": lambda: call(
        pipeline(False).outputs, rows=Arg(POINTS, EMPTY | {"rows"}, (PAIR, OPERAND | {"complex"}))
    ),
    "save": lambda: call(
        microgradnet.save,
        model=Arg(model()),
        path=Arg("new.json", WORDS - {"long text"} | {"bytes"}),
    ),
    "load": lambda: call(microgradnet.load, path=Arg(saved())),
    "saving.to_torch": lambda: call(saving.to_torch, model=Arg(model())),
    "saving.from_torch": lambda: call(saving.from_torch, sequential=Arg(saving.to_torch(model()))),
    "history.History": lambda: call(
        History, epochs=Arg(list(history()), EMPTY), stopped=Arg("", ANY)
    ),
    "history.History.__getitem__": lambda: call(
        history().__getitem__, index=Arg(0, {"zero", "minus"})
    ),
    "history.History.to_csv": lambda: call(
        history().to_csv, path=Arg("h.csv", WORDS - {"long text"} | {"bytes"})
    ),
    # ---- what is seen
    "explain": lambda: explained(),
    "what_if": lambda: explained(change=Arg(0.1, NUMBER)),
    "anomaly": lambda: call(
        microgradnet.anomaly, root=Arg(graph()[0], VALUES), names=Arg(None, NAMES)
    ),
    "watch": lambda: call(
        microgradnet.watch,
        root=Arg(graph()[0], VALUES),
        when=Arg("nan", FUNCTION),
        do=Arg(print, FUNCTION | {"class"}),
        names=Arg(None, NAMES),
    ),
    "stepping.backward_steps": lambda: call(
        lambda root, names, keep: list(stepping.backward_steps(root, names, keep)),
        root=Arg(graph()[0], VALUES),
        names=Arg(None, NAMES),
        keep=Arg(True, FLAG),
    ),
    "record_lines": lambda: call(
        lambda on: microgradnet.record_lines(on).__exit__(None, None, None), on=Arg(True, FLAG)
    ),
    "debug": lambda: call(
        lambda root, names: microgradnet.debug(root, names, io.StringIO("q\n"), io.StringIO()),
        root=Arg(graph()[0], VALUES),
        names=Arg(None, NAMES),
    ),
    "draw": lambda: call(
        microgradnet.draw,
        v=Arg(graph()[0], VALUES),
        derivatives=Arg(True, FLAG),
        collapse=Arg("layer", NONE),
        names=Arg(None, NAMES),
    ),
    "render": lambda: call(
        microgradnet.render,
        v=Arg(graph()[0], VALUES),
        filename=Arg("g.dot"),
        derivatives=Arg(True, FLAG),
    ),
    "page": lambda: call(
        microgradnet.page,
        v=Arg(graph()[0], VALUES),
        filename=Arg("p.html", WORDS - {"long text"}),
        names=Arg(None, NAMES),
    ),
    "expressions.expression": lambda: call(
        expressions.expression,
        text=Arg("2 * x", {"digits"}),
        numbers=Arg({"x": 1.0}, set(), (NUMBER,)),
    ),
    "plotting.text_curve": lambda: call(
        plotting.text_curve,
        values=Arg([3.0, 2.0, 1.0], LISTS, (OPERAND,)),
        width=Arg(20),
        height=Arg(5),
        title=Arg("t", TEXT),
        number=Arg("step", TEXT | {"long list"}),
    ),
    "plotting.text_map": lambda: call(
        plotting.text_map,
        classify=Arg(lambda point: 0),
        points=Arg(POINTS, set(), (PAIR, FINITE | VALUES)),
        targets=Arg(TARGETS, set(), ({"zero", "true", "two"},)),
        width=Arg(20),
        height=Arg(5),
        classes=Arg(["a", "b"], THINGS - TEXT, (TEXT,)),
    ),
    "plotting.text_confusion": lambda: confused(plotting.text_confusion),
    "plotting.confusion": lambda: confused(plotting.confusion),
    "plotting.text_images": lambda: call(
        plotting.text_images,
        rows=Arg([[0.0, 1.0]] * 2, {"rows"}, (PAIR, FINITE | {"value"})),
        shape=Arg((1, 2), set(), ({"two", "true"},)),
        labels=Arg([0, 1], {*EMPTY, *PAIR, "texts"}, (ANY,)),
        width=Arg(20, WHOLE | {"half", "below"}),
    ),
    "figures.curves": lambda: call(
        figures.curves,
        series=Arg({"a": ([1.0], [2.0])}, set(), (set(), {"set"}, OPERAND)),
        title=TITLE,
        marks=Arg({"m": (1.0, 2.0)}, EMPTY | {"none", "zero"}, (PAIR, FINITE | {"value"})),
    ),
    "figures.loss_curves": lambda: call(
        figures.loss_curves, history=Arg(history(), set(), (set(),))
    ),
    "figures.gradient_norms": lambda: call(
        figures.gradient_norms, history=Arg(history(), set(), (set(),))
    ),
    "figures.weight_images": lambda: call(
        figures.weight_images,
        neurons=Arg([[0.5, 1.0]], {"rows"}, (PAIR, FINITE | {"value"})),
        shape=Arg((1, 2), set(), ({"two", "true"},)),
    ),
    "figures.confusion_matrix": lambda: confused(figures.confusion_matrix),
    "figures.write": lambda: call(
        figures.write,
        figure=Arg(figures.loss_curves(history())),
        path=Arg("f", WORDS - {"long text"}),
    ),
    "boundaries.decision_boundary": lambda: call(
        boundaries.decision_boundary,
        classify=Arg(lambda point: 0),
        points=Arg(POINTS, set(), (PAIR, FINITE | VALUES)),
        targets=Arg(TARGETS, set(), ({"zero", "true", "two"},)),
        classes=Arg(["a", "b"], THINGS - TEXT | {"none", "zero"}),
        features=Arg(["u", "v"], {"none", "texts"}, (TEXT | {"none", "zero", "empty", "no dict"},)),
        resolution=Arg(3, {"two"}),
        title=TITLE,
    ),
    "surfaces.surface": lambda: call(
        surfaces.surface,
        f=Arg(square, set()),
        xlim=Arg((0.0, 1.0), PAIR, (POSITIVE | VALUES,)),
        ylim=Arg((0.0, 1.0), PAIR, (POSITIVE | VALUES,)),
        path=Arg([(0.5, 0.5)], EMPTY | {"rows"}, (PAIR, NUMBER | {"value"})),
        title=TITLE,
        resolution=Arg(3, {"two"}),
        marks=Arg({"m": (1.0, 2.0)}, EMPTY | {"none", "zero"}, (PAIR, FINITE | {"value"})),
    ),
    # ---- lessons
    "lessons.Lesson.part": lambda: call(
        lesson().part, title=Arg("1.", ANY), column=Arg("published", ANY)
    ),
    "lessons.Lesson.say": lambda: call(lesson().say, text=Arg("so", TEXT)),
    "lessons.Lesson.figure": lambda: call(
        lesson().figure,
        name=Arg("f", ANY),
        published=Arg("0.5", {"digits", *WHOLE}),
        ours=Arg(0.5, OPERAND | {"digits"}),
        tolerance=Arg(None, OPERAND | NONE | {"many", "most"}),
    ),
    "lessons.Lesson.erratum": lambda: call(
        lesson().erratum,
        name=Arg("f", ANY),
        published=Arg("0.5", OPERAND | {"digits"}),
        ours=Arg(0.5, OPERAND | {"digits"}),
        correct=Arg("0.6", {"digits", *WHOLE}),
        why=Arg("so", ANY),
        tolerance=Arg(None, OPERAND | NONE | {"many", "most"}),
    ),
    "lessons.Lesson.claim": lambda: call(
        lesson().claim, text=Arg("so", ANY), holds=Arg(True, FLAG)
    ),
    "lessons.Lesson.picture": lambda: call(
        lesson().picture,
        name=Arg("p.txt", WORDS - {"long text"}),
        picture=Arg(lambda: "text", {"function", "class"}),
    ),
    "lessons.Lesson.progress": lambda: call(
        lambda items, what, total: list(lesson().progress(items, what, total)),
        items=Arg([1, 2], THINGS, (ANY,)),
        what=Arg("step", ANY),
        total=2,
    ),
    "lessons.run": lambda: call(
        lessons.run, main=Arg(played, FUNCTION), checks=Arg([check_it], ANY), arguments=[]
    ),
    "lessons.check": lambda: call(
        lessons.check,
        checks=Arg([check_it], EMPTY, (FUNCTION | {"class"},)),
        file=Arg(file("a.py", b"it = 1"), EMPTY | {"none", "zero"}),
    ),
    "course.find": lambda: call(course.find, wanted=Arg("6", {"digits"})),
}
