"""The one layout, by example; that it keeps every tree and every comment is in test_properties.py."""

from __future__ import annotations

import re

import pytest

from tests.syntax.programs import programs
from tests.syntax.stripped import stripped
from vchlang.syntax.layout import format_script
from vchlang.syntax.parser import parse
from vchlang.syntax.printer import comments
from vchlang.text import SourceText

PROGRAMS = programs()


def _format(text: str) -> str:
    formatted, mistakes = format_script(SourceText("test", text))
    assert not mistakes
    return formatted


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    before = parse(SourceText(name, PROGRAMS[name]))
    formatted = _format(PROGRAMS[name])
    after = parse(SourceText(name, formatted))
    assert not after.diagnostics
    assert after.doc == before.doc
    assert [stripped(one) for _, one in after.statements()] == [stripped(one) for _, one in before.statements()]
    assert _format(formatted) == formatted
    assert [one.text for one in comments(formatted)] == [one.text for one in comments(PROGRAMS[name])]


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        ("\n\n", ""),
        ("# only\n\n\n# this", "# only\n\n# this\n"),
        ("#!/usr/bin/env vch\nlet a = 1", "#!/usr/bin/env vch\nlet a = 1\n"),
        ("let   a=1   let b = [ 1,2, ]", "let a = 1\nlet b = [1, 2]\n"),
        ("\n\n\nlet a = 1\n\n\n\nlet b = 2\n\n", "let a = 1\n\nlet b = 2\n"),
        ("let a = b\r\n\r\n\r\nlet c = d\r\n", "let a = b\n\nlet c = d\n"),
        # Braces and lists.
        ("let a={b:1 c:2,}", "let a = { b: 1, c: 2 }\n"),
        ("let a = {\n\n  b: 1, c: 2\n\n  d: 3 }", "let a = {\n  b: 1, c: 2\n\n  d: 3\n}\n"),
        ("let a = { b: 1,\n          c: 2 }", "let a = {\n  b: 1\n  c: 2\n}\n"),
        ("let a = [\n1, 2\n]", "let a = [\n  1, 2,\n]\n"),
        ("let a = [1,\n2]", "let a = [\n  1,\n  2,\n]\n"),
        ("let a = f({\nb: 1\n})", "let a = f({\n  b: 1\n})\n"),
        ("let a = (\nb + c)", "let a = (\n  b + c\n)\n"),
        ("let a = { 'x.y': 1 }", "let a = { 'x.y': 1 }\n"),
        ("let a = {\n}", "let a = {\n}\n"),
        ("fn a(b: Int,\n## Why.\nc: Int) = 1", "fn a(\n  b: Int,\n  ## Why.\n  c: Int,\n) = 1\n"),
        ('import { a,\nb, } from "x"', 'import {\n  a,\n  b,\n} from "x"\n'),
        # Blocks.
        ("handle a { # why\n\n start b\n # last\n}", "handle a {  # why\n  start b\n  # last\n}\n"),
        ("handle a { start b }", "handle a { start b }\n"),
        ("handle a { start b stop c }", "handle a {\n  start b\n  stop c\n}\n"),
        ("handle a { }", "handle a {}\n"),
        ("handle a\n{\nstart b }", "handle a {\n  start b\n}\n"),
        ("handle a {\n # nothing\n}", "handle a {\n  # nothing\n}\n"),
        ("for a in b { for c in d {\nstart c } }", "for a in b {\n  for c in d {\n    start c\n  }\n}\n"),
        ("if a { start b } else if c { start d } else { }", "if a { start b } else if c { start d } else {}\n"),
        ("if a { start b }\nelse { start c\nstart d }", "if a {\n  start b\n} else {\n  start c\n  start d\n}\n"),
        ("@a @b(1,) let c = 1", "@a @b(1)\nlet c = 1\n"),
        ("for a in b { @c start d }", "for a in b {\n  @c\n  start d\n}\n"),
        # Other breaks are the author's.
        ("join a as b, bind at c", "join a as b, bind at c\n"),
        ("join a as b,\nbind at c", "join a as b,\n  bind at c\n"),
        ("join a as b\n, bind at c", "join a as b,\n  bind at c\n"),
        ("let a = b\n\n   and c", "let a = b\n  and c\n"),
        # Comments stay where they are.
        ("let a = 1 # why\n# next\nlet b = 2", "let a = 1  # why\n# next\nlet b = 2\n"),
        ("let a = 1 + # why\n  2", "let a = 1 +  # why\n  2\n"),
        ("let a = [1 # one\n, 2]", "let a = [\n  1,  # one\n  2,\n]\n"),
        ("let a = { b: 1, # one\nc: 2 # two\n}", "let a = {\n  b: 1  # one\n  c: 2  # two\n}\n"),
        ("## Doc.\n\n## It.\nlet a = 1", "## Doc.\n\n## It.\nlet a = 1\n"),
        # Spaces.
        ("let a = .b .. .c", "let a = .b.. .c\n"),
        ("let a = 1 .. 2", "let a = 1..2\n"),
        ("let a = - 1 - -b", "let a = -1 - -b\n"),
        ("let a = not - b", "let a = not -b\n"),
        ("let a = not(b)and(c)", "let a = not (b) and (c)\n"),
        ("let a = x . in [0] . not(1)", "let a = x.in[0].not(1)\n"),
        ("let a = {for k,v in m if c:k:v}", "let a = {for k, v in m if c: k: v}\n"),
        ("let a = [for k in m:k]", "let a = [for k in m: k]\n"),
        ("type A={String:Int}", "type A = {String: Int}\n"),
        ("type A={Small:Int, b: Int}", "type A = { Small: Int, b: Int }\n"),
        ("let a={String:1}", "let a = { String: 1 }\n"),
        ("type A={a:Int b:Int=1 where b>0}", "type A = { a: Int, b: Int = 1 where b > 0 }\n"),
        ("type A=.a|.b( c:Int )|'x'", "type A = .a | .b(c: Int) | 'x'\n"),
        ("type A = Map < String , [ Int ] > ?", "type A = Map<String, [Int]>?\n"),
        ("let a = b<c", "let a = b < c\n"),
        ("let a = (x=>x) (1) [2]", "let a = (x => x)(1)[2]\n"),
        ('let a = "${ b }"', 'let a = "${ b }"\n'),
    ],
)
def test_forms(text: str, formatted: str) -> None:
    assert _format(text) == formatted
    assert _format(formatted) == formatted


COLUMNS = [
    """\
param name:   Name    = "vch-1"
param memory: Bytes   = 8GiB where memory in 1GiB..2TiB
param owner:  String? = null
param vmomi:  Secret<Credentials>
""",
    """\
let a   = 1
let bcd = 2  # two
let ef  = 3  # three

let ghij = {
  k:   1
  lmn: 2
  o: {
    p: 3
  }
  # A comment parts neighbours.
  qrstuv: 4
}
""",
    """\
existing network  management at "networkA"
ensure   network  bridge     at "bridge" { ranges: ["172.16.0.0/12"] }
create   storage  logs["a"]  in infra    { free: 1GiB }
create   executor endpoint   in vch at infra
create   task     personality { path: "/sbin/personality", env: { PORT: "2376" } }
create   task     portlayer   { path: "/sbin/portlayer",   args: ["--store"] }
create   task     vicadmin    { path: "/sbin/vicadmin" }
""",
    """\
handle a {
  join boot as loader,         bind
  join root as persistent,     bind at "/"
  join tmp  as non_persistent, bind at "/tmp/images"  { mode: .read_write }
  join logs as persistent,     bind at "/var/log/vic" { mode: .write_only, noexec: true }
}
""",
    """\
ensure segment db in bridge {
  allow tcp(5432) from web
  allow udp(53)   to any
  deny  any       to any
}
""",
    """\
let sizes = {
  tiny:   { cpu: 2GHz,  memory: 2GiB }
  medium: { cpu: 16GHz, memory: 2GiB }
  large:  { memory: 32GiB }
}
""",
    """\
component a(
  bridge: Network,
  cpus:   Int   = 1,
  memory: Bytes = 1GiB,
) {}
""",
]


@pytest.mark.parametrize("text", COLUMNS)
def test_columns(text: str) -> None:
    assert _format(text) == text
    assert _format(re.sub(r"(?<=\S) {2,}(?!#)", " ", text)) == text


def test_no_column_makes_a_line_too_wide_or_tears_it_apart() -> None:
    text = f'param a: Int = 1\nparam b: "{"x" * 40}" = 2\n'
    assert _format(text) == text
    wide = f"param abcdef: Int = {'x' * 100}\nparam b: Int = 1\n"
    narrow = "param abcdef: Int = x\nparam b:      Int = 1\n"
    assert _format(wide.replace("x" * 100, "x")) == narrow
    wide = f"param b: Int = {'x' * 104}\nparam abcdef: Int = 1\n"
    assert _format(wide) == wide


def test_a_text_of_several_lines_is_left_as_it_is() -> None:
    text = 'let a = """\n      b\n    """\nlet cd = 1\nlet e = """\r\n  x\r\n"""\n'
    assert _format(text) == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "let a  =  = 1\nlet b  =  2",
        'let a = "${ b +  }"',
        'let a = "${b',
        'let a = { "${b}": 1 }',
        "let a =  [1, 2",
        "let test  = 1",
        "let a = " + "[" * 300 + "]" * 300,
        "let a = a" + ".b" * 300,
    ],
)
def test_a_text_with_a_mistake_of_syntax_stays(text: str) -> None:
    formatted, mistakes = format_script(SourceText("test", text))
    assert formatted == text
    assert mistakes


@pytest.mark.parametrize("text", ["let a  = 1 < 2 < 3", 'let a  = "\\p"', "join  a", "let a = { b: 1, b:  2 }"])
def test_other_mistakes_do_not_matter(text: str) -> None:
    assert _format(text) == " ".join(text.split()) + "\n"
