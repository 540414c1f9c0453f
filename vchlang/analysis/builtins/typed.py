"""Functions between types: what a value is, what a text means, and the first of several that is not null."""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, T, bound, group, shortened, whole

_type = group("types")


@_type(v.INT, 'int("42") == 42', ("text", v.STRING))
def int_(text: str) -> int:
    """The whole number that a text is."""
    import re

    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise Mistake("wrong-type", f"{shortened(text)} is no whole number")
    return whole(int(text))


@_type(v.FLOAT, 'float("2.5") == 2.5', ("text", v.STRING))
def float_(text: str) -> float:
    """The number that a text is, with or without a point."""
    import re

    if len(text) > 400 or not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text):
        raise Mistake("wrong-type", f"{shortened(text)} is no number")
    made = float(text)
    if made in (float("inf"), float("-inf")):
        raise Mistake("out-of-range", f"{shortened(text)} is larger than numbers go")
    return made


@_type(v.BOOL, 'bool("true")', ("text", v.STRING))
def bool_(text: str) -> bool:
    """The truth value that a text is: `true` or `false`."""
    if text not in ("true", "false"):
        raise Mistake("wrong-type", f"{shortened(text)} is neither true nor false")
    return text == "true"


@_type(v.BYTES, 'bytes("8GiB") == 8GiB', ("text", v.STRING))
def bytes_(text: str) -> v.Bytes:
    """The size that a text is."""
    return v.Bytes(_unit(text, v.BYTES, "size"))


@_type(v.FREQUENCY, 'frequency("2GHz") == 2GHz', ("text", v.STRING))
def frequency(text: str) -> v.Frequency:
    """The frequency that a text is."""
    return v.Frequency(_unit(text, v.FREQUENCY, "frequency"))


@_type(v.DURATION, 'duration("90s") == 90s', ("text", v.STRING))
def duration(text: str) -> v.Duration:
    """The duration that a text is."""
    return v.Duration(_unit(text, v.DURATION, "duration"))


def _unit(text: str, type_: v.Type, what: str) -> int:
    """The number of smallest units that a text is, as a script writes it."""
    import re

    found = re.fullmatch(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?([A-Za-z]+)", text)
    if found is None or found[4] not in v.UNITS_OF[type_]:
        raise Mistake(
            "wrong-unit", f"{shortened(text)} is no {what}: a number with one of {', '.join(v.UNITS_OF[type_])}"
        )
    sign, before, after, unit = found[1], found[2], found[3] or "", found[4]
    number, rest = divmod(int(before + after) * v.UNIT_TABLE[unit][1], 10 ** len(after))
    if rest:
        raise Mistake("inexact", f"{shortened(text)} is no whole number of the smallest unit")
    return whole(-number if sign else number)


@_type(v.BOOL, 'is_text("a") and not is_text(1)', ("value", v.ANY))
def is_text(value: Any) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


@_type(v.BOOL, 'is_number(1.5) and not is_number("1.5")', ("value", v.ANY))
def is_number(value: Any) -> bool:
    """Whether a value is a number without a unit."""
    return type(value) in (int, float)


@_type(v.BOOL, "is_bool(true) and not is_bool(1)", ("value", v.ANY))
def is_bool(value: Any) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


@_type(v.BOOL, "is_list([1]) and not is_list({ a: 1 })", ("value", v.ANY), shape=True)
def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(value, list)


@_type(v.BOOL, "is_map({ a: 1 }) and not is_map([1])", ("value", v.ANY), shape=True)
def is_map(value: Any) -> bool:
    """Whether a value is a map or a record."""
    return isinstance(value, dict)


def _first_type(types: list[v.Type]) -> v.Type:
    """Of the values without null; with it, where the last one may be null."""
    found = bound((v.Optional(T),), types).get(T, v.ANY)
    if types and (types[-1] == v.NULL or isinstance(types[-1], v.Optional)) and found != v.ANY:
        return v.Optional(found)
    return found


@_type(
    T,
    "coalesce(null, 2, 3) == 2",
    ("first", v.Optional(T)),
    ("second", v.Optional(T)),
    result=_first_type,
    variadic=True,
    shape=True,
)
def coalesce(*values: Any) -> Any:
    """The first value that is not null; null when all are."""
    return next((one for one in values if one is not None), None)
