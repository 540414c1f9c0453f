"""Expressions worked out, within a budget: names, parameters, values fitted to their types, operators and calls.

What is not known gives an unknown, what is secret stays secret, and what the checker has reported is an unknown too.
A mistake of a value is reported at its place and raised as `Known`, which the nearest statement or field catches.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, Mistake
from vchlang.analysis.fit import bad_text, opened, read_of, split_number
from vchlang.analysis.given import from_data, from_text
from vchlang.analysis.infer import type_of
from vchlang.analysis.program import Given, Inputs, Parameters, Program, Read, Unreadable, Where
from vchlang.diagnostics import Report, did_you_mean
from vchlang.kinds.schema import KINDS
from vchlang.syntax import ast
from vchlang.text import Span

MAX_STEPS = 800_000
MAX_DEPTH = 120
MAX_TEXT = 16 * 2**20
MAX_ITEMS = 1_000_000

NOTHING = v.Unknown(v.ANY)
"""What is not known and not worth a word: a parameter without a value, or the rest of a mistake."""


class Limit(Exception):
    """The budget ran out; reported where it did."""


class Scope:
    """Values by name. `lazy` are lets that are worked out when first asked for."""

    __slots__ = ("lazy", "module", "outer", "values")

    def __init__(self, outer: Scope | None, module: Module) -> None:
        self.outer = outer
        self.module = module
        self.values: dict[str, Any] = {}
        self.lazy: dict[str, tuple[Any, int]] = {}


class Module:
    """One file being evaluated: its program, its report, and the values of its top-level names."""

    __slots__ = ("out", "program", "top")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.out = Report(program.parsed.source.name)
        self.top = Scope(None, self)


class Expressions:
    """Values of expressions, within the names of one program and its modules.

    families and singles: the elements that there are, by name. roles: uses of `address(.role)`, to be checked later.
    """

    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs) -> None:
        self.program = program
        self.parameters = parameters
        self.inputs = inputs
        self.main = Module(program)
        self.modules: dict[str, Module] = {}
        self.steps = MAX_STEPS
        self.depth = 0
        self.base = 0
        self.busy: list[tuple[Scope, str]] = []
        self.missing: dict[Read, None] = {}
        self.families: dict[str, dict[str, Any]] = {}
        self.singles: dict[str, str] = {}
        self.roles: list[tuple[str, str, Where]] = []

    def quiet(self, node: Any, scope: Scope) -> Any:
        """The value of an expression; NOTHING where a mistake in it was reported."""
        depth = self.depth
        try:
            return self.eval(node, scope)
        except Known:
            self.depth = depth
            return NOTHING

    def pairs(self, source: Any, scope: Scope) -> list[tuple[Any, Any]]:
        """Key and value of each turn of a loop; nothing where what it goes over is not known."""
        over = self.quiet(source, scope)
        if isinstance(over, v.Unknown):
            return []
        return self.pairs_of(over, source)

    def pairs_of(self, over: Any, source: Any) -> list[tuple[Any, Any]]:
        if isinstance(over, v.Range):
            if type(over.low) is not int or type(over.high) is not int:
                return []
            if over.high - over.low >= min(MAX_ITEMS, self.steps):
                self.limit(codes.LIMIT_STEPS, source, f"a loop over {v.show(over)} is longer than the budget")
            return [(one, one) for one in range(over.low, over.high + 1)]
        if isinstance(over, dict):
            return list(over.items())
        if isinstance(over, list):
            # The values of a list are its keys: a position would move when a neighbour goes.
            return [(one, one) if isinstance(one, str | int) else (position, one) for position, one in enumerate(over)]
        return []

    def key(self, node: Any, scope: Scope) -> str | None:
        value = self.eval(node, scope)
        if isinstance(value, str):
            return value
        return str(value) if type(value) is int else None

    # ---- names -----------------------------------------------------------------------------------------------------

    def lookup(self, name: str, scope: Scope, node: Any) -> Any:
        at: Scope | None = scope
        while at is not None:
            if name in at.values:
                return at.values[name]
            if name in at.lazy:
                return self.lazy(name, at)
            if at.outer is None:
                break
            at = at.outer
        return self.top_level(name, scope.module)

    def lazy(self, name: str, scope: Scope) -> Any:
        node, base = scope.lazy[name]
        if (scope, name) in self.busy:
            return NOTHING
        self.busy.append((scope, name))
        saved, self.base = self.base, base
        try:
            value = self.let_value(node, scope)
        finally:
            self.base = saved
            self.busy.pop()
        scope.values[name] = value
        return value

    def let_value(self, node: ast.Let, scope: Scope) -> Any:
        value = self.quiet(node.value, scope)
        return value if node.type is None else self.fit(value, self.type_of(node.type), node.value)

    def top_level(self, name: str, module: Module) -> Any:
        symbol = module.program.symbols.get(name)
        if symbol is None:
            return NOTHING
        if symbol.what == "element":
            return self.element_value(name, symbol.depth, module)
        scope = module.top
        if (scope, name) in self.busy:
            self.report_cycle(name, scope, module)
            return NOTHING
        self.busy.append((scope, name))
        saved, self.base = self.base, symbol.base
        try:
            if symbol.what == "import":
                value = self.imported(name, module)
            elif symbol.what == "param":
                value = self.param(symbol.node.declaration, symbol.type, module)
            else:
                value = self.quiet(symbol.node.value, scope)
                if symbol.node.type is not None:
                    value = self.fit(value, symbol.type, symbol.node.value, module)
        finally:
            self.base = saved
            self.busy.pop()
        scope.values[name] = value
        return value

    def report_cycle(self, name: str, scope: Scope, module: Module) -> None:
        start = next(at for at, one in enumerate(self.busy) if one == (scope, name))
        ring = [one for _, one in self.busy[start:]]
        symbols = module.program.symbols
        # The same ring is found from each of its names; it is reported from the one that stands first.
        first = min(ring, key=lambda one: symbols[one].span.start if one in symbols else 0)
        at = ring.index(first)
        ring = ring[at:] + ring[:at]
        path = " → ".join([*ring, ring[0]])
        labels = [
            (symbols[one].span, f"needs `{ring[(position + 1) % len(ring)]}`")
            for position, one in enumerate(ring)
            if one in symbols and position
        ]
        module.out.report(codes.CYCLE, symbols[ring[0]].span, f"these need each other: {path}", labels=labels)

    def element_value(self, name: str, depth: int, module: Module) -> Any:
        if depth:
            return self.families.get(name, {})
        kind = self.singles.get(name)
        return v.ElementRef(kind, name) if kind is not None else None

    def imported(self, name: str, module: Module) -> Any:
        origin = module.program.imports.get(name)
        program = module.program.modules.get(origin.module) if origin is not None else None
        if origin is None or program is None:
            return NOTHING
        if program.path not in self.modules:
            self.modules[program.path] = Module(program)
        inner = self.modules[program.path]
        return self.lookup(origin.name, inner.top, None)

    # ---- parameters --------------------------------------------------------------------------------------------------

    def param(self, node: ast.Declaration, type_: v.Type, module: Module) -> Any:
        name = node.name.text
        given = self.parameters.given.get(name)
        inner = type_.inner if isinstance(type_, v.Optional) else type_
        if isinstance(inner, v.SecretOf):
            if name in self.parameters.secrets:
                return self.parameters.secrets[name]
            if node.default is not None:
                return None
            if self.parameters.unknown:
                return v.Secret((name,), known=False)
            module.out.report(
                codes.NO_SECRET,
                self.span(node.name),
                f"the secret parameter `{name}` has no source",
                hint=f'say in vch.toml where it comes from: [env.NAME.secrets] {name} = {{ file = "…" }}',
            )
            return NOTHING
        at: Any = node.name
        if given is not None:
            value = self.read_given(name, given, type_, node, module)
        elif node.default is not None:
            at = node.default
            value = self.fit(self.quiet(node.default, module.top), type_, node.default, module)
        elif self.parameters.unknown:
            return v.Unknown(type_)
        else:
            module.out.report(
                codes.MISSING_PARAMETER,
                self.span(node.name),
                f"the parameter `{name}` has no value",
                hint=f"give one: -p {name}=… (a {v.show_type(type_)})",
            )
            return NOTHING
        if node.where is not None and not isinstance(value, v.Unknown):
            self.where_holds(node, value, at, given, module)
        return value

    def where_holds(self, node: ast.Declaration, value: Any, at: Any, given: Given | None, module: Module) -> None:
        assert node.where is not None
        scope = Scope(module.top, module)
        scope.values.update({"it": value, node.name.text: value})
        if self.quiet(node.where.condition, scope) is False:
            said = self.quiet(node.where.message, scope) if node.where.message is not None else None
            message = said if isinstance(said, str) else f"`{node.name.text}` does not satisfy its `where`"
            module.out.report(
                codes.WHERE_FAILED,
                self.span(at),
                message,
                found=v.show(value) + (f" (given by {given.origin})" if given is not None else ""),
                labels=[(self.span(node.where.condition), "this must hold")],
            )

    def read_given(self, name: str, given: Given, type_: v.Type, node: ast.Declaration, module: Module) -> Any:
        """A parameter's value from a command line, the environment or TOML, read by its type."""
        try:
            value = from_text(given.text, type_) if given.text is not None else from_data(given.value, type_)
        except ValueError as problem:
            module.out.report(
                codes.BAD_PARAMETER,
                self.span(node.name),
                f"`{name}` takes {v.show_type(type_)}, and {given.origin} gives {_shown(given)}",
                hint=str(problem) or None,
            )
            return NOTHING
        count = len(module.out.freeze())
        fitted = self.fit(value, type_, node.name, module)
        return fitted if len(module.out.freeze()) == count else NOTHING

    # ---- fitting values to types -------------------------------------------------------------------------------------

    def type_of(self, node: Any) -> v.Type:
        """The type that a type expression means; the checker has reported what is wrong with it."""
        return type_of(node, self.program.parsed.source.name)

    def fit(self, value: Any, type_: v.Type, node: Any, module: Module | None = None) -> Any:
        """A value as its type wants it: texts checked, variants' fields named, defaults left to the description."""
        cls = type(value)
        if cls is v.Unknown:
            return value
        if cls is v.Secret or (cls is v.Template and value.secret):
            if not isinstance(opened(type_), v.SecretOf | v.MaybeSecret) and type_ != v.ANY:
                # The checker saw no secret: it came through a list or a call whose type nobody could tell.
                out = (module or self.main).out
                out.report(codes.SECRET_SINK, self.span(node), "this is secret, and what stands here is not")
                return NOTHING
            return value
        if cls is v.Template:
            return value
        if type(type_) is v.Simple:  # most fields are; the rest of the ladder costs them nothing
            if cls is str and type_ in v.TEXTUAL:
                return self.fit_text(value, type_, node, module)
            if not _is_simple(value, type_):
                # The checker could not tell: it came through a list of several types, a spread of a map, or a call.
                message = f"a {v.show_type(type_)} stands here, not {v.show(value)}"
                (module or self.main).out.report(codes.WRONG_TYPE, self.span(node), message)
                return NOTHING
            return float(value) if cls is int and type_ == v.FLOAT else value
        match type_:
            case v.Optional(inner):
                return None if value is None else self.fit(value, inner, node, module)
            case v.SecretOf(v.RecordOf(fields)) if isinstance(value, dict):
                types: dict[str, v.Type] = {one.name: v.MaybeSecret(one.type) for one in fields}
                known = {key: one for key, one in value.items() if key in types}
                return {key: self.fit(one, types[key], _named(node, key), module) for key, one in known.items()}
            case v.SecretOf(inner) | v.MaybeSecret(inner):
                return self.fit(value, inner, node, module)
            case v.ListOf(item):
                if not isinstance(value, list):
                    return NOTHING
                return [self.fit(one, item, _nth(node, at), module) for at, one in enumerate(value)]
            case v.MapOf(_, item):
                if not isinstance(value, dict):
                    return NOTHING
                return {key: self.fit(one, item, _named(node, key), module) for key, one in value.items()}
            case v.RecordOf(fields):
                if not isinstance(value, dict):
                    return NOTHING
                types = {one.name: one.type for one in fields}
                known = {key: one for key, one in value.items() if key in types}
                return {key: self.fit(one, types[key], _named(node, key), module) for key, one in known.items()}
            case v.VariantOf():
                return self.fit_variant(value, type_, node, module)
            case _:
                return value

    def fit_text(self, value: str, type_: v.Type, node: Any, module: Module | None) -> Any:
        why = v.text_mistake(value, type_)
        if why is not None:
            (module or self.main).out.report(codes.BAD_TEXT, self.span(node), bad_text(value, type_, why))
            return NOTHING
        if type_ == v.STORE_PATH:
            return v.normal_store_path(value)
        return v.normal_path(value) if type_ in (v.INVENTORY_PATH, v.PATH) else value

    def fit_variant(self, value: Any, type_: v.VariantOf, node: Any, module: Module | None) -> Any:
        if not isinstance(value, v.VariantValue):
            return NOTHING
        case = type_.case(value.case)
        if case is None:
            return NOTHING
        fields: dict[str, Any] = {}
        for name, one in value.fields.items():
            at = int(name) if name.isdigit() else -1
            field = case.fields[at] if 0 <= at < len(case.fields) else None
            if at < 0:
                field = next((f for f in case.fields if f.name == name), None)
            if field is not None:
                fields[field.name] = self.fit(one, field.type, _argument(node, name), module)
        return v.VariantValue(value.case, fields)

    # ---- expressions -----------------------------------------------------------------------------------------------

    def span(self, node: Any) -> Span:
        return Span(self.base + node.start, self.base + node.end)

    def where(self, node: Any) -> Where:
        return Where(self.program.parsed.source.name, self.span(node))

    def limit(self, code: Any, node: Any, message: str) -> None:
        self.main.out.report(code, self.span(node), message)
        raise Limit

    def eval(self, node: Any, scope: Scope) -> Any:
        self.steps -= 1
        if self.steps < 0:
            self.limit(codes.LIMIT_STEPS, node, f"working this out takes more than {MAX_STEPS:,} steps")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.depth = 0
            self.limit(codes.LIMIT_DEPTH, node, f"this nests deeper than {MAX_DEPTH}")
        value = _EVAL[type(node)](self, node, scope)
        self.depth -= 1
        return value

    def mistake(self, code: Any, node: Any, scope: Scope, message: str, hint: str | None = None) -> Known:
        scope.module.out.report(code, self.span(node), message, hint=hint)
        return Known()

    def name(self, node: ast.Name, scope: Scope) -> Any:
        return self.lookup(node.text, scope, node)

    def number(self, node: ast.Number, scope: Scope) -> Any:
        digits, unit = split_number(node.text)
        digits = digits.replace("_", "")
        if len(digits) > 40:
            raise self.mistake(codes.OVERFLOW, node, scope, "a number has 64 bits")
        if not unit:
            return float(digits) if "." in digits else self.whole(int(digits), node, scope)
        known = v.UNIT_TABLE.get(unit)
        if known is None:
            return NOTHING
        cls, factor = known
        if "." in digits:
            before, after = digits.split(".")
            exact = int(before + after) * factor
            if exact % 10 ** len(after):
                raise self.mistake(codes.INEXACT, node, scope, f"`{node.text}` is no whole number of the smallest unit")
            number = exact // 10 ** len(after)
        else:
            number = int(digits) * factor
        return cls(self.whole(number, node, scope))

    def whole(self, number: int, node: Any, scope: Scope) -> int:
        if not v.INT_MIN <= number <= v.INT_MAX:
            raise self.mistake(codes.OVERFLOW, node, scope, "the result does not fit in 64 bits")
        return number

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
            else:
                out.append(value if isinstance(value, str) else v.show(value))
        if plain:
            made = "".join(out)
            if len(made) > MAX_TEXT:
                self.limit(codes.LIMIT_SIZE, node, "a text is larger than 16 MiB")
            return made
        return v.Template(tuple(out))

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

    def turns(self, each: ast.Each, scope: Scope) -> list[Scope] | None:
        over = self.eval(each.source, scope)
        if isinstance(over, v.Unknown):
            return None
        out: list[Scope] = []
        for pair in self.pairs_of(over, each.source):
            inner = Scope(scope, scope.module)
            pair = pair if isinstance(over, dict) or len(each.names) == 1 else (len(out), pair[1])
            name_loop(inner, each.names, pair)
            holds = True if each.condition is None else self.eval(each.condition, inner)
            if not isinstance(holds, bool):
                return None
            if holds:
                out.append(inner)
        return out

    def list_for(self, node: ast.ListFor, scope: Scope) -> Any:
        turns = self.turns(node.each, scope)
        return NOTHING if turns is None else [self.eval(node.value, inner) for inner in turns]

    def map_for(self, node: ast.MapFor, scope: Scope) -> Any:
        turns = self.turns(node.each, scope)
        if turns is None:
            return NOTHING
        out: dict[str, Any] = {}
        for inner in turns:
            key = self.key(node.key, inner)
            if key is None:
                return NOTHING
            if key.startswith("$"):
                raise self.mistake(codes.BAD_TEXT, node.key, scope, "a key does not begin with `$`")
            if key in out:
                raise self.mistake(codes.DUPLICATE_FIELD, node.key, scope, f"two values have the key {v.quoted(key)}")
            out[key] = self.eval(node.value, inner)
        return out

    def member(self, node: ast.Member, scope: Scope) -> Any:
        target = self.eval(node.target, scope)
        name = node.name.text
        match target:
            case v.ElementRef(kind=kind, address=address):
                fact = KINDS[kind].facts.get(name)
                return v.Unknown(fact.type, address, name) if fact is not None else NOTHING
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
                raise self.mistake(
                    codes.BAD_INDEX, node.key, scope, f"the list has {len(target)} values, and no number {key}"
                )
            return target[key]
        if isinstance(target, dict) and isinstance(key, str | int):
            if str(key) not in target:
                hint = did_you_mean(str(key), target) or ("it has " + ", ".join(target) if target else None)
                raise self.mistake(codes.BAD_INDEX, node.key, scope, f"there is no key {v.quoted(str(key))}", hint)
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
        if isinstance(callee, ast.Name) and callee.text in BUILTINS and callee.text not in self.program.symbols:
            return self.builtin(node, callee.text, scope)
        if isinstance(callee, ast.Group) and isinstance(callee.inner, ast.Lambda):
            run = self.eval(callee, scope)
            return run(*[self.eval(arg.value, scope) for arg in node.args])
        return NOTHING

    def called_fact(self, node: ast.Call, callee: ast.Member, target: v.ElementRef) -> Any:
        fact = KINDS[target.kind].facts.get(callee.name.text)
        role = node.args[0].value.name if node.args and isinstance(node.args[0].value, ast.Variant) else None
        if fact is None or not fact.roles or role is None:
            return NOTHING
        self.roles.append((target.address, role, self.where(node)))
        return v.Unknown(fact.type, target.address, fact.name, (role,))

    def builtin(self, node: ast.Call, name: str, scope: Scope) -> Any:
        builtin = BUILTINS[name]
        args = [self.eval(arg.value, scope) for arg in node.args]
        if any(isinstance(one, v.Unknown | v.Template) for one in args):
            return NOTHING
        if name == "len" and len(args) == 1 and isinstance(args[0], v.Secret) and args[0].known:
            args = [args[0].value]
        if any(isinstance(one, v.Secret) for one in args):
            return NOTHING  # the checker has refused it, or nobody knows how long it is
        if builtin.reads:
            return self.read(node, name, args, scope)
        least = len(builtin.params) - builtin.optional
        if not least <= len(args) or (len(args) > len(builtin.params) and not builtin.variadic):
            return NOTHING
        if name not in _OF_SHAPE and any(_open(one) for one in args):
            return NOTHING  # a value in it is not known, and the result depends on the values
        unsure: list[Any] = []
        args = [_watched(one, unsure) if callable(one) else one for one in args]
        try:
            value = builtin.run(*args)
        except Mistake as problem:
            raise self.mistake(codes.CODES[problem.code], node, scope, problem.message) from None
        except OverflowError:
            raise self.mistake(codes.OVERFLOW, node, scope, "the result does not fit in 64 bits") from None
        except (TypeError, ValueError, AttributeError, LookupError):
            return NOTHING  # arguments of a type that the checker has refused
        if unsure and name != "map":
            return NOTHING
        if isinstance(value, int) and not isinstance(value, bool):
            self.whole(int(value), node, scope)
        if isinstance(value, str) and len(value) > MAX_TEXT:
            self.limit(codes.LIMIT_SIZE, node, "a text is larger than 16 MiB")
        return value

    def read(self, node: ast.Call, kind: str, args: list[Any], scope: Scope) -> Any:
        if len(args) != 1 or not isinstance(args[0], str):
            return NOTHING
        wanted = read_of(kind, args[0], scope.module.program.path)
        if wanted not in self.inputs:
            self.missing[wanted] = None
            return NOTHING
        found = self.inputs[wanted]
        if isinstance(found, Unreadable):
            raise self.mistake(codes.CODES[found.code], node.args[0].value, scope, found.message, found.hint or None)
        return found

    def unary(self, node: ast.Unary, scope: Scope) -> Any:
        value = self.eval(node.operand, scope)
        if node.operator.text == "not":
            return (not value) if isinstance(value, bool) else NOTHING
        if isinstance(value, bool) or not isinstance(value, int | float):
            return NOTHING
        return type(value)(-value) if isinstance(value, float) else type(value)(self.whole(-int(value), node, scope))

    def binary(self, node: ast.Binary, scope: Scope) -> Any:
        word = node.operator.text
        left = self.eval(node.left, scope)
        if word in ("and", "or"):
            decided = word == "or"
            if left is decided:
                return decided
            right = self.eval(node.right, scope)
            # What is not known stays so, unless the other side alone decides.
            return right if right is decided or isinstance(left, bool) else NOTHING
        if word == "??" and isinstance(left, v.Unknown):
            return NOTHING
        if word == "??":
            return self.eval(node.right, scope) if left is None else left
        right = self.eval(node.right, scope)
        if word in ("==", "!="):
            return self.equal(left, right, word == "==")
        if isinstance(left, v.Unknown | v.Template | v.Secret) or isinstance(right, v.Unknown | v.Template | v.Secret):
            return NOTHING
        if word == "..":
            return v.Range(left, right)
        if word == "in" and not isinstance(right, dict) and _open(right):
            return NOTHING
        if word == "in":
            return _contains(right, left)
        try:
            if word in _ORDER:
                return _ORDER[word](left, right)
            return self.arithmetic(node, word, left, right, scope)
        except TypeError:
            return NOTHING

    def equal(self, left: Any, right: Any, same: bool) -> Any:
        if isinstance(left, v.Unknown) or isinstance(right, v.Unknown):
            return NOTHING
        if left is None or right is None:
            return (left is None and right is None) == same
        if _open(left) or _open(right):
            return NOTHING
        if isinstance(left, v.VariantValue) and isinstance(right, v.VariantValue) and left.case == right.case:
            mine, other = left.fields, right.fields
            return (list(mine.values()) == list(other.values())) == same
        return (left == right) == same

    def arithmetic(self, node: ast.Binary, word: str, left: Any, right: Any, scope: Scope) -> Any:
        if isinstance(left, list) and isinstance(right, list) and word == "+":
            if len(left) + len(right) > MAX_ITEMS:
                self.limit(codes.LIMIT_SIZE, node, f"a list has more than {MAX_ITEMS:,} values")
            return left + right
        unit_left, unit_right = type(left) in v.UNIT_TYPES, type(right) in v.UNIT_TYPES
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or isinstance(left, bool) or isinstance(right, bool):
            return NOTHING
        if word in "/%" and right == 0:
            raise self.mistake(codes.DIVISION_BY_ZERO, node.right, scope, "this is zero, and nothing is divided by it")
        if unit_left and unit_right:
            if type(left) is not type(right) or word == "*":
                return NOTHING
            if word == "/":
                return int(left) / int(right)
            return type(left)(self.whole(_MATH[word](int(left), int(right)), node, scope))
        if unit_left or unit_right:
            cls = type(left) if unit_left else type(right)
            if word == "*" and isinstance(left, int) and isinstance(right, int):
                return cls(self.whole(int(left) * int(right), node, scope))
            if word == "/" and unit_left and type(right) is int:
                if int(left) % right:
                    raise self.mistake(
                        codes.INEXACT,
                        node,
                        scope,
                        f"{v.show(left)} ÷ {right} is not whole",
                        "a unit divided by a number must come out whole",
                    )
                return cls(int(left) // right)
            return NOTHING
        if word == "/" and type(left) is int and type(right) is int:
            quotient = abs(left) // abs(right)
            return quotient if (left < 0) == (right < 0) else -quotient
        value = _MATH[word](left, right)
        return self.whole(value, node, scope) if type(value) is int else value

    def conditional(self, node: ast.Conditional, scope: Scope) -> Any:
        condition = self.eval(node.condition, scope)
        if condition is True:
            return self.eval(node.then, scope)
        return self.eval(node.otherwise, scope) if condition is False else NOTHING

    def lambda_(self, node: ast.Lambda, scope: Scope) -> Any:
        names = [one.text for one in node.params]

        def run(*args: Any) -> Any:
            inner = Scope(scope, scope.module)
            inner.values.update(zip(names, args, strict=False))
            return self.eval(node.body, inner)

        return run

    def group(self, node: ast.Group, scope: Scope) -> Any:
        return self.eval(node.inner, scope)


class Known(Exception):
    """A mistake that was reported: what depends on it is unknown."""


def name_loop(scope: Scope, names: tuple[ast.Word, ...], pair: tuple[Any, Any]) -> None:
    if len(names) == 2:
        scope.values[names[0].text], scope.values[names[1].text] = pair
    else:
        scope.values[names[0].text] = pair[1]


def _contains(whole: Any, one: Any) -> Any:
    match whole:
        case v.Range(low=low, high=high):
            try:
                return bool(low <= one <= high)
            except TypeError:
                return NOTHING
        case list():
            return one in whole
        case dict():
            return str(one) in whole
        case _:
            return NOTHING


def _is_simple(value: Any, type_: v.Simple) -> bool:
    """Whether a value is of a type without parts; what only describes a type (a range, a function) is of any."""
    if type_ in v.UNITS:
        return v.UNIT_TYPES.get(type(value)) == type_
    if type_ == v.STRING or type_ in v.TEXTUAL:
        return isinstance(value, str)
    if type_ == v.BOOL:
        return isinstance(value, bool)
    if type_ == v.INT:
        return type(value) is int
    if type_ == v.FLOAT:
        return type(value) in (int, float)
    return isinstance(value, v.DataRef) if type_ == v.DATA else True


_OF_SHAPE = frozenset({"len", "keys", "values", "map", "filter", "any", "all"})
"""Functions that look at how much there is, or leave the values to a lambda."""


def _watched(function: Callable[..., Any], unsure: list[Any]) -> Callable[..., Any]:
    """A lambda that notes what it gave and is not known: a builtin would take it for true."""

    def run(*args: Any) -> Any:
        value = function(*args)
        if _open(value):
            unsure.append(value)
        return value

    return run


def _open(value: Any) -> bool:
    """Whether something in a value is not known, or not to be known."""
    return any(isinstance(one, v.Unknown | v.Template | v.Secret) for one in v.leaves(value))


def _named(node: Any, name: str) -> Any:
    """The value of a field where a record is written out, else the whole."""
    if isinstance(node, ast.Record):
        for entry in node.entries:
            if isinstance(entry, ast.Field) and entry.name.text == name:
                return entry.value
    return node


def _nth(node: Any, at: int) -> Any:
    if isinstance(node, ast.ListExpr) and not any(isinstance(one, ast.Spread) for one in node.items):
        return node.items[at]
    return node


def _argument(node: Any, name: str) -> Any:
    if isinstance(node, ast.Call):
        for position, arg in enumerate(node.args):
            if (arg.name.text if arg.name else str(position)) == name:
                return arg.value
    return node


def _shown(given: Given) -> str:
    return v.quoted(given.text) if given.text is not None else v.show(given.value)


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _remainder(left: Any, right: Any) -> Any:
    import math

    # As Terraform and C have it: the sign of the left side.
    return (
        left - right * (abs(left) // abs(right)) * (1 if (left < 0) == (right < 0) else -1)
        if isinstance(left, int) and isinstance(right, int)
        else math.fmod(left, right)
    )


_MATH: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": _remainder,
}
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
}
