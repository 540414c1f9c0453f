"""Operators and conditionals worked out: what is not known stays so, unless one side alone decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fitting import Fitting
from vchlang.analysis.scopes import MAX_ITEMS, NOTHING, Scope
from vchlang.syntax import ast


class Operating(Fitting):
    """Values of operators."""

    def eval(self, node: Any, scope: Scope) -> Any:
        """The value of an expression; the evaluation of expressions knows how."""
        raise NotImplementedError

    def whole(self, number: int, node: Any) -> int:
        if not v.INT_MIN <= number <= v.INT_MAX:
            raise self.mistake(codes.OVERFLOW, node, "the result does not fit in 64 bits")
        return number

    def unary(self, node: ast.Unary, scope: Scope) -> Any:
        value = self.eval(node.operand, scope)
        if node.operator.text == "not":
            return (not value) if isinstance(value, bool) else self.untold(node, "`not`", value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.untold(node, "`-`", value)
        return type(value)(-value) if isinstance(value, float) else type(value)(self.whole(-int(value), node))

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
            same = self.equal(self.as_typed(left, node.left), self.as_typed(right, node.right), word == "==")
            return self.untold(node, f"`{word}`", left, right) if same is NOTHING else same
        if isinstance(left, v.Unknown | v.Template | v.Secret) or isinstance(right, v.Unknown | v.Template | v.Secret):
            return self.untold(node, f"`{word}`", left, right)
        if word == "..":
            return v.Range(left, right)
        if word == "in" and not isinstance(right, dict) and self.is_open(right):
            return self.untold(node, "`in`", left, right)
        if word == "in":
            if isinstance(node.right, ast.ListExpr) and isinstance(right, list):
                if len(right) == len(node.right.items):
                    right = [self.as_typed(one, item) for one, item in zip(right, node.right.items, strict=True)]
            self.steps -= self.weight(right) >> 5 if type(right) is list else 0
            left = self.as_typed(left, node.left)
            return _contains(right, left)
        try:
            if word in _ORDER:
                return _ORDER[word](left, right)
            return self.arithmetic(node, word, left, right)
        except TypeError:
            return NOTHING

    def untold(self, node: Any, what: str, *values: Any) -> Any:
        """NOTHING, for a result that depends on what is not known; a report where that is a secret.

        The checker reports what the types tell. Here a secret came through a list of several types, or a record in one.
        """
        if not self.program.has_errors and any(isinstance(one, v.Secret) for all_ in values for one in v.leaves(all_)):
            self.report(codes.SECRET_SINK, node, f"{what} would tell of a secret")
        return NOTHING

    def as_typed(self, value: Any, node: Any) -> Any:
        """A case that is compared, with the names and defaults of what it carries."""
        type_ = self.module.program.typed.get(id(node)) if isinstance(value, v.VariantValue) else None
        return value if type_ is None else self.fit(value, type_, node)

    def equal(self, left: Any, right: Any, same: bool) -> Any:
        if isinstance(left, v.Unknown) or isinstance(right, v.Unknown):
            return NOTHING
        if left is None or right is None:
            return (left is None and right is None) == same
        if self.is_open(left) or self.is_open(right):
            return NOTHING
        self.steps -= min(self.weight(left), self.weight(right)) >> 5
        if isinstance(left, v.VariantValue) and isinstance(right, v.VariantValue) and left.case == right.case:
            # Where it stands for itself, a variant has its fields by place, and those only that are written.
            mine, other = _written(left), _written(right)
            if all(key.isdigit() for key in mine) == all(key.isdigit() for key in other):
                return (mine == other) == same
            return (list(mine.values()) == list(other.values())) == same
        return (left == right) == same

    def arithmetic(self, node: ast.Binary, word: str, left: Any, right: Any) -> Any:
        if isinstance(left, list) and isinstance(right, list) and word == "+":
            if len(left) + len(right) > MAX_ITEMS:
                self.limit(codes.LIMIT_SIZE, node, f"a list has more than {MAX_ITEMS:,} values")
            return left + right
        unit_left, unit_right = type(left) in v.UNIT_TYPES, type(right) in v.UNIT_TYPES
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or isinstance(left, bool) or isinstance(right, bool):
            return NOTHING
        if word in "/%" and right == 0:
            raise self.mistake(codes.DIVISION_BY_ZERO, node.right, "this is zero, and nothing is divided by it")
        if unit_left and unit_right:
            if type(left) is not type(right) or word == "*":
                return NOTHING
            if word == "/":
                return int(left) / int(right)
            return type(left)(self.whole(_MATH[word](int(left), int(right)), node))
        if unit_left or unit_right:
            cls = type(left) if unit_left else type(right)
            if word == "*" and isinstance(left, int) and isinstance(right, int):
                return cls(self.whole(int(left) * int(right), node))
            if word == "/" and unit_left and type(right) is int:
                if int(left) % right:
                    raise self.mistake(
                        codes.INEXACT,
                        node,
                        f"{v.show(left)} ÷ {right} is not whole",
                        "a unit divided by a number must come out whole",
                    )
                return cls(int(left) // right)
            return NOTHING
        if word == "/" and type(left) is int and type(right) is int:
            quotient = abs(left) // abs(right)
            return self.whole(quotient if (left < 0) == (right < 0) else -quotient, node)
        value = _MATH[word](left, right)
        if type(value) is float and not math.isfinite(value):
            raise self.mistake(codes.OVERFLOW, node, "the result is too large for a Float")
        return self.whole(value, node) if type(value) is int else value

    def conditional(self, node: ast.Conditional, scope: Scope) -> Any:
        condition = self.eval(node.condition, scope)
        if condition is True:
            return self.eval(node.then, scope)
        return self.eval(node.otherwise, scope) if condition is False else NOTHING


def _written(variant: v.VariantValue) -> dict[str, Any]:
    """The fields of a variant; one that is null is as if it were not written."""
    return {key: one for key, one in variant.fields.items() if one is not None}


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


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _remainder(left: Any, right: Any) -> Any:
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
