"""What goes, and in which order: how an object is removed, who uses it, and what stays with what stays."""

from __future__ import annotations

from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Observation, Unknown
from vchlang.state.store import ObjectRow

RANK = {"handle": 1, "executor": 2, "task": 3, "storage": 4, "network": 5, "location": 6, "pool": 7}


def removal_action(row: ObjectRow, seen: Observation | None) -> str:
    """How an object that we know goes: delete, release, forget; refuse where nobody can tell."""
    if row.kind == "handle" or KINDS[row.kind].recorded:
        return "forget"
    if isinstance(seen, Absent):
        return "forget"
    if isinstance(seen, Unknown) or seen is None:
        return "refuse" if isinstance(seen, Unknown) else "delete"
    ours = (seen.owner is not None and seen.owner.key == row.key) or any(one.key == row.key for one in seen.sharers)
    if not ours:
        return "forget"  # somebody else's by now: it is not ours to touch
    return "delete" if row.origin == "created" else "release"


def names_of(row: ObjectRow) -> str:
    """What others call an object by in their arguments: its identity; of a task, which has none, its address."""
    return f"task {row.address}" if row.kind == "task" else row.identity


def references(row: ObjectRow) -> set[str]:
    """The objects (as `names_of` gives them) that one lies in, or is put together from."""
    if row.kind == "handle":
        out = {f"task {one['address']}" for one in row.args.get("members", ()) if one["kind"] == "task"}
        return out | {one.get("url") or one.get("network") or "" for one in row.args.get("members", ())} - {""}
    return {one for one in (row.args.get(name) for name in ("inside", "at", "parent")) if isinstance(one, str)} - {
        row.identity
    }


def users_of(rows: list[ObjectRow]) -> dict[str, list[ObjectRow]]:
    """Who refers to an object, by its name."""
    out: dict[str, list[ObjectRow]] = {}
    for row in rows:
        for name in references(row):
            out.setdefault(name, []).append(row)
    return out


def keeping(rows: list[ObjectRow]) -> dict[tuple[str, int], str]:
    """Of objects that would go, those that stay, with the reason: `@retain`, and whatever such a one lies in."""
    by_name = {names_of(row): row for row in rows}
    staying: dict[tuple[str, int], str] = {}
    left = [(row, "@retain") for row in rows if row.retain and not row.deposed]
    while left:
        row, reason = left.pop()
        if (row.address, row.generation) in staying:
            continue
        staying[row.address, row.generation] = reason
        left += [(by_name[name], f"`{row.address}` is in it") for name in references(row) if name in by_name]
    return staying
