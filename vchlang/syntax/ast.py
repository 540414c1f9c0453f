"""The nodes of a script.

Offsets (`start`, `end`: half-open, code points) are relative to the top-level statement that a node stands in, and
`Chunk.base` says where that statement begins: an edit above a statement moves nothing in it. Nodes hold syntax and
places only; what a later phase finds out, it keeps beside them, by the node's identity.

Nodes are positional `msgspec.Struct`s outside the garbage collector: ten thousand lines are a hundred thousand of them.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from vchlang.text import Span


class Node(msgspec.Struct, frozen=True, gc=False):
    """What all nodes have."""

    start: int
    end: int

    def span(self, base: int) -> Span:
        """The node's place in the whole text, given the base of its top-level statement."""
        return Span(base + self.start, base + self.end)


class Word(Node, frozen=True, gc=False):
    """A bare word as written: a name, a role, a verb, an operator. Of a quoted field name, the text without quotes."""

    text: str


# ---- expressions ---------------------------------------------------------------------------------------------------


class Name(Node, frozen=True, gc=False):
    """A use of a value's name."""

    text: str


class Number(Node, frozen=True, gc=False):
    """`2`, `1_000`, `1.5GHz`, as written; the unit is checked later."""

    text: str


class Text(Node, frozen=True, gc=False):
    """A text of any of the four forms. `parts` are its values in order: str (escapes and indentation already
    resolved, never empty) and expressions from `${…}`. `source` is the text as written, quotes included."""

    parts: tuple[str | Expr, ...]
    source: str


class Bool(Node, frozen=True, gc=False):
    value: bool


class Null(Node, frozen=True, gc=False):
    pass


class Variant(Node, frozen=True, gc=False):
    """`.read_only`; with arguments it is the callee of a `Call`."""

    name: str


class Field(Node, frozen=True, gc=False):
    """`name: value` in braces. `quoted` where the name was written as a text."""

    name: Word
    quoted: bool
    value: Expr


class Spread(Node, frozen=True, gc=False):
    """`...value`, in braces or in a list."""

    value: Expr


class Record(Node, frozen=True, gc=False):
    """`{ … }`: a body, a record or a map."""

    entries: tuple[Field | Spread, ...]


class ListExpr(Node, frozen=True, gc=False):
    items: tuple[Expr | Spread, ...]


class Each(Node, frozen=True, gc=False):
    """`for k, v in source if condition` of a comprehension."""

    names: tuple[Word, ...]
    source: Expr
    condition: Expr | None


class ListFor(Node, frozen=True, gc=False):
    each: Each
    value: Expr


class MapFor(Node, frozen=True, gc=False):
    each: Each
    key: Expr
    value: Expr


class Member(Node, frozen=True, gc=False):
    target: Expr
    name: Word


class Index(Node, frozen=True, gc=False):
    target: Expr
    key: Expr


class Arg(Node, frozen=True, gc=False):
    """One argument of a call; `name` is None for a positional one."""

    name: Word | None
    value: Expr


class Call(Node, frozen=True, gc=False):
    callee: Expr
    args: tuple[Arg, ...]


class Unary(Node, frozen=True, gc=False):
    """`-x`, `not x`."""

    operator: Word
    operand: Expr


class Binary(Node, frozen=True, gc=False):
    """Precedence is already resolved: `a + b * c` is `a + (b * c)` as a tree."""

    operator: Word
    left: Expr
    right: Expr


class Conditional(Node, frozen=True, gc=False):
    condition: Expr
    then: Expr
    otherwise: Expr


class Lambda(Node, frozen=True, gc=False):
    params: tuple[Word, ...]
    body: Expr


class Group(Node, frozen=True, gc=False):
    """`( … )`, kept so that the printer writes what the author wrote."""

    inner: Expr


Expr: TypeAlias = (
    Name | Number | Text | Bool | Null | Variant | Record | ListExpr | ListFor | MapFor | Member | Index | Call
    | Unary | Binary | Conditional | Lambda | Group
)  # fmt: skip


# ---- types ---------------------------------------------------------------------------------------------------------


class NamedType(Node, frozen=True, gc=False):
    """`Bytes`, `Secret<Credentials>`."""

    name: Word
    args: tuple[TypeExpr, ...]


class ListType(Node, frozen=True, gc=False):
    item: TypeExpr


class MemberType(Node, frozen=True, gc=False):
    """A member of a record type or of what a variant carries. `doc` is its `##` text, lines joined, or empty."""

    name: Word
    quoted: bool
    type: TypeExpr
    default: Expr | None
    where: Where | None
    doc: str = ""


class RecordType(Node, frozen=True, gc=False):
    """`{K: V}` is a map when its one member begins with a capital, else a record."""

    members: tuple[MemberType, ...]


class VariantType(Node, frozen=True, gc=False):
    """One case of an enum: `.dhcp`, `.static(address: Cidr)`; `parts` is None without parentheses."""

    name: str
    parts: tuple[MemberType, ...] | None


class TextType(Node, frozen=True, gc=False):
    text: Text


class OptionalType(Node, frozen=True, gc=False):
    inner: TypeExpr


class UnionType(Node, frozen=True, gc=False):
    options: tuple[TypeExpr, ...]


TypeExpr: TypeAlias = NamedType | ListType | RecordType | VariantType | TextType | OptionalType | UnionType


# ---- statements ----------------------------------------------------------------------------------------------------


class Where(Node, frozen=True, gc=False):
    """`where condition else "message"`."""

    condition: Expr
    message: Text | None


class Declaration(Node, frozen=True, gc=False):
    """NAME: TYPE = default where …; shared by `param` and the parameters of components and functions. `doc` is the `##`
    text above a parameter in parentheses; that of a `param` is its statement's."""

    name: Word
    type: TypeExpr
    default: Expr | None
    where: Where | None
    doc: str = ""


class Decorator(Node, frozen=True, gc=False):
    """`@protect`, `@was("old")`; `args` is None without parentheses."""

    name: Word
    args: tuple[Arg, ...] | None


class Statement(Node, frozen=True, gc=False):
    """One statement with what stands before it. `doc` is its `##` text, lines joined, or empty."""

    doc: str
    decorators: tuple[Decorator, ...]
    node: StatementNode


class Block(Node, frozen=True, gc=False):
    """Statements in braces."""

    statements: tuple[Statement, ...]


class Imported(Node, frozen=True, gc=False):
    name: Word
    alias: Word | None


class Import(Node, frozen=True, gc=False):
    names: tuple[Imported, ...]
    source: Text


class Param(Node, frozen=True, gc=False):
    declaration: Declaration


class Let(Node, frozen=True, gc=False):
    name: Word
    type: TypeExpr | None
    value: Expr


class Output(Node, frozen=True, gc=False):
    name: Word
    type: TypeExpr | None
    value: Expr


class TypeDef(Node, frozen=True, gc=False):
    name: Word
    type: TypeExpr
    where: Where | None


class Fn(Node, frozen=True, gc=False):
    name: Word
    params: tuple[Declaration, ...]
    result: TypeExpr | None
    body: Expr


class Clause(Node, frozen=True, gc=False):
    """`in pool: Pool` of a component's head."""

    name: Word
    type: TypeExpr


class Component(Node, frozen=True, gc=False):
    name: Word
    params: tuple[Declaration, ...]
    inside: Clause | None
    at: Clause | None
    body: Block


class Target(Node, frozen=True, gc=False):
    """An element's name with its keys: `volumes["nfs"]`."""

    name: Word
    keys: tuple[Expr, ...]


class Element(Node, frozen=True, gc=False):
    verb: Word
    kind: Word
    target: Target
    inside: Expr | None
    at: Expr | None
    body: Record | None


class Segment(Node, frozen=True, gc=False):
    verb: Word
    target: Target
    inside: Expr
    body: Block


class Rule(Node, frozen=True, gc=False):
    """`allow tcp(80) from any`; `direction` is `from` or `to`."""

    action: Word
    what: Expr
    direction: Word | None
    peer: Expr | None


class Handle(Node, frozen=True, gc=False):
    executor: Expr
    body: Block


class BindToo(Node, frozen=True, gc=False):
    """The `, bind …` after a join; `word` is the place of the word `bind`."""

    word: Word
    at: Expr | None
    body: Record | None


class Join(Node, frozen=True, gc=False):
    what: Expr
    role: Word | None
    body: Record | None
    bind: BindToo | None


class Bind(Node, frozen=True, gc=False):
    what: Expr
    role: Word | None
    at: Expr | None
    body: Record | None


class Power(Node, frozen=True, gc=False):
    """`start X`, `stop X`."""

    switch: Word
    what: Expr


class Wait(Node, frozen=True, gc=False):
    what: Expr
    state: Word
    within: Expr


class For(Node, frozen=True, gc=False):
    names: tuple[Word, ...]
    source: Expr
    body: Block


class If(Node, frozen=True, gc=False):
    condition: Expr
    then: Block
    otherwise: Block | If | None


class Check(Node, frozen=True, gc=False):
    """`assert …`, `verify …`."""

    when: Word
    condition: Expr
    message: Expr | None


class Test(Node, frozen=True, gc=False):
    name: Text
    params: Record | None
    body: Block


class Manifest(Node, frozen=True, gc=False):
    name: Word
    body: Record


class Broken(Node, frozen=True, gc=False):
    """A statement with a syntax error: the parser has reported it, later phases pass over it. `keyword` is the word
    that it begins with and `names` those that it seems to declare, so that uses of them are not reported too."""

    keyword: str
    names: tuple[str, ...]


StatementNode: TypeAlias = (
    Import | Param | Let | Output | TypeDef | Fn | Component | Element | Segment | Rule | Handle | Join | Bind | Power
    | Wait | For | If | Check | Test | Manifest | Broken
)  # fmt: skip


class Comment(Node, frozen=True, gc=False):
    """`# …` to the end of its line, relative to the same base as the nodes around it."""

    text: str


class Chunk(msgspec.Struct, frozen=True):
    """One top-level statement and where it begins. `text` is everything from `base` to the next chunk, comments and
    blank lines before the statement included; `statement` is None for a last chunk of comments alone."""

    base: int
    text: str
    statement: Statement | None
