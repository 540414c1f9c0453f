"""The fixture of every test that runs a tether."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tether.harness import Executor


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Executor]:
    if sys.platform != "linux":
        pytest.skip("the tether is for Linux")
    made = Executor(tmp_path / "vch-test")
    yield made
    made.end()
