"""The parser's loop and Lark accept the same texts and give the same trees, on programs and on mistakes in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from tests.syntax.programs import mutations, programs
from vchlang import resources
from vchlang.syntax.parser import tree

PROGRAMS = programs()


@cache
def _lark() -> Lark:
    grammar = Path(resources.grammar_file()).read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", strict=True, start="start", maybe_placeholders=True)


def _plain(node: Any) -> Any:
    if isinstance(node, Tree):
        return (str(node.data), *map(_plain, node.children))
    return str(node) if isinstance(node, Token) else node


def _by_lark(text: str) -> Any:
    try:
        return _plain(_lark().parse(text))
    except UnexpectedInput:
        return None


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    ours = tree(PROGRAMS[name])
    assert ours is not None
    assert ours == _by_lark(PROGRAMS[name])


def test_mutations() -> None:
    """At least 3,000 texts with a mistake, of which some are none."""
    seen: set[str] = set()
    broken = 0
    for seed, (name, text) in enumerate(sorted(PROGRAMS.items())):
        # A mistake is found sooner in a part of a long program than in the whole of it.
        for mutated in mutations(text[:1500], 230, seed):
            if mutated not in seen:
                seen.add(mutated)
                expected = _by_lark(mutated)
                broken += expected is None
                assert tree(mutated) == expected, (name, mutated)
    assert len(seen) >= 3000
    assert broken >= 2000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "# only a comment",
        "let a = 1 # and a comment at the end",
        "let a = 1..2 let b = 1.5 let c = 1...2",
        'let a = """"""  let b = """"" """ let c = ""',
        'let a = """x""""',
        'let a = """\\\n"""',
        "let a = '''it's''' let b = '' let c = ''''''",
        "let a = ٣",
        "let a = é",
        "let a\u00a0= 1",
        "let a = 1\x0c",
        'let a = "${"}"}" let b = "$" let c = "$${x}"',
        'let a = "${ { a: 1 } }" let b = "${ { a: { } } }"',
        'let a = "\\',
        "let a = 'x\ny'",
        "let a = x.in.and.or.where let b = { where: 1 else: 2 }",
        "let a = { in: 1 }",
        "type A = { where: Int } ",
        "let a = - - not - x",
        "let a = [a -1]",
        "let a = (x) => x",
        "let a = (x, y) => x => y",
        "if a { } else if b { } else { }",
        "@a @b(1, c: 2,) let x = 1",
        "@a",
        "let a = 1,",
        "join a, bind at b, bind",
        "let a = [,]",
        "let a = f(,)",
        "let a = f(x: 1 y: 2)",
        "ensure pool test",
        "create storage storage",
    ],
)
def test_corners(text: str) -> None:
    assert tree(text) == _by_lark(text)
