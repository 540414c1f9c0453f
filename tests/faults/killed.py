"""Runs one command and kills this process at a point: `python -m tests.faults.killed NUMBER COMMAND …`."""

from __future__ import annotations

import os
import signal
import sys

from vchlang.cli import main
from vchlang.system import Files, Machine, RealClock, RealEntropy, RealSpawn


class Killer:
    """Counts points, and is the end of the process at the one that it was told."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, label: str) -> None:
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    killer = Killer(int(sys.argv[1]))
    machine = Machine(RealClock(), RealEntropy(), Files(killer), RealSpawn(), killer)
    raise SystemExit(main(sys.argv[2:], machine))
