"""Command lines: what they mean, what they cannot mean, and that nothing printed can move a cursor."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.harness import CALL, ROOT, Project, spawn, vch
from vchlang.cli import COMMANDS
from vchlang.cli.look import bare, one_line, safe
from vchlang.cli.options import Command, Option, Usage, parse

TRIAL = Command(
    "trial", "FILE", "A trial.", (Option(("-o", "--out"), "o", "FILE"), Option(("-v", "--verbose"), "v")), 1, 2
)


def test_options_in_every_form() -> None:
    for words in (["-o", "x", "a"], ["-ox", "a"], ["--out", "x", "a"], ["--out=x", "a"], ["a", "-o=x"]):
        given = parse(TRIAL, words)
        assert (given.words, given.one("out")) == (["a"], "x")
    assert parse(TRIAL, ["--", "-o"]).words == ["-o"]
    assert parse(TRIAL, ["a", "-v", "-v"]).flag("verbose")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs FILE"),
        (["a", "b", "c"], "takes no `c`"),
        (["a", "--ouput", "x"], "no option `--ouput`"),
        (["a", "-o"], "needs a value"),
        (["a", "-v=1"], "takes no value"),
        (["a", "-o", "x", "-o", "y"], "given twice"),
        (["a", "--color", "sometimes"], "cannot be `sometimes`"),
    ],
)
def test_options_that_cannot_be_meant(words: list[str], message: str) -> None:
    with pytest.raises(Usage, match=re.escape(message)):
        parse(TRIAL, words)


@pytest.mark.parametrize("words", [["--help"], ["help"], ["-h"], *([name, "--help"] for name in COMMANDS)])
def test_help(words: list[str]) -> None:
    answer = vch(*words)
    assert (answer.code, answer.err) == (0, "")
    assert max(len(line) for line in answer.out.splitlines()) <= 110


def test_the_first_help_names_every_command() -> None:
    assert all(f" {name} " in vch("--help").out for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["plann", "x.vch"], "did you mean `vch plan`?"),
        (["plan"], "needs FILE"),
        (["plan", "x.vch", "--exitcode"], "did you mean `--exit-code`?"),
        (["validate", "--format", "jsn"], "did you mean `json`?"),
        (["explain", "bind-befor-join"], "`bind-before-join`"),
        (["explain", "storage.packging"], "`packaging`"),
        (["plan", "no name.vch"], "give it another name with -n NAME"),
        (["destroy"], "give -n NAME"),
        (["plan", "x.vch", "-p", "memory"], "`-p` takes name=value"),
    ],
)
def test_usage_errors_end_with_2(project: Project, words: list[str], hint: str) -> None:
    project.write("x.vch", "param memory: Bytes = 1GiB\noutput a = memory\n")
    answer = vch(*words)
    assert (answer.code, answer.out) == (2, "")
    assert hint in answer.err


@pytest.mark.parametrize(
    "word", ["bind-before-join", "storage", "storage.packaging", "executor.address", "len", "list"]
)
def test_explain(word: str) -> None:
    answer = vch("explain", word)
    assert (answer.code, answer.err) == (0, "")
    assert word.partition(".")[0] in answer.out or word == "list"


def test_explain_names_the_nearest_three() -> None:
    answer = vch("explain", "storge")
    assert answer.code == 2
    assert answer.err.count("`") >= 6 and "`storage`" in answer.err


def test_control_characters_are_escaped() -> None:
    assert safe("a\x1b[31mb\x07\x9b\u202ec\ud800") == "a\\x1b[31mb\\x07\\x9b\\u{202e}c\\u{d800}"
    assert safe("α → β\n\t") == "α → β\n\t"
    assert one_line("a\nb") == "a\\nb"


def test_no_escape_of_a_script_reaches_the_terminal(project: Project) -> None:
    script = project.write("x.vch", 'let a = nothing\x1b]0;title\x07\nlet b = "\x1b[2J\r" + 1\n')
    for words in (["validate", script], ["validate", script, "--format", "github"], ["plan", script]):
        answer = vch(*words)
        assert answer.code == 3
        assert not set(answer.out + answer.err) & {"\x1b", "\x07", "\r"}
    colored = vch("validate", script, "--color=always").err
    assert "\x1b[" in colored
    assert "\x1b" not in bare(colored) and "\x07" not in colored


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_when_there_are_colours(
    project: Project, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], colored: bool
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in vch("validate", project.write("x.vch", "let a = b\n")).err) == colored


def test_a_start_for_help_loads_next_to_nothing() -> None:
    code = "import sys; from vchlang.cli import main; main(['--help']); print(*sorted(sys.modules), file=sys.stderr)"
    call = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    answer = subprocess.run(call, capture_output=True, text=True, check=True)
    loaded = set(answer.stderr.split())
    assert {one for one in loaded if one.startswith("vchlang")} == {"vchlang", "vchlang.cli"}
    assert not loaded & {"re", "typing", "argparse", "msgspec", "pathlib"}


def test_a_closed_stdout_is_no_accident(project: Project) -> None:
    script = project.write("x.vch", "let a = b\n")
    reader, writer = os.pipe()
    os.close(reader)
    process = spawn("validate", script, "--format", "json", cwd=project.root, stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "Traceback" not in err and "Broken" not in err
    closed = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *CALL, "explain", "list"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (closed.returncode, closed.stderr) == (0, "")


def test_a_bug_is_reported_without_values(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from vchlang.cli import validate

    def broken(*_: object) -> int:
        raise LookupError("swordfish")

    monkeypatch.setattr(validate, "run", broken)
    answer = vch("validate", "x.vch")
    assert answer.code == 1
    assert "This is a bug in vch" in answer.err
    (report,) = (project.root / ".vch").glob("bug-*.txt")
    assert report.stat().st_mode & 0o777 == 0o600
    assert "LookupError" in report.read_text() and "swordfish" not in report.read_text() + answer.err


def test_text_for_a_stream_that_has_no_unicode(project: Project) -> None:
    script = project.write("x.vch", "let a = nothing_of_the_kind_ü\n")
    process = spawn("validate", script, cwd=project.root, env={"PYTHONIOENCODING": "ascii"})
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert err.isascii() and "Traceback" not in err


def test_a_module_is_named_by_its_path_from_here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    script = project.write("deep/x.vch", "let a = b\n")
    assert " --> deep/x.vch:1:9" in vch("validate", script).err
    monkeypatch.chdir(Path(script).parent)
    assert " --> x.vch:1:9" in vch("validate", "x.vch").err
