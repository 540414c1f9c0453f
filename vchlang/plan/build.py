"""Choose the operations that make the world match the composition, and put them into order.

Pure: what exists comes in as `observed`, what is remembered as the request's state, what the driver can keep as
capabilities. For each element three things are held against each other: what the script wants, what the state
remembers, what the platform says. What follows from them is one decision, with its reason:

    not there                      create (adopt, existing: an error)
    there, ours, nothing differs   none
    there, ours, fields differ     update; or replace, where a field is fixed at creation
    there, somebody else's         refused, with the owner's name
    nobody can tell                refused: unknown is never taken for absent

A replacement is made before the old one goes where their names differ (storage), and after it where they are one name.
Then handles: the whole composition of an executor against the one that was committed last; and a running executor is
stopped around a commit that changes it. What the script no longer has is removed, in the opposite order of making.

Operations come in topological order, and ties keep the order of the script, so equal inputs give equal plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.order import words_of
from vchlang.analysis.places import DIRECTORIES
from vchlang.analysis.program import (
    BindStep,
    Composition,
    ElementDecl,
    HandleDecl,
    JoinStep,
    PowerDecl,
    WaitDecl,
    Where,
)
from vchlang.diagnostics import Code, Label, Report, with_article
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Capabilities, Commit, Finding, Observation, Present, Query, Unknown, object_key
from vchlang.plan.compare import changes_of, effect_of, holds_data, marks_of, reasons_of
from vchlang.plan.executors import Executors
from vchlang.plan.lower import Lowering
from vchlang.plan.lowered import is_open
from vchlang.plan.model import Change, Operation, Place, Substep
from vchlang.plan.order import Step, in_order, needed_first
from vchlang.plan.removal import Removal
from vchlang.plan.renames import Renames, missed, renames_of, stamped
from vchlang.plan.request import Planned, Request, plan_of
from vchlang.plan.rules import shown
from vchlang.plan.verifies import verifies_of
from vchlang.state.store import HANDLE, Deployment, ObjectRow
from vchlang.text import Span

_ABOUT = {"no-space": "free", "bad-archive": "data", "wrong-checksum": "checksum"}
"""Which field a finding is about, by its code; else it is about the place."""
NEXT = "#next"
"""What the id of a question ends in that asks about the name of an element's replacement."""
_STEPS_OF_LOCATION = ("check that the directory is empty", "write the policy file", "confirm ownership")


def queries(composition: Composition, request: Request) -> tuple[Query, ...]:
    """What must be observed to plan a composition that is free of errors: its elements, and what the state has."""
    request, _ = _renamed(composition, request)
    lowering = _lowering(composition, request)
    rows = _rows(request.state)
    steps: dict[str, list[JoinStep | BindStep]] = {}
    for handle in composition.handles:
        steps.setdefault(handle.executor, []).extend(handle.steps)
    out: list[Query] = []
    for element in composition.elements.values():
        kind = KINDS[element.kind]
        if kind.recorded:
            continue
        row = rows.get(element.address)
        identity = lowering.identity(element.address)
        if row is not None and row.identity != identity and element.kind == row.kind:
            out.append(_ask(f"{row.address}#{row.generation}", row))
        if row is not None and row.kind != element.kind:
            key = _key(request.state, element.address, lowering.next_generation(element.address))
        else:
            key = (
                row.key
                if row is not None
                else _key(request.state, element.address, lowering.generation(element.address))
            )
        # A shared path is asked about under the name that we would have there, to learn whether we are among its users.
        args = msgspec.convert(_constant(lowering.args(element)), kind.element.cls)
        out.append(Query(id=element.address, kind=element.kind, identity=identity, key=key, args=args))
        if row is not None and element.kind == row.kind == "storage" and row.identity == identity:
            lowered = lowering.args(element)
            if effect_of(changes_of(element, lowered, row, Absent())) == "replace":
                # Its replacement gets a name of its own, and somebody may have that already.
                place = lowering.next_identity(element.address)
                key = _key(request.state, element.address, lowering.next_generation(element.address))
                out.append(Query(id=element.address + NEXT, kind="storage", identity=place, key=key, args=args))
        if element.kind == "executor" and element.verb != "existing":
            out += _foresee(element, steps.get(element.address, ()), lowering, identity)
    for row in request.state.objects:
        if (
            row.kind != "handle"
            and not KINDS[row.kind].recorded
            and (
                row.deposed
                or row.address not in composition.elements
                or composition.elements[row.address].kind != row.kind
            )
        ):
            out.append(_ask(f"{row.address}#{row.generation}", row))
    return tuple(out)


def _foresee(
    element: ElementDecl, steps: Sequence[JoinStep | BindStep], lowering: Lowering, identity: str
) -> list[Query]:
    """Ask which addresses an executor's networks will have, where the driver can tell before it gives them."""
    binds = {(one.address, one.role): one for one in steps if isinstance(one, BindStep) and one.kind == "network"}
    joins = [one for one in steps if isinstance(one, JoinStep) and one.kind == "network"]
    if not joins:
        return []
    args = lowering.commit(element, joins, binds)
    args["members"] = [one for one in args["members"] if not is_open(one)]
    return [Query(id=element.address + HANDLE, kind="handle", identity=identity, args=msgspec.convert(args, Commit))]


def build(
    composition: Composition,
    request: Request,
    observed: dict[str, Observation],
    findings: tuple[Finding, ...],
    capabilities: Capabilities,
) -> Planned:
    """Plan one composition. `composition` is free of errors and misses nothing; ValueError otherwise."""
    if composition.has_errors or composition.missing:
        raise ValueError("a composition with errors cannot be planned")
    return _Builder(composition, request, observed, findings, capabilities).run()


class _Builder:
    def __init__(
        self,
        composition: Composition,
        request: Request,
        observed: dict[str, Observation],
        findings: tuple[Finding, ...],
        capabilities: Capabilities,
    ) -> None:
        self.composition = composition
        self.request, self.renames = _renamed(composition, request)
        self.observed = observed
        self.findings = findings
        self.capabilities = capabilities
        self.rows = _rows(self.request.state)
        self.lowering = _lowering(composition, self.request)
        self.out = Report(request.script)
        self.steps: dict[tuple[str, ...], Step] = {}
        self.replaced: dict[str, str] = {}
        self.removed_first: set[str] = set()
        self.refused: set[str] = set()
        self.handles: dict[str, list[HandleDecl]] = {}
        for handle in composition.handles:
            self.handles.setdefault(handle.executor, []).append(handle)
        self.powers: dict[str, list[PowerDecl]] = {}
        for power in composition.powers:
            self.powers.setdefault(power.executor, []).append(power)
        self.waits: dict[str, list[WaitDecl]] = {}
        for wait in composition.waits:
            self.waits.setdefault(wait.executor, []).append(wait)
        self._segments: dict[str, str] | None = None
        self.removal = Removal(self)
        self.executors = Executors(self)

    def run(self) -> Planned:
        self.confirm()
        elements = sorted(self.composition.elements.values(), key=lambda one: one.order)
        self.same_names(elements)
        # What an element is in or made from comes before it: whether that is replaced decides about the element too.
        for element in needed_first(elements):
            self.plan_element(element)
        for element in elements:
            if element.kind in ("executor", "template") and element.verb != "existing":
                self.executors.plan(element)
        self.removal.plan()
        self.unanswered(elements)
        self.executors.settle()
        operations = self.in_order()
        plan = plan_of(
            self.request,
            "apply",
            operations,
            outputs={one.name: self.lowering.output(one.value) for one in self.composition.outputs},
            findings=self.findings,
            verifies=verifies_of(self.composition.verifies, self.place),
        )
        return Planned(plan=plan, diagnostics=self.out.freeze())

    # ---- before anything -------------------------------------------------------------------------------------------

    def confirm(self) -> None:
        """The environment's findings become diagnostics where they forbid, each at the element that it is about."""
        self.add(("confirm",), (-1,), set(), None, action="confirm", kind="environment", address="")
        self.renames.report(self.out)
        for place, stage in enumerate(self.renames.stages):
            args = {"moves": stage.moves, "settled": list(stage.settled)}
            self.add(
                ("rename", str(place)), (-1, place), {("rename", str(place - 1))}, None,
                action="rename", kind="state", address="", args=args, steps=stage.steps(),
            )  # fmt: skip
        for finding in self.findings:
            if finding.level == "ok":
                continue
            code = codes.CODES.get(finding.code, codes.UNSUPPORTED)
            element = self.composition.elements.get(finding.address)
            where = None
            if element is not None:
                field = _ABOUT.get(code.slug, "at")
                where = element.spans.get(field) or element.spans.get("at") or element.spans.get("inside")
                where = where or element.head
            if finding.level == "error":
                self.refused.add(finding.address)
                self.say(code, where, finding.message)
            else:
                self.say(_warning(code), where, finding.message)

    def same_names(self, elements: list[ElementDecl]) -> None:
        """Two elements cannot have one name there: the second would find the first and take it for its own."""
        seen: dict[tuple[str, str], ElementDecl] = {}
        for element in elements:
            if KINDS[element.kind].recorded or element.verb == "existing":
                continue
            kind = "location" if element.kind in DIRECTORIES else element.kind
            key = kind, self.lowering.identity(element.address)
            first = seen.setdefault(key, element)
            if first is not element:
                label = Label(source=first.head.source, span=first.head.span, text="the first of them")
                old = next((one for one in (first, element) if self.lowering.named(one.address) != one.address), None)
                hint = (
                    f"`{old.address}` keeps the name that it was made with; give the other one a `name:`"
                    if old
                    else None
                )
                self.say(
                    codes.SAME_NAME,
                    element.head,
                    f"`{element.address}` and `{first.address}` are both {key[1]}",
                    hint=hint,
                    labels=(label,),
                )

    def unanswered(self, elements: list[ElementDecl]) -> None:
        """Report each `@was` of a new element that no object answers to: what it means may be on its way out."""
        new = [one for one in elements if one.was and one.address not in self.rows and self.made(one.address)]
        for one in missed(new, self.request.state, self.removal.gone) if new and not self.renames.problems else ():
            code = codes.BAD_RENAME if one.goes else _warning(codes.BAD_RENAME)
            self.say(code, one.problem.where, one.problem.message, hint=one.problem.hint)

    def made(self, address: str) -> bool:
        """Whether the plan creates or adopts an element."""
        step = self.steps.get(("element", address))
        return step is not None and step.fields["action"] in ("create", "adopt")

    # ---- elements --------------------------------------------------------------------------------------------------

    def plan_element(self, element: ElementDecl) -> None:
        """Decide about one element; what lies in something that was refused is not refused again."""
        places = [element.body.get(name) for name in ("inside", "at", "parent")]
        known = element.address in self.refused
        if known or any(isinstance(one, v.ElementRef) and one.address in self.refused for one in places):
            self.refused.add(element.address)
            return
        self.decide(element)
        if ("element", element.address) not in self.steps:
            self.refused.add(element.address)

    def decide(self, element: ElementDecl) -> None:
        kind = KINDS[element.kind]
        if not self.supported(element):
            return
        row = self.rows.get(element.address)
        composed = row.kind if row is not None else "executor"
        if element.address + HANDLE in self.rows and element.kind != composed:
            self.say(
                codes.WRONG_TYPE,
                element.head,
                f"`{element.address}` was {with_article(composed)}; "
                f"remove it before it becomes {with_article(element.kind)}",
            )
        if row is not None and row.kind != element.kind:
            # Another kind under the same address is another object: the old one goes as if its statement had gone.
            self.removal.extra.append(row)
            self.lowering.generations[element.address] = self.lowering.next_generation(element.address)
            row = None
        if kind.recorded:
            self.plan_record(element, row)
            return
        seen = self.observed.get(element.address, Unknown(reason="the driver gave no answer"))
        if isinstance(seen, Unknown):
            code = codes.CODES.get(seen.code, codes.UNKNOWN_WORLD)
            self.say(code, self.place_of(element), f"`{element.address}`: {seen.reason}")
            return
        if element.verb == "existing":
            self.plan_existing(element, seen)
        elif row is None:
            self.plan_new(element, seen)
        else:
            self.plan_known(element, row, seen)

    def supported(self, element: ElementDecl) -> bool:
        """Report what the driver cannot do for an element; whether it has such elements at all."""
        can = self.capabilities
        if element.kind not in can.kinds:
            why = f": {can.declined[element.kind]}" if element.kind in can.declined else ""
            self.say(codes.UNSUPPORTED, element.head, f"the {can.driver} portlayer has no {element.kind}{why}")
            return False
        if "parent" in element.body and element.kind == "executor" and "template" not in can.kinds:
            why = f": {can.declined['template']}" if "template" in can.declined else ""
            self.say(codes.UNSUPPORTED, element.spans["parent"], f"the {can.driver} portlayer has no template{why}")
        at = element.body.get("at")
        if element.kind == "location" and isinstance(at, str):
            scheme = at.partition("://")[0]
            if scheme not in can.schemes:
                self.say(
                    codes.UNSUPPORTED,
                    element.spans["at"],
                    f"the {can.driver} portlayer cannot do {scheme}://",
                    hint=f"it has {', '.join(one + '://' for one in can.schemes)}",
                )
        packaging = element.body.get("packaging")
        if isinstance(packaging, v.VariantValue) and packaging.case not in can.packagings:
            self.say(
                codes.UNSUPPORTED, element.spans["packaging"], f"the {can.driver} portlayer has no `.{packaging.case}`"
            )
        isolation = element.body.get("isolation")
        if isinstance(isolation, v.VariantValue) and isolation.case not in can.isolation:
            self.say(
                codes.UNSUPPORTED,
                element.spans["isolation"],
                f"the {can.driver} portlayer does not isolate on the level of the {isolation.case} here",
            )
        return True

    def plan_record(self, element: ElementDecl, row: ObjectRow | None) -> None:
        """A task has no object on the platform: the state has it, and the commit that joins it carries it out."""
        args = self.lowering.args(element)
        if row is None:
            self.add_element(element, "create", args, note="carried out by the commit that joins it")
            return
        changes = (*changes_of(element, args, row, Absent()), *marks_of(element, row))
        action = "update" if changes else "none"
        self.add_element(element, action, args, changes=changes, because=reasons_of(changes))

    def plan_existing(self, element: ElementDecl, seen: Observation) -> None:
        if isinstance(seen, Absent):
            identity = self.lowering.identity(element.address)
            self.say(
                codes.NOT_FOUND,
                self.place_of(element),
                f"there is no {element.kind} `{identity}` on {self.request.target}",
                hint=seen.detail or None,
            )
            return
        row = self.rows.get(element.address)
        if row is not None:
            # The state would go on owning what the script says is not ours, and a destroy would remove it.
            self.say(
                codes.WRONG_VERB,
                element.head,
                f"`{element.address}` was {row.origin} by this deployment, and `existing` never owns",
                hint="write the verb that it had, or another name for what is only looked up",
            )
            return
        self.add_element(element, "read", self.lowering.args(element), origin="found")

    def plan_new(self, element: ElementDecl, seen: Observation) -> None:
        """An element that the state does not know."""
        args = self.lowering.args(element)
        identity = self.lowering.identity(element.address)
        verb = element.verb
        if self.in_a_strangers(element):
            return
        if isinstance(seen, Absent):
            if verb == "adopt":
                self.say(
                    codes.NOT_FOUND,
                    self.place_of(element),
                    f"there is no {element.kind} `{identity}` to adopt",
                    hint="`ensure` makes it where it is missing",
                )
            else:
                self.add_element(element, "create", args, steps=_make_steps(element))
            return
        assert isinstance(seen, Present)
        if self.owned(seen, element.address):
            # Made by us, and the state lost it (an old backup, a store that was recovered): it is taken back.
            # What may have been adopted is taken back as adopted: given up one day, and never deleted.
            made = verb != "adopt" and seen.owner is not None and seen.owner.lineage == self.request.state.lineage
            because = ("it is ours already, and the state did not know it",)
            if seen.owner is not None and seen.owner.lineage == self.request.state.lineage:
                self.lowering.generations[element.address] = seen.owner.generation
            self.add_element(element, "create" if made else "adopt", args, because=because)
        elif seen.owner is not None:
            if verb in ("adopt", "ensure") and seen.shared:
                self.add_element(
                    element,
                    "adopt",
                    args,
                    because=(f"shared by `{seen.owner.deployment}`",),
                    origin="adopted",
                    steps=(Substep(text="confirm ownership: shared"),),
                )
            else:
                self.foreign(element, identity, seen)
        elif verb == "adopt":
            self.add_element(element, "adopt", args, origin="adopted", because=(seen.detail,) if seen.detail else ())
        elif seen.claimable:
            self.add_element(element, "create", args, steps=_make_steps(element))
        elif element.kind == "location":
            self.say(
                codes.NOT_EMPTY,
                self.place_of(element),
                f"{identity} is not empty: {seen.detail}",
                hint="write `adopt` to take it over with what is in it",
            )
        else:
            self.say(
                codes.ALREADY_EXISTS,
                self.place_of(element),
                f"{with_article(element.kind)} `{identity}` exists already, and nobody's record says whose it is",
                hint="write `adopt` to take it over, or `existing` to use it as it is",
            )

    def in_a_strangers(self, element: ElementDecl) -> bool:
        """Report an element that is to be made in a location that is only looked up and belongs to somebody else."""
        for name in ("inside", "at"):
            ref = element.body.get(name)
            holder = self.composition.elements.get(ref.address) if isinstance(ref, v.ElementRef) else None
            seen = self.observed.get(holder.address) if holder is not None else None
            if (
                holder is None
                or holder.kind != "location"
                or holder.verb != "existing"
                or not isinstance(seen, Present)
            ):
                continue
            if seen.owner is not None and self.uses(seen):
                continue
            whose = f"belongs to {_whose(seen, self.request)}" if seen.owner is not None else "is nobody's"
            self.say(
                codes.FOREIGN_OWNER, element.spans[name], f"`{holder.address}` {whose}, so nothing is made in it",
                hint="`ensure` makes it ours, or us one of its users where it is shared",
            )  # fmt: skip
            return True
        return False

    def uses(self, seen: Present) -> bool:
        """Whether our deployment is the owner of something, or among those who use it."""
        tags = [seen.owner] if seen.owner is not None else []
        lineage = self.request.state.lineage
        return bool(lineage) and any(one.lineage == lineage for one in (*tags, *seen.sharers))

    def foreign(self, element: ElementDecl, identity: str, seen: Present) -> None:
        owner = seen.owner
        assert owner is not None
        self.say(
            codes.FOREIGN_OWNER,
            self.place_of(element),
            f"{identity} belongs to {_whose(seen, self.request)}",
            hint="nothing was touched; choose another place, or have its owner share it or give it up",
        )

    def plan_known(self, element: ElementDecl, row: ObjectRow, seen: Observation) -> None:
        """An element that we made or adopted before."""
        args = self.lowering.args(element)
        if row.identity != self.lowering.identity(element.address):
            self.moved(element, row)
            return
        if isinstance(seen, Absent) and element.verb == "adopt":
            self.say(
                codes.NOT_FOUND, self.place_of(element), f"the {element.kind} `{row.identity}` that was adopted is gone"
            )
            return
        if isinstance(seen, Absent):
            self.add_element(
                element, "create", args, because=("it is gone from the platform",), steps=_make_steps(element)
            )
            return
        assert isinstance(seen, Present)
        if not self.owned(seen, element.address):
            if seen.owner is None:
                self.say(
                    codes.FOREIGN_OWNER,
                    self.place_of(element),
                    f"the ownership record on {row.identity} is gone",
                    hint="somebody removed it; nothing was touched",
                )
            else:
                self.foreign(element, row.identity, seen)
            return
        if seen.owner is not None and seen.owner.lineage != self.request.state.lineage:
            self.only_additions(element, args, seen)
            return
        changes = (*changes_of(element, args, row, seen, self.segments()), *marks_of(element, row))
        if element.kind in ("executor", "template", "network") and row.args.get("inside") != args.get("inside"):
            # Their name there does not tell what they are in, so the identity shows no move.
            before, after = (v.quoted(str(one.get("inside"))) for one in (row.args, args))
            changes = (*changes, Change(path="in", before=before, after=after, effect="replace"))
        for name in self.inside_replaced(element):
            holder = element.body[name].address
            changes = (
                *changes,
                Change(path=_clause(name), before=f"`{holder}`", after=f"`{holder}`, replaced", effect="replace"),
            )
        closing = next((one for one in changes if one.path == "shared" and one.after == "false"), None)
        others = [one for one in seen.sharers if one.lineage != self.request.state.lineage]
        if closing is not None and others:
            self.say(
                codes.FOREIGN_OWNER, element.spans.get("shared", element.head),
                f"`{others[0].deployment}` uses `{element.address}` too, so it stays shared",
            )  # fmt: skip
            return
        match effect_of(changes):
            case "replace":
                self.replace(element, row, changes)
            case "never":
                fixed = next(change for change in changes if change.effect == "never")
                self.say(
                    codes.FIXED_FIELD,
                    _written(element, fixed.path),
                    f"`{fixed.path}` is fixed when the {element.kind} is made",
                    expected=fixed.before,
                    found=fixed.after,
                )
            case "":
                self.add_element(element, "none", args, expect=seen.version, origin=row.origin)
            case _:
                self.add_element(
                    element,
                    "update",
                    args,
                    changes=changes,
                    because=reasons_of(changes),
                    expect=seen.version,
                    origin=row.origin,
                )

    def only_additions(self, element: ElementDecl, args: dict[str, Any], seen: Present) -> None:
        """We are one of those who use a shared thing: its owner's fields stand, and a contradiction names the owner."""
        row = self.rows[element.address]
        changes = changes_of(element, args, msgspec.structs.replace(row, args=seen.fields or row.args), seen)
        changes = tuple(one for one in changes if one.path != "shared")
        if changes and seen.owner is not None:
            first = changes[0]
            self.say(
                codes.FOREIGN_OWNER,
                _written(element, first.path),
                f"`{first.path}` is set by `{seen.owner.address}` of the deployment `{seen.owner.deployment}`",
                expected=first.before,
                found=first.after,
            )
            return
        self.add_element(element, "none", args, origin=row.origin)

    def inside_replaced(self, element: ElementDecl) -> list[str]:
        """The clauses that name something which has to go before it comes back: what is in it cannot stay."""
        out = []
        for name in ("inside", "at", "parent"):
            value = element.body.get(name)
            if isinstance(value, v.ElementRef) and value.address in self.removed_first:
                out.append(name)
        return out

    def moved(self, element: ElementDecl, row: ObjectRow) -> None:
        old = self.observed.get(f"{row.address}#{row.generation}", Unknown(reason="the driver gave no answer"))
        if isinstance(old, Unknown):
            self.say(codes.CODES.get(old.code, codes.UNKNOWN_WORLD), element.head, f"`{element.address}`: {old.reason}")
            return
        args = self.lowering.args(element)
        where = next((name for name in ("at", "inside", "name") if args.get(name) != row.args.get(name)), "name")
        self.lowering.generations[element.address] = self.lowering.next_generation(element.address)
        change = Change(
            path=_clause(where), before=row.identity, after=self.lowering.identity(element.address), effect="replace"
        )
        seen = self.observed.get(element.address)
        if isinstance(seen, Present) and not self.owned(seen, element.address) and not seen.claimable:
            self.plan_new(element, seen)  # says whose the new place is
            return
        if element.verb == "adopt" and isinstance(seen, Absent):
            self.plan_new(element, seen)  # says that it is not there
            return
        self.replace(element, row, (change,))

    def replace(self, element: ElementDecl, row: ObjectRow, changes: tuple[Change, ...]) -> None:
        head = _written(element, changes[0].path)
        if row.protect or element.protect:
            self.say(
                codes.PROTECTED,
                head,
                f"`{element.address}` is protected, and this change would replace it",
                expected=changes[0].before,
                found=changes[0].after,
            )
            return
        if element.kind == "storage" and holds_data(row.args):
            self.say(
                codes.REPLACE_LOSES_DATA,
                head,
                f"this would replace `{element.address}`, and its data would be lost",
                hint="keep it; or add another storage beside it and copy the data before this one goes",
                expected=changes[0].before,
                found=changes[0].after,
            )
            return
        self.replaced[element.address] = changes[0].path
        self.lowering.generations[element.address] = self.lowering.next_generation(element.address)
        args = self.lowering.args(element)
        if self.lowering.identity(element.address) == row.identity:
            if row.retain:
                self.say(
                    codes.PROTECTED,
                    head,
                    f"`{element.address}` is kept by `@retain`, and its replacement would have the same name",
                    hint="give the new one another name, or apply it once without `@retain`",
                    expected=changes[0].before,
                    found=changes[0].after,
                )
                return
            self.removed_first.add(element.address)
        elif self.occupied(element):
            return
        self.add_element(
            element,
            "create" if element.verb != "adopt" else "adopt",
            args,
            changes=changes,
            because=reasons_of(changes),
            steps=_make_steps(element),
        )
        self.removal.replaced.append(row)

    def occupied(self, element: ElementDecl) -> bool:
        """Report that the name which a replacement is to have is somebody's."""
        seen = self.observed.get(element.address + NEXT)
        identity = self.lowering.identity(element.address)
        if not isinstance(seen, Present) or self.owned(seen, element.address) or seen.claimable:
            return False
        if seen.owner is not None:
            self.foreign(element, identity, seen)
        else:
            self.say(
                codes.ALREADY_EXISTS,
                self.place_of(element),
                f"the replacement of `{element.address}` would be {identity}, and that exists already",
                hint="nobody's record says whose it is; move it away, or give the storage another `name:`",
            )
        return True

    def owned(self, seen: Present, address: str) -> bool:
        lineage = self.request.state.lineage
        if not lineage:
            return False
        tags = [seen.owner] if seen.owner is not None else []
        named = self.lowering.named(address)
        return any(one.lineage == lineage and one.address == named for one in (*tags, *seen.sharers))

    def add_element(
        self,
        element: ElementDecl,
        action: str,
        args: dict[str, Any],
        *,
        origin: str = "",
        note: str = "",
        **fields: Any,
    ) -> None:
        # Segments that its rules name need not be there before it, or two could not name each other: see `rules`.
        named = {one.address for one in v.leaves(element.body.get("rules", ())) if isinstance(one, v.ElementRef)}
        needs: set[tuple[str, ...]] = {self.step_for(one) for one in element.needs - named if one != element.address}
        for value in element.body.values():
            needs |= self.facts_in(value)
        needs |= self.later(element)
        if action in ("create", "adopt") and "rules" in args:
            fields["steps"] = self.rule_steps(element, args["rules"])
        fields.setdefault("notes", (note,) if note else ())
        if (old := self.renames.origins.get(element.address)) is not None:
            fields["because"] = (f"renamed from `{old}`", *fields.get("because", ()))
        self.add(
            ("element", element.address),
            (element.order,),
            needs,
            element.head,
            action=action,
            kind=element.kind,
            address=element.address,
            generation=self.lowering.generation(element.address),
            identity=self.lowering.identity(element.address),
            args=args,
            origin=origin or ("adopted" if action == "adopt" else "created"),
            protect=element.protect,
            retain=element.retain,
            **fields,
        )

    def segments(self) -> dict[str, str]:
        """The addresses of segments by what they are called there: as rules call them, and as they are written."""
        if self._segments is None:
            of_rows = {row.identity: row.address for row in self.rows.values() if row.kind == "segment"}
            of_elements = {
                self.lowering.identity(one.address): one.address
                for one in self.composition.elements.values()
                if one.kind == "segment"
            }
            self._segments = of_rows | of_elements
        return self._segments

    def rule_steps(self, element: ElementDecl, rules: list[Any]) -> tuple[Substep, ...]:
        """The rules of a new segment, each with its line."""
        from vchlang.analysis.segments import where_of  # most plans have no segments

        return tuple(
            Substep(text=shown(rule, self.segments()), mark="+", line=self.line(where_of(element, place)))
            for place, rule in enumerate(rules)
        )

    # ---- order -----------------------------------------------------------------------------------------------------

    def step_for(self, address: str) -> tuple[str, ...]:
        """The step after which an element is there; a template of ours is when it is frozen."""
        element = self.composition.elements.get(address)
        frozen = element is not None and element.kind == "template" and element.verb != "existing"
        return ("freeze" if frozen else "element", address)

    def facts_in(self, value: Any, besides: str = "") -> set[tuple[str, ...]]:
        """The steps after which the facts in a value are known, but for those of the element `besides`."""
        out: set[tuple[str, ...]] = set()
        for one in v.leaves(value):
            if isinstance(one, v.Unknown) and one.address != besides:
                element = self.composition.elements.get(one.address)
                composed = element is not None and element.kind == "executor" and one.address in self.handles
                out.add(("facts", one.address, *one.args[:1]) if composed else self.step_for(one.address))
        return out

    def later(self, item: Any) -> set[tuple[str, ...]]:
        """What an item comes after though nothing in it says so: waits before it, and `@after`."""
        out: set[tuple[str, ...]] = {("wait", str(order)) for order in item.waits}
        for address in getattr(item, "after", ()):
            element = self.composition.elements.get(address)
            composed = element is not None and element.kind == "executor" and address in self.handles
            out.add(("composed", address, str(item.order)) if composed else self.step_for(address))
        return out

    def add(
        self,
        name: tuple[str, ...],
        order: tuple[int, ...],
        needs: set[tuple[str, ...]],
        where: Where | None,
        **fields: Any,
    ) -> None:
        self.steps[name] = Step(name=name, order=order, needs=needs, where=where, fields=fields)

    def in_order(self) -> tuple[Operation, ...]:
        if self.renames.stages:
            last = ("rename", str(len(self.renames.stages) - 1))
            for name, step in self.steps.items():
                if name[0] not in ("confirm", "rename"):
                    step.needs.add(last)
        ordered = in_order(self.steps)
        if ordered.ring:
            self.report_ring(ordered.ring)
        out: list[Operation] = []
        for name, needs in ordered.needs.items():
            step = self.steps[name]
            needed = tuple(sorted((ordered.ids[one] for one in needs), key=lambda one: int(one[1:])))
            spec = _spec(step.fields["args"]) if step.fields.get("args") else ""
            place = self.place(step.where)
            out.append(Operation(id=ordered.ids[name], needs=needed, place=place, spec=spec, **step.fields))
        return tuple(out)

    def report_ring(self, ring: tuple[tuple[str, ...], ...]) -> None:
        words = [words_of(one) for one in ring]
        labels = []
        for position, one in enumerate(ring):
            where = self.steps[one].where
            if where is not None and position:
                text = f"{words[position]} needs {words[(position + 1) % len(ring)]}"
                labels.append(Label(source=where.source, span=where.span, text=text))
        path = " → ".join([*words, words[0]])
        where = self.steps[ring[0]].where
        self.say(codes.CYCLE, where, f"these need each other: {path}", labels=tuple(labels))

    # ---- places and words ------------------------------------------------------------------------------------------

    def place(self, where: Where | None) -> Place | None:
        if where is None:
            return None
        line, column = self.request.position(where.source, where.span.start)
        return Place(source=where.source, line=line, column=column, start=where.span.start, end=where.span.end)

    def line(self, where: Where) -> int:
        return self.request.position(where.source, where.span.start)[0]

    def place_of(self, element: ElementDecl) -> Where:
        return element.spans.get("at") or element.spans.get("name") or element.head

    def say(
        self,
        code: Code,
        where: Where | None,
        message: str,
        *,
        hint: str | None = None,
        labels: tuple[Label, ...] = (),
        expected: str = "",
        found: str = "",
    ) -> None:
        span = where.span if where is not None else Span(0, 0)
        source = where.source if where is not None else ""
        labels = (*labels, *where.made) if where is not None else labels
        self.out.report(code, span, message, hint=hint, labels=labels, expected=expected, found=found, source=source)


# ---- helpers -------------------------------------------------------------------------------------------------------


def _warning(code: Code) -> Code:
    return Code(slug=code.slug, severity=codes.UNUSED.severity, doc=code.doc, example=code.example)


def _whose(seen: Present, request: Request) -> str:
    """An owner as a message names it; one that is called as we are is not us."""
    owner = seen.owner
    if owner is None:
        return "nobody"
    same = owner.deployment == request.deployment and owner.lineage != request.state.lineage
    return f"`{owner.address}` of {'another' if same else 'the'} deployment `{owner.deployment}`"


def _written(element: ElementDecl, path: str) -> Where:
    """Where a field that a change names is written, or what it is a part of."""
    name = path.partition(".")[0]
    return element.spans.get("inside" if name == "in" else name, element.head)


def _clause(name: str) -> str:
    """A field as a script writes it: `in` is a word of Python, so the descriptions have another."""
    return "in" if name == "inside" else name


def _lowering(composition: Composition, request: Request) -> Lowering:
    rows, stamps = _rows(request.state), stamped(request.state.objects)
    return Lowering(composition, request.deployment, rows, request.secret_digest, stamps)


def _renamed(composition: Composition, request: Request) -> tuple[Request, Renames]:
    """The request as it is when everything is renamed that is to be, and what that is."""
    renames = renames_of(composition.elements.values(), request.state)
    if not renames.stages:
        return request, renames
    return msgspec.structs.replace(request, state=renames.applied(request.state)), renames


def _rows(state: Deployment) -> dict[str, ObjectRow]:
    """The newest object of each address."""
    out: dict[str, ObjectRow] = {}
    for row in state.objects:
        if not row.deposed and (row.address not in out or out[row.address].generation < row.generation):
            out[row.address] = row
    return out


def _key(state: Deployment, address: str, generation: int) -> str | None:
    return object_key(state.lineage, address, generation) if state.lineage else None


def _ask(id_: str, row: ObjectRow) -> Query:
    return Query(id=id_, kind=row.kind, identity=row.identity, key=row.key)


def _constant(args: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a driver may look at while planning: what is not known yet is left out."""
    return {name: value for name, value in args.items() if not is_open(value)}


def _make_steps(element: ElementDecl) -> tuple[Substep, ...]:
    if element.kind == "location":
        return tuple(Substep(text=text) for text in _STEPS_OF_LOCATION)
    data = element.body.get("data")
    if isinstance(data, v.DataRef):
        return (
            Substep(
                text=f"upload {v.show_unit(data.size, v.BYTES)} in {data.entries} entries, sha256 {data.sha256[:12]}…"
            ),
        )
    return ()


def _spec(args: dict[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(msgspec.json.encode(args, order="sorted")).hexdigest()
