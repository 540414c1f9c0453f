"""Types and values of the language.

A value is what Python has for it where that is exact (bool, int, float, str, list, dict, None), else one of the
classes below. Units are whole numbers of their smallest part with a class that remembers the dimension. A `Secret`
never shows what it holds. An `Unknown` is what only the platform will tell, with its type; a text with one in it is a
`Template`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1


# ---- types ---------------------------------------------------------------------------------------------------------


class Simple(msgspec.Struct, frozen=True):
    """A type that is known by its name."""

    name: str


class Optional(msgspec.Struct, frozen=True):
    """`T?`."""

    inner: Type


class ListOf(msgspec.Struct, frozen=True):
    item: Type


class MapOf(msgspec.Struct, frozen=True):
    key: Type
    value: Type


class Home(msgspec.Struct, frozen=True):
    """Where a piece of a type is written: the file, and the base of its top-level statement."""

    path: str
    base: int


class FieldOf(msgspec.Struct, frozen=True):
    """A member of a record, or what a case carries.

    home: of a member that a script declares; then `default` and `where` are expressions of it, or None.
    """

    name: str
    type: Type
    required: bool
    doc: str = ""
    default: Any = None
    where: Any = None
    home: Home | None = None


class RecordOf(msgspec.Struct, frozen=True):
    fields: tuple[FieldOf, ...]


class Case(msgspec.Struct, frozen=True):
    name: str
    fields: tuple[FieldOf, ...]


class VariantOf(msgspec.Struct, frozen=True):
    """One of several cases: `.dhcp`, `.static(address: …)`. `name` is empty where it was never declared by name."""

    name: str
    cases: tuple[Case, ...]

    def case(self, name: str) -> Case | None:
        for case in self.cases:
            if case.name == name:
                return case
        return None


class TextsOf(msgspec.Struct, frozen=True):
    """A union of texts: `"small" | "large"`."""

    texts: tuple[str, ...]


class KindOf(msgspec.Struct, frozen=True):
    """An element of a kind."""

    kind: str


class Named(msgspec.Struct, frozen=True):
    """A type that a script names: `type Port = Int where …`. `where` is its constraint, or None."""

    name: str
    inner: Type
    where: Any
    home: Home


class UnionOf(msgspec.Struct, frozen=True):
    """A value of one of several types: `String | [String]`."""

    options: tuple[Type, ...]


class InstanceOf(msgspec.Struct, frozen=True):
    """An instance of a component: its outputs can be read. `late`: those that only apply knows."""

    name: str
    path: str
    outputs: tuple[FieldOf, ...]
    late: tuple[str, ...] = ()


class SecretOf(msgspec.Struct, frozen=True):
    inner: Type


class MaybeSecret(msgspec.Struct, frozen=True):
    """Where a plain value and a secret one are both welcome: the values of `env`."""

    inner: Type


class FunctionOf(msgspec.Struct, frozen=True):
    """A lambda or a builtin, as an argument of another."""

    arity: int


Type: TypeAlias = (
    Simple
    | Optional
    | ListOf
    | MapOf
    | RecordOf
    | VariantOf
    | TextsOf
    | KindOf
    | SecretOf
    | MaybeSecret
    | FunctionOf
    | Named
    | UnionOf
    | InstanceOf
)

ANY = Simple("anything")
"""The type of what is already known to be wrong, or not known at all: it fits everywhere and reports nothing."""
NULL = Simple("null")
BOOL = Simple("Bool")
INT = Simple("Int")
FLOAT = Simple("Float")
STRING = Simple("String")
NAME = Simple("Name")
PATH = Simple("Path")
FILE = Simple("File")
STORE_PATH = Simple("StorePath")
INVENTORY_PATH = Simple("InventoryPath")
URL = Simple("Url")
CIDR = Simple("Cidr")
ADDRESS = Simple("Address")
BYTES = Simple("Bytes")
FREQUENCY = Simple("Frequency")
DURATION = Simple("Duration")
DATA = Simple("Data")
CREDENTIALS = RecordOf((FieldOf("user", STRING, True), FieldOf("password", STRING, True)))

NAMED_TYPES: dict[str, Type] = {
    one.name: one
    for one in (BOOL, INT, FLOAT, STRING, NAME, PATH, FILE, STORE_PATH, INVENTORY_PATH, URL, CIDR, ADDRESS, BYTES,
                FREQUENCY, DURATION, DATA)
}  # fmt: skip
NAMED_TYPES["Credentials"] = CREDENTIALS

TEXTUAL = frozenset({NAME, PATH, FILE, STORE_PATH, INVENTORY_PATH, URL, CIDR, ADDRESS})
"""Types that a text becomes where one is expected, checked as soon as its value is known."""
UNITS = frozenset({BYTES, FREQUENCY, DURATION})


def show_type(type_: Type) -> str:
    """A type as the language writes it."""
    match type_:
        case Simple(name):
            return name
        case Optional(inner):
            return f"{show_type(inner)}?"
        case ListOf(item):
            return f"[{show_type(item)}]"
        case MapOf(key, value):
            return f"{{{show_type(key)}: {show_type(value)}}}"
        case RecordOf(fields):
            if type_ == CREDENTIALS:
                return "Credentials"
            return "{" + ", ".join(f"{f.name}: {show_type(f.type)}" for f in fields) + "}"
        case VariantOf(name, cases):
            return name or " | ".join(f".{one.name}" + ("(…)" if one.fields else "") for one in cases)
        case TextsOf(texts):
            return " | ".join(f'"{text}"' for text in texts)
        case KindOf(kind):
            return kind.capitalize()
        case SecretOf(inner):
            return f"Secret<{show_type(inner)}>"
        case MaybeSecret(inner):
            return f"{show_type(inner)} or Secret<{show_type(inner)}>"
        case FunctionOf(arity):
            return f"a function of {arity}"
        case Named(name):
            return name
        case UnionOf(options):
            return " | ".join(show_type(one) for one in options)
        case InstanceOf(name):
            return type_name(name)


def parts_of(type_: Type, most: int) -> int:
    """How many parts a type has, each as often as it stands; no more than `most` of them are counted."""
    todo: list[Any] = [type_]
    count = 0
    while todo and count < most:
        one = todo.pop()
        count += 1
        match one:
            case Simple() | KindOf() | FunctionOf():
                pass
            case Optional(inner) | ListOf(inner) | SecretOf(inner) | MaybeSecret(inner) | Named(inner=inner):
                todo.append(inner)
            case MapOf(_, inner):
                todo.append(inner)
            case RecordOf(fields) | InstanceOf(outputs=fields):
                todo += [field.type for field in fields]
            case VariantOf(cases=cases):
                count += len(cases)
                todo += [field.type for case in cases for field in case.fields]
            case UnionOf(options):
                todo += options
            case TextsOf(texts):
                count += len(texts)
            case _:
                pass
    return count


def type_name(component: str) -> str:
    """The type of a component's instances: its name with a capital."""
    return component[:1].upper() + component[1:]


def plain(type_: Type) -> Type:
    """A type without the names that scripts gave to it and its parts: what an expression has."""
    match type_:
        case Simple():
            return type_
        case Named(inner=inner):
            return plain(inner)
        case Optional(inner):
            found = plain(inner)
            return found if isinstance(found, Optional) else Optional(found)
        case ListOf(inner):
            return ListOf(plain(inner))
        case MapOf(key, inner):
            return MapOf(plain(key), plain(inner))
        case SecretOf(inner):
            return SecretOf(plain(inner))
        case RecordOf(fields):
            return RecordOf(tuple(FieldOf(one.name, plain(one.type), one.required) for one in fields))
        case UnionOf(options):
            return UnionOf(tuple(plain(one) for one in options))
        case _:
            return type_


# ---- units ---------------------------------------------------------------------------------------------------------


class Bytes(int):
    """A size in bytes."""

    __slots__ = ()


class Frequency(int):
    """A frequency in hertz."""

    __slots__ = ()


class Duration(int):
    """A time in nanoseconds."""

    __slots__ = ()


_BYTE_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50,
}  # fmt: skip
_HERTZ_UNITS = {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}
_TIME_UNITS = {
    "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9,
}  # fmt: skip
UNIT_TABLE: dict[str, tuple[type[Bytes] | type[Frequency] | type[Duration], int]] = {
    **{unit: (Bytes, factor) for unit, factor in _BYTE_UNITS.items()},
    **{unit: (Frequency, factor) for unit, factor in _HERTZ_UNITS.items()},
    **{unit: (Duration, factor) for unit, factor in _TIME_UNITS.items()},
}
UNIT_TYPES: dict[type, Type] = {Bytes: BYTES, Frequency: FREQUENCY, Duration: DURATION}
UNITS_OF: dict[Type, tuple[str, ...]] = {
    BYTES: tuple(_BYTE_UNITS),
    FREQUENCY: tuple(_HERTZ_UNITS),
    DURATION: tuple(_TIME_UNITS),
}
DECIMAL_BYTES = {"kB": "KiB", "MB": "MiB", "GB": "GiB", "TB": "TiB", "PB": "PiB"}

_BYTE_STEPS = [(2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")]
_BYTE_DECIMALS = [(10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")]
_HERTZ_STEPS = [(10**9, "GHz"), (10**6, "MHz"), (10**3, "kHz")]
_TIME_STEPS = [
    (86400 * 10**9, "d"), (3600 * 10**9, "h"), (60 * 10**9, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "us"),
]  # fmt: skip


def show_unit(number: int, type_: Type) -> str:
    """A number of a unit type as the language writes it: the largest unit that it is a whole number of."""
    table: dict[Type, tuple[list[tuple[int, str]], str]] = {
        BYTES: (_BYTE_STEPS + _BYTE_DECIMALS, "B"),
        FREQUENCY: (_HERTZ_STEPS, "Hz"),
        DURATION: (_TIME_STEPS, "ns"),
    }
    steps, smallest = table[type_]
    if number:
        for size, unit in steps:
            if number % size == 0:
                return f"{number // size}{unit}"
    return f"{number}{smallest}"


# ---- values --------------------------------------------------------------------------------------------------------


class DataRef(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "path"}):
    """What `archive` and `file` give: which bytes, not the bytes. They are read again at apply and must match.

    source: where it lies, relative to the project. size: bytes of the packed form. entries: number of members.
    """

    source: str
    sha256: str
    size: int
    entries: int


class VariantValue(msgspec.Struct, frozen=True):
    """`.static(address: …)`; `fields` is empty for `.dhcp`."""

    case: str
    fields: dict[str, Any] = {}


class Range(msgspec.Struct, frozen=True):
    """`a..b`, both ends included."""

    low: Any
    high: Any


class ElementRef(msgspec.Struct, frozen=True):
    """An element of the script, as a value."""

    kind: str
    address: str


class InstanceRef(msgspec.Struct, frozen=True):
    """An instance of a component, as a value."""

    component: str
    address: str


class Unknown(msgspec.Struct, frozen=True):
    """What only apply can know: fact `fact` of the element at `address`, or a parameter that has no value yet.

    node: of what is worked out from facts, the expression that is left (`analysis/later.py`); else None.
    """

    type: Type
    address: str = ""
    fact: str = ""
    args: tuple[str, ...] = ()
    node: Any = None


class Secret:
    """Something that is never shown. `origin` says which parameter it comes from, and the steps from there.

    It is no struct on purpose: nothing can encode, compare or print what it holds by accident. `value` is None where
    it has not been read (a `validate`, the editor); then `known` is false.
    """

    __slots__ = ("known", "origin", "value")

    def __init__(self, origin: tuple[str, ...], value: Any = None, *, known: bool = True) -> None:
        self.origin = origin
        self.value = value
        self.known = known

    def __repr__(self) -> str:
        return "(secret)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.origin == other.origin

    def __hash__(self) -> int:
        return hash(self.origin)

    def __reduce__(self) -> Any:
        raise TypeError("a secret cannot be stored")


class Template(msgspec.Struct, frozen=True):
    """A text with parts that are secret or not known yet."""

    parts: tuple[Any, ...]

    @property
    def secret(self) -> bool:
        return any(isinstance(part, Secret) for part in self.parts)


def leaves(value: Any) -> Iterator[Any]:
    """Everything in a value that is no list, map, variant or template, in order."""
    match value:
        case list() | tuple():
            for one in value:
                yield from leaves(one)
        case dict():
            for one in value.values():
                yield from leaves(one)
        case VariantValue(fields=fields):
            yield from leaves(fields)
        case Template(parts=parts):
            yield from leaves(parts)
        case _:
            yield value


def show(value: Any) -> str:
    """A value as a person reads it in a plan or a message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Bytes():
            return show_unit(value, BYTES)
        case Frequency():
            return show_unit(value, FREQUENCY)
        case Duration():
            return show_unit(value, DURATION)
        case str():
            return quoted(value)
        case Secret():
            return "(secret)"
        case Unknown(address=address, fact=fact, args=args):
            if not address:
                return "(unknown)"
            return f"<- {address}.{fact}" + (f"({', '.join('.' + a for a in args)})" if args else "")
        case Template(parts=parts):
            return '"' + "".join(p if isinstance(p, str) else "${" + show(p) + "}" for p in parts) + '"'
        case VariantValue(case=name, fields=fields):
            inner = ", ".join(f"{key}: {show(one)}" for key, one in fields.items() if one is not None)
            return f".{name}" + (f"({inner})" if inner else "")
        case Range(low=low, high=high):
            return f"{show(low)}..{show(high)}"
        case ElementRef(address=address) | InstanceRef(address=address):
            return address
        case DataRef(source=source):
            return source
        case list() | tuple():
            return "[" + ", ".join(show(one) for one in value) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{key}: {show(one)}" for key, one in value.items()) + " }" if value else "{ }"
        case _:
            return "a function" if callable(value) else str(value)


def brief(value: Any, most: int = 80) -> str:
    """A value as a message shows it: no longer than `most` characters, and no more work than that, however large."""
    left = most

    def cut(one: Any) -> Any:
        nonlocal left
        left -= 1
        match one:
            case str():
                return one[:most]
            case list() | tuple():
                return [cut(part) for part in one if left > 0]
            case dict():
                return {name: cut(part) for name, part in one.items() if left > 0}
            case VariantValue(case=case, fields=fields):
                return VariantValue(case, cut(fields))
            case Template(parts=parts):
                return Template(tuple(cut(parts)))
            case _:
                return one

    shown = show(cut(value))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def quoted(text: str) -> str:
    """A text as the language writes it."""
    out = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("${", "\\${")
    return f'"{out}"'


# ---- texts with a form ---------------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9])?")
_STORE = re.compile(r"(ds|nfs|file)://(.*)", re.S)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@functools.lru_cache(maxsize=65536)  # the checker asks about a literal, and the evaluation asks again
def text_mistake(text: str, type_: Type) -> str | None:
    """Why a text is none of `type_`, in the user's words; None when it is one."""
    if _CONTROL.search(text):
        return "it has control characters"
    check = _CHECKS.get(type_)
    return check(text) if check is not None else None


def _no_name(text: str) -> str | None:
    if _NAME.fullmatch(text):
        return None
    return "a name has 1 to 80 letters, digits, `.`, `_` and `-`, and begins and ends with a letter or digit"


def _no_path(text: str) -> str | None:
    if not text.startswith("/"):
        return "a path in an executor begins with `/`"
    return "it has `..` in it" if ".." in text.split("/") else None


def _no_store_path(text: str) -> str | None:
    found = _STORE.fullmatch(text)
    if found is None:
        return "a store path is `ds://datastore/dir`, `nfs://host/dir` or `file:///dir`"
    scheme, rest = found.groups()
    first, _, path = rest.partition("/")
    if ".." in rest.split("/"):
        return "it has `..` in it"
    if scheme == "file":
        return None if not first and path.strip("/") else "`file://` is followed by an absolute path: `file:///dir`"
    if not first:
        return "no datastore or host stands after `://`"
    return None if path.strip("/") else "it names no directory: a whole datastore is never one location"


def _no_inventory_path(text: str) -> str | None:
    if not text.startswith("/") or not text.strip("/"):
        return "a path in the inventory begins with `/`, as /clusterA/poolB"
    return "it has `..` in it" if ".." in text.split("/") else None


def _no_url(text: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", text) else "a URL is `scheme://…`"


def _no_cidr(text: str) -> str | None:
    import ipaddress

    if "/" not in text:
        return "an address with the length of its network: 10.0.0.2/24"
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return "it is no address with a network, as 10.0.0.2/24"
    return None


def _no_address(text: str) -> str | None:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "it is no IP address, as 10.0.0.1"
    return None


def _no_file(text: str) -> str | None:
    return None if text else "it is empty"


_CHECKS: dict[Type, Callable[[str], str | None]] = {
    NAME: _no_name,
    PATH: _no_path,
    FILE: _no_file,
    STORE_PATH: _no_store_path,
    INVENTORY_PATH: _no_inventory_path,
    URL: _no_url,
    CIDR: _no_cidr,
    ADDRESS: _no_address,
}


def normal_path(path: str) -> str:
    """A path of slashes without doubled or trailing ones: two ways to write one place must compare equal."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def normal_store_path(path: str) -> str:
    """A store path without doubled or trailing slashes; the scheme and the host or datastore as written."""
    scheme, _, rest = path.partition("://")
    first, _, tail = rest.partition("/")
    parts = [part for part in tail.split("/") if part not in ("", ".")]
    return f"{scheme}://{first}/{'/'.join(parts)}"
