"""Nodes to text: `vch fmt`, and single expressions and types for messages.

A statement stands on a line of its own. Braces and lists that were written on one line stay there while they fit;
otherwise each entry has its line, in braces without commas. Of several empty lines one is kept.

Comments are not in the tree. Each is printed where the nearest line begins: before the statement or entry that follows
it, behind the one that it stood behind, or before the closing brace. One that stood inside of an expression moves in
front of the statement or entry, and if it began with `##` it loses one `#` there, since it would document what it did
not. So formatting keeps the tree, and formatting twice changes nothing.

A chunk with a syntax mistake is copied as it is: nobody knows what it means.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, assert_never

from vchlang.codes import LIMIT_DEPTH, LIMIT_SIZE, RESERVED_WORD, SYNTAX, UNCLOSED, UNKNOWN_CHARACTER
from vchlang.syntax.ast import (
    Arg,
    Binary,
    Bind,
    BindToo,
    Block,
    Bool,
    Broken,
    Call,
    Check,
    Chunk,
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
)
from vchlang.syntax.build import PRECEDENCE, PREFIX_PRECEDENCE
from vchlang.syntax.parser import Parsed, machine

WIDEST = 100
_STEP = "  "
_SYNTAX = frozenset(code.slug for code in (SYNTAX, UNCLOSED, RESERVED_WORD, UNKNOWN_CHARACTER, LIMIT_DEPTH, LIMIT_SIZE))


def print_script(parsed: Parsed) -> str:
    """The script in its canonical form, with its comments; empty for an empty one."""
    return _Printer(parsed).script()


def print_expr(expr: Expr) -> str:
    """An expression on one line. Where the tree needs parentheses that it does not hold, they are added."""
    return _Flat().expr(expr)


def print_type(node: TypeExpr) -> str:
    """A type on one line."""
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


# ---- on one line ---------------------------------------------------------------------------------------------------


class _Flat:
    """Everything on one line, whatever its length; texts as they were written."""

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
        return f"{self.key(node)}: {self.type(node.type)}{self.default(node)}{self.where(node.where)}"

    def default(self, node: MemberType | Declaration) -> str:
        return "" if node.default is None else f" = {self.expr(node.default)}"

    def where(self, node: Where | None) -> str:
        if node is None:
            return ""
        message = "" if node.message is None else f" else {node.message.source}"
        return f" where {self.expr(node.condition)}{message}"

    def declaration(self, node: Declaration) -> str:
        return f"{node.name.text}: {self.type(node.type)}{self.default(node)}{self.where(node.where)}"


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


# ---- over several lines --------------------------------------------------------------------------------------------


class _Printer(_Flat):
    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.text = parsed.source.text
        self.base = 0
        self.comments = comments(self.text)
        self.starts = [comment.start for comment in self.comments]
        self.printed = [False] * len(self.comments)
        self.lines: list[str] = []
        self.attempt = False  # whether a block is being put on one line, if it fits

    def script(self) -> str:
        chunks = self.parsed.chunks
        copied = self._copied()
        index = 0
        while index < len(chunks):
            chunk = chunks[index]
            end = chunk.base + len(chunk.text)
            self.base = chunk.base
            if copied[index]:
                while index + 1 < len(chunks) and copied[index + 1]:
                    index += 1
                self._copy(chunk.base, chunks[index].base + len(chunks[index].text))
            elif chunk.statement is None:
                self._comments_between(chunk.base, end, "")
            else:
                self._statement(chunk.statement, "", end - chunk.base)
            index += 1
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        return "\n".join(self.lines) + "\n" if self.lines else ""

    def _copied(self) -> list[bool]:
        """Which chunks have a syntax mistake, or share a line with one that has."""
        chunks = self.parsed.chunks
        mistakes = sorted(one.span.start for one in self.parsed.diagnostics if one.code in _SYNTAX)
        found: list[bool] = []
        for index, chunk in enumerate(chunks):
            at = bisect_left(mistakes, chunk.base)
            inside = at < len(mistakes) and (index == len(chunks) - 1 or mistakes[at] < chunk.base + len(chunk.text))
            found.append(inside or _holds_broken(chunk))
        pairs = [index for index in range(1, len(chunks)) if not chunks[index - 1].text.endswith("\n")]
        for index in pairs:
            found[index] = found[index] or found[index - 1]
        for index in reversed(pairs):
            found[index - 1] = found[index] or found[index - 1]
        return found

    def _copy(self, start: int, end: int) -> None:
        """What was written, with the empty lines before it as before any other."""
        text = self.text[start:end]
        body = text.strip("\n").rstrip()
        if not body.strip():
            return
        if self.lines and self._gap(start + len(text) - len(text.lstrip("\n"))):
            self._blank()
        self.lines += [line.rstrip("\r") for line in body.split("\n")]
        for index in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            self.printed[index] = True

    # -- comments and empty lines

    def _blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def _gap(self, at: int) -> bool:
        """Whether an empty line stands before the place."""
        before = self.text[:at] if at < 512 else self.text[at - 512 : at]
        white = before[len(before.rstrip()) :]
        return white.count("\n") > 1

    def _pending(self, start: int, end: int) -> Iterator[int]:
        for index in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            if not self.printed[index]:
                yield index

    def _comments_between(self, start: int, end: int, indent: str) -> None:
        for index in self._pending(start, end):
            self._comment(index, indent)

    def _comment(self, index: int, indent: str, first: bool = False) -> None:
        comment = self.comments[index]
        self.printed[index] = True
        if not first and self._gap(comment.start):
            self._blank()
        self.lines.append(indent + comment.text)

    def _lead(self, start: int, end: int, begin: int, indent: str, inner: Sequence[Node]) -> None:
        """The comments before a line, and those inside of it that no line of its own inside can take.

        start, end: of the node, in the file; begin: where its neighbour before it ends; inner: what prints its own.
        """
        before = list(self._pending(begin, start))
        spans = [(self.base + node.start, self.base + node.end) for node in inner]
        moved = [
            index
            for index in self._pending(start, end)
            if not any(first <= self.starts[index] < last for first, last in spans)
        ]
        # What documents the node stays directly above it.
        doc = len(before)
        place = start
        while doc and self.comments[before[doc - 1]].text.startswith("##") and not self._gap(place):
            doc -= 1
            place = self.comments[before[doc]].start
        if not moved:
            doc = len(before)
        for index in before[:doc]:
            self._comment(index, indent)
        if moved:
            if self._gap(place):
                self._blank()
            for index in moved:
                self.printed[index] = True
                text = self.comments[index].text
                self.lines.append(indent + (re.sub("^#+", "#", text) if text.startswith("##") else text))
            for index in before[doc:]:
                self.printed[index] = True
                self.lines.append(indent + self.comments[index].text)
        elif self._gap(start):
            self._blank()

    def _trail(self, end: int, until: int) -> None:
        """A comment behind what ends at `end`, on the same line."""
        for index in self._pending(end, until):
            comment = self.comments[index]
            if "\n" not in self.text[end : comment.start]:
                self.printed[index] = True
                self.lines[-1] += f"  {comment.text}"
            return

    # -- statements

    def _statement(self, statement: Statement, indent: str, until: int, begin: int = 0) -> None:
        """Print a statement; `until` is where the next one, or the end of the block, begins, and `begin` where the one
        before it ends."""
        base = self.base
        start, end = base + statement.start, base + statement.end
        self._lead(start, end, base + begin, indent, self._holders(statement, start, end))
        if statement.decorators:
            self.lines.append(indent + " ".join(map(self._decorator, statement.decorators)))
        self._open(indent)
        self._node(statement.node, indent)
        self._trail(end, base + until)

    def _holders(self, node: Node, start: int, end: int) -> list[Node]:
        """What inside of a node prints the comments inside of it: braces and lists over several lines."""
        if next(self._pending(start, end), None) is None:
            return []
        found: list[Node] = []
        todo: list[Any] = [node]
        while todo:
            one = todo.pop()
            if isinstance(one, Record | ListExpr | Block | RecordType) and one is not node:
                found.append(one)
            elif isinstance(one, Decorator | Target | Each):
                continue  # printed on one line, whatever is inside
            elif isinstance(one, MapFor):
                todo.append(one.value)
            elif isinstance(one, Node):
                todo += [getattr(one, name) for name in one.__struct_fields__[2:]]
                if isinstance(one, Component | Fn) and one.params and self._breaks(one.params[0], one.params[-1], one):
                    found.append(_params_span(one))
            elif isinstance(one, tuple):
                todo += one
        return found

    def _breaks(self, first: Node, last: Node, around: Component | Fn) -> bool:
        """Whether the parameters were written over several lines."""
        return "\n" in self.text[self.base + around.name.end : self.base + last.end]

    def _open(self, text: str) -> None:
        self.lines.append(text)

    def _add(self, text: str) -> None:
        """Go on with the line; the text may bring further lines."""
        first, *rest = text.replace("\r\n", "\n").split("\n")
        self.lines[-1] += first
        self.lines += rest

    def _fits(self, text: str) -> bool:
        return len(self.lines[-1]) + len(text.partition("\n")[0]) <= WIDEST

    def _decorator(self, node: Decorator) -> str:
        return f"@{node.name.text}" + ("" if node.args is None else f"({self.args(node.args)})")

    def _node(self, node: StatementNode, indent: str) -> None:
        add = self._add
        match node:
            case Import():
                self._import(node, indent)
            case Param():
                add("param ")
                self._declaration(node.declaration, indent)
            case Let() | Output():
                add(f"{'let' if isinstance(node, Let) else 'output'} {node.name.text}")
                if node.type is not None:
                    add(": ")
                    self._type(node.type, indent)
                add(" = ")
                self._expr(node.value, indent)
            case TypeDef():
                add(f"type {node.name.text} = ")
                self._type(node.type, indent)
                self._where(node.where, indent)
            case Fn():
                add(f"fn {node.name.text}")
                self._params(node, indent)
                if node.result is not None:
                    add(" -> ")
                    self._type(node.result, indent)
                add(" = ")
                self._expr(node.body, indent)
            case Component():
                add(f"component {node.name.text}")
                self._params(node, indent)
                for word, clause in (("in", node.inside), ("at", node.at)):
                    if clause is not None:
                        add(f" {word} {clause.name.text}: ")
                        self._type(clause.type, indent)
                add(" ")
                self._block(node.body, indent)
            case Element():
                add(f"{node.verb.text} {node.kind.text} {self._target(node.target)}")
                self._clauses(node.inside, node.at, indent)
                self._body(node.body, indent)
            case Segment():
                add(f"{node.verb.text} segment {self._target(node.target)}")
                self._clauses(node.inside, None, indent)
                add(" ")
                self._block(node.body, indent)
            case Rule():
                add(f"{node.action.text} ")
                self._place(node.what, indent)
                if node.direction is not None and node.peer is not None:
                    add(f" {node.direction.text} ")
                    self._place(node.peer, indent)
            case Handle():
                add("handle ")
                self._place(node.executor, indent)
                add(" ")
                self._block(node.body, indent)
            case Join():
                self._join(node, indent)
            case Bind():
                add("bind ")
                self._place(node.what, indent)
                if node.role is not None:
                    add(f" as {node.role.text}")
                self._clauses(None, node.at, indent)
                self._body(node.body, indent)
            case Power():
                add(f"{node.switch.text} ")
                self._place(node.what, indent)
            case Wait():
                add("wait ")
                self._place(node.what, indent)
                add(f" until {node.state.text} within ")
                self._expr(node.within, indent)
            case For():
                add(f"for {', '.join(word.text for word in node.names)} in ")
                self._expr(node.source, indent)
                add(" ")
                self._block(node.body, indent)
            case If():
                self._if(node, indent)
            case Check():
                add(f"{node.when.text} ")
                self._expr(node.condition, indent)
                if node.message is not None:
                    add(", ")
                    self._expr(node.message, indent)
            case Test():
                add(f"test {node.name.source}")
                if node.params is not None:
                    add(" with ")
                    self._expr(node.params, indent)
                add(" ")
                self._block(node.body, indent)
            case Manifest():
                add(f"manifest {node.name.text}")
                self._body(node.body, indent)
            case Broken():
                add(self.text[self.base + node.start : self.base + node.end])
            case _:
                assert_never(node)

    def _import(self, node: Import, indent: str) -> None:
        names = list(map(self._imported, node.names))
        flat = f"import {{ {', '.join(names)} }} from {node.source.source}"
        if self._fits(flat):
            self._add(flat)
        else:
            inner = "".join(f"\n{indent}{_STEP}{name}," for name in names)
            self._add(f"import {{{inner}\n{indent}}} from {node.source.source}")

    def _imported(self, node: Imported) -> str:
        return node.name.text + ("" if node.alias is None else f" as {node.alias.text}")

    def _target(self, node: Target) -> str:
        return node.name.text + "".join(f"[{self.expr(key)}]" for key in node.keys)

    def _clauses(self, inside: Expr | None, at: Expr | None, indent: str) -> None:
        for word, place in (("in", inside), ("at", at)):
            if place is not None:
                self._add(f" {word} ")
                self._place(place, indent)

    def _body(self, body: Record | None, indent: str) -> None:
        if body is not None:
            self._add(" ")
            self._expr(body, indent)

    def _declaration(self, node: Declaration, indent: str) -> None:
        self._add(f"{node.name.text}: ")
        self._type(node.type, indent)
        if node.default is not None:
            self._add(" = ")
            self._expr(node.default, indent)
        self._where(node.where, indent)

    def _where(self, node: Where | None, indent: str) -> None:
        if node is None:
            return
        if self._fits(self.where(node)):
            self._add(" where ")
        else:
            self._open(f"{indent}{_STEP}where ")
        self._expr(node.condition, indent + _STEP)
        if node.message is not None:
            self._add(f" else {node.message.source}")

    def _params(self, node: Component | Fn, indent: str) -> None:
        flat = f"({', '.join(map(self.declaration, node.params))})"
        span = _params_span(node)
        held = next(self._pending(self.base + span.start, self.base + span.end), None) is not None
        if not node.params or (not held and self._fits(flat)):
            self._add(flat)
            return
        self._add("(")
        self._each_line(node.params, span, indent, self._declaration, ",")
        self._open(f"{indent})")

    def _join(self, node: Join, indent: str) -> None:
        self._add("join ")
        self._place(node.what, indent)
        if node.role is not None:
            self._add(f" as {node.role.text}")
        self._body(node.body, indent)
        bind = node.bind
        if bind is None:
            return
        self._add(",")
        word = self.base + bind.word.start
        if "\n" in self.text[self.text.rfind(",", 0, word) : word] or not self._fits(" " + self._flat_bind(bind)):
            self._open(indent + _STEP)
            indent += _STEP
        else:
            self._add(" ")
        self._add("bind")
        self._clauses(None, bind.at, indent)
        self._body(bind.body, indent)

    def _flat_bind(self, node: BindToo) -> str:
        at = "" if node.at is None else f" at {self.place(node.at)}"
        return f"bind{at}" + ("" if node.body is None else f" {self.record(node.body)}")

    def _if(self, node: If, indent: str) -> None:
        self._add("if ")
        self._expr(node.condition, indent)
        self._add(" ")
        self._block(node.then, indent)
        if node.otherwise is not None:
            self._add(" else ")
            if isinstance(node.otherwise, If):
                self._if(node.otherwise, indent)
            else:
                self._block(node.otherwise, indent)

    def _block(self, node: Block, indent: str) -> None:
        if not node.statements and next(self._pending(self.base + node.start, self.base + node.end), None) is None:
            self._add("{ }")
            return
        if len(node.statements) == 1 and not node.statements[0].decorators and not self._written_long(node):
            # One attempt for the whole line: blocks inside of it do not try again, which would double the work at
            # each level.
            count, line, outermost = len(self.lines), self.lines[-1], not self.attempt
            self.attempt = True
            self._add("{ ")
            self._node(node.statements[0].node, indent)
            self._add(" }")
            if not outermost:
                return
            self.attempt = False
            if len(self.lines) == count and len(self.lines[-1]) <= WIDEST:
                return
            del self.lines[count:]
            self.lines[-1] = line
        elif self.attempt:
            self._add("\n")  # more than one line: the attempt fails
            return
        self._add("{")
        start, end = node.start + 1, node.end - 1
        first = node.statements[0].start if node.statements else end
        self._trail(self.base + start, self.base + first)
        begin = start
        for index, statement in enumerate(node.statements):
            following = node.statements[index + 1].start if index + 1 < len(node.statements) else end
            size = len(self.lines)
            self._statement(statement, indent + _STEP, following, begin)
            if index == 0:
                self._tighten(size)
            begin = statement.end
        size = len(self.lines)
        self._comments_between(self.base + begin, self.base + end, indent + _STEP)
        if not node.statements:
            self._tighten(size)
        self._open(f"{indent}}}")

    def _tighten(self, index: int) -> None:
        """No empty line directly behind an opening brace."""
        if index < len(self.lines) and not self.lines[index]:
            del self.lines[index]

    # -- expressions and types

    def _written_long(self, node: Node) -> bool:
        return "\n" in self.text[self.base + node.start : self.base + node.end]

    def _must_break(self, root: Node) -> bool:
        """Whether a brace or list in the node was written over several lines."""
        if not self._written_long(root):
            return False
        todo: list[Any] = [root]
        while todo:
            node = todo.pop()
            if isinstance(node, Record | ListExpr | RecordType):
                if self._written_long(node):
                    return True
            elif isinstance(node, Node):
                todo += [getattr(node, name) for name in node.__struct_fields__[2:]]
            elif isinstance(node, tuple):
                todo += node
        return False

    def _expr(self, node: Expr, indent: str) -> None:
        flat = self.expr(node)
        if not self._must_break(node) and self._fits(flat):
            self._add(flat)
            return
        match node:
            case Record():
                self._lines(node.entries, node, indent, self._item, "", "{}")
            case ListExpr():
                self._lines(node.items, node, indent, self._item, ",", "[]")
            case ListFor():
                self._add(f"[{self.each(node.each)}: ")
                self._expr(node.value, indent)
                self._add("]")
            case MapFor():
                self._add(f"{{{self.each(node.each)}: {self.expr(node.key)}: ")
                self._expr(node.value, indent)
                self._add("}")
            case Member():
                self._grouped(node.target, _is_operation(node.target), indent)
                self._add(f".{node.name.text}")
            case Index():
                self._grouped(node.target, _is_operation(node.target), indent)
                self._add("[")
                self._expr(node.key, indent)
                self._add("]")
            case Call():
                self._grouped(node.callee, _is_operation(node.callee), indent)
                self._call(node, indent)
            case Unary():
                self._add(self.prefix(node))
                self._grouped(node.operand, _prefix_needs(node), indent)
            case Binary():
                self._binary(node, indent)
            case Conditional():
                self._add("if ")
                self._expr(node.condition, indent)
                self._add(" then ")
                self._expr(node.then, indent)
                self._add(" else ")
                self._expr(node.otherwise, indent)
            case Lambda():
                self._add(f"{self.lambda_head(node)} ")
                self._expr(node.body, indent)
            case Group():
                self._grouped(node.inner, True, indent)
            case Name() | Number() | Text() | Bool() | Null() | Variant():
                self._add(flat)
            case _:
                assert_never(node)

    def _grouped(self, node: Expr, grouped: bool, indent: str) -> None:
        if grouped:
            self._add("(")
        self._expr(node, indent)
        if grouped:
            self._add(")")

    def _place(self, node: Expr, indent: str) -> None:
        self._grouped(node, not isinstance(node, Name | Text | Member | Index | Call | Group), indent)

    def _binary(self, node: Binary, indent: str) -> None:
        left, right = _sides(node)
        self._grouped(node.left, left, indent)
        operand = self.operand(node.right, right)
        operator = node.operator.text
        if operator == "..":
            self._add(".. " if operand.startswith(".") else "..")
        elif self._fits(f" {operator} {operand}") or not self.lines[-1].strip():
            self._add(f" {operator} ")
        else:
            self._open(f"{indent}{_STEP}{operator} ")
        self._grouped(node.right, right, indent)

    def _call(self, node: Call, indent: str) -> None:
        if len(node.args) == 1 and isinstance(node.args[0].value, Record | ListExpr):
            self._add("(")
            self._arg(node.args[0], indent)
            self._add(")")
        elif not node.args or (self._fits(f"({self.args(node.args)})") and not any(map(self._must_break, node.args))):
            self._add("(")
            for index, arg in enumerate(node.args):
                self._add(", " if index else "")
                self._arg(arg, indent)
            self._add(")")
        else:
            self._add("(")
            for arg in node.args:
                self._open(indent + _STEP)
                self._arg(arg, indent + _STEP)
                self._add(",")
            self._open(f"{indent})")

    def _arg(self, node: Arg, indent: str) -> None:
        if node.name is not None:
            self._add(f"{node.name.text}: ")
        self._expr(node.value, indent)

    def _item(self, node: Expr | Field | Spread, indent: str) -> None:
        match node:
            case Field():
                self._add(f"{self.key(node)}: ")
                self._expr(node.value, indent)
            case Spread():
                self._add("...")
                self._expr(node.value, indent)
            case _:
                self._expr(node, indent)

    def _type(self, node: TypeExpr, indent: str) -> None:
        flat = self.type(node)
        if not self._must_break(node) and self._fits(flat):
            self._add(flat)
            return
        match node:
            case RecordType():
                self._lines(node.members, node, indent, self._member_type, "", "{}")
            case ListType():
                self._add("[")
                self._type(node.item, indent)
                self._add("]")
            case OptionalType():
                self._type(node.inner, indent)
                self._add("?")
            case UnionType():
                for index, option in enumerate(node.options):
                    if index and not self._fits(f" | {self.type(option)}"):
                        self._open(f"{indent}{_STEP}| ")
                    elif index:
                        self._add(" | ")
                    self._type(option, indent)
            case NamedType() if node.args:
                self._add(f"{node.name.text}<")
                for index, arg in enumerate(node.args):
                    self._add(", " if index else "")
                    self._type(arg, indent)
                self._add(">")
            case VariantType() if node.parts:
                self._add(f".{node.name}(")
                for index, part in enumerate(node.parts):
                    self._add(", " if index else "")
                    self._member_type(part, indent)
                self._add(")")
            case NamedType() | VariantType() | TextType():
                self._add(flat)
            case _:
                assert_never(node)

    def _member_type(self, node: MemberType, indent: str) -> None:
        self._add(f"{self.key(node)}: ")
        self._type(node.type, indent)
        if node.default is not None:
            self._add(" = ")
            self._expr(node.default, indent)
        self._where(node.where, indent)

    def _lines(
        self,
        entries: Sequence[Any],
        node: Node,
        indent: str,
        show: Callable[[Any, str], None],
        comma: str,
        brackets: str,
    ) -> None:
        """Entries in brackets, each on a line of its own."""
        self._add(brackets[0])
        held = next(self._pending(self.base + node.start, self.base + node.end), None) is not None
        if not entries and not held:
            self._add(brackets[1])
            return
        inside = Node(node.start + 1, node.end - 1)
        self._each_line(entries, inside, indent, show, comma)
        self._open(indent + brackets[1])

    def _each_line(
        self, entries: Sequence[Any], inside: Node, indent: str, show: Callable[[Any, str], None], comma: str
    ) -> None:
        deeper = indent + _STEP
        begin = inside.start
        self._trail(self.base + begin, self.base + (entries[0].start if entries else inside.end))
        for index, entry in enumerate(entries):
            following = entries[index + 1].start if index + 1 < len(entries) else inside.end
            start, end = self.base + entry.start, self.base + entry.end
            size = len(self.lines)
            self._lead(start, end, self.base + begin, deeper, self._holders_of_entry(entry, start, end))
            if index == 0:
                self._tighten(size)
            self._open(deeper)
            show(entry, deeper)
            self._add(comma)
            self._trail(end, self.base + following)
            begin = entry.end
        size = len(self.lines)
        self._comments_between(self.base + begin, self.base + inside.end, deeper)
        if not entries:
            self._tighten(size)

    def _holders_of_entry(self, entry: Node, start: int, end: int) -> list[Node]:
        # An entry may be a brace itself, as in a list of records.
        return [entry] if isinstance(entry, Record | ListExpr) else self._holders(entry, start, end)


def _is_operation(node: Expr) -> bool:
    return isinstance(node, Unary | Binary | Conditional | Lambda)


def _params_span(node: Component | Fn) -> Node:
    """From the name to the end of the last parameter."""
    after = node.params[-1].end if node.params else node.name.end
    return Node(node.name.end, after)


def _holds_broken(chunk: Chunk) -> bool:
    todo: list[Any] = [chunk.statement]
    while todo:
        node = todo.pop()
        if isinstance(node, Broken):
            return True
        if isinstance(node, Statement):
            todo.append(node.node)
        elif isinstance(node, Block):
            todo += node.statements
        elif isinstance(node, Component | Segment | Handle | For | Test):
            todo.append(node.body)
        elif isinstance(node, If):
            todo += (node.then, node.otherwise)
    return False
