"""The trend of a series whose noise is correlated with itself, such as a backlog sampled every second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LEAST_POINTS = 10

# Kiefer and Vogelsang (2005), table 1: 97.5 % point for the Bartlett kernel, as a polynomial in the share of lags.
_CRITICAL = (1.9600, 2.9694, 0.4160, -0.5324)
_MOST_CORRELATION = 0.97
# A memory as long as the series can't be told from a trend, and the interval would have no end: by simulation, with
# this many points between the memory and 1, intervals hold the slope in 89 to 95 % of series of 60 points.
_POINTS_TO_FORGET = 3


@dataclass(frozen=True, slots=True)
class Trend:
    """How fast a series rises, in its unit per second.

    Args:
        slope_per_s: The estimate.
        low_per_s: Lower end of the 95 % confidence interval.
        high_per_s: Its upper end.
    """

    slope_per_s: float
    low_per_s: float
    high_per_s: float


def trend_of(times_s: Floats, values: Floats) -> Trend | None:
    """Fit a straight line and bound its slope.

    Args:
        times_s: Times in seconds, ascending, about evenly spaced; shape (n,).
        values: The series at these times; shape (n,).

    Returns:
        The slope with its 95 % confidence interval, or None for fewer than `LEAST_POINTS` points.

    Notes:
        Least squares give the slope b = sum(d y) / sum(d^2) with d = t - mean(t). The usual interval takes the
        residuals u for independent and is far too narrow where they are not. Its variance is here that of Newey and
        West (1987) over z = d u: sum(d^2)^-2 (g_0 + 2 sum_j (1 - j / (L + 1)) g_j) with g_j = sum_t z_t z_(t-j).
        As Andrews and Monahan (1992) advise, z is whitened first, v_t = z_t - r z_(t-1), and the sum divided by
        (1 - r)^2; r is the correlation of u with its predecessor, put right for the trend's own bias of (2 + 4 r) / n.
        L is that of Andrews (1991) for what is left, 1.1447 (4 q^2 n / (1 - q^2)^2)^(1/3), and the critical value not
        1.96 but that of Kiefer and Vogelsang (2005) for the share (L + 1) / n of lags.
    """
    n = values.size
    if n < LEAST_POINTS:
        return None
    distances = times_s - times_s.mean()
    spread = float(distances @ distances)
    slope = float(distances @ values) / spread
    residuals = values - values.mean() - slope * distances
    memory = min(max((_correlation(residuals) * n + 2) / (n - 4), 0.0), 1 - _POINTS_TO_FORGET / n)
    scores = distances * residuals
    whitened = scores[1:] - memory * scores[:-1]
    lags = _lags(whitened)
    total = _weighted_products(whitened, lags) / (1 - memory) ** 2
    # The degrees of freedom that the line took, and the first point, which whitening drops.
    variance = max(total, 0.0) * n / (n - 2) * n / (n - 1)
    half_width = _critical((lags + 1) / n) * math.sqrt(variance) / spread
    return Trend(slope, slope - half_width, slope + half_width)


def _correlation(series: Floats) -> float:
    """With its predecessors; 0 for a series of zeros."""
    square = float(series[:-1] @ series[:-1])
    return float(series[1:] @ series[:-1]) / square if square > 0 else 0.0


def _lags(series: Floats) -> int:
    correlation = min(abs(_correlation(series)), _MOST_CORRELATION)
    wanted: float = 1.1447 * (4 * correlation**2 * series.size / (1 - correlation**2) ** 2) ** (1 / 3)
    return min(math.ceil(wanted), int(series.size) - 2)


def _weighted_products(series: Floats, lags: int) -> float:
    products = [float(series[lag:] @ series[: series.size - lag]) for lag in range(lags + 1)]
    return products[0] + 2 * sum((1 - lag / (lags + 1)) * products[lag] for lag in range(1, lags + 1))


def _critical(share: float) -> float:
    return float(sum(coefficient * share**power for power, coefficient in enumerate(_CRITICAL)))
