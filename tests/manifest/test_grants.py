"""Grants: nothing that a kind takes was forgotten, places are directories, and what is granted stays granted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.front import Front, data
from vchlang import values as v
from vchlang.analysis.grants import KINDS_COVERED, check_grants
from vchlang.analysis.manifest import read_manifest, within
from vchlang.analysis.program import Composition, ElementDecl, Where
from vchlang.cli.manifest import words_of
from vchlang.kinds import KINDS
from vchlang.kinds.manifest import FIELDS, Limits, Manifest
from vchlang.syntax.parser import parse
from vchlang.text import SourceText, Span

LOOKED_AT = {
    "pool": {"inside", "at", "name", "limits", "reservation", "shares"},
    "location": {"at"},
    "network": {"inside", "at", "name", "vlan"},
    "network bind": {"ip"},
    "segment": {"inside"},
    "storage": {"inside", "data", "free", "parent"},
    "storage bind": {"mode"},
    "executor": {"inside", "at", "parent"},
    "executor bind": {"cpus", "memory"},
    "template": {"inside", "at"},
    "template bind": {"cpus", "memory"},
    "task bind": {"log"},
}
"""The fields that a manifest has a say in."""
FREE = {
    "pool": {"type", "properties"},  # about what is the script's own
    "location": {"shared", "access"},  # whom it lets in and what it does there is up to whoever owns it
    "network": {"ranges", "dns", "aliases"},  # of a network that it owns; of a shared one, the plan compares them
    "network join": {"names", "aliases", "interface", "separate", "segment"},  # its NIC, and networks looked at
    "segment": {"name", "rules"},  # rules are about its members
    "storage": {
        "name", "checksum", "packaging", "provides", "requires", "ro_metadata", "rw_metadata",
    },
    "storage join": {"adapter"},
    "storage bind": {"at", "noexec", "squash"},  # inside of the executor
    "executor": {"name", "on_failure", "isolation"},  # a name has no slash, so it stays in its place
    "template": {"name", "on_failure", "isolation"},
    "task": {"path", "args", "env", "parent"},  # inside of the executor
    "task bind": {
        "restart", "required", "ready", "workdir", "credentials", "user", "group", "limits", "deadline", "stop", "tls",
    },
}  # fmt: skip
"""The fields that scripts may set as they like, and why."""
TAKEN = [
    (f"{kind.name} {word}".strip(), set(verb.params))
    for kind in KINDS.values()
    for word, verb in (("", kind.element), ("join", kind.join), ("bind", kind.bind))
    if verb is not None
]


@pytest.mark.parametrize(("name", "params"), TAKEN, ids=lambda one: one if isinstance(one, str) else "")
def test_somebody_thought_of_every_field(name: str, params: set[str]) -> None:
    """A new field of a kind is either one that a manifest has a say in, or one that is free, and says why."""
    looked_at, free = LOOKED_AT.get(name, set()), FREE.get(name, set())
    assert looked_at | free == params
    assert not looked_at & free


def test_every_kind_is_one_that_a_manifest_speaks_about() -> None:
    assert set(KINDS) == KINDS_COVERED


def test_a_kind_that_nobody_thought_of_is_refused() -> None:
    here = Where("script.vch", Span(0, 1))
    element = ElementDecl(
        address="x", kind="balancer", verb="create", label="x", body={}, spans={}, where=here, head=here, order=0
    )
    made = Composition(elements={"x": element}, handles=[], powers=[], waits=[], outputs=[], missing=(), diagnostics=())
    (found,) = check_grants(made, read_manifest(parse(SourceText("team.vch", "manifest team { }"))))
    assert found.code == "not-granted"


def test_a_manifest_with_mistakes_grants_nothing() -> None:
    granted = read_manifest(parse(SourceText("team.vch", 'manifest team { pools: ["/a"], polls: [] }')))
    assert granted.has_errors and granted.grants == Manifest()
    with pytest.raises(ValueError, match="mistakes"):
        check_grants(Front("").composition, granted)
    broken = read_manifest(parse(SourceText("team.vch", 'manifest team { pools: ["/a" }')))
    assert broken.grants == Manifest()
    none = read_manifest(parse(SourceText("team.vch", "let a = 1")))
    assert [one.code for one in none.diagnostics] == ["bad-manifest"]


# ---- places --------------------------------------------------------------------------------------------------------

PARTS = st.lists(st.sampled_from(["a", "ab", "b", "A", "vol", "volumes"]), min_size=1, max_size=4)
SCHEMES = st.sampled_from(["", "ds:/", "nfs:/", "file://"])


@given(PARTS, PARTS, SCHEMES, SCHEMES, st.sampled_from(["", "/", "/.", "//"]))
def test_within_is_of_directories(path: list[str], above: list[str], scheme: str, other: str, end: str) -> None:
    one, two = scheme + "/" + "/".join(path) + end, other + "/" + "/".join(above)
    assert within(one, two) == (scheme == other and path[: len(above)] == above)


@given(PARTS, PARTS)
def test_exactly_what_lies_in_a_granted_place_is_granted(path: list[str], granted: list[str]) -> None:
    asked, given_ = "ds://d/" + "/".join(path), "ds://d/" + "/".join(granted)
    front = Front(f'ensure location l at "{asked}"', manifest=f'manifest m {{ locations: ["{given_}"] }}')
    assert (front.codes() == []) == (path[: len(granted)] == granted)


@given(st.lists(st.integers(0, 5), max_size=6), st.integers(0, 12))
def test_a_sum_is_refused_exactly_when_it_is_too_much(sizes: list[int], most: int) -> None:
    script = "".join(f'create storage s{at} in "ds://d/x" {{ free: {size}GiB }}\n' for at, size in enumerate(sizes))
    front = Front(script, manifest=f'manifest m {{ locations: ["ds://d"], limits: {{ storage: {most}GiB }} }}')
    assert front.codes() == (["over-limit"] if sum(sizes) > most else [])


@pytest.mark.parametrize(("most", "found"), [("1KiB", []), ("1023B", ["over-limit"])])
def test_content_counts_as_storage(most: str, found: list[str]) -> None:
    manifest = f'manifest m {{ locations: ["ds://d"], limits: {{ storage: {most} }} }}'
    assert data("images/boot/").size == 1024
    script = 'create storage s in "ds://d/x" { data: archive("images/boot/") }'
    assert Front(script, manifest=manifest).codes() == found


def test_a_place_that_is_written_as_a_text_is_looked_at_too() -> None:
    script = """\
create storage boot in "ds://d/x" { free: 1GiB }
create executor e in "/a" at "ds://d/x"
create executor f in "/b" at "ds://e/x"
create task t { path: "/bin/t" }
handle e {
  join boot as loader, bind
  join t, bind { log: "ds://e/logs/disk", ready: .tcp(port: 80) }
}
"""
    front = Front(script, manifest='manifest m { pools: ["/a"], locations: ["ds://d"] }')
    assert [one.message for one in front.diagnostics if one.code == "not-granted"] == [
        "`create executor` in `/b` is not granted",
        "`create executor` at `ds://e/x` is not granted",
        "a log at `ds://e/logs/disk` is not granted",
    ]


# ---- times of knowing ----------------------------------------------------------------------------------------------


def test_a_parameter_without_a_value_says_nothing() -> None:
    script = """\
param place: InventoryPath
param size: Bytes
param count: Int
param vm: String
ensure pool p in place { limits: { memory: size }, shares: count }
existing network n at vm
create storage s in "ds://d/x" { free: size }
create storage boot in "ds://d/x" { free: size }
create executor e in p at "ds://d/x"
handle e { bind e { cpus: count, memory: size } join boot as loader, bind }
"""
    manifest = """\
manifest m {
  locations: ["ds://d"]
  limits: { memory: 1GiB, storage: 1GiB, cpus_per_executor: 1, memory_per_executor: 1GiB, shares: 1 }
}
"""
    assert Front(script, manifest=manifest, unknown=True).codes() == []
    given_ = {"place": "/a", "size": "2GiB", "count": "3", "vm": "lan"}
    assert Front(script, manifest=manifest, params=given_).codes() == [
        "not-granted", "over-limit", "over-limit", "not-granted", "over-limit", "over-limit", "over-limit",
    ]  # fmt: skip


def test_loops_and_branches_ask_for_what_they_make() -> None:
    script = """\
param big: Bool
for name in ["a", "b", "c"] { ensure location l[name] at "ds://d/${name}" }
if big { ensure pool p in "/b" }
"""
    manifest = 'manifest m { pools: ["/a"], locations: ["ds://d/a", "ds://d/c"] }'
    front = Front(script, manifest=manifest, params={"big": "false"})
    assert [one.message for one in front.diagnostics] == ["`ensure location` at `ds://d/b` is not granted"]
    assert len(Front(script, manifest=manifest, params={"big": "true"}).codes()) == 2


def test_what_is_granted_twice_over_is_granted_in_any_order() -> None:
    manifest = 'manifest m { readable: ["ds://d"], locations: ["ds://d/mine"] }'
    assert Front('ensure location l at "ds://d/mine/x"', manifest=manifest).codes() == []
    assert Front('ensure location l at "ds://d/x"', manifest=manifest).codes() == ["not-granted"]


# ---- the description -----------------------------------------------------------------------------------------------


def test_every_field_is_described_and_shown() -> None:
    assert isinstance(FIELDS, v.RecordOf)
    assert {one.name for one in FIELDS.fields} == set(Manifest.__struct_fields__)
    for one in FIELDS.fields:
        assert one.doc.endswith(".") and not one.required
        assert v.show_type(one.type)


def test_in_words_all_that_a_manifest_grants_is_said() -> None:
    limits = {
        "cpu": "1GHz", "memory": "2GiB", "storage": "3GiB", "executors": "4", "pools": "5", "cpus_per_executor": "6",
        "memory_per_executor": "7GiB", "shares": "8",
    }  # fmt: skip
    assert set(limits) == set(Limits.__struct_fields__)
    fields = {
        "pools": '["/pools"]', "locations": '["ds://locations"]', "readable": '["ds://readable"]',
        "networks": '["networks"]', "switches": '["/switches"]', "vlans": "[4094]",
        "addresses": '{ networks: ["10.99.0.0/16"] }', "verbs": "[.adopt]",
        "reservation": "{ cpu: 99GHz, memory: 98GiB }", "images": f'["sha256:{"e" * 64}"]',
        "targets": '["somewhere"]', "expires": '"2031-02-03"',
        "limits": "{ " + ", ".join(f"{name}: {value}" for name, value in limits.items()) + " }",
    }  # fmt: skip
    assert set(fields) == set(Manifest.__struct_fields__)
    text = "manifest m {\n" + "\n".join(f"{name}: {value}" for name, value in fields.items()) + "\n}"
    granted = read_manifest(parse(SourceText("team.vch", text)))
    assert granted.diagnostics == ()
    said = "\n".join(words_of(granted))
    for word in ("/pools", "ds://locations", "ds://readable", "networks", "/switches", "4094", "10.99.0.0/16", "adopt",
                 "99GHz", "98GiB", "e" * 64, "somewhere", "2031-02-03", *limits.values()):  # fmt: skip
        assert word in said, word
    assert "nothing" not in said and "any" not in said
