"""What differs between what the script wants and what there is, and what that costs.

Fields that the script writes are compared, others are left alone. The platform's word counts where it can tell a field
back; else, and for what only apply filled in, the state's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vchlang import values as v
from vchlang.analysis.program import BindStep, ElementDecl, JoinStep, Where
from vchlang.kinds.schema import KINDS, Param
from vchlang.kinds.world import Observation, Present
from vchlang.plan.lower import show_lowered
from vchlang.plan.lowered import is_open
from vchlang.plan.model import Change, Substep
from vchlang.plan.rules import rule_changes
from vchlang.state.store import ObjectRow

_WORST = ("update", "restart", "replace", "never")
_PLACES = ("inside", "at", "name")


def changes_of(
    element: ElementDecl,
    args: dict[str, Any],
    row: ObjectRow,
    seen: Observation,
    segments: Mapping[str, str] | None = None,
) -> tuple[Change, ...]:
    """The fields of an element that differ, but for where it is and what it is called, which the planner compares.

    segments: their addresses by identity, which rules are shown with.
    """
    params = KINDS[element.kind].element.params
    told = seen.fields if isinstance(seen, Present) else {}
    out: list[Change] = []
    for name, wanted in args.items():
        if name in _PLACES:
            continue
        param = params[name]
        pending = is_open(wanted)
        current = told[name] if param.compared and not pending and name in told else row.args.get(name)
        if name not in told and name not in row.args:
            current = _default(param)
        if element.kind == "segment" and name == "rules":
            out += rule_changes(current, wanted, segments or {})
        elif not same(current, wanted):
            out += _parts(name, current, wanted, param)
    return tuple(out)


def _parts(name: str, current: Any, wanted: Any, param: Param) -> list[Change]:
    """One change for each part of a record that differs, else one for the whole field."""
    type_ = param.type.inner if isinstance(param.type, v.Optional) else param.type
    if isinstance(type_, v.RecordOf) and isinstance(current, dict) and isinstance(wanted, dict):
        types = {one.name: one.type for one in type_.fields}
        return [
            Change(
                path=f"{name}.{key}",
                before=show_lowered(current.get(key), types.get(key, v.ANY)),
                after=show_lowered(one, types.get(key, v.ANY)),
                effect=param.change,
            )
            for key, one in wanted.items()
            if not same(current.get(key), one)
        ]
    before, after = show_lowered(current, param.type), show_lowered(wanted, param.type)
    if before == after and is_open(wanted):
        after += " (another value)"
    return [Change(path=name, before=before, after=after, effect=param.change)]


def same(current: Any, wanted: Any) -> bool:
    """Whether what there is satisfies what the script writes. Of a record, only the fields that it writes count."""
    if isinstance(wanted, dict) and "sha256" in wanted and "entries" in wanted:
        # The same bytes under another path are the same data.
        return isinstance(current, dict) and current.get("sha256") == wanted["sha256"]
    if isinstance(wanted, dict) and "$secret" in wanted:
        return isinstance(current, dict) and current.get("digest") == wanted.get("digest")
    if isinstance(wanted, dict) and isinstance(current, dict) and not is_open(wanted):
        return _equal(current, wanted)
    return bool(current == wanted)


def _equal(current: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Equal, apart from fields of `current` that are null: a driver may tell defaults that nobody wrote."""
    if any(key not in wanted and one is not None for key, one in current.items()):
        return False
    return all(same(current.get(key), one) for key, one in wanted.items())


def effect_of(changes: tuple[Change, ...]) -> str:
    """What several changes cost together; empty for none."""
    return max((one.effect for one in changes), key=_WORST.index, default="")


def holds_data(args: dict[str, Any]) -> bool:
    """Whether a storage has data that no archive can bring back: it was made with space and without content."""
    return "free" in args and "data" not in args


def _default(param: Param) -> Any:
    default = param.default
    if isinstance(default, bool | int | str | float | type(None)):
        return default
    return [] if isinstance(default, list) else {} if isinstance(default, dict) else None


def marks_of(element: ElementDecl, row: ObjectRow) -> tuple[Change, ...]:
    """Decorators that the state must learn, since a later destroy reads them there and not in the script."""
    words = {True: "yes", False: "no"}
    pairs = (("@protect", row.protect, element.protect), ("@retain", row.retain, element.retain))
    return tuple(
        Change(path=name, before=words[before], after=words[after], effect="update")
        for name, before, after in pairs
        if before != after
    )


def reasons_of(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """Why there is an operation at all: what its changes cost."""
    words = {
        "update": "is changed in place",
        "restart": "takes effect at a restart",
        "replace": "is fixed when it is made",
    }
    named = ((f"`{one.path}`" if one.path in ("in", "at") else one.path, one.effect) for one in changes)
    return tuple(dict.fromkeys(f"{name} {words[effect]}" for name, effect in named if effect in words))[:3]


# ---- commits -------------------------------------------------------------------------------------------------------


def commit_changes(
    wanted: dict[str, Any], current: dict[str, Any], tasks: dict[str, str] | None = None
) -> tuple[Change, ...]:
    """What differs between two compositions: memberships that came and went, and fields of those that stayed.

    tasks: the addresses of those that are called otherwise in a composition.
    """
    out: list[Change] = []

    def called(key: tuple[str, str]) -> str:
        return _called(((tasks or {}).get(key[0], key[0]), key[1]))

    params = KINDS["executor"].bind
    assert params is not None
    for name in ("on_failure", "isolation", "name", "executor"):
        if wanted.get(name) != current.get(name) and (name in wanted or current.get(name) is not None):
            out.append(_plain(name, current.get(name), wanted.get(name)))
    mine, theirs = wanted.get("compute", {}), current.get("compute", {})
    for name, param in params.params.items():
        if mine.get(name) != theirs.get(name):
            out.append(_plain(name, theirs.get(name), mine.get(name), param.type))
    have = {_membership(one): one for one in current.get("members", ())}
    want = {_membership(one): one for one in wanted.get("members", ())}
    for key, one in want.items():
        if key not in have:
            out.append(Change(path=called(key), before="not joined", after="joined", effect="restart"))
        else:
            out += _member_changes(called(key), have[key], one)
    out += [
        Change(path=called(key), before="joined", after="not joined", effect="restart")
        for key in have
        if key not in want
    ]
    return tuple(out)


def _member_changes(path: str, current: dict[str, Any], wanted: dict[str, Any]) -> list[Change]:
    out: list[Change] = []
    for name in ("url", "network"):
        if current.get(name) != wanted.get(name):
            out.append(_plain(path, current.get(name), wanted.get(name)))
    kind = KINDS[wanted["kind"]]
    verbs = {"join": kind.join, "bind": kind.bind, "task": kind.element}
    for part, verb in verbs.items():
        if (part in current) != (part in wanted) and part == "bind":
            before, after = ("bound", "not bound") if part in current else ("not bound", "bound")
            out.append(Change(path=path, before=before, after=after, effect="restart"))
            continue
        mine, theirs = wanted.get(part, {}), current.get(part, {})
        for name in dict.fromkeys([*mine, *theirs]):
            if mine.get(name) != theirs.get(name) and verb is not None:
                param = verb.params[name]
                before, after = show_lowered(theirs.get(name), param.type), show_lowered(mine.get(name), param.type)
                if before == after:
                    after += " (another value)"
                out.append(Change(path=f"{path}.{name}", before=before, after=after, effect="restart"))
    return out


def _plain(path: str, before: Any, after: Any, type_: v.Type = v.ANY) -> Change:
    return Change(path=path, before=show_lowered(before, type_), after=show_lowered(after, type_), effect="restart")


def _membership(member: dict[str, Any]) -> tuple[str, str]:
    return member["address"], member.get("role", "")


def _called(key: tuple[str, str]) -> str:
    return f"{key[0]} as {key[1]}" if key[1] else key[0]


def commit_steps(
    joins: list[JoinStep],
    binds: dict[tuple[str, str], BindStep],
    wanted: dict[str, Any],
    current: dict[str, Any] | None,
    implied: dict[tuple[str, str], str],
    line: Callable[[Where], int],
) -> tuple[Substep, ...]:
    """Each join and bind of a commit, as shown below it: what comes, what changes, what goes.

    implied: of a membership, what the driver adds to meet a requirement.
    """
    have = {_membership(one): one for one in (current or {}).get("members", ())}
    want = {_membership(one): one for one in wanted.get("members", ())}
    out: list[Substep] = []
    for step in binds.values():
        if step.kind in ("executor", "template"):
            mine, theirs = wanted.get("compute", {}), (current or {}).get("compute", {})
            mark = " " if mine == theirs and current is not None else "+" if current is None else "~"
            out.append(
                Substep(text=f"bind {step.address}{_with(mine, 'executor', 'bind')}", mark=mark, line=line(step.where))
            )
    for join, member in zip(joins, wanted.get("members", ()), strict=True):
        key = join.address, join.role
        old = have.get(_membership(member))
        as_role = f" as {join.role}" if join.role else ""
        parts = [f"join {join.address}{as_role}{_with(member.get('join', {}), join.kind, 'join')}"]
        bind = binds.get(key)
        if bind is not None:
            shown = dict(member.get("bind", {}))
            at = shown.pop("at", None)
            parts.append("bind" + (f" at {at}" if at else "") + _with(shown, join.kind, "bind"))
        text = ", ".join(parts)
        if key in implied:
            text += f"   ⟵ {implied[key]}"
        mark = "+" if old is None else " " if not _member_changes("", old, member) else "~"
        out.append(Substep(text=text, mark=mark, line=line(join.where)))
    out += [Substep(text=f"unbind and leave {_called(key)}", mark="-") for key in have if key not in want]
    return tuple(out)


def _with(fields: dict[str, Any], kind: str, word: str) -> str:
    verb = KINDS[kind].join if word == "join" else KINDS[kind].bind
    if not fields or verb is None:
        return ""
    shown = [f"{name}: {show_lowered(value, verb.params[name].type)}" for name, value in fields.items()]
    return " { " + ", ".join(shown) + " }"
