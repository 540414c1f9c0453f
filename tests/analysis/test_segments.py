"""Segments against a firewall that tries every packet, one rule after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vchlang import values as v
from vchlang.analysis import segments
from vchlang.analysis.program import Composition, ElementDecl, HandleDecl, JoinStep, Where
from vchlang.analysis.segments import Reach, check_segments
from vchlang.analysis.traffic import Traffic, Union, common, show_rule, show_traffic, traffic_of
from vchlang.diagnostics import Diagnostic, Report
from vchlang.text import Span

# ---- compositions --------------------------------------------------------------------------------------------------

ANY, OUTSIDE, ICMP = v.VariantValue("any"), v.VariantValue("outside"), v.VariantValue("icmp")


def tcp(*ports: Any) -> v.VariantValue:
    return v.VariantValue("tcp", {"ports": list(ports)})


def udp(*ports: Any) -> v.VariantValue:
    return v.VariantValue("udp", {"ports": list(ports)})


def segment(address: str) -> v.ElementRef:
    return v.ElementRef("segment", address)


def executor(address: str) -> v.ElementRef:
    return v.ElementRef("executor", address)


def rule(action: str, what: Any, direction: str = "", peer: Any = None) -> dict[str, Any]:
    return {"action": action, "what": what, "direction": direction, "peer": peer}


class Built:
    """A composition of segments and executors, put together without a script; each thing has a place of its own."""

    def __init__(self) -> None:
        self.elements: dict[str, ElementDecl] = {}
        self.handles: dict[str, HandleDecl] = {}
        self.places = 0

    def place(self) -> Where:
        self.places += 1
        return Where("script.vch", Span(self.places, self.places + 1))

    def element(self, kind: str, address: str, verb: str = "create", **body: Any) -> None:
        self.elements[address] = ElementDecl(
            address=address, kind=kind, verb=verb, label=address, body=body, where=self.place(), head=self.place(),
            spans={name: self.place() for name in body}, order=len(self.elements),
        )  # fmt: skip

    def segment(self, address: str, *rules: dict[str, Any], verb: str = "ensure", network: str = "lan") -> None:
        self.element("segment", address, verb, inside=v.ElementRef("network", network))
        one = self.elements[address]
        if rules or verb in ("create", "ensure"):
            one.body["rules"] = list(rules)
        one.spans |= {f"rules[{number}]": self.place() for number in range(len(rules))}

    def executor(self, address: str, **body: Any) -> None:
        self.element("executor", address, **body)

    def join(self, executor: str, network: str, role: str, entered: str | None = None, /, **body: Any) -> None:
        if entered is not None:
            body["segment"] = segment(entered)
        step = JoinStep(
            kind="network", address=network, role=role, body=body, where=self.place(),
            spans={name: self.place() for name in body},
        )  # fmt: skip
        if executor not in self.handles:
            self.handles[executor] = HandleDecl(
                executor=executor, steps=[], partial=False, where=self.place(), head=self.place(),
                order=len(self.handles),
            )  # fmt: skip
        self.handles[executor].steps.append(step)

    @property
    def composition(self) -> Composition:
        return Composition(
            elements=self.elements, handles=list(self.handles.values()), powers=[], waits=[], outputs=[], missing=(),
            diagnostics=(),
        )  # fmt: skip

    def way(self, source: Any, target: Any) -> str:
        return str(Reach(self.composition).reachable(source, target) or "")

    def check(self) -> list[Diagnostic]:
        out = Report("script.vch")
        check_segments(self.composition, out)
        return list(out.freeze())


def tiers() -> Built:
    """The two segments of the language page."""
    built = Built()
    built.segment("web", rule("allow", tcp(80, 443), "from", ANY))
    built.segment(
        "db",
        rule("allow", tcp(5432), "from", segment("web")),
        rule("allow", udp(53), "to", ANY),
        rule("deny", ANY, "to", ANY),
    )
    return built


# ---- what passes ---------------------------------------------------------------------------------------------------


def test_the_tiers_of_the_language_page() -> None:
    built = tiers()
    assert built.way(OUTSIDE, segment("db")) == ""
    assert built.way(segment("web"), segment("db")) == ("`web` → `db`: tcp 5432, let in by `allow tcp(5432) from web`")
    assert built.way(segment("db"), segment("web")) == ""
    assert built.way(segment("db"), OUTSIDE) == "`db` → outside: udp 53, let out by `allow udp(53) to any`"
    assert built.way(OUTSIDE, segment("web")) == "outside → `web`: tcp 80, 443, let in by `allow tcp(80, 443) from any`"
    assert built.way(ANY, segment("db")) == "`web` → `db`: tcp 5432, let in by `allow tcp(5432) from web`"
    assert built.way(OUTSIDE, OUTSIDE) == "outside → outside: any"


def test_members_of_one_segment_need_a_rule_too() -> None:
    built = Built()
    built.segment("closed")
    built.segment("peers", rule("allow", ANY, "from", segment("peers")))
    assert built.way(segment("closed"), segment("closed")) == ""
    assert built.way(segment("peers"), segment("peers"))
    assert built.way(OUTSIDE, segment("peers")) == ""
    assert built.way(segment("closed"), OUTSIDE) == "`closed` → outside: any; no rule of `closed` denies it"


def test_the_first_that_fits_decides() -> None:
    built = Built()
    built.segment("s", rule("deny", tcp(v.Range(1, 1023)), "from", OUTSIDE), rule("allow", tcp(80, 8080)))
    assert "tcp 8080," in built.way(OUTSIDE, segment("s"))
    built.segment("t", rule("deny", tcp(80), "from", OUTSIDE), rule("allow", tcp(80)))
    assert built.way(OUTSIDE, segment("t")) == ""
    assert built.way(segment("s"), segment("t")) != ""


def test_a_segment_that_the_script_does_not_know_is_among_any() -> None:
    built = Built()
    built.segment("s", rule("deny", ANY, "from", OUTSIDE), rule("deny", ANY, "from", segment("s")), rule("allow", ANY))
    assert built.way(ANY, segment("s")) == "another segment → `s`: any, let in by `allow any`"


def test_rules_that_the_script_does_not_know_may_let_anything_through() -> None:
    built = Built()
    built.segment("theirs", verb="existing")
    built.segment("taken", verb="adopt")
    built.segment("ours", verb="ensure")
    for name in ("theirs", "taken"):
        unread = f"the rules of `{name}` are not in the script"
        assert built.way(OUTSIDE, segment(name)) == f"outside → `{name}`: any; {unread}"
    assert built.way(OUTSIDE, segment("ours")) == ""


def test_an_executor_speaks_as_each_of_its_nics() -> None:
    built = tiers()
    built.element("network", "lan")
    built.element("network", "other")
    for name in ("inner", "both", "none"):
        built.executor(name)
    built.join("inner", "lan", "bridge", "web")
    built.join("both", "lan", "bridge", "db")
    built.join("both", "other", "client")
    assert built.way(executor("inner"), segment("db")).startswith("`inner` in `web` → `db`: tcp 5432")
    assert built.way(executor("both"), executor("inner")).startswith("`both`, outside → `inner` in `web`: tcp 80, 443")
    assert built.way(OUTSIDE, executor("both")) == "outside → `both`, outside: any"
    assert built.way(OUTSIDE, executor("none")) == ""


def test_one_network_is_one_nic_whatever_its_roles() -> None:
    built = tiers()
    built.executor("e")
    built.join("e", "lan", "client")
    built.join("e", "lan", "public", "db")
    assert built.way(OUTSIDE, executor("e")) == ""
    built.join("e", "lan", "spare", separate=True)
    assert built.way(OUTSIDE, executor("e")) == "outside → `e`, outside: any"


def test_what_is_offered_to_containers_is_no_nic() -> None:
    built = tiers()
    built.executor("e")
    built.join("e", "lan", "container")
    assert built.way(OUTSIDE, executor("e")) == ""


def test_an_executor_that_the_script_does_not_compose_may_be_in_anything() -> None:
    built = tiers()
    built.element("executor", "theirs", "existing")
    assert built.way(executor("theirs"), segment("db")).startswith("`theirs` in `web` → `db`")


def test_a_copy_has_the_nics_of_its_parent() -> None:
    built = tiers()
    built.element("template", "warm")
    built.join("warm", "lan", "bridge", "web")
    built.executor("copy", parent=v.ElementRef("template", "warm"))
    assert built.way(executor("copy"), segment("db")).startswith("`copy` in `web` → `db`")


def test_a_segment_that_is_called_by_its_name_there_may_be_any() -> None:
    built = tiers()
    built.executor("e")
    built.join("e", "lan", "client", segment="lan/whatever")
    assert built.way(executor("e"), segment("db")).startswith("`e` in `web` → `db`")
    assert built.check() == []


def test_why_there_is_no_way() -> None:
    built = tiers()
    built.executor("none")
    reach = Reach(built.composition)
    assert reach.reason(OUTSIDE, segment("db")) == "`db` lets nothing in from outside"
    assert reach.reason(segment("db"), segment("web")) == "what `db` lets out to `web` is not what that lets in"
    assert reach.reason(executor("none"), segment("web")) == "one of them has no NIC"
    built.segment("mute", rule("deny", ANY, "to", ANY))
    assert Reach(built.composition).reason(segment("mute"), segment("web")) == "`mute` lets nothing out to `web`"


def test_what_depends_on_a_parameter_without_a_value_is_not_settled() -> None:
    built = tiers()
    assert Reach(built.composition).settled
    built.segment("s", rule("allow", tcp(v.Unknown(v.INT))))
    assert not Reach(built.composition).settled


def test_the_rules_of_a_way_are_shown_where_they_stand() -> None:
    built = tiers()
    way = Reach(built.composition).reachable(segment("web"), segment("db"))
    assert way is not None
    where = built.elements["db"].spans["rules[0]"]
    assert [(one.span, one.text) for one in way.labels] == [(where.span, "lets it in")]


def test_how_rules_and_traffic_read() -> None:
    assert show_rule(rule("allow", tcp(80, v.Range(8000, 8010)))) == "allow tcp(80, 8000..8010)"
    assert show_rule(rule("deny", v.VariantValue("udp"), "to", segment('s["a"]'))) == 'deny udp to s["a"]'
    assert show_rule(rule("allow", ICMP, "from")) == "allow icmp from any"
    assert show_traffic(traffic_of(tcp(443, 80, 81))) == "tcp 80..81, 443"
    assert show_traffic(traffic_of(v.VariantValue("udp"))) == "udp"
    assert show_traffic(traffic_of(ICMP)) == "icmp"


# ---- against a simulator -------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c")
PORTS = (1, 2, 3, 65533, 65534, 65535)


class Packet(NamedTuple):
    """A connection: port 0 for protocols without ports."""

    protocol: str
    port: int
    source: str
    target: str


def packets() -> Iterator[tuple[str, int]]:
    for protocol in ("tcp", "udp"):
        for port in PORTS:
            yield protocol, port
    yield "icmp", 0
    yield "esp", 0


def fits(one: dict[str, Any], packet: Packet, inward: bool) -> bool:
    """Whether a rule fits a packet, tried the slow way."""
    if (one["direction"] != "to") is not inward:
        return False
    other = packet.source if inward else packet.target
    peer = one["peer"]
    if isinstance(peer, v.ElementRef) and other != peer.address:
        return False
    if peer == OUTSIDE and other != "outside":
        return False
    what = one["what"]
    if what.case == "any":
        return True
    if what.case != packet.protocol:
        return False
    ports = what.fields.get("ports")
    return ports is None or any(
        packet.port == port if isinstance(port, int) else port.low <= packet.port <= port.high for port in ports
    )


def passes(rules: dict[str, list[dict[str, Any]]], packet: Packet) -> bool:
    """What a firewall on both ends does with a packet."""
    for end, inward, default in ((packet.source, False, True), (packet.target, True, False)):
        if end in rules:
            for one in rules[end]:
                if fits(one, packet, inward):
                    if one["action"] == "deny":
                        return False
                    break
            else:
                if not default:
                    return False
    return True


def ends_meant(what: Any) -> list[str]:
    if what == ANY:
        return ["outside", *NAMES, "others"]
    return ["outside"] if what == OUTSIDE else [what.address]


ports = st.one_of(st.sampled_from(PORTS), st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(
    lambda pair: v.Range(min(pair), max(pair))))  # fmt: skip
traffics = st.one_of(
    st.just(ANY), st.just(ICMP), st.just(v.VariantValue("tcp")), st.just(v.VariantValue("udp")),
    st.lists(ports, min_size=1, max_size=3).map(lambda some: tcp(*some)),
    st.lists(ports, min_size=1, max_size=3).map(lambda some: udp(*some)),
)  # fmt: skip
whole_ends = st.one_of(st.just(ANY), st.just(OUTSIDE), st.sampled_from(NAMES).map(segment))
drawn_rules = st.builds(
    rule, st.sampled_from(["allow", "deny"]), traffics, st.sampled_from(["from", "to", ""]),
    st.one_of(st.none(), whole_ends),
)  # fmt: skip
drawn = st.fixed_dictionaries({name: st.lists(drawn_rules, max_size=5) for name in NAMES})


def built_of(rules: dict[str, list[dict[str, Any]]]) -> Built:
    built = Built()
    for name, some in rules.items():
        built.segment(name, *some)
    return built


def hold_against_the_simulator(rules: dict[str, list[dict[str, Any]]], source: Any, target: Any) -> None:
    wanted = {
        packet
        for one in ends_meant(source)
        for other in ends_meant(target)
        for packet in (Packet(*what, one, other) for what in packets())
        if passes(rules, packet)
    }
    way = Reach(built_of(rules).composition).reachable(source, target)
    assert (way is not None) is bool(wanted)
    if way is not None:
        shown = {
            "outside": "outside", "another segment": "others", "`a`": "a", "`b`": "b", "`c`": "c"
        }  # fmt: skip
        ends = shown[way.source], shown[way.target]
        # What the way shows is really allowed, all of it.
        for protocol, port in packets():
            what = tcp(port) if protocol == "tcp" else udp(port) if protocol == "udp" else ICMP
            if protocol != "esp" and common(traffic_of(what), way.traffic):
                assert Packet(protocol, port, *ends) in wanted


def hold_never_fits(rules: list[dict[str, Any]]) -> None:
    """A rule is reported exactly when taking it out, or turning it round, would change nothing for anybody."""
    built = built_of({"a": rules, "b": [], "c": []})
    said = {one.span for one in built.check() if one.code == "rule-never-fits"}
    for place, one in enumerate(rules):
        reached = any(
            fits(one, packet, inward) and not any(fits(other, packet, inward) for other in rules[:place])
            for inward in (True, False)
            for other_end in ("outside", *NAMES, "others")
            for what in packets()
            for packet in [Packet(*what, other_end, "a") if inward else Packet(*what, "a", other_end)]
        )
        assert (built.elements["a"].spans[f"rules[{place}]"].span in said) is not reached, show_rule(one)


@settings(max_examples=300, deadline=None)
@given(drawn, whole_ends, whole_ends)
def test_reachable_is_what_a_firewall_does(rules: dict[str, list[dict[str, Any]]], source: Any, target: Any) -> None:
    hold_against_the_simulator(rules, source, target)


# Ports of which the simulator tries only some would be reached at others, so these speak of the tried ones alone.
single = st.one_of(
    st.just(ANY), st.just(ICMP), st.lists(st.sampled_from(PORTS), min_size=1, max_size=4).map(lambda some: tcp(*some)),
    st.lists(st.sampled_from(PORTS), min_size=1, max_size=4).map(lambda some: udp(*some)),
)  # fmt: skip
single_rules = st.builds(
    rule, st.sampled_from(["allow", "deny"]), single, st.sampled_from(["from", "to", ""]),
    st.one_of(st.none(), whole_ends),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(single_rules, max_size=7))
def test_a_rule_is_said_to_never_fit_exactly_when_it_does_not(rules: list[dict[str, Any]]) -> None:
    hold_never_fits(rules)


intervals = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda one: ((one[0], sum(one)),)))


@settings(max_examples=300, deadline=None)
@given(intervals, intervals)
def test_traffic_is_a_set(some: list[Traffic], others: list[Traffic]) -> None:
    one, other = Union(), Union()
    for union, pieces in ((one, some), (other, others)):
        for piece in pieces:
            union.add(piece)
    numbers = {n for piece in some for low, high in piece for n in range(low, high + 1)}
    more = {n for piece in others for low, high in piece for n in range(low, high + 1)}

    def listed(traffic: Traffic) -> list[int]:
        assert all(traffic[n][1] + 1 < traffic[n + 1][0] for n in range(len(traffic) - 1))
        return [n for low, high in traffic for n in range(low, high + 1)]

    assert listed(one.all()) == sorted(numbers)
    assert listed(one.rest_of(other.all())) == sorted(more - numbers)
    assert listed(common(one.all(), other.all())) == sorted(numbers & more)


# ---- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (tcp(0), "0 is no port: ports go from 1 to 65535"),
        (udp(65536), "65536 is no port: ports go from 1 to 65535"),
        (tcp(v.Range(90, 80)), "90..80 has no port in it: the lower one comes first"),
    ],
)
def test_ports_that_cannot_be(what: Any, message: str) -> None:
    built = Built()
    built.segment("s", rule("allow", what))
    assert [(one.code, one.message) for one in built.check()] == [("out-of-range", message)]


def test_a_rule_that_never_fits_shows_the_one_that_decides() -> None:
    built = Built()
    built.segment("s", rule("deny", ANY, "from", OUTSIDE), rule("allow", tcp(80), "from", OUTSIDE))
    [found] = built.check()
    spans = built.elements["s"].spans
    assert (found.code, found.severity, found.span) == ("rule-never-fits", "warning", spans["rules[1]"].span)
    assert [(one.span, one.text) for one in found.labels] == [(spans["rules[0]"].span, "this one decides")]


def test_a_rule_that_several_cover_together() -> None:
    built = Built()
    built.segment(
        "s",
        rule("deny", tcp(v.Range(1, 100)), "from", ANY),
        rule("allow", tcp(v.Range(101, 200)), "from", segment("s")),
        rule("allow", tcp(v.Range(50, 150)), "from", segment("s")),
        rule("allow", tcp(v.Range(50, 150)), "from", ANY),
    )
    assert [one.span for one in built.check()] == [built.elements["s"].spans["rules[2]"].span]


def test_the_two_directions_do_not_cover_each_other() -> None:
    built = Built()
    built.segment("s", rule("deny", ANY, "to", ANY), rule("allow", tcp(80), "from", ANY))
    assert built.check() == []


def test_a_rule_speaks_of_segments() -> None:
    built = Built()
    built.executor("e")
    built.segment("s", rule("allow", ANY, "from", executor("e")))
    assert [one.code for one in built.check()] == ["wrong-type"]


def test_rules_of_what_is_only_looked_up() -> None:
    built = Built()
    built.segment("s", rule("allow", ANY), verb="existing")
    assert [one.code for one in built.check()] == ["wrong-verb"]


def test_a_segment_of_another_network() -> None:
    built = tiers()
    built.element("network", "lan", "existing", at="port-group")
    built.element("network", "other", "existing", at="elsewhere")
    built.element("network", "same", "existing", at="port-group")
    for name, network in (("e", "other"), ("f", "same"), ("g", "lan")):
        built.executor(name)
        built.join(name, network, "client", "web")
    [found] = built.check()
    assert found.code == "segment-elsewhere"
    assert found.message == "`web` is a segment of `lan`, and this joins `other`"
    steps = built.handles["e"].steps
    assert found.span == steps[0].spans["segment"].span


def test_a_nic_in_two_segments() -> None:
    built = tiers()
    built.executor("e")
    built.join("e", "lan", "client", "web")
    built.join("e", "lan", "public", "db")
    assert [one.code for one in built.check()] == ["two-segments"]
    built = tiers()
    built.executor("e")
    built.join("e", "lan", "client", "web")
    built.join("e", "lan", "public", "db", separate=True)
    built.join("e", "lan", "other", "web")
    assert built.check() == []


# ---- size ----------------------------------------------------------------------------------------------------------


def test_many_segments_and_members_are_checked_in_no_time() -> None:
    built = Built()
    built.element("network", "lan")
    for n in range(1000):
        some = [
            rule("allow", tcp(p, v.Range(p + 2, p + 9)), "from", segment(f"s{(n + p) % 1000}")) for p in range(1, 9)
        ]
        built.segment(f"s{n}", *some, rule("allow", udp(53), "to", ANY), rule("deny", ANY, "to", ANY))
    for n in range(10_000):
        built.executor(f"e{n}")
        built.join(f"e{n}", "lan", "client", f"s{n % 1000}")
    composition = built.composition
    started = time.process_time()
    out = Report("script.vch")
    check_segments(composition, out)
    reach = Reach(composition)
    for n in range(1000):
        assert reach.reachable(OUTSIDE, segment(f"s{n}")) is None
        assert reach.reachable(executor(f"e{n}"), executor(f"e{n + 1000}")) is None
    took = time.process_time() - started
    assert out.freeze() == ()
    assert took < 3, f"{took:.2f} s"  # half a second on a quiet machine


def test_a_long_list_of_rules_is_no_trouble() -> None:
    built = Built()
    built.segment("s", *(rule("allow", tcp(2 * n + 1), "from", OUTSIDE) for n in range(30_000)))
    started = time.process_time()
    assert built.check() == []
    assert Reach(built.composition).reachable(OUTSIDE, segment("s"))
    assert time.process_time() - started < 3


# ---- the tests bite ------------------------------------------------------------------------------------------------


def test_rules_read_in_any_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = segments.passing
    monkeypatch.setattr(
        segments, "passing", lambda rules, other, *, default: right([*rules][::-1], other, default=default)
    )
    with pytest.raises(AssertionError):
        test_the_first_that_fits_decides()
    rules = {"a": [rule("deny", tcp(1)), rule("allow", ANY)], "b": [rule("allow", tcp(1))], "c": []}
    with pytest.raises(AssertionError):
        hold_against_the_simulator(rules, OUTSIDE, segment("a"))


def test_an_open_default_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = segments.passing
    monkeypatch.setattr(segments, "passing", lambda rules, other, *, default: right(rules, other, default=True))
    with pytest.raises(AssertionError):
        test_the_tiers_of_the_language_page()
    with pytest.raises(AssertionError):
        hold_against_the_simulator({"a": [], "b": [], "c": []}, OUTSIDE, segment("a"))


def test_forgetting_who_is_meant_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_peer", lambda peer: segments.ANY)
    with pytest.raises(AssertionError):
        test_the_tiers_of_the_language_page()
    with pytest.raises(AssertionError):
        hold_never_fits([rule("deny", ANY, "from", OUTSIDE), rule("allow", tcp(1), "from", segment("b"))])
