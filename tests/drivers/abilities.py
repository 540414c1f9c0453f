"""What drivers do that have segments or templates: suites as `contract.DriverContract`, for those that can.

A driver that cannot says so in `capabilities`, with the reason, and refuses every verb; its own tests hold that. What
a driver lets through for real depends on its platform, and its own tests hold that too.
"""

from typing import Any

import msgspec
import pytest

from tests.drivers.contract import OURS, THEIRS, Owner, Platform, World, refused, step
from vchlang.kinds.compute import Executor, Template
from vchlang.kinds.network import JoinNetwork, Network
from vchlang.kinds.segment import AnyTraffic, Members, Outside, Ports, Rule, Segment, Tcp, Udp
from vchlang.kinds.storage import Location
from vchlang.kinds.world import Absent, Commit, NetworkMember, Observation, Present, Query, Start
from vchlang.portlayer.driver import Outcome, Step

NETWORK = "bridge-of-ours"
WEB, DB = f"{NETWORK}/web", f"{NETWORK}/db"
RULES = [
    Rule(
        action="allow", what=Tcp(ports=[Ports(low=5432, high=5432), Ports(low=8000, high=8010)]), peer=Members(name=WEB)
    ),
    Rule(action="allow", what=Udp(ports=[Ports(low=53, high=53)]), direction="to"),
    Rule(action="deny", what=AnyTraffic(), direction="to", peer=Outside()),
]


class _Suite:
    """What both suites need: a network, an executor, looks."""

    @pytest.fixture
    def world(self, platform: Platform) -> World:
        return World(platform)

    def network(self, world: World, owner: Owner = OURS) -> None:
        world.driver.perform(step("create", "network", NETWORK, Network(at=NETWORK), owner=owner))

    def executor(self, world: World, name: str = "executor", owner: Owner = OURS, kind: str = "executor") -> str:
        """An executor or a template in the platform's location; its identity."""
        location = world.platform.location
        if isinstance(self.look(world, "location", location, owner), Absent):
            args = Location(at=location, shared=True, access="read_write")
            world.driver.perform(step("create", "location", location, args, owner=owner))
        described = Executor if kind == "executor" else Template
        identity = f"{location}/{name}"
        made = described(inside=world.platform.pool, at=location, name=name)
        world.driver.perform(step("create", kind, identity, made, owner=owner, address=name))
        return identity

    def commit(self, world: World, identity: str, entered: str | None, owner: Owner = OURS) -> Outcome:
        name = identity.rpartition("/")[2]
        member = NetworkMember(address="lan", network=NETWORK, role="client", join=JoinNetwork(segment=entered))
        args = Commit(executor=identity, name=name, members=(member,))
        return world.driver.perform(step("commit", "handle", identity, args, owner=owner, address=name))

    def look(self, world: World, kind: str, identity: str, owner: Owner = OURS, address: str = "") -> Observation:
        query = Query(id="q", kind=kind, identity=identity, key=owner.tag(address or kind).key)
        return world.driver.observe([query])["q"]

    def present(self, world: World, kind: str, identity: str, owner: Owner = OURS, address: str = "") -> Present:
        found = self.look(world, kind, identity, owner, address)
        assert isinstance(found, Present), found
        return found


class SegmentContract(_Suite):
    """The suite for a driver that has segments."""

    def make(self, world: World, owner: Owner = OURS) -> Outcome:
        return world.driver.perform(self.step("create", owner=owner))

    def step(self, action: str, rules: list[Rule] = RULES, **more: Any) -> Step:
        return step(action, "segment", DB, Segment(inside=NETWORK, name="db", rules=rules), **more)

    def test_its_capabilities_name_the_level(self, world: World) -> None:
        can = world.driver.capabilities()
        assert "segment" in can.kinds
        assert can.promises["segment"]

    def test_it_is_absent_then_ours_then_absent(self, world: World) -> None:
        self.network(world)
        assert isinstance(self.look(world, "segment", DB), Absent)
        made = self.make(world)
        found = self.present(world, "segment", DB)
        assert found.owner == OURS.tag("segment")
        assert found.version == made.version != ""
        world.driver.perform(self.step("delete"))
        assert isinstance(self.look(world, "segment", DB), Absent)

    def test_another_run_finds_it_by_its_key(self, world: World, platform: Platform) -> None:
        self.network(world)
        self.make(world)
        query = Query(id="q", kind="segment", identity="by/another name", key=OURS.tag("segment").key)
        found = platform.driver().observe([query])["q"]
        assert isinstance(found, Present)
        assert found.owner == OURS.tag("segment")

    def test_its_rules_are_told_back_as_they_were_asked_for(self, world: World) -> None:
        self.network(world)
        self.make(world)
        told = self.present(world, "segment", DB).fields["rules"]
        assert msgspec.convert(told, list[Rule]) == RULES

    def test_made_twice_it_is_there_once(self, world: World, platform: Platform) -> None:
        self.network(world)
        self.make(world)
        before = platform.snapshot()
        again = World(platform).driver.perform(self.step("create"))
        assert platform.snapshot() == before
        assert again.version == self.present(world, "segment", DB).version

    def test_rules_change_in_place_and_as_a_whole(self, world: World) -> None:
        self.network(world)
        before = self.make(world).version
        identity = self.executor(world)
        self.commit(world, identity, DB)
        member = self.present(world, "executor", identity, address="executor").version
        after = world.driver.perform(self.step("update", RULES[::-1])).version
        found = self.present(world, "segment", DB)
        assert found.version == after != before
        assert msgspec.convert(found.fields["rules"], list[Rule]) == RULES[::-1]
        assert world.driver.perform(self.step("update", RULES[::-1])).version == after
        assert self.present(world, "executor", identity, address="executor").version == member

    def test_a_version_that_is_not_expected_is_stale(self, world: World, platform: Platform) -> None:
        self.network(world)
        old = self.make(world).version
        world.driver.perform(self.step("update", []))
        before = platform.snapshot()
        assert refused(world.driver, self.step("update", expect=old)).reason == "stale-plan"
        assert platform.snapshot() == before

    def test_a_delete_that_is_repeated_changes_nothing(self, world: World, platform: Platform) -> None:
        self.network(world)
        self.make(world)
        world.driver.perform(self.step("delete"))
        before = platform.snapshot()
        world.driver.perform(self.step("delete"))
        assert platform.snapshot() == before

    @pytest.mark.parametrize("action", ["create", "adopt", "update", "delete", "release"])
    def test_what_is_somebody_elses_is_not_touched(self, world: World, platform: Platform, action: str) -> None:
        self.network(world, THEIRS)
        self.make(world, THEIRS)
        assert self.present(world, "segment", DB).owner == THEIRS.tag("segment")
        before = platform.snapshot()
        error = refused(world.driver, self.step(action))
        assert error.reason == "foreign-owner"
        assert "theirs" in error.detail
        assert platform.snapshot() == before

    def test_another_object_of_ours_with_that_name_is_no_repeat(self, world: World) -> None:
        self.network(world)
        self.make(world)
        assert refused(world.driver, self.step("create", address="another")).reason == "already-exists"

    def test_what_is_released_stays_with_its_rules_and_can_be_adopted(self, world: World) -> None:
        self.network(world)
        self.make(world)
        world.driver.perform(self.step("release"))
        found = self.present(world, "segment", DB)
        assert found.owner is None
        assert msgspec.convert(found.fields["rules"], list[Rule]) == RULES
        world.driver.perform(self.step("adopt", owner=THEIRS))
        assert self.present(world, "segment", DB, THEIRS).owner == THEIRS.tag("segment")

    def test_it_is_a_part_of_a_network_that_is_there(self, world: World) -> None:
        assert refused(world.driver, self.step("create")).reason == "not-found"

    def test_a_network_with_a_segment_stays(self, world: World) -> None:
        self.network(world)
        self.make(world)
        one = step("delete", "network", NETWORK, Network(at=NETWORK))
        assert refused(world.driver, one).reason == "not-empty"

    def test_rules_may_name_each_other_and_what_is_not_there(self, world: World) -> None:
        self.network(world)
        self.make(world)  # names web, which is not there
        rules = [Rule(action="allow", what=AnyTraffic(), peer=Members(name=DB))]
        args = Segment(inside=NETWORK, name="web", rules=rules)
        world.driver.perform(step("create", "segment", WEB, args, address="web"))
        world.driver.perform(self.step("delete"))
        assert self.present(world, "segment", WEB, address="web").owner == OURS.tag("web")

    def test_one_that_somebody_is_in_stays(self, world: World, platform: Platform) -> None:
        self.network(world)
        self.make(world)
        identity = self.executor(world)
        self.commit(world, identity, DB)
        before = platform.snapshot()
        error = refused(world.driver, self.step("delete"))
        assert error.reason == "not-empty"
        assert identity in error.detail
        assert platform.snapshot() == before
        self.commit(world, identity, None)
        world.driver.perform(self.step("delete"))

    def test_nobody_enters_what_is_not_there(self, world: World) -> None:
        self.network(world)
        identity = self.executor(world)
        member = NetworkMember(address="lan", network=NETWORK, role="client", join=JoinNetwork(segment=DB))
        args = Commit(executor=identity, name="executor", members=(member,))
        one = step("commit", "handle", identity, args, address="executor")
        assert refused(world.driver, one).reason == "not-found"


class TemplateContract(_Suite):
    """The suite for a driver that has templates."""

    def switch(self, world: World, action: str, identity: str) -> Outcome:
        return world.driver.perform(step(action, "power", identity, Start(executor=identity), address="warm"))

    def frozen(self, world: World) -> str:
        self.network(world)
        identity = self.executor(world, "warm", kind="template")
        self.commit(world, identity, None)
        self.switch(world, "start", identity)
        self.switch(world, "freeze", identity)
        return identity

    def copy(self, world: World, parent: str) -> Step:
        location = world.platform.location
        args = Executor(inside=world.platform.pool, at=location, name="copy", parent=parent)
        return step("create", "executor", f"{location}/copy", args, address="copy")

    def test_it_is_made_composed_started_and_frozen(self, world: World) -> None:
        self.network(world)
        identity = self.executor(world, "warm", kind="template")
        states = [self.present(world, "template", identity, address="warm").state]
        self.commit(world, identity, None)
        for action in ("start", "freeze", "stop"):
            self.switch(world, action, identity)
            states.append(self.present(world, "template", identity, address="warm").state)
        assert states == ["stopped", "running", "frozen", "stopped"]

    def test_who_switches_it_looks_it_up_as_an_executor(self, world: World) -> None:
        identity = self.frozen(world)
        found = self.present(world, "executor", identity, address="warm")
        assert found.state == "frozen"
        assert found.owner == OURS.tag("warm")

    def test_frozen_twice_is_frozen_once(self, world: World, platform: Platform) -> None:
        identity = self.frozen(world)
        before = platform.snapshot()
        self.switch(world, "freeze", identity)
        assert platform.snapshot() == before

    def test_what_does_not_run_is_not_frozen(self, world: World) -> None:
        self.network(world)
        identity = self.executor(world, "warm", kind="template")
        one = step("freeze", "power", identity, Start(executor=identity), address="warm")
        assert refused(world.driver, one).reason == "step-failed"

    def test_what_is_frozen_is_not_composed(self, world: World, platform: Platform) -> None:
        identity = self.frozen(world)
        before = platform.snapshot()
        args = Commit(executor=identity, name="warm")
        assert refused(world.driver, step("commit", "handle", identity, args, address="warm")).reason == "step-failed"
        assert platform.snapshot() == before

    def test_a_copy_begins_only_from_what_is_frozen(self, world: World) -> None:
        identity = self.frozen(world)
        self.switch(world, "stop", identity)
        assert refused(world.driver, self.copy(world, identity)).reason == "not-found"
        self.switch(world, "start", identity)
        assert refused(world.driver, self.copy(world, identity)).reason == "not-found"
        self.switch(world, "freeze", identity)
        world.driver.perform(self.copy(world, identity))

    def test_a_template_stays_while_it_has_copies(self, world: World) -> None:
        identity = self.frozen(world)
        copied = self.copy(world, identity)
        world.driver.perform(copied)
        self.switch(world, "stop", identity)
        args = Template(inside=world.platform.pool, at=world.platform.location, name="warm")
        gone = step("delete", "template", identity, args, address="warm")
        assert refused(world.driver, gone).reason == "not-empty"
        world.driver.perform(step("delete", "executor", copied.identity, copied.args, address="copy"))
        world.driver.perform(gone)
        assert isinstance(self.look(world, "template", identity, address="warm"), Absent)

    def test_a_template_and_an_executor_do_not_share_a_name(self, world: World) -> None:
        self.network(world)
        identity = self.executor(world, "warm", kind="template")
        args = Executor(inside=world.platform.pool, at=world.platform.location, name="warm")
        assert (
            refused(world.driver, step("create", "executor", identity, args, address="other")).reason
            == "already-exists"
        )
