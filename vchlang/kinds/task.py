"""Tasks: what runs in an executor, and when that counts as working."""

from typing import TypeAlias

from vchlang import values as v
from vchlang.kinds.schema import (
    Bytes,
    Credentials,
    Duration,
    Fact,
    Path,
    SecretOrText,
    StorePath,
    case,
    kind,
    param,
    record,
    verb,
)


@verb("task", "create", examples=('create task personality { path: "/sbin/personality", env: { PORT: "2376" } }',))
class Task:
    """A program with its arguments. It has no object of its own: the commit that joins it carries it out."""

    path: Path = param("The program, in the executor.", change="restart")
    args: list[str] = param("Its arguments; never a secret.", default=[], change="restart")
    env: dict[str, SecretOrText] = param("Its environment; may be secret.", default={}, change="restart")
    parent: str | None = param("A task to inherit from.", default=None, kinds=("task",), change="restart")


@verb("task", "join")
class JoinTask:
    """Put the task on the handle."""


@case("never")
class Never:
    """It runs once."""


@case("always")
class Always:
    """It is started again however it ended."""

    stable: Duration = param("A start that lives this long counts as a good one.", default=10_000_000_000)
    attempts: int | None = param("Bad starts in a row before it counts as failed.", default=None)


@case("on_failure")
class OnFailure:
    """It is started again when it failed."""

    stable: Duration = param("A start that lives this long counts as a good one.", default=10_000_000_000)
    attempts: int | None = param("Bad starts in a row before it counts as failed.", default=None)


Restart: TypeAlias = Never | Always | OnFailure


@case("http")
class Http:
    """An HTTP GET that answers with 2xx."""

    port: int = param("Port.")
    path: str = param("Path.", default="/")
    role: str | None = param("The network to ask on; the client network otherwise.", default=None)


@case("tcp")
class Tcp:
    """A port that accepts connections."""

    port: int = param("Port.")
    role: str | None = param("The network to ask on; the client network otherwise.", default=None)


@case("file")
class FileProbe:
    """A file that exists in the executor."""

    path: Path = param("The file.")


Probe: TypeAlias = Http | Tcp | FileProbe


@record
class Stop:
    """How it is asked to end."""

    signal: str = param("The signal, as TERM.", default="TERM")
    grace: Duration = param("How long it has before it is killed.", default=10_000_000_000)


@record
class TaskLimits:
    """What one task may take."""

    memory: Bytes | None = param("Memory.", default=None)


@verb("task", "bind")
class BindTask:
    """Run the task when the executor starts."""

    log: StorePath | None = param(
        "The storage that its output goes to.", default=None, kinds=("storage",), change="restart"
    )
    restart: Restart = param(
        "What to do when it ends: `.never`, `.always`, `.on_failure(…)`.", default=Never(), change="restart"
    )
    required: bool = param(
        "The executor is ready only when it is, and its failure is the executor's.", default=False, change="restart"
    )
    ready: Probe | None = param("How to tell that it works.", default=None, change="restart")
    workdir: Path = param("Its working directory.", default="/", change="restart")
    credentials: Credentials | None = param(
        "What it logs in with; handed over by a descriptor.", default=None, change="restart"
    )
    user: str | None = param("Who it runs as.", default=None, change="restart")
    group: str | None = param("The group that it runs as.", default=None, change="restart")
    limits: TaskLimits | None = param("What it may take.", default=None, change="restart")
    deadline: Duration | None = param("How long it may run.", default=None, change="restart")
    stop: Stop | None = param("How it is asked to end.", default=None, change="restart")
    tls: Credentials | None = param(
        "Certificate and key; handed over as the credentials are.", default=None, change="restart"
    )


kind("task", facts=(Fact("state", v.STRING, "What it is doing."),), recorded=True)
