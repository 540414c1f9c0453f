"""The typestate of handles, and what else only the whole composition shows.

`check_composition` reads what was evaluated, loops unrolled: the order of join and bind, roles, mounts, waits, and has
the other checks of a whole composition made. What differs between branches is read on the source (`branches.py`). It
also settles what a bind left open: its role, and the executor of a wait.
"""

from __future__ import annotations

import re

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.addresses import check_addresses
from vchlang.analysis.bounds import check_bounds
from vchlang.analysis.findings import say as _say
from vchlang.analysis.order import check_order
from vchlang.analysis.places import check_places
from vchlang.analysis.program import BindStep, Composition, HandleDecl, JoinStep, Where
from vchlang.analysis.renames import check_renames
from vchlang.analysis.requirements import check_requirements, parent_of
from vchlang.diagnostics import Report

_STORAGE_ROLES = ("loader", "persistent", "non_persistent")


class _Member:
    """A membership as the handles go along."""

    __slots__ = ("bind", "join")

    def __init__(self, join: JoinStep) -> None:
        self.join = join
        self.bind: BindStep | None = None


def check_composition(composition: Composition, roles: list[tuple[str, str, Where]], out: Report) -> None:
    """Report what is wrong among the elements and handles of one evaluation, and settle what binds left open."""
    members: dict[str, dict[tuple[str, str], _Member]] = {}
    handles: dict[str, list[HandleDecl]] = {}
    compute: dict[str, BindStep] = {}
    refused: set[tuple[str, str]] = set()
    for handle in sorted(composition.handles, key=lambda one: one.order):
        for address in _walk(handle, members.setdefault(handle.executor, {}), compute, out):
            refused.add((handle.executor, address))
        handles.setdefault(handle.executor, []).append(handle)
    for executor, found in members.items():
        _finish(executor, handles, found, composition, {one for of, one in refused if of == executor}, out)
    _roles_joined(composition, members, roles, out)
    _waits(composition, members, out)
    check_order(composition, out)
    check_renames(composition, out)
    if any(one.kind == "segment" for one in composition.elements.values()) or _enters_segments(composition):
        from vchlang.analysis.segments import check_segments  # most scripts have none

        check_segments(composition, out)
    check_places(composition, out)
    joined = {executor: [(one.join, one.bind) for one in found.values()] for executor, found in members.items()}
    check_addresses(composition, joined, out)
    check_requirements(composition, joined, handles, out)
    _pools(composition, out)
    _checksums(composition, out)
    check_bounds(composition, out)


def _enters_segments(composition: Composition) -> bool:
    return any("segment" in step.body for handle in composition.handles for step in handle.steps)


def _walk(
    handle: HandleDecl, members: dict[tuple[str, str], _Member], compute: dict[str, BindStep], out: Report
) -> set[str]:
    """Follow the steps of a handle; the addresses of joins that were refused."""
    refused: list[tuple[str, str]] = []
    out_of_it: set[str] = set()
    for step in handle.steps:
        if isinstance(step, JoinStep):
            if not _join(step, members, out):
                refused.append((step.address, step.role))
                out_of_it.add(step.address)
        elif (step.address, step.role) in refused:
            refused.remove((step.address, step.role))  # the bind of a join that was reported
        elif step.kind not in ("executor", "template"):
            if not _bind(step, handle, members, out):
                out_of_it.add(step.address)
        elif step.address != handle.executor:
            _say(
                out,
                codes.BIND_BEFORE_JOIN,
                step.where,
                f"the handle is opened on `{handle.executor}`, not on `{step.address}`",
            )
        elif (first := compute.setdefault(step.address, step)) is not step:
            hint = "its handles are its composition together: say it once"
            _say(out, codes.BOUND_TWICE, step.where, f"`{step.address}` is bound already", first.where,
                 "first bound here", hint=hint)  # fmt: skip
    return out_of_it


def _join(step: JoinStep, members: dict[tuple[str, str], _Member], out: Report) -> bool:
    key = (step.address, step.role)
    twin = members.get(key)
    if twin is not None:
        as_role = f" as `{step.role}`" if step.role else ""
        _say(
            out,
            codes.JOINED_TWICE,
            step.where,
            f"`{step.address}` is joined{as_role} already",
            twin.join.where,
            "first joined here",
        )
        return False
    if step.kind == "network" or step.role == "loader":
        other = next(
            (one for one in members.values() if one.join.role == step.role and one.join.kind == step.kind), None
        )
        if other is not None:
            if step.role == "loader":
                message = "an executor has one loader, and `" + other.join.address + "` is it"
                _say(out, codes.TWO_LOADERS, step.where, message, other.join.where, "the first loader")
            else:
                message = f"the role `{step.role}` is taken by `{other.join.address}`"
                _say(out, codes.JOINED_TWICE, step.where, message, other.join.where, "first joined here")
            return False
    if step.kind == "network":
        same = [one for one in members.values() if one.join.address == step.address]
        clash = next((one for one in same if "bridge" in (one.join.role, step.role)), None)
        if clash is not None:
            _say(
                out,
                codes.ROLE_CONFLICT,
                step.where,
                "a network joined as `bridge` holds no other role",
                clash.join.where,
                f"joined as `{clash.join.role}` here",
            )
            return False
    members[key] = _Member(step)
    return True


def _bind(step: BindStep, handle: HandleDecl, members: dict[tuple[str, str], _Member], out: Report) -> bool:
    """Enter a bind at its membership; whether it has one, and a place where it needs one."""
    if step.role or step.kind == "task":  # it can mean one membership only
        own = members.get((step.address, step.role))
        fitting = [own] if own is not None else []
    else:
        fitting = [one for one in members.values() if one.join.address == step.address]
    if not fitting:
        later = next(
            (
                one
                for one in handle.steps[handle.steps.index(step) + 1 :]
                if isinstance(one, JoinStep) and one.address == step.address
            ),
            None,
        )
        as_role = f" as `{step.role}`" if step.role else ""
        if later is None and any(
            isinstance(one, JoinStep) and one.address == step.address and one.role == step.role for one in handle.steps
        ):
            return False  # its join is wrong, and that has been said
        _say(
            out,
            codes.BIND_BEFORE_JOIN,
            step.where,
            f"`{step.address}` is bound{as_role} before it is joined",
            later.where if later is not None else None,
            "joined only here",
            hint=f"write `join {_written_name(step.address)}` before it",
        )
        return False
    if len(fitting) > 1:
        roles = ", ".join(f"`{one.join.role}`" for one in fitting)
        _say(
            out,
            codes.AMBIGUOUS_ROLE,
            step.where,
            f"`{step.address}` is joined as {roles}: say which is bound",
            hint=f"write `bind {_written_name(step.address)} as {fitting[0].join.role}`",
        )
        return False
    member = fitting[0]
    step.role = member.join.role
    if member.bind is not None:
        _say(
            out,
            codes.BOUND_TWICE,
            step.where,
            f"`{step.address}` is bound already",
            member.bind.where,
            "first bound here",
        )
        return True
    member.bind = step
    if step.role == "container" and step.kind == "network":
        _say(
            out,
            codes.NOTHING_TO_BIND,
            step.where,
            f"`{step.address}` is offered to containers: no NIC of `{handle.executor}`, so nothing to bind",
            hint=f"write `join {_written_name(step.address)} as container`, and no more",
        )
    if step.kind == "storage":
        if step.role == "loader" and "at" in step.body:
            _say(out, codes.WRONG_CLAUSE, step.spans["at"], "a loader is bound without `at`")
        elif step.role in ("persistent", "non_persistent") and "at" not in step.spans:
            _say(out, codes.MISSING_FIELD, step.where, "a storage is bound at a path", hint='write `bind at "/…"`')
            return False
    return True


def _finish(
    executor: str,
    all_handles: dict[str, list[HandleDecl]],
    members: dict[tuple[str, str], _Member],
    composition: Composition,
    refused: set[str],
    out: Report,
) -> None:
    """What only all handles of an executor show. refused: what is joined to it by mistake, or once too often."""
    handles = all_handles[executor]
    partial = any(one.partial for one in handles) or any(
        one.join.kind == "storage" and one.join.role not in _STORAGE_ROLES for one in members.values()
    )
    if not partial:
        _loaded(executor, all_handles, composition, out)
    for member in members.values():
        join = member.join
        if member.bind is None and join.role != "container" and not partial:
            bound_elsewhere = any(
                isinstance(step, BindStep) and step.address == join.address and not step.role
                for handle in handles
                for step in handle.steps
            )
            if not bound_elsewhere:
                _say(
                    out,
                    codes.NEVER_BOUND,
                    join.where,
                    f"`{join.address}` is joined and never bound",
                    hint=f"write `bind {_written_name(join.address)}`" + (" at …" if join.kind == "storage" else ""),
                )
    _mounts(members, out)
    _nics(members, out)
    element = composition.elements.get(executor)
    _tasks(
        members,
        partial or element is None or element.verb != "create" or "parent" in element.body,
        None if partial else refused,
        out,
    )


def _loaders_in(handles: list[HandleDecl]) -> list[JoinStep]:
    return [step for one in handles for step in one.steps if isinstance(step, JoinStep) and step.role == "loader"]


def _loaded(executor: str, all_handles: dict[str, list[HandleDecl]], composition: Composition, out: Report) -> None:
    """Report an executor without a loader, or with one of its own and its parent's."""
    handles = all_handles[executor]
    loaders = _loaders_in(handles)
    element = composition.elements.get(executor)
    parent = composition.elements.get(parent_of(executor, composition))
    if parent is None:
        if not loaders and (element is None or (element.verb != "adopt" and "parent" not in element.body)):
            _say(out, codes.NO_LOADER, handles[0].head, f"nothing is joined to `{executor}` as its loader")
        return
    composed = all_handles.get(parent.address, [])
    theirs = _loaders_in(composed)
    if loaders and theirs:
        message = f"`{executor}` begins as a copy of `{parent.address}`, which has its loader already"
        _say(out, codes.TWO_LOADERS, loaders[0].where, message, theirs[0].where, "the first loader")
    elif not loaders and not theirs and parent.verb == "create" and not any(one.partial for one in composed):
        message = f"nothing is joined to `{executor}` as its loader, nor to its parent `{parent.address}`"
        _say(out, codes.NO_LOADER, handles[0].head, message, parent.head, "its parent")


def _mounts(members: dict[tuple[str, str], _Member], out: Report) -> None:
    mounts: dict[str, BindStep] = {}
    for member in members.values():
        bind = member.bind
        path = bind.body.get("at") if bind is not None else None
        if bind is None or not isinstance(path, str) or member.join.kind != "storage":
            continue
        first = mounts.setdefault(path, bind)
        if first is not bind:
            message = f"`{first.address}` is mounted at {path} already"
            _say(out, codes.MOUNTED_TWICE, bind.spans["at"], message, first.spans["at"], "first mounted here")
    for path, bind in mounts.items():
        above = path
        while above != "/":
            above = above.rpartition("/")[0] or "/"
            other = mounts.get(above)
            mode = other.body.get("mode") if other is not None else None
            if other is not None and isinstance(mode, v.VariantValue) and mode.case == "read_only":
                message = f"{path} lies under {above}, which is read-only"
                there = other.spans.get("mode", other.spans["at"])
                _say(out, codes.MOUNT_UNDER_READ_ONLY, bind.spans["at"], message, there, "read-only here")
                break


def _nics(members: dict[tuple[str, str], _Member], out: Report) -> None:
    by_network: dict[str, list[_Member]] = {}
    for member in members.values():
        if member.join.kind == "network" and member.join.role != "container":
            by_network.setdefault(member.join.address, []).append(member)
    for address, joined in by_network.items():
        shared = [one for one in joined if one.join.body.get("separate") is not True]
        giving = [one.bind for one in shared if one.bind is not None and "ip" in one.bind.spans]
        bound = [one.bind for one in shared if one.bind is not None]
        if len(giving) > 1:
            _say(
                out,
                codes.TWO_ADDRESSES,
                giving[1].spans["ip"],
                f"`{address}` is one NIC here and has its address already",
                giving[0].spans["ip"],
                "its address is given here",
                hint="for a second address, join it with `separate: true`",
            )
        elif bound and not giving:
            _say(
                out,
                codes.NO_ADDRESS,
                bound[0].where,
                f"no bind of `{address}` says where its address comes from",
                hint="write `bind { ip: .dhcp }`, `.static(…)` or `.none`",
            )
        for one in joined:
            if one.join.body.get("separate") is True and one.bind is not None and "ip" not in one.bind.spans:
                _say(out, codes.NO_ADDRESS, one.bind.where, f"a separate NIC on `{address}` needs its own `ip`")


def _tasks(members: dict[tuple[str, str], _Member], inherits: bool, refused: set[str] | None, out: Report) -> None:
    """inherits: whether it may have networks that no handle of the script joins to it. refused: what is joined or bound
    by mistake, and is not said to be missing too; None where a mistake leaves open what there is.
    """
    mounted = {
        one.join.address
        for one in members.values()
        if one.join.kind == "storage" and one.bind is not None and "at" in one.bind.body
    }
    joins = [one.join for one in members.values() if one.join.kind == "network"]
    roles = [one.role for one in joins if one.role != "container"]
    for member in members.values():
        bind = member.bind
        if member.join.kind != "task" or bind is None:
            continue
        if "ready" not in bind.spans:
            _say(
                out,
                codes.NO_PROBE,
                bind.where,
                f"`{bind.address}` has no probe, so it is ready as soon as it is launched",
                hint="write `ready: .http(…)`, `.tcp(…)` or `.file(…)`",
            )
        probe = bind.body.get("ready")
        role = probe.fields.get("role") if isinstance(probe, v.VariantValue) else None
        if isinstance(role, str) and role not in roles and not inherits:
            _say(
                out,
                codes.ROLE_NOT_JOINED,
                bind.spans.get("ready.role", bind.spans["ready"]),
                f"no network is joined to the executor of `{bind.address}` as `{role}`",
                hint="its roles are " + ", ".join(roles) if roles else "no network is joined to it",
            )
        log = bind.body.get("log")
        if (
            isinstance(log, v.ElementRef)
            and log.address not in mounted
            and refused is not None
            and log.address not in refused
        ):
            _say(
                out,
                codes.LOG_NOT_MOUNTED,
                bind.spans["log"],
                f"`{log.address}` is not mounted in this executor",
                hint=f'write `join {log.address} as persistent, bind at "/…"`',
            )


def _roles_joined(
    composition: Composition,
    members: dict[str, dict[tuple[str, str], _Member]],
    uses: list[tuple[str, str, Where]],
    out: Report,
) -> None:
    partial = {one.executor for one in composition.handles if one.partial}
    for address, role, where in uses:
        element = composition.elements.get(address)
        if element is None or element.verb != "create" or address in partial:
            continue
        joined = [one.join.role for one in members.get(address, {}).values() if one.join.kind == "network"]
        if role not in joined or role == "container":
            _say(
                out,
                codes.ROLE_NOT_JOINED,
                where,
                f"no network is joined to `{address}` as `{role}`",
                hint="its roles are " + ", ".join(joined) if joined else "no network is joined to it",
            )


def _waits(composition: Composition, members: dict[str, dict[tuple[str, str], _Member]], out: Report) -> None:
    # The last word on an executor's power is what it comes to.
    last = {one.executor: one for one in sorted(composition.powers, key=lambda one: one.order)}
    unclear = last.pop("", None) is not None  # one of them names no executor, and that has been said
    started = {executor for executor, one in last.items() if one.switch == "start"}
    for executor in started - members.keys():
        element = composition.elements.get(executor)
        if element is not None and element.verb == "create" and "parent" not in element.body:
            message = f"`{executor}` is composed by no handle, so there is nothing to start"
            hint = f"write `handle {_written_name(executor)} {{ … }}`"
            _say(out, codes.NO_LOADER, last[executor].where, message, hint=hint)
    runs_in: dict[str, list[str]] = {}
    for executor, found in members.items():
        for (address, _), member in found.items():
            if member.join.kind == "task":
                runs_in.setdefault(address, []).append(executor)
    for wait in composition.waits:
        if not wait.task and not wait.executor:
            continue  # of something else, and that has been said
        if wait.task:
            owners = runs_in.get(wait.task)
            if not owners:
                _say(out, codes.NO_START, wait.where, f"the task `{wait.task}` is joined to no executor")
                continue
            if len(owners) > 1:
                shown = " and ".join(f"`{one}`" for one in owners[:3])
                message = f"the task `{wait.task}` runs in {shown}: which is waited for?"
                hint = "wait for the executor, or make a task for each"
                _say(out, codes.AMBIGUOUS_WAIT, wait.where, message, hint=hint)
                continue
            wait.executor = owners[0]
        if wait.executor in last and wait.executor not in started:
            message = f"`{wait.executor}` is stopped in the end, so this would never come"
            _say(out, codes.NO_START, wait.where, message, last[wait.executor].where, "stopped here")
        elif wait.executor not in started and not unclear:
            _say(
                out,
                codes.NO_START,
                wait.where,
                f"nothing starts `{wait.executor}`",
                hint=f"write `start {_written_name(wait.executor)}`",
            )


def _pools(composition: Composition, out: Report) -> None:
    for element in composition.elements.values():
        type_ = element.body.get("type")
        vapp = isinstance(type_, v.VariantValue) and type_.case == "vapp"
        if element.kind == "pool" and "properties" in element.body and not vapp and not isinstance(type_, v.Unknown):
            _say(
                out,
                codes.PROPERTIES_NEED_VAPP,
                element.spans["properties"],
                "a resource pool has no properties; a vApp has",
                hint="write `type: .vapp`",
            )


def _checksums(composition: Composition, out: Report) -> None:
    for element in composition.elements.values():
        wanted, data = element.body.get("checksum"), element.body.get("data")
        if not isinstance(wanted, str):
            continue
        where = element.spans["checksum"]
        if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", wanted):
            _say(
                out,
                codes.BAD_TEXT,
                where,
                f"{v.quoted(wanted)} is no checksum: it is sha256: and 64 hexadecimal digits",
            )
        elif isinstance(data, v.DataRef) and wanted[7:].lower() != data.sha256:
            message = f"{data.source} has the checksum sha256:{data.sha256}"
            _say(out, codes.WRONG_CHECKSUM, where, message)


_INSIDE = re.compile(r"""(?:[A-Za-z_][A-Za-z0-9_]*(?:\["(?:[^"\\]|\\.)*"\])*\.)*""")


def _written_name(address: str) -> str:
    """An address as the component or script that declares it writes it: without the instances that it stands in."""
    return address[_INSIDE.match(address).end() :]  # type: ignore[union-attr]
