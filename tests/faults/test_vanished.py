"""A storage that somebody removed under a running executor: it is made anew, and the executor gets the new one."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import SCRIPT, Scene, in_memory


@pytest.fixture
def scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="vch-vanished-", dir=in_memory()) as directory:
        made = Scene(Path(directory))
        yield made
        made.end()


def place_of(scene: Scene, address: str) -> Path:
    """Where a storage is: the directory with its ownership record."""
    (row,) = [one for one in scene.rows() if one["address"] == address]
    name = row["identity"].rpartition("/")[2]
    (found,) = [one for one in scene.root.rglob(name) if one.is_dir() and (one / "data").is_dir()]
    return found


def lines(place: Path) -> int:
    return sum(len(one.read_text(encoding="utf-8").splitlines()) for one in (place / "data").glob("*.log"))


def test_an_executor_lets_go_of_a_storage_that_is_gone(scene: Scene) -> None:
    def apply() -> None:
        code, said = scene.vch("apply", SCRIPT, "--yes")
        assert code == 0, said

    apply()
    scene.settled()
    logs = place_of(scene, "logs")
    assert lines(logs)
    shutil.rmtree(logs)
    said = scene.vch("plan", SCRIPT)[1]
    assert "`logs` is made anew" in said, said
    assert re.search(r"endpoint +stop.*logs +create.*handle endpoint +commit.*endpoint +start", said, re.S), said
    apply()
    assert lines(place_of(scene, "logs")), "what runs writes into the storage that was made anew"
    scene.settled()
