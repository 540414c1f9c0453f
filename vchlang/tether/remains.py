"""Processes that a task left behind: daemons in sessions of their own, or what a killed tether could not take along.

They are known by their environment, which a task gets from the tether and its children inherit. One that empties its
environment and its session is found only as our own child, when the tether ends (`children`).
"""

import os
from collections.abc import Iterator


def belonging(root: str, task: str | None = None) -> list[int]:
    """The processes of the executor whose root this is, or of one of its tasks."""
    wanted = {f"VCH_ROOT={root}".encode()}
    wanted |= {f"VCH_TASK={task}".encode()} if task is not None else set()
    found: list[int] = []
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ:
                if wanted <= set(environ.read().split(b"\0")):
                    found.append(pid)
        except OSError:  # gone, or somebody else's
            continue
    return found


def children() -> list[int]:
    """This process's children, adopted orphans included."""
    me = os.getpid()
    return [pid for pid in _processes() if parent(pid) == me]


def descends_from(pid: int, ancestor: int) -> bool:
    """Whether a process is the ancestor or below it. One that is gone counts as below: it can prove nothing."""
    while pid > 1:
        if pid == ancestor:
            return True
        above = parent(pid)
        if above is None:
            return True
        pid = above
    return False


def parent(pid: int) -> int | None:
    fields = stat_fields(pid)
    return None if fields is None else int(fields[1])


def start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat: with the boot id it tells a process from a later one of the same number."""
    fields = stat_fields(pid)
    return None if fields is None else int(fields[19])


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from field 3 on; the name before it may hold spaces and parentheses."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _processes() -> Iterator[int]:
    me = os.getpid()
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me)
