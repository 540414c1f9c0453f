"""Pieces of Markdown that all pages are put together from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

COMMAND = "python3 dev.py docs"


def page(title: str, source: str, text: str) -> str:
    """The head of a generated page. source: where what it says is written, as Markdown."""
    note = f"*Generated from {source} by `{COMMAND}`: change that, not this page.*"
    return f"# {title}\n\n{note}\n\n{wrap(text)}"


def wrap(text: str, width: int = 118) -> str:
    """A paragraph, or an item of a list, in lines of that width."""
    import textwrap

    margin = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)


def fence(language: str, text: str) -> str:
    """A block of code, however many backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def code(text: str) -> str:
    """A text in one line of code, whatever is in it."""
    text = " ".join(text.split())
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where it has no rows."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(head), "|" + "---|" * len(head), *lines]) if lines else ""


def _row(cells: Sequence[str]) -> str:
    # A `|` parts cells even in code, unless it is escaped.
    return "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in cells) + " |"
