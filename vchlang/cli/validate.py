"""`vch validate`: everything that is wrong with scripts, in one run, without touching anything."""

from __future__ import annotations

import json
import os

from vchlang.cli.look import Terminal
from vchlang.cli.options import ENVIRONMENT, PARAM, PARAMS, Command, Given, Usage, formats
from vchlang.cli.parameters import for_validate
from vchlang.cli.planning import in_order, not_granted
from vchlang.cli.refusal import exit_code
from vchlang.cli.show_diagnostics import Sources, as_json, github_of, show, summary
from vchlang.cli.target import Setting, setting, under_manifest
from vchlang.diagnostics import Diagnostic, Severity
from vchlang.project import find
from vchlang.system import Machine

COMMAND = Command(
    name="validate",
    words="[FILE…]",
    doc="Check scripts: names, types, values, the order of join and bind. Without a file, all scripts of the project.\n"
    "A parameter without a value is unknown and no mistake; secrets are not read; the target is not asked.",
    options=(ENVIRONMENT, PARAM, PARAMS, formats("text", "json", "github")),
    least=0,
    most=1 << 30,
    examples=("vch validate examples/seed.vch", "vch validate --format github"),
)

_MOST_SHOWN = 100


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Validate scripts."""
    settings: dict[str, Setting] = {}
    found: list[tuple[Diagnostic, Sources]] = []
    files = given.words or _scripts(os.getcwd())
    for file in dict.fromkeys(os.path.abspath(one) for one in files):
        root = find(file).root
        if root not in settings:
            settings[root] = under_manifest(setting(file, given.one("env")), machine)
        here = settings[root]
        found += [(one, here.sources) for one in _check(file, here, given)]
    found = _once(found)
    diagnostics = [one for one, _ in found]
    # Of a module that a script imports, the mistakes are said too.
    count = max(
        len(dict.fromkeys(os.path.abspath(one) for one in files)),
        len({one.source for one in diagnostics if one.source}),
    )
    match given.one("format", "text"):
        case "json":
            document = json.dumps(as_json(found), ensure_ascii=False, indent=2)
            terminal.out_bytes(document.encode("utf-8", "backslashreplace") + b"\n")
        case "github":
            for one, sources in found:
                terminal.out(github_of(one, sources))
        case _:
            if len(found) > _MOST_SHOWN:  # no warning takes the place of an error
                found.sort(key=lambda one: one[0].severity is not Severity.ERROR)
            for one, sources in found[:_MOST_SHOWN]:
                show([one], sources, terminal)
            if len(found) > _MOST_SHOWN:
                terminal.err(f"… and {len(found) - _MOST_SHOWN} more; --format json has them all\n")
    if diagnostics:
        terminal.err(summary(diagnostics, count))
    elif given.one("format", "text") == "text":
        terminal.out(summary(diagnostics, count).capitalize() + ".")
    return exit_code(diagnostics)


def _check(file: str, here: Setting, given: Given) -> tuple[Diagnostic, ...]:
    loaded = here.workspace.load(file)
    found = list(loaded.diagnostics)
    if loaded.program is not None:
        parameters = for_validate(loaded.program, here.environment, given)
        composition = here.workspace.evaluate(loaded.program, parameters)
        found += (*composition.diagnostics, *not_granted(here, composition))
    return in_order(found)


def _once(found: list[tuple[Diagnostic, Sources]]) -> list[tuple[Diagnostic, Sources]]:
    """A module that several scripts import has its mistakes once."""
    out: dict[tuple[str, Diagnostic], tuple[Diagnostic, Sources]] = {}
    for one, sources in found:
        out.setdefault((sources.root, one), (one, sources))
    return list(out.values())


def _scripts(directory: str) -> list[str]:
    """Every script of the project that a directory belongs to; what others import is checked with them."""
    project = find(directory)
    here = setting(directory, "")
    files: list[str] = []
    for place, directories, names in os.walk(project.root):
        directories[:] = sorted(one for one in directories if not one.startswith(".") and one != "node_modules")
        files += [os.path.join(place, one) for one in sorted(names) if one.endswith(".vch")]
    imported = {name for one in files for name in here.workspace.modules(one)}
    scripts = [one for one in files if project.inside(one) not in imported]
    if not scripts:
        raise Usage("`vch validate` needs a FILE", f"{os.path.relpath(project.root)} has no script (*.vch)")
    return scripts
