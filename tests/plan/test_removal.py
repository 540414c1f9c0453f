"""What goes, when, and what must not: scenes in which an object was once deleted, lost or forgotten by mistake."""

from __future__ import annotations

from tests.cases import INVENTORY
from tests.front import LINEAGE, Front, applied, data
from vchlang import values as v
from vchlang.kinds.world import Absent, Observation, OwnerTag, Present, object_key
from vchlang.plan.destroy import destroy, destroy_queries
from vchlang.plan.model import Operation
from vchlang.plan.request import Planned
from vchlang.state.store import Deployment

AROUND = """ensure pool p in "/clusterA/poolB"
ensure pool q in "/clusterA/poolB"
ensure location l at "ds://d/l"
create storage boot in l { data: archive("b/") }
"""
EXECUTOR = AROUND + "create executor e in p at l\nhandle e { join boot as loader, bind }\n"


def made(text: str) -> tuple[Deployment, dict[str, Observation]]:
    front = Front(text)
    assert front.codes() == [], front.said()
    return applied(front.plan(None, dict(INVENTORY)).plan, dict(INVENTORY))


def ended(state: Deployment, world: dict[str, Observation]) -> Planned:
    request = Front("").request(state)
    return destroy(request, {query.id: world.get(query.identity, Absent()) for query in destroy_queries(request)})


def one(planned: Planned, action: str, address: str) -> Operation:
    return next(op for op in planned.plan.operations if (op.action, op.address) == (action, address))


def test_an_adopted_thing_whose_name_now_means_another_kind_is_given_up() -> None:
    world: dict[str, Observation] = {**INVENTORY, "ds://d/x": Present()}
    front = Front('adopt location x at "ds://d/x"')
    state, world = applied(front.plan(None, world).plan, world)
    planned = Front('ensure pool x in "/clusterA/poolB"').plan(state, world)
    assert [op.action for op in planned.plan.operations if op.kind == "location"] == ["release"]


def test_an_adopted_thing_that_the_state_lost_is_taken_back_as_adopted() -> None:
    tag = OwnerTag(deployment="vch-1", lineage=LINEAGE, address="x", generation=1, key=object_key(LINEAGE, "x", 1))
    state = Deployment(name="vch-1", lineage=LINEAGE)
    planned = Front('adopt location x at "ds://d/x"').plan(state, {"ds://d/x": Present(owner=tag)})
    assert one(planned, "adopt", "x").origin == "adopted"


def test_an_executor_that_vanished_is_composed_again() -> None:
    state, world = made(EXECUTOR)
    del world["ds://d/l/vch-1-e"]
    planned = Front(EXECUTOR).plan(state, world)
    assert {op.action for op in planned.plan.operations if op.address in ("e", "e@handle")} == {"create", "commit"}


def test_a_storage_goes_after_the_executor_that_is_put_together_from_it() -> None:
    state, world = made(EXECUTOR)
    planned = ended(state, world)
    assert one(planned, "delete", "e").id in one(planned, "delete", "boot").needs
    gone = Front('ensure location l at "ds://d/l"').plan(state, world)
    assert one(gone, "delete", "e").id in one(gone, "delete", "boot").needs


def test_an_executor_that_changes_its_pool_is_replaced() -> None:
    state, world = made(EXECUTOR)
    planned = Front(EXECUTOR.replace("e in p", "e in q")).plan(state, world)
    assert one(planned, "create", "e").generation == 2
    assert one(planned, "delete", "e").id in one(planned, "create", "e").needs


def test_the_order_of_statements_does_not_decide_what_is_replaced() -> None:
    base = 'create storage base in l { data: archive("DATA/") }'
    child = "create storage child in l { parent: base }"
    location = 'ensure location l at "ds://d/l"'
    plans = []
    for parts in ([location, base, child], [child, location, base]):
        before, after = ("\n".join(parts).replace("DATA", one) for one in ("old", "new"))
        state, world = made(before)
        planned = Front(after).plan(state, world)
        plans.append(sorted((op.action, op.address, op.generation) for op in planned.plan.operations))
    assert plans[0] == plans[1]
    assert ("create", "child", 2) in plans[0]


def test_a_name_that_is_taken_shows_in_the_plan_and_not_only_while_applying() -> None:
    text = 'ensure location l at "ds://d/l"\ncreate storage s in l { data: archive("DATA/") }'
    state, world = made(text.replace("DATA", "old"))
    edited = Front(text.replace("DATA", "new"))
    other = OwnerTag(deployment="theirs", lineage="x", address="data", generation=1, key="k")
    for there, code in ((Present(), "already-exists"), (Present(owner=other), "foreign-owner")):
        planned = edited.plan(state, {**world, "ds://d/l/vch-1-s.2": there})
        assert [one.code for one in planned.diagnostics] == [code]
        assert "vch-1-s.2" in planned.diagnostics[0].message
    ours = OwnerTag(deployment="vch-1", lineage=LINEAGE, address="s", generation=2, key=object_key(LINEAGE, "s", 2))
    assert edited.plan(state, {**world, "ds://d/l/vch-1-s.2": Present(owner=ours)}).diagnostics == ()


def test_retained_storage_that_is_replaced_is_kept_for_good() -> None:
    text = 'ensure location l at "ds://d/l"\n@retain create storage s in l { data: archive("DATA/") }'
    state, world = made(text.replace("DATA", "old"))
    for _ in range(2):
        planned = Front(text.replace("DATA", "new")).plan(state, world)
        assert [op for op in planned.plan.operations if op.action == "delete"] == []
        state, world = applied(planned.plan, world, state)


def test_a_retained_executor_keeps_what_it_is_put_together_from() -> None:
    state, world = made(EXECUTOR.replace("create executor", "@retain create executor"))
    planned = ended(state, world)
    assert [op.address for op in planned.plan.operations if op.action == "delete"] == ["q"]


def test_existing_does_not_disown() -> None:
    network = 'create network n in "/dc/switch" { name: "n" }'
    state, world = made(network)
    planned = Front('existing network n { name: "n" }').plan(state, world)
    assert [diagnostic.code for diagnostic in planned.diagnostics] == ["wrong-verb"]


def test_one_refusal_is_not_followed_by_others() -> None:
    other = OwnerTag(deployment="theirs", lineage="x", address="data", generation=1, key="k")
    text = 'ensure location l at "ds://d/l"\ncreate storage s in l { free: 1MiB }'
    planned = Front(text).plan(None, {"ds://d/l": Present(owner=other)})
    assert [diagnostic.code for diagnostic in planned.diagnostics] == ["foreign-owner"]


def test_data_is_the_same_under_another_path() -> None:
    assert isinstance(data("x"), v.DataRef)
    text = 'ensure location l at "ds://d/l"\ncreate storage s in l { data: archive("PATH/") }'
    state, world = made(text.replace("PATH", "one"))
    front = Front(text.replace("PATH", "two"), inputs=None)
    same = data("one")
    moved = Front(text.replace("PATH", "two"), inputs=dict.fromkeys(front.inputs, same))
    assert not moved.plan(state, world).plan.changing
