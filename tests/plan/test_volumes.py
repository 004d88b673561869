"""Messages, bytes and bits of a month, and what goes with a message on the wire."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import numpy as np
import pytest
from support.keys import write_bad_certificate

from loadkit.plan.volumes import (
    MONTH_S,
    PAYLOAD_ONLY,
    SMTP_OVER_TLS,
    Overhead,
    mail_bytes,
    peak_bits_per_s,
)

KIB = 1024


def test_the_largest_tier_in_thirty_days() -> None:
    volume = mail_bytes(np.full(168, 100_000.0), 50 * KIB, month_s=MONTH_S)
    assert volume.messages == pytest.approx(259.2e9)
    assert volume.payload_bytes == pytest.approx(13.3e15, rel=3e-3)
    assert peak_bits_per_s(100_000, 50 * KIB) == pytest.approx(40.96e9)


def test_hours_weigh_the_same_and_retries_move_bytes_but_store_none() -> None:
    volume = mail_bytes(np.array([[10.0, 30.0], [0.0, 0.0]]), np.array([1000.0, 1000.0]), retry_factor=1.5)
    assert volume.messages.tolist() == [20 * 730 * 3600, 0]
    assert volume.transmissions.tolist() == [30 * 730 * 3600, 0]
    assert volume.wire_bytes[0] == pytest.approx(1.5 * volume.payload_bytes[0])


def test_overhead_by_hand() -> None:
    """20,000 bytes and 95 of dialogue: two records of 22, a tenth of 661; 15 segments of 40."""
    assert SMTP_OVER_TLS.wire_bytes(20_000) == pytest.approx(20_095 + 44 + 661 + 15 * 40)
    shared = Overhead(95, 661, messages_per_connection=10)
    assert shared.wire_bytes(20_000) == pytest.approx(20_095 + 44 + 66.1 + 14 * 40)
    assert PAYLOAD_ONLY.wire_bytes(20_000) == 20_000


def test_the_stated_handshake_is_what_openssl_does(tmp_path: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(write_bad_certificate(tmp_path))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client, from_client, from_server = (ssl.MemoryBIO() for _ in range(4))
    here = client.wrap_bio(to_client, from_client, server_hostname="mx.test")
    there = server.wrap_bio(to_server, from_server, server_side=True)
    sent = 0
    for _ in range(3):
        for side in (here, there):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            data = from_client.read()
            sent += len(data)
            to_server.write(data)
            to_client.write(from_server.read())
    assert here.version() == "TLSv1.3"
    dialogue = 2 * len("EHLO " + 17 * "x" + "\r\n") + len("STARTTLS\r\n") + len("QUIT\r\n")
    # Newer libraries offer a post-quantum key of 1,184 bytes as well.
    assert 0.95 < (dialogue + sent) / SMTP_OVER_TLS.connection_bytes < 3
    here.write(b"x" * 16_385)
    assert len(from_client.read()) == 16_385 + 2 * 22
