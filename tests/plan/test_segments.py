"""Segments and templates in plans, and what becomes of the plans on a platform that has both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.analysis.test_segments import Packet, packets, passes
from tests.cases import INVENTORY
from tests.engine import scripted
from tests.engine.scripted import Scripted, points_of
from tests.front import CAPABILITIES, Front, applied
from tests.memory_driver import MemoryDriver, Thing
from vchlang import values as v
from vchlang.kinds.world import Observation, OwnerTag, Present
from vchlang.plan import build, compare, keep, removal, rules
from vchlang.plan.executors import Executors
from vchlang.plan.model import CHANGING, Operation
from vchlang.plan.request import Planned
from vchlang.portlayer import recover
from vchlang.portlayer.driver import DriverError
from vchlang.state.store import Deployment

CAN = msgspec.structs.replace(
    CAPABILITIES,
    driver="able",
    kinds=(*CAPABILITIES.kinds, "segment", "template"),
    promises={**CAPABILITIES.promises, "segment": "the switch"},
)
AROUND = """existing network lan at "vmNet"
ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
create storage boot in l { data: archive("b/") }
"""
WEB = "ensure segment web in lan { allow tcp(80, 443) from any\n allow tcp(22) from db }\n"
DB = """ensure segment db in lan {
  allow tcp(5432, 5433) from web
  allow udp(53) to any
  deny any to any
}
"""
EXECUTOR = """create executor e in p at l
handle e {
  join boot as loader, bind
  join lan as client { segment: db }, bind { ip: .dhcp }
}
"""
TIERS = AROUND + WEB + DB + EXECUTOR
TEMPLATE = """create template t in p at l
handle t { join boot as loader, bind }
create executor c in p { parent: t }
"""


def planned(text: str, state: Deployment | None = None, world: dict[str, Observation] | None = None) -> Planned:
    front = Front(text)
    assert front.codes() == [], front.said()
    return front.plan(state, dict(INVENTORY) if world is None else world, capabilities=CAN)


def made(text: str) -> tuple[Deployment, dict[str, Observation]]:
    first = planned(text)
    assert first.diagnostics == ()
    return applied(first.plan, dict(INVENTORY))


def one(found: Planned, action: str, address: str) -> Operation:
    assert found.diagnostics == (), found.diagnostics
    [op] = [op for op in found.plan.operations if (op.action, op.address) == (action, address)] or [None]
    assert op is not None, f"no {action} of {address}"
    return op


def place(found: Planned, action: str, address: str) -> int:
    return found.plan.operations.index(one(found, action, address))


def changing(found: Planned) -> list[tuple[str, str]]:
    assert found.diagnostics == (), found.diagnostics
    return [(op.action, op.address) for op in found.plan.operations if op.action in CHANGING]


# ---- segments ------------------------------------------------------------------------------------------------------


def test_a_segment_comes_between_its_network_and_who_enters_it() -> None:
    found = planned(TIERS)
    ids = {op.address: op.id for op in found.plan.operations}
    for name in ("web", "db"):
        # They name each other, and neither waits for the other.
        assert one(found, "create", name).needs == (ids["lan"],)
    assert ids["db"] in one(found, "commit", "e@handle").needs
    assert ids["web"] not in one(found, "commit", "e@handle").needs


def test_its_rules_are_shown_as_the_language_writes_them() -> None:
    steps = one(planned(TIERS), "create", "db").steps
    assert [(step.mark, step.text, step.line) for step in steps] == [
        ("+", "allow tcp(5432, 5433) from web", 8),
        ("+", "allow udp(53) to any", 9),
        ("+", "deny any to any", 10),
    ]


def test_what_a_driver_gets_is_whole() -> None:
    args = one(planned(TIERS), "create", "db").args
    assert args["inside"] == "vmNet"
    assert args["rules"] == [
        {
            "action": "allow",
            "what": {"is": "tcp", "ports": [{"low": 5432, "high": 5432}, {"low": 5433, "high": 5433}]},
            "direction": "from",
            "peer": {"is": "segment", "name": "vmNet/vch-1-web"},
        },
        {
            "action": "allow",
            "what": {"is": "udp", "ports": [{"low": 53, "high": 53}]},
            "direction": "to",
            "peer": {"is": "any"},
        },
        {"action": "deny", "what": {"is": "any"}, "direction": "to", "peer": {"is": "any"}},
    ]
    commit = one(planned(TIERS), "commit", "e@handle")
    assert commit.args["members"][1]["join"] == {"segment": "vmNet/vch-1-db"}
    assert "segment: kept by the switch" in commit.notes


def test_a_range_of_ports_is_one() -> None:
    found = one(planned(AROUND + "ensure segment s in lan { allow tcp(80, 8000..8010) from any }"), "create", "s")
    assert found.args["rules"][0]["what"]["ports"] == [{"low": 80, "high": 80}, {"low": 8000, "high": 8010}]
    assert found.steps[0].text == "allow tcp(80, 8000..8010) from any"


def test_after_apply_there_is_nothing_to_do() -> None:
    assert changing(planned(TIERS, *made(TIERS))) == []


def test_rules_change_in_place_and_one_by_one() -> None:
    state, world = made(TIERS)
    edited = TIERS.replace("allow tcp(5432, 5433) from web", "allow tcp(5432) from web\n  allow icmp from outside")
    found = planned(edited.replace("  allow udp(53) to any\n", ""), state, world)
    assert changing(found) == [("update", "db")]
    assert [(change.path, change.before, change.after) for change in one(found, "update", "db").changes] == [
        ("rules[0]", "allow tcp(5432, 5433) from web", "allow tcp(5432) from web"),
        ("rules[1]", "allow udp(53) to any", "allow icmp from outside"),
    ]
    found = planned(TIERS.replace("  deny any to any\n", "  deny icmp to any\n  deny any to any\n"), state, world)
    assert [(change.before, change.after) for change in one(found, "update", "db").changes] == [
        ("(no rule)", "deny icmp to any")
    ]


def test_rules_that_are_all_taken_out_are_taken_out() -> None:
    state, world = made(AROUND + WEB + DB)
    found = planned(AROUND + WEB + "ensure segment db in lan { }", state, world)
    assert [change.after for change in one(found, "update", "db").changes] == ["(no rule)"] * 3


def test_an_adopted_segment_without_rules_keeps_those_it_has() -> None:
    there = Present(fields={"rules": [{"action": "deny", "what": {"is": "any"}}]})
    text = AROUND + "adopt segment db in lan { }"
    world = {**INVENTORY, "vmNet/db": there}
    first = planned(text, None, world)
    assert one(first, "adopt", "db").args == {"inside": "vmNet", "name": "db"}
    state, world = applied(first.plan, world)
    assert changing(planned(text, state, world)) == []


def test_what_the_platform_tells_may_be_written_otherwise() -> None:
    state, world = made(AROUND + WEB + DB)
    present = world["vmNet/vch-1-db"]
    assert isinstance(present, Present)
    told = [{**rule, "what": {"ports": None, **rule["what"]}} for rule in present.fields["rules"]]
    world["vmNet/vch-1-db"] = msgspec.structs.replace(present, fields={**present.fields, "rules": told})
    assert changing(planned(AROUND + WEB + DB, state, world)) == []
    del told[2]  # somebody has opened it
    found = planned(AROUND + WEB + DB, state, world)
    assert [(one.before, one.after) for one in one(found, "update", "db").changes] == [("(no rule)", "deny any to any")]


def test_entering_another_segment_restarts_nobody_else() -> None:
    state, world = made(TIERS)
    found = planned(TIERS.replace("segment: db", "segment: web"), state, world)
    assert changing(found) == [("commit", "e@handle")]
    [change] = one(found, "commit", "e@handle").changes
    assert (change.path, change.effect) == ("lan as client.segment", "restart")


def test_a_segment_goes_after_who_left_it_and_after_the_rules_that_name_it() -> None:
    state, world = made(TIERS)
    text = AROUND + DB.replace("from web", "from any") + EXECUTOR
    found = planned(text, state, world)
    assert changing(found) == [("update", "db"), ("delete", "web")]
    assert one(found, "update", "db").id in one(found, "delete", "web").needs
    text = AROUND + WEB.replace("from db", "from web") + EXECUTOR.replace(" { segment: db }", "")
    found = planned(text, state, world)
    needs = {one(found, "commit", "e@handle").id, one(found, "update", "web").id}
    assert needs <= set(one(found, "delete", "db").needs)


def test_everything_goes_backwards() -> None:
    text = TIERS.replace('existing network lan at "vmNet"', 'ensure network lan at "ours"')
    state, world = made(text)
    for found in (planned("", state, world), ended(state, world)):
        for name in ("web", "db"):
            assert place(found, "delete", name) < place(found, "delete", "lan")
        assert one(found, "delete", "e").id in one(found, "delete", "db").needs


def ended(state: Deployment, world: dict[str, Observation]) -> Planned:
    from tests.plan.test_removal import ended as destroyed

    return destroyed(state, world)


def test_a_strangers_segment_is_not_touched() -> None:
    owner = OwnerTag(deployment="theirs", lineage="x", address="web", generation=1, key="k")
    world = {**INVENTORY, "vmNet/vch-1-web": Present(owner=owner)}
    found = planned(AROUND + WEB + DB, None, world)
    assert [diagnostic.code for diagnostic in found.diagnostics] == ["foreign-owner"]


def test_a_driver_that_cannot_enforce_segments_refuses_them_by_name() -> None:
    can = msgspec.structs.replace(CAPABILITIES, declined={"segment": "it has no filter"})
    found = Front(TIERS).plan(None, dict(INVENTORY), capabilities=can)
    assert [(one.code, one.message) for one in found.diagnostics] == [
        ("unsupported", "the local portlayer has no segment: it has no filter")
    ] * 2


def test_segments_without_a_level_to_keep_them_on_are_refused_at_the_join() -> None:
    can = msgspec.structs.replace(CAN, promises=CAPABILITIES.promises)
    [found] = Front(TIERS).plan(None, dict(INVENTORY), capabilities=can).diagnostics
    assert found.message == "the able portlayer cannot keep `segment` here"


def test_a_segment_that_is_called_by_its_name_there_is_refused_as_well() -> None:
    text = AROUND + EXECUTOR.replace("segment: db", 'segment: "vmNet/theirs"')
    [found] = Front(text).plan(None, dict(INVENTORY)).diagnostics
    assert found.message == "the local portlayer cannot keep `segment` here"
    assert Front(text).plan(None, dict(INVENTORY), capabilities=CAN).diagnostics == ()


# ---- templates -----------------------------------------------------------------------------------------------------


def test_a_template_is_composed_started_and_frozen_before_its_copies() -> None:
    found = planned(AROUND + TEMPLATE)
    assert [op for op in changing(found) if op[1] not in ("p", "l", "boot")] == [
        ("create", "t"), ("commit", "t@handle"), ("start", "t"), ("freeze", "t"), ("create", "c"),
    ]  # fmt: skip
    assert one(found, "freeze", "t").id in one(found, "create", "c").needs
    assert one(found, "create", "c").args["parent"] == "ds://d/l/vch-1-t"
    assert one(found, "create", "c").identity == "ds://d/l/vch-1-c"  # where its parent's files are


def test_a_frozen_template_is_left_alone() -> None:
    assert changing(planned(AROUND + TEMPLATE, *made(AROUND + TEMPLATE))) == []


def test_a_template_that_was_not_frozen_yet_is() -> None:
    state, world = made(AROUND + TEMPLATE)
    now = world["ds://d/l/vch-1-t"]
    assert isinstance(now, Present)
    world["ds://d/l/vch-1-t"] = msgspec.structs.replace(now, state="running")
    assert changing(planned(AROUND + TEMPLATE, state, world)) == [("freeze", "t")]


def test_a_template_that_changes_is_frozen_once_more() -> None:
    state, world = made(AROUND + TEMPLATE)
    text = AROUND + TEMPLATE.replace(
        "boot as loader, bind }", "boot as loader, bind\n join lan as client, bind { ip: .dhcp } }"
    )
    found = planned(text, state, world)
    assert changing(found) == [("stop", "t"), ("commit", "t@handle"), ("start", "t"), ("freeze", "t")]
    assert one(found, "freeze", "t").notes == ("`c` began as a copy of it, and stays as it is",)


def test_another_parent_is_another_executor() -> None:
    state, world = made(AROUND + TEMPLATE)
    other = (
        TEMPLATE.replace("template t ", "template u ")
        .replace("handle t ", "handle u ")
        .replace("parent: t", "parent: u")
    )
    found = planned(
        AROUND + TEMPLATE.replace("parent: t", "parent: u") + other.partition("create executor")[0], state, world
    )
    assert ("create", "c") in changing(found)
    assert [change.effect for change in one(found, "create", "c").changes] == ["replace"]
    assert place(found, "freeze", "u") < place(found, "create", "c")


def test_a_template_goes_after_its_copies_and_is_stopped_first() -> None:
    state, world = made(AROUND + TEMPLATE)
    for found in (planned("", state, world), ended(state, world)):
        assert place(found, "delete", "c") < place(found, "delete", "t")
        assert one(found, "stop", "t").id in one(found, "delete", "t").needs


def test_a_template_that_nothing_composes_is_told() -> None:
    front = Front(AROUND + "create template t in p at l\ncreate executor c in p { parent: t }")
    found = front.plan(None, dict(INVENTORY), capabilities=CAN)
    said = [*front.codes(), *(one.code for one in found.diagnostics)] if not front.codes() else front.codes()
    assert said == ["no-loader"]


def test_a_driver_without_templates_refuses_them_by_name() -> None:
    can = msgspec.structs.replace(CAPABILITIES, declined={"template": "it cannot freeze"})
    found = Front(AROUND + TEMPLATE).plan(None, dict(INVENTORY), capabilities=can)
    said = "the local portlayer has no template: it cannot freeze"
    assert [one.message for one in found.diagnostics] == [said]
    text = AROUND + 'create executor c in p at l { parent: "ds://d/l/warm" }'
    found = Front(text).plan(None, dict(INVENTORY), capabilities=can)
    assert [one.message for one in found.diagnostics] == [said]


# ---- carried out ---------------------------------------------------------------------------------------------------

Make = Callable[[], Scripted]
ALL = TIERS.replace('"ds://d/l"', '"ds://datastore1/l"') + TEMPLATE
EDITED = (
    ALL.replace("tcp(5432, 5433) from web", "tcp(5432) from any").replace("segment: db", "segment: web")
    + "create segment more in lan { allow any from more }\n"
)
LESS = AROUND.replace('"ds://d/l"', '"ds://datastore1/l"') + WEB.replace("from db", "from web")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(scripted, "CAPABILITIES", CAN)
    count = iter(range(1_000_000))

    def make() -> Scripted:
        directory = tmp_path / str(next(count))
        directory.mkdir()
        return Scripted(directory)

    return make


def settled(scene: Scripted, script: str) -> None:
    scene.settled(script)
    for thing in scene.world.values():
        if thing.kind == "template":
            assert thing.state == "frozen"


def test_applied_edited_and_removed(scene: Make) -> None:
    one = scene()
    for script in (ALL, EDITED, LESS, ""):
        assert one.apply(script) == "done"
        settled(one, script)
    assert all(thing.owner is None for thing in one.world.values())
    assert one.calls.count(("create", "web")) == 1


def test_dropped_anywhere_and_applied_again(scene: Make) -> None:
    number = points_of(scene(), ALL)
    for stop_at in range(1, number + 1, 2):
        one = scene()
        assert one.dropped(ALL, stop_at), stop_at
        assert one.apply(ALL) == "done", stop_at
        settled(one, ALL)


def test_an_edit_dropped_anywhere(scene: Make) -> None:
    first = scene()
    assert first.apply(ALL) == "done"
    number = points_of(first, EDITED)
    for stop_at in range(1, number + 1, 3):
        one = scene()
        one.apply(ALL)
        one.dropped(EDITED, stop_at)
        for script in (EDITED, LESS):
            assert one.apply(script) == "done", (stop_at, script)
            settled(one, script)


def source_form(thing: Thing, names: dict[str, str]) -> list[dict[str, Any]]:
    """The rules of a segment on the platform as the simulator of `test_segments` takes them."""
    out = []
    for rule in thing.fields["rules"]:
        what, peer = rule["what"], rule["peer"]
        ports = None if what.get("ports") is None else [v.Range(port["low"], port["high"]) for port in what["ports"]]
        out.append(
            {
                "action": rule["action"],
                "what": v.VariantValue(what["is"], {} if ports is None else {"ports": ports}),
                "direction": rule["direction"],
                "peer": v.ElementRef("segment", names[peer["name"]])
                if peer["is"] == "segment"
                else v.VariantValue(peer["is"]),
            }
        )
    return out


def test_the_platform_lets_through_what_the_script_says(scene: Make) -> None:
    """The rules as they arrived there, tried packet by packet, against what the analysis says of the script."""
    from vchlang.analysis.segments import Reach
    from vchlang.analysis.traffic import common, traffic_of

    one = scene()
    assert one.apply(ALL) == "done"
    names = {thing.identity: thing.owner.address for thing in one.world.values() if thing.owner is not None}
    there = {
        names[thing.identity]: source_form(thing, names) for thing in one.world.values() if thing.kind == "segment"
    }
    assert set(there) == {"web", "db"}
    reach = Reach(Front(ALL).composition)
    ends = {"outside": v.VariantValue("outside"), **{name: v.ElementRef("segment", name) for name in there}}
    passed = 0
    extra = [("tcp", port) for port in (22, 80, 443, 5432, 5433, 5434)] + [("udp", 53)]
    for source, asked in ends.items():
        for target, other in ends.items():
            allowed = {what for what in [*packets(), *extra] if passes(there, Packet(*what, source, target))}
            way = reach.reachable(asked, other)
            assert (way is not None) is bool(allowed), (source, target)
            for protocol, port in allowed if way is not None else ():
                case = v.VariantValue(protocol, {"ports": [port]} if port else {})
                passed += bool(protocol != "esp" and common(traffic_of(case), way.traffic))
    assert passed > 10


# ---- mutants -------------------------------------------------------------------------------------------------------


def test_an_order_among_segments_that_name_each_other_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = build._Builder.later

    def wrong(self: Any, item: Any) -> Any:
        out = right(self, item)
        if getattr(item, "kind", "") == "segment":
            out |= {("element", one) for one in item.needs}
        return out

    monkeypatch.setattr(build._Builder, "later", wrong)
    with pytest.raises(AssertionError):
        test_a_segment_comes_between_its_network_and_who_enters_it()


def test_rules_that_are_not_compared_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "rule_changes", lambda *args: [])
    for test in (test_rules_change_in_place_and_one_by_one, test_rules_that_are_all_taken_out_are_taken_out):
        with pytest.raises(AssertionError):
            test()


def test_a_segment_that_is_dropped_silently_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "_promises", lambda step: [])
    with pytest.raises(ValueError):
        test_segments_without_a_level_to_keep_them_on_are_refused_at_the_join()
    monkeypatch.setattr(build._Builder, "supported", lambda self, element: True)
    with pytest.raises(AssertionError):
        test_a_driver_that_cannot_enforce_segments_refuses_them_by_name()


def test_a_copy_that_does_not_wait_for_the_freeze_is_noticed(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build._Builder, "step_for", lambda self, address: ("element", address))
    with pytest.raises(AssertionError):
        test_a_template_is_composed_started_and_frozen_before_its_copies()


def test_a_freeze_that_is_never_planned_is_noticed(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executors, "freeze", lambda self, element, handles, state: None)
    with pytest.raises(AssertionError):
        test_applied_edited_and_removed(scene)


def test_leaving_a_segment_too_late_is_noticed(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = removal.references
    monkeypatch.setattr(
        removal, "references", lambda row: {one for one in right(row) if row.kind != "handle" or "/vch-1-db" not in one}
    )
    for test in (
        test_everything_goes_backwards,
        test_a_segment_goes_after_who_left_it_and_after_the_rules_that_name_it,
    ):
        with pytest.raises(AssertionError):
            test()


def test_a_direction_that_gets_lost_on_the_way_is_noticed(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules.lowered

    def wrong(rule: Any, identity: Any) -> dict[str, Any]:
        return {**right(rule, identity), "direction": "from"}

    monkeypatch.setattr("vchlang.plan.lower.lowered", wrong)
    with pytest.raises(AssertionError):
        test_the_platform_lets_through_what_the_script_says(scene)


def test_a_recovery_that_forgets_about_freezing_is_noticed(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A freeze whose answer was lost: only the look-up tells that it is done."""

    def lost(scene: Scripted) -> str:
        scene.fault = lambda step: "lost-after" if step.action == "freeze" else None
        return scene.apply(AROUND.replace('"ds://d/l"', '"ds://datastore1/l"') + TEMPLATE)

    assert lost(scene()) == "done"
    right = recover.resolve
    monkeypatch.setattr(
        "vchlang.portlayer.execute.resolve", lambda op, found: "nothing" if op.action == "freeze" else right(op, found)
    )
    assert lost(scene()) == "failed"


def test_the_platform_in_memory_keeps_its_own_rules() -> None:
    """What the plans above are ordered for is really refused there."""
    driver = MemoryDriver({("template", "t"): Thing(kind="template", identity="t", state="running")})
    from tests.drivers.contract import step
    from vchlang.kinds.compute import Executor

    with pytest.raises(DriverError):
        driver.perform(step("create", "executor", "x", Executor(inside="t", parent="t")))
    driver.world["template", "t"].state = "frozen"
    driver.perform(step("create", "executor", "x", Executor(inside="t", parent="t")))
