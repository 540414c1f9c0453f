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


def mutations(text: str, count: int, seed: int) -> Iterator[str]:
    """The text with one token deleted, doubled, put in, exchanged with the next, or with a line cut short."""
    draw = random.Random(seed)
    tokens = [found.span() for found in _TOKEN.finditer(text) if not found[0].startswith("#")]
    if len(tokens) < 2:
        return
    for _ in range(count):
        index = draw.randrange(len(tokens) - 1)
        start, end = tokens[index]
        match draw.randrange(5):
            case 0:
                yield text[:start] + text[end:]
            case 1:
                yield f"{text[:end]} {text[start:end]}{text[end:]}"
            case 2:
                other, after = tokens[draw.randrange(len(tokens))]
                yield f"{text[:start]}{text[other:after]} {text[start:]}"
            case 3:
                other, after = tokens[index + 1]
                yield text[:start] + text[other:after] + text[end:other] + text[start:end] + text[after:]
            case _:
                line = text.find("\n", start)
                yield text[:start] + text[line if line >= 0 else len(text) :]
