"""Mistakes made in real programs by the thousand, and what vch says of them.

`python3 dev.py sweep --mutations` takes 100,000 programs with one mistake each, on all cores, and prints how many
diagnostics a mistake has and how much of the program outlives it. Each goes through the parser; those made of a program
without errors go through the whole front, where nothing may raise; those that are still without a mistake of syntax
are laid out, which must not change what they say. The gate does a few hundred (`tests/syntax/test_campaign.py`).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple

from tests.front import Front
from tests.syntax.programs import mutation, programs
from tests.syntax.stripped import heads, stripped
from vchlang.syntax.ast import Node, Statement
from vchlang.syntax.layout import format_script
from vchlang.syntax.parser import parse
from vchlang.text import SourceText

SYNTAX = {"syntax", "unclosed", "reserved-word", "unknown-character"}
MOST_SYNTAX, MOST_ALL, LEAST_KEPT = 1.3, 2.0, 0.95
SHORTEST = 40  # lines of a program: of a shorter one, the one statement with the mistake is too large a part
SLOWEST = 2.0  # seconds of one program
_BATCH = 100
_RELATIVE = re.compile(r'from "\.{1,2}/')


class Figures(NamedTuple):
    """Sums over mutated programs. `failures`: what raised, took too long or changed, with the program that did it."""

    programs: int = 0
    broken: int = 0  # with a mistake of syntax
    mistakes: int = 0  # of syntax, in those
    expected: int = 0  # statements that those had
    kept: int = 0  # and still have, with the same tree
    checked: int = 0  # through the whole front
    wrong: int = 0  # of those, with an error of any kind
    errors: int = 0  # in those
    laid_out: int = 0
    slowest: float = 0.0
    failures: tuple[str, ...] = ()

    def plus(self, other: Figures) -> Figures:
        joined = [mine + theirs for mine, theirs in zip(self[:-2], other[:-2], strict=True)]
        return Figures(*joined, max(self.slowest, other.slowest), (self.failures + other.failures)[:20])  # type: ignore[arg-type]

    @property
    def syntax(self) -> float:
        """Diagnostics of syntax for each mistake of syntax."""
        return self.mistakes / max(1, self.broken)

    @property
    def all(self) -> float:
        """Errors for each mistake, with those that follow from it."""
        return self.errors / max(1, self.wrong)

    @property
    def share(self) -> float:
        """How much of the statements is kept at a mistake of syntax."""
        return self.kept / max(1, self.expected)

    def good(self) -> bool:
        within = self.syntax <= MOST_SYNTAX and self.all <= MOST_ALL and self.share >= LEAST_KEPT
        return within and not self.failures

    def said(self) -> str:
        return (
            f"{self.programs} programs with one mistake; {self.broken} have a mistake of syntax\n"
            f"  {self.syntax:.3f} diagnostics of syntax each (at most {MOST_SYNTAX}),"
            f" {self.share:.1%} of the statements kept (at least {LEAST_KEPT:.0%})\n"
            f"{self.checked} through the whole front; {self.wrong} have an error of any kind\n"
            f"  {self.all:.3f} errors each, with those that follow (at most {MOST_ALL:g})\n"
            f"{self.laid_out} without a mistake of syntax laid out; the slowest program took {self.slowest:.2f} s\n"
            f"{len(self.failures)} failures"
        )


@cache
def corpus() -> dict[str, tuple[str, bool]]:
    """The programs that mistakes are made in, and whether the whole front finds no error in each."""
    found: dict[str, tuple[str, bool]] = {}
    for name, text in programs().items():
        if text.count("\n") >= SHORTEST:
            valid = not _RELATIVE.search(text) and not Front(text, unknown=True).codes()
            found[name] = (text, valid)
    return found


@cache
def _heads(name: str) -> list[tuple[int, Any]]:
    """All statements of a program, each without those inside of it, and where it ends."""
    found: list[tuple[int, Any]] = []

    def visit(value: Any, base: int) -> None:
        if isinstance(value, Statement):
            found.append((base + value.end, heads(value)[-1]))
        if isinstance(value, Node):
            value = tuple(getattr(value, field) for field in value.__struct_fields__[2:])
        if isinstance(value, tuple):
            for one in value:
                visit(one, base)

    for base, statement in parse(SourceText("", corpus()[name][0])).statements():
        visit(statement, base)
    return found


def _expected(name: str, text: str) -> Counter[Any]:
    """The statements that a mistake could leave. What was cut off with the rest of the text is not there to be kept."""
    end = len(text) if corpus()[name][0].startswith(text) else sys.maxsize
    return Counter(head for after, head in _heads(name) if after <= end)


def _heads_of(text: str) -> Counter[Any]:
    parsed = parse(SourceText("", text))
    return Counter(head for _, statement in parsed.statements() for head in heads(statement))


def batch(task: tuple[int, int, bool]) -> Figures:
    """So many mutated programs from one seed. (seed, how many, whether through the whole front)"""
    seed, count, front = task
    draw = random.Random(seed)
    names = sorted(corpus())
    figures = Figures()
    for index in range(count):
        name = draw.choice(names)
        text = mutation(corpus()[name][0], draw)
        started = time.process_time()
        try:
            figures = figures.plus(_one(name, text, front))
        except Exception:
            figures = figures.plus(_failed(f"{name}, seed {seed}, number {index}\n{traceback.format_exc()}"))
        took = time.process_time() - started
        figures = figures.plus(Figures(slowest=took))
        if took > SLOWEST:
            figures = figures.plus(_failed(f"{name}, seed {seed}, number {index}: {took:.1f} s"))
    return figures


def _failed(why: str) -> Figures:
    return Figures(failures=(why,))


def _one(name: str, text: str, front: bool) -> Figures:
    """What is said of one mutated program."""
    source = SourceText("script.vch", text)
    parsed = parse(source)
    mistakes = sum(one.code in SYNTAX for one in parsed.diagnostics)
    figures = Figures(programs=1)
    if mistakes:
        before, after = _expected(name, text), _heads_of(text)
        kept = (before & after).total()
        figures = figures.plus(Figures(broken=1, mistakes=mistakes, expected=before.total(), kept=kept))
    formatted, refused = format_script(source)
    if bool(refused) != bool(mistakes):
        return figures.plus(_failed(f"{name}: the formatter and the parser do not agree\n{text}"))
    if not mistakes:
        again = parse(SourceText("", formatted))
        meaning = [[stripped(one) for _, one in tree.statements()] for tree in (parsed, again)]
        if meaning[0] != meaning[1] or format_script(again.source)[0] != formatted:
            return figures.plus(_failed(f"{name}: laid out, it says something else\n{text}"))
        figures = figures.plus(Figures(laid_out=1))
    if front and corpus()[name][1]:
        errors = len(Front(text, unknown=True).codes())
        figures = figures.plus(Figures(checked=1, wrong=int(errors > 0), errors=errors))
    return figures


def run(count: int, seed: int = 1, *, front: bool = True, workers: int = 1) -> Figures:
    """So many mutated programs; the same ones for the same seed, whatever the workers."""
    tasks = [(seed * 1_000_003 + at, min(_BATCH, count - at), front) for at in range(0, count, _BATCH)]
    figures = Figures()
    for done in _worked(tasks, workers):
        figures = figures.plus(done)
        if workers > 1 and figures.programs % 10_000 < _BATCH:
            print(f"{figures.programs} of {count}", file=sys.stderr, flush=True)
    return figures


def _worked(tasks: list[tuple[int, int, bool]], workers: int) -> Iterator[Figures]:
    if workers == 1:
        yield from map(batch, tasks)
    else:
        with get_context("spawn").Pool(workers) as pool:
            yield from pool.imap_unordered(batch, tasks)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dev.py sweep --mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many programs (default 100,000)")
    parser.add_argument("--seed", type=int, default=1, help="other programs (default 1)")
    parser.add_argument("--syntax", action="store_true", help="only the parser and the layout, not the whole front")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    options = parser.parse_args(argv)
    figures = run(options.count, options.seed, front=not options.syntax, workers=options.workers)
    for failure in figures.failures:
        print(failure)
    print(figures.said())
    return 0 if figures.good() else 1


if __name__ == "__main__":
    sys.exit(main())
