"""Takes samples of a host until the run is over."""

from __future__ import annotations

import dataclasses
import json
import math
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from loadkit.measure.target import LOCAL, TargetSample
from loadkit.observe.fetch import FetchError
from loadkit.observe.local import LocalHost
from loadkit.observe.node import query, scrape
from loadkit.observe.reading import HostReading, between
from loadkit.observe.request import ObserveRequest

LOCAL_EVERY_S = 1.0
SCRAPE_EVERY_S = 2.0
"""node_exporter gathers for some ten milliseconds each time it is asked, which is part of what it sees."""


def observe(request: ObserveRequest) -> None:
    """Observe until standard input has a line with the run's start and end, or ends."""
    if request.instance:
        _tell_history(request)
        return
    if request.source == LOCAL:
        host = LocalHost(request.port, request.generator_pid)
        _sample(host.read, LOCAL_EVERY_S)
        _note(
            f"target's processes, by port {request.port}: {host.processes}"
            if host.processes
            else f"which processes listen on port {request.port} can't be told; root may see those of other users"
        )
        return
    failures = _sample(lambda: scrape(request.source, time.time()), SCRAPE_EVERY_S)
    for reason, count in failures.items():
        _note(f"{request.source} could not be read {count} time{'s' * (count != 1)}: {reason}")


def _tell_history(request: ObserveRequest) -> None:
    """Wait for the end of the run, and ask what Prometheus saw of it."""
    line = read_line()
    if not line:
        return
    run = json.loads(line)
    try:
        readings = query(request.source, request.instance, run["start_s"], run["end_s"])
    except FetchError as error:
        _note(f"{request.source} could not be read: {error}")
        return
    if len(readings) < 2:  # noqa: PLR2004 - a sample is what happened between two
        _note(
            f"Prometheus has {len(readings)} readings of {request.instance} during the run, and it takes 2: see that "
            "the name is right, and let the run last several scrape intervals"
        )
    for sample in samples_of(readings):
        _tell(sample)


def samples_of(readings: Iterable[HostReading]) -> Iterator[TargetSample]:
    """What happened between each reading and the next."""
    before: HostReading | None = None
    for after in readings:
        sample = None if before is None else between(before, after)
        if sample is not None:
            yield sample
        before = after


def _sample(read: Callable[[], HostReading], every_s: float) -> Counter[str]:
    """Take samples until the run is over; gives the reasons why some could not be taken."""
    failures: Counter[str] = Counter()
    before: HostReading | None = None
    next_s = time.monotonic()
    while not select.select([sys.stdin], [], [], max(next_s - time.monotonic(), 0.0))[0]:
        next_s = max(next_s + every_s, time.monotonic())
        try:
            after = read()
        except FetchError as error:
            failures[str(error)] += 1
            continue
        sample = None if before is None else between(before, after)
        if sample is not None:
            _tell(sample)
        before = after
    return failures


def read_line() -> bytes:
    """A line of standard input, and nothing beyond it, so that select tells of the next one."""
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        return raw.readline()


def _tell(sample: TargetSample) -> None:
    known = {name: value for name, value in dataclasses.asdict(sample).items() if not math.isnan(value)}
    _say({"sample": known})


def _note(text: str) -> None:
    _say({"note": text})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
