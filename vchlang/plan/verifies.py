"""Verifies in a plan: expressions and the values in them as what JSON has, and back.

A node is an object with its class as `node` and its parts by name; where it was written is left out, as what is left of
a condition comes from many places. A value is what JSON has, but for these, objects with one name that begins with `$`:

    {"$unit": "Bytes", "number": 1024}    {"$case": "static", "fields": {…}}    {"$range": [1, 9]}
    {"$ref": "infra.free", "unit": "Bytes"}, {"$text": [part, …]}                facts, as anywhere in a plan
    {"$element": "infra", "kind": "location"}, {"$instance": …}, {"$data": {…}}, {"$hidden": ["vmomi", "user"]}

No key of a script begins with `$`. Of a secret only the name is kept: no condition can look at it, but the record that
it stands in may be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.later import Held
from vchlang.analysis.program import VerifyDecl, Where
from vchlang.plan.lowered import NotKnown, Ref
from vchlang.plan.model import Place, Shown, Verify
from vchlang.syntax import ast

_UNITS: dict[str, type[v.Bytes] | type[v.Frequency] | type[v.Duration]] = {
    one.__name__: one for one in (v.Bytes, v.Frequency, v.Duration)
}
_FACTS_OF = {type_: cls.__name__ for cls, type_ in v.UNIT_TYPES.items()}
_NODES: dict[str, type[ast.Node]] = {
    one.__name__: one
    for one in (
        ast.Arg, ast.Binary, ast.Bool, ast.Call, ast.Conditional, ast.Each, ast.Field, ast.Index, ast.Lambda,
        ast.ListExpr, ast.ListFor, ast.MapFor, ast.Member, ast.Name, ast.Null, ast.Number, ast.Record, ast.Spread,
        ast.Text, ast.Unary, ast.Variant,
    )
}  # fmt: skip
_LEFT_OUT: dict[str, dict[str, Any]] = {"Text": {"source": ""}, "Field": {"quoted": True}}
"""What only a printer asks for, and what stands there instead."""


def verifies_of(verifies: list[VerifyDecl], place: Callable[[Where | None], Place | None]) -> tuple[Verify, ...]:
    """The verifies of a composition in a plan's form, in their order. place: where something is written."""
    return tuple(
        Verify(
            text=one.text,
            instance=one.instance,
            condition=lower(one.condition),
            message=lower(one.message) if one.message is not None else None,
            shown=tuple(Shown(text=text, value=lower(value)) for text, value in one.shown),
            place=place(one.where),
        )
        for one in verifies
    )


def lower(node: Any) -> Any:
    """An expression in a plan's form."""
    match node:
        case Held(value=value):
            return {"value": lower_value(value)}
        case ast.Word(text=text):
            return {"word": text}
        case ast.Node():
            name = type(node).__name__
            if name not in _NODES:
                raise ValueError(f"{name} has no form in a plan. This is a bug in vch.")
            left_out = ("start", "end", *_LEFT_OUT.get(name, ()))
            fields = [one for one in node.__struct_fields__ if one not in left_out]
            return {"node": name, **{one: lower(getattr(node, one)) for one in fields}}
        case tuple():
            return [lower(one) for one in node]
        case _:
            return node


def raise_(data: Any, fact: Callable[[Ref], Any]) -> Any:
    """An expression from a plan's form, facts in their place. fact: as `raise_value` takes it."""
    match data:
        case {"node": str(name), **fields}:
            made = {str(key): raise_(one, fact) for key, one in fields.items()}
            whole: dict[str, Any] = {"start": 0, "end": 0, **_LEFT_OUT.get(name, {}), **made}
            return _NODES[name](**whole)
        case {"value": value}:
            return Held(0, 0, raise_value(value, fact))
        case {"word": str(text)}:
            return ast.Word(0, 0, text)
        case list() | tuple():
            return tuple(raise_(one, fact) for one in data)
        case _:
            return data


def lower_value(value: Any) -> Any:
    """A value in a plan's form that keeps its type."""
    match value:
        case v.Bytes() | v.Frequency() | v.Duration():
            return {"$unit": type(value).__name__, "number": int(value)}
        case None | bool() | str() | int() | float():
            return value
        case list() | tuple():
            return [lower_value(one) for one in value]
        case dict():
            return {key: lower_value(one) for key, one in value.items()}
        case v.VariantValue(case=case, fields=fields):
            return {"$case": case, "fields": {key: lower_value(one) for key, one in fields.items()}}
        case v.Range(low=low, high=high):
            return {"$range": [lower_value(low), lower_value(high)]}
        case v.ElementRef(kind=kind, address=address):
            return {"$element": address, "kind": kind}
        case v.InstanceRef(component=component, address=address):
            return {"$instance": address, "component": component}
        case v.Unknown(address=address, fact=name, args=args) if address:
            unit = _FACTS_OF.get(value.type)
            out: dict[str, Any] = {"$ref": f"{address}.{name}"}
            out |= {"args": list(args)} if args else {}
            return {**out, "unit": unit} if unit is not None else out
        case v.Template(parts=parts):
            return {"$text": [lower_value(one) for one in parts]}
        case v.Secret(origin=origin):
            return {"$hidden": list(origin)}
        case v.DataRef():
            return {"$data": msgspec.to_builtins(value)}
        case _:
            raise ValueError(f"a {type(value).__name__} has no form in a verify. This is a bug in vch.")


def raise_value(data: Any, fact: Callable[[Ref], Any]) -> Any:
    """A value from a plan's form. fact: gives a fact, or raises `NotKnown`; then the value has an unknown in it."""
    match data:
        case {"$unit": str(name), "number": int(number)}:
            return _UNITS[name](number)
        case {"$ref": str(name)}:
            address, _, word = name.rpartition(".")
            args = tuple(data.get("args", ()))
            try:
                found = fact(Ref(address, word, args))
            except NotKnown:
                return v.Unknown(v.ANY, address, word, args)
            unit = _UNITS.get(data.get("unit", ""))
            return unit(found) if unit is not None and isinstance(found, int) else found
        case {"$text": list() | tuple() as parts}:
            made = [raise_value(one, fact) for one in parts]
            if any(isinstance(one, v.Unknown | v.Secret) for one in made):
                return v.Template(tuple(made))
            return "".join(one if isinstance(one, str) else v.show(one) for one in made)
        case {"$case": str(case), "fields": fields}:
            return v.VariantValue(case, {key: raise_value(one, fact) for key, one in fields.items()})
        case {"$range": [low, high]}:
            return v.Range(raise_value(low, fact), raise_value(high, fact))
        case {"$element": str(address), "kind": kind}:
            return v.ElementRef(kind, address)
        case {"$instance": str(address), "component": component}:
            return v.InstanceRef(component, address)
        case {"$hidden": [*origin]}:
            return v.Secret(tuple(origin), known=False)
        case {"$data": data_}:
            return msgspec.convert(data_, v.DataRef)
        case dict():
            return {key: raise_value(one, fact) for key, one in data.items()}
        case list() | tuple():
            return [raise_value(one, fact) for one in data]
        case _:
            return data
