"""What Landlock keeps: a task tries what its volumes forbid, and says how far it got."""

import json
import os

import pytest

from tests.tether.harness import Executor, task
from vchlang.tether import promises
from vchlang.tether.promises import Grant
from vchlang.tether.spec import Mount

needs_landlock = pytest.mark.skipif(promises.supported() < 3, reason="this kernel has no Landlock of ABI 3 or later")

TRIES = """#!/usr/bin/env -S python3 -I -S
import json, os, subprocess, sys
root, volume, outside = os.environ["VCH_ROOT"], os.environ["VOLUME"], os.environ["OUTSIDE"]
volume = root + volume
old = volume + "/old"

def overwrite():
    with open(old, "r+b") as file: file.write(b"x")

def reopen_own_log():
    with open("/proc/self/fd/1") as file: file.read()

tries = {
    "append": lambda: os.write(os.open(old, os.O_WRONLY | os.O_APPEND), b"more\\n"),
    "create": lambda: open(volume + "/new", "w").write("new"),
    "read": lambda: open(old).read(),
    "list": lambda: os.listdir(volume),
    "truncate": lambda: os.truncate(old, 0),
    "open to truncate": lambda: open(old, "w"),
    "truncate own log": lambda: os.ftruncate(1, 0),
    "read own log": reopen_own_log,
    "chmod and read": lambda: (os.chmod(old, 0o777), open(old).read()),
    "remove": lambda: os.unlink(volume + "/spare"),
    "rename out": lambda: os.rename(old, root + "/stolen"),
    "link out": lambda: os.link(old, root + "/stolen"),
    "run": lambda: subprocess.run([volume + "/program"], check=True),
    "read outside": lambda: open(outside + "/spec.json").read(),
    "list outside": lambda: os.listdir(outside),
    "signal the tether": lambda: os.kill(os.getppid(), 0),
    "read the tether's memory": lambda: open(f"/proc/{os.getppid()}/mem").close(),
    "read the tether's environment": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "take the tether's descriptors": lambda: os.readlink(f"/proc/{os.getppid()}/fd/0"),
    "write the root": lambda: open(root + "/made", "w").write("x"),
}
result = []
for name, attempt in tries.items():
    try: attempt(); result.append(name)
    except (OSError, subprocess.SubprocessError): pass
print(json.dumps(result))
"""


def attempt(executor: Executor, **mode: object) -> set[str]:
    mount, source = executor.mount("/var/log/vic", **mode)
    for name in ("old", "spare", "program"):
        (source / name).write_text("#!/bin/sh\n")
        (source / name).chmod(0o755)
    env = {"VOLUME": "/var/log/vic", "OUTSIDE": str(executor.directory)}
    tries = executor.script("tries", TRIES)
    log = "/var/log/vic" if mode.get("mode") != "read_only" else None
    executor.start(task("a", tries, env=env, log=log), mounts=[mount])
    status = executor.wait_task("a", "exited", "failed")
    assert status["exit_code"] == 0, (status, executor.log("a"))
    return set(json.loads(executor.log("a").splitlines()[-1]))


@needs_landlock
def test_write_only_lets_append_and_create_and_nothing_else(executor: Executor) -> None:
    assert attempt(executor, mode="write_only", noexec=True, squash=True) - {"signal the tether"} == {
        "append",
        "create",
        "write the root",
    }
    volume = executor.directory / "volume-var-log-vic"
    assert volume.stat().st_mode & 0o777 == 0o300
    assert (volume / "a.log").stat().st_mode & 0o777 == 0o200


@needs_landlock
def test_read_only_lets_read_list_and_run(executor: Executor) -> None:
    assert attempt(executor, mode="read_only") - {"signal the tether", "truncate own log"} == {
        "read",
        "list",
        "chmod and read",  # of a file's mode Landlock knows nothing; what the volume allows stays what it was
        "run",
        "write the root",
    }


@needs_landlock
def test_noexec_denies_running_alone(executor: Executor) -> None:
    allowed = attempt(executor, mode="read_write", noexec=True)
    assert {"append", "create", "read", "list", "truncate", "remove"} <= allowed
    # Out of the volume a file could be run, so it cannot leave it by another name.
    assert not {"rename out", "link out"} & allowed
    assert not {"run", "read outside", "list outside", "read the tether's environment"} & allowed


@needs_landlock
@pytest.mark.skipif(promises.supported() < 6, reason="this kernel's Landlock cannot confine signals (ABI 6)")
def test_a_task_cannot_signal_its_tether(executor: Executor) -> None:
    assert "signal the tether" not in attempt(executor, mode="read_write")


@needs_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="only root could give a file away at all")
def test_squash_keeps_the_owner_even_from_root(executor: Executor) -> None:
    mount, source = executor.mount("/data", squash=True)
    tries = executor.script("tries", "cd $VCH_ROOT/data; echo > mine; chown 4242 mine; setpriv --reuid 4242 touch his")
    executor.start(task("a", tries), mounts=[mount])
    assert executor.wait_task("a", "exited")["exit_code"] != 0
    assert {file.name: file.stat().st_uid for file in source.iterdir()} == {"mine": 0}


@needs_landlock
def test_a_log_that_is_a_pipe_or_a_link_is_not_written_to(executor: Executor) -> None:
    mount, source = executor.mount("/var/log")
    os.mkfifo(source / "a.log")
    (source / "b.log").symlink_to(executor.root / "sbin/b")
    paths = [executor.script(name, "echo hello") for name in ("a", "b")]
    executor.start(task("a", paths[0], log="/var/log"), task("b", paths[1], log="/var/log"), mounts=[mount])
    assert str(executor.wait_task("a", "failed")["reason"]).startswith(f"log {source}/a.log: ")
    assert str(executor.wait_task("b", "failed")["reason"]).startswith(f"log {source}/b.log: ")
    assert "hello\n" not in (executor.root / "sbin/b").read_text().splitlines(keepends=True)


@needs_landlock
def test_a_volume_inside_something_wider_is_refused(executor: Executor) -> None:
    inside = executor.root / "logs"
    inside.mkdir()
    mount = {"at": "/var/log", "source": str(inside), "mode": "write_only"}
    executor.start(task("a", executor.script("a", "exit 0")), mounts=[mount])
    reason = executor.wait_task("a", "failed")["reason"]
    assert reason == f"write_only at /var/log: the volume lies inside {executor.root}, which allows more"


@pytest.mark.parametrize(
    ("mount", "abi", "reason"),
    [
        (Mount(at="/l", source="/v", mode="write_only"), 0, "write_only at /l: this kernel has no Landlock"),
        (Mount(at="/l", source="/v", noexec=True), 0, "noexec at /l: this kernel has no Landlock"),
        (
            Mount(at="/l", source="/v", mode="read_only", noexec=True),
            2,
            "read_only, noexec at /l: Landlock of this kernel (ABI 2) cannot deny truncating, 3 can",
        ),
        (Mount(at="/l", source="/v", noexec=True), 1, None),
        (Mount(at="/l", source="/v"), 0, None),
        (Mount(at="/l", source="/v", mode="read_only"), 3, None),
    ],
)
def test_a_promise_that_this_kernel_cannot_keep_is_named(mount: Mount, abi: int, reason: str | None) -> None:
    assert promises.refusal([mount], [Grant("/usr", promises.READ_FILE)], abi) == reason
