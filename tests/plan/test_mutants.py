"""Mutants of the planner: each breaks one promise, and a test that keeps the promise must notice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis import test_values
from tests.cases import check, read
from tests.front import ROOT
from tests.plan import test_build
from vchlang import values as v
from vchlang.kinds.world import Absent, Present, Unknown
from vchlang.plan import build, keep, removal
from vchlang.plan.lower import Lowering


def _case(file: str, title: str) -> None:
    with open(f"{ROOT}/tests/cases/{file}", encoding="utf-8") as handle:
        check(next(case for case in read(handle.read()) if case.title == title), update=False)


def test_unknown_taken_for_absent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = build._Builder.plan_new

    def wrong(self: Any, element: Any) -> None:
        seen = self.observed.get(element.address)
        right(self, element, Absent() if isinstance(seen, Unknown) else seen)

    monkeypatch.setattr(build._Builder, "plan_element", wrong)
    with pytest.raises(AssertionError):
        test_build.test_unknown_is_never_taken_for_absent()


def test_deleting_what_nobody_could_see_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = removal.removal_action
    monkeypatch.setattr(
        removal, "removal_action", lambda row, seen: "delete" if isinstance(seen, Unknown) else right(row, seen)
    )
    with pytest.raises(AssertionError):
        test_build.test_unknown_is_never_taken_for_absent()


def test_taking_what_is_not_ours_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build._Builder, "owned", lambda self, seen, address: isinstance(seen, Present))
    with pytest.raises(AssertionError):
        test_build.test_what_belongs_to_somebody_else_is_refused_with_their_name()


def test_dropping_a_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    test_build.test_a_promise_that_the_driver_cannot_keep_is_refused()
    monkeypatch.setattr(keep, "_promises", lambda step: [])
    with pytest.raises(AssertionError):
        test_build.test_a_promise_that_the_driver_cannot_keep_is_refused()
    with pytest.raises(AssertionError):
        _case("plan/changes.md", "The first plan follows the steps of the seed")


def test_a_secret_in_a_plan_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Lowering.value

    def wrong(self: Lowering, value: Any, type_: v.Type = v.ANY) -> Any:
        return value.value if isinstance(value, v.Secret) else right(self, value, type_)

    monkeypatch.setattr(Lowering, "value", wrong)
    with pytest.raises(AssertionError):
        test_values.test_a_secret_shows_nothing_and_is_stored_nowhere()


def test_forgetting_protection_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _case("plan/changes.md", "A protected pool is not replaced")
    right = build._Builder.replace

    def wrong(self: Any, element: Any, row: Any, changes: Any) -> None:
        element.protect = False
        import msgspec

        right(self, element, msgspec.structs.replace(row, protect=False), changes)

    monkeypatch.setattr(build._Builder, "replace", wrong)
    with pytest.raises(AssertionError):
        _case("plan/changes.md", "A protected pool is not replaced")


def test_losing_data_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _case("plan/changes.md", "Data is not lost by a change of place")
    monkeypatch.setattr(build, "holds_data", lambda args: False)
    with pytest.raises(AssertionError):
        _case("plan/changes.md", "Data is not lost by a change of place")
