"""The resource that gives out first, from trials in which the host was observed."""

from __future__ import annotations

import pytest

from loadkit.measure.target_trials import TargetTrial
from loadkit.plan.bottleneck import bottleneck_words


def trials(*, shared: bool = False) -> list[TargetTrial]:
    """A message takes 1 ms of the processor and 2 ms of the disk."""
    return [TargetTrial(rate, {"cpu": 0.001 * rate, "disk": 0.002 * rate}, shared) for rate in (50.0, 100.0, 150.0)]


def test_the_scarcest_resource_is_named_with_its_rate() -> None:
    assert bottleneck_words(trials()) == "its disk gives out first: 80% of it are used at 400/s"
    assert bottleneck_words(trials(shared=True)).endswith(", with the load generator on the same machine")


@pytest.mark.parametrize("few", [0, 2])
def test_too_little_was_seen(few: int) -> None:
    assert bottleneck_words(trials()[:few]) == ""


def test_what_does_not_feel_the_load_is_no_bottleneck() -> None:
    idle = [TargetTrial(rate, {"cpu": used}, shared=False) for rate, used in ((50, 0.2), (100, 0.1), (150, 0.2))]
    assert bottleneck_words(idle) == ""
