"""What the rows of a deployment are after elements got other addresses.

Only what we call an object changes. The object itself still carries the address and the key that it was made with, and
the names on the platform that follow from them; so a row remembers that address as its `stamp`, for as long as the
object lives. Whoever looks an object up uses its row's key, and nothing on the platform has to change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from vchlang.state.store import HANDLE, ObjectRow


def renamed(
    rows: Iterable[ObjectRow], moves: Mapping[str, str], settled: Collection[str] = ()
) -> tuple[ObjectRow, ...]:
    """The rows with new addresses, in order of address and generation; all at once, so two may change places.

    moves: the new address by the old one. settled: addresses, new ones, whose rows forget from where they were renamed.
    """
    out = (_renamed(row, moves, settled) for row in rows)
    return tuple(sorted(out, key=lambda row: (row.address, row.generation)))


def _renamed(row: ObjectRow, moves: Mapping[str, str], settled: Collection[str]) -> ObjectRow:
    args = _args(row, moves)
    old = row.address.removesuffix(HANDLE)
    if old not in moves:
        was = "" if row.address in settled else row.was
        return row if args is row.args and was == row.was else msgspec.structs.replace(row, args=args, was=was)
    new = moves[old]
    if row.kind == "handle":  # it has no object of its own, and its executor's row has the stamp
        return msgspec.structs.replace(row, address=new + HANDLE, args=args)
    stamp = row.stamp or old
    return msgspec.structs.replace(
        row,
        address=new,
        args=args,
        stamp="" if stamp == new else stamp,
        # Where another object takes the old address over, the same words in the script must not move that one next.
        was=old if old in moves.values() else "" if new in settled else moves.get(row.was, row.was),
    )


def _args(row: ObjectRow, moves: Mapping[str, str]) -> dict[str, Any]:
    """What was asked for, with the addresses in it; the same object where there are none that move."""
    args: dict[str, Any] = _mapped(row.args, moves)
    members = args.get("members")
    if row.kind != "handle" or not isinstance(members, list):
        return args
    # A task is called in its executor as it is stamped, so its name stays.
    told = [
        {**one, "address": moves[one["address"]]} if one.get("kind") != "task" and one.get("address") in moves else one
        for one in members
    ]
    return args if told == members else {**args, "members": told}


def _mapped(value: Any, moves: Mapping[str, str]) -> Any:
    match value:
        case {"$ref": str(name)}:
            address, _, fact = name.rpartition(".")
            return {**value, "$ref": f"{moves[address]}.{fact}"} if address in moves else value
        case dict():
            made = {key: _mapped(one, moves) for key, one in value.items()}
            return value if all(made[key] is one for key, one in value.items()) else made
        case list() | tuple():
            parts = [_mapped(one, moves) for one in value]
            return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
        case _:
            return value
