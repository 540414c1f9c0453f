"""The order of what a composition asks for, as far as the script alone decides it: rings, and the parts of executors.

The plan orders operations; which of them there are depends on what exists. Where nothing exists yet there is one for
everything, and a script that could not be carried out then is wrong, whatever is there today. So the ring that a plan
would find is found here, before there is a target.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import Composition, ElementDecl, HandleDecl, JoinStep, PowerDecl, WaitDecl, Where
from vchlang.diagnostics import Label, Report

StepName: TypeAlias = tuple[str, ...]
"""How steps need each other: ("element", address), ("commit", executor), ("remove", address, generation), …"""
COMPOSED = ("executor", "template")
"""The kinds that handles are opened on."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit brings, and what happens until the next: all in the order written."""

    handles: list[HandleDecl] = []
    powers: list[PowerDecl] = []
    waits: list[WaitDecl] = []


def parts_of(handles: list[HandleDecl], powers: list[PowerDecl], waits: list[WaitDecl]) -> list[Part]:
    """What is written about one executor, in parts; at least one."""
    parts = [Part(handles=[], powers=[], waits=[])]
    before: set[int] = set()
    items: list[HandleDecl | PowerDecl | WaitDecl] = [*handles, *powers, *waits]
    for item in sorted(items, key=lambda one: one.order):
        match item:
            case HandleDecl():
                if parts[-1].handles and (parts[-1].powers or set(item.waits) - before):
                    parts.append(Part(handles=[], powers=[], waits=[]))
                parts[-1].handles.append(item)
                before |= set(item.waits)
            case PowerDecl():
                parts[-1].powers.append(item)
            case WaitDecl():
                parts[-1].waits.append(item)
    return parts


def words_of(name: StepName) -> str:
    """A step as a message names it."""
    match name:
        case ("element", address):
            return f"`{address}`"
        case ("commit", address, *_):
            return f"the handle of `{address}`"
        case ("start" | "stop" | "freeze", address, *_):
            return f"`{name[0]} {address}`"
        case ("wait", *_):
            return "a `wait`"
        case _:
            return " ".join(name)


# ---- rings ---------------------------------------------------------------------------------------------------------


def check_order(composition: Composition, out: Report) -> None:
    """Report each ring of elements and steps that need each other, with its path from the one that stands first."""
    if _in_order(composition):
        return
    steps = _Steps(composition).steps
    needs = {name: {one for one in step.needs if one in steps} for name, step in steps.items()}
    left = _stuck(needs)
    while left:
        ring = _ring(left, steps)
        _report(ring, steps, out)
        # What only waits for this ring is no ring of its own.
        rest = {name: wanted for name, wanted in left.items() if name not in ring}
        left = _stuck({name: {one for one in wanted if one in rest} for name, wanted in rest.items()})


def _in_order(composition: Composition) -> bool:
    """Whether it is plain that everything needs only what is written before it, as in most scripts: no rings then.

    What is not so plain, several commits of one executor, facts of executors, templates, is left to the whole look.
    """
    elements = composition.elements
    at = {address: one.order for address, one in elements.items()}
    running = {address for address, one in elements.items() if one.kind in ("executor", "template")}
    committed: dict[str, int] = {}
    for handle in composition.handles:
        own = handle.executor
        if own in committed or at.get(own, -1) >= handle.order:
            return False
        committed[own] = handle.order
        if not _before(handle.after, handle.order, at, running):
            return False
        for step in handle.steps:
            needs = step.needs - {own} if step.kind == "executor" else step.needs
            if not _before(needs, handle.order, at, running):
                return False
    for element in elements.values():
        if element.kind == "template" or not _before(element.needs, element.order, at, running):
            return False
        if not _before(element.after, element.order, at, running):
            return False
    started: dict[str, int] = {}
    for power in composition.powers:
        if power.executor in started or committed.get(power.executor, power.order) > power.order or power.after:
            return False
        started[power.executor] = power.order
    return all(started.get(one.executor, one.order) < one.order for one in composition.waits)


def _before(addresses: set[str], order: int, at: dict[str, int], running: set[str]) -> bool:
    return not any(one in running or at.get(one, -1) >= order for one in addresses)


def _stuck(needs: dict[StepName, set[StepName]]) -> dict[StepName, set[StepName]]:
    """The steps that can never begin, with those of their needs that cannot either."""
    users: dict[StepName, list[StepName]] = {}
    for name, wanted in needs.items():
        for one in wanted:
            users.setdefault(one, []).append(name)
    count = {name: len(wanted) for name, wanted in needs.items()}
    ready = [name for name, number in count.items() if not number]
    while ready:
        for user in users.get(ready.pop(), ()):
            count[user] -= 1
            if not count[user]:
                ready.append(user)
    return {name: {one for one in needs[name] if count[one]} for name, number in count.items() if number}


def _ring(left: dict[StepName, set[StepName]], steps: dict[StepName, _Step]) -> list[StepName]:
    """One ring among steps that cannot begin. Whoever only waits for one is left by walking on."""
    order = {name: (steps[name].order, name) for name in left}
    name = min(left, key=order.__getitem__)
    path: dict[StepName, None] = {}
    while name not in path:
        path[name] = None
        name = min(left[name], key=order.__getitem__)
    ring = list(path)
    ring = ring[ring.index(name) :]
    start = ring.index(min(ring, key=order.__getitem__))
    return ring[start:] + ring[:start]


def _report(ring: list[StepName], steps: dict[StepName, _Step], out: Report) -> None:
    words = [words_of(one) for one in ring]
    places = [steps[one].where for one in ring]
    labels = [
        Label(source=where.source, span=where.span, text=f"{words[at]} needs {words[(at + 1) % len(ring)]}")
        for at, where in enumerate(places)
        if (where.source, where.span) != (places[0].source, places[0].span)
    ]
    message = f"these need each other: {' → '.join([*words, words[0]])}"
    if len(ring) == 1:
        message = f"{words[0]} needs itself"
    labels += places[0].made
    out.report(codes.CYCLE, places[0].span, message, labels=labels, source=places[0].source)


class _Step(msgspec.Struct, frozen=True):
    """What would be done on a target where nothing is: what it needs, where it is written, and when."""

    needs: set[StepName]
    where: Where
    order: tuple[int, ...]


class _Steps:
    """The steps of a composition on an empty target, named as the plan names them."""

    def __init__(self, composition: Composition) -> None:
        self.elements = composition.elements
        self.steps: dict[StepName, _Step] = {}
        self.commits: dict[str, list[tuple[StepName, int, frozenset[str]]]] = {}
        self.handles: dict[str, list[HandleDecl]] = {}
        self.powers: dict[str, list[PowerDecl]] = {}
        self.waits: dict[str, list[WaitDecl]] = {}
        for handle in composition.handles:
            self.handles.setdefault(handle.executor, []).append(handle)
        for power in composition.powers:
            self.powers.setdefault(power.executor, []).append(power)
        for wait in composition.waits:
            self.waits.setdefault(wait.executor, []).append(wait)
        for element in self.elements.values():
            self.element(element)
        for element in self.elements.values():
            if element.kind in COMPOSED and element.verb != "existing":
                self.executor(element)
        for step in self.steps.values():
            for need in [one for one in step.needs if one[0] in ("facts", "composed")]:
                step.needs.remove(need)
                step.needs.add(self.real(need))

    def element(self, element: ElementDecl) -> None:
        # Segments that its rules name need not be there before it, or two could not name each other.
        rules = element.body.get("rules", ())
        named = {one.address for one in v.leaves(rules) if isinstance(one, v.ElementRef)} if rules else set()
        needs = {self.there(one) for one in element.needs - named}
        for value in element.body.values() if element.needs else ():
            needs |= self.facts(value)
        self.steps["element", element.address] = _Step(needs | self.later(element), element.head, (element.order,))

    def there(self, address: str) -> StepName:
        """The step after which an element is there; a template of ours is when it is frozen."""
        element = self.elements.get(address)
        frozen = element is not None and element.kind == "template" and element.verb != "existing"
        return ("freeze" if frozen and address in self.handles else "element", address)

    def facts(self, value: Any, besides: str = "") -> set[StepName]:
        out: set[StepName] = set()
        for one in v.leaves(value):
            if isinstance(one, v.Unknown) and one.address and one.address != besides:
                element = self.elements.get(one.address)
                composed = element is not None and element.kind == "executor" and one.address in self.handles
                out.add(("facts", one.address, *one.args[:1]) if composed else self.there(one.address))
        return out

    def later(self, item: ElementDecl | HandleDecl | PowerDecl | WaitDecl) -> set[StepName]:
        out: set[StepName] = {("wait", str(order)) for order in item.waits}
        for address in getattr(item, "after", ()):
            element = self.elements.get(address)
            composed = element is not None and element.kind == "executor" and address in self.handles
            out.add(("composed", address, str(item.order)) if composed else self.there(address))
        return out

    def real(self, name: StepName) -> StepName:
        """The commit that a step really needs: the first that joins a role, or the last before it."""
        commits = self.commits.get(name[1], [])
        if name[0] == "facts":
            fitting = [one for one, _, roles in commits if not name[2:] or name[2] in roles]
            return fitting[0] if fitting else ("commit", name[1])
        before = [one for one, order, _ in commits if order < int(name[2])]
        return before[-1] if before else ("commit", name[1])

    def executor(self, element: ElementDecl) -> None:
        """The commits of an executor's handles, its power and the waits for it."""
        address = element.address
        handles, powers = self.handles.get(address, []), self.powers.get(address, [])
        if element.kind == "template":
            last = max(handles, key=lambda one: one.order, default=None)
            powers = (
                [] if last is None else [PowerDecl(switch="start", executor=address, where=last.head, order=last.order)]
            )
        parts = parts_of(handles, powers, self.waits.get(address, []))
        done: set[StepName] = {("element", address)}
        roles: set[str] = set()
        wanted: PowerDecl | None = None
        for number, part in enumerate(parts, 1):
            more = () if number == 1 else (f"part {number}",)
            if part.handles:
                name = ("commit", address) if number == len(parts) else ("commit", address, f"part {number}")
                done = {*done, self.commit(name, element, part.handles, roles, done)}
            written = part.powers[-1] if part.powers else None
            wanted = written or wanted
            if wanted is not None:
                name = (wanted.switch, address, *more)
                order = wanted.order if written is not None or not part.handles else part.handles[-1].order
                needs = done | (self.later(written) if written is not None else set())
                self.steps[name] = _Step(needs, wanted.where, (order, 1))
                done = {*done, name}
            waiting: set[StepName] = set()
            for wait in part.waits:
                name = ("wait", str(wait.order))
                self.steps[name] = _Step(done | self.later(wait), wait.where, (wait.order,))
                waiting.add(name)
            done |= waiting
        if element.kind == "template" and handles:
            self.steps["freeze", address] = _Step(set(done), handles[-1].head, (handles[-1].order, 2))

    def commit(
        self, name: StepName, element: ElementDecl, handles: list[HandleDecl], roles: set[str], done: set[StepName]
    ) -> StepName:
        needs = set(done)
        for handle in handles:
            needs |= self.later(handle)
            for step in handle.steps:
                mentioned = step.needs - {element.address}
                needs |= {self.there(one) for one in mentioned}
                for value in step.body.values() if mentioned - {step.address} else ():
                    needs |= self.facts(value, besides=element.address)
                if isinstance(step, JoinStep) and step.kind == "network":
                    roles.add(step.role)
        self.steps[name] = _Step(needs, handles[0].head, (handles[0].order,))
        self.commits.setdefault(element.address, []).append((name, handles[0].order, frozenset(roles)))
        return name
