"""Networks: a record each, with ranges that nobody routes; executors on one get leases (`leases.py`)."""

from __future__ import annotations

from typing import Any

from vchlang.kinds.network import Network
from vchlang.kinds.world import Absent, Observation, Present, Query
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local.leases import Leases
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.records import Record, whose
from vchlang.portlayer.drivers.local.shelf import Shelf
from vchlang.system import Files

INERT = "ranges, dns, aliases and vlan are recorded; executors answer on leased addresses of 127.64.0.0/10"


class Networks:
    """The verbs of networks. A network is called by its name."""

    def __init__(self, paths: Paths, files: Files, leases: Leases) -> None:
        self._paths = paths
        self._shelf = Shelf(paths, files, "networks")
        self._leases = leases

    def observe(self, query: Query) -> Observation:
        name = query.identity
        record = self._shelf.read(name)
        if record is not None:
            return Present(
                owner=record.owner, fields=record.args, facts=self._facts(name, record), version=str(record.version)
            )
        if name in self._paths.networks():
            return Present(facts=self._facts(name, None), detail="it stands in the inventory")
        known = ", ".join(self._paths.networks())
        return Absent(detail=f"the inventory has {known}" if known else "the inventory has none")

    def read(self, name: str) -> Network | None:
        """What is known of a network; None when there is none."""
        record = self._shelf.read(name)
        if record is not None:
            args = record.args
            return Network(aliases=args.get("aliases", {}), ranges=args.get("ranges", []))
        return Network() if name in self._paths.networks() else None

    @implements("network", "create")
    def create(self, step: Step) -> Outcome:
        if step.identity in self._paths.networks():
            raise DriverError("already-exists", f"`{step.identity}` stands in the inventory")
        with self._shelf.held():
            return self._outcome(step.identity, self._shelf.create(step.identity, step))

    @implements("network", "adopt")
    def adopt(self, step: Step) -> Outcome:
        there = step.identity in self._paths.networks()
        with self._shelf.held():
            return self._outcome(step.identity, self._shelf.adopt(step.identity, step, there=there))

    @implements("network", "update")
    def update(self, step: Step) -> Outcome:
        with self._shelf.held():
            return self._outcome(step.identity, self._shelf.update(step.identity, step))

    @implements("network", "delete")
    def delete(self, step: Step) -> Outcome:
        with self._shelf.held():
            for address, lease in self._leases.all():
                foreign = lease.owner is None or lease.owner.lineage != step.tag.lineage
                if lease.network == step.identity and foreign:
                    user = whose(lease.owner) if lease.owner is not None else f"`{lease.identity}`"
                    raise DriverError("not-empty", f"`{step.identity}` is in use: {user} has {address} on it")
            self._shelf.remove(step.identity, step)
        return Outcome()

    @implements("network", "release")
    def release(self, step: Step) -> Outcome:
        with self._shelf.held():
            self._shelf.release(step.identity, step, there=step.identity in self._paths.networks())
        return Outcome()

    def _facts(self, name: str, record: Record | None) -> dict[str, Any]:
        args = record.args if record is not None else {}
        ranges = args.get("ranges") or list(self._paths.networks().get(name, ()))
        return {"ranges": ranges, "vlan": args.get("vlan")}

    def _outcome(self, name: str, record: Record) -> Outcome:
        return Outcome(facts=self._facts(name, record), version=str(record.version), notes=(INERT,))
