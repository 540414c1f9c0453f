"""`vch test`: what a test sees, how its apply is broken, and that nothing is left of it, however it ends."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.harness import ROOT, Answer, Project, spawn, vch
from vchlang.cli import trials

SCRIPT = """\
param size: Bytes = 1MiB where size < 1GiB else "too large"
param owner: String? = null
param vmomi: Secret<Credentials>
existing network lan at "lan"
existing pool farm at "/clusterA/poolB"
ensure location infra at "ds://disks/infra" { access: .create }
@protect create storage data in infra { packaging: .vmdk, free: size }
ensure pool mine in farm { }
output place = "${data.url}"
output doubled = size * 2
output names = [for x in ["a", "b"]: "${x}-${infra.url}"]
output who = owner ?? "nobody"
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the worlds of tests are made; afterwards there is none, whatever the test did."""
    place = tmp_path / "worlds"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield place
    left = tethers(place)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert list(place.iterdir()) == []


def tethers(place: Path) -> list[int]:
    """The processes of executors below a directory."""
    out = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = entry.read_bytes()
        except OSError:
            continue
        if b"tether.pyz" in argv and os.fsencode(place) in argv:
            out.append(int(entry.parent.name))
    return out


def tried(project: Project, test: str, script: str = SCRIPT, *words: str) -> Answer:
    project.write("site.vch", script + test)
    before = project.tree()
    answer = vch("test", "site.vch", *words)
    assert project.tree() == before, "a test leaves the project as it is"
    return answer


# ---- without a verify: only planned ----------------------------------------------------------------------------------


def test_what_is_planned(project: Project) -> None:
    answer = tried(
        project,
        """test "all" {
          assert plan.creates == ["infra", "data", "mine"] and not plan.empty
          assert "create storage data" in plan.steps and "read network lan" in plan.steps
          assert plan.adopts == [] and plan.updates == [] and plan.replaces == [] and plan.destroys == []
          assert outputs.doubled == 2MiB and outputs.who == "nobody" and errors == []
        }""",
    )
    assert answer.code == 0, answer.out
    assert "✓ all  0." in answer.out and "1 test: 1 passed" in answer.out


def test_with_sets_parameters_and_secrets(project: Project) -> None:
    test = 'test "set" with { size: 3MiB, owner: "me", vmomi: { user: "a", password: "b" } } {\n'
    test += '  let wanted = size * 2\n  assert outputs.doubled == 6MiB and wanted == 6MiB and outputs.who == "me"\n}\n'
    test += 'test "not set" with { owner: null } { assert size == 1MiB and outputs.who == "nobody" }'
    assert tried(project, test).code == 0


def test_what_does_not_hold_is_shown_with_its_values(project: Project) -> None:
    answer = tried(project, 'test "t" { assert outputs.doubled == 5MiB and 1 == 1, "it is ${outputs.doubled}" }')
    assert answer.code == 1
    assert "✗ t" in answer.out and "error[assert-failed]: it is 2MiB" in answer.out
    assert "= found     `outputs.doubled` is 2MiB" in answer.out
    assert "1 test: 1 failed" in answer.out.replace("0 passed, ", "")


def test_expected_errors(project: Project) -> None:
    test = 'test "refused" with { size: 2GiB } { assert errors == ["where-failed"] and plan.empty }\n'
    test += 'test "unexpected" with { size: 2GiB } { assert outputs.who == "nobody" }\n'
    test += 'test "other" with { size: 2GiB } { assert errors == ["cycle"] }\n'
    test += 'test "of the plan" with { owner: "x" } { assert errors == [] and plan.creates != [] }'
    answer = tried(project, test)
    assert answer.code == 1
    assert [line.strip()[0] for line in answer.out.splitlines() if line.startswith("  ") and line[2] in "✓✗"] == [
        "✓", "✗", "✗", "✓",
    ]  # fmt: skip
    assert "error[where-failed]: too large" in answer.out and '`errors` is ["where-failed"]' in answer.out
    assert '2GiB (given by the test "unexpected")' in answer.out


def test_a_plan_is_against_a_platform_that_has_everything(project: Project) -> None:
    script = 'existing network lan at "lan"\nensure location l at "nfs://host/dir"\n'
    script += "ensure segment web in lan { allow tcp(80) from any }\n"
    assert tried(project, 'test "t" { assert plan.creates == ["l", "web"] }', script).code == 0
    answer = tried(project, 'test "t" { assert plan.creates == ["l", "web"] or true\n verify true }', script)
    assert answer.code == 1 and "unsupported" in answer.out, "what is applied is planned for the local portlayer"


def test_an_assert_on_what_only_apply_knows(project: Project) -> None:
    answer = tried(project, 'test "t" { assert outputs.place == "x" }')
    assert answer.code == 1
    assert "error[not-static]: an assert is asked before the apply" in answer.out and "write `verify`" in answer.out


def test_loops_and_conditions_in_a_test(project: Project) -> None:
    test = 'test "t" {\n  for one in [1, 2, 3] {\n'
    test += '    if one > 2 { assert one == 4, "three is ${one}" } else { assert one < 3 }\n  }\n}'
    answer = tried(project, test)
    assert answer.code == 1 and "three is 3" in answer.out and answer.out.count("error[") == 1


def test_modules_are_tested_as_modules(project: Project) -> None:
    module = "fn double(n: Int) = n * 2\nlet _hidden = 3\n"
    test = 'test "doubles" { assert double(2) == 4 and _hidden == 3 and plan.empty and errors == [] }'
    answer = tried(project, test, module)
    assert answer.code == 0, answer.out
    assert "1 test: 1 passed" in answer.out


def test_a_mistake_in_a_test_breaks_that_test_only(project: Project) -> None:
    test = 'test "a" { assert outputs.nothing == 1 }\ntest "b" { assert outputs.doubled == 2MiB }'
    answer = tried(project, test)
    assert answer.code == 1
    assert "✗ a" in answer.out and "error[unknown-field]" in answer.out and "✓ b" in answer.out


def test_mistakes_outside_of_tests(project: Project) -> None:
    script = SCRIPT + "let _wrong = nothing\n"
    answer = tried(project, 'test "a" { assert plan.empty }', script)
    assert answer.code == 3 and "error[unknown-name]" in answer.err
    answer = tried(project, 'test "a" { assert errors == ["unknown-name"] }', script)
    assert answer.code == 0, "a script that is wrong on purpose"


# ---- with a verify: real ---------------------------------------------------------------------------------------------


def test_the_world_after_an_apply(project: Project) -> None:
    answer = tried(
        project,
        """test "real" with { vmomi: { user: "a", password: "b" } } {
          assert "data" in plan.creates
          verify outputs.place == "ds://disks/infra/site-data" and outputs.doubled == 2MiB
          for one in outputs.names { verify ends_with(one, "${infra.url}") and one != infra.url }
          verify replan.empty and "data" in replan.unchanged and "data" in plan.creates
          verify infra.free > 1B and not tcp_open("127.0.0.1", 1)
        }""",
    )
    assert answer.code == 0, answer.out


def test_a_verify_that_does_not_hold(project: Project) -> None:
    test = 'test "t" {\n  verify outputs.place == "x", "it is ${outputs.place}"\n  verify len(infra.url) == 3\n}'
    answer = tried(project, test)
    assert answer.code == 1
    assert "error[verify-failed]: it is ds://disks/infra/site-data" in answer.out
    assert "`len(infra.url)` is 16" in answer.out


def test_verifies_of_the_script_count(project: Project) -> None:
    answer = tried(project, 'verify len(infra.url) == 3, "short"\ntest "t" { verify replan.empty }')
    assert answer.code == 1 and "error[verify-failed]: short" in answer.out
    assert tried(project, 'verify len(infra.url) == 3, "short"\ntest "t" { assert not plan.empty }').code == 0


def test_a_failed_apply_fails_the_test(project: Project) -> None:
    script = SCRIPT.replace("output place", "create storage more in infra { data: archive('gone/') }\noutput place")
    project.write("gone/file", "x")
    good = tried(project, 'test "t" { verify replan.empty }', script.replace("'", '"'))
    assert good.code == 0, good.out
    huge = tried(project, 'test "t" with { size: 1023MiB } { verify replan.empty }', SCRIPT.replace("1GiB", "9PiB"))
    assert huge.code == 0 or "no-space" in huge.out


def test_no_test_reaches_out_of_its_world(project: Project, tmp_path: Path) -> None:
    script = f'ensure location l at "file://{tmp_path}/real" {{ access: .create }}\n'
    answer = tried(project, 'test "t" { verify replan.empty }', script)
    assert answer.code == 1 and "outside of the test's own world" in answer.out
    assert not (tmp_path / "real").exists()
    assert tried(project, 'test "t" { assert plan.creates == ["l"] }', script).code == 0


# ---- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", ["confirm environment", "create location infra", "create storage data", "create pool mine"]
)
def test_an_apply_that_is_broken_off_resumes(project: Project, step: str) -> None:
    test = f'@fault(after: "{step}")\ntest "t" {{ verify replan.empty and outputs.place != "" }}'
    answer = tried(project, test)
    assert answer.code == 0, answer.out


def test_a_fault_without_a_verify_applies_all_the_same(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[str] = []
    original = trials.World.apply

    def noted(self: trials.World, plan: object, cancelled: object, *, break_after: str = "") -> object:
        ended = original(self, plan, cancelled, break_after=break_after)  # type: ignore[arg-type]
        dropped.append("dropped" if ended is None else "ended")
        return ended

    monkeypatch.setattr(trials.World, "apply", noted)
    assert tried(project, '@fault(after: "create storage data") test "t" { assert not plan.empty }').code == 0
    assert dropped == ["dropped", "ended", "ended"]  # the broken one, the second, the destroy


def test_after_a_fault_the_rest_is_not_done_yet(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    original = trials.World.resume

    def noted(self: trials.World, composition: object) -> object:
        seen.append(sorted(row.address for row in self.store.read("site").objects))
        return original(self, composition)  # type: ignore[arg-type]

    monkeypatch.setattr(trials.World, "resume", noted)
    assert tried(project, '@fault(after: "create location infra") test "t" { verify replan.empty }').code == 0
    assert seen == [["infra"]]


def test_a_fault_at_a_step_that_there_is_not(project: Project) -> None:
    answer = tried(project, '@fault(after: "create storage dta") test "t" { verify replan.empty }')
    assert answer.code == 1
    assert "error[no-such-step]" in answer.out and "create location infra, create storage data" in answer.out
    assert 'did you mean "create storage data"?' in answer.out


# ---- nothing is left -------------------------------------------------------------------------------------------------

SEED = """
test "answers" with { nfs_store: "ds://datastore1/nfs", memory: 1GiB, scratch: 16MiB, log_space: 16MiB } {
  verify http_ok("http://${endpoint.address(.client)}:2376/_ping") and replan.empty
  verify http_status("http://${endpoint.address(.client)}:2376/nothing") == 404
  verify tcp_open(endpoint.address(.client), WAIT)
}
"""


@pytest.fixture
def seed(project: Project) -> Project:
    import shutil

    shutil.copy(ROOT / "vch.toml", project.root)
    shutil.copytree(ROOT / "examples", project.root / "examples")
    return project


def with_test(seed: Project, port: str) -> None:
    text = (ROOT / "examples" / "seed.vch").read_text() + SEED.replace("WAIT", port)
    (seed.root / "examples" / "seed.vch").write_text(text)


def test_a_real_endpoint_answers_and_is_gone(seed: Project, place: Path) -> None:
    with_test(seed, "2376")
    answer = vch("test", "examples/seed.vch", "--filter", "ANSWERS")
    assert answer.code == 0, answer.out + answer.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_destroys_first(seed: Project, place: Path, number: signal.Signals) -> None:
    with_test(seed, "2, 1min")
    process = spawn("test", "examples/seed.vch", "--filter", "answers", cwd=seed.root)
    wait_for_tether(place)
    process.send_signal(number)
    process.send_signal(number)  # nobody has the patience to press once
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "interrupted; what the test had made is gone" in err


def test_what_a_killed_run_leaves_the_next_one_clears_away(seed: Project, place: Path) -> None:
    with_test(seed, "2, 1min")
    (seed.root / "empty.vch").write_text("")
    process = spawn("test", "examples/seed.vch", "--filter", "answers", cwd=seed.root)
    wait_for_tether(place)
    assert vch("test", "empty.vch").code == 0  # a run that lives is left alone
    assert len(tethers(place)) == 1 and process.poll() is None
    process.kill()
    process.communicate()
    assert len(tethers(place)) == 1
    assert vch("test", "empty.vch").code == 0


def wait_for_tether(place: Path) -> None:
    until = time.monotonic() + 60
    while not tethers(place):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)


def test_a_test_has_a_limit(project: Project) -> None:
    begun = time.monotonic()
    answer = tried(project, 'test "t" { verify tcp_open("127.0.0.1", 1, 1h) }', SCRIPT, "--within", "2s")
    assert answer.code == 1 and time.monotonic() - begun < 20
    assert "the test takes longer than 2s" in answer.out


# ---- the command -----------------------------------------------------------------------------------------------------

TWO = 'test "one" { assert true }\ntest "two" { assert 1 == 2, "<no>" }\n'


def test_all_of_the_project_in_order(project: Project) -> None:
    project.write("b.vch", 'test "of b" { assert true }')
    project.write("a/z.vch", 'test "of z" { assert true }')
    project.write("a.vch", "let x = 1\n")
    answer = vch("test")
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if "✓" not in line][:2] == ["b.vch", "a/z.vch"]
    assert vch("test", "a", "b.vch").out.splitlines()[0] == "a/z.vch"


def test_no_test_is_no_mistake(project: Project) -> None:
    project.write("a.vch", "let x = 1\n")
    answer = vch("test")
    assert (answer.code, answer.out) == (0, "No tests.\n")


def test_a_file_that_is_not_there(project: Project) -> None:
    answer = vch("test", "nothing.vch")
    assert answer.code == 3 and "there is no such file" in answer.err


def test_filter(project: Project) -> None:
    project.write("a.vch", TWO)
    assert vch("test", "--filter", "ONE").code == 0
    assert vch("test", "--filter", "tw").code == 1
    answer = vch("test", "--filter", "oen")
    assert answer.code == 2 and "did you mean `one`?" in answer.err


def test_json(project: Project) -> None:
    project.write("a.vch", TWO)
    answer = vch("test", "--format", "json")
    document = answer.json()
    assert answer.code == 1 and (document["passed"], document["failed"]) == (1, 1)
    one, two = document["tests"]
    assert (one["file"], one["line"], one["name"], one["passed"]) == ("a.vch", 1, "one", True)
    assert two["diagnostics"][0]["code"] == "assert-failed"
    assert two["diagnostics"][0]["range"]["start"]["line"] == 2


def test_junit(project: Project) -> None:
    project.write("a.vch", TWO)
    project.write("b.vch", "let x = nothing\n")
    answer = vch("test", "--format", "junit")
    assert answer.code == 3
    suite = ElementTree.fromstring(answer.out).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    failure = suite.find("testcase[@name='two']/failure")
    assert failure is not None and failure.get("message") == "<no>" and "a.vch:2" in (failure.text or "")


def test_the_environment_applies_when_it_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCH_PARAM_owner", "somebody else")
    toml = (project.root / "vch.toml").read_text() + '[env.local.params]\nowner = "us"\nother = 3\n'
    (project.root / "vch.toml").write_text(toml)
    assert tried(project, 'test "t" { assert outputs.who == "nobody" }').code == 0
    assert tried(project, 'test "t" { assert outputs.who == "us" }', SCRIPT, "--env", "local").code == 0
    test = 'test "t" with { owner: "me" } { assert outputs.who == "me" }'
    assert tried(project, test, SCRIPT, "--env", "local").code == 0


def test_the_standard_library_and_the_examples() -> None:
    answer = vch("test", ROOT / "stdlib", ROOT / "examples")
    assert answer.code == 0, answer.out + answer.err
    assert int(answer.out.splitlines()[-1].split()[0]) > 0


# ---- these tests find what they look for -----------------------------------------------------------------------------


def test_mutant_a_world_that_stays(project: Project, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "discard", lambda directory: ())
    vch("test", project.write("a.vch", SCRIPT + 'test "t" { verify replan.empty }'))
    assert list(place.iterdir()) != []
    monkeypatch.undo()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    trials.sweep()


def test_mutant_a_fault_that_does_not_break(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    original = trials.World.apply

    def whole(self: trials.World, plan: object, cancelled: object, *, break_after: str = "") -> object:
        return original(self, plan, cancelled)  # type: ignore[arg-type]

    monkeypatch.setattr(trials.World, "apply", whole)
    answer = tried(project, '@fault(after: "create location infra") test "t" { verify replan.empty }')
    assert answer.code == 1 and "the apply ended before" in answer.out
