"""What a stopped run left, brought to an end before anything else happens.

A run can stop anywhere: `kill -9`, a power cut, a lost connection. The journal then has operations without a terminal
phase, and each of them is one of three:

- *intent*: nothing was asked of the platform, so nothing happened. A rename never gets further before it is committed.
- *sent* or *unknown*: the call may have been carried out. The object's key tells: it was known before the call, and
  the call put it on the object. What is there with our key is ours; what is certainly not there was not made.
- The platform does not tell. Then nothing goes on, the operation stays open, and the next command asks again.

`resolve` judges one operation by what a look-up showed. `execute` uses it too, for a call whose answer got lost; so
there is one rule for what a look-up proves. It never proves that an update or a commit was carried out: there the row
stays as it was, the next plan compares with it, and sends values that are absolute once more.

Recovering twice is the same as once: what has a terminal phase is not looked at again.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal, TypeAlias

import msgspec

from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Observation, Present, Query, Unknown
from vchlang.portlayer.driver import Driver
from vchlang.portlayer.observe import is_ours, is_used_by_us, look, question
from vchlang.state.store import HANDLE, Deployment, Holder, ObjectRow, OpenOp, Run, Store, StoreError
from vchlang.system import Machine

Verdict: TypeAlias = Literal["done", "gone", "nothing", "unknown"]
"""What a look-up proves of an operation: it was carried out; its object is gone; nothing happened that the state has to
know of; or nothing at all."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a stopped run, and how it was brought to its end."""

    action: str
    kind: str
    address: str
    generation: int
    verdict: Verdict


def recover(driver: Driver, store: Store, machine: Machine, holder: Holder, deployment: str) -> tuple[Recovered, ...]:
    """Take the lock, bring every open operation to its end, and let go; what was done, oldest first.

    Every command that changes something calls it before it plans. Without anything open it only reads. It runs under an
    id of its own, so `holder.run` stays free.

    StoreError `locked` while another run lives, `unknown-world` when the platform does not tell about one of them.
    """
    known = store.read(deployment)
    # A holder without open operations was killed between two steps, or is alive; taking the lock tells which.
    if not known.pending and known.holder is None:
        return ()
    own = msgspec.structs.replace(holder, run=machine.entropy.uuid())
    run = store.begin(deployment, own, lineage=known.lineage)
    try:
        return finish_recovery(run, driver, machine)
    except BaseException:
        run.abandon()
        raise


def finish_recovery(run: Run, driver: Driver, machine: Machine) -> tuple[Recovered, ...]:
    """Recover, and end the run with that."""
    try:
        done = recover_in(run, driver, machine)
    except StoreError:
        run.finish("failed")
        raise
    run.finish("done")
    return done


def recover_in(run: Run, driver: Driver, machine: Machine) -> tuple[Recovered, ...]:
    """The same inside a run that holds the lock already."""
    deployment = run.deployment()
    # One batch: nothing that follows changes the world, so nothing makes an answer old.
    queries = {str(place): query for place, op in enumerate(deployment.pending) if (query := _question(op, str(place)))}
    seen = look(driver, list(queries.values()), machine.clock)
    done: list[Recovered] = []
    unknown: list[tuple[OpenOp, Unknown]] = []
    for place, op in enumerate(deployment.pending):
        found = seen.get(str(place))
        verdict: Verdict = "nothing" if found is None else resolve(op, found)
        if verdict == "unknown" and isinstance(found, Unknown):
            unknown.append((op, found))
            continue
        if verdict == "nothing":
            run.phase(op.run, op.seq, "noeffect", "recovered")
        else:
            run.phase(op.run, op.seq, "observed", "recovered")
            present = found if isinstance(found, Present) else Present()
            settle(run, op, verdict, present.facts, present.version, deployment)
        done.append(
            Recovered(action=op.action, kind=op.kind, address=op.address, generation=op.generation, verdict=verdict)
        )
    if unknown:
        op, found = unknown[0]
        more = f", and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise StoreError(
            "unknown-world",
            f"a run was stopped while it worked on `{op.address}` ({op.action}{more}), and the target does not tell "
            f"what became of it: {found.reason}",
            "nothing was begun; try again when the target answers",
        )
    return tuple(done)


def resolve(op: OpenOp, found: Observation) -> Verdict:
    """What a look-up proves of an operation that may have been carried out."""
    if isinstance(found, Unknown):
        return "unknown"
    present = found if isinstance(found, Present) else None
    match op.action:
        case "create":
            return "done" if present is not None and is_ours(present, op.key) else "nothing"
        case "adopt":
            return "done" if present is not None and is_used_by_us(present, op.key) else "nothing"
        case "delete":
            # A thing of the same name that carries another key is not the one that we were to remove.
            return "nothing" if present is not None and is_ours(present, op.key) else "gone"
        case "release":
            return "nothing" if present is not None and is_used_by_us(present, op.key) else "gone"
        case "start" | "freeze":
            wanted = "running" if op.action == "start" else "frozen"
            reached = present is not None and present.state == wanted and is_ours(present, op.key)
            return "done" if reached else "nothing"
        case "stop":
            return "done" if present is None or present.state == "stopped" else "nothing"
        case _:
            # Only the answer to the call itself can show that an update or a commit was carried out.
            return "done" if op.phase == "observed" and present is not None and is_ours(present, op.key) else "nothing"


def settle(
    run: Run, op: OpenOp, verdict: Verdict, facts: dict[str, Any], version: str, deployment: Deployment
) -> ObjectRow | None:
    """Write `committed` for an operation that is `done` or `gone`, with what that means for the rows.

    deployment: with the rows as they are before. The row that was put, if there was one. A new generation deposes the
    older ones in the same transaction, and an executor that goes takes its composition along: no crash can leave one
    without the other.
    """
    if op.kind == "power":
        run.commit(op.run, op.seq)
        return None
    own = (op.address, op.generation)
    if verdict == "gone":
        composed = op.kind in ("executor", "template")
        run.commit(op.run, op.seq, drop=(own, (op.address + HANDLE, op.generation)) if composed else (own,))
        return None
    row = ObjectRow(
        address=op.address,
        generation=op.generation,
        kind=op.kind,
        key=op.key,
        identity=op.identity,
        origin=op.origin,
        args=op.args,
        facts=facts,
        version=version,
        protect=op.protect,
        retain=op.retain,
        stamp=op.stamp,
        was=op.was,
        part=op.part,
    )
    older = [
        (one.address, one.generation)
        for one in deployment.objects
        if one.address == op.address and one.generation < op.generation and not one.deposed
    ]
    run.commit(op.run, op.seq, put=row, depose=older)
    return row


def in_the_state_only(kind: str, action: str) -> bool:
    """Whether an operation changes nothing but the state: a task has no object, and forgetting touches nothing."""
    return action == "forget" or (kind in KINDS and KINDS[kind].recorded)


def _question(op: OpenOp, id_: str) -> Query | None:
    """What to ask about an open operation; None when nothing was sent, so that there is nothing to ask."""
    if op.phase == "intent" or in_the_state_only(op.kind, op.action):
        return None
    args: Any = None
    if op.kind in KINDS:
        # Arguments that an older version wrote may not fit any more; identity and key are enough to find it.
        with contextlib.suppress(msgspec.ValidationError):
            args = msgspec.convert(op.args, KINDS[op.kind].element.cls)
    return question(op.kind, op.identity, op.key, id_, args)
