"""The example images, run for real: each service answers, fails on demand and is restarted."""

import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.tether.harness import SECOND, Executor, task
from vchlang.tether import promises

IMAGES = Path(__file__).parents[2] / "examples" / "images"
OPENER = build_opener(ProxyHandler({}))
RESTART = {"policy": "on_failure", "stable_ns": SECOND, "attempts": None}


class Endpoint:
    """The endpoint's root as the examples put it together, on an address of its own so that the ports are free."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        shutil.rmtree(executor.root)
        shutil.copytree(IMAGES / "endpoint", executor.root)
        number = zlib.crc32(f"{os.getpid()} {executor.directory}".encode()) % (1 << 22)
        self.address = f"127.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255 or 1}"

    def start(self, *tasks: dict[str, object]) -> None:
        promised = {"mode": "write_only", "noexec": True, "squash": True} if promises.supported() >= 3 else {}
        mount, _ = self.executor.mount("/var/log/vic", **promised)
        self.executor.start(
            *(one | {"log": "/var/log/vic", "credentials": "vmomi"} for one in tasks),
            secrets={"vmomi": {"user": "ops@vsphere.local", "password": "hunter2"}},
            mounts=[mount],
            addresses={"client": self.address, "public": self.address},
        )

    def get(self, port: int, path: str) -> str:
        with OPENER.open(f"http://{self.address}:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def info(self, port: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(port, "/info"))
        return found

    def fail(self, port: int, code: int) -> None:
        request = Request(f"http://{self.address}:{port}/fail?code={code}", method="POST")
        with OPENER.open(request, timeout=5) as answer:
            assert answer.status == 202

    def fails_and_is_restarted(self, name: str, port: int) -> None:
        self.fail(port, 7)
        state = self.executor.wait(
            lambda state: state["tasks"][name]["restarts"] == 1 and state["tasks"][name]["state"] in ("ready", "stable")
        )
        assert state["tasks"][name]["exit_code"] == 7
        assert self.info(port)["name"] == name


@pytest.fixture
def endpoint(executor: Executor) -> Endpoint:
    return Endpoint(executor)


def test_the_personality_answers_and_comes_back(endpoint: Endpoint) -> None:
    ready = {"probe": "http", "port": 2376, "path": "/_ping", "role": None}
    endpoint.start(
        task("personality", "/sbin/personality", env={"PORT": "2376"}, restart=RESTART, required=True, ready=ready)
    )
    endpoint.executor.wait_task("personality", "ready", "stable")
    assert endpoint.get(2376, "/_ping") == "OK"
    info = endpoint.info(2376)
    assert info["uptime_s"] >= 0
    del info["uptime_s"]
    assert info == {
        "name": "personality",
        "version": "1.0",
        "executor": "vch-test",
        "address": endpoint.address,
        "addresses": {"client": endpoint.address, "public": endpoint.address},
        "credentials_of": "ops@vsphere.local",
        "port": "2376",
    }
    with pytest.raises(HTTPError, match="400"):
        endpoint.fail(2376, 999)
    endpoint.fails_and_is_restarted("personality", 2376)
    assert "GET /_ping" in endpoint.executor.log("personality")
    assert "hunter2" not in endpoint.executor.log("personality")


def test_the_portlayer_is_ready_by_its_file_at_each_start(endpoint: Endpoint) -> None:
    ready = {"probe": "file", "path": "/run/portlayer.ready"}
    store = "ds://datastore2/images"
    endpoint.start(task("portlayer", "/sbin/portlayer", args=["--store", store], restart=RESTART, ready=ready))
    endpoint.executor.wait_task("portlayer", "ready", "stable")
    assert endpoint.info(2377)["store"] == store
    endpoint.fails_and_is_restarted("portlayer", 2377)
    assert endpoint.executor.log("portlayer").count("credentials read") == 2


def test_vicadmin_shows_what_it_may(endpoint: Endpoint) -> None:
    endpoint.start(task("vicadmin", "/sbin/vicadmin", restart=RESTART, ready={"probe": "tcp", "port": 2378}))
    endpoint.executor.wait_task("vicadmin", "ready", "stable")
    assert "<h1>Endpoint</h1>" in endpoint.get(2378, "/")
    logs = endpoint.get(2378, "/logs")
    assert "write-only" in logs
    assert "GET / " in logs
    endpoint.fails_and_is_restarted("vicadmin", 2378)


def test_the_image_is_small_and_its_programs_can_be_run() -> None:
    files = [path for path in (IMAGES / "endpoint").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(file.stat().st_size for file in files) <= 64 * 1024
    assert all(os.access(IMAGES / "endpoint/sbin" / name, os.X_OK) for name in ("personality", "portlayer", "vicadmin"))
    assert {"run/.keep", "tmp/images/.keep"} <= {str(file.relative_to(IMAGES / "endpoint")) for file in files}


def test_the_loader_holds_what_it_says_and_pretends_nothing() -> None:
    boot = IMAGES / "boot"
    loader = json.loads((boot / "loader.json").read_text())
    for part in ("kernel", "initrd", "cmdline"):
        assert (boot / part).exists() == (loader[part] is not None)
