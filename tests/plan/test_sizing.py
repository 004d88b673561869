"""Sizing: known answers, the limiting resource, and more rate that never needs fewer nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadkit.plan.sizing import Cells, NodeWork, cells_for, fleet_for, node_limits, nodes_needed

WORK = NodeWork(
    np.array([50 * 1024.0]), disk_operations=6.0, connection_s=np.array([2.0]), messages_per_connection=10.0
)


@pytest.mark.parametrize(
    ("rate", "usable", "nodes"), [(2000, 140, 15), (140, 140, 1), (140.1, 140, 2), (0, 140, 1), (0.3 * 3, 0.9, 1)]
)
def test_whole_nodes(rate: float, usable: float, nodes: int) -> None:
    assert int(nodes_needed(rate, usable)) == nodes


@settings(max_examples=50)
@given(st.floats(0, 1e6), st.floats(1, 1e4), st.floats(0, 0.3))
def test_it_is_the_smallest_fleet_that_carries_the_rate(rate: float, usable: float, loss: float) -> None:
    nodes = int(nodes_needed(rate, usable, loss))
    carried = usable * np.array([nodes, nodes - 1.0]) ** (1 - loss)
    assert carried[0] * (1 + 1e-6) >= rate
    assert nodes == 1 or carried[1] < rate * (1 + 1e-6)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=8), st.floats(1, 1e4), st.floats(0, 0.3))
def test_more_rate_never_needs_fewer_nodes(rates: list[float], usable: float, loss: float) -> None:
    assert (np.diff(nodes_needed(np.sort(rates), usable, loss)) >= 0).all()


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(0, 5), st.integers(1, 6), st.integers(1, 4))
def test_a_fleet_is_the_smallest_that_survives(needed: int, spares: int, zones: int, fewest: int) -> None:
    def survives(nodes: int) -> bool:
        lost = math.ceil(nodes / zones) if zones > 1 else 0
        return nodes >= max(needed + spares, fewest) and nodes - lost >= needed

    nodes = int(fleet_for(np.array(needed), spares, zones, fewest))
    assert survives(nodes)
    assert not survives(nodes - 1)


def test_every_resource_has_its_limit_and_the_scarcest_counts() -> None:
    capacity = np.array([1000.0])
    limits = node_limits(capacity, WORK, headroom=0.7, network_bits_per_s=4e8, disk_iops=10_000, max_connections=5000)
    assert {name: float(one.max()) for name, one in limits.per_s.items()} == pytest.approx(
        {
            "cpu": 700.0,
            "network": 0.7 * 4e8 / 8 / 51_200,
            "disk": 0.7 * 10_000 / 6,
            "connections": 0.7 * 5000 * 10 / 2,
        }
    )
    assert limits.limiting() == "network"
    assert limits.usable_per_s == pytest.approx([683.59375])
    assert limits.shares()["cpu"] == pytest.approx(683.59375 / 700)


def test_what_the_catalogue_does_not_know_does_not_limit() -> None:
    limits = node_limits(
        np.array([10.0]), WORK, headroom=1.0, network_bits_per_s=None, disk_iops=None, max_connections=None
    )
    assert list(limits.per_s) == ["cpu"]


def test_cells_share_a_rate_evenly() -> None:
    assert cells_for(100_000, None) == Cells(1, 100_000)
    assert cells_for(100_000, 3000) == Cells(34, 100_000 / 34)
    assert cells_for(2000, 3000) == Cells(1, 2000)
