"""Types of operators and conditions, and what a condition tells of the names in it."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import Learnt, a_type, fits, holds_secret, learnt, opened, unsecret
from vchlang.analysis.names import Names
from vchlang.syntax import ast

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_RANGE_OF = "Range of "
"""Begins the type of a range that is not of whole numbers: a value can be in it, and no loop goes over it."""


class Operators(Names):
    """Operators, conditionals, and what holds in their parts."""

    def where_holds(self, facts: list[Learnt], node: Any, wanted: v.Type | None) -> v.Type:
        """The type of an expression in which a condition holds, with what it tells of names."""
        self.narrowed.append(facts)
        found = self.infer(node, wanted)
        self.narrowed.pop()
        return found

    def e_unary(self, node: ast.Unary, wanted: v.Type | None) -> v.Type:
        word = node.operator.text
        found = self.infer(node.operand, None)
        plain = unsecret(found)
        if plain == v.ANY:
            return v.BOOL if word == "not" else v.ANY
        if word == "not" and plain != v.BOOL:
            self.wrong(node.operand, "`not` takes", "true or false", found)
            return v.BOOL
        if word == "-" and plain not in (v.INT, v.FLOAT) and plain not in v.UNITS:
            self.wrong(node.operand, "`-` takes", "a number", found)
            return v.ANY
        return found

    def e_binary(self, node: ast.Binary, wanted: v.Type | None) -> v.Type:
        word = node.operator.text
        if word in ("and", "or"):
            left = self.infer(node.left, v.BOOL)
            right = self.where_holds(learnt(node.left, word == "and"), node.right, v.BOOL)
            for side, found in ((node.left, left), (node.right, right)):
                if unsecret(found) not in (v.BOOL, v.ANY):
                    self.wrong(side, f"`{word}` takes", "true or false", found)
            return v.SecretOf(v.BOOL) if isinstance(left, v.SecretOf) or isinstance(right, v.SecretOf) else v.BOOL
        if word == "??":
            return self.either(node, wanted)
        if word == "..":
            left, right = self.infer(node.left, None), self.infer(node.right, None)
            if left != v.ANY and left not in (v.INT, v.FLOAT, *v.UNITS):
                self.wrong(node.left, "a range goes from", "a number or a unit", left)
                return v.ANY
            if v.ANY not in (left, right) and left != right:
                self.wrong(node.right, f"a range from {a_type(left)} ends with", "the same", right)
            one = left if left != v.ANY else right
            if one in (v.ANY, v.INT):
                return one if one == v.ANY else v.Simple("Range")
            return v.Simple(_RANGE_OF + v.show_type(one))
        if word == "in":
            return self.contained(node)
        if word in ("==", "!=") and _is_case(node.left) and not _is_case(node.right):
            right = self.infer(node.right, None)
            return self.compared(node, self.infer(node.left, right), right)
        left = self.infer(node.left, None)
        right_wanted = left if _decides(left) else None
        if isinstance(node.left, ast.Variant) and left == v.ANY:
            return v.BOOL
        right = self.infer(node.right, right_wanted)
        if word in _COMPARISONS and isinstance(node.left, ast.Binary) and node.left.operator.text in _COMPARISONS:
            return v.BOOL  # the parser has reported the chain
        if word in ("==", "!=", "<", "<=", ">", ">="):
            return self.compared(node, left, right)
        return self.arithmetic(node, left, right)

    def either(self, node: ast.Binary, wanted: v.Type | None) -> v.Type:
        left = self.infer(node.left, wanted)
        secret = isinstance(left, v.SecretOf)
        inner = left.inner if isinstance(left, v.Optional) else left
        if left == v.NULL:
            inner = v.ANY
        right = self.infer(node.right, wanted if wanted is not None else inner)
        if v.ANY in (left, right, inner):
            return right if left == v.NULL else inner
        optional = isinstance(right, v.Optional) or right == v.NULL
        plain = opened(right)
        secret |= isinstance(inner, v.SecretOf) or isinstance(plain, v.SecretOf)
        one, other = unsecret(inner), unsecret(plain)
        if right != v.NULL and not fits(other, one) and not fits(one, other):
            self.wrong(node.right, "`??` gives another", v.show_type(inner), right)
            return v.ANY
        result = inner if fits(other, one) or right == v.NULL else plain
        if secret and not isinstance(result, v.SecretOf):
            result = v.SecretOf(result)
        return v.Optional(result) if optional else result

    def contained(self, node: ast.Binary) -> v.Type:
        if _is_case(node.left):
            right = self.infer(node.right, None)
            left = self.infer(node.left, right.item if isinstance(right, v.ListOf) else None)
            self.typed[id(node.left)] = opened(left)
        else:
            left = self.infer(node.left, None)
            entries = node.right.items if isinstance(node.right, ast.ListExpr) else ()
            right = self.infer(node.right, v.ListOf(left) if entries and _decides(left) else None)
            self.typed.update((id(one), opened(left)) for one in entries if _is_case(one))
        match unsecret(right):
            case v.ListOf(item):
                if holds_secret(left) or holds_secret(item):
                    self.out.report(codes.SECRET_SINK, self.at(node), "a secret is compared with nothing but null")
                    return v.BOOL
                if not fits(left, item) and not fits(item, left):
                    self.wrong(node.left, "the list has", v.show_type(item), left)
            case v.Simple("Range"):
                if left not in (v.INT, v.ANY):
                    self.wrong(node.left, "the range has", "whole numbers", left)
            case v.Simple(name) if name.startswith(_RANGE_OF):
                if not fits(left, v.Simple(name.removeprefix(_RANGE_OF))):
                    self.wrong(node.left, "the range has", name.removeprefix(_RANGE_OF), left)
            case v.MapOf() | v.RecordOf():
                if left not in (v.STRING, v.ANY, v.INT) and left not in v.TEXTUAL:
                    self.wrong(node.left, "keys are", "texts", left)
            case v.Simple("anything"):
                pass
            case _:
                self.wrong(node.right, "`in` takes", "a range, a list or a map", right)
        secret = isinstance(left, v.SecretOf) or isinstance(right, v.SecretOf)
        return v.SecretOf(v.BOOL) if secret else v.BOOL

    def compared(self, node: ast.Binary, left: v.Type, right: v.Type) -> v.Type:
        if v.NULL in (left, right):
            other, side = (right, node.right) if left == v.NULL else (left, node.left)
            if not isinstance(other, v.Optional | v.SecretOf) and other not in (v.ANY, v.NULL):
                self.wrong(side, "only what may be null is compared with null:", f"{v.show_type(other)}?", other)
            return v.BOOL
        if isinstance(opened(left), v.SecretOf) or isinstance(opened(right), v.SecretOf):
            self.out.report(codes.SECRET_SINK, self.at(node), "a secret is compared with nothing but null")
            return v.BOOL
        if holds_secret(left) or holds_secret(right):
            self.out.report(
                codes.SECRET_SINK,
                self.at(node),
                "a secret in it is compared, and that is done with nothing but null",
                hint="compare the fields that are not secret",
            )
            return v.BOOL
        one, other = opened(left), opened(right)
        if not fits(one, other) and not fits(other, one):
            if a_type(left) == a_type(right):  # two records, or lists
                said = f"{v.show_type(left)} is compared with the same type, not {v.show_type(right)}"
                self.out.report(codes.WRONG_TYPE, self.at(node.right), said)
            else:
                self.wrong(node.right, f"{a_type(left)} is compared with", "the same type", right)
        elif node.operator.text in ("==", "!="):
            for side, type_ in ((node.left, other), (node.right, one)):
                if _is_case(side):
                    self.typed[id(side)] = type_  # so that it has its defaults too
        else:
            for side, found in ((node.left, left), (node.right, right)):
                if isinstance(found, v.Optional):
                    self.maybe_null(side)
                elif found not in (v.INT, v.FLOAT, v.STRING, v.ANY) and found not in v.UNITS:
                    self.wrong(side, f"`{node.operator.text}` takes", "numbers, units or texts", found)
                    break  # the other side is as wrong as this one
        return v.BOOL

    def arithmetic(self, node: ast.Binary, left: v.Type, right: v.Type) -> v.Type:
        word = node.operator.text
        if v.ANY in (left, right):
            return v.ANY
        for side, found in ((node.left, left), (node.right, right)):
            if isinstance(found, v.Optional):
                self.maybe_null(side)
                return v.ANY
            if isinstance(found, v.SecretOf):
                self.out.report(codes.SECRET_SINK, self.at(side), f"`{word}` takes no secret")
                return v.ANY
        numbers = (v.INT, v.FLOAT)
        if left in numbers and right in numbers:
            return v.FLOAT if v.FLOAT in (left, right) else v.INT
        if left in v.UNITS and right == left:
            if word in "+-%":
                return left
            if word == "/":
                return v.FLOAT
        if left in v.UNITS and right == v.INT and word in ("*", "/"):
            return left
        if right in v.UNITS and left == v.INT and word == "*":
            return right
        if word == "+" and isinstance(left, v.ListOf) and isinstance(right, v.ListOf):
            return left
        hint = 'put texts together with interpolation: "${a}${b}"' if v.STRING in (left, right) else None
        self.out.report(
            codes.WRONG_TYPE,
            self.at(node.operator),
            f"`{word}` does not take {a_type(left)} and {a_type(right)}",
            hint=hint,
        )
        return v.ANY

    def e_conditional(self, node: ast.Conditional, wanted: v.Type | None) -> v.Type:
        self.condition(node.condition)
        then = self.where_holds(learnt(node.condition), node.then, wanted)
        otherwise = self.where_holds(learnt(node.condition, False), node.otherwise, wanted)
        if wanted is not None and type(opened(wanted)) is v.UnionOf:
            return v.plain(wanted)  # each branch is fitted to it where it stands
        if v.NULL in (then, otherwise):
            other = otherwise if then == v.NULL else then
            return other if isinstance(other, v.Optional) or other in (v.ANY, v.NULL) else v.Optional(other)
        if fits(otherwise, then):
            return then
        if fits(then, otherwise):
            return otherwise
        self.wrong(node.otherwise, "both branches have one type:", v.show_type(then), otherwise)
        return v.ANY


def _is_case(node: Any) -> bool:
    """Whether an expression is a case of a variant, which gets its type from where it stands."""
    return isinstance(node.callee if isinstance(node, ast.Call) else node, ast.Variant)


def _decides(type_: v.Type) -> bool:
    """Whether what a value of the type is compared with gets its own type from it."""
    return isinstance(opened(type_), v.VariantOf | v.TextsOf) or type_ in v.TEXTUAL
