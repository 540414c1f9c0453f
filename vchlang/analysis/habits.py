"""What somebody writes who comes from another language, and what it is here: hints for names, types and fields.

Imported where a mistake is reported, and nowhere else. What a habit makes of the syntax is in `vchlang.syntax.habits`.
"""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS
from vchlang.analysis.fit import literal, opened
from vchlang.syntax import ast
from vchlang.syntax.habits import FIELDS

_NULL = "what is not there is `null`"
_SAME = "the same script gives the same plan; give it as a parameter"
_PLAIN = "parameters and lets go by their name alone"
_LIST = "a list is taken as it is; `distinct` leaves out doubles"
_LOOPED = "a loop names key and value itself: for key, value in map { … }"

NAMES = {
    "none": _NULL,
    "None": _NULL,
    "nil": _NULL,
    "undefined": _NULL,
    "NULL": _NULL,
    "Null": _NULL,
    "True": "write `true`",
    "TRUE": "write `true`",
    "yes": "write `true`",
    "False": "write `false`",
    "FALSE": "write `false`",
    "no": "write `false`",
    "var": _PLAIN,
    "vars": _PLAIN,
    "local": _PLAIN,
    "locals": _PLAIN,
    "params": _PLAIN,
    "parameters": _PLAIN,
    "variables": _PLAIN,
    "data": "an element goes by its name alone",
    "module": "an instance of a component goes by its name alone",
    "each": _LOOPED,
    "self": "an element goes by its name",
    "this": "an element goes by its name",
    "path": "paths are relative to the file in which they stand",
    "concat": "lists go together as [...a, ...b], texts as \"${a}${b}\"",
    "append": "write [...list, value]",
    "push": "write [...list, value]",
    "format": 'write the values into a text: "${a}-${b}"; `fixed` and `pad_start` give digits and width',
    "formatlist": 'write [for x in list: "${x}"]',
    "printf": 'write the values into a text: "${a}-${b}"',
    "sprintf": 'write the values into a text: "${a}-${b}"',
    "toset": _LIST,
    "tolist": _LIST,
    "set": _LIST,
    "tuple": _LIST,
    "tomap": "a map is taken as it is",
    "tostring": 'write "${value}", or `string(value)`',
    "toString": 'write "${value}", or `string(value)`',
    "str": 'write "${value}", or `string(value)`',
    "tonumber": "write `int(text)` or `float(text)`",
    "parseint": "write `int(text)`, or `from_base(text, 16)`",
    "tobool": "write `bool(text)`",
    "jsonencode": "write `json(value)`",
    "jsondecode": "write `json_decode(text)`",
    "yamlencode": "write `yaml(value)`",
    "yamldecode": "read JSON instead: `json_decode(text)`",
    "csvdecode": "write `csv_decode(text)`",
    "base64encode": "write `base64(text)`",
    "base64decode": "write `base64_decode(text)`",
    "urlencode": "write `url_encode(text)`",
    "try": "`a ?? b` takes b where a is null; `lookup(map, key, default)` where a key may be missing",
    "can": "`x != null` asks for a value, `key in map` for a key",
    "length": "write `len(value)`",
    "size": "write `len(value)`",
    "strlen": "write `len(text)`",
    "cidrsubnet": "write `cidr_subnet`",
    "cidrsubnets": "write `cidr_subnets`",
    "cidrhost": "write `cidr_host`",
    "cidrnetmask": "write `cidr_netmask`",
    "templatefile": 'write the text here, with ${…} in it, or `replace(file("x"), "name", value)`',
    "filebase64": 'write `base64(file("x"))`',
    "filesha256": 'write `sha256(file("x"))`',
    "fileset": "name the files in a list",
    "pathexpand": "paths are relative to the file in which they stand",
    "abspath": "paths are relative to the file in which they stand",
    "uuid": _SAME,
    "timestamp": _SAME,
    "plantimestamp": _SAME,
    "now": _SAME,
    "utcNow": _SAME,
    "newGuid": _SAME,
    "random": _SAME,
    "random_id": _SAME,
    "uniqueString": _SAME,
    "bcrypt": _SAME,
    "regex": "write `captures(text, pattern)`, or `matches` to ask only",
    "regexall": "write `find_all(text, pattern)`",
    "startswith": "write `starts_with`",
    "endswith": "write `ends_with`",
    "trimspace": "write `trim(text)`",
    "trimprefix": "write `trim_prefix`",
    "trimsuffix": "write `trim_suffix`",
    "substr": "write `substring`",
    "title": "`upper` and `lower` change letters",
    "chunklist": "write `chunk`",
    "matchkeys": "write [for k, v in map if k in list: v]",
    "setproduct": "write one loop in the other: flatten([for a in x: [for b in y: [a, b]]])",
    "setunion": "write `union`",
    "setintersection": "write `intersection`",
    "setsubtract": "write `difference`",
    "zipmap": "write `from_entries(zip(keys, values))`",
    "alltrue": "write `all(list, x => x)`",
    "anytrue": "write `any(list, x => x)`",
    "one": "write `first(list)`",
    "index": "write `index_of`",
    "formatdate": "write `date_format`",
    "timeadd": "write `date_add`",
    "nonsensitive": "a secret stays one; what is not secret is a parameter without `Secret<…>`",
    "sensitive": "declare it so: param name: Secret<String>",
    "getenv": "write `env(\"NAME\")`",
    "environ": "write `env(\"NAME\")`",
    "if": "a choice is written `if … then … else …`",
    "print": "`output name = …` shows a value",
    "reduceRight": "write `reduce(reverse(list), …)`",
    "resourceGroup": "an element goes by its name alone",
    "subscription": "where it is deployed stands in vch.toml",
}  # fmt: skip
"""Names and functions of other languages, and what to write instead. Those of the same name are not among them."""

TYPES = {
    "Number": "write `Int`, or `Float` for parts of one",
    "number": "write `Int`, or `Float` for parts of one",
    "Integer": "write `Int`",
    "integer": "write `Int`",
    "Double": "write `Float`",
    "Long": "write `Int`",
    "Str": "write `String`",
    "Text": "write `String`",
    "List": "a list of texts is [String]",
    "list": "a list of texts is [String]",
    "Array": "a list of texts is [String]",
    "array": "a list of texts is [String]",
    "Set": "a list of texts is [String]",
    "set": "a list of texts is [String]",
    "tuple": "a list of texts is [String]",
    "Tuple": "a list of texts is [String]",
    "map": "a map is {String: Int}, a record { port: Int }",
    "Dict": "a map is {String: Int}, a record { port: Int }",
    "dict": "a map is {String: Int}, a record { port: Int }",
    "object": "a record is { name: String, port: Int }",
    "Object": "a record is { name: String, port: Int }",
    "Record": "a record is { name: String, port: Int }",
    "any": "say which: String, Int, [String], { port: Int }, or a union as String | Int",
    "Any": "say which: String, Int, [String], { port: Int }, or a union as String | Int",
    "dynamic": "say which: String, Int, [String], { port: Int }, or a union as String | Int",
    "Optional": "an optional type is `String?`",
    "optional": "an optional type is `String?`",
    "Size": "write `Bytes`",
    "Memory": "write `Bytes`",
    "IP": "write `Address`, or `Cidr` for one with its network",
    "Ip": "write `Address`, or `Cidr` for one with its network",
    "IPAddress": "write `Address`, or `Cidr` for one with its network",
    "Time": "write `Duration` for a time that passes",
    "Timeout": "write `Duration`",
    "SecureString": "write `Secret<String>`",
    "secureString": "write `Secret<String>`",
    "Password": "write `Secret<String>`",
}
"""Types of other languages, and what to write instead; those that differ by a letter or its case find themselves."""

_ELSEWHERE = {
    ("executor", "cpus"): "how much it gets is said in its handle: handle {name} {{ bind {name} {{ cpus: 2 }} }}",
    (
        "executor",
        "memory",
    ): "how much it gets is said in its handle: handle {name} {{ bind {name} {{ memory: 2GiB }} }}",
    ("executor", "cpu"): "how much it gets is said in its handle: handle {name} {{ bind {name} {{ cpus: 2 }} }}",
    ("pool", "cpu"): "write limits: { cpu: 8GHz }",
    ("pool", "cpus"): "write limits: { cpu: 8GHz }",
    ("pool", "memory"): "write limits: { memory: 8GiB }",
    ("network", "ip"): "it belongs to the bind: join …, bind { ip: .dhcp }",
    ("network", "address"): "it belongs to the bind: join …, bind { ip: .dhcp }",
    ("network", "cidr"): 'write ranges: ["10.0.0.0/24"]',
    ("network", "subnet"): 'write ranges: ["10.0.0.0/24"]',
    ("storage", "mode"): 'it belongs to the bind: join … as persistent, bind at "/…" { mode: .read_only }',
    ("storage", "noexec"): 'it belongs to the bind: join … as persistent, bind at "/…" { noexec: true }',
    ("storage", "squash"): 'it belongs to the bind: join … as persistent, bind at "/…" { squash: true }',
    ("storage", "size"): "write `free` for space that is free, `data` for what is in it",
    ("storage", "capacity"): "write `free` for space that is free, `data` for what is in it",
    ("storage", "path"): 'where it is mounted is said by its bind: bind at "/…"',
    ("task", "command"): 'write path: "/bin/x", args: ["…"]',
    ("task", "cmd"): 'write path: "/bin/x", args: ["…"]',
    ("task", "image"): "what an executor runs on is storage: join it as loader or persistent",
    ("task", "restart"): "it belongs to the bind: join …, bind { restart: .always }",
    ("task", "ready"): "it belongs to the bind: join …, bind { ready: .tcp(port: 80) }",
    ("task", "log"): "it belongs to the bind: join …, bind { log: … }",
    ("task", "user"): "it belongs to the bind: join …, bind { user: … }",
    ("task", "workdir"): "it belongs to the bind: join …, bind { workdir: … }",
    ("task", "environment"): "write `env`",
}
"""Fields that are looked for in one place and stand in another: by kind and name."""


_KINDS = {
    "executor": "vm virtual_machine machine instance server host container node compute pod vms",
    "storage": "disk volume image iso blob vmdk virtual_disk",
    "location": "datastore folder directory dir store bucket path storage_account mount",
    "network": "subnet vlan portgroup port_group vnet vpc nic interface dvs",
    "task": "process service job program command daemon app application",
    "pool": "resource_pool cluster vapp group resource_group",
    "segment": "firewall security_group nsg rule policy",
}


def kind_hint(name: str) -> str | None:
    """The kind that something is here which has another name elsewhere."""
    kind = next((kind for kind, words in _KINDS.items() if name.lower() in words.split()), None)
    return f"here that is `{kind}`" if kind else None


def name_hint(name: str) -> str | None:
    """What a name of another language is here."""
    return NAMES.get(name)


def type_hint(name: str) -> str | None:
    """What a type of another language is here."""
    return TYPES.get(name)


def field_hint(name: str, message: str) -> str | None:
    """Where a field belongs that its element, join or bind does not take; message: what is said of it."""
    words = message.partition("`")[2].partition("`")[0].split()
    kind = words[-1] if words else ""
    said = _ELSEWHERE.get((kind, name))
    if said is not None and (said.startswith("it belongs to the bind") and words[0] == "bind"):
        said = None
    if said is not None:
        return said.replace("{name}", "x").replace("{{", "{").replace("}}", "}")
    return FIELDS.get(name) if "takes no" in message else None


def is_reserved(name: str) -> bool:
    """Whether a name is a word of the language, which the parser has reported."""
    from vchlang.syntax.parser import machine

    return name in machine().words


def case_of(name: str, wanted: v.Type | None) -> str | None:
    """The case of a variant that a bare name or a text means, as it is written."""
    inner = opened(wanted) if wanted is not None else None
    options = inner.options if isinstance(inner, v.UnionOf) else (inner,)
    for one in options:
        variant = opened(one) if one is not None else None
        if isinstance(variant, v.VariantOf) and (case := variant.case(name)) is not None:
            return f".{name}(…)" if any(field.required for field in case.fields) else f".{name}"
    return None


def value_hint(node: Any, wanted: v.Type, found: v.Type, text: str) -> tuple[str | None, str | None]:
    """What to write instead of a value of another type: a hint and, where it is sure, a text. text: as it stands."""
    inner = opened(wanted)
    if isinstance(inner, v.MaybeSecret):
        inner = opened(inner.inner)
    options = tuple(opened(one) for one in inner.options) if isinstance(inner, v.UnionOf) else (inner,)
    said = literal(node)
    if said is not None and (case := case_of(said, wanted)) is not None:
        return f"did you mean `{case}`?", case if "…" not in case else None
    if said is not None and v.DATA in options:
        call = "archive" if said.endswith(("/", ".tar", ".img", ".vmdk")) else "file"
        return f"a directory or tar is packed by archive({text}), a file read by file({text})", (
            f"archive({text})" if call == "archive" else None
        )
    if isinstance(node, ast.Number) and v.STRING in options and found in (v.INT, v.FLOAT):
        return f'write it as a text: "{text}"', f'"{text}"'
    if isinstance(node, ast.Null):
        return f"a type with `?` takes null: {v.show_type(wanted)}?", None
    for one in options:
        if isinstance(one, v.ListOf) and not isinstance(found, v.ListOf) and found != v.NULL:
            return (f"a list stands in brackets: [{text}]", None) if len(text) <= 40 else (None, None)
    return None, None


def method_hint(name: str, target: str, more: str = "") -> str | None:
    """A function that is written as a method: `x.upper()`. more: its arguments, as they stand."""
    target += f", {more}" if more else ""
    if target == "count":
        return _LOOPED
    if name in BUILTINS:
        return f"write {name}({target})" if len(target) <= 40 else f"write {name}(…)"
    other = {"length": "len", "size": "len", "toUpper": "upper", "toLower": "lower", "toString": "string"}
    other |= {"strip": "trim", "join": "joined", "startswith": "starts_with", "endswith": "ends_with"}
    if name in other:
        return method_hint(other[name], target)  # with the arguments
    return NAMES.get(name)


def number_hint(text: str) -> str | None:
    """The decimal digits of `0x1F`, `0b11` or `1e6`."""
    try:
        if text[:2].lower() in ("0x", "0b", "0o"):
            return str(int(text, 0))
        head, _, power = text.lower().partition("e")
        if power.isdigit() and head.replace(".", "").isdigit() and int(power) <= 18:
            return str(int(float(text))) if float(text) == int(float(text)) else None
    except ValueError:
        pass
    return None
