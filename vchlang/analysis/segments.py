"""Segments, statically: which connections their rules let through, and which rules can never fit.

What a rule speaks of is a set of kinds of connections (`traffic`), so "the first rule that fits decides" is worked out
exactly, without trying ports.

Who speaks is one of a few *ends*: the members of a segment, what is outside of all of them, and the members of a
segment that this script does not know (they are what only `any` can mean). The rules look at nothing else, so
`reachable` goes through pairs of ends. It does not look at networks and routes: what could be routed counts as
reachable if the rules let it through. It is about one connection, not about what a member could pass on.

An executor's NIC is in one segment or outside of all, whatever its other NICs are in; a connection leaves by one NIC
and arrives at one. So an executor can speak as each of its NICs. What the script does not compose may be in any
segment.

Which values a segment's rules are: `ElementDecl.body["rules"]`, a list with a mapping for each rule in its order:
`action` ("allow" or "deny"); `what`, a `VariantValue` of case tcp, udp, icmp or any, where `ports` has whole numbers,
ranges or mappings of `low` and `high`, and is not there for every port; `direction` ("from", "to" or ""); `peer`, an
`ElementRef` of a segment, a `VariantValue` of case any or outside, or None. `spans["rules[2]"]` is where the third
stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import Composition, ElementDecl, JoinStep, Where
from vchlang.analysis.traffic import EVERYTHING, Traffic, Union, common, ports_of, show_rule, show_traffic, traffic_of
from vchlang.diagnostics import Label, Report
from vchlang.kinds.segment import FIRST_PORT, LAST_PORT

# ---- ends and rules ------------------------------------------------------------------------------------------------

ANY, OUTSIDE, OTHERS = "(any)", "(outside)", "(others)"
"""Ends that are no segment of the script; no address begins with a parenthesis. OTHERS: the members of a segment that
the script does not know. ANY stands only in a rule."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, worked out. peer: an end, or ANY. inward: whether it is about coming in. where: its statement."""

    allows: bool
    inward: bool
    traffic: Traffic
    peer: str
    text: str
    where: Where


class Passing(msgspec.Struct, frozen=True):
    """Traffic that is let through, by a rule, or (None) because no rule says otherwise."""

    traffic: Traffic
    rule: Rule | None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that is allowed: from which end to which, what of it, and the rules that let it out and in.

    because: why it is allowed where no rule says so.
    """

    source: str
    target: str
    traffic: Traffic
    out: Rule | None
    into: Rule | None
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.source} → {self.target}: {show_traffic(self.traffic)}"
        if self.out is not None:
            text += f", let out by `{self.out.text}`"
        if self.into is not None:
            text += f", let in by `{self.into.text}`"
        return "; ".join([text, *self.because])

    @property
    def labels(self) -> list[Label]:
        """The rules where they are written, for a diagnostic."""
        said = [(self.out, "lets it out"), (self.into, "lets it in")]
        return [
            Label(source=rule.where.source, span=rule.where.span, text=words)
            for rule, words in said
            if rule is not None
        ]


def rules_of(element: ElementDecl) -> list[Rule] | None:
    """The rules of a segment; None where the script does not know them: it only looks it up, or adopts it as it is."""
    rules = element.body.get("rules")
    if element.verb == "existing" or (rules is None and element.verb == "adopt"):
        return None
    out = []
    for place, one in enumerate(rules if isinstance(rules, list) else ()):
        out.append(
            Rule(
                allows=one["action"] == "allow",
                inward=one.get("direction") != "to",
                traffic=traffic_of(one["what"]),
                peer=_peer(one.get("peer")),
                text=show_rule(one),
                where=where_of(element, place),
            )
        )
    return out


def _peer(peer: Any) -> str:
    match peer:
        case v.ElementRef(address=address):
            return address
        case v.VariantValue("outside"):
            return OUTSIDE
        case _:
            return ANY


def where_of(element: ElementDecl, place: int) -> Where:
    """Where a rule of a segment is written."""
    return element.spans.get(f"rules[{place}]") or element.spans.get("rules") or element.head


def passing(rules: Iterable[Rule], other: str, *, default: bool) -> tuple[Passing, ...]:
    """What rules of one direction let through between their segment and another end; `default`: what none decides."""
    decided = Union()
    out: list[Passing] = []
    for rule in rules:
        if rule.peer in (ANY, other):
            if rule.allows and (here := decided.rest_of(rule.traffic)):
                out.append(Passing(here, rule))
            decided.add(rule.traffic)
    if default and (left := decided.rest_of(EVERYTHING)):
        out.append(Passing(left, None))
    return tuple(out)


class _Known:
    """The rules of one segment by direction, with the ends that they name."""

    __slots__ = ("inward", "named_in", "named_out", "outward")

    def __init__(self, rules: list[Rule]) -> None:
        self.inward = [rule for rule in rules if rule.inward]
        self.outward = [rule for rule in rules if not rule.inward]
        self.named_in = {rule.peer for rule in self.inward}
        self.named_out = {rule.peer for rule in self.outward}


_OPEN = (Passing(EVERYTHING, None),)

# ---- reachability --------------------------------------------------------------------------------------------------


class Reach:
    """Answers `reachable` for one composition, whose elements and handles are all worked out.

    settled: whether everything is known that an answer depends on. Where a rule or a membership depends on a parameter
    without a value, it is not, and an answer would mean nothing.
    """

    def __init__(self, composition: Composition) -> None:
        self._known: dict[str, _Known | None] = {}
        self.settled = True
        for element in composition.elements.values():
            if element.kind == "segment":
                self.settled = self.settled and not any(isinstance(one, v.Unknown) for one in v.leaves(element.body))
                rules = rules_of(element)
                self._known[element.address] = None if rules is None else _Known(rules)
        composed = {handle.executor for handle in composition.handles}
        # An executor that others compose may be in anything.
        self._ends = {
            one.address: [] if one.verb == "create" or one.address in composed else self._everybody()
            for one in composition.elements.values()
            if one.kind in ("executor", "template")
        }
        for executor, nics in nics_of(composition).items():
            for nic in nics:
                self.settled = self.settled and not isinstance(nic.segment, v.Unknown)
                match nic.segment:
                    case None:
                        entered = [OUTSIDE]
                    case v.ElementRef(address=address):
                        entered = [address]
                    case _:  # a text, which may be the name of any
                        entered = self._everybody()
                ends = self._ends.setdefault(executor, [])
                ends += [one for one in entered if one not in ends]
        for one in composition.elements.values():
            parent = one.body.get("parent") if one.kind == "executor" else None
            if isinstance(parent, v.ElementRef) and not self._ends[one.address]:
                self._ends[one.address] = self._ends.get(parent.address, [])  # it begins with its parent's NICs
        self._in: dict[tuple[str, str], tuple[Passing, ...]] = {}
        self._out: dict[tuple[str, str], tuple[Passing, ...]] = {}

    def reachable(self, source: Any, target: Any, only: Traffic | None = None) -> Way | None:
        """A connection from one to the other that is allowed, if there is one; of `only` this traffic.

        Both ends are an `ElementRef` of a segment or an executor, or a `VariantValue` of case any or outside.
        """
        targets = self._ends_of(target)
        for one in self._ends_of(source):
            for other in targets:
                for into in self._inward(other, one):
                    for out in self._outward(one, other):
                        both = common(into.traffic, out.traffic)
                        if both := common(both, only) if only is not None else both:
                            return Way(
                                source=_words(source, one), target=_words(target, other), traffic=both,
                                out=out.rule, into=into.rule, because=self._because(one, other, out.rule or into.rule),
                            )  # fmt: skip
        return None

    def _because(self, source: str, target: str, rule: Rule | None) -> tuple[str, ...]:
        """Why a connection is allowed that no rule is about, or none that the script has."""
        unread = [one for one in dict.fromkeys((source, target)) if one in self._known and self._known[one] is None]
        out = [f"the rules of `{one}` are not in the script" for one in unread]
        if rule is None and source in self._known and source not in unread:
            out.append(f"no rule of `{source}` denies it")
        return tuple(out)

    def reason(self, source: Any, target: Any) -> str:
        """Why there is no way, in the user's words; where several ends are meant, of the first pair."""
        ends = [(one, other) for one in self._ends_of(source) for other in self._ends_of(target)]
        if not ends:
            return "one of them has no NIC"
        one, other = ends[0]
        names = _words(source, one), _words(target, other)
        if not self._inward(other, one):
            return f"{names[1]} lets nothing in from {names[0]}"
        if not self._outward(one, other):
            return f"{names[0]} lets nothing out to {names[1]}"
        return f"what {names[0]} lets out to {names[1]} is not what that lets in"

    def _everybody(self) -> list[str]:
        return [OUTSIDE, *self._known, OTHERS]

    def _ends_of(self, what: Any) -> list[str]:
        match what:
            case v.VariantValue("outside"):
                return [OUTSIDE]
            case v.ElementRef("segment", address):
                return [address]
            case v.ElementRef(address=address):
                return self._ends.get(address, [])
            case _:
                return self._everybody()

    def _inward(self, end: str, other: str) -> tuple[Passing, ...]:
        known = self._known.get(end)
        if known is None:
            return _OPEN
        key = end, other if other in known.named_in else OTHERS
        if key not in self._in:
            self._in[key] = passing(known.inward, key[1], default=False)
        return self._in[key]

    def _outward(self, end: str, other: str) -> tuple[Passing, ...]:
        known = self._known.get(end)
        if known is None:
            return _OPEN
        key = end, other if other in known.named_out else OTHERS
        if key not in self._out:
            self._out[key] = passing(known.outward, key[1], default=True)
        return self._out[key]


def _words(asked: Any, end: str) -> str:
    """An end as a message names it, with the executor that it belongs to."""
    shown = {OUTSIDE: "outside", OTHERS: "another segment"}.get(end, f"`{end}`")
    if isinstance(asked, v.ElementRef) and asked.address != end:
        return f"`{asked.address}`, outside" if end == OUTSIDE else f"`{asked.address}` in {shown}"
    return shown


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """One NIC of an executor: its joins in their order, and the segment that it enters (an `ElementRef`), or None."""

    joins: tuple[JoinStep, ...]
    segment: Any


def nics_of(composition: Composition) -> dict[str, list[Nic]]:
    """The NICs of each executor: a network is one, however often it is joined, but for joins that are `separate`.

    What is joined as `container` gives none: containers get theirs there.
    """
    joined: dict[str, dict[tuple[str, int], list[JoinStep]]] = {}
    for handle in sorted(composition.handles, key=lambda one: one.order):
        nics = joined.setdefault(handle.executor, {})
        for step in handle.steps:
            if isinstance(step, JoinStep) and step.kind == "network" and step.role != "container":
                own = len(nics) + 1 if step.body.get("separate") is True else 0
                nics.setdefault((step.address, own), []).append(step)
    return {
        executor: [
            Nic(joins=tuple(steps), segment=next((one.body["segment"] for one in steps if "segment" in one.body), None))
            for steps in nics.values()
        ]
        for executor, nics in joined.items()
    }


# ---- mistakes ------------------------------------------------------------------------------------------------------


def check_segments(composition: Composition, out: Report) -> None:
    """Report rules that make no sense or can never fit, and executors that enter a segment where it is not."""
    for element in composition.elements.values():
        if element.kind == "segment":
            _check_rules(element, out)
    for handle in composition.handles:
        for step in handle.steps:
            if isinstance(step, JoinStep) and isinstance(entered := step.body.get("segment"), v.ElementRef):
                _check_network(step, entered, composition, out)
    for nics in nics_of(composition).values():
        for nic in nics:
            _check_one_segment(nic, out)


def _check_rules(element: ElementDecl, out: Report) -> None:
    written = element.body.get("rules")
    written = written if isinstance(written, list) else []
    if written and element.verb == "existing":
        message = f"`{element.address}` is only looked up, and its rules are its owner's"
        hint = "`ensure` makes it ours, and its rules what stands here"
        where = where_of(element, 0)
        out.report(codes.WRONG_VERB, where.span, message, hint=hint, labels=where.made, source=where.source)
        return
    broken: set[int] = set()
    for place, one in enumerate(written):
        where = element.spans.get(f"rules[{place}].what") or where_of(element, place)
        mistake = _ports_mistake(one["what"])
        if mistake is not None:
            broken.add(place)
            out.report(codes.OUT_OF_RANGE, where.span, mistake, labels=where.made, source=where.source)
        peer = one.get("peer")
        if isinstance(peer, v.ElementRef) and peer.kind != "segment":
            broken.add(place)
            where = element.spans.get(f"rules[{place}].peer") or where_of(element, place)
            message = f"a rule speaks of segments, and `{peer.address}` is no segment"
            hint = f"put `{peer.address}` into one where it joins the network: `{{ segment: … }}`"
            out.report(codes.WRONG_TYPE, where.span, message, hint=hint, labels=where.made, source=where.source)
        elif any(isinstance(leaf, v.Unknown) for leaf in v.leaves(one)):
            broken.add(place)
    _check_order([one for place, one in enumerate(rules_of(element) or ()) if place not in broken], out)


def _ports_mistake(what: Any) -> str | None:
    ports = what.fields.get("ports") if isinstance(what, v.VariantValue) else None
    for low, high in ports_of(ports) if ports is not None else ():
        for port in (low, high):
            if not FIRST_PORT <= port <= LAST_PORT:
                return f"{port} is no port: ports go from {FIRST_PORT} to {LAST_PORT}"
        if low > high:
            return f"{low}..{high} has no port in it: the lower one comes first"
    return None


def _check_order(rules: list[Rule], out: Report) -> None:
    """Report each rule that never fits: what it speaks of, the rules before it have decided."""
    for inward in (True, False):
        # A rule about one end is covered by those about any and about that end; one about any, only by those about any.
        decided: dict[str, Union] = {ANY: Union()}
        before: list[Rule] = []
        for rule in rules:
            if rule.inward is not inward:
                continue
            left = decided[ANY].rest_of(rule.traffic)
            if rule.peer in decided and rule.peer != ANY:
                left = decided[rule.peer].rest_of(left)
            if not left:
                _say_never_fits(rule, before, out)
            decided.setdefault(rule.peer, Union()).add(rule.traffic)
            before.append(rule)


def _say_never_fits(rule: Rule, before: list[Rule], out: Report) -> None:
    near = [one for one in before if one.peer in (ANY, rule.peer) and common(one.traffic, rule.traffic)]
    whole = [one for one in near if common(one.traffic, rule.traffic) == rule.traffic]
    labels = [
        Label(
            source=one.where.source, span=one.where.span, text="this one decides" if whole else "decides a part of it"
        )
        for one in (whole[:1] or near[:3])
    ]
    labels += rule.where.made
    message = f"`{rule.text}` never fits: " + (
        "a rule before it decides the same connections" if whole else "the rules before it decide all of it"
    )
    if not rule.traffic:
        message = f"`{rule.text}` never fits: it names no port"
    hint = "rules are tried in order; write the narrower ones first, or take it out"
    out.report(codes.RULE_NEVER_FITS, rule.where.span, message, labels=labels, hint=hint, source=rule.where.source)


def _check_network(step: JoinStep, entered: v.ElementRef, composition: Composition, out: Report) -> None:
    segment = composition.elements.get(entered.address)
    inside = segment.body.get("inside") if segment is not None else None
    if segment is None or inside is None or isinstance(inside, v.Unknown):
        return
    here = _name_there(v.ElementRef("network", step.address), composition)
    there = _name_there(inside, composition)
    if here == there:
        return
    where = step.spans.get("segment", step.where)
    shown = inside.address if isinstance(inside, v.ElementRef) else str(inside)
    place = segment.spans.get("inside", segment.head)
    label = Label(source=place.source, span=place.span, text="which is in this network")
    message = f"`{entered.address}` is a segment of `{shown}`, and this joins `{step.address}`"
    out.report(codes.SEGMENT_ELSEWHERE, where.span, message, labels=[label, *where.made], source=where.source)


def _name_there(value: Any, composition: Composition) -> str:
    """What a network is known by: two elements may look up the same port group."""
    element = composition.elements.get(value.address) if isinstance(value, v.ElementRef) else None
    at = element.body.get("at") if element is not None else value
    return at if isinstance(at, str) else f"element {getattr(value, 'address', value)}"


def _check_one_segment(nic: Nic, out: Report) -> None:
    first: JoinStep | None = None
    for step in nic.joins:
        if "segment" not in step.body:
            continue
        if first is None:
            first = step
        elif step.body["segment"] != first.body["segment"]:
            where, known = (one.spans.get("segment", one.where) for one in (step, first))
            label = Label(source=known.source, span=known.span, text="it enters this one")
            message = f"`{step.address}` is one NIC here, and a NIC is in one segment"
            hint = "for a second segment, join it with `separate: true`"
            labels = [label, *where.made]
            out.report(codes.TWO_SEGMENTS, where.span, message, labels=labels, hint=hint, source=where.source)
