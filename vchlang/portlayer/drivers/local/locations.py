"""Locations: directories with a claim.

A location is claimed by making the directory `.vch` in it with the policy file inside. Both are put together under
another name and published by one rename that fails when the name is taken, together with those directories above that
did not exist yet; so of two who want a place exactly one gets it, and whoever is killed leaves no half of a claim.

It goes the same way back: under the lock of the location, by one rename to a name that nobody sees, and what is left
of that is removed by whoever looks next with the same key.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.kinds.storage import Location
from vchlang.kinds.world import Absent, Observation, OwnerTag, Present, Query
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local import records
from vchlang.portlayer.drivers.local.paths import CLAIM, GONE, NEW, Paths, Place
from vchlang.portlayer.drivers.local.records import Policy, refuse_foreign, taken, whose, written
from vchlang.system import Files, names_in

_TRIES = 20
_SHOWN = 5


def policy_file(directory: str) -> str:
    return os.path.join(directory, CLAIM, "policy.json")


def policy_in(directory: str) -> Policy | None:
    """The policy of a directory; None when it is no location. DriverError `corrupt-record`, also for half a claim."""
    found = records.read(policy_file(directory), Policy)
    if found is None and os.path.lexists(os.path.join(directory, CLAIM)):
        raise DriverError("corrupt-record", f"{os.path.join(directory, CLAIM)} is there without a policy file")
    return found


def held(files: Files, place: Place) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a location: whoever changes what lies in it does. FileNotFoundError when there is no claim."""
    return files.locked_directory(os.path.join(place.directory, CLAIM))


def content_of(directory: str) -> list[str]:
    """What lies in a location beside our own records."""
    return [name for name in names_in(directory) if name != CLAIM]


def sweep(files: Files, directory: str, key: str) -> None:
    """Remove what a killed run of ours left unpublished, or on its way out, in a directory."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(directory):
            if name.startswith((f"{NEW}{key}-", f"{GONE}{key}")):
                discard(files, os.path.join(directory, name))


def discard(files: Files, path: str) -> None:
    """Remove a tree that nobody sees any more; somebody else may be at it too."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            files.remove_tree(path)
        if not os.path.lexists(path):
            return


@contextlib.contextmanager
def staging(files: Files, parent: str, key: str) -> Iterator[str]:
    """A new directory in which an object of ours is put together, to be renamed; what is left of it is removed."""
    sweep(files, parent, key)
    path = os.path.join(parent, f"{NEW}{key}-{uuid.uuid4().hex}")
    files.mkdir(path)
    try:
        yield path
    finally:
        if os.path.lexists(path):
            with contextlib.suppress(OSError):
                files.remove_tree(path)


def refuse_nested(place: Place) -> None:
    """DriverError when a directory above is a location already."""
    for length in range(len(place.parts)):
        directory = place.above(length)
        if os.path.lexists(os.path.join(directory, CLAIM, "policy.json")):
            owner = policy_in(directory)
            assert owner is not None
            raise DriverError(
                "nested-location", f"{place.url} lies in {directory}, the location {whose(owner.owner)} owns"
            )


def _refuse_around(place: Place) -> None:
    """DriverError when a directory below is a location already."""
    for directory, names, _ in os.walk(place.directory):
        if directory != place.directory and CLAIM in names and os.path.lexists(policy_file(directory)):
            owner = policy_in(directory)
            assert owner is not None
            raise DriverError(
                "nested-location", f"{directory} in {place.url} is the location that {whose(owner.owner)} owns"
            )


class Locations:
    """The verbs of locations."""

    def __init__(self, paths: Paths, files: Files) -> None:
        self._paths = paths
        self._files = files

    # ---- looking -------------------------------------------------------------------------------------------------

    def observe(self, query: Query) -> Observation:
        try:
            place = self._paths.place(query.identity)
        except DriverError as error:
            # A script that asks for what cannot be is told so once, by `confirm`. What the state knows is another
            # matter: where its datastore has left the inventory nobody can tell whether it is there.
            if query.args is not None and error.reason in ("not-found", "unsupported"):
                return Absent(detail=error.detail)
            raise
        if query.key is not None:
            self._finish_removals(place, query.key)
        if not place.exists():
            return Absent(facts={"url": place.url})
        facts = {"url": place.url, "free": free_bytes(place.directory)}
        policy = policy_in(place.directory)
        if policy is None:
            left = content_of(place.directory)
            detail = f"it has {_many(left)} that nobody claims" if left else "it is empty"
            return Present(facts=facts, claimable=not left, detail=detail)
        return Present(
            owner=policy.owner,
            sharers=policy.sharers,
            shared=policy.shared,
            fields={"at": place.url, "shared": policy.shared, "access": policy.access},
            facts=facts,
            version=str(policy.version),
        )

    def _finish_removals(self, place: Place, key: str) -> None:
        """What was given up is gone for everybody; a run that was killed while it removed it left the remains."""
        for length in range(place.there() + 1):
            path = os.path.join(place.above(length), f"{GONE}{key}")
            if os.path.lexists(path):
                with contextlib.suppress(OSError):
                    self._remove_gone(place, path)

    # ---- making --------------------------------------------------------------------------------------------------

    @implements("location", "create")
    def create(self, step: Step) -> Outcome:
        return self._claim(step, adopt=False)

    @implements("location", "adopt")
    def adopt(self, step: Step) -> Outcome:
        place = self._paths.place(step.identity)
        if not place.exists():
            raise DriverError("not-found", f"{place.url} is not there")
        policy = policy_in(place.directory)
        if policy is None:
            return self._claim(step, adopt=True)
        with self._held(place):
            policy = policy_in(place.directory)
            if policy is None:
                raise DriverError("stale-plan", f"{place.url} changed just now", retryable=True)
            if policy.used_by(step.tag.key):
                return self._outcome(place, policy)
            if not policy.shared:
                raise taken(place.url, policy.owner, step.tag)
            policy = msgspec.structs.replace(policy, sharers=(*policy.sharers, step.tag), version=policy.version + 1)
            self._files.replace(policy_file(place.directory), written(policy))
            return self._outcome(place, policy, f"shared with {whose(policy.owner)}")

    def _claim(self, step: Step, *, adopt: bool) -> Outcome:
        args: Location = step.args
        place = self._paths.place(step.identity)
        self._finish_removals(place, step.tag.key)
        for _ in range(_TRIES):
            if not os.path.isdir(place.base):
                if not self._paths.in_world(place.base):
                    raise DriverError("not-found", f"{place.url}: {place.base}, its datastore, is not there")
                self._files.ensure_directory(place.base)
            there = place.there()
            policy = policy_in(place.directory) if there == len(place.parts) else None
            if policy is not None:
                if policy.used_by(step.tag.key):
                    return self._outcome(place, policy)
                raise taken(place.url, policy.owner, step.tag)
            if there == len(place.parts) and not adopt and (left := content_of(place.directory)):
                raise DriverError("not-empty", f"{place.url} has {_many(left)} that nobody claims")
            refuse_nested(place)
            if adopt:
                _refuse_around(place)
            policy = Policy(
                owner=step.tag,
                shared=args.shared,
                access=args.access,
                sharers=(step.tag,) if args.shared else (),
                created=there < len(place.parts),
                made=self._made(place, there),
            )
            try:
                self._publish(place, there, policy, step.tag.key)
            except (FileExistsError, FileNotFoundError):
                continue  # somebody was quicker with it, or with a directory above
            found = policy_in(place.directory)
            if found is None or not found.used_by(step.tag.key):
                raise DriverError("foreign-owner", f"{place.url} is not ours after it was claimed", outcome="unknown")
            return self._outcome(place, found)
        raise DriverError("step-failed", f"{place.url} keeps changing", retryable=True)

    def _publish(self, place: Place, there: int, policy: Policy, key: str) -> None:
        """Put the claim in its place, with the directories that lead to it, in one act."""
        parent = place.above(there)
        missing = place.parts[there:]
        with staging(self._files, parent, key) as stage:
            claim = stage
            if missing:
                inner = os.path.join(stage, *missing[1:])
                os.makedirs(inner, 0o700, exist_ok=True)
                claim = os.path.join(inner, CLAIM)
                os.mkdir(claim, 0o700)
            self._files.write_new(os.path.join(claim, "policy.json"), written(policy))
            self._files.sync_tree(stage)
            self._files.rename_new(stage, os.path.join(parent, missing[0] if missing else CLAIM))

    def _made(self, place: Place, there: int) -> tuple[str, ...]:
        """The directories that are made for this location, and those above that were made for its neighbours."""
        made = ["/".join(place.parts[: length + 1]) for length in range(there, len(place.parts))]
        if not made:
            return ()
        for length in range(there, 0, -1):
            path = "/".join(place.parts[:length])
            if not self._made_for_a_neighbour(place.above(length), path):
                break
            made.insert(0, path)
        return tuple(made)

    def _made_for_a_neighbour(self, directory: str, path: str) -> bool:
        for name in names_in(directory):
            try:
                policy = policy_in(os.path.join(directory, name))
            except DriverError:
                continue
            if policy is not None and path in policy.made:
                return True
        return False

    # ---- changing ------------------------------------------------------------------------------------------------

    @implements("location", "update")
    def update(self, step: Step) -> Outcome:
        args: Location = step.args
        place = self._paths.place(step.identity)
        policy = self._own(place, step)
        with self._held(place):
            policy = self._own(place, step)
            others = self._others(policy, step.tag)
            if others and not args.shared:
                raise DriverError("foreign-owner", f"{place.url} stays shared: {whose(others[0])} uses it")
            sharers = policy.sharers if policy.shared and args.shared else (step.tag,) if args.shared else ()
            wanted = msgspec.structs.replace(policy, shared=args.shared, access=args.access, sharers=sharers)
            if wanted != policy:
                policy = msgspec.structs.replace(wanted, version=policy.version + 1)
                self._files.replace(policy_file(place.directory), written(policy))
            return self._outcome(place, policy)

    # ---- giving up -----------------------------------------------------------------------------------------------

    @implements("location", "delete")
    def delete(self, step: Step) -> Outcome:
        return self._leave(step, delete=True)

    @implements("location", "release")
    def release(self, step: Step) -> Outcome:
        return self._leave(step, delete=False)

    def _leave(self, step: Step, *, delete: bool) -> Outcome:
        place = self._paths.place(step.identity)
        self._finish_removals(place, step.tag.key)
        if not place.exists() or (policy := policy_in(place.directory)) is None:
            return Outcome()
        if not policy.used_by(step.tag.key):
            refuse_foreign(policy.owner, step)
        try:
            with self._held(place):
                policy = policy_in(place.directory)
                if policy is None or not policy.used_by(step.tag.key):
                    return Outcome()
                if others := self._others(policy, step.tag):
                    return self._hand_over(place, policy, step.tag, others)
                left = content_of(place.directory)
                if delete and left:
                    raise DriverError("not-empty", f"{place.url} still has {_many(left)}")
                gone = self._hide(place, policy, step.tag.key, whole=delete and policy.created)
        except FileNotFoundError:
            return Outcome()
        self._remove_gone(place, gone)
        return Outcome()

    def _hand_over(self, place: Place, policy: Policy, tag: OwnerTag, others: list[OwnerTag]) -> Outcome:
        """Others use it: it stays, and the first of them owns it from now on if we did."""
        owner = policy.owner if policy.owner.key != tag.key else others[0]
        policy = msgspec.structs.replace(policy, owner=owner, sharers=tuple(others), version=policy.version + 1)
        self._files.replace(policy_file(place.directory), written(policy))
        return Outcome(notes=(f"{place.url} stays: {whose(owner)} uses it",))

    def _hide(self, place: Place, policy: Policy, key: str, *, whole: bool) -> str:
        """Take the location, or only the claim on it, out of everybody's sight, in one act; where it is now."""
        if not whole:
            gone = os.path.join(place.directory, f"{GONE}{key}")
            self._files.rename_new(os.path.join(place.directory, CLAIM), gone)
            return gone
        # Where its first directory was made it may be unmade, and a rename reaches there.
        top = min((one.count("/") for one in policy.made), default=len(place.parts) - 1)
        gone = os.path.join(place.above(top), f"{GONE}{key}")
        self._files.rename_new(place.directory, gone)
        return gone

    def _remove_gone(self, place: Place, gone: str) -> None:
        """Remove what was hidden; the policy file last, for it says which directories above go too."""
        claim = os.path.join(gone, CLAIM)
        try:
            policy = records.read(os.path.join(claim, "policy.json"), Policy)
        except DriverError:
            policy = None
        if policy is not None:
            own = "/".join(place.parts)
            # Its own directory is what was hidden; one of that name by now is somebody else's.
            for path in sorted({*policy.made} - {own}, key=len, reverse=True):
                with contextlib.suppress(OSError):
                    self._files.rmdir(os.path.join(place.base, path))
        discard(self._files, gone)

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _held(self, place: Place) -> contextlib.AbstractContextManager[None]:
        return held(self._files, place)

    def _own(self, place: Place, step: Step) -> Policy:
        return records.own(policy_in(place.directory) if place.exists() else None, step)

    @staticmethod
    def _others(policy: Policy, tag: OwnerTag) -> list[OwnerTag]:
        return [one for one in policy.sharers if one.key != tag.key]

    @staticmethod
    def _outcome(place: Place, policy: Policy, note: str = "") -> Outcome:
        facts: dict[str, Any] = {"url": place.url, "free": free_bytes(place.directory)}
        return Outcome(facts=facts, version=str(policy.version), notes=(note,) if note else ())


def free_bytes(directory: str) -> int:
    """What is free in the file system of a directory, for somebody without privileges."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def shown(size: int) -> str:
    """A size as a person reads it, rounded down: what is free is never a round number."""
    for step in (2**40, 2**30, 2**20, 2**10):
        if size >= step:
            return v.show_unit(size // step * step, v.BYTES)
    return v.show_unit(size, v.BYTES)


def _many(names: list[str]) -> str:
    """A few names of what is there, and how many there are."""
    first = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        first += f" and {len(names) - _SHOWN} more"
    return f"{len(names)} {'entry' if len(names) == 1 else 'entries'} ({first})"
