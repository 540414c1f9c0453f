"""What holds for every script: printing and parsing are inverse, formatting settles, no text raises."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.syntax.drawn import expressions, statements, types
from tests.syntax.programs import mutations, programs
from tests.syntax.stripped import stripped
from vchlang.syntax.ast import Chunk, Expr, Statement, TypeDef, TypeExpr
from vchlang.syntax.parser import Parsed, machine, parse, parse_expression
from vchlang.syntax.printer import comments, print_expr, print_script, print_type
from vchlang.text import SourceText

PROGRAMS = programs()
MANY = settings(deadline=None, max_examples=100)
SOME = settings(deadline=None, max_examples=40)  # drawing whole statements is slow


def _parse(text: str) -> Parsed:
    return parse(SourceText("test", text))


def _meaning(parsed: Parsed) -> Any:
    return parsed.doc, [stripped(statement) for _, statement in parsed.statements()]


def _drawn(found: list[Statement]) -> Parsed:
    """As if the statements had been parsed, from a text of which nothing is known."""
    return Parsed(SourceText("", ""), "", tuple(Chunk(0, "", statement) for statement in found), ())


@MANY
@given(expressions)
def test_expressions_survive_printing(expr: Expr) -> None:
    node, mistakes = parse_expression(SourceText("", print_expr(expr)))
    assert node is not None, mistakes
    assert stripped(node, groups=False) == stripped(expr, groups=False)


@MANY
@given(types)
def test_types_survive_printing(node: TypeExpr) -> None:
    parsed = _parse(f"type T = {print_type(node)}")
    (found,) = (statement.node for _, statement in parsed.statements())
    assert isinstance(found, TypeDef), parsed.diagnostics
    assert stripped(found.type, groups=False) == stripped(node, groups=False)


@SOME
@given(st.lists(statements, max_size=4))
def test_statements_survive_printing(found: list[Statement]) -> None:
    text = print_script(_drawn(found))
    parsed = _parse(text)
    assert [one.code for one in parsed.diagnostics if one.code != "chained-comparison"] == []
    meaning = [stripped(statement, groups=False) for _, statement in parsed.statements()]
    assert meaning == [stripped(statement, groups=False) for statement in found]
    formatted = print_script(parsed)
    assert print_script(_parse(formatted)) == formatted


@SOME
@given(st.lists(statements, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_comments_are_kept_where_they_may_stand(found: list[Statement], draw: Any) -> None:
    text = print_script(_drawn(found))
    _, texts, ends = machine().lexer.scan(text)
    pieces: list[str] = []
    last = 0
    count = 0
    for token, end in zip(texts, ends, strict=True):
        start = end - len(token)
        pieces.append(text[last:start])
        if draw.random() < 0.2:
            count += 1
            pieces.append(draw.choice(["", "\n", "\n\n"]) + draw.choice(["# c", "## c", "#"]) + f"{count}\n")
        pieces.append(token)
        last = end
    commented = "".join(pieces)
    parsed = _parse(commented)
    formatted = print_script(parsed)
    again = _parse(formatted)
    assert _meaning(parsed) == _meaning(again)
    assert print_script(again) == formatted
    assert len(comments(formatted)) == len(comments(commented)) == count


@MANY
@given(st.text(max_size=200))
def test_any_text_parses(text: str) -> None:
    _holds(text)


@MANY
@given(st.lists(st.sampled_from([*"{}[]()@,:.=\"'#\\$\n ", '"""', "'''", "${", "let ", "handle a ", "if ", "join b "])))
def test_any_signs_parse(signs: list[str]) -> None:
    _holds("".join(signs))


@MANY
@given(st.binary(max_size=200))
def test_any_bytes_parse(content: bytes) -> None:
    _holds(content.decode(errors="replace"))
    _holds(content.decode(errors="surrogateescape"))


@MANY
@given(st.sampled_from(sorted(PROGRAMS)), st.integers(0, 10**6))
def test_mutated_programs(name: str, seed: int) -> None:
    for text in mutations(PROGRAMS[name], 3, seed):
        parsed = _holds(text)
        formatted = print_script(parsed)
        again = _parse(formatted)
        assert _meaning(parsed) == _meaning(again)
        assert print_script(again) == formatted


def _holds(text: str) -> Parsed:
    """Parse and print a text, whatever it is, and check that nothing of it got lost."""
    parsed = _parse(text)
    assert "".join(chunk.text for chunk in parsed.chunks) == text
    base = 0
    for chunk in parsed.chunks:
        assert chunk.base == base
        base += len(chunk.text)
        if chunk.statement is not None:
            assert 0 <= chunk.statement.start <= chunk.statement.end <= len(chunk.text)
    for one in parsed.diagnostics:
        assert 0 <= one.span.start <= one.span.end <= len(text)
    print_script(parsed)
    parse_expression(SourceText("test", text))
    return parsed
