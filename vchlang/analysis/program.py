"""What the analysis gives: the checked program, and the composition that one evaluation of it makes.

Both are values. A `Program` keeps its findings beside the tree, by the identity of nodes; a `Composition` has no
syntax in it but places.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from vchlang import values as v
from vchlang.diagnostics import Diagnostic, has_errors
from vchlang.syntax.parser import Parsed
from vchlang.text import Span

# ---- the checked program -------------------------------------------------------------------------------------------


class Symbol(msgspec.Struct, kw_only=True):
    """One declared name of a value. `what`: param, let, element, loop, import, builtin.

    base and node: where it is declared. depth: of an element, the number of keys that its name carries.
    optional: of an element, whether it stands under an `if`. late: known only after apply.
    """

    name: str
    what: str
    type: v.Type
    base: int
    node: Any
    span: Span
    depth: int = 0
    optional: bool = False
    late: bool = False
    used: bool = False
    verb: str = ""
    state: int = 0


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A name that comes from a module."""

    module: str
    name: str


class Program(msgspec.Struct, kw_only=True):
    """A script or module that was checked.

    path: of the file, as imports name it. imports: local name → where it comes from. modules: by their path.
    reads: what `archive`, `file` and `env` are called with, where that is a literal, so that it can be read ahead.
    """

    path: str
    parsed: Parsed
    symbols: dict[str, Symbol]
    imports: dict[str, Import]
    modules: dict[str, Program]
    reads: tuple[Read, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether evaluating it makes no sense."""
        return has_errors(self.diagnostics)


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the script reads: `archive`, `file` or `env`, and the path (from the project's root) or name."""

    kind: str
    name: str


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Why something could not be read. `code` is a diagnostic's slug."""

    code: str
    message: str
    hint: str = ""


Inputs: TypeAlias = "dict[Read, Any]"
"""What was read: a `DataRef`, a text, None for an unset variable, or `Unreadable`. What is missing is not read yet."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter's value from outside. `text`: to be read by the parameter's type; else `value`, from TOML or JSON.

    origin: where it comes from, for messages.
    """

    origin: str
    text: str | None = None
    value: Any = None


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Values of parameters, and of those that are secret.

    unknown: whether a parameter without a value is unknown (a validate, the editor) instead of a mistake.
    secrets: by name; their values are whatever the source gave: a text, or a record of texts.
    """

    given: dict[str, Given] = {}
    secrets: dict[str, v.Secret] = {}
    unknown: bool = False


# ---- the composition -----------------------------------------------------------------------------------------------


class Where(msgspec.Struct, frozen=True):
    """A place: the name of a text, and a span in it."""

    source: str
    span: Span


class ElementDecl(msgspec.Struct, kw_only=True):
    """One element. `body` has the fields that the script writes, `spans` where; `inside` and `at` are among them.

    needs: addresses that its values mention, whatever for. after: those of `@after`.
    """

    address: str
    kind: str
    verb: str
    label: str
    body: dict[str, Any]
    spans: dict[str, Where]
    where: Where
    head: Where
    order: int
    protect: bool = False
    retain: bool = False
    needs: set[str] = set()
    after: set[str] = set()
    waits: tuple[int, ...] = ()


class JoinStep(msgspec.Struct, kw_only=True):
    """`join X as ROLE { … }` as evaluated."""

    kind: str
    address: str
    role: str
    body: dict[str, Any]
    spans: dict[str, Where]
    where: Where
    needs: set[str] = set()


class BindStep(msgspec.Struct, kw_only=True):
    """`bind X as ROLE at PATH { … }` as evaluated; `role` is empty where the script does not say."""

    kind: str
    address: str
    role: str
    body: dict[str, Any]
    spans: dict[str, Where]
    where: Where
    needs: set[str] = set()


class HandleDecl(msgspec.Struct, kw_only=True):
    """One handle: its steps in the order written. `partial`: a mistake left out one of them, so others may miss it."""

    executor: str
    steps: list[JoinStep | BindStep]
    partial: bool
    where: Where
    head: Where
    order: int
    after: set[str] = set()
    waits: tuple[int, ...] = ()


class PowerDecl(msgspec.Struct, kw_only=True):
    switch: str
    executor: str
    where: Where
    order: int
    after: set[str] = set()
    waits: tuple[int, ...] = ()


class WaitDecl(msgspec.Struct, kw_only=True):
    """`wait X until STATE within T`; `task` is empty where X is the executor. within: nanoseconds."""

    executor: str
    task: str
    state: str
    within: int
    where: Where
    order: int
    waits: tuple[int, ...] = ()


class OutputDecl(msgspec.Struct, kw_only=True):
    name: str
    value: Any
    where: Where
    doc: str = ""


class Composition(msgspec.Struct, kw_only=True):
    """All that one evaluation made, in the order written. `missing`: what must be read before it is whole."""

    elements: dict[str, ElementDecl]
    handles: list[HandleDecl]
    powers: list[PowerDecl]
    waits: list[WaitDecl]
    outputs: list[OutputDecl]
    missing: tuple[Read, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether planning it makes no sense."""
        return has_errors(self.diagnostics)
