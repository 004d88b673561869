"""The trial that would tell most: where possible curves part, or where one more point narrows what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadkit.analysis.choosing import INDISTINGUISHABLE, Fitted
from loadkit.analysis.least_squares import Floats, jacobian
from loadkit.analysis.results import shown
from loadkit.analysis.trials import Trials

_PLACES = 40
_PARTED = 2.0
"""Curves this many standard deviations of a trial apart are told apart by one trial."""


@dataclass(frozen=True, slots=True, repr=False)
class ProposedTrial:
    """A trial worth running.

    Args:
        concurrency: At which concurrency.
        reason: What it would tell.
        narrows: The standard error that is left, as a share of today's; None where the trial decides between curves.
    """

    concurrency: float
    reason: str
    narrows: float | None

    def __repr__(self) -> str:
        return f"a trial at concurrency {shown(self.concurrency)}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"concurrency": self.concurrency, "reason": self.reason, "narrows": self.narrows}


def next_trial(trials: Trials, fits: Sequence[Fitted], chosen: Fitted, scatter: float) -> ProposedTrial:
    """The trial that would tell most.

    Args:
        trials: Those there are.
        fits: The candidates.
        chosen: The chosen one.
        scatter: Standard deviation of a trial, in the terms of the fit.

    Notes:
        Where curves that AICc can't tell apart are two standard deviations of a trial from each other somewhere, one
        trial there decides. Else it is the concurrency that makes the variance of the quantity wanted least, by the
        delta method: c' (J'J + j j')^-1 c (Atkinson, Donev and Tobias, 2007, chapter 10, c-optimality).
    """
    places = _places(trials)
    rivals = [one for one in fits if one.candidate.delta <= 2 * INDISTINGUISHABLE or one is chosen]
    if len(rivals) > 1:
        curves = np.array([_fitted(trials, one, places) for one in rivals])
        apart = curves.max(axis=0) - curves.min(axis=0)
        widest = int(np.argmax(apart))
        if apart[widest] > _PARTED * scatter:
            names = " and ".join(
                rivals[place].curve.name for place in (int(curves[:, widest].argmin()), int(curves[:, widest].argmax()))
            )
            return ProposedTrial(float(places[widest]), f"{names} part there", None)
    shares = _shares_left(trials, chosen, places)
    best = int(np.argmin(shares))
    name = _target(trials, chosen)[0]
    reason = f"it would narrow {name} most, to {shares[best]:.0%} of its standard error"
    return ProposedTrial(float(places[best]), reason, float(shares[best]))


def _places(trials: Trials) -> Floats:
    places = np.geomspace(trials.concurrency.min(), 2 * trials.top, _PLACES)
    whole = bool((trials.concurrency == np.round(trials.concurrency)).all())
    return np.unique(np.round(places)) if whole else places


def _fitted(trials: Trials, fit: Fitted, places: Floats) -> Floats:
    fitted: Floats = trials.fitted(fit.curve.log_throughput(fit.parameters[None], places))[0]
    return fitted


def _target(trials: Trials, fit: Fitted) -> tuple[str, int]:
    """What is wanted: the place of the most throughput, its amount, or else the curve at twice the highest level."""
    place, most = (float(value[0]) for value in fit.curve.peak(fit.parameters[None]))
    if np.isfinite(place) and place > 1 and place < 10 * trials.top:
        return "N_max", 0
    if np.isfinite(most):
        return "X_max", 1
    return f"the curve at {2 * trials.top:g}", 2


def _shares_left(trials: Trials, fit: Fitted, places: Floats) -> Floats:
    """What one more trial at each place leaves of the standard error of what is wanted, shape (n,)."""
    box = fit.curve.box(trials.top)
    index = _target(trials, fit)[1]
    at = fit.parameters

    def wanted(parameters: Floats, _: object) -> Floats:
        if index < 2:  # noqa: PLR2004 - place and amount of the peak
            values = fit.curve.peak(parameters)[index][:, None]
            return np.log(values) if index == 0 else values
        return fit.curve.log_throughput(parameters, np.array([2 * trials.top]))

    def curve(parameters: Floats, _: object) -> Floats:
        return trials.fitted(fit.curve.log_throughput(parameters, places))

    aim = jacobian(wanted, at, box)[0] * box.scale
    slopes = jacobian(trials.residuals(fit.curve), at, box) * box.scale
    new = jacobian(curve, at, box) * box.scale / np.sqrt(1 + trials.run_ratio)
    information = slopes.T @ slopes
    information += np.eye(len(aim)) * 1e-9 * np.trace(information)
    before = aim @ np.linalg.solve(information, aim)
    more = information + new[:, :, None] * new[:, None, :]
    after = np.linalg.solve(more, np.broadcast_to(aim[:, None], (len(places), len(aim), 1)))[:, :, 0] @ aim
    shares: Floats = np.sqrt(after / before)
    return shares
