"""A plan as text: a head line, the findings about the environment, each operation in its order, and one stable line.

    vch-1 on local   17 to create · 3 unchanged
      + pool vch            create   /clusterA/poolB/vch-1        examples/seed.vch:20
    Plan: 17 create, 0 adopt, 0 update, 0 replace, 0 destroy

What is unchanged is only counted. `Plan: …`, and `no changes` where there are none, are for programs to look for.
"""

from __future__ import annotations

from vchlang.cli.look import MARKS, mark, one_line, pad, paint
from vchlang.plan.model import Operation, Place, Plan, Substep
from vchlang.state.store import HANDLE

_WORDS = {"release": "give up", "forget": "forget", "none": "unchanged"}
_WHAT = {
    "create": "create", "adopt": "adopt", "update": "update", "commit": "update", "delete": "remove",
    "release": "remove", "forget": "remove", "read": "read", "confirm": "read", "none": "keep",
    "start": "step", "stop": "step", "freeze": "step", "wait": "step", "rename": "update",
}  # fmt: skip
_FINDINGS = {"ok": "dim", "warning": "warning", "error": "error"}
_SUB_MARKS = {MARKS[what]: what for what in ("create", "update", "remove")}
SUMMARY = ("create", "adopt", "update", "replace", "destroy")


def plan_text(plan: Plan, *, verbose: bool = False) -> str:
    """The whole text of a plan, safe and with styles."""
    where = f"{one_line(plan.deployment)} on {one_line(plan.target)}"
    objects = len({op.address for op in plan.operations if op.kind not in _STEPS})
    if not plan.changing:
        line = f"{where}: no changes ({objects} {'object' if objects == 1 else 'objects'})."
        return "\n".join([line, *(["", *_lines(plan, verbose=True)] if verbose else []), *_verifies(plan)])
    out = [f"{where}   {head(plan)}", "", *_lines(plan, verbose=verbose), *_verifies(plan), "", summary(plan)]
    return "\n".join(out)


def _verifies(plan: Plan) -> list[str]:
    """What is asked when all that is done."""
    out: list[str] = []
    for one in plan.verifies:
        parts = [f"  {mark('read')} verify {shortened(one.text)}"]
        parts += [f"in {one_line(one.instance)}"] if one.instance else []
        parts += ["after apply", *([_at(one.place, plan)] if one.place is not None else [])]
        out.append("  ".join([parts[0], *(paint(part, "dim") for part in parts[1:])]))
    return out


def shortened(condition: str) -> str:
    """A condition in one line of a hundred characters."""
    text = one_line(condition)
    return text if len(text) <= 100 else text[:99] + "…"


def _at(place: Place, plan: Plan) -> str:
    source = "" if place.source == plan.script else f"{one_line(place.source)} "
    return f"{source}line {place.line}"


_STEPS = frozenset({"environment", "handle", "power", "state", "wait"})


def head(plan: Plan) -> str:
    """`6 to create · 1 to adopt · 41 unchanged`."""
    counts = plan.counts()
    said = [f"{counts[one]} to {one}" for one in SUMMARY if counts[one]]
    for action in ("start", "stop", "freeze", "commit"):
        steps = sum(op.action == action for op in plan.operations)
        if steps and not said:
            said.append(f"{steps} to {action}")
    moves = sum(len(op.args["moves"]) for op in plan.operations if op.action == "rename")
    said += [f"{moves} to rename"] if moves else []
    settled = sum(len(op.args["settled"]) for op in plan.operations if op.action == "rename")
    said += [f"{settled} to settle"] if settled and not said else []
    return " · ".join([*said, *([f"{counts['unchanged']} unchanged"] if counts["unchanged"] else [])])


def summary(plan: Plan) -> str:
    """The last line, which keeps its form."""
    counts = plan.counts()
    return "Plan: " + ", ".join(f"{counts[one]} {one}" for one in SUMMARY)


def title(op: Operation) -> str:
    """What an operation works on, in a few words."""
    match op.kind:
        case "environment":
            return "confirm environment"
        case "handle":
            return f"handle {op.address.removesuffix(HANDLE)}"
        case "power":
            return f"executor {op.address}"
        case "state":
            return "addresses in the state"
        case "wait":
            kind = "task" if op.args.get("task") else "executor"
            return f"{kind} {op.address}"
        case _:
            return f"{op.kind} {op.address}"


def what(op: Operation, replaced: frozenset[str] = frozenset()) -> str:
    """Which sign an operation has."""
    if op.kind == "handle" and op.action == "commit" and not op.changes:
        return "create"
    if op.address in replaced and op.action in ("create", "adopt", "delete", "release"):
        return "replace" if op.action in ("create", "adopt") else "remove"
    return _WHAT[op.action]


def replaced_in(plan: Plan) -> frozenset[str]:
    """The addresses of what gets a new object in the place of an old one."""
    return frozenset(
        op.address
        for op in plan.operations
        if op.action in ("create", "adopt") and any(one.effect == "replace" for one in op.changes)
    )


def _lines(plan: Plan, *, verbose: bool) -> list[str]:
    replaced = replaced_in(plan)
    # What is looked up, and what confirming found, is news once; later it is only in the way.
    hidden = ("none", "read") if plan.lineage else ("none",)
    shown = [op for op in plan.operations if verbose or op.action not in hidden]
    names = {op.id: one_line(title(op)) for op in shown}
    width = min(44, max((len(one) for one in names.values()), default=0))
    out: list[str] = []
    for op in shown:
        sign = what(op, replaced)
        word = "replace" if sign == "replace" else _WORDS.get(op.action, op.action)
        parts = [f"  {mark(sign)} {pad(names[op.id], width)}  {pad(word, 9)}", one_line(_detail(op))]
        if op.place is not None:
            parts.append(_at(op.place, plan))
        out.append("  ".join([parts[0], *(paint(part, "dim") for part in parts[1:] if part)]).rstrip())
        out += _findings(plan, verbose) if op.kind == "environment" else _below(op, verbose)
    return out


def _findings(plan: Plan, verbose: bool) -> list[str]:
    """What confirming the environment found; of a deployment that is there already, what is well is only counted."""
    out: list[str] = []
    well = 0
    for finding in plan.findings:
        if finding.level == "ok" and plan.lineage and not verbose:
            well += 1
            continue
        style = _FINDINGS.get(finding.level, "warning")
        out.append(f"      {pad(paint(finding.level, style), 7)} {one_line(finding.message)}")
    return [*out, f"      {pad(paint('ok', 'dim'), 7)} {well} findings (-v lists them)"] if well else out


def _below(op: Operation, verbose: bool) -> list[str]:
    out: list[str] = []
    width = max((len(one_line(one.path)) for one in op.changes), default=0)
    for change in op.changes:
        values = f"{one_line(change.before)} -> {one_line(change.after)}"
        effect = f"   ({change.effect})" if change.effect in ("restart", "replace") else ""
        out.append(f"      {one_line(change.path):<{width}}  {values}{effect}")
    for because in op.because:
        out.append(f"        because  {one_line(because)}")
    # Of a composition that changes, what stays as it is would hide what does not.
    still = [step for step in op.steps if step.mark == " "] if op.changes and not verbose else []
    out += [_substep(step) for step in op.steps if step not in still]
    if still:
        stay = "1 membership stays as it is" if len(still) == 1 else f"{len(still)} memberships stay as they are"
        out.append(f"        {stay} (-v lists them)")
    elif not op.changes or verbose:
        out += [f"        note  {one_line(note)}" for note in op.notes]
    return out


def _substep(step: Substep) -> str:
    sign = _SUB_MARKS.get(step.mark)
    line = paint(f"   line {step.line}", "dim") if step.line else ""
    return f"      {mark(sign) if sign else ' '} {one_line(step.text)}{line}"


def _detail(op: Operation) -> str:
    match op.kind:
        case "environment" | "task" | "handle" | "power" | "state":
            return ""
        case "wait":
            from vchlang import values as v

            within = op.args.get("within")
            limit = f" within {v.show_unit(within, v.DURATION)}" if isinstance(within, int) else ""
            return f"until {op.args.get('state', '')}{limit}"
        case _:
            return op.identity
