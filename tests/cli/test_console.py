"""`vch console`: as a filter, with `--eval`, and on a terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest

from tests.cli.harness import CALL, PROJECT, ROOT, Project, spawn, vch

SCRIPT = """\
param size: Int = 3
param token: Secret<String>
let sizes = { small: 1, large: size * 10 }
fn double(n: Int) -> Int = n * 2
existing pool farm at "/clusterA/poolB"
create executor web in farm
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.write("vch.toml", PROJECT)
    made.write("main.vch", SCRIPT)
    monkeypatch.chdir(tmp_path)
    return made


def tell(project: Project, *lines: str, words: tuple[str, ...] = ("main.vch",)) -> tuple[int, list[str], str]:
    import subprocess

    process = spawn("console", *words, cwd=project.root, stdin=subprocess.PIPE)
    out, err = process.communicate("\n".join(lines) + "\n")
    return process.returncode, out.splitlines(), err


def test_values_and_types_with_the_names_of_a_script(project: Project) -> None:
    code, out, err = tell(
        project, "sizes", "double(size)", "[for k, v in sizes: k]", ":type double(1) > 2", "web.state", "token",
        "# nothing", "", "double", "farm", "null", '"a${1 + 1}b"',
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out == [
        "{ small: 1, large: 30 }  : {small: Int, large: Int}",
        "6  : Int",
        '["small", "large"]  : [String]',
        "Bool",
        "<- web.state  : String",
        "(secret)  : Secret<String>",
        "(a function)  : a function of 1",
        "farm  : Pool",
        "null  : null",
        '"a2b"  : String',
    ]


def test_what_is_declared_holds(project: Project) -> None:
    code, out, err = tell(
        project, "let x = 4", "fn triple(n: Int) -> Int = n * 3", "type Port = Int where it > 0",
        "let p: Port = 7", "triple(x)", 'import { direct_boot } from "std/loaders"', "direct_boot.provides", ":names",
    )  # fmt: skip
    assert out[:2] == ["12  : Int", '{ boot: "direct" }  : {boot: String}']
    assert "x: Int" in out and "triple: (n: Int) -> Int" in out and "type Port = Int" in out
    assert code == 0 and err == ""


def test_a_mistake_is_shown_in_its_line_and_nothing_is_kept_of_it(project: Project) -> None:
    code, out, err = tell(project, "double(", 'double("a")', "let y = nothing", "1 / 0", "double(2)")
    assert code == 3
    assert out == ["4  : Int"]
    assert "console:1:8" in err and "console:1:9" in err and "there is no `nothing`" in err
    assert "division-by-zero" in err and "console:1:5" in err


def test_eval_answers_and_ends(project: Project) -> None:
    answer = vch("console", "--eval", "1GiB * 3", "--eval", "len([1, 2])")
    assert (answer.code, answer.out.splitlines(), answer.err) == (0, ["3GiB  : Bytes", "2  : Int"], "")
    assert vch("console", "--eval", "1 +").code == 3
    assert vch("console", "main.vch", "-p", "size=7", "--eval", "sizes.large").out == "70  : Int\n"
    assert vch("console", "nothing.vch", "--eval", "1").code == 3


def test_a_script_with_mistakes_still_answers(project: Project) -> None:
    project.write("main.vch", SCRIPT + "let broken = nothing\ncreate task t { }\n")
    assert vch("console", "main.vch", "--eval", "double(size)").out == "6  : Int\n"


def test_reload_reads_a_changed_script(project: Project) -> None:
    import subprocess

    process = spawn("console", "main.vch", cwd=project.root, stdin=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("size\n")
    process.stdin.flush()
    assert process.stdout.readline() == "3  : Int\n"
    project.write("main.vch", SCRIPT.replace("= 3", "= 55"))
    out, _ = process.communicate(":reload\nsize\n")
    assert out.splitlines()[-2:] == ["changed: main.vch", "55  : Int"]


def test_nothing_is_written(project: Project) -> None:
    before = project.tree()
    tell(project, "sizes", "1 / 0", "let x = 1")
    assert project.tree() == before


def test_a_terminal_has_a_prompt_lines_that_go_on_and_completion(project: Project) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project.root)
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm", NO_COLOR="1")
        os.execv(sys.executable, [*CALL, "console", "main.vch"])
    try:
        read(terminal, "vch> ")
        os.write(terminal, b"doub\t(4)\n")
        assert "8  : Int" in read(terminal, "vch> ")
        os.write(terminal, b"[1,\n")
        read(terminal, "...  ")
        os.write(terminal, b"2]\n")
        assert "[1, 2]  : [Int]" in read(terminal, "vch> ")
        os.write(terminal, b":quit\n")
        _, status = os.waitpid(process, 0)
        process = 0
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        if process:
            os.kill(process, 9)
            os.waitpid(process, 0)
        os.close(terminal)


def read(terminal: int, until: str) -> str:
    """What the terminal shows, up to a prompt."""
    out = ""
    end = time.monotonic() + 20
    while until not in out:
        assert time.monotonic() < end, out
        if select.select([terminal], [], [], 0.2)[0]:
            out += os.read(terminal, 4096).decode()
    return out
