"""The typestate of handles on the source: what may differ between the branches of an `if`, whatever its condition.

A membership is an element in a role, by the text that names them, on an executor. Handles on one executor are its
composition together, so the walk goes through a whole script or component: through the handles in their order, the
branches around them and those in them. After an `if`, a membership that both branches have must be in one state; one
that only one of them has may not be joined or bound again. Loops are unrolled by `evaluate`, so one turn is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from vchlang import codes
from vchlang.diagnostics import Report
from vchlang.syntax import ast
from vchlang.text import Span

Place: TypeAlias = tuple[str, str]
"""An executor and an element on it, as written."""


class Standing(msgspec.Struct, frozen=True):
    """How a membership stands. word: joined, bound, differs, or told (it was reported, and is looked at no more).

    here: what made it so; joined: where it was joined.
    """

    word: str
    here: Span
    joined: Span


class State:
    """Memberships by place and role, over those that held before a branch: a branch copies only what it touches."""

    __slots__ = ("outer", "own")

    def __init__(self, outer: State | None = None) -> None:
        self.outer = outer
        self.own: dict[Place, dict[str, Standing]] = {}

    def at(self, place: Place) -> dict[str, Standing]:
        """The roles that an element is in; not to be changed."""
        state: State | None = self
        while state is not None:
            if place in state.own:
                return state.own[place]
            state = state.outer
        return {}

    def change(self, place: Place) -> dict[str, Standing]:
        """The roles that an element is in, to be changed."""
        if place not in self.own:
            self.own[place] = dict(self.at(place))
        return self.own[place]


def check_branches(statements: Iterable[tuple[int, ast.Statement]], text: str, out: Report) -> None:
    """Report memberships whose state depends on a condition. statements: of a script or component, with their bases."""
    walk = _Walk(text, out)
    state = State()
    for base, statement in statements:
        walk.base = base
        walk.statement(statement.node, state, "")


class _Walk:
    """Goes through statements and changes a state as they do. base: of the top-level statement being read."""

    def __init__(self, text: str, out: Report) -> None:
        self.text = text
        self.out = out
        self.base = 0

    def block(self, block: ast.Block, state: State, executor: str) -> State:
        for statement in block.statements:
            self.statement(statement.node, state, executor)
        return state

    def statement(self, node: Any, state: State, executor: str) -> None:
        match node:
            case ast.Handle():
                self.block(node.body, state, self.written(node.executor))
            case ast.Join() if executor:
                self.join(node, state, executor)
            case ast.Bind() if executor:
                self.bind(node, state, executor)
            case ast.For():
                self.block(node.body, state, executor)
            case ast.If():
                self.either(node, state, executor)
            case _:
                pass

    def join(self, node: ast.Join, state: State, executor: str) -> None:
        place = executor, self.written(node.what)
        role = node.role.text if node.role is not None else ""
        if not self.differs(place, [role], node.what, state):
            here = node.what.span(self.base)
            state.change(place)[role] = Standing("bound" if node.bind is not None else "joined", here, here)

    def bind(self, node: ast.Bind, state: State, executor: str) -> None:
        place = executor, self.written(node.what)
        roles = [role for role in state.at(place) if node.role is None or role in (node.role.text, "")]
        if roles and not self.differs(place, roles, node.what, state):
            standing = state.change(place)
            here = node.what.span(self.base)
            roles = [one for one in roles if standing[one].word != "told"]
            standing.update({one: Standing("bound", here, standing[one].joined) for one in roles})

    def either(self, node: ast.If, state: State, executor: str) -> None:
        then, otherwise = self.block(node.then, State(state), executor), State(state)
        if isinstance(node.otherwise, ast.If):
            self.either(node.otherwise, otherwise, executor)
        elif node.otherwise is not None:
            self.block(node.otherwise, otherwise, executor)
        for place in dict.fromkeys((*then.own, *otherwise.own)):
            one, other = then.at(place), otherwise.at(place)
            merged = state.change(place)
            for role in dict.fromkeys((*one, *other)):
                merged[role] = self.merged(place, one.get(role), other.get(role))

    def merged(self, place: Place, one: Standing | None, other: Standing | None) -> Standing:
        known = one or other
        assert known is not None
        if any(side is not None and side.word == "told" for side in (one, other)):
            return Standing("told", known.here, known.joined)
        if one is None or other is None or "differs" in (one.word, other.word):
            return Standing("differs", known.here, known.joined)
        if one.word == other.word:
            return one
        bound = one if one.word == "bound" else other
        self.out.report(
            codes.BRANCHES_DIFFER,
            bound.here,
            f"`{place[1]}` is bound only when a condition holds, and joined in any case",
            labels=[(bound.joined, "joined here")] if bound.joined != bound.here else [],
            hint="bind it in both branches or after them, or join it where it is bound",
        )
        return bound

    def differs(self, place: Place, roles: list[str], node: Any, state: State) -> bool:
        """Report a use of a membership that only one branch of an earlier `if` has joined."""
        standing = state.at(place)
        unsure = [one for one in roles if one in standing and standing[one].word == "differs"]
        if not unsure:
            return False
        if len(unsure) > 1:
            each = " and as ".join(f"`{one}`" for one in unsure)
            message, hint = f"`{place[1]}` is joined as {each}, each in one branch only", "bind it in the branches too"
        else:
            message = f"`{place[1]}` is joined only when a condition holds"
            hint = "join and bind it in the same branch, or in both"
        labels = [(standing[one].joined, "in one branch only") for one in unsure]
        self.out.report(codes.BRANCHES_DIFFER, node.span(self.base), message, labels=labels, hint=hint)
        changed = state.change(place)
        for one in unsure:
            changed[one] = Standing("told", standing[one].here, standing[one].joined)
        return True

    def written(self, node: Any) -> str:
        return self.text[self.base + node.start : self.base + node.end]
