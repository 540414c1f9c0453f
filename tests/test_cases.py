"""Every golden case in `tests/cases/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import Case, check, read

FILES = sorted((Path(__file__).parent / "cases").rglob("*.md"))


def _all() -> list[tuple[Path, Case]]:
    return [(file, case) for file in FILES for case in read(file.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("file", "case"), _all(), ids=lambda one: one.title if isinstance(one, Case) else one.stem)
def test_case(file: Path, case: Case, request: pytest.FixtureRequest) -> None:
    update = bool(request.config.getoption("--update"))
    text = check(case, update=update)
    if text != case.text:
        file.write_text(file.read_text(encoding="utf-8").replace(case.text, text), encoding="utf-8")


def test_titles_are_unique() -> None:
    """A case is found by its title, so no two share one."""
    titles = [case.title for _, case in _all()]
    assert sorted(titles) == sorted(set(titles))
