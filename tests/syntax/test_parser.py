"""What the parser makes of single forms: values of texts, strength of operators, docs, places, chunks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.syntax.programs import program, programs
from vchlang.syntax.ast import Binary, Call, Element, Expr, Group, Let, Member, Name, Node, Number, Text, Unary
from vchlang.syntax.parser import Parsed, parse, parse_expression
from vchlang.text import SourceText

PROGRAMS = programs()


def _parse(text: str) -> Parsed:
    parsed = parse(SourceText("test", text))
    assert not parsed.diagnostics
    return parsed


def _value(text: str) -> Expr:
    ((_, statement),) = _parse(f"let a = {text}").statements()
    assert isinstance(statement.node, Let)
    return statement.node.value


def _shown(node: Expr) -> str:
    """The tree with all its parentheses."""
    match node:
        case Binary():
            return f"({_shown(node.left)} {node.operator.text} {_shown(node.right)})"
        case Unary():
            return f"({node.operator.text} {_shown(node.operand)})"
        case Group():
            return f"[{_shown(node.inner)}]"
        case Member():
            return f"{_shown(node.target)}.{node.name.text}"
        case Name() | Number():
            return node.text
        case _:
            raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("-a * b", "((- a) * b)"),
        ("-a.b", "(- a.b)"),
        ("- -a", "(- (- a))"),
        ("not not a", "(not (not a))"),
        ("not a == b and c", "((not (a == b)) and c)"),
        ("a or b and not c or d", "((a or (b and (not c))) or d)"),
        ("a ?? b .. c + 1", "(a ?? (b .. (c + 1)))"),
        ("a in 1..2 and b", "((a in (1 .. 2)) and b)"),
        ("a ?? b ?? c", "((a ?? b) ?? c)"),
        ("a * not b == c", "(a * (not (b == c)))"),
        ("a == not b", "(a == (not b))"),
        ("(a + b) * c", "([(a + b)] * c)"),
        ("a - -1", "(a - (- 1))"),
        ("a % b / c * d", "(((a % b) / c) * d)"),
    ],
)
def test_strength_of_operators(text: str, tree: str) -> None:
    assert _shown(_value(text)) == tree


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('""', ()),
        ("''", ()),
        ('"a"', ("a",)),
        (r'"\n\t\\\"\$\u{e9}\u{1F600}"', ('\n\t\\"$é😀',)),
        (r"'\n${x}'", (r"\n${x}",)),
        ('"$a $"', ("$a $",)),
        ('"""a"""', ("a",)),
        ('"""a "quoted" b"""', ('a "quoted" b',)),
        ("'''it's'''", ("it's",)),
        ('"""\n    a\n      b\n\n    c\n    """', ("a\n  b\n\nc\n",)),
        ('"""\n    a\n  """', ("  a\n",)),
        ('"""\n    a\n    b"""', ("a\nb",)),
        ('"""a\n    b\n    c"""', ("a\nb\nc",)),
        ('"""\n\ta\n\tb\n\t"""', ("a\nb\n",)),
        ('"""\n\ta\n  b\n"""', ("\ta\n  b\n",)),
        ("'''\n  a\n  '''", ("a\n",)),
        ('"""\r\n  a\r\n  b\r\n  """', ("a\nb\n",)),
        (r'"""' + "\n  a\\n  b\n  " + r'"""', ("a\n  b\n",)),
        ('"""\n"""', ()),
    ],
)
def test_values_of_texts(text: str, parts: tuple[str, ...]) -> None:
    node = _value(text)
    assert isinstance(node, Text)
    assert node.parts == parts
    assert node.source == text


def test_interpolations() -> None:
    text = 'let a = "x ${b.c} y${f("q", "${d}")}"'
    node = _value(text.removeprefix("let a = "))
    assert isinstance(node, Text)
    first, member, second, call = node.parts
    assert (first, second) == ("x ", " y")
    assert isinstance(member, Member)
    assert text[member.start : member.end] == "b.c"
    assert isinstance(call, Call)
    assert text[call.start : call.end] == 'f("q", "${d}")'
    inner = call.args[1].value
    assert isinstance(inner, Text)
    (name,) = inner.parts
    assert isinstance(name, Name)
    assert text[name.start : name.end] == "d"


def test_an_interpolated_line_keeps_its_indentation() -> None:
    node = _value('"""\n    a\n  ${b}\n      c\n    """')
    assert isinstance(node, Text)
    before, _, after = node.parts
    assert (before, after) == ("  a\n", "\n    c\n")


@pytest.mark.parametrize(
    ("escape", "shown"),
    [("\\p", "\\p"), ("\\u{}", "\\u{}"), ("\\u{d800}", "\\u{d800}"), ("\\u{110000}", "\\u{110000}"), ("\\u12", "\\u")],
)
def test_bad_escapes(escape: str, shown: str) -> None:
    for quotes in ('"', '"""'):
        text = f"let a = {quotes}é{escape}{quotes}"
        (one,) = parse(SourceText("test", text)).diagnostics
        assert one.code == "bad-escape"
        assert text[one.span.start : one.span.end] == shown


def test_docs() -> None:
    parsed = _parse(
        "#!/usr/bin/env vch\n## The file.\n##\n## All of it.\n\n"
        "## First.\n##  Second.\nlet a = 1 ## not a doc\nlet b = 2\n\n## Too far.\n\nlet c = 3\n"
        '## For d.\n@protect\ncreate pool d in "/x"\n'
        'let e = """\n## text\n"""\nlet f = """\n## text"""\nlet g = 1\n'
        "handle h {\n  ## Inner.\n  start i let j = 1\n}\n"
    )
    assert parsed.doc == "The file.\n\nAll of it."
    docs = [statement.doc for _, statement in parsed.statements()]
    assert docs == ["First.\n Second.", "", "", "For d.", "", "", "", ""]
    *_, (_, last) = parsed.statements()
    block: Any = last.node
    assert [statement.doc for statement in block.body.statements] == ["Inner.", ""]


@pytest.mark.parametrize(
    ("text", "doc"),
    [
        ("## a", "a"),
        ("## a\n", "a"),
        ("## a\nlet b = 1", ""),
        ("\n## a\n\nlet b = 1", "a"),
        ("# a\n\n## b\n\n", ""),
        ("", ""),
    ],
)
def test_doc_of_the_file(text: str, doc: str) -> None:
    assert _parse(text).doc == doc


def test_a_chunk_takes_the_comments_before_its_statement_and_on_its_line() -> None:
    text = "# one\n\nlet a = 1 # two\n  # three\nlet b = 2 let c = 3\n\n# four\n"
    parsed = _parse(text)
    assert [chunk.text for chunk in parsed.chunks] == [
        "# one\n\nlet a = 1 # two\n",
        "  # three\nlet b = 2 ",
        "let c = 3\n",
        "\n# four\n",
    ]
    assert [chunk.statement is None for chunk in parsed.chunks] == [False, False, False, True]


@pytest.mark.parametrize("name", PROGRAMS)
def test_places(name: str) -> None:
    """Every node spans what it is made of, and words and names stand where they say."""
    text = PROGRAMS[name]

    def look(node: Any, base: int, start: int, end: int) -> None:
        if isinstance(node, tuple):
            for one in node:
                look(one, base, start, end)
        elif isinstance(node, Node):
            assert start <= node.start <= node.end <= end
            written = text[base + node.start : base + node.end]
            if isinstance(node, Name | Number):
                assert written == node.text
            elif isinstance(node, Text):
                assert written == node.source
            elif isinstance(node, Element):
                assert text[base + node.kind.start : base + node.kind.end] == node.kind.text
            for field in node.__struct_fields__[2:]:
                look(getattr(node, field), base, node.start, node.end)

    for chunk in _parse(text).chunks:
        look(chunk.statement, chunk.base, 0, len(chunk.text))


def test_an_edit_above_a_statement_moves_nothing_in_it() -> None:
    text = program("language_example")
    before = _parse(text).chunks
    after = _parse("let zero = 0\n" + text[text.index("import") :]).chunks
    assert [chunk.statement for chunk in before[1:]] == [chunk.statement for chunk in after[2:]]


def test_lone_expressions() -> None:
    node, mistakes = parse_expression(SourceText("-p", "16GiB"))
    assert node == Number(0, 5, "16GiB")
    assert not mistakes
    for text in ("", "1 +", "1 2", "let a = 1", "(", "@", '"${"'):
        node, mistakes = parse_expression(SourceText("-p", text))
        assert node is None
        assert len(mistakes) == 1
        assert mistakes[0].source == "-p"
