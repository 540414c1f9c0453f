"""What is not known says nothing, what is secret stays secret, and no value of a wrong type gets to a plan."""

from __future__ import annotations

import pytest

from tests.front import Front

L = 'ensure location l at "ds://d/l"\n'
N = 'existing network n at "vmNet"\n'


@pytest.mark.parametrize(
    "text",
    [
        'param x: Bool\nassert x or false, "?"',
        'param x: Bool\nassert not (x and true), "?"',
        'param x: String\nassert "a" in [x], "?"',
        'param x: String\nassert [x] == ["a"], "?"',
        'param x: String?\nassert x == null, "?"',
        'param x: Int\nassert len([for y in [1] if y < x: y]) == 1, "?"',
        'param x: Int\nassert any([1], y => y == x) and len(filter([1], y => y > x)) == 5, "?"',
        'param x: Int\nassert contains([x], 1) or sum([x, 1]) == 3, "?"',
        'param r: [Cidr]\nensure network n at "vmNet" { ranges: r }',
        "param s: Secret<String>\noutput there = s != null",
        L + "output a = l.url\noutput b = [for x in [1, 2]: x]",
        'param m: {String: StorePath}\nfor k, u in m { ensure location d[k] at u }\noutput o = d["a"].url',
        'param x: Bool\nif x { ensure location d at "ds://d/l" }\noutput o = if d != null then d.url else ""',
        N + "param p: [Int]\nensure segment s in n { for x in p { allow tcp(x) from any } }\n"
        'assert reachable(outside, s), "?"',
        N + 'param x: Bool\nensure segment s in n { if x { allow any from any } }\nassert reachable(outside, s), "?"',
        L + N + 'param x: Bool\nensure pool p in "/a"\ncreate storage b in l { free: 1MiB }\n'
        "create executor e in p at l\n"
        "handle e { if x { join b as loader, bind join n as client, bind { ip: .dhcp } } }\n"
        "output o = e.address(.client)",
        L + N + 'param r: {String: Int}\nensure pool p in "/a"\ncreate storage b in l { free: 1MiB }\n'
        "create executor e in p at l\nhandle e { join b as loader, bind\n"
        "for k, i in r { join n as client, bind { ip: .dhcp } } }\noutput o = e.address(.client)",
    ],
)
def test_a_parameter_without_a_value_is_no_mistake(text: str) -> None:
    assert Front(text, unknown=True).codes() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("param m: {String: Secret<String>}\noutput o = len(m)", "secret-sink"),
        ("param s: Secret<String>\noutput o = { c: s }", "secret-sink"),
        ("param s: Secret<String>\noutput o = [s]", "secret-sink"),
        ("param s: Secret<String>\nlet a = [s, 1]\noutput o = a[0]", "secret-sink"),
        ('param c: Secret<Credentials>\ncreate task t { path: "/b", args: [c["password"]] }', "secret-sink"),
        ('param s: Secret<String>\ncreate task t { path: "/b", env: { A: base64(s) } }', "secret-sink"),
    ],
)
def test_a_secret_reaches_nothing_through_a_container(text: str, code: str) -> None:
    assert code in Front(text, secrets={"s": "swordfish", "c": {"user": "u", "password": "p"}}).codes()


@pytest.mark.parametrize(
    "text",
    [
        L + "output o = l.free / 2",
        N + "output o = n.ranges[0]",
        L + "output o = if l.free > 1GiB then 1 else 2",
        "output o = env",
        "output o = 1..3",
        "output o = x => x",
        L + 'ensure pool p in "/a" { name: "${l.free}" }',
        'let y = (x => x)("a")\nensure pool p in "/a" { shares: y }',
        'let m = {for k in ["path"]: k: 5}\ncreate task t { ...m }',
        'for k, u in {a: "ds://d/a", b: 0} { ensure location vols[k] at u }',
        'ensure pool p in "/a" { name: "p" }\nensure pool q in q',
        "output o = sum([9223372036854775807, 9223372036854775807])",
        'output o = int("9999999999999999999")',
        "output o = -(-9223372036854775807 - 1)",
    ],
)
def test_what_no_plan_can_hold_is_a_diagnostic(text: str) -> None:
    front = Front(text)
    assert front.codes(), "it is refused before a plan is made"


def test_null_is_as_if_not_written() -> None:
    front = Front('ensure pool p in "/a" { type: null, limits: null, properties: null }')
    assert front.codes() == [], front.said()
    assert front.plan().diagnostics == ()


def test_many_mistakes_are_all_told() -> None:
    """Each mistake unwinds the evaluation; none of them may use up the depth that there is."""
    text = "\n".join(f'ensure location l{n} at "ds://d/${{[1][5]}}{n}"' for n in range(150))
    assert Front(text).codes() == ["bad-index"] * 150


def test_nested_comprehensions_are_worked_out_once() -> None:
    import time

    source = "[1]"
    for _ in range(18):
        source = f"[for x{len(source)} in {source}: 1]"
    begun = time.process_time()
    Front(f"output o = {source}")
    assert time.process_time() - begun < 1
