"""Secrets, from where the environment says that they are to those who need them: a keyed digest for plans, the value
for a driver, and nothing for anybody else.

A plan writes nothing: a key or a credential that does not exist yet is made up in memory, and `keep` writes it, before
the first step that uses it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.program import Program
from vchlang.cli.refusal import Refusal, problem
from vchlang.diagnostics import Diagnostic
from vchlang.project import SecretSource
from vchlang.system import Machine

KEY_SIZE = 32
LARGEST = 1 << 20


class Unavailable(Exception):
    """A source does not give its secret. `code` is a diagnostic's slug."""

    def __init__(self, message: str, hint: str = "", code: str = "no-secret") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class Key:
    """The key of a project: it seals plans and keys the digests of secrets."""

    def __init__(self, path: str, machine: Machine) -> None:
        self._path = path
        self._machine = machine
        try:
            found = _private(path)
        except FileNotFoundError:
            self.value, self.kept = machine.entropy.token(KEY_SIZE), False
            return
        except (OSError, Unavailable) as error:
            why = error.message if isinstance(error, Unavailable) else error.strerror or str(error)
            if isinstance(error, NotADirectoryError):
                where = os.path.dirname(path)
                message = f"{where} is no directory, so no state can be kept in it"
                raise Refusal([problem("store-unwritable", message, "move it away; nothing was begun")]) from None
            raise Refusal([problem("store-broken", f"the key in {path} cannot be used: {why}")]) from None
        if len(found) != KEY_SIZE:
            message = f"the key in {path} is damaged: it has {len(found)} bytes instead of {KEY_SIZE}"
            raise Refusal([problem("store-broken", message, "put a copy of it back")])
        self.value, self.kept = found, True

    def keep(self) -> None:
        """Write the key if it is new. Refusal when another run made one meanwhile, or nothing can be written."""
        if not self.kept:
            _write_new(self._path, self.value, self._machine)
            self.kept = True


class Secrets:
    """The secrets of one command. Sources are read once, on first use."""

    def __init__(
        self, sources: Mapping[str, SecretSource], key: Key, machine: Machine, ask: Callable[[str], str] | None
    ) -> None:
        self._sources = sources
        self._key = key
        self._machine = machine
        self._ask = ask
        self._raw: dict[str, str] = {}
        self._made: dict[str, bytes] = {}
        self._records: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        """The secrets that have a source."""
        return frozenset(self._sources)

    def source(self, name: str) -> SecretSource | None:
        """Where a secret comes from."""
        return self._sources.get(name)

    def check(self, program: Program) -> tuple[Diagnostic, ...]:
        """Read every secret that a script declares; what is wrong with any of them, each at its `param`."""
        from vchlang import codes
        from vchlang.diagnostics import Report

        out = Report(program.parsed.source.name)
        for name, type_ in secret_params(program).items():
            if name not in self._sources:
                continue
            if isinstance(type_, v.RecordOf):
                self._records.add(name)
            try:
                self._value(name)
            except Unavailable as error:
                span = program.symbols[name].span
                out.report(codes.CODES[error.code], span, error.message, hint=error.hint or None)
        return out.freeze()

    def known(self) -> dict[str, v.Secret]:
        """The secrets that were read, with their values."""
        return {name: v.Secret((name,), self._value(name)) for name in self._raw}

    def digest(self, secret: v.Secret) -> str:
        """The keyed digest of a secret's value: equal for equal values, and nothing can be learnt from it."""
        name, *path = secret.origin
        if name not in self._sources:
            message = "what a function makes of a secret cannot be deployed in this version"
            raise Refusal([problem("unsupported", message, "give the task the secret itself")])
        try:
            return self._digest_of(_part(self._value(name), path, name))
        except Unavailable as error:
            raise Refusal([problem(error.code, error.message, error.hint)]) from None

    def reveal(self, value: Any) -> Any:
        """A value in a plan's form with its secrets in clear, for a driver."""
        match value:
            case {"$secret": str(name)}:
                return _part(self._value(name), value.get("path", ()), name)
            case {"$text": list() | tuple() as parts}:
                return "".join(one if isinstance(one, str) else str(self.reveal(one)) for one in parts)
            case dict():
                return {key: self.reveal(one) for key, one in value.items()}
            case list() | tuple():
                return [self.reveal(one) for one in value]
            case _:
                return value

    def check_plan(self, values: Iterable[Any]) -> tuple[Diagnostic, ...]:
        """Read every secret that a saved plan uses, and compare it with what the plan was made with."""
        out: dict[str, Diagnostic] = {}
        for one in _uses(values):
            name = str(one["$secret"])
            path, wanted = one.get("path", ()), one.get("digest", "")
            if name in out:
                continue
            try:
                if name not in self._sources:
                    raise Unavailable(f"the secret `{name}` has no source in this environment")
                if path:
                    self._records.add(name)
                if self._digest_of(_part(self._value(name), path, name)) == wanted:
                    continue
                # A plan does not say the type of a secret that is used whole; a record is written as JSON.
                if not path and self._is_record(name, wanted):
                    self._records.add(name)
                    continue
                message = f"the secret `{name}` is another than when the plan was made"
                out[name] = problem("stale-plan", message, "make the plan again")
            except Unavailable as error:
                out[name] = problem(error.code, error.message, error.hint)
        return tuple(out.values())

    def keep(self) -> tuple[str, ...]:
        """Write what was made up, the key first; the files of the new credentials."""
        self._key.keep()
        for path, content in self._made.items():
            _write_new(path, content, self._machine)
        made, self._made = tuple(self._made), {}
        return made

    def _is_record(self, name: str, digest: str) -> bool:
        try:
            return self._digest_of(_record(self._raw[name], name)) == digest
        except Unavailable:
            return False

    def _digest_of(self, value: Any) -> str:
        plain = msgspec.json.encode(value, order="sorted")
        return hmac.new(self._key.value, b"secret\x00" + plain, hashlib.sha256).hexdigest()

    def _value(self, name: str) -> Any:
        if name not in self._raw:
            self._raw[name] = self._read(name, self._sources[name])
        text = self._raw[name]
        return _record(text, name) if name in self._records else text

    def _read(self, name: str, source: SecretSource) -> str:
        match source.kind:
            case "env":
                found = os.environ.get(source.name)
                if found is None:
                    raise Unavailable(f"the secret `{name}` comes from the variable {source.name}, which is not set")
                return found
            case "file":
                return self._file(name, source)
            case "prompt":
                if self._ask is None:
                    raise Unavailable(
                        f"the secret `{name}` is asked for, and nobody is there to answer",
                        f"give its source: -p {name}=env:VARIABLE or -p {name}=file:PATH",
                    )
                return self._ask(f"{name}: ")
            case _:
                raise Unavailable(
                    f"the secret `{name}` comes from the {source.kind}, and that comes with a later version",
                    "`file`, `env` and `prompt` are there",
                    "unsupported",
                )

    def _file(self, name: str, source: SecretSource) -> str:
        path = source.name
        try:
            data = _private(path)
        except FileNotFoundError:
            if not source.create:
                raise Unavailable(f"the secret `{name}` comes from {path}, and there is no such file") from None
            data = self._made.get(path) or self._credentials()
            self._made[path] = data
        except OSError as error:
            raise Unavailable(f"the secret `{name}` cannot be read from {path}: {error.strerror or error}") from None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Unavailable(f"the secret `{name}` in {path} is not UTF-8") from None
        return text.removesuffix("\n").removesuffix("\r")

    def _credentials(self) -> bytes:
        import binascii  # base64 takes four times as long to import

        written = binascii.b2a_base64(self._machine.entropy.token(24), newline=False).decode()
        password = written.replace("+", "-").replace("/", "_")
        return msgspec.json.encode({"user": "vch", "password": password}) + b"\n"


def secret_params(program: Program) -> dict[str, v.Type]:
    """The secret parameters of a script, with the type of what they hold."""
    out: dict[str, v.Type] = {}
    for name, symbol in program.symbols.items():
        type_ = symbol.type.inner if isinstance(symbol.type, v.Optional) else symbol.type
        if symbol.what == "param" and isinstance(type_, v.SecretOf):
            out[name] = type_.inner
    return out


def _record(text: str, name: str) -> dict[str, str]:
    hint = 'it is a record, written as JSON: {"user": "…", "password": "…"}'
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unavailable(f"the secret `{name}` is no JSON", hint) from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Unavailable(f"the secret `{name}` is no record of texts", hint)
    return found


def _part(value: Any, path: Iterable[str], name: str) -> Any:
    for one in path:
        if not isinstance(value, dict) or one not in value:
            raise Unavailable(f"the secret `{name}` has no field `{one}`")
        value = value[one]
    return value


def secrets_in(values: Iterable[Any]) -> frozenset[str]:
    """The names of the secrets that values in a plan's form use."""
    return frozenset(str(one["$secret"]) for one in _uses(list(values)))


def _uses(value: Any) -> Iterable[dict[str, Any]]:
    match value:
        case {"$secret": _}:
            yield value
        case dict():
            for one in value.values():
                yield from _uses(one)
        case str() | bytes():
            return
        case Iterable():
            for one in value:
                yield from _uses(one)
        case _:
            return


def _private(path: str) -> bytes:
    """The content of a file that nobody else can read; Unavailable where others can."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Unavailable(f"{path} is no plain file")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise Unavailable(f"{path} can be read by others (its mode is {mode:04o})", f"chmod 600 {path}")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unavailable(f"{path} is larger than a secret may be")
    return data


def _write_new(path: str, content: bytes, machine: Machine) -> None:
    try:
        machine.files.ensure_directory(os.path.dirname(path), 0o700)
        machine.files.write_new(path, content, 0o600)
    except FileExistsError:
        message = f"another run made {path} meanwhile, so this one's plan is not of it"
        raise Refusal([problem("stale-plan", message, "run the command again")]) from None
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise Refusal([problem("store-unwritable", message, "nothing was begun")]) from None
