"""Patterns: what they find, and that none takes long, whatever the pattern and the text."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vchlang.analysis.builtins import BUILTINS, Mistake

LENGTH = 100_000
MIXED = "".join(random.Random(1).choices("ab", k=LENGTH))  # what an automaton remembers of it soon fills any memory
SECONDS = 20.0
"""Some times what the slowest takes; a backtracking matcher would need years."""


def run(name: str, *args: Any) -> Any:
    return BUILTINS[name].run(*args)


EVIL = [
    "(a+)+$", "(a*)*b", "(a|a)*b", "(a|aa)+$", "(a|a?)+$", "(.*a){20}x", "(.*a){11}b", "^(a?){50}a{50}$", "(x+x+)+y",
    "((a{0,30}){0,30})b", "(?:a?){500}a{500}b", "[ab]*a[ab]{300}c", "[ab]*a[ab]{30}c|a", "(.*?,){11}P",
    "(a+)+(b+)+c", "([a-zA-Z]+)*!",
    "(([a-z])+.)+[A-Z]([a-z])+$", "^(([a-z])+.)+$", "(.*)*=.*", ".*.*=.*", "(a|b|ab)*c", "a.*z|a", "(?s).*z|a",
    "(a+){2,}b", "(?:(?:a+)+)+b", "(\\w+\\s?)*$!", "(\\d|\\d\\d)+x|a", "(?i)(a|A|aA|Aa)*b", "(a{1,10}){1,10}b",
    "((((a*)*)*)*)*b", "(\\pL+)*\\pN",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EVIL)
@pytest.mark.parametrize("text", ["a" * LENGTH, "ab" * (LENGTH // 2), MIXED], ids=["a", "ab", "mixed"])
def test_no_pattern_takes_long(pattern: str, text: str) -> None:
    for name in ("matches", "find_all", "captures"):
        begun = time.process_time()
        try:
            run(name, text, pattern)
        except Mistake as problem:
            assert problem.code == "limit-size"
        assert time.process_time() - begun < SECONDS, name


@pytest.mark.parametrize(
    "pattern", ["(a){1000}{2}", "(?i)(\\pL|\\pN){300}!", "((a{100}){100}){100}", "(" * 400 + ")" * 400]
)
def test_patterns_that_would_be_large_are_refused_or_small(pattern: str) -> None:
    begun = time.process_time()
    try:
        run("matches", "a" * 1000, pattern)
    except Mistake as problem:
        assert problem.code in ("bad-text", "limit-size")
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a)\\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("(?<!a)", "invalid perl operator"),
        ("(a", "missing )"),
        ("a**", "bad repetition operator"),
        ("[[:foo:]]", "invalid character class range"),
        ("a{1001}", "invalid repetition size"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(
    pattern: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Mistake) as found:
        run("matches", "a", pattern)
    assert found.value.code == "bad-text"
    assert "patterns are RE2" in found.value.message and said in found.value.message
    assert capfd.readouterr() == ("", "")  # the library writes of its own accord unless it is told not to


@given(st.text(alphabet="aäb€😀\n", max_size=30), st.sampled_from(["", "a", "ä*", "[^a]", "a|b", "(?s).", "b?"]))
def test_matches_are_parts_of_the_text_and_cover_what_is_replaced(text: str, pattern: str) -> None:
    found = run("find_all", text, pattern)
    assert all(one in text for one in found)
    assert run("matches", text, pattern) == bool(found)
    assert run("find", text, pattern) == (found[0] if found else None)
    gone = run("replace_matches", text, pattern, "")
    assert len(gone) == len(text) - sum(len(one) for one in found)
    assert run("replace_matches", text, pattern, "#").count("#") == len(found)


@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_a_mistake(pattern: str) -> None:
    try:
        run("captures", "some text: 12", pattern)
    except Mistake as problem:
        assert problem.code in ("bad-text", "limit-size")


def test_the_library_is_loaded_by_the_first_pattern_only() -> None:
    code = (
        "import sys; from tests.front import Front; Front('let a = upper(\"a\")'); assert 're2' not in sys.modules; "
        "from vchlang.analysis.builtins import BUILTINS; list(BUILTINS.values()); assert 're2' not in sys.modules; "
        "assert BUILTINS['matches'].run('a', 'a') and 're2' in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
