"""Functions of patterns. The one door to RE2, which matches in time linear in the text, whatever the pattern.

The patterns are RE2's: as in other languages, without back references and look-around. Looking for one match after
another can still read the rest of the text each time, so what a call may read in all is bounded, too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, allow_items, allow_text, as_key, group, shortened

MAX_PATTERN = 1024
_MEMORY = 2**20
_LARGE = 512
_WORK = 2**28
"""Bytes read, times instructions of the pattern: some seconds at worst, when its automaton does not fit in memory. That
happens to large patterns above all, so their instructions count four times."""
_pattern = group("patterns")
_TEXT = ("text", v.STRING)
_PATTERN = ("pattern", v.STRING)


@_pattern(v.BOOL, "matches(\"web-12\", '^web-[0-9]+$')", _TEXT, _PATTERN)
def matches(text: str, pattern: str) -> bool:
    """Whether a pattern is found somewhere in the text; `^` and `$` tie it to the ends.

    Patterns are RE2: regular expressions without back references and look-around, of at most 1 KiB.
    """
    return next(_found(text.encode(), pattern), None) is not None


@_pattern(v.Optional(v.STRING), 'find("web-12", \'[0-9]+\') == "12"', _TEXT, _PATTERN)
def find(text: str, pattern: str) -> str | None:
    """The first part of the text that a pattern matches, or null."""
    data = text.encode()
    span = next(_found(data, pattern), None)
    return None if span is None else data[span[0] : span[1]].decode()


@_pattern(v.ListOf(v.STRING), 'find_all("a1b22", \'[0-9]+\') == ["1", "22"]', _TEXT, _PATTERN)
def find_all(text: str, pattern: str) -> list[str]:
    """Every part of the text that a pattern matches, in order and without overlaps."""
    data = text.encode()
    out: list[str] = []
    for start, end in _found(data, pattern):
        out.append(data[start:end].decode())
        allow_items(len(out))
    return out


@_pattern(
    v.STRING, "replace_matches(\"a  b\", ' +', \" \") == \"a b\"", _TEXT, _PATTERN, ("new", v.STRING)
)  # fmt: skip
def replace_matches(text: str, pattern: str, new: str) -> str:
    """The text with each match of a pattern replaced by `new`, in which no character means anything else."""
    data, brought = text.encode(), new.encode()
    out: list[bytes] = []
    at = size = 0
    for start, end in _found(data, pattern):
        out += (data[at:start], brought)
        size += start - at + len(brought)
        at = end
        allow_text(size // 4)  # a character has up to four bytes; the result is measured exactly
    made = b"".join([*out, data[at:]]).decode()
    allow_text(len(made))
    return made


@_pattern(
    v.Optional(v.MapOf(v.STRING, v.STRING)),
    '(captures("web-12", \'(?P<role>[a-z]+)-([0-9]+)\') ?? {}) == { role: "web", "2": "12" }',
    _TEXT,
    _PATTERN,
)
def captures(text: str, pattern: str) -> dict[str, str] | None:
    """What the groups of a pattern matched, by their names, else their numbers; null when it matches nowhere.

    A group that had no part in the match is left out.
    """
    data = text.encode()
    regex = _compiled(pattern, True)
    _spend(_WORK, len(data) + 1, regex)
    found = regex.search(data)
    if found is None:
        return None
    names = {number: name.decode() for name, number in regex.groupindex.items()}
    out: dict[str, str] = {}
    for number in range(1, regex.groups + 1):
        if found.span(number)[0] >= 0:
            out[as_key(names.get(number, str(number)))] = found.group(number).decode()
    return out


def _found(data: bytes, pattern: str) -> Iterator[tuple[int, int]]:
    """Where a pattern matches, from left to right. An empty match never lies within a character."""
    regex = _compiled(pattern, False)
    at, left = 0, _WORK
    while at <= len(data):
        left = _spend(left, len(data) - at + 1, regex)
        match = regex.search(data, at)
        if match is None:
            return
        start, end = match.span()
        yield start, end
        at = end
        if start == end:
            at += 1
            while at < len(data) and data[at] & 0xC0 == 0x80:
                at += 1


def _spend(left: int, read: int, regex: Any) -> int:
    size = regex.programsize
    left -= read * (size if size <= _LARGE else 4 * size)
    if left < 0:
        raise Mistake("limit-size", "the text is too long for this pattern; look at one of its `lines` after the other")
    return left


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str, groups: bool) -> Any:
    """A pattern made ready; Mistake when it is none. Without groups a match costs no second look at the text."""
    data = pattern.encode()
    if len(data) > MAX_PATTERN:
        raise Mistake("limit-size", f"a pattern has at most {MAX_PATTERN:,} bytes, and this one has {len(data):,}")
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = not groups
    try:
        regex = re2.compile(data, options)
    except re2.error as problem:
        why = problem.args[0] if problem.args else ""
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise Mistake("bad-text", f"{shortened(pattern)} is no pattern; patterns are RE2, which says: {said}") from None
    return regex
