"""Check derivatives against finite differences.

>>> print(gradcheck(lambda x, y: x.relu() * y, [0.0, 2.0]))
gradcheck: 2 derivatives agree with finite differences, to a relative 1e-06
  input       analytic        numeric   relative error
  0                  0              1          1.0e+00  (a kink: each side has its own slope)
  1                  0              0          0.0e+00
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from microgradnet.engine import Value, as_value, graph
from microgradnet.operations import Operand

# Central differences err by step^2 from the curve and by 1e-16/step from rounding: the cube root
# of the machine epsilon balances the two.
STEP = (2.0**-52) ** (1 / 3)


class Derivative(NamedTuple):
    """One line of a report: the derivative by one input, computed twice."""

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
        verdict = (
            f"{wrong} of {count} derivatives disagree" if wrong else f"{count} derivatives agree"
        )
        width = max([5, *(len(d.name) for d in self.derivatives)])
        lines = [
            f"gradcheck: {verdict} with finite differences, to a relative {self.tolerance:g}",
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


def gradcheck(
    f: Callable[..., Any], inputs: Sequence[Operand], tolerance: float = 1e-6,
    gradient: Sequence[float] | None = None,
) -> Report:  # fmt: skip
    """Return a Report that compares the gradient of f(*inputs) with central differences.

    `inputs` are numbers, or leaf Values such as a model's parameters, which are nudged and put
    back: `gradcheck(lambda *_: loss(), model.parameters())`. `gradient` is a gradient derived by
    hand, to be checked in the place of backward's. A kink (relu at 0) has a slope on each side and
    no derivative: the report says so, and accepts what lies between. TypeError where f does not
    give a Value.
    """
    values = [as_value(operand) for operand in inputs]
    for v in values:
        if v.rule is not None:
            raise TypeError(f"gradcheck() takes numbers or leaf Values, not {v!r}; use its leaves")
    if gradient is None:
        gradient = _backward(f, values)
    if len(gradient) != len(values):
        raise ValueError(f"gradient takes {len(values)} numbers, not {len(gradient)}")
    return Report(
        tuple(_compare(f, values, i, analytic, tolerance) for i, analytic in enumerate(gradient)),
        tolerance,
    )


def _backward(f: Callable[..., Any], values: list[Value]) -> list[float]:
    output = f(*values)
    if not isinstance(output, Value):
        raise TypeError(f"gradcheck() takes a function that returns a Value, not {output!r}")
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


def _compare(
    f: Callable[..., Any], values: list[Value], i: int, analytic: float, tolerance: float
) -> Derivative:
    v = values[i]
    centre = v.data
    step = STEP * max(1.0, abs(centre))
    try:
        middle = float(f(*values))
        v.data = centre + step
        above, right = float(f(*values)), v.data - centre
        v.data = centre - step
        below, left = float(f(*values)), centre - v.data
    finally:
        v.data = centre
    numeric = (above - below) / (right + left)
    forward, backward = (above - middle) / right, (middle - below) / left
    error = abs(analytic - numeric) / max(1.0, abs(analytic), abs(numeric))
    # On a smooth curve the two sides differ by step times the curvature.
    kink = abs(forward - backward) > 1e-2 * max(1.0, abs(forward), abs(backward))
    slack = tolerance * max(1.0, abs(analytic))
    between = min(forward, backward) - slack <= analytic <= max(forward, backward) + slack
    agrees = error <= tolerance or (kink and between)  # nan agrees with nothing
    return Derivative(v.label or str(i), analytic, numeric, error, kink, agrees)
