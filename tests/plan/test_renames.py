"""Renames at every depth, in any order, with any of their words left in the script: no object becomes another."""

from __future__ import annotations

import random

from tests.cases import INVENTORY
from tests.front import Front, applied
from vchlang.kinds.world import Observation
from vchlang.state.store import Deployment

ELEMENTS = ("a", "b", "c")
INSTANCES = ("one", "two", "three")


class Story:
    """One script through several edits: two instances of a component that has two storages.

    inner, outer: what each element and instance is called now. was: the words that stand before it, if any.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.inner = {1: "a", 2: "b"}
        self.outer = {1: "one", 2: "two"}
        self.was_inner: dict[int, str] = {}
        self.was_outer: dict[int, str] = {}

    def edit(self) -> None:
        """Rename some at random; of words that were there before, some go and some stay.

        Whoever writes for a second change what an earlier one left in the script says nothing new, so that is left out.
        """
        for names, was, all_ in ((self.inner, self.was_inner, ELEMENTS), (self.outer, self.was_outer, INSTANCES)):
            before = {(name, was[one]) for one, name in names.items() if one in was}
            for one in list(was):
                if self.chance.random() < 0.3:
                    del was[one]
            new = self.chance.sample(all_, len(names)) if self.chance.random() < 0.6 else list(names.values())
            moved = {one: name for one, name in zip(list(names), new, strict=True) if names[one] != name}
            if not any((name, names[one]) in before for one, name in moved.items()):
                was |= {one: names[one] for one in moved}
                names |= moved

    def script(self) -> str:
        inner = "".join(
            f'  {self.said(self.was_inner, one)}create storage {name} in st {{ data: archive("{one}/") }}\n'
            for one, name in self.inner.items()
        )
        outer = "".join(f"{self.said(self.was_outer, one)}create c {name} in l\n" for one, name in self.outer.items())
        return f'component c() in st: Location {{\n{inner}}}\nensure location l at "ds://d/l"\n{outer}'

    @staticmethod
    def said(was: dict[int, str], one: int) -> str:
        return f'@was("{was[one]}") ' if one in was else ""

    def addresses(self) -> dict[str, tuple[int, int]]:
        """Which object each address is."""
        return {
            f"{outer}.{inner}": (one, two) for one, outer in self.outer.items() for two, inner in self.inner.items()
        }


def told(story: Story) -> tuple[int, str]:
    """How many edits of a story are applied before one is refused, and why that was; AssertionError for a wrong one."""
    front = Front(story.script())
    state: Deployment
    world: dict[str, Observation]
    state, world = applied(front.plan(None, dict(INVENTORY)).plan, dict(INVENTORY))
    first = {row.address: row.identity for row in state.objects if row.kind == "storage"}
    made = {which: first[address] for address, which in story.addresses().items()}
    for count in range(4):
        story.edit()
        front = Front(story.script())
        if front.codes():
            assert set(front.codes()) == {"bad-rename"}, front.said()
            return count, "script"
        planned = front.plan(state, world)
        if planned.diagnostics:
            assert {one.code for one in planned.diagnostics} == {"bad-rename"}
            return count, "plan"
        assert not [op for op in planned.plan.operations if op.action in ("create", "delete")], story.script()
        state, world = applied(planned.plan, world, state)
        now = {row.address: row.identity for row in state.objects if row.kind == "storage"}
        assert now == {address: made[which] for address, which in story.addresses().items()}, story.script()
        again = front.plan(state, world)
        if again.diagnostics:
            return count, "again"
        assert not again.plan.changing, story.script()
    return 4, ""


def test_no_object_becomes_another_one() -> None:
    ends = [told(Story(seed)) for seed in range(120)]
    assert sum(count for count, _ in ends) > 200
    assert sum(why == "" for _, why in ends) > 20
