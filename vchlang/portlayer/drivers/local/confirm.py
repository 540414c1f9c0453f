"""What this machine can keep, and whether it has what a script needs: said before anything is planned on it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence

from vchlang import archives
from vchlang import values as v
from vchlang.kinds.compute import Executor, Pool
from vchlang.kinds.storage import Storage
from vchlang.kinds.world import Absent, Capabilities, Finding, Observation, Query
from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.drivers.local.compose import python
from vchlang.portlayer.drivers.local.locations import free_bytes, refuse_nested, shown
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.pools import Pools

_CREATE_RULESET = 444
_LANDLOCK = "tether (Landlock)"
_OLDEST_PYTHON = 11
DECLINED = {
    "segment": "executors here share this machine's network, where it has nothing to enforce segments with",
    "template": "it cannot freeze an executor that runs, to begin others as copies of it",
}
"""Of the kinds that are not here, why not: what cannot be kept is refused by name."""
_NO_TRUNCATE = 3
"""The first Landlock ABI that can deny truncating, without which neither read-only nor write-only holds."""


def landlock() -> int:
    """The Landlock ABI of this kernel, 0 for none; as the tether finds it.

    It is asked here, for what the tether loads to keep promises takes as long as the rest of this driver, and every
    plan would wait for it.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(int(found), 0)


def capabilities() -> Capabilities:
    """What can be kept here. A promise that this kernel's Landlock cannot keep is left out, so that it is refused."""
    abi = landlock()
    promises = {"squash": "tether (all tasks run as one user)", "memory": "rlimit of each task", "cpus": "affinity"}
    if abi >= 1:
        promises["noexec"] = _LANDLOCK
    if abi >= _NO_TRUNCATE:
        promises |= {"read_only": _LANDLOCK, "write_only": _LANDLOCK}
    return Capabilities(
        driver="local",
        kinds=("pool", "location", "network", "storage", "executor", "task"),
        schemes=Paths.SCHEMES,
        packagings=("raw", "vmdk"),
        isolation=("tether",),
        promises=promises,
        declined=DECLINED,
        provides={
            "adapter": ("directory",),
            "nic": ("loopback",),
            "arch": (platform.machine(),),
            "boot": ("direct", "tether"),
            "host.usr": ("ro",),
            # Programs for an older 3.x run on a newer one.
            "python": tuple(f"3.{minor}" for minor in range(_OLDEST_PYTHON, sys.version_info.minor + 1)),
        },
    )


def confirm(
    wanted: Sequence[Query], paths: Paths, pools: Pools, observe: Callable[[Query], Observation], project_root: str
) -> tuple[Finding, ...]:
    """What is here, a short line each, and what is missing, at the element that needs it."""
    if not sys.platform.startswith("linux"):
        message = f"the local portlayer runs on Linux only, and this is {sys.platform}"
        return (Finding(level="error", code="unsupported", message=message),)
    out = [*_machine(paths)]
    known = {v.normal_path(one.identity) for one in wanted if one.kind == "pool"}
    space: dict[int, int] = {}
    for query in wanted:
        try:
            match query.kind:
                case "location":
                    _location(query, paths)
                case "pool" if isinstance(query.args, Pool) and query.args.inside is not None:
                    _require_pool(query.args.inside, known, paths, pools)
                case "executor" if isinstance(query.args, Executor):
                    _require_pool(query.args.inside, known, paths, pools)
                case "storage" if isinstance(query.args, Storage):
                    if isinstance(observe(query), Absent):
                        _storage(query, query.args, paths, space, project_root)
        except DriverError as error:
            out.append(Finding(level="error", code=error.reason, message=error.detail, address=query.id))
        except archives.BadArchive as error:
            out.append(Finding(level="error", code="bad-archive", message=str(error), address=query.id))
        except OSError as error:
            message = f"{error.filename or query.identity}: {(error.strerror or str(error)).lower()}"
            out.append(Finding(level="error", code="unknown-world", message=message, address=query.id))
    return tuple(out)


def _machine(paths: Paths) -> list[Finding]:
    out = [_ok(f"Linux {platform.release()}, {platform.machine()}")]
    there = paths.world
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK):
        out.append(_ok(f"{paths.world} can be written"))
    else:
        message = f"{paths.world} cannot be written: {there} does not allow it"
        out.append(Finding(level="error", code="unsupported", message=message))
    if python():
        out.append(_ok(f"Python {platform.python_version()} runs the tether"))
    else:
        message = "the path of the Python interpreter is not known, so no tether can be started"
        out.append(Finding(level="error", code="unsupported", message=message))
    abi = landlock()
    if abi >= _NO_TRUNCATE:
        out.append(_ok(f"Landlock (ABI {abi}) keeps noexec, read_only and write_only"))
    elif abi:
        message = f"Landlock (ABI {abi}) keeps noexec; read_only and write_only need ABI {_NO_TRUNCATE}"
        out.append(Finding(level="warning", code="unsupported", message=message))
    else:
        message = "this kernel has no Landlock: noexec, read_only and write_only cannot be kept"
        out.append(Finding(level="warning", code="unsupported", message=message))
    if paths.datastores():
        out.append(_ok(f"datastores {', '.join(paths.datastores())}"))
    return out


def _location(query: Query, paths: Paths) -> None:
    place = paths.place(query.identity)
    if not os.path.isdir(place.base) and not paths.in_world(place.base):
        raise DriverError("not-found", f"{place.url}: {place.base}, its datastore, is not there")
    place.there()
    refuse_nested(place)


def _require_pool(path: str, wanted: set[str], paths: Paths, pools: Pools) -> None:
    path = v.normal_path(path)
    if path in wanted or pools.exists(path):
        return
    known = ", ".join(paths.pools())
    raise DriverError(
        "not-found", f"there is no pool `{path}`; " + (f"there are {known}" if known else "there is none")
    )


def _storage(query: Query, args: Storage, paths: Paths, space: dict[int, int], project_root: str) -> None:
    """Whether a storage that is to be made fits, together with those before it, and its content will do."""
    if args.data is not None and args.parent is not None:
        raise DriverError("unsupported", "the local portlayer makes a storage from data or from a parent, not both")
    if args.data is not None and args.packaging == "raw":
        source = os.path.join(project_root, args.data.source)
        if os.path.lexists(source):
            archives.check(source, root=False)
    try:
        there, _ = paths.inside(query.identity)
    except DriverError:
        return  # its location says so
    directory = there.base
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    for length in range(1, len(there.parts) + 1):
        if os.path.isdir(there.above(length)):
            directory = there.above(length)
    needed = (args.free or 0) + (args.data.size if args.data is not None else 0)
    device = os.stat(directory).st_dev
    space[device] = space.get(device, 0) + needed
    free = free_bytes(directory)
    if needed and space[device] > free:
        raise DriverError(
            "no-space",
            f"`{query.identity}` needs {shown(needed)}; with what comes before it that is {shown(space[device])}, and "
            f"{shown(free)} are free in {directory}",
        )


def _ok(message: str) -> Finding:
    return Finding(level="ok", message=message)
