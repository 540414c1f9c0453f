"""What the tether tells the world in files: `state.json`, how things stand, and `events.jsonl`, how they came to.

Neither ever holds a value of an environment or a secret. A report that cannot be written, because the disk is full,
must not end the tasks: it is left out, and the control socket still tells how things stand.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress


class Report:
    """The report of one executor. `run` is an absolute path, private to the executor's owner."""

    def __init__(self, run: str) -> None:
        self._state = os.path.join(run, "state.json")
        self._events = os.open(
            os.path.join(run, "events.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )

    def state(self, document: Mapping[str, object]) -> None:
        """Replace `state.json` as a whole, so that a reader sees the old or the new one."""
        fresh = self._state + ".new"
        text = json.dumps(document, indent=1).encode()
        with suppress(OSError):
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(handle, "wb") as file:
                file.write(text)
            os.replace(fresh, self._state)

    def event(self, what: str, **facts: object) -> None:
        line = {"time": time.time_ns(), "event": what} | {k: v for k, v in facts.items() if v is not None}
        with suppress(OSError):
            os.write(self._events, json.dumps(line).encode() + b"\n")
