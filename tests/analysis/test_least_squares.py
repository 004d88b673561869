"""The solver against SciPy's, and at its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from loadkit.analysis.curves import USL
from loadkit.analysis.least_squares import Floats, Integers, jacobian, minimise

CONCURRENCY = np.geomspace(1, 200, 9)


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_scipy_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    wanted = USL.log_throughput(np.array([[4.0, 0.03, 1e-4]]), CONCURRENCY)[0] + 0.1 * generator.standard_normal(9)

    def residuals(parameters: Floats, _: Integers) -> Floats:
        missed: Floats = USL.log_throughput(parameters, CONCURRENCY) - wanted
        return missed

    box = USL.box(200)
    found, cost = minimise(residuals, USL.starts(CONCURRENCY, wanted), box).best()
    theirs = least_squares(
        lambda parameters: residuals(parameters[None], np.zeros(1, dtype=np.intp))[0],
        [4.0, 0.03, 1e-4],
        bounds=(box.lower, box.upper),
        x_scale=box.scale,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    assert cost == pytest.approx(2 * theirs.cost, rel=1e-6)
    assert found == pytest.approx(theirs.x, rel=1e-3, abs=1e-7)


def test_many_problems_at_once_are_each_solved_and_bounds_are_kept() -> None:
    targets = np.array([[0.5, -3.0], [2.0, 5.0], [-1.0, 0.2]])
    box = USL.box(10).without(0)

    def residuals(parameters: Floats, numbers: Integers) -> Floats:
        missed: Floats = parameters - targets[numbers]
        return missed

    found = minimise(residuals, np.full((3, 2), 0.5), box)
    assert found.parameters == pytest.approx(np.array([[0.5, 0.0], [1.0, 1.0], [0.0, 0.2]]), abs=1e-9)
    assert found.cost == pytest.approx([9.0, 17.0, 1.0])


def test_derivatives_at_a_bound_are_taken_inwards() -> None:
    box = USL.box(10).without(0)

    def residuals(parameters: Floats, _: Integers) -> Floats:
        missed: Floats = np.sqrt(1 - parameters)  # NaN beyond the bound
        return missed

    slopes = jacobian(residuals, np.array([0.5, 0.75]), box)
    assert slopes == pytest.approx(np.diag([-0.5 / np.sqrt(0.5), -0.5 / np.sqrt(0.25)]), rel=1e-5)
    assert np.isfinite(jacobian(residuals, np.array([1.0, 0.5]), box)).all()
