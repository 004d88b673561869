"""How the aiosmtpd sink asks `Login` who may log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

from sinks.login import Login, MalformedLoginError, decode

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

    def __call__(self, server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
        """Judge a user name with a password.

        Args:
            server: The connection.
            login: aiosmtpd's pair of user name and password.
        """
        assert isinstance(login, LoginPassword)
        return _verdict(accepted=self._login(server).accepts(login.login, login.password))

    async def cram_md5(self, server: SMTP, arguments: list[str]) -> AuthResult:
        """Run CRAM-MD5."""
        return await self._exchange(server, arguments)

    async def xoauth2(self, server: SMTP, arguments: list[str]) -> AuthResult:
        """Run XOAUTH2."""
        return await self._exchange(server, arguments)

    async def _exchange(self, server: SMTP, arguments: list[str]) -> AuthResult:
        name, *initial = (argument.encode(errors="replace") for argument in arguments)
        try:
            exchange = self._login(server).mechanisms[name](decode(initial[0]) if initial else None)
            challenge = next(exchange)
            while (response := await server.challenge_auth(challenge)) is not MISSING:
                assert isinstance(response, bytes)
                challenge = exchange.send(response)
        except MalformedLoginError as error:
            await server.push(f"501 5.5.2 Malformed response: {error}")
        except StopIteration as end:
            return _verdict(accepted=end.value)
        return AuthResult(success=False)

    def _login(self, server: SMTP) -> Login:
        return Login(self._credentials, server.hostname)


def _verdict(*, accepted: bool) -> AuthResult:
    return AuthResult(success=accepted, handled=False)
