"""A behaviour from a few lines of YAML, and a client that takes its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.smtp.outcome import Phase
from sinks.behaviour import Behaviour
from sinks.behaviour.memory import Memory
from sinks.behaviour.profile import parse_profile

if TYPE_CHECKING:
    from sinks.answers import Answer
    from sinks.behaviour import Visit

START = 1000.0


def behave(yaml: str, memory: Memory | None = None, *, seed: int = 1, index: int = 0) -> Behaviour:
    """A behaviour that begins at `START`, by the lines of a profile without its name and seed."""
    profile = parse_profile(f"profile: test\nseed: {seed}\n{yaml}", "test")
    return Behaviour(profile, memory or Memory(), now=START, index=index)


def code(answer: Answer | None) -> str:
    """The code of an answer's reply; empty where it has none."""
    return answer.reply[:3].decode("latin-1") if answer is not None and answer.reply else ""


def send(
    visit: Visit, now: float = START, *, sender: bytes = b"s@a.test", recipients: tuple[bytes, ...] = (b"r@b.test",)
) -> list[str]:
    """Take the steps of one message up to the dot; returns the codes of MAIL, each RCPT, DATA and the dot."""
    answers = [visit.meet(Phase.MAIL, now, argument=sender)]
    answers += [visit.meet(Phase.RCPT, now, argument=recipient) for recipient in recipients]
    answers += [visit.meet(Phase.DATA, now), visit.meet(Phase.DOT, now, size_bytes=1000)]
    visit.reset()
    return [code(answer) for answer in answers]
