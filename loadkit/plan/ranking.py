"""The ranking: which choice to take before it is known which draw comes true, and what stands against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loadkit.plan.availability import percent
from loadkit.plan.outcome import Choice, Reason
from loadkit.plan.regret import chances_to_be_best, expected_regrets


def ranked(choices: Sequence[Choice], currency: str) -> tuple[Choice, ...]:
    """Choices in order, each but the best with the reason why it was not taken.

    Args:
        choices: For one tier.
        currency: Of their costs.

    Returns:
        The one that is taken, then the others by what they are expected to cost; those that miss the availability
        after those that don't, and those without a price at last. Where all miss it none is taken.
    """
    priced = [choice for choice in choices if choice.monthly is not None]
    unpriced = tuple(choice for choice in choices if choice.monthly is None)
    if not priced:
        return unpriced
    meeting = [choice for choice in priced if choice.availability.met is not False]
    missing = [replace(choice, reason=_availability(choice)) for choice in priced if choice.availability.met is False]
    return (*_by_cost(meeting, currency), *_by_cost(missing, currency), *unpriced)


def _by_cost(choices: Sequence[Choice], currency: str) -> tuple[Choice, ...]:
    if not choices:
        return ()
    costs = np.stack([choice.monthly_draws for choice in choices])
    regrets, chances = expected_regrets(costs), chances_to_be_best(costs)
    order = np.argsort(regrets, kind="stable")
    best = choices[int(order[0])]
    found = []
    for place in order:
        choice = choices[int(place)]
        reason = choice.reason
        if reason is None and choice is not best:
            reason = _cost(choice, best, float(chances[place]), currency)
        found.append(replace(choice, expected_regret=float(regrets[place]), reason=reason))
    return tuple(found)


def _availability(choice: Choice) -> Reason:
    found = choice.availability
    words = found.words
    if found.met is False and found.backed is not False:
        words += (
            f", whatever spares are added: nodes alone reach {percent(found.nodes)}, for some of them fail together"
        )
    return Reason("availability", found.together, found.promised, "", words)


def _cost(choice: Choice, best: Choice, chance: float, currency: str) -> Reason:
    """What it costs more than the best, and what that comes from."""
    assert choice.monthly is not None
    assert best.monthly is not None
    mean, least = (float(one.monthly_draws.mean()) for one in (choice, best))
    ratio = mean / least if least else 1.0
    words = (
        f"costs {ratio - 1:.1%} more than {best.instance_type} on average, is the cheapest in {chance:.0%} of draws; "
        f"{choice.fleet.limiting} sets its {choice.fleet.nodes.p10:,.0f} to {choice.fleet.nodes.p90:,.0f} nodes"
    )
    return Reason("cost", mean, least, f"{currency}/month", words)
