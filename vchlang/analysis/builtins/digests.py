"""Functions of digests: the same text gives the same one, everywhere and always."""

from __future__ import annotations

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, group, shortened

_digest = group("digests")
_TEXT = ("text", v.STRING)


@_digest(
    v.STRING, 'sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"', _TEXT
)  # fmt: skip
def sha256(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


@_digest(v.STRING, 'starts_with(sha512(""), "cf83e1357eefb8bdf1542850d66d8007d620e405")', _TEXT)
def sha512(text: str) -> str:
    """The SHA-512 of a text, in hexadecimal."""
    import hashlib

    return hashlib.sha512(text.encode()).hexdigest()


@_digest(v.STRING, 'sha1("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709"', _TEXT)
def sha1(text: str) -> str:
    """The SHA-1 of a text, in hexadecimal; for what asks for it, not to protect anything."""
    import hashlib

    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@_digest(v.INT, 'crc32("123456789") == 3421780262', _TEXT)
def crc32(text: str) -> int:
    """The CRC-32 of a text: a number that spreads names evenly, as `crc32(name) % 60`."""
    import zlib

    return zlib.crc32(text.encode())


@_digest(
    v.STRING,
    'uuid5("dns", "vch.example") == uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "vch.example")',
    ("namespace", v.STRING),
    ("name", v.STRING),
)
def uuid5(namespace: str, name: str) -> str:
    """The UUID of a name (version 5). The namespace is a UUID itself, or `dns`, `url`, `oid` or `x500`."""
    import uuid

    known = {
        "dns": uuid.NAMESPACE_DNS,
        "url": uuid.NAMESPACE_URL,
        "oid": uuid.NAMESPACE_OID,
        "x500": uuid.NAMESPACE_X500,
    }
    try:
        space = known[namespace] if namespace in known else uuid.UUID(namespace)
    except ValueError:
        raise Mistake("bad-text", f"{shortened(namespace)} is neither a UUID nor one of {', '.join(known)}") from None
    return str(uuid.uuid5(space, name))
