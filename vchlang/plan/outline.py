"""A plan in the words of a test: what happens to which addresses, and the steps in order."""

from __future__ import annotations

from typing import Any

from vchlang.plan.model import Operation, Plan
from vchlang.state.store import HANDLE

NO_PLAN: dict[str, Any] = {
    "creates": [], "adopts": [], "updates": [], "replaces": [], "destroys": [], "unchanged": [], "steps": [],
    "empty": True,
}  # fmt: skip
"""What `plan` is where nothing can be planned; `analysis.check.PLAN` is its type."""


def outline(plan: Plan) -> dict[str, Any]:
    """What `plan` and `replan` are in a test. Each address stands in one of the lists at most."""
    made = {op.address for op in plan.operations if op.action == "create"}
    replaced = {op.address for op in plan.operations if op.action in ("create", "adopt") and _replaces(op)}
    lists: dict[str, dict[str, None]] = {name: {} for name in NO_PLAN if name not in ("steps", "empty")}
    for op in plan.operations:
        address = op.address.removesuffix(HANDLE)
        match op.action:
            case "create" | "adopt":
                word = "replaces" if address in replaced else f"{op.action}s"
                lists[word][address] = None
            case "update":
                lists["updates"][address] = None
            case "commit" if op.changes and address not in made:
                lists["updates"][address] = None
            case "delete" | "release" | "forget" if op.kind != "handle" and address not in replaced:
                lists["destroys"][address] = None
            case "none" if op.kind not in ("power", "wait", "handle"):
                lists["unchanged"][address] = None
            case _:
                pass
    for address in lists["updates"]:
        lists["unchanged"].pop(address, None)
    steps = [step_of(op) for op in plan.operations if op.action != "none"]
    return {**{name: list(one) for name, one in lists.items()}, "steps": steps, "empty": not plan.changing}


def step_of(op: Operation) -> str:
    """One operation in words: `create storage logs`, `commit handle endpoint`, `start executor endpoint`."""
    address = op.address.removesuffix(HANDLE)
    match op.kind:
        case "environment":
            return "confirm environment"
        case "state":
            return "rename in the state"
        case "power":
            return f"{op.action} executor {address}"
        case "wait":
            return f"wait {'task' if op.args.get('task') else 'executor'} {address}"
        case _:
            return f"{op.action} {op.kind} {address}"


def _replaces(op: Operation) -> bool:
    return any(one.effect == "replace" for one in op.changes)
