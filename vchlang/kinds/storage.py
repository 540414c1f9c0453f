"""Locations, and the storage in them."""

from typing import Annotated, Literal, TypeAlias

from vchlang import values as v
from vchlang.kinds.schema import Bytes, Data, Fact, In, Like, Name, Path, StorePath, Texts, kind, param, verb

Access: TypeAlias = Literal["create", "read_only", "read_write"]
Mode: TypeAlias = Literal["read_write", "read_only", "write_only"]


@verb(
    "location",
    "create",
    "adopt",
    "ensure",
    "existing",
    examples=('ensure location images at "ds://datastore2/images" { shared: true, access: .create }',),
)
class Location:
    """A directory where storage is kept, claimed by a policy file that says who owns it."""

    at: StorePath = param("`ds://datastore/dir`, `nfs://host/dir` or `file:///dir`.", clause="at", change="replace")
    shared: bool = param("Whether other deployments may use it too.", default=False)
    access: Access = param(
        "`.create`: make and read storage; `.read_write`: change it too; `.read_only`: neither.", default="create"
    )


kind("location", facts=(Fact("url", v.STORE_PATH, "Where it is."), Fact("free", v.BYTES, "Free space.")))


@verb(
    "storage",
    "create",
    "adopt",
    "existing",
    examples=("create storage logs in infra { packaging: .vmdk, free: 4GiB }",),
)
class Storage:
    """A piece of storage. Executors do not see it until it is joined."""

    inside: StorePath = param("The location that it is kept in.", clause="in", kinds=("location",), change="replace")
    name: Name | None = param("What it is called there.", default=None, change="replace")
    data: Data | None = param("What is in it at first.", default=None, change="replace")
    checksum: str | None = param(
        "SHA-256 that the data must have: sha256 and 64 hexadecimal digits, with a colon between.",
        default=None,
        change="replace",
    )
    free: Annotated[Bytes, In(least=0, why="free space is not negative")] | None = param(
        "Space for data beside what is in it at first.", default=None
    )
    packaging: Literal["raw", "vmdk"] = param("Plain files, or a disk.", default="raw", change="replace")
    parent: StorePath | None = param(
        "A storage whose content it begins with.", default=None, kinds=("storage",), change="replace"
    )
    provides: Texts = param("What it gives those that it is joined with.", default={}, change="restart")
    requires: Texts = param("What those that it is joined with must give.", default={}, change="restart")
    ro_metadata: Texts = param("Metadata that is fixed at creation.", default={}, change="never")
    rw_metadata: Texts = param("Metadata that may change.", default={})


@verb("storage", "join", roles=("loader", "persistent", "non_persistent"))
class JoinStorage:
    """Put the storage's capability on the handle."""

    adapter: Annotated[str, Like(pattern=r"\S+", why="an adapter is one word")] | None = param(
        "The adapter that it hangs on; the driver's choice otherwise.", default=None, change="restart"
    )


@verb("storage", "bind")
class BindStorage:
    """Present the storage in the executor."""

    at: Path | None = param("Where it is mounted; a loader is not.", default=None, clause="at", change="restart")
    mode: Mode = param("What may be done with it.", default="read_write", change="restart")
    noexec: bool = param("A promise: nothing in it is executed.", default=False, change="restart")
    squash: bool = param("A promise: whoever writes, its files belong to one user.", default=False, change="restart")


kind(
    "storage",
    facts=(
        Fact("url", v.STORE_PATH, "Where it is."),
        Fact("size", v.BYTES, "How much it takes."),
        Fact("sha256", v.STRING, "Checksum of the data that it was made with."),
    ),
)
