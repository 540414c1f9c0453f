"""An engine with one rule broken must be caught by the checks that the other tests rest on.

A sweep that finds nothing proves little unless it is known to find something. Each test here breaks one rule of the
protocol, runs a case of the kind that the sweeps run, and shows that the checks fail.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.engine.scene import Scene, done, each, points_of
from tests.harness import Dropped
from tests.memory_driver import Thing
from tests.stores.test_store_contract import stale_writes
from vchlang.kinds.world import Absent, Observation, Query, Unknown
from vchlang.portlayer import execute, recover
from vchlang.portlayer.driver import DriverError, Step
from vchlang.portlayer.observe import look
from vchlang.state import sqlite
from vchlang.state.sqlite import SqliteRun
from vchlang.state.store import OpenOp, StoreError

Make = Callable[..., Scene]


def wrong_ends(make: Make, verb: str = "apply") -> int:
    """At how many points a dropped run does not end well with the next command."""

    def prepared() -> Scene:
        scene = make()
        if verb == "destroy":
            scene.command()
        return scene

    number = points_of(make, verb, lambda scene: scene.command() if verb == "destroy" else None)
    return sum(not ends_well(prepared(), verb, stop_at) for stop_at in each(number, 3))


def ends_well(scene: Scene, verb: str, stop_at: int) -> bool:
    try:
        scene.dropped(verb, stop_at)
        assert done(scene.command(verb)).status == "done"
        if verb == "apply":
            scene.check_made()
        else:
            scene.check_gone()
    except AssertionError:
        return False
    return True


def nothing_there(driver: Any, queries: list[Query], clock: Any) -> dict[str, Observation]:
    return {one.id: Absent() for one in queries}


def unknown_is_absent(driver: Any, queries: list[Query], clock: Any) -> dict[str, Observation]:
    found = look(driver, queries, clock)
    return {id_: Absent() if isinstance(one, Unknown) else one for id_, one in found.items()}


@pytest.fixture
def sound(make: Make) -> Iterator[None]:
    """The same cases with a whole engine: without it, a test that cannot pass would look like one that bites."""
    assert wrong_ends(make) == 0
    assert wrong_ends(make, "destroy") == 0
    yield


def test_without_the_look_up_of_recovery(make: Make, sound: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "look", nothing_there)
    assert wrong_ends(make, "destroy") > 0  # what was to be deleted and is still there is forgotten


def test_without_the_look_up_before_the_call(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call arrives after its run ended; only looking finds out that the object is ours already."""

    def late(scene: Scene) -> str:
        scene.driver.fault = lambda step: "late" if (step.action, step.address) == ("create", "boot") else None
        scene.command()
        scene.driver.deliver()
        scene.driver.fault = lambda step: None
        return done(scene.command()).status

    assert late(make()) == "done"
    monkeypatch.setattr(execute, "look", nothing_there)
    assert late(make()) == "failed"


def test_commit_before_sent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    original = execute._Execution._send

    def hasty(self: Any, op: Any, journaled: OpenOp, args: Any) -> dict[str, Any]:
        if op.kind != "power":
            recover.settle(self._run, journaled, "gone" if op.action == "delete" else "done", {}, "", self._deployment)
            journaled = msgspec.structs.replace(journaled, seq=self._run.intent(journaled))
        return original(self, op, journaled, args)

    monkeypatch.setattr(execute._Execution, "_send", hasty)
    assert wrong_ends(make) > 0


def test_state_after_success_and_no_journal(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What engines do that write their state when a call has succeeded: a drop in between loses the object."""
    monkeypatch.setattr(recover, "look", nothing_there)
    monkeypatch.setattr(execute, "look", nothing_there)
    assert wrong_ends(make) > 0


def test_unknown_taken_for_absent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def destroyed_while_blind(scene: Scene) -> bool:
        scene.command()
        plan = scene.plan("destroy")
        scene.driver.blind = lambda query: "no answer" if query.kind == "network" else None
        scene.run(plan)
        with contextlib.suppress(AssertionError):
            scene.check()
            return True
        return False

    assert destroyed_while_blind(make())
    monkeypatch.setattr(execute, "look", unknown_is_absent)
    assert not destroyed_while_blind(make())


def test_unknown_taken_for_absent_by_recovery(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def recovered_while_blind(scene: Scene) -> bool:
        scene.command()
        for stop_at in each(points_of(make, "destroy", lambda other: other.command()), 2):
            scene = make()
            scene.command()
            scene.dropped("destroy", stop_at)
            scene.driver.blind = lambda query: "no answer" if query.kind == "network" else None
            with contextlib.suppress(StoreError):
                scene.recover("destroy")
            scene.driver.blind = lambda query: None
            scene.recover("destroy")
            try:
                scene.check()
            except AssertionError:
                return False
        return True

    assert recovered_while_blind(make())
    monkeypatch.setattr(recover, "look", unknown_is_absent)
    assert not recovered_while_blind(make())


def test_without_a_look_at_the_owner(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver compares the owner too; here it does not, so that the engine's own comparison is what is tested."""
    monkeypatch.setattr("tests.memory_driver.MemoryDriver._check_owner", lambda self, thing, step: None)

    def foreign_deleted(scene: Scene) -> bool:
        scene.command()
        plan = scene.plan("destroy")
        place = ("network", "dpg-bridge")
        scene.world[place] = Thing(kind="network", identity="dpg-bridge", owner=scene.world["network", "foreign"].owner)
        scene.run(plan)
        return place not in scene.world

    assert not foreign_deleted(make())
    monkeypatch.setattr(execute, "is_ours", lambda present, key: True)
    assert foreign_deleted(make())


def test_without_the_fence(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stale_writes(make().path) == 0
    monkeypatch.setattr(sqlite, "_FENCE", ":epoch=:epoch")
    assert stale_writes(make().path) > 0


def test_blind_repetition_of_a_call_without_an_answer(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking `unknown` for `none`: what had its effect is called failed, and its object has no row."""

    def lost(scene: Scene) -> bool:
        scene.driver.fault = lambda step: "lost-after" if (step.action, step.address) == ("create", "boot") else None
        scene.command()
        try:
            scene.check()
        except AssertionError:
            return False
        return True

    assert lost(make())
    original = DriverError.__init__

    def certain(self: DriverError, reason: str, detail: str, *, outcome: str = "none", retryable: bool = False) -> None:
        original(self, reason, detail, outcome="none", retryable=retryable)

    monkeypatch.setattr(DriverError, "__init__", certain)
    assert not lost(make())


def test_a_journal_that_is_not_written(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sent` left out: after a drop, recovery takes it that nothing was asked of the platform."""
    original = SqliteRun.phase

    def forgetful(self: SqliteRun, run: str, seq: int, phase: str, detail: str = "") -> None:
        if phase != "sent":
            original(self, run, seq, phase, detail)

    def orphaned(scene: Scene) -> bool:
        def after(step: Step) -> None:
            if step.address == "bridge":
                scene.driver._act(step)
                raise Dropped

        scene.driver.on_call = after
        with contextlib.suppress(Dropped):
            scene.command()
        scene.driver.on_call = lambda step: None
        scene.recover()
        try:
            scene.check()
        except AssertionError:
            return True
        return False

    assert not orphaned(make())
    monkeypatch.setattr(SqliteRun, "phase", forgetful)
    assert orphaned(make())
