"""The top layer of a conversation: transactions, with content by DATA or BDAT."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, ClassVar

from loadkit.smtp.outcome import Phase
from sinks.content import ContentReader
from sinks.fast.commands import read_bdat, read_mail, read_rcpt
from sinks.fast.session import OK, OUT_OF_ORDER, Command, Session
from sinks.server import MAX_RECIPIENTS

if TYPE_CHECKING:
    from sinks.fast_sink import FastSink

GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
END = b"\r\n.\r\n"
_TOO_BIG = b"552 5.3.4 Message too big\r\n"


class _Chunk:
    """The content of one BDAT command as it comes."""

    __slots__ = ("dropped", "last", "left_bytes")

    def __init__(self, left_bytes: int, *, last: bool) -> None:
        self.left_bytes = left_bytes
        self.last = last
        self.dropped = False


class Conversation(Session):
    """One client from greeting to end, gone through step by step.

    Args:
        sink: The sink that accepted the connection.
    """

    __slots__ = ("_chunk", "_in_transaction", "_message", "_reading_content", "_recipients")

    def __init__(self, sink: FastSink) -> None:
        super().__init__(sink)
        self._commands = self._commands | self.TRANSACTION_COMMANDS

    def forget(self) -> None:
        """Forget the envelope."""
        self._in_transaction = False
        self._recipients = 0
        self._message: ContentReader | None = None
        self._reading_content = False
        self._chunk: _Chunk | None = None

    @property
    def _may_leave(self) -> bool:
        return not self._in_transaction

    @property
    def in_content(self) -> bool:
        """Whether content is to come next."""
        return self._reading_content or self._chunk is not None

    def for_each_recipient(self, reply: bytes) -> bytes:
        """What follows the dot: LMTP has one reply for every recipient (RFC 2033, section 4.2)."""
        return reply * self._recipients if self._sink.service.lmtp else reply

    # Content.

    def _step(self) -> bool:
        if self._chunk:
            return self._read_chunk(self._chunk)
        if self._reading_content:
            return self._position < len(self._input) and self._read_content()
        return super()._step()

    def _read_content(self) -> bool:
        assert self._message is not None
        self._idle_sweeps = 0
        start = self._position
        # The line end before a final dot may be that of the DATA line.
        end = self._input.find(END, max(0, start - 2))
        stop = len(self._input) if end < 0 else end + len(END)
        rest = self._message.feed(self._input[start:stop])
        self._position = stop
        if rest is not None:
            self._position -= len(rest)
            self._end_content(self._message)
        return True

    def _read_chunk(self, chunk: _Chunk) -> bool:
        self._idle_sweeps = 0
        piece = self._input[self._position : self._position + chunk.left_bytes]
        self._position += len(piece)
        chunk.left_bytes -= len(piece)
        message = self._message
        if not chunk.dropped and message:
            message.add(piece)
        if chunk.left_bytes:
            return False
        self._chunk = None
        if not chunk.dropped and message:
            if chunk.last:
                self._end_content(message)
            else:
                self.say(OK)
        return True

    def _end_content(self, message: ContentReader) -> None:
        self._reading_content = False
        if message.size_bytes > self._max_size_bytes:
            self.say(self.for_each_recipient(_TOO_BIG))
            self.forget()
        else:
            self._meet(Phase.DOT, self._deliver, size_bytes=message.size_bytes, head=message.head)

    def _deliver(self, _argument: bytes, copies: int = 1) -> bytes:
        message = self._message
        assert message is not None
        self._sink.intake.take(
            message.head,
            size_bytes=message.size_bytes,
            recipients=self._recipients,
            now=time(),
            checksum=message.checksum,
            copies=copies,
        )
        reply = self.for_each_recipient(OK)
        self.forget()
        return reply

    # Commands.

    def _mail(self, argument: bytes) -> None:
        nested = b"503 Error: nested MAIL command\r\n" if self._in_transaction else None
        mail = self._fault() or nested or read_mail(argument, extended=self._extended)
        if isinstance(mail, bytes):
            self.say(mail)
        elif mail.size_bytes > self._max_size_bytes:
            self.say(b"552 Error: message size exceeds fixed maximum message size\r\n")
        else:
            self._meet(Phase.MAIL, self._begin, mail.path, size_bytes=mail.size_bytes)

    def _begin(self, _path: bytes) -> bytes:
        self._in_transaction = True
        return OK

    def _rcpt(self, argument: bytes) -> None:
        fault = self._fault() or (None if self._in_transaction else b"503 Error: need MAIL command\r\n")
        rcpt = fault or self._chunks_fault() or read_rcpt(argument)
        if isinstance(rcpt, bytes):
            self.say(rcpt)
        elif self._recipients >= MAX_RECIPIENTS:
            self.say(b"452 4.5.3 Too many recipients\r\n")
        else:
            self._meet(Phase.RCPT, self._add, rcpt[0])

    def _add(self, _path: bytes) -> bytes:
        self._recipients += 1
        return OK

    def _content_fault(self) -> bytes | None:
        return self._fault() or (None if self._recipients else b"503 Error: need RCPT command\r\n")

    def _chunks_fault(self) -> bytes | None:
        """Why nothing but BDAT may come."""
        return OUT_OF_ORDER if self._message else None

    def _data(self, argument: bytes) -> None:
        fault = self._content_fault() or self._chunks_fault() or (b"501 Syntax: DATA\r\n" if argument else None)
        if fault:
            self.say(fault)
        else:
            self._meet(Phase.DATA, self._open_content)

    def _open_content(self, _argument: bytes) -> bytes:
        self._message, self._reading_content = ContentReader(), True
        return GO_AHEAD

    def _bdat(self, argument: bytes) -> None:
        size = read_bdat(argument)
        if size is None:
            # How much content follows can't be known, and content must not be read as commands.
            self.say(b"501 Syntax: BDAT size [LAST]\r\n")
            self.close()
            return
        # The content follows whatever is answered (RFC 3030, section 2), so that it must be read in any case.
        self._chunk = _Chunk(size[0], last=size[1])
        fault = self._content_fault()
        if fault:
            self._chunk.dropped = True
            self.say(fault)
        elif self._message is None:
            self._meet(Phase.DATA, self._open_chunks)

    def _open_chunks(self, _argument: bytes) -> bytes:
        self._message = ContentReader()
        return b""

    def drop_chunk(self, chunk: _Chunk) -> None:
        """Forget the envelope and drop the content of the BDAT command under way."""
        self.forget()
        chunk.dropped = True
        self._chunk = chunk

    TRANSACTION_COMMANDS: ClassVar[dict[bytes, Command]] = {
        b"BDAT": _bdat,
        b"DATA": _data,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
    }
