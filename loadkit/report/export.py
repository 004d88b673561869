"""A run's course and distributions in formats that other programs read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from loadkit.errors import RunFolderError
from loadkit.measure.histogram import middles_s
from loadkit.measure.statistics import Metric
from loadkit.measure.store import read_statistics
from loadkit.measure.tables import merged_timeline

if TYPE_CHECKING:
    from loadkit.measure.histogram import Histogram
    from loadkit.measure.store import Run

_TICKS_PER_HALF = 5
"""As many percentiles for each halving of the distance to 100 % as HdrHistogram's own tools print."""


def csv_of(run: Run) -> Iterator[str]:
    """The timeline as comma-separated values with a header: a row for each second, stage and message kind."""
    table = _timeline(run)
    yield _csv_line(table.column_names)
    for batch in table.to_batches():
        for row in batch.to_pylist():
            yield _csv_line(["" if value is None else value for value in row.values()])


def ndjson_of(run: Run) -> Iterator[str]:
    """The timeline as one JSON object a line; what is not known is left out."""
    for batch in _timeline(run).to_batches():
        for row in batch.to_pylist():
            yield json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)


def hgrm_of(run: Run, metric: Metric) -> Iterator[str]:
    """A distribution of the measured stages as HdrHistogram's plotter reads it, in milliseconds.

    Args:
        run: The run.
        metric: What is timed.

    Raises:
        RunFolderError: If nothing was timed.
    """
    histogram = read_statistics(run).histogram(metric)
    if not histogram.total:
        raise RunFolderError(f"{run.head.name} timed no {metric.value}", hint="choose another --metric")
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"
    yield ""
    total = histogram.total
    for share in _shares(total):
        value_s = histogram.quantile_s(share)
        count = histogram.counts_up_to_s([value_s])[0]
        rest = f"{1 / (1 - share):>14.2f}" if share < 1 else ""
        yield f"{value_s * 1e3:>12.3f} {share:>14.12f} {count:>10} {rest}".rstrip()
    yield f"#[Mean    = {histogram.mean_s * 1e3:>12.3f}, StdDeviation   = {_deviation_s(histogram) * 1e3:>12.3f}]"
    yield f"#[Max     = {histogram.max_s * 1e3:>12.3f}, Total count    = {total:>12}]"


def _shares(total: int) -> Iterator[float]:
    """Shares from 0 to 1, in even steps within each halving of what is left, until less than a value is left."""
    left, share = 1.0, 0.0
    while left * total >= 1:
        for step in range(_TICKS_PER_HALF):
            share = 1 - left + step * left / 2 / _TICKS_PER_HALF
            yield share
        left /= 2
    yield 1.0


def _deviation_s(histogram: Histogram) -> float:
    used = histogram.used()
    counts = histogram.counts_at(used)
    apart = middles_s(used) - histogram.mean_s
    return math.sqrt(float(counts @ (apart * apart)) / histogram.total)


def _timeline(run: Run) -> Any:
    table = run.table("timeline")
    if table is None:
        raise RunFolderError(f"{run.head.path} has no timeline", hint="the run ended before its first second was over")
    # While a run goes on its rows have numbers for names, and those of a second may come in parts.
    return table if run.head.complete else merged_timeline(run.plan, table)


def _csv_line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
