"""What a driver can keep of a composition: promises on their level, requirements met, or refused by name.

A promise (`write_only`, `noexec`, `squash`, a limit) is never dropped: the plan says on which level it is kept, and
where the driver has none, the plan is refused at the word that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import BindStep, Composition, JoinStep, Where
from vchlang.analysis.requirements import ANY, texts_of
from vchlang.kinds.world import Capabilities

_OF_TASKS = {"limits": "limits of a task", "tls": "tls"}
"""Fields of a task's bind that are promises, by the word that a driver has for them."""


def kept(
    joins: list[JoinStep],
    binds: dict[tuple[str, str], BindStep],
    inherited: list[JoinStep],
    composition: Composition,
    capabilities: Capabilities,
    say: Callable[..., None],
) -> tuple[tuple[str, ...], dict[tuple[str, str], str]]:
    """Notes on the levels of an executor's promises, and what the driver adds to each membership.

    inherited: the joins of the template that it begins as a copy of.
    say: reports a diagnostic, as `say(code, where, message, hint=…)`.
    """
    promises: dict[str, dict[str, None]] = {}
    # Of a driver that has no segments, each segment of the script is refused already.
    steps: list[JoinStep | BindStep] = [*binds.values()]
    entering = [(one, one.body["segment"]) for one in joins if "segment" in one.body]
    steps += [one for one, into in entering if "segment" in capabilities.kinds or not isinstance(into, v.ElementRef)]
    for step in steps:
        for promise, where in _promises(step):
            level = capabilities.promises.get(promise)
            if level is None:
                say(
                    codes.UNSUPPORTED,
                    where,
                    f"the {capabilities.driver} portlayer cannot keep `{promise}` here",
                    hint="it would be dropped silently, so it is refused",
                )
            else:
                promises.setdefault(level, {})[promise] = None
    notes = tuple(f"{', '.join(names)}: kept by {level}" for level, names in promises.items())
    return notes, _requirements(joins, inherited, composition, capabilities, say)


def _promises(step: JoinStep | BindStep) -> list[tuple[str, Where]]:
    out: list[tuple[str, Where]] = []
    body, spans = step.body, step.spans
    if isinstance(step, JoinStep):
        return [("segment", spans["segment"])]
    if step.kind == "storage":
        mode = body.get("mode")
        if isinstance(mode, v.VariantValue) and mode.case != "read_write":
            out.append((mode.case, spans["mode"]))
        out += [(name, spans[name]) for name in ("noexec", "squash") if body.get(name) is True]
    elif step.kind in ("executor", "template"):
        out += [(name, spans[name]) for name in ("cpus", "memory") if name in body]
    elif step.kind == "task":
        out += [(word, spans[name]) for name, word in _OF_TASKS.items() if name in body]
    return out


def _requirements(
    joins: list[JoinStep],
    inherited: list[JoinStep],
    composition: Composition,
    capabilities: Capabilities,
    say: Callable[..., None],
) -> dict[tuple[str, str], str]:
    """Check that what each joined storage requires is provided; what of it the driver provides, by membership."""
    storages = [one for one in joins if one.kind == "storage"]
    offered: dict[str, list[tuple[str, str]]] = {}
    for join in (*inherited, *storages):
        for name, value in texts_of(composition, join, "provides").items():
            offered.setdefault(name, []).append((value, join.address))
    implied: dict[tuple[str, str], str] = {}
    for join in storages:
        added: list[str] = []
        chosen_adapter = join.body.get("adapter")
        if isinstance(chosen_adapter, str):
            _adapter(join, chosen_adapter, offered, capabilities, say)
        for name, value in texts_of(composition, join, "requires").items():
            if name == "adapter" and isinstance(chosen_adapter, str):
                continue  # it says itself which it hangs on
            if any(value in (ANY, one) for one, address in offered.get(name, ()) if address != join.address):
                continue
            driver = capabilities.provides.get(name, ())
            chosen = next((one for one in driver if value in (ANY, one)), None)
            if chosen is None:
                have = [one for one, _ in offered.get(name, ())] + list(driver)
                say(
                    codes.UNMET_REQUIREMENT,
                    join.where,
                    f"`{join.address}` requires {name} `{value}`, and nothing provides it",
                    hint=f"provided are {', '.join(have)}"
                    if have
                    else f"no `{name}` is provided by what is joined or by the {capabilities.driver} portlayer",
                )
            else:
                added.append(f"{name} {chosen}")
        if added:
            implied[join.address, join.role] = f"{', '.join(added)} by the {capabilities.driver} portlayer"
    return implied


def _adapter(
    join: JoinStep,
    adapter: str,
    offered: dict[str, list[tuple[str, str]]],
    capabilities: Capabilities,
    say: Callable[..., None],
) -> None:
    """Report an adapter that the script names, and that nothing provides."""
    driver = capabilities.provides.get("adapter", ())
    others = [one for one, address in offered.get("adapter", ()) if address != join.address]
    if adapter not in (*driver, *others) and ANY not in (*driver, *others):
        have = ", ".join((*others, *driver))
        say(
            codes.UNSUPPORTED,
            join.spans["adapter"],
            f"the {capabilities.driver} portlayer has no adapter `{adapter}`",
            hint=f"it has {have}" if have else "leave it out: the driver chooses",
        )
