"""What every driver does, whatever the platform: one suite, run by each driver's own tests.

A driver's test module subclasses `DriverContract` and gives a `platform` fixture: a `Platform` on an empty world. The
suite speaks of objects by the names that the platform gives, and never of how it keeps them.
"""

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from vchlang import values as v
from vchlang.kinds.compute import Executor, Pool, Resources
from vchlang.kinds.network import Network
from vchlang.kinds.storage import Location, Storage
from vchlang.kinds.world import Absent, Observation, OwnerTag, Present, Query, Unknown, object_key
from vchlang.portlayer.driver import Driver, DriverError, Outcome, Step
from vchlang.system import Point, no_point

KINDS = ("pool", "location", "network", "storage", "executor")


class Platform(Protocol):
    """One world, and drivers on it.

    pool: one that is there before anything is made. location, second: places where locations can be made.
    """

    pool: str
    location: str
    second: str

    def driver(self, point: Point = no_point) -> Driver:
        """A new driver on the same world, as another run would have."""

    def corrupt(self, kind: str, identity: str) -> None:
        """Make the ownership record of an object unreadable."""

    def put(self, location: str, name: str, text: str) -> None:
        """Put a file of somebody else into a location, making its directory where there is none."""

    def snapshot(self) -> dict[str, bytes]:
        """Everything that is in the world: what was not to be touched is compared."""


class Owner:
    """A deployment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lineage = f"lineage-of-{name}"

    def tag(self, address: str, generation: int = 1) -> OwnerTag:
        return OwnerTag(
            deployment=self.name,
            lineage=self.lineage,
            address=address,
            generation=generation,
            key=object_key(self.lineage, address, generation),
        )


OURS, THEIRS = Owner("ours"), Owner("theirs")


def packed(files: dict[str, str]) -> bytes:
    """A tar with plain files in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def data_of(content: bytes, entries: int = 1) -> v.DataRef:
    return v.DataRef(source="x.tar", sha256=hashlib.sha256(content).hexdigest(), size=len(content), entries=entries)


def step(
    action: str,
    kind: str,
    identity: str,
    args: Any = None,
    *,
    owner: Owner = OURS,
    address: str = "",
    expect: str = "",
    content: bytes = b"",
    progress: Callable[[int, int], None] = lambda done, total: None,
    reveal: Callable[[Any], Any] = lambda value: value,
    cancelled: Callable[[], bool] = lambda: False,
) -> Step:
    return Step(
        kind=kind,
        action=action,
        address=address or kind,
        identity=identity,
        origin="adopted" if action in ("adopt", "release") else "created",
        args=args,
        tag=owner.tag(address or kind),
        expect=expect,
        reveal=reveal,
        data=lambda ref: io.BytesIO(content),
        progress=progress,
        cancelled=cancelled,
    )


class World:
    """A platform with a driver on it, and the objects that the suite makes of each kind."""

    def __init__(self, platform: Platform, point: Point = no_point) -> None:
        self.platform = platform
        self.driver = platform.driver(point)

    def identity(self, kind: str) -> str:
        match kind:
            case "pool":
                return f"{self.platform.pool}/vch-1"
            case "location":
                return self.platform.location
            case "network":
                return "bridge-of-ours"
            case _:
                return f"{self.platform.location}/{kind}"

    def args(self, kind: str) -> Any:
        match kind:
            case "pool":
                return Pool(inside=self.platform.pool, limits=Resources(memory=2**30))
            case "location":
                return Location(at=self.platform.location, access="read_write")
            case "network":
                return Network(at="bridge-of-ours", ranges=["172.16.0.0/12"])
            case "storage":
                return Storage(inside=self.platform.location, name="storage", free=2**20, rw_metadata={"a": "1"})
            case _:
                return Executor(inside=self.platform.pool, at=self.platform.location, name="executor")

    def changed(self, kind: str) -> Any:
        """Other arguments, with what may be updated in place changed."""
        match kind:
            case "pool":
                return Pool(inside=self.platform.pool, limits=Resources(memory=2**31))
            case "location":
                return Location(at=self.platform.location, access="create")
            case "network":
                return Network(at="bridge-of-ours", ranges=["172.16.0.0/12", "10.0.0.0/8"])
            case "storage":
                return Storage(inside=self.platform.location, name="storage", free=2**21, rw_metadata={"a": "2"})
            case _:
                return Executor(
                    inside=self.platform.pool, at=self.platform.location, name="executor", on_failure="stop"
                )

    def step(self, action: str, kind: str, **more: Any) -> Step:
        return step(action, kind, self.identity(kind), more.pop("args", None) or self.args(kind), **more)

    def make(self, kind: str, owner: Owner = OURS) -> Outcome:
        """One object of a kind, with what it lies in."""
        if kind in ("storage", "executor") and isinstance(self.look("location", owner), Absent):
            self.driver.perform(self.step("create", "location", owner=owner))
        return self.driver.perform(self.step("create", kind, owner=owner))

    def look(self, kind: str, owner: Owner = OURS, identity: str = "") -> Observation:
        query = Query(id="q", kind=kind, identity=identity or self.identity(kind), key=owner.tag(kind).key)
        return self.driver.observe([query])["q"]

    def present(self, kind: str, owner: Owner = OURS) -> Present:
        found = self.look(kind, owner)
        assert isinstance(found, Present), found
        return found


def refused(driver: Driver, one: Step) -> DriverError:
    """The refusal of a call that must change nothing."""
    with pytest.raises(DriverError) as caught:
        driver.perform(one)
    assert caught.value.outcome == "none", caught.value
    return caught.value


class DriverContract:
    """The suite. `platform` is the fixture that a driver's tests give."""

    @pytest.fixture
    def world(self, platform: Platform) -> World:
        return World(platform)

    # ---- one object ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_absent_then_ours_then_absent(self, world: World, kind: str) -> None:
        assert isinstance(world.look(kind), Absent)
        made = world.make(kind)
        found = world.present(kind)
        assert found.owner == OURS.tag(kind)
        assert found.version == made.version != ""
        assert {name: one for name, one in found.facts.items() if name != "free"} == {
            name: one for name, one in made.facts.items() if name != "free"
        }
        world.driver.perform(world.step("delete", kind))
        assert isinstance(world.look(kind), Absent)

    @pytest.mark.parametrize("kind", KINDS)
    def test_another_run_sees_the_same(self, world: World, platform: Platform, kind: str) -> None:
        world.make(kind)
        assert World(platform).present(kind).owner == OURS.tag(kind)

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_was_asked_for_can_be_compared(self, world: World, kind: str) -> None:
        world.make(kind)
        told, asked = world.present(kind).fields, world.args(kind)
        for name in {"pool": ("limits",), "location": ("access",), "network": ("ranges",)}.get(kind, ()):
            wanted = getattr(asked, name)
            assert told[name] == ({"memory": 2**30} if name == "limits" else wanted)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_create_that_is_repeated_changes_nothing(self, world: World, platform: Platform, kind: str) -> None:
        world.make(kind)
        before = platform.snapshot()
        again = World(platform).driver.perform(world.step("create", kind))
        assert platform.snapshot() == before
        assert again.version == world.present(kind).version

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_update_is_absolute_and_raises_the_version(self, world: World, kind: str) -> None:
        before = world.make(kind).version
        wanted = world.changed(kind)
        after = world.driver.perform(world.step("update", kind, args=wanted)).version
        assert world.present(kind).version == after != before
        assert world.driver.perform(world.step("update", kind, args=wanted)).version == after

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_version_that_is_not_expected_is_stale(self, world: World, platform: Platform, kind: str) -> None:
        old = world.make(kind).version
        world.driver.perform(world.step("update", kind, args=world.changed(kind)))
        before = platform.snapshot()
        assert refused(world.driver, world.step("update", kind, expect=old)).reason == "stale-plan"
        assert platform.snapshot() == before

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_delete_that_is_repeated_changes_nothing(self, world: World, platform: Platform, kind: str) -> None:
        world.make(kind)
        world.driver.perform(world.step("delete", kind))
        before = platform.snapshot()
        world.driver.perform(world.step("delete", kind))
        assert platform.snapshot() == before

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_update_of_what_is_not_there_is_told(self, world: World, kind: str) -> None:
        assert refused(world.driver, world.step("update", kind)).reason == "not-found"

    # ---- other owners --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("action", ["create", "adopt", "update", "delete", "release"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_somebody_elses_is_not_touched(
        self, world: World, platform: Platform, kind: str, action: str
    ) -> None:
        world.make(kind, THEIRS)
        before = platform.snapshot()
        error = refused(world.driver, world.step(action, kind))
        assert error.reason == "foreign-owner"
        assert "theirs" in error.detail
        assert platform.snapshot() == before

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_owner_of_what_is_somebody_elses_is_told(self, world: World, kind: str) -> None:
        world.make(kind, THEIRS)
        assert world.present(kind).owner == THEIRS.tag(kind)

    @pytest.mark.parametrize("kind", KINDS)
    def test_another_object_of_ours_with_that_name_is_no_repeat(self, world: World, kind: str) -> None:
        world.make(kind)
        assert refused(world.driver, world.step("create", kind, address="another")).reason == "already-exists"

    @pytest.mark.parametrize("action", ["create", "adopt", "update", "delete", "release"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_record_that_cannot_be_read_is_not_taken_for_absent(
        self, world: World, platform: Platform, kind: str, action: str
    ) -> None:
        world.make(kind)
        platform.corrupt(kind, world.identity(kind))
        before = platform.snapshot()
        found = world.look(kind)
        assert isinstance(found, Unknown)
        assert found.code == "corrupt-record"
        assert refused(world.driver, world.step(action, kind)).reason == "corrupt-record"
        assert platform.snapshot() == before

    def test_a_late_create_after_the_name_is_taken(self, world: World, platform: Platform) -> None:
        """A call of ours that was under way arrives when somebody else has the name by then."""
        late = world.step("create", "network")
        world.make("network", THEIRS)
        before = platform.snapshot()
        assert refused(world.driver, late).reason == "foreign-owner"
        assert platform.snapshot() == before

    @pytest.mark.parametrize("kind", ["pool", "location", "network", "storage", "executor"])
    def test_what_is_released_stays_and_can_be_adopted(self, world: World, kind: str) -> None:
        world.make(kind)
        world.driver.perform(world.step("release", kind))
        found = world.present(kind) if kind != "location" else world.look(kind)
        assert isinstance(found, Present)
        assert found.owner is None
        world.driver.perform(world.step("adopt", kind, owner=THEIRS))
        assert world.present(kind).owner == THEIRS.tag(kind)
        world.driver.perform(world.step("adopt", kind, owner=THEIRS))

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_can_be_adopted_that_is_not_there(self, world: World, kind: str) -> None:
        assert refused(world.driver, world.step("adopt", kind)).reason == "not-found"

    # ---- locations -----------------------------------------------------------------------------------------------

    def test_a_location_with_content_that_nobody_claims(self, world: World, platform: Platform) -> None:
        platform.put(platform.location, "photo", "of a cat")
        before = platform.snapshot()
        found = world.present("location")
        assert (found.owner, found.claimable) == (None, False)
        assert "photo" in found.detail
        assert refused(world.driver, world.step("create", "location")).reason == "not-empty"
        assert platform.snapshot() == before

    def test_an_adopted_location_keeps_its_content(self, world: World, platform: Platform) -> None:
        platform.put(platform.location, "photo", "of a cat")
        before = platform.snapshot()
        world.driver.perform(world.step("adopt", "location"))
        assert world.present("location").owner == OURS.tag("location")
        world.driver.perform(world.step("release", "location"))
        assert platform.snapshot() == before

    def test_a_location_that_is_not_empty_is_not_deleted(self, world: World, platform: Platform) -> None:
        world.make("location")
        platform.put(platform.location, "photo", "of a cat")
        before = platform.snapshot()
        error = refused(world.driver, world.step("delete", "location"))
        assert error.reason == "not-empty"
        assert "photo" in error.detail
        assert platform.snapshot() == before

    def test_two_owners_of_a_shared_location(self, world: World, platform: Platform) -> None:
        shared = Location(at=platform.location, shared=True, access="read_write")
        world.driver.perform(world.step("create", "location", args=shared))
        world.driver.perform(world.step("adopt", "location", args=shared, owner=THEIRS))
        found = world.present("location", THEIRS)
        assert found.shared
        assert found.owner == OURS.tag("location")
        assert {one.deployment for one in found.sharers} == {"ours", "theirs"}
        world.driver.perform(world.step("create", "storage", owner=THEIRS))
        before = world.present("storage", THEIRS)
        outcome = world.driver.perform(world.step("delete", "location", args=shared))
        assert any("theirs" in note for note in outcome.notes)
        assert world.present("location", THEIRS).owner == THEIRS.tag("location")
        assert world.present("storage", THEIRS) == before
        world.driver.perform(world.step("delete", "storage", owner=THEIRS))
        world.driver.perform(world.step("release", "location", args=shared, owner=THEIRS))
        found = world.present("location")
        assert (found.owner, found.claimable) == (None, True)

    def test_a_location_that_is_used_by_another_stays_shared(self, world: World, platform: Platform) -> None:
        shared = Location(at=platform.location, shared=True)
        world.driver.perform(world.step("create", "location", args=shared))
        world.driver.perform(world.step("adopt", "location", args=shared, owner=THEIRS))
        one = world.step("update", "location", args=Location(at=platform.location, shared=False))
        assert refused(world.driver, one).reason == "foreign-owner"

    def test_locations_do_not_lie_in_each_other(self, world: World, platform: Platform) -> None:
        world.make("location", THEIRS)
        inner = f"{platform.location}/inner"
        one = step("create", "location", inner, Location(at=inner))
        assert refused(world.driver, one).reason == "nested-location"

    def test_of_two_who_want_a_location_one_gets_it(self, platform: Platform) -> None:
        for turn in range(5):
            url = f"{platform.second}-{turn}"
            ends: list[str] = []
            start = threading.Barrier(4)

            def claim(number: int, url: str = url, start: threading.Barrier = start, ends: list[str] = ends) -> None:
                driver = platform.driver()
                start.wait()
                try:
                    driver.perform(step("create", "location", url, Location(at=url), owner=Owner(f"racer-{number}")))
                    ends.append("done")
                except DriverError as error:
                    ends.append(error.reason)

            threads = [threading.Thread(target=claim, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(ends) == ["done", "foreign-owner", "foreign-owner", "foreign-owner"]

    # ---- storage -------------------------------------------------------------------------------------------------

    def test_storage_with_data(self, world: World, platform: Platform) -> None:
        content = packed({"a": "first", "dir/b": "second"})
        done: list[tuple[int, int]] = []
        world.make("location")
        args = Storage(inside=platform.location, name="storage", data=data_of(content, 2))
        one = world.step("create", "storage", args=args, content=content, progress=lambda *size: done.append(size))
        outcome = world.driver.perform(one)
        assert outcome.facts["sha256"] == hashlib.sha256(content).hexdigest()
        assert outcome.facts["url"] == f"{platform.location}/storage"
        assert done[-1] == (len(content), len(content))
        assert world.present("storage").fields["data"]["sha256"] == outcome.facts["sha256"]

    @pytest.mark.parametrize("wrong", ["other bytes", "fewer bytes", "a member that leaves", "a link in raw storage"])
    def test_bad_data_leaves_nothing(self, world: World, platform: Platform, wrong: str) -> None:
        content = packed({"a": "first"})
        ref = data_of(content)
        match wrong:
            case "other bytes":
                content = packed({"a": "other"})
            case "fewer bytes":
                content = content[:-512]
            case "a member that leaves":
                content = packed({"a": "first", "../b": "second"})
                ref = data_of(content)
            case _:
                out = io.BytesIO()
                with tarfile.open(fileobj=out, mode="w") as archive:
                    link = tarfile.TarInfo("link")
                    link.type, link.linkname = tarfile.SYMTYPE, "a"
                    archive.addfile(link)
                content = out.getvalue()
                ref = data_of(content)
        world.make("location")
        before = platform.snapshot()
        args = Storage(inside=platform.location, name="storage", data=ref)
        error = refused(world.driver, world.step("create", "storage", args=args, content=content))
        assert error.reason in ("wrong-checksum", "bad-archive")
        assert platform.snapshot() == before
        assert isinstance(world.look("storage"), Absent)

    def test_a_checksum_that_the_data_does_not_have(self, world: World, platform: Platform) -> None:
        content = packed({"a": "first"})
        world.make("location")
        args = Storage(inside=platform.location, name="storage", data=data_of(content), checksum="sha256:" + "0" * 64)
        one = world.step("create", "storage", args=args, content=content)
        assert refused(world.driver, one).reason == "wrong-checksum"

    def test_more_than_there_is_room_for(self, world: World, platform: Platform) -> None:
        world.make("location")
        args = Storage(inside=platform.location, name="storage", free=2**60)
        assert refused(world.driver, world.step("create", "storage", args=args)).reason == "no-space"

    def test_storage_needs_a_location_that_is_ours(self, world: World, platform: Platform) -> None:
        assert refused(world.driver, world.step("create", "storage")).reason == "not-found"
        world.make("location", THEIRS)
        before = platform.snapshot()
        assert refused(world.driver, world.step("create", "storage")).reason == "foreign-owner"
        assert platform.snapshot() == before

    def test_nothing_is_made_in_a_read_only_location(self, world: World, platform: Platform) -> None:
        args = Location(at=platform.location, access="read_only")
        world.driver.perform(world.step("create", "location", args=args))
        assert "read-only" in refused(world.driver, world.step("create", "storage")).detail

    def test_a_storage_that_begins_with_anothers_content(self, world: World, platform: Platform) -> None:
        content = packed({"a": "first"})
        world.make("location")
        parent = Storage(inside=platform.location, name="storage", data=data_of(content))
        made = world.driver.perform(world.step("create", "storage", args=parent, content=content))
        child = f"{platform.location}/child"
        args = Storage(inside=platform.location, name="child", parent=f"{platform.location}/storage")
        outcome = world.driver.perform(step("create", "storage", child, args, address="child"))
        assert outcome.facts["sha256"] == made.facts["sha256"]

    # ---- pools and executors -------------------------------------------------------------------------------------

    def test_a_pool_is_made_inside_one_that_is_there(self, world: World) -> None:
        identity = "/no/such/pool"
        one = step("create", "pool", identity, Pool(inside="/no/such", name="pool"))
        assert refused(world.driver, one).reason == "not-found"

    def test_a_pool_with_another_in_it_stays(self, world: World) -> None:
        world.make("pool")
        inner = f"{world.identity('pool')}/inner"
        world.driver.perform(step("create", "pool", inner, Pool(inside=world.identity("pool")), address="inner"))
        assert refused(world.driver, world.step("delete", "pool")).reason == "not-empty"

    def test_an_executor_needs_its_pool(self, world: World, platform: Platform) -> None:
        world.make("location")
        args = Executor(inside="/no/such", at=platform.location, name="executor")
        assert refused(world.driver, world.step("create", "executor", args=args)).reason == "not-found"

    def test_a_new_executor_is_stopped(self, world: World) -> None:
        world.make("executor")
        assert world.present("executor").state == "stopped"

    def test_a_storage_and_an_executor_do_not_share_a_name(self, world: World, platform: Platform) -> None:
        world.make("storage")
        identity = world.identity("storage")
        args = Executor(inside=platform.pool, at=platform.location, name="storage")
        assert refused(world.driver, step("create", "executor", identity, args)).reason == "already-exists"

    # ---- what cannot be ------------------------------------------------------------------------------------------

    def test_a_scheme_that_it_does_not_have(self, world: World) -> None:
        missing = [one for one in ("ds", "nfs", "file") if one not in world.driver.capabilities().schemes]
        for scheme in missing:
            url = f"{scheme}://host/dir"
            query = Query(id="volumes", kind="location", identity=url, args=Location(at=url))
            found = [one for one in world.driver.confirm([query]) if one.address == "volumes"]
            assert [(one.level, one.code) for one in found] == [("error", "unsupported")]
            assert scheme in found[0].message
            assert refused(world.driver, step("create", "location", url, Location(at=url))).reason == "unsupported"

    def test_confirming_changes_nothing(self, world: World, platform: Platform) -> None:
        world.make("executor")
        before = platform.snapshot()
        queries = [Query(id=kind, kind=kind, identity=world.identity(kind), args=world.args(kind)) for kind in KINDS]
        findings = world.driver.confirm(queries)
        assert {one.level for one in findings} <= {"ok", "warning"}
        assert platform.snapshot() == before
