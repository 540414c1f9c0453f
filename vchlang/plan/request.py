"""What a plan is about, and what planning gives: the same for an apply and for a destroy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.diagnostics import Diagnostic
from vchlang.plan.model import Input, Operation, Plan
from vchlang.state.store import Deployment


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is about, beside the composition.

    script: its path from the project's root. state: what the store remembers. position: line and column of an offset
    in a source. secret_digest: a keyed digest of a secret's value.
    """

    deployment: str
    project: str
    environment: str
    target: str
    script: str
    state: Deployment
    position: Callable[[str, int], tuple[int, int]]
    secret_digest: Callable[[v.Secret], str]
    inputs: tuple[Input, ...] = ()


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what forbids it, if anything does."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...]


def plan_of(request: Request, verb: str, operations: tuple[Operation, ...], **more: Any) -> Plan:
    """A plan of these operations for what a request is about."""
    return Plan(
        deployment=request.deployment,
        project=request.project,
        environment=request.environment,
        target=request.target,
        script=request.script,
        verb=verb,
        lineage=request.state.lineage,
        serial=request.state.serial,
        operations=operations,
        inputs=request.inputs,
        **more,
    )
