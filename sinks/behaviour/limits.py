"""The limits of a profile: how much one source, and all together, may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.behaviour.memory import mark_of
from sinks.behaviour.step import deed_of_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.behaviour.fields import Frequency
    from sinks.behaviour.memory import Memory
    from sinks.behaviour.policy import Limits, RecipientLimits
    from sinks.behaviour.step import Deed, Step


class _Frequencies:
    """Counts events of one source and of all in windows; what one source has too many of is not counted for all.

    Args:
        key: Names the events.
        per_source: Limit for each source.
        total: Limit for all.
        memory: Holds the windows.
    """

    def __init__(self, key: bytes, per_source: Frequency | None, total: Frequency | None, memory: Memory) -> None:
        self._key, self._per_source, self._total, self._memory = key, per_source, total, memory
        self._total_mark = mark_of(key)

    def __bool__(self) -> bool:
        return bool(self._per_source or self._total)

    def passed(self, step: Step) -> bool:
        """Count an event; whether it is one too many."""
        return self._over(self._per_source, step, step.caller.mark(self._key)) or self._over(
            self._total, step, self._total_mark
        )

    def _over(self, limit: Frequency | None, step: Step, mark: int) -> bool:
        return limit is not None and self._memory.count_within(mark, step.now, limit.window_s) > limit.count


class RecipientGate:
    """What a provider takes.

    Args:
        limits: What the profile says.
        key: Names the provider.
        memory: Holds the windows.
    """

    def __init__(self, limits: RecipientLimits, key: bytes, memory: Memory) -> None:
        self._limits = limits
        self._messages = _Frequencies(key + b" messages", limits.per_source.messages, limits.total.messages, memory)

    @property
    def phases(self) -> Iterator[str]:
        """Where it has something to say."""
        if self._messages or self._limits.recipients_per_message:
            yield "rcpt"
        if self._limits.size_bytes:
            yield "dot"

    def deed(self, step: Step) -> Deed | None:
        """The refusal of a step that passes a limit."""
        replies, source = self._limits.replies, step.caller.source
        if step.phase == "rcpt":
            # The message counts once, and what holds for its first recipient holds for all of them.
            if self not in step.verdicts:
                over = self._messages and self._messages.passed(step)
                step.verdicts[self] = deed_of_reply(replies.messages, source=source) if over else None
            return step.verdicts[self] or _too_many_recipients(self._limits, step)
        return _too_big(self._limits, step)


class Gate:
    """What the whole server takes.

    Args:
        limits: What the profile says.
        memory: Holds windows and open connections.
    """

    def __init__(self, limits: Limits, memory: Memory) -> None:
        source, total = limits.per_source, limits.total
        self._limits, self._memory = limits, memory
        self._connections = _Frequencies(b"connections", source.connections, total.connections, memory)
        self._messages = _Frequencies(b"messages", source.messages, total.messages, memory)
        self._open_mark = mark_of(b"open")

    @property
    def phases(self) -> Iterator[str]:
        """Where it has something to say."""
        limits = self._limits
        if self._connections or limits.per_source.concurrent or limits.total.concurrent:
            yield "banner"
        if self._messages or limits.messages_per_connection:
            yield "mail"
        if limits.recipients_per_message:
            yield "rcpt"
        if limits.size_bytes:
            yield from ("mail", "dot")

    def deed(self, step: Step) -> Deed | None:
        """The refusal of a step that passes a limit; a connection that is not refused counts as open until `leave`."""
        limits, source = self._limits, step.caller.source
        if step.phase == "banner":
            over = self._connections and self._connections.passed(step)
            return deed_of_reply(limits.replies.connections, source=source) if over else self._enter(step)
        if step.phase == "mail":
            if limits.messages_per_connection and step.messages > limits.messages_per_connection:
                return deed_of_reply(limits.replies.messages_per_connection, source=source)
            if self._messages and self._messages.passed(step):
                return deed_of_reply(limits.replies.messages, source=source)
            return _too_big(limits, step)
        return _too_many_recipients(limits, step) if step.phase == "rcpt" else _too_big(limits, step)

    def leave(self, entered: list[int]) -> None:
        """Count a connection as closed.

        Args:
            entered: What it was counted under; emptied, so that it leaves once.
        """
        while entered:
            self._memory.remove(entered.pop())

    def _enter(self, step: Step) -> Deed | None:
        """Count a connection as open, unless there are too many."""
        limits = self._limits
        for limit, mark in (
            (limits.per_source.concurrent, step.caller.mark(b"open")),
            (limits.total.concurrent, self._open_mark),
        ):
            if limit is None:
                continue
            step.entered.append(mark)
            if self._memory.add(mark) > limit:
                self.leave(step.entered)
                return deed_of_reply(limits.replies.concurrent, source=step.caller.source)
        return None


def _too_many_recipients(limits: Limits | RecipientLimits, step: Step) -> Deed | None:
    if step.phase == "rcpt" and limits.recipients_per_message and step.accepted >= limits.recipients_per_message:
        return deed_of_reply(limits.replies.recipients_per_message, source=step.caller.source)
    return None


def _too_big(limits: Limits | RecipientLimits, step: Step) -> Deed | None:
    if step.phase in ("mail", "dot") and limits.size_bytes and step.size_bytes > limits.size_bytes:
        return deed_of_reply(limits.replies.size, source=step.caller.source)
    return None
