"""Expressions worked out, within a budget: literals, lists and maps, members, calls.

What is not known gives an unknown, what is secret stays secret, and what the checker has reported is an unknown too.
A mistake of a value is reported at its place and raised as `Known`, which the nearest statement or field catches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.budget import WEIGHED
from vchlang.analysis.builtins import BUILTINS, Misfit, Mistake, work
from vchlang.analysis.builtins.table import shortened
from vchlang.analysis.fit import divided, read_of, split_number
from vchlang.analysis.later import Held, Later
from vchlang.analysis.program import Symbol, Unreadable
from vchlang.analysis.scopes import MAX_DEPTH, MAX_ITEMS, MAX_STEPS, MAX_TEXT, NOTHING, Argument, Known, Module, Scope
from vchlang.diagnostics import did_you_mean, has_errors
from vchlang.kinds.schema import KINDS
from vchlang.syntax import ast


class Expressions(Later):
    """Values of expressions, within the names of one program and its modules.

    guessing: whether what a component is given is made up, so that what is not known is nobody's mistake.
    """

    guessing = False

    def quiet(self, node: Any, scope: Scope) -> Any:
        """The value of an expression; NOTHING where a mistake in it was reported."""
        depth = self.depth
        try:
            return self.eval(node, scope)
        except Known:
            self.depth = depth
            return NOTHING

    def pairs_of(self, over: Any, source: Any) -> Iterable[tuple[Any, Any]]:
        """Key and value of each turn of a loop; of a list and a range, the position and the value."""
        if isinstance(over, v.Range):
            if type(over.low) is not int or type(over.high) is not int:
                return []
            if over.high - over.low >= min(MAX_ITEMS, self.steps):
                self.limit(codes.LIMIT_STEPS, source, f"a loop over {v.show(over)} is longer than the budget")
            return enumerate(range(over.low, over.high + 1))
        if isinstance(over, dict):
            return list(over.items())
        if isinstance(over, list):
            return enumerate(over)
        self.settled(over, source, "how often a loop turns")
        return []

    def settled(self, value: Any, node: Any, what: str) -> None:
        """Report what must be known before anything is planned and is not: it came through a call or a parameter."""
        if self.asking or self.program.has_errors:
            return  # the checker has said it, where the text alone tells
        if isinstance(value, v.Secret) or (isinstance(value, v.Template) and value.secret):
            self.report(codes.SECRET_SINK, node, f"{what} would tell of a secret")
        elif isinstance(value, v.Template | v.Unknown) and (
            isinstance(value, v.Template) or value.address or self.all_given()
        ):
            message = f"{what} must be known before anything is planned; this is known only after apply"
            self.report(codes.NOT_STATIC, node, message)

    def all_given(self) -> bool:
        """Whether what is not known can only be worked out from facts: all is given, read, and free of mistakes."""
        if self.guessing or self.parameters.unknown or self.missing:
            return False
        return not any(has_errors(module.out.freeze()) for module in self.modules.values())

    def key(self, node: Any, scope: Scope) -> str | None:
        value = self.eval(node, scope)
        if isinstance(value, str):
            return value
        self.settled(value, node, "a key")
        return str(value) if type(value) is int else None

    def eval(self, node: Any, scope: Scope) -> Any:
        self.steps -= 1
        if self.steps < 0:
            self.limit(codes.LIMIT_STEPS, node, f"working this out takes more than {MAX_STEPS:,} steps")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth = 0
            self.limit(codes.LIMIT_DEPTH, node, f"this nests deeper than {MAX_DEPTH}")
        if self.later and (known := self.later.get((id(node), id(scope)))) is not None:
            value = known.value
        else:
            value = _EVAL[type(node)](self, node, scope)
            if type(value) in WEIGHED:
                self.weigh(value, node)
            elif value is NOTHING and self.carrying:
                value = self.for_later(node, scope)
        self.depth -= 1
        return value

    def name(self, node: ast.Name, scope: Scope) -> Any:
        return self.lookup(node.text, scope)

    def number(self, node: ast.Number, scope: Scope) -> Any:
        digits, unit = split_number(node.text)
        digits = digits.replace("_", "")
        if len(digits) > 40:
            raise self.mistake(codes.OVERFLOW, node, "a number has 64 bits")
        if not unit:
            return float(digits) if "." in digits else self.whole(int(digits), node)
        known = v.UNIT_TABLE.get(unit)
        if known is None:
            return NOTHING
        cls, factor = known
        if "." in digits:
            before, after = digits.split(".")
            exact = int(before + after) * factor
            if exact % 10 ** len(after):
                raise self.mistake(codes.INEXACT, node, f"`{node.text}` is no whole number of the smallest unit")
            number = exact // 10 ** len(after)
        else:
            number = int(digits) * factor
        return cls(self.whole(number, node))

    def text(self, node: ast.Text, scope: Scope) -> Any:
        parts = node.parts
        if len(parts) == 1 and isinstance(parts[0], str):
            return parts[0]
        out: list[Any] = []
        plain = True
        for part in parts:
            value = part if isinstance(part, str) else self.eval(part, scope)
            if isinstance(value, v.Template):
                out += value.parts
                plain = False
            elif isinstance(value, v.Unknown | v.Secret):
                if isinstance(value, v.Unknown) and not value.address:
                    return NOTHING
                out.append(value)
                plain = False
            elif isinstance(value, str):
                out.append(value)
            else:
                self.steps -= self.weight(value)
                out.append(v.show(value))
        if plain:
            if sum(map(len, out)) > MAX_TEXT:
                self.limit(codes.LIMIT_SIZE, node, "a text is larger than 16 MiB")
            return "".join(out)
        return v.Template(_merged(out))

    def constant(self, node: ast.Bool, scope: Scope) -> Any:
        return node.value

    def null(self, node: ast.Null, scope: Scope) -> Any:
        return None

    def variant(self, node: ast.Variant, scope: Scope) -> Any:
        return v.VariantValue(node.name)

    def record(self, node: ast.Record, scope: Scope) -> Any:
        out: dict[str, Any] = {}
        for entry in node.entries:
            if isinstance(entry, ast.Spread):
                brought = self.eval(entry.value, scope)
                if not isinstance(brought, dict):
                    return NOTHING
                out.update(brought)
            else:
                out[entry.name.text] = self.eval(entry.value, scope)
        return out

    def list_(self, node: ast.ListExpr, scope: Scope) -> Any:
        out: list[Any] = []
        for entry in node.items:
            if isinstance(entry, ast.Spread):
                brought = self.eval(entry.value, scope)
                if not isinstance(brought, list):
                    return NOTHING
                out += brought
            else:
                out.append(self.eval(entry, scope))
            if len(out) > MAX_ITEMS:
                self.limit(codes.LIMIT_SIZE, node, f"a list has more than {MAX_ITEMS:,} values")
        return out

    def turns(self, each: ast.Each, scope: Scope) -> Iterator[Scope | None]:
        """The scope of each turn of a comprehension; None where it is not known how it goes on."""
        over = self.eval(each.source, scope)
        if isinstance(over, v.Unknown):
            self.settled(over, each.source, "a loop")
            yield None
        for pair in self.pairs_of(over, each.source):
            self.steps -= 1
            inner = Scope(scope, scope.module)
            name_loop(inner, each.names, pair)
            holds = True if each.condition is None else self.eval(each.condition, inner)
            if not isinstance(holds, bool):
                yield None
            if holds:
                yield inner

    def list_for(self, node: ast.ListFor, scope: Scope) -> Any:
        out: list[Any] = []
        for inner in self.turns(node.each, scope):
            if inner is None:
                return NOTHING
            out.append(self.eval(node.value, inner))
        return out

    def map_for(self, node: ast.MapFor, scope: Scope) -> Any:
        out: dict[str, Any] = {}
        for inner in self.turns(node.each, scope):
            if inner is None:
                return NOTHING
            key = self.key(node.key, inner)
            if key is None:
                return NOTHING
            if key.startswith("$"):
                raise self.mistake(codes.BAD_TEXT, node.key, "a key does not begin with `$`")
            if key in out:
                raise self.mistake(codes.DUPLICATE_FIELD, node.key, f"two values have the key {v.brief(key)}")
            out[key] = self.eval(node.value, inner)
        return out

    def member(self, node: ast.Member, scope: Scope) -> Any:
        target = self.eval(node.target, scope)
        name = node.name.text
        match target:
            case v.ElementRef(kind=kind, address=address):
                fact = KINDS[kind].facts.get(name)
                return v.Unknown(fact.type, address, name) if fact is not None else NOTHING
            case v.InstanceRef(address=address):
                return self.output_of(address, name)
            case v.Secret():
                value = target.value.get(name) if isinstance(target.value, dict) else None
                return v.Secret((*target.origin, name), value, known=target.known)
            case dict():
                return target.get(name, NOTHING)
            case _:
                return NOTHING

    def index(self, node: ast.Index, scope: Scope) -> Any:
        target = self.eval(node.target, scope)
        key = self.eval(node.key, scope)
        if isinstance(target, list) and type(key) is int:
            if not 0 <= key < len(target):
                raise self.mistake(codes.BAD_INDEX, node.key, f"the list has {len(target)} values, and no number {key}")
            return target[key]
        if isinstance(target, dict) and isinstance(key, str | int):
            if str(key) not in target:
                hint = did_you_mean(str(key), target) or (f"it has {_some_of(target)}" if target else None)
                raise self.mistake(codes.BAD_INDEX, node.key, f"there is no key {v.brief(str(key))}", hint)
            return target[str(key)]
        return NOTHING

    def call(self, node: ast.Call, scope: Scope) -> Any:
        callee = node.callee
        if isinstance(callee, ast.Variant):
            fields: dict[str, Any] = {}
            for position, arg in enumerate(node.args):
                fields[arg.name.text if arg.name else str(position)] = self.eval(arg.value, scope)
            return v.VariantValue(callee.name, fields)
        if isinstance(callee, ast.Member):
            target = self.eval(callee.target, scope)
            if isinstance(target, v.ElementRef):
                return self.called_fact(node, callee, target)
            return NOTHING
        if isinstance(callee, ast.Name) and not self.is_bound(callee.text, scope):
            if callee.text in BUILTINS:
                return self.builtin(node, callee.text, scope)
            if callee.text == "reachable":
                return self.reachable(node, scope)
        run = self.eval(callee, scope)
        if isinstance(run, Function):
            return self.call_function(run, node, scope)
        if callable(run):
            return run(*[self.eval(arg.value, scope) for arg in node.args])
        return NOTHING

    def reachable(self, node: ast.Call, scope: Scope) -> Any:
        """Whether the rules of the segments let a connection through; known when all elements are."""
        return NOTHING

    # ---- functions of the script -----------------------------------------------------------------------------------

    def function(self, name: str, module: Module) -> Any:
        symbol = module.program.symbols[name]
        return Function(self, module, symbol) if symbol.signature is not None else NOTHING

    def call_function(self, function: Function, node: ast.Call, scope: Scope) -> Any:
        params = function.signature.params
        self.spend(len(params), node)
        given: dict[str, Any] = {}
        nodes: dict[str, Any] = {}
        for position, arg in enumerate(node.args):
            value = self.eval(arg.value, scope)
            name = arg.name.text if arg.name else params[position].name if position < len(params) else ""
            given[name], nodes[name] = value, arg.value
        return self.apply(function, given, nodes, node)

    def apply(self, function: Function, given: dict[str, Any], nodes: dict[str, Any], node: Any) -> Any:
        """What a function gives. given: by parameter; nodes: where each stands, else at `node`."""
        symbol, module = function.symbol, function.module
        if (function.module, symbol.name) in self.calling:
            return NOTHING  # it calls itself, and the checker has printed the ring
        scope = Scope(module.top, module)
        home = module, symbol.base, module.top.frame
        place = self.place
        params = function.signature.params
        if any(one.required and one.name not in given for one in params):
            return NOTHING  # the checker has said it
        # A default or a constraint may use any other parameter, so what is given comes first.
        for field in params:
            value = given.get(field.name)
            if value is None and field.default is not None:
                scope.lazy[field.name] = Argument(field, symbol.base, None, (), scope, place, node)
            else:
                at = nodes.get(field.name, node)
                scope.values[field.name] = self.fit(value, field.type, at) if value is not None else None
        for field in params:
            if field.name not in scope.values:
                self.lazy(field.name, scope)
            elif field.where is not None and field.name not in scope.lazy:
                self.constrained(field, scope, nodes.get(field.name, node))
        self.calling.append((module, symbol.name))
        self.place = home
        try:
            value = self.eval(symbol.node.body, scope)
            type_ = module.program.typed.get(id(symbol.node))
            return value if type_ is None else self.fit(value, type_, symbol.node.body)
        finally:
            self.place = place
            self.calling.pop()

    def called_fact(self, node: ast.Call, callee: ast.Member, target: v.ElementRef) -> Any:
        fact = KINDS[target.kind].facts.get(callee.name.text)
        role = node.args[0].value.name if node.args and isinstance(node.args[0].value, ast.Variant) else None
        if fact is None or not fact.roles or role is None:
            return NOTHING
        self.roles.append((target.address, role, self.where(node.args[0].value)))
        return v.Unknown(fact.type, target.address, fact.name, (role,))

    def builtin(self, node: ast.Call, name: str, scope: Scope) -> Any:
        builtin = BUILTINS[name]
        if name in ("floor", "ceil") and (quotient := divided(node)) is not None:
            left, right = self.eval(quotient.left, scope), self.eval(quotient.right, scope)
            if type(left) in v.UNIT_TYPES and type(right) is int and right:
                return type(left)(int(left) // right if name == "floor" else -(-int(left) // right))
        args = [self.eval(arg.value, scope) for arg in node.args]
        args = [one.at(arg.value) if type(one) is Function else one for one, arg in zip(args, node.args, strict=True)]
        if any(isinstance(one, v.Unknown | v.Template) for one in args):
            return self.untold(node, f"`{name}`", *args)
        if name == "len" and len(args) == 1 and isinstance(args[0], v.Secret) and args[0].known:
            args = [args[0].value]
        if any(isinstance(one, v.Secret) for one in args):
            return NOTHING if name == "len" else self.untold(node, f"`{name}`", *args)  # nobody knows how long it is
        if builtin.reads:
            return self.probe(name, args) if builtin.probe else self.read(node, name, args, scope)
        least = len(builtin.params) - builtin.optional
        if not least <= len(args) or (len(args) > len(builtin.params) and not builtin.variadic):
            return NOTHING
        if not builtin.shape and any(self.is_open(one) for one in args):
            return self.untold(node, f"`{name}`", *args)  # the result depends on the values, and one is not known
        # Half a step for each part of an argument that a function looks into; `work` counts the length alone.
        looked = 0 if builtin.shape else sum(self.weight(one) for one in args) >> 1
        self.spend(work(args) + looked + _PER_CALL.get(builtin.group, 2), node)
        unsure: list[Any] = []
        args = [_watched(one, unsure, self.is_open) if callable(one) else one for one in args]
        try:
            value = builtin.run(*args)
        except Mistake as problem:
            if self.was_reported(node, scope):
                return NOTHING
            raise self.mistake(codes.CODES[problem.code], _blamed(node, args, problem), problem.message) from None
        except Misfit as problem:
            if self.was_reported(node, scope):
                return NOTHING
            raise self.mistake(codes.CODES[problem.code], node, problem.message) from None
        except OverflowError:
            raise self.mistake(codes.OVERFLOW, node, "the result does not fit in 64 bits") from None
        except (TypeError, ValueError, AttributeError, LookupError):
            return NOTHING  # arguments of a type that the checker has refused
        if unsure and not builtin.passes:
            return self.untold(node, f"`{name}`", *unsure)
        if isinstance(value, int) and not isinstance(value, bool):
            self.whole(int(value), node)
        if isinstance(value, str) and len(value) > MAX_TEXT:
            self.limit(codes.LIMIT_SIZE, node, "a text is larger than 16 MiB")
        return value

    def was_reported(self, node: Any, scope: Scope) -> bool:
        """Whether the checker has said what is wrong in this call: its arguments are then of no use."""
        span = self.span(node)
        return any(
            one.severity == "error" and span.start <= one.span.start and one.span.end <= span.end
            for one in scope.module.program.diagnostics
        )

    def probe(self, name: str, args: list[Any]) -> Any:
        """What the world answers; before an apply nobody knows."""
        return NOTHING

    def read(self, node: ast.Call, kind: str, args: list[Any], scope: Scope) -> Any:
        if len(args) != 1 or not isinstance(args[0], str):
            return NOTHING
        wanted = read_of(kind, args[0], scope.module.program.path)
        root = scope.module.program.root
        if root and (kind == "env" or not (wanted.name + "/").startswith(root + "/")):
            outside = "no variable of the environment" if kind == "env" else "nothing outside of itself"
            hint = "let the package take it as a parameter"
            message = f"a package of others reads {outside}"
            raise self.mistake(codes.OUTSIDE_PROJECT, node.args[0].value, message, hint)
        if wanted not in self.inputs:
            self.missing[wanted] = None
            return NOTHING
        found = self.inputs[wanted]
        if isinstance(found, Unreadable):
            raise self.mistake(codes.CODES[found.code], node.args[0].value, found.message, found.hint or None)
        return found

    def lambda_(self, node: ast.Lambda, scope: Scope) -> Any:
        names = [one.text for one in node.params]

        def run(*args: Any) -> Any:
            self.steps -= 2
            inner = Scope(scope, scope.module)
            inner.values.update(zip(names, args, strict=False))
            return self.eval(node.body, inner)

        return run

    def group(self, node: ast.Group, scope: Scope) -> Any:
        return self.eval(node.inner, scope)

    def held(self, node: Held, scope: Scope) -> Any:
        return node.value


class Function:
    """A function of a script, as a value: other functions may call it."""

    __slots__ = ("evaluation", "module", "node", "signature", "symbol")

    def __init__(self, evaluation: Expressions, module: Module, symbol: Symbol, node: Any = None) -> None:
        assert symbol.signature is not None
        self.evaluation = evaluation
        self.module = module
        self.symbol = symbol
        self.signature = symbol.signature
        self.node = node

    def at(self, node: Any) -> Function:
        """The same function where it is given to another: mistakes of its arguments are reported at `node`."""
        return Function(self.evaluation, self.module, self.symbol, node)

    def __call__(self, *args: Any) -> Any:
        names = [one.name for one in self.signature.params]
        return self.evaluation.apply(self, dict(zip(names, args, strict=False)), {}, self.node)


def _blamed(node: ast.Call, args: list[Any], problem: Mistake) -> Any:
    """The argument that a mistake of a function speaks of first; the call where it is none or not known."""
    if problem.code == "bad-text" and len(args) == len(node.args):
        for arg, value in zip(node.args, args, strict=True):
            if isinstance(value, str) and problem.message.startswith(shortened(value)):
                return arg.value
    return node


def _merged(parts: list[Any]) -> tuple[Any, ...]:
    """The parts of a text, those that are known and follow each other as one: equal texts are equal values."""
    out: list[Any] = []
    for known, run in groupby(parts, lambda part: isinstance(part, str)):
        same = list(run)
        out += ["".join(same)] if known else same
    return tuple(out)


def _some_of(names: Iterable[str]) -> str:
    """The first names of many, for a hint."""
    first = list(islice(names, _MOST_NAMED + 1))
    return ", ".join(v.brief(one, 40)[1:-1] for one in first[:_MOST_NAMED]) + (", …" if first[_MOST_NAMED:] else "")


_MOST_NAMED = 20
_PER_CALL = {"networks": 20, "encoding": 10, "digests": 5, "times": 20, "patterns": 10}
"""Steps for a call of a function of a group, about what it takes; 2 for the others."""


def name_loop(scope: Scope, names: tuple[ast.Word, ...], pair: tuple[Any, Any]) -> None:
    if len(names) == 2:
        scope.values[names[0].text], scope.values[names[1].text] = pair
    else:
        scope.values[names[0].text] = pair[1]


def _watched(function: Callable[..., Any], unsure: list[Any], is_open: Callable[[Any], bool]) -> Callable[..., Any]:
    """A lambda that notes what it gave and is not known: a builtin would take it for true."""

    def run(*args: Any) -> Any:
        value = function(*args)
        if is_open(value):
            unsure.append(value)
        return value

    return run


_EVAL: dict[type, Callable[[Expressions, Any, Scope], Any]] = {
    ast.Name: Expressions.name,
    ast.Number: Expressions.number,
    ast.Text: Expressions.text,
    ast.Bool: Expressions.constant,
    ast.Null: Expressions.null,
    ast.Variant: Expressions.variant,
    ast.Record: Expressions.record,
    ast.ListExpr: Expressions.list_,
    ast.ListFor: Expressions.list_for,
    ast.MapFor: Expressions.map_for,
    ast.Member: Expressions.member,
    ast.Index: Expressions.index,
    ast.Call: Expressions.call,
    ast.Unary: Expressions.unary,
    ast.Binary: Expressions.binary,
    ast.Conditional: Expressions.conditional,
    ast.Lambda: Expressions.lambda_,
    ast.Group: Expressions.group,
    Held: Expressions.held,
}
