"""Finds what the package carries beside its code: the grammar, its table and the standard library.

In a checkout `grammar/` and `stdlib/` lie beside the package; in an installed wheel they lie in its `_data/`. The
table is made from the grammar and lies in `_data/` in both. Nothing here reads a file.
"""

import os.path

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_DATA = os.path.join(_PACKAGE, "_data")


def grammar_file() -> str:
    """The file of the grammar, `vch.lark`."""
    return os.path.join(_directory("grammar"), "vch.lark")


def grammar_table() -> str:
    """Where the table made from the grammar is or will be; `vchlang.syntax.tables` makes it."""
    return os.path.join(_DATA, "grammar.table")


def stdlib() -> str:
    """The directory of the standard library: `std/loaders` is `loaders.vch` in it."""
    return _directory("stdlib")


def _directory(name: str) -> str:
    packed = os.path.join(_DATA, name)
    return packed if os.path.isdir(packed) else os.path.join(os.path.dirname(_PACKAGE), name)
