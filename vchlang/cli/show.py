"""`vch show`: what a deployment is made of, how it is doing now, and its outputs."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import msgspec

from vchlang.cli.look import Terminal
from vchlang.cli.options import ENVIRONMENT, NAME, Command, Given, formats
from vchlang.cli.show_deployment import deployment_text, names_text
from vchlang.cli.target import Target, connect, deployment_name, setting
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Observation, Present, Query
from vchlang.portlayer.observe import observe
from vchlang.state.store import HANDLE, Deployment, ObjectRow
from vchlang.system import Machine

COMMAND = Command(
    name="show",
    words="[FILE]",
    doc="What a deployment is made of, how it is doing now, and its outputs. Without a name, the only one there is,\n"
    "or a list of all.",
    options=(NAME, ENVIRONMENT, formats("text", "json")),
    least=0,
    most=1,
    examples=("vch show examples/seed.vch", "vch show -n site-2 --format json"),
)
FORMAT_VERSION = 1


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Show a deployment, or list them."""
    script = given.words[0] if given.words else None
    here = setting(script or os.getcwd(), given.one("env"))
    target = connect(here, machine)
    as_json = given.one("format") == "json"
    if script is None and not given.one("name"):
        names = target.store.names()
        if len(names) != 1:
            if as_json:
                terminal.out(json.dumps({"format": "vch.show", "version": FORMAT_VERSION, "deployments": list(names)}))
            else:
                terminal.out(names_text(names, target.name))
            return 0
        name = names[0]
    else:
        name = deployment_name(given, script)
    document = document_of(target.store.read(name), target, here.environment.name)
    if as_json:
        terminal.out_bytes(json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n")
    else:
        terminal.out(deployment_text(document, machine.clock.now()))
    return 0


def document_of(deployment: Deployment, target: Target, environment: str) -> dict[str, Any]:
    """All that there is to show: what the state remembers, and what the target says now."""
    rows = [row for row in deployment.objects if row.kind != "handle"]
    seen = observe(target.driver, deployment, [_question(row) for row in rows if not KINDS[row.kind].recorded])
    holder = deployment.holder
    return {
        "format": "vch.show",
        "version": FORMAT_VERSION,
        "deployment": deployment.name,
        "environment": environment,
        "target": target.name,
        "lineage": deployment.lineage,
        "serial": deployment.serial,
        "pending": [f"{one.action} {one.address}" for one in deployment.pending],
        "holder": None
        if holder is None
        else {
            **msgspec.to_builtins(holder),
            "since": time.strftime("%FT%TZ", time.gmtime(holder.since)),
            # A lock of a process that died is free; only on its own machine can that be told.
            "alive": holder.host != os.uname().nodename or os.path.exists(f"/proc/{holder.pid}"),
        },
        "objects": [_object(row, seen.get(_id(row))) for row in rows],
        "executors": [
            _executor(row, seen.get(_id(row)), deployment, target)
            for row in rows
            if row.kind == "executor" and not row.deposed
        ],
        "outputs": deployment.outputs,
    }


def tasks_of(deployment: Deployment, executor: str) -> dict[str, str]:
    """The tasks that an executor's handle committed: by address, the name that the executor knows one by."""
    known = {row.identity: row.address for row in deployment.objects if row.kind == "task"}
    for row in deployment.objects:
        if row.address == executor + HANDLE and not row.deposed:
            names = [str(one["address"]) for one in row.args.get("members", ()) if one.get("kind") == "task"]
            return {known.get(name, name): name for name in names}
    return {}


def _object(row: ObjectRow, seen: Observation | None) -> dict[str, Any]:
    now = "recorded" if seen is None else {Present: "present", Absent: "absent"}.get(type(seen), "unknown")
    return {
        "address": row.address,
        "kind": row.kind,
        "origin": row.origin,
        "identity": row.identity,
        "generation": row.generation,
        "now": now,
        "protect": row.protect,
        "retain": row.retain,
        "deposed": row.deposed,
    }


def _executor(row: ObjectRow, seen: Observation | None, deployment: Deployment, target: Target) -> dict[str, Any]:
    state = seen.state if isinstance(seen, Present) else "absent" if isinstance(seen, Absent) else "unknown"
    addresses = seen.facts.get("address") if isinstance(seen, Present) else None
    status = target.watch().status(row.identity) if isinstance(seen, Present) else {}
    told: dict[str, Any] = status.get("tasks") or {}
    return {
        "address": row.address,
        "identity": row.identity,
        "state": state,
        "health": str(status.get("state") or ""),
        "reason": status.get("reason") or status.get("error"),
        "addresses": addresses if isinstance(addresses, dict) else {},
        "tasks": [_task(one, name, told, state) for one, name in tasks_of(deployment, row.address).items()],
    }


def _task(address: str, name: str, told: dict[str, Any], executor: str) -> dict[str, Any]:
    # The tether calls tasks as their logs: by their name, fit for that of a file.
    found: dict[str, Any] = told.get(name.replace("%", "%25").replace("/", "%2F")) or {}
    times: dict[str, Any] = found.get("times") or {}
    running = executor == "running"
    return {
        "address": address,
        "state": str(found.get("state") or "stopped") if running else "stopped",
        "required": bool(found.get("required")),
        "restarts": int(found.get("restarts") or 0),
        "pid": found.get("pid") if running else None,
        "exit_code": found.get("exit_code"),
        "reason": found.get("reason"),
        "since": (times.get("started") or 0) / 1e9 if running and times.get("started") else None,
    }


def _id(row: ObjectRow) -> str:
    return f"{row.address}#{row.generation}"


def _question(row: ObjectRow) -> Query:
    return Query(id=_id(row), kind=row.kind, identity=row.identity, key=row.key)
