"""A provider's limits, looked at before anything is sent."""

from __future__ import annotations

import pytest

from loadkit.cli._guardrails import keep_within_guardrails
from loadkit.errors import ExitCode, UsageError
from loadkit.scenario.guardrails import TargetAddress
from loadkit.scenario.load import parse_scenario

HERE, ELSEWHERE = TargetAddress("smtp", "127.0.0.1", 2525), TargetAddress("smtp", "mail.example.net", 25)
WORDS = "this would open 1,200 connections/min from one source; cloud-port-25 treats more than 500"


def look(target: TargetAddress, guardrails: str = "{}", *, stretch: float = 1.0) -> None:
    scenario = parse_scenario(
        "scenario: x\nload: {stages: [{name: a, rate: 20/s, duration: 2m}]}\nmessages: {note: {}}\n"
        f"sessions: {{messages_per_session: 1}}\nguardrails: {guardrails}\n"
    )
    keep_within_guardrails(scenario, target, stretch=stretch)


def test_a_warning_is_for_other_machines(capsys: pytest.CaptureFixture[str]) -> None:
    look(HERE)
    assert capsys.readouterr().err == ""
    look(ELSEWHERE)
    assert capsys.readouterr().err.startswith(f"warning: {WORDS}")


@pytest.mark.parametrize("target", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
def test_an_error_ends_the_run_before_it_begins(target: TargetAddress, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="this would break 1 limit of cloud-port-25; nothing was sent") as refused:
        look(target, "{severity: error}")
    assert refused.value.exit_code is ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"error: {WORDS}")


def test_what_is_compressed_may_be_within_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """In a quarter of the half minute that is left there are not five hundred messages in any minute."""
    look(ELSEWHERE, "{severity: error}", stretch=0.2)
    look(ELSEWHERE, '{severity: "off"}')
    assert capsys.readouterr().err == ""
