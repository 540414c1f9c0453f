"""Nodes without their places, for comparing what two texts say."""

from __future__ import annotations

from typing import Any

from vchlang.syntax.ast import Block, Group, Node, Statement


def stripped(value: Any, groups: bool = True) -> Any:
    """The node as nested tuples of class name and fields, offsets left out; without parentheses on request."""
    if isinstance(value, Group) and not groups:
        return stripped(value.inner, groups)
    if isinstance(value, Node):
        names = value.__struct_fields__[2:]
        return (type(value).__name__, *(stripped(getattr(value, name), groups) for name in names))
    if isinstance(value, tuple):
        return tuple(stripped(one, groups) for one in value)
    return value


def heads(value: Any) -> list[Any]:
    """All statements in the node, each without those inside of it."""
    found: list[Any] = []

    def visit(node: Any) -> Any:
        if isinstance(node, Block):
            for statement in node.statements:
                found.append(visit(statement))
            return "{ … }"
        if isinstance(node, Node):
            return (type(node).__name__, *(visit(getattr(node, name)) for name in node.__struct_fields__[2:]))
        if isinstance(node, tuple):
            return tuple(visit(one) for one in node)
        return node

    whole = visit(value)
    return [*found, whole] if isinstance(value, Statement) else found
