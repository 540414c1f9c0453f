"""Golden cases: Markdown with a script and what the phases say of it.

A case is a heading of the second level with fences below it. `vch` is the script; a second `vch` fence is the script
after an edit, planned on the world that the first one left. `vch std/x` is a module that it imports, and `vch manifest`
the manifest that it runs under. The blocks `diagnostics` and `plan` hold what is expected; `pytest --update` rewrites
them, and the diff is then read like code. An error can also stand on its line: `# error: [code]`,
`# warning: [code] "words of the message"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.front import Front, applied, text_of
from vchlang.diagnostics import render
from vchlang.kinds.world import Observation, Present

_FENCE = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```\n", re.M | re.S)
_EXPECT = re.compile(r"# (error|warning): \[([a-z0-9-]+)\](?: \"([^\"]*)\")?")
INVENTORY: dict[str, Observation] = {name: Present() for name in ("/clusterA/poolB", "networkA", "vmNet", "otherNet")}
SECRETS = {"vmomi": {"user": "ops", "password": "swordfish"}, "token": "swordfish"}


@dataclass
class Case:
    """One case of one file."""

    title: str
    text: str
    scripts: list[str] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    manifest: str = ""
    blocks: dict[str, str] = field(default_factory=dict)


def read(text: str) -> Iterator[Case]:
    """The cases of a file, in order."""
    for part in re.split(r"(?m)^(?=## )", text):
        if not part.startswith("## "):
            continue
        case = Case(title=part.splitlines()[0][3:], text=part)
        for kind, rest, body in _FENCE.findall(part):
            if kind == "vch" and rest.strip() == "manifest":
                case.manifest = body
            elif kind == "vch" and rest.strip():
                case.modules[rest.strip()] = body
            elif kind == "vch":
                case.scripts.append(body)
            else:
                case.blocks[kind] = body
        yield case


def check(case: Case, *, update: bool) -> str:
    """Compare a case with what is really said; the case's text, rewritten when `update`. AssertionError otherwise."""
    fronts = [
        Front(script, modules=case.modules, secrets=SECRETS, params={}, manifest=case.manifest)
        for script in case.scripts
    ]
    assert fronts, f"{case.title}: a case has a script"
    said = "\n".join(front.said() for front in fronts)
    for front in fronts:
        _lines(front)
    text = case.text
    actual: dict[str, str] = {}
    if "diagnostics" in case.blocks:
        actual["diagnostics"] = said
    if "plan" in case.blocks or "refused" in case.blocks:
        assert not any(front.codes() for front in fronts), said
        actual |= _plan(fronts)
    for kind, expected in case.blocks.items():
        found = actual.get(kind, "").rstrip() + "\n"
        if found != expected and update:
            text = text.replace(f"```{kind}\n{expected}```", f"```{kind}\n{found}```")
        else:
            assert found == expected, f"{case.title}: the block `{kind}` differs:\n{found}"
    return text


def _plan(fronts: list[Front]) -> dict[str, str]:
    world = dict(INVENTORY)
    state = None
    for front in fronts[:-1]:
        first = front.plan(state, world)
        assert not first.diagnostics, first.diagnostics
        state, world = applied(first.plan, world, state)
    planned = fronts[-1].plan(state, world)
    refused = "\n\n".join(render(one, fronts[-1].lookup) for one in planned.diagnostics)
    return {"plan": text_of(planned.plan), "refused": refused}


def _lines(front: Front) -> None:
    """Hold expectations that stand on their line against what is said there."""
    wanted: list[tuple[int, str, str, str]] = []
    for number, line in enumerate(front.source.text.splitlines(), 1):
        for severity, code, words in _EXPECT.findall(line):
            wanted.append((number, severity, code, words))
    if not wanted:
        return
    found = [
        (front.source.position(one.span.start)[0], str(one.severity), one.code, one.message)
        for one in front.diagnostics
        if one.severity == "error" or any(severity == "warning" for _, severity, _, _ in wanted)
    ]
    assert sorted(one[:3] for one in found) == sorted(one[:3] for one in wanted), front.said()
    for line, severity, code, words in wanted:
        assert any(one[:3] == (line, severity, code) and words in one[3] for one in found), front.said()
