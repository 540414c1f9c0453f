"""Runs one command: finds it, reads its options, gives it the machine, and answers for whatever goes wrong.

The machine (clock, randomness, files, processes) is made here, once, and handed on.
"""

from __future__ import annotations

import gc
import os
import sys

from vchlang.cli import COMMANDS
from vchlang.cli.look import Terminal, one_line, paint
from vchlang.cli.options import Usage, help_of, parse
from vchlang.system import Machine, real_machine

INTERRUPTED, STOPPED, USAGE = 130, 1, 2
_SHORT = frozenset({"validate", "plan", "explain", "show", "graph", "docs", "fmt"})


def command(name: str, argv: list[str], machine: Machine | None = None) -> int:
    """Run a command; its exit code. Nothing gets out of here but what ends the process on purpose."""
    terminal = Terminal()
    if machine is None and name in _SHORT:
        # Trees and plans have no rings, and the process is over before its memory matters: looking for garbage in a
        # growing heap would only take a third of the time.
        gc.disable()
    try:
        if name not in COMMANDS:
            raise _unknown(name)
        __import__(COMMANDS[name][0])
        module = sys.modules[COMMANDS[name][0]]
        given = parse(module.COMMAND, argv)
        terminal = Terminal(given.one("color", "auto"))
        if given.flag("help"):
            terminal.out(help_of(module.COMMAND).rstrip("\n"))
            return 0
        code: int = module.run(given, terminal, machine or real_machine())
        return code
    except Usage as error:
        terminal.err(f"{paint('vch', 'error')}: {one_line(error.message)}")
        if error.hint:
            terminal.err(f"  = help: {one_line(error.hint)}")
        known = f" {name}" if name in COMMANDS else ""
        terminal.err(f"  `vch{known} --help` lists what there is")
        return USAGE
    except KeyboardInterrupt:
        terminal.err("interrupted")
        return INTERRUPTED
    except Exception as error:
        return _refused(error, terminal) or _bug(error, name, terminal)


def _refused(error: Exception, terminal: Terminal) -> int:
    """The exit code of a refusal, after showing it; 0 where the error is none."""
    # Imported late: a usage error or a help page needs none of it.
    from vchlang.cli.refusal import Refusal, of_driver, of_store
    from vchlang.cli.show_diagnostics import Sources, show
    from vchlang.portlayer.driver import DriverError
    from vchlang.state.store import StoreError

    if isinstance(error, StoreError):
        error = of_store(error)
    elif isinstance(error, DriverError):
        error = of_driver(error)
    if not isinstance(error, Refusal):
        return 0
    show(error.diagnostics, error.sources or Sources(os.getcwd(), lambda name: None), terminal)
    return error.code


def _unknown(name: str) -> Usage:
    from vchlang.diagnostics import nearest

    near = nearest(name, COMMANDS)
    return Usage(f"there is no command `{name}`", f"did you mean `vch {near}`?" if near else "")


# ---- bugs ----------------------------------------------------------------------------------------------------------


def _bug(error: Exception, name: str, terminal: Terminal) -> int:
    """An error that nobody foresaw. Its report has no values, not even the error's own words: they may be secret."""
    report = _report(error, name)
    kept = _keep(report)
    terminal.err(f"{paint('This is a bug in vch', 'error')}: {type(error).__name__} in `vch {name}`")
    if kept:
        terminal.err(f"  = help: what is known is in {kept}; please report it. It has no values of yours in it.")
    else:
        terminal.err(report)
    terminal.err("  = state: what was done is saved; the next command looks at what is there before it does anything")
    return STOPPED


def _report(error: BaseException, name: str) -> str:
    import traceback

    from vchlang import __version__

    out = [f"vch {__version__}, `vch {name}`, Python {sys.version.split()[0]} on {sys.platform}"]
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    for one in reversed(chain):
        out.append(type(one).__name__)
        out += [
            f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
            for frame in traceback.extract_tb(one.__traceback__)
        ]
    return "\n".join(out)


def _keep(report: str) -> str:
    """Write a report beside the state of the project that we stand in; the file's name, empty where that fails."""
    from vchlang.project import find

    try:
        project = find(os.getcwd())
        directory = project.state
        if project.source is None and not os.path.isdir(directory):
            return ""  # a directory that is no project of ours gets nothing of ours
        os.makedirs(directory, 0o700, exist_ok=True)
        path = os.path.join(directory, f"bug-{os.getpid()}.txt")
        with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(report + "\n")
    except OSError:
        return ""
    return path
