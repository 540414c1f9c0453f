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
from vchlang.analysis.builtins import BUILTINS, Builtin
from vchlang.analysis.fit import (
    a_type,
    bad_text,
    fits,
    holds_secret,
    item,
    join_types,
    literal,
    not_null,
    opened,
    read_of,
    split_number,
    unsecret,
)
from vchlang.analysis.program import Read, Symbol
from vchlang.analysis.typenames import TypeExpressions
from vchlang.diagnostics import Fix, did_you_mean, nearest
from vchlang.kinds.schema import KINDS
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


_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


class Inference(TypeExpressions):
    """Types of expressions, within the names of one file. The checker of statements builds on it.

    base: of the top-level statement being read. late: where the expression just read asks for what only apply knows.
    narrowed: names that are known not to be null here. broken: names that a statement with a syntax error declares.
    """

    def __init__(self, source: str, path: str) -> None:
        super().__init__(source)
        self.path = path
        self.top: dict[str, Symbol] = {}
        self.scopes: list[dict[str, Symbol]] = []
        self.reads: dict[Read, None] = {}
        self.narrowed: list[str] = []
        self.late: Span | None = None

    # ---- small things ----------------------------------------------------------------------------------------------

    def find(self, name: str) -> Symbol | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return self.top.get(name)

    def names(self) -> list[str]:
        out = [*self.top, *BUILTINS]
        for scope in self.scopes:
            out += scope
        return out

    def declare(self, scope: dict[str, Symbol], name: ast.Word, what: str, type_: v.Type, node: Any) -> Symbol | None:
        known = self.find(name.text)
        if known is not None:
            self.out.report(
                codes.DUPLICATE_NAME,
                self.at(name),
                f"`{name.text}` is declared already",
                labels=[(known.span, "first declared here")],
            )
            return None
        if name.text in BUILTINS and what in ("let", "param", "loop"):
            self.out.report(codes.DUPLICATE_NAME, self.at(name), f"`{name.text}` is a function of the language")
        symbol = Symbol(
            name=name.text,
            what=what,
            type=type_,
            base=self.base,
            node=node,
            span=self.at(name),
            state=2 if what in ("element", "loop", "import") else 0,
        )
        scope[name.text] = symbol
        return symbol

    def resolve(self, symbol: Symbol) -> None:
        """Give a top-level param or let its type, at the first need of it."""
        if symbol.state == 2:
            return
        if symbol.state == 1:
            symbol.state = 2  # a ring; `evaluate` prints its path
            return
        symbol.state = 1
        saved = self.base, self.scopes, self.late, self.narrowed
        self.base, self.scopes, self.late, self.narrowed = symbol.base, [], None, []
        if isinstance(symbol.node, ast.Param):
            self.declaration(symbol)
        else:
            symbol.type = self.let_type(symbol.node)
            symbol.late = self.late is not None
        self.base, self.scopes, self.late, self.narrowed = saved
        symbol.state = 2

    def declaration(self, symbol: Symbol) -> None:
        node: ast.Declaration = symbol.node.declaration
        symbol.type = self.type(node.type)
        if not isinstance(opened(symbol.type), v.SecretOf) and holds_secret(symbol.type):
            # Its value would come from a command line or a file, in clear, and be a plain text from then on.
            self.out.report(
                codes.SECRET_SINK,
                self.at(node.type),
                f"a part of `{symbol.name}` is secret, and the whole is not",
                hint="a parameter is secret as a whole: Secret<…>",
            )
        if node.default is not None:
            if isinstance(opened(symbol.type), v.SecretOf) and not isinstance(node.default, ast.Null):
                self.out.report(
                    codes.SECRET_LITERAL,
                    self.at(node.default),
                    f"`{symbol.name}` is secret, and a default would stand in the script",
                    hint="say in vch.toml where it comes from: [env.NAME.secrets]",
                )
            else:
                self.value(node.default, symbol.type, f"`{symbol.name}`")
                self.static(node.default, "a default")
        if node.where is not None:
            symbol.state = 2  # in the condition the name is the value
            it = Symbol(
                name="it",
                what="loop",
                type=symbol.type,
                base=self.base,
                node=node,
                span=symbol.span,
                state=2,
                used=True,
            )
            used, symbol.used = symbol.used, False
            self.scopes.append({"it": it})
            self.condition(node.where.condition)
            self.scopes.pop()
            symbol.used = used

    def let_type(self, node: ast.Let) -> v.Type:
        self.late = None
        wanted = self.type(node.type) if node.type is not None else None
        found = self.value(node.value, wanted, f"`{node.name.text}`")
        if wanted is None:
            return found
        return v.SecretOf(wanted) if isinstance(found, v.SecretOf) and not isinstance(wanted, v.SecretOf) else wanted

    def loop_types(self, source: Any) -> tuple[v.Type, v.Type]:
        """Types of key and value of what is looped over."""
        late, self.late = self.late, None  # of the expression around a comprehension
        found = self.infer(source, None)
        self.static(source, "a loop")
        self.late = late
        if isinstance(opened(found), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(source), "how often a loop turns would tell of a secret")
            return v.ANY, v.ANY
        match unsecret(found):
            case v.ListOf(item):
                return v.INT, item
            case v.MapOf(key, item):
                return key, item
            case v.RecordOf(fields):
                kinds = {one.type for one in fields}
                return v.STRING, kinds.pop() if len(kinds) == 1 else v.ANY
            case v.Simple("Range"):
                return v.INT, v.INT
            case v.Simple("anything"):
                return v.ANY, v.ANY
            case _:
                self.wrong(source, "a loop goes over", "a list, a map or a range", found)
                return v.ANY, v.ANY

    def condition(self, node: Any, what: str = "a condition") -> list[str]:
        """Check a condition; the names that are not null where it holds."""
        late, self.late = self.late, None
        found = self.infer(node, v.BOOL)
        if isinstance(opened(found), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node), f"{what} would tell of a secret")
        elif found not in (v.BOOL, v.ANY):
            self.wrong(node, f"{what} is", "true or false", found)
        self.static(node, what, hint="what only apply knows is checked by `verify`" if what == "an assert" else "")
        self.late = late
        return not_null(node)

    def static(self, node: Any, what: str, hint: str = "") -> None:
        """Report `node` when the expression just inferred reads what only apply can know."""
        if self.late is not None:
            self.out.report(
                codes.NOT_STATIC,
                self.late,
                f"{what} must be known before anything is planned; this is known only after apply",
                hint=hint or None,
            )
            self.late = None

    # ---- what fields and names have in common ---------------------------------------------------------------------

    def decimal(self, node: ast.Number, wanted: v.Type) -> None:
        number, unit = split_number(node.text)
        if opened(wanted) == v.BYTES and unit in v.DECIMAL_BYTES:
            binary = v.DECIMAL_BYTES[unit]
            self.out.report(
                codes.DECIMAL_UNIT,
                self.at(node),
                f"`{node.text}` is a decimal size; vCenter's “{unit}” is `{number}{binary}`",
                fix=Fix(f"write {number}{binary}", self.at(node), f"{number}{binary}"),
            )

    def unknown_field(self, name: ast.Word, choices: Any, message: str) -> None:
        self.out.report(
            codes.UNKNOWN_FIELD,
            self.at(name),
            message,
            hint=did_you_mean(name.text, choices),
            fix=self.fix(name, choices),
        )

    # ---- expressions -----------------------------------------------------------------------------------------------

    def value(self, node: Any, wanted: v.Type | None, what: str) -> v.Type:
        """The type of an expression that must fit `wanted`, when there is one."""
        found = self.infer(node, wanted)
        if wanted is not None:
            self.fit(found, wanted, node, what)
        return found

    def infer(self, node: Any, wanted: v.Type | None) -> v.Type:
        return _EXPRESSIONS[type(node)](self, node, wanted)

    def fit(self, found: v.Type, wanted: v.Type, node: Any, what: str) -> None:
        """Report `node` unless a value of type `found` may stand where `wanted` is."""
        if fits(found, wanted):
            if wanted in v.TEXTUAL or (isinstance(wanted, v.Optional) and wanted.inner in v.TEXTUAL):
                text = literal(node)
                why = v.text_mistake(text, opened(wanted)) if text is not None else None
                if why is not None:
                    self.out.report(codes.BAD_TEXT, self.at(node), bad_text(str(text), opened(wanted), why))
            return
        inner = opened(wanted)
        if isinstance(found, v.Optional) and fits(found.inner, wanted):
            self.maybe_null(node)
        elif isinstance(found, v.SecretOf) and not isinstance(inner, v.SecretOf | v.MaybeSecret):
            self.out.report(codes.SECRET_SINK, self.at(node), f"{what} is not secret, and this is")
        elif inner in v.UNITS and found in (v.INT, v.FLOAT) and isinstance(node, ast.Number):
            unit = {v.BYTES: "GiB", v.FREQUENCY: "GHz", v.DURATION: "s"}[inner]
            self.out.report(
                codes.WRONG_UNIT,
                self.at(node),
                f"{what} needs a unit",
                hint=f"write {node.text}{unit}, or another of {', '.join(v.UNITS_OF[inner])}",
                fix=Fix(f"write {node.text}{unit}", self.at(node), f"{node.text}{unit}"),
            )
        elif isinstance(node, ast.Record) and isinstance(inner, v.RecordOf | v.MapOf):
            return  # its fields were reported one by one
        elif isinstance(node, ast.ListExpr) and isinstance(inner, v.ListOf) and isinstance(found, v.ListOf):
            return
        else:
            self.wrong(node, f"{what} takes", v.show_type(wanted), found)

    def wrong(self, node: Any, what: str, wanted: str, found: v.Type) -> None:
        hint = None
        text = literal(node)
        if text is not None and split_number(text)[1] in v.UNIT_TABLE and text[:1].isdigit():
            hint = f"write it without quotes: {text}"
        self.out.report(codes.WRONG_TYPE, self.at(node), f"{what} {wanted}, not {a_type(found)}", hint=hint)

    def maybe_null(self, node: Any) -> None:
        self.out.report(
            codes.NOT_OPTIONAL,
            self.at(node),
            "this may be null",
            hint="give it another value with `??`, or use it only where it is `!= null`",
        )

    def e_name(self, node: ast.Name, wanted: v.Type | None) -> v.Type:
        name = node.text
        symbol = self.find(name)
        if symbol is None:
            if name in BUILTINS:
                builtin = BUILTINS[name]
                return v.FunctionOf(len(builtin.params))
            if name not in self.broken:
                hint = did_you_mean(name, self.names())
                self.out.report(codes.UNKNOWN_NAME, self.at(node), f"there is no `{name}`", hint=hint)
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
        if isinstance(type_, v.Optional) and name in self.narrowed:
            return type_.inner
        return type_

    def e_number(self, node: ast.Number, wanted: v.Type | None) -> v.Type:
        digits, unit = split_number(node.text)
        if not unit:
            return v.FLOAT if "." in digits else v.INT
        known = v.UNIT_TABLE.get(unit)
        if known is None:
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

    def e_text(self, node: ast.Text, wanted: v.Type | None) -> v.Type:
        secret = False
        for part in node.parts:
            if isinstance(part, str):
                continue
            found = self.infer(part, None)
            match found:
                case v.SecretOf(v.Simple()):
                    secret = True
                case v.Optional():
                    self.maybe_null(part)
                case v.Simple() | v.TextsOf():
                    pass
                case _:
                    self.wrong(part, "a text takes", "a text or a number", found)
        if isinstance(wanted, v.TextsOf) and (text := literal(node)) is not None:
            if text in wanted.texts:
                return wanted
            self.out.report(
                codes.UNKNOWN_VARIANT,
                self.at(node),
                f"it is none of {v.show_type(wanted)}",
                hint=did_you_mean(text, wanted.texts),
            )
            return v.ANY
        return v.SecretOf(v.STRING) if secret else v.STRING

    def e_bool(self, node: ast.Bool, wanted: v.Type | None) -> v.Type:
        return v.BOOL

    def e_null(self, node: ast.Null, wanted: v.Type | None) -> v.Type:
        return v.NULL

    def e_variant(self, node: ast.Variant, wanted: v.Type | None) -> v.Type:
        return self.variant(node, None, wanted)

    def variant(self, node: ast.Variant, args: tuple[ast.Arg, ...] | None, wanted: v.Type | None) -> v.Type:
        inner = opened(wanted) if wanted is not None else None
        if not isinstance(inner, v.VariantOf):
            for arg in args or ():
                self.infer(arg.value, None)
            if inner is None:
                self.out.report(
                    codes.NO_VARIANT_TYPE,
                    self.at(node),
                    f"nothing here says which type `.{node.name}` is of",
                    hint="say the type: let x: Type = ." + node.name,
                )
                return v.ANY
            return v.ANY if inner == v.ANY else v.VariantOf(f".{node.name}", ())
        case = inner.case(node.name)
        if case is None:
            names = [one.name for one in inner.cases]
            near = nearest(node.name, names)
            self.out.report(
                codes.UNKNOWN_VARIANT,
                self.at(node),
                f"no `.{node.name}` here",
                hint=f"did you mean `.{near}`?" if near else "it is one of " + ", ".join(f".{one}" for one in names),
                fix=Fix(f"write .{near}", self.at(node), f".{near}") if near else None,
            )
            for arg in args or ():
                self.infer(arg.value, None)
            return v.ANY
        self.case_fields(node, case, args or ())
        return wanted if wanted is not None else v.ANY

    def case_fields(self, node: ast.Variant, case: v.Case, args: tuple[ast.Arg, ...]) -> None:
        fields = {one.name: one for one in case.fields}
        seen: set[str] = set()
        for position, arg in enumerate(args):
            if arg.name is not None:
                field = fields.get(arg.name.text)
                if field is None:
                    self.unknown_field(arg.name, fields, f"`.{case.name}` takes no `{arg.name.text}`")
            else:
                field = case.fields[position] if position < len(case.fields) else None
                if field is None:
                    self.out.report(
                        codes.WRONG_ARGUMENTS, self.at(arg.value), f"`.{case.name}` takes no more than {len(fields)}"
                    )
            if field is None:
                self.infer(arg.value, None)
                continue
            if field.name in seen:
                self.out.report(codes.DUPLICATE_FIELD, self.at(arg), f"`{field.name}` is given twice")
            seen.add(field.name)
            self.value(arg.value, field.type, f"`{field.name}`")
        for field in case.fields:
            if field.required and field.name not in seen:
                self.out.report(codes.MISSING_FIELD, self.at(node), f"`.{case.name}` needs `{field.name}`")

    def e_record(self, node: ast.Record, wanted: v.Type | None) -> v.Type:
        inner = opened(wanted) if wanted is not None else None
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
                    self.out.report(codes.MISSING_FIELD, self.at(node), f"the field `{field.name}` is missing")
        if open_ended and not isinstance(inner, v.RecordOf):
            kinds = set(found.values())
            return v.MapOf(v.STRING, kinds.pop() if len(kinds) == 1 else v.ANY)
        return v.RecordOf(tuple(v.FieldOf(name, type_, True) for name, type_ in found.items()))

    def e_list(self, node: ast.ListExpr, wanted: v.Type | None) -> v.Type:
        inner = opened(wanted) if wanted is not None else None
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
        inner = opened(wanted) if wanted is not None else None
        self.each(node.each)
        found = self.infer(node.value, inner.item if isinstance(inner, v.ListOf) else None)
        self.scopes.pop()
        return v.ListOf(found)

    def e_map_for(self, node: ast.MapFor, wanted: v.Type | None) -> v.Type:
        inner = opened(wanted) if wanted is not None else None
        self.each(node.each)
        key = self.infer(node.key, v.STRING)
        if isinstance(opened(key), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node.key), "a key would show a secret")
        found = self.infer(node.value, inner.value if isinstance(inner, v.MapOf) else None)
        self.scopes.pop()
        return v.MapOf(key, found)

    def each(self, node: ast.Each) -> None:
        """Open the scope of a comprehension; the caller closes it."""
        key, item = self.loop_types(node.source)
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        for name, type_ in zip(node.names, (key, item) if len(node.names) == 2 else (item,), strict=False):
            self.declare(scope, name, "loop", type_, node)
        if node.condition is not None:
            self.condition(node.condition)

    def e_member(self, node: ast.Member, wanted: v.Type | None) -> v.Type:
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
            case v.Optional():
                self.maybe_null(node.target)
                return v.ANY
            case v.MapOf():
                self.out.report(codes.UNKNOWN_FIELD, self.at(node.name), f"a map has keys: write [{v.quoted(name)}]")
                return v.ANY
            case _:
                self.out.report(codes.UNKNOWN_FIELD, self.at(node.name), f"{a_type(target)} has no `{name}`")
                return v.ANY

    def fact(self, node: ast.Member, kind: str) -> v.Type:
        facts = KINDS[kind].facts
        fact = facts.get(node.name.text)
        if fact is None:
            self.out.report(
                codes.UNKNOWN_FACT,
                self.at(node.name),
                f"a {kind} has no `{node.name.text}` to read",
                hint=did_you_mean(node.name.text, facts) or "it has " + ", ".join(facts),
                fix=self.fix(node.name, facts),
            )
            return v.ANY
        self.late = self.at(node)
        return fact.type

    def e_index(self, node: ast.Index, wanted: v.Type | None) -> v.Type:
        target = self.infer(node.target, None)
        secret = isinstance(target, v.SecretOf)
        match unsecret(target):
            case v.ListOf(item):
                self.value(node.key, v.INT, "an index")
                return v.SecretOf(item) if secret else item
            case v.MapOf(key, item):
                found = self.infer(node.key, key)
                if found not in (v.STRING, v.INT, v.ANY) and found not in v.TEXTUAL:
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

    def e_call(self, node: ast.Call, wanted: v.Type | None) -> v.Type:
        callee = node.callee
        if isinstance(callee, ast.Variant):
            return self.variant(callee, node.args, wanted)
        if isinstance(callee, ast.Name) and self.find(callee.text) is None and callee.text in BUILTINS:
            return self.builtin(node, BUILTINS[callee.text])
        if isinstance(callee, ast.Member):
            target = self.infer(callee.target, None)
            if isinstance(target, v.KindOf):
                return self.called_fact(node, callee, target.kind)
            if target != v.ANY:
                self.out.report(
                    codes.UNKNOWN_FIELD, self.at(callee.name), f"{a_type(target)} has no `{callee.name.text}` to call"
                )
        elif not isinstance(callee, ast.Name) or callee.text not in self.broken:
            found = self.infer(callee, None)
            if isinstance(callee, ast.Group) and isinstance(callee.inner, ast.Lambda):
                for arg in node.args:
                    self.infer(arg.value, None)
                return v.ANY
            if found != v.ANY:
                self.wrong(callee, "a call takes", "a function", found)
        for arg in node.args:
            self.infer(arg.value, None)
        return v.ANY

    def called_fact(self, node: ast.Call, callee: ast.Member, kind: str) -> v.Type:
        fact = KINDS[kind].facts.get(callee.name.text)
        found = self.fact(callee, kind)
        if fact is None:
            return found
        if not fact.roles:
            self.out.report(codes.WRONG_ARGUMENTS, self.at(callee.name), f"`{fact.name}` is read without parentheses")
            return found
        for arg in node.args:
            if not isinstance(arg.value, ast.Variant):
                self.wrong(arg.value, f"`{fact.name}` takes", "a role, as .client", self.infer(arg.value, None))
        if len(node.args) != 1:
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), f"`{fact.name}` takes one role")
        self.late = self.at(node)
        return found

    def builtin(self, node: ast.Call, builtin: Builtin) -> v.Type:
        params = builtin.params
        least = len(params) - builtin.optional
        most = 10**6 if builtin.variadic else len(params)
        if not least <= len(node.args) <= most:
            takes = " and ".join(name for name, _ in params)
            self.out.report(
                codes.WRONG_ARGUMENTS,
                self.at(node),
                f"`{builtin.name}` takes {len(params)} ({takes}), and {len(node.args)} stand here",
            )
            for arg in node.args:
                if not isinstance(arg.value, ast.Lambda):
                    self.infer(arg.value, None)
            return v.ANY
        types: list[v.Type] = []
        secret = False
        for position, arg in enumerate(node.args):
            if arg.name is not None:
                self.out.report(
                    codes.WRONG_ARGUMENTS, self.at(arg.name), f"`{builtin.name}` takes its arguments by position"
                )
            name, wanted = params[min(position, len(params) - 1)]
            if isinstance(wanted, v.FunctionOf):
                types.append(self.lambda_of(arg.value, builtin.item(types) if builtin.item else (v.ANY,)))
                continue
            found = self.infer(arg.value, None if wanted == v.ANY else wanted)
            if isinstance(found, v.SecretOf):
                # How long it is may be known. Else apply could not work it out: plans have texts, not calls.
                if builtin.name != "len":
                    self.out.report(codes.SECRET_SINK, self.at(arg.value), f"`{builtin.name}` takes no secret")
                    secret = True
                found = found.inner
            if not self.listlike(found, wanted):
                self.fit(found, wanted, arg.value, f"`{name}`")
            types.append(found)
        if builtin.reads:
            self.read(node, builtin)
        result = builtin.result if not callable(builtin.result) else builtin.result(types)
        return v.SecretOf(result) if secret else result

    def listlike(self, found: v.Type, wanted: v.Type) -> bool:
        return (
            isinstance(wanted, v.ListOf | v.MapOf)
            and isinstance(found, v.ListOf | v.MapOf | v.RecordOf)
            and (isinstance(wanted, v.ListOf) == isinstance(found, v.ListOf))
            and item(wanted) == v.ANY
        )

    def lambda_of(self, node: Any, params: tuple[v.Type, ...]) -> v.Type:
        """The type of what a lambda gives, for these types of its parameters."""
        if not isinstance(node, ast.Lambda):
            found = self.infer(node, None)
            if not isinstance(found, v.FunctionOf) and found != v.ANY:
                self.wrong(node, "a function stands here, as x => …:", "a function", found)
            return v.ANY
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        for position, name in enumerate(node.params):
            self.declare(scope, name, "loop", params[position] if position < len(params) else v.ANY, node)
        if len(node.params) != len(params):
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), f"the function takes {len(params)} here")
        found = self.infer(node.body, None)
        self.scopes.pop()
        return found

    def read(self, node: ast.Call, builtin: Builtin) -> None:
        text = literal(node.args[0].value) if node.args else None
        if text is not None:
            self.reads[read_of(builtin.name, text, self.path)] = None

    def e_unary(self, node: ast.Unary, wanted: v.Type | None) -> v.Type:
        word = node.operator.text
        found = self.infer(node.operand, None)
        plain = unsecret(found)
        if plain == v.ANY:
            return v.BOOL if word == "not" else v.ANY
        if word == "not" and plain != v.BOOL:
            self.wrong(node.operand, "`not` takes", "true or false", found)
            return v.BOOL
        if word == "-" and plain not in (v.INT, v.FLOAT) and plain not in v.UNITS:
            self.wrong(node.operand, "`-` takes", "a number", found)
            return v.ANY
        return found

    def e_binary(self, node: ast.Binary, wanted: v.Type | None) -> v.Type:
        word = node.operator.text
        if word in ("and", "or"):
            left = self.infer(node.left, v.BOOL)
            narrowed = not_null(node.left) if word == "and" else []
            self.narrowed += narrowed
            right = self.infer(node.right, v.BOOL)
            del self.narrowed[len(self.narrowed) - len(narrowed) :]
            for side, found in ((node.left, left), (node.right, right)):
                if unsecret(found) not in (v.BOOL, v.ANY):
                    self.wrong(side, f"`{word}` takes", "true or false", found)
            return v.SecretOf(v.BOOL) if isinstance(left, v.SecretOf) or isinstance(right, v.SecretOf) else v.BOOL
        if word == "??":
            return self.either(node, wanted)
        if word == "..":
            left, right = self.infer(node.left, None), self.infer(node.right, None)
            if v.ANY not in (left, right) and (left != right or left not in (v.INT, v.FLOAT, *v.UNITS)):
                self.wrong(node.right, f"a range from {a_type(left)} ends with", "the same", right)
            return v.Simple("Range") if left in (v.INT, v.ANY) else v.ListOf(left)
        left = self.infer(node.left, None)
        right_wanted = left if isinstance(opened(left), v.VariantOf | v.TextsOf) or left in v.TEXTUAL else None
        if word == "in":
            return self.contained(node, left)
        if isinstance(node.left, ast.Variant) and left == v.ANY:
            return v.BOOL
        right = self.infer(node.right, right_wanted)
        if word in _COMPARISONS and isinstance(node.left, ast.Binary) and node.left.operator.text in _COMPARISONS:
            return v.BOOL  # the parser has reported the chain
        if word in ("==", "!=", "<", "<=", ">", ">="):
            return self.compared(node, left, right)
        return self.arithmetic(node, left, right)

    def either(self, node: ast.Binary, wanted: v.Type | None) -> v.Type:
        left = self.infer(node.left, wanted)
        secret = isinstance(left, v.SecretOf)
        inner = left.inner if isinstance(left, v.Optional) else left
        if left == v.NULL:
            inner = v.ANY
        right = self.infer(node.right, wanted if wanted is not None else inner)
        if v.ANY in (left, right, inner):
            return right if left == v.NULL else inner
        optional = isinstance(right, v.Optional) or right == v.NULL
        plain = opened(right)
        secret |= isinstance(inner, v.SecretOf) or isinstance(plain, v.SecretOf)
        one, other = unsecret(inner), unsecret(plain)
        if right != v.NULL and not fits(other, one) and not fits(one, other):
            self.wrong(node.right, "`??` gives another", v.show_type(inner), right)
            return inner
        result = inner if fits(other, one) or right == v.NULL else plain
        if secret and not isinstance(result, v.SecretOf):
            result = v.SecretOf(result)
        return v.Optional(result) if optional else result

    def contained(self, node: ast.Binary, left: v.Type) -> v.Type:
        right = self.infer(node.right, None)
        match unsecret(right):
            case v.ListOf(item):
                if not fits(left, item) and not fits(item, left):
                    self.wrong(node.left, "the list has", v.show_type(item), left)
            case v.Simple("Range"):
                if left not in (v.INT, v.ANY):
                    self.wrong(node.left, "the range has", "whole numbers", left)
            case v.MapOf() | v.RecordOf():
                if left not in (v.STRING, v.ANY, v.INT) and left not in v.TEXTUAL:
                    self.wrong(node.left, "keys are", "texts", left)
            case v.Simple("anything"):
                pass
            case _:
                self.wrong(node.right, "`in` takes", "a range, a list or a map", right)
        secret = isinstance(left, v.SecretOf) or isinstance(right, v.SecretOf)
        return v.SecretOf(v.BOOL) if secret else v.BOOL

    def compared(self, node: ast.Binary, left: v.Type, right: v.Type) -> v.Type:
        if v.NULL in (left, right):
            other, side = (right, node.right) if left == v.NULL else (left, node.left)
            if not isinstance(other, v.Optional | v.SecretOf) and other not in (v.ANY, v.NULL):
                self.wrong(side, "only what may be null is compared with null:", f"{v.show_type(other)}?", other)
            return v.BOOL
        if isinstance(opened(left), v.SecretOf) or isinstance(opened(right), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node), "a secret is compared with nothing but null")
            return v.BOOL
        one, other = opened(left), opened(right)
        if not fits(one, other) and not fits(other, one):
            self.wrong(node.right, f"{a_type(left)} is compared with", "the same type", right)
        elif node.operator.text not in ("==", "!="):
            for side, found in ((node.left, left), (node.right, right)):
                if isinstance(found, v.Optional):
                    self.maybe_null(side)
                elif found not in (v.INT, v.FLOAT, v.STRING, v.ANY) and found not in v.UNITS:
                    self.wrong(side, f"`{node.operator.text}` takes", "numbers, units or texts", found)
        return v.BOOL

    def arithmetic(self, node: ast.Binary, left: v.Type, right: v.Type) -> v.Type:
        word = node.operator.text
        if v.ANY in (left, right):
            return v.ANY
        for side, found in ((node.left, left), (node.right, right)):
            if isinstance(found, v.Optional):
                self.maybe_null(side)
                return v.ANY
            if isinstance(found, v.SecretOf):
                self.out.report(codes.SECRET_SINK, self.at(side), f"`{word}` takes no secret")
                return v.ANY
        numbers = (v.INT, v.FLOAT)
        if left in numbers and right in numbers:
            return v.FLOAT if v.FLOAT in (left, right) else v.INT
        if left in v.UNITS and right == left:
            if word in "+-%":
                return left
            if word == "/":
                return v.FLOAT
        if left in v.UNITS and right == v.INT and word in ("*", "/"):
            return left
        if right in v.UNITS and left == v.INT and word == "*":
            return right
        if word == "+" and isinstance(left, v.ListOf) and isinstance(right, v.ListOf):
            return left
        hint = 'put texts together with interpolation: "${a}${b}"' if v.STRING in (left, right) else None
        self.out.report(
            codes.WRONG_TYPE,
            self.at(node.operator),
            f"`{word}` does not take {a_type(left)} and {a_type(right)}",
            hint=hint,
        )
        return v.ANY

    def e_conditional(self, node: ast.Conditional, wanted: v.Type | None) -> v.Type:
        narrowed = self.condition(node.condition)
        self.narrowed += narrowed
        then = self.infer(node.then, wanted)
        del self.narrowed[len(self.narrowed) - len(narrowed) :]
        otherwise = self.infer(node.otherwise, wanted)
        if v.NULL in (then, otherwise):
            other = otherwise if then == v.NULL else then
            return other if isinstance(other, v.Optional) or other in (v.ANY, v.NULL) else v.Optional(other)
        if fits(otherwise, then):
            return then
        if fits(then, otherwise):
            return otherwise
        self.wrong(node.otherwise, "both branches have one type:", v.show_type(then), otherwise)
        return v.ANY

    def e_lambda(self, node: ast.Lambda, wanted: v.Type | None) -> v.Type:
        self.lambda_of(node, tuple(v.ANY for _ in node.params))
        return v.FunctionOf(len(node.params))

    def e_group(self, node: ast.Group, wanted: v.Type | None) -> v.Type:
        return self.infer(node.inner, wanted)


def type_of(node: Any, source: str) -> v.Type:
    """The type that a type expression means, where the checker has reported what is wrong with it."""
    return Inference(source, "").type(node)


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
