"""Searches on real sockets for a capacity that queueing theory knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest
from support.runs import ROOT

from loadkit.analysis.latency import fit_latency
from loadkit.analysis.queueing import mmc_response_quantile
from loadkit.analysis.search_trials import SearchSettings
from loadkit.cli._climb import begin, climb
from loadkit.cli._ladder import open_ladder
from loadkit.cli.capacity import settings_of
from loadkit.measure.ladder import RateTrial, read_ladder
from loadkit.scenario.load import parse_scenario

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SERVERS, SERVICE_S, LIMIT_S = 4, 0.02, 0.2
GOAL = "p(99) < 200ms"
PROFILE = f"""\
profile: mmc
service:
  dot: {{station: {{servers: {SERVERS}, time: {{exponential: {{mean: {1000 * SERVICE_S:g}ms}}}}}}}}
"""
# Sessions enough that mail waits at the station and not before it.
SCENARIO = """\
scenario: mmc
sessions: {max: 300, messages_per_session: 1000}
load: {stages: [{name: hold, rate: 100/s, duration: 10s}]}
messages: {note: {}}
"""
SEARCHES, LEAST_RIGHT, AT_A_TIME = 10, 9, 3
ATTEMPTS = 3
NEAR = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and what its trials saw."""

    folder: Path
    lower_per_s: float | None
    upper_per_s: float | None

    @property
    def rates(self) -> tuple[RateTrial, ...]:
        return read_ladder([self.folder]).rates

    @property
    def overhead_s(self) -> float:
        """What sockets and clients add to the station's own time, by the median of the smallest rate."""
        least = min(self.rates, key=lambda trial: trial.rate_per_s)
        return least.quantiles_s[0.5] - mmc_response_quantile(SERVERS, least.rate_per_s, SERVICE_S, 0.5)

    @property
    def right(self) -> bool:
        low, high = self.lower_per_s or 0.0, self.upper_per_s or float("inf")
        return 0 < low <= capacity_per_s(self.overhead_s) <= high < float("inf")


def capacity_per_s(overhead_s: float) -> float:
    """The largest rate that meets the goal by theory, where every message takes so much longer than at the station."""
    low, high = 1.0, SERVERS / SERVICE_S
    for _ in range(40):
        middle = (low + high) / 2
        meets = mmc_response_quantile(SERVERS, middle, SERVICE_S, 0.99) + overhead_s <= LIMIT_S
        low, high = (middle, high) if meets else (low, middle)
    return low


def found_in(folder: Path) -> Found:
    result = open_ladder(folder).search.results()[0]
    return Found(folder, result.lower_per_s, result.upper_per_s)


def written(folder: Path) -> tuple[Path, Path]:
    """The profile and the scenario as files."""
    profile, scenario = folder / "mmc.yaml", folder / "scenario.yaml"
    profile.write_text(PROFILE, encoding="utf-8")
    scenario.write_text(SCENARIO, encoding="utf-8")
    return profile, scenario


def test_the_capacity_that_theory_knows() -> None:
    assert capacity_per_s(0.0) == pytest.approx(175.05, abs=0.01)
    assert capacity_per_s(0.002) == pytest.approx(174.79, abs=0.05)


def undisturbed(folder: Path, settings: SearchSettings) -> Path:
    """The folder of a search of which the load generator spoiled no trial; on a busy machine it is begun anew."""
    profile, _ = written(folder)
    said: list[str] = []
    for _ in range(ATTEMPTS):
        ladder = begin(parse_scenario(SCENARIO), settings, folder, ("--sink-profile", str(profile)))
        climb(ladder, quiet=True, as_json=False)
        said = [one.seen.invalid for one in open_ladder(ladder.folder).search.done if one.seen.invalid]
        if not said:
            return ladder.folder
    pytest.fail(f"the machine was busy every time: {said}")


@pytest.mark.timeout(240)
def test_a_short_search_contains_the_capacity(tmp_path: Path) -> None:
    """Three trials: well below, far above, and where the overloaded station says that its capacity may be."""
    settings = settings_of(parse_scenario(SCENARIO), [GOAL], "125/s", trial_s=10.0, width=0.2)
    short = SearchSettings(settings.goals, 125.0, width=0.2, budget_s=50.0, confirm_trials=1)
    folder = undisturbed(tmp_path, short)

    found = found_in(folder)
    assert abs(found.overhead_s) < 0.01, "the median of a trial is a millisecond sure"
    assert found.right, found
    done = open_ladder(folder).search.done
    assert [one.trial.rate_per_s for one in done][:2] == pytest.approx([125, 250], rel=0.05)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nine_of_ten_searches_contain_the_capacity_and_their_curve_is_that_of_theory(tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        every = list(pool.map(lambda seed: searched(tmp_path, seed), range(SEARCHES)))
    assert sum(one.right for one in every) >= LEAST_RIGHT, every
    # They are asked for 10 %, which trials of 10 s can't tell at so few messages a second.
    assert median((one.upper_per_s or 0.0) / (one.lower_per_s or 1.0) for one in every) < 1.6

    near = [all(abs(error) <= NEAR for error in curve_errors(one.rates, one.overhead_s)) for one in every]
    assert sum(near) >= LEAST_RIGHT, every
    together = tuple(trial for one in every for trial in one.rates)
    errors = curve_errors(together, mean(one.overhead_s for one in every))
    assert all(abs(error) <= NEAR / 2 for error in errors), errors


def searched(folder: Path, seed: int) -> Found:
    """A search from the command line; each begins elsewhere, so that no two share a grid of loads."""
    results = folder / str(seed)
    results.mkdir()
    profile, scenario = written(results)
    options = ["--sink-profile", str(profile), "--start", f"{60 + 2 * seed}/s", "--seed", str(seed), "--json"]
    options += ["--quiet", "--width", "10%", "--results", str(results)]
    done = subprocess.run(
        [sys.executable, "-m", "loadkit", "capacity", str(scenario), "--objective", GOAL, *options],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return found_in(Path(told["path"]))


def curve_errors(trials: tuple[RateTrial, ...], overhead_s: float) -> list[float]:
    """How far the fitted p99 is from theory at 50, 70 and 85 % of the capacity, relative to theory."""
    names = tuple(sorted(set.intersection(*(set(trial.quantiles_s) for trial in trials))))
    fitted = fit_latency(
        [trial.rate_per_s for trial in trials], {name: [trial.quantiles_s[name] for trial in trials] for name in names}
    )
    errors = []
    for share in (0.5, 0.7, 0.85):
        rate_per_s = share * capacity_per_s(overhead_s)
        seen_s = fitted.latency(0.99, rate_per_s)
        assert seen_s is not None
        errors.append(seen_s / (mmc_response_quantile(SERVERS, rate_per_s, SERVICE_S, 0.99) + overhead_s) - 1)
    return errors
