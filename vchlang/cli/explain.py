"""`vch explain`: what a code, a kind, a field of one, or a function is, from the tables that define them."""

from __future__ import annotations

from collections.abc import Iterable

from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, Builtin
from vchlang.cli.look import Terminal, paint, safe
from vchlang.cli.options import Command, Given, Usage
from vchlang.codes import CODES
from vchlang.diagnostics import Code
from vchlang.kinds.schema import KINDS, Kind, Param, Verb
from vchlang.system import Machine

COMMAND = Command(
    name="explain",
    words="CODE|KIND[.FIELD]|FUNCTION|list",
    doc="What the code of a message, a kind, a field of a kind, or a function is. `list` names them all.",
    options=(),
    least=1,
    most=1,
    examples=(
        "vch explain bind-before-join",
        "vch explain storage",
        "vch explain storage.packaging",
        "vch explain list",
    ),
)
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
    kind, dot, field = word.partition(".")
    if word in CODES:
        terminal.out(_code(CODES[word]))
    elif kind in KINDS and dot:
        terminal.out(_fields(KINDS[kind], field))
    elif kind in KINDS:
        terminal.out(_kind(KINDS[kind]))
    elif word in BUILTINS:
        terminal.out(_builtin(BUILTINS[word]))
    else:
        raise Usage(f"nothing is called `{word}`", _near(word, ("list", *CODES, *KINDS, *BUILTINS)))
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
    out += ["", paint("functions", "bold")]
    out += [f"  {name:<24} {_first(one.doc)}" for name, one in sorted(BUILTINS.items())]
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
            if name in (param.name, param.clause):
                out += [""] if out else []
                out += _field(kind, param, where)
    if kind.facts.get(name) is not None:
        fact = kind.facts[name]
        out += [""] if out else []
        out += [f"{paint(f'{kind.name}.{name}', 'bold')}: {v.show_type(fact.type)}, a fact to read", "", fact.doc]
    if not out:
        known = {param.name for _, verb in places if verb is not None for param in verb.params.values()}
        raise Usage(f"a {kind.name} has no field `{name}`", _near(name, sorted(known | set(kind.facts))))
    return "\n".join(out)


def _field(kind: Kind, param: Param, where: str) -> list[str]:
    out = [f"{paint(f'{kind.name}.{param.name}', 'bold')}{where}: {v.show_type(param.type)}", "", param.doc]
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
    params = [f"{name}: {v.show_type(type_)}" for name, type_ in one.params]
    for at in range(len(params) - one.optional, len(params)):
        params[at] += "?"
    result = f" -> {v.show_type(one.result)}" if not callable(one.result) else ""
    more = ", …" if one.variadic else ""
    return "\n".join(
        [
            f"{paint(one.name, 'bold')}({', '.join(params)}{more}){result}",
            "",
            one.doc,
            "",
            "For example:",
            f"  {one.example}",
        ]
    )
