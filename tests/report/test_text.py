"""The summary in words, against golden files; `LOADKIT_RENEW_GOLDEN=1 python -m pytest tests/report` renews them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from loadkit.measure.histogram import Histogram
from loadkit.measure.ledger import Reconciliation
from loadkit.measure.store import RunHead
from loadkit.measure.summary import (
    SCHEMA_VERSION,
    Flow,
    Generator,
    OutcomeLine,
    Part,
    Summary,
    ThresholdLine,
    latency_of,
)
from loadkit.measure.validity import Validity, Verdict
from loadkit.report.text import render_summary

GOLDEN = Path(__file__).parent / "golden"


def histogram(count: int) -> Histogram:
    made = Histogram()
    made.record_s(np.arange(1, count + 1) / count * 0.4)
    return made


LATENCY = latency_of(histogram(4000))
FEW = latency_of(histogram(40))
PASSED = Summary(
    schema_version=SCHEMA_VERSION,
    verdict=Verdict.PASSED,
    duration_s=61.0,
    thresholds=(
        ThresholdLine("transaction_duration", "p(95) < 2s", 0.38, passed=True),
        ThresholdLine("transaction_failed", "rate < 0.1%", 0.0, passed=True),
    ),
    validity=Validity(valid=True, reasons=()),
    open_loop=True,
    flows={name: Flow(4000, 66.7) for name in ("offered", "started", "completed", "accepted")}
    | {"shed": Flow(0, None)},
    response_time=LATENCY,
    service_time=LATENCY,
    wait=LATENCY,
    phases={"connect": FEW, "dot": LATENCY},
    kinds={"note": Part(4000, 4000, LATENCY, LATENCY)},
    stages={"rise": Part(40, 40, FEW, FEW), "peak": Part(3960, 3960, LATENCY, LATENCY)},
    outcomes=(OutcomeLine("accepted", "dot", 250, "", "", 4000),),
    setups=(OutcomeLine("accepted", "ehlo", 0, "", "", 40),),
    ledger=Reconciliation(4000, 4000, 0, (), 0, 0, 0, 0),
    generator=Generator(0.12, 0.0011, 0.004, 120 * 1024 * 1024),
)
CASES = {
    "passed": PASSED,
    "failed": replace(
        PASSED,
        verdict=Verdict.FAILED,
        thresholds=(ThresholdLine("transaction_failed", "rate < 0.1%", 0.025, passed=False),),
        outcomes=(
            OutcomeLine("accepted", "dot", 250, "", "", 3900),
            OutcomeLine("transient", "rcpt", 451, "4.7.1", "", 60),
            OutcomeLine("timeout", "dot", 0, "", "timeout", 40),
        ),
        setups=(OutcomeLine("connection", "connect", 0, "", "refused", 4),),
    ),
    "invalid": replace(
        PASSED,
        verdict=Verdict.INVALID,
        validity=Validity(
            valid=False, reasons=("generator CPU 97% of a core (p95 of seconds) >= 80%: lower the rate",)
        ),
    ),
    "interrupted": replace(PASSED, verdict=Verdict.INTERRUPTED, thresholds=(), ledger=None),
    "lost": replace(
        PASSED,
        verdict=Verdict.FAILED,
        ledger=Reconciliation(4000, 3995, 5, ((0, 3, 5), (0, 100, 101)), 2, 0, 0, 0),
    ),
    "few": replace(
        PASSED,
        verdict=Verdict.FAILED,
        thresholds=(ThresholdLine("transaction_duration", "p(99) < 2s", None, passed=None),),
        response_time=FEW,
        service_time=FEW,
        wait=latency_of(Histogram()),
    ),
}
HEAD = RunHead(
    path=Path("results/20261124T082500Z-test-127.0.0.1-2525"),
    name="20261124T082500Z-test-127.0.0.1-2525",
    run_id="abcdefgh",
    scenario="test",
    target="smtp://127.0.0.1:2525",
    status="complete",
    verdict="passed",
    exit_code=0,
    started_at=0.0,
    command=("loadkit", "run", "test"),
    complete=True,
)


def render(summary: Summary, width: int = 100) -> str:
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(render_summary(summary, HEAD))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


@pytest.mark.parametrize("case", CASES)
def test_the_summary_reads_as_agreed(case: str) -> None:
    golden = GOLDEN / f"{case}.txt"
    text = render(CASES[case])
    if os.environ.get("LOADKIT_RENEW_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_sections_stand_in_order_and_nothing_rests_on_colour() -> None:
    text = render(CASES["failed"])
    places = [text.index(title) for title in ("THRESHOLDS", "VALIDITY", "TRANSACTIONS", "DELIVERY", "NEXT")]
    assert places == sorted(places)
    assert "✗ failed" in text
    assert "1.00%" in text


def test_stages_have_names_on_a_narrow_terminal() -> None:
    assert "peak" in render(PASSED, width=80)
