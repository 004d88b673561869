"""Who may log in to the aiosmtpd sink: PLAIN, LOGIN, CRAM-MD5 and XOAUTH2 against one pair of credentials."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from sinks.options import Credentials


class Authenticator:
    """Checks who logs in; aiosmtpd itself speaks PLAIN and LOGIN and calls the object for the verdict.

    Args:
        credentials: The user who is let in.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any
    ) -> AuthResult:
        """Judge a user name with a password.

        Args:
            login: aiosmtpd's pair of user name and password.
        """
        assert isinstance(login, LoginPassword)
        known = hmac.compare_digest(login.login, self._credentials.username)
        return _verdict(accepted=known & hmac.compare_digest(login.password, self._credentials.password))

    async def cram_md5(self, server: SMTP, _arguments: list[str]) -> AuthResult:
        """Run CRAM-MD5 (RFC 2195): the client signs a challenge with the password."""
        challenge = f"<{secrets.token_hex(8)}@{server.hostname}>".encode()
        answer = await server.challenge_auth(challenge)
        if answer is MISSING:
            return AuthResult(success=False)
        assert isinstance(answer, bytes)
        digest = hmac.new(self._credentials.password, challenge, "md5").hexdigest().encode()
        return _verdict(accepted=hmac.compare_digest(answer, self._credentials.username + b" " + digest))

    async def xoauth2(self, server: SMTP, arguments: list[str]) -> AuthResult:
        """Run XOAUTH2: the client presents a bearer token, at once or after an empty challenge."""
        answer = _decoded(arguments[1]) if len(arguments) > 1 else await server.challenge_auth("")
        if answer is MISSING:
            return AuthResult(success=False)
        assert isinstance(answer, bytes)
        expected = b"user=%b\x01auth=Bearer %b\x01\x01" % (self._credentials.username, self._credentials.password)
        return _verdict(accepted=hmac.compare_digest(answer, expected))


def _decoded(text: str) -> bytes:
    """The initial response; what is no base64 can't match any credentials."""
    try:
        return b64decode(text.encode(errors="replace"), validate=True)
    except Base64Error:
        return b""


def _verdict(*, accepted: bool) -> AuthResult:
    return AuthResult(success=accepted, handled=False)
