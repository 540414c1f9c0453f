"""Hostile texts: each gives its diagnostics in little time and memory, and nothing raises."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vchlang.syntax.automaton import LARGEST
from vchlang.syntax.layout import format_script
from vchlang.syntax.parser import parse, parse_expression
from vchlang.text import SourceText

ROOT = Path(__file__).resolve().parent.parent.parent
N = 30_000
MANY = 100_000
HOSTILE = {
    "braces": "{" * MANY,
    "lists": "let a = " + "[" * MANY,
    "lists that close": "let a = " + "[" * MANY + "]" * MANY,
    "records": "let a = " + "{a:" * MANY + "1" + "}" * MANY,
    "groups": "let a = " + "(" * MANY + "x" + ")" * MANY,
    "members": "let a = a" + ".b" * N,
    "calls": "let a = a" + "()" * N,
    "sums": "let a = 1" + "+1" * N,
    "sums of sums": "let a = " + "(" * 300 + "x" + ("+1" * 100 + ")") * 300,
    "minus": "let a = " + "-" * N + "1",
    "conditionals": "let a = " + "if a then b else " * (N // 4) + "1",
    "lambdas": "let a = " + "x=>" * N + "1",
    "else if": "if a {} " + "else if a {} " * (N // 4),
    "handles": "handle a {" * MANY,
    "handles on lines": "handle a {\n" * N,
    "handles that close": "handle a {\n" * N + "}\n" * N,
    "lets that close": "let a = {\n" * N + "}" * N,
    "types": "type A = " + "[" * N + "B" + "]" * N,
    "quotes": '"' * N,
    "quotes on lines": '"\n' * N,
    "hidden quotes": 'let a = """' + '\\"""\n' * N,
    "interpolations": 'let a = "' + "${" * MANY + '"',
    "interpolations on lines": 'let a = """' + "${\n" * N + '"""',
    "backslashes": "\\" * N,
    "decorators": "@a " * MANY,
    "decorators with arguments": "@a(1) " * N,
    "words": "let " * N,
    "a name of a million characters": "x" * 1_000_000,
    "a number of a million characters": "let a = b " + "1" * 1_000_000,
    "a text of a million characters": "let a = = '" + "x" * 1_000_000 + "'",
    "a comment of a million characters": "let a = = 1 #" + "#" * 1_000_000,
    "a list of one line": "let a = = [" + "1, " * (3 * N) + "1]",
    "texts in texts": 'let a = "' + '${"' * 300 + '"}' * 300 + '"',
    "records in texts": 'let a = """' + "${{ a: " * N + '"""',
    "maps in types": "type A = " + "{B: " * N + "C" + "}" * N,
    "generic types": "type A = " + "B<" * N + "C" + ">" * N,
    "ranges": "let a = 1" + "..2" * N,
    "for in for": "for a in b { " * N,
    "comprehensions": "let a = " + "[for b in c: " * N + "1" + "]" * N,
    "NUL": "\0" * N,
    "surrogates": "\ud800" * N,
    "closing": "}" * N,
    "mistakes in a block": "handle a {\n" + "  join = 1\n" * (N // 10) + "}\n",
    "mistakes": "let a = = 1\n" * (N // 10),
    "groups of pieces": ("let a = {\n" * 20 + "}" * 20 + "\n") * (N // 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    text = HOSTILE[name]
    start = time.process_time()
    parsed = parse(SourceText("test", text))
    assert parsed.diagnostics
    assert time.process_time() - start < 2
    assert "".join(chunk.text for chunk in parsed.chunks) == text
    start = time.process_time()
    formatted, mistakes = format_script(parsed.source)
    assert time.process_time() - start < 2.5  # it asks the parser what is wrong
    assert formatted == text
    assert {one.code for one in mistakes} == {one.code for one in parsed.diagnostics} - {"chained-comparison"}
    parse_expression(SourceText("test", text.removeprefix("let a = ")))


# Of the process alone: what getrusage says begins with the peak of the process that started it.
PEAK = "print([int(line.split()[1]) >> 10 for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


def test_hostile_texts_stay_small() -> None:
    """In a process of its own, where memory can be measured; one text after the other, so that it is the largest."""
    program = (
        "from tests.syntax.test_limits import HOSTILE;"
        "from vchlang.syntax.layout import format_script; from vchlang.text import SourceText;"
        "[format_script(SourceText('', text)) and None for text in HOSTILE.values()];" + PEAK
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(answer.stdout) < 256


def test_what_is_long_but_sound_is_laid_out_soon() -> None:
    """Long is not deep: none of these has a limit, and the time they take grows with them."""
    for text in (
        "let a  = '" + "x" * 1_000_000 + "'",
        "let a  = [" + "1, " * 200_000 + "1]",
        "let a  = 1\n" * 30_000,
        "let a  = {" + "b: 1 " * 50_000 + "}",
        "let a  = 1" + " " * 1_000_000 + "# x",
        "#" * 1_000_000 + "\nlet a  = 1",
        "@a\n" * 100_000 + "let a  = 1",
    ):
        start = time.process_time()
        formatted, mistakes = format_script(SourceText("test", text))
        assert time.process_time() - start < 2
        assert not mistakes
        assert "let a = " in formatted


@pytest.mark.parametrize("depth", [10, 60, 95, 110, 190, 210])
@pytest.mark.parametrize(
    "form",
    ["[{}]", "{{ a: {} }}", "({})", "-{}", "f({})", "x => {}", "{}.a", "{} + 1", "if a then b else {}", '"${{{}}}"'],
)
def test_what_is_not_too_deep_can_be_read_by_recursion(form: str, depth: int) -> None:
    text = "1"
    for _ in range(1 if '"' in form else depth):
        text = form.format(text)
    parsed = parse(SourceText("test", f"let a = {text}"))
    formatted, mistakes = format_script(parsed.source)
    assert {one.code for one in mistakes} == {one.code for one in parsed.diagnostics}
    assert mistakes or formatted == f"let a = {text}\n"
    assert {one.code for one in parsed.diagnostics} <= {"limit-depth"}


def test_a_megabyte_of_braces_stays_small() -> None:
    """In a process of its own, where memory can be measured."""
    program = (
        "import sys; from vchlang.syntax.parser import parse; from vchlang.text import SourceText;"
        "assert parse(SourceText('', sys.argv[1] * 1_000_000)).diagnostics;" + PEAK
    )
    for sign in "{[":
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        answer = subprocess.run(
            [sys.executable, "-c", program, sign], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert int(answer.stdout) < 256
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 5


def test_a_text_that_is_too_large() -> None:
    text = " " * (LARGEST + 1)
    parsed = parse(SourceText("test", text))
    assert [one.code for one in parsed.diagnostics] == ["limit-size"]
    assert parsed.chunks[0].text == text
    assert parse_expression(SourceText("test", text))[0] is None


def test_time_grows_with_the_text() -> None:
    """Ten times the lines take about ten times the time: no part of the work looks at the rest again and again."""
    unit = (ROOT / "tests/syntax/programs/language_example.vch").read_text(encoding="utf-8")

    def seconds(text: str) -> float:
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            parse(SourceText("test", text))
            best = min(best, time.process_time() - start)
        return best

    for text in (unit, unit + "let a = = 1\n"):
        seconds(text)
        assert seconds(text * 60) / seconds(text * 6) < 16
