"""`vch explain`: what a code, a kind, a field of one, a function or a type is, from the tables that define them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, GROUPS, Builtin
from vchlang.cli.look import Terminal, paint, safe
from vchlang.cli.options import Command, Given, Usage
from vchlang.codes import CODES
from vchlang.diagnostics import Code, with_article
from vchlang.kinds.schema import KINDS, Kind, Param, Verb
from vchlang.system import Machine

COMMAND = Command(
    name="explain",
    words="CODE|KIND[.FIELD]|FUNCTION|TYPE|list|functions",
    doc="What a code of a message, a kind, a field, a function or a type is. `list` names all.",
    options=(),
    least=1,
    most=1,
    examples=(
        "vch explain bind-before-join",
        "vch explain storage",
        "vch explain storage.packaging",
        "vch explain cidr_subnet",
        "vch explain list",
        "vch explain functions",
    ),
)
_TYPES = {
    "Bool": "`true` or `false`. A condition is one, and nothing else is taken for one.",
    "Int": "A whole number of 64 bits, as 42. It becomes a Float where one is expected.",
    "Float": "A number with a point, as 2.5.",
    "String": "A text: \"…\" and \"\"\"…\"\"\" with ${…} in them, '…' and '''…''' without.",
    "Name": "What something is called on the platform: 1 to 80 letters, digits, `.`, `_` and `-`.",
    "Path": "An absolute path inside an executor, as /var/log.",
    "File": "A file or directory beside the script, relative to the file that names it.",
    "StorePath": "A directory of a datastore or of NFS: ds://datastore/dir, nfs://host/dir, file:///dir.",
    "InventoryPath": "A place in the inventory of the platform, as /clusterA/poolB.",
    "Url": "A URL, as https://example.org/.",
    "Cidr": "An address with the length of its network, or a range of addresses: 10.0.0.2/24.",
    "Address": "An IP address, as 10.0.0.1.",
    "Bytes": "A size, a whole number of bytes with its unit, as 8GiB.",
    "Frequency": "A frequency, a whole number of hertz with its unit, as 2GHz.",
    "Duration": "A time that passes, a whole number of nanoseconds with its unit, as 90s.",
    "Data": "Bytes from outside of the script, by digest and size: what `archive` gives.",
    "Credentials": "A user and a password, only ever as Secret<Credentials>.",
}
_CHANGES = {
    "update": "changed in place",
    "restart": "a change restarts the executor",
    "replace": "a change makes a new one",
    "never": "fixed when it is made",
}


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Explain one word."""
    word = given.words[0]
    if word == "list":
        terminal.out(_list())
        return 0
    if word == "functions":
        terminal.out(_functions())
        return 0
    kind, dot, field = word.partition(".")
    if word in CODES:
        terminal.out(_code(CODES[word]))
    elif kind in KINDS and dot:
        terminal.out(_fields(KINDS[kind], field))
    elif kind in KINDS:
        terminal.out(_kind(KINDS[kind]))
    elif word in BUILTINS:
        terminal.out(_builtin(BUILTINS[word]))
    elif word in _TYPES:
        terminal.out(_type(word))
    else:
        raise Usage(f"nothing is called `{word}`", _near(word, ("list", *CODES, *KINDS, *BUILTINS, *_TYPES)))
    return 0


def _near(word: str, known: Iterable[str]) -> str:
    """The nearest three, however far they are."""
    import difflib

    found = difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=0.0)
    return "nearest are " + ", ".join(f"`{one}`" for one in found)


def _list() -> str:
    out = [paint("kinds", "bold")]
    out += [f"  {name:<24} {_first(kind.doc)}" for name, kind in KINDS.items()]
    out += ["", paint("codes", "bold")]
    out += [f"  {slug:<24} {_first(code.doc)}" for slug, code in sorted(CODES.items())]
    out += ["", paint("types", "bold")]
    out += [f"  {name:<24} {_first(doc)}" for name, doc in _TYPES.items()]
    out += ["", paint("functions", "bold")]
    for title, functions in _by_group():
        names = ", ".join(one.name for one in functions)
        out += textwrap.wrap(names, 96, initial_indent=f"  {title:<24} ", subsequent_indent=" " * 27)
    return "\n".join(out)


def _by_group() -> list[tuple[str, list[Builtin]]]:
    """The title of each group, and its functions by name."""
    return [
        (title, sorted((one for one in BUILTINS.values() if one.group == name), key=lambda one: one.name))
        for name, title in GROUPS.items()
    ]


def _functions() -> str:
    out: list[str] = []
    for title, functions in _by_group():
        out += [""] if out else []
        out.append(paint(title.lower(), "bold"))
        out += [f"  {one.name:<18} {_first(one.doc)}" for one in functions]
    return "\n".join(out)


def _type(name: str) -> str:
    out = [paint(name, "bold"), "", _TYPES[name]]
    type_ = v.NAMED_TYPES[name]
    if type_ in v.UNITS_OF:
        out += ["", "Units: " + ", ".join(v.UNITS_OF[type_])]
    given = sorted(one.name for one in BUILTINS.values() if one.gives in (type_, v.Optional(type_)))
    if given:
        out += ["", *textwrap.wrap("Functions that give one: " + ", ".join(given), 96, subsequent_indent="  ")]
    return "\n".join(out)


def _first(doc: str) -> str:
    sentence = doc.split("\n", 1)[0]
    return sentence if len(sentence) <= 90 else sentence[:87].rsplit(" ", 1)[0] + " …"


def _code(code: Code) -> str:
    out = [f"{paint(code.slug, 'bold')} ({code.severity})", "", code.doc, "", "For example:"]
    return "\n".join([*out, *(f"  {line}" for line in safe(code.example).split("\n"))])


def _kind(kind: Kind) -> str:
    out = [f"{paint(kind.name, 'bold')}   {' · '.join(kind.words)}", "", kind.doc]
    out += _params("fields", kind.element)
    for word, verb in (("join", kind.join), ("bind", kind.bind)):
        if verb is None:
            continue
        roles = f" as {', '.join(verb.roles)}{' or a word of yours' if verb.free_roles else ''}" if verb.roles else ""
        out += ["", f"{paint(word, 'bold')}{roles}: {_lower(verb.doc)}"]
        out += _params("", verb)
    if kind.facts:
        out += ["", paint("facts to read", "bold")]
        for fact in kind.facts.values():
            called = "(.role)" if fact.roles else ""
            out.append(f"  {fact.name + called:<14} {v.show_type(fact.type):<18} {fact.doc}")
    examples = [*kind.element.examples, *(one for verb in (kind.join, kind.bind) if verb for one in verb.examples)]
    if examples:
        out += ["", "For example:", *(f"  {one}" for one in examples)]
    return "\n".join(out)


def _lower(doc: str) -> str:
    return doc[:1].lower() + doc[1:]


def _params(title: str, verb: Verb) -> list[str]:
    out = ["", paint(title, "bold")] if title else []
    for param in verb.params.values():
        needed = "needed" if param.required else ""
        out.append(f"  {_written(param):<14} {v.show_type(param.type):<18} {needed:<7} {param.doc}")
    return out


def _written(param: Param) -> str:
    return f"`{param.clause}`" if param.clause else param.name


def _fields(kind: Kind, name: str) -> str:
    """A field, wherever the kind has it."""
    places = (("", kind.element), (" at join", kind.join), (" at bind", kind.bind))
    out: list[str] = []
    for where, verb in places:
        for param in verb.params.values() if verb is not None else ():
            if name == (param.clause or param.name):
                out += [""] if out else []
                out += _field(kind, param, where)
    if kind.facts.get(name) is not None:
        fact = kind.facts[name]
        out += [""] if out else []
        out += [f"{paint(f'{kind.name}.{name}', 'bold')}: {v.show_type(fact.type)}, a fact to read", "", fact.doc]
    if not out:
        known = {param.clause or param.name for _, verb in places if verb is not None for param in verb.params.values()}
        raise Usage(f"{with_article(kind.name)} has no field `{name}`", _near(name, sorted(known | set(kind.facts))))
    return "\n".join(out)


def _field(kind: Kind, param: Param, where: str) -> list[str]:
    out = [
        f"{paint(f'{kind.name}.{param.clause or param.name}', 'bold')}{where}: {v.show_type(param.type)}",
        "",
        param.doc,
    ]
    if isinstance(inner := param.type.inner if isinstance(param.type, v.Optional) else param.type, v.VariantOf):
        for case in inner.cases:
            fields = ", ".join(f"{one.name}: {v.show_type(one.type)}" for one in case.fields)
            out.append(f"  .{case.name}" + (f"({fields})" if fields else ""))
    facts = [_CHANGES[param.change]]
    facts.insert(0, "needed" if param.required else "may be left out")
    if param.clause:
        facts.append(f"written as the clause `{param.clause}`")
    return [*out, "", "; ".join(facts)]


def _builtin(one: Builtin) -> str:
    """T and U in a signature stand for whatever type there is."""
    signature = paint(one.name, "bold") + one.signature.removeprefix(one.name)
    doc = [line.strip() for line in one.doc.split("\n")]
    return "\n".join([signature, "", *doc, "", "For example:", f"  {safe(one.example)}"])
