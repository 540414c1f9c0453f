"""What is said to habits of other languages names only what there is, and each fix makes a text without its mistake."""

from __future__ import annotations

import re

import pytest

from tests.front import Front
from vchlang.analysis import habits
from vchlang.analysis.builtins import BUILTINS
from vchlang.kinds.schema import KINDS
from vchlang.syntax import habits as syntax_habits
from vchlang.syntax.parser import parse
from vchlang.text import SourceText


def test_the_kinds_are_those_of_the_language() -> None:
    assert set(syntax_habits.KINDS) == set(KINDS)


def test_hints_name_functions_that_there_are() -> None:
    for name, hint in habits.NAMES.items():
        called = re.findall(r"`(\w+)\(", hint) + re.findall(r"write `(\w+)`", hint)
        assert set(called) - {"true", "false"} <= set(BUILTINS), name
        assert name not in BUILTINS


@pytest.mark.parametrize(
    "text",
    [
        'create task t { path = "/bin/t", args = ["a"] }',
        "output a = true && false || !true",
        "output a = map([1], x -> x + 1)",
        'let a = 1\nif a = 1 { assert true } elif a == 2 { assert true, "no" }',
        "output a = {\n  in: 1\n  c => 2\n}",
        "let my-var = 1\noutput a = 2",
        'ensure location "l" at "ds://d/a"',
        "output a = “abc”",
        "output a = ‘abc’",
        'existing pool p at "/a"\nensure location l at "ds://d/a"\ncreate executor e at l in p',
        'ensure location l at "ds://d/a"\ncreate storage s in l { free: 10 MiB }',
        "param a = 5",
        "param a Int",
        "fn f(x: Int): Int = x",
        "output a = 1,000",
        "output a = 5 minutes",
        "for x of [1] { assert x == 1 }",
        "if true then { assert true }",
        "output a = 1 // a comment",
        "output a = 1 <> 2",
        "output a = 1 === 2",
        "let a := 1",
        "param a: String[]",
        "output a = 10.0.0.1",
        "output a = <<EOF\nhi\nEOF\noutput b = 1",
        "output a = 0x1F + 1e3 + 0b11",
        "e = 1",
        "param a: String,\nparam b: Int",
        "create task t { path: \"/bin/t\", args: [80] }",
        "ensure location l at \"ds://d/a\" { access: \"create\" }",
    ],
)  # fmt: skip
def test_fixes_fix(text: str) -> None:
    front = Front(text, unknown=True)
    wrong = [one for one in front.diagnostics if one.severity.value == "error"]
    assert wrong and all(one.fix is not None for one in wrong), front.said()
    fixed = text
    for one in sorted(wrong, key=lambda one: -one.span.start):
        assert one.fix is not None
        fixed = fixed[: one.fix.span.start] + one.fix.text + fixed[one.fix.span.end :]
    again = Front(fixed, unknown=True)
    assert [one for one in again.diagnostics if one.severity.value == "error"] == [], f"{fixed}\n{again.said()}"


@pytest.mark.parametrize(
    "text",
    [
        "let a = 1 // x\n", "let a = ${x}\n", "let a-b = 1\n", "let a = 1 MiB\n", "let a = “b”\n", "<<EOF\n",
        "let a = <<EOF\nx\nEOF\n", "join a as b bind at c\n", 'let a = "${\n', "param x\n", "let a = 1,\n",
    ],
)  # fmt: skip
def test_many_of_one_habit_stay_few_diagnostics(text: str) -> None:
    parsed = parse(SourceText("many.vch", text * 3000))
    assert 0 < len(parsed.diagnostics) <= 201
