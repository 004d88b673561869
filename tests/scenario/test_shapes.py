"""Shapes: each is the rate that plain arithmetic gives, with exact areas, and its words say so."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from support.arrivals import ARRIVALS
from support.timing import fewest_s

from loadkit.scenario.arrivals import Schedule, schedule_of
from loadkit.scenario.curve import Curve
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario
from loadkit.scenario.quantities import exact_clock
from loadkit.scenario.shapes import Shape

GOOD = Path(__file__).parent / "good"
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scenarios.md"

_RATES = st.floats(0.01, 1000).map(lambda rate: round(rate, 3))
_SHARES = st.floats(0.01, 1)


def _rate(per_s: float) -> str:
    return f"{per_s:.9f}/s"


def _time(seconds: float) -> str:
    return f"{seconds:.9f}s"


@st.composite
def _forms(draw: st.DrawFn, duration_s: float) -> dict[str, Any]:  # noqa: PLR0911 - one for each form
    """A form with numbers that fit a duration."""
    low, high = sorted((draw(_RATES), draw(_RATES) + 1))
    part = duration_s / 5
    match draw(st.sampled_from(("hold", "ramp", "spike", "steps", "sine", "daily", "decay", "batches"))):
        case "hold":
            return {"hold": {"rate": _rate(low)}}
        case "ramp":
            return {"ramp": {"from": _rate(high), "to": _rate(low)}}
        case "spike":
            times = {key: _time(part * draw(_SHARES)) for key in ("at", "rise", "hold", "fall")}
            return {"spike": {"base": _rate(low), "peak": _rate(high + 1), **times}}
        case "steps":
            return {"steps": {"from": _rate(low), "to": _rate(high), "count": draw(st.integers(2, 9))}}
        case "sine":
            times = {"period": _time(duration_s * draw(_SHARES)), "peak_at": _time(part)}
            return {"sine": {"mean": _rate(high), "amplitude": _rate(low), **times}}
        case "daily":
            clock = {key: exact_clock(draw(st.integers(0, 86_399))) for key in ("peak_at", "begin")}
            return {"daily": {"low": _rate(low), "high": _rate(high), **clock}}
        case "decay":
            return {"decay": {"from": _rate(high + 1), "to": _rate(low), "half_life": _time(part * draw(_SHARES))}}
    every_s = part * draw(_SHARES)
    messages = draw(st.integers(1, 50))
    rate = messages / (every_s * draw(_SHARES)) + 0.01
    times = {"every": _time(every_s), "at": _time(part * draw(_SHARES))}
    return {"batches": {"messages": messages, "rate": _rate(rate), "idle": _rate(low), **times}}


@st.composite
def _shapes(draw: st.DrawFn, duration_s: float) -> dict[str, Any]:
    shape = draw(_forms(duration_s))
    if draw(st.booleans()):
        shape = {"sum": [shape, *draw(st.lists(_forms(duration_s), min_size=1, max_size=2))]}
    return shape | ({"times": round(draw(st.floats(0.1, 9)), 3)} if draw(st.booleans()) else {})


def _plain_rate(shape: dict[str, Any], t: float, duration_s: float) -> float:
    """The rate at a time, without any curve."""
    factor = float(shape.get("times", 1))
    key, body = next(item for item in shape.items() if item[0] != "times")
    if key == "sum":
        return factor * sum(_plain_rate(part, t, duration_s) for part in body)
    return factor * _plain_form(key, {name: _number(value) for name, value in body.items()}, t, duration_s)


def _number(value: Any) -> float:
    if isinstance(value, str) and ":" in value:
        hours, minutes, seconds = (int(part) for part in f"{value}:00".split(":")[:3])
        return hours * 3600 + minutes * 60 + seconds
    return float(str(value).rstrip("s").rstrip("/"))


def _plain_form(key: str, of: dict[str, float], t: float, duration_s: float) -> float:  # noqa: PLR0911 - as above
    match key:
        case "hold":
            return of["rate"]
        case "ramp":
            return of["from"] + (of["to"] - of["from"]) * t / duration_s
        case "spike":
            up = (t - of["at"]) / of["rise"]
            down = (of["at"] + of["rise"] + of["hold"] + of["fall"] - t) / of["fall"]
            return of["base"] + (of["peak"] - of["base"]) * max(0.0, min(1.0, up, down))
        case "steps":
            number = min(int(t / duration_s * of["count"]), of["count"] - 1)
            return of["from"] + (of["to"] - of["from"]) * number / (of["count"] - 1)
        case "sine":
            return of["mean"] + of["amplitude"] * math.cos(2 * math.pi * (t - of["peak_at"]) / of["period"])
        case "daily":
            wave = math.cos(2 * math.pi * (t + of["begin"] - of["peak_at"]) / 86_400)
            return (of["high"] + of["low"]) / 2 + (of["high"] - of["low"]) / 2 * wave
        case "decay":
            return of["to"] + (of["from"] - of["to"]) * math.exp(-math.log(2) * t / of["half_life"])
    sending = t >= of["at"] and (t - of["at"]) % of["every"] < of["messages"] / of["rate"]
    return of["rate"] if sending else of["idle"]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), duration_s=st.floats(10, 200_000))
def test_a_shape_is_the_rate_that_plain_arithmetic_gives_and_its_area_is_exact(
    data: st.DataObject, duration_s: float
) -> None:
    plain = data.draw(_shapes(duration_s))
    shape = Shape.model_validate(plain)
    assert list(shape.misfits(duration_s)) == []

    curve = shape.curve(duration_s)

    # Gauss and Legendre's rule between the steps and bends of the curve, on the rate worked out without it.
    nodes, weights = leggauss(16)
    inner = np.concatenate([np.linspace(a, b, 5) for a, b in pairwise(curve.edges_s)] or [curve.edges_s])
    edges = np.unique(np.concatenate((inner, np.linspace(0, duration_s, 129))))
    edges = edges[np.concatenate(([True], np.diff(edges) > 1e-9 * duration_s))]
    halves, middles = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    times = middles[:, None] + halves[:, None] * nodes
    rates = np.array([[_plain_rate(plain, t, duration_s) for t in row] for row in times])
    total = float((halves[:, None] * weights * rates).sum())
    # Times are written with nine decimals, so a step may be that far from where it was meant.
    blur = 1e-7 * curve.peak_per_s * max(1.0, duration_s / 1000) * len(curve.levels)
    assert curve.duration_s == duration_s
    assert curve.area == pytest.approx(total, rel=1e-6, abs=blur)
    assert np.allclose(curve.rate_at(middles), [_plain_rate(plain, t, duration_s) for t in middles], rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), arrivals=st.sampled_from(ARRIVALS), seed=st.integers(0, 2**32))
def test_a_shape_comes_back_from_what_is_written_and_gives_the_same_times_in_blocks_of_any_size(
    data: st.DataObject, arrivals: Any, seed: int
) -> None:
    first = {"name": "first", "rate": "5/s", "duration": "1s"}
    stage = {"name": "all", "duration": "30s", "shape": data.draw(_shapes(30.0))}
    scenario = parse_scenario(
        yaml.safe_dump(
            {
                "scenario": "x",
                "seed": seed,
                "load": {"arrivals": arrivals, "stages": [first, stage]},
                "messages": {"note": {}},
            }
        )
    )

    again = parse_scenario(dump_effective(scenario))

    assert again == scenario
    times, others = (_first_times(schedule_of(one), size) for one, size in ((scenario, 97), (again, 4096)))
    assert np.array_equal(times, others)
    assert np.all(np.diff(times) >= 0)
    assert times.size == 0 or (times[0] >= 0 and times[-1] <= 31)


def _first_times(schedule: Schedule, max_block: int, count: int = 2000) -> Any:
    taken = [np.empty(0)]
    for block in schedule.blocks(max_block):
        taken.append(block)
        if sum(map(len, taken)) >= count:
            break
    return np.concatenate(taken)[:count]


def test_every_shape_sends_in_each_stage_what_was_worked_out_by_hand() -> None:
    """Poisson counts of a stage lie within five standard deviations of the area; even ones are the area itself."""
    scenario = load_scenario(GOOD / "shapes.yaml")
    areas = dict(zip(scenario.load.stage_names, (curve.area for curve in scenario.load.curves), strict=True))
    by_hand = {
        "warm-up": 100,
        "opening": 5 * 240 + 75 * (10 / 2 + 30 + 60 / 2),
        "as-long-as-it-takes": 80 * (10 + 20 / 2),
        "stairs": 30 * (5 + 10 + 15 + 20),
        "wave": 10 * 90 + 10 * 60 / (2 * math.pi) * (math.sin(2 * math.pi * 70 / 60) + math.sin(2 * math.pi * 20 / 60)),
        "echo": 300 + 29 * 40 / math.log(2) * (1 - 0.5 ** (300 / 40)),
        "waves": 5 * 300 + 0.5 * (600 - 75),
        "log": 40,
        "replay": 28.5,
        "both": 0.5 * (8 * 180 + 4 * 180 + 20 * 20 + 40),
    }
    assert {name: areas[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-9)

    for arrivals, width in (("poisson", 5.0), ("even", 1e-9)):
        load = scenario.load.model_copy(update={"arrivals": type(scenario.load.arrivals).model_validate(arrivals)})
        schedule = Schedule(load.timetable, load.arrivals, 5)
        drawn = sum(np.bincount(schedule.stage_of(block), minlength=len(areas)) for block in schedule.blocks())
        expected = np.array(list(areas.values()))
        assert np.all(np.abs(drawn - expected) <= 1 + width * np.sqrt(expected))


@pytest.mark.parametrize(
    ("shape", "duration_s", "peak"),
    [
        ("{sine: {mean: 10/s, amplitude: 10/s, period: 60s}}", 86_400, 20),
        (
            "{sum: [{sine: {mean: 5/s, amplitude: 5/s, period: 1m}}, {sine: {mean: 5/s, amplitude: 5/s, period: 7s}}]}",
            3600,
            20,
        ),
        ("{sum: [{decay: {from: 90/s, half_life: 1s}}, {sine: {mean: 5/s, amplitude: 5/s, period: 60s}}]}", 3600, 100),
        ("{spike: {base: 1/s, peak: 9/s, at: 1s, rise: 1s, fall: 1s}, times: 3}", 10, 27),
        ("{batches: {messages: 10, rate: 7/s, every: 1m}}", 600, 7),
    ],
    ids=["wave", "beat", "decay", "spike", "batches"],
)
def test_the_peak_is_found(shape: str, duration_s: float, peak: float) -> None:
    assert Shape.model_validate(yaml.safe_load(shape)).curve(duration_s).peak_per_s == pytest.approx(peak, rel=2e-4)


def test_a_spike_that_rounding_makes_longer_than_its_stage_fits_all_the_same() -> None:
    """0.1 + 0.2 is more than 0.3."""
    shape = Shape.model_validate({"spike": {"peak": "9/s", "rise": "100ms", "fall": "200ms"}})

    assert list(shape.misfits(0.3)) == []
    assert shape.curve(0.3).duration_s == 0.3


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("{hold: {rate: 5/s}}", "5/s"),
        ("{ramp: {from: 0/s, to: 5/s}}", "0/s to 5/s"),
        (
            "{spike: {base: 1/s, peak: 9/s, at: 1m, rise: 1s, fall: 2s}}",
            "spike from 1/s to 9/s after 1m00s (1s up, 0s there, 2s down)",
        ),
        ("{steps: {from: 1/s, to: 9/s, count: 3}}", "3 steps from 1/s to 9/s"),
        (
            "{sine: {mean: 5/s, amplitude: 2/s, period: 1m, peak_at: 15s}}",
            "wave of 2/s about 5/s every 1m00s, highest at 15s",
        ),
        (
            "{daily: {low: 1/s, high: 9/s, peak_at: '14:00', begin: '06:30'}}",
            "days from 1/s to 9/s, highest at 14:00, beginning at 06:30",
        ),
        ("{decay: {from: 9/s, half_life: 5m}, times: 0.5}", "0.5 times (decay from 9/s to 0/s by half every 5m00s)"),
        (
            "{sum: [{hold: {rate: 1/s}}, {batches: {messages: 5000, rate: 90/s, every: 1h, at: 5m, idle: 1/s}}]}",
            "1/s + batches of 5,000 at 90/s every 1h00m after 5m00s, 1/s between",
        ),
    ],
    ids=["hold", "ramp", "spike", "steps", "sine", "daily", "decay", "sum-of-batches"],
)
def test_shapes_in_words(shape: str, words: str) -> None:
    assert Shape.model_validate(yaml.safe_load(shape)).words == words


def test_a_month_of_minutes_is_quick() -> None:
    """43,200 pieces, with a wave on top so that none of them is straight: milliseconds, of which a second is plenty."""
    counts = np.random.default_rng(1).integers(0, 900, 43_200)

    def used_s() -> float:
        started = process_time()
        curve = Curve.steps(np.arange(43_201, dtype=np.float64) * 60, counts / 60).plus(
            Curve.sine(10, 5, 86_400, 43_200 * 60.0)
        )
        area, peak_per_s = curve.area, curve.peak_per_s
        ended = process_time()
        assert area == pytest.approx(counts.sum() + 10 * 43_200 * 60, rel=1e-12)
        assert 15 < peak_per_s <= 30
        return ended - started

    assert fewest_s(used_s, below_s=1.0) < 1


def test_the_shapes_of_the_guide_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    section = GUIDE.read_text().split("## Shapes of the rate\n")[1].split("\n## ")[0]
    load = section.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "november.csv").write_text("sent_at\n2026-11-11T00:00:05+08:00\n2026-11-11T00:01:07+08:00\n")

    scenario = parse_scenario(f"scenario: x\n{load}messages: {{note: {{}}}}\n", base=tmp_path)

    shapes = [stage.shape for stage in scenario.load.stages if stage.shape is not None]
    assert [shape.parts is None for shape in shapes] == [True] * 7 + [False]
    assert [stage.length_s for stage in scenario.load.stages][-2:] == [120, 3600]
    assert scenario.timetable.curve is not None
    assert scenario.timetable.curve.peak_per_s == 400
