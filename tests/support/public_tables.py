"""Published measurements of throughput against concurrency, and what is known of them.

The tables are those of the R package usl (Stefan Möding, https://github.com/smoeding/usl), which also publishes fitted
values, residuals and coefficients in ``tests/*.Rout.save``.
"""

from __future__ import annotations

SDM91 = (
    [1.0, 18.0, 36.0, 72.0, 108.0, 144.0, 216.0],
    [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2],
)
"""SPEC SDM91 on a Sun SPARCcenter 2000: simulated users, scripts per hour. Retrograde."""
SDM91_USL = {"g": 89.9952, "a": 0.0277285, "b": 1.0437e-4}

RAYTRACER = (
    [1.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0, 48.0, 64.0],
    [20.0, 78.0, 130.0, 170.0, 190.0, 200.0, 210.0, 230.0, 260.0, 280.0, 310.0],
)
"""Ray tracer on an SGI Origin 2000 (Gunther, Guerrilla Capacity Planning, 2007): processors, rays per second."""
RAYTRACER_USL = {"g": 21.848843, "a": 0.057771, "b": 0.0}
