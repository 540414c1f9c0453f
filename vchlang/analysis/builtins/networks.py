"""Functions of address ranges, of both versions of IP. A range with bits of a host set stands for its network."""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, allow_items, group, shortened, whole

MAX_HOSTS = 65536
_network = group("networks")
_RANGE = ("range", v.CIDR)
_RANGE_OR_ADDRESS = v.UnionOf((v.CIDR, v.ADDRESS))


def _range(text: str) -> Any:
    import ipaddress

    return ipaddress.ip_interface(text).network


@_network(v.CIDR, 'cidr_network("10.0.0.7/24") == "10.0.0.0/24"', _RANGE)
def cidr_network(range_: str) -> str:
    """The range that an address with the length of its network lies in."""
    return str(_range(range_))


@_network(v.ADDRESS, 'cidr_netmask("10.0.0.0/20") == "255.255.240.0"', _RANGE)
def cidr_netmask(range_: str) -> str:
    """The mask of a range, as an address."""
    return str(_range(range_).netmask)


@_network(v.INT, 'cidr_prefix("10.0.0.0/20") == 20', _RANGE)
def cidr_prefix(range_: str) -> int:
    """The length of the network's part of a range, in bits."""
    return int(_range(range_).prefixlen)


@_network(v.INT, 'cidr_size("10.0.0.0/24") == 256', _RANGE)
def cidr_size(range_: str) -> int:
    """The number of addresses of a range, its own and the broadcast address among them."""
    return whole(_range(range_).num_addresses)


@_network(
    v.ADDRESS,
    'cidr_host("10.0.0.0/24", 5) == "10.0.0.5" and cidr_host("10.0.0.0/24", -2) == "10.0.0.254"',
    _RANGE,
    ("number", v.INT),
)
def cidr_host(range_: str, number: int) -> str:
    """The address with this number in a range, counted from 0; below zero, from the end."""
    network = _range(range_)
    if not -network.num_addresses <= number < network.num_addresses:
        raise Mistake("bad-index", f"{range_} has no address number {number}")
    return str(network[number])


@_network(v.ADDRESS, 'cidr_first("10.0.0.0/24") == "10.0.0.1"', _RANGE)
def cidr_first(range_: str) -> str:
    """The first address of a range that a host can have."""
    network = _range(range_)
    return str(network[_ends(network)[0]])


@_network(v.ADDRESS, 'cidr_last("10.0.0.0/24") == "10.0.0.254"', _RANGE)
def cidr_last(range_: str) -> str:
    """The last address of a range that a host can have."""
    network = _range(range_)
    return str(network[_ends(network)[1]])


@_network(v.ListOf(v.ADDRESS), 'cidr_hosts("10.0.0.0/30") == ["10.0.0.1", "10.0.0.2"]', _RANGE)
def cidr_hosts(range_: str) -> list[str]:
    """The addresses of a range that hosts can have, of at most 65,536."""
    network = _range(range_)
    first, last = _ends(network)
    if last - first >= MAX_HOSTS:
        raise Mistake("limit-size", f"{range_} has more than {MAX_HOSTS:,} addresses; `cidr_host` gives one of them")
    return [str(network[number]) for number in range(first, last + 1)]


def _ends(network: Any) -> tuple[int, int]:
    """Numbers of the first and the last host. The ends are for hosts where there is nothing between (RFC 3021, 6164),
    and IPv6 has no broadcast address."""
    count = network.num_addresses
    if count <= 2:
        return 0, count - 1
    return 1, count - (2 if network.version == 4 else 1)


@_network(v.CIDR, 'cidr_subnet("10.0.0.0/8", 8, 2) == "10.2.0.0/16"', _RANGE, ("bits", v.INT), ("number", v.INT))
def cidr_subnet(range_: str, bits: int, number: int) -> str:
    """The part with this number, when a range is divided into parts whose prefix is so many bits longer."""
    network = _range(range_)
    size = _part(network, range_, bits)
    if not 0 <= number < 2**bits:
        raise Mistake("bad-index", f"{bits} bits more give {2**bits:,} parts, and no number {number}")
    return _made(network, int(network.network_address) + number * size, bits)


@_network(
    v.ListOf(v.CIDR),
    'cidr_subnets("10.0.0.0/8", 8, 4) == ["10.0.0.0/16", "10.16.0.0/12"]',
    _RANGE,
    ("bits", v.INT),
    variadic=True,
)
def cidr_subnets(range_: str, *bits: int) -> list[str]:
    """Parts of a range one after the other, each with a prefix that is so many bits longer; none overlaps another."""
    allow_items(len(bits))
    network = _range(range_)
    start = at = int(network.network_address)
    out: list[str] = []
    for one in bits:
        size = _part(network, range_, one)
        at += -(at - start) % size
        if at + size > start + network.num_addresses:
            raise Mistake("bad-index", f"{range_} has no room for part number {len(out)}, of {one} bits")
        out.append(_made(network, at, one))
        at += size
    return out


def _part(network: Any, range_: str, bits: int) -> int:
    """How many addresses a part has whose prefix is `bits` longer."""
    free = network.max_prefixlen - network.prefixlen
    if not 0 <= bits <= free:
        raise Mistake("wrong-arguments", f"a part of {range_} is 0 to {free} bits longer, not {bits}")
    return int(2 ** (free - bits))


def _made(network: Any, start: int, bits: int) -> str:
    return str(type(network)((start, network.prefixlen + bits)))


@_network(v.BOOL, 'cidr_overlap("10.0.0.0/8", "10.1.0.0/16")', ("one", v.CIDR), ("other", v.CIDR))
def cidr_overlap(one: str, other: str) -> bool:
    """Whether two ranges share an address."""
    first, second = _range(one), _range(other)
    return first.version == second.version and bool(first.overlaps(second))


@_network(
    v.BOOL,
    'cidr_contains("10.0.0.0/8", "10.1.2.3") and not cidr_contains("10.1.0.0/16", "10.0.0.0/8")',
    _RANGE,
    ("what", _RANGE_OR_ADDRESS),
)
def cidr_contains(range_: str, what: str) -> bool:
    """Whether a range has an address, or the whole of another range, in it."""
    network, other = _range(range_), _either(what)
    return network.version == other.version and bool(other.subnet_of(network))


@_network(v.BOOL, 'is_ipv6("fe80::1") and not is_ipv6("10.0.0.0/8")', ("what", _RANGE_OR_ADDRESS))
def is_ipv6(what: str) -> bool:
    """Whether an address or a range is one of IPv6."""
    return bool(_either(what).version == 6)


def _either(text: str) -> Any:
    """A range, or that of one address. An address that names an interface (`%eth0`) is the address."""
    import ipaddress

    try:
        return _range(text) if "/" in text else ipaddress.ip_network(text.partition("%")[0])
    except ValueError:
        raise Mistake("bad-text", f"{shortened(text)} is neither an address nor a range of them") from None
