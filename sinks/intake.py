"""What arrived at a sink: one delivery ledger per run, and a ledger file that other processes read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from loadkit.errors import UsageError
from loadkit.measure.ledger import DeliveryLedger
from loadkit.smtp.stamp import find_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_RUNS = 64
SCHEMA_VERSION = 2


class Intake:
    """Counts deliveries by run, in bounded memory: past `MAX_RUNS` runs the one begun first is dropped and counted.

    Deliveries without a usable id belong to no run and are kept apart, in the ledger `unidentified`.
    """

    def __init__(self) -> None:
        self.runs: dict[str, DeliveryLedger] = {}
        self.unidentified = DeliveryLedger(run="")
        self.dropped_runs = 0

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
        stamp = find_stamp(head)
        ledger = self.unidentified if stamp is None else self.runs.get(stamp[0]) or self.ledger_of(stamp[0])
        for _ in range(copies):
            ledger.add(stamp, recipients=recipients, size_bytes=size_bytes, now=now, checksum=checksum)

    def ledger_of(self, run: str) -> DeliveryLedger:
        """The ledger of a run; a new one where nothing of the run has arrived yet."""
        ledger = self.runs.get(run)
        if ledger is None:
            if len(self.runs) >= MAX_RUNS:
                del self.runs[next(iter(self.runs))]
                self.dropped_runs += 1
            ledger = self.runs[run] = DeliveryLedger(run)
        return ledger

    def merge(self, other: Intake) -> None:
        """Add what another process of the same sink received."""
        for run, ledger in other.runs.items():
            self.ledger_of(run).merge(ledger)
        self.unidentified.merge(other.unidentified)
        self.dropped_runs += other.dropped_runs

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "runs": {run: ledger.to_dict() for run, ledger in self.runs.items()},
            "unidentified": self.unidentified.to_dict(),
            "dropped_runs": self.dropped_runs,
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
        intake.runs = {run: DeliveryLedger.from_dict(ledger) for run, ledger in data["runs"].items()}
        intake.unidentified = DeliveryLedger.from_dict(data["unidentified"])
        intake.dropped_runs = data["dropped_runs"]
        return intake


def write_ledger(intake: Intake, file: Path) -> None:
    """Write a ledger file, at once or not at all: a reader never sees half of it.

    Raises:
        UsageError: If the file can't be written.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("w", encoding="ascii") as stream:
            json.dump(intake.to_dict(), stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    except OSError as error:
        raise UsageError(f"the ledger {file} can't be written: {error.strerror}", hint="name another file") from error


def read_ledger(file: Path) -> Intake:
    """Read a ledger file.

    Raises:
        UsageError: If the file is missing or is no ledger.
    """
    try:
        return Intake.from_dict(json.loads(file.read_text(encoding="ascii")))
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{file} is not a readable ledger: {error}", hint="name the file given to --ledger") from error
