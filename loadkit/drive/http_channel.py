"""Messages by HTTP: each is one request of a Locust FastHttpUser, which keeps its connection."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLError
from typing import TYPE_CHECKING, Any

from gevent import Timeout
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.response import HTTPConnectionClosed
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastHttpUser
from locust.env import Environment
from locust.event import Events

from loadkit.drive.network import reason_of
from loadkit.drive.tls import client_context
from loadkit.errors import UsageError
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

if TYPE_CHECKING:
    from loadkit.drive.channel_sender import Parcel
    from loadkit.scenario.channels import HttpEndpoint

MAX_ANSWER_BYTES = 262_144
"""What is read of an answer; the connection of a longer one is given up."""
_TEMPORARY = (408, 425, 429)
_PIECE_BYTES = 8192


class AnswerTooLongError(OSError):
    """A server does not come to the end of its answer."""


class _BoundedSocket:
    """A socket that gives up a server which says too much.

    Without it an answer that never ends would fill the memory; and since its bytes are there at once, no other greenlet
    and no timeout would ever have its turn.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._left_bytes = MAX_ANSWER_BYTES

    def sendall(self, data: bytes) -> None:
        """Send a request; the answer may have its full length again."""
        self._left_bytes = MAX_ANSWER_BYTES
        self._sock.sendall(data)

    def recv(self, size_bytes: int) -> bytes:
        """Receive.

        Raises:
            AnswerTooLongError: If that would be too much.
        """
        if self._left_bytes <= 0:
            raise AnswerTooLongError
        data: bytes = self._sock.recv(size_bytes)
        self._left_bytes -= len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _BoundedPool(HTTPClientPool):
    """Connections that give up such servers."""

    def get_client(self, url: Any) -> HTTPClient:
        """The client of a host."""
        known = len(self.clients)
        client = super().get_client(url)
        if len(self.clients) > known:
            connections = client._connection_pool  # noqa: SLF001 - it has no door for another kind of socket
            create = connections._create_socket  # noqa: SLF001
            connections._create_socket = lambda: _BoundedSocket(create())  # type: ignore[method-assign] # noqa: SLF001
        return client


class HttpConnection:
    """One connection to an HTTP API.

    Args:
        user_type: The Locust user that speaks.
        environment: Its environment.
        endpoint: What is asked for.
        headers: Headers of every request.
    """

    def __init__(
        self, user_type: type[Any], environment: Any, endpoint: HttpEndpoint, headers: Mapping[str, str]
    ) -> None:
        pool = _BoundedPool(**user_type.pool_options)
        self._user = type("PooledUser", (user_type,), {"client_pool": pool})(environment)
        self._user.client.cookiejar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._endpoint = endpoint
        self._headers = headers

    def send(self, parcel: Parcel) -> Outcome:
        """See `loadkit.drive.channel_sender.Connection`."""
        headers = {
            **self._headers,
            "X-Loadkit-Id": parcel.id,
            "X-Loadkit-Sent": f"{parcel.intended_us} {parcel.sent_us} {parcel.kind}",
        }
        answer = self._user.client.request(
            self._endpoint.method,
            self._endpoint.url,
            data=parcel.payload,
            headers=headers,
            stream=True,
            allow_redirects=False,  # nobody has allowed the host that they lead to
        )
        code = answer.status_code
        if not code:
            return _failure(answer.error)
        try:
            while answer.read(_PIECE_BYTES):
                pass
        except FAILURE_EXCEPTIONS as error:
            return _failure(error)
        return Outcome(_class_of(code), Phase.REQUEST, code)

    def close(self) -> None:
        """See `loadkit.drive.channel_sender.Connection`."""
        self._user.client.client.close()


def http_connector(endpoint: HttpEndpoint, *, verify: bool) -> Callable[[], HttpConnection]:
    """What makes connections to an HTTP API.

    Args:
        endpoint: The API, with its URL.
        verify: Whether its certificate must be valid.

    Raises:
        UsageError: If the environment lacks its token.
    """
    headers = {"Content-Type": endpoint.content_type, **endpoint.headers}
    if endpoint.token_env is not None:
        if not os.environ.get(endpoint.token_env):
            raise UsageError(f"not set in the environment: {endpoint.token_env}", hint="token_env names this variable")
        headers["Authorization"] = f"Bearer {os.environ[endpoint.token_env]}"
    pool_options = {
        "concurrency": 1,
        "connection_timeout": endpoint.timeout_s,
        "network_timeout": endpoint.timeout_s,
        "ssl_context_factory": lambda: client_context(verify=verify),
        "insecure": not verify,
    }
    user_type = type("ChannelHttpUser", (FastHttpUser,), {"host": endpoint.url, "pool_options": pool_options})
    # An environment of its own: the run's is told of each message by the recorder's rows, with its intended time.
    environment = Environment(events=Events())
    return lambda: HttpConnection(user_type, environment, endpoint, headers)


def _class_of(code: int) -> OutcomeClass:
    if code < 300:  # noqa: PLR2004 - RFC 9110, 15: classes of status codes
        return OutcomeClass.ACCEPTED
    return OutcomeClass.TRANSIENT if code >= 500 or code in _TEMPORARY else OutcomeClass.PERMANENT  # noqa: PLR2004


def _failure(error: BaseException) -> Outcome:
    error = getattr(error, "original", error)  # what was tried in vain, once
    if isinstance(error, AnswerTooLongError):
        return Outcome(OutcomeClass.PROTOCOL, Phase.REQUEST, reason="answer_too_long")
    if isinstance(error, TimeoutError | Timeout):
        return Outcome(OutcomeClass.TIMEOUT, Phase.REQUEST)
    if isinstance(error, SSLError):
        return Outcome(OutcomeClass.TLS, Phase.REQUEST, reason="handshake_failed")
    if isinstance(error, HTTPConnectionClosed):
        return Outcome(OutcomeClass.CONNECTION, Phase.REQUEST, reason="closed")
    if isinstance(error, OSError) and error.errno is not None:
        kind, reason = reason_of(error)
        return Outcome(kind, Phase.REQUEST, reason=reason)
    return Outcome(OutcomeClass.PROTOCOL, Phase.REQUEST, reason="not_http")
