"""Scripts planned by the product's planner and carried out on the store and the platform in memory.

What must hold is what holds in `tests.engine.scene`, and besides: no plan that follows a finished one changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.front import CAPABILITIES, Front
from tests.harness import Dropped, Points, machine_for
from tests.memory_driver import MemoryDriver, Thing, World
from vchlang.kinds.world import object_key
from vchlang.plan import codec
from vchlang.plan.build import build, queries
from vchlang.plan.model import CHANGING, Plan
from vchlang.portlayer.events import Event, RunDone
from vchlang.portlayer.execute import execute
from vchlang.portlayer.observe import observe
from vchlang.portlayer.recover import recover
from vchlang.state.sqlite import SqliteStore
from vchlang.state.store import HANDLE, Deployment, Holder

DEPLOYMENT = "vch-1"
KEY = b"a key"


class Scripted:
    """A world and a store that outlive runs. `calls` has what changed the world, over all runs; waits are not in it."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "state" / "state.db")
        self.world: World = {
            ("pool", "/clusterA/poolB"): Thing(kind="pool", identity="/clusterA/poolB"),
            ("network", "vmNet"): Thing(kind="network", identity="vmNet"),
        }
        self.runs = 0
        self.calls: list[tuple[str, str]] = []
        self.fault: Callable[[Any], str | None] = lambda step: None

    def read(self) -> Deployment:
        return SqliteStore(self.path, machine_for()).read(DEPLOYMENT)

    def plan(self, script: str) -> Plan:
        """The plan of a script now, after a round trip to a file."""
        return self._plan(script, self.read(), MemoryDriver(self.world))

    def _plan(self, script: str, state: Deployment, driver: MemoryDriver) -> Plan:
        front = Front(script)
        assert front.codes() == [], front.said()
        request = front.request(state, DEPLOYMENT)
        seen = observe(driver, state, queries(front.composition, request))
        planned = build(front.composition, request, seen, (), CAPABILITIES)
        assert [one.message for one in planned.diagnostics if one.severity == "error"] == []
        return codec.decode(codec.encode(planned.plan, key=KEY, now=0), key=KEY, now=1)

    def apply(self, script: str, points: Points | None = None, workers: int = 1) -> str:
        """Recover, plan and carry out; how it ended."""
        self.runs += 1
        machine = machine_for(points, seed=str(self.runs))
        driver = MemoryDriver(self.world, machine.point)
        driver.fault = self.fault
        store = SqliteStore(self.path, machine)
        holder = Holder(user="anna", host="here", pid=1, run=f"run-{self.runs}", verb="apply")
        try:
            recover(driver, store, machine, holder, DEPLOYMENT)
            plan = self._plan(script, store.read(DEPLOYMENT), driver)
            events: list[Event] = list(
                execute(
                    plan, driver, store, machine, holder,
                    reveal=lambda value: "the secret", data=lambda ref: None, workers=workers,
                )
            )  # fmt: skip
        finally:
            self.calls += [one for one in driver.calls if one[0] != "wait"]
        last = events[-1]
        assert isinstance(last, RunDone)
        return last.status

    def dropped(self, script: str, stop_at: int) -> bool:
        """Apply, and drop the run at a point; whether it was dropped there and did not end before."""
        try:
            self.apply(script, Points(stop_at))
        except Dropped:
            return True
        return False

    def settled(self, script: str) -> None:
        """Nothing is open, lost, twice or orphaned; each object carries its row's key; and there is nothing to do."""
        state = self.read()
        assert state.pending == ()
        rows = {row.key: row for row in state.objects if row.kind not in ("handle", "task")}
        assert len(rows) == sum(row.kind not in ("handle", "task") for row in state.objects), "one key has two rows"
        owned = [one for one in self.world.values() if one.owner is not None]
        assert sorted(one.owner.key for one in owned if one.owner) == sorted(rows)
        for thing in owned:
            owner = thing.owner
            assert owner is not None
            row = rows[owner.key]
            assert thing.identity == row.identity
            assert owner.address == (row.stamp or row.address)
            assert owner.key == object_key(state.lineage, owner.address, owner.generation)
        for row in state.objects:
            if row.kind == "handle":
                executor = next(
                    one for one in state.objects if one.address == row.address.removesuffix(HANDLE)
                    and one.generation == row.generation
                )  # fmt: skip
                assert row.key == executor.key
                assert row.part == 0
        # The platform in memory tells only that an executor runs, so waits are planned each time.
        todo = [(op.action, op.address) for op in self.plan(script).operations if op.action in CHANGING - {"wait"}]
        assert todo == []


def points_of(scene: Scripted, script: str) -> int:
    """How many points an apply has that nothing drops."""
    points = Points()
    assert scene.apply(script, points) == "done"
    return len(points.seen)
