"""Signatures: made, verified, exchanged with ssh-keygen, and refused in every way that one can be wrong."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.manifest.keys import TYPES, armored, key, line, private_file, signed
from vchlang import manifests
from vchlang.signatures import SignatureError, keys, sshsig
from vchlang.signatures.signers import Signer, read_signers

DATA = b'manifest team { pools: ["/a"] }\n'
NOW = 1_800_000_000.0  # 2027-01-15
needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen here")


def why(data: bytes, signature: bytes, signers: bytes, now: float = NOW) -> str:
    """What a signature is refused with; empty where it counts."""
    try:
        manifests.verified(data, signature, signers, now)
    except manifests.ManifestError as error:
        (one,) = error.diagnostics
        assert one.code == "manifest-signature"
        return one.message
    return ""


# ---- what counts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", TYPES)
def test_what_is_signed_is_verified(type_: str) -> None:
    said = manifests.verified(DATA, signed(DATA, key(type_)), line(key(type_)), NOW)
    assert said.startswith("ops@example.org (") and "SHA256:" in said


@pytest.mark.parametrize("type_", TYPES)
def test_every_byte_counts(type_: str) -> None:
    signature, signers = signed(DATA, key(type_)), line(key(type_))
    for changed in (DATA + b"\n", DATA[:-1], DATA.replace(b"/a", b"/b"), b""):
        assert "does not fit the file" in why(changed, signature, signers)


def test_a_signature_of_another_file_does_not_fit() -> None:
    assert "does not fit the file" in why(DATA, signed(b"another"), line(key()))


def test_a_signature_for_another_purpose_is_none_for_this() -> None:
    assert "is for `git` and not for `vch-manifest`" in why(DATA, signed(DATA, namespace=b"git"), line(key()))
    # Nor does it become one by saying so.
    moved = msgspec.structs.replace(sshsig.decode(signed(DATA, namespace=b"git")), namespace=b"vch-manifest")
    assert "does not fit the file" in why(DATA, sshsig.encode(moved), line(key()))


def test_only_keys_that_are_listed_count() -> None:
    assert "is not among the signers" in why(DATA, signed(DATA, key("ed25519", 1)), line(key()))
    assert "is not among the signers" in why(DATA, signed(DATA), b"# nobody\n\n")
    # To say that it is of a listed key is not enough.
    forged = msgspec.structs.replace(
        sshsig.decode(signed(DATA, key("ed25519", 1))), key=keys.blob_of(key("ed25519", 0))
    )
    assert "does not fit the file" in why(DATA, sshsig.encode(forged), line(key()))


def test_the_algorithm_is_the_keys() -> None:
    for type_, algorithm in (("ed25519", "ssh-rsa"), ("rsa", "ssh-rsa"), ("p256", "ecdsa-sha2-nistp384"), ("rsa", "")):
        made = msgspec.structs.replace(sshsig.decode(signed(DATA, key(type_))), algorithm=algorithm)
        assert "does not sign as" in why(DATA, sshsig.encode(made), line(key(type_)))


def test_rsa_never_signs_with_sha_1() -> None:
    one = key("rsa")
    assert isinstance(one, rsa.RSAPrivateKey)
    value = one.sign(sshsig.signed_bytes(DATA, b"vch-manifest", "sha512"), padding.PKCS1v15(), hashes.SHA1())
    for algorithm in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"):
        made = msgspec.structs.replace(sshsig.decode(signed(DATA, one)), algorithm=algorithm, value=value)
        assert why(DATA, sshsig.encode(made), line(one))


def test_a_short_rsa_key_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024)
    assert "1024 bits is too short" in why(DATA, signed(DATA, short), line(short))
    with pytest.raises(SignatureError, match="too short"):
        keys.private_key(private_file(short), lambda: None)


def test_both_digests_of_the_file_count_and_no_other() -> None:
    one = key()
    assert isinstance(one, ed25519.Ed25519PrivateKey)
    for name, said in (("sha256", ""), ("sha512", "")):
        value = one.sign(sshsig.signed_bytes(DATA, b"vch-manifest", name))
        made = msgspec.structs.replace(sshsig.decode(signed(DATA)), hash=name, value=value)
        assert why(DATA, sshsig.encode(made), line(one)) == said
    made = msgspec.structs.replace(sshsig.decode(signed(DATA)), hash="md5")
    assert "has to be sha512 or sha256" in why(DATA, sshsig.encode(made), line(one))


def on_security_key(curve: bool, *, flags: int = 1, data: bytes = DATA) -> tuple[bytes, bytes]:
    """What a key on a security key would sign, and the line that lists it; its secret is ours here."""
    one = key("p256" if curve else "ed25519", 9)
    parts = keys.blob_of(one)
    type_ = b"sk-ecdsa-sha2-nistp256@openssh.com" if curve else b"sk-ssh-ed25519@openssh.com"
    blob = sshsig.string(type_) + parts[4 + len(keys.type_of(parts)) :] + sshsig.string(b"ssh:")
    rest = bytes([flags]) + (7).to_bytes(4, "big")
    message = hashlib.sha256(sshsig.signed_bytes(data, b"vch-manifest", "sha512")).digest()
    message = hashlib.sha256(b"ssh:").digest() + rest + message
    if isinstance(one, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(one.sign(message, ec.ECDSA(hashes.SHA256())))
        value = b"".join(sshsig.string(n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (r, s))
    else:
        assert isinstance(one, ed25519.Ed25519PrivateKey)
        value = one.sign(message)
    made = sshsig.Signature(
        key=blob, namespace=b"vch-manifest", hash="sha512", algorithm=type_.decode(), value=value, rest=rest
    )
    return sshsig.encode(made), b"ops " + type_ + b" " + base64.b64encode(blob) + b"\n"


@pytest.mark.parametrize("curve", [False, True])
def test_a_security_key_signs_when_it_is_touched(curve: bool) -> None:
    signature, signers = on_security_key(curve)
    assert why(DATA, signature, signers) == ""
    assert "does not fit the file" in why(DATA + b" ", signature, signers)
    assert "nobody touched" in why(DATA, on_security_key(curve, flags=4)[0], signers)
    for rest in (b"", b"\1\0\0\0\7\0", b"\1\0\0\0\6", b"\5\0\0\0\7"):
        assert why(DATA, sshsig.encode(msgspec.structs.replace(sshsig.decode(signature), rest=rest)), signers)
    # What is left over belongs to no other kind of key.
    assert why(
        DATA, sshsig.encode(msgspec.structs.replace(sshsig.decode(signed(DATA)), rest=b"\1\0\0\0\7")), line(key())
    )


@needs_keygen
@pytest.mark.parametrize("curve", [False, True])
def test_ssh_keygen_reads_such_a_signature_the_same_way(curve: bool, tmp_path: Path) -> None:
    signature, signers = on_security_key(curve)
    (tmp_path / "signers").write_bytes(signers)
    (tmp_path / "m.sig").write_bytes(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ops", "-n", "vch-manifest", "-s", "m.sig"]
    done = subprocess.run(words, cwd=tmp_path, input=DATA, capture_output=True)
    assert done.returncode == 0, done.stderr


# ---- whose signature counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", ""),
        ('namespaces="vch-manifest"', ""),
        ('namespaces="git,vch-*"', ""),
        ('namespaces="git"', "may not sign for `vch-manifest`, only for git"),
        ('namespaces="vch-*,!vch-manifest"', "may not sign for"),
        ('namespaces="vch-manifes"', "may not sign for"),
        ('namespaces="vch.manifest"', "may not sign for"),
        ("cert-authority", "is listed for certificates only"),
        ('valid-after="20270101Z"', ""),
        ('valid-after="20280101Z"', "counts from 2028-01-01 00:00 UTC on only"),
        ('valid-before="20270101Z"', "has not counted since 2027-01-01 00:00 UTC"),
        ('valid-after="20270101Z",valid-before="202801010000Z",namespaces="vch-manifest"', ""),
        ('valid-before="20270115080000Z"', ""),  # the very second
        ('valid-before="20270115075959Z"', "has not counted since"),
    ],
)
def test_options_of_a_signer(options: str, said: str) -> None:
    found = why(DATA, signed(DATA), line(key(), options))
    assert found == "" if not said else said in found


def test_times_without_a_z_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC+5")
    time.tzset()
    try:
        (one,) = read_signers(line(key(), 'valid-after="202701010000"'))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert one.after == 1_798_761_600 + 5 * 3600


def test_one_of_several_lines_is_enough() -> None:
    lines = line(key(), 'namespaces="git"', "one") + b"# between\n" + line(key(), who="two")
    assert manifests.verified(DATA, signed(DATA), lines, NOW).startswith("two ")


@pytest.mark.parametrize(
    "wrong",
    [
        b"ops\n",
        b"ops ssh-ed25519\n",
        b"ops ssh-ed25519 not*base64\n",
        b"ops unknown-type AAAA\n",
        b"ops no-such-option ssh-ed25519 AAAA\n",
        b'ops valid-before="soon" ssh-ed25519 AAAA\n',
        b'ops valid-before="20271341" ssh-ed25519 AAAA\n',
        b'ops namespaces="" ssh-ed25519 AAAA\n',
        b"ops namespaces ssh-ed25519 AAAA\n",
        b'ops cert-authority="x" ssh-ed25519 AAAA\n',
        b"\xff\xfe\n",
    ],
)
def test_a_line_that_cannot_be_read_refuses_the_file(wrong: bytes) -> None:
    """It may hold a limit, so the lines beside it are not believed either."""
    assert "file of signers" in why(DATA, signed(DATA), line(key()) + wrong)


def test_a_damaged_key_in_the_list_is_a_refusal() -> None:
    blob = sshsig.string(b"ssh-ed25519") + sshsig.string(b"short")
    signers = b"ops ssh-ed25519 " + base64.b64encode(blob) + b"\n"
    made = msgspec.structs.replace(sshsig.decode(signed(DATA)), key=blob)
    assert "is damaged" in why(DATA, sshsig.encode(made), signers)


# ---- hostile files -------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_taken_apart(data: bytes) -> None:
    for one in (data, armored(data), armored(b"SSHSIG" + data), armored(b"SSHSIG\0\0\0\1" + data)):
        try:
            sshsig.decode(one)
        except SignatureError as error:
            assert error.message.isprintable()


@given(st.lists(st.binary(max_size=40), min_size=5, max_size=5), st.binary(max_size=8))
def test_any_fields_are_refused(parts: list[bytes], rest: bytes) -> None:
    blob = b"SSHSIG\0\0\0\1" + b"".join(sshsig.string(one) for one in parts) + rest
    assert why(DATA, armored(blob), line(key()))


@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from(TYPES))
def test_no_changed_byte_of_a_signature_counts(at: int, by: int, type_: str) -> None:
    blob = base64.b64decode(b"".join(signed(DATA, key(type_)).split(b"\n")[1:-2]))
    changed = bytearray(blob)
    changed[at % len(blob)] ^= by
    found = why(DATA, armored(bytes(changed)), line(key(type_)))
    # The field that is reserved is the only one that nothing is said of, and it is empty.
    assert found


@given(st.text(max_size=120))
def test_any_file_of_signers_is_read_or_refused(text: str) -> None:
    try:
        found = read_signers(text.encode("utf-8", "surrogatepass"))
    except SignatureError as error:
        assert "file of signers" in error.message
    else:
        assert all(isinstance(one, Signer) for one in found)


def test_a_large_file_is_not_taken_apart() -> None:
    assert "more than 64 KiB" in why(DATA, armored(bytes(1 << 20)), line(key()))


def test_more_than_a_signature_is_none() -> None:
    good = signed(DATA)
    for wrong in (good + good, b"x" + good, good + b"x", good.replace(b"-----END", b"-----end"), b""):
        assert "no SSH signature" in why(DATA, wrong, line(key()))
    blob = base64.b64decode(b"".join(good.split(b"\n")[1:-2]))
    assert "more in it than a signature" in why(DATA, armored(blob + b"x"), line(key()))
    assert why(DATA, b"\n" + good.replace(b"\n", b"\r\n") + b"\n", line(key())) == ""


# ---- private keys --------------------------------------------------------------------------------------------------


def test_a_key_with_a_passphrase_asks_for_it_once() -> None:
    file = private_file(key(), "swordfish")
    assert keys.blob_of(keys.private_key(file, lambda: "swordfish")) == keys.blob_of(key())
    for given_, said in ((None, "nobody is there"), ("", "nobody is there"), ("marlin", "passphrase is another")):
        with pytest.raises(SignatureError, match=said) as caught:
            keys.private_key(file, lambda given_=given_: given_)
        assert "marlin" not in caught.value.message


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"ssh-ed25519 AAAA", "public key"),
        (b"AGE-SECRET-KEY-1QQQQ", "age keys encrypt and cannot sign"),
        (b"# created\nAGE-SECRET-KEY-1QQQQ", "age keys encrypt"),
        (b"", "cannot be read"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "cannot be read"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
    ],
)
def test_what_is_no_private_key_says_so(file: bytes, said: str) -> None:
    with pytest.raises(SignatureError, match=said) as caught:
        keys.private_key(file, lambda: None)
    assert "AAAA" not in caught.value.message and "QQQQ" not in caught.value.message + caught.value.hint


@given(st.binary(max_size=200))
def test_any_bytes_are_no_private_key(data: bytes) -> None:
    ssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.b64encode(b"openssh-key-v1\0" + data) + b"\n"
    for file in (data, ssh + b"-----END OPENSSH PRIVATE KEY-----\n"):
        with pytest.raises(SignatureError):
            keys.private_key(file, lambda: "x")


# ---- the same signatures as OpenSSH's ------------------------------------------------------------------------------


@needs_keygen
@pytest.mark.parametrize("type_", TYPES)
def test_ssh_keygen_verifies_ours(type_: str, tmp_path: Path) -> None:
    (tmp_path / "signers").write_bytes(line(key(type_), 'namespaces="vch-manifest"'))
    (tmp_path / "m.sig").write_bytes(signed(DATA, key(type_)))

    def answer(data: bytes) -> int:
        words = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ops@example.org", "-n", "vch-manifest"]
        done = subprocess.run([*words, "-s", "m.sig"], cwd=tmp_path, input=data, capture_output=True)
        return done.returncode

    assert answer(DATA) == 0
    assert answer(DATA + b" ") != 0


@needs_keygen
@pytest.mark.parametrize("type_", TYPES)
def test_ours_verifies_what_ssh_keygen_made(type_: str, tmp_path: Path) -> None:
    file, secret = tmp_path / "team.vch", tmp_path / "key"
    file.write_bytes(DATA)
    secret.touch(0o600)
    secret.write_bytes(private_file(key(type_)))
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "vch-manifest", "-f", secret, file], capture_output=True, check=True
    )
    assert why(DATA, (tmp_path / "team.vch.sig").read_bytes(), line(key(type_))) == ""


@needs_keygen
def test_a_key_that_ssh_keygen_made_signs(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    for words in (("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "2048", "-m", "PEM")):
        made = ["ssh-keygen", "-q", *words, "-N", "swordfish", "-f", str(secret)]
        subprocess.run(made, capture_output=True, check=True)
        one = keys.private_key(secret.read_bytes(), lambda: "swordfish")
        signers = b"ops " + secret.with_suffix(".pub").read_bytes()
        assert why(DATA, signed(DATA, one), signers) == ""
        secret.unlink()
        secret.with_suffix(".pub").unlink()
