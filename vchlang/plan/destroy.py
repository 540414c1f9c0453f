"""The plan that removes a deployment, from what the state remembers: the script need not exist any more.

What was created is deleted, what was adopted is given up, what `@retain` keeps stays with all that it lies in, and
`@protect` refuses the whole. Everything goes in the opposite order of making.
"""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang.diagnostics import Report
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Observation, Present, Query, Unknown
from vchlang.plan.model import Operation
from vchlang.plan.removal import RANK, is_on, keeping, names_of, removal_action, users_of
from vchlang.plan.request import Planned, Request, plan_of
from vchlang.state.store import HANDLE, ObjectRow
from vchlang.text import Span


def destroy_queries(request: Request) -> tuple[Query, ...]:
    """What must be observed to plan the removal of everything."""
    return tuple(
        Query(id=_id(row), kind=row.kind, identity=row.identity, key=row.key)
        for row in request.state.objects
        if row.kind != "handle" and not KINDS[row.kind].recorded
    )


def destroy(request: Request, observed: dict[str, Observation]) -> Planned:
    """Plan the removal of everything that the state has, and nothing else."""
    out = Report("")
    rows = sorted(request.state.objects, key=lambda row: (RANK.get(row.kind, 0), row.address, row.generation))
    staying = keeping(rows)
    users = users_of([row for row in rows if (row.address, row.generation) not in staying])
    ids: dict[tuple[str, int], str] = {}
    operations: list[Operation] = []

    def add(**fields: Any) -> str:
        id_ = f"%{len(operations) + 1}"
        operations.append(Operation(id=id_, **fields))
        return id_

    for row in _in_order(rows, users):
        key = row.address, row.generation
        seen = observed.get(_id(row))
        if row.protect and key not in staying:
            out.report(
                codes.PROTECTED,
                Span(0, 0),
                f"`{row.address}` is protected",
                source="",
                hint="take `@protect` off in the script and apply it, then destroy",
            )
            continue
        action = "none" if key in staying else removal_action(row, seen)
        if action == "refuse":
            seen = seen if isinstance(seen, Unknown) else Unknown(reason="the driver gave no answer")
            code = codes.CODES.get(seen.code, codes.UNKNOWN_WORLD)
            out.report(code, Span(0, 0), f"`{row.address}`: {seen.reason}", source="")
            continue
        needs = [
            ids[one.address, one.generation]
            for one in users.get(names_of(row), ())
            if (one.address, one.generation) in ids
        ]
        # A composition is only forgotten; what it was put together from is free when its executor is gone.
        needs += [
            ids[executor]
            for one in users.get(names_of(row), ())
            if one.kind == "handle" and (executor := (one.address.removesuffix(HANDLE), one.generation)) in ids
        ]
        if row.kind in ("executor", "template"):
            handle = (row.address + HANDLE, row.generation)
            needs += [ids[handle]] if handle in ids else []
            if is_on(row, seen) and action in ("delete", "release"):
                needs.append(
                    add(
                        action="stop",
                        kind="power",
                        address=row.address,
                        generation=row.generation,
                        identity=row.identity,
                        args={"executor": row.identity},
                        because=("it is destroyed",),
                    )
                )
        ids[key] = add(
            action=action,
            kind=row.kind,
            address=row.address,
            generation=row.generation,
            identity=row.identity,
            args=row.args,
            needs=tuple(dict.fromkeys(needs)),
            origin=row.origin,
            because=(f"kept: {staying[key]}",) if key in staying else (),
            retain=row.retain,
            expect=seen.version if isinstance(seen, Present) and action != "none" else "",
        )
    plan = plan_of(request, "destroy", tuple(operations))
    return Planned(plan=plan, diagnostics=out.freeze())


def _in_order(rows: list[ObjectRow], users: dict[str, list[ObjectRow]]) -> list[ObjectRow]:
    """Users before what they use; kinds have a rank, and pools inside pools go from the inside out."""
    out: list[ObjectRow] = []
    done: set[tuple[str, int]] = set()

    def visit(row: ObjectRow) -> None:
        stack = [(row, False)]
        while stack:
            one, ready = stack.pop()
            key = one.address, one.generation
            if ready:
                out.append(one)
            elif key not in done:
                done.add(key)
                stack.append((one, True))
                stack += [(user, False) for user in users.get(names_of(one), ())]

    for row in rows:
        visit(row)
    return out


def _id(row: ObjectRow) -> str:
    return f"{row.address}#{row.generation}"
