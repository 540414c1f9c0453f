"""Text to nodes: the loop that runs the grammar's table.

Without a mistake the whole text is one run of the automaton, and what it accepts is exactly what Lark accepts. Each
top-level statement that is complete leaves the stacks at once and becomes a chunk, with offsets from the chunk's begin.
At a mistake `vchlang.syntax.mend` takes over from the begin of that statement.
"""

from __future__ import annotations

import gc
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from vchlang.codes import LIMIT_DEPTH, LIMIT_SIZE
from vchlang.diagnostics import Code, Diagnostic, Report
from vchlang.syntax import build, tables
from vchlang.syntax.ast import Broken, Chunk, Expr, Statement
from vchlang.syntax.automaton import (
    APPEND,
    CONTEXT,
    DEEPEST,
    DEEPEST_STACK,
    LARGEST,
    NODE,
    ONE,
    PLACES,
    STATEMENT,
    UNIT,
    Machine,
)
from vchlang.syntax.build import TooDeep, too_deep
from vchlang.syntax.tables import END
from vchlang.text import SourceText, Span


class Parsed(msgspec.Struct, frozen=True):
    """A text as statements, with everything that is wrong with its syntax."""

    source: SourceText
    doc: str  # the file's own `##` text: first in the file, with an empty line after it
    chunks: tuple[Chunk, ...]  # their texts, one after the other, are the source
    diagnostics: tuple[Diagnostic, ...]

    def statements(self) -> Iterator[tuple[int, Statement]]:
        """The top-level statements in order, each with the offset that its places count from."""
        for chunk in self.chunks:
            if chunk.statement is not None:
                yield chunk.base, chunk.statement


def parse(source: SourceText) -> Parsed:
    """Parse a script or a module. Never raises, whatever the text."""
    text = source.text
    run = Run(machine(), source)
    if len(text) > LARGEST:
        run.note(LIMIT_SIZE, 0, 0, _TOO_LARGE)
        whole = Statement(0, len(text), "", (), Broken(0, len(text), "", ()))
        return Parsed(source, "", (Chunk(0, text, whole),), run.report.freeze())
    collecting = gc.isenabled()
    gc.disable()  # nodes are outside of the collector, but each list on the way to them hastens its next run
    try:
        run.scan(text)
        if not run.all():
            from vchlang.syntax.mend import mend

            mend(run)
        return Parsed(source, file_doc(text), tuple(run.chunks()), run.report.freeze())
    finally:
        if collecting:
            gc.enable()


def parse_expression(source: SourceText) -> tuple[Expr | None, tuple[Diagnostic, ...]]:
    """Parse a lone expression, such as the text of `-p name=…`; None where it is broken. Offsets count from the begin
    of the text."""
    run = Run(machine(), source)
    if len(source.text) > LARGEST:
        run.note(LIMIT_SIZE, 0, 0, _TOO_LARGE)
        return None, run.report.freeze()
    node = run.expression(source.text, 0)
    return (None if run.spoiled else node), run.report.freeze()


def tree(text: str) -> tuple[Any, ...] | None:
    """What Lark makes of the grammar, as (rule, children…), from the loop that `parse` runs; None for a text with a
    mistake. It is how the tests hold the two together."""
    run = Run(_tree_machine(), SourceText("", text))
    run.scan(text)
    return ("start", *(statement for _, statement in run.found)) if run.all() else None


def file_doc(text: str) -> str:
    """The `##` lines that a file begins with, where an empty line or nothing follows; a `#!` line may stand before."""
    lines: list[str] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)].strip()
        if line.startswith("##"):
            lines.append(_doc_line(line))
        elif line:
            if at or not line.startswith("#!"):
                return ""
        elif lines:
            break
        if end < 0:
            break
        at = end + 1
    return "\n".join(lines)


def _doc_line(line: str) -> str:
    return line[3:] if line.startswith("## ") else line[2:]


_DOCS = re.compile(r"^(?:[ \t]*+##[^\n]*+\n)++[ \t]*+", re.MULTILINE)
_TOO_LARGE = f"the text has more than {LARGEST // 1024 // 1024} million characters"
TOO_DEEP = f"this nests deeper than {DEEPEST} levels"


# ---- the automaton -------------------------------------------------------------------------------------------------

_MODES = (ONE, UNIT, APPEND, NODE, CONTEXT, PLACES, STATEMENT)


@cache
def machine() -> Machine:
    """The automaton that makes nodes; made at the first text."""
    return Machine(tables.load(), build.action)


@cache
def _tree_machine() -> Machine:
    return Machine(tables.load(), build.tree_action)


class Run:
    """One text on its way through the automaton."""

    def __init__(self, machine: Machine, source: SourceText) -> None:
        self.machine = machine
        self.source = source
        self.report = Report(source.name)
        self.found: list[tuple[int, Any]] = []  # complete top-level statements, each with its base
        self.spoiled = False  # the innermost statement that is not complete yet is to become Broken
        # An offset in a node is that of its token less `origin`, and its place in the file is the offset plus `base`.
        # Both are where the statement's chunk begins, but in an interpolation.
        self.base = self.origin = 0
        self.first = 0  # the token that the top-level statement at hand begins with
        self.at = 0  # the token at which the run stopped
        self.levels = 0  # of interpolations around this one
        self.states: list[int] = []
        self.values: list[Any] = []
        self.places: list[int] = []  # the offset at which each value begins

    def scan(self, text: str) -> None:
        self.text = text
        self.kinds, self.texts, self.ends = self.machine.lexer.scan(text)
        # Runs of `##` lines, by where what stands on the line below begins.
        self.docs = {found.end(): found.span() for found in _DOCS.finditer(text)} if "##" in text else {}

    def all(self) -> bool:
        """Run over the whole text; False at a mistake, with `first` at the statement that it is in."""
        self.restart(0)
        try:
            return self.go(0)
        except TooDeep:
            return False

    def restart(self, token: int) -> None:
        """Be between two top-level statements, before `token`."""
        self.first = token
        self.states[:] = [self.machine.starts[tables.START]]
        self.values.clear()
        self.places.clear()
        self.spoiled = False

    # -- what actions ask for: build.Context

    def note(self, code: Code, start: int, end: int, message: str, hint: str = "") -> None:
        self.report.report(code, Span(self.base + start, self.base + end), message, hint=hint or None)

    def spoil(self, code: Code, start: int, end: int, message: str, hint: str = "") -> None:
        if not self.spoiled:
            self.note(code, start, end, message, hint)
        self.spoiled = True

    def doc(self, start: int) -> str:
        above = self.docs.get(self.base + start)
        return "" if above is None else self._doc(*above)

    def expression(self, text: str, offset: int) -> Expr | None:
        inner = Run(self.machine, self.source)
        inner.report = self.report
        inner.spoiled = self.spoiled
        inner.levels = self.levels + 1
        inner.base = self.base
        inner.origin = -offset
        inner.scan(text)
        inner.states.append(self.machine.starts[tables.EXPR])
        try:
            if inner.levels <= DEEPEST and inner.go(0):
                if not too_deep(inner.values[0], inner.levels):
                    self.spoiled = inner.spoiled
                    return inner.values[0]  # type: ignore[no-any-return]
            elif inner.levels <= DEEPEST:
                from vchlang.syntax.mend import explain

                explain(inner)
                self.spoiled = True
                return None
        except TooDeep:
            pass
        self.spoil(LIMIT_DEPTH, offset, offset + len(text), TOO_DEEP)
        return None

    # -- the loop

    def go(self, token: int) -> bool:
        """Run from `token` on, with the stacks as they are, to the end (True) or to a mistake (False, `at`)."""
        actions, rules = self.machine.actions, self.machine.rules
        kinds, texts, ends = self.kinds, self.texts, self.ends
        one, unit, append, node, context, symbols, statement = _MODES
        # The stacks get room above their top, which saves an append at each shift and a cut at each reduction. A value
        # and its place lie at the index of their state, so there is one more below them.
        top = len(self.states) - 1
        room = [0] * (min(DEEPEST_STACK, len(kinds) - token) + 1)
        states: list[int] = [*self.states, *room]
        values: list[Any] = [None, *self.values, *room]
        places: list[int] = [0, *self.places, *room]
        deepest = len(states) - 1
        origin = self.origin
        last = ends[token - 1] - origin  # where the token before ends
        state = states[top]
        try:
            while True:
                kind = kinds[token]
                while (action := actions[state + kind]) < 0:
                    mode, drop, does, goto = rules[action]
                    if mode == one:
                        values[top] = does(places[top], last, values[top])
                    elif mode == unit:
                        pass
                    elif mode == node:
                        base = top + drop
                        values[base] = does(places[base], last, values[base : top + 1])
                        top = base
                    elif mode == append:
                        value = values[top + 1 + does]
                        top += drop
                        values[top].append(value)
                    elif mode == context:
                        base = top + drop
                        values[base] = does(self, places[base], last, values[base : top + 1])
                        top = base
                    elif mode == symbols:
                        does, children = does
                        base = top + drop
                        begun, taken = places[base : top + 1], values[base : top + 1]
                        if children is None:
                            values[base] = does(begun[0], last, taken, begun)
                        else:
                            taken.append(None)
                            begun.append(0)
                            values[base] = does(begun[0], last, children(taken), children(begun))
                        top = base
                    elif mode == statement:
                        base = top + drop
                        taken = values[base : top + 1]
                        value = self.statement(places[base], last, taken) if does is None else does(0, 0, taken)
                        top = base
                        if top == 1:  # nothing below it but the start: a top-level statement
                            top = 0
                            self.complete(value, token)
                            origin = self.origin
                            state = states[0]
                            continue
                        values[top] = value
                    else:
                        return True
                    state = states[top] = goto[states[top - 1] + kind]
                if action == 0:
                    self.at = token
                    return False
                if kind == END:  # it is shifted after a lone expression only
                    return True
                if top == deepest:
                    raise TooDeep
                top += 1
                states[top] = state = action
                text = values[top] = texts[token]
                last = ends[token] - origin
                places[top] = last - len(text)
                token += 1
        finally:
            self.states[:] = states[: top + 1]
            self.values[:] = values[1 : top + 1]
            self.places[:] = places[1 : top + 1]

    def statement(self, start: int, end: int, taken: list[Any]) -> Statement:
        """The node of a statement whose decorators and kind have been reduced."""
        decorators, node = taken if len(taken) == 2 else ((), taken[0])
        if self.spoiled:
            from vchlang.syntax.mend import broken

            self.spoiled = False
            node = broken(self, start, end)
        return Statement(start, end, self.doc(start), tuple(decorators), node)

    def complete(self, statement: Any, token: int) -> None:
        """Take up a top-level statement; the next one begins with `token`."""
        if isinstance(statement, Statement) and statement.end - statement.start > DEEPEST and too_deep(statement):
            raise TooDeep
        self.found.append((self.base, statement))
        self.first = token
        self.rebase(token)

    def rebase(self, token: int) -> None:
        """Let offsets count from the chunk that begins after the line that the token before `token` ends on."""
        last = self.ends[token - 1] if token else 0
        start = self.ends[token] - len(self.texts[token])
        line = self.text.find("\n", last, start)
        self.base = self.origin = start if line < 0 else line + 1

    def _doc(self, start: int, end: int) -> str:
        """The text of the `##` lines from `start` to `end`, where what they document begins directly below them."""
        # What looks like comments could be the end of a text: then the token before ends below where they begin.
        token = bisect_right(self.ends, end)
        if token and self.ends[token - 1] > start:
            return ""
        return "\n".join(_doc_line(line.strip()) for line in self.text[start:end].split("\n")[:-1])

    def chunks(self) -> Iterator[Chunk]:
        """The text, cut where each statement's offsets begin to count."""
        text = self.text
        found = self.found
        for index, (base, statement) in enumerate(found):
            if index + 1 < len(found):
                end = found[index + 1][0]
            else:
                end = self.base if text[self.base :].strip() else len(text)
            yield Chunk(base, text[base:end], statement)
        rest = self.base if found else 0
        if text[rest:].strip() or (text and not found):
            yield Chunk(rest, text[rest:], None)
