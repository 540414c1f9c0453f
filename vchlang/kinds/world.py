"""What drivers and planner both speak of: whether a thing is there, whose it is, and what a platform can keep.

Observation has three values. *Unknown* is never taken for absent: a plan that meets one neither creates nor deletes.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import msgspec

from vchlang.kinds.compute import BindExecutor
from vchlang.kinds.network import BindNetwork, JoinNetwork
from vchlang.kinds.storage import BindStorage, JoinStorage
from vchlang.kinds.task import BindTask, Task

_NAMESPACE = "vch"


def object_key(lineage: str, address: str, generation: int) -> str:
    """The key of one object: known before any call, the same whenever it is asked for, and no secret.

    A UUID in form, so that platforms with a field for one take it. Attempts do not enter: a repeated call must ask
    for the same object.
    """
    digest = hashlib.sha256(f"{_NAMESPACE}/{lineage}/{address}/{generation}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


class OwnerTag(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an object is, as written on the object itself. Its form is part of the format on the platform."""

    deployment: str
    lineage: str
    address: str
    generation: int
    key: str
    format: int = 1


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a driver about one object. `id` is the asker's; `args` are the described class, where known."""

    id: str
    kind: str
    identity: str
    key: str | None = None
    args: Any = None


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """It is there.

    owner: its ownership record, None when it has none. sharers: the deployments that use a shared one, owner included.
    fields: what the platform says of the fields of the description, in a plan's form; only what it can tell.
    facts: what scripts may read. version: changes with every change of the object. state: `running`, `stopped` or
    empty. claimable: without an owner, whether it may be taken (an empty directory).
    """

    owner: OwnerTag | None = None
    sharers: tuple[OwnerTag, ...] = ()
    shared: bool = False
    fields: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    version: str = ""
    state: str = ""
    claimable: bool = False
    detail: str = ""


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """It is certainly not there. `facts` are those that it will have, where the driver knows them already."""

    facts: dict[str, Any] = {}
    detail: str = ""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """The platform did not tell. `code` is the slug of the diagnostic, `corrupt-record` for instance."""

    reason: str
    code: str = "unknown-world"


Observation: TypeAlias = Present | Absent | Unknown


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what confirming the environment found. `level` is ok, warning or error; `code` for errors."""

    level: str
    message: str
    code: str = ""
    address: str = ""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver can keep. The planner refuses by name what is not in here.

    promises: promise (write_only, noexec, squash, read_only, memory, cpus, segment) to the level it is kept on.
    provides: requirement to the values that the driver can meet by itself (an adapter, a NIC type, `host.usr`).
    schemes: of store paths. packagings, loaders, levels of isolation likewise. kinds: that it has at all.
    declined: of a kind that it does not have, why not, in the user's words.
    """

    driver: str
    kinds: tuple[str, ...]
    schemes: tuple[str, ...]
    packagings: tuple[str, ...] = ("raw", "vmdk")
    isolation: tuple[str, ...] = ()
    promises: dict[str, str] = {}
    provides: dict[str, tuple[str, ...]] = {}
    declined: dict[str, str] = {}
    roots: bool = True


# ---- what a commit carries out --------------------------------------------------------------------------------------


class StorageMember(msgspec.Struct, frozen=True, kw_only=True, tag="storage", tag_field="kind"):
    """A storage on a handle; `url` is where it is."""

    address: str
    url: str
    role: str
    join: JoinStorage
    bind: BindStorage | None = None


class NetworkMember(msgspec.Struct, frozen=True, kw_only=True, tag="network", tag_field="kind"):
    """A network on a handle; `network` is what the platform calls it."""

    address: str
    network: str
    role: str
    join: JoinNetwork
    bind: BindNetwork | None = None


class TaskMember(msgspec.Struct, frozen=True, kw_only=True, tag="task", tag_field="kind"):
    """A task on a handle."""

    address: str
    task: Task
    bind: BindTask | None = None


Member: TypeAlias = StorageMember | NetworkMember | TaskMember


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """The whole composition of an executor, as a commit wants it: absolute, never "one more of"."""

    executor: str
    name: str
    on_failure: str = "hold"
    isolation: str | None = None
    compute: BindExecutor = BindExecutor()
    members: tuple[Member, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Turn an executor on, with the secrets that its composition names; turn it off; or freeze one that is on.

    A template is frozen when its required tasks are ready, so that what begins as a copy of it is. Freezing waits for
    that, and fails where it does not come.
    """

    executor: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Wait until an executor, or a task in it, has reached a state. `within` in nanoseconds."""

    executor: str
    task: str = ""
    state: str
    within: int
