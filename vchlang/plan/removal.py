"""What goes, and in which order: how an object is removed, who uses it, and what stays with what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vchlang import codes
from vchlang.analysis.renames import begin_of
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Observation, Present, Unknown
from vchlang.plan.compare import holds_data
from vchlang.state.store import HANDLE, ObjectRow
from vchlang.values import quoted

if TYPE_CHECKING:
    from vchlang.plan.build import _Builder


RANK = {
    "handle": 1, "executor": 2, "template": 3, "task": 4, "storage": 5, "segment": 6, "network": 7,
    "location": 8, "pool": 9,
}  # fmt: skip


def removal_action(row: ObjectRow, seen: Observation | None) -> str:
    """How an object that we know goes: delete, release, forget; refuse where nobody can tell."""
    if row.kind == "handle" or KINDS[row.kind].recorded:
        return "forget"
    if isinstance(seen, Absent):
        return "forget"
    if isinstance(seen, Unknown) or seen is None:
        return "refuse"
    ours = (seen.owner is not None and seen.owner.key == row.key) or any(one.key == row.key for one in seen.sharers)
    if not ours:
        return "forget"  # somebody else's by now: it is not ours to touch
    return "delete" if row.origin == "created" else "release"


def is_on(row: ObjectRow, seen: Observation | None) -> bool:
    """Whether it has to be stopped before it can go: an executor or template that runs, or is frozen."""
    on = isinstance(seen, Present) and seen.state in ("running", "frozen")
    return on and row.kind in ("executor", "template")


def names_of(row: ObjectRow) -> str:
    """What others call an object by in their arguments: its identity; a task's is a name in executors only."""
    return f"task {row.identity}" if row.kind == "task" else row.identity


def references(row: ObjectRow) -> set[str]:
    """The objects (as `names_of` gives them) that one lies in, or is put together from."""
    if row.kind == "handle":
        out = {f"task {one['address']}" for one in row.args.get("members", ()) if one["kind"] == "task"}
        joins = [one.get("join", {}) for one in row.args.get("members", ())]
        out |= {one["segment"] for one in joins if one.get("segment")}
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
    left = [(row, "@retain") for row in rows if row.retain]
    compositions = {(row.address, row.generation): row for row in rows if row.kind == "handle"}
    while left:
        row, reason = left.pop()
        if (row.address, row.generation) in staying:
            continue
        staying[row.address, row.generation] = reason
        left += [(by_name[name], f"`{row.address}` is in it") for name in references(row) if name in by_name]
        # An executor that stays keeps what it is put together from.
        if (composition := compositions.get((row.address + HANDLE, row.generation))) is not None:
            left.append((composition, f"`{row.address}` stays"))
    return staying


def renamed_to(old: str, new: str) -> str:
    """What to write where an object was meant to be renamed; empty where no `@was` says so."""
    around, before = begin_of(new), begin_of(old)
    if old.startswith(around):
        written, there = old[len(around) :], new
    elif before and old[len(before) :] == new[len(around) :]:
        written, there = before.removesuffix("."), around.removesuffix(".")
        outer = begin_of(there)
        if not written.startswith(outer):
            return ""
        written = written[len(outer) :]
    else:
        return ""
    return f"renamed? write `@was({quoted(written)})` before `{there}`"


class Removal:
    """What goes: statements that are gone, objects that were replaced, all in the opposite order of making."""

    def __init__(self, builder: _Builder) -> None:
        self.builder = builder
        self.replaced: list[ObjectRow] = []
        self.extra: list[ObjectRow] = []
        self.gone: list[ObjectRow] = []
        self.users: dict[str, list[ObjectRow]] = {}
        self.former: dict[str, list[ObjectRow]] = {}
        self.naming: dict[str, list[ObjectRow]] = {}

    def plan(self) -> None:
        builder = self.builder
        elements = builder.composition.elements
        gone: list[tuple[ObjectRow, str]] = [(row, "it was replaced") for row in self.replaced]
        gone += [
            (row, "its executor was replaced" if row.kind == "handle" else "its kind changed") for row in self.extra
        ]
        for row in builder.request.state.objects:
            owner = row.address.removesuffix(HANDLE)
            if row.deposed:
                gone.append((row, "it was replaced by an earlier run"))
            elif owner not in elements:
                gone.append((row, "its statement is gone"))
                self.gone.append(row)
        staying = keeping([row for row, _ in gone])
        going = [row for row, _ in gone if (row.address, row.generation) not in staying]
        self.users = users_of(going)
        ids = {(row.address, row.generation) for row in going}
        self.former = users_of(
            [row for row in builder.rows.values() if row.kind == "handle" and (row.address, row.generation) not in ids]
        )
        for row in builder.rows.values():
            if row.kind == "segment" and (row.address, row.generation) not in ids:
                for rule in row.args.get("rules", ()):
                    self.naming.setdefault(rule["peer"].get("name", ""), []).append(row)
        for row, reason in gone:
            self.remove(row, reason, staying)
        self.hand_over(going)

    def remove(self, row: ObjectRow, reason: str, staying: dict[tuple[str, int], str]) -> None:
        builder = self.builder
        name = ("remove", row.address, str(row.generation))
        if reason == "its statement is gone" and row.protect:
            builder.say(
                codes.PROTECTED,
                None,
                f"`{row.address}` is protected, and its statement is gone",
                hint="write the statement again, or apply it once without `@protect`",
            )
            return
        seen = builder.observed.get(f"{row.address}#{row.generation}")
        if seen is None and row.address not in builder.composition.elements:
            seen = builder.observed.get(row.address)
        if seen is None and row in self.replaced:
            seen = builder.observed.get(row.address)
        kept_for = staying.get((row.address, row.generation))
        action = "keep" if kept_for is not None else removal_action(row, seen)
        if action == "refuse":
            seen = seen if isinstance(seen, Unknown) else Unknown(reason="the driver gave no answer")
            builder.say(codes.CODES.get(seen.code, codes.UNKNOWN_WORLD), None, f"`{row.address}`: {seen.reason}")
            return
        name_of = names_of(row)
        needs: set[tuple[str, ...]] = {
            ("remove", one.address, str(one.generation)) for one in self.users.get(name_of, ()) if one is not row
        }
        # A composition is only forgotten; what it was put together from is free when its executor is gone.
        needs |= {
            ("remove", one.address.removesuffix(HANDLE), str(one.generation))
            for one in self.users.get(name_of, ())
            if one.kind == "handle" and one is not row
        }
        # What used it until now has to let go of it first.
        for one in self.former.get(name_of, ()):
            executor = one.address.removesuffix(HANDLE)
            commit = ("commit", executor)
            if row.address in builder.removed_first and self.joined(executor, row.address):
                builder.say(
                    codes.SAME_NAME,
                    builder.composition.elements[row.address].head,
                    f"`{row.address}` would be replaced under the name that it has, and `{executor}` has it joined",
                    hint="give the new one another `name:`, or apply once without joining it",
                )
                return
            if commit in builder.steps:
                needs.add(commit)
        if row.kind == "segment":
            # Rules that name it are changed before; of segments that go together, none waits for the other.
            needs |= {("element", one.address) for one in self.naming.get(name_of, ())}
        order = (10**9 + 1, RANK.get(row.kind, 0))
        if row.address in builder.removed_first:
            # It must go before the new one of the same name comes; what is in it goes first of all.
            builder.steps["element", row.address].needs.add(name)
            order = (builder.composition.elements[row.address].order, -1)
        elif row in self.replaced and not any(
            names_of(one) in references(row) for one in self.replaced if one.address in builder.removed_first
        ):
            needs.add(("element", row.address))
        if row.deposed or row in self.replaced:
            self.after_waits(name, row.address)
        running = is_on(row, seen)
        if running and action in ("delete", "release"):
            stop = ("stop", row.address, str(row.generation))
            builder.add(
                stop,
                (*order, -2),
                set(),
                None,
                action="stop",
                kind="power",
                address=row.address,
                generation=row.generation,
                identity=row.identity,
                args={"executor": row.identity},
                because=(reason,),
            )
            needs.add(stop)
        because = (reason, f"kept: {kept_for}") if action == "keep" else (reason,)
        where = builder.composition.elements[row.address].head if row.address in builder.composition.elements else None
        builder.add(
            name,
            order,
            needs,
            where,
            action="none" if action == "keep" else action,
            kind=row.kind,
            address=row.address,
            generation=row.generation,
            identity=row.identity,
            args=row.args,
            origin=row.origin,
            because=because,
            retain=row.retain,
            notes=self.lost(row) if action == "delete" else (),
            expect=seen.version if isinstance(seen, Present) else "",
        )

    def after_waits(self, name: tuple[str, ...], address: str) -> None:
        """What was replaced is there until the script says that an executor does with the new one: until its waits."""
        builder = self.builder
        for executor in builder.handles:
            if executor == address or self.joined(executor, address):
                waits = [("wait", str(one.order)) for one in builder.waits.get(executor, ())]
                builder.executors.soft += [(name, one) for one in waits]

    def joined(self, executor: str, address: str) -> bool:
        """Whether the script has something joined by an executor."""
        return any(step.address == address for one in self.builder.handles.get(executor, ()) for step in one.steps)

    def lost(self, row: ObjectRow) -> tuple[str, ...]:
        """What is said of data that goes with an object, and of what it may have been meant to be."""
        builder = self.builder
        if row.kind != "storage" or not holds_data(row.args):
            return ()
        new = [
            one
            for one in sorted(builder.composition.elements.values(), key=lambda one: one.order)
            if one.kind == "storage" and not one.was and one.address not in builder.rows and builder.made(one.address)
        ]
        meant = [said for one in new if (said := renamed_to(row.address, one.address))] if row in self.gone else []
        return (f"its data is lost; {meant[0]}" if meant else "its data is lost",)

    def hand_over(self, going: list[ObjectRow]) -> None:
        """A commit that joins what an executor on its way out is put together from has to wait until that has gone."""
        builder = self.builder
        takers: dict[str, list[tuple[str, ...]]] = {}
        for name, step in builder.steps.items():
            if name[0] == "commit" and step.fields["action"] == "commit":
                for member in step.fields["args"].get("members", ()):
                    takers.setdefault(str(member.get("url", "")), []).append(name)
        for row in going:
            if row.kind != "handle":
                continue
            leaving = ("remove", row.address.removesuffix(HANDLE), str(row.generation))
            for used in references(row) if leaving in builder.steps else ():
                for name in takers.get(used, ()):
                    builder.steps[name].needs.add(leaving)
