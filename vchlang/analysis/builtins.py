"""The functions of the language: one decorated function each, with its types, doc and example.

They are pure. What reads (`archive`, `file`, `env`) is no function here but a question to `Inputs`; its description
stands here all the same, so that the checker and the reference have one table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from vchlang import values as v

Result: TypeAlias = v.Type | Callable[[list[v.Type]], v.Type]


class Mistake(Exception):
    """A call that its arguments make impossible; the message is for the user. `code` is a diagnostic's slug."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Builtin(msgspec.Struct, frozen=True, kw_only=True):
    """One function. A parameter of type ANY takes what `run` can work with; `optional` counts from the end.

    item: for functions that take a lambda, the types of its parameters, from the types of the other arguments.
    reads: it is a question to `Inputs`, not a function.
    """

    name: str
    params: tuple[tuple[str, v.Type], ...]
    optional: int
    result: Result
    run: Callable[..., Any]
    doc: str
    example: str
    item: Callable[[list[v.Type]], tuple[v.Type, ...]] | None = None
    reads: bool = False
    variadic: bool = False


BUILTINS: dict[str, Builtin] = {}
_LIST = v.ListOf(v.ANY)
_MAP = v.MapOf(v.STRING, v.ANY)


def _builtin(
    result: Result,
    example: str,
    *params: tuple[str, v.Type],
    optional: int = 0,
    item: Callable[[list[v.Type]], tuple[v.Type, ...]] | None = None,
    reads: bool = False,
    variadic: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(run: Callable[..., Any]) -> Callable[..., Any]:
        name = run.__name__.rstrip("_")
        BUILTINS[name] = Builtin(
            name=name,
            params=params,
            optional=optional,
            result=result,
            run=run,
            doc=(run.__doc__ or "").strip(),
            example=example,
            item=item,
            reads=reads,
            variadic=variadic,
        )
        return run

    return wrap


def _item_of(types: list[v.Type]) -> v.Type:
    match types[0] if types else v.ANY:
        case v.ListOf(item):
            return item
        case v.MapOf(_, value):
            return value
        case _:
            return v.ANY


def _one_item(types: list[v.Type]) -> tuple[v.Type, ...]:
    return (_item_of(types),)


def _same(types: list[v.Type]) -> v.Type:
    return types[0] if types else v.ANY


def _values_of(types: list[v.Type]) -> v.Type:
    found = types[0] if types else v.ANY
    if isinstance(found, v.RecordOf):
        inner = {one.type for one in found.fields}
        return v.ListOf(inner.pop() if len(inner) == 1 else v.ANY)
    return v.ListOf(_item_of(types))


# ---- reading -------------------------------------------------------------------------------------------------------


def _read(*_: Any) -> Any:
    raise AssertionError("reading is a question to Inputs. This is a bug in vch.")


def _reader(name: str, result: v.Type, param: str, doc: str, example: str) -> None:
    BUILTINS[name] = Builtin(
        name=name,
        params=((param, v.STRING),),
        optional=0,
        result=result,
        run=_read,
        doc=doc,
        example=example,
        reads=True,
    )


_reader(
    "archive",
    v.DATA,
    "path",
    "A directory packed into a deterministic tar, or a tar as it is. The path is relative to the file it stands in.",
    'archive("images/boot/")',
)
_reader("file", v.STRING, "path", "The text of a file, as UTF-8.", 'file("motd.txt")')
_reader("env", v.Optional(v.STRING), "name", "A variable of the environment, or null.", 'env("HOME") ?? "/"')

# ---- texts ---------------------------------------------------------------------------------------------------------


@_builtin(v.INT, 'len("abc") == 3', ("value", v.ANY))
def len_(value: Any) -> int:
    """The number of characters of a text, of values of a list, of keys of a map."""
    if isinstance(value, str | list | dict):
        return len(value)
    if isinstance(value, v.Range):
        return max(0, int(value.high) - int(value.low) + 1)
    raise Mistake("wrong-type", f"`len` takes a text, a list or a map, not {v.show(value)}")


@_builtin(v.STRING, 'string(3) == "3"', ("value", v.ANY))
def string(value: Any) -> str:
    """A number, a unit or a truth value as text."""
    return value if isinstance(value, str) else v.show(value)


@_builtin(v.STRING, 'upper("abc") == "ABC"', ("text", v.STRING))
def upper(text: str) -> str:
    """The text in upper case."""
    return text.upper()


@_builtin(v.STRING, 'lower("ABC") == "abc"', ("text", v.STRING))
def lower(text: str) -> str:
    """The text in lower case."""
    return text.lower()


@_builtin(v.STRING, 'trim("  a ") == "a"', ("text", v.STRING))
def trim(text: str) -> str:
    """The text without white space at its ends."""
    return text.strip()


@_builtin(v.ListOf(v.STRING), 'split("a,b", ",") == ["a", "b"]', ("text", v.STRING), ("separator", v.STRING))
def split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators."""
    if not separator:
        raise Mistake("wrong-arguments", "the separator of `split` is empty")
    return text.split(separator)


@_builtin(v.STRING, 'joined(["a", "b"], "-") == "a-b"', ("parts", v.ListOf(v.STRING)), ("separator", v.STRING))
def joined(parts: list[str], separator: str) -> str:
    """The parts with a separator between them."""
    return separator.join(parts)


@_builtin(v.STRING, 'replace("a-b", "-", "+") == "a+b"', ("text", v.STRING), ("old", v.STRING), ("new", v.STRING))
def replace(text: str, old: str, new: str) -> str:
    """The text with every `old` replaced."""
    if not old:
        raise Mistake("wrong-arguments", "what `replace` looks for is empty")
    return text.replace(old, new)


@_builtin(v.BOOL, 'starts_with("abc", "ab")', ("text", v.STRING), ("start", v.STRING))
def starts_with(text: str, start: str) -> bool:
    """Whether the text begins so."""
    return text.startswith(start)


@_builtin(v.BOOL, 'ends_with("abc", "bc")', ("text", v.STRING), ("end", v.STRING))
def ends_with(text: str, end: str) -> bool:
    """Whether the text ends so."""
    return text.endswith(end)


# ---- lists and maps ------------------------------------------------------------------------------------------------


@_builtin(v.BOOL, 'contains([1, 2], 2) and contains("abc", "b")', ("in", v.ANY), ("what", v.ANY))
def contains(whole: Any, what: Any) -> bool:
    """Whether a list has a value, a map a key, a text a part."""
    if isinstance(whole, str) and not isinstance(what, str):
        raise Mistake("wrong-type", "a text contains texts only")
    return what in whole


@_builtin(v.ListOf(v.STRING), 'keys({ a: 1, b: 2 }) == ["a", "b"]', ("map", _MAP))
def keys(map_: dict[str, Any]) -> list[str]:
    """The keys of a map, in the order written."""
    return list(map_)


@_builtin(_values_of, "values({ a: 1, b: 2 }) == [1, 2]", ("map", _MAP))
def values(map_: dict[str, Any]) -> list[Any]:
    """The values of a map, in the order written."""
    return list(map_.values())


@_builtin(
    lambda types: v.ListOf(types[1]) if len(types) > 1 else v.ANY,
    "map([1, 2], x => x * 2) == [2, 4]",
    ("list", _LIST),
    ("function", v.FunctionOf(1)),
    item=_one_item,
)
def map_(list_: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """What the function gives for each value."""
    return [function(one) for one in list_]


@_builtin(
    _same, "filter([1, 2, 3], x => x > 1) == [2, 3]", ("list", _LIST), ("function", v.FunctionOf(1)), item=_one_item
)
def filter_(list_: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """The values for which the function is true."""
    return [one for one in list_ if function(one)]


@_builtin(v.BOOL, "all([1, 2], x => x > 0)", ("list", _LIST), ("function", v.FunctionOf(1)), item=_one_item)
def all_(list_: list[Any], function: Callable[[Any], Any]) -> bool:
    """Whether the function is true for every value."""
    return all(function(one) for one in list_)


@_builtin(v.BOOL, "any([1, 2], x => x > 1)", ("list", _LIST), ("function", v.FunctionOf(1)), item=_one_item)
def any_(list_: list[Any], function: Callable[[Any], Any]) -> bool:
    """Whether the function is true for some value."""
    return any(function(one) for one in list_)


@_builtin(_same, "sort([3, 1, 2]) == [1, 2, 3]", ("list", _LIST))
def sort(list_: list[Any]) -> list[Any]:
    """The values in order; all of one type."""
    try:
        return sorted(list_)
    except TypeError:
        raise Mistake("wrong-type", "`sort` takes values of one type") from None


@_builtin(_same, "distinct([1, 1, 2]) == [1, 2]", ("list", _LIST))
def distinct(list_: list[Any]) -> list[Any]:
    """The values, each once, where it first stands."""
    out: list[Any] = []
    for one in list_:
        if one not in out:
            out.append(one)
    return out


# ---- numbers -------------------------------------------------------------------------------------------------------


@_builtin(_item_of, "sum([1, 2]) == 3", ("list", _LIST))
def sum_(list_: list[Any]) -> Any:
    """The sum of numbers, or of sizes, of one type."""
    if not list_:
        return 0
    if len({type(one) for one in list_}) > 1 or isinstance(list_[0], str):
        raise Mistake("wrong-type", "`sum` takes numbers of one type")
    return type(list_[0])(sum(list_))


@_builtin(_same, "min(2, 1) == 1", ("first", v.ANY), ("second", v.ANY), variadic=True)
def min_(*args: Any) -> Any:
    """The smallest."""
    return min(_comparable(args))


@_builtin(_same, "max(2, 1) == 2", ("first", v.ANY), ("second", v.ANY), variadic=True)
def max_(*args: Any) -> Any:
    """The largest."""
    return max(_comparable(args))


@_builtin(v.INT, "floor(7 / 2.0) == 3", ("number", v.FLOAT))
def floor(number: float) -> int:
    """The largest whole number that is not larger."""
    import math

    return math.floor(number)


@_builtin(v.INT, "ceil(7 / 2.0) == 4", ("number", v.FLOAT))
def ceil(number: float) -> int:
    """The smallest whole number that is not smaller."""
    import math

    return math.ceil(number)


@_builtin(v.INT, 'int("42") == 42', ("text", v.STRING))
def int_(text: str) -> int:
    """The whole number that a text is."""
    import re

    if not re.fullmatch(r"[+-]?\d{1,19}", text):
        raise Mistake("wrong-type", f"{v.quoted(text)} is no whole number")
    return int(text)


# ---- addresses and digests -----------------------------------------------------------------------------------------


@_builtin(v.ADDRESS, 'cidr_host("10.0.0.0/24", 5) == "10.0.0.5"', ("range", v.CIDR), ("number", v.INT))
def cidr_host(range_: str, number: int) -> str:
    """The address with this number in a range."""
    import ipaddress

    network = ipaddress.ip_interface(range_).network
    if not 0 <= number < network.num_addresses:
        raise Mistake("bad-index", f"{range_} has no address number {number}")
    return str(network[number])


@_builtin(v.BOOL, 'cidr_overlap("10.0.0.0/8", "10.1.0.0/16")', ("one", v.CIDR), ("other", v.CIDR))
def cidr_overlap(one: str, other: str) -> bool:
    """Whether two ranges share an address."""
    import ipaddress

    first, second = ipaddress.ip_interface(one).network, ipaddress.ip_interface(other).network
    return first.version == second.version and bool(first.overlaps(second))


@_builtin(
    v.STRING, 'sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"', ("text", v.STRING)
)
def sha256(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


@_builtin(v.STRING, 'base64("vch") == "dmNo"', ("text", v.STRING))
def base64(text: str) -> str:
    """A text in base 64."""
    import base64 as encoding

    return encoding.b64encode(text.encode()).decode()


def _comparable(args: tuple[Any, ...]) -> tuple[Any, ...]:
    kinds = {type(one) for one in args}
    if len(kinds) > 1 and not kinds <= {int, float}:
        raise Mistake("wrong-type", "only values of one type have an order")
    return args
