"""Talking to a tether from outside: what the driver uses. Standard library only, any thread.

A tether is one of three: it answers; it does not run, which its lock proves; or nobody can tell, and then it must be
taken for running. `TetherGone.running` says which of the last two it is.

Unknown is never taken for gone: a tether that is stopped (SIGSTOP), busy or another user's holds its lock.
"""

import fcntl
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

TIMEOUT_SECONDS = 5.0

_SOCKET_NAME = "control.sock"
_LOCK_NAME = "tether.lock"
_LONGEST_ANSWER = 8 * 1024 * 1024


class TetherGone(Exception):
    """The tether cannot be reached.

    running: False when its lock is free, so that nothing runs; None when that cannot be known.
    """

    def __init__(self, reason: str, *, running: bool | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.running = running


class TetherRefused(Exception):
    """The tether answered that it will not; `reason` is its word for it, such as `unknown-verb`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def hello(directory: str | os.PathLike[str], timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """Who is there: protocol, key, version, executor, pid, start_time, boot_id, release."""
    return _ask(directory, "hello", timeout)


def status(directory: str | os.PathLike[str], timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """How things stand now, as in state.json but asked of the living tether."""
    return _ask(directory, "status", timeout)


def stop(directory: str | os.PathLike[str], timeout: float) -> dict[str, Any]:
    """Stop all tasks by their policies, then the tether; returns the last status once its lock is free.

    Asking again while it stops is harmless. TetherGone(running=False) when it was not running.
    """
    until = time.monotonic() + timeout
    answer = _ask(directory, "stop", timeout)
    while alive(directory):
        if time.monotonic() > until:
            raise TetherGone("it has stopped its tasks and does not end", running=None)
        time.sleep(0.01)
    return answer


def alive(directory: str | os.PathLike[str]) -> bool:
    """Whether a tether holds the executor's lock. TetherGone(running=None) when that cannot be found out."""
    try:
        handle = os.open(os.path.join(directory, "run", _LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TetherGone(f"its lock cannot be looked at: {error.strerror}", running=None) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise TetherGone(f"its lock cannot be looked at: {error.strerror}", running=None) from None
    finally:
        os.close(handle)


def last_state(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What a tether wrote last, living or not; None when none ever did. It says nothing about now."""
    try:
        with open(os.path.join(directory, "run", "state.json"), encoding="utf-8") as file:
            return cast(dict[str, Any], json.load(file))
    except FileNotFoundError:
        return None


def read_log(path: str | os.PathLike[str], most: int = 64 * 1024) -> bytes:
    """The end of a task's log (`log` of its status), empty when there is none yet.

    A log in a write-only volume has the mode 0200, which stops its owner as well. The owner lifts that for the moment
    of opening; Landlock goes on denying it to the tasks.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        return b""
    except PermissionError:
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        os.chmod(path, mode | stat.S_IRUSR)
        try:
            handle = os.open(path, flags)
        finally:
            os.chmod(path, mode)
    with open(handle, "rb") as file:
        file.seek(max(os.fstat(handle).st_size - most, 0))
        return file.read(most)


def _ask(directory: str | os.PathLike[str], verb: str, timeout: float) -> dict[str, Any]:
    try:
        with _connected(directory, timeout) as connection:
            connection.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            answer: Any = json.loads(_line(connection, time.monotonic() + timeout))
    except TimeoutError:
        raise _gone(directory, f"no answer to {verb} within {timeout:g} s") from None
    except OSError as error:
        raise _gone(directory, f"no connection: {error.strerror or error}") from None
    except ValueError:
        raise _gone(directory, f"its answer to {verb} is cut off or not JSON") from None
    if not isinstance(answer, dict):
        raise _gone(directory, f"its answer to {verb} is not an object")
    if isinstance(answer.get("error"), str):
        raise TetherRefused(answer["error"])
    return answer


@contextmanager
def _connected(directory: str | os.PathLike[str], timeout: float) -> Iterator[socket.socket]:
    # The socket's own path may be longer than the 107 bytes of an address; this one is not.
    run = os.open(os.path.join(directory, "run"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(f"/proc/self/fd/{run}/{_SOCKET_NAME}")
            yield connection
    finally:
        os.close(run)


def _line(connection: socket.socket, until: float) -> bytes:
    received = b""
    while b"\n" not in received and len(received) < _LONGEST_ANSWER:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(1 << 16)
        if not part:
            break
        received += part
    return received


def _gone(directory: str | os.PathLike[str], reason: str) -> TetherGone:
    """Unreachable, and whether that is because it does not run."""
    if not alive(directory):
        return TetherGone("it does not run", running=False)
    return TetherGone(reason, running=None)
