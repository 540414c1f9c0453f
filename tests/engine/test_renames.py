"""A renamed object is found again, whatever happens: never made twice, never lost, never touched.

The plans are the product's own. Each scene is dropped at every point of store and platform.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Scripted, points_of
from vchlang.plan import renames as planned
from vchlang.portlayer import execute, recover
from vchlang.state import renames, sqlite
from vchlang.state.sqlite import SqliteRun

Make = Callable[[], Scripted]
BEFORE = """ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
existing network n at "vmNet"
create storage boot in l { data: archive("b/") }
create storage logs in l { free: 1GiB }
create task t { path: "/bin/t", env: { AT: "${l.url}" } }
create executor e in p at l
handle e { join boot as loader, bind
  join logs as persistent, bind at "/log"
  join n as client, bind { ip: .dhcp }
  join t, bind { log: logs, ready: .tcp(port: 80) } }
start e
wait t until ready within 1min
output address = e.address(.client)
"""
AFTER = """@was("p") ensure pool pool_of_e in "/clusterA/poolB"
@was("l") ensure location infra at "ds://d/l"
existing network n at "vmNet"
create storage boot in infra { data: archive("b/") }
@was("logs") create storage journal in infra { free: 1GiB }
@was("t") create task web { path: "/bin/t", env: { AT: "${infra.url}" } }
@was("e") create executor endpoint in pool_of_e at infra
handle endpoint { join boot as loader, bind
  join journal as persistent, bind at "/log"
  join n as client, bind { ip: .dhcp }
  join web, bind { log: journal, ready: .tcp(port: 80) } }
start endpoint
wait web until ready within 1min
output address = endpoint.address(.client)
"""
PLAIN = re.sub(r'@was\("\w+"\) ', "", AFTER)
EDITED = PLAIN.replace('archive("b/")', 'archive("new/")').replace("/bin/t", "/bin/u")
RETAINED = AFTER.replace("ensure pool pool_of_e", "@retain ensure pool pool_of_e")
PAIR = """ensure location l at "ds://d/l"
create storage a in l { data: archive("x/") }
create storage b in l { data: archive("y/") }
"""
SWAPPED = """ensure location l at "ds://d/l"
@was("b") create storage a in l { data: archive("y/") }
@was("a") create storage b in l { data: archive("x/") }
"""
CHAIN = """ensure location l at "ds://d/l"
@was("a") create storage b in l { data: archive("x/") }
@was("b") create storage c in l { data: archive("y/") }
"""


INSTANCE = """component c() in st: Location {{
  {}
}}
ensure location l at "ds://d/l"
{}
"""
DATA = 'create storage {} in st {{ data: archive("x/") }}\n  create storage {} in st {{ data: archive("y/") }}'
ONE = INSTANCE.format(DATA.format("a", "b"), "create c one in l")
SWAPPED_IN = DATA.replace('"x/"', '"-/"').replace('"y/"', '"x/"').replace('"-/"', '"y/"')
SWAPPED_IN = '@was("b") ' + SWAPPED_IN.format("a", "b").replace("\n  ", '\n  @was("a") ')
TWO = INSTANCE.format(SWAPPED_IN, '@was("one") create c two in l')


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


def sweep(made: Make, before: str, after: str, *, still: bool, part: int = 1) -> int:
    """Apply one script and then another, dropped at every point, or at one in `part`; how many points there were.

    still: whether nothing on the platform may be touched by the second.
    """

    def prepared() -> Scripted:
        scene = made()
        assert scene.apply(before) == "done"
        scene.settled(before)
        scene.calls.clear()
        return scene

    number = points_of(prepared(), after)
    for stop_at in range(1, number + 1, part):
        scene = prepared()
        assert scene.dropped(after, stop_at), stop_at
        assert scene.apply(after) == "done", stop_at
        scene.settled(after)
        assert not still or scene.calls == [], stop_at
    return number


def test_a_rename_touches_nothing(made: Make) -> None:
    assert sweep(made, BEFORE, AFTER, still=True) >= 8


def test_two_change_places(made: Make) -> None:
    sweep(made, PAIR, SWAPPED, still=True)
    scene = made()
    for script in (PAIR, SWAPPED, SWAPPED):
        assert scene.apply(script) == "done"
    assert {row.address: row.identity for row in scene.read().objects if row.kind == "storage"} == {
        "a": "ds://d/l/vch-1-b",
        "b": "ds://d/l/vch-1-a",
    }


def test_a_row_of_them_moves_up(made: Make) -> None:
    sweep(made, PAIR, CHAIN, still=True)


def test_an_instance_is_renamed_and_two_in_it_change_places(made: Make) -> None:
    """Two stages, each a transaction: dropped between them, the next apply does what is left and does nothing twice."""
    assert sweep(made, ONE, TWO, still=True) >= 8
    scene = made()
    for script in (ONE, TWO, TWO):
        assert scene.apply(script) == "done"
    assert {row.address: row.identity for row in scene.read().objects if row.kind == "storage"} == {
        "two.a": "ds://d/l/vch-1-one.b",
        "two.b": "ds://d/l/vch-1-one.a",
    }


def test_something_in_a_renamed_instance_is_renamed_later(made: Make) -> None:
    """The `@was` of the instance is still there, and the object is known under the new address of the instance."""
    before = ONE.replace("create c one", '@was("one") create c two')
    after = before.replace("create storage a", '@was("a") create storage pg')
    scene = made()
    for script in (ONE, before):
        assert scene.apply(script) == "done"
        scene.settled(script)
    assert sweep(made, before.replace('@was("one") ', ""), after, still=True) >= 4
    scene.calls.clear()
    assert scene.apply(after) == "done"
    scene.settled(after)
    assert scene.calls == []
    (row,) = [row for row in scene.read().objects if row.address == "two.pg"]
    assert (row.stamp, row.identity) == ("one.a", "ds://d/l/vch-1-one.a")


def test_a_wait_that_fails_keeps_what_was_replaced(made: Make) -> None:
    """The old storage of a replacement goes when the executor is ready on the new one, and not before."""
    scene = made()
    assert scene.apply(BEFORE) == "done"
    scene.fault = lambda step: "refused" if step.action == "wait" else None
    new = BEFORE.replace('archive("b/")', 'archive("new/")')
    for _ in range(2):
        assert scene.apply(new) != "done"
        assert ("storage", "ds://d/l/vch-1-boot") in scene.world
    scene.fault = lambda step: None
    assert scene.apply(new) == "done"
    scene.settled(new)
    assert ("storage", "ds://d/l/vch-1-boot") not in scene.world


def test_renamed_and_edited_at_once(made: Make) -> None:
    renamed_and_edited = EDITED.replace("create storage journal", '@was("logs") create storage journal')
    for new, old in (("pool pool_of_e", "p"), ("location infra", "l")):
        renamed_and_edited = renamed_and_edited.replace(f"ensure {new}", f'@was("{old}") ensure {new}')
    for new, old in (("task web", "t"), ("executor endpoint", "e")):
        renamed_and_edited = renamed_and_edited.replace(f"create {new}", f'@was("{old}") create {new}')
    assert sweep(made, BEFORE, renamed_and_edited, still=False) > 30


def test_later_edits_find_what_was_renamed(made: Make) -> None:
    """The `@was` is long gone; a replacement, a restart and a removal still work on the objects as they are stamped."""
    scene = made()
    for script in (BEFORE, AFTER, PLAIN, EDITED):
        assert scene.apply(script) == "done"
        scene.settled(script)
    assert {(row.generation, row.stamp) for row in scene.read().objects if row.address == "journal"} == {(1, "logs")}
    assert sweep(made, AFTER, EDITED, still=False) > 30
    assert scene.apply("let nothing = 1\noutput o = nothing") == "done"
    assert scene.read().objects == ()
    assert [key for key, one in scene.world.items() if one.owner is not None] == []


def test_renamed_twice_and_back(made: Make) -> None:
    scene = made()
    one = 'ensure location l at "ds://d/l"\n{}create storage {} in l {{ free: 1GiB }}\n'
    for was, name in (("", "a"), ("a", "b"), ("b", "c")):
        script = one.format(f'@was("{was}") ' if was else "", name)
        assert scene.apply(script) == "done"
        scene.settled(script)
    (row,) = [row for row in scene.read().objects if row.kind == "storage"]
    assert (row.address, row.stamp, row.identity) == ("c", "a", "ds://d/l/vch-1-a")
    assert scene.apply(one.format('@was("c") ', "a")) == "done"
    (row,) = [row for row in scene.read().objects if row.kind == "storage"]
    assert (row.address, row.stamp) == ("a", "")
    assert [call for call in scene.calls if call[0] == "create"] == [("create", "l"), ("create", "a")]


def test_a_new_element_under_the_old_address_has_a_key_of_its_own(made: Make) -> None:
    scene = made()
    location = 'ensure location l at "ds://d/l"\n'
    scripts = [
        location + "create storage a in l { free: 1GiB }",
        location + '@was("a") create storage b in l { free: 1GiB }',
        location + "create storage b in l { free: 1GiB }\ncreate storage a in l { free: 2GiB }",
        location + "create storage a in l { free: 2GiB }",
    ]
    for script in scripts:
        assert scene.apply(script) == "done"
        scene.settled(script)
    assert ("storage", "ds://d/l/vch-1-a.2") in scene.world and ("storage", "ds://d/l/vch-1-a") not in scene.world


def test_a_task_that_comes_under_the_old_name_is_another_one(made: Make) -> None:
    """A renamed task keeps its name in its executor; a new one under the old address must not be taken for it."""
    scene = made()
    more = PLAIN.replace("start endpoint", "handle endpoint { join t, bind }\nstart endpoint")
    more = 'create task t { path: "/bin/new" }\n' + more
    for script in (BEFORE, AFTER, more):
        assert scene.apply(script) == "done"
        scene.settled(script)
    (executor,) = [one for one in scene.world.values() if one.kind == "executor"]
    names = {one["address"]: one["task"]["path"] for one in executor.composition["members"] if one["kind"] == "task"}
    assert names == {"t": "/bin/t", "t.2": "/bin/new"}


def test_with_workers(made: Make) -> None:
    scene = made()
    for script in (BEFORE, AFTER, EDITED):
        assert scene.apply(script, workers=4) == "done"
        scene.settled(script)


# ---- mutants: each breaks one rule, and the checks above must notice ------------------------------------------------


def bites(made: Make, *scripts: str) -> bool:
    """Whether the checks find fault with a rename, dropped somewhere or not at all."""
    try:
        for one, other in itertools.pairwise(scripts):
            sweep(made, one, other, still=other in (AFTER, PLAIN, SWAPPED, CHAIN), part=3)
        scene = made()
        for script in scripts:
            assert scene.apply(script) == "done"
            scene.settled(script)
    except (AssertionError, ValueError):
        return True
    return False


@pytest.fixture
def sound(made: Make) -> None:
    """Without this, a test that cannot pass would look like one that bites."""
    assert not bites(made, BEFORE, AFTER, EDITED)
    assert not bites(made, BEFORE, AFTER, RETAINED)
    assert not bites(made, PAIR, SWAPPED)


def test_a_key_from_the_new_address_is_noticed(made: Make, sound: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, op: Any) -> str:
        return execute.object_key(self._run.lineage, self._object_of(op), op.generation)

    monkeypatch.setattr(execute._Execution, "_key", wrong)
    assert bites(made, BEFORE, AFTER, EDITED)


def test_rows_renamed_one_by_one_are_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = SqliteRun.commit

    def wrong(self: SqliteRun, run: str, seq: int, **more: Any) -> None:
        moves = dict(more.pop("moves", None) or {})
        for old, new in list(moves.items())[:-1]:
            right(self, run, self.intent(_op(self, run)), moves={old: new})
        last = dict(list(moves.items())[-1:])
        right(self, run, seq, **more, **({"moves": last} if last else {}))

    monkeypatch.setattr(SqliteRun, "commit", wrong)
    assert bites(made, PAIR, SWAPPED)


def _op(run: SqliteRun, name: str) -> Any:
    return recover.OpenOp(
        run=name, seq=0, phase="intent", action="rename", kind="state", address="", generation=1, key="", identity=""
    )


def test_a_stamp_that_is_lost_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = renames._renamed

    def wrong(row: Any, moves: Any, settled: Any) -> Any:
        import msgspec

        return msgspec.structs.replace(right(row, moves, settled), stamp="")

    monkeypatch.setattr(renames, "_renamed", wrong)
    assert bites(made, BEFORE, AFTER)


def test_a_stamp_that_an_update_forgets_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = recover.settle

    def wrong(run: Any, op: Any, *rest: Any) -> Any:
        import msgspec

        return right(run, msgspec.structs.replace(op, stamp=""), *rest)

    monkeypatch.setattr(execute, "settle", wrong)
    assert bites(made, BEFORE, AFTER, RETAINED)


def test_addresses_left_in_arguments_are_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "_args", lambda row, moves: row.args)
    assert bites(made, BEFORE, AFTER)


def test_changing_places_each_time_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = renames._renamed

    def wrong(row: Any, moves: Any, settled: Any) -> Any:
        import msgspec

        return msgspec.structs.replace(right(row, moves, settled), was="")

    monkeypatch.setattr(renames, "_renamed", wrong)
    assert bites(made, PAIR, SWAPPED)


def test_a_key_that_comes_again_is_noticed(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_new_element_under_the_old_address_has_a_key_of_its_own(made)
    monkeypatch.setattr("vchlang.plan.build.stamped", lambda rows: {})
    with pytest.raises(AssertionError):
        test_a_new_element_under_the_old_address_has_a_key_of_its_own(made)


def test_two_objects_never_get_one_row(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the planner ever ask for it, the store refuses before anything is lost."""
    scene = made()
    assert scene.apply(PAIR) == "done"
    before = scene.read()
    run = sqlite.SqliteStore(scene.path, _machine()).begin("vch-1", _holder(), lineage=before.lineage)
    seq = run.intent(_op(run, run.run))
    with pytest.raises(ValueError, match="one address"):
        run.commit(run.run, seq, moves={"a": "b"})
    run.abandon()
    assert scene.read().objects == before.objects
    assert planned.renames_of([], before).stages == ()


def _machine() -> Any:
    from tests.harness import machine_for

    return machine_for(seed="other")


def _holder() -> Any:
    from vchlang.state.store import Holder

    return Holder(user="anna", host="here", pid=1, run="other", verb="apply")
