"""Test what errors say of wrong types: which argument, what it takes, what came."""

import inspect
import os
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from microgradnet import data
from microgradnet.engine import Value
from microgradnet.errors import explained, is_real, show, wrong


@explained
def taken(
    path: str | os.PathLike[str] = "", rows: Sequence[Sequence[float]] = (), count: int = 1,
    call: Callable[..., Any] = print, names: Mapping[str, tuple[int, int]] | None = None,
    items: Iterable[tuple[str, Any]] = (), model: Value | None = None, figure: "Unknown" = None,  # noqa: F821
    *, error: Exception = TypeError("as Python says it"),  # noqa: B008
) -> None:  # fmt: skip
    """Raise an error."""
    raise error


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": 3}, "a text or a path as path, not 3"),
        ({"rows": "ab"}, "a list of lists of numbers as rows, not 'ab'"),
        ({"rows": [[1.0], [2, "3"]]}, "a list of lists of numbers as rows, not '3' in rows[1][1]"),
        ({"rows": [[1j]]}, "a list of lists of numbers as rows, not 1j in rows[0][0]"),
        ({"count": 1.5}, "a whole number as count, not 1.5"),
        ({"count": 10**30}, f"smaller numbers as count, not {10**30}"),
        ({"call": 1}, "a function as call, not 1"),
        ({"names": {"a": (1, "2")}}, "a dict or None as names, not '2' in names['a'][1]"),
        ({"names": {"a": (1,)}}, "a dict or None as names, not (1,) in names['a']"),
        (
            {"items": [("a", None), 5]},
            "a list of tuples of texts and objects as items, not 5 in items[1]",
        ),
        ({"model": 2.0}, "a Value or None as model, not 2.0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("error", [TypeError("deep"), AttributeError("deep"), KeyError("deep")])
def test_an_argument_that_does_not_fit_is_named(given, told, error) -> None:
    """Whatever Python said of it, deep inside."""
    with pytest.raises(TypeError) as caught:
        taken(**given, error=error)
    assert str(caught.value) == f"taken() takes {told}; see help(taken)"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, TypeError("as Python says it")),
        ({"rows": [[1.0, Value(2.0)], (True, 3)]}, ValueError("deep")),
        ({"figure": 3}, TypeError("its type is for type checkers alone")),
        ({"count": "x"}, ValueError("f() takes a rule, not 'x'; and has a remedy")),
        ({"count": "x"}, ZeroDivisionError("another kind")),
        ({"count": "x"}, FileNotFoundError("another kind")),
    ],
)
def test_other_errors_stay_as_they_are(given, error) -> None:
    """Where all arguments fit, where there is a remedy, and errors that are not from types."""
    with pytest.raises(type(error)) as caught:
        taken(**given, error=error)
    assert caught.value is error


def test_a_missing_argument_is_told_by_python() -> None:
    """As of any function."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'targets'"):
        data.split([1])


def test_a_method_is_named_with_its_class() -> None:
    """And an object that is made, without its method."""
    with pytest.raises(TypeError, match=r"^Scaler\.fit\(\) takes .* as rows, not None; "):
        data.Scaler.fit(None)
    with pytest.raises(TypeError, match=r"^Encoding\(\) takes a list of Columns as columns, not 5"):
        data.Encoding(5)


def test_what_behaves_like_a_list_is_taken_for_one() -> None:
    """Types are asked for where something has failed, and not before."""

    class Rows:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return range(4)[i]

    assert data.split(Rows(), [0, 0, 1, 1], test=0.5)[0][1] == [0, 1]


def test_it_is_the_function_itself_to_look_at() -> None:
    """Its name, signature, docstring and text; and it can be pickled."""
    assert inspect.signature(data.moons).parameters["noise"].default == 0.1
    assert "half circles" in (data.moons.__doc__ or "")
    assert inspect.getsource(data.moons).count("def moons") == 1
    assert pickle.loads(pickle.dumps(data.moons)) is data.moons


class Unshown:
    """An object whose repr raises."""

    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (None, "None"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("a" * 198, f"'{'a' * 198}'"),
        ("a" * 199, f"'{'a' * 119}...{'a' * 76}'"),
    ],
)
def test_what_was_given_is_shown(what, told) -> None:
    """Its repr, with control characters as Python has them, and cut in the middle."""
    assert show(what) == told


@pytest.mark.parametrize("what", [Unshown(), 10**5000, [10**5000]], ids=["object", "int", "list"])
def test_what_has_no_repr_is_shown_by_its_type(what) -> None:
    """An object's own fault, and an int of more digits than Python prints."""
    assert show(what) == object.__repr__(what)


def test_wrong_is_the_error_to_raise() -> None:
    """Where, rule, offender, remedy; a ValueError unless another kind is asked for."""
    assert repr(wrong("f()", "a rule", 1, "mend it")) == repr(
        ValueError("f() takes a rule, not 1; mend it")
    )
    assert type(wrong("f()", "a rule", 1, "mend it", TypeError)) is TypeError


def test_numbers_are_real() -> None:
    """Also Values and truth; neither text, complex numbers, lists nor classes."""
    assert all(map(is_real, [1, 0.5, True, Value(1.0), float("nan")]))
    assert not any(map(is_real, ["1", 1j, [1.0], None, float, Value]))
