"""What the driver wants of this executor: `spec.json`, format 1, read completely before anything starts.

A field that this tether does not know is refused by name: it may be a promise, and a promise is never dropped
silently. Secrets are not in here, only their names.
"""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from .policy import OnFailure, RestartPolicy, Rules

FORMAT = 1
DEFAULTS = Rules()

Mode = Literal["read_write", "read_only", "write_only"]


class SpecError(Exception):
    """The spec cannot be followed; the message names the place and never contains a value of `env`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A volume at a path of the executor. The driver has made `root`/`at` a link to `source`."""

    at: str
    source: str
    mode: Mode = "read_write"
    noexec: bool = False
    squash: bool = False
    persistent: bool = True


@dataclass(frozen=True, slots=True)
class SecretName:
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """How to find out that a task is ready. `path` is that of the URL, or of the file inside the root."""

    kind: Literal["http", "tcp", "file"]
    port: int = 0
    path: str = "/"
    role: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec:
    name: str
    path: str
    args: tuple[str, ...]
    env: Mapping[str, str | SecretName]
    workdir: str
    user: str | None
    group: str | None
    log: str | None
    rules: Rules
    probe: Probe | None
    credentials: str | None
    stop_signal: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """root: absolute, or relative to the executor's directory. host: what of this machine tasks may read and run."""

    executor: str
    key: str
    version: int
    on_failure: OnFailure
    root: str
    host: tuple[str, ...]
    path: tuple[str, ...]
    mounts: tuple[Mount, ...]
    addresses: Mapping[str, str]
    memory: int | None
    cpus: int | None
    tasks: tuple[TaskSpec, ...]

    def address(self, role: str | None) -> str:
        """Where a role answers: its own address, else the client's, else the first, else this machine."""
        for wanted in (role, "client"):
            if wanted is not None and wanted in self.addresses:
                return self.addresses[wanted]
        return next(iter(self.addresses.values()), "127.0.0.1")


def read(text: bytes) -> Spec:
    """The spec, complete and converted; SpecError names the first place that is wrong."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"spec.json is not JSON: {error}") from None
    top = _Fields(document, "")
    if top.take("format") != FORMAT:
        raise SpecError(f"spec.json has a format this tether does not know; it knows {FORMAT}")
    top.choice("isolation", ("tether",), "tether")
    top.texts("names")  # names between executors need a kernel level; the driver says so in the plan
    limits = top.fields("limits")
    memory, cpus = limits.maybe_whole("memory", 1), limits.maybe_whole("cpus", 1)
    limits.finish()
    mounts = tuple(_mount(fields) for fields in top.each("mounts"))
    places = [mount.at for mount in mounts]
    tasks = tuple(_task(fields, places) for fields in top.each("tasks"))
    for what, names in (("mounts", places), ("tasks", [task.name for task in tasks])):
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise SpecError(f"{what}: {doubled} is there twice")
    spec = Spec(
        executor=top.text("executor"),
        key=top.text("key"),
        version=top.whole("version", 0),
        on_failure=cast(OnFailure, top.choice("on_failure", ("hold", "restart", "stop"), "hold")),
        root=top.text("root"),
        host=top.list_of_texts("host"),
        path=top.list_of_texts("path"),
        mounts=mounts,
        addresses=top.texts("addresses"),
        memory=memory,
        cpus=cpus,
        tasks=tasks,
    )
    top.finish()
    return spec


def _mount(fields: "_Fields") -> Mount:
    mount = Mount(
        at=fields.path("at"),
        source=fields.path("source"),
        mode=cast(Mode, fields.choice("mode", ("read_write", "read_only", "write_only"), "read_write")),
        noexec=fields.flag("noexec", False),
        squash=fields.flag("squash", False),
        persistent=fields.flag("persistent", True),
    )
    fields.finish()
    return mount


def _task(fields: "_Fields", places: list[str]) -> TaskSpec:
    name = fields.text("name")
    # The name becomes that of the log file.
    if "/" in name or name.startswith(".") or len(name.encode()) > 200:
        raise fields.wrong("name", "does not do as the name of a file")
    log = fields.maybe_path("log")
    if log is not None and log not in places:
        raise fields.wrong("log", f"{log} is not a mount")
    probe = _probe(fields)
    restart = fields.fields("restart")
    stop = fields.fields("stop")
    task = TaskSpec(
        name=name,
        path=fields.path("path"),
        args=fields.list_of_texts("args"),
        env=_env(fields),
        workdir=fields.maybe_path("workdir") or "/",
        user=fields.maybe_name("user"),
        group=fields.maybe_name("group"),
        log=log,
        rules=Rules(
            restart=cast(RestartPolicy, restart.choice("policy", ("never", "on_failure", "always"), "never")),
            stable_ns=_or(restart.maybe_whole("stable_ns", 0), DEFAULTS.stable_ns),
            attempts=restart.maybe_whole("attempts", 1),
            required=fields.flag("required", False),
            probed=probe is not None,
            deadline_ns=fields.maybe_whole("deadline_ns", 1),
            grace_ns=_or(stop.maybe_whole("grace_ns", 0), DEFAULTS.grace_ns),
        ),
        probe=probe,
        credentials=fields.maybe_text("credentials"),
        stop_signal=_signal(stop),
    )
    for part in (restart, stop, fields):
        part.finish()
    return task


def _probe(task: "_Fields") -> Probe | None:
    if task.peek("ready") is None:
        task.take("ready")
        return None
    fields = task.fields("ready")
    kind = fields.choice("probe", ("http", "tcp", "file"), None)
    port = fields.maybe_whole("port", 1)
    path = fields.maybe_path("path")
    if kind != "file" and (port is None or port > 65535):
        raise fields.wrong("port", "is not a port")
    if kind == "file" and path is None:
        raise fields.wrong("path", "is missing")
    if path is not None and any(ord(c) <= 32 or ord(c) > 126 for c in path) and kind == "http":
        raise fields.wrong("path", "is not the path of a URL")
    probe = Probe(
        kind=cast(Literal["http", "tcp", "file"], kind),
        port=port or 0,
        path=path or "/",
        role=fields.maybe_text("role"),
    )
    fields.finish()
    return probe


def _env(task: "_Fields") -> dict[str, str | SecretName]:
    env: dict[str, str | SecretName] = {}
    for name, value in task.mapping("env").items():
        if not name or "=" in name or "\0" in name:
            raise task.wrong("env", "has a name that no environment can hold")
        if isinstance(value, dict) and set(value) == {"secret"} and isinstance(value["secret"], str):
            env[name] = SecretName(value["secret"])
        elif isinstance(value, str) and "\0" not in value:
            env[name] = value
        else:
            raise task.wrong(f"env.{name}", "is neither text nor a secret")
    return env


def _signal(stop: "_Fields") -> int:
    name = stop.maybe_text("signal") or "TERM"
    try:
        return signal.Signals["SIG" + name.removeprefix("SIG")]
    except KeyError:
        raise stop.wrong("signal", f"{name} is not a signal") from None


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


class _Fields:
    """A JSON object read field by field; what nobody took is unknown to this tether."""

    def __init__(self, document: object, place: str) -> None:
        if not isinstance(document, dict):
            raise SpecError(f"{place or 'spec.json'} is not an object")
        self._left: dict[str, Any] = dict(document)
        self._place = place

    def wrong(self, field: str, what: str) -> SpecError:
        return SpecError(f"{self._place}{'.' if self._place else ''}{field} {what}")

    def peek(self, field: str) -> object:
        return self._left.get(field)

    def take(self, field: str) -> object:
        return self._left.pop(field, None)

    def finish(self) -> None:
        if self._left:
            raise self.wrong(min(self._left), "is not known to this tether")

    def maybe_text(self, field: str) -> str | None:
        value = self.take(field)
        if value is not None and (not isinstance(value, str) or not value or "\0" in value):
            raise self.wrong(field, "is not text")
        return value

    def text(self, field: str) -> str:
        value = self.maybe_text(field)
        if value is None:
            raise self.wrong(field, "is missing")
        return value

    def maybe_name(self, field: str) -> str | None:
        """A name or a number, of a user or a group."""
        value = self.peek(field)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            self.take(field)
            return str(value)
        return self.maybe_text(field)

    def maybe_path(self, field: str) -> str | None:
        value = self.maybe_text(field)
        if value is not None and not value.startswith("/"):
            raise self.wrong(field, "is not an absolute path")
        return value if value is None or value == "/" else value.rstrip("/")

    def path(self, field: str) -> str:
        value = self.maybe_path(field)
        if value is None:
            raise self.wrong(field, "is missing")
        return value

    def maybe_whole(self, field: str, least: int) -> int | None:
        value = self.take(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 63:
            raise self.wrong(field, f"is not a whole number of at least {least}")
        return value

    def whole(self, field: str, least: int) -> int:
        value = self.maybe_whole(field, least)
        if value is None:
            raise self.wrong(field, "is missing")
        return value

    def flag(self, field: str, default: bool) -> bool:
        value = self.take(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(field, "is neither true nor false")
        return value

    def choice(self, field: str, words: tuple[str, ...], default: str | None) -> str:
        value = self.maybe_text(field) or default
        if value is None or value not in words:
            raise self.wrong(field, f"is not one of {', '.join(words)}")
        return value

    def mapping(self, field: str) -> dict[str, Any]:
        value = self.take(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(field, "is not an object")
        return value

    def texts(self, field: str) -> dict[str, str]:
        mapping = self.mapping(field)
        if not all(isinstance(value, str) for value in mapping.values()):
            raise self.wrong(field, "holds something that is not text")
        return mapping

    def list_of_texts(self, field: str) -> tuple[str, ...]:
        value = self.take(field)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
            raise self.wrong(field, "is not a list of texts")
        return tuple(value)

    def fields(self, field: str) -> "_Fields":
        return _Fields(self.mapping(field), f"{self._place}{'.' if self._place else ''}{field}")

    def each(self, field: str) -> "list[_Fields]":
        value = self.take(field)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(field, "is not a list")
        return [_Fields(item, f"{field}[{index}]") for index, item in enumerate(value)]
