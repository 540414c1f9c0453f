"""Checks beyond types, where a golden case would say too little: secrets in any expression, rings, and their cost."""

from __future__ import annotations

import pytest

from tests.cases import INVENTORY
from tests.front import Front

_HIDDEN = "param token: Secret<String>\nlet r = { a: token, b: 1 }\nlet hidden = [for k, v in r: v]\n"
SECRET = "swordfish"


@pytest.mark.parametrize(
    "expression",
    [
        "hidden",
        "values(r)",
        "json(r)",
        "yaml([token])",
        '[for x in hidden: "${x}"]',
        "map([r], x => x.a)",
        "entries(r)",
        "flatten([[token]])",
        "merge(r, { c: 1 })",
        'zip([token], ["a"])',
        "(x => x)(token)",
        'any(hidden, x => x == "swordfish")',
        'contains(hidden, "swordfish")',
        'hidden == ["swordfish", 1]',
        '"swordfish" in hidden',
        '[for k, v in r if v == "swordfish": k]',
        'group_by(hidden, x => "${x}")',
        "distinct(hidden)",
        'reduce(hidden, "", (a, b) => "${a}${b}")',
        "trim(hidden[0])",
        'starts_with(hidden[0], "s")',
        'hidden[0] < "z"',
        "-hidden[0]",
        "hidden[0]..3",
        "[for i in hidden[0]: i]",
        'if hidden[0] == "swordfish" then 1 else 2',
        "{ a: token } == { a: token }",
        "[token] != []",
    ],
)
def test_no_expression_gives_a_secret_away(expression: str) -> None:
    front = Front(_HIDDEN + f"output o = {expression}\n", secrets={"token": SECRET})
    assert set(front.codes()) == {"secret-sink"}
    messages = [(one.message, one.found, one.hints) for one in front.diagnostics]
    assert SECRET not in repr(messages) + repr([one.value for one in front.composition.outputs])


def test_how_long_a_secret_is_its_own_where_may_ask() -> None:
    front = Front(_HIDDEN + 'assert len(token) == 9 and len(hidden) == 2, "?"\n', secrets={"token": SECRET})
    assert front.codes() == ["secret-sink"]
    script = 'param token: Secret<String> where len(it) == {} else "it has {}"\nlet a = token == null\n'
    assert Front(script.format(9, 9), secrets={"token": SECRET}).codes() == []
    (short,) = Front(script.format(12, 12), secrets={"token": SECRET}).diagnostics[:1]
    assert (short.code, short.message, short.found) == ("where-failed", "it has 12", "(secret)")


def _chain(count: int, *, closed: bool) -> str:
    """Storages of which each asks for a fact of the one before it; closed: and the first for one of the last."""
    lines = ['ensure location l at "ds://d/l"']
    for n in range(count):
        before = f"${{s{(n - 1) % count}.url}}" if n or closed else "x"
        lines.append(f'create storage s{n} in l {{ free: 1GiB, rw_metadata: {{ of: "{before}" }} }}')
    return "\n".join(lines)


def test_a_ring_is_found_before_there_is_a_target_and_a_chain_is_none() -> None:
    ring = [one for one in Front(_chain(40, closed=True)).diagnostics if one.code == "cycle"]
    assert len(ring) == 1
    assert len(ring[0].labels) == 39
    chain = Front(_chain(40, closed=False))
    assert chain.codes() == []
    assert chain.plan(None, dict(INVENTORY)).diagnostics == ()
