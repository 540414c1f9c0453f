"""A command that cannot go on says so with diagnostics, and an exit code that follows from them."""

from __future__ import annotations

from collections.abc import Sequence

from vchlang.cli.show_diagnostics import Sources
from vchlang.codes import CODES
from vchlang.diagnostics import Diagnostic, Severity
from vchlang.portlayer.driver import DriverError
from vchlang.state.store import StoreError
from vchlang.text import Span

DONE, STOPPED, USAGE, MISTAKES, REFUSED, UNREACHABLE, STALE, CHANGES, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 10, 130

_REFUSED = frozenset({
    "foreign-owner", "corrupt-record", "protected", "locked", "not-confirmed", "store-unwritable", "store-broken",
    "not-empty", "not-granted", "over-limit", "manifest-signature", "manifest-expired", "manifest-required",
})  # fmt: skip
_STALE = frozenset({"stale-plan", "stale-handle"})


class Refusal(Exception):
    """Ends a command. `sources`: where the diagnostics' texts are, None where they name none."""

    def __init__(
        self, diagnostics: Sequence[Diagnostic], sources: Sources | None = None, code: int | None = None
    ) -> None:
        super().__init__()
        self.diagnostics = tuple(diagnostics)
        self.sources = sources
        self.code = exit_code(diagnostics) if code is None else code


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """What a command ends with that has found these: a mistake in the script counts before a refusal."""
    errors = {one.code for one in diagnostics if one.severity is Severity.ERROR}
    if not errors:
        return DONE
    if errors <= _STALE:
        return STALE
    return REFUSED if errors <= _REFUSED | _STALE else MISTAKES


def problem(code: str, message: str, hint: str = "") -> Diagnostic:
    """A diagnostic that no text is to blame for."""
    return Diagnostic(
        code=code, severity=CODES[code].severity, message=message, span=Span(0, 0), hints=(hint,) if hint else ()
    )


def of_store(error: StoreError) -> Refusal:
    """What a store refuses."""
    found = problem(error.code if error.code in CODES else "store-broken", error.message, error.hint)
    return Refusal([found], code=UNREACHABLE if error.code == "unknown-world" else None)


def of_driver(error: DriverError) -> Refusal:
    """A target that does not answer, or turns us away."""
    code = error.reason if error.reason in CODES and error.reason != "step-failed" else "unknown-world"
    found = problem(code, error.detail)
    return Refusal([found], code=UNREACHABLE if code == "unknown-world" else None)
