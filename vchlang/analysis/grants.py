"""What a script asks for against what a manifest grants: at compile time, each at the statement that asks.

One look at the composition, before anything is planned. Places are compared by directories, never by how their texts
begin. A value that only apply knows cannot be compared, so it is refused where it would have to be; a parameter that
has no value yet (a validate, the editor) says nothing. Removing what a deployment has needs no grant.

Sums are over one deployment. What runs in a pool that the script makes is bounded by that pool's limits, so pools count
with their limits, and executors by themselves only in pools that are not the script's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.manifest import Granted, within
from vchlang.analysis.program import BindStep, Composition, ElementDecl, HandleDecl, JoinStep, Where
from vchlang.diagnostics import Code, Diagnostic, Label, Report, with_article
from vchlang.kinds.manifest import WORDS, Limits
from vchlang.text import Span

EXECUTORS = ("executor", "template")


def check_grants(composition: Composition, granted: Granted) -> tuple[Diagnostic, ...]:
    """Everything that a composition asks for and a manifest does not grant, by place.

    granted: free of errors; ValueError otherwise.
    """
    if granted.has_errors:
        raise ValueError("a manifest with mistakes grants nothing. This is a bug in vch.")
    return _Check(composition, granted).run()


class _Check:
    def __init__(self, composition: Composition, granted: Granted) -> None:
        self.elements = composition.elements
        self.handles = composition.handles
        self.granted = granted
        self.grants = granted.grants
        self.limits = granted.grants.limits or Limits()
        self.whole = not composition.has_errors
        self.out = Report("")
        self.loaders = {
            handle.executor: step.address
            for handle in composition.handles
            for step in handle.steps
            if isinstance(step, JoinStep) and step.role == "loader"
        }

    def run(self) -> tuple[Diagnostic, ...]:
        for element in self.in_order():
            if element.kind not in _ELEMENTS:
                self.refuse(element.head, f"the manifest cannot grant {with_article(element.kind)}", "")
                continue
            if element.kind != "task":  # it is a part of its executor
                self.verb(element)
            _ELEMENTS[element.kind](self, element)
        for handle in self.handles:
            self.handle(handle)
        self.sums()
        return self.out.freeze()

    def in_order(self, *kinds: str) -> list[ElementDecl]:
        """Elements as the script has them; without kinds, all."""
        found = (one for one in self.elements.values() if not kinds or one.kind in kinds)
        return sorted(found, key=lambda one: one.order)

    # ---- saying it -------------------------------------------------------------------------------------------------

    def refuse(
        self, where: Where, message: str, field: str, hint: str | None = None, code: Code = codes.NOT_GRANTED
    ) -> None:
        """Report that `where` asks for too much, with the place in the manifest that has the last word on it."""
        place = self.granted.places.get(field) or self.granted.places.get(field.partition(".")[0])
        said = "the manifest grants this" if field and place is not None else f"the manifest says no `{field}`"
        if code is codes.OVER_LIMIT:
            said = "the limit"
        elif not field:
            said = "the manifest"
        place = place or self.granted.places[""]
        labels = [Label(place.source, place.span, said), *where.made]
        self.out.report(code, where.span, message, source=where.source, labels=labels, hint=hint)

    def known(self, value: Any, where: Where, what: str, field: str) -> bool:
        """Whether a value can be compared; reported where it cannot and has to be."""
        if isinstance(value, v.Unknown) and not value.address:
            return False  # a parameter without a value, or what follows from a mistake
        if not isinstance(value, v.Unknown | v.Template | v.Secret):
            return True
        self.refuse(where, f"{what} is known only after apply, so nothing can tell whether it is granted", field)
        return False

    # ---- places ----------------------------------------------------------------------------------------------------

    def place(self, value: Any, depth: int = 0) -> str | None:
        """The path that a value of `in` or `at` comes to; None where it is not known."""
        if isinstance(value, str):
            return value
        element = self.elements.get(value.address) if isinstance(value, v.ElementRef) else None
        if element is None or depth > len(self.elements):  # elements that are in each other were reported
            return None
        if (at := element.body.get("at")) is not None:
            return self.place(at, depth + 1)
        # What is called by a name in a place lies below the place, and a name has no slash.
        inside = self.place(element.body.get("inside"), depth + 1)
        return f"{inside}/{element.body.get('name') or element.label}" if inside is not None else None

    def somewhere(self, element: ElementDecl, clause: str, fields: tuple[str, ...], *, strict: bool = False) -> None:
        """`in` or `at` is at or below what one of the fields grants; with `strict`, below it.

        Where an element stands for the place, its own statement asks for that and is refused for it. Only what makes
        or changes something has to look again: an `existing` location may be one to read from.
        """
        value, word = element.body.get(clause), "in" if clause == "inside" else "at"
        if value is None:
            return
        where = element.spans[clause]
        other = self.elements.get(value.address) if isinstance(value, v.ElementRef) else None
        path = self.place(value) if other is None or other.verb == "existing" else None
        if fields == ("locations",) and path is not None and self.only_readable(path):
            self.refuse(where, f"`{path}` may be read from, and nothing may be made or changed in it", "readable")
            return
        if isinstance(value, v.ElementRef):
            return
        if path is None:
            self.known(value, where, f"`{word}`", fields[0])
            return
        allowed = self.all_of(fields)
        found = [one for one in allowed if within(path, one)]
        if found and strict and all(within(one, path) for one in found):
            message = f"`{path}` itself is not for scripts to make or change, only what lies below it"
            hint = f"make a pool in it: {element.verb} pool {element.label} in {v.quoted(path)}"
            self.refuse(where, message, fields[0], hint)
        elif not found:
            message = f"`{element.verb} {element.kind}` {word} `{path}` is not granted"
            self.refuse(where, message, fields[0], _list_of(allowed))

    def all_of(self, fields: tuple[str, ...]) -> list[str]:
        return [one for field in fields for one in getattr(self.grants, field)]

    def only_readable(self, path: str) -> bool:
        readable = any(within(path, one) for one in self.grants.readable)
        return readable and not any(within(path, one) for one in self.grants.locations)

    def text_place(self, value: Any, where: Where, what: str, fields: tuple[str, ...]) -> None:
        """A store path that is written as a text, where an element could stand too."""
        if value is None or isinstance(value, v.ElementRef) or not self.known(value, where, what, fields[0]):
            return
        allowed = self.all_of(fields)
        if isinstance(value, str) and not any(within(value, one) for one in allowed):
            self.refuse(where, f"{what} at `{value}` is not granted", fields[0], _list_of(allowed))

    # ---- elements --------------------------------------------------------------------------------------------------

    def verb(self, element: ElementDecl) -> None:
        words = self.grants.verbs if self.grants.verbs is not None else WORDS
        if element.verb not in words:
            start = element.where.span.start
            where = Where(element.where.source, Span(start, start + len(element.verb)), element.where.made)
            self.refuse(where, f"`{element.verb}` is not granted", "verbs", _list_of(words))

    def pool(self, element: ElementDecl) -> None:
        made = element.verb in ("create", "ensure")
        self.somewhere(element, "at", ("pools",), strict=made)
        self.somewhere(element, "inside", ("pools",))
        if element.verb == "existing":
            return
        shares = element.body.get("shares")
        if self.limits.shares is not None and shares is not None:
            self.at_most(shares, self.limits.shares, element.spans["shares"], "`shares`", "limits.shares")

    def location(self, element: ElementDecl) -> None:
        self.somewhere(element, "at", ("locations", "readable") if element.verb == "existing" else ("locations",))

    def network(self, element: ElementDecl) -> None:
        at, inside = element.body.get("at"), element.body.get("inside")
        if inside is not None and self.known(inside, element.spans["inside"], "`in`", "switches"):
            switches = self.grants.switches
            if not any(within(str(inside), one) for one in switches):
                message = f"`{element.verb} {element.kind}` in `{inside}` is not granted"
                self.refuse(element.spans["inside"], message, "switches", _list_of(switches))
        if not (element.verb == "create" and inside is not None):
            where = element.spans["at"] if at is not None else element.spans.get("name", element.head)
            name = self.network_name(element)
            if name is None:
                if at is None and "name" not in element.body:
                    hint = 'write its name: at "…"'
                    self.refuse(where, f"what `{element.label}` is called there is not granted", "networks", hint)
                else:
                    self.known(at if at is not None else element.body["name"], where, "its name", "networks")
            elif name not in self.grants.networks:
                message = f"the network `{name}` is not granted"
                self.refuse(where, message, "networks", _list_of(self.grants.networks))
        vlan = element.body.get("vlan")
        if vlan is not None and element.verb != "existing":
            where = element.spans["vlan"]
            if self.known(vlan, where, "`vlan`", "vlans") and vlan not in self.grants.vlans:
                self.refuse(where, f"VLAN {vlan} is not granted", "vlans", _list_of(self.grants.vlans))

    def network_name(self, element: ElementDecl) -> str | None:
        """What a network is called on the platform; None where that is the deployment's to say, or not known."""
        at = element.body.get("at")
        if at is not None:
            return at if isinstance(at, str) else None
        named = element.body.get("name")
        if named is not None:
            return named if isinstance(named, str) else None
        # What was adopted keeps the name that it was adopted by, whatever the element is called by now.
        return element.label if element.verb == "existing" else None

    def segment(self, element: ElementDecl) -> None:
        inside = element.body.get("inside")
        if isinstance(inside, v.ElementRef) or inside is None:
            return  # the network was looked at itself
        where = element.spans["inside"]
        if self.known(inside, where, "`in`", "networks") and inside not in self.grants.networks:
            message = f"the network `{inside}` is not granted"
            self.refuse(where, message, "networks", _list_of(self.grants.networks))

    def storage(self, element: ElementDecl) -> None:
        looked_up = element.verb == "existing"
        self.somewhere(element, "inside", ("locations", "readable") if looked_up else ("locations",))
        self.parent(element)
        data, images = element.body.get("data"), self.grants.images
        if data is None or images is None or looked_up:
            return
        where = element.spans["data"]
        if self.known(data, where, "`data`", "images") and f"sha256:{data.sha256}" not in images:
            message = f"the content of {data.source} is not among those that are granted"
            self.refuse(where, message, "images", f"it is sha256:{data.sha256}")

    def parent(self, element: ElementDecl) -> None:
        value = element.body.get("parent")
        if value is not None:
            self.text_place(value, element.spans["parent"], "a parent", ("locations", "readable"))

    def executor(self, element: ElementDecl) -> None:
        self.somewhere(element, "inside", ("pools",))
        self.parent(element)
        looked_up = element.verb == "existing"
        if "at" in element.body or looked_up:
            self.somewhere(element, "at", ("locations", "readable") if looked_up else ("locations",))
            return
        loader = self.elements.get(self.loaders.get(element.address, ""))
        if loader is not None and loader.verb != "existing":
            return  # it was looked at itself, where it is
        path = self.place(loader.body.get("inside")) if loader is not None else None
        if self.whole and (path is None or self.only_readable(path)):
            message = f"where `{element.label}` keeps its own files is not granted"
            self.refuse(element.head, message, "locations", "say where: `at` and a location")

    def task(self, element: ElementDecl) -> None:
        """A task is a program in an executor, and what that may have is what the executor may have."""

    # ---- handles ---------------------------------------------------------------------------------------------------

    def handle(self, handle: HandleDecl) -> None:
        roles = {one.address: one.role for one in handle.steps if isinstance(one, JoinStep)}
        for step in handle.steps:
            if not isinstance(step, BindStep):
                continue
            match step.kind:
                case "executor" | "template":
                    self.compute(step)
                case "network":
                    self.address(step)
                case "storage":
                    self.mount(step, step.role or roles.get(step.address, ""))
                case "task":
                    if "log" in step.body:
                        self.text_place(step.body["log"], step.spans["log"], "a log", ("locations",))
                case _:
                    pass

    def compute(self, step: BindStep) -> None:
        for name, most in (("cpus", self.limits.cpus_per_executor), ("memory", self.limits.memory_per_executor)):
            if name in step.body and most is not None:
                field = f"limits.{name}_per_executor"
                self.at_most(step.body[name], most, step.spans[name], f"`{name}`", field)

    def address(self, step: BindStep) -> None:
        element, ip = self.elements.get(step.address), step.body.get("ip")
        if element is None or not isinstance(ip, v.VariantValue) or ip.case != "static" or element.verb == "create":
            return  # in a network of its own a script takes what it likes
        where, value = step.spans["ip"], ip.fields.get("address")
        if not self.known(value, where, "a fixed address", "addresses"):
            return
        name = self.network_name(element)
        ranges = self.grants.addresses.get(name or "", [])
        address = ipaddress.ip_interface(str(value)).ip
        if not any(address in ipaddress.ip_network(one, strict=False) for one in ranges):
            field = f"addresses.{name}"
            message = f"the address {address} on `{name or element.label}` is not granted"
            self.refuse(where, message, field, _list_of(ranges))

    def mount(self, step: BindStep, role: str) -> None:
        """What is only readable is bound read-only."""
        element = self.elements.get(step.address)
        path = self.place(element.body.get("inside")) if element is not None else None
        if path is None or role == "loader" or not self.only_readable(path):
            return
        mode = step.body.get("mode", v.VariantValue("read_write"))
        where = step.spans.get("mode", step.where)
        if self.known(mode, where, "`mode`", "readable") and mode != v.VariantValue("read_only"):
            message = f"`{step.address}` may be read and not changed"
            self.refuse(where, message, "readable", "bind it with mode: .read_only")

    # ---- limits ----------------------------------------------------------------------------------------------------

    def at_most(self, value: Any, most: int, where: Where, what: str, field: str) -> None:
        if self.known(value, where, what, field) and value > most:
            shown = v.show(type(value)(most))
            message = f"{what} is {v.show(value)}, and the manifest allows {shown}"
            self.refuse(where, message, field, code=codes.OVER_LIMIT)

    def sums(self) -> None:
        pools = [one for one in self.in_order("pool") if one.verb != "existing"]
        executors = [one for one in self.in_order(*EXECUTORS) if one.verb != "existing"]
        self.count(pools, self.limits.pools, "pools")
        self.count(executors, self.limits.executors, "executors")
        self.reservations(pools)
        outermost = [one for one in pools if not self.in_own_pool(one)]
        loose = [one for one in executors if not self.in_own_pool(one)]
        self.compute_sum("cpu", self.limits.cpu, outermost, loose)
        self.compute_sum("memory", self.limits.memory, outermost, loose)
        self.storages()

    def in_own_pool(self, element: ElementDecl) -> bool:
        """Whether it lies in a pool of this script, which has limits of its own."""
        inside = element.body.get("inside")
        pool = self.elements.get(inside.address) if isinstance(inside, v.ElementRef) else None
        return pool is not None and pool.verb != "existing"

    def count(self, found: list[ElementDecl], most: int | None, word: str) -> None:
        if most is not None and len(found) > most:
            message = f"the script has {len(found)} {word}, and the manifest allows {most}"
            self.refuse(found[most].head, message, f"limits.{word}", code=codes.OVER_LIMIT)

    def compute_sum(self, name: str, most: int | None, pools: list[ElementDecl], executors: list[ElementDecl]) -> None:
        """`cpu` or `memory` of everything together."""
        if most is None:
            return
        field, word = f"limits.{name}", {"cpu": "processor", "memory": "memory"}[name]
        total = _Sum(self, most, f"the {word} of everything", field)
        memory = {
            step.address: (step.body["memory"], step.spans["memory"])
            for handle in self.handles
            for step in handle.steps
            if isinstance(step, BindStep) and step.kind in EXECUTORS and "memory" in step.body
        }
        for one in sorted((*pools, *executors), key=lambda each: each.order):
            if one.kind == "pool":
                limits = one.body.get("limits")
                where = one.spans.get("limits", one.head)
                value = limits.get(name) if isinstance(limits, dict) else limits
                example = "8GHz" if name == "cpu" else "8GiB"
                hint = f"write limits: {{ {name}: {example} }}"
            else:
                value, where = memory.get(one.address, (None, one.head)) if name == "memory" else (None, one.head)
                hint = f"make it in a pool of this script with limits: {{ {name}: … }}"
                if name == "memory":
                    hint = f"write `bind {one.label} {{ memory: 2GiB }}` in its handle, or m{hint[1:]}"
            if value is None:
                message = f"nothing limits the {word} of `{one.address}`, and the manifest limits it"
                self.refuse(where, message, field, hint, codes.OVER_LIMIT)
            else:
                total.add(value, where)

    def reservations(self, pools: list[ElementDecl]) -> None:
        granted = self.grants.reservation
        for name in ("cpu", "memory"):
            most = (getattr(granted, name) if granted is not None else None) or 0
            total = _Sum(self, most, f"the {name} kept for pools", f"reservation.{name}", codes.NOT_GRANTED)
            for one in pools:
                kept = one.body.get("reservation")
                value = kept.get(name) if isinstance(kept, dict) else kept
                if value is not None:
                    total.add(value, one.spans["reservation"])

    def storages(self) -> None:
        if self.limits.storage is None:
            return
        total = _Sum(self, self.limits.storage, "all storage", "limits.storage")
        for one in self.in_order("storage"):
            if one.verb == "existing":
                continue
            data, free = one.body.get("data"), one.body.get("free")
            if isinstance(data, v.DataRef):
                total.add(v.Bytes(data.size), one.spans["data"])
            if free is not None:
                total.add(free, one.spans["free"])


class _Sum:
    """A running sum; what crosses the limit is reported, and what comes after it is not."""

    def __init__(self, check: _Check, most: int, what: str, field: str, code: Code = codes.OVER_LIMIT) -> None:
        self.check = check
        self.most = most
        self.what = what
        self.field = field
        self.code = code
        self.total = 0
        self.crossed = False

    def add(self, value: Any, where: Where) -> None:
        """Count a value in."""
        if not self.check.known(value, where, "this", self.field):
            return
        self.total += int(value)
        if self.total <= self.most or self.crossed:
            return
        self.crossed = True
        unit = type(value)
        message = f"with this, {self.what} comes to {v.show(unit(self.total))}"
        message += (
            f", and the manifest allows {v.show(unit(self.most))}" if self.most else ", and the manifest grants none"
        )
        self.check.refuse(where, message, self.field, code=self.code)


def _list_of(allowed: Iterable[object]) -> str:
    names = [f"`{one}`" for one in allowed]
    return "granted: " + ", ".join(names) if names else "the manifest grants none"


_ELEMENTS: dict[str, Callable[[_Check, ElementDecl], None]] = {
    "pool": _Check.pool,
    "location": _Check.location,
    "network": _Check.network,
    "segment": _Check.segment,
    "storage": _Check.storage,
    "executor": _Check.executor,
    "template": _Check.executor,
    "task": _Check.task,
}
KINDS_COVERED = frozenset(_ELEMENTS)
"""Kinds that a manifest speaks about; any other is refused."""
