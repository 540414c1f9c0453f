"""What lives in a location: storages and executors, each a directory with its record in it.

Such a directory is put together inside the location's `.vch` and published by a rename, while the location's lock is
held and its policy names us. It goes by a rename back in there; then its content is removed, and its record last.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from vchlang.kinds.world import Absent, Observation, OwnerTag, Present, Query
from vchlang.portlayer.driver import DriverError, Step
from vchlang.portlayer.drivers.local import records
from vchlang.portlayer.drivers.local.locations import discard, held, policy_in, staging
from vchlang.portlayer.drivers.local.paths import CLAIM, GONE, Paths, Place
from vchlang.portlayer.drivers.local.records import (
    ExecutorRecord,
    Policy,
    StorageRecord,
    refuse_foreign,
    taken,
    whose,
    written,
)
from vchlang.system import Files

STORAGE = "storage.json"
EXECUTOR = "executor.json"
DATA = "data"
"""The directory in a storage that holds what executors see."""

R = TypeVar("R", StorageRecord, ExecutorRecord)


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where a storage or an executor lives."""

    place: Place
    name: str

    @property
    def directory(self) -> str:
        return os.path.join(self.place.directory, self.name)

    @property
    def identity(self) -> str:
        return f"{self.place.url}/{self.name}"


class Tenants(Generic[R]):
    """Those of one kind. `file` is the name of their records."""

    def __init__(self, paths: Paths, files: Files, file: str, type_: type[R]) -> None:
        self._paths = paths
        self._files = files
        self._file = file
        self._type: type[R] = type_

    def home(self, identity: str) -> Home:
        place, name = self._paths.inside(identity)
        return Home(place=place, name=name)

    # ---- looking -------------------------------------------------------------------------------------------------

    def observe(self, query: Query, known: Callable[[Home, R], Present]) -> Observation:
        """`known` says what there is to say of a record that was found."""
        try:
            home = self.home(query.identity)
        except DriverError as error:
            # As with locations: what a script cannot have is said once, at the location.
            if query.args is not None and error.reason in ("not-found", "unsupported"):
                return Absent(detail=error.detail)
            raise
        if query.key is not None:
            self.finish_removals(home, query.key)
        if not home.place.exists() or not os.path.lexists(home.directory):
            return Absent()
        record = self.read(home)
        if record is not None:
            return known(home, record)
        owner = self._occupant(home)
        return Present(owner=owner, detail="" if owner is not None else "it is a directory without a record")

    def read(self, home: Home) -> R | None:
        """The record of what lives there; None when nothing of this kind does."""
        if os.path.islink(home.directory):
            raise DriverError("unsupported", f"{home.directory} is a symbolic link, and none is followed")
        return records.read(os.path.join(home.directory, self._file), self._type)

    def found(self, home: Home) -> R:
        record = self.read(home) if home.place.exists() else None
        if record is None:
            raise DriverError("not-found", f"`{home.identity}` is not there")
        return record

    def own(self, home: Home, step: Step) -> R:
        """The record, when it is that of the step's object."""
        return records.own(self.read(home) if home.place.exists() else None, step)

    def _occupant(self, home: Home) -> OwnerTag | None:
        """Who has the name, as something of the other kind."""
        storage = records.read(os.path.join(home.directory, STORAGE), StorageRecord)
        executor = records.read(os.path.join(home.directory, EXECUTOR), ExecutorRecord)
        other = storage if storage is not None else executor
        return other.owner if other is not None else None

    # ---- making --------------------------------------------------------------------------------------------------

    def already(self, home: Home, tag: OwnerTag) -> R | None:
        """The record when the object was made before; DriverError when the name is taken by another."""
        if not os.path.lexists(home.directory):
            return None
        record = self.read(home)
        if record is None or record.owner is None or record.owner.key != tag.key:
            raise taken(home.identity, record.owner if record is not None else self._occupant(home), tag)
        return record

    def admit(self, home: Home, tag: OwnerTag) -> Policy:
        """The policy of the location, when it lets this deployment make and change things there."""
        place = home.place
        policy = policy_in(place.directory) if place.exists() else None
        if policy is None:
            raise DriverError("not-found", f"the location {place.url} is not there")
        if not policy.names(tag):
            raise DriverError("foreign-owner", f"the location {place.url} belongs to {whose(policy.owner)}")
        if policy.access == "read_only":
            raise DriverError("foreign-owner", f"the location {place.url} is read-only, as {whose(policy.owner)} says")
        return policy

    def publish(self, home: Home, tag: OwnerTag, fill: Callable[[str], R]) -> R:
        """Make the object: `fill` puts its content into a directory and gives its record. The one that is there when
        an earlier call of ours made it."""
        self.finish_removals(home, tag.key)
        with staging(self._files, os.path.join(home.place.directory, CLAIM), tag.key) as stage:
            record = fill(stage)
            self._files.write_new(os.path.join(stage, self._file), written(record))
            with held(self._files, home.place):
                self.admit(home, tag)
                try:
                    self._files.rename_new(stage, home.directory)
                    return record
                except FileExistsError:
                    found = self.already(home, tag)
                    if found is None:
                        raise
                    return found

    # ---- changing ------------------------------------------------------------------------------------------------

    def held(self, home: Home) -> contextlib.AbstractContextManager[None]:
        """Hold the lock of the object. FileNotFoundError when it is not there."""
        return self._files.locked_directory(home.directory)

    def replace(self, home: Home, record: R) -> R:
        """Write a record in the place of the one that is there, as it is. The lock of the object is held."""
        self._files.replace(os.path.join(home.directory, self._file), written(record))
        return record

    def adopt(self, home: Home, step: Step) -> R:
        """Become the owner of what its owner gave up."""
        record = self.read(home) if home.place.exists() else None
        if record is None:
            if home.place.exists() and os.path.lexists(home.directory):
                raise DriverError(
                    "unsupported", f"`{home.identity}` has no record: only what vch made here can be adopted"
                )
            raise DriverError("not-found", f"`{home.identity}` is not there")
        with self.held(home):
            record = self.found(home)
            if record.owner is None:
                changed = msgspec.structs.replace(record, owner=step.tag, origin="adopted", version=record.version + 1)
                return self.replace(home, changed)
            if record.owner.key != step.tag.key:
                raise taken(home.identity, record.owner, step.tag)
            return record

    def release(self, home: Home, step: Step) -> None:
        """Give it up: all of it stays, and nobody owns it."""
        record = self.read(home) if home.place.exists() else None
        if record is None or record.owner is None:
            return
        refuse_foreign(record.owner, step)
        with self.held(home):
            record = self.own(home, step)
            self.replace(home, msgspec.structs.replace(record, owner=None, version=record.version + 1))

    # ---- removing ------------------------------------------------------------------------------------------------

    def remove(self, home: Home, step: Step, before: Callable[[R], None]) -> None:
        """Take it away, with all that is in it; nothing happens when it is gone. `before` may refuse, or clear up what
        lies elsewhere; it runs under the lock."""
        self.finish_removals(home, step.tag.key)
        record = self.read(home) if home.place.exists() else None
        if record is None:
            return
        refuse_foreign(record.owner, step)
        gone = os.path.join(self._workshop(home.place, step.tag), f"{GONE}{step.tag.key}")
        try:
            with self.held(home):
                record = self.read(home)
                if record is None:
                    return
                refuse_foreign(record.owner, step)
                before(record)
                self._files.rename_new(home.directory, gone)
        except FileNotFoundError:
            return
        self._remove_gone(gone)

    def finish_removals(self, home: Home, key: str) -> None:
        """What was taken away is gone for everybody; a run that was killed while it removed it left the remains."""
        for directory in (home.place.directory, os.path.join(home.place.directory, CLAIM)):
            gone = os.path.join(directory, f"{GONE}{key}")
            if os.path.lexists(gone):
                with contextlib.suppress(OSError):
                    self._remove_gone(gone)

    def _remove_gone(self, gone: str) -> None:
        for name in os.listdir(gone):
            if name != self._file:
                discard(self._files, os.path.join(gone, name))
        discard(self._files, gone)

    @staticmethod
    def _workshop(place: Place, tag: OwnerTag) -> str:
        """Where in a location something of ours is on its way: in its claim, unless that is a stranger's by now."""
        try:
            policy = policy_in(place.directory)
        except DriverError:
            policy = None
        ours = policy is not None and policy.names(tag)
        return os.path.join(place.directory, CLAIM) if ours else place.directory
