"""Functions of paths. They work on texts, with slashes; nothing is looked at."""

from __future__ import annotations

import posixpath

from vchlang import values as v
from vchlang.analysis.builtins.table import allow_text, group

_path = group("paths")
_PATH = ("path", v.STRING)


@_path(v.STRING, 'basename("/var/log/app.log") == "app.log"', _PATH)
def basename(path: str) -> str:
    """The last part of a path."""
    return posixpath.basename(path.rstrip("/"))


@_path(v.STRING, 'dirname("/var/log/app.log") == "/var/log"', _PATH)
def dirname(path: str) -> str:
    """A path without its last part; empty when it has one part only."""
    return posixpath.dirname(path.rstrip("/") or path[:1])


@_path(v.STRING, 'extension("/var/log/app.log") == ".log"', _PATH)
def extension(path: str) -> str:
    """The end of the last part of a path from its last point on; empty without one, and for names as `.bashrc`."""
    return posixpath.splitext(posixpath.basename(path))[1]


@_path(
    v.STRING,
    'path_join("/var", "log/", "app.log") == "/var/log/app.log"',
    _PATH,
    ("more", v.STRING),
    optional=1,
    variadic=True,
)
def path_join(path: str, *more: str) -> str:
    """Parts of a path with one slash between two of them. It begins with one when the first part does."""
    allow_text(len(path) + sum(len(one) + 1 for one in more))
    parts = [part for part in (one.strip("/") for one in (path, *more)) if part]
    return ("/" if path.startswith("/") else "") + "/".join(parts)
