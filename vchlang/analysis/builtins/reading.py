"""What reads: questions to `Inputs`, not functions. Their descriptions stand here all the same, so that the checker and
the reference have one table."""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import group

_reading = group("reading")


@_reading(v.DATA, 'archive("images/boot/")', ("path", v.STRING), reads=True)
def archive(*_: Any) -> Any:
    """A directory packed into a deterministic tar, or a tar as it is. The path is relative to the file it stands in."""
    raise AssertionError("reading is a question to Inputs. This is a bug in vch.")


@_reading(v.STRING, 'file("motd.txt")', ("path", v.STRING), reads=True)
def file(*_: Any) -> Any:
    """The text of a file, as UTF-8."""
    raise AssertionError("reading is a question to Inputs. This is a bug in vch.")


@_reading(v.Optional(v.STRING), 'env("HOME") ?? "/"', ("name", v.STRING), reads=True)
def env(*_: Any) -> Any:
    """A variable of the environment, or null."""
    raise AssertionError("reading is a question to Inputs. This is a bug in vch.")
