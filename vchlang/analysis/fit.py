"""Types among each other: what may stand where, what becomes of two, and how a message says one."""

from __future__ import annotations

import posixpath
from typing import Any

from vchlang import values as v
from vchlang.analysis.program import Read
from vchlang.syntax import ast


def literal(node: Any) -> str | None:
    """The value of a text without interpolation, else None."""
    if isinstance(node, ast.Text):
        if not node.parts:
            return ""
        if len(node.parts) == 1 and isinstance(node.parts[0], str):
            return node.parts[0]
    return None


def split_number(text: str) -> tuple[str, str]:
    """The digits of a number, and its unit (empty without one)."""
    for at, sign in enumerate(text):
        if sign.isalpha():
            return text[:at], text[at:]
    return text, ""


def fits(found: v.Type, wanted: v.Type) -> bool:
    """Whether a value of one type may stand where another is wanted, with the few conversions that there are."""
    if found in (wanted, v.ANY) or wanted == v.ANY:
        return True
    match wanted:
        case v.Optional(inner):
            return found == v.NULL or fits(found.inner if isinstance(found, v.Optional) else found, inner)
        case v.MaybeSecret(inner):
            return fits(found.inner if isinstance(found, v.SecretOf) else found, inner)
        case v.SecretOf(inner):
            if isinstance(found, v.SecretOf):
                return fits(found.inner, inner)
            return isinstance(found, v.RecordOf) and isinstance(inner, v.RecordOf) and _secret_record(found, inner)
        case v.ListOf(item):
            return isinstance(found, v.ListOf) and fits(found.item, item)
        case v.MapOf(key, item):
            if isinstance(found, v.MapOf):
                return fits(found.key, key) and fits(found.value, item)
            return isinstance(found, v.RecordOf) and all(fits(one.type, item) for one in found.fields)
        case v.RecordOf(fields):
            if not isinstance(found, v.RecordOf):
                return False
            have = {one.name: one.type for one in found.fields}
            known = {one.name for one in fields}
            return all(name in known for name in have) and all(
                (one.name in have and fits(have[one.name], one.type)) or (one.name not in have and not one.required)
                for one in fields
            )
        case v.VariantOf(cases=cases):
            return isinstance(found, v.VariantOf) and all(case in cases for case in found.cases)
        case v.Simple("Float"):
            return found == v.INT
        case v.Simple("String"):
            return isinstance(found, v.TextsOf)
        case v.TextsOf(texts):
            return isinstance(found, v.TextsOf) and set(found.texts) <= set(texts)
        case _:
            return wanted in v.TEXTUAL and found == v.STRING


def bad_text(text: str, type_: v.Type, why: str) -> str:
    """The message for a text that is none of its type; the same from the checker and from the evaluation."""
    return f"{v.quoted(text)} is no {v.show_type(type_)}: {why}"


def read_of(kind: str, text: str, path: str) -> Read:
    """What a call of `archive`, `file` or `env` reads, for a call that stands in the file at `path`."""
    if kind == "env":
        return Read(kind=kind, name=text)
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), text)) if not text.startswith("/") else text
    return Read(kind=kind, name=joined)


def _secret_record(found: v.RecordOf, wanted: v.RecordOf) -> bool:
    """A record with at least one secret in it, all else being right: it is as secret as its fields."""
    have = {one.name: one.type for one in found.fields}
    secret = any(isinstance(one, v.SecretOf) for one in have.values())
    return secret and all(
        field.name in have and fits(unsecret(have[field.name]), field.type) for field in wanted.fields
    )


def opened(type_: v.Type) -> v.Type:
    """A type without its `?`."""
    return type_.inner if isinstance(type_, v.Optional) else type_


def holds_secret(type_: v.Type) -> bool:
    """Whether a value of the type may have a secret anywhere in it."""
    match type_:
        case v.SecretOf() | v.MaybeSecret():
            return True
        case v.Optional(inner) | v.ListOf(inner):
            return holds_secret(inner)
        case v.MapOf(_, inner):
            return holds_secret(inner)
        case v.RecordOf(fields):
            return any(holds_secret(one.type) for one in fields)
        case _:
            return False


def unsecret(type_: v.Type) -> v.Type:
    """A type without its `Secret<…>`."""
    return type_.inner if isinstance(type_, v.SecretOf) else type_


def item(type_: v.Type) -> v.Type:
    """What a list or map has in it."""
    return type_.item if isinstance(type_, v.ListOf) else type_.value if isinstance(type_, v.MapOf) else v.ANY


def join_types(one: v.Type | None, other: v.Type) -> v.Type:
    """The type of a list that has values of both; ANY where they have nothing in common."""
    if one is None or fits(one, other):
        return other
    return one if fits(other, one) else v.ANY


def opposite(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> bool:
    """Whether two places can never both be reached: they lie in different branches of one `if`."""
    branches = dict(other)
    return any(branches.get(node, branch) != branch for node, branch in one)


def not_null(node: Any) -> list[str]:
    """The names that are not null where a condition holds."""
    match node:
        case ast.Group(inner=inner):
            return not_null(inner)
        case ast.Binary(operator=ast.Word(text="!="), left=ast.Name(text=name), right=ast.Null()):
            return [name]
        case ast.Binary(operator=ast.Word(text="!="), left=ast.Null(), right=ast.Name(text=name)):
            return [name]
        case ast.Binary(operator=ast.Word(text="and"), left=left, right=right):
            return not_null(left) + not_null(right)
        case _:
            return []


def a_type(type_: v.Type) -> str:
    """A type as a message says it."""
    match type_:
        case v.Simple("String"):
            return "text"
        case v.Simple("null"):
            return "null"
        case v.KindOf(kind):
            return f"a {kind}"
        case v.RecordOf():
            return "a record"
        case _:
            return v.show_type(type_)
