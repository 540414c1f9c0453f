"""Whose signature counts: the `allowed_signers` file of OpenSSH, a line for each key.

    ops@example.org namespaces="vch-manifest",valid-before="20280101" ssh-ed25519 AAAA… comment

Only keys that are listed are believed. A line that cannot be read refuses the whole file, since it may hold a limit
that somebody relies on.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import re
import time
from collections.abc import Iterator

import msgspec

from vchlang.signatures import SignatureError

SECURITY_KEYS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
"""Kinds of keys that lie on a security key, which somebody touches to sign."""
KEY_TYPES = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa", *SECURITY_KEYS
)  # fmt: skip
"""Kinds of keys whose signatures are verified."""
_OTHER_TYPES = ("ssh-dss",)
_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)')
_FIRST = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\S+)\s*(.*)', re.S)
_OPTIONS = re.compile(r'((?:[^\s"]|"(?:[^"\\]|\\.)*")+)\s+(.*)', re.S)


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """One line: who signs with which key. `type` and `key` are of the public key, the latter as a blob.

    namespaces: patterns, None for all. after, before: seconds since 1970 between which the key counts.
    authority: the line is about certificates of that key, and not about what the key itself signs.
    """

    line: int
    principals: str
    type: str
    key: bytes
    namespaces: tuple[str, ...] | None = None
    after: float | None = None
    before: float | None = None
    authority: bool = False

    def refuses(self, namespace: str, now: float) -> str:
        """Why this line does not count for a namespace and a time; empty where it counts."""
        if self.authority:
            return "is listed for certificates only"
        if self.namespaces is not None and not _any_fits(self.namespaces, namespace):
            return f"may not sign for `{namespace}`, only for {', '.join(self.namespaces)}"
        if self.after is not None and now < self.after:
            return f"counts from {_day(self.after)} on only"
        if self.before is not None and now > self.before:
            return f"has not counted since {_day(self.before)}"
        return ""


def read_signers(data: bytes) -> tuple[Signer, ...]:
    """The lines of a file; SignatureError with the number of the first that cannot be read."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SignatureError("the file of signers is not UTF-8") from None
    return tuple(
        _signer(line.strip(), number)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.strip().startswith("#")
    )


def _signer(line: str, number: int) -> Signer:
    first = _FIRST.fullmatch(line)
    assert first is not None  # the line is not empty
    principals, rest = first[1].strip('"'), first[2]
    options = ""
    if rest.partition(" ")[0].partition("\t")[0] not in (*KEY_TYPES, *_OTHER_TYPES):
        found = _OPTIONS.fullmatch(rest)
        if found is None:
            raise _bad(number, "it is `who [options] type key`")
        options, rest = found[1], found[2]
    type_, *more = rest.split()
    if type_ not in (*KEY_TYPES, *_OTHER_TYPES) or not more:
        raise _bad(number, "no key of a known kind stands in it")
    try:
        key = base64.b64decode(more[0], validate=True)
    except (binascii.Error, ValueError):
        raise _bad(number, "its key is not base64") from None
    return _with(options, Signer(line=number, principals=principals, type=type_, key=key))


def _with(options: str, signer: Signer) -> Signer:
    for name, value in _split(options, signer.line):
        match name.lower():
            case "cert-authority" if value is None:
                signer = msgspec.structs.replace(signer, authority=True)
            case "namespaces" if value:
                signer = msgspec.structs.replace(signer, namespaces=tuple(value.split(",")))
            case "valid-after" if value:
                signer = msgspec.structs.replace(signer, after=_time(value, signer.line))
            case "valid-before" if value:
                signer = msgspec.structs.replace(signer, before=_time(value, signer.line))
            case _:
                raise _bad(signer.line, f"it has no option `{name[:40]}`, or one without its value")
    return signer


def _split(options: str, line: int) -> Iterator[tuple[str, str | None]]:
    at = 0
    while at < len(options):
        found = _OPTION.match(options, at)
        if found is None or found.end() == at:
            raise _bad(line, 'options are name="value", with commas between and no space')
        yield found[1], found[2]
        at = found.end()


def _time(text: str, line: int) -> float:
    """`YYYYMMDD[HHMM[SS]]`, in local time or, with a Z, in UTC."""
    digits = text.removesuffix("Z")
    for form in ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"):
        if len(digits) != {"%Y%m%d": 8, "%Y%m%d%H%M": 12, "%Y%m%d%H%M%S": 14}[form] or not digits.isdigit():
            continue
        try:
            parsed = time.strptime(digits, form)
            return float(calendar.timegm(parsed)) if text.endswith("Z") else time.mktime(parsed)
        except (ValueError, OverflowError):
            break
    raise _bad(line, "a time is YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC")


def _any_fits(patterns: tuple[str, ...], text: str) -> bool:
    """Whether a list of patterns takes a text, as OpenSSH reads one: `*`, `?`, and `!` before what is left out."""
    taken = False
    for pattern in patterns:
        out = pattern.startswith("!")
        parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern.removeprefix("!"))
        if re.fullmatch("".join(parts), text, re.S):
            if out:
                return False
            taken = True
    return taken


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _bad(line: int, why: str) -> SignatureError:
    return SignatureError(
        f"line {line} of the file of signers cannot be read: {why}", "it is as `man ssh-keygen` has it"
    )
