"""Text to tokens: one regular expression, made from the terminals of the grammar.

Tokens are three lists (kinds, texts, ends) rather than objects; what stands between two tokens is space and comments.
The scan always ends and is linear: a character that begins no token is a token itself, of the kind BAD, and an unclosed
text one to the end of its line.
"""

from __future__ import annotations

import re

from vchlang.syntax.tables import BAD, END, Table


class Lexer:
    """The tokens of one grammar."""

    def __init__(self, table: Table) -> None:
        self._words = {**table.words, "": END}
        self._number = {name: n for n, name in enumerate(table.terminals)}
        skip = "|".join(_possessive(table.patterns[name]) for name in table.ignored)
        tokens = [_possessive(pattern) for name, pattern in table.patterns.items() if name not in table.ignored]
        # Reserved words are names to this expression; signs come with the longest first.
        signs = sorted((word for word in table.words if not word.isalpha()), key=lambda word: (-len(word), word))
        tokens[1:1] = [re.escape(sign) for sign in signs]
        some = "|".join(tokens)
        token = f"{some}|{_OTHER}|\\Z"
        # Compiled at their first use: a run needs one or two of them.
        self._next = f"(?:{skip})*+({some}|({_UNCLOSED})|{_OTHER}|\\Z)(?(2)[^\\n]*+)"
        self._all = f"(?:{skip})*+({token})"
        self._parts = f"((?:{skip})*+)({token})"
        self._skip = f"(?:{skip})*+"

    def scan(self, text: str) -> tuple[list[int], list[str], list[int]]:
        """Kinds, texts and ends of the tokens; the last is END, at the end of the text and with no text of its own."""
        if not self._is_plain(text):
            return self._scan_unclosed(text)
        texts: list[str] = re.findall(self._all, text)
        if len(texts) > 1 and not texts[-2]:  # after comments at the end of the text, its end is found twice
            del texts[-1]
        kinds = _Kinds(self._words)
        kinds.number = self._number
        numbers = list(map(kinds.__getitem__, texts))
        if not _STRAY.isdisjoint(kinds):
            return self._scan_unclosed(text)
        return numbers, texts, self._ends(text, texts)

    def parts(self, text: str) -> tuple[list[int], list[str], list[str]]:
        """Kinds, texts, and what stands before each token; the last is END, as of `scan`."""
        if not self._is_plain(text):
            return self._parts_of(text)
        # One match after the other, so that nothing is between them: "", what was skipped, the token, "", …
        found = re.split(self._parts, text)
        gaps, texts = found[1::3], found[2::3]
        if len(texts) > 1 and not texts[-2]:
            del texts[-1], gaps[-1]
        kinds = _Kinds(self._words)
        kinds.number = self._number
        numbers = list(map(kinds.__getitem__, texts))
        return (numbers, texts, gaps) if _STRAY.isdisjoint(kinds) else self._parts_of(text)

    def _parts_of(self, text: str) -> tuple[list[int], list[str], list[str]]:
        kinds, texts, ends = self._scan_unclosed(text)
        before = [0, *ends[:-1]]
        gaps = [text[first : end - len(one)] for first, end, one in zip(before, ends, texts, strict=True)]
        return kinds, texts, gaps

    def _is_plain(self, text: str) -> bool:
        return not (_ESCAPED in text or max(map(len, text.split("\n"))) > _LONG)

    def _ends(self, text: str, texts: list[str]) -> list[int]:
        """Where tokens end: each is the next of its text, unless a comment before it has that too."""
        find, skip = text.find, re.compile(self._skip).match
        end = 0
        ends: list[int] = []
        add = ends.append
        for one in texts:
            start = find(one, end)
            if start != end and (text[end] == "#" or (start - end > 1 and find("#", end, start) >= 0)):
                skipped = skip(text, end)
                start = skipped.end() if skipped is not None else start
            end = start + len(one)
            add(end)
        ends[-1] = len(text)
        return ends

    def _scan_unclosed(self, text: str) -> tuple[list[int], list[str], list[int]]:
        """The same for a text with a quote that is never closed, whose line has to be passed over."""
        texts: list[str] = []
        ends: list[int] = []
        add, end = texts.append, ends.append
        for found in re.finditer(self._next, text):
            add(found[1])
            end(found.end(1))
        if len(texts) > 1 and not texts[-2]:
            del texts[-1], ends[-1]
        kinds = _Kinds(self._words)
        kinds.number = self._number
        return list(map(kinds.__getitem__, texts)), texts, ends


# Of an unclosed text only the quotes are the token, and the rest of its line is passed over, so that no later scan
# begins in the middle of what was meant as text. A stray backslash does the same: it could hide a quote from the scan
# of an unclosed text before it, and each one hidden would begin another scan to the end of the file.
_UNCLOSED = r"""\"(?:"")?|'(?:'')?|\\"""
_OTHER = r"[^ \t\r\n#]"
_STRAY = frozenset({'"', "'", "\\"})
"""Tokens of one character that only an unclosed text, or a stray backslash, leaves."""
_LONG = 4096
_ESCAPED = '\\"""'
"""In lines longer than any that a person writes, and where a backslash may hide the end of a long text, a quote that is
never closed would be looked for again and again: there the scan that passes over it is used from the start."""


def _possessive(pattern: str) -> str:
    """The same pattern without a way back: each loop of a terminal goes on with what cannot follow it, so there is only
    one way to match, and no stack of other ways is kept for a text of megabytes."""
    classes = re.sub(r"(\[\^(?:\\.|[^\]\\])*\])\|", r"\1++|", pattern)
    return re.sub(r"([\])])([*+])(?![+])", r"\1\2+", classes)


class _Kinds(dict[str, int]):
    """From the text of a token to its kind. What is no word of the grammar is told by its first character."""

    number: dict[str, int]

    def __missing__(self, text: str) -> int:
        first = text[0]
        if "a" <= first <= "z" or "A" <= first <= "Z" or first == "_":
            kind = self.number["NAME"]
        elif "0" <= first <= "9":
            kind = self.number["NUMBER"]
        elif len(text) == 1 or text in _QUOTES:
            kind = BAD
        elif first == '"':
            kind = self.number["TEXT" if text.startswith('"""') else "STRING"]
        else:
            kind = self.number["RAW_TEXT" if text.startswith("'''") else "RAW"]
        self[text] = kind
        return kind


_QUOTES = ('"""', "'''")
