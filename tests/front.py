"""The front of vch in one call, for tests: from a text to everything that the phases say of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vchlang import values as v
from vchlang.analysis.check import check, imported
from vchlang.analysis.evaluate import evaluate
from vchlang.analysis.grants import check_grants
from vchlang.analysis.manifest import read_manifest
from vchlang.analysis.program import Composition, Given, Parameters, Program, Read, Unreadable
from vchlang.diagnostics import Diagnostic, render
from vchlang.kinds.world import Absent, Capabilities, Finding, Observation, OwnerTag, Present, Query, object_key
from vchlang.plan.build import build, queries
from vchlang.plan.model import Operation, Plan
from vchlang.plan.request import Planned, Request
from vchlang.state.renames import renamed
from vchlang.state.store import HANDLE, Deployment, ObjectRow
from vchlang.syntax.parser import parse
from vchlang.text import SourceText

LINEAGE = "11111111-2222-4333-8444-555555555555"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPABILITIES = Capabilities(
    driver="local",
    kinds=("pool", "location", "network", "storage", "executor", "task"),
    schemes=("ds", "file"),
    isolation=("tether",),
    promises={
        "write_only": "the tether (Landlock)",
        "read_only": "the tether (Landlock)",
        "noexec": "the tether (Landlock)",
        "squash": "the tether (one user)",
        "memory": "rlimit, for each task",
        "cpus": "affinity",
    },
    provides={"adapter": ("directory",), "nic": ("loopback",)},
)


class Front:
    """One script with all that was found out about it."""

    def __init__(
        self,
        text: str,
        *,
        modules: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        secrets: Mapping[str, Any] | None = None,
        inputs: Mapping[Read, Any] | None = None,
        unknown: bool = False,
        name: str = "script.vch",
        manifest: str = "",
    ) -> None:
        self.source = SourceText(name, text)
        self.parsed = parse(self.source)
        found: dict[str, Program | Unreadable] = {}
        for path, _ in imported(self.parsed):
            found[path] = _module(path, modules or {})
        self.program = check(self.parsed, name, found)
        self.inputs: dict[Read, Any] = dict(inputs or {})
        for read in self.program.reads:
            if read not in self.inputs:
                self.inputs[read] = data(read.name) if read.kind == "archive" else None
        self.parameters = Parameters(
            given={key: Given(origin="-p", text=value) for key, value in (params or {}).items()},
            secrets={key: v.Secret((key,), value) for key, value in (secrets or {}).items()},
            unknown=unknown,
        )
        self.composition: Composition = evaluate(self.program, self.parameters, self.inputs)
        self.manifest = SourceText("team.vch", manifest)
        self.refused = _refused(self.manifest, self.composition) if manifest else ()

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Everything found, by place."""
        all_ = (*self.parsed.diagnostics, *self.program.diagnostics, *self.composition.diagnostics, *self.refused)
        return sorted(dict.fromkeys(all_), key=lambda one: (one.source, one.span.start, one.code))

    def codes(self, *, severity: str = "error") -> list[str]:
        """The codes of the errors (or warnings), by place."""
        return [one.code for one in self.diagnostics if one.severity == severity]

    def said(self) -> str:
        """The diagnostics as a person reads them."""
        return "\n\n".join(render(one, self.lookup) for one in self.diagnostics)

    def lookup(self, name: str) -> SourceText | None:
        return next((one for one in (self.source, self.manifest) if one.name == name), None)

    def request(self, state: Deployment | None = None, deployment: str = "vch-1") -> Request:
        return Request(
            deployment=deployment,
            project="demo",
            environment="local",
            target="local",
            script=self.source.name,
            state=state or Deployment(name=deployment),
            position=lambda name, offset: self.source.position(offset),
            secret_digest=lambda secret: "digest-of-" + str(secret.value),
        )

    def plan(
        self,
        state: Deployment | None = None,
        world: dict[str, Observation] | None = None,
        *,
        capabilities: Capabilities = CAPABILITIES,
        findings: tuple[Finding, ...] = (),
    ) -> Planned:
        """Plan the script on a world given by identity; what is not in it is absent."""
        request = self.request(state)
        asked = queries(self.composition, request)
        observed = {query.id: seen(query, world or {}) for query in asked}
        return build(self.composition, request, observed, findings, capabilities)


def _refused(manifest: SourceText, composition: Composition) -> tuple[Diagnostic, ...]:
    """What a manifest says against a composition."""
    granted = read_manifest(parse(manifest))
    assert not granted.has_errors, granted.diagnostics
    return check_grants(composition, granted)


def seen(query: Query, world: dict[str, Observation]) -> Observation:
    return world.get(query.identity, Absent())


def data(name: str) -> v.DataRef:
    """What a directory's archive would be, without reading it."""
    import hashlib

    return v.DataRef(source=name, sha256=hashlib.sha256(name.encode()).hexdigest(), size=1024, entries=3)


def _module(path: str, given: Mapping[str, str]) -> Program | Unreadable:
    if path in given:
        text = given[path]
    elif path.startswith("std/"):
        file = os.path.join(ROOT, "stdlib", path[4:] + ".vch")
        if not os.path.exists(file):
            return Unreadable(code="unknown-module", message=f"there is no module `{path}`")
        with open(file, encoding="utf-8") as handle:
            text = handle.read()
    else:
        return Unreadable(code="unknown-module", message=f"there is no module `{path}`")
    parsed = parse(SourceText(path, text))
    return check(parsed, path, {one: _module(one, given) for one, _ in imported(parsed)}, module=True)


def applied(
    plan: Plan, world: dict[str, Observation], state: Deployment | None = None
) -> tuple[Deployment, dict[str, Observation]]:
    """State and world as a flawless apply of a plan would leave them."""
    state = state or Deployment(name=plan.deployment)
    rows = {(row.address, row.generation): row for row in state.objects}
    after = dict(world)
    for op in plan.operations:
        _one(op, plan, rows, after)
    lineage = plan.lineage or LINEAGE
    return Deployment(
        name=plan.deployment, lineage=lineage, serial=state.serial + 1, objects=tuple(rows.values())
    ), after


def _one(op: Operation, plan: Plan, rows: dict[tuple[str, int], ObjectRow], world: dict[str, Observation]) -> None:
    lineage = plan.lineage or LINEAGE
    executor = op.address.removesuffix(HANDLE)
    known = rows.get((executor, op.generation))
    key = known.key if known is not None else object_key(lineage, executor, op.generation)
    stamp = known.stamp if known is not None else ""
    match op.action:
        case "rename":
            moved = renamed(rows.values(), op.args["moves"], op.args["settled"])
            rows.clear()
            rows.update({(row.address, row.generation): row for row in moved})
        case "create" | "adopt" | "update" | "commit":
            row = ObjectRow(
                address=op.address, generation=op.generation, kind=op.kind, key=key, identity=op.identity,
                origin=op.origin, args=op.args, protect=op.protect, retain=op.retain, part=op.part,
                stamp=stamp if op.kind != "handle" else "",
                was=known.was if known is not None and op.kind != "handle" else "",
            )  # fmt: skip
            rows[op.address, op.generation] = row
            if op.kind not in ("handle", "task"):
                tag = OwnerTag(
                    deployment=plan.deployment, lineage=lineage, address=stamp or op.address,
                    generation=op.generation, key=key,
                )  # fmt: skip
                old = world.get(op.identity)
                running = old.state if isinstance(old, Present) and op.action == "update" else ""
                composed = op.kind in ("executor", "template")
                world[op.identity] = Present(
                    owner=tag, fields=op.args, state=running or ("stopped" if composed else "")
                )
        case "start" | "stop" | "freeze":
            now = world[op.identity]
            assert isinstance(now, Present)
            reached = {"start": "running", "stop": "stopped", "freeze": "frozen"}[op.action]
            world[op.identity] = Present(
                owner=now.owner, fields=now.fields, state=reached,
                facts={"state": "stable"} if reached == "running" else {},
            )  # fmt: skip
        case "delete" | "release" | "forget":
            rows.pop((op.address, op.generation), None)
            if op.kind not in ("handle", "task") and op.action != "forget":
                world.pop(op.identity, None)
        case _:
            pass


def text_of(plan: Plan) -> str:
    """A plan in few words, for golden cases: what, after what, and why."""
    out: list[str] = []
    for op in plan.operations:
        line = f"{op.id} {op.action} {op.kind} {op.address}".rstrip()
        if op.generation > 1:
            line += f" #{op.generation}"
        if op.needs:
            line += "  after " + " ".join(op.needs)
        if op.because:
            line += "  because " + "; ".join(op.because)
        out.append(line)
        out += [f"    {one.path}: {one.before} -> {one.after} ({one.effect})" for one in op.changes]
        out += [f"    {one.mark} {one.text}".rstrip() for one in op.steps if op.kind in ("handle", "state")]
        out += [f"    note {one}" for one in op.notes if op.kind == "handle" or op.action == "delete"]
    return "\n".join(out)
