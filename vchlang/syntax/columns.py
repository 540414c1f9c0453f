"""Columns of `vch fmt`: lines that belong together have their parts below each other.

Neighbours are lines directly below each other that hold one whole statement or entry each, of the same family: elements
with elements, fields with fields. A line is cut where its family has a column (before `at`, behind `name:`), and a part
is widened to the widest of the neighbours that go on with the same column. Where that would make a line too wide,
the parts stay as they are. Comments behind neighbouring lines make a column of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Protocol

WIDEST = 120
_FARTHEST = 24  # spaces that a part may be widened by


class Tokens(Protocol):
    """What is known of the tokens of a text."""

    kinds: list[int]
    texts: list[str]
    close_of: dict[int, int]


Cut = tuple[int, object]


class Row:
    """A line as its parts: the token that each but the first begins with, what tells its column from others, and how
    wide the part before it is. `width` is that of the whole line."""

    __slots__ = ("cuts", "width", "widths")

    def __init__(self, cuts: list[Cut], widths: list[int], width: int) -> None:
        self.cuts, self.widths, self.width = cuts, widths, width


class Columns:
    """The lines of a text on their way out; those that are neighbours wait for each other.

    words: numbers of reserved words and signs. pieces: for each token what stands before it and the token.
    tall: tokens that are several lines long.
    statements, fields, declared: where they begin and end. behind: comments behind a line, with its indentation.
    """

    def __init__(
        self,
        words: Mapping[str, int],
        tokens: Tokens,
        pieces: list[str],
        tall: Sequence[int],
        statements: Mapping[int, int],
        fields: Mapping[int, int],
        declared: Mapping[int, int],
    ) -> None:
        self.lines: list[str] = []
        self.behind: list[tuple[int, str, str]] = []
        self._kinds, self._close_of, self._texts = tokens.kinds, tokens.close_of, tokens.texts
        self._pieces, self._tall = pieces, tall
        self._statements, self._fields, self._declared = statements, fields, declared
        self._waiting: list[tuple[int, int, int, str]] = []  # line, first token, the one behind the last, indentation
        self._family = 0
        number = words.__getitem__
        self._comma, self._dot, self._colon, self._equal, self._bracket = map(number, (",", ".", ":", "=", "["))
        self._opens = frozenset(map(number, ("{", "[", "(")))
        self._element, self._rule, self._param = map(number, ("create", "allow", "param"))
        self._assigned = frozenset(map(number, ("let", "output", "type")))
        # By the word that a statement begins with: its family, called by one of these words.
        self._families = {one: one for one in (*self._assigned, self._param, number("join"), number("bind"))}
        self._families |= dict.fromkeys(map(number, ("create", "adopt", "ensure", "existing")), self._element)
        self._families |= dict.fromkeys(map(number, ("allow", "deny")), self._rule)
        # Words that begin a clause, and what tells its column: `in` and `at` share one, as `from` and `to` do.
        place = dict.fromkeys(map(number, ("in", "at")), number("at"))
        body = {number("{"): number("{")}
        role = {number("as"): number("as")}
        self._clauses = {
            self._element: place | body,
            number("join"): role | body | {number("bind"): number("bind")} | {number("at"): number("at")},
            number("bind"): role | body | {number("at"): number("at")},
            self._rule: dict.fromkeys(map(number, ("from", "to")), number("to")),
        }

    def add(self, start: int, after: int, indent: str, row: bool) -> None:
        """Take up the line of the tokens from `start` to before `after`; `row` where it begins a statement or entry."""
        family = self._family_of(start, after) if row else 0
        if family and self._tall and self._is_tall(start, after):
            family = 0
        waiting = self._waiting
        if waiting and (family != self._family or waiting[-1][3] != indent):
            self.end()
        if family:
            self._family = family
            waiting.append((len(self.lines), start, after, indent))
            self.lines.append("")
        else:
            self.lines.append(indent + "".join(self._pieces[2 * start + 1 : 2 * after]))

    def _is_tall(self, start: int, after: int) -> bool:
        at = bisect_left(self._tall, start)
        return at < len(self._tall) and self._tall[at] < after

    def _family_of(self, start: int, after: int) -> int:
        """What lines can be neighbours of one; 0 where none can."""
        if (end := self._statements.get(start)) is not None:
            return self._families.get(self._kinds[start], 0) if end == after else 0
        for family, entries in ((_FIELD, self._fields), (_DECLARED, self._declared)):
            if (end := entries.get(start)) is not None:
                whole = end == after or (end == after - 1 and self._kinds[end] == self._comma)
                return family if whole and self._kinds[start + 1] == self._colon else 0
        return 0

    def end(self) -> None:
        """The next line is no neighbour of those before."""
        waiting = self._waiting
        if not waiting:
            return
        if len(waiting) > 1:
            rows = [self._row(start, after, len(indent)) for _, start, after, indent in waiting]
            self._align(rows, 0, len(rows), 0)
        pieces = self._pieces
        for line, start, after, indent in waiting:
            self.lines[line] = indent + "".join(pieces[2 * start + 1 : 2 * after])
        waiting.clear()

    def _row(self, start: int, after: int, indent: int) -> Row:
        pieces = self._pieces
        cuts = self._cuts(start, after)
        widths: list[int] = []
        width = indent
        for cut, _ in cuts:
            part = len("".join(pieces[2 * start + 1 : 2 * cut]))
            widths.append(part)
            width += part + 1
            start = cut
        return Row(cuts, widths, width + len("".join(pieces[2 * start + 1 : 2 * after])))

    def _align(self, rows: list[Row], begin: int, end: int, column: int) -> None:
        """Widen a part of each row to that of its neighbours, where they go on with the same column; then the next."""
        while begin < end:
            after = begin + 1
            cuts = rows[begin].cuts
            if len(cuts) > column:
                name = cuts[column][1]
                least = widest = rows[begin].widths[column]
                while after < end:
                    row = rows[after]
                    if len(row.cuts) <= column or row.cuts[column][1] != name:
                        break
                    width = row.widths[column]
                    least, widest = min(least, width), max(widest, width)
                    after += 1
                if after - begin > 1:
                    if least < widest <= least + _FARTHEST:
                        self._widen(rows[begin:after], column, widest)
                    self._align(rows, begin, after, column + 1)
            begin = after

    def _widen(self, rows: list[Row], column: int, widest: int) -> None:
        if any(row.width <= WIDEST < row.width + widest - row.widths[column] for row in rows):
            return
        for row in rows:
            if wider := widest - row.widths[column]:
                row.width += wider
                self._pieces[2 * row.cuts[column][0]] = " " * (wider + 1)

    def _cuts(self, start: int, after: int) -> list[Cut]:
        """The tokens that columns begin with, and what tells one column from another."""
        family = self._family
        if family == _FIELD:
            return [(start + 2, _FIRST), *self._entries(start + 2, after)]
        if family == _DECLARED:
            return [(start + 2, _FIRST), *self._assignment(start + 2, after)]
        if family == self._param:
            return [(start + 3, _FIRST), *self._assignment(start + 3, after)]
        if family in self._assigned:
            return self._assignment(start + 2, after)
        cuts = self._clauses_of(start, after)
        return cuts + self._entries(cuts[-1][0], after) if cuts else cuts

    def _clauses_of(self, start: int, after: int) -> list[Cut]:
        """The clauses of a statement; braces are one."""
        family, kinds = self._family, self._kinds
        cuts: list[Cut] = []
        token = start + 1
        if family == self._element:
            cuts = [(start + 1, _FIRST), (start + 2, _FIRST)]
            token = start + 3
            while kinds[token] == self._bracket:
                token = self._close_of[token] + 1
        elif family == self._rule:
            cuts = [(start + 1, _FIRST)]
        clauses = self._clauses[family]
        while token < after:
            kind = kinds[token]
            if kind in clauses and kinds[token - 1] != self._dot:
                cuts.append((token, clauses[kind]))
            token = self._close_of[token] + 1 if kind in self._opens else token + 1
        return cuts

    def _entries(self, brace: int, after: int) -> list[Cut]:
        """The second entry and those after it, in braces that the line ends with. A column goes by the name of the
        entry before it, so that only the same things stand below each other."""
        kinds, texts, fields = self._kinds, self._texts, self._fields
        cuts: list[Cut] = []
        end = after - 1 if kinds[after - 1] != self._comma else after - 2
        if self._close_of.get(brace) != end:
            return cuts
        token = brace + 1
        while token in fields:
            name = texts[token] if kinds[token + 1] == self._colon else "".join(texts[token : fields[token]])
            token = fields[token]
            if kinds[token] == self._comma:
                token += 1
            if token < end:
                cuts.append((token, name))
        return cuts

    def _assignment(self, token: int, after: int) -> list[Cut]:
        """The `=` of a declaration whose type, if any, begins at the token."""
        kinds = self._kinds
        while token < after:
            kind = kinds[token]
            if kind == self._equal:
                return [(token, kind)]
            token = self._close_of[token] + 1 if kind in self._opens else token + 1
        return []

    def text(self) -> str:
        """All lines, with the comments behind them."""
        self.end()
        at = 0
        behind = self.behind
        while at < len(behind):
            line, indent, _ = behind[at]
            count = 1
            while at + count < len(behind) and behind[at + count][:2] == (line + count, indent):
                count += 1
            neighbours = behind[at : at + count]
            widths = [len(self.lines[one].rpartition("\n")[2]) for one, _, _ in neighbours]
            widest = max(widths)
            for (one, _, comment), width in zip(neighbours, widths, strict=True):
                self.lines[one] += " " * (widest - width + 2) + comment
            at += count
        return "\n".join(self.lines) + "\n" if self.lines else ""


_FIELD, _DECLARED = -1, -2  # families beside those of statements
_FIRST = 0  # a column that every line of its family has
