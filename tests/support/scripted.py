"""A server that plays a script, polite or hostile, to each client that connects.

A script says what happens at each phase of the conversation; at a phase that it leaves out, the server behaves well. So
``Script({Phase.RCPT: say(b"451 4.3.0 later"), Phase.DOT: reset})`` defers recipients, and takes content only to reset.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from loadkit.smtp.outcome import Phase
from sinks.certificate import server_context

if TYPE_CHECKING:
    from pathlib import Path

READ_TIMEOUT_S = 30.0
CRLF = b"\r\n"
END_OF_CONTENT = b"\r\n.\r\n"

_PHASES = {
    b"EHLO": Phase.EHLO,
    b"HELO": Phase.EHLO,
    b"LHLO": Phase.EHLO,
    b"STARTTLS": Phase.TLS,
    b"AUTH": Phase.AUTH,
    b"MAIL": Phase.MAIL,
    b"RCPT": Phase.RCPT,
    b"DATA": Phase.DATA,
    b"RSET": Phase.RSET,
    b"QUIT": Phase.QUIT,
}


class Ended(Exception):  # noqa: N818 - the normal end of a script
    """The conversation is over."""


class Peer:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self.socket = connection
        self.address: str = connection.getpeername()[0]
        self.stopping = stopping
        self.commands: list[bytes] = []
        """Command lines received, without line ends."""
        self.contents: list[bytes] = []
        """Messages received as they were on the wire, with the end mark."""
        self.last_sent = b""
        self.recipients = 0
        self._received = bytearray()
        connection.settimeout(READ_TIMEOUT_S)

    def send(self, data: bytes) -> None:
        self.last_sent = data
        self.socket.sendall(data)

    def wait(self, seconds: float) -> None:
        """Do nothing for a time; the server's stop ends it."""
        if self.stopping.wait(seconds):
            raise Ended

    def read_until(self, mark: bytes) -> bytes:
        while (end := self._received.find(mark)) < 0:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise Ended
            self._received += chunk
        data = bytes(self._received[: end + len(mark)])
        del self._received[: len(data)]
        return data

    def read_content(self) -> bytes:
        self._received[:0] = CRLF
        return self.read_until(END_OF_CONTENT)[len(CRLF) :]

    def start_tls(self, certificate: Path) -> None:
        """Handshake; plaintext that came before is dropped, as RFC 3207 demands."""
        self._received.clear()
        self.socket = server_context(certificate).wrap_socket(self.socket, server_side=True)


Act = Callable[[Peer], None]
"""What the server does at a phase."""


def nothing(_peer: Peer) -> None:
    """Go on without a reply."""


def say(*lines: bytes) -> Act:
    """Send lines at once."""
    return lambda peer: peer.send(CRLF.join(lines) + CRLF)


def send(data: bytes) -> Act:
    """Send bytes as they are."""
    return lambda peer: peer.send(data)


def drip(data: bytes, pause_s: float = 0.001) -> Act:
    """Send one byte at a time."""

    def act(peer: Peer) -> None:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(data)):
            peer.send(data[position : position + 1])
            peer.wait(pause_s)
        peer.last_sent = data

    return act


def pause(seconds: float) -> Act:
    return lambda peer: peer.wait(seconds)


def silence(peer: Peer) -> None:
    """Neither read nor write until the server stops."""
    peer.wait(threading.TIMEOUT_MAX)


def close(_peer: Peer) -> None:
    """End the connection in order (FIN)."""
    raise Ended


def reset(peer: Peer) -> None:
    """Tear the connection down (RST)."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Ended


def shut_down(peer: Peer) -> None:
    """Say 421 and close."""
    peer.send(b"421 4.3.2 closing\r\n")
    raise Ended


def tls(certificate: Path) -> Act:
    """Agree to STARTTLS and do it."""

    def act(peer: Peer) -> None:
        peer.send(b"220 2.0.0 go ahead\r\n")
        peer.start_tls(certificate)

    return act


def series(*acts: Act) -> Act:
    """One act after the other."""

    def act(peer: Peer) -> None:
        for single in acts:
            single(peer)

    return act


def reply_per_recipient(peer: Peer) -> None:
    """What LMTP does at the final dot."""
    peer.send(b"250 2.0.0 taken\r\n" * peer.recipients)


def ehlo_reply(*extensions: bytes) -> bytes:
    """A reply to EHLO."""
    lines = (b"scripted.test", *extensions)
    return CRLF.join((*(b"250-" + line for line in lines[:-1]), b"250 " + lines[-1])) + CRLF


POLITE_REPLIES = {
    Phase.BANNER: b"220 scripted.test ESMTP\r\n",
    Phase.EHLO: ehlo_reply(b"PIPELINING", b"SIZE 31457280", b"8BITMIME"),
    Phase.TLS: b"454 4.7.0 not now\r\n",
    Phase.AUTH: b"235 2.7.0 welcome\r\n",
    Phase.MAIL: b"250 2.1.0 sender ok\r\n",
    Phase.RCPT: b"250 2.1.5 recipient ok\r\n",
    Phase.DATA: b"354 go ahead\r\n",
    Phase.DOT: b"250 2.0.0 taken\r\n",
    Phase.RSET: b"250 2.0.0 reset\r\n",
    Phase.QUIT: b"221 2.0.0 bye\r\n",
}


@dataclass(frozen=True, slots=True)
class Script:
    """What happens at each phase; a phase that is left out goes well.

    Args:
        acts: Act per phase; that of CONNECT comes before the banner.
    """

    acts: Mapping[Phase, Act] = field(default_factory=dict)

    def play(self, peer: Peer) -> None:
        """Hold the whole conversation."""
        self._act(peer, Phase.CONNECT)
        self._act(peer, Phase.BANNER)
        while True:
            line = peer.read_until(CRLF)[:-2]
            peer.commands.append(line)
            phase = _PHASES.get(line.partition(b" ")[0].upper())
            if phase is None:
                peer.send(b"500 5.5.1 unknown command\r\n")
                continue
            peer.recipients = {Phase.MAIL: 0, Phase.RCPT: peer.recipients + 1}.get(phase, peer.recipients)
            self._act(peer, phase)
            if phase is Phase.DATA and peer.last_sent.startswith(b"354"):
                peer.contents.append(peer.read_content())
                self._act(peer, Phase.DOT)
            if phase is Phase.QUIT:
                return

    def _act(self, peer: Peer, phase: Phase) -> None:
        default = send(POLITE_REPLIES[phase]) if phase in POLITE_REPLIES else nothing
        self.acts.get(phase, default)(peer)


def polite(*extensions: bytes) -> Script:
    """A server that takes everything; it offers PIPELINING, SIZE and 8BITMIME unless told what else."""
    return Script({Phase.EHLO: send(ehlo_reply(*extensions))} if extensions else {})


def replying(phase: Phase, *lines: bytes) -> Script:
    """One reply at one phase, such as ``451 4.3.0 later``."""
    return Script({phase: say(*lines)})


def ending_at(phase: Phase, how: Act) -> Script:
    """Ends at a phase: `close`, `reset`, `shut_down` or `silence`."""
    return Script({phase: how})


def byte_at_a_time(pause_s: float = 0.001) -> Script:
    """Every reply in single bytes."""
    return Script({phase: drip(reply, pause_s) for phase, reply in POLITE_REPLIES.items()})


def slow(pause_s: float) -> Script:
    """A pause before every reply."""
    return Script({phase: series(pause(pause_s), send(reply)) for phase, reply in POLITE_REPLIES.items()})


def late_banner(pause_s: float) -> Script:
    return Script({Phase.BANNER: series(pause(pause_s), send(POLITE_REPLIES[Phase.BANNER]))})


def many_lines(count: int, phase: Phase = Phase.EHLO, code: bytes = b"250") -> Script:
    """A reply of that many lines."""
    return Script({phase: send(CRLF.join([code + b"-X-LINE"] * (count - 1) + [code + b" X-LAST"]) + CRLF)})


def endless_lines(phase: Phase = Phase.EHLO) -> Script:
    """Reply lines without end."""

    def act(peer: Peer) -> None:
        while not peer.stopping.is_set():
            peer.send(b"250-X-AGAIN\r\n" * 100)

    return Script({phase: act})


def huge_line(size_bytes: int, phase: Phase = Phase.EHLO) -> Script:
    """A reply of a single line of that size."""
    return Script({phase: send(b"250 " + b"x" * (size_bytes - 6) + CRLF)})


def junk(phase: Phase = Phase.BANNER) -> Script:
    """Bytes that are no reply, line ends among them."""
    return Script({phase: send(bytes(range(256)) + CRLF + b"\xff\x00\xfe" * 10 + CRLF)})


def half_a_reply(phase: Phase) -> Script:
    """A reply that is cut off by the end of the connection."""
    return Script({phase: series(send(b"250-begun and ne"), close)})


def replying_early() -> Script:
    """Banner and EHLO reply at once, before the client said anything."""
    early = POLITE_REPLIES[Phase.BANNER] + POLITE_REPLIES[Phase.EHLO]
    return Script({Phase.BANNER: send(early), Phase.EHLO: nothing})


def stops_reading() -> Script:
    """Agrees to content and then reads none of it."""

    def narrow(peer: Peer) -> None:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    return Script({Phase.CONNECT: narrow, Phase.DATA: series(say(b"354 go ahead"), silence)})


def lmtp() -> Script:
    """A polite LMTP server."""
    return Script({Phase.DOT: reply_per_recipient})


def starttls(certificate: Path, **acts: Act) -> Script:
    """A polite server that offers STARTTLS and does it; further acts by phase name."""
    offer = send(ehlo_reply(b"PIPELINING", b"STARTTLS"))
    by_phase = {Phase(name): act for name, act in acts.items()}
    return Script({Phase.EHLO: offer, Phase.TLS: tls(certificate), **by_phase})


def starttls_injection(certificate: Path) -> Script:
    """Plaintext replies slipped in behind the 220, for a client that keeps them past the handshake."""
    injected = b"220 2.0.0 go ahead\r\n250-scripted.test\r\n250 X-INJECTED\r\n"
    return starttls(certificate, tls=series(send(injected), lambda peer: peer.start_tls(certificate)))


def starttls_garbage(certificate: Path) -> Script:
    """No TLS behind the 220, and bytes that are none."""
    garbage = series(
        say(b"220 2.0.0 go ahead"), lambda peer: peer.wait(0.02), send(b"this is no TLS record\r\n" * 4), silence
    )
    return starttls(certificate, tls=garbage)


class ScriptedServer:
    """Plays scripts on a free port of loopback.

    Args:
        scripts: The first client gets the first script and so on; the last script serves all further clients.
        implicit_tls: Certificate file, if the server speaks TLS from the start.
    """

    def __init__(self, *scripts: Script, implicit_tls: Path | None = None) -> None:
        self._scripts = scripts or (Script(),)
        self._implicit_tls = implicit_tls
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._threads: list[threading.Thread] = []
        self.peers: list[Peer] = []
        """One per connection, in order of connecting."""
        self.host, self.port = self._listener.getsockname()

    @property
    def url(self) -> str:
        """The target URL of the server."""
        return f"smtp{'s' if self._implicit_tls else ''}://{self.host}:{self.port}"

    @property
    def commands(self) -> list[bytes]:
        """Command lines of all connections, one connection after the other."""
        return [line for peer in self.peers for line in peer.commands]

    @property
    def contents(self) -> list[bytes]:
        """Messages of all connections, one connection after the other."""
        return [content for peer in self.peers for content in peer.contents]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Break off every conversation; once more does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        socket.create_connection((self.host, self.port)).close()  # wakes the thread that accepts
        for peer in self.peers:
            _cut(peer.socket)
        for thread in self._threads:
            thread.join(timeout=5)
            assert not thread.is_alive(), "a script doesn't end when the server stops"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with self._listener:
            while True:
                connection, _ = self._listener.accept()
                if self._stopping.is_set():
                    connection.close()
                    return
                script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
                self.peers.append(Peer(connection, self._stopping))
                self._start(self._converse, script, self.peers[-1])

    def _converse(self, script: Script, peer: Peer) -> None:
        try:
            with suppress(Ended, OSError):  # the script or the client ended it
                if self._implicit_tls:
                    peer.start_tls(self._implicit_tls)
                script.play(peer)
        finally:
            peer.socket.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
