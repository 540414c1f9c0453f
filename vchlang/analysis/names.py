"""Names of values: where they are declared, what type they have, and what an expression must fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS
from vchlang.analysis.fit import (
    Learnt,
    a_type,
    bad_text,
    fits,
    holds_element,
    holds_secret,
    literal,
    opened,
    option_for,
    paths_in,
    split_number,
    unsecret,
)
from vchlang.analysis.program import Component, Read, Signature, Symbol, TypeName
from vchlang.analysis.typenames import TypeExpressions
from vchlang.diagnostics import Fix, did_you_mean
from vchlang.syntax import ast
from vchlang.text import Span


def component_called(type_name: str) -> str:
    """The name of the component whose instances a name of a type may mean; empty for what is none."""
    return type_name[:1].lower() + type_name[1:] if type_name[:1].isupper() else ""


class Context:
    """Where elements are declared: the script, or one component.

    names: of the values that it declares. branches: of each element, the branches of `if` that its statements stand
    in. loops: how many are around the statement being read. outputs: where each is declared; results: what each is,
    and whether only apply knows it.
    """

    __slots__ = ("branches", "component", "loops", "names", "outputs", "results")

    def __init__(self, names: dict[str, Symbol], component: Component | None = None) -> None:
        self.names = names
        self.component = component
        self.branches: dict[str, list[tuple[tuple[int, int], ...]]] = {}
        self.loops = 0
        self.outputs: dict[str, Span] = {}
        self.results: dict[str, tuple[v.Type, bool]] = {}


class Names(TypeExpressions):
    """Names of one file, of its components and their blocks.

    base: of the top-level statement being read. late: where the expression just read asks for what only apply knows.
    narrowed: what the conditions around tell of names. broken: names that a statement with a syntax error declares.
    unread: the words of such statements.
    positional: whether the loop just read goes over a list. probing: whether a `verify` is being read, where alone a
    condition may ask the world.
    measuring: whether the `where` of a secret is being read, where alone one may ask how long that is.
    """

    def __init__(self, source: str, path: str) -> None:
        super().__init__(source, path)
        self.top: dict[str, Symbol] = {}
        self.unread: set[str] = set()
        self.script = Context(self.top)
        self.context = self.script
        self.scopes: list[dict[str, Symbol]] = []
        self.types: dict[str, TypeName] = {}
        self.components: dict[str, Component] = {}
        self.typed: dict[int, v.Type] = {}
        self.reads: dict[Read, None] = {}
        self.narrowed: list[list[Learnt]] = []
        self.late: Span | None = None
        self.probing = False
        self.measuring = False
        self.positional = False
        self.resolving: list[Symbol | TypeName | Component] = []

    def infer(self, node: Any, wanted: v.Type | None) -> v.Type:
        """The type that an expression has; the inference of expressions knows how."""
        raise NotImplementedError

    def component_type(self, component: Component) -> v.Type:
        """The type of a component's instances, its outputs among it; the checker of components knows how."""
        return component.type

    # ---- names of values -------------------------------------------------------------------------------------------

    def find(self, name: str) -> Symbol | None:
        """What a name means here. Components and functions do not see the parameters and elements of their file."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        found = self.context.names.get(name)
        if found is not None or self.context is self.script:
            return found
        found = self.top.get(name)
        return None if found is not None and found.what in ("param", "element") else found

    def names(self) -> Iterator[str]:
        """What has a meaning here, for a hint."""
        yield from self.context.names
        yield from BUILTINS
        if self.context is not self.script:
            yield from (name for name, one in self.top.items() if one.what not in ("param", "element"))
        for scope in self.scopes:
            yield from scope

    def declare(self, scope: dict[str, Symbol], name: ast.Word, what: str, type_: v.Type, node: Any) -> Symbol | None:
        type_ = self.sized(type_, name)
        known = self.find(name.text)
        if known is not None:
            self.out.report(
                codes.DUPLICATE_NAME,
                self.at(name),
                f"`{name.text}` is declared already",
                labels=[(known.span, "first declared here")],
            )
            if scope is self.top or name.text in scope:
                return None
            # In what follows it is what its own block says, so that a use of it is no mistake of its own.
            known.used = True
        self.lower(name)
        symbol = Symbol(
            name=name.text,
            what=what,
            type=type_,
            base=self.base,
            node=node,
            span=self.at(name),
            state=2 if what in ("element", "loop", "import") else 0,
            used=known is not None,
        )
        scope[name.text] = symbol
        return symbol

    def never_used(self, span: Span, what: str, name: str) -> None:
        """Report a name that nothing asks for; a statement with a syntax error may have been what does."""
        if name not in self.unread:
            self.out.report(codes.UNUSED, span, f"the {what} `{name}` is never used")

    def lower(self, name: ast.Word) -> None:
        """Report a name of a value that begins like a type."""
        if name.text[:1].isupper():
            small = name.text[:1].lower() + name.text[1:]
            self.out.report(
                codes.BAD_NAME,
                self.at(name),
                f"`{name.text}` begins with a capital, as types do",
                hint=f"names of values begin in lower case: {small}",
                fix=Fix(f"write {small}", self.at(name), small),
            )

    def resolve(self, symbol: Symbol) -> None:
        """Give a param, let or function its type, at the first need of it."""
        if symbol.state == 2:
            return
        if symbol.state == 1:
            self.ring(symbol)
            return
        symbol.state = 1
        self.resolving.append(symbol)
        saved = self.base, self.context, self.scopes, self.late, self.narrowed, self.probing
        self.base, self.scopes, self.late, self.narrowed, self.probing = symbol.base, [], None, [], False
        if self.top.get(symbol.name) is symbol:
            self.context = self.script
        if isinstance(symbol.node, ast.Param):
            self.declaration(symbol)
        elif isinstance(symbol.node, ast.Fn):
            self.context = Context(
                {}
            )  # it sees what a component sees, and its parameters may be called as elements are
            self.function(symbol)
        else:
            symbol.declared = self.let_type(symbol.node)
            symbol.type = v.plain(symbol.declared)
            symbol.late = self.late is not None
        self.base, self.context, self.scopes, self.late, self.narrowed, self.probing = saved
        self.resolving.pop()
        symbol.state = 2

    def ring(self, first: Symbol | TypeName | Component) -> None:
        """Report what needs itself, unless `evaluate` will print the path: it does for values of the file alone."""
        ring = self.resolving[next(at for at, one in enumerate(self.resolving) if one is first) :]
        first.state = 2
        if all(isinstance(one, Symbol) and one.what != "fn" and self.top.get(one.name) is one for one in ring):
            return
        at = min(range(len(ring)), key=lambda one: ring[one].span.start)
        ring = ring[at:] + ring[:at]
        path = " → ".join(one.name for one in [*ring, ring[0]])
        words = {TypeName: "a type", Component: "a component"}.get(type(ring[0]), "a function")
        if isinstance(ring[0], Symbol) and ring[0].what != "fn":
            words = "a value"
        message = f"{words} does not use itself: {path}" if len(ring) == 1 else f"these need each other: {path}"
        labels = [(one.span, f"needs `{ring[(n + 1) % len(ring)].name}`") for n, one in enumerate(ring) if n]
        self.out.report(codes.CYCLE, ring[0].span, message, labels=labels)

    def declaration(self, symbol: Symbol) -> None:
        node: ast.Declaration = symbol.node.declaration
        symbol.declared = self.sized(self.type(node.type), node.name)
        symbol.type = v.plain(symbol.declared)
        if not isinstance(opened(symbol.type), v.SecretOf) and holds_secret(symbol.type):
            # Its value would come from a command line or a file, in clear, and be a plain text from then on.
            self.out.report(
                codes.SECRET_SINK,
                self.at(node.type),
                f"a part of `{symbol.name}` is secret, and the whole is not",
                hint="a parameter is secret as a whole: Secret<…>",
            )
        if (element := holds_element(symbol.declared)) is not None:
            # A value from outside is a text, a number, or made of such.
            message = f"nobody can give a script {a_type(element)}: elements are its own"
            hint = "take its name or place and look it up"
            if isinstance(element, v.KindOf) and element.kind == "pool":
                hint = "take its place, as `param place: InventoryPath`, and look it up: existing pool p at place"
            self.out.report(codes.WRONG_TYPE, self.at(node.type), message, hint=hint)
        self.default(node, symbol.declared)
        if node.where is not None:
            symbol.state = 2  # in the condition the name is the value
            used, symbol.used = symbol.used, False
            self.where_of(node.where, symbol.type)
            symbol.used = used

    def default(self, node: ast.Declaration, type_: v.Type) -> None:
        """Check the default of a parameter, of a script, a component or a function."""
        if node.default is None:
            return
        if isinstance(opened(type_), v.SecretOf) and not isinstance(node.default, ast.Null):
            self.out.report(
                codes.SECRET_LITERAL,
                self.at(node.default),
                f"`{node.name.text}` is secret, and a default would stand in the script",
                hint="say in vch.toml where it comes from: [env.NAME.secrets]",
            )
        else:
            self.value(node.default, type_, f"`{node.name.text}`")
            self.static(node.default, "a default")

    def where_of(self, where: ast.Where, type_: v.Type, name: str = "it") -> None:
        span = self.at(where.condition)
        it = Symbol(name="it", what="loop", type=v.plain(type_), base=self.base, node=where, span=span, state=2)
        self.scopes.append({"it": it, name: it})
        saved, self.measuring = self.measuring, isinstance(opened(type_), v.SecretOf)
        self.condition(where.condition)
        self.measuring = saved
        self.scopes.pop()

    def parameters(self, params: tuple[ast.Declaration, ...]) -> tuple[list[v.FieldOf], dict[str, Symbol]]:
        """The parameters of a function or component: what they take, and a scope with their names."""
        fields: list[v.FieldOf] = []
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        for node in params:
            type_ = self.sized(self.type(node.type), node.name)
            symbol = self.declare(scope, node.name, "loop", v.plain(type_), node)
            if symbol is not None:
                symbol.declared = type_
            required = node.default is None and not isinstance(type_, v.Optional)
            home = v.Home(self.path, self.base)
            fields.append(v.FieldOf(node.name.text, type_, required, node.doc, node.default, node.where, home))
        for node, field in zip(params, fields, strict=True):
            self.default(node, field.type)
            if node.where is not None:
                self.where_of(node.where, field.type, field.name)
        self.scopes.pop()
        return fields, scope

    def function(self, symbol: Symbol) -> None:
        """Check a function once, whoever calls it: what it takes, its body, and what it gives."""
        node: ast.Fn = symbol.node
        fields, scope = self.parameters(node.params)
        symbol.type = v.FunctionOf(len(fields))
        self.scopes.append(scope)
        self.late = None
        wanted = self.sized(self.type(node.result), node.name) if node.result is not None else None
        found = self.value(node.body, wanted, f"`{symbol.name}` gives what")
        if wanted is not None:
            self.typed[id(node)] = wanted
        for one in self.scopes.pop().values():
            if not one.used and not one.name.startswith("_"):
                self.never_used(one.span, "parameter", one.name)
        result = v.plain(wanted) if wanted is not None else self.sized(found, node.name)
        symbol.signature = Signature(params=tuple(fields), result=result, late=self.late is not None)

    def let_type(self, node: ast.Let) -> v.Type:
        self.late = None
        wanted = self.sized(self.type(node.type), node.name) if node.type is not None else None
        found = self.value(node.value, wanted, f"`{node.name.text}`")
        if wanted is None:
            return self.sized(found, node.name)
        self.typed[id(node)] = wanted
        return v.SecretOf(wanted) if isinstance(found, v.SecretOf) and not isinstance(wanted, v.SecretOf) else wanted

    # ---- names of types --------------------------------------------------------------------------------------------

    def declared_type(self, name: str) -> v.Type | None:
        found = self.types.get(name)
        if found is None:
            component = self.components.get(component_called(name))
            return self.component_type(component) if component is not None else None
        found.used = True
        if found.state == 1:
            self.ring(found)
        elif found.state == 0:
            found.state = 1
            self.resolving.append(found)
            saved = self.base, self.context, self.scopes, self.late, self.narrowed
            self.base, self.context, self.scopes, self.late, self.narrowed = found.base, self.script, [], None, []
            node: ast.TypeDef = found.node
            inner = self.sized(self.type(node.type), node.name)
            if node.where is not None:
                self.where_of(node.where, inner)
            found.type = v.Named(name, inner, node.where, v.Home(self.path, found.base)) if inner != v.ANY else inner
            self.base, self.context, self.scopes, self.late, self.narrowed = saved
            self.resolving.pop()
            found.state = 2
        return found.type

    def type_names(self) -> list[str]:
        return [*self.types, *(v.type_name(one) for one in self.components)]

    # ---- conditions, loops, and what must be known -----------------------------------------------------------------

    def loop_types(self, source: Any) -> tuple[v.Type, v.Type]:
        """Types of key and value of what is looped over; of a list and a range the key is the position."""
        late, self.late = self.late, None  # of the expression around a comprehension
        found = self.infer(source, None)
        self.static(source, "a loop")
        self.late = late
        if isinstance(opened(found), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(source), "how often a loop turns would tell of a secret")
            return v.ANY, v.ANY
        self.positional = isinstance(unsecret(found), v.ListOf)
        match unsecret(found):
            case v.ListOf(item):
                return v.INT, item
            case v.MapOf(key, item):
                return key, item
            case v.RecordOf(fields):
                kinds = {one.type for one in fields}
                return v.STRING, kinds.pop() if len(kinds) == 1 else v.ANY
            case v.Simple("Range"):
                return v.INT, v.INT
            case v.Simple("anything"):
                return v.ANY, v.ANY
            case _:
                self.wrong(source, "a loop goes over", "a list, a map or a range of whole numbers", found)
                return v.ANY, v.ANY

    def condition(self, node: Any, what: str = "a condition") -> None:
        """Check a condition: true or false, known, and no secret."""
        late, self.late = self.late, None
        found = self.infer(node, v.BOOL)
        if isinstance(opened(found), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node), f"{what} would tell of a secret")
        elif found not in (v.BOOL, v.ANY):
            self.wrong(node, f"{what} is", "true or false", found)
        self.static(node, what, hint="what only apply knows is checked by `verify`" if what == "an assert" else "")
        self.late = late

    def static(self, node: Any, what: str, hint: str = "") -> None:
        """Report `node` when the expression just inferred reads what only apply can know.

        In a component it may read a parameter: then whoever makes an instance must know that one. What a `verify` has
        in it is worked out after apply, when everything is known.
        """
        if self.probing:
            self.late = None
            return
        if self.late is not None:
            self.out.report(
                codes.NOT_STATIC,
                self.late,
                f"{what} must be known before anything is planned; this is known only after apply",
                hint=hint or None,
            )
            self.late = None
        component = self.context.component
        if component is not None:
            # What a parameter decides in a component inside is what the outer one's decides.
            reason = what.partition(" decides ")[2].removesuffix(", and") or what
            for name in self.reads_of(node, set()):
                component.static.setdefault(name, reason)

    def reads_of(self, node: Any, seen: set[str]) -> Iterator[str]:
        """The parameters of the component being read that an expression asks for, through its lets too."""
        component = self.context.component
        assert component is not None
        for path in paths_in(node):
            if path in seen:
                continue
            seen.add(path)
            name = path.partition(".")[0]
            symbol = self.find(name)
            if name in component.params:
                # Of a record that is given whole, only the member that is asked for.
                yield path if isinstance(opened(component.params[name]), v.RecordOf) else name
            elif symbol is not None and isinstance(symbol.node, ast.Let) and self.top.get(name) is not symbol:
                yield from self.reads_of(symbol.node.value, seen)
            elif symbol is not None and isinstance(symbol.node, ast.For):
                yield from self.reads_of(symbol.node.source, seen)

    def decimal(self, node: ast.Number, wanted: v.Type) -> None:
        number, unit = split_number(node.text)
        if opened(wanted) == v.BYTES and unit in v.DECIMAL_BYTES:
            binary = v.DECIMAL_BYTES[unit]
            self.out.report(
                codes.DECIMAL_UNIT,
                self.at(node),
                f"`{node.text}` is a decimal size; vCenter's “{unit}” is `{number}{binary}`",
                fix=Fix(f"write {number}{binary}", self.at(node), f"{number}{binary}"),
            )

    def unknown_field(self, name: ast.Word, choices: Any, message: str, hint: str | None = None) -> None:
        from vchlang.analysis.habits import field_hint

        habit = field_hint(name.text, message)
        self.out.report(
            codes.UNKNOWN_FIELD,
            self.at(name),
            message,
            hint=habit or did_you_mean(name.text, choices) or hint,
            fix=self.fix(name, choices) if habit is None else None,
        )

    # ---- what must fit ---------------------------------------------------------------------------------------------

    def value(self, node: Any, wanted: v.Type | None, what: str) -> v.Type:
        """The type of an expression that must fit `wanted`, when there is one."""
        found = self.infer(node, wanted)
        if wanted is not None:
            self.fit(found, wanted, node, what)
        return found

    def fit(self, found: v.Type, wanted: v.Type, node: Any, what: str) -> None:
        """Report `node` unless a value of type `found` may stand where `wanted` is."""
        if fits(found, wanted):
            inner = opened(wanted)
            if type(inner) is v.Simple and inner in v.TEXTUAL:
                text = literal(node)
                why = v.text_mistake(text, inner) if text is not None else None
                if why is not None:
                    self.out.report(codes.BAD_TEXT, self.at(node), bad_text(str(text), inner, why))
            return
        inner = opened(wanted)
        if isinstance(found, v.Optional) and fits(found.inner, wanted):
            self.maybe_null(node)
        elif isinstance(found, v.SecretOf) and not isinstance(inner, v.SecretOf | v.MaybeSecret):
            self.out.report(codes.SECRET_SINK, self.at(node), f"{what} is not secret, and this is")
        elif inner in v.UNITS and found in (v.INT, v.FLOAT) and isinstance(node, ast.Number):
            self.out.report(
                codes.WRONG_UNIT,
                self.at(node),
                f"{what} needs a unit",
                hint=f"write it behind the number: {', '.join(v.UNITS_OF[inner])}",  # which one, nobody can guess
            )
        elif isinstance(node, ast.Record) and isinstance(option_for(wanted, node), v.RecordOf | v.MapOf):
            return  # its fields were reported one by one
        elif isinstance(node, ast.ListExpr) and isinstance(inner, v.ListOf) and isinstance(found, v.ListOf):
            return
        else:
            from vchlang.analysis.habits import value_hint

            hint, write = value_hint(node, wanted, found, self.text[self.base + node.start : self.base + node.end])
            self.wrong(node, f"{what} takes", v.show_type(wanted), found, hint, write)

    def wrong(
        self, node: Any, what: str, wanted: str, found: v.Type, hint: str | None = None, write: str | None = None
    ) -> None:
        """Report a value of another type; write: what to write instead, if that is sure."""
        text = literal(node)
        if text is not None and split_number(text)[1] in v.UNIT_TABLE and text[:1].isdigit():
            hint = f"write it without quotes: {text}"
        elif hint is None and wanted in ("String", "String?") and type(found) is v.Simple:
            if found in (*v.TEXTUAL, v.INT, v.FLOAT):
                hint = 'put it into a text: "${…}"'
        fix = Fix(f"write {write}", self.at(node), write) if write is not None else None
        self.out.report(codes.WRONG_TYPE, self.at(node), f"{what} {wanted}, not {a_type(found)}", hint=hint, fix=fix)

    def maybe_null(self, node: Any) -> None:
        self.out.report(
            codes.NOT_OPTIONAL,
            self.at(node),
            "this may be null",
            hint="give it another value with `??`, or use it only where it is `!= null`",
        )
