"""Locust's request event, once for each transaction, and Locust's own statistics, taken in bulk."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from locust import stats as locust_stats
from locust.event import EventHook
from locust.stats import RequestStats, StatsEntry

from loadkit.measure.records import Tx

if TYPE_CHECKING:
    import numpy.typing as npt

    from loadkit.measure.records import Batch, OutcomeTable, RunPlan
    from loadkit.smtp.outcome import Outcome

REQUEST_TYPE = "SMTP"


class TransactionFailed(Exception):  # noqa: N818 - Locust shows the name
    """A message was not accepted; the exception of Locust's request event.

    Locust groups failures by their repr, so it holds codes and names from closed lists and nothing that a server wrote.

    Args:
        outcome: How the transaction ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class RequestHook(EventHook):  # type: ignore[misc]
    """A request event that tells Locust's own statistics from the listeners that others have added."""

    _handlers: list[Any]

    def fire_to_others(self, **event: Any) -> None:
        """Fire one event to every listener but Locust's own statistics, which take batches."""
        handlers, self._handlers = self._handlers, self._others()
        try:
            self.fire(**event)
        finally:
            self._handlers = handlers

    def has_others(self) -> bool:
        """Whether anybody but Locust's own statistics listens."""
        return bool(self._others())

    def _others(self) -> list[Any]:
        return [handler for handler in self._handlers if handler.__module__ != "locust.runners"]


class BulkStats(RequestStats):  # type: ignore[misc]
    """Locust's statistics, with a door for batches.

    Measured: 0.3 us a message, where one event a message costs 4 us.
    """

    def log_batch(self, name: str, protocol: str, times_ms: npt.NDArray[np.float64], size_bytes: int) -> None:
        """Take the response times of messages of one name and protocol, and the sum of their sizes."""
        now = time.time()
        batch = StatsEntry(self, name, protocol)
        batch.num_requests = len(times_ms)
        batch.total_response_time = float(times_ms.sum())
        batch.min_response_time = float(times_ms.min())
        batch.max_response_time = float(times_ms.max())
        # Looked up at each call, since Locust lets users replace it.
        batch.response_times = Counter(map(locust_stats.bucket_response_time, times_ms.tolist()))
        batch.num_reqs_per_sec = {int(now): len(times_ms)}
        batch.last_request_timestamp = now
        batch.total_content_length = size_bytes
        self.total.extend(batch)
        self.entries[name, protocol].extend(batch)


class EventFeed:
    """Tells Locust of each transaction.

    Args:
        hook: The environment's request event.
        stats: Its statistics.
        plan: The run's message kinds and its start.
        outcomes: The outcomes by number.
    """

    def __init__(self, hook: RequestHook, stats: BulkStats, plan: RunPlan, outcomes: OutcomeTable) -> None:
        self._hook = hook
        self._stats = stats
        self._kinds = plan.kinds
        self._protocols = [route.protocol.upper() for route in plan.routes] or [REQUEST_TYPE] * len(plan.kinds)
        self._outcomes = outcomes
        self._epoch_unix_s = plan.started_at
        self._exceptions: list[TransactionFailed | None] = []

    def feed(self, batch: Batch) -> None:
        """Tell of the transactions of a batch."""
        rows = batch.transactions
        if not len(rows):
            return
        self._learn()
        kinds = rows[:, Tx.KIND].astype(int)
        response_ms = (rows[:, Tx.COMPLETED] - rows[:, Tx.INTENDED]) * 1e3
        for kind in np.unique(kinds).tolist():
            of_kind = kinds == kind
            size_bytes = int(rows[of_kind, Tx.SIZE_BYTES].sum())
            self._stats.log_batch(self._kinds[kind], self._protocols[kind], response_ms[of_kind], size_bytes)
        outcomes = rows[:, Tx.OUTCOME].astype(int)
        for row in np.flatnonzero(outcomes).tolist():
            exception = self._exceptions[outcomes[row]]
            if exception is not None:
                self._stats.log_error(self._protocols[kinds[row]], self._kinds[kinds[row]], exception)
        if self._hook.has_others():
            self._fire(rows, kinds.tolist(), outcomes.tolist(), response_ms.tolist())

    def _fire(self, rows: Any, kinds: list[int], outcomes: list[int], response_ms: list[float]) -> None:
        sizes = rows[:, Tx.SIZE_BYTES].astype(int).tolist()
        started = (rows[:, Tx.STARTED] + self._epoch_unix_s).tolist()
        for kind, outcome, response, size, start in zip(kinds, outcomes, response_ms, sizes, started, strict=True):
            self._hook.fire_to_others(
                request_type=self._protocols[kind],
                name=self._kinds[kind],
                response_time=response,
                response_length=size,
                exception=self._exceptions[outcome],
                context={},
                start_time=start,
            )

    def _learn(self) -> None:
        for number in range(len(self._exceptions), len(self._outcomes)):
            outcome = self._outcomes[number]
            self._exceptions.append(None if outcome.accepted else TransactionFailed(outcome))
