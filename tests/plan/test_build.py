"""What holds for every plan, whatever the script."""

from __future__ import annotations

import random

import msgspec
import pytest

from tests.cases import INVENTORY, SECRETS
from tests.front import CAPABILITIES, LINEAGE, Front, applied
from vchlang.kinds.world import Absent, Observation, OwnerTag, Present, Unknown, object_key
from vchlang.plan.destroy import destroy, destroy_queries
from vchlang.plan.model import CHANGING, Plan
from vchlang.state.store import Deployment


def script_of(seed: int) -> str:
    """A random script without mistakes, of every kind and some edits."""
    chance = random.Random(seed)
    out = [f'ensure pool p in "/clusterA/poolB" {{ limits: {{ memory: {chance.randrange(1, 9)}GiB }} }}']
    out += ['existing network n at "vmNet"', 'existing network m at "networkA"']
    locations = [f"l{n}" for n in range(chance.randrange(1, 4))]
    out += [f'ensure location {name} at "ds://d/{name}"' for name in locations]
    storages = [f"s{n}" for n in range(chance.randrange(1, 5))]
    for name in storages:
        what = f'data: archive("{chance.choice("xyz")}/")' if chance.random() < 0.5 else "free: 1GiB"
        out.append(f"create storage {name} in {chance.choice(locations)} {{ {what} }}")
    for n in range(chance.randrange(0, 4)):
        out.append(f'create task t{n} {{ path: "/bin/t", env: {{ N: "{chance.randrange(3)}" }} }}')
        out.append(f"create executor e{n} in p at {chance.choice(locations)}")
        body = ["join s0 as loader, bind"]
        body += [f'join {s} as persistent, bind at "/{s}"' for s in storages[1:] if chance.random() < 0.5]
        body.append(f"join t{n}, bind {{ ready: .tcp(port: 80) }}")
        if chance.random() < 0.7:
            body.append("join n as client, bind { ip: .dhcp }")
        out.append(f"handle e{n} {{ {' '.join(body)} }}")
        if chance.random() < 0.7:
            out.append(f"start e{n}\nwait e{n} until ready within 1min")
    return "\n".join(out)


def planned(text: str, state: Deployment | None, world: dict[str, Observation]) -> Plan:
    front = Front(text, secrets=SECRETS)
    assert front.codes() == [], front.said()
    result = front.plan(state, world)
    assert [one.code for one in result.diagnostics if one.severity == "error"] in ([], ["replace-loses-data"])
    return result.plan


@pytest.mark.parametrize("seed", range(60))
def test_after_apply_there_is_nothing_to_do(seed: int) -> None:
    text = script_of(seed)
    first = planned(text, None, dict(INVENTORY))
    state, world = applied(first, dict(INVENTORY))
    again = planned(text, state, world)
    assert [op for op in again.operations if op.action in CHANGING] == []
    assert not again.changing


@pytest.mark.parametrize("seed", range(40))
def test_an_edit_leads_to_its_script_and_then_to_nothing(seed: int) -> None:
    one, other = script_of(seed), script_of(seed + 1000)
    state, world = applied(planned(one, None, dict(INVENTORY)), dict(INVENTORY))
    front = Front(other, secrets=SECRETS)
    result = front.plan(state, world)
    if any(diagnostic.severity == "error" for diagnostic in result.diagnostics):
        return  # refused, which is a fine answer for a random edit; that it is seldom is asserted below
    check_order(result.plan)
    state, world = applied(result.plan, world, state)
    assert not planned(other, state, world).changing
    assert {row.address for row in state.objects if row.deposed} == set()


def test_most_random_edits_are_planned() -> None:
    refused = 0
    for seed in range(40):
        state, world = applied(planned(script_of(seed), None, dict(INVENTORY)), dict(INVENTORY))
        result = Front(script_of(seed + 1000), secrets=SECRETS).plan(state, world)
        refused += any(one.severity == "error" for one in result.diagnostics)
    assert refused < 30


def check_order(plan: Plan) -> None:
    seen: set[str] = set()
    for op in plan.operations:
        assert set(op.needs) <= seen, "an operation stands before one that it needs"
        seen.add(op.id)


@pytest.mark.parametrize("seed", range(20))
def test_destroy_leaves_nothing(seed: int) -> None:
    text = script_of(seed)
    state, world = applied(planned(text, None, dict(INVENTORY)), dict(INVENTORY))
    front = Front(text, secrets=SECRETS)
    request = front.request(state)
    observed = {query.id: world.get(query.identity, Absent()) for query in destroy_queries(request)}
    result = destroy(request, observed)
    assert result.diagnostics == ()
    check_order(result.plan)
    after, left = applied(result.plan, world, state)
    assert after.objects == ()
    assert left == INVENTORY


def test_unknown_is_never_taken_for_absent() -> None:
    text = 'ensure location l at "ds://d/l"'
    front = Front(text)
    result = front.plan(None, {"ds://d/l": Unknown(reason="the directory may not be read")})
    assert [one.code for one in result.diagnostics] == ["unknown-world"]
    assert not [op for op in result.plan.operations if op.action in CHANGING]
    state, _ = applied(front.plan().plan, {})
    gone = Front("let nothing = 1\noutput o = nothing").plan(state, {"ds://d/l": Unknown(reason="no answer")})
    assert [one.code for one in gone.diagnostics] == ["unknown-world"]
    assert not [op for op in gone.plan.operations if op.action in CHANGING]


def test_what_belongs_to_somebody_else_is_refused_with_their_name() -> None:
    other = OwnerTag(deployment="theirs", lineage="x", address="data", generation=1, key="k")
    text = 'ensure location l at "ds://d/l"'
    result = Front(text).plan(None, {"ds://d/l": Present(owner=other)})
    assert [one.code for one in result.diagnostics] == ["foreign-owner"]
    assert "theirs" in result.diagnostics[0].message
    shared = Front(text).plan(None, {"ds://d/l": Present(owner=other, shared=True)})
    assert shared.diagnostics == ()
    assert [op.action for op in shared.plan.operations] == ["confirm", "adopt"]


def test_create_refuses_what_is_there_and_ensure_takes_what_is_ours() -> None:
    text = 'create location l at "ds://d/l"'
    assert [d.code for d in Front(text).plan(None, {"ds://d/l": Present()}).diagnostics] == ["not-empty"]
    assert Front(text).plan(None, {"ds://d/l": Present(claimable=True)}).diagnostics == ()
    network = 'create network n in "/dc/switch" { name: "n" }'
    assert [d.code for d in Front(network).plan(None, {"n": Present()}).diagnostics] == ["already-exists"]
    adopt = 'adopt network n at "n"'
    assert [op.action for op in Front(adopt).plan(None, {"n": Present()}).plan.operations] == ["confirm", "adopt"]
    assert [d.code for d in Front(adopt).plan().diagnostics] == ["not-found"]
    tag = OwnerTag(deployment="vch-1", lineage=LINEAGE, address="l", generation=1, key=object_key(LINEAGE, "l", 1))
    state = Deployment(name="vch-1", lineage=LINEAGE)
    lost = Front(text).plan(state, {"ds://d/l": Present(owner=tag)})
    assert lost.diagnostics == ()
    assert lost.plan.operations[1].because == ("it is ours already, and the state did not know it",)


def test_a_promise_that_the_driver_cannot_keep_is_refused() -> None:
    text = """ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
create storage boot in l { free: 1GiB }
create storage logs in l { free: 1GiB }
create executor e in p at l
handle e { join boot as loader, bind
  join logs as persistent, bind at "/log" { mode: .write_only, noexec: true } }"""
    weak = msgspec.structs.replace(CAPABILITIES, promises={"write_only": "x"})
    result = Front(text).plan(None, dict(INVENTORY), capabilities=weak)
    assert [one.code for one in result.diagnostics] == ["unsupported"]
    assert "`noexec`" in result.diagnostics[0].message


def test_what_has_failed_is_started_again() -> None:
    """A wait for a task that has ended would never end, so the whole is started anew."""
    text = """ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
create storage boot in l { free: 1GiB }
create executor e in p at l
handle e { join boot as loader, bind }
start e
wait e until ready within 1min"""
    state, world = applied(Front(text).plan().plan, {})
    there = world["ds://d/l/vch-1-e"]
    assert isinstance(there, Present)
    world["ds://d/l/vch-1-e"] = msgspec.structs.replace(there, facts={"state": "degraded"})
    actions = [op.action for op in Front(text).plan(state, world).plan.operations if op.action in CHANGING]
    assert actions == ["stop", "start", "wait"]


def test_nothing_is_made_in_what_is_somebody_elses() -> None:
    text = 'existing location l at "ds://d/l"\ncreate storage s in l { free: 1MiB }'
    other = OwnerTag(deployment="theirs", lineage="x", address="data", generation=1, key="k")
    result = Front(text).plan(None, {"ds://d/l": Present(owner=other)})
    assert [one.code for one in result.diagnostics] == ["foreign-owner"]
    assert "theirs" in result.diagnostics[0].message


def test_a_location_that_others_use_stays_shared() -> None:
    state, world = applied(Front('ensure location l at "ds://d/l" { shared: true }').plan().plan, {})
    there = world["ds://d/l"]
    assert isinstance(there, Present)
    other = OwnerTag(deployment="theirs", lineage="x", address="data", generation=1, key="k")
    world["ds://d/l"] = msgspec.structs.replace(there, shared=True, sharers=(other,))
    result = Front('ensure location l at "ds://d/l" { shared: false }').plan(state, world)
    assert [one.code for one in result.diagnostics] == ["foreign-owner"]


def test_drift_is_set_back() -> None:
    text = 'ensure pool p in "/clusterA/poolB" { limits: { memory: 8GiB } }'
    front = Front(text)
    state, world = applied(front.plan().plan, {})
    there = world["/clusterA/poolB/vch-1-p"]
    assert isinstance(there, Present)
    drifted = {"/clusterA/poolB/vch-1-p": Present(owner=there.owner, fields={"limits": {"memory": 4 * 2**30}})}
    operation = Front(text).plan(state, drifted).plan.operations[1]
    assert operation.action == "update"
    assert [(one.before, one.after) for one in operation.changes] == [("4GiB", "8GiB")]


def test_a_cycle_of_elements_is_printed_in_order() -> None:
    text = """ensure pool p in "/clusterA/poolB"
ensure location l at "ds://d/l"
create storage boot in l { free: 1GiB }
existing network n at "vmNet"
create executor e in p at l
create task t { path: "/bin/t", env: { A: "${e.address(.client)}" } }
handle e { join boot as loader, bind
  join n as client, bind { ip: .dhcp }
  join t, bind { ready: .tcp(port: 80) } }"""
    found = [one for one in Front(text).diagnostics if one.severity == "error"]
    assert [one.code for one in found] == ["cycle"]
    assert "`t` → the handle of `e` → `t`" in found[0].message
    assert [label.text for label in found[0].labels] == ["the handle of `e` needs `t`"]


def test_planning_grows_linearly() -> None:
    """Counted in calls, not in seconds: ten times the elements make about ten times the work."""
    import cProfile
    import pstats

    def calls(count: int) -> int:
        text = "\n".join(
            f'ensure pool p{n} in "/a"\nensure location l{n} at "ds://d/l{n}"\n'
            f"create storage s{n} in l{n} {{ free: 1GiB }}\n"
            f"create executor e{n} in p{n} at l{n}\nhandle e{n} {{ join s{n} as loader, bind }}\n"
            f"start e{n}\nwait e{n} until ready within 1min"
            for n in range(count)
        )
        front = Front(text)
        profile = cProfile.Profile()
        profile.enable()
        state, world = applied(front.plan().plan, {})
        front.plan(state, world)
        request = Front("").request(state)
        destroy(request, {query.id: world.get(query.identity, Absent()) for query in destroy_queries(request)})
        profile.disable()
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    assert calls(200) < 11 * calls(20)
