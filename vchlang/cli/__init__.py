"""The `vch` command: which command is meant, and what no command foresaw.

A start that only prints help must cost next to nothing, so nothing is imported here, and each command on use.
`main` is one of the three places that catch everything.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vchlang.system import Machine

COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("vchlang.cli.validate", "check scripts without touching anything"),
    "fmt": ("vchlang.cli.fmt", "lay out scripts in the one way there is"),
    "test": ("vchlang.cli.test", "run the tests of scripts and modules"),
    "explain": ("vchlang.cli.explain", "what a code, a kind or a function is"),
    "docs": ("vchlang.cli.docs", "the reference of a module, as Markdown"),
    "console": ("vchlang.cli.console", "try expressions, with the names of a script"),
    "vendor": ("vchlang.cli.vendor", "packages of others: add, lock, check"),
    "plan": ("vchlang.cli.plan", "what apply would do, and why"),
    "graph": ("vchlang.cli.graph", "what a script is made of, as a tree or a drawing"),
    "show": ("vchlang.cli.show", "what a deployment is, and how it is doing"),
    "logs": ("vchlang.cli.logs", "what a task wrote"),
    "apply": ("vchlang.cli.apply", "carry out a script or a saved plan"),
    "destroy": ("vchlang.cli.destroy", "remove what a deployment made"),
    "manifest": ("vchlang.cli.manifest", "what scripts may ask for: sign, verify, show"),
}

HELP = """\
vch - deploy virtual container hosts from .vch scripts

write    validate   check scripts without touching anything
         fmt        lay out scripts in the one way there is
         test       run the tests of scripts and modules
         explain    what a code, a kind or a function is
         docs       the reference of a module, as Markdown
         console    try expressions, with the names of a script
         vendor     packages of others: add, lock, check
look     plan       what apply would do, and why
         graph      what a script is made of, as a tree or a drawing
         show       what a deployment is, and how it is doing
         logs       what a task wrote
change   apply      carry out a script or a saved plan
         destroy    remove what a deployment made
govern   manifest   what scripts may ask for: sign, verify, show

vch COMMAND --help for the options of one command · vch explain list · vch --version
"""


def main(argv: Sequence[str] | None = None, machine: Machine | None = None) -> int:
    """Run one command; its exit code. `machine`: what it runs on, for tests; else this machine as it is."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help") or words == ["help"]:
        return _print(HELP, sys.stdout if words else sys.stderr, 0 if words else 2)
    if words[0] in ("-V", "--version"):
        from vchlang import __version__

        return _print(f"vch {__version__}\n", sys.stdout, 0)
    if words[0] == "help":
        words = [words[1], "--help"]
    _spare_typing_extensions()
    from vchlang.cli.run import command

    return command(words[0], words[1:], machine)


def _spare_typing_extensions() -> None:
    """Import msgspec without what it imports and never needs here: an eighth of a plan's time.

    It takes from typing_extensions, where that is installed, what `typing` has since 3.11. It imports uuid, which asks
    `platform` (a module of regular expressions) for the name of the system, and textwrap for JSON schemas. Stand-ins
    that do the same are there for the moment of the import, and whoever imports these modules later gets the real ones.
    """
    if "msgspec" in sys.modules:
        return
    stand_ins = {
        "typing_extensions": None,
        "platform": _module("platform", system=_system),
        "textwrap": _module("textwrap", dedent=_dedent),
    }
    mine = {name: one for name, one in stand_ins.items() if name not in sys.modules}
    sys.modules.update(mine)  # type: ignore[arg-type]
    try:
        import msgspec  # noqa: F401
    finally:
        for name in mine:
            del sys.modules[name]


def _module(name: str, **functions: object) -> object:
    module = type(sys)(name)
    module.__dict__.update(functions)
    return module


def _system() -> str:
    import os

    return os.uname().sysname


def _dedent(text: str) -> str:
    from textwrap import dedent

    return dedent(text)


def _print(text: str, stream: object, code: int) -> int:
    from contextlib import suppress

    with suppress(OSError, ValueError):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]
    return code
