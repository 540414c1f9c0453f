"""The program: `tether DIR` is the init of the executor in DIR.

It holds DIR/run/tether.lock for life, takes the secrets from its standard input, follows DIR/spec.json, reports in
DIR/run/state.json and DIR/run/events.jsonl, and listens on DIR/run/control.sock. The driver starts it detached and
finds it again by the lock, however often the driver itself dies.
"""

import ctypes
import fcntl
import json
import os
import sys
import time

from . import spec as specs
from .report import Report
from .supervise import CannotBegin, Secrets, Supervisor

OK, ENDED_BY_FAILURE, USAGE, CANNOT_BEGIN = 0, 1, 2, 3
LOCK_NAME = "tether.lock"

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_MOST_SECRETS = 16 * 1024 * 1024
# Someone who asks whether a tether lives takes the lock for a moment; that must not look like a second tether.
_LOCK_PATIENCE_SECONDS = 0.5


def main(argv: list[str]) -> int:
    """Be the tether of the executor in argv[0] until it is stopped.

    0: stopped as told, or another tether has the lock; 1: stopped because a required task failed (`on_failure:
    stop`); 2: usage; 3: it cannot begin, and `error` in state.json says why.
    """
    if len(argv) != 1:
        print("usage: tether DIR", file=sys.stderr)
        return USAGE
    directory = os.path.abspath(argv[0])
    run = os.path.join(directory, "run")
    _open_standard_descriptors()
    os.umask(0o077)
    try:
        os.makedirs(run, 0o700, exist_ok=True)
        lock = _lock(os.path.join(run, LOCK_NAME))
        if lock is None:
            return OK
        os.chdir(run)
        report = Report(run)
    except OSError as error:
        print(f"tether: {error.filename}: {error.strerror}", file=sys.stderr)
        return CANNOT_BEGIN
    try:
        _keep_to_itself()
        secrets = _secrets()
        with open(os.path.join(directory, "spec.json"), "rb") as file:
            spec = specs.read(file.read())
        return Supervisor(directory, spec, secrets, report).run()
    except (CannotBegin, specs.SpecError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or 'tether'}: {error.strerror}"
    report.event("cannot-begin", reason=reason)
    report.state({"format": 1, "state": "failed", "error": reason, "pid": os.getpid(), "time": time.time_ns()})
    return CANNOT_BEGIN


def _open_standard_descriptors() -> None:
    """Make 0, 1 and 2 exist, or a log would become one of them; and let no task inherit any other."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > 2:
            os.close(handle)
            break
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:  # the one that listed the directory
                continue


def _lock(path: str) -> int | None:
    """The lock, held until this process ends, or None when another tether has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                return None
            time.sleep(0.02)


def _keep_to_itself() -> None:
    """Adopt the tasks' orphans, and be no open book: secrets are in this memory, so no dumps and no debugger."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_CHILD_SUBREAPER, 1), (_PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _secrets() -> Secrets:
    """The secrets by name, from standard input to its end; then nothing is left there to read.

    The text is never quoted in an error.
    """
    parts: list[bytes] = []
    size = 0
    while part := os.read(0, 1 << 16):
        parts.append(part)
        size += len(part)
        if size > _MOST_SECRETS:
            raise CannotBegin("the secrets on standard input have no end")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    text = b"".join(parts)
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CannotBegin("the secrets on standard input are not JSON") from None
    if not isinstance(document, dict) or not all(isinstance(value, str | dict) for value in document.values()):
        raise CannotBegin("the secrets on standard input are not texts and records by name")
    return document
