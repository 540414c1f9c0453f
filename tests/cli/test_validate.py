"""`vch validate`: all mistakes of all files in one run, each on its line, in three forms."""

from __future__ import annotations

import random

import pytest

from tests.cli.harness import Project, vch

SIX = """\
param memory: Bytes = 8gb
create storge logs { free: 1GiB }
ensure pool p in "/a" { limts: { memory: memory } }
ensure location a at "datastore1/volumes"
output x = memroy
ensure network n at "x" { ranges: ["nope"] }
"""


def test_six_independent_mistakes_each_on_its_line_and_nothing_else(project: Project) -> None:
    answer = vch("validate", project.write("six.vch", SIX), "--format", "json")
    assert answer.code == 3
    found = answer.json()["diagnostics"]
    assert [(one["range"]["start"]["line"], one["code"]) for one in found] == [
        (1, "wrong-unit"),
        (2, "unknown-kind"),
        (3, "unknown-field"),
        (4, "bad-text"),
        (5, "unknown-name"),
        (6, "bad-text"),
    ]


def test_the_shape_of_the_json(project: Project) -> None:
    script = project.write("x.vch", '# größer\nlet a = "ö${nothing}"\n')
    answer = vch("validate", script, "--format", "json")
    document = answer.json()
    assert {key: document[key] for key in document if key != "diagnostics"} == {
        "format_version": 1,
        "valid": False,
        "error_count": 1,
        "warning_count": 1,
    }
    error = next(one for one in document["diagnostics"] if one["severity"] == "error")
    assert error["code"] == "unknown-name" and error["summary"] and error["detail"]
    assert error["range"] == {
        "filename": "x.vch",
        "start": {"line": 2, "column": 13, "byte": 24},
        "end": {"line": 2, "column": 20, "byte": 31},
    }
    assert error["snippet"] == {
        "code": 'let a = "ö${nothing}"',
        "start_line": 2,
        "highlight_start_offset": 12,
        "highlight_end_offset": 19,
    }
    assert script.read_bytes()[24:31] == b"nothing"


def test_bytes_count_the_mark_at_the_begin(project: Project) -> None:
    script = project.root / "x.vch"
    script.write_bytes(b"\xef\xbb\xbfoutput a = nothing\n")
    (error,) = vch("validate", script, "--format", "json").json()["diagnostics"]
    assert error["range"]["start"] == {"line": 1, "column": 12, "byte": 14}


def test_several_files_in_one_run(project: Project) -> None:
    one = project.write("one.vch", "output a = nothing\n")
    two = project.write("two.vch", 'import { b } from "./lib"\noutput a = b\n')
    three = project.write("three.vch", 'import { b } from "./lib"\noutput a = b\n')
    project.write("lib.vch", "let b = nobody\n")
    answer = vch("validate", one, two, three)
    assert answer.code == 3
    assert answer.err.splitlines()[-1] == "2 errors in 3 files"
    assert "one.vch:1:12" in answer.err and answer.err.count("lib.vch:1:9") == 1


def test_without_a_file_all_scripts_of_the_project(project: Project) -> None:
    project.write("a/one.vch", 'import { b } from "../lib"\noutput a = b\n')
    project.write("lib.vch", "let b = 1\n")
    project.write(".hidden/no.vch", "broken =\n")
    answer = vch("validate")
    assert (answer.code, answer.out, answer.err) == (0, "No mistakes in 1 file.\n", "")


def test_warnings_are_no_mistakes(project: Project) -> None:
    answer = vch("validate", project.write("x.vch", "let a = 1\n"))
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.splitlines()[-1] == "1 warning in 1 file"


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_of_very_many_no_warning_is_shown_instead_of_an_error(project: Project, verb: str) -> None:
    text = "".join(f"let a{n} = 1\n" for n in range(300)) + "output o = b\n"
    answer = vch(verb, project.write("many.vch", text))
    assert answer.code == 3
    assert "error[unknown-name]" in answer.err and "more;" in answer.err


def test_github(project: Project) -> None:
    script = project.write("a,b%.vch", "output a = nothing\n")
    answer = vch("validate", script, "--format", "github")
    assert answer.code == 3
    (line,) = answer.out.splitlines()
    assert line.startswith("::error file=a%2Cb%25.vch,line=1,col=12,endLine=1,endColumn=19,title=unknown-name::")


def test_parameters_and_secrets_may_be_unknown(project: Project) -> None:
    text = (
        "param size: Bytes where size in 1MiB..1GiB\nparam s: Secret<Credentials>\n"
        'ensure pool p in "/a" { limits: { memory: size } }\n'
        'create task t { path: "/bin/t", env: { P: s.password } }\n'
    )
    script = project.write("x.vch", text)
    assert vch("validate", script).code == 0
    assert vch("validate", script, "-p", "size=2MiB").code == 0
    wrong = vch("validate", script, "-p", "size=2GiB", "-p", "other=1")
    assert wrong.code == 3
    assert "where-failed" in wrong.err and "unknown-parameter" in wrong.err


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_random_bytes(project: Project, size: int) -> None:
    script = project.root / "x.vch"
    script.write_bytes(random.Random(size).randbytes(size) + b"\xff")
    for command in ("validate", "plan"):
        answer = vch(command, script)
        assert answer.code == 3
        assert "io-error" in answer.err and "not UTF-8" in answer.err


def test_random_text(project: Project) -> None:
    chance = random.Random(7)
    text = "".join(chance.choice('{}()[]"${.,=abc 123\n#@') for _ in range(20_000))
    answer = vch("validate", project.write("x.vch", text))
    assert answer.code == 3
    assert "bug" not in answer.err


@pytest.mark.parametrize(
    "text", ["{" * (1 << 20), "let a = " + "(" * (1 << 20), "let a = " + "[" * 50_000 + "]" * 50_000]
)
def test_a_million_braces(project: Project, text: str) -> None:
    answer = vch("validate", project.write("x.vch", text))
    assert answer.code == 3
    assert "bug" not in answer.err and len(answer.err) < 100_000


def test_a_broken_vch_toml_is_shown_with_its_line(project: Project) -> None:
    project.write("vch.toml", "language = 1\n[env.local]\ntargt = 'local'\n")
    answer = vch("validate", project.write("x.vch", ""))
    assert answer.code == 3
    assert "bad-project" in answer.err and "vch.toml:3:1" in answer.err and "did you mean `target`?" in answer.err


def test_an_unknown_environment(project: Project) -> None:
    answer = vch("validate", project.write("x.vch", ""), "-e", "locl")
    assert answer.code == 3
    assert "unknown-environment" in answer.err and "did you mean `local`?" in answer.err


def test_a_missing_file_names_the_nearest(project: Project) -> None:
    project.write("seed.vch", "")
    answer = vch("validate", "sede.vch")
    assert answer.code == 3
    assert "there is no such file" in answer.err and "did you mean `seed.vch`?" in answer.err
