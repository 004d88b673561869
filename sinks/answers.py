"""What a far end does at a step of the conversation instead of its usual answer at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_DRIP_S = 0.05


class Ending(StrEnum):
    """What becomes of the connection after an answer."""

    CLOSE = "close"
    """It is closed in good order."""
    RESET = "reset"
    """It is cut off with a TCP reset."""
    HALF_CLOSE = "half_close"
    """The sink sends no more and goes on reading."""
    HANG = "hang"
    """It stays open and nothing is ever answered again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is done at one step.

    Args:
        reply: The whole reply with its line end; None is the usual one, empty is none.
        delay_s: Time before the reply.
        drip_s: Time over which the bytes of the reply are spread.
        ending: What follows the reply; None goes on as usual.
        read_pause_s: Pause after every read of the content that follows.
        copies: How often the message counts in the ledger, at the dot; 0 loses it, 2 doubles it.
    """

    reply: bytes | None = None
    delay_s: float = 0.0
    drip_s: float = 0.0
    ending: Ending | None = None
    read_pause_s: float = 0.0
    copies: int = 1


def drips(reply: bytes, drip_s: float) -> list[tuple[float, bytes]]:
    """Cut a slow reply into pieces.

    Args:
        reply: The whole reply.
        drip_s: Time over which it is spread.

    Returns:
        Pauses in seconds, at least 50 ms where there is more than one, and the piece to send after each.
    """
    step = -(-len(reply) // max(1, round(drip_s / _DRIP_S)))
    pieces = [reply[start : start + step] for start in range(0, len(reply), step)]
    return [(drip_s / len(pieces), piece) for piece in pieces]
