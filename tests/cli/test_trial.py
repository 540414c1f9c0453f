"""What a newcomer tripped over on the command line; what the language itself says is in `cases/analysis/trial.md`."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.harness import PROJECT, SMALL, Project, spawn, vch

OUTPUTS = """\
type Way = .off | .on(level: Int)
let on: Way = .on(level: 1)
output size = 3GiB
output much = [90s]
output way = on
output made = data.size
"""
SECRET = PROJECT + '[env.local.secrets]\ntoken = { env = "TRIAL_TOKEN" }\n'
TOKEN = 'param token: Secret<String> where len(it) >= 12 else "a token has 12 characters"\nlet there = token != null\n'


def test_outputs_keep_units_and_what_a_case_carries(project: Project) -> None:
    script = project.write("small.vch", SMALL.replace("free: size", "free: 1MiB") + OUTPUTS)
    applied = vch("apply", script, "--yes")
    assert applied.code == 0, applied.err
    for line in ('size = "3GiB"', 'much = ["90s"]', 'way = ".on(level: 1)"', 'made = "1MiB"'):
        assert f"\n{line}\n" in applied.out
    wanted = {"size": "3GiB", "much": ["90s"], "way": ".on(level: 1)", "made": "1MiB"}
    assert vch("show", "--format", "json").json()["outputs"] == {"place": "ds://disks/infra/small-data", **wanted}
    assert 'much = ["90s"]' in vch("show").out
    planned = vch("plan", script, "--format", "json").json()["plan"]["outputs"]
    assert (planned["size"], planned["way"]) == ("3GiB", ".on(level: 1)")


@pytest.mark.parametrize(("value", "code"), [("long-enough-for-it", 0), ("short", 3)])
def test_the_where_of_a_secret_is_asked_of_what_was_read(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str, code: int
) -> None:
    project.write("vch.toml", SECRET)
    script = project.write("small.vch", TOKEN + SMALL)
    assert vch("validate", script).code == 0  # which reads no secret
    monkeypatch.setenv("TRIAL_TOKEN", value)
    answer = vch("plan", script)
    assert answer.code == code
    assert ("error[where-failed]: a token has 12 characters" in answer.err) is (code != 0)
    assert value not in answer.err + answer.out


def test_the_files_that_have_mistakes_are_counted(project: Project) -> None:
    project.write("part.vch", "let a = b\nlet c = 1\n")
    script = project.write("main.vch", 'import { c } from "./part.vch"\noutput d = c + e\n')
    answer = vch("validate", script)
    assert answer.code == 3 and answer.err.rstrip().endswith("2 errors in 2 files"), answer.err


def test_a_declaration_is_worked_out_when_it_is_made(project: Project) -> None:
    process = spawn("console", cwd=project.root, stdin=subprocess.PIPE)
    out, err = process.communicate("type P = Int where it > 3\nlet p: P = 2\np\nlet p: P = 5\np\n")
    assert process.returncode == 3
    assert "error[where-failed]: `P` does not satisfy its `where`" in err
    assert "error[unknown-name]: there is no `p`" in err  # what is wrong was not declared
    assert out == "5  : Int\n"


def test_a_clause_is_explained_by_its_word(project: Project) -> None:
    assert vch("explain", "storage.in").out.startswith("storage.in: StorePath\n")
    assert "inside" not in vch("explain", "storage").out
    unknown = vch("explain", "executor.inside")
    assert unknown.code == 2 and "an executor has no field `inside`" in unknown.err
