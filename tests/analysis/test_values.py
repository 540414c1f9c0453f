"""Parameters from outside, secrets, and what is equal to what."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from tests.front import Front
from vchlang import values as v


@pytest.mark.parametrize(
    ("type_", "text", "shown"),
    [
        ("Bytes", "16GiB", "16GiB"),
        ("Int", "-3", "-3"),
        ("Bool", "true", "true"),
        ("String", "8GiB", '"8GiB"'),
        ("String?", "null", "null"),
        ("StorePath", "ds://d//x/", '"ds://d/x"'),
        ("[Int]", "[1, 2]", "[1, 2]"),
        ("{String: Bytes}", "{ a: 1GiB }", "{ a: 1GiB }"),
        (".small | .large", "small", ".small"),
        (".dhcp | .static(address: Cidr)", '.static("10.0.0.2/24")', '.static(address: "10.0.0.2/24")'),
        ('"a" | "b"', "b", '"b"'),
        ("Float", "2", "2.0"),
        ("Duration", "1.5s", "1500ms"),
    ],
)
def test_parameter_is_read_by_its_type(type_: str, text: str, shown: str) -> None:
    front = Front(f"param p: {type_}\noutput o = p", params={"p": text})
    assert front.codes() == [], front.said()
    assert v.show(front.composition.outputs[0].value) == shown


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("Bytes", "lots"), ("Bytes", "8"), ("Bytes", "8GHz"), ("Int", "1.5"), ("Int", "99999999999999999999"),
        ("Bool", "yes"), ("StorePath", "x"), ("[Int]", "[1, a]"), ('"a" | "b"', "c"), ("Bytes", "8gb"),
        ("Int", "${1}"), ("[String]", '["a"'), ("Bytes", ""),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_mistake(type_: str, text: str) -> None:
    front = Front(f"param p: {type_}\noutput o = p", params={"p": text})
    assert front.codes() in (["bad-parameter"], ["bad-text"]), front.said()


def test_missing_and_unknown_parameters() -> None:
    assert Front("param size: Bytes\noutput o = size").codes() == ["missing-parameter"]
    assert Front("param size: Bytes\noutput o = size", unknown=True).codes() == []
    front = Front("param size: Bytes = 1GiB\noutput o = size", params={"sise": "2GiB"})
    assert front.codes() == ["unknown-parameter"]
    assert "did you mean `size`?" in front.said()


def test_a_secret_shows_nothing_and_is_stored_nowhere() -> None:
    secret = v.Secret(("token",), "swordfish")
    assert "swordfish" not in repr(secret) + str(secret) + v.show(secret) + v.show({"a": [secret]})
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps):
        with pytest.raises(TypeError):
            encode(secret)
    front = Front(
        'param token: Secret<String>\ncreate task t { path: "/bin/t", env: { T: "Bearer ${token}" } }',
        secrets={"token": "swordfish"},
    )
    assert front.codes() == [], front.said()
    planned = front.plan()
    assert b"swordfish" not in msgspec.json.encode(planned.plan).replace(b"digest-of-swordfish", b"")


def test_order_of_statements_changes_nothing_but_places() -> None:
    """Nothing depends on the order of top-level statements, but ties and waits."""
    parts = [
        'ensure pool p in "/clusterA/poolB" { name: name }',
        'param name: Name = "a"',
        "for k, u in urls { ensure location l[k] at u }",
        'create storage s in l["x"] { free: size }',
        "let size = 2 * half",
        "let half = 1GiB",
        'let urls: {String: StorePath} = { x: "ds://d/x", y: "ds://d/y" }',
        'output o = l["y"].url',
    ]
    wanted = Front("\n".join(parts))
    assert wanted.codes() == [], wanted.said()
    turned = Front("\n".join(reversed(parts)))
    assert turned.codes() == [], turned.said()
    one, other = wanted.composition, turned.composition
    assert {a: e.body for a, e in one.elements.items()} == {a: e.body for a, e in other.elements.items()}
    assert [o.value for o in one.outputs] == [o.value for o in other.outputs]


def test_equal_inputs_give_equal_plans() -> None:
    text = 'for k in ["b", "a"] { ensure location l[k] at "ds://d/${k}" }\ncreate storage s in l["a"] { free: 1GiB }'
    one, other = Front(text).plan(), Front(text).plan()
    assert msgspec.json.encode(one.plan, order="sorted") == msgspec.json.encode(other.plan, order="sorted")
