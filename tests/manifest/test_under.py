"""Running under a manifest: `vch manifest`, and every way by which a script could get around it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import project  # noqa: F401  a fixture
from tests.cli.harness import PROJECT, SMALL, Answer, Project, vch
from tests.manifest.keys import key, line, private_file, signed
from vchlang.signatures import keys

INVENTORY = "[env.local.inventory]"


def with_manifest(value: str) -> str:
    """vch.toml with this for its manifest."""
    return PROJECT.replace(INVENTORY, f"[env.local]\nmanifest = {value}\n{INVENTORY}")


NAMED = with_manifest('{ file = "team.vch", signers = "signers" }')
TEAM = """\
manifest team {
  pools: ["/clusterA/poolB"]
  locations: ["ds://disks/infra"]
  limits: { memory: 2GiB, storage: 1GiB }
}
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VCH_MANIFEST", "VCH_SIGNERS", "VCH_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def team(project: Project) -> Project:  # noqa: F811
    """A project whose vch.toml names a manifest that is signed."""
    project.write("vch.toml", NAMED)
    project.write("small.vch", SMALL)
    _sign(project, TEAM)
    (project.root / "signers").write_bytes(line(key()))
    return project


def _sign(project: Project, text: str, name: str = "team.vch") -> None:  # noqa: F811
    data = project.write(name, text).read_bytes()
    (project.root / (name + ".sig")).write_bytes(signed(data))


def refused(answer: Answer, code: str, words: str = "") -> bool:
    assert answer.code == 4, answer
    assert f"error[{code}]" in answer.err and words in answer.err, answer.err
    return True


# ---- under a manifest ----------------------------------------------------------------------------------------------


def test_what_is_granted_is_planned_applied_and_destroyed(team: Project) -> None:
    answer = vch("plan", "small.vch")
    assert answer.code == 0
    assert "under the manifest `team`, signed by ops@example.org (ssh-ed25519 SHA256:" in answer.err
    assert vch("apply", "small.vch", "--yes").code == 0
    # Removing needs no grant: not even when the manifest is gone.
    (team.root / "team.vch.sig").unlink()
    assert vch("destroy", "small.vch", "--yes").code == 0


@pytest.mark.parametrize("words", [("plan",), ("apply", "--yes")])
def test_what_is_not_granted_is_refused_before_anything_is_touched(team: Project, words: tuple[str, ...]) -> None:
    before = team.tree()
    answer = vch(words[0], "small.vch", *words[1:], "-p", "size=2GiB")
    assert refused(answer, "over-limit", "small.vch:4:56") and "team.vch:4:36" in answer.err
    assert team.tree() == before


def test_validate_says_it_too(team: Project) -> None:
    team.write("small.vch", SMALL.replace("disks/infra", "disks/other"))
    answer = vch("validate", "small.vch", "--format", "json")
    assert answer.code == 4
    (one,) = answer.json()["diagnostics"]
    assert one["code"] == "not-granted"
    answer = vch("validate")  # the manifest itself is among the files of the project, and has no mistake
    assert answer.code == 4 and "1 error in 2 files" in answer.err
    team.write("wrong.vch", "let a = b\n")
    assert vch("validate").code == 3  # a mistake in a script counts before a refusal


def test_the_plan_knows_what_it_was_made_under(team: Project) -> None:
    import hashlib

    inputs = vch("plan", "small.vch", "--format", "json").json()["plan"]["inputs"]
    (one,) = [one for one in inputs if one["kind"] == "manifest"]
    assert one["name"] == "team.vch"
    assert one["sha256"] == hashlib.sha256(TEAM.encode()).hexdigest()


# ---- ways around it ------------------------------------------------------------------------------------------------


def _change(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("command", ["plan", "validate", "apply"])
def test_a_changed_byte_is_refused(team: Project, command: str) -> None:
    _change(team.root / "team.vch", "1GiB", "9GiB")
    assert refused(vch(command, "small.vch"), "manifest-signature", "does not fit the file")


def test_without_its_signature_it_is_refused(team: Project) -> None:
    (team.root / "team.vch.sig").unlink()
    assert refused(vch("plan", "small.vch"), "manifest-signature", "is not signed: there is no team.vch.sig")


def test_nothing_of_an_unsigned_manifest_is_understood(team: Project) -> None:
    """Its mistakes are not shown: nobody reads what somebody else may have written."""
    team.write("team.vch", "manifest team { polls: [] }")
    answer = vch("plan", "small.vch")
    assert refused(answer, "manifest-signature") and "polls" not in answer.err


def test_the_signature_of_another_manifest_is_refused(team: Project) -> None:
    _sign(team, TEAM.replace("1GiB", "9GiB"), "other.vch")
    (team.root / "team.vch.sig").write_bytes((team.root / "other.vch.sig").read_bytes())
    assert refused(vch("plan", "small.vch"), "manifest-signature", "does not fit the file")


def test_a_project_cannot_switch_off_what_is_required_from_outside(
    team: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outside = tmp_path / "etc"
    outside.mkdir()
    narrow = TEAM.replace("storage: 1GiB", "storage: 1KiB")
    (outside / "team.vch").write_text(narrow)
    (outside / "team.vch.sig").write_bytes(signed(narrow.encode(), key("p256")))
    (outside / "signers").write_bytes(line(key("p256")))
    monkeypatch.setenv("VCH_MANIFEST", str(outside / "team.vch"))
    monkeypatch.setenv("VCH_SIGNERS", str(outside / "signers"))
    # Neither a project without one, nor one with a wider one of its own, changes what holds.
    for text in (PROJECT, NAMED):
        team.write("vch.toml", text)
        for command in ("plan", "apply"):
            assert refused(vch(command, "small.vch"), "over-limit", "the manifest allows 1KiB")
    # Nor does signing with a key that only the project trusts.
    (outside / "team.vch.sig").write_bytes(signed(narrow.encode(), key()))
    assert refused(vch("plan", "small.vch"), "manifest-signature", "not among the signers")


def test_signers_from_outside_are_the_only_ones(team: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = team.write("theirs", "")
    theirs.write_bytes(line(key("p384")))
    monkeypatch.setenv("VCH_SIGNERS", str(theirs))
    assert refused(vch("plan", "small.vch"), "manifest-signature", "not among the signers")
    (team.root / "team.vch.sig").write_bytes(signed(TEAM.encode(), key("p384")))
    assert vch("plan", "small.vch").code == 0
    team.write("vch.toml", PROJECT)
    assert refused(vch("plan", "small.vch"), "manifest-required", "the environment `local` names none")


def test_an_empty_or_half_a_requirement_is_refused(team: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCH_MANIFEST", "")
    assert refused(vch("plan", "small.vch"), "manifest-required", "VCH_MANIFEST is set and empty")
    monkeypatch.setenv("VCH_MANIFEST", "team.vch")
    assert refused(vch("plan", "small.vch"), "manifest-required", "nothing says whose signature counts")
    monkeypatch.setenv("VCH_SIGNERS", " ")
    assert refused(vch("plan", "small.vch"), "manifest-required", "VCH_SIGNERS is set and empty")
    monkeypatch.setenv("VCH_SIGNERS", "nobody")
    assert refused(vch("plan", "small.vch"), "io-error", "nobody cannot be read: there is no such file")


def test_another_environment_has_its_own(team: Project) -> None:
    team.write(
        "vch.toml", NAMED + "[env.free]\ninventory = { pools = ['/clusterA/poolB'], datastores = { disks = '' } }\n"
    )
    assert refused(vch("plan", "small.vch", "-p", "size=2GiB"), "over-limit")
    assert vch("plan", "small.vch", "-p", "size=2GiB", "-e", "free").code == 0


def test_a_wrong_key_in_vch_toml_runs_nothing(team: Project) -> None:
    for wrong in ("'team.vch'", "{ signers = 'signers' }", "{ file = '' }", "{ file = 'team.vch', signer = 'x' }"):
        team.write("vch.toml", with_manifest(wrong))
        answer = vch("plan", "small.vch")
        assert answer.code == 3 and "bad-project" in answer.err, wrong
    team.write("vch.toml", with_manifest("{ file = 'team.vch' }"))
    assert refused(vch("plan", "small.vch"), "manifest-required", "whose signature of the manifest counts")


def test_files_that_are_no_files(team: Project) -> None:
    (team.root / "team.vch.sig").unlink()
    os.mkfifo(team.root / "team.vch.sig")
    assert refused(vch("plan", "small.vch"), "io-error", "is no plain file")
    (team.root / "team.vch.sig").unlink()
    (team.root / "team.vch.sig").symlink_to("/dev/zero")
    assert refused(vch("plan", "small.vch"), "io-error", "is no plain file")
    (team.root / "team.vch.sig").unlink()
    (team.root / "team.vch.sig").write_bytes(b"-" * (1 << 17))
    assert refused(vch("plan", "small.vch"), "limit-size", "more than 64 KiB")
    (team.root / "team.vch.sig").unlink()
    (team.root / "team.vch.sig").mkdir()
    assert refused(vch("plan", "small.vch"), "io-error", "cannot be read")


# ---- saved plans ---------------------------------------------------------------------------------------------------


def test_a_saved_plan_was_made_under_the_manifest_or_is_refused(team: Project) -> None:
    assert vch("plan", "small.vch", "-o", "granted.vchplan").code == 0
    team.write("vch.toml", PROJECT)
    assert vch("plan", "small.vch", "-o", "free.vchplan", "-p", "size=2GiB").code == 0
    team.write("vch.toml", NAMED)
    before = team.tree()
    assert refused(
        vch("apply", "free.vchplan"), "manifest-required", "was made under no manifest, and not under `team`"
    )
    _sign(team, TEAM.replace("1GiB", "512MiB"))
    assert refused(vch("apply", "granted.vchplan"), "manifest-required", "under another manifest than `team`")
    _change(team.root / "team.vch", "512MiB", "1GiB")
    assert refused(vch("apply", "granted.vchplan"), "manifest-signature")
    _sign(team, TEAM)
    assert {**team.tree(), "vch.toml": ""} == {**before, "vch.toml": ""}
    assert vch("apply", "granted.vchplan").code == 0


# ---- time and target -----------------------------------------------------------------------------------------------


def test_after_its_last_day_it_does_not_hold(team: Project) -> None:
    _sign(team, TEAM.replace("pools:", 'expires: "2020-02-29", pools:'))
    assert refused(vch("plan", "small.vch"), "manifest-expired", "the manifest `team` held until 2020-02-29")
    assert refused(vch("manifest", "verify", "team.vch", "--signers", "signers"), "manifest-expired")
    for day in ("2099-12-31", "9999-12-31"):
        _sign(team, TEAM.replace("pools:", f'expires: "{day}", pools:'))
        assert vch("plan", "small.vch").code == 0


def test_the_last_day_is_over_at_midnight_in_utc() -> None:
    from vchlang import manifests

    _, granted = manifests.understood(b'manifest m { expires: "2027-01-15" }', "m.vch")
    manifests.still_holds(granted, 1_800_057_599.0)
    with pytest.raises(manifests.ManifestError):
        manifests.still_holds(granted, 1_800_057_600.0)


def test_it_is_for_the_targets_that_it_names(team: Project) -> None:
    _sign(team, TEAM.replace("pools:", 'targets: ["vcenter.example.org"], pools:'))
    assert refused(vch("plan", "small.vch"), "not-granted", "is not for the target `local`")
    _sign(team, TEAM.replace("pools:", 'targets: ["vcenter.example.org", "local"], pools:'))
    assert vch("plan", "small.vch").code == 0


def test_mistakes_in_a_manifest_are_shown_where_they_are(team: Project) -> None:
    _sign(team, TEAM.replace("pools", "polls").replace("2GiB", "2GB2"))
    answer = vch("plan", "small.vch")
    assert refused(answer, "unknown-field", "team.vch:2:3") and "did you mean `pools`?" in answer.err


# ---- the command ---------------------------------------------------------------------------------------------------


def test_signed_by_the_command_and_verified(team: Project) -> None:
    secret = team.root / "id"
    secret.write_bytes(private_file(key("rsa")))
    (team.root / "team.vch.sig").unlink()
    answer = vch("manifest", "sign", "team.vch", "--key", "id")
    assert answer.code == 0 and keys.public_line(key("rsa")) in answer.out
    (team.root / "signers").write_text(answer.out.splitlines()[1].strip() + "\n")  # it is the line to list
    answer = vch("manifest", "verify", "team.vch", "--signers", "signers")
    assert answer.code == 0 and "is signed by" in answer.out
    assert vch("plan", "small.vch").code == 0
    assert refused(
        vch("manifest", "verify", "small.vch", "--signers", "signers"), "manifest-signature", "is not signed"
    )


def test_a_passphrase_is_never_on_a_command_line(team: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (team.root / "id").write_bytes(private_file(key(), "swordfish"))
    assert refused(vch("manifest", "sign", "team.vch", "--key", "id"), "manifest-signature", "VCH_KEY_PASSPHRASE")
    monkeypatch.setenv("VCH_KEY_PASSPHRASE", "marlin")
    answer = vch("manifest", "sign", "team.vch", "--key", "id")
    assert refused(answer, "manifest-signature", "the passphrase is another") and "marlin" not in answer.err
    monkeypatch.setenv("VCH_KEY_PASSPHRASE", "swordfish")
    answer = vch("manifest", "sign", "team.vch", "--key", "id")
    assert answer.code == 0
    private = (team.root / "id").read_text().splitlines()[1]
    assert private not in answer.out + answer.err and "swordfish" not in answer.out + answer.err


def test_nobody_signs_what_nothing_can_run_under(team: Project) -> None:
    (team.root / "id").write_bytes(private_file(key()))
    team.write("broken.vch", "manifest m { polls: [] }")
    answer = vch("manifest", "sign", "broken.vch", "--key", "id")
    assert answer.code == 3 and "unknown-field" in answer.err
    assert not (team.root / "broken.vch.sig").exists()
    answer = vch("manifest", "sign", "small.vch", "--key", "id")
    assert answer.code == 3 and "there is no manifest in this file" in answer.err
    assert not (team.root / "small.vch.sig").exists()


def test_show_says_what_is_granted_and_what_is_not(team: Project) -> None:
    answer = vch("manifest", "show", "team.vch")
    assert answer.code == 0
    rows = {" ".join(one.split("  ")[:2]).strip(): one.split("  ")[-1].strip() for one in answer.out.splitlines()}
    assert rows["make pools and executors in"] == "/clusterA/poolB, and below"
    assert rows["join networks"] == "nothing"
    assert rows["storage"] == "1GiB" and rows["executors"] == "any"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sing", "team.vch"), "did you mean `sign`?"),
        (("sign", "team.vch"), "needs --key"),
        (("verify", "team.vch"), "needs --signers"),
        (("show", "team.vch", "--key", "x"), "takes no --key"),
        (("show",), "needs sign|verify|show FILE"),
    ],
)
def test_a_command_that_cannot_be_meant(team: Project, words: tuple[str, ...], said: str) -> None:
    answer = vch("manifest", *words)
    assert answer.code == 2 and said in answer.err


def test_a_manifest_is_not_planned(team: Project) -> None:
    answer = vch("plan", "team.vch")
    assert answer.code == 3 and "is a manifest" in answer.err


def test_without_a_manifest_nobody_waits_for_cryptography(project: Project) -> None:  # noqa: F811
    import subprocess
    import sys

    project.write("small.vch", SMALL)
    code = (
        "import sys; from vchlang.cli import main; main(['plan', 'small.vch']); sys.stderr.write(str([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    loaded = done.stderr
    assert "vchlang.cli.planning" in loaded
    for name in ("cryptography", "bcrypt", "vchlang.signatures", "vchlang.manifests", "vchlang.analysis.grants"):
        assert f"'{name}'" not in loaded, name


def test_the_json_of_a_refusal_names_both_files(team: Project) -> None:
    answer = vch("plan", "small.vch", "-p", "size=2GiB", "--format", "json")
    (one,) = json.loads(answer.out)["diagnostics"]
    assert one["code"] == "over-limit"
    assert "team.vch" in json.dumps(one)
