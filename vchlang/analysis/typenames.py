"""Type expressions: from `{String: StorePath}` as written to the type that it means."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import literal
from vchlang.diagnostics import Fix, Report, did_you_mean, nearest
from vchlang.kinds.schema import KINDS
from vchlang.syntax import ast
from vchlang.text import Span

MAX_PARTS = 20_000
"""Parts of one type: members, cases, what lists and maps have in them."""
MAX_ROOM = 500_000
"""Parts of the types of all names of a file."""


class TypeExpressions:
    """Reads types, within one file. `base`: of the top-level statement being read; `broken`: names not to report;
    `text`: of the file, to quote what is wrong."""

    text = ""

    def __init__(self, source: str, path: str) -> None:
        self.out = Report(source)
        self.path = path
        self.broken: set[str] = set()
        self.base = 0
        self.room = MAX_ROOM

    def sized(self, type_: v.Type, node: Any) -> v.Type:
        """A type; ANY, and a report at `node`, where it has more parts than anybody could look at.

        Types of names are shared as their values are: each of sixty lets may have the one before it twice.
        """
        cls = type(type_)
        if cls is v.Simple or cls is v.KindOf:
            return type_
        parts = v.parts_of(type_, min(MAX_PARTS, self.room))
        self.room -= parts
        if parts < MAX_PARTS and self.room > 0:
            return type_
        if self.room > -MAX_PARTS:
            few = f"this type has more than {MAX_PARTS:,} parts"
            many = f"the types of this file have more than {MAX_ROOM:,} parts"
            self.out.report(codes.LIMIT_SIZE, self.at(node), few if self.room > 0 else many)
        if self.room <= 0:
            self.room = -MAX_PARTS  # said once
        return v.ANY

    def at(self, node: Any) -> Span:
        """The place of a node in the whole text."""
        return Span(self.base + node.start, self.base + node.end)

    def fix(self, word: ast.Word, choices: Any) -> Fix | None:
        """The edit that writes the nearest of `choices`, where one is near."""
        near = nearest(word.text, choices)
        return Fix(f"write `{near}`", self.at(word), near) if near else None

    def value(self, node: Any, wanted: v.Type | None, what: str) -> v.Type:
        """Check a default; the inference of expressions does it."""
        return v.ANY

    def declared_type(self, name: str) -> v.Type | None:
        """The type that the file gives a name: of a `type` statement, an import, or a component."""
        return None

    def type_names(self) -> list[str]:
        """The names that `declared_type` knows."""
        return []

    def where_of(self, where: ast.Where, type_: v.Type, name: str = "it") -> None:
        """Check a constraint, in which the value is called `it` or by its name; the inference does it."""

    def type(self, node: Any) -> v.Type:
        match node:
            case ast.NamedType(name=name, args=args):
                return self.named_type(name, [self.type(one) for one in args])
            case ast.OptionalType(inner=inner):
                found = self.type(inner)
                return found if isinstance(found, v.Optional) else v.Optional(found)
            case ast.ListType(item=item):
                return v.ListOf(self.type(item))
            case ast.RecordType(members=members):
                first = members[0] if len(members) == 1 else None
                if first is not None and not first.quoted and first.name.text[:1].isupper():
                    return v.MapOf(self.named_type(first.name, []), self.type(first.type))
                return v.RecordOf(tuple(self.member_type(one) for one in members))
            case ast.VariantType():
                return v.VariantOf("", (self.case_type(node),))
            case ast.TextType(text=text):
                return v.TextsOf((literal(text) or "",))
            case ast.UnionType(options=options):
                return self.union(options)
            case _:
                return v.ANY

    def member_type(self, node: ast.MemberType) -> v.FieldOf:
        type_ = self.type(node.type)
        if node.default is not None:
            self.value(node.default, type_, f"`{node.name.text}`")
        if node.where is not None:
            self.where_of(node.where, type_, node.name.text)
        required = node.default is None and not isinstance(type_, v.Optional)
        home = v.Home(self.path, self.base)
        return v.FieldOf(node.name.text, type_, required, node.doc, node.default, node.where, home)

    def case_type(self, node: ast.VariantType) -> v.Case:
        return v.Case(node.name, tuple(self.member_type(one) for one in node.parts or ()))

    def union(self, options: tuple[Any, ...]) -> v.Type:
        if all(isinstance(one, ast.VariantType) for one in options):
            return v.VariantOf("", tuple(self.case_type(one) for one in options))
        if all(isinstance(one, ast.TextType) for one in options):
            return v.TextsOf(tuple(literal(one.text) or "" for one in options))
        cases = [one for one in options if isinstance(one, ast.VariantType)]
        texts = [one for one in options if isinstance(one, ast.TextType)]
        found: dict[v.Type, None] = {}
        null = False
        if cases:
            found[v.VariantOf("", tuple(self.case_type(one) for one in cases))] = None
        if texts:
            found[v.TextsOf(tuple(literal(one.text) or "" for one in texts))] = None
        for one in options:
            if isinstance(one, ast.VariantType | ast.TextType):
                continue
            type_ = self.type(one)
            if isinstance(type_, v.Optional):
                null, type_ = True, type_.inner
            parts = type_.options if isinstance(type_, v.UnionOf) else (type_,)
            for part in parts:
                if isinstance(v.plain(part), v.SecretOf):
                    self.out.report(codes.UNKNOWN_TYPE, self.at(one), "a union has no secret among its types")
                else:
                    found[part] = None
        if v.ANY in found or not found:
            return v.ANY
        made = v.UnionOf(tuple(found)) if len(found) > 1 else next(iter(found))
        return v.Optional(made) if null else made

    def named_type(self, name: ast.Word, args: list[v.Type]) -> v.Type:
        text = name.text
        if text == "Secret" and len(args) == 1:
            return v.SecretOf(args[0])
        if text == "Map" and len(args) == 2:
            return v.MapOf(args[0], args[1])
        if args or text in ("Secret", "Map"):
            from vchlang.analysis.habits import type_hint

            message = f"`{text}` takes {'no' if args else 'a'} type in < >"
            self.out.report(codes.UNKNOWN_TYPE, self.at(name), message, hint=type_hint(text))
            return v.ANY
        if text in v.NAMED_TYPES:
            return v.NAMED_TYPES[text]
        declared = self.declared_type(text)
        if declared is not None:
            return declared
        kind = KINDS.get(text.lower())
        if kind is not None and text[:1].isupper():
            return v.KindOf(kind.name)
        if text not in self.broken:
            from vchlang.analysis.habits import type_hint

            choices = [*v.NAMED_TYPES, *self.type_names(), "Secret", *(kind.capitalize() for kind in KINDS)]
            self.out.report(
                codes.UNKNOWN_TYPE,
                self.at(name),
                f"no type `{text}`",
                hint=(said := type_hint(text)) or did_you_mean(text, choices),
                fix=self.fix(name, choices) if said is None else None,
            )
        return v.ANY
