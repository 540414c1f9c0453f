"""From a script, or from what the state remembers, to a plan: the way that plan, apply and destroy have in common.

It reads: the script and what that reads, the state, the target. It writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from vchlang import values as v
from vchlang.analysis.evaluate import check_secrets
from vchlang.analysis.program import Composition
from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import Given
from vchlang.cli.parameters import for_plan, sources_of
from vchlang.cli.refusal import Refusal, problem
from vchlang.cli.secrets import Key, Secrets
from vchlang.cli.show_diagnostics import show
from vchlang.cli.target import Setting, Target, under_manifest
from vchlang.diagnostics import Diagnostic, has_errors
from vchlang.plan.build import build, queries
from vchlang.plan.destroy import destroy, destroy_queries
from vchlang.plan.model import Input, Plan
from vchlang.plan.request import Request
from vchlang.portlayer.observe import confirm, observe
from vchlang.state.store import Deployment
from vchlang.syntax import ast
from vchlang.system import Machine

MANIFEST = "manifest"
"""The kind of the input of a plan that is the manifest it was made under."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that nothing forbids, with the secrets that it names and the key that it is sealed with."""

    plan: Plan
    secrets: Secrets
    key: Key


def prepare(
    setting: Setting, target: Target, given: Given, script: str, deployment: str, terminal: Terminal, machine: Machine
) -> Prepared:
    """Plan a script. Warnings are shown; Refusal with everything that is wrong, if anything is."""
    setting = under_manifest(setting, machine)
    workspace, environment = setting.workspace, setting.environment
    loaded = workspace.load(script)
    program = loaded.program
    if program is None:
        raise Refusal(loaded.diagnostics, setting.sources)
    if any(isinstance(one.node, ast.Manifest) for _, one in program.parsed.statements()):
        message = f"{loaded.name} is a manifest: it says what scripts may do, and does nothing itself"
        raise Refusal([problem("misplaced", message, f"see what it grants: vch manifest show {script}")])
    parameters = for_plan(program, environment, given)
    composition = workspace.evaluate(program, parameters)
    key = Key(setting.project.key, machine)
    ask = terminal.ask_hidden if terminal.may_ask else None
    secrets = Secrets(sources_of(program, environment, given), key, machine, ask)
    found = list(dict.fromkeys((*loaded.diagnostics, *composition.diagnostics, *not_granted(setting, composition))))
    if not has_errors(found):
        found += secrets.check(program)
    if not has_errors(found):
        found += check_secrets(program, msgspec.structs.replace(parameters, secrets=secrets.known()))
    if has_errors(found):
        raise Refusal(in_order(found), setting.sources)
    state = target.store.read(deployment)
    inputs = inputs_of(setting, workspace.inputs(loaded))
    request = request_for(setting, target, state, loaded.name, secrets.digest, inputs)
    wanted = queries(composition, request)
    findings = confirm(target.driver, wanted)
    observed = observe(target.driver, state, wanted)
    planned = build(composition, request, observed, findings, target.driver.capabilities())
    found += planned.diagnostics
    if has_errors(found):
        raise Refusal(in_order(found), setting.sources)
    show(in_order(found), setting.sources, terminal)
    if setting.under is not None:
        terminal.err(one_line(f"under the manifest `{setting.under.granted.name}`, signed by {setting.under.signer}"))
    return Prepared(plan=planned.plan, secrets=secrets, key=key)


def prepare_destroy(setting: Setting, target: Target, deployment: str, script: str, machine: Machine) -> Prepared:
    """Plan the removal of everything that the state has of a deployment."""
    key = Key(setting.project.key, machine)
    secrets = Secrets({}, key, machine, None)
    state = target.store.read(deployment)
    request = request_for(setting, target, state, script, secrets.digest, ())
    observed = observe(target.driver, state, destroy_queries(request))
    planned = destroy(request, observed)
    if has_errors(planned.diagnostics):
        raise Refusal(planned.diagnostics, setting.sources)
    return Prepared(plan=planned.plan, secrets=secrets, key=key)


def not_granted(setting: Setting, composition: Composition) -> tuple[Diagnostic, ...]:
    """What a script asks for and the manifest that it runs under does not grant; nothing where there is none."""
    if setting.under is None:
        return ()
    from vchlang.analysis.grants import check_grants

    return check_grants(composition, setting.under.granted)


def inputs_of(setting: Setting, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """What a plan was made from, with the manifest that it was made under."""
    if setting.under is None:
        return inputs
    return (*inputs, Input(kind=MANIFEST, name=setting.under.source.name, sha256=setting.under.sha256))


def request_for(
    setting: Setting,
    target: Target,
    state: Deployment,
    script: str,
    secret_digest: Callable[[v.Secret], str],
    inputs: tuple[Input, ...],
) -> Request:
    """What a plan is about."""
    return Request(
        deployment=state.name,
        project=setting.project.name,
        environment=setting.environment.name,
        target=target.name,
        script=script,
        state=state,
        position=setting.workspace.position,
        secret_digest=secret_digest,
        inputs=inputs,
    )


def in_order(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each once, by text and place; what names no text comes first."""
    return tuple(
        sorted(dict.fromkeys(diagnostics), key=lambda one: (one.source, one.span.start, one.span.end, one.code))
    )
