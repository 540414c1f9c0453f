"""The functions of the language: one decorated function each, with its types, doc and example.

They are pure: no clock, no chance, no locale; and bounded: what would be large is refused before it is built. What
reads (`archive`, `file`, `env`) is no function but a question to `Inputs`; a probe (`tcp_open`) is one to the world.

Most scripts use a few of them, and describing all takes longer than checking a script. So their names stand here, and
a module is loaded with the first function of it that is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from vchlang.analysis.builtins.table import DESCRIBED, GROUPS, MAX_ITEMS, MAX_TEXT, Builtin, Misfit, Mistake, work

_NAMES = {
    "texts": "string upper lower trim trim_start trim_end trim_prefix trim_suffix split joined lines chars "
    "replace starts_with ends_with substring repeat pad_start pad_end indent slug",
    "patterns": "matches find find_all replace_matches captures",
    "lists": "len contains index_of reverse map filter all any count reduce sort sort_by distinct first last "
    "element slice flatten zip chunk group_by range product union intersection difference compact sum "
    "min_of max_of",
    "maps": "keys values lookup merge merge_deep entries from_entries pick omit invert map_values filter_entries",
    "numbers": "min max clamp abs sign floor ceil round fixed pow log whole to_base from_base",
    "typed": "int float bool bytes frequency duration is_text is_number is_bool is_list is_map coalesce",
    "networks": "cidr_network cidr_netmask cidr_prefix cidr_size cidr_host cidr_first cidr_last cidr_hosts "
    "cidr_subnet cidr_subnets cidr_overlap cidr_contains is_ipv6",
    "encoding": "base64 base64_decode url_encode url_decode json json_decode yaml toml_decode csv_decode",
    "digests": "sha256 sha512 sha1 crc32 uuid5",
    "times": "date_add date_diff date_before date_format unix_time from_unix",
    "paths": "basename dirname extension path_join",
    "reading": "archive file env",
    "probes": "tcp_open http_ok http_status",
}
"""The functions of each module; a test holds it to them."""


class _Functions(Mapping[str, Builtin]):
    """Every function by its name, described when it is asked for; names alone load nothing."""

    def __init__(self) -> None:
        self._module = {name: module for module, names in _NAMES.items() for name in names.split()}

    def __getitem__(self, name: str) -> Builtin:
        found = DESCRIBED.get(name)
        if found is None:
            importlib.import_module(f"{__name__}.{self._module[name]}")
            found = DESCRIBED[name]
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._module

    def __iter__(self) -> Iterator[str]:
        return iter(self._module)

    def __len__(self) -> int:
        return len(self._module)


BUILTINS: Mapping[str, Builtin] = _Functions()

__all__ = ["BUILTINS", "GROUPS", "MAX_ITEMS", "MAX_TEXT", "Builtin", "Misfit", "Mistake", "work"]
