"""Makes the grammar's table while the wheel is built, so that an installed `vch` never has to."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TABLE = "vchlang/_data/grammar.table"


class GrammarTable(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # A process of its own: the package is not importable from here, and must not stay imported.
        path = os.pathsep.join(filter(None, (self.root, os.environ.get("PYTHONPATH"))))
        subprocess.run(
            (sys.executable, "-m", "vchlang.syntax.tables", "--if-stale"),
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": path},
            check=True,
        )
        if not os.path.isfile(os.path.join(self.root, TABLE)):
            raise RuntimeError(f"vchlang.syntax.tables made no {TABLE}")
        # git ignores the file and hatchling follows git; an artifact is taken all the same.
        build_data["artifacts"].append(f"/{TABLE}")
