"""A run of a day, made up: a timeline of every second without anything having been sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support.recording import PLAN, MadeUpRun

from loadkit.measure.timeline import COUNTERS, GAUGES, LATENCIES

DAY_S = 86_400


def day_long_run(results_dir: Path) -> Path:
    """The folder of a run of 24 hours with two kinds, in which the load rises and falls once."""
    folder, _ = MadeUpRun(results_dir, plan=replace(PLAN, run_id="dayslong")).finish()
    random = np.random.default_rng(1)
    second = np.repeat(np.arange(DAY_S), 2)
    rate = 100 + 80 * np.sin(second / DAY_S * 2 * np.pi)
    columns: dict[str, Any] = {
        "second": second,
        "kind": np.tile(["note", "ad"], DAY_S),
        "stage": ["hold"] * second.size,
    }
    columns |= {name: random.poisson(rate) for name in COUNTERS}
    columns |= {name: random.uniform(0, 50, second.size).round() for name in GAUGES}
    columns |= {name: random.lognormal(-3, 1, second.size).round(6) for name in LATENCIES}
    pq.write_table(pa.table(columns), folder / "timeline.parquet")
    figures = {name: random.uniform(0, 0.3, DAY_S) for name in ("cpu_ratio", "lag_p99_s", "loop_stall_max_s")}
    pq.write_table(pa.table({"at_s": np.arange(DAY_S) + 1.0} | figures), folder / "generator.parquet")
    for name in ("run.json", "summary.json"):
        data = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(data | {"duration_s": float(DAY_S)}))
    return folder
