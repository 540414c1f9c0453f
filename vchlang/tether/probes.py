"""Looking whether a task is ready, without ever waiting: each look is a small state machine on a socket.

The tether has one thread, and tasks die with the thread that made them, so a probe may not block it and cannot have
a thread of its own.
"""

import errno
import os
import selectors
import socket

from .rooted import Root

TIMEOUT_NS = 2_000_000_000
FIRST_PAUSE_NS = 100_000_000
LONGEST_PAUSE_NS = 1_000_000_000
_MOST_ANSWER = 4096

Mark = tuple[int, int, int] | None


def mark(root: Root, path: str) -> Mark:
    """What tells one writing of a file from the next; None when there is no such file.

    A file that an earlier start left behind must not make the next one ready, and comparing times of a clock that
    may be set would be no proof.
    """
    try:
        found = os.lstat(root.resolve(path))
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_mtime_ns


class Look:
    """One look at a port: that it accepts, or with `path` that it answers a GET with 2xx, redirects not followed."""

    def __init__(self, address: str, port: int, path: str | None) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.wants = selectors.EVENT_WRITE
        host = f"[{address}]" if ":" in address else address
        self._ask = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: vch-tether\r\n\r\n".encode()
        self._http = path is not None
        self._answer = b""
        try:
            self._refused = self.socket.connect_ex((address, port)) not in (0, errno.EINPROGRESS)
        except OSError:  # the address is none
            self._refused = True

    def advance(self) -> bool | None:
        """Go on as far as is possible now: whether the task is ready, or None while that is open.

        `wants` says what to wait for before the next call. Close `socket` once there is an answer.
        """
        if self._refused:
            return False
        try:
            if self.wants == selectors.EVENT_WRITE:
                if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
                    return False
                # Not yet connected is an error here. A port in the ephemeral range may have connected to itself.
                if self.socket.getpeername() == self.socket.getsockname():
                    return False
                if not self._http:
                    return True
                self._ask = self._ask[self.socket.send(self._ask) :]
                if not self._ask:
                    self.wants = selectors.EVENT_READ
                return None
            received = self.socket.recv(_MOST_ANSWER)
        except BlockingIOError:
            return None
        except OSError:
            return False
        self._answer += received
        if b"\n" not in self._answer:
            return None if received and len(self._answer) < _MOST_ANSWER else False
        words = self._answer.split(b"\n", 1)[0].split()
        return len(words) > 1 and words[0].startswith(b"HTTP/") and len(words[1]) == 3 and words[1].startswith(b"2")
