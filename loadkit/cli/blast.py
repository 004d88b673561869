"""`loadkit blast`: load from options alone, by way of the scenario that they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from loadkit.cli._options import (
    DEFAULT_RESULTS,
    Allow,
    AsJson,
    NoPreflight,
    Quiet,
    ResultsDir,
    SinkEngine,
    SinkProcesses,
    duration_text,
    rate_text,
    size_text,
)
from loadkit.errors import UsageError

DEFAULT_MESSAGES = 10_000
DEFAULT_DURATION = "30s"

EXAMPLES = """\
  loadkit blast smtp://127.0.0.1:2525 --messages 60000 --sessions 20 --size 1KiB
  loadkit blast --rate 500/s --duration 30s"""

Tls = Literal["none", "starttls"]


@dataclass(frozen=True, slots=True)
class BlastOptions:
    """What the command line says about a blast; quantities are texts with units, as in a scenario.

    Args:
        url: Where load goes, or None for the bundled sink.
        allow: Hosts allowed besides loopback.
        messages: Number of messages, or None where a rate or a duration bounds the blast.
        sessions: Connections.
        size: Size of each message.
        rate: Arrivals per time, or None for a closed loop.
        duration: How long, or None where the number of messages says it.
        tls: ``none`` or ``starttls``.
        pipelining: Use PIPELINING when offered.
        chunking: Use BDAT when offered.
    """

    url: str | None
    allow: tuple[str, ...]
    messages: int | None
    sessions: int
    size: str
    rate: str | None
    duration: str | None
    tls: Tls
    pipelining: bool
    chunking: bool


Target = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="smtp://, smtps:// or lmtp://host:port; the bundled sink where absent."),
]
Messages = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"Messages to send in a closed loop; {DEFAULT_MESSAGES:,} unless told."),
]
Sessions = Annotated[int, typer.Option(min=1, metavar="N", help="Open connections.")]
Size = Annotated[str, typer.Option(parser=size_text, metavar="SIZE", help="Size of each message.")]
Rate = Annotated[
    str | None,
    typer.Option(parser=rate_text, metavar="RATE", help="Arrivals on a schedule, whatever the server does."),
]
Duration = Annotated[
    str | None,
    typer.Option(
        parser=duration_text,
        metavar="DURATION",
        help=f"How long; with --rate {DEFAULT_DURATION} unless told, alone as fast as the sessions go.",
    ),
]
TlsMode = Annotated[Tls, typer.Option(help="STARTTLS or no TLS.")]
Pipelining = Annotated[bool, typer.Option(help="Use PIPELINING when offered.")]
Chunking = Annotated[bool, typer.Option(help="Use BDAT when offered.")]


def blast(
    *,
    target: Target = None,
    messages: Messages = None,
    sessions: Sessions = 20,
    size: Size = "1KiB",
    rate: Rate = None,
    duration: Duration = None,
    tls: TlsMode = "none",
    pipelining: Pipelining = False,
    chunking: Chunking = False,
    results_dir: ResultsDir = DEFAULT_RESULTS,
    sink_engine: SinkEngine = "aiosmtpd",
    sink_processes: SinkProcesses = 1,
    allow: Allow = None,
    no_preflight: NoPreflight = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Send plain messages without a scenario file.

    As fast as the server takes them, or at a rate. The run's folder holds the scenario that these options amount to,
    to keep and to change.
    """
    from loadkit.cli._execute import RunOptions, execute  # first of all: see there
    from loadkit.scenario.load import parse_scenario
    from sinks.options import Engine, SinkOptions

    text = blast_scenario(
        BlastOptions(
            url=target,
            allow=tuple(allow or ()),
            messages=messages,
            sessions=sessions,
            size=size,
            rate=rate,
            duration=duration,
            tls=tls,
            pipelining=pipelining,
            chunking=chunking,
        )
    )
    options = RunOptions(
        target_url=None,
        allow=(),
        results_dir=results_dir,
        stretch=1.0,
        as_json=as_json,
        quiet=quiet,
        preflight=not no_preflight,
        bundled=SinkOptions(engine=Engine(sink_engine), processes=sink_processes),
    )
    raise typer.Exit(execute(parse_scenario(text, file="blast"), text, options))


def blast_scenario(options: BlastOptions) -> str:
    """The scenario, as YAML, that a blast's options amount to.

    Raises:
        UsageError: If the options contradict each other.
    """
    import yaml

    target = {"url": options.url} if options.url else {}
    scenario = {
        "scenario": "blast",
        "target": {**target, "allow": list(options.allow), "tls": options.tls},
        "sessions": {"max": options.sessions, "pipelining": options.pipelining, "chunking": options.chunking},
        "load": _load(options),
        "messages": {"plain": {"size": options.size}},
    }
    return yaml.safe_dump(scenario, sort_keys=False)


def _load(options: BlastOptions) -> dict[str, Any]:
    if options.messages is not None and (options.rate or options.duration):
        raise UsageError("--messages can't go with --rate or --duration", hint="leave out one of them")
    if options.rate:
        stage = {"name": "hold", "rate": options.rate, "duration": options.duration or DEFAULT_DURATION}
        return {"executor": "arrival_rate", "stages": [stage]}
    if options.duration:
        return {"executor": "sessions", "sessions": options.sessions, "duration": options.duration}
    messages = options.messages or DEFAULT_MESSAGES
    return {"executor": "shared_messages", "sessions": options.sessions, "messages": messages}
