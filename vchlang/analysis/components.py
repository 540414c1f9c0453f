"""Elements and components: which there are, what each takes, and the body of a component, checked once.

A component is described as the kinds of the language are, by a `Kind`, so that its instances are checked the same way.
"""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.branches import check_branches
from vchlang.analysis.fit import opened, opposite
from vchlang.analysis.names import Context
from vchlang.analysis.program import Component, Symbol
from vchlang.analysis.steps import Steps
from vchlang.diagnostics import did_you_mean, with_article
from vchlang.kinds.schema import KINDS, Kind, Param, Verb
from vchlang.syntax import ast
from vchlang.text import Span

Branch = tuple[tuple[int, int], ...]


class Components(Steps):
    """Declarations of elements in a script or component, and what their statements say.

    spans: where each component is declared or imported in this file. used_components: those that something uses, by
    identity.
    """

    def __init__(self, source: str, path: str) -> None:
        super().__init__(source, path)
        self.spans: dict[str, Span] = {}
        self.used_components: set[int] = set()

    def statement(self, statement: ast.Statement, where: str, *, top: bool = False) -> None:
        """Check one statement; the checker of files knows how."""
        raise NotImplementedError

    # ---- which elements there are ----------------------------------------------------------------------------------

    def declare_elements(self, node: Any, loops: int, optional: bool, branch: Branch) -> None:
        """Elements belong to the whole script or component, whatever loops and conditions are around them."""
        match node:
            case ast.Element() | ast.Segment():
                self.declare_element(node, loops, optional, branch)
            case ast.For(body=body):
                for inner in body.statements:
                    self.declare_elements(inner.node, loops + 1, optional, branch)
            case ast.If():
                otherwise = node.otherwise
                for inner in node.then.statements:
                    self.declare_elements(inner.node, loops, True, (*branch, (id(node), 0)))
                if isinstance(otherwise, ast.If):
                    self.declare_elements(otherwise, loops, True, (*branch, (id(node), 1)))
                elif otherwise is not None:
                    for inner in otherwise.statements:
                        self.declare_elements(inner.node, loops, True, (*branch, (id(node), 1)))
            case ast.Broken(names=names):
                self.broken.update(names)
            case _:
                pass

    def declare_element(self, node: ast.Element | ast.Segment, loops: int, optional: bool, branch: Branch) -> None:
        name = node.target.name
        word = kind_word(node)
        keys = len(node.target.keys)
        names, branches = self.context.names, self.context.branches
        known = names.get(name.text)
        if known is not None and known.what == "element" and name.text in branches:
            apart = all(opposite(branch, other) for other in branches[name.text])
            if kind_word(known.node) == word and known.depth == keys and (keys or apart):
                branches[name.text].append(branch)
                if apart and covered(branches[name.text]):
                    known.optional = False
                return
        symbol = self.declare(names, name, "element", v.ANY, node)
        if symbol is not None:
            if word in KINDS:
                symbol.type = v.KindOf(word)
            elif word in self.components:
                symbol.state = 0  # its type has the outputs of the component, which is checked when asked for
            symbol.depth = keys
            symbol.optional = optional
            symbol.verb = node.verb.text
            branches[name.text] = [branch]

    def resolve(self, symbol: Symbol) -> None:
        if symbol.state == 0 and symbol.what == "element":
            symbol.state = 2
            component = self.components.get(kind_word(symbol.node))
            if component is not None:
                symbol.type = self.component_type(component)
            return
        super().resolve(symbol)

    # ---- components ------------------------------------------------------------------------------------------------

    def component_type(self, component: Component) -> v.Type:
        """The type of its instances; anything while it is being checked, since that is a ring and reported once."""
        self.used_components.add(id(component))
        if component.path != self.path:
            return component.type
        if any(one is component for one in self.resolving):
            if component.state == 1:
                self.ring(component)
            return v.ANY
        if component.state == 0:
            component.state = 1
            self.resolving.append(component)
            saved = self.base, self.context, self.scopes, self.late, self.narrowed, self.probing
            self.base, self.scopes, self.late, self.narrowed, self.probing = component.base, [], None, [], False
            self.context = Context({}, component)
            self.component_body(component)
            self.base, self.context, self.scopes, self.late, self.narrowed, self.probing = saved
            self.resolving.pop()
            component.state = 2
        return component.type

    def component_body(self, component: Component) -> None:
        """Check a component whole, whatever its instances give it."""
        node = component.node
        fields, scope = self.parameters(node.params)
        params = {one.name: one.type for one in fields}
        described = {one.name: _param(one, "") for one in fields}
        self.context.names.update(scope)
        for word, clause in (("in", node.inside), ("at", node.at)):
            if clause is None:
                continue
            type_ = self.type(clause.type)
            symbol = self.declare(self.context.names, clause.name, "loop", v.plain(type_), clause)
            if symbol is not None:
                symbol.declared = type_
                params[clause.name.text] = type_
                component.clauses[word] = clause.name.text
            required = not isinstance(type_, v.Optional)
            described[f"({word})"] = _param(v.FieldOf(clause.name.text, type_, required), word)
        component.params.update(params)
        component.fields.update({one.name: one for one in fields})
        component.kind = _kind(component, described)
        for statement in node.body.statements:
            match statement.node:
                case ast.Let(name=name):
                    self.declare(self.context.names, name, "let", v.ANY, statement.node)
                case inner:
                    self.declare_elements(inner, 0, False, ())
        for statement in node.body.statements:
            self.statement(statement, "component", top=True)
            if isinstance(statement.node, ast.Output):
                component.outputs.setdefault(statement.node.name.text, statement.node)
        check_branches([(self.base, one) for one in node.body.statements], self.text, self.out)
        results = self.context.results
        docs = {one.node.name.text: one.doc for one in node.body.statements if isinstance(one.node, ast.Output)}
        component.type = v.InstanceOf(
            component.name,
            component.path,
            tuple(v.FieldOf(name, v.plain(type_), True, docs.get(name, "")) for name, (type_, _) in results.items()),
            tuple(name for name, (_, late) in results.items() if late),
        )
        component.elements.update({name: one for name, one in self.context.names.items() if one.what == "element"})
        for symbol in self.context.names.values():
            if not symbol.used and symbol.what in ("let", "loop") and not symbol.name.startswith("_"):
                word = "value" if symbol.what == "let" else "parameter"
                self.never_used(symbol.span, word, symbol.name)

    # ---- elements --------------------------------------------------------------------------------------------------

    def element(self, node: ast.Element, where: str) -> None:
        name = node.kind.text
        kind = KINDS.get(name)
        if name == "segment":
            kind = None  # its rules are statements: `create segment x in n { … }` is read by the grammar
        if kind is None:
            component = self.components.get(name)
            if component is not None:
                self.instance(node, component)
                return
            if name not in self.broken:
                known = [*(one for one in KINDS if one != "segment"), *self.components]
                from vchlang.analysis.habits import kind_hint

                self.out.report(
                    codes.UNKNOWN_KIND,
                    self.at(node.kind),
                    f"no kind `{name}`",
                    hint=(habit := kind_hint(name)) or did_you_mean(name, known),
                    fix=self.fix(node.kind, known) if habit is None else None,
                )
            for written in (node.inside, node.at, node.body):
                if written is not None:
                    self.infer(written, v.ANY)
            return
        verb = node.verb.text
        self.verb(kind, node.verb)
        self.keys(node.target)
        self.clause(kind, node, "in", node.inside)
        self.clause(kind, node, "at", node.at)
        self.body(kind.element, node.body, self.at(node.target), existing=verb == "existing", word=f"{verb} {name}")

    def verb(self, kind: Kind, verb: ast.Word) -> None:
        if verb.text not in kind.words:
            self.out.report(
                codes.WRONG_VERB,
                self.at(verb),
                f"{with_article(kind.name)} has no `{verb.text}`",
                hint=f"{with_article(kind.name)} is brought in by " + " or ".join(f"`{word}`" for word in kind.words),
                fix=self.fix(verb, kind.words) if len(kind.words) == 1 else None,
            )

    def keys(self, target: ast.Target) -> None:
        if len(target.keys) < self.context.loops:
            self.out.report(
                codes.DUPLICATE_ADDRESS,
                self.at(target),
                f"in a loop, `{target.name.text}` carries one key for each loop around it",
                hint=f"write {target.name.text}[…]",
            )
        for key in target.keys:
            self.late = None
            found = self.infer(key, v.STRING)
            if isinstance(opened(found), v.SecretOf):
                self.out.report(codes.SECRET_SINK, self.at(key), "a key would show a secret")
            elif found not in (v.INT, v.ANY) and found != v.STRING and found not in v.TEXTUAL:
                if not isinstance(found, v.TextsOf):
                    self.wrong(key, "a key is", "a text or a whole number", found)
            self.static(key, "a key")
            symbol = self.find(key.text) if isinstance(key, ast.Name) else None
            if symbol is not None and symbol.position:
                self.out.report(
                    codes.POSITION_KEY,
                    self.at(key),
                    f"`{symbol.name}` is a position, and moves when a neighbour goes: then the element is another",
                    hint="use something of the value itself, or loop over a map",
                )

    def instance(self, node: ast.Element, component: Component) -> None:
        """`create website front { … }`: the parameters of a component, as fields and clauses."""
        self.component_type(component)
        kind = component.kind
        self.keys(node.target)
        if kind is NO_KIND:  # it is part of a ring, and nobody knows what it takes
            for written in (node.inside, node.at, node.body):
                if written is not None:
                    self.infer(written, v.ANY)
            return
        self.verb(kind, node.verb)
        for word in ("in", "at"):
            self.clause(kind, node, word, node.inside if word == "in" else node.at)
        self.body(kind.element, node.body, self.at(node.target), word=component.name, static=component.static)


def covered(branches: list[Branch]) -> bool:
    """Whether an element that is declared in these branches is there whatever the conditions are."""
    if () in branches:
        return True
    return any(
        all(covered([one[1:] for one in branches if one[0] == (node, side)]) for side in (0, 1))
        for node in {one[0][0] for one in branches}
    )


def kind_word(node: ast.Element | ast.Segment) -> str:
    """The word for the kind of an element's statement."""
    return node.kind.text if isinstance(node, ast.Element) else "segment"


def _param(field: v.FieldOf, clause: str) -> Param:
    return Param(
        name=field.name,
        doc=field.doc,
        type=field.type,
        required=field.required,
        default=None,
        change="update",
        clause=clause,
        kinds=(),
        compared=True,
    )


def _kind(component: Component, params: dict[str, Param]) -> Kind:
    element = Verb(
        kind=component.name,
        words=("create",),
        params=params,
        fields={name: one for name, one in params.items() if not one.clause},
        clauses={one.clause: one for one in params.values() if one.clause},
        cls=None,
        doc=component.doc,
        examples=(),
    )
    return Kind(name=component.name, doc=component.doc, element=element, join=None, bind=None, facts={}, recorded=False)


NO_KIND = Kind(
    name="",
    doc="",
    element=Verb(kind="", words=(), params={}, fields={}, clauses={}, cls=None, doc="", examples=()),
    join=None,
    bind=None,
    facts={},
    recorded=False,
)
"""Of a component that has not been checked yet."""
