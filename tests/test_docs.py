"""Everything that the documents show is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.front import Front

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
