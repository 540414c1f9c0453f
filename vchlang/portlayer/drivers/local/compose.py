"""From a commit to what the tether reads: `spec.json`, format 1.

Secrets are not in it, only names for them; what each name stands for, still in a plan's form, comes beside it, and is
revealed when the executor starts. What the tether cannot keep is refused by name.
"""

from __future__ import annotations

import os
import sys
from typing import Any, assert_never

import msgspec

from vchlang import values as v
from vchlang.kinds.network import NoAddress, Static
from vchlang.kinds.task import Always, BindTask, FileProbe, Http, Never, OnFailure, Probe, Restart, Task, Tcp
from vchlang.kinds.world import Commit, NetworkMember, StorageMember, TaskMember
from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.drivers.local.mounts import Mounted

_HOST = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc")
_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """spec: the document. secrets: what its names of secrets stand for, in a plan's form."""

    spec: dict[str, Any]
    secrets: dict[str, Any]


def python() -> str:
    """The interpreter that runs the tether: the real one, not that of an environment that may go."""
    return os.path.realpath(sys.executable) if sys.executable else ""


def task_name(address: str) -> str:
    """A task's name in the executor, which is also that of its log: its address, fit for the name of a file."""
    return address.replace("%", "%25").replace("/", "%2F")


def refuse_unkept(commit: Commit) -> None:
    """DriverError `unsupported` for what a composition asks and nothing here can keep."""
    if commit.isolation not in (None, "tether"):
        raise DriverError(
            "unsupported", f"`{commit.name}`: the local portlayer has no isolation by the {commit.isolation}"
        )
    for member in commit.members:
        if isinstance(member, NetworkMember) and member.join.segment is not None:
            raise DriverError(
                "unsupported", f"`{member.address}`: nothing here enforces the segment `{member.join.segment}`"
            )
        if not isinstance(member, TaskMember) or member.bind is None:
            continue
        if member.bind.tls is not None:
            raise DriverError("unsupported", f"`{member.address}`: the local portlayer cannot hand over `tls`")
        if member.bind.limits is not None and member.bind.limits.memory is not None:
            raise DriverError(
                "unsupported",
                f"`{member.address}`: the local portlayer limits all tasks of an executor alike, not one of them",
            )


def compose(
    commit: Commit,
    *,
    key: str,
    version: int,
    mounted: dict[str, Mounted],
    addresses: dict[str, str],
    aliases: dict[str, str],
) -> Composed:
    """mounted: where each volume has come to, by the normal form of the path it was asked for. addresses: by role.
    aliases: of networks."""
    secrets: dict[str, Any] = {}
    tasks = {one.address: one for one in commit.members if isinstance(one, TaskMember)}
    spec = {
        "format": 1,
        "executor": commit.name,
        "key": key,
        "version": version,
        "isolation": "tether",
        "on_failure": commit.on_failure,
        "root": "root",
        "host": _host(),
        "path": _search_path(),
        "mounts": [
            _mount(one, mounted[v.normal_path(one.bind.at)])
            for one in commit.members
            if isinstance(one, StorageMember) and one.bind is not None and one.bind.at is not None
        ],
        "addresses": addresses,
        "names": {**aliases, **_names(commit, addresses)},
        "limits": {"cpus": commit.compute.cpus, "memory": commit.compute.memory},
        "tasks": [
            _task(one.address, _inherited(one, tasks), one.bind, _log(commit, one, mounted), secrets)
            for one in tasks.values()
            if one.bind is not None
        ],
    }
    return Composed(spec=spec, secrets=secrets)


def _host() -> list[str]:
    prefix = os.path.realpath(sys.base_prefix)
    found = [path for path in _HOST if os.path.exists(path)]
    return found if any(os.path.commonpath((prefix, one)) == one for one in found) else [*found, prefix]


def _search_path() -> list[str]:
    return list(dict.fromkeys((os.path.join(os.path.realpath(sys.base_prefix), "bin"), *_PATH)))


def _mount(member: StorageMember, mounted: Mounted) -> dict[str, Any]:
    assert member.bind is not None
    return {
        "at": mounted.at,
        "source": mounted.source,
        "mode": member.bind.mode,
        "noexec": member.bind.noexec,
        "squash": member.bind.squash,
        # What is not persistent is a fresh copy already; the tether has nothing to empty.
        "persistent": True,
    }


def _names(commit: Commit, addresses: dict[str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for member in commit.members:
        if isinstance(member, NetworkMember):
            out |= member.join.aliases
            if member.role in addresses:
                out |= dict.fromkeys(member.join.names, addresses[member.role])
    return out


def _inherited(member: TaskMember, tasks: dict[str, TaskMember]) -> Task:
    """A task with what it does not say itself taken from its parent."""
    task, seen = member.task, {member.address}
    while task.parent is not None:
        parent = tasks.get(task.parent)
        if parent is None or parent.address in seen:
            raise DriverError(
                "unsupported", f"`{member.address}`: its parent `{task.parent}` has to be joined in the same executor"
            )
        seen.add(parent.address)
        task = Task(
            path=task.path,
            args=task.args or parent.task.args,
            env={**parent.task.env, **task.env},
            parent=parent.task.parent,
        )
    return task


def _log(commit: Commit, task: TaskMember, mounted: dict[str, Mounted]) -> str | None:
    if task.bind is None or task.bind.log is None:
        return None
    for member in commit.members:
        if isinstance(member, StorageMember) and member.url == task.bind.log and member.bind is not None:
            if member.bind.at is not None:
                return mounted[v.normal_path(member.bind.at)].at
    raise DriverError("step-failed", f"`{task.address}` logs into {task.bind.log}, which is bound at no path")


def _task(address: str, task: Task, bind: BindTask, log: str | None, secrets: dict[str, Any]) -> dict[str, Any]:
    name = task_name(address)
    env: dict[str, Any] = {}
    for variable, value in task.env.items():
        if isinstance(value, str):
            env[variable] = value
        else:
            secrets[f"{name}.env.{variable}"] = value
            env[variable] = {"secret": f"{name}.env.{variable}"}
    credentials = None
    if bind.credentials is not None:
        credentials = f"{name}.credentials"
        secrets[credentials] = bind.credentials
    return {
        "name": name,
        "path": task.path,
        "args": task.args,
        "env": env,
        "workdir": bind.workdir,
        "user": bind.user,
        "group": bind.group,
        "log": log,
        "restart": _restart(bind.restart),
        "required": bind.required,
        "ready": _ready(bind.ready),
        "credentials": credentials,
        "deadline_ns": bind.deadline,
        "stop": {
            "signal": bind.stop.signal if bind.stop is not None else None,
            "grace_ns": bind.stop.grace if bind.stop is not None else None,
        },
    }


def _restart(restart: Restart) -> dict[str, Any]:
    match restart:
        case Never():
            return {"policy": "never"}
        case Always():
            return {"policy": "always", "stable_ns": restart.stable, "attempts": restart.attempts}
        case OnFailure():
            return {"policy": "on_failure", "stable_ns": restart.stable, "attempts": restart.attempts}
        case _:
            assert_never(restart)


def _ready(probe: Probe | None) -> dict[str, Any] | None:
    match probe:
        case None:
            return None
        case Http():
            return {"probe": "http", "port": probe.port, "path": probe.path, "role": probe.role}
        case Tcp():
            return {"probe": "tcp", "port": probe.port, "role": probe.role}
        case FileProbe():
            return {"probe": "file", "path": probe.path}
        case _:
            assert_never(probe)


def wants_address(roles: tuple[NetworkMember, ...]) -> bool:
    """Whether a NIC, given by its roles, has an address."""
    return not any(one.bind is not None and isinstance(one.bind.ip, NoAddress) for one in roles)


def asked_address(roles: tuple[NetworkMember, ...]) -> str:
    """How the script gives a NIC its address, as a person reads it."""
    for one in roles:
        if one.bind is not None and isinstance(one.bind.ip, Static):
            return one.bind.ip.address
    return "dhcp"
