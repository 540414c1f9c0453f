"""The type of every expression, and of the bodies of elements, joins and binds.

Each expression is given the type that is expected of it, so that `.read_only`, texts and records find theirs, and
answers with the type that it has. A mistake is reported once, where it is; the expression then has the type ANY, which
fits everywhere, so that nothing that only follows is reported too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS
from vchlang.analysis.calls import Calls
from vchlang.analysis.fit import (
    Learnt,
    a_type,
    can_be_key,
    join_types,
    learnt,
    literal,
    narrow,
    opened,
    option_for,
    path_of,
    split_number,
    unsecret,
)
from vchlang.analysis.program import Symbol
from vchlang.diagnostics import Fix, did_you_mean, nearest
from vchlang.syntax import ast
from vchlang.text import Span

_UNIT_GUESSES = {
    "b": "B",
    "k": "KiB",
    "kb": "KiB",
    "m": "MiB",
    "mb": "MiB",
    "g": "GiB",
    "gb": "GiB",
    "t": "TiB",
    "tb": "TiB",
    "pb": "PiB",
    "hz": "Hz",
    "mhz": "MHz",
    "ghz": "GHz",
    "khz": "kHz",
    "sec": "s",
    "secs": "s",
    "hr": "h",
    "day": "d",
    "mins": "min",
    "minutes": "min",
    "minute": "min",
    "seconds": "s",
    "second": "s",
    "hours": "h",
    "days": "d",
}


class Inference(Calls):
    """Types of expressions, within the names of one file. The checker of statements builds on it."""

    def infer(self, node: Any, wanted: v.Type | None) -> v.Type:
        return _EXPRESSIONS[type(node)](self, node, wanted)

    def e_name(self, node: ast.Name, wanted: v.Type | None) -> v.Type:
        name = node.text
        symbol = self.find(name)
        if symbol is None:
            if name in BUILTINS:
                builtin = BUILTINS[name]
                return v.FunctionOf(len(builtin.params))
            self.no_name(node, wanted)
            return v.ANY
        symbol.used = True
        if symbol.state != 2:
            self.resolve(symbol)
        if symbol.late:
            self.late = self.at(node)
        type_ = symbol.type
        if symbol.what == "element":
            for _ in range(symbol.depth):
                type_ = v.MapOf(v.STRING, type_)
            if symbol.optional and not symbol.depth:
                type_ = v.Optional(type_)
        return self.known(name, type_)

    def known(self, path: str, type_: v.Type) -> v.Type:
        """The type of a name or a member, with what the conditions around tell of it."""
        for facts in self.narrowed:
            for told, test, holds in facts:
                if told == path:
                    type_ = narrow(type_, test, holds)
        return type_

    def no_name(self, node: ast.Name, wanted: v.Type | None = None) -> None:
        from vchlang.analysis import habits

        name = node.text
        if name in self.broken or habits.is_reserved(name):
            return
        hidden = self.top.get(name)
        if hidden is not None:
            what = "an element" if hidden.what == "element" else "a parameter"
            self.out.report(
                codes.UNKNOWN_NAME,
                self.at(node),
                f"`{name}` is {what} of the script, and this sees only what it is given",
                hint="give it as a parameter: this sees the values, functions and types of its file",
                labels=[(hidden.span, "declared here")],
            )
            return
        if name in self.components:
            hint: str | None = f"`{name}` is a component, which `create` makes: create {name} x {{ … }}"
            self.out.report(codes.UNKNOWN_NAME, self.at(node), f"there is no function `{name}`", hint=hint)
            return
        case = habits.case_of(name, wanted)
        hint = f"did you mean `{case}`?" if case else habits.name_hint(name) or did_you_mean(name, self.names())
        fix = Fix(f"write {case}", self.at(node), case) if case and "…" not in case else None
        self.out.report(codes.UNKNOWN_NAME, self.at(node), f"there is no `{name}`", hint=hint, fix=fix)

    def e_number(self, node: ast.Number, wanted: v.Type | None) -> v.Type:
        digits, unit = split_number(node.text)
        if not unit:
            if digits[0] == "0" and digits[1:].isdigit():
                self.leading_zero(node, digits)
            return v.FLOAT if "." in digits else v.INT
        known = v.UNIT_TABLE.get(unit)
        if known is None:
            from vchlang.analysis.habits import number_hint

            if (decimal := number_hint(node.text)) is not None:
                self.out.report(
                    codes.WRONG_UNIT,
                    self.at(node),
                    "numbers are decimal, and written out",
                    hint=f"write {decimal}",
                    fix=Fix(f"write {decimal}", self.at(node), decimal),
                )
                return v.INT
            inner = opened(wanted) if wanted is not None else None
            guess = _UNIT_GUESSES.get(unit.lower()) or nearest(unit, v.UNIT_TABLE)
            if inner == v.DURATION and unit == "m":
                guess = "min"
            elif inner == v.FREQUENCY and unit.lower() in ("m", "g"):
                guess = {"m": "MHz", "g": "GHz"}[unit.lower()]
            self.out.report(
                codes.WRONG_UNIT,
                Span(self.base + node.start + len(digits), self.base + node.end),
                f"no unit `{unit}`",
                hint=f"did you mean `{digits}{guess}`?" if guess else "units are " + ", ".join(v.UNIT_TABLE),
                fix=Fix(f"write {digits}{guess}", self.at(node), f"{digits}{guess}") if guess else None,
            )
            return v.ANY
        return v.UNIT_TYPES[known[0]]

    def leading_zero(self, node: ast.Number, digits: str) -> None:
        """Report `0644`, which other languages read as octal."""
        plain = digits.lstrip("0") or "0"
        self.out.report(
            codes.WRONG_UNIT,
            self.at(node),
            f"`{digits}` begins with 0: numbers are decimal, and this would be {plain}",
            hint=f'write {plain}, or "{digits}" for a mode of files',
        )

    def e_text(self, node: ast.Text, wanted: v.Type | None) -> v.Type:
        secret = False
        for part in node.parts:
            if isinstance(part, str):
                continue
            found = self.infer(part, None)
            match found:
                case _ if found == v.NULL:
                    self.maybe_null(part)
                case v.SecretOf(v.Simple()):
                    secret = True
                case v.Optional():
                    self.maybe_null(part)
                case v.Simple() | v.TextsOf():
                    pass
                case v.UnionOf(options) if all(isinstance(one, v.Simple | v.TextsOf) for one in options):
                    pass
                case _:
                    self.wrong(part, "a text takes", "a text or a number", found)
        inner = option_for(wanted, node)
        if isinstance(inner, v.TextsOf) and (text := literal(node)) is not None:
            if text in inner.texts:
                return inner
            near = nearest(text, inner.texts)
            self.out.report(
                codes.UNKNOWN_VARIANT,
                self.at(node),
                f"it is none of {v.show_type(inner)}",
                hint=did_you_mean(text, inner.texts),
                fix=Fix(f"write {v.quoted(near)}", self.at(node), v.quoted(near)) if near else None,
            )
            return v.ANY
        return v.SecretOf(v.STRING) if secret else v.STRING

    def e_bool(self, node: ast.Bool, wanted: v.Type | None) -> v.Type:
        return v.BOOL

    def e_null(self, node: ast.Null, wanted: v.Type | None) -> v.Type:
        return v.NULL

    def e_record(self, node: ast.Record, wanted: v.Type | None) -> v.Type:
        inner = option_for(wanted, node)
        if isinstance(inner, v.SecretOf | v.MaybeSecret):
            inner = inner.inner
        fields: dict[str, v.FieldOf] = {f.name: f for f in inner.fields} if isinstance(inner, v.RecordOf) else {}
        found: dict[str, v.Type] = {}
        seen: dict[str, Span] = {}
        open_ended = False
        for entry in node.entries:
            if isinstance(entry, ast.Spread):
                brought = self.infer(entry.value, inner if isinstance(inner, v.MapOf) else None)
                if isinstance(brought, v.RecordOf):
                    for one in brought.fields:
                        found[one.name] = one.type
                        if one.name in seen:
                            self.out.report(
                                codes.LOST_FIELD,
                                seen[one.name],
                                f"`{one.name}` is lost: the spread after it has it too",
                                labels=[(self.at(entry), "overrides it here")],
                            )
                elif isinstance(brought, v.MapOf) or brought == v.ANY:
                    open_ended = True
                else:
                    self.wrong(entry.value, "a spread takes", "a record", brought)
                continue
            name = entry.name.text
            if name in seen:
                self.out.report(
                    codes.DUPLICATE_FIELD,
                    self.at(entry.name),
                    f"`{name}` is written twice",
                    labels=[(seen[name], "first here")],
                )
            seen[name] = self.at(entry.name)
            if name.startswith("$"):
                self.out.report(codes.BAD_TEXT, self.at(entry.name), "a key does not begin with `$`")
            if isinstance(inner, v.RecordOf):
                field = fields.get(name)
                if field is None:
                    self.unknown_field(entry.name, fields, f"no field `{name}` here")
                    found[name] = self.infer(entry.value, v.ANY)
                else:
                    found[name] = self.value(entry.value, field.type, f"`{name}`")
                    if isinstance(entry.value, ast.Number):
                        self.decimal(entry.value, field.type)
            elif isinstance(inner, v.MapOf) and inner.value != v.ANY:
                found[name] = self.value(entry.value, inner.value, f"`{name}`")
            else:
                found[name] = self.infer(entry.value, v.ANY if inner == v.ANY else None)
        if isinstance(inner, v.RecordOf):
            for field in inner.fields:
                if field.required and field.name not in found and not open_ended:
                    message, hint = f"the field `{field.name}` is missing", field.doc or None
                    self.out.report(codes.MISSING_FIELD, self.at(node), message, hint=hint)
        if open_ended and not isinstance(inner, v.RecordOf):
            kinds = set(found.values())
            return v.MapOf(v.STRING, kinds.pop() if len(kinds) == 1 else v.ANY)
        return v.RecordOf(tuple(v.FieldOf(name, type_, True) for name, type_ in found.items()))

    def e_list(self, node: ast.ListExpr, wanted: v.Type | None) -> v.Type:
        inner = option_for(wanted, node)
        item = inner.item if isinstance(inner, v.ListOf) and inner.item != v.ANY else None
        found: v.Type | None = None
        for entry in node.items:
            if isinstance(entry, ast.Spread):
                brought = self.infer(entry.value, wanted)
                if isinstance(brought, v.ListOf):
                    found = join_types(found, brought.item)
                elif brought != v.ANY:
                    self.wrong(entry.value, "a spread in a list takes", "a list", brought)
            elif item is not None:
                self.value(entry, item, "an entry")
            else:
                found = join_types(found, self.infer(entry, v.ANY if inner == v.ANY else None))
        return v.ListOf(item if item is not None else found or v.ANY)

    def e_list_for(self, node: ast.ListFor, wanted: v.Type | None) -> v.Type:
        inner = option_for(wanted, node)
        item = inner.item if isinstance(inner, v.ListOf) and inner.item != v.ANY else None
        facts = self.each(node.each)
        found = self.where_holds(facts, node.value, item)
        if item is not None:
            self.fit(found, item, node.value, "an entry")
        self.scopes.pop()
        return v.ListOf(item if item is not None else found)

    def e_map_for(self, node: ast.MapFor, wanted: v.Type | None) -> v.Type:
        inner = opened(wanted) if wanted is not None else None
        facts = self.each(node.each)
        key = self.where_holds(facts, node.key, v.STRING)
        if isinstance(opened(key), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node.key), "a key would show a secret")
        elif not can_be_key(key):
            self.wrong(node.key, "a key is", "a text or a whole number", key)
        item = inner.value if isinstance(inner, v.MapOf) and inner.value != v.ANY else None
        found = self.where_holds(facts, node.value, item)
        if item is not None:
            self.fit(found, item, node.value, "a value")
        self.scopes.pop()
        return v.MapOf(key, item if item is not None else found)

    def each(self, node: ast.Each) -> list[Learnt]:
        """Open the scope of a comprehension, which the caller closes; what its condition tells of names."""
        key, item = self.loop_types(node.source)
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        for name, type_ in zip(node.names, (key, item) if len(node.names) == 2 else (item,), strict=False):
            self.declare(scope, name, "loop", type_, node)
        if node.condition is None:
            return []
        self.condition(node.condition)
        return learnt(node.condition)

    def e_member(self, node: ast.Member, wanted: v.Type | None) -> v.Type:
        found = self.member(node)
        return self.known(path_of(node), found) if self.narrowed else found

    def member(self, node: ast.Member) -> v.Type:
        target = self.infer(node.target, None)
        name = node.name.text
        secret = isinstance(target, v.SecretOf)
        match unsecret(target):
            case v.Simple("anything"):
                return v.ANY
            case v.RecordOf(fields):
                field = next((one for one in fields if one.name == name), None)
                if field is None:
                    self.unknown_field(node.name, [one.name for one in fields], f"no field `{name}` here")
                    return v.ANY
                return v.SecretOf(field.type) if secret else field.type
            case v.KindOf(kind):
                return self.fact(node, kind)
            case v.InstanceOf(outputs=outputs, late=late):
                output = next((one for one in outputs if one.name == name), None)
                if output is None:
                    names = [one.name for one in outputs]
                    self.unknown_field(node.name, names, f"{a_type(target)} has no output `{name}`")
                    return v.ANY
                if name in late:
                    self.late = self.at(node)
                return output.type
            case v.Optional():
                self.maybe_null(node.target)
                return v.ANY
            case v.UnionOf(options):
                words = " or ".join(a_type(one) for one in options)
                self.out.report(
                    codes.UNKNOWN_FIELD,
                    self.at(node.name),
                    f"this is {words}: only one of them is known to have `{name}`",
                    hint="ask first: if is_text(x) then … else x." + name,
                )
                return v.ANY
            case v.MapOf():
                symbol = self.find(node.target.text) if isinstance(node.target, ast.Name) else None
                said = f"a map has keys: write [{v.quoted(name)}]"
                if symbol is not None and symbol.what == "element":
                    said = f"`{symbol.name}` is a family: write {symbol.name}[…].{name}"
                self.out.report(codes.UNKNOWN_FIELD, self.at(node.name), said)
                return v.ANY
            case _:
                from vchlang.analysis.habits import method_hint

                hint = method_hint(name, self.text[self.base + node.target.start : self.base + node.target.end])
                self.out.report(codes.UNKNOWN_FIELD, self.at(node.name), f"{a_type(target)} has no `{name}`", hint=hint)
                return v.ANY

    def e_index(self, node: ast.Index, wanted: v.Type | None) -> v.Type:
        target = self.infer(node.target, None)
        secret = isinstance(target, v.SecretOf)
        match unsecret(target):
            case v.ListOf(item):
                self.value(node.key, v.INT, "an index")
                return v.SecretOf(item) if secret else item
            case v.MapOf(key, item):
                found = self.infer(node.key, key)
                if not can_be_key(found):
                    self.wrong(node.key, "a key is", "a text or a whole number", found)
                return v.SecretOf(item) if secret else item
            case v.RecordOf(fields):
                self.value(node.key, v.STRING, "a key")
                text = literal(node.key)
                if text is not None:
                    field = next((one for one in fields if one.name == text), None)
                    if field is None:
                        self.out.report(
                            codes.BAD_INDEX,
                            self.at(node.key),
                            f"there is no key {v.quoted(text)}",
                            hint=did_you_mean(text, [one.name for one in fields]),
                        )
                        return v.ANY
                    return v.SecretOf(field.type) if secret else field.type
                kinds = {one.type for one in fields}
                if secret:
                    return v.SecretOf(kinds.pop() if len(kinds) == 1 else v.ANY)
                return kinds.pop() if len(kinds) == 1 else v.ANY
            case v.Simple("anything"):
                self.infer(node.key, None)
                return v.ANY
            case v.Optional():
                self.maybe_null(node.target)
                return v.ANY
            case _:
                self.wrong(node.target, "`[…]` takes", "a list or a map", target)
                return v.ANY

    def e_group(self, node: ast.Group, wanted: v.Type | None) -> v.Type:
        return self.infer(node.inner, wanted)


_EXPRESSIONS: dict[type, Callable[[Inference, Any, v.Type | None], v.Type]] = {
    ast.Name: Inference.e_name,
    ast.Number: Inference.e_number,
    ast.Text: Inference.e_text,
    ast.Bool: Inference.e_bool,
    ast.Null: Inference.e_null,
    ast.Variant: Inference.e_variant,
    ast.Record: Inference.e_record,
    ast.ListExpr: Inference.e_list,
    ast.ListFor: Inference.e_list_for,
    ast.MapFor: Inference.e_map_for,
    ast.Member: Inference.e_member,
    ast.Index: Inference.e_index,
    ast.Call: Inference.e_call,
    ast.Unary: Inference.e_unary,
    ast.Binary: Inference.e_binary,
    ast.Conditional: Inference.e_conditional,
    ast.Lambda: Inference.e_lambda,
    ast.Group: Inference.e_group,
}
