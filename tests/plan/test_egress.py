"""Traffic by the byte and by bandwidth, with the figures of the public lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.priced import transfer

from loadkit.analysis.refusal import RefusedError
from loadkit.plan.bill import Bill
from loadkit.plan.catalog import Transfer
from loadkit.plan.egress import bandwidth_cost, bandwidth_lines, traffic_cost, traffic_lines
from loadkit.plan.volumes import MONTH_S, mail_bytes

TRAFFIC = transfer("0.80", "GB")
MAINLAND = (transfer("80", "Mbps-Months", above_mbps=5), transfer("23", "Mbps-Months"))
HANGZHOU = (transfer("3.40", "Mbps-Months"), transfer("11.83", "Mbps-Months", above_mbps=5))


@pytest.mark.parametrize(("size_kib", "millions"), [(2, 0.42), (10, 2.1), (50, 10.6)])
def test_traffic_of_the_largest_tier(size_kib: int, millions: float) -> None:
    sent = mail_bytes(np.full(168, 100_000.0), size_kib * 1024, month_s=MONTH_S).wire_bytes
    cost = float(traffic_cost(TRAFFIC, sent))
    assert cost / 1e6 == pytest.approx(millions, rel=0.012)
    assert float(Bill(traffic_lines(TRAFFIC, float(sent)), "CNY").total) == pytest.approx(cost)


def test_free_bytes_are_free() -> None:
    twenty = transfer("0.80", "GB", free_bytes=20 * 10**9)
    assert traffic_cost(twenty, np.array([19e9, 21e9])).tolist() == pytest.approx([0, 0.8])
    assert traffic_lines(twenty, 19e9) == ()


@pytest.mark.parametrize(
    ("mbps", "cost"), [(0, 0), (1, 23), (4.2, 115), (5, 115), (6, 195), (40_960, 115 + 40_955 * 80)]
)
def test_bandwidth_is_bought_in_steps(mbps: float, cost: float) -> None:
    assert bandwidth_cost(MAINLAND, mbps * 1e6) == pytest.approx(cost)
    assert float(Bill(bandwidth_lines(MAINLAND, mbps * 1e6), "CNY").total) == pytest.approx(cost)


def test_the_printed_rule_of_a_public_list() -> None:
    """3.40 each to 5, then 17.00 + (n - 5) x 11.83."""
    assert bandwidth_cost(HANGZHOU, np.array([5e6, 100e6])).tolist() == pytest.approx([17.00, 17.00 + 95 * 11.83])


@settings(max_examples=30)
@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_never_costs_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert bandwidth_cost(MAINLAND, less) <= bandwidth_cost(MAINLAND, more)
    assert traffic_cost(TRAFFIC, less) <= traffic_cost(TRAFFIC, more)


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((TRAFFIC,), "GB from 0 is not priced by bandwidth"),
        (MAINLAND[:1], "no price holds for the first bit"),
        ((), "first"),
    ],
)
def test_what_is_no_price_of_bandwidth_is_refused(steps: tuple[Transfer, ...], complaint: str) -> None:
    with pytest.raises(RefusedError, match=complaint):
        bandwidth_cost(steps, 1e6)
