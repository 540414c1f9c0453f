"""Values: parameters, lets, loops and conditions worked out, within a budget; what remains are elements and handles.

Evaluation is pure. It asks for files by answering with what it needs (`Composition.missing`), and whoever holds the
files asks again. It runs even when the checker found mistakes, so that one run shows all of them: what the checker has
reported is an unknown here, and unknowns say nothing.

Two passes: the first walks statements, conditions and loops, and so knows which elements there are; the second works
out their fields and the handles. So a name may stand before its declaration, and nothing depends on the order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.budget import MAX_MISTAKES, MAX_STEPS
from vchlang.analysis.connections import Connections
from vchlang.analysis.express import name_loop
from vchlang.analysis.fit import opened
from vchlang.analysis.handles import check_composition
from vchlang.analysis.program import (
    BindStep,
    Component,
    Composition,
    ElementDecl,
    HandleDecl,
    Inputs,
    JoinStep,
    OutputDecl,
    Parameters,
    PowerDecl,
    Program,
    WaitDecl,
    Was,
    Where,
)
from vchlang.analysis.renames import no_address, old_addresses, was_text, with_keys
from vchlang.analysis.scopes import NOTHING, Argument, Frame, Known, Limit, Scope
from vchlang.diagnostics import Diagnostic, Severity, did_you_mean, has_errors
from vchlang.kinds.schema import KINDS, Param, Verb
from vchlang.syntax import ast
from vchlang.text import Span

MAX_NESTING = 30
"""How deep instances stand in instances."""
MAX_ELEMENTS = 15_000
_PER_STATEMENT, _PER_INSTANCE, _PER_RULE, _PER_SAMPLE = 6, 16, 30, 200
"""Steps for a statement of the second pass, for a frame, a rule, and an evaluation: about what they take."""

_OF_VALUES = frozenset({codes.ASSERT_FAILED.slug, codes.WHERE_FAILED.slug, codes.NO_SECRET.slug})
"""What an instance of nothing known may not say: its defaults alone need not make sense together."""


def evaluate(program: Program, parameters: Parameters, inputs: Inputs, steps: int = MAX_STEPS) -> Composition:
    """Work out one program with one set of parameters and what was read so far, in no more than `steps`.

    Equal arguments give equal compositions. While `missing` is not empty, what depends on it is unknown, and
    diagnostics may be wanting but are never wrong.
    """
    evaluator = Evaluator(program, parameters, inputs)
    evaluator.steps = steps
    made = evaluator.run()
    made.steps = steps - evaluator.steps
    if not made.missing and not program.has_errors:
        # A component's body is checked, used or not: where nothing makes an instance, one of nothing known is.
        used = {id(one) for frame in evaluator.frames.values() for one in frame.inside}
        found = dict.fromkeys(made.diagnostics)
        left = MAX_STEPS >> 1  # for all of them together; what it does not reach is as it would be in a module
        for component in program.components.values():
            if component.path == program.path and id(component) not in used and component.state == 2 and left > 0:
                sampler = Evaluator(program, parameters, inputs)
                sampler.steps = left
                found |= dict.fromkeys(sampler.sample(component))
                left = sampler.steps - _PER_SAMPLE
        made.diagnostics = tuple(found)
    return made


def check_secrets(program: Program, parameters: Parameters) -> tuple[Diagnostic, ...]:
    """What is wrong with the values of secret parameters, by their `where`. Evaluating itself needs no values of them.

    parameters: as for `evaluate`, with the secrets that were read. program: free of errors.
    """
    evaluator = Evaluator(program, parameters, {})
    for name in parameters.secrets:
        with contextlib.suppress(Known, Limit):
            evaluator.lookup(name, evaluator.main.top)
    return tuple(one for one in evaluator.main.out.freeze() if one.code == codes.WHERE_FAILED.slug)


class Item:
    """A statement to work out in the second pass, with the scope that it stands in."""

    __slots__ = ("base", "node", "order", "scope", "statement", "waits")

    def __init__(self, statement: ast.Statement, scope: Scope, base: int, order: int, waits: tuple[int, ...]) -> None:
        self.statement = statement
        self.node: Any = statement.node
        self.scope = scope
        self.base = base
        self.order = order
        self.waits = waits


class Evaluator(Connections):
    """One evaluation; `run` gives its composition. Tests and the like go on with its names afterwards."""

    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs) -> None:
        super().__init__(program, parameters, inputs)
        self.items: list[Item] = []
        self.elements: dict[str, ElementDecl] = {}
        self.addresses: dict[int, str] = {}
        self.declared: dict[str, Item] = {}
        self.partial = False
        self.carrying = not program.has_errors and any(
            "verify" in one.parsed.source.text for one in self.programs.values()
        )

    # ---- the whole -------------------------------------------------------------------------------------------------

    def run(self) -> Composition:
        out = self.out = Composition(
            elements=self.elements, handles=[], powers=[], waits=[], outputs=[], missing=(), diagnostics=()
        )
        if len(self.program.diagnostics) > MAX_MISTAKES and self.program.has_errors:
            return out
        try:
            self.parameters_known()
            self.walk_top()
            # What is asserted may ask for all segments and handles, so it comes last.
            for item in sorted(self.items, key=lambda one: isinstance(one.node, ast.Check)):
                self.place = item.scope.module, item.base, item.scope.frame
                self.guard(item, out)
        except Limit:
            pass
        out.missing = tuple(self.missing)
        if not self.missing:
            check_composition(out, self.roles, self.main.out)
        if not self.missing and not self.parameters.unknown and not self.program.has_errors:
            self.all_known(out)
        for module in self.modules.values():
            if module is not self.main:
                self.main.out.add(module.out.freeze())
        # What the checker has reported at a place is not said again in other words.
        errors = [
            one for program in self.programs.values() for one in program.diagnostics if one.severity is Severity.ERROR
        ]
        said = {(one.source, one.span) for one in errors}
        # Where a membership stands differently in two branches, only one of them is what is evaluated.
        differing = [one for one in errors if one.code == codes.BRANCHES_DIFFER.slug]
        differ = {(one.source, one.span) for one in differing}
        differ |= {(label.source, label.span) for one in differing for label in one.labels}
        said |= differ
        found = (
            one
            for one in self.main.out.freeze()
            if (one.source, one.span) not in said and not any((to.source, to.span) in differ for to in one.labels)
        )
        out.diagnostics = tuple(self.once(found))
        return out

    def sample(self, component: Component) -> list[Diagnostic]:
        """What is wrong in an instance of which only the defaults are known, and the kinds of what it is given."""
        self.guessing = True
        self.out = Composition(
            elements=self.elements, handles=[], powers=[], waits=[], outputs=[], missing=(), diagnostics=()
        )
        home = self.module_of(component.path)
        name = component.node.name
        frame = Frame(component.name + ".", component)
        frame.inside = (component,)
        scope = frame.scope = Scope(None, home, frame)
        self.frames[component.name] = frame
        for param, type_ in component.params.items():
            field = component.fields.get(param)
            if field is not None and field.default is not None:
                scope.lazy[param] = Argument(
                    field, component.base, None, (), scope, (home, component.base, frame), name
                )
            else:
                inner = opened(type_)
                is_element = isinstance(inner, v.KindOf) and not isinstance(type_, v.Optional)
                scope.values[param] = (
                    v.ElementRef(inner.kind, frame.prefix + param) if is_element else v.Unknown(type_)  # type: ignore[union-attr]
                )
        try:
            waits: tuple[int, ...] = ()
            for statement in component.node.body.statements:
                self.place = home, component.base, frame
                waits = self.walk(statement, scope, (), waits)
            for item in self.items:
                self.place = item.scope.module, item.base, item.scope.frame
                self.guard(item, self.out)
        except Limit:
            pass
        check_composition(self.out, self.roles, self.main.out)
        body = component.node.span(component.base)
        source = home.program.parsed.source.name
        return [
            one
            for one in self.main.out.freeze()
            if one.source == source and body.start <= one.span.start < body.end and one.code not in _OF_VALUES
        ]

    def once(self, found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """A mistake in a component is one mistake, however many instances it shows in."""
        bodies = [
            (program.parsed.source.name, one.node.span(one.base))
            for program in self.programs.values()
            for one in program.components.values()
            if one.path == program.path
        ]
        seen: set[tuple[str, str, Span]] = set()
        for one in found:
            key = one.source, one.code, one.span
            if key in seen and any(
                source == one.source and span.start <= one.span.start < span.end for source, span in bodies
            ):
                continue
            seen.add(key)
            yield one

    def all_known(self, out: Composition) -> None:
        """Report what is worked out from facts, which only interpolation can carry on to apply."""
        if has_errors(self.main.out.freeze()):
            return  # the rest of a mistake is not known either
        bodies = [(one.body, one.spans) for one in out.elements.values()]
        bodies += [(step.body, step.spans) for handle in out.handles for step in handle.steps]
        bodies += [({"": one.value}, {"": one.where}) for one in out.outputs]
        for body, spans in bodies:
            for name, value in body.items():
                where = spans[name]
                leaves = list(v.leaves(value))
                if any(isinstance(one, v.Unknown) and not one.address for one in leaves):
                    message = "this is worked out from what only apply knows; it can be put into a text, and no more"
                    labels = where.made
                    self.main.out.report(codes.NOT_STATIC, where.span, message, source=where.source, labels=labels)
                elif any(isinstance(one, v.InstanceRef) for one in leaves):
                    message = "an instance is no value that a plan can have; its outputs are"
                    labels = where.made
                    self.main.out.report(codes.WRONG_TYPE, where.span, message, source=where.source, labels=labels)
                elif any(callable(one) or isinstance(one, v.Range) for one in leaves):
                    message = "a function or a range is no value that a plan can have"
                    labels = where.made
                    self.main.out.report(codes.WRONG_TYPE, where.span, message, source=where.source, labels=labels)
        for one in out.outputs:
            if any(
                isinstance(part, v.Secret) or (isinstance(part, v.Template) and part.secret)
                for part in v.leaves(one.value)
            ):
                message = f"the output `{one.name}` would show a secret"
                self.main.out.report(codes.SECRET_SINK, one.where.span, message, source=one.where.source)

    def guard(self, item: Item, out: Composition) -> None:
        try:
            _ITEMS[type(item.node)](self, item, out)
        except RecursionError:
            self.depth = 0
            self.report(codes.LIMIT_DEPTH, item.node, "this nests too deep to be worked out")
        except Known:
            self.depth = 0

    def parameters_known(self) -> None:
        names = [name for name, one in self.program.symbols.items() if one.what == "param"]
        for name, given in self.parameters.given.items():
            if name not in names:
                self.main.out.report(
                    codes.UNKNOWN_PARAMETER,
                    Span(0, 0),
                    f"the script has no parameter `{name}` (given by {given.origin})",
                    hint=did_you_mean(name, names),
                )

    def walk_top(self) -> None:
        scope = self.main.top
        waits: tuple[int, ...] = ()
        for base, statement in self.program.parsed.statements():
            self.place = self.main, base, self.script
            waits = self.walk(statement, scope, (), waits)
        # A parameter or a let that nothing asks for is worked out too: its mistakes are mistakes.
        for name, symbol in self.program.symbols.items():
            if symbol.what in ("param", "let"):
                try:
                    self.lookup(name, scope)
                except RecursionError:
                    self.depth = 0
                    self.main.out.report(codes.LIMIT_DEPTH, symbol.span, "this nests too deep to be worked out")
                except Known:
                    self.depth = 0

    # ---- first pass: which statements there are ----------------------------------------------------------------------

    def walk(
        self, statement: ast.Statement, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]
    ) -> tuple[int, ...]:
        node = statement.node
        match node:
            case ast.For():
                self.walk_for(node, scope, keys, waits)
            case ast.If():
                self.walk_if(node, scope, keys, waits)
            case ast.Let(name=name):
                if scope is not self.main.top:
                    scope.lazy[name.text] = (node, self.base)
            case ast.Element() | ast.Segment():
                item = self.add(statement, scope, waits)
                address = self.declare(node, item)
                component = self.component_of(node, scope)
                if component is not None and address is not None:
                    self.instance(item, component, address, keys)
            case ast.Handle() | ast.Power() | ast.Output() | ast.Check():
                self.add(statement, scope, waits)
            case ast.Wait():
                item = self.add(statement, scope, waits)
                return (item.order,)  # it comes after those before it, and so does what comes after it
            case _:
                pass
        return waits

    def add(self, statement: ast.Statement, scope: Scope, waits: tuple[int, ...]) -> Item:
        item = Item(statement, scope, self.base, len(self.items), waits)
        self.spend(_PER_STATEMENT, item.node)
        self.items.append(item)
        return item

    def walk_block(self, block: ast.Block, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]) -> None:
        inner = Scope(scope, scope.module)
        for statement in block.statements:
            waits = self.walk(statement, inner, keys, waits)

    def walk_for(self, node: ast.For, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]) -> None:
        place = self.place
        for pair in self.rounds(node, scope):
            self.turn(node.source)
            inner = Scope(scope, scope.module)
            name_loop(inner, node.names, pair)
            self.place = place
            self.walk_block(node.body, inner, (*keys, str(pair[0])), waits)

    def rounds(self, node: ast.For, scope: Scope) -> Iterable[tuple[Any, Any]]:
        """Key and value of each turn of a loop of statements."""
        over = self.quiet(node.source, scope)
        if not isinstance(over, v.Unknown):
            return self.pairs_of(over, node.source)
        self.settled(over, node.source, "a loop")
        self.unsettle(node, scope.frame)
        return []

    def walk_if(self, node: ast.If, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]) -> None:
        chosen = self.branch(node, scope)
        if isinstance(chosen, ast.If):
            self.walk_if(chosen, scope, keys, waits)
        elif chosen is not None:
            self.walk_block(chosen, scope, keys, waits)

    def branch(self, node: ast.If, scope: Scope) -> ast.Block | ast.If | None:
        try:
            condition = self.eval(node.condition, scope)
        except Known:
            condition = NOTHING
        if condition is True:
            return node.then
        if condition is False:
            return node.otherwise
        self.settled(condition, node.condition, "a condition")
        self.unsettle(node, scope.frame)
        return None

    def unsettle(self, node: ast.For | ast.If, frame: Frame) -> None:
        """Note the elements and steps of a loop or condition that is not known: nobody can say which there are."""
        self.partial = True
        todo: list[Any] = [node]
        while todo:
            match todo.pop():
                case ast.Element(target=target) | ast.Segment(target=target):
                    frame.unsettled.add(target.name.text)
                case ast.For(body=body):
                    todo += [one.node for one in body.statements]
                case ast.If(then=then, otherwise=otherwise):
                    rest = otherwise.statements if isinstance(otherwise, ast.Block) else ()
                    todo += [one.node for one in (*then.statements, *rest)]
                    if isinstance(otherwise, ast.If):
                        todo.append(otherwise)

    def turn(self, source: Any) -> None:
        """A turn of a loop costs a step, even where nothing is worked out in it."""
        self.spend(1, source)

    def component_of(self, node: Any, scope: Scope) -> Component | None:
        if isinstance(node, ast.Segment) or node.kind.text in KINDS:
            return None
        return scope.module.program.components.get(node.kind.text)

    def declare(self, node: ast.Element | ast.Segment, item: Item) -> str | None:
        """Enter an element, or an instance of a component, into its frame; its address."""
        name = node.target.name.text
        frame = item.scope.frame
        try:
            keys = [self.key(one, item.scope) for one in node.target.keys]
        except Known:
            return None
        if any(key is None for key in keys):
            return None
        address = frame.prefix + name + "".join(f"[{v.quoted(key)}]" for key in keys if key is not None)
        word = node.kind.text if isinstance(node, ast.Element) else "segment"
        component = self.component_of(node, item.scope)
        if word not in KINDS and component is None:
            return None
        ref: Any = v.InstanceRef(component.name, address) if component is not None else v.ElementRef(word, address)
        names = frame.component.elements if frame.component is not None else item.scope.module.program.symbols
        symbol = names.get(name)
        if keys and (symbol is None or symbol.what != "element" or symbol.depth != len(keys)):
            return None  # the checker has said it
        if keys:
            family = frame.elements.setdefault(name, {})
            for key in keys[:-1]:
                family = family.setdefault(str(key), {})
            if str(keys[-1]) in family:
                self.same_address(node, address)
                return None
            family[str(keys[-1])] = ref
        elif name in frame.elements:
            if symbol is None or (symbol.node is not node and not symbol.optional):
                return None  # the checker has said it
            if item.scope.outer is None:
                return None
        else:
            frame.elements[name] = ref
        self.addresses[item.order] = address
        self.declared.setdefault(address, item)
        if component is None:
            frame.members.append(address)
        return address

    def instance(self, item: Item, component: Component, address: str, keys: tuple[str, ...]) -> None:
        """Walk the body of a component for one instance, in a frame of its own."""
        node: ast.Element = item.node
        outer = item.scope.frame
        if any(one is component for one in outer.inside):
            return  # it is made of itself, and the checker has printed the ring
        if len(outer.inside) > MAX_NESTING:
            self.limit(codes.LIMIT_DEPTH, node.kind, f"components nest deeper than {MAX_NESTING}")
        home = self.module_of(component.path)
        head = self.where(node.target)
        frame = Frame(address + ".", component, head)
        decorators = {one.name.text: one for one in item.statement.decorators}
        frame.inside = (*outer.inside, component)
        frame.protect = outer.protect or "protect" in decorators
        frame.retain = outer.retain or "retain" in decorators
        frame.was = self.was(item, address, ".")
        frame.after = outer.after  # `@after` of the instance itself is added when all elements are known
        outer.inner.append(frame)
        self.frames[address] = frame
        self.spend(_PER_INSTANCE + 4 * len(component.kind.element.params), node.kind)
        scope = frame.scope = Scope(None, home, frame)
        entries = node.body.entries if node.body is not None else ()
        for word, param in component.kind.element.params.items():
            clause = {"(in)": node.inside, "(at)": node.at}.get(word)
            declared = component.fields.get(param.name) or v.FieldOf(param.name, param.type, param.required)
            given = entries if not param.clause else ()
            scope.lazy[param.name] = Argument(
                declared, component.base, clause, given, item.scope, self.place, node.target
            )
        place = self.place
        self.place = home, component.base, frame
        waits = item.waits
        for statement in component.node.body.statements:
            waits = self.walk(statement, scope, (), waits)
            self.place = home, component.base, frame
        self.place = place

    def same_address(self, node: ast.Element | ast.Segment, address: str) -> None:
        first = self.declared.get(address)
        labels = []
        if first is not None:
            target = first.node.target
            labels.append((Span(first.base + target.start, first.base + target.end), "first declared here"))
        self.report(codes.DUPLICATE_ADDRESS, node.target, f"two elements have the address `{address}`", labels=labels)

    # ---- second pass: what is in them --------------------------------------------------------------------------------

    def element(self, item: Item, out: Composition) -> None:
        node: ast.Element = item.node
        address = self.addresses.get(item.order)
        kind = KINDS.get(node.kind.text)
        if kind is None:
            if address is not None and address in self.frames:
                self.instance_whole(item, self.frames[address])
            return
        body: dict[str, Any] = {}
        spans: dict[str, Where] = {}
        for clause, written in (("in", node.inside), ("at", node.at)):
            param = kind.element.clauses.get(clause)
            if written is not None and param is not None:
                self.field(param, written, item.scope, body, spans, f"`{clause}`")
        self.body(kind.element, node.body, item.scope, body, spans)
        if address is not None:
            self.enter(item, kind.name, address, body, spans)

    def enter(self, item: Item, kind: str, address: str, body: dict[str, Any], spans: dict[str, Where]) -> None:
        """Add an element to the composition, with what its decorators and its instance's say."""
        node = item.node
        protect, retain, after = self.decorations(item)
        frame = item.scope.frame
        if len(self.elements) >= MAX_ELEMENTS:
            self.limit(codes.LIMIT_SIZE, node, f"a script makes no more than {MAX_ELEMENTS:,} elements")
        self.elements[address] = ElementDecl(
            address=address,
            kind=kind,
            verb=node.verb.text,
            label=node.target.name.text,
            body=body,
            spans=spans,
            where=self.where(node),
            head=self.where(node.target),
            order=item.order,
            protect=protect or frame.protect,
            retain=retain or frame.retain,
            was=self.was(item, address),
            needs=needs_of(body),
            after=after,
            waits=item.waits,
        )

    def instance_whole(self, item: Item, frame: Frame) -> None:
        """Work out every parameter of an instance, asked for or not: their mistakes are mistakes."""
        _, _, after = self.decorations(item)
        frame.after = frame.after | after
        assert frame.scope is not None
        for name in list(frame.scope.lazy):
            if name not in frame.scope.values and isinstance(frame.scope.lazy[name], Argument):
                self.lookup(name, frame.scope)

    def was(self, item: Item, address: str, end: str = "") -> tuple[Was, ...]:
        """What each `@was` over an element says, or over an instance, whose elements' addresses go on after `end`."""
        frame = item.scope.frame
        for one in item.statement.decorators:
            text = self.old(one, item.scope) if one.name.text == "was" else None
            if text is None:
                continue
            keys = address[len(frame.prefix) + len(item.node.target.name.text) :]
            olds = tuple(frame.prefix + old + end for old in old_addresses(text, keys))
            was = Was(
                olds=olds, new=address + end, prefix=frame.prefix, depth=len(frame.inside), text=text,
                where=self.where(was_text(one)), head=self.where(item.node.target),
            )  # fmt: skip
            return (*frame.was, was)
        return frame.was

    def old(self, one: ast.Decorator, scope: Scope) -> str | None:
        """The address that a `@was` names; None where it names none, and the mistake is reported."""
        written = was_text(one)
        if written is None:
            return None
        values = [part if isinstance(part, str) else self.quiet(part, scope) for part in written.parts]
        keys = all(type(value) in (str, int) for value in values)
        text = with_keys(written, values) if keys else self.quiet(written, scope)
        if not isinstance(text, str):
            return None
        if not old_addresses(text):
            self.report(codes.BAD_RENAME, one, no_address(text))
            return None
        return text

    def decorations(self, item: Item) -> tuple[bool, bool, set[str]]:
        if not item.statement.decorators:
            return False, False, item.scope.frame.after
        names = {one.name.text for one in item.statement.decorators}
        after: set[str] = set(item.scope.frame.after)
        for one in item.statement.decorators:
            if one.name.text == "after":
                for arg in one.args or ():
                    after |= self.mentioned(self.quiet(arg.value, item.scope))
        return "protect" in names, "retain" in names, after

    def mentioned(self, value: Any) -> set[str]:
        """The elements that a value mentions; of an instance, all in it."""
        out = needs_of(value)
        for one in v.leaves(value):
            if isinstance(one, v.InstanceRef) and one.address in self.frames:
                out |= self.frames[one.address].addresses()
        return out

    def segment(self, item: Item, out: Composition) -> None:
        node: ast.Segment = item.node
        address = self.addresses.get(item.order)
        kind = KINDS["segment"]
        body: dict[str, Any] = {}
        spans: dict[str, Where] = {}
        self.field(kind.element.clauses["in"], node.inside, item.scope, body, spans, "`in`")
        rules: list[Any] = []
        self.partial = False
        self.rules_of(node.body, Scope(item.scope, item.scope.module), rules, spans)
        if rules or self.partial or node.verb.text in ("create", "ensure"):
            body["rules"] = NOTHING if self.partial else rules
            spans["rules"] = self.where(node.body)
        if address is not None:
            self.enter(item, "segment", address, body, spans)

    def rules_of(self, block: ast.Block, scope: Scope, out: list[Any], spans: dict[str, Where]) -> None:
        for statement in block.statements:
            node = statement.node
            match node:
                case ast.Let(name=name):
                    scope.lazy[name.text] = (node, self.base)
                case ast.Rule():
                    self.spend(_PER_RULE, node)
                    spans[f"rules[{len(out)}]"] = self.where(node)
                    spans[f"rules[{len(out)}].what"] = self.where(node.what)
                    if node.peer is not None:
                        spans[f"rules[{len(out)}].peer"] = self.where(node.peer)
                    out.append(
                        {
                            "action": node.action.text,
                            "what": self.traffic(node.what, scope),
                            "direction": node.direction.text if node.direction is not None else "",
                            "peer": self.peer_of(node.peer, scope) if node.peer is not None else None,
                        }
                    )
                case ast.For():
                    for pair in self.rounds(node, scope):
                        self.turn(node.source)
                        inner = Scope(scope, scope.module)
                        name_loop(inner, node.names, pair)
                        self.rules_of(node.body, Scope(inner, scope.module), out, spans)
                case ast.If():
                    if (chosen := self.chosen(node, scope)) is not None:
                        self.rules_of(chosen, Scope(scope, scope.module), out, spans)
                case _:
                    pass

    def chosen(self, node: ast.If, scope: Scope) -> ast.Block | None:
        """The block of an `if` and its `else if` whose condition holds."""
        found: ast.Block | ast.If | None = node
        while isinstance(found, ast.If):
            found = self.branch(found, scope)
        return found

    def body(
        self, verb: Verb, node: ast.Record | None, scope: Scope, body: dict[str, Any], spans: dict[str, Where]
    ) -> None:
        for entry in node.entries if node is not None else ():
            if isinstance(entry, ast.Spread):
                brought = self.quiet(entry.value, scope)
                if isinstance(brought, dict):
                    for name, value in brought.items():
                        param = verb.params.get(name)
                        if param is not None and not param.clause:
                            self.store(param, value, entry.value, body, spans)
                continue
            param = verb.fields.get(entry.name.text)
            if param is not None:
                self.field(param, entry.value, scope, body, spans, f"`{param.name}`")
            else:
                self.quiet(entry.value, scope)

    def field(
        self, param: Param, node: Any, scope: Scope, body: dict[str, Any], spans: dict[str, Where], what: str
    ) -> None:
        self.store(param, self.quiet(node, scope), node, body, spans)

    def store(self, param: Param, value: Any, node: Any, body: dict[str, Any], spans: dict[str, Where]) -> None:
        if value is None:  # `null` is as if not written
            body.pop(param.name, None)
            spans.pop(param.name, None)
            return
        if isinstance(value, v.ElementRef) and value.kind in param.kinds:
            fitted: Any = value
        else:
            fitted = self.fit(value, param.type, node)
        spans[param.name] = self.where(node)
        if param.clause or param.name == "name":
            self.settled(fitted, node, f"`{param.clause}`" if param.clause else "a name")
        if type(node) in _PARTED:
            self.parts(param, node, spans)
        self.enters(fitted, node)
        body[param.name] = fitted

    def parts(self, param: Param, node: Any, spans: dict[str, Where]) -> None:
        """Note where the parts of a value stand that is written out: `limits.cpu`, `ip.gateway`, `ranges[0]`."""
        name = param.name
        match node:
            case ast.Record(entries=entries):
                keys = isinstance(opened(param.type), v.MapOf)  # what is wrong with an entry of a map is its key
                for entry in entries:
                    if isinstance(entry, ast.Field):
                        spans[f"{name}.{entry.name.text}"] = self.where(entry.name if keys else entry.value)
            case ast.ListExpr(items=items) if not any(isinstance(one, ast.Spread) for one in items):
                for place, one in enumerate(items):
                    spans[f"{name}[{place}]"] = self.where(one)
            case ast.Call(callee=ast.Variant(name=word), args=args):
                type_ = opened(param.type)
                case = type_.case(word) if isinstance(type_, v.VariantOf) else None
                fields = [one.name for one in case.fields] if case is not None else []
                for field, arg in zip(fields, args, strict=False):
                    spans[f"{name}.{arg.name.text if arg.name else field}"] = self.where(arg.value)
            case _:
                pass

    def handle(self, item: Item, out: Composition) -> None:
        node: ast.Handle = item.node
        executor = self.quiet(node.executor, item.scope)
        steps: list[JoinStep | BindStep] = []
        self.partial = False
        self.steps_of(node.body, Scope(item.scope, item.scope.module), steps)
        if not isinstance(executor, v.ElementRef):
            return
        _, _, after = self.decorations(item)
        out.handles.append(
            HandleDecl(
                executor=executor.address,
                steps=steps,
                partial=self.partial,
                where=self.where(node),
                head=self.where(node.executor),
                order=item.order,
                after=after,
                waits=item.waits,
            )
        )

    def steps_of(self, block: ast.Block, scope: Scope, out: list[JoinStep | BindStep]) -> None:
        base = self.base
        for statement in block.statements:
            node = statement.node
            match node:
                case ast.Let(name=name):
                    scope.lazy[name.text] = (node, base)
                case ast.Join():
                    self.join(node, scope, out)
                case ast.Bind():
                    self.bind(node, scope, out)
                case ast.For():
                    for pair in self.rounds(node, scope):
                        self.turn(node.source)
                        inner = Scope(scope, scope.module)
                        name_loop(inner, node.names, pair)
                        self.steps_of(node.body, Scope(inner, scope.module), out)
                case ast.If():
                    if (chosen := self.chosen(node, scope)) is not None:
                        self.steps_of(chosen, Scope(scope, scope.module), out)
                case _:
                    self.partial = True

    def join(self, node: ast.Join, scope: Scope, out: list[JoinStep | BindStep]) -> None:
        element = self.quiet(node.what, scope)
        kind = KINDS.get(element.kind) if isinstance(element, v.ElementRef) else None
        if kind is None or kind.join is None:
            self.partial = True
            self.aside(scope, node.body, node.bind.at if node.bind else None, node.bind.body if node.bind else None)
            return
        body: dict[str, Any] = {}
        spans: dict[str, Where] = {}
        self.body(kind.join, node.body, scope, body, spans)
        role = node.role.text if node.role is not None else ""
        where = self.where(node.what)
        out.append(
            JoinStep(
                kind=kind.name,
                address=element.address,
                role=role,
                body=body,
                spans=spans,
                where=where,
                needs=needs_of(body) | {element.address},
            )
        )
        if node.bind is not None:
            where = self.where(node.bind.word)
            self.binding(kind.name, element.address, role, node.bind.at, node.bind.body, where, scope, out)

    def bind(self, node: ast.Bind, scope: Scope, out: list[JoinStep | BindStep]) -> None:
        element = self.quiet(node.what, scope)
        kind = KINDS.get(element.kind) if isinstance(element, v.ElementRef) else None
        if kind is None or kind.bind is None:
            self.aside(scope, node.at, node.body)
            return
        role = node.role.text if node.role is not None else ""
        self.binding(kind.name, element.address, role, node.at, node.body, self.where(node.what), scope, out)

    def aside(self, scope: Scope, *nodes: Any) -> None:
        """Work out what stands beside a mistake, for the mistakes in it."""
        for node in nodes:
            if node is not None:
                self.quiet(node, scope)

    def binding(
        self,
        kind: str,
        address: str,
        role: str,
        at: Any,
        node: ast.Record | None,
        where: Where,
        scope: Scope,
        out: list[JoinStep | BindStep],
    ) -> None:
        verb = KINDS[kind].bind
        assert verb is not None
        body: dict[str, Any] = {}
        spans: dict[str, Where] = {}
        clause = verb.clauses.get("at")
        if at is not None:
            if clause is not None:
                self.field(clause, at, scope, body, spans, "`at`")
            else:
                self.quiet(at, scope)
        self.body(verb, node, scope, body, spans)
        out.append(
            BindStep(
                kind=kind,
                address=address,
                role=role,
                body=body,
                spans=spans,
                where=where,
                needs=needs_of(body) | {address},
            )
        )

    def power(self, item: Item, out: Composition) -> None:
        node: ast.Power = item.node
        what = self.quiet(node.what, item.scope)
        if what is not None:
            _, _, after = self.decorations(item)
            out.powers.append(
                PowerDecl(
                    switch=node.switch.text,
                    executor=what.address if isinstance(what, v.ElementRef) and what.kind == "executor" else "",
                    where=self.where(node),
                    order=item.order,
                    after=after,
                    waits=item.waits,
                )
            )

    def wait(self, item: Item, out: Composition) -> None:
        node: ast.Wait = item.node
        what = self.quiet(node.what, item.scope)
        within = self.fit(self.quiet(node.within, item.scope), v.DURATION, node.within)
        if isinstance(within, int) and within <= 0:
            self.report(codes.OUT_OF_RANGE, node.within, "nothing comes within no time")
        if isinstance(what, v.ElementRef):
            out.waits.append(
                WaitDecl(
                    executor=what.address if what.kind == "executor" else "",
                    task=what.address if what.kind == "task" else "",
                    state=node.state.text,
                    within=int(within) if isinstance(within, int) else 0,
                    where=self.where(node),
                    order=item.order,
                    waits=item.waits,
                )
            )

    def output(self, item: Item, out: Composition) -> None:
        node: ast.Output = item.node
        frame = item.scope.frame
        if frame is not self.script:
            self.output_of(frame.prefix[:-1], node.name.text)
            return
        value = self.quiet(node.value, item.scope)
        type_ = self.program.typed.get(id(node)) if node.type is not None else None
        if type_ is not None:
            value = self.fit(value, type_, node.value)
        self.enters(value, node.value)
        out.outputs.append(
            OutputDecl(name=node.name.text, value=value, where=self.where(node.name), doc=item.statement.doc)
        )

    def check(self, item: Item, out: Composition) -> None:
        node: ast.Check = item.node
        if node.when.text != "assert":
            found = self.verify(node, item.scope)
            out.verifies += [found] if found is not None else []
            return
        holds = self.quiet(node.condition, item.scope)
        if holds is False:
            said = self.quiet(node.message, item.scope) if node.message is not None else None
            message = said if isinstance(said, str) else "this does not hold"
            hints, labels = self.paths(node.condition)
            self.report(codes.ASSERT_FAILED, node.condition, message, hints=hints, labels=labels)


def needs_of(value: Any) -> set[str]:
    """The addresses that a value mentions."""
    out: set[str] = set()
    _needs(value, out)
    return out


_PLAIN = frozenset({str, int, bool, float, type(None), v.Bytes, v.Frequency, v.Duration, v.DataRef})


def _needs(value: Any, out: set[str]) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is v.ElementRef:
        out.add(value.address)
    elif kind is v.Unknown:
        if value.address:
            out.add(value.address)
    elif kind is dict:
        for one in value.values():
            if type(one) not in _PLAIN:
                _needs(one, out)
    elif kind is v.VariantValue:
        for one in value.fields.values():
            _needs(one, out)
    else:
        for one in v.leaves(value):
            if type(one) is v.ElementRef or (type(one) is v.Unknown and one.address):
                out.add(one.address)


_PARTED = frozenset({ast.Record, ast.ListExpr, ast.Call})
"""Forms of expressions that have parts with places of their own."""
_ITEMS: dict[type, Callable[[Evaluator, Item, Composition], None]] = {
    ast.Element: Evaluator.element,
    ast.Segment: Evaluator.segment,
    ast.Handle: Evaluator.handle,
    ast.Power: Evaluator.power,
    ast.Wait: Evaluator.wait,
    ast.Output: Evaluator.output,
    ast.Check: Evaluator.check,
}
