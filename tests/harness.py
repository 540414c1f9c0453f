"""What tests give a run instead of the machine: time that jumps, chance that repeats, and points to be dropped at.

A *point* is a moment before or after something durable: a transaction of the store, a write of a file, a call of the
driver. `Points` counts them, and drops the run at the one it was told. Whoever is dropped does nothing durable any
more, however much its `finally` blocks would like to: every later point drops it again, as death would.
"""

import hashlib
import threading
from collections.abc import Callable

from vchlang.system import Files, Machine, Point


class Dropped(BaseException):
    """The run ends here, as by `kill -9`. No `except Exception` stops it."""


class Points:
    """Counts points by their labels, in order; at number `stop_at` (from 1) and after it, raises `Dropped`."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[str] = []
        self.stop_at = stop_at
        self._mutex = threading.Lock()

    def __call__(self, label: str) -> None:
        with self._mutex:
            self.seen.append(label)
            number = len(self.seen)
        if self.stop_at is not None and number >= self.stop_at:
            raise Dropped(f"at point {self.stop_at}: {label}")


class FakeClock:
    """A clock that stands still until somebody sleeps; `slept` says how long, each time."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class SeededEntropy:
    """Chance that is the same for the same seed."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def uuid(self) -> str:
        digest = self.token(16).hex()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"

    def token(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}/{self._count}".encode()).digest(size)


class NoSpawn:
    """For tests in which nothing may be started."""

    def detached(self, argv: list[str], stdin: bytes, directory: str, log: str) -> int:
        raise AssertionError(f"{argv} was to be started")


def machine_for(points: Point | None = None, seed: str = "", clock: FakeClock | None = None) -> Machine:
    """A machine that stops at points, repeats its chances and waits without waiting."""
    point: Callable[[str], None] = points if points is not None else Points()
    return Machine(clock or FakeClock(), SeededEntropy(seed), Files(point), NoSpawn(), point)
