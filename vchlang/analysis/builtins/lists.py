"""Functions of lists. All are linear, but for sorting; what combines lists is measured before it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import (
    LIST_OF_T,
    Function,
    Mistake,
    T,
    U,
    allow_items,
    as_key,
    group,
    holds,
    is_open,
    ordered,
    same_key,
    whole,
)

_list = group("lists")
_LIST = ("list", LIST_OF_T)
_CONDITION = ("function", Function((T,), v.BOOL))
_TEXT_OR_LIST = v.UnionOf((v.STRING, LIST_OF_T))


@_list(v.INT, 'len("abc") == 3 and len([1, 2]) == 2', ("value", v.ANY), shape=True)
def len_(value: Any) -> int:
    """The number of characters of a text, of values of a list, of keys of a map."""
    if isinstance(value, str | list | dict):
        return len(value)
    if isinstance(value, v.Range):
        return max(0, int(value.high) - int(value.low) + 1)
    raise Mistake("wrong-type", f"`len` takes a text, a list or a map, not {v.brief(value)}")


@_list(v.BOOL, 'contains([1, 2], 2) and contains("abc", "b")', ("in", v.ANY), ("what", v.ANY))
def contains(whole: Any, what: Any) -> bool:
    """Whether a list has a value, a map a key, a text a part."""
    if isinstance(whole, dict):
        return as_key(what) in whole
    if isinstance(whole, v.Range):
        return type(what) is int and bool(whole.low <= what <= whole.high)
    return _place(whole, what, "contains") is not None


@_list(
    v.Optional(v.INT),
    'index_of(["a", "b"], "b") == 1 and index_of("abc", "d") == null',
    ("in", _TEXT_OR_LIST),
    ("what", v.ANY),
)
def index_of(whole: Any, what: Any) -> int | None:
    """The place of the first such value of a list, or part of a text, counted from 0; null when there is none."""
    return _place(whole, what, "index_of")


def _place(whole: Any, what: Any, name: str) -> int | None:
    if isinstance(whole, str):
        if not isinstance(what, str):
            raise Mistake("wrong-type", "a text contains texts only")
        at = whole.find(what)
        return at if at >= 0 else None
    if not isinstance(whole, list):
        raise Mistake("wrong-type", f"`{name}` does not look into {v.brief(whole)}")
    wanted = same_key(what)
    return next((at for at, one in enumerate(whole) if same_key(one) == wanted), None)


def _same(types: list[v.Type]) -> v.Type:
    return types[0] if types else v.ANY


@_list(
    _TEXT_OR_LIST, 'reverse([1, 2]) == [2, 1] and reverse("ab") == "ba"', ("whole", _TEXT_OR_LIST), result=_same,
    shape=True,
)  # fmt: skip
def reverse(whole: Any) -> Any:
    """The list, or the text, from its end to its start."""
    return whole[::-1]


@_list(
    v.ListOf(U), "map([1, 2], x => x * 2) == [2, 4]", _LIST, ("function", Function((T,), U)), shape=True, passes=True
)
def map_(list_: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """What the function gives for each value."""
    return [function(one) for one in list_]


@_list(LIST_OF_T, "filter([1, 2, 3], x => x > 1) == [2, 3]", _LIST, _CONDITION, shape=True)
def filter_(list_: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """The values for which the function is true."""
    return [one for one in list_ if holds(function(one))]


@_list(v.BOOL, "all([1, 2], x => x > 0)", _LIST, _CONDITION, shape=True)
def all_(list_: list[Any], function: Callable[[Any], Any]) -> bool:
    """Whether the function is true for every value; it is for none."""
    return all(map(holds, map(function, list_)))


@_list(v.BOOL, "any([1, 2], x => x > 1)", _LIST, _CONDITION, shape=True)
def any_(list_: list[Any], function: Callable[[Any], Any]) -> bool:
    """Whether the function is true for some value."""
    return any(map(holds, map(function, list_)))


@_list(v.INT, "count([1, 2, 3], x => x > 1) == 2", _LIST, _CONDITION, shape=True)
def count(list_: list[Any], function: Callable[[Any], Any]) -> int:
    """For how many values the function is true."""
    return sum([holds(function(one)) for one in list_])


@_list(
    T,
    "reduce([1, 2, 3], 10, (so_far, x) => so_far + x) == 16",
    ("list", v.ListOf(U)),
    ("start", T),
    ("function", Function((T, U), T)),
    shape=True,
)
def reduce(list_: list[Any], start: Any, function: Callable[[Any, Any], Any]) -> Any:
    """One value of many: the function is called with what came so far, first `start`, and each value in turn."""
    for one in list_:
        start = function(start, one)
    return start


@_list(LIST_OF_T, "sort([3, 1, 2]) == [1, 2, 3]", _LIST)
def sort(list_: list[Any]) -> list[Any]:
    """The values in order; all of one type. Texts are in the order of their characters' numbers."""
    if not list_:
        return []
    ordered(list_, "sort")
    return sorted(list_)


@_list(
    LIST_OF_T, 'sort_by(["bbb", "a"], x => len(x)) == ["a", "bbb"]', _LIST, ("function", Function((T,), U)), shape=True
)
def sort_by(list_: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """The values in the order of what the function gives for each; those that are alike stay as they were."""
    given = [function(one) for one in list_]
    if not given or any(is_open(one) for one in given):
        return list_
    ordered(given, "sort_by")
    return [list_[at] for at in sorted(range(len(list_)), key=given.__getitem__)]


@_list(LIST_OF_T, "distinct([1, 1, 2]) == [1, 2]", _LIST)
def distinct(list_: list[Any]) -> list[Any]:
    """The values, each once, where it first stands."""
    return _once(list_)


def _once(values: list[Any]) -> list[Any]:
    out: dict[Any, Any] = {}
    for one in values:
        out.setdefault(same_key(one), one)
    return list(out.values())


@_list(T, "first([1, 2]) == 1", _LIST, shape=True)
def first(list_: list[Any]) -> Any:
    """The first value; an empty list has none, and that is an error."""
    return _only(list_, "first")[0]


@_list(T, "last([1, 2]) == 2", _LIST, shape=True)
def last(list_: list[Any]) -> Any:
    """The last value; an empty list has none, and that is an error."""
    return _only(list_, "last")[-1]


def _only(list_: list[Any], name: str) -> list[Any]:
    if not list_:
        raise Mistake("bad-index", f"`{name}` takes a list with a value, and this one is empty")
    return list_


@_list(T, 'element(["a", "b"], 3) == "b"', _LIST, ("index", v.INT), shape=True)
def element(list_: list[Any], index: int) -> Any:
    """The value at a place, counted round and round: after the last comes the first, before the first the last."""
    return _only(list_, "element")[index % len(list_)]


@_list(
    LIST_OF_T, "slice([1, 2, 3, 4], 1, 3) == [2, 3]", _LIST, ("start", v.INT), ("end", v.INT), optional=1, shape=True
)
def slice_(list_: list[Any], start: int, end: int | None = None) -> list[Any]:
    """The values from place `start` up to the one before place `end`; without an end, all from `start` on."""
    end = len(list_) if end is None else end
    if not 0 <= start <= end <= len(list_):
        raise Mistake("bad-index", f"the list has {len(list_)} values, and no part from {start} to {end}")
    return list_[start:end]


@_list(LIST_OF_T, "flatten([[1], [2, 3]]) == [1, 2, 3]", ("lists", v.ListOf(LIST_OF_T)), shape=True)
def flatten(lists: list[Any]) -> Any:
    """The values of all lists, one after the other. Lists in those stay as they are."""
    if any(is_open(one) for one in lists):
        return v.Unknown(v.ANY)
    allow_items(sum(len(one) for one in lists))
    return [one for inner in lists for one in inner]


@_list(
    v.ListOf(v.RecordOf((v.FieldOf("first", T, True), v.FieldOf("second", U, True)))),
    'zip([1, 2], ["a", "b"])[1].second == "b"',
    ("one", LIST_OF_T),
    ("other", v.ListOf(U)),
    shape=True,
)
def zip_(one: list[Any], other: list[Any]) -> list[Any]:
    """The values of two lists of one length in pairs, as `first` and `second`."""
    if len(one) != len(other):
        raise Mistake("wrong-arguments", f"the lists of `zip` have {len(one)} and {len(other)} values")
    return [{"first": left, "second": right} for left, right in zip(one, other, strict=True)]


@_list(v.ListOf(LIST_OF_T), "chunk([1, 2, 3], 2) == [[1, 2], [3]]", _LIST, ("size", v.INT), shape=True)
def chunk(list_: list[Any], size: int) -> list[Any]:
    """The list in parts of `size` values; the last may have fewer."""
    if size < 1:
        raise Mistake("wrong-arguments", f"a part has at least one value, not {size}")
    return [list_[at : at + size] for at in range(0, len(list_), size)]


@_list(
    v.MapOf(v.STRING, LIST_OF_T),
    'group_by(["ab", "ac", "b"], x => substring(x, 0, 1)) == { a: ["ab", "ac"], b: ["b"] }',
    _LIST,
    ("function", Function((T,), v.STRING)),
    shape=True,
)
def group_by(list_: list[Any], function: Callable[[Any], Any]) -> dict[str, list[Any]]:
    """The values in lists by what the function gives for each, a text or a whole number."""
    out: dict[str, list[Any]] = {}
    for one in list_:
        key = function(one)
        out.setdefault("" if is_open(key) else as_key(key), []).append(one)
    return out


@_list(v.ListOf(v.INT), "range(0, 10, 5) == [0, 5, 10]", ("low", v.INT), ("high", v.INT), ("step", v.INT), optional=1)
def range_(low: int, high: int, step: int = 1) -> list[int]:
    """The whole numbers from one to another, both included as in `..`; a step below zero counts down."""
    if step == 0:
        raise Mistake("wrong-arguments", "a step of zero never arrives")
    steps = range(low, high + (1 if step > 0 else -1), step)
    # The length of a range does not fit into what `len` gives, so it is worked out.
    allow_items(max(0, (steps.stop - steps.start + step - (1 if step > 0 else -1)) // step))
    return list(steps)


@_list(v.ListOf(LIST_OF_T), 'product([["a", "b"], ["c"]]) == [["a", "c"], ["b", "c"]]', ("lists", v.ListOf(LIST_OF_T)))
def product(lists: list[Any]) -> list[Any]:
    """Every way to take one value of each list; the last list turns fastest."""
    import itertools
    import math

    allow_items(len(lists) * max(1, math.prod(len(one) for one in lists)))
    return [list(one) for one in itertools.product(*lists)]


@_list(LIST_OF_T, "union([1, 2], [2, 3]) == [1, 2, 3]", ("one", LIST_OF_T), ("other", LIST_OF_T), variadic=True)
def union(*lists: list[Any]) -> list[Any]:
    """The values that are in any of the lists, each once, where it first stands."""
    allow_items(sum(len(one) for one in lists))
    return _once([one for list_ in lists for one in list_])


@_list(LIST_OF_T, "intersection([1, 2], [2, 3]) == [2]", ("one", LIST_OF_T), ("other", LIST_OF_T), variadic=True)
def intersection(one: list[Any], *others: list[Any]) -> list[Any]:
    """The values that are in all of the lists, each once, in the order of the first."""
    keys = [{same_key(value) for value in other} for other in others]
    return [value for value in _once(one) if all(same_key(value) in known for known in keys)]


@_list(LIST_OF_T, "difference([1, 2, 3], [2]) == [1, 3]", ("one", LIST_OF_T), ("other", LIST_OF_T))
def difference(one: list[Any], other: list[Any]) -> list[Any]:
    """The values of the first list that are not in the second, each once."""
    known = {same_key(value) for value in other}
    return [value for value in _once(one) if same_key(value) not in known]


@_list(LIST_OF_T, 'compact(["a", null]) == ["a"]', ("list", v.ListOf(v.Optional(T))), shape=True)
def compact(list_: list[Any]) -> Any:
    """The values that are not null."""
    if any(isinstance(one, v.Unknown) and (one.type == v.ANY or isinstance(one.type, v.Optional)) for one in list_):
        return v.Unknown(v.ANY)  # it may be null
    return [one for one in list_ if one is not None]


@_list(T, "sum([1, 2]) == 3 and sum([], 0B) == 0B", _LIST, ("start", T), optional=1)
def sum_(list_: list[Any], start: Any = None) -> Any:
    """The sum of numbers, or of units, of one type. `start` is added, and is what an empty list gives, else 0."""
    values = list_ if start is None else [start, *list_]
    if not values:
        return 0
    ordered(values, "sum")
    if isinstance(values[0], str):
        raise Mistake("wrong-type", "texts have no sum; `joined` puts them together")
    made = sum(values)
    return type(values[0])(whole(int(made))) if isinstance(made, int) else made


@_list(T, "min_of([3, 1, 2]) == 1", _LIST)
def min_of(list_: list[Any]) -> Any:
    """The smallest value of a list; an empty list has none, and that is an error."""
    ordered(_only(list_, "min_of"), "min_of")
    return min(list_)


@_list(T, "max_of([3, 1, 2]) == 3", _LIST)
def max_of(list_: list[Any]) -> Any:
    """The largest value of a list; an empty list has none, and that is an error."""
    ordered(_only(list_, "max_of"), "max_of")
    return max(list_)
