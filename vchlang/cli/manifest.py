"""`vch manifest`: what an administrator lets scripts do, signed, verified, and said in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from vchlang import manifests
from vchlang import values as v
from vchlang.analysis.manifest import Granted
from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import Command, Given, Option, Usage
from vchlang.cli.refusal import DONE, REFUSED, Refusal, problem
from vchlang.cli.show_diagnostics import Sources
from vchlang.diagnostics import nearest
from vchlang.kinds.compute import Resources
from vchlang.kinds.manifest import WORDS, Limits, Manifest
from vchlang.signatures import SignatureError, sshsig
from vchlang.system import Machine

PASSPHRASE = "VCH_KEY_PASSPHRASE"
COMMAND = Command(
    name="manifest",
    words="sign|verify|show FILE",
    doc="A manifest says what scripts may ask for, and counts when an administrator signed it. `sign` writes\n"
    "FILE.sig, as `ssh-keygen -Y sign -n vch-manifest` does; `verify` says who signed it; `show` says in words what\n"
    "it grants. Scripts run under the one of vch.toml, or of the variables VCH_MANIFEST and VCH_SIGNERS.",
    options=(
        Option(("--key",), f"sign: the private SSH key; {PASSPHRASE} may hold its passphrase", "KEYFILE"),
        Option(("--signers",), "verify: the keys that count, as an allowed_signers file of OpenSSH", "FILE"),
    ),
    least=2,
    most=2,
    examples=(
        "vch manifest show team.vch",
        "vch manifest sign team.vch --key ~/.ssh/id_ed25519",
        "vch manifest verify team.vch --signers signers",
    ),
)


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Sign, verify or show a manifest."""
    action, file = given.words
    if action not in _ACTIONS:
        near = nearest(action, _ACTIONS)
        hint = f"did you mean `{near}`?" if near else "it is one of " + ", ".join(_ACTIONS)
        raise Usage(f"`vch manifest` cannot `{action}`", hint)
    for option, of in (("key", "sign"), ("signers", "verify")):
        if of == action and not given.one(option):
            raise Usage(f"`vch manifest {action}` needs --{option}")
        if of != action and given.flag(option):
            raise Usage(f"`vch manifest {action}` takes no --{option}")
    try:
        return _ACTIONS[action](file, given, terminal, machine)
    except manifests.ManifestError as error:
        texts = {one.name: one for one in (error.source,) if one is not None}
        raise Refusal(error.diagnostics, Sources(os.getcwd(), texts.get), REFUSED if not texts else None) from None


def _sign(file: str, given: Given, terminal: Terminal, machine: Machine) -> int:
    from vchlang.signatures import keys

    data = manifests.read(file, "the manifest")
    manifests.understood(data, file)  # nobody signs what nothing can run under
    key_file = os.path.expanduser(given.one("key"))

    def passphrase() -> str | None:
        if PASSPHRASE in os.environ:
            return os.environ[PASSPHRASE]
        return terminal.ask_hidden(f"passphrase of {key_file}: ") if terminal.may_ask else None

    try:
        key = keys.private_key(manifests.read(key_file, "the key"), passphrase)
    except SignatureError as error:
        raise Refusal([problem("manifest-signature", error.message, error.hint)]) from None
    signature = keys.sign(key, data, manifests.NAMESPACE.encode())
    beside = file + manifests.SIGNATURE
    try:
        machine.files.replace(os.path.abspath(beside), sshsig.encode(signature), 0o644)
    except OSError as error:
        raise Refusal([problem("io-error", f"{beside} cannot be written: {error.strerror or error}")]) from None
    terminal.out(one_line(f"Signed in {beside}; the file of signers has to list the key:"))
    terminal.out(one_line(f'  {_somebody()} namespaces="{manifests.NAMESPACE}" {keys.public_line(key)}'))
    return DONE


def _somebody() -> str:
    return f"{os.environ.get('USER') or 'somebody'}@{os.uname().nodename}"


def _verify(file: str, given: Given, terminal: Terminal, machine: Machine) -> int:
    data = manifests.read(file, "the manifest")
    signers = manifests.read(given.one("signers"), "the file of signers")
    now = machine.clock.now()
    signer = manifests.verified(data, manifests.signature_of(file), signers, now)
    _, granted = manifests.understood(data, file)
    manifests.still_holds(granted, now)
    terminal.out(one_line(f"The manifest `{granted.name}` is signed by {signer}."))
    return DONE


def _show(file: str, given: Given, terminal: Terminal, machine: Machine) -> int:
    _, granted = manifests.understood(manifests.read(file, "the manifest"), file)
    for line in words_of(granted):
        terminal.out(one_line(line))
    return DONE


_ACTIONS: dict[str, Callable[[str, Given, Terminal, Machine], int]] = {"sign": _sign, "verify": _verify, "show": _show}


# ---- in words ------------------------------------------------------------------------------------------------------


def words_of(granted: Granted) -> list[str]:
    """What a manifest grants, a line for each thing that it could; what it grants nothing of is said too."""
    grants = granted.grants
    verbs = grants.verbs if grants.verbs is not None else WORDS
    rows = [
        ("bring elements in with", _listed(verbs)),
        ("make pools and executors in", _listed(grants.pools, ", and below")),
        ("make locations and storage in", _listed(grants.locations, ", and below")),
        ("only read storage in", _listed(grants.readable, ", and below")),
        ("join networks", _listed(grants.networks)),
        ("create networks on the switches", _listed(grants.switches, ", and below")),
        ("give networks the VLANs", _listed(grants.vlans)),
        ("take fixed addresses", _addresses(grants)),
        ("have kept for their pools", _resources(grants.reservation) or "nothing"),
        ("make storage from", "any content" if grants.images is None else _listed(grants.images)),
    ]
    width = max(len(left) for left, _ in rows)
    out = [f"Under the manifest `{granted.name}` scripts may", ""]
    out += [f"  {left:<{width}}  {right}" for left, right in rows]
    out += ["", "All that one deployment asks for is limited to", ""]
    out += [f"  {one}" for one in _limits(grants.limits or Limits())]
    out += ["", "It holds " + (f"until {grants.expires}, in UTC" if grants.expires else "for all time")]
    out[-1] += ", for any target." if grants.targets is None else f", for the targets: {_listed(grants.targets)}."
    return out


def _listed(values: Sequence[object], after: str = "") -> str:
    return ", ".join(str(one) for one in values) + after if values else "nothing"


def _addresses(grants: Manifest) -> str:
    found = [f"{', '.join(ranges)} on {name}" for name, ranges in grants.addresses.items() if ranges]
    return "; ".join(found) or "nothing"


def _resources(kept: Resources | None) -> str:
    if kept is None:
        return ""
    parts = [
        v.show_unit(kept.cpu, v.FREQUENCY) if kept.cpu else "",
        v.show_unit(kept.memory, v.BYTES) if kept.memory else "",
    ]
    return ", ".join(one for one in parts if one)


def _limits(limits: Limits) -> list[str]:
    def size(value: int | None) -> str:
        return "any" if value is None else v.show_unit(value, v.BYTES)

    def number(value: int | None) -> str:
        return "any" if value is None else str(value)

    rows = [
        ("processor", "any" if limits.cpu is None else v.show_unit(limits.cpu, v.FREQUENCY)),
        ("memory", size(limits.memory)),
        ("storage", size(limits.storage)),
        ("executors", number(limits.executors)),
        ("pools", number(limits.pools)),
        ("processors of one executor", number(limits.cpus_per_executor)),
        ("memory of one executor", size(limits.memory_per_executor)),
        ("shares of one pool", number(limits.shares)),
    ]
    width = max(len(left) for left, _ in rows)
    return [f"{left:<{width}}  {right}" for left, right in rows]
