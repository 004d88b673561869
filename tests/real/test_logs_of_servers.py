"""The log that a Postfix writes now is read as the fixtures are."""

from __future__ import annotations

import smtplib

import pytest
from support.mail import message
from support.postfix import running_postfix
from support.sink import RunningSink

from loadkit.logs.gather import gather
from loadkit.logs.traffic import traffic_of


@pytest.mark.real
def test_a_log_of_postfix(sink: RunningSink) -> None:
    with running_postfix(sink.host, sink.port) as server:
        for count in (3, 1):
            with smtplib.SMTP(server.host, server.port) as client:
                for number in range(count):
                    client.sendmail("a@example.com", ["b@example.com", "c@example.net"], message(number))
        server.wait_until_delivered(4)
        logs = gather([server.folder / "log" / "mail.log"])
    traffic = traffic_of(logs)
    assert (logs.formats, traffic.whole.messages, dict(logs.gathered.broken.counts)) == (("Postfix",), 4, {})
    assert traffic.recipients is not None
    assert traffic.recipients.mean == 2
    assert traffic.sessions is not None
    assert (traffic.sessions.counted, traffic.sessions.mean) == (2, 2)
    assert (traffic.tls, traffic.domains) == (0, ((0.5, 0.5), 2))
