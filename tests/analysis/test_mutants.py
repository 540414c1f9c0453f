"""Mutants of the analysis: each breaks one promise, and a test that keeps the promise must notice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, settings

from tests.analysis import test_properties
from tests.cases import check, read
from tests.front import ROOT
from vchlang import values as v
from vchlang.analysis import budget
from vchlang.analysis.budget import Budget
from vchlang.analysis.evaluate import Evaluator
from vchlang.analysis.express import Expressions
from vchlang.analysis.fitting import Fitting
from vchlang.analysis.operate import Operating
from vchlang.analysis.scopes import Frame, Naming
from vchlang.analysis.typenames import TypeExpressions
from vchlang.syntax import ast


def case(file: str, title: str) -> None:
    with open(f"{ROOT}/tests/cases/analysis/{file}", encoding="utf-8") as handle:
        check(next(one for one in read(handle.read()) if one.title == title), update=False)


def limit(title: str) -> None:
    case("limits.md", title)


def holds(name: str) -> None:
    """A property, on the same programs each time and without shrinking what fails."""
    test = getattr(test_properties, name)
    old = test._hypothesis_internal_use_settings
    test._hypothesis_internal_use_settings = settings(
        deadline=None, max_examples=40, derandomize=True, database=None, phases=(Phase.generate,)
    )
    try:
        test()
    finally:
        test._hypothesis_internal_use_settings = old


def noticed(keeps: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *wrong: tuple[Any, str, Any]) -> None:
    """`keeps` passes, and does not with what is wrong in place."""
    keeps()
    for owner, name, value in wrong:
        monkeypatch.setattr(owner, name, value)
    with pytest.raises((AssertionError, ExceptionGroup)):
        keeps()


# ---- limits --------------------------------------------------------------------------------------------------------


def test_parts_that_are_not_counted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    title = "A value has no more parts than anybody could look at"
    noticed(lambda: limit(title), monkeypatch, (Budget, "weigh", lambda self, value, node: None))


def test_parts_that_are_counted_once_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Budget._weighed

    def wrong(self: Budget, value: Any) -> Any:
        known = self._large.get(id(value))
        return (1, 1, known[3]) if known is not None else right(self, value)

    title = "A value has no more parts than anybody could look at"
    noticed(lambda: limit(title), monkeypatch, (Budget, "_weighed", wrong))


def test_types_that_are_not_counted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    title = "A type has no more parts than anybody could look at"
    noticed(lambda: limit(title), monkeypatch, (TypeExpressions, "sized", lambda self, type_, node: type_))


def test_plans_that_are_not_counted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed(
        lambda: limit("What is planned has a size of its own"),
        monkeypatch,
        (Budget, "enters", lambda self, value, node: None),
    )


def test_room_without_an_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Budget.weigh

    def wrong(self: Budget, value: Any, node: Any) -> None:
        self.room = budget.MAX_ROOM
        right(self, value, node)

    noticed(lambda: limit("Texts and lists take room, whoever still has them"), monkeypatch, (Budget, "weigh", wrong))


def test_turns_that_cost_nothing_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed(
        lambda: limit("An empty turn of a loop is a turn"), monkeypatch, (Evaluator, "turn", lambda self, source: None)
    )


def test_levels_without_an_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed(lambda: limit("What a value nests"), monkeypatch, (budget, "MAX_LEVELS", 10**9))


def test_numbers_without_an_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed(lambda: limit("A result of 64 bits"), monkeypatch, (Operating, "whole", lambda self, number, node: number))


def test_messages_without_an_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed(
        lambda: limit("A message shows no more of a value than fits"),
        monkeypatch,
        (v, "brief", lambda value, most=80: v.show(value)),
    )


# ---- meaning -------------------------------------------------------------------------------------------------------


def test_a_prefix_that_is_dropped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Frame.__init__

    def wrong(self: Frame, prefix: str = "", component: Any = None, head: Any = None) -> None:
        right(self, prefix.replace("one.", "on."), component, head)

    noticed(
        lambda: holds("test_an_instance_is_what_is_written_in_its_component"), monkeypatch, (Frame, "__init__", wrong)
    )


def test_an_argument_that_is_worked_out_in_the_component_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Naming.given_to

    def wrong(self: Naming, what: Any) -> Any:
        node, value = right(self, what)
        return node, value + 1 if type(value) is int else value

    noticed(
        lambda: holds("test_an_instance_is_what_is_written_in_its_component"), monkeypatch, (Naming, "given_to", wrong)
    )


def test_null_that_is_no_default_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Naming.argument

    def wrong(self: Naming, what: Any, scope: Any) -> Any:
        written = [one.name.text for one in what.entries if isinstance(one, ast.Field)]
        if what.field.name in written and what.field.default is not None:
            what.field = msgspec.structs.replace(what.field, default=None)
        return right(self, what, scope)

    noticed(
        lambda: holds("test_an_instance_is_what_is_written_in_its_component"), monkeypatch, (Naming, "argument", wrong)
    )


def test_a_key_that_is_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Expressions.key

    def wrong(self: Expressions, node: Any, scope: Any) -> Any:
        found = right(self, node, scope)
        return found[:1] if isinstance(node, ast.Name) and isinstance(found, str) else found

    noticed(lambda: holds("test_a_loop_is_its_turns"), monkeypatch, (Expressions, "key", wrong))


def test_chance_in_a_plan_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Evaluator.decorations

    def wrong(self: Evaluator, item: Any) -> Any:
        protect, retain, after = right(self, item)
        return protect or random.random() < 0.5, retain, after

    noticed(lambda: holds("test_equal_inputs_give_byte_equal_plans"), monkeypatch, (Evaluator, "decorations", wrong))


def test_an_order_that_matters_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Naming.top_level

    def wrong(self: Naming, name: str, module: Any) -> Any:
        found = right(self, name, module)
        symbol = module.program.symbols.get(name)
        late = symbol is not None and symbol.what in ("let", "param") and symbol.base > self.base
        return found + 1 if late and type(found) is int else found

    noticed(lambda: holds("test_the_order_of_statements_changes_nothing"), monkeypatch, (Naming, "top_level", wrong))


def test_a_secret_that_is_shown_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = v.show

    def wrong(value: Any) -> str:
        return str(value.value) if isinstance(value, v.Secret) else right(value)

    noticed(lambda: holds("test_no_secret_is_shown_or_stored"), monkeypatch, (v, "show", wrong))


def test_types_that_are_not_kept_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the checker passes and evaluation calls another type: the two have to agree."""
    noticed(
        lambda: holds("test_what_the_checker_passes_has_only_mistakes_of_values"),
        monkeypatch,
        (Fitting, "fit", _refusing(Fitting.fit)),
    )


def _refusing(right: Any) -> Any:
    def wrong(self: Fitting, value: Any, type_: v.Type, node: Any) -> Any:
        if type(value) is list and value:
            return self.other(value, type_, node)
        return right(self, value, type_, node)

    return wrong
