"""One run from scenario to verdict: what `loadkit run` and `loadkit blast` have in common.

Import this module before anything else that is heavy: `loadkit.drive` patches ssl and socket for gevent on import,
which must come before other modules take hold of them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from loadkit.cli._bundled_sink import bundled_sink
from loadkit.cli._guardrails import keep_within_guardrails
from loadkit.cli._observation import observing
from loadkit.cli._output import print_json, print_note, print_summary
from loadkit.cli._progress import ProgressLine
from loadkit.cli._sink_ledgers import SinkLedgers, sink_ledgers
from loadkit.cli._target import allowed_target
from loadkit.cli._watchers import WatchOptions, watching
from loadkit.drive.master import run_spread
from loadkit.drive.results import RunRequest
from loadkit.drive.runner import run as drive
from loadkit.errors import ExitCode, UsageError
from loadkit.measure.store import open_run
from loadkit.report.junit import FILE as JUNIT_FILE
from loadkit.report.junit import render_junit, suite_of
from loadkit.report.text import render_summary
from loadkit.scenario.channels import leave_out_missing, with_addresses
from loadkit.scenario.guardrails import TargetAddress, parse_sink_url
from sinks.options import SinkOptions, Tls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadkit.drive.drain import LedgerSource
    from loadkit.drive.master import Spread
    from loadkit.scenario.schema import Scenario


_PLACE = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says about a run beyond its scenario.

    Args:
        target_url: Where load goes, or None for the scenario's own target, or the bundled sink where it has none.
        allow: Hosts allowed besides loopback and the scenario's own.
        results_dir: Folder that takes the run.
        stretch: Factor on all durations; 1 is as written.
        as_json: Print the summary as JSON.
        quiet: Show no live figures.
        preflight: Look at a target beyond this machine before load.
        bundled: The bundled sink, if it is needed.
        sinks: Admin interfaces of the sinks that mail ends up in, instead of those of the scenario.
        spread: Over which workers the run is spread, or None for this process alone.
        watch: Who watches the run from outside the terminal.
        observe: What to observe the target's host by, or None.
    """

    target_url: str | None
    allow: tuple[str, ...]
    results_dir: Path
    stretch: float
    as_json: bool
    quiet: bool
    preflight: bool
    bundled: SinkOptions
    sinks: tuple[str, ...] = ()
    spread: Spread | None = None
    watch: WatchOptions = field(default_factory=WatchOptions)
    observe: str | None = None


def execute(scenario: Scenario, source_text: str, options: RunOptions) -> ExitCode:
    """Send what a scenario says, to its target or to a sink started for it, and print the summary.

    Args:
        scenario: What to send.
        source_text: The scenario as written, kept with the run.
        options: The rest of the command line.

    Returns:
        The exit code that the run's verdict asks for.

    Raises:
        LoadkitError: If the target or a sink is wrong, not allowed or can't be reached, or the bundled sink does not
            start.
    """
    scenario = leave_out_missing(scenario)
    url = options.target_url or scenario.target.url
    sinks = tuple(map(parse_sink_url, options.sinks)) or scenario.delivery.sinks
    if url is not None:
        target = _allowed_target(url, scenario, options)
        scenario = with_addresses(scenario, (*scenario.target.allow, *options.allow), {})
        source = sink_ledgers(sinks, scenario.delivery.token_env) if sinks else None
        far_end = _FarEnd(target, source, None if source is None else source.count)
        return _drive(scenario, source_text, options, far_end)
    if sinks:
        raise UsageError("sinks are named, and no target", hint="name the server before them with --target")
    with bundled_sink(_sink_options(scenario, options)) as sink:
        target = TargetAddress("smtp", sink.host, sink.port)
        delivered = SinkLedgers((sink.admin,)).count if sink.admin else None
        scenario = with_addresses(scenario, (*scenario.target.allow, *options.allow), sink.receivers)
        return _drive(scenario, source_text, options, _FarEnd(target, sink, delivered))


def _allowed_target(url: str, scenario: Scenario, options: RunOptions) -> TargetAddress:
    target = allowed_target(url, (*scenario.target.allow, *options.allow))
    if target.implicit_tls and scenario.target.tls == "starttls":
        raise UsageError(f"{target} is TLS from the start and the scenario asks for STARTTLS", hint="use smtp://")
    return target


def _sink_options(scenario: Scenario, options: RunOptions) -> SinkOptions:
    """The bundled sink that a scenario asks for."""
    auth = scenario.target.auth
    received = {one.protocol for one in scenario.channels.values() if one.endpoint.url is None and not one.left_out}
    return replace(
        options.bundled,
        tls=Tls(scenario.target.tls),
        auth=f"{auth.username_env}:{auth.password_env}" if auth else None,
        profile=options.bundled.profile or scenario.target.sink_profile,
        tls_minimum=scenario.target.tls_minimum,
        http=_PLACE if "http" in received else None,
        mqtt=_PLACE if "mqtt" in received else None,
        # Whoever looks on wants to see what arrives.
        admin=_PLACE if options.watch.web else None,
    )


@dataclass(frozen=True, slots=True)
class _FarEnd:
    """Where load goes.

    Args:
        target: The server.
        source: Knows what arrives, or None where nobody does.
        delivered: Tells how many messages of a run arrived so far, at little cost; or None.
    """

    target: TargetAddress
    source: LedgerSource | None
    delivered: Callable[[str], int] | None


def _drive(scenario: Scenario, source_text: str, options: RunOptions, far_end: _FarEnd) -> ExitCode:
    target, open_loop = far_end.target, scenario.load.open_loop
    keep_within_guardrails(scenario, target, stretch=options.stretch)
    findings = None
    if options.preflight and not target.loopback:
        from loadkit.cli._preflight import preflight_before_run

        findings = preflight_before_run(scenario, target, quiet=options.quiet)
    with (
        watching(options.watch, target=str(target), open_loop=open_loop, delivered=far_end.delivered) as watchers,
        observing(options.observe, target) as observer,
    ):
        watchers.wait_for_start()
        progress = None if options.quiet else ProgressLine(sys.stderr)
        request = RunRequest(
            scenario=scenario,
            source_text=source_text,
            target=target,
            results_dir=options.results_dir,
            command=("loadkit", *sys.argv[1:]),
            stretch=options.stretch,
            ledger_source=far_end.source,
            progress=progress,
            preflight=findings,
            watchers=tuple(watchers.watchers),
            steering=watchers.steering,
            observer=observer,
        )
        try:
            folder = drive(request) if options.spread is None else run_spread(request, options.spread)
        finally:
            if progress is not None:
                progress.finish()
        exit_code = _show(folder, options)
        if watchers.changes:
            print_note(f"note: {watchers.changes}")
        watchers.hold(exit_code)
    return exit_code


def _show(folder: Path, options: RunOptions) -> ExitCode:
    run = open_run(folder)
    summary = run.summary
    (folder / JUNIT_FILE).write_text(render_junit([suite_of(run.head, summary)]), encoding="utf-8")
    if options.as_json:
        print_json(summary.to_dict())
    else:
        print_summary(render_summary(summary, run.head))
    print_note(f"run: {folder}")
    return ExitCode(run.head.exit_code)
