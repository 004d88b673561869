"""Who may log in to a sink: PLAIN, LOGIN, CRAM-MD5 and XOAUTH2 against one pair of credentials; no I/O.

An exchange is a generator that yields challenges, is sent the client's responses, both without base64, and returns
whether the client is let in.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinks.options import Credentials

Exchange = Generator[bytes, bytes, bool]

_PLAIN_PARTS = 3


class MalformedLoginError(ValueError):
    """A response is no base64 or has the wrong form."""


def decode(response: bytes) -> bytes:
    """A response without its base64; a lone ``=`` is an empty one (RFC 4954, section 4).

    Raises:
        MalformedLoginError: If it is no base64.
    """
    if response == b"=":
        return b""
    try:
        return b64decode(response, validate=True)
    except Base64Error as error:
        raise MalformedLoginError("not base64") from error


class Login:
    """Checks who logs in.

    Args:
        credentials: The user who is let in.
        hostname: The sink's name, which challenges carry.

    Attributes:
        mechanisms: Begins an exchange, by the mechanism's name; each takes the initial response or None.
    """

    def __init__(self, credentials: Credentials, hostname: str) -> None:
        self._credentials = credentials
        self._hostname = hostname
        self.mechanisms: dict[bytes, Callable[[bytes | None], Exchange]] = {
            b"CRAM-MD5": self._cram_md5,
            b"LOGIN": self._login,
            b"PLAIN": self._plain,
            b"XOAUTH2": self._xoauth2,
        }

    def accepts(self, username: bytes, password: bytes) -> bool:
        """Judge a user name with a password, in a time that tells nothing about either."""
        known = hmac.compare_digest(username, self._credentials.username)
        return known & hmac.compare_digest(password, self._credentials.password)

    def _plain(self, initial: bytes | None) -> Exchange:
        """RFC 4616: authorisation identity, user name and password in one response."""
        response = (yield b"") if initial is None else initial
        parts = response.split(b"\0")
        if len(parts) != _PLAIN_PARTS:
            raise MalformedLoginError("not three parts")
        return self.accepts(parts[1], parts[2])

    def _login(self, initial: bytes | None) -> Exchange:
        """User name, then password."""
        username = (yield b"Username:") if initial is None else initial
        return self.accepts(username, (yield b"Password:"))

    def _cram_md5(self, _initial: bytes | None) -> Exchange:
        """RFC 2195: the client signs a challenge with the password."""
        challenge = f"<{secrets.token_hex(8)}@{self._hostname}>".encode()
        digest = hmac.new(self._credentials.password, challenge, "md5").hexdigest().encode()
        return hmac.compare_digest((yield challenge), self._credentials.username + b" " + digest)

    def _xoauth2(self, initial: bytes | None) -> Exchange:
        """The client presents a bearer token, at once or after an empty challenge."""
        response = (yield b"") if initial is None else initial
        expected = b"user=%b\x01auth=Bearer %b\x01\x01" % (self._credentials.username, self._credentials.password)
        return hmac.compare_digest(response, expected)
