"""One SMTP connection: a dialogue on callbacks of gevent's libev loop, without a greenlet of its own."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from gevent import get_hub

from loadkit.drive.network import Address, connecting_socket, reason_of
from loadkit.drive.outbox import outbox
from loadkit.drive.tls import TlsError, TlsLayer
from loadkit.smtp.dialogue import Dialogue
from loadkit.smtp.outcome import OutcomeClass
from loadkit.smtp.state import DialogueSettings, State, Transaction

_READABLE = 1
_WRITABLE = 2
# Replies are short; a larger buffer costs an allocation per read.
_READ_BYTES = 4096
# Globals, because an enum's member by name costs five times as much.
_READY, _CLOSED = State.READY, State.CLOSED


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all sessions to one target share.

    Args:
        settings: What the client wants of the conversation.
        timeouts_s: Seconds that each `State` may last, by its number; that of READY is the idle timeout.
        host: The target's name, for TLS.
        tls: Context for TLS, or None where it is not used.
        implicit_tls: Whether TLS begins before the banner.
    """

    settings: DialogueSettings
    timeouts_s: tuple[float, ...]
    host: str
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False


class SessionOwner(Protocol):
    """Whoever opened a session and gives it work. Called inside loop callbacks: must not block."""

    def set_up(self, session: Session, now: float) -> None:
        """The session's set-up ended: well if `dialogue.failed` is None."""

    def finished(self, session: Session, transaction: Transaction, now: float) -> None:
        """A transaction of the session ended as its `outcome` says; they end in the order in which they began."""

    def ready(self, session: Session, now: float) -> Transaction | None:
        """The session may begin a transaction; None leaves it idle."""

    def follow(self, session: Session, now: float) -> Transaction | None:
        """The session may begin a transaction right behind the content of the one under way; None lets it be."""

    def closed(self, session: Session, now: float) -> None:
        """The connection is gone."""


class Session:
    """A connection that is opened at once and lives until it is closed by either side.

    Args:
        owner: Who gives it work.
        wiring: What it shares with others.
        addresses: Addresses to try in order; at least one.
        local_address: Address to send from, or None.
    """

    __slots__ = (
        "__weakref__",
        "_addresses",
        "_connect_error",
        "_local_address",
        "_owner",
        "_put",
        "_read_watcher",
        "_recv",
        "_socket",
        "_timeouts_s",
        "_tls",
        "_unsent",
        "_wiring",
        "_write_watcher",
        "allowed",
        "deadline",
        "dialogue",
        "established",
        "next_work",
        "remaining",
        "send",
        "work",
    )

    def __init__(
        self, owner: SessionOwner, wiring: Wiring, addresses: Sequence[Address], local_address: str | None = None
    ) -> None:
        now = perf_counter()
        self._owner = owner
        self._wiring = wiring
        self._put = outbox().put
        self._timeouts_s = wiring.timeouts_s
        self._addresses = list(addresses)
        self._local_address = local_address
        self._connect_error: OSError | None = None
        self._socket: socket.socket | None = None
        self._read_watcher: Any = None
        self._write_watcher: Any = None
        self._tls: TlsLayer | None = None
        self._unsent = b""
        self.work: Any = None  # these four are the owner's
        self.next_work: Any = None
        self.remaining = 0
        self.allowed = 0
        self.dialogue = Dialogue(wiring.settings, now)
        self.established = False
        self.deadline = now + self._timeouts_s[State.CONNECTING]

    @property
    def idle(self) -> bool:
        """Whether a transaction may begin."""
        return self.dialogue.state is State.READY

    def open(self) -> None:
        """Begin to connect, to the next address that has not failed."""
        address = self._addresses.pop(0)
        try:
            self._socket = connecting_socket(address, self._local_address)
        except OSError as error:
            self._connect_failed(error)
            return
        self._watch_writes(self._on_connected)

    def begin(self, transaction: Transaction, now: float) -> None:
        """Start a transaction; the session must be idle."""
        out = self.dialogue.begin(transaction, now)
        if self.dialogue.attention:
            out += self._attend(now)
        if out:
            self._write(out, now)

    def quit(self, now: float) -> None:
        """Say goodbye, or just close where the server is not ready to hear it."""
        out = self.dialogue.quit()
        if out:
            self._write(out, now)
        else:
            self._close(now)

    def abort(self, kind: OutcomeClass, reason: str, now: float) -> None:
        """Close at once; a transaction under way ends with this reason."""
        if self.dialogue.state is not State.CLOSED:
            self.dialogue.abort(kind, reason)
            self._attend(now)

    def expire(self, now: float) -> None:
        """Tell that the deadline has passed."""
        if self.dialogue.state is State.READY:
            self.quit(now)
        elif self.dialogue.state is State.QUIT:
            self._close(now)
        else:
            self.abort(OutcomeClass.TIMEOUT, "timeout", now)

    # --- connecting ---

    def _watch_writes(self, callback: Any) -> None:
        assert self._socket is not None
        self._write_watcher = get_hub().loop.io(self._socket.fileno(), _WRITABLE)
        self._write_watcher.start(callback)

    def _stop_watching_writes(self) -> None:
        if self._write_watcher is not None:
            self._write_watcher.stop()
            self._write_watcher.close()
            self._write_watcher = None

    def _on_connected(self) -> None:
        assert self._socket is not None
        self._stop_watching_writes()
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._connect_failed(OSError(code, "connect"))
            return
        now = perf_counter()
        self._recv = self._socket.recv
        self.send = self._socket.send
        self._read_watcher = get_hub().loop.io(self._socket.fileno(), _READABLE)
        self._read_watcher.start(self._on_readable)
        if self._wiring.implicit_tls:
            self.dialogue.handshaking(now)
            self._start_tls(now)
        else:
            self.dialogue.connected(now)
            self.deadline = now + self._timeouts_s[State.BANNER]

    def _connect_failed(self, error: OSError) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        # The first address is the one that the system prefers: of another family there may not even be a route.
        self._connect_error = self._connect_error or error
        if self._addresses:
            self.open()
        else:
            # Never in the caller's own stack: the owner that opens sessions must not be re-entered.
            get_hub().loop.run_callback(self._give_up, *reason_of(self._connect_error))

    def _give_up(self, kind: OutcomeClass, reason: str) -> None:
        self.abort(kind, reason, perf_counter())

    # --- talking ---

    def _on_readable(self) -> None:
        try:
            data = self._recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.abort(*reason_of(error), perf_counter())
            return
        now = perf_counter()
        if not data:
            self._lost(now)
            return
        if self._tls is not None:
            data = self._unwrap(data, now)
            if not data:
                return
        dialogue = self.dialogue
        out = dialogue.receive(data, now)
        if dialogue.attention:
            out += self._attend(now)
        if out:
            self._write(out, now)

    def _attend(self, now: float) -> bytes:
        """Act on what the dialogue came to.

        Returns:
            Bytes to send.
        """
        dialogue = self.dialogue
        out = b""
        while dialogue.attention:
            dialogue.attention = False
            if not self.established and dialogue.state in (_READY, _CLOSED):
                self.established = True
                self._owner.set_up(self, now)
            for transaction in dialogue.finished:
                self._owner.finished(self, transaction, now)
            dialogue.finished.clear()
            state = dialogue.state  # only now: the owner may have begun another transaction
            if state is _READY:
                self.deadline = now + self._timeouts_s[_READY]
                begun = self._owner.ready(self, now)
                if begun is not None:
                    out += dialogue.begin(begun, now)
            elif dialogue.may_follow:
                following = self._owner.follow(self, now)
                if following is not None:
                    out += dialogue.follow(following, now)
            elif state is _CLOSED:
                self._close(now)
                return b""
            elif dialogue.want_tls:
                dialogue.want_tls = False
                self._start_tls(now)
        return out

    def _write(self, out: bytes, now: float) -> None:
        self.deadline = now + self._timeouts_s[self.dialogue.state]
        if self._tls is None and not self._unsent:
            self._put((self.send, out, self))
        else:
            self._transmit(out if self._tls is None else self._tls.encrypt(out))

    def _transmit(self, out: bytes) -> None:
        if self._unsent:
            self._unsent += out
        else:
            self._put((self.send, out, self))

    def keep(self, out: bytes) -> None:
        """Keep what the operating system did not take, until it takes more."""
        if self._socket is not None:
            waiting = bool(self._unsent)
            self._unsent += out
            if not waiting:
                self._watch_writes(self._on_writable)

    def send_failed(self, error: OSError) -> None:
        """Tell that the operating system refused to send."""
        self.abort(*reason_of(error), perf_counter())

    def _on_writable(self) -> None:
        assert self._socket is not None
        self._stop_watching_writes()
        out, self._unsent = self._unsent, b""
        self._transmit(out)

    def _lost(self, now: float) -> None:
        if self.dialogue.state is State.QUIT:
            self.dialogue.quit()
            self._close(now)
        else:
            self.abort(OutcomeClass.CONNECTION, "closed_idle" if self.idle else "closed", now)

    # --- TLS ---

    def _start_tls(self, now: float) -> None:
        assert self._wiring.tls is not None
        self._tls = TlsLayer(self._wiring.tls, self._wiring.host)
        self.deadline = now + self._timeouts_s[State.HANDSHAKE]
        self._transmit(self._tls.handshake())

    def _unwrap(self, data: bytes, now: float) -> bytes:
        assert self._tls is not None
        try:
            if not self._tls.established:
                return self._shake_hands(self._tls, data, now)
            return self._tls.decrypt(data)
        except TlsError as error:
            self.abort(OutcomeClass.TLS, error.reason, now)
        except EOFError:
            self._lost(now)
        return b""

    def _shake_hands(self, tls: TlsLayer, data: bytes, now: float) -> bytes:
        out = tls.handshake(data)
        if out:
            self._transmit(out)
        if not tls.established:
            return b""
        if self._wiring.implicit_tls:
            self.dialogue.connected(now)
            self.deadline = now + self._timeouts_s[State.BANNER]
        else:
            self._write(self.dialogue.secured(now), now)
        return tls.decrypt(b"")

    # --- the end ---

    def _close(self, now: float) -> None:
        if self._read_watcher is not None:
            self._read_watcher.stop()
            self._read_watcher.close()
            self._read_watcher = None
        self._stop_watching_writes()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self.dialogue.state is not State.CLOSED:
            self.dialogue.quit()
        self._owner.closed(self, now)
