"""Logs that the real servers wrote: six connections with 1, 3, 1, 5, 2 and 1 messages to 1 or 3 recipients each."""

from __future__ import annotations

import bz2
import gzip
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.maillogs import FIXTURES, read_log

from loadkit.logs.gather import LogsRead, gather
from loadkit.logs.traffic import traffic_of

SENT = 13
NOTICES = 1  # the server's own, about the one recipient that was refused
# 13 messages, of which numbers 4, 8 and 12 have three recipients and number 7 has two.
RECIPIENTS = {1: 10, 2: 1, 3: 3}


@pytest.fixture(autouse=True)
def _written_in_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 11, 24, 18, tzinfo=UTC).timestamp()
    monkeypatch.setattr("loadkit.logs.files.LogFile.modified_s", property(lambda _: moment))


def read(name: str) -> LogsRead:
    return gather([FIXTURES / name])


def counted(tally: object) -> dict[int, int]:
    return {value: int(count) for value, count in enumerate(tally.counts) if count}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("postfix.log", "Postfix"),
        ("exim.log", "Exim"),
        ("exim_selectors.log", "Exim"),
        ("opensmtpd.log", "OpenSMTPD"),
    ],
)
def test_messages_and_their_recipients(name: str, server: str) -> None:
    logs = read(name)
    assert logs.formats == (server,)
    assert logs.gathered.messages == SENT + NOTICES
    assert counted(logs.gathered.recipients) == RECIPIENTS
    assert logs.gathered.sizes.total == SENT + NOTICES
    (day,) = logs.gathered.arrivals.days
    assert day * 86_400 == datetime(2026, 11, 24, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "sessions"),
    [
        ("postfix.log", [1, 1, 1, 2, 3, 5]),
        ("exim.log", []),  # Exim's default log does not say it
        ("exim_selectors.log", [1, 1, 1, 2, 3, 5]),
        ("opensmtpd.log", [1, 1, 1, 1, 2, 3, 5]),  # OpenSMTPD hands its own notices to itself over SMTP
    ],
)
def test_messages_per_connection(name: str, sessions: list[int]) -> None:
    assert sorted(Counter(counted(read(name).gathered.sessions)).elements()) == sessions


def test_tls_is_a_share_of_connections_and_of_messages_in_exim() -> None:
    postfix, exim = read("postfix.log").gathered, read("exim.log").gathered
    assert (postfix.tls, postfix.tls_of) == (5, 6)  # the third connection had none
    assert (exim.tls, exim.tls_of) == (12, 13)
    assert (postfix.by_smtp, exim.by_smtp, read("opensmtpd.log").gathered.by_smtp) == (13, 13, 14)


@pytest.mark.parametrize("name", ["postfix.log", "exim.log", "exim_selectors.log"])
def test_messages_that_were_deferred_are_no_new_arrivals(name: str) -> None:
    deferrals = read(name).gathered.deferrals
    assert deferrals.messages == 2
    assert deferrals.retries == 3  # one was refused once, the other twice
    assert deferrals.gaps.points()[0].tolist() == [1.0]


def test_domains_of_recipients_are_counted() -> None:
    for name in ("postfix.log", "exim.log", "opensmtpd.log"):
        domains = read(name).gathered.domains
        assert len(domains) == 3, name
        assert max(domains.largest(9)) > domains.recipients / 2, name


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("postfix.log", {}),
        ("exim.log", {"no date and time at the start": 1}),  # a warning of two lines
        ("opensmtpd.log", {}),
    ],
)
def test_what_real_servers_write_is_not_called_broken(name: str, broken: dict[str, int]) -> None:
    assert dict(read(name).gathered.broken.counts) == broken


def test_a_rotation_of_packed_pieces_gives_what_the_whole_gives(tmp_path: Path) -> None:
    lines = (FIXTURES / "postfix.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:30])))
    (tmp_path / "mail.log.1.bz2").write_bytes(bz2.compress(b"".join(lines[30:60])))
    (tmp_path / "mail.log").write_bytes(b"".join(lines[60:]))
    parts = gather(sorted(tmp_path.iterdir(), key=os.fspath)).gathered
    whole = read("postfix.log").gathered
    assert (parts.messages, parts.sizes.mean) == (whole.messages, whole.sizes.mean)
    assert parts.deferrals.retries == whole.deferrals.retries
    assert counted(parts.sessions) == counted(whole.sessions)


def test_logs_of_several_servers_are_added_up() -> None:
    logs = gather([FIXTURES / "postfix.log", FIXTURES / "exim_selectors.log"])
    assert set(logs.formats) == {"Postfix", "Exim"}
    assert logs.gathered.messages == 2 * (SENT + NOTICES)


def test_iso_times_of_rsyslog_give_the_same(tmp_path: Path) -> None:
    text = (FIXTURES / "postfix.log").read_text().replace("Nov 24 ", "2026-11-24T")
    iso = "\n".join(line[:19] + ".123456+00:00" + line[19:] for line in text.splitlines()) + "\n"
    (tmp_path / "mail.log").write_text(iso)
    logs = gather([tmp_path / "mail.log"]).gathered
    assert logs.messages == SENT + NOTICES
    assert logs.arrivals.per_second(logs.arrivals.days[0], 1).tolist() == (
        read("postfix.log").gathered.arrivals.per_second(logs.arrivals.days[0], 1).tolist()
    )


def test_lines_that_end_as_windows_ends_them(tmp_path: Path) -> None:
    (tmp_path / "exim.log").write_bytes((FIXTURES / "exim.log").read_bytes().replace(b"\n", b"\r\n"))
    assert gather([tmp_path / "exim.log"]).gathered.messages == SENT + NOTICES


STAMP = "Nov 24 16:00:01 mail "


@pytest.mark.parametrize(
    ("lines", "size", "recipients"),
    [
        (  # OpenSMTPD before 6.4
            [
                f"{STAMP}smtpd[9]: 19f83d2e03fda42f smtp event=message msgid=71c0329a from=<a> size=700 ndest=2 ",
                f"{STAMP}smtpd[9]: 19f83d2e03fda42f smtp event=closed reason=quit",
            ],
            700,
            2,
        ),
        (  # Exim since 4.97, by way of syslog
            [
                f"{STAMP}exim[9]: 1rZ8Xk-00000001Abc-0dEf <= a@example.com H=a [192.0.2.1]:99 P=esmtp S=900",
                f"{STAMP}exim[9]: 1rZ8Xk-00000001Abc-0dEf => b@example.com R=relay T=sink",
                f"{STAMP}exim[9]: 1rZ8Xk-00000001Abc-0dEf ** c@example.com: Unrouteable address",
                f"{STAMP}exim[9]: 1rZ8Xk-00000001Abc-0dEf Completed",
            ],
            900,
            2,
        ),
        (  # a Postfix of several instances, TLS from the start
            [
                f"{STAMP}postfix-in/qmgr[9]: 3ZBc0k1Tq2z9: from=<a@example.com>, size=800, nrcpt=1 (queue active)",
                f"{STAMP}postfix-in/smtps/smtpd[9]: disconnect from a[::1] ehlo=1 mail=1 rcpt=1 data=1 commands=4",
            ],
            800,
            1,
        ),
    ],
    ids=["opensmtpd", "exim", "postfix"],
)
def test_other_versions_and_settings(tmp_path: Path, lines: list[str], size: int, recipients: int) -> None:
    gathered = read_log(tmp_path, "\n".join(lines) + "\n").gathered
    assert (gathered.messages, gathered.sizes.mean, gathered.recipients.mean) == (1, size, recipients)
    assert (gathered.sessions.total, gathered.sessions.mean) == (1, 1)
    assert gathered.tls == (1 if "smtps/" in lines[1] else 0)


def test_connections_that_the_server_opened_stand_in_where_no_client_connected(tmp_path: Path) -> None:
    lines = [f"{STAMP}postfix/qmgr[9]: ABC: from=<a@example.com>, size=800, nrcpt=4 (queue active)"]
    delivery = f"{STAMP}postfix/smtp[9]: ABC: to=<b@example.com>, relay=a.example[192.0.2.1]:25"
    lines += [f"{delivery}, {use}delay=1, status=sent (250)" for use in ("", "conn_use=2, ", "conn_use=3, ", "")]
    traffic = traffic_of(read_log(tmp_path, "\n".join(lines) + "\n"))
    assert (traffic.sessions, traffic.reuse) == (None, 2)
