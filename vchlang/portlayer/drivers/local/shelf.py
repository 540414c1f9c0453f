"""Records of what has no directory of its own: pools and networks, a file each.

The file is the object: it is published whole under a name that must be free, replaced whole, and removed in one act,
so there is nothing that a killed run could leave half done. Every write holds the lock of the world.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import msgspec

from vchlang.portlayer.driver import DriverError, Step
from vchlang.portlayer.drivers.local import records
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.records import Record, plain, refuse_foreign, taken, written
from vchlang.system import Files, names_in, temporary_of


class Shelf:
    """The records of one kind, by their identity in its normal form."""

    def __init__(self, paths: Paths, files: Files, name: str) -> None:
        self._paths = paths
        self._files = files
        self._name = name
        self._directory = os.path.join(paths.world, name)

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock of the world."""
        return world_held(self._paths, self._files)

    def read(self, identity: str) -> Record | None:
        return records.read(self._paths.record(self._name, identity), Record)

    def all(self) -> list[Record]:
        """Every record that can be read."""
        out: list[Record] = []
        with contextlib.suppress(FileNotFoundError):
            for name in names_in(self._directory):
                with contextlib.suppress(DriverError):
                    record = records.read(os.path.join(self._directory, name), Record)
                    if record is not None:
                        out.append(record)
        return out

    def create(self, identity: str, step: Step) -> Record:
        """Publish a record; the one that is there when it is that of the same object."""
        return self._publish(identity, step, "created")

    def adopt(self, identity: str, step: Step, *, there: bool) -> Record:
        """Write our record beside what is there, or onto what its owner gave up."""
        found = self.read(identity)
        if found is None:
            if not there:
                raise DriverError("not-found", f"`{identity}` is not there")
            return self._publish(identity, step, "adopted")
        if found.owner is None:
            return self._replace(
                identity, found, owner=step.tag, origin="adopted", args={**found.args, **plain(step.args)}
            )
        if found.owner.key != step.tag.key:
            raise taken(identity, found.owner, step.tag)
        return found

    def update(self, identity: str, step: Step) -> Record:
        record = records.own(self.read(identity), step)
        args = plain(step.args)
        return record if args == record.args else self._replace(identity, record, args=args)

    def remove(self, identity: str, step: Step) -> None:
        """Remove our record; nothing happens when there is none."""
        record = self.read(identity)
        if record is not None:
            refuse_foreign(record.owner, step)
            self._unlink(identity)

    def release(self, identity: str, step: Step, *, there: bool) -> None:
        """Give up: what is there without us loses our record, anything else only its owner."""
        record = self.read(identity)
        if record is None or record.owner is None:
            return
        refuse_foreign(record.owner, step)
        if there:
            self._unlink(identity)
        else:
            self._replace(identity, record, owner=None)

    def _publish(self, identity: str, step: Step, origin: str) -> Record:
        record = Record(identity=identity, owner=step.tag, origin=origin, args=plain(step.args))
        self._files.ensure_directory(self._directory)
        try:
            self._files.write_new(self._paths.record(self._name, identity), written(record))
            return record
        except FileExistsError:
            found = self.read(identity)
            if found is not None and found.owner is not None and found.owner.key == step.tag.key:
                return found
            raise taken(identity, found.owner if found is not None else None, step.tag) from None

    def _unlink(self, identity: str) -> None:
        path = self._paths.record(self._name, identity)
        # What a dropped change of it left goes first: nobody would come by for it later.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary_of(path))
        self._files.unlink(path)

    def _replace(self, identity: str, record: Record, **fields: object) -> Record:
        changed: Record = msgspec.structs.replace(record, version=record.version + 1, **fields)
        self._files.replace(self._paths.record(self._name, identity), written(changed))
        return changed


@contextlib.contextmanager
def world_held(paths: Paths, files: Files) -> Iterator[None]:
    """Hold the lock of the world, making its directory where there is none."""
    while True:
        files.ensure_directory(paths.world)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.locked_directory(paths.world))
            except FileNotFoundError:  # whoever had it before us left the world empty and took it away
                continue
            yield
            return


def tidy(paths: Paths, files: Files) -> None:
    """Take away the world's own directories that have nothing in them any more, and in the end the world."""
    directories = paths.skeleton()
    if not any(_is_empty(one) for one in directories):
        return
    with world_held(paths, files):
        for directory in directories:
            if _is_empty(directory):
                with contextlib.suppress(OSError):
                    files.rmdir(directory)


def _is_empty(directory: str) -> bool:
    try:
        return not os.listdir(directory)
    except OSError:
        return False
