"""In the gate: dropped at every durable write, and killed at sixteen. See `tests/faults/sweep.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults import sweep
from tests.faults.scene import ROOT, Scene, in_memory


@pytest.fixture
def scene():  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        made = Scene(Path(directory))
        yield made
        made.end()


def test_dropped_at_every_write() -> None:
    """Create, edit and destroy of the seed example, dropped at every durable write and resumed.

    Most of the time goes by waiting for what was started to be ready, so eight chains run beside each other.
    """
    points = {verb: sweep.count(verb) for verb in sweep.VERBS}
    parts = 8
    chains = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sweep", "--chain", f"{part}/{parts}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part in range(parts)
    ]
    stops = 0
    for part, process in enumerate(chains):
        said, _ = process.communicate(timeout=1200)
        assert process.returncode == 0, f"chain {part}: {said}"
        stops += int(said.split()[0])
    assert stops >= 2 * max(points["create"], points["destroy"]) + points["edit"]


@pytest.mark.parametrize("verb", list(sweep.VERBS))
def test_killed(scene: Scene, verb: str) -> None:
    """Real `kill -9`, spread over the run: sixteen over the three verbs."""
    total = sweep.count(verb)
    kills = {"create": 6, "edit": 5, "destroy": 5}[verb]
    for turn in range(kills):
        number = max(1, (2 * turn + 1) * total // (2 * kills))
        sweep.prepare(scene, verb, odd=True)
        assert sweep.stop(scene, verb, number, kill=True), f"{verb} ended before point {number} of {total}"
        sweep.resume(scene, verb)
