"""The format of a signature: SSHSIG, as PROTOCOL.sshsig of OpenSSH describes it, in its armour.

    -----BEGIN SSH SIGNATURE-----
    base64 of: "SSHSIG" uint32(1) string(key) string(namespace) string(reserved) string(hash) string(signature)
    -----END SSH SIGNATURE-----

What is signed is no file but a digest of one, together with the namespace; so a signature that was made for mail, for
git or for another program is never one for a manifest.

Whoever hands in a signature may be hostile: every length is compared with what is there before anything is taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

import msgspec

from vchlang.signatures import SignatureError

MAGIC = b"SSHSIG"
VERSION = 1
HASHES = ("sha512", "sha256")
LARGEST = 1 << 16
"""Bytes of a signature file. One of RSA with 16384 bits has a tenth of it."""

_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_END = b"-----END SSH SIGNATURE-----"
_WIDTH = 70


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that was taken apart and not verified. `key`: the public key that it says it is of, as a blob.

    hash: of the file, one of HASHES. algorithm, value: of the signature itself. rest: what comes after them, for a key
    on a security key: what it noted when it signed.
    """

    key: bytes
    namespace: bytes
    hash: str
    algorithm: str
    value: bytes
    rest: bytes = b""


def decode(data: bytes) -> Signature:
    """Take the content of a signature file apart; SignatureError where it is none."""
    if len(data) > LARGEST:
        raise _none(f"it has more than {LARGEST >> 10} KiB")
    blob = _unarmored(data)
    if not blob.startswith(MAGIC):
        raise _none("its content does not begin with SSHSIG")
    reader = Reader(blob[len(MAGIC) :])
    if (version := reader.number()) != VERSION:
        raise _none(f"it is of version {version}, and only version {VERSION} is known")
    key, namespace, _reserved, hash_, signature = (reader.string() for _ in range(5))
    reader.end()
    inner = Reader(signature)
    algorithm, value, rest = inner.string(), inner.string(), inner.rest()
    name = hash_.decode("ascii", "replace")
    if name not in HASHES:
        raise SignatureError(f"the file's digest is of the kind {name[:40]!r}; it has to be sha512 or sha256")
    words = algorithm.decode("ascii", "replace")
    return Signature(key=key, namespace=namespace, hash=name, algorithm=words, value=value, rest=rest)


def encode(signature: Signature) -> bytes:
    """The content of a signature file."""
    inner = string(signature.algorithm.encode()) + string(signature.value) + signature.rest
    parts = (signature.key, signature.namespace, b"", signature.hash.encode(), inner)
    blob = MAGIC + struct.pack(">I", VERSION) + b"".join(string(one) for one in parts)
    text = base64.b64encode(blob)
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return b"\n".join((_BEGIN, *lines, _END, b""))


def signed_bytes(message: bytes, namespace: bytes, hash_: str) -> bytes:
    """What the key signs for a file with this content."""
    digest = hashlib.new(hash_, message).digest()
    return MAGIC + b"".join(string(one) for one in (namespace, b"", hash_.encode(), digest))


def string(data: bytes) -> bytes:
    """Bytes with their length before them."""
    return struct.pack(">I", len(data)) + data


class Reader:
    """Takes numbers and strings from a blob; SignatureError where it ends too early or too late."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        """An unsigned number of 32 bits."""
        (number,) = struct.unpack(">I", self.take(4))
        return int(number)

    def string(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.number())

    def take(self, length: int) -> bytes:
        """So many bytes."""
        if length > len(self._data) - self._at:
            raise _none("it ends too early")
        found = self._data[self._at : self._at + length]
        self._at += length
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise _none("there is more in it than a signature")


def _unarmored(data: bytes) -> bytes:
    lines = [line.strip() for line in data.strip().split(b"\n")]
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise _none("it does not begin and end with the lines of an SSH signature")
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        raise _none("it is not base64") from None


def _none(why: str) -> SignatureError:
    return SignatureError(f"the signature file is no SSH signature: {why}")
