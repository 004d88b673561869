"""Limits of servers told from how messages and sessions ended, and no false alarm."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from loadkit.measure.diagnosis import Evidence, diagnose
from loadkit.measure.ends import OutcomeLine
from loadkit.measure.histogram import Histogram
from loadkit.measure.rules import RULES, Finding
from loadkit.smtp.limits import Limit


def histogram(*values_s: float) -> Histogram:
    """A histogram of these values."""
    filled = Histogram()
    filled.record_s(np.array(values_s))
    return filled


def transient(phase: str, code: int, enhanced: str, reason: str, count: int) -> OutcomeLine:
    return OutcomeLine("transient", phase, code, enhanced, reason, count)


ACCEPTED = OutcomeLine("accepted", "dot", 250, "", "", 90)
CLEAN = Evidence(
    messages=(ACCEPTED,),
    setups=(OutcomeLine("accepted", "ehlo", 0, "", "", 20),),
    retries=(),
    session_ends=(),
    service=histogram(*[0.02] * 90),
    refused=histogram(),
    ehlo=histogram(*[0.001] * 20),
    closed_after=histogram(),
)


def only(evidence: Evidence) -> Finding:
    (finding,) = diagnose(evidence)
    return finding


def test_nothing_is_found_where_nothing_was_refused() -> None:
    assert diagnose(CLEAN) == ()
    assert diagnose(replace(CLEAN, messages=(), setups=(), service=histogram(), ehlo=histogram())) == ()


@pytest.mark.parametrize("limit", Limit)
def test_every_limit_that_a_text_may_name_has_one_rule(limit: Limit) -> None:
    line = transient("mail", 450, "4.7.1", limit.value, 10)
    assert only(replace(CLEAN, messages=(ACCEPTED, line))).messages == 10
    assert len([rule for rule in RULES if limit in rule.reasons]) == 1


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (OutcomeLine("permanent", "rcpt", 550, "5.1.1", "", 3), "unknown_recipients"),
        (OutcomeLine("accepted", "rcpt", 452, "4.5.3", "partly_refused", 3), "too_many_recipients"),
        (OutcomeLine("permanent", "mail", 552, "5.3.4", "too_large", 3), "too_large"),
        (OutcomeLine("permanent", "auth", 535, "", "", 3), "login_failed"),
        (OutcomeLine("client", "auth", 0, "", "auth_not_offered", 3), "login_failed"),
        (OutcomeLine("tls", "tls", 0, "", "starttls_not_offered", 3), "tls_not_offered"),
        (OutcomeLine("timeout", "banner", 0, "", "timeout", 3), "no_greeting"),
        (transient("dot", 452, "4.3.1", "", 3), "storage_full"),
        (transient("rcpt", 452, "4.2.2", "", 3), "mailbox_full"),
        (transient("mail", 421, "", "", 3), "unavailable"),
        (transient("mail", 451, "4.3.2", "", 3), "unavailable"),
    ],
)
def test_what_codes_and_phases_tell(line: OutcomeLine, name: str) -> None:
    assert only(replace(CLEAN, messages=(ACCEPTED, line))).name == name


@pytest.mark.parametrize(
    "line",
    [
        OutcomeLine("permanent", "dot", 554, "5.7.9", "", 3),
        OutcomeLine("timeout", "dot", 0, "", "timeout", 3),
        OutcomeLine("connection", "connect", 0, "", "refused", 3),
        transient("rcpt", 451, "4.3.0", "", 3),
    ],
)
def test_what_no_rule_knows_is_not_guessed_at(line: OutcomeLine) -> None:
    assert diagnose(replace(CLEAN, messages=(ACCEPTED, line))) == ()


def test_a_finding_says_how_many_of_what_and_by_which_replies() -> None:
    limit = Limit.TOO_MANY_CONNECTIONS.value
    finding = only(
        replace(
            CLEAN,
            messages=(ACCEPTED, transient("banner", 421, "4.7.0", limit, 10)),
            setups=(*CLEAN.setups, transient("banner", 421, "4.7.0", limit, 12), transient("ehlo", 421, "", limit, 8)),
            session_ends=(transient("rset", 421, "4.7.0", limit, 2),),
        )
    )
    assert (finding.name, finding.messages, finding.sessions) == ("too_many_connections", 10, 22)
    assert finding.seen == (
        "10 of 100 messages (10.00%); 20 of 40 session set-ups (50.00%); 2 sessions ended by the server: "
        "421 4.7.0 at banner, 421 at ehlo, 421 4.7.0 at rset"
    )
    assert "smtpd_client_connection_count_limit (50)" in finding.source


def test_greylisting_that_passed_on_retry_is_seen_though_everything_was_accepted() -> None:
    retries = (
        transient("rcpt", 451, "4.7.1", "greylisted", 40),
        OutcomeLine("accepted", "dot", 250, "", "", 39),
    )
    finding = only(replace(CLEAN, retries=retries))
    assert finding.seen == ("40 attempts that were followed by another (39 messages passed at one): 451 4.7.1 at rcpt")
    assert (finding.name, finding.messages) == ("greylisted", 40)


def test_refusals_that_take_long_are_a_tar_pit_only_if_nothing_else_does() -> None:
    refused = [0.01] * 10 + [1.01] * 10
    slow = replace(CLEAN, refused=histogram(*refused), service=histogram(*[0.02] * 90, *refused))
    assert only(slow).name == "tar_pit"
    assert only(slow).seen == (
        "10 of 20 refused messages took longer than 0.5 s (50.00%), of what was not refused 0.00%"
    )
    assert diagnose(replace(slow, service=histogram(*[0.8] * 90, *refused))) == ()
    assert diagnose(replace(slow, refused=histogram(*refused[:10]), service=histogram(*[0.02] * 100))) == ()


def test_where_everything_is_refused_a_tar_pit_is_told_by_the_quick_ehlo() -> None:
    refused = histogram(*[1.01] * 20)
    nothing_else = replace(CLEAN, refused=refused, service=refused)
    assert only(nothing_else).name == "tar_pit"
    assert diagnose(replace(nothing_else, ehlo=histogram(*[1.0] * 20))) == ()


def messages(*counts: int) -> Histogram:
    return histogram(*(count / 1e6 for count in counts))


def closed(count: int, reason: str = "closed") -> tuple[OutcomeLine, ...]:
    return (OutcomeLine("connection", "mail", 0, "", reason, count),)


def test_sessions_that_all_end_after_as_many_messages_show_a_limit() -> None:
    evidence = replace(CLEAN, session_ends=closed(12), closed_after=messages(*[25] * 9, 3, 7, 26))
    finding = only(evidence)
    assert finding.name == "closed_after"
    assert finding.seen == "9 of 12 sessions that the server ended had carried exactly 25 messages"
    assert diagnose(replace(evidence, closed_after=messages(*range(12)))) == ()
    assert diagnose(replace(evidence, session_ends=closed(9), closed_after=messages(*[25] * 9))) == ()
    assert diagnose(replace(evidence, closed_after=messages(*[0] * 12))) == ()
    assert [one.name for one in diagnose(replace(evidence, session_ends=closed(12, "too_many_errors")))] == [
        "too_many_errors"
    ]


@pytest.mark.parametrize("number", [1, 2, 1000, 1999, 2000])
def test_the_number_of_messages_is_exact(number: int) -> None:
    evidence = replace(CLEAN, session_ends=closed(20), closed_after=messages(*[number] * 20))
    assert f"exactly {number:,} messages" in only(evidence).seen


def test_every_rule_says_why_what_to_do_and_who_says_so() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        texts = (rule.why, rule.fix, rule.source)
        assert all(len(text) > 20 for text in texts), rule.name
        assert not any(text.endswith(".") for text in texts), rule.name
        assert {field.name for field in fields(rule)} >= {"reasons", "enhanced", "codes", "ends"}
