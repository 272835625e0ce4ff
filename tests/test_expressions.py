"""Read expressions and conditions: they are arithmetic, name what they compute, and do no more."""

import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnet.engine import Value, topological_order
from microgradnet.expressions import HIDDEN, Condition, expression, functions
from microgradnet.naming import Names
from microgradnet.operations import OPERATIONS
from microgradnet.stepping import backward_steps

NEURON = "x1w1 = x1*w1; x2w2 = x2*w2; s = x1w1 + x2w2; n = s + b; o = tanh(n)"
NUMBERS = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}


# ---- expressions ---------------------------------------------------------------------------------


def test_the_lecture_s_neuron():
    """Karpathy's neuron has his numbers, his names, and his gradients."""
    o, leaves = expression(NEURON, NUMBERS)
    o.backward()
    assert o.data == math.tanh(6.8813735870195432 - 6.0)
    assert {name: round(v.grad, 6) for name, v in leaves.items()} == {
        "x1": -1.5, "x2": 0.5, "w1": 1.0, "w2": 0.0, "b": 0.5,
    }  # fmt: skip
    named = {v.label: v.op for v in topological_order(o)}
    assert named == dict.fromkeys(NUMBERS, "") | {
        "x1w1": "*", "x2w2": "*", "s": "+", "n": "+", "o": "tanh",
    }  # fmt: skip


X, Y = 1.25, -0.75
WRITTEN = {  # an expression, and the same on Values in Python
    "x + y - 2": lambda x, y: x + y - 2,
    "2 - x": lambda x, y: 2 - x,
    "-x * +y": lambda x, y: -x * +y,
    "x / y / 2": lambda x, y: x / y / 2,
    "-x**2": lambda x, y: -(x**2),
    "x ** 2 ** 3": lambda x, y: x**2**3,
    "2 ** x": lambda x, y: 2**x,
    "x ** y": lambda x, y: x**y,
    "x ** -0.5": lambda x, y: x**-0.5,
    "tanh(x*y).exp()": lambda x, y: (x * y).tanh().exp(),
    "max(x, y) + min(x, 3) + pow(x, 2)": lambda x, y: x.maximum(y) + x.minimum(3) + x.power(2),
    "clip(x, 0, 1) + x.clip(0, y)": lambda x, y: x.clip(0, 1) + x.clip(0, y),
    "leaky_relu(y) + leaky_relu(y, 0.2)": lambda x, y: y.leaky_relu() + y.leaky_relu(0.2),
    "2*pi*e*x": lambda x, y: 2 * math.pi * math.e * x,
    "1e-3*x + 0x10*y + 1_000": lambda x, y: 1e-3 * x + 16 * y + 1000,
    "detach(x)*x + step(y)": lambda x, y: x.detach() * x + y.step(),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_an_expression_is_what_python_makes_of_it(text):
    """The value and the gradients have the bits of the same expression in Python."""
    used = set(re.findall(r"\b[xy]\b", text))
    numbers = {name: number for name, number in (("x", X), ("y", Y)) if name in used}
    z, leaves = expression(text, numbers)
    x, y = Value(X), Value(Y)
    expected = WRITTEN[text](x, y)
    z.backward()
    expected.backward()
    assert z.data == expected.data
    assert {name: v.grad for name, v in leaves.items()} == {
        name: v.grad for name, v in (("x", x), ("y", y)) if name in used
    }


def test_random_arithmetic_is_python_s():
    """Thousands of random sums and products have the precedence and the bits of Python's."""
    rng = random.Random(5)

    def grown(depth):
        if depth == 0 or rng.random() < 0.2:
            return rng.choice(["x", "y", "2", "0.5", "3.25"])
        text = f"{grown(depth - 1)} {rng.choice('+-*')} {grown(depth - 1)}"
        return rng.choice([text, f"({text})", f"-({text})", f"+{text}", f"-{text}"])

    for _ in range(2000):
        text = f"{grown(4)} + 0*x + 0*y"
        assert expression(text, {"x": X, "y": Y})[0].data == eval(text, {"x": X, "y": Y}), text


@pytest.mark.parametrize("name", functions())
def test_every_function_can_be_called(name):
    """Each function that is offered computes, as a function and as a method, from its operands."""
    rule = OPERATIONS.get({"max": "maximum", "min": "minimum", "pow": "power"}.get(name, name))
    count = len(rule.partials) if rule else 3
    rest = ", ".join(["0.5", "0.75"][: count - 1])
    called = expression(f"{name}({', '.join(filter(None, ['x', rest]))})", {"x": 0.25})[0]
    method = expression(f"x.{name}({rest})", {"x": 0.25})[0]
    assert called.rule is method.rule is not None
    assert called.data == method.data
    assert name not in HIDDEN


def test_numbers_are_computed_as_numbers():
    """What has no name in it is a number, not a node: 2*3*x is one product."""
    z, _ = expression("2*3*x", {"x": 5.0})
    assert [v.data for v in topological_order(z)] == [6.0, 5.0, 30.0]
    assert expression("tanh(0.5)", {})[0].data == math.tanh(0.5)


@pytest.mark.parametrize(
    "text", ["a = x*2; a*a", "a = x*2\na*a", " a = x*2 ;a*a; ", "a=x*2;\n\na*a"]
)
def test_parts_are_named(text):
    """Assignments, by `;` or lines, name what they compute, once, and it can be used twice."""
    z, leaves = expression(text, {"x": 3.0})
    z.backward()
    assert [v.label for v in topological_order(z)] == ["x", "", "a", ""]
    assert (z.data, leaves["x"].grad) == (36.0, 24.0)


def test_another_name_for_a_value_is_a_node():
    """`y = x` keeps x, and makes a y that can be seen beside it."""
    y, leaves = expression("y = x; y", {"x": 3.0})
    assert (y.label, y.args, y.data) == ("y", (leaves["x"],), 3.0)


def test_python_reads_names_in_one_form():
    """A micro sign and a Greek mu are one name, as in Python; a ligature is its letters."""
    z, leaves = expression("\u00b5 * \ufb01", {"\u00b5": 2.0, "\ufb01": 3.0})
    assert (z.data, list(leaves)) == (6.0, ["\u03bc", "fi"])


REFUSED = {
    "__import__('os').system('x')": "operations, not \"'os'\"",
    "__import__(os).system(x)": "'os' has none",
    "__import__(x).system(x)": "no operation is called '__import__'",
    "().__class__": r"not '\(\)\.__class__'",
    "x.__class__": "not 'x.__class__'",
    "x.__class__()": "no operation is called '__class__'",
    "x.data": "not 'x.data'",
    "x.backward()": "no operation is called 'backward'",
    "tanh.__globals__": "not 'tanh.__globals__'",
    "(lambda: x)()": "not '",
    "lambda: x": "not 'lambda: x'",
    "[x for x in y]": "not '",
    "(x for x in y)": "not '",
    "{x: x}": "not '{x: x}'",
    "[x]": r"not '\[x\]'",
    "x[0]": r"not 'x\[0\]'",
    "(x, x)": r"not '\(x, x\)'",
    "f'{x}'": "not \"f'{x}'\"",
    "'text'": "not \"'text'\"",
    "b'text'": "not \"b'text'\"",
    "'\\d'": "not ",
    "(y := x)": "not 'y := x'",
    "x if x else x": "not 'x if x else x'",
    "x < 2": "not 'x < 2'",
    "x and x": "not 'x and x'",
    "not x": "not 'not x'",
    "x ^ 2": r"not 'x \^ 2'; try x \*\* 2",
    "x % 2": "not 'x % 2'",
    "x // 2": "not 'x // 2'",
    "x @ x": "not 'x @ x'",
    "~x": "not '~x'",
    "1j * x": "not '1j'",
    "True * x": "not 'True'",
    "None": "not 'None'",
    "...": "not '...'",
    "*x": r"not '\*x'",
    "tanh(*x)": r"not '\*x'",
    "tanh(x=x)": r"not 'tanh\(x=x\)'",
    "tanh(**x)": r"not 'tanh\(\*\*x\)'",
    "x += 1": r"not 'x \+= 1'",
    "a = b = x": "not 'a = b = x'",
    "a, b = x": "not 'a, b = x'",
    "a.b = x": "not 'a.b = x'",
    "a: float = x": "not 'a: float = x'",
    "import os": "not 'import os'",
    "while 1: x": "not 'while 1: x'",
    "def f(): x": r"not 'def f\(\): x'",
    "class A: x": "not 'class A: x'",
    "exec(x)": "no operation is called 'exec'; try abs, clip, cos",
    "Tanh(x)": "no operation is called 'Tanh'; try tanh",
    "print(x)": "no operation is called 'print'; try abs, clip, cos",
    "yield x": "not 'yield x'",
    "await x": "not 'await x'",
    "del x": "not 'del x'",
    "global x": "not 'global x'",
    "x; x": "every part before the last has a name, not 'x'",
    "x = 2; x": "a name is given once, but 'x' twice",
    "a = x; a = x; a": "a name is given once, but 'a' twice",
    "z * x": "a name takes a number, and 'z' has none; give one, such as z=2",
    "a * x; a = 2": "every part before the last",
    "tanh": "'tanh' has none",
    "2": "a number is given to what the result is computed from, not to 'x'; leave it out",
    "a = x; 2": "not to 'x'",
    "": "an expression is needed, not ''",
    " \n ": "an expression is needed",
    "# x": "an expression is needed",
    "x +": r"is arithmetic, not 'x \+' \(invalid syntax at character 4\)",
    "2x": "is arithmetic, not '2x'",
    "1if x else 2": "not '1if x else 2'",
    "(x": r"is arithmetic, not '\(x'",
    "x\0": r"not 'x\\x00'",
    "x.\x1b[2J()": r"not 'x\.\\x1b\[2J\(\)'",
    "\udcff": r"is text, not '\\udcff'",
    "tanh()": r"tanh\(\) takes 1 operand, not 0; try tanh\(x\)",
    "tanh(x, x)": r"tanh\(\) takes 1 operand, not 2; try tanh\(x\)",
    "max(x)": r"max\(\) takes 2 operands, not 1; try max\(x, y\)",
    "clip(x, 1)": r"clip\(\) takes 3 operands, not 2; try clip\(x, y, z\)",
    "leaky_relu(x, 1, 2)": r"leaky_relu\(\) takes 2 operands, not 3",
    "identity(x)": "no operation is called 'identity'",
    "9" * 5000: "is arithmetic, not '999",
    "0x" + "f" * 400: "a number is at most 1.8e308",
    "(" * 10_000 + "x" + ")" * 10_000: "at most 10,000 characters, not 20,001; shorten it",
    "(" * 4000 + "x" + ")" * 4000: r"is arithmetic, not '\(\(\(",
    "-" * 9000 + "x": "is nested less deep than '----",
    "x.a" + ".a" * 4500: "not '|less deep",
    "f(" * 3000: "not '",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:30]))
def test_what_is_not_arithmetic_is_refused(text):
    """One line of a ValueError: the rule, the offender, shown short and harmless, the remedy."""
    with pytest.raises(ValueError, match=REFUSED[text]) as refused:
        expression(text, {"x": 2.0})
    message = str(refused.value)
    assert message.isprintable()
    assert len(message) < 400
    assert "; " in message


COMPUTED = {
    "9**9**9": (OverflowError, "in ** with x = 9.0, y = 387420489.0; "),
    "x**9**9": (OverflowError, "in ** with x = 2.0, y = 387420489.0; "),
    "1/0": (ZeroDivisionError, "in / with x = 1.0, y = 0.0; keep the denominator away from 0"),
    "x/0": (ZeroDivisionError, "in / with x = 2.0, y = 0.0; keep the denominator away from 0"),
    "log(-1)": (ValueError, "in log with x = -1.0; keep the operand above 0"),
    "log(-x)": (ValueError, "in log with x = -2.0; keep the operand above 0"),
    "exp(1000)": (OverflowError, "in exp with x = 1000.0; "),
}


@pytest.mark.parametrize("text", COMPUTED)
def test_what_cannot_be_computed_is_a_float_s_error(text):
    """Numbers and Values fail as floats do, at once, with the operation, operands and remedy."""
    kind, note = COMPUTED[text]
    with pytest.raises(kind) as failed:
        expression(text, {"x": 2.0})
    [told] = failed.value.__notes__
    assert note in told


def test_a_long_sum_is_read_or_refused():
    """900 terms are read; of 4000, Python's parser decides: a sum, or one line."""
    assert expression("x" + "+x" * 900, {"x": 2.0})[0].data == 1802.0
    try:
        outcome = expression("x" + "+x" * 4000, {"x": 2.0})[0].data
    except ValueError as error:
        outcome = str(error).partition(" than ")[0]
    assert outcome in (8002.0, "an expression is nested less deep")


@given(st.text(max_size=40) | st.text("x12 +-*/()=;.,'[]{}:\n_ifnotad", max_size=40))
def test_any_text_is_read_or_refused(text):
    """Whatever is typed gives a Value, or an error that main() shows in one line."""
    try:
        found, _ = expression(text, {"x": 2.0})
    except (ValueError, ArithmeticError):
        return
    assert isinstance(found, Value)


# ---- conditions ----------------------------------------------------------------------------------


def met(text, root):
    """Return the numbers of the steps of a root that meet a condition."""
    condition = Condition(text, Names(root))
    return [step.number for step in backward_steps(root, keep=False) if condition.meets(step)]


MET = {  # of the nine steps of the neuron; its gradients are 0.5 or so, but w1's 1 and x1's -1.5
    "x1": [8],
    "s": [2],
    " w1 ": [9],
    "o": [],
    "nan": [],
    "inf": [],
    "abs(after) > 0.9": [8, 9],
    "after < 0": [8],
    "number >= 3 and number < 5": [3, 4],
    "2 < number < 5 or local == -3": [3, 4, 8],
    "not number > 1": [1],
    "contribution == local * upstream": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    "before != 0": [],
    "1 / local > 1.5": [1],
    "1 / local > 1.5 or number == 7": [1, 7],
    "not 1 / local <= 1.5": [1, 7],
    "log(local) < 0": [1],
    "local == nan": [],
    "max(number, 8) == number": [8, 9],
    "step.after < 0": [8],
    "2 < step.number < 5 or (step.local == -3)": [3, 4, 8],
    "step(step.after) == 0": [7, 8],
    "NaN": [],
    "Inf": [],
    "local != NaN and after < INF": [1, 2, 3, 4, 5, 6, 7, 8, 9],
}


@pytest.mark.parametrize("text", MET)
def test_a_condition_holds_where_it_should(text):
    """A name, nan and inf, comparisons; what cannot be computed, such as 1 / 0, is nan."""
    assert met(text, expression(NEURON, NUMBERS)[0]) == MET[text]


@pytest.mark.parametrize(("number", "name"), [(math.nan, "nan"), (math.inf, "inf")])
def test_nan_and_inf_in_any_case(number, name):
    """NaN and NAN are nan, but where a Value is called so."""
    x = Value(2.0, label="x")
    z = x * number + x
    for text in (name, name.upper(), name.capitalize()):
        assert met(text, z) == [3]
        assert Condition(text, Names(z)).text == text
    x.label = name.upper()
    assert met(name.upper(), z) == [2, 3] != met(name, z) == [3]


@pytest.mark.parametrize(("number", "name"), [(math.nan, "nan"), (math.inf, "inf")])
def test_nan_and_inf_are_the_numbers_not_the_constants(number, name):
    """The words mean the gradients, also where a constant is shown as that word."""
    x = Value(2.0, label="x")
    z = x * number + x
    assert met(name, z) == [3]  # where it flows to x, not step 4, to the constant
    assert name in map(Names(z), topological_order(z))


WRONG = {
    "foo": "a name of this graph is needed, not 'foo'; .*; or a condition, such as abs",
    "w1.grad": "a name of this graph is needed, not 'w1.grad'; .*; or a condition",
    "w1 > 3": "a condition compares number, local, .*, after, not 'w1'; try abs",
    "after.data > 1": "a condition has numbers, .*, not 'after.data'; try abs",
    "__import__('os') > 1": "not \"'os'\"",
    "(lambda: 1)() > 1": "not '",
    "after is 1": "not 'after is 1'",
    "after in x": "not 'after in x'",
    "after": "a name of this graph is needed, not 'after'",
    "after + 1": "is nan, inf, a name or a comparison, not 'after \\+ 1'",
    "after > 1; 2": "is nan, inf, a name or a comparison",
    "after = 1": "is nan, inf, a name or a comparison, not 'after = 1'; try after == 1$",
    "step.after=1": "not 'step.after=1'; try after==1$",
    "abs(after) = 1 and local >= 2": r"; try abs\(after\) == 1 and local >= 2$",
    "after = 3 and number != 4": r"; try after == 3 and number != 4$",
    "-after = " + "1" * 70: r"; try abs\(after\) > 10$",
    "grad > 1": "not 'grad'; try after, the gradient after the step$",
    "w1.grad > 1": "not 'w1.grad'; try after, the gradient after the step$",
    "step.grad > 1": "not 'step.grad'; try after, the gradient after the step$",
    "upsteam > 1": "not 'upsteam'; try upstream > 10$",
    "step.afterwards > 1": "not 'step.afterwards'; try abs",
    "x.step.after > 1": "not 'x.step.after'; try abs",
    "after >": "a condition is arithmetic, not 'after >'",
    "": "a condition is needed, not ''",
    "x\0": r"not 'x\\x00'",
    "-" * 9000 + "after > 1": "a condition is nested less deep than '----",
    "after > 1 and " * 2000 + "after": "a condition has at most 10,000 characters",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: ascii(text[:30]))
def test_a_condition_that_is_none_is_refused(text):
    """One line: the rule, the offender, an example; before any step is asked."""
    names = Names(expression(NEURON, NUMBERS)[0])
    with pytest.raises(ValueError, match=WRONG[text]) as refused:
        Condition(text, names)
    assert str(refused.value).isprintable()


def test_a_condition_of_impossible_numbers_is_refused():
    """1 / 0 > 2 never holds, and says so when it is made."""
    with pytest.raises(ZeroDivisionError):
        Condition("1 / 0 > 2", Names(Value(1.0)))
