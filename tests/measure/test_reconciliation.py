"""What was lost, doubled or unexpected."""

from __future__ import annotations

from support.bitmaps import bitmap

from loadkit.measure.ledger import DeliveryLedger
from loadkit.measure.reconciliation import LISTED_RANGES, reconcile
from loadkit.smtp.stamp import Stamp


def ledger(seqs: list[int]) -> DeliveryLedger:
    received = DeliveryLedger("abcdefgh")
    for seq in seqs:
        received.add(Stamp("abcdefgh", 0, seq), recipients=1, size_bytes=10, now=1.0)
    return received


def test_losses_and_duplicates_are_named() -> None:
    lost, doubled = {3, 4, 5, 100, 999}, [7, 7, 500]
    received = ledger([seq for seq in range(1000) if seq not in lost] + doubled)
    found = reconcile({0: bitmap(set(range(1000)))}, received)
    assert (found.lost, found.lost_ranges) == (5, ((0, 3, 5), (0, 100, 100), (0, 999, 999)))
    assert (found.duplicated, found.unexpected, found.delivered) == (3, 0, 995)


def test_what_arrived_without_a_reply_is_not_unexpected() -> None:
    found = reconcile({0: bitmap({1, 2})}, ledger([1, 2, 3, 4]), unanswered={0: bitmap({3})})
    assert (found.unanswered, found.unexpected, found.lost) == (1, 1, 0)


def test_listed_ranges_are_few_and_losses_are_all_counted() -> None:
    found = reconcile({0: bitmap(set(range(0, 1000, 2)))}, ledger([]))
    assert (found.lost, len(found.lost_ranges)) == (500, LISTED_RANGES)
