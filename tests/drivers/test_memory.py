"""The platform in memory keeps what the suites for segments and templates ask: other tests rest on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests import memory_driver
from tests.drivers.abilities import SegmentContract, TemplateContract
from tests.memory_driver import MemoryDriver, Thing
from vchlang.portlayer.driver import Driver, Outcome, Step
from vchlang.system import Point, no_point


class Memory:
    """A world in memory."""

    pool = "/clusterA/poolB"
    location = "ds://datastore1/volumes"
    second = "ds://datastore2/race"

    def __init__(self) -> None:
        self.world: memory_driver.World = {("pool", self.pool): Thing(kind="pool", identity=self.pool)}

    def driver(self, point: Point = no_point) -> Driver:
        return MemoryDriver(self.world, point)

    def corrupt(self, kind: str, identity: str) -> None:
        self.world[kind, identity].corrupt = True

    def put(self, location: str, name: str, text: str) -> None:
        raise NotImplementedError("no file is asked for here")

    def snapshot(self) -> dict[str, bytes]:
        return {f"{kind} {name}": msgspec.json.encode(one) for (kind, name), one in self.world.items()}


class _OnMemory:
    @pytest.fixture
    def platform(self) -> Memory:
        return Memory()


class TestSegments(_OnMemory, SegmentContract):
    pass


class TestTemplates(_OnMemory, TemplateContract):
    pass


# ---- mutants: each breaks a rule of the driver, and the suites must notice -------------------------------------------


def run(suite: Any, test: str, *arguments: str) -> None:
    from tests.drivers.contract import World

    platform = Memory()
    function = getattr(suite(), test)
    given: dict[str, Any] = {"world": World(platform), "platform": platform}
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    function(**{name: given[name] for name in names if name in given}, **dict(zip(names[2:], arguments, strict=True)))


def nobodys(self: MemoryDriver, thing: Thing, step: Step) -> None:
    """Whose it is, is not looked at."""


def never_in_use(self: MemoryDriver, thing: Thing) -> None:
    """Nobody is ever in a segment, and nothing a copy of a template."""


def adds_rules(right: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """An update adds to the rules in the place of putting others there."""

    def wrong(self: MemoryDriver, step: Step) -> Outcome:
        if step.action == "update" and step.kind == "segment":
            old = msgspec.convert(self.world["segment", step.identity].fields["rules"], list[Any])
            step.args = msgspec.structs.replace(step.args, rules=[*old, *step.args.rules])
        return right(self, step)

    return wrong


@pytest.mark.parametrize(
    ("suite", "test", "mutant", "instead"),
    [
        (SegmentContract, "test_what_is_somebody_elses_is_not_touched", "_check_owner", nobodys),
        (SegmentContract, "test_one_that_somebody_is_in_stays", "_user_of", never_in_use),
        (SegmentContract, "test_rules_change_in_place_and_as_a_whole", "_act", adds_rules(MemoryDriver._act)),
        (TemplateContract, "test_a_template_stays_while_it_has_copies", "_user_of", never_in_use),
    ],
)
def test_mutant_is_noticed(suite: Any, test: str, mutant: str, instead: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["delete"] if "somebody_elses" in test else []
    run(suite, test, *arguments)
    monkeypatch.setattr(MemoryDriver, mutant, instead)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(suite, test, *arguments)
