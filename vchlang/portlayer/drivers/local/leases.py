"""Addresses of executors on this machine.

Without a network namespace an executor cannot have the address that its script gives it. It is leased one of
127.64.0.0/10 for each NIC instead, where every address answers without being set up, so that two executors never meet
on a port. A lease is a file named by the address and made exclusively; that is what keeps an address one executor's.

Which address is tried first follows from the executor's name, so it is the same after destroy and apply, and a plan
can show it. Two worlds on one machine begin at different places.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

from vchlang.kinds.world import NetworkMember, OwnerTag
from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.drivers.local import records
from vchlang.system import Files, names_in

_FIRST = 127 << 24 | 64 << 16
_SIZE = 2**22
_MOST_PROBES = 1000


class Lease(records.Record, frozen=True, kw_only=True):
    """`identity` is the executor's; the owner's key is its key."""

    network: str
    nic: str


def lease_for(world: str, identity: str, network: str) -> str:
    """The address that an executor gets on a network unless somebody has it already."""
    return _candidate(world, identity, network, 0)


def _candidate(world: str, identity: str, nic: str, probe: int) -> str:
    digest = hashlib.sha256("\0".join((os.path.abspath(world), identity, nic)).encode()).digest()
    number = (int.from_bytes(digest[:8], "big") + probe) % _SIZE
    if number & 0xFF in (0, 0xFF):  # what looks like a network or a broadcast is passed over
        number = (number & ~0xFF) | 1 + (digest[8] + probe) % 254
    return ".".join(str(byte) for byte in (_FIRST + number).to_bytes(4, "big"))


def nics(members: tuple[NetworkMember, ...]) -> dict[str, tuple[NetworkMember, ...]]:
    """The NICs of an executor and the roles on each: one for a network, one more for each join that is `separate`.

    A NIC is called by its network, a separate one by network and role. What is joined and not bound has none.
    """
    out: dict[str, tuple[NetworkMember, ...]] = {}
    for member in members:
        if member.bind is not None:
            name = f"{member.network}/{member.role}" if member.join.separate else member.network
            out[name] = (*out.get(name, ()), member)
    return out


class Leases:
    """The leases of one world. Whoever calls `take` or `release` holds the world's lock."""

    def __init__(self, world: str, directory: str, files: Files) -> None:
        self._world = world
        self._directory = directory
        self._files = files

    def take(self, nic: str, network: str, identity: str, tag: OwnerTag, address: str = "") -> str:
        """The address of a NIC. `address`: the one that it has had; refused when it is somebody else's by now."""
        if address:
            if not self._taken(address, nic, network, identity, tag):
                raise DriverError("step-failed", f"{address}, which `{identity}` had, is leased to another executor")
            return address
        for probe in range(_MOST_PROBES):
            candidate = _candidate(self._world, identity, nic, probe)
            if self._taken(candidate, nic, network, identity, tag):
                return candidate
        raise DriverError("step-failed", f"no address is left for `{identity}` on `{network}`")

    def _taken(self, address: str, nic: str, network: str, identity: str, tag: OwnerTag) -> bool:
        path = os.path.join(self._directory, address + ".json")
        lease = Lease(identity=identity, owner=tag, network=network, nic=nic)
        try:
            self._files.ensure_directory(self._directory)
            self._files.write_new(path, records.written(lease))
            return True
        except FileExistsError:
            found = records.read(path, Lease)
            return found is not None and found.owner is not None and (found.owner.key, found.nic) == (tag.key, nic)

    def release(self, key: str, keep: frozenset[str] = frozenset()) -> None:
        """Give up what an executor has, but for the addresses to keep."""
        for address, lease in self.all():
            if lease.owner is not None and lease.owner.key == key and address not in keep:
                self._files.unlink(os.path.join(self._directory, address + ".json"))

    def all(self) -> list[tuple[str, Lease]]:
        """Every lease with its address; one that cannot be read keeps its address and is nobody's."""
        out: list[tuple[str, Lease]] = []
        with contextlib.suppress(FileNotFoundError):
            for name in names_in(self._directory):
                with contextlib.suppress(DriverError):
                    lease = records.read(os.path.join(self._directory, name), Lease)
                    if lease is not None:
                        out.append((name.removesuffix(".json"), lease))
        return out
