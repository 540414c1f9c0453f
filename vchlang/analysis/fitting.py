"""Values fitted to their types: texts checked, fields of variants named, defaults filled in, constraints asked."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import bad_text, one_of, opened
from vchlang.analysis.scopes import NOTHING, Naming, Scope
from vchlang.syntax import ast

_EXACT = {"Bool": bool, "Int": int, "Float": float, "String": str} | {
    "Bytes": v.Bytes, "Frequency": v.Frequency, "Duration": v.Duration, "Data": v.DataRef,
}  # fmt: skip


class Fitting(Naming):
    """What a value becomes where a type is wanted. The checker has reported what the text alone tells."""

    def fit(self, value: Any, type_: v.Type, node: Any) -> Any:
        """A value as its type wants it; NOTHING, and a report at `node`, where it is none of it."""
        cls = type(value)
        if type(type_) is v.Simple and _EXACT.get(type_.name) is cls:
            return value  # most values are of just the type that is wanted
        if cls is v.Unknown:
            return value
        if cls is v.Secret or (cls is v.Template and value.secret):
            if not isinstance(opened(type_), v.SecretOf | v.MaybeSecret) and type_ != v.ANY:
                # The checker saw no secret: it came through a list or a call whose type nobody could tell.
                self.report(codes.SECRET_SINK, node, "this is secret, and what stands here is not")
                return NOTHING
            return value
        if cls is v.Template:
            return value
        if type(type_) is v.Simple:  # most fields are; the rest of the ladder costs them nothing
            if cls is str and type_ in v.TEXTUAL:
                return self.fit_text(value, type_, node)
            if not _is_simple(value, type_):
                # The checker could not tell: it came through a list of several types, a spread of a map, or a call.
                message = f"{one_of(type_)} belongs here, not {v.brief(value)}"
                self.report(codes.WRONG_TYPE, node, message)
                return NOTHING
            return float(value) if cls is int and type_ == v.FLOAT else value
        match type_:
            case v.Optional(inner):
                return None if value is None else self.fit(value, inner, node)
            case v.Named():
                return self.fit_named(value, type_, node)
            case v.SecretOf(v.RecordOf(fields)) if isinstance(value, dict):
                types: dict[str, v.Type] = {one.name: v.MaybeSecret(one.type) for one in fields}
                known = {key: one for key, one in value.items() if key in types}
                return {key: self.fit(one, types[key], _named(node, key)) for key, one in known.items()}
            case v.SecretOf(inner) | v.MaybeSecret(inner):
                return self.fit(value, inner, node)
            case v.ListOf(item):
                if not isinstance(value, list):
                    return self.other(value, type_, node)
                self.steps -= len(value)
                return [self.fit(one, item, _nth(node, at)) for at, one in enumerate(value)]
            case v.MapOf(_, item):
                if not isinstance(value, dict):
                    return self.other(value, type_, node)
                self.steps -= len(value)
                return {key: self.fit(one, item, _named(node, key)) for key, one in value.items()}
            case v.RecordOf(fields):
                return (
                    self.fit_record(value, fields, node) if isinstance(value, dict) else self.other(value, type_, node)
                )
            case v.VariantOf():
                return self.fit_variant(value, type_, node)
            case v.UnionOf():
                option = _option_of(value, type_)
                return self.fit(value, option, node) if option is not None else self.other(value, type_, node)
            case v.TextsOf(texts):
                return value if value in texts else self.other(value, type_, node)
            case v.KindOf(kind):
                fits = isinstance(value, v.ElementRef) and value.kind == kind
                return value if fits else self.other(value, type_, node)
            case _:
                return value

    def other(self, value: Any, type_: v.Type, node: Any) -> Any:
        """Report a value of another type, which the checker could not tell; it is null where an `if` left it out."""
        if value is None:
            self.report(codes.NOT_OPTIONAL, node, "this is null", hint="give it another value with `??`")
        else:
            self.report(codes.WRONG_TYPE, node, f"{one_of(type_)} belongs here, not {v.brief(value)}")
        return NOTHING

    def fit_named(self, value: Any, type_: v.Named, node: Any) -> Any:
        fitted = self.fit(value, type_.inner, node)
        if type_.where is not None and type(fitted) not in (v.Unknown, v.Template) and fitted is not None:
            self.where_holds(type_.where, type_.home, {}, node, f"`{type_.name}`", it=fitted)
        return fitted

    def where_holds(
        self, where: ast.Where, home: v.Home, names: dict[str, Any], node: Any, what: str, it: Any = None,
        scope: Scope | None = None,
    ) -> None:  # fmt: skip
        """Report `node` where a constraint, written at `home`, does not hold for the value `it` or of the one name.

        scope: what else it sees, as the other parameters; else the names of its file.
        """
        value = next(iter(names.values())) if names else it
        if value is NOTHING:
            return
        module = self.module_of(home.path)
        scope = Scope(scope or module.top, module)
        scope.values.update({"it": value, **names})
        place = self.place
        self.place = module, home.base, scope.frame
        holds = self.quiet(where.condition, scope)
        said = self.quiet(where.message, scope) if holds is False and where.message is not None else None
        label = self.where(where.condition)
        self.place = place
        if holds is False:
            self.report(
                codes.WHERE_FAILED,
                node,
                said if isinstance(said, str) else f"{what} does not satisfy its `where`",
                found=v.brief(value) + (what[what.index(" (") :] if " (given" in what else ""),
                labels=[_label(label, "this must hold")],
            )

    def fit_record(self, value: dict[str, Any], fields: tuple[v.FieldOf, ...], node: Any) -> dict[str, Any]:
        """A record with the fields of its type, in the order of the type where a script declares that."""
        declared = bool(fields) and fields[0].home is not None
        self.steps -= len(fields)
        if not declared:
            types = {one.name: one.type for one in fields}
            known = {key: one for key, one in value.items() if key in types}
            return {key: self.fit(one, types[key], _named(node, key)) for key, one in known.items()}
        return {field.name: self.fit_field(value.get(field.name), field, node) for field in fields}

    def fit_field(self, value: Any, field: v.FieldOf, node: Any, at: Any = None) -> Any:
        """A member of a record or case that a script declares: its default where it is not given, its constraint.

        at: where the member itself is written, if known.
        """
        at = at or _named(node, field.name)
        if value is None and field.default is not None and field.home is not None:
            module = self.module_of(field.home.path)
            place = self.place
            self.place = module, field.home.base, module.top.frame
            value = self.fit(self.quiet(field.default, module.top), field.type, field.default)
            self.place = place
        elif value is not None:
            value = self.fit(value, field.type, at)
        elif field.required:
            self.report(codes.MISSING_FIELD, node, f"the field `{field.name}` is missing")
            return NOTHING
        if field.where is not None and field.home is not None and value is not None:
            if not isinstance(value, v.Unknown | v.Template):
                self.where_holds(field.where, field.home, {field.name: value}, at, f"`{field.name}`")
        return value

    def fit_text(self, value: str, type_: v.Type, node: Any) -> Any:
        why = v.text_mistake(value, type_)
        if why is not None:
            self.report(codes.BAD_TEXT, node, bad_text(value, type_, why))
            return NOTHING
        if type_ == v.STORE_PATH:
            return v.normal_store_path(value)
        return v.normal_path(value) if type_ in (v.INVENTORY_PATH, v.PATH) else value

    def fit_variant(self, value: Any, type_: v.VariantOf, node: Any) -> Any:
        if not isinstance(value, v.VariantValue):
            return self.other(value, type_, node)
        case = type_.case(value.case)
        if case is None:
            return self.other(value, type_, node)
        given: dict[str, Any] = {}
        written: dict[str, Any] = {}
        for name, one in value.fields.items():
            place = int(name) if name.isdigit() else -1
            field = case.fields[place] if 0 <= place < len(case.fields) else None
            if place < 0:
                field = next((f for f in case.fields if f.name == name), None)
            if field is not None and one is not None:  # `null` is as if it were not given
                at = written[field.name] = _argument(node, name)
                given[field.name] = self.fit(one, field.type, at) if field.home is None else one
        if case.fields and case.fields[0].home is not None:
            given = {
                one.name: self.fit_field(given.get(one.name), one, node, written.get(one.name)) for one in case.fields
            }
        return v.VariantValue(value.case, given)


def _label(where: Any, text: str) -> Any:
    from vchlang.diagnostics import Label

    return Label(source=where.source, span=where.span, text=text)


def _option_of(value: Any, type_: v.UnionOf) -> v.Type | None:
    """The option of a union that a value is of, the narrowest first."""
    options = [(opened(one), one) for one in type_.options]

    def first(*wanted: Any) -> v.Type | None:
        return next((one for test in wanted for inner, one in options if test(inner)), None)

    match value:
        case bool():
            return first(lambda t: t == v.BOOL)
        case str():
            return first(
                lambda t: isinstance(t, v.TextsOf) and value in t.texts,
                lambda t: t in v.TEXTUAL and v.text_mistake(value, t) is None,
                lambda t: t == v.STRING or t in v.TEXTUAL,
            )
        case dict():
            names = set(value)
            return first(
                lambda t: (
                    isinstance(t, v.RecordOf)
                    and names <= {f.name for f in t.fields}
                    and all(f.name in names for f in t.fields if f.required)
                ),
                lambda t: isinstance(t, v.MapOf),
                lambda t: isinstance(t, v.RecordOf),
            )
        case list():
            return first(lambda t: isinstance(t, v.ListOf))
        case v.VariantValue():
            return first(lambda t: isinstance(t, v.VariantOf) and t.case(value.case) is not None)
        case v.ElementRef():
            return first(lambda t: t == v.KindOf(value.kind))
        case v.InstanceRef():
            return first(lambda t: isinstance(t, v.InstanceOf) and t.name == value.component)
        case v.DataRef():
            return first(lambda t: t == v.DATA)
        case float():
            return first(lambda t: t == v.FLOAT)
        case int():
            unit = v.UNIT_TYPES.get(type(value))
            return first(lambda t: t == unit) if unit else first(lambda t: t == v.INT, lambda t: t == v.FLOAT)
        case _:
            return None


def _is_simple(value: Any, type_: v.Simple) -> bool:
    """Whether a value is of a type without parts; what only describes a type (a range, a function) is of any."""
    if type_ in v.UNITS:
        return v.UNIT_TYPES.get(type(value)) == type_
    if type_ == v.STRING or type_ in v.TEXTUAL:
        return isinstance(value, str)
    if type_ == v.BOOL:
        return isinstance(value, bool)
    if type_ == v.INT:
        return type(value) is int
    if type_ == v.FLOAT:
        return type(value) in (int, float)
    return isinstance(value, v.DataRef) if type_ == v.DATA else True


def _named(node: Any, name: str) -> Any:
    """The value of a field where a record or a call is written out, else the whole."""
    if isinstance(node, ast.Record):
        for entry in node.entries:
            if isinstance(entry, ast.Field) and entry.name.text == name:
                return entry.value
    return _argument(node, name)


def _nth(node: Any, at: int) -> Any:
    if isinstance(node, ast.ListExpr) and not any(isinstance(one, ast.Spread) for one in node.items):
        return node.items[at] if at < len(node.items) else node
    return node


def _argument(node: Any, name: str) -> Any:
    if isinstance(node, ast.Call):
        for position, arg in enumerate(node.args):
            if (arg.name.text if arg.name else str(position)) == name:
                return arg.value
    return node
