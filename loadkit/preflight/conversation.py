"""The conversations of a look at a target: as far as RCPT, never a message."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiosmtplib
from aiosmtplib.errors import SMTPConnectResponseError, SMTPResponseException

from loadkit.preflight.certificate import CertificateError, read_certificate
from loadkit.preflight.facts import (
    Breakdown,
    Cause,
    Conversation,
    ServerReply,
    TlsFacts,
    Trial,
    extensions_of,
)
from loadkit.preflight.finding import plain
from loadkit.smtp.state import DialogueSettings

if TYPE_CHECKING:
    import socket

    from loadkit.preflight.request import ProbeRequest

BANNER_S = 6.5
"""Half a second longer than Postfix's postscreen lets clients wait."""
STEP_S = 3.0
QUIT_S = 0.5
_PATIENCE_S = 2.5

_REPLY_CODES = range(200, 600)
_NOT_IMPLEMENTED = range(500, 600)
_READY = 220
_HELO_NAME = DialogueSettings().helo_name


class _BrokenError(Exception):
    """The conversation is over before its time."""

    def __init__(self, breakdown: Breakdown) -> None:
        super().__init__(breakdown)
        self.breakdown = breakdown


@dataclass(frozen=True, slots=True)
class TlsOffer:
    """How a connection comes under TLS.

    Args:
        context: What is offered and demanded.
        implicit: Whether it starts before the banner.
    """

    context: ssl.SSLContext
    implicit: bool


def looking_context() -> ssl.SSLContext:
    """Takes any certificate and any key, to see what is there; TLS 1.2 and newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def context_up_to(version: ssl.TLSVersion) -> ssl.SSLContext:
    """Offers nothing newer than a version, which for the old ones the system's policy would forbid."""
    context = looking_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    return context


def run_context(*, verify: bool) -> ssl.SSLContext:
    """What a run offers and demands: the system's policy, TLS 1.2 and newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Talk:
    """One conversation, whose steps fill a `Conversation`.

    Args:
        sock: A connected socket, which the talk closes.
        request: What is asked.
        conversation: What is filled.
        deadline_s: Time of the event loop at which it must be over.
    """

    def __init__(
        self, sock: socket.socket, request: ProbeRequest, conversation: Conversation, deadline_s: float
    ) -> None:
        self._deadline_s = deadline_s
        self._request = request
        self._seen = conversation
        self._client = aiosmtplib.SMTP(
            hostname=request.target.host, port=None, sock=sock, local_hostname=_HELO_NAME.decode(), start_tls=False
        )
        self._sock = sock

    async def look(self) -> None:
        """Banner, EHLO, STARTTLS if there is any, and the envelope where a run would send it."""
        request = self._request
        needs = request.needs
        try:
            await self.greet(TlsOffer(looking_context(), request.target.implicit_tls))
            if not needs.starttls:
                await self._envelope()
            if "STARTTLS" in self._seen.extensions and not request.target.implicit_tls:
                await self.start_tls(looking_context())
                if self._seen.tls is not None:
                    self._seen.ehlo_tls = await self._ehlo()
                    if needs.starttls:
                        await self._envelope()
        except _BrokenError as broken:
            self._seen.breakdown = broken.breakdown

    async def greet(self, offer: TlsOffer) -> None:
        """TLS if it comes first, the banner, and EHLO."""
        seen, started_s = self._seen, _now()
        if offer.implicit:
            self._client.use_tls, self._client.tls_context = True, offer.context
        try:
            async with self._within(BANNER_S):
                seen.banner = _reply("banner", *await self._client.connect(timeout=None))
        except SMTPConnectResponseError as error:
            seen.banner = _reply("banner", error.code, error.message)
        except Exception as error:
            raise _BrokenError(_breakdown("banner", error, _now() - started_s)) from error
        seen.banner_s = _now() - started_s
        if offer.implicit:
            seen.tls = self._tls_facts()
        if seen.banner.code == _READY:
            seen.ehlo = await self._ehlo()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """STARTTLS and the handshake, unless the server refuses."""
        started_s = _now()
        protocol = self._client.protocol
        if protocol is None:
            raise _BrokenError(Breakdown("tls", Cause.CLOSED))
        try:
            async with self._within(STEP_S):
                await protocol.start_tls(context, server_hostname=self._request.target.host, timeout=STEP_S)
        except SMTPResponseException as error:
            self._seen.starttls = _reply("tls", error.code, error.message)
            return
        except Exception as error:
            raise _BrokenError(_breakdown("tls", error, _now() - started_s)) from error
        self._client.transport = protocol.transport
        self._seen.tls = self._tls_facts()

    async def attempt(self, offer: TlsOffer | None) -> Trial:
        """Banner, EHLO and TLS, on a connection beside the first.

        Args:
            offer: How it comes under TLS; None for a plain connection.
        """
        try:
            await self.greet(offer or TlsOffer(looking_context(), implicit=False))
            if offer is not None and not offer.implicit and "STARTTLS" in extensions_of(self._seen.ehlo):
                await self.start_tls(offer.context)
        except _BrokenError as broken:
            return Trial(broken.breakdown, _refusal(self._seen))
        return Trial(None, _refusal(self._seen))

    async def leave(self) -> None:
        """Say QUIT to a server that still listens, and close whatever happens."""
        with suppress(Exception):
            async with asyncio.timeout(QUIT_S):
                await self._client.execute_command(b"QUIT", timeout=None)
        transport = self._client.transport
        self._client.close()
        # An endless stream of a server must not keep a closing connection busy.
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._sock.close()

    async def _ehlo(self) -> ServerReply:
        verb = b"LHLO" if self._request.target.lmtp else b"EHLO"
        reply = await self._command("ehlo", verb, _HELO_NAME)
        if reply.code in _NOT_IMPLEMENTED and not self._request.target.lmtp:
            self._seen.esmtp = False
            reply = await self._command("ehlo", b"HELO", _HELO_NAME)
        return reply

    async def _envelope(self) -> None:
        """MAIL, RCPT and RSET, where no login comes before them."""
        needs, seen = self._request.needs, self._seen
        hello = seen.ehlo_tls or seen.ehlo
        if not needs.sender or needs.auth or hello is None or not hello.positive:
            return
        # RFC 6531 section 3.4: the envelope of a message with such addresses names the extension.
        utf8 = "" if (needs.sender + needs.recipient).isascii() else " SMTPUTF8"
        seen.mail = await self._command("mail", b"MAIL", f"FROM:<{needs.sender}>{utf8}".encode())
        if seen.mail.positive and needs.recipient:
            seen.rcpt = await self._command("rcpt", b"RCPT", f"TO:<{needs.recipient}>".encode())
        with suppress(_BrokenError):
            await self._command("rset", b"RSET")

    async def _command(self, phase: str, *words: bytes) -> ServerReply:
        started_s = _now()
        try:
            async with self._within(STEP_S):
                return _reply(phase, *await self._client.execute_command(*words, timeout=None))
        except SMTPResponseException as error:
            return _reply(phase, error.code, error.message)
        except _BrokenError:
            raise
        except Exception as error:
            raise _BrokenError(_breakdown(phase, error, _now() - started_s)) from error

    def _within(self, step_s: float) -> asyncio.Timeout:
        return asyncio.timeout_at(min(_now() + step_s, self._deadline_s))

    def _tls_facts(self) -> TlsFacts:
        tls: Any = None if self._client.transport is None else self._client.transport.get_extra_info("ssl_object")
        if tls is None:
            return TlsFacts("", "", None, "the connection was gone")
        cipher = (tls.cipher() or ("",))[0]
        try:
            return TlsFacts(tls.version() or "", cipher, read_certificate(tls.getpeercert(binary_form=True) or b""))
        except CertificateError as error:
            return TlsFacts(tls.version() or "", cipher, None, str(error))


def _refusal(seen: Conversation) -> ServerReply | None:
    replies = (seen.banner, seen.ehlo, seen.starttls)
    return next((reply for reply in replies if reply is not None and not reply.positive), None)


def _reply(phase: str, code: int, text: str) -> ServerReply:
    """A reply whose text can be shown; a code that is none ends the conversation."""
    if code not in _REPLY_CODES:
        raise _BrokenError(Breakdown(phase, Cause.MALFORMED, plain(text)))
    return ServerReply(code, "\n".join(plain(line) for line in text.split("\n")))


# aiosmtplib, asyncio and ssl raise more than they document when a server breaks the rules; whatever it is, the
# conversation is over and the look goes on.
def _breakdown(phase: str, error: Exception, waited_s: float) -> Breakdown:
    if isinstance(error, _BrokenError):
        return error.breakdown
    cause, detail = _cause(error)
    if cause is Cause.SILENT and waited_s < _PATIENCE_S:
        cause = Cause.TIME_UP
    return Breakdown(phase, cause, plain(detail), waited_s)


def _cause(error: Exception) -> tuple[Cause, str]:
    """Why a step failed: the innermost errors know best."""
    roots = list(_roots(error))
    tls = next((root for root in roots if isinstance(root, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return Cause.CERTIFICATE, tls.verify_message
    if tls is not None:
        return Cause.TLS_FAILED, (tls.reason or str(tls)).lower().replace("_", " ")
    if any(isinstance(root, TimeoutError) for root in roots):
        return Cause.SILENT, ""
    if isinstance(error, (OSError, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPConnectError)):
        return Cause.CLOSED, str(roots[-1])
    return Cause.MALFORMED, str(error)


def _roots(error: BaseException | None) -> Any:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _now() -> float:
    return asyncio.get_running_loop().time()
