"""Hold every operation to one standard: a new one is tested by its row in the table below."""

import math
import operator
import pickle
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import mpmath
import pytest
from mpmath import mp, mpf

from microgradnet import operations
from microgradnet.engine import Value
from microgradnet.operations import NOT_COMPUTED, OPERATIONS, RUNTIME, Op, binary, unary

NAN, INF = math.nan, math.inf
NAMES = sorted(OPERATIONS)


def bits(number: float) -> bytes:
    """Return the eight bytes of a float: they tell -0.0 from 0.0, and every nan is the same."""
    assert number.__class__ is float, f"{number!r} is a {type(number).__name__}, not a float"
    return struct.pack("<d", NAN if math.isnan(number) else number)


def run(function, *numbers):
    """Return the result of a function of Values and the gradients of its operands."""
    operands = [Value(number) for number in numbers]
    result = function(*operands)
    result.backward()
    return result.data, *(v.grad for v in operands)


# ---- the table: one row an operation --------------------------------------------------------


def signed(rng, decades, limit=INF):
    """Draw a number of either sign, log-uniform over the decades around 1, below the limit."""
    return rng.choice((-1.0, 1.0)) * positive(rng, decades, limit)


def positive(rng, decades, limit=INF):
    """Draw a number above 0, log-uniform over the decades around 1, below the limit."""
    return 10.0 ** rng.uniform(-decades, min(decades, math.log10(limit)))


def of_signed(limit=INF):
    """Return the domain of an operation on one number of either sign."""
    return lambda rng, decades: (signed(rng, decades, limit),)


def of_positive(rng, decades):
    """Draw the operand of an operation that needs it above 0."""
    return (positive(rng, decades),)


def of_two(rng, decades):
    """Draw two numbers of either sign."""
    return signed(rng, decades), signed(rng, decades)


def of_power(rng, decades):
    """Draw a base above 0 and an exponent: |y log x| below 500, to stay inside the floats."""
    x = positive(rng, decades)
    return x, rng.uniform(-1.0, 1.0) * min(5.0 + decades, 500.0 / abs(math.log(x)))


def of_constant_power(rng, decades):
    """Draw as `of_power`, or a base of either sign and a whole exponent."""
    whole = (signed(rng, decades), float(rng.randint(-5, 5)))
    return rng.choice((whole, of_power(rng, decades)))


def of_gelu(rng, decades):
    """Draw above -20: below, x * x / 2 units in the last place are lost in the exponent."""
    return (max(signed(rng, decades), -rng.uniform(0.0, 20.0)),)


def no_terms(*_operands):
    """Say that nothing cancels: the error is relative to the result alone."""
    return 0.0


def one(*_operands):
    """Say that a term of size 1 cancels."""
    return 1.0


@dataclass
class Row:
    """What an operation is in mathematics: its value, where it holds, and the terms that cancel."""

    value: Callable  # in mpmath's numbers
    domain: Callable  # (random, decades) -> operands
    decades: float = 300.0
    terms: tuple = (no_terms, no_terms, no_terms)  # of the value, partial by x, partial by y
    partials: tuple | None = None  # where they are a decree, not the value's derivatives

    def partial(self, operands, index):
        """Return the exact partial by one operand."""
        if self.partials is not None:
            return self.partials[index](*operands)
        return derivative(self.value, operands, index)


def logistic(x):
    """Return 1 / (1 + e^-x) in mpmath's numbers."""
    return 1 / (1 + mp.exp(-x))


def chosen(condition, yes, no):
    """Return yes or no: a branch, in an expression."""
    return yes if condition else no


ROWS = {
    "add": Row(lambda x, y: x + y, of_two),
    "sub": Row(lambda x, y: x - y, of_two),
    "mul": Row(lambda x, y: x * y, of_two, 150),
    "div": Row(lambda x, y: x / y, of_two, 100),
    "neg": Row(lambda x: -x, of_signed()),
    "abs": Row(abs, of_signed()),
    "power": Row(lambda x, y: x**y, of_power, 40),
    "exponential": Row(lambda x, y: x**y, of_power, 40),
    "constant_power": Row(lambda x, y: x**y, of_constant_power, 40),
    "slope": Row(lambda x, y: y * x ** (y - 1), of_constant_power, 30),
    "xlogy": Row(
        lambda x, y: x * mp.log(y), lambda rng, d: (signed(rng, d), positive(rng, d)), 100
    ),
    "exp": Row(mp.exp, of_signed(700.0)),
    "expm1": Row(mp.expm1, of_signed(700.0)),
    "log": Row(mp.log, of_positive),
    "sqrt": Row(mp.sqrt, of_positive),
    "sin": Row(mp.sin, of_signed(1e5)),
    "cos": Row(mp.cos, of_signed(1e5)),
    "tan": Row(mp.tan, of_signed(1e3)),
    "erfc": Row(mp.erfc, of_signed(25.0)),
    # 1 - z * z and z * (1 - z) lose what is left of 1, resp. of z, where z comes near 1.
    "tanh": Row(mp.tanh, of_signed(), terms=(no_terms, one)),
    "sigmoid": Row(logistic, of_signed(700.0), terms=(no_terms, logistic)),
    "relu": Row(lambda x: max(x, 0), of_signed()),
    "leaky_relu": Row(lambda x, y: x * chosen(x > 0, 1, y), of_two, 150),
    "elu": Row(lambda x, y: chosen(x > 0, x, y * mp.expm1(min(x, 0))), of_two, 150),
    "softplus": Row(
        lambda x: chosen(x > 0, x, 0) + mp.log1p(mp.exp(-abs(x))),
        lambda rng, d: (max(signed(rng, d), -rng.uniform(0.0, 700.0)),),
    ),
    # The two terms of these partials have opposite signs for x < 0, where each has a zero.
    "gelu": Row(
        lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        of_gelu,
        terms=(no_terms, lambda x: abs(x) * mp.exp(-x * x / 2)),
    ),
    "silu": Row(
        lambda x: x * logistic(x),
        lambda rng, d: (max(signed(rng, d), -rng.uniform(0.0, 700.0)),),
        terms=(no_terms, lambda x: logistic(x) * (1 + abs(x) * logistic(-x))),
    ),
    "maximum": Row(max, of_two),
    "minimum": Row(min, of_two),
    "greater": Row(lambda x, y: chosen(x > y, mpf(1), mpf(0)), of_two),
    "identity": Row(lambda x: x, of_signed()),
    "detach": Row(lambda x: x, of_signed(), partials=(lambda x: mpf(0),)),
    "step": Row(lambda x: chosen(x > 0, mpf(1), mpf(0)), of_signed()),
    "sign": Row(mp.sign, of_signed()),
}


def row_of(name: str) -> Row:
    """Return an operation's row, or fail and say what to add."""
    if name not in ROWS:
        pytest.fail(
            f"the operation {name!r} has no row in ROWS of {__file__}; add "
            f"{name!r}: Row(its value in mpmath's numbers, its domain), and the terms of a "
            f"partial that cancel, if any do"
        )
    return ROWS[name]


def samples(name: str, count: int) -> list[tuple[float, ...]]:
    """Return operands from the domain: a third near 1, a third further off, a third anywhere."""
    row, rng = row_of(name), random.Random(name)
    return [row.domain(rng, (0.7, 2.5, row.decades)[k % 3]) for k in range(count)]


def derivative(function: Callable, operands: tuple, index: int):
    """Return the partial derivative in mpmath's numbers, by a central difference.

    The step is 1e-40 of the operand, so the error is about 1e-80; with 750 digits the difference
    keeps 50 even where one operand is 1e-300 and the result 1e300.
    """
    step = abs(operands[index]) * mpf(10) ** -40
    ends = [list(operands), list(operands)]
    ends[0][index] -= step
    ends[1][index] += step
    return (function(*ends[1]) - function(*ends[0])) / (2 * step)


def assert_near(number: float, exact, terms, relative: float, what: str) -> None:
    """Fail unless the number is exact, relative to the result or to the terms that cancel.

    A float below 1e-307 has fewer digits than 16: hence the absolute part.
    """
    bound = relative * max(abs(exact), terms) + mpf("1e-307")
    error = abs(mpf(number) - exact)
    assert error <= bound, f"{what}: {number!r}, not {mp.nstr(exact, 20)} ({mp.nstr(bound, 3)})"


@pytest.mark.parametrize("name", NAMES)
def test_value_and_partials_are_those_of_mathematics(name):
    """An operation's value and each partial agree with 50 digits of mpmath over its domain.

    1e-13 is 450 units in the last place: a few from the C library, and up to 350 where an exponent
    near 700 (x * x, y * log(x)) is rounded before it is used. Where terms cancel, the bound is
    relative to the larger of them.
    """
    op, row = OPERATIONS[name], row_of(name)
    with mpmath.workdps(750):
        for operands in samples(name, 60):
            exact = tuple(map(mpf, operands))
            z = op.value(*operands)
            what = f"{name}{operands}"
            assert_near(z, row.value(*exact), row.terms[0](*exact), 1e-13, what)
            for index, partial in enumerate(op.derivatives):
                if partial is not None:
                    local = partial(z, *operands, *[None] * (2 - len(operands)))
                    truth = row.partial(exact, index)
                    terms = row.terms[1 + index](*exact)
                    assert_near(local, truth, terms, 1e-13, f"d {what} by {'xy'[index]}")


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_those_of_mathematics(name):
    """Differentiating an operation's partials again agrees with mpmath.

    1e-12 relative to the result or to 1, near 1: the second rules are sums of a few terms.
    """
    op, row = OPERATIONS[name], row_of(name)
    rng = random.Random(f"second {name}")
    with mpmath.workdps(750):
        for _ in range(15):
            numbers = row.domain(rng, 0.5)
            exact = tuple(map(mpf, numbers))
            for first, partial in enumerate(op.derivatives):
                if partial is None:
                    continue
                operands = [Value(number) for number in numbers]
                local = partial(op(*operands), *operands, *[None] * (2 - len(operands)))
                if isinstance(local, Value):
                    local.backward()
                for second in range(len(operands)):
                    if op.derivatives[second] is None:
                        continue

                    def by_first(*at, first=first):
                        return row.partial(at, first)

                    truth = derivative(by_first, exact, second)
                    what = f"d2 {name}{numbers} by {'xy'[first]}{'xy'[second]}"
                    scale = 1 + abs(row.value(*exact))
                    assert_near(operands[second].grad, truth, scale, 1e-12, what)


# ---- one rule, whatever runs it --------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_backward_and_the_partials_give_the_same_bits(name):
    """A gradient through backward() is the partial on numbers, to the bit."""
    op = OPERATIONS[name]
    for numbers in samples(name, 30):
        data, *grads = run(op, *numbers)
        assert bits(data) == bits(op(*numbers)) == bits(op.value(*numbers))
        for partial, grad in zip(op.derivatives, grads, strict=True):
            local = partial(data, *numbers, *[None] * (2 - len(numbers))) if partial else 0.0
            assert bits(grad) == bits(0.0 + local)  # a sum from 0.0 turns -0.0 into 0.0


@pytest.mark.parametrize("name", NAMES)
def test_partials_on_values_give_the_bits_of_partials_on_numbers(name):
    """A partial is the same number whether it is computed or recorded."""
    op = OPERATIONS[name]
    for numbers in samples(name, 30):
        operands = [Value(number) for number in numbers]
        z = op(*operands)
        padding = [None] * (2 - len(numbers))
        for partial in op.derivatives:
            if partial is not None:
                recorded = partial(z, *operands, *padding)
                recorded = recorded.data if isinstance(recorded, Value) else recorded
                assert bits(recorded) == bits(partial(z.data, *numbers, *padding))


@pytest.mark.parametrize("name", NAMES)
def test_operation_takes_numbers_beside_values(name):
    """An Op takes Values and numbers in any mixture, and records as soon as one is a Value."""
    op = OPERATIONS[name]
    numbers = samples(name, 1)[0]
    expected = bits(op(*numbers))
    for mask in range(1, 2 ** len(numbers)):
        mixed = [Value(n) if mask >> k & 1 else n for k, n in enumerate(numbers)]
        z = op(*mixed)
        assert bits(z.data) == expected
        assert z.rule is op
        assert [v.data for v in z.args] == list(numbers)
        for v, operand in zip(z.args, mixed, strict=True):
            assert v is operand or not isinstance(operand, Value)


@pytest.mark.parametrize("name", NAMES)
def test_nan_goes_in_and_nan_comes_out(name):
    """No operation hides a nan, but step, the derivative of relu, for which nan is not above 0."""
    op = OPERATIONS[name]
    if name == "step":
        assert op(NAN) == 0.0
        return
    # leaky_relu and elu use their second operand below 0 alone.
    other = -2.0 if name in ("leaky_relu", "elu") else 2.0
    for index in range(len(op.partials)):
        numbers = [other] * len(op.partials)
        numbers[index] = NAN
        assert math.isnan(op(*numbers))
        assert math.isnan(op(*map(Value, numbers)).data)


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_graph_can_be_differentiated(name):
    """A nan is data like any other: backward() does not take it for data that was changed."""
    op = OPERATIONS[name]
    operands = [Value(NAN) for _ in op.partials]
    op(*operands).backward()


@pytest.mark.parametrize("name", NAMES)
def test_operation_survives_pickle_as_itself(name):
    """An Op is unpickled by name: it stays the one record."""
    assert pickle.loads(pickle.dumps(OPERATIONS[name])) is OPERATIONS[name]


@pytest.mark.parametrize("name", NAMES)
def test_operation_describes_itself(name):
    """An Op's repr has its name and its rule; its method's docstring says what it returns."""
    op = OPERATIONS[name]
    rule = op.source.format(x="x", y="y")
    assert repr(op) == f"<operation {name}: {rule}>"
    assert op.method.__doc__ == f"Return {rule}."
    assert op.symbol
    assert op.remedy


# ---- edges -----------------------------------------------------------------------------------

EDGES = [
    # operation, operands, value, gradients
    ("relu", (0.0,), 0.0, (0.0,)),
    ("relu", (-0.0,), 0.0, (0.0,)),
    ("leaky_relu", (0.0, 0.25), 0.0, (0.25, 0.0)),
    ("leaky_relu", (-0.0, 0.25), -0.0, (0.25, 0.0)),
    ("elu", (0.0, 1.5), 0.0, (1.5, 0.0)),
    ("abs", (0.0,), 0.0, (0.0,)),
    ("abs", (-0.0,), 0.0, (0.0,)),
    ("sign", (0.0,), 0.0, (0.0,)),
    ("sign", (-3.0,), -1.0, (0.0,)),
    ("step", (0.0,), 0.0, (0.0,)),
    ("step", (3.0,), 1.0, (0.0,)),
    ("greater", (2.0, 2.0), 0.5, (0.0, 0.0)),
    ("maximum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("minimum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("constant_power", (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("constant_power", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("constant_power", (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("constant_power", (0.0, 1.5), 0.0, (0.0, 0.0)),
    ("power", (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("power", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("power", (0.0, 1.5), 0.0, (0.0, 0.0)),
    ("slope", (0.0, 1.0), 1.0, (0.0, None)),
    # saturated: no overflow, and an exact limit
    ("tanh", (1000.0,), 1.0, (0.0,)),
    ("tanh", (-1000.0,), -1.0, (0.0,)),
    ("tanh", (INF,), 1.0, (0.0,)),
    ("tanh", (-INF,), -1.0, (0.0,)),
    ("sigmoid", (1000.0,), 1.0, (0.0,)),
    ("sigmoid", (-1000.0,), 0.0, (0.0,)),
    ("sigmoid", (INF,), 1.0, (0.0,)),
    ("sigmoid", (-INF,), 0.0, (0.0,)),
    ("softplus", (1000.0,), 1000.0, (1.0,)),
    ("softplus", (-1000.0,), 0.0, (0.0,)),
    ("softplus", (INF,), INF, (1.0,)),
    ("softplus", (-INF,), 0.0, (0.0,)),
    ("softplus", (1e308,), 1e308, (1.0,)),
    ("gelu", (1000.0,), 1000.0, (1.0,)),
    ("gelu", (-1000.0,), -0.0, (0.0,)),
    ("gelu", (1e300,), 1e300, (1.0,)),
    ("gelu", (-1e300,), -0.0, (0.0,)),
    ("silu", (1000.0,), 1000.0, (1.0,)),
    ("silu", (-1000.0,), -0.0, (0.0,)),
    ("silu", (1e17,), 1e17, (1.0,)),
    ("silu", (1e300,), 1e300, (1.0,)),
    ("silu", (-1e300,), -0.0, (0.0,)),
    ("elu", (1000.0, 2.0), 1000.0, (1.0, 0.0)),
    ("elu", (-1000.0, 2.0), -2.0, (0.0, -1.0)),
    ("elu", (INF, 2.0), INF, (1.0, 0.0)),
    ("elu", (-INF, 2.0), -2.0, (0.0, -1.0)),
    ("erfc", (1000.0,), 0.0, (0.0,)),
    ("erfc", (-1000.0,), 2.0, (0.0,)),
    ("erfc", (1e300,), 0.0, (0.0,)),
    ("relu", (INF,), INF, (1.0,)),
    ("relu", (-INF,), 0.0, (0.0,)),
    ("leaky_relu", (INF, 0.25), INF, (1.0, 0.0)),
    ("leaky_relu", (-INF, 0.25), -INF, (0.25, -INF)),
    ("exp", (-1000.0,), 0.0, (0.0,)),
    ("exp", (INF,), INF, (INF,)),
    ("exp", (-INF,), 0.0, (0.0,)),
    ("expm1", (-1000.0,), -1.0, (0.0,)),
    ("log", (INF,), INF, (0.0,)),
    ("sqrt", (INF,), INF, (0.0,)),
    ("abs", (-INF,), INF, (-1.0,)),
    ("sign", (-INF,), -1.0, (0.0,)),
    ("step", (INF,), 1.0, (0.0,)),
    ("maximum", (INF, 1.0), INF, (1.0, 0.0)),
    ("minimum", (-INF, 1.0), -INF, (1.0, 0.0)),
    ("maximum", (INF, INF), INF, (0.5, 0.5)),
    ("add", (INF, 1.0), INF, (1.0, 1.0)),
]


@pytest.mark.parametrize(("name", "operands", "value", "gradients"), EDGES)
def test_edge(name, operands, value, gradients):
    """At an edge the value and the derivatives are exactly those of the engine's table."""
    data, *grads = run(OPERATIONS[name], *operands)
    assert bits(data) == bits(value)
    for grad, expected in zip(grads, gradients, strict=True):
        assert expected is None or bits(grad) == bits(expected)


@pytest.mark.parametrize(
    ("x", "value", "gradients"),
    [
        (0.0, 0.0, (0.5, 0.5, 0.0)),
        (1.0, 1.0, (0.5, 0.0, 0.5)),
        (0.5, 0.5, (1.0, 0.0, 0.0)),
        (-3.0, 0.0, (0.0, 1.0, 0.0)),
        (3.0, 1.0, (0.0, 0.0, 1.0)),
    ],
)
def test_clip_at_and_off_its_bounds(x, value, gradients):
    """clip() passes the gradient between its bounds, to a bound outside, and halves it at one."""
    assert run(Value.clip, x, 0.0, 1.0) == (value, *gradients)


@pytest.mark.parametrize("numbers", [(NAN, 0.0, 1.0), (0.5, NAN, 1.0), (0.5, 0.0, NAN)])
def test_clip_passes_nan(numbers):
    """clip() gives nan for a nan in any place."""
    assert math.isnan(Value(numbers[0]).clip(*numbers[1:]).data)


@pytest.mark.parametrize(
    ("function", "numbers", "error"),
    [
        (Value.sqrt, (0.0,), ZeroDivisionError),
        (lambda x: x**0.5, (0.0,), ZeroDivisionError),
        (lambda x, y: x**y, (0.0, 0.5), ZeroDivisionError),
        (lambda x, y: x**y, (0.0, 0.0), ZeroDivisionError),
        (lambda x, y: x**y, (-2.0, 3.0), ValueError),
    ],
)
def test_derivative_that_does_not_exist(function, numbers, error):
    """The value exists and the derivative does not: backward() raises, and changes no gradient."""
    operands = [Value(number) for number in numbers]
    z = function(*operands)
    with pytest.raises(error) as caught:
        z.backward()
    assert "derivative" in caught.value.__notes__[0]
    assert all(v.grad is NOT_COMPUTED for v in (*operands, z))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_a_whole_power_at_0_can_be_differentiated_for_ever(exponent):
    """The derivatives of x ** n at 0 are n! at order n, and 0 at every other order."""
    x = Value(0.0)
    z = x**exponent
    for order in range(1, exponent + 4):
        # Only slope(x, y) * a number is left after each order: follow its rule by x alone.
        factor = 1.0
        while z.rule is OPERATIONS["mul"]:
            constant, z = (z.x, z.y) if z.y.rule else (z.y, z.x)
            factor *= constant.data
        z = z.rule.derivatives[0](z, *z.args) * factor
        assert z.data == (math.factorial(exponent) if order == exponent else 0.0)


def test_powers_where_micrograd_fails():
    """2 ** x, x ** y and x ** 0 at 0 have their derivatives; a complex power is an error."""
    assert run(lambda x: 2**x, 3.0) == (8.0, 8.0 * math.log(2.0))
    assert run(lambda x, y: x**y, 2.0, 3.0) == (8.0, 12.0, 8.0 * math.log(2.0))
    assert run(lambda x: x**0, 0.0) == (1.0, 0.0)
    assert run(lambda x: x**3, -2.0) == (-8.0, 12.0)
    for power in (lambda x: x ** (1 / 3), lambda x: x ** Value(1 / 3)):
        with pytest.raises(ValueError, match="not a real number"):
            power(Value(-8.0))
    with pytest.raises(ValueError, match="not a real number"):
        (-8.0) ** Value(1 / 3)


def test_a_number_to_the_power_of_a_value_at_0():
    """0 ** y is 0 for every y > 0, so its derivative by y is 0; the base, a number, has none."""
    assert run(lambda y: 0.0**y, 0.5) == (0.0, 0.0)


# ---- the operators, beside those of floats ---------------------------------------------------

INFIX = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
SPECIAL = (
    *(0.0, -0.0, INF, -INF, NAN, 1e308, -1e308, 5e-324, 1.0, -1.0, 0.5, -8.0, 1 / 3, 3.0),
    *(0, 1, -1, 2, -3, 2**53 + 1, True, False, Fraction(3, 2), Fraction(-1, 3)),
)


def outcome(function, *operands):
    """Return what a function gives: ("is", bits), or ("raises", class, message)."""
    try:
        result = function(*operands)
    except Exception as error:
        return "raises", type(error), str(error)
    if isinstance(result, complex):
        return "raises", ValueError, None
    return "is", bits(result.data if isinstance(result, Value) else result)


@pytest.mark.parametrize("symbol", INFIX)
def test_operators_are_those_of_floats(symbol):
    """Value with number, number with Value and Value with Value: what floats give or raise."""
    function = INFIX[symbol]
    for x in SPECIAL:
        for y in SPECIAL:
            cases = [(Value(x), y, float(x), y), (Value(x), Value(y), float(x), float(y))]
            if not (symbol == "+" and x.__class__ is int and x == 0):
                cases.append((x, Value(y), x, float(y)))
            for left, right, float_left, float_right in cases:
                expected = outcome(function, float_left, float_right)
                given = outcome(function, left, right)
                if expected[0] == "is":
                    assert given == expected, f"{left!r} {symbol} {right!r}"
                else:
                    assert given[:2] == expected[:2], f"{left!r} {symbol} {right!r}"
                    assert expected[2] in (None, given[2])


@pytest.mark.parametrize("function", [operator.neg, operator.pos, abs])
def test_prefix_operators_are_those_of_floats(function):
    """-x, +x and abs(x) give the bits that a float gives."""
    for x in SPECIAL:
        assert bits(function(Value(x)).data) == bits(function(float(x)))


@pytest.mark.parametrize("symbol", INFIX)
def test_operators_record_both_operands_in_order(symbol):
    """Either operand may be a number; the graph has both, in the order in which they stood."""
    for left, right in [(Value(3.0), 2), (3, Value(2.0)), (Value(3.0), Value(2.0))]:
        z = INFIX[symbol](left, right)
        assert z.op == symbol
        assert [v.data for v in z.args] == [3.0, 2.0]
        for v, operand in zip(z.args, (left, right), strict=True):
            assert v is operand or not isinstance(operand, Value)


@pytest.mark.parametrize("symbol", INFIX)
@pytest.mark.parametrize("number", [3, True, Fraction(3, 2), 2.5])
def test_derivative_beside_a_number_is_that_beside_a_value(symbol, number):
    """A number beside a Value changes nothing in the Value's gradient."""
    function = INFIX[symbol]
    assert run(lambda x: function(x, number), 0.7) == run(function, 0.7, float(number))[:2]
    right = run(function, float(number), 0.7)
    assert run(lambda y: function(number, y), 0.7) == (right[0], right[2])


def test_int_zero_plus_a_value_is_the_value():
    """0 + x is x itself, so that sum() adds no node; 0.0 + x, False + x and x + 0 are sums."""
    x = Value(-0.0)
    assert 0 + x is x
    assert (x + 0).op == (0.0 + x).op == (False + x).op == "+"
    assert (0 * x).op == "*"
    assert (0 - x).op == "-"


@pytest.mark.parametrize("symbol", INFIX)
def test_an_int_too_large_for_a_float_is_an_overflow_error(symbol):
    """10 ** 400 beside a Value is OverflowError, as beside a float."""
    for function in (lambda x: INFIX[symbol](x, 10**400), lambda x: INFIX[symbol](10**400, x)):
        expected, given = outcome(function, 2.0), outcome(function, Value(2.0))
        assert given[:2] == expected[:2] == ("raises", OverflowError)


@pytest.mark.parametrize("symbol", INFIX)
@pytest.mark.parametrize("other", ["3", b"3", None, [1.0], (1.0,), {}, 1j, object(), {1.0}])
def test_what_is_no_number_is_a_type_error(symbol, other):
    """Text, None, containers and complex numbers are refused on either side."""
    with pytest.raises(TypeError):
        INFIX[symbol](Value(2.0), other)
    with pytest.raises(TypeError):
        INFIX[symbol](other, Value(2.0))


# ---- errors ----------------------------------------------------------------------------------

FAILURES = [
    ("div", (1.0, 0.0), ZeroDivisionError),
    ("constant_power", (-8.0, 1 / 3), ValueError),
    ("constant_power", (0.0, -1.0), ZeroDivisionError),
    ("constant_power", (1e300, 2.0), OverflowError),
    ("power", (-8.0, 1 / 3), ValueError),
    ("slope", (0.0, 0.5), ZeroDivisionError),
    ("xlogy", (1.0, 0.0), ValueError),
    ("exp", (1000.0,), OverflowError),
    ("expm1", (1000.0,), OverflowError),
    ("log", (0.0,), ValueError),
    ("log", (-1.0,), ValueError),
    ("sqrt", (-1.0,), ValueError),
    ("sin", (INF,), ValueError),
    ("cos", (INF,), ValueError),
    ("tan", (INF,), ValueError),
]


@pytest.mark.parametrize(("name", "numbers", "error"), FAILURES)
def test_error_has_a_note_with_operation_operands_and_remedy(name, numbers, error):
    """A failed operation raises what the float raises, and a note says where and what to do."""
    op = OPERATIONS[name]
    with pytest.raises(error) as plain:
        op(*numbers)
    with pytest.raises(error) as caught:
        op(*(Value(n, label=f"label {k}") for k, n in enumerate(numbers)))
    assert str(caught.value) == str(plain.value)
    [note] = caught.value.__notes__
    assert f"in {op.symbol} with " in note
    large = error is OverflowError and op.symbol == "**"  # whatever the base is
    assert note.endswith("a float ends at 1.8e308" if large else op.remedy)
    for k, number in enumerate(numbers):
        assert f"label {k} = {number!r}" in note


def test_note_names_an_operand_without_label_by_its_letter():
    """Without labels the operands are x and y, as in the rules."""
    with pytest.raises(ZeroDivisionError) as caught:
        Value(1.0) / 0
    assert "in / with x = 1.0, y = 0.0; " in caught.value.__notes__[0]


def test_note_of_a_failed_derivative():
    """A derivative that fails names its operation in the middle of the graph, with labels."""
    width = Value(0.0, label="width")
    loss = (width.sqrt() * 3.0).tanh()
    with pytest.raises(ZeroDivisionError) as caught:
        loss.backward()
    [note] = caught.value.__notes__
    assert "the derivative of sqrt with width = 0.0; " in note
    assert note.endswith(OPERATIONS["sqrt"].remedy)


# ---- PyTorch ---------------------------------------------------------------------------------

TORCH = {
    "relu": lambda torch, x: torch.relu(x),
    "leaky_relu": lambda torch, x: torch.nn.functional.leaky_relu(x, 0.01),
    "elu": lambda torch, x: torch.nn.functional.elu(x),
    # PyTorch's threshold of 20 drops e^-20 = 2e-9; at 40 it drops less than 1e-17.
    "softplus": lambda torch, x: torch.nn.functional.softplus(x, threshold=40.0),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "silu": lambda torch, x: torch.nn.functional.silu(x),
    "tanh": lambda torch, x: torch.tanh(x),
    "sigmoid": lambda torch, x: torch.sigmoid(x),
    "abs": lambda torch, x: torch.abs(x),
    "sign": lambda torch, x: torch.sign(x),
    "exp": lambda torch, x: torch.exp(x),
    "expm1": lambda torch, x: torch.expm1(x),
    "erfc": lambda torch, x: torch.erfc(x),
    "sin": lambda torch, x: torch.sin(x),
    "cos": lambda torch, x: torch.cos(x),
}


def torch_run(torch, function, *numbers):
    """Return the value and the gradients that PyTorch gives in float64."""
    tensors = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    result = function(*tensors)
    result.backward()
    return result.item(), *(t.grad.item() for t in tensors)


@pytest.mark.parametrize("name", TORCH)
def test_activation_agrees_with_pytorch(name):
    """Value and gradient are PyTorch's in float64, at 0 and in the tails too.

    1e-12 relative to the result or to 1: PyTorch's gelu computes 1 + erf(x), which cancels.
    """
    torch = pytest.importorskip("torch")
    rng = random.Random(name)
    far = 700.0 if name in ("exp", "expm1") else 1000.0
    edges = [0.0, -0.0, far, -far, 1e-300, -1e-300]
    for x in edges + [rng.uniform(-30.0, 30.0) for _ in range(50)]:
        given = run(OPERATIONS[name].method, x)
        expected = torch_run(torch, lambda t: TORCH[name](torch, t), x)
        assert given == pytest.approx(expected, rel=1e-12, abs=1e-12), f"{name}({x!r})"


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_maximum_and_minimum_agree_with_pytorch(name):
    """maximum and minimum are PyTorch's, at a tie too: half the gradient to each."""
    torch = pytest.importorskip("torch")
    for x, y in [(1.0, 2.0), (2.0, 1.0), (2.0, 2.0), (0.0, 0.0), (INF, INF)]:
        assert run(OPERATIONS[name], x, y) == torch_run(torch, getattr(torch, name), x, y)


def test_powers_agree_with_pytorch():
    """Powers are PyTorch's where the derivative is finite, at a base of 0 too."""
    torch = pytest.importorskip("torch")
    rng = random.Random(7)
    for n in (0, 1, 2, 3, 1.5):
        for x in (0.0, rng.uniform(0.1, 9.0)):
            assert run(lambda x, n=n: x**n, x) == pytest.approx(
                torch_run(torch, lambda x, n=n: x**n, x), rel=1e-12
            )
    for x, y in [(0.0, 1.0), (0.0, 2.0), (2.0, 3.0), (2.5, -0.5)]:
        assert run(operator.pow, x, y) == pytest.approx(
            torch_run(torch, operator.pow, x, y), rel=1e-12
        )


# ---- a new operation is one line -------------------------------------------------------------


@pytest.fixture
def forgotten():
    """Let a test define operations, and forget them afterwards."""
    before, runtime = dict(OPERATIONS), dict(RUNTIME)
    yield
    for table, kept in ((OPERATIONS, before), (RUNTIME, runtime)):
        table.clear()
        table.update(kept)


@pytest.mark.usefixtures("forgotten")
def test_a_new_unary_operation_is_one_line():
    """One line gives value, gradient, second derivative, the form on numbers, and pickling."""
    cubed = unary("test_cubed", "{x} ** 3", "3.0 * {x} ** 2")
    op = OPERATIONS["test_cubed"]
    x = Value(2.0)
    y = cubed(x)
    y.backward()
    assert (y.data, x.grad, y.op, y.args, y.rule) == (8.0, 12.0, "test_cubed", (x,), op)
    assert op(2.0) == 8.0
    assert op(Value(2.0)).data == 8.0
    assert op.derivatives[0](8.0, 2.0, None) == 12.0
    local = op.derivatives[0](y, x, None)
    x.grad = 0.0
    local.backward()
    assert x.grad == 12.0  # 6 x
    x.grad = 0.0
    again = pickle.loads(pickle.dumps(y * 2.0))
    again.backward()
    leaf = again.x.x
    assert (again.data, again.x.rule, leaf.grad) == (16.0, op, 24.0)


@pytest.mark.usefixtures("forgotten")
def test_a_new_binary_operation_is_one_line():
    """A binary operation may have a default, a symbol and a remedy; None makes y a constant."""
    lerp = binary(
        *("test_scaled", "{x} / {y}", "1.0 / {y}", None),
        **{"symbol": "over", "default": 4.0, "remedy": "divide by more"},
    )
    x, y = Value(2.0, label="x"), Value(8.0, label="y")
    assert (lerp(x).data, lerp(x, 1).data, lerp(x, y).op) == (0.5, 2.0, "over")
    assert OPERATIONS["test_scaled"](2.0) == 0.5
    lerp(x, y).backward()
    assert (x.grad, y.grad) == (0.125, 0.0)
    with pytest.raises(ZeroDivisionError) as caught:
        lerp(x, 0.0)
    assert caught.value.__notes__ == ["in over with x = 2.0, y = 0.0; divide by more"]


@pytest.mark.usefixtures("forgotten")
def test_a_partial_may_use_any_operation():
    """A partial is made of operators and operations, of those too that `math` does not have."""
    squared_relu = unary("test_squared_relu", "{x} * maximum({x}, 0.0)", "2.0 * relu({x})")
    for x, value, gradient in [(3.0, 9.0, 6.0), (-3.0, 0.0, 0.0)]:
        assert run(squared_relu, x) == (value, gradient)
        assert OPERATIONS["test_squared_relu"].derivatives[0](value, x, None) == gradient


@pytest.mark.usefixtures("forgotten")
def test_an_operation_without_a_row_fails_with_what_to_add():
    """An operation that the table does not have fails this suite, with a message that helps."""
    unary("test_rowless", "{x}", "1.0")
    with pytest.raises(pytest.fail.Exception, match=r"add 'test_rowless': Row\("):
        row_of("test_rowless")


def test_a_name_that_is_taken_is_refused():
    """Two operations of one name cannot be told apart in a pickle: ValueError."""
    before = OPERATIONS["tanh"]
    with pytest.raises(ValueError, match="'tanh' is taken; choose another"):
        Op("tanh", "{x}", "1.0")
    assert OPERATIONS["tanh"] is before is operations.operation("tanh")
