"""The typestate of handles, and what else only the whole composition shows.

Two parts. `check_branches` reads the source of one handle: after an `if`, a membership must be in the same state from
both branches, whatever the condition's value. `check_composition` reads what was evaluated, loops unrolled: the order
of join and bind, roles, mounts, addresses, locations inside each other. It also settles what a bind left open: its
role, and the executor of a wait.
"""

from __future__ import annotations

import re
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import BindStep, Composition, ElementDecl, HandleDecl, JoinStep, Where
from vchlang.analysis.renames import check_renames
from vchlang.analysis.segments import check_segments
from vchlang.diagnostics import Label, Report
from vchlang.syntax import ast
from vchlang.text import Span

# ---- branches, on the source ---------------------------------------------------------------------------------------

_State = dict[tuple[str, str], tuple[str, Span]]
"""Membership (place as written, role) → joined, bound or differs, and where."""


def check_branches(block: ast.Block, base: int, text: str, out: Report) -> None:
    """Report a use of a membership that only one branch of an earlier `if` has joined."""
    _branches(block, {}, base, text, out)


def _branches(block: ast.Block, state: _State, base: int, text: str, out: Report) -> _State:
    for statement in block.statements:
        node = statement.node
        match node:
            case ast.Join():
                key = (_written(node.what, base, text), node.role.text if node.role else "")
                if not _differs([key], node.what, state, base, out):
                    state[key] = ("bound" if node.bind is not None else "joined", node.what.span(base))
            case ast.Bind():
                place = _written(node.what, base, text)
                keys = [
                    key for key in state if key[0] == place and (node.role is None or key[1] in (node.role.text, ""))
                ]
                if not _differs(keys, node.what, state, base, out):
                    state.update({key: ("bound", node.what.span(base)) for key in keys})
            case ast.For():
                state = _branches(node.body, dict(state), base, text, out)
            case ast.If():
                state = _either(node, state, base, text, out)
            case _:
                pass
    return state


def _either(node: ast.If, state: _State, base: int, text: str, out: Report) -> _State:
    then = _branches(node.then, dict(state), base, text, out)
    if isinstance(node.otherwise, ast.If):
        otherwise = _either(node.otherwise, dict(state), base, text, out)
    elif node.otherwise is not None:
        otherwise = _branches(node.otherwise, dict(state), base, text, out)
    else:
        otherwise = dict(state)
    merged: _State = {}
    for key in [*then, *(key for key in otherwise if key not in then)]:
        one, other = then.get(key), otherwise.get(key)
        if one is not None and other is not None and one[0] == other[0]:
            merged[key] = one
        else:
            merged[key] = ("differs", (one or other or ("", node.span(base)))[1])
    return merged


def _differs(keys: list[tuple[str, str]], node: Any, state: _State, base: int, out: Report) -> bool:
    for key in keys:
        if key in state and state[key][0] == "differs":
            out.report(
                codes.BRANCHES_DIFFER,
                node.span(base),
                f"`{key[0]}` is joined only when a condition holds",
                labels=[(state[key][1], "in one branch only")],
                hint="join and bind it in the same branch, or in both",
            )
            del state[key]
            return True
    return False


def _written(node: Any, base: int, text: str) -> str:
    return text[base + node.start : base + node.end]


_STORAGE_ROLES = ("loader", "persistent", "non_persistent")

# ---- the composition -----------------------------------------------------------------------------------------------


class _Member:
    """A membership as the handle goes along."""

    __slots__ = ("bind", "join")

    def __init__(self, join: JoinStep) -> None:
        self.join = join
        self.bind: BindStep | None = None


def check_composition(composition: Composition, roles: list[tuple[str, str, Where]], out: Report) -> None:
    """Report what is wrong among the elements and handles of one evaluation, and settle what binds left open."""
    members: dict[str, dict[tuple[str, str], _Member]] = {}
    handles: dict[str, list[HandleDecl]] = {}
    for handle in sorted(composition.handles, key=lambda one: one.order):
        _walk(handle, members.setdefault(handle.executor, {}), out)
        handles.setdefault(handle.executor, []).append(handle)
    for executor, found in members.items():
        _finish(executor, handles[executor], found, composition, out)
    _roles_joined(composition, members, roles, out)
    _waits(composition, members, out)
    _rings(composition, out)
    check_renames(composition, out)
    check_segments(composition, out)
    _locations(composition, out)
    _networks(composition, out)
    _pools(composition, out)
    _checksums(composition, out)
    _ranges(composition, out)


def _walk(handle: HandleDecl, members: dict[tuple[str, str], _Member], out: Report) -> None:
    refused: list[tuple[str, str]] = []
    for step in handle.steps:
        if isinstance(step, JoinStep):
            if not _join(step, members, out):
                refused.append((step.address, step.role))
        elif (step.address, step.role) in refused:
            refused.remove((step.address, step.role))  # the bind of a join that was reported
        elif step.kind not in ("executor", "template"):
            _bind(step, handle, members, out)
        elif step.address != handle.executor:
            _say(
                out,
                codes.BIND_BEFORE_JOIN,
                step.where,
                f"the handle is opened on `{handle.executor}`, not on `{step.address}`",
            )


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


def _bind(step: BindStep, handle: HandleDecl, members: dict[tuple[str, str], _Member], out: Report) -> None:
    joined = [one for one in members.values() if one.join.address == step.address]
    fitting = [one for one in joined if not step.role or one.join.role == step.role]
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
            return  # its join is wrong, and that has been said
        _say(
            out,
            codes.BIND_BEFORE_JOIN,
            step.where,
            f"`{step.address}` is bound{as_role} before it is joined",
            later.where if later is not None else None,
            "joined only here",
            hint=f"write `join {_written_name(step.address)}` before it",
        )
        return
    if len(fitting) > 1:
        roles = ", ".join(f"`{one.join.role}`" for one in fitting)
        _say(
            out,
            codes.AMBIGUOUS_ROLE,
            step.where,
            f"`{step.address}` is joined as {roles}: say which is bound",
            hint=f"write `bind {_written_name(step.address)} as {fitting[0].join.role}`",
        )
        return
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
        return
    member.bind = step
    if step.kind == "storage":
        if step.role == "loader" and "at" in step.body:
            _say(out, codes.WRONG_CLAUSE, step.spans["at"], "a loader is bound without `at`")
        elif step.role in ("persistent", "non_persistent") and "at" not in step.spans:
            _say(out, codes.MISSING_FIELD, step.where, "a storage is bound at a path", hint='write `bind at "/…"`')


def _finish(
    executor: str,
    handles: list[HandleDecl],
    members: dict[tuple[str, str], _Member],
    composition: Composition,
    out: Report,
) -> None:
    partial = any(one.partial for one in handles) or any(
        one.join.kind == "storage" and one.join.role not in _STORAGE_ROLES for one in members.values()
    )
    loaded = any(isinstance(step, JoinStep) and step.role == "loader" for handle in handles for step in handle.steps)
    if not partial and not loaded:
        element = composition.elements.get(executor)
        if element is None or (element.verb != "adopt" and "parent" not in element.body):  # else its parent's
            _say(out, codes.NO_LOADER, handles[0].head, f"nothing is joined to `{executor}` as its loader")
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
    _tasks(members, out)


def _mounts(members: dict[tuple[str, str], _Member], out: Report) -> None:
    mounts: list[tuple[str, BindStep]] = []
    for member in members.values():
        bind = member.bind
        path = bind.body.get("at") if bind is not None else None
        if bind is None or not isinstance(path, str) or member.join.kind != "storage":
            continue
        first = next((other for at, other in mounts if at == path), None)
        if first is not None:
            _say(
                out,
                codes.MOUNTED_TWICE,
                bind.spans["at"],
                f"`{first.address}` is mounted at {path} already",
                first.spans["at"],
                "first mounted here",
            )
            continue
        mounts.append((path, bind))
    for path, bind in mounts:
        for above, other in mounts:
            mode = other.body.get("mode")
            read_only = isinstance(mode, v.VariantValue) and mode.case == "read_only"
            if read_only and path != above and path.startswith(above.rstrip("/") + "/"):
                _say(
                    out,
                    codes.MOUNT_UNDER_READ_ONLY,
                    bind.spans["at"],
                    f"{path} lies under {above}, which is read-only",
                    other.spans.get("mode", other.spans["at"]),
                    "read-only here",
                )


def _nics(members: dict[tuple[str, str], _Member], out: Report) -> None:
    by_network: dict[str, list[_Member]] = {}
    for member in members.values():
        if member.join.kind == "network" and member.join.role != "container":
            by_network.setdefault(member.join.address, []).append(member)
    statics: list[tuple[str, Any, Where]] = []
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
        for bind in giving:
            ip = bind.body.get("ip")
            if isinstance(ip, v.VariantValue) and ip.case == "static" and isinstance(ip.fields.get("address"), str):
                statics.append((address, ip.fields["address"], bind.spans["ip"]))
    for position, (address, cidr, where) in enumerate(statics):
        for other, known, there in statics[:position]:
            if other != address and _overlap(cidr, known):
                _say(
                    out,
                    codes.OVERLAP,
                    where,
                    f"{cidr} on `{address}` overlaps {known} on `{other}`",
                    there,
                    "the other network",
                )


def _tasks(members: dict[tuple[str, str], _Member], out: Report) -> None:
    mounted = {
        one.join.address
        for one in members.values()
        if one.join.kind == "storage" and one.bind is not None and "at" in one.bind.body
    }
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
        log = bind.body.get("log")
        if isinstance(log, v.ElementRef) and log.address not in mounted:
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
    started = {executor for executor, one in last.items() if one.switch == "start"}
    runs_in = {
        address: executor for executor, found in reversed(members.items()) for address, role in found if not role
    }
    for wait in composition.waits:
        if not wait.task and not wait.executor:
            continue  # of something else, and that has been said
        if wait.task:
            owner = runs_in.get(wait.task)
            if owner is None:
                _say(out, codes.NO_START, wait.where, f"the task `{wait.task}` is joined to no executor")
                continue
            wait.executor = owner
        if wait.executor in last and wait.executor not in started:
            message = f"`{wait.executor}` is stopped in the end, so this would never come"
            _say(out, codes.NO_START, wait.where, message, last[wait.executor].where, "stopped here")
        elif wait.executor not in started:
            _say(
                out,
                codes.NO_START,
                wait.where,
                f"nothing starts `{wait.executor}`",
                hint=f"write `start {_written_name(wait.executor)}`",
            )


def _rings(composition: Composition, out: Report) -> None:
    """What lies in itself, or is made from itself, has no name and no beginning."""
    done: set[str] = set()
    for first in composition.elements.values():
        path: list[str] = []
        stack = [(first.address, 0)]
        while stack:
            address, depth = stack.pop()
            del path[depth:]
            if address in path:
                ring = path[path.index(address) :]
                words = " → ".join(f"`{one}`" for one in [*ring, address])
                _say(out, codes.CYCLE, composition.elements[ring[0]].head, f"these need each other: {words}")
                continue
            if address in done:
                continue
            done.add(address)
            path.append(address)
            body = composition.elements[address].body
            held = [body[name] for name in ("inside", "at", "parent") if isinstance(body.get(name), v.ElementRef)]
            stack += [(one.address, depth + 1) for one in held if one.address in composition.elements]


def _locations(composition: Composition, out: Report) -> None:
    known: dict[str, ElementDecl] = {}
    found: list[tuple[str, ElementDecl]] = []
    for element in composition.elements.values():
        path = element.body.get("at")
        if element.kind != "location" or element.verb == "existing" or not isinstance(path, str):
            continue
        if path in known:
            _say(
                out,
                codes.NESTED_LOCATION,
                element.spans["at"],
                f"`{known[path].address}` is at {path} already",
                known[path].spans["at"],
                "the same place",
            )
            continue
        known[path] = element
        found.append((path, element))
    for path, element in found:
        # Only the places above it can hold it, so this stays linear in the number of locations.
        above = path
        while (above := above.rpartition("/")[0]) and not above.endswith("/"):
            other = known.get(above)
            if other is not None:
                _say(
                    out,
                    codes.NESTED_LOCATION,
                    element.spans["at"],
                    f"{path} lies inside the location `{other.address}`",
                    other.spans["at"],
                    "which is here",
                )
                break


def _networks(composition: Composition, out: Report) -> None:
    ranges: list[tuple[int, int, str, str, Where]] = []
    for element in composition.elements.values():
        if element.kind == "network":
            ranges_of = element.body.get("ranges", ())
            for cidr in ranges_of if isinstance(ranges_of, list) else ():
                if isinstance(cidr, str) and (bounds := _bounds(cidr)) is not None:
                    ranges.append((*bounds, cidr, element.address, element.spans["ranges"]))
    ranges.sort(key=lambda one: (one[0], one[1]))
    # Sorted by where they begin, a range can only overlap one that has not ended yet.
    last: tuple[int, int, str, str, Where] | None = None
    for one in ranges:
        if last is not None and one[0] <= last[1] and one[3] != last[3]:
            first, second = sorted((last, one), key=lambda item: composition.elements[item[3]].order)
            _say(
                out,
                codes.OVERLAP,
                second[4],
                f"{second[2]} of `{second[3]}` overlaps {first[2]} of `{first[3]}`",
                first[4],
                "the other network",
            )
        if last is None or one[1] > last[1]:
            last = one


def _bounds(cidr: str) -> tuple[int, int] | None:
    import ipaddress

    network = ipaddress.ip_interface(cidr).network
    shift = 0 if network.version == 4 else 1 << 64
    return int(network.network_address) + shift, int(network.broadcast_address) + shift


def _overlap(one: str, other: str) -> bool:
    first, second = _bounds(one), _bounds(other)
    return first is not None and second is not None and first[0] <= second[1] and second[0] <= first[1]


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


def _ranges(composition: Composition, out: Report) -> None:
    """Numbers that make no sense, and one address given twice on one network."""
    taken: dict[tuple[str, str], Where] = {}
    for element in composition.elements.values():
        shares = element.body.get("shares")
        if isinstance(shares, int) and shares < 1:
            _say(out, codes.OUT_OF_RANGE, element.spans["shares"], f"a share of {shares} is none: shares begin at 1")
        for name in ("limits", "reservation"):
            amounts = element.body.get(name)
            for amount in amounts.values() if isinstance(amounts, dict) else ():
                if isinstance(amount, int) and amount < 1:
                    _say(out, codes.OUT_OF_RANGE, element.spans[name], f"`{name}` of nothing leaves nothing to run in")
        if isinstance(element.body.get("free"), int) and element.body["free"] < 0:
            _say(out, codes.OUT_OF_RANGE, element.spans["free"], "free space is not negative")
    for handle in composition.handles:
        for step in handle.steps:
            if not isinstance(step, BindStep):
                continue
            cpus, probe, ip = step.body.get("cpus"), step.body.get("ready"), step.body.get("ip")
            if isinstance(cpus, int) and cpus < 1:
                _say(out, codes.OUT_OF_RANGE, step.spans["cpus"], f"{cpus} processors are too few: it takes 1 or more")
            port = probe.fields.get("port") if isinstance(probe, v.VariantValue) else None
            if isinstance(port, int) and not 1 <= port <= 65535:
                _say(out, codes.OUT_OF_RANGE, step.spans["ready"], f"{port} is no port: ports go from 1 to 65535")
            address = ip.fields.get("address") if isinstance(ip, v.VariantValue) and ip.case == "static" else None
            if isinstance(address, str):
                key = step.address, address.partition("/")[0]
                if key in taken:
                    message = f"{key[1]} on `{step.address}` is given already"
                    _say(out, codes.OVERLAP, step.spans["ip"], message, taken[key], "first given here")
                taken.setdefault(key, step.spans["ip"])


_INSIDE = re.compile(r"""(?:[A-Za-z_][A-Za-z0-9_]*(?:\["(?:[^"\\]|\\.)*"\])*\.)*""")


def _written_name(address: str) -> str:
    """An address as the component or script that declares it writes it: without the instances that it stands in."""
    return address[_INSIDE.match(address).end() :]  # type: ignore[union-attr]


def _say(
    out: Report,
    code: Any,
    where: Where,
    message: str,
    other: Where | None = None,
    words: str = "",
    hint: str | None = None,
) -> None:
    labels = [Label(source=other.source, span=other.span, text=words)] if other is not None else []
    out.report(code, where.span, message, labels=labels, hint=hint, source=where.source)
