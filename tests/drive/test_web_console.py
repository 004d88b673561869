"""The web interface without a browser: who is let in, what is refused, how it starts and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from support.runs import run_scenario, scenario_text
from support.sink import running_sink
from support.waiting import wait_until
from support.watched import WatchedRun, get

from loadkit.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGIN = {"LOADKIT_WEB_USERNAME": "anna", "LOADKIT_WEB_PASSWORD": "pa55-w0rd"}


def post(url: str, fields: dict[str, str], **headers: str) -> dict[str, Any]:
    with urlopen(Request(url, urlencode(fields).encode(), headers), timeout=10) as answer:
        return dict(json.loads(answer.read()))


def status(url: str, **headers: str) -> int:
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a run waits to be begun."""
    with running_sink() as sink:
        text = scenario_text(f"smtp://{sink.host}:{sink.port}")
        with WatchedRun(tmp_path_factory.mktemp("run"), text, "--web", "--web-port", "0") as run:
            yield run.announced("web")


@pytest.mark.slow
def test_pages_of_other_sites_are_refused(waiting: str) -> None:
    own = waiting.removeprefix("http://")
    assert status(f"{waiting}/loadkit/figures", Origin=waiting) == 200
    assert status(f"{waiting}/loadkit/figures", Origin="http://example.org") == 403
    assert status(f"{waiting}/loadkit/figures", Host="rebound.example.org:80") == 403
    assert status(f"{waiting}/loadkit/figures", Host=own.replace("127.0.0.1", "localhost")) == 200
    with pytest.raises(HTTPError, match="403"):
        post(f"{waiting}/swarm", {}, Origin="null")
    assert json.loads(get(f"{waiting}/loadkit/figures"))["state"] == "waiting"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"host": "smtp://192.0.2.1:25"}, "The target is set on the command line"),
        ({"rate_factor": "2"}, "This load has no rate"),
        ({"rate_factor": "quick"}, "The factor is no number: 'quick'"),
    ],
)
def test_a_wrong_form_begins_nothing(fields: dict[str, str], complaint: str, waiting: str) -> None:
    answer = post(f"{waiting}/swarm", fields)
    assert answer["success"] is False
    assert answer["message"].startswith(complaint)
    assert json.loads(get(f"{waiting}/loadkit/figures"))["state"] == "waiting"


@pytest.mark.slow
def test_ctrl_c_while_waiting_ends_it(tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario_text("smtp://127.0.0.1:9"), "--web", "--web-port", "0") as run:
        run.announced("web")
        run.interrupt()
        assert run.wait() == ExitCode.INTERRUPTED
    assert "Traceback" not in run.stderr
    assert not run.results.exists()


@pytest.mark.parametrize("variables", [{}, {"LOADKIT_WEB_USERNAME": "anna"}])
def test_beyond_loopback_credentials_are_needed(variables: dict[str, str], tmp_path: Path) -> None:
    options = ("--web", "--web-host", "0.0.0.0", "--web-port", "0")
    run = run_scenario(tmp_path, scenario_text("smtp://127.0.0.1:9"), *options, variables=variables)
    assert run.exit_code == ExitCode.USAGE
    assert "set LOADKIT_WEB_USERNAME and LOADKIT_WEB_PASSWORD" in run.stderr


@pytest.mark.slow
def test_without_a_login_nothing_is_told_and_nothing_obeyed(tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario_text("smtp://127.0.0.1:9"), "--web", "--web-port", "0", variables=LOGIN) as run:
        url = run.announced("web")
        for path in ("/", "/loadkit", "/loadkit/figures", "/stats/requests"):
            # The login page answers in place of each.
            assert "authArgs" in get(f"{url}{path}")
        for path in ("/swarm", "/stop", "/loadkit/factor"):
            with pytest.raises((HTTPError, json.JSONDecodeError)):
                post(f"{url}{path}", {})
        assert run.process.poll() is None
        assert "run:" not in run.stderr


def test_autostart_without_web_is_refused(tmp_path: Path) -> None:
    run = run_scenario(tmp_path, scenario_text("smtp://127.0.0.1:9"), "--autostart")
    assert run.exit_code == ExitCode.USAGE
    assert "--autostart goes with --web" in run.stderr


@pytest.mark.slow
def test_ctrl_c_during_the_run_ends_all(tmp_path: Path) -> None:
    with running_sink() as sink:
        load = "load: {arrivals: even, stages: [{name: hold, rate: 50/s, duration: 60s}]}"
        text = scenario_text(f"smtp://{sink.host}:{sink.port}", load=load)
        with WatchedRun(tmp_path, text, "--web", "--web-port", "0", "--autostart") as run:
            url = run.announced("web")
            wait_until(lambda: json.loads(get(f"{url}/loadkit/figures"))["state"] == "running", "the run goes on")
            run.interrupt()
            assert run.wait() == ExitCode.INTERRUPTED
            assert run.summary()["verdict"] == "interrupted"


def test_workers_have_no_web_interface(tmp_path: Path) -> None:
    run = run_scenario(tmp_path, scenario_text("smtp://127.0.0.1:9"), "--web", "--workers", "2")
    assert run.exit_code == ExitCode.USAGE
    assert "watch others by --metrics-port or --otel" in run.stderr
