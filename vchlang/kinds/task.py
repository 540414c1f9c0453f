"""Tasks: what runs in an executor, and when that counts as working."""

from typing import Annotated, TypeAlias

from vchlang import values as v
from vchlang.kinds.schema import (
    Bytes,
    Credentials,
    Duration,
    Fact,
    In,
    Like,
    Path,
    Port,
    SecretOrText,
    StorePath,
    case,
    kind,
    param,
    record,
    verb,
)

Program: TypeAlias = Annotated[Path, Like(pattern=r".*[^/]", why="a program is a file, and this is a directory")]
Environment: TypeAlias = Annotated[
    dict[str, SecretOrText], Like(pattern=r"[^=\0]+", why="a variable has a name without `=`")
]
Attempts: TypeAlias = Annotated[int, In(least=1, why="a program is started once or more")]
Stable: TypeAlias = Annotated[Duration, In(least=0, why="a time is not negative")]
Account: TypeAlias = Annotated[
    str, Like(pattern=r"[^\s:/]{1,32}", why="an account has 1 to 32 characters, and no space, slash or colon")
]
SIGNALS = (
    "ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "KILL", "PIPE", "PROF", "PWR", "QUIT",
    "SEGV", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
    "XFSZ",
)  # fmt: skip
Signal: TypeAlias = Annotated[
    str, Like(pattern=f"(SIG)?({'|'.join(SIGNALS)})", why="a signal is a word as TERM or HUP")
]


@verb("task", "create", examples=('create task personality { path: "/sbin/personality", env: { PORT: "2376" } }',))
class Task:
    """A program with its arguments. It has no object of its own: the commit that joins it carries it out."""

    path: Program = param("The program, in the executor.", change="restart")
    args: list[str] = param("Its arguments; never a secret.", default=[], change="restart")
    env: Environment = param("Its environment; may be secret.", default={}, change="restart")
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

    stable: Stable = param("A start that lives this long counts as a good one.", default=10_000_000_000)
    attempts: Attempts | None = param("Bad starts in a row before it counts as failed.", default=None)


@case("on_failure")
class OnFailure:
    """It is started again when it failed."""

    stable: Stable = param("A start that lives this long counts as a good one.", default=10_000_000_000)
    attempts: Attempts | None = param("Bad starts in a row before it counts as failed.", default=None)


Restart: TypeAlias = Never | Always | OnFailure


@case("http")
class Http:
    """An HTTP GET that answers with 2xx."""

    port: Port = param("Port.")
    path: Annotated[str, Like(pattern=r"/.*", why="it begins with `/`")] = param("Path.", default="/")
    role: str | None = param("The network to ask on; the client network otherwise.", default=None)


@case("tcp")
class Tcp:
    """A port that accepts connections."""

    port: Port = param("Port.")
    role: str | None = param("The network to ask on; the client network otherwise.", default=None)


@case("file")
class FileProbe:
    """A file that exists in the executor."""

    path: Path = param("The file.")


Probe: TypeAlias = Http | Tcp | FileProbe


@record
class Stop:
    """How it is asked to end."""

    signal: Signal = param("The signal, as TERM.", default="TERM")
    grace: Stable = param("How long it has before it is killed.", default=10_000_000_000)


@record
class TaskLimits:
    """What one task may take."""

    memory: Annotated[Bytes, In(least=1, why="without memory nothing runs")] | None = param("Memory.", default=None)


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
    user: Account | None = param("Who it runs as.", default=None, change="restart")
    group: Account | None = param("The group that it runs as.", default=None, change="restart")
    limits: TaskLimits | None = param("What it may take.", default=None, change="restart")
    deadline: Annotated[Duration, In(least=1, why="it would be over at once")] | None = param(
        "How long it may run.", default=None, change="restart"
    )
    stop: Stop | None = param("How it is asked to end.", default=None, change="restart")
    tls: Credentials | None = param(
        "Certificate and key; handed over as the credentials are.", default=None, change="restart"
    )


kind("task", facts=(Fact("state", v.STRING, "What it is doing."),), recorded=True)
