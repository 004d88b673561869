"""The sender of a channel beside SMTP: a bounded number of connections, each of which carries one message at a time.

What a channel's library does blocks, so that each message under way has a greenlet; SMTP sessions need none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import gevent

from loadkit.drive.composer import Arrival
from loadkit.drive.journal import Journal, pack_arrival, pack_transaction
from loadkit.measure.records import Gauges
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

_NAN = float("nan")
_CLOSE_S = 1.0
_ANSWERED = (OutcomeClass.ACCEPTED, OutcomeClass.TRANSIENT, OutcomeClass.PERMANENT)
"""Ends after which a connection carries the next message."""
_PLACEHOLDER = re.compile(r"\{(id|kind)\}")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a message is to a channel.

    Args:
        id: Its id: run, sender and number.
        kind: Name of its kind.
        intended_us: When the schedule wanted it sent, in microseconds of Unix time.
        sent_us: When it is sent, likewise.
        payload: Its content.
    """

    id: str
    kind: str
    intended_us: int
    sent_us: int
    payload: bytes


class Wrapper:
    """Makes parcels of arrivals.

    Args:
        run_id: The run's id.
        sender_index: The sender's number within the run.
        kinds: Names of the message kinds.
        epoch_unix_s: Unix time of the run's start.
        epoch_s: The same moment on the clock that `wrap` is given.
    """

    def __init__(
        self, run_id: str, sender_index: int, kinds: tuple[str, ...], *, epoch_unix_s: float, epoch_s: float
    ) -> None:
        self._head = f"{run_id}.{sender_index}."
        self._kinds = kinds
        self._epoch_unix_s = epoch_unix_s
        self._to_unix_s = epoch_unix_s - epoch_s

    def wrap(self, arrival: Arrival, body: str | None, now: float) -> Parcel:
        """The parcel of an arrival.

        Args:
            arrival: The arrival.
            body: Text with placeholders; None for a JSON object of the arrival's size.
            now: The clock's reading.
        """
        ident, kind = f"{self._head}{arrival.seq}", self._kinds[arrival.kind]
        intended_us = int((self._epoch_unix_s + arrival.intended_s) * 1e6)
        sent_us = int((self._to_unix_s + now) * 1e6)
        if body is None:
            # Nothing in it needs escaping.
            head = f'{{"id":"{ident}","kind":"{kind}","intended_us":{intended_us},"sent_us":{sent_us},"text":"'
            text = head + "x" * (arrival.size_bytes - len(head) - 2) + '"}'
        else:
            values = {"id": ident, "kind": kind}
            text = _PLACEHOLDER.sub(lambda match: values[match[1]], body)
        return Parcel(ident, kind, intended_us, sent_us, text.encode())


class Connection(Protocol):
    """One connection of a channel."""

    def send(self, parcel: Parcel) -> Outcome:
        """Send a message and wait for its end.

        Raises:
            OSError: If the connection fails.
        """

    def close(self) -> None:
        """Say goodbye and close."""


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """How a channel is used.

    Args:
        phase: What the end of a message is said to be in.
        max_connections: Open connections at most.
        queue_limit: Messages that may wait for one; over it they are shed.
        timeout_s: The longest that a message may take, its connection included.
        body: Text of every message, or None.
    """

    phase: Phase
    max_connections: int
    queue_limit: int
    timeout_s: float
    body: str | None


@dataclass(slots=True)
class _UnderWay:
    """A message that a greenlet carries."""

    work: _Work
    started_s: float
    size_bytes: int = 0


_Work = tuple[Arrival, float]
"""An arrival, and when the pacer released it in seconds since the run's start."""


class ChannelSender:
    """Sends the arrivals of one channel.

    Args:
        policy: How it is used.
        connect: Makes a connection, which opens with its first message.
        reason_of: Whose fault an operating system error is, and its short name.
        wrapper: Makes parcels.
        journal: Takes the rows.
        epoch_s: The clock's reading at the run's start.
    """

    def __init__(
        self,
        policy: ChannelPolicy,
        connect: Callable[[], Connection],
        reason_of: Callable[[OSError], tuple[OutcomeClass, str]],
        wrapper: Wrapper,
        journal: Journal,
        *,
        epoch_s: float,
    ) -> None:
        self._policy = policy
        self._connect = connect
        self._reason_of = reason_of
        self._wrapper = wrapper
        self._journal = journal
        self._epoch_s = epoch_s
        self._idle: list[Connection] = []
        self._queue: deque[_Work] = deque()
        self._under_way: dict[gevent.Greenlet, _UnderWay] = {}
        self._open = 0

    @property
    def outstanding(self) -> int:
        """Messages that are under way or queued."""
        return len(self._under_way) + len(self._queue)

    @property
    def connections(self) -> int:
        """Connections that are open or opening."""
        return self._open

    def gauges(self) -> Gauges:
        """The state now."""
        return Gauges(perf_counter() - self._epoch_s, len(self._under_way), self._open, len(self._queue))

    def release(self, arrival: Arrival, now: float) -> None:
        """Take an arrival whose time has come; called by the pacer, and never blocks."""
        self._journal.offered(pack_arrival(arrival.intended_s, arrival.kind, arrival.stage))
        work = arrival, now - self._epoch_s
        if len(self._under_way) < self._policy.max_connections:
            carrier = gevent.Greenlet(self._carry)
            self._under_way[carrier] = _UnderWay(work, _NAN)
            carrier.start()
        elif len(self._queue) < self._policy.queue_limit:
            self._queue.append(work)
        else:
            self._shed(work)

    def abort_work(self, now: float) -> None:
        """End every message; it is counted as cut off by the end of the run."""
        queued, self._queue = self._queue, deque()
        for work in queued:
            self._shed(work)
        under_way, self._under_way = self._under_way, {}
        for carrier, one in under_way.items():
            self._record(one, Outcome(OutcomeClass.CLIENT, self._policy.phase, reason="run_ended"), now)
            carrier.kill(block=False)

    def quit(self) -> None:
        """Say goodbye on every idle connection; those with a message were given up before."""
        idle, self._idle = self._idle, []
        for connection in idle:
            gevent.spawn(self._close, connection)

    # --- in greenlets ---

    def _carry(self) -> None:
        """Carry messages until none waits."""
        carrier = gevent.getcurrent()
        while (one := self._under_way.get(carrier)) is not None:
            outcome = self._send(one)
            if self._under_way.pop(carrier, None) is None:
                return
            self._record(one, outcome, perf_counter())
            if self._queue:
                self._under_way[carrier] = _UnderWay(self._queue.popleft(), _NAN)

    def _send(self, one: _UnderWay) -> Outcome:
        policy, connection = self._policy, self._idle.pop() if self._idle else None
        one.started_s = now = perf_counter()
        parcel = self._wrapper.wrap(one.work[0], policy.body, now)
        one.size_bytes = len(parcel.payload)
        outcome = Outcome(OutcomeClass.CLIENT, policy.phase, reason="run_ended")
        limit = gevent.Timeout(policy.timeout_s)
        limit.start()
        try:
            if connection is None:
                self._open += 1
                connection = self._connect()
            outcome = connection.send(parcel)
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            outcome = Outcome(OutcomeClass.TIMEOUT, policy.phase)
        except OSError as error:
            kind, reason = self._reason_of(error)
            outcome = Outcome(kind, policy.phase, reason=reason)
        finally:
            limit.cancel()
            if outcome.kind in _ANSWERED and connection is not None:
                self._idle.append(connection)
            else:
                self._forget(connection)
        return outcome

    def _forget(self, connection: Connection | None) -> None:
        if connection is None:
            self._open -= 1
        else:
            gevent.spawn(self._close, connection)

    def _close(self, connection: Connection) -> None:
        try:
            with gevent.Timeout(_CLOSE_S, exception=False):
                connection.close()
        finally:
            self._open -= 1

    def _record(self, one: _UnderWay, outcome: Outcome, now: float) -> None:
        arrival, released_s = one.work
        started_s = one.started_s if one.started_s == one.started_s else now
        self._journal.transaction(
            pack_transaction(
                arrival.seq,
                arrival.kind,
                arrival.stage,
                self._journal.intern(outcome),
                arrival.intended_s,
                released_s,
                started_s - self._epoch_s,
                now - self._epoch_s,
                *(_NAN, _NAN, _NAN, _NAN),
                one.size_bytes or arrival.size_bytes,
                1,
            )
        )

    def _shed(self, work: _Work) -> None:
        arrival = work[0]
        self._journal.shed(pack_arrival(arrival.intended_s, arrival.kind, arrival.stage))
