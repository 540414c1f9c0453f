"""What a module offers, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from vchlang.reference.markdown import code, fence, table
from vchlang.reference.module import module_of, module_reference
from vchlang.syntax.parser import Parsed, parse
from vchlang.text import SourceText

HERE = Path(__file__).parent


def parsed(name: str) -> Parsed:
    return parse(SourceText(name, (HERE / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(one.stem for one in HERE.glob("*.vch")))
def test_page(name: str, request: pytest.FixtureRequest) -> None:
    """`pytest --update` rewrites the page beside the module; the diff is then read like code."""
    made = module_reference(parsed(f"{name}.vch"), f"{name}.vch")
    page = HERE / f"{name}.md"
    if request.config.getoption("--update"):
        page.write_text(made, encoding="utf-8")
    assert made == page.read_text(encoding="utf-8")


def test_what_a_module_offers() -> None:
    found = module_of(parsed("website.vch"), "website.vch")
    assert [(one.what, one.name) for one in found.offers] == [
        ("type", "Port"), ("fn", "url"), ("fn", "twice"), ("let", "sizes"), ("component", "website"),
    ]  # fmt: skip
    website = found.offers[-1]
    assert [(one.name, one.clause, one.default) for one in website.params] == [
        ("pool", "in", None), ("store", "at", None), ("site", "", None), ("net", "", None), ("port", "", "80"),
        ("stores", "", '{ default: "ds://disks/a", other: "ds://disks/b" }'),
    ]  # fmt: skip
    assert [(one.name, one.type, one.doc) for one in website.outputs] == [("address", "String", "Where it answers.")]
    assert (found.script, len(found.tests)) == (False, 1)


def test_a_statement_with_a_mistake_is_passed_over() -> None:
    found = module_of(parse(SourceText("x", "let a = = 1\nlet b = 2\n")), "x")
    assert [one.name for one in found.offers] == ["b"]


# ---- Markdown ------------------------------------------------------------------------------------------------------


def test_nothing_ends_code_but_its_end() -> None:
    assert code("a `b` c") == "``a `b` c``"
    assert code("`a`") == "`` `a` ``"
    assert fence("vch", "```\nx") == "````vch\n```\nx\n````"
    assert table(("a",), [("x | y\nz",)]).splitlines()[-1] == "| x \\| y z |"
