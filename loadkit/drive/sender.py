"""The sender: a pool of sessions that takes arrivals from a pacer, or as fast as its sessions become free."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from loadkit.drive.composer import Arrival, ClosedLoop, Composer
from loadkit.drive.journal import Journal, pack_arrival, pack_note, pack_set_up, pack_transaction
from loadkit.drive.network import Address
from loadkit.drive.session import Session, Wiring
from loadkit.measure.records import Event, Gauges
from loadkit.smtp.dialogue import ACCEPTED
from loadkit.smtp.outcome import SETUP_PHASES, Outcome, OutcomeClass, Phase
from loadkit.smtp.state import Transaction

_NAN = float("nan")
_BY_THE_SERVER = (OutcomeClass.TRANSIENT, OutcomeClass.PERMANENT, OutcomeClass.CONNECTION)


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """How sessions are opened, used and given up.

    Args:
        max_sessions: Open connections at most.
        draw_messages: Draws how many messages a new session carries.
        queue_limit: Arrivals that may wait for a session; over it they are shed.
        reconnect_initial_s: Pause after a failed set-up; doubled by each further one.
        reconnect_max_s: Longest pause.
        attempts: Attempts in all for a message that is refused for now (4xx).
        retry_delay_s: Pause before another attempt.
        local_addresses: Addresses to send from, in turn; none leaves the choice to the system.
    """

    max_sessions: int
    draw_messages: Callable[[], int]
    queue_limit: int
    reconnect_initial_s: float
    reconnect_max_s: float
    attempts: int = 1
    retry_delay_s: float = 0.0
    local_addresses: tuple[str, ...] = ()


Work = tuple[Arrival, float, int]
"""An arrival on its way: when the pacer released it, in seconds since the run's start, and which attempt this is."""


class Sender:
    """Owner of the sessions. Everything here runs in callbacks of the event loop and never blocks.

    Args:
        wiring: What the sessions share.
        addresses: The target's addresses.
        policy: The pool's rules.
        composer: Makes transactions of arrivals.
        journal: Takes the rows.
        epoch_s: The clock's reading at the run's start.
        closed_loop: Arrivals to be taken whenever a session is free; None where a pacer calls `release`.
    """

    def __init__(
        self,
        wiring: Wiring,
        addresses: Sequence[Address],
        policy: PoolPolicy,
        composer: Composer,
        journal: Journal,
        *,
        epoch_s: float,
        closed_loop: ClosedLoop | None = None,
    ) -> None:
        self._wiring = wiring
        self._addresses = tuple(addresses)
        self._policy = policy
        self._composer = composer
        self._journal = journal
        self._epoch_s = epoch_s
        self._closed_loop = closed_loop
        self._sessions: set[Session] = set()
        self._idle: dict[Session, None] = {}  # the most recently used last
        self._queue: deque[Work] = deque()
        self._retries: deque[tuple[float, Work]] = deque()
        self._local_addresses = itertools.cycle(policy.local_addresses or (None,))
        self._pause_s = 0.0
        self._paused_until = 0.0
        self._last_failure: Outcome | None = None
        self._in_flight = 0

    # --- for the runner ---

    @property
    def outstanding(self) -> int:
        """Messages that are in flight, queued, or waiting for another attempt."""
        return self._in_flight + len(self._queue) + len(self._retries)

    @property
    def connections(self) -> int:
        """Connections that are open or opening."""
        return len(self._sessions)

    @property
    def exhausted(self) -> bool:
        """Whether a closed loop has no arrival left; an open loop's pacer knows by itself."""
        return self._closed_loop is None

    def gauges(self) -> Gauges:
        """The state now."""
        return Gauges(perf_counter() - self._epoch_s, self._in_flight, len(self._sessions), len(self._queue))

    def release(self, arrival: Arrival, now: float) -> None:
        """Take an arrival whose time has come."""
        self._journal.offered(pack_arrival(arrival.intended_s, arrival.kind, arrival.stage))
        self._dispatch((arrival, now - self._epoch_s, 1), now)

    def sweep(self, now: float) -> None:
        """Act on what is overdue; to be called a few times a second."""
        for session in [session for session in self._sessions if session.deadline < now]:
            session.expire(now)
        while self._retries and self._retries[0][0] <= now:
            self._dispatch(self._retries.popleft()[1], now)
        self._open_wanted(now)

    def stop(self) -> None:
        """Take no new arrivals; what is under way goes on."""
        self._closed_loop = None

    def abort_work(self, now: float) -> None:
        """End every message that is under way; it is counted as cut off by the end of the run."""
        self.stop()
        queued, self._queue = self._queue, deque()
        for work in queued:
            self._shed(work)
        retries, self._retries = self._retries, deque()
        for _, work in retries:
            self._record_unsent(work, Outcome(OutcomeClass.CLIENT, Phase.CONNECT, reason="run_ended"), now)
        for session in [session for session in self._sessions if session.work is not None]:
            session.abort(OutcomeClass.CLIENT, "run_ended", now)

    def quit(self, now: float) -> None:
        """Say goodbye on every session."""
        for session in list(self._sessions):
            session.quit(now)

    def abort_sessions(self, now: float) -> None:
        """Close whatever is still open."""
        for session in list(self._sessions):
            session.abort(OutcomeClass.CLIENT, "run_ended", now)

    # --- for the sessions ---

    def set_up(self, session: Session, now: float) -> None:
        """Note how a session's set-up ended; a message that it was opened for shares its failure."""
        dialogue = session.dialogue
        failure = dialogue.failed
        outcome = failure or Outcome(OutcomeClass.ACCEPTED, Phase.EHLO)
        durations = [dialogue.setup_s.get(phase, _NAN) for phase in SETUP_PHASES]
        self._journal.set_up(pack_set_up(now - self._epoch_s, self._journal.intern(outcome), *durations))
        if failure is None:
            self._pause_s = 0.0
            session.allowed = session.remaining
            return
        self._last_failure = failure
        if now >= self._paused_until:  # sessions that fail together lengthen the pause once
            self._pause_s = min(max(self._pause_s * 2, self._policy.reconnect_initial_s), self._policy.reconnect_max_s)
            self._paused_until = now + self._pause_s
        if session.work is not None:
            work, session.work = session.work, None
            self._in_flight -= 1
            self._end_unsent(work, failure, now)

    def finished(self, session: Session, transaction: Transaction, now: float) -> None:
        """Record a transaction that ended, or plan another attempt."""
        work = session.work
        session.work = session.next_work
        session.next_work = None
        self._in_flight -= 1
        arrival, released_s, attempt = work
        outcome = transaction.outcome
        started_at, mail_at, rcpt_at = transaction.started_at, transaction.mail_at, transaction.rcpt_at
        data_at = transaction.data_at
        number = 0
        dot_s = now - (data_at if data_at == data_at else rcpt_at)  # noqa: PLR0124 - NaN with BDAT
        if outcome is not ACCEPTED:
            assert outcome is not None
            if session.dialogue.failed is not None:
                session.remaining += 1  # the session ended before it had carried this one
            if self._retry(work, outcome, now):
                return
            number = self._journal.intern(outcome)
            if not outcome.accepted and outcome.phase is not Phase.DOT:
                dot_s = _NAN
        seq, intended_s, stage, kind, _, size_bytes, _, _, _ = arrival
        epoch_s = self._epoch_s
        self._journal.transaction(
            pack_transaction(
                seq,
                kind,
                stage,
                number,
                intended_s,
                released_s,
                started_at - epoch_s,
                now - epoch_s,
                mail_at - started_at,
                rcpt_at - mail_at,
                data_at - rcpt_at,
                dot_s,
                size_bytes,
                attempt,
            )
        )

    def ready(self, session: Session, now: float) -> Transaction | None:
        """The next transaction of a session that is free."""
        work = session.work
        if work is None:
            if session.remaining <= 0:
                session.quit(now)
                return None
            work = self._queue.popleft() if self._queue else self._take(now)
            if work is None:
                self._idle[session] = None
                return None
            session.work = work
            self._in_flight += 1
        session.remaining -= 1
        return self._composer.compose(work[0], session.dialogue, now)

    def follow(self, session: Session, now: float) -> Transaction | None:
        """In a closed loop, the next transaction; an open loop's arrivals do better on a session that is free."""
        if session.remaining <= 0 or self._closed_loop is None:
            return None
        work = self._take(now)
        if work is None:
            return None
        session.next_work = work
        session.remaining -= 1
        self._in_flight += 1
        return self._composer.compose(work[0], session.dialogue, now)

    def closed(self, session: Session, now: float) -> None:
        """Forget a session, and open another if there is work for it."""
        self._sessions.discard(session)
        self._idle.pop(session, None)
        failure = session.dialogue.failed
        if failure is not None and session.allowed and failure.kind in _BY_THE_SERVER:
            carried = session.allowed - session.remaining
            self._journal.note(pack_note(Event.SESSION_END, self._journal.intern(failure), carried))
        self._open_wanted(now)

    # --- inside ---

    def _dispatch(self, work: Work, now: float) -> None:
        if self._idle:
            session, _ = self._idle.popitem()
            session.work = work
            session.remaining -= 1
            self._in_flight += 1
            session.begin(self._composer.compose(work[0], session.dialogue, now), now)
        elif self._may_open(now):
            self._open(work)
        elif not self._sessions and self._last_failure is not None:
            # As an MTA does with a destination that is down: no attempt until the pause is over.
            self._end_unsent(work, self._last_failure, now)
        elif len(self._queue) < self._policy.queue_limit:
            self._queue.append(work)
        else:
            self._shed(work)

    def _take(self, now: float) -> Work | None:
        if self._closed_loop is None:
            return None
        now_s = now - self._epoch_s
        arrival = self._closed_loop.take(now_s)
        if arrival is None:
            self._closed_loop = None
            return None
        self._journal.offered(pack_arrival(now_s, arrival.kind, arrival.stage))
        return arrival, now_s, 1

    def _may_open(self, now: float) -> bool:
        return len(self._sessions) < self._policy.max_sessions and now >= self._paused_until

    def _open_wanted(self, now: float) -> None:
        while self._may_open(now):
            work = self._queue.popleft() if self._queue else self._take(now)
            if work is None:
                return
            self._open(work)

    def _open(self, work: Work) -> None:
        session = Session(self, self._wiring, self._addresses, next(self._local_addresses))
        session.work = work
        session.remaining = self._policy.draw_messages()
        self._in_flight += 1
        self._sessions.add(session)
        session.open()

    def _retry(self, work: Work, outcome: Outcome, now: float) -> bool:
        arrival, released_s, attempt = work
        if outcome.kind is not OutcomeClass.TRANSIENT or attempt >= self._policy.attempts:
            return False
        self._journal.note(pack_note(Event.RETRY, self._journal.intern(outcome), _NAN))
        self._retries.append((now + self._policy.retry_delay_s, (arrival, released_s, attempt + 1)))
        return True

    def _end_unsent(self, work: Work, failure: Outcome, now: float) -> None:
        if not self._retry(work, failure, now):
            self._record_unsent(work, failure, now)

    def _record_unsent(self, work: Work, outcome: Outcome, now: float) -> None:
        """Record a message that ended before its transaction began."""
        arrival, released_s, attempt = work
        self._journal.transaction(
            pack_transaction(
                arrival.seq,
                arrival.kind,
                arrival.stage,
                self._journal.intern(outcome),
                arrival.intended_s,
                released_s,
                released_s,
                now - self._epoch_s,
                *(_NAN, _NAN, _NAN, _NAN),
                arrival.size_bytes,
                attempt,
            )
        )

    def _shed(self, work: Work) -> None:
        arrival = work[0]
        self._journal.shed(pack_arrival(arrival.intended_s, arrival.kind, arrival.stage))
