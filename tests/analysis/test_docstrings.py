"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ("compare", "evidence", "goals", "quantiles", "search", "sla", "steady")


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    done = doctest.testmod(importlib.import_module(f"loadkit.analysis.{name}"))
    assert done.attempted > 0
    assert done.failed == 0
