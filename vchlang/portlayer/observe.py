"""What exists now: questions to a driver, each with an answer of three values.

What a driver did not answer is *unknown*, never absent. Also here: whose a thing is, and asking once more when a
platform does not tell, because planning, executing and recovering have to judge both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vchlang.kinds.world import Finding, Observation, OwnerTag, Present, Query, Unknown
from vchlang.portlayer.driver import Driver, DriverError
from vchlang.state.store import HANDLE, Deployment
from vchlang.system import Clock

LOOKS = 3
"""How often a question is asked before *unknown* is taken for the answer."""
FIRST_PAUSE = 0.2


def observe(driver: Driver, deployment: Deployment, queries: Sequence[Query]) -> dict[str, Observation]:
    """Ask a driver about many things in one batch; the answers by the id of the query, one for each.

    A query without a key gets that of the object at the address which is its id, where the deployment knows one.
    DriverError when the platform is not reachable at all.
    """
    if not queries:
        return {}
    keys = {row.address: row.key for row in deployment.objects if not row.deposed}
    asked = [
        one if one.key is not None or one.id not in keys else msgspec.structs.replace(one, key=keys[one.id])
        for one in queries
    ]
    answers = driver.observe(asked)
    return {one.id: answers.get(one.id, _NO_ANSWER) for one in asked}


def confirm(driver: Driver, queries: Sequence[Query]) -> tuple[Finding, ...]:
    """What the environment lacks for the things asked about, errors first, else in the driver's order."""
    return tuple(sorted(driver.confirm(queries), key=lambda one: _LEVELS.get(one.level, 0)))


def look(driver: Driver, queries: Sequence[Query], clock: Clock) -> dict[str, Observation]:
    """Ask, and once more, after a pause, about what is unknown. A platform that is away makes everything unknown."""
    found: dict[str, Observation] = {}
    pause = FIRST_PAUSE
    for turn in range(LOOKS):
        open_ = [one for one in queries if isinstance(found.get(one.id, _NO_ANSWER), Unknown)]
        if not open_:
            break
        if turn:
            clock.sleep(pause)
            pause *= 4
        try:
            answers = driver.observe(open_)
        except DriverError as error:
            answers = {one.id: Unknown(reason=error.detail, code=_code(error)) for one in open_}
        found |= {one.id: answers.get(one.id, _NO_ANSWER) for one in open_}
    return found


def question(kind: str, identity: str, key: str | None, id_: str, args: Any = None) -> Query:
    """What to ask about the object that an operation works on: a composition and a switch are their executor's."""
    if kind in ("handle", "power", "wait"):
        return Query(id=id_, kind="executor", identity=identity, key=key)
    return Query(id=id_, kind=kind, identity=identity, key=key, args=args)


def executor_of(address: str) -> str:
    """The address of the executor whose composition this is; any other address as it is."""
    return address.removesuffix(HANDLE)


def is_ours(present: Present, key: str) -> bool:
    """Whether the ownership record on it is that of our object."""
    return present.owner is not None and present.owner.key == key


def is_used_by_us(present: Present, key: str) -> bool:
    """Whether it is ours, or shared and we are among those who use it."""
    return is_ours(present, key) or any(one.key == key for one in present.sharers)


def whose(owner: OwnerTag) -> str:
    """An owner as a message names it."""
    return f"`{owner.address}` of deployment `{owner.deployment}`"


_NO_ANSWER = Unknown(reason="the driver gave no answer")
_LEVELS = {"error": 0, "warning": 1, "ok": 2}


def _code(error: DriverError) -> str:
    return "unknown-world" if error.reason == "step-failed" else error.reason
