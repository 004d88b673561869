"""How often an interval of 95 % holds the truth: simulated ladders of seven trials whose curve is known."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from benchmarks.running import Finding
from loadkit.analysis.scalability import ScalabilitySettings, fit_scalability

SETS, SCATTER = 500, 0.05
LEVELS = np.array([1.0, 18.0, 36.0, 72.0, 108.0, 144.0, 216.0])
SCALE, CONTENTION, COHERENCY = 90.0, 0.02773, 1.0437e-4
ASKED_AT = 50.0
LEAST, MOST = 0.93, 0.97


def usl(concurrency: float) -> float:
    """The true curve."""
    others = concurrency - 1
    return SCALE * concurrency / (1 + CONTENTION * others + COHERENCY * concurrency * others)


def held(sets: int, *, draws: int, first_seed: int = 0) -> Counter[str]:
    """How many of the sets have the truth in the interval, by what the interval is of.

    Args:
        sets: How many ladders are made up.
        draws: Draws of the bootstrap; the bands mean nothing with a few.
        first_seed: Seed of the first set; those after it count up.
    """
    peak = math.sqrt((1 - CONTENTION) / COHERENCY)
    truth = {"g": SCALE, "a": CONTENTION, "b": COHERENCY, "N_max": peak, "X_max": usl(peak)}
    curve = np.array([usl(level) for level in LEVELS])
    hits: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + sets):
        generator = np.random.default_rng(seed)
        seen = curve * np.exp(SCATTER * generator.standard_normal(len(LEVELS)))
        fit = fit_scalability(LEVELS, seen, settings=ScalabilitySettings(curve="USL", draws=draws, seed=seed))
        for one in (*fit.parameters, fit.n_max, fit.x_max):
            if one is not None:
                hits[one.name] += one.low <= truth[one.name] <= one.high
        band, there = fit.band([ASKED_AT]), usl(ASKED_AT)
        new = there * math.exp(SCATTER * generator.standard_normal())
        hits["confidence band"] += bool(band.confidence[0, 0] <= there <= band.confidence[1, 0])
        hits["prediction band"] += bool(band.prediction[0, 0] <= new <= band.prediction[1, 0])
    return hits


def compare_coverage() -> list[Finding]:
    """The shares of `SETS` sets, against the bounds of a 95 % interval."""
    hits = held(SETS, draws=400)
    detail = f"{LEAST:.0%} to {MOST:.0%} of {SETS} sets of {len(LEVELS)} trials"
    return [
        Finding(f"95 % interval of {name} holds the truth", count / SETS, LEAST, detail, LEAST <= count / SETS <= MOST)
        for name, count in hits.items()
    ]
