"""`vch docs`: the reference of a module or script, or of the whole language, as Markdown."""

from __future__ import annotations

import json
import os
import sys

import msgspec

from vchlang import resources
from vchlang.cli import COMMANDS
from vchlang.cli.look import Terminal, safe
from vchlang.cli.options import COLOR, HELP, Command, Given, Option, Usage, formats
from vchlang.cli.refusal import (
    CHANGES,
    DONE,
    INTERRUPTED,
    MISTAKES,
    REFUSED,
    STALE,
    STOPPED,
    UNREACHABLE,
    USAGE,
    Refusal,
    problem,
)
from vchlang.cli.show_diagnostics import Sources
from vchlang.cli.target import setting
from vchlang.diagnostics import has_errors, nearest
from vchlang.reference import index_page, pages
from vchlang.reference.markdown import COMMAND as GENERATOR
from vchlang.reference.markdown import code, fence, page, table
from vchlang.reference.module import module_of, module_reference
from vchlang.syntax.parser import Parsed, parse
from vchlang.system import Machine
from vchlang.text import SourceText

STD = "std/"
COMMAND = Command(
    name="docs",
    words="FILE|std/NAME",
    doc="The reference of a module: what it exports, with texts, parameters, defaults, outputs and its tests as\n"
    "examples. Of a script: its parameters and outputs. `##` lines before a statement or parameter are its text.",
    options=(
        formats("md", "json"),
        Option(("--reference",), "write the pages about the whole language instead, into a directory", "DIRECTORY"),
    ),
    least=0,
    most=1,
    examples=("vch docs std/loaders", "vch docs site.vch > site.md", "vch docs --reference docs/reference"),
)
EXIT_CODES: dict[int, str] = {
    DONE: "done",
    STOPPED: "stopped part-way; the same command resumes",
    USAGE: "the command line is wrong",
    MISTAKES: "the script, or the script on this target, has errors",
    REFUSED: "refused: a foreign owner, a lock that is held, not confirmed, protected, a store that cannot be written",
    UNREACHABLE: "the platform is not reachable, or refused the login",
    STALE: "the saved plan is stale",
    CHANGES: "there are changes, with `--exit-code` or `fmt --check`",
    INTERRUPTED: "interrupted; everything done so far is saved",
}


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Describe a module or a script, or write the reference."""
    directory = given.one("reference")
    if directory:
        if given.words:
            raise Usage("`--reference` is about the whole language, and takes no FILE beside its directory")
        _write(directory, terminal, machine)
        return DONE
    if not given.words:
        raise Usage(f"`vch docs` needs {COMMAND.words}", "or --reference DIRECTORY, for the whole language")
    parsed, name = _read(given.words[0])
    if given.one("format", "md") == "json":
        document = {"format_version": 1, **msgspec.to_builtins(module_of(parsed, name))}
        text = json.dumps(document, ensure_ascii=False, indent=2)
        terminal.out_bytes(text.encode("utf-8", "backslashreplace") + b"\n")
    else:
        terminal.out(safe(module_reference(parsed, name)).rstrip("\n"))
    return DONE


def _read(word: str) -> tuple[Parsed, str]:
    """A file or a module of the standard library, and what it is called. Refusal where its syntax has mistakes."""
    if word.startswith(STD) and not os.path.exists(word):
        return _standard(word), word
    here = setting(word, "")
    name = here.project.inside(word)
    source = here.workspace.lookup(name)
    if source is None:
        raise Refusal(here.workspace.load(word).diagnostics, here.sources)
    parsed = parse(source)
    if has_errors(parsed.diagnostics):
        raise Refusal(parsed.diagnostics, here.sources)
    return parsed, name


def _standard(module: str) -> Parsed:
    path = os.path.join(resources.stdlib(), module.removeprefix(STD) + ".vch")
    if module not in modules():
        near = nearest(module, modules())
        raise Refusal(
            [problem("unknown-module", f"there is no module `{module}`", f"did you mean `{near}`?" if near else "")]
        )
    with open(path, encoding="utf-8") as file:
        parsed = parse(SourceText(module, file.read()))
    if has_errors(parsed.diagnostics):
        found = {module: parsed.source}
        raise Refusal(parsed.diagnostics, Sources(resources.stdlib(), found.get))
    return parsed


def modules() -> list[str]:
    """The modules of the standard library, as imports call them."""
    names = sorted(one for one in os.listdir(resources.stdlib()) if one.endswith(".vch") and one[0] not in "._")
    return [STD + one.removesuffix(".vch") for one in names]


# ---- the whole language --------------------------------------------------------------------------------------------


def reference() -> dict[str, str]:
    """All pages of the reference by the names of their files."""
    standard = {f"std-{one.removeprefix(STD)}.md": one for one in modules()}
    out = {"index.md": index_page(standard), **pages(), "commands.md": commands_page()}
    for file, module in standard.items():
        note = f"*Generated from `stdlib/{module.removeprefix(STD)}.vch` by `{GENERATOR}`: change that, not this page.*"
        out[file] = module_reference(_standard(module), module, note)
    return out


def commands_page() -> str:
    """Every command with its options, and what exit codes mean."""
    out = [
        page(
            "Commands",
            "the commands in `vchlang/cli/`",
            "`vch COMMAND --help` says the same of one. What was asked for goes to standard output, all else to "
            "standard error. `--` ends the options. Every command also takes these:",
        ),
        _options((COLOR, HELP)),
    ]
    for name, (module, what) in COMMANDS.items():
        __import__(module)
        command: Command = sys.modules[module].COMMAND
        out += [f"## vch {name}", f"{what[:1].upper()}{what[1:]}.", fence("text", f"vch {name} {command.words}")]
        out.append(command.doc)
        if command.options:
            out.append(_options(command.options))
        if command.examples:
            out.append(fence("console", "\n".join(f"$ {one}" for one in command.examples)))
    rows = ((str(number), meaning) for number, meaning in EXIT_CODES.items())
    return "\n\n".join([*out, "## Exit codes", table(("code", "means"), rows)]) + "\n"


def _options(options: tuple[Option, ...]) -> str:
    rows = []
    for one in options:
        written = ", ".join(code(name + (f" {one.value}" if one.value else "")) for name in one.names)
        rows.append((written, one.doc + ("; can be given several times" if one.many else "")))
    return table(("option", "is"), rows)


def _write(directory: str, terminal: Terminal, machine: Machine) -> None:
    """Write what differs, and take away pages of modules that are gone."""
    made = reference()
    try:
        os.makedirs(directory, exist_ok=True)
        for name in sorted(os.listdir(directory)):
            if name.startswith("std-") and name.endswith(".md") and name not in made:
                os.unlink(os.path.join(directory, name))
                terminal.err(f"removed {name}: its module is gone")
        for name, text in made.items():
            path = os.path.join(directory, name)
            data = text.encode("utf-8", "backslashreplace")
            if os.path.exists(path):
                with open(path, "rb") as file:
                    if file.read() == data:
                        continue
            machine.files.replace(os.path.abspath(path), data, 0o644)
            terminal.err(f"wrote {safe(path)}")
    except OSError as error:
        found = problem("io-error", f"{error.filename or directory} cannot be written: {error.strerror or error}")
        raise Refusal([found]) from None
