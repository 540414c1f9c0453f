"""`vch.toml`: what it says, and everything that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from vchlang.diagnostics import Diagnostic
from vchlang.project import Environment, Project, SecretSource, find


def read(root: Path, text: str) -> Project:
    (root / "vch.toml").write_text(text)
    return find(str(root / "some.vch"))


def mistakes(project: Project) -> list[tuple[int, str]]:
    assert project.source is not None
    return [(project.source.position(one.span.start)[0], one.message) for one in project.diagnostics]


def test_what_it_says(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        """\
language = 1
[project]
name = "site"
environment = "team"
[env.team]
target = "local"
allow_outside = ["../shared", "/opt/images"]
params = { memory = "8GiB", stores = { nfs = "file://${project}/nfs" }, literal = "$${x}" }
[env.team.secrets]
vmomi = { file = "secrets/vmomi.json", create = "credentials" }
token = { env = "TOKEN" }
pin = { prompt = true }
[env.team.inventory]
pools = ["/a/b"]
networks = { lan = ["10.0.0.0/24"] }
datastores = { disks = "", big = "stores/big" }
""",
    )
    assert project.diagnostics == ()
    assert (project.root, project.name, project.default) == (str(tmp_path), "site", "team")
    team = project.environment(None)
    assert isinstance(team, Environment)
    assert team.params == {"memory": "8GiB", "stores": {"nfs": f"file://{tmp_path}/nfs"}, "literal": "${x}"}
    assert team.allow_outside == (str(tmp_path.parent / "shared"), "/opt/images")
    assert team.secrets["vmomi"] == SecretSource(kind="file", name=str(tmp_path / "secrets/vmomi.json"), create=True)
    assert [one.kind for one in team.secrets.values()] == ["file", "env", "prompt"]
    assert team.inventory.pools == ("/a/b",)
    assert team.inventory.networks == {"lan": ("10.0.0.0/24",)}
    assert team.inventory.datastores == {"disks": "", "big": str(tmp_path / "stores/big")}


def test_a_project_is_found_upwards(tmp_path: Path) -> None:
    (tmp_path / "vch.toml").write_text("")
    (tmp_path / "a/b").mkdir(parents=True)
    assert find(str(tmp_path / "a/b/x.vch")).root == str(tmp_path)
    assert find(str(tmp_path / "a/b")).root == str(tmp_path)


def test_without_a_file_the_directory_is_the_project(tmp_path: Path) -> None:
    project = find(str(tmp_path / "x.vch"))
    assert (project.root, project.source) == (str(tmp_path), None)
    local = project.environment(None)
    assert isinstance(local, Environment) and local.target == "local"


def test_every_mistake_at_once_each_on_its_line(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        """\
language = 2
[projct]
name = "site"
[env.local]
targt = "local"
[env.local.secrets]
a = "swordfish"
b = { file = "x", env = "y" }
c = { env = "Y", create = "credentials" }
[env.local.inventory]
pools = ["clusterA"]
networks = { lan = ["10.0.0.300"] }
[env.local.params]
x = "${root}/x"
""",
    )
    found = mistakes(project)
    assert [line for line, _ in found] == [1, 2, 5, 7, 8, 9, 11, 12, 14]
    assert any("projct" in message for _, message in found)
    assert all("swordfish" not in message for _, message in found)
    assert {one.code for one in project.diagnostics} == {"bad-project"}
    hints = [hint for one in project.diagnostics for hint in one.hints]
    assert "did you mean `project`?" in hints and "did you mean `target`?" in hints


@pytest.mark.parametrize(
    ("text", "line"), [("a = [1,\nb = 2", 2), ("x = = 1", 1), ("\n[env.local\n", 2), ("a = 1\na = 2", 2)]
)
def test_broken_toml_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert [found for found, _ in mistakes(read(tmp_path, text))] == [line]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = " + "9" * 5000, "too large"),
        ("[a" + ".a" * 200 + "]", "more than 100 parts"),
        ("a = " + "[" * 5000, "nests too deep"),
        ("# " + "x" * 2**20, "more than 1 MiB"),
    ],
    ids=["number", "key", "depth", "size"],
)
def test_toml_that_would_cost_too_much(tmp_path: Path, text: str, why: str) -> None:
    (only,) = read(tmp_path, text).diagnostics
    assert (only.code, why in only.message) == ("bad-project", True)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "vch.toml").write_bytes(b"\xff\xfe\x00")
    (only,) = find(str(tmp_path)).diagnostics
    assert only.code == "bad-project"


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    found = read(tmp_path, "[env.production]\n").environment("prodution")
    assert isinstance(found, Diagnostic)
    assert found.code == "unknown-environment"
    assert found.hints == ("did you mean `production`?",)


def test_environments_keep_apart(tmp_path: Path) -> None:
    project = read(tmp_path, "[env.world]\n")
    assert project.kept_in("local") == str(tmp_path / ".vch")
    assert project.kept_in("world") == str(tmp_path / ".vch/env/world")
