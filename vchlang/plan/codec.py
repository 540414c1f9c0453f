"""A plan as a file: one canonical text for one plan, with a digest, an age and a seal around it.

    {"format": "vch.plan", "version": 1, "digest": "sha256:…", "created": …, "expires": …, "mac": "…", "plan": {…}}

The digest is that of the canonical body, and the seal is an HMAC over everything beside the body, digest included; so
whitespace and the order of keys may change on the way, and nothing else may. Canonical: keys sorted, no space between,
UTF-8 as it is; the numbers of a plan are whole but for the few that a script writes as `Float`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec

from vchlang.plan.model import FORMAT, VERSION, Plan

DAY = 86400.0


class PlanError(Exception):
    """A plan file that must not be applied. `code` is `stale-plan` or `io-error`; `message` is for the user."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def canonical(value: Any) -> bytes:
    """The one text of a value of what JSON has."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
    ).encode()


def digest(plan: Plan) -> str:
    """What names a plan: equal plans have equal digests, whenever they were made."""
    return _digest(canonical(msgspec.to_builtins(plan)))


def encode(plan: Plan, *, key: bytes, now: float, life: float = DAY) -> bytes:
    """The document of a plan, canonical as a whole.

    key: seals it; only who has the same key can apply it. now, life: seconds; it is refused after `now + life`.
    PlanError when a name in it is no text, as names of files may be.
    """
    body = msgspec.to_builtins(plan)
    try:
        text = canonical(body)
    except UnicodeEncodeError as error:
        raise PlanError("io-error", "the plan has a name in it that is no text, so it cannot be written") from error
    envelope: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "digest": _digest(text),
        "created": int(now),
        "expires": int(now + life),
    }
    return canonical({**envelope, "mac": _seal(envelope, key), "plan": body}) + b"\n"


def decode(data: bytes, *, key: bytes, now: float) -> Plan:
    """The plan of a document that `encode` made, whatever its whitespace; PlanError when it must not be applied."""
    document = _document(data)
    body = document.pop("plan")
    mac = document.pop("mac")
    try:
        found, seal = _digest(canonical(body)), _seal(document, key)
    except (ValueError, RecursionError) as error:  # a number or a text that no plan has
        raise PlanError("io-error", f"the file is no plan: {error}", _AGAIN) from error
    if document["digest"] != found:
        raise PlanError("stale-plan", "the plan was changed after it was made: its digest does not fit", _AGAIN)
    if not hmac.compare_digest(mac.encode(errors="replace"), seal.encode()):
        raise PlanError("stale-plan", "the plan was not made here: its seal is not of this project's key", _AGAIN)
    if now > document["expires"]:
        raise PlanError("stale-plan", f"the plan expired {_ago(now - document['expires'])} ago", _AGAIN)
    try:
        return msgspec.convert(body, Plan)
    except (msgspec.ValidationError, RecursionError) as error:
        raise PlanError("io-error", f"the plan is not complete: {error}", _AGAIN) from error


_AGAIN = "make it again with `vch plan -o FILE`"
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "version": int,
    "digest": str,
    "created": int,
    "expires": int,
    "mac": str,
    "plan": dict,
}


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PlanError("io-error", "the file is no plan: it is not JSON", _AGAIN) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PlanError("io-error", f"the file is no plan: it has no `format` of `{FORMAT}`", _AGAIN)
    if document.get("version") != VERSION:
        raise PlanError("io-error", "the plan is of another version of vch", _AGAIN)
    for name, type_ in _FIELDS.items():
        if not isinstance(document.get(name), type_):
            raise PlanError("io-error", f"the file is no plan: `{name}` is missing or of another type", _AGAIN)
    if document.keys() != _FIELDS.keys():
        raise PlanError("io-error", "the file is no plan: it has more than a plan has", _AGAIN)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a doubled key one reader takes the first and another the last; no plan has one.
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is written twice")
    return made


def _digest(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _seal(envelope: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, canonical(envelope), hashlib.sha256).hexdigest()


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
