"""Tests of a script: what a `test` block sets, and what of it is asked before an apply and what after.

A test's body is read twice. Before: each `assert` is worked out with the plan, the outputs as far as they are known,
and the codes of all errors. After an apply, which happens only for a `verify`: each `verify`, with the real outputs and
the plan that came next; what it asks of the world is left over, as a `verify` of a script leaves it.

All of it is pure: who runs tests hands in the plans and asks the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.evaluate import Evaluator
from vchlang.analysis.express import name_loop
from vchlang.analysis.fit import literal
from vchlang.analysis.program import Given, Inputs, Parameters, Program, VerifyDecl
from vchlang.analysis.scopes import MAX_STEPS, Limit, Scope
from vchlang.diagnostics import Diagnostic, Report, Severity
from vchlang.syntax import ast
from vchlang.text import Span


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One test block. base, node, span: where it is, with its decorators; head: its name.

    fault: the step after which the first apply breaks; empty without one. applies: whether there is anything to apply
    for. expects_errors: whether an assert speaks of `errors`.
    """

    name: str
    base: int
    node: ast.Test
    span: Span
    head: Span
    fault: str = ""
    applies: bool = False
    expects_errors: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a test sets: parameters, and secrets as texts or records of texts."""

    given: dict[str, Given]
    secrets: dict[str, Any]
    diagnostics: tuple[Diagnostic, ...] = ()


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a body: what does not hold, and the verifies that are left to ask."""

    diagnostics: tuple[Diagnostic, ...]
    verifies: tuple[VerifyDecl, ...] = ()


def trials_of(program: Program) -> tuple[Trial, ...]:
    """The tests of one file, in the order written."""
    out: list[Trial] = []
    for base, statement in program.parsed.statements():
        node = statement.node
        if isinstance(node, ast.Test):
            faults = [one.args[0].value for one in statement.decorators if one.name.text == "fault" and one.args]
            fault = literal(faults[0]) or "" if faults else ""
            checks = list(_checks(node.body))
            asserted = [one.condition for one in checks if one.when.text == "assert"]
            out.append(
                Trial(
                    name=literal(node.name) or "",
                    base=base,
                    node=node,
                    span=Span(base + statement.start, base + statement.end),
                    head=node.name.span(base),
                    fault=fault,
                    applies=bool(fault) or any(one.when.text == "verify" for one in checks),
                    expects_errors=any(_mentions(one, "errors") for one in asserted),
                )
            )
    return tuple(out)


def without_tests(program: Program) -> tuple[Program, dict[int, tuple[Diagnostic, ...]]]:
    """A program as if its tests were not there, and what is wrong in each test, by its base.

    A mistake in one test would else keep the others from being worked out.
    """
    trials = trials_of(program)
    source = program.parsed.source.name
    every = [one for one in (*program.parsed.diagnostics, *program.diagnostics) if one.severity is Severity.ERROR]
    wrong = {trial.base: tuple(one for one in every if _is_in(one, source, trial)) for trial in trials}
    kept = tuple(one for one in program.diagnostics if not any(_is_in(one, source, trial) for trial in trials))
    return msgspec.structs.replace(program, diagnostics=kept), wrong


def outside_tests(program: Program, found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Those diagnostics that are not about a test of this file."""
    source, trials = program.parsed.source.name, trials_of(program)
    return tuple(one for one in found if not any(_is_in(one, source, trial) for trial in trials))


def _is_in(one: Diagnostic, source: str, trial: Trial) -> bool:
    return one.source == source and trial.span.start <= one.span.start and one.span.end <= trial.span.end


def settings(program: Program, trial: Trial, inputs: Inputs) -> Settings:
    """Work out what the `with` of a test sets. `null` is as if it were not written."""
    trying = _Trying(program, Parameters(unknown=True), inputs, trial)
    given: dict[str, Given] = {}
    secrets: dict[str, Any] = {}
    trying.open()
    entries = trial.node.params.entries if trial.node.params is not None else ()
    for entry in entries:
        if isinstance(entry, ast.Spread):
            continue  # the checker has refused it
        name = entry.name.text
        symbol = program.symbols.get(name)
        value = trying.quiet(entry.value, trying.main.top)
        if symbol is None or value is None:
            continue
        if isinstance(value, v.Unknown) or any(isinstance(one, v.Unknown) for one in v.leaves(value)):
            trying.report(codes.NOT_STATIC, entry.value, "a test sets what is known; this is not")
            continue
        type_ = symbol.type.inner if isinstance(symbol.type, v.Optional) else symbol.type
        if isinstance(type_, v.SecretOf):
            secrets[name] = value
        else:
            given[name] = Given(origin=f"the test {v.quoted(trial.name)}", value=value, made=True)
    return Settings(given=given, secrets=secrets, diagnostics=trying.found())


def before(
    program: Program, parameters: Parameters, inputs: Inputs, trial: Trial, plan: dict[str, Any], errors: list[str]
) -> Expected:
    """What the asserts of a test say. plan: as `plan` is in a test. errors: the codes of all errors, by place."""
    trying = _Trying(program, parameters, inputs, trial)
    outputs = {one.name: one.value for one in trying.run().outputs}
    trying.open()
    names = {"plan": plan, "errors": errors, "outputs": outputs}
    trying.ask_body("assert", names, failed=bool(errors))
    return Expected(diagnostics=trying.found())


def after(program: Program, parameters: Parameters, inputs: Inputs, trial: Trial, names: dict[str, Any]) -> Expected:
    """What the verifies of a test say once everything is applied. names: `plan`, `replan`, `outputs` and `errors`."""
    trying = _Trying(program, parameters, inputs, trial)
    trying.run()
    trying.open()
    trying.carrying = True
    trying.ask_body("verify", names, failed=False)
    return Expected(diagnostics=trying.found(), verifies=tuple(trying.verifies))


class _Trying(Evaluator):
    """Works out a test's body with the names of the script and those of the test."""

    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs, trial: Trial) -> None:
        super().__init__(program, parameters, inputs)
        self.trial = trial
        self.verifies: list[VerifyDecl] = []
        self.failed = False

    def open(self) -> None:
        """Forget what was found in the script, which others report, and go to the test."""
        for module in self.modules.values():
            module.out = Report(module.program.parsed.source.name)
        self.steps, self.depth = MAX_STEPS, 0
        self.place = self.main, self.trial.base, self.main.top.frame

    def found(self) -> tuple[Diagnostic, ...]:
        out = [one for module in self.modules.values() for one in module.out.freeze()]
        return tuple(one for one in out if one.severity is Severity.ERROR)

    def ask_body(self, word: str, names: dict[str, Any], *, failed: bool) -> None:
        self.failed = failed
        scope = Scope(self.main.top, self.main)
        scope.values.update(names)
        try:
            self.block(self.trial.node.body, scope, word)
        except Limit:
            pass
        except RecursionError:
            self.report(codes.LIMIT_DEPTH, self.trial.node.name, "this nests too deep to be worked out")

    def block(self, block: ast.Block, outer: Scope, word: str) -> None:
        scope = Scope(outer, outer.module)
        for statement in block.statements:
            node = statement.node
            match node:
                case ast.Let(name=name):
                    scope.lazy[name.text] = (node, self.base)
                case ast.For():
                    self.loop(node, scope, word)
                case ast.If():
                    self.branched(node, scope, word)
                case ast.Check() if node.when.text == word:
                    if word == "assert":
                        self.one_assert(node, scope)
                    elif (left := self.verify(node, scope)) is not None:
                        self.verifies.append(left)
                case _:
                    pass

    def loop(self, node: ast.For, scope: Scope, word: str) -> None:
        over = self.quiet(node.source, scope)
        if isinstance(over, v.Unknown):
            self.too_early(node.source, node.body, word)
            return
        for pair in self.pairs_of(over, node.source):
            self.turn(node.source)
            inner = Scope(scope, scope.module)
            name_loop(inner, node.names, pair)
            self.block(node.body, inner, word)

    def branched(self, node: ast.If, scope: Scope, word: str) -> None:
        holds = self.quiet(node.condition, scope)
        if not isinstance(holds, bool):
            self.too_early(node.condition, node, word)
        elif holds:
            self.block(node.then, scope, word)
        elif isinstance(node.otherwise, ast.If):
            self.branched(node.otherwise, scope, word)
        elif node.otherwise is not None:
            self.block(node.otherwise, scope, word)

    def too_early(self, node: Any, body: Any, word: str) -> None:
        """Report what decides about an assert in `body` and is not known when asserts are asked."""
        if any(one.when.text == word for one in _checks(body)):
            self.not_known(node)

    def not_known(self, node: Any) -> None:
        """Report what cannot be decided, unless a mistake in it was reported."""
        span = self.span(node)
        if any(span.start <= one.span.start <= span.end for one in self.module.out.freeze()):
            return
        if self.failed:
            message, hint = "nobody can tell: the script has errors, so there is no plan", "ask for `errors` first"
        else:
            message = "an assert is asked before the apply, and only apply knows this"
            hint = "write `verify`: the test then carries the plan out and asks afterwards"
        self.report(codes.NOT_STATIC, node, message, hint=hint)

    def one_assert(self, node: ast.Check, scope: Scope) -> None:
        holds = self.quiet(node.condition, scope)
        if holds is False:
            said = self.quiet(node.message, scope) if node.message is not None else None
            message = said if isinstance(said, str) else "this does not hold"
            self.report(codes.ASSERT_FAILED, node.condition, message, found=self.told(node.condition, scope))
        elif holds is not True:
            self.not_known(node.condition)


def _checks(node: Any) -> Iterator[ast.Check]:
    """The asserts and verifies in a block, or in an `if`."""
    match node:
        case ast.Block(statements=statements):
            for one in statements:
                yield from _checks(one.node)
        case ast.For(body=body):
            yield from _checks(body)
        case ast.If(then=then, otherwise=otherwise):
            yield from _checks(then)
            yield from _checks(otherwise)
        case ast.Check():
            yield node
        case _:
            return


def _mentions(node: Any, name: str) -> bool:
    """Whether an expression uses a name."""
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, tuple):
            todo += one
        elif isinstance(one, ast.Name) and one.text == name:
            return True
        elif isinstance(one, ast.Node):
            todo += [getattr(one, field) for field in one.__struct_fields__[2:]]
    return False
