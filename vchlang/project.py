"""`vch.toml`: where a project begins, its environments and what each says of target, parameters and secrets.

A project is the directory with the nearest `vch.toml` upwards from the script. Without one it is the script's own
directory, with the environment `local`. What is wrong with the file is found all at once, each with its line; secrets
are only named here, nobody reads one.

State, the local world and the key lie in `.vch/` beside `vch.toml`. An environment has a state of its own: that of
`local` lies there directly, that of any other in `.vch/env/NAME/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from vchlang import codes
from vchlang.diagnostics import Diagnostic, Report, did_you_mean
from vchlang.text import SourceText, Span
from vchlang.toml import LARGEST, BadToml, read_toml

FILE = "vch.toml"
STATE = ".vch"
LOCAL = "local"
LANGUAGE = 1

_KINDS_OF_SOURCE = ("file", "env", "prompt", "keyring")


class SecretSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret comes from. `kind`: file (`name` is its path), env (`name` is the variable), prompt or keyring.

    create: a file that is missing is made on first use, with a made-up user and password.
    origin: who says so, for messages.
    """

    kind: str
    name: str = ""
    create: bool = False
    origin: str = FILE


class ManifestSource(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest that scripts run under, and the file of those whose signature counts; the latter may be empty."""

    file: str
    signers: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What exists on the local target before any script runs: pools, networks with their address ranges, and
    datastores, each with its directory (empty: one in the local world)."""

    pools: tuple[str, ...] = ()
    networks: dict[str, tuple[str, ...]] = {}
    datastores: dict[str, str] = {}


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One `[env.NAME]`. `allow_outside`: absolute directories outside of the project that scripts may read."""

    name: str
    target: str = LOCAL
    params: dict[str, Any] = {}
    secrets: dict[str, SecretSource] = {}
    inventory: Inventory = Inventory()
    allow_outside: tuple[str, ...] = ()
    manifest: ManifestSource | None = None


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project. `root` is absolute; `source` is the text of its `vch.toml`, None where there is none."""

    root: str
    name: str
    default: str = LOCAL
    environments: dict[str, Environment]
    source: SourceText | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def state(self) -> str:
        """The directory of everything that vch itself keeps."""
        return os.path.join(self.root, STATE)

    @property
    def key(self) -> str:
        """The file of the key of plans and of the digests of secrets."""
        return os.path.join(self.state, "key")

    def kept_in(self, environment: str) -> str:
        """The directory of an environment's state and local world."""
        return self.state if environment == LOCAL else os.path.join(self.state, "env", environment)

    def inside(self, path: str) -> str:
        """A path as scripts name it: from the root, with slashes."""
        return os.path.relpath(os.path.abspath(path), self.root).replace(os.sep, "/")

    def environment(self, name: str | None) -> Environment | Diagnostic:
        """The environment of this name, or the default one; a diagnostic where there is none."""
        wanted = name or self.default
        found = self.environments.get(wanted)
        if found is not None:
            return found
        report = Report("")
        report.report(
            codes.UNKNOWN_ENVIRONMENT,
            Span(0, 0),
            f"{FILE} has no environment `{wanted}`",
            hint=did_you_mean(wanted, self.environments) or "it has " + ", ".join(sorted(self.environments)),
        )
        return report.freeze()[0]


def find(path: str) -> Project:
    """The project that a script, or a directory, belongs to. Never raises for what a file says."""
    start = os.path.abspath(path)
    directory = start if os.path.isdir(start) else os.path.dirname(start)
    place = directory
    while True:
        file = os.path.join(place, FILE)
        if os.path.lexists(file):
            return _read(place, file)
        above = os.path.dirname(place)
        if above == place:
            name = os.path.basename(directory) or "project"
            return Project(root=directory, name=name, environments={LOCAL: Environment(name=LOCAL)})
        place = above


def _read(root: str, file: str) -> Project:
    name = os.path.basename(root) or "project"
    nothing = Project(root=root, name=name, environments={LOCAL: Environment(name=LOCAL)})
    out = Report(FILE)
    try:
        with open(file, "rb") as opened:
            text = opened.read(8 * LARGEST).decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8"
        out.report(codes.BAD_PROJECT, Span(0, 0), f"{FILE} cannot be read: {why}", source="")
        return msgspec.structs.replace(nothing, diagnostics=out.freeze())
    source = SourceText(FILE, text)
    try:
        data = read_toml(text)
    except BadToml as error:
        why = f"{FILE} is no TOML: {_why(str(error))}" if error.what == "text" else f"{FILE} is not read: {error}"
        out.report(codes.BAD_PROJECT, _place_in(str(error), source), why)
        return msgspec.structs.replace(nothing, source=source, diagnostics=out.freeze())
    project = _Reader(root, name, text, out).project(data)
    return msgspec.structs.replace(project, source=source, diagnostics=out.freeze())


_AT = r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$"


def _place_in(message: str, source: SourceText) -> Span:
    found = re.search(_AT, message)
    if found is None:
        return Span(0, 0)
    if found[1] is None:
        return Span(len(source.text), len(source.text))
    at = source.line_start(int(found[1])) + int(found[2]) - 1
    return Span(at, min(at + 1, len(source.text)))


def _why(message: str) -> str:
    why = re.sub(_AT, "", message)
    return why[:1].lower() + why[1:]


class _Reader:
    """Turns what TOML says into a project, and reports whatever does not fit, each at its line."""

    def __init__(self, root: str, name: str, text: str, out: Report) -> None:
        self.root = root
        self.name = name
        self.out = out
        self.source_text = text
        self.places: _Places | None = None  # worked out for the first mistake

    def project(self, data: dict[str, Any]) -> Project:
        self.known(data, (), ("language", "project", "env"))
        language = data.get("language", LANGUAGE)
        if language != LANGUAGE or isinstance(language, bool):
            self.say(("language",), f"this vch knows language {LANGUAGE} only", "write language = 1")
        head = self.table(data.get("project"), ("project",), ("name", "environment"))
        environments: dict[str, Environment] = {}
        for name, one in self.table(data.get("env"), ("env",), None).items():
            environments[name] = self.environment(name, one, ("env", name))
        environments.setdefault(LOCAL, Environment(name=LOCAL))
        default = self.text(head.get("environment"), ("project", "environment")) or LOCAL
        if default not in environments:
            near = did_you_mean(default, environments)
            self.say(("project", "environment"), f"there is no [env.{default}]", near)
            default = LOCAL
        return Project(
            root=self.root,
            name=self.text(head.get("name"), ("project", "name")) or self.name,
            default=default,
            environments=environments,
        )

    def environment(self, name: str, data: Any, path: tuple[str, ...]) -> Environment:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
            self.say(path, "the name of an environment has letters, digits, `_` and `-`")
        known = ("target", "params", "secrets", "inventory", "allow_outside", "manifest")
        table = self.table(data, path, known)
        params = self.table(table.get("params"), (*path, "params"), None)
        secrets = self.table(table.get("secrets"), (*path, "secrets"), None)
        outside = self.texts(table.get("allow_outside"), (*path, "allow_outside"))
        return Environment(
            name=name,
            target=self.text(table.get("target"), (*path, "target")) or LOCAL,
            params={key: self.param(one, (*path, "params", key)) for key, one in params.items()},
            secrets={
                key: found
                for key, one in secrets.items()
                if (found := self.secret(one, (*path, "secrets", key))) is not None
            },
            inventory=self.inventory(table.get("inventory"), (*path, "inventory")),
            allow_outside=tuple(self.absolute(one) for one in outside),
            manifest=self.manifest(table.get("manifest"), (*path, "manifest")),
        )

    def manifest(self, value: Any, path: tuple[str, ...]) -> ManifestSource | None:
        if value is None:
            return None
        table = self.table(value, path, ("file", "signers"))
        file, signers = (self.text(table.get(one), (*path, one)) for one in ("file", "signers"))
        if not file:
            if isinstance(value, dict) and "file" not in table:
                self.say(path, "a manifest is a file", 'write { file = "team.vch", signers = "signers" }')
            # Left out, a mistake here would leave out the manifest with it; but a project with mistakes runs nothing.
            return None
        return ManifestSource(file=self.absolute(file), signers=self.absolute(signers) if signers else "")

    def param(self, value: Any, path: tuple[str, ...]) -> Any:
        match value:
            case str():
                return self.substituted(value, path)
            case bool() | int() | float():
                return value
            case list():
                return [self.param(one, path) for one in value]
            case dict():
                return {key: self.param(one, (*path, key)) for key, one in value.items()}
            case _:
                self.say(path, "a parameter is a text, a number, true or false, a list or a table")
                return None

    def secret(self, value: Any, path: tuple[str, ...]) -> SecretSource | None:
        if isinstance(value, str):
            self.say(
                path, "a secret never stands in this file", 'write { file = "…" }, { env = "…" } or { prompt = true }'
            )
            return None
        table = self.table(value, path, (*_KINDS_OF_SOURCE, "create"))
        kinds = [one for one in _KINDS_OF_SOURCE if one in table]
        if len(kinds) != 1:
            if isinstance(value, dict):
                self.say(path, "a secret comes from one source: `file`, `env`, `prompt` or `keyring`")
            return None
        kind = kinds[0]
        create = table.get("create")
        if create is not None and (kind != "file" or create != "credentials"):
            self.say((*path, "create"), 'only a file can be made: { file = "…", create = "credentials" }')
        if kind == "prompt":
            if table["prompt"] is not True:
                self.say((*path, "prompt"), "write prompt = true")
            return SecretSource(kind=kind)
        name = self.text(table[kind], (*path, kind))
        if not name:
            return None
        return SecretSource(
            kind=kind, name=self.absolute(name) if kind == "file" else name, create=create == "credentials"
        )

    def inventory(self, data: Any, path: tuple[str, ...]) -> Inventory:
        table = self.table(data, path, ("pools", "networks", "datastores"))
        networks = self.table(table.get("networks"), (*path, "networks"), None)
        datastores = self.table(table.get("datastores"), (*path, "datastores"), None)
        for name, ranges in networks.items():
            for one in self.texts(ranges, (*path, "networks", name)):
                self.cidr(one, (*path, "networks", name))
        pools = self.texts(table.get("pools"), (*path, "pools"))
        for one in pools:
            if not one.startswith("/") or not one.strip("/"):
                self.say(
                    (*path, "pools"), f"`{one}` is no path in the inventory", "it begins with `/`: /clusterA/poolB"
                )
        places = {
            name: self.text(one, (*path, "datastores", name), empty=True) or "" for name, one in datastores.items()
        }
        return Inventory(
            pools=pools,
            networks={name: self.texts(one, (*path, "networks", name)) for name, one in networks.items()},
            datastores={name: self.absolute(one) if one else "" for name, one in places.items()},
        )

    def cidr(self, text: str, path: tuple[str, ...]) -> None:
        import ipaddress

        try:
            ipaddress.ip_network(text)
        except ValueError:
            self.say(path, f"`{text}` is no address range", "write one as 10.0.0.0/24")

    # ---- parts -----------------------------------------------------------------------------------------------------

    def table(self, value: Any, path: tuple[str, ...], known: tuple[str, ...] | None) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.say(path, f"`{path[-1]}` is a table")
            return {}
        if known is not None:
            self.known(value, path, known)
        return value

    def known(self, table: dict[str, Any], path: tuple[str, ...], known: Iterable[str]) -> None:
        for key in table:
            if key not in known:
                where = f"[{'.'.join(path)}]" if path else "the file"
                near = did_you_mean(key, known) or "known are " + ", ".join(known)
                self.say((*path, key), f"{where} has no key `{key}`", near)

    def text(self, value: Any, path: tuple[str, ...], *, empty: bool = False) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not (value or empty):
            self.say(path, f"`{path[-1]}` is a text")
            return None
        return self.substituted(value, path)

    def texts(self, value: Any, path: tuple[str, ...]) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.say(path, f"`{path[-1]}` is a list of texts")
            return ()
        return tuple(self.substituted(one, path) for one in value)

    def substituted(self, text: str, path: tuple[str, ...]) -> str:
        def put(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            if found[1] != "project":
                self.say(
                    path, f"there is no `{found[0]}` here", "`${project}` is the project's directory; `$${` is a `${`"
                )
                return found[0]
            return self.root

        return re.sub(r"\$\$\{|\$\{([^}]*)\}", put, text)

    def absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.root, path))

    def say(self, path: tuple[str, ...], message: str, hint: str | None = None) -> None:
        if self.places is None:
            self.places = _Places(self.source_text)
        self.out.report(codes.BAD_PROJECT, self.places.of(path), message, hint=hint)


_WORD = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')"
_DOTTED = rf"{_WORD}(?:[ \t]*\.[ \t]*{_WORD})*"
_HEADER = rf"[ \t]*\[\[?[ \t]*({_DOTTED})[ \t]*\]"
_KEY = rf"[ \t]*({_DOTTED})[ \t]*="
_INNER = rf"[{{,][ \t]*({_WORD})[ \t]*="


class _Places:
    """Where the keys of a TOML text stand, which its reader does not say. Good for messages and for nothing else."""

    def __init__(self, text: str) -> None:
        self.spans: dict[tuple[str, ...], Span] = {}
        table: tuple[str, ...] = ()
        at = 0
        for line in text.split("\n"):
            if (header := re.match(_HEADER, line)) is not None:
                table = self.note((), header, at)
            elif (key := re.match(_KEY, line)) is not None:
                path = self.note(table, key, at)
                for inner in re.compile(_INNER).finditer(line, key.end()):
                    self.note(path, inner, at)
            at += len(line) + 1

    def note(self, above: tuple[str, ...], found: re.Match[str], at: int) -> tuple[str, ...]:
        path = above
        for word in re.finditer(_WORD, found[1]):
            path = (*path, word[0].strip("\"'"))
            start = at + found.start(1)
            self.spans.setdefault(path, Span(start + word.start(), start + word.end()))
        return path

    def of(self, path: tuple[str, ...]) -> Span:
        for length in range(len(path), 0, -1):
            if (span := self.spans.get(path[:length])) is not None:
                return span
        return Span(0, 0)
