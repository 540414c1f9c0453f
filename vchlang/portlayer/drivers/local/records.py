"""Ownership records: one JSON file beside each object, written in the act that makes it and changed as a whole.

A record says whose the object is, how it came to be ours, what was asked for, and a version that grows with every
change. One that cannot be read is never taken for missing: somebody's claim may be in it.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import msgspec

from vchlang.kinds.world import OwnerTag
from vchlang.portlayer.driver import DriverError, Step

FORMAT = 1
_LONGEST = 16 * 2**20


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every record says. owner: None for what was given up. origin: created or adopted. args: in a plan's form."""

    format: int = FORMAT
    identity: str
    owner: OwnerTag | None
    origin: str = "created"
    version: int = 1
    args: dict[str, Any] = {}


class StorageRecord(Record, frozen=True, kw_only=True):
    """content: bytes in the files that it was made with. sha256: of the packed form of those; empty for none."""

    content: int = 0
    sha256: str = ""


class ExecutorRecord(Record, frozen=True, kw_only=True):
    """composition: what was committed last. leases: the addresses, by NIC; addresses: the same by role.

    hosts: directories of storages in which something of this executor lies: links of mounts, scratch copies.
    """

    composition: dict[str, Any] | None = None
    leases: dict[str, str] = {}
    addresses: dict[str, str] = {}
    hosts: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy file of a location, `.vch/policy.json`.

    sharers: who uses a shared one, owner included. created: the directory was made for it. made: the directories that
    were, as paths below the datastore, the location's own last; each goes when it is empty.
    """

    format: int = FORMAT
    owner: OwnerTag
    shared: bool = False
    access: str = "create"
    sharers: tuple[OwnerTag, ...] = ()
    created: bool = False
    made: tuple[str, ...] = ()
    version: int = 1

    def names(self, tag: OwnerTag) -> bool:
        """Whether the deployment of a tag is the owner or among the sharers."""
        return any(one.lineage == tag.lineage for one in (self.owner, *self.sharers))

    def used_by(self, key: str) -> bool:
        """Whether an object with this key is the owner or among the sharers."""
        return any(one.key == key for one in (self.owner, *self.sharers))


R = TypeVar("R", bound="Record | Policy")
S = TypeVar("S", bound=msgspec.Struct)


class _Format(msgspec.Struct):
    format: int


def read(path: str, type_: type[S]) -> S | None:
    """The record in a file, None when there is no such file; DriverError `corrupt-record` when it cannot be read."""
    text = _text(path)
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=_Format).format
        if found != FORMAT:
            raise DriverError("corrupt-record", f"{path} has format {found}, and this version knows {FORMAT} only")
        return msgspec.json.decode(text, type=type_)
    except msgspec.MsgspecError as error:
        raise DriverError("corrupt-record", f"{path} cannot be read: {error}") from None


def _text(path: str) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise DriverError("unknown-world", f"{path} may not be read") from None
    except OSError as error:
        raise DriverError("corrupt-record", f"{path} cannot be read: {error.strerror}") from None
    try:
        with open(handle, "rb", closefd=False) as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise DriverError("corrupt-record", f"{path} cannot be read: {error.strerror}") from None
    finally:
        os.close(handle)
    if len(text) > _LONGEST:
        raise DriverError("corrupt-record", f"{path} is too large for a record")
    return text


def written(record: msgspec.Struct | dict[str, Any]) -> bytes:
    """A record as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def plain(args: Any) -> Any:
    """A described class, or part of one, in a plan's form, without what is null."""
    return _without_null(msgspec.to_builtins(args, str_keys=True))


def _without_null(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_null(one) for key, one in value.items() if one is not None}
        case list() | tuple():
            return [_without_null(one) for one in value]
        case _:
            return value


# ---- whose it is ---------------------------------------------------------------------------------------------------


def whose(owner: OwnerTag) -> str:
    """An owner as a message names it."""
    return f"`{owner.address}` of the deployment `{owner.deployment}`"


def taken(name: str, owner: OwnerTag | None, tag: OwnerTag) -> DriverError:
    """The refusal to make what is there already."""
    if owner is None:
        return DriverError("already-exists", f"`{name}` exists already, and nobody's record is on it")
    if owner.lineage != tag.lineage:
        return DriverError("foreign-owner", f"`{name}` belongs to {whose(owner)}")
    return DriverError("already-exists", f"`{name}` exists already: it is {whose(owner)}")


def own(record: R | None, step: Step) -> R:
    """The record, when it is that of the step's object at the version it expects; DriverError otherwise."""
    if record is None:
        raise DriverError("not-found", f"`{step.identity}` is not there")
    refuse_foreign(record.owner, step)
    if step.expect and step.expect != str(record.version):
        raise DriverError(
            "stale-handle" if step.kind == "handle" else "stale-plan",
            f"`{step.identity}` changed: it was {step.expect}, it is {record.version}",
        )
    return record


def refuse_foreign(owner: OwnerTag | None, step: Step) -> None:
    """DriverError unless the owner is the step's object itself."""
    if owner is None:
        raise DriverError("foreign-owner", f"`{step.identity}` carries no record that it is ours")
    if owner.key != step.tag.key:
        raise DriverError("foreign-owner", f"`{step.identity}` belongs to {whose(owner)}")
