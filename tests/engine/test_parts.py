"""Commit, start, wait, then commit more: in the order written, whatever happens in between."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Scripted, points_of
from vchlang.plan import executors
from vchlang.plan.executors import Executors
from vchlang.portlayer import recover

Make = Callable[[], Scripted]
WHOLE = """ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
existing network n at "vmNet"
create storage boot in l { data: archive("b/") }
create storage more in l { free: 1GiB }
create task db { path: "/bin/db" }
create task web { path: "/bin/web", env: { DB: "${e.address(.client)}" } }
create executor e in p at l
handle e { join boot as loader, bind
  join n as client, bind { ip: .dhcp }
  join db, bind { ready: .tcp(port: 5432) } }
start e
wait db until ready within 1min
handle e { join web, bind { ready: .tcp(port: 80) }
  join more as persistent, bind at "/more" }
wait e until ready within 1min
"""
EDITED = WHOLE.replace("port: 80", "port: 8080")
FIRST_EDITED = WHOLE.replace('"/bin/db"', '"/bin/db2"')
FIRST = WHOLE[: WHOLE.index("handle e { join web")]
ORDER = [
    ("commit", "e@handle"),
    ("start", "e"),
    ("wait", "db"),
    ("stop", "e"),
    ("commit", "e@handle"),
    ("start", "e"),
    ("wait", "e"),
]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Make]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        count = 0

        def scene() -> Scripted:
            nonlocal count
            count += 1
            return Scripted(Path(place) / str(count))

        yield scene


def tasks(scene: Scripted) -> list[str]:
    """The tasks in what was committed last."""
    (executor,) = [one for one in scene.world.values() if one.kind == "executor"]
    members = executor.composition["members"] if executor.composition is not None else ()
    return [one["address"] for one in members if one["kind"] == "task"]


def told(scene: Scripted, script: str, status: str = "done") -> list[tuple[str, str]]:
    """What an apply does with the executor, waits too."""
    out: list[tuple[str, str]] = []
    before = scene.fault

    def fault(step: Any) -> str | None:
        if step.action in ("commit", "start", "stop", "wait"):
            out.append((step.action, step.address))
        return before(step)

    scene.fault = fault
    try:
        assert scene.apply(script) == status
    finally:
        scene.fault = before
    return out


def test_in_the_order_written(made: Make) -> None:
    scene = made()
    assert told(scene, WHOLE) == ORDER
    scene.settled(WHOLE)
    assert tasks(scene) == ["db", "web"]


def test_an_edit_of_the_second_part_is_one_commit(made: Make) -> None:
    text = WHOLE.replace('"${e.address(.client)}"', '"x"')
    scene = made()
    assert scene.apply(text) == "done"
    edited = text.replace("port: 80", "port: 8080")
    assert [one for one in told(scene, edited) if one[0] != "wait"] == [
        ("stop", "e"),
        ("commit", "e@handle"),
        ("start", "e"),
    ]
    scene.settled(edited)


def sweep(made: Make, *scripts: str) -> int:
    """The last script, dropped at every point, on the world that those before it made; how many points there were.

    Whatever is committed of the second part must have been committed to an executor that ran with the first.
    """

    def prepared() -> Scripted:
        scene = made()
        for script in scripts[:-1]:
            assert scene.apply(script) == "done"
        return scene

    number = points_of(prepared(), scripts[-1])
    for stop_at in range(1, number + 1):
        scene = prepared()
        order: list[str] = []

        def fault(step: Any, order: list[str] = order) -> str | None:
            if step.action == "commit":
                joined = [one.address for one in step.args.members if type(one).__name__ == "TaskMember"]
                order.append("+".join(joined))
            elif step.action == "wait":
                order.append("waited")
            return None

        scene.fault = fault
        assert scene.dropped(scripts[-1], stop_at), stop_at
        assert scene.apply(scripts[-1]) == "done", stop_at
        scene.settled(scripts[-1])
        assert tasks(scene) == ["db", "web"]
        if "db" in order and "db+web" in order:
            assert "waited" in order[: order.index("db+web")], stop_at
    return number


def test_dropped_anywhere_the_next_apply_goes_on(made: Make) -> None:
    assert sweep(made, WHOLE) > 60


def test_dropped_anywhere_in_an_edit(made: Make) -> None:
    sweep(made, WHOLE, EDITED)
    sweep(made, WHOLE, FIRST_EDITED)


def test_dropped_anywhere_in_a_part_that_comes_later(made: Make) -> None:
    sweep(made, FIRST, WHOLE)


def test_what_fails_at_the_wait_is_mended_and_waited_for_again(made: Make) -> None:
    """The first part is edited before the second was ever committed: the second still comes after the wait."""
    scene = made()
    scene.fault = lambda step: "refused" if step.action == "wait" and step.address == "db" else None
    assert scene.apply(WHOLE) == "failed"
    assert tasks(scene) == ["db"]
    assert [row.part for row in scene.read().objects if row.kind == "handle"] == [1]
    scene.fault = lambda step: None
    assert told(scene, FIRST_EDITED) == [("stop", "e"), *ORDER]
    scene.settled(FIRST_EDITED)


def test_a_part_that_goes_from_the_script_leaves(made: Make) -> None:
    scene = made()
    assert scene.apply(WHOLE) == "done"
    assert scene.apply(FIRST) == "done"
    scene.settled(FIRST)
    assert tasks(scene) == ["db"]
    assert scene.apply(WHOLE) == "done"
    scene.settled(WHOLE)


def test_with_half_of_it_committed_all_can_go(made: Make) -> None:
    scene = made()
    scene.fault = lambda step: "refused" if step.action == "wait" else None
    assert scene.apply(WHOLE) == "failed"
    scene.fault = lambda step: None
    assert scene.apply("let nothing = 1\noutput o = nothing") == "done"
    assert scene.read().objects == ()
    assert [key for key, one in scene.world.items() if one.owner is not None] == []


def test_a_wait_for_another_executor_parts_too(made: Make) -> None:
    """One commit for both would wait for what waits for it."""
    other = WHOLE.replace("wait db until", "create executor f in p at l\nhandle f { join boot2 as loader, bind }\n"
                          "start f\nwait f until ready within 1min\nwait db until")  # fmt: skip
    other = 'create storage boot2 in l { data: archive("c/") }\n' + other
    scene = made()
    assert scene.apply(other) == "done"
    scene.settled(other)
    edited = other.replace('"/bin/db"', '"/bin/db2"').replace('archive("c/")', 'archive("d/")')
    assert scene.apply(edited) == "done"
    scene.settled(edited)


# ---- mutants -------------------------------------------------------------------------------------------------------


def test_one_commit_for_all_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    text = WHOLE.replace('"${e.address(.client)}"', '"x"')
    monkeypatch.setattr(executors, "parts_of", lambda *given: [executors.Part(
        handles=sorted(given[0], key=lambda one: one.order), powers=given[1], waits=given[2])])  # fmt: skip
    with pytest.raises(AssertionError):
        scene = made()
        told_ = told(scene, text)
        assert told_ == ORDER


def test_forgetting_how_many_parts_there_are_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the number in the row, half a composition that is edited is taken for a whole one that is."""
    import msgspec

    right = recover.settle
    monkeypatch.setattr(
        "vchlang.portlayer.execute.settle",
        lambda run, op, *rest: right(run, msgspec.structs.replace(op, part=0), *rest),
    )
    text = WHOLE.replace('"${e.address(.client)}"', '"x"')
    scene = made()
    scene.fault = lambda step: "refused" if step.action == "wait" and step.address == "db" else None
    assert scene.apply(text) == "failed"
    scene.fault = lambda step: None
    edited = text.replace('"/bin/db"', '"/bin/db2"')
    assert told(scene, edited) != [("stop", "e"), *ORDER]


def test_taking_the_executor_apart_each_time_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executors, "begun", lambda self, *rest: 1)
    with pytest.raises(AssertionError):
        test_in_the_order_written(made)
