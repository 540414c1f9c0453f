"""Where values are: scopes, modules and the frames of instances; what a name means, worked out when first asked for.

A place in the text is a module (one file), the base of a top-level statement, and the frame that is being worked out:
the script, or one instance of a component. All three change together, and a mistake is reported at the place.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.budget import MAX_DEPTH, MAX_MISTAKES, MAX_STEPS, Budget
from vchlang.analysis.builtins import MAX_ITEMS, MAX_TEXT
from vchlang.analysis.fit import holds_element, one_of, opened
from vchlang.analysis.given import from_data, from_text
from vchlang.analysis.program import Component, Given, Inputs, Parameters, Program, Read, Was, Where
from vchlang.diagnostics import Label, Report
from vchlang.syntax import ast
from vchlang.text import Span

__all__ = [
    "MAX_DEPTH", "MAX_ITEMS", "MAX_STEPS", "MAX_TEXT", "NOTHING", "Argument", "Frame", "Known", "Limit", "Module",
    "Naming", "Place", "Scope",
]  # fmt: skip

NOTHING = v.Unknown(v.ANY)
"""What is not known and not worth a word: a parameter without a value, or the rest of a mistake."""


class Limit(Exception):
    """The budget ran out; reported where it did."""


class Known(Exception):
    """A mistake that was reported: what depends on it is unknown."""


class Frame:
    """What declares elements: the script, or one instance of a component.

    prefix: of its elements' addresses, empty for the script. elements: by name, a reference, or a dictionary of them by
    key. results: outputs worked out so far. head: where the instance is made; made: the labels that say so, those of
    the instances around it after its own. was: each `@was` of it and of the instances around it. after: what all in it
    comes after. inside: the components whose instances it stands in, its own among them. unsettled: elements in a loop
    or condition that is not known, so nobody can say which of them there are.
    """

    __slots__ = (
        "after", "component", "elements", "head", "inner", "inside", "made", "members", "prefix", "protect", "results",
        "retain", "scope", "unsettled", "was",
    )  # fmt: skip

    def __init__(self, prefix: str = "", component: Component | None = None, head: Where | None = None) -> None:
        self.prefix = prefix
        self.component = component
        self.head = head
        self.made: tuple[Label, ...] = ()
        if head is not None:
            words = f"in `{prefix[:-1]}`, which is made here"
            self.made = (Label(source=head.source, span=head.span, text=words), *head.made)
        self.elements: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.members: list[str] = []
        self.unsettled: set[str] = set()
        self.inner: list[Frame] = []
        self.scope: Scope | None = None
        self.protect = False
        self.retain = False
        self.was: tuple[Was, ...] = ()
        self.after: set[str] = set()
        self.inside: tuple[Component, ...] = ()

    def addresses(self) -> set[str]:
        """Of all elements in it, those of instances in it among them."""
        out = set(self.members)
        for one in self.inner:
            out |= one.addresses()
        return out


class Scope:
    """Values by name. `lazy` are lets and arguments, which are worked out when first asked for."""

    __slots__ = ("frame", "lazy", "module", "outer", "values")

    def __init__(self, outer: Scope | None, module: Module, frame: Frame | None = None) -> None:
        self.outer = outer
        self.module = module
        self.frame: Frame = frame if frame is not None else outer.frame if outer is not None else Frame()
        self.values: dict[str, Any] = {}
        self.lazy: dict[str, tuple[ast.Let, int] | Argument] = {}


class Module:
    """One file being evaluated: its program, its report, and the values of its top-level names."""

    __slots__ = ("name", "out", "program", "top")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.name = program.parsed.source.name
        self.out = Report(program.parsed.source.name)
        self.top = Scope(None, self, Frame())


Place: TypeAlias = tuple[Module, int, Frame]


class Argument:
    """A parameter of an instance: what gives it a value, and where that is written.

    node: the clause, or None; then `entries` of the body say it, the last one first. field: as it is declared, in the
    component's file at `base`. head: the instance.
    """

    __slots__ = ("base", "entries", "field", "head", "node", "place", "scope")

    def __init__(
        self, field: v.FieldOf, base: int, node: Any, entries: tuple[Any, ...], scope: Scope, place: Place, head: Any
    ) -> None:
        self.field = field
        self.base = base
        self.node = node
        self.entries = entries
        self.scope = scope
        self.place = place
        self.head = head


class Naming(Budget):
    """What names mean, in the files of one program.

    frames: of instances, by their address. roles: uses of `address(.role)`, to be checked later. busy: names being
    worked out, to find those that need themselves.
    """

    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs) -> None:
        super().__init__()
        self.program = program
        self.parameters = parameters
        self.inputs = inputs
        self.main = Module(program)
        self.modules: dict[str, Module] = {program.path: self.main}
        self.programs = _programs(program)
        self.script = self.main.top.frame
        self.script.scope = self.main.top
        self.frames: dict[str, Frame] = {}
        self.module = self.main
        self.base = 0
        self.frame = self.script
        self.depth = 0
        self.busy: list[tuple[Any, str]] = []
        self.calling: list[tuple[Module, str]] = []
        self.missing: dict[Read, None] = {}
        self.roles: list[tuple[str, str, Where]] = []

    # ---- places and reports ----------------------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        return self.module, self.base, self.frame

    @place.setter
    def place(self, place: Place) -> None:
        self.module, self.base, self.frame = place

    def span(self, node: Any) -> Span:
        return Span(self.base + node.start, self.base + node.end)

    def where(self, node: Any) -> Where:
        base = self.base
        return Where(self.module.name, Span(base + node.start, base + node.end), self.frame.made)

    def report(self, code: Any, node: Any, message: str, **more: Any) -> None:
        """Note a mistake at a node of the file being read; in an instance, with where that is made."""
        if self.frame.made:
            more["labels"] = [*more.pop("labels", ()), *self.frame.made]
        self.module.out.report(code, self.span(node), message, **more)
        if self.module.out.count > MAX_MISTAKES:
            raise Limit

    def limit(self, code: Any, node: Any, message: str) -> None:
        self.report(code, node, message)
        raise Limit

    def mistake(self, code: Any, node: Any, message: str, hint: str | None = None) -> Known:
        self.report(code, node, message, hint=hint)
        return Known()

    def module_of(self, path: str) -> Module:
        """The file at a path, as it is being evaluated."""
        found = self.modules.get(path)
        if found is None:
            found = self.modules[path] = Module(self.programs[path])
        return found

    # ---- what is worked out elsewhere ------------------------------------------------------------------------------

    def quiet(self, node: Any, scope: Scope) -> Any:
        """The value of an expression; NOTHING where a mistake in it was reported."""
        raise NotImplementedError

    def fit(self, value: Any, type_: v.Type, node: Any) -> Any:
        """A value as its type wants it."""
        raise NotImplementedError

    def where_holds(
        self, where: ast.Where, home: v.Home, names: dict[str, Any], node: Any, what: str, it: Any = None,
        scope: Scope | None = None,
    ) -> None:  # fmt: skip
        """Report `node` where a constraint does not hold."""
        raise NotImplementedError

    def function(self, name: str, module: Module) -> Any:
        """A function of the script as a value."""
        raise NotImplementedError

    # ---- names -----------------------------------------------------------------------------------------------------

    def lookup(self, name: str, scope: Scope) -> Any:
        at = scope
        while True:
            if name in at.values:
                return at.values[name]
            if name in at.lazy:
                return self.lazy(name, at)
            if at.outer is None:
                break
            at = at.outer
        component = at.frame.component
        if component is not None and name in component.elements:
            return self.element_value(name, component.elements[name].depth, at.frame)
        return self.top_level(name, at.module)

    def is_bound(self, name: str, scope: Scope) -> bool:
        """Whether the script gives the name a meaning here; its own names go before functions of the language."""
        at: Scope | None = scope
        while at is not None:
            if name in at.values or name in at.lazy:
                return True
            at = at.outer
        component = scope.frame.component
        return name in scope.module.program.symbols or (component is not None and name in component.elements)

    def lazy(self, name: str, scope: Scope) -> Any:
        what = scope.lazy[name]
        if (scope, name) in self.busy:
            if isinstance(what, Argument):
                self.ring_of_arguments(name, scope)
            return NOTHING
        self.busy.append((scope, name))
        saved = self.place
        try:
            if isinstance(what, Argument):
                value = self.argument(what, scope)
            else:
                self.place = scope.module, what[1], scope.frame
                value = self.let_value(what[0], scope)
        finally:
            self.place = saved
            self.busy.pop()
        scope.values[name] = value
        return value

    def let_value(self, node: ast.Let, scope: Scope) -> Any:
        value = self.quiet(node.value, scope)
        type_ = scope.module.program.typed.get(id(node)) if node.type is not None else None
        return value if type_ is None else self.fit(value, type_, node.value)

    def top_level(self, name: str, module: Module) -> Any:
        symbol = module.program.symbols.get(name)
        if symbol is None:
            return NOTHING
        if symbol.what == "element":
            return self.element_value(name, symbol.depth, module.top.frame)
        scope = module.top
        if (scope, name) in self.busy:
            self.report_cycle(name, scope, module)
            return NOTHING
        self.busy.append((scope, name))
        saved = self.place
        self.place = module, symbol.base, scope.frame
        try:
            if symbol.what == "import":
                value = self.imported(name, module)
            elif symbol.what == "param":
                value = self.param(symbol.node.declaration, symbol.declared or symbol.type)
            elif symbol.what == "fn":
                value = self.function(name, module)
            else:
                value = self.let_value(symbol.node, scope)
        finally:
            self.place = saved
            self.busy.pop()
        scope.values[name] = value
        return value

    def report_cycle(self, name: str, scope: Scope, module: Module) -> None:
        start = next(at for at, one in enumerate(self.busy) if one == (scope, name))
        symbols = module.program.symbols
        ring = [one for of, one in self.busy[start:] if of is scope and one in symbols]
        # The same ring is found from each of its names; it is reported from the one that stands first.
        first = min(ring, key=lambda one: symbols[one].span.start)
        at = ring.index(first)
        ring = ring[at:] + ring[:at]
        path = " → ".join([*ring, ring[0]])
        labels = [
            (symbols[one].span, f"needs `{ring[(position + 1) % len(ring)]}`")
            for position, one in enumerate(ring)
            if position
        ]
        module.out.report(codes.CYCLE, symbols[ring[0]].span, f"these need each other: {path}", labels=labels)

    def ring_of_arguments(self, name: str, scope: Scope) -> None:
        """Parameters of an instance whose values need each other: by their defaults, or by its own outputs."""
        start = next(at for at, one in enumerate(self.busy) if one == (scope, name))
        ring = [(of.frame if isinstance(of, Scope) else of).prefix + one for of, one in self.busy[start:]]
        what = scope.lazy[name]
        assert isinstance(what, Argument)
        saved, self.place = self.place, what.place
        self.report(codes.CYCLE, what.head, "these need each other: " + " → ".join([*ring, ring[0]]))
        self.place = saved

    def element_value(self, name: str, depth: int, frame: Frame) -> Any:
        return NOTHING if name in frame.unsettled else frame.elements.get(name, {} if depth else None)

    def imported(self, name: str, module: Module) -> Any:
        origin = module.program.imports.get(name)
        program = module.program.modules.get(origin.module) if origin is not None else None
        if origin is None or program is None:
            return NOTHING
        return self.lookup(origin.name, self.module_of(program.path).top)

    # ---- instances -------------------------------------------------------------------------------------------------

    def argument(self, what: Argument, scope: Scope) -> Any:
        """The value of a parameter of an instance; `null` is as if it were not given."""
        self.place = what.place
        node, value = self.given_to(what)
        field = what.field
        if value is None and field.default is not None:
            self.place = scope.module, what.base, scope.frame
            node = field.default
            value = self.quiet(node, scope)
        value = self.fit(value, field.type, node) if value is not None else None
        scope.values[field.name] = value  # what its constraint asks for may need it
        self.constrained(field, scope, node)
        return value

    def constrained(self, field: v.FieldOf, scope: Scope, node: Any) -> None:
        """Report `node` where the constraint of a parameter, which sees the others, does not hold."""
        value = scope.values[field.name]
        if field.where is not None and field.home is not None and not isinstance(value, v.Unknown):
            self.where_holds(field.where, field.home, {field.name: value}, node, f"`{field.name}`", scope=scope)

    def given_to(self, what: Argument) -> tuple[Any, Any]:
        """Where a value stands, and the value; the head of the instance and None where there is none."""
        if what.node is not None:
            return what.node, self.quiet(what.node, what.scope)
        for entry in reversed(what.entries):
            if isinstance(entry, ast.Spread):
                brought = self.quiet(entry.value, what.scope)
                if isinstance(brought, v.Unknown):
                    return entry.value, NOTHING
                if isinstance(brought, dict) and what.field.name in brought:
                    return entry.value, brought[what.field.name]
            elif entry.name.text == what.field.name:
                return entry.value, self.quiet(entry.value, what.scope)
        return what.head, None

    def output_of(self, address: str, name: str) -> Any:
        """The value of an output of an instance."""
        frame = self.frames.get(address)
        component = frame.component if frame is not None else None
        if frame is None or component is None or frame.scope is None or name not in component.outputs:
            return NOTHING
        if name in frame.results:
            return frame.results[name]
        if (frame, name) in self.busy:
            return NOTHING
        self.busy.append((frame, name))
        saved = self.place
        self.place = frame.scope.module, component.base, frame
        try:
            node = component.outputs[name]
            value = self.quiet(node.value, frame.scope)
            type_ = frame.scope.module.program.typed.get(id(node)) if node.type is not None else None
            frame.results[name] = value if type_ is None else self.fit(value, type_, node.value)
        finally:
            self.place = saved
            self.busy.pop()
        return frame.results[name]

    # ---- parameters of the script ----------------------------------------------------------------------------------

    def param(self, node: ast.Declaration, type_: v.Type) -> Any:
        name = node.name.text
        given = self.parameters.given.get(name)
        if isinstance(opened(type_), v.SecretOf):
            if name in self.parameters.secrets:
                secret = self.parameters.secrets[name]
                if secret.known:
                    self.secret_holds(secret, type_, node)
                return secret
            if node.default is not None:
                return None
            if self.parameters.unknown:
                return v.Secret((name,), known=False)
            self.report(
                codes.NO_SECRET,
                node.name,
                f"the secret parameter `{name}` has no source",
                hint=f'say in vch.toml where it comes from: [env.NAME.secrets] {name} = {{ file = "…" }}',
            )
            return NOTHING
        if holds_element(type_) is not None:
            return NOTHING  # nothing can give it, and the checker has said so
        at: Any = node.name
        if given is not None:
            value = self.read_given(name, given, type_, node)
        elif node.default is not None:
            at = node.default
            value = self.fit(self.quiet(node.default, self.main.top), type_, node.default)
        elif self.parameters.unknown:
            return v.Unknown(type_)
        elif type_ == v.ANY:  # its type was a mistake
            return NOTHING
        else:
            self.report(
                codes.MISSING_PARAMETER,
                node.name,
                f"the parameter `{name}` has no value",
                hint=f"give one: -p {name}=… ({one_of(type_)})",
            )
            return NOTHING
        if node.where is not None and not isinstance(value, v.Unknown):
            home = v.Home(self.module.program.path, self.base)
            origin = f" (given by {given.origin})" if given is not None else ""
            self.main.top.values[name] = value  # what the constraint asks for may need it
            self.where_holds(node.where, home, {name: value}, at, f"`{name}`{origin}")
        return value

    def secret_holds(self, secret: v.Secret, type_: v.Type, node: ast.Declaration) -> None:
        """Report a secret parameter whose value, which was read, is not as its type and its `where` want it."""
        while isinstance(type_, v.Optional | v.Named):
            if isinstance(type_, v.Named) and type_.where is not None:
                self.where_holds(type_.where, type_.home, {}, node.name, f"`{type_.name}`", it=secret)
            type_ = type_.inner
        if node.where is not None:
            home = v.Home(self.module.program.path, self.base)
            self.where_holds(node.where, home, {node.name.text: secret}, node.name, f"`{node.name.text}`")

    def read_given(self, name: str, given: Given, type_: v.Type, node: ast.Declaration) -> Any:
        """A parameter's value from a command line, the environment or TOML, read by its type."""
        self.spend(2 * self.weight(given.value), node.name)
        try:
            plain = v.plain(type_)
            if given.made:
                value = given.value
            else:
                value = from_text(given.text, plain) if given.text is not None else from_data(given.value, plain)
        except ValueError as problem:
            shown = v.brief(given.text if given.text is not None else given.value)
            self.report(
                codes.BAD_PARAMETER,
                node.name,
                f"`{name}` takes {v.show_type(type_)}, and {given.origin} gives {shown}",
                hint=str(problem) or None,
            )
            return NOTHING
        out = self.module.out
        count = len(out.freeze())
        fitted = self.fit(value, type_, node.name)
        return fitted if len(out.freeze()) == count else NOTHING


def _programs(program: Program) -> dict[str, Program]:
    """A program and all that it imports, by path."""
    out = {program.path: program}
    todo = list(program.modules.values())
    while todo:
        one = todo.pop()
        if one.path not in out:
            out[one.path] = one
            todo += one.modules.values()
    return out
