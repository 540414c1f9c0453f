"""The manifest that a run is under: found, read once, verified, and only then understood.

Whoever runs the scripts says what holds. The variables VCH_MANIFEST and VCH_SIGNERS come from outside of the project (a
pipeline, an administrator's profile), so they win over what `vch.toml` says, and a project cannot switch them off:

- both: this manifest, by a signer of this file;
- VCH_SIGNERS alone: the manifest that `vch.toml` names, by a signer of this file; a project that names none is refused;
- neither: what `vch.toml` says, or no manifest at all.

A manifest has its signature beside it, in FILE.sig. The bytes that are verified are the bytes that are read.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import stat
from collections.abc import Mapping

import msgspec

from vchlang import codes
from vchlang.analysis.manifest import Granted, read_manifest
from vchlang.diagnostics import Code, Diagnostic, Report, has_errors
from vchlang.project import Environment
from vchlang.signatures import SignatureError, sshsig
from vchlang.signatures.signers import Signer, read_signers
from vchlang.syntax.parser import parse
from vchlang.text import SourceText, Span

NAMESPACE = "vch-manifest"
"""What a signature has to be for: `ssh-keygen -Y sign -n vch-manifest`."""
SIGNATURE = ".sig"
MANIFEST_VARIABLE, SIGNERS_VARIABLE = "VCH_MANIFEST", "VCH_SIGNERS"
LARGEST = 1 << 20
"""Bytes of a manifest, and of a file of signers."""


class Delegation(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that somebody signed, who may. `sha256` is of the file, `signer` the words of its line."""

    granted: Granted
    source: SourceText
    sha256: str
    signer: str


class ManifestError(Exception):
    """Ends a run before anything is evaluated. `source`: the text that the diagnostics are about, if they are."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], source: SourceText | None = None) -> None:
        super().__init__()
        self.diagnostics = diagnostics
        self.source = source


def required(environment: Environment, variables: Mapping[str, str]) -> tuple[str, str] | None:
    """The manifest and the file of signers that a run is under, None where it is under none; ManifestError."""
    here = environment.manifest
    file, signers = variables.get(MANIFEST_VARIABLE), variables.get(SIGNERS_VARIABLE)
    # An empty variable is one that somebody meant to fill: it is no way to be rid of the manifest.
    for name, value in ((MANIFEST_VARIABLE, file), (SIGNERS_VARIABLE, signers)):
        if value is not None and not value.strip():
            raise _refused(codes.MANIFEST_REQUIRED, f"{name} is set and empty", "it names a file; unset it otherwise")
    if file is None and signers is None and here is None:
        return None
    if file is not None and signers is None:
        message = f"{MANIFEST_VARIABLE} requires a manifest, and nothing says whose signature counts"
        raise _refused(codes.MANIFEST_REQUIRED, message, f"{SIGNERS_VARIABLE} names the file of signers")
    file = file or (here.file if here is not None else "")
    signers = signers or (here.signers if here is not None else "")
    if not file:
        message = f"a manifest is required by {SIGNERS_VARIABLE}, and the environment `{environment.name}` names none"
        hint = f'write manifest = {{ file = "…" }} under [env.{environment.name}] in vch.toml'
        raise _refused(codes.MANIFEST_REQUIRED, message, hint)
    if not signers:
        message = "nothing says whose signature of the manifest counts"
        hint = f"add signers to it in vch.toml, or set {SIGNERS_VARIABLE}"
        raise _refused(codes.MANIFEST_REQUIRED, message, hint)
    return os.path.abspath(file), os.path.abspath(signers)


def delegation(file: str, signers: str, *, name: str, target: str, now: float) -> Delegation:
    """The manifest of a file, verified. ManifestError when a run must not be under it.

    name: what messages call it. target: what the run is for, as vch.toml names it. now: seconds since 1970.
    """
    data = read(file, "the manifest")
    signer = verified(data, signature_of(file), read(signers, "the file of signers"), now)
    source, granted = understood(data, name)
    still_holds(granted, now)
    targets = granted.grants.targets
    if targets is not None and target not in targets:
        message = f"the manifest `{granted.name}` is not for the target `{target}`"
        raise _refused(codes.NOT_GRANTED, message, "it is for " + (", ".join(targets) or "none"))
    return Delegation(granted=granted, source=source, sha256=hashlib.sha256(data).hexdigest(), signer=signer)


def still_holds(granted: Granted, now: float) -> None:
    """Raise ManifestError when the last day of a manifest is over."""
    expires = granted.grants.expires
    if expires is not None and now >= _end_of(expires):
        message = f"the manifest `{granted.name}` held until {expires}"
        raise _refused(codes.MANIFEST_EXPIRED, message, "its administrator renews it and signs it again")


def understood(data: bytes, name: str) -> tuple[SourceText, Granted]:
    """What a manifest says; ManifestError with everything that is wrong in it."""
    try:
        source = SourceText(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _refused(codes.IO_ERROR, f"{name} is not UTF-8", "save it as UTF-8") from None
    parsed = parse(source)
    granted = read_manifest(parsed)
    found = tuple(dict.fromkeys((*parsed.diagnostics, *granted.diagnostics)))
    if has_errors(found):
        raise ManifestError(found, source)
    return source, granted


def verified(data: bytes, signature: bytes, signers: bytes, now: float) -> str:
    """Who signed a manifest's bytes, in the words of the file of signers; ManifestError when nobody did who may."""
    from vchlang.signatures import keys

    try:
        known = read_signers(signers)
        found = sshsig.decode(signature)
        if found.namespace != NAMESPACE.encode():
            purpose = found.namespace.decode("utf-8", "replace")[:60]
            raise SignatureError(f"the signature is for `{purpose}` and not for `{NAMESPACE}`", _SIGN_AGAIN)
        lines = [one for one in known if one.key == found.key]
        if not lines:
            shown = f"{keys.type_of(found.key)} {keys.fingerprint(found.key)}"
            raise SignatureError(f"the manifest is signed with {shown}, which is not among the signers")
        signer = _counting(lines, now)
        keys.verify(found, data)
    except SignatureError as error:
        raise _refused(codes.MANIFEST_SIGNATURE, error.message, error.hint) from None
    return f"{signer.principals} ({signer.type} {keys.fingerprint(signer.key)})"


def signature_of(file: str) -> bytes:
    """The content of the signature beside a manifest; ManifestError where there is none."""
    path = file + SIGNATURE
    if not os.path.lexists(path):
        message = f"the manifest is not signed: there is no {os.path.basename(path)} beside it"
        raise _refused(codes.MANIFEST_SIGNATURE, message, _SIGN_AGAIN)
    return read(path, "the signature", sshsig.LARGEST)


def read(path: str, what: str, largest: int = LARGEST) -> bytes:
    """The content of a plain file; ManifestError where it cannot be had."""
    try:
        # A pipe would be waited for, and a device never ends.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(handle, "rb") as opened:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _refused(codes.IO_ERROR, f"{what} {path} is no plain file")
            data = opened.read(largest + 1)
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise _refused(codes.IO_ERROR, f"{what} {path} cannot be read: {why}") from None
    if len(data) > largest:
        raise _refused(codes.LIMIT_SIZE, f"{what} {path} has more than {largest >> 10} KiB")
    return data


_SIGN_AGAIN = "an administrator signs it: vch manifest sign FILE --key KEY"


def _counting(lines: list[Signer], now: float) -> Signer:
    """The line by which a key counts; SignatureError with the reason where none does."""
    whys = [one.refuses(NAMESPACE, now) for one in lines]
    for one, why in zip(lines, whys, strict=True):
        if not why:
            return one
    raise SignatureError(f"the key of {lines[0].principals} {whys[0]}", f"line {lines[0].line} of the file of signers")


def _end_of(day: str) -> float:
    return (datetime.date.fromisoformat(day).toordinal() + 1 - datetime.date(1970, 1, 1).toordinal()) * 86400.0


def _refused(code: Code, message: str, hint: str = "") -> ManifestError:
    out = Report("")
    out.report(code, Span(0, 0), message, hint=hint or None)
    return ManifestError(out.freeze())
