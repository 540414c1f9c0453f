"""What a plan is: values only, complete, and the same after a round trip to a file.

An operation's `args` are in a plan's form: what JSON has, and three kinds of object with one key that begins with `$`:

- `{"$ref": "images.url"}`, with `"args": ["client"]` for a fact that is called: a fact that apply fills in;
- `{"$secret": "vmomi", "path": ["password"], "digest": "…"}`: a secret parameter, never its value;
- `{"$text": [part, …]}`: a text with such parts in it.

Units are whole numbers of bytes, hertz and nanoseconds; a variant with fields is a record with `is`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vchlang.kinds.world import Finding

FORMAT = "vch.plan"
VERSION = 1

ACTIONS = (
    "confirm",
    "rename",
    "read",
    "create",
    "adopt",
    "update",
    "stop",
    "commit",
    "start",
    "freeze",
    "wait",
    "delete",
    "release",
    "forget",
    "none",
)
"""What an operation does. `none` changes nothing and stays in the plan with its reason; `forget` only drops the state's
record of what is gone, or of what the platform has no object for. `rename` changes addresses in the state, all in one
transaction and before everything else: `args` has `moves`, new by old address, and `settled`."""

CHANGING = frozenset(ACTIONS) - {"confirm", "read", "none"}
"""Actions after which something is different; a plan of none of these is empty. A `wait` for what is so already is
`none`."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an operation is written. Lines and columns from 1; `start` and `end` are code points."""

    source: str
    line: int
    column: int
    start: int
    end: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs; `before` and `after` as a person reads them, secrets as "(secret)"."""

    path: str
    before: str
    after: str
    effect: str


class Substep(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown below an operation: a join, a bind, a check. `mark` is `+`, `~`, `-`, ` `."""

    text: str
    mark: str = " "
    line: int = 0


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    id: `%1`, `%2`, … in topological order. needs: ids of the operations that must be done before.
    kind, address, generation, identity: which object; identity is its unique name on the platform.
    origin: how the object came to us: created, adopted or found. spec: digest of `args`.
    expect: the object's version when the plan was made, empty where there was none. because: reasons, nearest first.
    part: of a commit that others of the same executor follow, its number; 0 for the last one, which has everything.
    """

    id: str
    action: str
    kind: str
    address: str
    generation: int = 1
    identity: str = ""
    args: dict[str, Any] = {}
    needs: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    because: tuple[str, ...] = ()
    steps: tuple[Substep, ...] = ()
    notes: tuple[str, ...] = ()
    origin: str = "created"
    protect: bool = False
    retain: bool = False
    spec: str = ""
    expect: str = ""
    part: int = 0
    place: Place | None = None


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A file, directory or variable that the plan was made from, and the digest of what was read."""

    kind: str
    name: str
    sha256: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition, as written, and as an expression that gives its value."""

    text: str
    value: Any


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked when everything is applied. Its expressions are in the form of `plan/verifies.py`.

    text: the condition as written. instance: the address of the instance that it stands in; empty in the script itself.
    shown: parts whose values say why it does not hold.
    """

    text: str
    condition: Any
    message: Any = None
    shown: tuple[Shown, ...] = ()
    instance: str = ""
    place: Place | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that apply needs, and what it must still find unchanged.

    lineage: of the deployment; empty until its first apply, which draws it. serial: of the state it was made on.
    outputs: by name, in a plan's form. verifies: asked, in their order, when all operations are done.
    """

    deployment: str
    project: str
    environment: str
    target: str
    script: str
    verb: str
    lineage: str
    serial: int
    operations: tuple[Operation, ...]
    outputs: dict[str, Any] = {}
    findings: tuple[Finding, ...] = ()
    inputs: tuple[Input, ...] = ()
    verifies: tuple[Verify, ...] = ()

    @property
    def changing(self) -> bool:
        """Whether carrying it out would change anything."""
        return any(operation.action in CHANGING for operation in self.operations)

    def counts(self) -> dict[str, int]:
        """How many objects each thing happens to, in the words of the summary; a replaced one counts once."""
        out = dict.fromkeys(("create", "adopt", "update", "replace", "destroy", "unchanged"), 0)
        replaced = {
            operation.address
            for operation in self.operations
            if operation.action == "create" and operation.generation > 1
        }
        made = {operation.address for operation in self.operations if operation.action in ("create", "adopt", "update")}
        composed: set[str] = set()
        for operation in self.operations:
            match operation.action:
                case "create":
                    out["replace" if operation.address in replaced else "create"] += 1
                case "adopt":
                    out["adopt"] += 1
                case "update":
                    out["update"] += 1
                case "commit" if operation.changes and operation.address.partition("@")[0] not in made:
                    out["update"] += operation.address not in composed  # a first commit belongs to making its executor
                    composed.add(operation.address)
                case "delete" | "release" | "forget" if operation.address not in replaced:
                    out["destroy"] += operation.kind != "handle"  # it goes with its executor
                case "none" if operation.kind not in ("power", "wait", "handle"):
                    out["unchanged"] += 1
                case _:
                    pass
        return out
