"""`verify` on the command line: shown by a plan, asked by an apply, and again by the next."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import SMALL, Project, spawn, vch

WRONG = SMALL + 'verify data.url == "elsewhere", "it is ${data.url}"\nverify size > 1B and infra.free > 1B\n'


@pytest.fixture
def port() -> Iterator[int]:
    """A port that accepts connections."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        thread = threading.Thread(target=_accept, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]


def _accept(listening: socket.socket) -> None:
    try:
        while True:
            listening.accept()[0].close()
    except OSError:
        return


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_plan_shows_what_will_be_asked(project: Project) -> None:
    project.write("site.vch", WRONG)
    answer = vch("plan", "site.vch")
    assert answer.code == 0, answer.err
    assert '? verify data.url == "elsewhere"  after apply  line 6' in answer.out
    assert answer.out.splitlines()[-1].startswith("Plan: 3 create")


def test_what_does_not_hold_ends_an_apply_with_1_and_everything_is_there(project: Project) -> None:
    project.write("site.vch", WRONG)
    answer = vch("apply", "site.vch", "--yes")
    assert answer.code == 1
    assert "error[verify-failed]: it is ds://disks/infra/site-data\n --> site.vch:6:8" in answer.err
    assert '= found     `data.url` is "ds://disks/infra/site-data"' in answer.err
    assert "1 verified, 1 not as the script wants it" in answer.err
    assert 'place = "ds://disks/infra/site-data"' in answer.out
    again = vch("plan", "site.vch", "--exit-code")
    assert again.code == 0 and "no changes" in again.out and "? verify" in again.out
    assert vch("apply", "site.vch", "--yes").code == 1
    project.write("site.vch", WRONG.replace('"elsewhere"', '"ds://disks/infra/site-data"'))
    answer = vch("apply", "site.vch")  # nothing changes, so nobody is asked
    assert answer.code == 0 and "2 verified" in answer.err


def test_a_saved_plan_verifies_as_the_script_would(project: Project, port: int) -> None:
    text = SMALL + f'fn up(number: Int, host: String = "127.0.0.1") = [number, len(host)]\nlet all = up({port})\n'
    text += 'verify tcp_open("127.0.0.1", all[0] + len(data.url) - len("${data.url}"))\n'
    text += f'verify tcp_open("127.0.0.1", {closed_port()})\n'
    project.write("site.vch", text)
    assert vch("plan", "site.vch", "-o", "site.vchplan").code == 0
    project.write("site.vch", "")  # the plan stands alone
    answer = vch("apply", "site.vchplan")
    assert answer.code == 1
    assert "1 verified, 1 not as the script wants it" in answer.err
    assert "--> site.vch:9:8" in answer.err and "connection refused" in answer.err


def test_events_tell_of_verifies(project: Project) -> None:
    project.write("site.vch", WRONG)
    answer = vch("apply", "site.vch", "--yes", "--format", "jsonl")
    events = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 1 and [one["event"] for one in events[-3:]] == ["verify-failed", "verify-done", "run-done"]
    assert events[-1]["status"] == "unverified" and events[-1]["counts"]["unverified"] == 1
    assert events[-3]["found"] == '`data.url` is "ds://disks/infra/site-data"'


def test_a_secret_is_in_no_plan_and_no_message(project: Project, tmp_path: Path) -> None:
    project.write("site.vch", SMALL + "param token: Secret<String>\nlet both = { url: data.url, token: token }\n"
                  'verify both.url == "x" and token != null, "it is ${both.url}"\n')  # fmt: skip
    secret = project.write(".vch/token", "swordfish")
    secret.chmod(0o600)
    source = ("-p", f"token=file:{secret}")
    planned = vch("plan", "site.vch", "-o", "site.vchplan", *source)
    assert planned.code == 0, planned.err
    applied = vch("apply", "site.vchplan")
    assert applied.code == 1 and "it is ds://disks/infra/site-data" in applied.err
    assert "swordfish" not in (project.root / "site.vchplan").read_text() + planned.out + applied.out + applied.err


def test_killed_while_it_asks(project: Project) -> None:
    """Between the last step and the answer nothing is open: the next apply has only to ask again."""
    number = closed_port()
    project.write("site.vch", SMALL + f'verify tcp_open("127.0.0.1", {number}, 1min)\n')
    process = spawn("apply", "site.vch", "--yes", cwd=project.root)
    assert process.stderr is not None
    for line in process.stderr:
        if "storage data" in line and "done" in line:
            break
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    answer = vch("plan", "site.vch")
    assert "no changes" in answer.out
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", number))
        listening.listen(4)
        answer = vch("apply", "site.vch")
    assert answer.code == 0 and "1 verified" in answer.err and "an earlier run" not in answer.err


def test_ctrl_c_ends_a_patient_probe(project: Project) -> None:
    project.write("site.vch", SMALL + f'verify tcp_open("127.0.0.1", {closed_port()}, 1min)\n')
    process = spawn("apply", "site.vch", "--yes", cwd=project.root)
    assert process.stderr is not None
    for line in process.stderr:
        if "storage data" in line and "done" in line:
            break
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert time.monotonic() - begun < 10
    assert process.returncode == 130
