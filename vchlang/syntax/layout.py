"""`vch fmt`: the same tokens, laid out in one way.

Where lines break is the author's choice, within limits; spaces, indentation, commas and columns are not:

- a statement begins a line, but for one that stands alone in braces on one line; decorators stand on lines above it;
- a bracket with a line break between its entries, or inside of its ends, is open: its ends are the last of a line and
  the first of another, and what is inside is indented by one step. Entries that share a line go on sharing it;
- entries in braces have commas only between those of one line; in an open list there is one at the end of each line;
- any other break is kept as a continuation, indented by one step;
- of several empty lines one is kept, none at the inner side of a bracket;
- columns: see `vchlang.syntax.columns`.

Comments stay between the tokens that they stood between, and no token changes but commas: so formatting keeps the tree,
documentation included, and formatting twice changes nothing.

It is done on tokens. The automaton of the grammar runs over them without making nodes, and only marks what braces and
commas are; a text that it does not accept is not laid out at all.
"""

from __future__ import annotations

import gc
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from vchlang.syntax import tables
from vchlang.syntax.automaton import DEEPEST, DEEPEST_STACK, LARGEST, NODE, UNIT, Action, Goto, Machine
from vchlang.syntax.columns import Columns
from vchlang.syntax.tables import END, EXPR, START, Production
from vchlang.syntax.texts import interpolations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vchlang.diagnostics import Diagnostic
    from vchlang.text import SourceText

STEP = "  "
_SYNTAX = ("syntax", "unclosed", "reserved-word", "unknown-character", "limit-depth", "limit-size")

# What the automaton marks.
(
    _STATEMENT,
    _DECORATOR,
    _BLOCK,
    _BODY,
    _RECORD_TYPE,
    _LISTED,  # what is between brackets that may end with a comma
    _MAP_FOR,
    _FIELD,
    _DECLARED,
    _GENERIC,
    _PREFIX,
) = range(11)

_MARKS = {
    "statement": _STATEMENT,
    "decorator": _DECORATOR,
    "block": _BLOCK,
    "body": _BODY,
    "record_type": _RECORD_TYPE,
    "map_comprehension": _MAP_FOR,
    "field": _FIELD,
    "spread": _FIELD,
    "named_arg": _FIELD,
    "member_type": _DECLARED,
    "declaration": _DECLARED,
    "generic_type": _GENERIC,
    "prefix": _PREFIX,
    **dict.fromkeys(("_args", "_params", "_items", "_parts", "_imports"), _LISTED),
}

Spans = list[tuple[int, int]]  # of tokens: the first, and the one behind the last


def format_script(source: SourceText) -> tuple[str, tuple[Diagnostic, ...]]:
    """A script in its canonical form, its lines ending with a line feed; empty for an empty one.

    A text with mistakes of syntax comes back as it is, with their diagnostics: nobody knows what it means.
    """
    collecting = gc.isenabled()
    gc.disable()  # all that is made lasts to the end
    try:
        return _formatted(source)
    finally:
        if collecting:
            gc.enable()


def _formatted(source: SourceText) -> tuple[str, tuple[Diagnostic, ...]]:
    tokens = _Tokens(source.text) if len(source.text) <= LARGEST else None
    if tokens is None or not tokens.sound:
        # The automaton says no, or cannot say how deep the nodes would be. The parser knows, and has the words for it.
        from vchlang.syntax.parser import parse

        mistakes = tuple(one for one in parse(source).diagnostics if one.code in _SYNTAX)
        if mistakes:
            return source.text, mistakes
        assert tokens is not None and tokens.accepted
    return _Layout(tokens).text(), ()


# ---- what the tokens are -------------------------------------------------------------------------------------------


def _action(rule: Production) -> Action:
    mark = _MARKS.get("prefix" if rule.origin == "prefix" else rule.name)
    return (UNIT, None) if mark is None and len(rule.symbols) == 1 else (NODE, mark)


@cache
def _machine() -> Machine:
    return Machine(tables.load(), _action)


@cache
def _rules() -> list[tuple[int, int | None, Goto]]:
    return [(drop, mark, goto) for _, drop, mark, goto in _machine().rules]


def _marks(kinds: Sequence[int], start: str) -> list[Spans] | None:
    """What the automaton finds in a run over the tokens, by mark, in the order in which things end. None where it does
    not accept them."""
    machine = _machine()
    actions, rules = machine.actions, _rules()
    found: list[Spans] = [[] for _ in range(_PREFIX + 1)]
    room = min(DEEPEST_STACK, len(kinds)) + 2
    states, places = [0] * room, [0] * room
    top = 0
    states[0] = state = machine.starts[start]
    for token, kind in enumerate(kinds):
        while (action := actions[state + kind]) < 0:
            drop, mark, goto = rules[action]
            top += drop
            if mark is not None:
                found[mark].append((places[top], token))
            elif not goto.after:
                return found  # of the start symbol: the text is complete
            states[top] = state = goto[states[top - 1] + kind]
        if action == 0:
            return None
        if kind == END:  # it is shifted after a lone expression only
            return found
        top += 1
        if top == room:
            return None
        states[top] = state = action
        places[top] = token
    return None


_MEMBERS = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)(?:\.[A-Za-z_][A-Za-z0-9_]*+)*+")
"""A name and members of it: most of what stands in a `${…}`, and sound whatever it is called."""


def _holes(text: str) -> Iterator[tuple[int, int, int]]:
    return interpolations(text, 3 if text.startswith('"""') else 1)


def _holes_fit(text: str, level: int) -> bool:
    """Whether what stands in the `${…}` of a text, quotes included, is what should."""
    for _, first, last in _holes(text):
        if last < 0 or level > DEEPEST:
            return False
        simple = _MEMBERS.fullmatch(text, first, last)
        if simple is not None and simple[1] not in _machine().words:
            continue
        kinds, texts, _ = _machine().lexer.parts(text[first:last])
        if _marks(kinds, EXPR) is None:
            return False
        if not all(_holes_fit(one, level + 1) for one in texts if one[:1] == '"' and "${" in one):
            return False
    return True


class _Tokens:
    """A text as tokens, with what is known of them.

    accepted: whether they are a script. sound: and one that is not nested so deep that the parser could refuse it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.accepted = self.sound = False
        self.kinds, self.texts, self.gaps = _machine().lexer.parts(text)  # a gap is what stands before a token
        found = _marks(self.kinds, START)
        if found is None:
            return
        self.found = found
        if "${" in text:
            holed = {one for one in set(self.texts) if "${" in one and one[0] == '"'}
            if not all(_holes_fit(one, 1) for one in holed):
                return
            named = {self.texts[first] for mark in (_FIELD, _DECLARED) for first, _ in found[mark]}
            if any(any(_holes(one)) for one in holed & named):  # names of fields are plain texts
                return
        self.accepted = True
        self._match()
        begins = sorted(first for first, _ in found[_STATEMENT])
        longest = max((after - first for first, after in pairwise([*begins, len(self.kinds)])), default=0)
        self.sound = longest + 3 * self.depth <= DEEPEST

    def _match(self) -> None:
        """Which brackets belong together, and which is the innermost one around the first token of each line."""
        kinds, gaps = self.kinds, self.gaps
        opens, closes = _brackets()
        broken = {gap for gap in set(gaps) if "\n" in gap}
        wide = {gap for gap in broken if "#" in gap or gap.count("\n") > 1}
        # By the first token of a line: the bracket around it, or -1.
        self.breaks = dict.fromkeys([token for token, gap in enumerate(gaps) if gap in broken], -1)
        # Tokens with comments or empty lines before them, and where there may be some.
        self.wide = {0, len(kinds) - 1, *(token for token in self.breaks if gaps[token] in wide)}
        both = opens | closes
        events = sorted({*self.breaks, *[token for token, kind in enumerate(kinds) if kind in both]})
        self.close_of: dict[int, int] = {}
        stack: list[int] = []
        depth = 0
        for token in events:
            if stack and token in self.breaks:
                self.breaks[token] = stack[-1]
            kind = kinds[token]
            if kind in opens:
                stack.append(token)
                depth = max(depth, len(stack))
            elif kind in closes:
                self.close_of[stack.pop()] = token
        self.depth = depth


@cache
def _brackets() -> tuple[frozenset[int], frozenset[int]]:
    words = _machine().words
    return frozenset(words[one] for one in "{(["), frozenset(words[one] for one in "})]")


# ---- spaces --------------------------------------------------------------------------------------------------------

_VALUES = ("NAME", "NUMBER", "STRING", "RAW", "TEXT", "RAW_TEXT", "RPAR", "RSQB", "RBRACE", "TRUE", "FALSE", "NULL")


@cache
def _values() -> frozenset[int]:
    """Kinds of tokens that a value can end with."""
    return frozenset(number for number, name in enumerate(_machine().terminals) if name in _VALUES)


_ASK = "?"  # a word of the language before a bracket or a dot: behind a dot it is a name


@cache
def _spaces() -> list[list[str]]:
    """What stands between two tokens, by their kinds, where these alone tell."""
    machine = _machine()
    number = {name: n for n, name in enumerate(machine.terminals)}
    words = machine.words
    table = [[" "] * machine.width for _ in range(machine.width)]
    for word in filter(str.isalpha, words):
        for sign in "([.":
            table[words[word]][words[sign]] = _ASK
    for name in _VALUES:
        for sign in "([.":
            table[number[name]][words[sign]] = ""
    for one in range(machine.width):
        for sign in (",", ":", "?", ")", "]", ".."):
            table[one][words[sign]] = ""
        for sign in ("(", "[", ".", "@", "...", ".."):
            table[words[sign]][one] = ""
    table[words["{"]][words["}"]] = ""
    for sign in (".", "..."):
        table[words[".."]][words[sign]] = " "
    return table


def _separators(tokens: _Tokens, whole: dict[int, int]) -> list[str]:
    """What stands before each token, where it does not begin a line. whole: entries, and where each ends."""
    kinds, found, texts = tokens.kinds, tokens.found, tokens.texts
    words = _machine().words
    table = _spaces()
    apart = [table[one][other] for one, other in pairwise(kinds)]
    apart.insert(0, "")
    at = 0
    for _ in range(apart.count(_ASK)):
        at = apart.index(_ASK, at)
        apart[at] = "" if at > 1 and kinds[at - 2] == words["."] else " "
    for token, _ in found[_PREFIX]:
        if kinds[token] == words["-"]:
            apart[token + 1] = ""
    for first, after in found[_GENERIC]:
        apart[first + 1] = apart[first + 2] = apart[after - 1] = ""
    for first, after in found[_MAP_FOR]:
        apart[first + 1] = apart[after - 1] = ""
    for first, after in found[_RECORD_TYPE]:
        end = whole.get(first + 1, 0)
        if texts[first + 1][:1].isupper() and (end == after - 1 or (end == after - 2 and kinds[end] == words[","])):
            apart[first + 1] = apart[after - 1] = ""  # a map type
    return apart


# ---- lines ---------------------------------------------------------------------------------------------------------


class _Layout:
    """Lines out of tokens: first which tokens begin one, then the lines."""

    def __init__(self, tokens: _Tokens) -> None:
        self.tokens = tokens = _commas_first(tokens)
        self.words = _machine().words
        found = tokens.found
        self.statements = dict(found[_STATEMENT])
        self.fields = dict(found[_FIELD])
        self.declared = dict(found[_DECLARED])
        self.whole = self.fields | self.declared
        self.apart = _separators(tokens, self.whole)
        self.written = tokens.texts[:]
        self.rows: set[int] = set(self.statements)  # tokens that begin a line, if they do, and go on with none
        self.open: set[int] = set()  # brackets over several lines
        self.starts = self._starts()

    def _starts(self) -> list[int]:
        """The tokens that begin a line, in order, and the end of the text."""
        tokens, words, kinds = self.tokens, self.words, self.tokens.kinds
        found, close_of, breaks = tokens.found, tokens.close_of, tokens.breaks
        blocks = {first for first, _ in found[_BLOCK]}
        loose = {first for mark in (_BODY, _RECORD_TYPE) for first, _ in found[mark]}
        listed = {close for _, close in found[_LISTED]}
        comma = words[","]
        for first, after in found[_BLOCK]:
            if self.statements.get(first + 1, after - 1) != after - 1 or kinds[first + 1] == words["@"]:
                self.open.add(first)
        for token, around in breaks.items():
            if around < 0 or around in blocks:
                continue
            close = close_of[around]
            if token in (around + 1, close):
                self.open.add(around)
            elif (around in loose and token in self.whole) or (close in listed and kinds[token - 1] == comma):
                self.open.add(around)
                self.rows.add(token)
        self._open_blocks(blocks)

        starts = {0, len(kinds) - 1}
        ends = {after - 1 for _, after in found[_BLOCK]}
        for token in breaks:
            if not self._joined(token, ends):
                starts.add(token)
        for first in self.statements:
            if first - 1 not in blocks or first - 1 in self.open:
                starts.add(first)
        for _, after in found[_DECORATOR]:
            if kinds[after] != words["@"]:
                starts.add(after)
                self.rows.add(after)
        for around in self.open:
            starts.update((around + 1, close_of[around]))
            self.rows.add(around + 1)
        self._commas(loose, listed, starts)
        return sorted(starts)

    def _open_blocks(self, blocks: set[int]) -> None:
        """A block is open where anything in it is on several lines."""
        lines = sorted({*self.tokens.breaks, *(around + 1 for around in self.open)})
        for first in blocks - self.open:
            at = bisect_right(lines, first)
            if at < len(lines) and lines[at] <= self.tokens.close_of[first]:
                self.open.add(first)
        # Those of one `if` look alike. Behind a block's end, `else` belongs to one, and the next block is its other.
        order = sorted(blocks)
        for first in order:
            chain = [first]
            while self.tokens.kinds[(close := self.tokens.close_of[chain[-1]]) + 1] == self.words["else"]:
                chain.append(order[bisect_right(order, close)])
            if len(chain) > 1 and not self.open.isdisjoint(chain):
                self.open.update(chain)

    def _joined(self, token: int, ends: set[int]) -> bool:
        """Whether what begins a line is moved to the end of the line before. ends: of blocks."""
        tokens, words = self.tokens, self.words
        kind, around = tokens.kinds[token], tokens.breaks[token]
        if token in self.rows or (around in self.open and token in (around + 1, tokens.close_of[around])):
            return False
        otherwise = kind == words["else"] and token - 1 in ends
        if otherwise:
            self.rows.add(token)
        elif token not in self.open or tokens.kinds[token - 1] not in _values():
            return False
        return token not in tokens.wide or "#" not in tokens.gaps[token]

    def _commas(self, loose: set[int], listed: set[int], starts: set[int]) -> None:
        """Take away the commas that a line in braces or a bracket ends with. Entries on one line get one between them,
        and an open list at its end."""
        kinds, comma, written = self.tokens.kinds, self.words[","], self.written
        begin = {self.words[one] for one in (",", "{", "(", "[", "param")}
        for first in self.whole:
            if kinds[first - 1] not in begin and first not in starts:
                written[first - 1] += ","
        for token, around in self.tokens.breaks.items():
            if around in loose and token in self.whole and kinds[token - 1] == comma and token - 1 not in starts:
                written[token - 1] = ""
        for around in loose:
            last = self.tokens.close_of[around] - 1
            if kinds[last] == comma and last not in starts:
                written[last] = ""
        for close in listed:
            if kinds[close - 1] == comma:
                if close not in starts and close - 1 not in starts:
                    written[close - 1] = ""
            elif close in starts:
                written[close - 1] += ","

    def text(self) -> str:
        """The whole script."""
        tokens, rows, wide, opens = self.tokens, self.rows, self.tokens.wide, self.open
        closes = {tokens.close_of[around] for around in opens}
        last = len(tokens.kinds) - 1
        written = self.written
        if "\r\n" in tokens.text:
            written = [one.replace("\r\n", "\n") if "\r" in one else one for one in written]
        long = '"""' in tokens.text or "'''" in tokens.text
        tall = [token for token, one in enumerate(written) if "\n" in one] if long else []
        pieces = [""] * (2 * last + 2)
        pieces[0::2] = self.apart
        pieces[1::2] = written
        columns = Columns(self.words, tokens, pieces, tall, self.statements, self.fields, self.declared)
        lines = columns.lines
        inside = [""]  # how far what is in the open brackets is indented
        indent = ""
        opened = True  # the line before is the begin of a bracket, or there is none
        for start, after in pairwise([*self.starts, last + 1]):
            before, inner, row = indent, inside[-1], start in rows
            closing = start in closes
            if closing:
                inside.pop()
                indent = inner[len(STEP) :]
            else:
                indent = inner if row or start in (0, last) else inner + STEP
            if start in wide:
                above = tokens.gaps[start].split("\n")
                if start and (behind := above.pop(0).strip()):
                    columns.behind.append((len(lines) - 1, before, behind))
                if start != last and above:
                    above.pop()
                empty = commented = False
                for one in map(str.strip, above):
                    if not one:
                        empty = True
                        continue
                    columns.end()
                    if empty and not opened:
                        lines.append("")
                    lines.append((inner if closing else indent) + one)
                    commented = True
                    empty = opened = False
                if empty and not opened and not closing and start != last and (row or commented):
                    columns.end()
                    lines.append("")
            if start == last:
                break
            columns.add(start, after, indent, row)
            opened = after - 1 in opens
            if opened:
                inside.append(indent + STEP)
        return columns.text()


def _commas_first(tokens: _Tokens) -> _Tokens:
    """The same with commas at the ends of lines where they were at the begin. Not those beside a `##` comment, which
    could come to document what follows."""
    comma = _machine().words[","]
    led = [
        token
        for token in tokens.breaks
        if tokens.kinds[token] == comma and "##" not in tokens.gaps[token] + tokens.gaps[token + 1]
    ]
    if not led:
        return tokens
    gaps = tokens.gaps[:]
    texts = tokens.texts[:]
    for token in led:
        gaps[token], texts[token] = ",", gaps[token]
    pieces = [""] * (2 * len(texts))
    pieces[0::2] = gaps
    pieces[1::2] = texts
    return _Tokens("".join(pieces))
