"""Traffic to the internet: by the byte, or as bandwidth that is paid for whether it is used or not."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.charging import line, quantity, units_per_byte

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loadkit.plan.bill import CostLine
    from loadkit.plan.catalog import Transfer

    Amounts = NDArray[np.float64]

BANDWIDTH_UNIT = "Mbps-Months"
_BITS_PER_UNIT = 1e6


def traffic_cost(transfer: Transfer, sent_bytes: Amounts | float) -> Amounts:
    """What a month's bytes cost.

    Args:
        transfer: Priced by the byte.
        sent_bytes: Bytes to the internet in the month, any shape.

    Raises:
        RefusedError: If its price is for bandwidth.
    """
    return np.asarray(_traffic(transfer, sent_bytes) * float(transfer.price.amount))


def traffic_lines(transfer: Transfer, sent_bytes: float) -> tuple[CostLine, ...]:
    """The bill of a month's bytes; no line where all of them are free."""
    sent = quantity(float(_traffic(transfer, sent_bytes)))
    charge = partial(line, sku_id=transfer.name, category="Networking", service="Internet traffic")
    return (charge(transfer.price, sent, description="bytes sent to the internet"),) if sent else ()


def bandwidth_cost(steps: Sequence[Transfer], bits_per_s: Amounts | float) -> Amounts:
    """What bandwidth costs in a month.

    Args:
        steps: Priced by bandwidth; each holds for what is above its own threshold and below the next one's.
        bits_per_s: Bandwidth, any shape; sold in whole Mbps.

    Raises:
        RefusedError: If a price is not for bandwidth, or none holds from the first bit on.
    """
    parts = [bought * float(step.price.amount) for step, bought in _bandwidth(steps, bits_per_s)]
    return np.asarray(np.sum(parts, axis=0))


def bandwidth_lines(steps: Sequence[Transfer], bits_per_s: float) -> tuple[CostLine, ...]:
    """The bill of a month's bandwidth: a line for each step that is reached."""
    return tuple(
        line(
            step.price,
            quantity(float(bought)),
            sku_id=step.name,
            category="Networking",
            service="Internet bandwidth",
            description=f"bandwidth above {step.above_bits_per_s / _BITS_PER_UNIT:g} Mbps",
            pricing_category="Committed",
            charge_category="Purchase",
        )
        for step, bought in _bandwidth(steps, bits_per_s)
        if bought
    )


def _traffic(transfer: Transfer, sent_bytes: Amounts | float) -> Amounts:
    return np.asarray(np.maximum(np.asarray(sent_bytes) - transfer.free_bytes, 0) * units_per_byte(transfer.price))


def _bandwidth(steps: Sequence[Transfer], bits_per_s: Amounts | float) -> list[tuple[Transfer, Amounts]]:
    """Whole Mbps of each step."""
    wrong = [step.name for step in steps if step.price.unit != BANDWIDTH_UNIT]
    if wrong or not any(step.above_bits_per_s == 0 for step in steps):
        raise RefusedError(
            f"{', '.join(wrong)} is not priced by bandwidth" if wrong else "no price holds for the first bit a second",
            hint=f"give prices per {BANDWIDTH_UNIT} in the catalogue, one of them without a threshold",
        )
    rising = sorted(steps, key=lambda step: step.above_bits_per_s)
    edges = [*(step.above_bits_per_s / _BITS_PER_UNIT for step in rising), np.inf]
    # What float arithmetic leaves above a whole number is no Mbps more.
    wanted = np.ceil(np.asarray(bits_per_s) / _BITS_PER_UNIT - 1e-9)
    return [
        (step, np.clip(wanted - low, 0, high - low)) for step, (low, high) in zip(rising, pairwise(edges), strict=True)
    ]
