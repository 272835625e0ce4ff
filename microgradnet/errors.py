"""Say in one line what a function does not take: the rule, what was given, and the remedy.

>>> @explained
... def mean(values: Sequence[float]) -> float:
...     return sum(values) / len(values)
>>> mean([1.0, 2.0])
1.5
>>> try:
...     mean([1.0, "2"])
... except TypeError as error:
...     print(error)
mean() takes a list of numbers as values, not '2' in values[1]; see help(mean)

Whatever behaves like a list is taken for one. Only where that fails, the annotations say why.
"""

import functools
import os
import re
import sys
import types
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import (
    Any,
    ParamSpec,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

P = ParamSpec("P")
T = TypeVar("T")

LONGEST, HEAD = 200, 120  # characters of what was given, and of its beginning
UNCLEAR = (TypeError, AttributeError, LookupError, ValueError, OverflowError, StopIteration)
TEXTS = (str, bytes, bytearray)
LISTS = (Sequence, Iterable, Collection, list)
# In words: one of them, and several.
WORDS: dict[Any, tuple[str, str]] = {
    float: ("a number", "numbers"), SupportsFloat: ("a number", "numbers"),
    int: ("a whole number", "whole numbers"), SupportsIndex: ("a whole number", "whole numbers"),
    str: ("a text", "texts"), os.PathLike: ("a path", "paths"),
    Callable: ("a function", "functions"), Mapping: ("a dict", "dicts"), dict: ("a dict", "dicts"),
    bool: ("True or False", "True or False"), Hashable: ("a hashable object", "hashable objects"),
    tuple: ("a tuple", "tuples"), types.NoneType: ("None", "None"),
    **dict.fromkeys(LISTS, ("a list", "lists")),
}  # fmt: skip


def printable(text: str) -> str:
    r"""Return a text with its control characters as Python writes them, and never blank.

    >>> print(printable("a\x1b[2J"), printable(" "))
    a\x1b[2J ' '
    """
    text = text if text.strip() else repr(text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show(what: object) -> str:
    """Return the repr of what an error is about, cut in the middle where it is long."""
    try:
        text = repr(what)
    except Exception:  # an object's own fault, or an int of more digits than Python prints
        text = object.__repr__(what)
    return text if len(text) <= LONGEST else f"{text[:HEAD]}...{text[HEAD + 3 - LONGEST :]}"


def wrong(
    where: str, rule: str, offender: object, remedy: str, kind: type[Exception] = ValueError
) -> Exception:
    """Return the error that says where, the rule, what broke it, and how to mend it."""
    return kind(f"{where} takes {rule}, not {show(offender)}; {remedy}")


def is_real(value: object) -> bool:
    """Return whether it is a number or a Value: neither text nor complex, list, array or class."""
    is_class = isinstance(value, type)
    return hasattr(value, "__float__") and not hasattr(value, "__len__") and not is_class


def explained(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, whose errors from wrong types say which argument it was.

    An error that has a remedy, as all of this package have, stays as it is; so does one that comes
    though all arguments fit their annotations.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except UNCLEAR as error:
            told = re.search(" not .*; ", str(error))
            reason = "" if told else _reason(function, args, kwargs)
            if not reason:
                raise
        raise TypeError(reason)

    return called


def _reason(function: Callable[..., Any], args: Any, kwargs: Any) -> str:
    import inspect  # takes longer than the engine

    if function.__name__ == "__post_init__":  # of a dataclass, whose fields are the arguments
        signature, given = inspect.signature(type(args[0])), vars(args[0])
    else:
        signature = inspect.signature(function)
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # as Python says: an argument is missing, or not known
            return ""
    name = re.sub(r"^.*<locals>\.|\.__(init|post_init|call)__$", "", function.__qualname__)
    for argument, parameter in signature.parameters.items():
        if argument not in given:
            continue
        value, annotation = given[argument], _evaluated(parameter.annotation, function)
        annotation = Any if annotation is parameter.empty else annotation
        for place, item in _misfits(annotation, value, argument):
            found = show(item) + f" in {place}" * (place != argument)
            words = "smaller numbers" if _is_vast(item) else _words(annotation)
            rule = f"{name}() takes {words} as {argument}"
            return f"{rule}, not {found}; see help({name})"
    return ""


def _evaluated(annotation: Any, function: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, function.__globals__)
    except (NameError, TypeError):  # a name for type checkers alone
        return Any


def _misfits(annotation: Any, value: Any, place: str) -> Iterator[tuple[str, Any]]:
    # The places of a value, and what is there, that do not fit an annotation.
    kind, parts = _parts(annotation)
    if kind in (Union, types.UnionType):
        found = [list(_misfits(part, value, place)) for part in parts]
        if all(found):
            yield max(found, key=lambda misfits: len(misfits[0][0]))[0]  # of the nearest
    elif not _is_one(kind, value) or (kind is not Any and _is_vast(value)):
        yield place, value
    elif parts and hasattr(value, "__len__") and not isinstance(value, TEXTS):
        if isinstance(value, Mapping):
            pairs, inner = list(value.items()), parts[-1:]
        else:
            pairs, inner = list(enumerate(value)), parts if kind is tuple else parts[:1]
        if kind is tuple and ... not in inner and len(inner) != len(pairs):
            yield place, value
            return
        for number, (key, item) in enumerate(pairs):
            part = inner[min(number, len(inner) - 1)] if ... not in inner else inner[0]
            yield from _misfits(part, item, f"{place}[{show(key)}]")


def _parts(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    # list and (float,) of list[float]; a variable of types stands for its bound.
    if isinstance(annotation, TypeVar):
        annotation = annotation.__bound__ or Any
    return get_origin(annotation) or annotation, get_args(annotation)


def _is_one(kind: Any, value: Any) -> bool:
    if kind is float or kind is SupportsFloat:
        return is_real(value)
    if kind is int or kind is SupportsIndex:
        return hasattr(value, "__index__") and not isinstance(value, type)
    if kind in (*LISTS, tuple):
        method = "__iter__" if kind in (Iterable, Collection) else "__getitem__"
        return hasattr(value, method) and not isinstance(value, (*TEXTS, Mapping, set, type))
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def _is_vast(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > sys.maxsize


def _words(annotation: Any, several: bool = False) -> str:
    kind, parts = _parts(annotation)
    if kind in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(part, several) for part in parts))
    name = getattr(kind, "__name__", str(kind))
    article = "an" if name[0] in "AEIO" else "a"
    word = WORDS.get(kind, (f"{article} {name}", f"{name}s"))[several]
    if kind in (Any, object):
        return "objects" if several else "an object"
    if kind in (*LISTS, tuple) and parts:
        inner = [_words(part, True) for part in parts if part is not ...]
        return f"{word} of {' and '.join(dict.fromkeys(inner))}"
    return word
