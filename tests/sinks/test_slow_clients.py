"""Clients that hold a connection and hardly use it keep nobody else from being served."""

from __future__ import annotations

import smtplib
import socket
import time
from contextlib import ExitStack

import pytest
from support.mail import RUN, message
from support.sink import running_sink
from support.waiting import wait_until

from sinks.options import Engine

LORISES, MESSAGES, ROUNDS = 1000, 200, 5


@pytest.mark.slow
@pytest.mark.parametrize("engine", list(Engine))
def test_a_thousand_clients_that_send_single_bytes_stop_nobody(engine: Engine) -> None:
    with running_sink(engine=engine) as sink, ExitStack() as stack:
        lorises = [stack.enter_context(socket.create_connection((sink.host, sink.port))) for _ in range(LORISES)]
        wait_until(lambda: sink.collect().counters.connections_open == LORISES, "all are connected")
        sender = stack.enter_context(smtplib.SMTP(sink.host, sink.port))
        slowest_s = 0.0
        for seq in range(MESSAGES):
            if seq % (MESSAGES // ROUNDS) == 0:
                for loris in lorises:
                    loris.sendall(b"N")
            begun = time.monotonic()
            sender.sendmail("a@example.com", ["b@example.com"], message(seq))
            slowest_s = max(slowest_s, time.monotonic() - begun)
        # A message behind a thousand reads of a byte; usual are 10 to 50 ms.
        assert slowest_s < 1
        assert list(sink.collect().runs[RUN].senders[0].ranges()) == [(0, MESSAGES - 1)]
