"""Locust's web interface for a run of a scenario: start, stop, the rate, and figures that Locust doesn't have."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Any

import flask
import gevent
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from locust import LoadTestShape, argument_parser
from locust.env import Environment
from locust.event import Events
from locust.stats import stats_history
from locust.web import WebUI

from loadkit.drive.watch import LiveRun, Readings, Taken
from loadkit.drive.web_figures import TABLES, TABS, Delivered, figures_of, table_rows
from loadkit.drive.web_login import WebCredentials, ask_for, is_loopback, refuse_strangers
from loadkit.errors import LoadkitError, UsageError

if TYPE_CHECKING:
    from loadkit.scenario.steering import Steering

_DELIVERED_POLL_S = 2.0
_STATS_VIEW = "locust.request_stats"


class WebConsole:
    """Serves the interface until it is closed; the run begins when someone asks for it there.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        target: Where load goes; shown, and not changed from here.
        steering: Multiplies the rate, or None where the load has none.
        credentials: What its login page asks for; None has no login page.
        delivered: Tells how many messages of a run arrived, or None where nobody knows.

    Attributes:
        url: Where it is.
        stopped: Whether the run was stopped here.

    Raises:
        UsageError: If it can't listen there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        target: str,
        steering: Steering | None,
        credentials: WebCredentials | None,
        delivered: Callable[[str], int] | None,
    ) -> None:
        self._steering = steering
        self._delivered_by = delivered
        self._delivered: Delivered | None = None
        self._delivered_at = 0.0
        self._run: LiveRun | None = None
        self._readings: Readings | None = None
        self._now: Taken | None = None
        self._before: Taken | None = None
        self._wanted, self._over = Event(), False
        self.stopped = False
        self._helpers: list[gevent.Greenlet] = []
        self._environment = Environment(events=Events(), host=target)
        self._environment.shape_class = _ScenarioShape()
        self._environment.create_local_runner()
        ui = _ScenarioUi(self._environment, steering, web_login=credentials is not None)
        refuse_strangers(ui.app, loopback=is_loopback(host))
        if credentials is not None:
            ask_for(credentials, ui)
        self._add_views(ui)
        self._server = WSGIServer((host, port), ui.app, log=None, error_log=None)
        try:
            self._server.start()
        except OSError as error:
            raise UsageError(
                f"the web interface can't be served at {host}:{port}: {error.strerror}", hint="give another --web-port"
            ) from error
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}"

    def wait_for_start(self) -> None:
        """Wait until someone asks for the run to begin."""
        self._wanted.wait()

    def begin(self, run: LiveRun) -> None:
        """Show this run."""
        self._wanted.set()
        self._environment.runner.quit()
        assert run.environment is not None  # a run over workers has no web interface
        # Locust's views look at these two whenever they are asked.
        self._environment.runner, self._environment.stats = run.environment.runner, run.environment.stats
        self._run, self._readings = run, Readings(run)
        self._helpers = [gevent.spawn(stats_history, run.environment.runner)]
        if self._delivered_by is not None:
            self._helpers.append(gevent.spawn(self._count_on))

    def end(self) -> None:
        """The run is over; what it came to stays on view."""
        self._over = True
        gevent.killall(self._helpers)
        self._count_delivered()

    def hold(self) -> None:
        """Stay until SIGINT or SIGTERM."""
        asked = Event()
        handlers = [gevent.signal_handler(one, asked.set) for one in (signal.SIGINT, signal.SIGTERM)]
        try:
            asked.wait()
        finally:
            for handler in handlers:
                handler.cancel()

    def close(self) -> None:
        """Serve no more."""
        self._server.stop(timeout=0)
        self._environment.runner.quit()

    def figures(self) -> dict[str, Any]:
        """What is shown beside Locust's own figures."""
        state = "over" if self._over else "waiting" if self._run is None else "running"
        steering = self._steering
        figures: dict[str, Any] = {"state": state, "factor": None if steering is None else steering.factor}
        if self._readings is None:
            return figures
        taken = self._readings.take()
        if taken is not self._now:
            self._before, self._now = self._now, taken
        return figures | figures_of(taken, self._before, self._delivered)

    def _count_on(self) -> None:
        while True:
            self._count_delivered()
            gevent.sleep(_DELIVERED_POLL_S)

    def _count_delivered(self) -> None:
        if self._delivered_by is None or self._run is None:
            return
        accepted, now, before = self._run.totals().accepted, perf_counter(), self._delivered
        try:
            count = self._delivered_by(self._run.plan.run_id)
        except LoadkitError:
            self._delivered = None  # the run itself says at its end what is wrong
            return
        per_s = None if before is None else (count - before.count) / (now - self._delivered_at)
        self._delivered, self._delivered_at = Delivered(count, accepted, per_s), now

    def _add_views(self, ui: WebUI) -> None:
        app, guarded = ui.app, ui.auth_required_if_enabled
        app.json.sort_keys = False
        # Locust's own would begin anew, or kill the user that drives the run.
        app.view_functions["locust.swarm"] = guarded(self._start)
        app.view_functions["locust.stop"] = guarded(self._stop)
        shown = app.view_functions[_STATS_VIEW]
        app.view_functions[_STATS_VIEW] = lambda: self._with_tables(shown())
        app.add_url_rule("/loadkit", "loadkit.page", guarded(_page))
        app.add_url_rule("/loadkit/figures", "loadkit.figures", guarded(lambda: flask.jsonify(self.figures())))
        app.add_url_rule("/loadkit/factor", "loadkit.factor", guarded(self._set_factor), methods=["POST"])

    def _with_tables(self, response: Any) -> Any:
        """Locust's answer with the rows of our tables, as far as it is one and there are rows."""
        if not isinstance(response, flask.Response) or not response.is_json or self._readings is None:
            return response
        return flask.jsonify({**json.loads(response.get_data()), "extended_stats": table_rows(self.figures())})

    def _start(self) -> flask.Response:
        """Begin; the form may hold a factor."""
        form = flask.request.form
        if self._wanted.is_set():
            return self._answer("This run was begun: to begin another, start loadkit anew")
        if form.get("host", self._environment.host) != self._environment.host:
            return self._answer("The target is set on the command line, where it is checked")
        problem = self._steer(form.get("rate_factor", "1"))
        if problem:
            return self._answer(problem)
        self._wanted.set()
        return self._answer("", "The run begins")

    def _stop(self) -> flask.Response:
        """End in good order."""
        if self._run is not None and not self._over:
            self.stopped = True
            self._run.stop()
        return self._answer("", "The run ends: what is under way is waited for")

    def _set_factor(self) -> flask.Response:
        problem = "The run is over" if self._over else self._steer(flask.request.form.get("factor", ""))
        return self._answer(problem, "The rate is changed")

    def _steer(self, text: str) -> str:
        """Set the factor; a sentence if that is not possible, else nothing."""
        try:
            factor = float(text)
        except ValueError:
            return f"The factor is no number: {text[:20]!r}"
        if self._steering is None:
            return "" if factor == 1 else "This load has no rate: its sessions send as fast as they are answered"
        try:
            self._steering.set(factor, 0.0 if self._run is None else max(self._run.totals().at_s, 0.0))
        except UsageError as error:
            return str(error)
        return ""

    def _answer(self, problem: str, message: str = "") -> flask.Response:
        return flask.jsonify({"success": not problem, "message": problem or message, "host": self._environment.host})


class _ScenarioShape(LoadTestShape):  # type: ignore[misc]
    """Tells Locust's interface that users are not its business."""

    use_common_options = False

    def tick(self) -> None:
        """Never asked, for the scenario says when what is sent."""


class _ScenarioUi(WebUI):  # type: ignore[misc]
    """Locust's interface with a factor in its form, and tables of ours."""

    def __init__(self, environment: Environment, steering: Steering | None, *, web_login: bool) -> None:
        self._steering = steering
        super().__init__(environment, "", 0, web_login=web_login, delayed_start=True)

    def update_template_args(self) -> None:
        # Locust would read its own options from our command line.
        argument_parser.ui_extra_args_dict = dict
        super().update_template_args()
        options = {} if self._steering is None else {"rate_factor": _factor_option(self._steering.factor)}
        self.template_args |= {"extra_options": options, "extended_tabs": TABS, "extended_tables": TABLES}


def _factor_option(factor: float) -> dict[str, Any]:
    return {
        "default_value": f"{factor:g}",
        "is_secret": False,
        "is_required": False,
        "help_text": "Multiplies the scenario's rate; while the run goes on, change it at /loadkit",
        "is_multiple": False,
        "choices": None,
    }


def _page() -> flask.Response:
    page = files("loadkit.drive").joinpath("web_page.html").read_text("utf-8")
    return flask.Response(page, mimetype="text/html")
