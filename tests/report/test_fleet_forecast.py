"""A campaign against fleets in words: what is certain, what is not, and by when to act."""

from __future__ import annotations

import numpy as np
import pytest

from loadkit.analysis.goals import parse_goal
from loadkit.analysis.results import Estimate
from loadkit.cli._output import as_text
from loadkit.plan.fluid import Load
from loadkit.plan.outlook import FleetForecast, look_ahead
from loadkit.plan.policies import Ahead, Policy
from loadkit.plan.prospect import Setting
from loadkit.report.fleet_forecast import answers, count, duration, ranged, render_fleet_forecast
from loadkit.report.sparkline import ASCII
from loadkit.units import format_duration

PEAK = [40.0] * 60 + [350.0] * 30 + [40.0] * 90


def forecast(
    *policies: Policy, rates_per_s: list[float] = PEAK, low: float = 80.0, high: float = 130.0
) -> FleetForecast:
    load = Load(np.array(rates_per_s) * 60.0, 60.0)
    capacity = Estimate("capacity", 100.0, low, high)
    return look_ahead(Setting(load, capacity, 0.05, parse_goal("p(99) < 30s"), "100/s by a ladder"), 2, policies)


def said(found: FleetForecast) -> list[str]:
    return list(answers(found, format_duration))


def test_what_depends_on_a_nodes_capacity_is_said_to() -> None:
    words = said(forecast(Policy("three", 3)))

    assert words[0].startswith("Does three survive? It depends on a node's capacity: in its worst hour ")
    assert "0.00% to " in words[0]
    assert "How many nodes are enough without any change? 4 (3 to 5), so that p(99) < 30s in every hour." in words


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        (Policy("five", 5), "When must a fleet of 5 scale out? It need not."),
        (
            Policy("few", 2, ahead=(Ahead(3600, 60, 3600, 3),)),
            "When must few scale out? No time is early enough: with its 3 nodes the objective does not hold.",
        ),
        (
            Policy("told", 2, start_up_s=600, warm_up_s=0, ahead=(Ahead(3600, 60, 2400, 5),)),
            "When must told scale out? No less than 10m00s ahead, which is 50m00s: its 5 nodes must have been ordered",
        ),
    ],
)
def test_when_to_scale_out(policy: Policy, answer: str) -> None:
    assert any(line.startswith(answer) for line in said(forecast(policy)))


def test_what_must_be_there_from_the_start_is_said() -> None:
    begun = forecast(Policy("two", 2), rates_per_s=[350.0] * 60)
    assert (
        "When must a fleet of 2 scale out? At once: the 5 nodes that are enough must be there from the start."
        in said(begun)
    )


def test_ranges_are_shown_where_they_can_be_seen() -> None:
    assert ranged(Estimate("x", 10.0, 10.0, 10.0), count) == "10"
    assert ranged(Estimate("x", 10.0, 5.0, 1234.0), count) == "10 (5 to 1,234)"
    assert ranged(Estimate("x", 10.2, 10.1, 10.3), count) == "10"
    assert (count(0), count(0.2), count(float("inf"))) == ("0", "<1", "inf")
    assert (duration(90.0), duration(float("inf"))) == ("1m30s", "not within it")


def test_the_whole_is_as_wide_as_a_pipe_and_says_what_it_rests_on() -> None:
    text = as_text(render_fleet_forecast(forecast(), format_duration, marks=ASCII))

    assert max(map(len, text.splitlines())) <= 100
    assert [line for line in text.splitlines() if line.isupper()] == ["WAITING", "ANSWERS", "RESTS ON"]
    assert "Capacity of a node: 100/s by a ladder." in text
    assert "no more certain than that number" not in text
    assert "no more certain than that number" in as_text(
        render_fleet_forecast(forecast(low=100.0, high=100.0), format_duration)
    )
