"""Trials of a ladder as arrays: what was asked, what came, in which run, and how the noise behaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from loadkit.analysis.curves import USL, Curve
from loadkit.analysis.least_squares import Floats, Residuals, jacobian, minimise
from loadkit.analysis.refusal import RefusedError

FEWEST_TRIALS, FEWEST_LEVELS, SMALLEST_RANGE = 5, 4, 3.0

_FURTHEST = 100.0
"""A logarithm beyond which a curve is as far off as any: its square is still a number."""
_NEAR = 0.2
"""Levels whose logarithms are this close are the same rung of a ladder."""
_RATIOS = np.concatenate([[0.0], np.geomspace(0.01, 100.0, 33)])


class Noise(StrEnum):
    """How trials scatter around the curve."""

    RELATIVE = "relative"
    """By a share of the throughput: the curve is fitted to logarithms."""
    ABSOLUTE = "absolute"
    """By the same amount at every concurrency, as ordinary least squares takes it."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Trials, and what makes their residuals independent.

    Args:
        concurrency: Concurrency of each, shape (n,).
        throughput: Throughput of each.
        run: Number of the run that each belongs to, from 0.
        noise: How they scatter.
        run_ratio: Variance between runs over the variance within; 0 where each trial is a run of its own.
        whitener: Matrix that residuals are multiplied with, shape (n, n).
    """

    concurrency: Floats
    throughput: Floats
    run: npt.NDArray[np.intp]
    noise: Noise
    run_ratio: float
    whitener: Floats

    @property
    def count(self) -> int:
        """How many trials there are."""
        return len(self.concurrency)

    @property
    def run_count(self) -> int:
        """How many runs they are of."""
        return int(self.run.max()) + 1

    @property
    def has_run_effect(self) -> bool:
        """Whether runs and trials can be told apart."""
        return 1 < self.run_count < self.count

    @property
    def top(self) -> float:
        """The highest concurrency."""
        return float(self.concurrency.max())

    @property
    def observed(self) -> Floats:
        """What the curve is fitted to: logarithms, or shares of the largest throughput."""
        return self.fitted(np.log(self.throughput))

    def fitted(self, log_throughput: Floats) -> Floats:
        """Log throughput in the terms of the fit."""
        if self.noise is Noise.RELATIVE:
            return log_throughput
        shares: Floats = np.exp(np.minimum(log_throughput - np.log(self.throughput.max()), _FURTHEST))
        return shares

    def unfitted(self, values: Floats) -> Floats:
        """Throughput from the terms of the fit."""
        return np.exp(values) if self.noise is Noise.RELATIVE else values * self.throughput.max()

    def residuals(
        self, curve: Curve, to_parameters: Callable[[Floats], Floats] | None = None, observed: Floats | None = None
    ) -> Residuals:
        """Residuals of a curve, made independent.

        Args:
            curve: The curve.
            to_parameters: From what is varied to the curve's parameters, if that is something else.
            observed: One set of observations for each problem, shape (m, n); else those of the trials.
        """

        def residuals(varied: Floats, numbers: npt.NDArray[np.intp]) -> Floats:
            parameters = varied if to_parameters is None else to_parameters(varied)
            wanted = own if observed is None else observed[numbers]
            return (self.fitted(curve.log_throughput(parameters, self.concurrency)) - wanted) @ self.whitener

        own = self.observed
        return residuals

    def without_run_effect(self) -> Trials:
        """The same trials as if each were a run of its own."""
        return replace(self, run_ratio=0.0, whitener=np.eye(self.count))

    def below_the_top(self) -> Trials | None:
        """The trials without those at the highest concurrency; None where too little is left to fit."""
        kept = self.concurrency < self.top
        if len(np.unique(self.concurrency[kept])) < FEWEST_LEVELS - 1:
            return None
        run = np.unique(self.run[kept], return_inverse=True)[1]
        return Trials(
            self.concurrency[kept],
            self.throughput[kept],
            run,
            self.noise,
            self.run_ratio,
            _whitener(run, self.run_ratio),
        )


def make_trials(
    concurrency: npt.ArrayLike, throughput: npt.ArrayLike, run: Sequence[object] | None, noise: Noise
) -> Trials:
    """Check trials, and find how much of their scatter is between runs.

    Raises:
        RefusedError: If they can't carry a curve.
        ValueError: If lengths differ, or a value is not a finite number above zero.
    """
    levels, rates = (np.asarray(values, dtype=np.float64) for values in (concurrency, throughput))
    if levels.ndim != 1 or levels.shape != rates.shape or (run is not None and len(run) != len(levels)):
        raise ValueError("concurrency, throughput and run must be of one length")
    if not all((np.isfinite(values) & (values > 0)).all() for values in (levels, rates)):
        raise ValueError("concurrency and throughput must be finite numbers above zero")
    refuse_thin(levels)
    groups = np.arange(len(levels)) if run is None else np.unique([str(one) for one in run], return_inverse=True)[1]
    plain = Trials(levels, rates, groups, noise, 0.0, np.eye(len(levels)))
    if not plain.has_run_effect:
        return plain
    ratio = _run_ratio(plain)
    return Trials(levels, rates, groups, noise, ratio, _whitener(groups, ratio))


def refuse_thin(levels: Floats) -> None:
    """Refuse trials at too few levels, or over too small a range.

    Raises:
        RefusedError: With the trials that would do.
    """
    distinct = np.unique(levels)
    count = len(distinct)
    if len(levels) < FEWEST_TRIALS or count < FEWEST_LEVELS:
        raise RefusedError(
            f"{_counted(len(levels), 'trial')} at {_counted(count, 'level')} of concurrency can't tell one curve from "
            f"another: it takes {FEWEST_TRIALS} trials at {FEWEST_LEVELS} levels",
            hint=f"add trials at concurrency {_ladder(distinct)}",
        )
    if distinct[-1] / distinct[0] < SMALLEST_RANGE:
        raise RefusedError(
            f"trials from {distinct[0]:g} to {distinct[-1]:g} span less than a factor of {SMALLEST_RANGE:g}: every "
            "curve is straight over so short a way",
            hint=f"add trials at concurrency {_ladder(distinct)}",
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _ladder(distinct: Floats) -> str:
    """The doublings around what was measured, those left out that were measured."""
    if not distinct.size:
        return "1, 2, 4, 8, 16, 32"
    low, high = float(distinct[0]), float(distinct[-1])
    rungs = max(1.0, low / 2) * 2.0 ** np.arange(12)
    wanted = rungs[rungs <= max(4 * high, 16 * low)]
    missing = [rung for rung in wanted if np.abs(np.log(distinct / rung)).min() > _NEAR]
    return ", ".join(f"{rung:g}" for rung in missing)


def _whitener(run: npt.NDArray[np.intp], ratio: float) -> Floats:
    """The square root of the inverse correlation of trials in runs, up to a factor (compound symmetry)."""
    together = (run[:, None] == run[None, :]).astype(np.float64)
    size = together.sum(axis=1)
    whitener: Floats = np.eye(len(run)) - together * ((1 - 1 / np.sqrt(1 + size * ratio)) / size)[:, None]
    return whitener


def _run_ratio(trials: Trials) -> float:
    """The ratio of variances by restricted maximum likelihood, under the richest curve.

    Notes:
        With ratio r and runs of n_i trials, minus twice the restricted log likelihood is, up to a constant,
        (n - p) log RSS + sum log(1 + n_i r) + log det J'J, where RSS and J are of the whitened problem
        (Patterson and Thompson, 1971).
    """
    sizes = np.bincount(trials.run)
    box = USL.box(trials.top)
    starts = USL.starts(trials.concurrency, np.log(trials.throughput))
    found = []
    for ratio in _RATIOS:
        tried = Trials(
            trials.concurrency, trials.throughput, trials.run, trials.noise, ratio, _whitener(trials.run, ratio)
        )
        residuals = tried.residuals(USL)
        parameters, cost = minimise(residuals, starts, box).best()
        starts = np.vstack([parameters, starts[:2]])
        slopes = jacobian(residuals, parameters, box) * box.scale
        determinant = float(np.linalg.slogdet(slopes.T @ slopes)[1])
        freedom = trials.count - len(box.scale)
        found.append(freedom * np.log(max(cost, 1e-300)) + float(np.log1p(sizes * ratio).sum()) + determinant)
    return float(_RATIOS[int(np.argmin(found))])
