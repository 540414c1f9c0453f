"""What follows from what happened, decided without doing anything.

A task's state, an event and the time go in; the next state and the actions to carry out come back. The executor as a
whole is decided the same way from its members. Nothing here reads a clock, a process or a file, so every rule about
restarts, back-off, stability, deadlines and stopping is tested without waiting.

All times are nanoseconds of one monotonic clock.
"""

import signal as signals
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Literal, assert_never

SECOND = 1_000_000_000
BACKOFF_BASE_NS = SECOND // 5
BACKOFF_CAP_NS = 20 * SECOND

RestartPolicy = Literal["never", "on_failure", "always"]
OnFailure = Literal["hold", "restart", "stop"]


class Phase(StrEnum):
    """Where a task stands. `waiting` also stands between two starts; the last three are ends."""

    WAITING = "waiting"
    STARTING = "starting"
    LAUNCHED = "launched"
    READY = "ready"
    STABLE = "stable"
    EXITED = "exited"
    FAILED = "failed"
    STOPPED = "stopped"


class Ending(Enum):
    """Why the tether itself is ending a task."""

    STOP = "stop"
    DEADLINE = "deadline"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What was asked for a task.

    attempts: failed starts in a row after which it is failed; None is without limit.
    probed: it has a readiness probe; without one it is ready when launched.
    """

    restart: RestartPolicy = "never"
    stable_ns: int = 10 * SECOND
    attempts: int | None = None
    required: bool = False
    probed: bool = False
    deadline_ns: int | None = None
    grace_ns: int = 10 * SECOND


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task's state. The times are those of its latest start; `failures` are failed starts in a row."""

    phase: Phase = Phase.WAITING
    due: int = 0
    starts: int = 0
    failures: int = 0
    pid: int | None = None
    started: int | None = None
    launched: int | None = None
    ready: int | None = None
    stable: int | None = None
    ended: int | None = None
    ending: Ending | None = None
    kill_at: int | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str | None = None

    @property
    def restarts(self) -> int:
        return max(self.starts - 1, 0)

    @property
    def down(self) -> bool:
        """Nothing of it runs and nothing of it is being started."""
        return self.pid is None and self.phase is not Phase.STARTING

    @property
    def failed(self) -> bool:
        """It has ended, will not be started again, and not because it was done or told to."""
        return self.phase is Phase.FAILED or (self.phase is Phase.EXITED and self.exit_code != 0)

    @property
    def fulfilled(self) -> bool:
        """It did what it was for and left with 0."""
        return self.phase is Phase.EXITED and self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A process exists; its program does not run yet."""

    pid: int


@dataclass(frozen=True, slots=True)
class Launched:
    """The program runs."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The readiness probe succeeded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The process is gone (code, or the signal that ended it), or with `reason`: there never was a program."""

    code: int | None = None
    signal: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The tether will not start it, and trying again would not change that."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """It is to end, gracefully first."""


Event = Tick | Begun | Launched | Answered | Ended | Refused | Stop


class Action(Enum):
    START = "start"
    TERMINATE = "terminate"
    KILL = "kill"


def backoff(failures: int) -> int:
    """How long to wait before the next start, after so many failed starts in a row."""
    return min(BACKOFF_BASE_NS << min(max(failures - 1, 0), 16), BACKOFF_CAP_NS)


def step(rules: Rules, task: Task, event: Event, now: int) -> tuple[Task, tuple[Action, ...]]:
    """The task's next state, and what to do about it, in order."""
    match event:
        case Tick():
            return _tick(rules, task, now)
        case Begun(pid=pid):
            return replace(task, pid=pid), ()
        case Launched():
            if task.phase is not Phase.STARTING:
                return task, ()
            launched = replace(
                task, phase=Phase.LAUNCHED, launched=now, ready=None if rules.probed else now, reason=None
            )
            return _settle(rules, launched, now), ()
        case Answered():
            if task.phase is not Phase.LAUNCHED or task.ready is not None:
                return task, ()
            return _settle(rules, replace(task, ready=now), now), ()
        case Ended():
            return _ended(rules, task, event, now), ()
        case Refused(reason=reason):
            return replace(task, phase=Phase.FAILED, ended=now, reason=reason), ()
        case Stop():
            if task.pid is None:
                over = task.phase in (Phase.EXITED, Phase.FAILED, Phase.STOPPED)
                return (task if over else replace(task, phase=Phase.STOPPED)), ()
            if task.ending is Ending.STOP:
                return task, ()
            if task.ending is Ending.DEADLINE:  # the signal is sent and its grace runs: a stop must not lengthen it
                return replace(task, ending=Ending.STOP), ()
            return replace(task, ending=Ending.STOP, kill_at=now + rules.grace_ns), (Action.TERMINATE,)
        case _:
            assert_never(event)


def next_due(rules: Rules, task: Task) -> int | None:
    """When `step` wants a Tick; None when only something happening can change the state."""
    times: list[int] = []
    if task.phase is Phase.WAITING:
        times.append(task.due)
    if task.kill_at is not None:
        times.append(task.kill_at)
    if task.pid is not None:
        if task.launched is not None and task.stable is None:
            times.append(task.launched + rules.stable_ns)
        if task.ending is None and rules.deadline_ns is not None and task.started is not None:
            times.append(task.started + rules.deadline_ns)
    return min(times, default=None)


def _tick(rules: Rules, task: Task, now: int) -> tuple[Task, tuple[Action, ...]]:
    if task.phase is Phase.WAITING:
        if task.due > now:
            return task, ()
        fresh = Task(phase=Phase.STARTING, starts=task.starts + 1, failures=task.failures, started=now)
        # How the last start ended stays visible until the next one ends.
        return replace(
            fresh, exit_code=task.exit_code, exit_signal=task.exit_signal, ended=task.ended, reason=task.reason
        ), (Action.START,)
    if task.pid is None:
        return task, ()
    task = _settle(rules, task, now)
    if task.kill_at is not None and task.kill_at <= now:
        return replace(task, kill_at=None), (Action.KILL,)
    late = rules.deadline_ns is not None and task.started is not None and task.started + rules.deadline_ns <= now
    if late and task.ending is None:
        return replace(task, ending=Ending.DEADLINE, kill_at=now + rules.grace_ns), (Action.TERMINATE,)
    return task, ()


def _settle(rules: Rules, task: Task, now: int) -> Task:
    """Move a running task up to the phase it has earned.

    Having outlived the window and being ready are two facts, and `stable` needs both: a task that lives but never
    answers is not reported as if it served. The window alone pardons earlier failures.
    """
    if task.launched is None or task.pid is None:
        return task
    if task.stable is None and task.launched + rules.stable_ns <= now:
        task = replace(task, stable=task.launched + rules.stable_ns, failures=0)
    if task.ready is not None:
        task = replace(task, phase=Phase.READY if task.stable is None else Phase.STABLE)
    return task


def _ended(rules: Rules, task: Task, event: Ended, now: int) -> Task:
    outlived = _settle(rules, task, now).stable is not None
    task = replace(task, pid=None, kill_at=None, ended=now, exit_code=event.code, exit_signal=event.signal, reason=None)
    if task.ending is Ending.STOP:
        return replace(task, phase=Phase.STOPPED)
    done = event.code == 0 and task.ending is None
    if done and rules.restart != "always":
        return replace(task, phase=Phase.EXITED)
    reason = _why(task, event)
    if rules.restart == "never":
        by_itself = event.reason is None and task.ending is None
        return replace(task, phase=Phase.EXITED if by_itself else Phase.FAILED, reason=reason)
    failures = 0 if outlived else task.failures + 1
    if rules.attempts is not None and failures >= rules.attempts:
        starts = "1 failed start" if failures == 1 else f"{failures} failed starts in a row"
        return replace(task, phase=Phase.FAILED, failures=failures, reason=f"{starts}; {reason}")
    return replace(
        task, phase=Phase.WAITING, failures=failures, due=now + backoff(failures), reason=reason, ending=None
    )


def _why(task: Task, event: Ended) -> str:
    if task.ending is Ending.DEADLINE:
        return "ran longer than its deadline"
    if event.reason is not None:
        return event.reason
    if event.signal is not None:
        return f"ended by {signal_name(event.signal)}"
    return f"exited with code {event.code}"


def signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:  # real-time signals between SIGRTMIN and SIGRTMAX have no name of their own
        return f"signal {number}"


class Mode(Enum):
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """The executor's own state beside its tasks'. `failures` counts its restarts without becoming stable between."""

    mode: Mode = Mode.RUNNING
    failures: int = 0
    resume_at: int | None = None
    reason: str | None = None
    failed: bool = False


class Order(Enum):
    """What to do with all tasks at once."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    rules: Rules
    task: Task


def standing(whole: Whole, members: Iterable[Member]) -> tuple[str, str | None]:
    """The executor's state in one word, and why when that word is not good news.

    The required tasks decide, or all of them when none is required. starting, launched, ready and stable go up;
    degraded is a required task that has failed under `hold`; restarting, stopping and stopped speak of the executor;
    failed is stopped because a required task failed.
    """
    everyone = tuple(members)
    if whole.mode is Mode.STOPPED:
        return ("failed" if whole.failed else "stopped"), whole.reason
    if whole.mode is not Mode.RUNNING:
        return whole.mode.value, whole.reason
    broken = _broken(everyone)
    if broken is not None:
        return "degraded", broken
    deciding = tuple(m for m in everyone if m.rules.required) or everyone
    failed = next((m for m in everyone if m.task.failed), None)
    reason = None if failed is None else f"{failed.name}: {failed.task.reason}"
    if all(m.task.phase is Phase.STABLE or m.task.fulfilled for m in deciding):
        return "stable", reason
    if all(m.task.phase in (Phase.READY, Phase.STABLE) or m.task.fulfilled for m in deciding):
        return "ready", reason
    if all(m.task.launched is not None for m in everyone):
        return "launched", reason
    return "starting", reason


def step_whole(on_failure: OnFailure, whole: Whole, members: Iterable[Member], now: int) -> tuple[Whole, Order | None]:
    """The executor's next state, and the order to give to all tasks. Call again until there is no order."""
    everyone = tuple(members)
    match whole.mode:
        case Mode.RUNNING:
            broken = _broken(everyone)
            if broken is None or on_failure == "hold":
                if whole.failures and standing(whole, everyone)[0] == "stable":
                    return replace(whole, failures=0, reason=None), None
                return whole, None
            if on_failure == "stop":
                return replace(whole, mode=Mode.STOPPING, reason=broken, failed=True), Order.STOP
            return replace(whole, mode=Mode.RESTARTING, reason=broken, failures=whole.failures + 1), Order.STOP
        case Mode.RESTARTING:
            if not all(m.task.down for m in everyone):
                return whole, None
            if whole.resume_at is None:
                return replace(whole, resume_at=now + backoff(whole.failures)), None
            if whole.resume_at > now:
                return whole, None
            return replace(whole, mode=Mode.RUNNING, resume_at=None), Order.START
        case Mode.STOPPING:
            if all(m.task.down for m in everyone):
                return replace(whole, mode=Mode.STOPPED), None
            return whole, None
        case Mode.STOPPED:
            return whole, None
        case _:
            assert_never(whole.mode)


def stop_whole(whole: Whole, reason: str) -> tuple[Whole, Order | None]:
    """Somebody asked the executor to stop; that overrides a restart under way."""
    if whole.mode in (Mode.STOPPING, Mode.STOPPED):
        return whole, None
    return replace(whole, mode=Mode.STOPPING, resume_at=None, reason=reason), Order.STOP


def begin_again(task: Task, now: int) -> Task:
    """The task as the executor's restart starts it: its failures are forgiven, its starts stay counted."""
    return Task(due=now, starts=task.starts)


def _broken(members: tuple[Member, ...]) -> str | None:
    broken = next((m for m in members if m.rules.required and m.task.failed), None)
    return None if broken is None else f"required task {broken.name}: {broken.task.reason}"
