"""What runs say: pure functions that take arrays and give frozen results, to read, to ask and to write as JSON.

The public names load their modules on first use, so that ``import loadkit.analysis`` stays cheap. Every result has a
`repr` that a person can read and `to_dict` with plain JSON values; where data can't carry an answer, `RefusedError`
names the experiment that would.

Curves
    `fit_scalability` (throughput against concurrency), `fit_latency` (quantiles of latency against rate), `fit_demand`
    (utilisation of resources against throughput), `usl_response_time`.
Comparing
    `compare_runs`, `compare_brackets`, `compare_capacities`, `compare_quantiles`, `compare_failures`, `judge_ratio`.
Searching for a capacity
    `Search` with `SearchSettings`, `parse_goal`, `Observation`, `chance_of_meeting`.
Steady state
    `warm_up_of` (MSER-5), `batch_means`, `backlog_of`, `design_effect`.
Quantiles
    `quantile_of` (nearest rank), `harrell_davis`, `smallest_sample`.
Promised success rates
    `verify_success_rate`, `success_interval`, `requests_needed`, `failure_bound`.
Queues in closed form
    `erlang_b`, `erlang_c`, `mmc_response_mean`, `mmc_response_quantile`, `mm1_response_quantile`, `mg1_response_mean`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadkit.analysis.change import (
        Bracket,
        Change,
        Outcome,
        Sample,
        compare_brackets,
        compare_quantiles,
        compare_runs,
        judge_ratio,
    )
    from loadkit.analysis.comparison import (
        Capacities,
        Comparison,
        ShareChange,
        compare_capacities,
        compare_failures,
    )
    from loadkit.analysis.demand import DemandFit, fit_demand
    from loadkit.analysis.evidence import Observation, chance_of_meeting
    from loadkit.analysis.goals import Goal, parse_goal
    from loadkit.analysis.latency import fit_latency
    from loadkit.analysis.latency_fit import LatencyBand, LatencyFit
    from loadkit.analysis.quantiles import harrell_davis, quantile_of, smallest_sample
    from loadkit.analysis.queueing import (
        erlang_b,
        erlang_c,
        mg1_response_mean,
        mm1_response_quantile,
        mmc_response_mean,
        mmc_response_quantile,
    )
    from loadkit.analysis.refusal import RefusedError
    from loadkit.analysis.response import usl_response_time
    from loadkit.analysis.results import Band, Estimate
    from loadkit.analysis.scalability import ScalabilitySettings, fit_scalability
    from loadkit.analysis.scalability_fit import ScalabilityFit
    from loadkit.analysis.search import GoalResult, Search
    from loadkit.analysis.search_trials import Finished, NextTrial, SearchSettings
    from loadkit.analysis.sla import (
        RateInterval,
        Verification,
        failure_bound,
        requests_needed,
        success_interval,
        verify_success_rate,
    )
    from loadkit.analysis.steady import (
        Backlog,
        DesignEffect,
        MeanInterval,
        WarmUp,
        backlog_of,
        batch_means,
        design_effect,
        warm_up_of,
    )
    from loadkit.analysis.trials import Noise

__all__ = [
    "Backlog",
    "Band",
    "Bracket",
    "Capacities",
    "Change",
    "Comparison",
    "DemandFit",
    "DesignEffect",
    "Estimate",
    "Finished",
    "Goal",
    "GoalResult",
    "LatencyBand",
    "LatencyFit",
    "MeanInterval",
    "NextTrial",
    "Noise",
    "Observation",
    "Outcome",
    "RateInterval",
    "RefusedError",
    "Sample",
    "ScalabilityFit",
    "ScalabilitySettings",
    "Search",
    "SearchSettings",
    "ShareChange",
    "Verification",
    "WarmUp",
    "backlog_of",
    "batch_means",
    "chance_of_meeting",
    "compare_brackets",
    "compare_capacities",
    "compare_failures",
    "compare_quantiles",
    "compare_runs",
    "design_effect",
    "erlang_b",
    "erlang_c",
    "failure_bound",
    "fit_demand",
    "fit_latency",
    "fit_scalability",
    "harrell_davis",
    "judge_ratio",
    "mg1_response_mean",
    "mm1_response_quantile",
    "mmc_response_mean",
    "mmc_response_quantile",
    "parse_goal",
    "quantile_of",
    "requests_needed",
    "smallest_sample",
    "success_interval",
    "usl_response_time",
    "verify_success_rate",
    "warm_up_of",
]

_HOMES = {
    "Backlog": "steady",
    "Band": "results",
    "Bracket": "change",
    "Capacities": "comparison",
    "Change": "change",
    "Comparison": "comparison",
    "DemandFit": "demand",
    "DesignEffect": "steady",
    "Estimate": "results",
    "Finished": "search_trials",
    "Goal": "goals",
    "GoalResult": "search",
    "LatencyBand": "latency_fit",
    "LatencyFit": "latency_fit",
    "MeanInterval": "steady",
    "NextTrial": "search_trials",
    "Noise": "trials",
    "Observation": "evidence",
    "Outcome": "change",
    "RateInterval": "sla",
    "RefusedError": "refusal",
    "Sample": "change",
    "ScalabilityFit": "scalability_fit",
    "ScalabilitySettings": "scalability",
    "Search": "search",
    "SearchSettings": "search_trials",
    "ShareChange": "comparison",
    "Verification": "sla",
    "WarmUp": "steady",
    "backlog_of": "steady",
    "batch_means": "steady",
    "chance_of_meeting": "evidence",
    "compare_brackets": "change",
    "compare_capacities": "comparison",
    "compare_failures": "comparison",
    "compare_quantiles": "change",
    "compare_runs": "change",
    "design_effect": "steady",
    "erlang_b": "queueing",
    "erlang_c": "queueing",
    "failure_bound": "sla",
    "fit_demand": "demand",
    "fit_latency": "latency",
    "fit_scalability": "scalability",
    "harrell_davis": "quantiles",
    "judge_ratio": "change",
    "mg1_response_mean": "queueing",
    "mm1_response_quantile": "queueing",
    "mmc_response_mean": "queueing",
    "mmc_response_quantile": "queueing",
    "parse_goal": "goals",
    "quantile_of": "quantiles",
    "requests_needed": "sla",
    "smallest_sample": "quantiles",
    "success_interval": "sla",
    "usl_response_time": "response",
    "verify_success_rate": "sla",
    "warm_up_of": "steady",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
