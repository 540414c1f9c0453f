"""Probes: questions to the world, asked once everything is applied. Only a `verify` may ask them.

Their descriptions stand here so that checker and reference have one table; the portlayer asks (`portlayer/asking.py`).
"""

from __future__ import annotations

from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import group

_probes = group("probes")
_URL = v.UnionOf((v.STRING, v.URL))


@_probes(
    v.BOOL,
    'tcp_open("127.0.0.1", 2376)',
    ("host", v.UnionOf((v.STRING, v.ADDRESS))),
    ("port", v.INT),
    ("within", v.DURATION),
    optional=1,
    probe=True,
)
def tcp_open(*_: Any) -> Any:
    """Whether something accepts connections at a port. With `within` it is tried until then; else once, for 5 s."""
    raise AssertionError("a probe is a question to the world. This is a bug in vch.")


@_probes(
    v.BOOL, 'http_ok("http://127.0.0.1:2376/_ping")', ("url", _URL), ("within", v.DURATION), optional=1, probe=True
)
def http_ok(*_: Any) -> Any:
    """Whether a URL answers with a status of 2xx. With `within` it is tried until then; else once, for 5 s."""
    raise AssertionError("a probe is a question to the world. This is a bug in vch.")


@_probes(
    v.Optional(v.INT),
    'http_status("http://127.0.0.1:2376/nothing") == 404',
    ("url", _URL),
    ("within", v.DURATION),
    optional=1,
    probe=True,
)
def http_status(*_: Any) -> Any:
    """The status that a URL answers with, null where nothing does; redirects are not followed."""
    raise AssertionError("a probe is a question to the world. This is a bug in vch.")
