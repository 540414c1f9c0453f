"""In the gate: dropped at every durable write, and killed at sixteen. See `tests/faults/sweep.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import sweep
from tests.faults.scene import SCRIPT, Scene


@pytest.fixture
def scene(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Scene(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("part", range(4))
def test_create_and_destroy_dropped_at_every_write(scene: Scene, part: int) -> None:
    """Create dropped at a point and resumed, destroy dropped at the same number and resumed; then the next point."""
    number, going = part + 1, True
    while going:
        created = sweep.stop(scene, "create", number, kill=False)
        code, said = scene.vch(*sweep.VERBS["create"])
        assert code == 0, f"create stopped at {number}: {said}"
        scene.settled()
        destroyed = sweep.stop(scene, "destroy", number, kill=False)
        code, said = scene.vch(*sweep.VERBS["destroy"])
        assert code == 0, f"destroy stopped at {number}: {said}"
        scene.empty()
        number, going = number + 4, created or destroyed
    assert number > 50, "there are far more durable writes than that"


@pytest.mark.parametrize("part", range(2))
def test_edit_dropped_at_every_write(scene: Scene, part: int) -> None:
    """From one version of the script to the other and back, dropped at the next point each time."""
    sweep.prepare(scene, "edit", odd=False)
    number, odd, going = part + 1, False, True
    while going:
        odd = not odd
        scene.edit(odd)
        going = sweep.stop(scene, "edit", number, kill=False)
        code, said = scene.vch(*sweep.VERBS["edit"])
        assert code == 0, f"edit stopped at {number}: {said}"
        scene.settled()
        number += 2
    assert number > 20
    code, said = scene.vch("destroy", SCRIPT, "--yes")
    assert code == 0, said
    scene.empty()


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
