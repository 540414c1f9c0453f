"""Kinds of connections as sets, exactly: which a rule speaks of, what two sets have in common, how they read.

Every kind of connection is a point on one line: first the ports of TCP, then those of UDP, then ICMP, then all other
protocols. What a rule speaks of is a set of intervals on it, so nothing has to be tried port by port.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from vchlang import values as v
from vchlang.kinds.segment import FIRST_PORT, LAST_PORT

Traffic: TypeAlias = tuple[tuple[int, int], ...]
"""Kinds of connections: intervals of the line with both ends in them, apart from each other and in order."""

_COUNT = LAST_PORT - FIRST_PORT + 1
_FIRST = {"tcp": 0, "udp": _COUNT}
_ICMP = 2 * _COUNT
_OTHER = _ICMP + 1
EVERYTHING: Traffic = ((0, _OTHER),)


class Union:
    """Traffic that grows piece by piece; a piece costs a search in what is there."""

    __slots__ = ("highs", "lows")

    def __init__(self) -> None:
        self.lows: list[int] = []
        self.highs: list[int] = []

    def add(self, traffic: Traffic) -> None:
        for low, high in traffic:
            first = bisect_left(self.highs, low - 1)
            last = bisect_right(self.lows, high + 1)
            if first < last:
                low, high = min(low, self.lows[first]), max(high, self.highs[last - 1])
            self.lows[first:last] = [low]
            self.highs[first:last] = [high]

    def rest_of(self, traffic: Traffic) -> Traffic:
        """What of some traffic is not in here."""
        out: list[tuple[int, int]] = []
        for low, high in traffic:
            place = bisect_left(self.highs, low)
            while low <= high and place < len(self.lows) and self.lows[place] <= high:
                if low < self.lows[place]:
                    out.append((low, self.lows[place] - 1))
                low = self.highs[place] + 1
                place += 1
            if low <= high:
                out.append((low, high))
        return tuple(out)

    def all(self) -> Traffic:
        return tuple(zip(self.lows, self.highs, strict=True))


def common(one: Traffic, other: Traffic) -> Traffic:
    """What is in both."""
    out: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            out.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def traffic_of(what: Any) -> Traffic:
    """What the value of `tcp(80, 443)`, `udp(…)`, `icmp` or `any` speaks of; ports that cannot be are left out."""
    match what:
        case v.VariantValue("any"):
            return EVERYTHING
        case v.VariantValue("icmp"):
            return ((_ICMP, _ICMP),)
        case v.VariantValue("tcp" | "udp" as case, fields):
            first = _FIRST[case] - FIRST_PORT
            out = Union()
            for low, high in ports_of(fields.get("ports")):
                low, high = max(low, FIRST_PORT), min(high, LAST_PORT)
                if low <= high:
                    out.add(((first + low, first + high),))
            return out.all()
        case _:
            return ()


def ports_of(ports: Any) -> Iterator[tuple[int, int]]:
    """The first and last of each range of ports; of None, all of them."""
    if ports is None:
        yield FIRST_PORT, LAST_PORT
        return
    for one in ports:
        match one:
            case bool():
                continue
            case int():
                yield one, one
            case v.Range(int() as low, int() as high):
                yield low, high
            case {"low": int() as low, "high": int() as high}:
                yield low, high


def show_traffic(traffic: Traffic) -> str:
    """Traffic as a person reads it: `tcp 80, 443..445; icmp`."""
    if traffic == EVERYTHING:
        return "any"
    out: list[str] = []
    for protocol, first in _FIRST.items():
        here = common(traffic, ((first, first + _COUNT - 1),))
        if here == ((first, first + _COUNT - 1),):
            out.append(protocol)
        elif here:
            shown = [(low - first + FIRST_PORT, high - first + FIRST_PORT) for low, high in here]
            out.append(f"{protocol} {', '.join(map(_range, shown))}")
    if common(traffic, ((_ICMP, _ICMP),)):
        out.append("icmp")
    if common(traffic, ((_OTHER, _OTHER),)):
        out.append("other protocols")
    return "; ".join(out)


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}..{ends[1]}"


def show_rule(rule: Mapping[str, Any]) -> str:
    """A rule as the language writes it."""
    what, peer = rule["what"], rule.get("peer")
    text = f"{rule['action']} {what.case if isinstance(what, v.VariantValue) else '(unknown)'}"
    if isinstance(what, v.VariantValue) and what.fields.get("ports") is not None:
        text += f"({', '.join(map(_range, ports_of(what.fields['ports'])))})"
    if not rule.get("direction"):
        return text
    match peer:
        case v.ElementRef(address=address):
            other = address
        case v.VariantValue(case=other):
            pass
        case _:
            other = "any" if peer is None else "(unknown)"
    return f"{text} {rule['direction']} {other}"
