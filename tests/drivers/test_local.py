"""The local driver: the contract of all drivers, and what is its own."""

import io
import json
import os
import shutil
import signal
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.drivers.contract import (
    KINDS,
    OURS,
    THEIRS,
    DriverContract,
    Owner,
    Platform,
    World,
    data_of,
    packed,
    refused,
    step,
)
from tests.harness import Dropped, Points
from vchlang import archives
from vchlang import values as v
from vchlang.kinds.compute import Executor
from vchlang.kinds.network import BindNetwork, Dhcp, JoinNetwork, Network, NoAddress, Static
from vchlang.kinds.storage import BindStorage, JoinStorage, Location, Storage
from vchlang.kinds.task import BindTask, FileProbe, OnFailure, Task, TaskLimits
from vchlang.kinds.world import (
    Absent,
    Commit,
    NetworkMember,
    Present,
    Query,
    Start,
    StorageMember,
    TaskMember,
    Unknown,
    Wait,
)
from vchlang.portlayer.driver import DriverError, Outcome
from vchlang.portlayer.drivers.implements import VERBS
from vchlang.portlayer.drivers.local import Inventory, LocalDriver, lease_for
from vchlang.portlayer.drivers.local.confirm import landlock
from vchlang.portlayer.drivers.local.leases import Leases
from vchlang.portlayer.drivers.local.paths import encoded
from vchlang.system import Files, Machine, Point, RealClock, RealEntropy, RealSpawn, no_point
from vchlang.tether import client, remains
from vchlang.tether.promises import supported


class Local:
    """A local world in a directory of its own, with one datastore in the world and one beside it."""

    pool = "/clusterA/poolB"
    location = "ds://datastore1/volumes/main"
    second = "ds://datastore2/race"

    def __init__(self, top: Path) -> None:
        self.top = top
        self.world = top / "world"
        (top / "big").mkdir(exist_ok=True)
        self.inventory = Inventory(
            pools=(self.pool,), networks={"vmNet": ("10.0.0.0/8",)}, datastores={"datastore1": "", "datastore2": "big"}
        )

    def driver(self, point: Point = no_point) -> LocalDriver:
        machine = Machine(RealClock(), RealEntropy(), Files(point), RealSpawn(), point)
        return LocalDriver(str(self.world), self.inventory, machine, project_root=str(self.top))

    def directory(self, url: str) -> Path:
        name, _, rest = url.removeprefix("ds://").partition("/")
        return (self.top / "big" if name == "datastore2" else self.world / "datastores" / name) / rest

    def record(self, kind: str, identity: str) -> Path:
        match kind:
            case "pool" | "network":
                return self.world / f"{kind}s" / f"{encoded(identity)}.json"
            case "location":
                return self.directory(identity) / ".vch" / "policy.json"
            case _:
                return self.directory(identity) / f"{kind}.json"

    def corrupt(self, kind: str, identity: str) -> None:
        self.record(kind, identity).write_text('{"format": 1, "owner": ')

    def put(self, location: str, name: str, text: str) -> None:
        self.directory(location).mkdir(parents=True, exist_ok=True)
        (self.directory(location) / name).write_text(text)

    def snapshot(self) -> dict[str, bytes]:
        out: dict[str, bytes] = {}
        for directory, names, files in os.walk(self.top):
            for name in (*names, *files):
                path = Path(directory) / name
                key = path.relative_to(self.top).as_posix()
                if path.is_symlink():
                    out[key] = b"-> " + os.fsencode(os.readlink(path))
                else:
                    out[key] = path.read_bytes() if path.is_file() else b"/"
        return out


@pytest.fixture
def local() -> Iterator[Local]:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    top = Path(tempfile.mkdtemp(dir=memory, prefix="vch-local-"))
    try:
        yield Local(top)
    finally:
        for directory, _, _ in os.walk(top):
            os.chmod(directory, 0o700)
        shutil.rmtree(top, ignore_errors=True)


class TestContract(DriverContract):
    @pytest.fixture
    def platform(self, local: Local) -> Platform:
        return local


# ---- dropped anywhere ------------------------------------------------------------------------------------------------


CONTENT = packed({"a": "first", "dir/b": "second"})


def sweep(make: Callable[[], Local], run: Callable[[Local, Point], None], check: Callable[[Local], None]) -> int:
    """Drop a run at each of its points in a world of its own, do it again, and look; the number of points."""
    points = Points()
    run(make(), points)
    for stop_at in range(1, len(points.seen) + 1):
        local = make()
        with pytest.raises(Dropped):
            run(local, Points(stop_at))
        run(local, no_point)
        check(local)
    return len(points.seen)


def debris(local: Local) -> list[str]:
    return [name for name in local.snapshot() if ".vch-tmp-" in name or ".vch-old-" in name]


class Worlds:
    """Makes worlds that are alike; the snapshots of any two compare."""

    def __init__(self, top: Path, prepare: Callable[[World], None] = lambda world: None) -> None:
        self.top = top
        self.prepare = prepare
        self.count = 0

    def __call__(self) -> Local:
        if self.top.exists():
            self.clear()
        self.top.mkdir()
        local = Local(self.top)
        self.prepare(World(local))
        return local

    def clear(self) -> None:
        for directory, _, _ in os.walk(self.top):
            os.chmod(directory, 0o700)
        shutil.rmtree(self.top)


def make_with(kind: str) -> Callable[[World], None]:
    """What has to be there before one of a kind is made."""

    def prepare(world: World) -> None:
        if kind in ("storage", "executor"):
            world.driver.perform(world.step("create", "location"))

    return prepare


def create_one(kind: str) -> Callable[[Local, Point], None]:
    def run(local: Local, point: Point) -> None:
        world = World(local, point)
        if kind == "storage":
            args = Storage(inside=local.location, name="storage", data=data_of(CONTENT, 2))
            world.driver.perform(world.step("create", "storage", args=args, content=CONTENT))
        else:
            world.driver.perform(world.step("create", kind))

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_create_that_was_dropped_anywhere_ends_with_one_object(local: Local, kind: str) -> None:
    worlds = Worlds(local.top / "sweep", make_with(kind))
    create_one(kind)(whole := worlds(), no_point)
    expected = set(whole.snapshot())

    def check(one: Local) -> None:
        assert debris(one) == []
        assert set(one.snapshot()) == expected
        assert World(one).present(kind).owner == OURS.tag(kind)

    assert sweep(worlds, create_one(kind), check) >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_delete_that_was_dropped_anywhere_leaves_nothing(local: Local, kind: str) -> None:
    """Whoever looks next finds it gone, or still ours and whole enough to be deleted again; then nothing is left."""
    worlds = Worlds(local.top / "sweep", make_with(kind))
    before = set(worlds().snapshot())

    def prepare(world: World) -> None:
        make_with(kind)(world)
        create_one(kind)(world.platform, no_point)  # type: ignore[arg-type]

    def delete(one: Local, point: Point) -> None:
        world = World(one, point)
        if isinstance(found := world.look(kind), Present):
            assert found.owner == OURS.tag(kind)
            world.driver.perform(world.step("delete", kind))

    def check(one: Local) -> None:
        assert set(one.snapshot()) == before
        assert isinstance(World(one).look(kind), Absent)

    assert sweep(Worlds(local.top / "sweep", prepare), delete, check) >= 2


def test_a_release_that_was_dropped_anywhere_leaves_the_content(local: Local) -> None:
    def prepare(world: World) -> None:
        local.__class__.put(world.platform, world.platform.location, "photo", "of a cat")  # type: ignore[arg-type]
        world.driver.perform(world.step("adopt", "location"))

    def release(one: Local, point: Point) -> None:
        world = World(one, point)
        if world.present("location").owner is not None:
            world.driver.perform(world.step("release", "location"))

    def check(one: Local) -> None:
        assert sorted(os.listdir(one.directory(one.location))) == ["photo"]

    assert sweep(Worlds(local.top / "sweep", prepare), release, check) >= 2


# ---- locations -------------------------------------------------------------------------------------------------------


def test_of_two_processes_that_want_a_location_one_gets_it(local: Local) -> None:
    for turn in range(5):
        url = f"ds://datastore2/{turn}/deep/place"
        go_read, go_write = os.pipe()
        children: dict[int, int] = {}
        for number in range(2):
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(go_write)
                os.read(go_read, 1)
                try:
                    one = step("create", "location", url, Location(at=url), owner=Owner(f"racer-{number}"))
                    local.driver().perform(one)
                    os.write(write, b"done")
                except DriverError as error:
                    os.write(write, error.reason.encode())
                finally:
                    os._exit(0)
            os.close(write)
            children[pid] = read
        os.close(go_write)
        os.close(go_read)
        ends = []
        for pid, read in children.items():
            os.waitpid(pid, 0)
            ends.append(os.read(read, 100).decode())
            os.close(read)
        assert sorted(ends) == ["done", "foreign-owner"]
        assert debris(local) == []


def test_directories_that_were_made_go_with_the_last_location_in_them(local: Local) -> None:
    driver = local.driver()
    before = set(local.snapshot())
    places = [f"ds://datastore2/team/{name}" for name in ("a", "b", "sub/c")]
    for order in (places, places[::-1]):
        for url in places:
            driver.perform(step("create", "location", url, Location(at=url), address=url))
        for url in order:
            driver.perform(step("delete", "location", url, Location(at=url), address=url))
        assert set(local.snapshot()) == before


def test_a_directory_that_was_there_stays(local: Local) -> None:
    (local.top / "big" / "mine").mkdir()
    driver = local.driver()
    url = "ds://datastore2/mine"
    driver.perform(step("create", "location", url, Location(at=url)))
    driver.perform(step("delete", "location", url, Location(at=url)))
    assert os.listdir(local.top / "big") == ["mine"]
    assert os.listdir(local.top / "big" / "mine") == []


def test_a_claim_without_a_policy_is_not_taken(local: Local) -> None:
    (local.top / "big" / "half" / ".vch").mkdir(parents=True)
    url = "ds://datastore2/half"
    one = step("create", "location", url, Location(at=url))
    assert refused(local.driver(), one).reason == "corrupt-record"


def test_a_link_on_the_way_is_not_followed(local: Local) -> None:
    outside = local.top / "outside"
    outside.mkdir()
    (local.top / "big" / "link").symlink_to(outside)
    for url in ("ds://datastore2/link", "ds://datastore2/link/in"):
        one = step("create", "location", url, Location(at=url))
        error = refused(local.driver(), one)
        assert error.reason == "unsupported"
        assert "symbolic link" in error.detail
        found = local.driver().confirm([Query(id="x", kind="location", identity=url, args=Location(at=url))])
        assert ("error", "unsupported", "x") in [(one.level, one.code, one.address) for one in found]
    assert list(outside.iterdir()) == []


def test_a_file_location(local: Local) -> None:
    directory = local.top / "plain"
    url = f"file://{directory}"
    driver = local.driver()
    driver.perform(step("create", "location", url, Location(at=url)))
    assert (directory / ".vch" / "policy.json").is_file()
    driver.perform(step("delete", "location", url, Location(at=url)))
    assert not directory.exists()


def test_a_datastore_that_the_inventory_does_not_have(local: Local) -> None:
    url = "ds://datastore3/volumes"
    asked = Query(id="volumes", kind="location", identity=url, args=Location(at=url))
    found = [one for one in local.driver().confirm([asked]) if one.level == "error"]
    assert [(one.code, one.address) for one in found] == [("not-found", "volumes")]
    assert "datastore1, datastore2" in found[0].message
    # A script hears of it once, from `confirm`; of what the state knows there nobody can tell.
    remembered = Query(id="row", kind="location", identity=url, key="k")
    answers = local.driver().observe([asked, remembered])
    assert isinstance(answers["volumes"], Absent)
    assert isinstance(answers["row"], Unknown)


def test_nested_locations_are_found_while_planning(local: Local) -> None:
    World(local).make("location", THEIRS)
    inner = f"{local.location}/inner"
    found = local.driver().confirm([Query(id="x", kind="location", identity=inner, args=Location(at=inner))])
    assert ("error", "nested-location", "x") in [(one.level, one.code, one.address) for one in found]


def test_nfs_is_refused_by_its_name(local: Local) -> None:
    url = "nfs://nfs.server.com/volumes"
    found = local.driver().confirm([Query(id='volumes["nfs"]', kind="location", identity=url, args=Location(at=url))])
    errors = [one for one in found if one.level == "error"]
    assert [(one.code, one.address) for one in errors] == [("unsupported", 'volumes["nfs"]')]
    assert "nfs://" in errors[0].message


# ---- storage ---------------------------------------------------------------------------------------------------------


def test_a_disk_keeps_what_a_root_has(local: Local, tmp_path: Path) -> None:
    source = tmp_path / "image"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "su").write_text("x")
    (source / "bin" / "su").chmod(0o4755)
    (source / "bin" / "sh").symlink_to("/bin/dash")
    os.link(source / "bin" / "su", source / "bin" / "sudo")
    found = archives.digest(str(source))
    world = World(local)
    world.make("location")
    ref = v.DataRef(source="image", sha256=found.sha256, size=found.size, entries=found.entries)
    args = Storage(inside=local.location, name="storage", packaging="vmdk", data=ref)
    one = world.step("create", "storage", args=args)
    one.data = lambda ref: archives.open_packed(str(source))
    world.driver.perform(one)
    data = local.directory(local.location) / "storage" / "data"
    assert archives.digest(str(data)) == found
    assert stat.S_IMODE((data / "bin" / "sudo").stat().st_mode) == 0o4755
    assert (data / "bin" / "su").stat().st_nlink == 2


def test_a_link_in_raw_storage_is_found_while_planning(local: Local) -> None:
    (local.top / "raw").mkdir()
    (local.top / "raw" / "link").symlink_to("elsewhere")
    ref = v.DataRef(source="raw", sha256="0" * 64, size=1024, entries=1)
    identity = f"{local.location}/storage"
    asked = Query(id="boot", kind="storage", identity=identity, args=Storage(inside=local.location, data=ref))
    errors = [one for one in local.driver().confirm([asked]) if one.level == "error"]
    assert [(one.code, one.address) for one in errors] == [("bad-archive", "boot")]


def test_room_is_counted_for_all_that_is_to_be_made(local: Local) -> None:
    free = os.statvfs(local.top).f_bavail * os.statvfs(local.top).f_frsize
    asked = [
        Query(
            id=f"s{number}",
            kind="storage",
            identity=f"{local.location}/s{number}",
            args=Storage(inside=local.location, free=free // 3 * 2),
        )
        for number in range(2)
    ]
    errors = [one for one in local.driver().confirm(asked) if one.level == "error"]
    assert [(one.code, one.address) for one in errors] == [("no-space", "s1")]


def test_a_cancelled_upload_leaves_nothing(local: Local) -> None:
    world = World(local)
    world.make("location")
    before = local.snapshot()
    args = Storage(inside=local.location, name="storage", data=data_of(CONTENT, 2))
    one = world.step("create", "storage", args=args, content=CONTENT, cancelled=lambda: True)
    assert "cancelled" in refused(world.driver, one).detail
    assert local.snapshot() == before


# ---- networks --------------------------------------------------------------------------------------------------------


def test_a_network_of_the_inventory(local: Local) -> None:
    driver = local.driver()
    found = driver.observe([Query(id="q", kind="network", identity="vmNet")])["q"]
    assert isinstance(found, Present)
    assert (found.owner, found.facts["ranges"]) == (None, ["10.0.0.0/8"])
    args = Network(at="vmNet")
    assert refused(driver, step("create", "network", "vmNet", args)).reason == "already-exists"
    before = set(local.snapshot())
    driver.perform(step("adopt", "network", "vmNet", args))
    found = driver.observe([Query(id="q", kind="network", identity="vmNet")])["q"]
    assert isinstance(found, Present)
    assert (found.owner, found.facts["ranges"]) == (OURS.tag("network"), ["10.0.0.0/8"])
    driver.perform(step("release", "network", "vmNet", args))
    assert set(local.snapshot()) == before


# ---- executors -------------------------------------------------------------------------------------------------------


class Composed:
    """A location with storages and an executor in it, composed as a test says and run for real."""

    def __init__(self, local: Local, point: Point = no_point, name: str = "executor") -> None:
        self.local = local
        self.driver = local.driver(point)
        self.name = name
        self.identity = f"{local.location}/{name}"
        self.directory = local.directory(local.location) / name
        self.members: list[Any] = []
        self.revealed: list[Any] = []

    def prepare(self, files: dict[str, str]) -> None:
        """A location, an image at `root` with these files, `logs` and `tmp`, and the executor."""
        world = World(self.local)
        if isinstance(world.look("location"), Absent):
            world.driver.perform(world.step("create", "location"))
        self.storage("root", files)
        self.storage("logs")
        self.storage("tmp")
        self.executor()

    def executor(self) -> None:
        args = Executor(inside=self.local.pool, at=self.local.location, name=self.name)
        self.driver.perform(step("create", "executor", self.identity, args, address=self.name))

    def storage(self, name: str, files: dict[str, str] | None = None) -> None:
        args = Storage(inside=self.local.location, name=name, packaging="vmdk")
        content = b""
        if files is not None:
            content = programs(files)
            args = Storage(inside=self.local.location, name=name, packaging="vmdk", data=data_of(content, len(files)))
        url = f"{self.local.location}/{name}"
        self.driver.perform(step("create", "storage", url, args, address=name, content=content))

    def data(self, name: str) -> Path:
        return self.local.directory(self.local.location) / name / "data"

    def bind(self, name: str, at: str, role: str = "persistent", **more: Any) -> None:
        url = f"{self.local.location}/{name}"
        bind = BindStorage(at=at, **more)
        self.members.append(StorageMember(address=name, url=url, role=role, join=JoinStorage(), bind=bind))

    def network(self, network: str, role: str, ip: Any, **more: Any) -> None:
        bind = BindNetwork(ip=ip)
        self.members.append(
            NetworkMember(address=role, network=network, role=role, join=JoinNetwork(**more), bind=bind)
        )

    def task(self, name: str, path: str, env: dict[str, Any] | None = None, **more: Any) -> None:
        self.members.append(TaskMember(address=name, task=Task(path=path, env=env or {}), bind=BindTask(**more)))

    def perform(self, action: str, kind: str, args: Any) -> Outcome:
        def reveal(value: Any) -> Any:
            self.revealed.append(value)
            return {"user": "u", "password": "s3cret-p"} if value["$secret"] == "login" else "s3cret-e"

        return self.driver.perform(step(action, kind, self.identity, args, address=self.name, reveal=reveal))

    def commit(self) -> Outcome:
        args = Commit(executor=self.identity, name=self.name, members=tuple(self.members))
        return self.perform("commit", "handle", args)

    def start(self) -> Outcome:
        return self.perform("start", "power", Start(executor=self.identity))

    def stop(self) -> Outcome:
        return self.perform("stop", "power", Start(executor=self.identity))

    def wait(self, state: str, task: str = "", seconds: float = 8) -> Outcome:
        args = Wait(executor=self.identity, task=task, state=state, within=int(seconds * 1e9))
        return self.perform("wait", "wait", args)

    def delete(self) -> None:
        self.perform("delete", "executor", None)

    def present(self) -> Present:
        key = OURS.tag(self.name).key
        found = self.driver.observe([Query(id="q", kind="executor", identity=self.identity, key=key)])["q"]
        assert isinstance(found, Present), found
        return found

    def kill(self) -> None:
        if self.present().state == "running":
            os.kill(int(client.hello(self.directory)["pid"]), signal.SIGKILL)
            for _ in range(500):
                if not client.alive(self.directory):
                    return
                time.sleep(0.01)


def programs(files: dict[str, str]) -> bytes:
    """A tar in which whatever begins with `#!` can be run, and `-> x` is a link to x."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            if text.startswith("-> "):
                member.type, member.linkname = tarfile.SYMTYPE, text.removeprefix("-> ")
                archive.addfile(member)
                continue
            member.size = len(text)
            member.mode = 0o755 if text.startswith("#!") else 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def composed(local: Local) -> Iterator[Composed]:
    one = Composed(local)
    yield one
    if one.directory.exists():
        one.kill()


SERVE = "#!/bin/sh\necho serving with $WORD\nprintf x > $VCH_ROOT/run/ready\nexec sleep 60\n"


def test_an_executor_the_whole_way(composed: Composed) -> None:
    composed.prepare({"sbin/serve": SERVE, "run/.keep": "", "var/log/vic/.keep": "covered"})
    composed.bind("root", "/")
    composed.bind("logs", "/var/log/vic", mode="write_only", noexec=True, squash=True)
    composed.bind("tmp", "/tmp/images", "non_persistent")
    composed.network("vmNet", "client", Dhcp())
    composed.task(
        "serve",
        "/sbin/serve",
        env={"WORD": {"$secret": "word", "digest": "d"}},
        log=f"{composed.local.location}/logs",
        required=True,
        ready=FileProbe(path="/run/ready"),
        credentials={"$secret": "login", "digest": "d"},
    )
    before = composed.present().version
    outcome = composed.commit()
    assert outcome.version != before
    address = lease_for(str(composed.local.world), composed.identity, "vmNet")
    assert outcome.facts["address"] == {"client": address}
    assert composed.commit().version == outcome.version
    assert composed.revealed == []

    composed.start()
    assert composed.wait("ready").facts["state"] in ("ready", "stable")
    found = composed.present()
    assert (found.state, found.facts["address"]) == ("running", {"client": address})
    pid = client.hello(composed.directory)["pid"]
    composed.start()
    assert client.hello(composed.directory)["pid"] == pid, "a start that is repeated starts nothing"
    log = client.read_log(composed.data("logs") / "serve.log").decode()
    assert log == "serving with s3cret-e\n"
    assert b"s3cret" not in b"".join(
        content for name, content in composed.local.snapshot().items() if not name.endswith("serve.log")
    )

    assert refused(composed.driver, step("delete", "executor", composed.identity, address="executor")).reason
    composed.members.pop()
    with pytest.raises(DriverError, match="running"):
        composed.commit()
    composed.stop()
    composed.stop()
    assert composed.present().state == "stopped"
    composed.commit()
    composed.delete()
    assert not composed.directory.exists()
    assert (composed.data("root") / "var/log/vic/.keep").read_text() == "covered"
    assert not (composed.local.world / "leases" / f"{address}.json").exists()
    assert debris(composed.local) == []


TRY = """#!/bin/sh
cd "$VCH_ROOT"
out=run/result
: > $out
say() { echo "$1" >> $out; }
echo line >> var/log/vic/mine && say "append ok" || say "append refused"
cat var/log/vic/mine >/dev/null 2>&1 && say "read ok" || say "read refused"
ls var/log/vic >/dev/null 2>&1 && say "list ok" || say "list refused"
printf '#!/bin/sh\\nexit 0\\n' > tmp/images/program && chmod +x tmp/images/program
tmp/images/program 2>/dev/null && say "exec ok" || say "exec refused"
echo x > etc/fixed/new 2>/dev/null && say "write ok" || say "write refused"
echo done > run/ready
exec sleep 60
"""


def test_promises_are_kept_for_real(composed: Composed) -> None:
    """What a commit promises of its volumes, tried by a task that runs in them."""
    files = {"sbin/try": TRY, "run/.keep": "", "var/log/vic/.keep": "", "tmp/images/.keep": "", "etc/fixed/.keep": ""}
    composed.prepare(files)
    composed.storage("fixed")
    composed.bind("root", "/")
    composed.bind("logs", "/var/log/vic", mode="write_only", noexec=True, squash=True)
    composed.bind("tmp", "/tmp/images", noexec=True)
    composed.bind("fixed", "/etc/fixed", mode="read_only")
    composed.task("try", "/sbin/try", required=True, ready=FileProbe(path="/run/ready"))
    composed.commit()
    composed.start()
    composed.wait("ready")
    result = (composed.data("root") / "run/result").read_text().split("\n")[:-1]
    composed.stop()
    assert result == ["append ok", "read refused", "list refused", "exec refused", "write refused"]


def test_a_killed_tether_is_stopped_and_starts_again(composed: Composed) -> None:
    composed.prepare({"sbin/serve": SERVE, "run/.keep": ""})
    composed.bind("root", "/")
    composed.task("serve", "/sbin/serve", ready=FileProbe(path="/run/ready"))
    composed.commit()
    composed.start()
    composed.kill()
    assert composed.present().state == "stopped"
    composed.start()
    composed.wait("ready")
    assert composed.present().state == "running"


def test_what_a_killed_tether_left_running_ends_with_its_executor(composed: Composed) -> None:
    composed.prepare({"sbin/serve": "#!/bin/sh\nsetsid sleep 4711 &\nexec sleep 4711\n"})
    composed.bind("root", "/")
    composed.task("serve", "/sbin/serve", required=True)
    composed.commit()
    composed.start()
    composed.wait("ready")
    root = os.path.realpath(composed.directory / "root")
    for _ in range(200):
        if len(remains.belonging(root)) >= 2:
            break
        time.sleep(0.01)
    composed.kill()
    assert remains.belonging(root), "something is left to end"
    composed.delete()
    for _ in range(200):
        if not remains.belonging(root):
            break
        time.sleep(0.01)
    assert remains.belonging(root) == []


def test_waiting_for_what_fails_says_why(composed: Composed) -> None:
    composed.prepare({"sbin/fail": "#!/bin/sh\necho no such library >&2\nexit 127\n"})
    composed.bind("root", "/")
    ready = FileProbe(path="/run/ready")
    composed.task("fail", "/sbin/fail", required=True, restart=OnFailure(attempts=2), ready=ready)
    composed.commit()
    composed.start()
    with pytest.raises(DriverError) as caught:
        composed.wait("ready")
    told = "task `fail` exited 2 times, last exit code 127; `vch logs fail` shows what it wrote"
    assert caught.value.detail == told, "what a task wrote may be secret, so no message quotes it"
    with pytest.raises(DriverError, match="task `fail` exited 2 times"):
        composed.wait("launched", "fail")


def test_waiting_has_an_end(composed: Composed) -> None:
    composed.prepare({"sbin/serve": "#!/bin/sh\nexec sleep 60\n"})
    composed.bind("root", "/")
    composed.task("serve", "/sbin/serve", required=True, ready=FileProbe(path="/run/ready"))
    composed.commit()
    composed.start()
    with pytest.raises(DriverError, match="did not become ready within 200ms: task `serve` is"):
        composed.wait("ready", seconds=0.2)


def test_an_executor_that_is_not_started_cannot_be_waited_for(composed: Composed) -> None:
    composed.prepare({"a": ""})
    with pytest.raises(DriverError, match="stopped"):
        composed.wait("ready")


def test_what_is_not_persistent_begins_anew(composed: Composed) -> None:
    write = (
        "#!/bin/sh\nls $VCH_ROOT/tmp/images $VCH_ROOT/new; echo x > $VCH_ROOT/tmp/images/x; echo y > $VCH_ROOT/new\n"
    )
    composed.prepare({"sbin/write": write})
    before = archives.digest(str(composed.data("root")))
    composed.bind("root", "/", "non_persistent")
    composed.bind("tmp", "/tmp/images", "non_persistent")
    composed.task("write", "/sbin/write")
    composed.commit()
    for _ in range(2):
        composed.start()
        composed.wait("ready", "write")
        time.sleep(0.1)
        composed.stop()
        assert (composed.directory / "root" / "new").exists()
    log = client.read_log(composed.directory / "run" / "log" / "write.log").decode()
    assert log.count("No such file") == 2, log
    assert "\nx\n" not in log
    assert archives.digest(str(composed.data("root"))) == before
    assert list(composed.data("tmp").iterdir()) == []


def test_a_volume_is_bound_where_the_image_leads(composed: Composed) -> None:
    """A link of the image is read as in a root of its own: never to this machine's /var."""
    composed.prepare({"real/.keep": "", "var": "-> /real"})
    composed.bind("root", "/")
    composed.bind("logs", "/var/log")
    composed.bind("tmp", "/var/log/deep/er")
    composed.commit()
    assert (composed.data("root") / "real" / "log").readlink() == composed.data("logs")
    assert (composed.data("logs") / "deep" / "er").readlink() == composed.data("tmp")
    spec = json.loads((composed.directory / "spec.json").read_text())
    assert [one["at"] for one in spec["mounts"]] == ["/", "/real/log", "/real/log/deep/er"]
    composed.delete()
    assert sorted(os.listdir(composed.data("root") / "real")) == [".keep"]
    assert os.listdir(composed.data("logs")) == []


def test_nothing_is_bound_below_a_file(composed: Composed) -> None:
    composed.prepare({"etc": "a file"})
    composed.bind("root", "/")
    composed.bind("logs", "/etc/x/y")
    with pytest.raises(DriverError, match="a file on the way"):
        composed.commit()


def test_one_root_is_one_executors(local: Local) -> None:
    one, other = Composed(local), Composed(local, name="other")
    one.prepare({"a": ""})
    other.executor()
    for composed in (one, other):
        composed.bind("root", "/")
    one.commit()
    with pytest.raises(DriverError, match="is the root of the executor"):
        other.commit()
    url = f"{local.location}/root"
    assert "is bound in" in refused(one.driver, step("delete", "storage", url, address="root")).detail
    one.members.clear()
    one.commit()
    other.commit()
    other.delete()
    one.driver.perform(step("delete", "storage", url, address="root"))


def test_a_commit_that_was_dropped_anywhere_can_be_repeated_and_undone(local: Local) -> None:
    def prepare(world: World) -> None:
        Composed(world.platform).prepare({"var/log/vic/.keep": "covered", "a": ""})  # type: ignore[arg-type]

    def wanted(one: Local, point: Point) -> Composed:
        composed = Composed(one, point)
        composed.bind("root", "/")
        composed.bind("logs", "/var/log/vic")
        composed.bind("tmp", "/srv/new/place")
        composed.network("vmNet", "client", Dhcp())
        return composed

    worlds = Worlds(local.top / "sweep", prepare)
    before = {
        name for name in worlds().snapshot() if not name.startswith("world/datastores/datastore1/volumes/main/executor")
    }
    wanted(whole := worlds(), no_point).commit()
    expected = whole.snapshot()

    def check(one: Local) -> None:
        assert one.snapshot() == expected

    assert sweep(worlds, lambda one, point: void(wanted(one, point).commit()), check) > 20

    def prepare_more(world: World) -> None:
        prepare(world)
        wanted(world.platform, no_point).commit()  # type: ignore[arg-type]

    def delete(one: Local, point: Point) -> None:
        composed = Composed(one, point)
        key = OURS.tag("executor").key
        query = Query(id="q", kind="executor", identity=composed.identity, key=key)
        if isinstance(composed.driver.observe([query])["q"], Present):
            composed.delete()

    def gone(one: Local) -> None:
        assert set(one.snapshot()) == before

    assert sweep(Worlds(local.top / "sweep", prepare_more), delete, gone) > 10


def void(outcome: Outcome) -> None:
    """A run has no result."""


def test_an_address_is_one_executors(local: Local) -> None:
    """Where the first candidate is taken, the next one is leased; what an executor has it keeps."""
    one = Composed(local)
    one.prepare({"a": ""})
    taken = lease_for(str(local.world), one.identity, "vmNet")
    (local.world / "leases").mkdir()
    lease = local.world / "leases" / f"{taken}.json"
    tag = msgspec.to_builtins(THEIRS.tag("x"))
    lease.write_text(json.dumps({"format": 1, "identity": "x", "owner": tag, "network": "vmNet", "nic": "vmNet"}))
    one.network("vmNet", "public", Static(address="203.0.113.10/24"), names=["vch-1"])
    one.network("vmNet", "client", None)
    one.network("vmNet", "extra", Dhcp(), separate=True)
    outcome = one.commit()
    addresses = outcome.facts["address"]
    assert addresses["public"] == addresses["client"] not in (taken, addresses["extra"])
    assert any(f"203.0.113.10/24 answers on {addresses['public']}" in note for note in outcome.notes)
    lease.unlink()
    assert one.commit().facts["address"] == addresses
    one.members = [NetworkMember(address="n", network="vmNet", role="client", join=JoinNetwork(), bind=BindNetwork())]
    assert one.commit().facts["address"] == {"client": addresses["client"]}
    assert os.listdir(local.world / "leases") == [f"{addresses['client']}.json"]
    one.members = [
        NetworkMember(
            address="n", network="vmNet", role="client", join=JoinNetwork(), bind=BindNetwork(ip=NoAddress())
        ),
        NetworkMember(address="n", network="vmNet", role="container", join=JoinNetwork()),
    ]
    assert one.commit().facts["address"] == {}
    assert list((local.world / "leases").glob("*")) == []


def test_a_network_with_anothers_address_on_it_stays(local: Local) -> None:
    world = World(local)
    world.make("network")
    theirs = Leases(str(local.world), str(local.world / "leases"), Files())
    theirs.take("bridge-of-ours", "bridge-of-ours", "ds://x/y", THEIRS.tag("endpoint"))
    assert "theirs" in refused(world.driver, world.step("delete", "network")).detail


def test_what_cannot_be_kept_is_refused_by_name(local: Local) -> None:
    composed = Composed(local)
    composed.prepare({"a": ""})
    for bind in (BindTask(tls={"$secret": "login"}), BindTask(limits=TaskLimits(memory=2**20))):
        composed.members = [TaskMember(address="t", task=Task(path="/a"), bind=bind)]
        with pytest.raises(DriverError) as caught:
            composed.commit()
        assert caught.value.reason == "unsupported"


def test_storage_of_a_stranger_is_bound_without_being_touched(local: Local) -> None:
    composed = Composed(local)
    composed.prepare({"a": ""})
    shared = Location(at=local.location, shared=True, access="read_write")
    composed.driver.perform(step("update", "location", local.location, shared))
    composed.driver.perform(step("adopt", "location", local.location, shared, owner=THEIRS))
    url = f"{local.location}/foreign"
    args = Storage(inside=local.location, name="foreign")
    composed.driver.perform(step("create", "storage", url, args, owner=THEIRS))
    before = {name: one for name, one in local.snapshot().items() if "/foreign" in name}
    composed.bind("foreign", "/mnt")
    with pytest.raises(DriverError, match="not ours"):
        composed.commit()
    composed.members.clear()
    composed.bind("foreign", "/mnt", mode="read_only")
    composed.commit()
    assert {name: one for name, one in local.snapshot().items() if "/foreign" in name} == before


def test_promises_follow_the_kernel(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    for abi, kept in ((0, set()), (1, {"noexec"}), (3, {"noexec", "read_only", "write_only"})):
        monkeypatch.setattr("vchlang.portlayer.drivers.local.confirm.landlock", lambda abi=abi: abi)
        promises = local.driver().capabilities().promises
        assert {"noexec", "read_only", "write_only"} & set(promises) == kept
        level = {one.level for one in local.driver().confirm([]) if "Landlock" in one.message}
        assert level == ({"ok"} if abi == 3 else {"warning"})


def test_the_kernel_is_asked_as_the_tether_asks_it() -> None:
    assert landlock() == supported()


def test_every_verb_is_carried_out_or_declined(local: Local) -> None:
    can = local.driver().capabilities()
    declined = {pair for pair in VERBS if pair[0] in can.declined or pair == ("power", "freeze")}
    assert set(local.driver().verbs) == VERBS - declined
    assert set(can.declined) & set(can.kinds) == set()


@pytest.mark.parametrize("kind", ["segment", "template"])
def test_what_is_declined_is_refused_by_name(local: Local, kind: str) -> None:
    before = local.snapshot()
    assert local.driver().capabilities().declined[kind]
    found = local.driver().observe([Query(id="q", kind=kind, identity="x")])["q"]
    assert isinstance(found, Unknown)
    assert found.code == "unsupported"
    for action in ("create", "adopt", "update", "delete", "release"):
        assert refused(local.driver(), step(action, kind, "x")).reason == "unsupported"
    assert refused(local.driver(), step("freeze", "power", "x", Start(executor="x"))).reason == "unsupported"
    assert local.snapshot() == before


def test_what_is_declined_is_not_dropped_silently(local: Local) -> None:
    world = World(local)
    world.make("executor")
    before = local.snapshot()
    member = NetworkMember(address="lan", network="vmNet", role="client", join=JoinNetwork(segment="vmNet/web"))
    one = world.step("commit", "handle", args=Commit(executor=world.identity("executor"), name="e", members=(member,)))
    one.identity, one.tag = world.identity("executor"), OURS.tag("executor")
    assert "vmNet/web" in refused(world.driver, one).detail
    copy = Executor(inside=local.pool, at=local.location, name="copy", parent=world.identity("executor"))
    assert "template" in refused(world.driver, step("create", "executor", f"{local.location}/copy", copy)).detail
    assert local.snapshot() == before
