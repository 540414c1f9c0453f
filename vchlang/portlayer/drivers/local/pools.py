"""Pools: a record each. What a pool grants is kept for each task by the tether, not for the pool as a whole."""

from __future__ import annotations

from vchlang import values as v
from vchlang.kinds.compute import Pool
from vchlang.kinds.world import Absent, Observation, Present, Query
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.records import Record
from vchlang.portlayer.drivers.local.shelf import Shelf
from vchlang.system import Files

LIMITS = "limits: kept by rlimit for each task, not for the pool as a whole"


class Pools:
    """The verbs of pools. A pool is called by its path."""

    def __init__(self, paths: Paths, files: Files) -> None:
        self._paths = paths
        self._shelf = Shelf(paths, files, "pools")

    def observe(self, query: Query) -> Observation:
        path = v.normal_path(query.identity)
        record = self._shelf.read(path)
        if record is not None:
            return Present(owner=record.owner, fields=record.args, facts={"path": path}, version=str(record.version))
        if path in self._paths.pools():
            return Present(facts={"path": path}, detail="it stands in the inventory")
        return Absent(facts={"path": path}, detail=self._known())

    def exists(self, path: str) -> bool:
        """Whether a pool is there, in the inventory or by its record."""
        path = v.normal_path(path)
        return path in self._paths.pools() or self._shelf.read(path) is not None

    @implements("pool", "create")
    def create(self, step: Step) -> Outcome:
        args: Pool = step.args
        path = v.normal_path(step.identity)
        above = v.normal_path(path.rpartition("/")[0])
        if path in self._paths.pools():
            raise DriverError("already-exists", f"`{path}` stands in the inventory")
        with self._shelf.held():
            # Under the lock, so that nobody takes the pool around it away at the same time.
            if above != "/" and not self.exists(above):
                raise DriverError("not-found", f"there is no pool `{above}`{self._known('; ')}")
            return self._outcome(path, self._shelf.create(path, step), args)

    @implements("pool", "adopt")
    def adopt(self, step: Step) -> Outcome:
        path = v.normal_path(step.identity)
        with self._shelf.held():
            return self._outcome(path, self._shelf.adopt(path, step, there=path in self._paths.pools()), step.args)

    @implements("pool", "update")
    def update(self, step: Step) -> Outcome:
        path = v.normal_path(step.identity)
        with self._shelf.held():
            return self._outcome(path, self._shelf.update(path, step), step.args)

    @implements("pool", "delete")
    def delete(self, step: Step) -> Outcome:
        path = v.normal_path(step.identity)
        with self._shelf.held():
            inside = [one.identity for one in self._shelf.all() if one.identity.startswith(path + "/")]
            if inside:
                raise DriverError("not-empty", f"`{path}` still has the pool `{inside[0]}` in it")
            self._shelf.remove(path, step)
        return Outcome()

    @implements("pool", "release")
    def release(self, step: Step) -> Outcome:
        path = v.normal_path(step.identity)
        with self._shelf.held():
            self._shelf.release(path, step, there=path in self._paths.pools())
        return Outcome()

    def _known(self, before: str = "") -> str:
        known = ", ".join(self._paths.pools())
        return f"{before}the inventory has {known}" if known else f"{before}the inventory has none"

    @staticmethod
    def _outcome(path: str, record: Record, args: Pool) -> Outcome:
        limited = args.limits is not None or args.reservation is not None or args.shares is not None
        return Outcome(facts={"path": path}, version=str(record.version), notes=(LIMITS,) if limited else ())
