"""An executor in a temporary directory and the real, packed tether on it; what a test started ends with the test."""

import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vchlang.tether import client
from vchlang.tether.packing import packed

SECOND = 1_000_000_000

# The interpreter running the tests need not be the system's; tasks that are Python find it by PATH.
PYTHON = os.path.realpath(sys.executable)
HOST = ["/usr", "/lib", "/lib64", "/bin", "/etc", os.path.realpath(sys.base_prefix)]
PATH = [os.path.dirname(PYTHON), "/usr/bin", "/bin"]

State = dict[str, Any]


@functools.cache
def archive() -> str:
    handle, path = tempfile.mkstemp(suffix=".pyz")
    with open(handle, "wb") as file:
        file.write(packed())
    atexit.register(os.unlink, path)
    return path


def task(name: str, path: str = "/bin/sh", **more: object) -> dict[str, object]:
    """A task of a spec, with what most tests want unless they say otherwise."""
    plain: dict[str, object] = {
        "name": name,
        "path": path,
        "args": [],
        "env": {},
        "workdir": "/",
        "user": None,
        "group": None,
        "log": None,
        "restart": {"policy": "never", "stable_ns": 10 * SECOND, "attempts": None},
        "required": False,
        "ready": None,
        "credentials": None,
        "deadline_ns": None,
        "stop": {"signal": "TERM", "grace_ns": 2 * SECOND},
    }
    return plain | more


class Executor:
    """One executor directory. `script` puts programs into its root."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        (self.root / "sbin").mkdir(parents=True)
        self.tethers: list[subprocess.Popen[bytes]] = []

    def script(self, name: str, text: str) -> str:
        """A shell script (or what its first line says) as /sbin/NAME of the root."""
        program = self.root / "sbin" / name
        program.write_text(text if text.startswith("#!") else "#!/bin/sh\n" + text)
        program.chmod(0o755)
        return f"/sbin/{name}"

    def mount(self, at: str, **more: object) -> tuple[dict[str, object], Path]:
        """A volume beside the root and the link to it in the root, as the driver makes them."""
        source = self.directory / ("volume" + at.replace("/", "-"))
        source.mkdir()
        link = self.root / at.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
        return {"at": at, "source": str(source), **more}, source

    def start(self, *tasks: dict[str, object], secrets: State | None = None, **more: object) -> None:
        spec: dict[str, object] = {
            "format": 1,
            "executor": "vch-test",
            "key": "0f8a",
            "version": 3,
            "isolation": "tether",
            "on_failure": "hold",
            "root": "root",
            "host": HOST,
            "path": PATH,
            "mounts": [],
            "addresses": {},
            "names": {},
            "limits": {"cpus": None, "memory": None},
            "tasks": list(tasks),
        }
        (self.directory / "spec.json").write_text(json.dumps(spec | more))
        self.tether(json.dumps(secrets or {}))

    def tether(self, secrets: str = "") -> subprocess.Popen[bytes]:
        """Start a tether on the directory as it is."""
        with open(self.directory / "stderr", "ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", archive(), str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.tethers.append(process)
        assert process.stdin is not None
        try:
            process.stdin.write(secrets.encode())
            process.stdin.close()
        except BrokenPipeError:
            pass
        return process

    def wait(self, what: Callable[[State], object], seconds: float = 8.0) -> State:
        """The first reported state of the latest tether of which `what` is true."""
        until = time.monotonic() + seconds
        state: State | None = None
        while time.monotonic() < until:
            state = client.last_state(self.directory)
            if state is not None and state.get("pid") == self.tethers[-1].pid and what(state):
                return state
            time.sleep(0.01)
        raise AssertionError(f"waited {seconds} s; {json.dumps(state)}; {(self.directory / 'stderr').read_text()}")

    def wait_task(self, name: str, *phases: str) -> State:
        state = self.wait(lambda state: "tasks" in state and state["tasks"][name]["state"] in phases)
        found: State = state["tasks"][name]
        return found

    def log(self, name: str) -> str:
        status = client.last_state(self.directory)
        if status is None:
            return ""
        return client.read_log(status["tasks"][name]["log"]).decode()

    def wait_log(self, name: str, text: str) -> str:
        until = time.monotonic() + 8
        while text not in self.log(name):
            assert time.monotonic() < until, self.log(name)
            time.sleep(0.01)
        return self.log(name)

    def end(self) -> None:
        """Nothing that was started here outlives the test, whatever the test did to its tether."""
        for process in self.tethers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        root = f"VCH_ROOT={self.root}".encode()
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and root in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                continue
        for volume in self.directory.glob("volume*"):
            volume.chmod(0o700)  # so that the temporary directory can be removed
        shutil.rmtree(self.directory, ignore_errors=True)


def gone(pid: int, seconds: float = 3.0) -> bool:
    """Whether a process ends within so many seconds; a zombie has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False
