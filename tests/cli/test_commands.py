"""`plan`, `apply`, `show`, `destroy`: exit codes of each class, what each prints, and what each leaves alone."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.harness import CALL, PROJECT, ROOT, SMALL, Project, spawn, tree, vch

SECRET = """\
param vmomi: Secret<Credentials>
ensure pool vch in "/clusterA/poolB"
create task t { path: "/bin/t", env: { PASSWORD: vmomi.password, BOTH: "${vmomi.user}:${vmomi.password}" } }
"""
WITH_SECRET = PROJECT + '[env.local.secrets]\nvmomi = { file = ".vch/secrets/vmomi.json", create = "credentials" }\n'


# ---- plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_and_why_and_writes_nothing(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    before = project.tree()
    for options in ((), ("--format", "json"), ("-v",), ("--exit-code",)):
        answer = vch("plan", script, *options)
        assert answer.code == (10 if options == ("--exit-code",) else 0)
        assert project.tree() == before
    answer = vch("plan", script)
    lines = answer.out.splitlines()
    assert lines[0].startswith("small on local   3 to create")
    assert lines[-1] == "Plan: 3 create, 0 adopt, 0 update, 0 replace, 0 destroy"
    assert "confirm environment" in lines[2]
    order = [
        next(at for at, line in enumerate(lines) if word in line)
        for word in ("+ pool vch", "+ location infra", "+ storage data")
    ]
    assert order == sorted(order)


def test_json_is_the_document_that_is_saved(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    answer = vch("plan", script, "-o", "saved.vchplan", "--format", "json")
    assert answer.code == 0
    saved = (project.root / "saved.vchplan").read_bytes()
    assert answer.out.encode() == saved
    assert stat.S_IMODE((project.root / "saved.vchplan").stat().st_mode) == 0o600
    document = json.loads(saved)
    assert document["format"] == "vch.plan" and document["version"] == 1
    assert [op["action"] for op in document["plan"]["operations"]] == ["confirm", "create", "create", "create"]
    assert document["plan"]["operations"][1]["place"]["line"] == 2
    inputs = {one["name"]: one for one in document["plan"]["inputs"]}
    assert inputs["small.vch"]["kind"] == "script"


def test_mistakes_end_with_3_and_json_has_them(project: Project) -> None:
    script = project.write("x.vch", 'ensure pool p in "/a" { limts: {} }\n')
    answer = vch("plan", script, "--format", "json")
    assert answer.code == 3
    assert [one["code"] for one in answer.json()["diagnostics"]] == ["unknown-field"]
    assert "unknown-field" in answer.err


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('existing network n at "lann"\n', "not-found"),
        ('ensure location n at "nfs://host/dir" { access: .create }\n', "unsupported"),
        ('ensure location n at "ds://dsiks/dir" { access: .create }\n', "not-found"),
        ('ensure location i at "ds://disks/i"\ncreate storage s in i { data: archive("imgaes/") }\n', "missing-file"),
        ("param size: Bytes\noutput a = size\n", "missing-parameter"),
        ('param s: Secret<String>\ncreate task t { path: "/t", env: { A: s } }\n', "no-secret"),
        ('import { a } from "./ring"\noutput b = a\n', "unknown-module"),
    ],
)
def test_what_the_target_or_the_project_does_not_have(project: Project, text: str, code: str) -> None:
    (project.root / "images").mkdir()
    answer = vch("plan", project.write("x.vch", text))
    assert answer.code == 3
    assert f"error[{code}]" in answer.err
    assert "x.vch:" in answer.err


def test_parameters_come_from_five_places_the_later_over_the_earlier(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = project.write(
        "x.vch", 'param a: Bytes = 1MiB\nensure pool p in "/clusterA/poolB" { limits: { memory: a } }\n'
    )

    def planned(*words: str) -> int:
        (op,) = [
            one
            for one in vch("plan", script, "--format", "json", *words).json()["plan"]["operations"]
            if one["kind"] == "pool"
        ]
        return int(op["args"]["limits"]["memory"]) >> 20

    assert planned() == 1
    project.write("vch.toml", PROJECT + '[env.local.params]\na = "2MiB"\nof_another_script = 1\n')
    assert planned() == 2
    project.write("values.toml", 'a = "3MiB"\n')
    project.write("values.json", '{"a": "4MiB"}')
    assert planned("--params", "values.toml") == 3
    assert planned("--params", "values.json") == 4
    monkeypatch.setenv("VCH_PARAM_a", "5MiB")
    assert planned("--params", "values.toml") == 5
    assert planned("-p", "a=6MiB") == 6
    assert vch("plan", script, "-p", "a=six").code == 3
    assert vch("plan", script, "-p", "b=6").code == 3


def test_a_plan_is_never_saved_over_a_script(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    answer = vch("plan", script, "-o", script)
    assert answer.code == 3 and "is no plan" in answer.err
    assert script.read_text() == SMALL


# ---- apply ---------------------------------------------------------------------------------------------------------


def test_apply_then_nothing_then_an_update_then_destroy(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    nothing = tree(project.root)
    applied = vch("apply", script, "--yes")
    assert applied.code == 0, applied.err
    assert 'place = "ds://disks/infra/small-data"' in applied.out
    assert "created" in applied.err and "Done: " in applied.err
    again = vch("plan", script, "--exit-code")
    assert (again.code, again.out) == (0, "small on local: no changes (3 objects).\n")
    assert vch("apply", script).out.splitlines()[0] == "small on local: no changes (3 objects)."
    shown = vch("show", script)
    assert shown.code == 0 and "pool" in shown.out and "/clusterA/poolB/small-vch" in shown.out
    changed = vch("plan", script, "-p", "size=2MiB", "--exit-code")
    assert changed.code == 10
    assert "~ storage data" in changed.out and "1MiB -> 2MiB" in changed.out
    assert changed.out.splitlines()[-1] == "Plan: 0 create, 0 adopt, 1 update, 0 replace, 0 destroy"
    assert vch("apply", script, "--yes", "-p", "size=2MiB").code == 0
    destroyed = vch("destroy", script, "--yes")
    assert destroyed.code == 0, destroyed.err
    assert "Plan: 0 create, 0 adopt, 0 update, 0 replace, 3 destroy" in destroyed.out
    world = [name for name in tree(project.root) if name.startswith(".vch/world/")]
    assert [name for name in world if "infra" in name or "small" in name] == []
    assert {name: one for name, one in tree(project.root).items() if not name.startswith(".vch")} == nothing
    assert vch("show", script).code == 0
    assert "nothing to destroy" in vch("destroy", script, "--yes").out


def test_without_a_terminal_it_refuses_and_says_how(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    before = project.tree()
    answer = vch("apply", script, "-n", "other")
    assert answer.code == 4
    assert "not-confirmed" in answer.err and f"vch apply {script} -n other --yes" in answer.err
    assert project.tree() == before
    assert vch("apply", script, "--yes").code == 0
    assert vch("destroy", script).code == 4
    assert "no changes" in vch("plan", script).out


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 4), ("\n", 4)])
def test_on_a_terminal_it_asks(project: Project, answer: str, code: int) -> None:
    script = project.write("small.vch", SMALL)
    found, shown = on_a_terminal(project.root, answer, "apply", str(script))
    assert found == code
    assert "Apply to small on local? [y/N]" in shown
    if code == 0:
        found, shown = on_a_terminal(project.root, "yes\n", "destroy", str(script))
        assert found == 4 and "Type the name of the deployment to go on" in shown
        assert on_a_terminal(project.root, "small\n", "destroy", str(script))[0] == 0


def on_a_terminal(root: Path, answer: str, *words: str) -> tuple[int, str]:
    """The exit code of `vch` on a terminal where `answer` is typed at its question, and all that it showed."""
    main, other = pty.openpty()
    env = {"TERM": "xterm", "CI": ""}
    process = spawn(*words, cwd=root, env=env, stdin=other, stdout=other, stderr=other)
    os.close(other)
    shown, asked = "", False
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part.decode("utf-8", "replace")
        if not asked and ("[y/N] " in shown or "to go on: " in shown):
            asked = True
            os.write(main, answer.encode())
    os.close(main)
    return process.wait(timeout=30), shown


def test_events_as_lines(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    answer = vch("apply", script, "--yes", "--format", "jsonl")
    assert answer.code == 0
    events = [json.loads(line) for line in answer.out.splitlines()]
    assert [one["event"] for one in events][:1] + [one["event"] for one in events][-1:] == ["run-started", "run-done"]
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert {one["v"] for one in events} == {1}
    assert events[-1]["outputs"] == {"place": "ds://disks/infra/small-data"}


def test_a_saved_plan_is_applied_as_it_is_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    script = project.write("small.vch", SMALL)
    assert vch("plan", script, "-o", "a.vchplan").code == 0
    script.write_text("broken =")
    monkeypatch.chdir(project.root.parent)
    first = vch("apply", project.root / "a.vchplan")
    assert first.code == 0, first.err
    stale = vch("apply", project.root / "a.vchplan")
    assert stale.code == 6 and "stale-plan" in stale.err
    assert vch("apply", project.root / "a.vchplan", "-p", "size=1MiB").code == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace('"small"', '"large"'), 6),
        (lambda text: text[:-20], 3),
        (lambda text: text.replace("vch.plan", "vch.other", 1), 3),
    ],
)
def test_a_plan_that_was_tampered_with(project: Project, change: object, code: int) -> None:
    script = project.write("small.vch", SMALL)
    vch("plan", script, "-o", "a.vchplan")
    plan = project.root / "a.vchplan"
    plan.write_text(change(plan.read_text()))  # type: ignore[operator]
    assert vch("apply", plan).code == code
    assert vch("show", script).code == 0
    assert "pool" not in vch("show", script).out


def test_a_plan_of_another_project_is_refused(project: Project) -> None:
    vch("plan", project.write("small.vch", SMALL), "-o", "a.vchplan")
    (project.root / ".vch/key").write_bytes(bytes(32))
    answer = vch("apply", "a.vchplan")
    assert answer.code == 6 and "seal" in answer.err


def test_a_failed_step_points_into_the_script(project: Project) -> None:
    script = project.write("x.vch", SMALL.replace("free: size", "free: 1PiB"))
    answer = vch("apply", script, "--yes")
    assert answer.code in (1, 3)
    assert "x.vch:4:" in answer.err and "no-space" in answer.err
    if answer.code == 1:
        assert f"Go on with `vch apply {script}`" in answer.err
    script.write_text(SMALL)
    assert vch("apply", script, "--yes").code == 0


def test_an_unwritable_store_is_refused_before_anything_happens(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    project.write(".vch", "in the way")
    before = project.tree()
    answer = vch("apply", script, "--yes")
    assert answer.code == 4
    assert "store-unwritable" in answer.err or "store-broken" in answer.err
    assert project.tree() == before
    (project.root / ".vch").unlink()


def test_a_key_that_others_can_read_is_not_used(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    project.write(".vch/key", "x" * 32).chmod(0o644)
    answer = vch("plan", script)
    assert answer.code == 4 and "0644" in answer.err


def test_a_second_apply_says_who_runs_and_since_when(project: Project) -> None:
    from vchlang.state.sqlite import SqliteStore
    from vchlang.state.store import Holder
    from vchlang.system import real_machine

    script = project.write("small.vch", SMALL)
    assert vch("apply", script, "--yes").code == 0
    store = SqliteStore(str(project.root / ".vch/state.db"), real_machine())
    holder = Holder(user="ana", host="desk", pid=4711, run="one", verb="apply")
    run = store.begin("small", holder, lineage=store.read("small").lineage)
    answer = vch("apply", script, "--yes", "-p", "size=2MiB")
    assert answer.code == 4
    assert "locked" in answer.err and "ana" in answer.err and "desk" in answer.err and "since 20" in answer.err
    assert vch("plan", script).code == 0
    run.finish("done")
    assert vch("apply", script, "--yes", "-p", "size=2MiB").code == 0


def test_somebody_elses_place_is_refused_with_their_name(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    assert vch("apply", script, "--yes", "-n", "first").code == 0
    before = tree(project.root / ".vch/world")
    for command in ("plan", "apply"):
        answer = vch(command, script, "-n", "second", *(["--yes"] if command == "apply" else []))
        assert answer.code == 4
        assert "foreign-owner" in answer.err and "`first`" in answer.err
        assert tree(project.root / ".vch/world") == before


def test_a_protected_element_is_not_destroyed(project: Project) -> None:
    script = project.write("small.vch", SMALL.replace("create storage", "@protect\ncreate storage"))
    assert vch("apply", script, "--yes").code == 0
    answer = vch("destroy", script, "--yes")
    assert answer.code == 4 and "protected" in answer.err
    script.write_text(SMALL)
    assert vch("apply", script, "--yes").code == 0
    assert vch("destroy", script, "--yes").code == 0


def test_destroy_needs_no_script(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    assert vch("apply", script, "--yes").code == 0
    script.unlink()
    unknown = vch("destroy", "-n", "smal", "--yes")
    assert unknown.code == 3 and "did you mean `small`?" in unknown.err
    assert vch("destroy", "-n", "small", "--yes").code == 0


def test_show_without_anything(project: Project) -> None:
    answer = vch("show", project.write("small.vch", SMALL))
    assert answer.code == 0 and "nothing" in answer.out
    assert vch("show").code == 0


def test_show_as_json(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    assert vch("apply", script, "--yes").code == 0
    document = vch("show", script, "--format", "json").json()
    assert document["deployment"] == "small" and document["format"] == "vch.show"
    assert {(one["address"], one["kind"], one["origin"]) for one in document["objects"]} == {
        ("vch", "pool", "created"),
        ("infra", "location", "created"),
        ("data", "storage", "created"),
    }
    assert document["outputs"] == {"place": "ds://disks/infra/small-data"}
    assert vch("show", "--format", "json").json()["deployment"] == "small"


def test_environments_have_states_of_their_own(project: Project) -> None:
    project.write("vch.toml", PROJECT + PROJECT[PROJECT.index("[env.local") :].replace("env.local", "env.other"))
    script = project.write("small.vch", SMALL)
    assert vch("apply", script, "--yes").code == 0
    assert "3 to create" in vch("plan", script, "-e", "other").out
    assert vch("apply", script, "--yes", "-e", "other").code == 0
    assert vch("destroy", script, "--yes", "-e", "other").code == 0
    assert "no changes" in vch("plan", script).out


def test_other_targets_are_refused_by_name(project: Project) -> None:
    project.write("vch.toml", PROJECT + '[env.prod]\ntarget = "vsphere"\n')
    answer = vch("plan", project.write("small.vch", SMALL), "-e", "prod")
    assert answer.code == 3 and "unsupported" in answer.err and "`vsphere`" in answer.err


# ---- secrets -------------------------------------------------------------------------------------------------------


def test_a_credential_is_made_up_on_first_use_and_stays(project: Project) -> None:
    project.write("vch.toml", WITH_SECRET)
    script = project.write("x.vch", SECRET)
    before = project.tree()
    assert vch("plan", script).code == 0
    assert project.tree() == before
    answer = vch("apply", script, "--yes")
    assert answer.code == 0, answer.err
    file = project.root / ".vch/secrets/vmomi.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = json.loads(file.read_text())
    assert len(made["password"]) >= 24
    assert f"made up a user and password in {os.path.relpath(file)}" in answer.err
    assert "no changes" in vch("plan", script).out
    file.write_text(json.dumps({**made, "password": "another"}))
    changed = vch("plan", script)
    assert "another value" in changed.out and 'another"' not in changed.out


def test_a_saved_plan_keeps_what_it_was_made_with(project: Project) -> None:
    project.write("vch.toml", WITH_SECRET)
    script = project.write("x.vch", SECRET)
    assert vch("plan", script, "-o", "a.vchplan").code == 0
    file = project.root / ".vch/secrets/vmomi.json"
    made = file.read_text()
    file.write_text(json.dumps({"user": "vch", "password": "other"}))
    stale = vch("apply", "a.vchplan")
    assert stale.code == 6 and "another than when the plan was made" in stale.err
    file.write_text(made)
    assert vch("apply", "a.vchplan").code == 0


@pytest.mark.parametrize("given", ["swordfish", "plain:swordfish", "env:", '{"user":"a","password":"swordfish"}'])
def test_a_secret_is_never_taken_from_the_command_line(project: Project, given: str) -> None:
    answer = vch("plan", project.write("x.vch", SECRET), "-p", f"vmomi={given}")
    assert answer.code == 3
    assert "bad-parameter" in answer.err and "-p vmomi=env:VARIABLE" in answer.err
    assert "swordfish" not in answer.err + answer.out


def test_a_secret_from_the_environment_or_a_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    script = project.write("x.vch", SECRET)
    monkeypatch.setenv("VMOMI", '{"user": "ops", "password": "swordfish"}')
    assert vch("plan", script, "-p", "vmomi=env:VMOMI").code == 0
    file = project.write("vmomi.json", '{"user": "ops", "password": "swordfish"}')
    wide = vch("plan", script, "-p", "vmomi=file:vmomi.json")
    assert wide.code == 3 and "no-secret" in wide.err and "chmod 600" in wide.err
    file.chmod(0o600)
    assert vch("plan", script, "-p", "vmomi=file:vmomi.json").code == 0
    for text in ('{"user": "ops"}', "swordfish", '{"user": 1, "password": 2}'):
        file.write_text(text)
        answer = vch("plan", script, "-p", "vmomi=file:vmomi.json")
        assert answer.code == 3 and "no-secret" in answer.err
        assert "swordfish" not in answer.err
    assert vch("plan", script, "-p", "vmomi=env:NOT_SET_ANYWHERE").code == 3


def test_a_secret_from_a_keyring_comes_later_and_says_so(project: Project) -> None:
    project.write("vch.toml", PROJECT + '[env.local.secrets]\nvmomi = { keyring = "a/b" }\n')
    answer = vch("plan", project.write("x.vch", SECRET))
    assert answer.code == 3 and "unsupported" in answer.err and "keyring" in answer.err


def test_a_secret_stays_in_its_file(project: Project) -> None:
    canary = "cAn4ry-s3cret-0123456789"
    project.write("vch.toml", PROJECT + '[env.local.secrets]\nvmomi = { file = "v.json" }\n')
    source = project.write("v.json", json.dumps({"user": "ops", "password": canary}))
    source.chmod(0o600)
    script = project.write("x.vch", SECRET)
    answers = [
        vch("plan", script, "-o", "a.vchplan", "--format", "json"),
        vch("plan", script, "-v"),
        vch("apply", script, "--yes", "--format", "jsonl"),
        vch("show", script, "--format", "json"),
    ]
    assert [one.code for one in answers] == [0, 0, 0, 0]
    assert all(canary not in one.out + one.err for one in answers)
    for path in project.root.rglob("*"):
        if path.is_file() and path != source:
            assert canary.encode() not in path.read_bytes(), path


# ---- processes of their own -----------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_stops_nothing(project: Project) -> None:
    script = project.write("small.vch", SMALL)
    reader, writer = os.pipe()
    os.close(reader)
    process = spawn("apply", script, "--yes", cwd=project.root, stdout=writer, stderr=writer)
    os.close(writer)
    assert process.wait(timeout=30) == 0
    assert "no changes" in vch("plan", script).out


def slow(project: Project) -> str:
    """A script that takes long enough to be stopped in its middle: it uploads some megabytes several times."""
    (project.root / "images").mkdir()
    for number in range(100):
        (project.root / f"images/{number}").write_bytes(os.urandom(1 << 16))
    data = 'packaging: .vmdk, data: archive("images/")'
    return SMALL + "".join(f"create storage more{number} in infra {{ {data} }}\n" for number in range(8))


def test_ctrl_c_saves_and_says_how_to_go_on(project: Project) -> None:
    script = project.write("small.vch", slow(project))
    process = spawn("apply", script, "--yes", cwd=project.root)
    assert process.stderr is not None
    for line in process.stderr:
        if "created" in line:
            process.send_signal(2)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"Go on with `vch apply {script}" in err
    assert vch("apply", script, "--yes").code == 0
    assert "no changes" in vch("plan", script).out


def test_the_installed_entry_runs_in_a_directory_of_its_own(tmp_path: Path) -> None:
    """Without a vch.toml the directory is the project, and its environment has nothing in its inventory."""
    (tmp_path / "x.vch").write_text(SMALL)
    answer = subprocess.run(
        [*CALL, "plan", "x.vch"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 3
    assert "/clusterA/poolB" in answer.stderr and "disks" in answer.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["x.vch"]


def test_a_plan_is_quick(project: Project) -> None:
    began = time.process_time()
    assert vch("plan", project.write("small.vch", SMALL)).code == 0
    assert time.process_time() - began < 5


def test_a_run_that_was_killed_is_gone_on_with(project: Project) -> None:
    script = project.write("small.vch", slow(project))
    process = spawn("apply", script, "--yes", cwd=project.root)
    assert process.stderr is not None
    for line in process.stderr:
        if "created" in line:
            process.kill()
            break
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert vch("apply", script, "--yes").code == 0
    assert "no changes" in vch("plan", script).out
    assert vch("destroy", script, "--yes").code == 0
    left = [name for name in tree(project.root / ".vch/world") if "infra" in name or "small" in name]
    assert left == []


RUNS = """\
ensure pool vch in "/clusterA/poolB"
ensure location infra at "ds://disks/infra" { access: .create }
create storage boot in infra { data: archive("boot/") }
create executor box in vch at infra
create task fails { path: "/bin/nothing" }
handle box {
  join boot as loader, bind
  join fails, bind { required: true, ready: .tcp(port: 1) }
}
start box
wait box until ready within 5s
"""


def test_a_step_that_fails_points_into_the_script_and_says_how_to_go_on(project: Project) -> None:
    project.write("boot/kernel", "none")
    script = project.write("runs.vch", RUNS)
    answer = vch("apply", script, "--yes")
    assert answer.code == 1, answer.err
    assert "error[step-failed]: wait executor box" in answer.err
    assert " --> runs.vch:11:" in answer.err and "11 | wait box until ready" in answer.err
    assert "1 failed" in answer.err and f"Go on with `vch apply {script}`" in answer.err
    shown = vch("show", script)
    assert shown.code == 0 and "task fails" in shown.out and "running" in shown.out
    assert vch("logs", "fails").code in (0, 3)
    events = [json.loads(line) for line in vch("apply", script, "--yes", "--format", "jsonl").out.splitlines()]
    assert [one["code"] for one in events if one["event"] == "step-failed"] == ["step-failed"]
    assert vch("destroy", script, "--yes").code == 0


def test_a_target_that_does_not_answer_ends_with_5(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from vchlang.portlayer.driver import DriverError
    from vchlang.portlayer.drivers.local import LocalDriver

    def away(*_: object) -> object:
        raise DriverError("step-failed", "connection refused")

    monkeypatch.setattr(LocalDriver, "observe", away)
    answer = vch("plan", project.write("small.vch", SMALL))
    assert answer.code == 5 and "connection refused" in answer.err
