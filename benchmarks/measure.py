"""What a process costs: CPU time and peak memory, from the kernel's own account of it, and how to compare two.

Machines are shared, so wall time is not looked at, contenders take turns (A B A B ...), and what counts is the ratio of
medians. This program stays small on purpose: on Linux a new process starts with the peak memory of the one that
started it, so a measuring program that was larger than what it measures would measure itself.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    cpu: float  # seconds, user and system, of the process and of those it waited for
    peak: float  # MiB of resident memory
    output: str


class Broken(Exception):
    """A measured command failed, so there is nothing to compare."""


def cost(argv: Sequence[str], directory: str, env: Mapping[str, str]) -> Cost:
    """Run one command to its end. Broken if it does not exit with 0."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(argv, cwd=directory, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        # wait4 instead of process.wait(): it tells what this one process used.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            said = (err.read() + out.read()).decode("utf-8", "replace").strip()
            raise Broken(f"`{' '.join(argv)[:200]}` ended with {process.returncode}:\n{said[:2000]}")
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode("utf-8", "replace"))


class Series(NamedTuple):
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)


def take_turns(contenders: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, list[Cost]]:
    """Each contender so many times, in turns, after one run of each that does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, contender in contenders.items():
            one = contender()
            if turn > 0:
                costs[name].append(one)
    return costs


def cpu(costs: Sequence[Cost]) -> Series:
    return Series(tuple(one.cpu for one in costs))


def peak(costs: Sequence[Cost]) -> Series:
    return Series(tuple(one.peak for one in costs))


def printed(costs: Sequence[Cost]) -> Series:
    """For a process that measured a part of itself and printed the seconds."""
    return Series(tuple(float(one.output) for one in costs))
