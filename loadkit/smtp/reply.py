"""Replies: bytes from a server, split anywhere, to values; bounded in every direction."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from loadkit.smtp.limits import limit_of
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

# RFC 5321 section 4.5.3.1.5 allows 512; servers exceed it, but none by this much.
MAX_LINE_BYTES = 4096
# The longest honest EHLO replies have some twenty lines.
MAX_LINES = 512

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\x00-\x08\x0a-\x1f\x7f]*))?\r?")
_POSITIVE = 2
_CLASS_OF_SEVERITY = {4: OutcomeClass.TRANSIENT, 5: OutcomeClass.PERMANENT}  # RFC 5321 section 4.2.1
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]|\r(?!$)")
_ENHANCED = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")


class ReplyError(Exception):
    """The server's bytes are no reply.

    Args:
        reason: A short name from a closed list.

    Attributes:
        replies: The whole replies that came before the fault in what was read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.replies: tuple[Reply, ...] = ()


class Reply(NamedTuple):
    """One reply, of one or more lines.

    Args:
        code: The three-digit reply code (RFC 5321 section 4.2).
        lines: The text of each line, without code and line end.
        positive: Whether it is a positive completion, 2xx.
    """

    code: int
    lines: tuple[bytes, ...]
    positive: bool

    @property
    def enhanced(self) -> str:
        """The enhanced status code of the last line (RFC 2034), or empty."""
        match = _ENHANCED.match(self.lines[-1])
        return match[1].decode() if match else ""


@functools.lru_cache(maxsize=256)
def whole_reply(data: bytes) -> Reply | None:
    """The reply, if the bytes are exactly one whole single-line reply without a fault; else None.

    Servers repeat themselves, so nearly every read of a run is answered by the cache.
    """
    if len(data) > MAX_LINE_BYTES or not data.endswith(b"\n"):
        return None
    line = _LINE.fullmatch(data, 0, len(data) - 1)
    return _reply(line[1], (line[3] or b"",)) if line is not None and line[2] != b"-" else None


@functools.lru_cache(maxsize=256)
def whole_replies(data: bytes) -> tuple[Reply, ...]:
    """The replies, if the bytes are exactly one or more whole replies without a fault; else none.

    Serves pipelined commands, whose replies arrive together and repeat themselves likewise.
    """
    reader = ReplyReader()
    try:
        replies = reader.feed(data)
    except ReplyError:
        return ()
    return () if reader.partial else tuple(replies)


def _check_length(line: bytes) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise ReplyError("reply_line_too_long")


def _reply(code: bytes, lines: tuple[bytes, ...]) -> Reply:
    number = int(code)
    return Reply(number, lines, number // 100 == _POSITIVE)


class ReplyReader:
    """Collects replies from bytes that arrive in pieces.

    `partial` tells whether part of a reply has been read.
    """

    __slots__ = ("_code", "_lines", "_unfinished", "partial")

    def __init__(self) -> None:
        self.partial = False
        self._unfinished = b""
        self._code = b""
        self._lines: list[bytes] = []

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes from the server.

        Args:
            data: What was read.

        Returns:
            The replies that are complete now.

        Raises:
            ReplyError: If the bytes can't be a reply, or are more than a reply may have.
        """
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        replies: list[Reply] = []
        try:
            for line in lines:
                reply = self._take(line)
                if reply is not None:
                    replies.append(reply)
            _check_length(unfinished)
        except ReplyError as error:
            error.replies = tuple(replies)
            raise
        self._unfinished = unfinished
        self.partial = bool(unfinished or self._lines)
        return replies

    def _take(self, line: bytes) -> Reply | None:
        _check_length(line)
        match = _LINE.fullmatch(line)
        if match is None:
            raise ReplyError("reply_control_character" if _CONTROL.search(line) else "reply_malformed")
        if self._lines and match[1] != self._code:
            raise ReplyError("reply_malformed")
        if len(self._lines) >= MAX_LINES:
            raise ReplyError("reply_too_many_lines")
        self._code = match[1]
        self._lines.append(match[3] or b"")
        if match[2] == b"-":
            return None
        reply = _reply(self._code, tuple(self._lines))
        self._lines = []
        return reply


def refusal(reply: Reply, phase: Phase) -> Outcome:
    """The outcome that a reply other than the wanted one stands for."""
    kind = _CLASS_OF_SEVERITY.get(reply.code // 100)
    if kind is None:
        return Outcome(OutcomeClass.PROTOCOL, phase, reply.code, reason="reply_unexpected")
    return Outcome(kind, phase, reply.code, reply.enhanced, limit_of(reply))


def extensions(reply: Reply) -> dict[bytes, bytes]:
    """Keywords and parameters of an EHLO reply (RFC 5321 section 4.1.1.1)."""
    pairs = (line.strip().partition(b" ") for line in reply.lines[1:])
    return {keyword.upper(): parameters for keyword, _, parameters in pairs if keyword}
