"""What a task may touch, kept by Landlock: no privilege, nothing installed, and it holds against root as well.

The parent prepares a ruleset (`prepare`), the child enters it between fork and exec (`Ruleset.enter`), and from then
on neither the task nor anything it starts can leave it. Everything that is not granted is denied. On kernels that
can (ABI 6) a task can also not signal anything outside itself, so it cannot end the tether that watches it.

Landlock has no "append only": a write-only volume denies reading, listing, running, removing and truncating, while
overwriting bytes in place stays possible to a process that knows the file's name. Connections are not restricted.

Rights and numbers: Linux Documentation/userspace-api/landlock.rst; the three calls have one number on every
architecture that got them with 5.13.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from .rooted import Root, inside
from .spec import Mount

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_READ = READ_FILE | READ_DIR
_CHANGE = (
    WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
)
_RIGHTS_OF_MODE = {"read_write": _READ | _CHANGE, "read_only": _READ, "write_only": WRITE_FILE | MAKE_DIR | MAKE_REG}

_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/tty")
_KERNEL_TREES = ("/proc", "/sys")

_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2

# CHOWN, FSETID, SETGID, SETUID, SETFCAP: what root needs to make a file belong to somebody else.
_OWNERSHIP_CAPABILITIES = (0, 4, 6, 7, 31)
# What root could get past Landlock with. SYS_MODULE, SYS_RAWIO, SYS_BOOT and BPF reach the kernel itself; SYS_ADMIN and
# PERFMON let one read the environment, and so the secrets, of any process (mm_access in kernel/fork.c).
_STRONGER_THAN_LANDLOCK = (16, 17, 21, 22, 38, 39)

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights on a file, or on a directory and all below it."""

    path: str
    rights: int


class Ruleset:
    """A prepared set of grants. `enter` is for the child; `close` for the parent, after the fork."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def enter(self) -> None:
        """Give up everything that is not granted, for this process and its descendants, for good.

        What of root's power is stronger than Landlock is gone from the next exec on.
        """
        _drop(_STRONGER_THAN_LANDLOCK)
        if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise _error()
        _call(_RESTRICT_SELF, ctypes.c_int(self._handle), ctypes.c_uint32(0))

    def close(self) -> None:
        os.close(self._handle)


def supported() -> int:
    """The Landlock ABI of this kernel; 0 where there is none or it is switched off."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_QUERY))
    except OSError:
        return 0


def refusal(mounts: Iterable[Mount], given: Iterable[Grant], abi: int) -> str | None:
    """Which promise cannot be kept here, and why; None when all can.

    given: all grants of the task. Rights add up along a path, so a volume that lies inside something granted with
    more rights than its mode would have those too.
    """
    grants = tuple(given)
    for mount in mounts:
        asked: list[str] = [mount.mode] if mount.mode != "read_write" else []
        asked += ["noexec"] if mount.noexec else []
        if not asked:
            continue
        promise = f"{', '.join(asked)} at {mount.at}"
        if abi == 0:
            return f"{promise}: this kernel has no Landlock"
        if mount.mode != "read_write" and abi < 3:
            return f"{promise}: Landlock of this kernel (ABI {abi}) cannot deny truncating, 3 can"
        source, allowed = os.path.realpath(mount.source), _rights_of(mount)
        wider = next((g for g in grants if g.rights & ~allowed and inside(source, os.path.realpath(g.path))), None)
        if wider is not None:
            return f"{promise}: the volume lies inside {wider.path}, which allows more"
    return None


def grants(root: Root, host: Iterable[str], mounts: Iterable[Mount]) -> tuple[Grant, ...]:
    """What a task may touch: its root, what the spec names of the host, devices, /proc and /sys, its volumes.

    A mount at `/` says how the root itself may be used. What the host does not have is left out.
    """
    given = [Grant(path, _READ | EXECUTE) for path in host]
    given += [Grant(path, READ_FILE | WRITE_FILE | IOCTL_DEV) for path in _DEVICES]
    given += [Grant(path, _READ) for path in _KERNEL_TREES]
    found = [grant for grant in given if os.path.exists(grant.path)]
    at_root = Grant(root.directory, _READ | _CHANGE | EXECUTE)
    for mount in mounts:
        if mount.at == "/":
            at_root = Grant(root.directory, _rights_of(mount))
        else:
            found.append(Grant(mount.source, _rights_of(mount)))
    return (at_root, *found)


def prepare(given: Iterable[Grant], abi: int) -> Ruleset:
    """A ruleset that denies everything but the grants. OSError: Landlock or a path of a grant."""
    handled = (1 << 13) - 1
    handled |= REFER if abi >= 2 else 0
    handled |= TRUNCATE if abi >= 3 else 0
    handled |= IOCTL_DEV if abi >= 5 else 0
    if abi >= 6:
        attributes = struct.pack("=QQQ", handled, 0, _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)
    else:
        attributes = struct.pack("=Q", handled)
    handle = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    os.set_inheritable(handle, False)
    try:
        for grant in given:
            _add(handle, grant, handled)
    except BaseException:
        os.close(handle)
        raise
    return Ruleset(handle)


def keep_ownership() -> None:
    """Keep `squash`: from the next exec on, not even root can give a file another owner or become somebody else.

    Without root this holds by itself: a task has the tether's user and no other.
    """
    _drop(_OWNERSHIP_CAPABILITIES)


def _drop(capabilities: Iterable[int]) -> None:
    if os.geteuid() != 0:  # there is nothing to drop, and no_new_privs keeps it so
        return
    for capability in capabilities:
        held = _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1
        if held and _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise _error()


def _rights_of(mount: Mount) -> int:
    executable = mount.mode != "write_only" and not mount.noexec
    return _RIGHTS_OF_MODE[mount.mode] | (EXECUTE if executable else 0)


def _add(ruleset: int, grant: Grant, handled: int) -> None:
    handle = os.open(grant.path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = grant.rights & handled
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _OF_FILES
        if rights == 0:  # the kernel refuses an empty rule, and what has no rule is denied anyway
            return
        rule = struct.pack("=Qi", rights, handle)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno() or errno.EPERM
    return OSError(number, os.strerror(number))
