"""Every builtin: its example holds, and is typed as it says."""

from __future__ import annotations

import pytest

from tests.front import Front
from vchlang.analysis.builtins import BUILTINS

PURE = [one for one in BUILTINS.values() if not one.reads]


@pytest.mark.parametrize("builtin", PURE, ids=lambda one: one.name)
def test_example_holds(builtin) -> None:  # type: ignore[no-untyped-def]
    front = Front(f'assert {builtin.example}, "the example does not hold"')
    assert front.codes() == [], front.said()
    wrong = Front(f'assert not ({builtin.example}), "it must be able to fail"')
    assert wrong.codes() == ["assert-failed"], wrong.said()


@pytest.mark.parametrize("builtin", list(BUILTINS.values()), ids=lambda one: one.name)
def test_described(builtin) -> None:  # type: ignore[no-untyped-def]
    assert builtin.doc.endswith(".")
    assert builtin.name in builtin.example


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("let a = len()", "wrong-arguments"),
        ("let a = upper(1)", "wrong-type"),
        ('let a = int("x")', "wrong-type"),
        ('let a = split("a", "")', "wrong-arguments"),
        ('let a = sort([1, "a"])', "wrong-type"),
        ('let a = cidr_host("10.0.0.0/30", 9)', "bad-index"),
        ('let a = cidr_overlap("x", "10.0.0.0/8")', "bad-text"),
    ],
)
def test_wrong_calls_are_diagnostics(text: str, code: str) -> None:
    assert Front(text).codes() == [code]
