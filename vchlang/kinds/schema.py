"""How a kind is described: `@verb` makes a frozen struct of a class and enters it into the registry.

One class says what the verbs of a kind take: fields, their types, defaults, docs, and what a change of one costs.
The checker, the planner, the editor, the reference and the drivers read the same class. Types of the language are the
annotations below; to msgspec they are plain numbers and texts, so that a plan's arguments become a described class in
one call of `msgspec.convert`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, dataclass_transform

import msgspec

from vchlang import values as v

# ---- the types of the language, as annotations ---------------------------------------------------------------------


class Is(msgspec.Struct, frozen=True):
    """Marks an annotation with the type that the language gives it."""

    type: v.Type


class In(msgspec.Struct, frozen=True, kw_only=True):
    """Marks the annotation of a number with the values that make sense, and why: "ports go from 1 to 65535"."""

    least: int | None = None
    most: int | None = None
    why: str


class Like(msgspec.Struct, frozen=True, kw_only=True):
    """Marks the annotation of a text, or of a map for its keys, with the pattern that it has as a whole, and why."""

    pattern: str
    why: str


Bytes: TypeAlias = Annotated[int, Is(v.BYTES)]
Frequency: TypeAlias = Annotated[int, Is(v.FREQUENCY)]
Duration: TypeAlias = Annotated[int, Is(v.DURATION)]
Name: TypeAlias = Annotated[str, Is(v.NAME)]
Path: TypeAlias = Annotated[str, Is(v.PATH)]
StorePath: TypeAlias = Annotated[str, Is(v.STORE_PATH)]
InventoryPath: TypeAlias = Annotated[str, Is(v.INVENTORY_PATH)]
Cidr: TypeAlias = Annotated[str, Is(v.CIDR)]
Address: TypeAlias = Annotated[str, Is(v.ADDRESS)]
Data: TypeAlias = Annotated[v.DataRef, Is(v.DATA)]
Credentials: TypeAlias = Annotated[Any, Is(v.SecretOf(v.CREDENTIALS))]
SecretOrText: TypeAlias = Annotated[Any, Is(v.MaybeSecret(v.STRING))]
Port: TypeAlias = Annotated[int, In(least=1, most=65535, why="ports go from 1 to 65535")]
Texts: TypeAlias = Annotated[dict[str, str], Like(pattern=r"(?s).*\S.*", why="a key is not empty")]
"""Texts by name."""

Change: TypeAlias = Literal["update", "restart", "replace", "never"]
"""What a change of a field costs: done in place; the executor restarts; a new object; refused."""

# ---- parameters ----------------------------------------------------------------------------------------------------


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a description. `clause` is "in" or "at" for what stands before the body."""

    name: str
    doc: str
    type: v.Type
    required: bool
    default: Any
    change: Change
    clause: str
    kinds: tuple[str, ...]
    compared: bool

    @property
    def finds(self) -> bool:
        """Whether it tells which one is meant of those that are there; all else says what it is to be."""
        return bool(self.clause) or self.name == "name"


class _Given(msgspec.Struct, frozen=True):
    doc: str
    default: Any
    change: Change
    clause: str
    kinds: tuple[str, ...]
    compared: bool


_MISSING: Any = object()


def param(
    doc: str,
    *,
    default: Any = _MISSING,
    change: Change = "update",
    clause: str = "",
    kinds: tuple[str, ...] = (),
    compared: bool = True,
) -> Any:
    """Describe a field. `kinds`: elements of these kinds may stand here too, and stand for their identity.

    `compared=False`: the platform does not tell it back, so only the state knows what was asked for.
    """
    return _Given(doc, default, change, clause, kinds, compared)


# ---- verbs and kinds -----------------------------------------------------------------------------------------------

C = TypeVar("C")


class Fact(msgspec.Struct, frozen=True):
    """What can be read of an element once it is there; `roles` means that it is called with a role."""

    name: str
    type: v.Type
    doc: str
    roles: bool = False


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One set of arguments and the words that take it. fields: those of the body; clauses: those before it."""

    kind: str
    words: tuple[str, ...]
    roles: tuple[str, ...] = ()
    free_roles: bool = False
    params: dict[str, Param]
    fields: dict[str, Param]
    clauses: dict[str, Param]
    cls: Any
    doc: str
    examples: tuple[str, ...]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a kind: how it comes into the script, and how it is joined and bound."""

    name: str
    doc: str
    element: Verb
    join: Verb | None
    bind: Verb | None
    facts: dict[str, Fact]
    recorded: bool

    @property
    def words(self) -> tuple[str, ...]:
        return self.element.words


_VERBS: dict[tuple[str, str], Verb] = {}
_FACTS: dict[str, tuple[tuple[Fact, ...], bool]] = {}
_STRUCTS: dict[type, dict[str, _Given]] = {}
KINDS: dict[str, Kind] = {}


def _define(cls: type, **options: Any) -> type:
    """A frozen msgspec struct with the fields of a described class."""
    given: dict[str, _Given] = {}
    fields: list[Any] = []
    for name, annotation in cls.__annotations__.items():
        one = cls.__dict__.get(name)
        if not isinstance(one, _Given):
            raise TypeError(f"{cls.__name__}.{name} is not described by param(). This is a bug in vch.")
        given[name] = one
        if one.default is _MISSING:
            fields.append((name, annotation))
        else:
            fields.append((name, annotation, one.default))
    namespace = {"__doc__": cls.__doc__, "__module__": cls.__module__}
    made = msgspec.defstruct(
        cls.__name__,
        fields,
        bases=(msgspec.Struct,),
        namespace=namespace,
        frozen=True,
        kw_only=True,
        module=cls.__module__,
        **options,
    )
    _STRUCTS[made] = given
    return made


@dataclass_transform(field_specifiers=(param,), kw_only_default=True, frozen_default=True)
def record(cls: type[C]) -> type[C]:
    """A record inside a description: `limits: { cpu: …, memory: … }`."""
    return typing.cast("type[C]", _define(cls))


@dataclass_transform(field_specifiers=(param,), kw_only_default=True, frozen_default=True)
def case(tag: str) -> Callable[[type[C]], type[C]]:
    """One case of a variant with fields: `.static(address: …)`. In a plan it carries its name as `is`."""

    def wrap(cls: type[C]) -> type[C]:
        return typing.cast("type[C]", _define(cls, tag=tag, tag_field="is"))

    return wrap


@dataclass_transform(field_specifiers=(param,), kw_only_default=True, frozen_default=True)
def verb(
    kind: str, *words: str, roles: tuple[str, ...] = (), free_roles: bool = False, examples: tuple[str, ...] = ()
) -> Callable[[type[C]], type[C]]:
    """Enter a class into the registry as what `words` of `kind` take. `free_roles`: a role may be any word."""

    def wrap(cls: type[C]) -> type[C]:
        made = _define(cls)
        params = _params(made)
        _VERBS[kind, words[0]] = Verb(
            kind=kind,
            words=words,
            roles=roles,
            free_roles=free_roles,
            params=params,
            fields={name: one for name, one in params.items() if not one.clause},
            clauses={one.clause: one for one in params.values() if one.clause},
            cls=made,
            doc=(cls.__doc__ or "").strip(),
            examples=examples,
        )
        return typing.cast("type[C]", made)

    return wrap


def kind(name: str, *, facts: tuple[Fact, ...] = (), recorded: bool = False) -> None:
    """Enter a kind after its verbs. `recorded`: the platform has no object for it until a commit takes it along."""
    element = next(verb for (of, word), verb in _VERBS.items() if of == name and word not in ("join", "bind"))
    KINDS[name] = Kind(
        name=name,
        doc=element.doc,
        element=element,
        join=_VERBS.get((name, "join")),
        bind=_VERBS.get((name, "bind")),
        facts={fact.name: fact for fact in facts},
        recorded=recorded,
    )


def kind_of(name: str) -> Kind:
    """The description of a kind that is known to exist."""
    return KINDS[name]


class Bound(msgspec.Struct, frozen=True):
    """Which values of a field make sense, or of a part of it: `path` is (field,), or (field, part)."""

    path: tuple[str, ...]
    mark: In | Like


_BOUNDS: dict[type, tuple[Bound, ...]] = {}


def bounds_of(verb: Verb) -> tuple[Bound, ...]:
    """What the values of a verb's fields, and of the members of records and cases in them, have to be."""
    if verb.cls not in _BOUNDS:
        fields = msgspec.structs.fields(verb.cls)
        _BOUNDS[verb.cls] = tuple(dict.fromkeys(one for f in fields for one in _bounds(f.type, (f.name,))))
    return _BOUNDS[verb.cls]


def _bounds(annotation: Any, path: tuple[str, ...]) -> Iterator[Bound]:
    if typing.get_origin(annotation) is Annotated:
        yield from (Bound(path, mark) for mark in annotation.__metadata__ if isinstance(mark, In | Like))
    elif isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if len(path) == 1:
            for field in msgspec.structs.fields(annotation):
                yield from _bounds(field.type, (*path, field.name))
    elif typing.get_origin(annotation) not in (list, dict, tuple, Literal):
        for option in typing.get_args(annotation):  # of a union
            yield from _bounds(option, path)


def _params(cls: type) -> dict[str, Param]:
    out: dict[str, Param] = {}
    given = _STRUCTS[cls]
    for field in msgspec.structs.fields(cls):
        one = given[field.name]
        out[field.name] = Param(
            name=field.name,
            doc=one.doc,
            type=language_type(field.type),
            required=one.default is _MISSING,
            default=None if one.default is _MISSING else one.default,
            change=one.change,
            clause=one.clause,
            kinds=one.kinds,
            compared=one.compared,
        )
    return out


# ---- annotations to types of the language --------------------------------------------------------------------------

_PLAIN: dict[Any, v.Type] = {bool: v.BOOL, int: v.INT, float: v.FLOAT, str: v.STRING, Any: v.ANY}
_MADE: dict[Any, v.Type] = {}


def language_type(annotation: Any) -> v.Type:
    """The type that the language gives an annotation of a description."""
    try:
        if (made := _MADE.get(annotation)) is not None:
            return made
    except TypeError:  # an annotation that cannot be hashed is worked out anew
        return _language_type(annotation)
    made = _MADE[annotation] = _language_type(annotation)
    return made


def _language_type(annotation: Any) -> v.Type:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = typing.get_origin(annotation)
    args = typing.get_args(annotation)
    if origin is Annotated:
        for mark in args[1:]:
            if isinstance(mark, Is):
                return mark.type
        return language_type(args[0])
    if origin is Literal:
        return v.VariantOf("", tuple(v.Case(str(word), ()) for word in args))
    if origin in (list, tuple):
        return v.ListOf(language_type(args[0]))
    if origin is dict:
        return v.MapOf(language_type(args[0]), language_type(args[1]))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        info = annotation.__struct_config__
        fields = _fields(annotation)
        return v.VariantOf("", (v.Case(str(info.tag), fields),)) if info.tag else v.RecordOf(fields)
    if args:  # a union
        rest = [one for one in args if one is not type(None)]
        inner = language_type(rest[0]) if len(rest) == 1 else _variants(rest)
        return v.Optional(inner) if len(rest) < len(args) else inner
    raise TypeError(f"{annotation!r} is no type of a description. This is a bug in vch.")


def _variants(options: list[Any]) -> v.Type:
    cases: list[v.Case] = []
    for option in options:
        made = language_type(option)
        if not isinstance(made, v.VariantOf):
            raise TypeError(f"{option!r} is no case of a variant. This is a bug in vch.")
        cases += made.cases
    return v.VariantOf("", tuple(cases))


def _fields(cls: type) -> tuple[v.FieldOf, ...]:
    given = _STRUCTS[cls]
    return tuple(
        v.FieldOf(field.name, language_type(field.type), given[field.name].default is _MISSING, given[field.name].doc)
        for field in msgspec.structs.fields(cls)
    )
