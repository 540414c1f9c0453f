"""The descriptions of the kinds: documented, with examples that hold."""

from __future__ import annotations

import pytest

from tests.front import Front
from vchlang import values as v
from vchlang.kinds import KINDS
from vchlang.kinds.schema import Verb

VERBS = [verb for kind in KINDS.values() for verb in (kind.element, kind.join, kind.bind) if verb is not None]
AROUND = 'ensure pool vch in "/clusterA/poolB"\nensure location infra at "ds://datastore2/infra"\n'


@pytest.mark.parametrize("verb", VERBS, ids=lambda one: f"{one.words[0]} {one.kind}")
def test_described(verb: Verb) -> None:
    assert verb.doc.endswith(".")
    for param in verb.params.values():
        assert param.doc.endswith("."), f"{verb.kind}.{param.name}"
        assert param.change in ("update", "restart", "replace", "never")
        assert v.show_type(param.type)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda one: one.name)
def test_examples_have_no_mistake(kind) -> None:  # type: ignore[no-untyped-def]
    assert kind.element.examples
    for example in kind.element.examples:
        around = "".join(line + "\n" for line in AROUND.splitlines() if line.split()[1:3] != example.split()[1:3])
        front = Front(around + example)
        assert front.codes() == [], front.said()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda one: one.name)
def test_facts_are_described(kind) -> None:  # type: ignore[no-untyped-def]
    for fact in kind.facts.values():
        assert fact.doc and v.show_type(fact.type)
