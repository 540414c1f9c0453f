"""Outputs in a plan's form: what JSON has no form for is the text that a script would write."""

from typing import Any

from tests.front import Front
from vchlang.plan.lowered import fill, public

TYPES = "type Way = .off | .on(level: Int, memory: Bytes, at: String? = null)\n"
THERE = 'existing location l at "ds://a/b"\n'


def outputs(script: str) -> dict[str, Any]:
    front = Front(script)
    assert front.codes() == [], front.said()
    return front.plan().plan.outputs


def test_units_and_cases_are_texts_wherever_they_stand() -> None:
    script = TYPES + "let on: Way = .on(level: 1, memory: 3GiB)\nlet off: Way = .off\n"
    script += "output size = 3GiB\noutput much = 90s\noutput ways = { a: on, b: off, c: [1GHz, 3] }\noutput count = 3\n"
    assert outputs(script) == {
        "size": "3GiB",
        "much": "90s",
        "ways": {"a": ".on(level: 1, memory: 3GiB)", "b": ".off", "c": ["1GHz", 3]},
        "count": 3,
    }


def test_what_only_apply_knows_is_put_into_the_text() -> None:
    script = TYPES + THERE + 'let on: Way = .on(level: 1, memory: l.free, at: "${l.url}")\n'
    script += "output free = l.free\noutput url = l.url\noutput on = on\n"
    found = outputs(script)
    assert found["free"] == {"$text": [{"$ref": "l.free"}]}
    assert found["url"] == {"$ref": "l.url"}
    facts = {"free": 3 << 30, "url": "ds://a/b"}

    def text(ref: Any, value: Any) -> str:
        return "3GiB" if ref.fact == "free" else str(value)

    filled = {name: public(fill(one, lambda ref: facts[ref.fact], text)) for name, one in found.items()}
    assert filled == {"free": "3GiB", "url": "ds://a/b", "on": '.on(level: 1, memory: 3GiB, at: "ds://a/b")'}
