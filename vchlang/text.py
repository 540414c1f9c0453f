"""Source text and places in it.

A `Span` is a half-open range of code points. Lines and columns exist only where somebody reads them (a message,
an editor), so they are worked out on demand, from an index that is made at the first question.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec


class Span(msgspec.Struct, frozen=True, gc=False):
    """Code points `start` (included) to `end` (excluded) of one text."""

    start: int
    end: int

    def moved(self, by: int) -> Span:
        """The same range, `by` code points further on."""
        return Span(self.start + by, self.end + by)


class SourceText:
    """One file as it is now, perhaps unsaved. `name` is what messages call it."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def _line_starts(self) -> list[int]:
        # Only "\n" ends a line: `str.splitlines` would also cut at U+2028 and form feeds, which editors do not.
        if self._starts is None:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._starts = starts
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1, columns in code points."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its end; empty where there is no such line."""
        starts = self._line_starts()
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text) + 1
        return self.text[starts[number - 1] : end - 1].rstrip("\r")

    def line_start(self, number: int) -> int:
        """Offset of the first code point of line `number` (from 1)."""
        return self._line_starts()[number - 1]

    def __repr__(self) -> str:
        return f"SourceText({self.name!r}, {len(self.text)} code points)"
