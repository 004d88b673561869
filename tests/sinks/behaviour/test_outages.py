from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.behaviour import START, behave, code
from support.binomial import binomial_bounds

from loadkit.smtp.outcome import Phase

ONCE = "outages: [{at: 30s, for: 10s, kind: stop_reading}]"
REPEATED = "outages: [{at: 30s, for: 10s, every: 1m, kind: refuse}, {at: 35s, for: 10s, kind: restart}]"


def kind_at(yaml: str, at_s: float) -> str | None:
    outage = behave(yaml).outage(START + at_s)
    return outage.kind if outage else None


@pytest.mark.parametrize(
    ("at_s", "kind"), [(0, None), (29.999, None), (30, "stop_reading"), (39.999, "stop_reading"), (40, None)]
)
def test_an_outage_has_its_first_moment_and_not_its_end(at_s: float, kind: str | None) -> None:
    assert kind_at(ONCE, at_s) == kind


@pytest.mark.parametrize(
    ("at_s", "kind"),
    [
        (29, None),
        (30, "refuse"),
        (39, "refuse"),
        (40, "restart"),
        (44, "restart"),
        (45, None),
        (90, "refuse"),
        (100, None),
    ],
)
def test_of_two_outages_the_first_in_the_profile_holds(at_s: float, kind: str | None) -> None:
    assert kind_at(REPEATED, at_s) == kind


def test_changes_come_in_order_and_end() -> None:
    behaviour = behave(ONCE)

    assert behaviour.next_change_s(START) == START + 30
    assert behaviour.next_change_s(START + 30) == START + 40
    assert behaviour.next_change_s(START + 40) is None
    assert behave("").next_change_s(START) is None


def test_changes_of_a_repeated_outage_go_on() -> None:
    behaviour = behave(REPEATED)
    now, changes = START, []
    for _ in range(8):
        following = behaviour.next_change_s(now)
        assert following is not None
        changes.append(following - START)
        now = following

    assert changes == [30, 35, 40, 45, 90, 100, 150, 160]
    assert behaviour.next_change_s(START + 1e9) is not None


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**7), st.integers(0, 300))
def test_a_change_is_there_when_its_time_has_come(for_us: int, pause_us: int, at_us: int, steps: int) -> None:
    """At the announced time the outage has begun or ended, whatever the rounding, so that nobody waits twice."""
    every_us = for_us + pause_us
    behaviour = behave(f"outages: [{{at: {at_us}us, for: {for_us}us, every: {every_us}us, kind: refuse}}]")
    now = START + steps * every_us / 1e6
    before = behaviour.outage(now)

    change = behaviour.next_change_s(now)

    assert change is not None
    assert now < change
    assert (behaviour.outage(change) is None) is (before is not None)


BROWN_OUT = "service: {mail: 10ms, dot: 20ms}\noutages: [{at: 30s, for: 10s, kind: brown_out, slower: 5, failing: 20%}]"


def test_in_a_brown_out_everything_takes_longer() -> None:
    visit = behave(BROWN_OUT).visit("::1")

    answers = [visit.meet(Phase.DOT, START + at_s) for at_s in (29, 30, 39, 40)]

    assert [answer and answer.delay_s for answer in answers] == [0.02, 0.1, 0.1, 0.02]


def test_in_a_brown_out_a_share_of_messages_is_refused() -> None:
    behaviour = behave(BROWN_OUT)
    visit = behaviour.visit("::1")
    low, high = binomial_bounds(5000, 0.2)

    during = [code(visit.meet(Phase.MAIL, START + 35)) for _ in range(5000)]
    after = [code(visit.meet(Phase.MAIL, START + 45)) for _ in range(5000)]

    assert low <= during.count("451") <= high
    assert during.count("451") == behaviour.counts["mail", "451"]
    assert set(after) == {""}


def test_a_brown_out_without_slowdown_or_service_still_refuses() -> None:
    visit = behave("outages: [{at: 0s, for: 10s, kind: brown_out, failing: 100%}]").visit("::1")

    assert code(visit.meet(Phase.MAIL, START)) == "451"
    assert visit.meet(Phase.MAIL, START + 10) is None


def test_other_outages_leave_the_conversation_alone() -> None:
    visit = behave("service: {mail: 10ms}\noutages: [{at: 0s, for: 10s, kind: stop_reading}]").visit("::1")

    answer = visit.meet(Phase.MAIL, START)

    assert answer is not None
    assert answer.delay_s == 0.01
