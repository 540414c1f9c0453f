"""What a store remembers, and the protocol that every store keeps.

A store holds many deployments. Each has one lineage (drawn by its first apply), one lock with an epoch that only
grows, one serial that grows with every change of an object row, its objects, and a journal. Every write checks the
epoch in the same statement, so a run that lost its lock cannot write any more.

The journal's phases, each durable before the next thing happens:

    intent     we are about to work on this object; nothing has been asked of the platform
    sent       the next thing that happens is the call that changes it
    unknown    the call's outcome is not known; only a look-up may go on from here
    observed   the look-up showed the object as wanted
    committed  the object row says so; written in one transaction with it
    noeffect   the platform refused, or a look-up proved that nothing happened
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

PHASES = ("intent", "sent", "unknown", "observed", "committed", "noeffect")
HANDLE = "@handle"
"""What the address of an executor's composition ends in; without it, it is the executor's own."""
TERMINAL = ("committed", "noeffect")


class ObjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One object that we know: made, adopted or found by us.

    address and generation name it; a replaced object and its replacement are two rows until the old one is gone.
    args: what was asked for, in a plan's form (no secret, only digests). facts: what scripts may read.
    deposed: its replacement exists; all that is left to do is to remove it.
    stamp: the address that stands on the object, where it was renamed since; key and names come from that one.
    was: its address before, where another object has that now. part: of a composition, how many of its commits are in
    it, 0 when all are.
    """

    address: str
    generation: int
    kind: str
    key: str
    identity: str
    origin: str
    args: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    version: str = ""
    protect: bool = False
    retain: bool = False
    deposed: bool = False
    stamp: str = ""
    was: str = ""
    part: int = 0


class OpenOp(msgspec.Struct, frozen=True, kw_only=True):
    """An operation whose journal has no terminal phase: a stopped run left it. stamp, part: as the row will have."""

    run: str
    seq: int
    phase: str
    action: str
    kind: str
    address: str
    generation: int
    key: str
    identity: str
    origin: str = "created"
    args: dict[str, Any] = {}
    protect: bool = False
    retain: bool = False
    stamp: str = ""
    was: str = ""
    part: int = 0


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds, or asks for, the lock of a deployment. `since` is seconds since the epoch, 0 when only asking."""

    user: str
    host: str
    pid: int
    run: str
    verb: str
    since: float = 0.0


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one deployment. `lineage` is empty before its first apply.

    holder: who holds the lock, or held it and was killed; taking the lock tells which.
    """

    name: str
    lineage: str = ""
    serial: int = 0
    objects: tuple[ObjectRow, ...] = ()
    pending: tuple[OpenOp, ...] = ()
    holder: Holder | None = None
    outputs: dict[str, Any] = {}


class StoreError(Exception):
    """The store refuses. `code` is a diagnostic's slug; `message` is for the user."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Fenced(StoreError):
    """Another run took the lock over: this one must stop at once and write nothing more."""


class Run(Protocol):
    """One run that holds the lock of one deployment. Every method is durable when it returns, or raises."""

    lineage: str
    run: str
    epoch: int

    def deployment(self) -> Deployment:
        """What the store knows now, as this run sees it."""

    def intent(self, op: OpenOp) -> int:
        """Write down what is about to be done; its sequence number in this run (`op.seq` and `op.run` are ignored)."""

    def phase(self, run: str, seq: int, phase: str, detail: str = "") -> None:
        """Note a phase of an operation of this run, or of an open one of a run that stopped."""

    def commit(
        self,
        run: str,
        seq: int,
        *,
        put: ObjectRow | None = None,
        drop: Sequence[tuple[str, int]] = (),
        depose: Sequence[tuple[str, int]] = (),
        moves: Mapping[str, str] | None = None,
        settled: Sequence[str] = (),
    ) -> None:
        """In one transaction: store, drop and depose object rows, raise the serial if there were any, and write
        `committed`. `drop` and `depose` are (address, generation); a row that is not there is no mistake.

        moves, settled: rename rows, all at once, as `state.renames` says."""

    def outputs(self, outputs: dict[str, Any]) -> None:
        """Remember the outputs of a finished apply; none of them is secret."""

    def finish(self, status: str) -> None:
        """End the run (`done`, `failed`, `interrupted`, `stale`) and let go of the lock.

        A destroy that is done and left nothing behind, no object and no open operation, ends the lineage too: the
        store then knows the deployment no more, and its next apply draws a new one. The epoch stays.
        """

    def abandon(self) -> None:
        """Let go of what the process holds without writing anything; what a crash would do."""


class Store(Protocol):
    """Where deployments are remembered."""

    def read(self, deployment: str) -> Deployment:
        """What is known of a deployment. Never writes; a store that does not exist yet knows nothing."""

    def names(self) -> tuple[str, ...]:
        """The deployments that it knows, sorted."""

    def begin(self, deployment: str, holder: Holder, *, lineage: str, expect: tuple[str, int] | None = None) -> Run:
        """Take the lock. `lineage` is the one to give a deployment that has none yet.

        expect: (lineage, serial) that the plan was made on; StoreError `stale-plan` when the store has moved on.
        StoreError `locked` says who holds it and since when, `store-unwritable` that nothing was begun.
        """

    def close(self) -> None:
        """Let go of everything."""
