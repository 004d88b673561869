"""Which runs are meant, by scenario, target, verdict and time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from loadkit.errors import UsageError
from loadkit.units import UnitError, parse_duration

if TYPE_CHECKING:
    from loadkit.measure.store import RunHead


@dataclass(frozen=True, slots=True)
class Chosen:
    """What runs must have.

    Args:
        scenario: Name of the scenario, with * and ?; None for any.
        target: Target, likewise; a part of it is enough.
        verdict: Verdict; None for any.
        since: Unix time; 0 for any.
    """

    scenario: str | None = None
    target: str | None = None
    verdict: str | None = None
    since: float = 0.0

    def has(self, *, scenario: str, target: str, at: float) -> bool:
        """Whether something of this scenario, target and Unix time is meant."""
        return (
            at >= self.since
            and (self.scenario is None or fnmatchcase(scenario, self.scenario))
            and (self.target is None or fnmatchcase(target, f"*{self.target}*"))
        )

    def has_run(self, head: RunHead) -> bool:
        """Whether a run is meant."""
        meant = self.has(scenario=head.scenario, target=head.target, at=head.started_at)
        return meant and self.verdict in (None, head.verdict)


def since_option(text: str | None) -> float:
    """Unix time of a date, or of so long ago.

    Args:
        text: ``7d`` or ``2026-11-24``, with a time if wanted (UTC where it names no zone); None for ever.

    Raises:
        UsageError: If it is neither.
    """
    if text is None:
        return 0.0
    try:
        return time.time() - parse_duration(text)
    except UnitError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since {text} is neither a duration nor a date", hint="such as 7d or 2026-11-24") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
