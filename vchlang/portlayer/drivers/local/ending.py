"""Ending everything that runs below a directory, whatever state, locks or records say: for worlds that are thrown away.

Nothing here may be used on a world that somebody counts on: a deployment's executors end by their plan.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from vchlang.tether import client

_ARCHIVE = "tether.pyz"


def end_all(directory: str, patience: float = 5.0) -> tuple[str, ...]:
    """Stop every executor below a directory, by force where it does not listen; those that still run, if any do.

    A tether is killed only by the pid that itself wrote, while it holds the executor's lock; what it leaves is known by
    the executor's root in its environment.
    """
    left: list[str] = []
    for home in _homes(directory):
        with contextlib.suppress(client.TetherGone, client.TetherRefused, OSError):
            client.stop(home, patience)
        if _runs(home):
            state = client.last_state(home) or {}
            if isinstance(state.get("pid"), int):
                with contextlib.suppress(OSError):
                    os.kill(state["pid"], signal.SIGKILL)
            until = time.monotonic() + patience
            while _runs(home) and time.monotonic() < until:
                time.sleep(0.02)
        _end_tasks(home)
        if _runs(home):
            left.append(home)
    return tuple(left)


def _homes(directory: str) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        if _ARCHIVE in names:
            yield place


def _runs(home: str) -> bool:
    try:
        return client.alive(home)
    except client.TetherGone:
        return True


def _end_tasks(home: str) -> None:
    from vchlang.tether import remains

    for pid in remains.belonging(os.path.realpath(os.path.join(home, "root"))):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
