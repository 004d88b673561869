"""The public names of `loadkit.analysis`: each function has an example, each result can be read."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import loadkit.analysis
from loadkit.analysis import (
    Bracket,
    Capacities,
    Observation,
    Sample,
    ScalabilitySettings,
    Search,
    SearchSettings,
    backlog_of,
    batch_means,
    compare_brackets,
    compare_capacities,
    compare_failures,
    compare_quantiles,
    compare_runs,
    design_effect,
    fit_demand,
    fit_latency,
    fit_scalability,
    parse_goal,
    success_interval,
    verify_success_rate,
    warm_up_of,
)
from loadkit.analysis.search_trials import NextTrial

FUNCTIONS = sorted(name for name in loadkit.analysis.__all__ if inspect.isfunction(getattr(loadkit.analysis, name)))
RANDOM = np.random.default_rng(5)
NOISE = RANDOM.normal(10, 1, 200)
CLIENTS, RATES = [1, 2, 4, 8, 16, 32], [98, 195, 370, 660, 1080, 1395]
SCALABILITY = fit_scalability(CLIENTS, RATES, settings=ScalabilitySettings(draws=20))
LATENCY = fit_latency([20, 40, 60, 80, 90], {0.5: [0.0087, 0.0115, 0.0173, 0.0347, 0.0693]}, draws=20)
COUNTS = Sample(RANDOM.poisson(20, (8, 30)))
SEARCH = Search(SearchSettings((parse_goal("p(99) < 500ms"),)))
SEEN = Observation((200,) * 10, (0,) * 10, ((50,) * 10,), (5.0,) * 10)


def after_a_trial() -> Search:
    trial = SEARCH.next_action()
    assert isinstance(trial, NextTrial)
    return SEARCH.with_trial(trial, SEEN)


RESULTS: dict[str, Any] = {
    "ScalabilityFit": SCALABILITY,
    "Band": SCALABILITY.band([4, 64]),
    "Estimate": SCALABILITY.parameters[0],
    "LatencyFit": LATENCY,
    "LatencyBand": LATENCY.band(0.5, [30, 60]),
    "DemandFit": fit_demand([100, 200, 300, 400], {"cpu": [0.12, 0.22, 0.31, 0.42]}),
    "Change": compare_runs("capacity", [400, 410, 395], [500, 490, 512]),
    "Change of two runs": compare_runs("capacity", [400, 410], [500]),
    "Change of brackets": compare_brackets(Bracket(400, 420), Bracket(500, 525)),
    "Change of quantiles": compare_quantiles("response_time", np.arange(1.0, 31.0), COUNTS, COUNTS)[0],
    "ShareChange": compare_failures(([0] * 10, [500] * 10), ([20] * 10, [500] * 10)),
    "ShareChange of nothing": compare_failures(([0], [500]), ([20], [500])),
    "Comparison": compare_capacities(*(Capacities(name, {"success >= 99%": (Bracket(5, 6),)}) for name in ("a", "b"))),
    "Goal": parse_goal("p(99) < 500ms"),
    "Observation": SEEN,
    "Search": after_a_trial(),
    "GoalResult": SEARCH.results()[0],
    "WarmUp": warm_up_of(NOISE),
    "MeanInterval": batch_means(NOISE),
    "Backlog": backlog_of(NOISE),
    "Backlog of too little": backlog_of(NOISE[:2]),
    "DesignEffect": design_effect(np.tile([0.0, 0.0, 0.0, 8.0], 10), np.full(40, 100.0)),
    "RateInterval": success_interval(9998, 10_000),
    "Verification": verify_success_rate(0.9995, requests=5_000, failures=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example(name: str) -> None:
    # That examples run and say what they say is tested with the modules.
    assert ">>>" in (inspect.getdoc(getattr(loadkit.analysis, name)) or "")


def test_every_result_is_shown_below() -> None:
    results = {
        name
        for name in loadkit.analysis.__all__
        if hasattr(getattr(loadkit.analysis, name), "to_dict") and name != "SearchSettings"
    }
    assert results <= set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_frozen_readable_and_plain_json(name: str) -> None:
    result = RESULTS[name]
    assert type(result).__name__ == name.partition(" ")[0]
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))
    # What dataclasses and numpy write by themselves is for programmers.
    assert not any(one in repr(result) for one in (f"{type(result).__name__}(", "array(", "np.", "nan", "None"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(result)[0].name, None)


def test_the_names_load_their_modules_on_first_use() -> None:
    program = (
        "import sys, loadkit.analysis as a; assert 'numpy' not in sys.modules; print(sorted(a.__all__) == a.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
    with pytest.raises(AttributeError, match="no attribute 'fit_everything'"):
        loadkit.analysis.fit_everything  # noqa: B018
