"""Rate curves: messages per second over time, with exact integrals; sums, multiples and cuts of curves are curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

_SAMPLES_PER_PERIOD = 256
_MOST_SAMPLES = 1 << 20
_MOST_STEPS = 100
_TOLERANCE = 1e-13


@dataclass(frozen=True, slots=True)
class _Samples:
    """Places in the pieces of a curve.

    Args:
        pieces: In which piece each is; shape (n,).
        within_s: Seconds from the piece's begin; shape (n,).
        firsts: Index of the first in each piece.
        counts: How many there are in each piece.
    """

    pieces: npt.NDArray[np.int64]
    within_s: Floats
    firsts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Messages per second over time, from 0 to `duration_s`; zero elsewhere.

    Make one by `hold`, `ramp`, `points`, `decay` or `sine`, and others from it.

    Args:
        edges_s: Where pieces begin, ascending from 0, and the end of the last; shape (n + 1,).
        levels: Constant part of each piece, per second; shape (n,).
        slopes: Growth of its linear part, per second squared; shape (n,).
        weights: Weights of its exponential parts; shape (n, m), m often 0.
        exponents: Their exponents, per second; shape (n, m).

    Notes:
        Within a piece, u seconds after its begin, the rate is r(u) = level + slope u + Re(sum_j w_j e^(s_j u)). A real
        s_j gives a decay, an imaginary one a sine, so that the area L(u) = level u + slope u^2 / 2 +
        Re(sum_j w_j (e^(s_j u) - 1) / s_j) is exact for every shape, and sums, multiples, stretched and cut curves are
        of the same form. Where a piece has no exponential part, L(u) = A has the solution
        u = 2 A / (level + sqrt(level^2 + 2 slope A)), the form of the quadratic formula that does not cancel; elsewhere
        Newton's method inside a bracket between sampled places finds it, because L never falls.
    """

    edges_s: Floats
    levels: Floats
    slopes: Floats
    weights: Complexes
    exponents: Complexes

    @classmethod
    def hold(cls, rate_per_s: float, duration_s: float) -> Curve:
        """One rate all the time."""
        return cls.ramp(rate_per_s, rate_per_s, duration_s)

    @classmethod
    def ramp(cls, from_per_s: float, to_per_s: float, duration_s: float) -> Curve:
        """A straight line."""
        return cls.points((0.0, duration_s), (from_per_s, to_per_s))

    @classmethod
    def points(cls, times_s: Sequence[float] | Floats, rates_per_s: Sequence[float] | Floats) -> Curve:
        """Straight lines through points; two points at one time make a step.

        Args:
            times_s: Ascending, the first 0; shape (n,).
            rates_per_s: Shape (n,).
        """
        times, rates = np.asarray(times_s, dtype=np.float64), np.asarray(rates_per_s, dtype=np.float64)
        lengths = np.diff(times)
        real = lengths > 0
        slopes = np.diff(rates)[real] / lengths[real]
        return _linear(np.concatenate((times[:1], times[1:][real])), rates[:-1][real], slopes)

    @classmethod
    def steps(cls, edges_s: Sequence[float] | Floats, rates_per_s: Sequence[float] | Floats) -> Curve:
        """A rate for each piece.

        Args:
            edges_s: Borders of the pieces, ascending from 0; shape (n + 1,).
            rates_per_s: Shape (n,).
        """
        rates = np.asarray(rates_per_s, dtype=np.float64)
        return _linear(np.asarray(edges_s, dtype=np.float64), rates, np.zeros_like(rates))

    @classmethod
    def decay(cls, from_per_s: float, floor_per_s: float, time_constant_s: float, duration_s: float) -> Curve:
        """An exponential decay: floor + (from - floor) e^(-t / time constant)."""
        return cls._exponential(floor_per_s, from_per_s - floor_per_s, -1 / time_constant_s, duration_s)

    @classmethod
    def sine(
        cls, mean_per_s: float, amplitude_per_s: float, period_s: float, duration_s: float, *, peak_s: float = 0.0
    ) -> Curve:
        """A sine about a mean: mean + amplitude cos(2 pi (t - peak) / period).

        Args:
            mean_per_s: Its mean over whole periods.
            amplitude_per_s: At most the mean, as no rate is below zero.
            period_s: From peak to peak.
            duration_s: How long it goes on.
            peak_s: When it is highest.
        """
        pulsation = 2j * np.pi / period_s
        return cls._exponential(mean_per_s, amplitude_per_s * np.exp(-pulsation * peak_s), pulsation, duration_s)

    @classmethod
    def chained(cls, curves: Sequence[Curve]) -> Curve:
        """Curves one behind the other; at least one."""
        most = max(curve.weights.shape[1] for curve in curves)
        edges_s, end_s = [np.zeros(1)], 0.0
        for curve in curves:
            edges_s.append(end_s + curve.edges_s[1:])
            end_s += curve.duration_s
        return cls(
            np.concatenate(edges_s),
            np.concatenate([curve.levels for curve in curves]),
            np.concatenate([curve.slopes for curve in curves]),
            np.concatenate([_padded(curve.weights, most) for curve in curves]),
            np.concatenate([_padded(curve.exponents, most) for curve in curves]),
        )

    @classmethod
    def _exponential(cls, level: float, weight: complex, exponent: complex, duration_s: float) -> Curve:
        return cls(
            np.array([0.0, duration_s]),
            np.array([level], dtype=np.float64),
            np.zeros(1),
            np.array([[weight]], dtype=np.complex128),
            np.array([[exponent]], dtype=np.complex128),
        )

    @property
    def duration_s(self) -> float:
        """Its end in seconds."""
        return float(self.edges_s[-1])

    @property
    def area(self) -> float:
        """The area under the whole of it: how many messages it stands for."""
        return float(self._areas[-1])

    @property
    def final_per_s(self) -> float:
        """The rate at its end."""
        return float(self.rate_at(self.edges_s[-1:])[0])

    @property
    def mean_per_s(self) -> float:
        """Messages per second on average."""
        return self.area / self.duration_s

    @cached_property
    def peak_per_s(self) -> float:
        """The highest rate; exact for straight lines, to about one part in 10^4 of a piece's swing for others."""
        ends = self.levels + self.slopes * np.diff(self.edges_s)
        straight = ~self._curved
        samples = self._samples
        return max(
            float(np.maximum(self.levels, ends)[straight].max(initial=0.0)),
            float(self._rates(samples.pieces, samples.within_s).max(initial=0.0)),
        )

    def rate_at(self, times_s: Floats) -> Floats:
        """Messages per second at given times; at a step, the later rate; zero outside the curve."""
        times = np.asarray(times_s, dtype=np.float64)
        pieces = self._pieces(times)
        inside = (times >= 0) & (times <= self.duration_s)
        return np.where(inside, self._rates(pieces, times - self.edges_s[pieces]), 0.0)

    def area_at(self, times_s: Floats) -> Floats:
        """The area under the curve from 0 to given times."""
        times = np.clip(np.asarray(times_s, dtype=np.float64), 0.0, self.duration_s)
        pieces = self._pieces(times)
        return self._areas[pieces] + self._areas_within(pieces, times - self.edges_s[pieces])

    def times_at(self, areas: Floats) -> Floats:
        """When the area under the curve reaches each of these: the inverse of `area_at`."""
        # To the right of equal ends: a piece at rate 0 has no area and nothing is reached in it.
        pieces = np.minimum(np.searchsorted(self._areas[1:], areas, side="right"), len(self.levels) - 1)
        inside = areas - self._areas[pieces]
        levels, slopes = self.levels[pieces], self.slopes[pieces]
        roots = np.sqrt(np.maximum(levels**2 + 2 * slopes * inside, 0.0))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # 0 / 0 at the foot of a ramp from 0
            within_s = np.where(inside > 0, 2 * inside / (levels + roots), 0.0)
        curved = self._curved[pieces]
        if curved.any():
            within_s[curved] = self._solve(pieces[curved], inside[curved])
        times: Floats = np.minimum(self.edges_s[pieces] + within_s, self.edges_s[pieces + 1])
        return times

    def outline(self) -> tuple[Floats, Floats]:
        """Times and rates for a drawing: both sides of every step, and enough between where it is not straight."""
        times = np.union1d(self._grid, np.nextafter(self.edges_s[1:], 0.0))
        return times, self.rate_at(times)

    def scaled(self, factor: float) -> Curve:
        """The same shape at another height."""
        return Curve(self.edges_s, self.levels * factor, self.slopes * factor, self.weights * factor, self.exponents)

    def stretched(self, factor: float) -> Curve:
        """The same rates over another length of time: below 1 it is compressed, with fewer messages."""
        return Curve(self.edges_s * factor, self.levels, self.slopes / factor, self.weights, self.exponents / factor)

    def cut(self, start_s: float, end_s: float) -> Curve:
        """The part between two times, from 0 on."""
        inner = self.edges_s[(self.edges_s > start_s) & (self.edges_s < end_s)]
        return self._resampled(np.concatenate(([start_s], inner, [end_s])))

    def then(self, other: Curve) -> Curve:
        """This curve, and another one behind it."""
        return Curve.chained((self, other))

    def plus(self, other: Curve) -> Curve:
        """The sum of two curves that begin together; as long as the longer one."""
        edges_s = np.union1d(self.edges_s, other.edges_s)
        one, two = self._resampled(edges_s), other._resampled(edges_s)
        return Curve(
            edges_s,
            one.levels + two.levels,
            one.slopes + two.slopes,
            np.concatenate((one.weights, two.weights), axis=1),
            np.concatenate((one.exponents, two.exponents), axis=1),
        )

    def delayed(self, delay_s: float) -> Curve:
        """The curve after a pause without messages."""
        return Curve.hold(0.0, delay_s).then(self) if delay_s > 0 else self

    def busiest(self, width_s: float) -> float:
        """Where the window of a given width begins that holds most messages; the first of equal ones.

        Notes:
            Moving a window changes its area by r(t + width) - r(t): between places where either border meets the edge
            of a piece, straight lines have their extreme where that is zero.
        """
        last_s = self.duration_s - width_s
        if last_s <= 0:
            return 0.0
        places = np.unique(np.clip(np.concatenate((self._grid, self._grid - width_s)), 0.0, last_s))
        middles, quarters = (places[:-1] + places[1:]) / 2, np.diff(places) / 4
        # Inside, not at the places themselves, where the rate may take a step.
        gain, before, after = (
            self.rate_at(starts + width_s) - self.rate_at(starts)
            for starts in (middles, middles - quarters, middles + quarters)
        )
        tilt = (after - before) / np.maximum(2 * quarters, np.finfo(float).tiny)
        with np.errstate(invalid="ignore", divide="ignore"):
            turns = np.where(tilt < 0, middles - gain / tilt, middles)
        starts = np.sort(np.concatenate((places, np.clip(turns, places[:-1], places[1:]))))
        areas = self.area_at(starts + width_s) - self.area_at(starts)
        most = areas.max()
        return float(starts[np.argmax(areas >= most - 1e-9 * abs(most))])

    @cached_property
    def _areas(self) -> Floats:
        """The area from 0 to each edge; shape (n + 1,)."""
        pieces = np.arange(len(self.levels))
        return np.concatenate(([0.0], np.cumsum(self._areas_within(pieces, np.diff(self.edges_s)))))

    @cached_property
    def _curved(self) -> npt.NDArray[np.bool_]:
        """Which pieces have an exponential part."""
        curved: npt.NDArray[np.bool_] = (self.weights != 0).any(axis=1)
        return curved

    @cached_property
    def _grid(self) -> Floats:
        """The edges, and places between those of pieces that are not straight."""
        samples = self._samples
        return np.unique(np.concatenate((self.edges_s, self.edges_s[samples.pieces] + samples.within_s)))

    @cached_property
    def _samples(self) -> _Samples:
        """Places in pieces that are not straight, close together where the rate changes fast; both ends among them."""
        pieces = np.flatnonzero(self._curved)
        lengths_s = np.diff(self.edges_s)[pieces]
        fastest = np.abs(np.where(self.weights[pieces] != 0, self.exponents[pieces], 0)).max(axis=1, initial=0.0)
        periods = fastest * lengths_s / (2 * np.pi)
        most = max(_MOST_SAMPLES // max(len(pieces), 1), 2)
        counts = np.zeros(len(self.levels), dtype=np.int64)
        counts[pieces] = np.clip(np.ceil(periods * _SAMPLES_PER_PERIOD), 1, most) + 1
        firsts = np.cumsum(counts) - counts
        sampled = np.repeat(np.arange(len(self.levels)), counts)
        shares = (np.arange(len(sampled)) - firsts[sampled]) / (counts[sampled] - 1)
        return _Samples(sampled, shares * np.diff(self.edges_s)[sampled], firsts, counts)

    @cached_property
    def _sampled_areas(self) -> Floats:
        """The area from 0 to each of the samples."""
        pieces = self._samples.pieces
        return np.maximum.accumulate(self._areas[pieces] + self._areas_within(pieces, self._samples.within_s))

    def _pieces(self, times_s: Floats) -> npt.NDArray[np.int64]:
        pieces = np.searchsorted(self.edges_s, times_s, side="right") - 1
        return np.clip(pieces, 0, len(self.levels) - 1).astype(np.int64)

    def _rates(self, pieces: npt.NDArray[np.int64], within_s: Floats) -> Floats:
        rates: Floats = self.levels[pieces] + self.slopes[pieces] * within_s
        if self.weights.shape[1]:
            waves = self.weights[pieces] * np.exp(self.exponents[pieces] * within_s[..., None])
            rates = rates + waves.sum(axis=-1).real
        return np.maximum(rates, 0.0)  # a rounding error below zero is none

    def _areas_within(self, pieces: npt.NDArray[np.int64], within_s: Floats) -> Floats:
        areas: Floats = self.levels[pieces] * within_s + self.slopes[pieces] * within_s**2 / 2
        if self.weights.shape[1]:
            exponents = self.exponents[pieces]
            # Where there is no part there is no exponent either, and no area.
            parts = self.weights[pieces] * np.expm1(exponents * within_s[..., None])
            areas = areas + (parts / np.where(exponents == 0, 1, exponents)).sum(axis=-1).real
        return areas

    def _solve(self, pieces: npt.NDArray[np.int64], areas: Floats) -> Floats:
        length_s = self.edges_s[pieces + 1] - self.edges_s[pieces]
        low, high, guess = self._brackets(pieces, areas)
        solved = np.empty_like(areas)
        # Each by itself, so that what is found does not depend on what is asked with it; most are done in a few steps,
        # but not those where the rate touches zero.
        left = np.arange(len(areas))
        for _ in range(_MOST_STEPS):
            surplus = self._areas_within(pieces, guess) - areas
            low, high = np.where(surplus < 0, guess, low), np.where(surplus > 0, guess, high)
            with np.errstate(invalid="ignore", divide="ignore"):
                better = guess - surplus / self._rates(pieces, guess)
            better = np.where((better >= low) & (better <= high), better, (low + high) / 2)
            solved[left] = better
            far = np.abs(better - guess) > _TOLERANCE * length_s
            if not far.any():
                break
            left, pieces, areas, length_s = left[far], pieces[far], areas[far], length_s[far]
            low, high, guess = low[far], high[far], better[far]
        return solved

    def _brackets(self, pieces: npt.NDArray[np.int64], areas: Floats) -> tuple[Floats, Floats, Floats]:
        """Two places in each piece between which an area is reached, next to each other, and a first guess."""
        samples, sampled = self._samples, self._sampled_areas
        firsts = samples.firsts[pieces]
        below = np.searchsorted(sampled, self._areas[pieces] + areas, side="right") - 1
        below = np.clip(below, firsts, firsts + samples.counts[pieces] - 2)  # a rounding error may lead out of a piece
        low, high = samples.within_s[below], samples.within_s[below + 1]
        steps = sampled[below + 1] - sampled[below]
        shares = (self._areas[pieces] + areas - sampled[below]) / np.maximum(steps, np.finfo(float).tiny)
        return low, high, low + (high - low) * np.clip(shares, 0.0, 1.0)

    def _resampled(self, edges_s: Floats) -> Curve:
        """The curve cut at more edges; zero beyond its end."""
        starts = edges_s[:-1]
        pieces = self._pieces(starts)
        shift_s = starts - self.edges_s[pieces]
        there = (starts < self.duration_s).astype(np.float64)
        return Curve(
            edges_s - edges_s[0],
            (self.levels[pieces] + self.slopes[pieces] * shift_s) * there,
            self.slopes[pieces] * there,
            self.weights[pieces] * np.exp(self.exponents[pieces] * shift_s[:, None]) * there[:, None],
            self.exponents[pieces],
        )


def _linear(edges_s: Floats, levels: Floats, slopes: Floats) -> Curve:
    none = np.zeros((len(levels), 0), dtype=np.complex128)
    return Curve(edges_s, levels, slopes, none, none)


def _padded(parts: Complexes, columns: int) -> Complexes:
    return np.pad(parts, ((0, 0), (0, columns - parts.shape[1])))
