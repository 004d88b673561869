"""Messages with a loadkit id, and a client that is free to break the rules."""

from __future__ import annotations

import socket
from typing import Self

RUN = "testrun1"
TIMEOUT_S = 10.0


def message(seq: int, *, run: str = RUN, sender: int = 0, body: bytes = b"Hello.\r\n") -> bytes:
    """A message with the id header."""
    head = f"From: a@example.com\r\nX-Loadkit-Id: {run}.{sender}.{seq}\r\nSubject: {seq}\r\n\r\n"
    return head.encode() + body


class RawClient:
    """A connection that sends bytes as they are and reads whole replies."""

    def __init__(self, host: str, port: int, *, greet: bool = True) -> None:
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._stream = self.socket.makefile("rb")
        if greet:
            self.reply()
            self.ask(b"EHLO client.test")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> list[bytes]:
        """The lines of one reply without their ends; empty when the server closed the connection."""
        lines: list[bytes] = []
        while line := self._stream.readline():
            lines.append(line.rstrip(b"\r\n"))
            if line[3:4] != b"-":
                break
        return lines

    def code(self) -> int:
        """The code of the next reply; 0 when the server closed the connection."""
        lines = self.reply()
        return int(lines[0][:3]) if lines else 0

    def ask(self, command: bytes) -> int:
        """Send one command, return the code of its reply."""
        self.send(command + b"\r\n")
        return self.code()

    def begin(self, recipients: int = 1) -> None:
        """Go through MAIL, RCPT and DATA up to the go-ahead for content."""
        assert self.ask(b"MAIL FROM:<a@example.com>") == 250
        for number in range(recipients):
            assert self.ask(b"RCPT TO:<user%d@example.com>" % number) == 250
        assert self.ask(b"DATA") == 354
