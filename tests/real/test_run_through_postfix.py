"""A run through a real Postfix: run, log and sink count the same, and everything arrives once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.runs import run_scenario, scenario_text

if TYPE_CHECKING:
    from support.postfix import RunningPostfix
    from support.sink import RunningSink

pytestmark = pytest.mark.real

MESSAGES = 300


@pytest.mark.parametrize(
    ("sessions_block", "target_block"),
    [
        ("pipelining: false", ""),
        ("pipelining: true", ""),
        ("pipelining: true, chunking: true", ""),
        ("pipelining: false, chunking: true", ""),
        ("pipelining: true", "tls: starttls"),
    ],
    ids=["plain", "pipelined", "pipelined BDAT", "BDAT", "pipelined STARTTLS"],
)
def test_run_log_and_sink_count_the_same(
    sessions_block: str, target_block: str, relay: RunningPostfix, sink: RunningSink, tmp_path: Path
) -> None:
    text = scenario_text(
        f"smtp://{relay.host}:{relay.port}",
        messages=MESSAGES,
        sessions=10,
        sessions_block=sessions_block,
        target_block=target_block,
    ).replace("700ms", "20s")
    run = run_scenario(tmp_path, text)
    assert sum(run.outcomes.values()) == MESSAGES
    assert {kind for kind, *_ in run.outcomes} == {"accepted"}, run.outcomes
    relay.wait_until_delivered(MESSAGES)
    assert len(relay.accepted()) == len(relay.delivered()) == MESSAGES
    (ledger,) = sink.stop().runs.values()
    assert (ledger.deliveries, ledger.duplicates, ledger.unknown) == (MESSAGES, 0, 0)
    assert list(ledger.senders[0].ranges()) == [(0, MESSAGES - 1)]
