"""The rules of segments in a plan: lowered to what drivers get, and shown in the language's own words.

A rule names another segment by its identity, which is known while planning. So naming one orders nothing: two segments
may name each other, and a segment that is not there yet has no members that could be let in. Who enters a segment does
so by a commit, and that comes after the segment and its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.traffic import ports_of
from vchlang.kinds.segment import AnyTraffic, Icmp, Members, Outside, Rule, Tcp, Udp
from vchlang.plan.model import Change


def lowered(rule: Mapping[str, Any], identity: Callable[[str], str]) -> dict[str, Any]:
    """A rule of a composition in a plan's form: complete, so that equal rules are equal. identity: of an address."""
    what: v.VariantValue = rule["what"]
    ports = what.fields.get("ports")
    traffic: dict[str, Any] = {"is": what.case}
    if ports is not None:
        traffic["ports"] = [{"low": low, "high": high} for low, high in ports_of(ports)]
    match rule.get("peer"):
        case v.ElementRef(address=address):
            peer = {"is": "segment", "name": identity(address)}
        case v.VariantValue("outside"):
            peer = {"is": "outside"}
        case _:
            peer = {"is": "any"}
    direction = "to" if rule.get("direction") == "to" else "from"
    return {"action": rule["action"], "what": traffic, "direction": direction, "peer": peer}


def shown(rule: Any, names: Mapping[str, str]) -> str:
    """A rule in a plan's form as the language writes it. names: the addresses of segments by their identities."""
    one = msgspec.convert(rule, Rule)
    match one.what:
        case Tcp(ports=ports) | Udp(ports=ports):
            what = "tcp" if isinstance(one.what, Tcp) else "udp"
            if ports is not None:
                parts = (str(p.low) if p.low == p.high else f"{p.low}..{p.high}" for p in ports)
                what += f"({', '.join(parts)})"
        case Icmp():
            what = "icmp"
        case AnyTraffic():
            what = "any"
    match one.peer:
        case Members(name=name):
            peer = names.get(name, v.quoted(name))
        case Outside():
            peer = "outside"
        case _:
            peer = "any"
    return f"{one.action} {what} {one.direction} {peer}"


def rule_changes(current: Any, wanted: Sequence[Any], names: Mapping[str, str]) -> list[Change]:
    """What differs between two lists of rules, rule by rule: one that is gone has no `after`, a new one no `before`.

    current: as the platform tells it, or the state; whatever is no list of rules differs in all of them.
    """
    try:
        old = [msgspec.json.encode(one) for one in msgspec.convert(current or [], list[Rule])]
    except msgspec.ValidationError:
        return [Change(path="rules", before="(unreadable)", after=f"{len(wanted)} rules", effect="update")]
    new = [msgspec.json.encode(one) for one in msgspec.convert(wanted, list[Rule])]
    if old == new:
        return []
    from difflib import SequenceMatcher

    out: list[Change] = []
    for word, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if word == "equal":
            continue
        for place in range(max(old_to - old_from, new_to - new_from)):
            before, after = old_from + place, new_from + place
            one = shown(msgspec.json.decode(old[before]), names) if before < old_to else "(no rule)"
            other = shown(msgspec.json.decode(new[after]), names) if after < new_to else "(no rule)"
            if one == other:
                other += " (another one)"
            path = f"rules[{after if after < new_to else before}]"
            out.append(Change(path=path, before=one, after=other, effect="update"))
    return out
