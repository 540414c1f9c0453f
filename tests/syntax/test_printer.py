"""Text of nodes, by example; that it keeps every tree is in test_properties.py."""

from __future__ import annotations

import pytest

from vchlang.syntax.ast import Binary, Group, Name, Unary, Word
from vchlang.syntax.parser import parse, parse_expression
from vchlang.syntax.printer import comments, print_expr, print_script, quoted
from vchlang.text import SourceText


def test_a_script_that_was_never_written() -> None:
    text = """## What it is.
@protect
create executor a in p { parent: t }

component b(
  ## The first.
  c: Int = 1 where c > 0 else "no",
) in p: Pool at s: Location {
  handle a {
    join c as d { e: 1 }, bind at "/f" { g: 2 }
    if h { bind i } else if not j { start k } else {}
  }
  output x: { a: Int }? = y
}
"""
    parsed = parse(SourceText("test", text))
    assert not parsed.diagnostics
    printed = print_script(statement for _, statement in parsed.statements())
    assert printed == text.replace("\n\n", "\n")  # empty lines are not in the tree


def test_a_broken_statement_has_no_text() -> None:
    parsed = parse(SourceText("test", "let a = ="))
    with pytest.raises(ValueError, match="mistake of syntax"):
        print_script(statement for _, statement in parsed.statements())


def test_parentheses_that_the_tree_needs_are_added() -> None:
    a, b = Name(0, 0, "a"), Name(0, 0, "b")

    def binary(operator: str, left: Name | Binary | Unary, right: Name | Binary | Unary) -> Binary:
        return Binary(0, 0, Word(0, 0, operator), left, right)

    def negated(node: Name | Binary) -> Unary:
        return Unary(0, 0, Word(0, 0, "not"), node)

    assert print_expr(binary("*", binary("+", a, b), a)) == "(a + b) * a"
    assert print_expr(binary("-", a, binary("-", b, a))) == "a - (b - a)"
    assert print_expr(binary("==", negated(a), b)) == "(not a) == b"
    assert print_expr(negated(binary("==", a, b))) == "not a == b"
    assert print_expr(Group(0, 0, a)) == "(a)"


@pytest.mark.parametrize("text", ["", 'a"b\\', "${x} $ $$", "\n\t\0\x7f\u2028é"])
def test_quoted_reads_back(text: str) -> None:
    node, mistakes = parse_expression(SourceText("", quoted(text)))
    assert not mistakes
    assert getattr(node, "parts", None) == ((text,) if text else ())


def test_comments_are_not_found_in_texts() -> None:
    text = "let a = \"# no\" # yes\nlet b = '''\n# no\n'''\n#\nlet c = \"# no\n# yes"
    assert [comment.text for comment in comments(text)] == ["# yes", "#", "# yes"]
