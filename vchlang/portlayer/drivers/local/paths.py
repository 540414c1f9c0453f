"""Where things lie: the world's directories, and what a store path means on this machine.

No link is followed on the way to a location, so nothing leads out of a datastore, and a place has one name only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence

import msgspec

from vchlang import values as v
from vchlang.portlayer.driver import DriverError
from vchlang.system import HALF_GONE, HALF_MADE

CLAIM = ".vch"
"""The directory in a location that holds its policy file; making it is the claim."""
NEW = f"{HALF_MADE}new-"
GONE = HALF_GONE
"""What is not published yet, and what is not there any more: the key of the object follows. `names_in` hides both."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What exists before any script runs. It has no records and is never written to; locations lie in datastores.

    networks: names to address ranges. datastores: names to directories, relative to the project; without one, it is
    in the world.
    """

    pools: Sequence[str] = ()
    networks: Mapping[str, Sequence[str]] = {}
    datastores: Mapping[str, str | None] = {}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A location's directory: `base` is where its datastore begins, `parts` lead from there."""

    url: str
    base: str
    parts: tuple[str, ...]

    @property
    def directory(self) -> str:
        return os.path.join(self.base, *self.parts)

    def above(self, length: int) -> str:
        """The directory after so many parts."""
        return os.path.join(self.base, *self.parts[:length])

    def there(self) -> int:
        """How many parts exist, as directories. DriverError for a link or anything else on the way."""
        for length in range(1, len(self.parts) + 1):
            path = self.above(length)
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                return length - 1
            except PermissionError:
                raise DriverError("unknown-world", f"{path} may not be looked at") from None
            if stat.S_ISLNK(found.st_mode):
                target = os.path.realpath(path)
                raise DriverError(
                    "unsupported", f"{self.url}: {path} is a symbolic link to {target}, and none is followed"
                )
            if not stat.S_ISDIR(found.st_mode):
                raise DriverError("already-exists", f"{self.url}: {path} is there, and is no directory")
        return len(self.parts)

    def exists(self) -> bool:
        return self.there() == len(self.parts)


class Paths:
    """The world of one environment, and what its names mean."""

    SCHEMES = ("ds", "file")

    def __init__(self, world: str, inventory: Inventory, project_root: str) -> None:
        self.world = os.path.abspath(world)
        self.leases = os.path.join(self.world, "leases")
        self._inventory = inventory
        self._root = project_root

    def record(self, shelf: str, identity: str) -> str:
        """The file of a record that has no other place: `shelf` is `pools` or `networks`."""
        return os.path.join(self.world, shelf, encoded(identity) + ".json")

    def datastore(self, name: str) -> str:
        """A datastore's directory. DriverError `not-found` with the names that there are."""
        if name not in self._inventory.datastores:
            known = ", ".join(self._inventory.datastores)
            raise DriverError(
                "not-found",
                f"there is no datastore `{name}`; " + (f"there are {known}" if known else "the inventory has none"),
            )
        given = self._inventory.datastores[name]
        if given:
            return os.path.realpath(os.path.join(self._root, given))
        return os.path.join(self.world, "datastores", encoded(name))

    def in_world(self, directory: str) -> bool:
        """Whether a datastore's directory is made as it is needed, and not found."""
        return os.path.commonpath((self.world, directory)) == self.world

    def skeleton(self) -> tuple[str, ...]:
        """The directories that the world is made of, what is inside first; each is made when it is needed."""
        stores = [self.datastore(name) for name in self._inventory.datastores]
        inner = [one for one in stores if self.in_world(one)]
        shelves = [os.path.join(self.world, name) for name in ("datastores", "pools", "networks")]
        return (*inner, *shelves, self.leases, self.world)

    def place(self, url: str) -> Place:
        """What a location's identity means. DriverError for what this driver cannot do."""
        scheme, _, rest = url.partition("://")
        if scheme not in self.SCHEMES:
            raise DriverError("unsupported", f"{url}: the local portlayer cannot do {scheme}://")
        first, _, path = rest.partition("/")
        parts = tuple(part for part in path.split("/") if part not in ("", "."))
        if not parts or ".." in parts or any("\0" in part for part in parts):
            raise DriverError("unsupported", f"{url}: it names no directory in a datastore")
        if any(part.startswith(CLAIM) for part in parts):
            raise DriverError("unsupported", f"{url}: names that begin with {CLAIM} are for records")
        base = "/" if scheme == "file" else self.datastore(first)
        return Place(url=v.normal_store_path(url), base=base, parts=parts)

    def inside(self, identity: str) -> tuple[Place, str]:
        """The location of a storage or an executor, and its name there."""
        url, _, name = identity.rpartition("/")
        if not name or name.startswith(".") or "\0" in name:
            raise DriverError("unsupported", f"`{identity}`: `{name}` does not do as the name of a directory")
        return self.place(url), name

    def pools(self) -> tuple[str, ...]:
        return tuple(v.normal_path(one) for one in self._inventory.pools)

    def networks(self) -> Mapping[str, Sequence[str]]:
        return self._inventory.networks

    def datastores(self) -> tuple[str, ...]:
        return tuple(self._inventory.datastores)


def encoded(text: str) -> str:
    """A name as that of one file: other names have other files, and a person can read it."""
    out = _UNFIT.sub(_escaped, text.strip("/"))
    if len(out) <= _LONGEST:
        return out
    import hashlib

    return f"{out[: _LONGEST - 40]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in os.fsencode(found.group()))


_UNFIT = re.compile(r"[^A-Za-z0-9 @+=,:\[\]._-]+|^\.")
_LONGEST = 200
