"""When a run may not be believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadkit.errors import ExitCode
from loadkit.measure.reason import Blame
from loadkit.measure.statistics import OutcomeCount
from loadkit.measure.validity import GeneratorSample, Load, Verdict, exit_code_of, judge, lag_limit_s, verdict_of
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

LOAD = Load(open_loop=True, offered=1000, shed=0, lag_p99_s=0.001, objective_s=2.0)
GOOD = [GeneratorSample(float(second), 0.3, 0.001, 1, 0.001, 0.0) for second in range(60)]


def test_a_generator_that_kept_up_is_valid() -> None:
    assert judge(LOAD, GOOD).valid


@pytest.mark.parametrize(
    ("load", "samples", "reason"),
    [
        (replace(LOAD, shed=6), GOOD, "arrivals_shed: 6 of 1,000 arrivals were shed"),
        (replace(LOAD, lag_p99_s=0.25), GOOD, "schedule_lag: p99 schedule lag 250ms (valid: at most 200ms)"),
        (replace(LOAD, offered=0), GOOD, "nothing_offered: no message was offered"),
        (LOAD, [replace(one, cpu_ratio=0.81) for one in GOOD], "generator_cpu: generator CPU 81%"),
        (
            LOAD,
            [replace(one, cpu_ratio=0.1, cpu_wait_ratio=0.75) for one in GOOD],
            "generator_starved: the generator wanted 85% of a core in the busiest seconds (p95) and got 10%",
        ),
        (
            LOAD,
            [*GOOD[:40], *(replace(one, loop_stall_max_s=0.25) for one in GOOD[40:])],
            "loop_stalls: the event loop stood still for 8.3% of the time, 250ms at once (valid: at most 5% in stalls",
        ),
        (
            LOAD,
            [replace(one, loop_stall_max_s=0.3, gc_pause_max_s=0.29) for one in GOOD],
            "gc_pauses: the event loop stood still for 30.0% of the time, 300ms at once, in pauses of the garbage",
        ),
        (
            LOAD,
            [*GOOD[:30], *(replace(one, clock_drift_s=0.2) for one in GOOD[30:])],
            "clock_step: the wall clock stepped by 200ms",
        ),
    ],
)
def test_reasons(load: Load, samples: list[GeneratorSample], reason: str) -> None:
    validity = judge(load, samples)
    assert not validity.valid
    assert [f"{one.name}: {one}"[: len(reason)] for one in validity.reasons] == [reason]


def test_short_stalls_and_few_long_ones_are_no_reason() -> None:
    often = [replace(one, loop_stall_max_s=0.19) for one in GOOD]
    seldom = [*GOOD[:59], replace(GOOD[59], loop_stall_max_s=2.9)]
    assert judge(LOAD, often).valid
    assert judge(LOAD, seldom).valid


def test_each_process_is_judged_by_its_own_samples() -> None:
    busy = [replace(one, worker=1, cpu_ratio=0.9) for one in GOOD]
    ahead = [replace(one, worker=2, clock_drift_s=0.04) for one in GOOD]
    behind = [replace(one, worker=3, clock_drift_s=-0.04) for one in GOOD]
    reasons = judge(LOAD, [*GOOD, *busy, *ahead, *behind]).reasons
    assert [str(one)[:29] for one in reasons] == ["process 1: generator CPU 90% "]


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("no_descriptor_left", "ulimit -n"),
        ("no_local_port_left", "net.ipv4.ip_local_port_range"),
        ("no_memory_left", "net.ipv4.tcp_mem"),
        ("no_route", "ip route get"),
        ("not_permitted", "outgoing rules"),
    ],
)
def test_one_failure_of_our_own_is_enough(reason: str, fix: str) -> None:
    ours = Outcome(OutcomeClass.CLIENT, Phase.CONNECT, reason=reason)
    validity = judge(LOAD, GOOD, [OutcomeCount("hold", "note", ours, 2), OutcomeCount("", "", ours, 1)])
    (found,) = validity.reasons
    assert (found.name, found.bound, validity.blame) == (reason, "never", Blame.TOOL)
    assert "for 1 connections, and 2 messages failed for it" in found.seen
    assert fix in found.fix


def test_what_the_run_cut_off_or_the_target_lacks_is_no_reason() -> None:
    ends = [Outcome(OutcomeClass.CLIENT, Phase.DOT, reason=one) for one in ("run_ended", "auth_not_offered")]
    assert judge(LOAD, GOOD, [OutcomeCount("hold", "note", one, 500) for one in ends]).valid


@pytest.mark.parametrize(
    ("load", "samples", "unread", "blame"),
    [
        (LOAD, GOOD, "", Blame.SERVER),
        (replace(LOAD, shed=6), GOOD, "", Blame.UNKNOWN),
        (LOAD, GOOD, "the sink did not answer", Blame.UNKNOWN),
        (replace(LOAD, shed=6), [replace(one, cpu_ratio=0.9) for one in GOOD], "", Blame.TOOL),
    ],
)
def test_tool_or_server_has_an_answer(load: Load, samples: list[GeneratorSample], unread: str, blame: Blame) -> None:
    assert judge(load, samples, unread=unread).blame is blame


def test_five_in_a_thousand_may_be_shed_and_a_clock_may_drift_slowly() -> None:
    drifting = [replace(one, clock_drift_s=one.at_s * 0.01) for one in GOOD]
    assert judge(replace(LOAD, shed=5), drifting).valid


def test_a_clock_that_is_corrected_during_a_long_warm_up_did_not_step() -> None:
    """The first measured second is ten minutes from the start, at which the drift is 0."""
    late = [replace(one, at_s=one.at_s + 600, clock_drift_s=0.3) for one in GOOD]
    assert judge(LOAD, late).valid
    assert not judge(LOAD, [replace(one, clock_drift_s=0.4) for one in late]).valid


def test_a_clock_that_stepped_in_the_first_second_is_seen() -> None:
    assert not judge(LOAD, [replace(one, clock_drift_s=-0.2) for one in GOOD]).valid


def test_lag_is_measured_against_the_objective() -> None:
    assert [lag_limit_s(objective) for objective in (None, 0.01, 2.0)] == [0.05, 0.005, 0.2]


def test_lag_says_nothing_of_a_closed_loop() -> None:
    assert judge(replace(LOAD, open_loop=False, lag_p99_s=9.0), GOOD).valid


@pytest.mark.parametrize(
    ("interrupted", "valid", "met", "verdict", "exit_code"),
    [
        (False, True, True, Verdict.PASSED, ExitCode.OK),
        (False, True, False, Verdict.FAILED, ExitCode.THRESHOLDS),
        (False, False, False, Verdict.INVALID, ExitCode.INVALID),
        (True, False, False, Verdict.INTERRUPTED, ExitCode.INTERRUPTED),
    ],
)
def test_verdicts_and_exit_codes(
    *, interrupted: bool, valid: bool, met: bool, verdict: Verdict, exit_code: ExitCode
) -> None:
    assert verdict_of(interrupted=interrupted, valid=valid, met=met) is verdict
    assert exit_code_of(verdict) is exit_code


def test_sigterm_has_an_exit_code_of_its_own() -> None:
    assert exit_code_of(Verdict.INTERRUPTED, terminated=True) is ExitCode.TERMINATED
