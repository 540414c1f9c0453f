"""What scripts import and read, and what they may not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from vchlang import values as v
from vchlang.analysis.program import Parameters, Read, Unreadable
from vchlang.project import find
from vchlang.workspace import Loaded, Workspace


def workspace(root: Path, **texts: str) -> Workspace:
    (root / "vch.toml").touch()
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path = path.with_name(path.name + ".vch")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Workspace(find(str(root)))


def codes(loaded: Loaded) -> list[str]:
    return [one.code for one in loaded.diagnostics]


def test_modules_of_the_library_and_of_the_project(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        main='import { direct_boot } from "std/loaders"\nimport { port } from "./lib/net"\n'
        'output a = port\noutput b = direct_boot.provides["boot"]\n',
        lib__net='import { base } from "../base.vch"\nlet port = base + 1\n',
        base="let base = 80\n",
    )
    loaded = made.load(str(tmp_path / "main.vch"))
    assert codes(loaded) == [] and loaded.program is not None
    outputs = made.evaluate(loaded.program, Parameters()).outputs
    assert [one.value for one in outputs] == [81, "direct"]
    inputs = made.inputs(loaded)
    assert [(one.kind, one.name) for one in inputs] == [
        ("script", "main.vch"),
        ("module", "base.vch"),
        ("module", "lib/net.vch"),
        ("module", "std/loaders"),
    ]
    assert all(len(one.sha256) == 64 for one in inputs)


@pytest.mark.parametrize(
    ("written", "code", "hint"),
    [
        ("std/laoders", "unknown-module", "did you mean `std/loaders`?"),
        ("./lib/nett", "unknown-module", "did you mean `./lib/net.vch`?"),
        ("loaders", "unknown-module", "did you mean `std/loaders`?"),
        ("../elsewhere", "outside-project", "the project is the directory with vch.toml"),
    ],
)
def test_a_module_that_is_not_there(tmp_path: Path, written: str, code: str, hint: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "elsewhere.vch").write_text("let a = 1\n")
    made = workspace(root, main=f'import {{ a }} from "{written}"\noutput x = a\n', lib__net="let a = 1\n")
    (only,) = made.load(str(root / "main.vch")).diagnostics
    assert (only.code, only.hints) == (code, (hint,))


def test_modules_in_a_ring(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        main='import { a } from "./one"\noutput x = a\n',
        one='import { b } from "./two"\nlet a = b\n',
        two='import { a } from "./one"\nlet b = a\n',
    )
    found = [one for one in made.load(str(tmp_path / "main.vch")).diagnostics if one.code == "cycle"]
    assert [one.message for one in found] == ["modules import each other: one.vch → two.vch → one.vch"]


def test_mistakes_in_a_module_are_found_with_its_script(tmp_path: Path) -> None:
    made = workspace(tmp_path, main='import { a } from "./m"\noutput x = a\n', m="let a = nothing\ncreate task t {}\n")
    loaded = made.load(str(tmp_path / "main.vch"))
    assert [(one.source, one.code) for one in loaded.diagnostics] == [("m.vch", "unknown-name"), ("m.vch", "misplaced")]


def test_texts_that_are_none(tmp_path: Path) -> None:
    made = workspace(tmp_path)
    for name, content in (
        ("bytes", b"\xff\x00\x80"),
        ("marked", b"\xef\xbb\xbflet _a = 1\n"),
        ("big", b" " * (17 << 20)),
    ):
        (tmp_path / f"{name}.vch").write_bytes(content)
    (tmp_path / "directory.vch").mkdir()
    found = {
        name: codes(made.load(str(tmp_path / f"{name}.vch"))) for name in ("bytes", "marked", "big", "directory", "no")
    }
    assert found == {
        "bytes": ["io-error"],
        "marked": [],
        "big": ["limit-size"],
        "directory": ["io-error"],
        "no": ["io-error"],
    }
    assert made.bytes_before("marked.vch") == 3


def test_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = workspace(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/boot").write_text("kernel")
    (tmp_path / "motd.txt").write_text("hello")
    monkeypatch.setenv("SOME_NAME", "some value")
    assert made.read(Read(kind="file", name="motd.txt")) == "hello"
    assert made.read(Read(kind="env", name="SOME_NAME")) == "some value"
    assert made.read(Read(kind="env", name="NO_SUCH_NAME")) is None
    archive = made.read(Read(kind="archive", name="images"))
    assert isinstance(archive, v.DataRef)
    assert archive.entries == 1
    with made.open_data(archive) as packed, tarfile.open(fileobj=io.BytesIO(packed.read())) as tar:
        assert tar.getnames() == ["boot"]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("file", "no.txt", "missing-file"),
        ("archive", "no/", "missing-file"),
        ("file", "../outside.txt", "outside-project"),
        ("file", "/etc/hostname", "outside-project"),
        ("file", "link.txt", "outside-project"),
        ("archive", "bad.tar", "bad-archive"),
        ("archive", "pipe", "bad-archive"),
        ("file", "pipe", "io-error"),
        ("file", ".vch/secrets/a.json", "outside-project"),
        ("archive", ".vch", "outside-project"),
        ("archive", ".", "outside-project"),
        ("archive", "elsewhere", "outside-project"),
    ],
)
def test_what_is_not_read(tmp_path: Path, kind: str, name: str, code: str) -> None:
    import os

    root = tmp_path / "root"
    root.mkdir()
    made = workspace(root)
    (tmp_path / "outside.txt").write_text("no")
    (root / "link.txt").symlink_to("../outside.txt")
    (root / "elsewhere").symlink_to(tmp_path)
    (root / ".vch/secrets").mkdir(parents=True)
    (root / ".vch/secrets/a.json").write_text("secret")
    (root / "bad.tar").write_bytes(b"no tar at all")
    os.mkfifo(root / "pipe")
    found = made.read(Read(kind=kind, name=name))
    assert isinstance(found, Unreadable)
    assert found.code == code


def test_what_vch_toml_allows(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    workspace(root)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.txt").write_text("a")
    made = Workspace(find(str(root)), (str(tmp_path / "shared"),))
    assert made.read(Read(kind="file", name="../shared/a.txt")) == "a"
