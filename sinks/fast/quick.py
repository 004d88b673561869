"""The quick way to hold a conversation: usual commands and whole messages are dealt with where they arrive."""

from __future__ import annotations

import sys
from time import time
from typing import TYPE_CHECKING
from zlib import crc32

from sinks.content import HEAD_BYTES, ContentReader
from sinks.fast.commands import MAX_LINE_BYTES, MAX_SIZE_DIGITS, is_plain
from sinks.fast.conversation import END, GO_AHEAD, Conversation
from sinks.fast.session import OK
from sinks.server import MAX_RECIPIENTS

if TYPE_CHECKING:
    from sinks.fast_sink import FastSink

# What the next read may bring if it is to be dealt with in the quick way.
_NOTHING, _COMMAND, _CONTENT = 0, 1, 2

_known_mail: dict[bytes, int] = {}
"""Plain MAIL commands of late with their declared sizes, -1 without one: most clients repeat theirs again and again."""
_MAX_KNOWN = 256
_UNKNOWN = sys.maxsize

_known_bodies: dict[int, tuple[bytes, int]] = {}
"""Bodies of late with their checksums, by size: to compare is a tenth of the work, and load repeats its bodies."""
_BLANK_BYTES = 4

_M, _R = b"MR"
_DOT = ord(".")
_CLOSING = ord(">")


class QuickConversation(Conversation):
    """One client of a fast sink without a behaviour.

    Most reads bring one plain command or one whole message. Those are dealt with at once; all else, and all that waits
    for something, is gone through step by step with the same results.

    Args:
        sink: The sink that accepted the connection.
    """

    __slots__ = ("_expected",)

    def __init__(self, sink: FastSink) -> None:
        self._expected = _NOTHING
        super().__init__(sink)

    def data_received(self, data: bytes) -> None:
        """Deal with what came; asyncio calls it."""
        if self._expected == _COMMAND:
            initial = data[0]
            if initial == _R:
                if (
                    self._in_transaction
                    and self._recipients < MAX_RECIPIENTS
                    and data[:9] == b"RCPT TO:<"
                    and data[-3:] == b">\r\n"
                    and len(data) <= MAX_LINE_BYTES
                    and is_plain(data[9:-3])
                ):
                    self._idle_sweeps = 0
                    self._recipients += 1
                    self._write(OK)
                    return
            elif initial == _M:
                size_bytes = _known_mail.get(data, _UNKNOWN)
                if (
                    size_bytes <= self._max_size_bytes
                    and (self._extended or size_bytes < 0)
                    and not self._in_transaction
                ):
                    self._idle_sweeps = 0
                    self._in_transaction = True
                    self._write(OK)
                    return
                if self._begin_quickly(data):
                    return
            elif data == b"DATA\r\n" and self._recipients:
                self._idle_sweeps = 0
                self._expected = _CONTENT
                self._write(GO_AHEAD)
                return
        elif self._expected == _CONTENT and self._take_quickly(data):
            return
        super().data_received(data)

    def _begin_quickly(self, data: bytes) -> bool:
        """Deal with a plain MAIL and what one may pipeline behind it; False if it is more than that."""
        mail, *recipients = data.split(b"\r\n")
        if not recipients or recipients.pop() or self._in_transaction or len(data) > MAX_LINE_BYTES:
            return False
        if not self._is_plain_mail(mail):
            return False
        if not recipients:
            if len(_known_mail) >= _MAX_KNOWN:
                _known_mail.clear()
            _known_mail[data] = int(mail.partition(b" SIZE=")[2] or -1)
        go_ahead = bool(recipients) and recipients[-1] == b"DATA"
        if go_ahead:
            recipients.pop()
            if not recipients:
                return False
        for line in recipients:
            if line[:9] != b"RCPT TO:<" or line[-1] != _CLOSING or not is_plain(line[9:-1]):
                return False
        self._idle_sweeps = 0
        self._in_transaction = True
        self._recipients = len(recipients)
        if go_ahead:
            self._expected = _CONTENT
        self._write(OK * (len(recipients) + 1) + GO_AHEAD if go_ahead else OK * (len(recipients) + 1))
        return True

    def _is_plain_mail(self, line: bytes) -> bool:
        end = line.find(b">", 11)
        path = line[11:end]
        if line[:11] != b"MAIL FROM:<" or not (is_plain(path) or not path):
            return False
        rest = line[end:]
        if rest == b">":
            return True
        digits = rest[7:]
        return (
            rest[:7] == b"> SIZE="
            and self._extended
            and digits.isdigit()
            and len(digits) <= MAX_SIZE_DIGITS
            and int(digits) <= self._max_size_bytes
        )

    def _take_quickly(self, data: bytes) -> bool:
        """Take a message that came in one piece and has no stuffed dots; False if it is another."""
        size_bytes = len(data) - 3
        blank = data.find(b"\r\n\r\n") + 4
        if blank < _BLANK_BYTES or size_bytes > HEAD_BYTES or size_bytes > self._max_size_bytes:
            return False
        head, body = data[:blank], data[blank:]
        known = _known_bodies.get(len(body))
        checksum = known[1] if known and known[0] == body else _checksum(body)
        if checksum is None or b"\r\n." in head or head[0] == _DOT:
            return False
        self._sink.intake.take(head, size_bytes=size_bytes, recipients=self._recipients, now=time(), checksum=checksum)
        self._idle_sweeps = 0
        self._in_transaction = False
        self._recipients = 0
        self._expected = _COMMAND
        self._write(OK)
        return True

    def hold(self, reason: int) -> None:
        """Go no further and read no more until the reason is released."""
        super().hold(reason)
        self._leave_quick_way()

    def connection_lost(self, error: Exception | None) -> None:
        """Leave the sink's connections; asyncio calls it."""
        self._expected = _NOTHING
        super().connection_lost(error)

    def _work(self) -> None:
        self._leave_quick_way()
        super()._work()
        if not (self._holds or self._input or self._leaving) and self._takes_commands():
            self._expected = _COMMAND

    def _leave_quick_way(self) -> None:
        if self._expected == _CONTENT:
            self._message, self._reading_content = ContentReader(), True
        self._expected = _NOTHING

    def _takes_commands(self) -> bool:
        """Whether plain commands may come now."""
        within = self._overlong or self._login or self._message or self._chunk
        return self._greeted and self._logged_in and not within and not self._sink.service.lmtp


def _checksum(body: bytes) -> int | None:
    """CRC-32 of a body that comes with its end mark; None if that isn't there, or something else begins with a dot."""
    size_bytes = len(body) - 3
    if size_bytes and (body[0] == _DOT or body.find(b"\r\n.") != size_bytes - 2 or not body.endswith(END)):
        return None
    if body[size_bytes:] != END[2:]:
        return None
    if len(_known_bodies) >= _MAX_KNOWN:
        _known_bodies.clear()
    checksum = crc32(body[:-3])
    _known_bodies[len(body)] = body, checksum
    return checksum
