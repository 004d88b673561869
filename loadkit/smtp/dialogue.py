"""The client's side of one SMTP or LMTP conversation: replies in, bytes to send out; no sockets, no clock."""

from __future__ import annotations

from collections.abc import Callable

from loadkit.smtp.opening import Opening
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase
from loadkit.smtp.reply import Reply, ReplyError, refusal, whole_replies, whole_reply
from loadkit.smtp.state import MAIL_PARAMETERS, DialogueSettings, State, Transaction

_SERVICE_NOT_AVAILABLE = 421
_START_MAIL_INPUT = 354

ACCEPTED = Outcome(OutcomeClass.ACCEPTED, Phase.DOT, 250)
STOPPED = "stopped"
"""Reason of a transaction that went no further than it was asked to: a success, but no message was handed over."""
PARTLY_REFUSED = "partly_refused"
"""Reason of a transaction that was accepted for some of its recipients."""

_SETUP_STOPS = (Phase.CONNECT, Phase.EHLO)
# A global costs a fifth of an enum's member by name, and each message passes a dozen of them.
_READY, _MAIL, _RCPT, _DATA, _DOT = State.READY, State.MAIL, State.RCPT, State.DATA, State.DOT
_RSET, _QUIT, _CLOSED = State.RSET, State.QUIT, State.CLOSED
_STOP_AT_RCPT, _STOP_AT_DATA = Phase.RCPT, Phase.DATA


class Dialogue(Opening):
    """A conversation from banner to QUIT.

    The owner of the connection calls `receive` with what it read and sends what comes back. When `attention` is set it
    clears it and looks at `finished`, `want_tls`, `failed` and `state`.

    Times are the owner's readings of its own clock, in seconds; the dialogue only keeps and subtracts them.

    Args:
        settings: What the client wants.
        now: When connecting began.

    Attributes:
        finished: Transactions that ended and that the owner has not taken from here.
    """

    __slots__ = ("_following", "_transaction", "finished")

    def __init__(self, settings: DialogueSettings, now: float) -> None:
        super().__init__(settings, now)
        self.finished: list[Transaction] = []
        self._transaction: Transaction | None = None
        self._following: Transaction | None = None

    def begin(self, transaction: Transaction, now: float) -> bytes:
        """Start a transaction; the state must be READY.

        Returns:
            Bytes to send; none if the transaction ended at once.
        """
        self._transaction = transaction
        transaction.started_at = now
        if self._settings.stop_after in _SETUP_STOPS:
            return self._finish(Outcome(OutcomeClass.ACCEPTED, self._settings.stop_after, reason=STOPPED))
        lacking = self._lacking(transaction)
        if lacking is not None:
            return self._finish(lacking)
        self.state = _MAIL
        return self._commands(transaction)

    @property
    def may_follow(self) -> bool:
        """Whether `follow` may be called: the content is on its way, and commands are pipelined."""
        return self.grouped and self.state is _DOT and self._following is None and self._accepts_followers()

    def follow(self, transaction: Transaction, now: float) -> bytes:
        """Start a transaction right behind the content of the one under way (RFC 2920 section 3.1).

        Args:
            transaction: The next transaction.
            now: When. Its MAIL is answered only after the content before it, which its times include.

        Returns:
            Bytes to send behind the content; none if the transaction can't be sent, which ends it in its turn.
        """
        transaction.started_at = now
        self._following = transaction
        transaction.outcome = self._lacking(transaction)
        return self._commands(transaction) if transaction.outcome is None else b""

    def quit(self) -> bytes:
        """End a conversation that has no transaction under way.

        Returns:
            QUIT, or nothing if the conversation has not come so far that the server would take it.
        """
        if self.state not in (_READY, _RSET):
            self.state = _CLOSED
            return b""
        self.state = _QUIT
        return b"QUIT\r\n"

    def abort(self, kind: OutcomeClass, reason: str) -> None:
        """End the conversation for a cause outside it: a timeout, a lost connection, the end of the run."""
        self._fail(Outcome(kind, self.phase, reason=reason))

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the server.

        Args:
            data: What was read, at least one byte, in plaintext.
            now: When.

        Returns:
            Bytes to send; may be none.
        """
        # Nearly every read is one whole reply seen before: a cached look-up and one handler.
        if not self._reader.partial:
            reply = whole_reply(data)
            if reply is not None:
                return _HANDLERS[self.state](self, reply, now)
            replies = whole_replies(data)
            if replies:
                return self._receive_group(replies, now)
        try:
            return self._receive_group(tuple(self._reader.feed(data)), now)
        except ReplyError as error:
            # What was said before the fault counts, however it was cut into reads.
            self._receive_group(error.replies, now)
            return self._break(error.reason)

    def _receive_group(self, replies: tuple[Reply, ...], now: float) -> bytes:
        awaited = self._awaited()
        out = b""
        for position, reply in enumerate(replies):
            if position >= awaited and reply.code != _SERVICE_NOT_AVAILABLE:
                return self._break(self._early_reply())
            out += _HANDLERS[self.state](self, reply, now)
            if self.state is _CLOSED:
                return out
        if self.want_tls and self._reader.partial:
            return self._break(self._early_reply())
        return out

    def _early_reply(self) -> str:
        # A server that says more than it was asked before TLS stands may be speaking for an attacker (CVE-2011-0411).
        return "starttls_injection" if self.want_tls else "reply_before_command"

    def _awaited(self) -> int:
        """How many replies the commands sent so far call for, at most."""
        transaction = self._transaction
        if transaction is None:
            return 0 if self.state is _READY else 1
        if self.state is _DOT:
            return transaction.due + (self._group_replies(self._following) if self._following else 0)
        if not self.grouped or self.state is _DATA:
            return 1
        return self._group_replies(transaction) - (self.state is _RCPT) - transaction.answered

    def _group_replies(self, transaction: Transaction) -> int:
        recipients = len(transaction.recipients)
        return 1 + recipients + (recipients if self.chunking and self._settings.lmtp else 1)

    def _lacking(self, transaction: Transaction) -> Outcome | None:
        for keyword in transaction.needs:
            if keyword not in self.extensions:
                return Outcome(OutcomeClass.CLIENT, Phase.MAIL, reason=f"{keyword.decode().lower()}_not_offered")
        return None

    def _commands(self, transaction: Transaction) -> bytes:
        size = b" SIZE=%d" % transaction.size_bytes if b"SIZE" in self.extensions else b""
        needs = b"".join([MAIL_PARAMETERS[keyword] for keyword in transaction.needs]) if transaction.needs else b""
        mail = b"MAIL FROM:<%b>%b%b\r\n" % (transaction.sender, size, needs)
        if not self.grouped:
            return mail
        recipients = b"".join([b"RCPT TO:<%b>\r\n" % recipient for recipient in transaction.recipients])
        if self._settings.stop_after is _STOP_AT_RCPT:
            return mail + recipients
        return mail + recipients + (transaction.payload if self.chunking else b"DATA\r\n")

    def _accepts_followers(self) -> bool:
        return not self.chunking and not self._settings.lmtp and self._settings.stop_after is Phase.DOT

    def _on_mail(self, reply: Reply, now: float) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        transaction.mail_at = now
        if not reply.positive:
            self._note_refusal(transaction, reply)
            if not self.grouped or reply.code == _SERVICE_NOT_AVAILABLE:
                return self._finish_refused(transaction, reply)
        self.state = _RCPT
        return b"" if self.grouped else b"RCPT TO:<%b>\r\n" % transaction.recipients[0]

    def _on_rcpt(self, reply: Reply, now: float) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        transaction.answered += 1
        if reply.positive:
            transaction.accepted += 1
        else:
            self._note_refusal(transaction, reply)
            if reply.code == _SERVICE_NOT_AVAILABLE:
                return self._finish_refused(transaction, reply)
        if transaction.answered < len(transaction.recipients):
            return b"" if self.grouped else b"RCPT TO:<%b>\r\n" % transaction.recipients[transaction.answered]
        transaction.rcpt_at = now
        return self._begin_content(transaction, reply)

    def _begin_content(self, transaction: Transaction, reply: Reply) -> bytes:
        if self._settings.stop_after is _STOP_AT_RCPT:
            return self._reset(_stopped(transaction, Phase.RCPT))
        if not transaction.accepted and not self.grouped:
            return self._finish_refused(transaction, reply)
        if self.chunking:
            self._await_dot(transaction)
            return b"" if self.grouped else transaction.payload
        self.state = _DATA
        return b"" if self.grouped else b"DATA\r\n"

    def _await_dot(self, transaction: Transaction) -> None:
        self.state = _DOT
        # Without a recipient there is one reply all the same, and it should be a refusal.
        transaction.due = (transaction.accepted or 1) if self._settings.lmtp else 1

    def _on_data(self, reply: Reply, now: float) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        transaction.data_at = now
        if reply.code != _START_MAIL_INPUT:
            self._note_refusal(transaction, reply)
            return self._finish_refused(transaction, reply)
        if self._settings.stop_after is _STOP_AT_DATA:
            # There is no polite way out of DATA but to send content.
            self._finish(_stopped(transaction, Phase.DATA))
            self.state = _CLOSED
            return b""
        self._await_dot(transaction)
        if self.grouped:
            self.attention = True
        # RFC 2920 section 3.1: a server may take DATA though it took no recipient; then nothing but the dot is sent.
        return transaction.payload if transaction.accepted else b".\r\n"

    def _on_dot(self, reply: Reply, _now: float) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        transaction.due -= 1
        if reply.positive:
            transaction.delivered += 1
        else:
            self._note_refusal(transaction, reply)
            if reply.code == _SERVICE_NOT_AVAILABLE:
                return self._finish_refused(transaction, reply)
        if transaction.due:
            return b""
        refused = transaction.refusal
        if refused is None:
            return self._finish(ACCEPTED)
        if self.chunking and not transaction.accepted:
            # BDAT without a recipient is a command out of sequence, which leaves the transaction open.
            return self._reset(refused)
        return self._finish(_verdict(transaction, refused))

    def _note_refusal(self, transaction: Transaction, reply: Reply) -> None:
        """Keep the refusal that decides: the first, but a recipient's decides nothing for the recipients accepted."""
        first = transaction.refusal
        whole = self.state is not _RCPT or reply.code == _SERVICE_NOT_AVAILABLE
        if first is None or (whole and transaction.accepted and first.phase is Phase.RCPT):
            transaction.refusal = refusal(reply, self.phase)

    def _finish_refused(self, transaction: Transaction, reply: Reply) -> bytes:
        """End the transaction by the refusal noted; leave the server with no transaction open."""
        refused = transaction.refusal
        assert refused is not None
        if reply.code == _SERVICE_NOT_AVAILABLE:
            ended = refusal(reply, self.phase)
            self._finish(refused)
            return self._fail(ended)
        return self._finish(refused) if self.state is _MAIL else self._reset(refused)

    def _reset(self, outcome: Outcome) -> bytes:
        self._finish(outcome)
        self.state = _RSET
        return b"RSET\r\n"

    def _finish(self, outcome: Outcome) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        transaction.outcome = outcome
        self.finished.append(transaction)
        self.attention = True
        self._transaction = following = self._following
        self._following = None
        if following is None:
            self.state = _READY
        elif following.outcome is None:
            self.state = _MAIL
        else:
            self.finished.append(following)
            self._transaction = None
            self.state = _READY
        return b""

    def _fail(self, outcome: Outcome) -> bytes:
        while self._transaction is not None:
            self._finish(outcome)
        return super()._fail(outcome)

    def _on_rset(self, reply: Reply, _now: float) -> bytes:
        if not reply.positive:
            return self._fail(refusal(reply, Phase.RSET))
        self.state = _READY
        self.attention = True
        return b""

    def _on_quit(self, _reply: Reply, _now: float) -> bytes:
        self.state = _CLOSED
        self.attention = True
        return b""

    def _on_unexpected(self, reply: Reply, _now: float) -> bytes:
        if reply.code == _SERVICE_NOT_AVAILABLE:
            return self._fail(refusal(reply, self.phase))
        return self._break("reply_before_command")

    def _ignore(self, _reply: Reply, _now: float) -> bytes:
        return b""


def _stopped(transaction: Transaction, phase: Phase) -> Outcome:
    stopped = Outcome(OutcomeClass.ACCEPTED, phase, reason=STOPPED)
    return stopped if transaction.accepted else transaction.refusal or stopped


def _verdict(transaction: Transaction, refused: Outcome) -> Outcome:
    if not transaction.accepted or not transaction.delivered:
        return refused
    return Outcome(OutcomeClass.ACCEPTED, refused.phase, refused.code, refused.enhanced, PARTLY_REFUSED)


_Handler = Callable[[Dialogue, Reply, float], bytes]
# ruff: noqa: SLF001
_BY_STATE: dict[State, _Handler] = {
    State.CONNECTING: Dialogue._on_unexpected,
    State.BANNER: Dialogue._on_banner,
    State.EHLO: Dialogue._on_ehlo,
    State.HELO: Dialogue._on_helo,
    State.STARTTLS: Dialogue._on_starttls,
    State.HANDSHAKE: Dialogue._on_unexpected,
    State.AUTH: Dialogue._on_auth,
    State.READY: Dialogue._on_unexpected,
    State.MAIL: Dialogue._on_mail,
    State.RCPT: Dialogue._on_rcpt,
    State.DATA: Dialogue._on_data,
    State.DOT: Dialogue._on_dot,
    State.RSET: Dialogue._on_rset,
    State.QUIT: Dialogue._on_quit,
    State.CLOSED: Dialogue._ignore,
}
_HANDLERS: tuple[_Handler, ...] = tuple(_BY_STATE[state] for state in State)
