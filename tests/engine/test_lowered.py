"""Values in a plan's form: what they refer to, and what becomes of them when that is known."""

from typing import Any

import pytest

from vchlang import values as v
from vchlang.plan.lowered import NotKnown, Ref, as_text, fill, has_secret, public, refs

URL = {"$ref": "images.url"}
CALLED = {"$ref": 'disks["a.b"].address', "args": ["client"]}
SECRET = {"$secret": "token", "path": ["password"], "digest": "d"}
FACTS: dict[Ref, Any] = {
    Ref("images", "url"): "ds://a",
    Ref('disks["a.b"]', "address", ("client",)): "10.0.0.1",
    Ref("images", "free"): 2**30,
    Ref("images", "list"): [1, 2],
}


def fact(ref: Ref) -> Any:
    if ref not in FACTS:
        raise NotKnown(ref)
    return FACTS[ref]


def test_what_it_refers_to() -> None:
    value = {"a": [URL, {"b": CALLED}], "t": {"$text": ["x", URL, SECRET]}, "s": SECRET, "n": 3}
    assert list(refs(value)) == [
        Ref("images", "url"),
        Ref('disks["a.b"]', "address", ("client",)),
        Ref("images", "url"),
    ]
    assert [str(one) for one in refs(CALLED)] == ['disks["a.b"].address(.client)']


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        (URL, "ds://a"),
        (CALLED, "10.0.0.1"),
        ([URL, 1, None], ["ds://a", 1, None]),
        ({"is": "static", "address": URL}, {"is": "static", "address": "ds://a"}),
        ({"$text": ["at ", URL, ":", 3]}, "at ds://a:3"),
        ({"$text": ["at ", URL, " as ", SECRET]}, {"$text": ["at ", "ds://a", " as ", SECRET]}),
        ({"$text": ["a", {"$text": ["b", URL]}]}, "abds://a"),
        ({"$ref": "images.list"}, [1, 2]),
        (SECRET, SECRET),
        ({"plain": {"x": True}}, {"plain": {"x": True}}),
    ],
)
def test_filling(value: Any, filled: Any) -> None:
    assert fill(value, fact) == filled


def test_units_read_in_a_text_as_the_language_writes_them() -> None:
    def text(ref: Ref, value: Any) -> str:
        return as_text(value, v.BYTES if ref.fact == "free" else v.ANY)

    assert fill({"$text": [{"$ref": "images.free"}, " free"]}, fact, text) == "1GiB free"
    assert fill({"$ref": "images.free"}, fact, text) == 2**30
    assert [as_text(one) for one in (True, 3, "x", None)] == ["true", "3", "x", "null"]


def test_what_nobody_knows() -> None:
    with pytest.raises(NotKnown, match=r"`b\.url` is not known"):
        fill({"a": [{"$ref": "b.url"}]}, fact)


def test_secrets_are_seen_and_hidden() -> None:
    assert has_secret({"a": [{"$text": ["x", SECRET]}]})
    assert not has_secret({"a": [URL, "token"]})
    assert public({"a": SECRET, "b": [{"$text": ["x", SECRET]}, "y"], "c": 1}) == {
        "a": "(secret)",
        "b": ["(secret)", "y"],
        "c": 1,
    }
