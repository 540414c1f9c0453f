"""Everything that the documents show is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.front import Front
from tests.test_kinds import AROUND
from vchlang import resources
from vchlang import values as v
from vchlang.cli import refusal
from vchlang.cli.docs import EXIT_CODES, reference
from vchlang.codes import CODES
from vchlang.diagnostics import has_errors
from vchlang.reference.grammar import Section, sections
from vchlang.reference.types import DOCS
from vchlang.syntax.parser import parse, tree
from vchlang.text import SourceText

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCES = [
    (page, number, text)
    for page in PAGES
    for number, text in enumerate(re.findall(r"^```vch\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S), 1)
]


@pytest.mark.parametrize(
    ("page", "number", "text"), FENCES, ids=lambda one: one.stem if isinstance(one, Path) else None
)
def test_fence_has_no_mistake(page: Path, number: int, text: str) -> None:
    front = Front(text, unknown=True)
    assert front.codes() == [], f"{page.name}, fence {number}:\n{front.said()}"


def test_there_are_fences() -> None:
    assert len(FENCES) >= 3


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


# ---- the reference -------------------------------------------------------------------------------------------------

REFERENCE = ROOT / "docs" / "reference"
GRAMMAR = sections(Path(resources.grammar_file()).read_text(encoding="utf-8"))


def fences(page: str, language: str) -> list[str]:
    """The fences of a page in a language, as the page has them."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return re.findall(rf"^(?:```|````){language}\n(.*?)^```", text, re.M | re.S)


def test_the_reference_is_fresh() -> None:
    made = reference()
    stale = [name for name, text in made.items() if not _is(REFERENCE / name, text)]
    left = sorted({path.name for path in REFERENCE.glob("*.md")} - set(made))
    assert (stale, left) == ([], []), "the tables say something else by now: run `python3 dev.py docs`"


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def test_every_page_says_where_it_comes_from() -> None:
    for path in REFERENCE.glob("*.md"):
        assert re.search(r"^\*Generated from .* by `python3 dev.py docs`", path.read_text(encoding="utf-8"), re.M), path


@pytest.mark.parametrize("page", sorted(reference()))
def test_parts_of_scripts_are_read(page: str) -> None:
    for text in fences(page, "vch-fragment"):
        assert parse(SourceText(page, text)).diagnostics == (), text


def test_examples_of_kinds_have_no_mistake() -> None:
    found = fences("kinds.md", "vch-fragment")
    for example in found:
        around = "".join(line + "\n" for line in AROUND.splitlines() if line.split()[1:3] != example.split()[1:3])
        front = Front(around + example)
        assert front.codes() == [], front.said()
    assert len(found) >= 6


def test_examples_of_functions_are_true() -> None:
    found = fences("functions.md", "vch-true")
    assert len(found) > 20
    front = Front("".join(f'assert {text.rstrip()}, "false"\n' for text in found))
    assert front.codes() == [], front.said()


def test_scripts_with_a_mistake_get_the_code_they_stand_under() -> None:
    text = (REFERENCE / "codes.md").read_text(encoding="utf-8")
    shown = {part.split("\n")[0]: re.findall(r"```vch-mistake\n(.*?)\n```", part, re.S) for part in text.split("\n## ")}
    # tests/analysis/test_codes.py runs exactly these.
    for slug, code in CODES.items():
        assert shown[slug] == ([] if code.example.startswith("(") else [code.example.rstrip()])


# ---- the page about the grammar ------------------------------------------------------------------------------------


def nodes(found: object) -> set[str]:
    """The names of all nodes of a tree."""
    if not isinstance(found, tuple):
        return set()
    return {found[0]}.union(*(nodes(one) for one in found[1:]))


@pytest.mark.parametrize("section", [one for one in GRAMMAR if one.example], ids=lambda one: one.rules[0].name)
def test_the_example_of_a_rule_uses_it(section: Section) -> None:
    found = tree(section.example)
    assert found is not None, "it does not parse"
    for rule in section.rules:
        if rule.nodes and rule.name in named_in_trees():
            assert nodes(found) & set(rule.nodes), f"the example of `{rule.name}` does without it"


def named_in_trees() -> set[str]:
    """Rules that trees show. A rule with `?` goes where it has one child, and those of words always do."""
    return {rule.name for one in GRAMMAR for rule in one.rules if rule.nodes} - {"word", "clause_word", "operator_word",
        "member_word", "prefix", "operator"}  # fmt: skip


def test_the_examples_use_the_whole_grammar() -> None:
    wanted = {node for one in GRAMMAR for rule in one.rules if rule.name in named_in_trees() for node in rule.nodes}
    used = set().union(*(nodes(tree(one.example)) for one in GRAMMAR if one.example))
    assert wanted - used == set()


def test_every_rule_is_documented() -> None:
    silent = [one.rules[0].name for one in GRAMMAR if not one.text and one.rules[0].name not in ("RAW_TEXT", "TEXT")]
    assert silent == []
    text = Path(resources.grammar_file()).read_text(encoding="utf-8")
    rules = set(re.findall(r"^[!?]*(\w+) *:", text, re.M))
    assert rules == {rule.name for one in GRAMMAR for rule in one.rules}


# ---- the other pages -----------------------------------------------------------------------------------------------


def test_every_type_is_described() -> None:
    assert set(DOCS) == set(v.NAMED_TYPES)


def test_every_exit_code_is_described() -> None:
    known = {value for name, value in vars(refusal).items() if name.isupper() and isinstance(value, int)}
    assert set(EXIT_CODES) == known
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \| (.*) \|$", readme, re.M) == [(str(n), text) for n, text in EXIT_CODES.items()]


def test_what_the_standard_library_shows_has_no_mistake() -> None:
    for name in reference():
        if name.startswith("std-"):
            module = "std/" + name.removeprefix("std-").removesuffix(".md")
            head = next(text for text in fences(name, "vch-fragment") if text.startswith("import"))
            assert f'"{module}"' in head
            front = Front(head)
            assert not has_errors(front.diagnostics), front.said()
