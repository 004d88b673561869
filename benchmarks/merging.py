"""What a master costs: reports of many workers with many histograms each, fed to the merger without sockets."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import msgpack
import numpy as np

from benchmarks.running import Finding
from loadkit.measure.merger import Merger
from loadkit.measure.records import Arrival, Batch, Gauges, OutcomeTable, RunPlan, Stage, Tx
from loadkit.measure.reporter import Reporter
from loadkit.measure.run_writer import RunFacts, RunWriter
from loadkit.measure.statistics import TRANSACTION_METRICS
from loadkit.measure.worker_report import WorkerReport

WORKERS, HISTOGRAMS, VALUES = 50, 1000, 10
SECONDS = 62  # long enough for the histograms to be written once
BOUND = 0.05

_KINDS = HISTOGRAMS // len(TRANSACTION_METRICS)


def master_share_of_core() -> float:
    """CPU of a master over time, with reports that change every histogram every second."""
    plan = RunPlan(
        "bench000",
        tuple(f"k{kind}" for kind in range(_KINDS)),
        (Stage("hold", 0, 1e6),),
        open_loop=True,
        started_at=1.7e9,
    )
    facts = RunFacts(plan, "bench", "smtp://127.0.0.1:25", 1, ("loadkit",), (), "", "")
    packed = [_reports(plan, worker) for worker in range(WORKERS)]
    with tempfile.TemporaryDirectory() as folder:
        merger = Merger(plan, WORKERS, RunWriter(Path(folder), facts))
        began_s = time.process_time()
        for second in range(SECONDS):
            for worker in range(WORKERS):
                data = msgpack.loads(packed[worker][second], raw=False, strict_map_key=False)
                merger.add(worker, WorkerReport.from_wire(data))
            merger.flush(range(WORKERS))
            merger.statistics().value("transaction_duration", {}, "p", 0.95)
        return (time.process_time() - began_s) / SECONDS


def _reports(plan: RunPlan, worker: int) -> list[bytes]:
    reports: list[bytes] = []
    reporter = Reporter(plan, OutcomeTable(), lambda report: reports.append(msgpack.dumps(report.to_wire())))
    chance = np.random.default_rng(worker)
    count = _KINDS * VALUES
    for second in range(SECONDS):
        rows = np.zeros((count, len(Tx)))
        rows[:, Tx.SEQ] = np.arange(count) + second * count
        rows[:, Tx.KIND] = np.arange(count) % _KINDS
        rows[:, Tx.INTENDED] = rows[:, Tx.RELEASED] = second + np.sort(chance.random(count)) * 0.5
        rows[:, Tx.STARTED] = rows[:, Tx.RELEASED] + chance.exponential(1e-3, count)
        rows[:, [Tx.MAIL, Tx.RCPT, Tx.DATA, Tx.DOT]] = chance.exponential(5e-3, (count, 4))
        rows[:, Tx.COMPLETED] = rows[:, Tx.STARTED] + rows[:, [Tx.MAIL, Tx.RCPT, Tx.DATA, Tx.DOT]].sum(axis=1)
        offered = rows[:, [Tx.INTENDED, Tx.KIND, Tx.STAGE]]
        assert offered.shape[1] == len(Arrival)
        reporter.add(Batch(Gauges(second + 1.0, 1, 20, 0), transactions=rows, offered=offered))
        reporter.flush(second + 1.0)
    return reports


def compare_merging() -> list[Finding]:
    """The master's share of a core against its bound."""
    share = master_share_of_core()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    title = f"master with {WORKERS} workers reporting {HISTOGRAMS:,} histograms of {VALUES} values a second, of a core"
    return [Finding(title, share, BOUND, f"{memory:,.0f} MiB", share < BOUND)]
