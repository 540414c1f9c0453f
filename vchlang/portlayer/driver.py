"""What a driver is.

A driver carries out the verbs of the kinds, says what it can keep, and looks things up. It never decides, retries or
remembers: `execute` does. What it reports as done is done, durably; what it cannot do it says in `capabilities` or in
`confirm`, before anything happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from vchlang.kinds.world import Capabilities, Finding, Observation, OwnerTag, Query


class DriverError(Exception):
    """The platform refuses, or does not answer.

    reason: a diagnostic's slug where one fits (`foreign-owner`, `no-space`, …), else `step-failed`.
    outcome: `none` when it is certain that nothing changed, `unknown` when only a look-up can tell.
    retryable: the same call may succeed later; only with outcome `none`.
    """

    def __init__(self, reason: str, detail: str, *, outcome: str = "none", retryable: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.retryable = retryable


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a verb gave. `facts` are those that scripts may read; `notes` are shown under the step."""

    facts: dict[str, Any] = {}
    version: str = ""
    notes: tuple[str, ...] = ()


class Step(msgspec.Struct, kw_only=True):
    """One call.

    args: the kind's described class (or Commit, Start, Wait), complete and converted, facts filled in.
    None for what goes or stops and refers to something that is gone: identity and tag are enough then.
    tag: the ownership record to put on the object in the very call that makes it, and to compare before any other.
    expect: the version that the object must still have; empty where that does not matter.
    reveal: gives the value of a secret in a plan's form (`{"$secret": …}` or `{"$text": …}`).
    data: opens the packed bytes of a `DataRef` for reading.
    progress: called with (done, total) bytes. cancelled: whether the user asked to stop.
    """

    kind: str
    action: str
    address: str
    identity: str
    origin: str
    args: Any
    tag: OwnerTag
    expect: str = ""
    reveal: Callable[[Any], Any]
    data: Callable[[Any], Any]
    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]


class Driver(Protocol):
    """A platform."""

    name: str

    def capabilities(self) -> Capabilities:
        """What it can keep."""

    def confirm(self, wanted: Sequence[Query]) -> tuple[Finding, ...]:
        """Whether the environment has what the objects need. Reads only."""

    def observe(self, queries: Sequence[Query]) -> dict[str, Observation]:
        """What is there, by the id of the query. Reads only, in as few calls as the platform allows."""

    def perform(self, step: Step) -> Outcome:
        """Carry out one verb, whole and durable, or raise DriverError. Repeating one that was done changes nothing."""
