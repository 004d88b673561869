"""What the benchmark of rendering compares is what it says: messages of one size that differ as told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rendering import ALONE, SIZE_BYTES, WHOLE_RUNS, measure_costs, render_once, write_key

KINDS = WHOLE_RUNS | ALONE


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_the_size_of_the_constant_body(name: str, tmp_path: Path) -> None:
    write_key(tmp_path)
    render = render_once(KINDS[name], tmp_path)

    sent = render()
    content = sent[:-3].replace(b"\r\n..", b"\r\n.")
    assert len(content) == SIZE_BYTES
    assert (render() == sent) == (name == "constant body")


def test_the_cost_of_each_is_told_in_microseconds() -> None:
    costs = measure_costs(rounds=1, budget_s=0.001)

    assert list(costs.render_us) == list(ALONE)
    assert costs.render_us["constant body"] < costs.render_us["DKIM by dkimpy, RSA 2048"]
    assert all(line.endswith(" us") for line in str(costs).splitlines())
