"""HTTP answers of servers that may be slow, endless or hostile."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_OK = 200
_PIECE_BYTES = 65_536


class FetchError(Exception):
    """There was no answer to use; the message says why."""


def fetch(url: str, path: str, *, deadline_s: float, limit_bytes: int) -> bytes:
    """Get what is at a URL; to be called in the main thread of a process of its own.

    Args:
        url: Scheme, host and port; redirects and proxies are not followed.
        path: What to ask for, with its query.
        deadline_s: Longest time for everything together.
        limit_bytes: Longest answer.

    Raises:
        FetchError: If there is none, or it is too slow or too long.
    """
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    assert parts.hostname is not None
    connection = make(parts.hostname, parts.port, timeout=deadline_s)
    try:
        with _deadline(deadline_s):
            connection.request("GET", path, headers={"Accept": "text/plain, application/json"})
            answer = connection.getresponse()
            if answer.status != _OK:
                raise FetchError(f"it answers {answer.status} {answer.reason[:80]}")
            content = b""
            while piece := answer.read1(_PIECE_BYTES):
                content += piece
                if len(content) > limit_bytes:
                    raise FetchError(f"its answer is longer than {limit_bytes:,} bytes")
            return content
    except TimeoutError:
        raise FetchError(f"no whole answer within {deadline_s:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FetchError(reason) from error
    finally:
        connection.close()


@contextmanager
def _deadline(after_s: float) -> Iterator[None]:
    """Raise TimeoutError after a time whatever goes on: a time-out of sockets begins anew with every byte."""

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, after_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
