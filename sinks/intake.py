"""What arrived at a sink: one delivery ledger per run, and what the sink did besides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadkit.measure.ledger import MAX_KINDS, DeliveryLedger
from loadkit.smtp.stamp import find_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadkit.smtp.stamp import Stamp

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


class Channels:
    """What arrived by other channels than SMTP: a ledger for each run and message kind, in bounded memory."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, DeliveryLedger]] = {}

    def take(self, stamp: Stamp | None, *, size_bytes: int, now: float) -> None:
        """Count one delivery; what has no id, or comes when there is no more room for its kind, is passed over.

        Args:
            stamp: What the message says about itself.
            size_bytes: Size of its content.
            now: Unix time of the delivery.
        """
        if stamp is None:
            return
        kinds = self.runs.get(stamp.run)
        if kinds is None:
            if len(self.runs) >= MAX_RUNS:
                del self.runs[next(iter(self.runs))]
            kinds = self.runs[stamp.run] = {}
        ledger = kinds.get(stamp.kind)
        if ledger is None:
            if len(kinds) >= MAX_KINDS:
                return
            ledger = kinds[stamp.kind] = DeliveryLedger(stamp.run)
        ledger.add(stamp, recipients=1, size_bytes=size_bytes, now=now)

    def merge(self, other: Channels) -> None:
        """Add what another process received."""
        for run, kinds in other.runs.items():
            for kind, ledger in kinds.items():
                self.runs.setdefault(run, {}).setdefault(kind, DeliveryLedger(run)).merge(ledger)

    def to_dict(self, run: str | None = None) -> dict[str, Any]:
        """Everything, or what is of one run, as plain JSON values."""
        return {
            name: {kind: ledger.to_dict() for kind, ledger in kinds.items()}
            for name, kinds in self.runs.items()
            if run in (None, name)
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Channels:
        """Read what `to_dict` made.

        Raises:
            KeyError: If a key is missing.
            ValueError: If a bitmap is damaged.
        """
        channels = cls()
        for run, kinds in data.items():
            channels.runs[run] = {kind: DeliveryLedger.from_dict(ledger) for kind, ledger in kinds.items()}
        return channels


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
        self.channels = Channels()
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
        self.channels.merge(other.channels)
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
            "channels": self.channels.to_dict(run),
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
        intake.channels = Channels.from_dict(data.get("channels", {}))  # files of older versions have none
        intake.dropped_runs = data["dropped_runs"]
        counters = data["counters"]
        intake.counters = Counters(
            counters["connections_open"], counters["connections_total"], Counter(counters["answers"])
        )
        return intake
