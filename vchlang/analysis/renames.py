"""`@was("old")`: the address that an element had before, and what such words must not say.

The script alone tells whether an old address is written as one, is still in use, or is claimed twice; whether anything
is known under it, only the planner can see.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import literal
from vchlang.analysis.program import Composition, ElementDecl, Was
from vchlang.diagnostics import Label, Report
from vchlang.syntax import ast

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


def with_keys(written: ast.Text, values: Sequence[Any]) -> str:
    """The text of a `@was` with the values of its parts; those that stand as keys are quoted as keys are."""
    out: list[str] = []
    for place, (part, value) in enumerate(zip(written.parts, values, strict=True)):
        before = out[-1] if out else ""
        after = written.parts[place + 1] if place + 1 < len(values) else ""
        after = after if isinstance(after, str) else ""
        if isinstance(part, str):
            out.append(part)
        elif before.endswith("[") and after.startswith("]"):
            out.append(v.quoted(str(value)))
        elif before.endswith('["') and after.startswith('"]'):
            out.append(v.quoted(str(value))[1:-1])
        else:
            out.append(str(value))
    return "".join(out)


def old_addresses(text: str, keys: str = "") -> tuple[str, ...]:
    """The addresses that a text may name, written as addresses are, the likelier first; none where it names none.

    keys: of the new address, as they are written in it. A whole family that was renamed has them in the old one too;
    but a single element may have become one of a family.
    """
    if not re.fullmatch(_ADDRESS, text):
        return ()
    address = re.sub(_NUMBER, lambda key: f"[{v.quoted(key[1])}]", text)
    return (address + keys, address) if keys and not address.endswith("]") else (address,)


def no_address(text: str) -> str:
    """What is said of the text of a `@was` that is no address."""
    return f'{v.quoted(text)} is no address, such as `logs` or `volumes["nfs"]`'


def wrong_was(decorator: ast.Decorator) -> str | None:
    """What is wrong with the argument of a `@was`, in the user's words, as far as the source tells."""
    written = was_text(decorator)
    if written is None:
        return '`@was` takes one text, the old address: `@was("logs")`'
    text = literal(written)
    return no_address(text) if text is not None and not old_addresses(text) else None


def label_of(address: str) -> str:
    """The name of an element in its own statement: `nfs` of `site.disks.nfs["a"]`."""
    found = re.search(_LAST, address)
    return found[1] if found is not None else address


def begin_of(address: str) -> str:
    """What stands before the name of an element in its address: the instance that it is in, with a dot."""
    found = re.search(_LAST, address)
    return address[: found.start()] if found is not None else ""


def check_renames(composition: Composition, out: Report) -> None:
    """Report old addresses that are still in use, and those that two elements or two instances claim."""
    elements = sorted(composition.elements.values(), key=lambda one: one.order)
    # Elements of one instance share what its `@was` says.
    said = list(dict.fromkeys((was.new, was.depth) for one in elements for was in one.was))
    if not said:
        return
    by_new = {(was.new, was.depth): was for one in elements for was in one.was}
    addresses = sorted(composition.elements)
    claimed: dict[tuple[str, int], Was] = {}
    for key in said:
        was = by_new[key]
        first = claimed.setdefault((was.olds[0], was.depth), was)
        if first is not was:
            old, ours, theirs = (one.removesuffix(".") for one in (was.olds[0], was.new, first.new))
            message = f"`{ours}` was `{old}`, and `{theirs}` was `{old}` too, and one object cannot become two"
            label = Label(source=first.where.source, span=first.where.span, text=f"`{theirs}` claims it here")
            _say(out, was, message, label, "")
            continue
        for old in was.olds:
            there = _there(old, was, composition, addresses)
            # What has a `@was` of its own leaves the address free: two may change places, or move up one by one.
            if there is not None and (old == was.new or (old, was.depth) not in by_new):
                what = "instance" if was.of_instance() else "element"
                message = f"`{old.removesuffix('.')}` still is an {what} of the script"
                head = there.head
                instances = (one for one in head.made if f"`{old.removesuffix('.')}`" in one.text)
                label = next(instances, Label(source=head.source, span=head.span, text="it is here"))
                _say(out, was, message, label, "`@was` names an address that the script has no more")
                break


def _there(old: str, was: Was, composition: Composition, addresses: list[str]) -> ElementDecl | None:
    """The element that a script has under an old address; of an instance, one in it."""
    if not was.of_instance():
        return composition.elements.get(old)
    place = bisect_left(addresses, old)
    found = addresses[place] if place < len(addresses) else ""
    return composition.elements[found] if found.startswith(old) else None


def _say(out: Report, was: Was, message: str, label: Label, hint: str) -> None:
    where = was.where
    out.report(
        codes.BAD_RENAME, where.span, message, hint=hint or None, labels=(label, *where.made), source=where.source
    )
