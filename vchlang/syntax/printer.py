"""Nodes to text: single expressions and types for messages, and statements that were never written.

Everything comes on one line, with texts as they were written; what is documented, and the documentation, on lines of
their own. Where the tree needs parentheses that it does not hold, they are added. Whole scripts then go through
`vchlang.syntax.layout`, which `vch fmt` is: it keeps what the author wrote and needs no tree.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import assert_never

from vchlang.syntax.ast import (
    Arg,
    Binary,
    Bind,
    Block,
    Bool,
    Broken,
    Call,
    Check,
    Clause,
    Comment,
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
    Statement,
    StatementNode,
    Target,
    Test,
    Text,
    TextType,
    TypeDef,
    TypeExpr,
    Unary,
    UnionType,
    Variant,
    VariantType,
    Wait,
    Where,
    Word,
)
from vchlang.syntax.build import PRECEDENCE, PREFIX_PRECEDENCE
from vchlang.syntax.layout import format_script
from vchlang.syntax.parser import machine
from vchlang.text import SourceText


def print_script(statements: Iterable[Statement]) -> str:
    """A script of these statements, in its canonical form. ValueError where one of them is Broken."""
    flat = _Flat()
    text, mistakes = format_script(SourceText("", "".join(f"{flat.statement(one)}\n" for one in statements)))
    assert not mistakes, mistakes
    return text


def print_expr(expr: Expr) -> str:
    """An expression on one line."""
    return _Flat().expr(expr)


def print_type(node: TypeExpr) -> str:
    """A type; on one line, but for members that are documented."""
    return _Flat().type(node)


def quoted(text: str) -> str:
    """The text as a `"…"` of the language."""
    return f'"{_QUOTE.sub(_escape, text)}"'


_QUOTE = re.compile(r'[\\"\x00-\x1f\x7f\ud800-\udfff]|\$(?=\{)')
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"', "$": "\\$"}


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{{{ord(found[0]):x}}}"


def comments(text: str) -> list[Comment]:
    """The comments of a text, in order."""
    _, texts, ends = machine().lexer.scan(text)
    found: list[Comment] = []
    last = 0
    for token, end in zip(texts, ends, strict=True):
        start = end - len(token)
        if start > last and (at := text.find("#", last, start)) >= 0:
            unclosed = last and text[last - 1] in "\"'\\" and "\n" not in text[last:at]
            if unclosed and texts[bisect_left(ends, last)] in ('"', "'", '"""', "'''", "\\"):
                at = text.find("#", text.find("\n", last), start)  # the rest of the line is part of that text
            while 0 <= at < start:
                line = text.find("\n", at, start)
                stop = line if line >= 0 else start
                found.append(Comment(at, stop, text[at:stop].rstrip()))
                at = text.find("#", stop, start)
        last = end
    return found


# ---- one node after the other -------------------------------------------------------------------------------------


class _Flat:
    """Nodes of every sort as text."""

    def expr(self, node: Expr) -> str:
        match node:
            case Name() | Number():
                return node.text
            case Text():
                return node.source
            case Bool():
                return "true" if node.value else "false"
            case Null():
                return "null"
            case Variant():
                return f".{node.name}"
            case Record():
                return self.record(node)
            case ListExpr():
                return f"[{', '.join(map(self.item, node.items))}]"
            case ListFor():
                return f"[{self.each(node.each)}: {self.expr(node.value)}]"
            case MapFor():
                return f"{{{self.each(node.each)}: {self.expr(node.key)}: {self.expr(node.value)}}}"
            case Member():
                return f"{self.target(node.target)}.{node.name.text}"
            case Index():
                return f"{self.target(node.target)}[{self.expr(node.key)}]"
            case Call():
                return f"{self.target(node.callee)}({self.args(node.args)})"
            case Unary():
                return self.prefix(node) + self.operand(node.operand, _prefix_needs(node))
            case Binary():
                left, right = _sides(node)
                return self.joined(node, self.operand(node.left, left), self.operand(node.right, right))
            case Conditional():
                then, otherwise = self.expr(node.then), self.expr(node.otherwise)
                return f"if {self.expr(node.condition)} then {then} else {otherwise}"
            case Lambda():
                return f"{self.lambda_head(node)} {self.expr(node.body)}"
            case Group():
                return f"({self.expr(node.inner)})"
            case _:
                assert_never(node)

    def prefix(self, node: Unary) -> str:
        return "-" if node.operator.text == "-" else "not "

    def joined(self, node: Binary, left: str, right: str) -> str:
        if node.operator.text == "..":
            return f"{left}.. {right}" if right.startswith(".") else f"{left}..{right}"
        return f"{left} {node.operator.text} {right}"

    def lambda_head(self, node: Lambda) -> str:
        names = ", ".join(word.text for word in node.params)
        return f"{names} =>" if len(node.params) == 1 else f"({names}) =>"

    def operand(self, node: Expr, grouped: bool) -> str:
        return f"({self.expr(node)})" if grouped else self.expr(node)

    def target(self, node: Expr) -> str:
        """What `.`, `[` or `(` follows."""
        return self.operand(node, isinstance(node, Unary | Binary | Conditional | Lambda))

    def place(self, node: Expr) -> str:
        """What a clause or a step names."""
        return self.operand(node, not isinstance(node, Name | Text | Member | Index | Call | Group))

    def args(self, args: Sequence[Arg]) -> str:
        return ", ".join(map(self.arg, args))

    def arg(self, node: Arg) -> str:
        value = self.expr(node.value)
        return value if node.name is None else f"{node.name.text}: {value}"

    def each(self, node: Each) -> str:
        names = ", ".join(word.text for word in node.names)
        condition = "" if node.condition is None else f" if {self.expr(node.condition)}"
        return f"for {names} in {self.expr(node.source)}{condition}"

    def record(self, node: Record) -> str:
        return f"{{ {', '.join(map(self.item, node.entries))} }}" if node.entries else "{}"

    def item(self, node: Expr | Field | Spread) -> str:
        match node:
            case Field():
                return f"{self.key(node)}: {self.expr(node.value)}"
            case Spread():
                return f"...{self.expr(node.value)}"
            case _:
                return self.expr(node)

    def key(self, node: Field | MemberType) -> str:
        return quoted(node.name.text) if node.quoted else node.name.text

    def type(self, node: TypeExpr) -> str:
        match node:
            case NamedType():
                args = f"<{', '.join(map(self.type, node.args))}>" if node.args else ""
                return node.name.text + args
            case ListType():
                return f"[{self.type(node.item)}]"
            case RecordType():
                if not node.members:
                    return "{}"
                members = ", ".join(map(self.member_type, node.members))
                return f"{{{members}}}" if _is_map(node) else f"{{ {members} }}"
            case VariantType():
                parts = "" if node.parts is None else f"({', '.join(map(self.member_type, node.parts))})"
                return f".{node.name}{parts}"
            case TextType():
                return node.text.source
            case OptionalType():
                return f"{self.type(node.inner)}?"
            case UnionType():
                return " | ".join(map(self.type, node.options))
            case _:
                assert_never(node)

    def member_type(self, node: MemberType) -> str:
        written = f"{self.key(node)}: {self.type(node.type)}{self.default(node)}{self.where(node.where)}"
        return _documented(node.doc, written)

    def default(self, node: MemberType | Declaration) -> str:
        return "" if node.default is None else f" = {self.expr(node.default)}"

    def where(self, node: Where | None) -> str:
        if node is None:
            return ""
        message = "" if node.message is None else f" else {node.message.source}"
        return f" where {self.expr(node.condition)}{message}"

    def declaration(self, node: Declaration) -> str:
        written = f"{node.name.text}: {self.type(node.type)}{self.default(node)}{self.where(node.where)}"
        return _documented(node.doc, written)

    # -- statements

    def statement(self, statement: Statement) -> str:
        decorators = "".join(f"{self.decorator(one)} " for one in statement.decorators)
        return _documented(statement.doc, decorators + self.node(statement.node))

    def decorator(self, node: Decorator) -> str:
        return f"@{node.name.text}" + ("" if node.args is None else f"({self.args(node.args)})")

    def block(self, node: Block) -> str:
        return f"{{ {' '.join(map(self.statement, node.statements))} }}"

    def node(self, node: StatementNode) -> str:
        match node:
            case Import():
                names = ", ".join(f"{one.name.text}{_word(' as', one.alias)}" for one in node.names)
                return f"import {{ {names} }} from {node.source.source}"
            case Param():
                return f"param {self.declaration(node.declaration)}"
            case Let() | Output():
                word = "let" if isinstance(node, Let) else "output"
                return f"{word} {node.name.text}{self.typed(':', node.type)} = {self.expr(node.value)}"
            case TypeDef():
                return f"type {node.name.text} = {self.type(node.type)}{self.where(node.where)}"
            case Fn():
                result = self.typed(" ->", node.result)
                return f"fn {node.name.text}({self.params(node.params)}){result} = {self.expr(node.body)}"
            case Component():
                clauses = self.clause("in", node.inside) + self.clause("at", node.at)
                return f"component {node.name.text}({self.params(node.params)}){clauses} {self.block(node.body)}"
            case Element():
                clauses = self.place_of("in", node.inside) + self.place_of("at", node.at) + self.body(node.body)
                return f"{node.verb.text} {node.kind.text} {self.name(node.target)}{clauses}"
            case Segment():
                inside = self.place(node.inside)
                return f"{node.verb.text} segment {self.name(node.target)} in {inside} {self.block(node.body)}"
            case Rule():
                direction = "" if node.direction is None else self.place_of(node.direction.text, node.peer)
                return f"{node.action.text} {self.place(node.what)}{direction}"
            case Handle():
                return f"handle {self.place(node.executor)} {self.block(node.body)}"
            case Join():
                bind = node.bind
                also = "" if bind is None else f", bind{self.place_of('at', bind.at)}{self.body(bind.body)}"
                return f"join {self.place(node.what)}{_word(' as', node.role)}{self.body(node.body)}{also}"
            case Bind():
                clauses = _word(" as", node.role) + self.place_of("at", node.at) + self.body(node.body)
                return f"bind {self.place(node.what)}{clauses}"
            case Power():
                return f"{node.switch.text} {self.place(node.what)}"
            case Wait():
                return f"wait {self.place(node.what)} until {node.state.text} within {self.expr(node.within)}"
            case For():
                names = ", ".join(word.text for word in node.names)
                return f"for {names} in {self.expr(node.source)} {self.block(node.body)}"
            case If():
                return self.choice(node)
            case Check():
                message = "" if node.message is None else f", {self.expr(node.message)}"
                return f"{node.when.text} {self.expr(node.condition)}{message}"
            case Test():
                given = "" if node.params is None else f" with {self.record(node.params)}"
                return f"test {node.name.source}{given} {self.block(node.body)}"
            case Manifest():
                return f"manifest {node.name.text} {self.record(node.body)}"
            case Broken():
                raise ValueError("a statement with a mistake of syntax has no text but its own")
            case _:
                assert_never(node)

    def typed(self, sign: str, node: TypeExpr | None) -> str:
        return "" if node is None else f"{sign} {self.type(node)}"

    def params(self, nodes: Sequence[Declaration]) -> str:
        return ", ".join(map(self.declaration, nodes))

    def clause(self, word: str, node: Clause | None) -> str:
        return "" if node is None else f" {word} {node.name.text}: {self.type(node.type)}"

    def place_of(self, word: str, node: Expr | None) -> str:
        return "" if node is None else f" {word} {self.place(node)}"

    def body(self, node: Record | None) -> str:
        return "" if node is None else f" {self.record(node)}"

    def name(self, node: Target) -> str:
        return node.name.text + "".join(f"[{self.expr(key)}]" for key in node.keys)

    def choice(self, node: If) -> str:
        then = f"if {self.expr(node.condition)} {self.block(node.then)}"
        match node.otherwise:
            case None:
                return then
            case If():
                return f"{then} else {self.choice(node.otherwise)}"
            case _:
                return f"{then} else {self.block(node.otherwise)}"


def _documented(doc: str, text: str) -> str:
    if not doc:
        return text
    return "".join(f"\n## {line}".rstrip() for line in doc.split("\n")) + f"\n{text}"


def _word(before: str, word: Word | None) -> str:
    return "" if word is None else f"{before} {word.text}"


def _is_map(node: RecordType) -> bool:
    return len(node.members) == 1 and node.members[0].name.text[:1].isupper()


def _strength(node: Expr) -> int:
    """How tightly the outermost operator binds; more than any for what is no operation."""
    match node:
        case Binary():
            return PRECEDENCE[node.operator.text]
        case Conditional() | Lambda():
            return -1
        case _:
            return 99


def _open_end(node: Expr) -> int:
    """The weakest prefix that would take what is written behind the node as a part of its operand."""
    match node:
        case Unary():
            return min(PREFIX_PRECEDENCE[node.operator.text], _open_end(node.operand))
        case Binary():
            return _open_end(node.right)
        case _:
            return 99


def _sides(node: Binary) -> tuple[bool, bool]:
    """Whether the operands need parentheses that the tree does not hold."""
    strength = PRECEDENCE[node.operator.text]
    left = min(_strength(node.left), _open_end(node.left)) < strength
    return left, _strength(node.right) <= strength


def _prefix_needs(node: Unary) -> bool:
    return _strength(node.operand) < PREFIX_PRECEDENCE[node.operator.text]
