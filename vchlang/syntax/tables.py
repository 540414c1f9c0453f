"""From `grammar/vch.lark` to the table that the parser runs on: LALR(1), made by Lark, kept in one file.

Lark is the only reader of the grammar. It is asked strictly, so that a conflict is an error and not a silent choice,
and with the basic lexer, so that a reserved word is never taken for a name. But it is slow to start and to run, so what
it finds out is written once into `_data/grammar.table` (plain marshal, no pickle: reading it runs no code) beside the
text of the grammar, and a start reads that. Where the file is missing or made from another grammar, it is made anew.

`python -m vchlang.syntax.tables [--if-stale]` writes the file.
"""

from __future__ import annotations

import marshal
import os
import sys
from array import array
from typing import Any

import msgspec

from vchlang import resources

START, EXPR = "start", "expr"  # the start symbols: statements, and the expression in `${…}`
END, BAD = 0, 1  # the first two terminals: the end of the text, and what is no word of the language
_FORMAT = 2  # of the file; a change of what is written below needs the next number


class Production(msgspec.Struct, frozen=True):
    """One rule as Lark expanded it: a `*` has become a rule of its own, an optional part two rules."""

    origin: str
    name: str  # the alias, else the origin: what Lark calls the tree
    symbols: tuple[str, ...]
    # Lark's view of the children: (index of the symbol, taken apart?, how many absent ones stand before it).
    children: tuple[tuple[int, bool, int], ...]
    absent: int  # how many absent ones stand after the last
    single: bool  # a lone child stands for the whole


class Table(msgspec.Struct, frozen=True):
    """The automaton. A state is its number times `width`, so that `actions[state + terminal]` is one step: above zero
    the state to shift to, below zero a reduction by `rules[-n]`, zero a mistake."""

    terminals: tuple[str, ...]  # by number; the first two are END and BAD
    words: dict[str, int]  # those written in the grammar as a text, by that text: reserved words and signs
    patterns: dict[str, str]  # the others, by name
    ignored: tuple[str, ...]  # which of them stand between the tokens
    width: int
    actions: list[int]
    gotos: dict[str, dict[int, int]]  # by rule, then by the state below it
    rules: tuple[Production, ...]  # from 1; the first is a filler
    starts: dict[str, int]


def load() -> Table:
    """The table of the grammar as it is now, read or, where there is none, made and kept."""
    with open(resources.grammar_file(), encoding="utf-8") as file:
        grammar = file.read()
    key = _key(grammar)
    table = _read(key)
    if table is None:
        parts = _compile(grammar)
        _write(key, parts)
        table = _table(parts)
    return table


def _key(grammar: str) -> str:
    return f"{_FORMAT} {sys.implementation.cache_tag} {marshal.version}\n{grammar}"


def _read(key: str) -> Table | None:
    try:
        with open(resources.grammar_table(), "rb") as file:
            found, parts = marshal.loads(file.read())
        return _table(parts) if found == key else None
    except (OSError, EOFError, ValueError, TypeError, KeyError):  # absent, cut short, or of another format
        return None


def _write(key: str, parts: tuple[Any, ...]) -> None:
    """Put the file in place whole, or leave it: an installation may belong to somebody else."""
    path = resources.grammar_table()
    beside = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(beside, "wb") as file:
            file.write(marshal.dumps((key, parts)))
        os.replace(beside, path)
    except OSError:
        try:
            os.unlink(beside)
        except OSError:
            pass


def _table(parts: tuple[Any, ...]) -> Table:
    terminals, words, patterns, ignored, actions, gotos, rules, starts = parts
    numbers = array("i")
    numbers.frombytes(actions)
    return Table(
        terminals=terminals,
        words=words,
        patterns=patterns,
        ignored=ignored,
        width=len(terminals),
        actions=numbers.tolist(),
        gotos=gotos,
        rules=tuple(Production(*rule) for rule in rules),
        starts=starts,
    )


def _compile(grammar: str) -> tuple[Any, ...]:
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    lark: Any = Lark(grammar, parser="lalr", lexer="basic", strict=True, start=[START, EXPR], maybe_placeholders=True)
    lalr = lark.parser.parser._parse_table
    by_name = {terminal.name: terminal for terminal in lark.terminals}
    ignored = tuple(sorted(lark.ignore_tokens))
    terminals = ("$END", "$BAD", *sorted(name for name in by_name if name not in ignored))
    number = {name: n for n, name in enumerate(terminals)}
    words: dict[str, int] = {}
    patterns: dict[str, str] = {}
    for name, terminal in by_name.items():
        if terminal.pattern.type == "str":
            words[terminal.pattern.value] = number[name]
        else:
            patterns[name] = terminal.pattern.to_regexp()

    # Nothing is ever shifted to a start state, so that state 0 is free to mean a mistake.
    first = [lalr.start_states[START], lalr.start_states[EXPR]]
    order = first + sorted(state for state in lalr.states if state not in first)
    width = len(terminals)
    state_of = {state: n * width for n, state in enumerate(order)}
    actions = array("i", bytes(4 * width * len(order)))
    gotos: dict[str, dict[int, int]] = {}
    productions: dict[Any, int] = {}
    for state, row in lalr.states.items():
        for symbol, (action, target) in row.items():
            name = str(symbol)
            if action is not Shift:
                actions[state_of[state] + number[name]] = -productions.setdefault(target, len(productions) + 1)
            elif name in number:
                actions[state_of[state] + number[name]] = state_of[target]
            else:
                gotos.setdefault(name, {})[state_of[state]] = state_of[target]
    # Lark's loop knows its last state by number; ours shifts the end of the text there, to any state.
    for name in (START, EXPR):
        done = state_of[lalr.end_states[name]]
        actions[done + END] = done
    rules = [("", "", (), (), 0, False), *map(_production, productions)]
    starts = {name: state_of[lalr.start_states[name]] for name in (START, EXPR)}
    return terminals, words, patterns, ignored, actions.tobytes(), gotos, tuple(rules), starts


def _production(rule: Any) -> tuple[Any, ...]:
    options = rule.options
    # Lark marks with True what is absent from this variant of the rule, between the symbols that are there.
    gaps = [0]
    for mark in options.empty_indices or (False,) * len(rule.expansion):
        if mark:
            gaps[-1] += 1
        else:
            gaps.append(0)
    children: list[tuple[int, bool, int]] = []
    absent = 0
    for index, symbol in enumerate(rule.expansion):
        absent += gaps[index]
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            children.append((index, not symbol.is_term and symbol.name.startswith("_"), absent))
            absent = 0
    absent += gaps[len(rule.expansion)]
    name = str(rule.alias or rule.origin.name)
    symbols = tuple(str(symbol.name) for symbol in rule.expansion)
    single = bool(options.expand1 and not rule.alias)
    return str(rule.origin.name), name, symbols, tuple(children), absent, single


def main(arguments: list[str]) -> int:
    with open(resources.grammar_file(), encoding="utf-8") as file:
        grammar = file.read()
    key = _key(grammar)
    if "--if-stale" not in arguments or _read(key) is None:
        _write(key, _compile(grammar))
        if _read(key) is None:
            print(f"cannot write {resources.grammar_table()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
