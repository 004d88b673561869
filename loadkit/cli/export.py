"""`loadkit export`: a run's course and distributions for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._options import DEFAULT_RESULTS, ResultsDir
from loadkit.cli._output import print_data
from loadkit.cli.report import find_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.measure.store import Run

EXAMPLES = """\
  loadkit export latest --format csv -o timeline.csv
  loadkit export latest --format hgrm --metric service_time"""


class Format(StrEnum):
    """What other programs read."""

    CSV = "csv"
    NDJSON = "ndjson"
    HGRM = "hgrm"


class Timed(StrEnum):
    """What a distribution may be of."""

    RESPONSE_TIME = "response_time"
    SERVICE_TIME = "service_time"
    WAIT = "wait"
    SCHEDULE_LAG = "schedule_lag"


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its name in the results, or latest.")],
    *,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="csv or ndjson: the timeline, a row for each second, stage and message kind. hgrm: a distribution for "
            "HdrHistogram's plotter.",
        ),
    ] = Format.CSV,
    metric: Annotated[Timed, typer.Option(help="What the distribution of hgrm is of.")] = Timed.RESPONSE_TIME,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here, not to stdout.")
    ] = None,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format ndjson.")] = False,
) -> None:
    """Export a run's timeline or a distribution.

    The columns of the timeline are those of timeline.parquet in the run folder; distributions are of the measured
    stages, in milliseconds.
    """
    from loadkit.measure.store import open_run

    lines = _lines(open_run(find_run(run, results_dir)), Format.NDJSON if as_json else form, metric)
    if output is None:
        print_data("\n".join(lines))
        return
    with output.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    print_data(str(output))


def _lines(run: Run, form: Format, metric: Timed) -> Iterator[str]:
    from loadkit.measure.statistics import Metric
    from loadkit.report.export import csv_of, hgrm_of, ndjson_of

    if form is Format.HGRM:
        return hgrm_of(run, Metric(metric.value))
    return csv_of(run) if form is Format.CSV else ndjson_of(run)
