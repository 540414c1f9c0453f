"""From values of the language to a plan's form, and the names that things have on the platform.

What an element is called there is known while planning: from `at`, or `in` and a name. So one element stands for
another by its identity, and a plan needs no id that a server has yet to draw.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.program import BindStep, Composition, ElementDecl, JoinStep
from vchlang.analysis.renames import label_of
from vchlang.kinds.schema import KINDS, Param
from vchlang.plan.rules import lowered
from vchlang.state.store import ObjectRow

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Lowering:
    """Lowers the values of one composition.

    generations: of each address, the one that is planned; it is part of the name of a storage that was replaced.
    digest: a keyed digest of a secret's value. stamps: the last generation of each address that stands on an object
    which has another one by now.
    """

    def __init__(
        self,
        composition: Composition,
        deployment: str,
        rows: dict[str, ObjectRow],
        digest: Callable[[v.Secret], str],
        stamps: dict[str, int],
    ) -> None:
        self.composition = composition
        self.deployment = deployment
        self.rows = rows
        self.digest = digest
        self.stamps = stamps
        self.generations: dict[str, int] = {}
        self._identities: dict[tuple[str, int], str] = {}
        self._loaders: dict[str, str] | None = None

    # ---- values ----------------------------------------------------------------------------------------------------

    def value(self, value: Any, type_: v.Type = v.ANY) -> Any:
        """A value in a plan's form. ValueError for what a composition free of errors never has."""
        match value:
            case None | bool() | str():
                return value
            case int():
                return int(value)
            case float():
                return value
            case v.ElementRef(address=address):
                return self.identity(address)
            case v.Unknown(address=address, fact=fact, args=args):
                if not address:
                    raise ValueError("an unknown value reached the plan. This is a bug in vch.")
                out: dict[str, Any] = {"$ref": f"{address}.{fact}"}
                return {**out, "args": list(args)} if args else out
            case v.Template(parts=parts):
                return {"$text": [self.value(part) for part in parts]}
            case v.Secret(origin=origin):
                return {"$secret": origin[0], "path": list(origin[1:]), "digest": self.digest(value)}
            case v.DataRef():
                return msgspec.to_builtins(value)
            case v.VariantValue():
                return self._variant(value, type_)
            case dict():
                return {key: self.value(one, _inner(type_, key)) for key, one in value.items() if one is not None}
            case list() | tuple():
                return [self.value(one, _inner(type_, None)) for one in value]
            case _:
                raise ValueError(f"{value!r} has no form in a plan. This is a bug in vch.")

    def _variant(self, value: v.VariantValue, type_: v.Type) -> Any:
        inner = type_.inner if isinstance(type_, v.Optional) else type_
        case = inner.case(value.case) if isinstance(inner, v.VariantOf) else None
        if isinstance(inner, v.VariantOf) and all(not one.fields for one in inner.cases):
            return value.case
        types = {field.name: field.type for field in case.fields} if case is not None else {}
        fields = {key: self.value(one, types.get(key, v.ANY)) for key, one in value.fields.items() if one is not None}
        # Of an output the type is not known here: a case that carries nothing is its word.
        return {"is": value.case, **fields} if fields or case is not None else value.case

    def output(self, value: Any) -> Any:
        """The value of an output in a plan's form: what JSON has no form for is the text that shows it: `3GiB`."""
        match value:
            case v.Bytes() | v.Frequency() | v.Duration() | v.VariantValue():
                return self._shown(value)
            case v.Unknown(type=type_) if type_ in v.UNITS:
                return self._shown(value)
            case dict():
                return {key: self.output(one) for key, one in value.items() if one is not None}
            case list() | tuple():
                return [self.output(one) for one in value]
            case _:
                return self.value(value)

    def _shown(self, value: Any) -> Any:
        parts = _merged(self._parts(value))
        return {"$text": parts} if any(not isinstance(one, str) for one in parts) else "".join(parts)

    def _parts(self, value: Any) -> list[Any]:
        """A value as a script would write it: texts, and what only apply knows between them."""
        match value:
            case v.VariantValue(case=case, fields=fields):
                given = [
                    part
                    for key, one in fields.items()
                    if one is not None
                    for part in (", ", f"{key}: ", *self._parts(one))
                ]
                return [f".{case}(", *given[1:], ")"] if given else [f".{case}"]
            case dict():
                inside = [part for key, one in value.items() for part in (", ", f"{key}: ", *self._parts(one))]
                return ["{ ", *inside[1:], " }"]
            case list() | tuple():
                return ["[", *[part for one in value for part in (", ", *self._parts(one))][1:], "]"]
            case v.Unknown(type=type_) if type_ == v.STRING or type_ in v.TEXTUAL:
                return ['"', self.value(value), '"']
            case v.Template(parts=parts):
                return ['"', *(self.value(part) for part in parts), '"']
            case v.Unknown() | v.Secret():
                return [self.value(value)]
            case _:
                return [v.show(value)]

    def fields(self, body: dict[str, Any], params: dict[str, Param]) -> dict[str, Any]:
        """A body, by the description of its kind."""
        return {name: self.value(value, params[name].type) for name, value in body.items()}

    # ---- names -----------------------------------------------------------------------------------------------------

    def generation(self, address: str) -> int:
        """The generation that is planned: what is there, unless the plan replaces it."""
        if address not in self.generations:
            row = self.rows.get(address)
            self.generations[address] = row.generation if row is not None else self.next_generation(address)
        return self.generations[address]

    def next_generation(self, address: str) -> int:
        """The one after all that there are, and after those that carry this address and have another one by now."""
        row = self.rows.get(address)
        return 1 + max(row.generation if row is not None else 0, self.stamps.get(address, 0))

    def next_identity(self, address: str) -> str:
        """The name that an element's replacement would have."""
        planned = self.generation(address)
        self.generations[address] = self.next_generation(address)
        try:
            return self.identity(address)
        finally:
            self.generations[address] = planned

    def named(self, address: str) -> str:
        """The address that an object's names on the platform come from: of a renamed one, that it was made with."""
        row = self.rows.get(address)
        if row is not None and row.stamp and row.generation == self.generation(address):
            return row.stamp
        return address

    def identity(self, address: str) -> str:
        """The unique name of an element on the platform."""
        key = address, self.generation(address)
        if key not in self._identities:
            element = self.composition.elements.get(address)
            self._identities[key] = self._identity(element) if element is not None else address
        return self._identities[key]

    def _identity(self, element: ElementDecl) -> str:
        body = element.body
        at = self._place(body.get("at"))
        inside = self._place(body.get("inside"))
        match element.kind:
            case "pool":
                return at if at is not None else f"{inside}/{self.name(element)}"
            case "location":
                return at or element.address
            case "network":
                return at if at is not None else self.name(element)
            case "storage":
                return f"{inside}/{self.name(element)}"
            case "segment":
                return f"{inside}/{self.name(element)}"
            case "executor" | "template":
                return f"{at if at is not None else self._loader_location(element)}/{self.name(element)}"
            case _:
                # A task is known to its executor by this name.
                named, generation = self.named(element.address), self.generation(element.address)
                return f"{named}.{generation}" if generation > 1 and named == element.address else named

    def _place(self, value: Any) -> str | None:
        if isinstance(value, v.ElementRef):
            return self.identity(value.address)
        return value if isinstance(value, str) else None

    def _loader_location(self, element: ElementDecl) -> str:
        """Where an executor's own files go when the script does not say: to its loader's location, or its parent's."""
        if self._loaders is None:
            self._loaders = {
                handle.executor: step.address
                for handle in self.composition.handles
                for step in handle.steps
                if isinstance(step, JoinStep) and step.role == "loader"
            }
        loader = self.composition.elements.get(self._loaders.get(element.address, ""))
        if loader is not None:
            return self._place(loader.body.get("inside")) or ""
        ref = element.body.get("parent")
        parent = self.composition.elements.get(ref.address) if isinstance(ref, v.ElementRef) else None
        if parent is None:
            return ""
        at = self._place(parent.body.get("at"))
        return at if at is not None else self._loader_location(parent)

    def name(self, element: ElementDecl) -> str:
        """What the element is called there: `name:`, else the deployment's name and its address."""
        given = element.body.get("name")
        named = self.named(element.address)
        if isinstance(given, str):
            base = given
        elif element.verb in ("adopt", "existing"):
            base = element.label if named == element.address else label_of(named)
        else:
            base = _UNSAFE.sub("-", f"{self.deployment}-{named}").strip("-.")
        generation = self.generation(element.address)
        # A new storage is made while the old one still is there, so it has a name of its own.
        return f"{base}.{generation}" if generation > 1 and element.kind == "storage" else base

    # ---- arguments -------------------------------------------------------------------------------------------------

    def args(self, element: ElementDecl) -> dict[str, Any]:
        """The arguments of an element's operations: what the script writes, and the places and name it comes to."""
        params = KINDS[element.kind].element.params
        body = element.body
        out = self.fields({name: one for name, one in body.items() if name != "rules"}, params)
        if element.kind == "segment" and ("rules" in body or element.verb in ("create", "ensure")):
            out["rules"] = [lowered(rule, self.identity) for rule in body.get("rules", ())]
        if "name" in params and not (element.kind in ("pool", "network") and "at" in out):
            out["name"] = self.name(element)
        if element.kind in ("executor", "template") and "at" not in out:
            out["at"] = self._loader_location(element)
        return out

    def commit(
        self, element: ElementDecl, joins: list[JoinStep], binds: dict[tuple[str, str], BindStep]
    ) -> dict[str, Any]:
        """The arguments of a commit: the whole composition of one executor."""
        out: dict[str, Any] = {"executor": self.identity(element.address), "name": self.name(element)}
        for name in ("on_failure", "isolation"):
            if name in element.body:
                out[name] = self.value(element.body[name], KINDS["executor"].element.params[name].type)
        compute = binds.get((element.address, ""))
        if compute is not None:
            out["compute"] = self._step(compute)
        out["members"] = [self._member(join, binds.get((join.address, join.role))) for join in joins]
        return out

    def _member(self, join: JoinStep, bind: BindStep | None) -> dict[str, Any]:
        # Its executor knows a task by a name that it keeps; anything else, by where it is.
        address = self.identity(join.address) if join.kind == "task" else join.address
        out: dict[str, Any] = {"kind": join.kind, "address": address}
        match join.kind:
            case "storage":
                out |= {"url": self.identity(join.address), "role": join.role, "join": self._step(join)}
            case "network":
                out |= {"network": self.identity(join.address), "role": join.role, "join": self._step(join)}
            case _:
                element = self.composition.elements[join.address]
                out["task"] = self.args(element)
        if bind is not None:
            out["bind"] = self._step(bind)
        return out

    def _step(self, step: JoinStep | BindStep) -> dict[str, Any]:
        kind = KINDS[step.kind]
        verb = kind.join if isinstance(step, JoinStep) else kind.bind
        assert verb is not None
        return self.fields(step.body, verb.params)


def _merged(parts: list[Any]) -> list[Any]:
    """The parts of a text, those that are known and follow each other as one."""
    out: list[Any] = []
    for one in parts:
        if isinstance(one, str) and out and isinstance(out[-1], str):
            out[-1] += one
        else:
            out.append(one)
    return out


def _inner(type_: v.Type, key: str | None) -> v.Type:
    """The type of a part of a value: an entry of a list or map, a field of a record."""
    match type_:
        case v.Optional(inner) | v.SecretOf(inner) | v.MaybeSecret(inner):
            return _inner(inner, key)
        case v.ListOf(item):
            return item
        case v.MapOf(_, item):
            return item
        case v.RecordOf(fields):
            return next((one.type for one in fields if one.name == key), v.ANY)
        case _:
            return v.ANY


def show_lowered(value: Any, type_: v.Type = v.ANY) -> str:
    """A value in a plan's form as a person reads it; secrets never."""
    inner = type_.inner if isinstance(type_, v.Optional | v.MaybeSecret) else type_
    match value:
        case None:
            return "none"
        case {"$secret": _}:
            return "(secret)"
        case {"$ref": ref}:
            called = ", ".join(f".{one}" for one in value.get("args", ()))
            return f"<- {ref}" + (f"({called})" if called else "")
        case {"$text": parts}:
            return '"' + "".join(p if isinstance(p, str) else "${" + show_lowered(p) + "}" for p in parts) + '"'
        case {"path": path, "sha256": sha256, "size": size, "entries": _}:
            return f"{path} ({v.show_unit(size, v.BYTES)}, sha256 {sha256[:12]}…)"
        case {"is": case, **fields}:
            types = _case_types(inner, str(case))
            given = ", ".join(f"{key}: {show_lowered(one, types.get(str(key), v.ANY))}" for key, one in fields.items())
            return f".{case}({given})" if given else f".{case}"
        case bool():
            return "true" if value else "false"
        case int() if inner in v.UNITS:
            return v.show_unit(value, inner)
        case str() if isinstance(inner, v.VariantOf):
            return f".{value}"
        case str():
            return v.quoted(value)
        case list():
            return "[" + ", ".join(show_lowered(one, _inner(type_, None)) for one in value) + "]"
        case dict():
            return (
                "{ " + ", ".join(f"{key}: {show_lowered(one, _inner(type_, key))}" for key, one in value.items()) + " }"
            )
        case _:
            return str(value)


def _case_types(type_: v.Type, case: str) -> dict[str, v.Type]:
    found = type_.case(case) if isinstance(type_, v.VariantOf) else None
    return {field.name: field.type for field in found.fields} if found is not None else {}
