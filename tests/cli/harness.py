"""Calls `vch` as a user does and keeps what it printed: in this process, or in one of its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from vchlang.cli import main

ROOT = Path(__file__).parents[2]
PROJECT = """\
language = 1
[project]
name = "site"
[env.local.inventory]
pools = ["/clusterA/poolB"]
networks = { lan = ["10.9.0.0/24"] }
datastores = { disks = "" }
"""
# A pool, a location and a storage: the quickest that there is to apply.
SMALL = """\
param size: Bytes = 1MiB
ensure pool vch in "/clusterA/poolB" { limits: { memory: 2GiB } }
ensure location infra at "ds://disks/infra" { access: .create }
create storage data in infra { packaging: .vmdk, free: size }
output place = "${data.url}"
"""
CALL = (sys.executable, "-c", "import sys; from vchlang.cli import main; sys.exit(main())")


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def vch(*words: str | Path) -> Answer:
    """Call `vch` in this process."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2)]
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr, sys.stdin = streams[0], streams[1], io.StringIO("")
    try:
        code = main([str(word) for word in words])
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Answer(code, *texts)


def spawn(*words: str | Path, cwd: Path, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Call `vch` in a process of its own."""
    return subprocess.Popen(
        [*CALL, *(str(word) for word in words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        **options,
    )


class Project:
    """A project's directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def tree(self) -> dict[str, str]:
        return tree(self.root)

    def stop(self) -> None:
        """Destroy whatever a failed test left running."""
        if (self.root / ".vch" / "state.db").exists():
            from vchlang.state.sqlite import SqliteStore
            from vchlang.system import real_machine

            for name in SqliteStore(str(self.root / ".vch" / "state.db"), real_machine()).names():
                vch("destroy", "-n", name, "--yes")


def tree(root: Path) -> dict[str, str]:
    """Every path below a directory, with its mode and a digest of what is in it."""
    out = {}
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        out[str(path.relative_to(root))] = f"{found.st_mode:o} {content}"
    return out
