"""Curves of throughput against concurrency, as functions that work on many sets of parameters at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from loadkit.analysis.least_squares import Box, Floats

_FAR = 700.0
"""The largest logarithm that a float can take back."""
_SMALLEST_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class View:
    """A quantity of a curve in place of its parameters, so that its own likelihood can be drawn.

    Args:
        lower: Bounds of the quantity and of what stands beside it, shape (p,).
        upper: Upper bounds.
        to_parameters: From the view, shape (m, p), with the quantity's logarithm first, to the curve's parameters.
        from_parameters: The way back, for one set of parameters.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    to_parameters: Callable[[Floats], Floats]
    from_parameters: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Curve:
    """A family of curves.

    Args:
        name: Its name.
        formula: The formula in words that people type.
        names: The parameters' names.
        logarithmic: Which of them are kept as logarithms.
        lower: Bounds, of the logarithm where one is kept.
        upper: Upper bounds.
        log_throughput: From parameters, shape (m, p), and concurrencies, shape (n,), to log X, shape (m, n).
        starts: From concurrencies and log X to starts, shape (m, p).
        peak: From parameters, shape (m, p), to the concurrency of the most throughput and that throughput's logarithm,
            each of shape (m,); infinite where there is none.
        views: Views of ``N_max`` and ``X_max``, where the curve has them.
    """

    name: str
    formula: str
    names: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    log_throughput: Callable[[Floats, Floats], Floats]
    starts: Callable[[Floats, Floats], Floats]
    peak: Callable[[Floats], tuple[Floats, Floats]]
    views: Mapping[str, View] = field(default_factory=dict)

    def box(self, top: float) -> Box:
        """The bounds, with the sizes that parameters have where concurrency goes up to ``top``."""
        sizes = {"a": 1.0 / top, "b": 1.0 / top**2}
        return Box(np.array(self.lower), np.array(self.upper), np.array([sizes.get(name, 1.0) for name in self.names]))

    def values(self, parameters: Floats) -> Floats:
        """Parameters as people write them, the last axis of which is that of the parameters."""
        return np.where(np.array(self.logarithmic), np.exp(np.minimum(parameters, _FAR)), parameters)


def _scaled(shapes: Callable[[Floats, Floats], Floats]) -> Callable[[Floats, Floats], Floats]:
    """A curve whose first parameter is the logarithm of its scale."""
    return lambda parameters, concurrency: parameters[:, :1] + shapes(parameters[:, 1:], concurrency)


def _amdahl_shape(parameters: Floats, concurrency: Floats) -> Floats:
    return np.log(concurrency) - np.log1p(parameters[:, :1] * (concurrency - 1))


def _usl_shape(parameters: Floats, concurrency: Floats) -> Floats:
    others = concurrency - 1
    return np.log(concurrency) - np.log1p(parameters[:, :1] * others + parameters[:, 1:2] * concurrency * others)


def _started(
    shapes: Callable[[Floats, Floats], Floats], grid: Callable[[float], list[tuple[float, ...]]]
) -> Callable[[Floats, Floats], Floats]:
    """Starts from a grid of shapes, each with the scale that suits the data best."""

    def starts(concurrency: Floats, log_throughput: Floats) -> Floats:
        chosen = np.array(grid(float(concurrency.max())), dtype=np.float64)
        scales = (log_throughput - shapes(chosen, concurrency)).mean(axis=1)
        return np.column_stack([scales, chosen])

    return starts


def _no_peak(parameters: Floats) -> tuple[Floats, Floats]:
    nowhere = np.full(len(parameters), np.inf)
    return nowhere, nowhere


def _capped_starts(concurrency: Floats, log_throughput: Floats) -> Floats:
    """One start for each knee between two levels: within its reach the problem is linear."""
    levels = np.unique(concurrency)
    slopes = log_throughput - np.log(concurrency)
    return np.array(
        [(slopes[concurrency <= level].mean(), log_throughput[concurrency > level].mean()) for level in levels[:-1]]
        + [(slopes.mean(), log_throughput.max())]
    )


def _amdahl_peak(parameters: Floats) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore"):
        limit = parameters[:, 0] - np.log(parameters[:, 1])
    return np.full(len(parameters), np.inf), limit


def _usl_peak(parameters: Floats) -> tuple[Floats, Floats]:
    log_scale, contention, coherency = parameters.T
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(coherency > 0, np.maximum(np.sqrt((1 - contention) / coherency), 1.0), np.inf)
        limit = log_scale - np.log(contention)
    bounded = np.where(np.isfinite(place), place, 1.0)
    others = bounded - 1
    most = log_scale + np.log(bounded) - np.log1p(contention * others + coherency * bounded * others)
    return place, np.where(np.isfinite(place), most, limit)


def _usl_by_place(view: Floats) -> Floats:
    """From (log N_max, log g, a)."""
    parameters = np.empty(view.shape)
    parameters[:, 0], parameters[:, 1] = view[:, 1], view[:, 2]
    parameters[:, 2] = (1 - view[:, 2]) * np.exp(-2 * view[:, 0])
    return parameters


def _usl_by_most(view: Floats) -> Floats:
    """From (log X_max, a, log N_max)."""
    parameters = np.empty(view.shape)
    parameters[:, 0], parameters[:, 1] = 0.0, view[:, 1]
    parameters[:, 2] = (1 - view[:, 1]) * np.exp(-2 * view[:, 2])
    parameters[:, 0] = view[:, 0] - _usl_peak(parameters)[1]
    return parameters


def _usl_views() -> dict[str, View]:
    def at_peak(parameters: Floats) -> tuple[float, float]:
        place, most = _usl_peak(parameters[None])
        return float(np.log(place[0])), float(most[0])

    return {
        "N_max": View(
            (0.0, -_FAR, 0.0),
            (_FAR / 4, _FAR, 1.0),
            _usl_by_place,
            lambda parameters: np.array([at_peak(parameters)[0], parameters[0], parameters[1]]),
        ),
        "X_max": View(
            (-_FAR, 0.0, 0.0),
            (_FAR, 1.0, _FAR / 4),
            _usl_by_most,
            lambda parameters: np.array([at_peak(parameters)[1], parameters[1], at_peak(parameters)[0]]),
        ),
    }


_CAPPED_VIEWS = {
    "N_max": View(
        (-_FAR, -_FAR),
        (_FAR, _FAR),
        lambda view: np.column_stack([view[:, 1] - view[:, 0], view[:, 1]]),
        lambda parameters: np.array([parameters[1] - parameters[0], parameters[1]]),
    ),
    "X_max": View((-_FAR, -_FAR), (_FAR, _FAR), lambda view: view[:, ::-1], lambda parameters: parameters[::-1].copy()),
}

_AMDAHL_VIEWS = {
    "X_max": View(
        (-_FAR, _SMALLEST_SHARE),
        (_FAR, 1.0),
        lambda view: np.column_stack([view[:, 0] + np.log(view[:, 1]), view[:, 1]]),
        lambda parameters: np.array([parameters[0] - np.log(parameters[1]), parameters[1]]),
    )
}


LINEAR = Curve(
    "linear",
    "X = g N",
    ("g",),
    (True,),
    (-_FAR,),
    (_FAR,),
    _scaled(lambda _, concurrency: np.log(concurrency)),
    lambda concurrency, log_throughput: np.array([[float((log_throughput - np.log(concurrency)).mean())]]),
    _no_peak,
)
CAPPED = Curve(
    "linear with cap",
    "X = min(g N, cap)",
    ("g", "cap"),
    (True, True),
    (-_FAR, -_FAR),
    (_FAR, _FAR),
    lambda parameters, concurrency: np.minimum(parameters[:, :1] + np.log(concurrency), parameters[:, 1:2]),
    _capped_starts,
    lambda parameters: (np.exp(parameters[:, 1] - parameters[:, 0]), parameters[:, 1]),
    _CAPPED_VIEWS,
)
POWER = Curve(
    "power",
    "X = g N^c",
    ("g", "c"),
    (True, False),
    (-_FAR, 0.0),
    (_FAR, 1.0),
    _scaled(lambda shape, concurrency: shape[:, :1] * np.log(concurrency)),
    _started(lambda shape, concurrency: shape[:, :1] * np.log(concurrency), lambda _: [(0.2,), (0.8,)]),
    _no_peak,
)
AMDAHL = Curve(
    "Amdahl",
    "X = g N / (1 + a (N - 1))",
    ("g", "a"),
    (True, False),
    (-_FAR, 0.0),
    (_FAR, 1.0),
    _scaled(_amdahl_shape),
    _started(_amdahl_shape, lambda top: [(0.1 / top,), (1 / top,), (10 / top,), (0.3,)]),
    _amdahl_peak,
    _AMDAHL_VIEWS,
)
USL = Curve(
    "USL",
    "X = g N / (1 + a (N - 1) + b N (N - 1))",
    ("g", "a", "b"),
    (True, False, False),
    (-_FAR, 0.0, 0.0),
    (_FAR, 1.0, 1.0),
    _scaled(_usl_shape),
    _started(
        _usl_shape,
        lambda top: [(a, b / top**2) for a in (0.1 / top, 1 / top, 5 / top, 0.3) for b in (0.0, 0.3, 3.0, 30.0)],
    ),
    _usl_peak,
    _usl_views(),
)

CURVES = (LINEAR, CAPPED, POWER, AMDAHL, USL)
