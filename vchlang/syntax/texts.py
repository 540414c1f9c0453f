"""The inside of a text of the language: where its `${…}` stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

SPECIAL = re.compile(r"\\(?:u\{([^}\n]*)\}|[\s\S])|\$\{")
# What the grammar lets stand inside `${ }` of a text; in `"""` over several lines.
_INSIDE = re.compile(r'\{((?:[^{}"\n]++|"(?:[^"\\\n]|\\.)*+"|\{[^{}\n]*+\})*+)\}')
_INSIDE_LINES = re.compile(r'\{((?:[^{}"]++|"(?:[^"\\]|\\[\s\S])*+"|\{[^{}]*+\})*+)\}')


def interpolations(source: str, quotes: int) -> Iterator[tuple[int, int, int]]:
    """The `${…}` of a text as written, with so many quotes on each side: where it begins, and where the expression
    inside begins and ends. The end is -1 for one that is never closed."""
    end = len(source) - quotes
    inside = _INSIDE if quotes == 1 else _INSIDE_LINES
    at = quotes
    for found in SPECIAL.finditer(source, quotes, end):
        if found[0] != "${" or found.start() < at:
            continue
        whole = inside.match(source, found.start() + 1, end)
        if whole is None:
            yield found.start(), found.end(), -1
        else:
            at = whole.end()
            yield found.start(), whole.start(1), whole.end(1)
