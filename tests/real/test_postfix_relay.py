"""The relay of the tests against Postfix: what it takes arrives at the sink, and its log tells so."""

from __future__ import annotations

import smtplib
import ssl
from typing import TYPE_CHECKING

import pytest
from support.mail import RUN, message
from support.postfix import running_postfix
from support.sink import running_sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.postfix import RunningPostfix
    from support.sink import RunningSink

pytestmark = pytest.mark.real


def send(server: RunningPostfix, *seqs: int, recipients: int = 1) -> None:
    with smtplib.SMTP(server.host, server.port) as client:
        for seq in seqs:
            to = [f"user{number}@example.{'com' if number % 2 else 'net'}" for number in range(recipients)]
            client.sendmail("a@example.com", to, message(seq))


def test_everything_accepted_arrives_once(relay: RunningPostfix, sink: RunningSink) -> None:
    send(relay, *range(50))
    relay.wait_until_delivered(50)
    assert len(relay.accepted()) == 50
    assert relay.delivered() == relay.accepted()
    assert relay.queued() == 0
    ledger = sink.stop().runs[RUN]
    assert (ledger.deliveries, ledger.duplicates) == (50, 0)
    assert list(ledger.senders[0].ranges()) == [(0, 49)]


def test_recipients_of_one_message_travel_together(relay: RunningPostfix, sink: RunningSink) -> None:
    send(relay, 0, recipients=120)
    relay.wait_until_delivered(1)
    ledger = sink.stop().runs[RUN]
    assert (ledger.deliveries, ledger.recipients, ledger.duplicates) == (1, 120, 0)


def test_queue_fills_while_the_sink_is_frozen_and_drains_after(relay: RunningPostfix, sink: RunningSink) -> None:
    sink.pause()
    send(relay, *range(10))
    wait_until(lambda: relay.queued() == 10, "all messages wait in the queue")
    assert not relay.delivered()
    sink.resume()
    relay.wait_until_delivered(10)
    assert sink.stop().runs[RUN].distinct == 10


def test_offers_starttls_and_what_is_in_the_settings(sink: RunningSink) -> None:
    with running_postfix(sink.host, sink.port, message_size_limit="50000") as relay:
        with smtplib.SMTP("localhost", relay.port) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(relay.certificate)))
            client.ehlo()
            assert client.esmtp_features["size"] == "50000"
            assert client.has_extn("pipelining")
            assert client.has_extn("chunking")
            client.sendmail("a@example.com", ["b@example.com"], message(3))
        relay.wait_until_delivered(1)
    assert list(sink.stop().runs[RUN].senders[0].ranges()) == [(3, 3)]


def test_dead_sink_defers_and_nothing_is_lost_when_it_is_back(relay: RunningPostfix, sink: RunningSink) -> None:
    sink.stop()
    send(relay, 0)
    wait_until(relay.deferred, "the message is deferred")
    assert relay.queued() == 1
    with running_sink(port=sink.port) as successor:
        relay.wait_until_delivered(1)
        assert successor.stop().runs[RUN].distinct == 1


def test_wrong_settings_fail_at_once(sink: RunningSink) -> None:
    with (
        pytest.raises(AssertionError, match="Postfix ended with 1"),
        running_postfix(sink.host, sink.port, default_process_limit="nonsense"),
    ):
        pass
