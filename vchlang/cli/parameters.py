"""Parameters from outside the script, later over earlier: vch.toml, `--params FILE`, VCH_PARAM_name, `-p name=value`.

What the environment offers may be meant for another script of the project; what the command line gives is meant for
this one. A secret is given by its source only, so that it stands in no list of processes and no history of a shell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from vchlang import values as v
from vchlang.analysis.program import Given as GivenValue
from vchlang.analysis.program import Parameters, Program
from vchlang.cli.options import Given, Usage
from vchlang.cli.refusal import Refusal, problem
from vchlang.cli.secrets import secret_params
from vchlang.project import FILE, Environment, SecretSource
from vchlang.toml import read_toml

VARIABLE = "VCH_PARAM_"


def values_of(
    program: Program, environment: Environment, given: Given, variables: Mapping[str, str] = os.environ
) -> dict[str, GivenValue]:
    """The values of the parameters that are not secret."""
    names = {name for name, symbol in program.symbols.items() if symbol.what == "param"}
    secret = set(secret_params(program))
    out: dict[str, GivenValue] = {}
    for name, value in environment.params.items():
        if name in names - secret:
            out[name] = GivenValue(origin=f"[env.{environment.name}.params] in {FILE}", value=value)
    for file in given.all("params"):
        for name, value in _read(file).items():
            if name in secret:
                raise _secret_in(name, file)
            out[name] = GivenValue(origin=file, value=value)
    for name in names - secret:
        if VARIABLE + name in variables:
            out[name] = GivenValue(origin=f"the variable {VARIABLE}{name}", text=variables[VARIABLE + name])
    for name, text in _pairs(given.all("param")):
        if name not in secret:
            out[name] = GivenValue(origin=f"-p {name}", text=text)
    return out


def sources_of(
    program: Program, environment: Environment, given: Given, variables: Mapping[str, str] = os.environ
) -> dict[str, SecretSource]:
    """Where the secrets that a script declares come from; those without a source are not among them."""
    secret = secret_params(program)
    out = {name: one for name, one in environment.secrets.items() if name in secret}
    for name in secret:
        if VARIABLE + name in variables:
            out[name] = SecretSource(kind="env", name=VARIABLE + name, origin=VARIABLE + name)
    for name, text in _pairs(given.all("param")):
        if name in secret:
            out[name] = _source(name, text)
    return out


def for_plan(program: Program, environment: Environment, given: Given) -> Parameters:
    """The parameters of a plan. Secrets are only named: evaluating needs none of them."""
    sources = sources_of(program, environment, given)
    return Parameters(
        given=values_of(program, environment, given), secrets={name: v.Secret((name,), known=False) for name in sources}
    )


def for_validate(program: Program, environment: Environment, given: Given) -> Parameters:
    """The same for checking only: a parameter without a value is unknown and no mistake."""
    sources_of(program, environment, given)  # refuses a secret that the command line gives in clear
    return Parameters(given=values_of(program, environment, given), unknown=True)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            # The text is not repeated: what was meant may be a secret.
            raise Usage("`-p` takes name=value")
        yield name, value


def secret_sources(given: Given, secret: frozenset[str]) -> dict[str, SecretSource]:
    """Where `-p` says that the secrets of a saved plan come from; all else it holds already."""
    out: dict[str, SecretSource] = {}
    for name, text in _pairs(given.all("param")):
        if name not in secret:
            raise Usage(f"a saved plan holds `{name}` already; `-p` only says where its secrets come from")
        out[name] = _source(name, text)
    return out


def _source(name: str, text: str) -> SecretSource:
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("env", "file") or not rest:
        message = f"`{name}` is secret, and a command line is no secret place"
        hint = f"give its source: -p {name}=env:VARIABLE or -p {name}=file:PATH"
        raise Refusal([problem("bad-parameter", message, hint)])
    return SecretSource(kind=kind, name=os.path.abspath(rest) if kind == "file" else rest, origin=f"-p {name}")


def _secret_in(name: str, file: str) -> Refusal:
    message = f"`{name}` is secret, and {file} gives its value"
    hint = f"say in {FILE} where it comes from, under [env.NAME.secrets]"
    return Refusal([problem("bad-parameter", message, hint)])


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            data = opened.read(1 << 24)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror or error}"
        raise Refusal([problem("io-error", message)]) from None
    try:
        text = data.decode("utf-8-sig")
        if file.endswith(".json"):
            import json

            found: Any = json.loads(text)
        else:
            found = read_toml(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        kind = "JSON" if file.endswith(".json") else "TOML"
        hint = "a name that ends in .json is read as JSON, any other as TOML"
        raise Refusal([problem("bad-parameter", f"{file} is no {kind}", hint)]) from None
    if not isinstance(found, dict):
        raise Refusal([problem("bad-parameter", f"{file} has no names in it", 'it is { "name": value, … }')])
    return found
