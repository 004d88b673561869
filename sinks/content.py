"""The content of one message as it arrives: its head, its size, the checksum of its body and where it ends."""

from __future__ import annotations

from zlib import crc32

HEAD_BYTES = 8192
"""How much of a message is kept: the lines that relays put on top of the header must leave room for ours."""

_END = b"\r\n.\r\n"
_STUFFED = b"\r\n."
_HEADER_END = b"\r\n\r\n"


class ContentReader:
    """Reads content chunk by chunk in bounded memory, whatever its size and the length of its lines.

    Only CR LF ends a line (RFC 5321, section 2.3.8), so a dot after a bare LF can't end the content and smuggle in a
    second message.

    Attributes:
        size_bytes: Bytes of content so far, without stuffed dots and the end mark.
        head: The header, or what has come of it, and perhaps some of the body; at most `HEAD_BYTES`.
    """

    __slots__ = ("_before", "_body_checksum", "_in_body", "_tail", "head", "size_bytes")

    def __init__(self) -> None:
        self.head = b""
        self.size_bytes = 0
        self._in_body = False
        self._body_checksum = 0
        # The end of the DATA line is the line end before the first line; it is not content.
        self._before = b"\r\n"
        self._tail = b""

    @property
    def checksum(self) -> int | None:
        """CRC-32 of the body, all after the header's blank line; None if the header is longer than the head."""
        return self._body_checksum if self._in_body or self.size_bytes <= HEAD_BYTES else None

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next bytes of a dot-stuffed stream, as they follow DATA.

        Args:
            chunk: Bytes in order of arrival, cut anywhere.

        Returns:
            None while the content goes on; at its end, what follows the end mark.
        """
        # Two bytes that are content already, so that a dot at the start of a line is seen, then those not yet taken.
        window = b"%b%b%b" % (self._before, self._tail, chunk)
        end = window.find(_END)
        stop = end + 2 if end >= 0 else max(2, len(window) + 1 - len(_END))
        self.add(window[:stop].replace(_STUFFED, b"\r\n")[2:])
        if end >= 0:
            return window[end + len(_END) :]
        self._before, self._tail = window[stop - 2 : stop], window[stop:]
        return None

    def add(self, content: bytes) -> None:
        """Take the next bytes of the content itself, as they follow BDAT."""
        before = self.size_bytes
        self.size_bytes += len(content)
        if self._in_body:
            self._body_checksum = crc32(content, self._body_checksum)
        elif before < HEAD_BYTES:
            self.head += content[: HEAD_BYTES - before]
            blank = self.head.find(_HEADER_END, max(0, before - 3))
            if blank >= 0:
                self._in_body = True
                self._body_checksum = crc32(content[blank + len(_HEADER_END) - before :])
