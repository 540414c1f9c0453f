"""A real tether with real processes: what the driver relies on."""

import fcntl
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.tether.harness import SECOND, Executor, gone, task
from vchlang.tether import client

FOREVER = "while :; do sleep 0.05; done"


@contextmanager
def connected(executor: Executor) -> Iterator[socket.socket]:
    run = os.open(executor.directory / "run", os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(f"/proc/self/fd/{run}/control.sock")
            yield connection
    finally:
        os.close(run)


def ask(connection: socket.socket, line: bytes) -> Any:
    connection.sendall(line + b"\n")
    return json.loads(connection.makefile().readline())


# Restarts -----------------------------------------------------------------------------


def test_a_failing_task_is_started_again_and_a_finished_one_is_not(executor: Executor) -> None:
    fails_once = executor.script("fails-once", f"[ -e $VCH_ROOT/tried ] && {FOREVER}\necho > $VCH_ROOT/tried; exit 3")
    finishes = executor.script("finishes", "echo done")
    restart = {"policy": "on_failure", "stable_ns": SECOND // 5, "attempts": None}
    executor.start(task("a", fails_once, restart=restart), task("b", finishes, restart=restart))
    status = executor.wait_task("a", "stable")
    assert (status["restarts"], status["exit_code"], status["failures"]) == (1, 3, 0)
    assert executor.wait_task("b", "exited")["restarts"] == 0
    assert executor.log("b") == "done\n"


def test_always_restarts_what_left_with_0(executor: Executor) -> None:
    brief = executor.script("brief", "exit 0")
    executor.start(task("a", brief, restart={"policy": "always", "stable_ns": SECOND, "attempts": 3}))
    status = executor.wait_task("a", "failed")
    assert (status["starts"], status["reason"]) == (3, "3 failed starts in a row; exited with code 0")


def test_a_failed_required_task_under_hold_degrades_and_the_others_go_on(executor: Executor) -> None:
    executor.start(
        task("web", executor.script("web", "exit 4"), required=True), task("other", executor.script("other", FOREVER))
    )
    state = executor.wait(lambda state: state["state"] == "degraded")
    assert state["reason"] == "required task web: exited with code 4"
    assert not gone(executor.wait_task("other", "ready")["pid"], 0.2)


def test_a_failed_required_task_under_stop_ends_everything(executor: Executor) -> None:
    web = executor.script("web", "sleep 0.2; exit 4")
    executor.start(task("web", web, required=True), task("other", executor.script("other", FOREVER)), on_failure="stop")
    assert executor.tethers[0].wait(5) == 1
    state = executor.wait(lambda state: state["state"] == "failed")
    assert state["tasks"]["other"]["state"] == "stopped"


def test_a_failed_required_task_under_restart_restarts_all(executor: Executor) -> None:
    web = executor.script("web", f"[ -e $VCH_ROOT/tried ] && {FOREVER}\nsleep 0.2; echo > $VCH_ROOT/tried; exit 4")
    executor.start(
        task("web", web, required=True), task("other", executor.script("other", FOREVER)), on_failure="restart"
    )
    state = executor.wait(lambda state: state["tasks"]["other"]["starts"] == 2 and state["state"] == "ready")
    assert state["tasks"]["web"]["starts"] == 2


def test_a_deadline_ends_a_task(executor: Executor) -> None:
    executor.start(task("a", executor.script("a", FOREVER), deadline_ns=SECOND // 5))
    assert executor.wait_task("a", "failed")["reason"] == "ran longer than its deadline"


# Starting -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("/sbin/absent", None, "exec /sbin/absent: no such file or directory"),
        ("/sbin/x", "#!/no/such/shell\n", "exec /sbin/x: no such file or directory (the interpreter it names)"),
        ("/sbin", None, "exec /sbin: permission denied"),
        ("/../../bin/sh", None, "exec /../../bin/sh: no such file or directory"),
        ("/etc/escape", None, "exec /etc/escape: no such file or directory"),
    ],
)
def test_a_start_that_fails_says_which_step_and_why(
    executor: Executor, path: str, text: str | None, reason: str
) -> None:
    (executor.root / "etc").mkdir()
    (executor.root / "etc/escape").symlink_to("/bin/sh")
    if text is not None:
        executor.script("x", text)
    executor.start(task("a", path))
    assert executor.wait_task("a", "failed")["reason"] == reason


def test_a_task_has_the_environment_of_its_spec_and_no_other(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAY", "of the driver")
    (executor.root / "srv").mkdir()
    shows = executor.script("shows", "echo at $PWD $1; exec env")
    executor.start(
        task("a", shows, args=["one"], env={"PORT": "2376", "HOME": "/srv"}, workdir="/srv"),
        addresses={"public": "127.64.0.9", "client": "127.64.0.2"},
    )
    executor.wait_task("a", "exited")
    first, *lines = executor.log("a").splitlines()
    assert first == f"at {executor.root}/srv one"
    env = dict(line.split("=", 1) for line in lines)
    assert {name: value for name, value in env.items() if name not in ("PATH", "PWD", "SHLVL", "_", "OLDPWD")} == {
        "VCH_ROOT": str(executor.root),
        "VCH_EXECUTOR": "vch-test",
        "VCH_TASK": "a",
        "VCH_ADDRESS": "127.64.0.2",
        "VCH_ADDRESS_PUBLIC": "127.64.0.9",
        "VCH_ADDRESS_CLIENT": "127.64.0.2",
        "PORT": "2376",
        "HOME": "/srv",
    }


def test_limits_are_applied_and_reported(executor: Executor) -> None:
    shows = executor.script("shows", "grep -E 'data size' /proc/self/limits; grep Cpus_allowed_list /proc/self/status")
    executor.start(task("a", shows), limits={"cpus": 1, "memory": 1 << 30})
    executor.wait_task("a", "exited")
    data, cores = executor.log("a").splitlines()
    assert data.split()[3:5] == [str(1 << 30)] * 2
    state = client.status(executor.directory)["limits"]
    assert state["memory"] == {"asked": 1 << 30, "applied": "RLIMIT_DATA of each task"}
    if len(os.sched_getaffinity(0)) > 1:
        assert cores.split()[1].isdigit()
        assert state["cpus"]["applied"] == f"affinity to [{cores.split()[1]}]"


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_a_task_runs_as_the_image_s_user(executor: Executor) -> None:
    (executor.root / "etc").mkdir()
    (executor.root / "etc/passwd").write_text("vic:x:4242:4343::/:/bin/sh\n")
    shows = executor.script("shows", "id -u; id -g; id -G")
    executor.start(task("a", shows, user="vic"), task("b", shows, user="nobody-there"))
    executor.wait(lambda state: state["tasks"]["a"]["state"] in ("exited", "failed"))
    assert executor.wait_task("b", "failed")["reason"] == "user nobody-there is not in /etc/passwd of the image"
    status = executor.wait_task("a", "exited", "failed")
    # Under /tmp/pytest-of-root another user cannot even reach the program; both outcomes say that it was that user.
    if status["state"] == "exited":
        assert executor.log("a").split() == ["4242", "4343", "4343"]
    else:
        assert status["reason"] == "exec /sbin/shows: permission denied"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"format": 2}, "spec.json has a format this tether does not know; it knows 1"),
        ({"isolation": "kernel"}, "isolation is not one of tether"),
        ({"quota": 5}, "quota is not known to this tether"),
        ({"tasks": [task("a", tls=True)]}, "tasks[0].tls is not known to this tether"),
        ({"tasks": [task("a"), task("a")]}, "tasks: a is there twice"),
        ({"tasks": [task("../a")]}, "tasks[0].name does not do as the name of a file"),
        ({"root": "nowhere"}, "root {directory}/nowhere is not a directory"),
    ],
)
def test_a_spec_that_cannot_be_followed_ends_with_3_and_says_why(
    executor: Executor, change: dict[str, Any], error: str
) -> None:
    executor.start(**change)
    assert executor.tethers[0].wait(5) == 3
    state = executor.wait(lambda state: state["state"] == "failed")
    assert state["error"] == error.format(directory=executor.directory)


# Readiness ----------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Redirects at first, then is well: a redirect is not 2xx and is not followed."""

    codes: list[int]

    def do_GET(self) -> None:
        self.send_response(self.codes.pop(0) if len(self.codes) > 1 else self.codes[0])
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_ready_by_http_and_tcp_and_file(executor: Executor) -> None:
    Answers.codes = [302, 500, 204]
    (executor.root / "run").mkdir()
    (executor.root / "run/stale").touch()
    forever = executor.script("forever", FOREVER)
    touches = executor.script("touches", f"sleep 0.2; echo > $VCH_ROOT/run/up; {FOREVER}")
    with socketserver.TCPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        executor.start(
            task("http", forever, ready={"probe": "http", "port": port, "path": "/_ping", "role": "client"}),
            task("tcp", forever, ready={"probe": "tcp", "port": port}),
            task("closed", forever, ready={"probe": "tcp", "port": 1}),
            task("file", touches, ready={"probe": "file", "path": "/run/up"}),
            task("stale", forever, ready={"probe": "file", "path": "/run/stale"}),
            task("outside", forever, ready={"probe": "file", "path": "/../../../../etc/passwd"}),
            addresses={"client": "127.0.0.1"},
        )
        for name in ("http", "tcp", "file"):
            executor.wait_task(name, "ready")
        server.shutdown()
    assert Answers.codes == [204]
    for name in ("closed", "stale", "outside"):
        executor.wait_task(name, "launched")


# Stopping and dying -------------------------------------------------------------------


def test_stop_is_graceful_then_firm_and_the_tether_goes(executor: Executor) -> None:
    polite = executor.script("polite", f"trap 'echo bye; exit 0' INT\necho up\n{FOREVER}")
    stubborn = executor.script("stubborn", f"trap '' TERM\necho up\n{FOREVER}")
    executor.start(
        task("polite", polite, stop={"signal": "INT", "grace_ns": 5 * SECOND}, restart={"policy": "always"}),
        task("stubborn", stubborn, stop={"signal": "TERM", "grace_ns": SECOND // 4}, restart={"policy": "always"}),
    )
    executor.wait_log("polite", "up")
    executor.wait_log("stubborn", "up")
    began = time.monotonic()
    answer = client.stop(executor.directory, 5)
    assert 0.25 <= time.monotonic() - began < 3
    assert answer["state"] == "stopped"
    assert {name: found["state"] for name, found in answer["tasks"].items()} == {
        "polite": "stopped",
        "stubborn": "stopped",
    }
    assert (answer["tasks"]["polite"]["exit_code"], answer["tasks"]["stubborn"]["signal"]) == (0, "SIGKILL")
    assert executor.log("polite") == "up\nbye\n"
    assert executor.tethers[0].wait(5) == 0
    assert not client.alive(executor.directory)
    with pytest.raises(client.TetherGone) as caught:
        client.status(executor.directory)
    assert caught.value.running is False


def test_sigterm_stops_too_and_daemons_of_tasks_do_not_stay(executor: Executor) -> None:
    daemon = executor.script("daemon", "setsid sleep 300 & echo $!\nexec sleep 300")
    cleared = executor.script("cleared", "setsid env -i sleep 300 & sleep 0.2; echo $!\nexec sleep 300")
    executor.start(task("a", daemon), task("b", cleared))
    pids = [int(executor.wait_log(name, "\n")) for name in ("a", "b")]
    executor.tethers[0].send_signal(signal.SIGTERM)
    assert executor.tethers[0].wait(5) == 0
    assert all(gone(pid) for pid in pids)


def test_tasks_die_with_a_killed_tether_and_the_next_one_clears_the_rest(executor: Executor) -> None:
    leaves = executor.script("leaves", "sleep 300 & echo $!\nexec sleep 300")
    executor.start(task("a", leaves))
    child = int(executor.wait_log("a", "\n"))
    leader = executor.wait_task("a", "ready")["pid"]
    executor.tethers[0].kill()
    executor.tethers[0].wait()
    assert gone(leader)
    assert not client.alive(executor.directory)
    executor.tether()
    executor.wait_task("a", "ready")
    assert gone(child)


def test_a_second_tether_leaves_with_0_and_the_first_stays(executor: Executor) -> None:
    executor.start(task("a", executor.script("a", FOREVER)))
    executor.wait_task("a", "ready")
    first = client.hello(executor.directory)["pid"]
    assert executor.tether().wait(5) == 0
    assert client.hello(executor.directory)["pid"] == first


def test_somebody_looking_at_the_lock_is_no_second_tether(executor: Executor) -> None:
    (executor.directory / "run").mkdir()
    with open(executor.directory / "run/tether.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        executor.start()
        time.sleep(0.2)
    executor.wait(lambda state: state["state"] == "stable")


def test_a_tether_that_does_not_answer_is_unknown_and_not_gone(executor: Executor) -> None:
    executor.start()
    executor.wait(lambda state: state["state"] == "stable")
    executor.tethers[0].send_signal(signal.SIGSTOP)
    with pytest.raises(client.TetherGone) as caught:
        client.status(executor.directory, timeout=0.2)
    assert caught.value.running is None
    assert client.alive(executor.directory)


def test_non_persistent_volumes_are_emptied_and_links_in_them_not_followed(executor: Executor) -> None:
    mount, source = executor.mount("/tmp/images", persistent=False)
    kept, keeps = executor.mount("/data")
    (keeps / "file").write_text("kept")
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/file").touch()
    (source / "link").symlink_to(keeps)
    (source / "deep/link").symlink_to(keeps / "file")
    executor.start(mounts=[mount, kept])
    executor.wait(lambda state: state["state"] == "stable")
    assert list(source.iterdir()) == []
    assert (keeps / "file").read_text() == "kept"


# Secrets ------------------------------------------------------------------------------


def test_secrets_reach_the_tasks_and_nothing_else(executor: Executor) -> None:
    password, token = "hunter2-" + "x" * 8, "token-" + "y" * 8
    reads = executor.script("reads", "cat <&$VCH_CREDENTIALS_FD | wc -c; printf %s $TOKEN | wc -c; exec sleep 300")
    executor.start(
        task("a", reads, env={"TOKEN": {"secret": "token"}}, credentials="vmomi"),
        task("b", reads, env={"TOKEN": {"secret": "vmomi"}}),
        task("c", reads, credentials="absent"),
        secrets={"token": token, "vmomi": {"user": "ops", "password": password}},
    )
    lengths = [len(json.dumps({"user": "ops", "password": password})), len(token)]
    executor.wait_log("a", f"{lengths[0]}\n{lengths[1]}\n")
    assert executor.wait_task("b", "failed")["reason"] == "secret vmomi is a record, and an environment holds text"
    assert executor.wait_task("c", "failed")["reason"] == "secret absent was not given"
    files = [Path(where, name) for where, _, names in os.walk(executor.directory) for name in names]
    texts = [file.read_bytes() for file in files if file.is_file()]
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # that one has ended meanwhile
            texts.append(line.read_bytes())
    texts.append(json.dumps(client.status(executor.directory)).encode())
    assert len(texts) > 5
    assert not [text for text in texts if password.encode() in text or token.encode() in text]


def test_secrets_that_are_not_json_are_not_quoted(executor: Executor) -> None:
    executor.start()
    executor.wait(lambda state: state["state"] == "stable")
    client.stop(executor.directory, 5)
    assert executor.tether('{"a": hunter2').wait(5) == 3
    state = executor.wait(lambda state: state["state"] == "failed")
    assert state["error"] == "the secrets on standard input are not JSON"


# The control socket -------------------------------------------------------------------


def test_hello_tells_who_is_there(executor: Executor) -> None:
    executor.start()
    executor.wait(lambda state: state["state"] == "stable")
    hello = client.hello(executor.directory)
    pid = executor.tethers[0].pid
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert (hello["protocol"], hello["key"], hello["version"], hello["pid"]) == (1, "0f8a", 3, pid)
    assert hello["start_time"] == int(fields[19])
    assert hello["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (executor.directory / "run/control.sock").stat().st_mode & 0o777 == 0o600


def test_garbage_on_the_socket_changes_nothing(executor: Executor) -> None:
    executor.start(task("a", executor.script("a", FOREVER)))
    executor.wait_task("a", "ready")
    answers = {
        b"\xff\xfe\x00": "not-json",
        b"[" * 60000: "not-json",
        b"[]": "no-verb",
        b'{"verb": 5}': "no-verb",
        b'{"verb": "sing"}': "unknown-verb",
    }
    for line, word in answers.items():
        with connected(executor) as connection:
            assert ask(connection, line) == {"error": word}
            assert ask(connection, b'{"verb": "hello"}')["protocol"] == 1
    with connected(executor) as connection:  # a line without an end
        try:
            for _ in range(64):
                connection.sendall(b"x" * 65536)
            raise AssertionError("the flood was swallowed")
        except (BrokenPipeError, ConnectionResetError):
            pass
    with connected(executor) as connection:  # one who asks and goes
        connection.sendall(b'{"verb": "status"}\n' * 200)
    for _ in range(3):  # more connections than are served at once
        crowd = []
        for _ in range(20):
            crowd.append(connected(executor))
            crowd[-1].__enter__()
        assert client.status(executor.directory)["tasks"]["a"]["state"] == "ready"
        for one in crowd:
            one.__exit__(None, None, None)
    assert client.status(executor.directory)["tasks"]["a"]["restarts"] == 0
    with pytest.raises(client.TetherRefused, match="unknown-verb"):
        client._ask(executor.directory, "sing", 5)


def test_a_task_may_ask_its_tether_but_not_command_it(executor: Executor) -> None:
    asks = executor.script(
        "asks",
        "#!/usr/bin/env -S python3 -I -S\n"
        "import os, socket\n"
        "for verb in 'hello', 'stop':\n"
        "    s = socket.socket(socket.AF_UNIX)\n"
        "    s.connect(os.environ['VCH_ROOT'] + '/../run/control.sock')\n"
        '    s.sendall(b\'{"verb":"%s"}\\n\' % verb.encode())\n'
        "    print(s.recv(100000).decode().strip())\n",
    )
    executor.start(task("a", asks))
    executor.wait_task("a", "exited")
    hello, stop = executor.log("a").splitlines()
    # From Landlock's ABI that restricts sockets by path on, a task does not even get through.
    assert json.loads(hello)["protocol"] == 1
    assert json.loads(stop) == {"error": "not-allowed"}
    assert client.alive(executor.directory)


def test_a_long_directory_is_no_obstacle(executor: Executor) -> None:
    deep = Executor(executor.directory / ("d" * 100) / ("e" * 100))
    deep.start(task("a", deep.script("a", FOREVER)))
    try:
        deep.wait_task("a", "ready")
        assert client.hello(deep.directory)["key"] == "0f8a"
    finally:
        deep.end()


def test_the_tether_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-m", "vchlang.tether"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: tether DIR\n")
