"""What a run needs of the machine below it: time, chance, files, processes and probes, each handed in as an argument.

`cli/run.py` makes the real ones once. A test gives others: a clock that jumps, ids that repeat, and a `point` that is
called before and after every durable write, where it can drop the run as `kill -9` would.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol

Point = Callable[[str], None]
"""Called with a label before and after each durable write. The real one does nothing."""


def no_point(label: str) -> None:
    """The point of a real run."""


class Clock(Protocol):
    """Time as this run sees it."""

    def now(self) -> float:
        """Seconds since the epoch, for records that people read."""

    def monotonic(self) -> float:
        """Seconds that only grow, for waiting."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class RealClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Entropy(Protocol):
    """Chance: lineages, ids of runs, the key of the secrets' digests, and how long a retry pauses."""

    def uuid(self) -> str:
        """A new random UUID, in its usual form of 36 characters."""

    def token(self, size: int) -> bytes:
        """`size` random bytes, fit for a key."""


class RealEntropy:
    def uuid(self) -> str:
        return str(uuid.uuid4())

    def token(self, size: int) -> bytes:
        return os.urandom(size)


class Spawn(Protocol):
    """Starts processes that outlive this one."""

    def detached(self, argv: list[str], stdin: bytes, directory: str, log: str) -> int:
        """Start `argv` in a session of its own, give it `stdin` whole, send its output to the file `log`; its pid."""


class RealSpawn:
    def detached(self, argv: list[str], stdin: bytes, directory: str, log: str) -> int:
        import subprocess

        with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=directory,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
            )
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
            process.stdin.close()
        # It is meant to outlive us, so nobody will wait for it here.
        process.returncode = 0
        return process.pid


class Network(Protocol):
    """Asks whether something answers; for probes, which change nothing."""

    def connect(self, host: str, port: int, seconds: float) -> None:
        """Open a connection and close it again. OSError where that is not possible in time."""

    def status(self, url: str, seconds: float) -> int:
        """The status that an http or https URL answers a GET with. OSError or ValueError where it does not."""


class RealNetwork:
    def connect(self, host: str, port: int, seconds: float) -> None:
        import socket

        socket.create_connection((host, port), timeout=seconds).close()

    def status(self, url: str, seconds: float) -> int:
        import re
        import socket
        from urllib.parse import quote, urlsplit

        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("it is no http:// or https:// URL")
        until = time.monotonic() + seconds
        port = parts.port or (443 if parts.scheme == "https" else 80)
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        target += f"?{quote(parts.query, safe='=&%+/:@?')}" if parts.query else ""
        # Straight to the host, whatever proxy the environment names: what is asked about is what was deployed. And by
        # hand, since the libraries' time-outs count from each byte, and a server may send one every second.
        with contextlib.closing(socket.create_connection((host, port), timeout=seconds)) as plain:
            stream = plain
            if parts.scheme == "https":
                import ssl

                stream = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            name = f"[{host}]" if ":" in host else host
            head = f"GET {target} HTTP/1.1\r\nHost: {name}:{port}\r\nUser-Agent: vch\r\nConnection: close\r\n\r\n"
            stream.sendall(head.encode("ascii", "replace"))
            answer = b""
            while b"\n" not in answer and len(answer) < 4096:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError("timed out")
                stream.settimeout(left)
                if not (more := stream.recv(4096)):
                    break
                answer += more
        found = re.match(rb"HTTP/1\.\d (\d\d\d)\b", answer)
        if found is None:
            raise OSError("what answers does not speak HTTP")
        return int(found[1])


class Files:
    """The file system, with writes that are durable when they return and that a test can stop at.

    Every write is one of a few shapes: a thing appears whole under its name or not at all, and never replaces what is
    there unless the caller says so. Reading needs no protection and goes through the ordinary functions of `os`.
    """

    __slots__ = ("_point",)

    def __init__(self, point: Point = no_point) -> None:
        self._point = point

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        """Make one directory; FileExistsError when there is one: this is what a claim rests on."""
        with self._at(f"mkdir {path}"):
            os.mkdir(path, mode)
            _sync_directory(os.path.dirname(path))

    def ensure_directory(self, path: str, mode: int = 0o700) -> None:
        """Make a directory and those above it where they are missing; for places that are nobody's claim."""
        if os.path.isdir(path):
            return
        with self._at(f"directories {path}"):
            os.makedirs(path, mode, exist_ok=True)
            _sync_directory(os.path.dirname(path))

    def write_new(self, path: str, content: bytes, mode: int = 0o600) -> None:
        """Publish a file whole under a name that must be free; FileExistsError otherwise.

        The file has no name until it is complete, so that a dropped run leaves nothing.
        """
        directory = os.path.dirname(path)
        try:
            handle = os.open(directory, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT) or not os.path.isdir(directory):
                raise
            self._write_new_by_name(path, content, mode)
            return
        try:
            _write_all(handle, content)
            with self._at(f"new {path}"):
                # Only with a descriptor does `os.link` ask for linkat, which follows the link in /proc to the file.
                os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
                _sync_directory(directory)
        finally:
            os.close(handle)

    def _write_new_by_name(self, path: str, content: bytes, mode: int) -> None:
        """The same on a file system without nameless files."""
        temporary = self._temporary(path, content, mode)
        try:
            with self._at(f"new {path}"):
                os.link(temporary, path, follow_symlinks=False)
                _sync_directory(os.path.dirname(path))
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def replace(self, path: str, content: bytes, mode: int = 0o600) -> None:
        """Put a file whole in the place of what is there, if anything is. One writer at a time: hold a lock."""
        temporary = self._temporary(path, content, mode)
        with self._at(f"replace {path}"):
            os.replace(temporary, path)
            _sync_directory(os.path.dirname(path))

    def rename_new(self, old: str, new: str) -> None:
        """Move a file or directory to a name that must be free; FileExistsError otherwise."""
        with self._at(f"rename {new}"):
            _rename_noreplace(old, new)
            _sync_directory(os.path.dirname(new))

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link; FileExistsError when the name is taken."""
        with self._at(f"symlink {path}"):
            os.symlink(target, path)
            _sync_directory(os.path.dirname(path))

    def unlink(self, path: str) -> None:
        """Remove one file or link; nothing happens when it is gone already."""
        with self._at(f"unlink {path}"), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            _sync_directory(os.path.dirname(path))

    def rmdir(self, path: str) -> None:
        """Remove one empty directory; nothing happens when it is gone already."""
        with self._at(f"rmdir {path}"), contextlib.suppress(FileNotFoundError):
            os.rmdir(path)
            _sync_directory(os.path.dirname(path))

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all that is in it, never following a link out of it."""
        import shutil

        with self._at(f"remove {path}"):
            if os.path.islink(path) or not os.path.isdir(path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                _make_removable(path)
                shutil.rmtree(path)
            _sync_directory(os.path.dirname(path))

    def sync_tree(self, path: str) -> None:
        """Make everything below a directory durable before it is published by a rename."""
        for directory, _, names in os.walk(path):
            for name in names:
                file = os.path.join(directory, name)
                if not os.path.islink(file):
                    _sync_file(file)
            _sync_directory(directory)

    @contextlib.contextmanager
    def locked(self, path: str) -> Iterator[None]:
        """Hold an exclusive lock on a file (made when missing); the kernel lets go of it when the process dies."""
        handle = _lock(path, os.O_RDWR | os.O_CREAT)
        try:
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def locked_directory(self, path: str) -> Iterator[None]:
        """The same on a directory itself; FileNotFoundError when it is not there, also when it went while we waited."""
        handle = _lock(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield
        finally:
            os.close(handle)

    def _temporary(self, path: str, content: bytes, mode: int) -> str:
        # Named after the file, so that the next writer of it, or a sweep, finds what a dropped run left.
        temporary = temporary_of(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            _write_all(handle, content)
        finally:
            os.close(handle)
        self._point(f"written {path}")
        return temporary

    @contextlib.contextmanager
    def _at(self, label: str) -> Iterator[None]:
        self._point(f"before {label}")
        yield
        self._point(f"after {label}")


HALF_MADE = ".vch-tmp-"
HALF_GONE = ".vch-old-"
"""What begins the names of things on their way in and out; nothing else begins so, and nobody counts them as there."""


def temporary_of(path: str) -> str:
    """The name under which the next content of a file is written."""
    return os.path.join(os.path.dirname(path), HALF_MADE + os.path.basename(path))


def names_in(directory: str) -> list[str]:
    """The names in a directory, sorted, without what is on its way; FileNotFoundError when there is none."""
    return sorted(name for name in os.listdir(directory) if not name.startswith((HALF_MADE, HALF_GONE)))


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)


def _sync_directory(path: str) -> None:
    handle = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_file(path: str) -> None:
    # Some modes (0200) forbid reading even to the owner; syncing needs any open descriptor.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except PermissionError:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_removable(path: str) -> None:
    # A directory of mode 0300 cannot be listed, so its owner could not empty it.
    for directory, names, _ in os.walk(path, topdown=True):
        os.chmod(directory, 0o700)
        for name in names:
            inner = os.path.join(directory, name)
            if not os.path.islink(inner):
                os.chmod(inner, 0o700)


def _lock(path: str, flags: int) -> int:
    while True:
        handle = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever had it before may have moved or removed it; then what we hold keeps nobody out.
            if _is_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_at(handle: int, path: str) -> bool:
    held = os.fstat(handle)
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)


_RENAME_NOREPLACE = 1
_AT_FDCWD = -100


def _rename_noreplace(old: str, new: str) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        if renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(number, os.strerror(number), new)
    # The file system cannot do it in one step. A directory with anything in it is never replaced by `rename`, and
    # what we move here always holds its record.
    if not os.path.isdir(old) or os.path.islink(old):
        os.link(old, new, follow_symlinks=False)
        os.unlink(old)
    elif os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    else:
        os.rename(old, new)


class Machine:
    """All of them together, as `cli/run.py` hands them on."""

    __slots__ = ("clock", "entropy", "files", "network", "point", "spawn")

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        files: Files,
        spawn: Spawn,
        point: Point = no_point,
        network: Network | None = None,
    ) -> None:
        self.network = network if network is not None else RealNetwork()
        self.clock = clock
        self.entropy = entropy
        self.files = files
        self.spawn = spawn
        self.point = point


def real_machine() -> Machine:
    """This machine as it is."""
    return Machine(RealClock(), RealEntropy(), Files(), RealSpawn())
