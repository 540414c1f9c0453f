"""The seed example with its elements renamed, dropped at every durable write: nothing is touched or restarted."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from tests.faults import sweep
from tests.faults.scene import ROOT, SCRIPT, Scene, in_memory

NAMES = {
    "vch": "house", "infra": "place", "images": "pictures", "logs": "journal", "root": "disk", "endpoint": "machine",
    "personality": "front",
}  # fmt: skip


@pytest.fixture
def scene():  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        made = Scene(Path(directory))
        yield made
        made.end()


def renamed(new: bool, *, words: bool = True) -> str:
    """The example with its own names or the other ones. words: whether it says what they were."""
    text = (ROOT / SCRIPT).read_text(encoding="utf-8")
    for old, other in NAMES.items():
        name, was = (other, old) if new else (old, other)
        text = re.sub(rf'(?<![\w/."-]){old}(?![\w/"-])', name, text)
        if words:
            text = re.sub(rf"(?m)^((?:ensure|create) +\w+ {name}\b)", rf'@was("{was}") \1', text)
    return text


def test_dropped_at_every_write(scene: Scene) -> None:
    sweep.prepare(scene, "edit", odd=False)
    tether, world = scene.tethers(), scene.tree()
    script = scene.root / SCRIPT
    script.write_text(renamed(True), encoding="utf-8")
    code, said = scene.vch("plan", SCRIPT)
    assert code == 0 and f"{len(NAMES)} to rename · 14 unchanged" in said and "~ logs -> journal" in said, said
    new, number, going = False, 1, True
    while going:
        new = not new
        script.write_text(renamed(new), encoding="utf-8")
        going = sweep._drop(scene, "edit", number)
        scene.settled()
        number += 1
    assert number > 8
    script.write_text(renamed(True, words=False), encoding="utf-8")
    code, said = scene.vch("apply", SCRIPT, "--yes")
    assert code == 0, said
    scene.settled()
    assert scene.tethers() == tether, "the executor was restarted"
    assert _still(scene.tree()) == _still(world), "something was touched"
    rows = {row["address"] for row in scene.rows()}
    assert set(NAMES.values()) <= rows and not set(NAMES) & rows
    code, said = scene.vch("show", "-n", "seed")
    assert code == 0 and "task front" in said and re.search(r"task front +stable|task front +ready", said), said
    code, said = scene.vch("logs", "front", "-n", "seed")
    assert code == 0, said
    code, said = scene.vch(*sweep.VERBS["destroy"])
    assert code == 0, said
    scene.empty()


def _still(tree: list[str]) -> list[str]:
    """What does not change by itself while tasks run."""
    return [one for one in tree if "/run/" not in one and ".log " not in one]
