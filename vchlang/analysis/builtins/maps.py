"""Functions of maps and records. The order of keys is kept: it is the one in which they were written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import (
    MAP_OF_T,
    MAX_DEPTH,
    Function,
    Mistake,
    T,
    U,
    allow_items,
    as_key,
    bound,
    group,
    holds,
    is_open,
    shortened,
)
from vchlang.diagnostics import did_you_mean

_map = group("maps")
_MAP = ("map", MAP_OF_T)
_ENTRY = v.RecordOf((v.FieldOf("key", v.STRING, True), v.FieldOf("value", T, True)))


@_map(v.ListOf(v.STRING), 'keys({ a: 1, b: 2 }) == ["a", "b"]', _MAP, shape=True)
def keys(map_: dict[str, Any]) -> list[str]:
    """The keys of a map, in the order written."""
    return list(map_)


@_map(v.ListOf(T), "values({ a: 1, b: 2 }) == [1, 2]", _MAP, shape=True)
def values(map_: dict[str, Any]) -> list[Any]:
    """The values of a map, in the order written."""
    return list(map_.values())


@_map(T, 'lookup({ a: 1 }, "b", 0) == 0', _MAP, ("key", v.STRING), ("default", T), shape=True)
def lookup(map_: dict[str, Any], key: str, default: Any) -> Any:
    """The value under a key, or the default when the map does not have it."""
    return map_.get(key, default)


def _merged(types: list[v.Type]) -> v.Type:
    """Of records a record with the fields of all, where a later one overrides; else a map."""
    fields: dict[str, v.FieldOf] = {}
    for one in types:
        if not isinstance(one, v.RecordOf):
            return v.MapOf(v.STRING, bound((MAP_OF_T,), types).get(T, v.ANY))
        for field in one.fields:
            old = fields.get(field.name)
            if old is not None and not field.required and old.type != field.type:
                return v.MapOf(v.STRING, v.ANY)
            fields[field.name] = old if old is not None and not field.required else field
    return v.RecordOf(tuple(v.FieldOf(one.name, one.type, one.required) for one in fields.values()))


@_map(
    MAP_OF_T,
    "merge({ a: 1, b: 1 }, { b: 2 }) == { a: 1, b: 2 }",
    ("one", MAP_OF_T),
    ("other", MAP_OF_T),
    result=_merged,
    variadic=True,
    shape=True,
)
def merge(*maps: dict[str, Any]) -> dict[str, Any]:
    """The entries of all maps; a later one overrides. Maps in them are replaced as a whole: see `merge_deep`."""
    out: dict[str, Any] = {}
    for one in maps:
        out.update(one)
    allow_items(len(out))
    return out


@_map(
    v.MapOf(v.STRING, v.ANY),
    "merge_deep({ a: { b: 1 } }, { a: { c: 2 } }) == { a: { b: 1, c: 2 } }",
    ("one", v.MapOf(v.STRING, v.ANY)),
    ("other", v.MapOf(v.STRING, v.ANY)),
    variadic=True,
)
def merge_deep(*maps: dict[str, Any]) -> dict[str, Any]:
    """The entries of all maps; maps under one key are merged in turn, all else is overridden by a later one."""
    out: dict[str, Any] = {}
    for one in maps:
        out = _deep(out, one, MAX_DEPTH)
    return out


def _deep(one: dict[str, Any], other: dict[str, Any], depth: int) -> dict[str, Any]:
    if not depth:
        raise Mistake("limit-depth", f"`merge_deep` does not look deeper than {MAX_DEPTH}")
    out = dict(one)
    for key, value in other.items():
        old = out.get(key)
        out[key] = _deep(old, value, depth - 1) if isinstance(old, dict) and isinstance(value, dict) else value
    allow_items(len(out))
    return out


@_map(v.ListOf(_ENTRY), 'entries({ a: 1 })[0].key == "a"', _MAP, shape=True)
def entries(map_: dict[str, Any]) -> list[Any]:
    """The entries of a map, each with `key` and `value`."""
    return [{"key": key, "value": value} for key, value in map_.items()]


@_map(
    MAP_OF_T, 'from_entries([{ key: "a", value: 1 }]) == { a: 1 }', ("entries", v.ListOf(_ENTRY)), shape=True
)  # fmt: skip
def from_entries(entries: list[Any]) -> Any:
    """The map with these entries, each with `key` and `value`; two of one key are an error."""
    out: dict[str, Any] = {}
    if any(is_open(one) or is_open(one["key"]) for one in entries):
        return v.Unknown(v.ANY)
    for one in entries:
        _add(out, one["key"], one["value"])
    return out


def _add(out: dict[str, Any], key: Any, value: Any) -> None:
    name = as_key(key)
    if name in out:
        raise Mistake("duplicate-field", f"two values have the key {shortened(name)}")
    out[name] = value


@_map(MAP_OF_T, 'pick({ a: 1, b: 2 }, ["b"]) == { b: 2 }', _MAP, ("keys", v.ListOf(v.STRING)), shape=True)
def pick(map_: dict[str, Any], keys: list[str]) -> Any:
    """The entries with these keys, in this order; one that the map does not have is an error."""
    if any(is_open(one) for one in keys):
        return v.Unknown(v.ANY)
    for key in keys:
        if key not in map_:
            hint = did_you_mean(key, map_)
            raise Mistake("bad-index", f"there is no key {shortened(key)}" + (f"; {hint}" if hint else ""))
    return {key: map_[key] for key in keys}


@_map(MAP_OF_T, 'omit({ a: 1, b: 2 }, ["b"]) == { a: 1 }', _MAP, ("keys", v.ListOf(v.STRING)), shape=True)
def omit(map_: dict[str, Any], keys: list[str]) -> Any:
    """The entries but those with these keys."""
    if any(is_open(one) for one in keys):
        return v.Unknown(v.ANY)
    without = set(keys)
    return {key: value for key, value in map_.items() if key not in without}


@_map(
    v.MapOf(v.STRING, v.STRING), 'invert({ a: "x" }) == { x: "a" }', ("map", v.MapOf(v.STRING, v.STRING))
)  # fmt: skip
def invert(map_: dict[str, Any]) -> dict[str, str]:
    """The map from values to keys; two of one value are an error."""
    out: dict[str, str] = {}
    for key, value in map_.items():
        _add(out, value, key)
    return out


@_map(
    v.MapOf(v.STRING, U),
    "map_values({ a: 1 }, x => x + 1) == { a: 2 }",
    _MAP,
    ("function", Function((T,), U)),
    shape=True,
    passes=True,
)
def map_values(map_: dict[str, Any], function: Callable[[Any], Any]) -> dict[str, Any]:
    """The map with what the function gives for each value under the same key."""
    return {key: function(value) for key, value in map_.items()}


@_map(
    MAP_OF_T,
    "filter_entries({ a: 1, b: 2 }, (key, value) => value > 1) == { b: 2 }",
    _MAP,
    ("function", Function((v.STRING, T), v.BOOL)),
    shape=True,
)
def filter_entries(map_: dict[str, Any], function: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """The entries for whose key and value the function is true."""
    return {key: value for key, value in map_.items() if holds(function(key, value))}
