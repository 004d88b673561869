"""What the target accepted against what arrived at the far end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadkit.measure.bitmap import SequenceBitmap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from loadkit.measure.ledger import DeliveryLedger

LISTED_RANGES = 100


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Accepted by the target against received by the far end.

    Args:
        accepted: Messages whose final reply was 2xx.
        delivered: Different messages that arrived.
        lost: Accepted and not arrived.
        lost_ranges: The first lost ranges as ``(sender, first, last)``, at most `LISTED_RANGES`.
        duplicated: Deliveries beyond the first of a message.
        unanswered: Arrived, and the sender never got the final reply: the server took it, we couldn't know.
        unexpected: Arrived, although the target refused it or it was never sent.
        unknown: Deliveries without a usable id.
        corrupted: Deliveries whose body is not the one that was sent.
        unreported: Arrived, and sent by a worker that was lost before it could tell of them.
    """

    accepted: int
    delivered: int
    lost: int
    lost_ranges: tuple[tuple[int, int, int], ...]
    duplicated: int
    unanswered: int
    unexpected: int
    unknown: int
    corrupted: int = 0
    unreported: int = 0

    @property
    def faithful(self) -> bool:
        """Whether exactly what was accepted arrived, once and whole."""
        return not (self.lost or self.duplicated or self.unexpected or self.corrupted)


def reconcile(
    accepted: Mapping[int, SequenceBitmap],
    delivered: DeliveryLedger,
    *,
    unanswered: Mapping[int, SequenceBitmap] | None = None,
    silenced: AbstractSet[int] = frozenset(),
) -> Reconciliation:
    """Compare what the target accepted with what arrived.

    Args:
        accepted: Numbers accepted, per sender.
        delivered: The far end's ledger of the run.
        unanswered: Numbers whose content was sent and whose final reply never came, per sender; these may arrive.
        silenced: Senders that were lost, so that the end of what they did is not known.

    Returns:
        Counts of lost, duplicated and unexpected messages.
    """
    empty = SequenceBitmap()
    lost, extra, extra_unanswered, unreported = 0, 0, 0, 0
    ranges: list[tuple[int, int, int]] = []
    for sender in sorted(accepted.keys() | delivered.senders.keys()):
        sent, arrived = accepted.get(sender, empty), delivered.senders.get(sender, empty)
        missing, more = sent - arrived, arrived - sent
        lost += missing.count
        more_unanswered = (more & (unanswered or {}).get(sender, empty)).count
        extra_unanswered += more_unanswered
        if sender in silenced:
            unreported += more.count - more_unanswered
        else:
            extra += more.count - more_unanswered
        room = LISTED_RANGES - len(ranges)
        ranges += [(sender, *pair) for pair, _ in zip(missing.ranges(), range(room), strict=False)]
    return Reconciliation(
        accepted=sum(bitmap.count for bitmap in accepted.values()),
        delivered=delivered.distinct,
        lost=lost,
        lost_ranges=tuple(ranges),
        duplicated=delivered.duplicates,
        unanswered=extra_unanswered,
        unexpected=extra,
        unknown=delivered.unknown,
        corrupted=delivered.corrupted,
        unreported=unreported,
    )
