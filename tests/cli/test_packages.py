"""Directories as modules, packages of others, and what is read again when a file changes."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.harness import PROJECT, Project, vch
from tests.cli.test_workspace import codes, workspace
from vchlang import packages
from vchlang.analysis.program import Parameters
from vchlang.project import find
from vchlang.workspace import Loaded, Workspace

NET = 'type Port = Int where it in 1..65535 else "no port"\nlet lowest = _base + 24\nlet _base = 1000\n'
WEB = 'import { Port } from "./net"\nfn url(port: Port) -> String = "http://x:${port}/"\n'


def outputs(made: Workspace, loaded: Loaded) -> dict[str, object]:
    assert loaded.program is not None
    return {one.name: one.value for one in made.evaluate(loaded.program, Parameters()).outputs}


# ---- directories ---------------------------------------------------------------------------------------------------


def test_a_directory_is_the_modules_in_it(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        main='import { lowest, url, Port } from "./lib"\nlet p: Port = lowest\noutput a = url(p)\n',
        lib__net=NET,
        lib__web=WEB,
    )
    loaded = made.load(str(tmp_path / "main.vch"))
    assert codes(loaded) == []
    assert outputs(made, loaded) == {"a": "http://x:1024/"}
    assert [one.name for one in made.inputs(loaded)] == ["main.vch", "lib/net.vch", "lib/web.vch"]


def test_a_name_in_two_files_of_a_directory_is_a_mistake(tmp_path: Path) -> None:
    made = workspace(
        tmp_path, main='import { a } from "./lib"\noutput b = a\n', lib__x="let a = 1\n", lib__y="let a = 2\n"
    )
    loaded = made.load(str(tmp_path / "main.vch"))
    assert codes(loaded) == ["duplicate-name"]
    assert "lib/x.vch and lib/y.vch" in loaded.diagnostics[0].message


def test_mistakes_of_a_directory(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        main='import { lowset } from "./lib"\nimport { _base } from "./lib"\nimport { x } from "./libs"\n'
        'import { y } from "./empty"\n',
        lib__net=NET,
    )
    (tmp_path / "empty").mkdir()
    loaded = made.load(str(tmp_path / "main.vch"))
    assert codes(loaded) == ["not-exported", "not-exported", "unknown-module", "unknown-module"]
    hints = [one.hints[0] for one in loaded.diagnostics if one.hints]
    assert hints[:3] == [
        "did you mean `lowest`?", "names that begin with `_` stay in their module", "did you mean `./lib`?"
    ]  # fmt: skip


def test_files_of_a_directory_may_not_import_it_whole(tmp_path: Path) -> None:
    made = workspace(
        tmp_path, main='import { a } from "./lib"\noutput b = a\n', lib__x='import { c } from "../lib"\nlet a = c\n'
    )
    loaded = made.load(str(tmp_path / "main.vch"))
    assert "cycle" in codes(loaded)


# ---- packages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path / "site")
    made.write("vch.toml", PROJECT)
    made.write("main.vch", 'import { url } from "acme/web"\nimport { lowest } from "acme"\noutput a = url(lowest)\n')
    source = Project(tmp_path / "acme")
    source.write("net.vch", NET)
    source.write("web.vch", WEB)
    source.write("motd.txt", "hello\n")
    monkeypatch.chdir(made.root)
    return made


def test_a_package_is_added_locked_and_used(project: Project) -> None:
    missing = vch("validate", "main.vch")
    assert missing.code == 3 and "vch vendor add acme" in missing.err
    added = vch("vendor", "add", "acme", "../acme")
    assert added.code == 0 and "3 files in vendor/acme" in added.out
    assert vch("validate", "main.vch").code == 0
    assert vch("vendor", "check").code == 0
    assert vch("vendor", "list").out == "acme  vendor/acme  3 files\n"
    first = (project.root / "vch.lock").read_bytes()
    assert vch("vendor", "lock").code == 0
    assert (project.root / "vch.lock").read_bytes() == first
    again = vch("vendor", "add", "acme", "../acme")
    assert again.code == 2 and "--replace" in again.err
    assert vch("vendor", "add", "acme", "../acme", "--replace").code == 0
    assert sorted(one.name for one in (project.root / "vendor").iterdir()) == ["acme"]


def test_a_package_is_removed(project: Project) -> None:
    vch("vendor", "add", "acme", "../acme")
    assert vch("vendor", "remove", "acm").code == 2
    project.write("vendor/acme/mine.txt", "not theirs")
    kept = vch("vendor", "remove", "acme")
    assert kept.code == 2 and "mine.txt is new" in kept.err
    (project.root / "vendor/acme/mine.txt").unlink()
    assert vch("vendor", "remove", "acme").code == 0
    assert not (project.root / "vendor/acme").exists() and "acme" not in (project.root / "vch.lock").read_text()


def test_a_changed_file_is_not_used(project: Project) -> None:
    vch("vendor", "add", "acme", "../acme")
    project.write("vendor/acme/net.vch", NET.replace("24", "25"))
    answer = vch("validate", "main.vch")
    assert answer.code == 3 and "not-as-locked" in answer.err
    checked = vch("vendor", "check")
    assert checked.code == 3 and "net.vch is changed" in checked.out
    assert "net.vch is changed" in vch("vendor", "lock").out
    assert vch("validate", "main.vch").code == 0


def test_a_file_that_the_lock_does_not_name_is_not_used(project: Project) -> None:
    vch("vendor", "add", "acme", "../acme")
    project.write("vendor/acme/more.vch", "let more = 1\n")
    project.write("main.vch", 'import { more } from "acme/more"\noutput a = more\n')
    answer = vch("validate", "main.vch")
    assert answer.code == 3 and "names no `more.vch`" in answer.err


def test_a_package_is_added_from_a_tar(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "acme-1.2.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "acme", arcname="acme-1.2")
    assert vch("vendor", "add", "acme", path).code == 0
    assert vch("validate", "main.vch").code == 0
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        link = tarfile.TarInfo("net.vch")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    answer = vch("vendor", "add", "evil", evil)
    assert answer.code == 2 and "links" in answer.err
    climbing = tmp_path / "climbing.tar"
    with tarfile.open(climbing, "w") as tar:
        tar.add(tmp_path / "acme" / "net.vch", arcname="../../net.vch")
    assert vch("vendor", "add", "climbing", climbing).code == 2
    assert not (project.root / "net.vch").exists() and not (project.root / "vendor" / "climbing").exists()


def test_a_package_reads_nothing_outside_of_itself(project: Project, tmp_path: Path) -> None:
    project.write("secret.txt", "swordfish\n")
    reader = 'fn own() = file("motd.txt")\nfn other() = file("../../secret.txt")\nfn variable() = env("HOME") ?? ""\n'
    Project(tmp_path / "acme").write("read.vch", reader)
    Project(tmp_path / "acme").write("climb.vch", 'import { x } from "../../lib"\nlet y = x\n')
    project.write("lib.vch", "let x = 1\n")
    vch("vendor", "add", "acme", "../acme")
    project.write("main.vch", 'import { own } from "acme/read"\nassert own() == "hello\\n"\n')
    assert vch("validate", "main.vch").code == 0
    for name in ("other", "variable"):
        project.write("main.vch", f'import {{ {name} }} from "acme/read"\noutput a = {name}()\n')
        answer = vch("validate", "main.vch")
        assert answer.code == 3 and "outside-project" in answer.err and "swordfish" not in answer.err
    project.write("main.vch", 'import { y } from "acme/climb"\noutput a = y\n')
    answer = vch("validate", "main.vch")
    assert answer.code == 3 and "outside of the package `acme`" in answer.err
    project.write("main.vch", 'import { y } from "acme/../../lib"\noutput a = y\n')
    assert "outside-project" in vch("validate", "main.vch").err


def test_a_changed_text_of_a_package_is_not_read(project: Project, tmp_path: Path) -> None:
    Project(tmp_path / "acme").write("read.vch", 'fn own() = file("motd.txt")\n')
    vch("vendor", "add", "acme", "../acme")
    project.write("main.vch", 'import { own } from "acme/read"\noutput a = own()\n')
    assert vch("validate", "main.vch").code == 0
    project.write("vendor/acme/motd.txt", "other\n")
    answer = vch("validate", "main.vch")
    assert answer.code == 3 and "not-as-locked" in answer.err


@pytest.mark.parametrize(
    "text",
    [
        "", "version = 2\n", "nonsense", "version = 1\npackages = 3\n", "version = 1\n[packages.acme]\npath = 1\n",
        'version = 1\n[packages.acme]\npath = "../x"\n[packages.acme.files]\n',
        'version = 1\n[packages.acme]\npath = "x"\n[packages.acme.files]\n"a" = "short"\n',
        'version = 1\n[packages.std]\npath = "x"\n[packages.std.files]\n', "\udcff",
    ],
)  # fmt: skip
def test_a_broken_lock_is_a_diagnostic(project: Project, text: str) -> None:
    (project.root / "vch.lock").write_bytes(text.encode("utf-8", "surrogateescape"))
    answer = vch("validate", "main.vch")
    assert answer.code == 3 and ("bad-lock" in answer.err or "unknown-module" in answer.err)
    assert "bug" not in answer.err


@given(st.dictionaries(st.text(min_size=1).filter(lambda one: one.isprintable()), st.binary(max_size=4), max_size=4))
def test_a_lock_says_what_was_written(files: dict[str, bytes]) -> None:
    import hashlib
    import tomllib

    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    lock = packages.Lock(packages={"acme": packages.Package(name="acme", path="vendor/acme", files=digests)})
    read = tomllib.loads(packages.text_of(lock))
    assert read["packages"]["acme"] == {"path": "vendor/acme", "files": digests}


# ---- opened again --------------------------------------------------------------------------------------------------


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        main='import { url } from "./lib/web"\nimport { x } from "./other"\noutput a = url(80)\noutput b = x\n',
        lib__net=NET,
        lib__web=WEB,
        other="let x = 1\n",
    )
    loaded = made.load(str(tmp_path / "main.vch"))
    assert made.refresh() == set()
    kept = {one.path: one for one in _all(made, loaded)}
    (tmp_path / "lib" / "net.vch").write_text(NET.replace("65535", "70"))
    os.utime(tmp_path / "lib" / "net.vch", ns=(1, 1))
    assert made.refresh() == {"lib/net.vch"}
    loaded = made.load(str(tmp_path / "main.vch"))
    after = {one.path: one for one in _all(made, loaded)}
    assert after["other.vch"] is kept["other.vch"]
    assert after["lib/web.vch"] is not kept["lib/web.vch"] and after["lib/net.vch"] is not kept["lib/net.vch"]
    assert loaded.program is not None
    assert [one.code for one in made.evaluate(loaded.program, Parameters()).diagnostics] == ["where-failed"]


def test_a_module_that_was_missing_is_found_once_it_is_there(tmp_path: Path) -> None:
    made = workspace(tmp_path, main='import { x } from "./other"\noutput a = x\n')
    assert codes(made.load(str(tmp_path / "main.vch"))) == ["unknown-module"]
    (tmp_path / "other.vch").write_text("let x = 1\n")
    (tmp_path / "main.vch").write_text('import { x } from "./other"\noutput b = x\n')
    made.refresh()
    assert codes(made.load(str(tmp_path / "main.vch"))) == []


def _all(made: Workspace, loaded: Loaded) -> list[object]:
    assert loaded.program is not None
    found, todo = [], [loaded.program]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += one.modules.values()
    return found


def test_the_workspace_of_a_project_without_a_lock_asks_for_none(tmp_path: Path) -> None:
    (tmp_path / "a.vch").write_text("output a = 1\n")
    made = Workspace(find(str(tmp_path)))
    assert codes(made.load(str(tmp_path / "a.vch"))) == []
