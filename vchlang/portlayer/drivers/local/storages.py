"""Storage: a directory with its record and `data`, which is what executors see.

Raw storage is plain files. A disk is an unpacked tree, with links, modes and owners as they are in the archive. What
`free` asks for is looked for when the storage is made; nothing reserves it.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from vchlang import archives
from vchlang import values as v
from vchlang.kinds.storage import Storage
from vchlang.kinds.world import Observation, Present, Query
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local import mounts, trees
from vchlang.portlayer.drivers.local.failures import failure
from vchlang.portlayer.drivers.local.locations import free_bytes, shown
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.records import StorageRecord, plain
from vchlang.portlayer.drivers.local.tenants import DATA, STORAGE, Home, Tenants
from vchlang.system import Files

NOT_RESERVED = "free space: checked, not reserved"


class Storages:
    """The verbs of storage."""

    def __init__(self, paths: Paths, files: Files) -> None:
        self._files = files
        self._tenants: Tenants[StorageRecord] = Tenants(paths, files, STORAGE, StorageRecord)

    def observe(self, query: Query) -> Observation:
        return self._tenants.observe(query, self._present)

    def find(self, identity: str) -> tuple[Home, StorageRecord]:
        """A storage that is there, whoever owns it; DriverError `not-found`."""
        home = self._tenants.home(identity)
        return home, self._tenants.found(home)

    def _present(self, home: Home, record: StorageRecord) -> Present:
        return Present(owner=record.owner, fields=record.args, facts=_facts(home, record), version=str(record.version))

    # ---- making --------------------------------------------------------------------------------------------------

    @implements("storage", "create")
    def create(self, step: Step) -> Outcome:
        args: Storage = step.args
        home = self._tenants.home(step.identity)
        self._tenants.admit(home, step.tag)
        record = self._tenants.already(home, step.tag)
        if record is None:
            self._refuse_odd(args)
            parent = self.find(args.parent) if args.parent is not None else None
            self._require_space(home, (args.free or 0) + _size(args, parent[1] if parent is not None else None))
            record = self._tenants.publish(home, step.tag, lambda stage: self._fill(stage, home, parent, step))
        return self._outcome(home, record)

    @staticmethod
    def _refuse_odd(args: Storage) -> None:
        if args.data is not None and args.parent is not None:
            raise DriverError("unsupported", "the local portlayer makes a storage from data or from a parent, not both")
        if args.checksum is None:
            return
        wanted = args.checksum.removeprefix("sha256:").lower()
        found = args.data.sha256 if args.data is not None else "no data"
        if wanted != found:
            raise DriverError("wrong-checksum", f"the checksum is to be {wanted}, and it is {found}")

    def _require_space(self, home: Home, wanted: int) -> None:
        free = free_bytes(home.place.directory)
        if wanted > free:
            raise DriverError(
                "no-space",
                f"`{home.identity}` needs {shown(wanted)}, and {shown(free)} are free in {home.place.directory}",
            )

    def _fill(self, stage: str, home: Home, parent: tuple[Home, StorageRecord] | None, step: Step) -> StorageRecord:
        """Put the content into a directory that nobody sees yet."""
        args: Storage = step.args
        data = os.path.join(stage, DATA)
        record = StorageRecord(identity=home.identity, owner=step.tag, args=plain(args))
        try:
            if parent is not None:
                content = trees.copy(os.path.join(parent[0].directory, DATA), data)
                return msgspec.structs.replace(record, content=content, sha256=parent[1].sha256)
            if args.data is not None:
                unpacked = self._unpack(args.data, data, step)
                return msgspec.structs.replace(record, content=unpacked.content, sha256=unpacked.sha256)
            self._files.mkdir(data, 0o755)
            return record
        except archives.BadArchive as error:
            raise DriverError("bad-archive", f"the data of `{home.identity}`: {error}") from None
        except archives.WrongChecksum as error:
            raise DriverError(
                "wrong-checksum", f"the data of `{home.identity}` is not what was planned: {error}"
            ) from None
        except OSError as error:
            # It went wrong where nobody looks, so it is certain that nothing happened.
            raise failure(error, outcome="none") from None

    def _unpack(self, data: v.DataRef, target: str, step: Step) -> archives.Unpacked:
        def on_read(size: int) -> None:
            step.progress(min(size, data.size), data.size)
            if step.cancelled():
                raise DriverError("step-failed", "it was cancelled while it was written")

        args: Storage = step.args
        with step.data(data) as stream:
            return archives.unpack(
                stream,
                target,
                root=args.packaging == "vmdk",
                files=self._files,
                expect_sha256=data.sha256,
                expect_size=data.size,
                on_read=on_read,
            )

    # ---- the rest ------------------------------------------------------------------------------------------------

    @implements("storage", "adopt")
    def adopt(self, step: Step) -> Outcome:
        home = self._tenants.home(step.identity)
        return self._outcome(home, self._tenants.adopt(home, step))

    @implements("storage", "update")
    def update(self, step: Step) -> Outcome:
        args: Storage = step.args
        home = self._tenants.home(step.identity)
        record = self._tenants.own(home, step)
        self._tenants.admit(home, step.tag)
        with self._tenants.held(home):
            record = self._tenants.own(home, step)
            more = (args.free or 0) - record.args.get("free", 0)
            if more > 0:
                self._require_space(home, more)
            wanted = plain(args)
            if wanted != record.args:
                record = self._tenants.replace(
                    home, msgspec.structs.replace(record, args=wanted, version=record.version + 1)
                )
        return self._outcome(home, record)

    @implements("storage", "delete")
    def delete(self, step: Step) -> Outcome:
        home = self._tenants.home(step.identity)

        def before(record: StorageRecord) -> None:
            users = mounts.users(home.directory)
            if users:
                raise DriverError("step-failed", f"`{home.identity}` is bound in the executor `{users[0].executor}`")

        self._tenants.remove(home, step, before)
        return Outcome()

    @implements("storage", "release")
    def release(self, step: Step) -> Outcome:
        self._tenants.release(self._tenants.home(step.identity), step)
        return Outcome()

    @staticmethod
    def _outcome(home: Home, record: StorageRecord) -> Outcome:
        notes = (NOT_RESERVED,) if record.args.get("free") else ()
        return Outcome(facts=_facts(home, record), version=str(record.version), notes=notes)


def _facts(home: Home, record: StorageRecord) -> dict[str, Any]:
    facts = {"url": home.identity, "size": record.content + record.args.get("free", 0)}
    return {**facts, "sha256": record.sha256} if record.sha256 else facts


def _size(args: Storage, parent: StorageRecord | None) -> int:
    if parent is not None:
        return parent.content
    return args.data.size if args.data is not None else 0
