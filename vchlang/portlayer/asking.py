"""Asking the verifies of a plan: whether what was applied is as the script wants it, and why not.

The conditions come with the plan, worked out as far as planning could (`plan/verifies.py`). Facts are put in, and what
is left is evaluated as any expression is; a probe asks the world. A probe that cannot be asked does not hold, and its
reason is told. What no answer decides does not hold either: nothing here takes "unknown" for "well".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.check import check
from vchlang.analysis.express import Expressions
from vchlang.analysis.later import is_shown, shortly
from vchlang.analysis.program import Parameters
from vchlang.analysis.scopes import Limit
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Present
from vchlang.plan.lowered import NotKnown, Ref, part_of
from vchlang.plan.model import Plan, Verify
from vchlang.plan.verifies import raise_
from vchlang.portlayer.driver import Driver
from vchlang.portlayer.observe import executor_of, look, question
from vchlang.state.store import Store
from vchlang.syntax.parser import parse
from vchlang.system import Machine
from vchlang.text import SourceText

PATIENCE = 5.0
"""Seconds that one try of a probe may take."""
BETWEEN = 0.2
"""Seconds between two tries, where a probe may be tried again."""
LONGEST = 3600.0
_SILENT = "no answer"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a verify. found: the values that say why, `left is 3`; empty where it holds."""

    holds: bool
    message: str = ""
    found: str = ""


def ask(
    verify: Verify, fact: Callable[[Ref], Any], machine: Machine, cancelled: Callable[[], bool] = lambda: False
) -> Answer:
    """Ask one verify. fact: gives a fact as the platform told it, or raises `NotKnown`."""
    asking = _Asking(fact, machine, cancelled)
    holds = asking.value(verify.condition)
    if holds is True:
        return Answer(holds=True)
    asking.trying = False  # what is shown has been asked already
    said = asking.value(verify.message) if verify.message is not None else None
    found = [f"`{one.text}` is {shortly(value)}" for one in verify.shown if is_shown(value := asking.value(one.value))]
    found += asking.reasons
    if holds is not False:
        found += [f"`{one}` is not known: the target gave no such fact" for one in asking.unknown]
        found = found or ["it cannot be worked out from what the target told"]
    message = said if isinstance(said, str) else "this does not hold" if holds is False else "nobody can tell"
    return Answer(holds=False, message=message, found="; ".join(dict.fromkeys(found)))


class _Asking(Expressions):
    """Works out what is left of a condition. reasons: of probes that did not hold; unknown: facts that nobody has."""

    def __init__(self, fact: Callable[[Ref], Any], machine: Machine, cancelled: Callable[[], bool]) -> None:
        super().__init__(check(parse(SourceText("", "")), "", {}), Parameters(), {})
        self.fact = fact
        self.machine = machine
        self.cancelled = cancelled
        self.trying = True
        self.reasons: list[str] = []
        self.unknown: dict[str, None] = {}
        self.answers: dict[tuple[Any, ...], Any] = {}

    def value(self, data: Any) -> Any:
        """The value of an expression in a plan's form; an unknown where it cannot be worked out."""
        node = raise_(data, self.known)
        try:
            value = self.quiet(node, self.main.top)
        except (Limit, RecursionError):
            value = v.Unknown(v.ANY)
            self.depth = 0
        wrong = [one.message for one in self.main.out.freeze()]
        self.reasons += [one for one in wrong if one not in self.reasons]
        return value

    def known(self, ref: Ref) -> Any:
        try:
            return self.fact(ref)
        except NotKnown:
            self.unknown[str(ref)] = None
            raise

    def probe(self, name: str, args: list[Any]) -> Any:
        """The answer of the world; the same question is asked once for each verify."""
        key = (name, *args)
        if key not in self.answers:
            if not self.trying:
                return v.Unknown(v.ANY)
            self.answers[key] = self.tried(name, args)
        return self.answers[key]

    def tried(self, name: str, args: list[Any]) -> Any:
        patient = (name == "tcp_open" and len(args) == 3) or (name != "tcp_open" and len(args) == 2)
        within = min(int(args[-1]) / 1e9, LONGEST) if patient else 0.0
        clock = self.machine.clock
        until = clock.monotonic() + within
        while True:
            seconds = min(PATIENCE, max(until - clock.monotonic(), 0.1)) if patient else PATIENCE
            answer, reason = self.once(name, args, seconds)
            if not reason:
                return answer
            if clock.monotonic() + BETWEEN >= until or self.cancelled():
                limit = v.show(args[-1]) if patient else f"{PATIENCE:g}s"
                tried = f" within {limit}" if patient or reason == _SILENT else ""
                self.reasons.append(f"{_what(name, args)}: {reason}{tried}")
                return answer
            clock.sleep(BETWEEN)

    def once(self, name: str, args: list[Any], seconds: float) -> tuple[Any, str]:
        """One try: the answer, and why it is not the one that is hoped for."""
        network = self.machine.network
        try:
            if name == "tcp_open":
                if not 1 <= args[1] <= 65535:
                    return False, "a port is a number from 1 to 65535"
                network.connect(args[0], args[1], seconds)
                return True, ""
            status = network.status(args[0], seconds)
        except TimeoutError:
            return (None if name == "http_status" else False), _SILENT
        except (OSError, ValueError) as error:
            reason = (
                (error.strerror or str(error) or type(error).__name__) if isinstance(error, OSError) else str(error)
            )
            return (None if name == "http_status" else False), reason[:1].lower() + reason[1:]
        if name == "http_status":
            return status, ""
        return 200 <= status < 300, "" if 200 <= status < 300 else f"it answers {status}"


def _what(name: str, args: list[Any]) -> str:
    return f"{args[0]} port {args[1]}" if name == "tcp_open" else str(args[0])


def facts_now(plan: Plan, driver: Driver, store: Store, machine: Machine) -> Callable[[Ref], Any]:
    """Gives facts of what a plan was carried out to: what the state remembers, and over it what the platform tells."""
    known: dict[str, dict[str, Any]] = {}
    keys: dict[str, str] = {}
    for row in store.read(plan.deployment).objects:
        if not row.deposed:
            known.setdefault(executor_of(row.address), {}).update(row.facts)
            keys.setdefault(row.address, row.key)
    elements = {op.address: op for op in plan.operations if op.kind in KINDS and op.action not in ("delete", "release")}
    asked: set[str] = set()

    def fact(ref: Ref) -> Any:
        op = elements.get(ref.address)
        if op is not None and ref.address not in asked:
            asked.add(ref.address)
            query = question(op.kind, op.identity, keys.get(ref.address), ref.address)
            found = look(driver, [query], machine.clock)[ref.address]
            if isinstance(found, Present):
                known[ref.address] = {**known.get(ref.address, {}), **found.facts}
        return part_of(known.get(ref.address, {}), ref)

    return fact
