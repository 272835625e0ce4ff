"""Bound the rounding errors of a graph, and compute it and its derivatives to 50 digits.

`truth` is the mathematics: the value of each node, and its gradient, in mpmath's numbers, from
formulas of its own. `Balls` is a running error analysis: for each Value of a recorded graph (also
of the graph of a derivative) a ball, the exact result and how far the float can be from it.

The analysis. Let u = 2^-53. A float operation rounds to nearest: fl(x + y) = (x + y)(1 + d) with
|d| <= u, and below the normal numbers it is wrong by at most half of the least number, 2^-1075.
A function f of the C library is wrong by at most ULPS[f] units in the last place, of at most 2u
each. If the operands are wrong by at most r and s, the result of an operation is wrong by at most

    how far the exact function moves within x +- r, y +- s,  and then its own rounding:
    ULPS * 2u * (|f(x, y)| + that) + ULPS * 2^-1074

How far it moves is no derivative times r, which holds for small r alone, but a bound over the whole
interval: |x| s + |y| r + r s for a product, the values at both ends for a monotone function. Where
the intervals of a kink's operands meet, either branch may be taken, and the ball holds both. So the
bound is rigorous for any r, as far as ULPS is; where it would be infinite, or where the float may
overflow, the ball is LOST, and nothing is claimed.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import mpmath
from mpmath import mp, mpf

from microgradnet.engine import Value, topological_order

DIGITS = 50
# The roundings of mpmath (2^-169) and of the radii are within the last factor.
U = mpf(2) ** -53 * (1 + mpf(2) ** -40)
LEAST = mpf(2) ** -1074
MAX = mpf(2) ** 1024 * (1 - mpf(2) ** -54)  # from here on a float is inf

# Errors of the C library in units in the last place: the largest known of glibc 2.36 on x86-64,
# rounded up: 0.5 for sqrt, 0.62 for tan, 0.91 for expm1, 2.22 for tanh, 5.2 for erfc (Zimmermann et
# al., Accuracy of Mathematical Functions, hal-03141101). Of our own functions, from these:
# sigmoid    e^-|x| (1 ulp), 1 + it, a quotient: 2u + u + u
# softplus   log1p(e^-|x|): 2u of the argument (no more of the result) + 2u; a sum: u
ULPS = {
    **dict.fromkeys(("exp", "log", "pow", "sin", "cos", "tan", "expm1", "log1p"), 1.0),
    "sqrt": 0.5, "tanh": 3.0, "erfc": 6.0, "sigmoid": 2.0, "softplus": 2.5,
}  # fmt: skip


class Ball(NamedTuple):
    """An exact number, and how far from it the float can be; nan where nothing is known."""

    exact: Any
    radius: Any

    def rounded(self, ulps: float = 0.5) -> "Ball":
        """Return what a result that is wrong by so many ulps may be."""
        size = abs(self.exact) + self.radius
        if not size < MAX:  # also nan
            return LOST
        if ulps == 0.5 and not self.radius and self.exact == mpf(float(self.exact)):
            return self  # a float is not rounded
        radius = self.radius + 2 * ulps * (U * size + LEAST)
        return Ball(self.exact, radius) if size + radius < MAX else LOST

    def __add__(self, other: "Ball") -> "Ball":
        radius = self.radius + other.radius
        # Of two floats mpmath's sum is rounded too, to 50 digits; products and quotients are not,
        # where they are floats.
        return Ball(mp.fadd(self.exact, other.exact, exact=not radius), radius).rounded()

    def __sub__(self, other: "Ball") -> "Ball":
        return self + -other

    def __neg__(self) -> "Ball":
        return Ball(-self.exact, self.radius)

    def __mul__(self, other: "Ball") -> "Ball":
        if whole(self) or whole(other):  # by 0, 1 or -1 nothing is rounded
            return product(self, other)
        return product(self, other).rounded()

    def __truediv__(self, other: "Ball") -> "Ball":
        return quotient(self, other).rounded()


LOST = Ball(mpf("nan"), mpf("inf"))


def whole(x: Ball) -> bool:
    """Return whether it is exactly 0, 1 or -1."""
    return not x.radius and x.exact in (-1, 0, 1)


def product(x: Ball, y: Ball) -> Ball:
    """Return the exact product of two balls."""
    moved = abs(x.exact) * y.radius + abs(y.exact) * x.radius + x.radius * y.radius
    return Ball(x.exact * y.exact, moved)


def quotient(x: Ball, y: Ball) -> Ball:
    """Return the exact quotient of two balls: LOST where the divisor may be 0."""
    least = abs(y.exact) - y.radius
    if not least > 0:
        return LOST
    z = x.exact / y.exact
    return Ball(z, (x.radius + abs(z) * y.radius) / least)


def monotone(f: Callable[[Any], Any], x: Ball) -> Ball:
    """Return the exact image of a ball: the function moves furthest at one of its ends."""
    middle = f(x.exact)
    if not x.radius:
        return Ball(middle, mpf(0))
    return Ball(
        middle, max(abs(f(x.exact + x.radius) - middle), abs(middle - f(x.exact - x.radius)))
    )


def function(name: str, f: Callable[[Any], Any]) -> Callable[[Ball], Ball]:
    """Return a monotone function of the C library, of balls."""
    return lambda x: monotone(f, x).rounded(ULPS[name])


def wave(name: str, f: Callable[[Any], Any]) -> Callable[[Ball], Ball]:
    """Return sin or cos of balls: they move no further than their argument, and at most by 2."""
    return lambda x: Ball(f(x.exact), min(x.radius, mpf(2))).rounded(ULPS[name])


def positive(f: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """Return a function of balls that is LOST where an operand may be 0 or less."""
    return lambda x: f(x) if x.exact > x.radius else LOST


def tangent(x: Ball) -> Ball:
    """Return tan of a ball: LOST where there may be a pole within."""
    from_pole = abs(mp.cos(x.exact))  # at most the distance to the next pole
    return function("tan", mp.tan)(x) if x.radius < from_pole else LOST


def power(x: Ball, y: Ball) -> Ball:
    """Return x ** y of balls: LOST where the base may be 0 or below, but for a whole exponent.

    For a base above 0 it is monotone in each, so it moves furthest in a corner. For a whole
    exponent (and an exact one) |x| ** n is, and the sign is known where x is not 0.
    """
    if not y.radius and y.exact == int(y.exact):
        if x.exact == 0 == x.radius:
            if y.exact < 0:
                return LOST
            return Ball(x.exact**y.exact, mpf(0))
        if y.exact == 0:
            return Ball(mpf(1), mpf(0))
        if abs(x.exact) <= x.radius:
            if y.exact < 0:
                return LOST
            furthest = (abs(x.exact) + x.radius) ** y.exact
            return Ball(x.exact**y.exact, 2 * furthest).rounded(ULPS["pow"])
        return monotone(lambda x: x ** int(y.exact), x).rounded(ULPS["pow"])
    if x.exact <= x.radius:
        return LOST if x.radius or x.exact < 0 or y.exact <= y.radius else Ball(mpf(0), mpf(0))
    middle = x.exact**y.exact
    ends = [
        (x.exact + i * x.radius) ** (y.exact + j * y.radius)
        for i in ((-1, 1) if x.radius else (0,))
        for j in ((-1, 1) if y.radius else (0,))
    ]
    return Ball(middle, max(abs(end - middle) for end in ends)).rounded(ULPS["pow"])


def slope(x: Ball, y: Ball) -> Ball:
    """Return y * x ** (y - 1) of balls, 0 where scalars.slope is 0 by decree."""
    if not y.radius and (
        y.exact == 0 or (not x.radius and x.exact == 0 and 0 > y.exact == int(y.exact))
    ):
        return ZERO
    return y * power(x, y - ONE)


def xlogy(x: Ball, y: Ball) -> Ball:
    """Return x * log(y) of balls; 0 where both are 0."""
    return ZERO if x == y == ZERO else x * logarithm(y)


def step(x: Ball) -> Ball:
    """Return 1 where x > 0, else 0: either, where the ball holds 0."""
    return branch(x, ONE, ZERO)


def branch(x: Ball, yes: Ball, no: Ball) -> Ball:
    """Return yes where x > 0, else no; where it is not known, a ball around what is exact."""
    chosen, other = (yes, no) if x.exact > 0 else (no, yes)
    if not x.radius or abs(x.exact) > x.radius:
        return chosen
    return Ball(chosen.exact, max(chosen.radius, abs(other.exact - chosen.exact) + other.radius))


def sign(x: Ball) -> Ball:
    """Return the sign of a ball: any, where it holds 0."""
    return Ball(mp.sign(x.exact), mpf(2) if 0 < x.radius >= abs(x.exact) else mpf(0))


def greater(x: Ball, y: Ball) -> Ball:
    """Return 1 where x > y, 0 where x < y, 1/2 at a tie: any, where the balls meet."""
    near = x.radius + y.radius
    middle = (1 + mp.sign(x.exact - y.exact)) / 2
    return Ball(middle, mpf(1) if 0 < near >= abs(x.exact - y.exact) else mpf(0))


def maximum(x: Ball, y: Ball) -> Ball:
    """Return the larger: it moves no further than either."""
    return Ball(max(x.exact, y.exact), max(x.radius, y.radius))


def minimum(x: Ball, y: Ball) -> Ball:
    """Return the smaller: it moves no further than either."""
    return Ball(min(x.exact, y.exact), max(x.radius, y.radius))


def erfc(x: Any) -> Any:
    """Return erfc(x) in mpmath's numbers: e^-(10^12) is small enough for all larger x."""
    return mp.erfc(max(min(x, mpf(10) ** 6), -(mpf(10) ** 6)))


def normal(x: Any) -> Any:
    """Return the normal distribution's share below x in mpmath's numbers."""
    return erfc(-x / mp.sqrt(2)) / 2


ZERO, ONE, HALF = Ball(mpf(0), mpf(0)), Ball(mpf(1), mpf(0)), Ball(mpf("0.5"), mpf(0))
exponential = function("exp", mp.exp)
exp_minus_1 = function("expm1", mp.expm1)
logarithm = positive(function("log", mp.log))
complement = function("erfc", erfc)


def relu(x: Ball) -> Ball:
    """Return max(x, 0)."""
    return monotone(lambda x: max(x, mpf(0)), x)


def gelu(x: Ball) -> Ball:
    """Return 0.5 * x * erfc(-SQRT_HALF * x)."""
    with mpmath.workdps(DIGITS):
        root = Ball(-mp.sqrt(mpf("0.5")), mpf(0)).rounded()
    return HALF * x * complement(root * x)


def logistic(x: Any) -> Any:
    """Return 1 / (1 + e^-x) in mpmath's numbers."""
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    """Return log(1 + e^x) in mpmath's numbers."""
    return max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x)))


# Each operation on balls. What has several roundings is written as it is computed.
BALLS: dict[str, Callable[..., Ball]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": lambda x: Ball(abs(x.exact), x.radius),
    "power": power,
    "exponential": power,
    "constant_power": power,
    "slope": slope,
    "xlogy": xlogy,
    "exp": exponential,
    "expm1": exp_minus_1,
    "log": logarithm,
    "sqrt": lambda x: x if x == ZERO else positive(function("sqrt", mp.sqrt))(x),
    "sin": wave("sin", mp.sin),
    "cos": wave("cos", mp.cos),
    "tan": tangent,
    "erfc": complement,
    "tanh": function("tanh", mp.tanh),
    "sigmoid": function("sigmoid", logistic),
    "relu": relu,
    "leaky_relu": lambda x, y: branch(x, x, x * y),
    "elu": lambda x, y: branch(x, x, y * exp_minus_1(minimum(x, ZERO))),
    "softplus": function("softplus", softplus),
    "gelu": gelu,
    "silu": lambda x: x * function("sigmoid", logistic)(x),
    "maximum": maximum,
    "minimum": minimum,
    "greater": greater,
    "step": step,
    "sign": sign,
    "detach": lambda x: x,
    "identity": lambda x: x,
}


class Balls(dict[Value, Ball]):
    """Value -> its ball, for every Value of recorded graphs: asked for one, it goes through all.

    Loose ones hold other ways to compute the same. A sum may be wrong by 2u of both its operands,
    not of their sum alone: over a sum of parts that covers every order in which they are added. And
    what is below the normal numbers may be 0.
    """

    def __init__(self, loose: bool = False) -> None:
        super().__init__()
        self.loose = loose

    def __missing__(self, root: Value) -> Ball:
        with mpmath.workdps(DIGITS):
            for z in topological_order(root):
                if z not in self:
                    operands = [self[v] for v in z.args]
                    ball = self[z] = _ball(z, operands)
                    if self.loose and z.rule is not None and ball is not LOST:
                        parts = sum(abs(v.exact) for v in operands) if z.op in ("+", "-") else 0
                        more = 2 * U * parts + mpf(2) ** -1022
                        self[z] = Ball(ball.exact, ball.radius + more)
        return self[root]


def _ball(z: Value, operands: list[Ball]) -> Ball:
    if z.rule is None:
        exact = mpf(z.data)
        return Ball(exact, mpf(0)) if mp.isfinite(exact) else LOST
    if LOST in operands:
        return LOST
    ball = BALLS[z.rule.name](*operands)
    return ball if ball.radius < MAX and mp.isfinite(ball.exact) else LOST


# ---- the mathematics ---------------------------------------------------------------------------


def chosen(condition: bool, yes: Any, no: Any) -> Any:
    """Return yes or no: a branch, in an expression."""
    return yes if condition else no


def tie(x: Any, y: Any) -> Any:
    """Return 1 where x is the larger, 1/2 at a tie."""
    return (1 + mp.sign(x - y)) / 2


def gaussian(x: Any) -> Any:
    """Return the density of the standard normal distribution."""
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def power_slope(x: Any, y: Any) -> Any:
    """Return the derivative of x ** y by x, for a number y."""
    return mpf(0) if y == 0 or (x == 0 and 0 > y == int(y)) else y * x ** (y - 1)


def x_log_y(x: Any, y: Any) -> Any:
    """Return x log y, 0 where both are."""
    return mpf(0) if x == 0 == y else x * mp.log(y)


def zero(*_: Any) -> Any:
    """Return 0: a derivative by decree."""
    return mpf(0)


# Value, and partials, from textbooks: not the engine's formulas where there are others.
MATHEMATICS: dict[str, tuple[Callable[..., Any], ...]] = {
    "add": (lambda x, y: x + y, lambda x, y: mpf(1), lambda x, y: mpf(1)),
    "sub": (lambda x, y: x - y, lambda x, y: mpf(1), lambda x, y: mpf(-1)),
    "mul": (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "div": (lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x / y**2),
    "neg": (lambda x: -x, lambda x: mpf(-1)),
    "abs": (abs, mp.sign),
    "power": (lambda x, y: x**y, lambda x, y: y * x ** (y - 1), lambda x, y: x_log_y(x**y, x)),
    "exponential": (lambda x, y: x**y, zero, lambda x, y: x_log_y(x**y, x)),
    "constant_power": (lambda x, y: x**y, power_slope, zero),
    "slope": (power_slope, lambda x, y: y * power_slope(x, y - 1), zero),
    "xlogy": (x_log_y, lambda x, y: mp.log(y), lambda x, y: x / y),
    "exp": (mp.exp, mp.exp),
    "expm1": (mp.expm1, mp.exp),
    "log": (mp.log, lambda x: 1 / x),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda x: -mp.sin(x)),
    "tan": (mp.tan, lambda x: mp.cos(x) ** -2),
    "erfc": (erfc, lambda x: -2 * mp.exp(-x * x) / mp.sqrt(mp.pi)),
    "tanh": (mp.tanh, lambda x: (2 / (mp.exp(x) + mp.exp(-x))) ** 2),
    "sigmoid": (logistic, lambda x: 1 / (2 + mp.exp(x) + mp.exp(-x))),
    "relu": (lambda x: max(x, mpf(0)), lambda x: chosen(x > 0, mpf(1), mpf(0))),
    "leaky_relu": (
        lambda x, y: chosen(x > 0, x, x * y),
        lambda x, y: chosen(x > 0, mpf(1), y),
        lambda x, y: min(x, mpf(0)),
    ),
    "elu": (
        lambda x, y: x if x > 0 else y * mp.expm1(x),
        lambda x, y: mpf(1) if x > 0 else y * mp.exp(x),
        lambda x, y: mp.expm1(min(x, mpf(0))),
    ),
    "softplus": (softplus, logistic),
    "gelu": (lambda x: x * normal(x), lambda x: normal(x) + x * gaussian(x)),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x))),
    "maximum": (max, tie, lambda x, y: tie(y, x)),
    "minimum": (min, lambda x, y: tie(y, x), tie),
    "greater": (tie, zero, zero),
    "step": (lambda x: chosen(x > 0, mpf(1), mpf(0)), zero),
    "sign": (mp.sign, zero),
    "detach": (lambda x: x, zero),
    "identity": (lambda x: x, lambda x: mpf(1)),
}


def truth(root: Value, inputs: Iterable[Value], at: Any = None) -> tuple[Any, list[Any]]:
    """Return the exact value of a recorded graph, and its derivatives by the inputs.

    `at` has other numbers for some of the leaves. ArithmeticError or ValueError where there is
    none; partials are needed along the paths to the inputs alone, where the gradient is not 0.
    """
    inputs = list(inputs)
    order = topological_order(root)
    exact: dict[Value, Any] = {}
    needed = set(inputs)
    for z in order:
        if z.rule is None:
            exact[z] = at[z] if at and z in at else mpf(z.data)
        else:
            exact[z] = MATHEMATICS[z.rule.name][0](*(exact[v] for v in z.args))
            if not needed.isdisjoint(z.args):
                needed.add(z)
        if not isinstance(exact[z], mpf) or not abs(exact[z]) < MAX:
            raise ArithmeticError(f"{z!r} has no exact value")
    gradients: dict[Value, Any] = {root: mpf(1)}
    for z in reversed(order):
        if z.rule is not None and gradients.get(z):
            for v, partial in zip(z.args, MATHEMATICS[z.rule.name][1:], strict=True):
                if v in needed and partial is not zero:
                    part = gradients[z] * partial(*(exact[v] for v in z.args))
                    gradients[v] = gradients.get(v, mpf(0)) + part
    return exact[root], [gradients.get(v, mpf(0)) for v in inputs]


KINKS = {"relu", "leaky_relu", "elu", "abs", "sign", "step", "maximum", "minimum", "greater"}


def smooth(root: Value, inputs: Iterable[Value]) -> bool:
    """Return whether a recorded graph is smooth: no kink is near its edge, by 1e-30.

    What is taken for a constant, such as n in x ** n, must not depend on the inputs.
    """
    needed = set(inputs)
    exact: dict[Value, Any] = {}
    for z in topological_order(root):
        operands = [exact[v] for v in z.args]
        if z.rule is None:
            exact[z] = mpf(z.data)
            continue
        exact[z] = MATHEMATICS[z.rule.name][0](*operands)
        if not needed.isdisjoint(z.args):
            needed.add(z)
        partials = zip(z.args, z.rule.partials, strict=True)
        if any(v in needed and (partial is None or z.op == "detach") for v, partial in partials):
            return False
        two = z.rule.name in ("maximum", "minimum", "greater")
        if z.rule.name in KINKS and abs(operands[0] - (operands[1] if two else 0)) < 1e-30:
            return False
        if z.rule.name.endswith(("power", "slope")) and operands[0] == 0:
            return False
    return True
