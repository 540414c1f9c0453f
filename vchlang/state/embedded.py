"""The store of one environment on this machine, loaded when there is something in it.

Most plans are made before anything is remembered, and SQLite costs a start 3 ms.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vchlang.state.store import Deployment, Holder, Run, Store
from vchlang.system import Machine

if TYPE_CHECKING:
    from vchlang.state.sqlite import SqliteStore


class EmbeddedStore:
    """A `SqliteStore` behind the question whether there is one; everything else is its business."""

    def __init__(self, path: str, machine: Machine) -> None:
        self._path = path
        self._machine = machine
        self._store: SqliteStore | None = None

    def read(self, deployment: str) -> Deployment:
        return Deployment(name=deployment) if self._is_new() else self._opened().read(deployment)

    def names(self) -> tuple[str, ...]:
        return () if self._is_new() else self._opened().names()

    def begin(self, deployment: str, holder: Holder, *, lineage: str, expect: tuple[str, int] | None = None) -> Run:
        return self._opened().begin(deployment, holder, lineage=lineage, expect=expect)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _is_new(self) -> bool:
        """Whether it is certain that nothing was ever remembered; whatever else there is, the store itself judges."""
        if self._store is not None:
            return False
        try:
            os.lstat(self._path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    def _opened(self) -> Store:
        if self._store is None:
            from vchlang.state.sqlite import SqliteStore

            self._store = SqliteStore(self._path, self._machine)
        return self._store
