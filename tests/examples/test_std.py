"""The standard library: each thing that it exports is shown by an example that runs, and says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.cli.harness import ROOT, vch
from tests.front import CAPABILITIES, Front
from vchlang import resources
from vchlang.analysis.check import check, exports
from vchlang.analysis.fit import names_in
from vchlang.analysis.program import Program
from vchlang.kinds.world import Present
from vchlang.syntax import ast
from vchlang.syntax.parser import parse
from vchlang.text import SourceText

MODULES = sorted(Path(ROOT, "stdlib").glob("*.vch"))
EXAMPLES = sorted(Path(ROOT, "examples").rglob("*.vch"))
SECRETS = {"vmomi": {"user": "vch", "password": "secret"}}
EVERYTHING = msgspec.structs.replace(
    CAPABILITIES,
    kinds=(*CAPABILITIES.kinds, "segment", "template"),
    schemes=("ds", "file", "nfs"),
    promises={**CAPABILITIES.promises, "segment": "traffic rules"},
)
"""A target that refuses nothing that the examples ask for."""


def of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def front(path: Path, **params: str) -> Front:
    return Front(path.read_text(encoding="utf-8"), name=of(path), secrets=SECRETS, params=params)


def program(path: Path) -> Program:
    text = path.read_text(encoding="utf-8")
    imported = {"std/" + one.stem: program(one) for one in MODULES if f'"std/{one.stem}"' in text and one != path}
    return check(parse(SourceText(of(path), text)), "std/" + path.stem, imported, module=True)


def shown(statements: Iterator[tuple[int, ast.Statement]], module: str) -> Iterator[str]:
    """The names of a module that a file imports; where it is the module itself, those that its tests use."""
    for _, statement in statements:
        match statement.node:
            case ast.Import(source=ast.Text(parts=(path,)), names=names) if path == module:
                yield from (one.name.text for one in names)
            case ast.Test() as test if not module:
                yield from names_in(test)


@pytest.mark.parametrize("path", MODULES, ids=of)
def test_everything_exported_is_shown_by_an_example_or_a_test(path: Path) -> None:
    """An import that nothing uses is a warning, and examples have none: what is imported is used."""
    here = parse(SourceText(of(path), path.read_text(encoding="utf-8")))
    used = set(shown(here.statements(), ""))
    for one in EXAMPLES:
        parsed = parse(SourceText(of(one), one.read_text(encoding="utf-8")))
        used |= set(shown(parsed.statements(), "std/" + path.stem))
    exported = exports(program(path))
    assert exported, "a module has something to export"
    assert [name for name in exported if name not in used] == []


@pytest.mark.parametrize("path", MODULES, ids=of)
def test_everything_exported_says_what_it_is(path: Path) -> None:
    found = program(path)
    assert found.diagnostics == ()
    documented = {name for _, one in found.parsed.statements() if one.doc and (name := _declares(one.node))}
    assert [name for name in exports(found) if name not in documented] == []
    for name, component in found.components.items():
        if component.path == found.path:
            fields = [one.name for one in component.fields.values() if not one.doc]
            outputs = [one.name for one in component.type.outputs if not one.doc]
            assert (name, fields, outputs) == (name, [], [])
    text = path.read_text(encoding="utf-8")
    assert text.startswith("## ") and "\n\n" in text, "the first lines, with an empty one after them, are the module's"


def _declares(node: ast.Node) -> str:
    match node:
        case ast.Let(name=name) | ast.Fn(name=name) | ast.Component(name=name) | ast.TypeDef(name=name):
            return name.text
        case _:
            return ""


@pytest.mark.parametrize("path", EXAMPLES, ids=of)
def test_each_example_is_free_of_mistakes_and_plans(path: Path) -> None:
    found = front(path)
    assert found.diagnostics == [], found.said()
    plan = found.plan(world={name: Present() for name in ("networkA", "vmNet")}, capabilities=EVERYTHING)
    assert plan.plan is not None, [one.message for one in plan.diagnostics]
    assert [one.message for one in plan.diagnostics] == []
    assert len(plan.plan.operations) > 5


def test_all_tests_in_the_library_and_the_examples_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    answer = vch("test", "stdlib", "examples", "--format", "json")
    assert answer.code == 0, answer.out
    ran = json.loads(answer.out)["tests"]
    assert {of(path) for path in EXAMPLES if path.name != "seed.vch"} <= {one["file"] for one in ran}


def test_library_and_examples_are_laid_out_and_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = [of(path) for path in (*MODULES, *EXAMPLES) if path.name != "seed.vch"]
    assert vch("fmt", "--check", *files).out == ""
    answer = vch("validate", *files)
    assert (answer.code, answer.err) == (0, "") and "No mistakes" in answer.out


def test_the_package_finds_the_library() -> None:
    assert sorted(Path(resources.stdlib()).glob("*.vch")) == MODULES
    assert {path.stem for path in MODULES} >= {"vch", "loaders", "net", "tasks", "limits"}


# ---- std/net: what each level of trust lets through ------------------------------------------------------------------

PROBES = {
    "web": "tcp(80)", "tls": "tcp(443)", "ssh": "tcp(22)", "dns": "udp(53)", "dhcp": "udp(67)", "chat": "udp(5353)",
    "ping": "icmp",
}  # fmt: skip
LEVELS = ("closed", "outbound", "peers", "published", "open")
TRUST = "".join(
    [
        'import { closed, outbound, peers, published, open } from "std/net"\n',
        'param dhcp: Bool = false\nensure network lan at "lan"\n',
        "create closed closed in lan { dhcp: dhcp }\ncreate outbound outbound in lan\ncreate peers peers in lan\n",
        "create published published in lan { tcp_ports: [80, 443], udp_ports: [53] }\ncreate open open in lan\n",
        # One that sends a single kind of connection, and one that takes it.
        *(
            f"ensure segment send_{name} in lan {{ allow {what} to any deny any to any }}\n"
            for name, what in PROBES.items()
        ),
        *(f"ensure segment take_{name} in lan {{ allow {what} from any }}\n" for name, what in PROBES.items()),
        *(f"output in_{one}_{name} = reachable(send_{name}, {one}.members)\n" for one in LEVELS for name in PROBES),
        *(f"output out_{one}_{name} = reachable({one}.members, take_{name})\n" for one in LEVELS for name in PROBES),
        *(
            f"output from_{one}_to_{other} = reachable({one}.members, {other}.members)\n"
            for one in LEVELS
            for other in LEVELS
        ),
        *(f"output outside_to_{one} = reachable(outside, {one}.members)\n" for one in LEVELS),
        *(f"output {one}_to_outside = reachable({one}.members, outside)\n" for one in LEVELS),
    ]
)
COMES_IN = {
    "closed": set(), "outbound": set(), "peers": set(), "published": {"web", "tls", "dns"},
    "open": set(PROBES),
}  # fmt: skip
"""From others than members of the same segment."""


@pytest.fixture(scope="module")
def trust() -> dict[str, bool]:
    return answers()


def answers(**params: str) -> dict[str, bool]:
    found = Front(TRUST, params=params)
    assert found.codes() == [], found.said()
    return {one.name: one.value for one in found.composition.outputs}


@pytest.mark.parametrize("level", LEVELS)
def test_what_comes_in_at_a_level_of_trust(level: str, trust: dict[str, bool]) -> None:
    assert {name for name in PROBES if trust[f"in_{level}_{name}"]} == COMES_IN[level]
    assert trust[f"outside_to_{level}"] == bool(COMES_IN[level])


@pytest.mark.parametrize("level", LEVELS)
def test_what_goes_out_at_a_level_of_trust(level: str, trust: dict[str, bool]) -> None:
    assert {name for name in PROBES if trust[f"out_{level}_{name}"]} == (set() if level == "closed" else set(PROBES))
    assert trust[f"{level}_to_outside"] == (level != "closed")


def test_levels_of_trust_among_each_other(trust: dict[str, bool]) -> None:
    reached = {(one, other) for one in LEVELS for other in LEVELS if trust[f"from_{one}_to_{other}"]}
    assert reached == {(one, other) for one in LEVELS[1:] for other in ("published", "open")} | {("peers", "peers")}


def test_peers_have_among_themselves_what_nobody_else_has() -> None:
    """One more member of the same segment speaks by any protocol; the rule is the segment's own."""
    text = TRUST + 'assert not reachable(outside, peers.members), "shown"\n'
    assert Front(text).codes() == [], "nobody else comes in"
    text = TRUST + 'assert not reachable(peers.members, peers.members), "shown"\n'
    assert "`peers.members` → `peers.members`: any" in Front(text).said()


def test_a_closed_segment_may_ask_for_its_addresses() -> None:
    found = answers(dhcp="true")
    assert {name for name in PROBES if found[f"out_closed_{name}"]} == {"dhcp"}
    assert not any(found[f"in_closed_{name}"] for name in PROBES)


def test_publishing_nothing_is_a_mistake() -> None:
    text = 'import { published } from "std/net"\nensure network n at "lan"\ncreate published p in n\n'
    found = Front(text)
    assert found.codes() == ["assert-failed"] and "tcp_ports: [80, 443]" in found.said()


# ---- std/loaders ----------------------------------------------------------------------------------------------------


def test_forking_is_refused_by_name_where_the_target_has_no_templates() -> None:
    found = front(Path(ROOT, "examples/std/loaders.vch"), can_fork="true")
    assert found.codes() == []
    refused = found.plan(capabilities=CAPABILITIES)
    assert {one.code for one in refused.diagnostics} == {"unsupported"}
    assert any("template" in one.message for one in refused.diagnostics)
    assert found.plan(capabilities=EVERYTHING).plan is not None


@pytest.mark.parametrize(
    ("policy", "can_fork", "codes", "parent"),
    [("prefer", "false", [], False), ("prefer", "true", [], True), ("require", "true", [], True)],
)
def test_a_policy_for_forking(policy: str, can_fork: str, codes: list[str], parent: bool) -> None:
    found = front(Path(ROOT, "examples/std/loaders.vch"), can_fork=can_fork, policy=policy)
    assert found.codes() == codes
    assert ("fork.parent" in found.composition.elements) == parent
    handle = next(one for one in found.composition.handles if one.executor == 'child["one"]')
    assert any(step.address == "fork.loader" for step in handle.steps) != parent


def test_required_forking_is_a_mistake_where_there_is_none() -> None:
    found = front(Path(ROOT, "examples/std/loaders.vch"), policy="require")
    assert found.codes() == ["assert-failed"] and "available: true" in found.said()
