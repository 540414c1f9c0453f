"""Paths as the executor sees them.

On this level there is no chroot: the executor's root is a directory, and what a task, a log or a probe calls
`/var/log` lies somewhere below it. `Root.resolve` walks such a path the way a chroot would, so that a link inside
the root is read relative to the root and nothing leads out of it; only at a mount does it go on in the volume, which
the driver has linked there.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable

from .spec import Mount

_MOST_LINKS = 40  # as many as Linux follows


class Root:
    """The executor's file system: its root directory and the volumes mounted in it."""

    def __init__(self, directory: str, mounts: Iterable[Mount]) -> None:
        self.directory = os.path.realpath(directory)
        self._volumes = {mount.at: os.path.realpath(mount.source) for mount in mounts if mount.at != "/"}

    def resolve(self, path: str) -> str:
        """The real path of an executor's path, links followed inside; OSError where one cannot be followed.

        Whether the last component exists is for the caller to find out.
        """
        ahead = _parts(path)[::-1]
        behind: list[str] = []
        links = 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                del behind[-1:]
                continue
            behind.append(part)
            if "/" + "/".join(behind) in self._volumes:
                continue
            try:
                target = os.readlink(self._real(behind))
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.EINVAL:  # EINVAL says: exists, and is no link
                    raise
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            behind = [] if target.startswith("/") else behind[:-1]
            ahead.extend(_parts(target)[::-1])
        return self._real(behind)

    def _real(self, parts: list[str]) -> str:
        for length in range(len(parts), 0, -1):
            volume = self._volumes.get("/" + "/".join(parts[:length]))
            if volume is not None:
                return os.path.join(volume, *parts[length:])
        return os.path.join(self.directory, *parts)

    def identity(self, name: str, *, group: bool) -> tuple[int, int]:
        """(id, primary group) of a user or group, by number or by the image's own passwd; LookupError if unknown.

        The host's passwd would name other people than those who run in the image.
        """
        if name.isascii() and name.isdigit():
            return int(name), int(name)
        kind, table = ("group", "/etc/group") if group else ("user", "/etc/passwd")
        try:
            with open(self.resolve(table), encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    fields = line.rstrip("\n").split(":")
                    if fields[0] == name and len(fields) > 3:
                        return int(fields[2]), int(fields[2] if group else fields[3])
        except (OSError, ValueError):
            raise LookupError(f"{kind} {name}: {table} of the image cannot be read") from None
        raise LookupError(f"{kind} {name} is not in {table} of the image")


def empty(directory: str) -> None:
    """Remove what is in a directory, never the directory itself and never through a link."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in os.listdir(handle):
            if stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
                shutil.rmtree(name, dir_fd=handle)
            else:
                os.unlink(name, dir_fd=handle)
    finally:
        os.close(handle)


def inside(path: str, directory: str) -> bool:
    """Whether a real path is the directory or lies below it."""
    return os.path.commonpath((path, directory)) == directory


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
