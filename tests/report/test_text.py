"""The summary in words, against golden files; `LOADKIT_RENEW_GOLDEN=1 python -m pytest tests/report` renews them."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from loadkit.measure.channels import ChannelKind, ChannelLine
from loadkit.measure.delivery import Backlog, DeliveryCourse
from loadkit.measure.diagnosis import Evidence, diagnose
from loadkit.measure.ends import OutcomeLine
from loadkit.measure.histogram import Histogram
from loadkit.measure.reason import Blame, Reason
from loadkit.measure.reconciliation import Reconciliation
from loadkit.measure.store import RunHead
from loadkit.measure.summary import (
    SCHEMA_VERSION,
    EndToEndLatency,
    Flow,
    Generator,
    Latency,
    Part,
    Summary,
    ThresholdLine,
    latency_of,
)
from loadkit.measure.validity import Validity, Verdict
from loadkit.report.text import render_summary

GOLDEN = Path(__file__).parent / "golden"
SECTIONS = ["THRESHOLDS", "VALIDITY", "TRANSACTIONS", "CHANNELS", "DIAGNOSIS", "DELIVERY", "NEXT"]
# A number with its thousands separators and decimals; not one inside a word such as p99.9 or a time stamp.
NUMBER = re.compile(r"(?<![\w.,-])[0-9][0-9,]*(?:\.[0-9]+)?(?![\w-])")


def latency(count: int, largest_s: float) -> Latency:
    """Evenly spread up to the largest value."""
    histogram = Histogram()
    histogram.record_s(np.arange(1, count + 1) / count * largest_s)
    return latency_of(histogram)


def part(accepted: int, completed: int, largest_s: float) -> Part:
    return Part(completed, accepted, latency(completed, largest_s), latency(completed, largest_s * 0.9))


NOTHING = latency(0, 1.0)
PASSED = Summary(
    schema_version=SCHEMA_VERSION,
    verdict=Verdict.PASSED,
    duration_s=61.0,
    thresholds=(
        ThresholdLine("transaction_duration", "p(95) < 2s", 0.38, passed=True),
        ThresholdLine("transaction_failed", "rate < 0.1%", 0.0, passed=True),
    ),
    validity=Validity(valid=True, reasons=(), blame=Blame.SERVER),
    open_loop=True,
    flows={name: Flow(4000, 66.7) for name in ("offered", "started", "completed", "accepted")}
    | {"shed": Flow(0, None)},
    response_time=latency(4000, 0.4),
    service_time=latency(4000, 0.39),
    wait=latency(4000, 0.01),
    phases={
        "connect": latency(40, 0.002),
        "mail": latency(4000, 0.03),
        "rcpt": latency(4000, 0.06),
        "dot": latency(4000, 0.3),
    },
    kinds={"note": part(4000, 4000, 0.4)},
    stages={"rise": part(40, 40, 0.2), "peak": part(3960, 3960, 0.4)},
    outcomes=(OutcomeLine("accepted", "dot", 250, "", "", 4000),),
    setups=(OutcomeLine("accepted", "ehlo", 0, "", "", 40),),
    ledger=Reconciliation(4000, 4000, 0, (), 0, 0, 0, 0),
    generator=Generator(0.12, 0.0011, 0.004, 120 * 1024 * 1024),
    course=DeliveryCourse(
        drained=True,
        drain_s=2.3,
        delivered_per_s=66.5,
        backlog=Backlog(31, 12, 0.04, -0.11, 0.19, grows=False),
        clock_behind=0,
    ),
    end_to_end={"note": EndToEndLatency(latency(4000, 2.5), latency(4000, 2.4))},
)
BEHIND = DeliveryCourse(
    drained=False,
    drain_s=61.0,
    delivered_per_s=48.2,
    backlog=Backlog(1110, 1110, 18.51, 17.9, 19.12, grows=True),
    clock_behind=7,
)
FEW = Backlog(3, 0, None, None, None, grows=False)
FAILED = replace(
    PASSED,
    verdict=Verdict.FAILED,
    thresholds=(
        ThresholdLine("transaction_duration{kind:order_notice}", "p(99) < 250ms", 0.3961, passed=False),
        ThresholdLine("transaction_failed", "rate < 0.1%", 0.025, passed=False),
        ThresholdLine("arrivals_dropped", "count == 0", 0.0, passed=True),
    ),
    flows=PASSED.flows | {"accepted": Flow(3900, 65.0)},
    kinds={"order_notice": part(2960, 3000, 0.4), "promotion": part(940, 1000, 0.3)},
    outcomes=(
        OutcomeLine("accepted", "dot", 250, "", "", 3900),
        OutcomeLine("transient", "rcpt", 451, "4.7.1", "", 60),
        OutcomeLine("timeout", "dot", 0, "", "timeout", 40),
    ),
    setups=(
        OutcomeLine("accepted", "ehlo", 0, "", "", 40),
        OutcomeLine("connection", "connect", 0, "", "refused", 4),
    ),
    ledger=Reconciliation(3900, 3912, 0, (), 0, 12, 0, 0),
    course=None,
    end_to_end={},
)
LIMITED = OutcomeLine("transient", "banner", 421, "4.7.0", "too_many_connections", 60)
PROTECTED = Evidence(
    messages=(*FAILED.outcomes, LIMITED),
    setups=(*FAILED.setups, LIMITED),
    retries=(OutcomeLine("transient", "rcpt", 451, "4.7.1", "greylisted", 31),),
    session_ends=(),
    service=Histogram(),
    refused=Histogram(),
    ehlo=Histogram(),
    closed_after=Histogram(),
)
MIXED = replace(
    PASSED,
    kinds={"urgent": part(400, 400, 0.4), "normal": part(2960, 3000, 0.4), "reading": part(0, 0, 0.4)},
    channels=(
        ChannelLine("smtp", "smtp", "", 6.7, {"urgent": ChannelKind(400, 0, 400, 400, None)}, ()),
        ChannelLine(
            "alerts_api",
            "http",
            "",
            49.3,
            {"normal": ChannelKind(3010, 10, 3000, 2960, 2960)},
            (
                OutcomeLine("transient", "request", 503, "", "", 30),
                OutcomeLine("timeout", "request", 0, "", "", 9),
                OutcomeLine("protocol", "request", 0, "", "answer_too_long", 1),
            ),
        ),
        ChannelLine(
            "devices",
            "mqtt",
            "paho is not installed: pip install 'loadkit[mqtt]'",
            None,
            {"reading": ChannelKind(0, 0, 0, 0, None)},
            (),
        ),
    ),
)
CASES = {
    "channels": MIXED,
    "passed": PASSED,
    "failed": FAILED,
    "invalid": replace(
        PASSED,
        verdict=Verdict.INVALID,
        validity=Validity(
            valid=False,
            reasons=(
                Reason("arrivals_shed", "1,000 of 5,000 arrivals were shed", "at least 99.5%", "raise sessions.max"),
                Reason("generator_cpu", "generator CPU 97% of a core", "below 80%", "lower the rate"),
            ),
            blame=Blame.TOOL,
        ),
        flows=PASSED.flows | {"offered": Flow(5000, 83.3), "shed": Flow(1000, None)},
        generator=Generator(0.97, 0.0011, 0.12, 120 * 1024 * 1024),
    ),
    "interrupted": replace(PASSED, verdict=Verdict.INTERRUPTED, thresholds=(), ledger=None, course=None, end_to_end={}),
    "lost": replace(
        PASSED,
        verdict=Verdict.FAILED,
        ledger=Reconciliation(4000, 3994, 6, ((0, 3, 5), (0, 100, 101), (1, 7, 7)), 2, 0, 0, 0, corrupted=1),
    ),
    "few": replace(
        PASSED,
        verdict=Verdict.FAILED,
        thresholds=(
            ThresholdLine("transaction_duration", "p(99) < 2s", None, passed=None),
            ThresholdLine("transaction_duration{stage:peak}", "avg < 2s", None, passed=None),
        ),
        flows={name: Flow(40, 0.7) for name in PASSED.flows} | {"shed": Flow(0, None)},
        response_time=latency(40, 0.4),
        service_time=latency(40, 0.39),
        wait=NOTHING,
        phases={"connect": latency(4, 0.002), "dot": latency(40, 0.3)},
        stages={"rise": part(40, 40, 0.2), "peak": part(0, 0, 1.0)},
        outcomes=(OutcomeLine("accepted", "dot", 250, "", "", 40),),
        ledger=Reconciliation(40, 40, 0, (), 0, 0, 0, 0),
        course=replace(
            BEHIND, drained=True, delivered_per_s=None, backlog=Backlog(3, 0, None, None, None, grows=False)
        ),
        end_to_end={"note": EndToEndLatency(latency(40, 2.5), latency(40, 2.4))},
    ),
    "protected": replace(FAILED, diagnosis=diagnose(PROTECTED)),
    "behind": replace(
        PASSED,
        verdict=Verdict.FAILED,
        thresholds=(
            ThresholdLine("backlog", "max < 1000", 1110.0, passed=False),
            ThresholdLine("backlog", "slope < 5/s", 18.512, passed=False),
            ThresholdLine("end_to_end_duration{kind:note}", "p(95) < 5s", 2.375, passed=True),
            ThresholdLine("delivered", "count > 10", 3990.0, passed=True),
        ),
        ledger=Reconciliation(4000, 3990, 10, ((0, 3990, 3999),), 0, 0, 0, 0, corrupted=3),
        course=BEHIND,
    ),
}
HEAVY = replace(
    FAILED,
    response_time=latency(1_000_000, 120.0),
    phases={"connect": latency(40, 0.002), "dot": latency(1_000_000, 120.0)},
    kinds={"order_notice_of_the_evening": part(400_000, 500_000, 120.0), "after_sales": part(4, 40, 99.0)},
)
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


def render(summary: Summary, width: int = 100, head: RunHead = HEAD) -> str:
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(render_summary(summary, head))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def section(summary: Summary, title: str) -> str:
    """One section as a line of single-spaced words."""
    rest = render(summary).partition(f"\n{title}\n")[2]
    return " ".join(re.split(r"\n\n[A-Z]+\n", rest)[0].split())


@pytest.mark.parametrize("case", CASES)
def test_the_summary_reads_as_agreed(case: str) -> None:
    golden = GOLDEN / f"{case}.txt"
    text = render(CASES[case])
    if os.environ.get("LOADKIT_RENEW_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_sections_stand_in_order(case: str) -> None:
    titles = [line for line in render(CASES[case]).splitlines() if line in SECTIONS]
    left_out = {"DELIVERY"} if CASES[case].ledger is None else set()
    left_out |= set() if CASES[case].diagnosis else {"DIAGNOSIS"}
    left_out |= set() if CASES[case].channels else {"CHANNELS"}
    wanted = [title for title in SECTIONS if title not in left_out]
    assert titles == wanted


@pytest.mark.parametrize("summary", [*CASES.values(), HEAVY], ids=[*CASES, "heavy"])
def test_a_narrow_terminal_shows_every_number_whole(summary: Summary) -> None:
    narrow, wide = render(summary, width=80), render(summary, width=300)
    assert max(map(len, narrow.splitlines())) <= 80
    assert sorted(NUMBER.findall(narrow)) == sorted(NUMBER.findall(wide))
    assert "…" not in narrow


def test_a_number_that_does_not_fit_at_all_is_visibly_cut() -> None:
    assert "…" in render(HEAVY, width=40)


def test_nothing_rests_on_colour() -> None:
    stream = io.StringIO()
    colourful = Console(file=stream, width=100, force_terminal=True, color_system="truecolor", highlight=False)
    colourful.print(render_summary(FAILED, HEAD))
    assert "\x1b[" in stream.getvalue()
    plain = [line.rstrip() for line in Text.from_ansi(stream.getvalue()).plain.splitlines()]
    assert plain == render(FAILED).splitlines()


def test_brackets_are_text_and_not_markup() -> None:
    odd = replace(PASSED, outcomes=(OutcomeLine("protocol", "rcpt", 0, "", "[/x][red]", 3),))
    assert "protocol at rcpt [/x][red] 3 100.00%" in section(odd, "TRANSACTIONS")


@pytest.mark.parametrize(
    ("metric", "check", "observed", "text"),
    [
        ("transaction_duration", "p(95) < 2s", 2.0004, "was 2,000.40 ms"),
        ("transaction_failed", "rate < 0.1%", 0.0010004, "was 0.10004%"),
        ("transaction_failed", "rate < 0.1%", 0.000002, "was 0.0002%"),
        ("transaction_failed", "count == 0", 12345.0, "was 12,345"),
        ("backlog", "max < 1000", 1234.0, "was 1,234"),
        ("backlog", "end < 1000", None, "nothing to observe"),
        ("backlog", "slope < 5/s", 5.004, "was 5.00/s"),
        ("end_to_end_duration", "max < 1s", 1.5, "was 1,500.00 ms"),
        ("transactions", "rate > 2000/s", 1999.996, "was 2,000.00/s"),
        ("transactions", "rate > 600/min", 9.5, "was 9.50/s"),
        ("transaction_duration", "p(99.9) < 2s", None, "n too small: below 2,995"),
        ("transaction_duration", "med < 2s", None, "n too small: below 5"),
        ("transaction_failed", "rate < 0.1%", None, "nothing to observe"),
    ],
)
def test_a_threshold_shows_what_was_seen_in_its_unit(
    metric: str, check: str, observed: float | None, text: str
) -> None:
    summary = replace(PASSED, thresholds=(ThresholdLine(metric, check, observed, passed=None),))
    assert section(summary, "THRESHOLDS") == f"? unknown {metric} {check} {text}"


@pytest.mark.parametrize(
    ("failed", "total", "shares"),
    [(1, 1_000_000, (">99.99%", "<0.01%")), (1, 8, ("87.50%", "12.50%")), (3, 3, ("0.00%", "100.00%"))],
)
def test_a_share_is_nothing_or_all_only_where_it_is(failed: int, total: int, shares: tuple[str, str]) -> None:
    accepted = OutcomeLine("accepted", "dot", 250, "", "", total - failed)
    refused = OutcomeLine("permanent", "rcpt", 550, "5.1.1", "", failed)
    text = section(replace(PASSED, outcomes=(accepted, refused)), "TRANSACTIONS")
    assert f"accepted at dot 250 {total - failed:,} {shares[0]}" in text
    assert f"permanent at rcpt 550 5.1.1 {failed:,} {shares[1]}" in text


def test_milliseconds_have_no_decimals_from_a_second_on() -> None:
    text = section(replace(PASSED, response_time=Latency(9, 2.0, 2.5, PASSED.wait.quantiles_s)), "TRANSACTIONS")
    assert "response time 5.00 9.01 9.50 9.90 9.99 2,500 9" in text


def test_kinds_show_both_times_and_their_failures() -> None:
    text = section(FAILED, "TRANSACTIONS")
    assert re.search(r"promotion response 150\.\d+ 270\.\d+ .* 6\.00% failed service 135\.\d+ 243\.\d+ ", text)


def test_a_single_kind_is_not_shown_apart() -> None:
    text = section(PASSED, "TRANSACTIONS")
    assert "kind" not in text
    assert "stage ms p50" in text


def test_many_ways_to_end_are_added_up() -> None:
    ways = tuple(OutcomeLine("transient", "rcpt", 400 + number, "", "", 10) for number in range(12))
    text = section(replace(PASSED, outcomes=ways), "TRANSACTIONS")
    assert "transient at rcpt 409 10 8.33% 2 more ways see errors.json 20 16.67%" in text
    assert " 410 " not in text


def test_a_run_in_which_nothing_ended_has_no_empty_tables() -> None:
    empty = replace(
        PASSED, response_time=NOTHING, service_time=NOTHING, wait=NOTHING, phases={}, outcomes=(), setups=()
    )
    text = section(empty, "TRANSACTIONS")
    assert "response time - - - - - - 0" in text
    assert "No messages ended." in text
    assert "phase" not in text


def test_a_valid_run_blames_the_target_and_an_invalid_one_nobody() -> None:
    assert "is the target's." in section(PASSED, "VALIDITY")
    invalid = section(CASES["invalid"], "VALIDITY")
    assert invalid.startswith("INVALID ! 1,000 of 5,000")
    assert "blame nothing below on the target" in invalid


def test_a_generator_without_samples_has_no_figures() -> None:
    unsampled = replace(PASSED, generator=Generator(None, None, None, None))
    line = "Generator: CPU p95 - of a core, schedule lag p99 -, longest stall -, memory -."
    assert line in section(unsampled, "VALIDITY")


def test_waiting_for_sessions_is_told_apart_from_the_targets_own_time() -> None:
    waited = replace(PASSED, wait=latency(4000, 0.3), service_time=latency(4000, 0.1))
    note = "of 200.05 ms mean response time 150.04 ms were spent waiting for a free session"
    assert note in section(waited, "VALIDITY")
    assert "waiting" not in section(PASSED, "VALIDITY")
    assert "waiting" not in section(replace(waited, open_loop=False), "VALIDITY")


def test_a_closed_loop_says_that_its_times_hold_for_no_rate() -> None:
    closed = replace(PASSED, open_loop=False)
    assert "these times don't hold for a rate" in section(closed, "VALIDITY")
    assert "runs from the moment a session was free" in section(closed, "TRANSACTIONS")


def test_failures_on_our_side_are_named_before_the_target_is_blamed() -> None:
    ours = replace(PASSED, outcomes=(*FAILED.outcomes, OutcomeLine("client", "connect", 0, "", "no_port", 1200)))
    assert "But 1,200 failed on this side: client, below." in section(ours, "VALIDITY")


def test_limits_of_the_server_are_explained_and_pointed_at() -> None:
    text = section(CASES["protected"], "DIAGNOSIS")
    assert text.startswith("! too_many_connections: 60 of 4,060 messages (1.48%); 60 of 104 session set-ups (57.69%)")
    assert "why the server bounds the connections of one client" in text
    assert "do raise the limit for this address" in text
    assert "source Postfix smtpd_client_connection_count_limit (50)" in text
    assert "! greylisted: 31 attempts that were followed by another" in text
    assert "It protects itself by limits: see DIAGNOSIS." in section(CASES["protected"], "VALIDITY")
    assert "DIAGNOSIS" not in render(FAILED)


def test_several_processes_and_waiting_for_a_core_are_told() -> None:
    several = Generator(0.4, 0.001, 0.004, 1024, cpu_p95_by_process=(0.2, 0.4), cpu_wait_p95_ratio=0.3)
    line = "CPU p95 of the busiest of 2 processes 40% of a core (and 30% waiting for one), schedule lag"
    assert line in section(replace(PASSED, generator=several), "VALIDITY")


@pytest.mark.parametrize(
    ("blame", "answer"),
    [
        (Blame.SERVER, "The generator kept up: what is slow or refused below is the target's."),
        (Blame.TOOL, "The tool: the load generator or its machine was the limit"),
        (Blame.UNKNOWN, "It can't be told"),
    ],
)
def test_every_summary_answers_whether_it_is_the_tool_or_the_server(blame: Blame, answer: str) -> None:
    validity = replace(PASSED.validity, blame=blame)
    assert f"Tool or server? {answer}" in section(replace(PASSED, validity=validity), "VALIDITY")


def test_what_may_still_come_is_not_called_lost() -> None:
    text = section(CASES["behind"], "DELIVERY")
    assert "not arrived 10 within the drain time; sender 0: 3990-3999 " in text
    assert " lost " not in text


def test_lost_ranges_are_listed_by_sender_and_bounded() -> None:
    lost = "lost 6 sender 0: 3-5, 100-101; sender 1: 7 "
    assert lost in section(CASES["lost"], "DELIVERY")
    ranges = tuple((0, number, number) for number in range(10, 22, 2))
    many = replace(PASSED, ledger=Reconciliation(4000, 3994, 6, ranges, 0, 0, 0, 0))
    assert "lost 6 sender 0: 10, 12, 14, 16, 18; more in ledger.json " in section(many, "DELIVERY")


@pytest.mark.parametrize(
    ("summary", "advice"),
    [
        (replace(PASSED, thresholds=()), "No threshold was set"),
        (CASES["invalid"], "change what VALIDITY names"),
        (CASES["interrupted"], "cut short"),
        (CASES["few"], "too few values to be judged"),
        (FAILED, "Thresholds not met: 2 of 3. Slowest step of a message: dot, 150.04 ms on average."),
        (FAILED, "Most frequent failure: transient at rcpt, 60 of 100."),
        (replace(FAILED, wait=latency(400, 9.0)), "Slowest step of a message: waiting for a session, 4,511 ms"),
        (CASES["behind"], "Thresholds not met: 2 of 4. Mail is accepted faster than it is delivered"),
        (CASES["behind"], "10 not arrived within the drain time, 3 corrupted."),
        (
            CASES["lost"],
            "not what the target accepted: 6 lost, 2 duplicated, 1 corrupted. A message carries its number in ",
        ),
        (
            replace(FAILED, thresholds=(ThresholdLine("arrivals_dropped", "count == 0", 5.0, passed=False),)),
            "raise sessions.max",
        ),
    ],
)
def test_next_says_what_to_do(summary: Summary, advice: str) -> None:
    assert advice in section(summary, "NEXT").partition("To repeat the run:")[0]


def test_a_run_with_nothing_to_mend_only_names_the_commands() -> None:
    assert section(PASSED, "NEXT").startswith(
        "To repeat the run: loadkit run test To see this summary again, or with --type html"
    )


def test_commands_can_be_pasted_into_a_shell() -> None:
    head = replace(HEAD, path=Path("my results/run"), command=("loadkit", "run", "my scenario.yaml", "--seed", "7"))
    lines = render(PASSED, head=head).splitlines()
    assert "    loadkit run 'my scenario.yaml' --seed 7" in lines
    assert "    loadkit report 'my results/run'" in lines
