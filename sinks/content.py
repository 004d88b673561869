"""The content of one message as it comes after DATA: its head, its size and where it ends."""

from __future__ import annotations

HEAD_BYTES = 8192
"""How much of a message is kept: the lines that relays put on top of the header must leave room for ours."""

_END = b"\r\n.\r\n"
_STUFFED = b"\r\n."


class ContentReader:
    """Reads dot-stuffed content chunk by chunk in bounded memory, whatever its size and the length of its lines.

    Only CR LF ends a line (RFC 5321, section 2.3.8), so a dot after a bare LF can't end the content and smuggle in a
    second message.
    """

    __slots__ = ("_raw_head", "_stuffed_dots", "_tail", "_wire_bytes")

    def __init__(self) -> None:
        self._raw_head = b""
        self._wire_bytes = 0
        self._stuffed_dots = 0
        # The end of the DATA line is the line end before the first line; it is not content.
        self._tail = b"\r\n"

    @property
    def size_bytes(self) -> int:
        """Bytes of content so far, without stuffed dots and the end mark."""
        return self._wire_bytes - self._stuffed_dots

    @property
    def head(self) -> bytes:
        """The first bytes of the content, at most `HEAD_BYTES`, without stuffed dots."""
        raw = self._raw_head[: self._wire_bytes]
        return (b"\r\n" + raw).replace(_STUFFED, b"\r\n")[2:]

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next bytes of the stream.

        Args:
            chunk: Bytes in order of arrival, cut anywhere.

        Returns:
            None while the content goes on; at its end, what follows the end mark.
        """
        tail = self._tail
        window = tail + chunk
        end = window.find(_END)
        stop = len(window) if end < 0 else end + 2
        # The tail was counted before, when the start of an end mark still looked like content: hence the differences.
        self._wire_bytes += stop - len(tail)
        self._stuffed_dots += window.count(_STUFFED, 0, stop) - tail.count(_STUFFED)
        if len(self._raw_head) < HEAD_BYTES:
            self._raw_head += chunk[: HEAD_BYTES - len(self._raw_head)]
        if end < 0:
            self._tail = window[1 - len(_END) :]
            return None
        return window[end + len(_END) :]
