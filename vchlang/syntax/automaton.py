"""The automaton of the grammar: a table, and what is to be done at each reduction.

Those who run it bring their own actions: the parser makes nodes (`vchlang.syntax.build`), the formatter only marks
where things begin and end (`vchlang.syntax.layout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from vchlang.syntax import tables
from vchlang.syntax.lexer import Lexer
from vchlang.syntax.tables import Production, Table

# How an action is called, and takes the symbols off the stacks.
(
    UNIT,  # not at all: the value stays as it is
    ONE,  # f(s, e, value): the rule has one symbol
    APPEND,  # f is the index of the symbol to add to the list that stands first
    NODE,  # f(s, e, v)
    PLACES,  # f(s, e, v, p)
    CHILDREN,  # f(s, e, v, p) of the children alone: no signs and keywords, None for what is absent
    CONTEXT,  # f(context, s, e, v): the action may have something to report
    STATEMENT,  # a statement is complete
    ACCEPT,  # the text is at its end
) = range(9)

LARGEST = 16 * 1024 * 1024  # code points of one text
DEEPEST = 200  # levels of nodes; what reads a tree recurses, a few Python frames for each level
DEEPEST_STACK = 5 * DEEPEST  # symbols: at most five of them make one level of nodes

Action = tuple[int, Any]


class Goto(dict[int, int]):
    """From the state below a rule's symbols plus the next terminal to the state after the reduction, and after all the
    unit reductions that follow from it: from `reference` over `postfix` and `operation` to `expr` in one step."""

    __slots__ = ("after", "machine")

    def __init__(self, machine: Machine, after: dict[int, int]) -> None:
        self.machine = machine
        self.after = after

    def __missing__(self, key: int) -> int:
        machine = self.machine
        terminal = key % machine.width
        below = key - terminal
        state = self.after[below]
        while (action := machine.actions[state + terminal]) < 0:
            mode, _, _, goto = machine.rules[action]
            if mode != UNIT:
                break
            state = goto.after[below]
        self[key] = state
        return state


class Machine:
    """A table with what to do at each reduction."""

    def __init__(self, table: Table, action: Callable[[Production], Action]) -> None:
        self.width = table.width
        self.actions = table.actions
        self.starts = table.starts
        self.terminals = table.terminals
        self.words = table.words
        self.lexer = Lexer(table)
        gotos = {origin: Goto(self, after) for origin, after in table.gotos.items()}
        nowhere = Goto(self, {})
        # How to call; by how much the top of the stacks moves; the action; where to go. From the last rule to the
        # first, so that the number of a reduction, which is below zero, is the index of its rule.
        self.rules: list[tuple[int, int, Any, Goto]] = []
        for rule in reversed(table.rules[1:]):
            mode, does = action(rule) if rule.origin != tables.START else (ACCEPT, None)
            if mode == PLACES:
                does = (does, None)
            elif mode == CHILDREN:
                mode, does = PLACES, (does, _children(rule))
            self.rules.append((mode, 1 - len(rule.symbols), does, gotos.get(rule.origin, nowhere)))
        start = table.starts[tables.START]
        self.statement = gotos["statement"]
        self.starters = frozenset(n for n in range(2, table.width) if table.actions[start + n] > 0)


def _children(rule: Production) -> Callable[[list[Any]], Sequence[Any]]:
    """Picks from a rule's symbols those that an action of the mode CHILDREN gets. Where a part of the rule is absent it
    picks what stands behind the symbols."""
    behind = len(rule.symbols)
    found: list[int] = []
    for index, _, absent in rule.children:
        found += [behind] * absent
        found.append(index)
    found += [behind] * rule.absent
    return itemgetter(*found)
