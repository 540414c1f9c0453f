"""What every store keeps, whatever it is made of; and what the embedded one does with bad files and bad places."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.harness import Dropped, Points, machine_for
from vchlang.state import sqlite
from vchlang.state.sqlite import SqliteStore, filesystem_in
from vchlang.state.store import Deployment, Fenced, Holder, ObjectRow, OpenOp, Run, Store, StoreError

Open = Callable[..., Store]
STORES = ["sqlite"]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: what is tested here is not the disk, and it has enough to do."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        yield Path(place)


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again, as another process would; `points` are where it can be dropped."""

    def sqlite_store(points: Points | None = None, seed: str = "") -> Store:
        return SqliteStore(str(tmp_path / "state" / "state.db"), machine_for(points, seed=seed))

    return {"sqlite": sqlite_store}[request.param]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "state.db")


def holder(run: str, verb: str = "apply") -> Holder:
    return Holder(user="anna", host="here", pid=os.getpid(), run=run, verb=verb)


def op(address: str = "a", **fields: Any) -> OpenOp:
    common: dict[str, Any] = {"run": "", "seq": 0, "phase": "", "action": "create", "kind": "pool", "generation": 1}
    return OpenOp(**{**common, "address": address, "key": f"key-{address}", "identity": address, **fields})


def row(address: str = "a", generation: int = 1, **fields: Any) -> ObjectRow:
    common: dict[str, Any] = {"kind": "pool", "identity": address, "origin": "created"}
    return ObjectRow(address=address, generation=generation, key=f"key-{address}", **{**common, **fields})


def put(run: Run, *addresses: str) -> None:
    for address in addresses:
        run.commit(run.run, run.intent(op(address)), put=row(address))


# ---- every store ---------------------------------------------------------------------------------------------------


def test_a_store_that_is_not_there_knows_nothing(open_store: Open, tmp_path: Path) -> None:
    assert open_store().read("a") == Deployment(name="a")
    assert open_store().names() == ()
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L1")
    assert run.lineage == "L1" and run.run == "r1"
    whole = row("x", args={"n": 1, "é": [True, None, 1.5]}, facts={"f": {"g": "h"}}, version="7", protect=True)
    seq = run.intent(op("x"))
    run.phase("r1", seq, "sent")
    run.phase("r1", seq, "observed", "seen")
    run.commit("r1", seq, put=whole)
    run.outputs({"url": "tcp://1"})
    assert run.deployment() == open_store().read("a")
    run.finish("done")
    found = open_store().read("a")
    assert found == Deployment(name="a", lineage="L1", serial=1, objects=(whole,), outputs={"url": "tcp://1"})


def test_a_lineage_is_drawn_once(open_store: Open) -> None:
    open_store().begin("a", holder("r1"), lineage="L1").finish("done")
    run = open_store().begin("a", holder("r2"), lineage="L2")
    assert run.lineage == "L1"
    run.finish("done")
    assert open_store().read("a").lineage == "L1"


def test_without_a_lineage_to_give_there_is_none(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="")
    assert run.lineage == ""
    run.finish("done")
    assert open_store().read("a") == Deployment(name="a")
    assert open_store().names() == ()


def test_the_serial_grows_with_the_rows_alone(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    put(run, "x", "y")
    assert run.deployment().serial == 2
    run.commit("r1", run.intent(op("power", kind="power", action="start")))
    run.outputs({"o": 1})
    assert run.deployment().serial == 2
    run.commit("r1", run.intent(op("x", action="delete")), drop=[("x", 1), ("x@handle", 1)])
    assert run.deployment().serial == 3
    assert [one.address for one in run.deployment().objects] == ["y"]


def test_a_new_generation_deposes_the_old_one(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    put(run, "x")
    run.commit("r1", run.intent(op("x", generation=2)), put=row("x", 2), depose=[("x", 1)])
    assert [(one.generation, one.deposed) for one in run.deployment().objects] == [(1, True), (2, False)]
    assert run.deployment().serial == 2


def test_a_put_replaces_the_row(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    put(run, "x")
    run.commit("r1", run.intent(op("x", action="update")), put=row("x", version="2"))
    assert [one.version for one in run.deployment().objects] == ["2"]


def rename(run: Run, moves: dict[str, str], settled: tuple[str, ...] = ()) -> None:
    run.commit(run.run, run.intent(op("", action="rename", kind="state", key="")), moves=moves, settled=settled)


def test_rows_are_renamed_all_at_once(open_store: Open) -> None:
    """Two change places; their keys and names stay, and each row says what stands on its object."""
    run = open_store().begin("d", holder("1"), lineage="L")
    put(run, "a", "b", "c")
    rename(run, {"a": "b", "b": "a"})
    after = run.deployment()
    assert [(one.address, one.key, one.identity, one.stamp, one.was) for one in after.objects] == [
        ("a", "key-b", "b", "b", "b"),
        ("b", "key-a", "a", "a", "a"),
        ("c", "key-c", "c", "", ""),
    ]
    assert (after.serial, after.pending) == (4, ())
    rename(run, {"a": "y"}, ("b",))
    assert [(one.address, one.was) for one in run.deployment().objects] == [("b", ""), ("c", ""), ("y", "b")]
    rename(run, {"y": "x"}, ("x",))
    assert [(one.address, one.stamp, one.was) for one in run.deployment().objects] == [
        ("b", "a", ""),
        ("c", "", ""),
        ("x", "b", ""),
    ]


def test_a_rename_takes_along_generations_compositions_and_what_mentions_it(open_store: Open) -> None:
    run = open_store().begin("d", holder("1"), lineage="L")
    members = [
        {"kind": "storage", "address": "s", "url": "ds://d/s"},
        {"kind": "task", "address": "e", "task": {"env": {"A": {"$ref": 's.x["k.l"].url'}, "B": {"$ref": "s.url"}}}},
    ]
    old = row("e", kind="executor", deposed=True)
    handle = row("e@handle", 2, kind="handle", args={"members": members})
    for one in (row("s", kind="storage"), old, row("e", 2, kind="executor"), handle):
        run.commit(run.run, run.intent(op(one.address)), put=one)
    rename(run, {"e": "f", "s": "t"})
    rows = run.deployment().objects
    assert [(one.address, one.generation, one.stamp, one.deposed) for one in rows] == [
        ("f", 1, "e", True),
        ("f", 2, "e", False),
        ("f@handle", 2, "", False),
        ("t", 1, "s", False),
    ]
    storage, task = rows[2].args["members"]
    assert storage == {"kind": "storage", "address": "t", "url": "ds://d/s"}
    assert task["address"] == "e"  # what its executor calls it
    assert task["task"]["env"] == {"A": {"$ref": 's.x["k.l"].url'}, "B": {"$ref": "t.url"}}


def test_a_rename_onto_what_stays_is_refused_whole(open_store: Open) -> None:
    run = open_store().begin("d", holder("1"), lineage="L")
    put(run, "a", "b")
    before = run.deployment().objects
    with pytest.raises(ValueError, match="one address"):
        rename(run, {"a": "b"})
    assert run.deployment().objects == before


def test_deployments_do_not_see_each_other(open_store: Open) -> None:
    a = open_store().begin("a", holder("r1"), lineage="LA")
    b = open_store().begin("b", holder("r1"), lineage="LB")  # at the same time, even under the same name of a run
    put(a, "x")
    put(b, "x", "y")
    a.finish("done")
    b.finish("done")
    store = open_store()
    assert store.names() == ("a", "b")
    assert (store.read("a").lineage, store.read("a").serial) == ("LA", 1)
    assert (store.read("b").lineage, store.read("b").serial) == ("LB", 2)


def test_what_has_no_terminal_phase_is_pending_oldest_first(open_store: Open) -> None:
    first = open_store().begin("a", holder("z"), lineage="L")
    open_ = [first.intent(op("x", args={"n": 1})), first.intent(op("y"))]
    first.phase("z", open_[1], "sent")
    first.phase("z", first.intent(op("c")), "noeffect")
    put(first, "d")
    first.abandon()
    second = open_store().begin("a", holder("a"), lineage="L")
    second.intent(op("w"))
    pending = open_store().read("a").pending
    assert [(one.run, one.seq, one.address, one.phase) for one in pending] == [
        ("z", 1, "x", "intent"),
        ("z", 2, "y", "sent"),
        ("a", 1, "w", "intent"),
    ]
    assert pending[0] == op("x", args={"n": 1}, run="z", seq=1, phase="intent")
    second.phase("z", 1, "noeffect")
    second.commit("z", 2, put=row("y"))
    assert [one.address for one in second.deployment().pending] == ["w"]


@pytest.mark.parametrize("phase", ["sent", "committed"])
def test_what_is_at_its_end_stays_there(open_store: Open, phase: str) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    seq = run.intent(op())
    run.phase("r1", seq, "noeffect")
    before = run.deployment()
    with pytest.raises(ValueError, match="This is a bug in vch"):
        run.phase("r1", seq, phase)
    with pytest.raises(ValueError, match="This is a bug in vch"):
        run.commit("r1", seq, put=row())
    assert run.deployment() == before


def test_a_word_that_is_no_phase_is_refused(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    with pytest.raises(ValueError, match="no phase"):
        run.phase("r1", run.intent(op()), "perhaps")


def test_a_stale_expectation_is_refused_before_anything(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L", expect=("", 0))
    put(run, "x")
    run.finish("done")
    before = open_store().read("a")
    for expect in (("", 0), ("L", 0), ("other", 1)):
        with pytest.raises(StoreError) as refused:
            open_store().begin("a", holder("r2"), lineage="L2", expect=expect)
        assert refused.value.code == "stale-plan"
    assert open_store().read("a") == before
    open_store().begin("a", holder("r3"), lineage="L2", expect=("L", 1)).finish("done")


def test_a_second_run_is_refused_and_told_who_holds_it(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    assert open_store().read("a").holder == msgspec.structs.replace(holder("r1"), since=1_700_000_000.0)
    with pytest.raises(StoreError) as refused:
        open_store().begin("a", holder("r2"), lineage="L")
    assert refused.value.code == "locked"
    for word in ("`apply`", "anna", "here", str(os.getpid()), "2023-11-14 22:13:20 UTC"):
        assert word in refused.value.message
    run.finish("done")
    assert open_store().read("a").holder is None
    open_store().begin("a", holder("r2"), lineage="L").finish("done")


def test_a_run_that_is_over_cannot_write(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")
    seq = run.intent(op())
    run.finish("failed")
    for write in writes(run, seq):
        with pytest.raises(Fenced):
            write()
    run.abandon()


def test_closing_a_store_lets_go_of_its_runs(open_store: Open) -> None:
    store = open_store()
    store.begin("a", holder("r1"), lineage="L")
    store.close()
    open_store().begin("a", holder("r2"), lineage="L").finish("done")


def test_a_destroy_that_left_nothing_ends_the_lineage(open_store: Open) -> None:
    first = open_store().begin("a", holder("r1"), lineage="L1")
    put(first, "x")
    first.finish("done")
    second = open_store().begin("a", holder("r2", "destroy"), lineage="")
    second.commit("r2", second.intent(op("x", action="delete")), drop=[("x", 1)])
    second.finish("done")
    assert open_store().read("a") == Deployment(name="a")
    assert open_store().names() == ()
    third = open_store().begin("a", holder("r3"), lineage="L2", expect=("", 0))
    assert third.lineage == "L2"
    assert third.epoch > second.epoch > first.epoch


def test_a_destroy_that_left_something_keeps_the_lineage(open_store: Open) -> None:
    first = open_store().begin("a", holder("r1"), lineage="L1")
    put(first, "x", "y")
    first.finish("done")
    second = open_store().begin("a", holder("r2", "destroy"), lineage="")
    second.commit("r2", second.intent(op("x", action="delete")), drop=[("x", 1)])
    second.finish("failed")
    third = open_store().begin("a", holder("r3", "destroy"), lineage="")
    seq = third.intent(op("y", action="delete"))
    third.phase("r3", seq, "sent")
    third.finish("done")
    assert open_store().read("a").lineage == "L1"
    assert len(open_store().read("a").pending) == 1


def test_an_apply_that_has_nothing_keeps_the_lineage(open_store: Open) -> None:
    open_store().begin("a", holder("r1"), lineage="L1").finish("done")
    assert open_store().read("a").lineage == "L1"


def test_old_runs_go_and_open_ones_stay(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "KEPT_RUNS", 3)
    first = open_store().begin("a", holder("first"), lineage="L")
    first.phase("first", first.intent(op()), "sent")
    first.finish("failed")
    for number in range(6):
        run = open_store().begin("a", holder(f"r{number}"), lineage="L")
        put(run, f"x{number}")
        run.finish("done")
    found = open_store().read("a")
    assert [one.run for one in found.pending] == ["first"]
    assert len(found.objects) == 6


def test_threads_share_a_run(open_store: Open) -> None:
    run = open_store().begin("a", holder("r1"), lineage="L")

    def work(number: int) -> None:
        for turn in range(5):
            address = f"x{number}-{turn}"
            seq = run.intent(op(address))
            run.phase("r1", seq, "sent")
            run.commit("r1", seq, put=row(address))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = run.deployment()
    assert len(found.objects) == found.serial == 20 and found.pending == ()


def test_dropped_at_every_point_nothing_is_half_done(open_store: Open, tmp_path: Path) -> None:
    """A transaction happened or did not; whoever comes next gets the lock and sees a whole state."""

    def work(points: Points, run: str) -> None:
        held = open_store(points, seed=run).begin("a", holder(run), lineage="L")
        try:
            seq = held.intent(op())
            held.phase(run, seq, "sent")
            held.phase(run, seq, "observed")
            held.commit(run, seq, put=row("new"), drop=[("old", 1)])
            held.outputs({"o": 1})
            held.finish("done")
        except BaseException:
            held.abandon()
            raise

    points = Points()
    work(points, "counted")
    shutil.rmtree(tmp_path / "state")
    seen = set()
    for stop_at in range(1, len(points.seen) + 1):
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
        before = open_store().read("a")
        assert before == Deployment(name="a")
        with pytest.raises(Dropped):
            work(Points(stop_at), "dropped")
        found = open_store().read("a")
        seen.add((len(found.objects), found.serial, tuple(one.phase for one in found.pending)))
        work(Points(), "next")
        assert open_store().read("a").serial == found.serial + 1
    states = {(0, 0, ()), (0, 0, ("intent",)), (0, 0, ("sent",)), (0, 0, ("observed",)), (1, 1, ())}
    assert seen == states


# ---- fences --------------------------------------------------------------------------------------------------------


def writes(run: Run, seq: int) -> list[Callable[[], object]]:
    return [
        lambda: run.intent(op("late")),
        lambda: run.phase(run.run, seq, "sent"),
        lambda: run.commit(run.run, seq, put=row("late")),
        lambda: run.commit(run.run, seq, drop=[("kept", 1)]),
        lambda: run.commit(run.run, seq, moves={"kept": "late"}),
        lambda: run.outputs({"late": 1}),
        lambda: run.finish("done"),
    ]


def stale_writes(path: str) -> int:
    """How many of the writes of a run that lost its lock get through."""
    count = 0
    for number in range(7):
        deployment = f"d{number}"
        stale = SqliteStore(path, machine_for(seed="1")).begin(deployment, holder("stale"), lineage="L")
        put(stale, "kept")
        seq = stale.intent(op("open"))
        os.unlink(f"{path}.{deployment}.lock")
        fresh = SqliteStore(path, machine_for(seed="2")).begin(deployment, holder("fresh"), lineage="L")
        before = fresh.deployment()
        try:
            writes(stale, seq)[number]()
        except Fenced:
            pass
        count += fresh.deployment() != before
        stale.abandon()
        fresh.abandon()
    return count


def test_a_run_that_lost_its_lock_writes_nothing(path: str) -> None:
    assert stale_writes(path) == 0


# ---- real processes ------------------------------------------------------------------------------------------------

HOLDS = """
import os, sys, time
from tests.stores.test_store_contract import holder, op
from vchlang.state.sqlite import SqliteStore
from vchlang.system import real_machine
run = SqliteStore(sys.argv[1], real_machine()).begin("a", holder("other"), lineage="L")
run.phase("other", run.intent(op()), "sent")
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_of_another_process_holds_until_it_is_killed(path: str) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        store = SqliteStore(path, machine_for())
        with pytest.raises(StoreError) as refused:
            store.begin("a", holder("mine"), lineage="L")
        assert refused.value.code == "locked" and str(other.pid) in refused.value.message
        assert [one.phase for one in store.read("a").pending] == ["sent"]  # reading needs no lock
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
        if other.stdout is not None:
            other.stdout.close()
    found = store.read("a")
    assert found.holder is not None and found.holder.pid == other.pid  # what a killed run leaves
    run = store.begin("a", holder("mine"), lineage="L")
    assert run.epoch == 2
    run.phase("other", 1, "noeffect")
    run.finish("done")
    assert store.read("a").holder is None


def _race(path: str, number: int, answers: Any) -> None:
    try:
        machine = machine_for(seed=str(number))
        run = SqliteStore(path, machine).begin(f"d{number % 3}", holder(f"r{number}"), lineage=f"L{number}")
        put(run, f"x{number}")
        run.finish("done")
        answers.put("done")
    except StoreError as error:
        answers.put(error.code)


def test_many_processes_make_one_store(path: str) -> None:
    """All find no store and make one at the same time; one of them is kept, and nobody's row is lost."""
    context = multiprocessing.get_context("fork")
    answers: Any = context.Queue()
    processes = [context.Process(target=_race, args=(path, number, answers)) for number in range(6)]
    for process in processes:
        process.start()
    got = [answers.get(timeout=20) for _ in processes]
    for process in processes:
        process.join()
    assert set(got) <= {"done", "locked"}
    store = SqliteStore(path, machine_for())
    assert sum(len(store.read(name).objects) for name in store.names()) == got.count("done") >= 3
    assert [name for name in os.listdir(os.path.dirname(path)) if ".new-" in name] == []


def test_reading_while_a_writer_is_at_it(path: str) -> None:
    store = SqliteStore(path, machine_for())
    run = store.begin("a", holder("r1"), lineage="L")
    stop = threading.Event()
    serials: list[int] = []

    def reads() -> None:
        reader = SqliteStore(path, machine_for())
        while not stop.is_set():
            serials.append(reader.read("a").serial)

    thread = threading.Thread(target=reads)
    thread.start()
    put(run, *(f"x{number}" for number in range(60)))
    stop.set()
    thread.join()
    assert serials == sorted(serials) and len(serials) > 1
    run.finish("done")


def test_a_commit_that_was_cut_off_is_undone_by_the_next_reader(path: str, tmp_path: Path) -> None:
    store = SqliteStore(path, machine_for())
    run = store.begin("a", holder("r1"), lineage="L")
    put(run, *(f"x{number}" for number in range(50)))
    run.finish("done")
    before = store.read("a")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=PERSIST")
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE object SET body=body || printf('%2000s', 'x')")
    # The file is half new and half old now, as after a power cut; a copy of it has nobody who holds it.
    (tmp_path / "copy").mkdir()
    for name in ("state.db", "state.db-journal"):
        shutil.copy(Path(path).parent / name, tmp_path / "copy" / name)
    connection.execute("ROLLBACK")
    connection.close()
    assert (tmp_path / "copy" / "state.db").read_bytes() != Path(path).read_bytes()
    assert SqliteStore(str(tmp_path / "copy" / "state.db"), machine_for()).read("a") == before


# ---- files and places ----------------------------------------------------------------------------------------------


def refused_code(path: str) -> str:
    with pytest.raises(StoreError) as refused:
        SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L")
    assert "bug" not in refused.value.message and refused.value.message
    return refused.value.code


def made(path: str) -> None:
    run = SqliteStore(path, machine_for()).begin("a", holder("r0"), lineage="L")
    put(run, "x")
    run.finish("done")


def test_the_file_is_private(path: str) -> None:
    mask = os.umask(0)
    try:
        made(path)
    finally:
        os.umask(mask)
    directory = os.path.dirname(path)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    for name in os.listdir(directory):
        assert stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode) == 0o600, name


def test_it_is_durable_by_its_settings(path: str) -> None:
    made(path)
    run = SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L")
    ask = run._connection.execute
    settings = {"journal_mode": "persist", "synchronous": 3, "foreign_keys": 1, "trusted_schema": 0}
    for name, value in settings.items():
        assert ask(f"PRAGMA {name}").fetchone() == (value,)
    assert ask("PRAGMA application_id").fetchone() == (sqlite.APPLICATION_ID,)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert refused_code(str(tmp_path / "file" / "state.db")) == "store-unwritable"
    assert refused_code("/proc/vch/state.db") == "store-unwritable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write(path: str) -> None:
    made(path)
    os.chmod(os.path.dirname(path), 0o500)
    try:
        assert refused_code(path) == "store-unwritable"
    finally:
        os.chmod(os.path.dirname(path), 0o700)


def test_a_full_disk_stops_a_run_and_loses_nothing(path: str) -> None:
    made(path)
    store = SqliteStore(path, machine_for())
    run = store.begin("a", holder("r1"), lineage="L")
    run._connection.execute("PRAGMA max_page_count=1")  # no page more than there are: what a full disk says
    with pytest.raises(StoreError) as refused:
        for number in range(200):
            put(run, f"y{number}" + "y" * 500)
    assert refused.value.code == "store-unwritable"
    before = store.read("a")
    run.abandon()
    again = store.begin("a", holder("r2"), lineage="L")
    assert again.deployment().objects == before.objects
    assert len(before.pending) <= 1


@pytest.mark.parametrize(
    "content",
    [b"", b"not a database at all" * 100, b"SQLite format 3\0" + b"\0" * 4096],
    ids=["empty", "text", "short"],
)
def test_a_file_that_is_no_store_is_damage_and_left_alone(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path))
    Path(path).write_bytes(content)
    os.chmod(path, 0o600)
    assert refused_code(path) == "store-broken"
    with pytest.raises(StoreError) as refused:
        SqliteStore(path, machine_for()).read("a")
    assert refused.value.code == "store-broken"
    assert Path(path).read_bytes() == content


def test_a_damaged_store_is_found_before_it_is_written(path: str) -> None:
    made(path)
    content = bytearray(Path(path).read_bytes())
    for place in range(4096 + 8, len(content), 4096):
        content[place : place + 400] = b"\xff" * 400
    Path(path).write_bytes(content)
    assert refused_code(path) == "store-broken"
    assert Path(path).read_bytes() == content


def test_a_cut_off_store_is_damage(path: str) -> None:
    made(path)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])
    assert refused_code(path) == "store-broken"


def test_another_programs_database_is_not_taken(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    os.chmod(path, 0o600)
    assert refused_code(path) == "store-broken"


def test_a_later_version_is_not_touched(path: str) -> None:
    made(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={sqlite.SCHEMA + 1}")
    connection.close()
    content = Path(path).read_bytes()
    with pytest.raises(StoreError) as refused:
        SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L")
    assert refused.value.code == "store-broken" and "later version" in refused.value.message
    assert Path(path).read_bytes() == content


def test_a_link_is_not_followed(path: str, tmp_path: Path) -> None:
    made(str(tmp_path / "elsewhere" / "state.db"))
    os.makedirs(os.path.dirname(path))
    os.symlink(tmp_path / "elsewhere" / "state.db", path)
    assert refused_code(path) == "store-broken"
    os.unlink(path)
    os.mkfifo(path)
    assert refused_code(path) == "store-broken"


def test_a_lock_that_is_a_link_is_not_followed(path: str, tmp_path: Path) -> None:
    made(path)
    os.unlink(f"{path}.a.lock")
    os.symlink(tmp_path / "victim", f"{path}.a.lock")
    assert refused_code(path) == "store-unwritable"
    assert not (tmp_path / "victim").exists()


def test_what_may_not_be_looked_at_is_not_absent(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(place: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied", place)

    made(path)
    monkeypatch.setattr(os, "lstat", forbidden)
    with pytest.raises(StoreError) as refused:
        SqliteStore(path, machine_for()).read("a")
    assert refused.value.code == "store-broken" and "Permission denied" in refused.value.message


def test_a_path_with_signs_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    place = str(tmp_path / "a?b#c%41 é" / "state.db")
    made(place)
    assert os.path.exists(place) and len(SqliteStore(place, machine_for()).read("a").objects) == 1


def test_a_file_that_others_may_write_is_not_trusted(path: str) -> None:
    made(path)
    os.chmod(path, 0o666)
    assert refused_code(path) == "store-broken"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_is_not_trusted(path: str) -> None:
    made(path)
    os.chown(path, 12345, 12345)
    assert refused_code(path) == "store-broken"


def test_what_a_killed_maker_left_is_swept(path: str) -> None:
    made(path)
    Path(f"{path}.new-1234").write_bytes(b"half a store")
    made_again = SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L")
    made_again.finish("done")
    assert not os.path.exists(f"{path}.new-1234")


def test_names_of_deployments_are_no_paths(path: str) -> None:
    run = SqliteStore(path, machine_for()).begin("../../é x", holder("r1"), lineage="L")
    put(run, "x")
    run.finish("done")
    assert SqliteStore(path, machine_for()).names() == ("../../é x",)
    assert os.listdir(os.path.dirname(os.path.dirname(path))) == ["state"]


def test_a_run_begins_once(path: str) -> None:
    SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L").finish("done")
    with pytest.raises(ValueError, match="began twice"):
        SqliteStore(path, machine_for()).begin("a", holder("r1"), lineage="L")


MOUNTS = textwrap.dedent(
    r"""
    22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
    30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw
    31 30 0:41 / /home/anna/my\040disk rw - ext4 /dev/sdb1 rw
    32 22 0:42 / /mnt rw - tmpfs tmpfs rw
    33 22 0:43 / /mnt rw - cifs //server/share rw
    not a line
    """
)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv/x", "ext4"),
        ("/home/anna/.vch", "nfs4"),
        ("/home/anna/my disk/.vch", "ext4"),
        ("/homeless", "ext4"),
        ("/mnt/x", "cifs"),
        ("/home", "nfs4"),
    ],
)
def test_the_file_system_of_a_place(place: str, kind: str) -> None:
    assert filesystem_in(MOUNTS, place) == kind


def test_a_network_file_system_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "filesystem_of", lambda place: "nfs4")
    assert refused_code(path) == "store-unwritable"
    assert not os.path.exists(path)
