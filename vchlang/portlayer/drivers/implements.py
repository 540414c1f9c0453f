"""Which verbs a driver has, said at the function that carries each out.

    @implements("pool", "create")
    def create(self, step: Step) -> Outcome: ...

A driver is put together from one object per family of kinds; `verbs_of` collects their functions, so that the driver
dispatches by a table, and a test can hold it against `VERBS`: whatever it lacks there it must decline, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from vchlang.kinds import KINDS
from vchlang.portlayer.driver import Outcome, Step

Pair: TypeAlias = tuple[str, str]
"""A kind and an action, as a step has them: ("pool", "create"), ("power", "start")."""

Carry: TypeAlias = Callable[[Step], Outcome]
F = TypeVar("F", bound=Callable[..., Outcome])

_MARK = "_vch_implements"


def _verbs() -> frozenset[Pair]:
    out = {("handle", "commit"), ("power", "start"), ("power", "stop"), ("power", "freeze"), ("wait", "wait")}
    for name, kind in KINDS.items():
        if kind.recorded:
            continue
        out |= {(name, action) for action in ("create", "update", "delete")}
        if {"adopt", "ensure"} & set(kind.words):
            out |= {(name, action) for action in ("adopt", "release")}
    return frozenset(out)


VERBS = _verbs()
"""Everything that a plan may ask of a driver."""


def implements(kind: str, action: str) -> Callable[[F], F]:
    """Say that a method carries out `action` of `kind`. ValueError for a pair that no plan asks for."""
    if (kind, action) not in VERBS:
        raise ValueError(f"no plan asks for {action} of {kind}. This is a bug in vch.")

    def wrap(function: F) -> F:
        marks: tuple[Pair, ...] = getattr(function, _MARK, ())
        setattr(function, _MARK, (*marks, (kind, action)))
        return function

    return wrap


def verbs_of(*families: Any) -> dict[Pair, Carry]:
    """The methods of some objects by what they carry out. ValueError when two carry out the same."""
    out: dict[Pair, Carry] = {}
    for family in families:
        for name in dir(type(family)):
            for pair in getattr(getattr(type(family), name), _MARK, ()):
                if pair in out:
                    raise ValueError(f"{pair} is carried out twice. This is a bug in vch.")
                out[pair] = getattr(family, name)
    return out
