"""A pytest plugin that breaks one rule of the local driver, named by VCH_TEST_MUTANT. See `test_mutants.py`."""

from __future__ import annotations

import os
from typing import Any

import pytest


def nobodys(patch: pytest.MonkeyPatch) -> None:
    """Whose it is, is not looked at."""
    from vchlang.portlayer.drivers.local import records

    patch.setattr(records, "refuse_foreign", lambda owner, step: None)


def corrupt_is_absent(patch: pytest.MonkeyPatch) -> None:
    """A record that cannot be read is taken for none."""
    from vchlang.portlayer.driver import DriverError
    from vchlang.portlayer.drivers.local import records

    right = records.read

    def wrong(path: str, type_: Any) -> Any:
        try:
            return right(path, type_)
        except DriverError:
            return None

    patch.setattr(records, "read", wrong)


def names_are_replaced(patch: pytest.MonkeyPatch) -> None:
    """What is published takes the place of what has the name already."""
    from vchlang import system

    patch.setattr(system, "_rename_noreplace", _replaced)
    patch.setattr(system.Files, "write_new", system.Files.replace)


def _replaced(old: str, new: str) -> None:
    import shutil

    if os.path.isdir(new):
        shutil.rmtree(new)
    os.rename(old, new)


def promises_are_dropped(patch: pytest.MonkeyPatch) -> None:
    """The tether is not told what was promised."""
    from vchlang.portlayer.drivers.local import compose

    right = compose._mount

    def wrong(member: Any, mounted: Any) -> dict[str, Any]:
        return {**right(member, mounted), "noexec": False, "mode": "read_write", "squash": False}

    patch.setattr(compose, "_mount", wrong)


MUTANTS = {one.__name__: one for one in (nobodys, corrupt_is_absent, names_are_replaced, promises_are_dropped)}


def pytest_configure(config: pytest.Config) -> None:
    name = os.environ.get("VCH_TEST_MUTANT")
    if name:
        MUTANTS[name](pytest.MonkeyPatch())
