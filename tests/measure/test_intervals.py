"""Interval histograms: what is recorded is seen at once, settled once, and written in the package's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadkit.measure.histogram import HIGHEST_US, Histogram, counts_index
from loadkit.measure.intervals import HistogramBank, IntervalHistograms
from loadkit.measure.records import RunPlan, Stage
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.statistics import Metric, Series

if TYPE_CHECKING:
    from pathlib import Path

SERIES = (Series(Metric.RESPONSE_TIME, "hold", "note"), Series(Metric.RESPONSE_TIME, "odd, ;name", "ad"))


class Written:
    """A writer that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[Series, float, float, int]] = []

    def append_histogram(self, series: Series, start_s: float, length_s: float, histogram: Histogram) -> None:
        self.lines.append((series, start_s, length_s, histogram.total))


def record(histograms: IntervalHistograms, number: int, *values_us: int) -> None:
    histograms.record(np.full(len(values_us), number), counts_index(np.array(values_us)))


def test_values_are_seen_while_open_closed_and_settled() -> None:
    written = Written()
    histograms = IntervalHistograms(SERIES, written)
    record(histograms, 0, 1000, 2000)
    assert [histograms[series].total for series in histograms] == [2]
    histograms.close(10.0)
    record(histograms, 0, 3000)
    record(histograms, 1, 5)
    assert {series.stage: histograms[series].total for series in histograms} == {"hold": 3, "odd, ;name": 1}
    assert written.lines == []
    histograms.settle_one()
    histograms.settle_one()
    assert written.lines == [(SERIES[0], 0.0, 10.0, 2)]
    histograms.close(20.5)
    histograms.settle_all()
    assert written.lines[1:] == [(SERIES[0], 10.0, 10.5, 1), (SERIES[1], 10.0, 10.5, 1)]
    assert [histograms[series].total for series in SERIES] == [3, 1]
    assert len(histograms) == 2


def test_an_interval_that_was_not_settled_is_settled_when_the_next_closes() -> None:
    written = Written()
    histograms = IntervalHistograms(SERIES, written)
    for end_s in (10.0, 20.0, 30.0):
        record(histograms, 0, 1000)
        record(histograms, 1, 9_000_000)
        histograms.close(end_s)
    assert [(line[1], line[3]) for line in written.lines] == [(0.0, 1), (0.0, 1), (10.0, 1), (10.0, 1)]
    assert histograms[SERIES[1]].total == 3


def test_a_bank_grows_and_keeps_its_histograms_apart() -> None:
    bank = HistogramBank(600)
    numbers = np.repeat(np.arange(600), 2)
    bank.record(numbers, numbers + 7)
    bank.record(np.array([599]), np.array([0]))
    assert [part.tolist() for part in bank.take(599)] == [[0, 606], [1, 2]]
    assert [part.tolist() for part in bank.get(3)] == [[10], [2]]
    assert bank.get(599)[0].size == 0
    assert len(bank.numbers()) == 599


@pytest.mark.parametrize("series", SERIES)
def test_tags_hold_any_name(series: Series) -> None:
    assert Series.from_tag(series.tag) == series
    assert not set(series.tag) & set(", \r\n")


def test_the_package_reads_the_log(tmp_path: Path) -> None:
    plan = RunPlan("abcdefgh", ("note",), (Stage("hold", 0.0, 10.0),), open_loop=True, started_at=1_700_000_000.0)
    writer = RunWriter(tmp_path, RunFacts(plan, "test", "smtp://127.0.0.1:25", 1, (), (), "", ""))
    interval = Histogram()
    interval.record_s(np.array([0.001, 0.002, 1.5]))
    writer.append_histogram(SERIES[0], 10.0, 10.0, interval)
    reader = HistogramLogReader(str(writer.folder / "histograms.hlog"), HdrHistogram(1, HIGHEST_US, 3))
    read = reader.get_next_interval_histogram()
    assert (read.get_tag(), read.get_total_count()) == ("response_time;hold;note", 3)
    assert read.get_value_at_percentile(50) == pytest.approx(2000, rel=1e-3)
    assert read.get_start_time_stamp() == pytest.approx(1_700_000_010_000)
    assert reader.get_next_interval_histogram() is None
    reader.input_file.close()
