"""Names, types, placement: what the text of a script alone tells, whatever its parameters are.

One walk over the tree. Each expression is given the type that is expected of it, so that `.read_only`, texts and
records find theirs, and answers with the type that it has. A mistake is reported once, where it is; the expression
then has the type ANY, which fits everywhere, so that nothing that only follows is reported too. Values (ranges,
addresses, asserts, the order of join and bind) are found out by `evaluate`.

Top-level names hold in the whole file, so a `let`, a function or a component is given its type when it is first asked
for.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.branches import check_branches
from vchlang.analysis.budget import MAX_MISTAKES
from vchlang.analysis.components import NO_KIND, Components
from vchlang.analysis.fit import Learnt, holds_secret, learnt, literal, opened
from vchlang.analysis.names import component_called
from vchlang.analysis.program import Component, Import, Package, Program, Symbol, TypeName, Unreadable
from vchlang.analysis.renames import was_text, wrong_was
from vchlang.diagnostics import Report, did_you_mean
from vchlang.kinds.schema import KINDS
from vchlang.syntax import ast
from vchlang.syntax.parser import Parsed
from vchlang.text import Span

_FOR_OTHERS = {ast.TypeDef, ast.Fn, ast.Component}
_OF_FILES = (ast.Import, ast.TypeDef, ast.Fn, ast.Component, ast.Test)
_IN_BLOCKS = (ast.Let, ast.For, ast.If)
_STEPS = (ast.Element, ast.Segment, ast.Handle, ast.Power, ast.Wait, ast.Check)
_ALLOWED: dict[str, tuple[type, ...]] = {
    "script": (*_IN_BLOCKS, *_STEPS),
    "component": (*_IN_BLOCKS, *_STEPS),
    "module": (ast.Let, *_OF_FILES),
    "handle": (*_IN_BLOCKS, ast.Join, ast.Bind),
    "segment": (*_IN_BLOCKS, ast.Rule),
    "test": (*_IN_BLOCKS, ast.Check),
}
_AT_TOP: dict[str, tuple[type, ...]] = {"script": (*_OF_FILES, ast.Param, ast.Output), "component": (ast.Output,)}
_HOME: dict[Any, str] = {
    ast.Join: "in a handle",
    ast.Bind: "in a handle",
    ast.Rule: "in a segment",
    ast.Param: "at the top of a script",
    ast.Import: "at the top of a file",
    ast.TypeDef: "at the top of a file",
    ast.Fn: "at the top of a file",
    ast.Component: "at the top of a file",
    ast.Test: "at the top of a file",
    ast.Output: "at the top of a script or a component, not in a loop or condition",
    ast.Manifest: "alone in a file",
}
_WORDS: dict[Any, str] = {
    ast.Join: "join",
    ast.Bind: "bind",
    ast.Rule: "allow",
    ast.Param: "param",
    ast.Import: "import",
    ast.Output: "output",
    ast.Element: "create",
    ast.Segment: "create",
    ast.Handle: "handle",
    ast.Power: "start",
    ast.Wait: "wait",
    ast.Check: "assert",
    ast.TypeDef: "type",
    ast.Fn: "fn",
    ast.Component: "component",
    ast.Test: "test",
    ast.Manifest: "manifest",
}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECORATED = (ast.Element, ast.Segment, ast.Handle, ast.Power, ast.Wait)
_DECORATORS = ("protect", "retain", "was", "after", "fault")
MAX_STATEMENTS = 50_000
TEXTS = v.ListOf(v.STRING)
PLAN = v.RecordOf(
    tuple(
        v.FieldOf(name, type_, True, doc)
        for name, type_, doc in (
            ("creates", TEXTS, "addresses of what is made"),
            ("adopts", TEXTS, "addresses of what is taken over"),
            ("updates", TEXTS, "addresses of what is changed in place"),
            ("replaces", TEXTS, "addresses of what is made anew"),
            ("destroys", TEXTS, "addresses of what is removed or given up"),
            ("unchanged", TEXTS, "addresses of what stays as it is"),
            ("steps", TEXTS, "every operation in order, as `create storage logs`"),
            ("empty", v.BOOL, "whether nothing would be changed"),
        )
    )
)
"""What `plan` and `replan` are in a test."""


def imported(parsed: Parsed) -> Iterator[tuple[str, Span]]:
    """The modules that a file imports, as written, and where."""
    for base, statement in parsed.statements():
        node = statement.node
        if isinstance(node, ast.Import) and (path := literal(node.source)) is not None:
            yield path, node.source.span(base)


def check(
    parsed: Parsed, path: str, modules: Mapping[str, Program | Package | Unreadable], *, module: bool = False,
    root: str = "",
) -> Program:  # fmt: skip
    """Check one file. Never raises for what a user wrote; everything wrong is in the program's diagnostics.

    path: of the file from the project's root, with slashes; what it reads is relative to it.
    modules: by the path as the `import` writes it; all that `imported` names.
    module: whether the file is imported, and may hold declarations only. root: of a vendored package, its directory.
    """
    return _Checker(parsed, path, modules, module, root).run()


class _Checker(Components):
    def __init__(
        self, parsed: Parsed, path: str, modules: Mapping[str, Program | Package | Unreadable], module: bool, root: str
    ) -> None:
        super().__init__(parsed.source.name, path)
        self.root = root
        self.used_modules: dict[str, Program] = {}
        self.parsed = parsed
        self.text = parsed.source.text
        self.modules = modules
        self.module = module
        self.imports: dict[str, Import] = {}

    # ---- the file --------------------------------------------------------------------------------------------------

    def run(self) -> Program:
        statements = list(self.parsed.statements())
        if len(statements) == 1 and isinstance(statements[0][1].node, ast.Manifest):
            from vchlang.analysis.manifest import read_manifest  # few files are one

            self.out.add(read_manifest(self.parsed).diagnostics)
            statements = []
        if len(statements) > MAX_STATEMENTS:
            message = f"a file has no more than {MAX_STATEMENTS:,} statements at its top"
            self.base, first_over = statements[MAX_STATEMENTS]
            self.out.report(codes.LIMIT_SIZE, self.at(first_over), message, hint="split it into modules, or use `for`")
            self.parsed, statements = msgspec.structs.replace(self.parsed, chunks=()), []  # nothing in it is looked at
        for base, statement in statements:
            self.base = base
            self.declare_top(statement)
        for base, statement in statements:
            self.base = base
            if self.out.count > MAX_MISTAKES:
                message = f"there are more than {MAX_MISTAKES:,} mistakes above; from here on nothing is looked at"
                self.out.report(codes.LIMIT_SIZE, self.at(statement), message)
                break
            try:
                self.statement(statement, "module" if self.module else "script", top=True)
            except RecursionError:
                # Python's stack is the budget here; what was begun on it is given up, and the next statement is read.
                self.out.report(codes.LIMIT_DEPTH, self.at(statement), "this nests too deep to be checked")
                self.scopes, self.narrowed, self.context, self.resolving = [], [], self.script, []
                self.script.loops = 0
                begun: list[Symbol | TypeName | Component] = [*self.top.values(), *self.types.values()]
                for one in (*begun, *self.components.values()):
                    one.state = 2 if one.state == 1 else one.state
        with contextlib.suppress(RecursionError):  # what nests too deep has been reported
            check_branches(statements, self.text, self.out)
        if self.out.count <= MAX_MISTAKES:
            self.unused()
        return Program(
            path=self.path,
            parsed=self.parsed,
            symbols=self.top,
            imports=self.imports,
            modules=self.used_modules,
            root=self.root,
            reads=tuple(self.reads),
            diagnostics=self.out.freeze(),
            types=self.types,
            components=self.components,
            typed=self.typed,
            results={name: type_ for name, (type_, _) in self.script.results.items()},
        )

    def declare_top(self, statement: ast.Statement) -> None:
        node = statement.node
        match node:
            case ast.Param(declaration=declaration):
                self.declare(self.top, declaration.name, "param", v.ANY, node)
            case ast.Let(name=name):
                self.declare(self.top, name, "let", v.ANY, node)
            case ast.Fn(name=name):
                self.declare(self.top, name, "fn", v.ANY, node)
            case ast.TypeDef(name=name):
                self.declare_type(name, node)
            case ast.Component():
                self.declare_component(node, statement.doc)
            case ast.Import():
                self.declare_import(node)
            case ast.Broken(names=names):
                self.broken.update(names)
            case _:
                self.declare_elements(node, 0, False, ())

    def declare_type(self, name: ast.Word, node: ast.TypeDef) -> None:
        self.capital(name)
        self.enter_type(name, TypeName(name=name.text, type=v.ANY, base=self.base, node=node, span=self.at(name)))

    def capital(self, name: ast.Word) -> None:
        """Report a name of a type that begins like a value."""
        if not name.text[:1].isupper():
            capital = name.text[:1].upper() + name.text[1:]
            self.out.report(
                codes.BAD_NAME,
                self.at(name),
                f"`{name.text}` begins in lower case, as values do",
                hint=f"names of types begin with a capital: {capital}",
                fix=self.fix(name, (capital,)),
            )

    def enter_type(self, name: ast.Word, made: TypeName) -> None:
        known = self.types.get(name.text)
        maker = component_called(name.text)
        if known is not None:
            self.out.report(
                codes.DUPLICATE_NAME,
                self.at(name),
                f"the type `{name.text}` is declared already",
                labels=[(known.span, "first declared here")],
            )
        elif of_language(name.text):
            self.out.report(codes.DUPLICATE_NAME, self.at(name), f"`{name.text}` is a type of the language")
        elif maker in self.components:
            message = f"`{name.text}` is the type of the component `{maker}` already"
            labels = [(self.spans[maker], "first declared here")]
            self.out.report(codes.DUPLICATE_NAME, self.at(name), message, labels=labels)
            # Nobody knows which of them is meant by the name, so it fits everywhere.
            made.type, made.state, made.used = v.ANY, 2, True
            self.types[name.text] = made
        else:
            self.types[name.text] = made

    def declare_component(self, node: ast.Component, doc: str) -> None:
        name = node.name
        self.lower(name)
        made = Component(
            name=name.text,
            path=self.path,
            base=self.base,
            node=node,
            span=self.at(name),
            kind=NO_KIND,
            type=v.InstanceOf(name.text, self.path, ()),
            doc=doc,
        )
        self.enter_component(name, made)

    def enter_component(self, name: ast.Word, made: Component) -> None:
        known = self.components.get(name.text)
        if known is not None:
            labels = [(self.spans[name.text], "first declared here")]
            self.out.report(
                codes.DUPLICATE_NAME, self.at(name), f"the component `{name.text}` is declared already", labels=labels
            )
        elif name.text in KINDS:
            self.out.report(codes.DUPLICATE_NAME, self.at(name), f"`{name.text}` is a kind of the language")
        else:
            self.components[name.text] = made
            self.spans[name.text] = self.at(name)
            self.type_of_component(name)

    def type_of_component(self, name: ast.Word) -> None:
        """Report a component whose type has the name of another: what is a type is one set of names."""
        type_name = v.type_name(name.text)
        message = f"the component `{name.text}` has the type `{type_name}`, and that is "
        if (known := self.types.get(type_name)) is not None:
            known.used = True
            labels = [(known.span, "first declared here")]
            self.out.report(codes.DUPLICATE_NAME, self.at(name), message + "declared already", labels=labels)
        elif of_language(type_name):
            self.out.report(codes.DUPLICATE_NAME, self.at(name), message + "a type of the language")

    # ---- imports ---------------------------------------------------------------------------------------------------

    def declare_import(self, node: ast.Import) -> None:
        written = literal(node.source)
        target = self.modules.get(written) if written is not None else None
        if written is None:
            self.out.report(codes.UNKNOWN_MODULE, self.at(node.source), "the path of a module is a plain text")
        elif target is None or isinstance(target, Unreadable):
            problem = target or Unreadable(code="unknown-module", message=f"there is no module `{written}`")
            self.out.report(codes.CODES[problem.code], self.at(node.source), problem.message, hint=problem.hint or None)
        programs = (target,) if isinstance(target, Program) else target.programs if isinstance(target, Package) else ()
        self.used_modules.update({one.path: one for one in programs})
        for one in node.names:
            if programs:
                self.import_one(one, str(written), programs, node)
            else:  # whatever it is, a use of it is no mistake of its own
                self.broken.add((one.alias or one.name).text)

    def import_one(self, one: ast.Imported, written: str, programs: tuple[Program, ...], node: ast.Import) -> None:
        """A name may mean a value, a component and a type: the sets are apart, and all that there are come along."""
        name, local = one.name.text, one.alias or one.name
        hidden = name.startswith("_")
        having = [program for program in programs if name in exports(program)]
        for target in having[:1]:
            value, component, type_ = target.symbols.get(name), target.components.get(name), target.types.get(name)
            if value is not None and value.what in ("let", "fn"):
                self.imports[local.text] = Import(module=target.path, name=name)
                symbol = self.declare(self.top, local, "import", value.type, node)
                if symbol is not None:
                    symbol.signature, symbol.declared, symbol.late = value.signature, value.declared, value.late
            if component is not None and component.path == target.path:
                if value is None:
                    self.lower(local)
                self.enter_component(local, component)
            if type_ is not None and isinstance(type_.node, ast.TypeDef):
                self.capital(local)
                made = TypeName(
                    name=local.text, type=type_.type, base=self.base, node=node, span=self.at(local), state=2
                )
                self.enter_type(local, made)
        if len(having) > 1:
            files = " and ".join(program.path for program in having)
            self.out.report(
                codes.DUPLICATE_NAME, self.at(one.name), f"`{name}` is in several files of `{written}`: {files}"
            )
        if not having:
            self.broken.add(local.text)
            known = [name for program in programs for name in exports(program)]
            self.out.report(
                codes.NOT_EXPORTED,
                self.at(one.name),
                f"`{written}` has no `{name}`",
                hint=("names that begin with `_` stay in their module" if hidden else did_you_mean(name, known))
                or (f"it has {', '.join(known)}" if known else "it exports nothing"),
                fix=self.fix(one.name, known),
            )

    def unused(self) -> None:
        words = {"let": "value", "param": "parameter", "import": "import", "fn": "function"}
        kinds = {type(one.node) for _, one in self.parsed.statements()}
        # What only declares, functions or such among it, is there for others, whether they are known here or not.
        library = self.module or (kinds <= {ast.Let, *_OF_FILES} and bool(kinds & _FOR_OTHERS))
        for symbol in self.top.values():
            if symbol.used or symbol.name.startswith("_") or symbol.what not in words:
                continue
            also = self.components.get(symbol.name)  # one import may bring a function and a component
            brought = symbol.what == "import" and also is not None and id(also) in self.used_components
            if (library and symbol.what != "import") or brought:
                continue
            self.never_used(symbol.span, words[symbol.what], symbol.name)
        for name, component in self.components.items():
            if component.path != self.path and id(component) not in self.used_components and name not in self.top:
                self.never_used(self.spans[name], "import", name)
        for type_ in self.types.values():
            if not type_.used and not type_.name.startswith("_") and not library:
                word = "import" if isinstance(type_.node, ast.Import) else "type"
                self.never_used(type_.span, word, type_.name)

    # ---- statements ------------------------------------------------------------------------------------------------

    def statement(self, statement: ast.Statement, where: str, *, top: bool = False) -> None:
        node = statement.node
        kind = type(node)
        if kind is ast.Broken:
            self.not_read(node)
            return
        if not self.placed(node, where, top):
            self.not_read(node)
            return
        if statement.decorators:
            self.decorators(statement, where)
        _STATEMENTS[kind](self, node, where)

    def not_read(self, node: Any) -> None:
        """Take every word of a statement that is not checked for the use of a name."""
        self.unread.update(_WORD.findall(self.text, self.base + node.start, self.base + node.end))

    def placed(self, node: Any, where: str, top: bool) -> bool:
        kind = type(node)
        if kind in _ALLOWED[where] or (top and kind in _AT_TOP.get(where, ())):
            return True
        word = self.first_word(node)
        home = _HOME.get(kind)
        if home is None or (where == "module" and kind is ast.Param):
            home = {
                "module": "in a script or a component",
                "handle": "outside of handles",
                "segment": "outside of segments",
                "test": "outside of tests",
            }.get(where, "elsewhere")
        hint = "a module has imports, values, types, functions, components and tests" if where == "module" else None
        self.out.report(
            codes.MISPLACED,
            Span(self.base + node.start, self.base + node.start + len(word)),
            f"`{word}` stands {home}",
            hint=hint,
        )
        return False

    def first_word(self, node: Any) -> str:
        match node:
            case ast.Element(verb=word) | ast.Segment(verb=word) | ast.Power(switch=word):
                return word.text
            case ast.Check(when=word) | ast.Rule(action=word):
                return word.text
            case _:
                return _WORDS.get(type(node), type(node).__name__.lower())

    def decorators(self, statement: ast.Statement, where: str) -> None:
        node = statement.node
        seen: dict[str, Span] = {}
        for one in statement.decorators:
            name = one.name.text
            if name in seen and name != "after":
                labels = [(seen[name], "first here")]
                self.out.report(codes.DUPLICATE_FIELD, self.at(one), f"`@{name}` is written twice", labels=labels)
                continue
            seen[name] = self.at(one)
            if name not in _DECORATORS:
                from vchlang.analysis.habits import field_hint

                self.out.report(
                    codes.UNKNOWN_DECORATOR,
                    self.at(one.name),
                    f"no decorator `@{name}`",
                    hint=did_you_mean(name, _DECORATORS) or field_hint(name, "takes no"),
                    fix=self.fix(one.name, _DECORATORS),
                )
            elif name == "fault":
                self.fault(one, node)
            elif name == "after":
                if not isinstance(node, _DECORATED):
                    self.out.report(codes.MISPLACED, self.at(one), "`@after` stands before an element or a step")
                elif not one.args:
                    said = "`@after` names what comes first: `@after(logs)`"
                    self.out.report(codes.WRONG_ARGUMENTS, self.at(one), said)
                for arg in one.args or ():
                    found = self.infer(arg.value, None)
                    if found != v.ANY and not isinstance(opened(found), v.KindOf | v.InstanceOf):
                        self.wrong(arg.value, "`@after` takes", "an element", found)
            elif not isinstance(node, ast.Element | ast.Segment) or node.verb.text == "existing":
                self.out.report(codes.MISPLACED, self.at(one), f"`@{name}` stands before an element that is ours")
            elif name == "was":
                if (wrong := wrong_was(one)) is not None:
                    self.out.report(codes.BAD_RENAME, self.at(one), wrong)
                elif (text := was_text(one)) is not None:
                    self.late = None
                    self.value(text, v.STRING, "`@was`")
                    self.static(text, "an old address")
            elif one.args:
                self.out.report(codes.WRONG_ARGUMENTS, self.at(one), f"`@{name}` takes nothing in parentheses")

    def fault(self, one: ast.Decorator, node: Any) -> None:
        if not isinstance(node, ast.Test):
            self.out.report(codes.MISPLACED, self.at(one), "`@fault` stands before a test")
        args = one.args or ()
        step = literal(args[0].value) if len(args) == 1 and args[0].name and args[0].name.text == "after" else None
        if step is None:
            self.out.report(
                codes.WRONG_ARGUMENTS,
                self.at(one),
                "`@fault` takes the step after which the first apply breaks",
                hint='@fault(after: "create storage logs")',
            )

    def block(self, block: ast.Block, where: str) -> None:
        self.scopes.append({})
        for statement in block.statements:
            self.statement(statement, where)
        self.close()

    def close(self) -> None:
        """Leave a block; a `let` in it that nothing asks for is reported."""
        for symbol in self.scopes.pop().values():
            if symbol.what == "let" and not symbol.used and not symbol.name.startswith("_"):
                self.never_used(symbol.span, "value", symbol.name)

    def declared(self, node: Any, where: str) -> None:
        """Done when names were declared."""

    def param(self, node: ast.Param, where: str) -> None:
        symbol = self.top.get(node.declaration.name.text)
        if symbol is not None and symbol.node is node:
            self.resolve(symbol)

    def fn_(self, node: ast.Fn, where: str) -> None:
        symbol = self.top.get(node.name.text)
        if symbol is not None and symbol.node is node:
            self.resolve(symbol)

    def type_(self, node: ast.TypeDef, where: str) -> None:
        name = self.types.get(node.name.text)
        if name is not None and name.node is node:
            used = name.used
            self.declared_type(node.name.text)
            name.used = used

    def component_(self, node: ast.Component, where: str) -> None:
        component = self.components.get(node.name.text)
        if component is not None and component.node is node:
            self.component_type(component)

    def let(self, node: ast.Let, where: str) -> None:
        names = self.scopes[-1] if self.scopes else self.context.names
        if self.scopes:
            type_ = self.let_type(node)
            late, self.late = self.late, None
            symbol = self.declare(names, node.name, "let", v.plain(type_), node)
            if symbol is not None:
                symbol.declared = type_
                symbol.state = 2
                symbol.late = late is not None
        else:
            symbol = names.get(node.name.text)
            if symbol is not None and symbol.node is node:
                self.resolve(symbol)

    def output(self, node: ast.Output, where: str) -> None:
        outputs = self.context.outputs
        if (first := outputs.get(node.name.text)) is not None:
            self.out.report(
                codes.DUPLICATE_NAME,
                self.at(node.name),
                f"the output `{node.name.text}` is declared already",
                labels=[(first, "first declared here")],
            )
        outputs.setdefault(node.name.text, self.at(node.name))
        wanted = self.type(node.type) if node.type is not None else None
        if wanted is not None:
            self.typed[id(node)] = wanted
        self.late = None
        found = self.sized(self.value(node.value, wanted, f"`{node.name.text}`"), node.name)
        self.context.results.setdefault(node.name.text, (wanted or found, self.late is not None))
        self.late = None
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
            symbol = self.declare(scope, name, "loop", type_, node)
            if symbol is not None:
                symbol.position = len(node.names) == 2 and name is node.names[0] and self.positional
        self.context.loops += 1
        for statement in node.body.statements:
            self.statement(statement, where)
        self.context.loops -= 1
        self.close()

    def if_(self, node: ast.If, where: str) -> None:
        self.condition(node.condition)
        self.narrowed.append(learnt(node.condition) + self.there_in(id(node), 0))
        self.block(node.then, where)
        self.narrowed[-1] = learnt(node.condition, False) + self.there_in(id(node), 1)
        if isinstance(node.otherwise, ast.If):
            self.if_(node.otherwise, where)
        elif node.otherwise is not None:
            self.block(node.otherwise, where)
        self.narrowed.pop()

    def there_in(self, node: int, branch: int) -> list[Learnt]:
        """What is known in a branch of an `if` of the elements that stand in it: that they are there."""
        here = (node, branch)
        branches = self.context.branches.items()
        return [(name, "null", False) for name, all_ in branches if any(one[-1:] == (here,) for one in all_)]

    def check(self, node: ast.Check, where: str) -> None:
        if node.when.text == "verify":
            self.verify(node)
        else:
            self.condition(node.condition, "an assert")
        if node.message is not None:
            self.value(node.message, v.STRING, "the message")
            self.late = None

    def verify(self, node: ast.Check) -> None:
        """A condition that is asked after apply: it may read what only apply knows, and probe."""
        self.probing = True
        found = self.infer(node.condition, v.BOOL)
        self.probing = False
        self.late = None
        if isinstance(opened(found), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node.condition), "a verify would tell of a secret")
        elif found not in (v.BOOL, v.ANY):
            self.wrong(node.condition, "a verify is", "true or false", found)

    def test(self, node: ast.Test, where: str) -> None:
        params = {name: one for name, one in self.top.items() if one.what == "param"}
        for entry in node.params.entries if node.params is not None else ():
            if isinstance(entry, ast.Spread):
                self.wrong(entry.value, "`with` takes", "parameters by name", self.infer(entry.value, v.ANY))
                continue
            symbol = params.get(entry.name.text)
            if symbol is None:
                self.out.report(
                    codes.UNKNOWN_PARAMETER,
                    self.at(entry.name),
                    f"the script has no parameter `{entry.name.text}`",
                    hint=did_you_mean(entry.name.text, params),
                    fix=self.fix(entry.name, params),
                )
                self.infer(entry.value, v.ANY)
                continue
            self.resolve(symbol)
            wanted = opened(symbol.declared or v.ANY)
            wanted = wanted.inner if isinstance(wanted, v.SecretOf) else symbol.declared or v.ANY
            self.late = None
            self.value(entry.value, wanted, f"`{entry.name.text}`")
            self.static(entry.value, "a parameter")
        scope: dict[str, Symbol] = {}
        outputs = v.RecordOf(
            tuple(
                v.FieldOf(one.node.name.text, self.output_type(one.node, base), True)
                for base, one in self.parsed.statements()
                if isinstance(one.node, ast.Output)
            )
        )
        for name, type_ in (("plan", PLAN), ("replan", PLAN), ("outputs", outputs), ("errors", TEXTS)):
            word = ast.Word(node.start, node.end, name)
            scope[name] = Symbol(
                name=name, what="loop", type=type_, base=self.base, node=node, span=self.at(word), state=2, used=True
            )
        self.scopes.append(scope)
        self.block(node.body, "test")
        self.scopes.pop()

    def output_type(self, node: ast.Output, base: int) -> v.Type:
        """The type of an output, quietly: what is wrong with it is reported where it stands."""
        found = self.script.results.get(node.name.text)
        if found is not None:
            return v.plain(found[0])
        saved, self.base = self.base, base
        report, self.out = self.out, Report(self.out.source)
        type_ = self.type(node.type) if node.type is not None else self.infer(node.value, None)
        self.base, self.out, self.late = saved, report, None
        return v.plain(type_)


def of_language(type_name: str) -> bool:
    """Whether a name of a type is one that every script has."""
    return type_name in v.NAMED_TYPES or type_name in ("Secret", "Map") or type_name.lower() in KINDS


def exports(program: Program) -> list[str]:
    """What a module lets others import, in the order declared."""
    out = [name for name, one in program.symbols.items() if one.what in ("let", "fn")]
    out += [name for name, one in program.components.items() if one.path == program.path]
    out += [name for name, one in program.types.items() if isinstance(one.node, ast.TypeDef)]
    return [one for one in dict.fromkeys(out) if not one.startswith("_")]


_STATEMENTS: dict[type, Callable[[_Checker, Any, str], None]] = {
    ast.Import: _Checker.declared,
    ast.Param: _Checker.param,
    ast.TypeDef: _Checker.type_,
    ast.Fn: _Checker.fn_,
    ast.Component: _Checker.component_,
    ast.Let: _Checker.let,
    ast.Output: _Checker.output,
    ast.For: _Checker.for_,
    ast.If: _Checker.if_,
    ast.Check: _Checker.check,
    ast.Test: _Checker.test,
    ast.Element: _Checker.element,
    ast.Segment: _Checker.segment,
    ast.Rule: _Checker.rule,
    ast.Handle: _Checker.handle,
    ast.Join: _Checker.join,
    ast.Bind: _Checker.bind,
    ast.Power: _Checker.power,
    ast.Wait: _Checker.wait,
}
