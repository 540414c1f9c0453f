"""`examples/seed.vch`, whole: applied, looked at, talked to, edited, and gone without a trace."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.cli.harness import ROOT, Project, tree, vch

OPENER = build_opener(ProxyHandler({}))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the local portlayer is for Linux")


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The repository's own project, elsewhere, so that nobody's deployment of it is touched."""
    shutil.copy(ROOT / "vch.toml", tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    yield project
    project.stop()


def test_the_example_is_the_one_of_the_design(seed: Project) -> None:
    answer = vch("validate", "examples/seed.vch")
    assert (answer.code, answer.out, answer.err) == (0, "No mistakes in 1 file.\n", "")


def test_nfs_is_refused_by_name_before_anything_happens(seed: Project) -> None:
    before = seed.tree()
    answer = vch("plan", "examples/seed.vch", "-p", "nfs_store=nfs://nfs.server.com/volumes")
    assert answer.code == 3
    assert "error[unsupported]" in answer.err and "nfs" in answer.err
    assert re.search(r"examples/seed\.vch:\d+:\d+", answer.err)
    assert seed.tree() == before


def test_the_plan_has_the_steps_of_the_seed_in_its_order(seed: Project) -> None:
    before = seed.tree()
    answer = vch("plan", "examples/seed.vch")
    assert answer.code == 0, answer.err
    assert seed.tree() == before
    wanted = [
        "confirm environment", "+ pool vch", "+ location images", "write the policy file", "+ location infra",
        "+ network bridge", "+ storage boot", "+ storage root", "+ storage tmp", "+ storage logs",
        "+ executor endpoint", "handle endpoint", "join boot as loader, bind", 'join root as persistent, bind at /',
        "join management as management, bind", "join personality, bind", "executor endpoint", "until ready within 5min",
    ]  # fmt: skip
    at = 0
    for words in wanted:
        at = answer.out.find(words, at)
        assert at >= 0, f"{words} is not there, or not in its place:\n{answer.out}"
    assert re.search(r"^Plan: \d+ create, 0 adopt, 0 update, 0 replace, 0 destroy$", answer.out.splitlines()[-1])


def test_the_seed_the_whole_way(seed: Project) -> None:
    assert vch("apply", "examples/seed.vch").code == 4
    # What vch makes for itself beside the world: the store, its locks, the key and the credential.
    assert not (seed.root / ".vch").exists()
    applied = vch("apply", "examples/seed.vch", "--yes")
    assert applied.code == 0, applied.err
    found = re.search(r'docker_host = "tcp://([\d.]+:\d+)"', applied.out)
    assert found is not None, applied.out
    assert get(f"http://{found[1]}/_ping") == "OK"
    info = json.loads(get(f"http://{found[1]}/info"))
    assert info["credentials_of"] == "vch"

    shown = vch("show", "examples/seed.vch")
    assert shown.code == 0
    assert all(task in shown.out for task in ("personality", "portlayer", "vicadmin"))
    assert f"tcp://{found[1]}" in shown.out and "running" in shown.out
    again = vch("plan", "examples/seed.vch", "--exit-code")
    assert again.code == 0, again.out
    assert "no changes" in again.out

    logged = vch("logs", "personality", "--lines", "5")
    assert logged.code == 0 and "listening on" in logged.out
    assert vch("logs", "personalty").code == 3

    password = json.loads((seed.root / ".vch/secrets/vmomi.json").read_text())["password"]
    secret_is_nowhere(seed.root, password, applied.out + applied.err + shown.out + shown.err + logged.out)

    changed = vch("plan", "examples/seed.vch", "-p", "log_space=32MiB", "-p", "memory=2GiB")
    assert changed.code == 0, changed.err
    assert "~ storage logs" in changed.out and "16MiB -> 32MiB" in changed.out
    assert "~ pool vch" in changed.out and "1GiB -> 2GiB" in changed.out
    updated = vch("apply", "examples/seed.vch", "--yes", "-p", "log_space=32MiB", "-p", "memory=2GiB")
    assert updated.code == 0, updated.err
    assert "no changes" in vch("plan", "examples/seed.vch", "-p", "log_space=32MiB", "-p", "memory=2GiB").out

    destroyed = vch("destroy", "examples/seed.vch", "--yes")
    assert destroyed.code == 0, destroyed.err
    assert left_in(seed.root) == []
    with pytest.raises(OSError):
        get(f"http://{found[1]}/_ping")


def get(url: str) -> str:
    """What answers; with a little patience, as a restart takes a moment."""
    for turn in range(20):
        try:
            with OPENER.open(url, timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            if turn == 19 or ("_ping" in url and turn > 3):
                raise
            time.sleep(0.1)
    raise AssertionError(url)


def left_in(root: Path) -> list[str]:
    """What a deployment left in the world, beside the directories that are there for any."""
    out = []
    for place in (root / ".vch/world", root / "build"):
        out += [name for name, found in tree(place).items() if not found.startswith("4")] if place.exists() else []
    return [name for name in out if name != "lock"]


def secret_is_nowhere(root: Path, secret: str, printed: str) -> None:
    """Not in what was printed, in any file but its own, nor in the arguments of any process."""
    assert secret not in printed
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != "vmomi.json":
            assert secret.encode() not in readable(path), path
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        assert secret.encode() not in readable(process)


def readable(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
