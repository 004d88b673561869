"""After the load: asking the far end until everything accepted has arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import gevent

from loadkit.errors import LoadkitError
from loadkit.measure.bitmap import SequenceBitmap
from loadkit.measure.ledger import DeliveryLedger

POLL_S = 0.5
SETTLE_S = 1.0
"""How long a relay must have been quiet after the last message before nothing is expected to come twice."""
_LOOK_S = 0.1


class LedgerSource(Protocol):
    """Knows what arrived at the far end of a run; asked before and after the load, never meanwhile."""

    @property
    def relayed(self) -> bool:
        """Whether something may stand between the target and the sinks, so that accepted mail arrives later."""

    def fetch(self, run_id: str) -> DeliveryLedger:
        """What arrived of a run so far.

        Raises:
            LoadkitError: If it can't be known now.
        """

    def fetch_channels(self, run_id: str) -> Mapping[str, DeliveryLedger]:
        """What arrived of a run so far by other channels than SMTP, by message kind.

        Raises:
            LoadkitError: If it can't be known now.
        """


@dataclass(frozen=True, slots=True)
class Drained:
    """How the wait for accepted mail ended.

    Args:
        ledger: What had arrived; None where the far end could never be asked.
        complete: Whether no more was expected.
        trouble: Why the far end could not be asked the last time, or empty.
    """

    ledger: DeliveryLedger | None
    complete: bool
    trouble: str


class Drain:
    """Waits for accepted mail.

    Args:
        source: Knows what arrived.
        run_id: The run's id.
        accepted: Numbers of the messages that the target accepted, by sender.
        deadline_s: How long it may be that none of them arrives.
        stop: Asked often; true ends the wait.
        show: Told how many messages are still to come.
    """

    def __init__(
        self,
        source: LedgerSource,
        run_id: str,
        accepted: Mapping[int, SequenceBitmap],
        *,
        deadline_s: float,
        stop: Callable[[], bool],
        show: Callable[[int], None],
    ) -> None:
        self._source = source
        self._run_id = run_id
        self._accepted = accepted
        # Where the sink is the target, a message is in its ledger before it is accepted.
        self._deadline_s = deadline_s if source.relayed else 0.0
        self._stop = stop
        self._show = show
        self._trouble = ""

    def wait(self) -> Drained:
        """Ask until nothing more is to come, or for as long as it may take; to be called in a greenlet."""
        ledger: DeliveryLedger | None = None
        missing: int | None = None
        quiet_since_s = progress_s = perf_counter()
        while True:
            found = self._fetch()
            now = perf_counter()
            if found is not None:
                if ledger is None or found.deliveries != ledger.deliveries:
                    quiet_since_s = now
                ledger = found
                before, missing = missing, self._missing(found)
                # What comes again and again is no progress, or a mail loop would hold the run up for ever.
                if before is None or missing < before:
                    progress_s = now
                if not self._source.relayed or (not missing and now - quiet_since_s >= SETTLE_S):
                    return Drained(ledger, complete=True, trouble="")
                self._show(missing)
            if self._stop() or now - progress_s >= self._deadline_s:
                return Drained(ledger, complete=missing == 0, trouble=self._trouble)
            gevent.sleep(POLL_S)

    def _missing(self, found: DeliveryLedger) -> int:
        arrived, none = found.senders, SequenceBitmap()
        return sum((accepted - arrived.get(sender, none)).count for sender, accepted in self._accepted.items())

    def _fetch(self) -> DeliveryLedger | None:
        """Ask once, in a greenlet of its own, so that a sink that doesn't answer can't hold up an impatient user."""
        asking = gevent.spawn(self._ask)
        while not asking.ready():
            asking.join(_LOOK_S)
            if self._stop():
                asking.join(1.0)
                asking.kill()
        # What was killed has its killing for a value.
        return asking.value if isinstance(asking.value, DeliveryLedger) else None

    def _ask(self) -> DeliveryLedger | None:
        try:
            found = self._source.fetch(self._run_id)
        except LoadkitError as error:
            self._trouble = str(error)
            return None
        self._trouble = ""
        return found
