"""Networks and how executors are on them."""

from typing import Annotated, TypeAlias

from vchlang import values as v
from vchlang.kinds.schema import Address, Cidr, Fact, In, InventoryPath, Like, Name, Texts, case, kind, param, verb

Vlan: TypeAlias = Annotated[int, In(least=0, most=4094, why="a VLAN is 1 to 4094, or 0 for none")]
PortGroup: TypeAlias = Annotated[str, Like(pattern=r"(?s).*\S.*", why="a port group has a name")]
Interface: TypeAlias = Annotated[
    str, Like(pattern=r"[^\s/:]{1,15}", why="the name of a NIC has 1 to 15 characters, and no space, slash or colon")
]


@verb(
    "network",
    "create",
    "adopt",
    "ensure",
    "existing",
    examples=('ensure network bridge at "dpg-bridgeNet" { ranges: ["172.16.0.0/12"] }',),
)
class Network:
    """A network that executors can be joined to: a port group, or a record with leases on this machine."""

    inside: InventoryPath | None = param(
        "The switch that it is made on; with `create`.", default=None, clause="in", change="replace"
    )
    at: PortGroup | None = param("The port group.", default=None, clause="at", change="replace")
    name: Name | None = param("What it is called there.", default=None, change="replace")
    ranges: list[Cidr] = param("Its address ranges.", default=[])
    dns: list[Address] = param("Its name servers.", default=[])
    aliases: Texts = param("Names that hold on the whole network.", default={})
    vlan: Vlan | None = param("Its VLAN.", default=None)


@case("dhcp")
class Dhcp:
    """The network gives the address."""


@case("none")
class NoAddress:
    """No address."""


@case("static")
class Static:
    """A fixed address."""

    address: Cidr = param("Address and network: 10.0.0.2/24.")
    gateway: Address | None = param("The way out.", default=None)


Ip: TypeAlias = Dhcp | NoAddress | Static


@verb("network", "join", roles=("management", "client", "public", "bridge", "container"), free_roles=True)
class JoinNetwork:
    """Put the network's capability on the handle."""

    names: list[Name] = param("Names of the executor on this network.", default=[], change="restart")
    aliases: Texts = param("Names of others, for the executor.", default={}, change="restart")
    interface: Interface | None = param("What the NIC is called inside.", default=None, change="restart")
    separate: bool = param("A NIC of its own, though the network is joined already.", default=False, change="restart")
    segment: str | None = param(
        "The segment that it enters, whose rules then hold for it.", default=None, kinds=("segment",), change="restart"
    )


@verb("network", "bind")
class BindNetwork:
    """Bring the NIC up."""

    ip: Ip | None = param(
        "Where the address comes from: `.dhcp`, `.static(…)`, `.none`.", default=None, change="restart"
    )


kind(
    "network",
    facts=(Fact("ranges", v.ListOf(v.CIDR), "Its address ranges."), Fact("vlan", v.Optional(v.INT), "Its VLAN.")),
)
