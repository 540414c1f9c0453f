"""Keys for the tests, made once: by the library, so that no program has to be there."""

from __future__ import annotations

import base64
import functools

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from vchlang.signatures import keys, sshsig

TYPES = ("ed25519", "p256", "p384", "p521", "rsa")


def key(type_: str = "ed25519", number: int = 0) -> keys.PrivateKey:
    """A private key; another one for another number."""
    return _key(type_, number)


@functools.cache
def _key(type_: str, number: int) -> keys.PrivateKey:
    match type_:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case _:
            return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[type_]())


def private_file(one: keys.PrivateKey, passphrase: str = "") -> bytes:
    """A private key as ssh-keygen keeps it."""
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return one.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, how)


def line(one: keys.PrivateKey, options: str = "", who: str = "ops@example.org") -> bytes:
    """A line of a file of signers."""
    return f"{who} {options + ' ' if options else ''}{keys.public_line(one)} a comment\n".encode()


def signed(data: bytes, one: keys.PrivateKey | None = None, namespace: bytes = b"vch-manifest") -> bytes:
    """The signature file of some content."""
    return sshsig.encode(keys.sign(one or key(), data, namespace))


def armored(blob: bytes) -> bytes:
    """Whatever blob in the armour of a signature."""
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(blob) + b"\n-----END SSH SIGNATURE-----\n"
