"""The limits by which a real Postfix protects itself, each named in the summary of the run that met it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.postfix import running_postfix
from support.runs import FinishedRun, run_scenario, scenario_text
from support.sink import running_sink

pytestmark = [pytest.mark.real, pytest.mark.slow]


def run_with(
    folder: Path, settings: dict[str, str], *, processes: int = 50, banner: str = "20s", **scenario: Any
) -> FinishedRun:
    """A run through a Postfix with these settings, waiting so long for its banner."""
    with running_sink() as sink, running_postfix(sink.host, sink.port, processes=processes, **settings) as postfix:
        text = scenario_text(f"smtp://{postfix.host}:{postfix.port}", **scenario)
        text = text.replace("700ms", "20s").replace("banner: 20s", f"banner: {banner}")
        return run_scenario(folder, text)


def findings(run: FinishedRun) -> dict[str, dict[str, Any]]:
    assert run.summary, run.stderr
    return {finding["name"]: finding for finding in run.summary["diagnosis"]}


# Clients that count: none is excepted.
COUNTED = {"smtpd_client_event_limit_exceptions": ""}
STRANGERS = {"mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}


def test_nothing_is_found_below_the_limits(tmp_path: Path) -> None:
    run = run_with(tmp_path, COUNTED, messages=100, sessions=20)
    assert run.outcomes == {("accepted", "dot", 250, ""): 100}
    assert findings(run) == {}


def test_fifty_connections_of_one_client(tmp_path: Path) -> None:
    """The default limit, met by sixty sessions that are open at a time."""
    run = run_with(
        tmp_path, COUNTED, processes=100, messages=3000, sessions=60, sessions_block="max: 60, messages_per_session: 50"
    )
    finding = findings(run)["too_many_connections"]
    assert finding["sessions"] >= 1
    assert "421 4.7.0 at banner" in finding["seen"]
    assert "smtpd_client_connection_count_limit (50)" in finding["source"]


@pytest.mark.parametrize(
    ("settings", "name", "scenario"),
    [
        ({"smtpd_client_connection_rate_limit": "5"}, "too_many_connections", {"messages_per_session": 1}),
        ({"smtpd_client_message_rate_limit": "10"}, "rate_limited", {"messages": 16}),
        ({"smtpd_client_recipient_rate_limit": "10"}, "rate_limited", {"messages": 16}),
        ({"message_size_limit": "10000"}, "too_large", {"size": "20KiB"}),
        ({"smtpd_recipient_limit": "3"}, "too_many_recipients", {"recipients": 5}),
        (STRANGERS, "relay_denied", {}),
        ({"smtpd_tls_security_level": "encrypt"}, "tls_required", {}),
        ({"smtpd_recipient_restrictions": "reject_unlisted_recipient", "relay_domains": "example.com",
          "relay_recipient_maps": "inline:{nobody@example.com=x}"}, "unknown_recipients", {}),
    ],
)  # fmt: skip
def test_a_limit_is_named(settings: dict[str, str], name: str, scenario: dict[str, Any], tmp_path: Path) -> None:
    note = {"size": scenario.get("size", "1KiB"), "recipients": scenario.get("recipients", 1)}
    run = run_with(
        tmp_path,
        COUNTED | settings,
        # Below the ten errors from which on Postfix is slower, or more than are refused are taken.
        messages=scenario.get("messages", 9),
        sessions=2,
        messages_block=f"messages: {{note: {{size: {note['size']}, recipients: {note['recipients']}}}}}",
        sessions_block=f"messages_per_session: {scenario.get('messages_per_session', 100)}",
    )
    assert list(findings(run)) == [name]


@pytest.mark.long
def test_a_client_that_makes_errors_is_slowed_down_and_cut_off(tmp_path: Path) -> None:
    """A second for each reply after ten errors, and none after fourteen; by default after twenty."""
    run = run_with(tmp_path, STRANGERS | {"smtpd_hard_error_limit": "14"}, messages=32, sessions=2)
    assert list(findings(run)) == ["too_many_errors", "tar_pit", "relay_denied"]
    assert "421 4.7.0" in findings(run)["too_many_errors"]["seen"]
    assert "smtpd_error_sleep_time (1 s)" in findings(run)["tar_pit"]["source"]


def test_an_idle_session_is_ended(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        {"smtpd_timeout": "1s"},
        load="load: {arrivals: even, stages: [{name: hold, rate: 30/min, duration: 8s}]}",
    )
    assert list(findings(run)) == ["idle_timeout"]
    assert "421 4.4.2" in findings(run)["idle_timeout"]["seen"]


def test_more_sessions_than_processes_wait_for_a_greeting(tmp_path: Path) -> None:
    run = run_with(tmp_path, {}, processes=3, banner="500ms", messages=1500, sessions=6)
    assert list(findings(run)) == ["no_greeting"]
