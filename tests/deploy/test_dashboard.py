"""The Grafana dashboard: every metric and label that it asks for is there in what a real run and its sink show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.runs import scenario_text
from support.sink import running_sink
from support.waiting import wait_until
from support.watched import WatchedRun, get

if TYPE_CHECKING:
    from collections.abc import Iterator

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "loadkit.json"
WORDS = {"by", "sum", "rate", "min", "max", "histogram_quantile"}


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def asked(expression: str) -> dict[str, set[str]]:
    """The metrics of a PromQL expression, each with the labels that it selects by; grouping labels go to all."""
    grouped = {label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(", ")}
    rest = re.sub(r"\bby \([^)]*\)|\[[^\]]*\]", "", expression)
    found: dict[str, set[str]] = {}
    for name, selector in re.findall(r"\b([a-z_]\w*)\b(\{[^}]*\})?", re.sub(r'"[^"]*"', '""', rest)):
        if name not in WORDS and not re.search(rf"\{{[^}}]*\b{name}\b", rest):
            found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", selector), grouped)
    return found


def test_expressions_are_taken_apart_well() -> None:
    assert asked('histogram_quantile(0.9, sum by (le, kind) (rate(a_bucket{x="b", y!="c"}[$__rate_interval])))') == {
        "a_bucket": {"x", "y", "le", "kind"}
    }
    assert asked('sum(a{b!="c"}) / sum(a) - max(d)') == {"a": {"b"}, "d": set()}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Names of all metrics that a run and its sink show, each with its labels."""
    with running_sink(admin="127.0.0.1:0") as sink:
        assert sink.admin is not None
        load = "load: {arrivals: even, stages: [{name: hold, rate: 100/s, duration: 60s}]}"
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=load)
        with WatchedRun(tmp_path_factory.mktemp("run"), text, "--metrics-port", "0") as run:
            url = run.announced("metrics")
            wait_until(lambda: "loadkit_messages_total{" in get(url), "messages are counted", timeout_s=20, poll_s=0.1)
            latency = "smtp_sink_end_to_end_intended_seconds_bucket{"
            wait_until(
                lambda: latency in get(f"{sink.admin}/metrics"), "latencies are counted", timeout_s=20, poll_s=0.1
            )
            return dict(names(get(url) + get(f"{sink.admin}/metrics")))


def names(text: str) -> Iterator[tuple[str, set[str]]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, set(sample.labels)


@pytest.mark.slow
@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_a_real_run_shows_what_the_dashboard_asks_for(expression: str, shown: dict[str, set[str]]) -> None:
    metrics = asked(expression)
    assert metrics
    for name, labels in metrics.items():
        assert name in shown
        assert labels <= shown[name]


@pytest.mark.slow
def test_counters_are_asked_for_as_rates_or_sums_and_histograms_by_le(shown: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name in asked(expression):
            assert not name.endswith("_bucket") or re.search(r"by \(le", expression), expression
            assert "le" not in shown[name] or name.endswith("_bucket")


def test_panels_stand_side_by_side_and_say_what_they_show() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        assert place["x"] + place["w"] <= 24
        cells |= own
        assert panel["description"].endswith(".")
        assert panel["title"]
    assert len({panel["id"] for panel in panels()}) == len(panels())
