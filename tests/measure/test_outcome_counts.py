"""Counts of ends that are handed over and added up elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from support.recording import PLAN

from loadkit.measure.outcome_counts import RETRIES, SESSION_ENDS, SETUPS, OutcomeCounts
from loadkit.measure.records import OutcomeTable
from loadkit.smtp.outcome import Outcome, OutcomeClass, Phase

REFUSED = Outcome(OutcomeClass.TRANSIENT, Phase.RCPT, 451, "4.7.1", "greylisted")


@pytest.mark.parametrize("cell", [0, 3, SETUPS, RETRIES, SESSION_ENDS])
def test_what_was_taken_here_can_be_added_there(cell: int) -> None:
    table = OutcomeTable()
    here, there = OutcomeCounts(table, PLAN), OutcomeCounts(OutcomeTable(), PLAN)
    number = table.intern(REFUSED)
    here.learn()
    here.count(cell, np.array([number, number]))
    expected = here.listed()
    taken = here.take()
    assert (taken.outcomes, taken.counts.tolist()) == ((REFUSED,), [2])
    assert here.listed() == ()
    there.add(taken)
    assert there.listed() == expected
    assert there.setup_totals() == ((2, 2) if cell == SETUPS else (0, 0))
