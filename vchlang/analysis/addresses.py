"""Networks and addresses of a composition: ranges, static addresses and gateways, and which NICs executors have.

A network is what it is there: two elements that name one port group are one network, as in `known_as`. A network that
only `bridge` joins is a world of its own, so its ranges may be those of another.

A static address is one that a host can have, in the ranges that its network declares; its gateway is another host of
the same network.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.findings import say
from vchlang.analysis.program import BindStep, Composition, JoinStep, Where
from vchlang.diagnostics import Report

if TYPE_CHECKING:
    import ipaddress

Member: TypeAlias = "tuple[JoinStep, BindStep | None]"


class Static(msgspec.Struct, frozen=True, kw_only=True):
    """One `ip: .static(…)`: the NIC's join, what is written, and where. network: what the network is known as."""

    executor: str
    join: JoinStep
    network: str
    address: str
    interface: Any
    gateway: str
    at: Where
    at_gateway: Where


def check_addresses(composition: Composition, members: dict[str, list[Member]], out: Report) -> None:
    """Report addresses and ranges that cannot be, or that two have. members: of each executor, in their order."""
    _ranges(composition, out)
    _ranges_overlap(composition, out)
    taken: dict[tuple[str, Any], Static] = {}
    for executor, joined in members.items():
        networks = [(join, bind) for join, bind in joined if join.kind == "network"]
        _one_network(networks, composition, out)
        statics = list(_statics(executor, networks, composition))
        for one in statics:
            _host(one, out)
            _in_ranges(one, composition, out)
            _gateway(one, out)
            first = taken.setdefault((one.network, one.interface.ip), one)
            if first is not one:
                message = f"{one.interface.ip} on `{one.join.address}` is given already"
                say(out, codes.OVERLAP, one.at, message, first.at, "first given here")
        _subnets(statics, out)
        _two_ways_out(statics, out)


def known_as(address: str, composition: Composition) -> str:
    """What a network is called there, where the script says so, else its address here."""
    element = composition.elements.get(address)
    at = element.body.get("at") if element is not None else None
    return at if isinstance(at, str) else f"element {address}"


@functools.lru_cache(maxsize=65536)  # an address is asked for by several rules
def _parsed(text: Any) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    import ipaddress

    try:
        return ipaddress.ip_interface(text) if isinstance(text, str) else None
    except ValueError:
        return None  # the text has been reported


# ---- ranges --------------------------------------------------------------------------------------------------------


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of a network, the first and the last; the range as written, its network, and where it stands."""

    low: int
    high: int
    cidr: str
    network: str
    where: Where


def _bounds(cidr: str) -> tuple[int, int] | None:
    interface = _parsed(cidr)
    if interface is None:
        return None
    network = interface.network
    shift = 0 if network.version == 4 else 1 << 64  # so that addresses of the two versions never meet
    return int(network.network_address) + shift, int(network.broadcast_address) + shift


def _ranges(composition: Composition, out: Report) -> None:
    """Report ranges that are written as an address in them: which of the two is meant nobody can tell."""
    for element in composition.elements.values():
        ranges = element.body.get("ranges") if element.kind == "network" else None
        for place, cidr in enumerate(ranges if isinstance(ranges, list) else ()):
            interface = _parsed(cidr)
            if interface is not None and interface.ip != interface.network.network_address:
                where = element.spans.get(f"ranges[{place}]") or element.spans["ranges"]
                message = f"{cidr} is an address in a range; the range is {interface.network}"
                say(out, codes.WRONG_ADDRESS, where, message, hint=f'write "{interface.network}"')


def _ranges_overlap(composition: Composition, out: Report) -> None:
    """Report ranges that overlap. A bridge is a world of its own: it overlaps only what its executors are on too."""
    spans: dict[str, list[_Span]] = {}
    for element in composition.elements.values():
        ranges = element.body.get("ranges", ()) if element.kind == "network" else ()
        for place, cidr in enumerate(ranges if isinstance(ranges, list) else ()):
            if isinstance(cidr, str) and (bounds := _bounds(cidr)) is not None:
                where = element.spans.get(f"ranges[{place}]") or element.spans["ranges"]
                made = _Span(low=bounds[0], high=bounds[1], cidr=cidr, network=element.address, where=where)
                spans.setdefault(element.address, []).append(made)
    for own in spans.values():
        _overlapping(own, composition, None, out)
    bridges: set[str] = set()
    beside: dict[str, set[str]] = {}
    for handle in composition.handles:
        for step in handle.steps:
            if isinstance(step, JoinStep) and step.kind == "network":
                beside.setdefault(handle.executor, set()).add(step.address)
                if step.role == "bridge":
                    bridges.add(step.address)
    said: set[frozenset[str]] = set()
    for group in (spans.keys() - bridges, *(one for one in beside.values() if one & bridges)):
        _overlapping([one for name in group for one in spans.get(name, ())], composition, said, out)


def _overlapping(spans: list[_Span], composition: Composition, said: set[frozenset[str]] | None, out: Report) -> None:
    """Report spans of different networks that overlap, each pair of networks once; without `said`, those of one.

    Sorted by where they begin, a span can only overlap one that has not ended yet.
    """
    elements = composition.elements
    last: _Span | None = None
    for one in sorted(spans, key=lambda span: (span.low, span.high, elements[span.network].order)):
        if last is not None and one.low <= last.high and (said is None) == (one.network == last.network):
            first, second = sorted((last, one), key=lambda span: (elements[span.network].order, span.where.span.start))
            pair = frozenset((one.network, last.network))
            message = f"{second.cidr} of `{second.network}` overlaps {first.cidr}"
            if said is None:
                say(out, codes.OVERLAP, second.where, message, first.where, "the other range")
            elif pair not in said and known_as(one.network, composition) != known_as(last.network, composition):
                said.add(pair)
                message += f" of `{first.network}`"
                say(out, codes.OVERLAP, second.where, message, first.where, "the other network")
        if last is None or one.high > last.high:
            last = one


# ---- one executor --------------------------------------------------------------------------------------------------


def _one_network(networks: list[Member], composition: Composition, out: Report) -> None:
    """Report a network that is joined under two names, and NICs inside that are called the same."""
    first_by: dict[str, JoinStep] = {}
    named: dict[str, JoinStep] = {}
    for join, _ in networks:
        known = known_as(join.address, composition)
        first = first_by.setdefault(known, join)
        bridged = "bridge" in (join.role, first.role)
        offered = "container" in (join.role, first.role) or join.body.get("separate") is True
        if first.address != join.address and (bridged or not offered):
            message = f"`{join.address}` and `{first.address}` are one network, {v.quoted(known)}"
            if bridged:
                message += ", and joined as `bridge` it holds no other role"
                say(out, codes.ROLE_CONFLICT, join.where, message, first.where, f"joined as `{first.role}` here")
            else:
                hint = f"write `join {first.address} as {join.role}`, or `separate: true` for a NIC of its own"
                say(out, codes.JOINED_TWICE, join.where, message, first.where, "first joined here", hint=hint)
        name = join.body.get("interface")
        other = named.setdefault(name, join) if isinstance(name, str) else join
        if other is not join and (other.address != join.address or join.body.get("separate") is True):
            where, there = join.spans["interface"], other.spans["interface"]
            say(out, codes.SAME_NAME, where, f"two NICs are called {v.quoted(str(name))}", there, "the first of them")


def _statics(executor: str, networks: list[Member], composition: Composition) -> Iterator[Static]:
    for join, bind in networks:
        ip = bind.body.get("ip") if bind is not None else None
        if bind is None or not isinstance(ip, v.VariantValue) or ip.case != "static":
            continue
        interface = _parsed(ip.fields.get("address"))
        if interface is not None:
            at, gateway = bind.spans["ip"], ip.fields.get("gateway")
            yield Static(
                executor=executor,
                join=join,
                network=known_as(join.address, composition),
                address=str(ip.fields["address"]),
                interface=interface,
                gateway=gateway if isinstance(gateway, str) else "",
                at=bind.spans.get("ip.address", at),
                at_gateway=bind.spans.get("ip.gateway", at),
            )


def _host(one: Static, out: Report) -> None:
    """Report an address that is none of a host."""
    ip, network = one.interface.ip, one.interface.network
    # Two hosts at the ends of a line need no address for the line itself.
    ends = network.prefixlen >= network.max_prefixlen - 1
    if ip.is_multicast or ip.is_loopback or ip.is_unspecified:
        kind = "for many hosts" if ip.is_multicast else "a host's own" if ip.is_loopback else "no address yet"
        say(out, codes.WRONG_ADDRESS, one.at, f"{ip} is no address of a host on a network: it is {kind}")
    elif not ends and ip == network.network_address:
        say(out, codes.WRONG_ADDRESS, one.at, f"{ip} is the address of the network {network} itself")
    elif not ends and network.version == 4 and ip == network.broadcast_address:
        say(out, codes.WRONG_ADDRESS, one.at, f"{ip} is the broadcast address of {network}")


def _in_ranges(one: Static, composition: Composition, out: Report) -> None:
    """Report an address outside of what its network declares."""
    element = composition.elements.get(one.join.address)
    ranges = element.body.get("ranges") if element is not None else None
    if element is None or not isinstance(ranges, list) or not ranges:
        return
    parsed = [_parsed(cidr) for cidr in ranges]
    if any(known is None for known in parsed):
        return  # one that is not known may be the one
    if not any(known is not None and _within(one.interface.ip, known.network) for known in parsed):
        shown = ", ".join(str(cidr) for cidr in ranges[:3]) + (", …" if len(ranges) > 3 else "")
        message = f"{one.interface.ip} is outside of the ranges of `{one.join.address}`: {shown}"
        say(out, codes.WRONG_ADDRESS, one.at, message, element.spans["ranges"], "its ranges")


def _gateway(one: Static, out: Report) -> None:
    interface = _parsed(one.gateway) if one.gateway else None
    if interface is None or interface.ip.is_link_local:  # every network has those
        return
    ip, network = interface.ip, one.interface.network
    if network.prefixlen == network.max_prefixlen and ip.version == network.version:
        return  # a host on a line of its own reaches it directly
    if not _within(ip, network):
        message = f"the gateway {ip} is not in {network}, the network of {one.interface.ip}"
        say(out, codes.WRONG_ADDRESS, one.at_gateway, message, one.at, "this is the address")
    elif ip == one.interface.ip:
        say(out, codes.WRONG_ADDRESS, one.at_gateway, f"{ip} is the address itself, and no way out")
    elif network.prefixlen < network.max_prefixlen - 1 and ip in (network.network_address, network.broadcast_address):
        if network.version == 4:
            say(out, codes.WRONG_ADDRESS, one.at_gateway, f"the gateway {ip} is no host of {network}")


def _subnets(statics: list[Static], out: Report) -> None:
    """Report NICs on different networks whose addresses are in one: nobody could tell which way a packet goes."""
    last: tuple[int, Static] | None = None
    spans = [(_bounds(one.address) or (0, 0), place, one) for place, one in enumerate(statics)]
    for (low, high), _, one in sorted(spans, key=lambda span: span[:2]):
        if last is not None and low <= last[0] and one.network != last[1].network:
            first, second = sorted((last[1], one), key=statics.index)
            message = f"{second.address} on `{second.join.address}` overlaps {first.address} on `{first.join.address}`"
            say(out, codes.OVERLAP, second.at, message, first.at, "the other network")
        if last is None or high > last[0]:
            last = high, one


def _two_ways_out(statics: list[Static], out: Report) -> None:
    ways = [one for one in statics if one.gateway]
    public = next((one for one in ways if one.join.role == "public"), ways[0] if ways else None)
    for one in ways:
        if public is not None and one is not public and one.gateway != public.gateway:
            message = f"`{one.executor}` has two ways out, {public.gateway} and {one.gateway}"
            hint = "the default route is one; leave out `gateway` where only neighbours are spoken to"
            say(out, codes.TWO_GATEWAYS, one.at_gateway, message, public.at_gateway, "the other way out", hint=hint)


def _within(ip: Any, network: Any) -> bool:
    return bool(ip.version == network.version and ip in network)
