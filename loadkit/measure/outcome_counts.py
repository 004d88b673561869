"""Counts of how transactions and session set-ups ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loadkit.measure.records import MAX_OUTCOMES
from loadkit.measure.statistics import RETRY, SESSION_END, SETUP, OutcomeCount
from loadkit.measure.timeline import CLASSES
from loadkit.smtp.dialogue import STOPPED
from loadkit.smtp.outcome import OutcomeClass, Phase

if TYPE_CHECKING:
    from loadkit.measure.records import OutcomeTable, RunPlan
    from loadkit.smtp.outcome import Outcome

Integers = npt.NDArray[np.int64]

SETUPS, RETRIES, SESSION_ENDS = -1, -2, -3
"""In place of a cell: what is no message."""
ACCEPTED = CLASSES.index(OutcomeClass.ACCEPTED)

_NAMES = {SETUPS: SETUP, RETRIES: RETRY, SESSION_ENDS: SESSION_END}
_REFUSALS = (OutcomeClass.TRANSIENT, OutcomeClass.PERMANENT)

# The table adds one outcome per class and phase after it is full.
_OUTCOMES = MAX_OUTCOMES + len(OutcomeClass) * len(Phase)


@dataclass(frozen=True, slots=True)
class OutcomeTally:
    """Counts of outcomes on their way from a worker to its master; arrays of equal length.

    Args:
        outcomes: The outcomes that occurred.
        cells: Stage x kinds + kind; one past the last cell means session set-ups.
        which: Index into `outcomes`.
        counts: How often.
    """

    outcomes: tuple[Outcome, ...]
    cells: Integers
    which: Integers
    counts: Integers


class OutcomeCounts:
    """Counts per outcome, and what the numbers of outcomes mean as arrays.

    Args:
        outcomes: The outcomes that numbers refer to; may grow meanwhile.
        plan: The run's stages and kinds; stage x kinds + kind is a cell.

    Attributes:
        classes: Index into `CLASSES` of each outcome.
        unanswered: Whether the content was sent and the final reply never came, of each outcome.
        stopped: Whether the message was not to be finished, of each outcome.
        refused: Whether the server's reply ended it, of each outcome.
    """

    def __init__(self, outcomes: OutcomeTable, plan: RunPlan) -> None:
        self._table = outcomes
        self._plan = plan
        self._known = 0
        self._cells = len(plan.stages) * len(plan.kinds)
        # The last rows are those of `_NAMES`.
        self._counts = np.zeros((self._cells + len(_NAMES), _OUTCOMES), dtype=np.int64)
        self.classes = np.zeros(_OUTCOMES, dtype=np.int64)
        self.unanswered = np.zeros(_OUTCOMES, dtype=np.bool_)
        self.stopped = np.zeros(_OUTCOMES, dtype=np.bool_)
        self.refused = np.zeros(_OUTCOMES, dtype=np.bool_)

    def learn(self) -> None:
        """Look at the outcomes that are new in the table."""
        for number in range(self._known, len(self._table)):
            outcome = self._table[number]
            self.classes[number] = CLASSES.index(outcome.kind)
            self.stopped[number] = outcome.reason == STOPPED
            self.refused[number] = outcome.kind in _REFUSALS
            self.unanswered[number] = outcome.phase is Phase.DOT and not outcome.code and not outcome.accepted
        self._known = len(self._table)

    def count(self, cells: Integers | int, outcomes: Integers) -> None:
        """Count transactions by the cell and the outcome's number of each, or what else `SETUPS` and so on mean."""
        np.add.at(self._counts, (np.asarray(cells), outcomes), 1)

    def add(self, tally: OutcomeTally) -> None:
        """Add what was counted elsewhere."""
        numbers = np.array([self._table.intern(outcome) for outcome in tally.outcomes], dtype=np.int64)
        self.learn()
        np.add.at(self._counts, (tally.cells, numbers[tally.which]), tally.counts)

    def take(self) -> OutcomeTally:
        """All that was counted since the last call, which is forgotten here."""
        cells, numbers = np.nonzero(self._counts)
        counts = self._counts[cells, numbers]
        self._counts[cells, numbers] = 0
        used, which = np.unique(numbers, return_inverse=True)
        return OutcomeTally(tuple(self._table[number] for number in used.tolist()), cells, which, counts)

    def setup_totals(self) -> tuple[int, int]:
        """Set-ups ended and set-ups failed."""
        setups = self._counts[SETUPS]
        total = int(setups.sum())
        return total, total - int(setups[self.classes == ACCEPTED].sum())

    def listed(self) -> tuple[OutcomeCount, ...]:
        """All counts above zero, those of messages first."""
        names = [(stage.name, kind) for stage in self._plan.stages for kind in self._plan.kinds]
        return tuple(
            OutcomeCount(*names[cell], self._table[number], count)
            if cell < len(names)
            else OutcomeCount("", _NAMES[cell - len(self._counts)], self._table[number], count)
            for cell, number in np.argwhere(self._counts).tolist()
            for count in (int(self._counts[cell, number]),)
        )
