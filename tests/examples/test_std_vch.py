"""`std/vch` against `examples/seed.vch`: one deployment written twice, so one plan, but for what things are called.

The plans are compared as the JSON documents that they are. Where they differ, the difference is a renaming of
addresses, or of what the platform calls an element after its address, and the renaming is one to one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.front import CAPABILITIES, ROOT, Front
from vchlang.kinds.world import Present
from vchlang.plan.codec import canonical
from vchlang.plan.model import Plan
from vchlang.state.store import HANDLE

TARGET = msgspec.structs.replace(CAPABILITIES, schemes=("ds", "file", "nfs"))
SECRET = {"vmomi": {"user": "vch", "password": "secret"}}
ELSEWHERE = frozenset({"place", "line", "script", "inputs"})
"""Where a statement stands, and in which files: spans."""
DIGESTS = frozenset({"spec"})
"""Of arguments that are compared themselves, names in them included."""
DIFFERENT: dict[str, tuple[Any, Any]] = {}
"""What the defaults of `std/vch` make different, by the place in the plan: nothing."""

Pairs = list[tuple[str, Any, Any]]


def planned(path: str, text: str | None = None, **params: str) -> Plan:
    text = text if text is not None else Path(ROOT, path).read_text(encoding="utf-8")
    front = Front(text, name=path, secrets=SECRET, params=params)
    assert front.diagnostics == [], front.said()
    found = front.plan(world={name: Present() for name in ("networkA", "vmNet")}, capabilities=TARGET)
    assert found.plan is not None, [one.message for one in found.diagnostics]
    return found.plan


@pytest.fixture(scope="module")
def seed() -> Plan:
    return planned("examples/seed.vch")


@pytest.fixture(scope="module")
def example() -> Plan:
    return planned("examples/vch.vch")


def document(plan: Plan) -> Any:
    """A plan as it stands in a file."""
    return msgspec.json.decode(canonical(msgspec.to_builtins(plan)))


def renaming(one: Plan, other: Plan) -> dict[str, str]:
    """The addresses of one plan, each with the one that the other plan has in its place."""
    pairs = [(a.address, b.address) for a, b in zip(one.operations, other.operations, strict=True) if a.address]
    pairs = [(a.removesuffix(HANDLE), b.removesuffix(HANDLE)) for a, b in pairs]
    found = dict(pairs)
    assert all(found[a] == b for a, b in pairs), "one address has two others"
    assert len(set(found.values())) == len(found), "two addresses have one other"
    assert not set(found) & set(found.values())
    return found


def differences(one: Any, other: Any, names: dict[str, str], path: str = "") -> Pairs:
    """Where two documents differ when the first has its names changed, in the order of the first."""
    key = re.split(r"[.\[]", path)[-1] if not path.endswith("]") else ""
    if key in ELSEWHERE | DIGESTS:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        missing = [(f"{path}.{key}", one.get(key), other.get(key)) for key in one.keys() ^ other.keys()]
        return missing + [
            found for key in one if key in other for found in differences(one[key], other[key], names, f"{path}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for at, pair in enumerate(zip(one, other, strict=True))
            for found in differences(*pair, names, f"{path}[{at}]")
        ]
    return [] if renamed(one, names, key) == other else [(path, one, other)]


def renamed(value: Any, names: dict[str, str], key: str) -> Any:
    """A text with the addresses in it changed: as a whole, before a fact, in a step, or in a name made of one."""
    if not isinstance(value, str):
        return value
    if key == "address" or (key == "identity" and value in names):  # a task is nothing of its own on the platform
        address, mark, rest = value.partition(HANDLE)
        return names.get(address, address) + mark + rest
    if key == "$ref":
        address, dot, fact = value.rpartition(".")
        return names.get(address, address) + dot + fact
    step = re.match(r"(join|bind) ([a-z]+)", value)
    if step is not None and step[2] in names:
        value = f"{step[1]} {names[step[2]]}{value[step.end() :]}"
    return re.sub(r"(?<=vch-1-)[a-z]+", lambda found: names.get(found[0], found[0]), value)


def test_the_short_deployment_has_the_plan_of_the_seed(seed: Plan, example: Plan) -> None:
    names = renaming(seed, example)
    assert all(new.startswith("production.") for new in names.values())
    found = differences(document(seed), document(example), names)
    assert {path: (one, other) for path, one, other in found} == DIFFERENT
    back = {new: old for old, new in names.items()}
    assert len(back) == len(names) == len({one.address.removesuffix(HANDLE) for one in seed.operations if one.address})


def test_addresses_are_those_of_the_seed_but_for_three(seed: Plan, example: Plan) -> None:
    names = renaming(seed, example)
    others = {old: new for old, new in names.items() if new != f"production.{old}"}
    assert others == {
        "management": 'production.net["networkA"]',  # networks go by their port groups: roles may share one
        "vmnet": 'production.net["vmNet"]',
        "endpoint": "production.appliance",  # `endpoint` is the parameter that takes the image
    }


def test_steps_are_in_the_same_order_with_the_same_edges(seed: Plan, example: Plan) -> None:
    """Operations come in topological order, and ties in the order of the source: `std/vch` keeps that of the seed."""
    assert [(one.id, one.action, one.kind, one.needs) for one in seed.operations] == [
        (one.id, one.action, one.kind, one.needs) for one in example.operations
    ]


def test_the_deployment_of_the_language_page_is_the_example(example: Plan) -> None:
    text = Path(ROOT, "tests/syntax/programs/language_std_vch.vch").read_text(encoding="utf-8")
    page = planned("examples/vch.vch", text)
    same = {one.address: one.address for one in example.operations}
    assert [path for path, _, _ in differences(document(example), document(page), same)] == [".outputs.docker_host"]


@pytest.mark.parametrize(
    ("param", "value", "changed"),
    [("memory", "16GiB", "vch"), ("scratch", "1GiB", "tmp"), ("log_space", "1GiB", "logs")],
)
def test_a_parameter_of_both_changes_both_alike(param: str, value: str, changed: str, example: Plan) -> None:
    """The comparison sees values: with another one on one side alone, it fails."""
    seed = planned("examples/seed.vch", **{param: value})
    names = renaming(seed, example)
    found = differences(document(seed), document(example), names)
    assert found and all(".args." in path for path, _, _ in found)
    at = int(re.search(r"\[(\d+)\]", found[0][0])[1])  # type: ignore[index]
    assert seed.operations[at].address == changed
    other = planned("examples/vch.vch", **{param: value})
    assert differences(document(seed), document(other), names) == []
