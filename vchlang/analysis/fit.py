"""Types among each other: what may stand where, what becomes of two, and how a message says one."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from vchlang import values as v
from vchlang.analysis.program import Read
from vchlang.diagnostics import with_article
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
    unit = text.lstrip("0123456789_.")
    return text[: len(text) - len(unit)], unit


_OF_PARTS = frozenset({v.RecordOf, v.VariantOf, v.ListOf, v.MapOf, v.Named, v.UnionOf, v.Optional})
"""Types that are looked at part by part anyway: to compare them whole first would cost as much again."""


def fits(found: v.Type, wanted: v.Type) -> bool:
    """Whether a value of one type may stand where another is wanted, with the few conversions that there are."""
    # Types are shared more often than not, so most answers need no comparison of their parts.
    if found is wanted or found is v.ANY or wanted is v.ANY:
        return True
    if type(found) is v.Simple and type(wanted) is v.Simple:
        name = found.name
        if name in (wanted.name, "anything") or wanted.name == "anything":
            return True
        return (name == "String" and wanted in v.TEXTUAL) or (name == "Int" and wanted.name == "Float")
    if type(found) is v.Simple and found.name == "anything":
        return True
    if type(wanted) not in _OF_PARTS and found in (wanted, v.ANY):
        return True
    if type(wanted) is v.Simple and wanted.name == "anything":
        return True
    if type(found) is v.Named:
        return fits(found.inner, wanted)
    if type(found) is v.UnionOf and type(wanted) is not v.Named:
        return all(fits(one, wanted) for one in found.options)
    match wanted:
        case v.Named(inner=inner):
            return fits(found, inner)
        case v.UnionOf(options=options):
            return any(fits(found, one) for one in options)
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
            return isinstance(found, v.VariantOf) and all(
                any(_case_fits(one, case) for case in cases) for one in found.cases
            )
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
    return f"{v.brief(text)} is no {v.show_type(type_)}: {why}"


def read_of(kind: str, text: str, path: str) -> Read:
    """What a call of `archive`, `file` or `env` reads, for a call that stands in the file at `path`."""
    if kind == "env":
        return Read(kind=kind, name=text)
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), text)) if not text.startswith("/") else text
    return Read(kind=kind, name=joined)


def _case_fits(found: v.Case, wanted: v.Case) -> bool:
    """Whether one case may stand for another, wherever both are declared: by its name and what it carries."""
    if found == wanted:
        return True
    carried = {one.name: one.type for one in found.fields}
    return (
        found.name == wanted.name
        and carried.keys() <= {one.name for one in wanted.fields}
        and all(
            fits(carried[one.name], one.type if one.required else v.Optional(one.type))  # null is as if not given
            if one.name in carried
            else not one.required
            for one in wanted.fields
        )
    )


def _secret_record(found: v.RecordOf, wanted: v.RecordOf) -> bool:
    """A record with at least one secret in it, all else being right: it is as secret as its fields."""
    have = {one.name: one.type for one in found.fields}
    secret = any(isinstance(one, v.SecretOf) for one in have.values())
    return secret and all(
        field.name in have and fits(unsecret(have[field.name]), field.type) for field in wanted.fields
    )


def opened(type_: v.Type) -> v.Type:
    """A type without its `?` and the name that a script gives it."""
    while type(type_) is v.Optional or type(type_) is v.Named:
        type_ = type_.inner
    return type_


def option_for(wanted: v.Type | None, node: Any) -> v.Type | None:
    """The type that a literal is to have: of a union, the option that it can be; without `?` and name."""
    inner = opened(wanted) if wanted is not None else None
    if not isinstance(inner, v.UnionOf):
        return inner
    options = [opened(one) for one in inner.options]
    match node:
        case ast.Record(entries=entries):
            names = {one.name.text for one in entries if isinstance(one, ast.Field)}
            maps = [one for one in options if isinstance(one, v.RecordOf | v.MapOf)]
            fitting = [one for one in maps if not isinstance(one, v.RecordOf) or names <= {f.name for f in one.fields}]
            return next(iter(fitting or maps), inner)
        case ast.ListExpr() | ast.ListFor():
            return next((one for one in options if isinstance(one, v.ListOf)), inner)
        case ast.Variant(name=name):
            cases = [one for one in options if isinstance(one, v.VariantOf)]
            return next((one for one in cases if one.case(name)), cases[0] if cases else inner)
        case ast.Text():
            texts = [one for one in options if isinstance(one, v.TextsOf) and literal(node) in one.texts]
            plain = [one for one in options if one == v.STRING or one in v.TEXTUAL]
            return (texts or plain or [one for one in options if isinstance(one, v.TextsOf)] or [inner])[0]
        case _:
            return inner


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


def holds_element(type_: v.Type) -> v.Type | None:
    """The kind or component of which a value of the type has an element or instance somewhere in it; else None."""
    match type_:
        case v.KindOf() | v.InstanceOf():
            return type_
        case v.Optional(inner) | v.ListOf(inner) | v.MapOf(_, inner) | v.Named(inner=inner):
            return holds_element(inner)
        case v.UnionOf(options):
            each = [holds_element(one) for one in options]
            return each[0] if None not in each else None  # one of the others can be given
        case v.RecordOf(fields):
            return next((found for one in fields if (found := holds_element(one.type)) is not None), None)
        case _:
            return None


def can_be_key(type_: v.Type) -> bool:
    """Whether a value of the type can be a key of a map: a text or a whole number."""
    return type_ in (v.STRING, v.INT, v.ANY) or type_ in v.TEXTUAL or isinstance(type_, v.TextsOf)


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
    if isinstance(one, v.SecretOf) != isinstance(other, v.SecretOf):  # secret as soon as one of them is
        joined = join_types(unsecret(one), unsecret(other))
        return joined if joined == v.ANY else v.SecretOf(joined)
    return one if fits(other, one) else v.ANY


def opposite(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> bool:
    """Whether two places can never both be reached: they lie in different branches of one `if`."""
    branches = dict(other)
    return any(branches.get(node, branch) != branch for node, branch in one)


Learnt: TypeAlias = tuple[str, str, bool]
"""What a condition tells of a name or a member of it, as `a.b`: the test, and whether it holds."""

_TESTS: dict[str, Callable[[v.Type], bool]] = {
    "is_text": lambda one: one == v.STRING or one in v.TEXTUAL or isinstance(one, v.TextsOf),
    "is_number": lambda one: one in (v.INT, v.FLOAT),
    "is_bool": lambda one: one == v.BOOL,
    "is_list": lambda one: isinstance(one, v.ListOf),
    "is_map": lambda one: isinstance(one, v.MapOf | v.RecordOf),
}


def learnt(node: Any, holds: bool = True) -> list[Learnt]:
    """What is known of names where a condition holds, or where it does not."""
    match node:
        case ast.Group(inner=inner):
            return learnt(inner, holds)
        case ast.Unary(operator=ast.Word(text="not"), operand=operand):
            return learnt(operand, not holds)
        case ast.Binary(operator=ast.Word(text="and" | "or" as word), left=left, right=right):
            return learnt(left, holds) + learnt(right, holds) if (word == "and") == holds else []
        case ast.Binary(operator=ast.Word(text="!=" | "==" as word), left=left, right=right):
            one = right if isinstance(left, ast.Null) else left if isinstance(right, ast.Null) else None
            path = path_of(one)
            return [(path, "null", (word == "==") == holds)] if path else []
        case ast.Call(callee=ast.Name(text=test), args=(ast.Arg(value=value),)) if test in _TESTS:
            path = path_of(value)
            return [(path, test, holds)] if path else []
        case _:
            return []


def path_of(node: Any) -> str:
    """A name or a member of one as `a.b`; empty for anything else."""
    match node:
        case ast.Name(text=text):
            return text
        case ast.Member(target=target, name=name):
            path = path_of(target)
            return f"{path}.{name.text}" if path else ""
        case ast.Group(inner=inner):
            return path_of(inner)
        case _:
            return ""


def narrow(type_: v.Type, test: str, holds: bool) -> v.Type:
    """A type where a test of its value holds, or does not."""
    if test == "null":
        return type_.inner if isinstance(type_, v.Optional) and not holds else type_
    inner = opened(type_)
    if not isinstance(inner, v.UnionOf):
        return inner if holds else type_
    left = tuple(one for one in inner.options if _TESTS[test](opened(one)) == holds)
    made: v.Type = v.UnionOf(left) if len(left) > 1 else left[0] if left else v.ANY
    return v.Optional(made) if isinstance(type_, v.Optional) and not holds else made


def divided(call: ast.Call) -> ast.Binary | None:
    """The division that is the argument of a call, as in `floor(8GiB / 3)`: of a unit it needs not come out whole."""
    inner = call.args[0].value if len(call.args) == 1 else None
    while isinstance(inner, ast.Group):
        inner = inner.inner
    return inner if isinstance(inner, ast.Binary) and inner.operator.text == "/" else None


def names_in(node: Any) -> Iterator[str]:
    """Every name that an expression uses, its own parameters and loop variables among them."""
    return (path.partition(".")[0] for path in paths_in(node))


def paths_in(node: Any) -> Iterator[str]:
    """As `names_in`, and of a member what leads to it too: `a.b`, not `a`."""
    todo = [node]
    while todo:
        one = todo.pop()
        if type(one) in (ast.Name, ast.Member) and (path := path_of(one)):
            yield path
        elif isinstance(one, tuple):
            todo += one
        elif isinstance(one, ast.Node):
            todo += [getattr(one, name) for name in one.__struct_fields__[2:]]


def a_type(type_: v.Type) -> str:
    """A type as a message says it."""
    match type_:
        case v.Simple("String"):
            return "text"
        case v.Simple("null"):
            return "null"
        case v.KindOf(kind):
            return with_article(kind)
        case v.RecordOf():
            return "a record"
        case v.InstanceOf(name):
            return with_article(name)
        case _:
            return v.show_type(type_)


def one_of(type_: v.Type) -> str:
    """A value of a type as a message says it: `an Int`, `a text`."""
    match opened(type_):
        case v.Simple("String"):
            return "a text"
        case v.KindOf() | v.RecordOf() | v.InstanceOf() as inner:
            return a_type(inner)
        case _:
            return with_article(v.show_type(type_))
