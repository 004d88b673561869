"""The examples in the documentation of analysis run and say what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import loadkit.analysis

MODULES = sorted(one.name for one in pkgutil.iter_modules(loadkit.analysis.__path__, "loadkit.analysis."))
WITH_EXAMPLES = {
    "change",
    "comparison",
    "demand",
    "evidence",
    "goals",
    "latency",
    "quantiles",
    "queueing",
    "regression",
    "response",
    "scalability",
    "search",
    "sla",
    "steady",
    "verification",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert (tried > 0) == (name.rpartition(".")[2] in WITH_EXAMPLES)
