"""What arrived at sinks elsewhere, asked over their admin interfaces."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from loadkit.errors import LoadkitError, TargetError, UsageError
from loadkit.measure.ledger import DeliveryLedger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.intake import Intake

TIMEOUT_S = 10.0
# The bitmap of as many messages as a run can have, uncompressed and in base64, is 358 MB.
MAX_BYTES = 400_000_000

_UNAUTHORIZED = (401, 403)


@dataclass(frozen=True, slots=True)
class SinkLedgers:
    """The ledgers of several sinks as one.

    Args:
        urls: Addresses of their admin interfaces, without a slash at the end.
        token: What they ask for, or None.
    """

    urls: tuple[str, ...]
    token: str | None = field(default=None, repr=False)

    @property
    def relayed(self) -> bool:
        """Nobody knows what stands between."""
        return True

    def fetch(self, run_id: str) -> DeliveryLedger:
        """What arrived of a run so far.

        Raises:
            TargetError: If a sink doesn't answer, refuses the token, or is none.
        """
        whole = DeliveryLedger(run_id)
        for url in self.urls:
            found = self._read(url, run_id).runs.get(run_id)
            if found is not None:
                whole.merge(found)
        return whole

    def fetch_channels(self, run_id: str) -> Mapping[str, DeliveryLedger]:
        """What arrived by other channels, by kind; for the rest as `fetch`."""
        from sinks.intake import Channels

        whole = Channels()
        for url in self.urls:
            whole.merge(self._read(url, run_id).channels)
        return whole.runs.get(run_id, {})

    def count(self, run_id: str) -> int:
        """How many messages of a run arrived so far, each counted once by each sink; cheaper than the ledgers.

        Raises:
            TargetError: If a sink doesn't answer, refuses the token, or is none.
        """
        return sum(self._count(url, run_id) for url in self.urls)

    def _count(self, url: str, run_id: str) -> int:
        content = self._get(f"{url}/counters?run={quote(run_id)}", url)
        try:
            counters = json.loads(content)
            return int(counters["deliveries"]) - int(counters["duplicates"])
        except (KeyError, TypeError, ValueError) as error:
            raise TargetError(f"what {url} answers are no counters: {error}") from error

    def _read(self, url: str, run_id: str) -> Intake:
        from sinks.intake import Intake

        content = self._get(f"{url}/ledger?run={quote(run_id)}", url)
        try:
            return Intake.from_dict(json.loads(content))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise TargetError(
                f"what {url} answers is no ledger: {error}", hint="name the admin interface of a sink of this version"
            ) from error

    def _get(self, address: str, url: str) -> bytes:
        # Imported late: gevent must have replaced sockets and ssl before.
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        request = Request(address)  # noqa: S310 - the scheme was checked with the URL
        if self.token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with _opener().open(request, timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read(MAX_BYTES + 1)
        except HTTPError as error:
            with error:
                told = f"the sink {url} answers {error.code} {error.reason}"
                raise TargetError(told, hint=_hint(error.code)) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise TargetError(f"the sink {url} can't be asked for its ledger: {reason}", hint=_hint(0)) from error
        if len(content) > MAX_BYTES:
            raise TargetError(f"the ledger of {url} is larger than {MAX_BYTES:,} bytes")
        return content


def _opener() -> Any:
    """No proxy, and no way to another host with the token."""
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    return build_opener(ProxyHandler({}), Stay)


def _hint(status: int) -> str:
    if status in _UNAUTHORIZED:
        return "name the environment variable that holds its token: delivery.token_env"
    return "a sink shows the address of its admin interface when it starts with --admin"


def sink_ledgers(urls: Sequence[str], token_env: str | None) -> SinkLedgers:
    """The sinks of a run, asked once to see that they answer.

    Args:
        urls: Addresses of their admin interfaces.
        token_env: Name of the environment variable that holds their token, or None.

    Raises:
        UsageError: If the variable is not set.
        TargetError: If a sink doesn't answer as one.
    """
    token = None if token_env is None else os.environ.get(token_env)
    if token_env is not None and not token:
        raise UsageError(f"not set in the environment: {token_env}", hint="delivery.token_env names this variable")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError(f"{token_env} holds what is no token", hint="a token has letters, digits and marks only")
    ledgers = SinkLedgers(tuple(dict.fromkeys(url.rstrip("/") for url in urls)), token)
    try:
        ledgers.fetch("0" * 8)
    except LoadkitError as error:
        raise TargetError(f"{error}; nothing was sent", hint=error.hint) from error
    return ledgers
