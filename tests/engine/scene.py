"""A small deployment, a planner for it that fits on a page, and what must hold of state and world whatever happens.

The planner is not the product's: the engine is tested against plans of the right form, and the page here decides from
what store and driver say, as the real one does, without any of its care.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.harness import Dropped, FakeClock, Points, machine_for
from tests.memory_driver import MemoryDriver, Thing, World
from vchlang.kinds.world import OwnerTag, Present, Query, object_key
from vchlang.plan.model import Operation, Place, Plan
from vchlang.portlayer.events import Event, RunDone
from vchlang.portlayer.execute import execute
from vchlang.portlayer.recover import Recovered, recover
from vchlang.state.sqlite import SqliteStore
from vchlang.state.store import Deployment, Holder

DEPLOYMENT = "vch-1"
FOREIGN = OwnerTag(deployment="other", lineage="L", address="theirs", generation=1, key="not-ours")


class Item(NamedTuple):
    """An element that is wanted. `needs` are addresses."""

    address: str
    kind: str
    identity: str
    args: dict[str, Any]
    needs: tuple[str, ...] = ()


WANTED = (
    Item("vch", "pool", "/clusterA/poolB/vch-1", {"inside": "/clusterA/poolB", "shares": 4}),
    Item("images", "location", "ds://datastore2/images", {"at": "ds://datastore2/images", "shared": True}),
    Item("boot", "storage", "ds://datastore2/images/boot", {"inside": {"$ref": "images.url"}}, ("images",)),
    Item("bridge", "network", "dpg-bridge", {"at": "dpg-bridge", "ranges": ["172.16.0.0/12"]}),
    Item(
        "endpoint",
        "executor",
        "/clusterA/poolB/vch-1/endpoint",
        {"inside": {"$ref": "vch.path"}, "name": "endpoint"},
        ("vch", "boot"),
    ),
)


def commit_of(item: Item, tag: str = "") -> dict[str, Any]:
    """A composition with the loader, the network and one task that has a secret and a fact in its environment."""
    return {
        "executor": item.identity,
        "name": item.address,
        "members": [
            {"kind": "storage", "address": "boot", "url": {"$ref": "boot.url"}, "role": "loader", "join": {}},
            {"kind": "network", "address": "bridge", "network": "dpg-bridge", "role": "client", "join": {}},
            {
                "kind": "task",
                "address": "personality",
                "task": {
                    "path": "/sbin/personality",
                    "args": ["--store", {"$text": ["at ", {"$ref": "images.url"}]}],
                    "env": {"TAG": tag, "TOKEN": {"$secret": "token", "path": [], "digest": "d1"}},
                },
            },
        ],
    }


OUTPUTS = {
    "docker_host": {"$text": ["tcp://", {"$ref": "endpoint.address", "args": ["client"]}, ":2376"]},
    "token": {"$text": ["Bearer ", {"$secret": "token", "path": [], "digest": "d1"}]},
    "free": {"$text": [{"$ref": "images.free"}]},
}


class Scene:
    """A world and a store that outlive runs, and the way of a command: recover, look, plan, execute."""

    def __init__(self, directory: Path, wanted: tuple[Item, ...] = WANTED, tag: str = "") -> None:
        self.path = str(directory / "state" / "state.db")
        self.world: World = {
            ("pool", "/clusterA/poolB"): Thing(kind="pool", identity="/clusterA/poolB"),
            ("network", "foreign"): Thing(kind="network", identity="foreign", owner=FOREIGN),
        }
        self.before = msgspec.json.encode(list(self.world.values()))
        self.wanted = wanted
        self.tag = tag
        self.runs = 0
        self.driver = MemoryDriver(self.world)

    # ---- the parts of a command ----------------------------------------------------------------------------------

    def start(self, points: Points | None = None, clock: FakeClock | None = None) -> tuple[SqliteStore, Any]:
        """A new process: a store and a driver of its own, on the state and the world that are there."""
        self.runs += 1
        machine = machine_for(points, seed=str(self.runs), clock=clock)
        fault, blind, on_call = self.driver.fault, self.driver.blind, self.driver.on_call
        self.driver = MemoryDriver(self.world, machine.point)
        self.driver.fault, self.driver.blind, self.driver.on_call = fault, blind, on_call
        return SqliteStore(self.path, machine), machine

    def holder(self, verb: str = "apply") -> Holder:
        return Holder(user="anna", host="here", pid=1, run=f"run-{self.runs}", verb=verb)

    def read(self) -> Deployment:
        return SqliteStore(self.path, machine_for()).read(DEPLOYMENT)

    def recover(self, verb: str = "apply") -> tuple[Recovered, ...]:
        store, machine = self.start()
        return recover(self.driver, store, machine, self.holder(verb), DEPLOYMENT)

    def command(
        self,
        verb: str = "apply",
        *,
        points: Points | None = None,
        clock: FakeClock | None = None,
        workers: int = 1,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Event]:
        """What `vch apply` and `vch destroy` do, from one end to the other."""
        store, machine = self.start(points, clock)
        recover(self.driver, store, machine, self.holder(verb), DEPLOYMENT)
        plan = plan_for(store.read(DEPLOYMENT), self.driver, self.wanted, verb, self.tag)
        return list(
            execute(
                plan,
                self.driver,
                store,
                machine,
                self.holder(verb),
                reveal=lambda value: "the secret",
                data=lambda ref: None,
                workers=workers,
                cancelled=cancelled,
            )
        )

    def run(self, plan: Plan, **options: Any) -> list[Event]:
        """Execute one plan, made whenever."""
        store, machine = self.start(options.pop("points", None), options.pop("clock", None))
        events = execute(
            plan,
            self.driver,
            store,
            machine,
            self.holder(plan.verb),
            reveal=lambda value: "the secret",
            data=lambda ref: None,
            **options,
        )
        return list(events)

    def plan(self, verb: str = "apply") -> Plan:
        return plan_for(self.read(), self.driver, self.wanted, verb, self.tag)

    def dropped(self, verb: str, stop_at: int) -> bool:
        """Run a command that is dropped at a point; whether it was, or ended before."""
        try:
            self.command(verb, points=Points(stop_at))
        except Dropped:
            return True
        return False

    # ---- what must hold ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Nothing orphaned, nothing twice, nothing lost, nothing open, nothing of others touched."""
        deployment = self.read()
        assert deployment.pending == ()
        assert msgspec.json.encode([self.world[key] for key in list(self.world)[:2]]) == self.before
        ours = [one for one in self.world.values() if one.owner is not None and one.owner.deployment == DEPLOYMENT]
        keys = [one.owner.key for one in ours if one.owner is not None]
        rows = {row.key for row in deployment.objects if row.kind not in ("handle", "task")}
        assert len(keys) == len(set(keys)), "one key is on two objects"
        assert set(keys) <= rows, (
            f"orphans: {[one.identity for one in ours if one.owner and one.owner.key not in rows]}"
        )
        assert rows <= set(keys), "the state has objects that are not there"
        for row in deployment.objects:
            address = row.address.removesuffix("@handle")
            assert row.key == object_key(deployment.lineage, address, row.generation)

    def check_made(self) -> None:
        """The whole deployment is there, once, running; and another apply does nothing."""
        self.check()
        assert {row.address for row in self.read().objects} == {one.address for one in self.wanted} | {
            "endpoint@handle"
        }
        assert len(self.world) == 2 + len(self.wanted)
        assert self.world["executor", "/clusterA/poolB/vch-1/endpoint"].state == "running"
        calls = self.again()
        assert calls == [("wait", "endpoint")], calls

    def again(self) -> list[tuple[str, str]]:
        """What another apply asks of the driver."""
        assert done(self.command()).status == "done"
        return self.driver.calls

    def check_gone(self) -> None:
        """The world and the state are as before the first apply."""
        deployment = self.read()
        assert deployment == Deployment(name=DEPLOYMENT)
        assert msgspec.json.encode(list(self.world.values())) == self.before


def done(events: list[Event]) -> RunDone:
    """The last event, after a look at all of them: one run, numbered from 1, begun and ended once."""
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    assert len({one.run for one in events}) == 1
    last = events[-1]
    assert isinstance(last, RunDone)
    assert sum(isinstance(one, RunDone) for one in events) == 1
    return last


# ---- the planner ---------------------------------------------------------------------------------------------------


def plan_for(deployment: Deployment, driver: MemoryDriver, wanted: tuple[Item, ...], verb: str, tag: str = "") -> Plan:
    """Choose operations from what the state has, what the world shows, and what is wanted."""
    rows = {row.address: row for row in deployment.objects if not row.deposed}
    operations = _creating(rows, driver, wanted, tag) if verb == "apply" else []
    kept = {one.address for one in wanted} if verb == "apply" else set()
    replaced = {(one.address, one.generation - 1) for one in operations if one.kind != "handle"}
    removing = [
        row
        for row in deployment.objects
        if row.kind != "handle"
        and (row.address not in kept or row.deposed or (row.address, row.generation) in replaced)
    ]
    order = [one.address for one in WANTED]
    removing.sort(key=lambda row: (-order.index(row.address) if row.address in order else -len(order), row.generation))
    for row in removing:
        needs = tuple(one.id for one in operations)  # one after the other
        common: dict[str, Any] = {"address": row.address, "generation": row.generation, "identity": row.identity}
        if row.kind == "executor":
            seen = driver.observe([Query(id="x", kind="executor", identity=row.identity, key=row.key)])["x"]
            if isinstance(seen, Present) and seen.state == "running":
                args = {"executor": row.identity}
                stop = Operation(id=_id(operations), action="stop", kind="power", args=args, needs=needs, **common)
                operations.append(stop)
                needs = (stop.id,)
        action = "release" if row.origin == "adopted" else "delete"
        operations.append(
            Operation(id=_id(operations), action=action, kind=row.kind, args=row.args, needs=needs, **common)
        )
    return Plan(
        deployment=DEPLOYMENT,
        project="p",
        environment="local",
        target="memory",
        script="seed.vch",
        verb=verb,
        lineage=deployment.lineage,
        serial=deployment.serial,
        operations=tuple(operations),
        outputs=OUTPUTS if verb == "apply" and any(one.kind == "executor" for one in wanted) else {},
    )


def _creating(rows: dict[str, Any], driver: MemoryDriver, wanted: tuple[Item, ...], tag: str) -> list[Operation]:
    operations: list[Operation] = []
    ids: dict[str, str] = {}

    def add(action: str, kind: str, item: Item, args: dict[str, Any], needs: list[str], expect: str = "") -> str:
        row = rows.get(item.address)
        replaced = row is not None and row.identity != item.identity
        address = item.address + ("@handle" if kind == "handle" else "")
        operations.append(
            Operation(
                id=_id(operations),
                action=action,
                kind=kind,
                address=address,
                generation=row.generation + replaced if row is not None else 1,
                identity=item.identity,
                args=args,
                needs=tuple(needs),
                expect=expect,
                place=Place(source="seed.vch", line=len(operations) + 1, column=1, start=0, end=1),
            )
        )
        return operations[-1].id

    def same(address: str, args: dict[str, Any]) -> bool:
        return address in rows and rows[address].args == args

    for item in wanted:
        row = rows.get(item.address)
        if row is not None and row.identity != item.identity:
            row = None  # to be replaced: the new one is not there yet
        key = row.key if row is not None else None
        seen = driver.observe([Query(id="x", kind=item.kind, identity=item.identity, key=key)])["x"]
        there = row is not None and isinstance(seen, Present)
        needs = [ids[one] for one in item.needs]
        action = "create" if not there else "none" if same(item.address, item.args) else "update"
        version = seen.version if there and isinstance(seen, Present) else ""
        ids[item.address] = add(action, item.kind, item, item.args, needs, version)
        if item.kind != "executor":
            continue
        running = there and isinstance(seen, Present) and seen.state == "running"
        composition = commit_of(item, tag)
        last = [*needs, ids[item.address], ids["bridge"]]
        if action == "create" or not same(f"{item.address}@handle", composition):
            if running:
                last = [add("stop", "power", item, {"executor": item.identity}, last)]
            last = [add("commit", "handle", item, composition, last, version if not running else "")]
            running = False
        if not running:
            last = [add("start", "power", item, {"executor": item.identity}, last)]
        wait = {"executor": item.identity, "state": "launched", "within": 10**9}
        add("wait", "wait", item, wait, last)
    return operations


def _id(operations: list[Operation]) -> str:
    return f"%{len(operations) + 1}"


def points_of(make: Callable[[], Scene], verb: str, prepare: Callable[[Scene], object] = lambda scene: None) -> int:
    """How many points a command has that nothing drops."""
    scene = make()
    prepare(scene)
    points = Points()
    scene.command(verb, points=points)
    return len(points.seen)


def each(number: int, part: int = 1) -> Iterator[int]:
    """The points 1 to `number`, or one in `part` of them."""
    return iter(range(1, number + 1, part))
