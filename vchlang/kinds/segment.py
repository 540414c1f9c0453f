"""Segments: which connections the members of a network's part may have.

A segment is a list of rules, read as a firewall reads them: the first that fits decides. For its members, what no rule
allows to come in is dropped, and what no rule denies may go out. Rules speak of connections; replies pass.
"""

from typing import Literal, TypeAlias

from vchlang.kinds.schema import Name, case, kind, param, record, verb

FIRST_PORT, LAST_PORT = 1, 65535


@record
class Ports:
    """Ports that follow each other, both ends included."""

    low: int = param("The first.")
    high: int = param("The last.")


@case("tcp")
class Tcp:
    """Connections of TCP."""

    ports: list[Ports] | None = param("To these ports; to every port otherwise.", default=None)


@case("udp")
class Udp:
    """Datagrams of UDP, and the answers to them."""

    ports: list[Ports] | None = param("To these ports; to every port otherwise.", default=None)


@case("icmp")
class Icmp:
    """Messages of ICMP, of either version."""


@case("any")
class AnyTraffic:
    """Whatever it is: every protocol and every port."""


Traffic: TypeAlias = Tcp | Udp | Icmp | AnyTraffic


@case("segment")
class Members:
    """The members of a segment."""

    name: str = param("The segment.")


@case("outside")
class Outside:
    """What is in no segment."""


@case("any")
class Anybody:
    """Whoever it is."""


Peer: TypeAlias = Members | Outside | Anybody


@record
class Rule:
    """`allow tcp(80, 443) from any`."""

    action: Literal["allow", "deny"] = param("What becomes of a connection that fits.")
    what: Traffic = param("Which connections.")
    direction: Literal["from", "to"] = param("Whether it is about coming in from, or going out to.", default="from")
    peer: Peer = param("The other end.", default=Anybody())


@verb(
    "segment",
    "create",
    "adopt",
    "ensure",
    "existing",
    examples=(
        'ensure network lan at "dpg-lan"\nensure segment web in lan { allow tcp(80, 443) from any }',
        'ensure network lan at "dpg-lan"\nensure segment db in lan { allow tcp(5432) from any deny any to outside }',
    ),
)
class Segment:
    """A part of a network with rules on who may speak to whom. An executor enters one where it joins the network."""

    inside: str = param("The network that it is a part of.", clause="in", kinds=("network",), change="replace")
    name: Name | None = param("What it is called there.", default=None, change="replace")
    rules: list[Rule] = param("Its rules, in order: the statements in its braces.", default=[])


kind("segment")
