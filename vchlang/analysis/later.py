"""What is left of an expression when everything known was worked out, so that apply can work out the rest.

A condition of a `verify` is asked after apply, perhaps from a plan in a file, where there is no script any more. So
what evaluation cannot know yet is carried as an expression: names replaced by their values, calls of functions by
their bodies, instances by their outputs; what remains are operators, functions of the language, probes, and facts. Its
nodes are those of the syntax, with `Held` for a value, and evaluating it with the facts in place is evaluating the
script.

Only a program with a `verify` pays for it. The hook is in `Expressions.eval`: a node whose value is NOTHING is looked
at once more here, and gives an `Unknown` with the rest as its `node`. What has been looked at is remembered, by node
and scope, so that each operand is worked out at most twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS
from vchlang.analysis.operate import Operating
from vchlang.analysis.program import VerifyDecl
from vchlang.analysis.scopes import MAX_DEPTH, NOTHING, Scope
from vchlang.syntax import ast

MAX_NODES = 10_000
"""Nodes of what is left of one condition."""


class Held(ast.Node, frozen=True):
    """A value, as an expression: one that is known, or a fact, or a text with facts in it."""

    value: Any


class _Seen(msgspec.Struct, frozen=True):
    """What was made of a node. It keeps node and scope alive, since the memory goes by their identity."""

    value: Any
    node: Any
    scope: Scope


class Later(Operating):
    """Carries expressions to apply. carrying: whether there is anything to carry them for; asking: in a `verify`."""

    carrying = False
    asking = False

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.later: dict[tuple[int, int], _Seen] = {}
        self._fresh = 0

    def for_later(self, node: Any, scope: Scope) -> Any:
        """What is left of a node that could not be worked out: an `Unknown` with it, or NOTHING."""
        build = _REST.get(type(node))
        rest = build(self, node, scope) if build is not None else None
        value = NOTHING if rest is None else v.Unknown(v.ANY, node=rest)
        self.later[id(node), id(scope)] = _Seen(value, node, scope)
        return value

    def carried(self, value: Any, node: Any) -> Any:
        """A value as an expression; None where apply could not know it either, as of a parameter without a value."""
        start, end = node.start, node.end
        match value:
            case v.Unknown(node=rest) if rest is not None:
                return rest
            case v.Unknown(address=""):
                return None
            case list() | dict() | v.VariantValue() if not _closed(value):
                return self.opened(value, node)
            case v.Secret() | v.Template() | v.InstanceRef() | v.ElementRef() | v.Range():
                return Held(start, end, value)
            case _:
                return None if callable(value) else Held(start, end, value)

    def opened(self, value: Any, node: Any) -> Any:
        """A list, map or variant with parts that are carried."""
        start, end = node.start, node.end
        fields = value.fields if isinstance(value, v.VariantValue) else value
        named = fields.items() if isinstance(fields, dict) else enumerate(fields)
        parts = [(str(key), self.carried(one, node)) for key, one in named]
        if any(one is None for _, one in parts):
            return None
        if isinstance(value, list):
            return ast.ListExpr(start, end, tuple(one for _, one in parts))
        if isinstance(value, dict):
            entries = [ast.Field(start, end, ast.Word(start, end, key), True, one) for key, one in parts]
            return ast.Record(start, end, tuple(entries))
        args = tuple(ast.Arg(start, end, ast.Word(start, end, key), one) for key, one in parts)
        return ast.Call(start, end, ast.Variant(start, end, value.case), args)

    def again(self, node: Any, scope: Scope) -> Any:
        """An operand as an expression."""
        return self.carried(self.eval(node, scope), node)

    def fresh(self, names: list[ast.Word] | tuple[ast.Word, ...], scope: Scope) -> tuple[tuple[ast.Word, ...], Scope]:
        """New names in the place of those that a lambda or a loop gives, and a scope where they stand for themselves.

        No script can write such a name, so nothing that is put in the place of another name can mean it by accident.
        """
        inner = Scope(scope, scope.module)
        words = []
        for one in names:
            self._fresh += 1
            word = ast.Word(one.start, one.end, f"{one.text}#{self._fresh}")
            words.append(word)
            inner.values[one.text] = v.Unknown(v.ANY, node=ast.Name(one.start, one.end, word.text))
        return tuple(words), inner

    def verify(self, node: ast.Check, scope: Scope) -> VerifyDecl | None:
        """A `verify` for apply; None where there is nothing to ask: it holds, or it was reported."""
        self.asking = True
        try:
            return self._verify(node, scope)
        finally:
            self.asking = False

    def _verify(self, node: ast.Check, scope: Scope) -> VerifyDecl | None:
        holds = self.quiet(node.condition, scope)
        said = self.quiet(node.message, scope) if node.message is not None else None
        if holds is False:
            message = said if isinstance(said, str) else "this does not hold, whatever apply does"
            self.report(codes.VERIFY_FAILED, node.condition, message, found=self.told(node.condition, scope))
        condition = self.carried(holds, node.condition)
        if isinstance(holds, bool) or condition is None or not self.fits_a_plan(condition, node.condition):
            return None
        written = self.written
        shown = [(written(one), self.carried(self.quiet(one, scope), one)) for one in shown_in(node.condition)]
        return VerifyDecl(
            text=written(node.condition),
            condition=condition,
            message=self.carried(said, node.message) if node.message is not None else None,
            shown=tuple(one for one in shown if one[1] is not None and _measure(one[1], {})[0] <= MAX_NODES),
            where=self.where(node.condition),
            instance=self.frame.prefix[:-1],
        )

    def fits_a_plan(self, rest: Any, node: Any) -> bool:
        """Report what is left of a condition where it is too much: what many names share is written out for each."""
        size, depth = _measure(rest, {})
        if size > MAX_NODES:
            message = f"what apply has to work out is more than {MAX_NODES:,} operations"
            self.report(codes.LIMIT_SIZE, node, message, hint="an output or a function of the language may shorten it")
        elif depth > MAX_DEPTH - 10:
            self.report(codes.LIMIT_DEPTH, node, f"what apply has to work out nests deeper than {MAX_DEPTH - 10}")
        return size <= MAX_NODES and depth <= MAX_DEPTH - 10

    def written(self, node: Any) -> str:
        """An expression of the file being read, in one line."""
        text = self.module.program.parsed.source.text
        return " ".join(text[self.base + node.start : self.base + node.end].split())

    def told(self, condition: Any, scope: Scope) -> str:
        """The values that say why a condition does not hold, as far as they are known: `len(urls)` is 3."""
        values = [(one, self.quiet(one, scope)) for one in shown_in(condition)]
        return "; ".join(f"`{self.written(one)}` is {shortly(value)}" for one, value in values if is_shown(value))

    # ---- what is left of each form -----------------------------------------------------------------------------------

    def rest_of_text(self, node: ast.Text, scope: Scope) -> Any:
        parts = [one if isinstance(one, str) else self.again(one, scope) for one in node.parts]
        return None if None in parts else ast.Text(node.start, node.end, tuple(parts), "")

    def rest_of_record(self, node: ast.Record, scope: Scope) -> Any:
        entries: list[Any] = []
        for entry in node.entries:
            value = self.again(entry.value, scope)
            if value is None:
                return None
            entries.append(msgspec.structs.replace(entry, value=value))
        return ast.Record(node.start, node.end, tuple(entries))

    def rest_of_list(self, node: ast.ListExpr, scope: Scope) -> Any:
        items: list[Any] = []
        for item in node.items:
            value = self.again(item.value if isinstance(item, ast.Spread) else item, scope)
            if value is None:
                return None
            items.append(ast.Spread(item.start, item.end, value) if isinstance(item, ast.Spread) else value)
        return ast.ListExpr(node.start, node.end, tuple(items))

    def rest_of_loop(self, node: ast.ListFor | ast.MapFor, scope: Scope) -> Any:
        each = node.each
        source = self.again(each.source, scope)
        names, inner = self.fresh(each.names, scope)
        condition = self.again(each.condition, inner) if each.condition is not None else None
        value = self.again(node.value, inner)
        if source is None or value is None or (condition is None and each.condition is not None):
            return None
        around = ast.Each(each.start, each.end, names, source, condition)
        if isinstance(node, ast.ListFor):
            return ast.ListFor(node.start, node.end, around, value)
        key = self.again(node.key, inner)
        return None if key is None else ast.MapFor(node.start, node.end, around, key, value)

    def rest_of_member(self, node: ast.Member, scope: Scope) -> Any:
        target = self.again(node.target, scope)
        return None if target is None else ast.Member(node.start, node.end, target, node.name)

    def rest_of_index(self, node: ast.Index, scope: Scope) -> Any:
        target, key = self.again(node.target, scope), self.again(node.key, scope)
        return None if target is None or key is None else ast.Index(node.start, node.end, target, key)

    def rest_of_call(self, node: ast.Call, scope: Scope) -> Any:
        """Of a call of a function of the language; those of the script have become what is in them."""
        callee = node.callee
        builtin = BUILTINS.get(callee.text) if isinstance(callee, ast.Name) else None
        if builtin is None or (builtin.reads and not builtin.probe):
            return None
        args: list[ast.Arg] = []
        for position, arg in enumerate(node.args):
            value = self.eval(arg.value, scope)
            if callable(value) and not isinstance(value, v.Unknown):
                wanted = builtin.params[min(position, len(builtin.params) - 1)][1]
                given = self.rest_of_function(value, arg.value, wanted)
            else:
                given = self.carried(value, arg.value)
            if given is None:
                return None
            args.append(ast.Arg(arg.start, arg.end, None, given))
        return ast.Call(node.start, node.end, ast.Name(callee.start, callee.end, builtin.name), tuple(args))

    def rest_of_function(self, function: Callable[..., Any], node: Any, wanted: v.Type) -> Any:
        """A function that is given to another, as a lambda of fresh names."""
        arity = len(node.params) if isinstance(node, ast.Lambda) else getattr(wanted, "arity", 1)
        words = node.params if isinstance(node, ast.Lambda) else [ast.Word(node.start, node.end, "it")] * arity
        names, _ = self.fresh(words, Scope(None, self.main))
        value = function(*[v.Unknown(v.ANY, node=ast.Name(one.start, one.end, one.text)) for one in names])
        body = self.carried(value, node)
        return None if body is None else ast.Lambda(node.start, node.end, names, body)

    def rest_of_unary(self, node: ast.Unary, scope: Scope) -> Any:
        operand = self.again(node.operand, scope)
        return None if operand is None else ast.Unary(node.start, node.end, node.operator, operand)

    def rest_of_binary(self, node: ast.Binary, scope: Scope) -> Any:
        left, right = self.again(node.left, scope), self.again(node.right, scope)
        return None if left is None or right is None else ast.Binary(node.start, node.end, node.operator, left, right)

    def rest_of_conditional(self, node: ast.Conditional, scope: Scope) -> Any:
        parts = [self.again(one, scope) for one in (node.condition, node.then, node.otherwise)]
        return None if None in parts else ast.Conditional(node.start, node.end, *parts)


def _measure(node: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many nodes an expression has when it is written out, and how deep they nest. known: by identity.

    The nodes of a rest are shared where names are, so it can be far larger than memory shows.
    """
    todo = [(node, False)]
    while todo:
        one, opened = todo.pop()
        if id(one) in known:
            continue
        parts = [getattr(one, field) for field in one.__struct_fields__[2:]] if isinstance(one, ast.Node) else one
        inner = [part for part in parts if isinstance(part, ast.Node | tuple)] if not isinstance(one, Held) else []
        if opened:
            found = [known[id(part)] for part in inner]
            depth = max((each[1] for each in found), default=0)
            known[id(one)] = 1 + sum(each[0] for each in found), depth + isinstance(one, ast.Node)
        else:
            todo.append((one, True))
            todo += [(part, False) for part in inner]
    return known[id(node)]


def _closed(value: Any) -> bool:
    """Whether nothing in a value is worked out from facts, or a function; facts themselves may be in it."""
    return not any(callable(one) or (isinstance(one, v.Unknown) and not one.address) for one in v.leaves(value))


_REST: dict[type, Callable[[Later, Any, Scope], Any]] = {
    ast.Text: Later.rest_of_text,
    ast.Record: Later.rest_of_record,
    ast.ListExpr: Later.rest_of_list,
    ast.ListFor: Later.rest_of_loop,
    ast.MapFor: Later.rest_of_loop,
    ast.Member: Later.rest_of_member,
    ast.Index: Later.rest_of_index,
    ast.Call: Later.rest_of_call,
    ast.Unary: Later.rest_of_unary,
    ast.Binary: Later.rest_of_binary,
    ast.Conditional: Later.rest_of_conditional,
}


def is_shown(value: Any) -> bool:
    """Whether a message may show a value: it is known, and nothing in it is secret."""
    return not any(isinstance(one, v.Unknown | v.Secret) or callable(one) for one in v.leaves(value))


def shortly(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    return v.brief(value, _WIDEST)


_WIDEST = 160

# ---- what a message shows ------------------------------------------------------------------------------------------

_COMPARING = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_LITERAL = (ast.Number, ast.Text, ast.Bool, ast.Null, ast.Variant)


def shown_in(condition: Any) -> list[Any]:
    """The parts of a condition that say why it does not hold: the sides of comparisons, what calls are given."""
    out: list[Any] = []
    todo = [condition]
    while todo:
        node = todo.pop(0)
        match node:
            case ast.Group(inner=inner) | ast.Unary(operand=inner):
                todo.insert(0, inner)
            case ast.Binary(operator=word, left=left, right=right) if word.text in ("and", "or"):
                todo[:0] = [left, right]
            case ast.Binary(operator=word, left=left, right=right) if word.text in _COMPARING:
                out += [one for one in (left, right) if not _is_literal(one)]
            case ast.Call(callee=ast.Name(), args=args):
                out += [
                    one.value for one in args if not _is_literal(one.value) and not isinstance(one.value, ast.Lambda)
                ]
            case _:
                pass
    return out


def _is_literal(node: Any) -> bool:
    """Whether an expression shows its own value."""
    match node:
        case ast.Text(parts=parts):
            return all(isinstance(one, str) for one in parts)
        case ast.ListExpr(items=items):
            return all(_is_literal(one) for one in items)
        case ast.Unary(operand=inner) | ast.Group(inner=inner):
            return _is_literal(inner)
        case ast.Call(callee=ast.Variant(), args=args):
            return all(_is_literal(one.value) for one in args)
        case ast.Binary(operator=word, left=left, right=right):
            return word.text == ".." and _is_literal(left) and _is_literal(right)
        case _:
            return isinstance(node, _LITERAL)
