"""Names, types, placement: what the text of a script alone tells, whatever its parameters are.

One walk over the tree. Each expression is given the type that is expected of it, so that `.read_only`, texts and
records find theirs, and answers with the type that it has. A mistake is reported once, where it is; the expression
then has the type ANY, which fits everywhere, so that nothing that only follows is reported too. Values (ranges,
addresses, asserts, the order of join and bind) are found out by `evaluate`.

Top-level names hold in the whole file, so a `let` is given its type when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import fits, holds_secret, literal, opened, opposite
from vchlang.analysis.handles import check_branches
from vchlang.analysis.infer import Inference
from vchlang.analysis.program import Import, Program, Symbol, Unreadable
from vchlang.diagnostics import did_you_mean
from vchlang.kinds.schema import KINDS, Kind, Param, Verb
from vchlang.syntax import ast
from vchlang.syntax.parser import Parsed
from vchlang.text import Span

STATES = ("launched", "ready", "stable")
_LATER: dict[Any, str] = {
    ast.Component: "component",
    ast.Fn: "fn",
    ast.TypeDef: "type",
    ast.Segment: "segment",
    ast.Test: "test",
    ast.Manifest: "manifest",
}
LATER_KINDS = ("template",)
LATER_DECORATORS = ("was", "fault")
_IN_SCRIPT = (ast.Let, ast.Output, ast.Element, ast.Handle, ast.Power, ast.Wait, ast.For, ast.If, ast.Check)
_HOME: dict[Any, str] = {
    ast.Join: "in a handle",
    ast.Bind: "in a handle",
    ast.Rule: "in a segment",
    ast.Param: "at the top of a script",
    ast.Import: "at the top of a file",
    ast.Output: "at the top of a script, not in a loop or condition",
}
_WORDS: dict[Any, str] = {
    ast.Join: "join",
    ast.Bind: "bind",
    ast.Rule: "allow",
    ast.Param: "param",
    ast.Import: "import",
    ast.Output: "output",
    ast.Element: "create",
    ast.Handle: "handle",
    ast.Power: "start",
    ast.Wait: "wait",
    ast.Check: "assert",
    **_LATER,
}
_DECORATED = (ast.Element, ast.Handle, ast.Power, ast.Wait)


def imported(parsed: Parsed) -> Iterator[tuple[str, Span]]:
    """The modules that a file imports, as written, and where."""
    for base, statement in parsed.statements():
        node = statement.node
        if isinstance(node, ast.Import) and (path := literal(node.source)) is not None:
            yield path, node.source.span(base)


def check(parsed: Parsed, path: str, modules: Mapping[str, Program | Unreadable], *, module: bool = False) -> Program:
    """Check one file. Never raises for what a user wrote; everything wrong is in the program's diagnostics.

    path: of the file from the project's root, with slashes; what it reads is relative to it.
    modules: by the path as the `import` writes it; all that `imported` names.
    module: whether the file is imported, and may hold declarations only.
    """
    return _Checker(parsed, path, modules, module).run()


class _Checker(Inference):
    def __init__(self, parsed: Parsed, path: str, modules: Mapping[str, Program | Unreadable], module: bool) -> None:
        super().__init__(parsed.source.name, path)
        self.parsed = parsed
        self.modules = modules
        self.module = module
        self.imports: dict[str, Import] = {}
        self.branches: dict[str, list[tuple[tuple[int, int], ...]]] = {}
        self.loops = 0
        self.output_names: dict[str, Span] = {}

    # ---- the file --------------------------------------------------------------------------------------------------

    def run(self) -> Program:
        statements = list(self.parsed.statements())
        for base, statement in statements:
            self.base = base
            self.declare_top(statement.node)
        for base, statement in statements:
            self.base = base
            try:
                self.statement(statement, "module" if self.module else "script", top=True)
            except RecursionError:
                # Python's stack is the budget here; what was begun on it is given up, and the next statement is read.
                self.out.report(codes.LIMIT_DEPTH, self.at(statement), "this nests too deep to be checked")
                self.scopes, self.narrowed, self.loops = [], [], 0
                for symbol in self.top.values():
                    symbol.state = 2 if symbol.state == 1 else symbol.state
        self.unused()
        return Program(
            path=self.path,
            parsed=self.parsed,
            symbols=self.top,
            imports=self.imports,
            modules={name: one for name, one in self.modules.items() if isinstance(one, Program)},
            reads=tuple(self.reads),
            diagnostics=self.out.freeze(),
        )

    def declare_top(self, node: Any) -> None:
        match node:
            case ast.Param(declaration=declaration):
                self.declare(self.top, declaration.name, "param", v.ANY, node)
            case ast.Let(name=name):
                self.declare(self.top, name, "let", v.ANY, node)
            case ast.Import():
                self.declare_import(node)
            case ast.Broken(names=names):
                self.broken.update(names)
            case ast.Fn(name=name):
                self.broken.add(name.text)
            case _:
                self.declare_elements(node, 0, False, ())

    def declare_import(self, node: ast.Import) -> None:
        written = literal(node.source)
        target = self.modules.get(written) if written is not None else None
        if written is None:
            self.out.report(codes.UNKNOWN_MODULE, self.at(node.source), "the path of a module is a plain text")
        elif target is None or isinstance(target, Unreadable):
            problem = target or Unreadable(code="unknown-module", message=f"there is no module `{written}`")
            self.out.report(codes.CODES[problem.code], self.at(node.source), problem.message, hint=problem.hint or None)
        for one in node.names:
            local = one.alias or one.name
            symbol = self.declare(self.top, local, "import", v.ANY, node)
            if not isinstance(target, Program):
                continue
            known = {name: s for name, s in target.symbols.items() if s.what == "let" and not name.startswith("_")}
            found = known.get(one.name.text)
            if found is None:
                self.out.report(
                    codes.NOT_EXPORTED,
                    self.at(one.name),
                    f"`{written}` has no `{one.name.text}`",
                    hint=did_you_mean(one.name.text, known),
                )
                continue
            self.imports[local.text] = Import(module=str(written), name=one.name.text)
            if symbol is not None:
                symbol.type = found.type
                symbol.state = 2

    def declare_elements(self, node: Any, loops: int, optional: bool, branch: tuple[tuple[int, int], ...]) -> None:
        """Elements belong to the whole script, whatever loops and conditions are around them."""
        match node:
            case ast.Element():
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

    def declare_element(
        self, node: ast.Element, loops: int, optional: bool, branch: tuple[tuple[int, int], ...]
    ) -> None:
        name = node.target.name
        kind = KINDS.get(node.kind.text)
        type_: v.Type = v.KindOf(kind.name) if kind is not None else v.ANY
        keys = len(node.target.keys)
        known = self.top.get(name.text)
        if known is not None and known.what == "element":
            apart = all(opposite(branch, other) for other in self.branches[name.text])
            if known.type == type_ and known.depth == keys and (keys or apart):
                if apart and len(branch) == 1:  # declared in both branches: it is there in any case
                    known.optional = False
                self.branches[name.text].append(branch)
                return
        symbol = self.declare(self.top, name, "element", type_, node)
        if symbol is not None:
            symbol.depth = keys
            symbol.optional = optional
            symbol.verb = node.verb.text
            self.branches[name.text] = [branch]

    def unused(self) -> None:
        if self.module:
            return
        for symbol in self.top.values():
            if not symbol.used and symbol.what in ("let", "param", "import") and not symbol.name.startswith("_"):
                word = {"let": "value", "param": "parameter", "import": "import"}[symbol.what]
                self.out.report(codes.UNUSED, symbol.span, f"the {word} `{symbol.name}` is never used")

    # ---- statements ------------------------------------------------------------------------------------------------

    def statement(self, statement: ast.Statement, where: str, *, top: bool = False) -> None:
        node = statement.node
        kind = type(node)
        if kind is ast.Broken:
            return
        if kind in _LATER:
            self.later(node, _LATER[kind])
            return
        if not self.placed(node, where, top):
            return
        self.decorators(statement, where)
        _STATEMENTS[kind](self, node, where)

    def later(self, node: Any, word: str) -> None:
        self.out.report(
            codes.NOT_YET,
            Span(self.base + node.start, self.base + node.start + len(word)),
            f"`{word}` comes with a later version",
        )

    def placed(self, node: Any, where: str, top: bool) -> bool:
        kind = type(node)
        if where == "handle":
            allowed = kind in (ast.Join, ast.Bind, ast.Let, ast.For, ast.If)
        elif where == "module":
            allowed = kind in (ast.Import, ast.Let)
        elif top:
            allowed = kind in _IN_SCRIPT or kind in (ast.Import, ast.Param)
        else:
            allowed = kind in _IN_SCRIPT and kind is not ast.Output
        if allowed:
            return True
        word = self.first_word(node)
        home = _HOME.get(kind)
        if home is None or (where == "module" and kind is ast.Param):
            home = "in a script" if where == "module" else "outside of handles"
        self.out.report(
            codes.MISPLACED, Span(self.base + node.start, self.base + node.start + len(word)), f"`{word}` stands {home}"
        )
        return False

    def first_word(self, node: Any) -> str:
        match node:
            case ast.Element(verb=word) | ast.Power(switch=word) | ast.Check(when=word) | ast.Rule(action=word):
                return word.text
            case _:
                return _WORDS.get(type(node), type(node).__name__.lower())

    def decorators(self, statement: ast.Statement, where: str) -> None:
        node = statement.node
        for one in statement.decorators:
            name = one.name.text
            if name in LATER_DECORATORS:
                self.out.report(codes.NOT_YET, self.at(one), f"`@{name}` comes with a later version")
            elif name not in ("protect", "retain", "after"):
                self.out.report(
                    codes.UNKNOWN_DECORATOR,
                    self.at(one.name),
                    f"no decorator `@{name}`",
                    hint=did_you_mean(name, ("protect", "retain", "was", "after", "fault")),
                )
            elif name == "after":
                if not isinstance(node, _DECORATED):
                    self.out.report(codes.MISPLACED, self.at(one), "`@after` stands before an element or a step")
                for arg in one.args or ():
                    found = self.infer(arg.value, None)
                    if found != v.ANY and not isinstance(found, v.KindOf):
                        self.wrong(arg.value, "`@after` takes", "an element", found)
            elif not isinstance(node, ast.Element) or node.verb.text == "existing":
                self.out.report(codes.MISPLACED, self.at(one), f"`@{name}` stands before an element that is ours")

    def block(self, block: ast.Block, where: str) -> None:
        self.scopes.append({})
        for statement in block.statements:
            self.statement(statement, where)
        self.scopes.pop()

    def import_(self, node: ast.Import, where: str) -> None:
        """Done when names were declared."""

    def param(self, node: ast.Param, where: str) -> None:
        symbol = self.top.get(node.declaration.name.text)
        if symbol is not None and symbol.node is node:
            self.resolve(symbol)

    def let(self, node: ast.Let, where: str) -> None:
        if self.scopes:
            type_ = self.let_type(node)
            late, self.late = self.late, None
            symbol = self.declare(self.scopes[-1], node.name, "let", type_, node)
            if symbol is not None:
                symbol.state = 2
                symbol.late = late is not None
        else:
            symbol = self.top.get(node.name.text)
            if symbol is not None and symbol.node is node:
                self.resolve(symbol)

    def output(self, node: ast.Output, where: str) -> None:
        if (first := self.output_names.get(node.name.text)) is not None:
            self.out.report(
                codes.DUPLICATE_NAME,
                self.at(node.name),
                f"the output `{node.name.text}` is declared already",
                labels=[(first, "first declared here")],
            )
        self.output_names.setdefault(node.name.text, self.at(node.name))
        wanted = self.type(node.type) if node.type is not None else None
        found = self.value(node.value, wanted, f"`{node.name.text}`")
        if holds_secret(found):
            self.out.report(
                codes.SECRET_SINK, self.at(node.value), f"the output `{node.name.text}` would show a secret"
            )

    def for_(self, node: ast.For, where: str) -> None:
        key, item = self.loop_types(node.source)
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        types = (key, item) if len(node.names) == 2 else (item,)
        for name, type_ in zip(node.names, types, strict=False):
            self.declare(scope, name, "loop", type_, node)
        self.loops += 1
        for statement in node.body.statements:
            self.statement(statement, where)
        self.loops -= 1
        self.scopes.pop()

    def if_(self, node: ast.If, where: str) -> None:
        narrowed = self.condition(node.condition)
        self.narrowed += narrowed
        self.block(node.then, where)
        del self.narrowed[len(self.narrowed) - len(narrowed) :]
        if isinstance(node.otherwise, ast.If):
            self.if_(node.otherwise, where)
        elif node.otherwise is not None:
            self.block(node.otherwise, where)

    def check(self, node: ast.Check, where: str) -> None:
        if node.when.text == "verify":
            self.later(node, "verify")
            return
        self.condition(node.condition, "an assert")
        if node.message is not None:
            self.value(node.message, v.STRING, "the message")

    def element(self, node: ast.Element, where: str) -> None:
        name = node.kind.text
        kind = KINDS.get(name)
        if kind is None:
            if name in LATER_KINDS:
                self.out.report(codes.NOT_YET, self.at(node.kind), f"`{name}` comes with a later version")
            else:
                self.out.report(
                    codes.UNKNOWN_KIND,
                    self.at(node.kind),
                    f"no kind `{name}`",
                    hint=did_you_mean(name, KINDS),
                    fix=self.fix(node.kind, KINDS),
                )
            return
        verb = node.verb.text
        if verb not in kind.words:
            self.out.report(
                codes.WRONG_VERB,
                self.at(node.verb),
                f"a {name} has no `{verb}`",
                hint=f"a {name} is brought in by " + " or ".join(f"`{word}`" for word in kind.words),
            )
        keys = node.target.keys
        if len(keys) < self.loops:
            self.out.report(
                codes.DUPLICATE_ADDRESS,
                self.at(node.target),
                f"in a loop, `{node.target.name.text}` carries one key for each loop around it",
                hint=f"write {node.target.name.text}[…]",
            )
        for key in keys:
            self.late = None
            found = self.infer(key, v.STRING)
            if isinstance(opened(found), v.SecretOf):
                self.out.report(codes.SECRET_SINK, self.at(key), "a key would show a secret")
            elif found not in (v.INT, v.ANY) and found != v.STRING and found not in v.TEXTUAL:
                self.wrong(key, "a key is", "a text or a whole number", found)
            self.static(key, "a key")
        self.clause(kind, node, "in", node.inside)
        self.clause(kind, node, "at", node.at)
        self.body(kind.element, node.body, self.at(node.target), existing=verb == "existing", word=f"{verb} {name}")

    def clause(self, kind: Kind, node: ast.Element, clause: str, written: Any) -> None:
        param = kind.element.clauses.get(clause)
        verb = node.verb.text
        if written is None:
            if param is not None and param.required:
                self.out.report(
                    codes.MISSING_FIELD,
                    self.at(node.target),
                    f"`{verb} {kind.name}` needs `{clause}`",
                    hint=f"{param.doc}",
                )
            elif kind.name == "pool" and clause == "in" and node.at is None:
                self.out.report(
                    codes.MISSING_FIELD, self.at(node.target), "a pool needs `in`, or `at` for a pool that is there"
                )
            return
        if param is None or (clause == "at" and verb == "create" and kind.name == "pool"):
            self.out.report(
                codes.WRONG_CLAUSE,
                self.at(written),
                f"`{verb} {kind.name}` takes no `{clause}`",
                hint="`in` says inside what, `at` says where or which",
            )
            self.infer(written, None)
            return
        self.late = None
        self.given(param, written, f"`{clause}`")
        self.static(written, f"`{clause}`")

    def handle(self, node: ast.Handle, where: str) -> None:
        found = self.infer(node.executor, None)
        if found == v.KindOf("executor"):
            symbol = self.symbol_of(node.executor)
            if symbol is not None and symbol.verb == "existing":
                self.out.report(
                    codes.WRONG_VERB,
                    self.at(node.executor),
                    "no handle opens on an `existing` executor: it is looked up and never changed",
                    labels=[(symbol.span, "declared `existing` here")],
                )
        elif found != v.ANY:
            self.wrong(node.executor, "a handle opens on", "an executor", found)
        self.block(node.body, "handle")
        check_branches(node.body, self.base, self.parsed.source.text, self.out)

    def symbol_of(self, place: Any) -> Symbol | None:
        while isinstance(place, ast.Index | ast.Group):
            place = place.target if isinstance(place, ast.Index) else place.inner
        return self.find(place.text) if isinstance(place, ast.Name) else None

    def join(self, node: ast.Join, where: str) -> None:
        kind = self.joined(node.what, "join")
        if kind is None:
            for one in (node.body, node.bind.body if node.bind else None):
                if one is not None:
                    self.infer(one, v.ANY)  # nobody knows what it takes
            return
        verb = kind.join
        assert verb is not None
        self.role(kind, verb, node.role, self.at(node.what))
        self.body(verb, node.body, self.at(node.what), word=f"join of a {kind.name}")
        if node.bind is not None:
            # An unknown role has been reported; what it would need at the bind is anybody's guess.
            loader = node.role is None or node.role.text not in ("persistent", "non_persistent")
            self.bound(kind, node.bind.at, node.bind.body, self.at(node.bind.word), loader)

    def bind(self, node: ast.Bind, where: str) -> None:
        kind = self.joined(node.what, "bind")
        if kind is None:
            if node.body is not None:
                self.infer(node.body, v.ANY)
            return
        if node.role is not None and kind.join is not None:
            self.role(kind, kind.join, node.role, self.at(node.what))
        # Without a role, only the joins of the handle tell whether this is a loader: `evaluate` knows them.
        loader = node.role is None or node.role.text == "loader"
        self.bound(kind, node.at, node.body, self.at(node.what), loader)

    def joined(self, what: Any, word: str) -> Kind | None:
        found = self.infer(what, None)
        if found == v.ANY:
            return None
        if isinstance(found, v.Optional) and isinstance(found.inner, v.KindOf):
            self.maybe_null(what)
            found = found.inner
        kind = KINDS.get(found.kind) if isinstance(found, v.KindOf) else None
        if kind is None or (kind.join if word == "join" else kind.bind) is None:
            self.wrong(what, f"`{word}` takes", "a storage, a network or a task", found)
            return None
        return kind

    def role(self, kind: Kind, verb: Verb, role: ast.Word | None, span: Span) -> None:
        if role is None:
            if verb.roles:
                roles = ", ".join(f"`{one}`" for one in verb.roles)
                self.out.report(
                    codes.MISSING_FIELD,
                    span,
                    f"a {kind.name} is joined in a role",
                    hint=f"write `as` and one of {roles}",
                )
        elif not verb.roles:
            self.out.report(codes.UNKNOWN_ROLE, self.at(role), f"a {kind.name} is joined without a role")
        elif role.text not in verb.roles and not verb.free_roles:
            self.out.report(
                codes.UNKNOWN_ROLE,
                self.at(role),
                f"a {kind.name} has no role `{role.text}`",
                hint=did_you_mean(role.text, verb.roles) or "its roles are " + ", ".join(verb.roles),
                fix=self.fix(role, verb.roles),
            )

    def bound(self, kind: Kind, at: Any, body: ast.Record | None, span: Span, loader: bool) -> None:
        verb = kind.bind
        assert verb is not None
        param = verb.clauses.get("at")
        if at is not None:
            if param is None:
                self.out.report(codes.WRONG_CLAUSE, self.at(at), f"a {kind.name} is bound without `at`")
                self.infer(at, None)
            else:
                self.late = None
                self.given(param, at, "`at`")
                self.static(at, "`at`")
        elif param is not None and not loader:
            self.out.report(codes.MISSING_FIELD, span, f"a {kind.name} is bound at a path", hint='write `bind at "/…"`')
        self.body(verb, body, span, word=f"bind of a {kind.name}")

    def power(self, node: ast.Power, where: str) -> None:
        found = self.infer(node.what, None)
        if found not in (v.KindOf("executor"), v.ANY):
            self.wrong(node.what, f"`{node.switch.text}` takes", "an executor", found)

    def wait(self, node: ast.Wait, where: str) -> None:
        found = self.infer(node.what, None)
        if found not in (v.KindOf("executor"), v.KindOf("task"), v.ANY):
            self.wrong(node.what, "`wait` takes", "an executor or a task", found)
        if node.state.text not in STATES:
            self.out.report(
                codes.UNKNOWN_STATE,
                self.at(node.state),
                f"no state `{node.state.text}`",
                hint=did_you_mean(node.state.text, STATES) or "the states are launched, ready and stable",
                fix=self.fix(node.state, STATES),
            )
        self.late = None
        self.value(node.within, v.DURATION, "`within`")
        self.static(node.within, "`within`")

    # ---- bodies ----------------------------------------------------------------------------------------------------

    def body(self, verb: Verb, body: ast.Record | None, head: Span, *, word: str, existing: bool = False) -> None:
        """A body is a record checked against what the verb takes."""
        params = verb.fields
        seen: dict[str, Span] = {}
        brought: set[str] = set()
        open_ended = False
        for entry in body.entries if body is not None else ():
            if isinstance(entry, ast.Spread):
                open_ended |= self.spread(entry, params, seen, brought, word)
                continue
            name = entry.name.text
            span = self.at(entry.name)
            if name in seen:
                self.out.report(
                    codes.DUPLICATE_FIELD, span, f"`{name}` is written twice", labels=[(seen[name], "first here")]
                )
            seen.setdefault(name, span)
            param = params.get(name)
            if param is None:
                self.unknown_field(entry.name, params, f"`{word}` takes no `{name}`")
                self.late = None
                self.infer(entry.value, v.ANY)
            else:
                self.late = None
                self.given(param, entry.value, f"`{name}`")
                if name == "name":
                    self.static(entry.value, "a name")
        if not open_ended and not existing:
            for name, param in params.items():
                if param.required and name not in seen and name not in brought:
                    self.out.report(codes.MISSING_FIELD, head, f"`{word}` needs `{name}`", hint=param.doc or None)

    def spread(
        self, entry: ast.Spread, params: dict[str, Param], seen: dict[str, Span], brought: set[str], word: str
    ) -> bool:
        """Check `...r`; whether it may bring fields that are not known here."""
        found = self.infer(entry.value, None)
        match found:
            case v.RecordOf(fields):
                for one in fields:
                    param = params.get(one.name)
                    if param is None:
                        self.out.report(
                            codes.UNKNOWN_FIELD,
                            self.at(entry.value),
                            f"`{word}` takes no `{one.name}`, which this brings",
                            hint=did_you_mean(one.name, params),
                        )
                    elif not self.takes(param, one.type):
                        self.wrong(entry.value, f"`{one.name}` takes", v.show_type(param.type), one.type)
                    if one.name in seen:
                        self.out.report(
                            codes.LOST_FIELD,
                            seen[one.name],
                            f"`{one.name}` is lost: the spread after it has `{one.name}` too",
                            labels=[(self.at(entry), "overrides it here")],
                            hint="write it after the spread",
                        )
                    brought.add(one.name)
                return False
            case v.MapOf() | v.Simple("anything"):
                return True
            case _:
                self.wrong(entry.value, "a spread takes", "a record", found)
                return True

    def given(self, param: Param, node: Any, what: str) -> None:
        """Check the value of a described field, where an element may stand for its identity."""
        wanted = param.type
        found = self.infer(node, wanted)
        if isinstance(node, ast.Number):
            self.decimal(node, wanted)
        if param.kinds:
            inner = opened(found)
            if isinstance(inner, v.KindOf):
                if inner.kind not in param.kinds:
                    self.wrong(node, f"{what} takes", " or ".join(f"a {kind}" for kind in param.kinds), found)
                elif isinstance(found, v.Optional):
                    self.maybe_null(node)
                return
        if not param.required and not isinstance(wanted, v.Optional):
            wanted = v.Optional(wanted)  # `null` is as if it were not written
        self.fit(found, wanted, node, what)

    def takes(self, param: Param, found: v.Type) -> bool:
        inner = opened(found)
        if param.kinds and isinstance(inner, v.KindOf):
            return inner.kind in param.kinds
        return fits(found, param.type if param.required else v.Optional(param.type))


_STATEMENTS: dict[type, Callable[[_Checker, Any, str], None]] = {
    ast.Import: _Checker.import_,
    ast.Param: _Checker.param,
    ast.Let: _Checker.let,
    ast.Output: _Checker.output,
    ast.For: _Checker.for_,
    ast.If: _Checker.if_,
    ast.Check: _Checker.check,
    ast.Element: _Checker.element,
    ast.Handle: _Checker.handle,
    ast.Join: _Checker.join,
    ast.Bind: _Checker.bind,
    ast.Power: _Checker.power,
    ast.Wait: _Checker.wait,
}
