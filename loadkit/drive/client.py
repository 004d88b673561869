"""A blocking client for hand-written locustfiles, over the same session code as everything else."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from time import perf_counter
from typing import Any

from gevent import get_hub
from gevent.hub import Waiter

from loadkit.drive.events import REQUEST_TYPE, TransactionFailed
from loadkit.drive.network import Address
from loadkit.drive.session import Session, Wiring
from loadkit.errors import UsageError
from loadkit.smtp.message import BODY_LINE_BYTES, IdHeaders, Template
from loadkit.smtp.outcome import Outcome, OutcomeClass
from loadkit.smtp.state import Transaction

_SWEEP_S = 0.1


class SmtpClient:
    """Sends messages one at a time over a connection that it opens when needed and keeps.

    Args:
        wiring: How to talk.
        addresses: The target's addresses.
        fire: Locust's request event.
        check_recipient: Raises if a recipient's domain is not allowed.
    """

    def __init__(
        self,
        wiring: Wiring,
        addresses: Sequence[Address],
        fire: Callable[..., Any],
        check_recipient: Callable[[str], None],
    ) -> None:
        self._wiring = wiring
        self._addresses = addresses
        self._fire = fire
        self._check_recipient = check_recipient
        self._ids = IdHeaders(secrets.token_hex(6), 0)
        self._sent = 0
        self._session: Session | None = None
        self._waiter: Waiter | None = None
        self._compose: Callable[[Session, float], Transaction] | None = None
        self._outcome: Outcome | None = None

    def send(
        self,
        message: EmailMessage | None = None,
        *,
        sender: str | None = None,
        recipients: Sequence[str] | None = None,
        body: bytes | None = None,
        name: str = "message",
    ) -> Outcome:
        """Send one message and wait for its outcome; fires one Locust request event.

        Args:
            message: A message; its From, To, Cc and Bcc serve where sender and recipients are not given.
            sender: Reverse path; empty for a bounce.
            recipients: Forward paths; at least one.
            body: Content as bytes, headers included, instead of a message; line ends become CRLF.
            name: The kind of message, under which Locust shows it; a sink is told it in small letters.

        Returns:
            How it ended; `accepted` tells whether the server took it.

        Raises:
            UsageError: If there is no content or recipient, or an address is malformed or not allowed.
        """
        content, sender, recipients = _parts(message, sender, recipients, body)
        for recipient in recipients:
            self._check_recipient(recipient)
        paths = tuple(_path(recipient) for recipient in recipients)
        template = Template.from_eml(content)
        utf8 = () if "".join((sender, *recipients)).isascii() else (b"SMTPUTF8",)
        needs = tuple(dict.fromkeys(utf8 + template.needs))
        kind = _kind(name)
        begun, begun_unix_s = perf_counter(), time.time()

        def compose(session: Session, now: float) -> Transaction:
            ids = self._ids.lines(self._sent, begun_unix_s, begun_unix_s + now - begun, kind)
            render = template.render_bdat if session.dialogue.chunking else template.render_data
            size = len(ids) + BODY_LINE_BYTES + len(template.head)
            return Transaction(_path(sender), paths, render(ids, size), size, needs)

        outcome = self._transact(compose)
        self._sent += 1
        self._fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=(perf_counter() - begun) * 1e3,
            response_length=len(content),
            exception=None if outcome.accepted else TransactionFailed(outcome),
            context={},
            start_time=begun_unix_s,
        )
        return outcome

    def close(self) -> None:
        """Say goodbye; the next `send` opens a new connection."""
        if self._session is not None:
            self._session.quit(perf_counter())
            self._session = None

    def _transact(self, compose: Callable[[Session, float], Transaction]) -> Outcome:
        self._outcome = None
        self._compose = compose
        self._waiter = Waiter()
        sweeper = get_hub().loop.timer(_SWEEP_S, _SWEEP_S)
        sweeper.start(self._sweep)
        try:
            self._begin()
            if self._outcome is None:
                self._waiter.get()
        except BaseException:
            # The greenlet was killed while it waited: the transaction must not go on behind its back.
            if self._session is not None:
                self._session.abort(OutcomeClass.CLIENT, "run_ended", perf_counter())
            raise
        finally:
            sweeper.stop()
            sweeper.close()
            self._waiter = None
        assert self._outcome is not None
        return self._outcome

    def _begin(self) -> None:
        now = perf_counter()
        if self._session is not None and self._session.idle:
            transaction = self.ready(self._session, now)
            assert transaction is not None
            self._session.begin(transaction, now)
        elif self._session is None:
            self._session = Session(self, self._wiring, self._addresses)
            self._session.open()

    def _sweep(self) -> None:
        now = perf_counter()
        if self._session is not None and self._session.deadline < now:
            self._session.expire(now)

    def _end(self, outcome: Outcome) -> None:
        self._compose = None
        self._outcome = outcome
        if self._waiter is not None:
            self._waiter.switch(None)

    # --- for the session ---

    def set_up(self, session: Session, now: float) -> None:  # noqa: ARG002 - of SessionOwner
        """A set-up that failed ends the message that waits for it."""
        if session.dialogue.failed is not None and self._compose is not None:
            self._end(session.dialogue.failed)

    def finished(self, session: Session, transaction: Transaction, now: float) -> None:  # noqa: ARG002
        """The transaction ended."""
        assert transaction.outcome is not None
        self._end(transaction.outcome)

    def ready(self, session: Session, now: float) -> Transaction | None:
        """The message that waits, if one does."""
        if self._compose is None:
            return None
        compose, self._compose = self._compose, None
        return compose(session, now)

    def follow(self, session: Session, now: float) -> None:
        """There is one message at a time."""

    def closed(self, session: Session, now: float) -> None:  # noqa: ARG002
        """Forget a connection that is gone."""
        if self._session is session:
            self._session = None


def _parts(
    message: EmailMessage | None, sender: str | None, recipients: Sequence[str] | None, body: bytes | None
) -> tuple[bytes, str, Sequence[str]]:
    if (message is None) == (body is None):
        raise UsageError("send takes a message or a body", hint="give exactly one of them")
    if message is not None:
        body = message.as_bytes(policy=SMTP)
        sender = _addresses(message, "From")[0] if sender is None else sender
        recipients = _addresses(message, "To", "Cc", "Bcc") if recipients is None else recipients
    if not recipients or sender is None or body is None:
        raise UsageError("send needs a sender and at least one recipient")
    return body, sender, recipients


def _addresses(message: EmailMessage, *headers: str) -> list[str]:
    return [
        address.addr_spec for name in headers for header in message.get_all(name, []) for address in header.addresses
    ]


def _path(address: str) -> bytes:
    if any(character in "<>\r\n\0 " or ord(character) < 32 for character in address):  # noqa: PLR2004
        raise UsageError(f"{address!r} is not an address")
    return address.encode()


def _kind(name: str) -> bytes:
    """A name as the identifying headers take it."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:40].encode() or b"message"
