"""The loop: it watches processes, probes, the clock and the socket, asks `policy` what follows, and does it.

One thread, one `selectors` loop. Everything that happens becomes an event of `policy`; everything that is done is an
action that `policy` asked for. After each round the state is written if it changed.
"""

import os
import selectors
import signal
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import launch, policy, probes, promises, remains
from .control import Answer, Control
from .policy import Member, Mode, Phase, Task, Whole
from .report import Report
from .rooted import Root, empty, inside
from .spec import SecretName, Spec, TaskSpec

PROTOCOL = 1
RELEASE = 1

Secrets = Mapping[str, object]

_LONGEST_ROUND_NS = 10 * policy.SECOND
_LAST_SWEEPS = 50
_LOG_DIRECTORY_MODE = 0o300


class CannotBegin(Exception):
    """The executor cannot be brought up at all; the message says why."""


@dataclass(slots=True)
class _Looking:
    """A start's readiness probe: when to look next, and the look under way."""

    at: int
    pause: int = probes.FIRST_PAUSE_NS
    look: probes.Look | None = None
    until: int = 0


@dataclass(slots=True)
class _Run:
    """A task's spec and state with what the loop holds for it."""

    spec: TaskSpec
    log: str
    task: Task = field(default_factory=Task)
    told: int | None = None
    looking: _Looking | None = None
    mark: probes.Mark = None


class Supervisor:
    """Runs one executor from `run` until it is stopped. Make and run it in the main thread.

    directory: the executor's, absolute; the current directory is its `run`.
    clock: monotonic nanoseconds.
    """

    def __init__(
        self, directory: str, spec: Spec, secrets: Secrets, report: Report, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._spec = spec
        self._secrets = secrets
        self._report = report
        self._clock = clock
        self._wall_offset = time.time_ns() - clock()
        self._root = Root(os.path.join(directory, spec.root), spec.mounts)
        self._own_logs = os.path.join(directory, "run", "log")
        self._abi = promises.supported()
        self._grants = promises.grants(self._root, spec.host, spec.mounts)
        self._cores = _share_of_cores(spec)
        self._selector = selectors.DefaultSelector()
        self._whole = Whole()
        self._runs = {task.name: _Run(task, self._log_of(task), Task(due=clock())) for task in spec.tasks}
        self._standing: tuple[str, str | None] = ("starting", None)
        self._changed = True
        self._identity = {
            "protocol": PROTOCOL,
            "key": spec.key,
            "version": spec.version,
            "executor": spec.executor,
            "pid": os.getpid(),
            "start_time": remains.start_time(os.getpid()),
            "boot_id": boot_id(),
            "release": RELEASE,
        }
        self._bring_up(directory)

    def run(self) -> int:
        """Start the tasks and stay until the executor is stopped: 0 when told to, 1 when a required task's failure did.

        CannotBegin where there is no control socket to be had.
        """
        try:
            control = Control(self._selector, self._answer)
        except OSError as error:
            raise CannotBegin(f"control socket: {error.strerror}") from None
        self._listen_for_signals()
        self._report.event("up", version=self._spec.version, pid=os.getpid())
        while True:
            self._advance()
            if self._changed:
                self._changed = False
                self._report.state(self.status())
            if self._whole.mode is Mode.STOPPED:
                break
            for key, events in self._selector.select(self._patience()):
                key.data(events)
        self._leave_nothing()
        self._report.event("down", reason=self._whole.reason)
        control.release({"stopped": True} | self.status())
        control.close()
        return 1 if self._whole.failed else 0

    def status(self) -> dict[str, object]:
        """How things stand: the document that `state.json` holds and `status` answers."""
        spec = self._spec
        state, reason = policy.standing(self._whole, self._members())
        return {
            "format": 1,
            **self._identity,
            "isolation": "tether",
            "state": state,
            "reason": reason,
            "error": None,
            "time": time.time_ns(),
            "promises": {"landlock": self._abi},
            "limits": {
                "memory": _applied(spec.memory, "RLIMIT_DATA of each task" if spec.memory else None),
                "cpus": _applied(spec.cpus, f"affinity to {sorted(self._cores)}" if self._cores else None),
            },
            "tasks": {name: self._task_status(run) for name, run in self._runs.items()},
        }

    def _task_status(self, run: _Run) -> dict[str, object]:
        task = run.task
        waiting = task.phase is Phase.WAITING and task.starts > 0
        times = {
            "started": task.started,
            "launched": task.launched,
            "ready": task.ready,
            "stable": task.stable,
            "ended": task.ended,
            "next_start": task.due if waiting else None,
        }
        return {
            "state": task.phase.value,
            "pid": task.pid,
            "required": run.spec.rules.required,
            "starts": task.starts,
            "restarts": task.restarts,
            "failures": task.failures,
            "exit_code": task.exit_code,
            "signal": None if task.exit_signal is None else policy.signal_name(task.exit_signal),
            "reason": task.reason,
            "log": run.log,
            "times": {what: None if at is None else at + self._wall_offset for what, at in times.items()},
        }

    # Bringing up and leaving ---------------------------------------------------------

    def _bring_up(self, directory: str) -> None:
        """What holds before any task starts: nothing is left of an earlier life, volumes are as promised."""
        if not os.path.isdir(self._root.directory):
            raise CannotBegin(f"root {self._root.directory} is not a directory")
        self._sweep(None)
        os.makedirs(self._own_logs, 0o700, exist_ok=True)
        for mount in self._spec.mounts:
            source = os.path.realpath(mount.source)
            if not mount.persistent:
                if inside(os.path.realpath(directory), source) or inside(self._root.directory, source):
                    raise CannotBegin(f"{mount.at} is non-persistent and holds the executor itself")
                try:
                    empty(source)
                except OSError as error:
                    raise CannotBegin(f"{mount.at} cannot be emptied: {error.strerror}") from None
            if mount.mode == "write_only":
                try:
                    os.chmod(source, _LOG_DIRECTORY_MODE)
                except OSError as error:  # somebody else's directory: Landlock keeps the promise without it
                    self._report.event("mode-not-set", mount=mount.at, reason=error.strerror)

    def _listen_for_signals(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        # A handler must exist for the wake-up descriptor to be written; what is to be done is done in the loop.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._wake = (ours, theirs)  # kept open
        self._selector.register(ours, selectors.EVENT_READ, lambda _events: self._signalled(ours))

    def _leave_nothing(self) -> None:
        """End what the tasks left behind, adopted orphans and their children too."""
        self._sweep(None)
        for _ in range(_LAST_SWEEPS):
            children = remains.children()
            if not children:
                return
            _kill_all(children)
            while _reaped_any():
                pass
            time.sleep(0.01)

    def _sweep(self, task: str | None) -> None:
        left = remains.belonging(self._root.directory, task)
        if left:
            _kill_all(left)
            self._report.event("swept", task=task, processes=len(left))

    # What happens --------------------------------------------------------------------

    def _signalled(self, wake: socket.socket) -> None:
        try:
            numbers = wake.recv(4096)
        except BlockingIOError:
            return
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop("told to by a signal")

    def _answer(self, verb: str, commands: bool) -> Answer | None:
        match verb:
            case "hello":
                return self._identity
            case "status":
                return self.status()
            case "stop":
                if not commands:
                    return {"error": "not-allowed"}
                self._stop("told to")
                return None
            case _:
                return {"error": "unknown-verb"}

    def _stop(self, reason: str) -> None:
        self._whole, order = policy.stop_whole(self._whole, reason)
        self._obey(order)

    def _advance(self) -> None:
        """Let everything follow that follows from processes that ended and from the time it is."""
        self._reap()
        for name, run in self._runs.items():
            self._feed(name, policy.Tick())
            self._probe(name, run)
        while True:
            before = self._whole
            self._whole, order = policy.step_whole(self._spec.on_failure, self._whole, self._members(), self._clock())
            self._obey(order)
            if self._whole == before:
                break
        standing = policy.standing(self._whole, self._members())
        if standing != self._standing:
            self._standing = standing
            self._changed = True
            self._report.event("executor", state=standing[0], reason=standing[1])

    def _obey(self, order: policy.Order | None) -> None:
        if order is None:
            return
        for name, run in self._runs.items():
            if order is policy.Order.STOP:
                self._feed(name, policy.Stop())
            else:
                run.task = policy.begin_again(run.task, self._clock())
                self._feed(name, policy.Tick())

    def _feed(self, name: str, event: policy.Event) -> None:
        run = self._runs[name]
        before = run.task
        run.task, actions = policy.step(run.spec.rules, before, event, self._clock())
        if run.task != before:
            self._changed = True
        if run.task.phase is not before.phase:
            code = run.task.exit_code if isinstance(event, policy.Ended) else None
            state, reason = run.task.phase.value, run.task.reason
            self._report.event("task", task=name, state=state, pid=run.task.pid, exit_code=code, reason=reason)
        for action in actions:
            match action:
                case policy.Action.START:
                    self._start(name, run)
                case policy.Action.TERMINATE:
                    _signal_group(run.task.pid, run.spec.stop_signal)
                case policy.Action.KILL:
                    _signal_group(run.task.pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            pid = found.si_pid
            name = next((name for name, run in self._runs.items() if run.task.pid == pid), None)
            if name is not None:
                # While its leader is not reaped the group's number cannot be somebody else's.
                _signal_group(pid, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if name is not None:
                self._ended(name, status)

    def _ended(self, name: str, status: int) -> None:
        run = self._runs[name]
        reason = None
        if run.told is not None:  # it ended before the pipe was looked at: launched and gone, or never launched
            reason = self._outcome(name, run)
        self._forget_probe(run)
        self._sweep(name)
        if reason is not None:
            self._feed(name, policy.Ended(reason=reason))
        elif status < 0:
            self._feed(name, policy.Ended(signal=-status))
        else:
            self._feed(name, policy.Ended(code=status))

    # Starting ------------------------------------------------------------------------

    def _start(self, name: str, run: _Run) -> None:
        credentials: int | None = None
        ruleset: promises.Ruleset | None = None
        try:
            refusal = self._refusal(run.spec)
            if refusal is not None:
                self._feed(name, policy.Refused(refusal))
                return
            if run.spec.credentials is not None:
                credentials = launch.sealed(self._secrets[run.spec.credentials])
            if self._abi:
                ruleset = promises.prepare(self._grants, self._abi)
            plan = self._plan(run, ruleset, credentials)
            if run.spec.probe is not None and run.spec.probe.kind == "file":
                run.mark = probes.mark(self._root, run.spec.probe.path)
            pid, told = launch.start(plan)
        except launch.StepFailed as failed:
            self._feed(name, policy.Ended(reason=str(failed)))
            return
        except OSError as error:
            subject = f" {error.filename}" if error.filename else ""
            self._feed(name, policy.Ended(reason=f"before the start{subject}: {(error.strerror or '').lower()}"))
            return
        finally:
            if ruleset is not None:
                ruleset.close()
            if credentials is not None:
                os.close(credentials)
        run.told = told
        self._selector.register(told, selectors.EVENT_READ, lambda _events: self._told(name, run))
        self._feed(name, policy.Begun(pid))

    def _refusal(self, task: TaskSpec) -> str | None:
        """Why this task will not be started, however often one tries."""
        wanted = [value.name for value in task.env.values() if isinstance(value, SecretName)]
        missing = next((n for n in (*wanted, task.credentials) if n is not None and n not in self._secrets), None)
        if missing is not None:
            return f"secret {missing} was not given"
        record = next((name for name in wanted if not isinstance(self._secrets[name], str)), None)
        if record is not None:
            return f"secret {record} is a record, and an environment holds text"
        try:
            user, group = self._become(task)
        except LookupError as unknown:
            return str(unknown.args[0])
        if os.geteuid() != 0 and (user, group) not in ((None, None), (os.geteuid(), os.getegid())):
            return f"running as {task.user or task.group} needs root"
        squashed = next((mount.at for mount in self._spec.mounts if mount.squash), None)
        if squashed is not None and len({(other.user, other.group) for other in self._spec.tasks}) > 1:
            return f"squash at {squashed}: the tasks run as different users"
        return promises.refusal(self._spec.mounts, self._grants, self._abi)

    def _become(self, task: TaskSpec) -> tuple[int | None, int | None]:
        user = group = None
        if task.user is not None:
            user, group = self._root.identity(task.user, group=False)
        if task.group is not None:
            group, _ = self._root.identity(task.group, group=True)
        return user, group

    def _plan(self, run: _Run, ruleset: promises.Ruleset | None, credentials: int | None) -> launch.Plan:
        task = run.spec
        try:
            path = self._root.resolve(task.path)
            os.stat(path)
        except OSError as error:
            raise launch.failure("exec", task.path, error) from None
        try:
            workdir = self._root.resolve(task.workdir)
        except OSError as error:
            raise launch.failure("workdir", task.workdir, error) from None
        user, group = self._become(task)
        stays = os.geteuid() != 0
        return launch.Plan(
            path=path,
            called=task.path,
            args=task.args,
            env=self._environment(task, credentials),
            workdir=workdir,
            log=run.log,
            log_in_volume=task.log is not None,
            user=None if stays else user,
            group=None if stays else group,
            memory=self._spec.memory,
            cores=self._cores,
            ruleset=ruleset,
            squash=any(mount.squash for mount in self._spec.mounts),
            credentials=credentials,
        )

    def _environment(self, task: TaskSpec, credentials: int | None) -> dict[str, str]:
        """All of the task's environment: nothing of the tether's own is in it, and what the task says comes last."""
        env = {
            "PATH": ":".join(self._spec.path),
            "HOME": "/",
            "VCH_ROOT": self._root.directory,
            "VCH_EXECUTOR": self._spec.executor,
            "VCH_TASK": task.name,
            "VCH_ADDRESS": self._spec.address(None),
        }
        for role, address in self._spec.addresses.items():
            word = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in role)
            env[f"VCH_ADDRESS_{word.upper()}"] = address
        if credentials is not None:
            env["VCH_CREDENTIALS_FD"] = str(credentials)
        for name, value in task.env.items():
            env[name] = str(self._secrets[value.name]) if isinstance(value, SecretName) else value
        return env

    def _log_of(self, task: TaskSpec) -> str:
        source = next((mount.source for mount in self._spec.mounts if mount.at == task.log), self._own_logs)
        return os.path.join(source, task.name + ".log")

    def _told(self, name: str, run: _Run) -> None:
        if run.told is None:
            return
        reason = self._outcome(name, run)
        if reason is None:
            return
        pid = run.task.pid
        if pid is not None:  # it has said its word and is leaving
            os.waitpid(pid, 0)
        self._feed(name, policy.Ended(reason=reason))

    def _outcome(self, name: str, run: _Run) -> str | None:
        """Take what the start's pipe says: why it failed, or that the task is launched now."""
        if run.told is None:
            return None
        told, run.told = run.told, None
        self._selector.unregister(told)
        reason = launch.outcome(told)
        if reason is None:
            self._feed(name, policy.Launched())
            if run.spec.probe is not None:
                run.looking = _Looking(at=self._clock())
        return reason

    # Probing -------------------------------------------------------------------------

    def _probe(self, name: str, run: _Run) -> None:
        looking, probe = run.looking, run.spec.probe
        if looking is None or probe is None:
            return
        now = self._clock()
        if looking.look is not None:
            if looking.until <= now:
                self._looked(name, run, False)
            return
        if looking.at > now:
            return
        if probe.kind == "file":
            found = probes.mark(self._root, probe.path)
            self._looked(name, run, found is not None and found != run.mark)
            return
        try:
            look = probes.Look(self._spec.address(probe.role), probe.port, probe.path if probe.kind == "http" else None)
        except OSError:  # no descriptors left
            self._looked(name, run, False)
            return
        looking.look, looking.until = look, now + probes.TIMEOUT_NS
        self._selector.register(look.socket, look.wants, lambda _events: self._look_on(name, run, look))

    def _look_on(self, name: str, run: _Run, look: probes.Look) -> None:
        if run.looking is None or run.looking.look is not look:
            return
        answer = look.advance()
        if answer is None:
            self._selector.modify(look.socket, look.wants, self._selector.get_key(look.socket).data)
        else:
            self._looked(name, run, answer)

    def _looked(self, name: str, run: _Run, ready: bool) -> None:
        looking = run.looking
        if looking is None:
            return
        self._forget_probe(run)
        if ready:
            self._feed(name, policy.Answered())
        else:
            run.looking = _Looking(
                at=self._clock() + looking.pause, pause=min(looking.pause * 3 // 2, probes.LONGEST_PAUSE_NS)
            )

    def _forget_probe(self, run: _Run) -> None:
        if run.looking is not None and run.looking.look is not None:
            self._selector.unregister(run.looking.look.socket)
            run.looking.look.socket.close()
        run.looking = None

    # Waiting -------------------------------------------------------------------------

    def _members(self) -> list[Member]:
        return [Member(name, run.spec.rules, run.task) for name, run in self._runs.items()]

    def _patience(self) -> float:
        """How long nothing needs to be done unless something happens, in seconds."""
        now = self._clock()
        times = [now + _LONGEST_ROUND_NS]
        for run in self._runs.values():
            due = policy.next_due(run.spec.rules, run.task)
            times += [] if due is None else [due]
            if run.looking is not None:
                times.append(run.looking.at if run.looking.look is None else run.looking.until)
        if self._whole.resume_at is not None:
            times.append(self._whole.resume_at)
        return max(min(times) - now, 0) / policy.SECOND


def boot_id() -> str:
    """What this boot of the machine is called; a pid means nothing in another one."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _share_of_cores(spec: Spec) -> frozenset[int] | None:
    """The cores this executor keeps to, when it may have fewer than there are.

    Where its share begins follows from its key, so that executors do not all crowd on the first core.
    """
    cores = sorted(os.sched_getaffinity(0))
    if spec.cpus is None or spec.cpus >= len(cores):
        return None
    first = zlib.crc32(spec.key.encode()) % len(cores)
    return frozenset((cores[first:] + cores[:first])[: spec.cpus])


def _applied(asked: int | None, by: str | None) -> dict[str, object]:
    return {"asked": asked, "applied": by}


def _signal_group(pid: int | None, number: int) -> None:
    if pid is None:
        return
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass  # it has just ended; SIGCHLD is on its way
    except PermissionError:
        pass  # what is left of the group has become somebody else


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reaped_any() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False
