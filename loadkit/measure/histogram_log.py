"""The histogram log of a run folder, in HdrHistogram's own form: a line for each series and interval of ten seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from loadkit.errors import RunFolderError
from loadkit.measure.histogram import COUNTS_LENGTH, Histogram
from loadkit.measure.histogram_codec import Integers, decode_counts
from loadkit.measure.statistics import Series

HISTOGRAM_FILE = "histograms.hlog"

_HEAD = """\
#[loadkit: values in microseconds, Interval_Max in milliseconds]
#[Histogram log format version 1.3]
#[StartTime: {started_at:.3f} (seconds since epoch), {started}]
#[BaseTime: {started_at:.3f} (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""
_TAG = b"Tag="
_AT_ONCE = 32
"""Lines that are decoded together."""


def log_head(started_at: float) -> str:
    """What a log begins with; the run's start is Unix time."""
    return _HEAD.format(started_at=started_at, started=datetime.fromtimestamp(started_at, UTC).isoformat())


def log_line(series: Series, start_s: float, length_s: float, histogram: Histogram) -> str:
    """The line of an interval, which began so many seconds after the run."""
    encoded = histogram.encode().decode("ascii")
    return f"Tag={series.tag},{start_s:.3f},{length_s:.3f},{histogram.max_s * 1e3:.3f},{encoded}\n"


class Interval(NamedTuple):
    """A line of a log.

    Args:
        series: What was recorded.
        start_s: Start of the interval in seconds since the run's.
        indexes: Where values were counted, ascending; see `loadkit.measure.histogram.counts_index`.
        counts: How often; as many.
    """

    series: Series
    start_s: float
    indexes: Integers
    counts: Integers


def read_histograms(path: Path) -> dict[Series, Histogram]:
    """The histograms of a log, intervals added up by series; a last line that a crash tore is left out.

    Raises:
        RunFolderError: If a whole line is damaged.
    """
    histograms: dict[Series, Histogram] = {}
    for one in read_intervals(path):
        histograms.setdefault(one.series, Histogram()).add_cells(one.indexes, one.counts)
    return histograms


def read_intervals(path: Path) -> Iterator[Interval]:
    """The whole lines of a histogram log.

    Raises:
        RunFolderError: If one of them is damaged.
    """
    with path.open("rb") as log:
        lines = ((number, one) for number, one in enumerate(log, 1) if one.startswith(_TAG) and one.endswith(b"\n"))
        while some := list(islice(lines, _AT_ONCE)):
            try:
                found = _read([line for _, line in some])
            except ValueError:
                raise _damage(path, some) from None
            yield from found


def _read(lines: Sequence[bytes]) -> list[Interval]:
    fields = [line.removeprefix(_TAG).split(b",") for line in lines]
    heads = [(_series(tag), float(start_s)) for tag, start_s, _, _, _ in fields]
    cells = decode_counts([one[-1] for one in fields], COUNTS_LENGTH)
    return [Interval(*head, *one) for head, one in zip(heads, cells, strict=True)]


@cache
def _series(tag: bytes) -> Series:
    """A log has few series and many lines."""
    return Series.from_tag(tag.decode("ascii"))


def _damage(path: Path, lines: Sequence[tuple[int, bytes]]) -> RunFolderError:
    """What is wrong with the first of the lines that can't be read."""
    for number, line in lines:
        try:
            _read([line])
        except ValueError as error:
            return RunFolderError(f"{path}:{number}: {error}", hint="the run folder is damaged")
    raise AssertionError("unreachable")
