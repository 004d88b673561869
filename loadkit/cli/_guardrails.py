"""A provider's limits, looked at before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadkit.cli._output import print_note
from loadkit.errors import UsageError
from loadkit.scenario.breaches import breaches
from loadkit.scenario.forecast import forecast_of

if TYPE_CHECKING:
    from loadkit.scenario.guardrails import TargetAddress
    from loadkit.scenario.schema import Scenario


def keep_within_guardrails(scenario: Scenario, target: TargetAddress, *, stretch: float) -> None:
    """Warn of what a provider would take for an attack, or refuse it, as the scenario says.

    This machine is nobody's provider: there a warning would be noise, and only what was asked to be an error is one.

    Args:
        scenario: What will be sent.
        target: Where to.
        stretch: Factor on all durations.

    Raises:
        UsageError: If a limit would be broken and the scenario makes that an error.
    """
    rails = scenario.guardrails
    if rails.severity == "off" or (rails.severity == "warning" and target.loopback):
        return
    provider = rails.limits()
    found = breaches(scenario, forecast_of(scenario, stretch=stretch), provider)
    for breach in found:
        print_note(f"{rails.severity}: {breach.words}")
    if found and rails.severity == "error":
        count = f"{len(found)} limit{'s' * (len(found) != 1)}"
        raise UsageError(
            f"this would break {count} of {provider.name}; nothing was sent",
            hint="change the scenario as said above, or its guardrails.severity",
        )
