"""How the checks of a composition report: at a place of any file, with a label at the other half of a conflict."""

from __future__ import annotations

from vchlang.analysis.program import Where
from vchlang.diagnostics import Code, Label, Report


def say(
    out: Report,
    code: Code,
    where: Where,
    message: str,
    other: Where | None = None,
    words: str = "",
    hint: str | None = None,
) -> None:
    """Report a mistake at `where`, and say at `other` what that is."""
    labels = [Label(source=other.source, span=other.span, text=words)] if other is not None else []
    out.report(code, where.span, message, labels=[*labels, *where.made], hint=hint, source=where.source)
