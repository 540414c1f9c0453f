"""The programs that the tests of the syntax run on, and mistakes made in them on purpose."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent


def programs() -> dict[str, str]:
    """Every program by its name: those beside this file and those that the project ships."""
    found = [*(_HERE / "programs").glob("*.vch"), *_ROOT.glob("examples/**/*.vch"), *_ROOT.glob("stdlib/**/*.vch")]
    return {path.relative_to(_ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(found)}


def program(name: str) -> str:
    return (_HERE / "programs" / f"{name}.vch").read_text(encoding="utf-8")


# Roughly the tokens of the language: near enough to make mistakes that people make.
_TOKEN = re.compile(
    r'"""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|\w+|\.\.\.|\.\.|[=!<>]=|=>|->|\?\?|[^\s\w]'
)


_STRAY = (";", "$", "`", "\\", '"', "'", "~", "^", "{", "}", "(", ")", "[", "]", "€", "\0", "=", ",", ":")


def mutations(text: str, count: int, seed: int) -> Iterator[str]:
    """The text with one mistake made in it, so many times: see `mutation`."""
    draw = random.Random(seed)
    tokens = _tokens(text)
    if len(tokens) < 2:
        return
    for _ in range(count):
        yield mutation(text, draw, tokens)


def _tokens(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _TOKEN.finditer(text) if not found[0].startswith("#")]


def mutation(text: str, draw: random.Random, tokens: list[tuple[int, int]] | None = None) -> str:
    """The text with one token deleted, doubled, replaced, put in or exchanged with the next, a bracket dropped, a line
    or the whole cut short, or a stray character in it."""
    tokens = _tokens(text) if tokens is None else tokens
    index = draw.randrange(len(tokens) - 1)
    start, end = tokens[index]
    other, after = tokens[draw.randrange(len(tokens))]
    match draw.randrange(10):
        case 0 | 1:
            return text[:start] + text[end:]
        case 2:
            return f"{text[:end]} {text[start:end]}{text[end:]}"
        case 3:
            return f"{text[:start]}{text[other:after]} {text[start:]}"
        case 4:
            return text[:start] + text[other:after] + text[end:]
        case 5:
            other, after = tokens[index + 1]
            return text[:start] + text[other:after] + text[end:other] + text[start:end] + text[after:]
        case 6:
            brackets = [at for at, _ in tokens if text[at] in "{}()[]"]
            at = draw.choice(brackets) if brackets else start
            return text[:at] + text[at + 1 :]
        case 7:
            line = text.find("\n", start)
            return text[:start] + text[line if line >= 0 else len(text) :]
        case 8 if draw.random() < 0.3:
            return text[:start]
        case _:
            return text[:start] + draw.choice(_STRAY) + text[start:]
