"""Functions between values and texts of other formats: base 64, URLs, JSON, YAML, TOML, CSV.

What is decoded becomes values of the language, or the text is refused: numbers have 64 bits, a key does not begin with
`$`, and nothing nests deeper than plans and messages can follow. What is encoded has no lasting place for a unit, which
is written as the script writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import (
    MAX_DEPTH,
    MAX_ITEMS,
    Mistake,
    allow_items,
    allow_text,
    as_key,
    group,
    shortened,
    whole,
)

_MAX_FIELD = 2**20
_encoding = group("encoding")
_TEXT = ("text", v.STRING)


@_encoding(v.STRING, 'base64("vch") == "dmNo"', _TEXT)
def base64(text: str) -> str:
    """A text in base 64."""
    import base64 as encoding

    return encoding.b64encode(text.encode()).decode()


@_encoding(v.STRING, 'base64_decode("dmNo") == "vch"', _TEXT)
def base64_decode(text: str) -> str:
    """The text that base 64 stands for; it must be UTF-8."""
    import base64 as encoding
    import binascii

    try:
        return encoding.b64decode(text, validate=True).decode()
    except UnicodeDecodeError:
        raise Mistake("bad-text", "what this base 64 stands for is no text in UTF-8") from None
    except (binascii.Error, ValueError):
        raise Mistake("bad-text", f"{shortened(text)} is no base 64") from None


@_encoding(v.STRING, 'url_encode("a b/c") == "a%20b%2Fc"', _TEXT)
def url_encode(text: str) -> str:
    """A text as part of a URL: all but letters, digits and `-._~` by their bytes, as %20."""
    import urllib.parse

    return urllib.parse.quote(text, safe="")


@_encoding(v.STRING, 'url_decode("a%20b") == "a b"', _TEXT)
def url_decode(text: str) -> str:
    """The text that part of a URL stands for; it must be UTF-8. A `+` stays one."""
    import re
    import urllib.parse

    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Mistake("bad-text", f"in {shortened(text)} a `%` without two digits from 0 to F stands")
    try:
        return urllib.parse.unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Mistake("bad-text", f"what {shortened(text)} stands for is no text in UTF-8") from None


# ---- JSON and YAML ---------------------------------------------------------------------------------------------------


def _plain(value: Any, what: str) -> Any:
    """A value as JSON and YAML have it. What it has in it may be shared, so it is counted as often as it is written."""
    left = MAX_ITEMS
    size = 0

    def plain(one: Any, depth: int) -> Any:
        nonlocal left, size
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            allow_items(MAX_ITEMS + (left < 0))
            raise Mistake("limit-depth", f"`{what}` does not write what nests deeper than {MAX_DEPTH}")
        match one:
            case None | bool():
                return one
            case v.Bytes() | v.Frequency() | v.Duration():
                return v.show(one)
            case int():
                return one
            case float():
                if one - one != 0:
                    raise Mistake("out-of-range", "the number is not finite")
                return one
            case str():
                size += len(one)
                allow_text(size)
                return one
            case list():
                return [plain(part, depth + 1) for part in one]
            case dict():
                size += sum(len(key) for key in one)
                return {key: plain(part, depth + 1) for key, part in one.items()}
            case v.Range():
                raise Mistake("wrong-type", f"`{what}` does not write {v.brief(one)}; `range` makes a list of it")
            case _:
                raise Mistake("wrong-type", f"`{what}` writes texts, numbers, lists and maps, not {v.brief(one)}")

    return plain(value, 0)


@_encoding(
    v.STRING, 'json({ a: [1, true] }) == "{\\"a\\":[1,true]}"', ("value", v.ANY), ("indent", v.INT), optional=1
)  # fmt: skip
def json(value: Any, indent: int = 0) -> str:
    """A value as JSON, in the order written: on one line, or with `indent` spaces for each level.

    A unit becomes a text, as `"8GiB"`; `whole(size, 1MiB)` makes a number of one.
    """
    import msgspec

    if not 0 <= indent <= 16:
        raise Mistake("wrong-arguments", f"a level is indented by 0 to 16 spaces, not {indent}")
    made = msgspec.json.encode(_plain(value, "json"))
    return (msgspec.json.format(made, indent=indent) if indent else made).decode()


@_encoding(v.ANY, 'json_decode("{\\"a\\": [1]}").a[0] == 1', _TEXT)
def json_decode(text: str) -> Any:
    """The value that a JSON text is."""
    import msgspec

    try:
        return _taken(msgspec.json.decode(text), "JSON")
    except msgspec.MsgspecError as problem:
        said = str(problem).removeprefix("JSON is malformed: ")
        raise Mistake("bad-text", f"{shortened(text)} is no JSON: {said[:1].lower()}{said[1:]}") from None
    except RecursionError:
        raise Mistake("limit-depth", f"the JSON nests deeper than {MAX_DEPTH}") from None


def _taken(value: Any, format_: str) -> Any:
    """A decoded value, if it is one of the language too."""
    left = MAX_ITEMS

    def take(one: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        allow_items(MAX_ITEMS + (left < 0))
        if depth > MAX_DEPTH:
            raise Mistake("limit-depth", f"the {format_} nests deeper than {MAX_DEPTH}")
        match one:
            case None | bool() | str():
                return one
            case int():
                return whole(one)
            case float():
                if one - one != 0:
                    raise Mistake("out-of-range", f"the {format_} has a number that is not finite")
                return one
            case list():
                return [take(part, depth + 1) for part in one]
            case dict():
                return {as_key(key): take(part, depth + 1) for key, part in one.items()}
            case _:
                return one.isoformat()  # a date or time of TOML

    return take(value, 0)


@_encoding(v.STRING, 'yaml({ a: [1, "yes"] }) == "a:\\n  - 1\\n  - \\"yes\\"\\n"', ("value", v.ANY))
def yaml(value: Any) -> str:
    """A value as YAML, in the order written, with every text in quotes that could be taken for something else.

    A unit becomes a text, as `json` writes it.
    """
    made = _plain(value, "yaml")
    out = [*_block(made, 0)] if isinstance(made, list | dict) and made else [_scalar(made)]
    allow_text(sum(len(one) + 1 for one in out))
    return "\n".join(out) + "\n"


def _block(value: Any, level: int) -> Iterator[str]:
    """The lines of a list or map that is not empty. A list in a map stands two spaces deeper than its key."""
    pad = "  " * level
    pairs = ((f"{_scalar(key)}:", one) for key, one in value.items()) if isinstance(value, dict) else None
    for start, one in pairs if pairs is not None else (("-", one) for one in value):
        if isinstance(one, list | dict) and one:
            inner = _block(one, level + 1)
            if start == "-":
                first = next(inner)
                yield f"{pad}- {first[len(pad) + 2 :]}"
            else:
                yield pad + start
            yield from inner
        else:
            yield f"{pad}{start} {_scalar(one)}"


def _scalar(value: Any) -> str:
    import re

    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            # Plain is only what no version of YAML takes for a number, a date, a truth value or null.
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", value) and value.lower() not in _YAML_WORDS:
                return value
            return (
                '"'
                + re.sub(r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]', _escape, value)
                + '"'
            )
        case float():
            made = repr(value)
            return made if "." in made else made.replace("e", ".0e")  # YAML 1.1 knows no float without a point
        case list():
            return "[]"
        case dict():
            return "{}"
        case _:
            return str(value)


_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def _escape(found: Any) -> str:
    sign = found[0]
    return _SHORT.get(sign) or f"\\u{ord(sign):04x}"


# ---- TOML and CSV ----------------------------------------------------------------------------------------------------


@_encoding(v.ANY, 'toml_decode("a.b = 1").a.b == 1', _TEXT)
def toml_decode(text: str) -> Any:
    """The map that a TOML text is, of at most 1 MiB. Dates and times become texts."""
    from vchlang.toml import BadToml, read_toml

    try:
        return _taken(read_toml(text), "TOML")
    except BadToml as problem:
        match problem.what:
            case "size":
                raise Mistake("limit-size", f"the TOML is not read: {problem}") from None
            case "depth":
                raise Mistake("limit-depth", f"the TOML is not read: {problem}") from None
            case "number":
                raise Mistake("out-of-range", f"the TOML is not read: {problem}") from None
            case _:
                raise Mistake("bad-text", f"{shortened(text)} is no TOML: {problem}") from None


@_encoding(
    v.ListOf(v.MapOf(v.STRING, v.STRING)),
    'csv_decode("name,port\\nweb,80\\n")[0]["port"] == "80"',
    _TEXT,
    ("separator", v.STRING),
    optional=1,
)
def csv_decode(text: str, separator: str = ",") -> list[dict[str, str]]:
    """The lines of a table as maps, by the names in its first line; all values are texts. The separator is a comma."""
    import csv

    if len(separator) != 1 or separator in '"\r\n':
        raise Mistake("wrong-arguments", f"the separator is one character, not {shortened(separator)}")
    csv.field_size_limit(_MAX_FIELD)
    table = csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True)
    names: list[str] = []
    out: list[dict[str, str]] = []
    try:
        for row in table:
            if not row:
                continue
            if not names:
                names = [as_key(one) for one in row]
                if len(set(names)) < len(names):
                    twice = next(one for one in names if names.count(one) > 1)
                    raise Mistake("duplicate-field", f"two columns of the table are called {shortened(twice)}")
                continue
            if len(row) != len(names):
                raise Mistake(
                    "bad-text",
                    f"line {table.line_num} of the table has {len(row)} values, and there are {len(names)} names",
                )
            out.append(dict(zip(names, row, strict=True)))
            allow_items(len(out) * len(names))
    except csv.Error as problem:
        raise Mistake("bad-text", f"line {table.line_num} of the table cannot be read: {problem}") from None
    return out
