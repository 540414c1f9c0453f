"""A sample of the hostile programs, one for each way to cost too much; `dev.py sweep --hostile` runs them all."""

from __future__ import annotations

import msgspec
import pytest

from tests.cases import INVENTORY
from tests.front import Front
from tests.hostile import __main__ as sweep
from tests.hostile.programs import SECRET, doubled, programs
from vchlang.plan.codec import canonical

PROGRAMS = dict(programs())
SAMPLE = (
    "sum of 100,000", "records through names", "types of functions", "modules in a ring of 500", "empty loops",
    "empty instances in loops", "doubling unknown text", "a list of large texts", "shared lists",
    "shared lists in JSON", "components that double", "json often", "names misspelt", "mistakes of types",
    "a project file of tables", "files that are named by files, and work",
)  # fmt: skip


@pytest.mark.parametrize("name", SAMPLE)
def test_it_comes_to_an_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two seconds by the issue; a shared machine in the middle of a test run gets some slack.
    monkeypatch.setattr(sweep, "SECONDS", 4.0)
    (cost,) = sweep.run(name, PROGRAMS[name], ("validate",))
    assert not cost.wrong, cost.line()
    assert cost.errors


def test_every_way_to_be_wrong_is_noticed() -> None:
    program = PROGRAMS["empty loops"]()
    said = {"code": 3, "seconds": 0.1, "megabytes": 20.0, "said": "error[limit-steps]: it is long\n"}

    def wrong(**more: object) -> tuple[str, ...]:
        return sweep.judged("x", "validate", program, {**said, **more}).wrong

    assert wrong() == ()
    assert wrong(seconds=2.5) == ("slow",)
    assert wrong(megabytes=300.0) == ("large",)
    assert wrong(code=152, said="") == ("exit code 152",)
    assert wrong(code=0, said="") == ("says nothing",)
    assert wrong(code=3, said="") != ()
    assert wrong(code=1, said="This is a bug in vch: KeyError") != ()
    assert wrong(said="error[cycle]: a -> a\n") == ("says cycle",)


def test_what_is_large_and_secret_is_shown_nowhere() -> None:
    text = SECRET + doubled("secret", '"${v{m}}${v{m}}"', 10) + 'create task t { path: "/x", env: { A: v10 } }'
    front = Front(text, secrets={"secret": "swordfish"})
    plan = canonical(msgspec.to_builtins(front.plan(world=dict(INVENTORY)).plan))
    assert front.codes() == []
    assert b"swordfish" not in plan.replace(b"digest-of-swordfish", b"")
    assert plan.count(b"$secret") == 2**10
