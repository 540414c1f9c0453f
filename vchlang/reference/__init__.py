"""The reference of the language, as Markdown, from the tables that define it: nothing on its pages is said twice.

`pages` gives those about the language; the page about the commands comes from the command line, which knows them.
`module_reference` describes one module. All of it is pure but for the grammar, which is read from its file.
"""

from __future__ import annotations

from vchlang.reference.grammar import grammar_page
from vchlang.reference.markdown import page
from vchlang.reference.tables import codes_page, functions_page, kinds_page
from vchlang.reference.types import types_page

__all__ = ["index_page", "pages"]

_ABOUT = {
    "grammar.md": "each rule of the syntax, with an example",
    "kinds.md": "what can be brought into a script: fields, roles, facts, what a change costs",
    "types.md": "types of values, and units",
    "functions.md": "every function, with an example",
    "codes.md": "what the code of a message means",
    "commands.md": "the commands of `vch`, their options, and exit codes",
}


def pages() -> dict[str, str]:
    """The pages about the language by the names of their files."""
    return {
        "grammar.md": grammar_page(),
        "kinds.md": kinds_page(),
        "types.md": types_page(),
        "functions.md": functions_page(),
        "codes.md": codes_page(),
    }


def index_page(modules: dict[str, str]) -> str:
    """What there is. modules: by the names of their files, what modules of the standard library are called."""
    out = [
        page(
            "Reference",
            "the tables that define the language",
            "Everything there is, in the words of the tables that the checker, the planner and the editor read. To "
            "learn the language, begin with [the language](../language.md). `vch explain WORD` says the same of one "
            "word. All that is shown as a script is run by the tests: a whole script has no mistake, a part of one "
            "reads, an expression is true, and a mistake gets its code.",
        ),
        "\n".join(f"- [{name.removesuffix('.md')}]({name}): {what}" for name, what in _ABOUT.items()),
    ]
    if modules:
        out.append("The standard library:")
        out.append("\n".join(f"- [`{module}`]({name})" for name, module in modules.items()))
    return "\n\n".join(out) + "\n"
