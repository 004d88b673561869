"""Volumes: how many messages and bytes a month is, and how many bits a second its peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadkit.plan.charging import HOURS_PER_MONTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Amounts = NDArray[np.float64]

MONTH_S = 30 * 86_400
"""A month of thirty days, as traffic is often told; bills have months of 730 hours."""
BILLED_MONTH_S = HOURS_PER_MONTH * 3600

TLS_RECORD_BYTES, TLS_FRAME_BYTES = 16_384, 22
TCP_SEGMENT_BYTES, TCP_HEADER_BYTES = 1460, 40


@dataclass(frozen=True, slots=True)
class Overhead:
    """What a message takes on the wire beside itself, in the direction it is sent.

    Args:
        dialogue_bytes: Commands of the dialogue of a message.
        connection_bytes: What a connection takes before its first message, TLS handshake included.
        messages_per_connection: How many messages share that.
        framed: Whether records of TLS 1.3 and segments of TCP count as well.

    Notes:
        A record of TLS 1.3 adds 22 bytes to at most 16,384 (RFC 8446, 5.1 and 5.2: header 5, type 1, tag 16); a
        segment of TCP over IPv4 adds 40 to 1,460 (RFC 9293 and 791, without options, 1,500 bytes a frame).
    """

    dialogue_bytes: float
    connection_bytes: float
    messages_per_connection: float = 1.0
    framed: bool = True

    def wire_bytes(self, size_bytes: Amounts | float) -> Amounts:
        """Bytes on the wire for a message of a size; sizes of any shape."""
        opening = self.connection_bytes / self.messages_per_connection
        sent: Amounts = np.asarray(size_bytes, dtype=np.float64) + self.dialogue_bytes
        if self.framed:
            sent = sent + np.ceil(sent / TLS_RECORD_BYTES) * TLS_FRAME_BYTES
        sent = sent + opening
        return sent + np.ceil(sent / TCP_SEGMENT_BYTES) * TCP_HEADER_BYTES if self.framed else sent


PAYLOAD_ONLY = Overhead(0.0, 0.0, framed=False)
"""Messages alone."""
SMTP_OVER_TLS = Overhead(dialogue_bytes=95.0, connection_bytes=661.0)
"""As a client sends it, acknowledgements left out. Per message: MAIL and RCPT with addresses of 30 characters, DATA,
the final dot. Per connection: EHLO twice with a name of 17 characters, STARTTLS, QUIT, and 597 bytes of a handshake of
TLS 1.3 as OpenSSL 3.0 makes it; newer ones that offer post-quantum keys send some 1,200 more."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a month's mail amounts to; each (...,).

    Args:
        messages: Messages.
        transmissions: How often a message was sent, repetitions included.
        payload_bytes: Of the messages, each once: what is stored.
        wire_bytes: Of all transmissions with what goes with them: what is moved.
    """

    messages: Amounts
    transmissions: Amounts
    payload_bytes: Amounts
    wire_bytes: Amounts


def mail_bytes(
    rate_per_s: Amounts,
    size_bytes: Amounts | float,
    *,
    retry_factor: Amounts | float = 1.0,
    overhead: Overhead = PAYLOAD_ONLY,
    month_s: float = BILLED_MONTH_S,
) -> Volume:
    """Messages and bytes of a month.

    Args:
        rate_per_s: Messages a second in each hour, (..., hours); any number of hours stands for the month.
        size_bytes: Mean size of a message, one number or (...,).
        retry_factor: Transmissions of a message on average, at least 1, one number or (...,). An attempt that is
            refused before the message moves no message, so it counts for nothing here.
        overhead: What goes with each transmission.
        month_s: Length of the month; that of bills unless said otherwise.
    """
    messages: Amounts = np.asarray(rate_per_s, dtype=np.float64).mean(axis=-1) * month_s
    transmissions: Amounts = messages * retry_factor
    return Volume(messages, transmissions, messages * size_bytes, transmissions * overhead.wire_bytes(size_bytes))


def peak_bits_per_s(
    rate_per_s: Amounts | float, size_bytes: Amounts | float, *, overhead: Overhead = PAYLOAD_ONLY
) -> Amounts:
    """Bandwidth that a rate needs.

    Args:
        rate_per_s: Transmissions a second.
        size_bytes: Mean size of a message.
        overhead: What goes with each transmission.
    """
    return np.asarray(rate_per_s * overhead.wire_bytes(size_bytes) * 8)
