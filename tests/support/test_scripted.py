from __future__ import annotations

import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from support import scripted as script
from support.mail import RawClient, message
from support.scripted import POLITE_REPLIES, Script
from support.timing import fewest_s

from loadkit.smtp.outcome import Phase

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartScripted
    from support.scripted import ScriptedServer


def connect(server: ScriptedServer) -> RawClient:
    return RawClient(server.host, server.port, greet=False)


def all_bytes(client: RawClient) -> bytes:
    """Everything up to the end of the connection."""
    received = b""
    while chunk := client.socket.recv(65536):
        received += chunk
    return received


def exactly(client: RawClient, size: int) -> bytes:
    received = b""
    while len(received) < size and (chunk := client.socket.recv(size - len(received))):
        received += chunk
    return received


def test_polite_server_takes_mail(scripted: StartScripted) -> None:
    server = scripted()
    with smtplib.SMTP(server.host, server.port, local_hostname="client.test") as client:
        client.sendmail("a@example.com", ["b@example.com", "c@example.com"], message(0, body=b".dot\r\n"))
    assert server.commands == [
        b"ehlo client.test",
        f"mail FROM:<a@example.com> size={len(message(0, body=b'.dot.')) + 1}".encode(),
        b"rcpt TO:<b@example.com>",
        b"rcpt TO:<c@example.com>",
        b"data",
        b"QUIT",
    ]
    assert server.contents == [message(0, body=b"..dot\r\n") + b".\r\n"]
    assert server.url == f"smtp://127.0.0.1:{server.port}"


def test_pipelined_commands_are_answered_in_order(scripted: StartScripted) -> None:
    server = scripted()
    with connect(server) as client:
        client.send(b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\nNOOP\r\nRSET\r\nQUIT\r\n")
        assert [client.code() for _ in range(9)] == [220, 250, 250, 250, 354, 250, 500, 250, 221]
    assert server.contents == [b".\r\n"]


def test_clients_get_the_scripts_in_turn(scripted: StartScripted) -> None:
    server = scripted(script.replying(Phase.BANNER, b"554 no"), script.ending_at(Phase.BANNER, script.close), Script())
    codes = []
    for _ in range(4):
        with connect(server) as client:
            codes.append(client.code())
    assert codes == [554, 0, 220, 220]


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT])
def test_one_reply_at_one_phase(scripted: StartScripted, phase: Phase) -> None:
    server = scripted(script.replying(phase, b"451-4.3.0 first", b"451 4.3.0 later"))
    with RawClient(server.host, server.port) as client:
        codes = [client.ask(line) for line in (b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>", b"DATA")]
        if codes[-1] == 354:
            codes.append(client.ask(b"text\r\n."))
        expected = [250, 250, 354, 250]
        expected[[Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT].index(phase)] = 451
        assert codes == expected[: len(codes)]
        assert len(codes) == (3 if phase is Phase.DATA else 4)


def test_ways_to_end(scripted: StartScripted) -> None:
    with connect(scripted(script.ending_at(Phase.MAIL, script.shut_down))) as client:
        client.send(b"MAIL FROM:<a@b>\r\n")
        assert all_bytes(client).endswith(b"421 4.3.2 closing\r\n")
    with connect(scripted(script.ending_at(Phase.MAIL, script.reset))) as client:
        assert client.code() == 220
        client.send(b"MAIL FROM:<a@b>\r\n")
        with pytest.raises(ConnectionResetError):
            client.socket.recv(1)
    with connect(scripted(script.half_a_reply(Phase.BANNER))) as client:
        assert all_bytes(client) == b"250-begun and ne"


def test_silence_lasts_until_the_server_stops(scripted: StartScripted) -> None:
    server = scripted(script.ending_at(Phase.CONNECT, script.silence))
    with connect(server) as client:
        client.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(5)
        server.stop()
        assert client.socket.recv(1) == b""


def test_single_bytes_make_whole_replies(scripted: StartScripted) -> None:
    with connect(scripted(script.byte_at_a_time())) as client:
        assert len(client.socket.recv(4096)) < len(POLITE_REPLIES[Phase.BANNER])
        client.reply()
        assert client.ask(b"EHLO c") == 250
        client.begin()


def test_pauses(scripted: StartScripted) -> None:
    for played, replies in ((script.late_banner(0.1), 1), (script.slow(0.1), 3)):

        def took_s(played: Script = played) -> float:
            began = time.monotonic()
            with connect(scripted(played)) as client:
                client.send(b"EHLO c\r\nNOOP\r\nQUIT\r\n")
                all_bytes(client)
            return time.monotonic() - began

        least_s = 0.1 * replies
        assert least_s <= fewest_s(took_s, below_s=least_s + 0.3) < least_s + 0.3


def test_oversized_replies(scripted: StartScripted) -> None:
    with connect(scripted(script.many_lines(1000))) as client:
        client.reply()
        client.send(b"EHLO c\r\n")
        assert len(client.reply()) == 1000
    with connect(scripted(script.huge_line(70_000, Phase.BANNER))) as client:
        (line,) = client.reply()
        assert len(line) + 2 == 70_000
    with connect(scripted(script.endless_lines(Phase.BANNER))) as client:
        assert len(exactly(client, 100_000)) == 100_000


def test_junk(scripted: StartScripted) -> None:
    with connect(scripted(script.junk())) as client:
        assert exactly(client, 256) == bytes(range(256))


def test_early_replies(scripted: StartScripted) -> None:
    with connect(scripted(script.replying_early())) as client:
        assert [client.code(), client.code()] == [220, 250]
        client.send(b"EHLO c\r\nMAIL FROM:<a@b>\r\n")
        assert client.reply() == [POLITE_REPLIES[Phase.MAIL].rstrip()]


def test_server_that_stops_reading_blocks_the_sender(scripted: StartScripted) -> None:
    with connect(scripted(script.stops_reading())) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.send(b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        assert [client.code() for _ in range(5)] == [220, 250, 250, 250, 354]
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.send(b"x" * 10_000_000)


def test_lmtp_replies_per_recipient(scripted: StartScripted) -> None:
    server = scripted(script.lmtp())
    with connect(server) as client:
        assert client.code() == 220
        assert client.ask(b"LHLO c") == 250
        for recipients in (3, 1):
            client.begin(recipients)
            client.send(b"text\r\n.\r\n")
            assert [client.code() for _ in range(recipients)] == [250] * recipients
        assert client.ask(b"QUIT") == 221


def test_starttls(scripted: StartScripted, certificate: Path) -> None:
    server = scripted(script.starttls(certificate, mail=script.say(b"451 later")))
    with smtplib.SMTP("localhost", server.port) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(certificate)))
        client.ehlo()
        assert client.mail("a@example.com") == (451, b"later")
    assert [line.split()[0] for line in server.commands] == [b"ehlo", b"STARTTLS", b"ehlo", b"mail", b"QUIT"]


def test_implicit_tls(scripted: StartScripted, certificate: Path) -> None:
    server = scripted(implicit_tls=certificate)
    with smtplib.SMTP_SSL(
        "localhost", server.port, context=ssl.create_default_context(cafile=str(certificate))
    ) as client:
        assert client.ehlo()[0] == 250
    assert server.url.startswith("smtps://")


def test_starttls_injection_comes_in_the_clear(scripted: StartScripted, certificate: Path) -> None:
    with RawClient(*_address(scripted(script.starttls_injection(certificate)))) as client:
        client.send(b"STARTTLS\r\n")
        assert client.reply() == [b"220 2.0.0 go ahead"]
        assert client.reply() == [b"250-scripted.test", b"250 X-INJECTED"]
        context = ssl.create_default_context(cafile=str(certificate))
        with context.wrap_socket(client.socket, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"EHLO c\r\n")
            assert wrapped.recv(4096).startswith(b"250-scripted.test\r\n250-PIPELINING")


def test_starttls_garbage_is_no_tls(scripted: StartScripted, certificate: Path) -> None:
    server = scripted(script.starttls_garbage(certificate))
    with smtplib.SMTP(server.host, server.port) as client, pytest.raises(ssl.SSLError):
        client.starttls(context=ssl.create_default_context(cafile=str(certificate)))


def _address(server: ScriptedServer) -> tuple[str, int]:
    return server.host, server.port
