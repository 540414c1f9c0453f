"""`vch logs`: what a task wrote, and with `-f` what it writes."""

from __future__ import annotations

import os

from vchlang.cli.look import Terminal, safe
from vchlang.cli.options import ENVIRONMENT, NAME, Command, Given, Option, Usage
from vchlang.cli.refusal import DONE, INTERRUPTED, Refusal, problem
from vchlang.cli.show import tasks_of
from vchlang.cli.target import Target, connect, deployment_name, setting
from vchlang.diagnostics import nearest
from vchlang.system import Machine

COMMAND = Command(
    name="logs",
    words="TASK [FILE]",
    doc="What a task wrote. The deployment is that of FILE or -n NAME; else the only one that has such a task.",
    options=(
        Option(("-f", "--follow"), "go on with what it writes, until Ctrl-C"),
        Option(("--lines",), "how many of the last lines (100); all for everything", "N"),
        NAME,
        ENVIRONMENT,
    ),
    least=1,
    most=2,
    examples=("vch logs personality", "vch logs portlayer examples/seed.vch -f"),
)
PAUSE_SECONDS = 0.3


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Print the end of a log, and follow it."""
    task = given.words[0]
    script = given.words[1] if len(given.words) > 1 else None
    lines = _lines(given.one("lines", "100"))
    target = connect(setting(script or os.getcwd(), given.one("env")), machine)
    names: tuple[str, ...]
    if script is None and not given.one("name"):
        names = target.store.names()
    else:
        names = (deployment_name(given, script),)
    identity, task = _find(task, names, target)
    data, at = target.watch().log(identity, task)
    text = data.decode("utf-8", "backslashreplace")
    shown = text.splitlines() if lines is None else text.splitlines()[-lines:] if lines else []
    if shown:
        terminal.out("\n".join(safe(line) for line in shown))
    return _follow(identity, task, at, target, terminal, machine) if given.flag("follow") else DONE


def _follow(identity: str, task: str, at: int, target: Target, terminal: Terminal, machine: Machine) -> int:
    rest = b""
    try:
        while not terminal.closed:
            data, at = target.watch().log(identity, task, at)
            # A line is printed when it is whole: half a character, or half of an escape, is none yet.
            *whole, rest = (rest + data).split(b"\n")
            if whole:
                text = b"\n".join(whole).decode("utf-8", "backslashreplace")
                terminal.out("\n".join(safe(line) for line in text.split("\n")))
            machine.clock.sleep(PAUSE_SECONDS)
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _lines(text: str) -> int | None:
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit()):
        raise Usage(f"`--lines` cannot be `{text}`", "it is a number, or all")
    return int(text)


def _find(task: str, names: tuple[str, ...], target: Target) -> tuple[str, str]:
    """The identity of the executor that runs a task, and the name by which it knows the task."""
    found: dict[str, tuple[str, str]] = {}
    known: dict[str, None] = {}
    for name in names:
        deployment = target.store.read(name)
        for row in deployment.objects:
            if row.kind == "executor" and not row.deposed:
                tasks = tasks_of(deployment, row.address)
                known |= dict.fromkeys(tasks)
                if task in tasks:
                    found[f"{name}: {row.address}"] = row.identity, tasks[task]
    if len(found) > 1:
        deployments = ", ".join(dict.fromkeys(one.partition(":")[0] for one in found))
        raise Usage(f"several deployments have a task `{task}`", f"say which with -n: {deployments}")
    if not found:
        near = nearest(task, known)
        hint = (
            f"did you mean `{near}`?" if near else f"there are {', '.join(known)}" if known else "nothing is deployed"
        )
        raise Refusal([problem("not-found", f"there is no task `{task}`", hint)])
    return next(iter(found.values()))
