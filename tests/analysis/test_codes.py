"""Every diagnostic code: its example raises exactly it, and something shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.front import Front
from vchlang.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
RUN = [code for code in CODES.values() if not code.example.startswith("(")]
WITH_FILES = {"missing-file", "outside-project"}  # the workspace says these; see tests/cli


@pytest.mark.parametrize("code", [code for code in RUN if code.slug not in WITH_FILES], ids=lambda code: code.slug)
def test_example_raises_exactly_its_code(code) -> None:  # type: ignore[no-untyped-def]
    front = Front(code.example, unknown=True)
    found = front.codes()
    if not found and code.severity == "error":
        found = [one.code for one in front.plan().diagnostics if one.severity == "error"]
    if code.severity == "error":
        assert found == [code.slug], front.said()
    else:
        assert found == [], front.said()
        assert code.slug in front.codes(severity="warning")


def test_every_code_is_reported_somewhere() -> None:
    """A code that nothing reports would be a promise that nobody keeps."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "vchlang").rglob("*.py"))
    table = (ROOT / "vchlang" / "codes.py").read_text(encoding="utf-8")
    names = dict(re.findall(r'^([A-Z_]+) = _code\(\s*"([a-z0-9-]+)"', table, re.M))
    assert set(names.values()) == set(CODES)
    rest = sources.replace(table, "")
    unused = [slug for name, slug in names.items() if f"codes.{name}" not in rest and not re.search(
        rf"\b{name}\b", rest) and f'"{slug}"' not in rest]  # fmt: skip
    assert unused == []


def test_slugs_and_docs() -> None:
    for code in CODES.values():
        assert re.fullmatch(r"[a-z][a-z0-9-]+", code.slug)
        assert code.doc.strip() and code.example.strip()
