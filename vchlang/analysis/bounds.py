"""Numbers and texts that make no sense, by what the kinds say of their fields, and fields that contradict others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.findings import say
from vchlang.analysis.program import Composition, JoinStep, Where
from vchlang.diagnostics import Report
from vchlang.kinds.schema import KINDS, Bound, In, Verb, bounds_of


def check_bounds(composition: Composition, out: Report) -> None:
    """Report values outside of what makes sense; what is not known yet is left to apply."""
    for element in composition.elements.values():
        _body(KINDS[element.kind].element, element.body, element.spans, out)
        if element.kind == "pool":
            _reserved(element.body, element.spans, out)
    for handle in composition.handles:
        for step in handle.steps:
            kind = KINDS[step.kind]
            verb = kind.join if isinstance(step, JoinStep) else kind.bind
            if verb is not None:
                _body(verb, step.body, step.spans, out)


def _body(verb: Verb, body: dict[str, Any], spans: dict[str, Where], out: Report) -> None:
    for bound in bounds_of(verb):
        name = bound.path[0]
        if name not in body:
            continue
        value: Any = body[name]
        if len(bound.path) > 1:
            parts = value.fields if isinstance(value, v.VariantValue) else value
            value = parts.get(bound.path[1]) if isinstance(parts, dict) else None
        if value is None:
            continue
        for code, part, message in _wrong(bound, value):
            say(out, code, spans.get(part) or spans[name], message)


def _wrong(bound: Bound, value: Any) -> Iterator[tuple[Any, str, str]]:
    """What is wrong with a value: the code, which part of the field, and the message."""
    mark, name, part = bound.mark, bound.path[-1], ".".join(bound.path)
    if isinstance(mark, In):
        low = mark.least is not None and isinstance(value, int) and value < mark.least
        high = mark.most is not None and isinstance(value, int) and value > mark.most
        if (low or high) and not isinstance(value, bool):
            yield codes.OUT_OF_RANGE, part, f"`{name}` is {v.show(value)}: {mark.why}"
        return
    if isinstance(value, dict):
        for key in value:
            if not _pattern(mark.pattern).fullmatch(key):
                yield codes.BAD_TEXT, f"{part}.{key}", f"{v.quoted(key)} is no key of `{name}`: {mark.why}"
    elif isinstance(value, str) and not _pattern(mark.pattern).fullmatch(value):
        yield codes.BAD_TEXT, part, f"`{name}` is {v.quoted(value[:80])}: {mark.why}"


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _reserved(body: dict[str, Any], spans: dict[str, Where], out: Report) -> None:
    """Report a reservation that is larger than the limit."""
    limits, reservation = body.get("limits"), body.get("reservation")
    if not isinstance(limits, dict) or not isinstance(reservation, dict):
        return
    for name in ("cpu", "memory"):
        most, kept = limits.get(name), reservation.get(name)
        if isinstance(most, int) and isinstance(kept, int) and kept > most > 0:
            where = spans.get(f"reservation.{name}") or spans["reservation"]
            there = spans.get(f"limits.{name}") or spans["limits"]
            message = f"{v.show(kept)} is kept for it, and it may take no more than {v.show(most)}"
            say(out, codes.OUT_OF_RANGE, where, message, there, "the limit")
