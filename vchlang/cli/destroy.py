"""`vch destroy`: remove what a deployment made, as the state remembers it. The script only says which one is meant."""

from __future__ import annotations

import os
from typing import Any

from vchlang.cli.apply import command_line, tell_recovered
from vchlang.cli.carry_out import carry_out
from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import ENVIRONMENT, NAME, VERBOSE, YES, Command, Given, formats
from vchlang.cli.planning import prepare_destroy
from vchlang.cli.refusal import DONE, Refusal, problem
from vchlang.cli.target import connect, deployment_name, holder, setting
from vchlang.diagnostics import did_you_mean
from vchlang.portlayer.recover import recover
from vchlang.system import Machine

COMMAND = Command(
    name="destroy",
    words="[FILE]",
    doc="Remove what a deployment made. What it adopted is given up and stays; what `@retain` keeps stays too.\n"
    "It works from the state, so the script need not exist any more: `vch destroy -n NAME`.",
    options=(NAME, ENVIRONMENT, YES, formats("text", "jsonl"), VERBOSE),
    least=0,
    most=1,
    examples=("vch destroy examples/seed.vch", "vch destroy -n site-2 --yes"),
)


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Destroy a deployment."""
    script = given.words[0] if given.words else None
    deployment = deployment_name(given, script)
    here = setting(script or os.getcwd(), given.one("env"))
    target = connect(here, machine)
    known = target.store.read(deployment)
    if not known.lineage and not known.pending and known.holder is None:
        if script is not None and os.path.exists(script):
            terminal.out(f"{one_line(deployment)} on {one_line(target.name)}: no changes, there is nothing to destroy.")
            return DONE
        names = target.store.names()
        hint = did_you_mean(deployment, names) or (f"there are {', '.join(names)}" if names else "there is none at all")
        raise Refusal([problem("not-found", f"there is no deployment `{deployment}`", hint)])
    by = holder("destroy", machine)
    tell_recovered(recover(target.driver, target.store, machine, by, deployment), terminal)
    name = here.project.inside(script) if script is not None else ""
    prepared = prepare_destroy(here, target, deployment, name, machine)
    if not prepared.plan.operations:
        # It made nothing that is still there; all that is left of it is that we know of it.
        run = target.store.begin(deployment, by, lineage=known.lineage)
        run.finish("done")
    return carry_out(
        prepared,
        here,
        target,
        by,
        terminal,
        machine,
        data=_no_data,
        as_lines=given.one("format") == "jsonl",
        confirmed=given.flag("yes"),
        command=command_line("destroy", given),
        verbose=given.flag("verbose"),
    )


def _no_data(data: Any) -> Any:
    raise OSError("destroying reads nothing. This is a bug in vch.")
