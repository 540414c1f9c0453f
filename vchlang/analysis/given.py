"""Parameters' values from outside: the text of a command line or variable, and what TOML or JSON has.

They are read by the parameter's type, and made of literals only: nothing outside the script can compute.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from vchlang import values as v
from vchlang.analysis.fit import literal, one_of, split_number
from vchlang.syntax import ast
from vchlang.syntax.parser import parse_expression
from vchlang.text import SourceText


def from_text(text: str, type_: v.Type) -> Any:
    """A value from the text of a command line or variable. ValueError, with a hint for the user, when it is none."""
    match type_:
        case v.Optional(inner):
            return None if text == "null" else from_text(text, inner)
        case v.Simple("Bool"):
            if text in ("true", "false"):
                return text == "true"
            raise ValueError("write true or false")
        case v.Simple("String"):
            return text
        case v.TextsOf(texts):
            if text in texts:
                return text
            raise ValueError("it is one of " + ", ".join(texts))
        case v.VariantOf() if text[:1].isalpha():
            text = "." + text
        case v.UnionOf(options):
            return _first_of(options, lambda option: from_text(text, option), type_)
        case _ if type_ in v.TEXTUAL:
            return text
        case _:
            pass
    node, diagnostics = parse_expression(SourceText("", text))
    if node is None or diagnostics:
        raise ValueError("write it as in a script")
    value = _plain(node)
    if not _is_of(value, type_):
        raise ValueError(_example_of(type_))
    return value


def from_data(data: Any, type_: v.Type) -> Any:
    """A value from TOML or JSON. ValueError, with a hint for the user, when it is none."""
    match type_:
        case v.Optional(inner):
            return None if data is None else from_data(data, inner)
        case v.UnionOf(options):
            return _first_of(options, lambda option: from_data(data, option), type_)
        case v.ListOf(item) if isinstance(data, list):
            return [from_data(one, item) for one in data]
        case v.MapOf(_, item) if isinstance(data, dict):
            if any(str(key).startswith("$") for key in data):
                raise ValueError("a key does not begin with `$`")
            return {str(key): from_data(one, item) for key, one in data.items()}
        case v.RecordOf(fields) if isinstance(data, dict):
            types = {one.name: one.type for one in fields}
            for key in data:
                if key not in types:
                    raise ValueError(f"it has no field `{key}`")
            return {key: from_data(one, types[key]) for key, one in data.items()}
        case _:
            pass
    if isinstance(data, str):
        return from_text(data, type_)
    if not _is_of(data, type_):
        raise ValueError(_example_of(type_))
    return data


def _first_of(options: tuple[v.Type, ...], read: Callable[[v.Type], Any], type_: v.Type) -> Any:
    """The value by the first option of a union that it can be read as; texts last, since they take anything."""
    for option in sorted(options, key=lambda one: one == v.STRING):
        with contextlib.suppress(ValueError):
            return read(option)
    raise ValueError(_example_of(type_))


def _plain(node: Any) -> Any:
    """The value of an expression made of literals; ValueError for anything else."""
    match node:
        case ast.Group(inner=inner):
            return _plain(inner)
        case ast.Bool(value=value):
            return value
        case ast.Null():
            return None
        case ast.Text():
            if (text := literal(node)) is None:
                raise ValueError("a parameter's value has no `${…}`")
            return text
        case ast.Number(text=text):
            digits, unit = split_number(text)
            digits = digits.replace("_", "")
            if len(digits) > 40 or (unit and unit not in v.UNIT_TABLE):
                raise ValueError("units are " + ", ".join(v.UNIT_TABLE))
            if not unit:
                return float(digits) if "." in digits else int(digits)
            cls, factor = v.UNIT_TABLE[unit]
            whole, _, part = digits.partition(".")
            exact = int(whole + part) * factor
            if exact % 10 ** len(part):
                raise ValueError("it is no whole number of the smallest unit")
            return cls(exact // 10 ** len(part))
        case ast.Unary(operator=ast.Word(text="-"), operand=operand):
            value = _plain(operand)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError("`-` takes a number")
            return type(value)(-value)
        case ast.Variant(name=name):
            return v.VariantValue(name)
        case ast.Call(callee=ast.Variant(name=name), args=args):
            return v.VariantValue(
                name, {arg.name.text if arg.name else str(at): _plain(arg.value) for at, arg in enumerate(args)}
            )
        case ast.ListExpr(items=items):
            return [_plain(one) for one in items]
        case ast.Record(entries=entries):
            if any(isinstance(one, ast.Field) and one.name.text.startswith("$") for one in entries):
                raise ValueError("a key does not begin with `$`")
            return {one.name.text: _plain(one.value) for one in entries if isinstance(one, ast.Field)}
        case _:
            raise ValueError("a parameter's value is made of literals")


def _is_of(value: Any, type_: v.Type) -> bool:
    """Whether a value made of literals is of a type."""
    match type_:
        case v.Optional(inner):
            return value is None or _is_of(value, inner)
        case v.UnionOf(options):
            return any(_is_of(value, one) for one in options)
        case v.ListOf(item):
            return isinstance(value, list) and all(_is_of(one, item) for one in value)
        case v.MapOf(_, item):
            return isinstance(value, dict) and all(_is_of(one, item) for one in value.values())
        case v.RecordOf(fields):
            types = {one.name: one.type for one in fields}
            return (
                isinstance(value, dict)
                and all(key in types and _is_of(one, types[key]) for key, one in value.items())
                and all(one.name in value or not one.required for one in fields)
            )
        case v.VariantOf():
            return isinstance(value, v.VariantValue) and type_.case(value.case) is not None
        case v.TextsOf(texts):
            return value in texts
        case v.Simple("Bool"):
            return isinstance(value, bool)
        case v.Simple("Int"):
            return type(value) is int and v.INT_MIN <= value <= v.INT_MAX
        case v.Simple("Float"):
            return type(value) in (int, float)
        case v.Simple("anything"):
            return True
        case _:
            if type_ in v.UNITS:
                return type(value) in v.UNIT_TYPES and v.UNIT_TYPES[type(value)] == type_ and value <= v.INT_MAX
            return isinstance(value, str)


def _example_of(type_: v.Type) -> str:
    match type_:
        case v.Simple("Bytes"):
            return "a size has a unit: 8GiB"
        case v.Simple("Frequency"):
            return "a frequency has a unit: 8GHz"
        case v.Simple("Duration"):
            return "a time has a unit: 10s, 5min"
        case v.VariantOf(cases=cases):
            return "it is one of " + ", ".join(f".{case.name}" for case in cases)
        case _:
            return f"write {one_of(type_)} as in a script"
