"""Functions of texts. A place in a text is a number of characters, counted from 0."""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, allow_items, allow_text, group, shortened

_text = group("texts")


@_text(v.STRING, 'string(3) == "3"', ("value", v.ANY))
def string(value: Any) -> str:
    """A number, a unit or a truth value as text."""
    return value if isinstance(value, str) else v.show(value)


@_text(v.STRING, 'upper("abc") == "ABC"', ("text", v.STRING))
def upper(text: str) -> str:
    """The text in upper case."""
    return text.upper()


@_text(v.STRING, 'lower("ABC") == "abc"', ("text", v.STRING))
def lower(text: str) -> str:
    """The text in lower case."""
    return text.lower()


@_text(v.STRING, 'trim("  a ") == "a"', ("text", v.STRING))
def trim(text: str) -> str:
    """The text without white space at its ends."""
    return text.strip()


@_text(v.STRING, 'trim_start("  a ") == "a "', ("text", v.STRING))
def trim_start(text: str) -> str:
    """The text without white space at its start."""
    return text.lstrip()


@_text(v.STRING, 'trim_end("  a ") == "  a"', ("text", v.STRING))
def trim_end(text: str) -> str:
    """The text without white space at its end."""
    return text.rstrip()


@_text(v.STRING, 'trim_prefix("www.site", "www.") == "site"', ("text", v.STRING), ("prefix", v.STRING))
def trim_prefix(text: str, prefix: str) -> str:
    """The text without `prefix` before it, when it begins so."""
    return text.removeprefix(prefix)


@_text(v.STRING, 'trim_suffix("disk.img", ".img") == "disk"', ("text", v.STRING), ("suffix", v.STRING))
def trim_suffix(text: str, suffix: str) -> str:
    """The text without `suffix` after it, when it ends so."""
    return text.removesuffix(suffix)


@_text(v.ListOf(v.STRING), 'split("a,b", ",") == ["a", "b"]', ("text", v.STRING), ("separator", v.STRING))
def split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators."""
    if not separator:
        raise Mistake("wrong-arguments", "the separator of `split` is empty; `chars` gives the characters")
    allow_items(text.count(separator) + 1)
    return text.split(separator)


@_text(v.STRING, 'joined(["a", "b"], "-") == "a-b"', ("parts", v.ListOf(v.STRING)), ("separator", v.STRING))
def joined(parts: list[str], separator: str) -> str:
    """The parts with a separator between them."""
    allow_text(sum(len(one) for one in parts) + len(separator) * max(0, len(parts) - 1))
    return separator.join(parts)


@_text(v.ListOf(v.STRING), 'lines("a\\nb\\n") == ["a", "b"]', ("text", v.STRING))
def lines(text: str) -> list[str]:
    """The lines of a text, without their ends; the last one may have none."""
    allow_items(text.count("\n") + 1)
    parts = text.replace("\r\n", "\n").split("\n")
    return parts[:-1] if parts[-1] == "" else parts


@_text(v.ListOf(v.STRING), 'chars("añ") == ["a", "ñ"]', ("text", v.STRING))
def chars(text: str) -> list[str]:
    """The characters of a text."""
    allow_items(len(text))
    return list(text)


@_text(v.STRING, 'replace("a-b", "-", "+") == "a+b"', ("text", v.STRING), ("old", v.STRING), ("new", v.STRING))
def replace(text: str, old: str, new: str) -> str:
    """The text with every `old` replaced. For patterns there is `replace_matches`."""
    if not old:
        raise Mistake("wrong-arguments", "what `replace` looks for is empty")
    if len(new) > len(old):
        allow_text(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


@_text(v.BOOL, 'starts_with("abc", "ab")', ("text", v.STRING), ("start", v.STRING))
def starts_with(text: str, start: str) -> bool:
    """Whether the text begins so."""
    return text.startswith(start)


@_text(v.BOOL, 'ends_with("abc", "bc")', ("text", v.STRING), ("end", v.STRING))
def ends_with(text: str, end: str) -> bool:
    """Whether the text ends so."""
    return text.endswith(end)


@_text(
    v.STRING, 'substring("abcdef", 2, 3) == "cde"', ("text", v.STRING), ("start", v.INT), ("length", v.INT), optional=1
)
def substring(text: str, start: int, length: int | None = None) -> str:
    """The part of a text from `start` on, of at most `length` characters; without a length, to the end."""
    if not 0 <= start <= len(text):
        raise Mistake("bad-index", f"the text has {len(text)} characters, and no place {start}")
    if length is not None and length < 0:
        raise Mistake("wrong-arguments", f"a text does not have {length} characters")
    return text[start:] if length is None else text[start : start + length]


@_text(v.STRING, 'repeat("ab", 3) == "ababab"', ("text", v.STRING), ("times", v.INT))
def repeat(text: str, times: int) -> str:
    """The text so many times."""
    if times < 0:
        raise Mistake("wrong-arguments", f"nothing is repeated {times} times")
    allow_text(len(text) * times)
    return text * times if text else ""


@_text(
    v.STRING, 'pad_start("7", 3, "0") == "007"', ("text", v.STRING), ("width", v.INT), ("fill", v.STRING), optional=1
)
def pad_start(text: str, width: int, fill: str = " ") -> str:
    """The text with `fill` before it (else spaces) until it has `width` characters."""
    return text.rjust(_width(width, fill), fill)


@_text(
    v.STRING, 'pad_end("ab", 4, ".") == "ab.."', ("text", v.STRING), ("width", v.INT), ("fill", v.STRING), optional=1
)
def pad_end(text: str, width: int, fill: str = " ") -> str:
    """The text with `fill` after it (else spaces) until it has `width` characters."""
    return text.ljust(_width(width, fill), fill)


def _width(width: int, fill: str) -> int:
    if len(fill) != 1:
        raise Mistake("wrong-arguments", f"a text is filled up with one character, not with {shortened(fill)}")
    allow_text(width)
    return max(width, 0)


@_text(v.STRING, 'indent("a\\nb", 2) == "a\\n  b"', ("text", v.STRING), ("spaces", v.INT))
def indent(text: str, spaces: int) -> str:
    """The text with spaces before each line but the first, as it is put into an indented place; empty lines stay."""
    if spaces < 0:
        raise Mistake("wrong-arguments", f"no line begins with {spaces} spaces")
    allow_text(len(text) + text.count("\n") * spaces)
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line else line for line in rest)])


@_text(v.STRING, 'slug("Café Müller, 2nd floor") == "cafe-muller-2nd-floor"', ("text", v.STRING))
def slug(text: str) -> str:
    """The text as part of a name: lower case letters without accents and digits, with `-` for all else between."""
    import re
    import unicodedata

    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode() if text else ""
    made = re.sub("[^a-z0-9]+", "-", plain).strip("-")
    if not made:
        raise Mistake("bad-text", f"{shortened(text)} has no letter from a to z and no digit to make a name of")
    return made
