"""What arrived at a sink: one delivery ledger per run, and what the sink did besides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadkit.measure.ledger import DeliveryLedger
from loadkit.smtp.stamp import find_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RUNS = 64
_BATCH = 64
"""Messages that wait at most: their heads are kept, and dealing with them all holds up clients for a third of a ms."""
_FIELDS = 6
SCHEMA_VERSION = 2


@dataclass(slots=True)
class Counters:
    """What a sink did besides taking messages.

    Args:
        connections_open: Connections that are open now.
        connections_total: Connections that there have been.
        answers: What its behaviour did, by phase and what it was, such as ``rcpt 450``.
    """

    connections_open: int = 0
    connections_total: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Counters) -> None:
        """Add another process's counts."""
        self.connections_open += other.connections_open
        self.connections_total += other.connections_total
        self.answers.update(other.answers)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "connections_open": self.connections_open,
            "connections_total": self.connections_total,
            "answers": dict(sorted(self.answers.items())),
        }


class Intake:
    """Counts deliveries by run, in bounded memory: past `MAX_RUNS` runs the one begun first is dropped and counted.

    Deliveries without a usable id belong to no run and are kept apart, in the ledger `unidentified`.

    What is taken waits until there is a batch of it or somebody asks, since in a tight loop it is dealt with in warm
    caches, about 5 us per message, and between system calls in cold ones.
    """

    def __init__(self) -> None:
        self._runs: dict[str, DeliveryLedger] = {}
        self._unidentified = DeliveryLedger(run="")
        self._pending: list[Any] = []
        self.dropped_runs = 0
        self.counters = Counters()

    @property
    def runs(self) -> dict[str, DeliveryLedger]:
        """The ledgers by run, the one begun first ahead."""
        self._settle()
        return self._runs

    @property
    def unidentified(self) -> DeliveryLedger:
        """The ledger of deliveries without a usable id."""
        self._settle()
        return self._unidentified

    @property
    def deliveries(self) -> int:
        """Messages received for the runs that are still kept, and those without an id."""
        return self.unidentified.deliveries + sum(ledger.deliveries for ledger in self.runs.values())

    def take(
        self, head: bytes, *, size_bytes: int, recipients: int, now: float, checksum: int | None = None, copies: int = 1
    ) -> None:
        """Count one delivery; call it before the message is acknowledged.

        Args:
            head: The first bytes of the content.
            size_bytes: Size of the whole content.
            recipients: Envelope recipients.
            now: Unix time of the delivery.
            checksum: CRC-32 of the body, if known.
            copies: How often it counts: 0 makes as if it had never come, 2 as if it had come twice.
        """
        # One flat list, since tuples would keep the garbage collector busy.
        self._pending += (head, size_bytes, recipients, now, checksum, copies)
        if len(self._pending) >= _BATCH * _FIELDS:
            self._settle()

    def _settle(self) -> None:
        if not self._pending:
            return
        fields = iter(self._pending)
        self._pending = []
        for head, size_bytes, recipients, now, checksum, copies in zip(*[fields] * _FIELDS, strict=True):
            stamp = find_stamp(head)
            ledger = self._unidentified if stamp is None else self._runs.get(stamp[0]) or self.ledger_of(stamp[0])
            for _ in range(copies):
                ledger.add(stamp, recipients=recipients, size_bytes=size_bytes, now=now, checksum=checksum)

    def ledger_of(self, run: str) -> DeliveryLedger:
        """The ledger of a run; a new one where nothing of the run has arrived yet."""
        ledger = self._runs.get(run)
        if ledger is None:
            if len(self._runs) >= MAX_RUNS:
                del self._runs[next(iter(self._runs))]
                self.dropped_runs += 1
            ledger = self._runs[run] = DeliveryLedger(run)
        return ledger

    def merge(self, other: Intake) -> None:
        """Add what another process of the same sink received."""
        for run, ledger in other.runs.items():
            self.ledger_of(run).merge(ledger)
        self.unidentified.merge(other.unidentified)
        self.dropped_runs += other.dropped_runs
        self.counters.merge(other.counters)

    def to_dict(self, run: str | None = None) -> dict[str, Any]:
        """Everything as plain JSON values.

        Args:
            run: The only run wanted; None for all.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "runs": {name: ledger.to_dict() for name, ledger in self.runs.items() if run in (None, name)},
            "unidentified": self.unidentified.to_dict(),
            "dropped_runs": self.dropped_runs,
            "counters": self.counters.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Intake:
        """Read what `to_dict` made.

        Raises:
            KeyError: If a key is missing.
            ValueError: If the schema version is unknown or a bitmap is damaged.
        """
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {data['schema_version']!r} is not {SCHEMA_VERSION}")
        intake = cls()
        intake._runs = {run: DeliveryLedger.from_dict(ledger) for run, ledger in data["runs"].items()}
        intake._unidentified = DeliveryLedger.from_dict(data["unidentified"])
        intake.dropped_runs = data["dropped_runs"]
        counters = data["counters"]
        intake.counters = Counters(
            counters["connections_open"], counters["connections_total"], Counter(counters["answers"])
        )
        return intake
