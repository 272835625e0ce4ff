"""Derivatives of functions: any order, both modes, every operation, any nesting of either."""

import math
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import mpmath
import pytest
from mpmath import mp

from microgradnet import Value
from microgradnet.calculus import (
    grad,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from microgradnet.engine import topological_order
from microgradnet.operations import OPERATIONS


def forward(f):
    """Return the derivative of a function of one number in forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


MODES = {"backward": grad, "forward": forward}
NESTINGS = pytest.mark.parametrize("modes", list(product(MODES, MODES)), ids="-of-".join)


def data(tree):
    """Return the numbers of a list of Values."""
    return [v.data for v in tree]


# ---- random functions of all smooth operations -------------------------------------------------


def above(v):
    """Return a smooth positive stand-in for a Value."""
    return v.softplus() + 0.5


SMOOTH = {  # of any two Values, each moved into the operation's domain
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / above(y),
    "neg": lambda x, y: -x,
    "power": lambda x, y: above(x) ** y.tanh(),
    "exponential": lambda x, y: 2.0 ** y.tanh(),
    "constant_power": lambda x, y: x**3 + above(y) ** -1.5,
    "slope": lambda x, y: x.slope(2.0),
    "xlogy": lambda x, y: x.xlogy(above(y)),
    "exp": lambda x, y: x.tanh().exp(),
    "expm1": lambda x, y: x.tanh().expm1(),
    "log": lambda x, y: above(x).log(),
    "sqrt": lambda x, y: above(x).sqrt(),
    "sin": lambda x, y: x.sin(),
    "cos": lambda x, y: x.cos(),
    "tan": lambda x, y: x.tanh().tan(),
    "erfc": lambda x, y: x.erfc(),
    "tanh": lambda x, y: x.tanh(),
    "sigmoid": lambda x, y: x.sigmoid(),
    "softplus": lambda x, y: x.softplus(),
    "gelu": lambda x, y: x.gelu(),
    "silu": lambda x, y: x.silu(),
    "identity": lambda x, y: OPERATIONS["identity"](x),
}
KINKED = {"abs", "relu", "leaky_relu", "elu", "maximum", "minimum", "greater", "step", "sign"}


def grown(rng, values, count):
    """Return a list of Values grown by so many random operations; operands are often shared."""
    values = list(values)
    for _ in range(count):
        x, y = (v.sin() if abs(v) > 4.0 else v for v in rng.choices(values, k=2))
        values.append(SMOOTH[rng.choice(list(SMOOTH))](x, y))
    return values


def random_function(seed, outputs):
    """Return a smooth function of a list to a list, the same at every call."""
    return lambda inputs: grown(random.Random(seed), inputs, 12)[-outputs:]


def numbers(rng, count):
    """Return a list of random numbers."""
    return [rng.uniform(-1.5, 1.5) for _ in range(count)]


def test_random_functions_use_every_smooth_operation() -> None:
    """An operation is in SMOOTH, has a kink, or is detach: a new one must be put in its place."""
    assert {*SMOOTH, *KINKED, "detach"} == set(OPERATIONS)


# ---- gradient: of a Value, by Values -----------------------------------------------------------


def test_gradient_differentiates_again() -> None:
    """The first four derivatives of x ** 3 at 2 are exact."""
    x = Value(2.0)
    derivative, found = x**3, []
    for _ in range(4):
        (derivative,) = gradient(derivative, [x])
        found.append(derivative.data)
    assert found == [12.0, 12.0, 6.0, 0.0]


def test_gradient_is_that_of_backward_to_the_bit() -> None:
    """On 200 random graphs, leaves and interior Values have the very numbers of backward()."""
    for seed in range(200):
        rng = random.Random(seed)
        leaves = [Value(number) for number in numbers(rng, 3)]
        output = sum(grown(rng, leaves, 25)[-4:])
        order = topological_order(output)
        by_all, by_leaves = gradient(output, order), gradient(output, leaves)
        output.backward()
        assert data(by_all) == [v.grad for v in order], seed
        assert data(by_leaves) == [v.grad for v in leaves], seed


def test_gradient_touches_no_grad() -> None:
    """Every grad is the very object that it was."""
    x, w = Value(2.0), Value(3.0)
    output = (x * w).tanh() * x
    x.grad = 7.0
    order = topological_order(output)
    before = [v.grad for v in order]
    gradient(gradient(output, [x])[0], [x, w])
    assert all(v.grad is grad for v, grad in zip(order, before, strict=True))


def test_gradient_by_an_interior_value() -> None:
    """An interior Value is an input like any other, also beside those that it came from."""
    x = Value(2.0)
    square = x * x
    output = square * square + x
    assert data(gradient(output, [square, x])) == [8.0, 33.0]


def test_gradient_by_the_output_itself() -> None:
    """The derivative of a Value by itself is 1, on a leaf too."""
    x = Value(2.0)
    output = x * x
    assert data(gradient(output, [output, x])) == [1.0, 4.0]
    assert data(gradient(x, [x])) == [1.0]


def test_gradient_by_what_is_not_reached() -> None:
    """An input that the output does not depend on, or only through detach, has 0."""
    x, w = Value(2.0), Value(3.0)
    assert data(gradient(x * x, [w, x, x * w])) == [0.0, 4.0, 0.0]
    assert data(gradient(x * w.detach(), [w])) == [0.0]
    assert data(gradient(x * (w * w).detach(), [w])) == [0.0]


def test_what_is_not_asked_for_is_not_differentiated() -> None:
    """The derivative of sqrt at 0 does not exist, which is no matter to the one by x."""
    x, w = Value(2.0), Value(0.0)
    assert data(gradient(x * w.sqrt(), [x])) == [0.0]
    assert data(gradient(x * (w * 3.0).sqrt(), [x])) == [0.0]


def test_a_factor_of_1_makes_no_node() -> None:
    """Through x + w and w - x goes the derivative that arrives, as it is or with its sign."""
    x, w = Value(2.0), Value(3.0)
    found = [gradient(z, [x])[0].op for z in (x + w, (x + w).sin(), (w - x).sin(), w - x)]
    assert found == ["", "cos", "neg", "neg"]


def test_gradient_by_a_repeated_input() -> None:
    """An input that is given twice has its whole derivative twice."""
    x = Value(3.0)
    assert data(gradient(x * x, [x, x])) == [6.0, 6.0]


def test_gradient_by_any_iterable() -> None:
    """Inputs may come from an iterator, and be none at all."""
    x, w = Value(2.0), Value(3.0)
    assert data(gradient(x * w, iter([x, w]))) == [3.0, 2.0]
    assert gradient(x * w, []) == []


@pytest.mark.parametrize(("output", "inputs"), [(3.0, []), (Value(1.0), [1.0]), (Value(1.0), "x")])
def test_gradient_takes_values_only(output, inputs) -> None:
    """A number has no graph: TypeError, which points to grad()."""
    with pytest.raises(TypeError, match=r"gradient\(\) takes Values, not .*grad\(\)"):
        gradient(output, inputs)


def test_an_error_in_a_derivative_names_it() -> None:
    """The derivative of sqrt at 0 is a ZeroDivisionError with a note on the operation."""
    with pytest.raises(ZeroDivisionError) as caught:
        grad(lambda x: x.sqrt())(0.0)
    assert "the derivative of sqrt with x = 0.0" in caught.value.__notes__[-1]


@pytest.mark.parametrize("mode", MODES)
def test_a_chain_of_20_000_operations(mode) -> None:
    """A deep graph is walked without recursion, for the second derivative too."""

    def chain(x):
        z = x * x
        for _ in range(20_000):
            z = z * -1.0
        return z

    derivative = MODES[mode]
    assert derivative(chain)(3.0) == 6.0
    assert derivative(derivative(chain))(3.0) == 2.0


# ---- every operation, to order 3 ---------------------------------------------------------------


def piece(condition, yes, no):
    """Return yes or no: a branch, in an expression."""
    return yes if condition else no


EXACT = {  # what each operation is in mathematics
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": abs,
    "power": lambda x, y: x**y,
    "exponential": lambda x, y: x**y,
    "constant_power": lambda x, y: x**y,
    "slope": lambda x, y: y * x ** (y - 1),
    "xlogy": lambda x, y: x * mp.log(y),
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "sqrt": mp.sqrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "erfc": mp.erfc,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "relu": lambda x: piece(x > 0, x, 0 * x),
    "leaky_relu": lambda x, y: piece(x > 0, x, x * y),
    "elu": lambda x, y: piece(x > 0, x, y * mp.expm1(x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "maximum": max,
    "minimum": min,
    "greater": lambda x, y: mp.mpf(x > y),
    "step": lambda x: mp.mpf(x > 0),
    "sign": mp.sign,
    "identity": lambda x: x,
}
NOT_DIFFERENTIATED = {"detach": "its derivative is 0 by decree, not by mathematics"}
POSITIVE = ((0.7, 1.3), (1.2, 0.4))  # away from the kinks and ties, as the others
ANYWHERE = (*POSITIVE, (-0.8, 0.6))
WHOLE_POWERS = (*POSITIVE, (-0.8, 3.0), (-0.8, -2.0))
POINTS = {
    **dict.fromkeys(["power", "exponential", "log", "sqrt"], POSITIVE),
    **dict.fromkeys(["constant_power", "slope"], WHOLE_POWERS),
}


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(NOT_DIFFERENTIATED)))
def test_derivatives_of_every_operation(name, order) -> None:
    """Second and third derivatives, by every sequence of operands, are those of mpmath.

    1e-13 relative to the result or to 1: they are sums of a few terms of that size.
    """
    op = OPERATIONS[name]
    assert name in EXACT, f"the operation {name!r} has no row in EXACT of {__file__}; add it"
    places = [place for place, partial in enumerate(op.partials) if partial is not None]
    for point in POINTS.get(name, ANYWHERE):
        point = point[: len(op.partials)]
        operands = [Value(number) for number in point]
        for sequence in product(places, repeat=order):
            derivative = op(*operands)
            for place in sequence:
                (derivative,) = gradient(derivative, [operands[place]])
            orders = tuple(sequence.count(place) for place in range(len(point)))
            with mpmath.workdps(40):
                truth = float(mpmath.diff(EXACT[name], point, orders))
            assert derivative.data == pytest.approx(truth, rel=1e-13, abs=1e-13), (point, sequence)


# ---- grad and value_and_grad -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [(0, 12.0), (1, 4.0), (-1, 4.0), ((0, 1), (12.0, 4.0)), ((-1, 0), (4.0, 12.0)), ([1], (4.0,))],
)
def test_argnums_choose_the_arguments(argnums, expected) -> None:
    """A number gives a gradient, several give a tuple in their order; negative from the end."""

    def f(x, y):
        return x * x * y

    assert grad(f, argnums)(2.0, 3.0) == expected
    assert value_and_grad(f, argnums)(2.0, 3.0) == (12.0, expected)
    assert jacobian(f, argnums)(2.0, 3.0) == expected


def test_without_argnums_it_is_the_first_argument() -> None:
    """Every function of the module differentiates by its first argument, unless told otherwise."""
    point = (2.0, 3.0)
    f = lambda x, y: x**3 * y  # noqa: E731
    assert grad(f)(*point) == value_and_grad(f)(*point)[1] == jacobian(f)(*point) == 36.0
    assert hessian(f)(*point) == hvp(f, point, (1.0, 0.0)) == 36.0


@pytest.mark.parametrize(
    ("argnums", "told"), [(2, "2"), (-3, "-3"), ((0, 2), "2"), (0.5, "0.5"), ("x", "'x'")]
)
def test_argnums_that_are_no_places(argnums, told) -> None:
    """What is no place of an argument is a ValueError that says how many there are."""
    with pytest.raises(ValueError, match=rf"argnums takes places of 2 arguments, not {told}; "):
        grad(lambda x, y: x * y, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2)])
def test_argnums_take_each_place_once(argnums) -> None:
    """A place given twice, by whatever number, is a ValueError."""
    with pytest.raises(ValueError, match="argnums takes each place once"):
        grad(lambda x, y: x * y, argnums)(2.0, 3.0)


def test_an_argument_that_is_not_chosen_arrives_as_it_is() -> None:
    """What is not differentiated by may be anything."""
    assert grad(lambda x, n, name: x**n if name == "power" else x)(2.0, 3, "power") == 12.0


def test_the_gradient_has_the_shape_of_the_argument() -> None:
    """Lists, tuples and dicts nest, and come back as they went in."""

    def f(tree):
        return tree["w"][0] * tree["w"][1][0] + tree["w"][1][1] ** 2 + tree["b"]

    point = {"w": [2.0, (3.0, 4.0)], "b": 1.0, "unused": []}
    expected = {"w": [3.0, (2.0, 8.0)], "b": 1.0, "unused": []}
    assert grad(f)(point) == expected
    assert value_and_grad(f)(point) == (23.0, expected)


class Line(NamedTuple):
    """Arguments with names."""

    slope: float
    start: float


def test_a_named_tuple_stays_one() -> None:
    """The function can use its names, and so can the reader of its gradient."""
    found = grad(lambda line: line.slope * 2.0 + line.start**2)(Line(1.0, 3.0))
    assert (type(found), found) == (Line, (2.0, 6.0))


@pytest.mark.parametrize("number", [2, 2.0, True, Fraction(1, 2)])
def test_numbers_in_plain_floats_out(number) -> None:
    """Any real number is taken, and floats are given, by every function of the module."""
    value, pull = vjp(lambda x: x * x, number)
    found = [
        *value_and_grad(lambda x: x * x)(number),
        *value_and_grad(lambda x: 1)(number),
        *jvp(lambda x: x * x, (number,), (number,)),
        *jvp(lambda x: 1, (number,), (number,)),
        jacobian(lambda x: x * x)(number),
        hessian(lambda x: x * x)(number),
        hvp(lambda x: x * x, (number,), (number,)),
        *(value, *pull(number)),
        vjp(lambda x: 1, number)[0],
    ]
    assert {type(result) for result in found} == {float}


def test_values_in_values_out() -> None:
    """Of Values the results are Values, which depend on them."""
    x = Value(2.0)
    value, pull = vjp(lambda x: x**3, x)
    results = [
        *value_and_grad(lambda x: x**3)(x),
        *jvp(lambda x: x**3, (x,), (1.0,)),
        jacobian(lambda x: x**3)(x),
        *(value, *pull(1.0)),
        hessian(lambda x: x**3)(x),
        hvp(lambda x: x**3, (x,), (1.0,)),
    ]
    assert {type(result) for result in results} == {Value}
    assert data(results) == [8.0, 12.0, 8.0, 12.0, 12.0, 8.0, 12.0, 12.0, 12.0]
    by_x = [gradient(result, [x])[0].data for result in results]
    assert by_x == [12.0, 12.0, 12.0, 12.0, 12.0, 12.0, 12.0, 6.0, 6.0]


def test_a_tangent_that_is_a_value_gives_values() -> None:
    """jvp can be differentiated by its direction."""
    direction = Value(5.0)
    _, moved = jvp(lambda x: x * x, (3.0,), (direction,))
    assert moved.data == 30.0
    assert gradient(moved, [direction])[0].data == 6.0


def test_third_derivatives_of_polynomials_are_exact() -> None:
    """grad thrice gives the integers of the closed form, whichever way the polynomial is written.

    All are below 2 ** 53, so no float rounds.
    """
    rng = random.Random(3)
    for _ in range(30):
        coefficients = [rng.randint(-9, 9) for _ in range(7)]
        x = rng.randint(-5, 5)

        def horner(x, coefficients=coefficients):
            result = Value(0.0)
            for c in reversed(coefficients):
                result = result * x + c
            return result

        def powers(x, coefficients=coefficients):
            return sum(c * x**n for n, c in enumerate(coefficients))

        exact = sum(c * math.perm(n, 3) * x ** (n - 3) for n, c in enumerate(coefficients) if n > 2)
        assert grad(grad(grad(horner)))(x) == exact
        assert grad(grad(grad(powers)))(x) == exact
        assert forward(forward(forward(powers)))(x) == exact


@pytest.mark.parametrize("mode", MODES)
def test_a_value_that_is_used_twice_by_one_operation(mode) -> None:
    """x * x has 2x, and x / x is constant to every order."""
    derivative = MODES[mode]
    assert derivative(lambda x: x * x)(3.0) == 6.0
    found, f = [], lambda x: x / x
    for _ in range(3):
        f = derivative(f)
        found.append(f(2.0))
    assert found == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("mode", MODES)
def test_a_function_that_ignores_its_argument(mode) -> None:
    """Its derivative is 0, of a number and of a Value from elsewhere."""
    elsewhere = Value(4.0)
    assert MODES[mode](lambda x: 3.0)(2.0) == 0.0
    assert MODES[mode](lambda x: elsewhere * elsewhere)(2.0) == 0.0


@pytest.mark.parametrize("result", [[Value(1.0)], (1.0, 2.0), {"y": 1.0}])
def test_grad_of_several_numbers_points_to_jacobian(result) -> None:
    """grad takes a function that gives one number: TypeError for a list, a tuple or a dict."""
    with pytest.raises(TypeError, match=r"gives one number, not .*; see jacobian"):
        grad(lambda x: result)(1.0)


@pytest.mark.parametrize("f", [3.0, "f"])
@pytest.mark.parametrize(
    ("who", "call"),
    [
        ("grad() or value_and_grad()", grad),
        ("grad() or value_and_grad()", value_and_grad),
        ("grad() or value_and_grad()", hessian),
        ("jacobian()", jacobian),
        ("jvp()", lambda f: jvp(f, (1.0,), (1.0,))),
        ("vjp()", lambda f: vjp(f, 1.0)),
    ],
)
def test_what_is_no_function_is_refused_at_once(who, call, f) -> None:
    """TypeError where the derivative is made, not first where it is called."""
    with pytest.raises(TypeError, match=rf"^{re.escape(who)} takes a function, not {f!r}; write "):
        call(f)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda x: gradient(x, x), "gradient() takes a list of Values as inputs, not Value("),
        (lambda x: jvp(lambda y: y, 1.0, 1.0), "jvp() takes a list of objects as primals, not 1"),
    ],
)
def test_one_number_where_a_list_is_taken(call, told) -> None:
    """The error says which argument it was."""
    with pytest.raises(TypeError, match=re.escape(told)):
        call(Value(1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda f: grad(f)("2"),
        lambda f: grad(f)([1.0, "2"]),
        lambda f: jacobian(f)("2"),
        lambda f: hessian(f)("2"),
        lambda f: jvp(f, ("2",), (1.0,)),
        lambda f: jvp(f, (1.0,), ("2",)),
        lambda f: vjp(f, "2"),
        lambda f: vjp(f, 2.0)[1]("2"),
        lambda f: grad(lambda x: "2")(1.0),
        lambda f: jacobian(lambda x: [x, "2"])(1.0),
        lambda f: grad(lambda x: None)(1.0),
    ],
)
def test_text_is_refused(call) -> None:
    """Text is not a number, wherever it stands: TypeError."""
    with pytest.raises(TypeError, match=r"takes a real number, not ('2'|None)"):
        call(lambda x: x)


def test_newton_s_method_finds_the_root_of_two() -> None:
    """Six steps from 1 arrive at the float nearest to the root, or at its neighbour."""
    f, x = value_and_grad(lambda x: x * x - 2.0), 1.0
    for _ in range(6):
        value, slope = f(x)
        x -= value / slope
    assert abs(x - math.sqrt(2.0)) <= math.ulp(1.0)


# ---- jacobian, hessian, hvp --------------------------------------------------------------------


def test_jacobian_has_a_gradient_for_each_output() -> None:
    """Rows are outputs, columns inputs; an output that is a constant has zeros."""
    assert jacobian(lambda v: [v[0] * v[1], v[0] ** 2, 7.0])([2.0, 3.0]) == [
        [3.0, 2.0],
        [4.0, 0.0],
        [0.0, 0.0],
    ]


def test_jacobian_has_the_shape_of_the_result() -> None:
    """Each number of a nested result gives way to a gradient of the shape of the argument."""
    assert jacobian(lambda p: {"a": (p["x"] * p["y"],), "b": p["y"]})({"x": 2.0, "y": 3.0}) == {
        "a": ({"x": 3.0, "y": 2.0},),
        "b": {"x": 0.0, "y": 1.0},
    }


def test_hessian_of_a_quadratic_form() -> None:
    """The Hessian of v . A v is A + A transposed, exactly."""
    rng = random.Random(5)
    n = 4
    a = [[rng.randint(-9, 9) for _ in range(n)] for _ in range(n)]

    def form(v):
        return sum(a[i][j] * v[i] * v[j] for i in range(n) for j in range(n))

    expected = [[a[i][j] + a[j][i] for j in range(n)] for i in range(n)]
    assert hessian(form)([1.0, -2.0, 3.0, 0.0]) == expected


def test_hessian_by_another_argument() -> None:
    """argnums choose the argument of a Hessian too."""
    assert hessian(lambda x, v: x * v[0] ** 2 * v[1], 1)(5.0, [2.0, 3.0]) == [
        [30.0, 20.0],
        [20.0, 0.0],
    ]


def test_hessian_of_the_rosenbrock_function() -> None:
    """At (x, y) it is [[1200 x x - 400 y + 2, -400 x], [-400 x, 200]], exactly for integers."""

    def rosenbrock(v):
        return (1.0 - v[0]) ** 2 + 100.0 * (v[1] - v[0] ** 2) ** 2

    for x, y in [(1, 1), (-2, 3), (0, 5)]:
        expected = [[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200]]
        assert hessian(rosenbrock)([x, y]) == expected


def test_hvp_is_the_hessian_times_the_vector() -> None:
    """On random smooth functions; 1e-12 of the sum of the terms, which are added in two orders."""
    for seed in range(20):
        rng = random.Random(seed)
        point, vector = numbers(rng, 3), numbers(rng, 3)

        def f(v, seed=seed):
            return sum(random_function(seed, 3)(v))

        for row, found in zip(hessian(f)(point), hvp(f, (point,), (vector,)), strict=True):
            terms = [h * v for h, v in zip(row, vector, strict=True)]
            assert abs(sum(terms) - found) <= 1e-12 * (1.0 + sum(map(abs, terms))), seed


# ---- jvp and vjp -------------------------------------------------------------------------------


def test_jvp_and_vjp_are_transposed() -> None:
    """u . (J v) is (u J) . v on random functions, to 1e-12 of the sum of the terms."""
    for seed in range(40):
        rng = random.Random(seed)
        f = random_function(seed, 4)
        point, v, u = numbers(rng, 3), numbers(rng, 3), numbers(rng, 4)
        pushed_value, pushed = jvp(f, (point,), (v,))
        pulled_value, pull = vjp(f, point)
        (pulled,) = pull(u)
        assert pushed_value == pulled_value
        forwards = [a * b for a, b in zip(u, pushed, strict=True)]
        backwards = [a * b for a, b in zip(pulled, v, strict=True)]
        scale = 1.0 + sum(map(abs, forwards + backwards))
        assert abs(sum(forwards) - sum(backwards)) <= 1e-12 * scale, seed


def test_vjp_pulls_again_and_again() -> None:
    """The unit cotangents give the rows of the Jacobian, for each primal its part."""
    value, pull = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    assert value == [6.0, 5.0]
    assert [pull([1.0, 0.0]), pull([0.0, 1.0])] == [(3.0, 2.0), (1.0, 1.0)]


def test_jvp_has_the_shape_of_the_result() -> None:
    """Value and derivative come in the same dicts and tuples."""
    result = jvp(lambda x, v: {"a": (x * v[0], 7.0), "b": v[1]}, (2.0, [3.0, 4.0]), (1.0, [0, 1]))
    assert result == ({"a": (6.0, 7.0), "b": 4.0}, {"a": (3.0, 0.0), "b": 1.0})


def test_tangents_and_cotangents_go_by_the_keys_of_dicts() -> None:
    """The order in which a dict was written does not matter."""
    primals = {"x": 2.0, "y": 3.0}
    assert jvp(lambda p: p["x"] ** 2 + p["y"], (primals,), ({"y": 0.0, "x": 1.0},))[1] == 4.0
    _, pull = vjp(lambda p: {"a": p["x"] ** 2, "b": p["y"]}, primals)
    assert pull({"b": 0.0, "a": 1.0}) == ({"x": 4.0, "y": 0.0},)


@pytest.mark.parametrize(
    ("primals", "tangents"),
    [
        ((1.0, 2.0), (1.0,)),
        ((1.0,), (1.0, 2.0)),
        ((1.0,), 1.0),
        ((1.0,), ([1.0],)),
        (([1.0, 2.0], 3.0), (1.0, [2.0, 3.0])),
        (({"x": 1.0},), ({"y": 1.0},)),
        (({"x": 1.0},), (1.0,)),
        ((1.0, []), (1.0, 2.0)),
    ],
)
def test_tangents_of_another_shape(primals, tangents) -> None:
    """Tangents have the shape of the primals, else a ValueError."""
    with pytest.raises(ValueError, match=r"jvp\(\) takes a tangent for each number"):
        jvp(lambda *_: Value(1.0), primals, tangents)


@pytest.mark.parametrize("cotangents", [1.0, [1.0], [1.0, 2.0, 3.0], [1.0, [2.0]]])
def test_cotangents_of_another_shape(cotangents) -> None:
    """Cotangents have the shape of the result, else a ValueError."""
    _, pull = vjp(lambda x: [x, x * x], 2.0)
    with pytest.raises(ValueError, match=r"vjp\(\) takes a cotangent for each number"):
        pull(cotangents)


# ---- derivatives inside derivatives ------------------------------------------------------------


@NESTINGS
def test_perturbations_are_not_confused(modes) -> None:
    """d/dx [x * d/dy (x + y)] is 1: the inner derivative does not see the outer x."""
    outer, inner = map(MODES.get, modes)
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0


@NESTINGS
def test_an_inner_derivative_at_the_outer_variable(modes) -> None:
    """d/dx [x * d/dy (x y y) at y = x] is d/dx 2 x x x = 6 x x: x and y are two variables."""
    outer, inner = map(MODES.get, modes)
    assert outer(lambda x: x * inner(lambda y: x * y * y)(x))(2.0) == 24.0


@NESTINGS
def test_an_inner_derivative_that_moves_with_the_outer_variable(modes) -> None:
    """d/dx of cube'(x * x) = 3 x ** 4 is 12 x ** 3: the chain rule through a derivative."""
    outer, inner = map(MODES.get, modes)
    assert outer(lambda x: inner(lambda y: y**3)(x * x))(2.0) == 96.0


@pytest.mark.parametrize("modes", list(product(MODES, repeat=3)), ids="-of-".join)
def test_three_variables_nested(modes) -> None:
    """d/dx [x d/dy [y d/dz x y z]] is d/dx [2 x x y] = 4 x y, whatever z is."""
    by_x, by_y, by_z = map(MODES.get, modes)
    assert by_x(lambda x: x * by_y(lambda y: y * by_z(lambda z: x * y * z)(5.0))(3.0))(2.0) == 24.0


@NESTINGS
def test_second_derivatives_in_every_mix_of_modes(modes) -> None:
    """Forwards over backwards and the other mixes give sin'' = -sin, here to the bit."""
    outer, inner = map(MODES.get, modes)
    assert outer(inner(lambda x: x.sin()))(0.7) == -math.sin(0.7)


def test_jvp_of_grad_and_grad_of_jvp_agree() -> None:
    """The derivative of the gradient in a direction is the gradient of that derivative."""
    point, direction = [2.0, 3.0], [5.0, -1.0]

    def f(v):
        return v[0] ** 3 * v[1]

    by_jvp = jvp(grad(f), (point,), (direction,))[1]
    by_grad = grad(lambda v: jvp(f, (v,), (direction,))[1])(point)
    assert by_jvp == by_grad == [6 * 2 * 3 * 5.0 - 3 * 4.0, 3 * 4 * 5.0]


def test_grad_through_the_pull_of_a_vjp() -> None:
    """A pull inside a derivative stays differentiable, by the primal and by the cotangent."""
    assert grad(lambda x: vjp(lambda y: y**3, x)[1](1.0)[0])(2.0) == 12.0
    assert grad(lambda u: vjp(lambda y: y**3, 2.0)[1](u * u)[0])(5.0) == 120.0


def test_a_derivative_through_a_step_of_descent() -> None:
    """d/dlr of the loss after one step is -f'(w) f'(w - lr f'(w)): learning to learn."""

    def loss(w):
        return w * w

    def after_a_step(lr):
        return loss(3.0 - lr * grad(loss)(3.0))

    assert grad(after_a_step)(0.25) == -6.0 * 3.0


# ---- numbers again, after errors and in threads ------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda f: grad(f)(1.0),
        lambda f: grad(grad(f))(1.0),
        lambda f: jacobian(f)(1.0),
        lambda f: jvp(f, (1.0,), (1.0,)),
        lambda f: vjp(f, 1.0),
        lambda f: vjp(lambda x: x.sqrt(), 0.0)[1](1.0),
    ],
)
def test_an_error_inside_leaves_later_calls_giving_numbers(call) -> None:
    """A function that fails is forgotten: what follows is not taken to stand inside it."""
    with pytest.raises(ZeroDivisionError):
        call(lambda x: x / 0.0)
    assert type(grad(lambda x: x * x)(3.0)) is float


def test_another_thread_is_outside() -> None:
    """A derivative in a thread that is started inside another derivative gives numbers."""
    found = []

    def f(x):
        thread = threading.Thread(target=lambda: found.append(grad(lambda y: y * y)(3.0)))
        thread.start()
        thread.join()
        return x

    assert grad(f)(1.0) == 1.0
    assert [(type(number), number) for number in found] == [(float, 6.0)]


def test_four_threads_at_once() -> None:
    """Four threads that start together get what each would alone."""
    together = threading.Barrier(4)

    def work(seed):
        point = numbers(random.Random(seed), 3)
        together.wait(timeout=10.0)
        return [
            hessian(lambda v, k=k: sum(random_function(seed + k, 2)(v)))(point) for k in range(10)
        ]

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(work, range(4)))
    together = threading.Barrier(1)
    assert at_once == [work(seed) for seed in range(4)]
