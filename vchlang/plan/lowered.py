"""Walking a value in a plan's form: what it refers to, whether it is secret, and filling in what apply has learnt.

The form itself is described in `plan.model`. A value that has been filled has no `$ref` left; secrets stay as they
are, because only a driver turns one into its value, and never stores it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vchlang import values as v


class Ref(msgspec.Struct, frozen=True):
    """Fact `fact` of the element at `address`; `args` where the fact is called, as `address(.client)` is."""

    address: str
    fact: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        called = f"({', '.join('.' + one for one in self.args)})" if self.args else ""
        return f"{self.address}.{self.fact}{called}"


class NotKnown(Exception):
    """A fact that nothing has given."""

    def __init__(self, ref: Ref) -> None:
        super().__init__(f"`{ref}` is not known")
        self.ref = ref


HIDDEN = "(secret)"


def refs(value: Any) -> Iterator[Ref]:
    """The facts that a value waits for, in the order in which they stand."""
    match value:
        case {"$ref": str(name)}:
            yield _ref(value, name)
        case {"$secret": _}:
            return
        case dict():
            for one in value.values():
                yield from refs(one)
        case list() | tuple():
            for one in value:
                yield from refs(one)
        case _:
            return


def part_of(facts: dict[str, Any], ref: Ref) -> Any:
    """A fact of those of its element; one that is called is a mapping by what it is called with. Else NotKnown."""
    if ref.fact not in facts:
        raise NotKnown(ref)
    value = facts[ref.fact]
    for one in ref.args:
        if not isinstance(value, dict) or one not in value:
            raise NotKnown(ref)
        value = value[one]
    return value


def has_secret(value: Any) -> bool:
    """Whether a secret stands anywhere in a value."""
    match value:
        case {"$secret": _}:
            return True
        case dict():
            return any(has_secret(one) for one in value.values())
        case list() | tuple():
            return any(has_secret(one) for one in value)
        case _:
            return False


def is_open(value: Any) -> bool:
    """Whether something in a value is no plain value yet: a fact, a secret, or a text with one of them."""
    match value:
        case dict():
            return any(key.startswith("$") for key in value) or any(is_open(one) for one in value.values())
        case list() | tuple():
            return any(is_open(one) for one in value)
        case _:
            return False


def fill(
    value: Any, fact: Callable[[Ref], Any], text: Callable[[Ref, Any], str] = lambda ref, value: as_text(value)
) -> Any:
    """The value with every fact in its place, and every text put together that has no secret in it.

    fact: gives a fact or raises `NotKnown`. text: how a fact reads inside a text.
    """
    match value:
        case {"$ref": str(name)}:
            return fact(_ref(value, name))
        case {"$secret": _}:
            return value
        case {"$text": list() | tuple() as parts}:
            filled = [_part(part, fact, text) for part in parts]
            if has_secret(filled):
                return {"$text": filled}
            return "".join(part if isinstance(part, str) else as_text(part) for part in filled)
        case dict():
            return {key: fill(one, fact, text) for key, one in value.items()}
        case list() | tuple():
            return [fill(one, fact, text) for one in value]
        case _:
            return value


def public(value: Any) -> Any:
    """A filled value as it may be shown and remembered: whatever is secret reads `(secret)`."""
    match value:
        case {"$secret": _}:
            return HIDDEN
        case {"$text": _}:
            # A text that is still in parts has a secret among them; the rest of it could tell the secret's length.
            return HIDDEN
        case dict():
            return {key: public(one) for key, one in value.items()}
        case list() | tuple():
            return [public(one) for one in value]
        case _:
            return value


def as_text(value: Any, type_: v.Type = v.ANY) -> str:
    """A value inside a text. A unit is a plain number in a plan, so its type has to come along."""
    if isinstance(value, str):
        return value
    if type_ in v.UNITS and isinstance(value, int):
        return v.show_unit(value, type_)
    return v.show(value)


def _ref(value: dict[str, Any], name: str) -> Ref:
    # A key in an address may have dots of its own; a fact's name never has.
    address, _, fact = name.rpartition(".")
    return Ref(address, fact, tuple(value.get("args", ())))


def _part(part: Any, fact: Callable[[Ref], Any], text: Callable[[Ref, Any], str]) -> Any:
    if isinstance(part, dict) and isinstance(name := part.get("$ref"), str):
        ref = _ref(part, name)
        return text(ref, fact(ref))
    return fill(part, fact, text)
