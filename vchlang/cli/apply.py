"""`vch apply`: carry out a script, or a plan that was saved."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from vchlang.cli.carry_out import carry_out
from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import ENVIRONMENT, NAME, PARAM, PARAMS, VERBOSE, YES, Command, Given, Usage, formats
from vchlang.cli.parameters import secret_sources
from vchlang.cli.planning import MANIFEST, Prepared, prepare
from vchlang.cli.refusal import MISTAKES, STALE, Refusal, problem
from vchlang.cli.secrets import Key, Secrets, secrets_in
from vchlang.cli.target import Setting, connect, deployment_name, holder, setting, setting_in, under_manifest
from vchlang.plan.codec import PlanError, decode
from vchlang.plan.model import FORMAT, Plan
from vchlang.portlayer.recover import Recovered, recover
from vchlang.project import find
from vchlang.system import Machine

COMMAND = Command(
    name="apply",
    words="FILE|PLANFILE",
    doc="Carry out a script, or a plan that `vch plan -o` saved. What an earlier run left unfinished is brought to an\n"
    "end first. It asks before it changes anything; a saved plan is confirmed already.",
    options=(NAME, ENVIRONMENT, PARAM, PARAMS, YES, formats("text", "jsonl"), VERBOSE),
    least=1,
    most=1,
    examples=("vch apply examples/seed.vch", "vch apply site-2.vchplan", "vch apply site.vch --yes --format jsonl"),
)
_LARGEST_PLAN = 1 << 28


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Apply a script or a saved plan."""
    file = given.words[0]
    data = _saved(file)
    if data is not None:
        return _apply_saved(data, given, terminal, machine)
    deployment = deployment_name(given, file)
    here = under_manifest(setting(file, given.one("env")), machine)
    target = connect(here, machine)
    by = holder("apply", machine)
    tell_recovered(recover(target.driver, target.store, machine, by, deployment), terminal)
    prepared = prepare(here, target, given, file, deployment, terminal, machine)
    return carry_out(
        prepared,
        here,
        target,
        by,
        terminal,
        machine,
        data=here.workspace.open_data,
        as_lines=given.one("format") == "jsonl",
        confirmed=given.flag("yes"),
        command=command_line("apply", given),
        verbose=given.flag("verbose"),
    )


def tell_recovered(done: tuple[Recovered, ...], terminal: Terminal) -> None:
    """Say what a run that was stopped had left."""
    words = {"done": "was done", "gone": "is gone", "nothing": "had not happened", "unknown": "is not known"}
    for one in done:
        terminal.err(f"an earlier run was stopped: {one.action} {one_line(one.address)} {words[one.verdict]}")


def command_line(command: str, given: Given) -> str:
    """The command as it was called, without `--yes`; what `-p` gives stands in the user's own history already."""
    return shlex.join(["vch", command, *(word for word in given.written if word != "--yes")])


# ---- saved plans ---------------------------------------------------------------------------------------------------


def _saved(file: str) -> bytes | None:
    """The content of a saved plan, None for anything else: a script never begins with a brace."""
    if file.endswith(".vch"):
        return None
    try:
        with open(file, "rb") as opened:
            begin = opened.read(4096)
            if begin.lstrip()[:1] != b"{":
                return None
            return begin + opened.read(_LARGEST_PLAN)
    except OSError:
        return None  # reading it as a script says what is wrong


def _apply_saved(data: bytes, given: Given, terminal: Terminal, machine: Machine) -> int:
    file = given.words[0]
    for option in ("name", "params"):
        if option in given.values:
            raise Usage(f"`--{option}` has no meaning for a saved plan: it holds everything already")
    here, key, plan = _opened(data, given, machine)
    target = connect(here, machine)
    if (plan.environment, plan.target) != (here.environment.name, target.name):
        message = f"the plan is for {plan.target} in the environment {plan.environment}"
        raise Refusal([problem("stale-plan", message, "make it again with `vch plan -o FILE`")])
    _same_manifest(under_manifest(here, machine), plan)
    ask = terminal.ask_hidden if terminal.may_ask else None
    values = [op.args for op in plan.operations]
    sources = {**here.environment.secrets, **secret_sources(given, secrets_in(values))}
    secrets = Secrets(sources, key, machine, ask)
    wrong = secrets.check_plan(values)
    if wrong:
        raise Refusal(wrong, code=STALE if all(one.code == "stale-plan" for one in wrong) else MISTAKES)
    return carry_out(
        Prepared(plan=plan, secrets=secrets, key=key),
        here,
        target,
        holder(plan.verb, machine),
        terminal,
        machine,
        data=here.workspace.open_data,
        as_lines=given.one("format") == "jsonl",
        confirmed=True,
        command=shlex.join(["vch", "apply", plan.script or file]),
        verbose=given.flag("verbose"),
    )


def _same_manifest(here: Setting, plan: Plan) -> None:
    """Refuse a plan that was not made under the manifest that scripts run under here. Removing needs no grant."""
    if here.under is None or plan.verb == "destroy":
        return
    made = [one.sha256 for one in plan.inputs if one.kind == MANIFEST]
    if here.under.sha256 not in made:
        under = "another manifest than" if made else "no manifest, and not under"
        message = f"the plan was made under {under} `{here.under.granted.name}`"
        raise Refusal([problem("manifest-required", message, "make it again with `vch plan -o FILE`")])


def _opened(data: bytes, given: Given, machine: Machine) -> tuple[Setting, Key, Plan]:
    """The plan, and the setting that it was made in: the project that the file lies in, else the one that we are in."""
    project, environment = _claims(data)
    error: PlanError | None = None
    for place in dict.fromkeys((os.path.dirname(os.path.abspath(given.words[0])), os.getcwd())):
        found = find(place)
        if (project and found.name != project) or not os.path.exists(found.key):
            continue
        here = setting_in(found, given.one("env") or environment)
        key = Key(found.key, machine)
        try:
            return here, key, decode(data, key=key.value, now=machine.clock.now())
        except PlanError as problem_:
            error = problem_
    if error is None:
        # Without the key nothing can be told but whether it is a plan at all.
        try:
            decode(data, key=bytes(32), now=machine.clock.now())
        except PlanError as problem_:
            error = problem_
    assert error is not None
    raise Refusal([problem(error.code, error.message, error.hint)])


def _claims(data: bytes) -> tuple[str, str]:
    """Which project and environment a plan says it is of; nothing is believed before its seal was checked."""
    try:
        found: Any = json.loads(data)
        body = found["plan"] if found.get("format") == FORMAT else {}
        project, environment = body.get("project", ""), body.get("environment", "")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return "", ""
    return (project, environment) if isinstance(project, str) and isinstance(environment, str) else ("", "")
