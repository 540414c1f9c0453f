"""Diagnostics are data: what is wrong, exactly where, what else shows it, and what to do.

The command line, the JSON output and the editor render the same value. A phase collects them in a `Report`; nothing
that a user can get wrong raises. One mistake gives one diagnostic: what only follows from it stays quiet.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

import msgspec

from vchlang.text import SourceText, Span


class Severity(enum.StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What every diagnostic of one kind has in common; the table is `vchlang.codes`."""

    slug: str
    severity: Severity
    doc: str
    example: str


class Label(msgspec.Struct, frozen=True):
    """A second place that belongs to the mistake ("first joined here")."""

    source: str
    span: Span
    text: str


class Fix(msgspec.Struct, frozen=True):
    """An edit that mends it: replace `span` of the diagnostic's source by `text`."""

    title: str
    span: Span
    text: str


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. `source` is the name of the text that `span` is in; both empty where no text is to blame."""

    code: str
    severity: Severity
    message: str
    source: str = ""
    span: Span = Span(0, 0)
    labels: tuple[Label, ...] = ()
    expected: str = ""
    found: str = ""
    hints: tuple[str, ...] = ()
    fix: Fix | None = None


_MOST_COMPARED = 30_000
_LONGEST_COMPARED = 80
_SHORT = 4


class _Spelling:
    """How many choices are still compared with misspelt words; a report begins anew. Hints cost no more than that."""

    left = _MOST_COMPARED


class Report:
    """Collects the diagnostics of one phase over one text; `freeze` gives them by position, each once."""

    __slots__ = ("_found", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        _Spelling.left = _MOST_COMPARED
        self._found: dict[tuple[str, str, int, int, str], Diagnostic] = {}

    def report(
        self,
        code: Code,
        span: Span,
        message: str,
        *,
        hint: str | None = None,
        hints: Iterable[str] = (),
        labels: Iterable[Label | tuple[Span, str]] = (),
        expected: str = "",
        found: str = "",
        fix: Fix | None = None,
        source: str | None = None,
    ) -> None:
        """Note a mistake at `span`. Labels given as (span, text) lie in the same text."""
        place = self.source if source is None else source
        made = tuple(
            label if isinstance(label, Label) else Label(source=place, span=label[0], text=label[1]) for label in labels
        )
        given = tuple(hints) + ((hint,) if hint else ())
        # A loop evaluates one statement many times; the same words at the same place are one mistake.
        self._found.setdefault(
            (place, code.slug, span.start, span.end, message),
            Diagnostic(
                code=code.slug,
                severity=code.severity,
                message=message,
                source=place,
                span=span,
                labels=made,
                expected=expected,
                found=found,
                hints=given,
                fix=fix,
            ),
        )

    @property
    def count(self) -> int:
        """How many were found so far."""
        return len(self._found)

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Take over what another phase or text found."""
        for one in diagnostics:
            self._found.setdefault((one.source, one.code, one.span.start, one.span.end, one.message), one)

    def freeze(self) -> tuple[Diagnostic, ...]:
        """Everything found so far, by text and place."""
        return tuple(sorted(self._found.values(), key=lambda one: (one.source, one.span.start, one.span.end, one.code)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is more than a warning."""
    return any(one.severity is Severity.ERROR for one in diagnostics)


def with_article(word: str) -> str:
    """A noun with the article that it is spoken with: `an executor`, `a Url`."""
    low = word.lower()
    vowel = low[:1] in tuple("aeio") or (low[:1] == "u" and not low.startswith(("url", "uni", "use")))
    return f"an {word}" if vowel else f"a {word}"


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """A hint that names the nearest of `choices`, or None when none is near."""
    near = nearest(word, choices)
    return f"did you mean `{near}`?" if near else None


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is spelt most like `word`, or None when none is near.

    None too for a word that is too long for a name, and once a report has had very many words compared: a file with
    ten thousand names, all misspelt, would take minutes.
    """
    if len(word) > _LONGEST_COMPARED or _Spelling.left <= 0:
        return None
    import difflib  # on the error path only: it costs 4 ms at start

    folded: dict[str, str] = {}
    for choice in choices:
        if len(choice) <= _LONGEST_COMPARED:
            folded.setdefault(choice.lower(), choice)
    _Spelling.left -= len(folded)
    # A short word is like many others: there one letter may differ, and no more.
    short = len(word) <= _SHORT
    found = difflib.get_close_matches(word.lower(), list(folded), n=3, cutoff=0.5 if short else 0.7)
    return next((folded[one] for one in found if not short or one_off(word.lower(), one)), None)


def one_off(one: str, other: str) -> bool:
    """Whether two words differ in no more than a letter, or in two neighbours that changed places."""
    if one == other:
        return True
    first = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[first:], other[first:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def render(diagnostic: Diagnostic, lookup: Callable[[str], SourceText | None]) -> str:
    """Plain text of one diagnostic, with the lines it speaks of; `lookup` gives a text by its name, or None."""
    out = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    text = lookup(diagnostic.source) if diagnostic.source else None
    if text is not None:
        out += _excerpt(diagnostic, text)
    elif diagnostic.source:
        out.append(f"  --> {diagnostic.source}")
    for label in diagnostic.labels:
        if label.source != diagnostic.source and (other := lookup(label.source)) is not None:
            line, column = other.position(label.span.start)
            out.append(f"  --> {label.source}:{line}:{column}: {label.text}")
    if diagnostic.expected:
        out.append(f"  = expected  {diagnostic.expected}")
    if diagnostic.found:
        out.append(f"  = found     {diagnostic.found}")
    out += [f"  = help: {hint}" for hint in diagnostic.hints]
    if diagnostic.fix is not None:
        out.append(f"  = fix: {diagnostic.fix.title}")
    return "\n".join(out)


def _excerpt(diagnostic: Diagnostic, text: SourceText) -> list[str]:
    """The head line and each line that carries the mistake or one of its labels, marked below."""
    line, column = text.position(diagnostic.span.start)
    marks: dict[int, list[tuple[int, int, str, str]]] = {}

    def mark(span: Span, sign: str, words: str) -> None:
        row, begin = text.position(span.start)
        width = len(text.line(row)) - begin + 1
        length = max(1, min(span.end - span.start, max(width, 1)))
        marks.setdefault(row, []).append((begin, length, sign, words))

    mark(diagnostic.span, "^", "")
    for label in diagnostic.labels:
        if label.source == diagnostic.source:
            mark(label.span, "-", label.text)
    margin = len(str(max(marks)))
    out = [f"{' ' * margin}--> {diagnostic.source}:{line}:{column}", f"{' ' * margin} |"]
    last: int | None = None
    for row in sorted(marks):
        if last is not None and row > last + 1:
            out.append(f"{'.' * margin} :")
        last = row
        shown = text.line(row)
        tabs = shown.replace("\t", " ")
        # A line of a megabyte (a minified or hostile file) is cut to what a person can read.
        cut = 0
        first = min(begin for begin, *_ in marks[row])
        if len(tabs) > _WIDEST:
            cut = max(0, first - 40)
            tabs = tabs[cut : cut + _WIDEST]
        out.append(f"{row:>{margin}} | {tabs}")
        for begin, length, sign, words in sorted(marks[row]):
            shift = begin - 1 - cut
            if 0 <= shift <= _WIDEST:
                signs = sign * min(length, max(1, _WIDEST - shift))
                out.append(f"{' ' * margin} | {' ' * shift}{signs}{' ' + words if words else ''}")
    return out


_WIDEST = 240
