"""`vch explain` of functions and types: what it says comes from the tables, and nothing is left out."""

from __future__ import annotations

import pytest

from tests.cli.harness import vch
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, GROUPS
from vchlang.codes import CODES
from vchlang.kinds.schema import KINDS


def words(text: str) -> set[str]:
    return {word.strip(",") for word in text.split()}


def test_the_list_names_everything() -> None:
    said = vch("explain", "list").out
    assert {*CODES, *KINDS, *BUILTINS, *v.NAMED_TYPES} - words(said) == set()
    assert all(title in said for title in GROUPS.values())


def test_functions_have_a_line_each_in_their_group() -> None:
    said = vch("explain", "functions").out.splitlines()
    lines = {line.split()[0]: line for line in said if line.startswith("  ")}
    assert set(lines) == set(BUILTINS)
    assert max(len(line) for line in said) <= 115
    titles = [line for line in said if line and not line.startswith(" ")]
    assert titles == [title.lower() for title in GROUPS.values()]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        (
            "cidr_subnet",
            ["cidr_subnet(range: Cidr, bits: Int, number: Int) -> Cidr", 'cidr_subnet("10.0.0.0/8", 8, 2)'],
        ),
        ("lookup", ["(map: {String: T}, key: String, default: T) -> T"]),
        ("reduce", ["function: (T, U) => T) -> T"]),
        ("merge", ["other: {String: T}, …) -> {String: T}"]),
        ("round", ["digits?: Int) -> Int | Float"]),
        ("matches", ["Patterns are RE2"]),
        ("Duration", ["ns, us, ms, s, min, h, d", "date_diff"]),
        ("StorePath", ["ds://datastore/dir"]),
    ],
)
def test_a_word_is_explained(word: str, parts: list[str]) -> None:
    answer = vch("explain", word)
    assert (answer.code, answer.err) == (0, "")
    for part in parts:
        assert part in answer.out


def test_a_misspelt_function_or_type_has_its_nearest() -> None:
    assert "`cidr_subnets`" in vch("explain", "cidr_subnts").err
    assert "`Bytes`" in vch("explain", "Byts").err
