"""The order of a plan: what must be done before what, and of what may come next, what the script has first."""

from __future__ import annotations

import heapq
from typing import Any

import msgspec

from vchlang.analysis.order import StepName
from vchlang.analysis.program import ElementDecl, Where


class Step(msgspec.Struct, kw_only=True):
    """An operation in the making. `order`: where the script has it; `fields`: of the operation to be."""

    name: StepName
    order: tuple[int, ...]
    needs: set[StepName]
    where: Where | None
    fields: dict[str, Any]


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in topological order with what each really needs, their ids, and a ring when there is one."""

    needs: dict[StepName, set[StepName]]
    ids: dict[StepName, str]
    ring: tuple[StepName, ...] = ()


def in_order(steps: dict[StepName, Step]) -> Ordered:
    """Put steps into topological order, ties by the order of the script. What they need that is no step is ignored."""
    ranked = sorted(steps.values(), key=lambda one: one.order)
    rank = {step.name: position for position, step in enumerate(ranked)}
    needs = {step.name: {one for one in step.needs if one in rank and one != step.name} for step in ranked}
    users: dict[StepName, list[StepName]] = {}
    for name, wanted in needs.items():
        for one in wanted:
            users.setdefault(one, []).append(name)
    left = {name: len(wanted) for name, wanted in needs.items()}
    ready = [rank[name] for name, count in left.items() if not count]
    heapq.heapify(ready)
    ids: dict[StepName, str] = {}
    while ready:
        step = ranked[heapq.heappop(ready)]
        ids[step.name] = f"%{len(ids) + 1}"
        for user in users.get(step.name, ()):
            left[user] -= 1
            if not left[user]:
                heapq.heappush(ready, rank[user])
    ring: tuple[StepName, ...] = ()
    if len(ids) < len(ranked):
        ring = _ring(steps, {name: wanted - set(ids) for name, wanted in needs.items() if name not in ids})
    return Ordered(needs={name: needs[name] for name in ids}, ids=ids, ring=ring)


def _ring(steps: dict[StepName, Step], needs: dict[StepName, set[StepName]]) -> tuple[StepName, ...]:
    """One ring among steps that nothing can begin, from the one that the script has first."""
    # Whoever is in no ring itself, but only waits for one, is left by walking on until a step comes again.
    name = min(needs)
    path: list[StepName] = []
    while name not in path:
        path.append(name)
        name = min(needs[name] & set(needs))
    ring = path[path.index(name) :]
    start = ring.index(min(ring, key=lambda one: steps[one].order))
    return (*ring[start:], *ring[:start])


def reaches(steps: dict[StepName, Step], name: StepName, target: StepName) -> bool:
    """Whether a step comes after another, by what it needs and what that needs."""
    left, seen = [name], {name}
    while left:
        one = left.pop()
        if one == target:
            return True
        for need in steps[one].needs if one in steps else ():
            if need not in seen:
                seen.add(need)
                left.append(need)
    return False


def needed_first(elements: list[ElementDecl]) -> list[ElementDecl]:
    """The elements in the order of the script, but each after those that it mentions; a ring is reported later."""
    by_address = {one.address: one for one in elements}
    out: list[ElementDecl] = []
    begun: set[str] = set()
    for first in elements:
        stack = [(first, False)]
        while stack:
            one, ready = stack.pop()
            if ready:
                out.append(one)
            elif one.address not in begun:
                begun.add(one.address)
                stack.append((one, True))
                stack += [(by_address[need], False) for need in sorted(one.needs, reverse=True) if need in by_address]
    return out
