"""The page about the syntax, from the comments of the grammar.

A run of comment lines documents the rules below it, up to the next comment or empty line. Lines that are set in by four
spaces in a comment are the example of those rules; a line of dashes begins a chapter.
"""

from __future__ import annotations

import re

import msgspec

from vchlang import resources
from vchlang.reference.markdown import fence, page, wrap
from vchlang.syntax import tables
from vchlang.syntax.build import PRECEDENCE, PREFIX_PRECEDENCE

_CHAPTER = re.compile(r"// -+ (.+?) -+$")
_RULE = re.compile(r"([!?]*)(\w+)\s*:\s*(.*)")
_ALIAS = re.compile(r"^(.*?)\s*->\s*(\w+)$")


class Rule(msgspec.Struct, frozen=True):
    """One rule: its name, its alternatives as text, and what each is called in the tree, if it has a name there."""

    name: str
    options: tuple[tuple[str, str], ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """What it is called in a tree; nothing for a part that a tree does not show."""
        aliases = tuple(alias for _, alias in self.options if alias)
        return aliases or (() if self.name.startswith("_") or self.name.isupper() else (self.name,))


class Section(msgspec.Struct, frozen=True):
    """Rules with their comment: text as Markdown, and an example, both perhaps empty."""

    chapter: str
    text: str
    example: str
    rules: tuple[Rule, ...]


def grammar_page() -> str:
    """The page, as Markdown."""
    with open(resources.grammar_file(), encoding="utf-8") as file:
        found = sections(file.read())
    out = [
        page(
            "Grammar",
            "`grammar/vch.lark`",
            "Each rule as the grammar has it: `|` parts alternatives, `[ ]` may be left out, `*` is any number and `+` "
            "at least one of it. What stands in quotes is written so. A word behind `←` is what the alternative is "
            "called. A rule whose name begins with `_` is only a part of others. Spaces and ends of lines mean "
            "nothing but that they part words; `#` begins a comment, `##` a text about what follows.",
        ),
        wrap(
            "Where a statement may stand is not part of the grammar: a statement in the wrong place is read, and then "
            "reported as [`misplaced`](codes.md#misplaced)."
        ),
        *_words(),
    ]
    chapter = ""
    for section in found:
        if section.chapter != chapter:
            chapter = section.chapter
            out.append(f"## {chapter.capitalize()}")
        out.append("### " + ", ".join(f"`{rule.name}`" for rule in section.rules))
        if section.text:
            out.append(section.text)
        out.append(fence("text", "\n".join(_shown(rule) for rule in section.rules)))
        if section.example:
            out.append(fence("vch-fragment", section.example))
        if any(rule.name == "operator" for rule in section.rules):
            out.append(_operators())
    return "\n\n".join(out) + "\n"


def sections(grammar: str) -> list[Section]:
    """The rules of a grammar with their comments, in order. What stands over the first chapter is about the file."""
    out: list[Section] = []
    chapter = ""
    comment: list[str] = []
    rules: list[Rule] = []

    def close() -> None:
        nonlocal comment
        if rules:
            out.append(Section(chapter, *_parts(comment), tuple(rules)))
            rules.clear()
            comment = []

    for line in grammar.splitlines():
        if found := _CHAPTER.match(line):
            close()
            chapter, comment = found[1], []
        elif not line.strip():
            close()
            comment = []
        elif line.startswith("//"):
            close()
            comment.append(line[2:].removeprefix(" "))
        elif not chapter or line.startswith("%"):
            continue
        elif found := _RULE.match(line):
            rules.append(Rule(found[2], _options(found[3])))
        elif rules:
            rules[-1] = Rule(rules[-1].name, (*rules[-1].options, *_options(line)))
    close()
    return out


def _parts(comment: list[str]) -> tuple[str, str]:
    text = [line for line in comment if not line.startswith("    ")]
    example = [line[4:] for line in comment if line.startswith("    ")]
    return "\n".join(text).strip(), "\n".join(example)


def _options(text: str) -> tuple[tuple[str, str], ...]:
    """One line of a rule: an alternative of its own, or several without names of their own."""
    text = text.strip().removeprefix("|").strip()
    found = _ALIAS.match(text)
    return ((found[1], found[2]),) if found else ((text, ""),)


def _shown(rule: Rule) -> str:
    width = max(len(text) for text, _ in rule.options)
    margin = " " * len(rule.name)
    lines = []
    for number, (text, alias) in enumerate(rule.options):
        begin = f"{rule.name} = " if number == 0 else f"{margin} | "
        lines.append((begin + (f"{text:<{width}}   ← {alias}" if alias else text)).rstrip())
    return "\n".join(lines)


def _words() -> list[str]:
    words = sorted(word for word in tables.load().words if word.isidentifier())
    return [
        "## Reserved words",
        "They are no names. All of them can be fields, and stand after a dot: `{ test: 1 }`, `x.in`.",
        fence("text", _wrapped(words)),
    ]


def _wrapped(words: list[str], width: int = 96) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(" ".join(words), width))


def _operators() -> str:
    """Operators by how tightly they bind."""
    found: dict[int, list[str]] = {}
    for sign, strength in PRECEDENCE.items():
        found.setdefault(strength, []).append(f"`{sign}`")
    for sign, strength in PREFIX_PRECEDENCE.items():
        found.setdefault(strength, []).append(f"`{sign}x`" if sign == "-" else f"`{sign} x`")
    rows = [" ".join(found[strength]) for strength in sorted(found, reverse=True)]
    numbered = [f"{number}. {row}" for number, row in enumerate(rows, 1)]
    return "Operators, those that bind tightest first; comparisons are never chained:\n\n" + "\n".join(numbered)
