"""TLS in memory against a server in memory, record by record."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from loadkit.drive.tls import TlsError, TlsLayer, client_context


class Server:
    """The other side.

    Args:
        certificate: PEM file with key and certificate.
        version: The only version that it speaks.
    """

    def __init__(self, certificate: Path, version: ssl.TLSVersion) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(certificate)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.stream = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def step(self, data: bytes) -> bytes:
        """Go on with the handshake."""
        self.incoming.write(data)
        with suppress(ssl.SSLWantReadError):
            self.stream.do_handshake()
        return self.outgoing.read()

    def say(self, plain: bytes) -> bytes:
        """One record, or several where it is long."""
        self.stream.write(plain)
        return self.outgoing.read()

    def close(self) -> bytes:
        """Its goodbye."""
        with pytest.raises(ssl.SSLWantReadError):
            self.stream.unwrap()
        return self.outgoing.read()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def connected(request: pytest.FixtureRequest, certificate: Path) -> tuple[TlsLayer, Server]:
    client, server = TlsLayer(client_context(verify=False), "localhost"), Server(certificate, request.param)
    out = client.handshake()
    while not client.established:
        out = client.handshake(server.step(out))
    tickets = server.step(out)
    assert client.decrypt(tickets) == b""
    return client, server


@pytest.mark.parametrize(
    ("least", "spoken", "reason"),
    [
        ("1.3", ssl.TLSVersion.TLSv1_2, "version_refused"),
        ("1.3", ssl.TLSVersion.TLSv1_3, None),
        ("1.2", ssl.TLSVersion.TLSv1_2, None),
    ],
    ids=["1.3-of-1.2", "1.3-of-1.3", "1.2-of-1.2"],
)
def test_the_oldest_version_is_what_is_demanded(
    least: str, spoken: ssl.TLSVersion, reason: str | None, certificate: Path
) -> None:
    client = TlsLayer(client_context(verify=False, minimum=least), "localhost")
    server = Server(certificate, spoken)
    if reason is None:
        out = client.handshake()
        while not client.established:
            out = client.handshake(server.step(out))
        return
    hello = client.handshake()
    with pytest.raises(ssl.SSLError):
        server.step(hello)
    with pytest.raises(TlsError, match=reason):
        client.handshake(server.outgoing.read())


def test_records_come_out_however_they_came_in(connected: tuple[TlsLayer, Server]) -> None:
    client, server = connected
    assert client.decrypt(server.say(b"250 ok\r\n")) == b"250 ok\r\n"
    assert client.decrypt(server.say(b"250 one\r\n") + server.say(b"250 two\r\n")) == b"250 one\r\n250 two\r\n"
    first, second = server.say(b"250 one\r\n"), server.say(b"250 two\r\n")
    assert client.decrypt(first + second[:3]) == b"250 one\r\n"
    assert client.decrypt(second[3:-1]) == b""
    assert client.decrypt(second[-1:] + server.say(b"250 three\r\n")) == b"250 two\r\n250 three\r\n"


@pytest.mark.parametrize("size_bytes", [4095, 4096, 4097, 8192, 16_384, 50_000])
def test_long_records_come_out_whole(size_bytes: int, connected: tuple[TlsLayer, Server]) -> None:
    client, server = connected
    text = bytes(range(256)) * 200
    assert client.decrypt(server.say(text[:size_bytes])) == text[:size_bytes]
    assert client.decrypt(server.say(b"next")) == b"next"


def test_what_comes_with_the_goodbye_is_not_lost(connected: tuple[TlsLayer, Server]) -> None:
    client, server = connected
    assert client.decrypt(server.say(b"421 bye\r\n") + server.close()) == b"421 bye\r\n"
    with pytest.raises(EOFError):
        client.decrypt(b"")


def test_a_broken_record_is_an_error(connected: tuple[TlsLayer, Server]) -> None:
    client, server = connected
    record = bytearray(server.say(b"250 ok\r\n"))
    record[-1] ^= 1
    with pytest.raises(TlsError, match="record_broken"):
        client.decrypt(bytes(record))


def test_what_is_encrypted_arrives(connected: tuple[TlsLayer, Server]) -> None:
    client, server = connected
    server.incoming.write(client.encrypt(b"MAIL FROM:<>\r\n"))
    assert server.stream.read(100) == b"MAIL FROM:<>\r\n"
