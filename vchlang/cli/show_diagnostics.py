"""Diagnostics as text, as JSON, and as the annotations that GitHub shows beside a change."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from vchlang.cli.look import Terminal, one_line, paint, safe
from vchlang.diagnostics import Diagnostic, Severity, render
from vchlang.text import SourceText, Span

SHOWN = 20
"""How many a person is shown at once; the rest is counted."""
FORMAT_VERSION = 1
_SNIPPET_LINES = 5
_SNIPPET_WIDTH = 400


class Sources:
    """Texts by name, and how a message calls them: by the way from here, so that an editor opens them.

    root: of the project that the names are relative to. lookup: gives a text by its name, or None.
    before: bytes of a file that stand before its text. digest: SHA-256 of a file as it was read.
    """

    def __init__(
        self,
        root: str,
        lookup: Callable[[str], SourceText | None],
        before: Callable[[str], int] = lambda name: 0,
        digest: Callable[[str], str] = lambda name: "",
    ) -> None:
        self.root = root
        self.lookup = lookup
        self.before = before
        self.digest = digest

    def shown(self, name: str) -> str:
        """A name as messages show it."""
        if not name or (name.startswith("std/") and not name.endswith(".vch")):
            return name
        path = os.path.join(self.root, name)
        if not os.path.lexists(path):
            return name
        with_dots = os.path.relpath(path)
        return with_dots if not with_dots.startswith("../../..") else path


def show(diagnostics: Sequence[Diagnostic], sources: Sources, terminal: Terminal) -> None:
    """Print them on stderr, each with an empty line after it; of many, the first ones, and errors before warnings."""
    if len(diagnostics) > SHOWN:
        diagnostics = sorted(diagnostics, key=lambda one: one.severity is not Severity.ERROR)
    for one in diagnostics[:SHOWN]:
        terminal.err(text_of(one, sources) + "\n")
    if len(diagnostics) > SHOWN:
        terminal.err(f"… and {len(diagnostics) - SHOWN} more; `vch validate --format json` has them all\n")


def text_of(diagnostic: Diagnostic, sources: Sources) -> str:
    """One diagnostic as text, with styles."""
    names = {one: sources.shown(one) for one in (diagnostic.source, *(label.source for label in diagnostic.labels))}
    back = {shown: name for name, shown in names.items()}
    plain = msgspec.structs.replace(
        diagnostic,
        message=one_line(diagnostic.message),
        source=names[diagnostic.source],
        labels=tuple(
            msgspec.structs.replace(one, source=names[one.source], text=one_line(one.text)) for one in diagnostic.labels
        ),
        expected=one_line(diagnostic.expected),
        found=one_line(diagnostic.found),
        hints=tuple(one_line(one) for one in diagnostic.hints),
    )
    head, *rest = safe(render(plain, lambda shown: sources.lookup(back.get(shown, shown)))).split("\n")
    style = "error" if diagnostic.severity is Severity.ERROR else "warning"
    said, separator, message = head.partition(": ")
    out = [paint(said, style) + separator + paint(message, "bold")]
    for line in rest:
        marked = re.match(r"(\s*\| *)([\^-]+)(.*)", line)
        if marked is not None and marked[2][0] * len(marked[2]) == marked[2]:
            line = marked[1] + paint(marked[2] + marked[3], style if marked[2][0] == "^" else "cyan")
        out.append(line)
    return "\n".join(out)


def summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    """`2 errors, 1 warning in 3 files`."""
    errors = sum(one.severity is Severity.ERROR for one in diagnostics)
    parts = [_counted(errors, "error")] if errors else []
    if len(diagnostics) > errors:
        parts.append(_counted(len(diagnostics) - errors, "warning"))
    return f"{', '.join(parts) or 'no mistakes'} in {_counted(files, 'file')}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# ---- JSON ----------------------------------------------------------------------------------------------------------


def as_json(found: Iterable[tuple[Diagnostic, Sources]]) -> dict[str, Any]:
    """The document of `vch validate --format json`. Lines and columns count from 1, bytes from 0."""
    listed = [(one.severity, _as_json(one, sources)) for one, sources in found]
    errors = sum(severity is Severity.ERROR for severity, _ in listed)
    return {
        "format_version": FORMAT_VERSION,
        "valid": not errors,
        "error_count": errors,
        "warning_count": len(listed) - errors,
        "diagnostics": [one for _, one in listed],
    }


def _as_json(diagnostic: Diagnostic, sources: Sources) -> dict[str, Any]:
    from vchlang.codes import CODES

    code = CODES.get(diagnostic.code)
    text = sources.lookup(diagnostic.source) if diagnostic.source else None
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "summary": diagnostic.message,
        "detail": code.doc if code is not None else "",
        "range": _range(diagnostic.source, diagnostic.span, sources),
        "snippet": _snippet(diagnostic.span, text) if text is not None else None,
        "labels": [{"text": one.text, "range": _range(one.source, one.span, sources)} for one in diagnostic.labels],
        "expected": diagnostic.expected,
        "found": diagnostic.found,
        "hints": list(diagnostic.hints),
        "fix": None
        if diagnostic.fix is None
        else {
            "title": diagnostic.fix.title,
            "range": _range(diagnostic.source, diagnostic.fix.span, sources),
            "text": diagnostic.fix.text,
        },
    }


def _range(name: str, span: Span, sources: Sources) -> dict[str, Any] | None:
    if not name:
        return None
    text = sources.lookup(name)
    return {
        "filename": sources.shown(name),
        "start": _position(name, span.start, text, sources),
        "end": _position(name, span.end, text, sources),
    }


def _position(name: str, offset: int, text: SourceText | None, sources: Sources) -> dict[str, int]:
    if text is None:
        return {"line": 1, "column": 1, "byte": 0}
    line, column = text.position(offset)
    before = len(text.text[:offset].encode("utf-8", "surrogatepass"))
    return {"line": line, "column": column, "byte": sources.before(name) + before}


def _snippet(span: Span, text: SourceText) -> dict[str, Any]:
    """The lines that a span is in. Of a long line, what is around the span."""
    first, column = text.position(span.start)
    last = min(text.position(max(span.start, span.end - 1))[0], first + _SNIPPET_LINES - 1)
    code = "\n".join(text.line(number) for number in range(first, last + 1))
    start = column - 1
    cut = max(0, start - 100) if len(code) > _SNIPPET_WIDTH else 0
    code = code[cut : cut + _SNIPPET_WIDTH]
    start -= cut
    end = min(start + max(0, span.end - span.start), len(code))
    return {"code": code, "start_line": first, "highlight_start_offset": start, "highlight_end_offset": max(start, end)}


# ---- GitHub --------------------------------------------------------------------------------------------------------


def github_of(diagnostic: Diagnostic, sources: Sources) -> str:
    """One diagnostic as a workflow command."""
    properties = {}
    if diagnostic.source:
        place = _range(diagnostic.source, diagnostic.span, sources)
        assert place is not None
        properties = {
            "file": place["filename"],
            "line": place["start"]["line"],
            "col": place["start"]["column"],
            "endLine": place["end"]["line"],
            "endColumn": place["end"]["column"],
        }
    properties["title"] = diagnostic.code
    words = ",".join(f"{key}={_quoted(str(one), ',:')}" for key, one in properties.items())
    message = ". ".join((diagnostic.message, *diagnostic.hints))
    return f"::{diagnostic.severity} {words}::{_quoted(message)}"


def _quoted(text: str, more: str = "") -> str:
    return "".join(f"%{ord(one):02X}" if one in "%\r\n" + more else one for one in safe_but_lines(text))


def safe_but_lines(text: str) -> str:
    """Control characters escaped, line ends left to the caller."""
    return "\n".join(safe(line) for line in text.split("\n"))
