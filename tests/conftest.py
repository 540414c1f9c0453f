"""What all tests share."""

from __future__ import annotations

import os

import hypothesis
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected blocks of golden cases")


# The gate draws the same examples each time, so that it says the same of the same commit; `VCH_EXPLORE=1 pytest` draws
# others.
if not os.environ.get("VCH_EXPLORE"):
    hypothesis.settings.register_profile("gate", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("gate")
