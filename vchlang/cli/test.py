"""`vch test`: the `test` blocks of scripts and modules, one line each, and why those that failed did."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.given import from_text
from vchlang.analysis.trial import Trial, trials_of
from vchlang.cli.look import Terminal, bare, one_line, paint, safe, seconds
from vchlang.cli.options import ENVIRONMENT, Command, Given, Option, Usage, formats
from vchlang.cli.refusal import DONE, INTERRUPTED, MISTAKES, STOPPED
from vchlang.cli.show_diagnostics import Sources, as_json, show, text_of
from vchlang.cli.signals import heard
from vchlang.cli.target import Setting, setting
from vchlang.cli.trials import Finding, Interrupted, Trying, sweep
from vchlang.diagnostics import Diagnostic, nearest
from vchlang.project import find
from vchlang.system import Machine

COMMAND = Command(
    name="test",
    words="[FILE|DIRECTORY…]",
    doc="Run the `test` blocks of scripts and modules; without a word, of all in the project. A test without a\n"
    "`verify` only plans; one with it is applied on an embedded platform of its own, which is destroyed afterwards.\n"
    "The parameters of vch.toml apply with --env only.",
    options=(
        ENVIRONMENT,
        Option(("--filter",), "only tests whose name has this in it", "TEXT"),
        Option(("--within",), "how long one test may take (else 5min)", "DURATION"),
        formats("text", "json", "junit"),
    ),
    least=0,
    most=1 << 30,
    examples=("vch test", 'vch test stdlib examples --filter "each site"', "vch test site.vch --format junit"),
)
FORMAT_VERSION = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One test that was run."""

    file: str
    line: int
    name: str
    seconds: float
    findings: tuple[Finding, ...]


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Run tests."""
    limit = _limit(given)
    files = _files(given.words or [find(os.getcwd()).root])
    settings: dict[str, Setting] = {}
    wanted = given.one("filter").lower()
    outcomes: list[Outcome] = []
    broken: list[tuple[Diagnostic, Sources]] = []
    names: list[str] = []
    as_text = given.one("format", "text") == "text"
    begun = machine.clock.monotonic()
    sweep()
    interrupted = False
    with _stopping() as stopped:
        try:
            for file in files:
                root = find(file).root
                if root not in settings:
                    settings[root] = setting(file, given.one("env"))
                here = settings[root]
                loaded = here.workspace.load(file)
                if loaded.program is None:
                    broken += [(one, here.sources) for one in loaded.diagnostics]
                    continue
                trials = trials_of(loaded.program)
                names += [one.name for one in trials]
                chosen = [one for one in trials if wanted in one.name.lower()]
                environment = here.environment if given.one("env") else None
                trying = Trying(here, loaded, machine, environment, stopped, limit)
                if trying.broken and not (trials and all(one.expects_errors for one in trials)):
                    broken += [(one, here.sources) for one in trying.broken]
                    chosen = [one for one in chosen if one.expects_errors]
                if as_text and chosen:
                    terminal.out(one_line(here.sources.shown(loaded.name)))
                for one in chosen:
                    outcome = _tried(one, trying, machine)
                    outcomes.append(outcome)
                    if as_text:
                        _tell(outcome, terminal)
        except Interrupted:
            interrupted = True
    if wanted and names and not outcomes and not interrupted and not broken:
        near = nearest(wanted, names)
        raise Usage(f"no test has `{given.one('filter')}` in its name", f"did you mean `{near}`?" if near else "")
    if outcomes or broken or not interrupted:
        _answer(outcomes, _once(broken), machine.clock.monotonic() - begun, given.one("format", "text"), terminal)
    if interrupted:
        terminal.err("interrupted; what the test had made is gone")
        return INTERRUPTED
    if broken:
        return MISTAKES
    return STOPPED if any(one.findings for one in outcomes) else DONE


def _tried(trial: Trial, trying: Trying, machine: Machine) -> Outcome:
    begun = machine.clock.monotonic()
    findings = trying.run(trial)
    line = trying.here.workspace.position(trying.loaded.name, trial.head.start)[0]
    return Outcome(
        file=trying.loaded.name,
        line=line,
        name=trial.name,
        seconds=machine.clock.monotonic() - begun,
        findings=findings,
    )


def _once(broken: list[tuple[Diagnostic, Sources]]) -> list[tuple[Diagnostic, Sources]]:
    """A module that several files import has its mistakes once."""
    out: dict[tuple[str, Diagnostic], tuple[Diagnostic, Sources]] = {}
    for one, sources in broken:
        out.setdefault((sources.root, one), (one, sources))
    return list(out.values())


def _limit(given: Given) -> float:
    text = given.one("within", "5min")
    try:
        found = from_text(text, v.DURATION)
    except ValueError:
        found = 0
    if not isinstance(found, int) or found <= 0:
        raise Usage("`--within` takes a duration", "as in --within 10min")
    return int(found) / 1e9


def _files(words: list[str]) -> list[str]:
    """The scripts and modules that words mean, each once, in the order of the words and by name in directories."""
    out: dict[str, None] = {}
    for word in words:
        if not os.path.isdir(word):
            out[os.path.abspath(word)] = None
            continue
        for place, directories, names in os.walk(os.path.abspath(word)):
            directories[:] = sorted(one for one in directories if not one.startswith(".") and one != "node_modules")
            out |= {os.path.join(place, one): None for one in sorted(names) if one.endswith(".vch")}
    return list(out)


@contextlib.contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Gives what says whether somebody asked to stop. However often: the world of the test at hand goes first."""
    asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked
        if not asked:
            with contextlib.suppress(OSError):
                os.write(2, b"stopping: what the test has made is destroyed first\n")
        asked = True

    with heard(stop):
        yield lambda: asked


# ---- how it looks ----------------------------------------------------------------------------------------------------


def _tell(outcome: Outcome, terminal: Terminal) -> None:
    sign = paint("✗", "error") if outcome.findings else paint("✓", "green")
    terminal.out(f"  {sign} {one_line(outcome.name)}  {paint(seconds(outcome.seconds), 'dim')}")
    for one in outcome.findings:
        shown = text_of(one.diagnostic, one.sources)
        terminal.out("\n".join(f"      {line}".rstrip() for line in shown.split("\n")) + "\n")


def _answer(
    outcomes: list[Outcome], broken: list[tuple[Diagnostic, Sources]], took: float, format_: str, terminal: Terminal
) -> None:
    failed = sum(bool(one.findings) for one in outcomes)
    match format_:
        case "json":
            document = json.dumps(_document(outcomes, broken, took), ensure_ascii=False, indent=2)
            terminal.out_bytes(document.encode("utf-8", "backslashreplace") + b"\n")
        case "junit":
            terminal.out_bytes(_junit(outcomes, broken, took).encode("utf-8", "backslashreplace"))
        case _:
            for one, sources in broken:
                show([one], sources, terminal)
            if not outcomes and not broken:
                terminal.out("No tests.")
            elif outcomes:
                words = [f"{len(outcomes) - failed} passed"] + ([f"{failed} failed"] if failed else [])
                count = f"{len(outcomes)} {'test' if len(outcomes) == 1 else 'tests'}"
                terminal.out(f"{count}: {', '.join(words)}   {seconds(took)}")


def _document(outcomes: list[Outcome], broken: list[tuple[Diagnostic, Sources]], took: float) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "passed": sum(not one.findings for one in outcomes),
        "failed": sum(bool(one.findings) for one in outcomes),
        "seconds": round(took, 3),
        "tests": [
            {
                "file": one.file,
                "line": one.line,
                "name": one.name,
                "passed": not one.findings,
                "seconds": round(one.seconds, 3),
                "diagnostics": as_json((each.diagnostic, each.sources) for each in one.findings)["diagnostics"],
            }
            for one in outcomes
        ],
        "diagnostics": as_json(broken)["diagnostics"],
    }


def _junit(outcomes: list[Outcome], broken: list[tuple[Diagnostic, Sources]], took: float) -> str:
    """What CI systems read."""
    from xml.sax.saxutils import escape, quoteattr

    def plain(one: Diagnostic, sources: Sources) -> str:
        return escape(bare(text_of(one, sources)))

    failed = sum(bool(one.findings) for one in outcomes)
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    out.append(
        f'<testsuites><testsuite name="vch" tests="{len(outcomes) + len(broken)}" failures="{failed}" '
        f'errors="{len(broken)}" time="{took:.3f}">'
    )
    for one in outcomes:
        file, name = (quoteattr(safe(text)) for text in (one.file, one.name))
        out.append(f'<testcase classname={file} name={name} file={file} line="{one.line}" time="{one.seconds:.3f}">')
        for each in one.findings:
            message = quoteattr(safe(each.diagnostic.message))
            out.append(f"<failure message={message}>{plain(each.diagnostic, each.sources)}</failure>")
        out.append("</testcase>")
    for diagnostic, sources in broken:
        file, message = quoteattr(safe(diagnostic.source)), quoteattr(safe(diagnostic.message))
        out.append(f"<testcase classname={file} name={quoteattr(diagnostic.code)}>")
        out.append(f"<error message={message}>{plain(diagnostic, sources)}</error></testcase>")
    return "\n".join([*out, "</testsuite></testsuites>"]) + "\n"
