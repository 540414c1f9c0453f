"""`vch plan`: what apply would do, and why. It writes nothing but the file of `-o`."""

from __future__ import annotations

import os

from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import ENVIRONMENT, NAME, PARAM, PARAMS, VERBOSE, Command, Given, Option, formats
from vchlang.cli.planning import Prepared, prepare
from vchlang.cli.refusal import CHANGES, DONE, Refusal, problem
from vchlang.cli.show_diagnostics import as_json
from vchlang.cli.show_plan import plan_text
from vchlang.cli.target import connect, deployment_name, setting
from vchlang.system import Machine

COMMAND = Command(
    name="plan",
    words="FILE",
    doc="What apply would do, and why: reads the script, the state and the target, and changes nothing.",
    options=(
        NAME,
        ENVIRONMENT,
        PARAM,
        PARAMS,
        Option(("-o", "--output"), "save the plan, to apply it as it is", "PLANFILE"),
        formats("text", "json"),
        Option(("--exit-code",), "end with 10 when there are changes"),
        VERBOSE,
    ),
    least=1,
    most=1,
    examples=("vch plan examples/seed.vch", "vch plan site.vch -n site-2 -p memory=16GiB -o site-2.vchplan"),
)


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Plan a script."""
    script = given.words[0]
    deployment = deployment_name(given, script)
    here = setting(script, given.one("env"))
    saved = given.one("output")
    if saved:
        _see_to(saved)
    as_document = given.one("format", "text") == "json"
    try:
        prepared = prepare(here, connect(here, machine), given, script, deployment, terminal, machine)
    except Refusal as refusal:
        if as_document and refusal.sources is not None:
            terminal.out_bytes(_document(refusal))
        raise
    plan = prepared.plan
    document = _sealed(prepared, machine, keep=bool(saved)) if saved or as_document else b""
    if saved:
        _save(saved, document, machine)
        terminal.err(f"saved in {one_line(saved)}; carry it out with `vch apply {one_line(saved)}`")
    if as_document:
        terminal.out_bytes(document)
    else:
        terminal.out(plan_text(plan, verbose=given.flag("verbose")))
    return CHANGES if plan.changing and given.flag("exit-code") else DONE


def _sealed(prepared: Prepared, machine: Machine, *, keep: bool) -> bytes:
    """The plan's document. What it is sealed with, and what it has digests of, must be there when it is applied."""
    if keep:
        prepared.secrets.keep()
    from vchlang.plan.codec import encode  # only a plan that is kept or printed whole needs it

    return encode(prepared.plan, key=prepared.key.value, now=machine.clock.now())


def _document(refusal: Refusal) -> bytes:
    import json

    assert refusal.sources is not None
    found = as_json((one, refusal.sources) for one in refusal.diagnostics)
    return json.dumps(found, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def _see_to(path: str) -> None:
    """Refuse to write over anything but a plan."""
    try:
        if os.path.lexists(path) and not os.path.isfile(path):
            raise Refusal([problem("io-error", f"{path} is no plain file")])
        with open(path, "rb") as file:
            if file.read(4096).lstrip()[:1] not in (b"{", b""):
                raise Refusal([problem("io-error", f"{path} exists and is no plan", "give the plan another name")])
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refusal([problem("io-error", f"{path} cannot be written: {error.strerror or error}")]) from None


def _save(path: str, document: bytes, machine: Machine) -> None:
    try:
        machine.files.replace(os.path.abspath(path), document, 0o600)
    except OSError as error:
        raise Refusal([problem("io-error", f"{path} cannot be written: {error.strerror or error}")]) from None
