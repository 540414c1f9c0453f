"""A script that would take for ever gets a diagnostic instead, soon and in little memory."""

from __future__ import annotations

import resource
import time

import pytest

from tests.front import Front

SCRIPTS = {
    "range": ("let a = [for x in 1..1000000000000: x]", "limit-steps"),
    "loop": ('for x in 1..1000000000000 { ensure location l[x] at "ds://d/l${x}" }', "limit-steps"),
    "product": (
        "let n = 1..3000\nlet a = [for x in n: [for y in n: [for z in n: x]]]\noutput b = len(a)",
        "limit-steps",
    ),
    "doubling": (
        'let t0 = "xxxxxxxxxxxxxxxx"\n'
        + "\n".join(f'let t{n} = "${{t{n - 1}}}${{t{n - 1}}}"' for n in range(1, 41))
        + "\noutput o = t40",
        "limit-size",
    ),
    "lists": (
        "let l0 = [1, 2, 3, 4, 5, 6, 7, 8]\n"
        + "\n".join(f"let l{n} = l{n - 1} + l{n - 1}" for n in range(1, 41))
        + "\noutput o = len(l40)",
        "limit-size",
    ),
    "integer": ("let a = 9" + "0" * 5000, "limit-int"),
    "power": ("let a = 4611686018427387904 * 4", "limit-int"),
    "parentheses": ("let a = " + "(" * 5000 + "1" + ")" * 5000, "limit-depth"),
    "lists in lists": ("let a = " + "[" * 5000 + "]" * 5000, "limit-depth"),
    "braces": ("{" * 1_000_000, None),
    "sum": ("let a = " + " + ".join(["1"] * 20000), "limit-depth"),
    "members": ("let a = b" + ".c" * 20000, "limit-depth"),
    "lets": ("\n".join(f"let a{n} = a{n + 1}" for n in range(3000)) + "\nlet a3000 = 1", "limit-depth"),
    "text": ('let a = "' + "${" * 3000 + "1" + "}" * 3000 + '"', None),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_limit(name: str) -> None:
    text, code = SCRIPTS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    front = Front(text)
    said = front.said()
    # Two seconds of CPU by the issue; a shared machine in the middle of a test run gets some slack.
    assert time.process_time() - begun < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024
    assert front.codes()
    if code is not None:
        assert code in front.codes(), said[:400]


@pytest.mark.parametrize("seed", range(40))
def test_random_text_is_diagnosed(seed: int) -> None:
    import random

    chance = random.Random(seed)
    text = bytes(chance.randrange(256) for _ in range(2000)).decode("utf-8", "replace")
    front = Front(text)
    assert front.said() is not None
