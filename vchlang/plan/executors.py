"""The commits of an executor's handles, its power state, and the waits for it.

Handles on one executor are commits in the order written. Those with neither a wait nor a start or stop between them
are one commit; what stands after one is a *part* of its own, committed when what stands before it has happened. A
commit carries the whole composition up to and with its part, absolute, so that it can be repeated and compared; and the
state remembers the last one, with the number of parts in it until it is complete.

On a complete executor parts mean nothing any more: its composition is compared with that of all parts together, and a
difference takes one commit. Where an apply was stopped between two parts the next one goes on from there, also after an
edit of what was committed already. So what is written after a wait is never committed before it, and an executor that
is as the script wants it is never taken apart to be put together again. The one exception is a part that needs a fact
of the executor itself: when what it needs changes, all parts are gone through again.

A template is composed as an executor is; then it is started and frozen, and what begins as a copy of it comes after
that. When its composition changes it is stopped, composed, started and frozen once more; copies stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.order import COMPOSED, Part, StepName, parts_of
from vchlang.analysis.program import BindStep, ElementDecl, HandleDecl, JoinStep, PowerDecl
from vchlang.analysis.requirements import inherited_by
from vchlang.kinds.world import Absent, Present
from vchlang.plan.compare import commit_changes, commit_steps, reasons_of
from vchlang.plan.keep import kept
from vchlang.plan.model import Change
from vchlang.plan.order import reaches
from vchlang.state.store import HANDLE, ObjectRow

if TYPE_CHECKING:
    from vchlang.plan.build import _Builder

ANEW = "made anew"
"""What a change of something joined says that is not there any more, or goes, and comes back under its name."""
STATES = {"launched": 1, "ready": 2, "stable": 3}


class _Whole(msgspec.Struct, frozen=True, kw_only=True):
    """The composition up to and with one part."""

    joins: list[JoinStep]
    binds: dict[tuple[str, str], BindStep]
    args: dict[str, Any]

    def roles(self) -> frozenset[str]:
        """The roles of networks, each of which has an address."""
        return frozenset(one.role for one in self.joins if one.kind == "network")


class _Committed(msgspec.Struct, frozen=True, kw_only=True):
    """One commit of the plan. order: of its first handle in the script."""

    name: StepName
    action: str
    order: int
    roles: frozenset[str]


class _Running(msgspec.Struct, kw_only=True):
    """An executor on its way through the parts.

    on: whether it runs by now. moved: whether the plan has changed or switched it. wanted: the last start or stop that
    is written. done: the steps after which the next part may begin.
    """

    on: bool
    moved: bool = False
    wanted: PowerDecl | None = None
    done: set[StepName] = set()


class Executors:
    """Plans what is done with executors beside making them."""

    def __init__(self, builder: _Builder) -> None:
        self.builder = builder
        self.committed: dict[str, list[_Committed]] = {}
        self.several: set[str] = set()
        self.soft: list[tuple[StepName, StepName]] = []
        self.said: set[tuple[Any, ...]] = set()
        self._tasks: dict[str, str] | None = None

    def plan(self, element: ElementDecl) -> None:
        """The commits of an executor's handles, and the power state and waits around them."""
        builder = self.builder
        address = element.address
        row = builder.rows.get(address + HANDLE)
        if row is not None and row.generation != builder.lowering.generation(address):
            builder.removal.extra.append(row)  # it went with the executor that it belonged to
            row = None
        seen = builder.observed.get(address)
        fresh = ("element", address) in builder.steps and (
            builder.steps["element", address].fields["action"] in ("create", "adopt")
        )
        handles, powers = builder.handles.get(address, []), builder.powers.get(address, [])
        if element.kind == "template":
            powers = self.started(element, handles)
        parts = parts_of(handles, powers, builder.waits.get(address, []))
        if len(parts) > 1:
            self.several.add(address)
        on = isinstance(seen, Present) and seen.state in ("running", "frozen")
        state = _Running(on=on and not fresh)
        if not parts[0].handles and row is None:
            self.power(element, parts[0], state, 1, None, False)
            return
        wholes = [self.whole(element, parts[: count + 1]) for count in range(len(parts))]
        # An executor that is made anew has nothing of the composition that was committed to the one before it.
        current = None if fresh or row is None else row.args
        number = 1 if current is None or row is None else self.begun(element, parts, wholes, row)
        first, later = _together(parts[:number]), parts[number:]
        for part in (first, *later):
            whole = wholes[number - 1]
            waiting = parts[1:number] if part is first else []
            changed = self.commit(element, part, whole, current, state, number, number == len(parts), waiting)
            self.power(element, part, state, number, whole, changed)
            current = whole.args
            number += 1
        if element.kind == "template" and handles:
            self.freeze(element, handles, state)

    def whole(self, element: ElementDecl, parts: list[Part]) -> _Whole:
        steps = [step for part in parts for handle in part.handles for step in handle.steps]
        joins = [step for step in steps if isinstance(step, JoinStep)]
        binds = {
            (step.address, step.role if step.kind not in COMPOSED else ""): step
            for step in steps
            if isinstance(step, BindStep)
        }
        return _Whole(joins=joins, binds=binds, args=self.builder.lowering.commit(element, joins, binds))

    def begun(self, element: ElementDecl, parts: list[Part], wholes: list[_Whole], row: ObjectRow) -> int:
        """How many parts the plan's first commit has: those that are committed, or are to be without a wait."""

        def same(number: int) -> bool:
            return not commit_changes(wholes[number - 1].args, row.args)

        last = len(parts)
        if row.part:
            number = min(row.part, last)
        else:
            number = next((one for one in range(last, 0, -1) if same(one)), last)
        if not same(number) and self.needs_itself(element, parts[1:number]):
            return 1
        return number

    def needs_itself(self, element: ElementDecl, parts: list[Part]) -> bool:
        """Whether what some parts join has to do with facts that the executor has only by an earlier one."""
        elements = self.builder.composition.elements
        left: list[str] = []
        for part in parts:
            for handle in part.handles:
                for step in handle.steps:
                    left += step.needs - ({element.address} if step.kind in COMPOSED else set())
        seen: set[str] = set()
        while left:
            address = left.pop()
            if address == element.address:
                return True
            if address not in seen and address in elements:
                seen.add(address)
                left += elements[address].needs | elements[address].after
        return False

    # ---- one part --------------------------------------------------------------------------------------------------

    def commit(
        self,
        element: ElementDecl,
        part: Part,
        whole: _Whole,
        current: dict[str, Any] | None,
        state: _Running,
        number: int,
        last: bool,
        waiting: list[Part],
    ) -> bool:
        """Plan the commit of one part; whether it changes anything. waiting: parts in it that a wait stood before."""
        builder = self.builder
        address = element.address
        handles = part.handles
        inherited = inherited_by(address, builder.composition, builder.handles)
        notes, implied = kept(whole.joins, whole.binds, inherited, builder.composition, builder.capabilities, self.say)
        notes = (*notes, *self.addresses(element, whole))
        name: StepName = ("commit", address) if last else ("commit", address, f"part {number}")
        needs: set[StepName] = {("element", address), *state.done}
        after_waits = {id(handle) for one in waiting for handle in one.handles}
        for handle in handles:
            for step in handle.steps:
                needs |= {builder.step_for(one) for one in step.needs if one != address}
                for value in step.body.values():
                    needs |= builder.facts_in(value, besides=address)
            if id(handle) in after_waits:
                # The wait may be for this very commit, on an executor that is complete: then it has been waited for.
                self.soft += [(name, one) for one in builder.later(handle)]
            else:
                needs |= builder.later(handle)
        changes = commit_changes(whole.args, current, self.tasks()) if current is not None else ()
        if current is not None and not state.done:
            changes = (*changes, *self.anew(whole, current, changes))
        action = "none" if current is not None and not changes else "commit"
        head = handles[0] if handles else None
        if action == "commit" and state.on:
            stop = self.switch("stop", address, number, state)
            needs.add(stop)
            builder.add(
                stop,
                (head.order if head is not None else element.order, -1),
                {("element", address), *state.done},
                head.head if head is not None else element.head,
                action="stop",
                because=tuple(dict.fromkeys(_why(one) for one in changes))[:3],
                **self.common(element),
            )
            # It lets go of what is not there any more before that is made again.
            self.soft += [(("element", one.path), stop) for one in changes if one.after == ANEW]
        builder.add(
            name,
            (head.order if head is not None else element.order,),
            needs,
            head.head if head is not None else element.head,
            action=action,
            kind="handle",
            address=address + HANDLE,
            generation=builder.lowering.generation(address),
            identity=builder.lowering.identity(address),
            args=whole.args,
            changes=changes,
            because=_reasons(changes),
            steps=commit_steps(whole.joins, whole.binds, whole.args, current, implied, builder.line),
            notes=notes,
            expect=self.opened_on(element) if action == "commit" else "",
            part=0 if last else number,
        )
        self.committed.setdefault(address, []).append(
            _Committed(name=name, action=action, order=head.order if head is not None else -1, roles=whole.roles())
        )
        return action == "commit"

    def anew(self, whole: _Whole, current: dict[str, Any], changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """What stays joined under its name and is another object by now: an executor has hold of the one before."""
        builder = self.builder
        had = {one["address"] for one in current.get("members", ()) if one["kind"] != "task"}
        out: list[Change] = []
        for address in dict.fromkeys(one.address for one in whole.joins if one.address in had):
            lost = isinstance(builder.observed.get(address), Absent)
            told = any(one.path == address or one.path.startswith((f"{address}.", f"{address} as ")) for one in changes)
            if lost and not told and builder.made(address):
                out.append(Change(path=address, before="gone", after=ANEW, effect="restart"))
        return tuple(out)

    def power(
        self, element: ElementDecl, part: Part, state: _Running, number: int, whole: _Whole | None, changed: bool
    ) -> None:
        """Plan the power state of one part and the waits in it, and bring `state` to where the next part begins."""
        builder = self.builder
        address = element.address
        common = self.common(element)
        first = not state.done
        composed: set[StepName] = {("element", address), *state.done}
        if whole is not None:
            composed.add(self.committed[address][-1].name)
        composed = {one for one in composed if one in builder.steps}
        running = state.on
        written = part.powers[-1] if part.powers else None
        wanted = written or state.wanted
        order = (written.order,) if written is not None else (part.handles[-1].order if part.handles else 0, 1)
        later = builder.later(written) if written is not None else set()
        start = self.switch("start", address, number, state)
        stop = self.switch("stop", address, number, state)
        loaded = whole is not None and any(join.role == "loader" for join in whole.joins)
        if wanted is None and running and changed and loaded:
            builder.add(
                start, (10**9, element.order), composed, element.head,
                action="start", because=("it was running",), **common,
            )  # fmt: skip
        elif wanted is None:
            state.on = running and not changed
        elif wanted.switch == "start":
            failed = first and running and not changed and bool(part.waits)
            failed = failed and self.state_of(element) in ("degraded", "failed")
            if failed:
                # A wait for it would never end: what ended is not started again but by a start of the whole.
                builder.add(
                    stop, (*order, -1), set(composed), wanted.where,
                    action="stop", because=("a task of it has failed",), **common,
                )  # fmt: skip
                composed = {*composed, stop}
            action = "none" if running and not changed and not failed else "start"
            because = ("restart: its composition changes",) if running and changed else ()
            changed = changed or failed
            builder.add(start, order, composed | later, wanted.where, action=action, because=because, **common)
            state.on = True
        elif running:
            if stop not in builder.steps:
                builder.add(
                    stop, order, composed | later, wanted.where,
                    action="stop", because=("the script stops it",), **common,
                )  # fmt: skip
            state.on = False
        state.moved = state.moved or changed or not running
        done: set[StepName] = {one for one in (start, stop) if one in builder.steps}
        for wait in part.waits:
            waiting = state.moved or STATES.get(self.state_of(element), 0) < STATES[wait.state]
            builder.add(
                ("wait", str(wait.order)),
                (wait.order,),
                {one for one in (start, *state.done) if one in builder.steps} | builder.later(wait),
                wait.where,
                action="wait" if waiting else "none",
                kind="wait",
                address=wait.task or address,
                generation=builder.lowering.generation(address),
                identity=builder.lowering.identity(address),
                args={
                    "executor": builder.lowering.identity(address),
                    "task": builder.lowering.identity(wait.task) if wait.task else "",
                    "state": wait.state,
                    "within": wait.within,
                },
            )
            done.add(("wait", str(wait.order)))
        state.done = composed | done
        state.wanted = wanted

    # ---- templates -------------------------------------------------------------------------------------------------

    def started(self, element: ElementDecl, handles: list[HandleDecl]) -> list[PowerDecl]:
        """A template is started when all its handles are committed, without a word of the script."""
        if not handles:
            self.say(
                codes.NO_LOADER,
                element.head,
                f"`{element.address}` is composed by no handle, so there is nothing to start and freeze",
                hint=f"write `handle {element.address} {{ … }}`",
            )
            return []
        last = max(handles, key=lambda one: one.order)
        return [PowerDecl(switch="start", executor=element.address, where=last.head, order=last.order)]

    def freeze(self, element: ElementDecl, handles: list[HandleDecl], state: _Running) -> None:
        """The end of a template's way: whatever begins as a copy of it comes after."""
        builder = self.builder
        last = max(handles, key=lambda one: one.order)
        seen = builder.observed.get(element.address)
        frozen = isinstance(seen, Present) and seen.state == "frozen" and not state.moved
        copies = [
            one.address
            for one in builder.composition.elements.values()
            if one.body.get("parent") == v.ElementRef("template", element.address) and one.address in builder.rows
        ]
        remade = not frozen and element.address + HANDLE in builder.rows
        builder.add(
            ("freeze", element.address),
            (last.order, 1),
            set(state.done),
            last.head,
            action="none" if frozen else "freeze",
            notes=tuple(f"`{one}` began as a copy of it, and stays as it is" for one in copies) if remade else (),
            **self.common(element),
        )

    def common(self, element: ElementDecl) -> dict[str, Any]:
        """What every start and stop of an executor has."""
        identity = self.builder.lowering.identity(element.address)
        return {
            "kind": "power",
            "address": element.address,
            "identity": identity,
            "args": {"executor": identity},
            "generation": self.builder.lowering.generation(element.address),
        }

    def switch(self, word: str, address: str, number: int, state: _Running) -> StepName:
        return (word, address) if not state.done else (word, address, f"part {number}")

    # ---- when facts are known, and what a step comes after -----------------------------------------------------------

    def settle(self) -> None:
        """Put the commits themselves where steps need "what executor X is composed of", now that all are planned."""
        steps = self.builder.steps
        for step in steps.values():
            if any(one[0] in ("facts", "composed") for one in step.needs):
                step.needs = {self.real(one) for one in step.needs}
        for name, need in self.soft:
            need = self.real(need)
            if name in steps and need in steps and not reaches(steps, need, name):
                steps[name].needs.add(need)

    def real(self, name: StepName) -> StepName:
        match name:
            case ("facts", address, *role):
                # A fact is there after the first commit that joins its role.
                commits = [one for one in self.committed.get(address, ()) if not role or role[0] in one.roles]
                if address in self.several and (not commits or commits[0].action == "none"):
                    return ("element", address)
                return commits[0].name if commits else ("commit", address)
            case ("composed", address, order):
                before = [one for one in self.committed.get(address, ()) if one.order < int(order)]
                return before[-1].name if before else ("commit", address)
            case _:
                return name

    # ---- what is known of an executor --------------------------------------------------------------------------------

    def opened_on(self, element: ElementDecl) -> str:
        """The version of the executor that its handle is opened on; empty for one that this plan makes."""
        steps = self.builder.steps
        seen = self.builder.observed.get(element.address)
        made = (
            steps["element", element.address].fields["action"] in ("create", "adopt")
            if ("element", element.address) in steps
            else True
        )
        return seen.version if isinstance(seen, Present) and not made else ""

    def state_of(self, element: ElementDecl) -> str:
        """How an executor is, as its facts say; empty where it is not there."""
        seen = self.builder.observed.get(element.address)
        return str(seen.facts.get("state", "")) if isinstance(seen, Present) else ""

    def addresses(self, element: ElementDecl, whole: _Whole) -> list[str]:
        """What each address of the script is on the platform, where that is another one."""
        seen = self.builder.observed.get(element.address + HANDLE)
        told = seen.facts.get("address", {}) if isinstance(seen, Absent | Present) else {}
        by_address: dict[str, list[JoinStep]] = {}
        for join in whole.joins:
            if join.kind == "network" and join.role in told and (join.address, join.role) in whole.binds:
                by_address.setdefault(told[join.role], []).append(join)
        out: list[str] = []
        for address, joined in by_address.items():
            ips = [whole.binds[one.address, one.role].body.get("ip") for one in joined]
            ip = next((one for one in ips if isinstance(one, v.VariantValue)), None)
            written = ip.fields.get("address") if ip is not None and ip.case == "static" else None
            roles = ", ".join(one.role for one in joined)
            out.append(f"{roles}: {written or 'dhcp'} answers on {address}")
        return out

    def tasks(self) -> dict[str, str]:
        """The addresses of tasks, by the names that their executors know them by."""
        if self._tasks is None:
            lowering = self.builder.lowering
            tasks = [one.address for one in self.builder.composition.elements.values() if one.kind == "task"]
            self._tasks = {named: one for one in tasks if (named := lowering.identity(one)) != one}
        return self._tasks

    def say(self, code: Any, where: Any, message: str, **more: Any) -> None:
        """Report what a composition lacks; a later part has what an earlier one has, and is not told again."""
        if (code, where, message) not in self.said:
            self.said.add((code, where, message))
            self.builder.say(code, where, message, **more)


def _why(change: Change) -> str:
    """Why a change stops an executor that runs."""
    if change.after == ANEW:
        return f"`{change.path}` is {ANEW}"
    return f"{change.path} changes, which a running executor cannot take"


def _reasons(changes: tuple[Change, ...]) -> tuple[str, ...]:
    anew = tuple(f"`{one.path}` is {ANEW}" for one in changes if one.after == ANEW)
    return (*anew, *reasons_of(tuple(one for one in changes if one.after != ANEW)))[:3]


def _together(parts: list[Part]) -> Part:
    return Part(
        handles=[one for part in parts for one in part.handles],
        powers=[one for part in parts for one in part.powers],
        waits=[one for part in parts for one in part.waits],
    )
