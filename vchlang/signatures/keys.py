"""Keys: signing with one and verifying with one. The only door to the library that knows how.

A public key is a blob, as SSH sends it; only one that somebody listed is ever read. RSA signs with SHA-2 only and has
2048 bits at least. Nothing here puts a private key, or its passphrase, into a message.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from vchlang.signatures import SignatureError, sshsig
from vchlang.signatures.signers import KEY_TYPES, SECURITY_KEYS
from vchlang.signatures.sshsig import Reader, Signature

LEAST_RSA = 2048
_RSA = {"rsa-sha2-512": hashes.SHA512, "rsa-sha2-256": hashes.SHA256}
_CURVES = {
    "ecdsa-sha2-nistp256": (ec.SECP256R1, hashes.SHA256),
    "ecdsa-sha2-nistp384": (ec.SECP384R1, hashes.SHA384),
    "ecdsa-sha2-nistp521": (ec.SECP521R1, hashes.SHA512),
}
_MADE_WITH = "sha512"
_TOUCHED = 1

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def fingerprint(key: bytes) -> str:
    """What names a public key, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def type_of(key: bytes) -> str:
    """The kind that a public key says it is of."""
    try:
        return Reader(key).string().decode("ascii", "replace")[:60]
    except SignatureError:
        return "unknown"


def verify(signature: Signature, message: bytes) -> None:
    """Raise SignatureError unless the signature is of its key and over this content.

    The key has to be trusted for another reason: here it is only taken at its word.
    """
    key, type_ = public_key(signature.key), type_of(signature.key)
    data = sshsig.signed_bytes(message, signature.namespace, signature.hash)
    wanted = tuple(_RSA) if type_ == "ssh-rsa" else (type_,)
    if signature.algorithm not in wanted:
        hint = "RSA signs with SHA-2: rsa-sha2-512 or rsa-sha2-256" if type_ == "ssh-rsa" else ""
        raise SignatureError(f"a key of the kind {type_} does not sign as {signature.algorithm[:40]!r}", hint)
    if type_ in SECURITY_KEYS:
        data = _as_security_key(signature, data)
    elif signature.rest:
        raise SignatureError("there is more in the signature than one of this kind of key has")
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature.value, data)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            r, s = _mpints(signature.value)
            key.verify(
                encode_dss_signature(r, s), data, ec.ECDSA(_CURVES[type_.removeprefix("sk-").partition("@")[0]][1]())
            )
        else:
            size = (key.key_size + 7) // 8
            if len(signature.value) > size:
                raise InvalidSignature
            value = signature.value.rjust(size, b"\0")
            key.verify(value, data, padding.PKCS1v15(), _RSA[signature.algorithm]())
    except InvalidSignature:
        raise SignatureError(
            "the signature does not fit the file: the file was changed since, or the signature is of another one",
            "have it signed again: vch manifest sign FILE --key KEY",
        ) from None


def _as_security_key(signature: Signature, data: bytes) -> bytes:
    """What a security key signs instead: digests, whether somebody touched it, and its counter."""
    if len(signature.rest) != 5:
        raise SignatureError("what a security key notes when it signs is missing")
    if not signature.rest[0] & _TOUCHED:
        raise SignatureError(
            "nobody touched the security key when it signed", "sign with a key that asks to be touched"
        )
    reader = Reader(signature.key)
    for _ in range(2 if "ed25519" in signature.algorithm else 3):
        reader.string()
    application = hashlib.sha256(reader.string()).digest()
    return application + signature.rest + hashlib.sha256(data).digest()


def sign(key: PrivateKey, message: bytes, namespace: bytes) -> Signature:
    """A signature over a file's content."""
    public = blob_of(key)
    type_ = type_of(public)
    data = sshsig.signed_bytes(message, namespace, _MADE_WITH)
    algorithm = type_
    if isinstance(key, Ed25519PrivateKey):
        value = key.sign(data)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_CURVES[type_][1]())))
        value = sshsig.string(_mpint(r)) + sshsig.string(_mpint(s))
    else:
        algorithm = "rsa-sha2-512"
        value = key.sign(data, padding.PKCS1v15(), hashes.SHA512())
    return Signature(key=public, namespace=namespace, hash=_MADE_WITH, algorithm=algorithm, value=value)


def public_key(blob: bytes) -> PublicKey:
    """The key of a blob; SignatureError where it is none that signatures are verified with."""
    type_ = type_of(blob)
    if type_ not in KEY_TYPES:
        hint = "a key of the kind ed25519, ecdsa or rsa signs, on a security key too; a certificate, or DSA, does not"
        raise SignatureError(f"a key of the kind {type_} is not supported", hint)
    try:
        key = serialization.load_ssh_public_key(type_.encode() + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"the public key {fingerprint(blob)} is damaged") from None
    if not isinstance(key, Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise SignatureError(f"a key of the kind {type_} is not supported")
    _long_enough(key)
    return key


def blob_of(key: PrivateKey) -> bytes:
    """The public key of a private one, as SSH sends it."""
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return base64.b64decode(key.public_key().public_bytes(*form).split()[1])


def public_line(key: PrivateKey) -> str:
    """The public key of a private one, as a file of signers lists it."""
    blob = blob_of(key)
    return f"{type_of(blob)} {base64.b64encode(blob).decode()}"


def private_key(data: bytes, passphrase: Callable[[], str | None]) -> PrivateKey:
    """The key of a file as ssh-keygen or openssl write it; `passphrase` is asked when it has one.

    SignatureError where it cannot be used.
    """
    if data.lstrip().startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise SignatureError(
            "this is a public key, and the private one signs",
            "one in an agent or on a security key signs with: ssh-keygen -Y sign -n vch-manifest -f KEY FILE",
        )
    if b"AGE-SECRET-KEY-" in data:
        raise SignatureError("age keys encrypt and cannot sign", "make one that can: ssh-keygen -t ed25519")
    ssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    try:
        try:
            key = load(data, None)
        except TypeError:  # it has a passphrase
            given = passphrase()
            if not given:
                raise SignatureError(
                    "the key has a passphrase, and nobody is there to ask for it", "VCH_KEY_PASSPHRASE may hold it"
                ) from None
            key = load(data, given.encode())
    except UnsupportedAlgorithm:
        hint = "sign with: ssh-keygen -Y sign -n vch-manifest -f KEY FILE"
        raise SignatureError("the key is kept in a way, or is of a kind, that is not supported", hint) from None
    except (ValueError, TypeError):
        raise SignatureError("the key cannot be read: it is no private key, or the passphrase is another") from None
    if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise SignatureError("a key of this kind is not supported", "make one that is: ssh-keygen -t ed25519")
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(
        key.curve, tuple(one for one, _ in _CURVES.values())
    ):
        raise SignatureError("a key on this curve is not supported", "make one that is: ssh-keygen -t ed25519")
    _long_enough(key)
    return key


def _long_enough(key: PublicKey | PrivateKey) -> None:
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and key.key_size < LEAST_RSA:
        raise SignatureError(f"an RSA key of {key.key_size} bits is too short: it has {LEAST_RSA} at least")


def _mpint(number: int) -> bytes:
    """A number that is not negative: its first bit is a sign."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _mpints(data: bytes) -> tuple[int, int]:
    reader = Reader(data)
    parts = reader.string(), reader.string()
    reader.end()
    if any(not one or one[0] & 0x80 or len(one) > 67 for one in parts):
        raise InvalidSignature
    return int.from_bytes(parts[0], "big"), int.from_bytes(parts[1], "big")
