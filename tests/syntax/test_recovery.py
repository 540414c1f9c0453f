"""One mistake gives one diagnostic, and the rest of the file is kept."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.syntax.programs import mutations, program
from tests.syntax.stripped import heads
from vchlang.syntax.ast import Broken, Element, For, Handle, Let, Statement
from vchlang.syntax.parser import Parsed, parse
from vchlang.text import SourceText

SYNTAX = {"syntax", "unclosed", "reserved-word", "unknown-character"}
PROGRAM = program("language_example") + program("language_segments") + program("language_modules")


def _parse(text: str) -> Parsed:
    return parse(SourceText("test", text))


def _mistakes(parsed: Parsed) -> list[str]:
    return [f"{one.code} {one.span.start}" for one in parsed.diagnostics]


def _shape(text: str) -> list[str]:
    return [type(statement.node).__name__ for _, statement in _parse(text).statements()]


def test_mutations() -> None:
    whole = _parse(PROGRAM)
    assert PROGRAM.count("\n") >= 110
    assert not whole.diagnostics
    expected = Counter(head for _, statement in whole.statements() for head in heads(statement))
    broken = mistakes = 0
    kept = 0.0
    for text in mutations(PROGRAM, 400, seed=1):
        parsed = _parse(text)
        found = [one for one in parsed.diagnostics if one.code in SYNTAX]
        if found:
            broken += 1
            mistakes += len(found)
            left = Counter(head for _, statement in parsed.statements() for head in heads(statement))
            kept += (expected & left).total() / expected.total()
    assert broken >= 300
    assert mistakes / broken <= 1.1
    assert kept / broken >= 0.96


@pytest.mark.parametrize(
    ("text", "mistakes", "shape"),
    [
        ("let a = = 1\nlet b = 2", ["syntax 8"], ["Broken", "Let"]),
        ("let a =\nlet b = 2", ["syntax 6"], ["Broken", "Let"]),
        ("let a = 1\ncrate storage x\nlet b = 2", ["syntax 10"], ["Let", "Broken", "Let"]),
        ("let a = [1, 2\nlet b = 2", ["unclosed 8"], ["Broken", "Let"]),
        ('let a = "x\nlet b = 2', ["unclosed 8"], ["Broken", "Let"]),
        ('let a = """x\nlet b = 2\nlet c = 3', ["unclosed 8"], ["Broken", "Let", "Let"]),
        ("let a = '''x\nlet b = 2", ["unclosed 8"], ["Broken", "Let"]),
        ("let a = 1;\nlet b = 2", ["unknown-character 9"], ["Broken", "Let"]),
        ("let a = 1 }\nlet b = 2", ["syntax 10"], ["Let", "Broken", "Let"]),
        ("}\nlet b = 2", ["syntax 0"], ["Broken", "Let"]),
        ("= let b = 2", ["syntax 0"], ["Broken", "Let"]),
        ("handle a\n  join b\n}\nlet c = 1", ["syntax 7"], ["Handle", "Let"]),
        ("handle a {\n  join b\n\nlet c = 1", ["unclosed 9"], ["Handle", "Let"]),
        ("handle a {\n  join b {\n  join c\n}\nlet d = 1", ["unclosed 20"], ["Handle", "Let"]),
        ("handle a {\n  join b { x: [1, 2 }\n  join c\n}\nlet d = 1", ["syntax 31"], ["Handle", "Let"]),
        ("handle handle a {\n  join b\n}\nlet c = 1", ["syntax 7"], ["Handle", "Let"]),
        ("create task a path: 1 }\nlet b = 1", ["syntax 14"], ["Broken", "Let"]),
        ("create task a { path: 1\nlet b = 1", ["unclosed 14"], ["Broken", "Let"]),
        ("create task test { }\nlet b = 1", ["reserved-word 12"], ["Element", "Let"]),
        ("let a = test + 1", ["reserved-word 8"], ["Let"]),
        ("create storage in infra\nlet b = 1", ["syntax 15"], ["Broken", "Let"]),
        ("join bind at 1", ["syntax 5"], ["Broken"]),
        ("let a = 1 < 2 < 3", ["chained-comparison 14"], ["Let"]),
        ('let a = "\\p ${1} \\q"', ["bad-escape 9", "bad-escape 17"], ["Let"]),
        ('let a = "${1 +}"\nlet b = 1', ["syntax 13"], ["Broken", "Let"]),
        ('let a = """${ x"""\nlet b = 1', ["unclosed 11"], ["Broken", "Let"]),
        ('let a = { "${b}": 1 }\nlet b = 1', ["syntax 10"], ["Broken", "Let"]),
        ("@protect\nlet a = ]\n@retain\n\nlet b = 1", ["syntax 17"], ["Broken", "Let"]),
        # Without indentation, the brackets have to tell.
        ("handle a {\njoin b\njoin c as\njoin d\n}\nlet e = 1", ["syntax 25"], ["Handle", "Let"]),
    ],
)
def test_one_mistake(text: str, mistakes: list[str], shape: list[str]) -> None:
    assert _mistakes(_parse(text)) == mistakes
    assert _shape(text) == shape


def _nodes(text: str) -> list[Statement]:
    return [statement for _, statement in _parse(text).statements()]


def test_a_broken_statement_does_not_break_its_block() -> None:
    (statement,) = _nodes("handle a {\n  join b as\n  bind c as x at\n  join d\n  start e\n}\n")
    assert isinstance(statement.node, Handle)
    found = [type(inner.node).__name__ for inner in statement.node.body.statements]
    assert found == ["Broken", "Broken", "Join", "Power"]


def test_the_bracket_to_blame_is_the_one_whose_line_is_closed_further_left() -> None:
    text = "handle a {\n  for x in y {\n    join x\n\n  join z\n}\nlet b = 1\n"
    parsed = _parse(text)
    assert _mistakes(parsed) == [f"unclosed {text.index('{', 12)}"]
    first, second = (statement.node for _, statement in parsed.statements())
    assert isinstance(first, Handle)
    assert isinstance(first.body.statements[0].node, For)
    assert isinstance(second, Let)


@pytest.mark.parametrize(
    ("text", "keyword", "names"),
    [
        ("let a = = 1", "let", ("a",)),
        ("param a: = 1", "param", ("a",)),
        ("create storage a[1 in b", "create", ("a",)),
        ('@was("x")\ncreate storage a in', "create", ("a",)),
        ("ensure segment a in b", "ensure", ("a",)),
        ('import { a, b as c from "x"', "import", ("a", "b", "c")),
        ("for k, v on m { }", "for", ("k", "v")),
        ("a = 1", "", ()),
    ],
)
def test_what_a_broken_statement_declares(text: str, keyword: str, names: tuple[str, ...]) -> None:
    (statement,) = _nodes(text)
    assert isinstance(statement.node, Broken)
    assert (statement.node.keyword, statement.node.names) == (keyword, names)


def test_a_reserved_word_is_taken_as_the_name_that_it_stands_for() -> None:
    (statement,) = _nodes("ensure pool test in x")
    assert isinstance(statement.node, Element)
    assert statement.node.target.name.text == "test"
    (one,) = _parse("ensure pool test in x").diagnostics
    assert one.message == "`test` is a word of the language"
    assert one.hints == ('call it `test_pool` and write `name: "test"`',)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("let = 1", "a name"),
        ("let a", "`:` or `=`"),
        ("let a: = 1", "a type"),
        ("let a = ", "an expression"),
        ("let a = [1 = ", "`]` or `,`"),
        ("create task a { b 1 }", "`:`"),
        ("import { a } from b", "a text"),
        ("handle { }", "a name"),
        ("x", "a statement"),
    ],
)
def test_expected_in_words(text: str, expected: str) -> None:
    (one,) = _parse(text).diagnostics
    assert one.expected == expected


def test_an_open_text_does_not_swap_text_and_statements_below() -> None:
    long = 'let b = """\n  one\n  """\n'
    text = f'let a = """\n  zero\n\n{long}let c = 1\n{long}let d = 1\n'
    assert _mistakes(_parse(text)) == ["unclosed 8"]
    assert _shape(text) == ["Broken", "Let", "Let", "Let", "Let"]
    # A text may hold lines that look like statements.
    text = "let a = 1 +\nlet b = '''\nlet c = 1\n'''\nlet d = 1\n"
    assert _mistakes(_parse(text)) == ["syntax 10"]
    assert _shape(text) == ["Broken", "Let", "Let"]


def test_at_most_a_hundred_mistakes_are_told() -> None:
    assert len(_parse("let a = = 1\n" * 500).diagnostics) == 100
