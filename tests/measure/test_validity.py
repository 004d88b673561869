"""When a run may not be believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadkit.errors import ExitCode
from loadkit.measure.validity import GeneratorSample, Load, Verdict, exit_code_of, judge, lag_limit_s, verdict_of

LOAD = Load(open_loop=True, offered=1000, shed=0, lag_p99_s=0.001, objective_s=2.0)
GOOD = [GeneratorSample(float(second), 0.3, 0.001, 1, 0.001, 0.0) for second in range(60)]


def test_a_generator_that_kept_up_is_valid() -> None:
    assert judge(LOAD, GOOD).valid


@pytest.mark.parametrize(
    ("load", "samples", "reason"),
    [
        (replace(LOAD, shed=6), GOOD, "6 of 1,000 arrivals were shed"),
        (replace(LOAD, lag_p99_s=0.25), GOOD, "p99 schedule lag 250ms > 200ms"),
        (replace(LOAD, offered=0), GOOD, "no message was offered"),
        (LOAD, [replace(one, cpu_ratio=0.81) for one in GOOD], "generator CPU 81%"),
        (LOAD, [*GOOD[:30], *(replace(one, clock_drift_s=0.2) for one in GOOD[30:])], "clock stepped by 200ms"),
    ],
)
def test_reasons(load: Load, samples: list[GeneratorSample], reason: str) -> None:
    validity = judge(load, samples)
    assert not validity.valid
    assert [reason in one for one in validity.reasons] == [True]


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
