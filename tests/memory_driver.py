"""A platform in memory that behaves: names are unique, records are put on things as they are made, calls are atomic.

It is for tests of what uses a driver. The world is a plain dict that outlives the driver, as a platform outlives a
run; what is in it can be looked at and changed behind our back. Calls can go wrong in each way in which real ones do.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from vchlang.kinds.world import (
    Absent,
    Capabilities,
    Commit,
    Finding,
    NetworkMember,
    Observation,
    OwnerTag,
    Present,
    Query,
    Unknown,
    Wait,
)
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.system import Point, no_point


class Thing(msgspec.Struct, kw_only=True):
    """One object of the world."""

    kind: str
    identity: str
    owner: OwnerTag | None = None
    sharers: list[OwnerTag] = []
    shared: bool = False
    fields: dict[str, Any] = {}
    composition: Any = None
    version: int = 1
    state: str = ""
    corrupt: bool = False
    empty: bool = False


World = dict[tuple[str, str], Thing]
Fault = Callable[[Step], str | None]
"""Says how a call goes wrong: `refused` (certainly nothing happened), `busy` (the same, and it may go better later),
`lost-before` and `lost-after` (no answer, and nothing or everything happened), `late` (no answer; it happens when the
test says `deliver`), `bug` (the driver itself breaks, after the effect). None: it goes well."""


class MemoryDriver:
    """Carries out the verbs on `world`. `point` is called before and after each call has its effect."""

    name = "memory"

    def __init__(self, world: World, point: Point = no_point) -> None:
        self.world = world
        self.point = point
        self.fault: Fault = lambda step: None
        self.blind: Callable[[Query], str | None] = lambda query: None
        self.calls: list[tuple[str, str]] = []
        self.looks = 0
        self.revealed: list[Any] = []
        self.on_call: Callable[[Step], None] = lambda step: None
        self._late: list[Step] = []
        self._mutex = threading.RLock()

    def capabilities(self) -> Capabilities:
        return Capabilities(
            driver=self.name,
            kinds=("pool", "location", "network", "segment", "storage", "executor", "template", "task"),
            schemes=("ds", "file"),
            isolation=("tether", "kernel"),
            promises={"segment": "the platform's filter"},
        )

    def confirm(self, wanted: Sequence[Query]) -> tuple[Finding, ...]:
        return tuple(
            Finding(level="ok", message=f"{one.identity} is there", address=one.id)
            for one in wanted
            if (one.kind, one.identity) in self.world
        )

    # ---- looking -------------------------------------------------------------------------------------------------

    def observe(self, queries: Sequence[Query]) -> dict[str, Observation]:
        with self._mutex:
            self.looks += 1
            return {one.id: self._observe(one) for one in queries}

    def _observe(self, query: Query) -> Observation:
        if (reason := self.blind(query)) is not None:
            return Unknown(reason=reason)
        thing = self._find(query.kind, query.identity, query.key)
        if thing is None:
            return Absent()
        if thing.corrupt:
            return Unknown(reason="its record cannot be read", code="corrupt-record")
        return Present(
            owner=thing.owner,
            sharers=tuple(thing.sharers),
            shared=thing.shared,
            fields=thing.fields,
            facts=_facts(thing),
            version=str(thing.version),
            state=thing.state,
            claimable=thing.empty,
        )

    def _find(self, kind: str, identity: str, key: str | None) -> Thing | None:
        if key is not None:
            for thing in self.world.values():
                if _same(thing.kind, kind) and thing.owner is not None and thing.owner.key == key:
                    return thing
        return next((self.world[one, identity] for one in _names(kind) if (one, identity) in self.world), None)

    # ---- acting --------------------------------------------------------------------------------------------------

    def perform(self, step: Step) -> Outcome:
        with self._mutex:
            self.calls.append((step.action, step.address))
        self.on_call(step)
        fault = self.fault(step)
        match fault:
            case "refused":
                raise DriverError("no-space", "there is no space left")
            case "busy":
                raise DriverError("step-failed", "another task is in progress", retryable=True)
            case "lost-before":
                raise DriverError("step-failed", "the connection was reset", outcome="unknown")
            case "late":
                self._late.append(step)
                raise DriverError("step-failed", "the connection was reset", outcome="unknown")
        self.point(f"before driver {step.action} {step.address}")
        with self._mutex:
            outcome = self._act(step)
        self.point(f"after driver {step.action} {step.address}")
        if fault == "lost-after":
            raise DriverError("step-failed", "the answer was cut off", outcome="unknown")
        if fault == "bug":
            raise KeyError("what a bug in a driver raises, with a secret in it")
        return outcome

    def deliver(self) -> None:
        """Let the calls that were under way arrive now; a platform that refuses one tells nobody."""
        for step in self._late:
            try:
                self._act(step)
            except DriverError:
                pass
        self._late.clear()

    def _act(self, step: Step) -> Outcome:
        match step.kind:
            case "wait":
                return self._wait(step)
            case "power":
                return self._power(step)
            case "handle":
                return self._commit(step)
        match step.action:
            case "create":
                return self._create(step)
            case "adopt":
                return self._adopt(step)
            case "update":
                thing = self._own(step)
                if _plain(step.args) != thing.fields:
                    thing.fields = _plain(step.args)
                    thing.version += 1
                return _outcome(thing)
            case "delete":
                return self._delete(step)
            case "release":
                return self._release(step)
        raise DriverError("unsupported", f"{step.action} of a {step.kind}")

    def _create(self, step: Step) -> Outcome:
        there = self._find(step.kind, step.identity, None)
        if there is not None and there.owner is not None and there.owner.key == step.tag.key:
            return _outcome(there)
        if there is not None and there.owner is not None and there.owner.lineage != step.tag.lineage:
            raise DriverError("foreign-owner", f"{step.identity} belongs to {there.owner.deployment}")
        if there is not None and not there.empty:
            raise DriverError("already-exists", f"{step.identity} exists already")
        inside = getattr(step.args, "inside", None)
        if inside is not None and not any(one.identity == inside for one in self.world.values()):
            raise DriverError("not-found", f"{inside} is not there")
        parent = getattr(step.args, "parent", None)
        if step.kind == "executor" and parent is not None:
            template = self.world.get(("template", parent))
            if template is None or template.state != "frozen":
                raise DriverError("not-found", f"{parent} is no template that is frozen")
        made = Thing(
            kind=step.kind,
            identity=step.identity,
            owner=step.tag,
            shared=bool(getattr(step.args, "shared", False)),
            fields=_plain(step.args),
            state="stopped" if step.kind in _EXECUTORS else "",
        )
        self.world[step.kind, step.identity] = made
        return _outcome(made)

    def _adopt(self, step: Step) -> Outcome:
        thing = self.world.get((step.kind, step.identity))
        if thing is None:
            raise DriverError("not-found", f"{step.identity} is not there")
        if thing.owner is None:
            thing.owner = step.tag
        elif thing.shared:
            if step.tag not in thing.sharers:
                thing.sharers.append(step.tag)
        elif thing.owner.key != step.tag.key:
            raise DriverError("foreign-owner", f"{step.identity} belongs to {thing.owner.deployment}")
        thing.version += 1
        return _outcome(thing)

    def _delete(self, step: Step) -> Outcome:
        thing = self._find(step.kind, step.identity, step.tag.key)
        if thing is None:
            return Outcome()
        self._check_owner(thing, step)
        if thing.state in ("running", "frozen"):
            raise DriverError("step-failed", f"{step.identity} is {thing.state}")
        if any(one.fields.get("inside") == thing.identity for one in self.world.values()):
            raise DriverError("not-empty", f"{step.identity} is not empty")
        if user := self._user_of(thing):
            raise DriverError("not-empty", f"{step.identity} is in use by {user.identity}")
        del self.world[thing.kind, thing.identity]
        return Outcome()

    def _user_of(self, thing: Thing) -> Thing | None:
        """An executor that is in a segment, or began as a copy of a template."""
        for one in self.world.values():
            members = (one.composition or {}).get("members", ())
            if thing.kind == "segment" and any(m.get("join", {}).get("segment") == thing.identity for m in members):
                return one
            if thing.kind == "template" and one.kind == "executor" and one.fields.get("parent") == thing.identity:
                return one
        return None

    def _release(self, step: Step) -> Outcome:
        thing = self.world.get((step.kind, step.identity))
        if thing is not None:
            ours = [one for one in (thing.owner, *thing.sharers) if one is not None and one.key == step.tag.key]
            if thing.owner is not None and not ours:
                self._check_owner(thing, step)
            thing.sharers = [one for one in thing.sharers if one.key != step.tag.key]
            if thing.owner is not None and thing.owner.key == step.tag.key:
                thing.owner = None
            thing.version += 1
        return Outcome()

    def _commit(self, step: Step) -> Outcome:
        assert isinstance(step.args, Commit)
        thing = self._own(step, "executor")
        if thing.state in ("running", "frozen"):
            raise DriverError("step-failed", f"{step.identity} is {thing.state}")
        for member in step.args.members:
            entered = getattr(member.join, "segment", None) if isinstance(member, NetworkMember) else None
            if entered is not None and ("segment", entered) not in self.world:
                raise DriverError("not-found", f"{entered} is not there")
        if thing.composition != _plain(step.args):
            thing.composition = _plain(step.args)
            thing.version += 1
        return _outcome(thing)

    def _power(self, step: Step) -> Outcome:
        thing = self._own(step, "executor")
        wanted = {"start": "running", "stop": "stopped", "freeze": "frozen"}[step.action]
        if wanted == "frozen" and (thing.kind != "template" or thing.state == "stopped"):
            raise DriverError("step-failed", f"{step.identity} is no template that runs")
        if wanted == "running":
            if thing.composition is None and "parent" not in thing.fields:
                raise DriverError("step-failed", f"{step.identity} was never committed")
            for member in (thing.composition or {}).get("members", ()):
                for value in member.get("task", {}).get("env", {}).values():
                    if isinstance(value, dict):
                        self.revealed.append(step.reveal(value))
        if thing.state != wanted:
            thing.state = wanted
            thing.version += 1
        return _outcome(thing)

    def _wait(self, step: Step) -> Outcome:
        assert isinstance(step.args, Wait)
        thing = self.world.get(("executor", step.identity))
        if thing is None or thing.state != "running":
            raise DriverError("step-failed", f"{step.identity} did not become {step.args.state} in time")
        return Outcome(facts={"state": step.args.state})

    def _own(self, step: Step, kind: str = "") -> Thing:
        thing = self._find(kind or step.kind, step.identity, step.tag.key)
        if thing is None:
            raise DriverError("not-found", f"{step.identity} is not there")
        self._check_owner(thing, step)
        if step.expect and step.expect != str(thing.version):
            raise DriverError("stale-plan", f"{step.identity} is at {thing.version}, not at {step.expect}")
        return thing

    def _check_owner(self, thing: Thing, step: Step) -> None:
        if thing.owner is None or thing.owner.key != step.tag.key:
            whose = f"belongs to {thing.owner.deployment}" if thing.owner is not None else "is nobody's"
            raise DriverError("foreign-owner", f"{step.identity} {whose}")


_EXECUTORS = ("executor", "template")
"""A template is an executor to whom composes and switches it, and has its name among theirs."""


def _names(kind: str) -> tuple[str, ...]:
    """The kinds among which a name is unique."""
    return _EXECUTORS if kind in _EXECUTORS else (kind,)


def _same(one: str, other: str) -> bool:
    return one in _names(other)


def _plain(args: Any) -> Any:
    return {name: value for name, value in msgspec.to_builtins(args).items() if value is not None}


def _outcome(thing: Thing) -> Outcome:
    return Outcome(facts=_facts(thing), version=str(thing.version))


def _facts(thing: Thing) -> dict[str, Any]:
    match thing.kind:
        case "pool":
            return {"path": thing.identity}
        case "location":
            return {"url": thing.identity, "free": 2**30}
        case "storage":
            return {"url": thing.identity, "size": thing.fields.get("free", 0), "sha256": "00" * 32}
        case "network":
            return {"ranges": thing.fields.get("ranges", []), "vlan": thing.fields.get("vlan")}
        case "executor" | "template":
            roles = [one["role"] for one in (thing.composition or {}).get("members", ()) if one["kind"] == "network"]
            addresses = {role: f"127.64.0.{place}" for place, role in enumerate(roles, 1)}
            return {"state": thing.state, "address": addresses}
        case _:
            return {}
