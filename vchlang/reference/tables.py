"""The pages that are made from tables: kinds, functions, codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, Builtin
from vchlang.codes import CODES
from vchlang.diagnostics import Code
from vchlang.kinds import KINDS
from vchlang.kinds.schema import Fact, Kind, Param, Verb
from vchlang.reference.markdown import code, fence, page, table, wrap

_CHANGES = {"update": "in place", "restart": "restarts the executor", "replace": "makes a new one", "never": "refused"}

# ---- kinds ---------------------------------------------------------------------------------------------------------


def kinds_page() -> str:
    """What each kind takes and gives."""
    out = [
        page(
            "Kinds",
            "`vchlang/kinds/`",
            "What can be brought into a script, and how it is put together. A field without a default that is needed "
            "says so. “A change” is what it costs to change the field of something that exists: done in place, with "
            "a restart of the executor, by making a new one, or refused. Facts can be read of an element; what only "
            "apply knows of them may flow into fields and outputs, never into a condition or a loop.",
        ),
        " · ".join(f"[{name}](#{name})" for name in KINDS),
    ]
    for kind in KINDS.values():
        out += _kind(kind)
    return "\n\n".join(out) + "\n"


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.name}"
    yield kind.doc
    yield "Comes with " + ", ".join(f"`{word}`" for word in kind.words) + "."
    yield from _verb(kind.element)
    for word, verb in (("join", kind.join), ("bind", kind.bind)):
        if verb is not None:
            yield f"### {word} {kind.name}"
            yield verb.doc
            if verb.roles:
                more = ", or a word of yours" if verb.free_roles else ""
                yield "Roles: " + ", ".join(f"`{role}`" for role in verb.roles) + more + "."
            yield from _verb(verb)
    if kind.facts:
        yield f"### facts of {kind.name}"
        yield table(("fact", "type", "is"), (_fact(one) for one in kind.facts.values()))


def _verb(verb: Verb) -> Iterator[str]:
    if verb.params:
        yield table(("field", "type", "default", "a change", "is"), (_param(one) for one in verb.params.values()))
    yield from _forms(verb.params.values())
    for example in verb.examples:
        yield fence("vch-fragment", example)


def _param(one: Param) -> tuple[str, ...]:
    type_ = one.type.inner if isinstance(one.type, v.Optional) and one.default is None else one.type
    takes = code(v.show_type(type_))
    if one.kinds:
        takes += " or a " + ", ".join(one.kinds)
    name = f"clause `{one.clause}`" if one.clause else f"`{one.name}`"
    return (
        name,
        takes,
        "**needed**" if one.required else default(one.default, one.type),
        _CHANGES[one.change],
        one.doc,
    )


def default(value: object, type_: v.Type) -> str:
    """A default as the language writes it; nothing for null, which is as if not written."""
    if value is None:
        return ""
    if isinstance(value, msgspec.Struct):
        return code(f".{value.__struct_config__.tag}")
    inner = type_.inner if isinstance(type_, v.Optional) else type_
    if isinstance(inner, v.VariantOf):
        return code(f".{value}")
    if inner in v.UNITS and isinstance(value, int):
        return code(v.show_unit(value, inner))
    if isinstance(value, dict) and not value:
        return "`{}`"
    return code(v.show(value))


def _forms(params: Iterable[Param]) -> Iterator[str]:
    """What a variant's cases carry and what a record has in it, below the table that only names them."""
    for one in params:
        inner = one.type.inner if isinstance(one.type, v.Optional) else one.type
        if isinstance(inner, v.VariantOf) and any(case.fields for case in inner.cases):
            lines = [
                f"- `.{case.name}`" + (f" with {_fields(case.fields)}" if case.fields else "") for case in inner.cases
            ]
            yield f"`{one.name}` is one of:\n\n" + "\n".join(lines)
        elif isinstance(inner, v.RecordOf) and inner != v.CREDENTIALS:
            yield f"`{one.name}` has {_fields(inner.fields)}."


def _fields(fields: tuple[v.FieldOf, ...]) -> str:
    said = []
    for one in fields:
        doc = one.doc.rstrip(".")
        said.append(code(f"{one.name}: {v.show_type(one.type)}") + (f" ({doc[:1].lower() + doc[1:]})" if doc else ""))
    return ", ".join(said)


def _fact(one: Fact) -> tuple[str, ...]:
    return (f"`{one.name}{'(.role)' if one.roles else ''}`", code(v.show_type(one.type)), one.doc)


# ---- functions -----------------------------------------------------------------------------------------------------


def functions_page() -> str:
    """Every function, by group."""
    groups: dict[str, list[Builtin]] = {}
    for one in BUILTINS.values():
        groups.setdefault(getattr(one, "group", "") or ("reading" if one.reads else "functions"), []).append(one)
    out = [
        page(
            "Functions",
            "`vchlang/analysis/builtins`",
            "The functions of the language. They are pure: equal arguments give equal values. What the few read that "
            "do read is part of the plan. A parameter with `?` may be left out. Each example is true.",
        ),
        "\n".join(
            wrap(f"- {group}: " + ", ".join(f"[`{name}`](#{name})" for name in sorted(one.name for one in functions)))
            for group, functions in groups.items()
        ),
    ]
    for group, functions in groups.items():
        out.append(f"## {group.capitalize()}")
        for one in sorted(functions, key=lambda each: each.name):
            language = "vch-fragment" if one.reads else "vch-true"
            example = one.example
            if one.reads:
                example = f"verify {example}" if one.probe else f"let example = {example}"
            out += [f"### {one.name}", code(one.signature), one.doc, fence(language, example)]
    return "\n\n".join(out) + "\n"


# ---- codes ---------------------------------------------------------------------------------------------------------


def codes_page() -> str:
    """Every diagnostic code."""
    severities = sorted({str(one.severity) for one in CODES.values()})
    out = [
        page(
            "Codes",
            "`vchlang/codes.py`",
            "What the code of a message means; `vch explain CODE` says the same. A code never changes its meaning. "
            "The scripts below are mistakes on purpose: each of them gets exactly the code that it stands under.",
        )
    ]
    for severity in severities:
        names = sorted(slug for slug, one in CODES.items() if str(one.severity) == severity)
        out.append(wrap(f"{severity.capitalize()}s: " + ", ".join(f"[`{slug}`](#{slug})" for slug in names)))
    for slug, one in sorted(CODES.items()):
        out += [f"## {slug}", f"*{one.severity}* · {one.doc}", _example(one)]
    return "\n\n".join(out) + "\n"


def _example(one: Code) -> str:
    if one.example.startswith("("):
        return f"For example: {one.example[1:].removesuffix(')')}."
    return fence("vch-mistake", one.example)
