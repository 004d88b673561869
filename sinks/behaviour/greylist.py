"""Greylisting: who comes for the first time must come again (RFC 6647)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.behaviour.memory import Entry, mark_of
from sinks.behaviour.step import deed_of_reply

if TYPE_CHECKING:
    from sinks.behaviour.memory import Memory
    from sinks.behaviour.policy import Greylist
    from sinks.behaviour.step import Deed, Step

_WAITING, _KNOWN = 0, 1


class Greylister:
    """Greylisting by source, sender and recipient.

    Args:
        greylist: What the profile says.
        key: Names it among all of the profile.
        memory: Holds the triples: when one first came, or, once it is known, when it last came.
    """

    def __init__(self, greylist: Greylist, key: bytes, memory: Memory) -> None:
        self._greylist, self._key, self._memory = greylist, key, memory

    def deed(self, step: Step) -> Deed | None:
        """The refusal of a recipient, at RCPT."""
        greylist, now = self._greylist, step.now

        def met(entry: Entry | None) -> Entry:
            if entry is None:
                return Entry(now, _WAITING)
            age_s = now - entry.time_s
            if entry.number == _KNOWN:
                return Entry(now, _KNOWN if age_s <= greylist.keep_s else _WAITING)
            if age_s > greylist.window_s:
                return Entry(now, _WAITING)
            return Entry(now, _KNOWN) if age_s >= greylist.delay_s else entry

        mark = mark_of(self._key, step.caller.source.encode(), step.sender, *step.recipients)
        entry = self._memory.update(mark, met)
        if entry is not None and entry.number == _KNOWN:
            return None
        return deed_of_reply(greylist.reply, source=step.caller.source)
