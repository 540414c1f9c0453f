"""What the parser makes of each rule of the grammar: one action per rule, from the values of its symbols to a node.

An action is called with the place of what it spans (`s`, `e`, relative to the statement) and the values `v` of its
symbols: nodes, lists of nodes, and for a terminal its text. Where a word becomes a node of its own, the action also
takes `p`, where each symbol begins. A rule without an action here passes its one value on ("unit"), and the parser
leaps over chains of those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from vchlang.codes import BAD_ESCAPE, CHAINED_COMPARISON, LIMIT_SIZE, SYNTAX, UNCLOSED
from vchlang.diagnostics import Code
from vchlang.syntax.ast import (
    Arg,
    Binary,
    Bind,
    BindToo,
    Block,
    Bool,
    Call,
    Check,
    Clause,
    Component,
    Conditional,
    Declaration,
    Decorator,
    Each,
    Element,
    Expr,
    Field,
    Fn,
    For,
    Group,
    Handle,
    If,
    Import,
    Imported,
    Index,
    Join,
    Lambda,
    Let,
    ListExpr,
    ListFor,
    ListType,
    Manifest,
    MapFor,
    Member,
    MemberType,
    Name,
    NamedType,
    Node,
    Null,
    Number,
    OptionalType,
    Output,
    Param,
    Power,
    Record,
    RecordType,
    Rule,
    Segment,
    Spread,
    Target,
    Test,
    Text,
    TextType,
    TypeDef,
    Unary,
    UnionType,
    Variant,
    VariantType,
    Wait,
    Where,
    Word,
)
from vchlang.syntax.automaton import APPEND, CHILDREN, CONTEXT, DEEPEST, NODE, ONE, PLACES, STATEMENT, UNIT, Action
from vchlang.syntax.tables import Production
from vchlang.syntax.texts import SPECIAL, interpolations

MOST_PARTS = 10_000
"""Interpolations in one text."""


class TooDeep(Exception):
    """The statement nests deeper than `DEEPEST`; the parser turns it into a diagnostic."""


class Context(Protocol):
    """What an action may ask of the parser that calls it."""

    def note(self, code: Code, start: int, end: int, message: str, hint: str = "") -> None:
        """Report a mistake at an offset of the statement."""

    def spoil(self, code: Code, start: int, end: int, message: str, hint: str = "") -> None:
        """Report a mistake that leaves the statement without a meaning."""

    def doc(self, start: int) -> str:
        """The `##` text directly above what begins at an offset of the statement, or empty."""

    def expression(self, text: str, offset: int) -> Expr | None:
        """Parse the text of an interpolation that begins at `offset` of the statement; None after a mistake."""


def action(rule: Production) -> Action:
    """How the parser reduces by `rule`, and the function or index that goes with it."""
    origin, name, symbols = rule.origin, rule.name, rule.symbols
    if origin == "statement":
        return STATEMENT, None
    if origin.startswith("__"):  # a repetition: Lark made it of `x*`
        return _repetition(origin, symbols)
    if origin in ("_imports", "_params", "_parts", "_args", "_items"):
        return NODE if len(symbols) > 1 else ONE, _separated if len(symbols) > 1 else _alone
    if name in _CHILDREN:
        return CHILDREN, _CHILDREN[name]
    if name in _ACTIONS:
        return _ACTIONS[name]
    if name == "target":
        return (NODE, _target) if len(symbols) > 1 else (ONE, _bare_target)
    if name == "field":
        return (CONTEXT, _quoted_field) if symbols[0] == "string" else (NODE, _field)
    if name == "member_type":
        return CONTEXT, _quoted_member_type if symbols[0] == "string" else _member_type
    if name == "bind_too":
        return PLACES, _BIND_TOO["place" in symbols, "body" in symbols]
    if name in ("operation", "_operand") and len(symbols) > 1:
        return CONTEXT, _operation if name == "operation" else _prefixed
    if symbols == ("LPAR", "expr", "RPAR"):
        return NODE, _group
    return UNIT, None


def _repetition(origin: str, symbols: tuple[str, ...]) -> Action:
    if "operator" in symbols:
        return PLACES, _more_operands if symbols[0] == origin else _operands
    wanted = next(n for n, name in enumerate(symbols) if name != origin and name not in _SEPARATORS)
    word = symbols[wanted] in ("NAME", "prefix")
    if symbols[0] == origin:
        if word:
            return PLACES, lambda s, e, v, p: _with(v[0], Word(p[wanted], p[wanted] + len(v[wanted]), v[wanted]))
        return APPEND, wanted - len(symbols)
    if word:
        return PLACES, lambda s, e, v, p: [Word(p[wanted], p[wanted] + len(v[wanted]), v[wanted])]
    return (ONE, _alone) if len(symbols) == 1 else (NODE, lambda s, e, v: [v[wanted]])


_SEPARATORS = ("COMMA", "LSQB", "RSQB", "VBAR")


def _with(found: list[Any], one: Any) -> list[Any]:
    found.append(one)
    return found


def _alone(s: int, e: int, v: Any) -> list[Any]:
    return [v]


def _separated(s: int, e: int, v: list[Any]) -> list[Any]:
    # `x`, `x ,`, `x rest`, `x rest ,`: what is not text is a value.
    first = [v[0]]
    if len(v) > 1 and type(v[1]) is list:
        first += v[1]
    return first


def _word(at: int, text: str) -> Word:
    return Word(at, at + len(text), text)


def _maybe_word(at: int, text: str | None) -> Word | None:
    return None if text is None else Word(at, at + len(text), text)


# ---- statements ----------------------------------------------------------------------------------------------------


def _decorator(s: int, e: int, v: list[Any], p: list[int]) -> Decorator:
    args = None if len(v) == 2 else _arguments(v[3]) if len(v) == 5 else ()
    return Decorator(s, e, _word(p[1], v[1]), args)


def _import(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Import:
    return Import(s, e, tuple(v[0]), v[1])


def _imported(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Imported:
    return Imported(s, e, _word(p[0], v[0]), _maybe_word(p[1], v[1]))


def _param(s: int, e: int, v: list[Any]) -> Param:
    return Param(s, e, v[1])


def _declaration(context: Context, s: int, e: int, v: list[Any]) -> Declaration:
    return Declaration(s, e, _word(s, v[0]), v[2], *_default_and_where(v), context.doc(s))


def _default_and_where(v: list[Any]) -> tuple[Expr | None, Where | None]:
    """Of `NAME ":" type ["=" expr] [where]`."""
    return (v[4] if len(v) > 4 else None), (v[-1] if len(v) in (4, 6) else None)


def _where(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Where:
    return Where(s, e, v[0], v[1])


def _let(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Let:
    return Let(s, e, _word(p[0], v[0]), v[1], v[2])


def _output(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Output:
    return Output(s, e, _word(p[0], v[0]), v[1], v[2])


def _type_def(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> TypeDef:
    return TypeDef(s, e, _word(p[0], v[0]), v[1], v[2])


def _fn(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Fn:
    name, *params, result, body = v
    return Fn(s, e, _word(p[0], name), tuple(params[0]) if params else (), result, body)


def _component(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Component:
    name, *params, inside, at, body = v
    return Component(s, e, _word(p[0], name), tuple(params[0]) if params else (), inside, at, body)


def _clause(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Clause:
    return Clause(s, e, _word(p[0], v[0]), v[1])


def _element(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Element:
    return Element(s, e, _word(s, v[0]), _word(p[1], v[1]), v[2], v[3], v[4], v[5])


def _target(s: int, e: int, v: list[Any]) -> Target:
    return Target(s, e, _word(s, v[0]), tuple(v[1]))


def _bare_target(s: int, e: int, v: str) -> Target:
    return Target(s, e, Word(s, e, v), ())


def _segment(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Segment:
    return Segment(s, e, _word(s, v[0]), v[1], v[2], v[3])


def _rule(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Rule:
    return Rule(s, e, _word(s, v[0]), v[1], _maybe_word(p[2], v[2]), v[3])


def _handle(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Handle:
    return Handle(s, e, v[0], v[1])


def _join(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Join:
    return Join(s, e, v[0], _maybe_word(p[1], v[1]), v[2], v[3])


def _bind_too(s: int, e: int, v: list[Any], p: list[int]) -> BindToo:
    return BindToo(s, e, _word(p[1], v[1]), None, None)


def _bind_too_at(s: int, e: int, v: list[Any], p: list[int]) -> BindToo:
    return BindToo(s, e, _word(p[1], v[1]), v[3], None)


def _bind_too_body(s: int, e: int, v: list[Any], p: list[int]) -> BindToo:
    return BindToo(s, e, _word(p[1], v[1]), None, v[2])


def _bind_too_both(s: int, e: int, v: list[Any], p: list[int]) -> BindToo:
    return BindToo(s, e, _word(p[1], v[1]), v[3], v[4])


def _bind(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Bind:
    return Bind(s, e, v[0], _maybe_word(p[1], v[1]), v[2], v[3])


def _power(s: int, e: int, v: list[Any]) -> Power:
    return Power(s, e, _word(s, v[0]), v[1])


def _wait(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Wait:
    return Wait(s, e, v[0], _word(p[1], v[1]), v[2])


def _for(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> For:
    return For(s, e, _names(v, p), v[2], v[3])


def _names(v: Sequence[Any], p: Sequence[int]) -> tuple[Word, ...]:
    first = _word(p[0], v[0])
    return (first,) if v[1] is None else (first, _word(p[1], v[1]))


def _if(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> If:
    return If(s, e, v[0], v[1], v[2])


def _check(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Check:
    return Check(s, e, _word(s, v[0]), v[1], v[2])


def _test(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Test:
    return Test(s, e, v[0], v[1], v[2])


def _manifest(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Manifest:
    return Manifest(s, e, _word(p[0], v[0]), v[1])


def _block(s: int, e: int, v: list[Any]) -> Block:
    return Block(s, e, tuple(v[1]) if len(v) == 3 else ())


def _body(s: int, e: int, v: list[Any]) -> Record:
    return Record(s, e, tuple(v[1]) if len(v) == 3 else ())


def _field(s: int, e: int, v: list[Any]) -> Field:
    word = v[0]
    return Field(s, e, Word(s, s + len(word), word), False, v[2])


def _quoted_field(context: Context, s: int, e: int, v: list[Any]) -> Field:
    return Field(s, e, _quoted(context, v[0]), True, v[2])


def _quoted(context: Context, text: Text) -> Word:
    for part in text.parts:
        if not isinstance(part, str):
            context.spoil(
                SYNTAX,
                text.start,
                text.end,
                "the name of a field is a plain text",
                "a map whose keys are worked out is written `{for k, v in m: k: v}`",
            )
            break
    return Word(text.start, text.end, "".join(part for part in text.parts if isinstance(part, str)))


def _spread(s: int, e: int, v: list[Any]) -> Spread:
    return Spread(s, e, v[1])


# ---- types ---------------------------------------------------------------------------------------------------------


def _union(s: int, e: int, v: list[Any]) -> UnionType:
    return UnionType(s, e, (v[0], *v[1]))


def _optional(s: int, e: int, v: list[Any]) -> OptionalType:
    return OptionalType(s, e, v[0])


def _named_type(s: int, e: int, v: str) -> NamedType:
    return NamedType(s, e, Word(s, e, v), ())


def _generic_type(s: int, e: int, v: list[Any]) -> NamedType:
    args = (v[2], *v[3]) if len(v) == 5 else (v[2],)
    return NamedType(s, e, _word(s, v[0]), args)


def _list_type(s: int, e: int, v: list[Any]) -> ListType:
    return ListType(s, e, v[1])


def _record_type(s: int, e: int, v: list[Any]) -> RecordType:
    return RecordType(s, e, tuple(v[1]) if len(v) == 3 else ())


def _variant_type(s: int, e: int, v: list[Any]) -> VariantType:
    return VariantType(s, e, v[1], None if len(v) == 2 else tuple(v[3]) if len(v) == 5 else ())


def _text_type(s: int, e: int, v: Text) -> TextType:
    return TextType(s, e, v)


def _member_type(context: Context, s: int, e: int, v: list[Any]) -> MemberType:
    return MemberType(s, e, _word(s, v[0]), False, v[2], *_default_and_where(v), context.doc(s))


def _quoted_member_type(context: Context, s: int, e: int, v: list[Any]) -> MemberType:
    return MemberType(s, e, _quoted(context, v[0]), True, v[2], *_default_and_where(v), context.doc(s))


# ---- expressions ---------------------------------------------------------------------------------------------------


def _conditional(s: int, e: int, v: list[Any]) -> Conditional:
    return Conditional(s, e, v[1], v[3], v[5])


def _lambda(s: int, e: int, v: list[Any], p: list[int]) -> Lambda:
    if len(v) == 3:
        return Lambda(s, e, (_word(s, v[0]),), v[2])
    return Lambda(s, e, (_word(p[1], v[1]), *v[2]), v[5])


def _operands(s: int, e: int, v: list[Any], p: list[int]) -> list[Any]:
    operator = v[0]
    return [Word(s, s + len(operator), operator), v[1]]


def _more_operands(s: int, e: int, v: list[Any], p: list[int]) -> list[Any]:
    found: list[Any] = v[0]
    found.append(_word(p[1], v[1]))
    found.append(v[2])
    return found


def _prefixed(context: Context, s: int, e: int, v: list[Any]) -> Expr:
    node = v[1]
    if len(v[0]) > DEEPEST:
        raise TooDeep
    for word in reversed(v[0]):
        node = Unary(word.start, e, word, node)
    return node  # type: ignore[no-any-return]


def _operation(context: Context, s: int, e: int, v: list[Any]) -> Expr:
    first, rest = v
    if len(rest) == 2 and type(first) is not Unary and type(rest[1]) is not Unary:
        return Binary(s, e, rest[0], first, rest[1])
    if len(rest) > 2 * DEEPEST or (len(rest) > 2 * _LONG and too_deep(first)):
        raise TooDeep
    return _resolve(context, first, rest)


_COMPARISON = 3
PRECEDENCE = {
    **dict.fromkeys(("*", "/", "%"), 7),
    **dict.fromkeys(("+", "-"), 6),
    "..": 5,
    "??": 4,
    **dict.fromkeys(("in", "==", "!=", "<", "<=", ">", ">="), _COMPARISON),
    "and": 1,
    "or": 0,
}
PREFIX_PRECEDENCE = {"-": 8, "not": 2}


def _resolve(context: Context, first: Expr, rest: list[Any]) -> Expr:
    """Make a tree of operands and operators in the order written (Dijkstra's shunting yard)."""
    operands: list[Any] = []
    waiting: list[tuple[int, Word, bool]] = []  # strength, operator, before its operand?

    def reduce() -> None:
        _, word, prefix = waiting.pop()
        right = operands.pop()
        if prefix:
            operands.append(Unary(word.start, right.end, word, right))
        else:
            left = operands.pop()
            operands.append(Binary(left.start, right.end, word, left, right))

    def operand(node: Expr) -> None:
        # Only parentheses, which are a Group, hold a prefix together with its operand.
        while type(node) is Unary:
            waiting.append((PREFIX_PRECEDENCE[node.operator.text], node.operator, True))
            node = node.operand
        operands.append(node)

    operand(first)
    pairs: Iterator[Any] = iter(rest)
    for word, node in zip(pairs, pairs, strict=True):
        strength = PRECEDENCE[word.text]
        while waiting and waiting[-1][0] >= strength:
            if strength == _COMPARISON == waiting[-1][0]:
                context.note(
                    CHAINED_COMPARISON,
                    word.start,
                    word.end,
                    "comparisons are never chained",
                    f"use `and`: a {waiting[-1][1].text} b and b {word.text} c",
                )
            reduce()
        waiting.append((strength, word, False))
        operand(node)
    while waiting:
        reduce()
    return operands[0]  # type: ignore[no-any-return]


def _member(context: Context, s: int, e: int, v: list[Any]) -> Member:
    word = v[2]
    if e - s > _LONG_CHAIN:
        _chain(v[0])
    return Member(s, e, v[0], Word(e - len(word), e, word))


def _index(context: Context, s: int, e: int, v: list[Any]) -> Index:
    if e - s > _LONG_CHAIN:
        _chain(v[0])
    return Index(s, e, v[0], v[2])


def _call(context: Context, s: int, e: int, v: list[Any]) -> Call:
    if e - s > _LONG_CHAIN:
        _chain(v[0])
    return Call(s, e, v[0], _arguments(v[2]) if len(v) == 4 else ())


_LONG = 20  # operands in a row, or members: from here on the depth is looked at
_LONG_CHAIN = 2 * _LONG


def _chain(node: Any) -> None:
    """Look at the depth of `a.b.c…` now and then: a chain grows without anything on the parser's stack."""
    length = 0
    while True:
        if type(node) is Member or type(node) is Index:
            node = node.target
        elif type(node) is Call:
            node = node.callee
        else:
            break
        length += 1
    if length > DEEPEST or (length and length % _LONG == 0 and too_deep(node, length)):
        raise TooDeep


def _arguments(found: list[Any]) -> tuple[Arg, ...]:
    return tuple([one if type(one) is Arg else Arg(one.start, one.end, None, one) for one in found])


def _named_arg(s: int, e: int, v: list[Any]) -> Arg:
    return Arg(s, e, _word(s, v[0]), v[2])


def _reference(s: int, e: int, v: str) -> Name:
    return Name(s, e, v)


def _variant(s: int, e: int, v: list[Any]) -> Variant:
    return Variant(s, e, v[1])


def _number(s: int, e: int, v: str) -> Number:
    return Number(s, e, v)


def _true(s: int, e: int, v: str) -> Bool:
    return Bool(s, e, True)


def _false(s: int, e: int, v: str) -> Bool:
    return Bool(s, e, False)


def _null(s: int, e: int, v: str) -> Null:
    return Null(s, e)


def _group(s: int, e: int, v: list[Any]) -> Group:
    return Group(s, e, v[1])


def _list(s: int, e: int, v: list[Any]) -> ListExpr:
    return ListExpr(s, e, tuple(v[1]) if len(v) == 3 else ())


def _list_for(s: int, e: int, v: list[Any]) -> ListFor:
    return ListFor(s, e, v[1], v[3])


def _map_for(s: int, e: int, v: list[Any]) -> MapFor:
    return MapFor(s, e, v[1], v[3], v[5])


def _each(s: int, e: int, v: Sequence[Any], p: Sequence[int]) -> Each:
    return Each(s, e, _names(v, p), v[2], v[3])


# ---- texts ---------------------------------------------------------------------------------------------------------

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", '\\"': '"', "\\$": "$"}


def _string(context: Context, s: int, e: int, v: list[Any]) -> Text:
    source: str = v[0]
    if source[0] == "'":
        value = _dedented([source[3:-3]])[0] if source.startswith("'''") else source[1:-1]
        return Text(s, e, (value,) if value else (), source)
    if source.startswith('"""'):
        return Text(s, e, _interpolated(context, s, source, 3), source)
    if "\\" not in source and "$" not in source:
        value = source[1:-1]
        return Text(s, e, (value,) if value else (), source)
    return Text(s, e, _interpolated(context, s, source, 1), source)


def _interpolated(context: Context, s: int, source: str, quotes: int) -> tuple[str | Expr, ...]:
    """The parts of a text with escapes and `${…}`. Indentation is what stands in the file, so it goes first."""
    raw: list[str] = [""]  # what is written between the interpolations
    starts = [quotes]
    inner: list[Expr | None] = []
    at = quotes
    end = len(source) - quotes
    for start, first, last in interpolations(source, quotes):
        if len(inner) >= MOST_PARTS:
            context.spoil(LIMIT_SIZE, s + start, s + first, f"a text has more than {MOST_PARTS:,} interpolations")
            break
        if last < 0:
            context.spoil(UNCLOSED, s + start, s + first, "`${` is never closed")
            continue
        raw[-1] = source[at:start]
        inner.append(context.expression(source[first:last], s + first))
        at = last + 1
        raw.append("")
        starts.append(at)
    raw[-1] = source[at:end]
    for start, text in zip(starts, raw, strict=True):
        if "\\" in text:
            _check_escapes(context, s + start, text)
    if quotes == 3:
        raw = _dedented(raw)
    parts: list[str | Expr] = []
    for index, text in enumerate(raw):
        if index and (node := inner[index - 1]) is not None:
            parts.append(node)
        value = SPECIAL.sub(_unescaped, text) if "\\" in text else text
        if value:
            parts.append(value)
    return tuple(parts)


def _unescaped(found: re.Match[str]) -> str:
    """What an escape stands for; itself, where it stands for nothing."""
    written = found[0]
    if written in _ESCAPES:
        return _ESCAPES[written]
    digits: str | None = found[1]
    if digits is not None and 0 < len(digits) <= 6 and all(digit in _HEXADECIMAL for digit in digits):
        number = int(digits, 16)
        if number < 0xD800 or 0xE000 <= number <= 0x10FFFF:
            return chr(number)
    return written


_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def _check_escapes(context: Context, at: int, text: str) -> None:
    for found in SPECIAL.finditer(text):
        written = found[0]
        if written == "${" or _unescaped(found) != written:
            continue
        if written.startswith("\\u"):
            hint = "write the number of a character in hexadecimal: \\u{e9} is é"
        else:
            hint = "write `\\\\` for a backslash, or the text in '…', which has no escapes"
        context.note(BAD_ESCAPE, at + found.start(), at + found.end(), f"`{_shown(written)}` is no escape", hint)


def _shown(text: str) -> str:
    return text.replace("\n", "\\n") if len(text) <= 20 else text[:20] + "…"


def _dedented(raw: list[str]) -> list[str]:
    '''Without the common indentation of `"""`. A first line that is blank goes too; so does what indents the
    closing quotes, which counts as a line: moved to the left, they keep indentation for the others.'''
    if not any("\n" in text for text in raw):
        return raw
    raw = [text.replace("\r\n", "\n") for text in raw]  # a text is the same in every checkout
    margin: str | None = None
    for number, text in enumerate(raw):
        lines = text.split("\n")
        for index, line in enumerate(lines[1:], 1):
            blank = not line.strip(" \t")
            last = index == len(lines) - 1
            if blank and not last:
                continue
            if blank and number == len(raw) - 1:
                indent = line
            else:  # a line that an interpolation continues is not blank
                indent = line[: len(line) - len(line.lstrip(" \t"))]
            margin = indent if margin is None else _common(margin, indent)
    width = len(margin or "")
    out: list[str] = []
    for number, text in enumerate(raw):
        lines = text.split("\n")
        for index in range(1, len(lines)):
            line = lines[index]
            inner = index < len(lines) - 1
            closing = number == len(raw) - 1 and not inner
            lines[index] = "" if (inner or closing) and not line.strip(" \t") else line[width:]
        if number == 0 and len(lines) > 1 and not lines[0].strip(" \t"):
            del lines[0]
        out.append("\n".join(lines))
    return out


def _common(one: str, other: str) -> str:
    n = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        n += 1
    return one[:n]


# ---- depth ---------------------------------------------------------------------------------------------------------


def too_deep(root: Any, above: int = 0) -> bool:
    """Whether a node nests deeper than `DEEPEST`, `above` levels around it included.

    A level takes at least one character, so only what is longer than the levels that are left is looked into: of a
    script as people write them almost nothing.
    """
    todo: list[tuple[Any, int]] = [(root, above)]
    while todo:
        node, depth = todo.pop()
        if isinstance(node, Node):
            if depth + node.end - node.start <= DEEPEST:
                continue
            if depth > DEEPEST:
                return True
            for name in node.__struct_fields__[2:]:
                value = getattr(node, name)
                if isinstance(value, Node):
                    todo.append((value, depth + 1))
                elif type(value) is tuple:
                    for one in value:
                        if isinstance(one, Node) and depth + 1 + one.end - one.start > DEEPEST:
                            todo.append((one, depth + 1))
    return False


# ---- which action goes with which rule -----------------------------------------------------------------------------

_CHILDREN: dict[str, Callable[..., Any]] = {
    "import_": _import,
    "imported": _imported,
    "where": _where,
    "let": _let,
    "output": _output,
    "type_": _type_def,
    "fn_": _fn,
    "component": _component,
    "clause": _clause,
    "element": _element,
    "segment": _segment,
    "rule": _rule,
    "handle": _handle,
    "join": _join,
    "bind": _bind,
    "wait": _wait,
    "for_": _for,
    "if_": _if,
    "check": _check,
    "test": _test,
    "manifest": _manifest,
    "_each": _each,
}

_ACTIONS: dict[str, Action] = {
    "decorator": (PLACES, _decorator),
    "param": (NODE, _param),
    "declaration": (CONTEXT, _declaration),
    "power": (NODE, _power),
    "block": (NODE, _block),
    "body": (NODE, _body),
    "spread": (NODE, _spread),
    "union": (NODE, _union),
    "optional": (NODE, _optional),
    "named_type": (ONE, _named_type),
    "generic_type": (NODE, _generic_type),
    "list_type": (NODE, _list_type),
    "record_type": (NODE, _record_type),
    "variant_type": (NODE, _variant_type),
    "text_type": (ONE, _text_type),
    "conditional": (NODE, _conditional),
    "lambda_": (PLACES, _lambda),
    "member": (CONTEXT, _member),
    "index": (CONTEXT, _index),
    "call": (CONTEXT, _call),
    "named_arg": (NODE, _named_arg),
    "reference": (ONE, _reference),
    "variant": (NODE, _variant),
    "number": (ONE, _number),
    "true_": (ONE, _true),
    "false_": (ONE, _false),
    "null_": (ONE, _null),
    "list": (NODE, _list),
    "list_comprehension": (NODE, _list_for),
    "map_comprehension": (NODE, _map_for),
    "string": (CONTEXT, _string),
}

_BIND_TOO = {
    (False, False): _bind_too,
    (True, False): _bind_too_at,
    (False, True): _bind_too_body,
    (True, True): _bind_too_both,
}


def tree_action(rule: Production) -> Action:
    """Like `action`, for the tree that Lark makes: (rule, children…), with None for what is absent."""
    if rule.single and len(rule.children) == len(rule.symbols) == 1 and not rule.children[0][1]:
        return UNIT, None
    inline = rule.origin.startswith("_")

    def make(s: int, e: int, v: list[Any]) -> Any:
        found: list[Any] = []
        for index, apart, absent in rule.children:
            found.extend([None] * absent)
            if apart:
                found += v[index]
            else:
                found.append(v[index])
        found.extend([None] * rule.absent)
        if inline:
            return found
        return found[0] if rule.single and len(found) == 1 else (rule.name, *found)

    if rule.origin == "statement":
        return STATEMENT, make
    return (ONE, lambda s, e, v: make(s, e, [v])) if len(rule.symbols) == 1 else (NODE, make)
