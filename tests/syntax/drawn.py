"""Hypothesis strategies for nodes of every kind, without places, as somebody could have written them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from vchlang.syntax import ast
from vchlang.syntax.ast import Expr, Statement, StatementNode, Text, TypeExpr, Word
from vchlang.syntax.parser import machine, parse_expression
from vchlang.syntax.printer import print_expr, quoted
from vchlang.text import SourceText

RESERVED = sorted(word for word in machine().words if word.isalpha())

plain_names = st.sampled_from(["a", "b", "it", "x1", "_y", "logs", "volumes", "long_name_of_something"])
names = plain_names | st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in RESERVED)
words = names.map(lambda name: Word(0, 0, name))
type_names = st.sampled_from(["Int", "Bytes", "Map", "Secret", "StorePath"]).map(lambda name: Word(0, 0, name))
numbers = st.sampled_from(["0", "1", "1_000", "1.5GHz", "8GiB", "10s"]).map(lambda text: ast.Number(0, 0, text))
references = names.map(lambda name: ast.Name(0, 0, name))


def _text(parts: list[Any]) -> Text:
    """A `"…"` of alternating text and expressions."""
    merged: list[Any] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    source = "".join(quoted(part)[1:-1] if isinstance(part, str) else f"${{{print_expr(part)}}}" for part in merged)
    return Text(0, 0, tuple(merged), f'"{source}"')


def _written(source: str) -> Text:
    node, mistakes = parse_expression(SourceText("", source))
    assert isinstance(node, Text)
    assert not mistakes
    return node


_WRITTEN = [
    "'raw ${x} \\'",
    "''",
    "'''it's'''",
    "'''\n  two\n    lines\n  '''",
    '"""one line"""',
    '"""\n  a ${b.c}\n    "d"\n  """',
]
simple = references | numbers | st.builds(lambda a, b: ast.Member(0, 0, a, b), references, words)
characters = st.text(st.characters(exclude_categories=("Cs",)), max_size=8) | st.sampled_from(
    ["$", "${", "\\", '"', "\n"]
)
texts = (
    st.lists(characters | simple, max_size=4).map(_text)
    | characters.map(lambda part: _text([part]))
    | st.sampled_from(_WRITTEN).map(_written)
)
plain_texts = characters.map(lambda part: _text([part]))

_FIELDS = sorted(set(RESERVED) - {"in", "and", "or"})
_MEMBER_TYPES = sorted(set(RESERVED) - {"in", "and", "or", "where", "else"})


def _named(reserved: list[str]) -> st.SearchStrategy[tuple[Word, bool]]:
    plain = (names | st.sampled_from(reserved)).map(lambda name: (Word(0, 0, name), False))
    return plain | characters.map(lambda text: (Word(0, 0, text), True))


def _fields(values: st.SearchStrategy[Expr]) -> st.SearchStrategy[Any]:
    field = st.builds(lambda key, value: ast.Field(0, 0, *key, value), _named(_FIELDS), values)
    return field | values.map(lambda value: ast.Spread(0, 0, value))


def records(values: st.SearchStrategy[Expr]) -> st.SearchStrategy[ast.Record]:
    return st.lists(_fields(values), max_size=4).map(lambda entries: ast.Record(0, 0, tuple(entries)))


def _compound(values: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    items = values | values.map(lambda value: ast.Spread(0, 0, value))
    any_word = (names | st.sampled_from(RESERVED)).map(lambda name: Word(0, 0, name))
    argument_words = st.none() | (names | st.sampled_from(_MEMBER_TYPES)).map(lambda name: Word(0, 0, name))
    args = st.lists(st.builds(lambda name, value: ast.Arg(0, 0, name, value), argument_words, values), max_size=3)
    each = st.builds(
        lambda keys, source, condition: ast.Each(0, 0, tuple(keys), source, condition),
        st.lists(words, min_size=1, max_size=2),
        values,
        st.none() | values,
    )
    operators = st.sampled_from(
        ["+", "-", "*", "/", "%", "..", "??", "in", "==", "!=", "<", "<=", ">", ">=", "and", "or"]
    ).map(lambda text: Word(0, 0, text))
    prefixes = st.sampled_from(["-", "not"]).map(lambda text: Word(0, 0, text))
    return st.one_of(
        records(values),
        st.lists(items, max_size=4).map(lambda found: ast.ListExpr(0, 0, tuple(found))),
        st.builds(lambda one, value: ast.ListFor(0, 0, one, value), each, values),
        st.builds(lambda one, key, value: ast.MapFor(0, 0, one, key, value), each, values, values),
        st.builds(lambda target, name: ast.Member(0, 0, target, name), values, any_word),
        st.builds(lambda target, key: ast.Index(0, 0, target, key), values, values),
        st.builds(lambda callee, found: ast.Call(0, 0, callee, tuple(found)), values, args),
        st.builds(lambda prefix, operand: ast.Unary(0, 0, prefix, operand), prefixes, values),
        st.builds(lambda operator, a, b: ast.Binary(0, 0, operator, a, b), operators, values, values),
        st.builds(lambda a, b, c: ast.Conditional(0, 0, a, b, c), values, values, values),
        st.builds(
            lambda found, body: ast.Lambda(0, 0, tuple(found), body), st.lists(words, min_size=1, max_size=3), values
        ),
        values.map(lambda value: ast.Group(0, 0, value)),
    )


atoms: st.SearchStrategy[Expr] = st.one_of(
    references,
    numbers,
    texts,
    st.booleans().map(lambda value: ast.Bool(0, 0, value)),
    st.just(ast.Null(0, 0)),
    (names | st.sampled_from(_MEMBER_TYPES)).map(lambda name: ast.Variant(0, 0, name)),
)
expressions: st.SearchStrategy[Expr] = st.recursive(atoms, _compound, max_leaves=12)


def _types(inner: st.SearchStrategy[TypeExpr]) -> st.SearchStrategy[TypeExpr]:
    members = st.lists(member_types(inner), max_size=3).map(tuple)
    single = inner.filter(lambda node: not isinstance(node, ast.UnionType | ast.OptionalType))
    return st.one_of(
        st.builds(lambda name, args: ast.NamedType(0, 0, name, tuple(args)), type_names, st.lists(inner, max_size=2)),
        inner.map(lambda item: ast.ListType(0, 0, item)),
        members.map(lambda found: ast.RecordType(0, 0, found)),
        st.builds(
            lambda name, found: ast.VariantType(0, 0, name, found),
            names | st.sampled_from(_MEMBER_TYPES),
            st.none() | members,
        ),
        single.map(lambda item: ast.OptionalType(0, 0, item)),
        st.lists(inner.filter(lambda node: not isinstance(node, ast.UnionType)), min_size=2, max_size=3).map(
            lambda found: ast.UnionType(0, 0, tuple(found))
        ),
    )


# Lines of documentation; most things have none.
docs = st.just("") | st.lists(st.from_regex(r"[a-z#][a-z #]{0,8}[a-z]|", fullmatch=True), min_size=1, max_size=2).map(
    "\n".join
).filter(lambda doc: not doc.startswith("#"))


def wheres() -> st.SearchStrategy[ast.Where]:
    return st.builds(lambda value, message: ast.Where(0, 0, value, message), expressions, st.none() | texts)


def member_types(inner: st.SearchStrategy[TypeExpr]) -> st.SearchStrategy[ast.MemberType]:
    return st.builds(
        lambda key, type_, default, where, doc: ast.MemberType(0, 0, *key, type_, default, where, doc),
        _named(_MEMBER_TYPES),
        inner,
        st.none() | expressions,
        st.none() | wheres(),
        docs,
    )


types: st.SearchStrategy[TypeExpr] = st.recursive(
    st.builds(lambda name: ast.NamedType(0, 0, name, ()), type_names)
    | plain_texts.map(lambda t: ast.TextType(0, 0, t)),
    _types,
    max_leaves=6,
)

places: st.SearchStrategy[Expr] = st.one_of(
    references,
    texts,
    st.builds(lambda target, name: ast.Member(0, 0, target, name), references, words),
    st.builds(lambda target, key: ast.Index(0, 0, target, key), references, expressions),
    expressions.map(lambda value: ast.Group(0, 0, value)),
)
maybe_places = st.none() | places
bodies = records(expressions)
maybe_bodies = st.none() | bodies


def _declarations(docs: st.SearchStrategy[str]) -> st.SearchStrategy[ast.Declaration]:
    return st.builds(
        lambda name, type_, default, where, doc: ast.Declaration(0, 0, name, type_, default, where, doc),
        words,
        types,
        st.none() | expressions,
        st.none() | wheres(),
        docs,
    )


declarations = _declarations(st.just(""))
_parameters = st.lists(_declarations(docs), max_size=3).map(tuple)
_targets = st.builds(lambda name, keys: ast.Target(0, 0, name, tuple(keys)), words, st.lists(expressions, max_size=2))
_verbs = st.sampled_from(["create", "adopt", "ensure", "existing"]).map(lambda text: Word(0, 0, text))


def _word_of(*choices: str) -> st.SearchStrategy[Word]:
    return st.sampled_from(choices).map(lambda text: Word(0, 0, text))


def _clauses() -> st.SearchStrategy[ast.Clause | None]:
    return st.none() | st.builds(lambda name, type_: ast.Clause(0, 0, name, type_), words, types)


def _rule(action: Word, what: Expr, direction: Word | None, peer: Expr) -> ast.Rule:
    return ast.Rule(0, 0, action, what, direction, None if direction is None else peer)


_leaves: st.SearchStrategy[StatementNode] = st.one_of(
    st.builds(
        lambda found, source: ast.Import(0, 0, tuple(found), source),
        st.lists(
            st.builds(lambda name, alias: ast.Imported(0, 0, name, alias), words, st.none() | words),
            min_size=1,
            max_size=3,
        ),
        plain_texts,
    ),
    declarations.map(lambda declaration: ast.Param(0, 0, declaration)),
    st.builds(lambda name, type_, value: ast.Let(0, 0, name, type_, value), words, st.none() | types, expressions),
    st.builds(lambda name, type_, value: ast.Output(0, 0, name, type_, value), words, st.none() | types, expressions),
    st.builds(
        lambda name, type_, where: ast.TypeDef(0, 0, name, type_, where), type_names, types, st.none() | wheres()
    ),
    st.builds(
        lambda name, params, result, body: ast.Fn(0, 0, name, params, result, body),
        words,
        _parameters,
        st.none() | types,
        expressions,
    ),
    st.builds(
        lambda *fields: ast.Element(0, 0, *fields), _verbs, words, _targets, maybe_places, maybe_places, maybe_bodies
    ),
    st.builds(_rule, _word_of("allow", "deny"), places, st.none() | _word_of("from", "to"), places),
    st.builds(
        lambda what, role, body, bind: ast.Join(0, 0, what, role, body, bind),
        places,
        st.none() | words,
        maybe_bodies,
        st.none()
        | st.builds(lambda at, body: ast.BindToo(0, 0, Word(0, 0, "bind"), at, body), maybe_places, maybe_bodies),
    ),
    st.builds(lambda *fields: ast.Bind(0, 0, *fields), places, st.none() | words, maybe_places, maybe_bodies),
    st.builds(lambda switch, what: ast.Power(0, 0, switch, what), _word_of("start", "stop"), places),
    st.builds(lambda what, state, within: ast.Wait(0, 0, what, state, within), places, words, expressions),
    st.builds(
        lambda when, value, message: ast.Check(0, 0, when, value, message),
        _word_of("assert", "verify"),
        expressions,
        st.none() | expressions,
    ),
    st.builds(lambda name, body: ast.Manifest(0, 0, name, body), words, bodies),
)
_decorators = st.lists(
    st.builds(
        lambda name, args: ast.Decorator(0, 0, name, args),
        words,
        st.none() | st.lists(expressions.map(lambda value: ast.Arg(0, 0, None, value)), max_size=2).map(tuple),
    ),
    max_size=2,
).map(tuple)


def _statements(nodes: st.SearchStrategy[StatementNode]) -> st.SearchStrategy[Statement]:
    return st.builds(lambda doc, decorators, node: Statement(0, 0, doc, decorators, node), docs, _decorators, nodes)


def _holders(nodes: st.SearchStrategy[StatementNode]) -> st.SearchStrategy[StatementNode]:
    blocks = st.lists(_statements(nodes), max_size=3).map(lambda found: ast.Block(0, 0, tuple(found)))
    choices = st.builds(
        lambda value, then, otherwise: ast.If(0, 0, value, then, otherwise), expressions, blocks, st.none() | blocks
    )
    return st.one_of(
        st.builds(lambda *fields: ast.Component(0, 0, *fields), words, _parameters, _clauses(), _clauses(), blocks),
        st.builds(lambda *fields: ast.Segment(0, 0, *fields), _verbs, _targets, places, blocks),
        st.builds(lambda executor, body: ast.Handle(0, 0, executor, body), places, blocks),
        st.builds(
            lambda found, source, body: ast.For(0, 0, tuple(found), source, body),
            st.lists(words, min_size=1, max_size=2),
            expressions,
            blocks,
        ),
        choices,
        st.builds(lambda value, then, other: ast.If(0, 0, value, then, other), expressions, blocks, choices),
        st.builds(lambda name, params, body: ast.Test(0, 0, name, params, body), texts, maybe_bodies, blocks),
    )


statements: st.SearchStrategy[Statement] = _statements(st.recursive(_leaves, _holders, max_leaves=6))
