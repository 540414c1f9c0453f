"""The one place that changes the world.

Exactly once cannot be had by sending once: a reply gets lost, a process is killed. It is had by three things together.
Each step is *written down* before it is sent, and each phase is durable before the next thing happens. Each object has
a *key* that is known before the call and put on the object by that very call. And the platform itself keeps names
unique. So before anything is sent, the object is looked up by its key, and what the look-up shows decides:

    intent → look up → sent → the driver's call → observed → committed
                │                 │ refused: noeffect
                │                 │ no answer: unknown → look up → committed, noeffect, or open for the next run
                └ there already, with our key: observed → committed, and nothing is sent

*Unknown* is never taken for absent: where the platform does not tell, nothing is sent. A run that is dropped anywhere
leaves a journal from which `recover` finds the end of each operation.

The scheduler starts what has everything it needs, at most `workers` operations at a time, in the order of the plan. A
failure ends its own branch; the others go on, because what is done need not be done again. With one worker everything
happens in the caller's thread, in one order.
"""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import msgspec

from vchlang import values as v
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Commit, Observation, OwnerTag, Present, Query, Start, Unknown, Wait, object_key
from vchlang.plan.lowered import NotKnown, Ref, as_text, fill, part_of, public, refs
from vchlang.plan.model import Operation, Plan
from vchlang.portlayer.driver import Driver, DriverError, Outcome, Step
from vchlang.portlayer.events import (
    Event,
    RunDone,
    RunStarted,
    Status,
    StepDone,
    StepFailed,
    StepNote,
    StepProgress,
    StepSkipped,
    StepStarted,
    VerifyDone,
    VerifyFailed,
)
from vchlang.portlayer.observe import executor_of, is_ours, is_used_by_us, look, question, whose
from vchlang.portlayer.recover import Verdict, finish_recovery, in_the_state_only, resolve, settle
from vchlang.state.renames import renamed
from vchlang.state.store import Deployment, Holder, OpenOp, Run, Store, StoreError
from vchlang.system import Machine

TRIES = 5
"""How often one operation is sent when the platform says that nothing happened and that it may succeed later."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 20.0
BETWEEN_PROGRESS = 0.1


def execute(
    plan: Plan,
    driver: Driver,
    store: Store,
    machine: Machine,
    holder: Holder,
    *,
    reveal: Callable[[Any], Any],
    data: Callable[[Any], Any],
    workers: int = 1,
    cancelled: Callable[[], bool] = lambda: False,
    lineage_if_new: str | None = None,
) -> Generator[Event, None, None]:
    """Carry out a plan, telling what happens; the last event is `RunDone`.

    reveal, data: give a driver the value of a secret and the bytes of a `DataRef`; see `Step`.
    workers: operations at a time. cancelled: looked at before each operation is begun; what is under way is finished.
    lineage_if_new: for a deployment without one, else it is drawn.

    StoreError, raised before the first event, means that nothing was begun: another run holds the deployment, the plan
    is stale, the store cannot be written, or a stopped run had left something, which is in order now. A caller that
    drops the iterator drops the run, as a crash would; the next one recovers.
    """
    lineage = plan.lineage
    if not lineage and (plan.changing or plan.verb == "apply"):
        lineage = lineage_if_new or machine.entropy.uuid()
    run = store.begin(plan.deployment, holder, lineage=lineage, expect=(plan.lineage, plan.serial))
    try:
        deployment = run.deployment()
        if deployment.pending:
            finish_recovery(run, driver, machine)
            raise StoreError(
                "stale-plan", "a run was stopped after the plan was made; what it left is in order now", "plan again"
            )
        yield from _Execution(plan, driver, run, deployment, machine, reveal, data, workers, cancelled).events()
    except BaseException:
        run.abandon()
        raise


class _Failed(Exception):
    """One operation cannot be done. open: its outcome is not known."""

    def __init__(self, code: str, message: str, *, stale: bool = False, open_: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.stale = stale
        self.open = open_


class _Succeeded(msgspec.Struct, frozen=True):
    seconds: float
    facts: dict[str, Any]


E = TypeVar("E", bound=Event)
_End = _Succeeded | BaseException


class _Execution:
    """One run of one plan. What it knows of facts and versions is shared by its workers, under `_mutex`."""

    def __init__(
        self,
        plan: Plan,
        driver: Driver,
        run: Run,
        deployment: Deployment,
        machine: Machine,
        reveal: Callable[[Any], Any],
        data: Callable[[Any], Any],
        workers: int,
        cancelled: Callable[[], bool],
    ) -> None:
        # Renames come first, and all else waits for them; so what is known is seen as it will be then.
        deployment = _renamed(plan, deployment)
        self._plan = plan
        self._driver = driver
        self._run = run
        self._deployment = deployment
        self._machine = machine
        self._reveal = reveal
        self._data = data
        self._workers = workers
        self._cancelled = cancelled
        self._rows = {(row.address, row.generation): row for row in deployment.objects}
        self._elements = {op.address: op for op in plan.operations if op.kind in KINDS and op.action not in _REMOVING}
        self._executors = {row.identity: row.address for row in deployment.objects if row.kind == "executor"} | {
            op.identity: executor_of(op.address) for op in plan.operations if op.kind in ("executor", "handle", "power")
        }
        self._mutex = threading.Lock()
        self._facts: dict[str, dict[str, Any]] = {}
        self._versions: dict[tuple[str, int], str] = {}
        for row in deployment.objects:  # by address and generation, so that the newest comes last
            if not row.deposed:
                self._facts.setdefault(executor_of(row.address), {}).update(row.facts)
        # What is told and what has ended, in the order in which it happened.
        self._told: queue.SimpleQueue[Event | tuple[Operation, _End]] = queue.SimpleQueue()
        self._seq = 0
        self._counts = dict.fromkeys(("done", "unchanged", "failed", "skipped"), 0)
        self._changed = False
        self._failures: list[_Failed] = []
        self._lost: StoreError | None = None
        self._stopped = False
        self._dropped = False
        self._outputs: dict[str, Any] = {}

    # ---- the run -------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        started = self._machine.clock.monotonic()
        self._tell(
            RunStarted,
            deployment=self._plan.deployment,
            target=self._plan.target,
            verb=self._plan.verb,
            lineage=self._run.lineage,
            steps=len(self._plan.operations),
        )
        yield from self._drain()
        if not self._found_stale():
            yield from self._schedule()
        status = self._finish()
        if status == "done" and self._plan.verifies:
            status = yield from self._verify()
        self._tell(
            RunDone,
            status=status,
            seconds=self._machine.clock.monotonic() - started,
            counts=self._counts,
            code=self._lost.code if self._lost else "",
            message=self._lost.message if self._lost else "",
            outputs=self._outputs,
        )
        yield from self._drain()

    def _finish(self) -> Status:
        """Write the run's end, unless the store is lost; how the run ended."""
        status: Status = "done"
        if self._failures or self._counts["skipped"]:
            stale = not self._changed and self._failures and all(one.stale for one in self._failures)
            # A wait that was cut short is the last operation of many a plan, and no scheduling comes after it.
            interrupted = self._stopped or self._cancelled()
            status = "stale" if stale else "interrupted" if interrupted else "failed"
        try:
            if self._lost is None:
                if status == "done" and self._plan.verb == "apply":
                    self._outputs = self._known_outputs()
                    self._run.outputs(self._outputs)
                self._run.finish(status)
                return status
        except StoreError as error:
            self._lost = error
        self._run.abandon()
        return "refused"

    def _found_stale(self) -> bool:
        """Compare every version that the plan names before anything is begun, in one batch."""
        compared = [op for op in self._plan.operations if op.expect and op.kind not in _UNSEEN]
        if not compared:
            return False
        asked = [self._question(op, op.id) for op in compared]
        try:
            seen = self._driver.observe(asked)
        except DriverError:
            return False  # each operation looks again, and is not begun when the platform does not tell
        stale: dict[str, _Failed] = {}
        for op in compared:
            match seen.get(op.id):
                case Present(version=version) if version != op.expect:
                    stale[op.id] = _stale_version(op, version)
                case Absent() if op.action not in _REMOVING:
                    stale[op.id] = _gone(op)
        for op in self._plan.operations:
            if op.id in stale:
                self._note_end(op, stale[op.id])
            elif stale:
                self._skip(op, "stopped", "the plan is stale, so nothing was begun")
        return bool(stale)

    # ---- scheduling ----------------------------------------------------------------------------------------------

    def _schedule(self) -> Iterator[Event]:
        operations = self._plan.operations
        place = {op.id: number for number, op in enumerate(operations)}
        dependants: list[list[int]] = [[] for _ in operations]
        missing = [0] * len(operations)
        for number, op in enumerate(operations):
            for need in dict.fromkeys(op.needs):
                if place.get(need, number) >= number:
                    raise ValueError(f"{op.id} needs {need}, which does not come before it. This is a bug in vch.")
                dependants[place[need]].append(number)
                missing[number] += 1
        ready = [number for number, count in enumerate(missing) if not count]
        blamed: dict[int, Operation] = {}

        def end(number: int, blame: Operation | None) -> None:
            for one in dependants[number]:
                missing[one] -= 1
                if blame is not None:
                    blamed.setdefault(one, blame)
                if not missing[one]:
                    heapq.heappush(ready, one)

        todo: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._serve, args=(todo,), name=f"vch-{number}")
            for number in range(min(self._workers, len(operations)) if self._workers > 1 else 0)
        ]
        running = 0
        try:
            for thread in threads:
                thread.start()
            while True:
                while ready and running < max(1, self._workers):
                    number = heapq.heappop(ready)
                    op = operations[number]
                    if (blame := blamed.get(number)) is not None:
                        self._skip(op, "needs", f"it needs `{blame.address}`, which was not done")
                        end(number, blame)
                    elif self._must_stop():
                        self._skip(op, "stopped", "the run was stopped before it")
                        end(number, op)
                    elif op.action == "none":
                        self._counts["unchanged"] += 1
                        reason = op.because[0] if op.because else "it is as the script wants it"
                        self._tell_step(StepSkipped, op, cause="unchanged", reason=reason)
                        end(number, None)
                    else:
                        self._tell_step(StepStarted, op, place=op.place)
                        running += 1
                        if threads:
                            todo.put(op)
                        else:
                            yield from self._drain()
                            self._told.put((op, self._end_of(op)))
                if not running:
                    break
                told = self._told.get()
                if isinstance(told, tuple):
                    running -= 1
                    op, ended = told
                    self._note_end(op, ended)
                    end(place[op.id], None if isinstance(ended, _Succeeded) else op)
                else:
                    yield told
        except BaseException:
            # The workers' next write then fails, and who waits is told to stop, so none of them goes on for long.
            self._dropped = True
            self._run.abandon()
            raise
        finally:
            for _ in threads:
                todo.put(None)
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        yield from self._drain()

    def _serve(self, todo: queue.SimpleQueue[Operation | None]) -> None:
        while (op := todo.get()) is not None:
            try:
                ended = self._end_of(op)
            except BaseException as error:  # raised again by the scheduler, in the caller's thread
                ended = error
            self._told.put((op, ended))

    def _end_of(self, op: Operation) -> _End:
        started = self._machine.clock.monotonic()
        try:
            facts = self._carry_out(op)
        except (_Failed, StoreError) as error:
            return error
        return _Succeeded(self._machine.clock.monotonic() - started, facts)

    def _note_end(self, op: Operation, ended: _End) -> None:
        match ended:
            case _Succeeded():
                self._counts["done"] += 1
                self._tell_step(StepDone, op, seconds=ended.seconds, facts=ended.facts)
            case _Failed():
                self._counts["failed"] += 1
                self._failures.append(ended)
                self._tell_failure(op, ended.code, ended.message, ended.open)
            case StoreError():
                self._counts["failed"] += 1
                self._lost = self._lost or ended
                self._tell_failure(op, ended.code, ended.message, False)
            case _:
                raise ended

    def _tell_failure(self, op: Operation, code: str, message: str, open_: bool) -> None:
        self._tell_step(StepFailed, op, code=code, message=message, open=open_, place=op.place)

    def _skip(self, op: Operation, cause: str, reason: str) -> None:
        self._counts["skipped"] += 1
        self._tell_step(StepSkipped, op, cause=cause, reason=reason)

    def _must_stop(self) -> bool:
        self._stopped = self._stopped or self._cancelled()
        return self._stopped or self._lost is not None

    def _tell(self, event: Callable[..., E], **fields: Any) -> None:
        with self._mutex:
            self._seq += 1
            self._told.put(event(run=self._run.run, seq=self._seq, time=self._machine.clock.now(), **fields))

    def _tell_step(self, event: Callable[..., E], op: Operation, **fields: Any) -> None:
        self._tell(event, operation=op.id, action=op.action, kind=op.kind, address=op.address, **fields)

    def _drain(self) -> Iterator[Event]:
        """The events that are told already; with workers at work, `_schedule` reads them as they come."""
        while not self._told.empty():
            told = self._told.get()
            if not isinstance(told, tuple):
                yield told

    # ---- one operation -------------------------------------------------------------------------------------------

    def _carry_out(self, op: Operation) -> dict[str, Any]:
        """Do one operation to its end and remember it; the facts of its object. `_Failed` when that cannot be."""
        if op.action == "confirm":
            return {}  # it was confirmed for the plan, and its findings stand there
        if op.action == "read":
            return self._read(op)
        if op.action == "wait":
            return self._wait(op)
        if op.action == "rename":
            return self._rename(op)
        args = None if in_the_state_only(op.kind, op.action) else self._described(op)
        row = self._rows.get((op.address, op.generation))
        planned = self._entry(
            op,
            key=self._key(op),
            identity=op.identity,
            origin=op.origin,
            args=op.args,
            protect=op.protect,
            retain=op.retain,
            stamp=row.stamp if row is not None else "",
            was=row.was if row is not None else "",
            part=op.part,
        )
        journaled = msgspec.structs.replace(planned, seq=self._run.intent(planned))
        if in_the_state_only(op.kind, op.action):
            return self._settle(op, journaled, "gone" if op.action in _REMOVING else "done", Outcome())
        return self._send(op, journaled, args)

    def _entry(self, op: Operation, **more: Any) -> OpenOp:
        """An operation as the journal has it, before it is there: its number comes with the intent."""
        return OpenOp(
            run=self._run.run,
            seq=0,
            phase="intent",
            action=op.action,
            kind=op.kind,
            address=op.address,
            generation=op.generation,
            **more,
        )

    def _send(self, op: Operation, journaled: OpenOp, args: Any) -> dict[str, Any]:
        """Look up, send if that is called for, and bring the operation to a terminal phase if anything can."""
        pause = FIRST_PAUSE
        for turn in range(1, TRIES + 1):
            seen = self._look(op, args)
            try:
                verdict = self._judge(op, journaled, seen)
            except _Failed as failure:
                self._run.phase(journaled.run, journaled.seq, "noeffect", failure.code)
                raise
            if verdict is not None:
                return self._observed(op, journaled, verdict, seen)
            self._run.phase(journaled.run, journaled.seq, "sent")
            try:
                outcome = self._driver.perform(self._step(op, journaled, args, seen))
            except DriverError as error:
                if error.outcome == "unknown":
                    return self._find_out(op, journaled, args, error.reason, error.detail)
                if error.reason == "already-exists" and resolve(journaled, late := self._look(op, args)) == "done":
                    # An earlier call of ours, delivered late, came between the look-up and this one.
                    return self._observed(op, journaled, "done", late)
                if not error.retryable or turn == TRIES or self._cancelled():
                    self._run.phase(journaled.run, journaled.seq, "noeffect", error.reason)
                    raise _Failed(error.reason, error.detail) from error
            except Exception as error:
                # Its text may hold anything, a secret too, so only its type is told.
                told = f"the driver raised {type(error).__name__}. This is a bug in vch."
                return self._find_out(op, journaled, args, "step-failed", told)
            else:
                self._changed = True
                for note in outcome.notes:
                    self._tell_step(StepNote, op, message=note)
                self._run.phase(journaled.run, journaled.seq, "observed")
                return self._settle(op, journaled, "gone" if op.action in _REMOVING else "done", outcome)
            # Full jitter: many runs that were turned away together do not come back together.
            chance = int.from_bytes(self._machine.entropy.token(4)) / 2**32
            self._machine.clock.sleep(chance * pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
        raise AssertionError("the last try returns or raises. This is a bug in vch.")

    def _judge(self, op: Operation, journaled: OpenOp, seen: Observation) -> Verdict | None:
        """What a look-up before the call means: it is done already, its object is gone, or (None) send it."""
        key, name = journaled.key, op.identity or op.address
        if isinstance(seen, Unknown):
            raise _Failed(seen.code, f"the target does not tell whether `{name}` is there: {seen.reason}")
        if isinstance(seen, Absent):
            match op.action:
                case "create":
                    return None
                case "delete" | "release":
                    return "gone"
                case "stop":
                    return "done"
                case "adopt":
                    raise _Failed("not-found", f"`{name}` is not there, so it cannot be adopted")
                case _:
                    raise _gone(op)
        match op.action:
            case "create":
                if is_ours(seen, key):
                    return "done"
                if seen.owner is not None:
                    raise _Failed("foreign-owner", f"`{name}` belongs to {whose(seen.owner)}")
                if not seen.claimable:
                    raise _Failed("already-exists", f"`{name}` exists already, and nobody's record is on it")
                return None
            case "adopt":
                if is_used_by_us(seen, key):
                    return "done"
                if seen.owner is not None and not seen.shared:
                    raise _Failed("foreign-owner", f"`{name}` belongs to {whose(seen.owner)}, which does not share it")
            case "release":
                if not is_used_by_us(seen, key):
                    return "gone"
            case _:
                if seen.owner is None:
                    raise _Failed("foreign-owner", f"`{name}` carries no record that it is ours")
                if not is_ours(seen, key):
                    raise _Failed("foreign-owner", f"`{name}` belongs to {whose(seen.owner)}")
                if (op.action, seen.state) in _AS_WANTED:
                    return "done"
        if op.expect and not self._is_expected(op, seen.version):
            raise _stale_version(op, seen.version)
        return None

    def _find_out(self, op: Operation, journaled: OpenOp, args: Any, code: str, told: str) -> dict[str, Any]:
        """After a call whose outcome nobody told: look up, and let that decide."""
        self._run.phase(journaled.run, journaled.seq, "unknown", code)
        self._changed = True
        seen = self._look(op, args)
        verdict = resolve(journaled, seen)
        match verdict:
            case "done" | "gone":
                return self._observed(op, journaled, verdict, seen)
            case "nothing":
                self._run.phase(journaled.run, journaled.seq, "noeffect", code)
                raise _Failed(code, told)
            case "unknown":
                reason = seen.reason if isinstance(seen, Unknown) else ""
                raise _Failed(
                    "unknown-world", f"{told}; and the target does not tell what became of it: {reason}", open_=True
                )

    def _observed(self, op: Operation, journaled: OpenOp, verdict: Verdict, seen: Observation) -> dict[str, Any]:
        """Commit what a look-up proved."""
        self._changed = True
        self._run.phase(journaled.run, journaled.seq, "observed")
        found = seen if isinstance(seen, Present) else Present()
        return self._settle(op, journaled, verdict, Outcome(facts=found.facts, version=found.version))

    def _settle(self, op: Operation, journaled: OpenOp, verdict: Verdict, outcome: Outcome) -> dict[str, Any]:
        """Write the commit, and let the operations that come after know the facts and the version."""
        own = (op.address, op.generation)
        facts = outcome.facts
        if op.action == "update" and (row := self._rows.get(own)) is not None:
            facts = {**row.facts, **facts}
        row = settle(self._run, journaled, verdict, facts, outcome.version, self._deployment)
        address = executor_of(op.address)
        with self._mutex:
            self._changed = True
            if not in_the_state_only(op.kind, op.action):  # else the object is as it was, and so is its version
                self._versions[address, op.generation] = outcome.version
            if row is not None:
                self._rows[own] = row
            if verdict == "done":
                known = self._facts.get(address, {}) if op.action != "create" else {}
                self._facts[address] = {**known, **facts}
        return facts

    def _read(self, op: Operation) -> dict[str, Any]:
        """What exists and is not ours: its facts, as they are now."""
        match seen := self._look(op, self._described(op)):
            case Unknown():
                raise _Failed(seen.code, f"the target does not tell about `{op.identity}`: {seen.reason}")
            case Absent():
                raise _Failed("not-found", f"`{op.identity}` is not there")
            case Present():
                with self._mutex:
                    self._facts[op.address] = seen.facts
                return seen.facts

    def _rename(self, op: Operation) -> dict[str, Any]:
        """Give rows their new addresses. No object is asked or changed: each carries its key, whatever it is called."""
        seq = self._run.intent(self._entry(op, key="", identity="", args=op.args))
        self._run.commit(self._run.run, seq, moves=op.args["moves"], settled=op.args["settled"])
        with self._mutex:
            self._changed = True
        return {}

    def _wait(self, op: Operation) -> dict[str, Any]:
        """Wait for a state. It changes nothing, so the journal need not know."""
        args = self._described(op)
        nowhere = self._entry(op, key=self._key(op), identity=op.identity)
        try:
            outcome = self._driver.perform(self._step(op, nowhere, args, None))
        except DriverError as error:
            raise _Failed(error.reason, error.detail) from error
        except Exception as error:
            raise _Failed("step-failed", f"the driver raised {type(error).__name__}. This is a bug in vch.") from error
        for note in outcome.notes:
            self._tell_step(StepNote, op, message=note)
        with self._mutex:
            self._facts[op.address] = {**self._facts.get(op.address, {}), **outcome.facts}
        return outcome.facts

    # ---- what a driver gets --------------------------------------------------------------------------------------

    def _step(self, op: Operation, journaled: OpenOp, args: Any, seen: Observation | None) -> Step:
        last = -BETWEEN_PROGRESS

        def progress(done: int, total: int) -> None:
            nonlocal last
            now = self._machine.clock.monotonic()
            if done >= total or now - last >= BETWEEN_PROGRESS:
                last = now
                self._tell_step(StepProgress, op, done=done, total=total)

        return Step(
            kind=op.kind,
            action=op.action,
            address=op.address,
            identity=op.identity,
            origin=op.origin,
            args=args,
            tag=OwnerTag(
                deployment=self._plan.deployment,
                lineage=self._run.lineage,
                address=self._owner_of(op),
                generation=op.generation,
                key=journaled.key,
            ),
            # The version just looked at, not the plan's: so that nobody can change it between look-up and call.
            expect=seen.version if op.expect and isinstance(seen, Present) else "",
            reveal=self._reveal,
            data=self._data,
            progress=progress,
            cancelled=lambda: self._dropped or self._cancelled(),
        )

    def _owner_of(self, op: Operation) -> str:
        """The address that stands in the ownership record of what an operation works on."""
        address = self._object_of(op)
        row = self._rows.get((address, op.generation))
        return row.stamp or address if row is not None else address

    def _object_of(self, op: Operation) -> str:
        """The address of the object that an operation works on."""
        if op.kind == "wait":  # its own address may be that of a task
            return self._executors.get(op.identity, op.address)
        return executor_of(op.address)

    def _key(self, op: Operation) -> str:
        address = self._object_of(op)
        if (row := self._rows.get((address, op.generation))) is not None:
            return row.key
        return object_key(self._run.lineage, address, op.generation)

    def _question(self, op: Operation, id_: str, args: Any = None) -> Query:
        """What to ask about an operation's object; `args` are the described class, once they are known."""
        return question(op.kind, op.identity, None if op.origin == "found" else self._key(op), id_, args)

    def _look(self, op: Operation, args: Any = None) -> Observation:
        return look(self._driver, [self._question(op, op.id, args)], self._machine.clock)[op.id]

    def _is_expected(self, op: Operation, version: str) -> bool:
        """Whether an object has the version of the plan, or the one that this run gave it."""
        with self._mutex:
            own = self._versions.get((executor_of(op.address), op.generation))
        # A driver that does not tell the version after a call leaves nothing to compare with.
        return version in (op.expect, own) or own == ""

    def _described(self, op: Operation) -> Any:
        """The arguments, facts filled in, as the class that describes them.

        None for what goes or stops and refers to something that is gone already: identity and key are enough.
        """
        described: Any = _OTHERS.get(op.kind) or KINDS[op.kind].element.cls
        try:
            return msgspec.convert(fill(op.args, self._fact, self._fact_text), described)
        except NotKnown as error:
            reason = f"`{error.ref}` is not known: the target gave no such fact"
        except msgspec.ValidationError as error:
            reason = f"`{op.address}` got arguments that do not fit: {error}"
        if op.action in _REMOVING or op.action == "stop":
            return None
        raise _Failed("step-failed", reason)

    # ---- facts ---------------------------------------------------------------------------------------------------

    def _fact(self, ref: Ref) -> Any:
        """A fact of an element; of the platform, where neither the state nor this run has it."""
        with self._mutex:
            known = dict(self._facts.get(ref.address, {}))
        try:
            return part_of(known, ref)
        except NotKnown:
            if not self._ask_for_facts([ref.address]):
                raise
        with self._mutex:
            return part_of(self._facts.get(ref.address, {}), ref)

    def _fact_text(self, ref: Ref, value: Any) -> str:
        element = self._elements.get(ref.address)
        fact = KINDS[element.kind].facts.get(ref.fact) if element is not None else None
        return as_text(value, fact.type if fact is not None else v.ANY)

    def _ask_for_facts(self, addresses: list[str]) -> bool:
        """Look at some elements once more and keep what is told; whether anything was."""
        asked = [self._question(op, one) for one in addresses if (op := self._elements.get(one)) is not None]
        told = {
            id_: one for id_, one in look(self._driver, asked, self._machine.clock).items() if isinstance(one, Present)
        }
        with self._mutex:
            for address, present in told.items():
                self._facts[address] = {**self._facts.get(address, {}), **present.facts}
        return bool(told)

    def _verify(self) -> Generator[Event, None, Status]:
        """Ask what the script verifies. The run is over and written down: a stop here loses nothing but the answers."""
        from vchlang.portlayer.asking import ask  # most plans verify nothing

        verifies = self._plan.verifies
        self._ask_for_facts(sorted({ref.address for ref in refs(msgspec.to_builtins(verifies))}))
        self._counts |= {"verified": 0, "unverified": 0}
        for verify in verifies:
            if self._cancelled():
                return "interrupted"
            begun = self._machine.clock.monotonic()
            answer = ask(verify, self._fact, self._machine, self._cancelled)
            if not answer.holds and self._cancelled():
                return "interrupted"  # it may have been about to
            told = {"text": verify.text, "place": verify.place, "seconds": self._machine.clock.monotonic() - begun}
            self._counts["verified" if answer.holds else "unverified"] += 1
            if answer.holds:
                self._tell(VerifyDone, **told)
            else:
                more = {"message": answer.message, "found": answer.found, "instance": verify.instance}
                self._tell(VerifyFailed, **told, **more)
            yield from self._drain()
        return "unverified" if self._counts["unverified"] else "done"

    def _known_outputs(self) -> dict[str, Any]:
        """The outputs, from facts as they are at the end; null where the platform gave none, `(secret)` for secrets."""
        self._ask_for_facts(sorted({ref.address for ref in refs(self._plan.outputs)}))
        out: dict[str, Any] = {}
        for name, value in self._plan.outputs.items():
            try:
                out[name] = public(fill(value, self._fact, self._fact_text))
            except NotKnown:
                out[name] = None
        return out


_REMOVING = frozenset({"delete", "release", "forget"})
_UNSEEN = frozenset({"wait"})
_AS_WANTED = frozenset({("start", "running"), ("stop", "stopped"), ("freeze", "frozen")})
_OTHERS: dict[str, Any] = {"handle": Commit, "power": Start, "wait": Wait}


def _renamed(plan: Plan, deployment: Deployment) -> Deployment:
    """The deployment with the addresses that it has when the renames of a plan are done."""
    rows = deployment.objects
    for op in plan.operations:
        if op.action == "rename":
            rows = renamed(rows, op.args["moves"], op.args["settled"])
    return msgspec.structs.replace(deployment, objects=rows)


def _gone(op: Operation) -> _Failed:
    return _Failed("stale-plan", f"`{op.identity or op.address}` is not there any more", stale=True)


def _stale_version(op: Operation, found: str) -> _Failed:
    code = "stale-handle" if op.kind == "handle" else "stale-plan"
    return _Failed(
        code,
        f"`{executor_of(op.address)}` changed since the plan was made: it was {op.expect}, it is {found}",
        stale=True,
    )
