"""A plan as a file: the same plan comes back, and nothing else does."""

import json
import random
from typing import Any

import msgspec
import pytest

from tests.engine.scene import Scene
from vchlang.kinds.world import Finding
from vchlang.plan.codec import PlanError, canonical, decode, digest, encode
from vchlang.plan.model import Change, Input, Operation, Place, Plan, Substep

KEY = b"k" * 32
NOW = 1_700_000_000.0


@pytest.fixture
def plan(scene: Scene) -> Plan:
    scene.command()
    scene.tag = "über"
    made = scene.plan()
    first = Operation(
        id="%0",
        action="update",
        kind="pool",
        address='volumes["a.b"]',
        args={"a": 2**63 - 1, "f": 0.1, "n": None, "t": True, "secret": {"$secret": "s", "path": [], "digest": "d"}},
        changes=(Change(path="shares", before="4", after="5", effect="update"),),
        because=("`shares` differs",),
        steps=(Substep(text="join boot", mark="+", line=3),),
        notes=("n",),
        place=Place(source="é.vch", line=1, column=2, start=3, end=4),
    )
    return msgspec.structs.replace(
        made,
        operations=(first, *made.operations),
        findings=(Finding(level="warning", message="slow", code="x", address="a"),),
        inputs=(Input(kind="file", name="a", sha256="0" * 64),),
    )


def test_the_same_plan_comes_back(plan: Plan) -> None:
    assert decode(encode(plan, key=KEY, now=NOW), key=KEY, now=NOW) == plan


def test_the_text_is_canonical(plan: Plan) -> None:
    data = encode(plan, key=KEY, now=NOW)
    document = json.loads(data)
    assert list(document) == ["created", "digest", "expires", "format", "mac", "plan", "version"]
    assert canonical(document) + b"\n" == data
    assert "über".encode() in data and b": " not in data.replace(b'": ', b"")
    assert document["expires"] - document["created"] == 86400
    assert document["digest"] == digest(plan)
    assert encode(plan, key=KEY, now=NOW) == data
    # Another time, another key: the digest names the plan and stays.
    assert json.loads(encode(plan, key=b"other", now=NOW + 5))["digest"] == document["digest"]


def test_whitespace_and_order_do_not_matter(plan: Plan) -> None:
    document = json.loads(encode(plan, key=KEY, now=NOW))
    shuffled = {name: document[name] for name in sorted(document, reverse=True)}
    assert decode(json.dumps(shuffled, indent=3).encode(), key=KEY, now=NOW) == plan


def refusal(data: bytes, key: bytes = KEY, now: float = NOW) -> PlanError:
    with pytest.raises(PlanError) as refused:
        decode(data, key=key, now=now)
    return refused.value


def test_it_expires(plan: Plan) -> None:
    data = encode(plan, key=KEY, now=NOW, life=60)
    assert decode(data, key=KEY, now=NOW + 60) == plan
    error = refusal(data, now=NOW + 60 + 7200)
    assert (error.code, error.message) == ("stale-plan", "the plan expired 2h ago")


def test_another_key_is_refused(plan: Plan) -> None:
    error = refusal(encode(plan, key=KEY, now=NOW), key=b"other")
    assert error.code == "stale-plan" and "not made here" in error.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expires": int(NOW) + 10**9}, "stale-plan"),
        ({"created": 0}, "stale-plan"),
        ({"mac": "0" * 64}, "stale-plan"),
        ({"mac": "é"}, "stale-plan"),
        ({"digest": "sha256:0"}, "stale-plan"),
        ({"plan": {}}, "stale-plan"),
        ({"format": "terraform"}, "io-error"),
        ({"version": 2}, "io-error"),
        ({"version": "1"}, "io-error"),
        ({"mac": 3}, "io-error"),
        ({"plan": []}, "io-error"),
        ({"more": 1}, "io-error"),
    ],
)
def test_every_field_is_under_the_seal(plan: Plan, change: dict[str, Any], code: str) -> None:
    document = json.loads(encode(plan, key=KEY, now=NOW))
    assert refusal(json.dumps(document | change).encode()).code == code


def test_a_changed_body_is_refused(plan: Plan) -> None:
    document = json.loads(encode(plan, key=KEY, now=NOW))
    document["plan"]["operations"][0]["action"] = "delete"
    error = refusal(json.dumps(document).encode())
    assert error.code == "stale-plan" and "digest" in error.message


def test_a_new_digest_needs_a_new_seal(plan: Plan) -> None:
    document = json.loads(encode(plan, key=KEY, now=NOW))
    other = msgspec.structs.replace(plan, serial=99)
    document["plan"], document["digest"] = msgspec.to_builtins(other), digest(other)
    assert "not made here" in refusal(json.dumps(document).encode()).message


def test_any_byte_that_changes_is_noticed(plan: Plan) -> None:
    data = encode(plan, key=KEY, now=NOW)
    chance = random.Random(7)
    for _ in range(400):
        place = chance.randrange(len(data))
        changed = data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]
        try:
            found = decode(changed, key=KEY, now=NOW)
        except PlanError:
            continue
        assert found == plan  # whitespace for whitespace


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b"\xff\xfe", b'"vch.plan"', b"[" * 100_000, b'{"format":"vch.plan"}', b"NaN", b"1e999"],
)
def test_what_is_no_plan_is_called_so(data: bytes) -> None:
    assert refusal(data).code == "io-error"


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"', "[" * 300 + "]" * 300])
@pytest.mark.parametrize("field", ["plan", "mac", "digest"])
def test_what_json_has_and_a_plan_has_not(plan: Plan, value: str, field: str) -> None:
    document = json.loads(encode(plan, key=KEY, now=NOW))
    document[field] = {"a": "@"} if field == "plan" else "@"
    assert refusal(json.dumps(document).replace('"@"', value, 1).encode()).code in ("io-error", "stale-plan")


def test_a_name_that_is_no_text_cannot_be_written(plan: Plan) -> None:
    odd = msgspec.structs.replace(plan, inputs=(Input(kind="file", name="\udcff", sha256="0"),))
    with pytest.raises(PlanError) as refused:
        encode(odd, key=KEY, now=NOW)
    assert refused.value.code == "io-error"


def test_a_key_that_is_written_twice_is_refused(plan: Plan) -> None:
    data = encode(plan, key=KEY, now=NOW)
    assert refusal(data.replace(b'{"created"', b'{"expires":1,"created"', 1)).code == "io-error"


def test_a_body_that_lacks_something_is_refused(plan: Plan) -> None:
    body = msgspec.to_builtins(plan)
    del body["lineage"]

    class Short(msgspec.Struct):
        deployment: str

    data = encode(Short(deployment="a"), key=KEY, now=NOW)  # type: ignore[arg-type]
    assert refusal(data).code == "io-error"
