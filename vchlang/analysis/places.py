"""Places of a composition: locations inside each other, and elements that would be one object there.

A place is compared as it is written without doubled slashes and dots, hosts without regard to case. What the script
does not decide (a name that comes from the deployment's, against one that is written) is left to the plan.
"""

from __future__ import annotations

import re
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.findings import say
from vchlang.analysis.program import Composition, ElementDecl
from vchlang.diagnostics import Report
from vchlang.kinds.schema import KINDS

CLAIM = ".vch"
"""Where a location has its policy file, and what is being made in it."""
DIRECTORIES = ("storage", "executor", "template")
"""Kinds whose objects are directories or files of a location, so that they share its names."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def check_places(composition: Composition, out: Report) -> None:
    """Report locations that lie in each other, and elements with one place."""
    _locations(composition, out)
    _one_place(composition, out)


def place_of(path: str) -> str:
    """A store path in the form in which two ways to write one place are equal."""
    scheme, _, rest = v.normal_store_path(path).partition("://")
    host, slash, tail = rest.partition("/")
    return f"{scheme}://{host.lower() if scheme == 'nfs' else host}{slash}{tail}".rstrip("/")


def _locations(composition: Composition, out: Report) -> None:
    known: dict[str, ElementDecl] = {}
    found: list[tuple[str, ElementDecl]] = []
    for element in composition.elements.values():
        at = element.body.get("at")
        if element.kind != "location" or not isinstance(at, str):
            continue
        path = place_of(at)
        if CLAIM in path.split("/"):
            message = f"`{CLAIM}` is where a location keeps whose it is"
            say(out, codes.NESTED_LOCATION, element.spans["at"], message)
            continue
        first = known.setdefault(path, element)
        if first is element:
            found.append((path, element))
        elif "existing" not in (element.verb, first.verb):
            message = f"`{first.address}` is at {path} already"
            say(out, codes.NESTED_LOCATION, element.spans["at"], message, first.spans["at"], "the same place")
        elif element.verb != first.verb:
            message = f"`{first.address}` is at {path} too, and only one of them is looked up"
            hint = "one name for one place: what is ours need not be looked up"
            say(out, codes.NESTED_LOCATION, element.spans["at"], message, first.spans["at"], "the same place", hint)
    for path, element in found:
        # Only the places above it can hold it, so this stays linear in the number of locations.
        above = path
        while (above := above.rpartition("/")[0]) and not above.endswith("/"):
            other = known.get(above)
            if other is not None:
                if element.verb != "existing" or other.verb != "existing":  # else nothing is made in either
                    message = f"{path} lies inside the location `{other.address}`"
                    say(out, codes.NESTED_LOCATION, element.spans["at"], message, other.spans["at"], "which is here")
                break


def _one_place(composition: Composition, out: Report) -> None:
    """Report elements that would be one object there: the second would find the first and take it for its own."""
    seen: dict[tuple[str, str], ElementDecl] = {}
    for element in composition.elements.values():
        if KINDS[element.kind].recorded or element.verb == "existing" or element.kind == "location":
            continue  # locations are compared above
        place = _place(element, composition)
        if place is None:
            continue
        kind = "location" if element.kind in DIRECTORIES else element.kind
        first = seen.setdefault((kind, place), element)
        if first is not element:
            where, there = (one.spans.get("name") or one.spans.get("at") or one.head for one in (element, first))
            shown = place.replace(_OURS, "…-").removeprefix("element ")
            message = f"`{element.address}` and `{first.address}` are both {shown}"
            say(out, codes.SAME_NAME, where, message, there, "the first of them")


_OURS = "\0"
"""Stands for the deployment's name, which the script does not know."""


def _place(element: ElementDecl, composition: Composition) -> str | None:
    """What an element is called there, as far as the script decides it; None where something in it is not known."""
    body = element.body
    at, inside = body.get("at"), body.get("inside")
    if element.kind in ("pool", "network") and at is not None:
        return _named(element.kind, at) if isinstance(at, str) else None
    name = body.get("name")
    if name is None and element.verb != "adopt" and not element.was:
        name = _OURS + _UNSAFE.sub("-", element.address).strip("-.")
    elif name is None:
        name = element.label if element.verb == "adopt" else None
    if not isinstance(name, str):
        return None
    if element.kind == "network":
        return name
    holder = at if element.kind in ("executor", "template") else inside
    held = _held(holder, composition)
    return f"{held}/{name}" if held is not None else None


def _held(holder: Any, composition: Composition) -> str | None:
    """What holds an element, by its place there."""
    if isinstance(holder, str):
        return place_of(holder) if "://" in holder else v.normal_path(holder)
    element = composition.elements.get(holder.address) if isinstance(holder, v.ElementRef) else None
    if element is None:
        return None
    at = element.body.get("at")
    if element.kind == "location":
        return place_of(at) if isinstance(at, str) else None
    if element.kind in ("pool", "network") and isinstance(at, str):
        return _named(element.kind, at)
    return f"element {element.address}"  # whatever it is called: what is in it shares its names


def _named(kind: str, at: str) -> str:
    return v.normal_path(at) if kind == "pool" else at
