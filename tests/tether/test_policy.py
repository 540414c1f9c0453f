"""What follows from what happened, with a clock that only the tests move."""

from dataclasses import dataclass, field

import pytest

from vchlang.tether import policy
from vchlang.tether.policy import (
    SECOND,
    Action,
    Answered,
    Begun,
    Ended,
    Event,
    Launched,
    Member,
    Mode,
    Order,
    Phase,
    Refused,
    Rules,
    Stop,
    Task,
    Tick,
    Whole,
)


@dataclass
class Life:
    """One task under the policy."""

    rules: Rules
    now: int = 0
    task: Task = field(default_factory=Task)

    def happens(self, event: Event, after: int = 0) -> tuple[Action, ...]:
        self.now += after
        self.task, actions = policy.step(self.rules, self.task, event, self.now)
        return actions

    def starts(self, after: int = 0) -> None:
        assert self.happens(Tick(), after) == (Action.START,)
        self.happens(Begun(100 + self.task.starts))
        self.happens(Launched())

    def phase(self) -> Phase:
        return self.task.phase

    def waits(self) -> int:
        """How long until the next start."""
        assert self.task.phase is Phase.WAITING
        return self.task.due - self.now


def test_a_task_without_a_probe_is_ready_when_launched_and_stable_after_its_window() -> None:
    life = Life(Rules(stable_ns=10 * SECOND))
    life.starts()
    assert life.phase() is Phase.READY
    assert policy.next_due(life.rules, life.task) == 10 * SECOND
    life.happens(Tick(), 10 * SECOND - 1)
    assert life.phase() is Phase.READY
    life.happens(Tick(), 1)
    assert life.phase() is Phase.STABLE
    assert policy.next_due(life.rules, life.task) is None


def test_a_task_that_outlives_its_window_without_answering_is_not_stable() -> None:
    life = Life(Rules(stable_ns=SECOND, probed=True))
    life.starts()
    assert life.phase() is Phase.LAUNCHED
    life.happens(Tick(), 2 * SECOND)
    assert life.phase() is Phase.LAUNCHED
    life.happens(Answered())
    assert life.phase() is Phase.STABLE


def test_backoff_doubles_to_its_cap() -> None:
    life = Life(Rules(restart="on_failure"))
    waits = []
    for _ in range(10):
        life.starts(life.waits())
        life.happens(Ended(code=1))
        waits.append(life.waits() / SECOND)
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20, 20]
    assert life.task.restarts == 9


def test_a_start_that_outlives_the_window_resets_backoff_and_attempts() -> None:
    life = Life(Rules(restart="on_failure", stable_ns=10 * SECOND, attempts=3))
    for _ in range(2):
        life.starts(life.waits())
        life.happens(Ended(code=1))
    life.starts(life.waits())
    life.happens(Ended(code=1), 11 * SECOND)  # no Tick came between; the window counts all the same
    assert life.task.failures == 0
    assert life.waits() == policy.BACKOFF_BASE_NS
    for _ in range(3):
        life.starts(life.waits())
        life.happens(Ended(code=1), 10 * SECOND - 1)
    assert life.phase() is Phase.FAILED
    assert life.task.reason == "3 failed starts in a row; exited with code 1"


@pytest.mark.parametrize(
    ("restart", "code", "phase"),
    [
        ("never", 0, Phase.EXITED),
        ("never", 3, Phase.EXITED),
        ("on_failure", 0, Phase.EXITED),
        ("on_failure", 3, Phase.WAITING),
        ("always", 0, Phase.WAITING),
        ("always", 3, Phase.WAITING),
    ],
)
def test_what_follows_an_exit(restart: policy.RestartPolicy, code: int, phase: Phase) -> None:
    life = Life(Rules(restart=restart))
    life.starts()
    life.happens(Ended(code=code))
    assert life.phase() is phase
    assert life.task.exit_code == code
    assert life.task.failed == (phase is Phase.EXITED and code != 0)


def test_a_program_that_never_was_is_a_failed_start_with_its_reason() -> None:
    life = Life(Rules(restart="never"))
    life.happens(Tick())
    life.happens(Ended(reason="exec /sbin/x: no such file or directory"))
    assert (life.phase(), life.task.reason) == (Phase.FAILED, "exec /sbin/x: no such file or directory")


def test_a_refused_task_is_not_tried_again() -> None:
    life = Life(Rules(restart="always"))
    life.happens(Tick())
    life.happens(Refused("secret s1 was not given"))
    assert life.phase() is Phase.FAILED
    assert policy.next_due(life.rules, life.task) is None


def test_stopping_is_a_signal_a_grace_and_a_kill() -> None:
    life = Life(Rules(restart="always", grace_ns=3 * SECOND))
    life.starts()
    assert life.happens(Stop()) == (Action.TERMINATE,)
    assert life.happens(Stop(), SECOND) == ()
    assert policy.next_due(life.rules, life.task) == 3 * SECOND
    assert life.happens(Tick(), 2 * SECOND - 1) == ()
    assert life.happens(Tick(), 1) == (Action.KILL,)
    assert life.happens(Tick(), SECOND) == ()
    life.happens(Ended(signal=9))
    assert life.phase() is Phase.STOPPED


def test_stopping_a_task_between_two_starts_ends_it_at_once() -> None:
    life = Life(Rules(restart="always"))
    life.starts()
    life.happens(Ended(code=1))
    assert life.happens(Stop()) == ()
    assert life.phase() is Phase.STOPPED
    assert life.happens(Tick(), 60 * SECOND) == ()


def test_a_deadline_ends_the_task_even_if_it_then_leaves_with_0() -> None:
    life = Life(Rules(deadline_ns=5 * SECOND, grace_ns=SECOND))
    life.starts()
    assert life.happens(Tick(), 5 * SECOND) == (Action.TERMINATE,)
    assert life.happens(Tick(), SECOND) == (Action.KILL,)
    life.happens(Ended(code=0))
    assert (life.phase(), life.task.reason) == (Phase.FAILED, "ran longer than its deadline")


def test_a_late_answer_does_not_make_an_ended_task_ready() -> None:
    life = Life(Rules(restart="always", probed=True))
    life.starts()
    life.happens(Ended(code=1))
    life.happens(Answered())
    assert life.phase() is Phase.WAITING


RUNNING = Task(phase=Phase.READY, pid=7, launched=0, ready=0)
STABLE = Task(phase=Phase.STABLE, pid=7, launched=0, ready=0, stable=1)
DONE = Task(phase=Phase.EXITED, launched=0, exit_code=0)
BROKEN = Task(phase=Phase.FAILED, launched=0, reason="exited with code 1")
WAITING = Task()


def member(task: Task, *, required: bool = False) -> Member:
    return Member("web" if required else "extra", Rules(required=required), task)


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ([], "stable"),
        ([member(RUNNING), member(WAITING)], "starting"),
        ([member(RUNNING), member(STABLE)], "ready"),
        ([member(STABLE), member(DONE)], "stable"),
        ([member(RUNNING, required=True), member(WAITING)], "ready"),
        ([member(STABLE, required=True), member(BROKEN)], "stable"),
        ([member(DONE, required=True)], "stable"),
        ([member(BROKEN, required=True), member(STABLE)], "degraded"),
        ([member(BROKEN), member(STABLE)], "launched"),
    ],
)
def test_the_required_tasks_decide_or_all_if_none_is(members: list[Member], state: str) -> None:
    assert policy.standing(Whole(), members)[0] == state


def test_hold_changes_nothing_and_says_why() -> None:
    members = [member(BROKEN, required=True), member(STABLE)]
    assert policy.step_whole("hold", Whole(), members, 0) == (Whole(), None)
    assert policy.standing(Whole(), members) == ("degraded", "required task web: exited with code 1")


def test_stop_ends_all_tasks_and_then_the_executor() -> None:
    whole, order = policy.step_whole("stop", Whole(), [member(BROKEN, required=True), member(STABLE)], 0)
    assert (whole.mode, order) == (Mode.STOPPING, Order.STOP)
    whole, order = policy.step_whole("stop", whole, [member(BROKEN, required=True), member(STABLE)], 0)
    assert (whole.mode, order) == (Mode.STOPPING, None)
    whole, order = policy.step_whole("stop", whole, [member(BROKEN, required=True), member(DONE)], 0)
    assert policy.standing(whole, []) == ("failed", "required task web: exited with code 1")


def test_restart_stops_all_waits_longer_each_time_and_starts_all() -> None:
    down = [member(BROKEN, required=True), member(DONE)]
    whole = Whole()
    waits = []
    for _ in range(3):
        whole, order = policy.step_whole("restart", whole, [*down, member(RUNNING)], 0)
        assert (whole.mode, order) == (Mode.RESTARTING, Order.STOP)
        whole, order = policy.step_whole("restart", whole, down, 0)
        assert order is None
        assert whole.resume_at is not None
        waits.append(whole.resume_at / SECOND)
        assert policy.step_whole("restart", whole, down, whole.resume_at - 1)[1] is None
        whole, order = policy.step_whole("restart", whole, down, whole.resume_at)
        assert (whole.mode, order) == (Mode.RUNNING, Order.START)
    assert waits == [0.2, 0.4, 0.8]
    whole, _ = policy.step_whole("restart", whole, [member(STABLE, required=True)], 0)
    assert whole.failures == 0
    assert policy.begin_again(Task(starts=4, failures=3, phase=Phase.FAILED), 9) == Task(due=9, starts=4)


def test_a_stop_overrides_a_restart_under_way() -> None:
    whole, _ = policy.stop_whole(Whole(mode=Mode.RESTARTING, resume_at=5), "told to")
    assert (whole.mode, whole.resume_at) == (Mode.STOPPING, None)
    assert policy.stop_whole(whole, "again") == (whole, None)
