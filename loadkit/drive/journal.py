"""What the sessions did since it was last taken: packed rows of numbers, so that the hot path makes few objects."""

from __future__ import annotations

from struct import Struct

import numpy as np

from loadkit.measure.records import Arrival, Batch, Gauges, Note, OutcomeTable, Rows, Setup, Tx

# Packing a row of fourteen numbers costs a third of appending them to an array.
pack_transaction = Struct(f"={len(Tx)}d").pack
pack_set_up = Struct(f"={len(Setup)}d").pack
pack_arrival = Struct(f"={len(Arrival)}d").pack
pack_note = Struct(f"={len(Note)}d").pack


class Journal:
    """Rows waiting for the recorder.

    Args:
        outcomes: Where outcomes get their numbers.

    Attributes:
        transaction: Takes a row from `pack_transaction`; likewise `set_up`, `offered`, `shed` and `note`.
        intern: The number of an outcome.
    """

    def __init__(self, outcomes: OutcomeTable) -> None:
        self.intern = outcomes.intern
        self._transactions: list[bytes] = []
        self._setups: list[bytes] = []
        self._offered: list[bytes] = []
        self._shed: list[bytes] = []
        self._notes: list[bytes] = []
        self.transaction = self._transactions.append
        self.set_up = self._setups.append
        self.offered = self._offered.append
        self.shed = self._shed.append
        self.note = self._notes.append

    def take(self, gauges: Gauges) -> Batch:
        """Hand over all rows and begin anew."""
        return Batch(
            gauges,
            transactions=_rows(self._transactions, len(Tx)),
            setups=_rows(self._setups, len(Setup)),
            offered=_rows(self._offered, len(Arrival)),
            shed=_rows(self._shed, len(Arrival)),
            notes=_rows(self._notes, len(Note)),
        )


def _rows(packed: list[bytes], columns: int) -> Rows:
    rows = np.frombuffer(b"".join(packed), dtype=np.float64).reshape(-1, columns)
    packed.clear()
    return rows
