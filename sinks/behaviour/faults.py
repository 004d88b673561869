"""The faults of a profile, ready to be tried at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.answers import Answer, Ending
from sinks.behaviour.fields import matcher
from sinks.behaviour.memory import mark_of
from sinks.behaviour.step import Deed, deed_of_reply

if TYPE_CHECKING:
    from random import Random

    from sinks.behaviour.memory import Memory
    from sinks.behaviour.policy import Action, Fault
    from sinks.behaviour.step import Step

_GARBAGE_BYTES = 64

_ACTS = {
    "close": Answer(reply=b"", ending=Ending.CLOSE),
    "reset": Answer(reply=b"", ending=Ending.RESET),
    "half_close": Answer(reply=b"", ending=Ending.HALF_CLOSE),
    "hang": Answer(reply=b"", ending=Ending.HANG),
    "lose": Answer(copies=0),
    "double": Answer(copies=2),
}


class Rule:
    """One fault.

    Args:
        fault: What the profile says.
        key: Names the fault among all of its profile.
        memory: Counts for ``nth`` and ``every``.
        dice: Seeded source of randomness.
    """

    def __init__(self, fault: Fault, key: bytes, memory: Memory, dice: Random) -> None:
        when = fault.when
        self._recipient = matcher(when.recipient) if when.recipient else None
        self._domain = matcher(when.domain) if when.domain else None
        self._sender = matcher(when.sender) if when.sender else None
        self._larger_than_bytes = -1 if when.larger_than_bytes is None else when.larger_than_bytes
        self._sequence = None if when.sequence is None else frozenset(when.sequence)
        self._nth, self._every = when.nth, when.every
        self._probability = 1.0 if when.probability is None else when.probability
        self._action = fault.do
        self._deed = _constant_deed(fault.do)
        # With its text, so that another fault in its place, after a change of profile, begins to count anew.
        self._mark = mark_of(b"fault", key, fault.model_dump_json().encode())
        self._memory = memory
        self._dice = dice
        # Most faults of most profiles are left to chance alone; these cost one draw.
        self._only_chance = not when.model_fields_set - {"probability"}

    def deed(self, step: Step) -> Deed | None:
        """What the fault does at a step; None where it does not apply."""
        if not self._only_chance and not (self._fits(step) and self._has_its_turn()):
            return None
        if self._probability < 1.0 and self._dice.random() >= self._probability:
            return None
        return self._deed or self._drawn_deed(step)

    def _fits(self, step: Step) -> bool:
        if step.size_bytes <= self._larger_than_bytes:
            return False
        if self._sequence is not None and step.seq not in self._sequence:
            return False
        if self._sender and not self._sender.match(step.sender):
            return False
        if self._recipient and not any(map(self._recipient.match, step.recipients)):
            return False
        return not self._domain or any(self._domain.match(domain_of(address)) for address in step.recipients)

    def _has_its_turn(self) -> bool:
        if not self._nth and not self._every:
            return True
        number = self._memory.add(self._mark)
        return self._nth in (None, number) and not (self._every and number % self._every)

    def _drawn_deed(self, step: Step) -> Deed:
        if self._action.reply:
            return deed_of_reply(self._action.reply, source=step.caller.source)
        # No code begins with this byte, and no text holds it: it is neither ASCII nor UTF-8.
        return Deed("garbage", Answer(reply=b"\xff" + self._dice.randbytes(_GARBAGE_BYTES) + b"\r\n"))


def domain_of(address: bytes) -> bytes:
    """What stands after the last @ of an address."""
    return address.rpartition(b"@")[2]


def _constant_deed(action: Action) -> Deed | None:
    """The deed of an action that is the same every time."""
    if action.act in _ACTS:
        return Deed(action.act, _ACTS[action.act])
    if action.slow_reply_s:
        return Deed("slow_reply", Answer(drip_s=action.slow_reply_s))
    if action.slow_read_s:
        return Deed("slow_read", Answer(read_pause_s=action.slow_read_s))
    return deed_of_reply(action.reply) if action.reply and "{" not in action.reply else None
