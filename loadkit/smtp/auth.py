"""SASL mechanisms of SMTP AUTH (RFC 4954): what to say first, and what to answer to each challenge."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Mechanism(StrEnum):
    """Mechanisms that loadkit speaks."""

    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its secret, which no repr shows.

    Args:
        mechanism: How to prove it.
        username: The user name.
        secret: Password, or the bearer token of XOAUTH2.
    """

    mechanism: Mechanism
    username: str
    secret: str = field(repr=False)


class AuthError(Exception):
    """The server's challenge makes no sense for the mechanism."""


def auth_command(credentials: Credentials) -> bytes:
    """The AUTH command, with the initial response where the mechanism has one."""
    name = credentials.mechanism.value.upper().encode()
    first = _initial_response(credentials)
    return b"AUTH " + name + (b" " + base64.b64encode(first) if first else b"") + b"\r\n"


def answer(credentials: Credentials, challenge: bytes, step: int) -> bytes:
    """The line that answers a 334 reply.

    Args:
        credentials: Who we are.
        challenge: Text of the 334 reply.
        step: How many challenges came before, from 0.

    Raises:
        AuthError: If the challenge is malformed or one too many.
    """
    try:
        decoded = base64.b64decode(challenge.strip(), validate=True)
    except binascii.Error as error:
        raise AuthError("challenge is not base64") from error
    respond = _RESPONSES.get((credentials.mechanism, step))
    if respond is None:
        raise AuthError("challenge was not expected")
    return base64.b64encode(respond(credentials, decoded)) + b"\r\n"


def _initial_response(credentials: Credentials) -> bytes:
    if credentials.mechanism is Mechanism.PLAIN:
        return f"\0{credentials.username}\0{credentials.secret}".encode()
    if credentials.mechanism is Mechanism.XOAUTH2:
        return f"user={credentials.username}\1auth=Bearer {credentials.secret}\1\1".encode()
    return b""


def _cram_md5(credentials: Credentials, challenge: bytes) -> bytes:
    digest = hmac.new(credentials.secret.encode(), challenge, "md5").hexdigest()
    return f"{credentials.username} {digest}".encode()


_RESPONSES: dict[tuple[Mechanism, int], Callable[[Credentials, bytes], bytes]] = {
    (Mechanism.LOGIN, 0): lambda credentials, _: credentials.username.encode(),
    (Mechanism.LOGIN, 1): lambda credentials, _: credentials.secret.encode(),
    (Mechanism.CRAM_MD5, 0): _cram_md5,
    # The server tells in the challenge why it refuses; an empty line makes it send the final reply.
    (Mechanism.XOAUTH2, 0): lambda _credentials, _: b"",
}
