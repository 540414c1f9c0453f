"""The canonical form, by example; that it keeps every tree is in test_properties.py."""

from __future__ import annotations

import pytest

from tests.syntax.programs import programs
from tests.syntax.stripped import stripped
from vchlang.syntax.ast import Binary, Group, Name, Unary, Word
from vchlang.syntax.parser import parse, parse_expression
from vchlang.syntax.printer import comments, print_expr, print_script, quoted
from vchlang.text import SourceText

PROGRAMS = programs()


def _format(text: str) -> str:
    return print_script(parse(SourceText("test", text)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    before = parse(SourceText(name, PROGRAMS[name]))
    formatted = print_script(before)
    after = parse(SourceText(name, formatted))
    assert not after.diagnostics
    assert after.doc == before.doc
    assert [stripped(one) for _, one in after.statements()] == [stripped(one) for _, one in before.statements()]
    assert print_script(after) == formatted
    assert len(comments(formatted)) == len(comments(PROGRAMS[name]))


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        ("\n\n", ""),
        ("# only\n\n\n# this", "# only\n\n# this\n"),
        ("let   a=1   let b = [ 1,2, ]", "let a = 1\nlet b = [1, 2]\n"),
        ("\n\n\nlet a = 1\n\n\n\nlet b = 2\n\n", "let a = 1\n\nlet b = 2\n"),
        ("let a={b:1 c:2,}", "let a = { b: 1, c: 2 }\n"),
        ("let a = {\n\n  b: 1, c: 2\n\n  d: 3 }", "let a = {\n  b: 1\n  c: 2\n\n  d: 3\n}\n"),
        ("let a = [\n1, 2\n]", "let a = [\n  1,\n  2,\n]\n"),
        ("let a = 1 # why\n# next\nlet b = 2", "let a = 1  # why\n# next\nlet b = 2\n"),
        ("let a = 1 + # why\n  2", "# why\nlet a = 1 + 2\n"),
        ("## Doc.\nlet a = 1 + ## why\n  2", "# why\n## Doc.\nlet a = 1 + 2\n"),
        ("handle a { # why\n\n start b\n # last\n}", "handle a {  # why\n  start b\n  # last\n}\n"),
        ("handle a { start b }", "handle a { start b }\n"),
        ("handle a { start b stop c }", "handle a {\n  start b\n  stop c\n}\n"),
        ("handle a {}", "handle a { }\n"),
        ("handle a {\n # nothing\n}", "handle a {\n  # nothing\n}\n"),
        ("if a { start b } else if c { start d } else { }", "if a { start b } else if c { start d } else { }\n"),
        ("@a @b(1,) let c = 1", "@a @b(1)\nlet c = 1\n"),
        ("join a as b, bind at c", "join a as b, bind at c\n"),
        ("join a as b,\nbind at c", "join a as b,\n  bind at c\n"),
        ("let a = .b .. .c", "let a = .b.. .c\n"),
        ("let a = 1 .. 2", "let a = 1..2\n"),
        ("let a = not - b", "let a = not -b\n"),
        ("let a = {for k,v in m if c:k:v}", "let a = {for k, v in m if c: k: v}\n"),
        ("type A={String:Int}", "type A = {String: Int}\n"),
        ("type A={a:Int b:Int=1 where b>0}", "type A = { a: Int, b: Int = 1 where b > 0 }\n"),
        ("type A=.a|.b( c:Int )|'x'", "type A = .a | .b(c: Int) | 'x'\n"),
        ("let a = { 'x.y': 1 }", 'let a = { "x.y": 1 }\n'),
        ("let a = b\r\n\r\n\r\nlet c = d\r\n", "let a = b\n\nlet c = d\n"),
        # A mistake: the chunk stays as it is, the others are formatted.
        ("let a  =  = 1\nlet b  =  2", "let a  =  = 1\nlet b = 2\n"),
        ("let a  = 1 }  let b  =  2\nlet c  =  3", "let a  = 1 }  let b  =  2\nlet c = 3\n"),
    ],
)
def test_forms(text: str, formatted: str) -> None:
    assert _format(text) == formatted
    assert _format(formatted) == formatted


def test_what_does_not_fit_is_spread_over_lines() -> None:
    long = "a" * 40
    assert _format(f"let a = {{ b: {long}, c: {long}, d: {long} }}") == (
        f"let a = {{\n  b: {long}\n  c: {long}\n  d: {long}\n}}\n"
    )
    assert _format(f"let a = f({long}, {long}, b: {long})") == (f"let a = f(\n  {long},\n  {long},\n  b: {long},\n)\n")
    assert _format(f"let a = {long} + {long} + {long}") == f"let a = {long} + {long}\n  + {long}\n"
    assert _format(f'import {{ {long}, {long}, {long} as b }} from "x"') == (
        f'import {{\n  {long},\n  {long},\n  {long} as b,\n}} from "x"\n'
    )
    assert _format(f"fn a({long}: Int, b: Int, {long}: Int) = 1") == (
        f"fn a(\n  {long}: Int,\n  b: Int,\n  {long}: Int,\n) = 1\n"
    )
    assert _format(f"param a: Int = {long} where {long} else '{long}'") == (
        f"param a: Int = {long}\n  where {long} else '{long}'\n"
    )


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
