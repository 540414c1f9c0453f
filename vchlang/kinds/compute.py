"""Where an executor's compute comes from, and executors themselves."""

from typing import Annotated, Literal, TypeAlias

from vchlang import values as v
from vchlang.kinds.schema import (
    Bytes,
    Fact,
    Frequency,
    In,
    InventoryPath,
    Name,
    StorePath,
    Texts,
    kind,
    param,
    record,
    verb,
)

_SOME = In(least=1, why="of nothing there is nothing to run in")
Cpus: TypeAlias = Annotated[int, In(least=1, most=768, why="an executor has 1 to 768 processors")]
Memory: TypeAlias = Annotated[Bytes, In(least=2**20, why="an executor has 1MiB of memory or more")]


@record
class Resources:
    """An amount of compute."""

    cpu: Annotated[Frequency, _SOME] | None = param("Processor.", default=None)
    memory: Annotated[Bytes, _SOME] | None = param("Memory.", default=None)


@verb(
    "pool",
    "create",
    "adopt",
    "ensure",
    "existing",
    examples=('ensure pool vch in "/clusterA/poolB" { limits: { cpu: 8GHz, memory: 8GiB } }',),
)
class Pool:
    """Compute that executors take from, with limits and shares."""

    inside: InventoryPath | None = param(
        "The pool or cluster that it is made in.", default=None, clause="in", kinds=("pool",), change="replace"
    )
    at: InventoryPath | None = param(
        "That pool itself; not with `create`.", default=None, clause="at", change="replace"
    )
    name: Name | None = param("What it is called there.", default=None, change="replace")
    type: Literal["pool", "vapp"] = param(
        "A vApp can have properties; it cannot be changed back.", default="pool", change="replace"
    )
    limits: Resources | None = param("What all in it may take together.", default=None)
    reservation: Resources | None = param("What is kept for it.", default=None)
    shares: Annotated[int, In(least=1, why="shares begin at 1")] | None = param(
        "Its weight when compute is short.", default=None
    )
    properties: Texts | None = param("Values for the customer's own use; a vApp has them.", default=None)


kind("pool", facts=(Fact("path", v.INVENTORY_PATH, "Where it is in the inventory."),))


@verb("executor", "create", "adopt", "existing", examples=("create executor endpoint in vch at infra",))
class Executor:
    """What runs tasks: a virtual machine, or a process tree on this machine."""

    inside: InventoryPath = param(
        "The pool that its compute comes from.", clause="in", kinds=("pool",), change="replace"
    )
    at: StorePath | None = param(
        "The location of its own files; else that of its loader.",
        default=None,
        clause="at",
        kinds=("location",),
        change="replace",
    )
    name: Name | None = param("What it is called there.", default=None, change="replace")
    on_failure: Literal["hold", "restart", "stop"] = param(
        "What to do when a required task keeps failing.", default="hold", change="restart"
    )
    isolation: Literal["tether", "kernel"] | None = param(
        "The weakest level that its promises may be kept on; without it, the strongest that the driver has.",
        default=None,
        change="restart",
    )
    parent: StorePath | None = param(
        "A template that it begins as a copy of, running.", default=None, kinds=("template",), change="replace"
    )


Isolation: TypeAlias = Literal["tether", "kernel"]


@verb("executor", "bind")
class BindExecutor:
    """Compute of the executor; opening the handle joins it."""

    cpus: Cpus | None = param("Number of processors.", default=None, change="restart")
    memory: Memory | None = param("Memory.", default=None, change="restart")


kind(
    "executor",
    facts=(
        Fact("address", v.ADDRESS, "Its address on the network of a role: `endpoint.address(.client)`.", roles=True),
        Fact("state", v.STRING, "What it is doing."),
    ),
)


@verb("template", "create", "adopt", "existing", examples=("create template warm in vch at infra",))
class Template:
    """An executor that never serves: composed by a handle, started, then frozen as the parent of others."""

    inside: InventoryPath = param(
        "The pool that its compute comes from.", clause="in", kinds=("pool",), change="replace"
    )
    at: StorePath | None = param(
        "The location of its own files; else that of its loader.",
        default=None,
        clause="at",
        kinds=("location",),
        change="replace",
    )
    name: Name | None = param("What it is called there.", default=None, change="replace")
    on_failure: Literal["hold", "restart", "stop"] = param(
        "What to do when a required task keeps failing before it is frozen.", default="hold", change="restart"
    )
    isolation: Literal["tether", "kernel"] | None = param(
        "The weakest level that its promises may be kept on; without it, the strongest that the driver has.",
        default=None,
        change="restart",
    )


@verb("template", "bind")
class BindTemplate:
    """Compute of the template; opening the handle joins it."""

    cpus: Cpus | None = param("Number of processors.", default=None, change="restart")
    memory: Memory | None = param("Memory.", default=None, change="restart")


kind("template", facts=(Fact("state", v.STRING, "What it is doing: `stopped`, `running`, `frozen`."),))
