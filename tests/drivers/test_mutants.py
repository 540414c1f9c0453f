"""Mutants of the local driver: each breaks a rule, and the contract suite must notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drivers.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
NOTICED_BY = {
    "nobodys": "test_what_is_somebody_elses_is_not_touched",
    "corrupt_is_absent": "test_a_record_that_cannot_be_read_is_not_taken_for_absent",
    "names_are_replaced": "test_a_late_create_after_the_name_is_taken or test_of_two_who_want_a_location_one_gets_it",
    "promises_are_dropped": "test_promises_are_kept_for_real",
}


def suite(which: str, mutant: str) -> int:
    """The exit code of some tests of the local driver, with a mutant or (empty) without one."""
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.drivers.mutants", "-p", "no:cacheprovider"]
    environment = {**os.environ, "VCH_TEST_MUTANT": mutant}
    argv += ["tests/drivers/test_local.py", "-k", which]
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False).returncode


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_noticed(mutant: str) -> None:
    assert suite(NOTICED_BY[mutant], mutant) == 1


def test_without_a_mutant_the_same_tests_pass() -> None:
    assert suite(" or ".join(NOTICED_BY.values()), "") == 0
