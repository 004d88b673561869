"""`loadkit run`: send what a scenario says and judge the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loadkit.cli._bundled import find_scenario
from loadkit.cli._options import (
    DEFAULT_MASTER_PORT,
    DEFAULT_RESULTS,
    MAX_LOCAL_WORKERS,
    Allow,
    AsJson,
    NoPreflight,
    Observe,
    Overrides,
    Quiet,
    ResultsDir,
    SinkEngine,
    SinkProcesses,
    SinkProfile,
    parse_duration_option,
    parse_ratio_option,
)
from loadkit.cli._output import print_note
from loadkit.errors import UsageError

if TYPE_CHECKING:
    from loadkit.drive.master import Spread

MAX_WORKERS = 500

EXAMPLES = """\
  loadkit run smoke
  loadkit run promotion --target smtp://127.0.0.1:25 --sink http://127.0.0.1:8025 --compress 60s"""


ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A file, or the name of a bundled scenario.")]
Target = Annotated[
    str | None,
    typer.Option(metavar="URL", help="smtp://, smtps:// or lmtp://host:port instead of the scenario's own."),
]
Compress = Annotated[
    float | None,
    typer.Option(
        "--compress",
        parser=parse_duration_option,
        metavar="DURATION",
        help="Shrink all stages or a whole campaign so that the run lasts this long: same rates, fewer messages.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        parser=parse_ratio_option, metavar="PERCENT", help="Multiply all rates: the same time, fewer messages."
    ),
]
DemoTime = Annotated[
    bool,
    typer.Option(
        "--demo-time", help="A demonstration: at most a minute long, at most 300 messages a second at the peak."
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed instead of the scenario's own.")]
Sinks = Annotated[
    list[str] | None,
    typer.Option(
        "--sink",
        metavar="URL",
        help="Admin interface of a sink that the mail ends up in, instead of the scenario's own; repeatable.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_LOCAL_WORKERS,
        metavar="N",
        help="Send from N processes on this machine; one run, one result.",
    ),
]
Master = Annotated[
    bool, typer.Option("--master", help="Send from other machines: wait for their loadkit worker, and direct them.")
]
ExpectWorkers = Annotated[
    int | None,
    typer.Option(min=1, max=MAX_WORKERS, metavar="N", help="How many workers --master waits for; 1 unless told."),
]
MasterBind = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Address that --master listens on; only this machine unless told."),
]
MasterPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, metavar="PORT", help=f"Port that --master listens on; {DEFAULT_MASTER_PORT} unless told."
    ),
]
OnWorkerLoss = Annotated[
    Literal["continue", "stop"] | None,
    typer.Option(help="Whether a run goes on when a worker is lost, instead of what the scenario says."),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, metavar="N", help="Serve metrics for Prometheus on this port; 0 takes a free one."),
]
MetricsHost = Annotated[str, typer.Option(metavar="ADDRESS", help="Address that they are served on.")]
Otel = Annotated[
    bool,
    typer.Option("--otel", help="Push metrics by OpenTelemetry to where OTEL_EXPORTER_OTLP_ENDPOINT says."),
]
Web = Annotated[
    bool, typer.Option("--web", help="Serve Locust's web interface; the run begins when you start it there.")
]
WebHost = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address of the web interface; beyond loopback it asks for a login.")
]
WebPort = Annotated[
    int, typer.Option(min=0, max=65535, metavar="N", help="Port of the web interface; 0 takes a free one.")
]
Autostart = Annotated[bool, typer.Option("--autostart", help="Begin at once in spite of --web.")]


def run(
    *,
    scenario: ScenarioName,
    target: Target = None,
    overrides: Overrides = None,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    compress_s: Compress = None,
    scale: Scale = None,
    demo_time: DemoTime = False,
    seed: Seed = None,
    sinks: Sinks = None,
    workers: Workers = None,
    master: Master = False,
    expect_workers: ExpectWorkers = None,
    master_bind: MasterBind = None,
    master_port: MasterPort = None,
    on_worker_loss: OnWorkerLoss = None,
    sink_engine: SinkEngine = "aiosmtpd",
    sink_processes: SinkProcesses = 1,
    sink_profile: SinkProfile = None,
    allow: Allow = None,
    no_preflight: NoPreflight = False,
    observe: Observe = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    otel: Otel = False,
    web: Web = False,
    web_host: WebHost = "127.0.0.1",
    web_port: WebPort = 8089,
    autostart: Autostart = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Send what a scenario says and judge the result.

    Where neither the scenario nor --target names a server, a sink on this machine takes the mail and its ledger tells
    what was lost or came twice. Behind a server of yours, --sink names the sinks that it delivers to, and the run
    waits until all that was accepted arrived there. --workers and --master spread a run over processes and machines:
    together they send what one would, and limits such as sessions.max are of all of them. Ctrl-C ends a run in good
    order: its results are written and shown.

    Elsewhere than on loopback --web takes its login from LOADKIT_WEB_USERNAME and LOADKIT_WEB_PASSWORD.
    """
    from loadkit.cli._execute import RunOptions, execute  # first of all: see there
    from loadkit.cli._watchers import WatchOptions
    from loadkit.scenario.load import load_scenario, read_scenario_text
    from loadkit.scenario.rehearsal import rehearse
    from sinks.options import Engine, SinkOptions

    path = find_scenario(scenario)
    loaded = load_scenario(path, overrides=overrides or ())
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    if web and (master or workers is not None):
        raise UsageError("--web goes with a run of this process alone", hint="watch others by --metrics-port or --otel")
    rehearsal = rehearse(loaded, compress_s=compress_s, scale=scale, demo=demo_time)
    if rehearsal.words:
        print_note(rehearsal.words)
    options = RunOptions(
        target_url=target,
        allow=tuple(allow or ()),
        results_dir=results_dir,
        stretch=rehearsal.stretch,
        as_json=as_json,
        quiet=quiet,
        preflight=not no_preflight,
        bundled=SinkOptions(engine=Engine(sink_engine), processes=sink_processes, profile=sink_profile),
        sinks=tuple(sinks or ()),
        observe=observe,
        spread=spread_of(
            workers=workers,
            master=master,
            expect_workers=expect_workers,
            bind=master_bind,
            port=master_port,
            stop_on_loss=(on_worker_loss or loaded.load.on_worker_loss) == "stop",
        ),
        watch=WatchOptions(
            metrics_host=metrics_host,
            metrics_port=metrics_port,
            otel=otel,
            web=web,
            web_host=web_host,
            web_port=web_port,
            autostart=autostart,
        ),
    )
    raise typer.Exit(execute(rehearsal.scenario, read_scenario_text(path), options))


def spread_of(
    *,
    workers: int | None,
    master: bool,
    expect_workers: int | None,
    bind: str | None,
    port: int | None,
    stop_on_loss: bool,
) -> Spread | None:
    """Over which workers a run is spread; None if it is not.

    Raises:
        UsageError: If the options contradict each other.
    """
    from loadkit.drive.master import Spread

    if workers is not None and master:
        raise UsageError("--workers can't go with --master", hint="leave out one of them")
    if not master:
        for option, value in (("expect-workers", expect_workers), ("master-bind", bind), ("master-port", port)):
            if value is not None:
                raise UsageError(f"--{option} needs --master", hint="add it, or take --workers for this machine alone")
        return None if workers is None else Spread(workers, local=True, stop_on_loss=stop_on_loss)
    return Spread(
        expect_workers or 1,
        local=False,
        host=bind or "127.0.0.1",
        port=DEFAULT_MASTER_PORT if port is None else port,
        stop_on_loss=stop_on_loss,
    )
