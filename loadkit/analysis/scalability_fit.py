"""What a fit of throughput against concurrency found, to read, to ask and to write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from loadkit.analysis.choosing import IMPOSSIBLE, Candidate, Fitted
from loadkit.analysis.least_squares import Floats
from loadkit.analysis.next_trial import ProposedTrial
from loadkit.analysis.response import time_at_throughput
from loadkit.analysis.results import Band, Estimate, finite, shown
from loadkit.analysis.trials import Noise, Trials

_GRID = 60


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What a bootstrap drew.

    Args:
        parameters: Of the curve, shape (d, p).
        new_run: How far one more run would be from each draw's curve, in the terms of the fit.
    """

    parameters: Floats
    new_run: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScalabilityFit:
    """A curve of throughput against concurrency.

    Args:
        curve: The chosen candidate.
        why: Why it was chosen.
        parameters: Its parameters with intervals.
        n_max: Concurrency of the most throughput; None where the curve has none.
        x_max: The most throughput, at ``n_max`` or as a limit; None where the curve has none.
        candidates: All candidates, the chosen one among them.
        condition_number: Of the fit, its columns scaled to one length.
        correlations: Of the parameters: two names and the correlation.
        scatter: Standard deviation of trials within a run, of the logarithm or of the throughput.
        run_scatter: Standard deviation between runs; 0 where trials and runs can't be told apart.
        warnings: What to know before the result is used.
        next_trial: The trial that would tell most.
        level: Level of all intervals, such as 0.95.
        measured: Lowest and highest concurrency of the trials.
        trial_count: How many trials there are.
        run_count: How many runs they are of.
    """

    curve: Candidate
    why: str
    parameters: tuple[Estimate, ...]
    n_max: Estimate | None
    x_max: Estimate | None
    candidates: tuple[Candidate, ...]
    condition_number: float
    correlations: tuple[tuple[str, str, float], ...]
    scatter: float
    run_scatter: float
    warnings: tuple[str, ...]
    next_trial: ProposedTrial
    level: float
    measured: tuple[float, float]
    trial_count: int
    run_count: int
    _trials: Trials = field(repr=False)
    _fits: tuple[Fitted, ...] = field(repr=False)
    _chosen: Fitted = field(repr=False)
    _draws: Draws = field(repr=False)

    def throughput(self, concurrency: npt.ArrayLike) -> Floats:
        """The chosen curve at concurrencies."""
        places = np.atleast_1d(np.asarray(concurrency, dtype=np.float64))
        values: Floats = np.exp(self._chosen.curve.log_throughput(self._chosen.parameters[None], places)[0])
        return values

    @property
    def observed(self) -> tuple[Floats, Floats]:
        """Concurrency and throughput of the trials."""
        return self._trials.concurrency, self._trials.throughput

    def all_throughputs(self, concurrency: npt.ArrayLike) -> dict[str, Floats]:
        """Every candidate at concurrencies, by its name."""
        places = np.atleast_1d(np.asarray(concurrency, dtype=np.float64))
        return {one.curve.name: np.exp(one.curve.log_throughput(one.parameters[None], places)[0]) for one in self._fits}

    def band(self, concurrency: npt.ArrayLike) -> Band:
        """The curve with its bands and the envelope of the other candidates.

        Args:
            concurrency: Where; finite numbers above zero.

        Notes:
            Two bands, for two questions: the confidence band says where the curve is, the prediction band what one more
            trial of a new run would show. Both are quantiles of the bootstrap, at each concurrency by itself.
        """
        places = np.atleast_1d(np.asarray(concurrency, dtype=np.float64))
        tails = ((1 - self.level) / 2, (1 + self.level) / 2)
        curve, trials = self._chosen.curve, self._trials
        fitted = trials.fitted(curve.log_throughput(self._draws.parameters, places))
        new = fitted + self._draws.new_run[:, None]
        allowed = [one for one in self._fits if one.candidate.delta <= IMPOSSIBLE or one is self._chosen]
        others = np.exp([one.curve.log_throughput(one.parameters[None], places)[0] for one in allowed])
        return Band(
            at=places,
            estimate=self.throughput(places),
            confidence=trials.unfitted(np.quantile(fitted, tails, axis=0)),
            prediction=np.maximum(trials.unfitted(np.quantile(new, tails, axis=0)), 0.0),
            envelope=np.array([others.min(axis=0), others.max(axis=0)]),
        )

    def response_time(self, throughput: float) -> float | None:
        """Mean time that each of the concurrent clients takes at a throughput, in the throughput's unit of time.

        Returns:
            The time on the rising side of the curve, or None above the most throughput.
        """
        return time_at_throughput(self._chosen.curve, self._chosen.parameters, throughput)

    def grid(self) -> Floats:
        """Concurrencies to draw the curve at, from the lowest that was measured to twice the highest."""
        return np.geomspace(self.measured[0], 2 * self.measured[1], _GRID)

    def __repr__(self) -> str:
        noise = f"{self.scatter:.1%}" if self._trials.noise is Noise.RELATIVE else shown(self.scatter)
        peaks = [repr(one) for one in (self.n_max, self.x_max) if one is not None]
        return "\n".join(
            [
                f"{self.curve.curve}: {self.curve.formula}",
                f"  {'  '.join(map(repr, self.parameters))}",
                *([f"  {'  '.join(peaks)}"] if peaks else []),
                f"  {self.trial_count} trials, scatter {noise}; intervals at {self.level:.0%}",
                f"  chosen: {self.why}",
                *(f"  warning: {one}" for one in self.warnings),
                f"  next: {self.next_trial!r}",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the curve and its bands on a grid."""
        return {
            "curve": self.curve.to_dict(),
            "why": self.why,
            "noise": self._trials.noise.value,
            "level": self.level,
            "parameters": [one.to_dict() for one in self.parameters],
            "n_max": self.n_max and self.n_max.to_dict(),
            "x_max": self.x_max and self.x_max.to_dict(),
            "candidates": [one.to_dict() for one in self.candidates],
            "condition_number": finite(self.condition_number),
            "correlations": [list(one) for one in self.correlations],
            "scatter": self.scatter,
            "run_scatter": self.run_scatter,
            "warnings": list(self.warnings),
            "next_trial": self.next_trial.to_dict(),
            "measured": list(self.measured),
            "trials": self.trial_count,
            "runs": self.run_count,
            "band": self.band(self.grid()).to_dict(),
        }
