"""`@was("old")`: the address that an element had before, and what such words must not say.

The script alone tells whether an old address is written as one, is still in use, or is claimed twice; whether anything
is known under it, only the planner can see.
"""

from __future__ import annotations

import re

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import literal
from vchlang.analysis.program import Composition, ElementDecl, Where
from vchlang.diagnostics import Label, Report
from vchlang.syntax import ast

SPAN = "@was"
"""Under this key an element's `spans` have the text of its `@was`."""
_NAME = r"[a-z_][A-Za-z0-9_]*"
_KEY = r'\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\]'
# Compiled at first use, which most runs have none of.
_ADDRESS = rf"{_NAME}(?:{_KEY})*(?:\.{_NAME}(?:{_KEY})*)*"
_NUMBER = r"\[([0-9]+)\]"
_LAST = rf"({_NAME})(?:{_KEY})*$"


def was_text(decorator: ast.Decorator) -> ast.Text | None:
    """The text that a `@was` has, perhaps with interpolations, as in a loop; None where it has no such argument."""
    args = decorator.args or ()
    one = args[0].value if len(args) == 1 and args[0].name is None else None
    return one if isinstance(one, ast.Text) else None


def old_address(text: str) -> str | None:
    """The address that a text names, written as addresses are; None where it is none."""
    if not re.fullmatch(_ADDRESS, text):
        return None
    return re.sub(_NUMBER, lambda key: f"[{v.quoted(key[1])}]", text)


def no_address(text: str) -> str:
    """What is said of the text of a `@was` that is no address."""
    return f'{v.quoted(text)} is no address, such as `logs` or `volumes["nfs"]`'


def wrong_was(decorator: ast.Decorator) -> str | None:
    """What is wrong with the argument of a `@was`, in the user's words, as far as the source tells."""
    written = was_text(decorator)
    if written is None:
        return '`@was` takes one text, the old address: `@was("logs")`'
    text = literal(written)
    return no_address(text) if text is not None and old_address(text) is None else None


def label_of(address: str) -> str:
    """The name of an element in its own statement: `nfs` of `site.disks.nfs["a"]`."""
    found = re.search(_LAST, address)
    return found[1] if found is not None else address


def check_renames(composition: Composition, out: Report) -> None:
    """Report old addresses that are still in use, and those that two elements claim."""
    elements = composition.elements
    claimed: dict[str, ElementDecl] = {}
    for element in sorted(elements.values(), key=lambda one: one.order):
        if not element.was:
            continue
        first = claimed.setdefault(element.was, element)
        there = elements.get(element.was)
        if first is not element:
            said = f"`{first.address}` was `{element.was}` too, and one object cannot become two"
            _say(
                out, element, said, Label(source=_at(first).source, span=_at(first).span, text="the first of them"), ""
            )
        elif there is not None and (there is element or not there.was):
            # What has a `@was` of its own leaves the address free: two may change places, or move up one by one.
            said = f"`{element.was}` still is an element of the script"
            label = Label(source=there.head.source, span=there.head.span, text="it is here")
            _say(out, element, said, label, "`@was` names an address that the script has no more")


def _say(out: Report, element: ElementDecl, message: str, label: Label, hint: str) -> None:
    where = _at(element)
    out.report(codes.BAD_RENAME, where.span, message, hint=hint or None, labels=(label, *where.made), source=where.source)


def _at(element: ElementDecl) -> Where:
    return element.spans.get(SPAN, element.head)
