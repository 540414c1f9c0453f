"""A project in a directory of its own, and `vch` called in it, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import PROJECT, Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    root = tmp_path / "site"
    root.mkdir()
    (root / "vch.toml").write_text(PROJECT)
    monkeypatch.chdir(root)
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    made = Project(root)
    yield made
    made.stop()
