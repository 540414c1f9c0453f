"""Looking into executors from outside: how their tasks are, and what they wrote. Reads only, and asks no lock.

A living tether is asked. One that does not run left a last word, which says how things ended and nothing about now.
"""

from __future__ import annotations

import os
from typing import Any

from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.drivers.local.compose import task_name
from vchlang.portlayer.drivers.local.paths import Inventory, Paths
from vchlang.tether import client

_PATIENCE_SECONDS = 2.0
_LARGEST_LOG = 1 << 26


class Watch:
    """The executors of one world; its arguments are those of the driver."""

    def __init__(self, world: str, inventory: Inventory, project_root: str) -> None:
        self._paths = Paths(world, inventory, project_root)

    def status(self, identity: str) -> dict[str, Any]:
        """How an executor is, in the tether's words: `state`, `reason`, and under `tasks` each task's.

        `state` is `stopped` when no tether runs, `silent` when one runs and does not answer.
        """
        directory = self._directory(identity)
        try:
            return client.status(directory, _PATIENCE_SECONDS)
        except client.TetherGone as gone:
            last = client.last_state(directory) or {}
            return {**last, "state": "stopped" if gone.running is False else "silent"}
        except client.TetherRefused:
            return {"state": "silent"}

    def log(self, identity: str, task: str, begin: int = 0) -> tuple[bytes, int]:
        """What a task wrote after its first `begin` bytes, and where the next look begins.

        A log that has become shorter was begun anew, and is given from its begin. DriverError `not-found` when there
        is no such task, or none that ever ran.
        """
        found = (self.status(identity).get("tasks") or {}).get(task_name(task)) or {}
        path = str(found.get("log") or "")
        if not path:
            raise DriverError("not-found", f"task `{task}` has no log: it never ran")
        try:
            size = os.stat(path, follow_symlinks=False).st_size
            begin = begin if begin <= size else 0
            if size == begin:
                return b"", size
            # What is written while it is read comes at the next look.
            data = client.read_log(path, min(size - begin, _LARGEST_LOG))
        except FileNotFoundError:
            return b"", 0
        except OSError as error:
            raise DriverError("io-error", f"the log of `{task}` cannot be read: {error.strerror or error}") from None
        return data, size

    def _directory(self, identity: str) -> str:
        place, name = self._paths.inside(identity)
        return os.path.join(place.directory, name)
