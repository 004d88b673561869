"""Shakes hands with Python's OpenSSL in memory and little else: ``with_openssl.py PORT HANDSHAKES``."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable

PORT, HANDSHAKES = map(int, sys.argv[1:3])


def main() -> None:
    """Connect, ask for TLS, shake hands, close; one after the other."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for _ in range(HANDSHAKES):
        with socket.create_connection(("127.0.0.1", PORT)) as connection:
            connection.recv(4096)
            for command in (b"EHLO client.example.com\r\n", b"STARTTLS\r\n"):
                connection.sendall(command)
                connection.recv(4096)
            shake_hands(context, connection.recv, connection.sendall)


def shake_hands(
    context: ssl.SSLContext, receive: Callable[[int], bytes], send: Callable[[bytes], None]
) -> ssl.SSLObject:
    """The handshake of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            send(outgoing.read())
            incoming.write(receive(65536))
        else:
            send(outgoing.read())
            return tls


if __name__ == "__main__":
    main()
