"""Functions of numbers and units. A result of more than 64 bits is an error, as with operators."""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import NUMBER, Mistake, T, group, ordered, shortened, whole

_number = group("numbers")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FLOAT_DIGITS = 15


def _is_number(*values: Any) -> None:
    for one in values:
        if isinstance(one, bool) or not isinstance(one, int | float):
            raise Mistake("wrong-type", f"a number or a unit belongs here, not {v.brief(one)}")


@_number(T, "min(2, 1) == 1", ("first", T), ("second", T), variadic=True)
def min_(*args: Any) -> Any:
    """The smallest of several. Of a list: `min_of`."""
    ordered(args, "min")
    return min(args)


@_number(T, "max(2, 1) == 2", ("first", T), ("second", T), variadic=True)
def max_(*args: Any) -> Any:
    """The largest of several. Of a list: `max_of`."""
    ordered(args, "max")
    return max(args)


@_number(T, "clamp(12, 1, 10) == 10", ("value", T), ("low", T), ("high", T))
def clamp(value: Any, low: Any, high: Any) -> Any:
    """The value, or the nearest end of the range when it is outside."""
    ordered((value, low, high), "clamp")
    if low > high:
        raise Mistake("wrong-arguments", f"the range from {v.show(low)} to {v.show(high)} is empty")
    return min(max(value, low), high)


def _same(types: list[v.Type]) -> v.Type:
    return types[0] if types else v.ANY


@_number(NUMBER, "abs(-3) == 3", ("number", NUMBER), result=_same)
def abs_(number: Any) -> Any:
    """The number without its sign."""
    _is_number(number)
    return number if number >= 0 else type(number)(whole(-int(number)) if isinstance(number, int) else -number)


@_number(v.INT, "sign(-3) == -1", ("number", NUMBER))
def sign(number: Any) -> int:
    """-1, 0 or 1: whether the number is below, at or above zero."""
    _is_number(number)
    return 1 if number > 0 else -1 if number < 0 else 0


@_number(v.INT, "floor(7 / 2.0) == 3", ("number", v.FLOAT))
def floor(number: float) -> int:
    """The largest whole number that is not larger."""
    import math

    return whole(math.floor(_finite(number)))


@_number(v.INT, "ceil(7 / 2.0) == 4", ("number", v.FLOAT))
def ceil(number: float) -> int:
    """The smallest whole number that is not smaller."""
    import math

    return whole(math.ceil(_finite(number)))


def _round_type(types: list[v.Type]) -> v.Type:
    return v.FLOAT if len(types) > 1 else v.INT


@_number(
    v.UnionOf((v.INT, v.FLOAT)),
    "round(2.5) == 3 and round(3.14159, 2) == 3.14",
    ("number", v.FLOAT),
    ("digits", v.INT),
    optional=1,
    result=_round_type,
)
def round_(number: float, digits: int | None = None) -> int | float:
    """The nearest whole number; with `digits`, the nearest number with so many after the point. Halves go outwards."""
    if digits is None:
        return whole(int(_rounded(number, 0)))
    return float(_rounded(number, digits))


@_number(v.STRING, 'fixed(3, 2) == "3.00"', ("number", v.FLOAT), ("digits", v.INT))
def fixed(number: float, digits: int) -> str:
    """A number as text with so many digits after the point, rounded as `round` does."""
    return format(_rounded(number, digits), "f")


def _rounded(number: float, digits: int) -> Any:
    import decimal

    if not 0 <= digits <= _FLOAT_DIGITS:
        raise Mistake("wrong-arguments", f"digits after the point are 0 to {_FLOAT_DIGITS}, not {digits}")
    # What the number reads as is rounded, not its binary neighbour: 2.675 gives 2.68.
    with decimal.localcontext() as context:
        context.prec = 400
        exact = decimal.Decimal(repr(_finite(number)))
        made = exact.quantize(decimal.Decimal(1).scaleb(-digits), rounding=decimal.ROUND_HALF_UP)
        return abs(made) if made == 0 else made


def _finite(number: float) -> float:
    if number - number != 0:  # of infinity and of what is no number, not zero
        raise Mistake("out-of-range", "the number is not finite")
    return number


@_number(v.INT, "pow(2, 10) == 1024", ("base", v.INT), ("exponent", v.INT))
def pow_(base: int, exponent: int) -> int:
    """The base so many times by itself, in whole numbers."""
    if exponent < 0:
        raise Mistake("wrong-arguments", f"a whole number to the power of {exponent} is not whole")
    if exponent > 64 and abs(base) > 1:
        raise Mistake("limit-int", "the result does not fit in 64 bits")
    return whole(base**exponent)


@_number(v.FLOAT, "log(8, 2) == 3.0", ("number", v.FLOAT), ("base", v.FLOAT))
def log(number: float, base: float) -> float:
    """The logarithm of a number to a base; exact for whole powers of 2 and 10."""
    import math

    if not number > 0:
        raise Mistake("wrong-arguments", f"only a number above zero has a logarithm, not {v.show(number)}")
    if not base > 0 or base == 1:
        raise Mistake("wrong-arguments", f"the base of a logarithm is above zero and not 1, not {v.show(base)}")
    _finite(number)
    _finite(base)
    if base in (2, 10):
        return math.log2(number) if base == 2 else math.log10(number)
    return math.log(number) / math.log(base)


@_number(v.INT, "whole(8GiB, 3GiB) == 2", ("total", T), ("part", T))
def whole_(total: Any, part: Any) -> int:
    """How many times a part goes whole into a total of its type: `whole(memory, 1MiB)` is a number of MiB."""
    _is_number(total, part)
    if type(total) is not type(part) or isinstance(total, float):
        raise Mistake("wrong-type", "`whole` takes two whole numbers, or two units of one type")
    if part == 0:
        raise Mistake("division-by-zero", "the part is zero, and nothing is divided by it")
    return whole(int(total) // int(part))


@_number(v.STRING, 'to_base(255, 16) == "ff"', ("number", v.INT), ("base", v.INT))
def to_base(number: int, base: int) -> str:
    """A whole number as text in another base, 2 to 36: `to_base(mode, 8)` is octal."""
    _base(base)
    out: list[str] = []
    left = abs(number)
    while left or not out:
        left, digit = divmod(left, base)
        out.append(_DIGITS[digit])
    return ("-" if number < 0 else "") + "".join(reversed(out))


@_number(v.INT, 'from_base("ff", 16) == 255', ("text", v.STRING), ("base", v.INT))
def from_base(text: str, base: int) -> int:
    """The whole number that a text is in another base, 2 to 36."""
    _base(base)
    digits = text.removeprefix("-").lower()
    if not digits or len(digits) > 64 or any(one not in _DIGITS[:base] for one in digits):
        raise Mistake("bad-text", f"{shortened(text)} is no whole number in base {base}")
    return whole(int(text, base))


def _base(base: int) -> None:
    if not 2 <= base <= len(_DIGITS):
        raise Mistake("wrong-arguments", f"a base is 2 to {len(_DIGITS)}, not {base}")
