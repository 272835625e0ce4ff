"""Functions of numbers and of several Values."""

import math

import pytest

from microgradnet import Value, functional
from microgradnet.operations import OPERATIONS


@pytest.mark.parametrize("name", [n for n, op in OPERATIONS.items() if len(op.partials) == 1])
def test_every_operation_is_a_function_of_a_number_or_a_value(name) -> None:
    """functional.tanh(0.3) is a float, functional.tanh(Value(0.3)) the Value of the same number."""
    function = getattr(functional, name)
    assert type(function(0.3)) is float
    assert function(Value(0.3)).data == function(0.3)
    assert name in dir(functional)


def test_a_name_that_is_no_operation_is_an_attribute_error() -> None:
    """A typo is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="tahn"):
        functional.tahn  # noqa: B018


def test_total_adds_from_left_to_right_without_a_constant() -> None:
    """The bits are those of sum(), and no 0 stands in the graph; nothing gives Value(0.0)."""
    values = [Value(v) for v in (0.1, 0.2, 0.3)]
    result = functional.total(values)
    assert result.data == 0.1 + 0.2 + 0.3
    assert result.args[0].args == (values[0], values[1])
    assert functional.total([]).data == 0.0
    assert sum(values).args[0].args == (values[0], values[1])


def test_mean_divides_by_the_count() -> None:
    """The mean of 1, 2, 6 is 3; of nothing, an error."""
    assert functional.mean(Value(v) for v in (1.0, 2.0, 6.0)).data == 3.0
    with pytest.raises(ValueError, match="at least one value"):
        functional.mean([])


def test_dot_multiplies_in_pairs() -> None:
    """(1, 2) . (3, 4) = 11, with each vector the gradient of the other; lengths must agree."""
    xs, ys = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    result = functional.dot(xs, ys)
    result.backward()
    assert (result.data, [x.grad for x in xs]) == (11.0, [3.0, 4.0])
    with pytest.raises(ValueError, match="not 1 and 2"):
        functional.dot([1.0], [1.0, 2.0])


def test_softmax_sums_to_one_at_any_size() -> None:
    """Softmax of large logits neither overflows nor loses its sum."""
    assert functional.softmax([Value(1000.0), Value(1000.0)])[0].data == 0.5
    result = functional.softmax([-1000.0, 0.0, 1.0])
    assert sum(result) == pytest.approx(1.0, rel=1e-15)
    assert result[0] == 0.0
    with pytest.raises(ValueError, match="at least one value"):
        functional.softmax([])


def test_log_softmax_is_exact_where_softmax_is_zero() -> None:
    """The logarithm of a vanishing probability is the difference of logits."""
    assert functional.log_softmax([Value(-2000.0), Value(0.0)])[0].data == -2000.0


def test_logsumexp_and_its_gradient() -> None:
    """logsumexp(1000, 1000) = 1000 + log 2, and its gradient is softmax."""
    values = [Value(1000.0), Value(1000.0)]
    result = functional.logsumexp(values)
    result.backward()
    assert result.data == 1000.0 + math.log(2.0)
    assert [v.grad for v in values] == [0.5, 0.5]


def test_numbers_in_numbers_out() -> None:
    """The functions of several take plain numbers too, and give one."""
    assert functional.mean([1.0, 2.0]) == 1.5
    assert functional.dot([1.0, 2.0], [3.0, 4.0]) == 11.0
    assert functional.logsumexp([0.0, 0.0]) == math.log(2.0)


@pytest.mark.parametrize("values", ["12", b"12", {"a": 1.0}, 3.0, None])
@pytest.mark.parametrize("function", [functional.total, functional.mean, functional.logsumexp])
def test_functions_of_several_values_take_a_list(function, values):
    """A text, a dict or one number is none, though Python would go through some of them."""
    with pytest.raises(TypeError, match="takes"):
        function(values)


def test_clip_is_a_function_too():
    """Of numbers a number, of a Value a Value, with the gradient of the bound or of itself."""
    assert [functional.clip(x, -1.0, 1.0) for x in (-2.0, 0.5, 2.0)] == [-1.0, 0.5, 1.0]
    x = Value(0.5)
    functional.clip(x, -1.0, 1.0).backward()
    assert x.grad == 1.0
