"""Starting, stopping and waiting: the tether of an executor, from outside.

Whether it lives, its lock tells, and nothing else: not a pid, not a file. It outlives us, and is found again.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.kinds.world import Commit, TaskMember, Wait
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local.compose import python, task_name
from vchlang.portlayer.drivers.local.executors import Executors, is_running, state_of
from vchlang.portlayer.drivers.local.records import ExecutorRecord
from vchlang.portlayer.drivers.local.tenants import Home
from vchlang.system import Machine
from vchlang.tether import client

_ARCHIVE = "tether.pyz"
_OUTPUT = os.path.join("run", "tether.log")
_START_SECONDS = 10.0
_STOP_SECONDS = 15.0
_GRACE_NS = 10_000_000_000
_ORDER = {"launched": 1, "ready": 2, "stable": 3}
_BROKEN = ("degraded", "failed", "stopping", "stopped")


class Power:
    """The verbs of power, and `wait`."""

    def __init__(self, executors: Executors, machine: Machine) -> None:
        self._executors = executors
        self._tenants = executors.tenants
        self._machine = machine

    # ---- start ---------------------------------------------------------------------------------------------------

    @implements("power", "start")
    def start(self, step: Step) -> Outcome:
        home = self._tenants.home(step.identity)
        self._tenants.own(home, step)
        with self._tenants.held(home):
            record = self._tenants.own(home, step)
            if not is_running(home):
                commit = self._executors.composition(home, record)
                record, composed = self._executors.prepare(home, record, commit, record.version)
                secrets = {name: step.reveal(value) for name, value in composed.secrets.items()}
                self._spawn(home, secrets, step.tag.key)
            return self._outcome(home, record)

    def _spawn(self, home: Home, secrets: dict[str, Any], key: str) -> None:
        from vchlang.tether.packing import packed

        directory = home.directory
        archive = os.path.join(directory, _ARCHIVE)
        self._machine.files.ensure_directory(os.path.join(directory, "run"))
        self._machine.files.replace(archive, packed())
        argv = [python(), "-I", "-S", archive, directory]
        pid = self._machine.spawn.detached(
            argv, msgspec.json.encode(secrets), directory, os.path.join(directory, _OUTPUT)
        )
        clock = self._machine.clock
        until = clock.monotonic() + _START_SECONDS
        while True:
            try:
                found = client.hello(directory).get("key")
                if found != key:
                    raise DriverError("foreign-owner", f"`{home.identity}` is run by a tether with another key")
                return
            except client.TetherGone as gone:
                why = _why_it_ended(directory, pid) if gone.running is False else None
                if why is not None:
                    raise DriverError(
                        "step-failed", f"`{home.identity}` did not start: {why}", outcome="unknown"
                    ) from None
            except client.TetherRefused as refused:
                raise DriverError(
                    "step-failed", f"`{home.identity}`: its tether refuses: {refused.reason}", outcome="unknown"
                ) from None
            if clock.monotonic() > until:
                raise DriverError(
                    "step-failed",
                    f"`{home.identity}` did not answer within {_START_SECONDS:g} s of its start",
                    outcome="unknown",
                )
            clock.sleep(0.02)

    # ---- stop ----------------------------------------------------------------------------------------------------

    @implements("power", "stop")
    def stop(self, step: Step) -> Outcome:
        home = self._tenants.home(step.identity)
        self._tenants.own(home, step)
        with self._tenants.held(home):
            record = self._tenants.own(home, step)
            patience = _STOP_SECONDS + _longest_grace(self._executors.composition(home, record)) / 1e9
            try:
                client.stop(home.directory, patience)
            except client.TetherGone as gone:
                if gone.running is not False:
                    raise DriverError(
                        "step-failed", f"`{home.identity}` does not stop: {gone.reason}", outcome="unknown"
                    ) from None
            except client.TetherRefused as refused:
                raise DriverError(
                    "step-failed", f"`{home.identity}` refuses to stop: {refused.reason}", outcome="unknown"
                ) from None
            return self._outcome(home, record)

    # ---- wait ----------------------------------------------------------------------------------------------------

    @implements("wait", "wait")
    def wait(self, step: Step) -> Outcome:
        args: Wait = step.args
        home = self._tenants.home(step.identity)
        self._tenants.own(home, step)
        clock = self._machine.clock
        until = clock.monotonic() + args.within / 1e9
        pause = 0.05
        last = ""
        while True:
            try:
                status = client.status(home.directory)
                reached, broken, last = _judge(status, args)
                if reached:
                    return Outcome(facts={"state": str(status.get("state", ""))})
                if broken:
                    raise DriverError("step-failed", last)
            except client.TetherGone as gone:
                if gone.running is False:
                    raise DriverError("step-failed", _why_it_is_down(home, args)) from None
                last = gone.reason
            except client.TetherRefused as refused:
                raise DriverError("step-failed", f"`{home.identity}`: {refused.reason}") from None
            what = args.task or home.name
            if clock.monotonic() >= until:
                within = v.show_unit(args.within, v.DURATION)
                raise DriverError(
                    "step-failed",
                    f"`{what}` did not become {args.state} within {within}" + (f": {last}" if last else ""),
                )
            if step.cancelled():
                raise DriverError("step-failed", f"the wait for `{what}` was cancelled")
            clock.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def _outcome(self, home: Home, record: ExecutorRecord) -> Outcome:
        state = state_of(home) if is_running(home) else "stopped"
        return Outcome(facts={"state": state, "address": record.addresses}, version=str(record.version))


def _longest_grace(commit: Commit) -> int:
    graces = [
        one.bind.stop.grace if one.bind.stop is not None else _GRACE_NS
        for one in commit.members
        if isinstance(one, TaskMember) and one.bind is not None
    ]
    return max(graces, default=0)


def _judge(status: dict[str, Any], args: Wait) -> tuple[bool, bool, str]:
    """Whether the state is reached, whether it never will be, and how things stand."""
    tasks: dict[str, dict[str, Any]] = status.get("tasks") or {}
    wanted = _ORDER[args.state]
    if args.task:
        task = tasks.get(task_name(args.task))
        if task is None:
            return False, True, f"`{args.task}` is no task of this executor"
        done = task.get("state") == "exited" and task.get("exit_code") == 0
        if _ORDER.get(str(task.get("state")), 0) >= wanted or done:
            return True, False, ""
        ended = task.get("state") in ("failed", "exited", "stopped")
        return False, ended, _words_of(args.task, task) if ended or task.get("reason") else _stands(args.task, task)
    state = str(status.get("state"))
    if _ORDER.get(state, 0) >= wanted:
        return True, False, ""
    # What keeps it: first a task that is required, and of those one that has said why.
    open_ = [(name, one) for name, one in tasks.items() if _ORDER.get(str(one.get("state")), 0) < wanted]
    open_.sort(key=lambda item: (not item[1].get("required"), not item[1].get("reason")))
    for name, one in open_:
        if one.get("reason"):
            return False, state in _BROKEN, _words_of(name.replace("%2F", "/").replace("%25", "%"), one)
    if state in _BROKEN:
        return False, True, f"it is {state}" + (f": {status['reason']}" if status.get("reason") else "")
    return False, False, _stands(*open_[0]) if open_ else f"it is {state}"


def _stands(name: str, task: dict[str, Any]) -> str:
    return f"task `{name}` is {task.get('state')}"


def _words_of(name: str, task: dict[str, Any]) -> str:
    """What became of a task. What it wrote is not quoted: it may have printed a secret, and a message goes further."""
    starts, code = int(task.get("starts") or 0), task.get("exit_code")
    if code is not None and starts > 0:
        times = "once" if starts == 1 else f"{starts} times"
        text = f"task `{name}` exited {times}, {'' if starts == 1 else 'last '}exit code {code}"
    else:
        text = f"task `{name}` is {task.get('state')}: {task.get('reason')}"
    return f"{text}; `vch logs {name}` shows what it wrote" if starts > 0 else text


def _why_it_is_down(home: Home, args: Wait) -> str:
    """A tether that is not there has often left a word."""
    last = client.last_state(home.directory) or {}
    for name, one in (last.get("tasks") or {}).items():
        if one.get("state") in ("failed", "exited") and one.get("required"):
            return _words_of(name, one)
    why = last.get("error") or last.get("reason")
    return f"`{args.task or home.name}` is not {args.state}: its executor is stopped" + (f" ({why})" if why else "")


def _why_it_ended(directory: str, pid: int) -> str | None:
    """Why a tether that was just started is not there; None while it is still coming up."""
    last = client.last_state(directory)
    if last is not None and last.get("pid") == pid and last.get("state") in ("failed", "stopped"):
        return str(last.get("error") or last.get("reason") or last.get("state"))
    if _is_alive(pid):
        return None
    try:
        with open(os.path.join(directory, _OUTPUT), "rb") as file:
            lines = file.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "its tether ended at once"


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
