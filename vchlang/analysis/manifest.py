"""From the text of a manifest to what it grants.

A manifest is one statement, alone in its file, and made of literals: an administrator signs what can be read, and
nothing has to be worked out to know what it grants. Everything wrong is reported at once, each at its place.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import bad_text, literal, split_number
from vchlang.analysis.program import Where
from vchlang.diagnostics import Code, Diagnostic, Fix, Report, did_you_mean, has_errors, nearest
from vchlang.kinds.manifest import FIELDS, Manifest
from vchlang.syntax import ast
from vchlang.syntax.parser import Parsed
from vchlang.text import Span


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What one manifest grants, and where it says so.

    places: of each field, as `pools`, and of each part of it, as `pools[0]`, `limits.cpu`, `addresses.vmNet`; of the
    manifest's name under the empty text. grants: of an empty manifest where something is wrong.
    """

    name: str
    grants: Manifest
    places: dict[str, Where]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether nobody should run under it."""
        return has_errors(self.diagnostics)


def is_manifest(parsed: Parsed) -> bool:
    """Whether a file has a manifest in it, alone or not."""
    return any(isinstance(statement.node, ast.Manifest) for _, statement in parsed.statements())


def read_manifest(parsed: Parsed) -> Granted:
    """Read the manifest of a file that should have one. The diagnostics of the parser are not repeated."""
    return _Reader(parsed).read()


_BAD: Any = object()
"""The value of what was reported."""


class _Reader:
    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.source = parsed.source.name
        self.out = Report(self.source)
        self.base = 0
        self.places: dict[str, Where] = {}

    def read(self) -> Granted:
        statements = list(self.parsed.statements())
        found = [(base, one.node) for base, one in statements if isinstance(one.node, ast.Manifest)]
        if not found:
            if not any(isinstance(one.node, ast.Broken) for _, one in statements):  # that may have been to be it
                self.out.report(
                    codes.BAD_MANIFEST,
                    Span(0, 0),
                    "there is no manifest in this file",
                    hint="write: manifest NAME { … }",
                )
            return self.granted("", {})
        for base, node in found if len(statements) > 1 else ():
            span = Span(base + node.start, base + node.start + len("manifest"))
            self.out.report(codes.MISPLACED, span, "`manifest` stands alone in a file: that is what gets signed")
        for base, one in statements:
            for decorator in one.decorators if isinstance(one.node, ast.Manifest) else ():
                message = f"`@{decorator.name.text}` does not stand before a manifest"
                self.out.report(codes.MISPLACED, decorator.span(base), message)
        self.base, node = found[0]
        self.places[""] = self.where(node.name)
        value = self.record(node.body, FIELDS, "", "a manifest")
        self.together(value)
        return self.granted(node.name.text, value)

    def granted(self, name: str, value: dict[str, Any]) -> Granted:
        diagnostics = self.out.freeze()
        sound = not has_errors((*diagnostics, *self.parsed.diagnostics))
        grants = msgspec.convert(value, Manifest) if sound else Manifest()
        return Granted(name=name, grants=grants, places=self.places, diagnostics=diagnostics)

    def together(self, value: dict[str, Any]) -> None:
        """What fields say of each other."""
        networks = value.get("networks") or []
        for name in value.get("addresses") or {}:
            if name not in networks:
                hint = did_you_mean(name, networks) or "a network stands under `networks` first"
                self.say(f"addresses.{name}", f"addresses of `{name}`, which is not among the networks", hint)
        for path in value.get("readable") or []:
            if any(within(path, one) for one in value.get("locations") or []):
                at = f"readable[{value['readable'].index(path)}]"
                self.say(at, f"`{path}` is among the locations already, and so more than readable", None)

    # ---- values ----------------------------------------------------------------------------------------------------

    def value(self, node: Any, type_: v.Type, path: str, what: str) -> Any:
        """The value of a literal, in a plan's form (units are numbers); _BAD where it was reported."""
        while isinstance(node, ast.Group):
            node = node.inner
        self.places.setdefault(path, self.where(node))
        match type_:
            case v.Optional(inner):
                return None if isinstance(node, ast.Null) else self.value(node, inner, path, what)
            case v.ListOf(item) if isinstance(node, ast.ListExpr):
                made = [self.value(one, item, f"{path}[{at}]", what) for at, one in enumerate(node.items)]
                return [one for one in made if one is not _BAD]
            case v.RecordOf() if isinstance(node, ast.Record):
                return self.record(node, type_, path + ".", what)
            case v.MapOf(_, item) if isinstance(node, ast.Record):
                types = v.RecordOf(tuple(v.FieldOf(one, item, False) for one in _names(node)))
                return self.record(node, types, path + ".", what)
            case v.VariantOf(cases=cases) if isinstance(node, ast.Variant):
                return self.variant(node, [one.name for one in cases], what)
            case v.Simple() if type_ in v.UNITS or type_ == v.INT:
                return self.number(node, type_, what)
            case v.Simple() if isinstance(node, ast.Text):
                return self.text(node, type_, path)
            case _:
                return self.wrong(node, type_, what)

    def record(self, node: ast.Record, type_: v.Type, path: str, what: str) -> dict[str, Any]:
        assert isinstance(type_, v.RecordOf)
        types = {one.name: one.type for one in type_.fields}
        out: dict[str, Any] = {}
        seen: dict[str, Span] = {}
        for entry in node.entries:
            if not isinstance(entry, ast.Field):
                self.no_literal(entry)
                continue
            name, span = entry.name.text, entry.name.span(self.base)
            if name in seen:
                labels = [(seen[name], "first here")]
                self.out.report(codes.DUPLICATE_FIELD, span, f"`{name}` is written twice", labels=labels)
                continue
            seen[name] = span
            if name not in types:
                near = nearest(name, types)
                self.out.report(
                    codes.UNKNOWN_FIELD,
                    span,
                    f"{what} has no `{name}`",
                    hint=did_you_mean(name, types) or "it has " + ", ".join(types),
                    fix=Fix(title=f"write `{near}`", span=span, text=near) if near else None,
                )
                continue
            value = self.value(entry.value, types[name], path + name, f"`{name}`")
            if value is not _BAD and value is not None:
                out[name] = value
        return out

    def variant(self, node: ast.Variant, names: list[str], what: str) -> Any:
        if node.name in names:
            return node.name
        hint = did_you_mean(node.name, names) or "it is one of " + ", ".join(f".{one}" for one in names)
        self.out.report(codes.UNKNOWN_VARIANT, node.span(self.base), f"{what} has no `.{node.name}`", hint=hint)
        return _BAD

    def number(self, node: Any, type_: v.Type, what: str) -> Any:
        if not isinstance(node, ast.Number):
            return self.wrong(node, type_, what)
        digits, unit = split_number(node.text)
        known = v.UNITS_OF.get(type_, ("",))
        if unit not in known:
            words = f"{what} takes {_example(type_)}"
            if unit and unit not in v.UNIT_TABLE:
                words = f"no unit `{unit}`: {words}"
            self.out.report(codes.WRONG_UNIT, node.span(self.base), words)
            return _BAD
        whole, _, part = digits.replace("_", "").partition(".")
        factor = v.UNIT_TABLE[unit][1] if unit else 1
        exact = int(whole + part) * factor if len(whole + part) <= 40 else v.INT_MAX + 1
        if exact % 10 ** len(part):
            words = "it is no whole number" + (" of the smallest unit" if unit else "")
            self.out.report(codes.WRONG_TYPE, node.span(self.base), words)
            return _BAD
        if exact // 10 ** len(part) > v.INT_MAX:
            self.out.report(codes.OVERFLOW, node.span(self.base), "this does not fit in 64 bits")
            return _BAD
        return exact // 10 ** len(part)

    def text(self, node: ast.Text, type_: v.Type, path: str) -> Any:
        text = literal(node)
        if text is None:
            self.no_literal(node)
            return _BAD
        form = _FORMS.get(re.sub(r"\[\d+\]$", "", path))
        why = form(text) if form is not None else v.text_mistake(text, type_)
        if why is not None:
            message = f"{v.quoted(text)} does not stand here: {why}" if form is not None else bad_text(text, type_, why)
            self.out.report(codes.BAD_TEXT, node.span(self.base), message)
            return _BAD
        return text

    def wrong(self, node: Any, type_: v.Type, what: str) -> Any:
        if not isinstance(node, _LITERALS):
            self.no_literal(node)
        else:
            message = f"{what} takes {_example(type_)}"
            self.out.report(codes.WRONG_TYPE, node.span(self.base), message)
        return _BAD

    # ---- places ----------------------------------------------------------------------------------------------------

    def where(self, node: Any) -> Where:
        return Where(self.source, node.span(self.base))

    def no_literal(self, node: Any) -> None:
        message = "a manifest is made of literals: what is signed is read, and not worked out"
        self.out.report(codes.BAD_MANIFEST, node.span(self.base), message, hint="write the value itself")

    def say(self, path: str, message: str, hint: str | None, code: Code = codes.BAD_MANIFEST) -> None:
        self.out.report(code, self.places[path].span, message, hint=hint)


def within(path: str, above: str) -> bool:
    """Whether one place is another or lies below it: by directories, so that `/pool` is not above `/pool2`.

    Both are paths of the inventory, or both store paths, a whole datastore (`ds://datastore`) among them.
    """
    one, other = _parts(path), _parts(above)
    return one[: len(other)] == other


def _parts(path: str) -> tuple[str, ...]:
    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = "", path
    # The first part of a store path is its datastore or host; that of `file:///dir` is empty, and counts.
    first, _, tail = rest.partition("/")
    return (scheme, first, *(one for one in tail.split("/") if one not in ("", ".")))


_LITERALS = (ast.Text, ast.Number, ast.Bool, ast.Null, ast.Variant, ast.Record, ast.ListExpr)


def _names(node: ast.Record) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.name.text for one in node.entries if isinstance(one, ast.Field)))


def _example(type_: v.Type) -> str:
    match type_:
        case v.Simple("Bytes"):
            return "a size: 64GiB"
        case v.Simple("Frequency"):
            return "a frequency: 16GHz"
        case v.Simple("Int"):
            return "a whole number without a unit: 10"
        case v.ListOf(item):
            return "a list: [1, 2]" if item == v.INT else 'a list: ["…"]'
        case v.MapOf():
            return 'a record: { name: ["…"] }'
        case v.RecordOf(fields):
            return "a record with " + ", ".join(f"`{one.name}`" for one in fields)
        case v.VariantOf(cases=cases):
            return "one of " + ", ".join(f".{one.name}" for one in cases)
        case _:
            return "a text"


# ---- texts with a form of their own --------------------------------------------------------------------------------


def _no_place(text: str) -> str | None:
    if re.fullmatch(r"(?:ds|nfs)://[^/]+/*", text) and ".." not in text.split("/"):
        return v.text_mistake(text.rstrip("/") + "/whole", v.STORE_PATH)  # a whole datastore
    return v.text_mistake(text, v.STORE_PATH)


def _no_network(text: str) -> str | None:
    return "it is empty" if not text.strip() else v.text_mistake(text, v.STRING)


def _no_digest(text: str) -> str | None:
    return None if re.fullmatch(r"sha256:[0-9a-f]{64}", text) else "it is sha256: and 64 hexadecimal digits"


def _no_day(text: str) -> str | None:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return "a day is written as 2027-06-30"
    return None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else "a day is written as 2027-06-30"


_FORMS: dict[str, Callable[[str], str | None]] = {
    "locations": _no_place,
    "readable": _no_place,
    "networks": _no_network,
    "targets": _no_network,
    "images": _no_digest,
    "expires": _no_day,
}
