"""A conversation that a behaviour may come between at every step: refusals, delays, silence, resets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.smtp.outcome import Phase
from loadkit.smtp.stamp import find_stamp
from sinks.answers import Answer, Ending, drips
from sinks.fast.conversation import Conversation
from sinks.fast.stream import ANSWERING
from sinks.server import reset, source_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sinks.behaviour import Behaviour, Visit
    from sinks.fast_sink import FastSink


class GuidedConversation(Conversation):
    """One client of a fast sink that has a behaviour.

    Args:
        sink: The sink that accepted the connection.
        behaviour: How it behaves.
    """

    __slots__ = ("_behaviour", "_copies", "_read_pause_s", "_timer", "_visit")

    def __init__(self, sink: FastSink, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._copies = 1
        self._read_pause_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._visit: Visit | None = None
        super().__init__(sink)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a visit; asyncio calls it."""
        self._visit = self._behaviour.visit(source_of(transport))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End the visit; asyncio calls it."""
        if self._timer:
            self._timer.cancel()
        if self._visit:
            self._visit.leave()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Deal with what came, then rest if content is to be read slowly; asyncio calls it."""
        super().data_received(data)
        if self._read_pause_s and self.in_content and not self._holds:
            self.hold(ANSWERING)
            self._timer = self._sink.loop.call_later(self._read_pause_s, self.release, ANSWERING)

    def forget(self) -> None:
        """Forget the envelope."""
        super().forget()
        self._read_pause_s = 0.0
        if self._visit:
            self._visit.reset()

    def _meet(
        self,
        phase: Phase,
        grant: Callable[[bytes], bytes],
        argument: bytes = b"",
        *,
        size_bytes: int = 0,
        head: bytes = b"",
    ) -> None:
        assert self._visit is not None
        stamp = find_stamp(head) if head else None
        answer = self._visit.meet(
            phase,
            self._sink.loop.time(),
            argument=argument,
            size_bytes=size_bytes,
            seq=stamp.seq if stamp else None,
        )
        if answer is None:
            self._copies = 1
            super()._meet(phase, grant, argument)
        elif answer.delay_s:
            self.hold(ANSWERING)
            self._timer = self._sink.loop.call_later(
                answer.delay_s, self._carry_out_late, answer, phase, grant, argument
            )
        else:
            self._carry_out(answer, phase, grant, argument)

    def _carry_out_late(self, answer: Answer, phase: Phase, grant: Callable[[bytes], bytes], argument: bytes) -> None:
        self._carry_out(answer, phase, grant, argument)
        if not answer.drip_s:
            self.release(ANSWERING)

    def _carry_out(self, answer: Answer, phase: Phase, grant: Callable[[bytes], bytes], argument: bytes) -> None:
        reply = self._reply(answer, phase, grant, argument)
        ending = answer.ending
        if phase is Phase.BANNER and reply != self._sink.greeting:
            ending = ending or Ending.CLOSE
        if answer.drip_s and reply:
            self.hold(ANSWERING)
            self._drip(drips(reply, answer.drip_s), ending)
        else:
            self.say(reply)
            self._end(ending)

    def _reply(self, answer: Answer, phase: Phase, grant: Callable[[bytes], bytes], argument: bytes) -> bytes:
        """Do what the client asked for, or not, and return what is said about it."""
        if phase is Phase.DATA:
            self._read_pause_s = answer.read_pause_s
        if answer.reply is None and answer.ending is None:
            self._copies = answer.copies
            return grant(argument)
        reply = answer.reply or b""
        if phase is Phase.DOT:
            reply = self.for_each_recipient(reply)
            self.forget()
        elif phase is Phase.DATA and self._chunk:
            self.drop_chunk(self._chunk)
        return reply

    def _drip(self, pieces: list[tuple[float, bytes]], ending: Ending | None) -> None:
        if not pieces:
            self._end(ending)
            self.release(ANSWERING)
            return
        (pause_s, piece), *rest = pieces
        self._timer = self._sink.loop.call_later(pause_s, self._drip_piece, piece, rest, ending)

    def _drip_piece(self, piece: bytes, rest: list[tuple[float, bytes]], ending: Ending | None) -> None:
        self.say(piece)
        self._flush()
        self._drip(rest, ending)

    def _deliver(self, argument: bytes, copies: int = 1) -> bytes:
        return super()._deliver(argument, self._copies if copies == 1 else copies)

    def _end(self, ending: Ending | None) -> None:
        self._flush()
        match ending:
            case Ending.CLOSE:
                self.close()
            case Ending.RESET:
                reset(self._transport)
                self.abort()
            case Ending.HALF_CLOSE if self._transport.can_write_eof():
                self._transport.write_eof()
                self.ignore_client()
            case Ending.HALF_CLOSE:
                self.close()
            case Ending.HANG:
                self.ignore_client()
