"""`@was("old")`: which objects that the state knows go on under another address.

An object is renamed when the state has it under the old address and nothing under the new one. Where it has nothing
under the old one, there is nothing to do: it was renamed by an earlier apply, or never existed. Several move at once,
so two may change places and a row of them may move up by one.

After such a change of places the same script would change them back, since the old addresses are known again. So a row
remembers from where it came when another object took its old address over, and forgets it when the `@was` is taken out
of the script.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vchlang import codes
from vchlang.analysis.program import ElementDecl, Where
from vchlang.analysis.renames import SPAN
from vchlang.diagnostics import Report
from vchlang.plan.model import Substep
from vchlang.state.renames import renamed
from vchlang.state.store import Deployment, ObjectRow


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why an object cannot be renamed."""

    where: Where
    message: str
    hint: str


class Renames(msgspec.Struct, frozen=True, kw_only=True):
    """moves: new address by old one. settled: addresses whose rows forget where they came from."""

    moves: dict[str, str] = {}
    settled: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moves or self.settled)

    def applied(self, state: Deployment) -> Deployment:
        """The state as it will be when they are done, which is before anything else."""
        return msgspec.structs.replace(state, objects=renamed(state.objects, self.moves, self.settled))

    def steps(self) -> tuple[Substep, ...]:
        """What a plan shows of them."""
        moved = [Substep(text=f"{old} -> {new}", mark="~") for old, new in self.moves.items()]
        return (*moved, *(Substep(text=f"{address}: its `@was` is gone", mark="~") for address in self.settled))

    def report(self, out: Report) -> None:
        """Say why objects cannot be renamed."""
        for one in self.problems:
            out.report(codes.BAD_RENAME, one.where.span, one.message, hint=one.hint, source=one.where.source)


def renames_of(elements: Iterable[ElementDecl], state: Deployment) -> Renames:
    """The renames that a script asks for and the state has not had yet."""
    asked = [one for one in elements if one.was]
    known: dict[str, ObjectRow] = {row.address: row for row in state.objects if row.kind != "handle"}
    marked = [row for row in known.values() if row.was]
    if not asked and not marked:
        return Renames()
    came_from = {row.address: row.was for row in marked}
    moving = {one.was: one for one in asked if one.was in known and came_from.get(one.address) != one.was}
    problems: list[Problem] = []
    for old, element in list(moving.items()):
        if known[old].kind != element.kind:
            problems.append(
                Problem(
                    where=_at(element),
                    message=f"`{old}` is a {known[old].kind}, and `{element.address}` a {element.kind}",
                    hint="an object keeps its kind; take `@was` away to have the old one removed and a new one made",
                )
            )
            del moving[old]
    while blocked := [old for old, one in moving.items() if one.address in known and one.address not in moving]:
        for old in blocked:
            element = moving.pop(old)
            problems.append(
                Problem(
                    where=_at(element),
                    message=f"there is an object under `{old}` and another one under `{element.address}`",
                    hint="one address has one object: take `@was` away to have the old one removed",
                )
            )
    still = {one.address: one.was for one in asked}
    here = {one.address for one in asked} | {one.address for one in elements}
    moves = {old: one.address for old, one in moving.items()}
    settled = tuple(
        row.address
        for row in marked
        if row.address in here and row.address not in moves and still.get(row.address) != row.was
    )
    return Renames(moves=moves, settled=settled, problems=tuple(problems))


def stamped(rows: Iterable[ObjectRow]) -> dict[str, int]:
    """The last generation of each address that stands on an object which is known under another one.

    Keys are made of address and generation, so an element that gets such an address anew must not begin with 1.
    """
    out: dict[str, int] = {}
    for row in rows:
        if row.stamp:
            out[row.stamp] = max(row.generation, out.get(row.stamp, 0))
    return out


def _at(element: ElementDecl) -> Where:
    return element.spans.get(SPAN, element.head)
