"""A conversation that a behaviour may come between at every step: refusals, delays, silence, resets."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from loadkit.smtp.outcome import Phase
from loadkit.smtp.stamp import find_stamp
from sinks.answers import Answer, Ending
from sinks.fast.conversation import Conversation
from sinks.fast.stream import ANSWERING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sinks.behaviour import Behaviour, Visit
    from sinks.fast_sink import FastSink

_DRIP_S = 0.02
"""Least time between the pieces of a reply that drips."""
_LINGER_NOT = struct.pack("ii", 1, 0)


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
        peer = transport.get_extra_info("peername")
        self._visit = self._behaviour.visit(str(peer[0]) if peer else "")
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
            argument=b"" if phase is Phase.EHLO else argument,
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
        self._copies = answer.copies
        reply = (
            answer.reply if answer.reply is None or phase is not Phase.DOT else self.for_each_recipient(answer.reply)
        )
        if phase is Phase.DATA:
            self._read_pause_s = answer.read_pause_s
        if reply is None:
            reply = grant(argument)
        elif reply[:1] in (b"2", b"3"):
            grant(argument)
        else:
            self._refuse(phase)
        if answer.drip_s and reply:
            self.hold(ANSWERING)
            pieces = max(2, min(len(reply), int(answer.drip_s / _DRIP_S)))
            self._drip(reply, -(-len(reply) // pieces), answer.drip_s / (pieces - 1), answer.ending)
        else:
            self.say(reply)
            self._end(answer.ending)

    def _drip(self, reply: bytes, piece_bytes: int, pause_s: float, ending: Ending | None) -> None:
        self.say(reply[:piece_bytes])
        self._flush()
        rest = reply[piece_bytes:]
        if rest:
            self._timer = self._sink.loop.call_later(pause_s, self._drip, rest, piece_bytes, pause_s, ending)
        else:
            self._end(ending)
            self.release(ANSWERING)

    def _deliver(self, argument: bytes, copies: int = 1) -> bytes:
        return super()._deliver(argument, self._copies if copies == 1 else copies)

    def _refuse(self, phase: Phase) -> None:
        if phase is Phase.BANNER:
            # A server that turned the client away refuses all but QUIT (RFC 5321, section 3.1).
            self._commands = dict.fromkeys(self._commands, Conversation.out_of_order) | {
                b"QUIT": self.COMMANDS[b"QUIT"]
            }
        elif phase is Phase.DATA:
            self.refuse_chunks()
        elif phase is Phase.DOT:
            self.forget()

    def _end(self, ending: Ending | None) -> None:
        if ending is None:
            return
        self._flush()
        if ending is Ending.CLOSE:
            self.close()
        elif ending is Ending.RESET:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self.abort()
        elif ending is Ending.HALF_CLOSE and not self._transport.can_write_eof():
            self.close()
        else:
            if ending is Ending.HALF_CLOSE:
                self._transport.write_eof()
            self.ignore_client()
