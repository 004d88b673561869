"""The opening of a conversation, from connecting to the point where a transaction may begin."""

from __future__ import annotations

from loadkit.smtp.auth import AuthError, answer, auth_command
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase
from loadkit.smtp.reply import Reply, ReplyReader, extensions, refusal
from loadkit.smtp.state import PHASE_OF_STATE, DialogueSettings, State

_AUTH_CONTINUE = 334
_PERMANENT = 500


class Opening:
    """Banner, EHLO, STARTTLS and AUTH.

    Args:
        settings: What the client wants.
        now: When connecting began.

    Attributes:
        state: Which reply is awaited.
        attention: Set when the connection's owner must look at the attributes below; the owner clears it.
        failed: How the conversation failed; None while it goes on.
        want_tls: Whether the TLS handshake must begin now; the owner clears it.
        extensions: What the server offers: keywords and their parameters.
        setup_s: Seconds that each phase of the opening took.
        chunking: Whether content goes by BDAT.
        grouped: Whether commands are pipelined.
    """

    __slots__ = (
        "_challenges",
        "_reader",
        "_settings",
        "_since",
        "attention",
        "chunking",
        "extensions",
        "failed",
        "grouped",
        "setup_s",
        "state",
        "want_tls",
    )

    def __init__(self, settings: DialogueSettings, now: float) -> None:
        self._settings = settings
        self._reader = ReplyReader()
        self._since = now
        self._challenges = 0
        self.state = State.CONNECTING
        self.attention = False
        self.failed: Outcome | None = None
        self.want_tls = False
        self.extensions: dict[bytes, bytes] = {}
        self.setup_s: dict[Phase, float] = {}
        self.chunking = False
        self.grouped = False

    @property
    def phase(self) -> Phase:
        """The phase that is under way."""
        return PHASE_OF_STATE[self.state]

    def connected(self, now: float) -> None:
        """Tell that the connection (and with implicit TLS the handshake) stands; the banner is awaited."""
        self._lap(now)
        self.state = State.BANNER

    def handshaking(self, now: float) -> None:
        """Tell that the connection stands and implicit TLS begins."""
        self._lap(now)
        self.state = State.HANDSHAKE

    def secured(self, now: float) -> bytes:
        """Tell that the handshake after STARTTLS is done.

        Returns:
            The second EHLO, since what was offered in plaintext no longer counts (RFC 3207 section 4.2).
        """
        self._lap(now)
        self.extensions = {}
        self.state = State.EHLO
        return self._hello()

    def _lap(self, now: float) -> None:
        phase = self.phase
        self.setup_s[phase] = self.setup_s.get(phase, 0.0) + now - self._since
        self._since = now

    def _on_banner(self, reply: Reply, now: float) -> bytes:
        self._lap(now)
        if not reply.positive:
            return self._refuse_setup(reply, Phase.BANNER)
        if self._settings.stop_after is Phase.CONNECT:
            return self._ready()
        self.state = State.EHLO
        return self._hello()

    def _hello(self) -> bytes:
        return (b"LHLO " if self._settings.lmtp else b"EHLO ") + self._settings.helo_name + b"\r\n"

    def _on_ehlo(self, reply: Reply, now: float) -> bytes:
        self._lap(now)
        if not reply.positive:
            if reply.code < _PERMANENT or self._settings.lmtp:
                return self._refuse_setup(reply, Phase.EHLO)
            self.state = State.HELO  # a server older than RFC 1425
            return b"HELO " + self._settings.helo_name + b"\r\n"
        self.extensions = extensions(reply)
        return self._greeted()

    def _on_helo(self, reply: Reply, now: float) -> bytes:
        self._lap(now)
        if not reply.positive:
            return self._refuse_setup(reply, Phase.EHLO)
        return self._greeted()

    def _greeted(self) -> bytes:
        settings = self._settings
        if settings.starttls and Phase.TLS not in self.setup_s:
            if b"STARTTLS" not in self.extensions:
                return self._fail(Outcome(OutcomeClass.TLS, Phase.TLS, reason="starttls_not_offered"))
            self.state = State.STARTTLS
            return b"STARTTLS\r\n"
        if settings.credentials is not None:
            offered = self.extensions.get(b"AUTH", b"").upper().split()
            if settings.credentials.mechanism.value.upper().encode() not in offered:
                return self._fail(Outcome(OutcomeClass.CLIENT, Phase.AUTH, reason="auth_not_offered"))
            self.state = State.AUTH
            self._challenges = 0
            return auth_command(settings.credentials)
        return self._ready()

    def _on_starttls(self, reply: Reply, now: float) -> bytes:
        self._lap(now)
        if not reply.positive:
            return self._refuse_setup(reply, Phase.TLS)
        self.state = State.HANDSHAKE
        self.want_tls = self.attention = True
        return b""

    def _on_auth(self, reply: Reply, now: float) -> bytes:
        self._lap(now)
        credentials = self._settings.credentials
        if reply.code == _AUTH_CONTINUE and credentials is not None:
            try:
                line = answer(credentials, reply.lines[-1], self._challenges)
            except AuthError:
                return self._break("auth_challenge_malformed")
            self._challenges += 1
            return line
        if not reply.positive:
            return self._refuse_setup(reply, Phase.AUTH)
        return self._ready()

    def _ready(self) -> bytes:
        settings = self._settings
        # BDAT has no point between command and content to stop at.
        self.chunking = settings.chunking and b"CHUNKING" in self.extensions and settings.stop_after is not Phase.DATA
        self.grouped = settings.pipelining and b"PIPELINING" in self.extensions
        self.state = State.READY
        self.attention = True
        return b""

    def _refuse_setup(self, reply: Reply, phase: Phase) -> bytes:
        return self._fail(refusal(reply, phase))

    def _break(self, reason: str) -> bytes:
        if self.state is State.CLOSED:
            return b""
        return self._fail(Outcome(OutcomeClass.PROTOCOL, self.phase, reason=reason))

    def _fail(self, outcome: Outcome) -> bytes:
        self.failed = outcome
        self.want_tls = False
        self.state = State.CLOSED
        self.attention = True
        return b""
