"""The seed example in a project of its own, and what must hold of it after any drop.

The project has a neighbour: another deployment's location in the same datastore, which nobody may touch.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.harness import Points
from vchlang.cli import main
from vchlang.state.sqlite import SqliteStore
from vchlang.system import Files, Machine, RealClock, RealEntropy, RealSpawn, real_machine

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "examples/seed.vch"
NEIGHBOUR = "theirs"


def in_memory() -> str | None:
    """A directory in memory for scenes: what is tested is the order of durable writes, not the speed of a disk."""
    path = "/dev/shm"
    if os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_NOEXEC:
        return path
    return None


class Broken(AssertionError):
    """An invariant does not hold."""


class Scene:
    """One project in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory
        shutil.copy(ROOT / "vch.toml", directory / "vch.toml")
        shutil.copytree(ROOT / "examples", directory / "examples")
        if (ROOT / "stdlib").is_dir():
            shutil.copytree(ROOT / "stdlib", directory / "stdlib", dirs_exist_ok=True)
        (directory / "neighbour").mkdir()
        script = 'ensure location data at "ds://datastore2/theirs" { access: .create }\n'
        script += "create storage s in data { free: 1MiB }\n"
        (directory / "neighbour" / f"{NEIGHBOUR}.vch").write_text(script, encoding="utf-8")
        code, said = self.vch("apply", f"neighbour/{NEIGHBOUR}.vch", "--yes")
        if code:
            raise Broken(f"the neighbour could not be made: {said}")
        # The files that a first use makes (state, key, credential) are no part of the world.
        self.vch("plan", SCRIPT)
        self.before = self.tree()
        self.theirs = self.bytes_of_neighbour()

    # ---- running ---------------------------------------------------------------------------------------------------

    def vch(self, *argv: str, points: Points | None = None) -> tuple[int, str]:
        """Run a command here, in this process; its exit code and all that it said."""
        machine = real_machine()
        if points is not None:
            machine = Machine(RealClock(), RealEntropy(), Files(points), RealSpawn(), points)
        said = io.StringIO()
        here = os.getcwd()
        os.chdir(self.root)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = main(list(argv), machine)
        finally:
            os.chdir(here)
            gc.collect()  # a dropped run leaves descriptors, as a killed process does not
        return code, said.getvalue()

    def edit(self, odd: bool) -> None:
        """Turn the script into one of two versions that differ in a limit, a task, an image and a storage."""
        source = (ROOT / SCRIPT).read_text(encoding="utf-8")
        if odd:
            source = source.replace("cpu: 8GHz", "cpu: 6GHz").replace('PORT: "2376" }', 'PORT: "2376", MODE: "odd" }')
            source += "\ncreate storage extra in infra { packaging: .vmdk, free: 1MiB }\n"
        (self.root / SCRIPT).write_text(source, encoding="utf-8")
        note = self.root / "examples" / "images" / "endpoint" / "etc" / "edition"
        note.write_text("odd\n" if odd else "even\n", encoding="utf-8")

    # ---- looking ---------------------------------------------------------------------------------------------------

    def tree(self) -> list[str]:
        """Everything in the project but the script's files and the state itself: paths, links and contents."""
        out: list[str] = []
        for directory, names, files in os.walk(self.root):
            names[:] = sorted(name for name in names if name not in ("examples", "stdlib"))
            for name in sorted([*names, *files]):
                path = Path(directory) / name
                shown = str(path.relative_to(self.root))
                if shown.startswith((".vch/state.db", ".vch/key", ".vch/secrets")):
                    continue
                if path.is_symlink():
                    out.append(f"{shown} -> {os.readlink(path)}")
                elif path.is_dir():
                    out.append(shown + "/")
                elif path.is_file():
                    out.append(f"{shown} {hashlib.sha256(path.read_bytes()).hexdigest()}")
                else:
                    out.append(f"{shown} ?")
        return out

    def bytes_of_neighbour(self) -> str:
        """A digest of all that is the neighbour's."""
        digest = hashlib.sha256()
        for path in sorted((self.root / ".vch").rglob(f"{NEIGHBOUR}/**/*")):
            digest.update(str(path.relative_to(self.root)).encode())
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def rows(self) -> list[dict[str, Any]]:
        """The object rows of the seed's deployment."""
        store = SqliteStore(str(self.root / ".vch" / "state.db"), real_machine())
        with contextlib.closing(store):
            return [msgspec.structs.asdict(row) for row in store.read("seed").objects]

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        """Every ownership record of the seed's deployment in the world, with its file."""
        out: list[tuple[str, dict[str, Any]]] = []
        for path in self.root.rglob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                data = json.loads(path.read_text(encoding="utf-8"))
                owner = data.get("owner") if isinstance(data, dict) else None
                if isinstance(owner, dict) and owner.get("deployment") == "seed":
                    out.append((str(path.relative_to(self.root)), owner))
        return out

    def tethers(self) -> list[int]:
        """The tethers that run for this project."""
        out: list[int] = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                argv = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if any(b"tether.pyz" in one for one in argv) and any(
                    os.fsencode(str(self.root)) in one for one in argv
                ):
                    out.append(int(entry))
        return out

    # ---- what must hold --------------------------------------------------------------------------------------------

    def settled(self, running: bool = True) -> None:
        """After a resumed apply: nothing to do, no orphan, no twin, nothing foreign touched."""
        code, said = self.vch("plan", SCRIPT, "--exit-code")
        _hold(code == 0 and "no changes" in said, f"the second plan is not empty (exit {code}): {said}")
        keys = {row["key"] for row in self.rows()}
        seen: dict[str, str] = {}
        for file, owner in self.records():
            _hold(owner["key"] in keys, f"{file} is an orphan: the state does not know {owner}")
            if "/leases/" in file:
                continue  # an address is the executor's, and carries its key
            _hold(owner["key"] not in seen, f"{file} is a twin of {seen.get(owner['key'])}")
            seen[owner["key"]] = file
        placed = {row["key"] for row in self.rows() if row["kind"] not in ("task", "handle")}
        _hold(placed == set(seen), f"the state knows {placed - set(seen)}, which is not there")
        _hold(len(self.tethers()) == (1 if running else 0), f"tethers: {self.tethers()}")
        _hold(self.bytes_of_neighbour() == self.theirs, "the neighbour was touched")

    def empty(self) -> None:
        """After a resumed destroy: the world is what it was."""
        _hold(self.rows() == [], f"rows are left: {self.rows()}")
        _hold(self.tethers() == [], f"tethers are left: {self.tethers()}")
        after = self.tree()
        more = [one for one in after if one not in self.before]
        less = [one for one in self.before if one not in after]
        _hold(not more and not less, f"the world differs: more {more}, less {less}")
        _hold(self.bytes_of_neighbour() == self.theirs, "the neighbour was touched")

    def end(self) -> None:
        """Stop what runs, whatever happened."""
        for pid in self.tethers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while self.tethers() and time.monotonic() < deadline:
            time.sleep(0.02)


def _hold(condition: bool, message: str) -> None:
    if not condition:
        raise Broken(message)
