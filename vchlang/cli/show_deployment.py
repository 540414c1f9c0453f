"""A deployment as text: its objects, its executors with their tasks, and its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vchlang.cli.look import one_line, pad, paint, seconds
from vchlang.cli.show_events import outputs_text

_STYLES = {
    "ready": "green", "stable": "green", "running": "green", "launched": "yellow", "starting": "yellow",
    "failed": "red", "degraded": "red", "absent": "red", "silent": "yellow", "unknown": "yellow",
}  # fmt: skip


def names_text(names: Sequence[str], target: str) -> str:
    """The deployments that there are."""
    if not names:
        return f"nothing is deployed on {one_line(target)}"
    return "\n".join(
        [f"{len(names)} deployments on {one_line(target)}; vch show -n NAME", *(f"  {one_line(one)}" for one in names)]
    )


def deployment_text(document: dict[str, Any], now: float) -> str:
    """What `vch show` prints."""
    where = f"{one_line(document['deployment'])} on {one_line(document['target'])}"
    if not document["objects"] and not document["pending"]:
        return f"{where}: nothing is deployed"
    objects: list[dict[str, Any]] = document["objects"]
    out = [f"{where}   {len(objects)} {'object' if len(objects) == 1 else 'objects'}, serial {document['serial']}", ""]
    kinds = max(len(one["kind"]) for one in objects) if objects else 0
    names = min(40, max(len(one_line(one["address"])) for one in objects)) if objects else 0
    for one in objects:
        marks = [word for word in ("protect", "retain") if one[word]]
        marks += ["replaced, to be removed"] if one["deposed"] else []
        marks += [] if one["now"] in ("present", "recorded") else [paint(one["now"], _STYLES.get(one["now"], "yellow"))]
        identity = one_line(one["identity"]) if one["identity"] != one["address"] else ""
        line = f"  {one['kind']:<{kinds}}  {pad(one_line(one['address']), names)}  {one['origin']:<8} {identity}"
        out.append((line + (f"   ({', '.join(marks)})" if marks else "")).rstrip())
    for executor in document["executors"]:
        out += ["", *_executor(executor, now)]
    if document["pending"]:
        out += ["", f"a stopped run left: {one_line(', '.join(document['pending']))}; the next command settles it"]
    if document["holder"] is not None:
        holder = document["holder"]
        words = f"{holder['verb']} of {holder['user']} on {holder['host']} (process {holder['pid']})"
        if holder["alive"]:
            out += ["", f"held by {one_line(words)} since {holder['since']}"]
        else:
            out += ["", f"{one_line(words)} was stopped; the next command takes over"]
    if document["outputs"]:
        out += ["", outputs_text(document["outputs"])]
    return "\n".join(out)


def _executor(executor: dict[str, Any], now: float) -> list[str]:
    state = executor["state"]
    health = executor["health"] if state == "running" else ""
    head = f"{paint(one_line(executor['address']), 'bold')}   {paint(state, _STYLES.get(state, 'dim'))}"
    head += f", {paint(one_line(health), _STYLES.get(health, 'dim'))}" if health and health != state else ""
    head += f": {one_line(str(executor['reason']))}" if executor["reason"] else ""
    out = [head]
    roles: dict[str, list[str]] = {}
    for role, address in executor["addresses"].items():
        roles.setdefault(str(address), []).append(str(role))
    out += [f"  {one_line(address):<16}  {one_line(', '.join(names))}" for address, names in roles.items()]
    width = max((len(one_line(one["address"])) for one in executor["tasks"]), default=0)
    for task in executor["tasks"]:
        words = [paint(one_line(task["state"]), _STYLES.get(task["state"], "dim"))]
        words += [f"up {seconds(max(0.0, now - task['since']))}"] if task["since"] and task["pid"] else []
        words += (
            [f"{task['restarts']} {'restart' if task['restarts'] == 1 else 'restarts'}"] if task["restarts"] else []
        )
        words += [f"exit code {task['exit_code']}"] if task["exit_code"] is not None else []
        words += [one_line(str(task["reason"]))] if task["reason"] else []
        out.append(f"  task {pad(one_line(task['address']), width)}  {', '.join(words)}")
    return out
