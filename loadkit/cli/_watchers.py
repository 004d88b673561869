"""Who watches a run from outside the terminal: Prometheus, OpenTelemetry, a browser."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadkit.cli._output import print_note
from loadkit.errors import ExitCode, UsageError
from loadkit.scenario.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadkit.drive.watch import Watcher
    from loadkit.drive.web_console import WebConsole
    from loadkit.drive.web_login import WebCredentials

USERNAME_VARIABLE, PASSWORD_VARIABLE = "LOADKIT_WEB_USERNAME", "LOADKIT_WEB_PASSWORD"

_BY_SIGNAL = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What the command line says about watching.

    Args:
        metrics_host: Address that metrics are served on.
        metrics_port: Port, or None for no metrics.
        otel: Push metrics by OpenTelemetry.
        web: Serve the web interface.
        web_host: Address that it is served on.
        web_port: Its port.
        autostart: Begin at once, not when someone asks for it in the browser.
    """

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    otel: bool = False
    web: bool = False
    web_host: str = "127.0.0.1"
    web_port: int = 8089
    autostart: bool = False

    def __post_init__(self) -> None:
        if self.autostart and not self.web:
            raise UsageError("--autostart goes with --web", hint="without it a run begins at once")


@dataclass(slots=True)
class Watching:
    """Those that watch a run, ready before it begins.

    Args:
        steering: Multiplies the rate, where there is a web interface.
        watchers: All of them.
        console: The web interface, if there is one.
        autostart: Whether the run begins without waiting for the interface.
    """

    steering: Steering | None
    watchers: list[Watcher] = field(default_factory=list)
    console: WebConsole | None = None
    autostart: bool = False

    def wait_for_start(self) -> None:
        """Wait until the run is wanted."""
        if self.console is not None and not self.autostart:
            self.console.wait_for_start()

    def hold(self, exit_code: ExitCode) -> None:
        """After the run, leave the web interface to its users until Ctrl-C, unless that is what ended the run."""
        if self.console is not None and (self.console.stopped or exit_code not in _BY_SIGNAL):
            print_note(f"web: {self.console.url} stays until Ctrl-C")
            self.console.hold()

    @property
    def changes(self) -> str:
        """How the rate was changed by hand, in words; empty if it was not."""
        if self.steering is None or not self.steering.changes:
            return ""
        changes = ", ".join(f"x {factor:g} at {at_s:.0f} s" for at_s, factor in self.steering.changes)
        return f"the rate was changed by hand: {changes}; the scenario alone does not repeat this run"


@contextmanager
def watching(
    options: WatchOptions, *, target: str, open_loop: bool, delivered: Callable[[str], int] | None
) -> Iterator[Watching]:
    """Have a run watched.

    Args:
        options: By whom.
        target: The target as URL.
        open_loop: Whether the load has a rate.
        delivered: Tells how many messages of a run arrived, or None where nobody knows.

    Raises:
        UsageError: If someone can't be served, or credentials are missing.
    """
    watching = Watching(Steering() if options.web and open_loop else None, autostart=options.autostart)
    with ExitStack() as stack:
        if options.metrics_port is not None:
            from loadkit.drive.prometheus import MetricsServer

            server = MetricsServer(options.metrics_host, options.metrics_port)
            stack.callback(server.close)
            watching.watchers.append(server)
            print_note(f"metrics: {server.url}")
        if options.otel:
            from loadkit.drive.otel import OtelPush

            push = OtelPush()
            stack.callback(push.close)
            watching.watchers.append(push)
        if options.web:
            from loadkit.drive.web_console import WebConsole

            watching.console = WebConsole(
                options.web_host,
                options.web_port,
                target=target,
                steering=watching.steering,
                credentials=_credentials(options.web_host),
                delivered=delivered,
            )
            stack.callback(watching.console.close)
            watching.watchers.append(watching.console)
            begins = "" if options.autostart else "; the run begins when you start it there"
            print_note(f"web: {watching.console.url} and {watching.console.url}/loadkit{begins}")
        yield watching


def _credentials(host: str) -> WebCredentials | None:
    """What the login page asks for: from the environment; needed where others can reach the page."""
    from loadkit.drive.web_login import WebCredentials, is_loopback

    username, password = os.environ.get(USERNAME_VARIABLE, ""), os.environ.get(PASSWORD_VARIABLE, "")
    if username and password:
        return WebCredentials(username, password)
    if username or password or not is_loopback(host):
        raise UsageError(
            f"the web interface at {host} asks for a login, and its credentials are not set in the environment",
            hint=f"set {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}",
        )
    return None
