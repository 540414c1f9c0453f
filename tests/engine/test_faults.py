"""What a platform, another run and a user do to a run, and what the run makes of it."""

import os
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.scene import DEPLOYMENT, FOREIGN, WANTED, Item, Scene, done
from tests.harness import FakeClock, machine_for
from tests.memory_driver import Thing
from vchlang.kinds.world import OwnerTag, Query, object_key
from vchlang.plan.model import Operation, Plan
from vchlang.portlayer.driver import Outcome, Step
from vchlang.portlayer.events import Event, StepDone, StepFailed, StepNote, StepProgress, StepSkipped, StepStarted
from vchlang.portlayer.execute import TRIES
from vchlang.portlayer.recover import recover
from vchlang.state.sqlite import SqliteStore
from vchlang.state.store import Holder, StoreError

Make = Callable[..., Scene]
IMAGES = ("location", "ds://datastore2/images")
ENDPOINT = ("executor", "/clusterA/poolB/vch-1/endpoint")


def failures(events: list[Event]) -> dict[str, StepFailed]:
    return {f"{one.action} {one.address}": one for one in events if isinstance(one, StepFailed)}


def skipped(events: list[Event], cause: str) -> list[str]:
    return [one.address for one in events if isinstance(one, StepSkipped) and one.cause == cause]


def edited(kind: str, **fields: Any) -> tuple[Item, ...]:
    """What is wanted, with other arguments for one kind."""
    return tuple(one._replace(args=one.args | fields) if one.kind == kind else one for one in WANTED)


def fails(action: str, address: str, how: str, times: int = 1) -> Callable[[Step], str | None]:
    """One call goes wrong in one way, the first `times` times."""
    left = [times]

    def fault(step: Step) -> str | None:
        if (step.action, step.address) == (action, address) and left[0]:
            left[0] -= 1
            return how
        return None

    return fault


CALLS = [
    ("create", "vch"),
    ("create", "images"),
    ("create", "boot"),
    ("create", "endpoint"),
    ("commit", "endpoint@handle"),
    ("start", "endpoint"),
]


# ---- calls without an answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "address"), CALLS)
@pytest.mark.parametrize("how", ["lost-before", "lost-after", "late", "bug", "refused"])
def test_any_call_goes_wrong_once(scene: Scene, action: str, address: str, how: str) -> None:
    scene.driver.fault = fails(action, address, how)
    first = done(scene.command())
    # A look-up proves that the lost call had its effect; of a commit only an answer can prove that.
    proved = how in ("lost-after", "bug") and action != "commit"
    assert first.status == ("done" if proved else "failed")
    scene.check()
    scene.driver.deliver()
    assert done(scene.command()).status == "done"
    scene.check_made()


@pytest.mark.parametrize("address", [one.address for one in reversed(WANTED)])
@pytest.mark.parametrize("how", ["lost-before", "lost-after", "late", "bug", "refused"])
def test_any_delete_goes_wrong_once(scene: Scene, address: str, how: str) -> None:
    scene.command()
    scene.driver.fault = fails("delete", address, how)
    first = done(scene.command("destroy"))
    assert first.status == ("done" if how in ("lost-after", "bug") else "failed")
    scene.check()
    scene.driver.deliver()
    assert done(scene.command("destroy")).status == "done"
    scene.check_gone()


def test_a_bug_in_a_driver_is_called_one_and_shows_nothing(scene: Scene) -> None:
    scene.driver.fault = fails("commit", "endpoint@handle", "bug")
    failed = failures(scene.command())["commit endpoint@handle"]
    assert failed.message == "the driver raised KeyError. This is a bug in vch."
    assert failed.place is not None and failed.place.line == 6


def test_a_call_that_arrives_between_look_up_and_repetition_is_ours(scene: Scene) -> None:
    scene.driver.fault = fails("create", "boot", "late")
    assert done(scene.command()).status == "failed"
    # It arrives after the look-up of the second run, so the platform refuses the second call for its name.
    scene.driver.on_call = lambda step: scene.driver.deliver() if step.address == "boot" else None
    late = scene.driver._late
    original = scene.start

    def start(*args: Any, **options: Any) -> Any:
        made = original(*args, **options)
        scene.driver._late = late
        scene.driver.on_call = lambda step: scene.driver.deliver() if step.address == "boot" else None
        return made

    scene.start = start  # type: ignore[method-assign]
    assert done(scene.command()).status == "done"
    scene.check_made()


# ---- the platform does not tell ------------------------------------------------------------------------------------


def test_unknown_is_not_absent(scene: Scene) -> None:
    plan = scene.plan()
    clock = FakeClock()
    scene.driver.blind = lambda query: "the session is gone" if query.identity == "ds://datastore2/images" else None
    events = scene.run(plan, clock=clock)
    assert done(events).status == "failed"
    assert failures(events)["create images"].code == "unknown-world"
    assert ("create", "images") not in scene.driver.calls
    assert skipped(events, "needs") == ["boot", "endpoint", "endpoint@handle", "endpoint", "endpoint"]
    assert len(clock.slept) == 2  # it asked three times
    scene.driver.blind = lambda query: None
    assert done(scene.command()).status == "done"
    scene.check_made()


def test_a_corrupt_record_is_named_and_left_alone(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], corrupt=True)
    events = scene.command()
    assert failures(events)["create images"].code == "corrupt-record"
    assert scene.world[IMAGES] == Thing(kind="location", identity=IMAGES[1], corrupt=True)


def test_an_unknown_outcome_stays_open_until_the_platform_tells(scene: Scene) -> None:
    plan = scene.plan()
    scene.driver.fault = fails("create", "boot", "lost-after")
    gone = [False]

    def on_call(step: Step) -> None:
        gone[0] = gone[0] or step.address == "boot"

    scene.driver.on_call = on_call
    scene.driver.blind = lambda query: "it does not answer" if gone[0] and query.kind == "storage" else None
    events = scene.run(plan)
    failed = failures(events)["create boot"]
    assert failed.open and failed.code == "unknown-world" and "it does not answer" in failed.message
    assert [one.phase for one in scene.read().pending] == ["unknown"]
    with pytest.raises(StoreError) as refused:
        scene.command()
    assert refused.value.code == "unknown-world" and "`boot`" in refused.value.message
    assert scene.driver.calls == []
    assert scene.read().holder is None
    scene.driver.blind = lambda query: None
    assert [one.verdict for one in scene.recover()] == ["done"]
    assert done(scene.command()).status == "done"
    scene.check_made()


# ---- others --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", [FOREIGN, None])
def test_what_is_not_ours_is_not_touched(scene: Scene, owner: OwnerTag | None) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], owner=owner)
    before = msgspec.json.encode(scene.world[IMAGES])
    events = scene.command()
    assert done(events).status == "failed"
    failed = failures(events)["create images"]
    assert failed.code == ("foreign-owner" if owner else "already-exists")
    assert owner is None or "`theirs` of deployment `other`" in failed.message
    assert msgspec.json.encode(scene.world[IMAGES]) == before
    # The other branch went on.
    assert "vch" in {row.address for row in scene.read().objects}


@pytest.mark.parametrize("owner", [FOREIGN, None])
@pytest.mark.parametrize("verb", ["apply", "destroy"])
def test_what_became_anothers_is_neither_changed_nor_deleted(scene: Scene, owner: OwnerTag | None, verb: str) -> None:
    scene.command()
    scene.wanted = tuple(
        one._replace(args={**one.args, "shared": False}) if one.kind == "location" else one for one in WANTED
    )
    plan = scene.plan(verb)
    scene.world[IMAGES].owner = owner
    before = msgspec.json.encode(scene.world[IMAGES])
    events = scene.run(plan)
    assert failures(events)[f"{'update' if verb == 'apply' else 'delete'} images"].code == "foreign-owner"
    assert msgspec.json.encode(scene.world[IMAGES]) == before


def test_an_empty_claimable_place_is_taken(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], empty=True)
    assert done(scene.command()).status == "done"
    scene.check()


def test_a_stale_version_is_found_before_anything_happens(scene: Scene) -> None:
    scene.command()
    scene.wanted = edited("pool", shares=7)
    plan = scene.plan()
    scene.world["pool", "/clusterA/poolB/vch-1"].version = 8
    events = scene.run(plan)
    last = done(events)
    assert last.status == "stale" and last.counts["done"] == 0
    failed = failures(events)["update vch"]
    assert failed.code == "stale-plan" and "it was 1, it is 8" in failed.message
    assert scene.driver.calls == []
    assert done(scene.command()).status == "done"


def test_a_version_that_changes_during_the_run_is_not_overwritten(scene: Scene) -> None:
    scene.command()
    scene.world[ENDPOINT].state = "stopped"
    scene.wanted = edited("pool", shares=7)
    scene.tag = "new"
    before = scene.world[ENDPOINT].composition

    def on_call(step: Step) -> None:
        if step.address == "vch":
            scene.world[ENDPOINT].version += 7

    scene.driver.on_call = on_call
    events = scene.command()
    assert done(events).status == "failed"  # not stale: the pool was changed
    assert failures(events)["commit endpoint@handle"].code == "stale-handle"
    assert skipped(events, "needs") == ["endpoint", "endpoint"]
    assert scene.world[ENDPOINT].composition == before


def test_what_vanished_since_the_plan_makes_it_stale(scene: Scene) -> None:
    scene.command()
    plan = scene.plan()
    del scene.world["network", "dpg-bridge"]
    events = scene.run(plan)
    assert done(events).status == "stale"
    assert failures(events)["none bridge"].message == "`dpg-bridge` is not there any more"


def test_a_handle_that_is_stale_is_called_so(scene: Scene) -> None:
    scene.command()
    scene.world[ENDPOINT].state = "stopped"
    scene.tag = "new"
    plan = scene.plan()
    scene.world[ENDPOINT].version += 1
    events = scene.run(plan)
    assert done(events).status == "stale"
    assert failures(events)["commit endpoint@handle"].code == "stale-handle"


def test_a_version_that_this_run_made_is_not_stale(scene: Scene) -> None:
    scene.command()
    scene.tag = "new"
    plan = scene.plan()
    version = str(scene.world[ENDPOINT].version)
    expecting = tuple(
        msgspec.structs.replace(one, expect=version)
        if one.address.startswith("endpoint") and one.kind != "wait"
        else one
        for one in plan.operations
    )
    assert done(scene.run(msgspec.structs.replace(plan, operations=expecting))).status == "done"
    scene.check_made()


# ---- plans, locks, fences ------------------------------------------------------------------------------------------


def test_a_plan_of_another_state_is_refused(scene: Scene) -> None:
    first = scene.plan()
    scene.command()
    with pytest.raises(StoreError) as refused:
        scene.run(first)
    assert refused.value.code == "stale-plan" and "first apply" in refused.value.message
    plan = scene.plan()
    scene.tag = "new"
    scene.command()
    with pytest.raises(StoreError) as refused:
        scene.run(plan)
    assert refused.value.code == "stale-plan"


def test_a_plan_made_before_a_run_was_stopped_is_refused_after_recovery(scene: Scene) -> None:
    scene.command()
    scene.tag = "new"
    scene.driver.fault = fails("commit", "endpoint@handle", "lost-before")
    plan = scene.plan()
    # The run ends right after its `sent`, so neither serial nor lineage tell that it was there.
    for stop_at in range(1, 400):
        if not scene.dropped("apply", stop_at) or scene.read().pending:
            break
    pending = scene.read()
    assert pending.pending and pending.serial == plan.serial
    with pytest.raises(StoreError) as refused:
        scene.run(plan)
    assert refused.value.code == "stale-plan"
    assert scene.read().pending == ()
    assert scene.read().holder is None


def test_one_at_a_time(scene: Scene) -> None:
    store, _ = scene.start()
    held = store.begin(DEPLOYMENT, Holder(user="anna", host="h1", pid=7, run="r", verb="apply"), lineage="L")
    with pytest.raises(StoreError) as refused:
        scene.command()
    assert refused.value.code == "locked" and "anna" in refused.value.message and "process 7" in refused.value.message
    assert scene.driver.calls == []
    held.finish("failed")
    assert done(scene.command()).status == "done"


def test_a_run_that_lost_its_lock_stops_and_writes_nothing(scene: Scene) -> None:
    taken: list[Any] = []

    def take_over(step: Step) -> None:
        if step.address == "boot" and not taken:
            # What only a broken machine does: the lock's file vanishes while the lock is held.
            os.unlink(f"{scene.path}.{DEPLOYMENT}.lock")
            other = SqliteStore(scene.path, machine_for(seed="other"))
            holder = Holder(user="ben", host="h2", pid=2, run="other", verb="apply")
            taken.append(other.begin(DEPLOYMENT, holder, lineage="unused"))
            taken.append(taken[0].deployment())

    scene.driver.on_call = take_over
    events = scene.command()
    last = done(events)
    assert last.status == "refused" and last.code == "locked"
    assert failures(events)["create boot"].code == "locked"
    assert scene.driver.calls[-1] == ("create", "boot")  # nothing more was sent
    other, state = taken
    assert other.deployment() == state
    other.finish("failed")
    scene.driver.on_call = lambda step: None
    assert done(scene.command()).status == "done"
    scene.check_made()


def test_a_store_that_is_lost_on_the_way_stops_the_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from vchlang.state.sqlite import SqliteRun

    def full(self: SqliteRun, run: str, seq: int, phase: str, detail: str = "") -> None:
        if phase == "sent" and seq == 2:
            raise StoreError("store-unwritable", "the disk is full")
        original(self, run, seq, phase, detail)

    original = SqliteRun.phase
    monkeypatch.setattr(SqliteRun, "phase", full)
    last = done(scene.command())
    assert last.status == "refused" and last.code == "store-unwritable"
    assert scene.driver.calls == [("create", "vch")]  # what could not be written down was not sent
    monkeypatch.undo()
    assert done(scene.command()).status == "done"
    scene.check_made()


# ---- scheduling ----------------------------------------------------------------------------------------------------


def test_a_failed_branch_lets_the_others_go_on(scene: Scene) -> None:
    scene.driver.fault = fails("create", "images", "refused")
    events = scene.command()
    last = done(events)
    assert last.status == "failed"
    assert last.counts == {"done": 2, "unchanged": 0, "failed": 1, "skipped": 5}
    assert failures(events)["create images"].code == "no-space"
    assert {row.address for row in scene.read().objects} == {"vch", "bridge"}
    assert done(scene.command()).status == "done"
    scene.check_made()


def test_cancel_stops_between_operations(scene: Scene) -> None:
    events = scene.command(cancelled=lambda: len(scene.driver.calls) >= 2)
    last = done(events)
    assert last.status == "interrupted"
    assert last.counts == {"done": 2, "unchanged": 0, "failed": 0, "skipped": 6}
    assert scene.driver.calls == [("create", "vch"), ("create", "images")]
    scene.check()
    assert done(scene.command()).status == "done"
    scene.check_made()


def test_cancel_before_the_last_one_ended_is_no_interruption(scene: Scene) -> None:
    events = scene.command(cancelled=lambda: ("wait", "endpoint") in scene.driver.calls)
    assert done(events).status == "done"


def test_a_busy_platform_is_asked_again_with_growing_pauses(scene: Scene) -> None:
    clock = FakeClock()
    scene.driver.fault = fails("create", "vch", "busy", times=3)
    assert done(scene.command(clock=clock)).status == "done"
    assert scene.driver.calls[:4] == [("create", "vch")] * 4
    assert len(clock.slept) == 3
    assert all(0 <= one <= limit for one, limit in zip(clock.slept, (0.2, 0.4, 0.8), strict=True))
    scene.check_made()


def test_a_platform_that_stays_busy_is_left_after_some_tries(scene: Scene) -> None:
    scene.driver.fault = fails("create", "vch", "busy", times=99)
    assert done(scene.command()).status == "failed"
    assert scene.driver.calls.count(("create", "vch")) == TRIES
    scene.check()


def test_a_wait_that_fails_changes_nothing(scene: Scene) -> None:
    scene.driver.fault = fails("wait", "endpoint", "refused")
    events = scene.command()
    assert done(events).status == "failed"
    assert failures(events)["wait endpoint"].message == "there is no space left"
    scene.check_made()


def fifty(scene: Scene) -> None:
    place = "ds://datastore2/images"
    storages = tuple(
        Item(f's["{n}"]', "storage", f"{place}/{n}", {"inside": place}, ("images",) if n % 2 else ()) for n in range(50)
    )
    scene.wanted = (WANTED[1], *storages)


def test_workers_work_at_the_same_time(scene: Scene) -> None:
    fifty(scene)
    scene.wanted = tuple(one._replace(needs=("images",)) if one.kind == "storage" else one for one in scene.wanted)
    together = threading.Barrier(4, timeout=10)
    met = [0]

    def on_call(step: Step) -> None:
        if step.kind == "storage" and met[0] < 4:
            met[0] += 1
            together.wait()

    scene.driver.on_call = on_call
    events = scene.command(workers=4)
    assert done(events).counts["done"] == 51
    assert len({one.operation for one in events if isinstance(one, StepDone)}) == 51
    assert len(scene.read().objects) == 51 and scene.read().serial == 51
    scene.check()
    scene.driver.on_call = lambda step: None
    scene.again()
    assert scene.driver.calls == []
    assert done(scene.command("destroy", workers=4)).status == "done"
    scene.check_gone()


def test_one_failure_among_workers(scene: Scene) -> None:
    fifty(scene)
    scene.wanted = tuple(one._replace(needs=("images",)) if one.kind == "storage" else one for one in scene.wanted)
    scene.driver.fault = fails("create", 's["20"]', "refused")
    last = done(scene.command(workers=4))
    assert last.status == "failed" and last.counts == {"done": 50, "unchanged": 0, "failed": 1, "skipped": 0}
    assert done(scene.command(workers=4)).status == "done"
    scene.check()


# ---- what is told and remembered -----------------------------------------------------------------------------------


def test_every_step_is_told_in_order(scene: Scene) -> None:
    events = scene.command(workers=3)
    begun = [one.operation for one in events if isinstance(one, StepStarted)]
    ended = [one.operation for one in events if isinstance(one, StepDone)]
    assert sorted(begun) == sorted(ended) == [f"%{n}" for n in range(1, 9)]
    for one in begun:
        kinds = [type(event) for event in events if getattr(event, "operation", "") == one]
        assert kinds == [StepStarted, StepDone]


def test_events_survive_json(scene: Scene) -> None:
    for event in scene.command():
        text = msgspec.json.encode(event)
        assert msgspec.json.decode(text, type=Event) == event
        assert msgspec.json.decode(text)["v"] == 1


def test_notes_and_progress_reach_the_user(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    original = type(scene.driver).perform

    def perform(self: Any, step: Step) -> Outcome:
        for done_ in range(0, 101, 10):
            step.progress(done_, 100)
        outcome: Outcome = original(self, step)
        return msgspec.structs.replace(outcome, notes=(f"made {step.identity}",))

    monkeypatch.setattr(type(scene.driver), "perform", perform)
    events = scene.command()
    notes = [one for one in events if isinstance(one, StepNote) and one.address == "vch"]
    assert [one.message for one in notes] == ["made /clusterA/poolB/vch-1"]
    # Time stands still here, so only the first and the last are far enough apart.
    progress = [(one.done, one.total) for one in events if isinstance(one, StepProgress) and one.address == "vch"]
    assert progress == [(0, 100), (100, 100)]


def test_outputs_are_filled_and_secrets_stay_secret(scene: Scene) -> None:
    last = done(scene.command())
    assert last.outputs == {"docker_host": "tcp://127.64.0.1:2376", "token": "(secret)", "free": "1GiB"}
    assert scene.read().outputs == last.outputs
    assert scene.driver.revealed == ["the secret"]
    # A later apply that changes nothing has them too, though no step gave a fact.
    assert done(scene.command()).outputs == last.outputs
    with open(scene.path, "rb") as state:
        assert b"the secret" not in state.read()


def test_rows_hold_what_was_asked_for_and_calls_get_the_facts(scene: Scene) -> None:
    scene.command()
    rows = {row.address: row for row in scene.read().objects}
    assert rows["boot"].args == {"inside": {"$ref": "images.url"}}  # as the next plan will have it, to compare
    assert scene.world["storage", "ds://datastore2/images/boot"].fields["inside"] == "ds://datastore2/images"
    composition = scene.world[ENDPOINT].composition
    assert composition["members"][2]["task"]["args"] == ["--store", "at ds://datastore2/images"]
    assert composition["members"][2]["task"]["env"]["TOKEN"] == {"$secret": "token", "path": [], "digest": "d1"}
    assert rows["endpoint@handle"].key == rows["endpoint"].key


# ---- single operations ---------------------------------------------------------------------------------------------


def plan_of(scene: Scene, *operations: Operation, verb: str = "apply") -> Plan:
    state = scene.read()
    return Plan(
        deployment=DEPLOYMENT,
        project="p",
        environment="e",
        target="memory",
        script="s.vch",
        verb=verb,
        lineage=state.lineage,
        serial=state.serial,
        operations=operations,
    )


def location(action: str, **fields: Any) -> Operation:
    args = {"at": IMAGES[1]}
    return Operation(id="%1", action=action, kind="location", address="images", identity=IMAGES[1], args=args, **fields)


def test_adopt_and_release_of_a_shared_one(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], owner=FOREIGN, shared=True)
    assert done(scene.run(plan_of(scene, location("adopt", origin="adopted")))).status == "done"
    row = scene.read().objects[0]
    assert row.origin == "adopted" and scene.world[IMAGES].sharers[0].key == row.key
    assert done(scene.run(plan_of(scene, location("release", origin="adopted"), verb="destroy"))).status == "done"
    assert scene.world[IMAGES].sharers == [] and scene.world[IMAGES].owner == FOREIGN
    assert scene.read().objects == ()


def test_adopt_of_what_is_not_shared_is_refused(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], owner=FOREIGN)
    events = scene.run(plan_of(scene, location("adopt", origin="adopted")))
    assert failures(events)["adopt images"].code == "foreign-owner"


def test_what_is_gone_cannot_be_adopted(scene: Scene) -> None:
    events = scene.run(plan_of(scene, location("adopt", origin="adopted")))
    assert failures(events)["adopt images"].code == "not-found"


def test_a_wait_for_a_task_carries_the_record_of_its_executor(scene: Scene) -> None:
    scene.command()
    tags: list[OwnerTag] = []
    scene.driver.on_call = lambda step: tags.append(step.tag)
    args = {"executor": ENDPOINT[1], "task": "personality", "state": "ready", "within": 10**9}
    wait = Operation(id="%1", action="wait", kind="wait", address="personality", identity=ENDPOINT[1], args=args)
    assert done(scene.run(plan_of(scene, wait))).status == "done"
    assert [(one.address, one.key) for one in tags] == [("endpoint", object_key(scene.read().lineage, "endpoint", 1))]


def test_what_only_exists_is_read_and_not_remembered(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], owner=FOREIGN)
    read = location("read", origin="found")
    args = {"inside": {"$ref": "images.url"}}
    identity = f"{IMAGES[1]}/x"
    make = Operation(id="%2", action="create", kind="storage", address="x", identity=identity, args=args, needs=("%1",))
    assert done(scene.run(plan_of(scene, read, make))).status == "done"
    assert [row.address for row in scene.read().objects] == ["x"]
    assert scene.world["storage", identity].fields["inside"] == IMAGES[1]


def test_what_refers_to_something_gone_can_still_be_removed(scene: Scene) -> None:
    scene.world[IMAGES] = Thing(kind="location", identity=IMAGES[1], owner=FOREIGN)
    args = {"inside": {"$ref": "images.url"}}
    make = Operation(id="%2", action="create", kind="storage", address="x", identity="x", args=args, needs=("%1",))
    scene.run(plan_of(scene, location("read", origin="found"), make))
    # The script that read it is gone, and with it everybody who could say what the fact was.
    remove = msgspec.structs.replace(make, id="%1", action="delete", needs=())
    assert done(scene.run(plan_of(scene, remove, verb="destroy"))).status == "done"
    assert ("storage", "x") not in scene.world


def test_what_should_exist_and_does_not(scene: Scene) -> None:
    events = scene.run(plan_of(scene, location("read", origin="found")))
    assert failures(events)["read images"].code == "not-found"


def test_a_task_is_only_recorded(scene: Scene) -> None:
    task = Operation(id="%1", action="create", kind="task", address="t", identity="t", args={"path": "/bin/a"})
    assert done(scene.run(plan_of(scene, task))).status == "done"
    assert [row.kind for row in scene.read().objects] == ["task"]
    forget = msgspec.structs.replace(task, action="forget")
    assert done(scene.run(plan_of(scene, forget))).status == "done"
    assert scene.read().objects == () and scene.driver.calls == []


def test_forget_keeps_the_thing(scene: Scene) -> None:
    scene.run(plan_of(scene, location("create")))
    assert done(scene.run(plan_of(scene, location("forget"), verb="destroy"))).status == "done"
    assert IMAGES in scene.world and scene.read().objects == () and scene.read().lineage == ""


def test_a_confirmation_and_nothing_to_do_ask_nobody(scene: Scene) -> None:
    confirm = Operation(id="%1", action="confirm", kind="environment", address="")
    none = msgspec.structs.replace(location("none", because=("it is there",)), id="%2", needs=("%1",))
    events = scene.run(plan_of(scene, confirm, none))
    assert done(events).counts == {"done": 1, "unchanged": 1, "failed": 0, "skipped": 0}
    assert skipped(events, "unchanged") == ["images"]
    assert scene.driver.calls == [] and scene.driver.looks == 0


def test_a_replacement_deposes_and_then_removes(scene: Scene) -> None:
    scene.run(plan_of(scene, location("create")))
    elsewhere = "ds://datastore2/images.2"
    new = Operation(
        id="%1",
        action="create",
        kind="location",
        address="images",
        identity=elsewhere,
        args={"at": elsewhere},
        generation=2,
    )
    old = msgspec.structs.replace(location("delete"), id="%2", needs=("%1",))
    scene.driver.fault = fails("delete", "images", "refused")
    assert done(scene.run(plan_of(scene, new, old))).status == "failed"
    rows = scene.read().objects
    assert [(row.generation, row.deposed) for row in rows] == [(1, True), (2, False)]
    assert rows[0].key != rows[1].key == object_key(scene.read().lineage, "images", 2)
    scene.driver.fault = lambda step: None
    assert done(scene.run(plan_of(scene, msgspec.structs.replace(old, id="%1", needs=())))).status == "done"
    assert [(row.generation, row.deposed) for row in scene.read().objects] == [(2, False)]


def test_an_executor_takes_its_composition_along(scene: Scene) -> None:
    scene.command()
    scene.wanted = WANTED[:4]
    assert done(scene.command()).status == "done"
    assert {row.address for row in scene.read().objects} == {"vch", "images", "boot", "bridge"}


def test_a_fact_that_nobody_gives_fails_the_step_alone(scene: Scene) -> None:
    args = {"inside": {"$ref": "nowhere.url"}}
    make = Operation(id="%1", action="create", kind="storage", address="x", identity="i", args=args)
    events = scene.run(plan_of(scene, make))
    assert failures(events)["create x"].message == "`nowhere.url` is not known: the target gave no such fact"
    assert scene.read().pending == ()


def test_arguments_that_do_not_fit_are_not_sent(scene: Scene) -> None:
    make = Operation(id="%1", action="create", kind="storage", address="x", identity="i", args={"inside": 3})
    events = scene.run(plan_of(scene, make))
    assert failures(events)["create x"].code == "step-failed"
    assert scene.driver.calls == []


def test_a_plan_whose_order_is_wrong_is_a_bug(scene: Scene) -> None:
    early = msgspec.structs.replace(location("create"), needs=("%2",))
    with pytest.raises(ValueError, match="This is a bug in vch"):
        scene.run(plan_of(scene, early))
    assert scene.recover() == ()


def test_recover_without_anything_open_takes_no_lock(scene: Scene) -> None:
    store, machine = scene.start()
    assert recover(scene.driver, store, machine, scene.holder(), DEPLOYMENT) == ()
    assert not os.path.exists(scene.path)
    assert scene.driver.looks == 0


def test_what_a_driver_does_not_answer_is_unknown(scene: Scene) -> None:
    from vchlang.kinds.world import Absent, Unknown
    from vchlang.portlayer.observe import observe

    scene.command()
    asked: list[Query] = []

    class Forgetful:
        def observe(self, queries: Any) -> Any:
            asked.extend(queries)
            return {queries[0].id: Absent()}

    queries = [Query(id="images", kind="location", identity="i"), Query(id="b", kind="storage", identity="j")]
    found = observe(Forgetful(), scene.read(), queries)  # type: ignore[arg-type]
    assert found["images"] == Absent() and isinstance(found["b"], Unknown)
    assert asked[0].key == object_key(scene.read().lineage, "images", 1) and asked[1].key is None
