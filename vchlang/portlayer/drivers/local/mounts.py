"""Putting an executor's file system together.

On the level of the tether there is no mount: a volume is bound at a path by a symbolic link in whatever holds that
path. What is persistent is the storage's own data; what is not is a copy, made anew each time, so the storage never
changes. Where nothing is bound at `/`, the root is an empty directory.

A link inside the data of a storage is ours and must go again, and what it covers must come back. So before anything is
linked a note is left beside the data, `mounts/<key of the executor>.json`, which says what will be; `leave` undoes what
a note says, whether all of it was done or half. The note also says that the storage is in use.

Paths are walked as a chroot would: a link of the image is read relative to the root, and never leads to this machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid

import msgspec

from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.drivers.local import records, trees
from vchlang.portlayer.drivers.local.locations import discard
from vchlang.portlayer.drivers.local.paths import NEW, encoded
from vchlang.portlayer.drivers.local.records import ExecutorRecord
from vchlang.portlayer.drivers.local.tenants import DATA, EXECUTOR
from vchlang.system import Files, names_in

_NOTES = "mounts"
_COVERED = "covered"
_MOST_LINKS = 40


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A storage at a path. storage: its directory. ours: whether anything may be written beside its data."""

    at: str
    storage: str
    persistent: bool
    ours: bool = True


class Mounted(msgspec.Struct, frozen=True, kw_only=True):
    """Where a volume has come to. at: its path with the links of the image followed. source: a real directory."""

    at: str
    source: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link in the data of a storage. at: relative to it. made: directories that it needs. covers: what was there."""

    at: str
    target: str
    made: tuple[str, ...] = ()
    covers: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an executor has in a storage. root: it is its root."""

    format: int = records.FORMAT
    executor: str
    directory: str
    key: str
    root: bool = False
    links: tuple[Link, ...] = ()


def users(storage: str, but: str = "") -> list[Note]:
    """The executors that a storage is bound in, but for the one with that key and those that are not there any more."""
    out: list[Note] = []
    with contextlib.suppress(FileNotFoundError):
        for name in names_in(os.path.join(storage, _NOTES)):
            note = _note(storage, name.removesuffix(".json"))
            if note is None or note.key == but:
                continue
            record = records.read(os.path.join(note.directory, EXECUTOR), ExecutorRecord)
            if record is not None and record.owner is not None and record.owner.key == note.key:
                out.append(note)
    return out


def _note(storage: str, key: str) -> Note | None:
    return records.read(os.path.join(storage, _NOTES, f"{key}.json"), Note)


def leave(files: Files, storage: str, key: str) -> None:
    """Undo what an executor has in a storage: its links go, and what they covered comes back."""
    if not os.path.isdir(storage):
        return
    note = _note(storage, key)
    if note is not None:
        _undo(files, storage, note)
        files.unlink(os.path.join(storage, _NOTES, f"{key}.json"))
    for name in (_COVERED, _NOTES):
        path = os.path.join(storage, name)
        if os.path.isdir(path) and not os.listdir(path):
            with contextlib.suppress(OSError):
                files.rmdir(path)


def _undo(files: Files, storage: str, note: Note) -> None:
    data = os.path.join(storage, DATA)
    for link in reversed(note.links):
        path = os.path.join(data, link.at)
        covered = os.path.join(storage, _COVERED, encoded(link.at))
        if os.path.islink(path) and os.readlink(path) == link.target:
            files.unlink(path)
        if link.covers and os.path.lexists(covered) and not os.path.lexists(path):
            files.rename_new(covered, path)
        for made in reversed(link.made):
            with contextlib.suppress(OSError):
                files.rmdir(os.path.join(data, made))


class Assembly:
    """One executor's file system in the making. identity, directory and key are the executor's."""

    def __init__(self, files: Files, identity: str, directory: str, key: str) -> None:
        self._files = files
        self._identity = identity
        self._directory = directory
        self._key = key
        self._trees: dict[str, str] = {}
        self._storages: dict[str, str] = {}
        self._notes: dict[str, Note] = {}

    def assemble(self, volumes: tuple[Volume, ...]) -> dict[str, Mounted]:
        """Put it together from scratch; each volume by the path that it was asked for.

        The executor is stopped, and what it had in storages was undone. DriverError where a path cannot be used, or a
        storage is another executor's root; then at most notes and links are left, which `leave` finds.
        """
        ordered = sorted(volumes, key=lambda one: (one.at != "/", one.at.count("/"), one.at))
        self._refuse_shared_root(ordered)
        self._sweep()
        scratch = os.path.join(self._directory, "scratch")
        if os.path.lexists(scratch):
            discard(self._files, scratch)
        root = os.path.join(self._directory, "root")
        stage = self._begin_root(ordered)
        out: dict[str, Mounted] = {}
        for volume in ordered:
            if volume.at == "/":
                source, at = self._trees[""], "/"
                out["/"] = Mounted(at="/", source=root if stage else source)
            else:
                source, at = self._source(volume, scratch), self._place(volume.at)
                self._trees[at] = source
                out[volume.at] = Mounted(at=at, source=source)
            if volume.persistent and volume.ours:
                self._storages[source] = volume.storage
                self._add(volume.storage, root=at == "/")
        for bound in out.values():
            if bound.at != "/":
                self._link(bound.at, bound.source)
        self._make_links()
        self._end_root(stage, root)
        return out

    def _sweep(self) -> None:
        for name in os.listdir(self._directory):
            if name.startswith(NEW):
                discard(self._files, os.path.join(self._directory, name))

    # ---- the root ------------------------------------------------------------------------------------------------

    def _refuse_shared_root(self, volumes: list[Volume]) -> None:
        for volume in volumes:
            if volume.at != "/" or not volume.persistent:
                continue
            for note in users(volume.storage, self._key):
                if note.root:
                    raise DriverError(
                        "step-failed", f"{volume.storage} is the root of the executor `{note.executor}`, and one has it"
                    )

    def _begin_root(self, volumes: list[Volume]) -> str:
        """Where the root is put together: the storage itself, or a directory that becomes the root at the end."""
        volume = next((one for one in volumes if one.at == "/"), None)
        if volume is not None and volume.persistent:
            self._trees[""] = os.path.join(volume.storage, DATA)
            return ""
        stage = os.path.join(self._directory, f"{NEW}root-{uuid.uuid4().hex}")
        if volume is not None:
            trees.copy(os.path.join(volume.storage, DATA), stage)
        else:
            self._files.mkdir(stage, 0o755)
        self._trees[""] = stage
        return stage

    def _end_root(self, stage: str, root: str) -> None:
        data = self._trees[""]
        if not stage and os.path.islink(root) and os.readlink(root) == data:
            return
        if os.path.islink(root):
            self._files.unlink(root)
        elif os.path.isdir(root):
            discard(self._files, root)
        if stage:
            self._files.rename_new(stage, root)
        else:
            self._files.symlink(data, root)

    # ---- volumes -------------------------------------------------------------------------------------------------

    def _source(self, volume: Volume, scratch: str) -> str:
        data = os.path.join(volume.storage, DATA)
        if volume.persistent:
            return data
        self._files.ensure_directory(scratch)
        copy = os.path.join(scratch, encoded(volume.at))
        trees.copy(data, copy)
        return copy

    def _place(self, at: str) -> str:
        """The path that a volume is bound at, with the links on the way to it followed."""
        ahead = [part for part in at.split("/") if part][::-1]
        behind: list[str] = []
        links = 0
        while len(ahead) > 1:
            part = ahead.pop()
            if part == "..":
                del behind[-1:]
                continue
            behind.append(part)
            if "/" + "/".join(behind) in self._trees:
                continue
            target = self._target(at, behind)
            if target is None:
                continue
            links += 1
            if links > _MOST_LINKS:
                raise DriverError("step-failed", f"`{at}` goes through too many links")
            behind = [] if target.startswith("/") else behind[:-1]
            ahead += [part for part in target.split("/") if part not in ("", ".")][::-1]
        found = "/" + "/".join([*behind, *ahead])
        if found in self._trees:
            raise DriverError("step-failed", f"two storages are bound at {found}")
        return found

    def _target(self, at: str, parts: list[str]) -> str | None:
        try:
            return os.readlink(self._real(parts))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise DriverError("step-failed", f"nothing can be bound at `{at}`: there is a file on the way") from None
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL says that it is there, and no link
                raise
            return None

    def _real(self, parts: list[str]) -> str:
        around = self._tree_around("/" + "/".join(parts))
        return os.path.join(self._trees[around], *parts[around.count("/") :])

    def _tree_around(self, at: str) -> str:
        """The tree that a path lies in: the longest bound path above it, empty for the root."""
        parts = at.strip("/").split("/")
        for length in range(len(parts) - 1, 0, -1):
            above = "/" + "/".join(parts[:length])
            if above in self._trees:
                return above
        return ""

    # ---- links ---------------------------------------------------------------------------------------------------

    def _add(self, storage: str, *, root: bool = False, link: Link | None = None) -> None:
        note = self._notes.get(storage) or Note(executor=self._identity, directory=self._directory, key=self._key)
        self._notes[storage] = msgspec.structs.replace(
            note, root=note.root or root, links=note.links + ((link,) if link is not None else ())
        )

    def _link(self, at: str, target: str) -> None:
        """Link a volume in a tree that is made anew; or note what is to be linked in one that stays."""
        around = self._tree_around(at)
        tree = self._trees[around]
        inside = at[len(around) :].strip("/")
        parts = inside.split("/")
        missing = [
            "/".join(parts[:length])
            for length in range(1, len(parts))
            if not os.path.lexists(os.path.join(tree, *parts[:length]))
        ]
        path = os.path.join(tree, inside)
        storage = self._storages.get(tree)
        if storage is not None:
            for note in users(storage, self._key):
                if any(one.at == inside for one in note.links):
                    raise DriverError("step-failed", f"the executor `{note.executor}` has something bound at {path}")
            self._add(storage, link=Link(at=inside, target=target, made=tuple(missing), covers=os.path.lexists(path)))
            return
        if os.path.commonpath((tree, self._directory)) != self._directory:
            raise DriverError("foreign-owner", f"nothing can be bound at {at}: it lies in a storage that is not ours")
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        if os.path.lexists(path):
            discard(self._files, path)
        os.symlink(target, path)

    def _make_links(self) -> None:
        for storage, note in self._notes.items():
            self._files.ensure_directory(os.path.join(storage, _NOTES))
            self._files.replace(os.path.join(storage, _NOTES, f"{self._key}.json"), records.written(note))
            data = os.path.join(storage, DATA)
            for link in note.links:
                for made in link.made:
                    with contextlib.suppress(FileExistsError):
                        self._files.mkdir(os.path.join(data, made), 0o755)
                path = os.path.join(data, link.at)
                if link.covers:
                    self._files.ensure_directory(os.path.join(storage, _COVERED))
                    self._files.rename_new(path, os.path.join(storage, _COVERED, encoded(link.at)))
                self._files.symlink(link.target, path)
