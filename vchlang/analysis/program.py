"""What the analysis gives: the checked program, and the composition that one evaluation of it makes.

Both are values. A `Program` keeps its findings beside the tree, by the identity of nodes; a `Composition` has no
syntax in it but places.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from vchlang import values as v
from vchlang.diagnostics import Diagnostic, Label, has_errors
from vchlang.kinds.schema import Kind
from vchlang.syntax import ast
from vchlang.syntax.parser import Parsed
from vchlang.text import Span

# ---- the checked program -------------------------------------------------------------------------------------------


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a function of a script takes and gives. `late`: whether what it reads beside its arguments is."""

    params: tuple[v.FieldOf, ...]
    result: v.Type
    late: bool = False


class Symbol(msgspec.Struct, kw_only=True):
    """One declared name of a value. `what`: param, let, fn, element, loop, import.

    type: what an expression with the name has; declared: the type as written, with the names of types in it.
    base and node: where it is declared. depth: of an element, the number of keys that its name carries.
    optional: of an element, whether it stands under an `if`. late: known only after apply. position: of a loop
    variable, whether it is a position in a list, which moves when a neighbour goes.
    """

    name: str
    what: str
    type: v.Type
    base: int
    node: Any
    span: Span
    declared: v.Type | None = None
    signature: Signature | None = None
    depth: int = 0
    optional: bool = False
    late: bool = False
    position: bool = False
    used: bool = False
    verb: str = ""
    state: int = 0


class TypeName(msgspec.Struct, kw_only=True):
    """A name of a type, with its place; of an imported one, the place of the import."""

    name: str
    type: v.Type
    base: int
    node: Any
    span: Span
    used: bool = False
    state: int = 0


class Component(msgspec.Struct, kw_only=True):
    """A kind written in the language: what an instance takes, as other kinds describe it, and what it shows.

    path: of the file that declares it. elements: its elements by name. params: types as declared, clauses among them,
    by the name that the body uses; fields: what is declared in parentheses; clauses: the name by `in` and `at`.
    static: parameters that must be known before anything is planned, and what for. outputs: its outputs by name.
    """

    name: str
    path: str
    base: int
    node: ast.Component
    span: Span
    kind: Kind
    type: v.InstanceOf
    doc: str = ""
    elements: dict[str, Symbol] = {}
    params: dict[str, v.Type] = {}
    fields: dict[str, v.FieldOf] = {}
    clauses: dict[str, str] = {}
    static: dict[str, str] = {}
    outputs: dict[str, ast.Output] = {}
    state: int = 0


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A name that comes from a module; `module` is the path of its file."""

    module: str
    name: str


class Program(msgspec.Struct, kw_only=True):
    """A script or module that was checked.

    path: of the file, as imports name it. root: of a vendored package, its directory, which it reads nothing outside
    of. imports: local name of a value → where it comes from. modules: by the path of their files. types and components:
    by the name that they have in this file, imported ones among them. typed: by the identity of a `let` or `output`,
    the type that is written there; of a case that is compared, the type of the other side. results: types of outputs.
    tests: the file's, in order.
    reads: what `archive`, `file` and `env` are called with, where that is a literal, so that it can be read ahead.
    """

    path: str
    parsed: Parsed
    symbols: dict[str, Symbol]
    imports: dict[str, Import]
    modules: dict[str, Program]
    reads: tuple[Read, ...]
    diagnostics: tuple[Diagnostic, ...]
    types: dict[str, TypeName] = {}
    components: dict[str, Component] = {}
    typed: dict[int, v.Type] = {}
    results: dict[str, v.Type] = {}
    root: str = ""

    @property
    def has_errors(self) -> bool:
        """Whether evaluating it makes no sense."""
        return has_errors(self.diagnostics)


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A directory that is imported as one module: what its files export, together."""

    programs: tuple[Program, ...]


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

    made: it is a value of the language already, worked out by a test.
    origin: where it comes from, for messages.
    """

    origin: str
    text: str | None = None
    value: Any = None
    made: bool = False


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
    """A place: the name of a text, and a span in it. `made`: of a place in a component, where its instance is made."""

    source: str
    span: Span
    made: tuple[Label, ...] = ()


class Was(msgspec.Struct, frozen=True, kw_only=True):
    """One `@was` over an element: its own, or that of an instance which it is in; all elements in that share it.

    olds: what it says that the address was, the likelier first. new: what it is now. Those of an instance end in a dot,
    so they are what its elements' addresses begin with. Around it everything is called as it is now: what an instance
    around it was is said by that one's own. prefix: of the instance that it is in. depth: how many are around it.
    text: as it is written. where: that text. head: what is renamed.
    """

    olds: tuple[str, ...]
    new: str
    prefix: str
    depth: int
    text: str
    where: Where
    head: Where

    def of_instance(self) -> bool:
        """Whether an instance is renamed, and so all in it."""
        return self.new.endswith(".")


class ElementDecl(msgspec.Struct, kw_only=True):
    """One element. `body` has the fields that the script writes, `spans` where; `inside` and `at` are among them.

    needs: addresses that its values mention, whatever for. after: those of `@after`. was: what each `@was`
    over it says, the outermost first.
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
    was: tuple[Was, ...] = ()
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
    """`start X` or `stop X`; `executor` is empty where X is none, and nobody knows which one was meant."""

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


class VerifyDecl(msgspec.Struct, kw_only=True):
    """A `verify`: what is left of its condition and message once everything known was worked out (`analysis/later.py`).

    text: the condition as written. shown: parts whose values say why it does not hold, each as written and what is
    left of it. instance: the address of the instance that it stands in, empty in the script itself.
    """

    text: str
    condition: Any
    message: Any
    shown: tuple[tuple[str, Any], ...]
    where: Where
    instance: str = ""


class Composition(msgspec.Struct, kw_only=True):
    """All that one evaluation made, in the order written. `missing`: what must be read before it is whole.

    steps: how many it took.
    """

    elements: dict[str, ElementDecl]
    handles: list[HandleDecl]
    powers: list[PowerDecl]
    waits: list[WaitDecl]
    outputs: list[OutputDecl]
    missing: tuple[Read, ...]
    diagnostics: tuple[Diagnostic, ...]
    verifies: list[VerifyDecl] = []
    steps: int = 0

    @property
    def has_errors(self) -> bool:
        """Whether planning it makes no sense."""
        return has_errors(self.diagnostics)
