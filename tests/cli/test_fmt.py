"""`vch fmt`: which files, how they are read and replaced, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.harness import CALL, ROOT, Project, vch
from vchlang import packages

UGLY = "let   a=1\nlet bc = [ 2 ,3 ]   # two\n"
GOOD = "let a  = 1\nlet bc = [2, 3]  # two\n"


def test_files_are_laid_out_in_place_and_named_once(project: Project) -> None:
    ugly, good = project.write("ugly.vch", UGLY), project.write("good.vch", GOOD)
    good.chmod(0o400)
    before = good.stat()
    answer = vch("fmt", ugly, good, ugly)
    assert answer == (0, "ugly.vch\n", "")
    assert ugly.read_text() == GOOD
    assert good.stat() == before
    assert vch("fmt", ugly) == (0, "", "")


def test_without_files_all_of_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    script = project.write("site.vch", 'import { a } from "./lib/a.vch"\nlet   b = a\n')
    module = project.write("lib/a.vch", UGLY)
    hidden = project.write(".git/c.vch", UGLY)
    other = project.write("lib/a.txt", UGLY)
    vendored = project.write("vendor/net/net.vch", UGLY)
    package = packages.Package(name="net", path="vendor/net", files={"net.vch": "0" * 64})
    project.write("vch.lock", packages.text_of(packages.Lock(packages={"net": package})))
    below = project.root / "lib"
    monkeypatch.chdir(below)
    answer = vch("fmt")
    assert sorted(answer.out.split()) == ["../site.vch", "a.vch"]
    assert module.read_text() == GOOD
    assert script.read_text().endswith("let b = a\n")
    for path in (hidden, other, vendored):
        assert path.read_text() == UGLY
    assert vch("fmt", "../vendor/net/net.vch").code == 0  # named, so meant
    assert vendored.read_text() == GOOD


def test_check_writes_nothing_and_ends_with_10(project: Project) -> None:
    ugly, good = project.write("ugly.vch", UGLY), project.write("good.vch", GOOD)
    assert vch("fmt", "--check") == (10, "ugly.vch\n", "")
    assert vch("fmt", "--check", good) == (0, "", "")
    assert ugly.read_text() == UGLY


def test_diff_shows_what_would_change(project: Project) -> None:
    ugly = project.write("ugly.vch", UGLY + "\n")
    for words, code in (((), 0), (("--check",), 10)):
        answer = vch("fmt", "--diff", *words, ugly)
        assert answer.code == code
        assert answer.out.splitlines() == [
            "--- ugly.vch (as it is)",
            "+++ ugly.vch (formatted)",
            "@@ -1,3 +1,2 @@",
            "-let   a=1",
            "-let bc = [ 2 ,3 ]   # two",
            "-",
            "+let a  = 1",
            "+let bc = [2, 3]  # two",
        ]
    assert ugly.read_text() == UGLY + "\n"
    ends = project.write("ends.vch", "let a = 1\nlet b = 1\r\n")
    assert vch("fmt", "--diff", ends).out == "ends.vch: only the ends of its lines\n"


def test_a_mistake_of_syntax_is_shown_and_the_others_are_done(project: Project) -> None:
    broken = project.write("broken.vch", "let a  =  = 1\nlet   b = 1\n")
    project.write("ugly.vch", UGLY)
    for words in ((), ("--check",), ("--diff",)):
        answer = vch("fmt", *words, broken)
        assert (answer.code, answer.out) == (3, "")
        assert "error[syntax]" in answer.err and "broken.vch:1:11" in answer.err
    answer = vch("fmt")
    assert (answer.code, answer.out) == (3, "ugly.vch\n")
    assert broken.read_text() == "let a  =  = 1\nlet   b = 1\n"


@pytest.mark.parametrize(
    ("data", "formatted"),
    [
        (b"let  a = 1", b"let a = 1\n"),
        (b"", b""),
        (b"\n \n", b""),
        (b"# only\n\n\n# this\n\n", b"# only\n\n# this\n"),
        (b"\xef\xbb\xbflet  a = 1\n", b"\xef\xbb\xbflet a = 1\n"),
        (b"let  a = 1\r\nlet b = '''\r\n c\r\n'''\r\n", b"let a = 1\r\nlet b = '''\r\n c\r\n'''\r\n"),
        (b"let a = 1\r\nlet b = 1\n", b"let a = 1\r\nlet b = 1\r\n"),
        (b"let a = 1\nlet b = 1\r\n", b"let a = 1\nlet b = 1\n"),
        (b"#!/usr/bin/env -S vch apply\nlet  a = 1\n", b"#!/usr/bin/env -S vch apply\nlet a = 1\n"),
        (
            "let  ä".encode().replace("ä".encode(), b"a") + " = 'größer' # ✓\n".encode(),
            "let a = 'größer'  # ✓\n".encode(),
        ),
    ],
)
def test_bytes(project: Project, data: bytes, formatted: bytes) -> None:
    path = project.root / "x.vch"
    path.write_bytes(data)
    assert vch("fmt", path).code == 0
    assert path.read_bytes() == formatted
    assert vch("fmt", path) == (0, "", "")
    answer = subprocess.run([*CALL, "fmt", "-"], input=data, capture_output=True, cwd=ROOT, check=True)
    assert answer.stdout == formatted


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"let a = 1\nlet b = '\xff'\n", "not UTF-8: byte 0xff in line 2"),
        (b"\xff\xfel\x00e\x00t\x00", "not UTF-8"),
        (b"let a = \x00\n", "no sign of the language"),
    ],
)
def test_what_is_no_text(project: Project, data: bytes, said: str) -> None:
    path = project.root / "x.vch"
    path.write_bytes(data)
    answer = vch("fmt", path)
    assert (answer.code, answer.out) == (3, "")
    assert said in answer.err
    assert path.read_bytes() == data


def test_what_is_no_file(project: Project) -> None:
    os.mkfifo(project.root / "pipe.vch")
    answer = vch("fmt", "pipe.vch", "nothing.vch")
    assert answer.code == 3
    assert "this is no file" in answer.err and "there is no such file" in answer.err
    assert vch("fmt", "a\0b").code == 3


def test_a_link_and_a_mode_are_kept_and_nothing_is_left_behind(project: Project) -> None:
    path = project.write("real/x.vch", UGLY)
    path.chmod(0o751)
    link = project.root / "x.vch"
    link.symlink_to("real/x.vch")
    assert vch("fmt", link) == (0, "x.vch\n", "")
    assert link.is_symlink() and path.read_text() == GOOD
    assert path.stat().st_mode & 0o7777 == 0o751
    assert [one.name for one in path.parent.iterdir()] == ["x.vch"]


def test_a_file_is_replaced_whole_or_not_at_all(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ugly, other = project.write("a.vch", UGLY), project.write("b.vch", UGLY)

    def refuse(source: str, target: str) -> None:
        assert Path(target).read_text() == UGLY and Path(source).read_text() == GOOD
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        answer = vch("fmt", ugly)
    assert answer.code == 1
    assert "a.vch cannot be written: Permission denied" in answer.err
    assert sorted(one.name for one in project.root.glob("*.vch")) == ["a.vch", "b.vch"]
    assert not list(project.root.glob(".fmt*"))
    assert ugly.read_text() == other.read_text() == UGLY


def test_stdin(project: Project) -> None:
    def call(*words: str, text: str) -> tuple[int, str, str]:
        answer = subprocess.run([*CALL, "fmt", "-", *words], input=text, capture_output=True, cwd=ROOT, text=True)
        return answer.returncode, answer.stdout, answer.stderr

    assert call(text=UGLY) == (0, GOOD, "")
    assert call("--check", text=UGLY) == (10, "", "")
    assert call("--check", text=GOOD) == (0, "", "")
    code, out, _ = call("--diff", text=UGLY)
    assert code == 0 and out.startswith("--- stdin (as it is)\n")
    code, out, err = call(text="let a = = 1\n")
    assert (code, out) == (3, "") and "stdin:1:9" in err
    assert vch("fmt", "-", "x.vch").code == 2


def test_hostile_files_are_refused_soon(project: Project) -> None:
    for text in ("let a = " + "[" * 100_000, "handle a {\n" * 50_000, 'let a = "' + "${" * 100_000, "x" * 1_000_000):
        path = project.write("x.vch", text)
        answer = vch("fmt", path)
        assert (answer.code, answer.out) == (3, "")
        assert path.read_text() == text


def test_nothing_of_what_a_script_means_is_imported(project: Project) -> None:
    path = project.write("x.vch", UGLY)
    program = (
        "import sys; from vchlang.cli import main; code = main(['fmt', sys.argv[1]]);"
        "print([one for one in sys.modules if one.startswith('vchlang.')]); sys.exit(code)"
    )
    answer = subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = answer.stdout
    assert "vchlang.syntax.layout" in loaded
    for name in ("analysis", "kinds", "plan", "state", "portlayer", "workspace", "project", "values", "syntax.ast"):
        assert f"vchlang.{name}" not in loaded
