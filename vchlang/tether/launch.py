"""Making a task's process: fork, put it in its place, exec.

All that can be found out before is found out in the parent (`Plan`); the child only makes system calls, in an order
that matters: the log is opened after Landlock, so that not even the descriptor can truncate what the volume
protects; the user is given up after that; and the death signal is asked for last, because giving up the user clears
it. The child tells over a pipe which step failed and why; exec closes the pipe, so an end without a word is success.
"""

import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from . import promises

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 127

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A start, decided. Paths are real ones; `called` is the name that the task knows itself and is reported by.

    log_in_volume: the log lies in a volume and gets its mode (0200) and its protection.
    user, group: ids to become, or None to stay. memory: bytes of data the process may have.
    credentials: a descriptor that the task inherits, under the same number.
    """

    path: str
    called: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str
    log: str
    log_in_volume: bool
    user: int | None
    group: int | None
    memory: int | None
    cores: frozenset[int] | None
    ruleset: promises.Ruleset | None
    squash: bool
    credentials: int | None


class StepFailed(Exception):
    """A step of a start failed; the message says which, on what and why."""


def start(plan: Plan) -> tuple[int, int]:
    """(pid, pipe): a process that is becoming the task. `outcome` reads from the pipe whether it did.

    Call it in the main thread: when the thread that forks ends, the kernel takes the task along.
    """
    told, telling = os.pipe2(os.O_CLOEXEC)
    tether = os.getpid()
    # Until the child has put its signal handling in order, a signal to it would wake the parent's loop.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(plan, telling, tether)
    except OSError as error:
        os.close(told)
        raise StepFailed(f"fork: {_strerror(error)}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(telling)
    try:
        os.setpgid(pid, pid)  # both sides do it, so that neither sees the other's group
    except OSError:
        pass  # it has done so itself and runs already, or is gone
    os.set_blocking(told, False)
    return pid, told


def outcome(told: int) -> str | None:
    """What went wrong, or None when the program runs. Call it when the pipe is readable, once; it is closed then."""
    try:
        text = os.read(told, 4096)  # written in one piece, below PIPE_BUF
    except BlockingIOError:
        text = b""
    finally:
        os.close(told)
    return None if not text else str(json.loads(text))


def failure(step: str, what: str, error: OSError) -> StepFailed:
    return StepFailed(f"{step} {what}: {_strerror(error)}")


def sealed(document: object) -> int:
    """A descriptor on a JSON document in memory that nobody can change any more."""
    handle = os.memfd_create("credentials", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(handle, json.dumps(document).encode())
    os.lseek(handle, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, seals)
    return handle


def _become(plan: Plan, telling: int, tether: int) -> NoReturn:
    """The child: become the task, or say why not. Never returns into the tether's code."""
    step, what = "fork", plan.called
    try:
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if signal.getsignal(number) not in (signal.SIG_DFL, None):
                signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.umask(0o022)
        if plan.cores is not None:
            step = "cpus"
            os.sched_setaffinity(0, plan.cores)
        if plan.memory is not None:
            step = "memory"
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            memory = plan.memory if most == resource.RLIM_INFINITY else min(plan.memory, most)
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        if not plan.log_in_volume:
            step, what = "log", plan.log
            _log_to(plan.log, 0o600)
        step, what = "workdir", plan.workdir
        os.chdir(plan.workdir)
        if plan.squash:
            step, what = "squash", plan.called
            promises.keep_ownership()
        if plan.ruleset is not None:
            step, what = "landlock", plan.called
            plan.ruleset.enter()
        if plan.log_in_volume:
            step, what = "log", plan.log
            _log_to(plan.log, 0o200)
        if plan.user is not None or plan.group is not None:
            step, what = "user", plan.called
            _give_up(plan.user, plan.group)
        if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != tether:
            os._exit(_NOT_STARTED)  # the tether died before it could be said that we die with it
        if plan.credentials is not None:
            os.set_inheritable(plan.credentials, True)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        step, what = "exec", plan.called
        os.execve(plan.path, (plan.called, *plan.args), plan.env)
    except OSError as error:
        reason = _strerror(error)
        if step == "exec" and error.errno == errno.ENOENT and os.path.exists(plan.path):
            reason += " (the interpreter it names)"
        _tell(telling, f"{step} {what}: {reason}")
    except BaseException as error:  # a child that went on would be a second tether
        _tell(telling, f"{step} {what}: {type(error).__name__}")
    os._exit(_NOT_STARTED)


def _tell(telling: int, text: str) -> None:
    os.write(telling, json.dumps(text[:2000]).encode()[:4096])


def _log_to(path: str, mode: int) -> None:
    # A pipe or a link that somebody put there instead of the log would block us or lead out; neither is followed.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags, mode)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    os.set_blocking(handle, True)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _give_up(user: int | None, group: int | None) -> None:
    if group is not None:
        os.setgroups([group])
        os.setgid(group)
    if user is not None:
        os.setuid(user)


def _strerror(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO).lower()
