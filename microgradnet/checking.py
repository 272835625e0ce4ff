"""Check derivatives against finite differences.

>>> print(gradcheck(lambda x, y: x.relu() * y, [0.0, 2.0]))
gradcheck: 2 derivatives agree with finite differences (relative 1e-06)
  input       analytic        numeric   relative error
  0                  0              1          1.0e+00  (a kink: each side has its own slope)
  1                  0              0          0.0e+00
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from microgradnet import calculus, functional
from microgradnet.calculus import Tree, flatten, rebuild, recording
from microgradnet.engine import Value, as_value, graph
from microgradnet.errors import explained, show, wrong
from microgradnet.parameters import not_negative

# Central differences err by step^2 from the curve and by 1e-16/step from rounding: the cube root
# of the machine epsilon balances the two.
STEP = (2.0**-52) ** (1 / 3)

Slopes: TypeAlias = tuple[float, float, float, float, float]


class Derivative(NamedTuple):
    """One line of a report: the derivative by one input, or by two, computed twice."""

    name: str
    analytic: float
    numeric: float
    error: float  # relative to the larger of the two, absolute below 1
    kink: bool  # the slopes on the two sides differ
    agrees: bool  # within the tolerance; at a kink, between the two slopes


class Report(NamedTuple):
    """What gradcheck() found: true where every derivative agrees, and readable when printed."""

    derivatives: tuple[Derivative, ...]
    tolerance: float

    def __bool__(self) -> bool:
        return all(d.agrees for d in self.derivatives)

    def __str__(self) -> str:
        wrong = sum(not d.agrees for d in self.derivatives)
        count = len(self.derivatives)
        many = f"{count} derivative" + "s" * (count != 1)
        verdict = (
            f"{wrong} of {many} {'differs' if wrong == 1 else 'differ'} from"
            if wrong
            else f"{many} {'agrees' if count == 1 else 'agree'} with"
        )
        width = max([5, *(len(d.name) for d in self.derivatives)])
        lines = [
            f"gradcheck: {verdict} finite differences (relative {self.tolerance:g})",
            f"  {'input':<{width}}  {'analytic':>13}  {'numeric':>13}   relative error",
        ]
        for d in self.derivatives:
            mark = "" if d.agrees else "  <- wrong"
            kink = "  (a kink: each side has its own slope)" if d.kink else ""
            lines.append(
                f"  {d.name:<{width}}  {d.analytic:>13.7g}  {d.numeric:>13.7g}  "
                f"{d.error:>15.1e}{mark}{kink}"
            )
        return "\n".join(lines)


@explained
def gradcheck(
    f: Callable[..., Any], inputs: Iterable[Tree], tolerance: float = 1e-6,
    gradient: Iterable[Tree] | None = None, order: int = 1,
) -> Report:  # fmt: skip
    """Return a Report that compares the gradient of f(*inputs) with central differences.

    `inputs` are numbers, nested lists, tuples and dicts of numbers, or leaf Values such as a
    model's parameters, which are nudged and put back: `gradcheck(lambda *_: loss(),
    model.parameters())`. `gradient` is a gradient derived by hand, to be checked in the place of
    backward's. With `order=2` the second derivatives follow, by every two inputs, against central
    differences of the first. A kink (relu at 0) has a slope on each side and no derivative: the
    report says so, and accepts what lies between. TypeError where f does not give a Value;
    ValueError for another order, or a gradient of another length.

    >>> print(gradcheck(lambda x: x[0] * x[0] * x[1], [[2.0, 3.0]], order=2))
    gradcheck: 6 derivatives agree with finite differences (relative 1e-06)
      input            analytic        numeric   relative error
      0[0]                   12             12          3.1e-12
      0[1]                    4              4          0.0e+00
      0[0], 0[0]              6              6          9.2e-12
      0[0], 0[1]              4              4          0.0e+00
      0[1], 0[0]              4              4          4.6e-12
      0[1], 0[1]              0              0          0.0e+00
    """
    if order not in (1, 2):
        raise wrong("order", "1 or 2", order, "for more, check grad(f) to order 2")
    not_negative(tolerance=tolerance)
    if not isinstance(inputs, Iterable):
        found = show(inputs)
        raise TypeError(f"gradcheck() takes a list of inputs, not {found}; write [{found}]")
    inputs = list(inputs)
    values = [as_value(operand) for operand in flatten(inputs)]
    for v in values:
        if v.rule is not None:
            raise wrong("gradcheck()", "numbers or leaf Values", v, "use its leaves", TypeError)
    args = rebuild(inputs, iter(values))
    names = [v.label or name for v, name in zip(values, _places(inputs), strict=True)]

    def first() -> list[Value]:
        return calculus.gradient(_one_value(f(*args)), values)

    with recording():
        analytic = (
            _backward(_one_value(f(*args)), values)
            if gradient is None
            else functional.operands("gradient", flatten(list(gradient)))
        )
        if len(analytic) != len(values):
            raise ValueError(
                f"gradient takes {len(values)} numbers, not {len(analytic)}; give each input one"
            )
        lines = [
            _compare(name, exact, _slopes(lambda: [_one_value(f(*args)).data], v)[0], tolerance)
            for name, exact, v in zip(names, analytic, values, strict=True)
        ]
        if order == 2:
            columns = [_slopes(lambda: [g.data for g in first()], v) for v in values]
            for i, by_first in enumerate(first()):
                for j, second in enumerate(calculus.gradient(by_first, values)):
                    name = f"{names[i]}, {names[j]}"
                    lines.append(_compare(name, second.data, columns[j][i], tolerance))
    return Report(tuple(lines), tolerance)


def _places(tree: Tree, place: str = "") -> Iterator[str]:
    # The name of each number: the place of its argument, and its own in there, as Python has it.
    if isinstance(tree, list | tuple | Mapping):
        for key, item in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            yield from _places(item, f"{place}[{key!r}]" if place else str(key))
    else:
        yield place


def _one_value(output: Any) -> Value:
    if not isinstance(output, Value):
        rule = "a function that returns a Value"
        raise wrong("gradcheck()", rule, output, "end it with return", TypeError)
    return output


def _backward(output: Value, values: list[Value]) -> list[float]:
    leaves, _ = graph(output)
    touched = list(dict.fromkeys([*leaves, *values]))
    before = [v.grad for v in touched]
    try:
        for v in touched:
            v.grad = 0.0
        output.backward()
        return [v.grad for v in values]
    finally:
        for v, grad in zip(touched, before, strict=True):
            v.grad = grad


def _slopes(function: Callable[[], list[float]], v: Value) -> list[Slopes]:
    # Of each number that the function gives, the slopes by v over a step, and over an eighth of it.
    step = STEP * max(1e-3, abs(v.data))
    wide, near = _differences(function, v, step), _differences(function, v, step / 8)
    return [(*w, *n[1:]) for w, n in zip(wide, near, strict=True)]


def _differences(
    function: Callable[[], list[float]], v: Value, step: float
) -> list[tuple[float, float, float]]:
    # The slopes across, on the right, and on the left.
    centre = v.data
    try:
        middle = function()
        v.data = centre + step
        above, right = function(), v.data - centre
        v.data = centre - step
        below, left = function(), centre - v.data
    finally:
        v.data = centre
    return [
        ((high - low) / (right + left), (high - mid) / right, (mid - low) / left)
        for low, mid, high in zip(below, middle, above, strict=True)
    ]


def _compare(name: str, analytic: float, slopes: Slopes, tolerance: float) -> Derivative:
    numeric, wide_forward, wide_backward, forward, backward = slopes
    error = abs(analytic - numeric) / max(1.0, abs(analytic), abs(numeric))
    # At a kink the two sides differ however near; on a curve by the step times the curvature.
    apart = abs(forward - backward)
    kink = apart > 1e-2 * max(1.0, abs(forward), abs(backward))
    kink = kink and apart > 0.5 * abs(wide_forward - wide_backward)
    slack = tolerance * max(1.0, abs(analytic))
    between = min(forward, backward) - slack <= analytic <= max(forward, backward) + slack
    agrees = error <= tolerance or (kink and between)  # nan agrees with nothing
    return Derivative(name, analytic, numeric, error, kink, agrees)
