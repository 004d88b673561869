"""Which resource of the target gives out first, from the trials in which its host was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadkit.analysis.demand import DEFAULT_LIMIT, DemandFit, fit_demand
from loadkit.analysis.refusal import RefusedError
from loadkit.cli._output import print_note
from loadkit.measure.target_trials import common_resources, read_target_trials
from loadkit.report.target import render_demand

if TYPE_CHECKING:
    from rich.console import RenderableType

    from loadkit.measure.ladder import Ladder


@dataclass(frozen=True, slots=True)
class Demand:
    """Service demands of the target's resources.

    Args:
        fit: The fit.
        shared: Whether load generator and target shared a machine.
    """

    fit: DemandFit
    shared: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.fit.to_dict() | {"shared_machine": self.shared}

    def rendered(self) -> RenderableType:
        """As a rich text."""
        return render_demand(self.fit, shared=self.shared)


def demand_of(ladder: Ladder, limit: float = DEFAULT_LIMIT) -> Demand | None:
    """Fit the utilisation law to a ladder; None where nobody observed the target, or too little was seen.

    Args:
        ladder: The trials.
        limit: Utilisation that a resource may reach.
    """
    trials = read_target_trials(ladder)
    used = common_resources(trials)
    if not used:
        if trials:
            print_note("note: no resource of the target was seen in every trial, so that none has a demand")
        return None
    rates = [trial.throughput_per_s for trial in trials]
    try:
        fit = fit_demand(rates, used, limits=dict.fromkeys(used, limit))
    except RefusedError as refusal:
        print_note(f"note: {refusal}; {refusal.hint}")
        return None
    return Demand(fit, any(trial.shared for trial in trials))
