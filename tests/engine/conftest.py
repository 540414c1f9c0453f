"""Where the engine's tests keep their stores: in memory where there is such a place, as a sweep opens hundreds."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.scene import WANTED, Item, Scene


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Makes scenes, each in a directory of its own."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        count = 0

        def scene(wanted: tuple[Item, ...] = WANTED, tag: str = "") -> Scene:
            nonlocal count
            count += 1
            return Scene(Path(place) / str(count), wanted, tag)

        yield scene


@pytest.fixture
def scene(make: Callable[..., Scene]) -> Scene:
    return make()
