"""`@was("old")`: which objects that the state knows go on under another address.

An object is renamed when the state has it under the old address and nothing under the new one. Where it has nothing
under the old one, there is nothing to do: it was renamed by an earlier apply, or never existed. Several move at once,
so two may change places and a row of them may move up by one.

After such a change of places the same script would change them back, since the old addresses are known again. So a row
remembers from where it came when another object took its old address over, and forgets it when the `@was` is taken out
of the script.

A `@was` before an instance renames all in it, and the elements in it may have one of their own. Each may have been
applied before without the others, so they are done in stages, the outermost first: what was `one.data` is `two.data`
after the first one, and `two.pgdata` after the second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import ElementDecl, Was, Where
from vchlang.analysis.renames import label_of
from vchlang.diagnostics import Report, with_article
from vchlang.plan.model import Substep
from vchlang.state.renames import renamed
from vchlang.state.store import Deployment, ObjectRow

_MAX_NEAR = 100
"""Of how many elements and objects the names are compared to suggest one."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why an object cannot be renamed."""

    where: Where
    message: str
    hint: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Renames done at once. moves: new address by old one. settled: new addresses, whose rows forget the old one."""

    moves: dict[str, str] = {}
    settled: tuple[str, ...] = ()

    def applied(self, state: Deployment) -> Deployment:
        """The state as it will be when they are done."""
        return msgspec.structs.replace(state, objects=renamed(state.objects, self.moves, self.settled))

    def steps(self) -> tuple[Substep, ...]:
        """What a plan shows of them."""
        moved = [Substep(text=f"{old} -> {new}", mark="~") for old, new in self.moves.items()]
        return (*moved, *(Substep(text=f"{address}: its `@was` is gone", mark="~") for address in self.settled))


class Renames(msgspec.Struct, frozen=True, kw_only=True):
    """All renames of a plan, in stages, each of which is one operation before anything else.

    origins: the address that an object has in the state, by the one that it will have.
    """

    stages: tuple[Stage, ...] = ()
    origins: dict[str, str] = {}
    problems: tuple[Problem, ...] = ()

    def applied(self, state: Deployment) -> Deployment:
        """The state as it will be when they are done."""
        for stage in self.stages:
            state = stage.applied(state)
        return state

    def report(self, out: Report) -> None:
        """Say why objects cannot be renamed."""
        for one in self.problems:
            where = one.where
            out.report(codes.BAD_RENAME, where.span, one.message, hint=one.hint, labels=where.made, source=where.source)


def renames_of(elements: Iterable[ElementDecl], state: Deployment) -> Renames:
    """The renames that a script asks for and the state has not had yet."""
    here = {one.address: one for one in elements}
    asked = list(dict.fromkeys(was for one in here.values() for was in one.was))
    if not asked and not any(row.was for row in state.objects):
        return Renames()
    problems: list[Problem] = []
    stages: list[Stage] = []
    origins: dict[str, str] = {}
    for depth in sorted({was.depth for was in asked}):
        after = [was for was in asked if was.depth > depth]
        moves = _moves([was for was in asked if was.depth == depth], after, here, state, problems)
        if moves:
            stages.append(Stage(moves=moves))
            state = stages[-1].applied(state)
            origins = {moves.get(one, one): old for one, old in origins.items()} | {
                new: old for old, new in moves.items() if old not in origins
            }
    settled = tuple(
        row.address
        for row in state.objects
        if row.was and row.address in here and not any(_says(one, row) for one in here[row.address].was)
    )
    if settled:
        last = stages.pop() if stages else Stage()
        stages.append(msgspec.structs.replace(last, settled=settled))
    return Renames(stages=tuple(stages), origins=origins, problems=tuple(problems))


def _moves(
    asked: list[Was], later: list[Was], here: Mapping[str, ElementDecl], state: Deployment, problems: list[Problem]
) -> dict[str, str]:
    """The moves of one stage, new address by old one. later: what the stages after it do."""
    known: dict[str, ObjectRow] = {row.address: row for row in state.objects if row.kind != "handle"}
    after = [_Rules([one for one in later if one.depth == depth]) for depth in sorted({one.depth for one in later})]
    moving: dict[str, tuple[str, Was]] = {}
    taken: dict[str, str] = {}
    for old, was in _asked(asked, known):
        new = was.new + old[len(_begin(was, old)) :] if was.of_instance() else was.new
        ends = [here[one] for one in (new, _end(new, after)) if one in here]
        row = known.get(new)
        if not ends or (row is not None and _says(was, row)):
            continue  # it goes; or it has been renamed, and another object took its old address over
        if all(one.kind != known[old].kind for one in ends):
            was_one, is_one = with_article(known[old].kind), with_article(ends[-1].kind)
            message = f"`{old}` is {was_one}, and `{ends[-1].address}` {is_one}"
            hint = "an object keeps its kind; take `@was` away to have the old one removed and a new one made"
            problems.append(Problem(where=was.where, message=message, hint=hint))
        elif old in moving or new in taken:
            both = (new, moving[old][0]) if old in moving else (old, taken[new])
            message = (
                f"`{both[0]}` and `{both[1]}` both were `{old}`"
                if old in moving
                else (f"`{new}` was `{both[0]}`, and `{both[1]}` too")
            )
            hint = "one address has one object: say of each which it was, with its key"
            problems.append(Problem(where=was.where, message=message, hint=hint))
        else:
            moving[old] = new, was
            taken[new] = old
    while blocked := [old for old, (new, _) in moving.items() if new in known and new not in moving]:
        for old in blocked:
            new, was = moving.pop(old)
            message = f"there is an object under `{old}` and another one under `{new}`"
            hint = "one address has one object: take `@was` away to have the old one removed"
            if old in here:
                hint = f"take `@was` away: it is done, and `{old}` is another element by now"
            problems.append(Problem(where=was.where, message=message, hint=hint))
    moves = {old: new for old, (new, _) in moving.items()}
    for old, (new, was) in moving.items():
        others = [one for one in later if one is not was] + [
            one for one in here[_end(new, after)].was if one is not was
        ]
        if old in taken and any(_says(one, known[old]) for one in others):
            # A row remembers one address that another object took over, and would forget the one before.
            message = f"`{old}` takes the address of another object by one `@was`, and by another one again"
            hint = "apply one of them and take it away, then the other"
            problems.append(Problem(where=was.where, message=message, hint=hint))
    return moves


class _Rules:
    """What some `@was` make of an address, all at once; an element's own counts more than that of an instance."""

    def __init__(self, asked: list[Was]) -> None:
        self.exact = {old: was.new for was in asked for old in was.olds if not was.of_instance()}
        self.begin = {old: was.new for was in asked for old in was.olds if was.of_instance()}

    def of(self, address: str) -> str:
        if address in self.exact:
            return self.exact[address]
        dot = address.rfind(".") if self.begin else -1
        while dot >= 0:
            if (new := self.begin.get(address[: dot + 1])) is not None:
                return new + address[dot + 1 :]
            dot = address.rfind(".", 0, dot)
        return address


def _end(address: str, after: list[_Rules]) -> str:
    """What an address becomes in the end."""
    for rules in after:
        address = rules.of(address)
    return address


def _asked(asked: list[Was], known: Mapping[str, ObjectRow]) -> Iterator[tuple[str, Was]]:
    """Each object that some `@was` is about, by its address, with the one that says most about it."""
    said: dict[str, int] = {}
    for was in asked:
        if not was.of_instance() and (old := next((one for one in was.olds if one in known), None)) is not None:
            said[old] = len(old)
            yield old, was
    instances = sorted((was for was in asked if was.of_instance()), key=lambda one: -len(one.olds[0]))
    addresses = sorted(known) if instances else []
    for was in instances:
        for begin in was.olds:
            inside = begins(addresses, begin)
            for old in inside:
                if said.get(old, 0) <= len(begin):
                    said[old] = len(begin)
                    yield old, was
            if inside:
                break


def begins(addresses: list[str], begin: str) -> list[str]:
    """Of sorted addresses, those that begin so."""
    out = []
    for address in addresses[bisect_left(addresses, begin) :]:
        if not address.startswith(begin):
            break
        out.append(address)
    return out


def _begin(was: Was, address: str) -> str:
    return next(one for one in was.olds if address.startswith(one))


def _says(was: Was, row: ObjectRow) -> bool:
    """Whether a row remembers that it was renamed by this `@was`."""
    return bool(row.was) and any(row.was.startswith(one) if was.of_instance() else row.was == one for one in was.olds)


# ---- what is known under no old address ----------------------------------------------------------------------------


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A `@was` that no object answers to. goes: whether one of its kind goes in the same plan, so it may be meant."""

    problem: Problem
    goes: bool


def missed(new: list[ElementDecl], state: Deployment, going: list[ObjectRow]) -> list[Missed]:
    """The `@was` over elements that are made anew which nothing was known by, where something was applied before.

    new: in order of the script. state: with all renames done. going: objects whose statement is gone.
    A new instance of a component whose body has such words since an earlier change is no mistake, unless something that
    was called so goes.
    """
    addresses = sorted(row.address for row in state.objects if row.kind != "handle")
    by_was: dict[Was, list[ElementDecl]] = {}
    for one in new if addresses else ():
        for was in one.was:
            by_was.setdefault(was, []).append(one)
    out: list[Missed] = []
    told: set[Was] = set()
    for was, elements in by_was.items():
        around = elements[0].was[: elements[0].was.index(was)]
        if told.intersection(around) or (was.of_instance() and begins(addresses, was.new)):
            continue
        fresh = bool(was.prefix) and not begins(addresses, was.prefix)
        found = _nearest(was, elements, going)
        old = was.olds[0].removesuffix(".")
        if found is None or (fresh and label_of(found[1].address) != label_of(was.text)):
            if found is not None or fresh:
                continue
            message = f"nothing was made as `{old}`, so `{was.new.removesuffix('.')}` is made anew"
            hint = "take `@was` away, or write the address that it had"
        else:
            element, row = found
            message = (
                f"nothing was made as `{was.text}`, and `{row.address}` goes while `{element.address}` is made anew"
            )
            hint = _meant(was, element, row, around)
        told.add(was)
        out.append(Missed(problem=Problem(where=was.where, message=message, hint=hint), goes=found is not None))
    return out


def _nearest(was: Was, elements: list[ElementDecl], going: list[ObjectRow]) -> tuple[ElementDecl, ObjectRow] | None:
    """The object of the same kind that goes and is called most as a `@was` says, with the element that it may be."""
    from difflib import SequenceMatcher  # only where a rename went wrong

    def likeness(pair: tuple[ElementDecl, ObjectRow]) -> float:
        element, row = pair
        rest = element.address[len(was.new) :] if was.of_instance() else ""
        return SequenceMatcher(None, was.olds[0] + rest, row.address).ratio()

    pairs = [(one, row) for one in elements[:_MAX_NEAR] for row in going[:_MAX_NEAR] if row.kind == one.kind]
    return max(pairs, key=likeness, default=None)


def _meant(was: Was, element: ElementDecl, row: ObjectRow, around: tuple[Was, ...]) -> str:
    """What to write for an object to be renamed; an old address is relative to the instance that it is in."""
    old = row.address
    if was.of_instance():
        rest = element.address[len(was.new) - 1 :]
        old = old.removesuffix(rest) if old.endswith(rest) else ""
    begin = next(
        (one for one in (was.prefix, *(two for other in around for two in other.olds)) if old.startswith(one)), None
    )
    if not old or begin is None:
        where = f"`{was.prefix.removesuffix('.')}`, the instance that it is in" if was.prefix else "the script"
        return f"an old address is relative to {where}; take `@was` away to have `{row.address}` removed"
    relative = v.quoted(old[len(begin) :])
    within = f", relative to `{was.prefix.removesuffix('.')}`" if was.prefix else ""
    return f"did you mean `@was({relative})`{within}? Take `@was` away to have `{row.address}` removed"


def stamped(rows: Iterable[ObjectRow]) -> dict[str, int]:
    """The last generation of each address that stands on an object which is known under another one.

    Keys are made of address and generation, so an element that gets such an address anew must not begin with 1.
    """
    out: dict[str, int] = {}
    for row in rows:
        if row.stamp:
            out[row.stamp] = max(row.generation, out.get(row.stamp, 0))
    return out
