"""The seed example with its last task joined after a wait: two commits, with a real start and a real wait between."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.faults import sweep
from tests.faults.scene import ROOT, SCRIPT, Scene, in_memory

LAST = "  join vicadmin,  bind { ...common, restart: .never,  ready: .tcp(port: 2378) }\n"
WAIT = "wait endpoint until ready within 5min\n"


@pytest.fixture
def scene():  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        made = Scene(Path(directory))
        yield made
        made.end()


def parted() -> str:
    """The example in two parts."""
    text = (ROOT / SCRIPT).read_text(encoding="utf-8")
    assert LAST in text and WAIT in text
    more = LAST.replace("...common", 'log: logs, workdir: "/", credentials: vmomi')
    return text.replace(LAST, "").replace(WAIT, f"{WAIT}handle endpoint {{\n{more}}}\n{WAIT}")


def test_dropped_between_the_parts(scene: Scene) -> None:
    """At one point in 25, from the first commit on; each time resumed, found complete, and gone again."""
    (scene.root / SCRIPT).write_text(parted(), encoding="utf-8")
    number = 240  # what comes before is as in `tests.faults.sweep`
    while sweep.stop(scene, "create", number, kill=False):
        sweep._drop(scene, "create", 0)
        scene.settled()
        code, said = scene.vch("logs", "vicadmin", "-n", "seed")
        assert code == 0, said
        sweep._drop(scene, "destroy", 0)
        scene.empty()
        number += 25
    assert number > 340
    scene.settled()
    (row,) = [one for one in scene.rows() if one["kind"] == "handle"]
    assert row["part"] == 0
