"""What one module or script offers, from its tree: names with their texts, parameters, outputs and examples.

A module offers its values, functions, types and components but for those whose names begin with `_`; a script has
parameters and outputs. Types and defaults are printed as written, since a name that somebody chose says more than what
it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vchlang.reference.markdown import code, fence, table
from vchlang.syntax import ast
from vchlang.syntax.parser import Parsed
from vchlang.syntax.printer import print_expr, print_type

_WIDEST = 100


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """What a script, function or component takes. clause: `in` or `at` where it is one of a component's head.

    default: as written, None where the parameter is needed. where: its constraint; message: what is said otherwise.
    """

    name: str
    type: str
    doc: str = ""
    default: str | None = None
    where: str = ""
    message: str = ""
    clause: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """An output; its type where one is written."""

    name: str
    type: str = ""
    doc: str = ""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A name that others can import. what: `let`, `fn`, `type` or `component`. text: the statement as written, of what
    is known by its value; empty for the others."""

    what: str
    name: str
    signature: str
    doc: str = ""
    text: str = ""
    params: tuple[Parameter, ...] = ()
    outputs: tuple[Result, ...] = ()


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """A file. name: what an import calls it, or its path. tests: as written."""

    name: str
    script: bool
    doc: str
    params: tuple[Parameter, ...]
    outputs: tuple[Result, ...]
    offers: tuple[Offer, ...]
    tests: tuple[str, ...]


_IN_MODULES = ast.Import | ast.Let | ast.Fn | ast.TypeDef | ast.Component | ast.Test


def module_of(parsed: Parsed, name: str) -> Module:
    """What there is to say of a file. Statements with a syntax error are passed over."""
    statements = list(parsed.statements())
    params: list[Parameter] = []
    outputs: list[Result] = []
    offers: list[Offer] = []
    tests: list[str] = []
    for base, statement in statements:
        text = _written(parsed, base, statement)
        match statement.node:
            case ast.Param(declaration=declaration):
                params.append(_parameter(declaration, statement.doc))
            case ast.Output() as node:
                outputs.append(_result(node, statement.doc))
            case ast.Test():
                tests.append(text)
            case node:
                offered = _offer(node, statement.doc, text)
                if offered is not None and not offered.name.startswith("_"):
                    offers.append(offered)
    return Module(
        name=name,
        script=any(not isinstance(one.node, _IN_MODULES | ast.Broken) for _, one in statements),
        doc=parsed.doc,
        params=tuple(params),
        outputs=tuple(outputs),
        offers=tuple(offers),
        tests=tuple(tests),
    )


def _written(parsed: Parsed, base: int, node: ast.Node) -> str:
    return parsed.source.text[base + node.start : base + node.end]


def _offer(node: Any, doc: str, text: str) -> Offer | None:
    match node:
        case ast.Let(name=name, type=type_):
            written = f": {print_type(type_)}" if type_ is not None else ""
            return Offer(what="let", name=name.text, signature=f"let {name.text}{written}", doc=doc, text=text)
        case ast.TypeDef(name=name):
            return Offer(what="type", name=name.text, signature=f"type {name.text}", doc=doc, text=text)
        case ast.Fn(name=name, params=params, result=result):
            gives = f" -> {print_type(result)}" if result is not None else ""
            taken = tuple(_parameter(one, one.doc) for one in params)
            return Offer(
                what="fn", name=name.text, signature=_head(f"fn {name.text}", taken, gives), doc=doc, params=taken
            )
        case ast.Component():
            return _component(node, doc)
        case _:
            return None


def _component(node: ast.Component, doc: str) -> Offer:
    taken = tuple(_parameter(one, one.doc) for one in node.params)
    clauses = [
        Parameter(name=one.name.text, type=print_type(one.type), clause=word)
        for word, one in (("in", node.inside), ("at", node.at))
        if one is not None
    ]
    behind = "".join(f" {one.clause} {one.name}: {one.type}" for one in clauses)
    return Offer(
        what="component",
        name=node.name.text,
        signature=_head(f"component {node.name.text}", taken, behind),
        doc=doc,
        params=(*clauses, *taken),
        outputs=tuple(
            _result(one.node, one.doc)
            for one in node.body.statements
            if isinstance(one.node, ast.Output) and not one.node.name.text.startswith("_")
        ),
    )


def _parameter(node: ast.Declaration, doc: str) -> Parameter:
    where = node.where
    return Parameter(
        name=node.name.text,
        type=print_type(node.type),
        doc=doc,
        default=print_expr(node.default) if node.default is not None else None,
        where=print_expr(where.condition) if where is not None else "",
        message=print_expr(where.message) if where is not None and where.message is not None else "",
    )


def _result(node: ast.Output, doc: str) -> Result:
    return Result(name=node.name.text, type=print_type(node.type) if node.type is not None else "", doc=doc)


def _head(word: str, params: tuple[Parameter, ...], behind: str) -> str:
    """A head on one line if it fits, else with a line for each parameter."""
    parts = [f"{one.name}: {one.type}" + (f" = {one.default}" if one.default is not None else "") for one in params]
    line = f"{word}({', '.join(parts)}){behind}"
    if len(line) <= _WIDEST or not parts:
        return line
    return "\n".join([f"{word}(", *(f"  {one}," for one in parts), f"){behind}"])


# ---- as Markdown ---------------------------------------------------------------------------------------------------

_TITLES = {"component": "Components", "fn": "Functions", "type": "Types", "let": "Values"}


def module_reference(parsed: Parsed, name: str, note: str = "") -> str:
    """The page about a file. name: what an import calls it. note: a paragraph below the title.

    A script's values, functions and types are its own business and not on its page.
    """
    return "\n\n".join(_page(module_of(parsed, name), note)) + "\n"


def _page(module: Module, note: str) -> Iterator[str]:
    yield f"# {module.name}"
    if note:
        yield note
    if module.doc:
        yield module.doc
    if module.offers and not module.script:
        yield fence("vch-fragment", _import(module))
    if module.params:
        yield "## Parameters"
        yield from _params(module.params)
    for what, title in _TITLES.items():
        offers = [one for one in module.offers if one.what == what]
        if offers and (not module.script or what == "component"):
            yield f"## {title}"
            for one in offers:
                yield from _offered(one)
    if module.outputs:
        yield "## Outputs"
        yield _outputs(module.outputs)
    if module.tests:
        yield "## Examples"
        yield "`vch test` runs them."
        for text in module.tests:
            yield fence("vch-fragment", text)


def _import(module: Module) -> str:
    path = module.name if module.name.startswith("std/") else "./" + module.name.rpartition("/")[2]
    names = [one.name for one in module.offers if one.what != "type"] + [
        one.name for one in module.offers if one.what == "type"
    ]
    line = f'import {{ {", ".join(names)} }} from "{path.removesuffix(".vch")}"'
    if len(line) <= _WIDEST:
        return line
    import textwrap

    inner = textwrap.indent("\n".join(textwrap.wrap(", ".join(names), _WIDEST - 2)), "  ")
    return f'import {{\n{inner}\n}} from "{path.removesuffix(".vch")}"'


def _offered(one: Offer) -> Iterator[str]:
    yield f"### {one.name}"
    if one.doc:
        yield one.doc
    yield fence("vch-fragment", one.text) if one.text else fence("text", one.signature)
    if one.params and (one.what == "component" or any(each.doc or each.where for each in one.params)):
        yield from _params(one.params)
    if one.outputs:
        yield "Outputs:"
        yield _outputs(one.outputs)


def _params(params: tuple[Parameter, ...]) -> Iterator[str]:
    rows = []
    for one in params:
        name = f"clause `{one.clause}`" if one.clause else f"`{one.name}`"
        default = "**needed**" if one.default is None else code(one.default)
        rows.append((name, code(one.type), default, _constrained(one)))
    yield table(("parameter", "type", "default", "is"), rows)


def _constrained(one: Parameter) -> str:
    said = [one.doc] if one.doc else []
    if one.where:
        said.append(f"Where {code(one.where)}" + (f", else {code(one.message)}" if one.message else "") + ".")
    return " ".join(said)


def _outputs(outputs: tuple[Result, ...]) -> str:
    return table(
        ("output", "type", "is"), ((f"`{one.name}`", code(one.type) if one.type else "", one.doc) for one in outputs)
    )
