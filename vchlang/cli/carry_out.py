"""Carrying out a plan: asking first, telling what happens, and stopping when somebody wants it to.

Whoever reads the output may go away (a closed pipe); that stops nothing. Ctrl-C, or SIGTERM, starts nothing new and
finishes what is under way; the second one ends the process at once, and the next command looks at what it left.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vchlang.cli.look import Terminal, one_line, paint
from vchlang.cli.planning import Prepared
from vchlang.cli.refusal import DONE, INTERRUPTED, REFUSED, STALE, STOPPED, Refusal, problem
from vchlang.cli.show_events import Narrator, outputs_text
from vchlang.cli.show_plan import plan_text, replaced_in, title
from vchlang.cli.signals import heard
from vchlang.cli.target import Setting, Target
from vchlang.plan.model import Plan
from vchlang.portlayer.events import RunDone
from vchlang.portlayer.execute import execute
from vchlang.state.store import Holder
from vchlang.system import Machine

_CODES = {"done": DONE, "failed": STOPPED, "interrupted": INTERRUPTED, "refused": REFUSED, "stale": STALE,
          "unverified": STOPPED}  # fmt: skip


def carry_out(
    prepared: Prepared,
    here: Setting,
    target: Target,
    by: Holder,
    terminal: Terminal,
    machine: Machine,
    *,
    data: Callable[[Any], Any],
    as_lines: bool,
    confirmed: bool,
    command: str,
    verbose: bool = False,
) -> int:
    """Show a plan, have it confirmed, and do it; the exit code.

    as_lines: events as JSON on stdout, a line each; else stdout has the plan and the outputs.
    command: what was called, to say how to go on.
    """
    plan = prepared.plan
    (terminal.err if as_lines else terminal.out)(plan_text(plan, verbose=verbose))
    if plan.changing and not confirmed:
        _have_confirmed(plan, terminal, command)
    if not plan.changing and not plan.verifies and not _outputs_matter(plan, target):
        return DONE
    for path in prepared.secrets.keep():
        terminal.err(f"made up a user and password in {one_line(os.path.relpath(path))}")
    _keep_from_git(here.project.state, machine)
    narrator = Narrator(plan, terminal, here.sources, command)
    quiet = not plan.changing and not plan.verifies
    ended: RunDone | None = None
    with stopping() as cancelled:
        events = execute(
            plan,
            target.driver,
            target.store,
            machine,
            by,
            reveal=prepared.secrets.reveal,
            data=data,
            cancelled=cancelled,
        )
        for event in events:
            if as_lines:
                terminal.out_bytes(msgspec.json.encode(event) + b"\n")
            if not quiet:
                narrator.tell(event)
            if isinstance(event, RunDone):
                ended = event
    assert ended is not None, "the last event is RunDone. This is a bug in vch."
    if ended.outputs and not as_lines:
        terminal.out(("" if quiet else "\n") + outputs_text(ended.outputs))
    return _CODES[ended.status]


def _keep_from_git(directory: str, machine: Machine) -> None:
    """State, keys and made-up secrets are nothing to commit; a directory that cannot have the file goes without."""
    path = os.path.join(directory, ".gitignore")
    if not os.path.lexists(path):
        with contextlib.suppress(OSError):
            machine.files.ensure_directory(directory)
            machine.files.write_new(path, b"*\n", 0o644)


def _outputs_matter(plan: Plan, target: Target) -> bool:
    """Whether a plan that changes nothing has outputs to work out, or to forget."""
    return plan.verb == "apply" and bool(plan.outputs or target.store.read(plan.deployment).outputs)


def _have_confirmed(plan: Plan, terminal: Terminal, command: str) -> None:
    """Ask. Where something goes, the deployment's name is the answer, so that no habit gives it."""
    where = f"{one_line(plan.deployment)} on {one_line(plan.target)}"
    if not terminal.may_ask:
        message = f"nobody is here to confirm the changes to {where}"
        raise Refusal([problem("not-confirmed", message, f"if it is meant: {command} --yes")])
    losing = _losing(plan)
    terminal.err("")
    if losing:
        shown = losing[0] if len(losing) == 1 else f"{losing[0]} and {len(losing) - 1} more"
        terminal.err(paint(f"This removes or replaces {one_line(shown)}.", "warning"))
        answer = terminal.ask(f"{plan.verb.capitalize()} {where}? Type the name of the deployment to go on: ")
        agreed = answer == plan.deployment
    else:
        answer = terminal.ask(f"Apply to {where}? [y/N] ")
        agreed = (answer or "").lower() in ("y", "yes")
    if not agreed:
        raise Refusal([problem("not-confirmed", f"the changes to {where} were not confirmed", "nothing was begun")])


def _losing(plan: Plan) -> list[str]:
    replaced = replaced_in(plan)
    return list(dict.fromkeys(title(op) for op in plan.operations if op.action == "delete" or op.address in replaced))


@contextlib.contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Gives what says whether somebody asked to stop, as long as the block lasts."""
    asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            # Nothing may be written any more that is not durable already; the journal is.
            with contextlib.suppress(OSError):
                os.write(2, b"stopped at once; the next command looks at what is there before it does anything\n")
            os._exit(INTERRUPTED)
        asked = True
        with contextlib.suppress(OSError):
            os.write(2, b"stopping: nothing new is begun, what runs is finished (once more to stop at once)\n")

    with heard(stop):
        yield lambda: asked
