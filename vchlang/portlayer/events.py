"""What a run tells while it goes on: typed, versioned, one after the other.

Who shows a run, as lines, as a moving picture or as JSON, reads only these. An event carries everything that showing it
needs; `seq` counts them from 1 in one run, and `operation` is the id of the plan's step. A reader that meets a field it
does not know passes over it; a change of meaning is a new `v`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from vchlang.plan.model import Place

Status = Literal["done", "failed", "interrupted", "refused", "stale", "unverified"]
"""done: everything. failed: a step did not succeed. unverified: everything was applied, and a verify does not hold.
interrupted: somebody asked to stop. refused: the store is lost, so nothing more was begun. stale: the world moved on
before anything was changed."""


class _Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    run: str
    seq: int
    time: float
    v: int = 1


class _OfStep(_Told, frozen=True, kw_only=True):
    operation: str
    action: str
    kind: str
    address: str


class RunStarted(_Told, frozen=True, kw_only=True, tag="run-started"):
    """The lock is held and nothing has been done. `steps` counts the plan's operations."""

    deployment: str
    target: str
    verb: str
    lineage: str
    steps: int


class StepStarted(_OfStep, frozen=True, kw_only=True, tag="step-started"):
    """Work on an operation begins."""

    place: Place | None = None


class StepProgress(_OfStep, frozen=True, kw_only=True, tag="step-progress"):
    """`done` of `total` bytes are there; `total` is 0 where nobody knows."""

    done: int
    total: int


class StepNote(_OfStep, frozen=True, kw_only=True, tag="step-note"):
    """Something worth a line under the step."""

    message: str


class StepDone(_OfStep, frozen=True, kw_only=True, tag="step-done"):
    """The operation is done and remembered. `facts` are those that the object has now; none of them is secret."""

    seconds: float
    facts: dict[str, Any] = {}


class StepSkipped(_OfStep, frozen=True, kw_only=True, tag="step-skipped"):
    """The operation was not begun. `cause`: there was nothing to do, what it needs failed, or the run ends early."""

    cause: Literal["unchanged", "needs", "stopped"]
    reason: str


class StepFailed(_OfStep, frozen=True, kw_only=True, tag="step-failed"):
    """The operation did not succeed. `code` is a diagnostic's slug, `place` where the script asks for it.

    open: its outcome is not known; the next run looks it up before it does anything else.
    """

    code: str
    message: str
    open: bool = False
    place: Place | None = None


class VerifyDone(_Told, frozen=True, kw_only=True, tag="verify-done"):
    """A verify holds. `text` is its condition as written."""

    text: str
    seconds: float
    place: Place | None = None


class VerifyFailed(_Told, frozen=True, kw_only=True, tag="verify-failed"):
    """A verify does not hold, or nobody can tell; all is applied all the same. `found`: the values that say why."""

    text: str
    message: str
    found: str
    seconds: float
    instance: str = ""
    place: Place | None = None


class RunDone(_Told, frozen=True, kw_only=True, tag="run-done"):
    """The last event. `counts` has `done`, `unchanged`, `failed` and `skipped`, and of a plan with verifies `verified`
    and `unverified`; `outputs` those of a finished apply."""

    status: Status
    seconds: float
    counts: dict[str, int]
    code: str = ""
    message: str = ""
    outputs: dict[str, Any] = {}


Event: TypeAlias = (
    RunStarted | StepStarted | StepProgress | StepNote | StepDone | StepSkipped | StepFailed | VerifyDone | VerifyFailed
    | RunDone
)  # fmt: skip
