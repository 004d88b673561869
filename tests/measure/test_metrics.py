"""Metrics for monitoring: names by convention, values that agree with what was recorded, labels from closed lists."""

from __future__ import annotations

import re

import pytest
from support.recording import PLAN, messages, set_up

from loadkit.measure.histogram import EXPORT_BOUNDS_S
from loadkit.measure.metrics import (
    METRICS,
    Buckets,
    Instrument,
    MetricName,
    Reading,
    Values,
    counts_by_kind,
    families,
    merged_histograms,
)
from loadkit.measure.recorder import Recorder
from loadkit.measure.records import OutcomeTable
from loadkit.smtp.outcome import SETUP_PHASES, TRANSACTION_PHASES, Outcome, OutcomeClass, Phase

LABELS = {
    "kind": set(PLAN.kinds),
    "outcome": {one.value for one in OutcomeClass} | {"opened", "failed"},
    "phase": {phase.value for phase in (*SETUP_PHASES, *TRANSACTION_PHASES)},
}


def reading_of(recorder: Recorder) -> Reading:
    statistics = recorder.statistics()
    latencies = merged_histograms(statistics, lambda: None)
    return Reading(recorder.totals(), counts_by_kind(statistics), latencies, cpu_ratio=0.25, valid=True)


def recorded() -> Recorder:
    """A second of warm-up with 10 messages, and then 90 accepted and 6 refused ones; two session set-ups."""
    outcomes = OutcomeTable()
    refused = outcomes.intern(Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 451, "4.7.1"))
    recorder = Recorder(PLAN, outcomes)
    recorder.add(set_up())
    recorder.add(set_up(outcome=refused))
    recorder.add(messages(0, 10))
    recorder.add(messages(3, 90, first=10))
    recorder.add(messages(4, 6, outcome=refused, first=100))
    recorder.flush(6.0)
    return recorder


def values_of(recorder: Recorder) -> dict[str, Values]:
    return {family.metric.prometheus: family.values for family in families(reading_of(recorder))}


def test_counts_are_those_of_the_whole_run() -> None:
    values = values_of(recorded())
    assert values["loadkit_messages_offered"] == {("note",): 53, ("ad",): 53}
    assert {key: value for key, value in values["loadkit_messages"].items() if value} == {
        ("note", "accepted"): 50,
        ("ad", "accepted"): 50,
        ("note", "transient"): 3,
        ("ad", "transient"): 3,
    }
    assert values["loadkit_accepted_size_bytes"] == {("note",): 50_000, ("ad",): 50_000}
    assert values["loadkit_messages_started"] == {(): 106}
    assert values["loadkit_session_setups"] == {("opened",): 1, ("failed",): 1}
    assert values["loadkit_connections"] == {(): 3}
    assert values["loadkit_generator_cpu_ratio"] == {(): 0.25}
    assert values["loadkit_run_valid"] == {(): 1}


def test_histograms_have_every_value_in_its_bucket() -> None:
    response = values_of(recorded())["loadkit_response_time_seconds"][("note",)]
    assert isinstance(response, Buckets)
    assert response.total == 53
    assert dict(zip(EXPORT_BOUNDS_S, response.up_to, strict=True)) == {
        bound: 53 if bound > 0.03 else 0 for bound in EXPORT_BOUNDS_S
    }
    assert response.sum_s == pytest.approx(53 * 0.03, rel=1e-3)


def test_phases_are_of_transactions_and_set_ups() -> None:
    phases = values_of(recorded())["loadkit_phase_duration_seconds"]
    totals = {phase: value.total for (phase,), value in phases.items() if isinstance(value, Buckets)}
    assert (totals["mail"], totals["connect"], totals["tls"]) == (106, 2, 0)


def test_all_metrics_are_given_in_their_order_with_the_labels_that_they_name() -> None:
    found = list(families(reading_of(recorded())))
    assert tuple(family.metric for family in found) == METRICS
    for family in found:
        for labels in family.values:
            for name, value in zip(family.metric.labels, labels, strict=True):
                assert value in LABELS[name]


def test_before_anything_happened_there_are_values_for_all() -> None:
    values = values_of(Recorder(PLAN, OutcomeTable()))
    assert len(values) == len(METRICS)
    assert values["loadkit_response_time_seconds"][("ad",)] == Buckets((0,) * len(EXPORT_BOUNDS_S), 0, 0.0)


def test_a_reading_stays_as_it_is() -> None:
    recorder = recorded()
    reading = reading_of(recorder)
    before = list(families(reading))
    recorder.add(messages(7, 50, first=200))
    recorder.flush(9.0)
    assert list(families(reading)) == before
    assert list(families(reading_of(recorder))) != before


def test_others_have_their_turn_between_the_histograms() -> None:
    statistics = recorded().statistics()
    breaths: list[int] = []
    merged_histograms(statistics, lambda: breaths.append(1))
    assert len(breaths) == len(statistics.histograms) > 20


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_convention(metric: MetricName) -> None:
    assert re.fullmatch(r"loadkit(\.[a-z_]+)+", metric.name)
    assert re.fullmatch(r"loadkit(_[a-z]+)+", metric.prometheus)
    assert not metric.prometheus.endswith("_total")  # Prometheus' own library adds it
    assert metric.unit in {"s", "By", "1", ""} or re.fullmatch(r"\{[a-z]+\}", metric.unit)
    assert metric.instrument is not Instrument.HISTOGRAM or metric.prometheus.endswith("_seconds")
    assert metric.help.endswith(".")
    assert set(metric.labels) <= set(LABELS)


def test_names_are_unique() -> None:
    assert len({metric.prometheus for metric in METRICS}) == len(METRICS)
