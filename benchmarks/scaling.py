"""One run spread over workers: how the rate grows, and that a message costs no more."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.receivers import Receiver, smtp_sink
from benchmarks.running import CORES, GENERATOR_CORE, Command, Finding, Spread, alternate, cpu_s, each_us, started
from benchmarks.spreading import at_rate, closed_loop, full_speed

WORKERS = (1, 2, 4, 8)
RATE_PER_S = 2000
SETTLE_S, STEADY_S = 2, 10
LOAD_S = SETTLE_S + STEADY_S + SETTLE_S
START_DEADLINE_S = 120.0
MOST_GROWTH = 1.05
MOST_DISTRIBUTED = 1.1
LEAST_SCALING = 1.8
CORES_NEEDED = 4  # two workers, the master and the receiver


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run took while its load was steady.

    Args:
        messages: How many the receiver counted.
        seconds: How long that was.
        cpu_s: CPU seconds of the master and all workers.
        receiver_cpu_s: Those of the receiver.
    """

    messages: int
    seconds: float
    cpu_s: float
    receiver_cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU per message in microseconds."""
        return self.cpu_s / self.messages * 1e6

    @property
    def rate_per_s(self) -> float:
        """Messages per second."""
        return self.messages / self.seconds


def measure(receiver: Receiver, command: Command, core: int | None) -> Taken:
    """Start a run and look at it twice while its load is steady: nine processes start up dearer than they send.

    Args:
        receiver: A sink that counts.
        command: A run of `LOAD_S`.
        core: The core of all its processes; None for all.
    """
    before = receiver.messages()
    with started(command, core=core) as process:
        deadline_s = time.monotonic() + START_DEADLINE_S
        while receiver.messages() == before:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"{' '.join(command)} sent nothing")
            time.sleep(0.05)
        looks = []
        for wait_s in (SETTLE_S, STEADY_S):
            time.sleep(wait_s)
            looks.append((receiver.messages(), time.monotonic(), cpu_s(process.pid), receiver.cpu_s()))
    return Taken(*(late - early for early, late in zip(*looks, strict=True)))


def compare_scaling(messages: int, rounds: int) -> list[Finding]:
    """Workers beside fewer workers, and beside one process without a master.

    Args:
        messages: How many a long run sends where it isn't by time.
        rounds: How often each number of workers is measured.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with smtp_sink(folder / "counts") as receiver:
            return [
                _distributed(receiver, folder, messages, rounds),
                *_cost(receiver, folder, rounds),
                *_rate(receiver, folder, rounds),
            ]


def _distributed(receiver: Receiver, folder: Path, messages: int, rounds: int) -> Finding:
    title = "CPU per message, master and 2 workers / one process"
    makes = [partial(closed_loop, receiver.port, folder, workers) for workers in (2, 0)]
    measures = [partial(each_us, make, (messages // 6, messages)) for make in makes]
    return Finding.ratio(title, list(alternate(title, rounds, measures)), MOST_DISTRIBUTED)


def _cost(receiver: Receiver, folder: Path, rounds: int) -> list[Finding]:
    """CPU per message, all on one core, so that what is compared is work and not caches.

    At a fixed total rate each of more workers has fewer messages to share a wake-up with. So the last run is of one
    worker at the rate that each of the most has: against it, only their number counts.
    """
    most = WORKERS[-1]
    title = f"CPU per message at {RATE_PER_S:,}/s"
    works = [*((workers, RATE_PER_S) for workers in WORKERS), (1, RATE_PER_S // most)]
    runs = [at_rate(receiver.port, folder, rate, workers, rate * LOAD_S) for workers, rate in works]
    measures = [partial(measure, receiver, command, GENERATOR_CORE) for command in runs]
    costs = [[taken.cpu_us for taken in each] for each in alternate(title, rounds, measures)]
    medians = [Spread.of([each[place] for each in costs]).median for place in range(len(works))]
    told = ", ".join(f"{workers}: {us:.0f} us" for workers, us in zip(WORKERS, medians, strict=False))
    alone = f"{title} by {most} workers / 1 at {RATE_PER_S // most:,}/s ({medians[-1]:.0f} us)"
    return [
        Finding.ratio(f"{title}, {most} workers / 1 ({told})", [(each[-2], each[0]) for each in costs], MOST_GROWTH),
        Finding.ratio(alone, [(each[-2], each[-1]) for each in costs], MOST_GROWTH),
    ]


def _rate(receiver: Receiver, folder: Path, rounds: int) -> list[Finding]:
    runs = [full_speed(receiver.port, folder, workers, LOAD_S) for workers in (1, 2)]
    measures = [partial(measure, receiver, command, None) for command in runs]
    pairs = list(alternate("total rate", rounds, measures))
    rate = Spread.of([two.rate_per_s / one.rate_per_s for one, two in pairs])
    by_cpu = Spread.of([2 * one.cpu_us / two.cpu_us for one, two in pairs])
    busy = Spread.of([two.receiver_cpu_s / two.seconds for _, two in pairs]).median
    speeds = [Spread.of([pair[place].rate_per_s for pair in pairs]).median for place in (0, 1)]
    detail = f"{speeds[1]:,.0f}/s against {speeds[0]:,.0f}/s; receiver {busy:.0%} of a core; {rounds} rounds"
    enough = len(CORES) >= CORES_NEEDED
    if not enough:
        detail += f"; only told, for two workers, master and receiver need {CORES_NEEDED} cores"
    return [
        Finding(
            "total rate, 2 workers / 1", rate.median, LEAST_SCALING, detail, not enough or rate.median >= LEAST_SCALING
        ),
        Finding(
            "messages per CPU second at full speed, 2 workers / 1, times 2",
            by_cpu.median,
            LEAST_SCALING,
            f"what the rate would be with a core for each; {by_cpu.low:.2f} to {by_cpu.high:.2f}",
            by_cpu.median >= LEAST_SCALING,
        ),
    ]
