"""The search for capacity on simulated servers: how often its lower bound is wrong, and how many trials it takes."""

from __future__ import annotations

import statistics
import sys

import numpy as np

from benchmarks.running import Finding
from benchmarks.simulated import SERVERS, Server, simulated_capacity
from loadkit.analysis.goals import parse_goal
from loadkit.analysis.search import Search
from loadkit.analysis.search_trials import NextTrial, Purpose, SearchSettings

SEEDS = 200
MOST_WRONG = 0.05
LEAST_FOUND = 0.95
RAMP_STEPS = 20
"""Trials of a linear ramp, one at each step, of which a search may take half."""
TRUTH_TRIALS = 300


def capacities(server: Server, trials: int = TRUTH_TRIALS) -> tuple[float, ...]:
    """The largest rate for each goal of a server, by theory or by so many trials at each rate."""
    if server.capacity is not None:
        return tuple(map(server.capacity, map(parse_goal, server.goals)))
    return tuple(simulated_capacity(server, place, trials=trials) for place in range(len(server.goals)))


def searched(server: Server, least_per_s: float, seed: int) -> Search:
    """A finished search, begun at a random rate from a sixteenth to a quarter of the capacity."""
    start_per_s = least_per_s / np.random.default_rng([seed, 1]).uniform(4, 16)
    search = Search(SearchSettings(tuple(map(parse_goal, server.goals)), start_per_s, seed=seed))
    while isinstance(trial := search.next_action(), NextTrial):
        seen = server.trial(trial.rate_per_s, trial.duration_s, np.random.default_rng(trial.seed))
        search = search.with_trial(trial, seen)
    return search


def is_wrong(search: Search, truths: tuple[float, ...]) -> bool:
    """Whether a lower bound is above the capacity."""
    pairs = zip(search.results(), truths, strict=True)
    return any(result.lower_per_s is not None and result.lower_per_s > truth for result, truth in pairs)


def has_bounds(search: Search) -> bool:
    """Whether every goal has a lower bound."""
    return all(result.lower_per_s is not None for result in search.results())


def trials_of(search: Search) -> int:
    """Trials until the bounds were found, without those that confirm them."""
    return sum(one.trial.purpose in (Purpose.RAMP, Purpose.SEARCH) for one in search.done)


def compare_search() -> list[Finding]:
    """All figures for every server."""
    findings = []
    for server in SERVERS:
        truths = capacities(server)
        searches = [searched(server, min(truths), seed) for seed in range(SEEDS)]
        print(f"  {server.name}: {SEEDS} searches", file=sys.stderr)
        findings += [_wrong(server, searches, truths), _found(server, searches), _trials(server, searches)]
    return findings


def _wrong(server: Server, searches: list[Search], truths: tuple[float, ...]) -> Finding:
    share = sum(is_wrong(search, truths) for search in searches) / len(searches)
    found = [
        min((result.lower_per_s or 0) / truth for result, truth in zip(search.results(), truths, strict=True))
        for search in searches
    ]
    low, middle, high = (float(np.quantile(found, quantile)) for quantile in (0.05, 0.5, 1))
    detail = f"{len(searches)} seeds; lower bound over capacity p5 {low:.2f}, median {middle:.2f}, largest {high:.3f}"
    return Finding(f"{server.name}, share of wrong lower bounds", share, MOST_WRONG, detail, share <= MOST_WRONG)


def _found(server: Server, searches: list[Search]) -> Finding:
    share = sum(has_bounds(search) for search in searches) / len(searches)
    detail = f"{len(searches)} seeds"
    return Finding(
        f"{server.name}, share with a lower bound for every goal", share, LEAST_FOUND, detail, share >= LEAST_FOUND
    )


def _trials(server: Server, searches: list[Search]) -> Finding:
    counts = [trials_of(search) for search in searches]
    median = statistics.median(counts)
    everything = statistics.median(len(search.done) for search in searches)
    detail = f"most {max(counts)}, median with confirmation {everything:g}; a linear ramp takes {RAMP_STEPS}"
    return Finding(f"{server.name}, median trials", median, RAMP_STEPS / 2, detail, 2 * median <= RAMP_STEPS)
