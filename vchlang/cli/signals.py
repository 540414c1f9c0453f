"""Who hears it when somebody asks a command to stop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def heard(stop: Callable[[int, object], None]) -> Iterator[None]:
    """Let `stop` hear interrupts, terminations and hang-ups; whoever heard them before does so again afterwards."""
    before: dict[signal.Signals, Any] = {}
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # another thread than the main one hears no signals
            before[one] = signal.signal(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
