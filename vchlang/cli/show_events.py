"""A run as lines: one for each step when it ends, what went wrong as full messages at the end, and how to go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vchlang import values as v
from vchlang.cli.look import Terminal, mark, one_line, pad, paint, safe, seconds
from vchlang.cli.show_diagnostics import Sources, show
from vchlang.cli.show_plan import replaced_in, shortened, title, what
from vchlang.codes import CODES, VERIFY_FAILED
from vchlang.diagnostics import Diagnostic, Severity
from vchlang.plan.model import Operation, Place, Plan
from vchlang.portlayer.events import (
    Event,
    RunDone,
    RunStarted,
    StepDone,
    StepFailed,
    StepNote,
    StepProgress,
    StepSkipped,
    StepStarted,
    VerifyDone,
    VerifyFailed,
)
from vchlang.text import SourceText, Span

_DONE = {
    "confirm": "confirmed", "read": "found", "create": "created", "adopt": "adopted", "update": "updated",
    "stop": "stopped", "commit": "committed", "start": "started", "freeze": "frozen", "wait": "reached",
    "delete": "removed", "release": "given up", "forget": "forgotten", "rename": "renamed",
}  # fmt: skip


class Narrator:
    """Tells a run on stderr. `resume`: the command that goes on after a stop."""

    def __init__(self, plan: Plan, terminal: Terminal, sources: Sources, resume: str) -> None:
        self._plan = plan
        self._terminal = terminal
        self._sources = sources
        self._resume = resume
        self._operations = {op.id: op for op in plan.operations}
        self._replaced = replaced_in(plan)
        self._width = min(44, max((len(one_line(title(op))) for op in plan.operations), default=0))
        self._failed: list[StepFailed] = []
        self._unverified: list[VerifyFailed] = []
        self._notes: dict[str, list[str]] = {}

    def tell(self, event: Event) -> None:
        """Show one event, if there is anything to show."""
        match event:
            case RunStarted():
                self._terminal.err("")
            case StepDone():
                self._line(event.time, "done", event.operation, f"{_DONE[event.action]}  {seconds(event.seconds)}")
            case StepFailed():
                self._failed.append(event)
                self._line(event.time, "failed", event.operation, "outcome not known" if event.open else "")
            case StepNote():
                self._notes.setdefault(event.operation, []).append(event.message)
            case StepSkipped(cause="needs"):
                self._line(event.time, "skipped", event.operation, one_line(event.reason))
            case VerifyDone():
                self._verify(event, "holds")
            case VerifyFailed():
                self._unverified.append(event)
                self._verify(event, "does not hold")
            case RunDone():
                self._end(event)
            case StepStarted() | StepProgress() | StepSkipped():
                pass  # a line for each would be noise

    def _line(self, at: float, word: str, operation: str, rest: str) -> None:
        op = self._operations[operation]
        clock = paint(time.strftime("%H:%M:%S", time.localtime(at)), "dim")
        style = {"failed": "error", "skipped": "warning"}.get(word)
        shown = paint(word, style) if style else word
        sign = mark(what(op, self._replaced))
        self._terminal.err(f"{clock}  {pad(shown, 7)}  {sign} {pad(one_line(title(op)), self._width)}  {rest}".rstrip())
        for note in self._notes.pop(operation, ()):
            self._terminal.err(f"{'':21}note  {one_line(note)}")

    def _verify(self, event: VerifyDone | VerifyFailed, word: str) -> None:
        clock = paint(time.strftime("%H:%M:%S", time.localtime(event.time)), "dim")
        shown = paint(word, "error") if isinstance(event, VerifyFailed) else word
        self._terminal.err(
            f"{clock}  verify   {mark('read')} {shortened(event.text)}  {shown}  {seconds(event.seconds)}"
        )

    def _end(self, event: RunDone) -> None:
        if self._failed or self._unverified:
            self._terminal.err("")
        for one in self._unverified:
            found, sources = unverified(one, self._plan, self._sources)
            show([found], sources, self._terminal)
        for failure in self._failed:
            found, sources = failure_of(failure, self._operations[failure.operation], self._plan, self._sources)
            show([found], sources, self._terminal)
        if event.status == "refused" and event.message:
            found = Diagnostic(
                code=event.code if event.code in CODES else "store-broken",
                severity=Severity.ERROR,
                message=event.message,
            )
            show([found], self._sources, self._terminal)
        counts = event.counts
        said = [
            f"{counts[name]} {word}"
            for name, word in (
                ("done", "done"),
                ("failed", "failed"),
                ("skipped", "not begun"),
                ("unchanged", "unchanged"),
                ("verified", "verified"),
                ("unverified", "not as the script wants it"),
            )
            if counts.get(name)
        ]
        word = {"done": "Done", "interrupted": "Interrupted", "unverified": "Applied"}.get(event.status, "Stopped")
        self._terminal.err(f"{word}: {', '.join(said) or 'nothing to do'}   {seconds(event.seconds)}")
        match event.status:
            case "done":
                pass
            case "unverified":
                self._terminal.err("  = state: everything was applied and is saved. Applying again asks again")
            case "stale":
                self._terminal.err(
                    "  = state: nothing was begun. The world moved on since the plan was made: plan again"
                )
            case _:
                self._terminal.err(f"  = state: what was done is saved. Go on with `{one_line(self._resume)}`")


def failure_of(failure: StepFailed, op: Operation, plan: Plan, sources: Sources) -> tuple[Diagnostic, Sources]:
    """The diagnostic of a failed step. Lines of the script are shown only if it is as the plan was made from it."""
    code = failure.code if failure.code in CODES else "step-failed"
    source, span, shown = _placed(failure.place, plan, sources)
    hints = ("its outcome is not known; the next command looks before it does anything",) if failure.open else ()
    found = Diagnostic(
        code=code,
        severity=Severity.ERROR,
        message=f"{op.action} {title(op)}: {failure.message}",
        source=source,
        span=span,
        hints=hints,
    )
    return found, shown


def unverified(failed: VerifyFailed, plan: Plan, sources: Sources) -> tuple[Diagnostic, Sources]:
    """The diagnostic of a verify that does not hold."""
    source, span, shown = _placed(failed.place, plan, sources)
    found = Diagnostic(
        code=VERIFY_FAILED.slug,
        severity=Severity.ERROR,
        message=failed.message,
        source=source,
        span=span,
        found=failed.found,
        hints=(f"in `{failed.instance}`",) if failed.instance else (),
    )
    return found, shown


def _placed(place: Place | None, plan: Plan, sources: Sources) -> tuple[str, Span, Sources]:
    """Where something of a plan is written, and the texts that are as the plan was made from them."""
    if place is None:
        return "", Span(0, 0), sources
    shown = Sources(sources.root, _unchanged(plan, sources), sources.before)
    if shown.lookup(place.source) is None:
        return f"{place.source}:{place.line}:{place.column}", Span(0, 0), shown
    return place.source, Span(place.start, place.end), shown


def _unchanged(plan: Plan, sources: Sources) -> Callable[[str], SourceText | None]:
    digests = {one.name: one.sha256 for one in plan.inputs if one.kind in ("script", "module")}

    def lookup(name: str) -> SourceText | None:
        found = sources.lookup(name)
        if found is None or (name in digests and sources.digest(name) != digests[name]):
            return None
        return found

    return lookup


def outputs_text(outputs: dict[str, Any]) -> str:
    """The outputs, one a line, as a script would write them."""
    return "\n".join(f"{one_line(name)} = {safe(v.show(value))}" for name, value in outputs.items())
