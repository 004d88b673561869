"""Rows that the drivers hand to the recorder: fixed columns of float64, so that a batch is one array and no objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

Rows = npt.NDArray[np.float64]

MAX_OUTCOMES = 256


class Tx(IntEnum):
    """Columns of a transaction row. Times are seconds since the run's start, durations seconds; absent is NaN."""

    SEQ = 0
    KIND = 1
    STAGE = 2
    OUTCOME = 3
    INTENDED = 4
    RELEASED = 5
    STARTED = 6
    COMPLETED = 7
    MAIL = 8
    RCPT = 9
    DATA = 10
    DOT = 11
    SIZE_BYTES = 12
    ATTEMPTS = 13


class Setup(IntEnum):
    """Columns of a session set-up row, one per connection attempt. Durations in seconds; absent is NaN."""

    ENDED = 0
    OUTCOME = 1
    CONNECT = 2
    BANNER = 3
    TLS = 4
    EHLO = 5
    AUTH = 6


class Note(IntEnum):
    """Columns of a row about something that ends neither a message nor a set-up."""

    EVENT = 0
    OUTCOME = 1
    MESSAGES = 2
    """Messages that the session had carried; NaN where it goes on."""


class Event(IntEnum):
    """What a `Note` is about."""

    RETRY = 0
    """An attempt was refused for now, and there will be another."""
    SESSION_END = 1
    """The server ended a session that had been set up."""


class Arrival(IntEnum):
    """Columns of an arrival row: offered or shed."""

    INTENDED = 0
    KIND = 1
    STAGE = 2


TX_PHASE_COLUMNS = {Phase.MAIL: Tx.MAIL, Phase.RCPT: Tx.RCPT, Phase.DATA: Tx.DATA, Phase.DOT: Tx.DOT}
SETUP_PHASE_COLUMNS = {
    Phase.CONNECT: Setup.CONNECT,
    Phase.BANNER: Setup.BANNER,
    Phase.TLS: Setup.TLS,
    Phase.EHLO: Setup.EHLO,
    Phase.AUTH: Setup.AUTH,
}


class OutcomeTable:
    """Outcomes by small number; bounded, so that a server that invents codes can't grow memory.

    Number 0 is always plain acceptance (250 at the final dot).
    """

    def __init__(self) -> None:
        self._ids: dict[Outcome, int] = {}
        self._outcomes: list[Outcome] = []
        self.intern(Outcome(OutcomeClass.ACCEPTED, Phase.DOT, 250))

    def intern(self, outcome: Outcome) -> int:
        """The number of an outcome; past `MAX_OUTCOMES` the number of its class and phase with no further detail."""
        known = self._ids.get(outcome)
        if known is not None:
            return known
        if len(self._outcomes) >= MAX_OUTCOMES:
            outcome = Outcome(outcome.kind, outcome.phase, reason="other")
            if outcome in self._ids:
                return self._ids[outcome]
        self._ids[outcome] = len(self._outcomes)
        self._outcomes.append(outcome)
        return self._ids[outcome]

    def __getitem__(self, number: int) -> Outcome:
        return self._outcomes[number]

    def __len__(self) -> int:
        return len(self._outcomes)


def empty_rows(columns: type[IntEnum]) -> Rows:
    """A batch of no rows with the right number of columns."""
    return np.empty((0, len(columns)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Gauges:
    """State of the driver at one moment.

    Args:
        at_s: Seconds since the run's start.
        in_flight: Transactions started and not completed.
        connections: Open connections.
        queued: Arrivals released and waiting for a session.
    """

    at_s: float
    in_flight: int
    connections: int
    queued: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened since the last batch.

    Args:
        gauges: The driver's state now.
        transactions: Completed transactions, columns `Tx`.
        setups: Ended session set-ups, columns `Setup`.
        offered: Arrivals whose intended time has come, columns `Arrival`.
        shed: Arrivals given up because the queue was full, columns `Arrival`.
        notes: What else happened, columns `Note`.
    """

    gauges: Gauges
    transactions: Rows = field(default_factory=lambda: empty_rows(Tx))
    setups: Rows = field(default_factory=lambda: empty_rows(Setup))
    offered: Rows = field(default_factory=lambda: empty_rows(Arrival))
    shed: Rows = field(default_factory=lambda: empty_rows(Arrival))
    notes: Rows = field(default_factory=lambda: empty_rows(Note))


@dataclass(frozen=True, slots=True)
class Stage:
    """One piece of the rate curve, for the record.

    Args:
        name: Unique name within the run.
        start_s: Start in seconds since the run's start.
        end_s: End; the last stage's end is the end of arrivals. Infinity for closed loops bounded by a count.
        measured: False for warm-up, which is kept apart from every threshold and percentile.
    """

    name: str
    start_s: float
    end_s: float
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """How a message kind is sent.

    Args:
        channel: Name of the channel.
        protocol: ``smtp``, ``http`` or ``mqtt``.
        left_out: Why its messages are not sent, or empty.
    """

    channel: str
    protocol: str
    left_out: str = ""

    @property
    def mail(self) -> bool:
        """Whether its messages are mail, which the ledger is about."""
        return self.protocol == "smtp"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What the recorder must know before the first row.

    Args:
        run_id: Eight to sixteen characters of ``[a-z0-9]``, unique per run.
        kinds: Names of the message kinds; rows hold indexes into it.
        stages: The stages; rows hold indexes into it.
        open_loop: True where arrivals follow a schedule.
        started_at: Unix time of the run's start.
        routes: How each kind is sent; empty where all of them are mail.
    """

    run_id: str
    kinds: tuple[str, ...]
    stages: tuple[Stage, ...]
    open_loop: bool
    started_at: float
    routes: tuple[Route, ...] = ()

    @property
    def mail_kinds(self) -> tuple[str, ...]:
        """Names of the kinds that are mail."""
        if not self.routes:
            return self.kinds
        return tuple(kind for kind, route in zip(self.kinds, self.routes, strict=True) if route.mail)

    def is_mail(self) -> npt.NDArray[np.bool_] | None:
        """Whether each kind is mail; None where all are."""
        return np.array([route.mail for route in self.routes]) if self.routes else None
