"""The local portlayer: directories, files and processes of this machine. It is honest.

What it reports as done is really so, and what it cannot do it says before anything happens: in `capabilities`, or as a
finding of `confirm`. Every object has an ownership record, published in the act that makes the object; every change is
a replacement of the record under a lock; whatever goes leaves its record last.

    world/                       0700; one for each environment; what is empty in it goes
      pools/NAME.json            the record is the pool; its path is the name
      networks/NAME.json         the record is the network
      leases/ADDRESS.json        one of 127.64.0.0/10, held by a NIC of an executor
      datastores/NAME/           where the inventory names no directory
    DATASTORE/DIR/               a location
      .vch/policy.json           its claim; beside it what is being made here, or on its way out
      NAME/storage.json, data/   a storage; mounts/ and covered/ while executors have it
      NAME/executor.json, …      an executor: root, scratch/, spec.json, tether.pyz, run/
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from vchlang.kinds.world import Absent, Capabilities, Finding, Observation, Query, Unknown
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import Carry, Pair, verbs_of
from vchlang.portlayer.drivers.local import confirm, shelf
from vchlang.portlayer.drivers.local.executors import Executors
from vchlang.portlayer.drivers.local.failures import failure
from vchlang.portlayer.drivers.local.leases import Leases, lease_for
from vchlang.portlayer.drivers.local.locations import Locations
from vchlang.portlayer.drivers.local.networks import Networks
from vchlang.portlayer.drivers.local.paths import Inventory, Paths
from vchlang.portlayer.drivers.local.pools import Pools
from vchlang.portlayer.drivers.local.storages import Storages
from vchlang.system import Machine

__all__ = ["Inventory", "LocalDriver", "lease_for"]


class LocalDriver:
    """The driver. Nothing is made and nothing is asked when it is.

    world: the directory that holds what this environment makes outside of datastores. inventory: what exists before.
    project_root: what relative directories of datastores, and the sources of data, are relative to.
    """

    name = "local"

    def __init__(self, world: str, inventory: Inventory, machine: Machine, *, project_root: str) -> None:
        self._files = files = machine.files
        self._paths = Paths(world, inventory, project_root)
        self._project_root = project_root
        leases = Leases(self._paths.world, self._paths.leases, files)
        self._pools = Pools(self._paths, files)
        self._locations = Locations(self._paths, files)
        self._networks = Networks(self._paths, files, leases)
        self._storages = Storages(self._paths, files)
        self._executors = Executors(self._paths, files, self._pools, self._networks, self._storages, leases)
        self._machine = machine
        self._verbs: dict[Pair, Carry] = {}
        self._observers = {
            "pool": self._pools.observe,
            "location": self._locations.observe,
            "network": self._networks.observe,
            "storage": self._storages.observe,
            "executor": self._executors.observe,
            "handle": self._executors.foresee,
        }

    @property
    def verbs(self) -> dict[Pair, Carry]:
        """What it carries out; put together for the first step, as a plan has no use for the tether."""
        if not self._verbs:
            from vchlang.portlayer.drivers.local.power import Power

            power = Power(self._executors, self._machine)
            self._verbs = verbs_of(self._pools, self._locations, self._networks, self._storages, self._executors, power)
        return self._verbs

    def capabilities(self) -> Capabilities:
        return confirm.capabilities()

    def confirm(self, wanted: Sequence[Query]) -> tuple[Finding, ...]:
        return confirm.confirm(wanted, self._paths, self._pools, self._observe, self._project_root)

    def observe(self, queries: Sequence[Query]) -> dict[str, Observation]:
        """Reads only, but for one thing: what was taken away already, and whose remains a killed run left, goes."""
        found = {one.id: self._observe(one) for one in queries}
        if any(one.key is not None and isinstance(found[one.id], Absent) for one in queries):
            self._tidy()
        return found

    def _observe(self, query: Query) -> Observation:
        observer = self._observers.get(query.kind)
        if observer is None:
            return Unknown(reason=f"the local portlayer has no {query.kind}", code="unsupported")
        try:
            return observer(query)
        except DriverError as error:
            return Unknown(reason=error.detail, code=error.reason)
        except OSError as error:
            return Unknown(reason=failure(error).detail)

    def perform(self, step: Step) -> Outcome:
        carry = self.verbs.get((step.kind, step.action))
        if carry is None:
            raise DriverError("unsupported", f"the local portlayer cannot {step.action} a {step.kind}")
        try:
            outcome = carry(step)
        except OSError as error:
            raise failure(error) from error
        if step.action in ("delete", "release"):
            self._tidy()
        return outcome

    def _tidy(self) -> None:
        with contextlib.suppress(OSError):
            shelf.tidy(self._paths, self._files)
