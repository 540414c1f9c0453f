"""What holds for every script: printing and parsing are inverse, formatting settles, no text raises."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.syntax.drawn import expressions, statements, types
from tests.syntax.programs import mutations, programs
from tests.syntax.stripped import stripped
from vchlang.syntax.ast import Expr, Statement, TypeDef, TypeExpr
from vchlang.syntax.layout import format_script
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


def _format(text: str) -> str:
    formatted, mistakes = format_script(SourceText("test", text))
    assert not mistakes
    return formatted


def _said(text: str) -> Counter[str]:
    return Counter(comment.text for comment in comments(text))


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
    text = print_script(found)
    parsed = _parse(text)
    assert [one.code for one in parsed.diagnostics if one.code != "chained-comparison"] == []
    meaning = [stripped(statement, groups=False) for _, statement in parsed.statements()]
    assert meaning == [stripped(statement, groups=False) for statement in found]
    assert _format(text) == text


@SOME
@given(st.lists(statements, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_comments_are_kept_where_they_may_stand(found: list[Statement], draw: Any) -> None:
    """Also with line breaks anywhere, and none where the canonical form has them."""
    text = print_script(found)
    _, texts, ends = machine().lexer.scan(text)
    pieces: list[str] = []
    last = 0
    count = 0
    for token, end in zip(texts, ends, strict=True):
        start = end - len(token)
        gap = text[last:start]
        pieces.append(gap if "#" in gap or draw.random() < 0.7 else draw.choice([" ", "\n", "\n\n\n", "  \r\n"]))
        if draw.random() < 0.1:
            count += 1
            pieces.append(draw.choice(["", "\n", "\n\n"]) + draw.choice(["# c", "## c", "#"]) + f"{count}\n")
        pieces.append(token)
        last = end
    commented = "".join(pieces)
    parsed = _parse(commented)
    formatted = _format(commented)
    assert _meaning(parsed) == _meaning(_parse(formatted))
    assert _format(formatted) == formatted
    assert _said(formatted) == _said(commented)
    assert not any(line != line.rstrip() for line in _outside_texts(formatted))


def _outside_texts(text: str) -> list[str]:
    """The lines of a text, without those that a text of the language goes on in."""
    _, texts, ends = machine().lexer.scan(text)
    for token, end in zip(reversed(texts), reversed(ends), strict=True):
        if "\n" in token:
            text = text[: end - len(token)] + "0" + text[end:]
    return text.split("\n")


@MANY
@given(st.sampled_from(sorted(PROGRAMS)), st.randoms(use_true_random=False))
def test_real_programs_with_other_spaces(name: str, draw: Any) -> None:
    """What spaces were written does not matter, but for where lines break."""
    text = _format(PROGRAMS[name])
    _, texts, ends = machine().lexer.scan(text)
    pieces: list[str] = []
    last = 0
    for token, end in zip(texts, ends, strict=True):
        gap = text[last : end - len(token)]
        if gap.isspace() and "\n" not in gap:
            gap = draw.choice([" ", "  ", "\t", "      "])
        elif "\n" in gap and draw.random() < 0.5:
            gap = gap.rstrip(" ") + draw.choice(["", " ", "\t\t", "     "])
        pieces += (gap, token)
        last = end
    assert _format("".join(pieces)) == text


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
        formatted, mistakes = format_script(SourceText("test", text))
        syntax = {one.code for one in parsed.diagnostics} - {"chained-comparison", "bad-escape"}
        assert {one.code for one in mistakes} == syntax
        if mistakes:
            assert formatted == text
            continue
        assert _meaning(parsed) == _meaning(_parse(formatted))
        assert _format(formatted) == formatted
        assert _said(formatted) == _said(text)


def _holds(text: str) -> Parsed:
    """Parse and format a text, whatever it is, and check that nothing of it got lost."""
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
    format_script(parsed.source)
    parse_expression(SourceText("test", text))
    return parsed
