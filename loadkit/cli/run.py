"""`loadkit run`: send what a scenario says and judge the result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import (
    DEFAULT_RESULTS,
    Allow,
    AsJson,
    NoPreflight,
    Quiet,
    ResultsDir,
    SinkEngine,
    SinkProcesses,
    SinkProfile,
    parse_duration_option,
)
from loadkit.errors import UsageError
from loadkit.units import format_duration

if TYPE_CHECKING:
    from loadkit.scenario.schema import Load

EXAMPLES = """\
  loadkit run smoke
  loadkit run promotion --target smtp://127.0.0.1:25 --sink http://127.0.0.1:8025 --compress 60s"""


def run(
    *,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A file, or the name of a bundled scenario.")],
    target: Annotated[
        str | None,
        typer.Option(metavar="URL", help="smtp://, smtps:// or lmtp://host:port instead of the scenario's own."),
    ] = None,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    compress_s: Annotated[
        float | None,
        typer.Option(
            "--compress",
            parser=parse_duration_option,
            metavar="DURATION",
            help="Shrink all stages so that the run lasts this long: same rates, fewer messages.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed instead of the scenario's own.")] = None,
    sinks: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            metavar="URL",
            help="Admin interface of a sink that the mail ends up in, instead of the scenario's own; repeatable.",
        ),
    ] = None,
    sink_engine: SinkEngine = "aiosmtpd",
    sink_processes: SinkProcesses = 1,
    sink_profile: SinkProfile = None,
    allow: Allow = None,
    no_preflight: NoPreflight = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Send what a scenario says and judge the result.

    Where neither the scenario nor --target names a server, a sink on this machine takes the mail and its ledger tells
    what was lost or came twice. Behind a server of yours, --sink names the sinks that it delivers to, and the run
    waits until all that was accepted arrived there. Ctrl-C ends a run in good order: its results are written and shown.
    """
    from loadkit.cli._execute import RunOptions, execute  # first of all: see there
    from loadkit.scenario.load import load_scenario, read_scenario_text
    from sinks.options import Engine, SinkOptions

    path = find_scenario(scenario)
    loaded = load_scenario(path)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    options = RunOptions(
        target_url=target,
        allow=tuple(allow or ()),
        results_dir=results_dir,
        stretch=1.0 if compress_s is None else stretch_to_last(loaded.load, compress_s),
        as_json=as_json,
        quiet=quiet,
        preflight=not no_preflight,
        bundled=SinkOptions(engine=Engine(sink_engine), processes=sink_processes, profile=sink_profile),
        sinks=tuple(sinks or ()),
    )
    raise typer.Exit(execute(loaded, read_scenario_text(path), options))


def stretch_to_last(load: Load, compress_s: float) -> float:
    """The factor on all durations that makes a load last a given time.

    Args:
        load: The load as written.
        compress_s: Wanted duration in seconds.

    Raises:
        UsageError: If the load is bounded by a number of messages, or would not become shorter.
    """
    from loadkit.scenario.arrivals import stage_spans

    duration_s = stage_spans(load)[-1].end_s
    if math.isinf(duration_s):
        raise UsageError("--compress needs stages or a duration", hint="this load ends after a number of messages")
    if not 0 < compress_s <= duration_s:
        raise UsageError(
            f"--compress is {format_duration(compress_s)}, and the load lasts {format_duration(duration_s)}",
            hint="choose a time above 0s and not above that",
        )
    return compress_s / duration_s
