"""The table of functions, how one is described, and the limits that all of them keep.

A function is described once: its parameters and result with type variables, its group, and an example that is true.
What the checker asks of it (the types of a lambda's parameters, the type of the result) is worked out from that
description and the types of the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from vchlang import values as v
from vchlang.analysis.fit import bad_text, join_types

MAX_TEXT = 16 * 2**20
"""Characters of a text."""
MAX_ITEMS = 1_000_000
"""Values of a list or map."""
MAX_PARTS = 100_000
"""Parts of one value that is compared with others as a whole."""
MAX_DEPTH = 100
"""How deep what is decoded may nest: evaluation and plans recurse into it."""

T, U = v.Simple("T"), v.Simple("U")
"""Type variables of a description: whatever the arguments have there."""
_VARIABLES = frozenset({T, U})
LIST_OF_T = v.ListOf(T)
MAP_OF_T = v.MapOf(v.STRING, T)
NUMBER = v.UnionOf((v.INT, v.FLOAT, v.BYTES, v.FREQUENCY, v.DURATION))
GROUPS = {
    "texts": "Texts",
    "patterns": "Patterns",
    "lists": "Lists",
    "maps": "Maps and records",
    "numbers": "Numbers and units",
    "types": "Types",
    "networks": "Address ranges",
    "encoding": "Encoding",
    "digests": "Digests",
    "times": "Dates and times",
    "paths": "Paths",
    "reading": "Reading",
    "probes": "Probes",
}
"""The title of each group of functions by its name, in the order in which people read about them."""


class Function(msgspec.Struct, frozen=True):
    """The type of a lambda in a description."""

    params: tuple[v.Type, ...]
    result: v.Type


Declared: TypeAlias = v.Type | Function
Result: TypeAlias = v.Type | Callable[[list[v.Type]], v.Type]


class Mistake(Exception):
    """A call that its arguments make impossible; the message is for the user. `code` is a diagnostic's slug."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Misfit(TypeError):
    """An argument of a type that the function does not take.

    The checker reports what it can see. This is for what came through a value whose type nobody could tell, as what
    `json_decode` gives, and for texts that were put together.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Builtin(msgspec.Struct, frozen=True, kw_only=True):
    """One function. A parameter of type ANY takes what `run` can work with; `optional` counts from the end.

    run: raises Mistake and Misfit, and nothing else for arguments of a number that the description allows.

    params: without type variables, as arguments are checked. declared and gives: with them, as a person reads it.
    item: for functions that take a lambda, the types of its parameters, from the types of the other arguments.
    reads: it is a question to `Inputs`, not a function.
    shape: it looks at how much there is, or hands values on as they are: some of them may be unknown or secret.
    passes: what its lambda gives becomes part of the result, and may be unknown or secret too.
    probe: it asks the world after an apply, and stands in a `verify` only; it `reads` too, as it is no function.
    """

    name: str
    group: str
    params: tuple[tuple[str, v.Type], ...]
    declared: tuple[tuple[str, Declared], ...]
    gives: v.Type
    optional: int
    result: Result
    run: Callable[..., Any]
    doc: str
    example: str
    item: Callable[[list[v.Type]], tuple[v.Type, ...]] | None = None
    reads: bool = False
    variadic: bool = False
    shape: bool = False
    passes: bool = False
    probe: bool = False

    @property
    def signature(self) -> str:
        """As a person reads it: `lookup(map: {String: T}, key: String, default: T) -> T`."""
        params = [f"{name}: {shown(type_)}" for name, type_ in self.declared]
        for at in range(len(params) - self.optional, len(params)):
            params[at] = params[at].replace(":", "?:", 1)
        return f"{self.name}({', '.join(params)}{', …' if self.variadic else ''}) -> {shown(self.gives)}"


DESCRIBED: dict[str, Builtin] = {}
"""The functions of the modules that are loaded."""


def group(name: str) -> Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """What describes the functions of one group: a decorator factory.

    gives: the type of the result. example: an expression that is true. params: each with its type, variables in it.
    result: the type of the result from those of the arguments, where the description alone does not tell.
    """
    if name not in GROUPS:
        raise ValueError(f"no group is called {name}. This is a bug in vch.")

    def define(
        gives: v.Type,
        example: str,
        *params: tuple[str, Declared],
        optional: int = 0,
        result: Callable[[list[v.Type]], v.Type] | None = None,
        reads: bool = False,
        variadic: bool = False,
        shape: bool = False,
        passes: bool = False,
        probe: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def wrap(run: Callable[..., Any]) -> Callable[..., Any]:
            called = run.__name__.rstrip("_")
            types = tuple(type_ for _, type_ in params)
            plain = tuple((param, _without_variables(type_)) for param, type_ in params)
            if called in DESCRIBED:
                raise ValueError(f"two functions are called {called}. This is a bug in vch.")
            DESCRIBED[called] = Builtin(
                name=called,
                group=name,
                params=plain,
                declared=params,
                gives=gives,
                optional=optional,
                result=result or (_result_of(types, gives) if _has_variables(gives) else gives),
                run=run if reads or probe else _guarded(run, called, plain),
                doc=(run.__doc__ or "").strip(),
                example=example,
                item=_items_of(types) if any(isinstance(one, Function) for one in types) else None,
                reads=reads or probe,
                variadic=variadic,
                shape=shape,
                passes=passes,
                probe=probe,
            )
            return run

        return wrap

    return define


# ---- types from the types of arguments -----------------------------------------------------------------------------


def shown(type_: Declared) -> str:
    """A type of a description, lambdas too."""
    if isinstance(type_, Function):
        params = ", ".join(shown(one) for one in type_.params)
        return f"{params if len(type_.params) == 1 else f'({params})'} => {shown(type_.result)}"
    return "Number" if type_ == NUMBER else v.show_type(type_)


def bound(declared: Iterable[Declared], types: list[v.Type]) -> dict[v.Type, v.Type]:
    """What each type variable stands for, when arguments of these types are given."""
    found: dict[v.Type, v.Type] = {}
    params = list(declared)
    for at, type_ in enumerate(types):
        if params:
            _learn(params[min(at, len(params) - 1)], type_, found)
    return found


def filled(type_: v.Type, known: dict[v.Type, v.Type]) -> v.Type:
    """A type of a description with its variables replaced; ANY where an argument told nothing."""
    if type_ in _VARIABLES:
        return known.get(type_, v.ANY)
    match type_:
        case v.ListOf(item):
            return v.ListOf(filled(item, known))
        case v.MapOf(key, item):
            return v.MapOf(key, filled(item, known))
        case v.Optional(inner):
            made = filled(inner, known)
            return made if isinstance(made, v.Optional) else v.Optional(made)
        case v.RecordOf(fields):
            return v.RecordOf(tuple(v.FieldOf(one.name, filled(one.type, known), one.required) for one in fields))
        case _:
            return type_


def _learn(declared: Declared, type_: v.Type, found: dict[v.Type, v.Type]) -> None:
    match declared:
        case v.Simple() if declared in _VARIABLES:
            old = found.get(declared)
            if old is not None and type_ == v.NULL:
                found[declared] = old if isinstance(old, v.Optional) else v.Optional(old)
            else:
                found[declared] = join_types(old, type_)
        case v.Optional(inner):
            if type_ != v.NULL:
                _learn(inner, type_.inner if isinstance(type_, v.Optional) else type_, found)
        case v.ListOf(item) if isinstance(type_, v.ListOf):
            _learn(item, type_.item, found)
        case v.MapOf(_, item) if isinstance(type_, v.MapOf):
            _learn(item, type_.value, found)
        case v.MapOf(_, item) if isinstance(type_, v.RecordOf):
            for one in type_.fields:
                _learn(item, one.type, found)
        case v.RecordOf(fields) if isinstance(type_, v.RecordOf):
            have = {one.name: one.type for one in type_.fields}
            for field in fields:
                if field.name in have:
                    _learn(field.type, have[field.name], found)
        case v.UnionOf(options):
            for option in options:
                if _has_variables(option) and isinstance(type_, type(option)):
                    _learn(option, type_, found)
        case Function(result=result):
            _learn(result, type_, found)
        case _:
            pass


def _result_of(params: tuple[Declared, ...], gives: v.Type) -> Callable[[list[v.Type]], v.Type]:
    return lambda types: filled(gives, bound(params, types))


def _items_of(params: tuple[Declared, ...]) -> Callable[[list[v.Type]], tuple[v.Type, ...]]:
    def item(types: list[v.Type]) -> tuple[v.Type, ...]:
        function = params[min(len(types), len(params) - 1)]
        assert isinstance(function, Function)
        known = bound(params, types)
        return tuple(filled(one, known) for one in function.params)

    return item


def _has_variables(type_: Declared) -> bool:
    match type_:
        case v.ListOf(inner) | v.Optional(inner) | v.MapOf(_, inner):
            return _has_variables(inner)
        case v.RecordOf(fields):
            return any(_has_variables(one.type) for one in fields)
        case v.UnionOf(options):
            return any(_has_variables(one) for one in options)
        case _:
            return type_ in _VARIABLES


def _without_variables(type_: Declared) -> v.Type:
    """A parameter as arguments are checked against it."""
    if isinstance(type_, Function):
        return v.FunctionOf(len(type_.params))
    match type_:
        case v.ListOf(item):
            return v.ListOf(_without_variables(item))
        case v.MapOf(key, item):
            return v.MapOf(key, _without_variables(item))
        case v.Optional(inner):
            return v.ANY if inner in _VARIABLES else v.Optional(_without_variables(inner))
        case v.RecordOf(fields):
            return v.RecordOf(tuple(v.FieldOf(one.name, _without_variables(one.type), one.required) for one in fields))
        case v.UnionOf(options):
            return v.UnionOf(tuple(_without_variables(one) for one in options))
        case _:
            return v.ANY if type_ in _VARIABLES else type_


# ---- arguments whose type the checker could not see ----------------------------------------------------------------


def _guarded(run: Callable[..., Any], name: str, params: tuple[tuple[str, v.Type], ...]) -> Callable[..., Any]:
    if all(type_ == v.ANY for _, type_ in params):
        return run
    last = len(params) - 1

    def guarded(*args: Any) -> Any:
        for at, value in enumerate(args):
            param, type_ = params[at if at < last else last]
            if type_ != v.ANY and not _is_of(value, type_):
                why = v.text_mistake(value, type_) if isinstance(value, str) and type_ in v.TEXTUAL else None
                if why is not None:
                    raise Misfit("bad-text", bad_text(value, type_, why))
                said = v.brief(value, 60)
                raise Misfit("wrong-type", f"`{param}` of `{name}` takes {shown(type_)}, not {said}")
        return run(*args)

    return guarded


def _is_of(value: Any, type_: v.Type) -> bool:
    """Whether a value may be given for a parameter; what is not known may be anything."""
    if type_ == v.ANY or is_open(value):
        return True
    match type_:
        case v.Simple():
            if type_ == v.STRING:
                return isinstance(value, str)
            if type_ in v.TEXTUAL:
                return isinstance(value, str) and v.text_mistake(value, type_) is None
            if type_ == v.BOOL:
                return isinstance(value, bool)
            if type_ == v.INT:
                return type(value) is int
            if type_ == v.FLOAT:
                return type(value) in (int, float)
            return v.UNIT_TYPES.get(type(value)) == type_
        case v.Optional(inner):
            return value is None or _is_of(value, inner)
        case v.ListOf(item):
            return isinstance(value, list) and (item == v.ANY or all(_is_of(one, item) for one in value))
        case v.MapOf(_, item):
            return isinstance(value, dict) and (item == v.ANY or all(_is_of(one, item) for one in value.values()))
        case v.RecordOf(fields):
            return isinstance(value, dict) and all(
                one.name in value and _is_of(value[one.name], one.type) for one in fields
            )
        case v.UnionOf(options):
            # Which of several forms a text has, only the function itself can say.
            return any(_is_of(value, v.STRING if one in v.TEXTUAL else one) for one in options)
        case v.FunctionOf():
            return callable(value)
        case _:
            return False


# ---- limits, before anything is built ------------------------------------------------------------------------------


def allow_text(length: int) -> None:
    """Raise Mistake when a text of this many characters is more than the budget allows."""
    if length > MAX_TEXT:
        raise Mistake("limit-size", "the text would be larger than 16 MiB")


def allow_items(count: int) -> None:
    """Raise Mistake when a list or map of this many values is more than the budget allows."""
    if count > MAX_ITEMS:
        raise Mistake("limit-size", f"the result would have more than {MAX_ITEMS:,} values")


def work(args: Iterable[Any]) -> int:
    """How many steps of the budget a call is worth, from the size of its arguments: one for each 64 characters or
    16 values. Without it, a short loop over a long text takes hours."""
    steps = 0
    for one in args:
        if isinstance(one, str):
            steps += len(one) >> 6
        elif isinstance(one, list | dict):
            steps += len(one) >> 4
    return steps


# ---- values of arguments -------------------------------------------------------------------------------------------


def whole(number: int) -> int:
    """A number that has 64 bits; Mistake otherwise."""
    if not v.INT_MIN <= number <= v.INT_MAX:
        raise Mistake("limit-int", "the result does not fit in 64 bits")
    return number


def shortened(text: str) -> str:
    """A text as a message shows it."""
    return v.quoted(text if len(text) <= 60 else text[:57] + "…")


def as_key(value: Any) -> str:
    """A value as the key of a map; Mistake when it cannot be one."""
    if isinstance(value, str):
        if value.startswith("$"):
            raise Mistake("bad-text", f"a key does not begin with `$`, as {shortened(value)} does")
        return value
    if type(value) is int:
        return str(value)
    raise Mistake("wrong-type", f"a key is a text or a whole number, not {v.brief(value)}")


def is_open(value: Any) -> bool:
    """Whether a function gave what is not known, or not to be known. What comes of it is thrown away."""
    return isinstance(value, v.Unknown | v.Template | v.Secret)


def holds(value: Any) -> bool:
    """What a function that is a condition gave."""
    if isinstance(value, bool):
        return value
    if is_open(value):
        return False
    raise Mistake("wrong-type", f"the function gives true or false, not {v.brief(value)}")


def same_key(value: Any) -> Any:
    """Something hashable that is equal exactly where the language takes values for equal.

    The parts are counted as often as they stand: lists may share theirs, and have far more of them than memory holds.
    """
    left = MAX_PARTS

    def key(one: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Mistake("limit-size", f"a value with more than {MAX_PARTS:,} parts is compared with nothing")
        match one:
            case bool():
                return (bool, one)
            case list():
                return (list, tuple([key(part) for part in one]))
            case dict():
                return (dict, frozenset([(name, key(part)) for name, part in one.items()]))
            case v.VariantValue(case=case, fields=fields):
                return (v.VariantValue, case, tuple([key(part) for part in fields.values()]))
            case v.Bytes() | v.Frequency() | v.Duration():
                return (type(one), int(one))
            case _:
                return one

    return key(value)


def ordered(values: Iterable[Any], name: str) -> None:
    """Raise Mistake unless the values have an order: numbers, units of one type, or texts."""
    kinds = {type(one) for one in values}
    if kinds <= {int, float} or (len(kinds) == 1 and kinds <= {str, v.Bytes, v.Frequency, v.Duration}):
        return
    raise Mistake("wrong-type", f"`{name}` takes numbers, units or texts, all of one type")
