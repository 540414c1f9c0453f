"""Provides and requires: what the script alone decides of it, whatever the driver will provide.

A requirement is met by what another membership of the executor provides, or by the driver, which only the plan knows.
So here it is only what no driver can mend: an executor has one architecture and one ABI, whoever provides it, and a
membership that names its adapter hangs on that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.findings import say
from vchlang.analysis.program import BindStep, Composition, HandleDecl, JoinStep, Where
from vchlang.diagnostics import Report

ANY = "any"
"""As a requirement: whichever it is; as what is provided: all of them."""
OF_THE_WHOLE = ("arch", "abi")
"""What an executor has one of. Of adapters and NICs it may have several."""


def inherited_by(
    executor: str, composition: Composition, handles: Mapping[str, Sequence[HandleDecl]]
) -> list[JoinStep]:
    """The joins of the template that an executor begins as a copy of; none where it begins as nothing.

    handles: of each executor.
    """
    composed = handles.get(parent_of(executor, composition), ())
    return [step for handle in composed for step in handle.steps if isinstance(step, JoinStep)]


def parent_of(executor: str, composition: Composition) -> str:
    """The address of the template that an executor begins as a copy of; empty without one."""
    element = composition.elements.get(executor)
    parent = element.body.get("parent") if element is not None else None
    return parent.address if isinstance(parent, v.ElementRef) and parent.kind == "template" else ""


def texts_of(composition: Composition, join: JoinStep, name: str) -> dict[str, str]:
    """What a joined storage provides or requires, as far as it is known."""
    element = composition.elements.get(join.address) if join.kind == "storage" else None
    value = element.body.get(name) if element is not None else None
    return {key: one for key, one in value.items() if isinstance(one, str)} if isinstance(value, dict) else {}


def check_requirements(
    composition: Composition,
    members: dict[str, list[tuple[JoinStep, BindStep | None]]],
    handles: Mapping[str, Sequence[HandleDecl]],
    out: Report,
) -> None:
    """Report requirements that contradict each other, or what is joined; each at the join that brought it."""
    for executor, joined in members.items():
        own = [join for join, _ in joined if join.kind == "storage"]
        needing = [one for one in own if texts_of(composition, one, "requires")]
        if not needing:
            continue
        for join in needing:
            _adapter(join, composition, out)
        _whole([*inherited_by(executor, composition, handles), *own], set(map(id, own)), composition, out)


def _adapter(join: JoinStep, composition: Composition, out: Report) -> None:
    chosen, wanted = join.body.get("adapter"), texts_of(composition, join, "requires").get("adapter", ANY)
    if isinstance(chosen, str) and wanted not in (ANY, chosen):
        there = _where(composition, join, "requires", "adapter")
        message = f"`{join.address}` requires adapter `{wanted}`, and hangs on `{chosen}` here"
        say(out, codes.UNMET_REQUIREMENT, join.spans["adapter"], message, there, "this requires it")


def _whole(joins: list[JoinStep], own: set[int], composition: Composition, out: Report) -> None:
    """What the executor has one of: the first that says which it is decides, what is provided before what is asked."""
    for name in OF_THE_WHOLE:
        first: tuple[str, JoinStep, str] | None = None
        for word in ("provides", "requires"):
            for join in joins:
                value = texts_of(composition, join, word).get(name, ANY)
                if value == ANY:
                    continue
                if first is None:
                    first = value, join, word
                elif value != first[0] and id(join) in own:
                    there = _where(composition, first[1], first[2], name)
                    message = (
                        f"`{join.address}` {word} {name} `{value}`, and `{first[1].address}` {first[2]} `{first[0]}`"
                    )
                    words = f"{name} is {first[0]} here"
                    say(out, codes.UNMET_REQUIREMENT, join.where, message, there, words)


def _where(composition: Composition, join: JoinStep, word: str, name: str) -> Where:
    spans = composition.elements[join.address].spans
    return spans.get(f"{word}.{name}") or spans[word]
