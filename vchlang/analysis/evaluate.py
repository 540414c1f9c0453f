"""Values: parameters, lets, loops and conditions worked out, within a budget; what remains are elements and handles.

Evaluation is pure. It asks for files by answering with what it needs (`Composition.missing`), and whoever holds the
files asks again. It runs even when the checker found mistakes, so that one run shows all of them: what the checker has
reported is an unknown here, and unknowns say nothing.

Two passes: the first walks statements, conditions and loops, and so knows which elements there are; the second works
out their fields and the handles. So a name may stand before its declaration, and nothing depends on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.express import Expressions, Known, Limit, Scope, name_loop
from vchlang.analysis.handles import check_composition
from vchlang.analysis.program import (
    BindStep,
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
    Where,
)
from vchlang.diagnostics import Severity, did_you_mean, has_errors
from vchlang.kinds.schema import KINDS, Param, Verb
from vchlang.syntax import ast
from vchlang.text import Span


def evaluate(program: Program, parameters: Parameters, inputs: Inputs) -> Composition:
    """Work out one program with one set of parameters and what was read so far.

    Equal arguments give equal compositions. While `missing` is not empty, what depends on it is unknown, and
    diagnostics may be wanting but are never wrong.
    """
    return _Evaluator(program, parameters, inputs).run()


class _Item:
    """A statement to work out in the second pass, with the scope that it stands in."""

    __slots__ = ("base", "node", "order", "scope", "statement", "waits")

    def __init__(self, statement: ast.Statement, scope: Scope, base: int, order: int, waits: tuple[int, ...]) -> None:
        self.statement = statement
        self.node: Any = statement.node
        self.scope = scope
        self.base = base
        self.order = order
        self.waits = waits


class _Evaluator(Expressions):
    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs) -> None:
        super().__init__(program, parameters, inputs)
        self.items: list[_Item] = []
        self.elements: dict[str, ElementDecl] = {}
        self.addresses: dict[int, str] = {}
        self.partial = False

    # ---- the whole -------------------------------------------------------------------------------------------------

    def run(self) -> Composition:
        out = Composition(
            elements=self.elements, handles=[], powers=[], waits=[], outputs=[], missing=(), diagnostics=()
        )
        try:
            self.parameters_known()
            self.walk_top()
            for item in self.items:
                self.base = item.base
                self.guard(item, out)
        except Limit:
            pass
        out.missing = tuple(self.missing)
        if not self.missing:
            check_composition(out, self.roles, self.main.out)
        if not self.missing and not self.parameters.unknown and not self.program.has_errors:
            self.all_known(out)
        for module in self.modules.values():
            self.main.out.add(module.out.freeze())
        # What the checker has reported at a place is not said again in other words.
        said = {(one.source, one.span) for one in self.program.diagnostics if one.severity is Severity.ERROR}
        out.diagnostics = tuple(one for one in self.main.out.freeze() if (one.source, one.span) not in said)
        return out

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
                    self.main.out.report(codes.NOT_STATIC, where.span, message, source=where.source)
                elif any(callable(one) or isinstance(one, v.Range) for one in leaves):
                    message = "a function or a range is no value that a plan can have"
                    self.main.out.report(codes.WRONG_TYPE, where.span, message, source=where.source)
        for one in out.outputs:
            if any(
                isinstance(part, v.Secret) or (isinstance(part, v.Template) and part.secret)
                for part in v.leaves(one.value)
            ):
                message = f"the output `{one.name}` would show a secret"
                self.main.out.report(codes.SECRET_SINK, one.where.span, message, source=one.where.source)

    def guard(self, item: _Item, out: Composition) -> None:
        try:
            _ITEMS[type(item.node)](self, item, out)
        except RecursionError:
            self.depth = 0
            self.main.out.report(codes.LIMIT_DEPTH, self.span(item.node), "this nests too deep to be worked out")
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
            self.base = base
            waits = self.walk(statement, scope, (), waits)
        # A parameter or a let that nothing asks for is worked out too: its mistakes are mistakes.
        for name, symbol in self.program.symbols.items():
            if symbol.what in ("param", "let"):
                try:
                    self.lookup(name, scope, None)
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
            case ast.Element() | ast.Handle() | ast.Power() | ast.Output() | ast.Check():
                item = self.add(statement, scope, waits)
                if isinstance(node, ast.Element):
                    self.declare(node, item)
            case ast.Wait():
                item = self.add(statement, scope, waits)
                return (item.order,)  # it comes after those before it, and so does what comes after it
            case _:
                pass
        return waits

    def add(self, statement: ast.Statement, scope: Scope, waits: tuple[int, ...]) -> _Item:
        item = _Item(statement, scope, self.base, len(self.items), waits)
        self.items.append(item)
        return item

    def walk_block(self, block: ast.Block, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]) -> None:
        inner = Scope(scope, scope.module)
        for statement in block.statements:
            waits = self.walk(statement, inner, keys, waits)

    def walk_for(self, node: ast.For, scope: Scope, keys: tuple[str, ...], waits: tuple[int, ...]) -> None:
        base = self.base
        for pair in self.pairs(node.source, scope):
            inner = Scope(scope, scope.module)
            name_loop(inner, node.names, pair)
            self.base = base
            self.walk_block(node.body, inner, (*keys, str(pair[0])), waits)

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
            return None
        if condition is True:
            return node.then
        return node.otherwise if condition is False else None

    def declare(self, node: ast.Element, item: _Item) -> None:
        name = node.target.name.text
        try:
            keys = [self.key(one, item.scope) for one in node.target.keys]
        except Known:
            return
        if any(key is None for key in keys):
            return
        address = name + "".join(f"[{v.quoted(key)}]" for key in keys if key is not None)
        kind = node.kind.text
        if kind not in KINDS:
            return
        ref = v.ElementRef(kind, address)
        if keys:
            family = self.families.setdefault(name, {})
            for key in keys[:-1]:
                family = family.setdefault(str(key), {})
            if str(keys[-1]) in family:
                self.same_address(node, address)
                return
            family[str(keys[-1])] = ref
        elif name in self.singles:
            if self.program.symbols[name].node is not node and not self.program.symbols[name].optional:
                return  # the checker has said it
            if item.scope.outer is None:
                return
        else:
            self.singles[name] = kind
        self.addresses[item.order] = address

    def same_address(self, node: ast.Element, address: str) -> None:
        first = next((item for item in self.items if self.addresses.get(item.order) == address), None)
        labels = []
        if first is not None:
            target = first.node.target
            labels.append((Span(first.base + target.start, first.base + target.end), "first declared here"))
        self.main.out.report(
            codes.DUPLICATE_ADDRESS, self.span(node.target), f"two elements have the address `{address}`", labels=labels
        )

    # ---- second pass: what is in them --------------------------------------------------------------------------------

    def element(self, item: _Item, out: Composition) -> None:
        node: ast.Element = item.node
        address = self.addresses.get(item.order)
        kind = KINDS.get(node.kind.text)
        if kind is None:
            return
        body: dict[str, Any] = {}
        spans: dict[str, Where] = {}
        for clause, written in (("in", node.inside), ("at", node.at)):
            param = kind.element.clauses.get(clause)
            if written is not None and param is not None:
                self.field(param, written, item.scope, body, spans, f"`{clause}`")
        self.body(kind.element, node.body, item.scope, body, spans)
        if address is None:
            return
        protect, retain, after = self.decorations(item)
        self.elements[address] = ElementDecl(
            address=address,
            kind=kind.name,
            verb=node.verb.text,
            label=node.target.name.text,
            body=body,
            spans=spans,
            where=self.where(node),
            head=self.where(node.target),
            order=item.order,
            protect=protect,
            retain=retain,
            needs=needs_of(body),
            after=after,
            waits=item.waits,
        )

    def decorations(self, item: _Item) -> tuple[bool, bool, set[str]]:
        names = {one.name.text for one in item.statement.decorators}
        after: set[str] = set()
        for one in item.statement.decorators:
            if one.name.text == "after":
                for arg in one.args or ():
                    after |= needs_of(self.eval(arg.value, item.scope))
        return "protect" in names, "retain" in names, after

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
        body[param.name] = fitted

    def handle(self, item: _Item, out: Composition) -> None:
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
                    for pair in self.pairs(node.source, scope):
                        inner = Scope(scope, scope.module)
                        name_loop(inner, node.names, pair)
                        self.steps_of(node.body, Scope(inner, scope.module), out)
                case ast.If():
                    chosen: ast.Block | ast.If | None = node
                    while isinstance(chosen, ast.If):
                        chosen = self.branch(chosen, scope)
                    if chosen is not None:
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

    def power(self, item: _Item, out: Composition) -> None:
        node: ast.Power = item.node
        what = self.quiet(node.what, item.scope)
        if isinstance(what, v.ElementRef):
            _, _, after = self.decorations(item)
            out.powers.append(
                PowerDecl(
                    switch=node.switch.text,
                    executor=what.address,
                    where=self.where(node),
                    order=item.order,
                    after=after,
                    waits=item.waits,
                )
            )

    def wait(self, item: _Item, out: Composition) -> None:
        node: ast.Wait = item.node
        what = self.quiet(node.what, item.scope)
        within = self.fit(self.quiet(node.within, item.scope), v.DURATION, node.within)
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

    def output(self, item: _Item, out: Composition) -> None:
        node: ast.Output = item.node
        value = self.quiet(node.value, item.scope)
        out.outputs.append(
            OutputDecl(name=node.name.text, value=value, where=self.where(node.name), doc=item.statement.doc)
        )

    def check(self, item: _Item, out: Composition) -> None:
        node: ast.Check = item.node
        if node.when.text != "assert":
            return
        holds = self.quiet(node.condition, item.scope)
        if holds is False:
            said = self.quiet(node.message, item.scope) if node.message is not None else None
            message = said if isinstance(said, str) else "this does not hold"
            self.main.out.report(codes.ASSERT_FAILED, self.span(node.condition), message)


def needs_of(value: Any) -> set[str]:
    """The addresses that a value mentions."""
    out: set[str] = set()
    for one in v.leaves(value):
        if isinstance(one, v.ElementRef) or (isinstance(one, v.Unknown) and one.address):
            out.add(one.address)
    return out


_ITEMS: dict[type, Callable[[_Evaluator, _Item, Composition], None]] = {
    ast.Element: _Evaluator.element,
    ast.Handle: _Evaluator.handle,
    ast.Power: _Evaluator.power,
    ast.Wait: _Evaluator.wait,
    ast.Output: _Evaluator.output,
    ast.Check: _Evaluator.check,
}
