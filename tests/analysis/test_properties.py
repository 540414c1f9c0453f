"""Properties of the whole front, on programs that mean something: a text to its plan, and what may not change that."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.meaningful import SECRET, Drawn, expanded, programs, unrolled
from tests.cases import INVENTORY
from tests.front import ROOT, Front
from vchlang import values as v
from vchlang.cli.show_graph import graph_text
from vchlang.plan.codec import canonical
from vchlang.plan.drawing import as_json, dot, mermaid
from vchlang.plan.graph import made_of, order_of
from vchlang.plan.model import Plan
from vchlang.plan.request import Request

SOME = settings(deadline=None, max_examples=60)
WILD = st.sampled_from(("values", "values", "types")).flatmap(lambda wild: programs(wild=wild))
VALUES = frozenset({
    "limit-steps", "limit-depth", "limit-size", "limit-int", "division-by-zero", "inexact", "bad-index", "bad-text",
    "duplicate-field", "duplicate-address", "where-failed", "assert-failed", "wrong-arguments", "out-of-range",
})  # fmt: skip
"""Codes of what only a value tells. All others the checker says, or nobody."""


class Private(Front):
    """A front whose plans hold no secret for a digest, as those of the command line do not."""

    def request(self, *args: Any, **more: Any) -> Request:
        return msgspec.structs.replace(super().request(*args, **more), secret_digest=lambda secret: "digest")


def front(drawn: Drawn) -> Front:
    return Private(drawn.text, modules=drawn.modules, secrets=drawn.secrets)


def planned(drawn: Drawn) -> Plan:
    """The plan of a program, which has no mistake."""
    made = front(drawn)
    assert made.codes() == [], drawn.text + "\n" + made.said()
    found = made.plan(world=dict(INVENTORY))
    assert not found.diagnostics, (drawn.text, found.diagnostics)
    return found.plan


def meaning(plan: Plan, *renamed: tuple[str, str]) -> dict[str, Any]:
    """A plan without where it is written, how its operations are numbered, and which of several comes first.

    renamed: from and to, in every text of it.
    """

    def again(value: Any) -> Any:
        match value:
            case str():
                for old, new in renamed:
                    value = value.replace(old, new)
                return value
            case dict():
                return {again(key): again(one) for key, one in value.items()}
            case list() | tuple():
                return [again(one) for one in value]
            case _:
                return value

    document = again(msgspec.to_builtins(plan))
    words = ("action", "kind", "address", "part")
    name = {one["id"]: " ".join(str(one[word]) for word in words) for one in document["operations"]}
    assert len(set(name.values())) == len(name)
    operations = {}
    for one in document["operations"]:
        steps = [{**step, "line": 0} for step in one["steps"]]
        needs = sorted(name[need] for need in one["needs"])
        # A digest of what is renamed is another one; what it is made from is compared as it is.
        operations[name[one["id"]]] = {**one, "id": "", "place": None, "spec": "", "needs": needs, "steps": steps}
    return {**document, "operations": operations}


@SOME
@given(programs())
def test_equal_inputs_give_byte_equal_plans(drawn: Drawn) -> None:
    assert canonical(msgspec.to_builtins(planned(drawn))) == canonical(msgspec.to_builtins(planned(drawn)))


def test_plans_are_byte_equal_in_every_process() -> None:
    """Sets are ordered by a seed that each process draws; no plan may show it."""
    texts: list[Drawn] = []

    @settings(deadline=None, max_examples=20, database=None, derandomize=True)
    @given(programs())
    def collect(drawn: Drawn) -> None:
        texts.append(drawn)

    collect()
    answers = set()
    for seed in ("0", "1", "4711"):
        answer = subprocess.run(
            [sys.executable, "-c", "from tests.analysis.test_properties import digests; digests()"],
            input=json.dumps([one._asdict() for one in texts]),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": ROOT},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        answers.add(answer.stdout)
    assert len(answers) == 1
    assert len(answers.pop().split()) == len(texts) > 10


def digests() -> None:
    """For a process of its own: from programs on the standard input to digests of their plans."""
    import hashlib

    for one in json.load(sys.stdin):
        plan = planned(Drawn(tuple(one["statements"]), one["modules"], one["secrets"]))
        print(hashlib.sha256(canonical(msgspec.to_builtins(plan))).hexdigest())


@SOME
@given(st.data())
def test_the_order_of_statements_changes_nothing(data: st.DataObject) -> None:
    drawn = data.draw(programs())
    mixed = drawn._replace(statements=tuple(data.draw(st.permutations(drawn.statements))))
    assert meaning(planned(mixed)) == meaning(planned(drawn))


@SOME
@given(st.data())
def test_the_order_of_statements_changes_no_mistake(data: st.DataObject) -> None:
    drawn = data.draw(WILD)
    mixed = drawn._replace(statements=tuple(data.draw(st.permutations(drawn.statements))))
    assert sorted(front(mixed).codes()) == sorted(front(drawn).codes()), drawn.text


@SOME
@given(expanded())
def test_an_instance_is_what_is_written_in_its_component(both: tuple[Drawn, Drawn]) -> None:
    instance, written = both
    assert meaning(planned(instance), ("one.", "one_")) == meaning(planned(written))


@SOME
@given(unrolled())
def test_a_loop_is_its_turns(both: tuple[Drawn, Drawn]) -> None:
    loop, turns = both
    assert meaning(planned(loop)) == meaning(planned(turns))


@settings(deadline=None, max_examples=150)
@given(WILD)
def test_what_the_checker_passes_has_only_mistakes_of_values(drawn: Drawn) -> None:
    made = front(drawn)  # and nothing raises
    said = {one.code for one in made.composition.diagnostics if one.severity == "error"}
    if not made.program.has_errors:
        assert said <= VALUES, drawn.text + "\n" + made.said()


@settings(deadline=None, max_examples=100)
@given(programs(wild="types"))
def test_no_secret_is_shown_or_stored(drawn: Drawn) -> None:
    made = front(drawn)
    shown = [made.said(), repr(made.composition.diagnostics)]
    shown += [f(made_of(made.composition, "x")) for f in (graph_text, mermaid, dot)]
    shown.append(as_json(made_of(made.composition, "x")).decode())
    shown += [v.show(one.value) for one in made.composition.outputs]
    if not made.codes():
        plan = made.plan(world=dict(INVENTORY)).plan
        shown += [canonical(msgspec.to_builtins(plan)).decode(), graph_text(order_of(plan))]
    for text in shown:
        assert SECRET not in text and not re.search("swordfish|SWORDFISH", text)
